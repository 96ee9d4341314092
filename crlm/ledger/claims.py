"""A study's claims: every number and every sentence that its paper prints."""

from __future__ import annotations

import csv
import functools
import io
import pickle
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crlm.ledger.claim_faults import RATIOS, claim_faults, row_faults
from crlm.ledger.claim_rows import pasted_faults
from crlm.ledger.claim_words import Words, named, spelled
from crlm.ledger.design import Design
from crlm.ledger.errors import EmptyLedgerError, Fault, LedgerError, refusal
from crlm.ledger.models import about, kind_of
from crlm.ledger.reading import data_folder, load_design
from crlm.ledger.results import as_records
from crlm.ledger.scaled import stand_ins
from crlm.ledger.spelling import did_you_mean, nearest
from crlm.ledger.typed import SchemaRow
from crlm.ledger.vocabulary import (
    ALL,
    CLAIM_COLUMNS,
    FIELDS,
    KINDS,
    KNOWN,
    MODELS,
    MULTIVARIABLE,
    NUMBERED_PLACES,
    OPERATORS,
    OPTIONAL_COLUMNS,
    PERSON_TIME,
    PLACES,
    RATE_UNITS,
    STATISTICS,
    TIME_UNITS,
)

if TYPE_CHECKING:
    import pandas as pd

_OTHER_UNITS = (*TIME_UNITS, *RATE_UNITS, *PERSON_TIME)
_UNITS = dict.fromkeys([s.unit for s in STATISTICS.values() if s.unit] + [*_OTHER_UNITS])
_NUMBERS = ("value", "decimals", "time")
_LISTED = 8
_AGAIN = "the names of the columns stand there again; remove the row."
_SAVE = "Save it as CSV UTF-8 with commas."


def load_claims(study: str) -> pd.DataFrame:
    """Every printed number of a paper, one a row, from `data/<study>/published.csv`.

    Returns
    -------
    pandas.DataFrame
        Columns of `CLAIM_COLUMNS`; `value`, `decimals` and `time` (months) are
        numbers, all else text. `name` says in plain words what is claimed (made from the
        keys where the file has no such column); `printed` is the text a reader of the paper
        sees; `reference` is the level that a ratio is against where that is not the design's.

    Raises
    ------
    LedgerError
        If the file is absent or no table, a column is missing or unknown, or a row is at
        fault: an id used twice, a name that is empty or that another claim of the same
        locator has, a word that neither the vocabulary nor the design has (statistic, kind,
        operator, field, model, unit, endpoint, covariate, level, group, population), a text
        where a number belongs, a printed text that disagrees with value, operator or
        decimals. All faults are told at once.
    DesignError
        If the study's design is at fault.

    Notes
    -----
    A product of two columns is `race:msi` with the level `white:msi_l`; `race_msi` and
    `white_msi_l` are read as that where the design has no such column.
    """
    file = f"data/{study}/published.csv"
    text, design = _text(data_folder() / study / "published.csv", file), load_design(study)
    return _claims(text, file, pickle.dumps(design)).copy()


@functools.lru_cache(maxsize=8)
def _claims(text: str, file: str, pickled: bytes) -> pd.DataFrame:
    """The claims that a file of this text holds for a design; whoever asks copies them."""
    design: Design = pickle.loads(pickled)
    header, table = _records(text, file)
    faults = _header_faults(header)
    if faults:
        raise LedgerError(refusal(file, faults))
    words = Words(design)
    claims = {
        row: spelled(_claim(header, cells), words)
        for row, cells in table.items()
        if len(cells) == len(header)
    }
    again = [row for row, cells in table.items() if [c.strip() for c in cells] == header]
    claims = {row: claim for row, claim in claims.items() if row not in again}
    refused = [(row, Fault("", _AGAIN)) for row in again]
    refused += [(row, fault) for row, cells in table.items() for fault in _ragged(header, cells)]
    refused += [(row, f) for row, claim in claims.items() for f in claim_faults(claim, words)]
    refused += row_faults(claims, "name" in header)
    refused += pasted_faults(claims)
    if refused:
        raise LedgerError(refusal(file, _grouped(refused), "rows counted as Excel does"))
    return _frame(list(claims.values()), design, "name" in header)


