"""Tables as R's tableone and finalfit print them, and tables of two populations side by side."""

from dataclasses import replace

import pytest

from crlm import ledger
from crlm.ledger import LedgerError
from crlm.transcription import claims_of, grid

# print(CreateTableOne(...), smd = TRUE, nonnormal = "size_cm", exact = "margin")
TABLEONE = """\
                          Stratified by hai
                           no                 yes                p      test    SMD
    n                        308                366                                
    age (mean (SD))        60.12 (11.35)      59.02 (12.01)       0.213          0.094
    size_cm (median [IQR])  3.50 [2.00, 5.00]  3.00 [1.90, 4.50] <0.001 nonnorm <0.001
    sex = male (%)           179 (58.1)         205 (56.0)        0.642          0.042
    kras (%)                                                     <0.001          0.261
       wild                  170 (55.2)         248 (67.8)                         
       mutant                138 (44.8)         118 (32.2)                         
    margin = positive (%)     30 ( 9.7)          44 (12.0)        0.410 exact    0.074
"""
NARROW = """\
                          Stratified by hai
                           no                 yes               
    n                        308                366             
    age (mean (SD))        60.12 (11.35)      59.02 (12.01)     
    size_cm (median [IQR])  3.50 [2.00, 5.00]  3.00 [1.90, 4.50]
                          Stratified by hai
                           p      test   
    n                                    
    age (mean (SD))         0.213        
    size_cm (median [IQR]) <0.001 nonnorm
"""
CSV = """\
"","no","yes","p","test","SMD"
"  n","  308","  366","","",""
"  age (mean (SD))","60.12 (11.35)","59.02 (12.01)"," 0.213",""," 0.094"
"  size_cm (median [IQR])"," 3.50 [2.00, 5.00]"," 3.00 [1.90, 4.50]","<0.001","nonnorm","<0.001"
"  sex = male (%)","  179 (58.1) ","  205 (56.0) "," 0.642",""," 0.042"
"  kras (%)","","","<0.001",""," 0.261"
"     wild","  170 (55.2) ","  248 (67.8) ","","",""
"     mutant","  138 (44.8) ","  118 (32.2) ","","",""
"  margin = positive (%)","   30 ( 9.7) ","   44 (12.0) "," 0.410","exact"," 0.074"
"""
# print(summary_factorlist(...), row.names = FALSE), and finalfit(...) at a width of 80
FACTORLIST = """\
 Dependent: HAI                    No         Yes     p
    Age (years) Mean (SD) 60.1 (11.3) 59.0 (12.0) 0.213
            Sex    Female  129 (41.9)  161 (44.0) 0.642
                     Male  179 (58.1)  205 (56.0)      
    KRAS status Wild type  170 (55.2)  248 (67.8) 0.001
                   Mutant  138 (44.8)  118 (32.2)      
"""
LABELS = """\
       label    levels          no         yes     p
 Age (years) Mean (SD) 60.1 (11.3) 59.0 (12.0) 0.213
         Sex    Female  129 (41.9)  161 (44.0) 0.642
                  Male  179 (58.1)  205 (56.0)      
 KRAS status Wild type  170 (55.2)  248 (67.8) 0.001
                Mutant  138 (44.8)  118 (32.2)      
"""
FINALFIT = """\
  Dependent: Surv(os_months, os_event)                   all
1                          Age (years) Mean (SD) 60.1 (11.3)
2                                  Sex    Female  129 (41.9)
3                                           Male  179 (58.1)
4                          KRAS status    Mutant  170 (55.2)
5                                      Wild type  138 (44.8)
           HR (univariable)        HR (multivariable)
1 1.01 (0.99-1.03, p=0.310) 1.02 (1.00-1.04, p=0.200)
2                         -                         -
3 1.30 (1.10-1.54, p=0.002) 1.21 (1.01-1.45, p=0.040)
4                         -                         -
5 0.50 (0.20-0.90, p<0.001) 0.40 (0.10-0.80, p=0.006)
"""
BOTH = [
    ["Characteristic", "Before matching", "", "", "After matching", "", ""],
    ["", "No HAI (n = 308)", "HAI (n = 366)", "P", "No HAI (n = 200)", "HAI (n = 200)", "SMD"],
    ["Age, mean (SD)", "60.1 (11.3)", "59.0 (12.0)", "0.213", "60.0 (11.0)", "59.9 (11.1)", "0.01"],
    ["Sex", "", "", "0.642", "", "", "0.02"],
    ["Male", "179 (58.1)", "205 (56.0)", "", "110 (55.0)", "112 (56.0)", ""],
    ["Female", "129 (41.9)", "161 (44.0)", "", "90 (45.0)", "88 (44.0)", ""],
]


