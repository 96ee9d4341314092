"""Endpoints: by hand on histories of a few patients, then properties that always hold."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crlm import cohort, endpoints, files, ledger
from crlm.ledger import CohortError, ParameterError
from tests.hostile import refused

NCCH = ledger.load_design("ncch_scp")
MSKCC = ledger.load_design("mskcc_hai")
NAMES = ("os", "rfs", "scp", "hepatic_rfs", "os_after_recurrence")


def history(*courses: str) -> pd.DataFrame:
    """`"0 hepatectomy | 90 recurrence site=liver; resectable=no | 300 death"`, one a patient."""
    rows = []
    for number, course in enumerate(courses, start=1):
        for step in course.split("|"):
            day, event, details = [*step.split(None, 2), ""][:3]
            rows.append((f"P{number}", float(day), event, details.strip()))
    return pd.DataFrame(rows, columns=["patient_id", "day", "event", "details"])


def table(n: int, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"patient_id": [f"P{i}" for i in range(1, n + 1)], **columns})


def course(text: str, design: ledger.Design = NCCH, **choices: object) -> pd.Series:
    return endpoints.from_history(table(1), history(text), design, **choices).iloc[0]


def months_and_event(text: str, name: str, **choices: object) -> tuple[float, bool]:
    patient = course(text, **choices)
    return patient[f"{name}_months"], patient[f"{name}_event"]


# By hand: days / 30 for NCCH ---------------------------------------------------------------


def test_six_patients_by_hand() -> None:
    """Six courses, one a line of the paper's definitions; every number is days / 30."""
    told = history(
        # alive, never recurred
        "0 hepatectomy | 600 last_contact",
        # died without recurrence
        "0 hepatectomy | 90 death",
        # unresectable at once
        "0 hepatectomy | 120 recurrence site=lung; resectable=no | 300 death",
        # early, p-NAC, control, resection, alive
        "0 hepatectomy | 150 recurrence site=liver; resectable=yes | 165 p_nac"
        "| 255 assessment response=control; resectable=yes | 270 resection | 900 last_contact",
        # early, p-NAC, progression beyond surgery, dead
        "0 hepatectomy | 60 recurrence site=liver+lung; resectable=yes | 75 p_nac"
        "| 180 assessment response=progression; resectable=no | 450 death",
        # resected once, failed at the second recurrence in the liver
        "0 hepatectomy | 210 recurrence site=lung; resectable=yes | 240 resection"
        "| 390 recurrence site=liver; resectable=no | 720 last_contact",
    )
    found = endpoints.from_history(table(6), told, NCCH)
    expected = {
        "os": ([20, 3, 10, 30, 15, 24], [0, 1, 1, 0, 1, 0]),
        "rfs": ([20, 3, 4, 5, 2, 7], [0, 1, 1, 1, 1, 1]),
        "scp": ([20, 3, 4, 30, 6, 13], [0, 0, 1, 0, 1, 1]),
        "hepatic_rfs": ([20, 3, 10, 5, 2, 13], [0, 1, 1, 1, 1, 1]),
        "os_after_recurrence": ([None, None, 6, 25, 13, 17], [None, None, 1, 0, 1, 0]),
    }
    for name, (months, events) in expected.items():
        np.testing.assert_allclose(
            found[f"{name}_months"], np.array(months, dtype=float), err_msg=name, rtol=1e-15
        )
        wanted = pd.array([None if e is None else bool(e) for e in events], dtype="boolean")
        pd.testing.assert_extension_array_equal(found[f"{name}_event"].array, wanted)
    assert found["site_liver"].tolist() == ["no", "no", "no", "yes", "yes", "no"]
    assert found["site_lung"].tolist() == ["no", "no", "yes", "no", "yes", "yes"]
    assert found["site_peritoneum"].tolist() == ["no"] * 6
    assert list(found["site_liver"].cat.categories) == ["no", "yes"]
    assert not {"site_extrahepatic", "site_liver_only"} & set(found)


RESECTABLE = "0 hepatectomy | 90 recurrence site=liver; resectable=yes"
TREATED = RESECTABLE + " | 100 p_nac"


@pytest.mark.parametrize(
    ("text", "months", "event"),
    [
        # recurrence beyond surgery, early or late: failure at once
        ("0 hepatectomy | 90 recurrence resectable=no | 300 last_contact", 3, True),
        ("0 hepatectomy | 600 recurrence resectable=no | 900 last_contact", 20, True),
        # each of these continues the period to the last contact
        (RESECTABLE + " | 300 last_contact", 10, False),
        (TREATED + " | 300 last_contact", 10, False),
        (TREATED + "| 180 assessment response=control; resectable=yes|300 last_contact", 10, False),
        (TREATED + "| 180 assessment response=control | 300 last_contact", 10, False),
        (
            TREATED + "| 180 assessment response=progression; resectable=yes | 300 last_contact",
            10,
            False,
        ),
        (
            RESECTABLE + "| 120 resection | 400 recurrence resectable=yes | 430 resection"
            "| 600 last_contact",
            20,
            False,
        ),
        # failure after a period that went on
        (
            TREATED + "| 180 assessment response=progression; resectable=no | 300 last_contact",
            6,
            True,
        ),
        (
            TREATED + "| 180 assessment response=control; resectable=yes | 200 resection"
            "| 450 recurrence resectable=no | 600 death",
            15,
            True,
        ),
        (
            TREATED + "| 180 assessment response=control; resectable=yes | 240 assessment "
            "response=progression; resectable=no | 600 death",
            8,
            True,
        ),
        # the first failure counts, also when the tumour became resectable later
        (
            "0 hepatectomy | 120 recurrence resectable=no | 300 recurrence resectable=no"
            "| 330 resection | 600 last_contact",
            4,
            True,
        ),
        # two rows of one day: one of them is beyond surgery
        (
            "0 hepatectomy | 90 recurrence site=liver; resectable=yes"
            "| 90 recurrence site=lung; resectable=no | 300 last_contact",
            3,
            True,
        ),
        # unresectable and dead on one day: the failure came first
        ("0 hepatectomy | 90 recurrence resectable=no | 90 death", 3, True),
    ],
)
def test_scp_of_every_branch(text: str, months: float, event: bool) -> None:
    assert months_and_event(text, "scp") == (months, event)


