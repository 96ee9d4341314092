"""What crlm brings along beside its code, found alike in a checkout and in an installed wheel.

A checkout has `data/`, `notebooks/` and the lock at its top; a wheel has copies of them in
`crlm/shipped/`, where `setup.py` puts them.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED = _PACKAGE / "shipped"


def path(name: str) -> Path:
    """A file or folder that crlm brings along.

    Parameters
    ----------
    name : str
        "data", "notebooks" or "requirements.lock".

    Returns
    -------
    pathlib.Path
        It need not be there: a checkout may lack what it is not asked for.
    """
    return (_SHIPPED if _SHIPPED.is_dir() else _PACKAGE.parent) / name


def studies() -> Path:
    """The folder of the studies: the reader's own that `CRLM_DATA` names, else what comes along."""
    return Path(os.environ.get("CRLM_DATA") or path("data"))


def own_notebooks() -> Path | None:
    """Where notebooks of new studies belong: beside the folder of the studies.

    Returns
    -------
    pathlib.Path or None
        None in an installed wheel without `CRLM_DATA`, whose own folders the next installation
        replaces.
    """
    if os.environ.get("CRLM_DATA"):
        return studies().absolute().parent / "notebooks"
    return None if _SHIPPED.is_dir() else path("notebooks")


def notebooks() -> dict[str, Path]:
    """The notebooks at hand by their studies; the reader's own before one that comes along."""
    folders = [path("notebooks"), own_notebooks()]
    listed = [sorted(folder.glob("*.ipynb")) for folder in folders if folder]
    return {one.stem: one for found in listed for one in found}


def reports() -> Path:
    """Where a run writes that is told no folder: the checkout's `reports/`, else one here."""
    checkout = _PACKAGE.parent / "reports"
    return checkout if checkout.is_dir() and not _SHIPPED.is_dir() else Path("reports")


def commit() -> str:
    """The commit of this code, with a plus when files were changed since; empty if unknown.

    A wheel holds the commit that it was built from, whatever repository it is installed in.
    """
    if _SHIPPED.is_dir():
        noted = _SHIPPED / "commit"
        return noted.read_text(encoding="utf-8").strip() if noted.is_file() else ""
    return commit_of(_PACKAGE.parent)


def commit_of(folder: Path) -> str:
    """The commit of a folder's repository, with a plus when files were changed since."""
    try:
        head, state = (
            subprocess.run(
                ["git", "-C", str(folder), *command], capture_output=True, text=True, check=True
            ).stdout.strip()
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head + ("+" if state else "")
