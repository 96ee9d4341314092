"""Tables of several populations side by side: "Before matching" and "After matching"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from crlm.ledger import Design
from crlm.ledger.vocabulary import ALL
from crlm.transcription import heads, model_columns
from crlm.transcription.asking import to_ask
from crlm.transcription.labels import Labels
from crlm.transcription.wordings import plain

_BEFORE = re.compile(
    r"\b(before|pre)[\s-]*(propensity|match|psm|ps\b|iptw|weight|adjust)"
    r"|\bun-?(matched|weighted|adjusted)\b|\b(original|crude)\b",
    re.IGNORECASE,
)
_ALL = re.compile(r"\b(overall|entire|whole|full|all|total)\b", re.IGNORECASE)
_AFTER = re.compile(
    r"\b(after|post)[\s-]*(propensity|match|psm|ps\b)|\b(matched|psm|propensity)\b",
    re.IGNORECASE,
)
#: A heading that names patients, though the design has none such: "Primary cohort".
_WHO = re.compile(
    r"\b(cohorts?|sets?|patients|populations?|samples?|cases|series)\s*$", re.IGNORECASE
)
#: What parts the levels that a heading names: "ER-positive, PR-negative", "ER+/PR−".
_PARTS = re.compile(r"\s*(?:[,;/&]|\band\b)\s*", re.IGNORECASE)
_WEIGHTED = re.compile(r"\b(iptw|weight(ed|ing)?|overlap|entropy)\b", re.IGNORECASE)
#: A column of patients that are not matched.
_EXAMPLE = ("cohort", "'training', 'validation'")
#: What says that a column tells how donor and recipient match.
_TISSUE = re.compile(r"\bhla\b|\bdonors?\b|\bmis-?match|\bantigens?\b|\bblood\b", re.IGNORECASE)
_MATCHED = re.compile(r"(?<!un)(?<!not )\bmatch", re.IGNORECASE)


def parts(rows: Sequence[Sequence[str]]) -> list[tuple[str, list[list[str]]]]:
    """What stands above the groups of each population, and its part of the table; else nothing.

    Parameters
    ----------
    rows : sequence of sequence of str
        Without a title; the first row is the upper storey of the header.
    """
    found = heads.repeated(rows)
    if not found:
        return []
    kept = []
    for over, columns in found:
        own = [[row[0], *(row[at] for at in columns)] for row in rows[1:]]
        own[0][0] = own[0][0] or rows[0][0]
        kept.append((over, [row for row in own if row[0] or any(row[1:])]))
    return kept


def beside(
    rows: Sequence[Sequence[str]], layout: str, design: Design, named: Mapping[str, str]
) -> list[tuple[str, list[list[str]]]]:
    """The parts of a table of groups, or of curves whose heads all name patients; else nothing.

    Parameters
    ----------
    rows : sequence of sequence of str
        As of `parts`.
    layout : str
        Above curves may stand end points as well.
    design : Design
    named : mapping of str to str
        Answers to questions.
    """
    if layout not in ("two-groups", "curves"):
        return []
    found = parts(rows)
    if found and _are_groups(found, str(design.table_one["by"]), design):
        return []
    told = [of(over, design, named, ALL) for over, _ in found if layout == "curves"]
    own = {among for among, question in told if not question}
    return found if not told or len(own) == len(found) else []


def _are_groups(found: Sequence[tuple[str, list[list[str]]]], by: str, design: Design) -> bool:
    """Whether heads are the groups of a table themselves, over what is counted of each."""
    labels = Labels(design, [], {})
    groups = all(labels.has_level(by, re.sub(r"[\[(].*", "", over)) for over, _ in found)
    below = {labels.read(head).column for head in found[0][1][0][1:]}
    return groups and not (len(below) == 1 and below != {""})


def stacked(
    rows: Sequence[Sequence[str]], layout: str, design: Design, named: Mapping[str, str]
) -> list[tuple[str, list[list[str]]]]:
    """The parts of a table of ratios or curves below headings that name patients; else nothing.

    Such are rows without numbers of which two or more name levels of one column that no row
    below them is of: "Training set" and "Validation set". One of "All patients", or of an answer,
    may stand among them. They may name levels of further columns too ("ER-positive,
    PR-negative"); of a forest one such heading is enough.

    Parameters
    ----------
    rows, layout, design, named
        As of `beside`.

    Returns
    -------
    list of (str, list of rows)
        Each with the header, and with the notes below the table.
    """
    if layout not in ("model", "curves", "subgroups"):
        return []
    last = max((at for at, row in enumerate(rows) if any(row[1:])), default=0) + 1
    labels = Labels(design, list(design.columns), {})
    heads = {
        at: columns
        for at, row in enumerate(rows[:last])
        if at and row[0] and not any(row[1:]) and (columns := _named_by(row[0], labels, named))
    }
    forest = layout == "subgroups"
    starts = (_over_others if forest else _repeated)(rows[:last], heads, labels)
    if not starts or (not forest and any(map(any, rows[1 : starts[0]]))):
        return []
    ends = [*starts[1:], last]
    made = [(rows[a][0], [*rows[:1], *rows[a + 1 : b]]) for a, b in zip(starts, ends, strict=True)]
    if any(any(row[1:]) for row in rows[1 : starts[0]]):
        made.insert(0, ("", list(rows[: starts[0]])))
    if not all(any(any(row[1:]) for row in part[1:]) for _, part in made):
        return []
    return [(over, [list(row) for row in (*part, *rows[last:])]) for over, part in made]


def _named_by(text: str, labels: Labels, named: Mapping[str, str]) -> set[str]:
    """The columns whose levels a heading names, or {"all"}; none of another heading."""
    answers = {plain(label): target for label, target in named.items()}
    column, _, level = answers.get(plain(text), "").partition(":")
    if level or column == ALL:
        return {column}
    if found := _conditions(text, labels):
        return set(found)
    whole = not labels.read(text).column and _WHO.search(text)
    return {ALL} if whole else set()


def _conditions(text: str, labels: Labels) -> dict[str, str]:
    """The level of each column that a heading names: of one, or of several side by side."""
    whole = labels.read(text)
    parts = [whole] if whole.column else [labels.read(part) for part in _PARTS.split(text)]
    found = {part.column: part.level for part in parts if ":" not in part.column}
    return found if len(found) == len(parts) and all(found.values()) else {}


def _repeated(
    rows: Sequence[Sequence[str]], heads: Mapping[int, set[str]], labels: Labels
) -> list[int]:
    """Where headings stand of which two or more name levels of a column that no other row has."""
    counts = Counter(column for columns in heads.values() for column in columns - {ALL})
    several = [column for column, many in counts.items() if many > 1]
    by = [one for one in several if counts[one] == max(counts.values())]
    starts = [at for at, columns in heads.items() if columns == {ALL} or columns & set(by)]
    named = [columns - {ALL} for columns in heads.values() if columns & set(several)]
    body = [row for at, row in enumerate(rows) if at and at not in starts]
    if not by or not all(set(by) <= columns for columns in named):
        return []
    return [] if any(labels.read(row[0]).column in several for row in body) else starts


def _over_others(
    rows: Sequence[Sequence[str]], heads: Mapping[int, set[str]], labels: Labels
) -> list[int]:
    """Where headings stand below which the next row is of another column than they name."""
    return [
        at
        for at, columns in heads.items()
        if at + 1 < len(rows) and labels.read(rows[at + 1][0], rows[at][0]).column not in columns
    ]


def along(
    rows: Sequence[Sequence[str]], layout: str, design: Design, named: Mapping[str, str]
) -> list[tuple[str, list[list[str]]]]:
    """The parts of a table of ratios whose heads begin with the names of patients; else nothing.

    "Training set HR (95% CI)" and "Validation set HR (95% CI)", of levels of one column; a column
    that names none is of those before it, and a first one without a number of a model of each.

    Parameters
    ----------
    rows, layout, design, named
        As of `stacked`.

    Returns
    -------
    list of (str, list of rows)
        Each with its heads whole; `without_name` takes the patients off them.
    """
    if layout != "model":
        return []
    reader = _Leading(design, named)
    said, whose, estimated = "", dict[int, str](), set[str]()
    for at, head in enumerate(rows[0][1:], 1):
        held = model_columns.held(head, [row[at] for row in rows[1:]])
        said = reader.of(head) or said
        if said or held:
            whose[at] = said
        estimated |= {said} if held in (*model_columns.RATIOS, "coefficient", "p") else set()
    overs = list(dict.fromkeys(whose.values()))
    if len(reader.columns) != 1 or not {*overs} - {""} <= estimated:
        return []
    shared = [at for at in range(len(rows[0])) if at not in whose]
    parts = []
    for over in overs:
        own = sorted([*shared, *(at for at, name in whose.items() if name == over)])
        parts.append((over, [[row[at] for at in own] for row in rows]))
    return parts


def without_name(rows: Sequence[Sequence[str]], over: str) -> list[list[str]]:
    """A table whose heads are without the name of the patients that they begin with."""
    heads = [head.removeprefix(over).strip(" ,:;-–—") if over else head for head in rows[0]]
    return [heads, *(list(row) for row in rows[1:])]


class _Leading:
    """The patients that heads begin with, and the columns of the design whose levels they are."""

    def __init__(self, design: Design, named: Mapping[str, str]) -> None:
        self.design, self.labels = design, Labels(design, list(design.columns), {})
        self.named = named
        self.columns: set[frozenset[str]] = set()

    def of(self, head: str) -> str:
        """The longest beginning of a head that names patients, before what its column holds."""
        words = head.split()
        for end in range(len(words) - 1, 0, -1):
            text = " ".join(words[:end])
            if model_columns.held(" ".join(words[end:]), ()) and self._are_patients(text):
                return text
        return ""

    def _are_patients(self, text: str) -> bool:
        columns = _named_by(text, self.labels, self.named)
        self.columns |= {frozenset(columns)} if columns - {ALL} else set()
        return bool(columns)


def model_of(said: str, among: str, design: Design) -> str:
    """The model of the endpoint of `said`, an endpoint or a model, among these patients; or that.

    Examples
    --------
    >>> from crlm import ledger
    >>> model_of("OS", "sex=male", ledger.load_design("mskcc_hai"))
    'OS'
    """
    own = str(design.models.get(said, {}).get("endpoint") or said)
    found = [
        name
        for name, spec in design.models.items()
        if (spec.get("endpoint") or name) == own and (spec.get("population") or ALL) == among
    ]
    return found[0] if found else own


def of(over: str, design: Design, named: Mapping[str, str], among: str) -> tuple[str, str]:
    """The population that stands below a head, and what to ask where nobody can tell.

    Parameters
    ----------
    over : str
        "" for the head of a table of one population.
    design : Design
    named : mapping of str to str
        Answers to questions.
    among : str
        The population of the whole table.
    """
    answered = {plain(label): target for label, target in named.items()}.get(plain(over), "")
    column, _, level = answered.partition(":")
    if level:
        return _joined(among, f"{column}={level}"), ""
    if answered == ALL:
        return among, ""
    if _WEIGHTED.search(over) and not _BEFORE.search(over):
        told = "are of weighted patients, and rows hold those of patients as they are; leave them "
        return "", f"the numbers below {over!r} {told}out with {to_ask(over, '-')}"
    if not over or _BEFORE.search(over) or (_ALL.search(over) and not _AFTER.search(over)):
        return among, ""
    found = _conditions(over, Labels(design, list(design.columns), {}))
    if found and not _AFTER.search(over):
        return _joined(among, ",".join(f"{name}={level}" for name, level in found.items())), ""
    after = bool(_AFTER.search(over))
    matched = _matched(design) if after else []
    if len(matched) == 1:
        return _joined(among, matched[0]), ""
    told = f"the numbers below {over!r} are of other patients, and "
    if matched:
        told += f"{' and '.join(matched)} of the design may be these"
    else:
        name, levels = ("matched", "'no', 'yes'") if after else _EXAMPLE
        told += f"no column of the design says who they are. Declare one, as [columns.{name}] with "
        told += f"type = 'category' and levels = [{levels}]"
    remedy = to_ask(over, "COLUMN:LEVEL", ALL, "-")
    return "", f"{told}. Say which with {remedy} (all: all patients; -: leave them out)"


def _matched(design: Design) -> list[str]:
    """The levels that the design calls matched; donors and their tissue are matched otherwise."""
    found = []
    for name in (*design.columns, *design.factors):
        levels = design.levels(name)
        texts = [name, design.label(name), *levels, *(design.label(name, n) for n in levels)]
        if _TISSUE.search(" ".join(texts).replace("_", " ")):
            continue
        said = {level: design.patients(name, level) for level in levels}
        own = [level for level in levels if _MATCHED.search(f"{level} {said[level]}")]
        if _MATCHED.search(f"{name} {design.label(name)}".replace("_", " ")) and not own:
            own = [level for level in levels if level == "yes"]
        found += [f"{name}={level}" for level in own]
    return found


def _joined(among: str, own: str) -> str:
    return own if among == ALL else f"{among},{own}"
