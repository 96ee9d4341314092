"""Machine code of the search: where it is kept between runs, and when it is too old.

Numba keeps what it compiled beside each file and makes it anew when that file changes, but not
when a file changes whose functions it calls: a search would then run code that is no longer there.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from numba import njit

#: Files that hold no compiled function but numbers that compiled functions know.
_KNOWN = ("arrays.py", "codes.py")
_MARK = "@compiled"
_NOTE = "sources.sha256"


def drop_stale(folder: Path) -> bool:
    """Remove machine code that was made from other sources than those in a folder.

    Parameters
    ----------
    folder : pathlib.Path
        With the sources, and `__pycache__` with what numba kept.

    Returns
    -------
    bool
        Whether any source differs from those noted there last. A folder that cannot be written
        stays as it is.
    """
    held = [path.read_bytes() for path in sorted(folder.glob("*.py"))]
    held = [text for text in held if _MARK.encode() in text]
    held += [(folder / name).read_bytes() for name in _KNOWN if (folder / name).is_file()]
    digest, cache = hashlib.sha256(b"\0".join(held)).hexdigest(), folder / "__pycache__"
    try:
        if (cache / _NOTE).is_file() and (cache / _NOTE).read_text("ascii") == digest:
            return False
        for path in [*cache.glob("*.nbi"), *cache.glob("*.nbc")]:
            path.unlink(missing_ok=True)
        cache.mkdir(exist_ok=True)
        (cache / _NOTE).write_text(digest, "ascii")
    except OSError:
        pass
    return True


drop_stale(Path(__file__).parent)

#: Compiled on first use and kept; x / 0 is infinite, as in numpy.
compiled = njit(cache=True, error_model="numpy")
