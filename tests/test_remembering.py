"""What a warm process knows of the shipped tables, and when it must not use it."""

from dataclasses import replace

import pandas as pd
import pytest

from crlm import cohort, files, ledger
from crlm.cohort import history, loading, remembering


@pytest.fixture
def design(tmp_path, monkeypatch):
    monkeypatch.setattr(remembering, "_KNOWN", {})
    shipped = ledger.load_design("ncch_scp")
    for name in ("cohort.csv", "history.csv"):
        (tmp_path / name).write_bytes((shipped.folder / name).read_bytes())
    return replace(shipped, folder=tmp_path)


@pytest.mark.parametrize("name", ["cohort.csv", "history.csv"])
def test_the_remembered_table_is_the_one_read_and_a_copy(design, name):
    read = cohort.load if name == "cohort.csv" else cohort.load_history
    path = design.folder / name
    first = read(path, design)
    remembering.remember(path, design, first)
    again = remembering.recall(path, design)
    pd.testing.assert_frame_equal(again, first)
    again.iloc[:, 0] = "changed"
    pd.testing.assert_frame_equal(remembering.recall(path, design), first)


def test_other_bytes_or_rules_are_read_anew(design):
    path = design.folder / "cohort.csv"
    remembering.remember(path, design, cohort.load(path, design))
    assert remembering.recall(path, replace(design, conventions={})) is None
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    with pytest.raises(ledger.CohortError, match="was changed"):
        remembering.recall(path, design)
    files.forget()
    assert remembering.recall(path, design) is None
    assert len(cohort.load(path, design)) == len(lines) - 2


@pytest.mark.parametrize("study", ["ncch_scp", "mskcc_hai"])
def test_prepared_tables_come_without_reading(study, monkeypatch):
    monkeypatch.setattr(remembering, "_KNOWN", {})
    design = ledger.load_design(study)
    expected = cohort.load(design.folder / "cohort.csv", design)
    loading.prepare(study)
    history.prepare(study)

    def unread(*_args, **_options):
        raise AssertionError("read again")

    monkeypatch.setattr(loading, "check", unread)
    monkeypatch.setattr(history, "check_history", unread)
    pd.testing.assert_frame_equal(cohort.load(design.folder / "cohort.csv", design), expected)
    assert len(cohort.load_history(design.folder / "history.csv", design))
