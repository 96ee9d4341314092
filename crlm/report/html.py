"""Pieces of a report: a sentence, a table, something folded; HTML that reads as text elsewhere."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Any

import pandas as pd

from crlm import pieces as kept
from crlm.comparison import CAN_AGREE, VERDICTS
from crlm.ledger import row_name
from crlm.naming import KINDS
from crlm.numbers import Shown, number

_SHORT_CELL, _LONG_CELL = 22, 60
#: A heading of a row this short, as the number of a finding, needs no room of its own.
_NAME = 4
#: Columns of a table that is wider than a phone whatever its first one is.
_MANY_COLUMNS = 4
_OPEN_DOUBTS = 5
_CODE, _AS_CODE = re.compile("`([^`]+)`"), r"<code>\1</code>"
# JupyterLab drops style sheets from a notebook that it does not trust yet, but keeps these.
_LEFT, _RIGHT = "text-align:left", "text-align:right"
_MARKS = "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ"


@dataclass(frozen=True)
class Html:
    """A piece of a report that Jupyter shows as HTML and that reads as text elsewhere.

    Attributes
    ----------
    html, text : str
    piece : pieces.Piece or None
        What it is made of; None for what is dress alone.
    """

    html: str
    text: str
    piece: kept.Piece | None = None

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """The structure, for what makes Word or files of a notebook; HTML and text are apart."""
        return {kept.MEDIA_TYPE: kept.dump(self.piece)} if self.piece else {}

    def _repr_html_(self) -> str:
        return f'<div class="crlm">{self.html}</div>'

    def __repr__(self) -> str:
        return self.text


class Linked(str):
    """A cell's text in which the headings of the report that it names lead to them.

    Attributes
    ----------
    headings : tuple of str
        Each as it stands in the text.
    """

    headings: tuple[str, ...]

    def __new__(cls, text: str, headings: Iterable[str] = ()) -> Linked:
        """The text, which knows its headings."""
        made = super().__new__(cls, text)
        made.headings = tuple(headings)
        return made

    def as_html(self) -> str:
        """The text with its links; a page without such a heading leaves them out."""
        if not self.headings:
            return escape(self)
        longest = sorted(self.headings, key=len, reverse=True)
        parts = re.split(f"({'|'.join(map(re.escape, longest))})", self)
        return "".join(self._link(p) if p in self.headings else escape(p) for p in parts)

    @staticmethod
    def _link(heading: str) -> str:
        return f'<a class="place" href="#{escape(anchor(heading))}">{escape(heading)}</a>'


def anchor(heading: str) -> str:
    """The name by which a notebook's page, JupyterLab's too, knows a heading."""
    return heading.replace(" ", "-")


class Footnotes:
    """Texts that many cells share, each told once below the table and marked with a letter.

    Parameters
    ----------
    words : callable, optional
        Says a text as a reader would; the marks go by the text itself.
    """

    def __init__(self, words: Callable[[str], str] = str) -> None:
        self._words = words
        self._marks: dict[str, str] = {}
        self._usual: set[str] = set()

    def usual(self, texts: Sequence[str]) -> str:
        """The letter for a column's head: its commonest text, which no cell then repeats."""
        told = [text for text in texts if text]
        if not told:
            return ""
        usual = max(dict.fromkeys(told), key=told.count)
        self._usual.add(usual)
        return self._marks.setdefault(usual, _letter(len(self._marks)))

    def mark(self, text: str) -> str:
        """The letter of a text; empty for an empty one and where the head has it already."""
        if not text or text in self._usual:
            return ""
        return self._marks.setdefault(text, _letter(len(self._marks)))

    def lines(self) -> list[str]:
        """One line a text, its letter in front."""
        return [f"{mark} {self._words(text)}" for text, mark in self._marks.items()]


def _letter(number: int) -> str:
    first, rest = divmod(number, len(_MARKS))
    return (_MARKS[first - 1] if first else "") + _MARKS[rest]


def show(*pieces: Any) -> None:
    """Display pieces one under the other; None is passed over."""
    from IPython.display import display

    for piece in pieces:
        if piece is not None:
            display(piece)


