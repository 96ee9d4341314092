"""Independent parts of one computation on the cores of this machine; the same answers as on one."""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from crlm import lifeline

T, R = TypeVar("T"), TypeVar("R")

#: The environment's word for how many cores a run may use. `crlm run` says as many as there are,
#: `crlm batch` says one; a notebook in JupyterLab has the machine, one that papermill executes
#: may be one of many.
VARIABLE = "CRLM_CORES"


def count() -> int:
    """How many cores this process may use."""
    told = os.environ.get(VARIABLE, "")
    if not told.isdigit():
        return available() if "JPY_SESSION_NAME" in os.environ else 1
    return max(1, int(told))


def available() -> int:
    """How many cores there are to use; one where processes cannot be forked safely."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1


def each(make: Callable[[T], R], parts: Iterable[T]) -> list[R]:
    """What `make` makes of each part, in their order.

    Parameters
    ----------
    make : callable
        Its answer hangs on the part alone, and can be pickled. What it leaves in this process
        beside its answer may be lost.
    parts : iterable

    Raises
    ------
    Exception
        What `make` raises for the first part that it cannot do.

    Examples
    --------
    >>> each(abs, [-2, 3])
    [2, 3]
    """
    parts = list(parts)
    shares = min(count(), len(parts))
    if shares < 2:
        return [make(part) for part in parts]
    found: list[Any] = [None] * len(parts)
    with contextlib.ExitStack() as stack:
        helpers = [stack.enter_context(_helper(make, parts[at::shares])) for at in range(1, shares)]
        found[::shares] = _tried(make, parts[::shares])
        for at, helper in enumerate(helpers, 1):
            found[at::shares] = _heard(helper) or _tried(make, parts[at::shares])
    for _, error in found:
        if error is not None:
            raise error
    return [answer for answer, _ in found]


def _tried(make: Callable[[T], R], parts: Iterable[T]) -> list[tuple[R | None, Exception | None]]:
    """What is made of each part, or why it is not."""
    found: list[tuple[R | None, Exception | None]] = []
    for part in parts:
        try:
            found.append((make(part), None))
        except Exception as error:
            found.append((None, error))
    return found


@contextlib.contextmanager
def _helper(make: Callable[[T], R], parts: Iterable[T]) -> Iterator[int]:
    """A forked process that tries these parts; the pipe on which it answers."""
    read, write = os.pipe()
    parent = os.getpid()
    with warnings.catch_warnings():
        # Of threads, which a kernel has: the helper touches none of them.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            lifeline.die_with_parent(parent)
            gc.disable()
            os.environ[VARIABLE] = "1"
            with os.fdopen(write, "wb") as answers:
                pickle.dump(_tried(make, parts), answers)
        os._exit(0)
    os.close(write)
    try:
        yield read
    finally:
        os.close(read)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _heard(read: int) -> list[Any] | None:
    """What a helper answers; None if it has died, or cannot tell."""
    with os.fdopen(os.dup(read), "rb") as answers:
        said = answers.read()
    try:
        return pickle.loads(said)
    except (EOFError, pickle.UnpicklingError):
        return None
