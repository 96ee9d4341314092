"""Rows of a table of arms whose number lies between the arms, and arms of several populations."""

import openpyxl
import pytest

from crlm.ledger import LedgerError
from crlm.transcription import claims_of, grid
from tests.test_transcription_surgical import DESIGN, loaded

ARMS = ["", "Treatment (n = 216)", "Control (n = 204)", "Total (N = 420)"]
MEDIANS = ["Median RFS, months (95% CI)", "14.6 (12.4, 17.1)", "11.3 (9.2, 13.4)", "13.0"]
RATIO = ["HR treatment vs. control (95% CI)", "0.75 (0.61, 0.93)", "", "–"]
P = ["P value", "0.008", "", "–"]


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    return loaded(tmp_path_factory.mktemp("data"), DESIGN)


def read(rows, design, **said):
    return claims_of(rows, design, "curves", place="table2", endpoint="RFS", **said)


def told(made):
    names = ("population", "group", "level", "statistic", "field", "printed")
    return [tuple(claim[name] for name in names) for claim in made.claims]


def test_a_row_between_the_arms_is_of_the_second_against_the_first(design):
    """As tables 2 and 4 of Breast Cancer Res 2015;17:150: it was no row of curves."""
    made = read([ARMS, MEDIANS, RATIO, P], design)
    assert not made.questions
    assert told(made)[-4:-1] == [
        ("all", "all", "yes", "hazard_ratio", field, text)
        for field, text in (("estimate", "0.75"), ("conf_low", "0.61"), ("conf_high", "0.93"))
    ]
    assert ("all", "arm", "", "p", "estimate", "0.008") in told(made)
    assert ("all", "all", "", "n", "estimate", "420") in told(made)
    assert ("all", "all", "", "median_survival", "estimate", "13.0") in told(made)


@pytest.mark.parametrize(
    ("cells", "asked"),
    [
        (["0.75", "0.80", ""], "has '0.75', '0.80' below the arms"),
        (["1 (ref)", "1.33", ""], "one number is of Treatment against Control"),
        (["0.75", "1 (ref)", ""], ""),
        (["0.75", "0.75", ""], ""),
    ],
)
def test_a_row_of_several_ratios_or_of_the_first_arms_is_asked(design, cells, asked):
    made = read([ARMS, MEDIANS, ["Hazard ratio", *cells]], design)
    assert len(made.questions) == bool(asked) and asked in "".join(made.questions)
    assert ("hazard_ratio" in {claim["statistic"] for claim in made.claims}) != bool(asked)


def test_a_difference_of_rates_may_stand_below_them(design):
    rates = ["3-year RFS, %", "46.2", "37.1", ""]
    made = read([ARMS, rates, ["Difference (95% CI)", "9.1 (0.2, 18.0)", "", ""]], design)
    assert not made.questions
    assert ("all", "arm", "", "difference", "estimate", "9.1") in told(made)


@pytest.mark.parametrize("head", ["HR control vs. treatment", "HR (Control versus Treatment)"])
def test_a_ratio_of_the_first_group_against_the_second_is_asked(design, head):
    """It went in as that of the second against the first, upside down."""
    below = read([ARMS, MEDIANS, [head, "1.33 (1.08, 1.64)", "", ""]], design)
    beside = read([[*ARMS[:3], head], [*MEDIANS[:3], "1.33 (1.08, 1.64)"]], design)
    for made in (below, beside):
        assert "is of Control against Treatment" in made.questions[0]
        assert "hazard_ratio" not in {claim["statistic"] for claim in made.claims}


def test_arms_of_several_populations_stand_side_by_side(design):
    rows = [
        ["", "Premenopausal", "", "", "Postmenopausal", "", ""],
        ["", "Treatment", "Control", "Total", "Treatment", "Control", "Total"],
        ["", "(n = 9)", "(n = 8)", "(n = 17)", "(n = 7)", "(n = 6)", "(n = 13)"],
        [*MEDIANS, *MEDIANS[1:]],
        [*RATIO, *RATIO[1:]],
    ]
    made = read(rows, design)
    assert not made.questions
    assert ("meno=post", "arm=no", "", "n", "estimate", "6") in told(made)
    assert ("meno=pre", "all", "yes", "hazard_ratio", "conf_low", "0.61") in told(made)
    assert len(made.claims) == 2 * (3 + 7 + 3)


def test_a_merged_number_is_read_where_its_row_lies_between_the_arms(design, tmp_path):
    def sheet(name, row):
        book = openpyxl.Workbook()
        for texts in (ARMS[:3], MEDIANS[:3], row[:3]):
            book.active.append(texts)
        book.active.merge_cells("B3:C3")
        book.save(tmp_path / name)
        return grid(tmp_path / name)

    made = read(sheet("ratio.xlsx", RATIO), design)
    assert not made.questions and told(made)[-1][-2:] == ("conf_high", "0.93")
    with pytest.raises(LedgerError, match="B3 holds a number over several columns"):
        sheet("median.xlsx", ["Median OS", "11.3", ""])


EVENTS = ["Control, events/patients", "Treatment, events/patients", "HRb (95% CI)", "p value"]
ENDS = ["Recurrence-free survival", "70/204", "60/216", "0.75 (0.61-0.93)", "0.008"]
NOTE = "aFrom surgery. bHR of treatment against control, adjusted for age and grade."


def test_counts_of_each_arm_beside_end_points_are_of_the_arm(design):
    """As table 3 of PMC5954168: events of both arms were taken as of all patients."""
    head, row, said = ["End point", *EVENTS], [*ENDS], [NOTE, "", "", "", ""]
    made = claims_of([head, row, said], design, "curves", place="table3")
    assert not made.questions
    assert told(made)[:4] == [
        ("all", "arm=no", "", "events", "estimate", "70"),
        ("all", "arm=no", "", "n", "estimate", "204"),
        ("all", "arm=yes", "", "events", "estimate", "60"),
        ("all", "arm=yes", "", "n", "estimate", "216"),
    ]
    # The note of the ratio's letter says that it is adjusted, and p behind it is its own.
    assert {claim["model"] for claim in made.claims} == {"", "multivariable"}
    assert ("all", "all", "yes", "p", "estimate", "0.008") in told(made)


def test_p_behind_a_ratio_of_the_arms_alone_is_of_the_curves(design):
    head, row = ["End point", *EVENTS], [*ENDS]
    made = claims_of([head, row], design, "curves", place="table3")
    assert {claim["model"] for claim in made.claims} == {"", "univariable", "logrank"}
    head[-1] = "Log-rank p"
    made = claims_of([head, row, [NOTE, "", "", "", ""]], design, "curves", place="table3")
    assert {claim["model"] for claim in made.claims} == {"", "multivariable", "logrank"}
