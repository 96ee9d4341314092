"""The paper's ratios above a new cohort's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib
import pandas as pd

from crlm.ledger import Design, as_records
from crlm.ledger.vocabulary import ALL
from crlm.naming import describe, told_apart
from crlm.numbers import interval
from crlm.report.figures import lines
from crlm.report.figures.forests import draw_with_text, drawn, finish_plain
from crlm.report.figures.picture import FOREST, PALETTE, STYLE, Picture, sheet
from crlm.report.figures.ratio_axis import axis_ends

#: So many pairs fit on a page.
_PAGE = 16
_TOLD = "paper (above) and this cohort (below)"
_SIDES = ("printed", "new")


def pairs(effects: pd.DataFrame, design: Design) -> list[Picture]:
    """The paper's ratio above the new cohort's for every effect, from `agreement.agree`.

    One picture where a page has room for them all, else pictures by endpoint, patients and model,
    and one forest for all subgroups of one effect, with headings of their factors; each has an
    axis of its own.
    """
    made: list[Picture] = []
    for about, part in _parted(effects, design):
        if about[0]:
            made += drawn(_by_factor(part, design), _of_subgroups(part, design), "Ratio (95 % CI)")
        else:
            made += _plain(part, design, all_told=len(part) == len(effects))
    return made


def _parted(
    effects: pd.DataFrame, design: Design
) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """What belongs in one picture; the first word of a key is empty but of subgroups."""
    if len(effects) <= _PAGE:
        if len(effects):
            yield ("",), effects
        return
    own = ["endpoint", "population", "model"]
    one = effects.groupby(own)["covariate"].transform("nunique") == 1
    among = effects["population"].str.rpartition(",")[0].where(one, effects["population"])
    inside = one & effects["population"].str.rpartition(",")[2].map(
        lambda part: part.partition("=")[2] in design.levels(part.partition("=")[0])
    )
    keys = pd.DataFrame(
        {
            "inside": inside.map({True: "inside", False: ""}),
            "endpoint": effects["endpoint"],
            "among": among.where(inside, effects["population"]),
            "model": effects["model"],
            "covariate": effects["covariate"].where(inside, ""),
        }
    )
    yield from effects.groupby([keys[name] for name in keys], sort=False)


def _by_factor(effects: pd.DataFrame, design: Design) -> list[list[lines.Line]]:
    """Subgroups under headings of their factors."""
    several = effects["level"].nunique() > 1
    last = effects["population"].str.rpartition(",")[2].str.partition("=")
    groups = []
    for name, part in effects.groupby(last[0], sort=False):
        made = [lines.Line(design.label(str(name)))]
        for pair in as_records(part):
            label = design.label(str(name), pair["population"].rpartition("=")[2])
            label += f": {design.label(pair['covariate'], pair['level'])}" * several
            sides = [(side, _one_of_pair(pair, side)) for side in _SIDES]
            made.append(lines.Line(label, pair, sides, inside=True))
        groups.append(made)
    return groups


def _of_subgroups(effects: pd.DataFrame, design: Design) -> str:
    """The title: the effect, and among whom the subgroups are."""
    first = as_records(effects)[0]
    shared = {"population": first["population"].rpartition(",")[0] or ALL}
    shared |= {"level": ""} if effects["level"].nunique() > 1 else {}
    return f"{describe({**first, **shared}, design)}, within subgroups: {_TOLD}"


def _plain(effects: pd.DataFrame, design: Design, *, all_told: bool) -> Iterator[Picture]:
    """Pairs one below the other, each told in its own words."""
    records = as_records(effects)
    ends = axis_ends(_one_of_pair(pair, side) for pair in records for side in _SIDES)
    shared, labels = "", [describe(pair, design) for pair in records]
    if not all_told:
        shared, labels = told_apart(records, design)
    for first in range(0, len(records), _PAGE):
        here = slice(first, first + _PAGE)
        told = shared + ", continued" * bool(first)
        yield _pairs(told, labels[here], effects.iloc[here], ends)


def _pairs(
    shared: str, labels: Sequence[str], effects: pd.DataFrame, ends: tuple[float, float]
) -> Picture:
    texts = []
    with matplotlib.rc_context(STYLE):
        figure, frame = sheet(1.2 + 0.5 * len(effects), FOREST)
        axis = figure.subplots()
        figure.subplots_adjust(**frame)
        for y, pair in enumerate(as_records(effects)):
            for shift, name, colour in ((-0.16, "printed", PALETTE[1]), (0.16, "new", PALETTE[0])):
                row = _one_of_pair(pair, name)
                draw_with_text(axis, y + shift, row, ends, colour)
                texts.append(f"{labels[y]}, {name}: {interval(row)}")
        title = f"{shared}: {_TOLD}".removeprefix(": ")
        title = title[:1].upper() + title[1:]
        finish_plain(axis, labels, ends, title, "Ratio")
        return Picture(figure, "Forest plot of pairs. " + "; ".join(texts), title, effects)


def _one_of_pair(pair: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The paper's or the new cohort's side of a pair, as a result row."""
    values = {"estimate": pair[name], "conf_low": pair[f"{name}_low"]}
    return {"statistic": pair["statistic"], **values, "conf_high": pair[f"{name}_high"]}
