"""Tables copied out of a paper become the claims that a person would have typed."""

import datetime
import subprocess
import sys
from dataclasses import replace

import openpyxl
import pandas as pd
import pytest

from crlm import cli, ledger
from crlm.ledger import LedgerError, ParameterError
from crlm.ledger.claim_numbers import number_faults
from crlm.transcription import claims_of, doubts, grid, noughts
from crlm.transcription.cells import cell, numbers
from crlm.transcription.labels import Labels
from tests.hand_written import ROOT, copied

KEYS = ["field", *ledger.KEYS]


def printed(claims, **keys):
    found = claims
    for name, value in keys.items():
        found = found[found[name] == value]
    return "" if found.empty else found["printed"].iloc[0]


def two_groups(study, levels_of):
    """Table 1 of a study as a page prints it, from its own ledger."""
    design, claims = ledger.load_design(study), ledger.load_claims(study)
    by = design.table_one["by"]
    groups = [f"{by}={level}" for level in design.levels(by)]
    table = claims[(claims["place"] == "table1") & (claims["kind"] == "number")]
    sizes = [printed(table, group=g, statistic="n", covariate="") for g in groups]
    head = [
        "",
        *[f"{design.group_label(g)} (n = {n})" for g, n in zip(groups, sizes, strict=True)],
        "P",
    ]
    body, used = [head], []
    for name in levels_of:
        levels = design.levels(name)
        if not levels:
            cells = [
                "{} ({}-{})".format(
                    *[
                        printed(table, group=g, covariate=name, statistic=s)
                        for s in ("median", "min", "max")
                    ]
                )
                for g in groups
            ]
            p = printed(table, group=by, covariate=name, statistic="p")
            body.append([design.label(name), *cells, p])
            continue
        p = printed(table, group=by, covariate=name, statistic="p")
        body.append([design.label(name), *[""] * len(groups), p])
        for level in levels:
            cells = []
            for g in groups:
                n = printed(table, group=g, covariate=name, level=level, statistic="n")
                percent = printed(table, group=g, covariate=name, level=level, statistic="percent")
                cells.append(f"{n} ({percent}%)" if n and percent else "")
            if all(cells):
                body.append([design.label(name, level), *cells, ""])
                used.append((name, level))
    return design, table, body


def keyed(frame):
    frame = frame.assign(time=pd.to_numeric(frame["time"], errors="coerce").fillna(-1.0))
    columns = ["field", *[k for k in ledger.KEYS]]
    return {
        tuple(r[c] for c in columns): (
            r["printed"],
            float(r["value"]),
            int(r["decimals"]),
            r["operator"],
            r["unit"],
        )
        for r in frame.to_dict("records")
    }


@pytest.mark.parametrize(
    ("study", "names"),
    [
        ("mskcc_hai", ["age", "sex", "nodal_status", "margin"]),
        ("ncch_scp", ["age", "sex", "sidedness", "nodal_status", "size_cm"]),
    ],
)
def test_table_one_of_a_paper_gives_the_claims_of_its_ledger(study, names):
    design, table, body = two_groups(study, names)
    made = claims_of(body, design, "two-groups", place="table1", spread="range")
    assert not made.questions
    told, own = keyed(pd.DataFrame(made.claims)), keyed(table)
    assert len(told) > 20
    assert all(own[key] == value for key, value in told.items()), {
        key: (value, own.get(key)) for key, value in told.items() if own.get(key) != value
    }


def test_a_model_and_curves_give_ratios_limits_rates_and_tests():
    design = ledger.load_design("mskcc_hai")
    table = [
        ["", "Univariate HR (95% CI)", "P", "Multivariate HR (95% CI)", "P value"],
        ["KRAS wild type", "Reference", "", "1.00", ""],
        ["KRAS mutant", "1.35 (1.14–1.61)", "<0.001", "1.2 (0.99 to 1.46)", "0.06"],
        ["Age", "1.00 (0.99-1.02)", "0.07", "", ""],
    ]
    made = claims_of(table, design, "model", place="table3", endpoint="OS")
    assert not made.questions
    rows = pd.DataFrame(made.claims)
    mutant = rows[(rows["covariate"] == "kras") & (rows["model"] == "univariable")]
    assert dict(zip(mutant["field"] + mutant["statistic"], mutant["printed"], strict=True)) == {
        "estimatehazard_ratio": "1.35",
        "conf_lowhazard_ratio": "1.14",
        "conf_highhazard_ratio": "1.61",
        "estimatep": "<0.001",
    }
    assert set(mutant["level"]) == {"mutant"} and len(rows) == 12
    curves = [
        ["", "n", "Median OS, months (95% CI)", "5-year", "P"],
        ["HAI", "366", "98.4 (80-120)", "65.8%", "<.001"],
    ]
    made = claims_of(curves, design, "curves", place="results", endpoint="OS")
    found = {
        (c["statistic"], c["field"]): (c["value"], c["time"], c["operator"]) for c in made.claims
    }
    assert found["survival_rate", "estimate"] == ("65.8", "60", "=")
    assert found["median_survival", "conf_low"] == ("80", "", "=")
    assert found["p", "estimate"] == ("0.001", "", "<")


def test_what_a_table_does_not_settle_is_asked():
    design = ledger.load_design("mskcc_hai")
    table = [
        ["", "No HAI", "Pumped"],
        ["Weaker half", "12 (4%)", "3 (1%)"],
        ["Male", "179 of 170", "20 (5%)"],
    ]
    made = claims_of(table, design, "two-groups", place="table1")
    told = " ".join(made.questions)
    assert "'Pumped' is no characteristic" in told and "'Weaker half'" in told
    assert "--is 'Weaker half=COLUMN:LEVEL'" in told
    assert "'179 of 170' has more patients than its denominator" in told
    named = {"Pumped": "hai:yes", "Weaker half": "sex:female"}
    assert len(claims_of(table, design, "two-groups", place="table1", named=named).questions) == 1


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("104 (46.2%)", "count", [104, 46.2]),
        ("1,204 (12)", "count", [1204, 12]),
        ("58 (34–80)", "spread", [58, 34, 80]),
        ("58 [34 to 80]", "spread", [58, 34, 80]),
        ("61.2 ± 9.5", "mean", [61.2, 9.5]),
        ("2.03 (0.99-4.19)", "spread", [2.03, 0.99, 4.19]),
        ("<0.001", "single", [0.001]),
        (".04", "single", [0.04]),
        ("—", "empty", []),
        ("1 2 3 4", "unclear", [1, 2, 3, 4]),
    ],
)
def test_a_cell_says_what_it_states(text, kind, values):
    found = cell(text)
    assert found.kind == kind and [part.value for part in found.parts] == values


def test_negative_numbers_are_no_ranges():
    assert [n.value for n in numbers("-3.1 (-5.2 to -1.0)")] == [-3.1, -5.2, -1.0]


def test_a_table_is_read_from_csv_excel_word_and_pasted_text(tmp_path):
    want = [["", "HAI", "p"], ["Male", "205 (56%)", "0.66"]]
    book = openpyxl.Workbook()
    for row in want:
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    (tmp_path / "t.csv").write_text(",HAI,p\nMale,205 (56%),0.66\n", encoding="utf-8")
    (tmp_path / "t.txt").write_text("| | HAI | p |\nMale\t205 (56%)\t0.66\n", encoding="utf-8")
    assert grid(tmp_path / "t.xlsx") == want and grid(tmp_path / "t.csv") == want
    assert grid(tmp_path / "t.txt")[1] == want[1]
    docx = pytest.importorskip("docx")
    document = docx.Document()
    table = document.add_table(rows=2, cols=3)
    for row, texts in zip(table.rows, want, strict=True):
        for at, text in zip(row.cells, texts, strict=True):
            at.text = text
    document.save(tmp_path / "t.docx")
    assert grid(tmp_path / "t.docx") == want


