"""What cannot be true of a patient is named by row, column, value, rule and remedy."""

from __future__ import annotations

import pandas as pd
import pytest

from crlm import cohort, files, ledger
from crlm.cohort import wording
from crlm.cohort.rules import RULES
from tests.hostile.tables import patients

NCCH = ledger.load_design("ncch_scp")
MSKCC = ledger.load_design("mskcc_hai")


def save(folder, table):
    files.forget()
    path = folder / "t.csv"
    table.to_csv(path, index=False)
    return path


def broken(folder, design=NCCH, codebook=None, n=40, **cells):
    """The report on a healthy table in which one patient (row 5) has these values."""
    table = patients(n)
    for name, value in cells.items():
        if name not in table:
            table[name] = ""
        table.loc[3, name] = str(value)
    return cohort.check(save(folder, table), design, codebook)


def test_a_healthy_table_comes_typed(tmp_path):
    frame = cohort.load(save(tmp_path, patients()), NCCH)
    assert list(frame) == list(patients())
    assert list(frame.index) == list(range(40))
    for name, spec in NCCH.columns.items():
        if name not in frame:
            continue
        if spec["type"] == "text":
            assert frame[name].map(type).eq(str).all()
        elif spec.get("role") == "event":
            assert str(frame[name].dtype) == "boolean"
        elif spec["type"] == "category":
            assert list(frame[name].cat.categories) == spec["levels"]
        else:
            assert str(frame[name].dtype) == "float64"


