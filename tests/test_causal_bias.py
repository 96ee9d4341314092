"""Worlds with a known truth: what the naive analysis gets wrong, and that wrong is possible."""

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crlm import ledger

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import bias
import bias_marks
import bias_worlds as worlds

WORLDS = sorted(bias.MARKS)
COHORTS = 5


@cache
def found(world):
    """What the analyses of a few cohorts gave, as rows of the benchmark."""
    truth = bias.truths(world)
    return pd.DataFrame(
        bias.record(world, bias.N, k, name, row, truth)
        for k in range(COHORTS)
        for name, row in bias.analyse(world, bias.cohort(world, k), k)
    )


def distance(world, name):
    """How many errors the mean of an analysis lies from the truth."""
    rows = found(world)
    rows = rows[rows["analysis"] == name]
    assert len(rows) == COHORTS
    error = (rows["conf_high"] - rows["conf_low"]).mean() / (2 * 1.96) / np.sqrt(COHORTS)
    return float(rows["estimate"].mean() - rows["truth"].astype(float).mean()) / error


# ---- truths ----------------------------------------------------------------------


@pytest.mark.parametrize(("world", "points"), [(1, 8.44), (5, 8.26), (11, 8.34), (12, 0.0)])
def test_truths_are_those_of_another_program(world, points):
    assert bias.truths(world)["RD"] == pytest.approx(points, abs=0.02)


def test_truths_in_closed_form():
    assert bias.truths(3)["RFS"] == pytest.approx(33.49, abs=0.005)
    assert bias.truths(4)["OS"] == pytest.approx(60.05, abs=0.005)
    assert bias.truths(6)["liver"] == pytest.approx(35.82, abs=0.005)
    assert bias.truths(10)["RDs"] == pytest.approx(2.49, abs=0.02)


def test_the_truth_of_p_nac():
    # A formula without simulation, checked by it.
    rng = np.random.default_rng(8)
    n = 1_000_000
    recurs = rng.exponential(1 / 0.08, n)
    beyond = rng.random(n) < np.where(recurs < 6, 0.5, 0.4)
    until = np.where(beyond, rng.uniform(0, 1.25, n), rng.exponential(1 / 0.04, n))
    share = 100 * (recurs + until < 6).mean()
    assert bias.truths(8)["failure"] == pytest.approx(share, abs=0.15)


def test_the_truth_of_the_strategies(monkeypatch):
    # With a grace of three months nobody starts later, which another program computed.
    monkeypatch.setattr(worlds, "GRACE", 3.0)
    assert worlds.strategies_truth(36.0) == pytest.approx(9.09, abs=0.005)
    # A formula without simulation, checked by it: "start" against "do not start by month 2".
    monkeypatch.setattr(worlds, "GRACE", 2.0)
    rng = np.random.default_rng(1)
    n = 400_000
    planned = rng.random(n) < 0.6
    late = np.where(planned, rng.uniform(1, 3, n), np.inf)

    def survive(start):
        course = -0.045 * (np.minimum(start, 36) + 0.75 * np.maximum(36 - start, 0))
        return np.exp(course).mean()

    own = np.where(late <= 2, late, 2.0)
    kept = late[late > 2]
    expected = 100 * (survive(own) - survive(kept))
    assert worlds.strategies_truth(36.0) == pytest.approx(expected, abs=0.1)


# ---- a few cohorts of each world ------------------------------------------------------


@pytest.mark.parametrize("world", WORLDS)
def test_named_analyses_find_the_truth_in_a_few_cohorts(world):
    for name in bias.MARKS[world][0]:
        if name not in bias_marks.BOUNDS:
            assert abs(distance(world, name)) < 3
    rows = found(world)
    named = rows[rows["analysis"].isin(bias.MARKS[world][0])]
    assert (named["conf_low"] < named["conf_high"]).all()