@pytest.mark.parametrize(
    ("name", "data"),
    [("t.xlsx", b"no"), ("t.docx", b"no"), ("t.txt", b"one"), ("t.csv", b"\xff\xfe1")],
)
def test_what_is_no_table_is_refused_in_words(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(LedgerError, match=r"t\."):
        grid(tmp_path / name)


def test_unknown_layouts_and_endpoints_are_refused():
    design = ledger.load_design("mskcc_hai")
    with pytest.raises(ParameterError, match="two-groups"):
        claims_of([["", "a"], ["b", "1"]], design, "two-group", place="table1")
    with pytest.raises(ParameterError, match="--endpoint"):
        claims_of([["", "a"], ["b", "1"]], design, "model", place="table1")


def test_the_command_writes_all_or_nothing(tmp_path):
    (tmp_path / "t.csv").write_text(",HAI,p\nMale,205 (56%),0.66\nFoo,1,0.2\n", encoding="utf-8")
    command = [sys.executable, "-m", "crlm.cli", "ledger", "import", str(tmp_path / "t.csv")]
    command += ["--study", "mskcc_hai", "--layout", "two-groups", "--place", "table1"]
    command += ["--out", str(tmp_path / "made.csv")]

    def run(*more):
        return subprocess.run(
            [*command, *more], capture_output=True, text=True, check=False, cwd=ROOT
        )

    refused = run()
    assert refused.returncode == 2 and "'Foo'" in refused.stderr
    assert not (tmp_path / "made.csv").exists()
    assert run("--is", "Foo=bilobar:yes").returncode == 0
    made = pd.read_csv(tmp_path / "made.csv", dtype=str)
    assert list(made["printed"]) == ["205", "56", "0.66", "1", "0.2"]
    again = run("--is", "Foo=bilobar:yes")
    assert again.returncode == 2 and "is there already" in again.stderr


# ---- words that papers put around their labels ------------------------------------------------


@pytest.mark.parametrize(
    ("label", "cell_text", "found"),
    [
        ("Age, years, mean ± SD", "61.2 ± 9.5", [("age", "", "mean"), ("age", "", "sd")]),
        ("Age (years), mean (SD)", "61 (9)", [("age", "", "mean"), ("age", "", "sd")]),
        (
            "Age, median (IQR)",
            "61 (50-70)",
            [("age", "", "median"), ("age", "", "q1"), ("age", "", "q3")],
        ),
        ("Sex: male, n (%)", "20 (5%)", [("sex", "male", "n"), ("sex", "male", "percent")]),
        ("Male", "46.2%", [("sex", "male", "percent")]),
    ],
)
def test_what_stands_behind_a_label_says_what_its_row_holds(label, cell_text, found):
    design = ledger.load_design("mskcc_hai")
    table = [["", "HAI"], [label, cell_text]]
    made = claims_of(table, design, "two-groups", place="table1")
    assert not made.questions
    assert [(c["covariate"], c["level"], c["statistic"]) for c in made.claims] == found


@pytest.mark.parametrize("label", ["Age, weeks", "Gender, n (%)", "Male, left"])
def test_a_label_with_other_words_behind_it_is_asked(label):
    design = ledger.load_design("mskcc_hai")
    made = claims_of([["", "HAI"], [label, "20 (5%)"]], design, "two-groups", place="table1")
    assert len(made.questions) == 1 and not made.claims


@pytest.mark.parametrize(
    ("label", "level", "reference"),
    [
        ("Male vs female", "male", "female"),
        ("Female versus male", "female", ""),
        ("KRAS mutant vs. wild type", "mutant", ""),
    ],
)
def test_a_level_against_another_has_its_reference(label, level, reference):
    design = ledger.load_design("mskcc_hai")
    assert design.levels("sex")[0] == "male"
    table = [["", "HR", "95% CI", "P value"], [label, "1.3", "0.9–1.8", "0.2"]]
    made = claims_of(table, design, "model", place="table2", endpoint="OS")
    assert not made.questions
    assert {(c["level"], c.get("reference", "")) for c in made.claims} == {(level, reference)}
    assert [(c["statistic"], c["field"]) for c in made.claims] == [
        ("hazard_ratio", "estimate"),
        ("hazard_ratio", "conf_low"),
        ("hazard_ratio", "conf_high"),
        ("p", "estimate"),
    ]


def test_the_row_that_is_marked_as_the_reference_counts():
    design = ledger.load_design("mskcc_hai")
    table = [["", "HR", "P"], ["Sex", "", ""], ["Female", "1.00", ""], ["Male", "1.3", "0.2"]]
    made = claims_of(table, design, "model", place="table2", endpoint="OS")
    assert not made.questions
    assert {(c["level"], c["reference"]) for c in made.claims} == {("male", "female")}
    alone = claims_of([table[0], table[3]], design, "model", place="table2", endpoint="OS")
    assert {(c["level"], c["reference"]) for c in alone.claims} == {("male", "female")}


@pytest.mark.parametrize(
    ("layout", "head", "text"),
    [
        ("model", "No. of patients", "104"),
        ("model", "95% CI", "1.2"),
        ("curves", "5-year (%)", "24 ± 3"),
        ("curves", "Events", "66 (69%)"),
    ],
)
def test_a_number_that_is_something_else_is_asked(layout, head, text):
    """Once "104 patients" was a hazard ratio, and "66 (69%)" a count with a lower limit."""
    design = ledger.load_design("mskcc_hai")
    label = "KRAS mutant" if layout == "model" else "HAI"
    made = claims_of([["", head], [label, text]], design, layout, place="t", endpoint="OS")
    assert made.questions and not made.claims


def test_rows_are_put_below_those_of_the_study_once(tmp_path, monkeypatch, capsys):
    folder = copied("mskcc_hai", tmp_path)
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    (tmp_path / "t.txt").write_text("\tHR\tp\nMale vs female\t1.3\t0.2\n", encoding="utf-8")
    command = ["ledger", "import", str(tmp_path / "t.txt"), "--study", "mskcc_hai"]
    command += ["--layout", "model", "--place", "supplementary_table9", "--endpoint", "OS", "--add"]
    before = len(ledger.load_claims("mskcc_hai"))
    assert cli.main(command) == 0
    after = ledger.load_claims("mskcc_hai")
    assert len(after) == before + 2 and after["reference"].iloc[-1] == "female"
    text = (folder / "published.csv").read_bytes()
    assert cli.main(command) == 2 and "already; nothing was added" in capsys.readouterr().err
    assert (folder / "published.csv").read_bytes() == text


def staged(monkeypatch, tmp_path, tests):
    folder = copied("mskcc_hai", tmp_path)
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    told = f"[table_one]\ntests = {{ {tests} }}" if tests else "[table_one]"
    path = folder / "design.toml"
    text = path.read_text(encoding="utf-8").replace("[table_one]", told, 1)
    more = '[columns.stage]\ntype = "category"\nlevels = ["I", "II", "III"]\nlabel = "Stage"\n'
    path.write_text(f"{text}\n{more}", encoding="utf-8")
    return ledger.load_design("mskcc_hai")


STAGES = [["I", "50", "40", ""], ["II", "60", "70", ""], ["III", "30", "55", ""]]


@pytest.mark.parametrize("head", ["P for trend", "P value for trend", "Ptrend", "p-trend*"])
def test_a_p_for_trend_is_that_where_the_design_declares_it(monkeypatch, tmp_path, head):
    """Once it went in as the p of the usual test, and differed."""
    design = staged(monkeypatch, tmp_path, 'stage = "trend"')
    column = [["", "No HAI", "HAI", head], ["Stage", "", "", "0.012"], *STAGES]
    row = [["", "No HAI", "HAI", "P"], ["Stage", "", "", ""], *STAGES, [head, "", "", "0.012"]]
    for table in (column, row):
        made = claims_of(table, design, "two-groups", place="table1")
        assert not made.questions, made.questions
        found = [c for c in made.claims if c["statistic"] == "p"]
        assert [(c["covariate"], c["group"], c["printed"]) for c in found] == [
            ("stage", "hai", "0.012")
        ]
        assert len(made.claims) == 7


def test_a_p_for_trend_that_no_test_of_the_design_is_is_asked(monkeypatch, tmp_path):
    design = staged(monkeypatch, tmp_path, "")
    head = ["", "No HAI", "HAI", "P", "P for trend"]
    table = [head, ["Stage", "", "", "", "0.012"], *([*row, ""] for row in STAGES)]
    table.append(["Age, years", "58 (34-80)", "61 (30-77)", "0.4", "0.3"])
    table.append(["CEA", "8 (1-80)", "9 (1-77)", "", "0.3"])
    made = claims_of(table, design, "two-groups", place="table1", spread="range")
    stage, age, cea = made.questions
    assert 'Declare tests = { stage = "trend" } in [table_one]' in stage
    assert "'0.4' and '0.3' are two p values of age" in age
    assert "is p for trend, and the design tests cea by mann-whitney" in cea
    assert 'Declare tests = { cea = "jonckheere" or cea = "linear-trend" or' in cea


# ---- typography of journals --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "printed"),
    [
        ("69·2 ± 8·5", "mean", ["69.2", "8.5"]),
        ("55·2 (16·0–112·2)", "spread", ["55.2", "16.0", "112.2"]),
        ("·05", "single", [".05"]),
        ("<·001", "single", ["<.001"]),
        ("05", "lost", ["05"]),
        ("62.6 (46.2–NR)", "spread", ["62.6", "46.2", "NR"]),
        ("NR (24.1–NR)", "spread", ["NR", "24.1", "NR"]),
        ("NR (NR to 48)", "spread", ["NR", "NR", "48"]),
        ("NS", "single", ["NS"]),
        ("p = .03", "single", [".03"]),
        ("n.s.", "single", ["n.s."]),
        ("not reached", "single", ["not reached"]),
    ],
)
def test_a_cell_is_read_as_journals_set_it(text, kind, printed):
    found = cell(text)
    assert (found.kind, [part.text for part in found.parts]) == (kind, printed)


