"""Numbers as journals print them."""

from __future__ import annotations

from typing import Any

from crlm import ledger


def read(text: str) -> dict[str, Any]:
    """A printed text as the columns of a ledger."""
    bare = text.lstrip("<>")
    sign = text[0] if text[0] in "<>" else "="
    return {
        "printed": text,
        "operator": sign,
        "value": float(bare),
        "decimals": float(len(bare.partition(".")[2])),
    }


def rounded(value: float, decimals: int, early: int | None) -> str:
    """Half up; where the software had rounded before, on top of that."""
    if early is not None and early > decimals:
        value = ledger.round_half_up(value, early)
    return f"{ledger.round_half_up(value, decimals) + 0.0:.{decimals}f}"


def p_text(p: float, decimals: int, early: int | None) -> str:
    """A p value with two or three decimals, as many as it needs, "<0.001" below."""
    if p < 0.001:
        return "<0.001"
    text = rounded(p, min(max(decimals, 2), 3), early)
    return text if float(text) > 0 else rounded(p, 3, early)
