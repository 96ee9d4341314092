"""`crlm check`, `codebook`, `template` and `import`: from a hospital's file to a cohort.

Exit codes: 0 the table can be used, or the file is written; 2 it cannot, and why.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from crlm.cli_study import say_unfilled
from crlm.ledger import CohortError, LedgerError

if TYPE_CHECKING:
    import pandas as pd

    from crlm.cohort import CohortReport
    from crlm.ledger import Design


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add `check`, `codebook`, `template` and `import` to a parser's commands."""
    _add_check(commands)
    _add_codebook(commands)
    template = commands.add_parser("template", help="write an empty workbook to fill in")
    template.add_argument("study")
    template.add_argument("-o", "--out", metavar="FILE", help="default: <study>_template.xlsx")
    template.set_defaults(handler=_template)
    adapter = commands.add_parser("import", help="convert a public cohort to a patient table")
    adapter.add_argument("source", choices=["tcia-crlm"], help="which public cohort")
    adapter.add_argument("file", help="the workbook as downloaded")
    adapter.add_argument("-o", "--out", metavar="FILE", required=True)
    adapter.set_defaults(handler=_import)


def _add_check(commands: argparse._SubParsersAction) -> None:
    check = commands.add_parser("check", help="say what is understood of a patient table")
    check.add_argument("cohort", help="csv, xlsx, parquet or sav")
    check.add_argument("--study", required=True)
    check.add_argument("--codebook", metavar="FILE")
    check.add_argument("--history", metavar="FILE", help="check an event history beside it")
    check.set_defaults(handler=_check)


def _add_codebook(commands: argparse._SubParsersAction) -> None:
    made = commands.add_parser("codebook", help="write a codebook for a patient table")
    made.add_argument("cohort", help="csv, xlsx, parquet or sav")
    made.add_argument("--study", required=True)
    made.add_argument(
        "-o",
        "--out",
        metavar="FILE",
        type=Path,
        help="YAML to write; one that stands already keeps its lines (default: print it)",
    )
    made.set_defaults(handler=_codebook)


def _check(arguments: argparse.Namespace) -> int:
    from crlm import cohort, ledger, scores

    design = ledger.load_design(arguments.study)
    say_unfilled(design)
    report = cohort.check(arguments.cohort, design, arguments.codebook)
    print(cohort.describe(report))
    path = cohort.find_history(
        arguments.history or "", arguments.cohort, design, arguments.codebook
    )
    history = None
    if path:
        history = cohort.check_history(path, design, arguments.codebook)
        print("\n" + cohort.describe(history))
    good = report.ok and (history is None or history.ok)
    patients = report.frame
    if good and history is not None:
        patients, good = _with_times(arguments, design, report, history)
    whom = ", patients counted before the flow leaves any out" if design.eligibility else ""
    print(f"\nWhat this table can feed{whom}")
    scored = scores.add(patients) if good else patients
    print("\n".join(cohort.feeds(scored, design, *_printed(design))))
    return 0 if good else 2


def _printed(design: Design) -> tuple[list[tuple[str, list[str]]], list[str]]:
    """Where each claim stands with the columns that it is about, and the columns of its groups.

    Of a ledger that cannot be read yet, no word but that.
    """
    from crlm import ledger

    try:
        claims = ledger.as_records(ledger.load_claims(design.study))
    except LedgerError:
        told = f"crlm ledger {design.study} says what is wrong with them"
        print(f"(without the printed results: {told})")
        return [], []
    parts = [part.partition("=")[0] for claim in claims for part in claim["group"].split(",")]
    groups = [name for name in dict.fromkeys(parts) if design.levels(name)]
    return [(claim["place"], ledger.columns_named(claim, design)) for claim in claims], groups


def _with_times(
    arguments: argparse.Namespace, design: Design, report: CohortReport, history: CohortReport
) -> tuple[pd.DataFrame, bool]:
    """The patients with what their histories say, and whether these can be used."""
    from crlm import cohort, endpoints

    try:
        events = cohort.events(
            arguments.history or "", arguments.cohort, design, arguments.codebook, report.frame
        )
        for note in events.attrs.get("notes", []):
            if note not in history.discreet:
                print(f"- {note}")
        return endpoints.from_history(report.frame, events, design), True
    except CohortError as error:
        print(f"\n{error.told}", file=sys.stderr)
        return report.frame, False


def _codebook(arguments: argparse.Namespace) -> int:
    from crlm import cohort, files, ledger

    design = ledger.load_design(arguments.study)
    out = arguments.out
    written = out.read_text(encoding="utf-8") if out and out.is_file() else ""
    text = cohort.propose(arguments.cohort, design, written)
    if out is None:
        print(text, end="")
        return 0
    files.write_atomically(out, text)
    asked = cohort.questions(text)
    left = f"{asked} question{'s' * (asked != 1)} to answer (`?`), " if asked else ""
    unlike = cohort.unlike(text)
    suggest = "header that suggests" if unlike == 1 else "headers that suggest"
    left += f"{unlike} {suggest} nothing (`# ?`), " * bool(unlike)
    print(
        f"{out}: {left}every line to check. Then: crlm check {arguments.cohort} "
        f"--study {arguments.study} --codebook {out}"
    )
    return 0


def _template(arguments: argparse.Namespace) -> int:
    from crlm import cohort, ledger

    path = Path(arguments.out or f"{arguments.study}_template.xlsx")
    cohort.template(path, ledger.load_design(arguments.study))
    print(path)
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from crlm import cohort

    cohort.import_tcia_crlm(arguments.file, arguments.out)
    print(arguments.out)
    return 0