@pytest.mark.parametrize(
    ("cells", "column", "words"),
    [
        ({"age": "sixty"}, "age", "is not a number"),
        ({"age": 130}, "age", "is above 110 years"),
        ({"age": "inf"}, "age", "is not a number"),
        ({"n_tumours": 2.5}, "n_tumours", "is not a whole number"),
        ({"n_tumours": 0}, "n_tumours", "is below 1 tumours"),
        ({"size_cm": 45}, "size_cm", "is above 30 cm"),
        ({"size_cm": "3 U/mL"}, "size_cm", "is not a plain number"),
        ({"cea": "<0.5"}, "cea", "is a limit, not a number"),
        ({"cea": "1,200"}, "cea", "a comma that may separate thousands"),
        ({"cea": "2020-01-02"}, "cea", "is a date"),
        ({"size_cm": "03-May"}, "size_cm", "is a date where a number is expected"),
        ({"cea": "Mai 12"}, "cea", "is a date where a number is expected"),
        ({"size_cm": "2.5 x 3.1"}, "size_cm", "is several numbers"),
        ({"os_months": "18+"}, "os_months", "is a time with a"),
        ({"os_months": -1}, "os_months", "is before the hepatectomy"),
        ({"sex": "M"}, "sex", "is none of male, female"),
        ({"bilobar": "2"}, "bilobar", "is none of no, yes"),
        ({"os_event": "dead"}, "os_event", "is none of 0, 1"),
        ({"patient_id": ""}, "patient_id", "is empty"),
        ({"patient_id": "P000"}, "patient_id", "more than one row"),
        ({"os_event": ""}, "os_event", "is empty although os_months is given"),
        ({"rfs_months": ""}, "rfs_months", "is empty although rfs_event is given"),
        ({"rfs_months": 30}, "rfs_months", "RFS is longer than OS"),
        ({"scp_months": 19}, "scp_months", "SCP is longer than OS"),
        ({"scp_months": 10}, "rfs_months", "SCP ends before the first recurrence"),
        ({"hepatic_rfs_months": 19}, "hepatic_rfs_months", "hepatic RFS is longer than OS"),
        ({"hepatic_rfs_months": 10}, "rfs_months", "RFS is longer than hepatic RFS"),
        ({"scp_event": 1, "rfs_event": 0}, "scp_event", "surgical failure without a recurrence"),
        ({"rfs_event": 0}, "hepatic_rfs_event", "that RFS does not count"),
        ({"preop_chemo": "no", "preop_antibody": "anti-VEGF"}, "preop_antibody", "without preop"),
        (
            {"os_after_recurrence_months": 3, "rfs_event": 0},
            "os_after_recurrence_months",
            "a time after recurrence without a recurrence",
        ),
        ({"entry_months": 18}, "entry_months", "observation begins when it ends"),
        ({"rfs_event": 0}, "rfs_event", "does not count the death"),
        ({"hepatic_rfs_event": 0}, "hepatic_rfs_event", "does not count the death"),
        ({"kras_codon": "wild", "ras": "mutant"}, "kras_codon", "contradicts the RAS"),
        ({"preop_chemo": "no"}, "preop_regimen", "without preoperative chemotherapy"),
        ({"preop_regimen": "none"}, "preop_regimen", "without a regimen"),
        ({"os_after_recurrence_months": 3}, "os_after_recurrence_months", "is not OS minus RFS"),
    ],
)
def test_one_wrong_cell_is_found_with_its_row(tmp_path, cells, column, words):
    report = broken(tmp_path, **cells)
    found = report.violations
    hit = found[(found["column"] == column) & found["rule"].str.contains(words, regex=False)]
    assert 5 in list(hit["row"]), found.to_string()
    assert (hit["remedy"].str.len() > 10).all()
    assert (hit["source"] == column).all()


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"hai": "no", "hai_timing": "adjuvant"}, "a patient without HAI"),
        ({"n_tumours": 1, "multiple": "yes"}, "one of them says solitary"),
        ({"n_tumours": 3, "multiple": "no"}, "one of them says solitary"),
        ({"site_liver_only": "yes", "site_liver": "no"}, "but not the liver"),
        ({"site_liver_only": "yes", "site_lung": "yes"}, "another site as well"),
        (
            {"site_liver": "no", "site_extrahepatic": "no", "site_lung": "yes"},
            "no recurrence outside the liver",
        ),
        ({"site_liver": "yes", "site_extrahepatic": "yes"}, "includes the liver"),
        ({"site_lung": "yes", "rfs_event": 0}, "a site of recurrence without a recurrence"),
        ({"os_after_recurrence_event": 0}, "dead in one column"),
    ],
)
def test_rules_of_the_other_study(tmp_path, cells, words):
    recurred = {
        "site_liver": "yes",
        "os_months": 18,
        "rfs_months": 9,
        "rfs_event": 1,
        "os_event": 1,
        "os_after_recurrence_months": 9,
        "os_after_recurrence_event": 1,
    }
    report = broken(tmp_path, MSKCC, **{**recurred, **cells})
    assert report.violations["rule"].str.contains(words, regex=False).any()


def test_every_rule_names_only_columns_of_the_dictionary_and_breaks_nothing_healthy(tmp_path):
    known = set(NCCH.columns) | set(MSKCC.columns)
    assert {column for rule in RULES for column in rule.columns} <= known
    report = cohort.check(save(tmp_path, patients()), NCCH)
    assert report.ok, report.violations.to_string()
    assert report.notes == []


def test_a_risk_score_is_held_against_its_parts_only_when_all_are_there(tmp_path):
    parts = {"nodal_status": "positive", "dfi_months": 0, "n_tumours": 2, "size_cm": 6, "cea": 201}
    assert broken(tmp_path, MSKCC, **parts, crs=5).ok
    wrong = broken(tmp_path, MSKCC, **parts, crs=4)
    assert list(wrong.violations["row"]) == [5]
    assert "crs = 4" in wrong.violations["value"][0]
    (entry,) = wording.grouped(pd.concat([wrong.violations, wrong.violations.assign(row=9)]))
    told = wording.sentence({**entry, "values": [*entry["values"], "crs = 1, size_cm = 2"]})
    assert told.startswith("rows 5, 9, crs: is not what its five parts give")
    assert "(row 5: crs = 4, nodal_status = positive" in told and "crs = 1" not in told
    confirmed = broken(tmp_path, MSKCC, {"confirm": ["crs"]}, **parts, crs=4)
    assert confirmed.ok and any(note.startswith("crs, row 5") for note in confirmed.notes)
    assert broken(tmp_path, MSKCC, **{**parts, "dfi_months": ""}, crs=1).ok


