"""The opening of the reviewer's chapter: questions with their answers, and the imagined trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from crlm import __version__
from crlm.ledger import FLAGS, Design, as_records, small
from crlm.naming import (
    among,
    describe,
    endpoint_words,
    method_words,
    model_words,
    statistic_words,
)
from crlm.numbers import counted, interval
from crlm.report.html import Html, fold, joined, listing, say, table

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
_Asked = tuple[Mapping[str, Any], Sequence[Mapping[str, Any]], pd.DataFrame, str]


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


def questions_piece(
    asked: Sequence[_Asked], design: Design, samples: int, *, safe: bool = False
) -> Html:
    """Each question, its answer, what it assumes, and the flags raised against it.

    Parameters
    ----------
    asked : sequence of (question, rows, flags, why)
        The question of `[chapter]`, the row that answers it (and one that the answer runs to),
        the raised flags' rows, and why there is no answer.
    design : Design
    samples : int
        Resamples behind the limits of differences.
    safe : bool
        Of a safe report: it leaves entries of the chapter out, and every flag.
    """
    absent = "left out of a safe report" if safe else ""
    body = [("", _line(*one, design, absent)) for one in asked]
    raised = pd.concat([flags for _, _, flags, _ in asked]).drop_duplicates(["covariate", "method"])
    answered = sum(bool(rows) for _, rows, _, _ in asked)
    many = raised["covariate"].nunique()
    told = f"{answered} of {counted(len(asked), 'question')} could be answered by this cohort; "
    told += f"{counted(many, 'flag')} {'is' if many == 1 else 'are'} raised."
    header = ["Question", "Estimate (95 % CI)", "What it assumes", "Flags"]
    if safe:
        questions = counted(len(asked), "question")
        told = f"{answered} of {questions} answered: a safe report leaves out the others and flags."
        header, body = header[:3], [(kind, line[:3]) for kind, line in body]
    note = f"Limits of differences: {counted(samples, 'resample')}; crlm {__version__}."
    every = table("Asked and answered", header, body, [note])
    words = method_words(design)
    found = [_raised(row, design, words) for row in as_records(raised)]
    below = [fold(f"What raised {counted(many, 'flag')}", listing(found))] if found else []
    return joined(say(told, "reading"), every, *below)


def _raised(row: Mapping[str, Any], design: Design, words: Callable[[str], str]) -> str:
    """A flag with its kind, its endpoint, whom it is of, and what was found."""
    name, where = str(row["covariate"]), str(row["endpoint"])
    told = (endpoint_words(where), among(str(row["population"]), design))
    where = "".join(f", {text}" for text in told if text)
    return f"{name.capitalize()} ({FLAGS[name]}{where}): {words(str(row['method']))}."


def _line(
    question: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    flags: pd.DataFrame,
    why: str,
    design: Design,
    absent: str,
) -> list[str]:
    raised = ", ".join(dict.fromkeys(flags["covariate"]))
    if not rows:
        why = method_words(design)(why)
        told = absent or (f"No answer: {why}" if why else "No answer here")
        return [question["question"], told, question["assumes"], raised]
    told = answer_text(rows[0], design)
    for last in rows[1:]:
        told += f"; to {interval(last)}{_unit(last)}, {model_words(last['model'])}"
    return [question["question"], told, question["assumes"], raised]


def answer_text(row: Mapping[str, Any], design: Design) -> str:
    """A row as an answer: its estimate with limits, and what it is the estimate of."""
    label = small(statistic_words(row))
    return f"{interval(row)}{_unit(row)}: {label}, {small(describe(row, design))}"


def _unit(row: Mapping[str, Any]) -> str:
    if row["unit"] == "%":
        return " points" if "difference" in row["statistic"] else " %"
    return " months" if row["unit"] == "months" else ""
