"""p for trend of a regression table: a category per level, in the place of its levels."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from crlm import lent
from crlm.regression.models import cox, logistic
from crlm.regression.selection import Rule

_LEVELS = "; in the place of the levels of its category"
_NUMBER = "; in the place of the same number for another step"


@lent.pure
def with_scores(
    frame: pd.DataFrame,
    table: pd.DataFrame,
    rule: Rule,
    scores: Mapping[str, str],
    *,
    outcome: str = "",
    interval: str = "wald",
) -> pd.DataFrame:
    """A regression table with the multivariable ratio per level of categories that it holds.

    The levels of a category, 0, 1, 2 ..., enter as one number in the place of their indicators;
    The p of it is the p for trend. All other covariates are those of the table's model.

    Parameters
    ----------
    frame : pandas.DataFrame
        As of the table.
    table : pandas.DataFrame
        From `regression_table` or `logistic_table`, by this rule.
    rule : Rule
    scores : mapping of str to str
        By a column of `frame` with the numbers: its category, or the same number for another
        step. Nothing is added for one that
        `rule` does not name, that is in the model itself, whose category is not in it or is in a
        product.
    outcome, interval : str
        Of a logistic table, as there.

    Returns
    -------
    pandas.DataFrame
        The rows of the table, without the reason why such a score is not in the model, and rows
        `hazard_ratio` (or `odds_ratio`) and `p` of model "multivariable" for each score.

    References
    ----------
    Armitage P. Biometrics 1955;11:375 (scores for levels in their order).
    """
    first = table.iloc[0]
    return beside_levels(
        frame, table, rule, scores, lambda names: _fit(frame, names, rule, first, outcome, interval)
    )


def beside_levels(
    frame: pd.DataFrame,
    table: pd.DataFrame,
    rule: Rule,
    scores: Mapping[str, str],
    fit: Callable[[list[str]], pd.DataFrame],
) -> pd.DataFrame:
    """As `with_scores`, of any kind of model.

    Parameters
    ----------
    fit : callable
        Names of covariates to the rows of their model.
    """
    multi = table[(table["model"] == "multivariable") & (table["covariate"] != "")]
    held = [name for name in dict.fromkeys(multi["covariate"]) if ":" not in name]
    multiplied = {name for pair in rule.products_of(held) for name in pair}
    parts, done = [], []
    for score, category in scores.items():
        if score in held or score not in rule.names or category not in {*held} - multiplied:
            continue
        names = [score if name == category else name for name in held]
        found = fit(names)
        own = found[found["covariate"] == score]
        measured = pd.api.types.is_numeric_dtype(frame[category])
        parts.append(own.assign(method=own["method"] + (_NUMBER if measured else _LEVELS)))
        done.append(score)
    told = (table["model"] == "selection") & table["covariate"].isin(done)
    return pd.concat([table[~told], *parts], ignore_index=True) if done else table


def _fit(
    frame: pd.DataFrame,
    names: list[str],
    rule: Rule,
    first: pd.Series,
    outcome: str,
    interval: str,
) -> pd.DataFrame:
    keys = {"population": first["population"]}
    if outcome:
        keys |= {"endpoint": first["endpoint"], "interval": interval}
        keys |= {"p_value": rule.multivariable_p}
        return logistic(frame, outcome, names, **keys)
    keys |= {"strata": rule.strata, "products": rule.products_of(names)}
    keys |= {"p_value": rule.multivariable_p}
    return cox(frame, names, ties=rule.ties, product_test=rule.product_test, **keys)