def test_a_p_value_without_its_point_is_asked():
    """Once a page's ·05 became p = 5."""
    design = ledger.load_design("mskcc_hai")
    for text in ("05", "19", "1.3", "0.03 0.04", "0,03"):
        table = [["", "HAI", "P"], ["Male", "20 (5%)", text]]
        made = claims_of(table, design, "two-groups", place="table1")
        assert len(made.questions) == 1, text
    assert "with a point" in made.questions[0]
    table = [["", "HAI", "P value*"], ["Male", "20 (140%)", "·05"]]
    made = claims_of(table, design, "two-groups", place="table1")
    assert "'140' is no percent" in " ".join(made.questions)
    assert [c["value"] for c in made.claims if c["statistic"] == "p"] == ["0.05"]


def test_a_word_in_the_place_of_a_number_is_told():
    design = ledger.load_design("mskcc_hai")
    curves = [
        ["", "No. of patients", "Events", "Median, mo (95% CI)", "Log-rank p†"],
        ["HAI†", "366", "120", "62·6 (46·2–NR)", "NS"],
    ]
    made = claims_of(curves, design, "curves", place="table4", endpoint="OS")
    assert not made.questions
    assert [(c["statistic"], c["field"], c["value"]) for c in made.claims] == [
        ("n", "estimate", "366"),
        ("events", "estimate", "120"),
        ("median_survival", "estimate", "62.6"),
        ("median_survival", "conf_low", "46.2"),
        ("median_survival", "conf_high", ""),
        ("p", "estimate", "0.05"),
    ]
    p = made.claims[-1]
    assert (p["kind"], p["printed"], p["operator"], p["decimals"]) == ("direction", "NS", "~", "")
    other = [curves[0], [*curves[1][:4], "see text"]]
    asked = claims_of(other, design, "curves", place="table4", endpoint="OS")
    assert "'see text' is not one number" in asked.questions[0]


@pytest.mark.parametrize("label", ["CA 19–9, U/mL, median (IQR)", "CA19-9, no. (%)", "ca-19-9*"])
def test_a_label_is_known_however_its_parts_are_joined(label):
    design = ledger.load_design("ncch_scp")
    assert Labels(design, ["ca199"], {}).read(label).column == "ca199"


def test_an_answer_keeps_what_its_label_says_of_the_row():
    """Once the quartiles of a label that was answered for became ends of a range."""
    design = ledger.load_design("mskcc_hai")
    for answer in ("Years lived, median (IQR)", "Years lived"):
        table = [["", "HAI"], ["Years lived, median (IQR)", "61 (50–70)"]]
        made = claims_of(table, design, "two-groups", place="table1", named={answer: "age"})
        assert not made.questions
        assert [c["statistic"] for c in made.claims] == ["median", "q1", "q3"]


def test_a_spread_that_no_row_names_is_the_designs_or_asked():
    table = [["", "HAI"], ["Age", "61 (50–70)"]]
    for spread, ends in [("iqr", ["q1", "q3"]), ("range", ["min", "max"]), ("both", None)]:
        design = ledger.load_design("mskcc_hai")
        design = replace(design, table_one={**design.table_one, "spread": spread})
        made = claims_of(table, design, "two-groups", place="table1")
        found = [c["statistic"] for c in made.claims]
        assert found == (["median", *ends] if ends else []) and bool(made.questions) == (not ends)


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"Gendre": "sex"}, "did you mean 'Gender'"),
        ({"Gender": "sexe"}, "did you mean 'sex'"),
        ({"Gender": "sex:men"}, "no level of sex"),
        ({"Gender": "age:old"}, "no level of age; it has no levels"),
    ],
)
def test_an_answer_that_fits_nothing_is_refused(named, told):
    design = ledger.load_design("mskcc_hai")
    table = [["", "HAI"], ["Gender", ""], ["Men", "20 (5%)"]]
    with pytest.raises(ParameterError, match=told):
        claims_of(table, design, "two-groups", place="table1", named=named)


def test_a_level_below_a_known_heading_is_asked_for_among_its_levels():
    design = ledger.load_design("mskcc_hai")
    table = [["", "HAI", "Significance"], ["Sex, n (%)", "", ""], ["Femmale", "20 (5%)", ""]]
    made = claims_of(table, design, "two-groups", place="table1")
    assert "or 'Significance=p'" in made.questions[0]
    assert "--is 'Femmale=sex:LEVEL', a LEVEL of male, female" in made.questions[1]
    named = {"Significance": "p", "Femmale": "sex:female"}
    assert not claims_of(table, design, "two-groups", place="table1", named=named).questions


def test_two_rows_that_are_marked_as_the_reference_are_asked():
    design = ledger.load_design("mskcc_hai")
    table = [["", "HR", "P"], ["Male", "Ref.", ""], ["Female", "Ref.", ""], ["Age", "1.3", ".2"]]
    made = claims_of(table, design, "model", place="table2", endpoint="OS")
    assert made.questions == ["Female: male is marked as the reference too."]


def test_a_table_of_a_named_model_has_its_endpoint_and_its_patients():
    design = ledger.load_design("mskcc_hai")
    spec = {**design.models["OS"], "endpoint": "OS", "population": "sex=male"}
    design = replace(design, models={**design.models, "OS_men": spec})
    table = [["", "HR (95% CI)", "P"], ["KRAS mutant", "1.35 (1.14–1.61)", "·03"]]
    made = claims_of(table, design, "model", place="table2", endpoint="OS_men")
    assert {(c["endpoint"], c["population"]) for c in made.claims} == {("OS", "sex=male")}
    assert not {c["id"] for c in made.claims} & {
        c["id"] for c in claims_of(table, design, "model", place="table2", endpoint="OS").claims
    }
    with pytest.raises(ParameterError, match="OS_men"):
        claims_of(table, design, "model", place="table2")


def test_the_second_half_of_a_table_adds_what_is_new(tmp_path, monkeypatch, capsys):
    copied("mskcc_hai", tmp_path)
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    before = len(ledger.load_claims("mskcc_hai"))

    def add(text, endpoint, place="supplementary_table9"):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.txt"
        path.write_text(text, encoding="utf-8")
        command = ["ledger", "import", str(path), "--study", "mskcc_hai", "--layout", "curves"]
        return cli.main([*command, "--place", place, "--endpoint", endpoint, "--add"])

    assert add("\tn\t5-year\nHAI\t366\t65.8%\n", "OS") == 0
    assert add("\tn\t5-year\nHAI\t366\t29.8%\n", "RFS") == 0
    assert "1 claim stood there before" in capsys.readouterr().out
    assert len(ledger.load_claims("mskcc_hai")) == before + 3
    assert add("\tn\tEvents\nHAI\t365\t20\n", "RFS") == 2
    assert "printed '366', and the table has '365'" in capsys.readouterr().err
    assert add("\tn\nHAI\t366\n", "OS", "Table 9") == 2
    assert "did you mean 'table9'" in capsys.readouterr().err


def test_the_table_may_stand_behind_the_options(tmp_path, monkeypatch, capsys):
    copied("mskcc_hai", tmp_path)
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    path = tmp_path / "t.txt"
    path.write_text("\tn\t5-year\nHAI\t366\t65.8%\n", encoding="utf-8")
    told = ["ledger", "import", "--study", "mskcc_hai", "--layout", "curves", "--endpoint", "OS"]
    told += ["--place", "supplementary_table9", "--add"]
    assert cli.main([*told, str(path)]) == 0
    assert "65.8" in ledger.load_claims("mskcc_hai").tail(2)["printed"].tolist()
    capsys.readouterr()
    for behind in ([str(path), "more.txt"], [str(path), "--what"]):
        with pytest.raises(SystemExit):
            cli.main([*told, *behind])
        assert "unrecognized arguments" in capsys.readouterr().err


# ---- tables of other hospitals ----------------------------------------------------------------

HEAD = ["", "RAS wild type (n = 87)", "RAS mutant (n = 63)", "P"]


def rows_of(made):
    return [(c["group"], c["covariate"], c["level"], c["statistic"]) for c in made.claims]


def levels_read(*body, study="ncch_scp", layout="two-groups", head=HEAD, **more):
    """What a table with this body names, sizes of the groups aside, and what it asks."""
    design = ledger.load_design(study)
    made = claims_of([head, *body], design, layout, place="table1", **more)
    found = [(c["covariate"], c["level"]) for c in made.claims if c["covariate"]]
    return list(dict.fromkeys(found)), made.questions


