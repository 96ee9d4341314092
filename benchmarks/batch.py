"""How much faster is `crlm batch` than the shell loops it replaces, and are the numbers the same?

    python benchmarks/batch.py [--runs 40] [--sample 8] [--study mskcc_hai] [--cohort FILE]
                               [--one-seed]

One session times the batch, a second start of it, the serial loop `papermill && jupyter nbconvert
--to html`, the same loop under `xargs -P 2`, and `crlm run` of one of the runs beside one turn of
the loop. The loops have no state between runs, so they are timed on a sample of the runs and
scaled to all of them; `--sample 40` times them whole. Each run has another seed, so that it can
borrow no resample; with `--one-seed` another landmark, as in a grid of choices. On a machine that
others use as well, processor time tells more than the clock. The result rows of every sampled run
are compared number for number. It starts all from one folder and removes it.
"""

from __future__ import annotations

import argparse
import resource
import shlex
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sysconfig.get_path("scripts"))


def timed(command: list[str], **options: object) -> tuple[float, float]:
    """Seconds by the clock, and of processors."""
    started, used = time.perf_counter(), processors()
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - started, processors() - used


def processors() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def points(runs: int, one_seed: bool) -> list[dict[str, object]]:
    """Different parameters for each run: tie rule, entry p, and seed or landmark."""
    found: list[dict[str, object]] = [
        {"ties": ("efron", "breslow")[i % 2], "entry_p": (0.05, 0.1)[i // 2 % 2]}
        for i in range(runs)
    ]
    last = [{"landmark_months": 3 + i // 4} if one_seed else {"seed": i + 1} for i in range(runs)]
    return [point | more for point, more in zip(found, last, strict=True)]


def loop_line(study: str, values: dict[str, object], out: Path) -> str:
    """What one turn of the shell loop does."""
    executed = out / f"{study}.ipynb"
    given = " ".join(f"-p {name} {shlex.quote(str(value))}" for name, value in values.items())
    notebook = ROOT / "notebooks" / f"{study}.ipynb"
    return (
        f"mkdir -p {out} && {BIN}/papermill {notebook} {executed} {given} -p output_dir {out} "
        f"--no-progress-bar && {BIN}/jupyter nbconvert --to html {executed}"
    )


def run_loops(lines: list[str], at_once: int) -> tuple[float, float]:
    text = "\0".join(lines)
    return timed(["xargs", "-0", "-P", str(at_once), "-I", "{}", "sh", "-c", "{}"], input=text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--sample", type=int, default=8)
    parser.add_argument("--study", default="mskcc_hai")
    parser.add_argument("--cohort", default="")
    parser.add_argument("--one-seed", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), options)


def compare(folder: Path, options: argparse.Namespace) -> None:
    chosen = points(options.runs, options.one_seed)
    grid: dict[str, object] = {"study": options.study, "list": chosen}
    files = {}
    if options.cohort:
        files = {"cohort_path": str(Path(options.cohort).resolve())}
        grid["cohorts"] = {"table": files["cohort_path"]}
    (folder / "grid.yaml").write_text(yaml.safe_dump(grid))
    command = [
        sys.executable,
        "-m",
        "crlm.cli",
        "batch",
        str(folder / "grid.yaml"),
        "--out",
        str(folder / "batch"),
        "--workers",
        "2",
        "--quiet",
    ]
    spent = {"crlm batch": timed(command, cwd=ROOT)}
    spent["second start"] = timed(command, cwd=ROOT)
    sampled = chosen[:: max(1, len(chosen) // options.sample)][: options.sample]
    scale = len(chosen) / len(sampled)
    for name, at_once in (("serial loop", 1), ("xargs -P 2", 2)):
        lines = [
            loop_line(options.study, {**point, **files}, folder / name.split()[0] / str(i))
            for i, point in enumerate(sampled)
        ]
        spent[name] = tuple(scale * seconds for seconds in run_loops(lines, at_once))
    tell(spent, len(chosen), len(sampled))
    tell_one(run_alone(options.study, {**sampled[0], **files}, folder), spent, len(chosen))
    print(f"numbers identical: {identical(folder, sampled, options.study)} of {len(sampled)} runs")


def run_alone(study: str, values: dict[str, object], folder: Path) -> tuple[float, float]:
    command = [sys.executable, "-m", "crlm.cli", "run", study, "--out", str(folder / "alone")]
    for name, value in values.items():
        command += ["-p", name, str(value)]
    return timed(command, cwd=ROOT)


def tell_one(alone: tuple[float, float], spent: dict[str, tuple[float, float]], runs: int) -> None:
    turn = [seconds / runs for seconds in spent["serial loop"]]
    print(f"crlm run       {alone[0]:7.1f} s by the clock, {alone[1]:7.1f} s of processors")
    ratios = [loop / ours for loop, ours in zip(turn, alone, strict=True)]
    print(f"faster than a turn: {ratios[0]:.1f} times; work saved: {ratios[1]:.1f} times less")


def tell(spent: dict[str, tuple[float, float]], runs: int, sampled: int) -> None:
    for name, (clock, used) in spent.items():
        scaled = name in ("serial loop", "xargs -P 2") and sampled < runs
        note = f" (scaled from {sampled} runs)" if scaled else ""
        print(f"{name:<14} {clock:7.1f} s by the clock, {used:7.1f} s of processors{note}")
    for name in ("serial loop", "xargs -P 2"):
        ratios = [loop / ours for loop, ours in zip(spent[name], spent["crlm batch"], strict=True)]
        print(f"faster than {name}: {ratios[0]:.1f} times; work saved: {ratios[1]:.1f} times less")


def identical(folder: Path, sampled: list[dict[str, object]], study: str) -> int:
    """How many sampled runs have the same result rows, bit for bit, as the loop's."""
    manifest = pd.read_json(folder / "batch" / "manifest.jsonl", lines=True)
    same = 0
    for i, point in enumerate(sampled):
        fits = manifest["parameters"].map(lambda p, w=point: all(p[k] == v for k, v in w.items()))
        key = manifest.loc[fits, "key"].item()
        ours = folder / "batch" / "runs" / key / f"{study}_rows.csv"
        theirs = folder / "serial" / str(i) / f"{study}_rows.csv"
        same += ours.read_bytes() == theirs.read_bytes()
    return same


if __name__ == "__main__":
    main()
