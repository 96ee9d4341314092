"""Several models of the same patients in one regression table: which one a column is of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from crlm.ledger import Design, kind_of
from crlm.ledger.models import about, name_of
from crlm.ledger.vocabulary import ALL, MULTIVARIABLE
from crlm.transcription.asking import to_ask
from crlm.transcription.wordings import plain, unmarked

#: An answer to which model a column is of: a covariate alone is of none.
ALONE = "univariable"
#: Words that say of which model a column is: of a covariate alone, or of several.
SINGLE = re.compile(r"\buni(?!t|o|q|f|n|l|versi)|\bunadj|\bcrude\b|\bbivariat|\buva?\b", re.I)
TOGETHER = re.compile(
    r"\bmulti(?!f|p|c|l|n)|\bmultiple\s(logistic|cox|regression)"
    r"|\badj(?!uv|ac)|\ba(or|hr)\b|\bmva?\b",
    re.I,
)
#: How papers head such columns: "Model 1", "Model 1a", "Model II", "Model A".
_NUMBERED = re.compile(r"\bmodel\s?(?:\d+[a-z]?|[ivx]+|[a-h])\b", re.IGNORECASE)
#: Words of a header that say what a column holds, and not which model it is of.
_HOLDING = re.compile(
    r"(?<!\w)(?:a?hr|a?or|hazards?|odds|ratios?|p|values?|ci|95|limits|analys[ei]s|model|cox"
    r"|regression)(?!\w)",
    re.IGNORECASE,
)


class Several:
    """The models that the columns of a table may be of.

    Parameters
    ----------
    design : Design
    said : str
        An endpoint, or the name of a model; "" where the header names endpoints.
    named : mapping of str to str
        Answers to questions: a header to a model of the design, or to "univariable".
    """

    def __init__(self, design: Design, said: str, named: Mapping[str, str]) -> None:
        self.design = design
        self.first = said if said in design.models else name_of(design.models, said)
        self.about = about(said, design.models.get(said, {}))
        self.chosen = said in design.models and said != self.about[0]
        known = {*design.models, ALONE}
        self.answers = {plain(label): name for label, name in named.items() if name in known}

    def _models(self, endpoint: str) -> list[str]:
        """The models of an endpoint, among the table's patients."""
        mine = self.about if endpoint == self.about[0] else (endpoint, ALL)
        return [name for name, spec in self.design.models.items() if about(name, spec) == mine]

    def covariates(self) -> list[str]:
        """Covariates of the table's own model, and of the others of its patients behind them."""
        names = [self.first, *self._models(self.about[0])] if self.first else []
        every = dict.fromkeys(names or self.design.models)
        found = [one for name in every for one in self.design.models[name]["covariates"]]
        return list(dict.fromkeys(found))

    def reference(self, column: str) -> str:
        """The reference level that these models have of a covariate; "" for the column's own."""
        for name in dict.fromkeys(filter(None, [self.first, *self._models(self.about[0])])):
            if level := (self.design.models[name].get("references") or {}).get(column):
                return str(level)
        return ""

    def usual(self, endpoint: str) -> str:
        """The key of a column that does not say which model it is of."""
        own = self.first if endpoint == self.about[0] else ""
        return self.design.model_key(own)

    def of(self, text: str, endpoint: str) -> str:
        """The key of the model that a header names by its label or by an answer; "" for none."""
        models, words = self._models(endpoint), f" {plain(text)} "
        answer = next((n for label, n in self.answers.items() if f" {label} " in words), "")
        if answer == ALONE:
            return ALONE
        if answer == endpoint and (len(models) < 2 or SINGLE.search(text)):
            return ""  # It names the endpoint, and no model of it.
        labels = {str(self.design.models[name].get("label") or ""): name for name in models}
        whole = f" {' '.join(text.casefold().split())} "
        said = {
            name: max(_fits(label, whole), _fits(plain(label), words))
            for label, name in labels.items()
            if label
        }
        best = max(said.values(), default=0)
        found = [answer] if answer in models else [n for n, fit in said.items() if fit == best > 0]
        return self.design.model_key(found[0]) if len(found) == 1 else ""

    def along(self, text: str, model: str, endpoint: str, before: str, heads: Sequence[str]) -> str:
        """The key of a column that follows one of an endpoint `before` with the key `model`.

        The header itself where it is asked: what stands beside it is asked with it.
        """
        if TOGETHER.search(text) or (endpoint != before and kind_of(model) != model):
            model = self.usual(endpoint)
        model = ALONE if SINGLE.search(text) else model
        return text if self.unnamed(text, endpoint, heads) else self.of(text, endpoint) or model

    def unsaid(
        self, heads: Sequence[str], ratios: Iterable[tuple[str, str]], lines: Sequence[str]
    ) -> dict[str, str]:
        """What to tell of ratios taken as multivariable where neither table nor command says so.

        Parameters
        ----------
        heads, lines : sequence of str
            Heads of columns; the title and the lines that have a label alone.
        ratios : iterable of (endpoint, key)
            What the columns of ratios are of.
        """
        if self.chosen or any(TOGETHER.search(text) or SINGLE.search(text) for text in lines):
            return {}
        usual = [endpoint for endpoint, key in ratios if kind_of(key) == MULTIVARIABLE]
        said = [t for t in heads if TOGETHER.search(t) or SINGLE.search(t)]
        if not usual or said or any(self.of(text, one) for text in heads for one in usual):
            return {}
        told = "multivariable; if each covariate is alone in its model, write Univariable above"
        return {"ratios of which the table does not say the model": told}

    def told(self, text: str, endpoint: str) -> str:
        """What to tell of an adjusted column that names none of several models."""
        others = self.choice(text, endpoint) if TOGETHER.search(text) else ""
        name = self.first if endpoint == self.about[0] else endpoint
        return f"{name}, one of {others}; --endpoint says which" if others else ""

    def choice(self, text: str, endpoint: str) -> str:
        """The models that an adjusted column may be of, where its header names none of several."""
        names = self._models(endpoint)
        if len(names) < 2 or self.of(text, endpoint):
            return ""
        labels = {name: self.design.models[name].get("label") for name in names}
        return ", ".join(f"{name} ({label})" if label else name for name, label in labels.items())

    def unnamed(self, text: str, endpoint: str, heads: Sequence[str]) -> str:
        """What to ask of a header that has a number of a model which the design does not name.

        One alone is the adjusted column of the table.
        """
        own = self._said(text, endpoint)
        others = {said.casefold() for head in heads if (said := self._said(head, endpoint))}
        if not own or len(others) < 2 or self.of(text, endpoint):
            return ""
        lines = f'[models.NAME] with endpoint = "{endpoint}" and label = "{own}"'
        return (
            f"is of a model that the design has no label for. Declare it, {lines}; or say which "
            f"one it is with {to_ask(own, *self._models(endpoint), ALONE)}"
        )

    def _said(self, text: str, endpoint: str) -> str:
        """What a header calls its model: "Model 2"; of several models also "Fully adjusted"."""
        if found := _NUMBERED.search(unmarked(text)):
            return found[0]
        if not TOGETHER.search(text) or len(self._models(endpoint)) < 2:
            return ""
        words = re.split(_HOLDING, re.sub(r"[\[(].*", "", unmarked(text)), maxsplit=1)[0]
        return " ".join(words.split())


