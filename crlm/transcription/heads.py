"""Where the header of a table ends: a title above it, and heads in two storeys."""

from __future__ import annotations

import re
from collections.abc import Sequence

#: What the second storey of a header says below the names of groups or models.
_LOWER = re.compile(
    r"^([(\[]?n\s*=\s*[\d,]+[)\]]?|(n|no\.?)(\s*[(\[]%[)\]])?|%|p([ -]?values?)?\.?|"
    r"(hr|or|hazard ratio|odds ratio|ratio|median|mean)\b.*|(95\s?% ?)?ci|se|z|coefficient)$",
    re.IGNORECASE,
)


def headed(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """A table whose first row is its header.

    Parameters
    ----------
    rows : sequence of sequence of str
        All equally long.

    Returns
    -------
    list of list of str
        Without a title above the header; a header in two storeys is one: "Univariable" over
        "OR (95% CI)" and "P" is "Univariable OR (95% CI)" and "Univariable P".

    Examples
    --------
    >>> headed([["Table 3", ""], ["", "HR"], ["Age", "1.1"]])
    [['', 'HR'], ['Age', '1.1']]
    """
    kept = [list(row) for row in rows]
    while len(kept) > 2 and len({text for text in kept[0] if text}) <= 1:
        kept = kept[1:]
    if len(kept) > 2 and _is_lower(kept[1]):
        kept = [_joined(kept[0], kept[1]), *kept[2:]]
    return kept


def _is_lower(row: Sequence[str]) -> bool:
    stated = [text for text in row[1:] if text]
    return bool(stated) and all(_LOWER.match(text.strip()) for text in stated)


def _joined(upper: Sequence[str], lower: Sequence[str]) -> list[str]:
    """Two storeys as one; a cell of the upper one stands over those right of it that are empty."""
    joined, over = [lower[0] or upper[0]], ""
    for above, below in zip(upper[1:], lower[1:], strict=True):
        over = above or over
        joined.append(" ".join(dict.fromkeys(part for part in (over, below) if part)))
    return joined
