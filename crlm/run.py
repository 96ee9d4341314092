"""One run of one notebook: strict parameters, papermill, one HTML file, a manifest.

Starts notebooks and imports no analysis. A run leaves all of its files in the
output folder, in place of those of an earlier run, or it leaves the folder as it was.
"""

from __future__ import annotations

import ast
import contextlib
import errno
import json
import logging
import os
import re
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crlm import ahead, crate, document, files, home, manifest, twins
from crlm.files import checksum
from crlm.ledger import CohortError, CrlmError, DocumentError, ParameterError, title_of
from crlm.loading import OF_PAPERMILL, quick_imports
from crlm.parameters import declared_in, did_you_mean, held
from crlm.render import render, titled

#: Parameters that hold a file: shown and recorded by file name alone.
FILES = ("cohort_path", "history_path", "codebook_path")

_HANDLES = 100
_OF_THE_ENGINE = ("DeadKernelError", "OutOfTimeError")
#: What stands in files in place of a message that may quote the table.
WITHHELD = (
    "its message is withheld because it may quote the table; run the notebook in JupyterLab "
    "to see it"
)


@dataclass(frozen=True)
class Outcome:
    """What one run left behind.

    Attributes
    ----------
    report, notebook, manifest : pathlib.Path
        The files written.
    error : str
        Empty when every cell ran; else the cell and its message, which may quote the
        table: it is for the terminal alone.
    readers_error : bool
        True when the message is addressed to the reader (`CrlmError`): bad
        input rather than a fault of the program.
    documents : tuple of pathlib.Path
        What was asked for beside the report.
    told : tuple of str
        What a reader should know of them, a line each.
    """

    report: Path
    notebook: Path
    manifest: Path
    error: str
    readers_error: bool
    documents: tuple[Path, ...] = ()
    told: tuple[str, ...] = ()


def notebook_path(study: str) -> Path:
    """The notebook of a study, as it comes with crlm or lies beside the reader's own studies.

    Raises
    ------
    ParameterError
        If there is none by this name; the message names what there is.
    """
    found = home.notebooks()
    if study not in found:
        raise ParameterError(f"There is no study {study!r}.{did_you_mean(study, found)}")
    return found[study]


def execute(
    study: str,
    given: Mapping[str, Any],
    out: Path,
    *,
    progress: bool = False,
    asked: document.Asked = document.NOTHING,
) -> Outcome:
    """Run a study's notebook with these parameters and write its report.

    Writes `<study>.html`, `<study>.ipynb` (executed), `<study>.json` (the
    manifest: parameters, checksums, versions, commit, wall time) and the
    notebook's own `<study>_rows.csv` and `<study>_claims.csv` into `out`, all
    at once; a run that failed leaves the first three alone. What is `asked` for joins the
    set: `<study>.docx`, the folder `<study>_figures`. The notebook runs
    in the current directory, so that relative paths mean what they mean to
    the caller.

    Parameters
    ----------
    study : str
    given : mapping
        The parameters that are not left as they are.
    out : pathlib.Path
    progress : bool
        A bar over the cells.
    asked : document.Asked
        What to leave beside it.

    Raises
    ------
    ParameterError
        Before anything is started, if a parameter does not exist or fit, or a
        file that one names does not exist.
    CohortError
        If a file that the run reads was changed under it.
    CrlmError
        If another run of the study is at work in `out`, or the extra for a crate is missing.
    OSError
        If a file cannot be written, or the kernel cannot be started.
    """
    if asked.crate:
        crate.check_installed()
    source = notebook_path(study)
    if "output_dir" in given:
        raise ParameterError("output_dir: a run writes all of its files into one folder, --out.")
    checked = held(given, declared_in(source))
    check_files(checked)
    busy = (
        f"Another run of {study} is at work in {out}. Wait for it, stop it, or give this one a "
        "folder of its own with --out."
    )
    with _told_of(out), files.locked(out / f".{study}.lock", busy):
        files.finish(out, study)
        told = [*document.check(asked, out, study), *twins.behind(source)]
        with files.part(out, study) as made:
            failure, lacks = _make(made, study, source, checked, progress, asked)
            files.commit(made, out, study, _set_of(out, study))
    written = [out / f"{study}.{kind}" for kind in ("html", "ipynb", "json")]
    wanted = {".docx": asked.docx, "_figures": asked.figures, "_crate.zip": asked.crate}
    beside = [out / f"{study}{end}" for end, on in wanted.items() if on and not failure]
    found = tuple(path for path in beside if path.exists())
    return Outcome(*written, *_describe(failure), found, (*told, *lacks))


