"""How what another run of a batch has found gets to a run: as data that fits its checksum.

Answers lie on shelves, folders of which a run is told in its environment, each under the SHA-256
of its question. What no parameter changes, a batch asks before its runs (`once`); what a run has
found, the batch puts where later runs look. A run takes only what was made from the very same
things, and without a batch everything is made here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import io
import os
import pickle
import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from crlm import cores, manifest

P, R = ParamSpec("P"), TypeVar("R")

#: The environment's words for the shelves to look on, for the folder of what is found, and for
#: that in which a run says what it has made itself.
SHELVES, FOUND, PASSED = "CRLM_SHELVES", "CRLM_FOUND", "CRLM_PASSED"
_TICK = 0.005
# Whoever works ahead may have been given no core; then waiting would cost more than it saves.
_PATIENCE = 2.0

#: How an answer is left on a shelf, whether who asks for it meanwhile waits, and whether what
#: the run has made by now is left alone: see `ahead`.
keep: Callable[[Path, bytes], object] = Path.write_bytes
marks = heeds = False

# The questions that are being answered here, the last one within those before it.
_UNDER_WAY: list[str] = []


class Needless(Exception):
    """The run that this process works for has made it itself."""


def told(shelves: Sequence[str], found: str = "", passed: str = "") -> dict[str, str]:
    """The environment of a run: where it looks, where it leaves what it finds, what it tells."""
    return {SHELVES: os.pathsep.join(shelves), FOUND: found, PASSED: passed}


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """These words in the environment of this process and of those that it starts meanwhile."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def pure(make: Callable[P, R]) -> Callable[P, R]:
    """Mark a function whose answer follows from its arguments, the code and the style of figures.

    In a batch the answer of another run to the very same question is taken; its key is the
    SHA-256 of all of these. Arguments that cannot be told byte for byte are never looked up.
    """

    @functools.wraps(make)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        return shared((make, args, kwargs), lambda: make(*args, **kwargs))

    return asked


def shared(
    question: object, make: Callable[[], R], *, drawn: bool = True, parted: bool = False
) -> R:
    """What `make` makes, or what another run of the batch has made for the very same question.

    Parameters
    ----------
    question : object
        Everything but crlm's code that the answer hangs on. A function stands for itself and the
        values that it has caught, an object with `stands_on()` for what that returns.
    make : callable
    drawn : bool
        Whether the answer may hold a figure, and so hangs on matplotlib's settings.
    parted : bool
        Whether `make` works by `each`: then nobody waits for who is at it, but works along, and
        tells who works ahead when it is done.

    Raises
    ------
    Needless
        In a process that works ahead, if its run has answered a parted question by now.
    """
    shelves, found = os.environ.get(SHELVES, ""), os.environ.get(FOUND, "")
    key = digest((_code(), _style() if drawn else "", question)) if shelves else ""
    for path in [Path(shelf) / key for shelf in shelves.split(os.pathsep) if key]:
        patience = time.monotonic() + (0 if parted else _PATIENCE)
        while _begun(path).exists() and time.monotonic() < patience:
            time.sleep(_TICK)
        if (known := _taken(path)) is not None:
            return known[0]
    if not key:
        return make()
    if parted:
        _heed(key)
    _UNDER_WAY.append(key)
    try:
        answer = _made(Path(found) / key, make) if found else make()
    finally:
        _UNDER_WAY.pop()
    if parted and os.environ.get(PASSED) and not found:
        with contextlib.suppress(OSError):
            _passed(key).touch()
    return answer


def _made(path: Path, make: Callable[[], R]) -> R:
    """Make an answer, and leave it for others."""
    with _marked(path) if marks else contextlib.nullcontext():
        answer = make()
        _put(path, answer)
    return answer


def _passed(key: str) -> Path:
    return Path(os.environ[PASSED], f"{key}.passed")


def _heed(key: str) -> None:
    if heeds and _passed(key).exists():
        raise Needless


def each(make: Callable[[int], R], n: int) -> list[R]:
    """What `make` makes of 0 to n - 1, within `shared`; on all cores, or by two processes.

    Whoever works ahead begins with the last and leaves each for the run, which begins with the
    first: where they meet, all is done.

    Parameters
    ----------
    make : callable
        Its answer hangs on its argument and the question alone.
    n : int
    """
    together = marks or os.environ.get(PASSED)
    if not (together and _UNDER_WAY) or cores.count() > 1:
        return cores.each(make, range(n))
    made: dict[int, R] = {}
    for at in reversed(range(n)) if marks else range(n):
        made[at] = _part(f"{_UNDER_WAY[-1]}.{at}", functools.partial(make, at))
    return [made[at] for at in range(n)]


def _part(name: str, make: Callable[[], R]) -> R:
    if marks:
        _heed(_UNDER_WAY[-1])
        answer = make()
        _put(Path(os.environ[FOUND], name), answer)
        return answer
    for shelf in os.environ[SHELVES].split(os.pathsep):
        if (known := _taken(Path(shelf, name))) is not None:
            return known[0]
    return make()


def _put(path: Path, answer: object) -> None:
    with contextlib.suppress(OSError, pickle.PicklingError, TypeError, AttributeError):
        data = pickle.dumps((answer,))
        keep(path, hashlib.sha256(data).hexdigest().encode() + b"\n" + data)