@pytest.mark.parametrize("world", [1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_naive_analyses_are_far_off(world):
    assert abs(distance(world, bias.MARKS[world][1])) > 3


@pytest.mark.parametrize("world", [w for w in WORLDS if bias.MARKS[w][2]])
def test_the_warning_of_a_world_is_raised(world):
    rows = found(world)
    flag = rows[rows["analysis"] == f"flag {bias.MARKS[world][2]}"]
    assert flag["estimate"].tolist() == [1.0] * COHORTS


@pytest.mark.parametrize("world", WORLDS)
def test_every_flag_is_one_of_the_ledger(world):
    names = found(world)["analysis"]
    flags = set(names[names.str.startswith("flag ")].str.removeprefix("flag "))
    assert flags and flags <= set(ledger.FLAGS)


def test_a_world_without_bias_raises_no_warning():
    rows = found(12)
    flags = rows[rows["analysis"].str.startswith("flag")]
    asked = {"indication", "overlap", "era", "immortal", "proportional hazards"}
    assert set(flags["analysis"].str.removeprefix("flag ")) == asked
    assert not flags["estimate"].any()


def test_the_truth_lies_between_record_and_recurrence():
    rows = found(8).set_index("analysis")
    low, high = (rows.loc[f"{name} failure"] for name in ("record", "recurrence bound"))
    truth = bias.truths(8)["failure"]
    assert low["estimate"].mean() + 2 < truth < high["estimate"].mean()
    between = rows.loc["record to recurrence bound failure"]
    assert between["conf_low"].tolist() == low["conf_low"].tolist()
    assert between["conf_high"].tolist() == high["conf_high"].tolist()


def test_nobody_recurs_between_visits_and_history_is_whole():
    frame = bias.cohort(7, 0)
    seen = frame.loc[frame["event"], "time"]
    assert (np.abs(seen - 4 * np.round(seen / 4)) <= 0.4).all()
    patients, history = bias.cohort(8, 0)
    counts = history["event"].value_counts()
    assert counts["hepatectomy"] == counts["last_contact"] == len(patients) == bias.N
    assert counts["assessment"] <= counts["p_nac"] < counts["recurrence"]


def test_differences_between_groups_are_noise():
    rows = found(10)
    rows = rows[rows["analysis"] == "difference of RDs"]
    # The standard error is near 8.5 points: here a large difference is noise.
    error = (rows["conf_high"] - rows["conf_low"]).mean() / (2 * 1.96)
    assert error == pytest.approx(8.5, abs=1)


# ---- a wrong answer has to be possible ------------------------------------------------


@pytest.mark.parametrize(
    ("world", "wrong", "right"),
    [
        (2, "ever RD", "clones RD"),
        (5, "without the year RD", "overlap RD"),
        (9, "without outcome imputed extrahepatic HR", "imputed extrahepatic HR"),
    ],
)
def test_an_analysis_without_what_it_needs_fails(world, wrong, right):
    assert wrong in bias_marks.WRONG
    rows = found(world).set_index("analysis")
    shift = rows.loc[wrong, "estimate"].to_numpy() - rows.loc[right, "estimate"].to_numpy()
    error = (rows.loc[right, "conf_high"] - rows.loc[right, "conf_low"]).mean() / (2 * 1.96)
    # In every cohort to the same side, and by more than the error of one cohort.
    assert len(set(np.sign(shift))) == 1 and abs(shift.mean()) > error


# ---- the benchmark itself -------------------------------------------------------------


def test_a_benchmark_goes_on_where_it_ended(tmp_path):
    path = tmp_path / "bias.csv"
    bias.run([11], range(1), 200, path)
    first = path.read_bytes()
    bias.run([11], range(1), 200, path)
    assert path.read_bytes() == first
    bias.run([11], range(2), 200, path)
    assert path.read_bytes().startswith(first)
    rows = pd.read_csv(path)
    assert set(rows["cohort"]) == {0, 1}
    told = bias.summary(path).set_index("analysis")
    assert told.loc["overlap RD", "cohorts"] == 2 and told.loc["overlap RD", "role"] == "named"
    again = tmp_path / "again.csv"
    bias.run([11], range(2), 200, again)
    assert again.read_bytes() == path.read_bytes()


def judged(world, name, cohorts):
    """The marks of some made-up cohorts, each an estimate with limits and a truth."""
    keys = {"world": world, "n": bias.N, "analysis": name}
    rows = pd.DataFrame([{**keys, "cohort": k, **row} for k, row in enumerate(cohorts)])
    return rows


def marks_of(tmp_path, *parts):
    path = tmp_path / "rows.csv"
    pd.concat(parts).to_csv(path, index=False)
    told = bias.marks(bias.summary(path))
    return told.set_index(["mark", "world"])["met"].to_dict()


def limits(covered, of, truth=1.0):
    """Estimates round a truth, of which so many have limits that hold it."""
    row = {"truth": truth, "estimate": truth}
    wide, narrow = {"conf_low": 0.0, "conf_high": 2.0}, {"conf_low": 1.5, "conf_high": 2.0}
    shifts = [0.1 * (-1) ** k for k in range(of)]
    return [
        {**row, "estimate": truth + shift, **(wide if k < covered else narrow)}
        for k, shift in enumerate(shifts)
    ]


def raised(times, of):
    return [{"estimate": float(k < times)} for k in range(of)]


@pytest.mark.parametrize(
    ("covered", "naive", "due", "false", "met"),
    [
        (95, 79, 90, 5, ["yes", "yes", "yes", "yes"]),
        (92, 81, 89, 6, ["no", "no", "no", "no"]),
        (98, 0, 100, 0, ["no", "yes", "yes", "yes"]),
    ],
)
def test_marks_are_met_or_not(tmp_path, covered, naive, due, false, met):
    parts = [judged(4, "late entry OS", limits(5 * covered, 500))]
    parts += [
        judged(world, bias.MARKS[world][1], limits(naive, 100)) for world in (1, 2, 3, 4, 6, 7, 8)
    ]
    parts.append(judged(4, "flag late tests", raised(due, 100)))
    parts.append(judged(12, "flag era", raised(false, 100)))
    parts.append(judged(12, "flag few events", raised(100, 100)))
    told = marks_of(tmp_path, *parts)
    by_mark = {mark: ok for (mark, _), ok in told.items()}
    assert [by_mark[mark] for mark in "abcd"] == met
    assert by_mark["e"] == "yes"


def test_a_mean_off_the_truth_is_a_mark_missed(tmp_path):
    rows = judged(4, "late entry OS", limits(475, 500))
    told = marks_of(tmp_path, rows.assign(estimate=rows["estimate"] + 0.04))
    assert told[("a", 4)] == "yes" and told[("e", 4)] == "no"


def test_coverage_of_few_cohorts_is_not_judged(tmp_path):
    told = marks_of(tmp_path, judged(4, "late entry OS", limits(475, 499)))
    assert told[("a", 4)] == "not judged" and told[("e", 4)] == "yes"


def test_a_bound_may_cover_always(tmp_path):
    name = "record to recurrence bound failure"
    told = marks_of(tmp_path, judged(8, name, limits(500, 500)))
    assert told[("a", 8)] == "yes" and ("e", 8) not in told


def test_the_committed_table_is_what_its_marks_are_of():
    folder = Path(bias.__file__).parent
    table = pd.read_csv(folder / "bias.csv")
    assert set(table["world"]) == set(WORLDS)
    told = bias.marks(table).round(4)
    kept = pd.read_csv(folder / "bias_marks.csv")
    assert told["met"].tolist() == kept["met"].tolist()
    assert told["found"].tolist() == pytest.approx(kept["found"].tolist(), abs=2e-3)
