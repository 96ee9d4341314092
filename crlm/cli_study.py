"""`crlm new` and `crlm ledger`: a third paper begins, and what its ledger holds.

Exit codes: 0 done; 2 refused, and why.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from crlm.numbers import counted

if TYPE_CHECKING:
    import pandas as pd

    from crlm.ledger import Design

_LISTED = 12


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add `new` and `ledger` to a parser's commands."""
    new = commands.add_parser("new", help="lay out the files of another paper")
    new.add_argument("study", help="its name: small letters, digits and _")
    new.add_argument("--from", dest="like", default="", metavar="STUDY", help="copy its design")
    new.set_defaults(handler=_new)
    told = commands.add_parser("ledger", help="say what a paper's ledger holds and feeds")
    told.add_argument("study")
    told.set_defaults(handler=_ledger)


def _new(arguments: argparse.Namespace) -> int:
    from crlm import home, ledger
    from crlm.starting import new_study

    made = new_study(arguments.study, ledger.data_folder(), home.path("notebooks"), arguments.like)
    for path in made:
        print(f"{path.parent.name}/{path.name}")
    print(
        f"\nNext: the claims into {arguments.study}/published.csv, the choices into design.toml, "
        f"then `crlm ledger {arguments.study}`, `crlm audit {arguments.study}` and "
        f"`crlm template {arguments.study}`. docs/third-paper.md has the order of work."
    )
    return 0


def _ledger(arguments: argparse.Namespace) -> int:
    from crlm import ledger

    design = ledger.load_design(arguments.study)
    for line in describe(design, ledger.load_claims(arguments.study)):
        print(line)
    return 0


def describe(design: Design, claims: pd.DataFrame) -> Iterator[str]:
    """What a ledger holds, and which of its claims feed nothing, a line each.

    Parameters
    ----------
    design : Design
    claims : pandas.DataFrame
        From `ledger.load_claims`.
    """
    from crlm import audit

    yield f"{counted(len(claims), 'claim')} of {design.title}"
    for place, part in claims.groupby("place", sort=False):
        kinds = [counted(int((part["kind"] == kind).sum()), kind) for kind in ("number",)]
        said = int((part["kind"] == "direction").sum())
        kinds += [counted(said, "sentence")] if said else []
        yield f"  {str(place).replace('_', ' ')}: {', '.join(kinds)}"
    made = audit.audit(design, claims)
    touched = {name for names in made.checks["claims"] for name in names}
    untouched = {name: "" for name in claims["id"] if name not in touched}
    yield from _told("No check of the audit touches", untouched, "Every claim is in some check.")
    yield from _search(design, claims)
    yield from _joined(design)


def _search(design: Design, claims: pd.DataFrame) -> Iterator[str]:
    """What a search for a synthetic cohort leaves out, and why."""
    from crlm import reconstruction

    if not (design.folder / "reconstruction.toml").is_file():
        yield "The search: there is no reconstruction.toml yet."
        return
    wishes = reconstruction.wishes_of(design)
    aim = reconstruction.goal(design, claims, wishes.get("excluded", {}))
    yield from _told("The search leaves out", aim.excluded, "The search leaves out nothing.")
    yield from _told("Judged by the certificate alone", aim.unsearched, "")


def _joined(design: Design) -> Iterator[str]:
    """Which claims no result answers, as the certificate of the shipped cohort found."""
    path = design.folder / "certificate.json"
    if not path.is_file():
        yield "Which claims join no result: there is no cohort yet; `crlm run` tells."
        return
    held = json.loads(path.read_text(encoding="utf-8"))["verdicts"]
    lost = {one["id"]: one["reason"] for one in held if one["verdict"] == "no result"}
    yield from _told("Join no result of the shipped cohort", lost, "Every claim joins a result.")


def _told(head: str, names: Mapping[str, str], none: str) -> Iterator[str]:
    if not names:
        yield from [none] if none else []
        return
    yield f"{head}: {counted(len(names), 'claim')}"
    reasons: dict[str, list[str]] = {}
    for name, reason in names.items():
        reasons.setdefault(reason, []).append(name)
    for reason, whose in reasons.items():
        listed = ", ".join(whose[:_LISTED])
        more = f" and {len(whose) - _LISTED} more" if len(whose) > _LISTED else ""
        yield f"  {listed}{more}{': ' if reason else ''}{reason}"
