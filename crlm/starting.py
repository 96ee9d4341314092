"""A third paper: the files that it needs, laid out with every key that they may hold."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

from crlm import ledger
from crlm.ledger import Design, DesignError, ParameterError
from crlm.reconstruction import wishes_schema

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
#: `crlm ledger import TABLE` reads a table; Windows has devices of the other names.
_RESERVED = ("import", "con", "prn", "aux", "nul")
_FILES = ("design.toml", "published.csv", "reconstruction.toml", "README.md")
_EXAMPLE = {"text": '"..."', "number": "0.0", "whole number": "0", "true or false": "false"}
_WIDTH = 88


def new_study(study: str, data: Path, notebooks: Path, like: str = "") -> list[Path]:
    """Lay out a study: design, ledger, what the search needs, README, and a notebook pair.

    Where the folder of notebooks does not say yet that they are pairs, jupytext.toml says so.

    Parameters
    ----------
    study : str
        Its name: small letters, digits and _.
    data, notebooks : pathlib.Path
        Folders of studies and of notebooks; they are made where they are not there.
    like : str
        A study whose design is copied; "" for a commented one with every key.

    Returns
    -------
    list of pathlib.Path
        What was written.

    Raises
    ------
    ParameterError
        If the name will not do, or anything of that name is there already; nothing is
        written then.
    DesignError
        If there is no study `like`.

    Examples
    --------
    >>> new_study("No Name", Path("data"), Path("notebooks"))
    Traceback (most recent call last):
    crlm.ledger.errors.ParameterError: 'No Name' is no name of a study: small letters, ...
    """
    pair = [notebooks / f"{study}{end}" for end in (".md", ".ipynb")]
    _refuse_taken(study, [data / study, *pair])
    for folder in (data, notebooks):
        folder.mkdir(parents=True, exist_ok=True)
    model = ledger.load_design(like) if like else None
    with TemporaryDirectory(dir=data, prefix=".new-") as made:
        for name in _FILES:
            (Path(made) / name).write_text(_file(name, study, model), encoding="utf-8")
        text, notebook = _notebook(study)
        shutil.copytree(made, data / study)
    for path, content in zip(pair, (text, notebook), strict=True):
        path.write_text(content, encoding="utf-8")
    pairing = notebooks / "jupytext.toml"
    if pairing.exists():
        return [*(data / study / name for name in _FILES), *pair]
    pairing.write_text(_template(pairing.name), encoding="utf-8")
    return [*(data / study / name for name in _FILES), *pair, pairing]


def _refuse_taken(study: str, paths: Iterable[Path]) -> None:
    if not _NAME.fullmatch(study):
        raise ParameterError(
            f"{study[:60]!r} is no name of a study: small letters, digits and _, a letter first, "
            "40 at most."
        )
    if study in _RESERVED:
        raise ParameterError(
            f"{study!r} means something else, to crlm or to Windows. Take another name."
        )
    taken = [f"{path.parent.name}/{path.name}" for path in paths if path.exists()]
    if taken:
        raise ParameterError(
            f"{', '.join(taken)} is there already, and nothing is overwritten. "
            "Take another name, or remove it first."
        )


def _file(name: str, study: str, model: Design | None) -> str:
    """A file of the new study; the design and what the search needs as the model's, if any."""
    if model and name in ("design.toml", "reconstruction.toml"):
        source = model.folder / name
        if not source.is_file():
            raise DesignError(f"{model.study} has no {name} to copy. Leave --from out.")
        return _untitled(source.read_text(encoding="utf-8").replace(model.study, study))
    text = _template(name).replace("{{STUDY}}", study)
    if name == "published.csv" and model:
        return text.partition("\n")[0] + "\n"
    if name == "design.toml":
        text = _with_keys(text, ledger.design_schema())
    if name == "reconstruction.toml":
        text = _with_keys(text, wishes_schema())
    return text


