"""Whole notebooks on cohorts that nobody made them for: sections or one line each, no exception."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from crlm import cohort, endpoints, ledger
from tests import cells

STUDIES = ("ncch_scp", "mskcc_hai")


def own_table(study, seed=5):
    """The shipped patients as a hospital would have them: ready times, no history, own order."""
    design = ledger.load_design(study)
    patients = cohort.load(design.folder / "cohort.csv", design)
    history = cohort.load_history(design.folder / "history.csv", design)
    known = endpoints.timed(patients, history, design)
    known = known[[name for name in design.columns if name in known]]
    events = known.filter(regex="_event$")
    known = known.assign(**{name: events[name].astype("Int64") for name in events})
    return known.sample(frac=1, random_state=seed)


@pytest.fixture(scope="module", params=STUDIES)
def table(request):
    return request.param, own_table(request.param)


def report(study, frame, folder, monkeypatch, **values):
    path = folder / "own.csv"
    frame.to_csv(path, index=False)
    return cells.execute(study, monkeypatch, cohort_path=str(path), **cells.QUICK, **values)


def subsets(columns):
    """Each column away, pairs, half of them, all but the identifier; drawn from a fixed seed."""
    rng = np.random.default_rng(17)
    others = [name for name in columns if name != "patient_id"]
    found = [set(others), set(others) - {"os_months"}, set(others) - set(others[:3])]
    found += [set(rng.choice(others, 1)) for _ in range(2)]
    found += [set(rng.choice(others, 2, replace=False)) for _ in range(2)]
    found += [set(rng.choice(others, len(others) // 2, replace=False)) for _ in range(3)]
    times = {name for name in others if name.endswith(("_months", "_event"))}
    return [*found, times, set(others) - times]


@pytest.mark.parametrize("number", range(12))
def test_a_table_may_lack_columns(table, number, tmp_path, monkeypatch):
    study, frame = table
    gone = subsets(frame.columns)[number]
    kept = [name for name in frame.columns if name not in gone]
    if len(kept) < 2:
        pytest.skip("a table of identifiers alone is no table")
    try:
        # Chapter and painting take most of the time: a quarter of these tables has both.
        whole = number % 4 == 0
        values = {"reviewer_chapter": whole, "paint": whole}
        namespace, shown = report(study, frame[kept], tmp_path, monkeypatch, **values)
    except ledger.CohortError as error:
        assert len(str(error)) > 40
        return
    assert "own cohort" in shown.text
    results = namespace["paper"].results
    assert not results.duplicated(list(ledger.KEYS)).any()


def test_missing_exposures_have_a_denominator_of_their_own(table, tmp_path, monkeypatch):
    study, frame = table
    rng = np.random.default_rng(3)
    damaged = frame.copy()
    for name in ("ras", "kras", "hai", "kras_codon", "site_liver", "nodal_status"):
        if name in damaged:
            gone = rng.random(len(damaged)) < 0.15
            damaged[name] = damaged[name].astype(object).mask(gone)
    namespace, _ = report(study, damaged, tmp_path, monkeypatch)
    results = namespace["paper"].results
    assert not results.duplicated(list(ledger.KEYS)).any()
    totals = results[(results["group"] == "all") & (results["covariate"] == "site_liver")]
    assert len(set(totals["population"])) >= 2


#: What no reader can read: numbers that are none, empty brackets, a plural of one.
UNREADABLE = re.compile(
    r"\bnan\b|(?<![\w-])inf\b|––|\(, |, \)|HR –|OR –|\d,\d{3},\d{3}\.\d"
    r"|(?<![.\d])1 (?:patients|models|factors|characteristics|claims|ratios|events|point )"
)


def small_or_late(frame, kind, exposure):
    """Few patients, one of them exposed, or all under observation when most has happened."""
    if "kras" in frame:
        frame = frame[frame["kras"].notna()]
    if kind == "twelve patients":
        return frame.head(12)
    if kind == "all exposed":
        return frame[frame[exposure] == frame[exposure].cat.categories[1]]
    if kind == "one exposed":
        first = frame[exposure].cat.categories[0]
        return pd.concat([frame[frame[exposure] == first], frame[frame[exposure] != first].head(1)])
    return frame.assign(entry_months=(0.9 * frame["rfs_months"]).round(2))


@pytest.mark.parametrize("kind", ["twelve patients", "one exposed", "all exposed", "all late"])
def test_few_patients_and_late_ones_end_with_sentences(table, kind, tmp_path, monkeypatch):
    study, frame = table
    exposure = ledger.load_design(study).exposure
    frame = small_or_late(frame[frame["os_months"].notna()], kind, exposure)
    _, shown = report(study, frame, tmp_path, monkeypatch, entered_late="drop")
    found = {m.group(): m.string for m in map(UNREADABLE.search, shown.text.splitlines()) if m}
    assert not found


def test_each_end_of_each_range_ends_with_a_report(monkeypatch):
    """No value that the parameter cell allows may stop a run in its middle."""
    ends = {
        "entry_p": 0.0,
        "stay_p": 0.0,
        "landmark_months": 0.0,
        "tau_months": 0.001,
        "bootstrap_samples": 0,
        "specifications": 0,
        "permutations": 1,
        "seed": 0,
    }
    _, shown = cells.execute("mskcc_hai", monkeypatch, **{**cells.QUICK, **ends})
    assert "No combinations of choices were asked for." in shown.text
    assert "No resamples were asked for." in shown.text
    far = {"entry_p": 1.0, "landmark_months": 500.0, "tau_months": 1000.0, "seed": 10**20}
    far |= {"cea_cutoff": 1e9, "short_scp_months": 500.0, "size_cutoff": 0.0}
    _, shown = cells.execute("ncch_scp", monkeypatch, **{**cells.QUICK, **far})
    assert "cea cutoff 1000000000 (paper 100)" in shown.text


@pytest.mark.parametrize("kind", ["late", "no events in a group", "twenty patients", "ties"])
def test_odd_cohorts_end_with_a_report(table, kind, tmp_path, monkeypatch):
    study, frame = table
    exposure = ledger.load_design(study).exposure
    frame = frame[frame["os_months"].notna()].copy()
    if kind == "late":
        late = np.random.default_rng(1).random(len(frame)) < 0.4
        frame["entry_months"] = np.where(late, (frame["rfs_months"] / 2).round(2), np.nan)
    elif kind == "no events in a group":
        alive = (frame[exposure] == frame[exposure].cat.categories[1]).to_numpy()
        for name in [n for n in frame if n.endswith("_event")]:
            frame.loc[alive, name] = 0
        sites = [n for n in frame if n.startswith("site_")]
        frame.loc[alive, sites] = np.nan
        frame.loc[alive, [n for n in frame if n.startswith("os_after")]] = np.nan
    elif kind == "twenty patients":
        frame = frame[frame["rfs_event"].ne(1).cumsum().gt(0)].head(20)
    else:
        for name in [n for n in frame if n.endswith("_months") and n != "dfi_months"]:
            frame[name] = np.ceil(frame[name] / 6) * 6
        gap = frame["os_months"] - frame["rfs_months"]
        after = "os_after_recurrence_months"
        frame[after] = gap.where(frame[after].notna())
    namespace, shown = report(study, frame, tmp_path, monkeypatch, entered_late="drop")
    assert "own cohort" in shown.text
    assert "same print" not in shown.text, "nothing of the synthetic cohorts beside real patients"
    assert len(namespace["paper"].results)
