"""The layouts of a paper's tables, and the way from a table to its claims."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from crlm.ledger import Design, ParameterError, did_you_mean, outside_models
from crlm.ledger.claim_numbers import DATE
from crlm.ledger.claim_words import Words
from crlm.ledger.vocabulary import ALL, KNOWN
from crlm.transcription import answers as own
from crlm.transcription import (
    continued,
    corrected,
    footnotes,
    lettered,
    locators,
    nested,
    ordered,
    other_columns,
    other_endpoints,
    other_limits,
    p_rows,
    percentages,
    populations,
    reference_columns,
    sections,
    sizes,
    stubs,
    thousands,
    titled,
    turned,
)
from crlm.transcription.cells import POINTS, Placed, row_of
from crlm.transcription.curves import CurvesTable
from crlm.transcription.endpoints import Endpoints, parts
from crlm.transcription.heads import (
    below_curves,
    headed,
    over_all,
    title,
    untitled,
    with_limits,
    without_forms,
)
from crlm.transcription.model_columns import of_risks
from crlm.transcription.models import ModelTable
from crlm.transcription.outcomes import OutcomesTable
from crlm.transcription.patients import FirstTable
from crlm.transcription.raised import unglued
from crlm.transcription.several import ALONE
from crlm.transcription.subgroups import SubgroupsTable
from crlm.transcription.table import Table, Transcript
from crlm.transcription.wordings import plain

#: Groups side by side (Table 1), a regression table, medians and rates of curves (numbers at
#: risk too), an effect within each subgroup.
LAYOUTS = ("two-groups", "model", "curves", "subgroups")
_TABLES = {"model": ModelTable, "curves": OutcomesTable, "subgroups": SubgroupsTable}
#: A comma for the decimal point: no thousands begin with 0, nor are they two digits.
#: A dash before what a row holds, as the NEJM sets it: "Median age (IQR) — yr"; and what a cell
#: of counts with their denominators is called there: "no./total no. (%)".
_DASHED = re.compile(
    r"(?:(?<=[^\W\d_]{3})|(?<=[)\]*†‡§¶‖]))(?:\s+[–—]\s+|—)(?=[^\W\d]|[×%])(?![IVX]+\b)"
)
#: A unit behind "in": "Median age in years (range)".
_IN_UNIT = re.compile(r"\s+in\s+([^\s,;()\[\]]+)(?=\s*(?:[,;(\[]|$))", re.IGNORECASE)
_OVER = re.compile(r"\b(?:no|n|number)\b\.?\s*/\s*(?:total\s*)?(?:no|n|number)\b\.?", re.I)
#: "95 per cent c.i." is "95% CI"; in a cell it says nothing that its column does not.
_PER_CENT = re.compile(r"(?<=\d)\s*per\s?cent\b", re.IGNORECASE)
_INTERVAL = re.compile(r"\bc\.\s?i\.(?!\w)", re.IGNORECASE)
_IN_CELL = re.compile(r"\b95\s?%\s*(?:CI|confidence intervals?)\s*[:,=]?\s*(?=\d)", re.IGNORECASE)
#: Stars of footnotes and signs of cut-offs as publishers set them.
_SIGNS = str.maketrans(
    dict.fromkeys("∗⁎＊✱", "*") | dict.fromkeys("⩽≦", "≤") | dict.fromkeys("⩾≧", "≥")
)
#: Words over columns that say what these hold, or of which model they are.
_SAYING = re.compile(
    r"\d|%|\b(?:hr|or|shr|ratios?|hazards?|odds|risks?|median|mean|rates?|survival|incidence|events?"
    r"|deaths?|patients|n|p|ci|models?|uni|uva|mva|multi|crude)\b|\b(?:univ|multiv|un?adj|adj)",
    re.IGNORECASE,
)
_COMMA = re.compile(r"(?<=\d),(?=\d{1,2}(?!\d))|(?<=\b0),(?=\d)")


def claims_of(
    rows: Sequence[Sequence[str]],
    design: Design,
    layout: str,
    *,
    place: str,
    endpoint: str = "",
    spread: str = "",
    population: str = ALL,
    decimal: str = "point",
    percent: str = "",
    by: str = "",
    as_printed: bool = False,
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
        Of a model, of curves or of subgroups; of a model also its name in the design, which gives
        its endpoint and its patients; "" where the table names its endpoints itself, above columns
        or above rows, or one in its title or corner.
    spread : {"", "range", "iqr"}
        What two numbers behind a median are, where their row does not say; "": as the design.
    population : str
        Patients that the table is of, as population of a claim: "matched=yes"; a model with a
        name has its own.
    decimal : {"point", "comma"}
        What stands before the decimals of the table.
    percent : {"", "row", "column"}
        Of whom the percentages of two groups are: of the level's patients, or of the group's;
        "": as the printed counts say.
    by : str
        The column or factor that splits two groups or the rows of curves, or whose effect is
        told by subgroup; "": that of the design's `table_one`, or the exposure.
    as_printed : bool
        Take numbers that cannot be, as a percentage of 950: the paper's misprints.
    named : mapping of str to str
        Answers to questions: a label of the table to `column` or `column:level`, a header to "p",
        a heading to an endpoint; a row or a column that is to make no claim to "-"; a footnote
        mark to the statistics that it stands for, "median (range)".

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
    rows = [[_spelt(_marked(thousands.joined(text))) for text in row] for row in rows]
    rows = thousands.sized(rows)
    rows = below_curves(rows) if layout == "curves" else rows
    above, groups, raw = title(rows), layout == "two-groups", untitled(rows)
    raw = _undashed(continued.joined(stubs.merged(raw, groups)))
    raw = without_forms(sizes.below_heads(raw)) if groups else raw
    raw, across = (raw, "") if groups else _below_all(raw, design, named or {})
    apart = _headed(populations.beside(raw, layout, design, named or {}))
    rows = _once(headed(raw, groups=groups or bool(apart)))
    rows = p_rows.lifted(rows, design, named or {}) if groups else with_limits(rows)
    rows = reference_columns.named(rows, named or {}) if layout == "model" else rows
    incidences = design.incidences if layout in ("curves", "model") else {}
    meant = [*design.models, ALONE] if layout in ("model", "curves") else []
    meant += [name for name in incidences if name not in meant]
    marks, named = footnotes.answered(named or {}, raw if groups else [])
    named = {_worded(_spelt(_marked(thousands.joined(k)))): to for k, to in named.items()}
    rows = turned.below_endpoints(rows, Endpoints(design, named), layout)
    stack = populations.stacked(rows, "" if apart else layout, design, named)
    columns = populations.along(rows, "" if stack else layout, design, named)
    apart = apart or stack or columns
    overs = [over for over, _ in apart]
    heads = [*overs, *dict.fromkeys(text for _, part in apart for text in part[0][1:])]
    heads += [*other_endpoints.phrases(f"{above} {rows[0][0]}"), *titled.phrases(above)]
    named = own.of_heads(named, rows[0])
    answers = own.checked(named, rows, design, meant, heads, lacking=groups)
    kept = sections.without(rows, answers, design, layout)
    rows, aside = own.without(kept.rows, answers)
    aside += [over for over in overs if own.is_left_out(over, answers)]
    answers = {label: target for label, target in answers.items() if target != own.LEFT_OUT}
    endpoints = Endpoints(design, answers, incidences=bool(incidences))
    made = Transcript()
    if not groups:
        stacked = layout != "curves"
        endpoint, made.taken = _endpoint(endpoint, layout, design, endpoints, rows, above)
        made.questions += other_endpoints.asked(rows, above, endpoint, endpoints, design, stacked)
    for told in Words(design).population_faults(population):
        raise ParameterError(f"--population: {told}")
    by = _split_by(by, layout, design)
    of = str(design.models.get(endpoint, {}).get("population") or population)
    stated = [*rows, *([over] for over in overs)]
    made.questions += titled.asked(stated, above, design, of, answers)
    _compared(population, by if layout != "model" else "")

    def read(rows: Sequence[Sequence[str]], population: str, endpoint: str) -> Transcript:
        made_of = _TABLES.get(layout)
        table: Table = (
            made_of(design, place, endpoint, answers)
            if made_of
            else FirstTable(design, place, spread, answers, by, marks)
        )
        if isinstance(table, CurvesTable | SubgroupsTable):
            table.by = by
        table.as_printed = as_printed
        table.population, table.title, table.over = population, above, across
        _read(table, rows, decimal)
        if groups:
            _percentages(table.made, by, percent, design)
        return table.made

    for over, part in apart or [("", rows)]:
        among, question = populations.of(over, design, answers, population)
        within = over if stack or columns else ""
        if over not in aside and not question:
            part = sections.without(part, named, design, layout).rows
            part = own.without(part, named)[0]
            part = populations.without_name(part, over) if columns else part
            for of, block in _below(layout, part, endpoints, design, endpoint):
                stacked = within and layout == "model"
                own_of = populations.model_of(of, among, design) if stacked else of
                heading = locators.heading(within, of, endpoint)
                made.add(locators.within(read(block, among, own_of), place, heading))
        made.questions += [f"{question}."] * bool(question and over not in aside)
        made.taken += [f"{over!r} as the patients of {among}"] * (among not in ("", population))
    made.questions += kept.questions
    made.left_out += [kept.told(label) for label in dict.fromkeys(aside)]
    return made


def _below_all(
    rows: list[list[str]], design: Design, named: Mapping[str, str]
) -> tuple[list[list[str]], str]:
    """A table less a storey over all its columns that says nothing of what they hold; and that."""
    over = over_all(rows)
    known = Endpoints(design, named, incidences=True, outcomes=True)
    if not over or _SAYING.search(over) or known.named_in(over):
        return rows, ""
    return [[rows[1][0] or rows[0][0], *rows[1][1:]], *rows[2:]], over


def _headed(
    parts: Sequence[tuple[str, list[list[str]]]],
) -> list[tuple[str, list[list[str]]]]:
    """Parts of a table that stand side by side, each with its own header."""
    return [(over, _once(headed(part, groups=True))) for over, part in parts]


def _below(
    layout: str, rows: list[list[str]], endpoints: Endpoints, design: Design, said: str
) -> list[tuple[str, list[list[str]]]]:
    """The parts of a table below the endpoints that its rows name, and of which each is."""
    stacked = layout in ("model", "subgroups")
    return parts(rows, endpoints, design, said) if stacked else [(said, rows)]


def _endpoint(
    said: str,
    layout: str,
    design: Design,
    endpoints: Endpoints,
    rows: Sequence[Sequence[str]],
    above: str,
) -> tuple[str, list[str]]:
    """The endpoint, or the model, of a table, and what is told of it; refused where none is named.

    "" where rows or columns name their own.
    """
    incidences = design.incidences if layout in ("curves", "model") else {}
    others = {**design.models, **incidences} if layout == "model" else incidences
    known = list(dict.fromkeys([*design.endpoints, *others]))
    counted = {**incidences, **design.endpoints}
    labels = {str(spec["label"]): name for name, spec in counted.items()}
    endpoint = said if said in known else labels.get(said, said)
    if endpoint in known or (not endpoint and _names_endpoints(rows, endpoints, layout)):
        return endpoint, []
    titled = _titled([above, rows[0][0]], layout, design, endpoints)
    if not titled[0]:
        # A median or a rate beside the ratios may name it: "5-year OS".
        titled = _titled(rows[0][1:], layout, design, endpoints)
    if titled[0] and not endpoint:
        return titled
    near = did_you_mean(endpoint, known) if endpoint else f"{', '.join(known)}."
    told = " Where each column or row is of its own, --is 'HEAD=ENDPOINT' says of which."
    raise ParameterError(f"A {layout} table needs --endpoint: {near}{told * (not endpoint)}")


def _titled(
    texts: Sequence[str], layout: str, design: Design, endpoints: Endpoints
) -> tuple[str, list[str]]:
    """The one endpoint that the title or the corner of a table names, and how that is told.

    None where models of it are of other patients too, as a title may not say whose it has.
    """
    found = {text: endpoints.named_in(text) for text in texts}
    named = list(dict.fromkeys(name for names in found.values() for name in names))
    parts = [
        name
        for name, spec in design.models.items()
        if (spec.get("endpoint") or name) in named and spec.get("population", ALL) != ALL
    ]
    if len(named) != 1 or (layout == "model" and parts):
        return "", []
    return named[0], [f"{next(text for text in texts if found[text])!r} as {named[0]}"]


def _undashed(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """A table whose labels have a comma before what their row holds, "n" for counts, and points."""
    return [list(rows[0]), *([_worded(row[0]), *row[1:]] for row in rows[1:])]


def _worded(label: str) -> str:
    from crlm import cohort

    made = POINTS.sub(".", _OVER.sub("n", _DASHED.sub(", ", label)))
    made = _IN_UNIT.sub(
        lambda found: f", {found[1]}" if cohort.is_unit(found[1]) else found[0], made
    )
    return Placed(made, label.row) if isinstance(label, Placed) else made


def _spelt(text: str) -> str:
    """A cell with signs for words: "0.7 (95 per cent c.i. 0.5 to 0.9)" is "0.7 (0.5 to 0.9)"."""
    made = _IN_CELL.sub("", _INTERVAL.sub("CI", _PER_CENT.sub("%", text.translate(_SIGNS))))
    return Placed(made, text.row) if isinstance(text, Placed) else made


def _marked(text: str) -> str:
    """A cell whose footnote letters are raised: "P valueb"."""
    return Placed(unglued(text), text.row) if isinstance(text, Placed) else unglued(text)


def _once(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """A table without its header again, as on the next page."""
    return [list(rows[0]), *(list(row) for row in rows[1:] if list(row) != list(rows[0]))]


def _read(table: Table, rows: Sequence[Sequence[str]], decimal: str) -> None:
    """Read a table of one population."""
    notes = [row[0] for row in rows[1:] if not any(row[1:])]
    for text in filter(thousands.in_doubt, (*rows[0], *notes)):
        told = f"{thousands.in_doubt(text)!r} may be one number or two; write it without the blank"
        table.ask(f"{text!r}", told)
    _other_limits(table, rows, notes)
    if not isinstance(table, FirstTable):
        lines = [table.title, *notes] if isinstance(table, CurvesTable) else []
        for where, told in other_columns.of_other_tests(rows[0][1:], lines):
            table.ask(where, told)
    if not isinstance(table, FirstTable):
        rows = [footnotes.with_notes(rows[0], notes), *rows[1:]]
    table.adjusted_by = corrected.noted(rows, notes)
    rows = table.without_corrected(rows)
    for at, row in enumerate(rows[1:], 2):
        for text in filter(DATE.search, row[1:]):
            told = f"{text!r} is a date that Excel made of a number or a range; write what the "
            table.ask(row_of(row, at), f"{told}paper has")
    by = str(getattr(table, "by", ""))
    heads = [lettered.head(table, text, by) for text in rows[0]] if by else rows[0]
    rows = [heads, *([lettered.label(table, row[0]), *row[1:]] for row in rows[1:])]
    commas = _with_commas(rows)
    labels = Counter(plain(text) for text in (*rows[0][1:], *(row[0] for row in rows[1:])))
    table.labels.alone = frozenset(label for label, many in labels.items() if many == 1)
    table.read(_pointed(table, rows) if decimal == "comma" or commas else rows)
    table.note_words()
    for where, said in ordered.disordered(table.made.claims):
        if table.as_printed:
            table.made.taken.append(f"{where}: {said}, as printed")
        else:
            told = f"{said} are not in their order; say in the label what the numbers of the cell "
            told += "are, or correct it, or, if the paper has it so, say --as-printed"
            table.ask(where, told)
    if commas and decimal != "comma":
        told = f"{len(commas)} of its cells have a decimal comma, as {commas[0]!r}; "
        table.made.questions.insert(0, f"{told}say --decimal comma, or write them with a point.")
    table.made.taken += [f"{label!r} as {what}" for label, what in table.labels.taken.items()]
    table.made.taken += [*_unanswered(table), *_of_risks(table, rows[0])]


def _other_limits(table: Table, rows: Sequence[Sequence[str]], notes: Sequence[str]) -> None:
    """Ask where a header, the title, a row's label or a note says that limits are not of 95 %."""
    for head in rows[0][1:]:
        if told := other_limits.of_head(head):
            table.ask(f"column {head!r}", f"{told}; {other_limits.remedy(head)}")
    others = [("the title", table.title)] + [("the line", note) for note in notes]
    others += [("row", row[0]) for row in rows[1:] if any(row[1:])]
    for where, text in others:
        if told := other_limits.fault(text):
            table.ask(f"{where} {text!r}", f"{told}; {other_limits.remedy('')}")


