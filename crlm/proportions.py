"""Limits of a percentage as arithmetic: patients who have it and patients in; limits out.

A report asks it of patients, an audit of print, which may have used any method.
"""

from __future__ import annotations

import math

from scipy.stats import binomtest
from statsmodels.stats.proportion import proportion_confint

from crlm.ledger.vocabulary import PERCENT_LIMITS

Limits = tuple[float, float]

#: What each is called in a footnote.
NAMES = dict(
    zip(
        PERCENT_LIMITS,
        (
            "Clopper-Pearson CI",
            "Wilson CI",
            "Wilson CI with continuity correction",
            "Wald CI",
            "Agresti-Coull CI",
            "Jeffreys CI",
        ),
        strict=True,
    )
)
_BY_STATSMODELS = {"wald": "normal", "agresti-coull": "agresti_coull", "jeffreys": "jeffreys"}
_BY_SCIPY = {"exact": "exact", "wilson": "wilson", "wilson-corrected": "wilsoncc"}


def percent_limits(count: int, size: int, method: str, conf_level: float = 0.95) -> Limits:
    """Limits of the percentage that `count` of `size` patients are.

    Parameters
    ----------
    count, size : int
        Patients who have it, and all.
    method : str
        One of `vocabulary.PERCENT_LIMITS`.
    conf_level : float

    Returns
    -------
    low, high : float
        In per cent, within 0 and 100; nan of no patients.

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404. Wilson EB. J Am Stat Assoc 1927;22:209.
    Newcombe RG. Stat Med 1998;17:857 (with correction). Agresti A, Coull BA. Am Stat
    1998;52:119. Brown LD, Cai TT, DasGupta A. Stat Sci 2001;16:101 (Jeffreys).

    Examples
    --------
    >>> [round(end, 1) for end in percent_limits(9, 30, "exact")]
    [14.7, 49.4]
    """
    if size <= 0:
        return math.nan, math.nan
    count, size = int(count), int(size)
    if method in _BY_SCIPY:
        ends = binomtest(count, size).proportion_ci(conf_level, _BY_SCIPY[method])
        low, high = ends.low, ends.high
    else:
        how = _BY_STATSMODELS[method]
        low, high = proportion_confint(count, size, 1 - conf_level, how)
    return 100 * max(float(low), 0.0), 100 * min(float(high), 1.0)
