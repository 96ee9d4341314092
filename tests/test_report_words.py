"""Words and places of a report where a paper's own labels are long, or are names."""

import tomllib
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from crlm import ledger, pieces
from crlm.document import grid
from crlm.document.outline import Exhibit
from crlm.naming import kind_of_model, name_of
from crlm.paper.closing import Closing
from crlm.report import readings, tables
from crlm.report.figures import patients, picture

DESIGN = ledger.load_design("mskcc_hai")
DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize(
    ("label", "inside"),
    [
        ("Ta", "Ta"),  # once "pT stage: ta"
        ("Tis", "Tis"),
        ("Child-Pugh A", "Child-Pugh A"),
        ("Whipple procedure", "Whipple procedure"),
        ("Tumour Size", "Tumour Size"),
        ("KRAS mutant", "KRAS mutant"),
        ("Node-negative", "node-negative"),
        ("Nodal status of the primary", "nodal status of the primary"),
    ],
)
def test_a_label_keeps_its_owners_capitals_within_a_sentence(label, inside):
    assert ledger.small(label) == inside


def test_the_houses_own_labels_are_small_within_a_sentence():
    told = list(tomllib.loads((DATA / "columns.toml").read_text(encoding="utf-8")).values())
    labels = [spec["label"] for spec in told if isinstance(spec, dict) and "label" in spec]
    labels += [text for spec in told for text in (spec.get("labels") or {}).values()]
    labels += [statistic.label for statistic in ledger.STATISTICS.values()]
    names = {"Beppu", "Fong", "Harrell's"}
    for label in labels:
        if label[1:2].islower() and label.split()[0] not in names:
            assert ledger.small(label)[0].islower(), label


def test_a_stage_is_named_as_the_paper_has_it():
    stage = {"type": "category", "levels": ["ta", "t1"], "labels": {"ta": "Ta", "t1": "T1"}}
    design = replace(DESIGN, columns={**DESIGN.columns, "pt": {**stage, "label": "pT stage"}})
    keys = dict.fromkeys(("endpoint", "model"), "") | {"time": None, "group": "all"}
    count = {**keys, "population": "all", "covariate": "pt", "level": "ta", "statistic": "n"}
    assert "pT stage: Ta" in name_of(count, design)


def test_patients_within_a_title_have_no_capital():
    """Once "Overall survival by approach, Matched patients"."""
    matched = {"type": "category", "levels": ["no", "yes"], "label": "Matched"}
    matched |= {"patients": {"yes": "matched patients"}}
    design = replace(DESIGN, columns={**DESIGN.columns, "matched": matched})
    assert design.population_label("matched=yes") == "matched patients"
    assert design.population_label("kras=mutant") == "KRAS mutant"
    assert design.population_label("margin=positive") == "resection margin: positive"


def model_rows(*covariates):
    keys = {"endpoint": "OS", "model": "multivariable", "conf_low": 0.5, "conf_high": 0.8}
    keys |= {"method": "Cox, efron ties", "n": 100.0, "events": 50.0}
    found = [{**keys, "covariate": "", "statistic": "n", "method": "as published"}]
    for name in covariates:
        level = {"covariate": name, "level": DESIGN.levels(name)[1]}
        found.append({**keys, **level, "statistic": "hazard_ratio", "estimate": 0.6})
        found.append({**keys, **level, "statistic": "p", "estimate": 0.01})
    return ledger.rows(found)


def test_a_model_of_one_covariate_is_not_called_multivariable():
    one, two = model_rows("hai"), model_rows("hai", "kras")
    assert kind_of_model(two, "multivariable") == "multivariable"
    told = []
    for rows in (one, two):
        made = tables.regression_table(rows, DESIGN, caption="Table 2")
        read = readings.model(
            rows,
            DESIGN,
            types.SimpleNamespace(beside=lambda row: "", tested=lambda row: "p = 0.01"),
            ["hai"],
        )
        told.append(f"{made} {read}".lower())
    assert "multivariable" not in told[0] and "hr, model of one covariate" in told[0]
    assert "multivariable hr" in told[1] and "multivariable:" in told[1]


def test_in_short_says_that_a_model_has_one_covariate():
    rows = model_rows("hai")
    kind = kind_of_model(rows, "multivariable")
    paper = readings.Print(ledger.load_claims("mskcc_hai").iloc[:0])
    told = readings.answer("OS", rows.iloc[:0], rows, rows.iloc[:0], DESIGN, paper, kind)
    assert "HR in a model of one covariate 0.60 (0.50–0.80), p = 0.010" in told