COUNTS = ["50 (57%)", "40 (63%)", ""]


@pytest.mark.parametrize(
    ("heading", "labels", "column", "levels"),
    [
        ("Sex", ["Men", "Women"], "sex", ["male", "female"]),
        ("Gender, n (%)", ["Males", "Females"], "sex", ["male", "female"]),
        ("Primary tumor location", ["Right-sided", "Left"], "sidedness", ["right", "left"]),
        (
            "Lymph node metastasis",
            ["Positive", "Negative"],
            "nodal_status",
            ["positive", "negative"],
        ),
        ("Lymph node metastasis", ["Present", "Absent"], "nodal_status", ["positive", "negative"]),
        ("Nodal status of the primary", ["N+", "N0"], "nodal_status", ["positive", "negative"]),
        ("Surgical margin", ["R1", "R0"], "margin", ["positive", "negative"]),
        (
            "Timing of CRLM",
            ["Synchronous", "Metachronous"],
            "timing",
            ["synchronous", "metachronous"],
        ),
        ("RAS status", ["Mutant", "Wild-type"], "ras", ["mutant", "wild"]),
        ("RAS mutation", ["Yes", "No"], "ras", ["mutant", "wild"]),
    ],
)
def test_levels_below_a_heading_are_levels_of_that_column(heading, labels, column, levels):
    """Once "Positive" below a nodal heading was a positive margin, without a word."""
    study = "mskcc_hai" if column in ("margin", "timing") else "ncch_scp"
    head = ["", "No HAI", "HAI", "P"] if study == "mskcc_hai" else HEAD
    body = [[heading, "", "", "0.20"], *([label, *COUNTS] for label in labels)]
    found, asked = levels_read(*body, study=study, head=head)
    assert not asked
    assert found == [(column, ""), *((column, level) for level in levels)]


def test_below_an_unknown_heading_no_level_is_guessed_and_one_question_is_asked():
    body = [["Gland", "", "", "0.20"], ["Positive", *COUNTS], ["Negative", *COUNTS]]
    found, asked = levels_read(*body)
    assert found == [] and len(asked) == 1 and "'Gland'" in asked[0]
    body[0][3] = ""
    found, asked = levels_read(*body)
    assert found == [] and len(asked) == 1 and "--is 'Gland=COLUMN'" in asked[0]


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ("Men", ("sex", "male")),
        ("Women, n (%)", ("sex", "female")),
        ("N0", ("nodal_status", "negative")),
        ("R0 resection", ("margin", "negative")),
        ("R1", ("margin", "positive")),
    ],
)
def test_one_level_of_a_known_column_is_read_alone_and_told(label, found):
    design = ledger.load_design("mskcc_hai")
    made = claims_of([["", "HAI"], [label, "20 (5%)"]], design, "two-groups", place="table1")
    assert not made.questions and found == (made.claims[0]["covariate"], made.claims[0]["level"])
    assert label in made.taken[0] and ":".join(found) in made.taken[0]


@pytest.mark.parametrize("label", ["Positive", "Mutant", "Right-sided", "Yes", "Single"])
def test_a_level_of_many_columns_names_none_alone(label):
    found, asked = levels_read([label, *COUNTS])
    assert found == [] and len(asked) == 1


def test_full_width_type_is_read_as_what_it_says(tmp_path):
    """Once "５３（５４．１％）" was a median of 53 between 54 and 1."""
    text = (
        "\tＲＡＳ wild type（n＝８７）\tRAS mutant (n = 63)\nMale\t５３（６０．９％）\t40 (63%)\n"
    )
    (tmp_path / "t.txt").write_text(text, encoding="utf-8")
    assert grid(tmp_path / "t.txt")[1][1] == "53(60.9%)"
    design = ledger.load_design("ncch_scp")
    made = claims_of(grid(tmp_path / "t.txt"), design, "two-groups", place="table1")
    assert not made.questions
    assert [c["printed"] for c in made.claims] == ["87", "63", "53", "60.9", "40", "63"]
    (tmp_path / "u.txt").write_text("\tn\tb\nx\t1\u2009254\t3〜5\n", encoding="utf-8")
    assert grid(tmp_path / "u.txt")[1] == ["x", "1254", "3~5"]
    assert [n.value for n in numbers("3~5")] == [3, 5]


@pytest.mark.parametrize(
    ("label", "text"),
    [("Male", "53 (40-60)"), ("Male", "53 ± 4"), ("Sex", "53"), ("Sex", "53 (40-60)")],
)
def test_a_category_has_no_median_and_no_mean(label, text):
    found, asked = levels_read([label, text, text, ""], ["Female", *COUNTS])
    assert ("sex", "male") not in found and ("sex", "") not in found and asked


def test_a_median_of_a_factor_is_that_of_its_column():
    design = ledger.load_design("ncch_scp")
    name, factor = next(
        (n, f) for n, f in design.factors.items() if "source" in f and f["source"] in design.columns
    )
    labels = {"label": "Cut of its own", **{k: v for k, v in factor.items() if k != "label"}}
    design = replace(design, factors={**design.factors, name: labels})
    table = [HEAD, ["Cut of its own, median (range)", "3 (1-9)", "2 (1-5)", "0.2"]]
    made = claims_of(table, design, "two-groups", place="table1")
    assert not made.questions
    assert {c["covariate"] for c in made.claims if c["covariate"]} == {factor["source"]}


def test_groups_in_rows_are_turned_into_columns():
    design = ledger.load_design("ncch_scp")
    table = [
        ["", "Male, n (%)", "Age, median (range)"],
        ["RAS wild type (n = 87)", "50 (57)", "60 (30-80)"],
        ["RAS mutant (n = 63)", "40 (63)", "61 (31-81)"],
        ["P", "0.5", "0.6"],
    ]
    made = claims_of(table, design, "two-groups", place="table1")
    upright = claims_of(
        [list(r) for r in zip(*table, strict=True)], design, "two-groups", place="table1"
    )
    assert not made.questions and rows_of(made) == rows_of(upright) and len(made.claims) == 14


def test_patients_of_unknown_value_are_counted():
    made, asked = levels_read(
        ["CEA", "5 (1-9)", "6 (2-8)", "0.2"], ["Unknown, n (%)", "3 (3.4)", "2 (3.2)", ""]
    )
    assert not asked
    design = ledger.load_design("ncch_scp")
    table = [HEAD, ["CEA", "5 (1-9)", "6 (2-8)", ""], ["Missing", "3 (3.4)", "2", ""]]
    rows = rows_of(claims_of(table, design, "two-groups", place="table1"))
    assert ("ras=wild", "cea", "", "missing") in rows
    assert ("ras=wild", "cea", "", "percent_missing") in rows
    assert ("ras=mutant", "cea", "", "percent_missing") not in rows


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ("Largest liver metastasis, mm, median (range)", "in mm"),
        ("Largest liver metastasis (mm)", "in mm"),
        ("CEA (mg/dL)", ""),
        ("CEA, ug/L", ""),
        ("Age, months", "in months"),
    ],
)
def test_another_unit_than_the_columns_is_asked(label, told):
    """Once millimetres went in as centimetres where they stood in brackets."""
    _, asked = levels_read([label, "35 (10-80)", "30 (12-90)", ""])
    assert (bool(asked) and told in asked[0]) if told else len(asked) <= 1


@pytest.mark.parametrize(
    ("label", "asked"),
    [
        ("Age, per 10 years", True),
        ("Age (per 10-year increase)", True),
        ("Age (per 1 year)", False),
        ("Age, per year", False),
        ("Age (per doubling)", True),
        ("Age", False),
    ],
)
def test_a_ratio_for_more_than_one_unit_is_never_taken_for_one_unit(label, asked):
    """Once "per 10 years" in brackets went in as a ratio of one year."""
    design = ledger.load_design("mskcc_hai")
    made = claims_of([["", "HR"], [label, "1.2"]], design, "model", place="t", endpoint="OS")
    assert bool(made.questions) == asked and bool(made.claims) != asked


def test_a_title_and_a_header_in_two_storeys_are_read():
    design = ledger.load_design("mskcc_hai")
    table = [
        ["Table 3. Risk factors", "", "", "", ""],
        ["", "Univariable", "", "Multivariable", ""],
        ["Variable", "HR (95% CI)", "P", "HR (95% CI)", "P"],
        ["Men", "1.3 (0.9-1.8)", "0.2", "1.2 (0.8-1.7)", "0.3"],
    ]
    made = claims_of(table, design, "model", place="table3", endpoint="OS")
    assert not made.questions
    assert [(c["model"], c["statistic"]) for c in made.claims] == [
        *[("univariable", "hazard_ratio")] * 3,
        ("univariable", "p"),
        *[("multivariable", "hazard_ratio")] * 3,
        ("multivariable", "p"),
    ]


