"""What a result stands on: the cohort's checksum, the conventions, and the rows themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from crlm import __version__
from crlm.files import checksum, csv_bytes, everything_read, write_atomically
from crlm.ledger import Design
from crlm.report import Html, table


def table_of(design: Design, source: Mapping[str, Any]) -> Html:
    """Study, cohort, checksums and conventions; nothing that tells of a machine or a time."""
    lines = [
        ("Paper", design.citation),
        ("Cohort", f"{source['kind']}: {source['title'] or 'no title given'}"),
        ("Cohort SHA-256", checksum(Path(source["path"]))),
        ("Ledger SHA-256", checksum(design.folder / "published.csv")),
        ("crlm", __version__),
    ]
    lines += [(f"Convention: {k.replace('_', ' ')}", str(v)) for k, v in design.conventions.items()]
    notes = ["Versions of all packages are in the manifest beside the report."]
    return table("Provenance", ["What", "Which"], [("", line) for line in lines], notes)


def write(folder: str, study: str, results: pd.DataFrame, verdicts: pd.DataFrame) -> None:
    """Write the result rows and the verdicts as CSV, if a folder is given.

    The files are `<study>_rows.csv` and `<study>_claims.csv`; neither holds a
    patient row. `<study>_inputs.json` holds the SHA-256 of the tables as they
    were read, by file name.
    """
    if not folder:
        return
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name, frame in (("rows", results), ("claims", verdicts)):
        write_atomically(target / f"{study}_{name}.csv", csv_bytes(frame))
    read = json.dumps(everything_read(), indent=1, ensure_ascii=False) + "\n"
    write_atomically(target / f"{study}_inputs.json", read)
