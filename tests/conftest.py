"""What every test starts with."""

import pytest

from crlm import files


@pytest.fixture(autouse=True)
def _files_are_read_anew():
    """Tests write other content under one name; a run would refuse that."""
    files.forget()