def test_endpoints_as_headings_of_curves_are_read():
    design = ledger.load_design("mskcc_hai")
    table = [
        ["", "n", "5-year"],
        ["Overall survival", "", ""],
        ["HAI", "366", "65.8"],
        ["RFS", "", ""],
        ["HAI", "366", "29.8"],
    ]
    made = claims_of(table, design, "curves", place="table3", endpoint="OS")
    assert not made.questions
    rates = [(c["endpoint"], c["printed"]) for c in made.claims if c["statistic"] != "n"]
    assert rates == [("OS", "65.8"), ("RFS", "29.8")]
    table[3][0] = "Survival of another kind"
    assert (
        "names no endpoint"
        in claims_of(table, design, "curves", place="table3", endpoint="OS").questions[0]
    )


def test_a_product_of_which_one_side_is_unknown_asks_for_that_side():
    design = ledger.load_design("mskcc_hai")
    spec = {**design.models["OS"], "products": [["hai", "kras"]]}
    design = replace(design, models={**design.models, "OS": spec})
    table = [["", "HR"], ["HAI × mutated tumour", "1.2"]]
    made = claims_of(table, design, "model", place="t", endpoint="OS")
    assert "'mutated tumour' is no characteristic" in made.questions[0]
    named = {"mutated tumour": "kras:mutant"}
    made = claims_of(table, design, "model", place="t", endpoint="OS", named=named)
    assert not made.questions and made.claims[0]["covariate"] == "hai:kras"


# ---- what a paper of four groups asked for without need ----------------------------------------

FOUR = """
[columns.approach]
type = "category"
levels = ["open", "hand_assisted", "lap"]
labels = { lap = "Laparoscopic" }
label = "Surgical approach"
[columns.blood_ml]
type = "number"
unit = "mL"
label = "Blood loss"
[columns.los_days]
type = "number"
unit = "days"
label = "Postoperative stay"
[columns.matched]
type = "category"
levels = ["no", "yes"]
label = "Matched"
[factors.blood_cat]
source = "blood_ml"
rule = ">="
cut = 500
levels = ["low", "high"]
label = "Blood loss, mL"
[factors.tumours_cat]
source = "n_tumours"
rule = ">="
cut = 4
levels = ["few", "many"]
label = "Multiplicity"
"""


@pytest.fixture
def four(tmp_path, monkeypatch):
    """A design with groups whose levels have an underline, a number and a factor of one label."""
    folder = copied("mskcc_hai", tmp_path)
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    path = folder / "design.toml"
    text = path.read_text(encoding="utf-8").replace('by = "hai"', 'by = "approach"')
    text = text.replace('continuous_test = "mann-whitney"', 'continuous_test = "kruskal"')
    added = 'covariates = ["blood_cat", "approach", "tumours_cat", '
    text = text.replace("covariates = [", added, 1).replace('exposure = "hai"', "", 1)
    path.write_text(text + FOUR, encoding="utf-8")
    (folder / "published.csv").write_text(",".join(ledger.CLAIM_COLUMNS) + "\n", encoding="utf-8")
    return ledger.load_design("mskcc_hai")


def test_levels_units_and_spellings_of_the_design_are_no_question(four):
    table = [
        ["", "Open (n=59)", "Hand-assisted (n=41)", "Laparoscopic (n=30)", "P"],
        ["Number of liver tumors, median (range)", "2 (1-4)", "2 (1-5)", "1 (1-3)", "0.2"],
        ["Maximum tumor diameter (cm), median (range)", "3.1 (1-9)", "3 (1-8)", "2 (1-4)", "0.3"],
        ["Blood loss (mL), median (range)", "380 (20-900)", "200 (5-700)", "90 (0-200)", "0.01"],
        ["Postoperative stay (days), median (range)", "9 (4-30)", "8 (3-40)", "7 (2-9)", "0.02"],
    ]
    made = claims_of(table, four, "two-groups", place="table1")
    assert not made.questions
    columns = [c["covariate"] for c in made.claims if c["statistic"] == "median"]
    assert columns == [n for n in ("n_tumours", "size_cm", "blood_ml", "los_days") for _ in "123"]
    groups = {c["group"] for c in made.claims if c["statistic"] == "n"}
    assert groups == {"approach=open", "approach=hand_assisted", "approach=lap"}


@pytest.mark.parametrize(
    ("label", "column"),
    [
        ("Blood loss ≥ 500 mL", "blood_cat"),
        ("Blood loss (≥500 mL)", ""),
        ("Number of tumors ≥ 4", "tumours_cat"),
        ("Number of tumors ≥ 5", ""),
        ("Number of tumors > 4", ""),
        ("Number of tumors < 4", "tumours_cat"),
    ],
)
def test_a_cut_off_behind_a_label_names_the_factor_that_is_cut_there(four, label, column):
    table = [["", "HR (95% CI)", "P"], [label, "1.48 (0.87-2.53)", "0.15"]]
    made = claims_of(table, four, "model", place="table2", endpoint="OS")
    found = {(c["covariate"], c["level"]) for c in made.claims}
    if not column:
        assert not found & {("blood_cat", "low"), ("tumours_cat", "few"), ("tumours_cat", "many")}
        return
    low, high = four.levels(column)
    assert found == {(column, low if "<" in label else high)} and not made.questions


def test_values_of_a_number_that_print_counts_are_asked_once(four):
    table = [["", "Open", "Laparoscopic", "P"], ["ECOG performance status, n (%)", "", "", "0.07"]]
    table += [[value, "14 (70)", "10 (72)", ""] for value in ("0", "1", "2")]
    made = claims_of(table, four, "two-groups", place="table1")
    assert len(made.questions) == 1 and "[columns.performance_status]" in made.questions[0]
    assert "type = 'category' and levels = ['0', '1', ...]" in made.questions[0]


def test_a_p_value_beside_an_endpoint_is_that_of_its_curves(four):
    table = [
        ["Approach", "5-year (%)", "P value"],
        ["Overall survival", "", "0.945"],
        ["Open", "52.0", ""],
        ["Recurrence-free survival", "", "0.638"],
        ["Open", "32.5", ""],
    ]
    made = claims_of(table, four, "curves", place="table4", endpoint="OS")
    assert not made.questions
    told = [(c["endpoint"], c["group"], c["statistic"], c["printed"]) for c in made.claims]
    assert told == [
        ("OS", four.exposure, "p", "0.945"),
        ("OS", "approach=open", "survival_rate", "52.0"),
        ("RFS", four.exposure, "p", "0.638"),
        ("RFS", "approach=open", "survival_rate", "32.5"),
    ]
    table[1][1] = "50.9"
    asked = claims_of(table, four, "curves", place="table4", endpoint="OS").questions
    assert asked == [
        "Overall survival: has '50.9' below '5-year (%)' and no group; name it in the row."
    ]


def test_a_table_of_other_patients_says_which(four, tmp_path, capsys):
    """A matched table has the groups of Table 1 with other sizes; it once became theirs."""
    rows = ["", "Open (n = 59)\tHand-assisted (n = 59)\tP", "Blood loss, median (range)\t3 (1-9)\t"]
    (tmp_path / "m.txt").write_text(
        "Item\t" + "\n".join(rows[1:]) + "2 (1-8)\t0.2\n", encoding="utf-8"
    )
    (tmp_path / "t.txt").write_text(
        "Item\tOpen (n = 198)\tHand-assisted (n = 44)\tP\n"
        "Blood loss, median (range)\t4 (1-9)\t2 (1-8)\t0.1\n",
        encoding="utf-8",
    )
    start = ["ledger", "import"]
    end = ["--study", "mskcc_hai", "--layout", "two-groups", "--add", "--place"]
    assert cli.main([*start, str(tmp_path / "t.txt"), *end, "table1"]) == 0
    assert cli.main([*start, str(tmp_path / "m.txt"), *end, "table5"]) == 2
    told = capsys.readouterr().err
    assert "approach=open has 59 patients in this table and 198 in table1" in told
    assert "--population COLUMN=LEVEL" in told
    among = ["--population", "matched=ja"]
    assert cli.main([*start, str(tmp_path / "m.txt"), *end, "table5", *among]) == 2
    assert "'ja' is no level of matched" in capsys.readouterr().err
    among = ["--population", "matched=yes"]
    assert cli.main([*start, str(tmp_path / "m.txt"), *end, "table5", *among]) == 0
    claims = ledger.load_claims("mskcc_hai")
    assert set(claims[claims["place"] == "table5"]["population"]) == {"matched=yes"}
    assert set(claims[claims["place"] == "table1"]["population"]) == {"all"}
    assert claims["id"].is_unique


