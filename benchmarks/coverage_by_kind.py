"""How often ensembles hold the truth, cohort by cohort and kind by kind, as Markdown.

    python benchmarks/coverage_by_kind.py real_cohorts_drawn.csv [--ten FILE]

Reads tables of `real_cohorts.py` that keep their members. Beside the truth each cohort of an
ensemble is held against the others: what a truth that were one more of them would come to.
Widths are told in those of the 5th to 95th percentile of ten cohorts: of `--ten`, or where it
has none, of the same ensemble's first ten.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from crlm.reconstruction import forecasts

Frame = pd.DataFrame

#: Members of the ensemble whose percentiles are the unit of widths.
_TEN = 10
_KEYS = ["cohort", "left_out", "family", "name"]
_BARS = {"cohort": (85.0, 95.0), "all": (88.0, 93.0), "width": 1.8}


def members_of(found: Frame) -> list[np.ndarray]:
    """What each cohort has, one array a statistic; ratios as logarithms.

    Examples
    --------
    >>> table = pd.DataFrame({"family": ["concordance"], "members": ["0.6 nan 0.7"]})
    >>> members_of(table)[0].tolist()
    [0.6, nan, 0.7]
    """
    held = [np.array(text.split(), dtype=float) for text in found["members"]]
    pairs = zip(held, _is_ratio(found["family"]), strict=True)
    return [np.log(one) if log else one for one, log in pairs]


def _is_ratio(families: pd.Series) -> np.ndarray:
    return families.str.contains("ratio|interaction").to_numpy(bool)


def exchangeable(found: Frame) -> Frame:
    """Whether each member lies in the forecast of the others: statistics by members.

    Missing where a member does not have the number.
    """
    rows = []
    for values in members_of(found):
        held = []
        for k, value in enumerate(values):
            others = np.delete(values, k)
            low, high = forecasts.forecast(others[np.isfinite(others)], "")
            held.append(float(low <= value <= high) if np.isfinite(value) else np.nan)
        rows.append(held)
    return pd.DataFrame(rows, index=found.index)


def widths(found: Frame, ten: Frame | None = None) -> pd.Series:
    """Forecast intervals in widths of the 5th to 95th percentile of ten cohorts."""
    spans = {
        key: np.subtract(*np.quantile(values[np.isfinite(values)][:_TEN], [0.95, 0.05]))
        for key, values in zip(_keys(found), members_of(found), strict=True)
    }
    if ten is not None:
        ends, log = ten[["low", "high"]].to_numpy(float), _is_ratio(ten["family"])
        ends[log] = np.log(ends[log])
        spans |= dict(zip(_keys(ten), ends[:, 1] - ends[:, 0], strict=True))
    reach = []
    for values in members_of(found):
        low, high = forecasts.forecast(values[np.isfinite(values)], "")
        reach.append(high - low)
    unit = np.array([spans[key] for key in _keys(found)])
    return pd.Series(np.array(reach) / np.where(unit > 0, unit, np.nan), index=found.index)


def _keys(found: Frame) -> Iterator[tuple[str, ...]]:
    return found[_KEYS].itertuples(index=False, name=None)


def by_kind(found: Frame, ten: Frame | None = None) -> Frame:
    """A row a cohort and kind, and one a cohort, and one for all: held, expected, width."""
    judged = found.assign(expected=exchangeable(found).mean(axis=1), width=widths(found, ten))
    parts = [
        *(((c, f), part) for (c, f), part in judged.groupby(["cohort", "family"], sort=False)),
        *(((c, "all"), part) for c, part in judged.groupby("cohort", sort=False)),
        *((("all", f), part) for f, part in judged.groupby("family", sort=False)),
        (("all", "all"), judged),
    ]
    return pd.DataFrame(
        {
            "cohort": cohort,
            "kind": kind,
            "statistics": len(part),
            "held": int(part["forecast"].sum()),
            "percent": 100 * part["forecast"].mean(),
            "expected": 100 * part["expected"].mean(),
            "width": part["width"].median(),
        }
        for (cohort, kind), part in parts
    )


def scatter(found: Frame) -> Frame:
    """Of each cohort: how often a member lies in the others' forecasts, least and spread."""
    rows = []
    for cohort, part in found.groupby("cohort", sort=False):
        shares = 100 * exchangeable(part).mean()
        rows.append(
            {"cohort": cohort, "mean": shares.mean(), "sd": shares.std(), "least": shares.min()}
        )
    return pd.DataFrame(rows).round(1)


def verdicts(table: Frame) -> list[str]:
    """What the bars say: each cohort, all together, and the median width."""
    told = []
    for row in table[table["kind"] == "all"].to_dict("records"):
        low, high = _BARS["all" if row["cohort"] == "all" else "cohort"]
        word = "within" if low <= row["percent"] <= high else "outside"
        wide = "at most" if row["width"] <= _BARS["width"] else "above"
        told.append(
            f"{row['cohort']}: {row['held']} of {row['statistics']} ({row['percent']:.1f} %), "
            f"{word} {low:g} to {high:g} %; median width {row['width']:.2f}, {wide} "
            f"{_BARS['width']:g}"
        )
    return told


def markdown(table: Frame) -> str:
    """Kinds down, cohorts across: held of statistics, the share expected, the width."""
    cohorts = list(dict.fromkeys(table["cohort"]))
    kinds = [kind for kind in dict.fromkeys(table["kind"]) if kind != "all"] + ["all"]
    cells = {(row["cohort"], row["kind"]): row for row in table.to_dict("records")}
    lines = ["| kind | " + " | ".join(cohorts) + " |", "|---" * (len(cohorts) + 1) + "|"]
    for kind in kinds:
        told = [_cell(cells.get((cohort, kind))) for cohort in cohorts]
        lines.append(f"| {kind} | " + " | ".join(told) + " |")
    return "\n".join(lines)


def _cell(row: dict[str, float] | None) -> str:
    if row is None:
        return ""
    held = f"{row['held']}/{row['statistics']}"
    return f"{held} ({row['percent']:.0f}, {row['expected']:.0f}; {row['width']:.2f})"


def main(arguments: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tables", nargs="+", type=Path, help="of real_cohorts.py, with members")
    parser.add_argument("--ten", nargs="+", type=Path, default=[], help="of ten cohorts a print")
    asked = parser.parse_args(arguments)
    found = pd.concat([pd.read_csv(path) for path in asked.tables], ignore_index=True)
    ten = pd.concat([pd.read_csv(path) for path in asked.ten]) if asked.ten else None
    table = by_kind(found, ten)
    print("held/statistics (percent held, percent of a member among the others; median width)\n")
    print(markdown(table), "", *verdicts(table), "", sep="\n")
    print(scatter(found).to_string(index=False))


if __name__ == "__main__":
    main()
