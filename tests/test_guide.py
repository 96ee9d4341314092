"""The small paper of the guide goes from beginning to end as the guide says."""

import re

import pytest

from crlm import cli
from tests.hand_written import ROOT

GUIDE = (ROOT / "docs" / "third-paper.md").read_text(encoding="utf-8")
PAPER = GUIDE.split("## From beginning to end")[1].split("\n## ")[0]
BLOCKS = re.findall(r"```(toml)?\n(.*?)```", PAPER, re.DOTALL)
DESIGN, SEARCH = (text for kind, text in BLOCKS if kind)
TABLES = [text for _, text in BLOCKS if text.startswith(("Table ", "Overall survival"))]
IMPORTS = re.findall(r"^crlm (ledger import .*)$", PAPER, re.MULTILINE)


@pytest.fixture
def study(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CRLM_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["new", "colon_trial"]) == 0
    folder = tmp_path / "data" / "colon_trial"
    head = (folder / "published.csv").read_text("utf-8").splitlines()[0]
    written = {"design.toml": DESIGN, "published.csv": f"{head}\n", "reconstruction.toml": SEARCH}
    for name, text in written.items():
        (folder / name).write_text(text, "utf-8")
    for number, text in enumerate(TABLES, 1):
        (tmp_path / f"table{number}.txt").write_text(text, "utf-8")
    capsys.readouterr()
    return folder


def put_in(capsys):
    made = []
    for line in IMPORTS:
        assert cli.main(line.split()) == 0
        made.append(re.match(r"(\d+) claims", capsys.readouterr().out)[1])
    return made


def test_its_tables_are_read_without_a_question(study, capsys):
    told = re.search(r"what it made \((\d+), (\d+) and (\d+) claims\)", PAPER).groups()
    assert len(TABLES) == len(IMPORTS) == 3
    assert put_in(capsys) == list(told)
    assert cli.main(["ledger", "colon_trial"]) == 0
    said = capsys.readouterr().out
    assert f"{sum(map(int, told))} claims of" in said
    assert "The search leaves out nothing." in said and "contradiction" not in said


def test_its_audit_finds_nothing_and_the_misprint_that_the_guide_speaks_of(study, capsys):
    put_in(capsys)
    assert cli.main(["audit", "colon_trial"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(re.search(r"It makes (\d+ checks)", PAPER)[1])
    assert "Numbers that contradict each other (0)" in said
    right, wrong = re.search(r"printed 87 \((72.6)\) for 87 \((27.6)\)", PAPER).groups()[::-1]
    text = (study / "published.csv").read_text("utf-8")
    assert text.count(f",{right},") > 0
    (study / "published.csv").write_text(text.replace(right, wrong), "utf-8")
    cli.main(["audit", "colon_trial"])
    said = capsys.readouterr().out
    named = said.split("Numbers that contradict each other")[1].split("What a reader")[0]
    assert "> 4" in named and right in named
