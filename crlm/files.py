"""Files as a whole: read once and known by what was read, written all or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pandas as pd

from crlm.ledger import CohortError

# What begins like this is a formula to a spreadsheet, whatever it was meant to be.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_READ: dict[str, str] = {}


def read(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file of patients, whose checksum `seen` then tells.

    Raises
    ------
    CohortError
        If the file was read before in this process and holds something else by now.
    OSError
        If it cannot be read.
    """
    data = Path(path).read_bytes()
    known = _READ.setdefault(str(Path(path).resolve()), hashlib.sha256(data).hexdigest())
    if known != hashlib.sha256(data).hexdigest():
        raise CohortError(
            f"{Path(path).name} was changed while it was being analysed. Start again when it is "
            "complete; in JupyterLab restart the kernel."
        )
    return data


def seen(path: str | os.PathLike[str]) -> str:
    """SHA-256 of the bytes that `read` gave for a file; empty text if it was not read."""
    return _READ.get(str(Path(path).resolve()), "")


def forget() -> None:
    """Let files be read anew, for a process that outlives one analysis."""
    _READ.clear()


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """A frame as CSV that Excel opens as it is meant: UTF-8 with its mark, no text a formula.

    Text that a spreadsheet would compute gets an apostrophe in front.
    """
    safe = frame.copy()
    for name in safe.select_dtypes(["object", "category"]):
        safe[name] = safe[name].astype(object).map(_inert)
    return safe.to_csv(index=False, lineterminator="\n").encode("utf-8-sig")


def _inert(value: object) -> object:
    if not isinstance(value, str) or len(value) < 2 or not value.startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return "'" + value
    return value


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal; empty text if the file is absent."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