@contextlib.contextmanager
def _told_of(out: Path) -> Iterator[None]:
    """Name the output folder, not a hidden part of it, where a write fails."""
    try:
        yield
    except OSError as error:
        if error.errno and str(error.filename or out).startswith(str(out)):
            error.filename = str(out)
        raise


def _make(
    made: Path,
    study: str,
    source: Path,
    values: dict[str, Any],
    progress: bool,
    asked: document.Asked,
) -> tuple[Exception | None, list[str]]:
    """Run the notebook and write the whole set into a part folder.

    The failure, if it failed; and why what was asked for beside the report is lacking.
    """
    used = manifest.input_files(study, source, values)
    code = manifest.code_digest()
    before = {path: checksum(path) for path in used.values()}
    started = time.monotonic()
    told = {**values, "output_dir": str(made.resolve())}
    with document.ordering(asked, made), ahead.working(source, told) as engine:
        notebook, failure = in_memory(source, told, progress=progress, **engine)
    seconds = round(time.monotonic() - started, 1)
    _refuse_starved(failure, made)
    safe = int(values.get("safe", 0))
    if safe:
        _refuse_unattacked(study, safe, failure, made)
        used = {role: path for role, path in used.items() if role not in manifest.OF_PATIENTS}
    changed = manifest.changed_inputs(before, made)
    _refuse_changed(study, changed, code != manifest.code_digest())
    for left in made.glob("*" if failure else f"{study}_inputs.json"):
        files.remove(left)
    record = {
        "study": study,
        "parameters": recorded(values),
        **_failed(failure, is_own(values)),
        "wall_seconds": seconds,
        "inputs": manifest.recorded(used, before),
        "code_sha256": code,
        "kernel": manifest.kernel(notebook),
        "versions": manifest.versions(),
        "commit": home.commit(),
    }
    tidy(notebook, own=is_own(values), safe=bool(safe))
    notebook = titled(notebook, study, title_of(study))
    _write(made / f"{study}.ipynb", files.as_json(notebook))
    _write(made / f"{study}.html", render(notebook))
    lacks = _beside(asked, notebook, study, made) if asked.pieces and not failure else []
    written = sorted(path for path in made.rglob("*") if path.is_file())
    record["files_sha256"] = {p.relative_to(made).as_posix(): checksum(p) for p in written}
    _write(made / f"{study}.json", files.as_json(record))
    if asked.crate:
        archive = made / f"{study}_crate.zip"
        with _spared(lacks, archive):
            archive.write_bytes(crate.packed(made, record, declared_in(source), used))
    return failure, lacks


def _beside(asked: document.Asked, notebook: Any, study: str, made: Path) -> list[str]:
    """Leave what is asked for; why it is lacking, if it is."""
    lacks: list[str] = []
    with _spared(lacks, made / f"{study}.docx", made / f"{study}_figures"):
        document.leave(asked, notebook, study, made)
    return lacks


@contextlib.contextmanager
def _spared(lacks: list[str], *paths: Path) -> Iterator[None]:
    """Let what fails beside a report, or has no room on the disk, never cost the report itself."""
    try:
        yield
    except DocumentError as error:
        lacks.append(str(error))
    except OSError as error:
        if not files.no_room(error):
            raise
        names = " and ".join(path.name for path in paths)
        lacks.append(f"No room on the disk for {names}; the report itself was written.")
    else:
        return
    for path in paths:
        files.remove(path)


