"""The result rows and verdicts of the shipped cohorts are those that are held here."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

#: What numbers may differ by in proportion: linear algebra has other last bits on processors with
#: wider registers.
LAST_BITS = 1e-9
NUMBERS = ["estimate", "conf_low", "conf_high"]
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
    held, rows = read(GOLDEN / f"{study}_rows.csv"), read(written / f"{study}_rows.csv")
    keys = [name for name in held.columns if name not in NUMBERS]
    both = held.reset_index().merge(rows, how="left", on=keys, suffixes=("", "_now"))
    found = np.logical_and.reduce([same(both[name], both[f"{name}_now"]) for name in NUMBERS])
    lost = held.drop(both.loc[found, "index"])
    assert lost.empty, lost.head(10).to_string()


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("2.31446589384746", "2.31446589384747", True),
        ("2.314466", "2.314467", False),
        ("0.0", "1e-30", False),
        ("", "1.0", False),
        ("", "", True),
        ("matches", "near", False),
    ],
)
def test_only_last_bits_may_differ(one, other, equal):
    assert same(pd.Series([one]), pd.Series([other])).tolist() == [equal]


def same(held, now):
    """Which texts are equal, or numbers that differ in their last bits."""
    one, two = (pd.to_numeric(column, errors="coerce") for column in (held, now))
    return ((held == now) | np.isclose(one, two, rtol=LAST_BITS, atol=0)).to_numpy()


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
    for name in held.columns:
        moved = ~same(held[name], claims[name])
        assert not moved.any(), (name, held.loc[moved, "id"].tolist())
