"""Private temporary folders, of which a process that is killed leaves none for good.

A folder is held by a lock that the system lets go of with its process, so what nobody
holds was left behind and is removed by the next who sweeps.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from crlm import files

_PREFIX = "crlm-"
_LOCK = ".lock"
# A socket's path has room for about 100 letters; the folder's own name and the socket take 40.
_SHORT = 60
_USUAL = "/tmp"


@contextlib.contextmanager
def private(*, sockets: bool = False) -> Iterator[Path]:
    """A temporary folder that this user alone can enter (mode 0700); gone at the end.

    One for sockets is in `/tmp` where the path of the system's temporary folder is too long.
    """
    place = _for_sockets() if sockets else tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=place))
    try:
        with open(folder / _LOCK, "a+b") as stream:
            files.take(stream)
            yield folder
    finally:
        # Whatever stays is swept by the next.
        shutil.rmtree(folder, ignore_errors=True)


def _for_sockets() -> str:
    usual = tempfile.gettempdir()
    return usual if os.name != "posix" or len(os.fsencode(usual)) <= _SHORT else _USUAL


def sweep() -> None:
    """Remove the private folders of processes that are gone."""
    for place in {tempfile.gettempdir(), _for_sockets()}:
        for folder in Path(place).glob(f"{_PREFIX}*-*"):
            with contextlib.suppress(OSError):
                if _is_ours(folder) and _is_left(folder):
                    shutil.rmtree(folder)


def _is_ours(folder: Path) -> bool:
    owner = os.getuid() if hasattr(os, "getuid") else folder.stat().st_uid
    return folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == owner


def _is_left(folder: Path) -> bool:
    """Whether nobody holds a folder; one without a lock may be in the making."""
    lock = folder / _LOCK
    if not lock.is_file():
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        return pid.isdigit() and not _is_alive(int(pid))
    with open(lock, "a+b") as stream:
        return files.take(stream)


def _is_alive(pid: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def put(path: Path, data: bytes) -> int | None:
    """Let a path in a private folder hold these bytes, in memory where the system can.

    On Linux the path leads to a file without a name, whose bytes are gone with this process
    however it ends. Elsewhere it is a file of mode 0600.

    Returns
    -------
    int or None
        Handle to be closed when the file is no longer needed, if it is in memory.
    """
    if hasattr(os, "memfd_create"):
        with contextlib.suppress(OSError):
            return hold(path, data)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:
        stream.write(data)
    return None


def hold(path: Path, data: bytes) -> int:
    """Let a path lead to bytes in the memory of this process; they are gone with it (Linux).

    Returns
    -------
    int
        Handle to be closed when the file is no longer needed.

    Raises
    ------
    OSError
        If this system does not show such a file to other processes, or lends no more handles.
    """
    # Resolved, the path is this name: two files must not share it.
    handle = os.memfd_create(hashlib.sha256(str(path).encode()).hexdigest()[:32])
    try:
        os.fchmod(handle, 0o600)
        with os.fdopen(os.dup(handle), "wb") as stream:
            stream.write(data)
        path.symlink_to(f"/proc/{os.getpid()}/fd/{handle}")
        if path.read_bytes() != data:
            raise OSError("this system does not show the files of a process")
    except OSError:
        os.close(handle)
        raise
    return handle
