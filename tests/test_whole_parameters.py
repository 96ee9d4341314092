"""Every parameter of a notebook moves its rows, and the ones that need a special table do there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crlm import ledger
from tests import cells
from tests.test_whole_reports import STUDIES, own_table, report


def parameters_of(study):
    from crlm import parameters

    return parameters.declared_in(cells.ROOT / "notebooks" / f"{study}.ipynb")


#: Another value of each parameter, under which rows must move.
OTHER = {
    "short_scp_months": 18.0,
    "short_scp_censored": "short",
    "death_without_failure": "event",
    "age_cutoff": 65.0,
    "cea_cutoff": 20.0,
    "ca199_cutoff": 37.0,
    "size_cutoff": 3.0,
    "dfi_cutoff": 6.0,
    "crs_cutoff": 4.0,
    "entry_p": 0.3,
    "stay_p": 0.3,
    "univariable_p": "score",
    "conf_type": "log",
    "median_rule": "midpoint",
    "landmark_months": 9.0,
    "tau_months": 24.0,
    "bootstrap_samples": 4,
    "specifications": 7,
    "effect_forms": "competing",
    "permutations": 6,
    "seed": 2,
    "safe": 5,
}
FILES = {"cohort_path", "history_path", "codebook_path", "output_dir"}
#: Parameters of the reviewer's chapter: that they reach its rows is held in test_chapter_*.
CHAPTER = {
    "reviewer_chapter",
    "horizon_months",
    "min_at_risk",
    "grace_weeks",
    "assumed_start_months",
    "era_from",
    "weight_cap",
    "imputations",
    "prior_sd",
    "visit_months",
    "chapter_samples",
    "chapter_patients",
    "controlled_unresectable",
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Where runs find what others made of the very same things, as in a batch."""
    return tmp_path_factory.mktemp("shelf")


def rows_by_cell(study, monkeypatch, shelf, **values):
    """The rows that there are after each cell; sections add to them and take nothing back."""
    values = {**cells.QUICK, "reviewer_chapter": False, **values}
    for namespace, _ in cells.running(study, monkeypatch, shelf, paint=False, **values):
        yield namespace["paper"].results if "paper" in namespace else pd.DataFrame()


@pytest.mark.parametrize("study", STUDIES)
def test_no_parameter_is_without_effect(study, shelf, monkeypatch):
    before = list(rows_by_cell(study, monkeypatch, shelf))
    idle = []
    for name, declared in parameters_of(study).items():
        if name in FILES | CHAPTER or name in ("entered_late", "median_rule"):
            continue
        other = OTHER.get(name)
        if name == "ties":
            other = {"efron": "breslow", "breslow": "efron"}[declared.default]
        if name == "number_cutoff":
            other = declared.default - 1
        after = rows_by_cell(study, monkeypatch, shelf, **{name: other})
        # A run is left at its first cell with other rows.
        if all(old.equals(new) for old, new in zip(before, after, strict=True)):
            idle.append(name)
    assert idle == []


def test_the_median_rule_and_late_entry_have_their_effect(tmp_path, monkeypatch):
    """They need a curve that is flat at one half, and patients who entered after an event."""
    frame = own_table("mskcc_hai").dropna(subset=["os_months", "kras"]).head(8).copy()
    frame["os_months"] = frame["rfs_months"] = np.arange(10.0, 90.0, 10.0)
    frame["os_event"] = frame["rfs_event"] = [1, 1, 1, 1, 0, 0, 0, 0]
    frame = frame[["patient_id", "kras", "hai", "os_months", "os_event", "rfs_months", "rfs_event"]]
    values = {"study": "mskcc_hai", "frame": frame, "folder": tmp_path, "monkeypatch": monkeypatch}
    values |= {"reviewer_chapter": False, "paint": False}
    first = report(**values)[0]["paper"].results
    second = report(**values, median_rule="midpoint")[0]["paper"].results
    assert not first.equals(second)
    frame["rfs_months"] = 5.0
    frame["rfs_event"] = 1
    frame["entry_months"] = [6.0, *[np.nan] * 7]
    with pytest.raises(ledger.CohortError):
        report(**values)
    dropped = report(**values, entered_late="drop")[0]["paper"].frames
    assert len(dropped["RFS"]) == len(dropped["OS"]) - 1


def test_follow_up_obeys_the_conventions(shelf, monkeypatch):
    def told(**values):
        for rows in rows_by_cell("mskcc_hai", monkeypatch, shelf, **values):
            if len(rows) and (rows["statistic"] == "median_follow_up").any():
                return rows[rows["statistic"] == "median_follow_up"].reset_index(drop=True)

    assert not told().equals(told(conf_type="log"))
