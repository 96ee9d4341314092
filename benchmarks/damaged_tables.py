"""Damaged tables and honest ones: what the reader says of each, against what is right.

Every table is made by a seed. What is right for a damage is decided before the table is
read: "refuse" (any problem), "doubt" (a problem or a doubt), or "same" (the honest table's
patients come out, whatever is said). Answers are counted by kind:

    said      the table was refused, or the damage stands among the doubts
    right     the honest patients came out
    silent    other patients came out and nothing was said
    traceback anything but a CohortError

    python benchmarks/damaged_tables.py [--tables 10000] [--honest 2000] [--workers 2]
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat

from crlm import cohort, endpoints, files, ledger

Damage = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]
STUDIES = ("ncch_scp", "mskcc_hai")
FORMS = ("csv", "xlsx", "parquet", "sav")


# ---- honest tables ----------------------------------------------------------


def shipped(study: str) -> pd.DataFrame:
    """The eligible patients of a shipped cohort with their times, as text."""
    design = ledger.load_design(study)
    patients = cohort.load(design.folder / "cohort.csv", design)
    timed = endpoints.from_history(
        patients, cohort.load_history(design.folder / "history.csv", design), design
    )
    kept = timed[cohort.eligibility(timed, design).all(axis=1)]
    return pd.DataFrame({name: [_text(value) for value in kept[name]] for name in kept})


def _text(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def honest(study: str, chance: np.random.Generator) -> pd.DataFrame:
    """A plausible table of 20 to 2,000 patients: drawn from the shipped one, each made another.

    Ages, sizes, markers and times are jittered, so that nobody stands there twice; cells go
    missing; odd and true patients are among them.
    """
    base = _BASE[study]
    n = int(np.exp(chance.uniform(np.log(20), np.log(2000))))
    table = base.iloc[chance.integers(0, len(base), n)].reset_index(drop=True)
    table["patient_id"] = [f"H{chance.integers(1, 9)}{i:05d}" for i in range(n)]
    for name, spread, decimals in (
        ("age", 0.05, 0),
        ("size_cm", 0.15, 1),
        ("cea", 0.4, 1),
        ("ca199", 0.4, 1),
    ):
        if name in table:
            table[name] = _jittered(table[name], chance, spread, decimals)
    _jitter_times(table, chance)
    for name in ("cea", "ca199", "size_cm", "nodal_status", "margin"):
        if name in table:
            table.loc[chance.random(n) < chance.uniform(0, 0.15), name] = ""
    _make_odd(table, chance)
    return table.drop(columns=[c for c in ("crs",) if c in table])


def _jittered(
    texts: pd.Series, chance: np.random.Generator, spread: float, decimals: int
) -> pd.Series:
    values = pd.to_numeric(texts, errors="coerce")
    moved = values * np.exp(chance.normal(0, spread, len(values)))
    low, high = {0: (20, 97), 1: (0.3, 9720)}[decimals]
    moved = moved.clip(low, 25 if texts.name == "size_cm" else high).round(decimals)
    return moved.map(lambda v: "" if np.isnan(v) else f"{v:g}")


def _jitter_times(table: pd.DataFrame, chance: np.random.Generator) -> None:
    """All times of a patient by one factor, so that their order stays."""
    factor = np.exp(chance.normal(0, 0.1, len(table)))
    for name in [c for c in table if c.endswith("_months") and c != "dfi_months"]:
        values = pd.to_numeric(table[name], errors="coerce") * factor
        table[name] = values.map(lambda v: "" if np.isnan(v) else f"{v:.3f}")


def _make_odd(table: pd.DataFrame, chance: np.random.Generator) -> None:
    """Patients who are rare and real."""
    row = int(chance.integers(0, len(table)))
    odd = [("age", "97"), ("cea", "9720"), ("size_cm", "20")]
    name, value = odd[int(chance.integers(0, len(odd)))]
    table.loc[row, name] = value
    if name == "size_cm":
        table.loc[row, "n_tumours"] = "1"
        if "multiple" in table:
            table.loc[row, "multiple"] = "no"


# ---- damages ----------------------------------------------------------------


def _some(
    table: pd.DataFrame, chance: np.random.Generator, name: str, share: float = 0.2
) -> pd.Index:
    """Filled rows of a column, at least three."""
    rows = table.index[table[name] != ""]
    return pd.Index(chance.choice(rows, min(len(rows), max(3, int(share * len(rows)))), False))


def _cells(name: str, change: Callable[[str], str], share: float = 0.1) -> Damage:
    def damage(table: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
        rows = _some(table, chance, name, share)
        table.loc[rows, name] = table.loc[rows, name].map(change)
        return table

    return damage


def _column(name: str, change: Callable[[float], float]) -> Damage:
    def damage(table: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
        values = pd.to_numeric(table[name], errors="coerce").map(change)
        table[name] = values.map(lambda v: "" if np.isnan(v) else f"{v:.6g}")
        return table

    return damage


def _codes(name: str, codes: dict[str, str]) -> Damage:
    def damage(table: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
        table[name] = table[name].map(lambda text: codes.get(text, text))
        return table

    return damage


def _row(*cells: str) -> Damage:
    def damage(table: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
        extra = pd.DataFrame([["", *[""] * (table.shape[1] - 1)]], columns=table.columns)
        for place, text in enumerate(cells):
            extra.iloc[0, place] = text
        return pd.concat([table, extra], ignore_index=True)

    return damage


def _swap(one: str, two: str) -> Damage:
    def damage(table: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
        table[one], table[two] = table[two].copy(), table[one].copy()
        return table

    return damage


def _header_line(table: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    words = pd.DataFrame([[f"What is {name}?" for name in table]], columns=table.columns)
    return pd.concat([words, table], ignore_index=True)


def _title(table: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    lines = [list(table.columns), *table.to_numpy().tolist()]
    top = ["Patients 2010 to 2020", *[""] * (table.shape[1] - 1)]
    return pd.DataFrame(lines, columns=top)


def _pasted_twice(table: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    return pd.concat([table, table.head(max(3, len(table) // 5))], ignore_index=True)


def _again_under_new_ids(table: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    copy = table.head(max(3, len(table) // 6)).assign(patient_id=lambda t: "N" + t["patient_id"])
    return pd.concat([table, copy], ignore_index=True)


def _full_width_ids(table: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    wide = table.head(3).copy()
    wide["patient_id"] = wide["patient_id"].map(
        lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)
    )
    return pd.concat([table, wide], ignore_index=True)


def _shifted(table: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    rows = chance.choice(len(table), 3, replace=False)
    for row in rows:
        table.iloc[row, 4:] = ["", *table.iloc[row, 4:-1]]
    return table


def _some_in_millimetres(table: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    values = pd.to_numeric(table["size_cm"], errors="coerce")
    small = table.index[values < 3]
    rows = small[: max(3, int(0.2 * len(table)))]
    table.loc[rows, "size_cm"] = (values[rows] * 10).map(lambda v: f"{v:g}")
    return table


def _coded(name: str, code: str) -> Damage:
    def damage(table: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
        table.loc[_some(table, chance, name, 0.04), name] = code
        return table

    return damage


#: Each damage with what is right: "refuse", "doubt" or "same".
DAMAGES: dict[str, tuple[Damage, str]] = {
    "footnote mark behind a number": (_cells("cea", lambda t: f"{t}²"), "refuse"),
    "circled digit": (_cells("n_tumours", lambda t: "③"), "refuse"),
    "fraction": (_cells("size_cm", lambda t: "2½"), "refuse"),
    "thousands with a comma": (_cells("cea", lambda t: "1,204"), "refuse"),
    "thousands with an apostrophe": (_cells("cea", lambda t: "1'204"), "refuse"),
    "thousands with a thin space": (_cells("cea", lambda t: "1\u2009204"), "refuse"),
    "decimal comma": (
        _cells("size_cm", lambda t: t.replace(".", ",") + ",5"[: 2 * ("." not in t)]),
        "refuse",
    ),
    "limit": (_cells("cea", lambda t: "<0.5"), "refuse"),
    "limit behind": (_cells("n_tumours", lambda t: "3+"), "refuse"),
    "range": (_cells("n_tumours", lambda t: "5-10"), "refuse"),
    "word for a number": (_cells("n_tumours", lambda t: "multiple"), "refuse"),
    "date for a number": (_cells("size_cm", lambda t: "2020-03-05"), "refuse"),
    "date for a time": (_cells("os_months", lambda t: "2020-03-05"), "refuse"),
    "unit in a cell": (_cells("size_cm", lambda t: f"{t} cm"), "same"),
    "other unit in a cell": (_cells("size_cm", lambda t: f"{10 * float(t):g}mm"), "same"),
    "full-width digits": (
        _cells("age", lambda t: "".join(chr(ord(c) + 0xFEE0) for c in t)),
        "same",
    ),
    "zero-width space": (_cells("sex", lambda t: f"{t}\u200b"), "same"),
    "no-break space": (_cells("sex", lambda t: f"\u00a0{t} "), "same"),
    "other case": (_cells("sex", str.upper), "same"),
    "other word for a level": (_cells("sex", lambda t: "M"), "refuse"),
    "yes and no in a third way": (_codes("extrahepatic", {"yes": "2", "no": "1"}), "refuse"),
    "events as 1 and 2": (_codes("os_event", {"1": "2", "0": "1"}), "refuse"),
    "events exchanged": (_codes("os_event", {"1": "0", "0": "1"}), "doubt"),
    "all events exchanged": (None, "doubt"),
    "age in decades": (_column("age", lambda v: v / 10), "doubt"),
    "size in mm": (_column("size_cm", lambda v: v * 10), "doubt"),
    "some sizes in mm": (_some_in_millimetres, "doubt"),
    "times in days": (None, "doubt"),
    "times in weeks": (None, "doubt"),
    "times in years": (None, "doubt"),
    "CEA divided by 1,000": (_column("cea", lambda v: v / 1000), "doubt"),
    "CEA times 1,000": (_column("cea", lambda v: v * 1000), "doubt"),
    "CEA as logarithm": (_column("cea", lambda v: np.log10(max(v, 0.1))), "doubt"),
    "99 for unknown": (_coded("n_tumours", "99"), "doubt"),
    "999 for unknown": (_coded("age", "999"), "refuse"),
    "9999 for unknown": (_coded("cea", "9999"), "doubt"),
    "-9 for unknown": (_coded("cea", "-9"), "refuse"),
    "age and number exchanged": (_swap("age", "n_tumours"), "doubt"),
    "OS and RFS exchanged": (_swap("os_months", "rfs_months"), "refuse"),
    "total": (_row("Total"), "same"),
    "total with numbers": (_row("合計", "", "", "", "", "767"), "same"),
    "mean": (_row("Mean", "", "", "", "57.2"), "same"),
    "footnote": (_row("* before surgery, in ng/mL"), "same"),
    "line of questions": (_header_line, "same"),
    "title above": (_title, "same"),
    "block pasted twice": (_pasted_twice, "refuse"),
    "patients again under other names": (_again_under_new_ids, "doubt"),
    "patients again in full width": (_full_width_ids, "refuse"),
    "row shifted": (_shifted, "refuse"),
    "identifier missing": (_cells("patient_id", lambda t: ""), "refuse"),
    "event without a time": (_cells("os_months", lambda t: ""), "refuse"),
    "negative time": (_cells("os_months", lambda t: f"-{t}"), "refuse"),
    "RFS beyond OS": (_cells("rfs_months", lambda t: "399"), "refuse"),
    "two columns of one name": (None, "refuse"),
}


def damaged(kind: str, table: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    """The table with one damage."""
    damage = DAMAGES[kind][0]
    if damage is not None:
        return damage(table, chance)
    times = [c for c in table if c.endswith("_months") and c != "dfi_months"]
    factor = {"times in days": 30.4, "times in weeks": 4.348, "times in years": 1 / 12}.get(kind)
    if factor:
        for name in times:
            table = _column(name, lambda v: v * factor)(table, chance)
    elif kind == "all events exchanged":
        for name in [c for c in table if c.endswith("_event")]:
            table = _codes(name, {"1": "0", "0": "1"})(table, chance)
    else:
        table.insert(3, "age ", table["age"], allow_duplicates=True)
        table.columns = [c.strip() for c in table.columns]
    return table


# ---- one trial --------------------------------------------------------------

_BASE: dict[str, pd.DataFrame] = {}


def _prepare() -> None:
    for study in STUDIES:
        _BASE[study] = shipped(study)


def written(table: pd.DataFrame, form: str, folder: str) -> Path:
    """A table of text in one of the formats; numbers are typed where the format has types."""
    path = Path(folder) / f"t.{form}"
    if form == "csv" or not table.columns.is_unique:
        path = path.with_suffix(".csv")
        table.to_csv(path, index=False)
        return path
    typed = table.apply(_typed_cells) if form == "xlsx" else table
    if form == "xlsx":
        out = io.BytesIO()
        typed.to_excel(out, index=False)
        path.write_bytes(out.getvalue())
    elif form == "parquet":
        table.to_parquet(path)
    else:
        pyreadstat.write_sav(table, str(path))
    return path


def _typed_cells(texts: pd.Series) -> pd.Series:
    return texts.map(lambda t: float(t) if texts.name != "patient_id" and _is_number(t) else t)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and "_" not in text


def trial(seed: int) -> tuple[str, str, str]:
    """Kind of damage, answer, and what went wrong in words."""
    chance = np.random.default_rng(seed)
    study = STUDIES[seed % 2]
    kinds = list(DAMAGES)
    kind = kinds[seed // 2 % len(kinds)] if seed >= 0 else "none"
    table = honest(study, chance)
    needed = {"extrahepatic": "yes and no in a third way"}
    if any(name not in table and kind == k for name, k in needed.items()):
        kind = "limit"
    form = FORMS[int(chance.integers(0, 4))]
    if kind == "title above" and form in ("parquet", "sav"):
        form = "xlsx"
    with tempfile.TemporaryDirectory() as folder:
        right = _read(written(table, form, folder), study)
        if right is None or right[1]:
            return "undamaged", "refused or doubted", f"{study} {seed} {right and right[1][:200]}"
        try:
            path = written(damaged(kind, table.copy(), chance), form, folder)
            found = _read(path, study)
        except ledger.CrlmError:
            raise
        except Exception as error:
            return kind, "traceback", f"{study} {form} {seed} {type(error).__name__}: {error}"
    return kind, *_answer(kind, right[0], found, f"{study} {form} {seed} n={len(table)}")


def _read(path: Path, study: str) -> tuple[pd.DataFrame, str] | None:
    files.forget()
    try:
        report = cohort.check(path, ledger.load_design(study))
    except ledger.CohortError:
        return None
    if not report.ok:
        return None if "honest" not in str(path) else (report.frame, str(report.violations))
    return report.frame, " ".join(report.doubts)


def _answer(
    kind: str, right: pd.DataFrame, found: tuple[pd.DataFrame, str] | None, where: str
) -> tuple[str, str]:
    wanted = DAMAGES[kind][1]
    if found is None:
        return ("said" if wanted != "same" else "refused though harmless"), where
    frame, doubts = found
    if wanted == "same" or frame.equals(right):
        same = len(frame) == len(right) and _alike(frame, right)
        return ("right" if same else "silent"), where
    return ("said" if doubts else "silent"), where


def _alike(one: pd.DataFrame, two: pd.DataFrame) -> bool:
    for name in two:
        if name not in one:
            return False
        if pd.api.types.is_float_dtype(two[name]):
            if not np.allclose(one[name], two[name], equal_nan=True, rtol=1e-6):
                return False
        elif name != "patient_id" and list(one[name].astype(str)) != list(two[name].astype(str)):
            return False
    return True


def wolf(seed: int) -> tuple[str, str, str]:
    """What is said of an undamaged table."""
    chance = np.random.default_rng(10_000_000 + seed)
    study = STUDIES[seed % 2]
    table = honest(study, chance)
    if seed % 40 == 0:
        # Everyone is alive: the codebook must confirm it, as the message says.
        table = table.drop(columns=[c for c in table if c.endswith("_event")])
    with tempfile.TemporaryDirectory() as folder:
        files.forget()
        path = written(table, FORMS[seed // 2 % 4], folder)
        try:
            report = cohort.check(path, ledger.load_design(study))
        except ledger.CohortError as error:
            return "honest", "refused", f"{study} {seed} {error.told[:300]}"
    if not report.ok:
        words = cohort.describe(report).partition("Problems")[2][:300]
        return "honest", "refused", f"{study} {seed} n={len(table)} {words}"
    if report.doubts:
        return "honest", "doubted", f"{study} {seed} n={len(table)} {report.doubts[0][:200]}"
    return "honest", "clear", ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tables", type=int, default=10_000)
    parser.add_argument("--honest", type=int, default=2_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    _prepare()
    with ProcessPoolExecutor(arguments.workers, initializer=_prepare) as pool:
        report(pool.map(wolf, range(arguments.honest), chunksize=20))
        seeds = range(arguments.seed, arguments.seed + arguments.tables)
        report(pool.map(trial, seeds, chunksize=20))


def report(answers: object) -> None:
    """Counts by kind, and the first of each that went wrong."""
    counts: dict[str, Counter[str]] = {}
    wrong: dict[tuple[str, str], str] = {}
    for kind, answer, words in answers:  # type: ignore[attr-defined]
        counts.setdefault(kind, Counter())[answer] += 1
        if answer not in ("said", "right", "clear"):
            wrong.setdefault((kind, answer), words)
    print("| damage | tables | said | right | silent | other |\n|---|---|---|---|---|---|")
    for kind, found in counts.items():
        known = [found[answer] for answer in ("said", "right", "silent")]
        other = {a: n for a, n in found.items() if a not in ("said", "right", "silent")}
        shown = ", ".join(f"{a} {n}" for a, n in other.items())
        print(f"| {kind} | {found.total()} | {' | '.join(map(str, known))} | {shown} |")
    silent = sum(found["silent"] for found in counts.values())
    print(
        f"\n{sum(f.total() for f in counts.values())} tables, silent {silent}, tracebacks "
        f"{sum(f['traceback'] for f in counts.values())}\n"
    )
    for (kind, answer), words in wrong.items():
        print(f"{kind}, {answer}: {words}", file=sys.stderr)


if __name__ == "__main__":
    main()
