"""The effect under every specification, one row each."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from crlm.regression.engine import cox_fit
from crlm.regression.solution import check_level
from crlm.specification.choices import Plan, Specification

ESTIMATED = "estimated"


def curve(plan: Plan, *, conf_level: float = 0.95) -> pd.DataFrame:
    """Estimate the effect under every specification of a plan.

    Returns
    -------
    pandas.DataFrame
        One row a specification, in the order of the plan: `endpoint`, `covariate`,
        `level`; its choices `rule`, `population`, `measure`, `missing`, `ties`,
        `adjusters` (joined by " + "); `printed` (the paper's own model); `hazard_ratio`,
        `conf_low`, `conf_high` (Wald), `p`, `n` (patients of the model), `events`,
        and `status`: "estimated", or "no estimate: " and why; the numbers of the
        effect are then NaN.

    Notes
    -----
    Each estimate is that of `regression.cox`. Where a likelihood has no maximum (no
    event in a level), `regression.cox` turns to Firth's penalty; here the specification
    has no estimate, so that all estimates of a curve are of one kind.
    """
    z = check_level(conf_level)
    found = [_effect(plan, chosen) for chosen in plan.specifications]
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
        printed=(np.arange(len(table)) == 0) & plan.printed,
        hazard_ratio=np.exp(coef),
        conf_low=np.exp(coef - z * se),
        conf_high=np.exp(coef + z * se),
        p=2 * norm.sf(np.abs(coef / se)),
        n=table["n"].astype(int),
        events=table["events"].astype(int),
        status=table["status"].astype(str),
    )


def _effect(plan: Plan, chosen: Specification) -> tuple[float, float, int, int, str]:
    """Log hazard ratio, its standard error, patients, events and status."""
    data, x, _ = plan.arrays(chosen)
    n, events = data.n, data.n_events
    nothing = (np.nan, np.nan, n, events)
    if events < 2:
        return *nothing, "no estimate: fewer than two events"
    if not np.ptp(x[:, -1]):
        return *nothing, "no estimate: the exposure does not vary"
    fit = cox_fit(data, x, chosen.ties)
    if fit.infinite[-1]:
        return *nothing, "no estimate: the effect is infinite (a group has no event)"
    if fit.infinite.any():
        return *nothing, "no estimate: a covariate's effect is infinite (a level has no event)"
    if fit.collinear[-1]:
        return *nothing, "no estimate: the covariates determine the exposure"
    return float(fit.coef[-1]), float(np.sqrt(fit.var[-1, -1])), n, events, ESTIMATED


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
