"""A batch from its grid to its page: skip what is finished, run the rest, say what came of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from crlm import home, manifest, run, scratch
from crlm.batch import folder as place
from crlm.batch import workers as local_workers
from crlm.batch.grid import Plan, Run, plan
from crlm.batch.lending import NOTHING, Lend, Lending, lending
from crlm.files import forget, is_full
from crlm.ledger import CrlmError, data_folder

#: Reads (study, parameters) of each patient table and tells its kind: see `intake.look`.
Look = Callable[[Sequence[tuple[str, Mapping[str, Any]]]], list[dict[str, Any]]]
#: Writes what the runs of a folder that is held say together: see `overview.collect_held`.
Collect = Callable[[Path], Any]

_UNSEEN = {"kind": "", "title": "", "note": "", "n": 0}
_MADE = ("results.csv", "dates.js", "index.html")
_SAY_EVERY = 10.0
_LINE = "{n_fmt} of {total_fmt} runs{postfix}, {rate_fmt}, about {remaining} left"
_FULL = (
    "The disk is full: no room for {what} in {out}. Finished runs are kept; make room and "
    "start the same command again."
)


@dataclass(frozen=True)
class Summary:
    """How a batch ended.

    Attributes
    ----------
    lines : tuple of dict
        The manifest: one entry a run, in the plan's order.
    skipped : int
        Runs that were finished before.
    seconds : float
        Wall time.
    """

    lines: tuple[dict[str, Any], ...]
    skipped: int
    seconds: float


def batch(
    grid: Path,
    out: Path,
    *,
    workers: int = 0,
    scheduler: str = "",
    kernels: str = "",
    quiet: bool = False,
    look: Look | None = None,
    lend: Lend | None = None,
    collect: Collect | None = None,
) -> Summary:
    """Run every run of a grid that is not finished yet, and have the page written.

    Parameters
    ----------
    grid : pathlib.Path
        The YAML file.
    out : pathlib.Path
        The batch's folder; held until the end.
    workers : int
        Runs at a time; 0 means one a core. A scheduler has its own workers.
    scheduler : str
        Address of a Dask scheduler, or a scheduler file; empty for this machine.
    kernels : str
        "forked", "plain", or empty for what this system can.
    quiet : bool
        No progress.
    look : callable, optional
        Reads the patient tables of a batch before it starts, refuses what cannot be used and
        tells what kind of patients they hold: `intake.look`. Without it a table that cannot be
        read fails its runs, and any table that the grid names counts as the reader's own.
    lend : callable, optional
        Works out what is the same in every run of a study, once for all of them: `once.lend`.
        Without it each run works everything out itself, to the same bytes.
    collect : callable, optional
        Writes the results and the page from the folder: `overview.collect_held`.

    Raises
    ------
    ParameterError, CohortError
        Before anything starts.
    CrlmError
        If another batch holds the folder, it cannot be written to, the disk is full, or crlm
        itself was changed meanwhile.
    """
    started = time.monotonic()
    with _said_full(out):
        planned = planned_of(grid, out, look)
        with place.locked(out):
            scratch.sweep()
            place.sweep(out)
            (out / "runs").mkdir(exist_ok=True)
            told = [item.told() for item in planned.runs]
            kept = {"effects": planned.effects, "tables": planned.tables}
            changed = place.write_plan(out, {"runs": told, **kept})
            todo = [i for i, state in _states(planned, out) if state["status"] != "finished"]
            skipped = len(planned.runs) - len(todo)
            if todo:
                execute = _executor(workers, scheduler, kernels)
                with lending(todo, lend) as desk:
                    _drive(todo, desk, out, execute, _progress(len(planned.runs), skipped, quiet))
            lines = tuple(place.line(state) for _, state in _states(planned, out))
            changed |= place.manifest(out, lines)
            there = all((out / name).is_file() for name in _MADE)
            if collect and (changed or todo or not there):
                collect(out)
    return Summary(lines, skipped, time.monotonic() - started)


@contextlib.contextmanager
def _said_full(out: Path) -> Iterator[None]:
    """Say of a full disk what it costs."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise CrlmError(_FULL.format(what="what is left to write", out=out)) from None
        raise