def recorded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as a manifest has them: files by name alone, of a safe report not at all."""
    if values.get("safe"):
        return {name: value for name, value in values.items() if name not in FILES}
    return {k: Path(v).name if k in FILES and v else v for k, v in values.items()}


def _refuse_unattacked(study: str, k: int, failure: Any, made: Path) -> None:
    """Let a safe report that did not come to its end, and so was not attacked, be no run."""
    if failure is None and (made / f"{study}_rows.csv").is_file():
        return
    why = "its notebook has no paper.provenance(output_dir), where the attack runs"
    if failure is not None:
        known = failure.ename in _family(CrlmError)
        why = failure.evalue if known else f"cell {failure.cell_index + 1}: {failure.ename}"
    raise CrlmError(f"No report of {study} was written (--safe {k}): {why}")


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))


def _refuse_changed(study: str, names: list[str], code: bool) -> None:
    if names or code:
        raise CohortError(
            f"{', '.join(names + ['the code of crlm'] * code)} changed while {study} was running, "
            "so nothing was written. Start again when the files are complete."
        )


def in_memory(
    source: Path, values: Mapping[str, Any], *, progress: bool = False, **engine: Any
) -> tuple[Any, Exception | None]:
    """One execution by papermill; a failing cell comes back beside the partial notebook.

    Nothing is written: papermill's parts are called on the notebook in memory, because its
    file interface reads `{name}` in a path as a parameter and leaves its file when killed.

    Parameters
    ----------
    source : pathlib.Path
        The notebook.
    values : mapping
        Parameters to inject, checked already.
    progress : bool
        A bar over the cells.
    **engine
        Further options of `engine.Engine`, such as `seconds`.

    Raises
    ------
    OSError
        If the kernel cannot be started or reached.
    """
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    logging.getLogger("papermill").setLevel(logging.ERROR)
    with quick_imports(OF_PAPERMILL):
        import nbformat
        from papermill.engines import papermill_engines
        from papermill.exceptions import PapermillExecutionError
        from papermill.execute import raise_for_execution_errors
        from papermill.iorw import load_notebook_node
        from papermill.parameterize import parameterize_notebook

        from crlm.engine import ENGINE
        from crlm.kernel import QUIET
    failure = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        notebook = load_notebook_node(str(source))
        if values:
            notebook = parameterize_notebook(notebook, dict(values), kernel_name="python3")
        with _reachable():
            papermill_engines.execute_notebook_with_engine(
                ENGINE,
                notebook,
                "python3",
                extra_arguments=list(QUIET),
                progress_bar={"desc": source.stem, "leave": False} if progress else False,
                **engine,
            )
        try:
            raise_for_execution_errors(notebook, None)
        except PapermillExecutionError as error:
            failure = error
            failure.evalue = failure.evalue or "it ended without a message"
        return nbformat.reads(nbformat.writes(notebook), as_version=4), failure


@contextlib.contextmanager
def _reachable() -> Iterator[None]:
    """Say in one line of a kernel that does not start, or of a system that lends no handles."""
    import zmq

    try:
        lend_handles()
        yield
    except zmq.ZMQError as error:
        raise OSError(error.errno, error.strerror) from None
    except RuntimeError as error:
        raise ChildProcessError(
            f"the notebook's kernel did not start ({str(error).rstrip('.')}); "
            "memory or open files (`ulimit -n`) that ran out do this"
        ) from None


def lend_handles() -> None:
    """Ask for the file handles that a kernel and its channels want before any is in use.

    Raises
    ------
    OSError
        If the system lends fewer.
    """
    with contextlib.ExitStack() as lent:
        null = lent.enter_context(open(os.devnull, "rb")).fileno()
        for _ in range(_HANDLES):
            lent.callback(os.close, os.dup(null))


def is_own(values: Mapping[str, Any]) -> bool:
    """Whether a run reads a table of the reader's, of which no cell may reach a file."""
    return any(values.get(name) for name in FILES)


def in_files(ename: str, evalue: str, own: bool) -> str:
    """An exception's message as it may stand in a file.

    Parameters
    ----------
    ename, evalue : str
        Name of its class and its message.
    own : bool
        From `is_own`. Then only what this house wrote itself stands: a message of any other
        library may quote the table.
    """
    if own and ename not in _family(CrlmError) and ename not in _OF_THE_ENGINE:
        return WITHHELD
    return _without_folders(evalue)