def test_cells_of_excel_are_read_as_the_sheet_shows_them(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["", "HAI", "p"])
    book.active.append(["Male", 0.462, 0.04])
    book.active.append(["Ratio", 1.5, 0.0449])
    book.active["B2"].number_format, book.active["C2"].number_format = "0.0%", "0.000"
    book.active["B3"].number_format = "#,##0.00"
    book.save(tmp_path / "t.xlsx")
    assert grid(tmp_path / "t.xlsx")[1:] == [
        ["Male", "46.2%", "0.040"],
        ["Ratio", "1.50", "0.0449"],
    ]


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (1.25, "0.0#", "1.25"),  # once rounded to 1.2
        (1.2, "0.0#", "1.2"),
        (0.00012, "0.00E+00", "0.00012"),  # once 0.00
        (0.00001, "General", "0.00001"),  # once 1e-05
        (1234.5, "#,##0.00", "1234.50"),
        (0.46, "0%", "46%"),
        (34, "General", "34"),
        ("1.30", "General", "1.30"),
        (None, "0.00", ""),
    ],
)
def test_a_number_of_a_sheet_has_the_digits_that_its_format_shows(value, form, text):
    assert noughts.shown(value, form) == text


def test_noughts_that_excel_drops_are_told_with_their_cells(tmp_path, capsys):
    """1.30 without a format arrived as 1.3, which matches more widely, without a word."""
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["", "HR", "P", "n"],
        ["Male vs female", 1.3, "<0.001", 30],
        ["CEA", 1.25, 0.04, 41],
        ["Age", 1, 0.03, 12],
        ["HAI", 0.9, 0.1234567891, 9],
    ):
        sheet.append(row)
    sheet["B5"].number_format = "0.00"
    path = tmp_path / "t.xlsx"
    book.save(path)
    short, long = doubts(path)
    assert short.startswith("B2 (1.3), B4 (1) have fewer decimals than others of the column")
    assert "has 1.30 for 1.3, give the cell the number format 0.00." in short
    assert "C5 (0.1234567891) has more decimals than a paper prints" in long
    path = tmp_path / "mended.xlsx"
    for place in ("B2", "B3", "B4"):
        sheet[place].number_format = "0.00"
    sheet["C5"] = 0.12
    book.save(path)
    assert doubts(path) == [] and grid(path)[1][1] == "1.30"
    path = tmp_path / "read.xlsx"
    sheet["B2"].number_format = "General"
    sheet.delete_cols(4)
    book.save(path)
    command = ["ledger", "import", str(path), "--study", "mskcc_hai", "--layout", "model"]
    assert cli.main([*command, "--place", "table9", "--endpoint", "OS"]) == 0
    assert "! B2 (1.3) has fewer decimals" in capsys.readouterr().err
    assert doubts(tmp_path / "t.csv") == []


def test_dates_that_excel_made_are_told_with_their_cells(tmp_path):
    book = openpyxl.Workbook()
    for row in (
        ["", "HAI"],
        ["Tumours", datetime.date(2026, 3, 5)],
        ["x", datetime.datetime(2026, 1, 2)],
    ):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(
        LedgerError, match=r"t\.xlsx: B2 \(2026-03-05\), B3 \(2026-01-02\) hold dates"
    ):
        grid(tmp_path / "t.xlsx")


# ---- tables as journals lay them out -----------------------------------------------------------

_WIDE = [
    ["Univariable analysis", "", "", "", ""],
    ["", "Overall survival", "", "Time to recurrence-free survival", ""],
    ["Variable", "HR (95% CI)", "P", "HR (95% CI)", "P"],
    ["Male sex", "1.35 (1.14–1.61)", ".02", "1.2 (0.99–1.46)", ".06"],
]


def keys_of(made, *names):
    return [tuple(claim.get(name, "") for name in names) for claim in made.claims]


def test_endpoints_side_by_side_are_told_by_the_storey_above():
    """Once both went into one endpoint, and each number of the second "came twice"."""
    design = ledger.load_design("mskcc_hai")
    made = claims_of(_WIDE, design, "model", place="t", endpoint="")
    assert not made.questions
    assert {(e, m) for e, m in keys_of(made, "endpoint", "model")} == {
        ("OS", "univariable"),
        ("RFS", "univariable"),
    }
    assert len(made.claims) == 8
    strange = [[text.replace("Time to recurrence-free", "Liver") for text in r] for r in _WIDE]
    asked = claims_of(strange, design, "model", place="t", endpoint="OS").questions
    assert len(asked) == 2 and all("ENDPOINT" in question for question in asked)
    named = {"Liver survival": "RFS"}
    assert len(claims_of(strange, design, "model", place="t", named=named).claims) == 8


@pytest.mark.parametrize(
    ("title", "model"),
    [
        ("Table 2. Univariable analysis", "univariable"),
        ("Table 2. Univariable and multivariable analysis", "multivariable"),
        ("Table 2. Predictors", "multivariable"),
    ],
)
def test_a_title_says_which_model_the_columns_are_of(title, model):
    design = ledger.load_design("mskcc_hai")
    table = [[title, "", ""], ["", "HR", "p"], ["Male sex", "1.3", "0.2"]]
    made = claims_of(table, design, "model", place="t", endpoint="OS")
    assert {claim["model"] for claim in made.claims} == {model}


def test_groups_below_a_merged_head_are_the_groups():
    design = ledger.load_design("mskcc_hai")
    for corner in ("", "Characteristic"):
        table = [
            ["Table 1. Patients", "", "", ""],
            ["Characteristic", "Treatment given", "", "P value*"],
            [corner, "No HAI (n = 308)", "HAI (n = 366)", ""],
            ["Male", "179 (58%)", "205 (56%)", ".64"],
        ]
        made = claims_of(table, design, "two-groups", place="table1")
        assert not made.questions
        assert {c["group"] for c in made.claims} == {"hai=no", "hai=yes", "hai"}


@pytest.mark.parametrize(
    ("corner", "title", "heads", "times"),
    [
        ("Months", "Number at risk", ["0", "12", "24"], ["0", "12", "24"]),
        ("No. at risk, years", "", ["0", "1", "2"], ["0", "12", "24"]),
    ],
)
def test_numbers_at_risk_have_their_months(corner, title, heads, times):
    """Once a header that is a number alone stood for the number of patients."""
    design = ledger.load_design("mskcc_hai")
    table = [[title, "", "", ""]] if title else []
    table += [[corner, *heads], ["HAI", "366", "350", "320"]]
    made = claims_of(table, design, "curves", place="figure1", endpoint="OS")
    assert not made.questions
    assert keys_of(made, "statistic", "time") == [("n_at_risk", time) for time in times]
    bare = claims_of([["", *heads], table[-1]], design, "curves", place="figure1", endpoint="OS")
    assert not bare.claims and "Number at risk" in bare.questions[0]


def test_a_heading_of_no_endpoint_is_asked_once_and_takes_an_answer():
    design = ledger.load_design("mskcc_hai")
    table = [
        ["", "Events", "5-year, %", "P"],
        ["Overall survival", "", "", ".01"],
        ["HAI", "120", "65.8", ""],
        ["Liver control", "", "", ".02"],
        ["HAI", "140", "30.1", ""],
    ]
    made = claims_of(table, design, "curves", place="t")
    assert len(made.questions) == 1 and "--is 'Liver control=ENDPOINT'" in made.questions[0]
    made = claims_of(table, design, "curves", place="t", named={"Liver control": "RFS"})
    assert not made.questions and {c["endpoint"] for c in made.claims} == {"OS", "RFS"}


def test_decimal_commas_are_one_question():
    design = ledger.load_design("mskcc_hai")
    table = [["", "Median, months (95% CI)", "5-year"], ["HAI", "98,4 (80,1-120,0)", "65,8%"]]
    asked = claims_of(table, design, "curves", place="t", endpoint="OS")
    assert len(asked.questions) == 1 and "--decimal comma" in asked.questions[0]
    made = claims_of(table, design, "curves", place="t", endpoint="OS", decimal="comma")
    assert [c["printed"] for c in made.claims] == ["98.4", "80.1", "120.0", "65.8"]


_FOREST = """Subgroup         No. of patients   HR (95% CI)        P      P for interaction
Overall          674               0.64 (0.47-0.86)   .003
Sex                                                          .63
  Male           384               0.60 (0.41-0.88)   .008
  Female         290               0.69 (0.41-1.14)   .15
"""


