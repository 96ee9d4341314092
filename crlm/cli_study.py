"""`crlm new` and `crlm ledger`: a third paper begins, and what its ledger holds.

Exit codes: 0 done; 2 refused, and why.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crlm.ledger import CLAIM_COLUMNS, DesignError, LedgerError, ParameterError, as_records
from crlm.ledger.errors import refusal
from crlm.ledger.vocabulary import NOT_REACHED
from crlm.numbers import counted
from crlm.transcription import LAYOUTS

if TYPE_CHECKING:
    import pandas as pd

    from crlm.ledger import Design

_LISTED = 12
_TOLD = 5
#: What a place has besides numbers: its kind, one of it and several.
_KINDS = (
    ("direction", ("sentence", "sentences")),
    (NOT_REACHED, ("median or limit not reached", "medians or limits not reached")),
)
_AS_LAID_OUT = (
    "The search: reconstruction.toml still has the invented paper's columns and days; before "
    "`crlm reconstruct` put yours into [groups] and [period]."
)
_BEYOND = "No cohort of these groups can have"
_NOBODY = "number of the flow chart: [[screened]] has nobody who was left out, so all are included"


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add `new` and `ledger` to a parser's commands."""
    new = commands.add_parser("new", help="lay out the files of another paper")
    new.add_argument("study", help="its name: small letters, digits and _")
    new.add_argument("--from", dest="like", default="", metavar="STUDY", help="copy its design")
    new.set_defaults(handler=_new)
    told = commands.add_parser(
        "ledger",
        help="say what a paper's ledger holds and feeds; `ledger import TABLE` reads a table of it",
    )
    told.add_argument("study", help="a study, or the word import")
    told.add_argument(
        "table", nargs="?", help="csv, xlsx, docx, html, xml, or a table pasted as text"
    )
    told.add_argument(
        "--table",
        "--number",
        dest="number",
        default="",
        metavar="N",
        help="which table of a saved web page, by the number in its caption (2, S1); which sheet "
        "of a workbook, or table of a Word file: 1, 2, ...",
    )
    told.add_argument("--study", dest="into", metavar="STUDY", help="of which paper the table is")
    told.add_argument(
        "--layout",
        choices=LAYOUTS,
        help="Table 1 by groups, a regression, survival or numbers at risk by groups, or the "
        "effect of the exposure by subgroup",
    )
    told.add_argument("--place", help="where it stands, as table2 or supplementary_table4")
    told.add_argument(
        "--endpoint",
        default="",
        help="of a model, of curves or of subgroups, or the name of a model; not needed where the "
        "table names its endpoints itself",
    )
    told.add_argument(
        "--spread",
        choices=("range", "iqr"),
        default="",
        help="what stands beside a median where its row does not say (default: as the design)",
    )
    told.add_argument(
        "--population",
        default="",
        metavar="COLUMN=LEVEL",
        help="of which patients the table is, where not of all: matched=yes",
    )
    told.add_argument(
        "--decimal",
        choices=("point", "comma"),
        default="point",
        help="what stands before the decimals",
    )
    told.add_argument(
        "--by",
        default="",
        metavar="COLUMN",
        help="what splits two-groups or curves, or whose effect subgroups have; default: as Table "
        "1 of the design, the exposure",
    )
    told.add_argument(
        "--as-printed",
        action="store_true",
        help="take numbers that cannot be (a percentage of 950) as the paper's misprints",
    )
    told.add_argument(
        "--percent",
        choices=("row", "column"),
        default="",
        help="of whom the percentages of two-groups are; default: as the printed counts say",
    )
    told.add_argument(
        "--is",
        dest="named",
        action="append",
        default=[],
        metavar="LABEL=COLUMN:LEVEL",
        help="what a label of the table means; a heading may be an endpoint; - leaves it out",
    )
    told.add_argument("-o", "--out", type=Path, metavar="FILE", help="default: print the rows")
    told.add_argument("--add", action="store_true", help="put the rows below those of the study")
    told.set_defaults(handler=_ledger)


def _new(arguments: argparse.Namespace) -> int:
    from crlm import home
    from crlm.starting import new_study

    notebooks = home.own_notebooks()
    if notebooks is None:
        raise ParameterError(
            "An installed crlm keeps no studies of yours: the next installation would replace "
            "them. Name a folder of your own, and leave it named for every later command: "
            "export CRLM_DATA=my_studies/data (Windows: set CRLM_DATA=my_studies\\data)."
        )
    made = new_study(arguments.study, home.studies(), notebooks, arguments.like)
    for path in made:
        print(f"{path.parent.name}/{path.name}")
    print(
        f"\nNext: the paper's title, its citation and what it decided into "
        f"{arguments.study}/design.toml; then its tables by "
        f"`crlm ledger import`, once the example rows of published.csv are gone; then "
        f"`crlm ledger {arguments.study}`, `crlm audit {arguments.study}` and "
        f"`crlm template {arguments.study}`. docs/third-paper.md has the order of work."
    )
    return 0