def with_model_of_p(heads: Sequence[str], at: int, ratios: Sequence[bool]) -> str:
    """A head of a ratio that names no model, with the word of the p that closes its columns.

    "P (univariate)", "HR", "95% CI", "P (multivariate)" are one p alone, and three of the model.

    Parameters
    ----------
    heads : sequence of str
    at : int
        Position of the head.
    ratios : sequence of bool
        Which of the heads are of ratios.

    Examples
    --------
    >>> heads = ["P (univariate)", "HR", "95% CI", "P (multivariate)"]
    >>> with_model_of_p(heads, 1, [False, True, False, False])
    'HR multivariable'
    """
    text = heads[at]
    if not ratios[at] or SINGLE.search(text) or TOGETHER.search(text) or _NUMBERED.search(text):
        return text
    for beside, later in zip(ratios[at + 1 :], heads[at + 1 :], strict=True):
        if beside:
            break
        if SINGLE.search(later) or TOGETHER.search(later):
            return f"{text} {ALONE if SINGLE.search(later) else MULTIVARIABLE}"
    return text


def unnumbered(text: str) -> str:
    """A header without the number of its model, which is no coefficient: "Model B HR"."""
    return " ".join(_NUMBERED.sub(" ", unmarked(text)).split())


def _fits(label: str, words: str) -> int:
    """How many letters of a label stand in a header, as whole words; 0 where it does not."""
    inside = re.search(rf"(?<!\w){re.escape(label.casefold().strip())}(?!\w)", words)
    return len(label) if inside else 0
