"""Kill `crlm run` at random moments and look at what its folder holds.

    python benchmarks/run_kills.py [--kills 50] [--seed 1]

Each round starts `crlm run` on a small notebook with another mark, which ends up in its page,
notebook, rows and manifest, and kills -9 the command or its kernel after a random time, one
in three near the end and one in three while the files take their places. Whatever is then
visible must bear one mark; where there is a page there must be the whole set, with the
checksums of the manifest. In between a run is left alone: it must succeed and leave nothing
hidden but the lock. Linux only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]

PARAMETERS = """\
mark: int = 0  # stands in every file
output_dir: str = ""  # folder for the rows"""

CELL = """\
from pathlib import Path
Path(output_dir, "tiny_rows.csv").write_text(f"mark-{mark}" * 100_000)
if mark % 3:
    Path(output_dir, "tiny_more.csv").write_text(f"mark-{mark}")
print(f"mark-{mark}")"""


def write_house(desk: Path) -> dict[str, str]:
    """A checkout with one small study; the environment in which `crlm` is that one."""
    shutil.copytree(ROOT / "crlm", desk / "crlm", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "requirements.lock", desk)
    (desk / "notebooks").mkdir()
    book = nbformat.v4.new_notebook()
    book.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "P"}
    first = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    book.cells = [first, nbformat.v4.new_code_cell(CELL)]
    nbformat.write(book, desk / "notebooks" / "tiny.ipynb")
    (desk / "data" / "tiny").mkdir(parents=True)
    (desk / "data" / "tiny" / "cohort.csv").write_text("patient_id\n1\n")
    shutil.copy(ROOT / "data" / "columns.toml", desk / "data")
    (desk / "temporary").mkdir()
    ours = {"PYTHONPATH": desk, "CRLM_DATA": desk / "data", "TMPDIR": desk / "temporary"}
    return {**os.environ, **{name: str(path) for name, path in ours.items()}}


def start(desk: Path, env: dict[str, str], mark: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "crlm.cli", "run", "tiny", "--out", str(desk / "out")]
    command += ["-p", "mark", str(mark)]
    return subprocess.Popen(
        command, cwd=desk, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )


def children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True)
    return [int(word) for word in listed.stdout.split()]


def mixed(out: Path) -> str:
    """What is wrong with the visible files; empty if they are one set, or a part of one."""
    seen = {p.name: p.read_bytes() for p in out.glob("[!.]*")} if out.is_dir() else {}
    marks = {m for data in seen.values() for m in re.findall(rb'mark(?:-|": )(\d+)', data)}
    if len(marks) > 1:
        return f"files of the runs {marks}"
    if "tiny.html" in seen:
        listed = json.loads(seen["tiny.json"])["files_sha256"]
        sums = {name: hashlib.sha256(data).hexdigest() for name, data in seen.items()}
        sums.pop("tiny.json")
        if sums != listed:
            return f"a page beside {sorted(seen)}, where {sorted(listed)} should be"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    dice, done, mark = random.Random(options.seed), Counter(), 1
    with tempfile.TemporaryDirectory() as name:
        desk = Path(name)
        env, out = write_house(desk), desk / "out"
        started = time.monotonic()
        start(desk, env, mark).communicate()
        longest = time.monotonic() - started
        while done["the command"] + done["a process of it"] < options.kills:
            mark += 1
            process = start(desk, env, mark)
            moment = dice.choice(["any", "near the end", "in the commit"])
            end = time.monotonic() + dice.uniform(0 if moment == "any" else 0.7 * longest, longest)
            while process.poll() is None and not (
                (out / ".tiny.ready").is_dir()
                if moment == "in the commit"
                else time.monotonic() > end
            ):
                time.sleep(0.0002)
            if process.poll() is None:
                kernels = children(process.pid)
                aim = dice.choice([process.pid, process.pid, *kernels])
                with suppress(ProcessLookupError):
                    os.kill(aim, signal.SIGKILL)
                    done["the command" if aim == process.pid else "a process of it"] += 1
            process.communicate()
            state = mixed(out)
            done["seen half moved"] += (out / ".tiny.ready").is_dir()
            if not state and dice.random() < 0.3:
                time.sleep(1.5)  # an orphaned kernel ends within a second
                mark += 1
                calm = start(desk, env, mark)
                told = calm.communicate()[1]
                hidden = {path.name for path in out.glob(".*")} - {".tiny.lock"}
                hidden |= {path.name for path in (desk / "temporary").glob("crlm-*")}
                left = f"left: {hidden}" if hidden else ""
                state = mixed(out) or left or (told if calm.returncode else "")
                done["left alone"] += 1
            if state:
                raise SystemExit(f"after {dict(done)}: {state}")
    print(json.dumps(done))


if __name__ == "__main__":
    main()