def is_as_laid_out(design: Design) -> bool:
    """Whether reconstruction.toml still says what `new_study` wrote of an invented paper.

    Its columns and dates are then nobody's, and no fault of whoever wrote the design.
    """
    path = design.folder / "reconstruction.toml"
    if not path.is_file():
        return False
    laid_out = re.sub(r"\{\{.*?\}\}", "", _template(path.name))
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) == tomllib.loads(laid_out)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False


def _untitled(text: str) -> str:
    """A copied design without the title and citation of the paper that it was made for."""
    for key, written in ledger.SKELETON.items():
        text = re.sub(rf"^{key} = .*$", f'{key} = "{written}"', text, count=1, flags=re.MULTILINE)
    return text


def _template(name: str) -> str:
    path = resources.files("crlm") / "templates" / "new_study" / name
    return path.read_text(encoding="utf-8")


# ---- every key that a file may hold -----------------------------------------------------------


def _with_keys(text: str, schema: Iterable[ledger.SchemaRow]) -> str:
    """The template with all keys of each table below those that it uses, as comments."""
    tables: dict[str, list[ledger.SchemaRow]] = {}
    for row in schema:
        tables.setdefault(row.table, []).append(row)
    shown: set[str] = set()

    def keys(found: re.Match[str]) -> str:
        table = found.group(1)
        shown.add(table)
        used = set(re.findall(r"^(?:# )?(\w+) =", _block(text, found.start()), re.MULTILINE))
        return "".join(_commented(row) for row in tables[table] if row.key not in used).rstrip()

    filled = re.sub(r"\{\{KEYS (.*?)\}\}", keys, text)
    filled = re.sub(r"\n{3,}", "\n\n", filled)
    rest = [name for name in tables if name and name not in shown and name != "[NAME]"]
    listed = "\n".join(f"# {name}\n" + "".join(map(_commented, tables[name])) for name in rest)
    if "{{REST}}" in filled:
        return filled.replace("{{REST}}", listed.rstrip())
    return f"{filled.rstrip()}\n\n# ---- further tables that a design may have ----\n{listed}"


def _block(text: str, end: int) -> str:
    """The table of a template that ends at a place, itself perhaps a comment."""
    heads = [found.start() for found in re.finditer(r"^(# )?\[", text[:end], re.MULTILINE)]
    return text[heads[-1] if heads else 0 : end]


def _commented(row: ledger.SchemaRow) -> str:
    kind = row.kind.removeprefix("list of ").removeprefix("list of ")
    example = _EXAMPLE.get(kind, "{}")
    for _ in range((len(row.kind) - len(kind)) // len("list of ")):
        example = f"[{example}]"
    if row.kind == "date":
        example = "2015-01-31"
    values = f" ({row.values})" if row.values else ""
    return f"# {row.key} = {example}  # {row.about}{values}\n"


# ---- the notebook -----------------------------------------------------------------------------


def _notebook(study: str) -> tuple[str, str]:
    """The text twin and the notebook, which has not run yet."""
    import jupytext

    text = _template("notebook.md").replace("{{STUDY}}", study)
    return text, jupytext.writes(jupytext.reads(text, fmt="md:myst"), fmt="ipynb")


def words_of_the_files() -> str:
    """Every key of the hand-written files with its allowed values, as tables in Markdown."""
    parts = []
    for name, schema in (
        ("published.csv", ledger.claims_schema()),
        ("design.toml", ledger.design_schema()),
        ("reconstruction.toml", wishes_schema()),
    ):
        lines = ["| table | key | what it is | allowed |", "|---|---|---|---|"]
        for row in schema:
            need = "" if row.required else " (may be left out)"
            allowed = " ".join(filter(None, [row.kind, row.values])).replace("|", "\\|")
            lines.append(f"| {row.table} | `{row.key}` | {row.about}{need} | {allowed} |")
        parts.append(f"### {name}\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"
