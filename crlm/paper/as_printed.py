"""Rows of Table 1 in the other forms in which papers print the same numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtri

_RATIOS = ("hazard_ratio", "odds_ratio", "subdistribution_hazard_ratio")


def shares(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """Sizes of the groups as counts of a characteristic among all."""
    sizes = rows[rows["group"].str.startswith(f"{by}=") & (rows["covariate"] == "")]
    levels = sizes["group"].str.partition("=")[2]
    return sizes.assign(group="all", covariate=by, level=levels)


def shares_missing(rows: pd.DataFrame) -> pd.DataFrame:
    """Patients of unknown value in per cent of their group."""
    missing = _missing(rows)
    shares = 100 * missing["estimate"] / missing["n"]
    return missing.assign(statistic="percent_missing", unit="%", estimate=shares)


def left_out(rows: pd.DataFrame) -> pd.DataFrame:
    """Patients of unknown group as a count of unknown values among all."""
    return rows[rows["model"] == "left out"].assign(model="")


def known(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Patients of known value of these characteristics, in their group."""
    missing = _missing(rows[rows["covariate"].isin(names)])
    return missing.assign(statistic="n", estimate=missing["n"] - missing["estimate"])


def logged(rows: pd.DataFrame, statistics: Sequence[str]) -> pd.DataFrame:
    """Coefficients, their standard errors and z, of ratios with Wald limits."""
    wald = ~rows["method"].str.contains("profile|Firth|not estimable")
    ratios = rows[rows["statistic"].isin(_RATIOS) & wald]
    ratios = ratios[ratios[["estimate", "conf_low", "conf_high"]].gt(0).all(axis=1)]
    coefficient = np.log(ratios["estimate"])
    error = np.log(ratios["conf_high"] / ratios["conf_low"]) / (2 * ndtri(0.975))
    found = {"coefficient": coefficient, "se": error, "z": coefficient / error}
    bare = ratios.assign(conf_low=np.nan, conf_high=np.nan)
    made = [bare.assign(statistic=name, estimate=found[name]) for name in statistics]
    return pd.concat([rows.iloc[:0], *made], ignore_index=True)


def _missing(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[(rows["statistic"] == "missing") & (rows["n"] > 0)]