def test_death_without_failure_is_a_choice() -> None:
    text = TREATED + " | 300 death"
    assert months_and_event(text, "scp") == (10, False)
    assert months_and_event(text, "scp", death_without_failure="event") == (10, True)
    failed = "0 hepatectomy | 90 recurrence resectable=no | 300 death"
    assert months_and_event(failed, "scp", death_without_failure="event") == (3, True)
    with pytest.raises(ParameterError, match="death_without_failure is 'ignore'"):
        course(text, death_without_failure="ignore")


def test_controlled_but_unresectable_is_a_choice() -> None:
    text = TREATED + "| 180 assessment response=control; resectable=no | 300 last_contact"
    assert months_and_event(text, "scp") == (10, False)
    assert months_and_event(text, "scp", controlled_unresectable="failure") == (6, True)
    unsaid = TREATED + "| 180 assessment response=control | 300 last_contact"
    with refused("row 5: not said whether it was resectable"):
        course(unsaid, controlled_unresectable="failure")


def test_days_per_month_are_the_designs_own() -> None:
    text = "0 hepatectomy | 365.25 death"
    assert course(text)["os_months"] == 365.25 / 30
    assert course(text, MSKCC)["os_months"] == 12.0
    assert course(text, MSKCC, days_per_month=30)["os_months"] == 365.25 / 30
    with pytest.raises(ParameterError, match="days_per_month is 0"):
        course(text, days_per_month=0)


def test_a_study_without_scp_needs_no_resectability() -> None:
    text = "0 hepatectomy | 487 recurrence site=liver+bone | 974 death"
    patient = course(text, MSKCC)
    assert patient["rfs_months"] == 16.0
    assert patient["os_after_recurrence_months"] == 16.0
    assert "scp_months" not in patient.index
    sites = ["site_liver", "site_liver_only", "site_lung", "site_extrahepatic"]
    assert patient[sites].tolist() == ["yes", "no", "no", "no"]
    with refused("row 3: not said whether it was resectable"):
        course(text, NCCH)


def test_resectability_may_be_left_unsaid_after_failure() -> None:
    text = "0 hepatectomy | 90 recurrence resectable=no | 200 recurrence site=lung | 300 death"
    assert months_and_event(text, "scp") == (3, True)
    reverse = "0 hepatectomy | 90 recurrence | 200 recurrence resectable=no | 300 death"
    with refused(r"row 3: .*Add resectable=yes or resectable=no"):
        course(reverse)


def test_an_assessment_must_say_what_decides() -> None:
    with refused("row 5: response to p-NAC not said"):
        course(TREATED + "| 180 assessment resectable=no | 300 death")
    with refused("row 5: not said whether it was resectable"):
        course(TREATED + "| 180 assessment response=progression | 300 death")
    # resectable whatever the response: nothing hangs on it
    assert months_and_event(TREATED + "| 180 assessment resectable=yes | 300 death", "scp") == (
        10,
        False,
    )


@pytest.mark.parametrize(
    ("site", "liver", "only", "lung", "elsewhere"),
    [
        ("liver", "yes", "yes", "no", "no"),
        ("liver+lung", "yes", "no", "yes", "no"),
        ("lung + peritoneum", "no", "no", "yes", "yes"),
        ("Lymph node", "no", "no", "no", "yes"),
    ],
)
def test_sites(site: str, liver: str, only: str, lung: str, elsewhere: str) -> None:
    patient = course(f"0 hepatectomy | 90 recurrence site={site} | 300 death", MSKCC)
    flags = ["site_liver", "site_liver_only", "site_lung", "site_extrahepatic"]
    assert patient[flags].tolist() == [liver, only, lung, elsewhere]


def test_first_sites_are_all_of_the_first_day_and_no_later() -> None:
    patient = course(
        "0 hepatectomy | 90 recurrence site=liver; resectable=yes | 90 recurrence "
        "site=peritoneum; resectable=yes | 200 recurrence site=lung; resectable=yes | 300 death"
    )
    assert patient[["site_liver", "site_peritoneum", "site_lung"]].tolist() == ["yes", "yes", "no"]


