"""A finished figure, and what all of them share: width, colours, letters."""

from __future__ import annotations

import hashlib
import io
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Bbox
from PIL import Image

from crlm import pieces as kept
from crlm.ledger import Design
from crlm.report.figures import journal

#: Okabe and Ito 2008, without yellow (too faint on white) and black last.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
SOFT = "#5b6673"
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,
    "legend.frameon": False,
    "figure.dpi": 100,
}
#: Every figure has this width, in inches, and one of two frames: (left, right) of its axes.
_WIDTH = 7.6
CURVES, FOREST = (1.75, 7.35), (2.75, 6.0)
_DPI, _BORDER = 144, 14
#: Inches of it that a phone of 390 pixels shows, and where its title begins.
_PHONE, _EDGE = 4.65, 0.06
#: Beyond this height, as a share of its width, a picture is tall.
_TALL = 0.7
#: White between titles side by side, as a share of a figure.
_GAP = 0.015


class Picture:
    """A finished figure: a PNG of few colours with an alternative text, shown as an image.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    alt : str
        What it shows, in words.
    title : str
        What it is called in a caption.
    data : pandas.DataFrame, optional
        What it draws, for the file beside it.
    """

    def __init__(
        self, figure: Figure, alt: str, title: str = "", data: pd.DataFrame | None = None
    ) -> None:
        _fit_titles(figure)
        small = io.BytesIO()
        image = _few_colours(Image.fromarray(_cropped(figure)))
        image.save(small, format="png")
        self.png = small.getvalue()
        self.alt = alt
        self.width = round(image.width * 100 / _DPI)
        self.tall = image.height > _TALL * image.width
        name = hashlib.sha256(self.png).hexdigest()[:12]
        self.piece = kept.Image(name, alt, title)
        journal.deliver(figure, name, data, _cropped, _extent)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data = {"image/png": self.png, "text/plain": self.alt}
        data[kept.MEDIA_TYPE] = kept.dump(self.piece)
        told: dict[str, Any] = {"alt": self.alt, "width": self.width}
        # What Jupyter calls unconfined has a page for itself in print, where its letters need it.
        told |= {"unconfined": True} if self.tall else {}
        return data, {"image/png": told}


def _fit_titles(figure: Figure) -> None:
    """Titles that would run off the edge, or into a neighbour's, get more lines.

    One at the top that has no other beside it begins at the picture's own left edge, and is no
    wider than what a phone shows of the picture.
    """
    titled = [axis for axis in figure.axes if axis.get_title(loc="left")]
    tops = [axis.get_position().y1 for axis in titled]
    for axis, top in zip(titled, tops, strict=True):
        title, place = axis._left_title, axis.get_position()
        text, room = title.get_text(), 72 * _PHONE
        if [y for y in tops if y > top - _GAP] == [top]:
            title.set_x((_EDGE / _WIDTH - place.x0) / place.width)
        else:
            beside = [one.get_position() for one in figure.axes]
            ends = [p.x0 - _GAP for p in beside if p.x0 > place.x0 and abs(p.y1 - place.y1) < _GAP]
            room = 72 * _WIDTH * (min([1.0, *ends]) - place.x0)
        if "\n" in text:
            continue
        font = title.get_fontproperties()
        wide = text_to_path.get_text_width_height_descent(text, font, False)[0]
        if wide > room:
            lines = textwrap.wrap(text, int(len(text) * room / wide), break_long_words=False)
            title.set_text("\n".join(lines))


def sheet(height: float, frame: tuple[float, float]) -> tuple[Figure, dict[str, float]]:
    """A figure of the common width, and where its axes begin and end as shares of it."""
    figure = Figure(figsize=(_WIDTH, height))
    return figure, {"left": frame[0] / _WIDTH, "right": frame[1] / _WIDTH}


def _cropped(figure: Figure, dpi: int = _DPI) -> np.ndarray:
    """The figure's pixels (height, width, red green blue), white above and below cut off.

    Labels may reach an inch beyond the upper and lower edge; the width stays, so that all
    figures of a report are equally wide. One drawing is half the work of matplotlib's
    "tight", which lays everything out twice.
    """
    pixels, top, bottom = _inked(figure, dpi)
    return pixels[top:bottom, :, :3].copy()


def _extent(figure: Figure) -> Bbox:
    """What `_cropped` leaves of a figure, in inches from its lower left corner."""
    pixels, top, bottom = _inked(figure, _DPI)
    upper = pixels.shape[0] / _DPI - 1.0
    return Bbox.from_extents(
        0, upper - bottom / _DPI, figure.get_size_inches()[0], upper - top / _DPI
    )


def _inked(figure: Figure, dpi: int) -> tuple[np.ndarray, int, int]:
    """The figure's pixels with an inch of white above and below, and where the ink begins."""
    width, height = figure.get_size_inches()
    height = np.ceil(height + 2.0)
    drawn = io.BytesIO()
    figure.savefig(
        drawn, format="rgba", dpi=dpi, bbox_inches=Bbox.from_bounds(0, -1.0, width, height)
    )
    pixels = np.frombuffer(drawn.getbuffer(), np.uint8).reshape(round(height * dpi), -1, 4)
    inked = pixels.view(np.uint32)[..., 0] != np.uint32(0xFFFFFFFF)
    rows = np.flatnonzero(inked.any(1))
    border = _BORDER * dpi // _DPI
    return pixels, max(rows[0] - border, 0), rows[-1] + border + 1


def _few_colours(image: Image.Image) -> Image.Image:
    """An image with a palette, in which the paper stays white."""
    few = image.quantize(96, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    palette, paper = few.getpalette(), few.getpixel((0, 0))
    palette[3 * paper : 3 * paper + 3] = [255, 255, 255]
    few.putpalette(palette)
    return few


def colours(n: int) -> list[str]:
    """So many colours of the palette, from its beginning again where it ends."""
    return [PALETTE[i % len(PALETTE)] for i in range(n)]


def apart(texts: Iterable[str], size: float, least: float) -> float:
    """How far left of an axis its labels end, in points, for texts centred on it not to reach them.

    Parameters
    ----------
    texts : iterable of str
        Numbers at the first tick, of letters of this size.
    least : float
        For short ones.
    """
    return max(least, 0.3 * size * max(map(len, texts)) + 2.5)


def wrapped(text: str, width: int = 34) -> str:
    """A label in at most two lines, parted between words.

    "node-positive" stays whole, and so does "< 4".

    Examples
    --------
    >>> wrapped("Positive lymph nodes 4–9 against < 4")
    'Positive lymph nodes 4–9 against\\n< 4'
    """
    whole = re.sub("([<>≤≥]) ", "\\1\N{NO-BREAK SPACE}", text)
    lines = textwrap.wrap(whole, width, max_lines=2, placeholder="…", break_on_hyphens=False)
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


#: Letters of a name in a legend, by how many names stand in a line of it.
LETTERS = {1: 60, 2: 36, 3: 21, 4: 15}


def names_of(groups: Sequence[str], design: Design, most: int) -> list[str]:
    """Labels of groups that stand side by side: "Stage: III" is "III" where labels are long.

    Cut off at `most` letters, all levels of one column would have the same name.
    """
    labels = [design.group_label(group) for group in groups]
    heads = {label.partition(": ")[0] for label in labels}
    if len(heads) == 1 and len(labels) > 1 and max(map(len, labels)) > most:
        labels = [label.partition(": ")[2] or label for label in labels]
    return [textwrap.shorten(label, most, placeholder="…") for label in labels]
