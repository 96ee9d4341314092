"""Percentages of rows and of columns in a pasted Table 1, misprints, and other splits."""

import contextlib
import io
from dataclasses import replace

import pandas as pd
import pytest

from crlm import baseline, ledger
from crlm.ledger import ParameterError
from crlm.paper import Paper
from crlm.reconstruction.programs import by_python
from crlm.reconstruction.quantities import quantity_of, share
from crlm.report import characteristics
from crlm.transcription import claims_of

COUNTS = {"Male": (179, 205), "Female": (129, 161), "KRAS wild type": (150, 200)}
COUNTS |= {"KRAS mutant": (158, 166)}


@pytest.fixture
def design():
    return ledger.load_design("mskcc_hai")


def table(along, change=()):
    """Counts of two columns with their percentages along rows or down columns."""
    rows = [["", "No HAI", "HAI"]]
    sexes = [(k, v) for k, v in COUNTS.items() if "KRAS" not in k]
    genes = [(k, v) for k, v in COUNTS.items() if "KRAS" in k]
    for part in (sexes, genes):
        for label, (a, b) in part:
            whole = [a + b] * 2 if along == "row" else [sum(v[k] for _, v in part) for k in (0, 1)]
            cells = [f"{n} ({100 * n / w:.1f})" for n, w in zip((a, b), whole, strict=True)]
            rows.append([label, *cells])
    return [[dict(change).get(text, text) for text in row] for row in rows]


def read(design, rows, **more):
    return claims_of(rows, design, "two-groups", place="table1", **more)


def shares(made):
    assert not made.questions, made.questions
    return {
        (c["group"], c["covariate"], c["level"]): c["printed"]
        for c in made.claims
        if c["statistic"] == "percent"
    }


def test_percentages_of_rows_are_shares_of_the_groups_within_a_level(design):
    made = read(design, table("row"))
    found = shares(made)
    assert found["sex=male", "hai", "no"] == f"{100 * 179 / 384:.1f}" and len(found) == 8
    assert all(covariate == "hai" for _, covariate, _ in found)
    assert "percentages as those of rows" in " ".join(made.taken)
    counts = [c for c in made.claims if c["statistic"] == "n"]
    assert {(c["group"], c["covariate"]) for c in counts} >= {("hai=no", "sex")}


def test_percentages_of_columns_stay_those_of_the_groups(design):
    found = shares(read(design, table("column")))
    assert found["hai=no", "sex", "male"] == f"{100 * 179 / 308:.1f}" and len(found) == 8


def test_a_misprint_does_not_change_what_the_percentages_are(design):
    rows = table("row", {"179 (46.6)": "179 (64.6)"})
    assert shares(read(design, rows))["sex=male", "hai", "no"] == "64.6"


@pytest.mark.parametrize("said", ["row", "column"])
def test_the_reader_has_the_last_word(design, said):
    for along in ("row", "column"):
        made = read(design, table(along), percent=said)
        assert (("sex=male", "hai", "no") in shares(made)) == (said == "row")


def test_a_table_with_its_groups_in_rows_is_decided_by_its_counts_too(design):
    turned = [list(row) for row in zip(*table("column"), strict=True)]
    turned = [["HAI", *turned[0][1:]], *turned[1:]]
    assert ("hai=no", "sex", "male") in shares(read(design, turned))


def test_shares_of_unknown_values_along_a_row_are_left_out_and_told(design):
    rows = [*table("row"), ["Unknown", "5 (50.0)", "5 (50.0)"]]
    rows.insert(1, ["Sex", "", ""])
    rows.insert(4, ["KRAS", "", ""])
    made = read(design, rows)
    assert "percent_missing" not in {c["statistic"] for c in made.claims}
    assert any("percentage of its row" in told for told in made.left_out)


def test_a_number_that_cannot_be_is_asked_or_taken_as_printed(design):
    rows = table("column", {"179 (58.1)": "179 (581)"})
    assert "--as-printed" in read(design, rows).questions[0]
    made = read(design, rows, as_printed=True)
    assert shares(made)["hai=no", "sex", "male"] == "581"
    assert any("is no percent, as printed" in told for told in made.taken)


def test_a_table_that_another_column_splits_names_it(design):
    rows = [["", "Male", "Female"], ["KRAS mutant", "20 (5%)", "30 (8%)"]]
    assert "--by sex" in read(design, rows).questions[0]
    assert ("sex=male", "kras", "mutant") in shares(read(design, rows, by="sex"))
    with pytest.raises(ParameterError, match="no column with levels"):
        read(design, rows, by="age")
    with pytest.raises(ParameterError, match="is of two-groups, curves and subgroups"):
        claims_of(rows, design, "model", place="table2", endpoint="OS", by="sex")


