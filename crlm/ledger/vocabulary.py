"""The words that claims, result rows and designs share, each in one place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

#: What identifies a result, in a claim and in a computed row alike.
KEYS = ("endpoint", "population", "group", "covariate", "level", "model", "statistic", "time")

#: The columns of every frame of result rows, in order.
ROW_COLUMNS = (*KEYS, "unit", "estimate", "conf_low", "conf_high", "n", "events", "method")

CLAIM_COLUMNS = (
    "id",
    "place",
    "locator",
    "name",
    "kind",
    "printed",
    "operator",
    "value",
    "decimals",
    "field",
    *KEYS,
    "unit",
    "reference",
    "scanned",
    "mended_because",
    "note",
)

#: Columns of a ledger that may be left out.
OPTIONAL_COLUMNS = ("name", "reference")

#: The fields of a result row that a claim may be about.
FIELDS = ("estimate", "conf_low", "conf_high")

#: A median, or a limit of it, that print says is not reached.
NOT_REACHED = "not reached"
KINDS = ("number", "direction", NOT_REACHED)

#: What stands before a printed number, and which way a sentence claims an effect to go.
OPERATORS = {"number": ("=", "<", ">"), "direction": (">", "<", "~")}

#: The model of several covariates; of others of the same patients the name stands behind it.
MULTIVARIABLE = "multivariable"

#: Adjustments of p values for several tests; the raw p of Table 1 has no model.
ADJUSTMENTS = ("bonferroni", "holm", "benjamini-hochberg")

#: Models that a claim may name; "" where no model plays a part.
MODELS = (
    "",
    "univariable",
    MULTIVARIABLE,
    "logrank",
    "gray",
    "poisson",
    "all factors",
    "interaction",
    "landmark",
    "time dependent",
    "ph_test",
    "selection",
    "bootstrap selection",
    *ADJUSTMENTS,
)

#: The test of curves between groups, and that of cumulative incidences.
LOGRANK, GRAY = "logrank", "gray"
#: The comparison of incidence rates between two groups: their ratio, difference and p.
POISSON = "poisson"
#: What an incidence of the design counts, and what competes with it: causes of its frame. Rows
#: of the first have no level.
COUNTED, COMPETING = "event", "competing"

#: Sections of a paper; tables and figures are numbered behind their word, as "table2".
PLACES = (
    "title",
    "abstract",
    "introduction",
    "methods",
    "results",
    "discussion",
    "conclusion",
    "supplement",
)
NUMBERED_PLACES = ("table", "figure", "supplementary_table", "supplementary_figure")

#: The endpoint of claims on where the first recurrence was.
FIRST_RECURRENCE = "first_recurrence"

#: The population of patients from a month on, of those whom an endpoint leaves then.
FROM_MONTH = "from month"
LANDMARK = re.compile(rf"{FROM_MONTH} (\d+(?:\.\d+)?)")

#: Every patient: a group and a population.
ALL = "all"

#: A level that every patient has whose value is not missing.
KNOWN = "known"

#: The covariate of claims on the flow chart, and its first step.
FLOW, START = "flow", "start"

#: What the paper's design may choose; the rooms that compute know these words and no others.
TYPES = ("text", "integer", "number", "category")
ROLES = (
    "id",
    "eligibility",
    "exposure",
    "baseline",
    "treatment",
    "outcome",
    "time",
    "event",
    "entry",
)
RULES = (">", ">=", "<", "<=", "==")
#: Mann and Whitney's as SPSS has it, with continuity correction as SAS does, and as R's
#: `wilcox.test` does unasked: exact of small groups without ties, else corrected.
MANN_WHITNEY = ("mann-whitney", "mann-whitney-corrected", "mann-whitney-r")
CONTINUOUS_TESTS = (*MANN_WHITNEY, "t", "kruskal")
CATEGORICAL_TESTS = ("fisher", "chi-square", "chi-square-yates")
#: The test of one column whose levels, or whose groups, have an order.
TREND_TEST = "trend"
#: The same with n in place of n - 1, over two groups or two levels; and tests by ranks, of a
#: category by the places of its levels.
ARMITAGE, RANK_TESTS = "cochran-armitage", (*MANN_WHITNEY, "kruskal")
ORDERED_TESTS = (TREND_TEST, ARMITAGE, *RANK_TESTS)
#: Tests of a number over groups in their order.
NUMBER_TRENDS = ("jonckheere", "linear-trend", "spearman")
SPREADS = ("range", "iqr", "both")
#: Variances of a t test between two groups: each its own, or one of both.
T_TESTS = ("welch", "student")
QUANTILE_RULES = ("weibull", "linear")
#: "univariable": each covariate alone, and no multivariable model.
SELECTIONS = ("enter", "backward", "fixed", "none", "univariable")
TIES = ("breslow", "efron")
CONF_TYPES = ("plain", "log", "log-log", "spss")
MEDIAN_RULES = ("first", "midpoint")
UNIVARIABLE_TESTS = ("wald", "logrank", "lr", "score")
#: Tests of a covariate among others.
MULTIVARIABLE_TESTS = ("wald", "lr")
#: Limits of odds ratios: estimate and standard error, or the profile likelihood.
ODDS_LIMITS = ("wald", "profile")
#: Tests of a product, and of an interaction between subgroups.
INTERACTION_TESTS = ("wald", "likelihood_ratio")
#: Limits of cumulative incidences: as R's cmprsk, or as its survfit.
INCIDENCE_LIMITS = ("cmprsk", "survfit")
#: Ratios of Fine and Gray's model: as R's cmprsk (crr), or its survival (finegray and coxph).
SUBDISTRIBUTION_PROGRAMS = ("cmprsk", "finegray")
#: Limits of percentages: Clopper and Pearson's exact ones, Wilson's score without and with
#: continuity correction, Wald's, Agresti and Coull's, Jeffreys's.
PERCENT_LIMITS = ("exact", "wilson", "wilson-corrected", "wald", "agresti-coull", "jeffreys")
#: Limits of incidence rates: Garwood's exact ones; Byar's of Breslow and Day, or with half an
#: event more, as epitools has them; on the log scale; rate and standard error.
RATE_LIMITS = ("exact", "byar", "byar-epitools", "log", "plain")
#: Limits and p of rate ratios: of a Poisson model (Wald), of R's `poisson.test`, or mid-P.
RATE_TESTS = ("wald", "exact", "mid-p")
#: Of all patients by their observed times, of those without the event alone, or by the reverse
#: Kaplan-Meier method.
FOLLOW_UP_METHODS = ("observed", "survivors", "reverse")
#: What may end an endpoint, and the causes of death that one may name.
EVENTS = ("recurrence", "failure", "death")
CAUSES_OF_DEATH = ("cancer", "other")

#: Endpoints whose names say what ends them, and from when.
KNOWN_ENDPOINTS: dict[str, dict[str, Any]] = {
    "OS": {"first_of": ["death"]},
    "RFS": {"first_of": ["recurrence", "death"]},
    "SCP": {"first_of": ["failure"]},
    "OS_after_recurrence": {"first_of": ["death"], "after": "recurrence"},
}

#: Units of time, each with how many months or days it is.
_TIMES = {"months": (1.0, 0.0), "years": (12.0, 0.0), "weeks": (0.0, 7.0), "days": (0.0, 1.0)}
TIME_UNITS = tuple(_TIMES)
#: Of a year of 365.25 days; a design has its own.
DAYS_PER_MONTH = 30.4375


def months_in(unit: str, days_per_month: float = DAYS_PER_MONTH) -> float:
    """How many months one of a unit is, by the days that the paper counts in a month; else 1.

    Examples
    --------
    >>> months_in("years"), months_in("days", 30) * 600, months_in("%")
    (12.0, 20.0, 1.0)
    """
    months, days = _TIMES.get(unit, (1.0, 0.0))
    return months + days / float(days_per_month)


#: Units of an incidence rate, each with how many patient-years it is per.
RATE_UNITS: dict[str, float] = {
    "per 100 patient-years": 100.0,
    "per 1000 patient-years": 1000.0,
    "per 10000 patient-years": 10000.0,
    "per 100000 patient-years": 100000.0,
    "per patient-year": 1.0,
    "per 100 patient-months": 100.0 / 12,
    "per 1000 patient-months": 1000.0 / 12,
}
RATE_UNIT = next(iter(RATE_UNITS))
#: Units of time under observation, added up.
PERSON_TIME = ("patient-years", "patient-months")

#: How a covariate may enter a model of treatment, testing or outcome.
TERM_KINDS = ("linear", "log", "log1p", "spline", "log spline", "factor")

#: Kinds of first event that compete with each other.
CAUSES = ("liver", "elsewhere", "death", "failure")

#: What a diagnostic may raise beside an effect. A warning speaks of bias, a note of precision.
FLAGS = {
    "indication": "warning",
    "overlap": "warning",
    "immortal": "warning",
    "tested by outcome": "warning",
    "late tests": "warning",
    "era": "warning",
    "competing": "warning",
    "guaranteed time": "warning",
    "visit grid": "warning",
    "missing": "warning",
    "proportional hazards": "warning",
    "markov": "warning",
    "few events": "note",
    "underpowered": "note",
    "print coherence": "note",
}


@dataclass(frozen=True)
class Statistic:
    """A kind of number: what it is called and how it is printed.

    Attributes
    ----------
    label : str
        At the head of a column or the start of a name.
    sentence : str
        In the middle of a sentence.
    unit : str
        Of the values in result rows; "" for a pure number, and where it is that of the
        column described (years of age, cm).
    decimals : int or None
        As reports print it. None: a p value keeps to the rule of p values, a patient's
        characteristic is printed as recorded, with two decimals at most.
    """

    label: str
    sentence: str
    unit: str
    decimals: int | None


#: Every statistic that a claim or a result row may name.
STATISTICS: dict[str, Statistic] = {
    # Patients and their characteristics
    "n": Statistic("Number of patients", "number of patients", "patients", 0),
    "percent": Statistic("Percentage of patients", "percentage of patients", "%", 0),
    "missing": Statistic("Missing values", "missing values", "patients", 0),
    "events": Statistic("Number of events", "number of events", "events", 0),
    "mean": Statistic("Mean", "mean", "", None),
    "sd": Statistic("Standard deviation", "standard deviation", "", None),
    "median": Statistic("Median", "median", "", None),
    "min": Statistic("Lowest value", "lowest value", "", None),
    "max": Statistic("Highest value", "highest value", "", None),
    "q1": Statistic("Lower quartile", "lower quartile", "", None),
    "q3": Statistic("Upper quartile", "upper quartile", "", None),
    "iqr": Statistic("Interquartile range", "interquartile range", "", None),
    "range": Statistic("Range", "range", "", None),
    "difference": Statistic("Difference", "difference", "", 1),
    "smd": Statistic("Standardised difference", "standardised difference", "", 2),
    "percent_tested": Statistic("Percentage tested", "percentage tested", "%", 1),
    "percent_missing": Statistic("Percentage missing", "percentage missing", "%", 1),
    # Time to an event
    "median_follow_up": Statistic("Median follow-up", "median follow-up", "months", 2),
    "min_follow_up": Statistic("Shortest follow-up", "shortest follow-up", "months", 2),
    "max_follow_up": Statistic("Longest follow-up", "longest follow-up", "months", 2),
    "q1_follow_up": Statistic(
        "Follow-up, lower quartile", "lower quartile of follow-up", "months", 2
    ),
    "q3_follow_up": Statistic(
        "Follow-up, upper quartile", "upper quartile of follow-up", "months", 2
    ),
    "median_survival": Statistic("Median survival", "median survival", "months", 2),
    "survival_rate": Statistic("Survival", "survival", "%", 1),
    "n_at_risk": Statistic("Number at risk", "number at risk", "patients", 0),
    "cumulative_events": Statistic("Events so far", "events so far", "patients", 0),
    "patient_years": Statistic("Patient-years", "patient-years", "patient-years", 1),
    "incidence_rate": Statistic("Incidence rate", "incidence rate", RATE_UNIT, 2),
    "rmst": Statistic("Restricted mean", "restricted mean", "months", 2),
    "rmst_difference": Statistic(
        "Difference in restricted means", "difference in restricted means", "months", 2
    ),
    "risk_difference": Statistic("Risk difference", "risk difference", "%", 1),
    "cumulative_incidence": Statistic("Cumulative incidence", "cumulative incidence", "%", 1),
    "cumulative_incidence_difference": Statistic(
        "Difference in cumulative incidence", "difference in cumulative incidence", "%", 1
    ),
    "state_probability": Statistic("Share in the state", "share in the state", "%", 1),
    "months_in_state": Statistic("Months in the state", "months in the state", "months", 2),
    "months_in_state_difference": Statistic(
        "Difference in months in the state", "difference in months in the state", "months", 2
    ),
    # Effects
    "hazard_ratio": Statistic("Hazard ratio", "hazard ratio", "", 2),
    "odds_ratio": Statistic("Odds ratio", "odds ratio", "", 2),
    "subdistribution_hazard_ratio": Statistic(
        "Subdistribution hazard ratio", "subdistribution hazard ratio", "", 2
    ),
    "rate_ratio": Statistic("Rate ratio", "rate ratio", "", 2),
    "rate_difference": Statistic("Difference of rates", "difference of rates", RATE_UNIT, 2),
    "transition_hazard_ratio": Statistic(
        "Hazard ratio of the transition", "hazard ratio of the transition", "", 2
    ),
    "ratio_of_hazard_ratios": Statistic("Ratio of hazard ratios", "ratio of hazard ratios", "", 2),
    "difference_of_risk_differences": Statistic(
        "Difference of risk differences", "difference of risk differences", "%", 1
    ),
    "difference_of_rmst_differences": Statistic(
        "Difference of differences in restricted means",
        "difference of differences in restricted means",
        "months",
        2,
    ),
    "reri": Statistic(
        "Excess risk due to interaction", "relative excess risk due to interaction", "", 2
    ),
    "coefficient": Statistic("Coefficient", "coefficient", "", 3),
    "reference": Statistic("Reference", "reference", "", 2),
    # Tests, and how far a model can be trusted
    "p": Statistic("p value", "p value", "", None),
    "z": Statistic("z statistic", "z statistic", "", 2),
    "chi_square": Statistic("Chi-square", "chi-square", "", 2),
    "log_likelihood": Statistic("Log-likelihood", "log-likelihood", "", 2),
    "concordance": Statistic("Concordance (Harrell's C)", "Harrell's concordance", "", 3),
    "se": Statistic("Standard error", "standard error", "", 3),
    "posterior_probability": Statistic("Posterior probability", "posterior probability", "", 2),
    "power": Statistic("Power", "power", "", 2),
    "e_value": Statistic("E-value", "E-value", "", 2),
    "e_value_limit": Statistic("E-value of the limit", "E-value of the limit", "", 2),
    "effective_n": Statistic(
        "Effective number of patients", "effective number of patients", "patients", 0
    ),
    "max_weight": Statistic("Largest share of weight", "largest share of weight", "", 3),
    "propensity_auc": Statistic("AUC of the propensity", "AUC of the propensity", "", 3),
    "events_per_parameter": Statistic("Events per parameter", "events per parameter", "", 1),
    "expected_shrinkage": Statistic("Expected shrinkage", "expected shrinkage", "", 2),
    "optimism": Statistic("Optimism", "optimism", "", 3),
    "flag": Statistic("Flag", "flag", "", 0),
}

#: Entries of the reviewer's chapter, which a question may name.
ENTRIES = (
    "balance",
    "weighted effects",
    "modification",
    "start of treatment",
    "dates of start",
    "competing risks",
    "states",
    "short period",
    "guaranteed time",
    "visit grid",
    "small samples",
    "changing hazards",
    "levels drawn together",
    "sensitivity",
    "missing values",
    "who was tested",
    "late entry from test",
    "era",
    "negative control",
)

#: Columns that are computed from a patient's others and stand in no dictionary.
COMPUTED: dict[str, dict[str, Any]] = {
    "short_scp": {
        "label": "Short SCP",
        "levels": ["no", "yes"],
        "labels": {"no": "SCP not short", "yes": "short SCP"},
        "role": "exposure",
    },
    "surgical_failure": {
        "label": "Surgical failure",
        "levels": ["no", "yes"],
        "labels": {"no": "before surgical failure", "yes": "after surgical failure"},
        "role": "exposure",
    },
    "game": {"label": "GAME score"},
    "m_cs": {"label": "m-CS score"},
    "tbs": {"label": "Tumour burden score"},
    "GLOBAL": {"label": "All covariates together"},
}
