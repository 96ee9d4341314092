"""What reconstruction.toml declares against what the ledger holds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from crlm.ledger import Design, DesignError
from crlm.ledger.errors import Fault
from crlm.ledger.vocabulary import ALL, FLOW, KNOWN, START, months_in
from crlm.reconstruction.quantities import where_of
from crlm.reconstruction.sharing import shared
from crlm.reconstruction.spreads import category_counts, group_sizes, printed
from crlm.reconstruction.wishes_sense import stays

#: Numbers of months that nobody can have been followed for longer than the study lasted.
_MONTHS = (
    "median_follow_up",
    "min_follow_up",
    "max_follow_up",
    "median_survival",
    "rmst",
)
_QUANTILES = ("min", "q1", "median", "q3", "max")
#: Which share of the patients has at most that value.
_SHARES = {"min": 0, "q1": 0.25, "median": 0.5, "q3": 0.75, "max": 1}
_LISTED = 4

Wishes = Mapping[str, Any]


def print_faults(design: Design, wishes: Wishes, claims: pd.DataFrame) -> list[Fault]:
    """What the file says that the printed numbers of the same paper do not allow.

    Parameters
    ----------
    design : Design
    wishes : mapping
        From `wishes_of`.
    claims : pandas.DataFrame
        From `ledger.load_claims`.

    Returns
    -------
    list of Fault
        Counts that are more or fewer than a group has or that print has otherwise, a period that
        is shorter than a printed follow-up, steps wider than what is printed, a level that not
        every patient has, weights for a column that print has numbers of, a flow chart that
        [[screened]] does not make, a pair that never meets and is printed.
    """
    kept = ~claims["id"].isin(list(wishes.get("excluded") or {}))
    numbers = claims[(claims["kind"] == "number") & kept]
    checks = (
        _groups,
        _sizes,
        _left_over,
        _known_and_unknown,
        _recurrences,
        _knots,
        _never,
        _untold,
        _levels,
        _period,
        _grids,
        _off_the_grid,
        _included,
        _dressed,
        _passing,
        _flow,
    )
    return [fault for check in checks for fault in check(design, wishes, numbers)]


def _columns(wishes: Wishes, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, spec in (wishes.get("columns") or {}).items():
        if spec.get(key):
            yield name, spec[key]


def _groups(design: Design, wishes: Wishes, claims: pd.DataFrame) -> Iterator[Fault]:
    """Groups whose joint sizes print does not give, or of which it has more patients."""
    try:
        sizes = group_sizes(design, wishes, claims)
    except DesignError as error:
        yield Fault("[groups] columns", str(error).partition(": ")[2])
        return
    first, *others = wishes["groups"]["columns"]
    yield from _of_all(first, sum(sizes.values()), others, claims)
    for level in design.levels(first) if others else ():
        whole = printed(claims, "n", f"{first}={level}")
        held = sum(n for levels, n in sizes.items() if levels[0] == level)
        if whole is not None and held != whole:
            names, alone = " and ".join([first, *others]), " and ".join(others)
            of_group = (claims["statistic"] == "n") & (claims["group"] == f"{first}={level}")
            ids = claims.loc[of_group & (claims["covariate"] == ""), "id"]
            yield Fault(
                "[groups] columns",
                f"the groups of {names} are {held} patients with {first} = {level}, and print has "
                f"{whole:g}. Leave out {alone}, by which curves are then hard to meet; or, for a "
                f"cohort of those of known {alone} alone, name that size in [excluded] "
                f"({', '.join(ids)}).",
            )


def _of_all(name: str, held: int, others: list[str], claims: pd.DataFrame) -> Iterator[Fault]:
    """Groups of one column that are not all patients whom print has, wherever it counts them."""
    keys = ["group", "population", "covariate", "endpoint", "model"]
    of_all = (claims["statistic"] == "n") & claims[keys].isin(["", ALL]).all(axis=1)
    whole = claims.loc[of_all].set_index("id")["value"]
    if others or whole.empty or (whole == held).any():
        return
    yield Fault(
        "[groups] columns",
        f"the groups of {name} are {held} patients, and print has {whole.iloc[0]:g} in all. Name "
        f"another column, that is known of all, and curves by {name} are then hard to meet; or, "
        f"for a cohort of these {held} alone, name that size in [excluded] "
        f"({', '.join(whole.index)}).",
    )


def _untold(design: Design, wishes: Wishes, claims: pd.DataFrame) -> Iterator[Fault]:
    """Groups of which neither the file nor print counts the levels of a column."""
    by = design.table_one["by"]
    for name, told in _columns(wishes, "counts"):
        lacking = [
            group
            for group in design.levels(by)
            if group not in told
            and category_counts(design, claims, f"{by}={group}", name, 1).count(None) > 1
            and shared(design, claims, name, group) is None
        ]
        if lacking:
            yield Fault(
                f"[columns.{name}] counts",
                f"neither they nor print say how many with {by} = {', '.join(lacking)} have each "
                "level; add it.",
            )


def _sizes(design: Design, wishes: Wishes, claims: pd.DataFrame) -> Iterator[Fault]:
    """Counts of a group that are not its patients; a table of no level is one of nobody."""
    by = design.table_one["by"]
    for key in ("counts", "unknown"):
        for name, told in _columns(wishes, key):
            for level, held in told.items():
                count = sum(held.values()) if key == "counts" else held
                size = printed(claims, "n", f"{by}={level}")
                lacking = [n for n in design.levels(name) if key == "counts" and n not in held]
                short = bool(held and lacking) and size is not None and count < size
                if size is not None and (count > size or short):
                    what = f"name {', '.join(lacking)} too" if short else "correct it"
                    yield Fault(
                        f"[columns.{name}] {key}",
                        f"{count} patients with {by} = {level}, of whom print has {size:g}; "
                        f"{what}.",
                    )


def _left_over(design: Design, wishes: Wishes, claims: pd.DataFrame) -> Iterator[Fault]:
    """Counts that are fewer than the group, where nothing says that the others are unknown."""
    by = design.table_one["by"]
    for name, spec in (wishes.get("columns") or {}).items():
        own = claims[(claims["covariate"] == name) & (claims["level"] == "")]
        known = own["statistic"].isin(["n", "missing", "percent_tested", "percent_missing"]).any()
        if spec.get("may_be_missing") or known:
            continue
        for level, counts in (spec.get("counts") or {}).items():
            size = printed(claims, "n", f"{by}={level}")
            all_named = set(design.levels(name)) <= set(counts)
            lacking = int(size or 0) - sum(counts.values())
            if size is None or not all_named or lacking <= 0:
                continue
            if (spec.get("unknown") or {}).get(level, 0) < lacking:
                yield Fault(
                    f"[columns.{name}] counts",
                    f"{sum(counts.values())} patients with {by} = {level}, of whom print has "
                    f"{size:g}; correct it, or say unknown = {{ {level} = {lacking} }}.",
                )


def _known_and_unknown(design: Design, wishes: Wishes, claims: pd.DataFrame) -> Iterator[Fault]:
    """Counts and unknown values that are more than the group together."""
    by = design.table_one["by"]
    for name, spec in (wishes.get("columns") or {}).items():
        for level, counts in (spec.get("counts") or {}).items():
            unknown = (spec.get("unknown") or {}).get(level, 0)
            size = printed(claims, "n", f"{by}={level}")
            if unknown and size is not None and sum(counts.values()) <= size:
                if (many := sum(counts.values()) + unknown) > size:
                    told = f"{many} patients with {by} = {level}, counts and unknown together, of "
                    yield Fault(
                        f"[columns.{name}] unknown", f"{told}whom print has {size:g}; correct one."
                    )


def _recurrences(design: Design, wishes: Wishes, claims: pd.DataFrame) -> Iterator[Fault]:
    """More recurrences of a group than it has patients."""
    for group, many in ((wishes.get("sites") or {}).get("recurrences") or {}).items():
        size = printed(claims, "n", group)
        if size is not None and many > size:
            told = f"{many} with {group}, of whom print has {size:g}; correct it."
            yield Fault("[sites.recurrences]", told)


def _knots(design: Design, wishes: Wishes, claims: pd.DataFrame) -> Iterator[Fault]:
    """Knots that say another value of a share than print, where print is not said to be misread."""
    by = design.table_one["by"]
    for name, told in _columns(wishes, "knots"):
        spec = wishes["columns"][name]
        for level, knots in told.items():
            held = {share: value for share, value in knots}
            for statistic, share in _SHARES.items():
                value = printed(claims, statistic, f"{by}={level}", name)
                if value is None or share not in held or statistic in (spec.get("misread") or ()):
                    continue
                if abs(held[share] - value) > max(spec.get("grid", 1.0), 0.02 * abs(value)):
                    yield Fault(
                        f"[columns.{name}] knots",
                        f"{held[share]:g} at the share {share:g} of {by} = {level}, and print has "
                        f"{value:g} as its {statistic}; correct it, or name it in misread.",
                    )


def _never(design: Design, wishes: Wishes, claims: pd.DataFrame) -> Iterator[Fault]:
    """A pair of levels that is said never to meet, of which print counts patients.

    One that begins with a group is told to be exchanged, before this.
    """
    pairs = (wishes.get("realism") or {}).get("never") or ()
    groups = wishes["groups"]["columns"]
    told = {
        frozenset(pair): pair
        for pair in pairs
        if all(p.count("=") == 1 for p in pair) and pair[0].partition("=")[0] not in groups
    }
    counted = claims[(claims["statistic"] == "n") & (claims["value"] > 0)] if told else claims[:0]
    for claim in counted[counted["covariate"] != FLOW].to_dict("records"):
        own = f"{claim['covariate']}={claim['level']}" if claim["level"] else ""
        held = where_of(claim["population"], claim["group"], own)
        pair = next((p for p in told if p <= {"=".join(part) for part in held}), None)
        if pair:
            yield Fault(
                "[realism] never",
                f"{' and '.join(told.pop(pair))}: print has {claim['value']:g} such patients "
                f"({claim['id']}); remove the pair, or correct the claim.",
            )


def _levels(design: Design, wishes: Wishes, claims: pd.DataFrame) -> Iterator[Fault]:
    """Counts of a level that print has otherwise."""
    by, told = design.table_one["by"], dict(_columns(wishes, "counts"))
    counted = claims[(claims["statistic"] == "n") & (claims["operator"] == "=")]
    for claim in counted.to_dict("records") if told else ():
        where = dict(where_of(claim["population"], claim["group"]))
        if claim["level"] and claim["covariate"] != FLOW:
            where[claim["covariate"]] = claim["level"]
        group, (name, level) = where.pop(by, ""), next(iter(where.items()), ("", ""))
        declared = told.get(name, {}).get(group, {}).get(level)
        if len(where) == 1 and declared is not None and declared != claim["value"]:
            yield Fault(
                f"[columns.{name}] counts",
                f"{declared} with {by} = {group} are {level}, of whom print has "
                f"{claim['value']:g} ({claim['id']}); correct it.",
            )


def _period(design: Design, wishes: Wishes, claims: pd.DataFrame) -> Iterator[Fault]:
    """Months that lie beyond the last day of observation."""
    spec = wishes["period"]
    days = (spec["cut_off"] - spec["first"]).days
    month = float(design.conventions["days_per_month"])
    most = days / month
    months = claims["value"] * claims["unit"].map(lambda unit: months_in(unit, month))
    late = claims["statistic"].isin(_MONTHS) & (months > math.ceil(most))
    late |= claims["endpoint"].isin(design.endpoints) & (claims["time"] > math.ceil(most))
    names = claims.loc[late, "id"].tolist()
    if names:
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        yield Fault(
            "[period]",
            f"{most:.0f} months lie between first and cut_off, and print goes beyond them "
            f"({', '.join(names[:_LISTED])}{more}); correct the dates, or the claims.",
        )


def _grids(design: Design, wishes: Wishes, claims: pd.DataFrame) -> Iterator[Fault]:
    """Steps so wide that all that print has of a column is one value."""
    of_column = claims["statistic"].isin(_QUANTILES) & (claims["field"] == "estimate")
    for name, spec in (wishes.get("columns") or {}).items():
        values = claims.loc[of_column & (claims["covariate"] == name), "value"]
        span = float(values.max() - values.min()) if len(values) else 0.0
        if span and spec.get("grid", 0.0) > span:
            yield Fault(
                f"[columns.{name}] grid",
                f"{spec['grid']:g} is wider than all that print has of it ({values.min():g} to "
                f"{values.max():g}); it is the step from one value to the next.",
            )


def _off_the_grid(design: Design, wishes: Wishes, claims: pd.DataFrame) -> Iterator[Fault]:
    """Steps of which none is the lowest or the highest value, as print rounds it."""
    ends = claims["statistic"].isin(["min", "max"]) & (claims["operator"] == "=")
    for name, grid in _columns(wishes, "grid"):
        misread = wishes["columns"][name].get("misread") or ()
        for claim in claims[ends & (claims["covariate"] == name)].to_dict("records"):
            value, half = claim["value"], 0.5 * 10.0 ** -int(claim["decimals"])
            step = grid * round(value / grid)
            if claim["statistic"] not in misread and abs(step - value) > half * (1 + 1e-9):
                yield Fault(
                    f"[columns.{name}] grid",
                    f"no value in steps of {grid:g} is the {claim['statistic']} that print has, "
                    f"{value:g} ({claim['id']}); write a smaller step.",
                )
                break


def _included(design: Design, wishes: Wishes, claims: pd.DataFrame) -> Iterator[Fault]:
    """A level that is said to be everybody's, where print counts patients of another."""
    counted = claims[(claims["statistic"] == "n") & (claims["population"] == ALL)]
    for name, level in (wishes.get("included") or {}).items():
        others = counted[(counted["covariate"] == name) & ~counted["level"].isin(["", level])]
        for claim in others[others["value"] > 0].to_dict("records")[:1]:
            yield Fault(
                f"[included] {name}",
                f"{level!r} of every patient, but print has {claim['value']:g} who are "
                f"{claim['level']} ({claim['id']}); remove it.",
            )


