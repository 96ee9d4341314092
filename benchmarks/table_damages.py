"""What can be wrong with a table of patients, and what is right for each, decided beforehand.

`refuse`: a problem has to be named. `doubt`: a problem or a doubt. `same`: the honest patients
come out, whatever is said. `blind`: a table does not show it; counted apart.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from honest_tables import Case, numbers, texts, times

Damage = Callable[[Case, np.random.Generator], None]


def _some(case: Case, chance: np.random.Generator, name: str, share: float) -> pd.Index:
    """Filled rows of a column, at least three."""
    rows = case.table.index[case.table[name] != ""]
    return pd.Index(chance.choice(rows, min(len(rows), max(3, int(share * len(rows)))), False))


def cells(name: str, change: Callable[[str], str], share: float = 0.1) -> Damage:
    """Some cells of a column, each changed."""

    def damage(case: Case, chance: np.random.Generator) -> None:
        rows = _some(case, chance, name, share)
        case.table.loc[rows, name] = case.table.loc[rows, name].map(change)

    return damage


def column(name: str, change: Callable[[float], float]) -> Damage:
    """Every number of a column, each changed."""

    def damage(case: Case, chance: np.random.Generator) -> None:
        case.table[name] = texts(numbers(case.table[name]).map(change))

    return damage


def part(name: str, change: Callable[[float], float], share: float = 0.2) -> Damage:
    """The numbers of some rows of a column, each changed."""

    def damage(case: Case, chance: np.random.Generator) -> None:
        rows = _some(case, chance, name, share)
        values = numbers(case.table.loc[rows, name]).map(change)
        case.table.loc[rows, name] = texts(values)

    return damage


def codes(name: str, words: dict[str, str]) -> Damage:
    """The levels of a column written otherwise."""

    def damage(case: Case, chance: np.random.Generator) -> None:
        case.table[name] = case.table[name].map(lambda text: words.get(text, text))

    return damage


def all_times(factor: float) -> Damage:
    """Every time in another unit."""

    def damage(case: Case, chance: np.random.Generator) -> None:
        for name in times(case.table):
            case.table[name] = texts(numbers(case.table[name]) * factor)

    return damage


def row(*filled: str) -> Damage:
    """A row below the patients."""

    def damage(case: Case, chance: np.random.Generator) -> None:
        extra = dict.fromkeys(case.table.columns, "")
        extra |= dict(zip(case.table.columns, filled, strict=False))
        case.table = pd.concat([case.table, pd.DataFrame([extra])], ignore_index=True)

    return damage


def swap(one: str, two: str) -> Damage:
    """Two columns changed for each other."""

    def damage(case: Case, chance: np.random.Generator) -> None:
        case.table[one], case.table[two] = case.table[two].copy(), case.table[one].copy()

    return damage


def coded(name: str, *words: str, share: float = 0.04) -> Damage:
    """A code for unknown in some rows."""

    def damage(case: Case, chance: np.random.Generator) -> None:
        rows = _some(case, chance, name, share)
        case.table.loc[rows, name] = chance.choice(words, len(rows))

    return damage


# ---- layout -----------------------------------------------------------------


def header_line(case: Case, chance: np.random.Generator) -> None:
    words = pd.DataFrame([{name: f"What is {name}?" for name in case.table}])
    case.table = pd.concat([words, case.table], ignore_index=True)


def headers_again(case: Case, chance: np.random.Generator) -> None:
    at = int(chance.integers(5, len(case.table)))
    again = pd.DataFrame([{name: name for name in case.table}])
    parts = [case.table.iloc[:at], again, case.table.iloc[at:]]
    case.table = pd.concat(parts, ignore_index=True)


def title(case: Case, chance: np.random.Generator) -> None:
    lines = [list(case.table.columns), *case.table.to_numpy().tolist()]
    top = ["Patients 2010 to 2020", *[""] * (case.table.shape[1] - 1)]
    case.table = pd.DataFrame(lines, columns=top)
    case.form = "csv" if case.form in ("parquet", "sav") else case.form


def blank_rows(case: Case, chance: np.random.Generator) -> None:
    at = int(chance.integers(5, len(case.table)))
    gap = pd.DataFrame([dict.fromkeys(case.table.columns, "")] * 3)
    parts = [case.table.iloc[:at], gap, case.table.iloc[at:]]
    case.table = pd.concat(parts, ignore_index=True)


def _blocks(case: Case, chance: np.random.Generator) -> tuple[str, list[tuple[int, int]]]:
    """The table sorted by a category, and the blocks of rows that share it."""
    name = "sex" if chance.random() < 0.5 else "nodal_status"
    table = case.table.sort_values(name, kind="stable", ignore_index=True)
    case.table = table
    starts = [i for i in range(len(table)) if i == 0 or table.at[i, name] != table.at[i - 1, name]]
    ends = [*(s - 1 for s in starts[1:]), len(table) - 1]
    return name, list(zip(starts, ends, strict=True))


def merged_cells(case: Case, chance: np.random.Generator) -> None:
    case.form = "xlsx"
    name, blocks = _blocks(case, chance)
    place = list(case.table.columns).index(name)
    for first, last in blocks:
        case.table.loc[first + 1 : last, name] = ""
        case.merged += [(place, first, last)] * (last > first)


def merged_to_text(case: Case, chance: np.random.Generator) -> None:
    name, blocks = _blocks(case, chance)
    for first, last in blocks:
        case.table.loc[first + 1 : last, name] = ""


def merged_groups_to_text(case: Case, chance: np.random.Generator) -> None:
    """Merged cells of many blocks, neighbours in which differ: a value, then blanks."""
    first, filled = 0, 0
    while first < len(case.table):
        last = min(first + int(chance.integers(2, 7)), len(case.table)) - 1
        case.table.loc[first:last, "sex"] = ""
        case.table.loc[first, "sex"] = ("male", "female")[filled % 2]
        first, filled = last + 1, filled + 1


def hidden_sheet(case: Case, chance: np.random.Generator) -> None:
    case.form = "xlsx"
    case.hidden = case.table.head(max(10, len(case.table) // 2)).assign(age="50")


def two_columns_of_one_name(case: Case, chance: np.random.Generator) -> None:
    case.table.insert(3, "age", case.table["age"], allow_duplicates=True)


def encoded(encoding: str, separator: str = ",", tail: str = "") -> Damage:
    """A text file as another program writes it."""

    def damage(case: Case, chance: np.random.Generator) -> None:
        case.form = "csv"
        case.encoding, case.separator, case.tail = encoding, separator, tail

    return damage


# ---- rows -------------------------------------------------------------------


def pasted_twice(case: Case, chance: np.random.Generator) -> None:
    again = case.table.head(max(3, len(case.table) // 5))
    case.table = pd.concat([case.table, again], ignore_index=True)


def _again(case: Case, rename: Callable[[str], str]) -> pd.DataFrame:
    copy = case.table.head(max(3, len(case.table) // 6)).copy()
    copy["patient_id"] = copy["patient_id"].map(rename)
    return copy


def again_under_new_ids(case: Case, chance: np.random.Generator) -> None:
    case.table = pd.concat([case.table, _again(case, lambda t: f"N{t}")], ignore_index=True)


def again_with_a_difference(case: Case, chance: np.random.Generator) -> None:
    """Under other identifiers, and one cell of each copy corrected since."""
    copy = _again(case, lambda t: f"N{t}")
    copy["age"] = texts(numbers(copy["age"]) + 1)
    case.table = pd.concat([case.table, copy], ignore_index=True)


def again_in_full_width(case: Case, chance: np.random.Generator) -> None:
    wide = _again(
        case, lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)
    )
    case.table = pd.concat([case.table, wide.head(3)], ignore_index=True)


def again_in_other_case(case: Case, chance: np.random.Generator) -> None:
    case.table = pd.concat([case.table, _again(case, str.lower).head(3)], ignore_index=True)


def shifted(case: Case, chance: np.random.Generator) -> None:
    for at in chance.choice(len(case.table), 3, replace=False):
        case.table.iloc[at, 4:] = ["", *case.table.iloc[at, 4:-1]]


def block_shifted(case: Case, chance: np.random.Generator) -> None:
    """A block of rows pushed to the right from somewhere before the times."""
    first = int(chance.integers(0, len(case.table) - 8))
    rows = list(range(first, first + int(chance.integers(4, 9))))
    place = int(chance.integers(1, list(case.table.columns).index("os_months")))
    for at in rows:
        case.table.iloc[at, place:] = ["", *case.table.iloc[at, place:-1]]


def block_of_answers_shifted(case: Case, chance: np.random.Generator) -> None:
    """Within neighbouring columns of like values alone, so that every cell stays plausible."""
    like = [c for c in case.table if set(case.table[c]) <= {"yes", "no", ""}][:4]
    first = int(chance.integers(0, len(case.table) - 8))
    rows = case.table.index[first : first + 8]
    moved = case.table.loc[rows, like[:-1]].to_numpy()
    case.table.loc[rows, like[1:]] = moved
    case.table.loc[rows, like[0]] = ""


def column_down(name: str) -> Damage:
    """A cell inserted in one column: the rest of it stands one row too low."""

    def damage(case: Case, chance: np.random.Generator) -> None:
        at = int(chance.integers(2, max(3, len(case.table) // 3)))
        kept = list(case.table[name])
        case.table[name] = [*kept[:at], "", *kept[at:-1]]

    return damage


def some_in_millimetres(case: Case, chance: np.random.Generator) -> None:
    values = numbers(case.table["size_cm"])
    rows = case.table.index[values < 3][: max(3, int(0.2 * len(case.table)))]
    case.table.loc[rows, "size_cm"] = texts(values[rows] * 10)


def all_events_exchanged(case: Case, chance: np.random.Generator) -> None:
    for name in [c for c in case.table if c.endswith("_event")]:
        codes(name, {"1": "0", "0": "1"})(case, chance)


def labelled(case: Case, chance: np.random.Generator) -> None:
    """SPSS: sex as 1 and 2 with labels that say which is which."""
    case.form = "sav"
    codes("sex", {"male": "1", "female": "2"})(case, chance)
    case.labels["sex"] = {1.0: "male", 2.0: "female"}


def labelled_unknown(case: Case, chance: np.random.Generator) -> None:
    """SPSS: 9999 with the label that it was not done, not declared missing."""
    case.form = "sav"
    coded("cea", "9999")(case, chance)
    case.labels["cea"] = {9999.0: "not done"}


def labelled_answers(case: Case, chance: np.random.Generator) -> None:
    """SPSS: 1 = no, 2 = yes, and labels that say so."""
    case.form = "sav"
    codes("margin", {"negative": "1", "positive": "2"})(case, chance)
    case.labels["margin"] = {1.0: "Negative", 2.0: "Positive"}


def hai_start_without_hai(case: Case, chance: np.random.Generator) -> None:
    answer = "hai" if "hai" in case.table else "preop_chemo"
    time = "hai_start_months" if answer == "hai" else "preop_regimen"
    if time not in case.table:
        case.table[time] = ""
    rows = case.table.index[case.table[answer] == "no"][:3]
    case.table.loc[rows, time] = "0.1" if answer == "hai" else "oxaliplatin"


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) for c in text)


def answers(words: dict[str, str]) -> Damage:
    """Yes and no of a treatment written otherwise."""

    def damage(case: Case, chance: np.random.Generator) -> None:
        name = "preop_chemo" if "preop_chemo" in case.table else "ablation"
        codes(name, words)(case, chance)

    return damage


#: Each damage with what is right.
DAMAGES: dict[str, tuple[Damage, str]] = {
    # cells
    "footnote mark behind a number": (cells("cea", lambda t: f"{t}²"), "refuse"),
    "circled digit": (cells("n_tumours", lambda t: "③"), "refuse"),
    "fraction": (cells("size_cm", lambda t: "2½"), "refuse"),
    "thousands with a comma": (cells("cea", lambda t: "1,204"), "refuse"),
    "thousands with an apostrophe": (cells("cea", lambda t: "1'204"), "refuse"),
    "thousands with a thin space": (cells("cea", lambda t: "1\u2009204"), "refuse"),
    "thousands with two points": (cells("cea", lambda t: "1.204.500"), "refuse"),
    "decimal comma": (
        cells("size_cm", lambda t: t.replace(".", ",") + ",5"[: 2 * ("." not in t)]),
        "refuse",
    ),
    "limit": (cells("cea", lambda t: "<0.5"), "refuse"),
    "limit behind": (cells("n_tumours", lambda t: "3+"), "refuse"),
    "limit in words": (cells("n_tumours", lambda t: "10以上"), "refuse"),
    "range": (cells("n_tumours", lambda t: "5-10"), "refuse"),
    "word for a number": (cells("n_tumours", lambda t: "multiple"), "refuse"),
    "ditto mark": (cells("size_cm", lambda t: "〃"), "refuse"),
    "error of a formula": (cells("age", lambda t: "#VALUE!"), "refuse"),
    "two numbers in a cell": (cells("size_cm", lambda t: f"{t} x 2.0"), "refuse"),
    "date for a number": (cells("size_cm", lambda t: "2020-03-05"), "refuse"),
    "date for a time": (cells("os_months", lambda t: "2020-03-05"), "refuse"),
    "unit in a cell": (cells("size_cm", lambda t: f"{t} cm"), "same"),
    "other unit in a cell": (cells("size_cm", lambda t: f"{10 * float(t):g}mm"), "same"),
    "full-width digits": (cells("age", _wide), "same"),
    "zero-width space": (cells("sex", lambda t: f"{t}\u200b"), "same"),
    "no-break space": (cells("sex", lambda t: f"\u00a0{t} "), "same"),
    "other case": (cells("sex", str.upper), "same"),
    "other word for a level": (cells("sex", lambda t: "M"), "refuse"),
    "misspelt level": (cells("sex", lambda t: "femal"), "refuse"),
    "yes and no as 1 and 2": (answers({"yes": "2", "no": "1"}), "refuse"),
    "yes and no as T and F": (answers({"yes": "T", "no": "F"}), "refuse"),
    "yes and no as marks": (answers({"yes": "(+)", "no": "(-)"}), "refuse"),
    "yes and no as circles": (answers({"yes": "○", "no": "×"}), "refuse"),
    # events
    "events as 1 and 2": (codes("os_event", {"1": "2", "0": "1"}), "refuse"),
    "events exchanged": (codes("os_event", {"1": "0", "0": "1"}), "doubt"),
    "events of RFS exchanged": (codes("rfs_event", {"1": "0", "0": "1"}), "doubt"),
    "all events exchanged": (all_events_exchanged, "doubt"),
    # units
    "age in decades": (column("age", lambda v: v / 10), "doubt"),
    "age in months": (column("age", lambda v: v * 12), "refuse"),
    "year of birth for the age": (column("age", lambda v: 2010 - v), "refuse"),
    "size in mm": (column("size_cm", lambda v: v * 10), "doubt"),
    "size in m": (column("size_cm", lambda v: v / 100), "doubt"),
    "some sizes in mm": (some_in_millimetres, "doubt"),
    "some sizes in mm, anywhere": (part("size_cm", lambda v: v * 10), "doubt"),
    "times in days": (all_times(30.4), "doubt"),
    "times in weeks": (all_times(4.348), "doubt"),
    "times in years": (all_times(1 / 12), "doubt"),
    "some times in days": (part("os_months", lambda v: v * 30.4), "doubt"),
    "CEA divided by 1,000": (column("cea", lambda v: v / 1000), "doubt"),
    "CEA times 1,000": (column("cea", lambda v: v * 1000), "doubt"),
    "some CEA times 1,000": (part("cea", lambda v: v * 1000), "doubt"),
    "some CEA divided by 1,000": (part("cea", lambda v: v / 1000), "doubt"),
    "CEA as logarithm": (column("cea", lambda v: np.log10(max(v, 0.1))), "doubt"),
    "CEA as natural logarithm": (column("cea", lambda v: np.log(max(v, 0.1))), "doubt"),
    # codes for unknown
    "99 for unknown": (coded("n_tumours", "99"), "doubt"),
    "88 and 99 for unknown": (coded("n_tumours", "88", "99"), "doubt"),
    "99 for an unknown age": (coded("age", "99"), "doubt"),
    "999 for unknown": (coded("age", "999"), "refuse"),
    "9999 for unknown": (coded("cea", "9999"), "doubt"),
    "999 for an unknown marker": (coded("cea", "999"), "doubt"),
    "-9 for unknown": (coded("cea", "-9"), "refuse"),
    "9 for an unknown level": (coded("nodal_status", "9"), "refuse"),
    # columns
    "age and number exchanged": (swap("age", "n_tumours"), "doubt"),
    "age and size exchanged": (swap("age", "size_cm"), "doubt"),
    "OS and RFS exchanged": (swap("os_months", "rfs_months"), "refuse"),
    "two columns of one name": (two_columns_of_one_name, "refuse"),
    # layout
    "total": (row("Total"), "same"),
    "total with numbers": (row("合計", "", "", "", "", "767"), "same"),
    "mean": (row("Mean", "", "", "", "57.2"), "same"),
    "footnote": (row("* before surgery, in ng/mL"), "same"),
    "line of questions": (header_line, "same"),
    "headers again": (headers_again, "same"),
    "title above": (title, "same"),
    "blank rows between": (blank_rows, "same"),
    "merged cells": (merged_cells, "same"),
    "merged cells, then saved as text": (merged_to_text, "doubt"),
    "many merged blocks, then saved as text": (merged_groups_to_text, "doubt"),
    "hidden first sheet": (hidden_sheet, "same"),
    "byte order mark": (encoded("utf-8-sig"), "same"),
    "UTF-16": (encoded("utf-16"), "same"),
    "semicolons": (encoded("utf-8", ";"), "same"),
    "vertical bars": (encoded("utf-8", "|"), "same"),
    "tabs, Ctrl-Z at the end": (encoded("utf-8", "\t", "\x1a"), "same"),
    # labels
    "labelled levels": (labelled, "same"),
    "labelled code for unknown": (labelled_unknown, "refuse"),
    "labelled codes of other words": (labelled_answers, "same"),
    # rows
    "block pasted twice": (pasted_twice, "refuse"),
    "patients again under other names": (again_under_new_ids, "doubt"),
    "patients again, one cell corrected": (again_with_a_difference, "doubt"),
    "patients again in full width": (again_in_full_width, "refuse"),
    "patients again in other case": (again_in_other_case, "refuse"),
    "rows shifted": (shifted, "refuse"),
    "block of rows shifted": (block_shifted, "refuse"),
    "identifier missing": (cells("patient_id", lambda t: ""), "refuse"),
    "event without a time": (cells("os_months", lambda t: ""), "refuse"),
    "negative time": (cells("os_months", lambda t: f"-{t}"), "refuse"),
    "RFS beyond OS": (cells("rfs_months", lambda t: "399"), "refuse"),
    "treatment that another column denies": (hai_start_without_hai, "refuse"),
    "OS one row too low": (column_down("os_months"), "refuse"),
    # what a table does not show
    "CEA and CA19-9 exchanged": (swap("cea", "ca199"), "blind"),
    "answers of a block shifted": (block_of_answers_shifted, "blind"),
    "CEA one row too low": (column_down("cea"), "blind"),
    "inches among centimetres": (part("size_cm", lambda v: v / 2.54), "blind"),
    "one wrong and plausible cell": (cells("age", lambda t: "60", 0.0), "blind"),
}


def applies(kind: str, study: str) -> bool:
    """Whether a study has what the damage needs."""
    return kind != "CEA and CA19-9 exchanged" or study == "ncch_scp"