def test_what_a_real_table_may_hold_is_a_note(tmp_path):
    report = broken(
        tmp_path,
        size_cm=0,
        os_months=18.05,
        rfs_months=18.1,
        scp_months=18.1,
        hepatic_rfs_months=18.1,
        os_after_recurrence_months="",
        os_after_recurrence_event="",
    )
    assert report.ok, report.violations.to_string()
    assert any("0 cm is not the size" in note for note in report.notes)
    table = patients()
    table.loc[[0, 6], "rfs_months"] = ["0", "0"]
    report = cohort.check(save(tmp_path, table), NCCH)
    assert report.ok, report.violations.to_string()
    notes = " ".join(report.notes)
    assert "rows 2, 8: time 0" in notes
    assert "rows 2, 8: without recurrence, yet RFS ends before OS" in notes


def test_notes_on_interval_and_late_entry(tmp_path):
    cells = {"dfi_months": 3, "timing": "synchronous", "entry_months": 10, "rfs_months": 9}
    report = broken(
        tmp_path, MSKCC, **cells, os_after_recurrence_months="", os_after_recurrence_event=""
    )
    assert report.ok, report.violations.to_string()
    notes = " ".join(report.notes)
    assert "dfi_months, row 5: the interval and the timing" in notes
    assert "entry_months, row 5: the recurrence was before observation began" in notes


def test_an_early_end_of_follow_up_before_a_death_can_be_confirmed(tmp_path):
    assert not broken(tmp_path, rfs_event=0).ok
    cells = {
        "rfs_event": 0,
        "os_after_recurrence_months": "",
        "os_after_recurrence_event": "",
        "site_liver": "no",
        "site_lung": "no",
        "scp_event": 0,
        "hepatic_rfs_event": 0,
    }
    report = broken(tmp_path, NCCH, {"confirm": ["rfs_event", "hepatic_rfs_event"]}, **cells)
    assert report.ok, report.violations.to_string()


def inverted(table, *names):
    flip = {"0": "1", "1": "0", "": ""}
    return table.assign(**{name: table[name].map(flip) for name in names})


def test_inverted_event_codes_are_caught(tmp_path):
    table = patients().drop(columns=["os_after_recurrence_months", "os_after_recurrence_event"])
    report = cohort.check(save(tmp_path, inverted(table, "os_event")), NCCH)
    assert report.violations["remedy"].str.contains("coded the other way round").any()
    only_rfs = table[["patient_id", "os_months", "rfs_months", "rfs_event"]]
    report = cohort.check(save(tmp_path, inverted(only_rfs, "rfs_event")), NCCH)
    assert report.violations["rule"].str.contains("0 and 1 are the other way round").any()
    assert cohort.check(save(tmp_path, only_rfs), NCCH).ok


@pytest.mark.parametrize("event", ["0", "1"])
def test_a_rate_near_0_or_100_percent_is_a_doubt_that_can_be_confirmed(tmp_path, event):
    table = patients()[["patient_id", "os_months"]].assign(os_event=event)
    path = save(tmp_path, table)
    report = cohort.check(path, NCCH)
    assert report.ok and "`confirm: [os_event]`" in report.doubts[0]
    assert cohort.check(path, NCCH, {"confirm": ["os_event"]}).doubts == []
    assert cohort.check(save(tmp_path, table.head(19)), NCCH).doubts == []


