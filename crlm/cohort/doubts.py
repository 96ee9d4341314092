"""What a table can hold and hardly ever means: each a question to its owner, none a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import comb

import numpy as np
import pandas as pd

from crlm.cohort.blanks import blanks
from crlm.cohort.codebook import Column
from crlm.cohort.copies import copies
from crlm.cohort.inverted import ENOUGH, events
from crlm.cohort.wording import count
from crlm.ledger import Design
from crlm.refusals import foreign, row_list

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
            found += [*_codes(name, values), *(whole(name, values) or _two_humps(name, values))]
    found += events(patients, confirmed)
    found += blanks(patients, confirmed)
    if "cea" not in confirmed:
        found += _exchanged(patients)
    if "rows" not in confirmed:
        found += copies(patients)
    if "patient_id" not in confirmed:
        found += _noughts(patients)
    return found


def _noughts(patients: pd.DataFrame) -> Iterator[str]:
    """Identifiers that leading noughts alone tell apart: one patient, of two exports."""
    ids = patients.get("patient_id", pd.Series(dtype=object)).dropna().astype(str)
    bare = ids[ids.str.fullmatch(r"\d+")].str.lstrip("0")
    alike = bare[bare.duplicated(keep=False) & bare.index.isin(ids[~ids.duplicated(False)].index)]
    if len(alike):
        yield (
            f"patient_id in {row_list(list(alike.index))}: noughts in front alone tell these "
            "patients apart. Is one of them entered twice? Remove the copy, or set `confirm: "
            "[patient_id]` in the codebook if they are different people."
        )


def relabelled(
    matched: Mapping[str, Column], design: Design, confirmed: frozenset[str]
) -> Iterator[str]:
    """Categories of which a codebook reads one level as another, and that one as a third.

    Parameters
    ----------
    matched : mapping of str to Column
        What the codebook says of each column.
    design : Design
    confirmed : frozenset of str
        Columns that the codebook confirms.
    """
    for name, column in matched.items():
        levels = {level.casefold() for level in design.levels(name)}
        meant = {raw.casefold(): level.casefold() for raw, level in column.values.items()}
        other = [raw for raw, level in meant.items() if {raw, level} <= levels and raw != level]
        if other and name not in confirmed and not name.endswith("_event"):
            said = ", ".join(f"{raw} as {meant[raw]}" for raw in other)
            yield (
                f"{name}: the codebook reads {said}. Are the two sides of `values:` exchanged? If "
                f"not, set `confirm: [{name}]`."
            )


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
    how = "far above every other value"
    if not (len(apart) >= 2 or (len(apart) and single)):
        apart, how = _repeated(coded, rest), "far more often than any value near it"
    if len(apart):
        shown = ", ".join(f"{code:g}" for code in sorted(set(apart)))
        yield f"{name} is {foreign(shown)} in {row_list(apart.index, 5)}, {how}. {_UNKNOWN}"


def _repeated(coded: pd.Series, rest: pd.Series) -> pd.Series:
    """Codes that stand in three rows or more where measurements hardly ever repeat."""
    found = []
    for code, number in coded.value_counts().items():
        near = rest[rest.between(0.92 * code, 1.08 * code)].value_counts()
        if number >= 3 and number >= 3 * (near.iloc[0] if len(near) else 1):
            found.append(code)
    return coded[coded.isin(found)]


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


def whole(name: str, values: pd.Series) -> list[str]:
    """What a column of numbers looks like if it is not what its name says."""
    if len(values) < 10:
        return []
    ends = foreign(f"{values.min():g} to {values.max():g}")
    return [
        f"{name}: the median is {values.median():.3g} (range {ends}): is the column {odd.says}? "
        f"Say `unit:` in the codebook, or `confirm: [{name}]` if it is right."
        for odd in _ODD
        if name in odd.columns and odd.odd(values)
    ]


# ---- two units in one column ------------------------------------------------


#: Ages below this are decades, or no ages.
_YOUNGEST = 12


def _two_humps(name: str, values: pd.Series) -> Iterator[str]:
    """Some rows in another unit: a gap that no measurement leaves, or millimetres among cm."""
    if len(values) < ENOUGH or name not in ("size_cm", "cea", "ca199", "age", "dfi_months"):
        return
    if name == "size_cm":
        rows = _millimetres(values)
    elif name == "age":
        rows = values.index[values < _YOUNGEST]
    else:
        rows = _beyond_gap(values[values > 0])
        rows = _beyond_assay(values) if rows is None and name != "dfi_months" else rows
    if rows is not None and len(rows) >= 2:
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
    usual = max(float((rest % 1 == 0).mean()), 0.1)
    number = int((large % 1 == 0).sum())
    # Millimetres are whole numbers, centimetres mostly have a decimal.
    whole = 2 * number >= len(large) and _chance_of(number, len(large), usual) < 2e-3
    huge = (sizes > 20).sum() >= max(2, 0.02 * len(sizes))
    gap = large.min() >= 2.2 * rest.max()
    many = len(large) > max(7, 0.2 * len(sizes)) and large.median() > 4.5 * rest.median()
    return (
        large.index if (whole and len(large) >= 0.08 * len(sizes)) or gap or many or huge else None
    )


def _chance_of(number: int, among: int, share: float) -> float:
    """That at least so many of them are, where each is with this share."""
    if among > 100:
        # By then a share of a half or more lies beyond any doubt, one way or the other.
        return float(share > 0.35)
    return sum(
        comb(among, k) * share**k * (1 - share) ** (among - k) for k in range(number, among + 1)
    )


def _beyond_assay(values: pd.Series) -> pd.Index | None:
    """Markers below what any assay reports, or too many that are higher than in any cohort."""
    low, high = values[(values > 0) & (values < 0.1)], values[values > 10_000]
    if len(low) >= max(2, 0.005 * len(values)):
        return low.index
    return high.index if len(high) >= max(3, 0.05 * len(values)) else None


def _beyond_gap(values: pd.Series) -> pd.Index | None:
    """The smaller of two groups of values that lie a factor of 30 or more apart."""
    ordered = values.sort_values()
    if len(ordered) < ENOUGH:
        return None
    steps = np.diff(np.log10(ordered.to_numpy()))
    inner = steps[2 : len(steps) - 2]
    # Few values leave wide gaps by chance.
    if not len(inner) or inner.max() < 1.5 + max(0, 60 - len(ordered)) / 100:
        return None
    at = int(inner.argmax()) + 3
    low, high = ordered.index[:at], ordered.index[at:]
    return high if len(high) <= len(low) else low


# ---- two columns changed for each other -------------------------------------


def _exchanged(patients: pd.DataFrame) -> Iterator[str]:
    """CEA (normal below 5) is lower than CA19-9 (normal below 37) in the middle of any cohort."""
    if not {"cea", "ca199"} <= set(patients):
        return
    cea, ca199 = (np.log(patients[n][patients[n] > 0]) for n in ("cea", "ca199"))
    if min(len(cea), len(ca199)) < ENOUGH:
        return
    ahead = cea.median() - ca199.median()
    # The error of a median, about 1.25 that of a mean.
    error = 1.25 * np.sqrt(cea.var() / len(cea) + ca199.var() / len(ca199))
    if ahead > np.log(1.5) and ahead > 2 * error:
        yield (
            f"cea: its median is {np.exp(ahead):.2g} times that of ca199; in most cohorts it is "
            "the lower of the two. Are the columns changed for each other? If not, set "
            "`confirm: [cea]` in the codebook."
        )


# ---- units that another column names ---------------------------------------------


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