def test_an_unknown_site_is_not_guessed() -> None:
    told = history(
        "0 hepatectomy | 90 recurrence | 300 death",
        "0 hepatectomy | 90 recurrence site=unknown | 300 last_contact",
        "0 hepatectomy | 90 recurrence site=lung | 90 recurrence | 300 death",
        "0 hepatectomy | 90 recurrence site=liver | 120 recurrence | 300 death",
    )
    found = endpoints.from_history(table(4), told, MSKCC)
    assert found["rfs_months"].tolist() == [90 / 30.4375] * 4
    assert found["hepatic_rfs_months"].isna().tolist() == [True, True, True, False]
    assert found["hepatic_rfs_event"].isna().tolist() == [True, True, True, False]
    assert found["site_liver"].isna().tolist() == [True, True, True, False]
    assert found["site_lung"].isna().tolist() == [True, True, False, False]
    assert found["site_extrahepatic"].isna().tolist() == [True, True, True, False]
    assert found["site_extrahepatic"].tolist()[3] == "no"
    assert found["site_liver_only"].tolist()[2:] == ["no", "yes"]


def test_dates_days_and_both() -> None:
    told = history(TREATED + " | 300 death", "0 hepatectomy | 77 last_contact")
    start = told["patient_id"].map({"P1": "2016-02-01", "P2": "2020-12-31"})
    dates = pd.to_datetime(start) + pd.to_timedelta(told["day"], "D") + pd.Timedelta(hours=5)
    by_day = endpoints.from_history(table(2), told, NCCH)
    by_date = endpoints.from_history(table(2), told.drop(columns="day").assign(date=dates), NCCH)
    both = told.assign(date=dates)
    pd.testing.assert_frame_equal(by_day, by_date)
    pd.testing.assert_frame_equal(by_day, endpoints.from_history(table(2), both, NCCH))
    half = both.assign(day=both["day"].where(both.index % 2 == 0))
    pd.testing.assert_frame_equal(by_day, endpoints.from_history(table(2), half, NCCH))
    both.loc[3, "day"] = 301
    with refused("row 5: day is not that of the date"):
        endpoints.from_history(table(2), both, NCCH)


def test_the_order_of_the_file_does_not_matter() -> None:
    told = history(TREATED + "| 180 assessment response=progression; resectable=no| 180 death")
    shuffled = told.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        endpoints.from_history(table(1), told, NCCH),
        endpoints.from_history(table(1), shuffled, NCCH),
    )


def test_the_callers_frames_are_left_alone() -> None:
    told, patients = history(TREATED + " | 300 death"), table(1, os_months=[10.0])
    before = told.copy(), patients.copy()
    endpoints.from_history(patients, told, NCCH)
    pd.testing.assert_frame_equal(told, before[0])
    pd.testing.assert_frame_equal(patients, before[1])


def test_hospital_spelling_is_understood() -> None:
    text = TREATED.replace("p_nac", "p-NAC") + " | 300 Death"
    assert months_and_event(text, "os") == (10, True)


# Contradictions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5 recurrence resectable=no | 9 death", "row 2: patient without a hepat"),
        ("0 hepatectomy | 0 hepatectomy | 9 death", "row 2, 3: hepatectomy given twice"),
        ("0 hepatectomy | 8 death | 9 death", "row 3, 4: death given twice"),
        ("0 hepatectomy | 8 last_contact | 9 last_contact", "row 3, 4: last_contact given twice"),
        ("0 hepatectomy | 8 recurrence resectable=no", "row 2: patient with neither"),
        ("0 hepatectomy | -3 recurrence resectable=no | 9 death", "row 3: before the hepat"),
        ("0 hepatectomy | 9 death | 10 recurrence resectable=no", "row 4: after the death"),
        ("0 hepatectomy | 9 death | 10 last_contact", "row 4: after the death"),
        (
            "0 hepatectomy | 9 last_contact | 10 recurrence resectable=no",
            "row 4: after the last contact",
        ),
        ("0 hepatectomy | 7 resection | 9 death", "row 3: resection without a recurrence"),
        ("0 hepatectomy | 7 p_nac | 9 death", "row 3: p_nac without a recurrence"),
        (
            RESECTABLE + " | 120 assessment response=control | 300 death",
            "row 4: assessment without a p_nac",
        ),
        (
            "0 hepatectomy | 7 resection | 8 recurrence resectable=yes | 9 death",
            "row 3: resection without a recurrence",
        ),
        ("0 hepatectomy | 9 dead", "row 3: unknown event 'dead' .did you mean 'death'"),
        ("0 hepatectomy | 5 recurrence resectible=no | 9 death", "did you mean 'resectable'"),
        (
            "0 hepatectomy | 5 recurrence resectable=maybe | 9 death",
            "row 3: unclear 'resectable=maybe'",
        ),
        ("0 hepatectomy | 5 recurrence site=livr; resectable=no | 9 death", "did you mean 'liver'"),
        ("0 hepatectomy | 5 recurrence resectable=yes+no | 9 death", "row 3: unclear"),
        ("0 hepatectomy | 5 recurrence resectable=yes; resectable=no | 9 death", "twice"),
        ("3 hepatectomy | 9 death", "row 2: hepatectomy not on day 0"),
        ("0 hepatectomy | nan death", "row 3: no date"),
    ],
)
def test_contradictions_name_their_rows(text: str, message: str) -> None:
    with refused(message) as caught:
        course(text)
    assert "Correct these rows" in str(caught.value)
    assert "P1" not in str(caught.value)


