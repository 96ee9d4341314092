"""Events with causes: what ended each patient's follow-up, and the groups to compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from crlm.endpoints import columns, died_then
from crlm.endpoints.outcomes import TOLERANCE
from crlm.ledger import CohortError, ParameterError
from crlm.ledger.vocabulary import COMPETING, COUNTED
from crlm.multistate.process import Process, of_causes
from crlm.refusals import choice
from crlm.survival.samples import (
    By,
    Sample,
    check_frame,
    codes_of,
    make_sample,
    names_of,
    split,
    take,
)

_OUTSIDE = ("site_extrahepatic", "site_lung", "site_peritoneum")


@dataclass(frozen=True)
class Causes:
    """One group of patients whose events have causes.

    Attributes
    ----------
    name : str
    sample : Sample
    cause : ndarray of int, shape (n,)
        Position of the cause; -1 where censored.
    names : tuple of str
        Of the causes.
    weights : ndarray, shape (n,), optional
    place : ndarray of int, shape (n,)
        Position in the frame that was given.
    left_out : str
        How many had an event of unknown cause, for methods; mostly empty.
    """

    name: str
    sample: Sample
    cause: np.ndarray
    names: tuple[str, ...]
    weights: np.ndarray | None
    place: np.ndarray
    left_out: str

    @property
    def late(self) -> str:
        """Late entry, for methods."""
        return ", late entry" if self.sample.late else ""

    @property
    def note(self) -> str:
        """Late entry, and who had to be left out."""
        return self.late + self.left_out

    def place_of(self, cause: str) -> int:
        """The position of a cause, which must exist."""
        known([cause], self.names)
        return self.names.index(cause)

    def alone(self, cause: str) -> Causes:
        """The same patients with the other causes censored."""
        place = self.place_of(cause)
        code = np.where(self.cause == place, 0, -1)
        return replace(self, cause=code, names=self.names[place : place + 1])

    def process(self) -> Process:
        """Patients leaving by any cause."""
        return of_causes(self.sample, self.cause, self.names)


def first_recurrence(frame: pd.DataFrame) -> pd.DataFrame:
    """Recurrence-free survival by what ended it: liver, elsewhere or death.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame of RFS with the sites of the first recurrence (`site_liver`, and of
        `site_extrahepatic`, `site_lung`, `site_peritoneum` what there is) and, to tell a
        death from a recurrence outside the liver, `os_months` and `os_event`.

    Returns
    -------
    pandas.DataFrame
        With `endpoint` "first_recurrence" and the category `cause`: "liver" (alone or with
        others), "elsewhere" (without the liver), "death" (before any recurrence). It is
        missing where censored, and for a recurrence whose site is not known: `incidence` and
        its kin leave such a patient out and count it.

    Raises
    ------
    CohortError
        If the frame is no analysis frame or has no `site_liver`.
    """
    check_frame(frame)
    if "site_liver" not in frame:
        raise CohortError(
            "The sites of first recurrence need the column site_liver; add it, or sites to the "
            "recurrences of the event history."
        )
    liver = columns.binary(frame["site_liver"])
    others = [columns.binary(frame[name]) == 1.0 for name in _OUTSIDE if name in frame]
    outside = np.logical_or.reduce([np.zeros(len(frame), dtype=bool), *others])
    event, died = frame["event"].to_numpy(), died_then(frame)
    told = [~event, liver == 1.0, outside, died, np.isnan(liver)]
    code = np.select(told, [-1, 0, 1, 2, -1], _unexplained(frame, bool(others)))
    return _with_cause(frame, code, ("liver", "elsewhere", "death"), "first_recurrence")


def failure_or_death(
    frame: pd.DataFrame, *, death_without_failure: Literal["censor", "event"] = "censor"
) -> pd.DataFrame:
    """The surgically controllable period by what ended it: surgical failure, or death before it.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame of SCP with `os_months` and `os_event`.
    death_without_failure : {"censor", "event"}
        What the frame was made with (`endpoints.from_history`).

    Returns
    -------
    pandas.DataFrame
        With `event` also at a death without failure, and the category `cause`: "failure",
        "death"; missing where censored.

    Raises
    ------
    CohortError
        If the frame is no analysis frame or has no `os_months` and `os_event`.
    """
    check_frame(frame)
    choice("death_without_failure", death_without_failure, ("censor", "event"))
    absent = [name for name in ("os_months", "os_event") if name not in frame]
    if absent:
        raise CohortError(f"Death before failure needs {' and '.join(absent)}; add that.")
    died, event = died_then(frame), frame["event"].to_numpy()
    failed = event & ~died if death_without_failure == "event" else event
    code = np.where(failed, 0, np.where(died, 1, -1))
    endpoint = str(frame["endpoint"].iloc[0]) if "endpoint" in frame else "SCP"
    return _with_cause(frame.assign(event=code >= 0), code, ("failure", "death"), endpoint)


def with_competing(
    frame: pd.DataFrame, other: pd.DataFrame, *, counts_both: bool = False
) -> pd.DataFrame:
    """The event of one endpoint and that of another by which of the two came first.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame of the endpoint whose event is counted; its follow-up holds.
    other : pandas.DataFrame
        That of the endpoint whose event competes, on the same index of patients.
    counts_both : bool
        Whether the first endpoint counts the competing event too, as recurrence-free survival
        counts deaths: what both have on one day is then the competing one, else the first's.

    Returns
    -------
    pandas.DataFrame
        The patients of both frames, with `time`, `event` at either, and the category `cause`:
        "event", "competing"; missing where censored. `attrs["notes"]` says who had to be left
        out, and who had the competing event when the follow-up of the first was over.

    Raises
    ------
    CohortError
        If a frame is no analysis frame, or no patient is in both.

    Notes
    -----
    Times are the same up to half of a printed hundredth of a month. The competing event ends the
    follow-up of the first, as a recurrence before death does where deaths without one are
    counted.
    """
    check_frame(frame)
    check_frame(other)
    part = frame[frame.index.isin(other.index)]
    if part.empty:
        raise CohortError("No patient has times of both endpoints; add those of the other.")
    rival = other.loc[part.index]
    end, when = (one["time"].to_numpy(dtype=float) for one in (part, rival))
    had, also = (one["event"].to_numpy(dtype=bool) for one in (part, rival))
    room = TOLERANCE + 1e-9
    same, earlier = np.abs(when - end) <= room, when < end - room
    own = had & ~(also & (earlier | (same & counts_both)))
    competing = also & ~own & (earlier | same)
    code = np.where(own, 0, np.where(competing, 1, -1))
    time = np.where(competing & earlier, when, end)
    made = _with_cause(part.assign(time=time, event=code >= 0), code, (COUNTED, COMPETING), "")
    made["endpoint"] = part["endpoint"] if "endpoint" in part else ""
    late = made["entry"].to_numpy(dtype=float) >= time if "entry" in made else np.zeros(len(made))
    lost = {
        "without times of the competing endpoint left out": len(frame) - len(part),
        "under observation only after the competing event left out": int(late.sum()),
        "with the competing event after follow-up had ended, censored at its end": int(
            (also & ~had & (when > end + room)).sum()
        ),
    }
    made = made[~late.astype(bool)]
    made.attrs["notes"] = [f"{count} {what}" for what, count in lost.items() if count]
    return made


def causes_of(frame: pd.DataFrame, by: By, weights: np.ndarray | None = None) -> list[Causes]:
    """Each group's patients with their causes, in the order of the categories."""
    names = names_of(frame, by)
    numbered = frame.assign(_place=np.arange(len(frame)))
    part, note = with_known_cause(numbered)
    w = None if weights is None else checked_weights(weights, len(frame))[part["_place"].to_numpy()]
    code, labels = codes_of(part, names)
    there = np.flatnonzero(code >= 0)
    if not len(there):
        raise CohortError(
            f"No patient has a value of {', '.join(names)}: there is no group to describe. "
            "Choose another column."
        )
    sample = make_sample(part, there)
    cause = np.where(part["event"], part["cause"].cat.codes, -1)[there]
    place = part["_place"].to_numpy()[there]
    levels = tuple(str(name) for name in part["cause"].cat.categories)
    groups = []
    for label, at in zip(labels, split(code[there]), strict=True):
        mine = take(sample, at)
        share = None if w is None else w[there][at]
        groups.append(Causes(label, mine, cause[at], levels, share, place[at], note))
    return groups


