"""What goes wrong in words a reader can act on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

#: Faults of one refusal that are told in full.
MOST_FAULTS = 30


class CrlmError(Exception):
    """Something the reader can put right; the message says what and how.

    Parameters
    ----------
    message : str
        May stand in any file: no cell of a patient table, no identifier, no header.
    told : str, optional
        The same with the values, for the reader's own terminal alone. It is kept out of
        `str(error)`, which notebooks, reports and manifests hold.
    """

    def __init__(self, message: str, told: str = "") -> None:
        super().__init__(message)
        self.told = told or message


class LedgerError(CrlmError):
    """published.csv does not hold what a ledger of claims must hold."""


class EmptyLedgerError(LedgerError):
    """published.csv has a header and no claim: a study that was just begun."""


class DesignError(CrlmError):
    """design.toml or reconstruction.toml does not describe a study."""


class CohortError(CrlmError):
    """A patient table cannot be read as this study's cohort."""


class ParameterError(CrlmError):
    """A run was asked for with a parameter that does not exist or does not fit."""


class DocumentError(CrlmError):
    """A document for coauthors or a journal cannot be made, or cannot be read."""


class DisclosureError(CrlmError):
    """A safe report that did not pass the attack, and is not written."""


class Fault(NamedTuple):
    """One thing that is wrong in a file that somebody wrote by hand.

    Attributes
    ----------
    place : str
        Where in the file: "[models.OS] covariates", "row 7, level".
    text : str
        The evidence and the remedy.
    """

    place: str
    text: str


def refusal(file: str, faults: Sequence[Fault], note: str = "") -> str:
    """The message that tells every fault of a file, `MOST_FAULTS` of them in full.

    Parameters
    ----------
    file : str
        As a reader finds it: "data/ncch_scp/design.toml".
    faults : sequence of Fault
        In the order of the file.
    note : str
        Stands behind the name of the file, as "rows counted as Excel does".
    """
    lines = [f"  {fault.place}: {fault.text}" for fault in faults[:MOST_FAULTS]]
    rest = len(faults) - MOST_FAULTS
    number = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    head = ", ".join(filter(None, [f"{file}: {number}", note]))
    return "\n".join([f"{head}.", *lines, *([f"  and {rest} more"] if rest > 0 else [])])