def planned_of(grid: Path, out: Path, look: Look | None = None) -> Plan:
    """The runs of a grid, their patient tables read and known by kind.

    What an earlier plan in `out` says of the same tables under the same code is taken over.

    Raises
    ------
    ParameterError, CohortError
        If the grid or one of its tables cannot be used; the message has all that is wrong
        with the tables.
    """
    before = place.read_plan(out)
    planned = plan(grid)
    named = {item.table: item for item in planned.runs}
    known = {name: kind for name, kind in before.get("tables", {}).items() if kind["n"]}
    unseen = {name: item for name, item in named.items() if name not in known}
    found = (look or _guess)([(item.study, item.parameters) for item in unseen.values()])
    known |= dict(zip(unseen, found, strict=True))
    if look is not None:
        forget()
    tables = {name: _told(known[name], named[name]) for name in named}
    commit = home.commit()
    runs = tuple(
        replace(item, record={**item.record, "commit": commit, "patients": tables[item.table]})
        for item in planned.runs
    )
    return replace(planned, runs=runs, tables=tables)


def _told(table: dict[str, Any], item: Run) -> dict[str, Any]:
    """What is said of a table: of a safe run's its kind alone."""
    return {**_UNSEEN, "kind": table["kind"]} if item.parameters.get("safe") else table


