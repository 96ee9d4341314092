"""Simulated papers that print incidence rates honestly: whom does the audit accuse?

Two groups whose events are drawn; each paper has a method for the limits of its rates, one for its
ratio, its own decimals, and leaves some numbers out. With `--wrong` one digit of one number is
changed in each, and what is counted is how many are found.

    python benchmarks/honest_rates.py 4000
    python benchmarks/honest_rates.py 1000 --wrong
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from crlm import ledger
from crlm.audit import CATALOGUE
from crlm.audit.facts import gather
from crlm.audit.rates import rate_quotient
from crlm.ledger.vocabulary import RATE_UNITS
from crlm.poisson import LIMITS, ODDS, TESTS

#: The checks of rates, and what holds limits of any kind around their number.
KINDS = [n for n, kind in CATALOGUE.items() if kind.find.__module__ == rate_quotient.__module__]
KINDS.append("limits")
FIELDS = ("estimate", "conf_low", "conf_high")
PER = ("per 100 patient-years", "per 1000 patient-years")
#: Of each method of limits of a ratio the p that goes with it.
P_OF = {"Poisson model": "Wald", "exact": "exact", "mid-P": "mid-P", "score": "score"}
P_OF["profile"] = "likelihood ratio"


def main() -> None:
    """Count what the audit says of many papers."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("papers", type=int)
    asked.add_argument("--wrong", action="store_true")
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    rng, design = np.random.default_rng(given.seed), _design()
    checks, accused, papers, numbers = Counter(), Counter(), 0, Counter()
    for _ in range(given.papers):
        rows = _paper(rng)
        numbers.update(row["statistic"] for row in rows if row["field"] == "estimate")
        if given.wrong:
            _misprint(rows, rng)
        facts = gather(design, _claims(rows))
        found = 0
        for kind in KINDS:
            for case in CATALOGUE[kind].find(facts):
                read = case.read()
                checks[kind] += 1
                if read.verdict == "inconsistent":
                    accused[kind] += 1
                    found += 1
                    if not given.wrong:
                        sys.stdout.write(f"{kind}: {read.detail}\n")
        papers += found > 0
    for kind in KINDS:
        sys.stdout.write(f"{kind}: {accused[kind]} of {checks[kind]}\n")
    rates, ratios = numbers["incidence_rate"], numbers["rate_ratio"]
    told = f"{papers} of {given.papers} papers accused; {rates} rates, {ratios} ratios\n"
    sys.stdout.write(told)


def _design() -> ledger.Design:
    arm = {"type": "category", "levels": ["old", "new"], "role": "exposure", "label": "Arm"}
    endpoints = {"OS": {"label": "Overall survival", "first_of": ["death"]}}
    table = {"by": "arm", "categorical_test": "fisher", "continuous_test": "mann-whitney"}
    return ledger.Design(
        *("toy", "", "", ""),
        columns={"arm": arm},
        factors={},
        endpoints=endpoints,
        eligibility=(),
        table_one=table,
        models={},
        conventions={},
        folder=Path(),
    )


def _paper(rng: np.random.Generator) -> list[dict]:
    """Rows of a ledger, printed as a paper would."""
    method, test = rng.choice(list(LIMITS)), rng.choice(list(ODDS))
    unit, digits = str(rng.choice(PER)), int(rng.integers(0, 3))
    per, whole = RATE_UNITS[unit], int(rng.integers(0, 2))
    counts, spans, rows = [], [], []
    for arm in ("old", "new"):
        span = float(rng.uniform(20, 3000))
        x = int(rng.poisson(span * rng.choice([0.002, 0.02, 0.1, 0.3])))
        counts.append(x)
        spans.append(span)
        keys = {"group": f"arm={arm}"}
        bottom, top = LIMITS[method](x)
        if rng.random() < 0.7:
            rows.append(_row(x, 0, "events", keys))
        if rng.random() < 0.7:
            rows.append(_row(span, whole, "patient_years", {**keys, "unit": "patient-years"}))
        for field, value in zip(FIELDS, (x, bottom, top), strict=True):
            told = {**keys, "unit": unit, "field": field}
            rows.append(_row(value * per / span, digits, "incidence_rate", told))
    if rng.random() < 0.5:
        rows.append(_row(sum(counts), 0, "events", {}))
        rows.append(_row(sum(spans), whole, "patient_years", {"unit": "patient-years"}))
    (y, x), (t0, t1) = counts, spans
    keys = {"covariate": "arm", "level": "new", "model": "poisson"}
    if x and y:
        ends = [end * t0 / t1 for end in ODDS[test](x, y)]
        for field, value in zip(FIELDS, (x / y * t0 / t1, *ends), strict=True):
            rows.append(_row(value, 2, "rate_ratio", {**keys, "field": field}))
        p = TESTS[P_OF[test]](x, y, t1 / (t0 + t1))
        rows.append(_row(p, 3, "p", keys))
    gap = (x / t1 - y / t0) * per
    rows.append(_row(gap, digits, "rate_difference", {**keys, "unit": unit}))
    return [row for row in rows if row]


def _row(value: float, decimals: int, statistic: str, keys: dict) -> dict:
    if not math.isfinite(value):
        return {}
    text = f"{ledger.round_half_up(value, decimals):.{decimals}f}"
    told = dict.fromkeys(ledger.CLAIM_COLUMNS, "")
    told |= {"kind": "number", "operator": "=", "field": "estimate", "endpoint": "OS"}
    told |= {"population": "all", "group": "all", "time": math.nan, "place": "table2"}
    told |= {"printed": text, "value": float(text), "decimals": decimals}
    if statistic == "p" and value < 0.001:
        told |= {"printed": "<0.001", "operator": "<", "value": 0.001}
    return told | {"statistic": statistic, "locator": text, **keys}


def _misprint(rows: list[dict], rng: np.random.Generator) -> None:
    """Another digit in the place of one, the first or the second of a number."""
    able = [row for row in rows if row["operator"] == "=" and row["value"] > 1]
    row = able[int(rng.integers(len(able)))]
    places = [at for at, mark in enumerate(row["printed"]) if mark.isdigit()][:2]
    at = int(rng.choice(places))
    other = str((int(row["printed"][at]) + int(rng.integers(1, 10))) % 10)
    row["printed"] = row["printed"][:at] + other + row["printed"][at + 1 :]
    row["value"] = float(row["printed"])


def _claims(rows: list[dict]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(ledger.CLAIM_COLUMNS))
    return frame.assign(id=[f"c{at}" for at in range(len(frame))])


if __name__ == "__main__":
    main()
