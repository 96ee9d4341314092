"""What `[chapter]` of design.toml may say: the questions that a reviewer would ask of the paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from crlm.ledger.typed import Strict
from crlm.ledger.vocabulary import CAUSES, ENTRIES, FLAGS, STATISTICS, TERM_KINDS

Text = Annotated[str, Field(min_length=1)]
Names = Annotated[list[Text], Field(min_length=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class Trial(Strict):
    """The trial that would have answered the question; for a marker, why there is none."""

    eligibility: Text = Field(description="Who would be enrolled.")
    strategies: Annotated[list[Text], Field(min_length=2)] = Field(
        description="What would be compared."
    )
    assignment: Text = Field(description="What stands for randomisation here.")
    time_zero: Text = Field(description="When follow-up begins.")
    outcomes: Text = Field(description="What is counted.")
    follow_up: Text = Field(description="Until when.")
    intercurrent: Text = Field(description="What comes between and how it is read.")
    estimand: Text = Field(description="Whose effect, on what scale, by when.")
    caution: Text = Field(description="What this cohort cannot stand for.")


class Parent(Strict):
    """A larger cohort of the same hospital, whose printed numbers this one can be held against."""

    label: Text = Field(description="Which cohort, with its source.")
    group: Text = Field(description="Which of its patients: all, or COLUMN=LEVEL.")
    endpoint: Text = Field(description="Endpoint of the printed number.")
    median: Positive | None = Field(None, description="Its printed median, in months.")
    rate: Positive | None = Field(None, description="Its printed rate, in per cent.")
    month: Positive | None = Field(None, description="Month of the rate.")
    own: Text = Field(description="id of the paper's own claim on the same quantity.")


class Thresholds(Strict):
    """When a flag is raised."""

    indication_p: Share = Field(0.005, description="p of the propensity model below this")
    indication_smd: Positive = Field(0.2, description="and a difference in SD above this")
    overlap_share: Share = Field(0.5, description="effective share of an arm below this")
    overlap_auc: Share = Field(0.85, description="or AUC of the propensity above this")
    immortal_shift: Positive = Field(0.10, description="shift of the log ratio above this")
    immortal_early: Share = Field(0.05, description="without dates: share of early events from")
    tested_z: Positive = Field(2.81, description="z of tested against untested above this")
    tested_points: Positive = Field(5.0, description="and a difference in points above this")
    late_share: Share = Field(0.10, description="share tested late above this")
    late_month: Positive = Field(3.0, description="late is after this month")
    era_p: Share = Field(0.01, description="p of the year in both models below this")
    competing_points: Positive = Field(2.0, description="1 - KM too high by more points")
    guaranteed_share: Share = Field(0.10, description="share with early chemotherapy above this")
    guaranteed_points: Positive = Field(2.0, description="or failure risk moved by more points")
    visit_share: Share = Field(0.10, description="width of the median's bounds, relative, above")
    missing_share: Share = Field(0.90, description="complete cases below this")
    missing_shift: Positive = Field(0.10, description="and a shift of the log ratio above this")
    hazards_p: Share = Field(0.005, description="p of proportional hazards below this")
    markov_p: Share = Field(0.005, description="p of the time of entry below this")
    events_per_parameter: Positive = Field(10.0, description="events per parameter below this")
    shrinkage: Share = Field(0.9, description="or expected shrinkage below this")
    power: Share = Field(0.8, description="power below this")
    power_ratio: Positive = Field(1.5, description="for a ratio of hazard ratios of this")
    coherence_z: Positive = Field(2.58, description="z against the parent cohort above this")


class Answer(Strict):
    """Keys of the result row that answers a question; a key left out may be anything."""

    statistic: Literal[tuple(STATISTICS)] = Field(description="Statistic of the row.")
    endpoint: Text | None = Field(None, description="Endpoint of the row.")
    population: Text | None = Field(None, description="Population of the row.")
    group: Text | None = Field(None, description="Group of the row.")
    covariate: Text | None = Field(None, description="Covariate of the row.")
    level: Text | None = Field(None, description="Level of the row.")
    model: Text | None = Field(None, description="Model of the row.")
    time: float | None = Field(None, description="Month of the row; otherwise the latest.")


class Question(Strict):
    """One line of the table that opens the chapter."""

    question: Text = Field(description="As a surgeon would ask it.")
    answers: Annotated[list[Answer], Field(min_length=1)] = Field(
        description="The first that the results hold, at its latest time, is the answer."
    )
    until: Answer | None = Field(None, description="A second row that the answer runs to.")
    assumes: Text = Field(description="What must hold for the answer to be one.")
    flags: list[Literal[tuple(FLAGS)]] = Field(description="Flags that speak against it.")
    entry: Literal[ENTRIES] | None = Field(
        None, description="Entry of the chapter that would answer it; where it cannot, it says why."
    )


class Chapter(Strict):
    """The reviewer's chapter of a study."""

    kind: Literal["treatment", "marker"] = Field(description="What the exposure is.")
    exposure: Text = Field(description="Column whose effect the chapter is about.")
    modifier: Text | None = Field(None, description="Column that may change the effect.")
    codon: Text | None = Field(None, description="Column with the exposure's kinds.")
    horizons: Annotated[list[Positive], Field(min_length=1)] = Field(
        description="Months at which risks are compared."
    )
    propensity: dict[str, Literal[TERM_KINDS]] | None = Field(
        None, description="Columns of the model of who is treated, each with how it enters."
    )
    adjust: Names | None = Field(
        None, description="Columns to adjust a transition for, the most important first."
    )
    after_exposure: Names | None = Field(
        None, description="Columns decided after the exposure: never in the main estimate."
    )
    causes: list[Literal[CAUSES]] | None = Field(
        None, description="Kinds of first event that compete."
    )
    states: Names | None = Field(None, description="States that a patient passes through.")
    trial: Trial = Field(description="The trial that the chapter imitates")
    parent: list[Parent] | None = Field(None, description="Larger cohorts of the same hospital.")
    flags: Thresholds | None = Field(None, description="When flags are raised.")
    asked: list[Question] = Field(description="The lines of its opening table")


def with_thresholds(spec: Mapping[str, Any]) -> dict[str, Any]:
    """`[chapter]` as written, with every threshold that it leaves at its usual value."""
    return {**spec, "flags": Thresholds.model_validate(spec.get("flags", {})).model_dump()}
