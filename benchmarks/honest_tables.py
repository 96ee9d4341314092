"""Tables and histories without a fault, made by a seed, and how they become files.

Patients are drawn from a study's shipped cohort and each made another, so that nobody stands
there twice; cells go missing, and rare and true patients are among them.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
import pyreadstat

from crlm import cohort, endpoints, ledger

STUDIES = ("ncch_scp", "mskcc_hai")
FORMS = ("csv", "xlsx", "parquet", "sav")
SMALLEST, LARGEST = 20, 2000


@dataclass
class Case:
    """One table on its way to a file.

    Attributes
    ----------
    study, form : str
    table : pandas.DataFrame
        Text, "" where a cell is empty.
    history : pandas.DataFrame or None
    book : dict
        Its codebook.
    merged : list of (int, int, int)
        Column, first and last row (of the frame) that are one cell in a workbook.
    hidden : pandas.DataFrame or None
        A hidden first sheet.
    labels : dict
        SPSS value labels by column.
    encoding, separator, tail : str
        Of a text file.
    """

    study: str
    form: str
    table: pd.DataFrame
    history: pd.DataFrame | None = None
    book: dict[str, Any] = field(default_factory=dict)
    merged: list[tuple[int, int, int]] = field(default_factory=list)
    hidden: pd.DataFrame | None = None
    labels: dict[str, dict[float, str]] = field(default_factory=dict)
    encoding: str = "utf-8"
    separator: str = ","
    tail: str = ""


# Followed for thirty years at most, nobody is seen in the future.
_FIRST_DAY = pd.Timestamp("1990-01-01")
_BASE: dict[str, pd.DataFrame] = {}


def base(study: str) -> pd.DataFrame:
    """The eligible patients of a shipped cohort with their times, as text."""
    if study not in _BASE:
        design = ledger.load_design(study)
        patients = cohort.load(design.folder / "cohort.csv", design)
        history = cohort.load_history(design.folder / "history.csv", design)
        timed = endpoints.from_history(patients, history, design)
        kept = timed[cohort.eligibility(timed, design).all(axis=1)]
        _BASE[study] = pd.DataFrame({n: [as_text(v) for v in kept[n]] for n in kept})
    return _BASE[study]


def as_text(value: object) -> str:
    """A typed cell as a person would type it."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def numbers(texts: pd.Series) -> pd.Series:
    """A column of text as numbers, missing where it holds none."""
    return pd.to_numeric(texts, errors="coerce")


def texts(values: pd.Series, digits: int = 6) -> pd.Series:
    """Numbers as text, "" where one is missing."""
    return values.map(lambda v: "" if np.isnan(v) else f"{v:.{digits}g}")


# ---- patients ---------------------------------------------------------------


def honest(study: str, chance: np.random.Generator, largest: int = LARGEST) -> pd.DataFrame:
    """A plausible table of 20 patients or more with ready times."""
    n = int(np.exp(chance.uniform(np.log(SMALLEST), np.log(largest))))
    pool = base(study)
    table = pool.iloc[chance.integers(0, len(pool), n)].reset_index(drop=True)
    table["patient_id"] = [f"H{chance.integers(1, 9)}{i:05d}" for i in range(n)]
    for name, spread, decimals in (
        ("age", 0.05, 0),
        ("size_cm", 0.15, 1),
        ("cea", 0.4, 1),
        ("ca199", 0.4, 1),
    ):
        if name in table:
            table[name] = _jittered(table[name], chance, spread, decimals)
    _jitter_times(table, chance)
    for name in ("cea", "ca199", "size_cm", "nodal_status", "margin"):
        if name in table:
            table.loc[chance.random(n) < chance.uniform(0, 0.15), name] = ""
    _make_odd(table, chance)
    if chance.random() < 0.3:
        _more_columns(table, study, chance)
    return table.drop(columns=[c for c in ("crs",) if c in table])


def _jittered(
    cells: pd.Series, chance: np.random.Generator, spread: float, decimals: int
) -> pd.Series:
    values = numbers(cells)
    moved = values * np.exp(chance.normal(0, spread, len(values)))
    low, high = {0: (20, 97), 1: (0.3, 9720)}[decimals]
    moved = moved.clip(low, 25 if cells.name == "size_cm" else high).round(decimals)
    return moved.map(lambda v: "" if np.isnan(v) else f"{v:g}")


def times(table: pd.DataFrame) -> list[str]:
    """The columns of times from the hepatectomy or the recurrence."""
    return [c for c in table if c.endswith("_months") and c != "dfi_months"]


def _jitter_times(table: pd.DataFrame, chance: np.random.Generator) -> None:
    """All times of a patient by one factor, so that their order stays."""
    factor = np.exp(chance.normal(0, 0.1, len(table)))
    for name in times(table):
        values = numbers(table[name]) * factor
        table[name] = values.map(lambda v: "" if np.isnan(v) else f"{v:.3f}")


