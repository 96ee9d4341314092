"""What a paper says: its design and its claims, in one shared vocabulary.

Every other module speaks in the keys defined here, so that a computed result
and a printed number meet by a plain join.
"""

from __future__ import annotations

import difflib
import math
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pandas as pd

#: What identifies a result, in a claim and in a computed row alike.
KEYS = ("endpoint", "population", "group", "covariate", "level", "model", "statistic", "time")

#: The columns of every frame of result rows, in order.
ROW_COLUMNS = (*KEYS, "unit", "estimate", "conf_low", "conf_high", "n", "events", "method")

CLAIM_COLUMNS = (
    "id", "place", "locator", "name", "kind", "printed", "operator", "value", "decimals",
    "field", *KEYS, "unit", "scanned", "mended_because", "note",
)  # fmt: skip

#: The fields of a result row that a claim may be about.
FIELDS = ("estimate", "conf_low", "conf_high")


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
    "median": Statistic("Median", "median", "", None),
    "min": Statistic("Lowest value", "lowest value", "", None),
    "max": Statistic("Highest value", "highest value", "", None),
    "q1": Statistic("Lower quartile", "lower quartile", "", None),
    "q3": Statistic("Upper quartile", "upper quartile", "", None),
    "difference": Statistic("Difference", "difference", "", 1),
    "smd": Statistic("Standardised difference", "standardised difference", "", 2),
    "percent_tested": Statistic("Percentage tested", "percentage tested", "%", 1),
    "percent_missing": Statistic("Percentage missing", "percentage missing", "%", 1),
    # Time to an event
    "median_follow_up": Statistic("Median follow-up", "median follow-up", "months", 2),
    "min_follow_up": Statistic("Shortest follow-up", "shortest follow-up", "months", 2),
    "max_follow_up": Statistic("Longest follow-up", "longest follow-up", "months", 2),
    "median_survival": Statistic("Median survival", "median survival", "months", 2),
    "survival_rate": Statistic("Survival", "survival", "%", 1),
    "n_at_risk": Statistic("Number at risk", "number at risk", "patients", 0),
    "cumulative_events": Statistic("Events so far", "events so far", "patients", 0),
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

_NUMBERS = ("value", "decimals", "time")
_CLOSED: dict[str, tuple[str, ...]] = {
    "statistic": tuple(STATISTICS),
    "kind": ("number", "direction"),
    "operator": ("=", "<", ">", "~"),
    "field": FIELDS,
}
_MOST_FAULTS = 20

_DEFAULTS: dict[str, Any] = {
    "endpoint": "", "population": "all", "group": "all", "covariate": "", "level": "",
    "model": "", "statistic": "", "time": math.nan, "unit": "", "estimate": math.nan,
    "conf_low": math.nan, "conf_high": math.nan, "n": math.nan, "events": math.nan, "method": "",
}  # fmt: skip


class CrlmError(Exception):
    """Something the reader can put right; the message says what and how.

    Parameters
    ----------
    message : str
        May stand in any file: no cell of a patient table, no identifier, no header.
    told : str, optional
        The same with the values, for the reader's own terminal alone. It is kept out of
        `str(error)`, which notebooks, reports and manifests hold.
    """

    def __init__(self, message: str, told: str = "") -> None:
        super().__init__(message)
        self.told = told or message


class LedgerError(CrlmError):
    """published.csv does not hold what a ledger of claims must hold."""


class DesignError(CrlmError):
    """design.toml does not describe a study."""


class CohortError(CrlmError):
    """A patient table cannot be read as this study's cohort."""


class ParameterError(CrlmError):
    """A run was asked for with a parameter that does not exist or does not fit."""


