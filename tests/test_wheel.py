"""The wheel in an empty environment and an empty folder does what a checkout does."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from crlm import home, manifest
from tests import cells

ROOT = Path(__file__).parents[1]
TREES = ("crlm", "data", "notebooks")
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "requirements.lock")


def alone():
    """The environment without what leads Python to a checkout."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel from a copy of the checkout that holds what must not come along."""
    top = tmp_path_factory.mktemp("source")
    for name in TREES:
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "private")
        shutil.copytree(ROOT / name, top / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, top / name)
    for stray in ("data/private/p.csv", "data/ncch_scp/ours.csv", "build/lib/crlm/gone.py"):
        (top / stray).parent.mkdir(parents=True, exist_ok=True)
        (top / stray).write_text("patient_id\n")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", str(top / "made"), str(top)]
    subprocess.run(command, check=True, capture_output=True, cwd=top, env=alone())
    (made,) = (top / "made").glob("*.whl")
    return made


def names_in(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def needed(wheel):
    """The installed distributions that the plain installation of the wheel brings."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()
    asked = [line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist: ")]
    waiting = [(text, "") for text in asked]
    found = {}
    while waiting:
        text, extra = waiting.pop()
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        for further in {"", *wanted.extras} - found.setdefault(wanted.name, set()):
            found[wanted.name].add(further)
            more = metadata.requires(wanted.name) or []
            waiting += [(text, further) for text in more]
    return [metadata.distribution(name) for name in found]


def lay(distribution, site):
    """Link an installed distribution into another environment's packages, without a copy."""
    here = Path(distribution.locate_file(""))
    for file in distribution.files:
        beside = file.parts[0] == ".."
        if "bin" in file.parts[:-1] and beside:
            continue
        name = file if beside else file.parts[0]
        target = Path(os.path.normpath(site / name))
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(os.path.normpath(here / name))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Runs `crlm` of the wheel, with its plain dependencies alone, in an empty folder."""
    outside = tmp_path_factory.mktemp("another repository")
    subprocess.run(["git", "init", "-q", str(outside)], check=False, capture_output=True)
    place = outside / "env"
    venv.create(place, symlinks=True, with_pip=False)
    (site,) = place.glob("lib/python*/site-packages")
    for distribution in needed(wheel):
        lay(distribution, site)
    python = str(place / "bin" / "python")
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    command += ["--no-deps", "--no-index", str(wheel)]
    subprocess.run(command, check=True, capture_output=True, env=alone())
    desk = tmp_path_factory.mktemp("empty")

    def run(*arguments):
        command = [str(place / "bin" / "crlm"), *arguments]
        return subprocess.run(command, cwd=desk, env=alone(), capture_output=True, text=True)

    run.desk, run.site, run.python = desk, site, python
    return run


pytestmark = pytest.mark.skipif(os.name != "posix", reason="links packages as POSIX has them")


def test_the_wheel_holds_what_the_checkout_tracks_and_nothing_else(wheel):
    listed = ["git", "-C", str(ROOT), "ls-files", "--", *TREES, "requirements.lock"]
    tracked = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
    twins = {n for n in tracked if n.startswith("notebooks/") and not n.endswith(".ipynb")}
    moved = {n if n.startswith("crlm/") else f"crlm/shipped/{n}" for n in {*tracked} - twins}
    got = {name for name in names_in(wheel) if name.startswith("crlm/")}
    assert got - {"crlm/shipped/commit"} == moved


def test_a_run_is_that_of_the_checkout(installed):
    quick = [word for name in cells.QUICK.items() for word in ("-p", *map(str, name))]
    done = installed("run", "ncch_scp", *quick)
    assert done.returncode == 0 and done.stdout == "reports/ncch_scp.html\n", done.stderr
    folder = installed.desk / "reports"
    assert {path.name for path in folder.glob("[!.]*")} == {
        f"ncch_scp{end}" for end in (".html", ".ipynb", ".json", "_rows.csv", "_claims.csv")
    }
    record = json.loads((folder / "ncch_scp.json").read_text())
    assert record["code_sha256"] == manifest.code_digest()
    assert record["inputs"]["lock"]["sha256"] == manifest.checksum(home.path("requirements.lock"))
    assert record["commit"] == "", "the repository around an installation is not crlm's"


def test_the_other_commands_run(installed):
    assert "Numbers that contradict each other" in installed("audit", "mskcc_hai").stdout
    assert installed("template", "mskcc_hai").stdout == "mskcc_hai_template.xlsx\n"
    # Chapter, resamples and specifications were had by the run; here it is the commands that run.
    base = {"reviewer_chapter": False, "bootstrap_samples": 0, "specifications": 0}
    grid = f"study: ncch_scp\nbase: {json.dumps(base)}\n"
    (installed.desk / "grid.yaml").write_text(grid + "grid: {ties: [efron, breslow]}\n")
    done = installed("batch", "grid.yaml", "--out", "many", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert (installed.desk / "many" / "index.html").is_file()
    assert len(list((installed.desk / "many" / "runs").iterdir())) == 2


def test_what_an_extra_brings_is_named_where_it_is_missing(installed):
    done = installed("reconstruct", "ncch_scp", "--out", "found")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and "pip install numba" in done.stderr
    (installed.desk / "far.yaml").write_text("study: ncch_scp\n")
    done = installed("batch", "far.yaml", "--scheduler", "tcp://127.0.0.1:1", "--out", "far")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "pip install distributed" in done.stderr