def _ledger(arguments: argparse.Namespace) -> int:
    from crlm import ledger

    if arguments.study == "import":
        return _import(arguments)
    if arguments.table:
        raise ParameterError(
            f"crlm ledger {arguments.study} takes no table; crlm ledger import does."
        )
    design = ledger.load_design(arguments.study)
    say_unfilled(design)
    try:
        claims = ledger.load_claims(arguments.study)
    except ledger.EmptyLedgerError as error:
        print(f"0 claims of {design.title}: {error}")
        return 0
    except LedgerError as error:
        raise LedgerError("\n".join([str(error), *_wrong_wishes(design)])) from error
    for line in describe(design, claims):
        print(line)
    return 0


def say_unfilled(design: Design) -> None:
    """Tell of a design that has the skeleton's title; the files are none the worse for it."""
    if design.unfilled:
        print(f"crlm: {design.unfilled}", file=sys.stderr)


def _wrong_wishes(design: Design) -> Iterator[str]:
    """What reconstruction.toml is refused for, so that it is told with the ledger's faults."""
    from crlm import reconstruction
    from crlm.starting import is_as_laid_out

    if (design.folder / "reconstruction.toml").is_file() and not is_as_laid_out(design):
        try:
            reconstruction.wishes_of(design)
        except DesignError as error:
            yield str(error)


def _import(arguments: argparse.Namespace) -> int:
    """Print or write the claims of a table; where it does not settle all, ask and write nothing."""
    from crlm import ledger, transcription

    _needed(arguments)
    made = transcription.claims_of(
        transcription.grid(arguments.table, arguments.number),
        ledger.load_design(arguments.into),
        arguments.layout,
        place=arguments.place,
        endpoint=arguments.endpoint,
        spread=arguments.spread,
        population=arguments.population or "all",
        decimal=arguments.decimal,
        percent=arguments.percent,
        by=arguments.by,
        as_printed=arguments.as_printed,
        named=dict(text.rpartition("=")[::2] for text in arguments.named),
    )
    for question in made.questions:
        print(f"? {question}", file=sys.stderr)
    if made.taken:
        read = "; ".join(made.taken)
        print(f"= Read so: {read}. Another meaning: --is.", file=sys.stderr)
    for cell in dict.fromkeys(made.left_out):
        print(f"- {cell} It makes no row.", file=sys.stderr)
    for doubt in transcription.doubts(arguments.table, arguments.number):
        print(f"! {doubt}", file=sys.stderr)
    if made.questions:
        many = counted(len(made.questions), "question")
        print(f"crlm: {many}; nothing was written.", file=sys.stderr)
        return 2
    _hand_over(made.claims, arguments)
    return 0


def _needed(arguments: argparse.Namespace) -> None:
    """Refuse an import that lacks what every table needs."""
    from crlm import ledger

    wanted = {"--study": arguments.into, "--layout": arguments.layout, "--place": arguments.place}
    lacking = [name for name, value in {"TABLE": arguments.table, **wanted}.items() if not value]
    if lacking:
        raise ParameterError(f"crlm ledger import needs {', '.join(lacking)}.")
    if why := ledger.unknown_place(arguments.place):
        raise ParameterError(f"--place: {why}")
    odd = [text for text in arguments.named if "=" not in text]
    if odd:
        raise ParameterError(f"--is {odd[0]!r} has no =. Write LABEL=COLUMN or LABEL=COLUMN:LEVEL.")


def _hand_over(claims: Sequence[Mapping[str, str]], arguments: argparse.Namespace) -> None:
    """Put claims below those of a ledger, into a file, or on the page."""
    from crlm import ledger
    from crlm.files import write_atomically

    if arguments.add:
        path = ledger.data_folder() / arguments.into / "published.csv"
        rows, more = _with(claims, path, ledger.load_design(arguments.into), arguments)
        write_atomically(path, _csv([*rows, *more]).encode("utf-8"))
        print(f"{counted(len(more), 'claim')} more in {arguments.into}/{path.name}")
        if len(more) < len(claims):
            print(f"{counted(len(claims) - len(more), 'claim')} stood there before")
    elif arguments.out:
        if arguments.out.exists():
            raise ParameterError(f"{arguments.out.name} is there already. Name another file.")
        write_atomically(arguments.out, _csv(claims).encode("utf-8"))
        print(f"{counted(len(claims), 'claim')} in {arguments.out.name}")
    else:
        print(_csv(claims), end="")


