"""The table of a specification curve: one line a form of the effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from crlm.ledger import Design, as_records
from crlm.naming import among, describe, method_words, model_words
from crlm.numbers import counted, estimate, number, p_text, span
from crlm.report.cells import shown
from crlm.report.html import Footnotes, Html, table

_CURVE = "specification curve"
_MEDIANS = ("hazard_ratio", "subdistribution_hazard_ratio")
_Found = Mapping[tuple[str, str], dict[str, Any]]


def curves_table(rows: pd.DataFrame, design: Design, *, caption: str) -> Html:
    """Median, reach and share of a claim of each form of one effect, in its own line.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of `specification.inference`, one endpoint; forms after one another.
    """
    found = {(r["model"], r["statistic"]): r for r in as_records(rows)}
    own = [model for model, statistic in found if statistic in _MEDIANS]
    middles = [_middle(found, model) for model in own]
    shares = [found[f"{model}, claim", "percent"] for model in own]
    marks = Footnotes(method_words(design))
    ends = "smallest to largest"
    if any("percentile" in found[f"{model}, range", "min"]["method"] for model in own):
        ends = "5th to 95th percentile"
    header = ["Form of the ratio", "Models", f"Median{marks.usual([m['method'] for m in middles])}"]
    header += ["p", ends.capitalize()]
    header += [f"Claim holds, %{marks.usual([s['method'] for s in shares])}", "p"]
    body = [("", _cells(found, model, design, marks), _told(found, model)) for model in own]
    effect = describe({**middles[0], "model": "", "population": "all"}, design)
    return table(caption, header, body, [f"{effect}.", *marks.lines()], range(1, len(header)))


def models_told(tried: Sequence[pd.DataFrame]) -> str:
    """How many models were tried, and of how many there is a ratio: "61 of 100 models"."""
    known = sum(int(one["hazard_ratio"].notna().sum()) for one in tried)
    every = sum(map(len, tried))
    return counted(every, "model") if known == every else f"{known} of {counted(every, 'model')}"


def _middle(found: _Found, model: str) -> dict[str, Any]:
    return next(found[model, name] for name in _MEDIANS if (model, name) in found)


def _cells(found: _Found, model: str, design: Design, marks: Footnotes) -> list[str]:
    middle, share = _middle(found, model), found[f"{model}, claim", "percent"]
    low, high = (estimate(found[f"{model}, range", end]) for end in ("min", "max"))
    return [
        _form(middle, design),
        number(middle["n"], 0),
        shown(middle, marks) + marks.mark(middle["method"]),
        p_text(found[model, "p"]["estimate"]),
        span(low, high),
        estimate(share, 0) + marks.mark(share["method"]),
        p_text(found[f"{model}, claim", "p"]["estimate"]),
    ]


def _form(row: Mapping[str, Any], design: Design) -> str:
    word = model_words(row["model"].removeprefix(_CURVE).removeprefix(", ") or "adjusted")
    where = among(row["population"], design)
    return ", ".join(filter(None, [word[0].upper() + word[1:], where]))


def _told(found: _Found, model: str) -> list[dict[str, Any]]:
    """The rows behind a line."""
    ends = (model, f"{model}, range", f"{model}, claim")
    return [row for (name, _), row in found.items() if name in ends]
