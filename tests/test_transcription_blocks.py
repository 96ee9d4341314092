"""Tables of curves with several groupings, counts in one cell, and limits beside their number."""

import pandas as pd
import pytest

from crlm import ledger
from crlm.transcription import claims_of

HEADS = ["", "Events/N", "Median OS, months", "95% CI", "5-year OS", "95% CI", "P"]
BLOCKS = [
    ["KRAS status", "", "", "", "", "", "0.012"],
    ["Wild type", "182/418", "67.8", "55.1–80.2", "55.1%", "49–61", ""],
    ["Mutant", "150/256", "44.0", "38–NR", "38.2%", "31–45", ""],
    ["Resection margin", "", "", "", "", "", "<0.001"],
    ["R0", "290/600", "NR", "60.5–NR", "60.0%", "55–65", ""],
    ["R1", "42/74", "not reached", "–", "41.0", "", ""],
]

HEADINGS = ("KRAS status", "Resection margin")


@pytest.fixture(scope="module")
def design():
    return ledger.load_design("mskcc_hai")


def curves(design, rows, endpoint="OS", **more):
    return claims_of(rows, design, "curves", place="table2", endpoint=endpoint, **more)


def told(made):
    assert not made.questions, made.questions
    names = ("group", "statistic", "field", "operator", "printed", "decimals")
    return [tuple(c[name] for name in names) for c in made.claims]


def test_each_block_of_a_table_of_curves_is_split_by_its_heading(design):
    made = curves(design, [HEADS, *BLOCKS])
    assert told(made) == [
        ("kras", "p", "estimate", "=", "0.012", "3"),
        ("kras=wild", "events", "estimate", "=", "182", "0"),
        ("kras=wild", "n", "estimate", "=", "418", "0"),
        ("kras=wild", "median_survival", "estimate", "=", "67.8", "1"),
        ("kras=wild", "median_survival", "conf_low", "=", "55.1", "1"),
        ("kras=wild", "median_survival", "conf_high", "=", "80.2", "1"),
        ("kras=wild", "survival_rate", "estimate", "=", "55.1", "1"),
        ("kras=wild", "survival_rate", "conf_low", "=", "49", "0"),
        ("kras=wild", "survival_rate", "conf_high", "=", "61", "0"),
        ("kras=mutant", "events", "estimate", "=", "150", "0"),
        ("kras=mutant", "n", "estimate", "=", "256", "0"),
        ("kras=mutant", "median_survival", "estimate", "=", "44.0", "1"),
        ("kras=mutant", "median_survival", "conf_low", "=", "38", "0"),
        ("kras=mutant", "median_survival", "conf_high", "", "NR", ""),
        ("kras=mutant", "survival_rate", "estimate", "=", "38.2", "1"),
        ("kras=mutant", "survival_rate", "conf_low", "=", "31", "0"),
        ("kras=mutant", "survival_rate", "conf_high", "=", "45", "0"),
        ("margin", "p", "estimate", "<", "<0.001", "3"),
        ("margin=negative", "events", "estimate", "=", "290", "0"),
        ("margin=negative", "n", "estimate", "=", "600", "0"),
        ("margin=negative", "median_survival", "estimate", "", "NR", ""),
        ("margin=negative", "median_survival", "conf_low", "=", "60.5", "1"),
        ("margin=negative", "median_survival", "conf_high", "", "NR", ""),
        ("margin=negative", "survival_rate", "estimate", "=", "60.0", "1"),
        ("margin=negative", "survival_rate", "conf_low", "=", "55", "0"),
        ("margin=negative", "survival_rate", "conf_high", "=", "65", "0"),
        ("margin=positive", "events", "estimate", "=", "42", "0"),
        ("margin=positive", "n", "estimate", "=", "74", "0"),
        ("margin=positive", "median_survival", "estimate", "", "not reached", ""),
        ("margin=positive", "survival_rate", "estimate", "=", "41.0", "1"),
    ]
    assert [c["id"] for c in made.claims][:3] == [
        "table2-kras-logrank-os-p",
        "table2-kras-wild-os-events",
        "table2-kras-wild-n",
    ]
    assert not made.left_out


def test_a_heading_that_is_merged_to_the_right_stands_in_one_cell(design):
    """Word has its text in every cell that it is merged over."""
    merged = [[row[0]] * 6 + row[6:] if row[0] in HEADINGS else row for row in BLOCKS]
    assert curves(design, [HEADS, *merged]).claims == curves(design, [HEADS, *BLOCKS]).claims


