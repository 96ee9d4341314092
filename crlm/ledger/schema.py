"""What design.toml and columns.toml may say: every table, key and allowed value."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from crlm.ledger.chapter import Chapter
from crlm.ledger.typed import SchemaRow, Strict, schema_rows
from crlm.ledger.vocabulary import (
    ADJUSTMENTS,
    ARMITAGE,
    CATEGORICAL_TESTS,
    CAUSES_OF_DEATH,
    CONF_TYPES,
    CONTINUOUS_TESTS,
    EVENTS,
    FOLLOW_UP_METHODS,
    INCIDENCE_LIMITS,
    INTERACTION_TESTS,
    MEDIAN_RULES,
    MULTIVARIABLE_TESTS,
    NUMBER_TRENDS,
    ODDS_LIMITS,
    PERCENT_LIMITS,
    QUANTILE_RULES,
    RATE_LIMITS,
    RATE_TESTS,
    ROLES,
    RULES,
    SELECTIONS,
    SPREADS,
    SUBDISTRIBUTION_PROGRAMS,
    T_TESTS,
    TIES,
    TREND_TEST,
    TYPES,
    UNIVARIABLE_TESTS,
)

DESIGN, COLUMNS = "design.toml", "columns.toml"

Text = Annotated[str, Field(pattern=r"\S")]
Names = Annotated[list[Text], Field(min_length=1)]
Probability = Annotated[float, Field(gt=0, le=1)]
Months = Annotated[float, Field(ge=0)]

#: What `crlm new` writes where only the paper can tell.
SKELETON = {
    "title": "Title of the paper",
    "citation": "Authors. Journal Year;Volume:Pages. doi:10.0000/0",
}
#: Choices that end like this are numbers and may be named freely.
CUT, LENGTH = "_cutoff", "_months"


class Column(Strict):
    """One column of the patient table."""

    type: Literal[TYPES] = Field(description="What its values are.")
    unit: Text | None = Field(None, description="Unit in which every value is stored.")
    levels: Names | None = Field(None, description="Of a category; the first is the reference.")
    labels: dict[str, Text] | None = Field(None, description="Printable name of each level.")
    patients: dict[str, Text] | None = Field(
        None, description="What a sentence calls the patients of a level: 'matched pairs'."
    )
    min: float | None = Field(None, description="What a number must not fall below.")
    max: float | None = Field(None, description="What a number must not exceed.")
    role: Literal[ROLES] | None = Field(None, description="What the column is for.")
    label: Text | None = Field(None, description="Printable name.")
    about: Text | None = Field(None, description="What a person who fills in the table must know.")


class Otherwise(Strict):
    """A category that stands in where a table lacks the source of a factor."""

    column: Text = Field(description="The category that stands in.")
    values: dict[str, Text] = Field(description="Level of the factor for each level of it.")


class Factor(Strict):
    """A number cut in two or in several bands, or levels of a category merged."""

    source: Text = Field(description="Column with the number, or the category to merge.")
    rule: Literal[RULES] | None = Field(
        None,
        description="How a value stands to the cut-off. With cuts > (a value on a cut is in the "
        "band below it) or >= (in the one above).",
    )
    cut: float | None = Field(None, description="The cut-off of a number in two.")
    cuts: Annotated[list[float], Field(min_length=1)] | None = Field(
        None, description="Or the cut-offs of a number in several bands, rising."
    )
    levels: Annotated[list[Text], Field(min_length=2)] | None = Field(
        None,
        description="Of cut: where the rule does not hold (the reference), and where it does. Of "
        "cuts: the bands, the lowest first.",
    )
    groups: dict[str, Names] | None = Field(
        None,
        description="Or, of a category: by each new level, the reference first, the levels that "
        "it holds.",
    )
    left_out: Names | None = Field(
        None, description="Levels of the category in no group: such patients are unknown."
    )
    label: Text | None = Field(None, description="Printable name; {cut} stands for the cut-off.")
    labels: dict[str, Text] | None = Field(
        None, description="Printable name of each level; bands have one made of their cuts."
    )
    patients: dict[str, Text] | None = Field(
        None, description="What a sentence calls the patients of a level: 'matched pairs'."
    )
    otherwise: Otherwise | None = Field(None, description="What stands in for an empty source.")


class Scaled(Strict):
    """A number whose ratios are printed for another step than one unit of its column.

    Or a category as a number, whose p is one for trend.
    """

    source: Text = Field(
        description="Column with the number; of per_level the category, a factor too."
    )
    per: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Units of the column that its ratio is for: 10 for per 10 years."
    )
    fold: Annotated[float, Field(gt=1)] | None = Field(
        None, description="Or how many times as much: 2 for per doubling, 10 for tenfold."
    )
    per_sd: bool | None = Field(
        None, description="Or true: per standard deviation of all patients who are analysed."
    )
    per_level: bool | None = Field(
        None, description="Or true: per level of a category, counted 0, 1, 2 ...: p for trend."
    )
    label: Text | None = Field(
        None, description="Printable name; made of the column's and the step if left out."
    )


class Endpoint(Strict):
    """A time to an event; the patient table has NAME_months and NAME_event, in small letters."""

    label: Text = Field(description="Printable name.")
    rule: Text = Field(description="The paper's definition in our words: from when, to what.")
    first_of: Annotated[list[Literal[EVENTS]], Field(min_length=1)] | None = Field(
        None, description="Events of which the first ends it; OS, RFS and SCP are known by name."
    )
    death_of: Literal[CAUSES_OF_DEATH] | None = Field(
        None, description="Cause of death that counts; other deaths censor."
    )
    after: Literal["recurrence"] | None = Field(
        None, description="What starts the clock, where it is not the first hepatectomy."
    )
    follow_up: Literal[FOLLOW_UP_METHODS] | None = Field(
        None, description="How its follow-up is summarised, if not as the conventions say."
    )


class Incidence(Strict):
    """The cumulative incidence of an event, while another one competes; NAME is its endpoint in
    claims."""

    label: Text = Field(description="What is counted, as a reader would say it: 'Recurrence'.")
    endpoint: Text = Field(
        description="Endpoint whose event, clock and follow-up it has. Where that counts the "
        "competing event too, as DFS counts deaths, it is the rest of its events."
    )
    competing: Text = Field(
        description="Endpoint whose event competes: OS where it is death (first, or of another "
        "cause)."
    )
    competing_label: Text | None = Field(
        None, description="What competes, as a reader would say it: 'Death without recurrence'."
    )
    months: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)] = Field(
        description="Months at which it is read, rising."
    )


class Criterion(Strict):
    """A step of the flow chart."""

    name: Text = Field(description="Name of the step, for claims.")
    column: Text = Field(description="Column that decides.")
    keep: Text = Field(description="Level that stays in, or known.")
    label: Text = Field(description="Printable name of the step.")


_TESTS = (*CONTINUOUS_TESTS, *NUMBER_TRENDS, *CATEGORICAL_TESTS, TREND_TEST, ARMITAGE)


class TableOne(Strict):
    """Table 1 and the tables like it."""

    by: Text = Field(description="Column that splits the patients.")
    continuous_test: Literal[CONTINUOUS_TESTS] = Field(
        description="Test of numbers; mann-whitney as SPSS, -corrected with continuity correction "
        "(SAS), -r as R's wilcox.test, exact of small groups without ties."
    )
    categorical_test: Literal[CATEGORICAL_TESTS] = Field(description="Test of categories.")
    tests: dict[str, Literal[_TESTS]] | None = Field(
        None,
        description="By column: its test, where it is not one of these two; trend is p for trend "
        "over levels and groups in their order, as is cochran-armitage; of a number jonckheere, "
        "linear-trend and spearman are; of a category those of mann-whitney and kruskal are by the "
        "ranks of its levels.",
    )
    adjust: Literal[ADJUSTMENTS] | None = Field(
        None, description="How the p values of Table 1 are adjusted for several tests, if they are."
    )
    spread: Literal[SPREADS] = Field(description="What stands beside a median.")
    quantile_rule: Literal[QUANTILE_RULES] | None = Field(
        None, description="Quartiles as SPSS or as R."
    )
    t_test: Literal[T_TESTS] | None = Field(
        None,
        description="t between two groups: Welch's if left out (R's t.test), or Student's, with "
        "one variance for both (SPSS's first line, Stata's ttest, R's var.equal).",
    )
    variables: Names = Field(description="Columns and factors in the order of the table.")
    percent_of_all: Names | None = Field(
        None,
        description="Columns whose percentages are of all patients of a group, those of unknown "
        "value among them, as are those of factors made of them; of the others they are of known "
        "values.",
    )
    preoperative: Names | None = Field(None, description="Columns of a table of treatment.")
    recurrence: Names | None = Field(None, description="Columns of first recurrence sites.")
    recurrence_parts: Names | None = Field(
        None, description="Columns of which each patient with a recurrence has exactly one yes."
    )
    recurrence_endpoint: Text | None = Field(
        None, description="Endpoint that such a recurrence ends."
    )
    tests_stated: bool | None = Field(None, description="Whether the paper names its tests.")
    smd: bool | None = Field(
        None, description="Whether Table 1 has a column of standardised differences."
    )


class Model(Strict):
    """The regression table of one endpoint."""

    covariates: Names = Field(
        description="Candidates: columns, factors and scaled numbers in their order."
    )
    selection: Literal[SELECTIONS] = Field(
        description="What enters the multivariable model: by univariable p, by backward steps, as "
        "published, or all (none is left out); univariable: there is none, each stands alone."
    )
    entry_p: Probability | None = Field(
        None, description="Univariable p below which a covariate enters; with enter and backward."
    )
    stay_p: Probability | None = Field(
        None, description="p below which a covariate stays in backward selection."
    )
    left_out: Names | None = Field(None, description="Never in the multivariable model.")
    published: Names | None = Field(
        None,
        description="Covariates of the printed multivariable model; all if selection is none.",
    )
    endpoint: Text | None = Field(
        None,
        description="Its endpoint, where NAME is another; of an incidence the ratios are "
        "subdistribution hazard ratios (Fine and Gray).",
    )
    population: Text | None = Field(
        None,
        description="Its patients, as population of a claim: column=level, or those left at a "
        "month, from month 6; all if left out.",
    )
    label: Text | None = Field(
        None, description="What print calls it, where it has several: 'Model 2'."
    )
    strata: Names | None = Field(None, description="Categories with a baseline hazard each.")
    products: list[Annotated[Names, Field(min_length=2, max_length=2)]] | None = Field(
        None, description="Pairs of covariates whose product is in the printed model."
    )
    references: dict[str, Text] | None = Field(
        None, description="By covariate: its reference level, where it is not the column's."
    )


class Conventions(Strict):
    """How the paper's numbers are computed."""

    software: Text | None = Field(None, description="Program that the paper used.")
    days_per_month: Annotated[float, Field(gt=25, lt=35)] = Field(
        description="Days that the paper counts as a month."
    )
    unit: Literal["months", "years"] | None = Field(
        None, description="Unit in which the paper prints times."
    )
    ties: Literal[TIES] = Field(description="Tied times in Cox models.")
    conf_type: Literal[CONF_TYPES] = Field(description="Limits of Kaplan-Meier estimates.")
    median_rule: Literal[MEDIAN_RULES] = Field(
        description="Median where the curve is flat at one half."
    )
    univariable_p: Literal[UNIVARIABLE_TESTS] = Field(description="Test of each covariate alone.")
    multivariable_p: Literal[MULTIVARIABLE_TESTS] | None = Field(
        None,
        description="Test of each covariate among others, of all its levels together: Wald's if "
        "left out (SPSS, SAS's type 3), or lr, the likelihood ratio of the models with and without "
        "it (R's drop1 and car::Anova, gtsummary's add_global_p, JMP).",
    )
    odds_limits: Literal[ODDS_LIMITS] | None = Field(
        None,
        description="Limits of odds ratios: Wald's if left out (SPSS, Stata, SAS), or profile "
        "likelihood (R's confint of a glm, JMP).",
    )
    interaction_test: Literal[INTERACTION_TESTS] | None = Field(
        None,
        description="Test of products and of p for interaction: Wald's if left out, or the "
        "likelihood ratio of the models with and without (R's anova of two fits, Stata's lrtest).",
    )
    incidence_limits: Literal[INCIDENCE_LIMITS] | None = Field(
        None,
        description="Limits of cumulative incidences: log-log with Gray's variance if left out "
        "(R's cmprsk and tidycmprsk, EZR), or as R's survfit.",
    )
    subdistribution: Literal[SUBDISTRIBUTION_PROGRAMS] | None = Field(
        None,
        description="Fine and Gray's model as R's cmprsk if left out (crr, tidycmprsk, EZR), or "
        "as R's finegray and coxph with a robust error.",
    )
    percent_limits: Literal[PERCENT_LIMITS] | None = Field(
        None,
        description="Limits of percentages, of levels of which print has such: exact if left out "
        "(Clopper and Pearson; R's binom.test, Stata's ci proportions), Wilson's score (R's "
        "prop.test without correction), the same with correction (R's prop.test), or Wald's, "
        "Agresti and Coull's, Jeffreys's.",
    )
    rate_limits: Literal[RATE_LIMITS] | None = Field(
        None,
        description="Limits of incidence rates: exact if left out (Garwood; R's poisson.test, "
        "survival's cipoisson and epitools' pois.exact), Byar's, on the log scale (a Poisson "
        "model's), or rate and standard error (plain).",
    )
    rate_test: Literal[RATE_TESTS] | None = Field(
        None,
        description="Limits and p of rate ratios: a Poisson model's if left out (Wald; R's glm, "
        "Stata's poisson), exact (R's poisson.test), or mid-P (epitools' rateratio).",
    )
    follow_up: Literal[FOLLOW_UP_METHODS] = Field(
        description="How follow-up is summarised: observed times of all, or of those without "
        "the event (survivors), or reverse Kaplan-Meier."
    )
    rounded_before: Annotated[int, Field(ge=1, le=6)] | None = Field(
        None, description="Decimals that the program rounded to before print rounded again."
    )
    death_without_failure: Literal["censor", "event"] | None = Field(
        None, description="What death before surgical failure is for the SCP."
    )
    short_scp_months: Annotated[float, Field(gt=0)] | None = Field(
        None, description="A SCP below this is short."
    )
    short_scp_censored: Literal["not short", "short", "exclude"] | None = Field(
        None, description="What becomes of patients censored before that."
    )
    early_recurrence_months: Months | None = Field(
        None, description="A recurrence before this is early; needed for the SCP."
    )
    unstated: Names | None = Field(
        None, description="Keys of [conventions] and [choices] that the paper does not state."
    )