def _with(
    claims: Sequence[Mapping[str, str]],
    path: Path,
    design: Design,
    arguments: argparse.Namespace,
) -> tuple[list[Mapping[str, str]], list[Mapping[str, str]]]:
    """The rows of a ledger, and those of a table that are not among them.

    A table that is printed in two parts gives the size of a group twice: the same number once
    more is no new row. Another number for the same id is refused.
    """
    from crlm.ledger import named

    held = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))
    rows = list(held)
    where = f"{path.parent.name}/{path.name}"
    if None in {name for row in rows for name in row}:
        raise ParameterError(f"{where} has a row of too many cells; nothing was added.")
    taken = {row.get("id", ""): row.get("printed", "") for row in rows}
    for claim in claims:
        if taken.get(claim["id"], claim["printed"]) != claim["printed"]:
            raise ParameterError(
                f"{where} has {claim['id']!r} already, printed {taken[claim['id']]!r}, and the "
                f"table has {claim['printed']!r}; nothing was added. Correct one of them, or "
                "name another --place."
            )
    if not arguments.population:
        _same_sizes(claims, rows, where)
    more: list[Mapping[str, str]] = [claim for claim in claims if claim["id"] not in taken]
    if claims and not more:
        raise ParameterError(f"{where} has all {len(claims)} claims already; nothing was added.")
    if "name" in (held.fieldnames or ()):
        more = [{**claim, "name": named(claim, design)} for claim in more]
    return list(rows), more


def _same_sizes(
    claims: Sequence[Mapping[str, str]], rows: Sequence[Mapping[str, str]], where: str
) -> None:
    """Refuse a table whose groups have other sizes than the ledger's: it is of other patients."""
    sizes = {row["group"]: row for row in rows if _is_size(row)}
    for claim in filter(_is_size, claims):
        held = sizes.get(claim["group"], claim)
        if held["printed"] != claim["printed"]:
            raise ParameterError(
                f"{claim['group']} has {claim['printed']} patients in this table and "
                f"{held['printed']} in {held['place']} of {where}; nothing was added. Say of which "
                "patients the table is with --population COLUMN=LEVEL, or, if print has both "
                "numbers for the same patients, --population all."
            )


def _is_size(row: Mapping[str, str]) -> bool:
    """Whether a claim is the size of a group of all patients."""
    of_group = row.get("group") and not (row.get("covariate") or row.get("endpoint"))
    return row.get("statistic") == "n" and row.get("population") == "all" and bool(of_group)