def _of_risks(table: Table, heads: Sequence[str]) -> list[str]:
    """What to tell of ratios of risks that went in as hazard ratios, for their end is timed."""
    hazards = any(claim["statistic"] == "hazard_ratio" for claim in table.made.claims)
    said = [head for head in heads if of_risks(head)] if hazards else []
    return [f"{head!r} as hazard ratios" for head in said if isinstance(table, ModelTable)]


def _unanswered(table: Table) -> list[str]:
    """What to tell of ratios of what no model of the design holds, once of each covariate."""
    if not isinstance(table, ModelTable) or isinstance(table, SubgroupsTable):
        return []
    claims = table.made.claims
    if not claims:
        return []
    import pandas as pd  # Commands that import no table load without it.

    told = (why for _, why in outside_models(pd.DataFrame(claims), table.design))
    return [f"ratios that no result answers ({why.rstrip('.')})" for why in dict.fromkeys(told)]


def _split_by(by: str, layout: str, design: Design) -> str:
    """The column that splits a table of groups; one without levels is refused."""
    if by and layout == "model":
        raise ParameterError(
            "--by is of two-groups, curves and subgroups; a model table has its covariates in rows."
        )
    known = [name for name in (*design.columns, *design.factors) if design.levels(name)]
    if by and by not in known:
        raise ParameterError(f"--by {by}: no column with levels; {did_you_mean(by, known)}")
    return by or (str(design.table_one["by"]) if layout == "two-groups" else design.exposure)


