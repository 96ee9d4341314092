"""The arithmetic of what nobody measured: numbers in, numbers out.

How strong a confounder would have to be (E-value), how selection would have to work to make an
effect, how far two printed medians or rates lie apart, how unlike two groups of a table are. An
analysis asks it of patients, an audit of print.
"""

from __future__ import annotations

import math

#: The normal quantile of 95 % limits.
Z = 1.959963984540054
_LN2 = math.log(2)


def e_value(ratio: float) -> float:
    """The E-value of a risk ratio: how strongly a confounder would have to go with both.

    Examples
    --------
    >>> round(e_value(2.0), 3)
    3.414

    References
    ----------
    VanderWeele TJ, Ding P. Ann Intern Med 2017;167:268.
    """
    if not (math.isfinite(ratio) and ratio > 0):
        return math.nan
    ratio = 1 / ratio if ratio < 1 else ratio
    return ratio + math.sqrt(ratio * (ratio - 1))


def e_value_of_limits(low: float, high: float) -> float:
    """The E-value of the limit of a risk ratio nearer 1; 1 where the interval holds 1."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return math.nan
    if low <= 1 <= high:
        return 1.0
    return e_value(low if low > 1 else high)


def risk_ratio(ratio: float, statistic: str, common: bool) -> float:
    """A hazard or odds ratio as an approximate risk ratio.

    Parameters
    ----------
    ratio : float
    statistic : str
        "odds_ratio", or that of a hazard.
    common : bool
        Whether more than 15 % have the event by the horizon; rare events leave it as it is.

    References
    ----------
    VanderWeele TJ. Biometrics 2020;76:746.
    """
    if not common or not (math.isfinite(ratio) and ratio > 0):
        return ratio
    if statistic == "odds_ratio":
        return math.sqrt(ratio)
    root = math.sqrt(ratio)
    # expm1 keeps digits where a limit is nearly 0 or beyond all numbers.
    return math.expm1(-_LN2 * root) / math.expm1(-_LN2 / root)


def medians_apart(own: float, low: float, high: float, other: float) -> float:
    """How many standard errors of its logarithm a median with 95 % limits lies from a number.

    Examples
    --------
    The median of 79.2 months (72 to 99.6) against 67:

    >>> round(medians_apart(79.2, 72.0, 99.6, 67.0), 2)
    2.02
    """
    if not (0 < low < high and own > 0 and other > 0):
        return math.nan
    return math.log(own / other) / (math.log(high / low) / (2 * Z))


def shares_apart(own: float, n: float, other: float) -> float:
    """How many binomial standard errors a share of n patients lies from a given share.

    Parameters
    ----------
    own, other : float
        Between 0 and 1; the error is that of the given share.
    """
    if not (0 < other < 1 and n > 0):
        return math.nan
    return (own - other) / math.sqrt(other * (1 - other) / n)


def difference_of_shares(one: float, n_one: float, two: float, n_two: float) -> float:
    """Standardised difference of two shares (0 to 1), second minus first.

    Over the root of the mean variance, with n - 1 as for numbers.
    """
    if min(n_one, n_two) < 2:
        return math.nan
    spread = (one * (1 - one) * n_one / (n_one - 1) + two * (1 - two) * n_two / (n_two - 1)) / 2
    if spread > 0:
        return (two - one) / math.sqrt(spread)
    return 0.0 if one == two else math.nan
