"""P values of Table 1 beside levels, and numbers that are printed as something made of them."""

import pytest

from crlm.transcription import claims_of
from tests.test_transcription_surgical import DESIGN, GROUPS, loaded


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    return loaded(tmp_path_factory.mktemp("data"), DESIGN)


def p_of(design, heading, *values):
    rows = [["Tumour grade", "", "", heading]] if heading is not None else []
    counts = (
        ("100 (22.7)", "60 (24.4)"),
        ("200 (45.5)", "100 (40.7)"),
        ("140 (31.8)", "86 (35.0)"),
    )
    levels = zip(("I", "II", "III"), counts, values, strict=False)
    rows += [[one if rows else f"Tumour grade {one}", *cells, p] for one, cells, p in levels]
    made = claims_of([GROUPS, *rows], design, "two-groups", place="t")
    assert not made.questions, made.questions
    found = [(c["covariate"], c["printed"]) for c in made.claims if c["statistic"] == "p"]
    return found, " ".join(made.left_out)


@pytest.mark.parametrize(
    ("heading", "values"),
    [
        ("", ("0.62", "0.23", "0.40")),  # The first went in as that of all levels, the others
        ("", ("0.62", "", "0.40")),  # were asked: "comes twice".
        (None, ("0.62",)),  # The only level that is printed.
    ],
)
def test_p_of_single_levels_is_none_of_the_whole(design, heading, values):
    found, told = p_of(design, heading, *values)
    assert not found and "p of each against all others (0.62 of I" in told


@pytest.mark.parametrize(
    ("heading", "values"),
    [
        ("0.50", ("", "", "")),
        ("", ("0.50", "", "")),
        ("", ("", "0.50", "")),  # In the middle of merged rows.
        ("", ("0.50", "0.50", "0.50")),
        (None, ("0.50", "", "")),
    ],
)
def test_one_p_beside_several_levels_is_of_the_whole(design, heading, values):
    assert p_of(design, heading, *values) == ([("grade", "0.50")], "")


def test_p_of_the_heading_stands_beside_those_of_its_levels(design):
    found, told = p_of(design, "0.50", "0.62", "0.23", "0.40")
    assert found == [("grade", "0.50")] and "0.23 of II" in told


@pytest.mark.parametrize(
    "label",
    [
        "Tumour size (ln), mean ± SD",  # These went in as the size in mm.
        "Tumour size (log2), mean ± SD",
        "Tumour size (log10 mm), mean ± SD",
        "√Tumour size, mean ± SD",
        "Tumour size (square root), mean ± SD",
        "Tumour size (per 10 mm), mean ± SD",
        "log Tumour size, mean ± SD",
        "Log10 (tumour size), mean ± SD",
        "ln(Tumour size), mean ± SD",
        "Tumour size, log-transformed, mean ± SD",
    ],
)
def test_a_transformed_number_is_asked(design, label):
    rows = [GROUPS, [label, "1.2 ± 0.3", "1.4 ± 0.4", ""]]
    made = claims_of(rows, design, "two-groups", place="t")
    assert len(made.claims) == 2 and "the design has size itself" in made.questions[0]
    answer = {label: "age"}
    made = claims_of(rows, design, "two-groups", place="t", named=answer)
    assert not made.questions and {c["covariate"] for c in made.claims} == {"", "age"}


@pytest.mark.parametrize(
    "label", ["Tumour size (mm), mean ± SD", "Number of positive nodes (LN), mean ± SD"]
)
def test_a_unit_or_a_name_is_no_transformation(design, label):
    rows = [GROUPS, [label, "1.2 ± 0.3", "1.4 ± 0.4", ""]]
    assert not claims_of(rows, design, "two-groups", place="t").questions


def test_a_row_of_p_below_levels_is_that_of_their_heading(design):
    """Lancet's tables have it so; it was asked, and no answer was right."""
    levels = [["I", "100 (22.7)", "60 (24.4)"], ["II", "200 (45.5)", "100 (40.7)"]]
    levels += [["III", "140 (31.8)", "86 (35.0)"]]
    rows = [GROUPS[:3], ["Age, mean (SD)", "60 (10)", "61 (11)"], ["p value", "0.31", ""]]
    rows += [["Tumour grade", "", ""], *levels, ["p value", "0.50", "0.50"]]
    made = claims_of(rows, design, "two-groups", place="t")
    assert not made.questions
    found = [(c["covariate"], c["printed"]) for c in made.claims if c["statistic"] == "p"]
    assert found == [("age", "0.31"), ("grade", "0.50")]
    # Behind another characteristic nobody knows whose it is.
    rows = [GROUPS[:3], ["Tumour grade", "", ""], *levels, rows[1], rows[2]]
    made = claims_of(rows, design, "two-groups", place="t")
    assert made.questions and not any(c["statistic"] == "p" for c in made.claims)
