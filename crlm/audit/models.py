"""Checks of regression tables as a whole: events, sample, and the rule that chose the variables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from statistics import median

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.facts import WHOLE, Cell, Facts, Key, Printed, models_of
from crlm.audit.intervals import LEAST_ERROR, Interval
from crlm.audit.odds import events_behind
from crlm.audit.ratios import OF_LIKELIHOOD, shown, standard_error, title_of, wald_rows
from crlm.ledger import kind_of
from crlm.ledger.vocabulary import MULTIVARIABLE

#: Room found by simulating 1,400 cohorts of 150 and 674 patients with correlated covariates,
#: on the logarithm of a variance: of one row against the others of its endpoint (weak and
#: strong effects), of one row between two endpoints (two-level and other covariates).
_ROW_ROOM, _ROW_ROOM_STRONG, _STRONG = 0.75, 1.0, 0.8
_PAIR_ROOM, _PAIR_ROOM_OTHER = 0.6, 1.6
#: With fewer events all room is wider.
_FEW_EVENTS, _FEW_FACTOR = 150, 2.0
#: The median variance of a model's rows grew at most 1.54-fold (1.92 with few events).
_GROWTH, _GROWTH_FEW = 1.6, 2.1
#: Growth that adjustment usually brings, for the implied sample.
USUAL_GROWTH = (1.0, 1.3)
#: A variance that shrinks below the first is impossible, below the second remarkable.
_NARROWED = (0.6, 0.94)
_LEAST_ROWS = 5


@dataclass(frozen=True)
class Row:
    """One row of a univariable column, read for its information.

    Attributes
    ----------
    key : Key
    roles : mapping of str to Printed
    se : Interval
        Standard error of the log ratio.
    effect : float
        Log ratio.
    spread : float
        Share of events' information that one event carries, p(1-p) with p the exposed share of
        those at risk as weighted by the hazard ratio; NaN for covariates that are not two groups
        of known size, and for odds ratios.
    sizes : (float, float) or None
        Of an odds ratio of two groups of known size: patients of the first and of the second.
    """

    key: Key
    roles: Mapping[str, Printed]
    se: Interval
    effect: float
    spread: float
    sizes: tuple[float, float] | None = None

    @property
    def events(self) -> Interval:
        """Number of events that the interval implies; NaN if the groups are not known.

        Of an odds ratio the events, or the patients without one if they are fewer.
        """
        if self.sizes is None:
            return tuple(sorted(1 / (s * s * self.spread) for s in self.se))
        ratio = math.exp(self.effect)
        return tuple(sorted(events_behind(s, self.sizes, ratio) for s in self.se))


def share(facts: Facts, cell: Cell) -> float | None:
    """Share of all patients who meet the conditions, from the cell or from its parts."""
    n = facts.size(WHOLE)
    if not n:
        return None
    if facts.size(cell) is not None:
        return facts.size(cell) / n
    for column in sorted({c for key in facts.counts for c, _ in key} - {c for c, _ in cell}):
        parts = [facts.size(cell | {(column, level)}) for level in facts.levels(column)]
        wholes = [facts.size(frozenset({(column, level)})) for level in facts.levels(column)]
        if len(parts) > 1 and None not in parts and None not in wholes and sum(wholes) == n:
            return sum(parts) / n
    return None


@lru_cache(maxsize=32)
def rows_of(facts: Facts, endpoint: str, model: str) -> dict[str, Row]:
    """Rows of one column of a regression table that agree with themselves, by covariate."""
    found = {}
    for key, roles in wald_rows(facts).items():
        if (key.endpoint, key.model, key.population) != (endpoint, model, "all"):
            continue
        if key.statistic not in OF_LIKELIHOOD:
            continue
        se = standard_error({role: p for role, p in roles.items() if role != "p"})
        if se is None or se[0] <= LEAST_ERROR or roles.get("estimate") is None:
            continue
        effect = math.log(max(roles["estimate"].value, 1e-9))
        spread, sizes = _spread(facts, key, effect), _sizes(facts, key)
        found[key.covariate] = Row(key, roles, se, effect, spread, sizes)
    return found


def one_row(a: Row, b: Row) -> bool:
    """Whether two rows are of one contrast: the same levels against each other, one statistic."""
    return all(
        getattr(a.key, name) == getattr(b.key, name) for name in ("level", "reference", "statistic")
    )


def _part(facts: Facts, key: Key) -> float:
    """Share of a row's level among two groups; NaN for others."""
    part = share(facts, frozenset({(key.covariate, key.level)})) if key.level else None
    return part if part and part < 1 and len(facts.levels(key.covariate)) == 2 else math.nan


def _spread(facts: Facts, key: Key, effect: float) -> float:
    part = _part(facts, key)
    if math.isnan(part) or key.statistic == "odds_ratio":
        return math.nan
    odds = part / (1 - part) * math.exp(effect)
    return odds / (1 + odds) ** 2


