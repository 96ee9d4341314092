"""A paper's regression table of an event while another competes: Fine and Gray's model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from crlm import lent
from crlm.ledger import rows
from crlm.ledger.vocabulary import COUNTED, MULTIVARIABLE, SUBDISTRIBUTION_PROGRAMS
from crlm.multistate.causes import causes_of, endpoint_of
from crlm.multistate.ratios import family_of, solved
from crlm.multistate.subdistribution import layout
from crlm.refusals import choice, confidence
from crlm.regression.level_scores import beside_levels
from crlm.regression.model_rows import model_records, n_record
from crlm.regression.selection import Rule, select
from crlm.regression.tables import no_model
from crlm.regression.terms import check_names, complete, encode

#: How covariates may come into such a model.
SELECTIONS = ("fixed", "enter", "none", "univariable")


@lent.pure
def subdistribution_table(
    frame: pd.DataFrame,
    rule: Rule,
    *,
    cause: str = COUNTED,
    program: str = "cmprsk",
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Univariable and multivariable subdistribution hazard ratios of one cause.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame with a category `cause`, as `with_competing` makes it: `time` in months.
    rule : Rule
        From `regression.rule`: any `selection` but "backward", without strata and products; its
        ties are those of "finegray". A covariate enters by its Wald p.
    cause : str
        A level of `cause`.
    program : {"cmprsk", "finegray"}
        Whose numbers: R's `cmprsk::crr`, or `survival::finegray` with
        `coxph(..., weights = fgwt, cluster = id)`. Where patients came under observation late,
        which `crr` does not know, those of "finegray" with either.
    conf_level : float
        Of Wald's limits.

    Returns
    -------
    pandas.DataFrame
        Rows as `regression.regression_table` has them, with `subdistribution_hazard_ratio` in the
        place of `hazard_ratio`. What cannot be estimated is missing, with the reason in `method`.

    Raises
    ------
    ParameterError
        If the rule is not one of such a table, or a covariate is absent.
    CohortError
        If the frame is no analysis frame with causes.

    Notes
    -----
    `crr` has Breslow's rule for tied times, counts those who leave with an event among those who
    may be censored at that time, and its error knows that the censoring was estimated; all three
    are reproduced to the last digits. `finegray` takes events before censorings at one time, has
    the rule for ties that is asked for, and takes its weights as known.

    References
    ----------
    Fine JP, Gray RJ. J Am Stat Assoc 1999;94:496. Geskus RB. Biometrics 2011;67:39.
    """
    choice("selection", rule.selection, SELECTIONS)
    choice("program", program, SUBDISTRIBUTION_PROGRAMS)
    confidence(conf_level)
    rule.asked_of(frame)
    asked = {"cause": cause, "program": program, "ties": rule.ties, "conf_level": conf_level}
    keys = {"endpoint": endpoint_of(frame), "population": population}
    parts = [_model(frame, [name], {**keys, "model": "univariable"}, asked) for name in rule.names]
    for name, part in zip(rule.names, parts, strict=True):
        part[0]["covariate"] = name
    alone = rows(record for part in parts for record in part)
    if rule.selection == "univariable":
        return alone
    chosen = rule.candidates(select(alone, rule.names, entry_p=rule.entry_p))
    if not chosen:
        return pd.concat([alone, no_model(rule, keys)], ignore_index=True)
    several = rows(_model(frame, chosen, {**keys, "model": MULTIVARIABLE}, asked))
    several.loc[0, "method"] = f"{several.loc[0, 'method']}; {rule.words()}"
    return pd.concat([alone, several], ignore_index=True)


@lent.pure
def with_subdistribution_scores(
    frame: pd.DataFrame,
    table: pd.DataFrame,
    rule: Rule,
    scores: Mapping[str, str],
    *,
    cause: str = COUNTED,
    program: str = "cmprsk",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """A table of `subdistribution_table` with numbers that stand in the place of a category.

    Parameters
    ----------
    frame, rule, cause, program, conf_level
        As of the table.
    table : pandas.DataFrame
    scores : mapping of str to str
        As `regression.with_scores`, whose rows it adds, with `subdistribution_hazard_ratio`.
    """
    asked = {"cause": cause, "program": program, "ties": rule.ties, "conf_level": conf_level}
    first = table.iloc[0]
    keys = {"endpoint": first["endpoint"], "population": first["population"]}
    keys["model"] = MULTIVARIABLE
    return beside_levels(
        frame, table, rule, scores, lambda names: rows(_model(frame, names, keys, asked))
    )


def _model(
    frame: pd.DataFrame,
    covariates: Sequence[str],
    keys: Mapping[str, str],
    asked: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Size, reference, ratios and tests of one model on its complete cases, as records."""
    part = complete(frame, check_names(frame, list(covariates)))
    if part.empty:
        why = "not estimable: no patient has all covariates known"
        record = {"statistic": "n", "unit": "patients", "estimate": 0, "method": why}
        return [{**keys, **record}]
    group = causes_of(part, None)[0]
    design = encode(part.iloc[group.place], list(covariates))
    data = layout(group, asked["cause"], asked["ties"], asked["program"])
    ties = "Breslow" if data.lost else asked["ties"].capitalize()
    family = family_of(data, f"Fine-Gray as {data.program}, {ties} ties{group.late}")
    solution = solved(data, design, asked["conf_level"], group.left_out)
    records = [n_record(len(frame), family, keys)]
    return records + model_records(design, solution, family, keys)
