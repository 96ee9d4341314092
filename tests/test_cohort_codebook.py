"""A codebook is obeyed to the letter, converts without rounding, and is never guessed at."""

from __future__ import annotations

import pytest

from crlm import cohort, files, ledger
from tests.hostile import refused

NCCH = ledger.load_design("ncch_scp")
MSKCC = ledger.load_design("mskcc_hai")


def table(folder, text, name="t.csv"):
    files.forget()
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def book(folder, text):
    files.forget()
    path = folder / "codebook.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_japanese_table_is_read_through_its_codebook(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(
        "番号,性別,同時性,腫瘍径(mm),CEA,転帰,観察期間(日),備考\n"
        "001,1,0,35,５．２,1,900,x\n002,0,1,12,不明,0,-999,\n".encode("cp932")
    )
    codebook = book(
        tmp_path,
        """
        study: ncch_scp
        missing: [-999]
        columns:
          patient_id: 番号
          sex: {from: 性別, values: {1: male, 0: female}}
          timing: {from: 同時性, values: {0: synchronous, 1: metachronous}}
          size_cm: {from: 腫瘍径（mm）, unit: mm}
          cea: CEA
          os_event: 転帰
          os_months: {from: "観察期間(日)", unit: days}
        """,
    )
    report = cohort.check(path, NCCH, codebook)
    # The second patient has an event code and no time.
    assert list(report.violations["column"]) == ["os_months"]
    frame = report.frame
    assert list(frame["patient_id"]) == ["001", "002"]
    assert list(frame["sex"]) == ["male", "female"]
    assert list(frame["timing"]) == ["synchronous", "metachronous"]
    assert list(frame["size_cm"]) == [3.5, 1.2]
    assert frame["cea"][0] == 5.2 and frame["cea"].isna()[1]
    assert frame["os_months"][0] == 30.0
    assert report.unused == ["備考"]
    assert "cp932" in report.how
    assert "os_months: a month is 30 days here." in report.notes


@pytest.mark.parametrize(
    ("column", "unit", "given", "expected"),
    [
        ("size_cm", "mm", "35", 3.5),
        ("size_cm", "cm", "3.5", 3.5),
        ("os_months", "days", "365.25", 12.0),
        ("os_months", "weeks", "4", 28 / 30.4375),
        ("os_months", "years", "5", 60.0),
        ("age", "months", "720", 60.0),
        ("cea", "ug/L", "7.3", 7.3),
        ("cea", "µg/L", "7.3", 7.3),
        ("cea", "μg / l", "7.3", 7.3),
        ("cea", "pg/mL", "7300", 7.3),
        ("cea", "mg/L", "0.0073", 7.3),
    ],
)
def test_units_are_converted_without_rounding(tmp_path, column, unit, given, expected):
    path = table(tmp_path, f"patient_id,x\na,{given}\n")
    frame = cohort.load(path, MSKCC, {"columns": {column: {"from": "x", "unit": unit}}})
    assert frame[column][0] == pytest.approx(expected, rel=1e-15)


def test_enzyme_units_and_an_unknown_unit(tmp_path):
    path = table(tmp_path, "patient_id,x\na,37\n")
    ca199 = {"columns": {"ca199": {"from": "x", "unit": "kU/L"}}}
    assert cohort.load(path, NCCH, ca199)["ca199"][0] == 37
    with refused("unit 'furlong' is not known. Known: cm, mm"):
        cohort.load(path, NCCH, {"columns": {"size_cm": {"from": "x", "unit": "furlong"}}})
    with refused("has no unit"):
        cohort.load(path, NCCH, {"columns": {"sex": {"from": "x", "unit": "mm"}}})


def test_days_per_month_is_the_studys_unless_the_codebook_says_otherwise(tmp_path):
    path = table(tmp_path, "patient_id,x\na,300\n")
    columns = {"os_months": {"from": "x", "unit": "days"}}
    assert cohort.load(path, NCCH, {"columns": columns})["os_months"][0] == 10
    assert cohort.load(path, MSKCC, {"columns": columns})["os_months"][0] == 300 / 30.4375
    own = {"columns": columns, "days_per_month": 30.5}
    assert cohort.load(path, NCCH, own)["os_months"][0] == 300 / 30.5
    with refused("between 28 and 31"):
        cohort.load(path, NCCH, {"columns": columns, "days_per_month": 12})