def test_all_contradictions_are_told_at_once() -> None:
    told = history(
        "0 hepatectomy | 9 death | 10 recurrence resectable=no",
        "0 hepatectomy | 9 resection | 20 death",
        *["0 hepatectomy"] * 7,
    )
    with pytest.raises(CohortError) as caught:
        endpoints.from_history(table(9), told, NCCH)
    text = str(caught.value)
    assert "row 4: after the death" in text
    assert "row 6: resection" in text
    assert "row 8, 9, 10, 11, 12 and 2 more: patient with neither" in text


def test_rows_of_the_file_are_used_when_known() -> None:
    told = history("0 hepatectomy | 9 death | 10 recurrence resectable=no").assign(row=[7, 3, 40])
    with refused("row 40: after"):
        endpoints.from_history(table(1), told, NCCH)


def test_events_of_one_day_have_an_order() -> None:
    text = (
        "0 hepatectomy | 90 recurrence site=liver; resectable=yes | 90 p_nac | 90 assessment "
        "response=control; resectable=yes | 90 resection | 90 death | 90 last_contact"
    )
    assert months_and_event(text, "os") == (3, True)
    assert months_and_event(text, "rfs") == (3, True)
    assert months_and_event(text, "os_after_recurrence") == (0, True)


def test_death_on_the_day_of_surgery_is_time_zero() -> None:
    patients = endpoints.from_history(table(1), history("0 hepatectomy | 0 death"), NCCH)
    frame = endpoints.derive(patients, "OS", NCCH)
    assert frame["time"].tolist() == [0.0]
    assert frame["event"].tolist() == [True]


def test_seen_alive_before_a_registered_death_is_no_contradiction() -> None:
    text = "0 hepatectomy | 200 last_contact | 300 death"
    assert months_and_event(text, "os") == (10, True)
    with refused("after the last contact"):
        course("0 hepatectomy | 200 last_contact | 250 recurrence resectable=no | 300 death")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h.drop(columns="event"), "lacks the column event"),
        (lambda h: h.drop(columns="day"), "lacks the column date"),
        (lambda h: h.drop(columns="day").assign(date="2020-01-01"), "not dates"),
        (lambda h: h.assign(day="soon"), "day is not a number"),
        (lambda h: h.assign(event=None), "no event named"),
        (lambda h: h.assign(patient_id="x" + h["patient_id"]), "No patient_id of the event hist"),
        (lambda h: h.assign(patient_id=[None, "P1", "P1"]), "row 2: no patient_id"),
    ],
)
def test_unreadable_histories(change: object, message: str) -> None:
    told = history("0 hepatectomy | 90 recurrence resectable=no | 300 death")
    with refused(message):
        endpoints.from_history(table(1), change(told), NCCH)


def test_a_history_without_details_serves_a_study_without_scp() -> None:
    told = history("0 hepatectomy | 90 recurrence | 300 death").drop(columns="details")
    found = endpoints.from_history(table(1), told, MSKCC)
    assert found["rfs_months"].tolist() == [90 / 30.4375]
    assert found["site_liver"].isna().all()


# Ready columns -------------------------------------------------------------------------------


def test_patients_without_history_keep_their_ready_columns() -> None:
    ready = {
        "os_months": [9.999, 41.5],
        "os_event": pd.array([None, True], dtype="boolean"),
        "scp_months": [np.nan, 8.5],
        "scp_event": pd.Categorical([None, "1"], categories=["0", "1"]),
        "site_liver": pd.Categorical([None, "yes"], categories=["no", "yes"]),
    }
    found = endpoints.from_history(table(2, **ready), history(TREATED + " | 300 death"), NCCH)
    assert found["os_months"].tolist() == [10.0, 41.5]
    assert found["os_event"].tolist() == [True, True]
    assert found["scp_months"].tolist() == [10.0, 8.5]
    assert found["scp_event"].tolist() == [False, True]
    assert found["site_liver"].tolist() == ["yes", "yes"]
    assert found["rfs_months"].isna().tolist() == [False, True]
    assert found["rfs_event"].isna().tolist() == [False, True]


@pytest.mark.parametrize(("ready", "agrees"), [(10.005, True), (9.995, True), (10.006, False)])
def test_ready_times_agree_within_half_a_printed_hundredth(ready: float, agrees: bool) -> None:
    patients, told = table(1, os_months=[ready]), history("0 hepatectomy | 300 death")
    if agrees:
        assert endpoints.from_history(patients, told, NCCH)["os_months"].item() == 10.0
        return
    message = r"row 2: os_months is 10.006, but the event history gives 10 months of 30 days"
    with refused(message):
        endpoints.from_history(patients, told, NCCH)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("os_event", False, "os_event is 0, but the event history gives 1"),
        ("site_liver", "yes", "site_liver is 1, but the event history gives 0"),
        ("os_after_recurrence_months", 4.0, "is 4, but the event history gives nothing"),
        ("os_event", "dead", "os_event holds 'dead'"),
        ("os_months", "ten", "os_months must hold months as numbers"),
    ],
)
def test_ready_columns_that_disagree(name: str, value: object, message: str) -> None:
    with refused(message):
        endpoints.from_history(
            table(1, **{name: [value]}), history("0 hepatectomy | 300 death"), NCCH
        )