def test_a_young_cohort_may_be_alive(tmp_path):
    table = patients()[["patient_id"]].assign(os_months=[str(1 + i % 25) for i in range(40)])
    report = cohort.check(save(tmp_path, table.assign(os_event="0")), NCCH)
    assert report.ok and report.doubts == []


def test_millimetres_days_and_years_are_caught(tmp_path):
    table = patients()
    sizes = table["size_cm"].astype(float) * 10
    report = cohort.check(save(tmp_path, table.assign(size_cm=sizes)), NCCH)
    assert report.violations["remedy"].str.contains("unit: mm").all()
    small = table.assign(size_cm=[14 + i % 10 for i in range(40)])
    report = cohort.check(save(tmp_path, small), NCCH)
    assert report.violations["rule"][0].startswith("the median is 18.5")
    assert cohort.check(save(tmp_path, small), NCCH, {"confirm": ["size_cm"]}).ok
    tiny = table.assign(size_cm=[0.2 + i / 100 for i in range(40)])
    report = cohort.check(save(tmp_path, tiny), NCCH)
    assert "unit: cm" in report.violations["remedy"][0]
    times = ["os_months", "rfs_months"]
    days = table[["patient_id", *times]].assign(**(table[times].astype(float) * 30))
    report = cohort.check(save(tmp_path, days), NCCH)
    assert report.violations["remedy"].str.contains("unit: days").all()
    assert len(report.violations) == 2
    years = table[["patient_id"]].assign(os_months=table["os_months"].astype(float) / 12)
    report = cohort.check(save(tmp_path, years), NCCH)
    assert report.violations["remedy"].str.contains("unit: years").all()


def test_a_code_for_unknown_within_the_range_is_noted(tmp_path):
    table = patients()
    table.loc[[1, 2, 3], "cea"] = "9999"
    doubts = cohort.check(save(tmp_path, table), NCCH).doubts
    assert any("cea is 9999 in rows 3, 4, 5" in doubt for doubt in doubts)


def test_words_for_yes_and_no_and_levels_in_any_case(tmp_path):
    words = ["1", "0", "TRUE", "false", "Y", "n", "Yes", "NO"]
    table = pd.DataFrame({"patient_id": list("abcdefgh"), "bilobar": words, "margin": "POSITIVE"})
    frame = cohort.load(save(tmp_path, table), NCCH)
    assert list(frame["bilobar"]) == ["yes", "no"] * 4
    assert (frame["margin"] == "positive").all()


def test_other_codes_are_not_guessed_but_the_line_to_paste_is_given(tmp_path):
    table = pd.DataFrame(
        {"patient_id": list("abc"), "sex": ["M", "F", "X"], "timing": ["1", "0", "1"]}
    )
    report = cohort.check(save(tmp_path, table), NCCH)
    remedies = report.violations.drop_duplicates("column").set_index("column")["remedy"]
    assert 'sex: {from: "sex", values: {"M": male, "F": female, "X": ?}}' in remedies["sex"]
    assert 'values: {"1": ?, "0": ?}' in remedies["timing"]


def test_any_subset_of_columns_loads_and_absent_is_absent(tmp_path):
    for names in (["patient_id", "age"], ["sex"], ["patient_id", "os_months"], ["cea", "ras"]):
        frame = cohort.load(save(tmp_path, patients()[names]), NCCH)
        assert set(frame) == {"patient_id", *names}
    report = cohort.check(save(tmp_path, patients()[["age", "os_months"]]), NCCH)
    assert list(report.frame["patient_id"][:2]) == ["2", "3"]
    assert any("numbered by their row" in note for note in report.notes)
    assert any("os_event is not: OS time cannot be used" in note for note in report.notes)


def test_patients_who_are_not_eligible_may_have_everything_else_empty(tmp_path):
    table = patients()
    table.loc[[0, 7], [name for name in table if name != "patient_id"]] = ""
    table.loc[[0, 7], "unresected_extrahepatic"] = "yes"
    frame = cohort.load(save(tmp_path, table), NCCH)
    assert len(frame) == 40 and frame["os_months"].isna().sum() == 2
    notes = cohort.check(save(tmp_path, table), NCCH).notes
    assert "2 patients without os_months and os_event." in notes