def columns_named(claim: Mapping[str, object], design: Design) -> list[str]:
    """Columns, factors and scaled numbers of the design that a claim is about or among.

    Examples
    --------
    >>> claim = {"covariate": "age:sex", "group": "ras=mutant", "population": "from month 6"}
    >>> columns_named(claim, load_design("ncch_scp"))
    ['age', 'sex', 'ras']
    """
    names = str(claim["covariate"]).split(":")
    for key in ("group", "population"):
        names += [part.partition("=")[0] for part in str(claim[key]).split(",")]
    return [n for n in dict.fromkeys(names) if n in {*design.columns, *design.made}]


def outside_models(claims: pd.DataFrame, design: Design) -> Iterator[tuple[str, str]]:
    """Ids of printed ratios, and p for trend, of what no model of the design holds, and why.

    Of one covariate alone: of what no model of its endpoint has among its candidates.
    """
    trends = claims["covariate"].isin(design.scores) & (claims["statistic"] == "p")
    of_effects = claims["statistic"].isin(RATIOS) | trends
    ratios = claims[of_effects & (claims["kind"] == "number")]
    among = {about(name, spec) for name, spec in design.models.items()}
    for row in as_records(ratios[ratios["model"].map(kind_of) == MULTIVARIABLE]):
        if (row["endpoint"], row["population"]) not in among:
            of = f'endpoint = "{row["endpoint"]}", population = "{row["population"]}"'
            yield row["id"], f"the design has no such model; add [models.NAME] with {of}."
            continue
        spec = design.model_of(row["endpoint"], row["population"], row["model"])
        held = [*spec.get("published", ()), *(":".join(p) for p in spec.get("products") or ())]
        if row["covariate"] in stand_ins(design, spec, held):
            continue
        if row["covariate"] and row["covariate"] not in held:
            where = f"{row['endpoint']} among {row['population']}"
            where += f" ({row['model']})" if row["model"] != MULTIVARIABLE else ""
            there = f"has {', '.join(held)}" if held else "is not in the design"
            yield row["id"], f"the model of {where} {there}; {row['covariate']} is none of them."
    candidates = {design.exposure: set(design.endpoints)}
    for name, spec in design.models.items():
        for covariate in spec["covariates"]:
            candidates.setdefault(covariate, set()).add(spec.get("endpoint") or name)
    for row in as_records(ratios[ratios["model"] == "univariable"]):
        if row["covariate"] and row["endpoint"] not in candidates.get(row["covariate"], ()):
            told = f"no model of {row['endpoint']} has {row['covariate']} among its covariates"
            yield row["id"], f"{told}; add it there, so that it is computed alone."


def against_themselves(claims: pd.DataFrame, design: Design) -> Iterator[tuple[str, str]]:
    """Ids of printed ratios of a level that is the reference itself, and why.

    Such a row is against another level, and only the column `reference` can say which.
    """
    ratios = claims[claims["statistic"].isin(RATIOS) & (claims["kind"] == "number")]
    for row in as_records(ratios):
        spec = design.model_of(row["endpoint"], row["population"], row["model"])
        levels = design.levels(row["covariate"])
        own = (spec.get("references") or {}).get(row["covariate"], levels[0] if levels else "")
        if ":" in row["covariate"] and row["level"]:
            yield from _by_itself(row, design)
        elif row["level"] and row["level"] == own and row["value"] == 1 and not row["reference"]:
            told = f"{own!r} is what {row['covariate']} is held against, and 1 by itself; leave "
            yield row["id"], f"{told}the row out."
        elif row["level"] and row["level"] == own and not row["reference"]:
            yield (
                row["id"],
                f"{own!r} is what {row['covariate']} is held against; say in the column "
                "reference which level this row is against.",
            )


def _by_itself(row: Mapping[str, str], design: Design) -> Iterator[tuple[str, str]]:
    """A product of which one level is the reference: there is none."""
    spec = design.model_of(row["endpoint"], row["population"], row["model"])
    references = spec.get("references") or {}
    several = [name for name in row["covariate"].split(":") if design.levels(name)]
    for name, level in zip(several, row["level"].split(":"), strict=False):
        if level == references.get(name, design.levels(name)[0]):
            told = (
                f"{level!r} is what {name} is held against, and in no product; correct the level."
            )
            yield row["id"], told


