"""A YAML file becomes a list of runs, each known by a key of everything it stands on."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from crlm import home, manifest, parameters, run
from crlm.files import checksum
from crlm.ledger import KEYS, ParameterError, data_folder
from crlm.refusals import did_you_mean, number, read_yaml

#: Counts the changes in what a run's folder holds; part of every key.
FORMAT = 3

_MOST = 100_000
_BLOCK = {"study", "notebook", "base", "grid", "list", "cohorts", "seconds"}
_TOP = _BLOCK | {"blocks", "effects"}
#: Beside a synthetic cohort: where it comes from and what it is known to give.
_COMPANIONS = ("certificate.json", "ensemble.json")
_COHORT = {"cohort": "cohort_path", "history": "history_path", "codebook": "codebook_path"}


@dataclass(frozen=True)
class Run:
    """One notebook execution of a batch.

    Attributes
    ----------
    key : str
        Hash of notebook, helper code, tables, codebook, parameters and package
        versions: 16 hexadecimal digits, the name of the run's folder.
    study : str
        The notebook's stem, and the stem of the run's files.
    notebook : str
        Path.
    cohort : str
        The name that the grid gives the cohort; empty for the shipped one.
    parameters : dict
        As typed by the notebook, files as absolute paths.
    output_dir : bool
        Whether the notebook wants to know its folder.
    seconds : float or None
        Time after which the run is given up.
    record : dict
        What `run.json` says of it beside the outcome; no path.
    cell : str
        Checksum of the notebook, under which `Plan.cells` has its parameter cell.
    files : tuple of dict
        What the run reads, as it was when it was planned: `role`, `what` (in words),
        `path`, `sha256`. What is in words a file of `data/` is shipped with crlm.
    table : str
        Hash of the patients' files and of what reads them: equal for runs on the same ones.
    """

    key: str
    study: str
    notebook: str
    cohort: str
    parameters: dict[str, Any]
    output_dir: bool
    seconds: float | None
    record: dict[str, Any]
    cell: str
    files: tuple[dict[str, str], ...] = ()
    table: str = ""

    def told(self) -> dict[str, Any]:
        """The run as `batch.json` has it: no path, no time."""
        names = ("key", "study", "cohort", "cell", "table")
        return {name: getattr(self, name) for name in names} | {
            "parameters": self.record["parameters"]
        }


@dataclass(frozen=True)
class Plan:
    """The runs of a batch in order, the effects to draw, and the notebooks' parameter cells.

    `tables` has, by `Run.table`, what is known of the patients: `kind`, `title`, `note`, `n`.
    """

    runs: tuple[Run, ...]
    effects: tuple[dict[str, Any], ...]
    cells: dict[str, Any]
    repeated: int
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Read:
    """What is read once for all runs of a plan: parameter cells, code, packages, checksums."""

    cells: dict[str, Any]
    code: str = field(default_factory=manifest.code_digest)
    versions: dict[str, str] = field(default_factory=manifest.versions)
    sums: dict[Path, str] = field(default_factory=dict)

    def sum(self, path: Path) -> str:
        if path not in self.sums:
            self.sums[path] = checksum(path)
        return self.sums[path]

    def file(self, role: str, what: str, path: Path) -> dict[str, str]:
        return {"role": role, "what": what, "path": str(path), "sha256": self.sum(path)}


def plan(path: Path, known_cells: Mapping[str, Any] | None = None) -> Plan:
    """Read a grid and check every run against its notebook's own parameter cell.

    Parameters
    ----------
    path : pathlib.Path
        The YAML file; files that it names are relative to its folder.
    known_cells : mapping, optional
        Parameter cells by notebook checksum, from an earlier plan.

    Raises
    ------
    ParameterError
        For a file that cannot be read, an entry or parameter that does not
        exist, a value that does not fit, or a table that is not there.
    """
    grid = _read(path)
    blocks = _blocks(grid, path.name)
    effects = [_effect(effect) for effect in _items(grid.get("effects") or [], "effects")]
    read = _Read(dict(known_cells or {}))
    runs: dict[str, Run] = {}
    total = 0
    for block in blocks:
        for item in _expand(block, path.parent, read):
            total += 1
            runs.setdefault(item.key, item)
    if not runs:
        raise ParameterError(
            f"{path.name} asks for no run: its list of studies or cohorts is empty."
        )
    _refuse_mixed(runs.values())
    used = {item.cell for item in runs.values()}
    cells = {name: cell for name, cell in read.cells.items() if name in used}
    return Plan(tuple(runs.values()), tuple(effects), cells, total - len(runs))


def _refuse_mixed(runs: Iterable[Run]) -> None:
    """Refuse a batch that shows in one run what another hides."""
    found = sorted({int(item.parameters.get("safe", 0)) for item in runs})
    if len(found) > 1:
        listed = ", ".join(map(str, found))
        raise ParameterError(
            f"safe differs between the runs ({listed}): one shows what the other hides. "
            "Write one value under `base`."
        )


# ---- reading ----------------------------------------------------------------


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ParameterError(f"There is no grid file {str(path)!r}.") from None
    except OSError as error:
        raise ParameterError(f"{str(path)!r} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ParameterError(f"{path.name} is not UTF-8. Save it as UTF-8.") from None
    read = read_yaml(path.name, text, ParameterError)
    if read is None:
        raise ParameterError(f"{path.name} is empty. examples/ has grids to start from.")
    return _mapping(read, path.name)


def _blocks(grid: dict[str, Any], name: str) -> list[dict[str, Any]]:
    _only(grid, _TOP, name)
    if "blocks" not in grid:
        return [grid]
    if set(grid) & _BLOCK:
        raise ParameterError(f"{name}: with `blocks`, every other entry belongs into a block.")
    blocks = _items(grid["blocks"], "blocks")
    for block in blocks:
        _only(block, _BLOCK, f"{name}, blocks")
    return blocks


def _effect(given: Any) -> dict[str, Any]:
    """An entry of `effects`, which says what to draw by the keys of a result row."""
    _only(given, {*KEYS, "study", "unit", "label", "published"}, "effects")
    several = {name for name, v in given.items() if isinstance(v, list)} - {"label", "published"}
    return {
        name: [_wanted(name, one) for one in value] if name in several else _wanted(name, value)
        for name, value in given.items()
    }


def _wanted(name: str, value: Any) -> Any:
    """What an effect asks of a key: text or a number."""
    if isinstance(value, (list, dict)) or value is None:
        raise ParameterError(f"effects: {name} is text or a number, not {value!r}.")
    if name not in ("time", "published"):
        return value
    found = number(value)
    if found is None or not math.isfinite(found):
        raise ParameterError(f"effects: {name} is a number, not {value!r}.")
    return found


def _only(found: Any, allowed: set[str], where: str) -> None:
    for name in _mapping(found, where):
        if name not in allowed:
            hint = f"{did_you_mean(name, allowed)} There is: {', '.join(sorted(allowed))}."
            place = " Parameters stand under `base`, `grid` or `list`." if "grid" in allowed else ""
            raise ParameterError(f"{where}: there is no entry {name!r}.{hint}{place}")


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ParameterError(f"{where}: names with values are wanted here, not {value!r}.")
    return value


def _items(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise ParameterError(f"{where}: a list is wanted here, not {value!r}.")
    return value


# ---- expanding --------------------------------------------------------------


def _expand(block: dict[str, Any], folder: Path, read: _Read) -> Iterator[Run]:
    cohorts = _cohorts(block.get("cohorts"), folder)
    points = list(_points(block))
    for notebook in _notebooks(block, folder):
        cell = _cell(notebook, read)
        for label, files in cohorts.items():
            for given in points:
                both = sorted(set(given) & set(files))
                if both:
                    raise ParameterError(f"{', '.join(both)} is given twice, by `cohorts` too.")
                values = {**given, **files}
                yield _run(notebook, cell, label, values, block.get("seconds"), folder, read)


def _notebooks(block: dict[str, Any], folder: Path) -> list[Path]:
    if ("study" in block) == ("notebook" in block):
        raise ParameterError(
            "A grid names either `study` (as in `crlm run`) or `notebook` (a file)."
        )
    named = block.get("study", block.get("notebook"))
    names = named if isinstance(named, list) else [named]
    for name in names:
        if not isinstance(name, str):
            raise ParameterError(f"study or notebook: a name is wanted here, not {name!r}.")
    if "study" in block:
        return [run.notebook_path(name) for name in names]
    paths = [(folder / name).resolve() for name in names]
    for name, path in zip(names, paths, strict=True):
        if not path.is_file() or path.suffix != ".ipynb":
            raise ParameterError(f"There is no notebook {name!r} (.ipynb) beside the grid.")
    return paths


def _cell(notebook: Path, read: _Read) -> dict[str, parameters.Parameter]:
    digest = read.sum(notebook)
    if digest not in read.cells:
        try:
            found = parameters.declared_in(notebook).values()
        except Exception as error:
            raise ParameterError(
                f"{notebook.name} cannot be read as a notebook ({type(error).__name__}: {error})."
            ) from None
        read.cells[digest] = [[p.name, p.type, p.default, p.help] for p in found]
    return {entry[0]: parameters.Parameter(*entry) for entry in read.cells[digest]}


def _cohorts(given: Any, folder: Path) -> dict[str, dict[str, str]]:
    if given is None:
        return {"": {}}
    if isinstance(given, list) and all(isinstance(item, str) for item in given):
        named = {Path(item).stem: item for item in given}
        if len(named) < len(given):
            raise ParameterError("Two cohorts have the same file name: use `cohorts: {a: ...}`.")
        given = named
    if not isinstance(given, dict):
        raise ParameterError(f"cohorts: files are wanted, or names with files, not {given!r}.")
    return {str(label): _cohort(str(label), item, folder) for label, item in given.items()}


def _cohort(label: str, item: Any, folder: Path) -> dict[str, str]:
    entry = {"cohort": item} if isinstance(item, str) else item
    if not isinstance(entry, dict) or "cohort" not in entry:
        raise ParameterError(
            f"cohorts, {label}: a file is wanted, or {{cohort: , history: , codebook: }}, "
            f"not {item!r}."
        )
    _only(entry, set(_COHORT), f"cohorts, {label}")
    return {_COHORT[name]: _file(value, folder) for name, value in entry.items()}


def _file(value: Any, folder: Path) -> str:
    path = (folder / str(value)).resolve()
    if not isinstance(value, str) or not path.is_file():
        raise ParameterError(
            f"There is no file {str(value)!r}. Files are named relative to the grid's folder."
        )
    return str(path)


def _points(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parameters of each run: the product of `grid`, then `list`, both on top of `base`."""
    base = _mapping(block.get("base") or {}, "base")
    listed = _items(block.get("list") or [], "list")
    axes = {name: _axis(name, v) for name, v in _mapping(block.get("grid") or {}, "grid").items()}
    runs = math.prod(len(values) for values in axes.values())
    if runs > _MOST:
        raise ParameterError(f"The grid has {runs:,} combinations; {_MOST:,} is the most.")
    if axes or not listed:
        for values in itertools.product(*axes.values()):
            yield {**base, **dict(zip(axes, values, strict=True))}
    for item in listed:
        yield {**base, **_mapping(item, "list")}


