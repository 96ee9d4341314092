"""Packages are imported in little time, and nobody later misses what was left out."""

import gc
import subprocess
import sys

from crlm import loading

SCIPY = """\
import sys
from crlm import loading
with loading.quick_imports():
    import scipy.special
left = ["numpy.f2py.crackfortran" in sys.modules, "f2py" in vars(sys.modules["numpy"])]
import numpy.f2py
print(left, callable(numpy.f2py.run_main), numpy.f2py.__file__ is not None)
"""


def test_a_compiler_of_fortran_is_not_loaded_unless_somebody_asks():
    done = subprocess.run([sys.executable, "-c", SCIPY], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "[False, False] True True"


def test_garbage_is_looked_for_again_afterwards():
    assert gc.isenabled()
    with loading.quick_imports():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with loading.quick_imports():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_cannot_be_imported_is_left_to_the_notebook():
    loading.load(["no_such_package_here", "json"])
    assert "json" in sys.modules and not [f for f in sys.meta_path if type(f).__name__ == "_Spared"]


def test_what_sections_import_when_they_are_called():
    assert "lifelines" in loading.late(["crlm", "crlm.paper"]) and not loading.late(["crlm"])
