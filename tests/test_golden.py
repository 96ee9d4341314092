"""The result rows and verdicts of the shipped cohorts are those that are held here."""

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
    subprocess.run(command, check=True, capture_output=True)
    return out


@pytest.mark.parametrize("study", STUDIES)
def test_every_held_row_comes_out_again(written, study):
    held = read(GOLDEN / f"{study}_rows.csv").drop_duplicates()
    rows = read(written / f"{study}_rows.csv")
    both = held.merge(rows.drop_duplicates(), how="left", indicator=True)
    lost = both[both["_merge"] != "both"]
    assert lost.empty, lost.head(10).to_string()


@pytest.mark.parametrize("study", STUDIES)
def test_every_held_verdict_comes_out_again(written, study):
    held = read(GOLDEN / f"{study}_claims.csv")
    claims = read(written / f"{study}_claims.csv")
    pd.testing.assert_frame_equal(held, claims[held.columns])
