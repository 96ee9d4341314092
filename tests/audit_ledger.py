"""Hand-made ledgers for the tests of the audit: two groups of 100, a few covariates."""

from pathlib import Path

import pandas as pd

from crlm import ledger
from crlm.audit import CATALOGUE
from crlm.audit.facts import gather

YES_NO = {"type": "category", "levels": ["no", "yes"], "role": "baseline"}
COLUMNS = {
    "arm": {"type": "category", "levels": ["old", "new"], "role": "exposure", "label": "Arm"},
    "age": {"type": "number", "min": 0, "max": 110, "role": "baseline", "label": "Age"},
    "nodes": {"type": "integer", "min": 1, "max": 100, "role": "baseline", "label": "Nodes"},
    "grade": {"type": "category", "levels": ["1", "2", "3"], "role": "baseline", "label": "Grade"},
    "stage": {"type": "category", "levels": ["I", "II"], "role": "baseline", "label": "Stage"},
    **{name: {**YES_NO, "label": name.upper()} for name in ("aa", "bb", "cc", "dd", "ee", "ff")},
}
FACTORS = {
    "single": {
        "source": "nodes",
        "rule": "==",
        "cut": 1.0,
        "levels": ["no", "yes"],
        "label": "Single",
    },
    "many": {"source": "nodes", "rule": ">", "cut": 3.0, "levels": ["no", "yes"], "label": "Many"},
    "aged": {
        "source": "age",
        "rule": ">=",
        "cut": 60.0,
        "levels": ["low", "high"],
        "label": "Aged",
    },
    "ages": {
        "source": "age",
        "rule": ">=",
        "cuts": [50.0, 60.0, 70.0],
        "levels": ["under_50", "50-59", "60-69", "70_up"],
        "label": "Ages",
    },
    "grades": {
        "source": "grade",
        "groups": {"low": ["1", "2"], "high": ["3"]},
        "levels": ["low", "high"],
        "label": "Grades",
    },
}
SCALED = {
    "age_10": {"source": "age", "per": 10},
    "age_sd": {"source": "age", "per_sd": True},
    "nodes_2": {"source": "nodes", "fold": 2},
    "nodes_10": {"source": "nodes", "fold": 10},
}
ENDPOINTS = {
    "OS": {"label": "Overall survival"},
    "RFS": {"label": "RFS"},
    "TTR": {"label": "Recurrence", "first_of": ["recurrence"]},
}


def design(**changes):
    given = {
        "study": "toy",
        "title": "",
        "citation": "",
        "question": "",
        "columns": COLUMNS,
        "factors": FACTORS,
        "scaled": SCALED,
        "endpoints": ENDPOINTS,
        "eligibility": (),
        "table_one": {"by": "arm", "categorical_test": "fisher", "continuous_test": "mann-whitney"},
        "models": {
            "OS": {"covariates": ["arm", *"abcdef"], "selection": "none"},
            "RFS": {"covariates": ["arm"], "selection": "none"},
        },
        "conventions": {},
        "folder": Path("."),
    }
    return ledger.Design(**{**given, **changes})


def number(text, statistic, **keys):
    """One printed number; `field` is "low" or "high" for confidence limits."""
    bare = text.lstrip("<>= ")
    fields = {"low": "conf_low", "high": "conf_high"}
    row = dict.fromkeys(ledger.CLAIM_COLUMNS, "")
    row |= {
        "kind": "number",
        "printed": text,
        "operator": text[0] if text[0] in "<>" else "=",
        "value": float(bare),
        "decimals": len(bare.partition(".")[2]),
        "place": "table1",
        "locator": f"Table 1, {text}",
        "population": "all",
        "group": "all",
        "time": float("nan"),
        "statistic": statistic,
    }
    row |= keys
    row["field"] = fields.get(keys.get("field", ""), "estimate")
    return row


def sentence(text, operator, **keys):
    """One sentence of a paper and the direction it claims."""
    row = number("1", keys.pop("statistic"), **keys)
    return row | {
        "kind": "direction",
        "printed": text,
        "operator": operator,
        "place": "results",
        "locator": "Results",
        "value": float("nan"),
    }


def unreached(text="not reached", **keys):
    """A median in whose place a paper has a word."""
    row = number("1", "median_survival", **{"endpoint": "OS", "unit": "months", **keys})
    return row | {
        "kind": "not reached",
        "printed": text,
        "operator": "",
        "value": float("nan"),
        "decimals": float("nan"),
    }


def claims(*rows):
    frame = pd.DataFrame(list(rows), columns=list(ledger.CLAIM_COLUMNS))
    frame["id"] = [f"c{i}" for i in range(len(frame))]
    return frame


def n(count, cell="all", **keys):
    return number(str(count), "n", group=cell, unit="patients", **keys)


def groups(old=100, new=100, whole=200):
    return [n(whole), n(old, "arm=old"), n(new, "arm=new")]


def ratio(
    text,
    endpoint="OS",
    covariate="aa",
    model="univariable",
    level="yes",
    statistic="hazard_ratio",
    **keys,
):
    """`ratio("1.35 (1.04-1.76) 0.003")` is an estimate, its limits and its p value."""
    estimate, limits, *p = text.split()
    low, high = limits.strip("()").split("-")
    keys |= {"endpoint": endpoint, "covariate": covariate, "model": model, "level": level}
    found = [
        number(estimate, statistic, **keys),
        number(low, statistic, field="low", **keys),
        number(high, statistic, field="high", **keys),
    ]
    return found + [number(t, "p", **keys) for t in p]


def rate(text, cell="all", endpoint="OS", time=60.0, **keys):
    """`rate("50 (43-57)")` is a survival rate with its limits."""
    estimate, *limits = text.split()
    keys |= {"endpoint": endpoint, "group": cell, "time": time, "unit": "%"}
    found = [number(estimate, "survival_rate", **keys)]
    for field, value in zip(("low", "high"), "".join(limits).strip("()").split("-"), strict=False):
        if value:
            found.append(number(value, "survival_rate", field=field, **keys))
    return found


def months(text, statistic="median_survival", cell="all", endpoint="OS", unit="months", **keys):
    """`months("12.00 (8.00-16.00)")` is a time with its limits."""
    estimate, *limits = text.split()
    keys |= {"endpoint": endpoint, "group": cell, "unit": unit}
    found = [number(estimate, statistic, **keys)]
    for field, value in zip(("low", "high"), "".join(limits).strip("()").split("-"), strict=False):
        if value:
            found.append(number(value, statistic, field=field, **keys))
    return found


def outcomes(kind, rows, plan=None):
    """What one kind of check says of a ledger."""
    facts = gather(plan or design(), claims(*rows))
    return [case.read() for case in CATALOGUE[kind].find(facts)]


def worst(found):
    """The gravest of several outcomes: inconsistent, notable, cannot tell, consistent."""
    if any(o.verdict == "inconsistent" for o in found):
        return "inconsistent"
    if any(o.notable for o in found):
        return "notable"
    return "cannot tell" if any(o.verdict == "cannot tell" for o in found) else "consistent"