def claims_schema() -> list[SchemaRow]:
    """Every column of published.csv with its allowed values, as rows for the documentation.

    Returns
    -------
    list of SchemaRow
        `file`, `table` (empty), `key` (the column), kind, whether it is required, allowed
        values, what it is for.
    """
    return [
        SchemaRow(
            "published.csv",
            "",
            name,
            "number" if name in _NUMBERS else "text",
            name not in OPTIONAL_COLUMNS,
            *_ABOUT[name],
        )
        for name in CLAIM_COLUMNS
    ]


_CONDITION = f"{ALL} | column=level | column={KNOWN} | column=level/level, joined by commas"
_ABOUT: dict[str, tuple[str, str]] = {
    "id": ("", "Unique name of the claim."),
    "place": (
        " | ".join((*PLACES, *(f"{word}1" for word in NUMBERED_PLACES))),
        "Where it is printed; tables and figures with their number.",
    ),
    "locator": ("", "The row, sentence or curve, for a reader who looks it up."),
    "name": ("", "What is claimed, in plain words; made from the keys if the column is absent."),
    "kind": (
        " | ".join(KINDS),
        "A printed number, a sentence that claims a direction, or a median that is not reached.",
    ),
    "printed": ("", "The text exactly as printed."),
    "operator": (
        " | ".join(dict.fromkeys(sign for signs in OPERATORS.values() for sign in signs)),
        "Sign before the number; of a direction: above, below, or no difference (~).",
    ),
    "value": (
        "",
        "The number; of a direction the value of no effect: 1 for ratios, else 0; empty for what "
        "is not reached.",
    ),
    "decimals": ("", "Decimals as printed; empty for a direction and for what is not reached."),
    "field": (" | ".join(FIELDS), "The number itself, or a confidence limit of it."),
    "endpoint": ("endpoints of the design", "Empty where times play no part."),
    "population": (f"{_CONDITION}, from month NUMBER", "Patients that the analysis is among."),
    "group": (f"{_CONDITION}; a column alone compares its levels", "Patients of the number."),
    "covariate": ("columns and factors | flow | a:b", "The characteristic; a product is a:b."),
    "level": ("levels of the covariate", "Its level; empty for a number or the whole column."),
    "model": (
        " | ".join([*filter(None, MODELS), f"{MULTIVARIABLE} NAME"]),
        "Empty where no model plays a part; NAME is a second model of the same patients.",
    ),
    "statistic": (" | ".join(STATISTICS), "What kind of number it is."),
    "time": ("", "Months at which a curve is read."),
    "unit": (" | ".join([*_UNITS, "unit of the column"]), "Unit of the statistic, as printed."),
    "reference": (
        "levels of the covariate",
        "Level that a ratio is against, if not the first.",
    ),
    "scanned": ("", "The text as scanning left it, where it was mended."),
    "mended_because": ("", "The reason that settles the mended text."),
    "note": (
        "",
        "Anything else. 'no upper limit', 'no lower limit' or 'no number' where print has none.",
    ),
}


# ---- the file -------------------------------------------------------------------------------


def _text(path: Path, file: str) -> str:
    if not path.is_file():
        raise LedgerError(f"{file} is missing: there is nothing to compare to.")
    content = path.read_bytes()
    if content.startswith(b"PK"):
        raise LedgerError(f"{file} is an Excel workbook by another name. {_SAVE}")
    if not content.strip():
        raise LedgerError(f"{file} is empty; its first row names the columns. {_SAVE}")
    try:
        return content.decode("utf-8").lstrip("\ufeff")  # Some programs write the mark twice.
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise LedgerError(
            f"{file}, line {row}: not UTF-8 (byte {content[error.start]:#04x}); a program saved "
            f"it in another encoding, such as Windows-1252. {_SAVE}"
        ) from error