def test_a_patient_named_twice_is_refused() -> None:
    twice = pd.DataFrame({"patient_id": ["P1", "P1"]})
    with refused("row 2, 3: patient_id is used more than once"):
        endpoints.from_history(twice, history("0 hepatectomy | 300 death"), NCCH)
    with refused("lacks the column patient_id"):
        endpoints.from_history(pd.DataFrame(), history("0 hepatectomy | 300 death"), NCCH)


def test_history_of_excluded_patients_is_passed_over() -> None:
    told = history("0 hepatectomy | 300 death", "7 nonsense", "0 hepatectomy | 60 death")
    kept = table(3).iloc[[0, 2]]
    found = endpoints.from_history(kept, told, NCCH)
    assert found["os_months"].tolist() == [10.0, 2.0]
    assert found.index.tolist() == [0, 2]


# Deviations ----------------------------------------------------------------------------------


def deviations(*courses: str, **choices: object) -> dict[str, int]:
    found = endpoints.protocol_deviations(history(*courses), NCCH, **choices)
    return dict(zip(found["deviation"], found["n"], strict=True))


def test_protocol_deviations_are_counted_by_patient() -> None:
    found = deviations(
        # as the protocol has it
        TREATED + "| 180 assessment response=control; resectable=yes | 300 last_contact",
        # late recurrence, p-NAC all the same, never assessed
        "0 hepatectomy | 180 recurrence resectable=yes | 190 p_nac | 300 death",
        # early, resected without p-NAC; p-NAC only for the second recurrence
        RESECTABLE + "| 120 resection | 170 recurrence resectable=yes | 175 p_nac"
        "| 200 assessment response=control; resectable=no | 300 death",
        # treated and resected after failure
        "0 hepatectomy | 90 recurrence resectable=no | 95 p_nac | 150 assessment "
        "response=control; resectable=yes | 160 resection | 300 death",
        # early and beyond surgery: no p-NAC expected
        "0 hepatectomy | 90 recurrence resectable=no | 300 death",
    )
    assert found == {
        "p-NAC for a recurrence that was not early": 1,
        "early resectable recurrence without p-NAC": 1,
        "p-NAC never assessed": 1,
        "controlled by p-NAC, yet unresectable": 1,
        "p-NAC at or after surgical failure": 1,
        "resection at or after surgical failure": 1,
    }


def test_early_is_less_than_six_months() -> None:
    late = "0 hepatectomy | 180 recurrence resectable=yes | 300 death"
    early = "0 hepatectomy | 179 recurrence resectable=yes | 300 death"
    key = "early resectable recurrence without p-NAC"
    assert deviations(late)[key] == 0
    assert deviations(early)[key] == 1
    assert deviations(early, early_recurrence_months=5.0)[key] == 0


def test_deviations_name_rows_and_unmatched_patients() -> None:
    told = history("0 hepatectomy | 179 recurrence resectable=yes | 300 death", "0 hepatectomy")
    patients = pd.DataFrame({"patient_id": ["P1", "P9", "P8"], "os_months": [np.nan, 5, np.nan]})
    found = endpoints.protocol_deviations(told, NCCH, patients).set_index("deviation")
    assert found.loc["early resectable recurrence without p-NAC", "rows"] == "3"
    assert found.loc["history of a patient who is not in the table", ["n", "rows"]].tolist() == [
        1,
        "5",
    ]
    assert found.loc["patient with neither history nor OS time", "n"] == 1
    assert endpoints.protocol_deviations(told[:3], MSKCC).empty


# derive --------------------------------------------------------------------------------------


def ready(time: list[float], event: list[object], name: str = "os", **more: object) -> pd.DataFrame:
    code = pd.array(event, dtype="boolean")
    return table(len(time), **{f"{name}_months": time, f"{name}_event": code}, **more)


def test_derive_keeps_complete_patients_and_all_columns() -> None:
    patients = ready([5.0, np.nan, 0.0, 7.0], [True, None, True, False], age=[50, 60, 70, 80.0])
    frame = endpoints.derive(patients, "OS", NCCH)
    assert frame.index.tolist() == [0, 2, 3]
    assert frame["time"].tolist() == [5.0, 0.0, 7.0]
    assert frame["event"].tolist() == [True, True, False]
    assert frame["event"].dtype == bool
    assert frame["endpoint"].unique().tolist() == ["OS"]
    assert frame["age"].tolist() == [50, 70, 80]
    assert "entry" not in frame
    assert "time" not in patients


@pytest.mark.parametrize(
    "event", [["1", "0"], [1, 0], [1.0, 0.0], [True, False], pd.Categorical(["1", "0"])]
)
def test_event_codes_that_are_understood(event: object) -> None:
    frame = endpoints.derive(table(2, os_months=[5.0, 6.0], os_event=event), "OS", NCCH)
    assert frame["event"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("patients", "message"),
    [
        (table(1), "OS needs os_months and os_event; the table lacks os_months and os_event"),
        (table(1, os_months=[1.0]), "lacks os_event. Add them"),
        (ready([np.nan], [None]), "no patient has both"),
        (ready([5.0, -1.0], [True, True]), "row 3: os_months is no time"),
        (ready([5.0, np.inf], [True, True]), "row 3: os_months is no time"),
        (ready([5.0, 6.0], [True, None]), "row 3: os_months is filled but os_event is empty"),
        (table(2, os_months=[5.0, 6.0], os_event=[1, 2]), "os_event holds 2"),
    ],
)
def test_derive_refuses(patients: pd.DataFrame, message: str) -> None:
    with refused(message):
        endpoints.derive(patients, "OS", NCCH)