def test_load_lists_ten_kinds_and_counts_the_rest_and_check_gives_all(tmp_path):
    table = patients()
    wrong = [
        "age",
        "n_tumours",
        "size_cm",
        "cea",
        "ca199",
        "sex",
        "ras",
        "margin",
        "bilobar",
        "timing",
        "t_stage",
        "postop_chemo",
    ]
    table.loc[:, wrong] = "what"
    path = save(tmp_path, table)
    assert len(cohort.check(path, NCCH).violations) == 12 * 40
    with pytest.raises(ledger.CohortError) as caught:
        cohort.load(path, NCCH)
    message = caught.value.told
    assert "480 problems" in message and "2 other kinds of problem" in message
    assert "rows 2, 3, 4 and 37 more" in message
    assert message.count("\n  - ") == 11


def test_messages_do_not_carry_identifiers(tmp_path):
    table = patients()
    table.loc[3, "patient_id"] = table.loc[2, "patient_id"]
    with pytest.raises(ledger.CohortError) as caught:
        cohort.load(save(tmp_path, table), NCCH)
    assert "rows 4, 5" in str(caught.value) and "P002" not in str(caught.value)
    assert "P002" in caught.value.told


def test_the_report_says_what_was_understood_within_100_columns(tmp_path):
    table = patients().rename(
        columns={"size_cm": "最大腫瘍径 最大腫瘍径 最大腫瘍径", "sex": "Gender"}
    )
    table["最大腫瘍径 最大腫瘍径 最大腫瘍径"] = [20 + i for i in range(40)]
    table["備考" * 30] = "x"
    codebook = {
        "columns": {
            "size_cm": {"from": "最大腫瘍径 最大腫瘍径 最大腫瘍径", "unit": "mm"},
            "sex": "Gender",
        }
    }
    table.loc[3, "Gender"] = "?"
    report = cohort.check(save(tmp_path, table), NCCH, codebook)
    understood = report.understood.set_index("column")
    assert understood.loc["size_cm", "unit"] == "mm to cm"
    assert understood.loc["size_cm", "holds"] == "2 to 5.9, median 3.95"
    assert understood.loc["sex", "missing"] == 1
    assert understood.loc["sex", "problem"].startswith("row 5, sex (from 'Gender'): ?")
    assert understood.loc["os_event", "holds"] == "20 of 40 (event = 1)"
    text = cohort.describe(report)
    assert "!sex" in text and "mm to cm" in text and "Not used: 備考" in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_censored_times_that_are_marked_are_one_problem(tmp_path):
    table = patients(12)
    table["os_months"] += "+"
    report = cohort.check(save(tmp_path, table), NCCH)
    found = report.violations.query("column == 'os_months'")
    assert len(found) == 12 and found["remedy"].nunique() == 1
    assert "os_event says who had the event" in found["remedy"].iloc[0]


def test_an_age_of_nought_is_noted(tmp_path):
    notes = broken(tmp_path, age=0).notes
    assert any("row 5: 0 years: a newborn, or an age that is not known" in note for note in notes)


def test_one_header_of_two_times_is_refused(tmp_path):
    book = {"columns": {"os_months": "os_months", "rfs_months": "os_months"}}
    with pytest.raises(ledger.CohortError, match="rfs_months and os_months both come from"):
        cohort.check(save(tmp_path, patients(5)), NCCH, book)


def test_a_row_that_is_left_out_behind_the_end_is_refused(tmp_path):
    with pytest.raises(ledger.CohortError, match="ends at row 6, .* leaves out row 60. Correct"):
        cohort.check(save(tmp_path, patients(5)), NCCH, {"skip_rows": [60]})
