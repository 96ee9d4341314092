"""Processes that runs are forked from, kept from one test to the next.

What starts them, and what they find where they start, is tested by tests that ask for `cold`.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from unittest import mock

import pytest

from crlm.batch import workers

_REAL = workers.maker
# As they were before any test changed them.
_ENVIRONMENT, _FOLDER = dict(os.environ), Path.cwd()


class Kept(workers.Warm):
    """A process that outlives the batch that it was started for."""

    def __init__(self, imports):
        super().__init__(imports)
        with mock.patch.dict(os.environ, _ENVIRONMENT, clear=True), contextlib.chdir(_FOLDER):
            self._desk_open()

    def stop(self):
        """It serves the next batch."""

    def end(self):
        super().stop()


@pytest.fixture(scope="session")
def kept():
    """Makes what runs the jobs of a notebook, one process for all that import the same."""
    made = {}

    def maker(imports, kernels=""):
        if kernels == "plain" or not workers.can_fork():
            return _REAL(imports, kernels)
        if imports not in made:
            made[imports] = Kept(imports)
        return made[imports]

    yield maker
    for one in made.values():
        one.end()


@pytest.fixture
def warm(kept, monkeypatch):
    """Runs are forked from processes that earlier tests have used."""
    monkeypatch.setattr(workers, "maker", kept)


@pytest.fixture
def cold(warm, monkeypatch):
    """This test's batches start their own."""
    monkeypatch.setattr(workers, "maker", _REAL)