def test_a_forest_of_subgroups_has_populations_and_interactions(tmp_path):
    """Cells of pasted text stand below their heads, though a blank one leaves no trace."""
    (tmp_path / "t.txt").write_text(_FOREST, encoding="utf-8")
    design, table = ledger.load_design("mskcc_hai"), grid(tmp_path / "t.txt")
    assert table[2] == ["Sex", "", "", "", ".63"]
    made = claims_of(table, design, "subgroups", place="figure2", endpoint="OS")
    assert not made.questions and "HAI against" in made.taken[0]
    ratios = [c for c in made.claims if c["statistic"] == "hazard_ratio"]
    assert {(c["covariate"], c["level"], c["population"]) for c in ratios} == {
        ("hai", "yes", population) for population in ("all", "sex=male", "sex=female")
    }
    between = next(c for c in made.claims if c["model"] == "interaction")
    assert (between["covariate"], between["level"], between["value"]) == (
        "hai:sex",
        "yes:female",
        "0.63",
    )
    sizes = [(c["covariate"], c["level"], c["value"]) for c in made.claims if c["statistic"] == "n"]
    assert sizes == [("", "", "674"), ("sex", "male", "384"), ("sex", "female", "290")]


def test_a_row_below_a_number_is_no_value_of_it():
    design = ledger.load_design("mskcc_hai")
    table = [["", "HR"], ["Number of liver metastases", "1.2"], ["Weather", "0.7"]]
    made = claims_of(table, design, "model", place="t", endpoint="OS")
    assert "'Weather' is no characteristic" in made.questions[-1]


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["1.00", "0.80-1.25", "0.99"], ["1.00", "0.80", "1.25", "0.99"]),
        (["1", "0.80-1.25", ""], ["1", "0.80", "1.25"]),
        (["1.00", "", "0.99"], ["0.99"]),
        (["1 [reference]", "", ""], []),
        (["Ref.", "", ""], []),
    ],
)
def test_a_ratio_of_one_is_no_reference_where_it_has_limits(cells, found):
    design = ledger.load_design("mskcc_hai")
    rows = [["Variable", "HR", "95% CI", "P"], ["Two-stage hepatectomy", *cells]]
    made = claims_of(rows, design, "model", place="table2", endpoint="RFS")
    assert [claim["printed"] for claim in made.claims] == found and not made.questions


def test_a_ratio_of_one_of_a_number_is_no_reference():
    rows = [["Variable", "HR", "P"], ["Age", "1.00", "0.99"]]
    design = ledger.load_design("mskcc_hai")
    made = claims_of(rows, design, "model", place="table2", endpoint="RFS")
    assert [claim["printed"] for claim in made.claims] == ["1.00", "0.99"]


@pytest.mark.parametrize("text", ["0,002", "<0,001", "< 0,05", "001"])
def test_a_number_without_its_point_is_asked_wherever_it_stands(text):
    design = ledger.load_design("mskcc_hai")
    rows = [["Variable", "HR (95% CI)", "P"], ["Age", "1.02 (0.98-1.06)", text]]
    made = claims_of(rows, design, "model", place="table2", endpoint="RFS")
    assert [question for question in made.questions if repr(text) in question]
    assert [claim["statistic"] for claim in made.claims] == ["hazard_ratio"] * 3
    told = claims_of(
        [["", "No HAI", "HAI", "P"], ["Age", "57.1 (1-2)", "56.2 (1-2)", text]],
        *(design, "two-groups"),
        place="table1",
    )
    assert [question for question in told.questions if repr(text) in question]


def test_a_decimal_comma_that_is_declared_may_have_three_digits_behind_it():
    design = ledger.load_design("mskcc_hai")
    rows = [["Variable", "HR (95% CI)", "P"], ["Age", "1,234 (1,01-1,5)", "<0,001"]]
    made = claims_of(rows, design, "model", place="table2", endpoint="RFS", decimal="comma")
    assert [claim["printed"] for claim in made.claims] == ["1.234", "1.01", "1.5", "<0.001"]


@pytest.mark.parametrize(
    ("text", "asked"), [("0.141", True), ("1.0", True), ("0.9%", False), ("14.1", False)]
)
def test_survival_as_a_share_of_one_is_asked(text, asked):
    rows = [["HAI", "5-year OS"], ["Yes", text]]
    design = ledger.load_design("mskcc_hai")
    made = claims_of(rows, design, "curves", place="table2", endpoint="OS")
    assert bool(made.questions) == asked
    assert "per cent" in made.questions[0] if asked else made.claims


@pytest.mark.parametrize(
    "heads",
    [
        [["No HAI", "HAI", "P"], ["(n = 308), n (%)", "(n = 366), n (%)", ""]],
        [["No HAI", "HAI", "P"], ["n = 308", "n = 366", ""], ["n (%)", "No. (%)", ""]],
        [["No HAI (n = 308), n (%)", "HAI (n = 366), n, %", "P"]],
    ],
)
def test_a_header_of_table_one_may_say_what_its_cells_hold(heads):
    rows = [*(["", *head] for head in heads), ["Female", "129 (41.9)", "161 (44.0)", "0.59"]]
    design = ledger.load_design("mskcc_hai")
    made = claims_of(rows, design, "two-groups", place="table1")
    told = [(c["group"], c["statistic"], c["printed"]) for c in made.claims]
    assert not made.questions and told == [
        ("hai=no", "n", "308"),
        ("hai=yes", "n", "366"),
        ("hai=no", "n", "129"),
        ("hai=no", "percent", "41.9"),
        ("hai=yes", "n", "161"),
        ("hai=yes", "percent", "44.0"),
        ("hai", "p", "0.59"),
    ]


def test_counts_and_per_cent_may_stand_in_columns_of_their_own():
    rows = [
        ["", "No HAI", "", "HAI", ""],
        ["", "n", "%", "n", "%"],
        ["Female", *"129 42 161 44".split()],
    ]
    made = claims_of(rows, ledger.load_design("mskcc_hai"), "two-groups", place="table1")
    told = [(c["group"], c["statistic"], c["printed"]) for c in made.claims]
    assert told == [
        ("hai=no", "n", "129"),
        ("hai=no", "percent", "42"),
        ("hai=yes", "n", "161"),
        ("hai=yes", "percent", "44"),
    ]


def test_a_table_of_another_layout_says_so():
    rows = [["", "HR", "p"], ["Female", "0.92", "0.4"]]
    made = claims_of(rows, ledger.load_design("mskcc_hai"), "curves", place="t", endpoint="OS")
    assert "no group of hai, but Sex" in " ".join(made.questions)
    assert "--layout model" in " ".join(made.questions)


def test_a_page_is_told_to_be_copied_out(tmp_path):
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7\n\xff\xfe\xe2")
    with pytest.raises(LedgerError, match="paper.pdf is no table that can be read. Copy the"):
        grid(tmp_path / "paper.pdf")


# ---- what a page does not show, and numbers that are something else -----------------------------

_PAGE = [
    ["", "No HAI (n = 308)", "HAI (n = 366)", "p"],
    ["Male", "179 (58%)", "205 (56%)", "0.6"],
    ["Female", "129 (42%)", "161 (44%)", ""],
]


def _hide_row(sheet):
    sheet.row_dimensions[3].hidden = True


def _hide_column(sheet):
    sheet.column_dimensions["C"].hidden = True


def _formula(sheet):
    sheet["B2"] = "=100+79"


def _strike(sheet):
    sheet["A3"].font = openpyxl.styles.Font(strike=True)


def _merge(sheet):
    sheet["C2"] = None
    sheet.merge_cells("B2:C2")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_hide_row, "t.xlsx: row 3 is hidden: show or delete what is not the paper's"),
        (_hide_column, "column C is hidden"),
        (_formula, "B2 holds a formula of which no value was saved"),
        (_strike, "A3 is struck through: delete or restore"),
        (_merge, "B2 holds a number over several columns: split the cell"),
    ],
)
def test_what_a_sheet_does_not_show_is_refused(tmp_path, change, told):
    book = openpyxl.Workbook()
    for row in _PAGE:
        book.active.append(row)
    change(book.active)
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(LedgerError) as caught:
        grid(tmp_path / "t.xlsx")
    assert told in str(caught.value)


