"""Files are read once and known, written whole, and inert in a spreadsheet."""

import hashlib
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from crlm import cohort, files
from crlm.ledger import CohortError, CrlmError, load_design


@pytest.fixture(autouse=True)
def nothing_read():
    files.forget()
    yield
    files.forget()


def test_what_was_read_is_what_is_hashed(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"a\n1\n")
    assert files.seen(path) == ""
    assert files.read(path) == b"a\n1\n"
    assert files.seen(path) == hashlib.sha256(b"a\n1\n").hexdigest()


def test_a_file_that_changes_under_an_analysis_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"a\n1\n")
    files.read(path)
    path.write_bytes(b"a\n2\n")
    with pytest.raises(CohortError, match="was changed"):
        files.read(path)


def test_a_table_that_was_corrected_can_be_checked_again(tmp_path):
    design, path = load_design("ncch_scp"), tmp_path / "table.csv"
    path.write_text("patient_id,ras\n1,wildd\n")
    assert not cohort.check(path, design).ok
    path.write_text("patient_id,ras\n1,wild\n")
    assert cohort.check(path, design).ok
    assert len(cohort.load(path, design)) == 1


def test_no_text_of_a_csv_file_is_a_formula():
    frame = pd.DataFrame({"a": ["=cmd|' /C calc'!A0", "-0.5", "=", "@x", "plain"], "b": range(5)})
    data = files.csv_bytes(frame)
    assert data.startswith(b"\xef\xbb\xbf")
    lines = data.decode("utf-8-sig").splitlines()[1:]
    assert [line.split(",")[0] for line in lines] == [
        "'=cmd|' /C calc'!A0",
        "-0.5",
        "=",
        "'@x",
        "plain",
    ]


# ---- a set of files ---------------------------------------------------------

OLD = {"a.html": "old", "a_rows.csv": "old", "a.json": "old"}
NEW = {"a.html": "new", "a_rows.csv": "new", "a.json": "new", "a_more.csv": "new"}


def put(folder, contents):
    for name, text in contents.items():
        (folder / name).write_text(text)


def found(folder):
    return {p.name: p.read_text() for p in folder.iterdir() if not p.name.startswith(".")}


def test_a_committed_set_takes_the_place_of_the_old_one(tmp_path):
    put(tmp_path, {**OLD, "a_gone.csv": "old", "b.html": "another"})
    with files.part(tmp_path, "a") as made:
        put(made, NEW)
        files.commit(made, tmp_path, "a", [*OLD, "a_gone.csv"])
    assert found(tmp_path) == {**NEW, "b.html": "another"}
    assert not list(tmp_path.glob(".*"))


def test_what_is_not_committed_leaves_nothing(tmp_path):
    put(tmp_path, OLD)
    with pytest.raises(OSError), files.part(tmp_path, "a") as made:
        put(made, NEW)
        raise OSError
    assert found(tmp_path) == OLD and not list(tmp_path.glob(".*"))


class Killed(BaseException):
    """A process that ends here."""


def killed_after(monkeypatch, steps):
    """Let the process end at the given change of a folder: a rename, a removal, a settling."""
    left = [steps]
    for owner, name in ((os, "replace"), (os, "rename"), (Path, "unlink"), (Path, "rmdir")):
        change = getattr(owner, name)

        def counted(*arguments, change=change, **options):
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return change(*arguments, **options)

        monkeypatch.setattr(owner, name, counted)
    # A killed process removes nothing behind itself.
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)


@pytest.mark.parametrize("steps", range(12))
def test_old_and_new_never_stand_side_by_side(tmp_path, monkeypatch, steps):
    put(tmp_path, OLD)
    with monkeypatch.context() as patched:
        killed_after(patched, steps)
        try:
            with files.part(tmp_path, "a") as made:
                put(made, NEW)
                files.commit(made, tmp_path, "a", list(OLD))
            done = True
        except Killed:
            done = False
    seen = found(tmp_path)
    assert seen.items() <= OLD.items() or seen.items() <= NEW.items()
    assert "a.html" not in seen or seen in (OLD, NEW)
    assert done == (steps >= 10)
    files.finish(tmp_path, "a")
    assert found(tmp_path) == (OLD if steps == 0 else NEW)
    assert not list(tmp_path.glob(".*"))


def test_a_lock_is_held_once_and_let_go(tmp_path):
    lock = tmp_path / "new" / ".a.lock"
    with files.locked(lock, "taken"):
        with pytest.raises(CrlmError, match="taken"), files.locked(lock, "taken"):
            pass
    with files.locked(lock, "taken"):
        pass


def test_all_that_was_read_is_told_without_folders(tmp_path):
    for folder, data in (("x", b"1"), ("y", b"2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "t.csv").write_bytes(data)
        files.read(tmp_path / folder / "t.csv")
    sums = [hashlib.sha256(data).hexdigest() for data in (b"1", b"2")]
    assert files.everything_read() == {"t.csv": sums}
