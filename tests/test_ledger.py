"""The ledger refuses what is at fault, and every statistic is in the one vocabulary."""

import ast
import math
import re
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from crlm import cli, ledger, naming
from crlm.ledger import LedgerError
from crlm.reconstruction import targets
from tests.hand_written import Ledger, copied, faults, name_of

ROOT = Path(__file__).parents[1]
STUDIES = ("ncch_scp", "mskcc_hai")

#: The words for analyses that are still to come; they are named before they are built.
PLANNED = """
risk_difference cumulative_incidence cumulative_incidence_difference
subdistribution_hazard_ratio transition_hazard_ratio state_probability months_in_state
months_in_state_difference ratio_of_hazard_ratios difference_of_risk_differences
difference_of_rmst_differences reri posterior_probability power e_value e_value_limit
effective_n max_weight propensity_auc percent_tested percent_missing events_per_parameter
expected_shrinkage optimism flag events mean sd z se missing
""".split()

RATIO = {"statistic": "hazard_ratio", "field": "estimate", "kind": "number"}
FAULTS = faults("ledger")


@pytest.fixture(params=[*STUDIES, "uab_msi"])
def study(request, tmp_path, monkeypatch):
    """A study whose ledger can be changed."""
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    return Ledger(copied(request.param, tmp_path) / "published.csv")


@pytest.fixture
def ncch(tmp_path, monkeypatch):
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    return Ledger(copied("ncch_scp", tmp_path) / "published.csv")


def refused(study):
    with pytest.raises(LedgerError) as caught:
        ledger.load_claims(study.name)
    return str(caught.value)


# ---- one fault ------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS, ids=name_of)
def test_a_fault_is_told_with_its_row_column_and_remedy(study, fault):
    by = ledger.load_design(study.name).table_one["by"]
    told = fault["told"].replace("%by%", by)
    where, cells = (
        {key: value.replace("%by%", by) for key, value in fault[name].items()}
        for name in ("where", "cells")
    )
    try:
        row = study.change(where, **cells)
    except StopIteration:
        pytest.skip("this ledger has no such row")
    text = refused(study)
    assert text.startswith(f"data/{study.name}/published.csv: ")
    assert re.search(f"  row {row}, {told}", text), text
    assert all(line.endswith((".", "?")) for line in text.splitlines())


def test_a_misspelt_level_of_a_group_is_told(study):
    by = ledger.load_design(study.name).table_one["by"]
    level = ledger.load_design(study.name).levels(by)[0]
    row = study.change({"group": f"{by}={level}"}, group=f"{by}={level}x")
    assert f"row {row}, group: '{level}x' is no level of {by}; did you mean '{level}'?" in refused(
        study
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty; its first row names the columns"),
        (b"\n \n", "is empty"),
        (b"\xff\xfe\x00", "line 1: not UTF-8 (byte 0xff)"),
        (b'id,name\n"open', "cannot be read as a table"),
        (b"id\n", "holds no claim yet, only a header"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_words(study, content, told):
    study.path.write_bytes(content)
    assert told in refused(study)


def test_semicolons_tabs_and_other_encodings_are_refused_with_what_to_do(study):
    study.path.write_text(study.text(";"), encoding="utf-8")
    assert "separates its columns by semicolons. Save it as CSV UTF-8 with commas" in refused(study)
    study.path.write_text(study.text("\t"), encoding="utf-8")
    assert "separates its columns by tabs" in refused(study)
    study.rows[2][study.header.index("note")] = "Überlebenszeit"
    study.path.write_bytes(study.text().encode("cp1252", errors="replace"))
    assert re.search(r"line 4: not UTF-8 \(byte 0xdc\); .*Windows-1252", refused(study))


def test_a_byte_order_mark_and_empty_columns_of_excel_are_no_fault(study):
    count = len(study.rows)
    study.header += ["", ""]
    study.rows = [[*row, "", ""] for row in study.rows]
    study.path.write_text("\ufeff" + study.text(), encoding="utf-8-sig")
    assert len(ledger.load_claims(study.name)) == count


def test_ragged_rows_are_told_each(study):
    del study.rows[3][-1]
    study.rows[5].append("more")
    study.write()
    width, text = len(study.header), refused(study)
    assert f"row 5: has {width - 1} cells, the header {width}" in text
    assert f"row 7: has {width + 1} cells, the header {width}" in text


def test_rows_are_counted_as_excel_does(ncch):
    """A cell with a line break is one row, and an empty row counts."""
    ncch.rows[0][ncch.header.index("note")] = "one\ntwo"
    ncch.rows.insert(1, [""] * len(ncch.header))
    ncch.rows[4][ncch.header.index("kind")] = "numbr"
    ncch.write()
    assert "row 6, kind: 'numbr' is not known" in refused(ncch)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("statistic", "statistc", r"'statistc' is no column of a ledger; did you mean 'statistic'"),
        ("reference", "refrence", r"'refrence' is no column of a ledger; did you mean 'reference'"),
        ("note", "id", r"the column 'id' stands there twice"),
        ("note", "comment", r"'comment' is no column of a ledger; there is: reference, note"),
    ],
)
def test_a_misspelt_column_is_told(ncch, old, new, told):
    if old not in ncch.header:
        ncch.header.append(old)
        ncch.rows = [[*row, ""] for row in ncch.rows]
    ncch.header[ncch.header.index(old)] = new
    ncch.write()
    assert re.search(f"row 1: {told}", refused(ncch))


