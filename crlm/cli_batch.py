"""`crlm batch` and `crlm collect`: many runs of a grid, and what they say together.

Exit codes: 0 every run is finished; 1 a run failed; 2 the grid or the folder
cannot be used, or the disk is full; 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from crlm import home


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add `batch` and `collect` to a parser's commands."""
    batch = commands.add_parser("batch", help="run a grid of parameters and write one page")
    batch.add_argument("grid", type=Path, help="YAML file; see examples/")
    batch.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="where to write (default: reports/<name of the grid>)",
    )
    batch.add_argument(
        "--workers",
        metavar="N",
        type=_at_least_one,
        default=0,
        help="runs at a time (default: one a core)",
    )
    batch.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        default="",
        help="a Dask scheduler: tcp://host:port, a scheduler file, "
        "or `config` for Dask's own configuration",
    )
    batch.add_argument(
        "--kernels",
        choices=["forked", "plain"],
        default="",
        help="fork a warm process for each run (Linux), or start a fresh "
        "kernel (default: what this system can)",
    )
    batch.add_argument("--dry-run", action="store_true", help="list the runs and stop")
    batch.add_argument("-q", "--quiet", action="store_true", help="no progress, no summary")
    batch.set_defaults(handler=_batch)
    collect = commands.add_parser("collect", help="rebuild a batch's results and page")
    collect.add_argument("folder", type=Path, metavar="DIR")
    collect.set_defaults(handler=_collect)


def _at_least_one(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a number from 1 on is wanted, not {text!r}")
    return int(text)


def _batch(arguments: argparse.Namespace) -> int:
    from crlm import intake, once, overview
    from crlm.batch import driving

    _refuse_close(arguments.grid)
    out = arguments.out or home.reports() / arguments.grid.stem
    if arguments.dry_run:
        print(driving.preview(arguments.grid, out, arguments.workers, intake.look))
        return 0
    try:
        summary = driving.batch(
            arguments.grid,
            out,
            workers=arguments.workers,
            scheduler=arguments.scheduler,
            kernels=arguments.kernels,
            quiet=arguments.quiet,
            look=intake.look,
            lend=once.lend,
            collect=overview.collect_held,
        )
    except KeyboardInterrupt:
        print(
            "\ncrlm: interrupted; finished runs are kept, the same command goes on from here",
            file=sys.stderr,
        )
        return 130
    if not arguments.quiet:
        print(driving.tell(summary, out))
    failed = driving.tell_failures(summary)
    if failed:
        print(failed, file=sys.stderr)
    return 1 if failed else 0


def _refuse_close(path: Path) -> None:
    """Refuse a grid of safe runs in which a few patients tell two runs apart."""
    from crlm.batch import grid

    found = grid.plan(path)
    if not any(item.parameters.get("safe") for item in found.runs):
        return
    from crlm.privacy import refuse_close

    refuse_close(
        (item.study, Path(item.notebook), item.values | item.parameters) for item in found.runs
    )


def _collect(arguments: argparse.Namespace) -> int:
    from crlm import overview

    rows = overview.collect(arguments.folder)
    print(f"{rows} result rows in {arguments.folder / 'results.csv'}")
    print(arguments.folder / "index.html")
    return 0
