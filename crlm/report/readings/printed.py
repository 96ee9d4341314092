"""What a paper prints, at the spot of a computed number."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from crlm.comparison import row_key, unit_factor
from crlm.ledger import as_records, row_name
from crlm.ledger.vocabulary import DAYS_PER_MONTH
from crlm.numbers import p_phrase, span
from crlm.report.readings.wording import Row


class Print:
    """What a paper prints, found by the keys of a result row.

    Parameters
    ----------
    claims : pandas.DataFrame
        From `ledger.load_claims`.
    findings : pandas.DataFrame, optional
        From `audit.audit`: numbers that contradict others are marked where they stand.
    days_per_month : float, optional
        Of the design.
    """

    def __init__(
        self,
        claims: pd.DataFrame,
        findings: pd.DataFrame | None = None,
        days_per_month: float = DAYS_PER_MONTH,
    ) -> None:
        self._month = days_per_month
        self._claims: dict[tuple[Any, ...], dict[str, Any]] = {}
        for claim in as_records(claims[claims["kind"] != "direction"]):
            self._claims.setdefault((*row_key(claim), claim["field"]), claim)
        self._told: dict[str, None] = {}
        self._against: dict[str, str] = {}
        if findings is not None:
            wrong = findings[findings["verdict"] == "inconsistent"]
            for finding in as_records(wrong):
                for name in finding["claims"]:
                    self._against.setdefault(name, finding["finding_id"])

    def has(self, row: Row) -> bool:
        """Whether the paper prints an estimate for this row."""
        return self._claim(row, "estimate") is not None

    def beside(self, row: Row, *, limits: bool = True) -> str:
        """` (paper 3.37, 1.98–5.73)` for a row; empty where the paper prints nothing.

        Where print has another unit, ` (2.58 years; paper 2.6, 1.8–3.3)`.
        """
        self._told[row_name(row)] = None
        claim = self._claim(row, "estimate")
        if claim is None:
            return ""
        texts = [f"{self._in_its_unit(row, claim)}paper {_within(claim)}"]
        low, high = self._claim(row, "conf_low"), self._claim(row, "conf_high")
        if limits and low is not None and high is not None:
            texts.append(span(low["printed"], high["printed"]))
        known = [
            self._against[c["id"]] for c in (claim, low, high) if c and c["id"] in self._against
        ]
        against = f"; contradicts other printed numbers, {known[0]}" if known else ""
        return f" ({', '.join(texts)}{against})"

    def tested(self, row: Row) -> str:
        """`p = 0.115 (paper 0.116)`: a computed p with the digits of the printed one beside it."""
        claim = self._claim(row, "estimate")
        exact = claim is not None and claim["operator"] == "="
        digits = int(claim["decimals"]) if exact else 0
        return f"{p_phrase(row['estimate'], digits)}{self.beside(row)}"

    def taken(self) -> list[str]:
        """Names of the rows that `beside` was asked for since the last call: those told."""
        names, self._told = list(self._told), {}
        return names

    def _claim(self, row: Row, field: str) -> dict[str, Any] | None:
        return self._claims.get((*row_key(dict(row)), field))

    def _in_its_unit(self, row: Row, claim: Row) -> str:
        """The computed number in the unit of print, one decimal finer; "" where it is the same."""
        unit = str(claim["unit"]) if claim["kind"] == "number" else ""
        if not unit or not row["unit"] or unit == row["unit"]:
            return ""
        factor = unit_factor(row["unit"], unit, self._month)
        if factor is None or not math.isfinite(row["estimate"]):
            return f"in {unit}: "
        return f"{row['estimate'] * factor:.{int(claim['decimals']) + 1}f} {unit}; "


def _within(claim: Row) -> str:
    """A printed number, or the word in its place, within a sentence."""
    text = str(claim["printed"])
    return text if text.isupper() else text[:1].lower() + text[1:]
