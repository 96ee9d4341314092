"""The result rows and verdicts of the shipped cohorts are those that are held here."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

GOLDEN = Path(__file__).parent / "golden"
STUDIES = ("ncch_scp", "mskcc_hai")


def read(path):
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Folder with the files of a run of each study on its defaults."""
    out = tmp_path_factory.mktemp("golden")
    command = [sys.executable, "-m", "crlm.cli", "run", *STUDIES, "--out", str(out)]
    # A kernel's launcher takes the folder that it stands in off the path, a PYTHONPATH too.
    subprocess.run(command, check=True, capture_output=True, cwd=out)
    return out


@pytest.mark.parametrize("study", STUDIES)
def test_every_held_row_comes_out_again(written, study):
    held = read(GOLDEN / f"{study}_rows.csv").drop_duplicates()
    rows = read(written / f"{study}_rows.csv")
    both = held.merge(rows.drop_duplicates(), how="left", indicator=True)
    lost = both[both["_merge"] != "both"]
    assert lost.empty, lost.head(10).to_string()


@pytest.mark.parametrize("study", STUDIES)
def test_the_committed_answer_is_that_of_a_run(written, study):
    """nbval compares cells as they are shown first; the answer is filled in by the last."""
    committed = Path(__file__).parents[1] / "notebooks" / f"{study}.ipynb"
    one, two = (answer(path) for path in (committed, written / f"{study}.ipynb"))
    assert 'class="short"' in one and one == two


def answer(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    cell = next(c for c in cells if "headline" in c["metadata"].get("tags", []))
    return "".join(cell["outputs"][0]["data"]["text/html"])


@pytest.mark.parametrize("study", STUDIES)
def test_every_held_verdict_comes_out_again(written, study):
    held = read(GOLDEN / f"{study}_claims.csv")
    claims = read(written / f"{study}_claims.csv")
    pd.testing.assert_frame_equal(held, claims[held.columns])
