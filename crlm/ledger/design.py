"""A study's design: what its paper decided before it counted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from crlm.ledger.errors import DesignError
from crlm.ledger.factors import Cut, Merged, factor_of
from crlm.ledger.models import OF_ONE, key_of, kind_of, name_of, reference_of
from crlm.ledger.plain_words import PLAIN_WORDS
from crlm.ledger.schema import SKELETON
from crlm.ledger.vocabulary import ALL, COMPUTED, MULTIVARIABLE

#: Labels of a level that do not say of what it is.
_BARE_LABELS = frozenset(
    ("yes", "no", "present", "absent", "positive", "negative", "high", "low", "normal", "elevated")
)


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
        Categories made from a column: `source`, `levels`, `labels`, and `rule` (">", ">=", "<",
        "<=", "==") with `cut` or `cuts`, or `groups`; `factor` says what they mean.
    scaled : mapping of str to mapping
        Covariates of models that are a column in a step of its own: `source`, and `per` (units
        of the column), `fold` (2: a doubling), `per_sd` or `per_level` (of a category). Described
        is always the column itself.
    endpoints : mapping of str to mapping
        `label`, ready columns and the paper's rule in our words.
    eligibility : tuple of mappings
        Criteria in the order of the flow chart: `name`, `column`, `keep`, `label`.
    table_one : mapping
        Comparing column, variables and tests of Table 1.
    models : mapping of str to mapping
        Per endpoint, or incidence: candidate covariates and the rule that selects among them.
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
    chapter : mapping
        What a reviewer would ask: `[chapter]`, thresholds of flags included; empty if none.
    incidences : mapping of str to mapping
        Cumulative incidences beside a competing event: `label`, `endpoint`, `competing` (another
        endpoint), `months`.
    declared : tuple of str
        Columns that the design gives a role of its own; of others the dictionary says it.
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
    chapter: Mapping[str, Any] = field(default_factory=dict)
    scaled: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    incidences: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    declared: tuple[str, ...] = ()

    def with_cuts(self, **cuts: float) -> Design:
        """The same design with other cut-offs, by factor name: `with_cuts(size_cat=3)`.

        Raises
        ------
        DesignError
            If a name is not a factor with one cut-off.
        """
        factors = {name: dict(spec) for name, spec in self.factors.items()}
        for name, cut in cuts.items():
            if "cut" not in factors.get(name, {}):
                known = ", ".join(n for n, s in factors.items() if "cut" in s)
                raise DesignError(f"{self.study} has no cut-off named {name!r}. It has: {known}.")
            factors[name]["cut"] = cut
        return replace(self, factors=factors)

    def label(self, name: str, level: str = "") -> str:
        """The printable name of a column or factor, of one of its levels, or of a product."""
        if ":" in name:
            return self._product_label(name.split(":"), level)
        spec = self.spec(name)
        if name in self.scaled and "label" not in spec:
            return f"{self._without_unit(spec['source'])} ({step_words(spec, self.unit_of(name))})"
        cut = {"cut": f"{spec['cut']:g}"} if "cut" in spec else {}
        if not level:
            return str(spec.get("label") or self._unlabelled(name)).format(**cut)
        return str(spec.get("labels", {}).get(level, level.replace("_", " "))).format(**cut)

    def _unlabelled(self, name: str) -> str:
        """What a column without a label is called; a factor by its source: "Age group"."""
        source = str(self.factors.get(name, {}).get("source", ""))
        alike = [
            n
            for n, spec in self.factors.items()
            if "label" not in spec and spec["source"] == source
        ]
        if alike != [name]:
            told = name.replace("_", " ")
            return f"{told[:1].upper()}{told[1:]}" if name in self.factors else told
        told = self._without_unit(source).removeprefix("Number of ")
        return f"{told[:1].upper()}{told[1:]} group"

    def stands_alone(self, name: str, level: str) -> bool:
        """Whether a level is told without its column: a labelled one of an exposure, "RAS mutant".

        Examples
        --------
        >>> from crlm import ledger
        >>> ledger.load_design("mskcc_hai").stands_alone("kras", "mutant")
        True
        """
        return self.says_itself(name, level) and level in self.spec(name).get("labels", {})

    def says_itself(self, name: str, level: str) -> bool:
        """Whether the label of a level of an exposure says what it is of: "Present" does not.

        Nor does "Suspicious" between "Negative" and "Positive".
        """
        if self.spec(name).get("role") != "exposure":
            return False
        bare = {
            one for one in self.levels(name) if self.label(name, one).casefold() in _BARE_LABELS
        }
        return self.label(name, level).casefold() not in _BARE_LABELS and len(bare) < 2

    def ratio_label(self, name: str) -> str:
        """A covariate with what its ratio is for, if it is a number: "Age (per year)".

        Examples
        --------
        >>> from crlm import ledger
        >>> ledger.load_design("mskcc_hai").ratio_label("age")
        'Age (per year)'
        """
        unit = str(self.columns.get(name, {}).get("unit", ""))
        each = f" (per {unit.removesuffix('s') or unit})" if unit and not self.levels(name) else ""
        return f"{self.label(name)}{each}"

    def _without_unit(self, name: str) -> str:
        unit = self.unit_of(name)
        return self.label(name).removesuffix(f", {unit}") if unit else self.label(name)

    def _product_label(self, names: Sequence[str], level: str) -> str:
        """A product as a reader would say it, "Chemotherapy × Score: 2"; a number has no level."""
        given = level.split(":") if level else []
        levels = [given.pop(0) if given and self.levels(name) else "" for name in names]
        pairs = zip(names, levels, strict=True)
        return " × ".join(self._level_label(n, own) if own else self.label(n) for n, own in pairs)

    def group_label(self, group: str) -> str:
        """A `column=level` key (or several, joined by commas) as a reader would say it."""
        if group == "all":
            return "All patients"
        parts = [part.partition("=") for part in group.split(",")]
        return ", ".join(self._levels_label(name, level.split("/")) for name, _, level in parts)

    def population_label(self, population: str) -> str:
        """As `group_label`, in the words that the design has for patients: "matched pairs"."""
        parts = [part.partition("=") for part in population.split(",")]
        told = [
            self.patients(name, level) or self.group_label(f"{name}={level}")
            for name, _, level in parts
            if level
        ]
        text = ", ".join(told)
        return small(text) if text else self.group_label(population)

    def endpoint_name(self, endpoint: str) -> str:
        """An endpoint as a reader would say it: "OS after recurrence"; an incidence its event."""
        if endpoint in self.incidences:
            return small(str(self.incidences[endpoint]["label"]))
        return endpoint.replace("_", " ")

    @property
    def odds_limits(self) -> str:
        """How limits of odds ratios are made: "wald" unless the conventions say "profile"."""
        return str(self.conventions.get("odds_limits") or "wald")

    @property
    def percent_limits(self) -> str:
        """How limits of percentages are made: "exact" unless the conventions say another way."""
        return str(self.conventions.get("percent_limits") or "exact")

    @property
    def interaction_test(self) -> str:
        """How products are tested: "wald" unless the conventions say "likelihood_ratio"."""
        return str(self.conventions.get("interaction_test") or "wald")

    @property
    def multivariable_p(self) -> str:
        """How covariates are tested among others: "wald" unless the conventions say "lr"."""
        return str(self.conventions.get("multivariable_p") or "wald")

    @property
    def subdistribution(self) -> str:
        """Whose Fine-Gray model: "cmprsk" unless the conventions say "finegray"."""
        return str(self.conventions.get("subdistribution") or "cmprsk")

    def follow_up_of(self, endpoint: str = "") -> str:
        """How follow-up is summarised: an endpoint's own rule, else that of the conventions."""
        own = self.endpoints.get(endpoint, {}).get("follow_up")
        return str(own or self.conventions.get("follow_up") or "observed")

    def followed_to(self) -> str:
        """The endpoint whose times are those of the patients.

        OS, else the first that deaths alone end, else the first main one.
        """
        deaths = [
            name
            for name, spec in self.endpoints.items()
            if "after" not in spec and ("death_of" in spec or spec.get("first_of") == ["death"])
        ]
        known = ["OS"] if "OS" in self.endpoints else [*deaths, *self.main, *self.endpoints]
        return known[0] if known else "OS"

    def source(self, name: str) -> str:
        """The column that a factor or a scaled number is made of; a column is its own."""
        made = self.factors.get(name) or self.scaled.get(name)
        return self.source(made["source"]) if made else name

    def of_one_column(self, name: str, by: str) -> bool:
        """Whether one of two is made of the other, or both of one: a test of them tells nothing."""
        return name != by and self.source(name) == self.source(by)

    def unit_of(self, name: str) -> str:
        """The unit of a column, or of the column that a factor or a scaled number is made of."""
        return str(self.columns.get(self.source(name), {}).get("unit", ""))

    def together(self, names: Sequence[str], printed: Sequence[str] = ()) -> list[str]:
        """Covariates that one model can hold: each number in one step, the printed one if any.

        Examples
        --------
        >>> from crlm import ledger
        >>> ledger.load_design("mskcc_hai").together(["age", "hai"])
        ['age', 'hai']
        """

        def number(name: str) -> tuple[str, bool]:
            made = self.scaled.get(name)
            source = made["source"] if made else name
            return source, bool(made and "fold" in made)

        first = {number(name): name for name in reversed([*printed, *names]) if name in names}
        return [name for name in names if first[number(name)] == name]

    @property
    def unfilled(self) -> str:
        """Which texts are still those that `crlm new` wrote, in a sentence; "" for none."""
        left = [key for key, text in SKELETON.items() if getattr(self, key) == text]
        are = "are still those" if len(left) > 1 else "is still that"
        told = f"data/{self.study}/design.toml: {' and '.join(left)} {are} of the skeleton"
        return f"{told}; write the paper's." if left else ""

    def factor(self, name: str) -> Cut | Merged | None:
        """How the levels of a factor follow from its source; None for what is no factor."""
        spec = self.factors.get(name)
        return factor_of(spec, self.columns.get(spec["source"], {})) if spec else None

    def cut(self, name: str) -> Cut | None:
        """The same of a factor that cuts a number; None for any other name."""
        made = self.factor(name)
        return made if isinstance(made, Cut) else None

    def factors_from(self, source: str) -> dict[str, Cut | Merged]:
        """The factors that are made of a column, by name."""
        made = {name: self.factor(name) for name in self.factors}
        return {name: one for name, one in made.items() if one and one.source == source}

    @property
    def made(self) -> list[str]:
        """What is made of a patient's columns: factors and scaled numbers."""
        return [*self.factors, *self.scaled]

    @property
    def scores(self) -> dict[str, str]:
        """Categories that are counted 0, 1, 2 ..., for a p for trend: the category by its score."""
        made = self.scaled.items()
        return {name: str(spec["source"]) for name, spec in made if spec.get("per_level")}

    @property
    def exposures(self) -> list[str]:
        """The paper's exposure, whatever its role, and further columns of that role.

        These are the ones that the design itself calls exposures, splits Table 1 by, or asks of
        in the reviewer's chapter: what the dictionary calls one may be a covariate of this paper.

        Examples
        --------
        >>> from crlm import ledger
        >>> replace(ledger.load_design("mskcc_hai"), exposure="sex").exposures
        ['sex', 'kras', 'hai']
        """
        asked = {self.chapter.get(key) for key in ("exposure", "modifier", "codon")}
        about = {self.exposure, self.table_one.get("by"), *self.declared, *asked}
        found = [n for n, c in self.columns.items() if c.get("role") == "exposure" and n in about]
        return [name for name in (self.exposure,) if name and name not in found] + found

    def levels(self, name: str) -> list[str]:
        """The levels of a column or factor, the reference first; none for a measurement."""
        return list(self.spec(name).get("levels", ()))

    def reference_of(self, record: Mapping[str, Any]) -> str:
        """The level that a ratio is against: its own `reference`, its model's, or the first."""
        levels = self.levels(record["covariate"])
        said = record.get("reference") or reference_of(self.models, record)
        return next((one for one in (said, *levels) if one and one != record["level"]), "")

    def test_of(self, name: str) -> str:
        """The test of a column of Table 1: its own, or that of all numbers or categories."""
        kind = "categorical_test" if self.levels(name) else "continuous_test"
        own = self.table_one.get("tests") or {}
        return str(own.get(name) or self.table_one.get(kind, ""))

    @property
    def percent_of_all(self) -> list[str]:
        """Columns and factors whose percentages are of all patients, those of unknown value too.

        Those that Table 1 of the design names, and the factors that are made of them.
        """
        named = self.table_one.get("percent_of_all") or ()
        return [*named, *(n for n, s in self.factors.items() if s["source"] in named)]

    def model_of(
        self, endpoint: str, population: str = ALL, key: str = MULTIVARIABLE
    ) -> Mapping[str, Any]:
        """The model of a key among some patients; the first of all where those have none."""
        return self.models.get(name_of(self.models, endpoint, population, key), {})

    def references_of(
        self, endpoint: str, population: str = ALL, key: str = MULTIVARIABLE
    ) -> Mapping[str, str]:
        """The levels that a model holds others against where it is not the first, by column."""
        return self.model_of(endpoint, population, key).get("references") or {}

    def model_key(self, name: str, kind: str = MULTIVARIABLE) -> str:
        """The key `model` of what is of one model: "multivariable", or "multivariable OS_2"."""
        return key_of(self.models, name, kind)

    def model_label(self, record: Mapping[str, Any]) -> str:
        """What tells the model of a claim or a row from others: "Model 2", or "model OS_2".

        "" for the only model of its patients that has no label, and for each covariate alone.
        """
        key = str(record["model"])
        name = name_of(self.models, str(record["endpoint"]), str(record["population"]), key)
        label = self.models.get(name, {}).get("label") if kind_of(key) in OF_ONE else ""
        return str(label or (f"model {name}" if kind_of(key) != key else ""))

    def spec(self, name: str) -> Mapping[str, Any]:
        """What is known of a factor, a scaled number, a column, or one computed from others."""
        made = self.factors.get(name) or self.scaled.get(name)
        return made or self.columns.get(name) or COMPUTED.get(name) or {}

    def patients(self, name: str, level: str) -> str:
        """What the design calls the patients of a level, as "matched pairs"; "" for nothing."""
        return str((self.spec(name).get("patients") or {}).get(level, ""))

    def _levels_label(self, name: str, levels: Sequence[str]) -> str:
        """Several levels of a column together: the column is named once, before all of them."""
        if len(levels) == 1:
            return self._level_label(name, levels[0])
        first, *others = [self.label(name, level) for level in levels]
        if not all(self.says_itself(name, level) for level in levels):
            first = f"{self.label(name)}: {small(first)}"
        return " or ".join([first, *map(small, others)])

    def _level_label(self, name: str, level: str) -> str:
        """A level by itself where it names its column ("KRAS mutant"), else behind the column."""
        if level == "known":
            return f"{self.label(name)} known"
        if not level:
            return self.label(name)
        text = self.label(name, level)
        return text if self.says_itself(name, level) else f"{self.label(name)}: {small(text)}"