def _make_odd(table: pd.DataFrame, chance: np.random.Generator) -> None:
    """Patients who are rare and real."""
    row = int(chance.integers(0, len(table)))
    name, value = [("age", "97"), ("cea", "9720"), ("size_cm", "20")][int(chance.integers(0, 3))]
    table.loc[row, name] = value
    if name == "size_cm":
        table.loc[row, "n_tumours"] = "1"
        if "multiple" in table:
            table.loc[row, "multiple"] = "no"


def _more_columns(table: pd.DataFrame, study: str, chance: np.random.Generator) -> None:
    """What the reviewers' questions need, where a hospital has it."""
    n = len(table)
    table["surgery_year"] = [str(y) for y in chance.integers(1993, 2021, n)]
    table["performance_status"] = [str(p) for p in chance.choice([0, 1, 2], n, p=[0.7, 0.25, 0.05])]
    died = table["os_event"] == "1"
    cause = chance.choice(["cancer", "other", "unknown"], n, p=[0.8, 0.15, 0.05])
    table["cause_of_death"] = np.where(died, cause, "")
    if study == "mskcc_hai":
        month = np.minimum(chance.uniform(0.5, 3, n), 0.9 * numbers(table["os_months"]))
        table["hai_start_months"] = texts(pd.Series(month).where(table["hai"] == "yes"))


def alive(table: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    """The same patients, read so early that nobody has died."""
    young = table.copy()
    end = np.minimum(numbers(table["os_months"]), chance.uniform(6, 30, len(table)).round(3))
    for time in [c for c in times(table) if not c.startswith("os_")]:
        event = time.replace("_months", "_event")
        if event in table:
            happened = (table[event] == "1") & (numbers(table[time]) < end)
            young[event] = np.where(happened, "1", "0")
            young[time] = texts(numbers(table[time]).where(happened, end))
    young["os_months"], young["os_event"] = texts(end), "0"
    gone = [c for c in table if c.startswith(("os_after_recurrence", "cause", "hai_start"))]
    young = young.drop(columns=gone)
    young.loc[young["rfs_event"] == "0", [c for c in young if c.startswith("site_")]] = "no"
    return young


# ---- histories --------------------------------------------------------------


def told(table: pd.DataFrame, study: str, chance: np.random.Generator) -> tuple[pd.DataFrame, ...]:
    """A table without times, and the history that tells them."""
    outcome = [c for c in table if c.endswith("_event") or c.startswith(("site_", "cause"))]
    bare = table.drop(columns=[*times(table), *outcome, *({"surgery_year"} & set(table))])
    rows: list[tuple[str, str, str, str]] = []
    begun = _FIRST_DAY + pd.to_timedelta(chance.integers(0, 2000, len(table)), unit="D")
    months = ledger.load_design(study).conventions["days_per_month"]
    for one, start in zip(table.to_dict("records"), begun, strict=True):
        for day, event, details in _course(one, months, study == "ncch_scp"):
            date = start + pd.Timedelta(days=day)
            rows.append((one["patient_id"], f"{date:%Y-%m-%d}", event, details))
    return bare, pd.DataFrame(rows, columns=["patient_id", "date", "event", "details"])


def _course(one: Mapping[str, str], month: float, scp: bool) -> list[tuple[int, str, str]]:
    end, recurred = (round(float(one[name]) * month) for name in ("os_months", "rfs_months"))
    end, recurred = max(end, 3), max(recurred, 1)
    course = [(0, "hepatectomy", "")]
    died = one["os_event"] == "1"
    if one["rfs_event"] == "1" and recurred < end:
        sites = [site for site in ("liver", "lung") if one.get(f"site_{site}") == "yes"]
        where = f"site={'+'.join(sites) or 'other'}"
        beyond = scp and one["scp_event"] == "1"
        failed = max(round(float(one["scp_months"]) * month), recurred) if beyond else end + 1
        first = "no" if failed <= recurred else "yes"
        course.append((recurred, "recurrence", f"{where}; resectable={first}"))
        if recurred < failed <= end:
            course.append((failed, "recurrence", f"{where}; resectable=no"))
    return [*course, (end, "death" if died else "last_contact", "")]


def dated(table: pd.DataFrame, chance: np.random.Generator) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A table with dates in the patient's row in place of times, and its codebook."""
    keep = [c for c in table if not c.endswith("_event") and c not in times(table)]
    keep = [c for c in keep if not c.startswith(("site_", "cause")) and c != "surgery_year"]
    out = table[keep].copy()
    start = _FIRST_DAY + pd.to_timedelta(chance.integers(0, 2000, len(table)), unit="D")
    end = (numbers(table["os_months"]) * 30.4).round().clip(lower=3)
    until = (numbers(table["rfs_months"]) * 30.4).round().clip(lower=1)
    recurred = (table["rfs_event"] == "1") & (until < end)
    out["op"] = start.strftime("%Y-%m-%d")
    last = start + pd.to_timedelta(end, unit="D")
    out["recurrence_date"] = (
        pd.Series(start + pd.to_timedelta(until, unit="D")).dt.strftime("%Y-%m-%d").where(recurred)
    ).fillna("")
    out["last_seen"] = pd.Series(last).dt.strftime("%Y-%m-%d")
    out["status"] = np.where(table["os_event"] == "1", "dead", "alive")
    return out, {
        "columns": {
            "surgery_date": "op",
            "os_months": {"from": "op", "to": "last_seen"},
            "os_event": {"from": "status", "values": {"dead": "1", "alive": "0"}},
            "rfs_months": {"from": "op", "to": ["recurrence_date", "last_seen"]},
            "rfs_event": {"filled": "recurrence_date", "or": "os_event"},
        }
    }


# ---- files ------------------------------------------------------------------


def write(case: Case, folder: str) -> Path:
    """The table of a case as a file of its form; numbers are typed where a form has types."""
    form = case.form if case.table.columns.is_unique else "csv"
    path = Path(folder) / f"t.{form}"
    if form == "csv":
        text = case.table.to_csv(index=False, sep=case.separator) + case.tail
        path.write_bytes(text.encode(case.encoding))
    elif form == "xlsx":
        path.write_bytes(workbook(case))
    elif form == "parquet":
        case.table.apply(_typed).to_parquet(path)
    else:
        typed = case.table.apply(_typed)
        labels = {name: codes for name, codes in case.labels.items() if typed[name].dtype == float}
        pyreadstat.write_sav(typed, str(path), variable_value_labels=labels)
    return path


def write_history(case: Case, folder: str) -> Path:
    """The history of a case as CSV, or as Excel where the table is one."""
    assert case.history is not None
    other = Case(case.study, "xlsx" if case.form == "xlsx" else "csv", case.history)
    path = write(other, folder)
    return path.rename(path.with_name(f"h{path.suffix}"))


def _typed(cells: pd.Series) -> pd.Series:
    """Floats where every filled cell is a number, else text."""
    if cells.name == "patient_id" or not cells.map(lambda t: not t or _is_number(t)).all():
        return cells
    return pd.to_numeric(cells.replace("", None)).astype(float)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and "_" not in text and text.strip("+-").lower() not in ("nan", "inf")


_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
    'relationships+xml"/><Default Extension="xml" ContentType="application/vnd.openxmlformats-'
    'officedocument.spreadsheetml.sheet.main+xml"/>{}</Types>'
)
_SHEET_TYPE = (
    '<Override PartName="/xl/worksheets/s{}.xml" ContentType="application/vnd.openxmlformats-'
    'officedocument.spreadsheetml.worksheet+xml"/>'
)
_RELATION = (
    '<Relationship Id="r{0}" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
    'relationships/{1}" Target="{2}"/>'
)
_RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}'
    "</Relationships>"
)
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_BOOK = (
    f"<workbook {_MAIN} "
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
    "<sheets>{}</sheets></workbook>"
)


