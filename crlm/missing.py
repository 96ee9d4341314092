"""Missing values: where they are, completed tables by chained equations, and their pooling.

References: van Buuren S, Groothuis-Oudshoorn K. J Stat Softw 2011;45(3). White IR, Royston P.
Stat Med 2009;28:1982 (event and cumulative hazard as predictors). Rubin DB. Multiple Imputation
for Nonresponse in Surveys, 1987. Barnard J, Rubin DB. Biometrika 1999;86:948.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import t as student

from crlm.causal.engine import firth, independent, newton, separated
from crlm.causal.terms import Scale, learn
from crlm.causal.weighted import endpoint_of, observed, quantile_of_level
from crlm.ledger import KEYS, CohortError, ParameterError, rows

#: Fixed number of the analysis, for random numbers of its own.
IMPUTED = 7
#: Patients whose predictions are nearest; one of them gives its value.
_DONORS = 5
_COMMONEST = 5
#: The flag: share of complete cases below, and shift of the log ratio above.
_COMPLETE, _SHIFT = 0.90, 0.10
_ON_LOG = (
    "hazard_ratio",
    "odds_ratio",
    "ratio_of_hazard_ratios",
    "transition_hazard_ratio",
    "subdistribution_hazard_ratio",
)
_RATES = ("survival_rate", "cumulative_incidence", "state_probability")
_BACK = {"log": np.exp, "log spline": np.exp, "log1p": np.expm1}


def pattern(
    frame: pd.DataFrame, names: Sequence[str], by: str | None = None, *, population: str = "all"
) -> pd.DataFrame:
    """What is missing, in whom, and who is complete.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame, or patients.
    names : sequence of str
        Covariates of a model; those that the table lacks are wholly missing.
    by : str, optional
        A column: the same within each of its levels.
    population : str
        Written into the rows.

    Returns
    -------
    pandas.DataFrame
        `percent_missing` of each covariate, of all, by level of `by` (group) and, for an
        analysis frame, with and without the event (group `event=yes`); model "diagnostic".
        `n` of covariate "missing together" for the five commonest patterns (level the missing
        covariates, "none missing"). `n` of model "complete case".
    """
    names = list(dict.fromkeys(names))
    gone = pd.DataFrame(
        {name: frame[name].isna() if name in frame else True for name in names}, index=frame.index
    ).astype(bool)
    base = {"endpoint": endpoint_of(frame), "population": population, "model": "diagnostic"}
    records = []
    for group, inside in _groups(frame, by).items():
        here = {**base, "group": group, "statistic": "percent_missing", "unit": "%"}
        for name in names:
            share = 100 * float(gone.loc[inside, name].mean()) if inside.any() else math.nan
            how = "share of the patients" if name in frame else "the table has no such column"
            how = how if inside.any() else "not estimable: no patient in this group"
            told = {"covariate": name, "estimate": share, "n": int(inside.sum()), "method": how}
            records.append({**here, **told})
    complete = ~gone.any(axis=1).to_numpy()
    n = int(complete.sum())
    whole = {**base, "model": "complete case", "statistic": "n", "unit": "patients", "n": n}
    whole |= {"estimate": n, "method": f"complete cases: {n} of {len(frame)} patients"}
    if "event" in frame:
        whole["events"] = int(frame["event"][complete].sum())
    return rows([*records, *_patterns(gone, base), whole])


@dataclass
class Variable:
    """One covariate of the chain: its values, which of them are missing, and how it is drawn.

    Attributes
    ----------
    scale : Scale
    value : ndarray, shape (n,)
        A number on its scale, or the code of a level.
    missing : ndarray of bool
    shift : float
        Added to the log odds of the later levels where they are drawn.
    donor : ndarray of int
        Whose value each patient has (numbers matched to donors).
    columns : ndarray of int or None
        Predictors that are no combination of earlier ones, once known.
    """

    scale: Scale
    value: np.ndarray
    missing: np.ndarray
    shift: float
    donor: np.ndarray
    columns: np.ndarray | None = None

    @property
    def block(self) -> np.ndarray:
        """Its columns as a predictor."""
        if not self.scale.levels:
            return self.value[:, None]
        return (self.value[:, None] == np.arange(1, len(self.scale.levels))).astype(float)


def impute(
    frame: pd.DataFrame,
    terms: Sequence[Sequence[str]],
    m: int = 20,
    seed: int = 0,
    *,
    exposure: str = "",
    outcomes: Mapping[str, pd.DataFrame] | None = None,
    cycles: int = 10,
    how: Literal["match", "normal"] = "match",
    shift: Mapping[str, float] | None = None,
) -> list[pd.DataFrame]:
    """Completed tables by chained equations.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a patient; an analysis frame, or patients with `outcomes`.
    terms : sequence of (name, kind)
        Every covariate of any model that will be fitted, and the exposure; numbers enter on
        their scale ("log"), factors by their levels. A score has to be computed from its
        completed parts afterwards, and stays out.
    m : int
        Tables; 0 gives none.
    seed : int
    exposure : str
        A factor of `terms` whose products with the events are predictors.
    outcomes : mapping of str to pandas.DataFrame, optional
        Analysis frames on the same index: event and Nelson-Aalen cumulative hazard at the
        patient's own time (late entry honoured) of each are predictors. By default the frame
        itself if it is one.
    cycles : int
        Rounds of the chain, from the least to the most missing covariate.
    how : {"match", "normal"}
        A number takes the value of one of the five observed patients with the nearest
        prediction, or is drawn from the normal model.
    shift : mapping of str to float, optional
        Added to the log odds of the later levels of a factor where it is drawn: sensitivity
        to values that are missing because of what they are.

    Returns
    -------
    list of pandas.DataFrame
        `m` copies of the frame without a missing value in the terms. A column with fewer than two
        known values tells nothing and stays as it is.

    Raises
    ------
    ParameterError
        If `m`, `cycles` or `how` makes no sense, or a shift names no factor of the terms.
    CohortError
        As `causal.propensity`.

    Notes
    -----
    Two levels: logistic, coefficients drawn from their normal, with Firth's penalty where the
    levels are separated; more levels: one such model for each level among those not below it.
    Numbers: linear model, variance from its scaled inverse chi-square, coefficients from their
    normal.
    """
    for name, value in (("m", m), ("cycles", cycles)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ParameterError(f"{name} must be a whole number from 0 but is {value!r}.")
    if how not in ("match", "normal"):
        raise ParameterError(f"how must be 'match' or 'normal' but is {how!r}.")
    scales, _ = learn(frame, [(name, _plain(kind)) for name, kind in terms])
    if exposure and exposure not in [name for name, _ in terms]:
        raise ParameterError(f'{exposure} is no term; add ["{exposure}", "factor"] to the terms.')
    wrong = set(shift or {}) - {scale.name for scale in scales if scale.levels}
    if wrong:
        raise ParameterError(f"shift names {', '.join(sorted(wrong))}, no factor of the terms.")
    fixed, events = _outcome_columns(frame, outcomes)
    rng = np.random.default_rng([seed, IMPUTED])
    tables = []
    for _ in range(m):
        chain = [
            _started(frame, scale, (shift or {}).get(scale.name, 0.0), rng) for scale in scales
        ]
        for _ in range(cycles if any(one.missing.any() for one in chain) else 0):
            for one in sorted(chain, key=lambda v: int(v.missing.sum())):
                if one.missing.any():
                    _draw(one, _predictors(chain, one, exposure, fixed, events), how, rng)
        tables.append(_filled(frame, chain, how))
    return tables


def pool(
    tables: Sequence[pd.DataFrame],
    n: int,
    k: int,
    *,
    model: str | None = "imputed",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Result rows of completed tables as one, by Rubin's rules.

    Parameters
    ----------
    tables : sequence of pandas.DataFrame
        The rows of one analysis on each table: normal limits of differences and means, of the
        logarithm of ratios, log-log limits of rates.
    n, k : int
        Patients and parameters, for the degrees of freedom.
    model : str or None
        Of the pooled rows; None keeps that of the analysis.
    conf_level : float
        Of the limits that the rows have and get.

    Returns
    -------
    pandas.DataFrame
        Rows with the mean of the estimates and limits from Student's t with Barnard and
        Rubin's degrees of freedom; a `p` beside a ratio is made anew. Of what has no limits
        (counts, largest weights) the mean, of flags what most tables say. A row that some
        table lacks, or cannot estimate, has no estimate and says so.

    Raises
    ------
    ParameterError
        If there are fewer than two tables.
    """
    if len(tables) < 2:
        raise ParameterError(f"There are {len(tables)} tables; pooling needs two or more.")
    z = quantile_of_level(conf_level)
    sets = [{_key(row): row for row in table.to_dict("records")} for table in tables]
    records, tests = [], {}
    for key, row in sets[0].items():
        each = [one.get(key) for one in sets]
        record, p = _pooled(row, each, (n, k, z, conf_level))
        tests[(*key[:5], key[5])] = p if p is not None else tests.get(key[:6])
        if row["statistic"] == "p":
            record = _tested(row, tests.get(key[:6]), len(tables))
        records.append(record | ({"model": model} if model is not None else {}))
    return rows(records)


