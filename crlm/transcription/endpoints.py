"""Which endpoint a printed heading or the beginning of a header names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from crlm.ledger import Design, ParameterError
from crlm.transcription.labels import Labels
from crlm.transcription.wordings import plain

#: Words before an endpoint that say how it is told, not which it is.
_BEFORE = re.compile(
    r"^(time to|freedom from|(cumulative )?(incidence|rate|risk) of|predictors of|factors for) "
)
#: What stands before the event of a cumulative incidence.
_SHARES = ("cumulative incidence", "incidence")


class Endpoints:
    """The endpoints of a design by their names, their labels, and a reader's answers.

    Parameters
    ----------
    design : Design
    named : mapping of str to str
        Answers to questions: a heading of the table to an endpoint; others do not matter.
    incidences : bool
        Whether the design's cumulative incidences are endpoints too, as in tables of curves.
    outcomes : bool
        Whether yes-no outcomes that the design has a model of are, as above columns of ratios.
    """

    def __init__(
        self,
        design: Design,
        named: Mapping[str, str],
        *,
        incidences: bool = False,
        outcomes: bool = False,
    ) -> None:
        self.words: dict[str, str] = {}
        counted = design.incidences if incidences else {}
        of_models = [str(spec.get("endpoint") or name) for name, spec in design.models.items()]
        held = {name: design.columns[name] for name in of_models if name in design.columns}
        counted = {**(held if outcomes else {}), **counted}
        for name, spec in {**counted, **design.endpoints}.items():
            for text in (name, str(spec.get("label", ""))):
                self.words |= {words: name for words in _wordings(text)}
        for name, spec in counted.items():
            texts = [f"{before} of {text}" for before in _SHARES for text in (name, spec["label"])]
            self.words |= {plain(text): name for text in texts}
        self.known = list(dict.fromkeys([*design.endpoints, *counted]))
        answers = {label: name for label, name in named.items() if name in self.known}
        self.words |= {plain(label): name for label, name in answers.items()}

    def of(self, text: str) -> str:
        """The endpoint that a whole text names: "Freedom from local recurrence"; "" for none."""
        return next((self.words[words] for words in _wordings(text) if words in self.words), "")

    def leading(self, text: str) -> str:
        """The endpoint that a text begins with: "Overall survival HR (95% CI)"; "" for none."""
        words = plain(text).split()
        found = (self.of(" ".join(words[:end])) for end in range(len(words), 0, -1))
        return next(filter(None, found), "")

    def within(self, text: str) -> str:
        """The endpoint that words of a text name, the most of them: "Median OS, months"; or ""."""
        return next(iter(self.named_in(text)), "")

    def named_in(self, text: str) -> list[str]:
        """All endpoints that words of a text name, each by the most words that it can have.

        "Survival after recurrence" names one, where "Survival" is another.
        """
        words = plain(text).split()
        for length in range(len(words), 0, -1):
            for at in range(len(words) - length + 1):
                if found := self.of(" ".join(words[at : at + length])):
                    aside = (" ".join(words[:at]), " ".join(words[at + length :]))
                    others = [name for part in aside for name in self.named_in(part)]
                    return list(dict.fromkeys([found, *others]))
        return []


def parts(
    rows: list[list[str]], endpoints: Endpoints, design: Design, said: str
) -> list[tuple[str, list[list[str]]]]:
    """A regression table as the parts that stand below a heading each, with their endpoints.

    Parameters
    ----------
    rows : list of list of str
        The first is the header.
    endpoints : Endpoints
    design : Design
        A heading that names a covariate of it is none of an endpoint.
    said : str
        The endpoint, or the model, that the reader says the table is of; "" for none.

    Returns
    -------
    list of (str, list of rows)
        Each with the header, and with the notes below the table; the whole table as of `said`
        where its header names the endpoints, or nothing does.

    Raises
    ------
    ParameterError
        If a heading names another endpoint than `said`.
    """
    labels = Labels(design, [], {})

    def heads(row: list[str]) -> str:
        """The endpoint that a row without numbers names, unless it is a covariate."""
        role = str(design.columns.get(column := labels.read(row[0]).column, {}).get("role", ""))
        known = not column or role in ("time", "event")
        return endpoints.of(row[0]) if known and not any(row[1:]) else ""

    named = {at: name for at, row in enumerate(rows) if at and (name := heads(row))}
    own = str(design.models.get(said, {}).get("endpoint") or said)
    others = [name for name in named.values() if name != own]
    if not others or any(endpoints.leading(head) for head in rows[0][1:]):
        return [(said, list(rows))]
    if said:
        raise ParameterError(
            f"A heading of the table names {others[0]}, and --endpoint says {said}. Without "
            "--endpoint each part is read as of the heading above it."
        )
    last = max((at for at, row in enumerate(rows) if any(row[1:])), default=0) + 1
    starts = [at for at in named if at < last]
    ends = [*starts[1:], last]
    below = [
        (named[a], [rows[0], *rows[a + 1 : b], *rows[last:]])
        for a, b in zip(starts, ends, strict=True)
    ]
    first = rows[1 : starts[0]] if starts else []
    return [("", [rows[0], *first]), *below] if any(any(row[1:]) for row in first) else below


def _wordings(text: str) -> list[str]:
    """A text as it is compared, and without the words before the endpoint's own."""
    words = plain(text)
    return [one for one in dict.fromkeys((words, _BEFORE.sub("", words))) if one]
