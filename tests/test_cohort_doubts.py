"""What is hardly ever meant is asked about; what is odd and true is let be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crlm import cohort, files, ledger
from tests.hostile.tables import patients

MSKCC = ledger.load_design("mskcc_hai")
N = 120


def honest(seed=1):
    """A cohort with the spread of a real one; no row is a patient."""
    chance = np.random.default_rng(seed)
    months = np.round(chance.exponential(50, N).clip(1, 250), 1)
    died = chance.random(N) < 0.7 * np.exp(-months / 150)
    rfs = np.where(
        chance.random(N) < 0.6, np.round(months * chance.uniform(0.1, 0.9, N), 1), months
    )
    return pd.DataFrame(
        {
            "patient_id": [f"Q{i}" for i in range(N)],
            "age": chance.integers(30, 88, N).astype(float),
            "n_tumours": chance.geometric(0.4, N).clip(1, 15).astype(float),
            "size_cm": np.round(chance.lognormal(1.1, 0.6, N).clip(0.3, 14), 1),
            "cea": np.round(chance.lognormal(2.6, 1.5, N).clip(0.5, 4000), 1),
            "dfi_months": np.round(chance.uniform(3, 60, N), 1) * (chance.random(N) < 0.5),
            "os_months": months,
            "os_event": died.astype(int),
            "rfs_months": rfs,
            "rfs_event": ((rfs < months) | died).astype(int),
        }
    )


def doubts(folder, table, codebook=None):
    files.forget()
    table.to_csv(folder / "t.csv", index=False)
    report = cohort.check(folder / "t.csv", MSKCC, codebook)
    return report.doubts


def test_an_honest_cohort_with_odd_patients_is_in_no_doubt(tmp_path):
    for seed in range(20):
        table = honest(seed)
        table.loc[0, ["age", "cea"]] = [97, 9720]
        table.loc[1, ["size_cm", "n_tumours"]] = [20, 1]
        assert doubts(tmp_path, table) == []


def some(table, name, value, number=4):
    changed = table.copy()
    changed.loc[5 : 4 + number, name] = value
    return changed


def inverted(table, *names):
    return table.assign(**{name: 1 - table[name] for name in names})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: some(t, "n_tumours", 99, 2), "n_tumours is 99 in rows 7, 8"),
        (lambda t: some(t, "n_tumours", 99, 1), "n_tumours is 99 in row 7"),
        (lambda t: some(some(t, "n_tumours", 99, 2), "n_tumours", 98, 1), "is 98, 99 in rows"),
        (lambda t: some(t, "age", 99, 3), "age is 99 in rows 7, 8, 9"),
        (lambda t: some(t, "cea", 9999), "cea is 9999 in rows"),
        (lambda t: t.assign(age=t["age"] / 10), "in decades"),
        (lambda t: t.assign(age=t["age"] - 40).query("age >= 0"), "no age of such patients"),
        (lambda t: t.assign(cea=t["cea"] / 1000), "divided by 1,000"),
        (lambda t: t.assign(cea=t["cea"] * 1000), "multiplied by 1,000"),
        (lambda t: t.assign(cea=np.log10(t["cea"].clip(1.2)) + 0.2), "logarithms"),
        (lambda t: t.assign(os_months=t["os_months"] * 4.348), "weeks or days"),
        (lambda t: t.assign(os_months=t["os_months"] / 12), "years"),
        (lambda t: t.assign(dfi_months=t["dfi_months"] / 12, size_cm=3), "dfi_months: the median"),
        (lambda t: t.assign(n_tumours=t["age"], age=t["n_tumours"]), "changed for another column"),
        (lambda t: t.assign(os_event=0), "0 of 120 patients (0 %)"),
        (lambda t: pd.concat([t, t.head(4).assign(patient_id=list("wxyz"))]), "Rows 2 and 122; 3"),
        (
            lambda t: pd.concat([t, t.head(4).assign(patient_id=list("wxyz"), age=61)]),
            "Rows 2 and 122; 3 and 123; 4 and 124; 5 and 125 agree in all but one cell",
        ),
        (lambda t: some(t, "cea", 999, 3), "cea is 999 in rows 7, 8, 9, far more often"),
        (lambda t: some(t, "age", 5.8, 2), "age: rows 7, 8 may be in another unit"),
        (lambda t: some(t, "cea", 0.02, 2), "cea: rows 7, 8 may be in another unit"),
        (lambda t: some(t, "cea", 25_000, 6), "cea: rows 7, 8, 9, 10, 11 and 1 more may be"),
        (lambda t: some(t, "cea", np.nan, 5), "cea is empty in rows 7, 8, 9, 10, 11 and nowhere"),
        (lambda t: t.assign(sex=sorted(["male", "female"] + [""] * 118)[::-1]), "merged cells"),
        (lambda t: t.assign(sex=(["male", "", "", "female", "", ""] * 20)), "filled in 40 rows"),
    ],
)
def test_what_is_hardly_ever_meant_is_asked_about(tmp_path, change, words):
    found = doubts(tmp_path, change(honest()))
    assert any(words in doubt for doubt in found), found


def test_blanks_of_other_kinds_are_let_be(tmp_path):
    """At the end, here and there, in a column that only some have, in one answer alone."""
    chance = np.random.default_rng(5)
    table = honest()
    assert doubts(tmp_path, table.assign(cea=table["cea"].where(table.index < 110))) == []
    assert doubts(tmp_path, table.assign(cea=table["cea"].where(chance.random(N) < 0.9))) == []
    assert doubts(tmp_path, table.assign(hai=np.where(table.index % 9 == 2, "yes", ""))) == []
    sex = np.where(chance.random(N) < 0.3, chance.choice(["male", "female"], N), "")
    assert doubts(tmp_path, table.assign(sex=sex)) == []


def test_a_few_dead_and_alive_exchanged_are_seen_by_two_weak_signs(tmp_path):
    """Followed for longer than the living, and hardly any of them with a recurrence."""
    months = [10, 14, 18, 22, 30, 34, 40, 45, 50, 55] + [24, 36, 48, 60, 66, 72, 78, 84, 90, 96]
    rfs = [5, 6, 9, 12, 15, 16, 20, 22, 50, 25] + [24, 36, 48, 60, 30, 72, 78, 84, 90, 96]
    died = np.array([1] * 10 + [0] * 10)
    recurred = (np.array(rfs) < np.array(months)).astype(int)
    table = pd.DataFrame(
        {"patient_id": range(20), "os_months": months, "os_event": died, "rfs_months": rfs}
    ).assign(rfs_event=np.maximum(died, recurred))
    assert doubts(tmp_path, table) == []
    wrong = table.assign(os_event=1 - died, rfs_event=np.maximum(1 - died, recurred))
    assert any("Are 0 and 1 exchanged" in doubt for doubt in doubts(tmp_path, wrong))


def test_events_the_other_way_round_are_seen_in_the_curves(tmp_path):
    chance = np.random.default_rng(3)
    died = chance.random(N) < 0.5
    months = np.where(died, chance.uniform(1, 40, N), chance.uniform(30, 120, N)).round(1)
    table = pd.DataFrame({"patient_id": range(N), "os_months": months, "os_event": died * 1})
    assert doubts(tmp_path, table) == []
    found = doubts(tmp_path, inverted(table, "os_event"))
    assert "Are 0 and 1 exchanged" in found[0]
    assert doubts(tmp_path, inverted(table, "os_event"), {"confirm": ["os_event"]}) == []


def test_two_units_in_one_column_are_seen_by_their_gap(tmp_path):
    table = honest()
    rows = table.index[table["size_cm"] < 3][:20]
    table.loc[rows, "size_cm"] *= 10
    found = doubts(tmp_path, table)
    assert "may be in millimetres" in found[0]
    assert doubts(tmp_path, table, {"confirm": ["size_cm"]}) == []
    table = honest()
    table["cea"] = table["cea"].clip(2, 900)
    table.loc[:9, "cea"] *= 100_000
    found = doubts(tmp_path, table.assign(cea=table["cea"].clip(upper=190_000)))
    assert any("cea: rows" in doubt and "another unit" in doubt for doubt in found)


def test_units_that_the_file_names_are_not_passed_over(tmp_path):
    table = patients(20)[["patient_id", "size_cm", "os_months", "os_event"]]
    files.forget()
    path = tmp_path / "t.csv"
    table.assign(unit=["cm", "in"] * 10).to_csv(path, index=False)
    found = cohort.check(path, MSKCC).violations
    assert 'unit: {from: "unit"}' in found["remedy"][0]
    book = {"columns": {"size_cm": {"from": "size_cm", "unit": {"from": "unit"}}}}
    frame = cohort.load(path, MSKCC, book)
    assert frame["size_cm"][1] == pytest.approx(1.75 * 2.54)
    files.forget()
    table.rename(columns={"os_months": "OS (days)"}).to_csv(path, index=False)
    book = {"columns": {"os_months": "OS (days)"}}
    found = cohort.check(path, MSKCC, book).violations
    assert "is headed in days" in found["rule"][0] and "unit: days" in found["remedy"][0]
    explicit = {"columns": {"os_months": {"from": "OS (days)", "unit": "months"}}}
    assert cohort.check(path, MSKCC, explicit).ok


def test_a_header_in_a_unit_of_something_else_is_no_column_of_that_name(tmp_path):
    files.forget()
    path = tmp_path / "t.csv"
    patients(20)[["patient_id", "cea"]].rename(columns={"cea": "CEA (U/mL)"}).to_csv(
        path, index=False
    )
    found = cohort.check(path, MSKCC, {"columns": {"cea": "CEA (U/mL)"}}).violations
    assert "is headed in U/mL, from which ng/mL cannot come" in found["rule"][0]
    said = {"columns": {"cea": {"from": "CEA (U/mL)", "unit": "ng/mL"}}}
    assert cohort.check(path, MSKCC, said).ok


def test_cea_and_ca199_changed_for_each_other_are_seen_where_their_medians_tell(tmp_path):
    ncch = ledger.load_design("ncch_scp")
    chance = np.random.default_rng(2)
    table = pd.DataFrame(
        {
            "patient_id": range(N),
            "cea": np.round(chance.lognormal(2.7, 1.5, N), 1),
            "ca199": np.round(chance.lognormal(3.6, 1.5, N), 1),
        }
    )
    swapped = table.rename(columns={"cea": "ca199", "ca199": "cea"})
    for one, expected in ((table, 0), (swapped, 1)):
        files.forget()
        one.to_csv(tmp_path / "t.csv", index=False)
        found = cohort.check(tmp_path / "t.csv", ncch).doubts
        assert len(found) == expected and all("changed for each other" in text for text in found)
    assert cohort.check(tmp_path / "t.csv", ncch, {"confirm": ["cea"]}).doubts == []


def test_identifiers_that_noughts_alone_tell_apart_are_asked_about(tmp_path):
    table = honest()
    table.loc[[3, 9], "patient_id"] = ["17", "0017"]
    (told,) = doubts(tmp_path, table)
    assert told.startswith("patient_id in rows 5, 11: noughts in front alone tell these")
    assert doubts(tmp_path, table, {"confirm": ["patient_id"]}) == []


def test_a_patient_in_two_rows_is_not_told_to_have_two_identifiers(tmp_path):
    table = honest()
    table.loc[3] = table.loc[9]
    assert not any("agree in" in told for told in doubts(tmp_path, table))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"yes": "no", "no": "yes"}, ["yes as no", "no as yes"]),
        ({"yes": "yes", "no": "yes"}, ["no as yes"]),
        ({"1": "yes", "0": "no"}, []),
    ],
)
def test_levels_that_a_codebook_exchanges_are_asked_about(tmp_path, values, said):
    table = honest()
    table["hai"] = np.where(np.arange(N) % 3 == 0, *list(values)[:2])
    book = {"columns": {"hai": {"from": "hai", "values": values}}}
    told = doubts(tmp_path, table, book)
    assert len(told) == bool(said) and all(part in told[0] for part in said)
    assert doubts(tmp_path, table, {**book, "confirm": ["hai"]}) == []