def test_unknown_endpoint() -> None:
    with pytest.raises(ParameterError, match="mskcc_hai has no endpoint 'SCP'. It has: OS, RFS"):
        endpoints.derive(ready([5.0], [True], "scp"), "SCP", MSKCC)


def test_rows_keep_their_place_in_the_file_after_exclusions() -> None:
    patients = ready([5.0, 6.0, -1.0], [True, True, True]).iloc[[0, 2]]
    with refused("row 4"):
        endpoints.derive(patients, "OS", NCCH)


def test_late_entry() -> None:
    patients = ready([5.0, 9.0], [True, False], entry_months=[np.nan, 4.0])
    frame = endpoints.derive(patients, "OS", NCCH)
    assert frame["entry"].tolist() == [0.0, 4.0]
    without = endpoints.derive(patients.assign(entry_months=[0.0, np.nan]), "OS", NCCH)
    assert "entry" not in without
    for entry, message in [(9.0, "row 3: observation began"), (-1.0, "row 3: entry_months is neg")]:
        with refused(message):
            endpoints.derive(patients.assign(entry_months=[0.0, entry]), "OS", NCCH)


def test_late_entry_after_the_event() -> None:
    patients = ready([5.0, 9.0], [True, False], "rfs", entry_months=[6.0, 4.0])
    with refused("row 2: observation began .*entered_late='drop'"):
        endpoints.derive(patients, "RFS", NCCH)
    frame = endpoints.derive(patients, "RFS", NCCH, entered_late="drop")
    assert frame["entry"].tolist() == [4.0]
    with refused("row 2: observation began"):
        endpoints.derive(
            patients.rename(columns=lambda name: name.replace("rfs", "os")),
            "OS",
            NCCH,
            entered_late="drop",
        )


def test_late_entry_is_moved_to_the_clock_of_the_recurrence() -> None:
    patients = ready(
        [10.0, 10.0, 8.0],
        [True, False, True],
        "os_after_recurrence",
        os_months=[30.0, 30.0, 30.0],
        entry_months=[24.0, 12.0, np.nan],
    )
    frame = endpoints.derive(patients, "OS_after_recurrence", NCCH)
    assert frame["entry"].tolist() == [4.0, 0.0, 0.0]
    with refused("needs os_months"):
        endpoints.derive(patients.drop(columns="os_months"), "OS_after_recurrence", NCCH)
    with refused("row 2: os_months is empty"):
        endpoints.derive(patients.assign(os_months=[np.nan, 30, 30]), "OS_after_recurrence", NCCH)


def test_available_says_why_not() -> None:
    patients = ready([5.0], [True])
    assert endpoints.available(patients, "OS")
    assert endpoints.why_not(patients, "OS") == ""
    assert not endpoints.available(patients, "SCP")
    assert endpoints.why_not(patients, "SCP") == (
        "SCP needs scp_months and scp_event; the table lacks scp_months and scp_event."
    )


def test_short_scp() -> None:
    patients = ready(
        [11.99, 12.0, 30.0, 11.9, 12.0, np.nan], [True, True, True, False, False, None], "scp"
    )
    for rule, early in (("not short", "no"), ("short", "yes"), ("exclude", None)):
        found = endpoints.short_scp(patients, 12, rule)
        assert found.name == "short_scp"
        assert found.astype(object).where(found.notna(), None).tolist() == [
            "yes",
            "no",
            "no",
            early,
            "no",
            None,
        ]
        assert list(found.cat.categories) == ["no", "yes"]
    assert endpoints.short_scp(patients, 31).tolist()[:3] == ["yes"] * 3
    with pytest.raises(ParameterError, match="censored is 'drop'"):
        endpoints.short_scp(patients, censored="drop")
    with pytest.raises(ParameterError, match="months is 0"):
        endpoints.short_scp(patients, 0)
    assert endpoints.short_scp(table(2)).isna().all()
    assert endpoints.short_scp(table(2)).cat.categories.tolist() == ["no", "yes"]


def test_all_endpoints_that_a_table_can_feed() -> None:
    patients = ready([5.0, 9.0], [True, False], rfs_months=[4.0, np.nan], rfs_event=[1, np.nan])
    frames = endpoints.derive_all(patients, NCCH)
    assert list(frames) == ["OS", "RFS"]
    assert [len(frame) for frame in frames.values()] == [2, 1]
    late = endpoints.derive_all(patients.assign(entry_months=4.0), NCCH, entered_late="drop")
    assert {name: len(frame) for name, frame in late.items()} == {"OS": 2}


def test_an_empty_history_changes_no_ready_column() -> None:
    none = pd.DataFrame(columns=["patient_id", "date", "event", "details"])
    patients = ready([5.0, 9.0], [True, False])
    found = endpoints.from_history(patients, none, NCCH)
    pd.testing.assert_frame_equal(found[patients.columns], patients)
    assert list(endpoints.derive_all(found, NCCH)) == ["OS"]
    assert endpoints.protocol_deviations(none, NCCH, patients)["n"].eq(0).all()


# What always holds ---------------------------------------------------------------------------


