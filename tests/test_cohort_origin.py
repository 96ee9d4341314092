"""Where a table came from, and which history belongs to it."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

from crlm import cohort, files, ledger, scores
from tests.hostile import refused
from tests.hostile.files import workbook
from tests.hostile.tables import patients

NCCH = ledger.load_design("ncch_scp")
STUDIES = ledger.studies()
#: Columns that only some patients have.
_CONDITIONAL = ("entry_months", "dfi_months", "crs", "multiple", "hai_timing", "cause_of_death")
_CONDITIONAL += ("hai_start_months", "hai_stop_months", "surgery_year")


@pytest.mark.parametrize("study", STUDIES)
def test_the_note_of_a_shipped_cohort_fits_its_table(study):
    found = cohort.origin("", ledger.load_design(study))
    assert found["kind"] == "reconstructed" and len(found["sha256"]) == 64


def test_a_note_that_was_left_beside_another_table_is_refused(tmp_path):
    table = tmp_path / "mine.csv"
    table.write_text("patient_id,age\na,60\n")
    record = {"kind": "public", "title": "t", "note": "n"}
    cohort.write_source(table, table.read_bytes(), record)
    assert cohort.origin(str(table), NCCH)["kind"] == "public"
    table.write_text("patient_id,age\na,61\n")
    files.forget()
    with refused("written for another table than mine.csv is now.*remove that file"):
        cohort.origin(str(table), NCCH)
    for lines in ('kind = "public"\n', 'kind = "public"\nsha256 = "00"\n'):
        (tmp_path / "mine.source.toml").write_text(lines)
        files.forget()
        with refused("written for another table"):
            cohort.source(table)


def test_an_unknown_kind_is_one_clear_error(tmp_path):
    table = tmp_path / "mine.csv"
    table.write_text("patient_id,age\na,60\n")
    digest = hashlib.sha256(table.read_bytes()).hexdigest()
    note = tmp_path / "mine.source.toml"
    note.write_text(f'kind = "reconstucted"\nsha256 = "{digest}"\n')
    with refused("no table can be. Did you mean 'reconstructed'"):
        cohort.origin(str(table), NCCH)
    note.write_text(f'title = "x"\nsha256 = "{digest}"\n')
    files.forget()
    with refused("no table can be"):
        cohort.origin(str(table), NCCH)


# ---- history ----------------------------------------------------------------

EVENTS = [["patient_id", "date", "event", "details"]]
for _i in range(5):
    EVENTS += [
        [f"P{_i:03d}", "2018-01-01", "hepatectomy", ""],
        [f"P{_i:03d}", "2019-01-01", "last_contact", ""],
    ]


def book(folder, title="history", events=EVENTS, n=5):
    files.forget()
    table = patients(n)[["patient_id", "age"]]
    sheets = {"patients": [list(table), *table.to_numpy().tolist()], title: events}
    path = folder / "t.xlsx"
    path.write_bytes(workbook(sheets))
    return str(path)


@pytest.mark.parametrize("title", ["history", "events 2024", "経過"])
def test_a_sheet_of_a_history_is_read_without_being_asked(tmp_path, title):
    path = book(tmp_path, title)
    table = cohort.load(path, NCCH)
    history = cohort.events("", path, NCCH, None, table)
    assert len(history) == 10 and history["patient_id"].nunique() == 5
    assert "sheet of the patients' own workbook" in history.attrs["notes"][0]


def test_an_empty_sheet_of_the_template_is_no_history(tmp_path):
    path = book(tmp_path, events=EVENTS[:1])
    assert len(cohort.events("", path, NCCH)) == 0
    assert cohort.find_history("", path, NCCH) == ""
    other = book(tmp_path, events=[["code", "event"], ["1", "death"]])
    assert len(cohort.events("", other, NCCH)) == 0


def test_a_history_that_fits_in_part_is_refused_unless_it_is_accepted(tmp_path):
    path = book(tmp_path, n=8)
    needed = patients(8)
    for name in ("unresected_extrahepatic", "genetic_data", "braf"):
        assert name in needed
    table = cohort.load(path, NCCH)
    with refused("rows 7, 8, 9, patient_id.*neither a history nor a time") as caught:
        cohort.events("", path, NCCH, None, table)
    assert "P005" in caught.value.told and "P005" not in str(caught.value)
    accepted = cohort.events("", path, NCCH, {"confirm": ["history"]}, table)
    assert any("3 patients (rows 7, 8, 9)" in note for note in accepted.attrs["notes"])
    timed = table.assign(os_months=12.0)
    assert len(cohort.events("", path, NCCH, None, timed)) == 10


def test_patients_of_a_history_who_are_not_in_the_table_are_counted(tmp_path):
    path = book(tmp_path, n=3)
    history = cohort.events("", path, NCCH, None, cohort.load(path, NCCH))
    assert any(
        "2 patients who are not in the table (rows 8, 9, 10" in note
        for note in history.attrs["notes"]
    )


@pytest.mark.parametrize(
    ("mine", "theirs"), [("007", "7"), ("Ab-1", "AB1"), ("ＡＢ１", "ab1"), ("7 ", "７")]
)
def test_identifiers_written_otherwise_are_named(tmp_path, mine, theirs):
    events = [
        EVENTS[0],
        [theirs, "2018-01-01", "hepatectomy", ""],
        [theirs, "2019-01-01", "death", ""],
    ]
    files.forget()
    path = tmp_path / "t.xlsx"
    path.write_bytes(workbook({"patients": [["patient_id", "age"], [mine, 60]], "history": events}))
    table = cohort.load(path, NCCH)
    if mine.strip() == theirs:
        return
    with refused("is written otherwise in the history"):
        cohort.events("", str(path), NCCH, None, table)


def test_a_recurrence_on_the_day_of_surgery_is_a_doubt(tmp_path):
    path = tmp_path / "h.csv"
    path.write_text("patient_id,date,event\na,2018-01-01,hepatectomy\na,2018-01-01,recurrence\n")
    report = cohort.check_history(path, NCCH)
    assert report.ok and "Row 3: a recurrence on the day" in report.doubts[0]


# ---- any columns ------------------------------------------------------------


@pytest.mark.parametrize("study", STUDIES)
def test_any_subset_of_columns_loads_or_is_refused_in_one_message(tmp_path, study):
    design = ledger.load_design(study)
    whole = patients(40)
    for name in [c for c in design.columns if c not in whole]:
        levels = design.columns[name].get("levels", ("1",))
        whole[name] = str(levels[0]) if name != "multiple" else "no"
    whole = whole[[c for c in whole if c in design.columns]]
    whole = whole.assign(**{n: "" for n in _CONDITIONAL if n in whole}).drop(columns="surgery_date")
    chance = np.random.default_rng(7)
    names = list(whole)
    subsets = [[n for n in names if n != drop] for drop in names]
    subsets += [[n for n in names if chance.random() < 0.5] for _ in range(40)]
    subsets += [["patient_id"], [names[1]], names]
    for subset in subsets:
        if not subset:
            continue
        files.forget()
        path = tmp_path / "t.csv"
        whole[subset].to_csv(path, index=False)
        try:
            frame = cohort.load(path, design)
        except ledger.CohortError as error:
            assert subset == ["patient_id"] or "cannot be used as a table" in str(error), subset
            continue
        assert set(frame) == {"patient_id", *subset}
        cohort.feeds(frame, design)


@pytest.mark.parametrize("folder", [".", "..", "/"])
def test_a_folder_is_no_table(folder):
    with refused("is a folder"):
        cohort.load(cohort.origin(folder, NCCH)["path"], NCCH)


def test_a_model_is_not_fed_where_its_endpoint_is_not():
    ncch = ledger.load_design("ncch_scp")
    table = pd.DataFrame({"patient_id": ["a", "b"], "ras": ["wild", "mutant"], "age": [60.0, 70.0]})
    times = table.assign(os_months=[3.0, 4.0], os_event=pd.array([True, False], dtype="boolean"))
    told = "\n".join(cohort.feeds(times, ncch))
    assert "- Regression, short SCP: no, needs scp_months and scp_event." in told
    assert "- Regression, SCP: no" in told and "- Regression, RFS: no" in told
    assert "+ Regression, OS: without" in told


def test_what_one_arm_no_event_and_no_patient_cannot_feed(tmp_path):
    hai = ledger.load_design("mskcc_hai")
    whole = cohort.load(ledger.data_folder() / "mskcc_hai" / "cohort.csv", hai).head(60)
    whole = whole.assign(os_months=20.0, os_event=pd.array([False] * 60, dtype="boolean"))
    whole["hai"] = pd.Categorical(["yes"] * 60, categories=["no", "yes"])
    told = "\n".join(cohort.feeds(whole, hai))
    assert "no, all patients are of one group of hai." in told
    assert "- Regression, OS: no, nobody has os_event = 1." in told
    step = hai.eligibility[0]
    told = cohort.feeds(whole.assign(**{step["column"]: pd.NA}), hai)[0]
    assert told.startswith("- Flow of patients: leaves no patient; nobody who came so far has ")
    alive = whole.assign(os_event=pd.array([False, True] * 30, dtype="boolean"))
    told = "\n".join(cohort.feeds(alive, hai))
    assert "(one level alone: hai)." in told and "nobody has os_event" not in told


def test_patients_in_none_of_the_groups_that_print_has_are_counted():
    hai = ledger.load_design("mskcc_hai")
    whole = scores.add(cohort.load(ledger.data_folder() / "mskcc_hai" / "cohort.csv", hai))
    told = cohort.feeds(whole, hai, groups=["nodal_status", "sex", "cea"])
    found = [line for line in told if line.startswith("+ Groups")]
    assert found == [
        "+ Groups by Nodal status of the primary: without 3 of 674 patients who pass the flow, "
        "of unknown nodal_status."
    ]


def needed(claims, design):
    records = ledger.as_records(claims)
    return [(claim["place"], ledger.columns_named(claim, design)) for claim in records]


def test_what_print_needs_beside_the_list_of_table_1_is_named():
    """Once "Table 1: complete" beside a table without a column that print has."""
    hai = ledger.load_design("mskcc_hai")
    claims = ledger.load_claims("mskcc_hai")
    whole = scores.add(cohort.load(ledger.data_folder() / "mskcc_hai" / "cohort.csv", hai))
    sites = claims[["covariate", "group", "population"]].sum(axis=1).str.contains("site_")
    told = "\n".join(cohort.feeds(whole, hai, needed(claims[~sites], hai)))
    assert "Table 1: complete" in told and "Printed results" not in told
    beside = claims[claims["covariate"] == "hai_timing"].assign(
        place="table1", population="cea=known"
    )
    lacking = whole.drop(columns=["hai_timing", "size_cm", "cea"])
    _, table_one, *_, printed = cohort.feeds(lacking, hai, needed(beside, hai))
    assert table_one.startswith("+ Table 1: without size_cm") and "hai_timing" in table_one
    many = f"{len(beside)} of {len(beside)} claims need columns that are absent or empty"
    assert f"Printed results: {many}" in printed
    assert f"hai_timing ({len(beside)})" in printed and f"cea ({len(beside)})" in printed