def rubin(q: np.ndarray, u: np.ndarray, n: int, k: int) -> tuple[float, float, float]:
    """Mean, total variance and Barnard and Rubin's degrees of freedom of estimates.

    Parameters
    ----------
    q, u : ndarray, shape (m,)
        Estimates and their variances.
    n, k : int
        Patients and parameters.
    """
    m = len(q)
    between = float(np.var(q, ddof=1))
    total = float(np.mean(u)) + (1 + 1 / m) * between
    whole = max(n - k, 1)
    share = (1 + 1 / m) * between / total if total > 0 else 0.0
    seen = (whole + 1) / (whole + 3) * whole * (1 - share)
    if share <= 0 or not math.isfinite(share):
        return float(np.mean(q)), total, seen
    large = (m - 1) / share**2
    return float(np.mean(q)), total, large * seen / (large + seen)


def moved(
    complete: pd.DataFrame, imputed: pd.DataFrame, exposure: str, *, share: float
) -> pd.DataFrame:
    """The flag `missing`: few complete cases, and another effect with completed tables.

    Parameters
    ----------
    complete, imputed : pandas.DataFrame
        Rows of the same analysis, each with one `hazard_ratio` of the exposure an endpoint and
        population.
    exposure : str
    share : float
        Complete cases as a share of all patients.

    Returns
    -------
    pandas.DataFrame
        One flag for each endpoint and population, model "imputed": raised with fewer than 90 %
        complete cases and log ratios more than 0.10 apart.
    """
    keys = ["endpoint", "population", "level"]
    parts = [
        part[(part["covariate"] == exposure) & (part["statistic"] == "hazard_ratio")][
            [*keys, "estimate"]
        ]
        for part in (complete, imputed)
    ]
    records = []
    for row in parts[0].merge(parts[1], on=keys, suffixes=("_complete", "_imputed")).itertuples():
        one, two = row.estimate_complete, row.estimate_imputed
        known = one > 0 and two > 0
        apart = abs(math.log(two) - math.log(one)) if known else math.nan
        text = (
            f"complete cases {100 * share:.0f} % (raised below {100 * _COMPLETE:.0f} %), log "
            f"ratios {apart:.2f} apart (raised beyond {_SHIFT})"
        )
        records.append(
            {
                "endpoint": row.endpoint,
                "population": row.population,
                "level": row.level,
                "model": "imputed",
                "statistic": "flag",
                "covariate": "missing",
                "estimate": float(share < _COMPLETE and apart > _SHIFT),
                "method": text,
            }
        )
    return rows(records)