def random_history(n: int, seed: int) -> pd.DataFrame:
    """Possible histories of `n` patients, from none to three recurrences each."""
    chance = np.random.default_rng(seed)
    courses = []
    for _ in range(n):
        day, steps = 0, ["0 hepatectomy"]
        for _ in range(chance.integers(0, 4)):
            day += int(chance.integers(0, 400))
            site = "+".join(chance.choice(cohort.SITES, chance.integers(1, 3), replace=False))
            steps.append(f"{day} recurrence site={site}; resectable={chance.choice(['yes', 'no'])}")
            if chance.random() < 0.5:
                day += int(chance.integers(0, 60))
                steps.append(f"{day} p_nac")
                day += int(chance.integers(0, 120))
                answer = chance.choice(["progression", "control"])
                fit = chance.choice(["yes", "no"])
                steps.append(f"{day} assessment response={answer}; resectable={fit}")
            if chance.random() < 0.5:
                steps.append(f"{day} resection")
        day += int(chance.integers(0, 900))
        steps.append(f"{day} {chance.choice(['death', 'last_contact'])}")
        courses.append(" | ".join(steps))
    return history(*courses)


def plain_scp(events: pd.DataFrame) -> tuple[float, bool]:
    """The paper's rule, read aloud one event after the other."""
    for _, event in events.iterrows():
        unresectable = "resectable=no" in event["details"]
        if event["event"] == "recurrence" and unresectable:
            return event["day"] / 30, True
        progressed = "progression" in event["details"]
        if event["event"] == "assessment" and progressed and unresectable:
            return event["day"] / 30, True
        if event["event"] in ("death", "last_contact"):
            return event["day"] / 30, False
    raise AssertionError("the history never ends")


def test_endpoints_are_ordered_in_time() -> None:
    told = random_history(400, seed=20240801)
    ids = pd.DataFrame({"patient_id": told["patient_id"].unique()})
    found = endpoints.from_history(ids, told.sample(frac=1, random_state=3), NCCH)
    after = found["os_after_recurrence_months"]
    assert (found["rfs_months"] <= found["scp_months"]).all()
    assert (found["scp_months"] <= found["os_months"]).all()
    assert (found["rfs_months"] <= found["hepatic_rfs_months"]).all()
    assert (found["rfs_event"] | ~found["scp_event"]).all()
    assert (found["rfs_event"] | ~found["os_event"]).all()
    assert (found["site_liver"] == "yes").any()
    recurred = after.notna()
    np.testing.assert_allclose(
        (found["rfs_months"] + after)[recurred], found["os_months"][recurred]
    )
    assert (found["os_event"] == found["rfs_event"])[~recurred].all()
    strict = endpoints.from_history(ids, told, NCCH, controlled_unresectable="failure")
    assert (strict["scp_months"] <= found["scp_months"]).all()
    assert (strict["scp_months"] < found["scp_months"]).any()


def test_scp_equals_the_rule_read_aloud() -> None:
    told = random_history(150, seed=7)
    ids = pd.DataFrame({"patient_id": told["patient_id"].unique()})
    found = endpoints.from_history(ids, told, NCCH)
    aloud = [plain_scp(events) for _, events in told.groupby("patient_id", sort=False)]
    assert list(zip(found["scp_months"], found["scp_event"], strict=True)) == aloud


def test_same_day_order_is_total() -> None:
    """Whatever two events share a day, shuffling the file changes nothing."""
    base = TREATED + "| 100 assessment response=progression; resectable=no | 100 resection"
    told = history(base + " | 100 death")
    wanted = endpoints.from_history(table(1), told, NCCH)
    for order in itertools.permutations(range(2, len(told))):
        mixed = told.iloc[[0, 1, *order]]
        pd.testing.assert_frame_equal(endpoints.from_history(table(1), mixed, NCCH), wanted)
    assert cohort.EVENTS == (
        "hepatectomy",
        "genetic_test",
        "visit",
        "hai_start",
        "recurrence",
        "p_nac",
        "assessment",
        "resection",
        "hai_stop",
        "death",
        "last_contact",
    )


def test_from_a_file_to_an_analysis_frame(tmp_path: Path) -> None:
    """A history as a hospital writes it; contradictions name the row that Excel shows."""
    text = (
        "patient_id,date,event,details\n"
        "A,2016-01-01,hepatectomy,\n"
        "B,2016-02-01,hepatectomy,\n"
        "A,2016-03-31,recurrence,site=Liver; resectable=Yes\n"
        "A,2016-04-10,p-NAC,\n"
        "A,2016-06-29,assessment,response=PD; resectable=no\n"
        "B,2018-01-21,last contact,\n"
        "A,2017-06-24,death,\n"
    )
    path = tmp_path / "history.csv"
    path.write_text(text, encoding="utf-8")
    told = cohort.load_history(path, NCCH)
    patients = pd.DataFrame({"patient_id": ["A", "B"]})
    frame = endpoints.derive(endpoints.from_history(patients, told, NCCH), "SCP", NCCH)
    assert frame["time"].tolist() == [6.0, 24.0]
    assert frame["event"].tolist() == [True, False]
    files.forget()
    path.write_text(text.replace("B,2018-01-21,last", "A,2018-01-21,last"), encoding="utf-8")
    with refused("row 3: patient with neither.*row 7: after the death"):
        endpoints.from_history(patients, cohort.load_history(path, NCCH), NCCH)


# What the record cannot date exactly --------------------------------------------------------


