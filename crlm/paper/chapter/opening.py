"""What opens the reviewer's chapter: each question with its answer, and the trial behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from crlm.ledger import ROW_COLUMNS
from crlm.ledger import rows as result_rows
from crlm.paper.base import Section, nothing
from crlm.paper.chapter.asking import Asking
from crlm.report import html
from crlm.report.questions import questions_piece, trial_table

_SYNTHETIC = (
    "These numbers show what can be computed. The patients were searched so that the paper's "
    "printed numbers hold; what print does not fix is arbitrary here."
)


class Opening(Asking):
    """The first two tables of the chapter."""

    def reviewer(self, *, on: bool = True, **rules: Any) -> Section:
        """Open the chapter: what is asked, what comes out, what it assumes, what speaks against it.

        The table is filled when the last section of the notebook has run. Below it stands the
        trial that would have answered the question. Of a cohort of more than `most_patients` a
        random sample is analysed from here on, and a sentence above all says so.

        Parameters
        ----------
        on : bool
            False: no entry of the chapter is computed.
        **rules
            As `Asking.set_rules`.
        """
        self.set_rules(on=on, **rules)
        sample = self.sample
        html.show(html.say(sample.sentence) if sample else None)
        if not self.design.chapter or not on:
            html.show(html.aside("The reviewer's chapter was not asked for."))
            return nothing()
        from IPython.display import display

        html.show(html.say(_SYNTHETIC, "caution") if self.synthetic else None)
        waiting = html.say("The answers stand here when the last cell has run.", "skipped")
        self._questions = display(waiting, display_id=True)
        html.show(html.fold("The trial that would have answered it", trial_table(self.design)))
        return Section(result_rows([]))

    def answer_questions(self) -> None:
        """Fill the opening table from the results so far."""
        if getattr(self, "_questions", None) is not None:
            found = [(q, *self._answer_to(q)) for q in self.design.chapter["asked"]]
            found = [(*one, "" if one[1] else self._why_no_answer(one[0])) for one in found]
            many, safe = self.chapter_rules.samples, self.release.on
            self._questions.update(questions_piece(found, self.design, many, safe=safe))

    def _answer_to(self, question: Mapping[str, Any]) -> tuple[list[dict[str, Any]], pd.DataFrame]:
        """The rows that answer a question, if there are any, and the flags raised against it."""
        rows = self.results
        raised = rows[(rows["statistic"] == "flag") & (rows["estimate"] > 0)]
        raised = raised[raised["covariate"].isin(question["flags"])]
        for answer in question["answers"]:
            row = answer_row(rows, answer)
            if row is not None:
                last = answer_row(rows, question["until"]) if "until" in question else None
                return [row, *([last] if last is not None else [])], raised
        return [], raised

    def _why_no_answer(self, question: Mapping[str, Any]) -> str:
        """What the entry said when it could not be asked, or why its row has no estimate."""
        rows = self.results
        absent = rows[(rows["statistic"] == "missing") & (rows["model"] == "diagnostic")]
        absent = absent[absent["covariate"] == question.get("entry", "")]
        empty = [_with_keys(rows, answer) for answer in question["answers"]]
        empty += [absent]
        said = [text for part in empty for text in part["method"] if text]
        return str(said[0]).partition("; ")[0] if said else ""


def answer_row(rows: pd.DataFrame, keys: Mapping[str, str]) -> dict[str, Any] | None:
    """The row with these keys, at its latest time that has an estimate; None where there is none.

    Parameters
    ----------
    rows : pandas.DataFrame
        Result rows.
    keys : mapping
        Columns and what they must hold.
    """
    found = _with_keys(rows[rows["estimate"].notna()], keys)
    if found.empty:
        return None
    found = found.sort_values("time", kind="stable", na_position="first")
    return {name: found[name].iloc[-1] for name in ROW_COLUMNS}


def _with_keys(rows: pd.DataFrame, keys: Mapping[str, Any]) -> pd.DataFrame:
    """The rows that hold these values in these columns."""
    for name, value in keys.items():
        rows = rows[rows[name] == value]
    return rows
