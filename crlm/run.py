"""One run of one notebook: strict parameters, papermill, one HTML file, a manifest.

Starts notebooks and imports no analysis. A run either leaves all of its files
in the output folder or, when it could not start, none.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import functools
import json
import math
import platform
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from crlm import __version__
from crlm.files import checksum, write_atomically
from crlm.ledger import CrlmError, ParameterError

#: Parameters that hold a file: shown and recorded by file name alone.
FILES = ("cohort_path", "history_path", "codebook_path")

#: Arguments of a kernel that keeps its own messages to itself.
QUIET = ["--log-level=50"]

_TEMPLATES = Path(__file__).parent / "templates"
_PACKAGES = ("numpy", "pandas", "scipy", "statsmodels", "survival", "matplotlib", "papermill")


@dataclass(frozen=True)
class Parameter:
    """One entry of a notebook's parameter cell."""

    name: str
    type: str
    default: Any
    help: str


@dataclass(frozen=True)
class Outcome:
    """What one run left behind.

    Attributes
    ----------
    report, notebook, manifest : pathlib.Path
        The files written.
    error : str
        Empty when every cell ran; else the cell and its message.
    readers_error : bool
        True when the message is addressed to the reader (`CrlmError`): bad
        input rather than a fault of the program.
    """

    report: Path
    notebook: Path
    manifest: Path
    error: str
    readers_error: bool


@contextlib.contextmanager
def quick_imports() -> Iterator[None]:
    """Import Jupyter's packages without a grammar that jsonschema builds for 1.5 s.

    `rfc3987_syntax` serves a check of internationalised web addresses, which no notebook
    has; jsonschema goes without where it is not installed.
    """
    name = "rfc3987_syntax"
    spared = name not in sys.modules
    if spared:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if spared:
            del sys.modules[name]


def notebook_path(study: str) -> Path:
    """The committed notebook of a study.

    Raises
    ------
    ParameterError
        If there is none; the message names what there is.
    """
    folder = Path(__file__).resolve().parents[1] / "notebooks"
    path = folder / f"{study}.ipynb"
    if not path.is_file():
        known = sorted(p.stem for p in folder.glob("*.ipynb"))
        raise ParameterError(f"There is no study {study!r}.{did_you_mean(study, known)}")
    return path


def parameters(notebook: Path) -> dict[str, Parameter]:
    """The typed parameters of a notebook, read from its tagged cell without running it."""
    with quick_imports():
        from papermill import inspect_notebook

    return {
        name: Parameter(name, info["inferred_type_name"], _literal(info["default"]), info["help"])
        for name, info in inspect_notebook(str(notebook)).items()
    }


def check_parameters(given: Mapping[str, Any], known: Mapping[str, Parameter]) -> dict[str, Any]:
    """The given parameters with the types that the notebook declares.

    Parameters
    ----------
    given : mapping
        Name to value; text is read as the declared type (`"18"` for a float).
    known : mapping of str to Parameter
        From `parameters`.

    Raises
    ------
    ParameterError
        For an unknown name (with a suggestion) or a value that is not of its type.
    """
    checked = {}
    for name, value in given.items():
        if name not in known:
            raise ParameterError(f"There is no parameter {name!r}.{did_you_mean(name, known)}")
        checked[name] = _typed(known[name], value)
    return checked