def _begun(path: Path) -> Path:
    """What is there as long as the process that works out this answer ahead lives and is at it."""
    return path.with_suffix(".begun")


@contextlib.contextmanager
def _marked(path: Path) -> Iterator[None]:
    mark = _begun(path)
    mark.symlink_to(f"/proc/{os.getpid()}/fd/0")
    try:
        yield
    finally:
        mark.unlink()


def _taken(path: Path) -> tuple[Any] | None:
    """What a shelf holds under a key; None if nothing, or not what was put there."""
    try:
        digest, _, data = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    return pickle.loads(data) if hashlib.sha256(data).hexdigest().encode() == digest else None


def digest(thing: object) -> str:
    """SHA-256 of what a thing is, byte for byte; empty where that cannot be told."""
    told = hashlib.sha256()
    try:
        _tell(told, thing)
    except (_Untold, RecursionError):
        return ""
    return told.hexdigest()


@functools.cache
def _code() -> tuple[str, dict[str, str]]:
    return manifest.code_digest(), manifest.versions()


def _style() -> str:
    """Matplotlib's settings, which shape every figure, but for how it is shown."""
    settings = dict.items(getattr(sys.modules.get("matplotlib"), "rcParams", {}))
    shown = ("backend", "interactive")
    return repr(sorted((name, repr(value)) for name, value in settings if name not in shown))


@functools.cache
def _plain() -> tuple[type, ...]:
    """Types of what its text tells in full."""
    import numpy as np
    import pandas as pd

    unknown = (type(pd.NA), type(pd.NaT), pd.Timestamp, np.generic)
    return (type(None), bool, int, float, str, bytes, Path, *unknown)


class _Untold(Exception):
    """An argument whose content cannot be told byte for byte."""


class _Plain(pickle.Pickler):
    """Writes what holds nothing but Python's own values, each as often as it occurs."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, protocol=5)
        self.fast = True

    def reducer_override(self, thing: object) -> Any:
        """Refuse whatever is no such value."""
        raise _Untold


def _at_once(thing: object) -> bytes:
    """A value, or a list, tuple or dict of Python's own values alone, in full; else nothing."""
    if isinstance(thing, _plain()):
        return repr(thing).encode()
    stream = io.BytesIO()
    with contextlib.suppress(_Untold):
        if type(thing) in (list, tuple, dict):
            _Plain(stream).dump(thing)
            return stream.getvalue()
    return b""


def _tell(told: Any, thing: Any) -> None:
    """Feed a thing to a hash: its kind, its size, its content."""
    import numpy as np
    import pandas as pd

    told.update(f"{type(thing).__module__}.{type(thing).__qualname__}:".encode())
    if data := _at_once(thing):
        told.update(b"%d;" % len(data) + data)
    elif isinstance(thing, (pd.DataFrame, pd.Series, pd.Index, np.ndarray)):
        _tell_table(told, thing)
    elif isinstance(thing, Mapping):
        _tell(told, [part for pair in thing.items() for part in pair])
    elif isinstance(thing, (list, tuple)):
        told.update(f"{len(thing)};".encode())
        for part in thing:
            _tell(told, part)
    elif hasattr(thing, "stands_on"):
        _tell(told, thing.stands_on())
    elif isinstance(thing, types.FunctionType):
        caught = [cell.cell_contents for cell in thing.__closure__ or ()]
        usual = [thing.__defaults__, thing.__kwdefaults__]
        _tell(told, [thing.__module__, thing.__qualname__, thing.__code__, *usual, *caught])
    elif isinstance(thing, types.CodeType):
        _tell(told, [thing.co_code, thing.co_names, thing.co_varnames, *thing.co_consts])
    elif dataclasses.is_dataclass(thing):
        _tell(told, [getattr(thing, field.name) for field in dataclasses.fields(thing)])
    else:
        raise _Untold


def _tell_table(told: Any, thing: Any) -> None:
    import numpy as np
    import pandas as pd

    if isinstance(thing, pd.DataFrame):
        _tell(told, [thing.columns, thing.index, dict(thing.attrs)])
        for _, column in thing.items():
            _tell_values(told, column.values)
    elif isinstance(thing, pd.Series):
        _tell(told, [thing.name, thing.index, dict(thing.attrs)])
        _tell_values(told, thing.values)
    else:
        _tell(told, [*getattr(thing, "names", ()), *thing.shape])
        _tell_values(told, np.asarray(thing))


def _tell_values(told: Any, values: Any) -> None:
    """One column: its type and every value."""
    import numpy as np
    import pandas as pd

    if isinstance(values, pd.Categorical):
        # As text pandas would lay its levels out as a table, for each column.
        kind = f"category {values.ordered} {values.categories.dtype!r}"
        told.update(f"{kind}{len(values)};".encode())
        _tell(told, list(values.categories))
        told.update(np.ascontiguousarray(values.codes).tobytes())
        return
    told.update(f"{values.dtype!r}{len(values)};".encode())
    if isinstance(values.dtype, np.dtype) and values.dtype != object:
        told.update(np.ascontiguousarray(values).tobytes())
    else:
        cells = np.asarray(values, dtype=object).tolist()
        plain = all(issubclass(kind, _plain()) for kind in set(map(type, cells)))
        told.update(repr(cells).encode()) if plain else _tell(told, cells)
