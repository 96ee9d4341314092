"""Files as a whole: read once and known by what was read, written all or not at all.

A set of files, such as the report, rows and manifest of one run, is written as one. It is made
in a hidden part folder beside its place, complete and on the disk; one rename, the commit,
makes it the set to come; then the files of the old set go and those of the new one take their
places. Whatever is cut off before the commit leaves the old set, whatever is cut off behind it
is finished by the next to hold the lock. Old and new are never side by side.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from crlm.ledger import CohortError, CrlmError

if TYPE_CHECKING:
    import pandas as pd

# What begins like this is a formula to a spreadsheet, whatever it was meant to be.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_READ: dict[str, str] = {}
_OLD = ".old-set"
_BUSY = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


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
            "complete; in JupyterLab choose Run All."
        )
    return data


def seen(path: str | os.PathLike[str]) -> str:
    """SHA-256 of the bytes that `read` gave for a file; empty text if it was not read."""
    return _READ.get(str(Path(path).resolve()), "")


def everything_read() -> dict[str, list[str]]:
    """The SHA-256 of all that `read` gave in this process, by file name without its folder."""
    found: dict[str, list[str]] = {}
    for path, digest in sorted(_READ.items()):
        found.setdefault(Path(path).name, []).append(digest)
    return found


def forget(paths: Iterable[str | os.PathLike[str]] | None = None) -> None:
    """Let these files, or all, be read anew: an analysis begins."""
    if paths is None:
        _READ.clear()
        return
    for path in paths:
        _READ.pop(str(Path(path).resolve()), None)


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


def as_json(thing: object) -> str:
    """A record, plan or notebook as the text of its file."""
    return json.dumps(thing, indent=1, ensure_ascii=False) + "\n"


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


def is_full(error: BaseException) -> bool:
    """Whether a write failed for want of room."""
    return getattr(error, "errno", None) in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


# ---- a set of files ---------------------------------------------------------


@contextlib.contextmanager
def locked(lock: Path, told: str) -> Iterator[None]:
    """Hold a lock file; the system lets go of it when this process ends, however it ends.

    Parameters
    ----------
    lock : pathlib.Path
        Made where it is not there, its folder too; it stays.
    told : str
        What to tell the reader if another process holds it.

    Raises
    ------
    CrlmError
        If another process holds it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "a+b") as stream:
        if not take(stream):
            raise CrlmError(told)
        yield


def take(stream: BinaryIO) -> bool:
    """Lock an open file until it is closed or its process ends; false if another holds it."""
    try:
        if os.name == "nt":
            import msvcrt

            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise
    return True


@contextlib.contextmanager
def part(folder: Path, stem: str) -> Iterator[Path]:
    """A hidden folder to make a set in; what is not committed at the end is gone."""
    made = Path(tempfile.mkdtemp(prefix=f".{stem}.part-", dir=folder))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def commit(made: Path, folder: Path, stem: str, old: Iterable[str]) -> None:
    """Put the files of a part folder in place of an old set. Its lock must be held.

    Parameters
    ----------
    made : pathlib.Path
        From `part`, with all files of the new set.
    folder : pathlib.Path
        Where they go.
    stem : str
        Name of the set; `<stem>.html` leaves first and comes last.
    old : iterable of str
        Names of the files that the folder holds of the old set.

    Raises
    ------
    OSError
        If there is no room. Before the commit nothing in `folder` has changed.
    """
    (made / _OLD).write_text(json.dumps(sorted(old)), encoding="utf-8")
    for path in made.rglob("*"):
        settle(path)
    settle(made)
    os.replace(made, _ready(folder, stem))
    settle(folder)
    finish(folder, stem)


def finish(folder: Path, stem: str) -> None:
    """Finish a commit that was cut off, and remove what killed processes left half-made.

    The lock of the set must be held.
    """
    ready = _ready(folder, stem)
    if (ready / _OLD).is_file():
        old = json.loads((ready / _OLD).read_text(encoding="utf-8"))
        for name in sorted(old, key=lambda name: name != f"{stem}.html"):
            remove(folder / name)
        settle(folder)
        (ready / _OLD).unlink()
    if ready.is_dir():
        for path in sorted(ready.iterdir(), key=lambda path: path.name == f"{stem}.html"):
            os.replace(path, folder / path.name)
        settle(folder)
        ready.rmdir()
    for left in folder.glob(f".{stem}.part-*"):
        shutil.rmtree(left, ignore_errors=True)


def _ready(folder: Path, stem: str) -> Path:
    return folder / f".{stem}.ready"


def no_room(error: OSError) -> bool:
    """Whether a file could not be written because the disk, or what one may use of it, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def remove(path: Path) -> None:
    """Remove a file, or a folder and all in it; nothing if it is not there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def settle(path: Path) -> None:
    """Have a file, or the entries of a folder, on the disk before anything leans on it."""
    if os.name != "posix" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
