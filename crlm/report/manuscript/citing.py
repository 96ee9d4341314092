"""How to cite the paper, the software, the patients and this run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crlm import __version__
from crlm.ledger import Design
from crlm.naming import KINDS
from crlm.report.manuscript.done import Done
from crlm.report.provenance import differences, inputs, kept, today

#: As CITATION.cff has them.
SOFTWARE = "crlm: executable replications of two papers on resected colorectal liver metastases"
AUTHORS = "The crlm authors"
LICENCE = "MIT"
_DIGITS = 12


def paper(design: Design) -> str:
    """The paper whose study was run."""
    authors, _, rest = design.citation.partition("et al.")
    title = design.title.rstrip(".")
    return f"{authors}et al. {title}. {rest.strip()}" if rest else f"{title}. {design.citation}"


def software() -> str:
    """The program, with its version and licence."""
    return f"{AUTHORS}. {SOFTWARE}. Version {__version__}, {LICENCE} licence."


def run(done: Done, source: Mapping[str, Any]) -> str:
    """This run: study, patients by checksum, what was chosen otherwise, and the day."""
    digest = inputs(done.design, source).get("cohort", "")
    which = f", SHA-256 {digest[:_DIGITS]}" if digest else ""
    kind = KINDS[done.kind][0].rstrip(".")
    apart = differences(done.design, done.chosen) or kept(done.design, done.chosen)
    return (
        f"Run of the study {done.design.study} with crlm {__version__} on {today()}. "
        f"{kind}{which}. {apart}"
    )


def patients(source: Mapping[str, Any]) -> str:
    """A public cohort, with what its publishers ask; empty for any other."""
    if source["kind"] != "public":
        return ""
    told = [str(source["title"]).rstrip("."), str(source["note"]).rstrip(".")]
    return f"{'. '.join(filter(None, told))}."


def citations(done: Done, source: Mapping[str, Any]) -> list[str]:
    """One sentence each, in the order in which a reference list would have them.

    Parameters
    ----------
    done : Done
    source : mapping
        From `cohort.origin`.
    """
    told = [
        f"The paper: {paper(done.design)}",
        f"The software: {software()}",
        f"The patients: {patients(source)}" if patients(source) else "",
        f"This run: {run(done, source)}",
    ]
    return [text for text in told if text]