def _passing(design: Design, wishes: Wishes, claims: pd.DataFrame) -> Iterator[Fault]:
    """A column of the flow chart that screened patients have and included ones would lack."""
    rows = [spec["row"] for spec in wishes.get("screened") or ()]
    held = _held(design, wishes, claims)
    for step in design.eligibility:
        name, keep = step["column"], step["keep"]
        if name not in held and any(name in row for row in rows):
            level = f"a level of {name}" if keep == KNOWN else f'"{keep}"'
            told = f"lacks {name}, which [[screened]] has, so that no included patient would pass "
            yield Fault("[included]", f"{told}the step {step['name']}; write {name} = {level}.")


def _held(design: Design, wishes: Wishes, claims: pd.DataFrame) -> set[str]:
    """Columns of which an included patient has a value."""
    said = ("included", "columns", "dressing", "points")
    held = {*wishes["groups"]["columns"], *(name for key in said for name in wishes.get(key) or ())}
    for claim in claims.to_dict("records"):
        held |= {name for name, _ in where_of(claim["population"], claim["group"])}
        held |= {*claim["covariate"].split(":"), *claim["group"].split(",")}
    held |= {name for model in design.models.values() for name in model["covariates"]}
    return held | {design.source(name) for name in held if name in design.made}


def _flow(design: Design, wishes: Wishes, claims: pd.DataFrame) -> Iterator[Fault]:
    """A flow chart that the declared patients do not make."""
    if not wishes.get("screened"):
        return
    try:
        built = _steps(design, wishes, sum(group_sizes(design, wishes, claims).values()))
    except DesignError:
        return
    counted = claims[(claims["covariate"] == FLOW) & (claims["operator"] == "=")]
    for claim in counted.to_dict("records"):
        count = built.get(claim["level"], claim["value"])
        if count != claim["value"]:
            yield Fault(
                "[[screened]]",
                f"{count:,} patients at {claim['level']!r} of the flow chart, of whom print has "
                f"{claim['value']:,.0f} ({claim['id']}); correct n, or row.",
            )


def _steps(design: Design, wishes: Wishes, included: int) -> dict[str, int]:
    """The flow chart that the included and the declared patients make, by its levels."""
    left = [(spec["n"], spec["row"]) for spec in wishes["screened"]]
    made = {START: included + sum(n for n, _ in left)}
    for step in design.eligibility:
        passing = [(n, row) for n, row in left if stays(row, step)]
        made[f"{step['name']}_excluded"] = sum(n for n, _ in left) - sum(n for n, _ in passing)
        left = passing
        made[step["name"]] = included + sum(n for n, _ in left)
    return made


def _dressed(design: Design, wishes: Wishes, claims: pd.DataFrame) -> Iterator[Fault]:
    """Weights for a column whose numbers are printed."""
    for name in wishes.get("dressing") or {}:
        found = claims.loc[claims["covariate"] == name, "id"].tolist()
        if found:
            yield Fault(
                f"[dressing.{name}]",
                f"print has numbers of {name} ({found[0]}), which the search keeps; remove it.",
            )
