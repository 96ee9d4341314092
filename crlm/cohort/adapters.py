"""Public cohorts in canonical form, each beside a note of where it came from."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from crlm.cohort.loading import check
from crlm.cohort.reading import read
from crlm.cohort.understanding import refuse
from crlm.files import write_atomically
from crlm.ledger import CohortError, load_design

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
            "from": "synchronous_crlm", "values": {"1": "synchronous", "0": "metachronous"},
        },
        "multiple": {"from": "multiple_metastases", "values": _YES},
        # No metastasis measures 0 cm; see the note below.
        "size_cm": {"from": "max_tumor_size", "missing": ["0"]},
        "nodal_status": {
            "from": "node_positive_primary", "values": {"1": "positive", "0": "negative"},
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
}  # fmt: skip

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
    refuse(report)
    raw = read(xlsx_path, sheet=TCIA_CRLM["sheet"]).frame
    if "progression_or_recurrence" not in raw or len(raw) != len(report.frame):
        raise CohortError(
            f"{report.file} lacks the column 'progression_or_recurrence': it is not the "
            "clinical workbook of the TCIA collection Colorectal-Liver-Metastases."
        )
    recurred = (raw["progression_or_recurrence"] == "1").reset_index(drop=True)
    patients = _with_first_recurrence(report.frame, recurred)
    write_atomically(out, _canonical_csv(patients))
    write_atomically(_sidecar(out), _toml(_TCIA_SOURCE))
    return out


def source(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Where a patient table came from: the note that an adapter left beside it.

    Parameters
    ----------
    path : path
        The table; the note is `<stem>.source.toml` in the same folder.

    Returns
    -------
    dict or None
        `kind`, `title`, `citation`, `licence`, `doi`, `note`; None without a note.

    Raises
    ------
    CohortError
        If the note is not TOML.
    """
    note = _sidecar(Path(path))
    if not note.is_file():
        return None
    try:
        return tomllib.loads(note.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CohortError(
            f"{note.name} cannot be read as TOML: {error}. Correct it, or remove it if the table "
            "is your own."
        ) from error


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
    if out.exists() and (source(out) or {}).get("doi") != _TCIA_SOURCE["doi"]:
        raise CohortError(
            f"{out.name} exists and is another table; it is left as it is. Choose another name."
        )
    if not out.parent.is_dir():
        raise CohortError(f"There is no folder {str(out.parent)!r}. Make it first.")