def _guess(tables: Sequence[tuple[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The kinds of tables that nobody looks into: the reader's own where one is named."""
    found = []
    for study, values in tables:
        shipped = "reconstructed" if (data_folder() / study / "cohort.csv").is_file() else ""
        found.append({**_UNSEEN, "kind": "own" if run.is_own(values) else shipped})
    return found


def _states(planned: Plan, out: Path) -> list[tuple[Run, dict[str, Any]]]:
    return [(item, place.state(out, item.told())) for item in planned.runs]


def _executor(workers: int, scheduler: str, kernels: str) -> Callable[..., Any]:
    if scheduler:
        from crlm.batch import cluster

        return lambda jobs: cluster.on_scheduler(jobs, scheduler)
    able = local_workers.can_fork()
    if kernels == "forked" and not able:
        raise CrlmError("Kernels can be forked on Linux only. Leave --kernels out.")
    if not able and not kernels:
        print(
            "crlm: this system cannot fork safely: a fresh kernel is started for each run.",
            file=sys.stderr,
        )
    return lambda jobs: local_workers.local(jobs, workers or _cores(), kernels)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if local_workers.can_fork() else os.cpu_count() or 1


def job_of(item: Run, out: Path, offer: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
    """A run as it is given to a worker, with what it is lent."""
    job = {**asdict(item), "part": str(place.part(out, item.key))}
    return {**job, "private": run.is_own(item.parameters), "lent": dict(offer)}


def _drive(
    todo: list[Run],
    desk: Lending,
    out: Path,
    execute: Callable[..., Any],
    progress: _Progress,
) -> None:
    items = {item.key: item for item in todo}
    outcomes = execute([job_of(item, out.resolve(), desk.offer(item)) for item in todo])
    try:
        for result in outcomes:
            if result is not None:
                _take_in(items[result["key"]], result, out)
                desk.take_back(items[result["key"]], result["status"])
            progress.said(result)
    finally:
        outcomes.close()
        progress.close()
        place.sweep(out)


def _take_in(item: Run, result: Mapping[str, Any], out: Path) -> None:
    made = Path(result["folder"])
    if manifest.code_digest() != item.record["code_sha256"]:
        raise CrlmError(
            "crlm's own code was changed while the batch ran. Finished runs are kept; start the "
            "same command again."
        )
    if result.get("full"):
        shutil.rmtree(made, ignore_errors=True)
        raise CrlmError(_FULL.format(what=f"run {item.key}", out=out))
    place.adopt(out, item, result)


# ---- progress ---------------------------------------------------------------


class _Progress(tqdm):
    """A bar over the runs on a screen; a line every so often in a pipe."""

    failed = 0

    def said(self, result: Mapping[str, Any] | None) -> None:
        """A run has ended; None: time has gone by."""
        self.failed += result is not None and result["status"] != "finished"
        self.set_postfix_str(f"{self.failed} failed" if self.failed else "", refresh=False)
        self.update(result is not None)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Show how far it is; in a pipe not before there is something to tell."""
        if sys.stderr.isatty():
            super().display(msg, pos)
        elif self.n or self.format_dict["elapsed"] >= _SAY_EVERY:
            # Of a rate that is not known yet there are question marks.
            print(str(self).partition(", ?")[0], file=sys.stderr, flush=True)

    def close(self) -> None:
        """Say the last, once."""
        if sys.stderr.isatty():
            super().close()
        elif not self.disable:
            if self.n != self.last_print_n:
                self.display()
            self.disable = True


def _progress(total: int, skipped: int, quiet: bool) -> _Progress:
    _Progress.monitor_interval = 0
    looks: dict[str, Any] = {"dynamic_ncols": True}
    if not sys.stderr.isatty():
        looks = {"bar_format": _LINE, "mininterval": _SAY_EVERY}
    usual = {"unit": "run", "smoothing": 0, "miniters": 0, "disable": quiet}
    return _Progress(total=total, initial=skipped, **usual, **looks)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


# ---- dry run ----------------------------------------------------------------


def preview(grid: Path, out: Path, workers: int = 0, look: Look | None = None) -> str:
    """The runs of a grid as text, what of them is finished, and how long the rest may take."""
    planned = planned_of(grid, out, look)
    states = [(item, state["status"]) for item, state in _states(planned, out)]
    lines = [
        f"{number:>4}  {item.key}  {status:<9} {describe(item.record)}"
        for number, (item, status) in enumerate(states, 1)
    ]
    todo = sum(status != "finished" for _, status in states)
    lines.append(f"{len(states)} runs, {len(states) - todo} finished, {todo} to go")
    if planned.repeated:
        lines.append(f"{planned.repeated} repetitions of the same run were left out")
    workers = workers or _cores()
    measured = place.seconds_a_run(out)
    each = measured or 5.0
    source = "the median of this folder's runs" if measured else "a guess until a run is timed"
    total = _duration(each * -(-todo // workers) + (3 if todo else 0))
    lines.append(f"about {total} with {workers} at a time ({each:.1f} s a run, {source})")
    return "\n".join(lines)


def describe(record: Mapping[str, Any]) -> str:
    """A run in a few words: study, cohort, parameters."""
    values = [
        f"{name}={value}"
        for name, value in record["parameters"].items()
        if not name.endswith("_path")
    ]
    return " ".join([record["study"], *([record["cohort"]] if record["cohort"] else []), *values])


def tell(summary: Summary, out: Path) -> str:
    """How the batch ended, and where its page is."""
    states = [line["status"] for line in summary.lines]
    counts = f"{states.count('finished')} of {len(states)} runs finished"
    earlier = f", {summary.skipped} of them before" if summary.skipped else ""
    return f"{counts}{earlier}; {_duration(summary.seconds)}\n{out / 'index.html'}"


def tell_failures(summary: Summary) -> str:
    """Which runs failed, in which cell and why; empty if none did."""
    failed = [line for line in summary.lines if line["status"] != "finished"]
    if not failed:
        return ""
    lines = [f"crlm: {len(failed)} of {len(summary.lines)} runs failed"]
    for line in failed[:50]:
        where = f"cell {line['cell']}" if line["cell"] else "before its first cell"
        why = line["error"].strip().splitlines()[0][:200] if line["error"].strip() else ""
        lines.append(f"  {line['key']}  {describe(line)}\n      {where}: {why}")
    if len(failed) > 50:
        lines.append(f"  and {len(failed) - 50} more: see manifest.jsonl")
    return "\n".join(lines)
