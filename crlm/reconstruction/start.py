"""The first cohort of a search: print's counts and quantiles, plausible times.

Groups have their printed sizes, categories their printed counts, numbers their printed
extremes and quantiles; times are drawn so that curves pass near the printed medians and
rates. Everything else is chance, and the search moves it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crlm.endpoints.declared import counting
from crlm.ledger import Design, DesignError, without_models
from crlm.ledger.errors import Fault, refusal
from crlm.ledger.vocabulary import months_in
from crlm.reconstruction import nested, sharing, spreads
from crlm.reconstruction.against_print import print_faults
from crlm.reconstruction.arrays import MOST_COLUMNS, OUT, Columns, Freedom, Plan, State
from crlm.reconstruction.clocks import clocks_of
from crlm.reconstruction.codes import OF_COLUMNS
from crlm.reconstruction.columns import following
from crlm.reconstruction.courses import courses
from crlm.reconstruction.derived import derive_all, derive_columns, violations
from crlm.reconstruction.models import levels_of, where_of
from crlm.reconstruction.spreads import group_sizes
from crlm.reconstruction.targets import Target


def first_cohort(
    design: Design,
    wishes: Mapping[str, Any],
    claims: pd.DataFrame,
    plan: Plan,
    columns: Columns,
    targets: Sequence[Target],
    seed: int,
    draw: bool = False,
) -> tuple[State, Freedom]:
    """A first cohort, and what the search may change of it; `draw` as of `search.prepare`."""
    faults = print_faults(design, wishes, claims)
    led = {name: made.source for name, made in following(design).items()}
    for name in led.keys() & {*wishes.get("columns", {})} & {*columns.names[columns.n_base :]}:
        told = (
            f"{name} follows from {led[name]}, which the search has too, so that nothing of it is "
            f"open; remove it, and say under [columns.{led[name]}] what print leaves open."
        )
        faults.append(Fault(f"[columns.{name}]", told))
    if faults:
        raise DesignError(refusal(f"data/{design.study}/reconstruction.toml", faults))
    rng = np.random.default_rng(seed)
    sizes = group_sizes(design, wishes, claims)
    n = sum(sizes.values())
    names = wishes["groups"]["columns"]
    members = np.repeat(np.arange(len(sizes)), list(sizes.values()))
    x = _values(design, wishes, claims, columns, sizes, members, rng)
    table = x[columns.at(design.table_one["by"])].astype(np.int64)
    freedom = _freedom(design, wishes, claims, plan, columns, table)
    days = [(clocks_of(design).index(name), day) for name, day in anchors(targets, plan.month)]
    freedom = freedom._replace(anchor=np.array(days, dtype=np.int64).reshape(-1, 2))
    deaths = [_deaths(design, claims, dict(zip(names, group, strict=True))) for group in sizes]
    free = np.random.default_rng([seed, n]) if draw else None
    given = (list(sizes), names, members, deaths, wishes["period"])
    fate = courses(design, claims, plan, freedom, *given, rng, free)
    blocks = len(plan.kind)
    state = State(
        fate,
        x,
        *(np.zeros((len(plan.after), n), np.int64) for _ in range(3)),
        members.astype(np.int64),
        table,
        np.full((blocks, OUT), np.nan),
        np.zeros(blocks),
        np.zeros((blocks, MOST_COLUMNS + 1)),
        np.ones(len(plan.slot)),
    )
    _linked(design, wishes, columns, x)
    _forget(design, wishes, claims, columns, x, table, rng)
    derive_all(state, plan)
    if not _repair(state, plan, freedom, rng):
        pairs = "; ".join(" and ".join(pair) for pair in wishes["realism"]["never"])
        told = f"no cohort avoids {pairs}: too many patients have both; remove a pair."
        fault = Fault("[realism] never", told)
        raise DesignError(refusal(f"data/{design.study}/reconstruction.toml", [fault]))
    derive_all(state, plan)
    return state, freedom


def _values(
    design: Design,
    wishes: Mapping[str, Any],
    claims: pd.DataFrame,
    columns: Columns,
    sizes: Mapping[tuple[str, ...], int],
    members: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Values of the columns that hold some of their own; the others follow later."""
    names = wishes["groups"]["columns"]
    x = np.full((len(columns.names), len(members)), np.nan)
    for at, name in enumerate(names):
        codes = [levels_of(design, name).index(levels[at]) for levels in sizes]
        x[columns.at(name)] = np.array(codes, dtype=float)[members]
    table = x[columns.at(design.table_one["by"])].astype(np.int64)
    joint = counted_jointly(design, wishes, claims)
    nests, untold = nested.nested(design, wishes, claims), []
    for name in columns.names[: columns.n_base]:
        if name in names or name in nests:
            continue
        try:
            if name in joint:
                dealt = _shuffled(_dealt_by_group(design, claims, name, sizes, names), members, rng)
            else:
                dealt = _column(design, wishes, claims, name, table, rng)
            x[columns.at(name)] = dealt
        except DesignError as error:
            untold.append(str(error))
    if untold:
        raise DesignError("\n".join(untold))
    for name, made in following(design).items():
        if name in columns.names[columns.n_base :]:
            x[columns.at(name)] = made.codes(x[columns.at(made.source)])
    nested.deal(design, nests, columns, x, rng)
    return x


