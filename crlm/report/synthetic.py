"""What stands beside a synthetic cohort for its readers: its certificate and its siblings."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from crlm.files import checksum
from crlm.ledger import Design, as_records, row_name
from crlm.naming import name_of
from crlm.numbers import estimate
from crlm.report.html import Html, aside, fold, say, skipped, table
from crlm.report.verdicts import place_name

#: Two programs agree on a number when they differ by no more than this share of it.
_SAME = 1e-4
_MOST_LOST = 4
#: How often forecasts held the truth on real cohorts, by what was drawn for each cohort.
_KNOWN = {
    "searched": "ten such cohorts held the truth in 87 %",
    "drawn": "twenty such cohorts held the truth in 93 %",
}
#: How a cohort differs from those of an ensemble, by what was done about what print leaves open.
_DRAWN = {
    "searched": "what print leaves open was drawn for them and not for it",
    "drawn": "what print leaves open was drawn for it and not for them",
}
_MEANS = "pinned: print settles it though it states it nowhere; open: print does not"


def certificate(
    source: Mapping[str, Any], design: Design, verdicts: pd.DataFrame, included: pd.DataFrame
) -> list[Html]:
    """The certificate of a reconstructed cohort: what other programs found in its files.

    Parameters
    ----------
    source : mapping
        From `cohort.origin`.
    design : Design
    verdicts : pandas.DataFrame
        From `comparison.compare`, on this cohort: the second opinion on each number.
    included : pandas.DataFrame
        The patients of Table 1, one row each.
    """
    path = Path(source["path"])
    try:
        held = json.loads((path.parent / "certificate.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        why = f"No certificate.json beside the cohort; crlm reconstruct {design.study} writes one."
        return [skipped("Certificate", why)]
    if held["checksums"]["cohort"] != checksum(path):
        return [skipped("Certificate", "The cohort was changed after it was certified.")]
    rows = pd.DataFrame(held["verdicts"])
    return [
        _summary(held, rows, design, verdicts),
        *_unmet(held, rows, wheres := _wheres(rows, verdicts)),
        *_excluded(rows, wheres),
        _unknown(included, design),
    ]


def _summary(
    held: Mapping[str, Any], rows: pd.DataFrame, design: Design, verdicts: pd.DataFrame
) -> Html:
    settings, counted = held["settings"], held["claims"] - held["excluded"]
    options = f"--seed {settings['seed']} --effort {settings['effort']:g}"
    options += " --unprinted drawn" if settings.get("unprinted") == "drawn" else ""
    numbers = verdicts.loc[verdicts["kind"] == "number", ["id", "computed"]]
    both = rows.merge(numbers, on="id", suffixes=("", "_here"))
    both = both[both["computed"].notna() & both["computed_here"].notna()]
    gap = (both["computed"] - both["computed_here"]).abs()
    agree = int((gap <= _SAME * both["computed"].abs().clip(lower=1e-2)).sum())
    return say(
        f"This cohort was found by crlm reconstruct {design.study} {options} in "
        f"{settings['seconds']:,} seconds. Its files were then read again by lifelines, "
        f"statsmodels and scipy, which share no code with the search or with this report: "
        f"{held['matched']} of {counted} claims match at printed precision "
        f"({100 * held['matched'] / counted:.1f} %), {held['excluded']} are left out because "
        f"other printed numbers contradict them. Of the {len(both)} numbers that both "
        f"the certificate and this report compute, {agree} are the same number."
    )


def _wheres(rows: pd.DataFrame, verdicts: pd.DataFrame) -> dict[str, str]:
    """Where each claim is printed: its locator, or what it claims where several share one."""
    alone = ~rows["locator"].duplicated(keep=False)
    said = {row["id"]: f"{place_name(row['place'])}: {row['name']}" for row in as_records(verdicts)}
    return {
        name: locator if own else said.get(name, locator)
        for name, locator, own in zip(rows["id"], rows["locator"], alone, strict=True)
    }


def _unmet(held: Mapping[str, Any], rows: pd.DataFrame, where: Mapping[str, str]) -> list[Html]:
    missed = rows[rows["id"].isin(held["not_matched"])]
    if missed.empty:
        return []
    fights = held.get("in_the_way", {})
    body = [
        (
            "",
            [
                where[row["id"]],
                row["printed"],
                _value(row["computed"]),
                row["verdict"],
                _lost([where.get(other, other) for other in fights.get(row["id"], ())]),
            ],
        )
        for row in as_records(missed)
    ]
    header = ["Where", "Printed", "This cohort", "Verdict", "Lost when the search insists on it"]
    return [table("Claims that this cohort does not meet", header, body, numeric=[1, 2])]


def _lost(names: list[str]) -> str:
    more = f"; and {len(names) - _MOST_LOST} more" if len(names) > _MOST_LOST else ""
    return "; ".join(names[:_MOST_LOST]) + more or "–"


def _excluded(rows: pd.DataFrame, where: Mapping[str, str]) -> list[Html]:
    out = rows[rows["excluded"] != ""]
    if out.empty:
        return []
    body = [("", [where[row["id"]], row["printed"], row["excluded"]]) for row in as_records(out)]
    inner = table("Claims that no cohort can meet", ["Where", "Printed", "Why"], body)
    return [fold(f"Claims left out as contradicted by others: {len(body)}", inner)]


def _unknown(included: pd.DataFrame, design: Design) -> Html:
    """Which values the search left out; print hardly ever says how many there were."""
    held = included[[name for name in design.table_one["variables"] if name in included]]
    gaps = held.isna().sum()
    gaps = gaps[gaps > 0].sort_values(ascending=False)
    if gaps.empty:
        return say("No characteristic of Table 1 is missing in any row.")
    counts = ", ".join(f"{design.label(name)} in {gap}" for name, gap in gaps.items())
    return say(
        f"Which values are missing was searched, too: of {len(held)} rows {counts}; "
        f"{int(held.notna().all(axis=1).sum())} rows have every characteristic of Table 1. "
        f"Denominators of percentages and the widths of printed intervals told the search how "
        f"many. That is a reading of the print; what the paper's patients lacked, it does not say."
    )


def _value(value: float | None) -> str:
    return "–" if value is None or pd.isna(value) else f"{value:.4g}"


# ---- the ensemble -----------------------------------------------------------


def ensemble(
    design: Design,
    rows: pd.DataFrame | None = None,
    source: Mapping[str, Any] | None = None,
) -> list[Html]:
    """How far independent cohorts from the same print agree on what it does not print.

    Parameters
    ----------
    design : Design
        Its folder holds ensemble.json, a summary without patients.
    rows : pandas.DataFrame, optional
        Result rows of the report until here: how many of the forecasts hold them is told.
    source : mapping, optional
        From `cohort.origin`: its certificate says whether this cohort was made as those were.
    """
    path = design.folder / "ensemble.json"
    if not path.is_file():
        return [skipped("Ensemble", f"No {path.name} in data/{design.study}.")]
    held = json.loads(path.read_text(encoding="utf-8"))
    found = pd.DataFrame(held["quantities"])
    curves = found["statistic"].isin(["survival_rate", "median_survival"])
    pinned = int((found["verdict"] == "pinned").sum())
    matched = held["matched"]
    told = say(
        f"{held['cohorts']} cohorts were made from the same print with independent seeds, each "
        f"certified; they match {matched['min']:.0f} to {matched['max']:.0f} of "
        f"{held['counted']} claims (median {matched['median']:g}). Two of them have "
        f"{held['patients_in_common_percent']:.1f} % of their patients in common, so agreement "
        f"is not ancestry. A forecast says where one more such cohort would lie in nine of ten "
        f"cases; where it is narrow, print pins a quantity down that it never states: {pinned} of "
        f"{len(found)}. The others are open: only the patients themselves could tell. Where the "
        f"patients are known, forecasts of {_KNOWN[held.get('unprinted', 'searched')]} of what was "
        f"not printed, those of some kinds less often (docs/reconstruction.md)."
        f"{_held_here(held, rows)}{_made_otherwise(held, source)}"
    )
    folded = _quantities(found[curves], design, "Curves between the printed times")
    summary = f"Curves between the printed times: {int(curves.sum())} values"
    return [
        told,
        fold(
            f"Comparisons that the paper does not print: {int((~curves).sum())} values",
            _quantities(found[~curves], design, "Comparisons that the paper does not print"),
        ),
        fold(summary, folded),
    ]


def siblings(
    rows: pd.DataFrame, design: Design, source: Mapping[str, Any] | None = None
) -> Html | None:
    """Where one more cohort from the same print would have these rows; None if none is known.

    Parameters
    ----------
    rows : pandas.DataFrame
        Result rows of one section.
    design : Design
        Its folder may hold ensemble.json.
    source : mapping, optional
        From `cohort.origin`: its certificate says whether this cohort was made as those were.
    """
    path = design.folder / "ensemble.json"
    if not path.is_file():
        return None
    held = json.loads(path.read_text(encoding="utf-8"))
    known = _known_of(held, rows)
    if not known:
        return None
    told = "; ".join(
        f"{_called(q, design)}: {' '.join(filter(None, [_forecast(q), q['unit']]))}, "
        f"{q['verdict']}{_outside(q, here)}"
        for q, here in known
    )
    away = [q for q, here in known if _is_outside(q, here)]
    return aside(
        f"One more cohort from the same print, in nine of ten cases by {held['cohorts']} that were "
        f"made ({_MEANS}): {told}.{_made_otherwise(held, source) if away else ''}{_together(away)}"
    )


def _known_of(held: Mapping[str, Any], rows: pd.DataFrame) -> list[tuple[Mapping[str, Any], float]]:
    """The forecasts that an ensemble has of rows, each with the cohort's own number."""
    asked = {row_name(row): row["estimate"] for row in as_records(rows)}
    forecast = (q for q in held["quantities"] if q["low"] is not None)
    return [(q, asked[name]) for q in forecast if (name := row_name(q)) in asked]


