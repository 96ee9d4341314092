"""Regression tables with heads in two storeys, limits apart, and references of every form."""

import openpyxl
import pytest

from crlm import ledger
from crlm.transcription import claims_of, grid
from tests.hand_written import copied
from tests.test_transcription_headings import NODES

BODY = [
    ["Age", "1.01", "0.99–1.03", "0.31", "1.02", "1.00-1.04", "NS"],
    ["KRAS status", "", "", "", "", "", ""],
    ["Wild type", "1 (ref)", "", "", "—", "—", "—"],
    ["Mutant", "1.50", "1.2–1.9", "<.001", "1.4", "1.1-1.8", ".006"],
]
TWICE = ["HR", "95% CI", "P"] * 2
UNI, MULTI = "Univariable", "Multivariable analysis"


@pytest.fixture(scope="module")
def design():
    return ledger.load_design("mskcc_hai")


@pytest.fixture
def banded(tmp_path, monkeypatch):
    """A design with a factor of three bands."""
    path = copied("mskcc_hai", tmp_path) / "design.toml"
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    path.write_text(path.read_text(encoding="utf-8") + NODES, encoding="utf-8")
    return ledger.load_design("mskcc_hai")


def model(design, rows, **more):
    return claims_of(rows, design, "model", place="table2", endpoint="OS", **more)


def told(made):
    assert not made.questions, made.questions
    names = ("covariate", "level", "model", "statistic", "field", "printed")
    return [tuple(claim[name] for name in names) for claim in made.claims]


def ratios(covariate, level, kind, texts):
    fields = ["estimate", "conf_low", "conf_high"]
    return [
        *(
            (covariate, level, kind, "hazard_ratio", f, t)
            for f, t in zip(fields, texts[:3], strict=True)
        ),
        *((covariate, level, kind, "p", "estimate", text) for text in texts[3:]),
    ]


@pytest.mark.parametrize(
    "heads",
    [
        [["Variable", UNI, "", "", MULTI, "", ""], ["", *TWICE]],
        [["", UNI, "", "", MULTI, "", ""], ["Variable", *TWICE]],
        [["Variable", *[UNI] * 3, *[MULTI] * 3], ["Variable", *TWICE]],
        [["", "", UNI, "", "", MULTI, ""], ["Variable", *TWICE]],
        [["Table 2. Survival", *[""] * 6], ["Variable", UNI, "", "", MULTI, "", ""], ["", *TWICE]],
        [["Variable", *(f"{m} {h}" for m, h in zip([UNI] * 3 + [MULTI] * 3, TWICE, strict=True))]],
    ],
    ids=["merged", "corner below", "repeated", "centred", "titled", "prefixed"],
)
def test_two_models_side_by_side_are_told_by_the_storey_above(design, heads):
    made = model(design, [*heads, *BODY])
    assert told(made) == [
        *ratios("age", "", "univariable", ["1.01", "0.99", "1.03", "0.31"]),
        *ratios("age", "", "multivariable", ["1.02", "1.00", "1.04", "NS"]),
        *ratios("kras", "mutant", "univariable", ["1.50", "1.2", "1.9", "<.001"]),
        *ratios("kras", "mutant", "multivariable", ["1.4", "1.1", "1.8", ".006"]),
    ]
    assert made.claims[0]["id"] == "table2-age-univariable-os-hazard-ratio"
    p = made.claims[11]
    assert (p["operator"], p["value"], p["decimals"]) == ("<", "0.001", "3")
    assert made.claims[7]["kind"] == "direction" and not made.left_out


def test_a_pasted_head_stands_over_its_own_columns_wherever_the_paste_has_put_it(design, tmp_path):
    text = (
        "                 Univariable               Multivariable\n"
        "Variable     HR     95% CI      P       HR     95% CI     P\n"
        "Age          1.01   0.99-1.03   0.31    1.02   1.0-1.04   0.2\n"
        "KRAS mutant  1.50   1.2-1.9     <.001   1.4    1.1-1.8    .006\n"
    )
    (tmp_path / "t.txt").write_text(text, encoding="utf-8")
    assert [row[2] for row in told(model(design, grid(tmp_path / "t.txt")))] == (
        ["univariable"] * 4 + ["multivariable"] * 4
    ) * 2