def _records(text: str, file: str) -> tuple[list[str], dict[int, list[str]]]:
    """The header, and the cells of each row that holds any, by its number in Excel."""
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        raise LedgerError(f"{file}, line {line}: holds a null byte, as no text does. {_SAVE}")
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        row = _row_of_quote(text)
        raise LedgerError(
            f"{file}, row {row} cannot be read as a table: a quotation mark is open, or stands in "
            f"the middle of a cell ({error}). Close it; within a text write it twice. {_SAVE}"
        ) from error
    header = [name.strip() for name in rows[0]]
    if not set(header) & set(CLAIM_COLUMNS):
        at = next((k for k, cells in enumerate(rows, 1) if {"id", "statistic"} <= set(cells)), 0)
        if at:
            raise LedgerError(
                f"{file}: the names of the columns stand in row {at}; remove what is above them."
            )
    for sign, what in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(header) == 1 and sign in header[0]:
            raise LedgerError(f"{file} separates its columns by {what}. {_SAVE}")
    table = {row: cells for row, cells in enumerate(rows[1:], start=2) if any(cells)}
    if not table:
        raise EmptyLedgerError(
            f"{file} holds no claim yet, only a header. `crlm ledger import TABLE --study STUDY "
            "--layout two-groups --place table1 --add` puts a printed table in (--help: the other "
            "layouts); what no table holds is a row by hand."
        )
    while (
        header and not header[-1] and not any("".join(c[len(header) - 1 :]) for c in table.values())
    ):
        header.pop()
        table = {row: cells[: len(header)] for row, cells in table.items()}
    return header, table


def _row_of_quote(text: str) -> int:
    """The row, as Excel counts, at which the quotation marks of a table go wrong."""
    reader, row = csv.reader(io.StringIO(text, newline=""), strict=True), 0
    try:
        for row, _ in enumerate(reader, start=1):  # noqa: B007
            pass
    except csv.Error:
        pass
    return row + 1


def _header_faults(header: Sequence[str]) -> list[Fault]:
    faults = [
        Fault("row 1", f"the column {name!r} stands there twice; keep one.")
        for name in dict.fromkeys(name for name in header if header.count(name) > 1)
    ]
    lacking = [n for n in CLAIM_COLUMNS if n not in header and n not in OPTIONAL_COLUMNS]
    unknown = [name for name in dict.fromkeys(header) if name not in CLAIM_COLUMNS]
    for name in unknown:
        known = did_you_mean(name, [n for n in CLAIM_COLUMNS if n not in header])
        faults.append(Fault("row 1", f"{name!r} is no column of a ledger; {known}"))
    meant = {nearest(name, lacking) for name in unknown}
    faults += [
        Fault("row 1", f"lacks the column {name}; docs/third-paper.md lists them.")
        for name in lacking
        if name not in meant
    ]
    return faults


def _ragged(header: Sequence[str], cells: Sequence[str]) -> list[Fault]:
    if len(cells) == len(header):
        return []
    if sum(map(bool, cells)) == 1 and len(cells) < len(header):
        alone = next(filter(None, cells))[:40]
        return [Fault("", f"has {alone!r} alone, and a ledger has claims only; remove the row.")]
    signs = [(sign, "".join(cells).count(sign)) for sign in (";", "\t")]
    sign, many = max(signs, key=lambda pair: pair[1])
    remedy = "a text with a comma stands in quotation marks."
    if many >= len(header) // 2:
        remedy = f"it has {sign!r} for commas: write it as the other rows."
    return [Fault("", f"has {len(cells)} cells, the header {len(header)}; {remedy}")]


def _claim(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    return {**dict.fromkeys(CLAIM_COLUMNS, ""), **dict(zip(header, cells, strict=True))}


def _grouped(refused: Sequence[tuple[int, Fault]]) -> list[Fault]:
    """One line a fault, at its first row; the others that have the same stand behind it."""
    rows: dict[tuple[str, str], list[int]] = {}
    for row, fault in sorted(refused, key=_row):
        rows.setdefault((fault.place, fault.text), []).append(row)
    told = []
    for (place, text), (first, *others) in rows.items():
        listed = ", ".join(map(str, others[:_LISTED]))
        more = f" and {len(others) - _LISTED} more" if len(others) > _LISTED else ""
        also = f" Also in row{'s' if len(others) > 1 else ''} {listed}{more}." if others else ""
        told.append(Fault(_at(first, Fault(place, text)), text + also))
    return told


def _at(row: int, fault: Fault) -> str:
    return f"row {row}, {fault.place}" if fault.place else f"row {row}"


def _row(refused: tuple[int, Fault]) -> int:
    return refused[0]


def _frame(claims: Sequence[Mapping[str, str]], design: Design, has_names: bool) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(list(claims), columns=list(CLAIM_COLUMNS), dtype=object)
    if not has_names:
        frame["name"] = [named(claim, design) for claim in claims]
    for name in _NUMBERS:
        frame[name] = pd.to_numeric(frame[name].replace("", None))
    return frame
