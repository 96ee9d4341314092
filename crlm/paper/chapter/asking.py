"""What every entry of the reviewer's chapter shares: its rules, and how it says what it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from crlm import ledger
from crlm.ledger import FLAGS, ParameterError, small
from crlm.paper.chapter.sampling import MOST, Sampling
from crlm.report import html

_WEEK_DAYS = 7.0
#: Under pictures of incidences and of states.
ENDS = "Curves end where fewer than {least} patients of the group are left."
#: Entries whose pictures and sentences are made from released rows alone, by their `analysis`: a
#: safe report shows these and no others.
RELEASED = frozenset(
    [
        "balance",
        "changing hazards",
        "competing risks",
        "levels drawn together",
        "modification",
        "sensitivity",
        "weighted effects",
    ]
)


@dataclass(frozen=True)
class Rules:
    """The parameters of the chapter, each with the default of its notebook.

    Attributes
    ----------
    on : bool
        Whether the chapter is wanted at all.
    horizons : tuple of float
        Months at which risks are compared, the longest last.
    tau : float
        Horizon of restricted means in months; 0: as far as follow-up allows.
    min_at_risk : int
        No estimate beyond the month at which a group has fewer patients left.
    samples, seed : int
        Resamples for the limits of differences (0: none), and their seed.
    imputations : int
        Completed tables for missing covariates; 0: complete cases only.
    grace : float
        Months within which a treatment counts as started after the operation.
    assumed_start : float
        Month at which it starts where the table has no date.
    era_from : int
        Operations from this year on as a restriction; 0: none.
    weight_cap : float
        Quantile at which weights are capped; 1: none.
    most_patients : int
        Of a larger cohort a random sample of so many is analysed; 0: all of any.
    prior_sd : float
        Prior of the logarithm of the ratio of two hazard ratios.
    visit_months : float
        Interval between examinations; 0: recurrence dates are exact.
    controlled_unresectable : {"continue", "failure"}
        A recurrence controlled by chemotherapy and yet unresectable.
    """

    on: bool = True
    horizons: tuple[float, ...] = (36.0, 60.0)
    tau: float = 0.0
    min_at_risk: int = 10
    samples: int = 200
    seed: int = 1
    imputations: int = 20
    grace: float = 2.76
    assumed_start: float = 1.5
    era_from: int = 0
    weight_cap: float = 0.99
    most_patients: int = MOST
    prior_sd: float = 0.35
    visit_months: float = 0.0
    controlled_unresectable: str = "continue"


class Asking(Sampling):
    """Entries of the chapter ask first whether the cohort can answer."""

    chapter_rules: Rules = Rules()

    def stands_on(self) -> list[object]:
        """As of any section, and the rules of the chapter."""
        return [*super().stands_on(), self.chapter_rules]

    def set_rules(self, *, horizon: float = 60.0, grace_weeks: float = 12.0, **rules: Any) -> Rules:
        """The rules of the chapter from the parameters of the notebook.

        Parameters
        ----------
        horizon : float
            The longest horizon in months; shorter ones of the design are kept.
        grace_weeks : float
            As `Rules.grace`, in weeks.
        **rules
            The other attributes of `Rules`.
        """
        asked = {h for h in self.design.chapter.get("horizons", ()) if h < horizon} | {horizon}
        days = self.design.conventions["days_per_month"]
        grace = grace_weeks * _WEEK_DAYS / days
        self.chapter_rules = Rules(horizons=tuple(sorted(asked)), grace=grace, **rules)
        self.draws = self.chapter_rules.most_patients, self.chapter_rules.seed
        return self.chapter_rules

    def asked(
        self, analysis: str, *columns: str, endpoint: str = "patients", told: str = ""
    ) -> bool:
        """Whether an entry can be asked; where it cannot, one line says what it would need.

        Parameters
        ----------
        analysis : str
            The entry in two or three words, for the rows: "start of treatment".
        columns : str
            The columns that it needs, each with a known value at least.
        endpoint : str
            Which frame it reads; "patients" is one.
        told : str
            What it would have told, as the end of a sentence.

        Returns
        -------
        bool
            False adds a row: statistic `missing`, covariate the analysis.
        """
        if not self._wanted(analysis):
            return False
        why = self._why_not(endpoint, columns)
        if why:
            self.not_asked(analysis, why, told, endpoint=endpoint)
        return not why

    def not_asked(
        self, analysis: str, why: str, told: str = "", *, endpoint: str = "patients"
    ) -> None:
        """One line, and one row, on why an entry cannot be asked of this cohort.

        Parameters
        ----------
        analysis, endpoint, told
            As `asked`.
        why : str
            As the middle of a sentence.
        """
        rest = f"; {told}" if told else ""
        html.show(html.say(f"Not asked here: {why}{rest}.", "skipped"))
        self.unanswered(analysis, why, endpoint=endpoint)

    def unanswered(self, analysis: str, why: str, *, endpoint: str = "patients") -> None:
        """The row that says why an entry has no answer; the chapter's first table reads it."""
        keys = {"endpoint": endpoint, "covariate": analysis, "model": "diagnostic"}
        values = {"unit": "patients", "estimate": float(len(self.included)), "method": why}
        self.add(ledger.rows([{**keys, "statistic": "missing", **values}]))

    def asked_of(
        self, analysis: str, endpoint_names: Sequence[str], *columns: str, told: str = ""
    ) -> list[str]:
        """The endpoints of which an entry can be asked; where it is left out, one line says so.

        Parameters
        ----------
        analysis, columns, told
            As `asked`.
        endpoint_names : sequence of str
            Those it is asked of; each that cannot be has a line and a row of its own.
        """
        if not self._wanted(analysis):
            return []
        return [n for n in endpoint_names if self.asked(analysis, *columns, endpoint=n, told=told)]

    def steps(self) -> html.Html | None:
        """In what steps a safe report tells shares and ratios; nothing where all is shown."""
        told = self.told("rates", "models")
        return html.aside(" ".join(told)) if told else None

    def _wanted(self, analysis: str) -> bool:
        """Whether the chapter is on and the entry may be shown; else one line says why not."""
        if not self.design.chapter:
            raise ParameterError(
                f"data/{self.study}/design.toml has no [chapter], which {analysis!r} reads. "
                "Add one, or leave the call out."
            )
        if not self.chapter_rules.on:
            html.show(html.aside("Not asked: reviewer_chapter is off."))
            return False
        if self.release.on and analysis not in RELEASED:
            why = "What it draws and says may hold numbers of few patients."
            html.show(html.skipped(f"{analysis}, with --safe", why))
            return False
        return True

    def _why_not(self, endpoint: str, columns: tuple[str, ...]) -> str:
        frame = self._frames().get(endpoint)
        if frame is None or frame.empty:
            return f"this table has no {small(self.design.endpoint_name(endpoint))} times"
        absent = [name for name in columns if name not in frame or not frame[name].notna().any()]
        names = " and no ".join(small(self.design.label(name)) for name in absent)
        return f"this table has no {names}" if absent else ""

    def flag(self, name: str, raised: bool, sentence: str, endpoint: str = "") -> pd.DataFrame:
        """The row of a flag; it goes among the results, and into the chapter's first table.

        Parameters
        ----------
        name : str
            One of `ledger.FLAGS`.
        raised : bool
        sentence : str
            What was found, with its figures.
        endpoint : str
            Of which endpoint, where the flag is of one.
        """
        if name not in FLAGS:
            raise ParameterError(f"There is no flag {name!r}. {ledger.did_you_mean(name, FLAGS)}")
        keys = {"endpoint": endpoint, "covariate": name, "model": "diagnostic"}
        values = {"statistic": "flag", "estimate": float(raised), "method": sentence}
        return self.add(ledger.rows([{**keys, **values}]))
