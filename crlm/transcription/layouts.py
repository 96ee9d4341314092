"""The layouts of a paper's tables, and the way from a table to its claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crlm.ledger import Design, ParameterError, did_you_mean
from crlm.ledger.claim_words import Words
from crlm.ledger.vocabulary import ALL
from crlm.transcription.curves import CurvesTable
from crlm.transcription.heads import headed
from crlm.transcription.labels import factors_in, plain
from crlm.transcription.models import ModelTable
from crlm.transcription.patients import FirstTable
from crlm.transcription.table import Table, Transcript

#: Two groups side by side (Table 1), a regression table, medians and rates of curves.
LAYOUTS = ("two-groups", "model", "curves")


def claims_of(
    rows: Sequence[Sequence[str]],
    design: Design,
    layout: str,
    *,
    place: str,
    endpoint: str = "",
    spread: str = "",
    population: str = ALL,
    named: Mapping[str, str] | None = None,
) -> Transcript:
    """The claims of a table.

    Parameters
    ----------
    rows : sequence of sequence of str
        From `grid`: a title, if any, then the header in one storey or two, then the body.
    design : Design
        Its labels and levels name rows and columns.
    layout : str
        One of `LAYOUTS`.
    place : str
        Where it stands: "table1", "supplementary_table4".
    endpoint : str
        Of a model or of curves; of a model also its name in the design, which gives its endpoint
        and its patients.
    spread : {"", "range", "iqr"}
        What two numbers behind a median are, where their row does not say; "": as the design.
    population : str
        Patients that the table is of, as population of a claim: "matched=yes"; a model with a
        name has its own.
    named : mapping of str to str
        Answers to questions: a label of the table to `column` or `column:level`, a header to "p".

    Raises
    ------
    ParameterError
        If the layout or a condition of the population is unknown, or it needs an endpoint that
        is not given or not known.

    Examples
    --------
    >>> from crlm import ledger
    >>> design = ledger.load_design("mskcc_hai")
    >>> table = [["", "No HAI (n = 308)", "HAI (n = 366)", "p"], ["Male", "179 (58%)", "205", ""]]
    >>> made = claims_of(table, design, "two-groups", place="table1")
    >>> [claim["id"] for claim in made.claims][:2]
    ['table1-hai-no-n', 'table1-hai-yes-n']
    """
    if layout not in LAYOUTS:
        raise ParameterError(f"There is no layout {layout!r}. {did_you_mean(layout, LAYOUTS)}")
    known = list(dict.fromkeys([*design.endpoints, *(design.models if layout == "model" else ())]))
    if layout != "two-groups" and endpoint not in known:
        near = did_you_mean(endpoint, known) if endpoint else f"{', '.join(known)}."
        raise ParameterError(f"A {layout} table needs --endpoint: {near}")
    for told in Words(design).population_faults(population):
        raise ParameterError(f"--population: {told}")
    rows = headed(rows)
    answers = _answers(dict(named or {}), rows, design)
    table: Table
    if layout == "two-groups":
        table = FirstTable(design, place, spread, answers)
    elif layout == "model":
        table = ModelTable(design, place, endpoint, answers)
    else:
        table = CurvesTable(design, place, endpoint, answers)
    table.population = population
    table.read(rows)
    table.made.taken = [f"{label!r} as {what}" for label, what in table.labels.taken.items()]
    return table.made


def _answers(
    named: dict[str, str], rows: Sequence[Sequence[str]], design: Design
) -> dict[str, str]:
    """Answers that the table asks for, each with a column and a level of the design."""
    texts = [*rows[0], *(row[0] for row in rows)]
    labels = [plain(text) for whole in texts for text in (whole, *factors_in(whole))]
    for label, target in named.items():
        column, _, level = target.partition(":")
        words = plain(label)
        if not any(words == held or held.startswith(f"{words} ") for held in labels):
            near = did_you_mean(label, [row[0] for row in rows if row[0]])
            raise ParameterError(f"--is {label!r}: the table has no such label; {near}")
        known = [*design.columns, *design.made, "p"]
        if column not in known:
            raise ParameterError(f"--is {label}={target}: {did_you_mean(column, known)}")
        levels = design.levels(column) if column != "p" else []
        if level and level not in levels:
            near = did_you_mean(level, levels) if levels else "it has no levels."
            raise ParameterError(f"--is {label}={target}: no level of {column}; {near}")
    return named
