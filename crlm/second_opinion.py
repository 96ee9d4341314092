"""The main curves and models once more, by lifelines and statsmodels, on the same frames.

Both are packages that readers of these notebooks know; they share no code with the rooms
`survival` and `regression`. Where they lack a convention of the run, that is said, not bent.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from crlm import lent
from crlm.ledger import as_records

#: Columns of the frame that `curves` and `models` return.
COLUMNS = (
    "endpoint",
    "population",
    "quantity",
    "group",
    "program",
    "here",
    "there",
    "difference",
)


def curves(frame: pd.DataFrame, by: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Medians, survival rates and the log-rank test by lifelines, beside ours.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame: `time` (months), `event`, perhaps `entry`.
    by : str
        The column of the groups.
    rows : pandas.DataFrame
        From `survival.summary` of the same frame and column.

    Returns
    -------
    pandas.DataFrame
        One row a number (`COLUMNS`); `difference` is relative, NaN where either has none.
    """
    known = frame[frame[by].notna()]
    found = list(_curve_numbers(by, rows, *_by_lifelines(known, by)))
    return _table([{**_whose(rows), "program": "lifelines", **one} for one in found])


@lent.pure
def models(
    frame: pd.DataFrame, covariates: Sequence[str], rows: pd.DataFrame, *, ties: str
) -> pd.DataFrame:
    """Log hazard ratios of a Cox model by statsmodels, and by lifelines where ties are Efron's.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame.
    covariates : sequence of str
        Those of the model; patients who lack one are left out, as in `regression.cox`.
    rows : pandas.DataFrame
        Result rows of the same model.
    ties : {"efron", "breslow"}
        lifelines has Efron's alone.

    Returns
    -------
    pandas.DataFrame
        As `curves`.
    """
    needed = ["time", "event", *(["entry"] if "entry" in frame else []), *covariates]
    part = frame[needed].dropna()
    x = pd.concat([_dummies(part[name]) for name in covariates], axis=1)
    ours = {
        (row["covariate"], row["level"]): np.log(row["estimate"])
        for row in as_records(rows)
        if row["statistic"] == "hazard_ratio"
    }
    fits = {"statsmodels": _unless_it_fails(lambda: _statsmodels(part, x, ties), {})}
    if ties == "efron":
        fits["lifelines"] = _unless_it_fails(lambda: _lifelines(part, x), {})
    return _table(
        {
            **_whose(rows),
            "quantity": "log hazard ratio",
            "group": "=".join(part for part in key if part),
            "program": program,
            "here": ours[key],
            "there": found.get(key, np.nan),
        }
        for program, found in fits.items()
        for key in ours
    )


def left_out(*, ties: str, median_rule: str, late: bool) -> list[str]:
    """What the other programs lack of the conventions of a run, a sentence each.

    Parameters
    ----------
    ties, median_rule : str
        Of the run.
    late : bool
        Whether anyone came under observation late.
    """
    told = {
        "lifelines has no Breslow ties, so its Cox models are left out.": ties == "breslow",
        "lifelines has no midpoint medians, so they are left out.": median_rule == "midpoint",
        "lifelines' log-rank test knows no late entry, so it is left out.": late,
    }
    return [sentence for sentence, holds in told.items() if holds]


def _whose(rows: pd.DataFrame) -> dict[str, str]:
    """The endpoint and the patients that rows are of."""
    if rows.empty:
        return {"endpoint": "", "population": "all"}
    return {name: str(rows[name].iloc[0]) for name in ("endpoint", "population")}