def test_what_is_not_reached_is_a_claim_and_no_question_of_the_ledger(design):
    """Once a report had a median of 92 months beside a printed "not reached", and said nothing."""
    made = curves(design, [HEADS, *BLOCKS])
    unreached = [c for c in made.claims if c["kind"] == "not reached"]
    assert [(c["group"], c["field"], c["printed"]) for c in unreached] == [
        ("kras=mutant", "conf_high", "NR"),
        ("margin=negative", "estimate", "NR"),
        ("margin=negative", "conf_high", "NR"),
        ("margin=positive", "estimate", "not reached"),
    ]
    assert not any(c[key] for c in unreached for key in ("value", "decimals", "operator"))
    frame = pd.DataFrame(made.claims).assign(reference="")
    assert not list(ledger.halves(frame))
    assert list(ledger.halves(frame[frame["kind"] == "number"]))
    for end in ("NR", "NA", "N.R.", "not yet reached", "∞"):
        made = curves(design, [["", "Median, mo (95% CI)"], ["HAI", f"107.6 (80.8–{end})"]])
        assert [c["printed"] for c in made.claims] == ["107.6", "80.8", end]
        assert [c["kind"] for c in made.claims] == ["number", "number", "not reached"]
    for end in ("", "—"):
        made = curves(design, [["", "Median, mo (95% CI)"], ["HAI", f"107.6 (80.8–{end})"]])
        assert [row[2:5:2] for row in told(made)] == [("estimate", "107.6"), ("conf_low", "80.8")]
        assert all(c["note"].startswith("no upper limit") for c in made.claims)
    # "NA" in the place of the median itself may be "not available".
    made = curves(design, [["", "Median, mo (95% CI)"], ["HAI", "NA (80.8–NR)"]])
    assert [c["field"] for c in made.claims] == ["conf_low", "conf_high"]


@pytest.mark.parametrize(
    ("heads", "cells", "want"),
    [
        (["n/N"], ["45/87"], [("events", "45"), ("n", "87")]),
        (["No. of events"], ["45"], [("events", "45")]),
        (["Events (n)"], ["45"], [("events", "45")]),
        (["No. of events/No. of patients"], ["45/87"], [("events", "45"), ("n", "87")]),
        (["Patients (events)"], ["87 (45)"], [("n", "87"), ("events", "45")]),
        (["N", "Deaths, n (%)"], ["87", "45 (51.7%)"], [("n", "87"), ("events", "45")]),
        (["Events/N (%)"], ["45/87 (51.7)"], [("events", "45"), ("n", "87")]),
        (["Deaths"], ["45/87"], [("events", "45"), ("n", "87")]),
        (
            ["5-year OS", "Lower", "Upper"],
            ["55", "49", "61"],
            [("survival_rate", x) for x in ("55", "49", "61")],
        ),
        (
            ["5-year OS, % (95% CI)"],
            ["55 (49-61)"],
            [("survival_rate", x) for x in ("55", "49", "61")],
        ),
        (
            ["Median, mo 95% CI"],
            ["55 (49-61)"],
            [("median_survival", x) for x in ("55", "49", "61")],
        ),
    ],
)
def test_counts_and_limits_stand_in_one_cell_or_beside_each_other(design, heads, cells, want):
    rows = told(curves(design, [["", *heads], ["HAI", *cells]]))
    assert [(row[1], row[4]) for row in rows] == want


def test_heads_in_two_storeys_are_of_their_median_and_their_rate(design):
    rows = [
        ["", "Median OS (months)", "", "5-year OS (%)", "", "P"],
        ["", "Median", "95% CI", "Rate", "95% CI", ""],
        ["HAI", "98.4", "80–120", "65.8", "60–71", "0.01"],
    ]
    found = [row[1:3] for row in told(curves(design, rows))]
    assert found[:3] == [("median_survival", f) for f in ("estimate", "conf_low", "conf_high")]
    assert found[3:6] == [("survival_rate", f) for f in ("estimate", "conf_low", "conf_high")]


def test_rows_may_name_their_grouping_themselves_and_columns_their_endpoint(design):
    rows = [["", "n", "Median OS, mo", "P", "Median RFS, mo", "P"]]
    rows += [
        ["KRAS wild type", "418", "68", "0.01", "20", "0.2"],
        ["KRAS mutant", "256", "44", "", "15", ""],
    ]
    rows += [["R0", "600", "66", "0.03", "19", "0.4"], ["R1", "74", "30", "", "9", ""]]
    made = curves(design, rows, endpoint="")
    assert not made.questions
    p = [(c["endpoint"], c["group"], c["printed"]) for c in made.claims if c["statistic"] == "p"]
    assert p == [
        ("OS", "kras", "0.01"),
        ("RFS", "kras", "0.2"),
        ("OS", "margin", "0.03"),
        ("RFS", "margin", "0.4"),
    ]
    assert {c["group"] for c in made.claims} >= {"kras=mutant", "margin=positive"}