def test_a_column_that_is_not_there_is_told(ncch):
    k = ncch.header.index("operator")
    ncch.header.pop(k)
    for row in ncch.rows:
        row.pop(k)
    ncch.write()
    assert "row 1: lacks the column operator; docs/third-paper.md lists" in refused(ncch)


# ---- many faults, and none ------------------------------------------------------------------


def test_the_ledgers_pass_as_they_are(study):
    claims = ledger.load_claims(study.name)
    assert list(claims.columns) == list(ledger.CLAIM_COLUMNS) and len(claims) == len(study.rows)
    assert claims["name"].str.len().gt(0).all()


def test_all_rows_at_fault_are_told_at_once_as_excel_counts_them(ncch):
    at = ncch.header.index
    ncch.rows[0][at("name")] = " "
    ncch.rows[4][at("name")] = ncch.rows[3][at("name")]
    ncch.rows[5][at("statistic")] = "hazard_ration"
    ncch.rows[6][at("id")] = ncch.rows[1][at("id")]
    ncch.rows[7][at("value")] = "11.9"
    ncch.rows[8][at("time")] = "five"
    ncch.rows[9][at("field")] = "upper"
    ncch.write()
    lines = refused(ncch).splitlines()
    assert lines[0].endswith("faults, rows counted as Excel does.")
    told = {}
    for line in lines[1:]:
        row, text = re.fullmatch(r"  row (\d+), (.*)", line).groups()
        told[row] = told.get(row, "") + text
    assert list(told) == ["2", "6", "7", "8", "9", "10", "11"]
    assert "name: is empty" in told["2"] and "say" in told["2"]
    assert "stands in row 5 with the same locator" in told["6"]
    assert "did you mean 'hazard_ratio'?" in told["7"]
    assert "is used in row 3 too" in told["8"]
    assert "value: 11.9, but printed '11.80'" in told["9"]
    assert "time: 'five' is no number" in told["10"]
    assert "did you mean 'conf_high'?" in told["11"]


def test_a_ledger_with_hundreds_of_faults_stays_readable(ncch):
    ncch.rows = [[*row] for row in ncch.rows]
    for k, row in enumerate(ncch.rows):
        row[ncch.header.index("statistic")] = f"ratio{k}"
    ncch.write()
    text = refused(ncch)
    number = int(re.search(r"(\d+) faults", text)[1])
    assert number >= len(ncch.rows)
    assert text.count("\n") == 31 and text.endswith(f"and {number - 30} more")


def test_one_fault_in_many_rows_is_one_line(ncch):
    ncch.rows = [[*row] for row in ncch.rows]
    for row in ncch.rows:
        row[ncch.header.index("statistic")] = "ratio"
    ncch.write()
    told = [line for line in refused(ncch).splitlines() if "'ratio' is not known" in line]
    assert len(told) == 1 and told[0].startswith("  row 2, statistic: ")
    assert told[0].endswith(f"Also in rows 3, 4, 5, 6, 7, 8, 9, 10 and {len(ncch.rows) - 9} more.")


