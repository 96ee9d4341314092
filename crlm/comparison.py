"""Result rows joined to claims: what was printed beside what comes out here.

The only module that sees both sides. Nothing computed here flows back into
an analysis.

Examples
--------
>>> from crlm import ledger
>>> claims = ledger.load_claims("ncch_scp").query("id == 'ab-n'")
>>> claim = claims.iloc[0]
>>> keys = {name: claim[name] for name in ledger.KEYS}
>>> found = compare(ledger.rows([{**keys, "estimate": 150}]), claims)
>>> found[["printed", "computed", "verdict"]].values.tolist()
[['150', 150.0, 'matches']]
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any

import numpy as np
import pandas as pd

from crlm.ledger import (
    LedgerError,
    as_records,
    collect,
    compatible_interval,
    round_half_up,
    row_key,
)
from crlm.ledger.vocabulary import (
    DAYS_PER_MONTH,
    NOT_REACHED,
    PERSON_TIME,
    RATE_UNITS,
    TIME_UNITS,
    months_in,
)
from crlm.numbers import HIDDEN, OF_TWO_DIGITS, Shown
from crlm.unanswered import OF_PATIENTS, Here, here_of, patients_key, why_absent

#: The closed set of verdicts, best first.
VERDICTS = ("matches", "near", "differs", "no result")

#: What is said of a number that a safe report shows within a band.
CAN_AGREE = "can agree"

_UNIT_FACTORS = {
    PERSON_TIME: 12.0,
    **{(a, b): per / of for a, of in RATE_UNITS.items() for b, per in RATE_UNITS.items()},
}
_TOLERANCE = 1e-9


def compare(
    rows: pd.DataFrame,
    claims: pd.DataFrame,
    *,
    rounded_before: int | None = None,
    days_per_month: float = DAYS_PER_MONTH,
    words: Callable[[str], str] = str,
    held: Iterable[str] = (),
) -> pd.DataFrame:
    """Every claim of a paper beside the value that this cohort gives.

    Parameters
    ----------
    rows : pandas.DataFrame
        Result rows (`ledger.ROW_COLUMNS`); no two that differ share all keys.
    claims : pandas.DataFrame
        From `ledger.load_claims`.
    rounded_before : int, optional
        Decimals that the paper's software had already rounded to (SPSS: 3).
    days_per_month : float, optional
        Of the design: in it claims in days or weeks are held against months.
    words : callable, optional
        Says a column or an endpoint as a reader would, where a cohort lacks it
        (`naming.word_for`).
    held : iterable of str, optional
        Columns that the cohort has, whether a row speaks of them or not.

    Returns
    -------
    pandas.DataFrame
        One row a claim, in the order of the claims, none dropped: the claim's
        columns plus `computed` (in the claim's unit), `p` (for directions),
        `method`, `verdict` (one of `VERDICTS`) and `reason`.

    Raises
    ------
    LedgerError
        If a claim asks for a field that result rows do not have.
    """
    fields = set(claims["field"]) - {"estimate", "conf_low", "conf_high"}
    if fields:
        raise LedgerError(f"published.csv asks for the field {', '.join(sorted(fields))}.")
    found = row_index(rows)
    here, against = here_of(rows, held), _references(rows)
    rules = (rounded_before, days_per_month)
    judged = [_judge(claim, found, here, against, rules, words) for claim in as_records(claims)]
    extra = pd.DataFrame(judged, index=claims.index)
    extra["verdict"] = pd.Categorical(extra["verdict"], categories=list(VERDICTS))
    return pd.concat([claims, extra], axis=1)


def with_findings(verdicts: pd.DataFrame, findings: pd.DataFrame) -> pd.DataFrame:
    """The verdicts with a column `findings`: what an audit says of each claim, "" if nothing.

    A claim that contradicts others keeps its verdict; the finding stands beside it.
    """
    said: dict[str, list[str]] = {}
    for finding in as_records(findings):
        for claim in finding["claims"]:
            said.setdefault(claim, []).append(f"{finding['finding_id']}: {finding['title']}")
    return verdicts.assign(findings=["; ".join(said.get(name, ())) for name in verdicts["id"]])


_COUNTED = ("n", "missing", "events", "n_at_risk")
_SHARES = ("percent", "survival_rate", "cumulative_incidence")
#: By what share a number of two digits may be off, and the quotient of two such.
_OF_RATES = {"incidence_rate": 0.05, "rate_ratio": 0.16}
_MIDDLES = ("median", "q1", "q3", "median_survival", "median_follow_up", "mean", "rmst")


def within_bands(verdicts: pd.DataFrame, rows: pd.DataFrame, k: int) -> pd.DataFrame:
    """Verdicts of a safe report: what is shown within a band never matches.

    A count, share or median whose shown value leaves room for the printed one "can agree", else
    it differs. A p value from rounded counts answers nothing.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        From `compare`, on `rows`.
    rows : pandas.DataFrame
        The released rows.
    k : int
        The width of a band, in patients.
    """
    found, index = verdicts.copy(), row_index(rows)
    judged = [_softened(claim, index, k) for claim in as_records(found)]
    order = [*VERDICTS[:2], CAN_AGREE, *VERDICTS[2:]]
    found["verdict"] = pd.Categorical([v for v, _ in judged], categories=order)
    found["reason"] = [reason for _, reason in judged]
    told = [_as_printed(claim, index) for claim in as_records(found)]
    found["computed"] = pd.Series(told, index=found.index, dtype=object)
    hidden = found["reason"].isin([_HIDDEN, _FROM_ROUNDED])
    found.loc[hidden, "computed"] = np.nan
    return found


_HIDDEN = "hidden in a safe report"
_FROM_ROUNDED = "its p value here is from rounded counts"


def _softened(
    claim: dict[str, Any], rows: dict[tuple[Any, ...], dict[str, Any]], k: int
) -> tuple[str, str]:
    verdict, reason, statistic = str(claim["verdict"]), claim["reason"], claim["statistic"]
    if "hidden (<" in claim["method"] or "not shown: fewer than" in claim["method"]:
        return "no result", _HIDDEN
    if verdict == "no result":
        shown = OF_TWO_DIGITS not in claim["method"]
        return verdict, reason if shown else _HIDDEN
    if "from rounded counts" in claim["method"] and statistic not in _SHARES:
        return "no result", _FROM_ROUNDED
    room = _room(claim, rows, k)
    if room is None:
        finer = verdict != VERDICTS[0] and _is_finer(claim)
        return (CAN_AGREE, "") if finer else (verdict, reason)
    apart = abs(claim["computed"] - claim["value"]) > room
    return (VERDICTS[2] if apart else CAN_AGREE), ""


def _is_finer(claim: dict[str, Any]) -> bool:
    """Whether print has more digits than a safe report shows, and those that it shows are its own.

    A p value has two there, what else is not in bands has three: 0.217 in print is 0.22.
    """
    value = claim["computed"]
    if claim["kind"] != "number" or not math.isfinite(value) or value == 0:
        return False
    step = 10.0 ** (math.floor(math.log10(abs(value))) - (1 if claim["statistic"] == "p" else 2))
    unit = 10.0 ** -int(claim["decimals"])
    of_step = abs(value / step - round(value / step)) < _TOLERANCE
    near = abs(value - claim["value"]) <= (step + unit) / 2 + _TOLERANCE
    return claim["operator"] == "=" and unit < step and of_step and near


def _as_printed(
    claim: dict[str, Any], rows: dict[tuple[Any, ...], dict[str, Any]]
) -> float | Shown:
    """What was computed, with the text of the table that shows it: `<5` here as there."""
    value = rows.get(row_key(claim), {}).get(claim["field"])
    same = isinstance(value, Shown) and float(value) == claim["computed"]
    return value if same else claim["computed"]


def _room(
    claim: dict[str, Any], rows: dict[tuple[Any, ...], dict[str, Any]], k: int
) -> float | None:
    """How far a shown number may be from the exact one; None where it is exact."""
    if claim["kind"] != "number":
        return None
    statistic, unit = claim["statistic"], 10.0 ** -int(claim["decimals"])
    if statistic in _COUNTED:
        return float(k)
    if statistic in _SHARES:
        return 100.0 * k / max(_patients(claim, rows), k) + unit
    if statistic in _OF_RATES:
        return unit + _OF_RATES[statistic] * abs(claim["computed"])
    if statistic in _MIDDLES:
        return max(unit, 1.0, 0.1 * abs(claim["computed"]))
    return None


def _patients(claim: dict[str, Any], rows: dict[tuple[Any, ...], dict[str, Any]]) -> float:
    """The shown size behind a share: its own, that of its group's curve, or that of Table 1."""
    size = {"statistic": "n", "time": math.nan}
    for other in ({}, size, {**size, "endpoint": ""}):
        row = rows.get(row_key(claim, **other))
        if row is not None and math.isfinite(row["n"]):
            return float(row["n"])
    return 0.0


def tally(verdicts: pd.DataFrame, by: str = "place") -> pd.DataFrame:
    """How many claims match, by where they are printed; the last row is the total."""
    table = pd.crosstab(verdicts[by], verdicts["verdict"], dropna=False)
    columns = list(verdicts["verdict"].cat.categories)
    table = table.reindex(index=list(dict.fromkeys(verdicts[by])), columns=columns)
    table = table.fillna(0).astype(int)
    table.insert(0, "claims", table.sum(axis=1))
    table.loc["total"] = table.sum()
    return table


def row_index(rows: pd.DataFrame) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Result rows by their keys.

    Raises
    ------
    LedgerError
        If two rows share their keys and differ, as `ledger.collect`.
    """
    return {row_key(record): record for record in as_records(collect([rows]))}


def _references(rows: pd.DataFrame) -> dict[tuple[Any, ...], str]:
    """The level that the ratios of each covariate are against, by their keys without level."""
    stated = as_records(rows[rows["statistic"] == "reference"])
    return {row_key(row, level="", statistic="", time=math.nan): row["level"] for row in stated}


def _against(
    claim: dict[str, Any],
    found: dict[tuple[Any, ...], dict[str, Any]],
    against: dict[tuple[Any, ...], str],
) -> tuple[dict[str, Any] | None, str]:
    """The row that a claim with a reference level of its own is about, and why there is none.

    Two levels the other way round are the same contrast: the ratio is turned over.
    """
    own = against.get(row_key(claim, level="", statistic="", time=math.nan), "")
    wanted = claim.get("reference") or own
    if not own or wanted == own:
        row = found.get(row_key(claim))
        told = f"{own} is the level that ratios are against here, and has none; say in `reference` "
        told += "which level the printed number is against"
        return row, told if row is None and own and claim["level"] == own else ""
    row = found.get(row_key(claim, level=wanted)) if claim["level"] == own else None
    if row is None:
        return None, f"the ratio here is against {own}, the printed one against {wanted}"
    return _turned(row), ""


def _inverse(ratio: float) -> float:
    return 1 / ratio if ratio else math.inf


#: What a number becomes when its two levels change places.
_TURNED = {
    "hazard_ratio": _inverse,
    "odds_ratio": _inverse,
    "subdistribution_hazard_ratio": _inverse,
    "rate_ratio": _inverse,
    "rate_difference": operator.neg,
    "z": operator.neg,
    "coefficient": operator.neg,
}


def _turned(row: dict[str, Any]) -> dict[str, Any]:
    """A row of one level against another as that of the other against the one."""
    turn = _TURNED.get(row["statistic"])
    if turn is None:
        return row
    ends = {"estimate": "estimate", "conf_low": "conf_high", "conf_high": "conf_low"}
    return row | {name: turn(row[other]) for name, other in ends.items()}


def _judge(
    claim: dict[str, Any],
    found: dict[tuple[Any, ...], dict[str, Any]],
    here: Here,
    against: dict[tuple[Any, ...], str],
    rules: tuple[int | None, float],
    words: Callable[[str], str],
) -> dict[str, Any]:
    rounded_before, month = rules
    row, why = _against(claim, found, against)
    if row is None and claim["statistic"] in OF_PATIENTS:
        row = here.alike.get(patients_key(claim))
    if row is None:
        return _no_result(why or why_absent(claim, here, words))
    if claim["kind"] == "direction":
        return _judge_direction(claim, row, found)
    factor = unit_factor(row["unit"], claim["unit"], month)
    if factor is None:
        return _no_result(f"computed in {row['unit']}, printed in {claim['unit']}")
    value = row[claim["field"]] * factor
    if claim["kind"] == NOT_REACHED:
        return _judge_reached(value, row["method"])
    if not math.isfinite(value):
        return _no_result(_why_not_finite(claim), method=row["method"])
    verdict, reason = _verdict(value, claim, rounded_before), ""
    if verdict == "near" and (tie := _tie(value, claim)):
        verdict, reason = "matches", f"{value:.12g} lies halfway; {tie}"
    told = {"computed": value, "p": math.nan, "method": row["method"]}
    return {**told, "verdict": verdict, "reason": reason}


def _judge_reached(value: float, method: str) -> dict[str, Any]:
    """A median, or a limit of it, that print says is not reached."""
    if "hidden (<" in method or method.startswith(HIDDEN):
        return _no_result(_HIDDEN, method)
    reached = math.isfinite(value)
    told = {"computed": value if reached else math.nan, "p": math.nan, "method": method}
    return {**told, "verdict": "differs" if reached else "matches", "reason": ""}


def _verdict(value: float, claim: dict[str, Any], rounded_before: int | None) -> str:
    decimals = int(claim["decimals"])
    printed, operator = claim["value"], claim["operator"]
    unit = 10.0**-decimals
    if operator != "=":
        low, high = compatible_interval(printed, decimals, operator)
        if low - _TOLERANCE <= value < high:
            return "matches"
        near = abs(value - printed) <= unit and _is_of_its_size(value, claim, None)
        return "near" if near else "differs"
    once = round_half_up(value, decimals)
    twice = (
        once
        if rounded_before is None
        else round_half_up(round_half_up(value, rounded_before), decimals)
    )
    off = min(abs(once - printed), abs(twice - printed))
    if off < _TOLERANCE:
        return "matches"
    near = off <= unit * (1 + _TOLERANCE) and _is_of_its_size(value, claim, rounded_before)
    return "near" if near else "differs"


def _is_of_its_size(value: float, claim: dict[str, Any], rounded_before: int | None) -> bool:
    """Whether a p value is at most a factor of two from what its printed digits allow.

    One unit of the last digit is little at 0.50 and much at 0.01, which 0.0013 is not near.
    """
    if claim["statistic"] != "p":
        return True
    printed = (claim["value"], int(claim["decimals"]), claim["operator"], rounded_before)
    low, high = compatible_interval(*printed)
    return low / 2 <= value <= 2 * high


#: Numbers made of counts or of recorded values, which can lie halfway between two printed ones.
_CAN_TIE = (
    *("percent", "percent_missing", "percent_tested", "survival_rate"),
    *("mean", "median", "q1", "q3", "min", "max", "iqr", "range", "median_follow_up"),
    *("min_follow_up", "max_follow_up", "q1_follow_up", "q3_follow_up"),
)


def _tie(value: float, claim: dict[str, Any]) -> str:
    """What print has of a number that lies halfway, if not its upper neighbour; "" if it does not.

    R and IEEE 754 round to the even digit, but what they round is seldom the tie itself: a
    quartile of 3.35 is held as 3.3499999999999996, and a rate of 0.4375 is a product of
    fractions. A percentage is exact wherever its tie is a number of the machine.
    """
    if claim["statistic"] not in _CAN_TIE or claim["operator"] != "=":
        return ""
    exact = Decimal(repr(float(f"{value:.12g}"))).scaleb(int(claim["decimals"]))
    if exact - exact.to_integral_value(ROUND_FLOOR) != Decimal("0.5"):
        return ""
    even = exact.to_integral_value(ROUND_HALF_EVEN).scaleb(-int(claim["decimals"]))
    if abs(float(even) - claim["value"]) < _TOLERANCE:
        return "print has the even digit"
    held = Decimal(float(f"{value:.12g}")).scaleb(int(claim["decimals"])) == exact
    counted = "percent" in claim["statistic"] and held
    return "" if counted else "print has the other neighbour, as a last bit decides"


def _judge_direction(
    claim: dict[str, Any],
    row: dict[str, Any],
    found: dict[tuple[Any, ...], dict[str, Any]],
) -> dict[str, Any]:
    """`>` and `<` want the side and significance at 5 %; `~` wants no significance.

    Of a p value, as that of three groups, `~` wants one from the claim's value on, `<` one below.
    """
    if claim["statistic"] == "p":
        return _judge_told_p(claim, row)
    p = _p_value(claim, row, found)
    significant = _significant(row, claim["value"], p)
    result = {"computed": row["estimate"], "p": p, "method": row["method"]}
    if significant is None or not math.isfinite(row["estimate"]):
        return {**_no_result("the effect cannot be estimated here"), "method": row["method"]}
    if claim["operator"] == "~":
        verdict = "differs" if significant else "matches"
        return {**result, "verdict": verdict, "reason": "significant here" if significant else ""}
    sign = 1 if claim["operator"] == ">" else -1
    if (apart := sign * (row["estimate"] - claim["value"])) <= 0:
        reason = "the other way round here" if apart else "neither way here"
        return {**result, "verdict": "differs", "reason": reason}
    if not significant:
        return {**result, "verdict": "near", "reason": "same direction, not significant here"}
    return {**result, "verdict": "matches", "reason": ""}


def _judge_told_p(claim: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """A sentence that several groups differ, or that they do not."""
    p = float(row["estimate"])
    if not math.isfinite(p):
        return _no_result("the test cannot be made here", row["method"])
    differ, said = p < claim["value"], claim["operator"] == "<"
    why = "significant here" if differ else "not significant here"
    verdict, reason = ("matches", "") if differ == said else ("differs", why)
    told = {"computed": p, "p": math.nan, "method": row["method"]}
    return {**told, "verdict": verdict, "reason": reason}


def _p_value(
    claim: dict[str, Any], of: dict[str, Any], found: dict[tuple[Any, ...], dict[str, Any]]
) -> float:
    for level in (of["level"], ""):
        row = found.get(row_key(claim, statistic="p", level=level))
        if row is not None:
            return float(row["estimate"])
    return math.nan


def _significant(row: dict[str, Any], null: float, p: float) -> bool | None:
    if math.isfinite(p):
        return p < 0.05
    low, high = row["conf_low"], row["conf_high"]
    if math.isfinite(low) and math.isfinite(high):
        return not low <= null <= high
    return None


def unit_factor(have: str, want: str, days_per_month: float = DAYS_PER_MONTH) -> float | None:
    """What a number in one unit is multiplied by to be in another; None where nothing is known."""
    if have == want or not have or not want:
        return 1.0
    if have in TIME_UNITS and want in TIME_UNITS:
        return months_in(have, days_per_month) / months_in(want, days_per_month)
    return _UNIT_FACTORS.get((have, want))


def _no_result(reason: str, method: str = "") -> dict[str, Any]:
    return {
        "computed": np.nan,
        "p": np.nan,
        "method": method,
        "verdict": "no result",
        "reason": reason,
    }


#: What a table of characteristics has without limits.
_WITHOUT_LIMITS = ("mean", "median")


def _why_not_finite(claim: dict[str, Any]) -> str:
    if claim["statistic"] == "median_survival":
        what = "limit" if claim["field"] != "estimate" else "median"
        return f"the {what} is not reached in this cohort"
    if claim["field"] != "estimate" and claim["statistic"] in _WITHOUT_LIMITS:
        return f"no section computes limits of a {claim['statistic']}"
    return "cannot be estimated in this cohort"