def rows(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Result rows as one long frame with the columns of `ROW_COLUMNS`.

    Parameters
    ----------
    records : iterable of mappings
        One a result; a key that is left out takes its neutral value
        (`population` and `group` "all", text "", numbers missing).

    Raises
    ------
    KeyError
        If a record names something that is not a column of a result row.
    """
    full = []
    for record in records:
        unknown = set(record) - set(_DEFAULTS)
        if unknown:
            raise KeyError(f"not a column of a result row: {', '.join(sorted(unknown))}")
        full.append({**_DEFAULTS, **record})
    frame = pd.DataFrame(full, columns=list(ROW_COLUMNS))
    numeric = ["time", "estimate", "conf_low", "conf_high", "n", "events"]
    frame[numeric] = frame[numeric].astype(float)
    return frame


def collect(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Result rows of many analyses as one frame in which no two rows share their keys.

    A row that says the same as an earlier one is left out.

    Raises
    ------
    LedgerError
        If two rows share their keys and differ: nobody could tell them apart.
    """
    whole = [part[list(ROW_COLUMNS)] for part in parts if len(part)]
    if not whole:
        return rows([])
    found = pd.concat(whole, ignore_index=True).drop_duplicates(ignore_index=True)
    again = found.duplicated(list(KEYS), keep=False)
    if again.any():
        first = found[again].iloc[0]
        keys = ", ".join(
            f"{name} {first[name]}"
            for name in KEYS
            if first[name] not in ("", "all") and not pd.isna(first[name])
        )
        raise LedgerError(
            f"{int(again.sum())} result rows share their keys and differ, such as: {keys}. Give "
            "each its own population, group or model."
        )
    return found


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


@dataclass(frozen=True)
class Design:
    """What a paper decided before it counted: read from `design.toml`, never computed.

    Attributes
    ----------
    study : str
        Name of the folder in `data/`.
    title, citation, question : str
        For headings.
    columns : mapping of str to mapping
        The canonical patient table: name to `type`, `label`, `unit`, `levels`
        (the first is the reference), `min`, `max`, `role`.
    factors : mapping of str to mapping
        Dichotomies made from a column: `source`, `rule` (">", ">=", "<", "=="),
        `cut`, `levels`, `labels`.
    endpoints : mapping of str to mapping
        `label`, ready columns and the paper's rule in our words.
    eligibility : tuple of mappings
        Criteria in the order of the flow chart: `name`, `column`, `keep`, `label`.
    table_one : mapping
        Comparing column, variables and tests of Table 1.
    models : mapping of str to mapping
        Per endpoint: candidate covariates and the rule that selects among them.
    conventions : mapping
        Ties, CI transform, median rule, days per month, rounding: the paper's.
    folder : pathlib.Path
        Where the study's files are.
    exposure : str
        The column whose effect the paper is about.
    main : tuple of str
        Its main endpoints.
    choices : mapping
        The paper's choice for each parameter of its notebook that is a choice of analysis.
    """

    study: str
    title: str
    citation: str
    question: str
    columns: Mapping[str, Mapping[str, Any]]
    factors: Mapping[str, Mapping[str, Any]]
    endpoints: Mapping[str, Mapping[str, Any]]
    eligibility: tuple[Mapping[str, Any], ...]
    table_one: Mapping[str, Any]
    models: Mapping[str, Mapping[str, Any]]
    conventions: Mapping[str, Any]
    folder: Path = field(repr=False)
    exposure: str = ""
    main: tuple[str, ...] = ()
    choices: Mapping[str, Any] = field(default_factory=dict)

    def with_cuts(self, **cuts: float) -> Design:
        """The same design with other cut-offs, by factor name: `with_cuts(size_cat=3)`.

        Raises
        ------
        DesignError
            If a name is not a factor with a cut-off.
        """
        factors = {name: dict(spec) for name, spec in self.factors.items()}
        for name, cut in cuts.items():
            if "cut" not in factors.get(name, {}):
                known = ", ".join(n for n, s in factors.items() if "cut" in s)
                raise DesignError(f"{self.study} has no cut-off named {name!r}. It has: {known}.")
            factors[name]["cut"] = cut
        return replace(self, factors=factors)

    def label(self, name: str, level: str = "") -> str:
        """The printable name of a column or factor, or of one of its levels."""
        spec = self.spec(name)
        cut = {"cut": f"{spec['cut']:g}"} if "cut" in spec else {}
        if not level:
            return str(spec.get("label", name.replace("_", " "))).format(**cut)
        return str(spec.get("labels", {}).get(level, level)).format(**cut)

    def group_label(self, group: str) -> str:
        """A `column=level` key (or several, joined by commas) as a reader would say it."""
        if group == "all":
            return "All patients"
        parts = [part.partition("=") for part in group.split(",")]
        return ", ".join(self._level_label(name, level) for name, _, level in parts)

    def endpoint_name(self, endpoint: str) -> str:
        """An endpoint as a reader would say it: "OS after recurrence"."""
        return endpoint.replace("_", " ")

    @property
    def exposures(self) -> list[str]:
        """The columns that the dictionary calls exposures."""
        return [n for n, spec in self.columns.items() if spec.get("role") == "exposure"]

    def levels(self, name: str) -> list[str]:
        """The levels of a column or factor, the reference first; none for a measurement."""
        return list(self.spec(name).get("levels", ()))

    def spec(self, name: str) -> Mapping[str, Any]:
        """What is known of a factor, a column, or a column computed from others."""
        return self.factors.get(name) or self.columns.get(name) or COMPUTED.get(name) or {}

    def _level_label(self, name: str, level: str) -> str:
        """A level by itself where it names its column ("KRAS mutant"), else behind the column."""
        if level == "known":
            return f"{self.label(name)} known"
        if not level:
            return self.label(name)
        text = self.label(name, level)
        alone = self.spec(name).get("role") == "exposure"
        return text if alone else f"{self.label(name)}: {text}"


def data_folder() -> Path:
    """The folder that holds one folder a study; `CRLM_DATA` overrides the checkout's own.

    Raises
    ------
    DesignError
        If there is no such folder.
    """
    folder = Path(os.environ.get("CRLM_DATA") or Path(__file__).resolve().parents[1] / "data")
    if not folder.is_dir():
        raise DesignError(
            f"The data folder {folder.name!r} is missing. Install crlm from a checkout "
            "(pip install -e .) or set CRLM_DATA to the folder that holds the studies."
        )
    return folder


def studies() -> list[str]:
    """Names of the studies at hand: the folders of `data/` that hold a design.toml."""
    return sorted(path.parent.name for path in data_folder().glob("*/design.toml"))


def load_design(study: str) -> Design:
    """Read `data/<study>/design.toml` on top of the shared dictionary `data/columns.toml`.

    Raises
    ------
    DesignError
        If the study does not exist, or its design leaves something out.
    """
    folder = data_folder() / study
    path = folder / "design.toml"
    if not path.is_file():
        raise DesignError(f"There is no study {study!r}. There is: {', '.join(studies())}.")
    text = _read_toml(path)
    dictionary = _read_toml(data_folder() / "columns.toml")
    missing = {"title", "citation", "columns", "endpoints", "table_one", "models"} - set(text)
    if missing:
        raise DesignError(f"data/{study}/design.toml lacks {', '.join(sorted(missing))}.")
    return Design(
        study=study,
        title=text["title"],
        citation=text["citation"],
        question=text.get("question", ""),
        columns=_columns(study, text["columns"], dictionary),
        factors=text.get("factors", {}),
        endpoints=text["endpoints"],
        eligibility=tuple(text.get("eligibility", ())),
        table_one=text["table_one"],
        models=text["models"],
        conventions=text.get("conventions", {}),
        exposure=text.get("exposure", text["table_one"].get("by", "")),
        main=tuple(text.get("main", text["endpoints"])),
        choices=text.get("choices", {}),
        folder=folder,
    )


def load_claims(study: str) -> pd.DataFrame:
    """Every printed number of a paper, one a row, from `data/<study>/published.csv`.

    Returns
    -------
    pandas.DataFrame
        Columns of `CLAIM_COLUMNS`; `value`, `decimals` and `time` (months) are
        numbers, all else text. `name` says in plain words what is claimed;
        `printed` is the text a reader of the paper sees.

    Raises
    ------
    LedgerError
        If the file is absent or no table, a column is missing, or a row is at fault: an
        id used twice, a name that is empty or that another claim of the same locator
        has, a word that is not in its vocabulary (statistic, kind, operator, field), a
        text where a number belongs, a printed text and a value that disagree. All rows
        at fault are told at once.
    """
    where = f"data/{study}/published.csv"
    claims = _read_claims(data_folder() / study / "published.csv", where)
    missing = [name for name in CLAIM_COLUMNS if name not in claims]
    if missing:
        raise LedgerError(
            f"{where} lacks the column {', '.join(missing)}. "
            "Add it; data/ncch_scp/published.csv shows them all."
        )
    faults = sorted(_faults(claims))
    if faults:
        shown = "\n".join(f"  row {row}: {text}" for row, text in faults[:_MOST_FAULTS])
        rest = len(faults) - _MOST_FAULTS
        more = f"\n  and {rest} more" if rest > 0 else ""
        raise LedgerError(f"{where}, rows counted as Excel does:\n{shown}{more}")
    for name in _NUMBERS:
        claims[name] = pd.to_numeric(claims[name].replace("", None))
    return claims[list(CLAIM_COLUMNS)]


def compatible_interval(
    value: float, decimals: int, operator: str = "=", rounded_before: int | None = None
) -> tuple[float, float]:
    """The values a printed number may stand for: closed below, open above.

    Parameters
    ----------
    value, decimals, operator
        As printed: `0.45` is `(0.45, 2, "=")`, `<0.001` is `(0.001, 3, "<")`.
    rounded_before : int, optional
        Decimals of an earlier rounding (SPSS shows three): 0.4446 prints as
        0.445 and then as 0.45, so 0.45 reaches down to 0.4445.

    Returns
    -------
    (low, high) : tuple of float
        `<v` gives (0, v), `>v` gives (v, inf).
    """
    if operator == "<":
        return 0.0, value
    if operator == ">":
        return value, math.inf
    half = 0.5 * 10.0**-decimals
    early = 0.5 * 10.0**-rounded_before if rounded_before and rounded_before > decimals else 0.0
    return value - half - early, value + half - early


def round_half_up(value: float, decimals: int) -> float:
    """Round as papers do (0.125 to 0.13), free of binary artefacts in the 12th digit."""
    if not math.isfinite(value):
        return value
    exact = Decimal(repr(float(f"{value:.12g}")))
    return float(exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP))


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DesignError(f"data/{path.parent.name}/{path.name} cannot be read: {error}") from error


