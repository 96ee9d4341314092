"""A YAML file becomes a list of runs, each known by a key of everything it stands on."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from crlm import manifest, parameters, run
from crlm.files import checksum
from crlm.ledger import KEYS, ParameterError, data_folder
from crlm.refusals import did_you_mean, number, read_yaml

#: Counts the changes in what a run's folder holds; part of every key.
FORMAT = 4

_MOST = 100_000
#: Seconds, some four months: clocks of the system take no more.
_LONGEST = 10_000_000
_BLOCK = {"study", "notebook", "base", "grid", "list", "cohorts", "seconds"}
_TOP = _BLOCK | {"blocks", "effects"}
_COHORT = {"cohort": "cohort_path", "history": "history_path", "codebook": "codebook_path"}


@dataclass(frozen=True)
class Run:
    """One notebook execution of a batch.

    Attributes
    ----------
    key : str
        Hash of everything the run stands on, in 16 hexadecimal digits: the name of its folder.
    study, notebook : str
        The notebook's stem, which is the stem of the run's files, and its path.
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
    values : dict
        All parameters of the notebook, these and those left as they are; files by name.
    files : tuple of dict
        What the run reads, as it was when it was planned: `what` (in words), `path`, `sha256`.
        What is in words a file of `data/` is shipped with crlm.
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
    values: dict[str, Any]
    files: tuple[dict[str, str], ...] = ()
    table: str = ""

    def told(self) -> dict[str, Any]:
        """The run as `batch.json` has it: no path, no time."""
        told = {name: getattr(self, name) for name in ("key", "study", "cohort", "table", "values")}
        return told | {"parameters": self.record["parameters"]}


@dataclass(frozen=True)
class Plan:
    """The runs of a batch in order, and the effects to draw.

    `tables` has, by `Run.table`, what is known of the patients: `kind`, `title`, `note`, `n`.
    """

    runs: tuple[Run, ...]
    effects: tuple[dict[str, Any], ...]
    repeated: int
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)


def plan(path: Path) -> Plan:
    """Read a grid and check every run against its notebook's own parameter cell.

    Parameters
    ----------
    path : pathlib.Path
        The YAML file; files that it names are relative to its folder.

    Raises
    ------
    ParameterError
        For a file that cannot be read, an entry or parameter that does not
        exist, a value that does not fit, or a table that is not there.
    """
    grid = _read(path)
    blocks = _blocks(grid, path.name)
    effects = [_effect(effect) for effect in _items(grid.get("effects") or [], "effects")]
    reader = _Reader(path.parent)
    found = [item for block in blocks for item in reader.runs(block)]
    runs: dict[str, Run] = {}
    for item in found:
        runs.setdefault(item.key, item)
    if not runs:
        raise ParameterError(
            f"{path.name} asks for no run: its list of studies or cohorts is empty."
        )
    shown = sorted({int(item.parameters.get("safe", 0)) for item in found})
    if len(shown) > 1:
        raise ParameterError(
            f"safe differs between the runs ({', '.join(map(str, shown))}): one shows what the "
            "other hides. Write one value under `base`."
        )
    return Plan(tuple(runs.values()), tuple(effects), len(found) - len(runs))