def tidy(notebook: Any, *, own: bool = False, safe: bool = False) -> None:
    """Take out of an executed notebook what tells of the machine, the moment or a patient.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    own : bool
        From `is_own`: then messages and warnings that are not this house's are withheld.
    safe : bool
        Then the names of the reader's files are left out too.
    """
    notebook.metadata.pop("papermill", None)
    notebook.metadata.pop("widgets", None)
    for position, cell in enumerate(notebook.cells):
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        tags = cell.metadata.get("tags", [])
        if {"injected-parameters", "papermill-error-cell-tag"} & set(tags):
            # papermill gives the cells that it adds an id at random.
            cell["id"] = f"papermill-{position}"
        if "injected-parameters" in tags:
            cell.source = _injected(cell.source, safe)
        for output in cell.get("outputs", []):
            _tidy_output(output, own)


def _tidy_output(output: Any, own: bool) -> None:
    if output.output_type == "error":
        output.evalue = in_files(output.ename, output.evalue, own)
        output.traceback = [f"{output.ename}: {output.evalue}"]
    elif output.output_type == "stream" and output.name == "stderr":
        told = "A warning: " + WITHHELD + "\n" if own else _without_folders(output.text)
        output.text = told


def _without_folders(text: str) -> str:
    """A message with files by their name alone."""
    return re.sub(r"(?<![\w.:/\\])(?:[A-Za-z]:)?[/\\](?:[^\s'\"/\\]+[/\\])+", "", text)


def _injected(source: str, safe: bool) -> str:
    """The injected parameters, files by name alone or not at all, without the output folder."""
    lines = []
    for line in source.splitlines():
        name, _, value = line.partition(" = ")
        if name == "output_dir" or (safe and name in FILES):
            continue
        if name in FILES:
            line = f"{name} = {Path(str(_literal(value))).name!r}"
        lines.append(line)
    return "\n".join(lines)


def check_files(values: Mapping[str, Any]) -> None:
    """Refuse a parameter that names a file which is not there (`ParameterError`)."""
    for name in FILES:
        if values.get(name) and not Path(values[name]).is_file():
            path = Path(values[name])
            what = "is no plain file" if path.exists() else "is not there"
            what = "is a folder" if path.is_dir() else what
            raise ParameterError(
                f"{name}: the file {str(values[name])!r} {what}. "
                "Paths are relative to the folder you are in."
            )


def _literal(text: Any) -> Any:
    try:
        return ast.literal_eval(str(text))
    except (ValueError, SyntaxError):
        return text


def _set_of(out: Path, study: str) -> list[str]:
    """Names of the files that an earlier run left in a folder."""
    ends = (".html", ".ipynb", ".json", "_rows.csv", "_claims.csv", "_crate.zip")
    names = {f"{study}{end}" for end in ends}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        record = json.loads((out / f"{study}.json").read_text(encoding="utf-8"))
        names |= {Path(name).parts[0] for name in record["files_sha256"]}
    names -= {f"{study}.docx", f"{study}_figures"}
    names |= document.replaceable(out, study)
    return sorted(p.name for p in out.iterdir() if p.name in names and p.name.startswith(study))


def _refuse_starved(failure: Any, made: Path) -> None:
    """Let a notebook that had no room on the disk, or no file handles, be no run at all."""
    for code in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE):
        if failure and failure.ename == "OSError" and f"[Errno {code}]" in failure.evalue:
            raise OSError(code, os.strerror(code), str(made))


def _failed(failure: Any, own: bool) -> dict[str, Any]:
    if failure is None:
        return {"status": "finished"}
    error = f"{failure.ename}: {in_files(failure.ename, failure.evalue, own)}"
    return {"status": "failed", "cell": failure.cell_index + 1, "error": error}


def _describe(failure: Any) -> tuple[str, bool]:
    if failure is None:
        return "", False
    where = f"cell {failure.cell_index + 1}"
    readers = failure.ename in _family(CrlmError)
    if readers or failure.ename in _OF_THE_ENGINE:
        return f"{where}: {failure.evalue}", readers
    return f"{where}, by a fault of the program ({failure.ename}): {failure.evalue}", False


def _family(error: type[Exception]) -> set[str]:
    """Names of a kind of error and of all kinds of it, however far down."""
    return {error.__name__}.union(*map(_family, error.__subclasses__()))