def say(text: str, kind: str = "", rows: Sequence[str] = ()) -> Html:
    """One plain sentence in the flow of the report.

    Parameters
    ----------
    kind : str
        A CSS class.
    rows : sequence of str
        Names (`ledger.row_name`) of the result rows that it tells.
    """
    style = f' class="{kind}"' if kind else ""
    return Html(f"<p{style}>{escape(text)}</p>", text, kept.Sentence(text, kind, tuple(rows)))


def skipped(what: str, why: str) -> Html:
    """The one line that stands where a section cannot be fed."""
    return say(f"Not shown: {what}. {why}", "skipped")


def aside(text: str) -> Html:
    """What stands where a section is about another kind of cohort than this."""
    return say(text, "aside")


def listing(sentences: Sequence[str], kind: str = "", rows: Sequence[Sequence[str]] = ()) -> Html:
    """Sentences as a list, one an item; `rows` has the names of the rows that each tells."""
    style = f' class="{kind}"' if kind else ""
    items = "".join(f"<li>{_CODE.sub(_AS_CODE, escape(sentence))}</li>" for sentence in sentences)
    piece = kept.Listing(tuple(sentences), kind, tuple(map(tuple, rows)))
    return Html(f"<ul{style}>{items}</ul>", "\n".join(f"- {s}" for s in sentences), piece)


def caveats(rows: pd.DataFrame) -> list[Html]:
    """The caveats that rows of a flow carry (criteria that could not be checked), a line each."""
    texts = [text for text in dict.fromkeys(rows["method"]) if "cannot" in text]
    return [say(text[0].upper() + text[1:] + ".") for text in texts]


def doubts(told: Sequence[str]) -> Html | None:
    """What reading the files left in doubt: the first five open, the others folded below."""
    if not told:
        return None
    more = len(told) - _OPEN_DOUBTS
    pieces = [say("Please check how the files were read:"), listing(told[:_OPEN_DOUBTS])]
    pieces += [fold(f"More of it: {more}", listing(told[_OPEN_DOUBTS:]))] if more > 0 else []
    return joined(*pieces)


def banner(source: Mapping[str, Any], n: float) -> Html:
    """What kind of cohort the report runs on: the first thing a reader sees.

    Parameters
    ----------
    source : mapping
        From `cohort.origin`.
    n : float
        Rows of the table; a `numbers.Shown` is not exact.
    """
    line, more = KINDS[source["kind"]]
    rest = " ".join(p for p in (more, source["title"], source["note"]) if p)
    about = "About " if isinstance(n, Shown) else ""
    line = f"{line} {about}{number(n, 0)} rows in the table."
    html = (
        f'<details class="banner {source["kind"]}"><summary>{escape(line)}</summary>'
        f"{escape(rest)}</details>"
    )
    return Html(html, f"{line} {rest}", kept.Banner(line, rest, source["kind"]))


def image(picture: Any) -> Html:
    """A picture inside other HTML, with its alternative text; where it is too wide, it scrolls."""
    data = base64.b64encode(picture.png).decode()
    source = f'src="data:image/png;base64,{data}" width="{picture.width}"'
    tall = ' class="unconfined"' * picture.tall
    drawn = f'<img {source}{tall} alt="{escape(picture.alt)}">'
    room = f'<div class="scroll" tabindex="0" role="group" aria-label="Picture">{drawn}</div>'
    return Html(room, picture.alt, picture.piece)


def style() -> Html:
    """The report's style sheet as a piece, so that a notebook shows the same tables."""
    return Html(f"<style>{dress()}</style>", "")


def fold(summary: str, *pieces: Any) -> Html:
    """Pieces (pictures among them, None passed over) behind one line that a reader may open."""
    pieces = tuple(p if isinstance(p, Html) else image(p) for p in pieces if p is not None)
    inner = "".join(piece.html for piece in pieces)
    html = f'<details class="table"><summary>{escape(summary)}</summary>{inner}</details>'
    text = "\n".join([summary, *(piece.text for piece in pieces)])
    return Html(html, text, kept.Fold(summary, _inside(pieces)))


def joined(*pieces: Html) -> Html:
    """Pieces as one."""
    text = "\n".join(p.text for p in pieces)
    return Html("".join(p.html for p in pieces), text, kept.Joined(_inside(pieces)))


def _inside(pieces: Iterable[Html]) -> tuple[kept.Piece, ...]:
    return tuple(shown.piece for shown in pieces if shown.piece)


