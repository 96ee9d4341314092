"""What a run is asked to leave beside its report, and what may stand in the way of it.

Hides when python-docx is needed, what must not be overwritten, and where the fine pictures are
between the kernel that draws them and the document that holds them.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crlm import files, refusals
from crlm.document import marks
from crlm.ledger import DocumentError, ParameterError
from crlm.numbers import counted

_DRAWN = ".drawn"
#: Name of the environment variable of `report.figures.journal`.
ORDER = "CRLM_FIGURES"
_OPEN = ("~${name}", ".~lock.{name}#", "~${cut}")


@dataclass(frozen=True)
class Asked:
    """What a run is asked to leave beside its report.

    Attributes
    ----------
    docx, figures, crate : bool
        A Word document; a folder of figures and tables; a Workflow Run RO-Crate.
    template : pathlib.Path or None
        A .docx whose page and styles the document takes.
    dpi : int
        Of the pictures in the folder.
    columns : int
        1 or 2, the width of the figures in the folder.
    """

    docx: bool = False
    figures: bool = False
    crate: bool = False
    template: Path | None = None
    dpi: int = 300
    columns: int = 2

    @property
    def pieces(self) -> bool:
        """Whether anything is asked for that is made of a report's pieces."""
        return self.docx or self.figures


NOTHING = Asked()


def check(asked: Asked, out: Path, study: str) -> list[str]:
    """Refuse what cannot be left, before anything is started; what a reader should know of it.

    Raises
    ------
    DocumentError, ParameterError
        If python-docx is not installed, the template is no Word document, or a file of the
        name holds somebody's work or is open in Word.
    OSError
        If the template cannot be read.
    """
    if asked.figures:
        _refuse_other_folder(out, study)
    return check_word(out / f"{study}.docx", asked.template) if asked.docx else []


def check_word(path: Path, template: Path | None) -> list[str]:
    """Refuse a Word document that cannot be written; which styles its template lacks."""
    refusals.need("docx", "A Word document")
    if not path.name.lower().endswith(".docx"):
        raise ParameterError(f"{path.name}: the name of a Word document ends in .docx.")
    for name in {form.format(name=path.name, cut=path.name[2:]) for form in _OPEN}:
        if path.with_name(name).exists():
            raise DocumentError(
                f"{path.name} is open in Word or LibreOffice ({name} lies beside it). Close it "
                "there and start again."
            )
    if path.exists() and not marks.untouched(path):
        raise DocumentError(
            f"{path.name} is there already and holds more than crlm wrote: somebody's changes "
            "would be lost. Give it another name or place, or write elsewhere with --out."
        )
    if not template:
        return []
    from crlm.document.styles import dressed

    missing = dressed(template).missing
    return [f"{template.name} has no style {', '.join(missing)}; ours stand in"] if missing else []


def _refuse_other_folder(out: Path, study: str) -> None:
    folder = out / f"{study}_figures"
    if folder.exists() and not _of_a_run(folder, study):
        raise DocumentError(
            f"{folder.name} is there already and no run of crlm made it. Give it another name, "
            "or write elsewhere with --out."
        )


def _of_a_run(folder: Path, study: str) -> bool:
    """Whether the manifest beside a folder knows every file in it."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        record = json.loads((folder.parent / f"{study}.json").read_text(encoding="utf-8"))
        here = {p.relative_to(folder.parent).as_posix() for p in folder.rglob("*") if p.is_file()}
        return here <= set(record["files_sha256"])
    return False


def replaceable(out: Path, study: str) -> set[str]:
    """Names of documents that the next run of a study takes away or replaces."""
    word, folder = out / f"{study}.docx", out / f"{study}_figures"
    found = {word.name} if marks.untouched(word) else set()
    return found | ({folder.name} if _of_a_run(folder, study) else set())


@contextlib.contextmanager
def ordering(asked: Asked, made: Path) -> Iterator[None]:
    """Have every figure that a kernel draws meanwhile leave its files in a part folder."""
    if not asked.pieces:
        yield
        return
    drawn = made / _DRAWN
    drawn.mkdir()
    kinds = ["png", "tiff", "svg"] if asked.figures else ["png"]
    order = {
        "folder": str(drawn.resolve()),
        "kinds": kinds,
        "dpi": asked.dpi if asked.figures else 300,
        "columns": asked.columns if asked.figures else 2,
    }
    before = os.environ.get(ORDER)
    os.environ[ORDER] = json.dumps(order)
    try:
        yield
    finally:
        os.environ.pop(ORDER)
        if before is not None:
            os.environ[ORDER] = before


def leave(asked: Asked, notebook: Any, study: str, made: Path) -> None:
    """Write what is asked for into a run's part folder, and remove what the kernel left there.

    Raises
    ------
    DocumentError
        If the notebook did not come to its end.
    OSError
        If there is no room.
    """
    drawn = made / _DRAWN
    try:
        _write(asked, notebook, study, made, drawn)
    finally:
        files.remove(drawn)


def _write(asked: Asked, notebook: Any, study: str, made: Path, drawn: Path) -> None:
    from crlm.document.outline import outline

    found = outline(notebook)
    if asked.figures:
        from crlm.document import folder

        folder.write(found, drawn, made / f"{study}_figures")
    if asked.docx:
        from crlm.document import word

        fine = {path.stem: path.read_bytes() for path in drawn.glob("*.png")}
        written = word.write(found, study, fine=fine, template=asked.template)
        (made / f"{study}.docx").write_bytes(written.data)


def from_report(report: Path, out: Path | None, template: Path | None) -> tuple[Path, list[str]]:
    """Make a Word document of a finished run.

    Parameters
    ----------
    report : pathlib.Path
        Its HTML report, executed notebook or manifest.
    out : pathlib.Path or None
        Where to write; beside the report if None.
    template : pathlib.Path or None

    Returns
    -------
    (pathlib.Path, list of str)
        The document, and what a reader should know of it.

    Raises
    ------
    DocumentError
        If there is no executed notebook, the run did not come to its end, or the document
        cannot be written.
    OSError
        If a file cannot be read or written.
    """
    source = report.with_suffix(".ipynb")
    path = out or report.with_suffix(".docx")
    told = check_word(path, template)
    from crlm.document import folder, word
    from crlm.document.outline import outline

    found = outline(_notebook(source))
    fine = folder.pictures(found, source.with_name(f"{source.stem}_figures"))
    written = word.write(found, source.stem, fine=fine, template=template)
    if written.coarse:
        told.append(
            f"{counted(written.coarse, 'picture')} as in the HTML report, at 144 dpi; "
            "`crlm run --docx` draws every picture at 300 dpi"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_atomically(path, written.data)
    return path, told


def _notebook(path: Path) -> Any:
    if not path.is_file():
        raise DocumentError(
            f"{path.name} is not there: a Word document is made of the executed notebook that a "
            "run leaves beside its report. Name the report of a finished run."
        )
    import nbformat

    try:
        return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    except (ValueError, TypeError, AttributeError, KeyError, nbformat.ValidationError):
        raise DocumentError(f"{path.name} is no notebook. Run the study again.") from None