def test_two_models_that_no_word_tells_apart_are_asked(design):
    asked = model(design, [["", *TWICE], *BODY]).questions
    assert len(asked) == 3 and "write Univariable and Multivariable above" in asked[0]


@pytest.mark.parametrize(
    "heads", [["HR", "Lower", "Upper"], ["HR", "95% CI lower", "95% CI upper"], ["HR", "LL", "UL"]]
)
def test_limits_in_two_columns_are_those_of_the_ratio_before_them(design, heads):
    rows = [["", UNI, "", "", MULTI, "", ""], ["", *heads, *heads]]
    rows += [["KRAS mutant", "1.5", "1.2", "1.9", "1.4", "1.1", "1.8"]]
    assert told(model(design, rows)) == [
        *ratios("kras", "mutant", "univariable", ["1.5", "1.2", "1.9"]),
        *ratios("kras", "mutant", "multivariable", ["1.4", "1.1", "1.8"]),
    ]


@pytest.mark.parametrize(
    "sign",
    [
        "Reference",
        "1 (ref)",
        "1.00 [Reference]",
        "—",
        "-",
        "",
        "1 (–)",
        "1",
        "Ref.",
        "Reference group",
    ],
)
def test_a_reference_is_one_however_its_row_says_so(banded, sign):
    """A dash was none, and the levels of a table with another reference were those of the first."""
    rows = [["", "HR (95% CI)", "P"], ["Lymph nodes found", "", "0.04"]]
    rows += [["1-3", "0.4 (0.3-0.6)", "0.01"], ["4-9", sign, ""], ["≥10", "1.7 (1.2-2.1)", ""]]
    made = model(banded, rows)
    assert told(made)[0] == ("lymph_band", "", "multivariable", "p", "estimate", "0.04")
    assert [row[1] for row in told(made)[1:]] == ["1-3"] * 4 + ["10_up"] * 3
    assert {claim["reference"] for claim in made.claims[1:]} == {"4-9"}
    first = [*rows[:2], ["1-3", sign, ""], ["4-9", "1.3 (1.1-1.7)", ""], rows[4]]
    made = model(banded, first)
    assert [row[1] for row in told(made)] == ["", *["4-9"] * 3, *["10_up"] * 3]
    assert all("reference" not in claim for claim in made.claims)


def test_a_level_without_a_ratio_is_no_reference_where_another_may_be(banded):
    """The first level is not printed: the dash may be one that could not be estimated."""
    rows = [["", "HR (95% CI)"], ["Lymph nodes found", ""]]
    rows += [["4-9", "1.3 (1.1-1.7)"], ["≥10", "—"]]
    made = model(banded, rows)
    assert told(made) == [*ratios("lymph_band", "4-9", "multivariable", ["1.3", "1.1", "1.7"])]
    assert "reference" not in made.claims[0]


def test_the_p_beside_a_reference_is_that_of_all_levels(banded):
    """It went to the reference against the second level."""
    rows = [["", "HR (95% CI)", "P"], ["KRAS wild type", "1", "0.03"]]
    rows += [["KRAS mutant", "1.3 (1.1-1.7)", ""], ["Lymph nodes found", "", ""]]
    rows += [
        ["1-3", "Reference", "0.04"],
        ["4-9", "1.3 (1.1-1.7)", "0.2"],
        ["≥10", "1.7 (1-2)", "0.3"],
    ]
    made = model(banded, rows)
    p = [row[:2] for row in told(made) if row[3] == "p"]
    assert p == [("kras", "mutant"), *(("lymph_band", level) for level in ("", "4-9", "10_up"))]
    assert sum("all levels together" in said for said in made.taken) == 2