def _sizes(facts: Facts, key: Key) -> tuple[float, float] | None:
    part, n = _part(facts, key), facts.size(WHOLE)
    if math.isnan(part) or not n or key.statistic != "odds_ratio":
        return None
    return (n * (1 - part), n * part)


def outcome_cell(facts: Facts, endpoint: str) -> Cell | None:
    """Patients with a yes-no outcome; None for times to an event."""
    levels = facts.levels(endpoint.lower())
    if endpoint in facts.design.endpoints or len(levels) != 2:
        return None
    return frozenset({(endpoint.lower(), levels[1])})


def printed_events(facts: Facts, endpoint: str) -> float:
    """Patients with a yes-no outcome as print counts them; NaN for others."""
    cell = outcome_cell(facts, endpoint)
    part = share(facts, cell) if cell else None
    return math.nan if part is None else part * (facts.size(WHOLE) or math.nan)


def endpoint_events(facts: Facts, endpoint: str) -> float:
    """Events of an endpoint; NaN if unknown.

    As counted, of a yes-no outcome; else the median of what its univariable two-level rows imply.
    """
    printed = printed_events(facts, endpoint)
    if not math.isnan(printed):
        return printed
    rows = rows_of(facts, endpoint, "univariable").values()
    implied = [sum(r.events) / 2 for r in rows if r.sizes or not math.isnan(r.spread)]
    return median(implied) if len(implied) >= _LEAST_ROWS else math.nan


@check(
    asks="Do all univariable intervals of an endpoint imply the same number of events?",
    assumes="All patients have a value (as far as counts say); hazards roughly proportional.",
    blind="Differences below a factor of two in the number of events (2.7 for strong effects).",
    soft=True,
    about="reporting",
    digits=False,
)
def events_by_row(facts: Facts) -> Iterator[Case]:
    """Row against row: events implied by each interval, against the median of all rows."""
    for endpoint in facts.design.endpoints:
        usual = endpoint_events(facts, endpoint)
        if math.isnan(usual):
            continue
        for row in rows_of(facts, endpoint, "univariable").values():
            if math.isnan(row.spread):
                continue

            def judge(roles: Roles, row: Row = row, usual: float = usual) -> Outcome:
                return _judge_events(roles, row, usual)

            title = f"{title_of(facts, row.key)}: number of events"
            mine = {role: p for role, p in row.roles.items() if role != "p"}
            yield Case(("information", row.key.covariate), title, mine, judge)


def _judge_events(roles: Roles, row: Row, usual: float) -> Outcome:
    se = standard_error(roles)
    if se is None:
        return unclear("Estimate and limits contradict each other.")
    events = tuple(sorted(1 / (s * s * row.spread) for s in se))
    room = _ROW_ROOM if abs(row.effect) < _STRONG else _ROW_ROOM_STRONG
    room *= _FEW_FACTOR if usual < _FEW_EVENTS else 1.0
    low, high = usual * math.exp(-room), usual * math.exp(room)
    said = (
        f"The interval {shown(roles)} is that of {events[0]:.0f} to {events[1]:.0f} events; "
        f"the other rows of {row.key.endpoint} imply about {usual:.0f}."
    )
    return outcome(events[1] >= low and events[0] <= high, *events, said)


@check(
    asks="Does a covariate's precision change between two endpoints as that of the others does?",
    assumes="The same patients and the same coding in both tables.",
    blind="Differences below a factor of 1.8 in variance (5 for covariates that are not two "
    "groups).",
    soft=True,
    about="reporting",
    digits=False,
)
def events_by_endpoint(facts: Facts) -> Iterator[Case]:
    """Endpoint against endpoint: ratio of variances of each row, against the median of all rows."""
    for first, second in combinations(facts.design.endpoints, 2):
        a, b = (rows_of(facts, e, "univariable") for e in (first, second))
        both = [c for c in a if c in b and one_row(a[c], b[c])]
        if len(both) < _LEAST_ROWS:
            continue
        pairs = {c: (a[c], b[c]) for c in both}
        usual = {
            known: median(
                _log_ratio(*pairs[c], known) for c in both if known is False or _known(*pairs[c])
            )
            for known in (False, True)
            if not known or any(_known(*pairs[c]) for c in both)
        }
        few = min(_least_events(rows) for rows in (a.values(), b.values())) < _FEW_EVENTS
        for covariate, pair in pairs.items():
            yield _pair_case(facts, covariate, pair, usual, few)


def _known(a: Row, b: Row) -> bool:
    return not math.isnan(a.spread + b.spread)


def _log_ratio(a: Row, b: Row, known: bool) -> float:
    value = 2 * math.log(sum(a.se) / sum(b.se))
    return value + math.log(a.spread / b.spread) if known else value


