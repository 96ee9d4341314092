"""A figure as a journal wants it: vectors, fine pixels, the width of one column or two.

Hides formats, resolutions and how lettering and margins follow the width. A run that is asked
for figures names folder and choices in the environment of its kernel (`ORDER`); each picture
that is drawn then leaves its files there, under the picture's own name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from PIL import Image

from crlm import files
from crlm.files import csv_bytes
from crlm.numbers import Shown

#: Name of the environment variable, which holds JSON: `folder`, `kinds`, `dpi`, `columns`.
ORDER = "CRLM_FIGURES"
#: Width in inches, scale of the lettering and of the height, by the number of columns.
COLUMNS = {1: (3.5, 0.68, 0.88), 2: (7.2, 7.2 / 7.6, 1.0)}
_LEAST_ROOM, _LEAST_LETTERS = 1.2, 5.5
_VECTORS = {"svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None, "Creator": None}}
# Letters as outlines in SVG, as embedded TrueType in PDF: no reader needs the font.
_FONTS = {"svg.fonttype": "path", "pdf.fonttype": 42, "svg.hashsalt": "crlm"}

_Undo = list[tuple[Callable[[Any], Any], Any]]
Pixels = Callable[[Figure, int], Any]
Extent = Callable[[Figure], Any]


def deliver(
    figure: Figure, name: str, data: pd.DataFrame | None, pixels: Pixels, extent: Extent
) -> None:
    """Leave a figure's files where the environment asks for them; nothing without an order.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Changed: its size and lettering become those of the order.
    name : str
        Of the files.
    data : pandas.DataFrame or None
        What it draws.
    pixels, extent : callable
        The cropped pixels of a figure at a resolution, and the crop in inches.
    """
    text = os.environ.get(ORDER, "")
    if not text:
        return
    order = json.loads(text)
    folder = Path(order["folder"])
    try:
        _deliver(figure, folder, name, data, order, pixels, extent)
    except OSError as error:
        if not files.no_room(error):
            raise
        # The report has its picture all the same; who collects these files says that one lacks.
        for left in folder.glob(f"{name}.*"):
            left.unlink()


def _deliver(
    figure: Figure,
    folder: Path,
    name: str,
    data: pd.DataFrame | None,
    order: dict[str, Any],
    pixels: Pixels,
    extent: Extent,
) -> None:
    columns = fit(figure, order["columns"])
    _image(figure, folder / name, order, pixels)
    if "svg" in order["kinds"]:
        with matplotlib.rc_context(_FONTS):
            box = extent(figure)
            for kind, metadata in _VECTORS.items():
                figure.savefig(folder / f"{name}.{kind}", bbox_inches=box, metadata=metadata)
        (folder / f"{name}.columns").write_text(str(columns), encoding="ascii")
        if data is not None:
            printed = data.map(lambda value: value.text if isinstance(value, Shown) else value)
            (folder / f"{name}.csv").write_bytes(csv_bytes(printed))


def _image(figure: Figure, path: Path, order: dict[str, Any], pixels: Pixels) -> None:
    dpi = order["dpi"]
    if not {"png", "tiff"} & set(order["kinds"]):
        return
    image = Image.fromarray(pixels(figure, dpi))
    for kind in order["kinds"]:
        if kind == "png":
            image.save(path.with_suffix(".png"), dpi=(dpi, dpi), optimize=True)
        elif kind == "tiff":
            image.save(path.with_suffix(".tiff"), dpi=(dpi, dpi), compression="tiff_lzw")


def fit(figure: Figure, columns: int) -> int:
    """Bring a figure to the width of so many columns; two where one has no room for it.

    Returns
    -------
    int
        The columns that it became: two where a plot would be narrower than 3 cm, or words
        would reach beyond the edge.
    """
    undo = _sized(figure, columns)
    if columns == 1 and not _has_room(figure):
        for setter, value in undo:
            setter(value)
        _sized(figure, 2)
        return 2
    return columns


def _sized(figure: Figure, columns: int) -> _Undo:
    """Set width, height, lettering and margins; what to call to have it as it was."""
    wide, scale, tall = COLUMNS[columns]
    width, height = figure.get_size_inches()
    at = figure.subplotpars
    undo: _Undo = [
        (figure.set_size_inches, (width, height)),
        (lambda margins: figure.subplots_adjust(*margins), (at.left, None, at.right)),
    ]
    shrunk = width * scale / wide
    figure.set_size_inches(wide, height * tall)
    left, right = at.left * shrunk, 1 - (1 - at.right) * shrunk
    if left < right:
        figure.subplots_adjust(left=left, right=right)
    return undo + _rescale(figure, scale)


def _has_room(figure: Figure) -> bool:
    width = figure.get_size_inches()[0]
    rooms = [axis.get_position().width * width for axis in figure.axes]
    used = figure.get_tightbbox()
    return min(rooms) >= _LEAST_ROOM and used.x0 >= -0.02 and used.x1 <= width + 0.02


def _rescale(figure: Figure, scale: float) -> _Undo:
    """Letters, lines and marks so much larger or smaller, letters never below 5.5 points."""
    wanted = [
        (one.set_fontsize, one.get_fontsize(), _LEAST_LETTERS) for one in figure.findobj(Text)
    ]
    for line in figure.findobj(Line2D):
        wanted += [
            (line.set_linewidth, line.get_linewidth(), 0.0),
            (line.set_markersize, line.get_markersize(), 0.0),
            (line.set_markeredgewidth, line.get_markeredgewidth(), 0.0),
        ]
    wanted += [(one.set_linewidth, one.get_linewidth(), 0.0) for one in figure.findobj(Patch)]
    for drawn in figure.findobj(Collection):
        wanted.append((drawn.set_linewidth, np.asarray(drawn.get_linewidth()), 0.0))
    for setter, value, least in wanted:
        setter(np.maximum(value * scale, np.minimum(value, least)))
    return [(setter, value) for setter, value, _ in wanted]
