"""Which columns of Table 1, and which of its rows, hold per cent and no numbers of patients."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

#: A column of per cent alone: "HAI %", not "HAI n (%)".
_ONLY_PERCENT = re.compile(
    r"(?<!\()(?<!\[)%$|^[(\[]%[)\]]$|^(?:relative )?(?:per\s?cent(?:age)?|frequency)s?$", re.I
)
#: One beside the counts of the same group: "Low (%)" behind "Low N".
_BESIDE_COUNTS = re.compile(r"(?<!\bn )(?<!\bno )(?<!\bno\. )[(\[]%[)\]]$", re.IGNORECASE)
#: A label whose numbers are per cent: "Male (%)", not "Male, n (%)".
_ROW = re.compile(
    r"^(?!.*\b(?:n|no\.?|numbers?)\s*[\[(]).*(?:[\[(]\s*%\s*[\])]|,\s*%)\W*$", re.IGNORECASE
)


def of_row(label: str) -> bool:
    """Whether a label says that the numbers of its row are per cent.

    Examples
    --------
    >>> of_row("Male (%)"), of_row("Male, n (%)")
    (True, False)
    """
    return bool(_ROW.search(label))


def columns_of(
    heads: Sequence[str], groups: Mapping[int, str], aside: Collection[str] = ()
) -> set[int]:
    """The columns of per cent alone, by their heads, or beside the counts of the same group.

    Parameters
    ----------
    heads : sequence of str
    groups : mapping of int to str
        By column what it is of; those in `aside` are no groups.

    Examples
    --------
    >>> columns_of(["", "Low N", "Low (%)", "High n (%)"], {1: "low", 2: "low", 3: "high"})
    {2}
    """
    beside = {at for at, of in groups.items() if of not in aside and groups.get(at - 1) == of}
    return {
        at
        for at in groups
        if _ONLY_PERCENT.search(heads[at]) or (at in beside and _BESIDE_COUNTS.search(heads[at]))
    }
