"""The call that a report says to add computes the claim that lacked it."""

import math

import pandas as pd
import pytest

from crlm import ledger
from crlm.paper import Paper
from crlm.paper.calls import call_for, remedy_for
from crlm.unanswered import NOT_COMPUTED

DESIGN = ledger.load_design("mskcc_hai")
KEYS = {"endpoint": "OS", "population": "all", "group": "all", "covariate": "", "level": ""}
KEYS |= {"model": "", "time": math.nan}
OF_MARKER = {"covariate": "kras", "level": "mutant", "model": "univariable"}
OF_PATIENTS = {"endpoint": "", "covariate": "margin", "level": "positive"}


@pytest.fixture(scope="module")
def paper():
    made = Paper("mskcc_hai")
    made.patients()
    made.endpoints()
    return made


@pytest.mark.parametrize(
    ("keys", "call"),
    [
        (
            {"statistic": "survival_rate", "group": "sex=male", "time": 24.0},
            'paper.curves("OS", by="sex", at=[24])',
        ),
        (
            {"statistic": "median_survival", "population": "kras=wild", "group": "hai=yes"},
            'paper.curves("OS", by="hai", population="kras=wild")',
        ),
        ({"statistic": "p", "model": "logrank", "group": "sex"}, 'paper.curves("OS", by="sex")'),
        (
            {"statistic": "survival_rate", "group": "kras=wild,hai=yes", "time": 36.0},
            'paper.curves("OS", by=["kras", "hai"], at=[36])',
        ),
        (
            {"statistic": "n", "group": "kras=wild", **OF_PATIENTS},
            'paper.table_one("kras", variables=["margin"])',
        ),
        (
            {"statistic": "n", "group": "kras=wild", "endpoint": ""},
            'paper.table_one("kras")',
        ),
        (
            {"statistic": "p", "group": "sex", **OF_PATIENTS, "level": ""},
            'paper.table_one("sex", variables=["margin"])',
        ),
        (
            {"statistic": "percent", "population": "kras=wild", "group": "hai=yes", **OF_PATIENTS},
            'paper.table_one("hai", variables=["margin"], population="kras=wild")',
        ),
        (
            {"statistic": "rmst_difference", "group": "sex"},
            'paper.restricted_means(["OS"], by="sex")',
        ),
        (
            {"statistic": "median_survival", "population": "from month 6", "group": "sex=male"},
            'paper.from_landmark("OS", by="sex", month=6)',
        ),
        (
            {"statistic": "n", "population": "from month 6"},
            'paper.from_landmark("OS", month=6)',
        ),
        (
            {"statistic": "median_follow_up", "endpoint": "", "group": "sex=male"},
            'paper.follow_up(method="reverse", by="sex")',
        ),
        (
            {"statistic": "hazard_ratio", "population": "hai=yes", **OF_MARKER},
            'paper.subgroups("OS", of="kras", within=["hai"])',
        ),
        (
            {"statistic": "p", "population": "hai=yes,sex=male", **OF_MARKER},
            'paper.subgroups("OS", of="kras", within=["sex"], population="hai=yes")',
        ),
        (
            {"statistic": "hazard_ratio", "population": "hai=yes/no", **OF_MARKER},
            'paper.curves("OS", by="kras", population="hai=yes/no", ratio=True)',
        ),
        (
            {
                **{"statistic": "hazard_ratio", "covariate": "kras:sex"},
                **{"level": "mutant:female", "model": "interaction"},
            },
            'paper.subgroups("OS", of="kras", within=["sex"])',
        ),
    ],
)
def test_the_call_that_is_told_computes_the_claim(paper, keys, call):
    claim = KEYS | keys
    assert call_for(claim, DESIGN) == call
    rows = eval(call, {"paper": paper}).rows  # noqa: S307  a text of this module
    same = ("endpoint", "population", "group", "covariate", "level", "model", "statistic")
    for name in same if "rmst" not in claim["statistic"] else ("endpoint", "statistic"):
        rows = rows[rows[name] == claim[name]]
    assert len(rows) and rows["estimate"].notna().any(), (claim, call)
    if claim["time"] == claim["time"]:
        assert claim["time"] in set(rows["time"])