def test_a_design_at_fault_is_told_before_its_claims(ncch):
    design = ncch.path.with_name("design.toml")
    design.write_text(design.read_text(encoding="utf-8").replace('"fisher"', '"fischer"'))
    with pytest.raises(ledger.DesignError, match="did you mean 'fisher'"):
        ledger.load_claims("ncch_scp")


def test_a_name_may_come_back_at_another_place(ncch):
    for k, row in enumerate(ncch.rows):
        row[ncch.header.index("locator")] = f"place {k}"
        row[ncch.header.index("name")] = "Number of patients"
    ncch.write()
    assert len(ledger.load_claims("ncch_scp")) == len(ncch.rows)


def test_a_ledger_without_names_gets_them_from_its_keys(ncch):
    k = ncch.header.index("name")
    ncch.header.pop(k)
    for row in ncch.rows:
        row.pop(k)
    ncch.write()
    claims = ledger.load_claims("ncch_scp").set_index("id")
    assert claims.loc["t1-ras-wild-preop-chemo-yes-n", "name"] == (
        "Number of patients, Preoperative chemotherapy, Present, RAS wild type"
    )
    low = claims["name"].str.endswith(": lower limit")
    assert (low == (claims["field"] == "conf_low")).all()
    sentences = claims[claims["kind"] == "direction"]
    assert (sentences["name"] == sentences["printed"]).all()


# ---- words ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "printed"),
    [
        ({"statistic": "events", "endpoint": "OS", "group": "ras=mutant", "unit": "events"}, "31"),
        ({"statistic": "mean", "covariate": "age", "group": "ras=mutant", "unit": "years"}, "61.2"),
        ({"statistic": "sd", "covariate": "cea", "group": "ras=wild", "unit": "ng/mL"}, "80"),
        ({"statistic": "missing", "covariate": "cea", "unit": "patients"}, "3"),
        (
            {
                "statistic": "z",
                "endpoint": "OS",
                "covariate": "ras",
                "level": "mutant",
                "model": "multivariable",
            },
            "2.41",
        ),
        (
            {
                "statistic": "se",
                "endpoint": "OS",
                "covariate": "ras",
                "level": "mutant",
                "model": "multivariable",
            },
            "0.113",
        ),
        (
            {
                "statistic": "n",
                "covariate": "flow",
                "level": "included_excluded",
                "group": "ras=wild",
                "unit": "patients",
            },
            "2",
        ),
        ({"statistic": "percent", "covariate": "flow", "level": "curative", "unit": "%"}, "94"),
        (
            {
                "statistic": "hazard_ratio",
                "endpoint": "OS",
                "covariate": "kras_codon",
                "level": "codon12",
                "reference": "codon13",
                "model": "univariable",
            },
            "1.40",
        ),
        (
            {
                "statistic": "hazard_ratio",
                "endpoint": "OS",
                "covariate": "ras:sex",
                "level": "mutant:female",
                "model": "interaction",
            },
            "0.80",
        ),
        (
            {
                "statistic": "p",
                "endpoint": "OS",
                "covariate": "ras:age",
                "level": "mutant",
                "model": "interaction",
            },
            "<0.001",
        ),
        (
            {
                "statistic": "hazard_ratio",
                "endpoint": "OS",
                "covariate": "ras",
                "level": "mutant",
                "model": "landmark",
                "population": "ras=known,from month 6",
            },
            "1.90",
        ),
        (
            {
                "statistic": "median_survival",
                "endpoint": "OS",
                "group": "ras=mutant,sex=male",
                "population": "kras_codon=wild/codon12",
                "unit": "years",
            },
            "3.5",
        ),
        ({"statistic": "n", "population": "age>=70", "unit": "patients"}, "1,204"),
        ({"statistic": "difference", "covariate": "age", "group": "ras", "unit": "years"}, "−1.5"),
    ],
)
def test_words_that_papers_print_are_taken(ncch, cells, printed):
    if "reference" in cells:
        ncch.header.append("reference")
        ncch.rows = [[*row, ""] for row in ncch.rows]
    bare = printed.lstrip("<").replace(",", "").replace("−", "-")
    claim = dict.fromkeys(ncch.header, "") | {
        "id": "new",
        "place": "supplementary_table1",
        "locator": "row",
        "name": "new",
        "kind": "number",
        "printed": printed,
        "operator": "<" if "<" in printed else "=",
        "value": bare,
        "decimals": str(len(bare.partition(".")[2])),
        "field": "estimate",
        "population": "all",
        "group": "all",
    }
    ncch.rows.append([(claim | cells)[name] for name in ncch.header])
    ncch.write()
    held = ledger.load_claims("ncch_scp").iloc[-1]
    assert held["value"] == float(bare) and held["reference"] == cells.get("reference", "")
    design = ledger.load_design("ncch_scp")
    assert len(naming.name_of({**held, "time": None}, design)) > 8


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"reference": "codon14"}, "reference: 'codon14' is no level of kras_codon; did you mean"),
        ({"reference": "codon12"}, "reference: 'codon12' is the level itself"),
    ],
)
def test_a_reference_of_its_own_must_be_another_level(ncch, cells, told):
    ncch.header.append("reference")
    ncch.rows = [[*row, ""] for row in ncch.rows]
    row = ncch.change({"covariate": "kras_codon", "level": "codon12"}, **cells)
    assert f"row {row}, {told}" in refused(ncch)


