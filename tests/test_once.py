"""What is the same in every run is worked out once, and never lent where anything is another."""

import json
import shutil

import pandas as pd
import pytest

from crlm import cohort, files, ledger, lent, once
from crlm.batch import driving
from tests import cells

QUICK = f"base: {json.dumps({**cells.QUICK, 'specifications': 0})}\n"


@pytest.fixture
def offered(tmp_path, monkeypatch):
    """A shelf with what is lent to runs of a study."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for name, value in lent.told([str(shelf)], str(shelf)).items():
        monkeypatch.setenv(name, value)
    once.lend("ncch_scp")
    monkeypatch.setenv(lent.FOUND, "")
    return shelf


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A copy of the data folder, which a test may change."""
    shutil.copytree(ledger.data_folder(), tmp_path / "data")
    monkeypatch.setenv("CRLM_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def counted(monkeypatch):
    """How often something was made and not borrowed."""
    made = []
    once._made.cache_clear()
    for name in ("_audit", "_patients"):
        real = getattr(once, name)
        monkeypatch.setattr(once, name, lambda s, n=name, r=real: (made.append(n), r(s))[1])
    return made


def test_what_is_lent_is_what_would_be_made(offered, counted):
    audit, (table, history) = once._audit("ncch_scp"), once._patients("ncch_scp")
    files.forget()
    counted.clear()
    for _ in range(2):
        again = once.audit("ncch_scp")
        for name in ("checks", "findings", "implied"):
            pd.testing.assert_frame_equal(getattr(again, name), getattr(audit, name))
        same, events = once.patients("ncch_scp")
        pd.testing.assert_frame_equal(same, table)
        pd.testing.assert_frame_equal(events, history)
        assert same.attrs == table.attrs and events.attrs == history.attrs
        # A notebook may change what it has; the next reader has its own.
        again.checks.iloc[:, 0] = same.iloc[:, 0] = "changed"
    assert counted == []


def test_what_was_borrowed_counts_as_read(offered):
    once.patients("ncch_scp")
    folder = ledger.data_folder() / "ncch_scp"
    for name in ("cohort.csv", "history.csv"):
        assert files.seen(folder / name) == files.checksum(folder / name)


@pytest.mark.parametrize(
    "name",
    [
        "columns.toml",
        "ncch_scp/design.toml",
        "ncch_scp/published.csv",
        "ncch_scp/cohort.csv",
        "ncch_scp/history.csv",
        "ncch_scp/cohort.source.toml",
    ],
)
def test_a_changed_input_is_made_anew(data, offered, counted, name):
    (data / name).write_bytes((data / name).read_bytes() + b"\n")
    once.audit("ncch_scp")
    once.patients("ncch_scp")
    assert counted == ["_audit", "_patients"]


def test_a_changed_number_reaches_the_audit(data, offered):
    before = once.audit("ncch_scp").checks
    path = data / "ncch_scp" / "published.csv"
    text = path.read_text(encoding="utf-8")
    assert "number,150,=,150," in text
    path.write_text(text.replace("number,150,=,150,", "number,151,=,151,", 1), encoding="utf-8")
    assert not once.audit("ncch_scp").checks.equals(before)


@pytest.mark.parametrize("what", ["_CODE", "_VERSIONS"])
def test_other_code_or_packages_make_it_anew(offered, monkeypatch, counted, what):
    monkeypatch.setattr(once, what, lambda: "another")
    once.audit("ncch_scp")
    assert counted == ["_audit"]


def test_without_a_batch_it_is_made_once_in_a_process(counted, data):
    for _ in range(2):
        once.audit("ncch_scp").checks["kind"] = "changed"
    assert counted == ["_audit"]
    assert set(once.audit("ncch_scp").checks["kind"]) != {"changed"}
    path = data / "ncch_scp" / "published.csv"
    path.write_bytes(path.read_bytes() + b"\n")
    once.audit("ncch_scp")
    assert counted == ["_audit", "_audit"]


def test_another_study_gets_nothing_of_this_one(offered, counted):
    once.audit("mskcc_hai")
    assert counted == ["_audit"]


def test_a_damaged_or_lost_file_is_not_used(offered, counted):
    paths = list(offered.iterdir())
    assert len(paths) == 2
    for path in paths:
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    once.audit("ncch_scp")
    once._made.cache_clear()
    for path in paths:
        path.unlink()
    once.audit("ncch_scp")
    assert counted == ["_audit", "_audit"]


def test_reading_a_table_does_not_depend_on_the_cuts(data):
    design = ledger.load_design("ncch_scp")
    cut = design.with_cuts(age_cat=70.0, size_cat=2.0)
    path = design.folder / "cohort.csv"
    pd.testing.assert_frame_equal(cohort.load(path, cut), cohort.load(path, design))


def test_lent_or_not_forked_or_plain_the_bytes_are_the_same(tmp_path):
    """The second run takes what the first found, and a plain one works all of it out anew."""
    text = "study: ncch_scp\n" + QUICK
    first, second = "{ties: efron, seed: 1}", "{ties: efron, seed: 2}"
    held = []
    for place, runs, options in (
        ("lent", f"{first}, {second}", {"lend": once.lend, "workers": 1}),
        ("plain", second, {"kernels": "plain", "workers": 1}),
    ):
        grid = tmp_path / f"{place}.yaml"
        grid.write_text(f"{text}list: [{runs}]\n")
        done = driving.batch(grid, tmp_path / place, quiet=True, **options)
        assert {line["status"] for line in done.lines} == {"finished"}
        assert done.lines[-1]["parameters"]["seed"] == 2
        folder = tmp_path / place / "runs" / done.lines[-1]["key"]
        held.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert len(held[0]) == 5 and held[0].keys() == held[1].keys()
    assert [name for name in held[0] if held[0][name] != held[1][name]] == []
