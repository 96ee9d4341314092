"""Worlds with a known truth: what the naive analysis gets wrong, and that wrong is possible."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crlm import causal, missing, regression

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import bias


@pytest.mark.parametrize(("world", "points"), [(1, 8.44), (5, 8.26), (11, 8.34), (12, 0.0)])
def test_truths_are_those_of_another_program(world, points):
    assert bias.truths(world)["RD"] == pytest.approx(points, abs=0.02)


def test_truths_of_testing_and_of_two_groups():
    assert bias.truths(3)["RFS"] == pytest.approx(33.49, abs=0.005)
    assert bias.truths(4)["OS"] == pytest.approx(60.05, abs=0.005)
    assert bias.truths(10)["RDs"] == pytest.approx(2.49, abs=0.02)


@pytest.mark.parametrize("world", [3, 4])
def test_the_tested_alone_mislead_and_the_flag_says_so(world):
    named, naive, raised = bias.MARKS[world]
    values = []
    for k in range(5):
        found = dict(bias.analyse(world, bias.cohort(world, k), k))
        assert found[f"flag {raised}"]["estimate"] == 1
        values.append([found[name]["estimate"] for name in (*named, naive)])
    right, wrong = np.mean(values, axis=0)
    truth = bias.truth_of(naive, bias.truths(world))
    assert abs(right - truth) < 3 and abs(wrong - truth) > 6


def test_differences_between_groups_are_underpowered_and_unbiased():
    values = []
    for k in range(3):
        found = dict(bias.analyse(10, bias.cohort(10, k), k))
        assert found["flag underpowered"]["estimate"] == 1
        row = found["difference of RDs"]
        values.append(row["conf_high"] - row["estimate"])
    # The standard error is near 8.5 points: here a large difference is noise.
    assert np.mean(values) / 1.96 == pytest.approx(8.5, abs=2)


def test_the_truth_of_the_strategies(monkeypatch):
    # With a grace of three months nobody starts later, which another program computed.
    monkeypatch.setattr(bias, "GRACE", 3.0)
    assert bias.strategies_truth(36.0) == pytest.approx(9.09, abs=0.005)
    # A formula without simulation, checked by it: "start" against "do not start by month 2".
    monkeypatch.setattr(bias, "GRACE", 2.0)
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
    assert bias.strategies_truth(36.0) == pytest.approx(expected, abs=0.1)


def test_a_benchmark_goes_on_where_it_ended(tmp_path):
    path = tmp_path / "bias.csv"
    bias.run([11], 1, 200, path)
    first = path.read_bytes()
    bias.run([11], 1, 200, path)
    assert path.read_bytes() == first
    bias.run([11], 2, 200, path)
    assert path.read_bytes().startswith(first)
    rows = pd.read_csv(path)
    assert set(rows["cohort"]) == {0, 1}
    told = bias.summary(path).set_index("analysis")
    assert told.loc["overlap RD", "cohorts"] == 2 and told.loc["overlap RD", "role"] == "named"
    again = tmp_path / "again.csv"
    bias.run([11], 2, 200, again)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("world", [1, 5])
def test_the_flag_is_raised_and_the_naive_ratio_is_off(world):
    ratios = []
    for k in range(5):
        found = dict(bias.analyse(world, bias.cohort(world, k), k))
        assert found[f"flag {bias.MARKS[world][2]}"]["estimate"] == 1
        assert found["flag immortal"]["estimate"] == 0
        ratios.append(
            [np.log(found[name]["estimate"]) for name in ("paper HR", "doubly robust HR")]
        )
    naive, robust = np.mean(ratios, axis=0)
    assert abs(robust - bias.BETA) < 0.15 < abs(naive - bias.BETA)


def test_a_fair_world_without_effect_raises_no_flag():
    for k in range(5):
        found = dict(bias.analyse(12, bias.cohort(12, k), k))
        assert [
            name for name, row in found.items() if name.startswith("flag") and row["estimate"]
        ] == []


def test_ever_treated_is_immortal_and_the_clones_are_not():
    ever, clones, late = [], [], []
    for k in range(6):
        frame = bias.cohort(2, k)
        rows = causal.time_dependent(frame, "hai", "hai_start_months", bias.SHORT)
        assert dict(bias.flags(rows))["flag immortal"]["estimate"] == 1
        model = causal.propensity(frame, "hai", bias.SHORT)
        late.append(bias.one(rows[rows["model"] == "time dependent"], "hazard_ratio")["estimate"])
        naive = causal.weighted_effects(frame, "hai", model, times=[36], samples=0)
        ever.append(bias.one(naive, "risk_difference")["estimate"])
        found = causal.strategies(
            frame, "hai", "hai_start_months", bias.SHORT, grace=bias.GRACE, times=[36], samples=0
        )
        clones.append(bias.one(found, "risk_difference")["estimate"])
    # A wrong answer has to be possible: by ever-HAI the difference is far too large.
    assert np.mean(ever) - bias.truths(2)["RD"] > 3.5
    assert np.mean(clones) == pytest.approx(bias.truths(2)["RD"], abs=3.5)
    assert np.log(late).mean() == pytest.approx(bias.BETA, abs=0.12)


def test_without_the_year_the_difference_of_eras_is_taken_for_an_effect():
    differences = {"with": [], "without": []}
    for k in range(6):
        frame = bias.cohort(5, k)
        for name, terms in (("with", bias.TERMS), ("without", bias.TERMS[:-1])):
            model = causal.propensity(frame, "hai", terms)
            rows = causal.weighted_effects(frame, "hai", model, times=[60], samples=0)
            differences[name].append(bias.one(rows, "risk_difference")["estimate"])
    truth = bias.truths(5)["RD"]
    assert abs(np.mean(differences["with"]) - truth) < 6 < np.mean(differences["without"]) - truth


def test_without_event_and_hazard_imputation_dilutes_what_is_missing():
    found = {"with": [], "without": []}
    for k in range(4):
        frame = bias.cohort(9, k)
        for name, outcomes in (("with", None), ("without", {})):
            tables = missing.impute(
                frame,
                [*bias.TERMS, ("hai", "factor")],
                5,
                k,
                exposure="hai",
                outcomes=outcomes,
                cycles=1,
            )
            fits = [regression.cox(table, bias.PAPER) for table in tables]
            row = bias.one(missing.pool(fits, len(frame), 5), "hazard_ratio", "extrahepatic")
            found[name].append(np.log(row["estimate"]))
    assert np.mean(found["with"]) > 0.8 > 0.65 > np.mean(found["without"])


def test_complete_cases_turn_the_effect_of_hai_round():
    complete, whole = [], []
    for k in range(4):
        found = dict(bias.imputed(bias.cohort(9, k), k))
        assert found["flag missing"]["estimate"] == 1
        complete.append(np.log(found["complete case HR"]["estimate"]))
        whole.append(np.log(found["imputed HR"]["estimate"]))
    assert np.mean(complete) > 0.05 and np.mean(whole) == pytest.approx(bias.BETA, abs=0.12)
