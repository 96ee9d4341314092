"""Who is in: named flags in the order of the flow chart, their counts, and columns made here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from crlm import ledger
from crlm.cohort.deaths import with_causes
from crlm.cohort.wording import count
from crlm.ledger import CohortError, Design
from crlm.ledger.factors import HOLDS, Cut, Merged
from crlm.refusals import foreign, refusal, refuse_labelled

_UNCHECKED = "cannot_be_checked"


def eligibility(patients: pd.DataFrame, design: Design) -> pd.DataFrame:
    """One flag a criterion of the study, True where the patient stays in.

    Parameters
    ----------
    patients : pandas.DataFrame
        From `load`.
    design : Design
        Its `eligibility`: `name`, `column`, `keep` (a level, or "known" for not missing).

    Returns
    -------
    pandas.DataFrame
        Boolean, the index of `patients`, one column a criterion in the order of
        the flow chart; `flags.all(axis=1)` is who is analysed.

    Notes
    -----
    A missing value does not meet a criterion that asks for a level: whoever
    cannot be shown to belong stays out. Patients excluded by an earlier
    criterion may leave later ones empty; they are out already, and `attrition`
    counts in order. A criterion whose column the table lacks is True for all
    and is named in `flags.attrs`, so that `attrition` can say so.
    """
    flags = pd.DataFrame(index=patients.index)
    unchecked = {}
    for criterion in design.eligibility:
        name, column, keep = criterion["name"], criterion["column"], criterion["keep"]
        if column not in patients:
            flags[name] = True
            unchecked[name] = column
        elif keep == "known":
            flags[name] = patients[column].notna()
        else:
            flags[name] = patients[column].astype(object) == keep
    flags.attrs[_UNCHECKED] = unchecked
    return flags


def refuse_nobody(patients: pd.DataFrame, design: Design) -> None:
    """Refuse a table of which no patient passes the flow chart: nothing of it can be analysed.

    Parameters
    ----------
    patients : pandas.DataFrame
        From `load`.
    design : Design
        Its `eligibility`.

    Raises
    ------
    CohortError
        Names the step that leaves nobody, and what those who came so far have in its column.
    """
    flags = eligibility(patients, design)
    before = pd.Series(True, index=flags.index)
    for criterion in design.eligibility if len(patients) else ():
        left = before & flags[criterion["name"]]
        if not left.any():
            raise refusal(_nobody(patients.loc[before], design, criterion))
        before = left


def _nobody(patients: pd.DataFrame, design: Design, step: Mapping[str, Any]) -> str:
    """What a step found in the patients of whom it leaves none, and what to do."""
    column, keep = step["column"], step["keep"]
    values = patients[column].astype(object)
    found = [f"{value} in {n}" for value, n in values.value_counts().items()]
    found += [f"empty in {values.isna().sum()}"] if values.isna().any() else []
    wanted = "a value" if keep == "known" else repr(keep)
    return (
        "No patient of the table passes the flow chart, so there is nothing to report. Step "
        f"{step['name']} (“{step.get('label', step['name'])}”) asks for {wanted} in "
        f"{design.label(column)} (column {column}), which is {foreign(', '.join(found))} of the "
        f"{count(len(patients), 'patient')} who came so far. Correct the column, or say in the "
        f"codebook which of your codes means {wanted} (`values` of {column}); without the column "
        "the step is left unchecked, and the report says so."
    )


def attrition(flags: pd.DataFrame, design: Design) -> pd.DataFrame:
    """How many patients each criterion leaves, as the numbers of a flow chart.

    Parameters
    ----------
    flags : pandas.DataFrame
        From `eligibility`.
    design : Design
        For the order and labels of the criteria.

    Returns
    -------
    pandas.DataFrame
        Result rows, covariate "flow", statistic "n": level "start", then for
        each criterion its name (who is left) and `<name>_excluded` (who left at
        this step). Where the table lacks the column, `method` says that the
        criterion cannot be checked and the number excluded is missing.
    """
    unchecked: Mapping[str, str] = flags.attrs.get(_UNCHECKED, {})
    left = pd.Series(True, index=flags.index)
    records = [_flow("start", len(flags), "all rows of the table")]
    for criterion in design.eligibility:
        name = criterion["name"]
        before, left = left, left & flags[name]
        if name in unchecked:
            column = unchecked[name]
            lacking = f"the table has no {design.label(column)} (column {column})"
            method = f"“{criterion['label']}” cannot be checked: {lacking}"
            excluded = float("nan")
        else:
            method = str(criterion.get("label", name))
            excluded = float(before.sum() - left.sum())
        records += [
            _flow(name, left.sum(), method),
            _flow(f"{name}_excluded", excluded, method),
        ]
    return ledger.rows(records)


def _flow(level: str, number: float, method: str) -> dict[str, Any]:
    return {
        "covariate": "flow",
        "level": level,
        "statistic": "n",
        "unit": "patients",
        "estimate": number,
        "n": number,
        "method": method,
    }


def add_factors(patients: pd.DataFrame, design: Design) -> pd.DataFrame:
    """The patients with the study's factors and scaled numbers as further columns.

    Times to death of one cause are added too, where OS and the cause give them (`with_causes`).

    Parameters
    ----------
    patients : pandas.DataFrame
        From `load`.
    design : Design
        Its `factors`; `otherwise` (`column`, `values`) names a category that answers the
        same question and stands in, patient by patient, where the source is empty
        (`stand_ins` counts them). A category that can give some of the answers only
        (synchronous: a short interval) stands in only beside a source that is filled for
        some patients: alone it would leave no patient to compare with. Its `scaled`:
        `source`, and `per`, `fold`, `per_sd` (`settled`) or `per_level`.

    Returns
    -------
    pandas.DataFrame
        A copy; each factor whose source (or stand-in) is there is a Categorical, missing
        where the source is missing or its level is left out. A scaled number is its source in
        steps of `per` units, or its logarithm to the base `fold`: what a model's ratio is for
        then. A category per level is 0, 1, 2 ... in the order of its levels.

    Raises
    ------
    CohortError
        If a factor has a rule that is not one of >, >=, <, <=, ==, or a number that is taken
        per doubling is not above 0 in some patients.
    """
    patients, design = with_causes(patients, design), settled(patients, design)
    patients = _assigned(patients, {n: _factor(patients, n, design) for n in design.factors})
    return _assigned(patients, {n: _scaled(patients, n, design) for n in design.scaled})


def _assigned(patients: pd.DataFrame, made: Mapping[str, pd.Series | None]) -> pd.DataFrame:
    return patients.assign(**{name: one for name, one in made.items() if one is not None})


def settled(patients: pd.DataFrame, design: Design) -> Design:
    """The design with each step of one SD as a number of units: what these patients have.

    The SD (n - 1) is that of all who are analysed and have a value, whatever the patients of a
    model, so that one ratio means the same in each subgroup. A number that does not vary keeps
    its unit.

    Parameters
    ----------
    patients : pandas.DataFrame
        As of `add_factors`.
    design : Design
    """
    steps = {name: spec for name, spec in design.scaled.items() if spec.get("per_sd")}
    if not steps:
        return design
    analysed = patients[eligibility(patients, design).all(axis=1)]
    made = dict(design.scaled)
    for name, spec in steps.items():
        values = analysed.get(spec["source"], pd.Series(dtype=float)).astype(float)
        spread = float(values.std()) if values.nunique() > 1 else 1.0
        made[name] = {"source": spec["source"], "per": spread}
    return replace(design, scaled=made)


def _factor(patients: pd.DataFrame, name: str, design: Design) -> pd.Series | None:
    spec, made = design.factors[name], design.factor(name)
    if isinstance(made, Cut) and made.rule not in HOLDS:
        raise CohortError(
            f"The factor {name} has the rule {made.rule!r}; use one of {', '.join(HOLDS)}."
        )
    source, stand_in = patients.get(spec["source"]), _stand_in(patients, spec)
    if made is None or (source is None and stand_in is None):
        return None
    values = pd.Series(None, index=patients.index, dtype=object)
    if source is not None and source.notna().any():
        codes = pd.Series(made.codes(_held(source, made)), index=patients.index)
        values = codes.map(dict(enumerate(made.levels))).astype(object)
    if stand_in is not None:
        values = stand_in if source is None else values.where(source.notna(), stand_in)
    return pd.Series(pd.Categorical(values, categories=spec["levels"]), index=patients.index)


def _held(source: pd.Series, made: Cut | Merged) -> Any:
    """Numbers, or levels, of a column; NaN for unknown ones."""
    if isinstance(made, Cut):
        return source.to_numpy(dtype=float, na_value=np.nan)
    return source.astype(object)


def _scaled(patients: pd.DataFrame, name: str, design: Design) -> pd.Series | None:
    spec = design.scaled[name]
    source = patients.get(spec["source"])
    if source is None:
        return None
    if spec.get("per_level"):
        place = {level: float(at) for at, level in enumerate(design.levels(spec["source"]))}
        return source.astype(object).map(place).astype(float)
    values = source.astype(float)
    if "per" in spec:
        return values / spec["per"]
    label, column = design.label(name), design.label(spec["source"])
    refuse_labelled(
        patients.index[(values <= 0).fillna(False)],
        f"{label} needs values of {column} above 0",
        f"Correct them, leave them empty, or declare {name} with `per` in place of `fold`.",
    )
    return np.log(values) / np.log(spec["fold"])


def _stand_in(patients: pd.DataFrame, spec: Mapping[str, Any]) -> pd.Series | None:
    """What the category gives that may stand in for an empty source; None if none may."""
    other = spec.get("otherwise")
    if not other or other["column"] not in patients:
        return None
    source = patients.get(spec["source"])
    one_sided = set(other["values"].values()) != set(spec["levels"])
    if one_sided and (source is None or source.isna().all()):
        return None
    return patients[other["column"]].astype(object).map(other["values"])


def stand_ins(patients: pd.DataFrame, design: Design) -> str:
    """One sentence on which category stood in for an empty value, and for how many patients.

    Parameters
    ----------
    patients : pandas.DataFrame
        Before or after `add_factors`.
    design : Design
        Its `factors`, of which `otherwise` names what may stand in. The published scores
        (`scores.crs`) follow the same rule with the same columns.

    Returns
    -------
    str
        As "Where the number is empty, a category that answers the same question stands in:
        Multiple metastases for Number of liver metastases in 12 patients." Empty if none did.
    """
    told, what = {}, "number"
    for name, spec in design.factors.items():
        stand_in = _stand_in(patients, spec)
        if stand_in is None:
            continue
        source = patients.get(spec["source"])
        used = stand_in.notna() if source is None else stand_in.notna() & source.isna()
        pair = f"{design.label(spec['otherwise']['column'])} for {design.label(spec['source'])}"
        count = int(used.sum())
        if count:
            told[pair] = f"{pair} in {count} {'patient' if count == 1 else 'patients'}"
            what = what if design.cut(name) else "value"
    rule = f"Where the {what} is empty, a category that answers the same question stands in"
    return f"{rule}: {'; '.join(told.values())}." if told else ""
