"""Incidence rates as result rows: events over patient-years, and two rates against each other."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from scipy.special import ndtri

from crlm.ledger import rows
from crlm.ledger.vocabulary import ALL, POISSON, RATE_UNIT, RATE_UNITS
from crlm.poisson import rate_limits, ratio_test
from crlm.refusals import argument, choice
from crlm.survival.samples import Sample, row_base, samples_of

RateLimits = Literal["exact", "byar", "byar-epitools", "log", "plain"]
RateTest = Literal["wald", "exact", "mid-p"]

_LIMITS = {
    "exact": "exact Poisson CI (Garwood)",
    "byar": "Byar's CI",
    "byar-epitools": "Byar's CI with half an event more",
    "log": "log CI",
    "plain": "plain CI",
}
_TESTS = {
    "wald": "Poisson model, Wald",
    "exact": "conditional exact test of two Poisson rates",
    "mid-p": "conditional test of two Poisson rates, mid-P",
}


def rates(
    frame: pd.DataFrame,
    by: str | None = None,
    *,
    limits: RateLimits = "exact",
    test: RateTest = "wald",
    unit: str = RATE_UNIT,
    conf_level: float = 0.95,
    population: str = ALL,
) -> pd.DataFrame:
    """Events, patient-years and the rate of each group; ratio, difference and p of two rates.

    Patient-years are the months under observation, from entry where that is late, over 12.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame.
    by : str, optional
        Column whose levels are the groups; each is compared with the first that has patients.
    limits : {"exact", "byar", "byar-epitools", "log", "plain"}
        Of rates. "exact": Garwood, Biometrika 1936;28:437, as R's `poisson.test`. "byar": Breslow
        & Day, Statistical Methods in Cancer Research II, 1987, p. 69; "byar-epitools" the same
        with x + 1/2 for both limits, as R's `epitools::pois.byar`. "log": rate times
        exp(+- z / sqrt(events)), as a Poisson model has it; "plain": rate +- z standard errors,
        not below 0. The last two have none where nobody had the event.
    test : {"wald", "exact", "mid-p"}
        Limits and p of the ratio. "wald": on the log scale with error sqrt(1/x1 + 1/x0), as R's
        `glm(x ~ arm + offset(log(years)), poisson)`. "exact": given all events, as R's
        `poisson.test` of two. "mid-p": the same with half the probability of what was observed,
        as R's `epitools::rateratio`.
    unit : str
        One of `RATE_UNITS`.
    conf_level : float
    population : str
        Written into the rows.

    Returns
    -------
    pandas.DataFrame
        Of each group `events`, `patient_years` and `incidence_rate` (in `unit`); of each level but
        the first `rate_ratio`, `rate_difference` (with +- z sqrt(x1 / T1^2 + x0 / T0^2)) and `p`,
        model "poisson", beside rows `n` (of all groups) and `reference`.

    Raises
    ------
    CohortError
        If the frame is empty or is not an analysis frame.
    ParameterError
        If the column or a convention does not exist.

    Examples
    --------
    >>> frame = pd.DataFrame({"time": [6.0, 12, 18, 24], "arm": list("abab")})
    >>> found = rates(frame.assign(event=[True, True, True, False]), "arm")
    >>> found.loc[found["statistic"] == "incidence_rate", "estimate"].round(1).tolist()
    [100.0, 33.3]
    """
    choice("limits", limits, get_args(RateLimits))
    choice("test", test, get_args(RateTest))
    choice("unit", unit, tuple(RATE_UNITS))
    argument("conf_level", conf_level, 0 < conf_level < 1, "a number between 0 and 1")
    z, per = float(ndtri((1 + conf_level) / 2)), RATE_UNITS[unit]
    records, bases = [], []
    for group, sample in samples_of(frame, by):
        years = _years(sample)
        base = {**row_base(frame, group, sample, population), "years": years}
        base["late"] = sample.late
        bases.append(base)
        records += _of_group(base, limits, z, unit)
    if by and len(bases) > 1:
        keys = {"group": ALL, "covariate": by, "model": POISSON, "unit": ""}
        level = bases[0]["group"].partition("=")[2]
        told = {"level": level, "statistic": "reference", "estimate": 1.0, "method": "reference"}
        records.append({**bases[0], **keys, **told})
        both = {name: sum(base[name] for base in bases) for name in ("n", "events")}
        whole = {**bases[0], **keys, **both, "statistic": "n", "unit": "patients"}
        records.append({**whole, "estimate": both["n"], "method": "count"})
        for base in bases[1:]:
            of = {**base, **keys, "level": base["group"].partition("=")[2]}
            records += _between(of, base, bases[0], test, z, unit, per)
    own = ("years", "late")
    return rows([{k: v for k, v in record.items() if k not in own} for record in records])


def _years(sample: Sample) -> float:
    return float((sample.time - np.maximum(sample.entry, 0.0)).sum()) / 12


def _of_group(base: dict[str, Any], limits: str, z: float, unit: str) -> list[dict[str, Any]]:
    events, years, per = base["events"], base["years"], RATE_UNITS[unit]
    ends = [end * per / years if years else math.nan for end in rate_limits(events, limits, z)]
    rate = {
        "estimate": events * per / years if years else math.nan,
        "conf_low": ends[0],
        "conf_high": ends[1],
    }
    method = f"events over patient-years, {_LIMITS[limits]}"
    return [
        {**base, "statistic": "events", "estimate": events, "unit": "events", "method": "count"},
        {
            **base,
            "statistic": "patient_years",
            "estimate": years,
            "unit": "patient-years",
            "method": f"months under observation over 12{', late entry' * base['late']}",
        },
        {**base, **rate, "statistic": "incidence_rate", "unit": unit, "method": method},
    ]


def _between(
    of: dict[str, Any],
    own: dict[str, Any],
    other: dict[str, Any],
    test: str,
    z: float,
    unit: str,
    per: float,
) -> list[dict[str, Any]]:
    """Ratio, difference and p of one group's rate against that of the reference."""
    events, years = (own["events"], other["events"]), (own["years"], other["years"])
    if not min(years):
        why = "a group has no time under observation"
        names = ("rate_ratio", "rate_difference", "p")
        return [{**of, "statistic": name, "estimate": math.nan, "method": why} for name in names]
    rate = [x / t for x, t in zip(events, years, strict=True)]
    low, high, p = ratio_test(events, years, test, z)
    ratio = rate[0] / rate[1] if rate[1] else math.nan
    nobody = "; nobody of one group had the event" if not min(events) else ""
    gap, error = rate[0] - rate[1], math.sqrt(sum(r / t for r, t in zip(rate, years, strict=True)))
    spread = z * error if all(events) else math.nan
    method = f"{_TESTS[test]}{nobody}"
    return [
        {**of, "statistic": "rate_ratio", "estimate": ratio, "method": method}
        | {"conf_low": low, "conf_high": high if math.isfinite(high) else math.nan},
        {
            **of,
            "statistic": "rate_difference",
            "estimate": gap * per,
            "conf_low": (gap - spread) * per,
            "conf_high": (gap + spread) * per,
            "unit": unit,
            "method": f"difference of two rates, normal CI{nobody}",
        },
        {**of, "statistic": "p", "estimate": p, "method": method},
    ]
