"""What other papers print and these two do not, of the same patients.

Means, errors, losses by group, unknown values tested as a level, ratios against another level.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pandas as pd
from printing import p_text, read, rounded
from scipy.stats import chi2_contingency, ttest_ind

from crlm import comparison, ledger
from crlm.ledger import Design

Frame = pd.DataFrame

#: Where a ratio that is turned over takes its limits from.
_TURNED = {"estimate": "estimate", "conf_low": "conf_high", "conf_high": "conf_low"}


def also_printed(
    design: Design, people: tuple[Frame, Frame], rows: Frame, claims: Frame
) -> tuple[Design, Frame]:
    """The same paper with means and t tests for medians' tests, errors and z, losses by group.

    Unknown values are tested as a level of their own; some ratios are against the other level.

    Parameters
    ----------
    design : Design
    people : (DataFrame, DataFrame)
        All patients, and whether each meets each criterion.
    rows : DataFrame
        Result rows of the paper's analysis.
    claims : DataFrame
        What the paper prints so far.
    """
    known, flags = people
    by = design.table_one["by"]
    included = known[flags.all(axis=1)]
    numbers = [c for c in design.table_one["variables"] if _measured(design, included, c)]
    tested = claims["statistic"].isin(["p", "difference"]) & claims["covariate"].isin(numbers)
    kept = claims[~(tested & (claims["model"] == ""))]
    kept = _against_other_levels(design, rows, _with_unknown_tested(design, included, by, kept))
    design = replace(design, table_one={**design.table_one, "continuous_test": "t"})
    made = [
        *_summaries(design, included, by, numbers),
        *_errors(rows, claims),
        *_losses(design, known, flags, by),
    ]
    more = Frame(made, columns=list(ledger.CLAIM_COLUMNS))
    return design, pd.concat([kept, more], ignore_index=True)


def unknown_values(design: Design, included: Frame, most: float) -> Frame:
    """How many of each group have no value, where more than a share lack one.

    A score is unknown where one of its parts is, so it may lack more than any of them.
    """
    by, made = design.table_one["by"], []
    for name in [n for n in design.table_one["variables"] if n in included and n != by]:
        for level in design.levels(by):
            lost = included.loc[included[by] == level, name].isna()
            if lost.mean() > most:
                keys = {"group": f"{by}={level}", "covariate": name, "unit": "patients"}
                made.append(_claim(str(int(lost.sum())), "missing", **keys))
    return Frame(made, columns=list(ledger.CLAIM_COLUMNS))


def _measured(design: Design, included: Frame, name: str) -> bool:
    kind = design.columns.get(name, {}).get("type")
    return kind in ("number", "integer") and name in included and included[name].nunique() > 1


def _claim(text: str, statistic: str, **keys: Any) -> dict[str, Any]:
    claim = dict.fromkeys(ledger.CLAIM_COLUMNS, "")
    claim |= {"kind": "number", "field": "estimate", "population": "all", "group": "all"}
    claim |= {"place": "table9", "time": math.nan, "statistic": statistic, **keys, **read(text)}
    name = "-".join(str(claim[key]) for key in (*ledger.KEYS[:7],))
    return claim | {"id": f"also-{name}", "locator": f"Table 9, {name}"}


def _summaries(
    design: Design, included: Frame, by: str, names: list[str]
) -> Iterator[dict[str, Any]]:
    levels = design.levels(by)
    for name in names:
        parts = [included.loc[included[by] == level, name].dropna() for level in levels]
        cells = ["all", *(f"{by}={level}" for level in levels)]
        for group, part in zip(cells, [included[name].dropna(), *parts], strict=True):
            for statistic, value in (("mean", part.mean()), ("sd", part.std(ddof=1))):
                text = rounded(float(value), 1, None)
                yield _claim(text, statistic, group=group, covariate=name)
        p = float(ttest_ind(*parts, equal_var=len(name) % 2 == 0).pvalue)
        if math.isfinite(p):
            yield _claim(p_text(p, 3, None), "p", group=by, covariate=name)


def _with_unknown_tested(design: Design, included: Frame, by: str, claims: Frame) -> Frame:
    """Chi-square tests with the patients without a value as one more level, where there are some.

    Both levels are counted then. A sentence on such a difference is left out: it may say otherwise.
    """
    claims, counted = claims.copy(), []
    for name in [n for n in design.table_one["variables"] if len(design.levels(n)) == 2]:
        own = (claims["covariate"] == name) & (claims["group"] == by) & (claims["model"] == "")
        own &= claims["population"] == "all"
        at = claims.index[own & (claims["statistic"] == "p")]
        if name == by or name not in included or not included[name].isna().any() or len(at) == 0:
            continue
        counts = pd.crosstab(included[by], included[name].astype(object).fillna("unknown"))
        for column, value in read(p_text(chi2_contingency(counts).pvalue, 3, None)).items():
            claims.loc[at, column] = value
        claims = claims[~(own & (claims["statistic"] == "difference"))]
        for group, level in product(design.levels(by), design.levels(name)):
            text = str(counts.loc[group].get(level, 0))
            keys = {"group": f"{by}={group}", "covariate": name, "level": level}
            counted.append(_claim(text, "n", unit="patients", **keys))
    if not counted:
        return claims
    more = Frame(counted, columns=list(claims.columns)).astype(claims.dtypes)
    return pd.concat([claims, more], ignore_index=True)


def _against_other_levels(design: Design, rows: Frame, claims: Frame) -> Frame:
    """Ratios of one stratum, and every third of those without others, turned over.

    They are printed of the first level against the second, which their row names.
    """
    found, made = comparison.row_index(rows), claims.copy()
    ratios = claims["statistic"].isin(["hazard_ratio", "odds_ratio"]) & (claims["kind"] == "number")
    ratios &= claims["model"] != "multivariable"
    keys = ["endpoint", "population", "group", "covariate", "level", "model"]
    for at, (key, mine) in enumerate(claims[ratios].groupby(keys, sort=False)):
        own = dict(zip(keys, key, strict=True))
        same = (claims[keys] == pd.Series(own)).all(axis=1)
        levels = design.levels(own["covariate"])
        stratum = own["population"] != "all" or own["group"] not in ("", "all")
        spoken = (claims.loc[same, "kind"] == "direction").any()
        if len(levels) != 2 or own["level"] != levels[1] or spoken or (at % 3 and not stratum):
            continue
        if stratum and at % 2:
            continue
        row = found[comparison.row_key(mine.iloc[0].to_dict())]
        made.loc[same[same].index, ["level", "reference"]] = levels[0], levels[1]
        for place, claim in mine.iterrows():
            value = 1 / row[_TURNED[claim["field"]]]
            for column, new in read(rounded(value, int(claim["decimals"]), None)).items():
                made.loc[place, column] = new
    return made


def _errors(rows: Frame, claims: Frame) -> Iterator[dict[str, Any]]:
    found = comparison.row_index(rows)
    printed = claims[
        claims["statistic"].isin(["hazard_ratio", "odds_ratio"])
        & (claims["model"] == "multivariable")
        & (claims["kind"] == "number")
        & (claims["field"] == "estimate")
        & claims["place"].str.startswith("table")
    ].drop_duplicates(list(ledger.KEYS))
    for claim in printed.to_dict("records"):
        row = found[comparison.row_key(claim)]
        low, high = row["conf_low"], row["conf_high"]
        if not 0 < low < high < 1000:
            continue
        error = math.log(high / low) / (2 * 1.959964)
        effect = math.log(row["estimate"])
        keys = {name: claim[name] for name in ledger.KEYS if name != "statistic"}
        for statistic, value, digits in (
            ("se", error, 3),
            ("z", effect / error, 2),
            ("coefficient", effect, 3),
        ):
            text = rounded(abs(value), digits, None)
            sign = "-" if value < 0 and float(text) else ""
            made = _claim(text, statistic, **keys)
            yield made | {"printed": sign + text, "value": float(sign + text)}


def _losses(design: Design, known: Frame, flags: Frame, by: str) -> Iterator[dict[str, Any]]:
    step = f"{design.eligibility[-1]['name']}_excluded"
    for level in design.levels(by):
        mine = known[by] == level
        lost = int((mine & ~flags.all(axis=1)).sum())
        share = rounded(100 * lost / max(int(mine.sum()), 1), 0, None)
        keys = {"group": f"{by}={level}", "covariate": "flow", "level": step}
        yield _claim(str(lost), "n", unit="patients", **keys)
        yield _claim(share, "percent", unit="%", **keys)