def _csv(claims: Sequence[Mapping[str, str]]) -> str:
    held = io.StringIO()
    used = {name for claim in claims for name in claim}
    names = [name for name in CLAIM_COLUMNS if name in used]
    writer = csv.DictWriter(held, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(claims)
    return held.getvalue()


def describe(design: Design, claims: pd.DataFrame) -> Iterator[str]:
    """What a ledger holds, and which of its claims feed nothing, a line each.

    Parameters
    ----------
    design : Design
    claims : pandas.DataFrame
        From `ledger.load_claims`.
    """
    from crlm import audit, ledger, transcription

    yield f"{counted(len(claims), 'claim')} of {design.title}"
    for place, part in claims.groupby("place", sort=False):
        many = part["kind"].value_counts()
        kinds = [counted(int(many.get("number", 0)), "number")]
        kinds += [counted(int(many[kind]), *words) for kind, words in _KINDS if kind in many]
        yield f"  {str(place).replace('_', ' ')}: {', '.join(kinds)}"
    made = audit.audit(design, claims)
    touched = {name for names in made.checks["claims"] for name in names}
    untouched = {name: "" for name in claims["id"] if name not in touched}
    yield from _told("No check of the audit touches", untouched, "Every claim is in some check.")
    yield from _told(
        "A ratio of the reference itself", dict(ledger.against_themselves(claims, design)), ""
    )
    yield from _told(
        "A ratio of what its model does not hold", dict(ledger.outside_models(claims, design)), ""
    )
    yield from _told("Limits without the rest of their result", dict(ledger.halves(claims)), "")
    yield from _told("A row beside a ratio with other keys", dict(ledger.strayed(claims)), "")
    yield from _told(
        "A key that its locator says otherwise", dict(ledger.misplaced(claims, design)), ""
    )
    yield from _told("A bound in the place of a number", dict(ledger.bounds(claims)), "")
    yield from _told("Survival below 1 per cent", dict(ledger.fractions(claims)), "")
    yield from _told(
        "A parent cohort beside another claim", dict(ledger.parentless(claims, design)), ""
    )
    yield from _told(
        "A month of print that the design may have as a year",
        dict(ledger.in_years(claims, design)),
        "",
    )
    otherwise = audit.limits_otherwise(made.checks, design)
    told = f"Limits of percentages that are not {design.percent_limits} ones; percent_limits in "
    yield from _told(f"{told}[conventions] may say", otherwise, "")
    yield from _told("A group written as population", dict(ledger.grouped_apart(claims)), "")
    records = as_records(claims)
    yield from _told(
        "A ratio for another step than its place says",
        dict(transcription.otherwise_said(records, design)),
        "",
    )
    yield from _search(design, claims, made.findings)
    yield from _joined(design)


def _search(design: Design, claims: pd.DataFrame, findings: pd.DataFrame) -> Iterator[str]:
    """What a search for a synthetic cohort leaves out, why, and what it aims at in vain."""
    from crlm import reconstruction
    from crlm.starting import is_as_laid_out

    if not (design.folder / "reconstruction.toml").is_file():
        yield "The search: there is no reconstruction.toml yet."
        return
    try:
        wishes = reconstruction.wishes_of(design)
        if wrong := reconstruction.print_faults(design, wishes, claims):
            raise DesignError(refusal(f"data/{design.study}/reconstruction.toml", wrong))
    except DesignError:
        if not is_as_laid_out(design):
            raise
        yield _AS_LAID_OUT
        return
    named, groups = wishes.get("excluded", {}), wishes["groups"]["columns"]
    aim = reconstruction.goal(design, claims, named, groups)
    yield from _told("The search leaves out", aim.excluded, "The search leaves out nothing.")
    beyond = reconstruction.out_of_reach(design, wishes, claims)
    alone = {name: why for name, why in aim.unsearched.items() if name not in beyond}
    if not wishes.get("screened"):
        flow = claims.loc[claims["covariate"] == "flow", "id"]
        alone |= dict.fromkeys([name for name in flow if name in alone], _NOBODY)
    yield from _told("Judged by the certificate alone", alone, "")
    yield from _told(_BEYOND, beyond, "")
    yield from _contradicted(findings, named, aim.excluded)


def aimed_at_in_vain(study: str) -> list[str]:
    """Contradictions of print that the audit is sure of and a search would aim at, a line each.

    Parameters
    ----------
    study : str

    Returns
    -------
    list of str
        As `crlm ledger` tells them, the first few; nothing where the study cannot be searched.
    """
    from crlm import audit, ledger, reconstruction

    design = ledger.load_design(study)
    claims, wishes = ledger.load_claims(study), reconstruction.wishes_of(design)
    if reconstruction.print_faults(design, wishes, claims):
        return []
    named = wishes.get("excluded", {})
    findings = audit.audit(design, claims).findings
    told = list(_contradicted(findings, named, reconstruction.goal(design, claims, named).excluded))
    more = len(told) - _TOLD - 1
    told = told if more < 1 else [*told[: _TOLD + 1], f"  and {more} more: crlm ledger {study}"]
    return [*told, *_told(_BEYOND, reconstruction.out_of_reach(design, wishes, claims), "")]


def _contradicted(
    findings: pd.DataFrame, named: Collection[str], excluded: Collection[str]
) -> Iterator[str]:
    """What the audit is sure of and no excluded claim settles: no cohort can have all of it.

    `named`: claims that reconstruction.toml excludes. Of two prints of one number the search
    leaves one out itself, which settles no more than that.
    """
    sure = findings[(findings["verdict"] == "inconsistent") & (findings["confidence"] == "high")]
    found = []
    for one in sure.to_dict("records"):
        twice = all(check.startswith("same_quantity") for check in one["checks"])
        if not set(one["claims"]) & set(excluded if twice else named):
            found.append(one)
    if not found:
        return
    many = counted(len(found), "contradiction")
    yield f"The search aims at {many} of print, sure to the audit; [excluded] names what is wrong:"
    for one in found:
        yield f"  {one['finding_id']}: {one['sentence']} {_listed(one['claims'])}"


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
        yield f"  {_listed(whose)}{': ' if reason else ''}{reason}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{', '.join(names[:_LISTED])}{more}"