@pytest.fixture(scope="module")
def design():
    return ledger.load_design("mskcc_hai")


@pytest.fixture(scope="module")
def matched(design):
    spec = {"type": "category", "levels": ["no", "yes"], "label": "Matched by propensity score"}
    return replace(design, columns={**design.columns, "matched": spec})


def of_file(tmp_path, text, design, name="t.txt", layout="two-groups", **more):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return claims_of(grid(tmp_path / name), design, layout, place="table1", **more)


def told(made, group="hai=yes", names=("covariate", "level", "statistic", "printed")):
    return [tuple(c[name] for name in names) for c in made.claims if c["group"] == group]


ONE = [
    ("", "", "n", "366"),
    ("age", "", "mean", "59.02"),
    ("age", "", "sd", "12.01"),
    ("size_cm", "", "median", "3.00"),
    ("size_cm", "", "q1", "1.90"),
    ("size_cm", "", "q3", "4.50"),
    ("sex", "male", "n", "205"),
    ("sex", "male", "percent", "56.0"),
    ("kras", "wild", "n", "248"),
    ("kras", "wild", "percent", "67.8"),
    ("kras", "mutant", "n", "118"),
    ("kras", "mutant", "percent", "32.2"),
    ("margin", "positive", "n", "44"),
    ("margin", "positive", "percent", "12.0"),
]
TESTS = [
    ("age", "p", "=", "0.213"),
    ("age", "smd", "=", "0.094"),
    ("size_cm", "p", "<", "<0.001"),
    ("size_cm", "smd", "<", "<0.001"),
    ("sex", "p", "=", "0.642"),
    ("sex", "smd", "=", "0.042"),
    ("kras", "p", "<", "<0.001"),
    ("kras", "smd", "=", "0.261"),
    ("margin", "p", "=", "0.410"),
    ("margin", "smd", "=", "0.074"),
]
BETWEEN = ("covariate", "statistic", "operator", "printed")


QUOTED = """\
                            "Stratified by hai"
""                           "no"                 "yes"                "p"
  "  n"                      "  308"              "  366"              ""
  "  age (mean (SD))"        "60.12 (11.35)"      "59.02 (12.01)"      " 0.213"
  "  size_cm (median [IQR])" " 3.50 [2.00, 5.00]" " 3.00 [1.90, 4.50]" "<0.001"
                            "Stratified by hai"
""                           "test"
  "  n"                      ""
  "  age (mean (SD))"        ""
  "  size_cm (median [IQR])" "nonnorm"
"""


@pytest.mark.parametrize(("text", "name"), [(TABLEONE, "t.txt"), (CSV, "t.csv")])
def test_a_table_of_tableone_is_read_as_text_and_as_csv(design, tmp_path, text, name):
    """One space parts its columns; once the numbers of "no" became those of "yes"."""
    made = of_file(tmp_path, text, design, name)
    assert not made.questions and told(made) == ONE
    assert told(made, "hai", BETWEEN) == TESTS
    assert told(made, "hai=no")[0] == ("", "", "n", "308") and len(made.claims) == 38
    (said,) = made.left_out
    assert "nonnorm, exact" in said


@pytest.mark.parametrize("text", [NARROW, QUOTED])
def test_a_table_that_a_narrow_page_broke_is_one(design, tmp_path, text):
    made = of_file(tmp_path, text, design)
    assert not made.questions and told(made) == ONE[:6]
    assert told(made, "hai", BETWEEN) == [TESTS[0], TESTS[2]]


