"""Copies of study folders with one fault each, for the tests of what a loader refuses."""

import csv
import io
import re
import shutil
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
THIRD = ROOT.parent / "shared" / "cases" / "third"
FILES = ("design.toml", "published.csv", "reconstruction.toml")


def faults(name):
    """The faults that stand in `tests/faults/<name>.toml`."""
    text = (ROOT / "tests" / "faults" / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["fault"]


def name_of(fault):
    """For the name of its test."""
    return ": ".join(filter(None, [fault.get("study"), fault["name"]]))


def home_of(study):
    """Where a study stands; a test of one that is not at hand is skipped."""
    home = (ROOT / "data" if (ROOT / "data" / study).is_dir() else THIRD) / study
    if not home.is_dir():
        pytest.skip(f"{study} is a trial that is not part of the repository")
    return home


def copied(study, data):
    """A folder of studies with a copy of one, and with the shared dictionary."""
    folder = data / study
    folder.mkdir(parents=True)
    for name in FILES:
        shutil.copy(home_of(study) / name, folder / name)
    shutil.copy(ROOT / "data" / "columns.toml", data / "columns.toml")
    return folder


def edit(path, old, new):
    """Replace a piece of a file; `old` is a regular expression that must be there."""
    text = path.read_text(encoding="utf-8")
    changed, times = re.subn(old, lambda _: new, text, count=1, flags=re.MULTILINE | re.DOTALL)
    assert times == 1 and changed != text, f"{old} is not in {path.name}"
    path.write_text(changed, encoding="utf-8")


class Ledger:
    """The rows of a published.csv as lists of text, to be changed and written again."""

    def __init__(self, path):
        self.path, self.name = path, path.parent.name
        text = path.read_text(encoding="utf-8-sig")
        self.header, *self.rows = csv.reader(io.StringIO(text, newline=""))

    def find(self, **keys):
        """Position of the first row with these cells."""
        at = {name: self.header.index(name) for name in keys}
        return next(
            k
            for k, row in enumerate(self.rows)
            if all(row[at[name]] == value for name, value in keys.items())
        )

    def change(self, where, **cells):
        """Other cells in the first row that has those of `where`; its row in Excel."""
        k = self.find(**where)
        for name, value in cells.items():
            self.rows[k][self.header.index(name)] = value
        self.write()
        return k + 2

    def text(self, delimiter=","):
        """The whole file."""
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(
            [self.header, *self.rows]
        )
        return out.getvalue()

    def write(self):
        """Put the rows back."""
        self.path.write_text(self.text(), encoding="utf-8")
