"""Which keys of a claim go together: what a statistic is of, and what it is not of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from crlm.ledger.claim_rates import follow_up_faults, rate_faults
from crlm.ledger.claim_sizes import counts_model
from crlm.ledger.claim_words import Words
from crlm.ledger.errors import Fault
from crlm.ledger.models import about, kind_of
from crlm.ledger.vocabulary import (
    ADJUSTMENTS,
    FIRST_RECURRENCE,
    FLOW,
    FROM_MONTH,
    GRAY,
    MULTIVARIABLE,
)

Claim = Mapping[str, str]

#: Statistics of a measured number, in the unit of its column.
OF_A_NUMBER = ("median", "mean", "sd", "min", "max", "q1", "q3", "iqr", "range")
#: Statistics of a time to an event; a yes-no outcome has odds ratios.
_OF_TIMES = (
    "hazard_ratio",
    "subdistribution_hazard_ratio",
    "median_survival",
    "survival_rate",
    "n_at_risk",
    "cumulative_events",
    "rmst",
)
_OF_PATIENTS = (*OF_A_NUMBER, "n", "percent", "missing", "percent_missing")
_RATIOS = ("hazard_ratio", "odds_ratio", "subdistribution_hazard_ratio")
_TESTED = ("p", "se", "z", "coefficient")
_BETWEEN = ("difference", "smd")
_SUBDISTRIBUTION = "subdistribution_hazard_ratio"
#: What there is of a cumulative incidence; its p is Gray's.
_OF_INCIDENCES = ("cumulative_incidence", "cumulative_incidence_difference", "events", "n", "p")
#: Tests, which estimate nothing.
_TESTS = ("logrank", GRAY, "ph_test")
#: And of its models, which are Fine and Gray's.
_OF_ITS_MODELS = (_SUBDISTRIBUTION, *("p", "se", "z", "coefficient"))
_ITS_MODELS = ("univariable", MULTIVARIABLE)
_YEARS = re.compile(r"(?<![\d.-])(\d{1,2})[- ‐‑–]?(?:years?|yrs?)\b", re.IGNORECASE)


def key_faults(claim: Claim, words: Words) -> Iterator[Fault]:
    """What is wrong with the keys of a row though each of them is known.

    A number that the paper misprinted is no fault here: it stands in the ledger as printed, and
    the audit finds it.
    """
    for check in _CHECKS:
        yield from check(claim, words)


def _of_nothing(claim: Claim, words: Words) -> Iterator[Fault]:
    """A median of no column, events of no endpoint."""
    statistic = claim["statistic"]
    if claim["covariate"] or claim["kind"] != "number":
        return
    if statistic in OF_A_NUMBER:
        yield Fault("covariate", f"is empty; {statistic} is that of a measured column.")
    elif statistic == "events" and not claim["endpoint"]:
        known = ", ".join(words.endpoints)
        yield Fault("endpoint", f"is empty; events are those of an endpoint: {known}.")


def _outcome(claim: Claim, words: Words) -> Iterator[Fault]:
    """A hazard ratio of a yes-no outcome, an odds ratio of a time to an event."""
    endpoint, statistic = claim["endpoint"], claim["statistic"]
    if endpoint not in words.endpoints or endpoint == FIRST_RECURRENCE:
        return
    timed = endpoint in words.design.endpoints
    if endpoint in words.design.incidences:
        return
    of_patients = statistic in _OF_PATIENTS and not counts_model(claim)
    if timed and claim["covariate"] and of_patients:
        told = f"{endpoint!r} belongs to no {statistic} of a characteristic; leave it out"
        yield Fault("endpoint", f"{told}{', or write events' if statistic == 'n' else ''}.")
    if statistic == _SUBDISTRIBUTION:
        counted = ", ".join(words.design.incidences)
        known = f"write one of {counted}" if counted else "declare it as [incidences.NAME]"
        told = f"{endpoint!r} is no incidence, and {statistic} is that of an event while another "
        yield Fault("endpoint", f"{told}competes; {known}, and a model of it in [models].")
    elif not timed and statistic in _OF_TIMES:
        told = f"{statistic!r} is of a time to an event, and {endpoint} is a yes-no outcome; "
        yield Fault("statistic", f"{told}write odds_ratio, n or percent, or name an endpoint.")
    elif timed and statistic == "odds_ratio":
        told = f"'odds_ratio' is of a yes-no outcome, and {endpoint} is a time to an event; "
        yield Fault("statistic", f"{told}write hazard_ratio, or name a column as endpoint.")


def _incidence(claim: Claim, words: Words) -> Iterator[Fault]:
    """What is none of a cumulative incidence, and Gray's test of what is none."""
    counted, name, model = words.design.incidences, claim["endpoint"], claim["model"]
    if name not in counted:
        if model == GRAY:
            known = ", ".join(counted) or "none yet; declare it as [incidences.NAME]"
            told = f"{name!r} is no cumulative incidence, which Gray's test compares; there is: "
            yield Fault("endpoint", f"{told}{known}.")
        return
    if counts_model(claim):
        return
    own, statistic = counted[name]["endpoint"], claim["statistic"]
    if statistic in _RATIOS or claim["covariate"]:
        yield from _of_its_model(claim, own)
        return
    if statistic not in _OF_INCIDENCES:
        told = f"{name!r} is a cumulative incidence, which has no {statistic}"
        instead = "cumulative_incidence" if statistic == "survival_rate" else ""
        remedy = f"write {instead}" if instead else f"name its endpoint, {own}"
        yield Fault("statistic" if instead else "endpoint", f"{told}; {remedy}.")
    elif statistic == "p" and model != GRAY:
        told = f"{model!r} is no" if model else "is empty; that is no"
        yield Fault("model", f"{told} test of a cumulative incidence; write {GRAY}.")
    elif statistic != "p" and model:
        yield Fault("model", f"{model!r} belongs to no {statistic} of {name}; leave it out.")