def test_one_of_several_sheets_is_named_and_hidden_ones_do_not_count(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "old"
    book.active.append(["", "HAI"])
    for name in ("one", "two"):
        for row in _PAGE:
            (book[name] if name in book.sheetnames else book.create_sheet(name)).append(row)
    book["two"]["B2"] = "180 (58%)"
    book["old"].sheet_state = "hidden"
    book.active = 1
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(LedgerError, match=r"has 2 sheets: 1 'one', 2 'two'\. Say which with --tab"):
        grid(tmp_path / "t.xlsx")
    assert grid(tmp_path / "t.xlsx", 2)[1][1] == "180 (58%)"
    with pytest.raises(LedgerError, match="has 2 sheets"):
        grid(tmp_path / "t.xlsx", 3)


def _word(path, change=None):
    docx = pytest.importorskip("docx")
    document = docx.Document()
    table = document.add_table(rows=3, cols=4)
    for row, texts in zip(table.rows, _PAGE, strict=True):
        for at, text in zip(row.cells, texts, strict=True):
            at.text = text
    if change:
        change(table)
    document.save(path)
    return grid(path)


def _tracked(table):
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    cell = table.cell(1, 1).paragraphs[0]._p
    cell.append(parse_xml(f'<w:ins {nsdecls("w")} w:id="2" w:author="x"/>'))


def _deleted(table):
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    row = table.rows[2]._tr.get_or_add_trPr()
    row.append(parse_xml(f'<w:del {nsdecls("w")} w:id="1" w:author="x"/>'))


def _over_two(table):
    table.cell(1, 2).text = ""
    table.cell(1, 1).merge(table.cell(1, 2))


def _hidden_text(table):
    table.cell(1, 1).paragraphs[0].add_run(" 999").font.hidden = True


def _nested(table):
    table.cell(1, 1).add_table(1, 1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_tracked, "holds tracked changes: accept or reject them"),
        (_deleted, "holds tracked changes"),
        (_over_two, r"has '179 \(58%\)' over several columns: split the cell"),
        (_hidden_text, "holds hidden text: show or delete it"),
        (_nested, "holds a table within a cell"),
    ],
)
def test_what_a_word_table_does_not_show_is_refused(tmp_path, change, told):
    pytest.importorskip("docx")
    with pytest.raises(LedgerError, match=told):
        _word(tmp_path / "t.docx", change)


def test_a_raised_footnote_mark_is_no_digit_of_its_number(tmp_path):
    from openpyxl.cell.rich_text import CellRichText, TextBlock
    from openpyxl.cell.text import InlineFont

    def raise_two(table):
        run = table.cell(1, 3).paragraphs[0].add_run("2")
        run.font.superscript = True

    assert _word(tmp_path / "t.docx", raise_two)[1][3] == "0.6"
    book = openpyxl.Workbook()
    for row in _PAGE:
        book.active.append(row)
    book.active["D2"] = CellRichText("0.6", TextBlock(InlineFont(vertAlign="superscript"), "2"))
    book.save(tmp_path / "t.xlsx")
    assert grid(tmp_path / "t.xlsx") == _word(tmp_path / "u.docx")


def test_a_number_over_two_rows_of_a_word_table_stands_in_the_first(tmp_path):
    pytest.importorskip("docx")
    made = _word(tmp_path / "t.docx", lambda table: table.cell(1, 3).merge(table.cell(2, 3)))
    assert [row[3] for row in made] == ["p", "0.6", ""]


@pytest.mark.parametrize(
    ("layout", "rows", "told"),
    [
        ("two-groups", [["Male", "179 (0.58)", "205 (0.56)"]], "'179 (0.58)' is 179 of 308 as a s"),
        (
            "two-groups",
            [["Male", "179/308 (58%)", "205/366"], ["Female", "129/318 (41%)", "161/366"]],
            "129/318 is of 318 patients and a level before it of 308",
        ),
        ("two-groups", [["Male", "#REF!", "205 (56%)"]], "hai=no: '#REF!' says neither n (%)"),
        ("two-groups", [["Number of metastases", "5-Mar", "2-Jan"]], "'5-Mar' is a date that Exc"),
        ("two-groups", [["Age, mean (SE)", "62.5 (0.5)", "55.0 (0.4)"]], "with its standard error"),
        ("two-groups", [["Age, mean ± SEM", "62 ± 1", "55 ± 1"]], "with its standard er"),
    ],
)
def test_what_table_one_states_otherwise_is_asked(layout, rows, told):
    head = ["", "No HAI (n = 308)", "HAI (n = 366)"]
    made = claims_of([head, *rows], ledger.load_design("mskcc_hai"), layout, place="table9")
    assert any(told in question for question in made.questions), made.questions


def test_a_small_share_and_a_mean_alone_are_what_they_are():
    table = [
        ["", "No HAI (n = 308)", "HAI (n = 366)"],
        ["Male", "1 (0.3)", "3 (0.8)"],
        ["Age, mean", "62.5", "55.0"],
        ["", "No HAI (n = 308)", "HAI (n = 366)"],
    ]
    made = claims_of(table, ledger.load_design("mskcc_hai"), "two-groups", place="table9")
    assert not made.questions
    found = {claim["statistic"] for claim in made.claims if claim["covariate"] == "age"}
    assert found == {"mean"}


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (["HR", "90% CI"], "has limits of 90 %, and rows hold those of 95 %; leave them out"),
        (["HR (99% CI)", "p"], "has limits of 99 %"),
        (["HR (CI 90%)", "p"], "write the estimate alone into its cells"),  # These went in.
        (["HR (CI90)", "p"], "has limits of 90 %"),
        (["HR (98.3% repeated CI)", "p"], "has limits of 98.3 %"),
        (["HR (90% limits)", "p"], "has limits of 90 %"),
        (["HR (95% CrI)", "p"], "has credible limits"),
        (["HR (IQR)", "p"], "has IQR behind the ratio"),
        (["HR", "CI (90%)"], "leave them out with --is 'CI (90%)=-'"),
        (["OR", "95% CI"], "holds odds ratios, and OS is a time to an event; name it HR"),
    ],
)
def test_limits_of_another_level_and_odds_of_a_time_are_asked(head, told):
    cells = ["0.52 (0.42-0.65)" if "(" in text else "0.52" for text in head[:1]]
    table = [["", *head], ["HAI", *cells, "0.42-0.65" if "CI" in head[1] else "0.001"]]
    design = ledger.load_design("mskcc_hai")
    made = claims_of(table, design, "model", place="table9", endpoint="OS")
    assert any(told in question for question in made.questions), made.questions


@pytest.mark.parametrize(
    "line", ["Cox model (90% CI)", "Intervals are at the 99% level", "CI: confidence interval 90%"]
)
@pytest.mark.parametrize("place", ["title", "note", "row"])
def test_limits_of_another_level_are_asked_wherever_print_says_so(place, line):
    rows = [["", "No HAI", "HAI"], ["Median OS, months (CI)", "60 (50-70)", "62 (52-72)"]]
    lines = {"title": [[line, "", ""], *rows], "note": [*rows, [line, "", ""]]}
    row = [rows[0], [f"Median OS, months ({line})", *rows[1][1:]]]
    design = ledger.load_design("mskcc_hai")
    table = lines.get(place, row)
    made = claims_of(table, design, "curves", place="table9", endpoint="OS")
    assert "and rows hold those of 95 %" in made.questions[0]
    ours = claims_of([[t.replace("9", "7") for t in r] for r in rows], design, "curves", place="t")
    assert not ours.questions


def test_the_reference_with_limits_of_one_is_no_row():
    table = [["", "HR", "95% CI"], ["HAI", "", ""], ["no", "1.00", "1.00-1.00"]]
    table.append(["yes", "0.52", "0.42-0.65"])
    design = ledger.load_design("mskcc_hai")
    made = claims_of(table, design, "model", place="table9", endpoint="Overall survival")
    assert not made.questions and {claim["level"] for claim in made.claims} == {"yes"}


def test_a_median_without_a_unit_is_asked_where_the_paper_prints_years():
    design = ledger.load_design("mskcc_hai")
    table = [["", "Median", "5-year %"], ["HAI", "8.9", "70"]]
    made = claims_of(table, design, "curves", place="table9", endpoint="OS")
    assert made.questions == [
        "column 'Median': says no unit, and the paper prints years; name it 'Median, years' or "
        "'Median, months'."
    ]
    table[0][1] = "Median, years"
    made = claims_of(table, design, "curves", place="table9", endpoint="OS")
    assert [c["unit"] for c in made.claims if c["statistic"] == "median_survival"] == ["years"]


def test_patients_of_one_group_are_no_table_that_compares_them():
    with pytest.raises(ParameterError, match="leaves one group of hai, and the table compares"):
        claims_of(
            _PAGE,
            ledger.load_design("mskcc_hai"),
            "two-groups",
            place="table9",
            population="hai=yes",
        )


@pytest.mark.parametrize("text", ["1.2 × 10−5", "1.2E-05", "1.2x10^-5", "1.2e-5"])
def test_a_p_value_in_powers_of_ten_is_read(text):
    design = ledger.load_design("mskcc_hai")
    table = [["", "No HAI", "HAI", "p"], ["Male", "179 (58%)", "205 (56%)", text]]
    made = claims_of(table, design, "two-groups", place="table9")
    p = next(claim for claim in made.claims if claim["statistic"] == "p")
    assert not made.questions and (p["printed"], p["decimals"]) == ("1.2e-5", "6")
    assert not list(number_faults(p))


def test_tabs_of_a_csv_part_its_columns_and_soft_hyphens_go(tmp_path):
    (tmp_path / "t.csv").write_text("\tHAI\tp\nMa\u00adle\t205 (56%)\t0.66\n", encoding="utf-8")
    assert grid(tmp_path / "t.csv") == [["", "HAI", "p"], ["Male", "205 (56%)", "0.66"]]
