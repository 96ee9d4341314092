"""What a run stands on: its files and their checksums, the code, the versions."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import re
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from crlm import __version__, home
from crlm.files import checksum
from crlm.ledger import data_folder, dictionary_file

_HOUSE = Path(__file__).resolve().parent
# Code that starts runs or makes pages of many, and shapes none.
_APART = re.compile(
    r"(^|/)(\.|__pycache__/)|~$|^shipped/|^cli|^intake\.py$|^(templates/)?overview/"
    r"|^batch/(cluster|driving|folder)\.py$"
)
_PACKAGES = ("numpy", "pandas", "scipy", "statsmodels", "survival", "matplotlib", "papermill")
#: Roles of the reader's files: a safe report records neither their names nor their checksums.
OF_PATIENTS = ("cohort", "cohort source", "cohort certificate", "history", "codebook")


def input_files(study: str, notebook: Path, values: Mapping[str, Any]) -> dict[str, Path]:
    """Every file that shapes a run, by the part it plays; only those that are there.

    Parameters
    ----------
    study : str
    notebook : pathlib.Path
    values : mapping
        The parameters; without `cohort_path` the study's own cohort and history are read.

    Returns
    -------
    dict of str to pathlib.Path
        "cohort", "cohort source" and "cohort certificate" (where it was converted or searched),
        "history", "codebook", "notebook", "lock", "columns", and what else lies in the study's
        folder, by file name.
    """
    folder = data_folder() / study
    cohort = Path(values.get("cohort_path") or folder / "cohort.csv")
    source = cohort.with_suffix(".source.toml")
    shipped = "" if values.get("cohort_path") else folder / "history.csv"
    named = {
        "cohort": cohort,
        "cohort source": source,
        "cohort certificate": cohort.with_name("certificate.json") if source.is_file() else "",
        "history": values.get("history_path") or shipped,
        "codebook": values.get("codebook_path"),
        "notebook": notebook,
        "lock": home.path("requirements.lock"),
        "columns": dictionary_file(),
    }
    found = {role: Path(path) for role, path in named.items() if path and Path(path).is_file()}
    own = ("cohort.csv", "cohort.source.toml", "history.csv", "certificate.json")
    beside = sorted(p for p in folder.glob("*.*") if p.suffix in (".toml", ".csv", ".json"))
    return found | {path.name: path for path in beside if path.name not in own}


def recorded(used: Mapping[str, Path], sums: Mapping[Path, str]) -> dict[str, dict[str, str]]:
    """Input files as a manifest has them: name without folder, and what `sha256sum` prints."""
    return {role: {"file": p.name, "sha256": sums[p]} for role, p in used.items()}


def changed_inputs(before: Mapping[Path, str], folder: Path) -> list[str]:
    """Names of input files that were not the same bytes before, in and after a run.

    Parameters
    ----------
    before : mapping of path to str
        The checksum of each input file before the notebook was started.
    folder : pathlib.Path
        The run's output folder. What the notebook read is in the `*_inputs.json` that
        `provenance.write` left there; without one, before and after decide.
    """
    changed = {path.name for path, digest in before.items() if checksum(path) != digest}
    for record in folder.glob("*_inputs.json"):
        try:
            read = json.loads(record.read_text(encoding="utf-8")).items()
            for name, digests in read:
                known = {digest for path, digest in before.items() if path.name == name}
                if known and not known >= set(digests):
                    changed.add(name)
        except (OSError, ValueError, AttributeError, TypeError):
            # A record that cannot be read vouches for nothing.
            changed.add(record.name)
    return sorted(changed)


def code_digest() -> str:
    """SHA-256 of the list that `sha256sum` prints for the helper code that shapes a run."""
    listed = (f"{_sum(path, *state)}  {name}\n" for name, path, state in sorted(_code(_HOUSE)))
    return hashlib.sha256("".join(listed).encode()).hexdigest()


def _code(folder: str | Path, inside: str = "") -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Name, place and state of each file of the code; what is written to a file moves its state."""
    for entry in os.scandir(folder):
        name = inside + entry.name
        if entry.is_dir():
            if not _APART.search(f"{name}/"):
                yield from _code(entry.path, f"{name}/")
        elif entry.is_file() and not _APART.search(name):
            now = entry.stat()
            yield name, entry.path, (now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)


@functools.lru_cache(maxsize=4096)
def _sum(path: str, *_: int) -> str:
    """The SHA-256 of a file, read once for each state that it is met in."""
    return checksum(Path(path))


def versions() -> dict[str, str]:
    """Versions of crlm, Python and the packages that a result stands on."""
    found = {"crlm": __version__, "python": platform.python_version()}
    return found | {name: version_of(name) for name in _PACKAGES}


@functools.cache
def version_of(package: str) -> str:
    """The version of an installed package, as it was when it was first asked for."""
    return metadata.version(package)


def kernel(notebook: Any) -> str:
    """The interpreter that executed a notebook, as its kernel named itself."""
    language = notebook.metadata.get("language_info", {})
    return f"{platform.python_implementation()} {language.get('version', 'that did not answer')}"
