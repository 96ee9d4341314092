"""What a paper says: its design and its claims, in one shared vocabulary.

Every other module speaks in the keys defined here, so that a computed result
and a printed number meet by a plain join.
"""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Iterable, Mapping
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
    "id", "place", "locator", "kind", "printed", "operator", "value", "decimals", "field",
    *KEYS, "unit", "scanned", "mended_because", "note",
)  # fmt: skip

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
        keys = ", ".join(f"{name} {first[name]}" for name in KEYS if first[name] not in ("", "all"))
        raise LedgerError(
            f"{int(again.sum())} result rows share their keys and differ, such as: {keys}. Give "
            "each its own population, group or model."
        )
    return found


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
    exposure : str
        The column whose effect the paper is about.
    main : tuple of str
        Its main endpoints.
    choices : mapping
        The paper's choice for each parameter of its notebook that is a choice of analysis.
    folder : pathlib.Path
        Where the study's files are.
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
    exposure: str
    main: tuple[str, ...]
    choices: Mapping[str, Any]
    folder: Path = field(repr=False)

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
        spec = self.factors.get(name) or self.columns.get(name) or {}
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
        spec = self.factors.get(name) or self.columns.get(name) or {}
        return list(spec.get("levels", ()))

    def _level_label(self, name: str, level: str) -> str:
        """A level by itself where it names its column ("KRAS mutant"), else behind the column."""
        if not level:
            return self.label(name)
        text = self.label(name, level)
        alone = self.columns.get(name, {}).get("role") == "exposure"
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
        numbers, all else text. `printed` is the text a reader of the paper sees.

    Raises
    ------
    LedgerError
        If the file is absent, a column is missing, an id is used twice, or a
        printed text and its value disagree.
    """
    path = data_folder() / study / "published.csv"
    if not path.is_file():
        raise LedgerError(f"data/{study}/published.csv is missing: there is nothing to compare to.")
    claims = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [name for name in CLAIM_COLUMNS if name not in claims]
    if missing:
        raise LedgerError(f"data/{study}/published.csv lacks the column {', '.join(missing)}.")
    for name in ("value", "decimals", "time"):
        claims[name] = pd.to_numeric(claims[name].replace("", None))
    _check_claims(study, claims)
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


def _check_claims(study: str, claims: pd.DataFrame) -> None:
    where = f"data/{study}/published.csv"
    twice = claims["id"][claims["id"].duplicated()]
    if len(twice):
        raise LedgerError(f"{where}: id {twice.iloc[0]!r} is used twice; give each claim its own.")
    numbers = claims[claims["kind"] == "number"]
    for row, claim in numbers.iterrows():
        text = claim["printed"].lstrip("<>= ").replace(",", "")
        try:
            agrees = float(text) == claim["value"]
        except ValueError:
            agrees = False
        if not agrees:
            raise LedgerError(
                f"{where}, row {int(row) + 2}: printed {claim['printed']!r} "
                f"but value {claim['value']:g}."
            )