def _of_its_model(claim: Claim, own: str) -> Iterator[Fault]:
    """What is none of a model of an event while another competes."""
    name, statistic, model = claim["endpoint"], claim["statistic"], claim["model"]
    if statistic not in _OF_ITS_MODELS:
        told = f"{name!r} is an event while another competes, and has no {statistic}"
        told += f" of {claim['covariate']}" if claim["covariate"] else ""
        if statistic in _RATIOS:
            told += f"; write {_SUBDISTRIBUTION}, or, of a cause-specific ratio, endpoint {own}."
            yield Fault("statistic", told)
        else:
            yield Fault("endpoint", f"{told}; name its endpoint, {own}, or leave it out.")
    elif ":" in claim["covariate"]:
        told = f"{claim['covariate']!r} is a product, which is not built for a model of {name}; "
        yield Fault("covariate", f"{told}leave the row out.")
    elif kind_of(model) not in _ITS_MODELS:
        told = f"{model!r} is no model of {name}" if model else "is empty"
        yield Fault("model", f"{told}; write {' or '.join(_ITS_MODELS)}.")


def _compared(claim: Claim, words: Words) -> Iterator[Fault]:
    """A test that compares groups names the column that makes them, not one of them."""
    group, model = claim["group"], claim["model"]
    if claim["statistic"] != "p":
        return
    of_table = not model and bool(claim["covariate"]) and not claim["endpoint"]
    if model in ("logrank", GRAY) or of_table:
        parts = [part for part in group.split(",") if part]
        one = next((part.partition("=")[0] for part in parts if "=" in part), "")
        if one:
            told = f"{group!r} is one group, and a p value compares several; write {one}"
            yield Fault("group", f"{told}, and conditions as population.")
        elif group == "all":
            what = "the curves" if model else "the groups"
            told = f"'all' is one group, and a p value compares several; write the column of {what}"
            yield Fault("group", f"{told}, such as {words.design.table_one['by']}.")
    if of_table and claim["time"]:
        yield Fault("time", f"{claim['time']!r} belongs to no p of a characteristic; leave it out.")
    if not (model or claim["covariate"] or claim["endpoint"]) and group == "all":
        yield Fault("covariate", "is empty; a p value is that of a characteristic or of a curve.")


