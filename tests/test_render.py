"""The page of a run: the answer first, the kind of cohort above it."""

import nbformat

from crlm import render
from crlm.report import html

BANNER = '<div class="crlm"><div class="banner own" role="note">Own.</div></div>'


def shown(html):
    return nbformat.v4.new_output("display_data", {"text/html": html, "text/plain": "t"})


def notebook():
    markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    short = code("paper.in_short()", outputs=[shown("<p>Answer.</p>")])
    short.metadata["tags"] = ["headline"]
    cells = [
        markdown("# T\n\nQuestion."),
        markdown("## Parameters"),
        code("x = 1"),
        markdown("## In short"),
        short,
        markdown("## Patients"),
        code("y", outputs=[shown(BANNER)]),
    ]
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata["language_info"] = {"name": "python"}
    return made


def test_the_kind_of_cohort_and_the_answer_stand_under_the_title():
    page = render.render(notebook())
    main = page.partition('<main id="report" tabindex="-1">')[2]
    places = [main.index(text) for text in ("<h1", "Own.", "Question.", "Answer.", "x")]
    assert places == sorted(places) and page.count("Own.") == 1
    # Who has a keyboard alone need not pass every heading first.
    past = page.index('<a class="skip" href="#report">')
    assert past < page.index("<nav ")
    order = [main.index(f'id="{name}"') for name in ("In-short", "Parameters", "Patients")]
    assert order == sorted(order)


def test_a_notebook_without_an_answer_stays_in_its_order():
    plain = notebook()
    plain.cells = plain.cells[:3]
    page = render.render(plain)
    assert "banner" not in page[page.index("<main ") :] and 'href="#Parameters"' in page


def test_sections_that_cannot_be_fed_become_one_list():
    made = notebook()
    line = '<div class="crlm"><p class="skipped">Not shown: X. No times.</p></div>'
    said = shown(line)
    said["data"]["text/plain"] = "Not shown: X. No times."
    markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    made.cells += [markdown("## Empty"), code("z", outputs=[said]), markdown("## Provenance")]
    page = render.render(made)
    assert 'id="Empty"' not in page and "<li>X. No times.</li>" in page
    assert page.index("What-this-cohort-cannot-feed") < page.index('id="Provenance"')


def test_rendering_does_not_change_the_notebook():
    made = notebook()
    before = nbformat.writes(made)
    render.render(made)
    assert nbformat.writes(made) == before


def test_the_page_has_one_style_sheet():
    """A second one, of the notebook, stood behind the rules for phones and paper and undid them."""
    made = notebook()
    made.cells[2].outputs = [shown(html.style()._repr_html_())]
    page = render.render(made)
    assert page.count("<style>") == 1
    assert page.index(".crlm img { max-width: 100%") < page.index(".crlm img { max-width: none")