def _is_outside(row: Mapping[str, Any], here: float) -> bool:
    return not (math.isnan(here) or row["low"] <= here <= row["high"])


def _outside(row: Mapping[str, Any], here: float) -> str:
    """A word on this cohort's own number where it lies outside of where one more would."""
    return (
        f" ({estimate({**row, 'estimate': here})} here, outside)" if _is_outside(row, here) else ""
    )


def _held_here(held: Mapping[str, Any], rows: pd.DataFrame | None) -> str:
    known = [] if rows is None else _known_of(held, rows)
    known = [(q, here) for q, here in known if not math.isnan(here)]
    if not known:
        return ""
    inside = sum(not _is_outside(q, here) for q, here in known)
    return (
        f" Of this cohort's own numbers in the sections above {inside} of {len(known)} lie inside."
    )


def _made_otherwise(held: Mapping[str, Any], source: Mapping[str, Any] | None) -> str:
    """Why a cohort need not lie where one more would: it was not made as those were."""
    try:
        own = json.loads((Path(source["path"]).parent / "certificate.json").read_text("utf-8"))
    except (OSError, ValueError, TypeError):
        return ""
    if own["checksums"]["cohort"] != checksum(Path(source["path"])):
        return ""
    mine, theirs = ({"unprinted": "searched", **one} for one in (own["settings"], held))
    told = []
    if mine["effort"] != theirs["effort"]:
        told.append(f"it was searched with effort {mine['effort']:g}, they with {held['effort']:g}")
    if mine["unprinted"] != theirs["unprinted"]:
        told.append(_DRAWN[mine["unprinted"]])
    if not told:
        return ""
    text = " Nine in ten is not promised for this cohort, which was made otherwise: "
    text += f"{'; '.join(told)}."
    most, counted = held["matched"]["max"], own["claims"] - own["excluded"]
    if counted != held["counted"] or own["matched"] < most:
        return text
    return (
        f"{text} It meets {own['matched']} of {counted} printed numbers, they at most {most:.0f}: "
        "print allows more than their forecasts span."
    )


