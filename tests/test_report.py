"""How numbers and tables look, and that a table says what its rows say."""

import math

import pandas as pd
import pytest

from crlm import figures, ledger, report, survival

DESIGN = ledger.load_design("ncch_scp")


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0004, "<0.001"), (0.001, "0.001"), (0.0494, "0.049"), (0.0996, "0.10"), (0.125, "0.13"),
     (1.0, "1.00"), (math.nan, "–")],
)  # fmt: skip
def test_p_values_look_as_in_print(p, text):
    assert report.p_text(p) == text


def test_numbers_are_rounded_half_up():
    assert [report.number(v, 2) for v in (0.125, 2.675, -0.125, math.nan)] == [
        "0.13", "2.68", "-0.13", "–",
    ]  # fmt: skip


def test_a_median_that_is_not_reached_says_so():
    row = {"estimate": math.nan, "conf_low": 3.0, "conf_high": math.nan,
           "statistic": "median_survival"}  # fmt: skip
    assert report.interval(row) == "not reached"
    assert report.interval(row | {"estimate": 5.0}) == "5.00 (3.00–not reached)"


def test_what_a_hospital_types_cannot_become_markup():
    made = report.table("<b>", ["x"], [("", ["<script>alert(1)</script>"])])
    assert "<script>" not in made.html and "&lt;script&gt;" in made.html


def test_a_verdict_carries_its_colour_and_its_word():
    made = report.table("t", ["x", "v"], [("", ["a", "no result"])])
    assert '<span class="verdict no-result">no result</span>' in made.html


def regression_rows():
    base = {"endpoint": "OS", "covariate": "ras", "model": "univariable", "n": 10, "events": 5}
    return ledger.rows(
        [base | {"level": "wild", "statistic": "reference", "estimate": 1.0},
         base | {"level": "mutant", "statistic": "hazard_ratio", "estimate": 2.0,
                 "conf_low": 1.0, "conf_high": 4.0},
         base | {"level": "mutant", "statistic": "p", "estimate": 0.0499}]
    )  # fmt: skip


def test_a_regression_table_has_reference_rows_sizes_and_the_estimate():
    text = report.regression_table(regression_rows(), DESIGN, caption="Table 2").text
    assert "RAS wild type | 10 | 5 | reference" in text
    assert "RAS mutant | 10 | 5 | 2.00 (1.00–4.00) | 0.050" in text


@pytest.fixture
def arms():
    frame = pd.DataFrame(
        {"time": [5.0, 10, 15, 20, 25, 30], "event": [True, False, True, True, False, True],
         "ras": pd.Categorical(["wild", "mutant"] * 3, ["wild", "mutant"]), "endpoint": "OS"}
    )  # fmt: skip
    return survival.summary(frame, "ras", times=[12]), survival.curve(frame, "ras")


def test_a_figure_says_in_words_what_it_shows(arms):
    rows, curves = arms
    picture = figures.kaplan_meier(curves, rows, DESIGN, title="Overall survival")
    assert picture.png.startswith(b"\x89PNG")
    # wild: 5, 15 and 25 (censored): 2/3 after 5, 1/3 after 15
    assert "RAS wild type (n = 3): 67 % at 12, 33 % at 24" in picture.alt
    data, meta = picture._repr_mimebundle_()
    assert meta["image/png"]["alt"] == data["text/plain"] == picture.alt


def test_a_forest_clips_what_would_blank_the_plot():
    rows = regression_rows()
    wild = rows[rows["statistic"] == "hazard_ratio"].assign(conf_high=1e9, estimate=1e4)
    assert "10000.00" in figures.forest(wild, DESIGN, title="t").alt


def test_a_flow_marks_what_cannot_be_checked():
    flow = ledger.rows(
        [{"covariate": "flow", "statistic": "n", "level": level, "estimate": n}
         for level, n in (("start", 9), ("curative", 9), ("curative_excluded", math.nan),
                          ("genetic_data", 8), ("genetic_data_excluded", 1), ("included", 8),
                          ("included_excluded", 0))]
    )  # fmt: skip
    assert "No BRAF mutation 8" in figures.flow(flow, DESIGN).alt


def test_a_sentence_among_numbers_may_wrap():
    sentence = "RAS codon 13 was particularly strongly associated with pulmonary recurrence"
    html = report.table("t", ["a", "b"], [("", ["x", "1.20"]), ("", ["y", sentence])], numeric=[1])
    assert '<td class="num">1.20</td>' in html.html and f"<td>{sentence}</td>" in html.html
