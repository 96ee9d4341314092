"""Incidence rates in a sentence."""

from __future__ import annotations

import math

import pandas as pd

from crlm.ledger import Design, as_records
from crlm.ledger.vocabulary import ALL
from crlm.numbers import interval
from crlm.report.rates import per
from crlm.report.readings.printed import Print
from crlm.report.readings.wording import records_of, sentence


def rates(rows: pd.DataFrame, design: Design, paper: Print) -> str:
    """The rate of each group, and how each compares with the first."""
    found = records_of(rows, statistic="incidence_rate")
    name = design.endpoint_name(str(rows["endpoint"].iloc[0]))
    parts = []
    for row in found:
        who = "" if row["group"] == ALL else f"{design.group_label(row['group'])}: "
        parts.append(f"{who}{interval(row)}{paper.beside(row)}")
    told = [f"events of {name} {per(found[0]['unit'])}: {', '.join(parts)}"]
    tests = {row["level"]: row for row in records_of(rows, statistic="p", model="poisson")}
    for row in as_records(rows[rows["statistic"].isin(("rate_ratio", "rate_difference"))]):
        if not math.isfinite(row["estimate"]):
            continue
        ratio = row["statistic"] == "rate_ratio"
        if not ratio and not paper.has(row):
            continue
        whose = design.label(row["covariate"], row["level"])
        several = f", {whose}:" if len(tests) > 1 else ""
        what = "rate ratio" if ratio else "difference"
        test = tests.get(row["level"])
        p = f", {paper.tested(test)}" if ratio and test is not None else ""
        told.append(f"{what}{several} {interval(row)}{paper.beside(row)}{p}")
    return sentence("; ".join(told))