class Choices(Strict):
    """The paper's choice for parameters of its notebook; NAME_cutoff and NAME_months besides."""

    entry_p: Probability | None = Field(None, description="As entry_p of the models.")
    stay_p: Probability | None = Field(None, description="As stay_p of the models.")
    univariable_p: Literal[UNIVARIABLE_TESTS] | None = Field(
        None, description="As univariable_p of the conventions."
    )
    ties: Literal[TIES] | None = Field(None, description="As ties of the conventions.")
    conf_type: Literal[CONF_TYPES] | None = Field(
        None, description="As conf_type of the conventions."
    )
    median_rule: Literal[MEDIAN_RULES] | None = Field(
        None, description="As median_rule of the conventions."
    )
    odds_limits: Literal[ODDS_LIMITS] | None = Field(
        None, description="As odds_limits of the conventions."
    )
    follow_up: Literal[FOLLOW_UP_METHODS] | None = Field(
        None, description="As follow_up of the conventions."
    )
    death_without_failure: Literal["censor", "event"] | None = Field(
        None, description="As death_without_failure of the conventions."
    )
    short_scp_censored: Literal["not short", "short", "exclude"] | None = Field(
        None, description="As short_scp_censored of the conventions."
    )
    entered_late: Literal["refuse", "drop"] | None = Field(
        None, description="Patients whose event came before observation began."
    )


