"""Hostile files and tables, and how a test looks at what a reader is told of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from crlm.ledger import CohortError


@contextmanager
def refused(words: str, hidden: str = "") -> Iterator[pytest.ExceptionInfo[CohortError]]:
    """A refusal whose text for the terminal matches; what is `hidden` stays out of files."""
    with pytest.raises(CohortError) as caught:
        yield caught
    assert re.search(words, caught.value.told, re.DOTALL), caught.value.told
    assert not hidden or hidden not in str(caught.value), str(caught.value)
