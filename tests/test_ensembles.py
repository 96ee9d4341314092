"""Cohorts from one print: searched once, the same in any number of processes, gone on from."""

import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest

from crlm import ledger
from crlm.reconstruction import ensemble, ensembles, wishes_of
from crlm.report import synthetic


@pytest.fixture(scope="module")
def less_print(tmp_path_factory):
    """NCCH with what it prints of its patients and of OS without models: a search of seconds."""
    data = tmp_path_factory.mktemp("data")
    shutil.copytree(ledger.data_folder(), data, dirs_exist_ok=True)
    path = data / "ncch_scp" / "published.csv"
    claims = pd.read_csv(path, dtype=str, keep_default_na=False)
    named = claims["id"].isin(wishes_of(ledger.load_design("ncch_scp"))["excluded"])
    left = named | claims["endpoint"].isin(["", "OS"]) & (claims["model"] == "")
    claims[left].to_csv(path, index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRLM_DATA", str(data))
        yield


@pytest.fixture(scope="module")
def two(less_print, tmp_path_factory):
    """The folder of an ensemble of two cohorts, searched one after the other; and what it holds."""
    folder = tmp_path_factory.mktemp("two")
    return folder, ensemble("ncch_scp", folder, size=2, effort=0.0005)


def test_an_ensemble_goes_on_and_tells_what_print_leaves_open(two, tmp_path):
    design = ledger.load_design("ncch_scp")
    shutil.copytree(two[0], tmp_path, dirs_exist_ok=True)
    first = (tmp_path / "1" / "cohort.csv").stat().st_mtime_ns
    seen = []
    held = ensemble("ncch_scp", tmp_path, size=3, effort=0.0005, watch=lambda *a: seen.append(a))
    assert [one[0] for one in seen] == [3]
    assert (tmp_path / "1" / "cohort.csv").stat().st_mtime_ns == first
    assert held == json.loads((tmp_path / "ensemble.json").read_text(encoding="utf-8"))
    assert held["cohorts"] == 3 and held["patients_in_common_percent"] < 5
    found = pd.DataFrame(held["quantities"])
    assert (found["min"] <= found["median"]).all() and (found["median"] <= found["max"]).all()
    # The median is printed for each RAS group, survival at whole years is not.
    of_os = set(found.loc[found["endpoint"] == "OS", "statistic"])
    assert "survival_rate" in of_os and "median_survival" not in of_os
    folder = tmp_path / "study"
    folder.mkdir()
    shutil.copy(tmp_path / "ensemble.json", folder)
    told, comparisons, curves = synthetic.ensemble(replace(design, folder=folder))
    assert told.text.startswith("3 cohorts")
    assert "proportional hazards" in comparisons.text and "3-year OS" in curves.text


def test_searches_side_by_side_give_the_same_cohorts(two, tmp_path):
    beside = tmp_path, ensemble("ncch_scp", tmp_path, size=2, effort=0.0005, workers=2)
    held = []
    for folder, told in (two, beside):
        tables = [folder / seed / name for seed in "12" for name in ("cohort.csv", "history.csv")]
        told = {name: value for name, value in told.items() if name != "seconds"}
        held.append([told, *(path.read_bytes() for path in tables)])
    assert held[0] == held[1] and held[0][1] != held[0][3]


def test_an_ensemble_says_which_it_is_and_does_not_take_one_for_the_other(two):
    folder, held = two
    assert held["unprinted"] == "drawn"
    told = json.loads((folder / "1" / "certificate.json").read_text("utf-8"))["settings"]
    assert told["unprinted"] == "drawn"
    note = (folder / "1" / "cohort.source.toml").read_text("utf-8")
    assert "--unprinted drawn" in note
    done = [ensembles._is_done(folder / "1", 1, 0.0005, draw) for draw in (True, False)]
    assert done == [True, False]


def test_a_certificate_without_a_word_on_correlations_is_of_a_search_that_drew_none():
    folder = ledger.data_folder() / "mskcc_hai"
    settings = json.loads((folder / "certificate.json").read_text("utf-8"))["settings"]
    asked = folder, settings["seed"], settings["effort"]
    assert [ensembles._is_done(*asked, draw) for draw in (True, False)] == [False, True]