def _tested(claim: Claim, words: Words) -> Iterator[Fault]:
    """A model of times without their endpoint, a ratio of a test, a test of one level."""
    statistic, model, level = claim["statistic"], claim["model"], claim["level"]
    if model and not claim["endpoint"] and statistic not in _OF_TIMES:
        known = ", ".join(words.endpoints)
        told = f"is empty; {statistic} of model {model!r} is that of an endpoint: {known}."
        yield Fault("endpoint", told)
    if statistic in _RATIOS and model in _TESTS:
        told = f"{model!r} is a test and has no {statistic}; that of one covariate alone is "
        yield Fault("model", f"{told}univariable.")
    of_table = statistic == "p" and not model and not claim["endpoint"] and claim["covariate"]
    if of_table and level and claim["kind"] == "number":
        told = f"{level!r}: p is that of the whole column; leave it out"
        merged = len(words.levels(claim["covariate"])) > 2
        remedy = "; one level against all others is a column of merged levels, [factors.NAME]"
        yield Fault("level", f"{told}{remedy if merged else ''}.")


def _of_itself(claim: Claim, words: Words) -> Iterator[Fault]:
    """A level that all patients of the row have by its own conditions."""
    name, level = claim["covariate"], claim["level"]
    if not level or name == FLOW or claim["model"] or claim["statistic"] not in ("n", "percent"):
        return
    for column in ("group", "population"):
        if f"{name}={level}" in claim[column].split(","):
            told = f"{name}={level} has every patient of this row, and its level says it again; "
            yield Fault(column, f"{told}write the other group, or leave covariate and level out.")


def _adjusted(claim: Claim, words: Words) -> Iterator[Fault]:
    """A p that is adjusted for several tests is one of a characteristic between groups."""
    if claim["model"] not in ADJUSTMENTS:
        return
    if claim["statistic"] != "p" or claim["endpoint"] or not claim["covariate"]:
        what = claim["statistic"] if claim["statistic"] != "p" else "p but that of a characteristic"
        told = f"{claim['model']!r} adjusts no {what} between groups; leave it out."
        yield Fault("model", told)
    elif claim["group"] == "all" or "=" in claim["group"]:
        told = f"{claim['group']!r} is one group, and a p value compares several; write the column"
        yield Fault("group", f"{told}, such as {words.design.table_one['by']}.")


def _conditioned(claim: Claim, words: Words) -> Iterator[Fault]:
    """Patients of a ratio are its population."""
    statistic = claim["statistic"]
    of_row = statistic in ("p", "se", "z") and bool(claim["covariate"])
    of_row = of_row and kind_of(claim["model"]) in ("univariable", MULTIVARIABLE)
    if (statistic in _RATIOS or of_row) and "=" in claim["group"]:
        told = f"{claim['group']!r}: {statistic} is among patients, not of a group; "
        yield Fault("group", f"{told}write the condition as population, and all as group.")


def _modelled(claim: Claim, words: Words) -> Iterator[Fault]:
    """Models that are something only with a product, or with a month."""
    model, name = claim["model"], claim["covariate"]
    yield from _named(claim, words)
    spec = words.design.model_of(claim["endpoint"], claim["population"])
    if model == "multivariable" and spec.get("selection") == "univariable":
        told = f"'multivariable': the design says selection = 'univariable' for {claim['endpoint']}"
        yield Fault("model", f"{told}, which has no such model; correct one of the two.")
    if model == "interaction" and name and ":" not in name:
        told = f"{name!r} is no product; an interaction is that of two columns, as {name}:COLUMN."
        yield Fault("covariate", told)
    levels = [words.levels(part) for part in name.split(":")] if model == "interaction" else []
    if levels and not claim["level"] and any(levels) and all(len(own) < 3 for own in levels):
        references = words.design.references_of(claim["endpoint"], claim["population"])
        named = zip(name.split(":"), levels, strict=True)
        asked = ":".join(
            next(level for level in own if level != references.get(part, own[0]))
            for part, own in named
            if len(own) == 2
        )
        told = "is empty; between two levels each there is one product, and it is"
        yield Fault("level", f"{told} {asked}. Write that.")
    if model == "landmark" and "from month" not in claim["population"]:
        told = f"{claim['population']!r} has no month; write the landmark as from month 6."
        yield Fault("population", told)
    if "from month" in claim["population"] and not claim["endpoint"]:
        told = "is empty; patients from a month on are those whom an endpoint leaves: write which."
        yield Fault("endpoint", told)
    own = {about(at, its) for at, its in words.design.models.items()}
    declared = (claim["endpoint"], claim["population"]) in own
    if FROM_MONTH in claim["population"] and model == "univariable" and not declared:
        told = "'univariable': a ratio from a month on, and its p, are 'landmark', or of a model "
        told += f"that the design has with population = {claim['population']!r}."
        yield Fault("model", told)
    several = kind_of(model) == MULTIVARIABLE and claim["endpoint"] in words.design.endpoints
    if FROM_MONTH in claim["population"] and several and not declared:
        told = f"{claim['population']!r}: the design has no model of {claim['endpoint']} from then "
        told += f"on; declare it as [models.NAME] with population = {claim['population']!r}."
        yield Fault("population", told)