def _least_events(rows: Sequence[Row]) -> float:
    return max((4 / (r.se[1] ** 2) for r in rows if r.key.level), default=0.0)


def _pair_case(
    facts: Facts, covariate: str, pair: tuple[Row, Row], usual: Mapping[bool, float], few: bool
) -> Case:
    roles = {
        f"{i} {role}": p
        for i, row in enumerate(pair)
        for role, p in row.roles.items()
        if role != "p"
    }

    def judge(roles: Roles) -> Outcome:
        return _judge_pair(roles, pair, usual, few)

    names = " and ".join(row.key.endpoint for row in pair)
    title = f"{facts.named(covariate)}: precision in {names}"
    return Case(("information", covariate), title, roles, judge)


def _judge_pair(
    roles: Roles, pair: tuple[Row, Row], usual: Mapping[bool, float], few: bool
) -> Outcome:
    parts = [
        {role.partition(" ")[2]: p for role, p in roles.items() if role.startswith(f"{i} ")}
        for i in (0, 1)
    ]
    errors = [standard_error(part) for part in parts]
    if None in errors:
        return unclear("Estimate and limits contradict each other.")
    known = _known(*pair)
    room = (_PAIR_ROOM if known else _PAIR_ROOM_OTHER) * (_FEW_FACTOR if few else 1.0)
    shift = math.log(pair[0].spread / pair[1].spread) if known else 0.0
    low, high = (2 * math.log(errors[0][i] / errors[1][1 - i]) + shift for i in (0, 1))
    fits = low <= usual[known] + room and high >= usual[known] - room
    names = [row.key.endpoint for row in pair]
    said = (
        f"From {names[1]} {shown(parts[1])} to {names[0]} {shown(parts[0])} the variance changes "
        f"{_fold(low)}- to {_fold(high)}-fold; for the other rows it changes "
        f"{_fold(usual[known])}-fold: other patients, or another coding."
    )
    return outcome(fits, math.exp(low), math.exp(high), said)


@check(
    asks="Does a factor that harms for sure in one endpoint seem to protect in another?",
    assumes="Nothing: chance and biology do this too, so it only points.",
    blind="Estimates on the same side of one.",
    about="reporting",
    points=True,
)
def opposite(facts: Facts) -> Iterator[Case]:
    """Univariable estimates on two sides of one, at least one of them with a clear interval."""
    for first, second in combinations(facts.design.endpoints, 2):
        a, b = (rows_of(facts, e, "univariable") for e in (first, second))
        for covariate in [c for c in a if c in b and one_row(a[c], b[c])]:
            roles = {
                f"{i} {role}": p
                for i, row in enumerate((a[covariate], b[covariate]))
                for role, p in row.roles.items()
                if role != "p"
            }
            title = f"{facts.named(covariate)}: {first} and {second}"
            yield Case(("information", covariate), title, roles, _judge_opposite)


def _judge_opposite(roles: Roles) -> Outcome:
    parts = [
        {role.partition(" ")[2]: p for role, p in roles.items() if role.startswith(f"{i} ")}
        for i in (0, 1)
    ]
    sides = [(p["estimate"].interval[1] < 1) - (p["estimate"].interval[0] > 1) for p in parts]
    clear = [p["low"].interval[0] > 1 or p["high"].interval[1] < 1 for p in parts]
    if sides[0] * sides[1] >= 0 or not any(clear):
        return outcome(True)
    said = f"The effect turns round: {shown(parts[0])} against {shown(parts[1])}."
    return unclear(said, notable=True)


def _fold(log_ratio: float) -> str:
    ratio = math.exp(log_ratio)
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"


def model_words(facts: Facts, key: Key) -> str:
    """A model as a heading has it: "multivariable model", of several "multivariable Model 2"."""
    return f"{MULTIVARIABLE} {facts.design.model_label(key._asdict()) or 'model'}"


def growth_of(facts: Facts, endpoint: str, key: str = MULTIVARIABLE) -> dict[str, Interval]:
    """Growth of each row's variance from the univariable to the column of a model."""
    uni, multi = (rows_of(facts, endpoint, m) for m in ("univariable", key))
    return {
        c: ((multi[c].se[0] / uni[c].se[1]) ** 2, (multi[c].se[1] / uni[c].se[0]) ** 2)
        for c in multi
        if c in uni and one_row(uni[c], multi[c])
    }


