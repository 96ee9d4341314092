"""An executed notebook becomes one HTML page: the answer first, nothing asked of another host."""

from __future__ import annotations

import copy
import functools
import re
import warnings
from pathlib import Path
from typing import Any

from crlm.loading import quick_imports

_TEMPLATES = Path(__file__).parent / "templates"
_HEADING = r'<h([23])[^>]*\bid="([^"]+)"[^>]*>(.*?)(?:<a class="anchor-link".*?)?</h\1>'


def render(notebook: Any) -> str:
    """An executed notebook as one HTML page that asks no other host for anything.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        With its outputs; not changed. The section whose code cell has the tag "headline" is
        moved under the title, and the banner that names the kind of cohort above it.
        Sections that the cohort cannot feed become one list before the last section.
        Below a heading whose cell has the tag "folded" each subsection is one line to open.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        page = _from_template(_exporter(), arranged(notebook))
    page = page.replace("<!-- table of contents -->", _contents(page))
    return _with_banner(_leading_somewhere(page))


def titled(notebook: Any, study: str, title: str) -> Any:
    """The notebook under its paper's title, where its own is still the study's name.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Not changed.
    study, title : str
        The name of the study, and its paper's title; "" leaves the notebook as it is.
    """
    made = copy.copy(notebook)
    if not title or notebook.metadata.get("title") not in (None, study):
        return made
    made["metadata"] = copy.copy(notebook.metadata)
    made.metadata["title"] = title
    made["cells"] = list(notebook.cells)
    literal = re.sub(r"([\\`*_\[\]<>$&])", r"\\\1", title)
    head = re.compile(rf"# {re.escape(study)}[ \t]*$", re.MULTILINE)
    for at, cell in enumerate(made.cells):
        if cell.cell_type == "markdown" and head.match(cell.source):
            made.cells[at] = copy.copy(cell)
            made.cells[at]["source"] = head.sub(lambda _: f"# {literal}", cell.source, count=1)
            break
    return made


def arranged(notebook: Any) -> Any:
    """The notebook in the order of its report: the answer first, empty sections told at the end."""
    return _folded(_without_empty(_answer_first(_undressed(notebook))))


def _undressed(notebook: Any) -> Any:
    """The notebook without the style sheet among its outputs, which JupyterLab needs.

    The page has it in its head; a second one would stand behind the page's own rules and take
    back what these say of phones and paper.
    """
    plain = copy.copy(notebook)
    plain["cells"] = [_plain(cell) for cell in notebook.cells]
    return plain


def _plain(cell: Any) -> Any:
    shown = cell.get("outputs", ())
    kept = [out for out in shown if not _is_style(out.get("data", {}).get("text/html", ""))]
    if len(kept) == len(shown):
        return cell
    bare = copy.copy(cell)
    bare["outputs"] = kept
    return bare


def _is_style(html: str) -> bool:
    return re.fullmatch(r'<div class="crlm"><style>.*</style></div>', html, re.DOTALL) is not None


def _answer_first(notebook: Any) -> Any:
    """The notebook with its headline, and the heading above it, behind the first cell."""
    cells = list(notebook.cells)
    at = next((i for i, c in enumerate(cells) if "headline" in c.metadata.get("tags", [])), 0)
    if at < 2:
        return notebook
    start = at - 1 if cells[at - 1].cell_type == "markdown" else at
    moved = cells[start : at + 1]
    rest = cells[:start] + cells[at + 1 :]
    ordered = copy.copy(notebook)
    ordered["cells"] = [rest[0], *moved, *rest[1:]]
    return ordered


def _without_empty(notebook: Any) -> Any:
    """The notebook without sections whose every output says that it is not shown.

    What they say stands together before the last section, one line each.
    """
    kept: list[Any] = []
    told: list[str] = []
    for section in sections(notebook.cells):
        lines = _skipped(section)
        told += [line for line in lines if line]
        kept += [] if lines else section
    shorter = copy.copy(notebook)
    shorter["cells"] = kept
    if not told:
        return shorter
    from nbformat.v4 import new_markdown_cell

    items = "\n".join(f"- {line}" for line in dict.fromkeys(told))
    listed = new_markdown_cell(f"## What this cohort cannot feed\n\n{items}", id="cannot-feed")
    last = max(i for i, cell in enumerate(kept) if cell.cell_type == "markdown")
    shorter["cells"] = [*kept[:last], listed, *kept[last:]]
    return shorter


def _folded(notebook: Any) -> Any:
    """The notebook with the subsections of a folded section marked where they begin and end."""
    cells, within = [], False
    for section in sections(notebook.cells):
        head = section[0]
        if head.cell_type == "markdown" and not head.source.startswith("###"):
            within = "folded" in head.metadata.get("tags", [])
        elif within:
            section = [_marked(section[0], opens=True), *section[1:]]
            section[-1] = _marked(section[-1], closes=True)
        cells += section
    shorter = copy.copy(notebook)
    shorter["cells"] = cells
    return shorter


def _marked(cell: Any, **marks: bool) -> Any:
    """A copy of a cell with marks for the template."""
    marked = copy.copy(cell)
    marked["metadata"] = copy.copy(cell.metadata)
    marked.metadata.update(marks)
    return marked


def sections(cells: Any) -> list[list[Any]]:
    """Cells in groups that begin with a heading."""
    groups: list[list[Any]] = []
    for cell in cells:
        starts = cell.cell_type == "markdown" and cell.source.startswith("#")
        if starts or not groups:
            groups.append([])
        groups[-1].append(cell)
    return groups


def _skipped(section: list[Any]) -> list[str]:
    """What a section says in place of outputs, if it has nothing else; "" for an aside."""
    shown = [out for cell in section for out in cell.get("outputs", ()) if "data" in out]
    pages = ["".join(out.data.get("text/html", "")) for out in shown]
    marks = [re.findall(r'<p class="(skipped|aside)"', page) for page in pages]
    if not shown or any(
        len(m) != 1 or p.count("<p") != 1 for m, p in zip(marks, pages, strict=True)
    ):
        return []
    texts = ["".join(out.data["text/plain"]).removeprefix("Not shown: ") for out in shown]
    return [t if m == ["skipped"] else "" for t, m in zip(texts, marks, strict=True)]


@functools.cache
def _exporter() -> Any:
    """One exporter a process: it reads and compiles its templates once."""
    with quick_imports():
        from nbconvert import HTMLExporter

    return HTMLExporter(extra_template_basedirs=[str(_TEMPLATES)], template_name="crlm_report")


def rehearse() -> None:
    """Have templates and the notebook schema read; no state but caches stays."""
    with quick_imports():
        import nbformat.v4

    cells = [nbformat.v4.new_code_cell("1"), nbformat.v4.new_markdown_cell("# text")]
    book = nbformat.v4.new_notebook(cells=cells)
    nbformat.validate(book)
    render(book)


def _from_template(exporter: Any, notebook: Any) -> str:
    """What nbconvert's exporter makes, without its second reading of the finished page.

    That reading parses the whole page, pictures included, to add what this
    template has already; it takes more time than everything before it.
    """
    from nbconvert.exporters.templateexporter import TemplateExporter
    from nbconvert.filters import Highlight2HTML
    from nbconvert.filters.widgetsdatatypefilter import WidgetsDataTypeFilter

    language = notebook.metadata.get("language_info", {})
    lexer = language.get("pygments_lexer", language.get("name"))
    resources = exporter._init_resources({})
    kept = WidgetsDataTypeFilter(
        notebook_metadata=exporter._nb_metadata, parent=exporter, resources=resources
    )
    code = Highlight2HTML(pygments_lexer=lexer, parent=exporter)
    exporter.register_filter("highlight_code", code)
    exporter.register_filter("filter_data_type", kept)
    page, _ = TemplateExporter.from_notebook_node(exporter, notebook, resources)
    page = page.replace('class="output_png', 'tabindex="0" class="output_png')
    return re.sub(r"<img(?![^>]*\balt=)", '<img alt="A picture without a description"', page)


def _contents(page: str) -> str:
    """Nested list of the page's headings, from its own anchors."""
    items = re.findall(_HEADING, page, flags=re.DOTALL)
    links = "".join(
        f'<li class="level{level}"><a href="#{anchor}">{re.sub("<.*?>", "", text).strip()}</a></li>'
        for level, anchor, text in items
    )
    return f"<ol>{links}</ol>"


def _leading_somewhere(page: str) -> str:
    """The page with links to its headings as plain words where there is no such heading.

    A reader's own notebook may call a section otherwise, and sections without a result are
    left out of the page.
    """
    known = {anchor for _, anchor, _ in re.findall(_HEADING, page, flags=re.DOTALL)}

    def kept(link: re.Match[str]) -> str:
        return link[0] if link[1] in known else link[2]

    return re.sub(r'<a class="place" href="#([^"]*)">(.*?)</a>', kept, page)


def _with_banner(page: str) -> str:
    """What kind of cohort this is, moved from its section to below the title."""
    banner = re.search(r'<(div|details) class="banner .*?</\1>', page, flags=re.DOTALL)
    if not banner:
        return page
    page = page.replace(banner.group(0), "", 1)
    return page.replace("</h1>", f"</h1>\n{banner.group(0)}", 1)