def test_yes_and_no_of_yaml_stay_words(tmp_path):
    path = table(tmp_path, "patient_id,b,d\na,ja,2020-01-01\nb,nein,x\n")
    codebook = book(
        tmp_path, "columns:\n  bilobar: {from: b, values: {ja: yes, nein: no}}\n  patient_id: d\n"
    )
    frame = cohort.load(path, NCCH, codebook)
    assert list(frame["bilobar"]) == ["yes", "no"]
    assert list(frame["patient_id"]) == ["2020-01-01", "x"]


def test_two_columns_may_come_from_one_header(tmp_path):
    path = table(tmp_path, "id,ras\na,G12D\nb,wt\nc,G13D\n")
    values = {"G12D": "codon12", "wt": "wild", "G13D": "codon13"}
    columns = {
        "patient_id": "id",
        "ras": {"from": "ras", "values": {"G12D": "mutant", "wt": "wild", "G13D": "mutant"}},
        "kras_codon": {"from": "ras", "values": values},
    }
    frame = cohort.load(path, NCCH, {"columns": columns})
    assert list(frame["ras"]) == ["mutant", "wild", "mutant"]
    assert list(frame["kras_codon"]) == ["codon12", "wild", "codon13"]
    assert list(frame["kras_codon"].cat.categories) == ["wild", "codon12", "codon13", "other"]


@pytest.mark.parametrize("word", ["wild_type", "wild type", "Wild-Type", "wildtype"])
def test_a_level_is_suggested_however_its_words_are_joined(tmp_path, word):
    path = table(tmp_path, f"patient_id,kras_codon\na,{word}\nb,codon_12\n")
    told = cohort.check(path, NCCH).violations
    remedy = " ".join(told[told["column"] == "kras_codon"]["remedy"])
    assert f'"{word}": wild' in remedy and '"codon_12": codon12' in remedy


def test_unknown_tokens_default_global_and_of_a_column(tmp_path):
    cells = ["", "NA", "n/a", "#N/A", "NaN", "Unknown", "UNK", "不明", "null", " "]
    path = table(
        tmp_path,
        "patient_id,age,cea\n" + "".join(f"{i},60,{cell}\n" for i, cell in enumerate(cells)),
    )
    assert cohort.load(path, NCCH)["cea"].isna().all()
    path = table(tmp_path, "patient_id,age,cea\na,-999,?\nb,60,-999.0\nc,9,9\n")
    codebook = {"missing": ["-999", "?"], "columns": {"age": {"missing": ["9"]}}}
    frame = cohort.load(path, NCCH, codebook)
    assert list(frame["age"].isna()) == [True, False, True]
    assert list(frame["cea"].isna()) == [True, True, False]


def test_minus_999_is_a_number_until_a_codebook_says_otherwise(tmp_path):
    path = table(tmp_path, "patient_id,cea\na,-999\n")
    with refused("is below 0 ng/mL.*`missing:`"):
        cohort.load(path, NCCH)


def test_a_value_map_speaks_before_the_unknown_tokens(tmp_path):
    path = table(tmp_path, "patient_id,bilobar,cea\na,unknown,<0.5\nb,yes,1\n")
    columns = {
        "bilobar": {"values": {"unknown": "no"}},
        "cea": {"values": {"<0.5": "0.5"}},
    }
    frame = cohort.load(path, NCCH, {"columns": columns})
    assert list(frame["bilobar"]) == ["no", "yes"]
    assert list(frame["cea"]) == [0.5, 1.0]


def test_codes_match_as_numbers_and_may_mean_unknown(tmp_path):
    path = table(tmp_path, "patient_id,sex\na,1.0\nb,2\nc,9\n")
    columns = {"sex": {"values": {"1": "male", "2": "female", "9": ""}}}
    frame = cohort.load(path, NCCH, {"columns": columns})
    assert list(frame["sex"].astype(object))[:2] == ["male", "female"]
    assert frame["sex"].isna()[2]