@check(
    asks="Can the multivariable model have used the patients of the univariable ones?",
    assumes="Collinearity widens the median row's variance by less than 1.6-fold (2.1-fold with "
    "under 150 events): never reached in 1,700 simulated models.",
    blind="Losses of fewer than a third of the patients.",
    soft=True,
    about="substantive",
    digits=False,
)
def variance_growth(facts: Facts) -> Iterator[Case]:
    """Multivariable against univariable intervals of one endpoint."""
    for endpoint, key in models_of(facts.design):
        growth = growth_of(facts, endpoint, key)
        if len(growth) < 3:
            continue
        roles: dict[str, Printed] = {}
        for model in ("univariable", key):
            for covariate, row in rows_of(facts, endpoint, model).items():
                if covariate in growth:
                    roles |= {
                        f"{kind_of(model)} {covariate} {role}": p
                        for role, p in row.roles.items()
                        if role != "p"
                    }
        if facts.n() is not None:
            roles["n"] = facts.n()
        size = Key(endpoint, "all", "all", "", "", key, "n", None)
        stated = facts.one(size)
        if stated is not None:
            roles["n of the model"] = stated

        def judge(roles: Roles, endpoint: str = endpoint) -> Outcome:
            return _judge_growth(roles, endpoint)

        which = model_words(facts, size)
        own = () if key == MULTIVARIABLE else (key,)
        yield Case(("model", endpoint, *own), f"{endpoint}: patients of the {which}", roles, judge)


def _judge_growth(roles: Roles, endpoint: str) -> Outcome:
    growth, events = _growths(roles)
    if len(growth) < 3:
        return unclear("Too few rows whose numbers agree.")
    low, high = (median(g[i] for g in growth) for i in (0, 1))
    used = 1.0
    if "n of the model" in roles and "n" in roles and roles["n"].count > 0:
        used = min(roles["n of the model"].count / roles["n"].count, 1.0)
    limit = (_GROWTH_FEW if events < _FEW_EVENTS else _GROWTH) / max(used, 0.01)
    said = f"The variances of {endpoint} grow {low:.1f}- to {high:.1f}-fold with adjustment"
    if "n" in roles and low > limit:
        n = roles["n"].count
        span = implied_sample(n, (low, high))
        said += f", as if about {span[0]:.0f} to {span[1]:.0f} of {n} patients were in the model"
    return outcome(low <= limit, low, high, f"{said}.")


@check(
    asks="Does adjustment narrow an interval?",
    assumes="The same patients: then adjustment narrows a variance by a tenth at most, and by "
    "more than a third in no simulated model.",
    blind="Different patients in both columns that happen to be as many.",
    soft=True,
    about="reporting",
    digits=False,
)
def narrowing(facts: Facts) -> Iterator[Case]:
    """Rows whose multivariable variance is smaller than the univariable one."""
    for endpoint, key in models_of(facts.design):
        uni, multi = (rows_of(facts, endpoint, m) for m in ("univariable", key))
        for covariate in growth_of(facts, endpoint, key):
            roles = {
                f"{name} {role}": printed
                for name, row in (("before", uni[covariate]), ("after", multi[covariate]))
                for role, printed in row.roles.items()
                if role != "p"
            }
            which = facts.design.model_label(multi[covariate].key._asdict())
            title = f"{facts.named(covariate)}, {endpoint}: precision before and after adjustment"
            title += f", {which}" if which else ""
            yield Case(("information", covariate), title, roles, _judge_narrowing)


def _judge_narrowing(roles: Roles) -> Outcome:
    parts = [
        {role.partition(" ")[2]: p for role, p in roles.items() if role.startswith(when)}
        for when in ("before", "after")
    ]
    before, after = (standard_error(part) for part in parts)
    if before is None or after is None:
        return unclear("Estimate and limits contradict each other.")
    low, high = (after[0] / before[1]) ** 2, (after[1] / before[0]) ** 2
    said = (
        f"The interval is narrower after adjustment, {shown(parts[1])}, than before, "
        f"{shown(parts[0])}; the two columns seem to hold different patients."
    )
    if high < _NARROWED[0]:
        return outcome(False, low, high, said)
    return (
        unclear(said, low, high, notable=True) if high < _NARROWED[1] else outcome(True, low, high)
    )


def implied_sample(n: int, growth: Interval) -> Interval:
    """Patients behind a model, from the growth of its variances, given usual collinearity."""
    return n * USUAL_GROWTH[0] / growth[1], min(float(n), n * USUAL_GROWTH[1] / growth[0])


def _growths(roles: Roles) -> tuple[list[Interval], float]:
    covariates = {role.split(" ")[1] for role in roles if role.startswith("multivariable ")}
    found, events = [], 0.0
    for covariate in sorted(covariates):
        uni, multi = (
            standard_error(
                {part: roles[f"{model} {covariate} {part}"] for part in ("estimate", "low", "high")}
            )
            for model in ("univariable", "multivariable")
        )
        if uni is not None and multi is not None:
            found.append(((multi[0] / uni[1]) ** 2, (multi[1] / uni[0]) ** 2))
            events = max(events, 4 / uni[1] ** 2)
    return found, events
