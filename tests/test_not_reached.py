"""Medians that print says are not reached: from the ledger to the search and its certificate."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crlm import comparison, ledger, survival
from crlm.numbers import HIDDEN
from crlm.reconstruction import certificate, kernels, programs, targets
from crlm.reconstruction.quantity import LAST, Quantity
from crlm.report.readings.printed import Print
from crlm.report.verdicts import computed, printed

CLAIM = dict.fromkeys(ledger.CLAIM_COLUMNS, "") | {
    "kind": "not reached",
    "printed": "NR",
    "field": "estimate",
    "population": "all",
    "group": "all",
    "endpoint": "OS",
    "statistic": "median_survival",
    "unit": "months",
    "time": math.nan,
    "value": math.nan,
    "decimals": math.nan,
}


def claims(*fields):
    rows = [CLAIM | {"id": field, "field": field} for field in fields or ("estimate",)]
    return pd.DataFrame(rows)


def judged(method="", **row):
    keys = {"endpoint": "OS", "statistic": "median_survival", "unit": "months"}
    rows = ledger.rows([{**keys, "method": method, **row}])
    return comparison.compare(rows, claims(*row or ["estimate"])).iloc[0]


@pytest.mark.parametrize(
    ("found", "verdict", "shown"),
    [
        (judged(estimate=math.nan), "matches", "not reached"),
        (judged(estimate=92.39), "differs", "92.4"),
        (judged(conf_high=math.inf), "matches", "not reached"),
        (judged(conf_high=99.2), "differs", "99.2"),
        (judged("hidden (<5)", estimate=math.nan), "no result", "–"),
        (judged(f"{HIDDEN}: fewer than 5", estimate=math.nan), "no result", "–"),
    ],
)
def test_what_is_computed_is_reached_or_not(found, verdict, shown):
    """Once a median of 92 months stood beside a printed "not reached", and nothing was said."""
    assert (found["verdict"], computed(found), printed(found)) == (verdict, shown, "NR")


def test_a_safe_report_says_no_more_than_its_rows():
    keys = {"endpoint": "OS", "statistic": "median_survival", "unit": "months"}
    for method, verdict in (("", "matches"), ("hidden (<5)", "no result")):
        rows = ledger.rows([{**keys, "estimate": math.nan, "method": method}])
        made = comparison.compare(rows, claims())
        assert list(comparison.within_bands(made, rows, 5)["verdict"]) == [verdict]


def frame(seed, share):
    """Forty patients, of whom a share die."""
    rng = np.random.default_rng(seed)
    time, event = np.ceil(rng.exponential(900, 40)), rng.random(40) < share
    return pd.DataFrame(
        {"time": time / 30.4375, "days": time.astype(np.int64), "event": event, "endpoint": "OS"}
    ).assign(patient_id=[f"p{k}" for k in range(40)])


@pytest.mark.parametrize("conf", ["log", "log-log", "plain"])
def test_the_search_aims_at_the_end_of_the_curve(conf):
    """The kernel's end is the last rate of the report, and the certificate's program's."""
    design = ledger.load_design("ncch_scp")
    design = replace(design, conventions={**design.conventions, "conf_type": conf})
    fields = ("estimate", "conf_low", "conf_high")
    aim = targets.goal(design, claims(*fields), {})
    own = [target for target in aim.targets if target.origin == "claim"]
    assert [t.quantity.part for t in own] == [LAST] * 3 and not aim.unsearched
    assert all(50 < t.low < 50.001 and math.isinf(t.high) for t in own)
    code = {"log": kernels.LOG, "log-log": kernels.LOGLOG, "plain": kernels.PLAIN}[conf]
    for table in (frame(1, 0.3), frame(2, 0.8)):
        last = table["time"].max()
        rows = survival.kaplan_meier(table, times=[last], conf_type=conf)
        want = rows.loc[rows["statistic"] == "survival_rate", list(fields)].iloc[0]
        out, order = np.zeros(20), np.argsort(table["days"].to_numpy(), kind="stable")
        days, event = table["days"].to_numpy(), table["event"].to_numpy().astype(np.int64)
        rules = (False, code, False, 1.959964, 30.4375, np.array([360.0]), 1)
        kernels.kaplan_meier(days, event, order, np.ones(40, dtype=bool), *rules, out)
        np.testing.assert_allclose(out[8:11], want.astype(float), rtol=1e-6)
        asked = [Quantity("km", "OS", part=LAST, limit=field) for field in fields]
        found = [programs.computed(one, table, design) for one in asked]
        np.testing.assert_allclose(found, want.astype(float), rtol=1e-9)


def test_of_spss_limits_the_certificate_alone_judges():
    design = ledger.load_design("ncch_scp")
    design = replace(design, conventions={**design.conventions, "conf_type": "spss"})
    aim = targets.goal(design, claims("estimate", "conf_high"), {})
    assert [t.quantity.limit for t in aim.targets if t.origin == "claim"] == ["estimate"]
    assert "the certificate alone" in aim.unsearched["conf_high"]


@pytest.mark.parametrize(("share", "verdict"), [(0.1, "matches"), (1.0, "differs")])
def test_the_certificate_asks_for_the_median(share, verdict, monkeypatch):
    design, table = ledger.load_design("ncch_scp"), frame(3, share)
    frames = {"OS": table, "patients": table, "flow": ledger.rows([])}
    monkeypatch.setattr(certificate, "analysis_frames", lambda *_: frames)
    monkeypatch.setattr(certificate, "_own_models", lambda *_: {})
    monkeypatch.setattr(certificate, "_sizes", lambda *_: ledger.rows([]))
    asked = claims()
    found = certificate.certify(
        design, asked, targets.goal(design, asked, {}), Path("n"), Path("n")
    )
    median = survival.kaplan_meier(table)
    median = median.loc[median["statistic"] == "median_survival", "estimate"].iloc[0]
    assert found["verdict"].tolist() == [verdict]
    assert found["computed"].iloc[0] == pytest.approx(median, nan_ok=True)


def test_a_sentence_has_the_number_in_the_papers_days():
    keys = {"endpoint": "OS", "statistic": "median_survival", "unit": "months"}
    row = ledger.rows([{**keys, "estimate": 20.0}]).iloc[0].to_dict()
    own = claims().assign(kind="number", printed="601", value=601.0, decimals=0, unit="days")
    assert Print(own, days_per_month=30.0).beside(row) == " (600.0 days; paper 601)"


def test_a_sentence_has_the_papers_word_beside_the_median():
    keys = {"endpoint": "OS", "statistic": "median_survival", "unit": "months"}
    row = ledger.rows([{**keys, "estimate": 92.4}]).iloc[0].to_dict()
    for word, said in (("Not reached", "not reached"), ("NR", "NR")):
        for unit in ("months", "years"):
            told = Print(claims().assign(printed=word, unit=unit)).beside(row)
            assert told == f" (paper {said})"