def test_what_print_has_from_a_month_on_is_read_at_its_own_months(paper, monkeypatch):
    """Rates were at 60 alone, and those of print joined the months of all patients' curves."""
    late = {**KEYS, "statistic": "survival_rate", "population": "from month 6"}
    rows = [{**late, "group": "sex=male", "time": 9.0}, {**late, "statistic": "n"}]
    rows.append({**KEYS, "statistic": "survival_rate", "time": 36.0})
    monkeypatch.setattr(paper, "claims", pd.DataFrame(rows))
    assert paper.printed_landmarks("OS") == [("sex", 6.0), ("", 6.0)]
    assert paper.months("OS") == [36.0] and not paper.printed_landmarks("RFS")
    made = paper.from_landmark("OS", by="sex", month=6).rows
    assert set(made.loc[made["statistic"] == "survival_rate", "time"]) == {9.0}
    with pytest.raises(ledger.ParameterError, match="paper.from_landmark"):
        paper.table_one("hai", population="from month 6")


def test_an_endpoint_without_printed_rates_is_read_where_anybody_is_followed(paper, monkeypatch):
    """Of 31 months of follow-up a report told the rates at 36 and 60."""
    rows = [{**KEYS, "statistic": "survival_rate", "time": month} for month in (12.0, 48.0)]
    frame = paper.frames["RFS"]
    short = frame.assign(time=frame["time"].clip(upper=31))
    monkeypatch.setattr(paper, "claims", pd.DataFrame(rows))
    assert paper.months("RFS") == [12.0, 48.0]
    monkeypatch.setitem(paper.frames, "RFS", short)
    assert paper.months("RFS") == [12.0]
    monkeypatch.setattr(paper, "claims", pd.DataFrame(rows[1:]))
    assert paper.months("RFS", (24, 36)) == [24] and paper.months("RFS") == [36, 60]


def test_curves_of_some_patients_are_released_as_theirs(paper, monkeypatch):
    """A safe report drew the curves of all patients in their place, or ended in a KeyError."""
    asked = []
    monkeypatch.setattr(paper.release, "curve", lambda made, *of: asked.append(of) or made)
    paper.curves("OS", by="hai", population="kras=wild")
    paper.from_landmark("OS", by="hai", month=6)
    assert [of[-1] for of in asked] == ["kras=wild", "from month 6"]


def test_what_no_single_call_computes_has_none():
    for keys in (
        {"statistic": "hazard_ratio", "covariate": "sex", "model": "multivariable"},
        {"statistic": "hazard_ratio", "covariate": "hai:age", "model": "interaction"},
        {"statistic": "hazard_ratio", "covariate": "sex", "model": "univariable"},
        {"statistic": "rmst", "group": "all"},
    ):
        assert call_for(KEYS | keys, DESIGN) == ""


def test_the_ratio_of_a_number_among_some_patients_needs_a_model_of_the_design():
    claim = KEYS | {"statistic": "hazard_ratio", "covariate": "age", "model": "univariable"}
    assert remedy_for(claim, DESIGN) == ""
    told = remedy_for(claim | {"population": "hai=yes"}, DESIGN)
    assert 'endpoint = "OS", population = "hai=yes" and covariates = ["age"]' in told


def test_a_report_names_the_call(paper):
    claims = ledger.load_claims("mskcc_hai")
    rates = claims[(claims["statistic"] == "survival_rate") & (claims["group"] == "hai=yes")]
    lost = rates.assign(reason=NOT_COMPUTED)
    told = paper._with_calls(lost)["reason"]
    assert told.str.startswith(f"{NOT_COMPUTED}; add paper.curves(").all() and len(told) > 2
    other = rates.assign(reason="this cohort has no OS")
    pd.testing.assert_frame_equal(paper._with_calls(other), other)
