"""What every test starts with, and the order of the files."""

import gc
import os

# Each worker has a core: threads would wait for each other, and so would the second process that
# a run begins where it has two cores (tests/test_ahead.py gives it two).
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "CRLM_CORES"):
    os.environ.setdefault(_name, "1")

import pytest  # noqa: E402

from crlm import files  # noqa: E402
from tests.warm import cold, kept, warm  # noqa: E402, F401

#: The dearest first, so that no worker is left alone with one of them at the end. What a file
#: costs: `python -m pytest -n logical --dist loadscope --durations 0`. On a new machine
#: test_reconstruction.py compiles the search, a minute of work that others then find done: what
#: also searches stands far enough behind it.
DEAREST = (
    "test_whole_reports.py",
    "test_reconstruction.py",
    "test_batch_leaks.py",
    "test_chapter_causal.py",
    "test_chapter_states.py",
    "test_whole_parameters.py",
    "test_batch.py",
    "test_once.py",
    "test_privacy.py",
    "test_wheel.py",
    "test_batch_dask.py",
    "test_cohort_secrets.py",
    "test_document.py",
    "test_golden.py",
    "test_run.py",
    "test_manuscript.py",
    "test_ensembles.py",
    "test_ahead.py",
    "test_document_run.py",
    "test_reconstruction_kernels.py",
    "ncch_scp.ipynb",
    "mskcc_hai.ipynb",
)


def pytest_collection_modifyitems(items):
    """Files in the order of what they cost; within a file nothing moves."""
    place = {name: at for at, name in enumerate(DEAREST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


def pytest_collection_finish():
    """What collecting made stays to the end: no search for garbage need look at it again."""
    gc.collect()
    gc.freeze()
    # A twelfth of the suite's time was searching for more of it.
    gc.set_threshold(100_000, 50, 100)


@pytest.fixture(autouse=True)
def _files_are_read_anew():
    """Tests write other content under one name; a run would refuse that."""
    files.forget()
