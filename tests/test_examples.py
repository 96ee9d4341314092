"""The examples in the house's own words: every door has one, and each gives what it says."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from crlm import files

ROOT = Path(__file__).parents[1]
DOORS = (
    "ledger",
    "cohort",
    "endpoints",
    "scores",
    "baseline",
    "survival",
    "regression",
    "specification",
    "multistate",
    "causal",
    "missing",
    "comparison",
    "agreement",
    "audit",
    "paper",
)


def with_examples():
    """Every module of the house that shows an example."""
    for path in sorted((ROOT / "crlm").rglob("*.py")):
        if ">>> " in path.read_text(encoding="utf-8"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize("door", DOORS)
def test_every_door_shows_an_example(door):
    module = importlib.import_module(f"crlm.{door}")
    assert doctest.DocTestParser().get_examples(module.__doc__ or "")


@pytest.mark.parametrize("name", with_examples())
def test_examples_give_what_they_say(name, capsys):
    files.forget()
    module = importlib.import_module(name)
    found = doctest.testmod(module, verbose=False, optionflags=doctest.ELLIPSIS)
    assert found.attempted and not found.failed, capsys.readouterr().out