# ---- what is missing ---------------------------------------------------------


def _groups(frame: pd.DataFrame, by: str | None) -> dict[str, np.ndarray]:
    groups = {"all": np.ones(len(frame), dtype=bool)}
    if by is not None:
        if by not in frame:
            raise ParameterError(f"The table has no column {by!r}.")
        column = frame[by].astype("category")
        for level in column.cat.categories:
            groups[f"{by}={level}"] = (column == level).to_numpy()
    if "event" in frame:
        event = frame["event"].to_numpy(dtype=bool)
        groups |= {"event=no": ~event, "event=yes": event}
    return groups


def _patterns(gone: pd.DataFrame, base: Mapping[str, Any]) -> list[dict[str, Any]]:
    texts = [
        " and ".join(name for name, here in zip(gone.columns, row, strict=True) if here)
        or "none missing"
        for row in gone.to_numpy()
    ]
    counts = pd.Series(texts, dtype=object).value_counts(sort=False)
    order = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:_COMMONEST]
    return [
        {
            **base,
            "covariate": "missing together",
            "level": text,
            "statistic": "n",
            "unit": "patients",
            "estimate": count,
            "n": len(gone),
            "method": f"one of the {len(order)} commonest of {len(counts)} patterns",
        }
        for text, count in order
    ]