# ---- what may stand in it ---------------------------------------------------


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ParameterError(
            f"There is no grid file {str(path)!r}. A grid is a YAML file that names its study and "
            "the values to run; copy one of examples/."
        ) from None
    except OSError as error:
        raise ParameterError(f"{str(path)!r} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ParameterError(f"{path.name} is not UTF-8. Save it as UTF-8.") from None
    read = read_yaml(path.name, text, ParameterError)
    if read is None:
        raise ParameterError(f"{path.name} is empty. examples/ has grids to start from.")
    return _only(read, _TOP, path.name)


def _blocks(grid: dict[str, Any], name: str) -> list[dict[str, Any]]:
    if "blocks" not in grid:
        return [grid]
    if set(grid) & _BLOCK:
        raise ParameterError(f"{name}: with `blocks`, every other entry belongs into a block.")
    return [_only(b, _BLOCK, f"{name}, blocks") for b in _items(grid["blocks"], "blocks")]


def _effect(given: Any) -> dict[str, Any]:
    """An entry of `effects`, which says what to draw by the keys of a result row."""
    _only(given, {*KEYS, "study", "unit", "label", "published"}, "effects")
    single = ("label", "published")
    return {
        name: [_wanted(name, one) for one in value]
        if isinstance(value, list) and name not in single
        else _wanted(name, value)
        for name, value in given.items()
    }


def _wanted(name: str, value: Any) -> Any:
    """What an effect asks of a key: text or a number."""
    if isinstance(value, (list, dict)) or value is None:
        raise ParameterError(f"effects: {name} is text or a number, not {value!r}.")
    if name not in ("time", "published"):
        return value
    return _number(f"effects: {name} is a number", value)


def _number(wanted: str, value: Any, least: float = -math.inf, most: float = math.inf) -> float:
    found = number(value)
    if found is None or not least < found <= most or math.isinf(found):
        raise ParameterError(f"{wanted}, not {value!r}.")
    return found


def _only(found: Any, allowed: set[str], where: str) -> dict[str, Any]:
    for name in _mapping(found, where):
        if name not in allowed:
            hint = f"{did_you_mean(name, allowed)} There is: {', '.join(sorted(allowed))}."
            place = " Parameters stand under `base`, `grid` or `list`." if "grid" in allowed else ""
            raise ParameterError(f"{where}: there is no entry {name!r}.{hint}{place}")
    return found


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ParameterError(f"{where}: names with values are wanted here, not {value!r}.")
    return value


def _items(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise ParameterError(f"{where}: a list is wanted here, not {value!r}.")
    return value


# ---- the parameters of each run ---------------------------------------------


def _points(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The product of `grid`, then `list`, both on top of `base`."""
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
    count: float = math.inf
    with contextlib.suppress(ArithmeticError):
        count = int((end - start) // step) + 1 if end >= start else 0
    if not 0 < count <= _MOST:
        told = "too many" if math.isinf(count) else f"{count:,}"
        raise ParameterError(f"grid, {name}: {told} values lie in {given}; 1 to {_MOST:,} may.")
    whole = all(text.lstrip("+-").isdecimal() for text in texts)
    return [(int if whole else float)(start + i * step) for i in range(count)]


# ---- the runs ---------------------------------------------------------------


@dataclass(frozen=True)
class _Reader:
    """Makes runs; parameter cells, code, packages and checksums are read once for all of them."""

    folder: Path
    cells: dict[Path, dict[str, parameters.Parameter]] = field(default_factory=dict)
    code: str = field(default_factory=manifest.code_digest)
    versions: dict[str, str] = field(default_factory=manifest.versions)
    sum: Callable[[Path], str] = field(default_factory=lambda: functools.cache(checksum))

    def runs(self, block: dict[str, Any]) -> Iterator[Run]:
        """The runs of a block: each notebook on each cohort at each point of the grid."""
        cohorts, points, seconds = self._cohorts(block), list(_points(block)), block.get("seconds")
        if seconds is not None:
            wanted = f"seconds: a number above 0 and up to {_LONGEST:,} is wanted"
            seconds = _number(wanted, seconds, 0, _LONGEST)
        for notebook in self._notebooks(block):
            for label, files in cohorts.items():
                for given in points:
                    if both := sorted(set(given) & set(files)):
                        raise ParameterError(f"{', '.join(both)} is given twice, by `cohorts` too.")
                    yield self._run(notebook, label, {**given, **files}, seconds)

    def _notebooks(self, block: dict[str, Any]) -> list[Path]:
        if ("study" in block) == ("notebook" in block):
            raise ParameterError(
                "A grid names either `study` (as in `crlm run`) or `notebook` (a file)."
            )
        named = block.get("study", block.get("notebook"))
        found = []
        for name in named if isinstance(named, list) else [named]:
            if not isinstance(name, str):
                raise ParameterError(f"study or notebook: a name is wanted here, not {name!r}.")
            path = run.notebook_path(name) if "study" in block else self._there(name)
            if path is None or path.suffix != ".ipynb":
                raise ParameterError(f"There is no notebook {name!r} (.ipynb) beside the grid.")
            found.append(path)
        return found

    def _cohorts(self, block: dict[str, Any]) -> dict[str, dict[str, str]]:
        given = block.get("cohorts")
        if given is None:
            return {"": {}}
        if isinstance(given, list) and all(isinstance(item, str) for item in given):
            listed, given = given, {Path(item).stem: item for item in given}
            if len(given) < len(listed):
                raise ParameterError(
                    "Two cohorts have the same file name: use `cohorts: {a: ...}`."
                )
        if not isinstance(given, dict):
            raise ParameterError(f"cohorts: files are wanted, or names with files, not {given!r}.")
        return {str(label): self._cohort(str(label), item) for label, item in given.items()}

    def _cohort(self, label: str, item: Any) -> dict[str, str]:
        entry = {"cohort": item} if isinstance(item, str) else item
        if not isinstance(entry, dict) or "cohort" not in entry:
            raise ParameterError(
                f"cohorts, {label}: a file is wanted, or {{cohort: , history: , codebook: }}, "
                f"not {item!r}."
            )
        _only(entry, set(_COHORT), f"cohorts, {label}")
        return {_COHORT[name]: self._file(value) for name, value in entry.items()}

    def _file(self, value: Any) -> str:
        path = self._there(value) if isinstance(value, str) else None
        if path is None:
            raise ParameterError(
                f"There is no file {str(value)!r}. Files are named relative to the grid's folder."
            )
        return str(path)

    def _there(self, name: str) -> Path | None:
        """A file by its name beside the grid, if there is one."""
        with contextlib.suppress(OSError, ValueError):
            path = (self.folder / name).resolve()
            return path if path.is_file() else None
        return None

    def _cell(self, notebook: Path) -> dict[str, parameters.Parameter]:
        if notebook not in self.cells:
            try:
                self.cells[notebook] = parameters.declared_in(notebook)
            except Exception as error:
                why = f"{type(error).__name__}: {error}"
                raise ParameterError(
                    f"{notebook.name} cannot be read as a notebook ({why})."
                ) from None
        return self.cells[notebook]

    def _run(self, notebook: Path, label: str, given: dict[str, Any], seconds: float | None) -> Run:
        cell = self._cell(notebook)
        values = {n: self._file(v) if n in run.FILES and v else v for n, v in given.items()}
        for name, value in values.items():
            if not isinstance(value, (str, int, float)):
                raise ParameterError(f"{name} = {value!r} is not one value: text or a number.")
        checked = parameters.held(values, cell)
        if "output_dir" in checked:
            raise ParameterError("output_dir is set by the batch: every run has its own folder.")
        used = manifest.input_files(notebook.stem, notebook, checked)
        sums = {path: self.sum(path) for path in used.values()}
        record = {
            "study": notebook.stem,
            "cohort": label,
            "parameters": run.recorded(checked),
            "inputs": manifest.recorded(used, sums),
            "code_sha256": self.code,
            "versions": self.versions,
        }
        key = _digest([FORMAT, record])
        read = {role: path for role, path in used.items() if role not in ("notebook", "lock")}
        table = _digest([notebook.stem, self.code, {role: sums[p] for role, p in read.items()}])
        if checked.get("safe"):
            kept = {r: file for r, file in used.items() if r not in manifest.OF_PATIENTS}
            record["inputs"] = manifest.recorded(kept, sums)
        files = [("the notebook", notebook), *((_what(r, p, checked), p) for r, p in read.items())]
        return Run(
            key=key,
            study=notebook.stem,
            notebook=str(notebook),
            cohort=label,
            parameters=checked,
            output_dir="output_dir" in cell,
            seconds=seconds,
            record={"key": key, **record},
            values=_told(cell) | record["parameters"],
            files=tuple({"what": w, "path": str(p), "sha256": sums[p]} for w, p in files),
            table=table,
        )


def _what(role: str, path: Path, values: Mapping[str, Any]) -> str:
    """A file in words: the reader's table, or its place in `data/`."""
    named = values.get(f"{role.partition(' ')[0]}_path")
    if role in manifest.OF_PATIENTS and named:
        return "the table"
    return f"data/{path.relative_to(data_folder()).as_posix()}"


def _told(cell: Mapping[str, parameters.Parameter]) -> dict[str, Any]:
    """What a notebook's parameters are where no run says otherwise; lists as their text."""
    given = {name: one.default for name, one in cell.items() if name != "output_dir"}
    plain = (str, int, float, type(None))
    return {name: v if isinstance(v, plain) else str(v) for name, v in given.items()}


def _digest(thing: Any) -> str:
    text = json.dumps(thing, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
