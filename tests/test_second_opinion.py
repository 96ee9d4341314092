"""Other programs give the numbers of this house, and a wrong number is seen."""

import numpy as np
import pandas as pd
import pytest

from crlm import lent, regression, second_opinion, survival
from crlm.ledger import load_design
from crlm.report import readings, tables


@pytest.fixture(params=["plain", "late", "missing"])
def frame(request):
    rng = np.random.default_rng(4)
    n = 120
    arm = rng.integers(2, size=n)
    time = np.ceil(rng.exponential(30, n) / (1 + arm))
    made = pd.DataFrame(
        {
            "time": time,
            "event": rng.random(n) < 0.7,
            "arm": pd.Categorical.from_codes(arm, ["no", "yes"]),
            "age": rng.normal(60, 10, n),
            "endpoint": "OS",
        }
    )
    if request.param == "late":
        made["entry"] = np.where(rng.random(n) < 0.3, made["time"] / 3, 0.0)
    if request.param == "missing":
        made.loc[:9, "age"] = np.nan
        made.loc[5:14, "arm"] = np.nan
    return made


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_models_agree(frame, ties):
    rows = regression.cox(frame, ["arm", "age"], ties=ties)
    found = second_opinion.models(frame, ["arm", "age"], rows, ties=ties)
    programs = {"efron": {"statsmodels", "lifelines"}, "breslow": {"statsmodels"}}
    assert set(found["program"]) == programs[ties]
    assert len(found) == 2 * len(programs[ties]) and (found["difference"] < 1e-5).all()


def test_curves_agree(frame):
    rows = survival.summary(frame, "arm", times=[6, 12])
    found = second_opinion.curves(frame, "arm", rows)
    tests = 0 if "entry" in frame else 1
    assert len(found) == 6 + tests and (found["difference"] < 1e-9).all()


def test_a_wrong_number_is_seen(frame):
    rows = survival.summary(frame, "arm", times=[12])
    wrong = rows["statistic"] == "survival_rate"
    rows.loc[wrong, "estimate"] *= 1.001
    found = second_opinion.curves(frame, "arm", rows)
    assert found["difference"].max() == pytest.approx(0.001, rel=0.01)


def test_what_another_program_cannot_do_ends_no_report(frame, monkeypatch):
    """lifelines refuses curves that fall to zero while few have entered."""
    frame["entry"] = 0.9 * frame["time"]
    frame["event"] = True
    rows = survival.summary(frame, "arm", times=[12])
    found = second_opinion.curves(frame, "arm", rows)
    assert len(found) == 4 and found["there"].isna().any()
    for name in ("_statsmodels", "_lifelines"):
        monkeypatch.setattr(second_opinion, name, lambda *_: 1 / 0)
    rows = regression.cox(frame, ["arm"])
    found = second_opinion.models(frame, ["arm"], rows, ties="efron")
    assert found["here"].notna().all() and found["there"].isna().all()
    design = load_design("mskcc_hai")
    assert "give none of these numbers" in readings.second_opinion(found, design, [])
    assert "nan" not in tables.second_opinion_table(found, design).text


def test_a_median_that_is_not_reached_has_no_digits():
    found = pd.DataFrame(
        [["OS", "all", "median", "hai=no", "lifelines", np.nan, np.inf, np.nan]],
        columns=second_opinion.COLUMNS,
    )
    text = tables.second_opinion_table(found, load_design("mskcc_hai")).text
    assert text.count("not reached") == 2 and "inf" not in text


def test_rows_of_some_patients_are_named_by_them(frame):
    whole = regression.cox(frame, ["arm"])
    part = regression.cox(frame, ["arm"], population="kras=mutant")
    pair = [second_opinion.models(frame, ["arm"], rows, ties="efron") for rows in (whole, part)]
    curves = survival.summary(frame, "arm", times=[12], population="kras=mutant")
    pair.append(second_opinion.curves(frame, "arm", curves))
    made = tables.second_opinion_table(pd.concat(pair), load_design("mskcc_hai"))
    names = [(line.cells[0], line.cells[1]) for line in made.piece.body]
    assert len(set(names)) == len(names)
    assert sum("among KRAS mutant" in name for name, _ in names) == len(pair[1]) + len(pair[2])


@pytest.mark.parametrize("rule", ["first", "midpoint"])
def test_what_is_left_out_is_said(frame, rule):
    """Late entry, midpoint medians and Breslow ties each take numbers away."""
    rows = survival.summary(frame, "arm", times=[12], median_rule=rule)
    found = second_opinion.curves(frame, "arm", rows)
    late = "entry" in frame
    told = " ".join(second_opinion.left_out(ties="breslow", median_rule=rule, late=late))
    assert ("median" in set(found["quantity"])) == ("midpoint" not in told)
    assert ("log-rank chi-square" in set(found["quantity"])) == ("log-rank" not in told)
    assert "Breslow" in told


def test_other_programs_curves_do_not_wait_for_the_rows_of_the_report(frame, tmp_path, monkeypatch):
    """Whoever works ahead of the report has them before any curve stands in it."""
    rows = survival.summary(frame, "arm", times=[6])
    alone = second_opinion.curves(frame, "arm", rows)
    for name, value in lent.told([str(tmp_path)], str(tmp_path)).items():
        monkeypatch.setenv(name, value)
    assert second_opinion.curves(frame, "arm", rows[:0]).empty
    monkeypatch.setattr(second_opinion, "_fitted", lambda *_: 1 / 0)
    pd.testing.assert_frame_equal(second_opinion.curves(frame, "arm", rows), alone)