def _percentages(made: Transcript, by: str, said: str, design: Design) -> None:
    """Percentages that add up along the rows are shares of the groups among a level's patients."""
    whose = percentages.taken(made, by, said)
    if whose == "whole":
        percentages.without(made)
    if whose == "row":
        percentages.as_rows(made, by)
        if not said:
            told = "percentages as those of rows, which their counts give (--percent column if not)"
            made.taken.append(told)
        return
    if not said:
        nested.found(made, design)
    made.questions += percentages.of_all(made, design)


def _compared(population: str, by: str) -> None:
    """Refuse patients among whom the groups of the table are one group."""
    for part in population.split(","):
        name, _, level = part.partition("=")
        if name == by and level and "/" not in level and level != KNOWN:
            raise ParameterError(
                f"--population {population} leaves one group of {by}, and the table compares them; "
                "name the patients of the whole table."
            )


def _names_endpoints(
    rows: Sequence[Sequence[str]], endpoints: Endpoints, layout: str = "curves"
) -> bool:
    """Whether a header or a heading of the table names an endpoint.

    Beside ratios that are of none a median or a rate may name one: that is the table's.
    """
    named = {endpoints.within(text) for text in rows[0][1:]} - {""}
    heads = bool(named) if layout == "curves" else len(named) > 1
    heads |= any(endpoints.leading(text) for text in rows[0][1:])
    return heads or any(endpoints.within(row[0]) for row in rows[1:])


def _with_commas(rows: Sequence[Sequence[str]]) -> list[str]:
    """Cells with a decimal comma, where none of the table has a point but between thousands."""
    cells = [text for row in rows[1:] for text in row[1:]]
    points = any(re.search(r"\d\.\d", thousands.unpointed(text)) for text in cells)
    return [] if points else [text for text in cells if _COMMA.search(text)]


def _pointed(table: Table, rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The table with points for its decimal commas, and without those between thousands.

    Where it has decimals with a point too, a point before three digits may be either: asked.
    """
    comma, made = re.compile(r"(?<=\d),(?=\d)"), [list(rows[0])]
    cells = [text for row in rows[1:] for text in row[1:]]
    both = any(re.search(r"\d\.\d", thousands.unpointed(text)) for text in cells)
    for at, row in enumerate(rows[1:], 2):
        for text in (text for text in row[1:] if both and thousands.unpointed(text) != text):
            told = f"{text!r} has a point, and other cells have a decimal point or a decimal comma;"
            table.ask(row_of(row, at), f"{told} write thousands without a sign, decimals alike")
        bare = row[1:] if both else [thousands.unpointed(text) for text in row[1:]]
        made.append([row[0], *(comma.sub(".", text) for text in bare)])
    return made