def test_a_product_may_be_spelt_with_an_underline(ncch):
    where = {**RATIO, "covariate": "ras"}
    ncch.change(where, covariate="ras_kras_codon", level="mutant_codon12")
    claims = ledger.load_claims("ncch_scp")
    (claim,) = claims[claims["covariate"].str.contains(":")].to_dict("records")
    assert (claim["covariate"], claim["level"]) == ("ras:kras_codon", "mutant:codon12")


def test_the_schema_of_a_ledger_lists_every_column():
    rows = {row.key: row for row in ledger.claims_schema()}
    assert tuple(rows) == ledger.CLAIM_COLUMNS
    assert "hazard_ratio | odds_ratio" in rows["statistic"].values
    assert rows["operator"].values == "= | < | > | ~" and rows["time"].kind == "number"
    assert not rows["reference"].required and rows["level"].required
    assert all(row.about for row in rows.values())


# ---- the vocabulary of statistics -------------------------------------------


def emitted():
    """Every statistic that the code writes as a word into a result row."""
    for path in sorted((ROOT / "crlm").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            pairs = []
            if isinstance(node, ast.Dict):
                pairs = list(zip(node.keys, node.values, strict=True))
            elif isinstance(node, ast.Call):
                pairs = [(ast.Constant(k.arg), k.value) for k in node.keywords]
            for key, value in pairs:
                if isinstance(key, ast.Constant) and key.value == "statistic":
                    if isinstance(value, ast.Constant) and value.value:
                        yield value.value, path.name


def test_every_statistic_that_the_code_writes_is_in_the_vocabulary():
    found = dict(emitted())
    assert {"hazard_ratio", "median_survival", "concordance", "rmst", "smd"} <= set(found)
    assert not {name: path for name, path in found.items() if name not in ledger.STATISTICS}


@pytest.mark.parametrize("study", STUDIES)
def test_every_statistic_of_a_result_row_is_in_the_vocabulary_with_its_unit(study):
    path = ROOT / "tests" / "golden" / f"{study}_rows.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    assert set(rows["statistic"]) <= set(ledger.STATISTICS)
    plain = rows[~rows["statistic"].isin(["difference", "median", "min", "max", "q1", "q3"])]
    told = plain["statistic"].map(lambda name: ledger.STATISTICS[name].unit)
    assert (told == plain["unit"]).all()


def test_what_is_planned_has_its_word_already():
    assert set(PLANNED) <= set(ledger.STATISTICS)


def test_a_statistic_is_called_something_and_no_two_the_same():
    labels = [s.label for s in ledger.STATISTICS.values()]
    assert all(labels) and len(set(labels)) == len(labels)
    sentences = [s.sentence for s in ledger.STATISTICS.values()]
    assert all(sentences) and len(set(sentences)) == len(sentences)
    assert all(s.decimals is None or 0 <= s.decimals <= 3 for s in ledger.STATISTICS.values())


# ---- the file itself, and what a ledger may hold but should say --------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda b: b.decode().encode("utf-16"), "line 1: not UTF-8"),
        (lambda b: b[:300] + b"\x00" + b[300:], "line 2: holds a null byte"),
        (lambda b: b.replace(b"\n", b'\n"', 1), "cannot be read as a table"),
        (lambda b: b.replace(b"statistic", b"Statistic", 1), "did you mean 'statistic'"),
        (lambda b: b.replace(b",statistic,", b",,", 1), "'' is no column of a ledger"),
        (lambda b: b.replace(b",", b"|"), "separates its columns by bars"),
        (lambda b: b"sep=,\n" + b, "stand in row 2; remove what is above"),
        (lambda b: b"Ledger of the paper\n" + b, "columns stand in row 2; remove what"),
        (lambda b: b"<html><td>1</td></html>", "holds no claim"),
        (lambda b: b + b, "is used in row"),
    ],
)
def test_a_file_that_is_no_ledger_is_refused(ncch, change, told):
    ncch.path.write_bytes(change(ncch.path.read_bytes()))
    assert told in refused(ncch)


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b"\xef\xbb\xbf" + b,
        lambda b: b.replace(b"\n", b"\r\n"),
        lambda b: b.replace(b"\n", b"\r"),
        lambda b: b.replace(b"\n", b"\n\n\n"),
    ],
)
def test_how_programs_end_lines_makes_no_difference(ncch, change):
    before = ledger.load_claims("ncch_scp")
    ncch.path.write_bytes(change(ncch.path.read_bytes()))
    pd.testing.assert_frame_equal(ledger.load_claims("ncch_scp"), before)


