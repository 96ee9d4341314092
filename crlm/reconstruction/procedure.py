"""One reconstruction from a study's name to its files."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from crlm import cohort, ledger
from crlm.ledger import CohortError, Design, DesignError
from crlm.ledger.errors import Fault, refusal
from crlm.reconstruction import certificate, histories, search
from crlm.reconstruction.search import Progress
from crlm.reconstruction.steps import with_printed_steps
from crlm.reconstruction.wishes import wishes_of


@dataclass(frozen=True)
class Outcome:
    """What a reconstruction came to.

    Attributes
    ----------
    verdicts : pandas.DataFrame
        Every claim with the value that the files give, independently recomputed.
    matched, counted : int
        Claims that match, of those not excluded.
    seconds : float
        Of the search.
    folder : pathlib.Path
        Where cohort.csv, history.csv and certificate.json are.
    """

    verdicts: pd.DataFrame
    matched: int
    counted: int
    seconds: float
    folder: Path


def reconstruct(
    study: str,
    out: Path,
    *,
    seed: int = 1,
    effort: float = 1.0,
    watch: Callable[[Progress], None] | None = None,
    rehearsed: bool = False,
    draw: bool = False,
    tell: Callable[[str], None] = lambda told: None,
) -> Outcome:
    """Search a synthetic cohort for a study and write it with its certificate.

    Parameters
    ----------
    study : str
    out : pathlib.Path
        Folder for cohort.csv, history.csv, certificate.json and, meanwhile, a checkpoint
        from which an interrupted search goes on.
    seed : int
        One seed, one effort: the same cohort.
    effort : float
        Multiplies the steps of the search.
    watch : callable, optional
        Called now and then with a `Progress`.
    rehearsed : bool
        Whether the study was rehearsed already, as for the other seeds of an ensemble.
    draw : bool
        Whether the seed draws what no claim is about, as of `search.prepare`; an ensemble's
        cohorts are made so.
    tell : callable, optional
        Called with a line before each part that says nothing of itself while it lasts.

    Raises
    ------
    DesignError
        If design.toml or reconstruction.toml is missing or at fault, or asks for what cannot be
        searched or certified.
    """
    design, claims = ledger.load_design(study), ledger.load_claims(study)
    wishes = wishes_of(design)
    out.mkdir(parents=True, exist_ok=True)
    if not rehearsed:
        tell(f"{study}: rehearsal, a first cohort is written and certified")
        rehearse(design, wishes, claims, seed)
    begun = time.monotonic()
    told = with_printed_steps(design, claims)
    made = search.prepare(told, wishes, claims, seed, effort, draw=draw, tell=tell)
    found = search.run(made, effort=effort, watch=watch, checkpoint=out / "checkpoint.npz")
    seconds = time.monotonic() - begun
    paths = histories.write(design, wishes, made.columns, found.state, seed, out)
    _tell_source(paths[0], study, seed, effort, draw)
    tell("certificate: every claim is computed again by other programs")
    verdicts = certificate.certify(design, claims, made.goal, *paths)
    counted = verdicts[verdicts["excluded"] == ""]
    matched = int((counted["verdict"] == "matches").sum())
    settings = {"seed": seed, "effort": effort, "seconds": round(seconds)}
    settings |= {"unprinted": "drawn"} if draw else {}
    certificate.write(out, design, verdicts, settings, found.in_the_way)
    (out / "checkpoint.npz").unlink(missing_ok=True)
    return Outcome(verdicts, matched, len(counted), seconds, out)


def rehearse(
    design: Design, wishes: Mapping[str, Any], claims: pd.DataFrame, seed: int = 1
) -> pd.DataFrame:
    """Everything that follows a search, on the cohort that it begins with, in seconds.

    What cannot be written or certified fails here, and not when the search is over.

    Parameters
    ----------
    design : Design
    wishes : mapping
        From `wishes_of`.
    claims : pandas.DataFrame
        From `ledger.load_claims`.
    seed : int

    Returns
    -------
    pandas.DataFrame
        As `certify`.

    Raises
    ------
    DesignError
        If a claim cannot be computed from a cohort, by the name of the claim; or columns that are
        dealt apart contradict each other, by the lines of the design.
    CohortError, LedgerError
        As the steps.
    """
    made = search.begin(with_printed_steps(design, claims), wishes, claims, seed)
    with tempfile.TemporaryDirectory() as folder:
        paths = histories.write(design, wishes, made.columns, made.state, seed, Path(folder))
        try:
            return certificate.certify(design, claims, made.goal, *paths)
        except CohortError as error:
            if told := _apart(design, paths[0]):
                raise DesignError(told) from error
            raise


def _apart(design: Design, table: Path) -> str:
    """The columns in which a first cohort contradicts itself, and the design's lines with them."""
    lines = (design.folder / "design.toml").read_text(encoding="utf-8-sig").splitlines()
    faults = []
    for rule, many in cohort.contradictions(table, design):
        told = (
            f"the search deals each of its own, and of {many} patients of its first cohort "
            f"{rule.says}. Keep one of them, or make it a factor of the other"
        )
        where = {name: _lines_with(name, lines) for name in rule.columns}
        stand = "; ".join(f"{name} in {at}" for name, at in where.items() if at)
        faults.append(Fault(" and ".join(rule.columns), f"{told}{stand and f' ({stand})'}."))
    return refusal(f"data/{design.study}/design.toml", faults) if faults else ""


def _lines_with(name: str, lines: Sequence[str]) -> str:
    """Where a design names a column: "lines 10, 181"; "" for nowhere."""
    named = re.compile(rf'["\[.,]{name}["\],=:<>]|(^|[{{,\s]){name}\s*=')
    found = [str(k) for k, line in enumerate(lines, 1) if named.search(line.partition("#")[0])]
    return f"line{'s' if len(found) > 1 else ''} {', '.join(found)}" if found else ""


def _tell_source(table: Path, study: str, seed: int, effort: float, draw: bool) -> None:
    """Say beside the table that no row of it is a patient."""
    drawn = " --unprinted drawn" if draw else ""
    note = (
        f"crlm reconstruct {study} --seed {seed} --effort {effort:g}{drawn} found it; "
        "certificate.json beside it has every printed number with what it gives."
    )
    title = "Synthetic cohort, searched from the printed numbers."
    record = {"kind": "reconstructed", "title": title, "note": note}
    cohort.write_source(table, table.read_bytes(), record)