def test_in_short_counts_what_came_out_on_own_patients_too():
    verdicts = pd.Categorical(["matches", "differs"], ["matches", "near", "differs", "no result"])
    none = pd.DataFrame(columns=["verdict", "sentence"])
    own = types.SimpleNamespace(
        synthetic=False,
        pairs=pd.DataFrame({"heterogeneity_p": [0.5], "same_direction": [True], "printed": 2.0}),
        verdicts=pd.DataFrame({"verdict": verdicts}),
        audit=types.SimpleNamespace(findings=none),
    )
    told = Closing._print_sentence(own)
    assert told.startswith("Of 1 printed effect, 1 points the same way here")
    assert "Of 2 printed results, this cohort answers 2: 1 matches at printed precision" in told


# ---- Word -----------------------------------------------------------------------------------


def test_a_caption_without_a_title_is_its_number_alone():
    """Once "Table 1. " with nothing behind it."""
    piece = pieces.Table("Table 1", ("a",), (), ())
    assert Exhibit("Table", 1, "", piece, b"", "Table 1").caption == "Table 1"
    assert Exhibit("Table", 1, "Patients", piece, b"", "").caption == "Table 1. Patients"


def test_a_narrow_column_has_room_for_the_digits_of_wide_letters():
    """Once 64 stood as 6 and 4 beneath, in a table that had room to spare."""
    columns = [["untreated", "treated"], ["64", "56"], ["41.10 (29.40–58.20)"] * 2]
    size, widths = grid._widths(["Group", "n", "Median"], columns, [None, 0, None], 450)
    assert widths[1] >= size * (0.64 * 2 + grid._MARK) + grid._WHITE


@pytest.mark.parametrize("many", [3, 6])
def test_numbers_keep_to_one_line_where_columns_are_too_wide_together(many):
    """Once 674 stood as 67 and 4 beneath."""
    words = ["Adenocarcinomahistologicaltype of the primary"] * 3
    columns = [words, ["674", "366", "308"], *[["hospitalisationotherwise", "1"]] * many]
    header = ["Characteristic", "n", *["Pathologicaldescriptions"] * many]
    aligned = [None if i != 1 else 0 for i in range(len(columns))]
    size, widths = grid._widths(header, columns, aligned, 300)
    assert sum(widths) == pytest.approx(300) and min(widths) > 0
    assert widths[1] >= size * grid._FIGURE * 3 + grid._WHITE


# ---- pictures -------------------------------------------------------------------------------


def test_titles_side_by_side_do_not_run_into_each_other():
    figure = Figure(figsize=(picture._WIDTH, 3))
    left, right = figure.subplots(1, 2)
    for axis in (left, right):
        axis.set_title("Largest diameter of the liver metastases on pathology, cm", loc="left")
    picture._fit_titles(figure)
    figure.canvas.draw()
    first, second = (axis._left_title.get_window_extent() for axis in (left, right))
    assert first.x1 < second.x0 and second.x1 < figure.bbox.x1


def test_short_labels_are_laid_out_as_ever_and_long_ones_get_room():
    assert patients._laid_out(2, 2, ["a", "b"], ["Age"]) == (0.55 + 1.22 * 2, 1.0)
    high, apart = patients._laid_out(2, 2, ["a\nb\nc", "b"], ["Age\nyears"])
    assert high > 3.0 and apart < 1.0


def test_labels_beside_shares_stay_on_the_page(monkeypatch):
    """Once "Interval from resection of the primary to liver metastases" began at "resection"."""
    drawn = []
    monkeypatch.setattr(patients, "Picture", lambda figure, *_: drawn.append(figure))
    label = "Interval from resection of the primary to liver metastases"
    group = {"no": "Systemic chemotherapy alone, without a pump", "yes": "Pump and systemic drugs"}
    columns = {**DESIGN.columns, "cea": {**DESIGN.columns["cea"], "label": label}}
    columns["hai"] = {**columns["hai"], "labels": group}
    by = pd.Categorical(["no", "yes"] * 5, ["no", "yes"])
    cea = np.where(np.arange(10) % 3, np.arange(10.0), np.nan)
    frame = pd.DataFrame({"hai": by, "cea": cea, "size_cm": [2.0] * 10})
    design = replace(DESIGN, columns=columns)
    patients.missing_values.__wrapped__(frame, ["cea"], "hai", design)
    patients.distributions.__wrapped__(frame, ["cea", "size_cm"], "hai", design)
    for figure in drawn:
        figure.canvas.draw()
        for axis in figure.axes:
            told = [*axis.get_yticklabels(), axis._left_title]
            assert min(text.get_window_extent().x0 for text in told if text.get_text()) > 0
            below = [text.get_window_extent() for text in axis.get_xticklabels()]
            assert all(a.x1 < b.x0 for a, b in zip(below, below[1:], strict=False))