def _together(away: list[Mapping[str, Any]]) -> str:
    """A word on numbers outside that are of one endpoint: they are not so many findings."""
    counts = Counter(q["endpoint"] for q in away)
    told = [f"the {n} of {name}" for name, n in counts.items() if n > 1]
    if not told:
        return ""
    each = " each" if len(told) > 1 else ""
    which = f"{' and '.join(told)} that lie outside count as one{each}"
    return f" Numbers of one endpoint move together: {which}."


def _quantities(found: pd.DataFrame, design: Design, caption: str) -> Html:
    body = [
        (
            "",
            [
                ", ".join(filter(None, [_called(row, design), row["unit"]])),
                _shown(row, "median"),
                _forecast(row),
                f"{_shown(row, 'min')} to {_shown(row, 'max')}",
                row["verdict"],
            ],
        )
        for row in as_records(found)
    ]
    header = ["Quantity", "Median", "One more cohort, 90 %", "All", "Print leaves it"]
    notes = [
        "One more cohort, 90 %: mean ± t·s·√(1 + 1/M) of M cohorts, of logarithms for ratios. "
        "pinned: this interval is at most 5 points of survival wide, 3 months of a median, "
        "1 month of a restricted mean, 0.1 of a log hazard ratio, 0.02 of a concordance; "
        "a p value: all cohorts lie on one side of 0.05."
    ]
    if any(row.get("widened") for row in as_records(found)):
        notes.append("Widened from the 5th and 95th percentile, as normal draws would need.")
    return table(caption, header, body, notes, numeric=[1, 2, 3])


def _forecast(row: Mapping[str, Any]) -> str:
    """Where one more cohort would lie; nothing of a p value."""
    if pd.isna(row["low"]):
        return "–"
    return f"{_shown(row, 'low')} to {_shown(row, 'high')}"


def _shown(row: Mapping[str, Any], name: str) -> str:
    return estimate({**row, "estimate": math.nan if row[name] is None else row[name]})


def _called(row: Mapping[str, Any], design: Design) -> str:
    return name_of({**row, "field": "estimate"}, design)
