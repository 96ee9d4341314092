"""An audit as frames, and as text for a terminal."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import pandas as pd

from crlm.audit import (
    bands,  # noqa: F401  each room enters its checks into the catalogue
    counted_p,  # noqa: F401
    counts,  # noqa: F401
    curves,  # noqa: F401
    decimals,  # noqa: F401
    differences,  # noqa: F401
    e_values,  # noqa: F401
    endings,  # noqa: F401
    entry,  # noqa: F401
    level_events,  # noqa: F401
    medians,  # noqa: F401
    model_sizes,  # noqa: F401
    models,  # noqa: F401
    moments,  # noqa: F401
    multiplicity,  # noqa: F401
    other_tests,  # noqa: F401
    places,  # noqa: F401
    profiled,  # noqa: F401
    rates,  # noqa: F401
    ratios,  # noqa: F401
    restricted,  # noqa: F401
    scaled,  # noqa: F401
    scans,  # noqa: F401
    sentences,  # noqa: F401
    share_limits,  # noqa: F401
    standardised,  # noqa: F401
    steps,  # noqa: F401
    summaries,  # noqa: F401
    tallies,  # noqa: F401
    unreached,  # noqa: F401
    values,  # noqa: F401
    wald,  # noqa: F401
    wholes,  # noqa: F401
)
from crlm.audit.asked import ask
from crlm.audit.cases import CATALOGUE, CONSISTENT, INCONSISTENT, UNCLEAR
from crlm.audit.facts import Facts, gather
from crlm.audit.findings import UNSAID, find
from crlm.audit.implied import imply
from crlm.audit.misfits import HARMLESS
from crlm.audit.ratios import NO_DIGIT
from crlm.audit.repair import Judged
from crlm.ledger import Design, as_records
from crlm.numbers import allowed

#: Columns of the frame of checks.
CHECK_COLUMNS = (
    "check_id",
    "kind",
    "claims",
    "printed",
    "low",
    "high",
    "assumes",
    "verdict",
    "soft",
    "detail",
)

_WIDTH = 96


@dataclass(frozen=True)
class Audit:
    """Everything an audit says.

    Attributes
    ----------
    checks : pandas.DataFrame
        One row a check: `check_id`, `kind` (see `catalogue`), `claims` (ids), `printed`, `low`
        and `high` (the recomputed interval, NaN if none), `assumes`, `verdict` ("consistent",
        "inconsistent", "cannot tell"), `soft`, `detail`.
    findings : pandas.DataFrame
        One row a cause, the gravest first: `finding_id`, `rank`, `title`, `claims`, `printed`,
        `recomputed`, `verdict` ("inconsistent", or "cannot tell" for what a reader should
        know), `repair`, `class`, `confidence`, `sentence`, `detail`, `checks`.
    implied : pandas.DataFrame
        What the paper does not state: `quantity`, its keys, `low`, `high`, `unit`, `how`,
        `claims`.
    asked : pandas.DataFrame
        What a reviewer asks and print alone answers, in the same columns.
    """

    checks: pd.DataFrame
    findings: pd.DataFrame
    implied: pd.DataFrame
    asked: pd.DataFrame

    @property
    def gravest(self) -> str:
        """The contradiction to tell first, or "".

        No digit that was cut or rounded twice, and no final zero that is none, where there is
        another.
        """
        wrong = self.findings.loc[self.findings["verdict"] == "inconsistent", "sentence"]
        small = tuple(f"{how}." for how in (*HARMLESS, NO_DIGIT))
        more = [text for text in wrong if not str(text).endswith(small)]
        return str(next(iter([*more, *wrong]), ""))


def audit(design: Design, claims: pd.DataFrame) -> Audit:
    """Hold the printed numbers of a paper against each other.

    Parameters
    ----------
    design : Design
        From `ledger.load_design`.
    claims : pandas.DataFrame
        From `ledger.load_claims`; never changed.

    Returns
    -------
    Audit
        Checks, findings, implied quantities, and what a reviewer asks of print.

    Notes
    -----
    Every comparison works on the interval of values that the printed digits
    may stand for, never on the printed value as if it were exact.
    """
    facts = gather(design, claims)
    judged = _judge_all(facts)
    checks = pd.DataFrame([_row(name, one) for name, one in judged], columns=list(CHECK_COLUMNS))
    return Audit(checks, find(facts, judged), imply(facts), ask(facts))


def catalogue() -> pd.DataFrame:
    """Every kind of check: `kind`, `asks`, `assumes`, `blind` (what it cannot see), `soft`."""
    rows = [(k.name, k.asks, k.assumes, k.blind, k.soft) for k in CATALOGUE.values()]
    return pd.DataFrame(rows, columns=["kind", "asks", "assumes", "blind", "soft"])


def describe(result: Audit) -> str:
    """An audit as plain text, a paragraph a finding."""
    verdicts = result.checks["verdict"].value_counts()
    shares = ", ".join(f"{verdicts.get(v, 0)} {v}" for v in (CONSISTENT, INCONSISTENT, UNCLEAR))
    lines = [f"{len(result.checks)} checks: {shares}."]
    for verdict, heading in (
        (INCONSISTENT, "Numbers that contradict each other"),
        (UNCLEAR, "What a reader should know"),
    ):
        chosen = result.findings[result.findings["verdict"] == verdict]
        lines += ["", f"{heading} ({len(chosen)})"]
        for finding in as_records(chosen):
            lines += ["", *_paragraph(finding)]
    if result.findings["sentence"].str.startswith(UNSAID).any():
        # A footnote of the table may say how many: whoever keeps the ledger is told the row.
        lines += [
            "",
            "Where print says how many have no value, that is a row with statistic missing.",
        ]
    lines += ["", f"Implied but unstated ({len(result.implied)})", ""]
    lines += [_implied_line(row) for row in as_records(result.implied)]
    lines += ["", f"Asked of print alone ({len(result.asked)})", ""]
    lines += [_implied_line(row) for row in as_records(result.asked)]
    return "\n".join(lines)


def _judge_all(facts: Facts) -> list[tuple[str, Judged]]:
    judged = []
    for kind in CATALOGUE.values():
        for i, case in enumerate(kind.find(facts), start=1):
            judged.append((f"{kind.name}-{i:03d}", Judged(kind.name, case, case.read())))
    return judged


def _row(name: str, one: Judged) -> dict[str, object]:
    kind = CATALOGUE[one.kind]
    return {
        "check_id": name,
        "kind": one.kind,
        "claims": one.case.claims,
        "printed": "; ".join(f"{role} {p.text}" for role, p in one.case.roles.items()),
        "low": one.outcome.low,
        "high": one.outcome.high,
        "assumes": kind.assumes,
        "verdict": one.outcome.verdict,
        "soft": kind.soft,
        "detail": one.outcome.detail,
    }


def _paragraph(finding: dict[str, object]) -> list[str]:
    trust = f"[{finding['class']}, {finding['confidence']}]"
    head = f"{finding['finding_id']}  {finding['title']}  {trust}"
    text = str(finding["detail"])
    if finding["repair"]:
        text += f" Smallest repair: {finding['repair']}."
    return [head, *textwrap.wrap(text, _WIDTH, initial_indent="     ", subsequent_indent="     ")]


def _implied_line(row: dict[str, object]) -> str:
    keys = [row[name] for name in ("endpoint", "group", "covariate", "level")]
    where = ", ".join(str(key) for key in keys if key not in ("", "all"))
    time = "" if row["time"] != row["time"] else f" at {row['time']:g} months"
    return f"  {row['quantity']}: {where}{time}: {allowed(row['low'], row['high'], row['unit'])}"