class DesignFile(Strict):
    """design.toml."""

    title: Text = Field(description="Title of the paper.")
    citation: Text = Field(description="Authors, journal, year, doi.")
    question: Text = Field(description="The question that the paper asks, in one sentence.")
    exposure: Text | None = Field(
        None, description="Column whose effect the paper is about; table_one.by if left out."
    )
    main: Names | None = Field(None, description="Main endpoints; all if left out.")
    columns: dict[str, Any] = Field(
        description="The patient table: use = [names of data/columns.toml], and a table for "
        "each column that is new or changed"
    )
    factors: dict[str, Factor] | None = Field(
        None, description="Numbers cut in two or in bands, and merged levels of a category."
    )
    scaled: dict[str, Scaled] | None = Field(
        None, description="Numbers whose ratios are printed per 10 years, or per doubling."
    )
    endpoints: Annotated[dict[str, Endpoint], Field(min_length=1)] = Field(
        description="Times to an event, each a table [endpoints.NAME]"
    )
    incidences: dict[str, Incidence] | None = Field(
        None, description="Cumulative incidences beside a competing event, tested by Gray."
    )
    eligibility: list[Criterion] | None = Field(None, description="Steps of the flow chart.")
    table_one: TableOne = Field(description="Table 1: by, tests, variables")
    models: dict[str, Model] = Field(
        description="Regression tables, each a table [models.NAME]; NAME is the endpoint, or names "
        "it by endpoint, as another of the same patients does"
    )
    conventions: Conventions = Field(
        description="How numbers are computed: ties, conf_type, median_rule and others"
    )
    choices: Choices | None = Field(None, description="The paper's choices of parameters.")
    chapter: Chapter | None = Field(None, description="What a reviewer would ask.")


def design_schema() -> list[SchemaRow]:
    """Every key that design.toml and columns.toml may hold, with its allowed values.

    Returns
    -------
    list of SchemaRow
        One a key: file, table, key, kind, whether it is required, allowed values, what it is
        for. `[columns.NAME]` of design.toml takes the keys of columns.toml.
    """
    use = SchemaRow(
        DESIGN,
        "[columns]",
        "use",
        "list of text",
        False,
        "names of data/columns.toml",
        "Columns taken from the shared dictionary as they are.",
    )
    rows = [row for row in schema_rows(DesignFile, DESIGN) if row.key != "columns"]
    free = [
        SchemaRow(DESIGN, "[choices]", f"NAME{end}", "number", False, values, about)
        for end, values, about in (
            (CUT, "cut of a factor", "Cut-off of a factor."),
            (LENGTH, "from 0", "A time."),
        )
    ]
    return [*rows, *free, use, *schema_rows(Column, COLUMNS, "NAME")]
