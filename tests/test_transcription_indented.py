"""Tables whose labels are set in by columns of their own, as the Lancet's in a workbook."""

import pytest

from crlm.ledger import ParameterError
from crlm.transcription import claims_of
from tests.test_transcription_surgical import DESIGN, loaded

COLUMNS = """
[columns.who]
type = "category"
levels = ["0", "1"]
label = "WHO performance status"
[columns.cea]
type = "category"
levels = ["low", "high"]
labels = { low = "≤5·0", high = ">5·0" }
label = "CEA"
[columns.operated]
type = "category"
levels = ["no", "yes"]
labels = { no = "Not operated", yes = "Operated" }
label = "Operation"
[columns.extent]
type = "category"
levels = ["none", "some"]
label = "Extent"
"""
#: A label in each storey, as in tables 1 and 4 of EORTC 40983 (Lancet 2008).
TABLE = [
    ["Table 1 Baseline characteristics"] * 4,
    ["", "", "Control (N=182)", "Treatment (N=182)"],
    ["Age (years)", "Age (years)", "", ""],
    ["", "Median (range)", "64 (25–78)", "62 (29–79)"],
    ["WHO performance status", "WHO performance status", "", ""],
    ["", "0", "150 (82%)", "136 (75%)"],
    ["", "1", "31 (17%)", "44 (24%)"],
    ["", "No data documentation", "1 (1%)", "2 (1%)"],
    ["CEA", "CEA", "", ""],
    ["", "≤5·0", "68 (37%)", "66 (36%)"],
    ["", ">5·0", "114 (63%)", "116 (64%)"],
]


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    text = DESIGN.replace("[factors.size_band]", f"{COLUMNS}[factors.size_band]", 1)
    text = text.replace("[table_one]", '[table_one]\npercent_of_all = ["who"]')
    return loaded(tmp_path_factory.mktemp("data"), text)


def read(rows, design, **said):
    return claims_of(rows, design, "two-groups", place="table1", **said)


def keys(claim):
    names = ("group", "covariate", "level", "statistic", "printed")
    return tuple(claim[name] for name in names)


def test_levels_in_a_column_of_their_own_may_be_numbers(design):
    """WHO 0 and 1 were rows "without a label"; "≤5.0" was no level that is called "≤5·0"."""
    assert "'No data documentation=who:missing' for" in read(TABLE, design).questions[0]
    made = read(TABLE, design, named={"No data documentation": "who:missing"})
    assert not made.questions
    told = [keys(claim) for claim in made.claims]
    assert ("arm=no", "age", "", "max", "78") in told
    assert ("arm=yes", "who", "0", "n", "136") in told
    assert ("arm=yes", "who", "", "missing", "2") in told
    assert ("arm=no", "cea", "low", "percent", "37") in told
    assert len(told) == 2 + 6 + 2 * 4 + 4 + 2 * 4


def test_a_locator_has_the_characteristic_before_its_level(design):
    """Six rows of one table were "table1, 0, arm=yes" or "table1, 1, arm=yes"."""
    made = read(TABLE, design, named={"No data documentation": "who:missing"})
    found = {claim["id"]: claim["locator"] for claim in made.claims}
    assert found["table1-arm-yes-who-0-n"] == "table1, WHO performance status, 0, arm=yes"
    assert found["table1-arm-yes-age-max"] == "table1, Age (years), Median (range), arm=yes"
    assert found["table1-arm-yes-cea-low-n"].startswith("table1, CEA, ≤5.0")
    assert found["table1-arm-no-n"] == "table1, header, Control (N=182)"


def test_three_storeys_of_labels_are_one_column(design):
    rows = [
        ["", "", "", "Control", "Treatment"],
        ["Operated", "Operated", "Operated", "170", "159"],
        ["", "Extent", "Extent", "", ""],
        ["", "", "None", "18", "8"],
        ["", "", "Some", "152", "151"],
    ]
    made = read(rows, design)
    assert not made.questions
    told = [keys(claim) for claim in made.claims]
    assert ("arm=yes", "operated", "yes", "n", "159") in told
    assert ("arm=no", "extent", "some", "n", "152") in told


def test_an_answer_is_for_its_row_where_a_heading_has_such_a_level(design):
    """Below "Operated" the answer for "Not operated" was passed over."""
    rows = [["", "Control", "Treatment"], ["Operated", "170", "159"], ["Not operated", "8", "22"]]
    made = read(rows, design, named={"Not operated": "extent:none"})
    assert keys(made.claims[-1]) == ("arm=yes", "extent", "none", "n", "22")


def test_unknown_patients_are_answered_in_tables_of_groups_alone(design):
    rows = [["", "HR (95% CI)"], ["No data", "1.2 (0.8-1.9)"]]
    with pytest.raises(ParameterError, match="no level of who"):
        named = {"No data": "who:missing"}
        claims_of(rows, design, "model", place="table2", endpoint="RFS", named=named)


def test_a_statistic_below_a_heading_of_nothing_names_no_group(design):
    """ "Median (range)" was "read by the field's words as arm"."""
    rows = [["", "Control", "Treatment"], ["Cycles", "", ""], ["Median (range)", "6 (1–6)", ""]]
    assert not read(rows, design).taken