def _named(claim: Claim, words: Words) -> Iterator[Fault]:
    """A model with a name, of another endpoint or of other patients."""
    key = claim["model"]
    name = key.removeprefix(kind_of(key)).strip()
    if name in words.design.models:
        own = about(name, words.design.models[name])
        for column, its in zip(("endpoint", "population"), own, strict=True):
            if claim[column] != its:
                told = f"{claim[column]!r}, and {key!r} is of {its}; write that, or another model."
                yield Fault(column, told)


def _no_characteristic(claim: Claim, words: Words) -> Iterator[Fault]:
    """A ratio of a time, of an event or of an identifier."""
    for name in claim["covariate"].split(":"):
        role = words.design.spec(name).get("role")
        if role == "id" or (claim["model"] and role in ("time", "event", "entry")):
            told = f"{name!r} is no characteristic of a patient ({role}); name what the row is of."
            yield Fault("covariate", told)


def _one_group(claim: Claim, words: Words) -> Iterator[Fault]:
    """A comparison of what a population has one level of, or of a column with itself."""
    statistic, model = claim["statistic"], claim["model"]
    bare = [part for part in claim["group"].split(",") if part in words.known]
    if claim["covariate"] in bare and statistic in (*_TESTED, *_BETWEEN):
        told = f"{claim['covariate']!r} makes the groups too; name what is compared between them."
        yield Fault("covariate", told)
    if statistic in _BETWEEN and not model and claim["group"] == "all":
        told = "'all' is one group, and a difference is between several; write the column of the "
        yield Fault("group", f"{told}groups, such as {words.design.table_one['by']}.")
    own = claim["covariate"].split(":") if model and statistic in (*_RATIOS, *_TESTED) else []
    levels = dict(zip(filter(words.levels, own), claim["level"].split(":"), strict=False))
    for part in claim["population"].split(","):
        name, _, among = part.partition("=")
        held = among.split("/")
        if name not in (*own, *bare) or not among or among == "known":
            continue
        if len(held) == 1:
            told = f"{part!r} leaves one level of {name}, and {statistic} compares several; "
            yield Fault("population", f"{told}widen the population, or name another column.")
        elif (levels.get(name) or held[0]) not in held:
            told = f"{part!r} leaves out {levels[name]!r}, which the row is of; correct one."
            yield Fault("population", told)


def _years(claim: Claim, words: Words) -> Iterator[Fault]:
    """The 5 of a five-year rate: times are months."""
    texts = (claim[name] for name in ("locator", "name") if claim[name])
    said = {int(years) for text in texts for years in _YEARS.findall(text)}
    if len(said) == 1 and claim["time"] == str(years := said.pop()):
        told = f"{claim['time']!r} is in months, and the row speaks of {years} years; "
        yield Fault("time", f"{told}write {12 * years}.")


def _mended(claim: Claim, words: Words) -> Iterator[Fault]:
    """A text that was mended without a reason, or for none."""
    if claim["scanned"].strip() and not claim["mended_because"].strip():
        yield Fault("mended_because", "is empty; say what settles the mended text.")


_CHECKS: tuple[Callable[[Claim, Words], Iterator[Fault]], ...] = (
    _of_nothing,
    _outcome,
    _incidence,
    rate_faults,
    follow_up_faults,
    _compared,
    _tested,
    _of_itself,
    _adjusted,
    _conditioned,
    _modelled,
    _no_characteristic,
    _one_group,
    _years,
    _mended,
)
