"""The opening of the reviewer's chapter: questions with their answers, and the imagined trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from crlm import __version__
from crlm.ledger import FLAGS, STATISTICS, Design
from crlm.naming import describe, small
from crlm.numbers import counted, interval
from crlm.report.html import Html, joined, say, table

_TRIAL = {
    "eligibility": "Who",
    "strategies": "What is compared",
    "assignment": "In place of a draw by lot",
    "time_zero": "Time zero",
    "outcomes": "Outcomes",
    "follow_up": "Follow-up",
    "intercurrent": "What comes between",
    "estimand": "Estimand",
    "caution": "Caution",
}
_Asked = tuple[Mapping[str, Any], Mapping[str, Any] | None, pd.DataFrame]


def trial_table(design: Design) -> Html:
    """The trial that the chapter imitates, a line an element."""
    trial = design.chapter["trial"]
    body = []
    for key, name in _TRIAL.items():
        told = trial[key]
        body.append(("", [name, told if isinstance(told, str) else "; ".join(told)]))
    after = design.chapter.get("after_exposure", ())
    notes = []
    if after:
        names = ", ".join(small(design.label(name)) for name in after)
        notes.append(
            f"May lie between the exposure and the outcome: {names}. Shown with and without, "
            "never in the main estimate."
        )
    return table("The trial that would have answered it", ["Element", "Here"], body, notes)


def questions_piece(asked: Sequence[_Asked], design: Design, samples: int) -> Html:
    """Each question, its answer, what it assumes, and the flags raised against it.

    Parameters
    ----------
    asked : sequence of (question, row, flags)
        The question of `[chapter]`, the row that answers it or None, the raised flags' rows.
    design : Design
    samples : int
        Resamples behind the limits of differences.
    """
    body = [
        ("", _line(question, row, flags, design), [] if row is None else [row])
        for question, row, flags in asked
    ]
    raised = pd.concat([flags for _, _, flags in asked]).drop_duplicates(["covariate", "method"])
    answered = sum(row is not None for _, row, _ in asked)
    sentences = [
        f"{row['covariate'].capitalize()} ({FLAGS[row['covariate']]}): {row['method']}"
        for row in raised.to_dict("records")
    ]
    told = f"{answered} of {counted(len(asked), 'question')} could be asked of this cohort; "
    told += f"{counted(raised['covariate'].nunique(), 'flag')} raised."
    sentences.append(f"Limits of differences: {counted(samples, 'resample')}; crlm {__version__}.")
    header = ["Question", "Estimate (95 % CI)", "What it assumes", "Flags"]
    every = table("Asked and answered", header, body, sentences)
    return joined(say(told, "reading"), every)


def _line(
    question: Mapping[str, Any],
    row: Mapping[str, Any] | None,
    flags: pd.DataFrame,
    design: Design,
) -> list[str]:
    raised = ", ".join(dict.fromkeys(flags["covariate"]))
    if row is None:
        needs = ", ".join(small(design.label(name)) for name in question.get("needs", ()))
        told = f"not in this table: {needs}" if needs else "not in this table"
        return [question["question"], told, question["assumes"], raised]
    return [question["question"], answer_text(row, design), question["assumes"], raised]


def answer_text(row: Mapping[str, Any], design: Design) -> str:
    """A row as an answer: its estimate with limits, and what it is the estimate of."""
    unit = {"%": " points" if "difference" in row["statistic"] else " %"}.get(row["unit"], "")
    unit = f" {row['unit']}" if row["unit"] == "months" else unit
    label = small(STATISTICS[row["statistic"]].label)
    return f"{interval(row)}{unit}: {label}, {small(describe(row, design))}"