def _unless_it_fails(compute: Callable[[], Any], otherwise: Any) -> Any:
    """What another program gives; whatever it cannot do is no failure of this report."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return compute()
    except Exception:
        return otherwise


@lent.pure
def _by_lifelines(frame: pd.DataFrame, by: str) -> tuple[dict[str, Any], float | None]:
    """Curve and median of each group, None where there is none; their test if nobody came late.

    Hangs on no row of the report, so whoever works ahead has it before the report's curves.
    """
    fits = {}
    for level, inside in frame.groupby(frame[by].astype(str), sort=False):
        fits[str(level)] = _unless_it_fails(partial(_fitted, inside), None)
    if "entry" in frame:
        return fits, None
    return fits, _unless_it_fails(lambda: _logrank(frame, by), np.nan)


def _fitted(frame: pd.DataFrame) -> tuple[pd.Series, float]:
    from lifelines import KaplanMeierFitter

    entry = frame["entry"] if "entry" in frame else None
    fit = KaplanMeierFitter().fit(frame["time"], frame["event"], entry=entry)
    return fit.survival_function_.iloc[:, 0], float(fit.median_survival_time_)


def _curve_numbers(
    by: str, rows: pd.DataFrame, fits: Mapping[str, Any], chi_square: float | None
) -> Iterator[dict[str, Any]]:
    shown = rows[rows["statistic"].isin(["median_survival", "survival_rate"])]
    for group, part in shown.groupby("group", sort=False):
        curve, median = fits.get(str(group).partition("=")[2]) or (None, np.nan)
        for row in as_records(part):
            rate = row["statistic"] == "survival_rate"
            there = median
            if rate and curve is not None:
                there = 100 * float(curve.asof(row["time"]))
            if rate or row["method"].find("midpoint") < 0:
                name = f"rate at {row['time']:g} months" if rate else "median"
                yield {"quantity": name, "group": group, "here": row["estimate"], "there": there}
    test = rows[(rows["statistic"] == "chi_square") & (rows["model"] == "logrank")]
    if len(test) and chi_square is not None:
        here = float(test["estimate"].iloc[0])
        told = {"quantity": "log-rank chi-square", "group": by}
        yield {**told, "here": here, "there": chi_square}


def _logrank(frame: pd.DataFrame, by: str) -> float:
    from lifelines.statistics import multivariate_logrank_test

    groups = frame[by].astype(str)
    return float(multivariate_logrank_test(frame["time"], groups, frame["event"]).test_statistic)


def _dummies(values: pd.Series) -> pd.DataFrame:
    """Columns of a covariate, keyed by (covariate, level) as result rows are."""
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return pd.DataFrame({(str(values.name), ""): values.astype(float)})
    levels = values.astype("category").cat.categories[1:]
    text = values.astype(object)
    return pd.DataFrame({(str(values.name), str(k)): (text == k).astype(float) for k in levels})


def _statsmodels(frame: pd.DataFrame, x: pd.DataFrame, ties: str) -> dict[Any, float]:
    from statsmodels.duration.hazard_regression import PHReg

    # To statsmodels a patient is at risk at the time of entry; here, and in R, just after it.
    entry = np.nextafter(frame["entry"].to_numpy(float), np.inf) if "entry" in frame else None
    status = frame["event"].astype(int).to_numpy()
    times = frame["time"].to_numpy()
    fit = PHReg(times, x.to_numpy(), status=status, entry=entry, ties=ties).fit(disp=0)
    return dict(zip(x.columns, np.asarray(fit.params), strict=True))


def _lifelines(frame: pd.DataFrame, x: pd.DataFrame) -> dict[Any, float]:
    from lifelines import CoxPHFitter

    names = [f"x{number}" for number in range(x.shape[1])]
    data = x.set_axis(names, axis=1).assign(time=frame["time"], event=frame["event"])
    late = {"entry_col": "entry"} if "entry" in frame else {}
    if late:
        data = data.assign(entry=frame["entry"])
    exact = {"precision": 1e-12, "r_precision": 1e-14}
    fit = CoxPHFitter().fit(data, "time", "event", fit_options=exact, **late)
    return dict(zip(x.columns, fit.params_[names].to_numpy(), strict=True))


def _table(records: Any) -> pd.DataFrame:
    made = pd.DataFrame(list(records), columns=[c for c in COLUMNS if c != "difference"])
    here, there = (made[c].astype(float) for c in ("here", "there"))
    finite = np.isfinite(here) & np.isfinite(there)
    gap = (here - there).abs() / here.abs().clip(lower=1e-12)
    return made.assign(difference=gap.where(finite))[list(COLUMNS)]