def test_the_report_computes_shares_within_the_levels_that_print_has():
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        paper = Paper("mskcc_hai")
        paper.patients()
        paper.endpoints()
        paper.table_one("hai")
        made = paper.shares("hai", within=["sex"])
        paper.published()
    assert "within each level: 1 characteristic\n" in shown.getvalue()
    share = made.rows[(made.rows["statistic"] == "percent") & (made.rows["group"] == "sex=male")]
    male = paper.included[paper.included["sex"] == "male"]
    assert share.set_index("level")["estimate"]["yes"] == pytest.approx(
        100 * (male["hai"] == "yes").mean()
    )
    assert paper.printed_shares() == []
    paper.claims = paper.claims.assign(covariate="hai", level="yes", statistic="percent")
    paper.claims = paper.claims.assign(population="all", group="sex=male")
    assert paper.printed_shares() == ["sex"]
    # A p beside them was in no section: they are a row of the table by that column then.
    beside = paper.claims.iloc[:1].assign(
        group="sex", level="", statistic="p", endpoint="", model=""
    )
    paper.claims = pd.concat([paper.claims, beside])
    assert paper.printed_shares() == []
    assert ("sex", "all", ["hai"], "Characteristics by sex") in paper.printed_tables()


#: 277 of 308 and 331 of 366 have a nodal status; percentages are of them, or of all.
NODES = [["", "No HAI (n = 308)", "HAI (n = 366)"]]
LEVELS = ("Node-negative", "Node-positive")


def nodes(of_all, head="Nodal status of the primary", levels=LEVELS):
    """A characteristic with its patients of unknown value as a row of their own."""
    whole = (308, 366) if of_all else (277, 331)
    counts = dict(zip(levels, [(100, 131), (177, 200)], strict=True))
    made = [
        [name, *(f"{n} ({100 * n / w:.1f})" for n, w in zip(some, whole, strict=True))]
        for name, some in counts.items()
    ]
    unknown = ["31 (10.1)", "35 (9.6)"] if of_all else ["31", "35"]
    return [*NODES, [head, "", ""], *made, ["Missing", *unknown]]


def test_percentages_of_all_are_declared_in_the_design(design):
    """They were taken for percentages of the known, which the report then said differ."""
    declared = replace(design, table_one={**design.table_one, "percent_of_all": ["nodal_status"]})
    (question,) = read(design, nodes(True)).questions
    assert 'percent_of_all = ["nodal_status"]' in question
    assert not read(declared, nodes(True)).questions and not read(design, nodes(False)).questions
    (question,) = read(declared, nodes(False)).questions
    assert "take it out of percent_of_all" in question
    claim = next(c for c in read(declared, nodes(True)).claims if c["statistic"] == "percent")
    assert quantity_of(claim, declared).startswith("percentage of all")
    frame = pd.DataFrame({"nodal_status": ["positive", "negative", None, None], "hai": ["no"] * 4})
    assert by_python(share(claim, declared), {"patients": frame}, declared) == 25.0
    made = baseline.table_one(frame, "hai", ["nodal_status"], of_all=["nodal_status"])
    assert (
        made.loc[made["statistic"].eq("percent") & made["level"].eq("positive"), "estimate"]
        .eq(25)
        .all()
    )
    spec = {"source": "nodal_status", "groups": {"n0": ["negative"], "n1": ["positive"]}}
    merged = {"nodes": {**spec, "levels": ["n0", "n1"]}}
    made_of_it = replace(declared, factors={**declared.factors, **merged})
    of_factor = {**claim, "covariate": "nodes", "level": "n1"}
    assert quantity_of(of_factor, made_of_it).startswith("percentage of all")
    (question,) = read(made_of_it, nodes(False, "Nodes", ("n0", "n1"))).questions
    assert "take nodal_status, of which it is made, out of" in question
    note = characteristics.baseline_table(made, declared, caption="")
    assert "of nodal status of the primary % of all" in str(note)


def test_shares_of_all_beside_percentages_of_rows_stay(design):
    """They were left out as percentages of rows."""
    rows = [["", "No HAI", "HAI", "All"], ["Male", "179 (46.6)", "205 (53.4)", "384 (57.0)"]]
    rows += [["Female", "129 (44.5)", "161 (55.5)", "290 (43.0)"]]
    made = claims_of(rows, design, "two-groups", place="t")
    shares = [c for c in made.claims if c["statistic"] == "percent"]
    assert [c["printed"] for c in shares if c["group"] == "all"] == ["57.0", "43.0"]
    assert {c["group"] for c in shares} == {"sex=male", "sex=female", "all"}
    of_row = [
        [text.replace("(57.0)", "(100)").replace("(43.0)", "(100)") for text in r] for r in rows
    ]
    made = claims_of(of_row, design, "two-groups", place="t")
    assert len(made.left_out) == 2 and len(made.claims) == len(shares) + 4


def test_percentages_of_all_groups_together_are_those_of_none(design):
    """They went in as percentages of each group."""
    rows = [["", "No HAI", "HAI"], ["Male", "179 (26.6)", "205 (30.4)"]]
    rows += [["Female", "129 (19.1)", "161 (23.9)"]]
    made = claims_of(rows, design, "two-groups", place="t")
    assert {c["statistic"] for c in made.claims} == {"n"} and len(made.claims) == 4
    assert "of the patients of all groups together" in made.left_out[0]