def execute(
    study: str,
    given: Mapping[str, Any],
    out: Path,
    *,
    progress: bool = False,
) -> Outcome:
    """Run a study's notebook with these parameters and write its report.

    Writes `<study>.html`, `<study>.ipynb` (executed), `<study>.json` (the
    manifest: parameters, checksums, versions, commit, wall time) and the
    notebook's own `<study>_rows.csv` and `<study>_claims.csv` into `out`.
    The notebook runs in the current directory, so that relative paths mean
    what they mean to the caller.

    Raises
    ------
    ParameterError
        Before anything is started, if a parameter does not exist or fit, or a
        file that one names does not exist.
    """
    source = notebook_path(study)
    checked = check_parameters(given, parameters(source))
    check_files(checked)
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    notebook, failure = in_memory(source, {**checked, "output_dir": str(out)}, progress=progress)
    tidy(notebook)
    target = out / f"{study}.ipynb"
    write_atomically(target, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    report = out / f"{study}.html"
    write_atomically(report, render(notebook))
    manifest = out / f"{study}.json"
    record = _manifest(study, source, checked, time.monotonic() - started, failure)
    write_atomically(manifest, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return Outcome(report, target, manifest, *_describe(failure))


def render(notebook: Any) -> str:
    """An executed notebook as one HTML page that asks no other host for anything.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        With its outputs. Tracebacks are reduced to their message: they hold
        paths of the machine.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        page = _from_template(_exporter(), notebook)
    page = page.replace("<!-- table of contents -->", _contents(page), 1)
    return _with_top(page)


@functools.cache
def _exporter() -> Any:
    """One exporter a process: it reads and compiles its templates once."""
    with quick_imports():
        from nbconvert import HTMLExporter

    return HTMLExporter(extra_template_basedirs=[str(_TEMPLATES)], template_name="crlm_report")


def _from_template(exporter: Any, notebook: Any) -> str:
    """What nbconvert's exporter makes, without its second reading of the finished page.

    That reading parses the whole page, pictures included, to add what this
    template has already; it takes more time than everything before it.
    """
    from nbconvert.exporters.templateexporter import TemplateExporter
    from nbconvert.filters import Highlight2HTML
    from nbconvert.filters.widgetsdatatypefilter import WidgetsDataTypeFilter

    language = notebook.metadata.get("language_info", {})
    lexer = language.get("pygments_lexer", language.get("name"))
    resources = exporter._init_resources({})
    kept = WidgetsDataTypeFilter(
        notebook_metadata=exporter._nb_metadata, parent=exporter, resources=resources
    )
    code = Highlight2HTML(pygments_lexer=lexer, parent=exporter)
    exporter.register_filter("highlight_code", code)
    exporter.register_filter("filter_data_type", kept)
    page, _ = TemplateExporter.from_notebook_node(exporter, notebook, resources)
    return re.sub(r"<img(?![^>]*\balt=)", '<img alt="A picture without a description"', page)


def in_memory(
    source: Path, values: Mapping[str, Any], *, progress: bool = False, **engine: Any
) -> tuple[Any, Exception | None]:
    """One execution by papermill; a failing cell comes back beside the partial notebook.

    Parameters
    ----------
    source : pathlib.Path
        The notebook.
    values : mapping
        Parameters to inject, checked already.
    progress : bool
        A bar over the cells.
    **engine
        Further options of `papermill.execute_notebook`, such as `engine_name`.
    """
    import logging
    import tempfile

    with quick_imports():
        import papermill
        from papermill.exceptions import PapermillExecutionError

    logging.getLogger("traitlets").setLevel(logging.ERROR)
    logging.getLogger("papermill").setLevel(logging.ERROR)
    failure = None
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / source.name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                papermill.execute_notebook(
                    str(source), str(target), parameters=dict(values), kernel_name="python3",
                    progress_bar={"desc": source.stem, "leave": False} if progress else False,
                    log_output=False, **{"extra_arguments": QUIET, **engine},
                )  # fmt: skip
            except PapermillExecutionError as error:
                failure = error
            import nbformat

            return nbformat.read(target, as_version=4), failure


def tidy(notebook: Any) -> None:
    """Take out of an executed notebook what tells of the machine or the moment it ran."""
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
            cell.source = _injected(cell.source)
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                output.traceback = [f"{output.ename}: {output.evalue}"]


def _injected(source: str) -> str:
    """The injected parameters, files by name alone, without the output folder."""
    lines = []
    for line in source.splitlines():
        name, _, value = line.partition(" = ")
        if name == "output_dir":
            continue
        if name in FILES:
            line = f"{name} = {Path(str(_literal(value))).name!r}"
        lines.append(line)
    return "\n".join(lines)


def _contents(page: str) -> str:
    """Nested list of the page's headings, from its own anchors."""
    heading = r'<h([23])[^>]*\bid="([^"]+)"[^>]*>(.*?)(?:<a class="anchor-link".*?)?</h\1>'
    items = re.findall(heading, page, flags=re.DOTALL)
    links = "".join(
        f'<li class="level{level}"><a href="#{anchor}">{re.sub("<.*?>", "", text).strip()}</a></li>'
        for level, anchor, text in items
    )
    return f"<ol>{links}</ol>"


def _with_top(page: str) -> str:
    """Under the title: what kind of cohort this is, moved up, and the verdict in one sentence."""
    top = ""
    banner = re.search(r'<div class="banner .*?</div>', page, flags=re.DOTALL)
    if banner:
        page = page.replace(banner.group(0), "", 1)
        top += banner.group(0) + "\n"
    found = re.search(r"celltag_headline.*?(<p><strong>.*?</p>)", page, flags=re.DOTALL)
    if found:
        top += f'<div class="headline">{found.group(1)}</div>'
    return page.replace("</h1>", f"</h1>\n{top}", 1) if top else page


def check_files(values: Mapping[str, Any]) -> None:
    """Refuse a parameter that names a file which is not there (`ParameterError`)."""
    for name in FILES:
        if values.get(name) and not Path(values[name]).exists():
            raise ParameterError(
                f"{name}: there is no file {str(values[name])!r}. "
                "Paths are relative to the folder you are in."
            )


def _typed(parameter: Parameter, value: Any) -> Any:
    """The value as its declared type, one of its choices where the help lists them."""
    typed = _read(parameter, value)
    if isinstance(typed, float) and not math.isfinite(typed):
        raise ParameterError(f"{parameter.name} = {value!r} is not a finite number.")
    choices = _choices(parameter.help)
    if choices and typed not in choices:
        hint = difflib.get_close_matches(str(typed), choices, n=1)
        suggestion = f" Did you mean {hint[0]!r}?" if hint else ""
        raise ParameterError(
            f"{parameter.name} = {value!r} is none of its choices: "
            f"{', '.join(choices)}.{suggestion}"
        )
    return typed


def _choices(text: str) -> list[str]:
    """The choices that a parameter's help lists, as in `tied times: efron | breslow`."""
    listed = text.rpartition(": ")[2]
    return [choice.strip() for choice in listed.split(" | ")] if " | " in listed else []


def _read(parameter: Parameter, value: Any) -> Any:
    readers = {"int": int, "float": float, "str": str, "bool": _boolean}
    read = readers.get(parameter.type)
    if read is None:
        return value
    try:
        if isinstance(value, bool) and parameter.type in ("int", "float"):
            raise ValueError
        if parameter.type == "int" and isinstance(value, float) and value != int(value):
            raise ValueError
        return read(value)
    except (TypeError, ValueError):
        raise ParameterError(
            f"{parameter.name} = {value!r} is not of type {parameter.type} "
            f"({parameter.help or 'see the parameter cell'}; default {parameter.default!r})."
        ) from None


def _boolean(value: Any) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text not in words:
        raise ValueError(value)
    return words[text]


def _literal(text: Any) -> Any:
    try:
        return ast.literal_eval(str(text))
    except (ValueError, SyntaxError):
        return text


def did_you_mean(name: str, known: Any) -> str:
    """The nearest of the known names, if one is near, and all of them."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"{hint} There is: {', '.join(known)}."


def _manifest(
    study: str, source: Path, values: Mapping[str, Any], seconds: float, failure: Exception | None
) -> dict[str, Any]:
    shown = {k: Path(v).name if k in FILES and v else v for k, v in values.items()}
    checksums = {k: checksum(Path(values[k])) for k in FILES if values.get(k)}
    return {
        "study": study,
        "parameters": shown,
        "data_sha256": checksums or {"cohort": checksum(_shipped(study))},
        "notebook_sha256": checksum(source),
        "versions": versions(),
        "commit": commit(),
        "status": "failed" if failure else "finished",
        "wall_seconds": round(seconds, 1),
    }


def versions() -> dict[str, str]:
    """Versions of crlm, Python and the packages that a result stands on."""
    found = {"crlm": __version__, "python": platform.python_version()}
    return found | {name: metadata.version(name) for name in _PACKAGES}


def _shipped(study: str) -> Path:
    from crlm.ledger import data_folder

    return data_folder() / study / "cohort.csv"


def commit() -> str:
    """The checkout's commit, with a plus when files were changed since; empty outside git."""
    here = Path(__file__).resolve().parents[1]
    try:
        head, state = (
            subprocess.run(
                ["git", "-C", str(here), *command], capture_output=True, text=True, check=True
            ).stdout.strip()
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head + ("+" if state else "")


def _describe(failure: Any) -> tuple[str, bool]:
    if failure is None:
        return "", False
    family = {error.__name__ for error in (CrlmError, *CrlmError.__subclasses__())}
    where = f"cell {failure.cell_index + 1}"
    return f"{where}: {failure.ename}: {failure.evalue}", failure.ename in family
