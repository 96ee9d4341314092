"""Two estimates of one effect, the paper's and a new cohort's: how far they agree.

Works on the log scale of hazard and odds ratios, from printed limits on one
side and result rows on the other.

Examples
--------
The power to find a hazard ratio of 2 with a standard error of 0.3 on the log scale:

>>> round(power_to_find(math.log(2), 0.3), 2)
0.64
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from scipy.stats import norm

from crlm.comparison import row_index, row_key
from crlm.ledger import KEYS, as_records, compatible_interval

RATIOS = ("hazard_ratio", "odds_ratio", "subdistribution_hazard_ratio", "rate_ratio")
_Z = norm.ppf(0.975)


def agree(rows: pd.DataFrame, claims: pd.DataFrame, *, odds_limits: str = "wald") -> pd.DataFrame:
    """Every ratio that the paper prints with its interval, beside the new cohort's.

    Parameters
    ----------
    rows : pandas.DataFrame
        Result rows of the new cohort.
    claims : pandas.DataFrame
        From `ledger.load_claims`.
    odds_limits : {"wald", "profile"}
        How the paper's limits of odds ratios are made (`Design.odds_limits`). Profile limits are
        not symmetric: their width stands for 3.92 standard errors, roughly, and an estimate away
        from their middle is no misprint.

    Returns
    -------
    pandas.DataFrame
        One row an effect: the keys; `printed`, `printed_low`, `printed_high`;
        `new`, `new_low`, `new_high`; `n` and `events` of its model; `ratio` (new over printed)
        with `ratio_low`, `ratio_high` and `heterogeneity_p` (Cochran's Q for
        two); `prediction_low`, `prediction_high` (where 95 % of estimates of
        this new precision fall if both cohorts share one effect) and
        `predicted`; `same_direction`; `both_significant`; `sceptical_p`;
        `power` (see `power_to_find`); `reading`, one sentence.

    References
    ----------
    Held L. A new standard for the analysis and design of replication studies.
    J R Stat Soc A 2020;183:431-448. doi 10.1111/rssa.12493.
    Patil P, Peng RD, Leek JT. What should researchers expect when they
    replicate studies? Perspect Psychol Sci 2016;11:539-544 (prediction interval).
    """
    found = row_index(rows)
    effects = [
        _pair(published, found[key], _sizes(published, found), odds_limits)
        for key, published in _published(claims).items()
        if key in found and _complete(found[key])
    ]
    return pd.DataFrame(effects, columns=_COLUMNS)


def sceptical_p(z_original: float, z_new: float, variance_ratio: float) -> float:
    """One-sided sceptical p value for replication success (Held 2020).

    Parameters
    ----------
    z_original, z_new : float
        Estimate over its standard error, on the log scale.
    variance_ratio : float
        Variance of the original estimate over that of the new one.

    Returns
    -------
    float
        The level at which the original, met with a prior just sceptical enough
        to make it unconvincing, and the new data, in conflict with that prior,
        are both just convincing. Near 1 where the two point apart.
    """
    if z_original == 0 or z_new == 0:
        return 0.5
    arithmetic = (z_original**2 + z_new**2) / 2
    harmonic = 2 / (1 / z_original**2 + 1 / z_new**2)
    excess = variance_ratio - 1
    if abs(excess) < 1e-9:
        square = harmonic / 2
    else:
        root = math.sqrt(arithmetic * (arithmetic + excess * harmonic))
        square = (root - arithmetic) / excess
    tail = float(norm.sf(math.sqrt(square)))
    return tail if (z_original > 0) == (z_new > 0) else 1 - tail


def power_to_find(log_effect: float, standard_error: float) -> float:
    """Probability that a cohort with this standard error finds an effect of that size.

    "Finds" means a two-sided p below 0.05 in the effect's own direction.
    """
    return float(norm.sf(_Z - abs(log_effect) / standard_error))


_COLUMNS = [
    *KEYS,
    "printed",
    "printed_low",
    "printed_high",
    "new",
    "new_low",
    "new_high",
    "n",
    "events",
    "ratio",
    "ratio_low",
    "ratio_high",
    "heterogeneity_p",
    "prediction_low",
    "prediction_high",
    "predicted",
    "same_direction",
    "both_significant",
    "sceptical_p",
    "power",
    "reading",
]


def _published(claims: pd.DataFrame) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Printed ratios with both limits, by key; where printed twice the first counts."""
    ratios = claims[claims["statistic"].isin(RATIOS) & (claims["kind"] == "number")]
    effects: dict[tuple[Any, ...], dict[str, Any]] = {}
    for claim in as_records(ratios):
        effect = effects.setdefault(row_key(claim), {name: claim[name] for name in KEYS})
        if claim["field"] not in effect:
            effect[claim["field"]] = claim["value"]
            room = compatible_interval(claim["value"], int(claim["decimals"]))
            effect[f"{claim['field']}_room"] = room
    whole = {"estimate", "conf_low", "conf_high"}
    return {key: effect for key, effect in effects.items() if _usable(effect, whole)}


