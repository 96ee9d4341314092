"""What a displayed piece keeps beside its HTML, and that neither says more than the other."""

import re
from html import unescape

import pytest
from matplotlib.figure import Figure

from crlm import ledger, pieces
from crlm.ledger import DocumentError
from crlm.report import figures, html

ROW = ledger.rows([{"endpoint": "OS", "statistic": "p", "model": "logrank", "group": "ras"}])
BODY = [("", ["a < b", "1"]), ("level", ["c", "0.5"], ROW.to_dict("records"))]
TABLE = html.table("Table 9", ["What", "n"], BODY, ["A note."], numeric=[1])
SHOWN = {
    "sentence": html.say("Median 4 months.", "reading", ["OS|all|all|||||"]),
    "listing": html.listing(["One.", "Two."], "short", [["x"], []]),
    "table": TABLE,
    "fold": html.fold("More", TABLE, None, html.say("Under it.")),
    "joined": html.joined(html.say("One."), html.fold("More", TABLE)),
    "skipped": html.skipped("Table 2", "No such column."),
    "banner": html.banner({"kind": "public", "title": "T", "note": ""}, 197),
}


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
def test_a_piece_comes_back_from_what_a_notebook_keeps(shown):
    bundle = shown._repr_mimebundle_()
    assert list(bundle) == [pieces.MEDIA_TYPE]
    assert pieces.load(bundle[pieces.MEDIA_TYPE]) == shown.piece


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
def test_a_piece_holds_the_words_of_its_html(shown):
    assert sorted(words(shown.piece)) == sorted(
        unescape(re.sub("<[^>]*>", " ", shown.html)).split()
    )


def words(value):
    """Every word that a piece shows."""
    if isinstance(value, str):
        return value.split()
    if isinstance(value, tuple):
        return [word for item in value for word in words(item)]
    shown = {name: item for name, item in vars(value).items() if name not in HIDDEN}
    return [word for item in shown.values() for word in words(item)]


HIDDEN = ("style", "kind", "rows", "numeric")


def test_a_line_of_a_table_knows_its_rows():
    assert [line.rows for line in TABLE.piece.body] == [(), ("OS|all|ras|||logrank|p|",)]


def test_a_sheet_of_styles_is_no_piece():
    assert html.style()._repr_mimebundle_() == {}
    assert html.joined(html.style(), SHOWN["sentence"]).piece.pieces == (SHOWN["sentence"].piece,)


def test_a_picture_keeps_its_words_and_no_second_copy_of_itself():
    figure = Figure((2, 2))
    figure.subplots()
    picture = figures.Picture(figure, "What it shows.", "Overall survival")
    data, _ = picture._repr_mimebundle_()
    held = pieces.load(data[pieces.MEDIA_TYPE])
    assert (held.alt, held.title) == ("What it shows.", "Overall survival")
    assert len(data[pieces.MEDIA_TYPE]) < 200
    assert html.image(picture).piece == held
    assert figures.Picture(figure, held.alt, held.title).piece == held


def test_a_notebook_shows_html_and_text_as_before():
    from IPython.core.interactiveshell import InteractiveShell

    data, _ = InteractiveShell.instance().display_formatter.format(TABLE)
    assert data["text/html"] == f'<div class="crlm">{TABLE.html}</div>'
    assert data["text/plain"] == TABLE.text and set(data) == {
        "text/html",
        "text/plain",
        pieces.MEDIA_TYPE,
    }


@pytest.mark.parametrize("text", ["", "7", "[]", '{"piece": "poem"}', '{"piece": "table"}'])
def test_what_is_no_piece_is_refused_in_one_line(text):
    with pytest.raises(DocumentError, match="Run the study again") as caught:
        pieces.load(text)
    assert "\n" not in str(caught.value)