def test_decimal_commas_are_read_only_where_the_codebook_says_so(tmp_path):
    path = table(tmp_path, "patient_id;size_cm;cea\na;3,5;1,200\nb;4;7\n")
    with refused("decimal: ','"):
        cohort.load(path, NCCH)
    assert list(cohort.load(path, NCCH, {"decimal": ","})["size_cm"]) == [3.5, 4.0]
    path = table(tmp_path, "patient_id;size_cm\na;3.500\n")
    with refused("in doubt"):
        cohort.load(path, NCCH, {"decimal": ","})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("columns: {sze_cm: x}", "'sze_cm' is not a canonical column. Did you mean 'size_cm'?"),
        ("columns: {size_cm: Ausmass}", "'Ausmass', a header that t.csv does not have"),
        ("columns: {size_cm: sise}", "Did you mean 'size'?"),
        ("colums: {size_cm: size}", "'colums' is not a key of a codebook. Did you mean 'columns'?"),
        ("columns: {size_cm: {from: size, units: mm}}", "Did you mean 'unit'?"),
        ("columns: {sex: {from: sex, values: {1: man}}}", "is no level of sex: male, female"),
        ("columns: {age: x, age: y}", "the key 'age' stands twice"),
        ("study: mskcc_hai", "for the study 'mskcc_hai', not for 'ncch_scp'"),
        ("confirm: [os_evnt]", "Did you mean 'os_event'?"),
        ("columns: [age]", "`columns` must be lines"),
        ("columns: {age: [x]}", "age: write a header"),
        ("columns: {age: {from: [x]}}", "`from` must be a single text"),
        ("columns: {sex: {values: male}}", "`values` must be lines"),
        ("sheet: [a]", "`sheet` must be a single text"),
        ("decimal: ';'", "`decimal` must be"),
        ("separator: ab", "`separator` must be one character"),
        ("age", "is not a codebook"),
        ("a: b: c", "not YAML that can be read (line 1)"),
        ("columns:\n\tage: x", "not YAML that can be read (line 2)"),
        ("columns: &c {age: *c}", "refers to itself"),
    ],
)
def test_a_faulty_codebook_is_refused_with_the_nearest_right_word(tmp_path, text, words):
    path = table(tmp_path, "patient_id,age,sex,size\na,60,male,3\n")
    with pytest.raises(ledger.CohortError) as caught:
        cohort.load(path, NCCH, book(tmp_path, text))
    assert words in caught.value.told


def test_all_faults_of_a_codebook_come_together(tmp_path):
    path = table(tmp_path, "patient_id,age\na,60\n")
    with pytest.raises(ledger.CohortError) as caught:
        cohort.load(path, NCCH, {"columns": {"size": "x", "ages": "age"}, "confirm": ["cae"]})
    assert caught.value.told.count("Did you mean") == 3


def test_an_absent_or_empty_codebook(tmp_path):
    path = table(tmp_path, "patient_id,age\na,60\n")
    with refused(r"codebook .*gone\.yaml.* cannot be read"):
        cohort.load(path, NCCH, tmp_path / "gone.yaml")
    for nothing in ("", None, {}, book(tmp_path, "# nothing yet\n")):
        assert cohort.load(path, NCCH, nothing)["age"][0] == 60


def test_a_column_can_be_left_out_on_purpose(tmp_path):
    path = table(tmp_path, "patient_id,age,cea\na,60,see letter\n")
    frame = cohort.load(path, NCCH, book(tmp_path, "columns:\n  cea: ~\n"))
    assert list(frame) == ["patient_id", "age"]


def test_codes_that_never_occur_are_noted(tmp_path):
    path = table(tmp_path, "patient_id,sex\na,1\n")
    columns = {"sex": {"values": {"1": "male", "2": "female"}}}
    report = cohort.check(path, NCCH, {"columns": columns})
    assert "sex: the codebook explains 2, which never occurs in the file." in report.notes