def test_all_levels_of_tableone_stand_in_a_column_of_their_own(design):
    rows = [["", "level", "no", "yes", "p", "test"], ["n", "", "308", "366", "", ""]]
    rows += [["sex (%)", "female", "129 (41.9)", "161 (44.0)", "0.642", "exact"]]
    rows += [["", "male", "179 (58.1)", "205 (56.0)", "", ""]]
    made = claims_of(rows, design, "two-groups", place="table1")
    assert not made.questions
    assert told(made)[1:] == [
        ("sex", level, *number)
        for level, numbers in (("female", ("161", "44.0")), ("male", ("205", "56.0")))
        for number in zip(("n", "percent"), numbers, strict=True)
    ]
    assert told(made, "hai", BETWEEN) == [("sex", "p", "=", "0.642")]


def test_groups_that_are_codes_are_asked_and_levels_of_that_name_stay_levels(design, tmp_path):
    """An answer for the group "0" was one for the row "0" of a stage, too."""
    text = TABLEONE.replace(" no ", " 0  ").replace(" yes ", " 1   ").replace("wild  ", "0     ")
    asked = of_file(tmp_path, text, design).questions
    assert any("column '0'" in question for question in asked)
    kras = replace(design, columns={**design.columns, "kras": {**design.columns["kras"]}})
    kras.columns["kras"] |= {"levels": ["0", "mutant"], "labels": {}}
    (tmp_path / "t.txt").unlink()
    made = of_file(tmp_path, text, kras, "u.txt", named={"0": "hai:no", "1": "hai:yes"})
    assert not made.questions
    assert told(made)[8] == ("kras", "0", "n", "248")


@pytest.mark.parametrize("text", [FACTORLIST, LABELS])
def test_a_list_of_factors_of_finalfit_has_its_labels_in_two_columns(design, tmp_path, text):
    made = of_file(tmp_path, text, design)
    assert not made.questions
    assert told(made)[:4] == [
        ("age", "", "mean", "59.0"),
        ("age", "", "sd", "12.0"),
        ("sex", "female", "n", "161"),
        ("sex", "female", "percent", "44.0"),
    ]
    assert told(made, "hai", BETWEEN) == [
        ("age", "p", "=", "0.213"),
        ("sex", "p", "=", "0.642"),
        ("kras", "p", "=", "0.001"),
    ]
    assert len(made.claims) == 23


@pytest.mark.parametrize("form", ["narrow", "csv", "unnamed"])
def test_ratios_of_finalfit_have_their_p_in_the_cell(design, tmp_path, form):
    text = FINALFIT
    (tmp_path / "f.txt").write_text(text, encoding="utf-8")
    rows = grid(tmp_path / "f.txt")
    if form == "csv":
        text = "\n".join(",".join(f'"{cell}"' for cell in row) for row in rows) + "\n"
    if form == "unnamed":
        text = "".join(f"{line[1:]}\n" for line in text.splitlines())
    name = "t.csv" if form == "csv" else "t.txt"
    made = of_file(tmp_path, text, design, name, "model", endpoint="OS", named={"all": "-"})
    assert not made.questions
    names = ("covariate", "level", "model", "statistic", "field", "operator", "printed")
    rows = [row for row in told(made, "all", names) if row[0] == "kras"]
    ratio = ("kras", "wild", "univariable", "hazard_ratio")
    assert sorted(rows)[-4:] == [
        (*ratio, "conf_high", "=", "0.90"),
        (*ratio, "conf_low", "=", "0.20"),
        (*ratio, "estimate", "=", "0.50"),
        ("kras", "wild", "univariable", "p", "estimate", "<", "<0.001"),
    ]
    # The dash is the reference, and the design has the other level for it.
    assert {c["reference"] for c in made.claims if c["covariate"] == "kras"} == {"mutant"}
    assert len(made.claims) == 24


def test_counts_beside_the_ratios_of_finalfit_are_asked(design, tmp_path):
    made = of_file(tmp_path, FINALFIT, design, layout="model", endpoint="OS")
    (question,) = made.questions
    assert "--is 'all=-'" in question