BOUNDED = (
    # never recurred
    "0 hepatectomy | 600 last_contact",
    # beyond surgery at once, in month 4
    "0 hepatectomy | 120 recurrence site=lung; resectable=no | 300 death",
    # early, p-NAC, progression beyond surgery in month 6
    "0 hepatectomy | 60 recurrence site=liver; resectable=yes | 75 p_nac"
    "| 180 assessment response=progression; resectable=no | 450 death",
    # early, p-NAC, control, resection: no failure but under the third rule
    "0 hepatectomy | 150 recurrence site=liver; resectable=yes | 165 p_nac"
    "| 255 assessment response=control; resectable=yes | 270 resection | 900 last_contact",
    # a second, late recurrence after a resection, p-NAC for it, progression
    "0 hepatectomy | 210 recurrence site=lung; resectable=yes | 240 resection"
    "| 390 recurrence site=liver; resectable=yes | 400 p_nac"
    "| 480 assessment response=progression; resectable=no | 720 last_contact",
)


def bounded(**choices: object) -> dict[str, pd.DataFrame]:
    told = history(*BOUNDED)
    known = endpoints.from_history(table(len(BOUNDED)), told, NCCH)
    return endpoints.bounds(known, told, NCCH, **choices)


def test_bounds_of_failure_by_hand() -> None:
    found = bounded()
    assert tuple(found) == endpoints.BOUNDS
    months = {name: frame["time"].tolist() for name, frame in found.items()}
    assert months["record"] == [20, 4, 6, 30, 16]
    assert months["recurrence bound"] == [20, 4, 2, 30, 13]
    assert months["early bound"] == [20, 4, 2, 5, 16]
    events = {name: frame["event"].tolist() for name, frame in found.items()}
    assert events["record"] == events["recurrence bound"] == [False, True, True, False, True]
    assert events["early bound"] == [False, True, True, True, True]
    assert found["record"][endpoints.EARLY_PNAC].tolist() == ["no", "no", "yes", "yes", "no"]


def test_an_earlier_limit_makes_fewer_early_failures() -> None:
    assert bounded(early_months=3.0)["early bound"]["event"].sum() == 3
    with pytest.raises(ParameterError, match="positive number of months"):
        bounded(early_months=-1.0)


def test_the_record_is_the_frame_of_the_paper_on_the_shipped_cohort() -> None:
    screened = cohort.load(ledger.data_folder() / "ncch_scp" / "cohort.csv", NCCH)
    told = cohort.events("", "", NCCH, None, screened)
    frames = endpoints.frames(endpoints.timed(screened, told, NCCH), NCCH)
    found = endpoints.bounds(frames["patients"], told, NCCH)
    pd.testing.assert_series_equal(found["record"]["time"], frames["SCP"]["time"])
    pd.testing.assert_series_equal(found["record"]["event"], frames["SCP"]["event"])
    for name in ("recurrence bound", "early bound"):
        assert (found[name]["time"] <= found["record"]["time"] + 1e-12).all()


def test_bounds_need_a_history_and_a_period() -> None:
    known = table(1, os_months=[3.0], os_event=[1], scp_months=[3.0], scp_event=[1])
    empty = history("0 hepatectomy | 9 death").iloc[:0]
    with pytest.raises(CohortError, match="No patient has an event history"):
        endpoints.bounds(known, empty, NCCH)
    with pytest.raises(CohortError, match="no surgically controllable period"):
        endpoints.bounds(known, empty, MSKCC)


def test_the_last_examination_without_recurrence() -> None:
    frame = pd.DataFrame(
        {
            "time": [10.0, 3.0, 20.0, 8.0],
            "event": [True, True, False, True],
            "os_months": [30.0, 12.0, 20.0, 8.0],
            "os_event": [1, 0, 0, 1],
        }
    )
    # A recurrence four months after the last visit, one at once, one censored, one death.
    assert endpoints.last_negative(frame, 4.0).tolist() == [6, 0, 20, 8]
    known = frame.assign(last_negative_months=[9.5, np.nan, np.nan, 2.0])
    assert endpoints.last_negative(known, 4.0).tolist() == [9.5, 0, 20, 8]
    assert endpoints.last_negative(frame, 0.0).tolist() == frame["time"].tolist()
    with pytest.raises(ParameterError, match="0 or more"):
        endpoints.last_negative(frame, -1.0)


def test_frames_of_a_large_table_share_what_none_has_anew(monkeypatch):
    """As many frames as endpoints would be as many tables; what one takes in, no other has."""
    patients = cohort.load(NCCH.folder / "cohort.csv", NCCH)
    known = endpoints.timed(patients, cohort.load_history(NCCH.folder / "history.csv", NCCH), NCCH)
    known = known[cohort.eligibility(known, NCCH).all(axis=1)]
    small = endpoints.frames(known, NCCH)
    monkeypatch.setattr("crlm.endpoints.columns._LARGE", 10)
    large = endpoints.frames(known, NCCH)
    for name, frame in small.items():
        pd.testing.assert_frame_equal(large[name], frame)
    assert np.shares_memory(large["OS"]["age"], known["age"])
    assert not np.shares_memory(small["OS"]["age"], known["age"])
    large["OS"]["age"] = 0.0
    large["OS"]["another"] = 1
    assert "another" not in large["RFS"] and "time" not in known
    pd.testing.assert_series_equal(large["RFS"]["age"], small["RFS"]["age"])
