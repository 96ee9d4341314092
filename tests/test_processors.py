"""A seed draws the same on every processor: OpenBLAS picks other kernels, with other last bits."""

import contextlib
import io
import os
import subprocess
import sys
import warnings

COMPLETED = """
import dataclasses, hashlib, warnings
from crlm.paper import Paper
warnings.simplefilter("ignore")
paper = Paper("mskcc_hai")
paper.chapter_rules = dataclasses.replace(paper.chapter_rules, imputations=4)
paper.patients()
paper.endpoints()
text = "".join(table.to_csv(float_format="%.9g") for table in paper.completed("hai"))
print(hashlib.sha256(text.encode()).hexdigest())
"""


def told_here():
    """The last line that it prints in this process, which has one thread (tests/conftest.py)."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        exec(COMPLETED, {})
    return printed.getvalue().split()[-1]


def told(**variables):
    """The last line that a fresh process prints under environment variables."""
    done = subprocess.run(
        [sys.executable, "-c", COMPLETED],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"} | variables,
    )
    return done.stdout.split()[-1]


def test_completed_tables_do_not_hang_on_the_kernels_of_a_processor():
    """Eigenvectors had other signs there, and weighted effects another last digit."""
    usual = told_here()
    assert len(usual) == 64 and usual == told(OPENBLAS_CORETYPE="Prescott")
