"""`crlm docx` and `crlm comments`: a report leaves the house and comes back with remarks."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from crlm.ledger import ParameterError

if TYPE_CHECKING:
    from crlm.document import Asked


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands that make a Word document and read one back."""
    word = commands.add_parser("docx", help="make a Word document of a finished run")
    word.add_argument("report", type=Path, metavar="REPORT", help="its .html, as crlm run wrote it")
    word.add_argument("--out", type=Path, metavar="FILE", help="where to write (default: beside)")
    _add_template(word)
    word.set_defaults(handler=_docx)
    remarks = commands.add_parser(
        "comments", help="list a coauthor's comments and tracked changes by section and row"
    )
    remarks.add_argument("file", type=Path, metavar="REPORT.docx")
    remarks.add_argument("--json", action="store_true", help="as JSON, with the keys of the rows")
    remarks.set_defaults(handler=_comments)


def add_options(run: argparse.ArgumentParser) -> None:
    """Add what `crlm run` may leave beside its report."""
    run.add_argument(
        "--crate", action="store_true", help="also write the run as a Workflow Run RO-Crate"
    )
    run.add_argument("--docx", action="store_true", help="also a Word document")
    _add_template(run)
    run.add_argument(
        "--figures",
        action="store_true",
        help="also a folder with each figure (SVG, PDF, TIFF, PNG) and each table (CSV, xlsx)",
    )
    run.add_argument(
        "--dpi", type=int, choices=(300, 600), help="of the pixels in --figures (default: 300)"
    )
    run.add_argument(
        "--columns",
        type=int,
        choices=(1, 2),
        help="width of --figures: one column of a journal (8.9 cm) or two (18.3 cm, the default)",
    )


def _add_template(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--template", type=Path, metavar="FILE", help="a .docx whose page and styles are taken"
    )


def passed_on(arguments: argparse.Namespace) -> list[str]:
    """The options of `add_options` as they were typed, for another process."""
    given = [f"--{name}" for name in ("docx", "figures", "crate") if getattr(arguments, name)]
    for name in ("dpi", "columns", "template"):
        value = getattr(arguments, name)
        given += [f"--{name}", str(value)] if value else []
    return given


def asked(arguments: argparse.Namespace) -> Asked:
    """What the options of `add_options` ask for.

    Raises
    ------
    ParameterError
        If one of them stands without the one that it is for.
    """
    from crlm.document import Asked

    if (arguments.dpi or arguments.columns) and not arguments.figures:
        raise ParameterError("--dpi and --columns are for --figures: add it.")
    if arguments.template and not arguments.docx:
        raise ParameterError("--template is for a Word document: add --docx.")
    return Asked(
        docx=arguments.docx,
        figures=arguments.figures,
        crate=arguments.crate,
        template=arguments.template,
        dpi=arguments.dpi or 300,
        columns=arguments.columns or 2,
    )


def _docx(arguments: argparse.Namespace) -> int:
    from crlm import document

    path, told = document.from_report(arguments.report, arguments.out, arguments.template)
    for line in told:
        print(f"crlm: {line}", file=sys.stderr)
    print(path)
    return 0


def _comments(arguments: argparse.Namespace) -> int:
    from crlm.document import comments

    found = comments.review(arguments.file)
    if not found.study:
        print(
            f"crlm: {found.file} is not of crlm, or lost its marks on the way: no result rows "
            "can be named, sections can",
            file=sys.stderr,
        )
    print(comments.as_json(found) if arguments.json else comments.as_text(found))
    return 0