def table(
    caption: str,
    header: Sequence[str],
    body: Iterable[Sequence[Any]],
    notes: Iterable[str] = (),
    numeric: Sequence[int] = (),
) -> Html:
    """An HTML table that Word and Excel take by copy and paste.

    Parameters
    ----------
    body : iterable of (kind, cells) or (kind, cells, rows)
        `kind` is a row's CSS class: "" plain, "head" a heading row, "level" an
        indented one. The first cell heads its row. `rows` are the result rows (or claims)
        that the line stands for; documents carry their names.
    numeric : sequence of int
        Columns set flush right.
    """
    notes, body = list(notes), list(body)
    right = set(numeric)
    head = "".join(
        _head(text, i in right) if text else "<td></td>" for i, text in enumerate(header)
    )
    lines, plain = [], [" | ".join(header)]
    for kind, cells, *_ in body:
        # A heading row with nothing behind it takes the width of the table.
        whole = f' colspan="{len(cells)}"' if kind == "head" and not any(cells[1:]) else ""
        name = whole + (f' class="{kept_as}"' if (kept_as := _named(cells)) else "")
        first = f'<th scope="row"{name} style="{_LEFT};font-weight:400">{escape(cells[0])}</th>'
        behind = () if whole else enumerate(cells[1:], 1)
        rest = "".join(_data(text, i in right) for i, text in behind)
        style = f' class="{kind}"' if kind else ""
        lines.append(f"<tr{style}>{first}{rest}</tr>")
        plain.append(" | ".join(cells))
    foot = "".join(f"<div>{escape(note)}</div>" for note in notes)
    html = (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(caption or "Table")}">'
        f'<table><caption style="{_LEFT}">{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
        + (f'<div class="notes">{foot}</div>' if foot else "")
    )
    held = tuple(_line(*line) for line in body)
    piece = kept.Table(caption, tuple(header), held, tuple(notes), tuple(numeric))
    return Html(html, "\n".join([caption, *plain, *notes]), piece)


def _line(kind: str, cells: Sequence[str], rows: Iterable[Mapping[str, Any]] = ()) -> kept.Line:
    links = [heading for text in cells if isinstance(text, Linked) for heading in text.headings]
    names = tuple(dict.fromkeys(map(row_name, rows)))
    return kept.Line(tuple(map(str, cells)), kind, names, tuple(dict.fromkeys(links)))


def _named(cells: Sequence[str]) -> str:
    """The class of a line's first cell: a short one keeps its line, a long one needs room.

    A table of many columns is moved sideways on a phone as it is; its names need not be narrow.
    """
    if len(cells[0]) <= _NAME:
        return "keep"
    return "long" if len(cells[0]) > _LONG_CELL and len(cells) >= _MANY_COLUMNS else ""


def _head(text: str, flush_right: bool) -> str:
    kind = ' class="num"' if flush_right else ""
    return f'<th scope="col"{kind} style="{_RIGHT if flush_right else _LEFT}">{escape(text)}</th>'


def _data(text: str, flush_right: bool) -> str:
    """A cell; short ones keep on one line, so that an estimate stays beside its limits."""
    kind = "long" if len(text) > _LONG_CELL else "wide"
    if len(text) <= _SHORT_CELL:
        kind = "num" if flush_right else "keep"
    side = _RIGHT if kind == "num" else _LEFT
    return f'<td class="{kind}" style="{side}">{_cell(text)}</td>'


def _cell(text: str) -> str:
    if text in (*VERDICTS, CAN_AGREE):
        return f'<span class="verdict {text.replace(" ", "-")}">{text}</span>'
    return text.as_html() if isinstance(text, Linked) else escape(text)


def dress() -> str:
    """The style sheet that reports, notebooks and pages share."""
    path = resources.files("crlm") / "templates" / "crlm_report" / "report.css"
    return path.read_text(encoding="utf-8")


def page(title: str, pieces: Iterable[Html]) -> str:
    """Pieces as one self-contained HTML page in the dress of a report."""
    body = "\n".join(piece.html for piece in pieces)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{dress()}</style>"
        f'</head><body class="crlm"><main><h1>{escape(title)}</h1>{body}</main></body></html>\n'
    )