def anchors(targets: Sequence[Target], month: float) -> list[tuple[str, int]]:
    """(endpoint, day) on which print wants an event: medians that only one whole day can give."""
    found = set()
    for target in targets:
        quantity = target.quantity
        if quantity.part == "median_survival" and quantity.limit == "estimate":
            days = range(math.ceil(target.low * month), math.ceil(target.high * month))
            if len(days) == 1:
                found.add((quantity.endpoint, days[0]))
    return sorted(found)


# ---- characteristics -----------------------------------------------------------------------


def _column(
    design: Design,
    wishes: Mapping[str, Any],
    claims: pd.DataFrame,
    name: str,
    table: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Values of one column, group by group of Table 1, in random order."""
    values = np.full(len(table), np.nan)
    for code, level in enumerate(levels_of(design, design.table_one["by"])):
        inside = np.flatnonzero(table == code)
        if name == "site":
            found = rng.choice(
                len(wishes["sites"]["start"]),
                len(inside),
                p=np.array(wishes["sites"]["start"]) / sum(wishes["sites"]["start"]),
            )
        elif levels_of(design, name):
            found = _categories(design, wishes, claims, name, level, len(inside))
        else:
            found = spreads.within(design, wishes, claims, name, level, len(inside))
        values[inside] = rng.permutation(np.asarray(found, dtype=float))
    return values


def counted_jointly(design: Design, wishes: Mapping[str, Any], claims: pd.DataFrame) -> set[str]:
    """Categories whose levels print counts in every joint group; exchanged within these."""
    sizes, by = group_sizes(design, wishes, claims), wishes["groups"]["columns"]
    found = without_models(claims[claims["statistic"] == "n"])
    told = [where_of(*keys) for keys in zip(found["group"], found["population"], strict=True)]
    whose = dict.fromkeys([*found["covariate"], *(name for where in told for name, _ in where)])
    names = [name for name in whose if name in design.columns and name not in by]
    fixed = {*wishes.get("columns", {})}
    return {
        name
        for name in names
        if name not in fixed
        and design.columns[name].get("role") not in ("time", "event")
        and levels_of(design, name)
        and _dealt_by_group(design, claims, name, sizes, by) is not None
    }


def _shuffled(values: np.ndarray, members: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Values in random order within each joint group."""
    values = values.copy()
    for group in np.unique(members):
        values[members == group] = rng.permutation(values[members == group])
    return values


def _dealt_by_group(
    design: Design,
    claims: pd.DataFrame,
    name: str,
    sizes: Mapping[tuple[str, ...], int],
    by: Sequence[str],
) -> np.ndarray | None:
    """Codes of a category where print counts its levels in every joint group; else None."""
    levels, dealt = levels_of(design, name), []
    for group, size in sizes.items():
        where = frozenset(zip(by, group, strict=True))
        found = [spreads.counted(claims, {*where, (name, level)}) for level in levels]
        counts = [int(count) for count in found if count is not None]
        if len(where) < 2 or len(counts) < len(levels) or sum(counts) > size:
            return None
        codes = np.repeat(np.arange(len(levels)), counts).astype(float)
        dealt.append(np.concatenate([codes, np.full(size - len(codes), np.nan)]))
    return np.concatenate(dealt)


def _deaths(design: Design, claims: pd.DataFrame, group: Mapping[str, str]) -> int | None:
    """Deaths that print counts in a joint group, by the endpoint that ends with death."""
    endpoint, where = design.followed_to(), frozenset(group.items())
    rule = counting(design, endpoint) if endpoint in design.endpoints else None
    if rule is None or rule.recurrence or rule.failure:
        return None
    found = spreads.counted(claims, {*where, (f"{endpoint.lower()}_event", "1")})
    if found is not None:
        return int(found)
    told = claims[(claims["statistic"] == "events") & (claims["endpoint"] == endpoint)]
    for claim in without_models(told).to_dict("records"):
        if frozenset(where_of(claim["population"], claim["group"])) == where:
            return int(claim["value"])
    return None


def _categories(
    design: Design, wishes: Mapping[str, Any], claims: pd.DataFrame, name: str, group: str, n: int
) -> list[float]:
    """Codes of a category: printed counts, else declared ones; the rest is the open level."""
    levels, own = levels_of(design, name), f"{design.table_one['by']}={group}"
    declared = wishes.get("columns", {}).get(name, {}).get("counts", {}).get(group)
    gaps = 0 if declared else spreads.unknown(design, wishes, claims, name).get(group, 0)
    if gaps >= n:  # Not measured in this group.
        return [math.nan] * n
    if declared is None:
        counts = spreads.category_counts(design, claims, own, name, n, gaps)
    else:
        counts = [declared.get(level, 0) for level in levels]
    counts = spreads.of_group(design, claims, name, group, counts, n)
    open_ = [k for k, count in enumerate(counts) if count is None]
    total = int(sum(count or 0 for count in counts))
    if len(open_) > 1:
        shared = sharing.shared(design, claims, name, group)
        if shared is not None:
            return shared[:n] + [math.nan] * (n - len(shared))
        raise DesignError(
            f"{design.study}: print counts the levels of {name} neither with "
            f"{design.table_one['by']} = {group} nor among all patients."
            f"{sharing.elsewhere(design, claims, name, own)} Say in reconstruction.toml how many "
            f"there are: [columns.{name}] counts = {{ {group} = "
            f"{{ {' = 0, '.join(levels)} = 0 }} }}."
        )
    if open_:
        counts[open_[0]] = max(0, n - total - gaps)
    codes = [float(k) for k, count in enumerate(counts) for _ in range(int(count or 0))]
    return codes[:n] + [math.nan] * (n - len(codes))


def _linked(design: Design, wishes: Mapping[str, Any], columns: Columns, x: np.ndarray) -> None:
    """Values that another column dictates: an interval of 0 with synchronous metastases."""
    for name, spec in wishes.get("columns", {}).items():
        for condition, value in spec.get("given", {}).items():
            other, _, level = condition.partition("=")
            held = x[columns.at(other)] == levels_of(design, other).index(level)
            x[columns.at(name), held] = value


def _forget(
    design: Design,
    wishes: Mapping[str, Any],
    claims: pd.DataFrame,
    columns: Columns,
    x: np.ndarray,
    table: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Values that the paper did not have, as many as declared, where no other column gives them.

    Of a number as many as print has, where none are declared; of a category its counts tell.
    """
    for name in columns.names[: columns.n_base]:
        spec = wishes.get("columns", {}).get(name, {})
        of_print = not levels_of(design, name) and name in design.columns
        told = spreads.unknown(design, wishes, claims, name) if of_print else {}
        open_ = np.ones(len(table), dtype=bool)
        for condition in spec.get("given", ()):
            other, _, level = condition.partition("=")
            open_ &= x[columns.at(other)] != levels_of(design, other).index(level)
        for level, count in (told | spec.get("unknown", {})).items():
            code = levels_of(design, design.table_one["by"]).index(level)
            among = np.flatnonzero(open_ & (table == code))
            chosen = rng.choice(among, min(count, len(among)), replace=False)
            x[columns.at(name), chosen] = math.nan


def _repair(state: State, plan: Plan, freedom: Freedom, rng: np.random.Generator) -> bool:
    """Exchange values until nobody has a forbidden pair; False if that does not come about."""
    n = len(state.fate)
    wrong = np.array([violations(state.x[:, i], plan) > 0 for i in range(n)])
    for _ in range(200 * n):
        if not wrong.any():
            return True
        i = int(rng.choice(np.flatnonzero(wrong)))
        column = (
            int(plan.forbidden[0, 0])
            if len(plan.forbidden) == 1
            else int(rng.choice(plan.forbidden[:, 0]))
        )
        j = int(rng.choice(np.flatnonzero(state.table_group == state.table_group[i])))
        bundle = _bundle_of(column, plan, freedom)
        for c in bundle[bundle >= 0]:
            state.x[c, [i, j]] = state.x[c, [j, i]]
        for patient in (i, j):
            derive_columns(patient, state, plan)
            wrong[patient] = violations(state.x[:, patient], plan) > 0
    return False


def _bundle_of(column: int, plan: Plan, freedom: Freedom) -> np.ndarray:
    """The columns that are exchanged with one, or with the first that it follows from."""
    rule_of = {int(to): k for k, to in enumerate(plan.rule_to)}
    while column in rule_of:
        k = rule_of[column]
        several = plan.rule[k] in OF_COLUMNS
        column = int(plan.rule_set[k, 0] if several else plan.rule_from[k])
    found = [unit for unit in freedom.bundle if column in unit]
    if not found:
        raise DesignError(
            "realism.never begins with a condition on the groups themselves, which are as print "
            "has them; name the other condition first."
        )
    return found[0]


def _freedom(
    design: Design,
    wishes: Mapping[str, Any],
    claims: pd.DataFrame,
    plan: Plan,
    columns: Columns,
    table: np.ndarray,
) -> Freedom:
    width, groups = len(columns.names), int(table.max()) + 1
    numeric, free = np.zeros(width, bool), np.zeros(width, np.int64)
    missing, grid = np.zeros(width, bool), np.ones(width)
    lowest, highest = np.zeros((width, groups)), np.full((width, groups), np.inf)
    by = design.table_one["by"]
    for at, name in enumerate(columns.names[: columns.n_base]):
        spec = wishes.get("columns", {}).get(name, {})
        levels = levels_of(design, name)
        numeric[at] = not levels and name != "site"
        grid[at], missing[at] = (
            spreads.step(design, claims, name, spec),
            spec.get("may_be_missing", False),
        )
        if name == "site":
            free[at] = len(wishes["sites"]["start"])
        elif spec.get("free"):
            free[at] = len(levels)
        if numeric[at]:
            lowest[at], highest[at] = spreads.allowed(design, name, grid[at])
        for code, level in enumerate(levels_of(design, by)):
            knots = {float(share): v for share, v in spec.get("knots", {}).get(level, ())}
            for bound, key, share in ((lowest, "min", 0.0), (highest, "max", 1.0)):
                printed = spreads.printed(claims, key, f"{by}={level}", name)
                printed = None if key in spec.get("misread", ()) else printed
                if printed is None and not knots and key not in spec.get("misread", ()):
                    printed = spreads.bound_of_all(claims, key, f"{by}={level}", name)
                value = knots.get(share, printed)
                if value is not None:
                    bound[at, code] = value
            ends = spreads.ends_of_group(design, claims, name, level, grid[at])
            lowest[at, code] = max(lowest[at, code], ends[0])
            highest[at, code] = min(highest[at, code], ends[1])
        if spreads.is_folded(design, name):
            lowest[at] = np.maximum(lowest[at], spreads.allowed(design, name, grid[at])[0])
    nests = nested.nested(design, wishes, claims)
    together = nested.units(design, nests, list(wishes["groups"]["columns"]))
    bundles = _bundles(wishes, columns, together)
    joint = counted_jointly(design, wishes, claims)
    names = [{columns.names[at] for at in bundle if at >= 0} for bundle in bundles]
    return Freedom(
        bundles,
        np.array([bool(held & joint) and held <= joint | {*nests} for held in names]),
        numeric,
        free,
        missing,
        grid,
        lowest,
        highest,
        np.zeros((0, 2), np.int64),
        *_ends(claims, plan, wishes["period"], design),
    )


def _bundles(
    wishes: Mapping[str, Any], columns: Columns, together: Sequence[Sequence[str]]
) -> np.ndarray:
    """Columns that are exchanged together, one row a bundle: as declared, else as told by print."""
    fixed = wishes["groups"]["columns"]
    declared = [list(names) for names in wishes.get("units", ())]
    said = {name for names in declared for name in names}
    own = [[name for name in names if name not in said] for names in together]
    declared += [names for names in own if len(names) > 1]
    bundled = {name for names in declared for name in names}
    alone = [[n] for n in columns.names[: columns.n_base] if n not in bundled and n not in fixed]
    bundles = [names for names in declared + alone if names]
    rows = np.full((len(bundles), max(len(names) for names in bundles)), -1)
    for row, names in zip(rows, bundles, strict=True):
        row[: len(names)] = [columns.at(name) for name in names]
    return rows.astype(np.int64)


def _ends(
    claims: pd.DataFrame, plan: Plan, period: Mapping[str, Any], design: Design
) -> tuple[int, int]:
    """Latest and earliest end of observation (days), from the printed range of follow-up.

    Where none is printed, the calendar bounds it: nobody is followed from before the first
    operation or beyond the last day of observation. The shortest follow-up
    of survivors bounds no death.
    """
    days = {
        "max_follow_up": (0.0, (period["cut_off"] - period["first"]).days + 1.0),
        "min_follow_up": (1.0, 1.0),
    }
    for name in ("max_follow_up", "min_follow_up"):
        found = claims[(claims["statistic"] == name) & (claims["group"] == "all")]
        found = found[found["endpoint"].isin(("", design.followed_to()))]
        if name == "min_follow_up" and design.conventions["follow_up"] == "survivors":
            continue
        if not len(found):
            continue
        row = found.iloc[0]
        unit = months_in(row["unit"], plan.month)
        months, half = row["value"] * unit, 0.5 * 10.0 ** -row["decimals"] * unit
        days[name] = (months - half) * plan.month, (months + half) * plan.month
    latest = math.ceil(days["max_follow_up"][1]) - 1
    return latest, max(1, math.ceil(days["min_follow_up"][0]))
