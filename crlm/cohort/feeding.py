"""What a table can feed and what it cannot, section by section of a study's report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import pandas as pd

from crlm.cohort.deaths import made_from_os
from crlm.cohort.flow import add_factors, eligibility
from crlm.cohort.wording import count
from crlm.ledger import Design, small
from crlm.refusals import listing

#: Of each printed result its place and what it is about.
Needed = Sequence[tuple[str, Collection[str]]]


def feeds(
    patients: pd.DataFrame, design: Design, needed: Needed = (), groups: Iterable[str] = ()
) -> list[str]:
    """One line a section: what it has, or what it needs.

    Parameters
    ----------
    patients : pandas.DataFrame
        The table, with the times that a history gave it, if there is one.
    design : Design
        The study.
    needed : sequence of (str, collection of str), optional
        Of each printed result where it stands ("table1") and the columns, factors and scaled
        numbers that it is about: Table 1 is those of its place too, and a last line names
        what the table lacks of any.
    groups : iterable of str, optional
        Columns and factors whose levels print compares or counts, besides the exposure and those
        of Table 1: of whom it is not known, who is in no group.

    Returns
    -------
    list of str
        Names of columns and counts; nothing that the table holds.
    """
    full, made = add_factors(patients, design), dict(made_from_os(patients, design))
    here = {name for name in full if full[name].notna().any()}
    one = _of_one_level(full, design)
    return [
        *([_flow(design, here, full)] if design.eligibility else []),
        _comparison(design, here, needed, one),
        *_ungrouped(design, full, groups),
        *(_endpoint(name, full, design, name in made) for name in design.endpoints),
        *(_incidence(name, design, here) for name in design.incidences),
        *(_model(name, design, here, full, one) for name in design.models),
        *_sites(design, here),
        *_printed(design, here, needed),
    ]


def _flow(design: Design, here: set[str], patients: pd.DataFrame) -> str:
    needed = [str(one["column"]) for one in design.eligibility]
    left = eligibility(patients, design)
    for step in design.eligibility if len(patients) else ():
        if step["name"] in left and not left.loc[:, : step["name"]].all(axis=1).any():
            told = f"nobody who came so far has {step['column']} = {step['keep']}"
            return f"- Flow of patients: leaves no patient; {told}. All that follows needs some."
    return _line("Flow of patients", needed, here, "criteria that cannot be checked")


def _comparison(design: Design, here: set[str], needed: Needed, one: set[str]) -> str:
    by = str(design.table_one["by"])
    if by not in here:
        return f"- Table 1 and every comparison by {design.label(by)}: no, needs {by}."
    if by in one:
        told = f"no, all patients are of one group of {by}"
        return f"- Table 1 and every comparison by {design.label(by)}: {told}."
    beside = [name for place, names in needed if place == "table1" for name in names]
    names = dict.fromkeys([by, *design.table_one["variables"], *beside])
    return _line("Table 1", names, here, "without")


def _of_one_level(patients: pd.DataFrame, design: Design) -> set[str]:
    """Categories of which the patients who pass the flow have one level alone."""
    included = patients[eligibility(patients, design).all(axis=1)]
    named = [name for name in included if design.levels(name)]
    return {name for name in named if included[name].nunique() == 1}


def _ungrouped(design: Design, patients: pd.DataFrame, groups: Iterable[str]) -> list[str]:
    """How many patients who pass the flow are in none of the groups of a column."""
    included = patients[eligibility(patients, design).all(axis=1)]
    names = dict.fromkeys([str(design.table_one["by"]), design.exposure, *groups])
    found = []
    for name in names:
        known = included[name].notna() if name in included and design.levels(name) else []
        if 0 < sum(known) < len(included):
            lost = len(included) - sum(known)
            told = f"without {lost} of {count(len(included), 'patient')} who pass the flow"
            found.append(f"+ Groups by {design.label(name)}: {told}, of unknown {name}.")
    return found


def _printed(design: Design, here: set[str], needed: Needed) -> list[str]:
    """What the printed results need and the table lacks, the most needed first."""
    lacking = [{design.source(name) for name in {*names} - here} for _, names in needed]
    often = Counter(name for names in lacking for name in names)
    if not often:
        return []
    which = listing((f"{name} ({many})" for name, many in often.most_common()), 12)
    many = f"{sum(map(bool, lacking))} of {count(len(needed), 'claim')}"
    return [f"- Printed results: {many} need columns that are absent or empty: {which}."]


def _endpoint(name: str, patients: pd.DataFrame, design: Design, made: bool) -> str:
    months, event = f"{name.lower()}_months", f"{name.lower()}_event"
    label = design.label(months) if months in design.columns else name
    words = str(design.endpoints[name].get("label", label))
    if not {months, event} <= set(patients):
        return f"- {words}: no, needs {months} and {event}, dates in the codebook, or a history."
    both = patients[[months, event]].dropna()
    if both.empty:
        return f"- {words}: no, no patient has both {months} and {event}."
    events = int(both[event].astype(bool).sum())
    how = ", from OS and the cause of death" if made else ""
    return f"+ {words}: {count(len(both), 'patient')}, {count(events, 'event')}{how}."


def _incidence(name: str, design: Design, here: set[str]) -> str:
    """Whether both endpoints of a cumulative incidence have their times."""
    spec = design.incidences[name]
    ends = [spec["endpoint"], spec["competing"]]
    needed = [f"{one.lower()}{end}" for one in ends for end in ("_months", "_event")]
    lacking = [column for column in needed if column not in here]
    words = f"Cumulative incidence of {small(str(spec['label']))}"
    return f"- {words}: no, needs {listing(lacking, 4)}." if lacking else f"+ {words}: complete."


def _model(name: str, design: Design, here: set[str], patients: pd.DataFrame, one: set[str]) -> str:
    # A model of an outcome made from an endpoint, as of a short SCP, has its name at the end.
    spec = design.models[name]
    named = (spec.get("endpoint"), name, name.removeprefix("short_"))
    endpoint = next((e for e in named if e in design.endpoints), "")
    counted = design.incidences.get(str(spec.get("endpoint") or name), {})
    ends = [counted[key] for key in ("endpoint", "competing") if counted] or [endpoint]
    times = [f"{one.lower()}{end}" for one in ends if one for end in ("_months", "_event")]
    words = f"Regression, {name.replace('_', ' ')}"
    if spec.get("label"):
        words = f"Regression, {(spec.get('endpoint') or name).replace('_', ' ')}, {spec['label']}"
    if times and not (set(times) <= here and patients[times].notna().all(axis=1).any()):
        lacking = " and ".join(times) if len(times) == 2 else listing(times, 4)
        return f"- {words}: no, needs {lacking}."
    event = f"{endpoint.lower()}_event"
    if endpoint and event in patients and not (patients[event].dropna().astype(float) > 0).any():
        return f"- {words}: no, nobody has {event} = 1."
    covariates = [str(own) for own in spec["covariates"]]
    same = [name for name in covariates if name in one]
    line = _line(words, covariates, here - one, "without")
    return f"{line[:-1]} (one level alone: {listing(same, 4)})." if same else line


def _sites(design: Design, here: set[str]) -> list[str]:
    sites = [name for name in design.columns if name.startswith("site_")]
    return [_line("Sites of the first recurrence", sites, here, "without")] if sites else []


def _line(what: str, needed: Iterable[str], here: set[str], lacking_words: str) -> str:
    names = list(needed)
    lacking = [name for name in names if name not in here]
    if len(lacking) == len(names) and names:
        return f"- {what}: no, needs {listing(names, 4)}."
    if lacking:
        return f"+ {what}: {lacking_words} {listing(lacking, 8)}."
    return f"+ {what}: complete."