def test_ratios_that_no_model_can_answer_are_named(ncch):
    where = {"statistic": "hazard_ratio", "model": "multivariable", "field": "estimate"}
    design, before = ledger.load_design("ncch_scp"), ledger.load_claims("ncch_scp")
    known = dict(ledger.outside_models(before, design))
    row = ncch.find(**where, kind="number")
    name = ncch.rows[row][ncch.header.index("id")]
    assert name not in known and not dict(ledger.against_themselves(before, design))
    ncch.change({"id": name}, covariate="age", level="")
    told = dict(ledger.outside_models(ledger.load_claims("ncch_scp"), design))[name]
    assert told.startswith("the model of OS among all has ") and told.endswith("none of them.")
    ncch.change({"id": name}, population="sex=male")
    told = dict(ledger.outside_models(ledger.load_claims("ncch_scp"), design))[name]
    assert 'add [models.NAME] with endpoint = "' in told and 'population = "sex=male"' in told
    ncch.change({"id": name}, population="all")
    ncch.change({"id": name}, covariate="sex", level=design.levels("sex")[0])
    told = dict(ledger.against_themselves(ledger.load_claims("ncch_scp"), design))[name]
    assert "say in the column reference which level" in told


def test_no_rows_have_the_columns_and_kinds_of_rows():
    none, one = ledger.rows([]), ledger.rows([{"statistic": "n", "estimate": 3.0}])
    assert none.dtypes.equals(one.dtypes)


@pytest.mark.parametrize(
    ("operator", "value", "told"),
    [
        ("~", "0.05", ""),
        ("<", "0.05", ""),
        (">", "0.05", "says nothing of a p value"),
        ("~", "1", "what counts as a difference: 0.05"),
        ("~", "", "what counts as a difference: 0.05"),
    ],
)
def test_a_sentence_on_several_groups_is_of_their_p(ncch, operator, value, told):
    claim = dict.fromkeys(ncch.header, "") | {
        "id": "alike",
        "place": "results",
        "locator": "Results",
        "kind": "direction",
        "printed": "Age did not differ",
        "operator": operator,
        "value": value,
        "field": "estimate",
        "population": "all",
        "group": "ras",
        "covariate": "age",
        "statistic": "p",
    }
    claim |= {"name": "Age did not differ"} if "name" in ncch.header else {}
    ncch.rows.append([claim[name] for name in ncch.header])
    ncch.write()
    if told:
        with pytest.raises(LedgerError, match=told):
            ledger.load_claims("ncch_scp")
        return
    claims, design = ledger.load_claims("ncch_scp"), ledger.load_design("ncch_scp")
    found = targets.goal(design, claims[claims["id"] == "alike"], {}).targets
    low, high = next((t.low, t.high) for t in found if t.claims == ("alike",))
    assert (low, high) == (
        pytest.approx((0, 1.959964), abs=1e-6)
        if operator == "~"
        else (pytest.approx(1.959964), math.inf)
    )


# ---- rows beside each other ----------------------------------------------------------------------