def step_words(spec: Mapping[str, Any], unit: str) -> str:
    """What the ratio of a scaled number is for.

    Parameters
    ----------
    spec : mapping
        With `per`, `fold`, `per_sd` or `per_level`.
    unit : str
        Of its column.

    Examples
    --------
    >>> step_words({"per": 10}, "years"), step_words({"fold": 2}, "ng/mL")
    ('per 10 years', 'per doubling')
    """
    if spec.get("per_sd"):
        return "per SD"
    if spec.get("per_level"):
        return "per level"
    if "per" in spec:
        return f"per {spec['per']:g} {unit}".strip()
    named = {2: "doubling", 10: "tenfold increase"}
    return f"per {named.get(spec['fold']) or format(spec['fold'], 'g') + '-fold increase'}"


def small(text: str) -> str:
    """A label as it stands within a sentence: names and abbreviations keep their capitals.

    A word that is no plain one may be a name, and a label of capitals throughout is its owner's.

    Examples
    --------
    >>> [small(text) for text in ("Nodal status", "KRAS mutant", "Ta", "Whipple", "Tumour Size")]
    ['nodal status', 'KRAS mutant', 'Ta', 'Whipple', 'Tumour Size']
    """
    found = re.match(r"([A-Z][a-z]+)(?:[ -]([A-Z][a-z]+))?", text)
    words = [word.lower() for word in found.groups() if word] if found else []
    if not words or words[0] not in PLAIN_WORDS or (len(words) > 1 and words[1] in PLAIN_WORDS):
        return text
    return text[0].lower() + text[1:]
