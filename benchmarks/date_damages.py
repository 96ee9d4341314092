"""What can be wrong with dates: in a patient's row, and in an event history."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from honest_tables import Case
from table_damages import Damage


def _dates(change: Callable[[pd.Timestamp], str], share: float, where: str = "") -> Damage:
    """Some dates written otherwise: of a column of the table, or of the history."""

    def damage(case: Case, chance: np.random.Generator) -> None:
        frame, name = (case.table, where) if where else (case.history, "date")
        assert frame is not None
        rows = frame.index[(frame[name] != "") & (chance.random(len(frame)) < share)][:]
        rows = frame.index[frame[name] != ""][:3] if len(rows) < 3 else rows
        frame.loc[rows, name] = pd.to_datetime(frame.loc[rows, name]).map(change)

    return damage


def _era(date: pd.Timestamp) -> str:
    if date >= pd.Timestamp("2019-05-01"):
        return f"R{date.year - 2018}.{date.month}.{date.day}"
    return f"平成{date.year - 1988}年{date.month}月{date.day}日"


def _serial(date: pd.Timestamp) -> str:
    return str((date - pd.Timestamp("1899-12-30")).days)


def _ambiguous(date: pd.Timestamp) -> str:
    return f"{date.day % 12 + 1:02d}/{date.month:02d}/{date.year}"


def _every(where: str, change: Callable[[pd.Timestamp], str]) -> Damage:
    return _dates(change, 1.1, where)


def _both(*damages: Damage) -> Damage:
    def damage(case: Case, chance: np.random.Generator) -> None:
        for one in damages:
            one(case, chance)

    return damage


def _all_columns(change: Callable[[pd.Timestamp], str]) -> Damage:
    return _both(*(_every(name, change) for name in ("op", "recurrence_date", "last_seen")))


def _exchanged(case: Case, chance: np.random.Generator) -> None:
    rows = case.table.index[:4]
    case.table.loc[rows, ["op", "last_seen"]] = case.table.loc[rows, ["last_seen", "op"]].to_numpy()


def _recurrence_too_late(case: Case, chance: np.random.Generator) -> None:
    rows = case.table.index[:3]
    late = pd.to_datetime(case.table.loc[rows, "last_seen"]) + pd.Timedelta(days=40)
    case.table.loc[rows, "recurrence_date"] = late.dt.strftime("%Y-%m-%d")


def _statuses_exchanged(case: Case, chance: np.random.Generator) -> None:
    words = {"dead": "alive", "alive": "dead"}
    case.table["status"] = case.table["status"].map(words)


#: Dates in the patient's row (columns op, recurrence_date, last_seen).
IN_ROWS: dict[str, tuple[Damage, str]] = {
    "dates in four notations": (
        _both(
            _dates(lambda d: f"{d:%Y/%m/%d}", 0.3, "op"),
            _dates(_era, 0.3, "last_seen"),
            _dates(lambda d: f"{d.day} {d:%b %Y}", 0.3, "recurrence_date"),
        ),
        "same",
    ),
    "day and month that no cell settles": (_all_columns(_ambiguous), "refuse"),
    "day before month, settled": (_all_columns(lambda d: f"{d:%d/%m/%Y}"), "same"),
    "years of two digits": (_every("last_seen", lambda d: f"{d:%d/%m/%y}"), "refuse"),
    "dates as numbers of days": (_dates(_serial, 0.2, "last_seen"), "refuse"),
    "1900-01-01 for unknown": (_dates(lambda d: "1900-01-01", 0.05, "last_seen"), "refuse"),
    "9999-12-31 for unknown": (_dates(lambda d: "9999-12-31", 0.05, "last_seen"), "refuse"),
    "a month without its day": (_dates(lambda d: f"{d:%Y-%m}", 0.1, "op"), "refuse"),
    "a day that does not exist": (_dates(lambda d: f"{d.year}-04-31", 0.05, "op"), "refuse"),
    "a date in the future": (_dates(lambda d: "2099-01-01", 0.02, "last_seen"), "refuse"),
    "two dates exchanged": (_exchanged, "refuse"),
    "recurrence after the last contact": (_recurrence_too_late, "refuse"),
    "dead and alive exchanged": (_statuses_exchanged, "doubt"),
}


# ---- histories --------------------------------------------------------------


def _rows(change: Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]) -> Damage:
    def damage(case: Case, chance: np.random.Generator) -> None:
        assert case.history is not None
        case.history = change(case.history, chance).reset_index(drop=True)

    return damage


def _of(history: pd.DataFrame, event: str) -> pd.Index:
    return history.index[history["event"] == event]


def _put(history: pd.DataFrame, rows: pd.Index, **values: object) -> pd.DataFrame:
    return history.assign(
        **{
            name: history[name].mask(history.index.isin(rows), value)
            for name, value in values.items()
        }
    )


def _on_the_day(history: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    begun = history[history["event"] == "hepatectomy"].set_index("patient_id")["date"]
    rows = _of(history, "recurrence")[:3]
    history.loc[rows, "date"] = history.loc[rows, "patient_id"].map(begun)
    return history


def _second_operation(history: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    again = history[history["event"] == "hepatectomy"].head(2).copy()
    again["date"] = (pd.to_datetime(again["date"]) + pd.Timedelta(days=1)).dt.strftime("%Y-%m-%d")
    return pd.concat([history, again])


def _without_some(history: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    gone = history["patient_id"].drop_duplicates().sample(3, random_state=int(chance.integers(99)))
    return history[~history["patient_id"].isin(gone)]


def _strangers(history: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    some = history["patient_id"].drop_duplicates().head(3)
    more = history[history["patient_id"].isin(some)].copy()
    more["patient_id"] = "X" + more["patient_id"]
    return pd.concat([history, more])


def _ids(change: Callable[[str], str]) -> Damage:
    def damage(history: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
        some = history["patient_id"].drop_duplicates().head(5)
        hit = history["patient_id"].isin(some)
        return history.assign(
            patient_id=history["patient_id"].mask(hit, history["patient_id"].map(change))
        )

    return _rows(damage)


def _zeros_lost(case: Case, chance: np.random.Generator) -> None:
    """Identifiers of digits alone; a spreadsheet took the zeros in front from some."""
    assert case.history is not None
    digits = {name: f"{i:06d}" for i, name in enumerate(case.table["patient_id"])}
    case.table["patient_id"] = case.table["patient_id"].map(digits)
    case.history["patient_id"] = case.history["patient_id"].map(digits)
    _ids(lambda text: text.lstrip("0") or "0")(case, chance)


def _contact_after_death(history: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    later = history.loc[_of(history, "death")[:2]].assign(event="last_contact", details="")
    later["date"] = (pd.to_datetime(later["date"]) + pd.Timedelta(days=50)).dt.strftime("%Y-%m-%d")
    return pd.concat([history, later])


def _ends_exchanged(history: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    words = {"death": "last_contact", "last_contact": "death"}
    return history.assign(event=history["event"].map(lambda event: words.get(event, event)))


def _death_before_recurrence(history: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    rows = _of(history, "recurrence")[:2]
    ends = history.drop_duplicates("patient_id", keep="last").set_index("patient_id")["date"]
    late = pd.to_datetime(history.loc[rows, "patient_id"].map(ends)) + pd.Timedelta(days=9)
    history.loc[rows, "date"] = late.dt.strftime("%Y-%m-%d")
    return history


def _days(divisor: float) -> Damage:
    """Days from the hepatectomy in place of dates, in another unit than days."""

    def damage(history: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
        dates = pd.to_datetime(history["date"])
        start = dates[history["event"] == "hepatectomy"]
        begun = history["patient_id"].map(
            pd.Series(start.array, history.loc[start.index, "patient_id"])
        )
        days = (dates - pd.to_datetime(begun)).dt.days / divisor
        return history.drop(columns="date").assign(day=days.map(lambda d: f"{d:.1f}"))

    return _rows(damage)


def _pasted(history: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    return pd.concat([history, history.head(max(6, len(history) // 8))])


#: Histories beside a table without times.
IN_HISTORY: dict[str, tuple[Damage, str]] = {
    "history: last contact in 2099": (
        _rows(lambda h, c: _put(h, _of(h, "last_contact")[:2], date="2099-01-01")),
        "refuse",
    ),
    "history: recurrence on the day of surgery": (_rows(_on_the_day), "doubt"),
    "history: two index operations": (_rows(_second_operation), "refuse"),
    "history: patients without one": (_rows(_without_some), "refuse"),
    "history: patients of another table": (_rows(_strangers), "note"),
    "history: zeros lost from identifiers": (_zeros_lost, "refuse"),
    "history: identifiers in other case": (_ids(str.lower), "refuse"),
    "history: identifiers with a space": (_ids(lambda t: f"{t[:3]} {t[3:]}"), "refuse"),
    "history: contact after the death": (_rows(_contact_after_death), "refuse"),
    "history: recurrence after the end": (_rows(_death_before_recurrence), "refuse"),
    "history: death and last contact exchanged": (_rows(_ends_exchanged), "doubt"),
    "history: no operation": (_rows(lambda h, c: h.drop(_of(h, "hepatectomy")[:2])), "refuse"),
    "history: no end": (
        _rows(lambda h, c: h.drop(_of(h, "last_contact")[:2])),
        "refuse",
    ),
    "history: misspelt event": (
        _rows(lambda h, c: _put(h, _of(h, "death")[:2], event="deth")),
        "refuse",
    ),
    "history: misspelt detail": (
        _rows(lambda h, c: _put(h, _of(h, "recurrence")[:2], details="sight=liver")),
        "refuse",
    ),
    "history: eras": (_dates(_era, 0.5), "same"),
    "history: day before month, settled": (_every("", lambda d: f"{d:%d/%m/%Y}"), "same"),
    "history: day and month that no cell settles": (_every("", _ambiguous), "refuse"),
    "history: dates as numbers of days": (_dates(_serial, 0.1), "refuse"),
    "history: rows pasted twice": (_rows(_pasted), "refuse"),
    "history: rows in any order": (_rows(lambda h, c: h.sample(frac=1, random_state=1)), "same"),
    "history: days in fact": (_days(1), "same"),
    "history: months in the column of days": (_days(30.4), "doubt"),
    "history: weeks in the column of days": (_days(7), "doubt"),
}