@pytest.mark.parametrize(
    ("text", "value"), [("NS (0.31)", "0.31"), ("n.s.", "n.s."), ("NS, p = 0.3", "0.3")]
)
def test_a_p_value_that_is_called_not_significant(design, text, value):
    made = model(design, [["", "HR (95% CI)", "P"], ["Age", "1.0 (0.9-1.1)", text]])
    assert [row[5] for row in told(made) if row[3] == "p"] == [value]
    assert made.claims[-1]["kind"] == ("direction" if value == text else "number")


@pytest.mark.parametrize("kind", ["xlsx", "txt", "csv", "docx"])
def test_a_question_names_the_row_of_the_file(design, tmp_path, kind):
    """A title, a blank row and the second storey of the header were not counted."""
    rows = [["Table 2. Survival", "", ""], ["", "", ""], ["", UNI, ""], ["", "HR (95% CI)", "P"]]
    rows += [["Age", "1.0 (0.9-1.1)", "0.5"], ["", "", ""], ["Sort", "1.2 (1.1-1.3)", "0.01"]]
    path = tmp_path / f"t.{kind}"
    if kind == "xlsx":
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append([text or None for text in row])
        book.save(path)
    elif kind == "docx":
        document = pytest.importorskip("docx").Document()
        table = document.add_table(rows=len(rows), cols=3)
        for row, texts in zip(table.rows, rows, strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text
        document.save(path)
    else:
        comma = "\t" if kind == "txt" else ","
        path.write_text("\n".join(comma.join(row) for row in rows) + "\n", encoding="utf-8")
    (question,) = model(design, grid(path)).questions
    assert question.startswith("row 7: 'Sort' is no characteristic")


def test_a_storey_below_two_endpoints_may_name_the_test_of_its_p(design):
    heads = ["HR", "95% CI", "Wald’s p"] * 2
    rows = [
        ["Table 4 Multivariate Cox regression analysis"] + [""] * 6,
        ["", "Overall survival", "", "", "Recurrence-free survival", "", ""],
        ["", *heads],
        BODY[1],
        BODY[2],
        ["Mutant", "1.632", "1.116–2.387", "0.012", "1.467", "1.044–2.060", "0.027"],
    ]
    made = claims_of(rows, design, "model", place="table4")
    told(made)
    read = {(c["endpoint"], c["statistic"], c["field"]): c["printed"] for c in made.claims}
    assert read["OS", "p", "estimate"] == "0.012" and read["RFS", "p", "estimate"] == "0.027"
    assert read["RFS", "hazard_ratio", "conf_high"] == "2.060" and len(read) == 8


def test_a_group_is_named_in_brackets_below_its_letter_and_the_word_n_percent_amid_the_rows(banded):
    rows = [
        ["Table 1 Patients", "", ""],
        ["", "Group A", "Group B"],
        ["", "(No HAI)", "(HAI)"],
        ["", "N = 143", "N = 142"],
        ["Lymph nodes found", "", ""],
        ["Median (range)", "3 (0–8)", "2 (0–9)"],
        ["", "N (%)", "N (%)"],
        ["≤ 4", "40 (28)", "44 (31)"],
        ["> 4", "103 (72)", "98 (69)"],
        ["Sex", "", ""],
        ["Male", "79 (55)", "92 (65)"],
    ]
    made = claims_of(rows, banded, "two-groups", place="table1")
    told(made)
    keys = ("group", "covariate", "level", "statistic")
    read = {tuple(c[key] for key in keys): c["printed"] for c in made.claims}
    assert read["hai=no", "", "", "n"] == "143" and read["hai=yes", "sex", "male", "n"] == "92"
    assert read["hai=no", "lymph", "", "median"] == "3"
    assert read["hai=yes", "lymph_group", "many", "percent"] == "69"
