"""What a table can hold and hardly ever means: each a question to its owner, none a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crlm.cohort.wording import count
from crlm.refusals import foreign, row_list

#: Below this many patients a distribution says nothing about a column.
ENOUGH = 20

_UNKNOWN = "If that means unknown, add it to `missing:` of the column in the codebook."


def doubts(patients: pd.DataFrame, confirmed: frozenset[str]) -> list[str]:
    """Sentences on what is odd in the columns of these patients.

    Parameters
    ----------
    patients : pandas.DataFrame
        Coerced canonical columns; the index is the row number in the file.
    confirmed : frozenset of str
        Columns ("rows" for whole rows) that the codebook confirms.

    Returns
    -------
    list of str
        With evidence and rows; foreign text is marked.
    """
    found: list[str] = []
    for name in patients.select_dtypes("number"):
        values = patients[name].dropna()
        if name not in confirmed and len(values):
            found += [*_codes(name, values), *_whole(name, values), *_two_humps(name, values)]
    if "os_event" not in confirmed:
        found += _inverted(patients)
    found += _rates(patients, confirmed)
    if "rows" not in confirmed:
        found += _twice(patients)
    return found


# ---- codes for unknown ------------------------------------------------------

#: Numbers that stand for "unknown" in many a table.
_CODES = (
    77.0,
    88.0,
    98.0,
    99.0,
    777.0,
    888.0,
    997.0,
    998.0,
    999.0,
    7777.0,
    8888.0,
    9998.0,
    9999.0,
    88888.0,
    99999.0,
    999999.0,
)


def _codes(name: str, values: pd.Series) -> Iterator[str]:
    """A code for unknown stands apart from the numbers that are measured."""
    coded = values[values.isin(_CODES)]
    if coded.empty:
        return
    rest = values[~values.isin(_CODES)]
    top = float(rest.max()) if len(rest) else 0.0
    apart = coded[coded > _reach(name, rest, top)]
    single = name in ("n_tumours", "cea", "ca199") and (apart >= 5 * max(top, 1)).any()
    if len(apart) >= 2 or (len(apart) and single):
        shown = ", ".join(f"{code:g}" for code in sorted(set(apart)))
        yield (
            f"{name} is {foreign(shown)} in {row_list(apart.index, 5)}, far above every other "
            f"value. {_UNKNOWN}"
        )


def _reach(name: str, rest: pd.Series, top: float) -> float:
    """How far the measured values of a column may reach beyond the largest but these."""
    if name in ("age", "os_months", "rfs_months", "scp_months", "hepatic_rfs_months"):
        return top + max(6.0, 0.05 * top)
    if name in ("cea", "ca199"):
        repeated = rest.value_counts()
        return top if len(repeated) and repeated.iloc[0] < 0.5 * len(rest) else 2 * top
    return max(2 * top, 20.0)


# ---- a whole column in another unit -----------------------------------------


@dataclass(frozen=True)
class _Odd:
    """A column that as a whole looks like something else."""

    columns: tuple[str, ...]
    odd: Callable[[pd.Series], bool]
    says: str


_ODD = (
    _Odd(("age",), lambda v: v.max() <= 12, "in decades, or changed for another column"),
    _Odd(("age",), lambda v: 12 < v.max() and v.median() < 35, "no age of such patients"),
    _Odd(("n_tumours",), lambda v: v.median() > 20, "changed for another column, the age perhaps"),
    _Odd(("cea",), lambda v: v.median() < 0.5, "divided by 1,000 (in mg/mL or as a multiple)"),
    _Odd(("ca199",), lambda v: v.median() < 0.5, "divided by 1,000"),
    _Odd(
        ("cea", "ca199"),
        lambda v: len(v) >= ENOUGH and 0.5 <= v.median() and v.max() < 12 and v.nunique() > 10,
        "logarithms",
    ),
    _Odd(("cea",), lambda v: v.median() > 2000, "multiplied by 1,000 (in pg/mL: `unit: pg/mL`)"),
    _Odd(("ca199",), lambda v: v.median() > 5000, "multiplied by 1,000 (in U/L: `unit: U/L`)"),
    _Odd(
        ("os_months",),
        lambda v: v.median() > 95 or v.quantile(0.9) > 230,
        "weeks or days: no cohort after hepatectomy is followed so long (`unit: weeks`)",
    ),
    _Odd(
        ("rfs_months", "scp_months", "hepatic_rfs_months"),
        lambda v: v.median() > 95,
        "weeks or days (`unit: weeks`)",
    ),
    _Odd(
        ("os_months",),
        lambda v: len(v) >= ENOUGH and v.median() < 6 and 2 < v.max() < 30,
        "years (`unit: years`)",
    ),
    _Odd(
        ("rfs_months", "scp_months", "hepatic_rfs_months"),
        lambda v: len(v) >= ENOUGH and v.median() < 2 and 1 < v.max() < 30,
        "years (`unit: years`)",
    ),
    _Odd(
        ("dfi_months",),
        lambda v: (v > 0).sum() >= ENOUGH and v[v > 0].median() < 3.5 and v.max() < 20,
        "years (`unit: years`)",
    ),
)


def _whole(name: str, values: pd.Series) -> Iterator[str]:
    if len(values) < 10:
        return
    for odd in _ODD:
        if name in odd.columns and odd.odd(values):
            ends = foreign(f"{values.min():g} to {values.max():g}")
            yield (
                f"{name}: the median is {values.median():.3g} (range {ends}): is the column "
                f"{odd.says}? Say `unit:` in the codebook, or `confirm: [{name}]` if it is right."
            )


# ---- two units in one column ------------------------------------------------


def _two_humps(name: str, values: pd.Series) -> Iterator[str]:
    """Some rows in another unit: a gap that no measurement leaves, or millimetres among cm."""
    if len(values) < ENOUGH or name not in ("size_cm", "cea", "ca199", "age", "dfi_months"):
        return
    rows = _millimetres(values) if name == "size_cm" else _beyond_gap(name, values[values > 0])
    if rows is not None and len(rows) >= 3:
        unit = "millimetres" if name == "size_cm" else "another unit"
        yield (
            f"{name}: {row_list(rows, 5)} may be in {unit}: {count(len(rows), 'value')} stand "
            f"apart from the other {len(values) - len(rows)}. Correct them, or set "
            f"`confirm: [{name}]` in the codebook if they are right."
        )


def _millimetres(sizes: pd.Series) -> pd.Index | None:
    """Diameters of 10 cm and more that are too many, or whole numbers among tenths."""
    large, rest = sizes[sizes >= 10], sizes[sizes < 10]
    if len(large) < 3 or len(rest) < 3:
        return None
    usual = max(float((rest % 1 == 0).mean()), 0.05)
    share = float((large % 1 == 0).mean())
    error = np.sqrt(usual * (1 - usual) / len(large))
    # Millimetres are whole numbers, centimetres mostly have a decimal.
    whole = share >= 0.5 and share > usual + 3.5 * error
    gap = large.min() >= 2.2 * rest.max()
    many = len(large) > 0.2 * len(sizes) and large.median() > 4.5 * rest.median()
    return large.index if (whole and len(large) >= 0.08 * len(sizes)) or gap or many else None


def _beyond_gap(name: str, values: pd.Series) -> pd.Index | None:
    """The smaller of two groups of values that lie a factor of 12 or more apart."""
    ordered = values.sort_values()
    if len(ordered) < ENOUGH:
        return None
    steps = np.diff(np.log10(ordered.to_numpy()))
    inner = steps[2 : len(steps) - 2]
    if not len(inner) or inner.max() < 1.08:
        return None
    at = int(inner.argmax()) + 3
    low, high = ordered.index[:at], ordered.index[at:]
    return high if len(high) <= len(low) else low


# ---- events and rows --------------------------------------------------------


def _rates(patients: pd.DataFrame, confirmed: frozenset[str]) -> Iterator[str]:
    """Nearly all or nearly none have the event: the codes may be the other way round."""
    for event in [n for n in patients if n.endswith("_event") and n not in confirmed]:
        known = patients[event].dropna()
        if len(known) < ENOUGH:
            continue
        happened = int(known.sum())
        share = happened / len(known)
        # Nearly everyone recurs in many a cohort; nearly nobody lives on only in a wrong one.
        if share < 0.05 and not _is_young(patients, event) or share > 0.97 and event == "os_event":
            yield (
                f"{event}: {happened} of {len(known)} patients ({100 * share:.0f} %) have the "
                "event, so 0 and 1 may be the other way round. If it is inverted: "
                f"`{event}: {{from: ..., values: {{1: 0, 0: 1}}}}`; if it is right, set "
                f"`confirm: [{event}]` in the codebook."
            )


def _is_young(patients: pd.DataFrame, event: str) -> bool:
    """A cohort that has been followed for so short a time that everyone may be alive."""
    time = event.removesuffix("_event") + "_months"
    return event != "rfs_event" and time in patients and bool(patients[time].median() < 30)


def _inverted(patients: pd.DataFrame) -> Iterator[str]:
    """Who died has been followed for less long than who lives, unless the codes are exchanged."""
    if not {"os_months", "os_event"} <= set(patients):
        return
    known = patients[["os_months", "os_event"]].dropna()
    died = known["os_event"].astype(bool)
    n, m = int(died.sum()), int((~died).sum())
    if min(n, m) < 10:
        return
    ranks = known["os_months"].rank()
    share = (ranks[died].sum() - n * (n + 1) / 2) / (n * m)
    error = np.sqrt((n + m + 1) / (12 * n * m))
    if share > 0.5 + 3.5 * error and share > 0.72:
        yield (
            f"os_event: in {100 * share:.0f} % of pairs the patient with the event was followed "
            "for longer than the one without. Are 0 and 1 exchanged (`values: {1: 0, 0: 1}`)? If "
            "not, set `confirm: [os_event]`."
        )


def _twice(patients: pd.DataFrame) -> Iterator[str]:
    """Patients who agree in so much that they are one patient under two identifiers."""
    told = patients.drop(columns="patient_id", errors="ignore")
    told = told[[name for name in told if told[name].notna().sum() >= 0.5 * len(told)]]
    if len(told) < 2 or not len(told.columns):
        return
    chance = _chance(told)
    if chance * len(told) * (len(told) - 1) / 2 > 0.01:
        return
    full = told[told.notna().mean(axis=1) > 0.7]
    keys = pd.util.hash_pandas_object(full.astype(object).map(str), index=False)
    again = keys[keys.duplicated(keep=False)]
    if again.empty:
        return
    pairs = [list(rows) for rows in again.index.groupby(again.to_numpy()).values()]
    shown = "; ".join(" and ".join(str(row) for row in rows[:4]) for rows in sorted(pairs)[:5])
    more = f" and {len(pairs) - 5} more" if len(pairs) > 5 else ""
    yield (
        f"Rows {shown}{more} agree in everything but the identifier: is a patient entered twice? "
        "Remove the copy, or set `confirm: [rows]` in the codebook if they are different people."
    )


def _chance(told: pd.DataFrame) -> float:
    """That two patients agree in every column, if columns knew nothing of each other."""
    logs = 0.0
    for name in told:
        shares = told[name].value_counts(normalize=True)
        logs += float(np.log(max((shares**2).sum(), 1e-9)))
    # Columns do know of each other: two thirds of the evidence count.
    return float(np.exp(logs * 2 / 3))


def unit_columns(
    frame: pd.DataFrame, used: set[str], units: Mapping[str, Callable[[str], str]]
) -> list[tuple[str, str, str]]:
    """Columns that nobody reads and whose cells are units that a column could be in.

    Parameters
    ----------
    frame : pandas.DataFrame
        The file as text.
    used : set of str
        Headers that are read.
    units : mapping of str to callable
        By canonical column: the unit that a text is, "" if none.

    Returns
    -------
    list of (str, str, str)
        Canonical column, header, and the counts of the units in words.
    """
    found = []
    for header in frame.columns.difference(sorted(used), sort=False):
        counts = frame.loc[frame[header] != "", header].value_counts()
        if not 0 < len(counts) <= 6:
            continue
        for name, known in units.items():
            if all(known(text) for text in counts.index):
                words = ", ".join(f"{text}: {number}" for text, number in counts.items())
                found.append((name, header, words))
    return found