def test_what_a_table_of_curves_does_not_settle_is_asked(design):
    (question,) = curves(design, [["", "Median RFS, mo"], ["HAI", "20"]]).questions
    assert "names RFS, and --endpoint says OS" in question
    assert "--is 'Median RFS, mo=OS'" in question
    made = curves(design, [["", "Median RFS, mo"], ["HAI", "20"]], named={"Median RFS, mo": "OS"})
    assert [c["endpoint"] for c in made.claims] == ["OS"] and not made.questions
    of_some = [["", "n"], ["KRAS mutant", ""], ["HAI", "20"], ["No HAI", "30"]]
    (question,) = curves(design, of_some).questions
    assert "--population kras=mutant" in question
    more = curves(design, [["", "Events/N"], ["HAI", "87/45"]])
    assert "more events than patients" in more.questions[0] and not more.claims
    for head, cell in (("1-, 3- and 5-year OS", "90 (70, 50)"), ("5-year OS", "90/70")):
        made = curves(design, [["", head], ["HAI", cell]])
        assert "column of its own" in made.questions[0] and not made.claims
    for head in ("Median OS, mo (IQR)", "5-year OS (SE)", "Median, months [range]"):
        made = curves(design, [["", head], ["HAI", "98 (60-120)"]])
        assert "no limit of 95 %" in made.questions[0] and not made.claims
    bands = [["", "n", "5-year OS"], ["Age", "", ""], ["<60", "300", "60"], ["≥60", "374", "50"]]
    assert "[factors.age_band]" in curves(design, bands).questions[0]
    stray = curves(design, [["", "HR", "95% CI"], ["HAI", "0.7", "0.5-0.9"]])
    assert len(stray.questions) == 2 and "--is '95% CI=-'" in stray.questions[1]


def test_limits_beside_a_column_that_is_left_out_go_with_it(design):
    """They are of the ratio, and stand behind a median once it is gone."""
    rows = [["", "Median OS, mo", "HR", "95% CI", "P"], ["HAI", "98", "0.7", "0.5-0.9", "0.01"]]
    made = curves(design, rows, named={"HR": "-"})
    assert [(row[1], row[4]) for row in told(made)] == [("median_survival", "98"), ("p", "0.01")]
    assert any("'95% CI'" in said for said in made.left_out)


@pytest.mark.parametrize(
    ("heads", "cells", "want"),
    [
        (["5-year OS, % (95% CI)", "No. at risk"], ["55 (49-61)", "12"], {60: "12"}),
        (["5-year OS", "Lower", "Upper", "N at risk"], ["55", "49", "61", "12"], {60: "12"}),
        (["No. at risk, 1 year", "At risk at 24 months"], ["55", "40"], {12: "55", 24: "40"}),
    ],
)
def test_numbers_at_risk_beside_rates_are_no_rates(design, heads, cells, want):
    """Once "No. at risk, 5 years" below 101 was a survival rate."""
    rows = [["", *heads], ["HAI", *cells]]
    made = [c for c in curves(design, rows).claims if c["statistic"] == "n_at_risk"]
    assert {float(c["time"]): c["printed"] for c in made} == want
    assert all(
        (c["unit"], c["endpoint"], c["field"]) == ("patients", "OS", "estimate") for c in made
    )


def test_times_over_rates_and_numbers_at_risk_are_a_storey_of_the_header(design):
    rows = [["", "5 years", "", "8 years", ""]]
    rows += [["", "% (95% CI)", "No. at risk"] + ["% (95% CI)", "No. at risk"]]
    rows += [["HAI", "55 (49-61)", "12", "40 (30-50)", "8"]]
    made = curves(design, rows)
    assert not made.questions
    found = [(c["statistic"], c["time"], c["printed"]) for c in made.claims if not c["note"]]
    assert found[3::4] == [("n_at_risk", "60", "12"), ("n_at_risk", "96", "8")]


def test_times_below_number_at_risk_are_of_it_unless_the_title_has_rates_too(design):
    rows = [["Number at risk", "1 year", "3 years"], ["HAI", "55", "40"]]
    assert [row[1] for row in told(curves(design, rows))] == ["n_at_risk", "n_at_risk"]
    rows[0][0] = "Survival and numbers at risk"
    questions = curves(design, rows).questions
    assert len(questions) == 2 and "says a time and not what stands below it" in questions[0]


def test_counts_at_a_time_and_incidences_are_no_survival_rates(design):
    made = curves(design, [["", "5-year deaths, n"], ["HAI", "45"]])
    assert [row[1:5:3] for row in told(made)] == [("cumulative_events", "45")]
    heads = ["Patients at 5 years", "5-year cumulative incidence, %", "5-year mortality"]
    made = curves(design, [["", "No. at risk", *heads], ["HAI", "12", "45", "20", "3"]])
    assert not made.claims and len(made.questions) == 4 and "says no time" in made.questions[0]
    assert "is survival; name its cumulative incidence" in made.questions[2]
    (asked,) = curves(design, [["", "5-year OS", "At risk"], ["HAI", "55", "12.5"]]).questions
    assert "which is one whole number" in asked


def test_one_word_stands_for_both_limits(design):
    for cell in ("100.0 (NA)", "100.0 (NE)", "100.0 (NR–NR)"):
        made = curves(design, [["", "5-year OS, % (95% CI)"], ["HAI", cell]])
        assert [row[1:5:3] for row in told(made)] == [("survival_rate", "100.0")]
        word = cell[-3:-1]
        assert made.claims[0]["note"] == f"no lower limit ({word}); no upper limit ({word})"
        assert len(made.left_out) == 1
    rows = [["", "HR (95% CI)", "P"], ["HAI", "2.3 (NE)", "0.2"]]
    made = claims_of(rows, design, "model", place="t", endpoint="OS")
    assert not made.questions and [c["printed"] for c in made.claims] == ["2.3", "0.2"]
