"""The effect under every specification, one row each."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from crlm.regression.solution import check_level
from crlm.specification.choices import Plan, Specification
from crlm.specification.forms import FORMS


def curve(plan: Plan, *, conf_level: float = 0.95) -> pd.DataFrame:
    """Estimate the effect under every specification of a plan.

    Returns
    -------
    pandas.DataFrame
        One row a specification, in the order of the plan: `endpoint`, `covariate`,
        `level`; its choices `rule`, `population`, `measure`, `missing`, `ties`,
        `adjusters` (joined by " + "); `form` (`Plan.form`); `printed` (the paper's own
        model); `hazard_ratio` (that of the form), `conf_low`, `conf_high` (Wald), `p`, `n`
        (patients of the model), `events`, and `status`: "estimated", or "no estimate: " and
        why; the numbers of the effect are then NaN.

    Notes
    -----
    Each adjusted estimate is that of `regression.cox`; those of the other forms are those of
    `causal.weighted_effects` (the covariates in the propensity model, robust error),
    `multistate.cause_specific` and `fine_gray`, and `causal.time_dependent`. Where a
    likelihood has no maximum (no event in a level), `regression.cox` turns to Firth's penalty;
    here the specification has no estimate, so that all estimates of a curve are of one kind.
    """
    z = check_level(conf_level)
    effect = FORMS[plan.form].effect
    found = [effect(plan, chosen) for chosen in plan.specifications]
    table = pd.DataFrame(found, columns=["coef", "se", "n", "events", "status"])
    coef, se = table["coef"].to_numpy(dtype=float), table["se"].to_numpy(dtype=float)
    described = pd.DataFrame(
        [_described(plan, chosen) for chosen in plan.specifications],
        columns=["rule", "population", "measure", "missing", "ties", "adjusters"],
    )
    described.insert(0, "level", plan.level)
    described.insert(0, "covariate", plan.exposure)
    described.insert(0, "endpoint", plan.endpoint)
    return described.assign(
        form=plan.form,
        printed=(np.arange(len(table)) == 0) & plan.printed,
        hazard_ratio=np.exp(coef),
        conf_low=np.exp(coef - z * se),
        conf_high=np.exp(coef + z * se),
        p=2 * norm.sf(np.abs(coef / se)),
        n=table["n"].astype(int),
        events=table["events"].astype(int),
        status=table["status"].astype(str),
    )


def _described(plan: Plan, chosen: Specification) -> tuple[str, ...]:
    cell = plan.cells[chosen.cell]
    return (
        cell.rule,
        cell.population,
        chosen.measure,
        chosen.missing,
        chosen.ties,
        " + ".join(chosen.adjusters),
    )