def test_groups_of_another_column_than_r_says_are_asked(design, tmp_path):
    text = TABLEONE.replace("Stratified by hai", "Stratified by sex")
    assert any("say --by sex" in q for q in of_file(tmp_path, text, design).questions)
    said = {"endpoint": "RFS", "named": {"all": "-"}, "layout": "model"}
    (question,) = of_file(tmp_path, FINALFIT, design, "f.txt", **said).questions
    assert "say --endpoint OS" in question
    text = FACTORLIST.replace("Dependent: HAI", "Dependent: Sex")
    assert any("say --by sex" in q for q in of_file(tmp_path, text, design, "u.txt").questions)


def test_a_header_that_may_stand_over_other_columns_is_refused(tmp_path):
    text = "           HAI     No HAI   P\nMale       12 (3)  14 (4)\nFemale     12 (3)  14 (4)\n"
    (tmp_path / "t.txt").write_text(text, encoding="utf-8")
    with pytest.raises(LedgerError, match="Put tabs or bars between the columns"):
        grid(tmp_path / "t.txt")
    (tmp_path / "u.txt").write_text("   Stratified by hai\n", encoding="utf-8")
    with pytest.raises(LedgerError, match="holds no table"):
        grid(tmp_path / "u.txt")


@pytest.mark.parametrize("form", ["merged", "repeated", "centred"])
def test_two_populations_side_by_side_are_two_where_the_design_has_the_matched(matched, form):
    heads = {
        "merged": BOTH[0],
        "repeated": ["", *["Before PSM"] * 3, *["PSM cohort"] * 3],
        "centred": ["", "", "Unmatched", "", "", "All matched patients", ""],
    }[form]
    made = claims_of([heads, *BOTH[1:]], matched, "two-groups", place="table1")
    assert not made.questions
    names = ("population", "covariate", "level", "statistic", "printed")
    assert told(made, "hai=yes", names)[:3] == [
        ("all", "", "", "n", "366"),
        ("all", "age", "", "mean", "59.0"),
        ("all", "age", "", "sd", "12.0"),
    ]
    assert told(made, "hai=yes", names)[7:10] == [
        ("matched=yes", "", "", "n", "200"),
        ("matched=yes", "age", "", "mean", "59.9"),
        ("matched=yes", "age", "", "sd", "11.1"),
    ]
    assert told(made, "hai", names) == [
        ("all", "age", "", "p", "0.213"),
        ("all", "sex", "", "p", "0.642"),
        ("matched=yes", "age", "", "smd", "0.01"),
        ("matched=yes", "sex", "", "smd", "0.02"),
    ]
    assert made.claims[-1]["id"] == "table1-hai-yes-sex-female-matched-yes-percent"
    assert len({claim["id"] for claim in made.claims}) == len(made.claims) == 32


def test_matched_patients_that_the_design_does_not_have_are_asked(design, matched):
    def read(rows, design=design, **more):
        return claims_of(rows, design, "two-groups", place="table1", **more)

    made = read(BOTH)
    (question,) = made.questions
    assert "Declare one, as [columns.matched]" in question
    assert "--is 'After matching=COLUMN:LEVEL'" in question
    left = read(BOTH, named={"After matching": "-"})
    assert not left.questions and left.claims == made.claims
    assert left.left_out == ["'After matching' is left out, as was said."]
    said = read(BOTH, named={"After matching": "margin:negative"})
    assert {c["population"] for c in said.claims} == {"all", "margin=negative"}
    weighted = [[*BOTH[0][:4], "After IPTW", "", ""], *BOTH[1:]]
    assert "weighted patients" in read(weighted, matched).questions[0]
    tissue = {"type": "category", "levels": ["matched", "mismatched"], "label": "HLA typing"}
    typed = replace(design, columns={**design.columns, "hla": tissue})
    assert read(BOTH, typed).questions == made.questions
    times = [["", "Pre-operative", "", "", "Post-operative", "", ""], *BOTH[1:]]
    asked = read(times, matched)
    assert len(asked.questions) == 2 and not asked.claims
    women = [["", "Women", "", "", "Men", "", ""], *BOTH[1:3]]
    assert {c["population"] for c in read(women).claims} == {"sex=female", "sex=male"}
