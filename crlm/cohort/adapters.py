"""Public cohorts in canonical form, each beside a note of where it came from."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from crlm.cohort.loading import check
from crlm.cohort.reading import Manner, contents, read
from crlm.cohort.understanding import refuse
from crlm.cohort.wording import quote
from crlm.files import write_atomically
from crlm.ledger import CohortError, load_design
from crlm.refusals import did_you_mean, refusal

#: What a table can be. Only an adapter or the search for a cohort says other than "own".
KINDS = ("reconstructed", "public", "own")

_LONGEST_NOTE = 100_000
_YES = {"1": "yes", "0": "no"}

#: The workbook of the collection in the words of a codebook; sheet and headers as published.
TCIA_CRLM: dict[str, Any] = {
    "study": "mskcc_hai",
    "sheet": "TCIA_n=197",
    "missing": ["-999"],
    "columns": {
        "patient_id": "Patient-ID",
        "age": "age",
        "sex": {"from": "sex", "values": {"1": "male", "2": "female"}},
        "timing": {
            "from": "synchronous_crlm",
            "values": {"1": "synchronous", "0": "metachronous"},
        },
        "multiple": {"from": "multiple_metastases", "values": _YES},
        # No metastasis measures 0 cm; see the note below.
        "size_cm": {"from": "max_tumor_size", "missing": ["0"]},
        "nodal_status": {
            "from": "node_positive_primary",
            "values": {"1": "positive", "0": "negative"},
        },
        "cea": "carcinoembryonic_antigen",
        "extrahepatic": {"from": "extrahep_disease", "values": _YES},
        "crs": "clinrisk_score",
        "bilobar": {"from": "bilobar_disease", "values": _YES},
        "preop_chemo": {"from": "chemo_before_liver_resection", "values": _YES},
        "os_months": "overall_survival_months",
        "os_event": "vital_status",
        "rfs_months": "months_to_DFS_progression",
        "rfs_event": "vital_status_DFS",
        "hepatic_rfs_months": "months_to_liver_DFS_progression",
        "hepatic_rfs_event": "vital_status_liver_DFS",
    },
}

_TCIA_SOURCE = {
    "kind": "public",
    "title": "Colorectal-Liver-Metastases, clinical data (The Cancer Imaging Archive, version 2)",
    "citation": (
        "Simpson AL, Peoples J, Creasy JM, et al. Preoperative CT and survival data for patients "
        "undergoing resection of colorectal liver metastases. The Cancer Imaging Archive, 2023; "
        "Sci Data 2024;11:172, doi 10.1038/s41597-024-02981-2."
    ),
    "licence": "CC BY 4.0",
    "doi": "10.7937/QXK2-QG03",
    "note": (
        "197 real patients of Memorial Sloan Kettering. KRAS, HAI, margin, number of metastases "
        "and the disease-free interval are not in it. timing is the column synchronous_crlm, "
        "described there as 'Did patient have colon primary at operation?', which is not quite "
        "the paper's definition of synchronous. crs is the score as given: two of its five parts "
        "are not in the table, and in four patients the parts that are exceed it. size_cm is "
        "empty in two patients whose size is given as 0 (both had a complete pathological "
        "response; six others with one have a size). cea and crs are unknown (-999) in 29 "
        "patients. site_liver and os_after_recurrence are derived: the liver is among the first "
        "sites if the liver recurrence and the first recurrence are at the same time; patients "
        "without recurrence count as no."
    ),
}


def import_tcia_crlm(xlsx_path: str | os.PathLike[str], out_path: str | os.PathLike[str]) -> Path:
    """Convert the TCIA workbook of 197 resected patients into a cohort of `mskcc_hai`.

    The table that results holds 107 deaths and 138 RFS events; its Kaplan-Meier
    medians are 76.0 months (OS) and 22.3 months (RFS).

    Parameters
    ----------
    xlsx_path : path
        `Colorectal-Liver-Metastases-Clinical-data-April-2023.xlsx` as published.
    out_path : path
        The .csv file to write; `<stem>.source.toml` is written beside it.

    Returns
    -------
    pathlib.Path
        The CSV file: UTF-8, canonical columns, ready for `load`.

    Raises
    ------
    CohortError
        If the workbook is not that collection, or `out_path` is a file that no
        adapter wrote.

    References
    ----------
    Simpson AL et al. Sci Data 2024;11:172. doi 10.1038/s41597-024-02981-2.
    """
    out = Path(out_path)
    _refuse_foreign(out)
    report = check(xlsx_path, load_design("mskcc_hai"), TCIA_CRLM)
    refuse(report.file, report.study, report.violations)
    raw = read(xlsx_path, Manner(sheet=TCIA_CRLM["sheet"])).frame
    if "progression_or_recurrence" not in raw or len(raw) != len(report.frame):
        raise CohortError(
            f"{report.file} lacks the column 'progression_or_recurrence': it is not the "
            "clinical workbook of the TCIA collection Colorectal-Liver-Metastases."
        )
    recurred = (raw["progression_or_recurrence"] == "1").reset_index(drop=True)
    patients = _with_first_recurrence(report.frame, recurred)
    data = _canonical_csv(patients).encode("utf-8")
    write_atomically(out, data)
    write_source(out, data, _TCIA_SOURCE)
    return out


def write_source(table: Path, data: bytes, record: Mapping[str, str]) -> None:
    """Write where a table came from beside it, with the checksum of the table it speaks of.

    Parameters
    ----------
    table : pathlib.Path
        The table; the note is `<stem>.source.toml` in the same folder.
    data : bytes
        Its content.
    record : mapping of str to str
        `kind` (of `KINDS`), `title`, `note` and what else there is to say.
    """
    digest = hashlib.sha256(data).hexdigest()
    write_atomically(_sidecar(table), _toml({**record, "sha256": digest}))


def source(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Where a patient table came from: the note that an adapter left beside it.

    Parameters
    ----------
    path : path
        The table; the note is `<stem>.source.toml` in the same folder.

    Returns
    -------
    dict or None
        `kind`, `title`, `citation`, `licence`, `doi`, `note`, `sha256`; None without a note.

    Raises
    ------
    CohortError
        If the note is not TOML, its kind is not known, or it was written for another table.
    """
    table = Path(os.path.abspath(path))
    if not table.name or not (note := _sidecar(table)).is_file():
        return None
    record = _note(note)
    kind = record.get("kind", "")
    if kind not in KINDS:
        raise refusal(
            f"{note.name} says that the table is {quote(kind)}, which no table can be."
            f"{did_you_mean(kind, KINDS)} Known: {', '.join(KINDS)}. Correct it, or remove the "
            "file if the table is your own."
        )
    if hashlib.sha256(contents(Path(path))).hexdigest() != record.get("sha256"):
        raise refusal(
            f"{note.name} was written for another table than {Path(path).name} is now. If the "
            "table is your own, remove that file; if it is a public or a synthetic one, make it "
            "again with `crlm import` or `crlm reconstruct`."
        )
    return record