def _usable(effect: dict[str, Any], whole: set[str]) -> bool:
    return whole <= set(effect) and 0 < effect["conf_low"] < effect["conf_high"]


def _complete(row: dict[str, Any]) -> bool:
    values = (row["estimate"], row["conf_low"], row["conf_high"])
    return all(math.isfinite(v) and v > 0 for v in values) and row["conf_low"] < row["conf_high"]


def _sizes(
    effect: dict[str, Any], found: dict[tuple[Any, ...], dict[str, Any]]
) -> dict[str, float]:
    """Patients and events of the whole model behind an effect, not of one level."""
    for covariate in (effect["covariate"], ""):
        row = found.get(row_key(effect, covariate=covariate, level="", statistic="n"))
        if row is not None:
            return {"n": row["n"], "events": row["events"]}
    return {"n": math.nan, "events": math.nan}


def _pair(
    published: dict[str, Any], row: dict[str, Any], sizes: dict[str, float], odds_limits: str
) -> dict[str, Any]:
    old, old_error = math.log(published["estimate"]), _standard_error(published)
    new, new_error = math.log(row["estimate"]), _standard_error(row)
    spread = math.hypot(old_error, new_error)
    p = 2 * float(norm.sf(abs(new - old) / spread))
    low, high = math.exp(old - _Z * spread), math.exp(old + _Z * spread)
    pair = {
        **{name: published[name] for name in KEYS},
        "printed": published["estimate"],
        "printed_low": published["conf_low"],
        "printed_high": published["conf_high"],
        "new": row["estimate"],
        "new_low": row["conf_low"],
        "new_high": row["conf_high"],
        **sizes,
        "ratio": math.exp(new - old),
        "ratio_low": math.exp(new - old - _Z * spread),
        "ratio_high": math.exp(new - old + _Z * spread),
        "heterogeneity_p": p,
        "prediction_low": low,
        "prediction_high": high,
        "predicted": low <= row["estimate"] <= high,
        "same_direction": old * new > 0,
        "both_significant": _excludes_one(published) and _excludes_one(row),
        "sceptical_p": sceptical_p(old / old_error, new / new_error, (old_error / new_error) ** 2),
        "power": power_to_find(old, new_error),
    }
    profile = odds_limits == "profile" and published["statistic"] == "odds_ratio"
    skewed = profile or published["statistic"] == "rate_ratio"  # Its limits may be exact.
    return {**pair, "reading": _reading(pair, published, skewed)}


def _standard_error(values: dict[str, Any]) -> float:
    return (math.log(values["conf_high"]) - math.log(values["conf_low"])) / (2 * _Z)


def _excludes_one(values: dict[str, Any]) -> bool:
    return not values["conf_low"] <= 1 <= values["conf_high"]


def _off_centre(published: dict[str, Any]) -> bool:
    """Whether the printed estimate is far from the middle of its own printed interval.

    Far is more than half a standard error, whatever the printed digits stand for: of 1.00
    (0.99-1.02) the middle is 1.005, which rounds to 1.00.
    """
    error = _standard_error(published)
    (least, most), low, high = (
        [math.log(end) for end in published[f"{name}_room"]]
        for name in ("estimate", "conf_low", "conf_high")
    )
    below, above = (low[0] + high[0]) / 2, (low[1] + high[1]) / 2
    return max(least - above, below - most) > 0.5 * error


def _to_the_digit(pair: dict[str, Any], published: dict[str, Any]) -> bool:
    """Whether ratio and limits round to the printed ones, as on the paper's own patients."""
    new = {"estimate": pair["new"], "conf_low": pair["new_low"], "conf_high": pair["new_high"]}
    rooms = {field: published[f"{field}_room"] for field in new}
    return all(low <= new[field] <= high for field, (low, high) in rooms.items())


def _reading(pair: dict[str, Any], published: dict[str, Any], skewed: bool) -> str:
    if not skewed and _off_centre(published):
        return "The printed interval does not fit its own estimate; no comparison can be trusted."
    if _to_the_digit(pair, published):
        # As good as ever the tests are: these are the paper's own patients, no second cohort.
        return "The printed ratio and limits, to their last digit."
    if pair["heterogeneity_p"] < 0.05:
        return "The two cohorts disagree about the size of this effect."
    if pair["sceptical_p"] < 0.025:
        return "Replicated: same direction, convincing on both sides."
    low, high = published["estimate_room"]
    if low <= pair["new"] <= high:
        return "The printed ratio, to its last digit, with other limits."
    if pair["printed"] == 1:
        return "The paper prints no effect, and none is shown here to differ from that."
    if pair["power"] < 0.5:
        events = f"with {pair['events']:.0f} events " if math.isfinite(pair["events"]) else ""
        return (
            f"Too small to say: {events}this cohort would find the "
            f"published effect in {100 * pair['power']:.0f} of 100 tries."
        )
    if pair["same_direction"]:
        return "Same direction and compatible, but not convincing by itself."
    return "Compatible within the error of both, but in the other direction."
