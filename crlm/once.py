"""What no parameter changes: worked out once for a batch and lent to its runs, or worked out here.

What is lent is known by everything that it was made from: the bytes of the study's files, the
code of crlm, and the versions of the packages. Where any of it is another, it is made anew.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

from crlm import audit as audits
from crlm import cohort, files, ledger, lent, manifest

_CODE = functools.cache(manifest.code_digest)
_VERSIONS = functools.cache(manifest.versions)


def lend(study: str, *, table: bool = True) -> None:
    """Work out everything that is the same in every run of a study, for those who come later.

    Parameters
    ----------
    study : str
        A name of `ledger.studies`; of another there is nothing. No patient of a reader is in
        it: the tables are those that crlm brings along.
    table : bool
        Whether runs read the table that came with the study.
    """
    asked = (patients, audit) if table else (audit,)
    for ask in asked if study in ledger.studies() else ():
        # What cannot be made here is refused in each run, where it is reported.
        with contextlib.suppress(ledger.CrlmError):
            ask(study)
    files.forget()


def audit(study: str) -> audits.Audit:
    """The printed numbers of a paper held against each other."""
    return _asked("audit", study)


def patients(study: str) -> tuple[Any, Any]:
    """The shipped table of a study and its history, as `cohort.load` and `cohort.events` give it.

    Raises
    ------
    CohortError
        If a file was changed since this process read it first.
    """
    found = _asked("patients", study)
    for path in _tables(study):
        files.read(path)
    return found


def _asked(what: str, study: str) -> Any:
    key = _key(study)
    return lent.shared((what, key), lambda: pickle.loads(_made(what, study, key)), drawn=False)


@functools.lru_cache(maxsize=4)
def _made(what: str, study: str, _key: str) -> bytes:
    """What this process has made of these files, pickled: each who asks gets his own."""
    return pickle.dumps(_audit(study) if what == "audit" else _patients(study))


def _audit(study: str) -> audits.Audit:
    return audits.audit(ledger.load_design(study), ledger.load_claims(study))


def _patients(study: str) -> tuple[Any, Any]:
    design = ledger.load_design(study)
    table = cohort.load(design.folder / "cohort.csv", design)
    return table, cohort.events("", "", design, None, table)


def _tables(study: str) -> list[Path]:
    folder = ledger.data_folder() / study
    return [path for name in ("cohort", "history") if (path := folder / f"{name}.csv").is_file()]


def _key(study: str) -> str:
    """SHA-256 of everything that shapes what is lent."""
    folder = ledger.data_folder() / study
    beside = sorted(p for p in folder.glob("*.*") if p.suffix in (".toml", ".csv", ".json"))
    known = {path.name: files.checksum(path) for path in beside}
    known["columns.toml"] = files.checksum(ledger.dictionary_file())
    made_from = {"study": study, "files": known, "code": _CODE(), "versions": _VERSIONS()}
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
