"""The result rows and verdicts of the shipped cohorts are those that are held here."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

#: What numbers may differ by in proportion: linear algebra has other last bits on processors with
#: wider registers.
LAST_BITS = 1e-9
NUMBERS = ["estimate", "conf_low", "conf_high"]
GOLDEN = Path(__file__).parent / "golden"
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
STUDIES = ("ncch_scp", "mskcc_hai")
#: A study that somebody added to the repository has a notebook here too.
COMMITTED = (*STUDIES, *sorted({path.stem for path in NOTEBOOKS.glob("*.ipynb")} - {*STUDIES}))


def read(path):
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Folder with the files of a run of each study on its defaults."""
    out = tmp_path_factory.mktemp("golden")
    command = [sys.executable, "-m", "crlm.cli", "run", *COMMITTED, "--out", str(out)]
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


#: What may differ between two runs of a notebook: the day, in Provenance, and the versions.
MAY_DIFFER = (
    (r"\d{4}-\d{2}-\d{2}", "DAY"),
    (r"on Python [\d.]+\w* \([^)]*\)", "on Python VERSIONS"),
)
#: Tag of cells whose numbers hang on the machine.
IGNORED = "nbval-ignore-output"


@pytest.mark.parametrize("study", COMMITTED)
def test_the_committed_cells_are_those_of_a_run(written, study):
    """Every cell with all that it shows, but pixels, which hang on the fonts that there are."""
    one, two = (cells(folder / f"{study}.ipynb") for folder in (NOTEBOOKS, written))
    assert [cell.source for cell in one] == [cell.source for cell in two]
    compared = [
        (before.source, shown(before), shown(now))
        for before, now in zip(one, two, strict=True)
        if IGNORED not in before.metadata.get("tags", [])
    ]
    assert len(compared) > 30 or study not in STUDIES
    moved = [source for source, before, now in compared if before != now]
    assert not moved, moved


@pytest.mark.parametrize("study", STUDIES)
def test_the_committed_answer_is_that_of_a_run(written, study):
    """It is filled in by the last cell, and hangs on no machine."""
    one, two = (answer(folder / f"{study}.ipynb") for folder in (NOTEBOOKS, written))
    assert 'class="short"' in one and one == two


def cells(path):
    """The cells of code, without the parameters that a run adds."""
    found = nbformat.read(path, as_version=4).cells
    return [
        cell
        for cell in found
        if cell.cell_type == "code" and "injected-parameters" not in cell.metadata.get("tags", [])
    ]


def shown(cell):
    """The outputs of a cell as text by kind, with what may differ taken out."""
    return [plain(output) for output in cell.outputs]


def plain(output):
    told = {**output, **output.get("data", {})}
    left_out = {"data", "metadata", "execution_count", "image/png"}
    told = {kind: json.dumps(told[kind]) for kind in sorted({*told} - left_out)}
    for pattern, instead in MAY_DIFFER:
        told = {kind: re.sub(pattern, instead, text) for kind, text in told.items()}
    return told


def test_what_may_differ_is_taken_out_of_an_output_and_nothing_else():
    one = {"output_type": "display_data", "metadata": {"width": 3}, "data": {"image/png": "a"}}
    one["data"]["text/plain"] = "2026-11-02 on Python 3.11.2 (numpy 2.1): 70.03"
    two = {**one, "metadata": {}, "data": {**one["data"], "image/png": "b"}}
    two["data"]["text/plain"] = "2026-11-30 on Python 3.12.1 (numpy 2.2): 70.03"
    assert plain(one) == plain(two)
    two["data"]["text/plain"] = two["data"]["text/plain"].replace("70.03", "70.04")
    assert plain(one) != plain(two)
    assert plain(one) != plain({**one, "output_type": "error"})


def answer(path):
    cell = next(c for c in cells(path) if "headline" in c.metadata.get("tags", []))
    return cell.outputs[0].data["text/html"]


@pytest.mark.parametrize("study", STUDIES)
def test_every_held_verdict_comes_out_again(written, study):
    held = read(GOLDEN / f"{study}_claims.csv")
    claims = read(written / f"{study}_claims.csv")
    for name in held.columns:
        moved = ~same(held[name], claims[name])
        assert not moved.any(), (name, held.loc[moved, "id"].tolist())
