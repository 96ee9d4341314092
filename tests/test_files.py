"""Files are read once and known, written whole, and inert in a spreadsheet."""

import hashlib

import pandas as pd
import pytest

from crlm import files
from crlm.ledger import CohortError


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


def test_no_text_of_a_csv_file_is_a_formula():
    frame = pd.DataFrame({"a": ["=cmd|' /C calc'!A0", "-0.5", "=", "@x", "plain"], "b": range(5)})
    data = files.csv_bytes(frame)
    assert data.startswith(b"\xef\xbb\xbf")
    lines = data.decode("utf-8-sig").splitlines()[1:]
    assert [line.split(",")[0] for line in lines] == [
        "'=cmd|' /C calc'!A0", "-0.5", "=", "'@x", "plain",
    ]  # fmt: skip