def test_a_row_that_was_pasted_twice_is_told(study):
    row = study.find(statistic="n", place="table1")
    again = list(study.rows[row])
    again[study.header.index("id")] = "again"
    study.rows.append(again)
    study.write()
    told = f"row {len(study.rows) + 1}: says what row {row + 2} says, at the same place; remove one"
    assert told in refused(study)


@pytest.mark.parametrize("mark", ["\n", "\t"])
def test_an_id_is_one_line(study, mark):
    study.change({"statistic": "n", "place": "table1"}, id=f"t1{mark}n")
    assert "has a line break or a tab; remove them." in refused(study)


def test_a_line_that_is_no_claim_is_told_as_that(study):
    study.path.write_text(study.text().replace("\n", "\n# Table 1\n", 1), encoding="utf-8")
    assert "row 2: has '# Table 1' alone, and a ledger has claims only; remove the row." in refused(
        study
    )


@pytest.fixture
def uab(tmp_path, monkeypatch):
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    return Ledger(copied("uab_msi", tmp_path) / "published.csv")


def told_by(find, study):
    claims, design = ledger.load_claims(study.name), ledger.load_design(study.name)
    return dict(find(claims, design) if find is ledger.misplaced else find(claims))


def test_limits_without_their_number_or_the_other_limit_are_listed(uab):
    assert not told_by(ledger.halves, uab)
    del uab.rows[uab.find(id="t5-os-sex-male-hr")]
    del uab.rows[uab.find(id="t6-os-sex-male-hr-high")]
    uab.write()
    found = told_by(ledger.halves, uab)
    assert set(found) == {
        "t5-os-sex-male-hr-low",
        "t5-os-sex-male-hr-high",
        "t6-os-sex-male-hr-low",
    }
    assert found["t6-os-sex-male-hr-low"] == (
        "no row has the upper limit; add it, or, where print has none, say 'no upper limit' in the "
        "note."
    )
    assert found["t5-os-sex-male-hr-low"].startswith("no row has the number that it is a limit of")


@pytest.mark.parametrize(
    ("row", "cells", "told"),
    [
        (
            "t6-os-sex-male-p",
            {"population": "all"},
            "population 'all', and the ratio beside it, t6",
        ),
        ("t6-os-sex-male-p", {"model": "univariable"}, "model 'univariable', and the ratio beside"),
        ("t6-os-sex-male-hr-low", {"population": "all"}, "has 'race=black'; correct one"),
    ],
)
def test_a_row_beside_a_ratio_with_other_keys_is_listed(uab, row, cells, told):
    assert not told_by(ledger.strayed, uab)
    uab.change({"id": row}, **cells)
    found = told_by(ledger.strayed, uab)
    assert set(found) == {row} and told in found[row]


def test_levels_that_changed_places_are_listed_by_their_locators(uab):
    assert not told_by(ledger.misplaced, uab)
    uab.change({"id": "t5-os-msi-msi-h-hr"}, level="msi_l")
    uab.change({"id": "t5-os-msi-msi-l-hr"}, level="msi_h")
    found = told_by(ledger.misplaced, uab)
    assert found == {
        "t5-os-msi-msi-h-hr": "level 'msi_l', and its locator says 'msi_h'; correct one.",
        "t5-os-msi-msi-l-hr": "level 'msi_h', and its locator says 'msi_l'; correct one.",
    }


@pytest.mark.parametrize(
    ("locator", "told"),
    [
        ("table5, race=black, sex=female, n", False),  # As the import writes it.
        ("Table 1, no non-Hispanic White patients", False),
        ("Table 1, non-Hispanic White", True),
        ("table1, sex=male, n", True),
    ],
)
def test_conditions_and_denials_in_a_locator_are_read_as_such(uab, locator, told):
    """The column's own name was read as its level, and "no mutation" as a mutation."""
    uab.change({"id": "t1-black-sex-female-n"}, locator=locator, place="table1")
    assert bool(told_by(ledger.misplaced, uab)) == told


@pytest.mark.parametrize(
    ("row", "cells", "told"),
    [
        (
            "t1-black-sex-female-n",
            {"locator": "Table 2, sex, black"},
            "place 'table1', and its locator says 'Table 2'; correct one.",
        ),
        (
            "t1-black-sex-female-n",
            {"locator": "Table 1, sex, non-Hispanic White"},
            "race=black, and its locator says 'non-Hispanic White'; correct one.",
        ),
    ],
)
def test_a_locator_that_says_another_table_or_group_is_listed(uab, row, cells, told):
    uab.change({"id": row}, **cells)
    assert told_by(ledger.misplaced, uab) == {row: told}


