"""What is wrong with a claim: each check looks at one row, and says column, evidence, remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from crlm.ledger.claim_keys import OF_A_NUMBER, key_faults
from crlm.ledger.claim_numbers import number, number_faults
from crlm.ledger.claim_sizes import counts_model, size_faults
from crlm.ledger.claim_words import Words
from crlm.ledger.errors import Fault
from crlm.ledger.spelling import did_you_mean
from crlm.ledger.vocabulary import (
    FIELDS,
    FLOW,
    KINDS,
    NOT_REACHED,
    NUMBERED_PLACES,
    OPERATORS,
    PERSON_TIME,
    PLACES,
    RATE_UNIT,
    RATE_UNITS,
    STATISTICS,
    TIME_UNITS,
)

Claim = Mapping[str, str]

RATIOS = (
    "hazard_ratio",
    "odds_ratio",
    "subdistribution_hazard_ratio",
    "transition_hazard_ratio",
    "ratio_of_hazard_ratios",
    "rate_ratio",
)
#: Statistics whose value of no effect is 0.
_DIFFERENCES = (
    "difference",
    "rmst_difference",
    "risk_difference",
    "rate_difference",
    "cumulative_incidence_difference",
    "months_in_state_difference",
    "difference_of_risk_differences",
    "difference_of_rmst_differences",
    "reri",
    "coefficient",
    "smd",
)
_OF_A_LEVEL = ("n", "percent")
_AT_A_TIME = (
    "survival_rate",
    "n_at_risk",
    "cumulative_events",
    "rmst",
    "cumulative_incidence",
    "state_probability",
    "months_in_state",
)
#: Follow-up, without an endpoint that of the patients.
_FOLLOW_UP = tuple(name for name in STATISTICS if name.endswith("follow_up"))
_RATES = ("incidence_rate", "patient_years")
_OF_AN_ENDPOINT = (*_AT_A_TIME, "median_survival", *RATIOS, *_RATES, "rate_difference")
_WITHOUT_A_TIME = (
    *OF_A_NUMBER,
    *RATIOS,
    *_FOLLOW_UP,
    *_RATES,
    "rate_difference",
    "median_survival",
)
#: Statistics of one group: a bare column, which compares groups, has no sense for them.
_OF_ONE_GROUP = (
    *OF_A_NUMBER,
    *_OF_A_LEVEL,
    "missing",
    "events",
    *_FOLLOW_UP,
    *_RATES,
    "median_survival",
    "survival_rate",
    "n_at_risk",
    "cumulative_events",
    "cumulative_incidence",
)
#: Statistics of the patients themselves: no model and no month is theirs.
_OF_PATIENTS = (*OF_A_NUMBER, *_OF_A_LEVEL, "missing")
_WHOLE = ("n", "missing", "events", "n_at_risk", "cumulative_events")
_NEVER_NEGATIVE = (*RATIOS, *_WHOLE, "percent", "percent_missing", "p", "chi_square")
_NEVER_NEGATIVE += ("sd", "se", "iqr", "range", *_RATES)
_WITHOUT_LIMITS = ("p", "n", "events", "missing", "patient_years")
_IS_LIMITS = re.compile(r"\b(ci|confidence|limits?)\b", re.IGNORECASE)
#: Units that print may give in place of the statistic's own.
_ALSO = {"months": tuple(TIME_UNITS), RATE_UNIT: tuple(RATE_UNITS), PERSON_TIME[0]: PERSON_TIME}


def claim_faults(claim: Claim, words: Words) -> Iterator[Fault]:
    """Everything that is wrong with one row, the columns in their order."""
    for check in _CHECKS:
        yield from check(claim, words)


def row_faults(claims: Mapping[int, Claim], named: bool) -> Iterator[tuple[int, Fault]]:
    """Ids that are empty or used twice, and names that do not tell two claims apart.

    Parameters
    ----------
    claims : mapping of int to claim
        By their row in Excel.
    named : bool
        Whether the ledger has names.
    """
    ids: dict[str, int] = {}
    names: dict[tuple[str, str], int] = {}
    for row, claim in claims.items():
        name = claim["id"]
        first = ids.setdefault(name, row)
        if not name.strip():
            yield row, Fault("id", "is empty; give each claim a name of its own.")
        elif name != name.strip() or "," in name or not name.isprintable():
            what = "a comma or spaces around it" if name.isprintable() else "a line break or a tab"
            yield row, Fault("id", f"{name!r} has {what}; remove them.")
        elif first != row:
            told = f"{name!r} is used in row {first} too; give each claim its own."
            yield row, Fault("id", told)
        if named:
            yield from ((row, fault) for fault in _name_faults(row, claim, names))


def _name_faults(row: int, claim: Claim, names: dict[tuple[str, str], int]) -> Iterator[Fault]:
    name = claim["name"].strip()
    first = names.setdefault((claim["locator"], name), row)
    if not name:
        yield Fault("name", "is empty; say in plain words what is claimed.")
    elif first != row:
        yield Fault(
            "name",
            f"{claim['name']!r} stands in row {first} with the same locator; "
            "say what tells the two apart.",
        )


# ---- words ----------------------------------------------------------------------------------


def _closed(claim: Claim, words: Words) -> Iterator[Fault]:
    """Words of closed lists."""
    lists = {"kind": KINDS, "field": FIELDS, "model": words.models}
    lists["statistic"] = tuple(STATISTICS)
    for column, known in lists.items():
        if claim[column] not in known:
            limits = column == "statistic" and _IS_LIMITS.search(claim[column])
            told = "limits have the statistic of their number, and the field conf_low or conf_high."
            limited = f"{claim[column]!r} is not known; {told}"
            labels = words.model_labels if column == "model" else {}
            others = _not_known(claim[column], filter(None, known), labels)
            yield Fault(column, limited if limits else others)


def _not_known(word: str, known: Iterator[str], labels: Mapping[str, str] | None = None) -> str:
    told = did_you_mean(word, known, labels or {})
    if not word:
        return f"is empty; {did_you_mean('', known) if told.startswith('did') else told}"
    return f"{word!r} is not known; {told}"


def unknown_place(place: str) -> str:
    """Why a place is none of a ledger, and what it may have meant; "" if it is one."""
    if place in PLACES or re.fullmatch(rf"({'|'.join(NUMBERED_PLACES)})S?\d+[a-z]?", place):
        return ""
    number_of = re.search(r"S?\d+[a-z]?$", place)
    at = number_of[0] if number_of else "1"
    known = [*PLACES, *(f"{word}{at}" for word in NUMBERED_PLACES)]
    word = re.sub(r"_(?=s?\d)", "", re.sub(r"[\s.-]+", "_", place.lower()))
    near = f"{place!r} is not known; did you mean {word!r}?"
    return near if word in known else _not_known(place, iter(known))


def _place(claim: Claim, words: Words) -> Iterator[Fault]:
    if why := unknown_place(claim["place"]):
        yield Fault("place", why)
    if not claim["locator"].strip():
        yield Fault("locator", 'is empty; say where a reader finds it, as "Table 2, Age".')


def _endpoint(claim: Claim, words: Words) -> Iterator[Fault]:
    endpoint, statistic = claim["endpoint"], claim["statistic"]
    if endpoint and endpoint not in words.endpoints:
        told = (
            f"{endpoint!r} is no endpoint of the design; "
            f"{did_you_mean(endpoint, words.endpoints, words.endpoint_labels)}"
        )
        yield Fault("endpoint", told)
    if not endpoint and statistic in _OF_AN_ENDPOINT:
        known = ", ".join(words.endpoints)
        yield Fault("endpoint", f"is empty; {statistic} needs one: {known}.")


def _groups(claim: Claim, words: Words) -> Iterator[Fault]:
    group, statistic = claim["group"], claim["statistic"]
    for told in words.group_faults(group):
        yield Fault("group", told)
    for told in words.population_faults(claim["population"]):
        yield Fault("population", told)
    bare = [part for part in group.split(",") if part in words.known]
    if bare and statistic in _OF_ONE_GROUP and claim["kind"] == "number":
        told = f"{group!r} compares the levels, and {statistic} is of one group; "
        yield Fault("group", f"{told}write {bare[0]}=LEVEL, or all.")
    yield from _nobody(claim)


def _nobody(claim: Claim) -> Iterator[Fault]:
    """Conditions on one column that no patient meets together."""
    held: dict[str, tuple[str, set[str]]] = {}
    parts = [(column, part) for column in ("population", "group") for part in _split(claim[column])]
    if claim["statistic"] in _OF_A_LEVEL and claim["level"] and number(claim["value"]):
        parts.append(("level", f"{claim['covariate']}={claim['level']}"))
    for column, part in parts:
        name, _, levels = part.partition("=")
        if not levels or levels == "known" or levels.startswith("="):
            continue
        where, before = held.get(name, (column, set(levels.split("/"))))
        here = before & set(levels.split("/"))
        if not here:
            told = f"{part!r} and {name}={'/'.join(sorted(before))} of {where} are nobody's; "
            yield Fault(column, f"{told}correct one of the two.")
        held[name] = (column, here or before)


def _split(conditions: str) -> list[str]:
    return [part.strip() for part in conditions.split(",")]


def _covariate(claim: Claim, words: Words) -> Iterator[Fault]:
    name, level = claim["covariate"], claim["level"]
    if not name:
        if level:
            yield Fault("level", f"{level!r} has no covariate; name it, or leave the level out.")
    elif name == FLOW:
        yield from _flow(claim, words)
    elif ":" in name:
        yield from _product(claim, words)
    elif words.unknown(name):
        yield Fault("covariate", words.unknown(name))
    else:
        yield from _level(claim, words)


def _flow(claim: Claim, words: Words) -> Iterator[Fault]:
    level = claim["level"]
    if words.steps and level not in words.steps:
        told = f"{level!r} is no step of the flow chart; {did_you_mean(level, words.steps)}"
        yield Fault("level", told)
    elif not re.fullmatch(r"\w+", level):
        yield Fault("level", f"{level!r} is no step of the flow chart; write it as one word.")
    if claim["statistic"] not in _OF_A_LEVEL:
        told = f"{claim['statistic']!r} is not counted in a flow chart; write n or percent."
        yield Fault("statistic", told)


def _product(claim: Claim, words: Words) -> Iterator[Fault]:
    names, level = claim["covariate"].split(":"), claim["level"]
    if len(set(names)) < len(names):
        told = f"{claim['covariate']!r} is a column by itself; name two."
        yield Fault("covariate", told)
        return
    lacking = [told for told in map(words.unknown, names) if told]
    for told in lacking:
        yield Fault("covariate", told)
    if lacking or not level:
        return
    # A number has no level: what is told are the others'.
    several = [name for name in names if words.levels(name)]
    parts = level.split(":")
    if len(parts) != len(several):
        wanted = ":".join(f"level of {name}" for name in several)
        yield Fault("level", f"{level!r} does not fit {claim['covariate']}; write {wanted}.")
        return
    for name, part in zip(several, parts, strict=True):
        yield from _one_level("level", part, name, words)


def _level(claim: Claim, words: Words) -> Iterator[Fault]:
    name, level, statistic = claim["covariate"], claim["level"], claim["statistic"]
    levels = words.levels(name)
    if name in words.design.scaled and not claim["model"]:
        source = words.design.scaled[name]["source"]
        told = f"{name!r} is for ratios of models, and describes no patients; write {source!r}."
        yield Fault("covariate", told)
    if level and not levels:
        yield Fault("level", f"{level!r} is a level of {name}, which has none; leave it out.")
    elif level:
        yield from _one_level("level", level, name, words)
    # n without a level counts the patients of known value.
    elif levels and statistic in (*RATIOS, "percent"):
        yield Fault("level", f"is empty; {statistic} of {name} needs one: {', '.join(levels)}.")
    if claim["reference"]:
        yield from _reference(claim, words)
    if levels and statistic in OF_A_NUMBER:
        told = f"{statistic!r} is one of a number, but {name} has levels; write n or percent."
        yield Fault("statistic", told)


def _reference(claim: Claim, words: Words) -> Iterator[Fault]:
    yield from _one_level("reference", claim["reference"], claim["covariate"], words)
    if claim["reference"] == claim["level"]:
        yield Fault("reference", f"{claim['reference']!r} is the level itself; name the other.")
    if claim["statistic"] not in (*RATIOS, *_DIFFERENCES, "p", "se", "z"):
        yield Fault("reference", f"has no sense for {claim['statistic']!r}; leave it out.")


def _one_level(column: str, level: str, name: str, words: Words) -> Iterator[Fault]:
    levels = words.levels(name)
    if level not in levels:
        known = did_you_mean(level, levels, words.level_labels(name))
        yield Fault(column, f"{level!r} is no level of {name}; {known}")


def _effect(claim: Claim, words: Words) -> Iterator[Fault]:
    """A ratio is that of a covariate, or between groups, in a model; so is its test."""
    tested = claim["statistic"] in ("p", "se", "z") and bool(claim["covariate"])
    timed = claim["endpoint"] in words.design.endpoints
    if not claim["model"] and (claim["statistic"] in RATIOS or (tested and timed)):
        known = ", ".join(filter(None, words.models))
        yield Fault("model", f"is empty; {claim['statistic']} needs one: {known}.")
    if claim["statistic"] not in RATIOS:
        return
    bare = claim["group"] != "all" and "=" not in claim["group"]
    if not claim["covariate"] and not bare:
        yield Fault("covariate", f"is empty; {claim['statistic']} is that of a covariate.")


# ---- numbers --------------------------------------------------------------------------------


def _operator(claim: Claim, words: Words) -> Iterator[Fault]:
    known = OPERATORS.get(claim["kind"], ())
    if known and claim["operator"] not in known:
        told = f"is empty; there is: {', '.join(known)}."
        if claim["operator"]:
            told = f"{claim['operator']!r} is no operator of a {claim['kind']}; there is: "
            told += f"{', '.join(known)}."
        yield Fault("operator", told)


def _not_reached(claim: Claim, words: Words) -> Iterator[Fault]:
    """A median in whose place print has a word, and no number."""
    if claim["kind"] != NOT_REACHED:
        return
    if claim["statistic"] not in ("", "median_survival"):
        told = f"{NOT_REACHED!r}, but statistic {claim['statistic']}; a median_survival or a limit "
        yield Fault("kind", f"{told}of it alone is that. Leave the row out, or correct its keys.")
    for column in ("value", "decimals", "operator"):
        if claim[column]:
            told = f"{claim[column]!r}, but what is not reached has none; leave it empty, or "
            yield Fault(column, f"{told}write kind number.")
    if not claim["printed"].strip() or number(claim["printed"]) is not None:
        told = f"{claim['printed']!r}; write the paper's word, as 'not reached' or 'NR', or "
        yield Fault("printed", f"{told}kind number.")


def _numbers(claim: Claim, words: Words) -> Iterator[Fault]:
    """Numbers as numbers, and as printed."""
    yield from number_faults(claim)


def _direction(claim: Claim, words: Words) -> Iterator[Fault]:
    """A sentence claims a side of the value of no effect."""
    if claim["kind"] != "direction":
        return
    statistic, value = claim["statistic"], number(claim["value"])
    null = 1 if statistic in RATIOS else 0 if statistic in _DIFFERENCES else None
    if statistic == "p":
        if claim["operator"] not in ("~", "<"):
            told = f"{claim['operator']!r} says nothing of a p value; write ~ for no difference, < "
            yield Fault("operator", f"{told}for one.")
        if value is None or not 0 < value < 1:
            yield Fault("value", "of a sentence on a p value is what counts as a difference: 0.05.")
    elif not claim["value"]:
        wanted = f"{null}" if null is not None else "the value of no effect"
        yield Fault("value", f"is empty; a direction needs the value of no effect: {wanted}.")
    elif null is not None and value not in (null, None):
        told = f"{claim['value']} is not the value of no effect of {statistic}; write {null}."
        yield Fault("value", told)
    if not claim["printed"].strip():
        yield Fault("printed", "is empty; write the sentence of the paper.")


def _limit(claim: Claim, words: Words) -> Iterator[Fault]:
    """A limit of what is printed without limits."""
    if claim["field"] in FIELDS[1:] and claim["statistic"] in _WITHOUT_LIMITS:
        yield Fault("field", f"{claim['field']!r} of {claim['statistic']}; write estimate.")
    elif claim["field"] in FIELDS[1:] and claim["statistic"] == "percent":
        told = "limits of a percentage are those of one level of a characteristic; name it."
        for column in ("covariate", "level"):
            if claim[column] in ("", FLOW):
                yield Fault(column, f"{claim[column] or 'is empty'}: {told}")


def _possible(claim: Claim, words: Words) -> Iterator[Fault]:
    """A number that its statistic cannot be, whatever the patients."""
    value, statistic = number(claim["value"]), claim["statistic"]
    if claim["kind"] != "number" or value is None:
        return
    if value < 0 and statistic in _NEVER_NEGATIVE:
        yield Fault("value", f"{claim['value']} is below 0, which no {statistic} is; correct it.")
    elif statistic in RATIOS and value == 0 and claim["decimals"] == "0":
        yield Fault("value", f"0 is no {statistic}, which is above 0; correct it.")
    elif statistic in _WHOLE and value != int(value):
        yield Fault("value", f"{claim['value']} is no whole number of patients; correct it.")


def _of_patients(claim: Claim, words: Words) -> Iterator[Fault]:
    """A model, or a month, beside what is counted or measured of the patients themselves."""
    if claim["statistic"] not in _OF_PATIENTS or claim["kind"] != "number" or counts_model(claim):
        return
    for column in ("model", "time"):
        if claim[column] and not (column == "time" and claim["statistic"] in OF_A_NUMBER):
            told = f"{claim[column]!r} belongs to no {claim['statistic']}; leave it out."
            yield Fault(column, told)


def _time(claim: Claim, words: Words) -> Iterator[Fault]:
    time, statistic = claim["time"], claim["statistic"]
    if not time and statistic in _AT_A_TIME:
        yield Fault("time", f"is empty; {statistic} needs its month, such as 60.")
    elif time and statistic in _WITHOUT_A_TIME:
        yield Fault("time", f"{time!r} belongs to no {statistic}; leave it out.")
    elif (number(time) or 0.0) < 0:
        yield Fault("time", f"{time!r} is negative; write months after time zero.")


def _unit(claim: Claim, words: Words) -> Iterator[Fault]:
    statistic, unit = STATISTICS.get(claim["statistic"]), claim["unit"]
    if statistic is None or (claim["statistic"] in OF_A_NUMBER and not claim["covariate"]):
        return
    known = _units(claim, words)
    if unit and unit not in known:
        told = did_you_mean(unit, known) if known else "leave it out."
        yield Fault("unit", f"{unit!r} is no unit of {claim['statistic']}; {told}")
    elif not unit and claim["kind"] == "number" and _wants_unit(claim, words):
        yield Fault("unit", f"is empty; {claim['statistic']} needs one: {', '.join(known)}.")


def _units(claim: Claim, words: Words) -> tuple[str, ...]:
    """The units that a claim may have besides none."""
    statistic = claim["statistic"]
    own = STATISTICS[statistic].unit
    if own:
        return _ALSO.get(own, (own,))
    column = words.unit(claim["covariate"])
    of_column = tuple(TIME_UNITS) if column in TIME_UNITS else tuple(filter(None, [column]))
    if statistic in OF_A_NUMBER:
        return of_column
    if statistic == "difference":
        return ("%", *(of_column or TIME_UNITS))
    if statistic == "se" and not claim["covariate"]:
        return ("%",)
    return of_column if statistic in ("coefficient", "se") else ()


def _wants_unit(claim: Claim, words: Words) -> bool:
    """Whether a number without its unit could be taken for another: months for years."""
    time = STATISTICS[claim["statistic"]].unit in _ALSO
    of_column = claim["statistic"] in OF_A_NUMBER and bool(words.unit(claim["covariate"]))
    return time or of_column


_CHECKS: tuple[Callable[[Claim, Words], Iterator[Fault]], ...] = (
    _place,
    _closed,
    _operator,
    _not_reached,
    _numbers,
    _direction,
    _limit,
    _endpoint,
    _groups,
    _covariate,
    _effect,
    _possible,
    _of_patients,
    _time,
    _unit,
    size_faults,
    key_faults,
)