def with_known_cause(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The patients whose cause is known if they had an event, and how many are left out."""
    check_frame(frame)
    if "cause" not in frame or not isinstance(frame["cause"].dtype, pd.CategoricalDtype):
        raise CohortError(
            "The analysis frame has no category `cause`. Make it with "
            "multistate.first_recurrence, multistate.failure_or_death or multistate.with_competing."
        )
    unknown = (frame["event"] & frame["cause"].isna()).to_numpy()
    if not unknown.any():
        return frame, ""
    count = int(unknown.sum())
    if unknown.all():
        raise CohortError(f"The cause is not known of any of the {count} patients; add it.")
    return frame[~unknown], f"; {count} with an event of unknown cause left out"


def endpoint_of(frame: pd.DataFrame) -> str:
    """The endpoint of an analysis frame; empty text if it names none."""
    return str(frame["endpoint"].iloc[0]) if "endpoint" in frame and len(frame) else ""


def with_transition(population: str, transition: str) -> str:
    """A population together with the transition that its patients are at risk of."""
    return transition if population == "all" else f"{population},{transition}"


# ---- causes -----------------------------------------------------------------


def _unexplained(frame: pd.DataFrame, sites: bool) -> int:
    """What an event is that was not in the liver, nowhere else as far as told, and no death.

    Elsewhere where deaths are known; where they are not, a death if other sites could have
    been told, else it is not known.
    """
    if {"os_months", "os_event"} <= set(frame):
        return 1
    return 2 if sites else -1


def _with_cause(
    frame: pd.DataFrame, code: np.ndarray, names: Sequence[str], endpoint: str
) -> pd.DataFrame:
    cause = pd.Categorical.from_codes(code, categories=list(names))
    return frame.assign(cause=cause, endpoint=endpoint)


def known(causes: Sequence[str], names: Sequence[str]) -> None:
    """Refuse causes that do not exist, or none (`ParameterError`)."""
    strange = [cause for cause in causes if cause not in names]
    if strange:
        raise ParameterError(f"There is no cause {strange[0]!r}. There is: {', '.join(names)}.")
    if not causes:
        raise ParameterError(f"Name at least one cause of: {', '.join(names)}.")


def checked_weights(weights: np.ndarray, n: int) -> np.ndarray:
    """Weights as floats, one a patient, none negative and not all 0 (`ParameterError`)."""
    w = np.asarray(weights, dtype=float)
    if w.shape != (n,) or not (np.isfinite(w) & (w >= 0)).all() or not w.any():
        raise ParameterError(
            f"weights must be {n} numbers of 0 or more, one a patient of the frame, and not all "
            f"0; they have the shape {w.shape}, and {int((~(w > 0)).sum())} are not above 0."
        )
    return w