@pytest.mark.parametrize(("level", "listed"), [("no", False), ("yes", True)])
def test_a_level_that_is_a_part_of_its_locator_is_not_listed(level, listed):
    """ "Drug treatment, No" names the drug, which is the label of yes, in its heading."""
    design = ledger.load_design("mskcc_hai")
    labels = {"no": "Neither", "yes": "Drug"}
    design.columns["drug"] = {"type": "category", "levels": ["no", "yes"], "labels": labels}
    claims = ledger.load_claims("mskcc_hai").query("id == 't1-hai-no-sex-male-n'").copy()
    locator = f"table1, {'Drug treatment, No' if level == 'no' else 'Neither of them'}, all"
    claims[["covariate", "level", "locator", "group"]] = ["drug", level, locator, "all"]
    assert bool(dict(ledger.misplaced(claims, design))) == listed


def test_a_locator_that_says_another_year_is_listed(study):
    if study.name == "uab_msi":
        pytest.skip("it prints no rates")
    where = {"statistic": "survival_rate", "time": "60", "field": "estimate", "kind": "number"}
    row = study.change(where, locator="Results, 3-year rate")
    found = told_by(ledger.misplaced, study)
    name = study.rows[row - 2][study.header.index("id")]
    assert found == {name: "time 60, and its locator says 3-year; correct one."}


def test_a_survival_rate_that_may_be_a_share_of_one_is_listed(study):
    if study.name == "uab_msi":
        pytest.skip("it prints no rates")
    assert not told_by(ledger.fractions, study)
    where = {"statistic": "survival_rate", "field": "estimate", "kind": "number"}
    study.change(where, printed="0.46", value="0.46", decimals="2", operator="=")
    (told,) = told_by(ledger.fractions, study).values()
    assert told.startswith("'0.46' is read as per cent; if print has shares of 1, write value and")


@pytest.mark.parametrize(("months", "told"), [([1, 3, 5], 2), ([12, 36, 60], 0), ([6, 18], 0)])
def test_months_of_an_incidence_that_may_be_years_are_listed(months, told):
    design = SimpleNamespace(incidences={"relapse": {"months": months}}, chapter={})
    claims = pd.DataFrame({"id": ["a", "b", "c"], "endpoint": ["relapse", "relapse", "OS"]})
    claims["time"] = [36.0, 60.0, 24.0]
    found = dict(ledger.in_years(claims, design))
    assert len(found) == told
    assert all("if these are years, write [12, 36, 60]." in text for text in found.values())


def test_horizons_that_may_be_years_are_listed():
    design = SimpleNamespace(incidences={}, chapter={"horizons": [3.0, 5.0]})
    claims = pd.DataFrame({"id": ["a", "b"], "endpoint": "OS", "statistic": "survival_rate"})
    told = dict(ledger.in_years(claims.assign(time=[60.0, 24.0]), design))
    assert told == {
        "a": "[chapter] horizons reads months 3, 5; if these are years, write [36, 60]."
    }
    assert not dict(ledger.in_years(claims.assign(time=[5.0, 24.0]), design))


def test_a_parent_cohort_beside_another_claim_is_listed():
    parents = [
        {"own": own, "label": "Older patients", "endpoint": "OS"} for own in ("a", "b", "none")
    ]
    claims = pd.DataFrame({"id": ["a", "b"], "endpoint": ["OS", ""]})
    told = dict(ledger.parentless(claims, SimpleNamespace(chapter={"parent": parents})))
    assert set(told) == {"b", "none"}
    assert told["none"] == "own of 'Older patients' is no claim of the ledger; correct the id."


def test_a_median_of_a_parent_cohort_in_years_is_listed():
    """6.6 years beside 79 months was called eleven standard errors apart, without a word."""
    parents = [
        {"own": "a", "label": "Older", "endpoint": "OS", "median": 6.6},
        {"own": "b", "label": "Other", "endpoint": "OS", "median": 67.0},
        {"own": "c", "label": "Short", "endpoint": "OS", "median": 40.0},
    ]
    claims = pd.DataFrame({"id": [*"abc"], "endpoint": "OS", "statistic": "median_survival"})
    claims = claims.assign(value=[79.2, 6.6, 12.0], unit=["months", "years", "months"])
    design = SimpleNamespace(chapter={"parent": parents}, conventions={"days_per_month": 30.0})
    told = dict(ledger.parentless(claims, design))
    assert told == {
        "a": "median of 'Older' is 6.6 months, and the paper's own is 79.2; if it is in years, "
        "write 79.2."
    }