def _note(note: Path) -> dict[str, str]:
    remedy = "Correct it, or remove it if the table is your own."
    try:
        data = contents(note) if note.stat().st_size else b""
        record = tomllib.loads(data.decode("utf-8")) if len(data) <= _LONGEST_NOTE else None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        record = None
    if record is None or not all(isinstance(value, str) for value in record.values()):
        raise CohortError(f"{note.name} cannot be read as TOML of a few lines of text. {remedy}")
    return record


def _with_first_recurrence(patients: pd.DataFrame, recurred: pd.Series) -> pd.DataFrame:
    """The two columns that follow from the times of the first and of the liver recurrence."""
    in_liver = recurred & (patients["hepatic_rfs_months"] == patients["rfs_months"])
    after = (patients["os_months"] - patients["rfs_months"]).where(recurred)
    return patients.assign(
        site_liver=in_liver.map({True: "yes", False: "no"}),
        os_after_recurrence_months=after,
        os_after_recurrence_event=patients["os_event"].where(recurred),
    )


def _canonical_csv(patients: pd.DataFrame) -> str:
    events = patients.select_dtypes("boolean")
    text = patients.assign(**{name: events[name].astype("Int64") for name in events})
    return text.to_csv(index=False, lineterminator="\n")


def _toml(record: Mapping[str, str]) -> str:
    # A JSON string is a TOML basic string.
    return "".join(f"{k} = {json.dumps(v, ensure_ascii=False)}\n" for k, v in record.items())


def _sidecar(table: Path) -> Path:
    return table.with_name(f"{table.stem}.source.toml")


def _refuse_foreign(out: Path) -> None:
    if out.suffix.lower() != ".csv":
        raise CohortError(f"The cohort is written as CSV: name it {out.stem}.csv.")
    if out.exists() and not _is_ours(out):
        raise CohortError(
            f"{out.name} exists and is another table; it is left as it is. Choose another name."
        )
    if not out.parent.is_dir():
        raise refusal(f"There is no folder {quote(out.parent)}. Make it first.")


def _is_ours(out: Path) -> bool:
    """Whether the table that stands there is one that this adapter wrote."""
    try:
        return (source(out) or {}).get("doi") == _TCIA_SOURCE["doi"]
    except CohortError:
        return False