def workbook(case: Case) -> bytes:
    """An Excel file, written by hand: ten thousand of them are needed."""
    sheets = [("table", case.table, "", case.merged)]
    if case.hidden is not None:
        sheets.insert(0, ("old", case.hidden, ' state="hidden"', []))
    places = range(1, len(sheets) + 1)
    listed = "".join(
        f'<sheet name="{name}" sheetId="{i}" r:id="r{i}"{state}/>'
        for i, (name, _, state, _) in zip(places, sheets, strict=True)
    )
    targets = (_RELATION.format(i, "worksheet", f"worksheets/s{i}.xml") for i in places)
    parts = {
        "[Content_Types].xml": _TYPES.format("".join(map(_SHEET_TYPE.format, places))),
        "_rels/.rels": _RELATIONS.format(_RELATION.format(1, "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": _BOOK.format(listed),
        "xl/_rels/workbook.xml.rels": _RELATIONS.format("".join(targets)),
    }
    for i, (_, table, _, merged) in zip(places, sheets, strict=True):
        parts[f"xl/worksheets/s{i}.xml"] = _sheet(table, merged)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return out.getvalue()


def _sheet(table: pd.DataFrame, merged: list[tuple[int, int, int]]) -> str:
    letters = [_letters(place) for place in range(1, table.shape[1] + 1)]
    free = [name == "patient_id" for name in table]
    lines = [list(table.columns), *table.to_numpy().tolist()]
    rows = (
        f'<row r="{r}">'
        + "".join(
            _cell(f"{letter}{r}", text, r > 1 and not text_only)
            for letter, text, text_only in zip(letters, line, free, strict=True)
            if text != ""
        )
        + "</row>"
        for r, line in enumerate(lines, 1)
    )
    refs = "".join(
        f'<mergeCell ref="{letters[c]}{top + 2}:{letters[c]}{bottom + 2}"/>'
        for c, top, bottom in merged
    )
    tail = f"<mergeCells>{refs}</mergeCells>" if refs else ""
    return f"<worksheet {_MAIN}><sheetData>{''.join(rows)}</sheetData>{tail}</worksheet>"


def _cell(place: str, text: str, typed: bool) -> str:
    if typed and _is_number(text):
        return f'<c r="{place}"><v>{text}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'


def _letters(place: int) -> str:
    text = ""
    while place:
        place, rest = divmod(place - 1, 26)
        text = chr(65 + rest) + text
    return text