def test_a_note_that_denies_a_limit_which_is_there_is_listed(uab):
    uab.change({"id": "t5-os-sex-male-hr"}, note="no upper limit (NR)")
    assert told_by(ledger.halves, uab) == {
        "t5-os-sex-male-hr-high": "a note of its result says 'no upper limit', and this row has "
        "it; correct the note."
    }


def test_a_group_that_was_written_as_population_is_listed(uab):
    assert not told_by(ledger.grouped_apart, uab)
    uab.change({"id": "t1-black-sex-female-n"}, group="all", population="race=black")
    assert set(told_by(ledger.grouped_apart, uab)) == {"t1-black-sex-female-n"}


@pytest.mark.parametrize("name", ["ncch_scp", "mskcc_hai"])
def test_the_shipped_ledgers_have_nothing_of_that_kind(name):
    claims, design = ledger.load_claims(name), ledger.load_design(name)
    assert not list(ledger.bounds(claims))
    found = [*ledger.halves(claims), *ledger.strayed(claims), *ledger.grouped_apart(claims)]
    assert not [*found, *ledger.misplaced(claims, design)]


def test_a_reference_of_one_and_a_product_with_a_reference_level_are_listed(uab):
    row = list(uab.rows[uab.find(id="t5-os-sex-male-hr")])
    for column, value in {
        "id": "ref",
        "level": "female",
        "locator": "x",
        "printed": "1.00",
        "value": "1.00",
        "decimals": "2",
    }.items():
        row[uab.header.index(column)] = value
    uab.rows.append(row)
    uab.change({"id": "t5-os-race-msi-white-msi-h-hr"}, covariate="race:msi", level="black:msi_h")
    claims, design = ledger.load_claims("uab_msi"), ledger.load_design("uab_msi")
    found = dict(ledger.against_themselves(claims, design))
    assert found["ref"].endswith("and 1 by itself; leave the row out.")
    assert found["t5-os-race-msi-white-msi-h-hr"] == (
        "'black' is what race is held against, and in no product; correct the level."
    )


def test_a_ledger_that_is_none_has_no_excluded_claims_told(uab, capsys):
    uab.path.write_bytes(uab.text().encode("utf-16"))
    assert cli.main(["ledger", "uab_msi"]) == 2
    assert "[excluded]" not in capsys.readouterr().err


def test_rows_of_a_shipped_ledger_that_went_astray_are_listed(tmp_path, monkeypatch):
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    study = Ledger(copied("mskcc_hai", tmp_path) / "published.csv")
    for end in ("hr", "hr-low", "hr-high", "p"):
        study.change({"id": f"t3-os-sex-female-uv-{end}"}, locator="Table 3, Sex, univariate")
    study.change({"id": "t3-os-sex-female-uv-p"}, population="hai=yes")
    study.change({"id": "t3-os-margin-positive-mv-hr"}, level="negative", locator="x, positive")
    study.change({"id": "t1-hai-no-sex-male-n"}, group="all", population="hai=no")
    study.change({"id": "t1-hai-yes-sex-male-n"}, operator="<", printed="<205")
    del study.rows[study.find(id="t3-os-age-uv-hr-high")]
    study.write()
    claims, design = ledger.load_claims("mskcc_hai"), ledger.load_design("mskcc_hai")
    assert set(dict(ledger.strayed(claims))) == {"t3-os-sex-female-uv-p"}
    assert set(dict(ledger.misplaced(claims, design))) == {"t3-os-margin-positive-mv-hr"}
    assert set(dict(ledger.bounds(claims))) == {"t1-hai-yes-sex-male-n"}
    assert set(dict(ledger.grouped_apart(claims))) == {"t1-hai-no-sex-male-n"}
    assert (
        dict(ledger.halves(claims))["t3-os-age-uv-hr-low"] == "no row has the upper limit; add it, "
        "or, where print has none, say 'no upper limit' in the note."
    )