def _columns(
    study: str, chosen: Mapping[str, Any], dictionary: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """The study's columns: those it takes from the dictionary, those it adds or changes."""
    columns: dict[str, dict[str, Any]] = {}
    for name in chosen.get("use", ()):
        if name not in dictionary:
            raise DesignError(
                f"data/{study}/design.toml uses the column {name!r}, "
                "which data/columns.toml does not define."
            )
        columns[name] = dict(dictionary[name])
    for name, spec in chosen.items():
        if name != "use":
            columns[name] = {**columns.get(name, {}), **spec}
    return columns


def _read_claims(path: Path, where: str) -> pd.DataFrame:
    if not path.is_file():
        raise LedgerError(f"{where} is missing: there is nothing to compare to.")
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise LedgerError(
            f"{where} cannot be read as a table ({error}). Save it as CSV UTF-8."
        ) from error


def _faults(claims: pd.DataFrame) -> Iterator[tuple[int, str]]:
    """Rows at fault, as Excel counts them, each with what to do."""
    ids: dict[str, int] = {}
    names: dict[tuple[str, str], int] = {}
    for row, claim in enumerate(claims.to_dict("records"), start=2):
        first = ids.setdefault(claim["id"], row)
        if first != row:
            yield row, f"id {claim['id']!r} is used in row {first} too; give each claim its own."
        named = names.setdefault((claim["locator"], claim["name"].strip()), row)
        if not claim["name"].strip():
            yield row, "name is empty; say in plain words what is claimed."
        elif named != row:
            yield (
                row,
                (
                    f"name {claim['name']!r} stands in row {named} with the same locator; "
                    "say what tells the two apart."
                ),
            )
        yield from ((row, text) for text in _word_faults(claim))
        yield from ((row, text) for text in _number_faults(claim))


def _word_faults(claim: Mapping[str, str]) -> Iterator[str]:
    for column, words in _CLOSED.items():
        word = claim[column]
        if word not in words:
            near = difflib.get_close_matches(word, words, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there is: {', '.join(words)}."
            yield f"{column} {word!r} is not known; {hint}"


def _number_faults(claim: Mapping[str, str]) -> Iterator[str]:
    for column in _NUMBERS:
        if claim[column] and _number(claim[column]) is None:
            yield f"{column} {claim[column]!r} is no number; write digits and a point."
    printed = _number(claim["printed"].lstrip("<>= ").replace(",", ""))
    if claim["kind"] == "number" and (printed is None or printed != _number(claim["value"])):
        yield (
            f"printed {claim['printed']!r} but value {claim['value'] or 'empty'}; "
            "correct the one that is not the paper's."
        )


def _number(text: str) -> float | None:
    """A finite number, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