def _axis(name: str, values: Any) -> list[Any]:
    if isinstance(values, dict):
        return _steps(name, values)
    if not isinstance(values, list):
        raise ParameterError(
            f"grid, {name}: a list is wanted here, not {values!r}; one value goes under `base`."
        )
    if not values:
        raise ParameterError(f"grid, {name}: the list is empty, so there would be no run.")
    return values


def _steps(name: str, given: dict[str, Any]) -> list[Any]:
    """`{from: 0.05, to: 0.2, step: 0.05}`, both ends included, in exact decimals."""
    if set(given) - {"from", "to", "step"} or not {"from", "to"} <= set(given):
        raise ParameterError(f"grid, {name}: a range is {{from: , to: , step: }}, not {given}.")
    texts = [given["from"], given["to"], given.get("step", "1")]
    if any(number(text) is None for text in texts) or number(texts[2]) <= 0:
        raise ParameterError(f"grid, {name}: a range needs numbers and a step above 0: {given}.")
    start, end, step = (Decimal(text) for text in texts)
    count = int((end - start) // step) + 1 if end >= start else 0
    if not 0 < count <= _MOST:
        raise ParameterError(f"grid, {name}: {count:,} values lie in {given}; 1 to {_MOST:,} may.")
    found = [start + i * step for i in range(count)]
    whole = all(text.lstrip("+-").isdecimal() for text in texts)
    return [int(value) if whole else float(value) for value in found]


# ---- one run ----------------------------------------------------------------


def _run(
    notebook: Path,
    cell: dict[str, parameters.Parameter],
    label: str,
    given: dict[str, Any],
    seconds: Any,
    folder: Path,
    read: _Read,
) -> Run:
    values = {**given}
    for name in set(run.FILES) & set(values):
        if values[name]:
            values[name] = _file(values[name], folder)
    for name, value in values.items():
        _check_value(name, value, cell)
    checked = parameters.held(values, cell)
    if "output_dir" in checked:
        raise ParameterError("output_dir is set by the batch: every run has its own folder.")
    limit = number(seconds)
    if seconds is not None and not (limit is not None and 0 < limit < math.inf):
        raise ParameterError(f"seconds: a number above 0 is wanted, not {seconds!r}.")
    record, files = _record(notebook, label, checked, read)
    text = json.dumps([FORMAT, record], sort_keys=True, ensure_ascii=False)
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Run(
        key,
        notebook.stem,
        str(notebook),
        label,
        checked,
        "output_dir" in cell,
        limit,
        {"key": key, **_told(record)},
        record["notebook_sha256"],
        files,
        _table(record),
    )


def _told(record: Mapping[str, Any]) -> dict[str, Any]:
    """What `run.json` says of a run: of a safe one no checksum of a table."""
    safe = record["parameters"].get("safe")
    return {k: {} if safe and k == "data_sha256" else v for k, v in record.items()}


def _table(record: Mapping[str, Any]) -> str:
    names = ("study", "data_sha256", "study_sha256", "code_sha256")
    text = json.dumps([record[name] for name in names], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _check_value(name: str, value: Any, cell: Mapping[str, parameters.Parameter]) -> None:
    """Refuse what is no single text, and what `-p` would read as a number that nobody wrote."""
    if not isinstance(value, (str, int, float)):
        raise ParameterError(f"{name} = {value!r} is not one value; write text or a number.")
    wanted = cell[name].type if name in cell else ""
    if wanted == "str" and not isinstance(value, str):
        raise ParameterError(f"{name} = {value!r} is not text; write it in quotes.")
    if isinstance(value, str) and wanted in ("int", "float") and number(value) is None:
        raise ParameterError(
            f"{name} = {value!r} is not of type {wanted}: write the number plainly, as 0.05 or 12."
        )


def _record(
    notebook: Path, label: str, checked: dict[str, Any], read: _Read
) -> tuple[dict[str, Any], tuple[dict[str, str], ...]]:
    """What a run stands on, as `run.json` has it, and the files behind it."""
    study = notebook.stem
    tables, shipped = _tables(study, checked), _study_files(study)
    sent = [r for r in tables if checked.get(_COHORT.get(r, "cohort_path"))]
    files = [read.file("notebook", "the notebook", notebook)]
    files += [
        read.file(role, "the table" if role in sent else f"data/{study}/{path.name}", path)
        for role, path in tables.items()
    ]
    files += [
        read.file("", f"data/{path.relative_to(data_folder()).as_posix()}", path)
        for path in shipped
    ]
    record = {
        "study": study,
        "cohort": label,
        "parameters": run.recorded(checked),
        "data_sha256": {role: read.sum(path) for role, path in tables.items()},
        "notebook_sha256": read.sum(notebook),
        "code_sha256": read.code,
        "lock_sha256": read.sum(home.path("requirements.lock")),
        "study_sha256": {path.name: read.sum(path) for path in shipped},
        "versions": read.versions,
    }
    return record, tuple(files)


def _tables(study: str, checked: Mapping[str, Any]) -> dict[str, Path]:
    """The files of patients that a run reads, by role: the reader's, else the shipped ones."""
    named = {n: Path(checked[p]) for n, p in _COHORT.items() if checked.get(p)}
    folder = data_folder() / study
    if "cohort" not in named:
        shipped = {name: folder / f"{name}.csv" for name in ("cohort", "history")}
        named = {**{n: p for n, p in shipped.items() if p.is_file()}, **named}
    if "cohort" in named:
        source = named["cohort"].with_suffix(".source.toml")
        beside = [named["cohort"].parent / name for name in _COMPANIONS]
        named |= {"source": source} if source.is_file() else {}
        named |= {p.stem: p for p in beside if source.is_file() and p.is_file()}
    return named


def _study_files(study: str) -> list[Path]:
    """What a study's notebook reads by its name: design, claims, shipped tables, certificate."""
    folder = data_folder() / study
    found = sorted(p for p in folder.glob("*") if p.suffix in (".toml", ".csv", ".json"))
    return [data_folder() / "columns.toml", *found]