# ---- the chain ---------------------------------------------------------------


def _plain(kind: str) -> str:
    """A spline is imputed on its straight scale."""
    return {"spline": "linear", "log spline": "log"}.get(kind, kind)


def _started(frame: pd.DataFrame, scale: Scale, shift: float, rng: np.random.Generator) -> Variable:
    """A covariate whose missing values are draws from the observed ones."""
    if scale.levels:
        block = scale.value(frame)
        value = np.where(
            np.isnan(block).any(axis=1), np.nan, block @ np.arange(1, len(scale.levels))
        )
    else:
        value = scale.value(frame)[:, 0]
    missing = ~np.isfinite(value)
    donor = np.arange(len(value))
    donor[missing] = rng.choice(np.flatnonzero(~missing), int(missing.sum()))
    return Variable(scale, value[donor], missing, shift, donor)


def _outcome_columns(
    frame: pd.DataFrame, outcomes: Mapping[str, pd.DataFrame] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Events and cumulative hazards (n, 2 a outcome), and the events by themselves."""
    if outcomes is None:
        outcomes = {"": frame} if "time" in frame and "event" in frame else {}
    columns, events = [], []
    for name, one in outcomes.items():
        if not one.index.isin(frame.index).all() or one.index.has_duplicates:
            raise CohortError(
                f"The analysis frame of {name or 'the outcome'} holds patients that the table "
                "does not. Make both from one table."
            )
        event = pd.Series(one["event"].to_numpy(dtype=float), index=one.index)
        hazard = pd.Series(nelson_aalen(one), index=one.index)
        for values, kept in ((event, events), (hazard, None)):
            whole = values.reindex(frame.index)
            whole = whole.fillna(whole.mean()).to_numpy()
            columns.append(whole)
            if kept is not None:
                kept.append(whole)
    empty = np.zeros((len(frame), 0))
    return (
        np.column_stack(columns) if columns else empty,
        np.column_stack(events) if events else empty,
    )


def nelson_aalen(frame: pd.DataFrame) -> np.ndarray:
    """The cumulative hazard at each patient's own time (R: `survfit(..., ctype = 1)$cumhaz`)."""
    data = observed(frame)
    times, code = np.unique(data.time[data.event == 1], return_inverse=True)
    at_risk = len(data.time) - np.searchsorted(np.sort(data.time), times, side="left")
    if data.entry is not None:
        not_yet = data.n - np.searchsorted(np.sort(data.entry), times, side="left")
        at_risk = at_risk - not_yet
    hazard = np.cumsum(np.bincount(code, minlength=len(times)) / np.maximum(at_risk, 1))
    return np.concatenate([[0.0], hazard])[np.searchsorted(times, data.time, side="right")]


def _predictors(
    chain: Sequence[Variable],
    one: Variable,
    exposure: str,
    fixed: np.ndarray,
    events: np.ndarray,
) -> np.ndarray:
    blocks = [fixed, *(other.block for other in chain if other is not one)]
    for other in chain:
        if other.scale.name == exposure and other is not one:
            blocks += [other.block * events[:, [j]] for j in range(events.shape[1])]
    x = np.hstack(blocks)
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    full = np.column_stack([np.ones(len(x)), x])
    if one.columns is None:
        one.columns = independent(full[~one.missing])
    return full[:, one.columns]


def _draw(one: Variable, x: np.ndarray, how: str, rng: np.random.Generator) -> None:
    """New values where the covariate is missing, given all others."""
    if one.scale.levels:
        _draw_level(one, x, rng)
        return
    seen = ~one.missing
    y = one.value[seen]
    beta, drawn, sigma = _linear(x[seen], y, rng)
    guess = x[one.missing] @ drawn
    if how == "normal":
        one.value[one.missing] = guess + sigma * rng.standard_normal(len(guess))
        return
    donors = _nearest(x[seen] @ beta, guess, rng)
    one.donor[one.missing] = np.flatnonzero(seen)[donors]
    one.value[one.missing] = y[donors]


def _linear(
    x: np.ndarray, y: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    """Least squares, and a draw of coefficients and error from what the data say of them."""
    inverse = np.linalg.pinv(x.T @ x)
    beta = inverse @ (x.T @ y)
    left = y - x @ beta
    df = max(len(y) - x.shape[1], 1)
    sigma = math.sqrt(float(left @ left) / rng.chisquare(df))
    return beta, beta + sigma * _root(inverse) @ rng.standard_normal(len(beta)), sigma


def _root(matrix: np.ndarray) -> np.ndarray:
    """A square root of a covariance."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return vectors * np.sqrt(np.maximum(values, 0.0))


def _nearest(seen: np.ndarray, guess: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each guess one of the observed patients with the nearest predictions."""
    order = np.argsort(seen, kind="stable")
    ranked = seen[order]
    few = min(_DONORS, len(seen))
    places = np.searchsorted(ranked, guess)
    window = np.clip(places[:, None] + np.arange(-few, few), 0, len(seen) - 1)
    away = np.abs(ranked[window] - guess[:, None])
    # A place at the edge stands in the window many times; only once it counts.
    away[:, 1:][window[:, 1:] == window[:, :-1]] = np.inf
    close = np.argsort(away, axis=1, kind="stable")[:, :few]
    pick = close[np.arange(len(guess)), rng.integers(0, few, len(guess))]
    return order[window[np.arange(len(guess)), pick]]


def _draw_level(one: Variable, x: np.ndarray, rng: np.random.Generator) -> None:
    """Levels in turn: this one, or one of the later ones, among those not below it."""
    seen = ~one.missing
    drawn = np.full(int(one.missing.sum()), len(one.scale.levels) - 1, dtype=float)
    undecided = np.ones(len(drawn), dtype=bool)
    for level in range(len(one.scale.levels) - 1):
        among = seen & (one.value >= level)
        answer = (one.value[among] > level).astype(float)
        chances = expit(x[one.missing] @ _logistic(answer, x[among], rng) + one.shift)
        stays = undecided & (rng.random(len(drawn)) >= chances)
        drawn[stays] = level
        undecided &= ~stays
    one.value[one.missing] = drawn


def _logistic(answer: np.ndarray, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Coefficients of a logistic model, drawn from what the data say of them."""
    ones = np.ones(len(answer))
    beta, settled = newton(answer, x, ones)
    if not settled or separated(expit(x @ beta)):
        beta = firth(answer, x, ones)
    share = expit(x @ beta)
    information = (x * (share * (1 - share))[:, None]).T @ x
    root = _root(np.linalg.pinv(information, hermitian=True))
    return beta + root @ rng.standard_normal(len(beta))


def _filled(frame: pd.DataFrame, chain: Sequence[Variable], how: str) -> pd.DataFrame:
    found = frame.copy()
    for one in chain:
        if not one.missing.any():
            continue
        column = frame[one.scale.name]
        if one.scale.levels:
            texts = [one.scale.levels[int(code)] for code in one.value[one.missing]]
            filled = column.astype(object)
            filled[one.missing] = texts
            found[one.scale.name] = filled.astype(column.dtype)
        elif how == "match":
            found[one.scale.name] = column.iloc[one.donor].set_axis(column.index)
        else:
            values = column.astype(float)
            back = _BACK.get(one.scale.kind, lambda x: x)
            values[one.missing] = back(one.value[one.missing])
            found[one.scale.name] = values
    return found


# ---- pooling -----------------------------------------------------------------


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """The keys of a row, the statistic last; a missing time is one value."""
    time = None if row["time"] != row["time"] else row["time"]
    plain = [row[name] for name in KEYS if name not in ("statistic", "time")]
    return (*plain, time, row["statistic"])


def _pooled(
    row: Mapping[str, Any],
    each: Sequence[Mapping[str, Any] | None],
    told: tuple[int, int, float, float],
) -> tuple[dict[str, Any], tuple[float, str] | None]:
    """One pooled record and, for what has limits, the p value that it is no effect."""
    n, k, z, conf_level = told
    known = [one for one in each if one is not None and math.isfinite(one["estimate"])]
    m, how = len(each), row["method"]
    record = {**row, "conf_low": math.nan, "conf_high": math.nan}
    if len(known) < m:
        short = f"not pooled: {m - len(known)} of {m} completed tables give no estimate"
        return {**record, "estimate": math.nan, "method": f"{short}; {how}"}, None
    values = np.array([one["estimate"] for one in known])
    average = float(values.mean())
    if row["statistic"] == "flag":
        said = f"raised in {100 * average:.0f} % of {m} completed tables; {how}"
        return {**record, "estimate": float(average > 0.5), "method": said}, None
    there, back = _scale_of(row["statistic"])
    with np.errstate(invalid="ignore", divide="ignore"):
        q = there(values)
        ends = there(np.array([[one["conf_low"], one["conf_high"]] for one in known]))
    if not (np.isfinite(ends).all() and np.isfinite(q).all()):
        said = f"mean of {m} completed tables; {how}"
        return {**record, "estimate": average, "method": said}, None
    mean, total, df = rubin(q, ((ends[:, 1] - ends[:, 0]) / (2 * z)) ** 2, n, k)
    half = float(student.ppf(0.5 + conf_level / 2, df)) * math.sqrt(total)
    low, high = sorted((float(back(mean - half)), float(back(mean + half))))
    method = f"Rubin's rules, {m} completed tables, df {df:.1f}; {how}"
    p = 2 * float(student.sf(abs(mean) / math.sqrt(total), df)) if total > 0 else math.nan
    limits = {"estimate": float(back(mean)), "conf_low": low, "conf_high": high}
    return {**record, **limits, "method": method}, (p, method)


def _tested(row: Mapping[str, Any], p: tuple[float, str] | None, m: int) -> dict[str, Any]:
    """The p value of the pooled estimate beside it."""
    if p is None:
        why = f"not pooled: no estimate with limits stands beside this test in {m} tables"
        return {**row, "estimate": math.nan, "method": why}
    return {**row, "estimate": p[0], "method": f"t test; {p[1]}"}


def _scale_of(statistic: str) -> tuple[Any, Any]:
    """Where a statistic is normal, and the way back."""
    if statistic in _ON_LOG:
        return np.log, np.exp
    if statistic in _RATES:
        return (lambda p: np.log(-np.log(p / 100))), (lambda x: 100 * np.exp(-np.exp(x)))
    return (lambda x: x), (lambda x: x)
