"""How what is the same in every run of a batch gets to a run: as data that fits its checksum.

A batch works such things out once and leaves them in one file; each run is told the file and
its SHA-256 in its environment. A run takes from it what was made from the very same things.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: The environment's word for it: checksum, colon, path.
VARIABLE = "CRLM_LENT"


def pack(entries: Mapping[str, tuple[str, Any]]) -> bytes:
    """What is lent as bytes.

    Parameters
    ----------
    entries : mapping of str to (str, object)
        By name, the key of everything that it was made from, and the thing itself.
    """
    return pickle.dumps({name: (key, pickle.dumps(one)) for name, (key, one) in entries.items()})


def told(path: str, digest: str) -> dict[str, str]:
    """The environment of a run to which a file of `pack` with this SHA-256 is lent."""
    return {VARIABLE: f"{digest}:{path}"} if path else {}


def borrow(name: str, key: str) -> Any | None:
    """A copy of what is lent under a name; None if nothing is, or it was made from other things.

    Parameters
    ----------
    name : str
    key : str
        Of everything that it must have been made from.
    """
    digest, _, path = os.environ.get(VARIABLE, "").partition(":")
    if not path:
        return None
    try:
        data = Path(path).read_bytes()
    except OSError:
        return None
    if hashlib.sha256(data).hexdigest() != digest:
        return None
    known, thing = pickle.loads(data).get(name, ("", b""))
    return pickle.loads(thing) if known == key else None
