"""Table 1: who the patients are, group by group, as result rows.

Every test is named in full in its row, for the defaults of programs differ: SPSS gives the
Mann-Whitney p without a continuity correction and the chi-square p without Yates',
R corrects both unless told otherwise.

Examples
--------
>>> ras = pd.Categorical(["wild"] * 3 + ["mutant"] * 3, categories=["wild", "mutant"])
>>> patients = pd.DataFrame({"ras": ras, "size_cm": [1.0, 2, 3, 2, 5, 6]})
>>> rows = table_one(patients, "ras", ["size_cm"])
>>> rows[rows["statistic"] == "median"].set_index("group")["estimate"].to_dict()
{'all': 2.5, 'ras=wild': 2.0, 'ras=mutant': 5.0}
>>> rows[rows["statistic"] == "p"][["estimate", "method"]].round(2).values.tolist()[0]
[0.18, 'Mann-Whitney U test, asymptotic, tie-corrected, no continuity correction']
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from crlm import ledger, lent
from crlm.categories import OF_ALL, mann_whitney, tests_of_counts
from crlm.ledger import CohortError, Design
from crlm.ledger.vocabulary import (
    ARMITAGE,
    CONTINUOUS_TESTS,
    NUMBER_TRENDS,
    RANK_TESTS,
    T_TESTS,
)
from crlm.multiplicity import ADJUSTMENTS, adjusted
from crlm.number_trends import number_trend
from crlm.proportions import NAMES, percent_limits
from crlm.refusals import choice

_TESTS = ("continuous_test", "categorical_test")
_CHOICES = {
    "continuous_test": CONTINUOUS_TESTS,
    "categorical_test": ("fisher", "chi-square", "chi-square-yates", "trend"),
    "spread": ("range", "iqr", "both"),
    "quantile_rule": ("weibull", "linear"),
    "t_test": T_TESTS,
}
#: Tests over the levels of one category in their order, of one number over groups in theirs.
_OF_ONE = {"categorical_test": (ARMITAGE, *RANK_TESTS), "continuous_test": NUMBER_TRENDS}
_SPREADS = {"range": ("min", "max"), "iqr": ("q1", "q3"), "both": ("min", "max", "q1", "q3")}
_QUARTILES = {"weibull": "quartile at (n + 1)p, as SPSS", "linear": "quartile as R type 7"}

_Records = list[dict[str, Any]]


@dataclass(frozen=True)
class _Plan:
    """How a table is made: its groups and its conventions."""

    by: str
    groups: dict[str, np.ndarray]
    continuous_test: str
    categorical_test: str
    spread: str
    quantile_rule: Literal["weibull", "linear"]
    conf_level: float
    t_test: Literal["welch", "student"] = "welch"
    means: bool = False
    widths: bool = False
    of_all: bool = False
    limits: str = ""
    tested: bool = True
    #: Of each group that is compared: the place of its level among all.
    places: tuple[int, ...] = ()

    @property
    def compared(self) -> list[np.ndarray]:
        """The groups that are tested against each other."""
        return [mask for group, mask in self.groups.items() if group != "all"]

    def with_test(self, test: str | None) -> _Plan:
        """The plan of a variable that has a test of its own."""
        if test is None:
            return self
        own = {kind: (*_CHOICES[kind], *_OF_ONE.get(kind, ())) for kind in _TESTS}
        choice("tests", test, list(dict.fromkeys(itertools.chain(*own.values()))))
        return replace(self, **{kind: test for kind in _TESTS if test in own[kind]})


@lent.pure
def table_one(
    patients: pd.DataFrame,
    by: str | None,
    variables: Iterable[str],
    *,
    design: Design | None = None,
    continuous_test: Literal["mann-whitney", "t", "kruskal"] = "mann-whitney",
    categorical_test: Literal["fisher", "chi-square", "chi-square-yates", "trend"] = "fisher",
    spread: Literal["range", "iqr", "both"] = "range",
    quantile_rule: Literal["weibull", "linear"] = "weibull",
    t_test: Literal["welch", "student"] = "welch",
    conf_level: float = 0.95,
    population: str = "all",
    means: bool | Collection[str] = False,
    tests: Mapping[str, str] | None = None,
    widths: Collection[str] = (),
    spreads: Mapping[str, str] | None = None,
    of_all: Collection[str] = (),
    limits: Mapping[str, str] | None = None,
    untested: Collection[str] = (),
) -> pd.DataFrame:
    """Baseline characteristics of all patients and of each group, with tests between groups.

    Parameters
    ----------
    patients : pandas.DataFrame
        One row a patient. A number is summarised as continuous, all else by its levels (a
        Categorical's own order, the first the reference).
    by : str or None
        The column that splits the patients; None describes them without comparison.
        Patients for whom it is missing are left out, and counted in a row of their own;
        rows of the total then have the population `by=known`, for their denominator.
    variables : iterable of str
        In the order of the table. One that is absent or empty gives `missing` rows only.
    design : Design, optional
        For the units of the columns.
    continuous_test : {"mann-whitney", "t", "kruskal"}
        With more than two groups: Kruskal-Wallis, or one-way analysis of variance for "t".
    categorical_test : {"fisher", "chi-square", "chi-square-yates", "trend"}
        Fisher's test is Freeman-Halton's beyond 2 x 2. Yates' correction is for 2 x 2 only.
        "trend" is Mantel and Haenszel's test, linear by linear, over levels and groups in their
        order (`tests_of_counts`).
    spread : {"range", "iqr", "both"}
        Minimum and maximum, quartiles, or both, beside the median.
    quantile_rule : {"weibull", "linear"}
        Quartiles as SPSS (HAVERAGE, R's type 6) or as R and numpy (type 7).
    t_test : {"welch", "student"}
        What "t" is of two groups: with a variance of each, or one of both.
    conf_level : float
        Of the intervals of differences.
    population : str
        Goes into every row.
    means : bool or collection of str
        Also `mean` and `sd` of numbers, as some papers print them; of these alone.
    tests : mapping of str to str, optional
        By variable: its test, where it is not that of all numbers or categories; of a number
        also one for trend over the groups (`number_trends.number_trend`).
    widths : collection of str
        Also `iqr` and `range` of these numbers: the widths between quartiles and between ends,
        each as one number.
    spreads : mapping of str to str, optional
        By variable: what stands beside its median, where it is not `spread`.
    of_all : collection of str
        Categories whose percentages are of all patients of a group, those of unknown value too.
    limits : mapping of str to str, optional
        By category: how limits of its percentages are made (`proportions.percent_limits`); the
        others have none.
    untested : collection of str
        Variables that are described and not compared, as those that the groups are made of.

    Returns
    -------
    pandas.DataFrame
        Result rows. `group` is "all", `by=level`, or the bare `by` for what compares groups.
        Sizes: `n` and `percent` with covariate "". Continuous: `median` and the spread.
        Categories: `n` and `percent` (of the non-missing, or of all) a level. Both: `missing`,
        `p`, and for two groups `difference` (second minus first: percentage points a level; of
        medians or means) and `smd` (standardised mean difference, without sign).

    Raises
    ------
    CohortError
        If `by` is absent or empty.
    ParameterError
        If an argument is none of its choices.
    """
    _check(
        continuous_test=continuous_test,
        categorical_test=categorical_test,
        spread=spread,
        quantile_rule=quantile_rule,
        t_test=t_test,
    )
    patients, groups, left_out = _split(patients, by)
    plan = _Plan(
        by or "",
        groups,
        continuous_test,
        categorical_test,
        spread,
        quantile_rule,
        conf_level,
        t_test,
        places=_places(patients, by, groups),
    )
    records = _sizes(plan, left_out)
    for name in variables:
        unit = str(design.columns.get(name, {}).get("unit", "")) if design else ""
        meant = means if isinstance(means, bool) else name in means
        own = replace(plan.with_test((tests or {}).get(name)), means=meant, widths=name in widths)
        own = replace(own, spread=(spreads or {}).get(name, spread), of_all=name in of_all)
        own = replace(own, tested=bool(by) and name not in untested)
        own = replace(own, limits=(limits or {}).get(name, ""))
        for record in _variable(patients, name, own, unit):
            records.append({"covariate": name, **record})
    # The total of those whose group is known is another number than that of all patients.
    total = _known_population(by, population) if left_out else population
    return ledger.rows(
        {"population": total if record.get("group") == "all" else population, **record}
        for record in records
    )


def with_adjusted(rows: pd.DataFrame, how: str) -> pd.DataFrame:
    """The p values of a table adjusted for as many tests as it has: rows of the model `how`.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of `table_one`.
    how : {"bonferroni", "holm", "benjamini-hochberg"}

    Returns
    -------
    pandas.DataFrame
        One row a test; none where there is none.
    """
    tests = rows[(rows["statistic"] == "p") & rows["estimate"].notna()]
    method = f"{ADJUSTMENTS[how]}'s adjustment of {len(tests)} tests"
    return tests.assign(estimate=adjusted(tests["estimate"], how), model=how, method=method)


def _known_population(by: str | None, population: str) -> str:
    return f"{by}=known" if population == "all" else f"{population},{by}=known"


def describe(patients: pd.DataFrame, variables: Iterable[str], **conventions: Any) -> pd.DataFrame:
    """Characteristics of one group of patients, without comparison: `table_one` with no `by`.

    Parameters
    ----------
    patients, variables, **conventions
        As of `table_one`: `design`, `spread`, `quantile_rule`, `population`, `means`, `widths`,
        `spreads`, `of_all`, `limits`.
    """
    return table_one(patients, None, variables, **conventions)


def _check(**chosen: str) -> None:
    for name, value in chosen.items():
        choice(name, value, _CHOICES[name])


def _split(
    patients: pd.DataFrame, by: str | None
) -> tuple[pd.DataFrame, dict[str, np.ndarray], int]:
    """Patients whose group is known, a mask for "all" and each group, and how many are not."""
    if by is None:
        return patients, {"all": np.ones(len(patients), dtype=bool)}, 0
    if by not in patients or patients[by].isna().all():
        what = "lacks the column" if by not in patients else "holds nothing in the column"
        raise CohortError(
            f"The patient table {what} {by}, by which Table 1 is split. "
            "Fill it in, or describe all patients together with by=None."
        )
    known = patients[by].notna().to_numpy()
    patients = patients.loc[known]
    levels, codes = _levels(patients[by])
    groups = {"all": np.ones(len(patients), dtype=bool)}
    for code, level in enumerate(levels):
        mask = codes == code
        if mask.any():
            groups[f"{by}={level}"] = mask
    return patients, groups, int((~known).sum())


def _places(
    patients: pd.DataFrame, by: str | None, groups: Mapping[str, np.ndarray]
) -> tuple[int, ...]:
    """Where the level of each group stands among all, those of nobody too."""
    levels = _levels(patients[by])[0] if by else []
    return tuple(levels.index(name.partition("=")[2]) for name in groups if name != "all")


def _levels(values: pd.Series) -> tuple[list[str], np.ndarray]:
    """Levels as text, and each patient's position among them (-1: missing)."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes, unique = values.cat.codes.to_numpy(), values.cat.categories
    elif pd.api.types.is_bool_dtype(values):
        return ["no", "yes"], values.to_numpy(dtype=float, na_value=-1.0).astype(int)
    else:
        codes, unique = pd.factorize(values, sort=True)
    words = [f"{level:g}" if isinstance(level, float) else str(level) for level in unique]
    return words, codes


def _sizes(plan: _Plan, left_out: int) -> _Records:
    records = [
        {"group": group, "statistic": "n", "unit": "patients", "estimate": size, "n": size}
        for group, size in ((group, mask.sum()) for group, mask in plan.groups.items())
    ]
    total = records[0]["n"]
    records += [
        {**record, "statistic": "percent", "unit": "%", "estimate": 100 * record["n"] / total}
        for record in records[1:]
    ]
    if left_out:
        said = {"covariate": plan.by, "statistic": "missing", "unit": "patients"}
        seen = {"n": total + left_out, "model": "left out", "method": "left out"}
        records.append({**said, "estimate": left_out, **seen})
    return records


def _variable(patients: pd.DataFrame, name: str, plan: _Plan, unit: str) -> Iterator[dict]:
    values = patients.get(name)
    if values is None or values.isna().all():
        absent = np.ones(len(patients), dtype=bool)
        yield from _missing(absent, plan, "column absent" if values is None else "column empty")
        return
    yield from _missing(values.isna().to_numpy(), plan, "")
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if numeric:
        numbers = values.to_numpy(dtype=float, na_value=np.nan)
        yield from _continuous(numbers, plan, unit)
    else:
        yield from _categorical(values, plan)


def _missing(absent: np.ndarray, plan: _Plan, method: str) -> Iterator[dict]:
    for group, mask in plan.groups.items():
        yield {
            "group": group,
            "statistic": "missing",
            "unit": "patients",
            "method": method,
            "estimate": (absent & mask).sum(),
            "n": mask.sum(),
        }


# Numbers ----------------------------------------------------------------------------------


def _continuous(values: np.ndarray, plan: _Plan, unit: str) -> Iterator[dict]:
    known = ~np.isnan(values)
    for group, mask in plan.groups.items():
        part = values[mask & known]
        for statistic, estimate in _summary(part, plan):
            quartile = statistic in ("q1", "q3", "iqr")
            method = _QUARTILES[plan.quantile_rule] if quartile else ""
            yield {
                "group": group,
                "statistic": statistic,
                "estimate": estimate,
                "unit": unit,
                "n": len(part),
                "method": method,
            }
    if not plan.tested:
        return
    parts = [part for part in (values[mask & known] for mask in plan.compared) if len(part)]
    if plan.continuous_test in NUMBER_TRENDS:
        told = dict(zip(plan.places, plan.compared, strict=True))
        nobody = np.zeros(len(values), dtype=bool)
        every = [values[told.get(k, nobody) & known] for k in range(max(told) + 1)]
        p, method = number_trend(every, plan.continuous_test)
    else:
        p, method = _compare(parts, plan)
    told = {"group": plan.by, "n": known.sum()}
    yield {**told, "statistic": "p", "estimate": p, "method": method}
    if len(parts) == len(plan.compared) == 2:
        yield {**told, "statistic": "difference", "unit": unit, **_shift(parts[0], parts[1], plan)}
        method = "absolute, mean difference over the root of the mean variance"
        yield {**told, "statistic": "smd", "estimate": _smd(parts[0], parts[1]), "method": method}


def _summary(part: np.ndarray, plan: _Plan) -> Iterator[tuple[str, float]]:
    names = ("median", *_SPREADS[plan.spread], *(("mean", "sd") if plan.means else ()))
    names += ("iqr", "range") if plan.widths else ()
    if not len(part):
        yield from ((name, np.nan) for name in names)
        return
    q1, median, q3 = np.quantile(part, [0.25, 0.5, 0.75], method=plan.quantile_rule)
    found = {"min": part.min(), "q1": q1, "median": median, "q3": q3, "max": part.max()}
    found |= {"mean": part.mean(), "sd": part.std(ddof=1) if len(part) > 1 else np.nan}
    found |= {"iqr": q3 - q1, "range": part.max() - part.min()}
    yield from ((name, float(found[name])) for name in names)


def _compare(parts: Sequence[np.ndarray], plan: _Plan) -> tuple[float, str]:
    """p of two or more samples, and the test by its full name."""
    test, pooled = plan.continuous_test, plan.t_test == "student"
    if len(parts) < 2 or np.ptp(np.concatenate(parts)) == 0:
        return np.nan, f"{test}: not possible, one group or one value only"
    if test == "t":
        if min(map(len, parts)) < 2 or max(map(np.ptp, parts)) == 0:
            return np.nan, "t: not possible, a group has no spread"
        if len(parts) == 2:
            p = float(stats.ttest_ind(*parts, equal_var=pooled).pvalue)
            return p, "Student's t test" if pooled else "Welch's t test"
        return float(stats.f_oneway(*parts).pvalue), "one-way analysis of variance"
    if test == "kruskal" or len(parts) > 2:
        return float(stats.kruskal(*parts).pvalue), "Kruskal-Wallis test, tie-corrected"
    p, how = mann_whitney(*parts, test)
    return p, f"Mann-Whitney U test, {how}"


def _shift(first: np.ndarray, second: np.ndarray, plan: _Plan) -> dict[str, Any]:
    """The second group minus the first: means with the interval of the t test, or medians."""
    if plan.continuous_test != "t":
        estimate = float(np.median(second) - np.median(first))
        return {"estimate": estimate, "method": "difference of medians"}
    told = {"estimate": float(second.mean() - first.mean()), "method": "difference of means"}
    if min(len(first), len(second)) < 2 or max(np.ptp(first), np.ptp(second)) == 0:
        return told
    pooled = plan.t_test == "student"
    tested = stats.ttest_ind(second, first, equal_var=pooled)
    interval = tested.confidence_interval(plan.conf_level)
    limits = {"conf_low": float(interval.low), "conf_high": float(interval.high)}
    return {**told, **limits, "method": f"difference of means, {plan.t_test.capitalize()} CI"}


def _smd(first: np.ndarray, second: np.ndarray) -> float:
    if min(len(first), len(second)) < 2:
        return np.nan
    gap = abs(second.mean() - first.mean())
    spread = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
    return _ratio(gap, spread)


def _ratio(gap: float, spread: float) -> float:
    if spread > 0:
        return float(gap / spread)
    return 0.0 if gap == 0 else np.nan


# Categories -------------------------------------------------------------------------------


def _categorical(values: pd.Series, plan: _Plan) -> Iterator[dict]:
    levels, codes = _levels(values)
    counts = {
        group: np.bincount(codes[mask & (codes >= 0)], minlength=len(levels))
        for group, mask in plan.groups.items()
    }
    for group, count in counts.items():
        total = int(count.sum())
        for level, k in zip(levels, count, strict=True):
            told = {"group": group, "level": level, "n": total}
            yield {**told, "statistic": "n", "estimate": k, "unit": "patients"}
            size = int(plan.groups[group].sum()) if plan.of_all else total
            yield {
                **told,
                "n": size,
                "statistic": "percent",
                "unit": "%",
                "estimate": 100 * k / size if size else np.nan,
                **_limits(k, size, plan),
            }
    if not plan.tested:
        return
    table = np.array([count for group, count in counts.items() if group != "all"])
    told = {"group": plan.by, "n": table.sum()}
    test, level = plan.categorical_test, plan.conf_level
    yield from ({**told, **row} for row in tests_of_counts(table, levels, test, level))


def _limits(count: int, size: int, plan: _Plan) -> dict[str, Any]:
    """The limits of a percentage, where it has any, and what it is of."""
    method = OF_ALL if plan.of_all else "percent of the non-missing"
    if not plan.limits:
        return {"method": method}
    low, high = percent_limits(count, size, plan.limits, plan.conf_level)
    return {"conf_low": low, "conf_high": high, "method": f"{method}, {NAMES[plan.limits]}"}
