"""How numbers, tables, sentences and figures look, and that each says what its rows say."""

import itertools
import math
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb

from crlm import ledger, naming, numbers, survival
from crlm.paper import odds
from crlm.report import (
    characteristics,
    comparable,
    figures,
    html,
    provenance,
    readings,
    restricted,
    tables,
    verdicts,
)
from crlm.report import states as state_tables
from crlm.report.figures import curves as drawn_curves
from crlm.report.figures import picture, states
from crlm.report.figures.ratio_axis import axis_ends
from crlm.report.manuscript import patients
from crlm.report.manuscript.done import Done

DESIGN = ledger.load_design("ncch_scp")
HAI = ledger.load_design("mskcc_hai")
CODON = {
    "type": "category",
    "levels": ["a", "b", "c"],
    "label": "Codon",
    "labels": {level: f"Codon {level}" for level in "abc"},
}


# ---- numbers ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0004, "<0.001"),
        (0.001, "0.001"),
        (0.0045, "0.005"),
        (0.0494, "0.049"),
        (0.0996, "0.10"),
        (0.125, "0.13"),
        (0.177, "0.18"),
        (1.0, "1.00"),
        (math.nan, "–"),
    ],
)
def test_p_values_look_as_in_print(p, text):
    assert numbers.p_text(p) == text


def test_numbers_are_rounded_half_up():
    assert [numbers.number(v, 2) for v in (0.125, 2.675, -0.125, -0.001, math.nan)] == [
        "0.13",
        "2.68",
        "-0.13",
        "0.00",
        "–",
    ]


def test_a_median_that_is_not_reached_says_so():
    row = {
        "estimate": math.nan,
        "conf_low": 3.0,
        "conf_high": math.nan,
        "unit": "months",
        "statistic": "median_survival",
    }
    assert numbers.interval(row) == "not reached"
    assert numbers.interval(row | {"estimate": 5.0}) == "5.00 (3.00–not reached)"


def test_a_range_with_a_minus_says_to():
    row = {
        "statistic": "rmst_difference",
        "unit": "months",
        "estimate": -1.0,
        "conf_low": -2.5,
        "conf_high": 0.5,
    }
    assert numbers.interval(row) == "-1.00 (-2.50 to 0.50)"


# ---- one number, one text ---------------------------------------------------


def row_of(**values):
    base = {"endpoint": "OS", "covariate": "ras", "level": "mutant", "model": "multivariable"}
    return ledger.rows([base | values]).iloc[0].to_dict()


def curve_rows(p=0.0045):
    frame = pd.DataFrame(
        {
            "time": [5.0, 10, 15, 20, 25, 30],
            "event": [True, False, True, True, False, True],
            "ras": pd.Categorical(["wild", "mutant"] * 3, ["wild", "mutant"]),
            "endpoint": "OS",
        }
    )
    rows = survival.summary(frame, "ras", times=[12])
    rows.loc[(rows["statistic"] == "p"), "estimate"] = p
    return rows, survival.curve(frame, "ras")


@pytest.mark.parametrize(("p", "text"), [(0.0045, "0.005"), (0.177, "0.18"), (0.00041, "<0.001")])
def test_a_p_value_reads_the_same_everywhere(p, text):
    rows, curves = curve_rows(p)
    claims = ledger.load_claims("ncch_scp")
    paper = readings.Print(claims)
    phrase = f"p < {text[1:]}" if text.startswith("<") else f"p = {text}"
    assert f"| {text}" in tables.survival_table(rows, DESIGN).text
    assert f"log-rank {phrase}" in readings.curves(rows, DESIGN, paper)
    assert f"Log-rank {phrase}." in figures.kaplan_meier(curves, rows, DESIGN, title="OS").alt
    panel = figures.overview([("OS", curves, p)], DESIGN)
    assert f"log-rank {phrase}" in panel.alt


def test_a_p_beside_print_has_the_digits_of_print():
    claims = ledger.load_claims("ncch_scp")
    rows, _ = curve_rows(0.1148)
    row = rows[rows["statistic"] == "p"].iloc[0].to_dict()
    printed = claims[(claims["statistic"] == "p") & (claims["kind"] == "number")].iloc[[0]]
    keys = {name: row[name] for name in ledger.KEYS}
    claim = printed.assign(**keys, printed="0.116", operator="=", value=0.116, decimals=3)
    told = readings.curves(rows, DESIGN, readings.Print(claim))
    assert "log-rank p = 0.115 (paper 0.116)" in told


def test_a_ratio_reads_the_same_everywhere():
    values = {"estimate": 2.345, "conf_low": 1.005, "conf_high": 5.125}
    rows = regression_rows(values)
    text = "2.35 (1.01–5.13)"
    assert text in tables.regression_table(rows, DESIGN, caption="t").text
    listed = tables.effects_table(rows, DESIGN, caption="t", statistics={"hazard_ratio": "HR"})
    assert text in listed.text
    ratios = tables.ratios(rows, model="univariable")
    assert text in figures.forest(ratios, DESIGN, title="t").alt
    read = readings.effects(rows, DESIGN, readings.Print(ledger.load_claims("ncch_scp")))
    assert "HR 2.35, 95 % CI 1.01–5.13" in read


def test_labels_of_two_lines_stand_apart_and_are_parted_between_words(monkeypatch):
    monkeypatch.setattr("crlm.report.figures.forests.Picture", lambda figure, *_: figure)
    base = {"endpoint": "OS", "model": "multivariable", "statistic": "hazard_ratio"}
    base |= {"estimate": 2.0, "conf_low": 1.0, "conf_high": 4.0}
    long = [("nodal_status", "positive"), ("timing", "synchronous"), ("postop_chemo", "yes")] * 5
    ratios = ledger.rows([base | {"covariate": name, "level": level} for name, level in long])
    drawn = figures.forest.__wrapped__(ratios, DESIGN, title="t")
    drawn.canvas.draw()
    labels = drawn.axes[0].get_yticklabels()
    assert "Nodal status of the primary:\nnode-positive" in [one.get_text() for one in labels]
    boxes = [one.get_window_extent() for one in labels]
    gaps = [upper.y0 - lower.y1 for upper, lower in itertools.pairwise(boxes)]
    assert min(gaps) > boxes[0].height / 10


# ---- tables -----------------------------------------------------------------


def test_shares_of_missing_values_can_be_read_on_their_colour(monkeypatch):
    monkeypatch.setattr("crlm.report.figures.patients.Picture", lambda figure, *_: figure)
    design, n = ledger.load_design("mskcc_hai"), 20
    names = ["age", "sex", "margin", "ablation", "size_cm"]
    frame = pd.DataFrame({"hai": ["no"] * n + ["yes"] * n})
    for at, name in enumerate(names):
        frame[name] = [math.nan] * (at * n // 4 or 1) + [1.0] * (2 * n - (at * n // 4 or 1))
    axis = figures.missing_values.__wrapped__(frame, names, "hai", design).axes[0]
    cells = axis.collections[0].get_facecolors()
    assert "100 %" in [text.get_text() for text in axis.texts]
    for text, cell in zip(axis.texts, cells, strict=True):
        pair = sorted(map(luminance, (to_rgb(text.get_color()), cell[:3])))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, text.get_text()


def luminance(colour):
    """Relative luminance, as the Web Content Accessibility Guidelines define it."""
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def regression_rows(values=None):
    values = values or {"estimate": 2.0, "conf_low": 1.0, "conf_high": 4.0}
    base = {"endpoint": "OS", "covariate": "ras", "model": "univariable", "n": 10, "events": 5}
    return ledger.rows(
        [
            base | {"level": "wild", "statistic": "reference", "estimate": 1.0},
            base | {"level": "mutant", "statistic": "hazard_ratio", "method": "Cox"} | values,
            base | {"level": "mutant", "statistic": "p", "estimate": 0.0499, "method": "Wald"},
        ]
    )


def test_what_a_hospital_types_cannot_become_markup():
    made = html.table("<b>", ["x"], [("", ["<script>alert(1)</script>"])])
    assert "<script>" not in made.html and "&lt;script&gt;" in made.html


def test_a_verdict_carries_its_colour_and_its_word():
    made = html.table("t", ["x", "v"], [("", ["a", "no result"])])
    assert '<span class="verdict no-result">no result</span>' in made.html


def test_a_sentence_among_numbers_may_wrap():
    sentence = "RAS codon 13 was particularly strongly associated with pulmonary recurrence"
    made = html.table("t", ["a", "b"], [("", ["x", "1.20"]), ("", ["y", sentence])], numeric=[1])
    assert '<td class="num" style="text-align:right">1.20</td>' in made.html
    assert f'<td class="long" style="text-align:left">{sentence}</td>' in made.html


def test_a_regression_table_has_reference_rows_sizes_and_the_estimate():
    text = tables.regression_table(regression_rows(), DESIGN, caption="Table 2").text
    assert "RAS wild type | 10 | 5 | reference" in text
    assert "RAS mutant | 10 | 5 | 2.00 (1.00–4.00) | 0.050" in text


def test_a_covariate_of_three_levels_has_a_heading_with_the_p_of_them_all():
    base = {"endpoint": "OS", "covariate": "codon", "model": "univariable", "n": 10, "events": 5}
    ratio = {"statistic": "hazard_ratio", "estimate": 2.0, "conf_low": 1.0, "conf_high": 4.0}
    tested = {"statistic": "p", "estimate": 0.0213, "method": "Wald"}
    rows = ledger.rows(
        [
            base | {"level": "a", "statistic": "reference", "estimate": 1.0},
            *(base | {"level": level} | one for level in "bc" for one in (ratio, tested)),
            base | {"statistic": "p", "estimate": 0.6789, "method": "joint test"},
        ]
    )
    design = replace(DESIGN, columns={**DESIGN.columns, "codon": CODON})
    made = tables.regression_table(rows, design, caption="t")
    head, *levels = made.text.splitlines()[2:6]
    assert re.fullmatch(r"Codon \|  \|  \|  \| 0\.68.?", head)
    assert [line.partition(" | ")[0] for line in levels] == ["Codon a", "Codon b", "Codon c"]
    assert made.piece.body[0].rows and "joint test" in made.text
    assert [line.kind for line in made.piece.body] == ["first", "level", "level", "level"]


def test_restricted_means_of_three_groups_each_have_their_difference():
    months = {"endpoint": "OS", "time": 36.0, "unit": "months"}
    limits = {"conf_low": 1.0, "conf_high": 3.0}
    means = [
        months | limits | {"group": f"codon={x}", "statistic": "rmst", "estimate": 2.0}
        for x in "abc"
    ]
    gap = months | limits | {"covariate": "codon", "level": "b", "statistic": "rmst_difference"}
    other = gap | {"level": "c", "estimate": -0.5, "conf_low": -2.5}
    tested = gap | {"statistic": "p", "estimate": 0.0213}
    rows = ledger.rows([*means, gap | {"estimate": 1.5}, tested, other])
    design = replace(DESIGN, columns={**DESIGN.columns, "codon": CODON})
    text = restricted.restricted_table(rows, design, caption="t").text
    assert "OS, to month 36" in text and "odon a | 2.00 (1.00–3.00) | reference | " in text
    assert "odon b | 2.00 (1.00–3.00) | 1.50 (1.00–3.00) | 0.021" in text
    assert "odon c | 2.00 (1.00–3.00) | -0.50 (-2.50 to 3.00) | " in text
    # One whose difference is hidden or not estimable is no reference.
    lacking = ledger.rows([*means, gap | {"estimate": 1.5}, tested])
    text = restricted.restricted_table(lacking, design, caption="t").text
    assert text.count("reference |") == 1 and "odon c | 2.00 (1.00–3.00) | – | " in text


def test_of_other_patients_all_claims_that_differ_stand_behind_one_line():
    claims = ledger.load_claims("mskcc_hai").head(9)
    blank = {"computed": 1.0, "p": math.nan, "reason": "", "method": "", "findings": ""}
    found = claims.assign(**blank, verdict=["differs"] * 8 + ["near"])
    made = verdicts.differences_table(found, HAI, apart=True)
    assert made.piece.summary == "8 claims that differ"
    assert len(made.piece.pieces[0].body) == 8
    near = found[found["verdict"] == "near"]
    assert verdicts.differences_table(near, HAI, apart=True) is None


def test_a_table_of_a_model_has_the_number_that_print_gives_it():
    from types import SimpleNamespace

    from crlm.paper.base import Base

    keys = {"endpoint": "OS", "covariate": "ras", "statistic": "hazard_ratio", "population": "all"}
    told = [
        keys | {"model": "univariable", "place": "table2"},
        keys | {"model": "multivariable", "place": "supplementary_table3"},
        keys | {"model": "multivariable", "place": "results"},
        keys | {"endpoint": "RFS", "model": "univariable", "place": "table4"},
        keys | {"endpoint": "SCP", "model": "multivariable", "place": "abstract"},
        keys
        | {"endpoint": "SCP", "model": "multivariable", "population": "ras=wild"}
        | {"place": "table5"},
    ]
    paper = SimpleNamespace(design=DESIGN, claims=pd.DataFrame(told))
    assert [Base.table_of(paper, name) for name in ("OS", "RFS", "SCP")] == [
        "Supplementary Table 3",
        "Table 4",
        "Predictors of SCP",
    ]


def test_a_table_of_curves_has_the_number_that_print_gives_it():
    """In Word it was one of the appendix, where print has it as Table 3."""
    from types import SimpleNamespace

    from crlm.paper.base import Base

    keys = {"endpoint": "OS", "covariate": "", "statistic": "median_survival", "model": ""}
    keys |= {"population": "all", "group": "ras=wild", "place": "table3"}
    told = [
        keys,
        keys | {"group": "ras", "statistic": "p", "model": "logrank"},
        keys | {"group": "all", "statistic": "survival_rate", "place": "supplementary_table4"},
        keys | {"group": "sex=male", "statistic": "events", "place": "results"},
        keys | {"population": "sex=male", "place": "table5"},
        # Medians beside ratios are of a regression table.
        keys | {"endpoint": "SCP", "place": "table2"},
        keys
        | {"endpoint": "SCP", "covariate": "ras", "statistic": "hazard_ratio"}
        | {"model": "multivariable", "group": "all", "place": "table2"},
    ]
    paper = SimpleNamespace(design=DESIGN, claims=pd.DataFrame(told))
    asked = (("OS", ["ras"]), ("OS", []), ("OS", ["sex"]), ("SCP", ["ras"]), ("RFS", ["ras"]))
    assert [Base.table_of_curves(paper, *one) for one in asked] == [
        "Table 3",
        "Supplementary Table 4",
        "",
        "",
        "",
    ]
    assert Base.table_of_curves(paper, "OS", ["ras"], "sex=male") == "Table 5"


def test_many_pairs_of_effects_have_a_picture_for_each_page(monkeypatch):
    drawn = []
    monkeypatch.setattr("crlm.report.figures.paired.Picture", lambda *parts: drawn.append(parts))
    base = {"estimate": 1.0, "conf_low": 0.5, "conf_high": 2.0, "statistic": "hazard_ratio"}
    ends = {f"{a}_{b}": v for a in ("printed", "new") for b, v in (("low", 0.5), ("high", 2.0))}
    names = [name for name in DESIGN.columns if DESIGN.levels(name)][:9]
    effects = ledger.rows(
        [
            base | {"endpoint": end, "model": model, "covariate": name, "level": "yes"}
            for end in ("OS", "RFS")
            for model in ("univariable", "multivariable")
            for name in names
        ]
    ).assign(printed=1.0, new=1.0, **ends)
    figures.pairs(effects.head(9), DESIGN)
    assert [title for _, _, title, _ in drawn] == ["Paper (above) and this cohort (below)"]
    drawn.clear()
    figures.pairs(effects, DESIGN)
    titles = [title for _, _, title, _ in drawn]
    assert len(set(titles)) == 4 and all("OS" in t or "RFS" in t for t in titles)
    assert max(figure.get_size_inches()[1] for figure, *_ in drawn) < 10
    assert sum(len(rows) for *_, rows in drawn) == len(effects)
    axes = {figure.axes[0].get_xlim() for figure, *_ in drawn}
    assert len(axes) == 1 and figures.pairs(effects.head(0), DESIGN) == []


def test_a_long_forest_parts_between_covariates_into_pictures_that_a_page_holds(monkeypatch):
    """More than 28 ratios were one picture, too small to be read in print."""
    drawn = []
    for room in ("forests", "lines"):
        target = f"crlm.report.figures.{room}.Picture"
        monkeypatch.setattr(target, lambda *parts: drawn.append(parts))
    base = {"endpoint": "OS", "model": "multivariable", "statistic": "hazard_ratio"}
    base |= {"estimate": 1.5, "conf_low": 1.0, "conf_high": 2.0}
    sizes = [1, 1, 4, 1, 3, 5, 1, 2, 6, 1, 3, 1, 1, 5, 1, 4, 2, 3]
    rows = ledger.rows(
        base | {"covariate": f"c{k}", "level": f"l{at}" if size > 1 else ""}
        for k, size in enumerate(sizes)
        for at in range(size)
    )
    rows.loc[0, "conf_high"] = 9.0
    figures.forest_pages.__wrapped__(rows, DESIGN, title="OS")
    assert [title for _, _, title, _ in drawn] == ["OS", "OS, continued"]
    parts = [list(part["covariate"]) for *_, part in drawn]
    assert sum(parts, []) == list(rows["covariate"]) and not set(parts[0]) & set(parts[1])
    assert max(map(len, parts)) <= 28 and min(map(len, parts)) >= 20
    assert max(figure.get_size_inches()[1] for figure, *_ in drawn) < 10
    assert len({figure.axes[0].get_xlim() for figure, *_ in drawn}) == 1
    drawn.clear()
    figures.forest_pages.__wrapped__(rows.head(28), DESIGN, title="OS")
    figures.forest.__wrapped__(rows.head(28), DESIGN, title="OS")
    assert [title for _, _, title, _ in drawn] == ["OS", "OS"]
    drawn.clear()
    one = rows.assign(covariate="c0", level=[f"l{k}" for k in range(len(rows))])
    figures.forest_pages.__wrapped__(one, DESIGN, title="OS")
    assert [len(part) for *_, part in drawn] == [28, 17]
    assert figures.forest_pages.__wrapped__(rows.head(0), DESIGN, title="OS") == []


def test_one_wide_interval_leaves_the_axis_and_small_effects_never_do():
    """Every forest went down to 0.05 for one interval of 0.04 to 2.16."""
    usual = [{"estimate": 0.8, "conf_low": 0.5, "conf_high": 1.3} for _ in range(5)]
    wide = {"estimate": 0.3, "conf_low": 0.04, "conf_high": 2.2}
    low, high = axis_ends([*usual, wide])
    assert wide["conf_low"] < low < 0.25 and wide["conf_high"] < high < 4
    small = {"estimate": 2.0, "conf_low": 1.1, "conf_high": 3.5}
    assert axis_ends([*usual, small])[1] > 3.5
    assert axis_ends([*usual, wide | {"estimate": 0.05}])[0] < 0.05


def texts_of(figure):
    return [one.get_text() for one in figure.axes[0].texts if one.get_text()]


def test_a_forest_shows_factors_with_their_reference_levels_and_sizes(monkeypatch):
    """A row of a level stood alone, and nothing said against which other it is."""
    drawn = []
    monkeypatch.setattr("crlm.report.figures.lines.Picture", lambda *parts: drawn.append(parts))
    base = {"endpoint": "OS", "model": "multivariable", "covariate": "ras"}
    first = base | {"level": "wild", "statistic": "reference", "estimate": 1.0, "n": 87}
    ratio = {"statistic": "hazard_ratio", "estimate": 3.37, "conf_low": 1.76, "conf_high": 12.5}
    other = base | ratio | {"level": "mutant", "n": 63, "events": 33}
    rows = ledger.rows([first | {"events": 24}, other, other | {"covariate": "age", "level": ""}])
    figures.forest_pages.__wrapped__(rows, DESIGN, title="OS")
    figure, alt, *_ = drawn[0]
    told = texts_of(figure)[3:]
    assert told[:8] == ["RAS", "RAS wild type", "87", "24", "reference"] + told[5:8]
    assert told[5:9] == ["RAS mutant", "63", "33", "3.37 (1.76–12.50)"]
    assert told[9].startswith("Age") and "RAS wild type: reference" in alt
    low, high = figure.axes[0].get_xlim()
    arrows = [line for line in figure.axes[0].lines if line.get_marker() == ">"]
    assert len(arrows) == 2 and high < 9 and low < 1


def test_subgroups_are_one_forest_by_factor_with_the_p_of_each_interaction(monkeypatch):
    drawn = []
    for room in ("lines", "paired"):
        target = f"crlm.report.figures.{room}.Picture"
        monkeypatch.setattr(target, lambda *parts: drawn.append(parts))
    base = {"endpoint": "OS", "model": "univariable", "covariate": "ras", "level": "mutant"}
    value = {"statistic": "hazard_ratio", "estimate": 2.0, "conf_low": 0.5, "conf_high": 4.0}
    groups = [("sex", "male"), ("sex", "female"), ("timing", "synchronous")]
    some = [{**base, "population": f"{name}={level}"} for name, level in groups]
    size = {"statistic": "n", "level": "", "estimate": 40, "n": 40, "events": 11}
    joint = {**base, "model": "interaction", "covariate": "ras:sex", "statistic": "p"}
    rows = [row for one in some for row in ({**one, **value}, {**one, **size})]
    rows = ledger.rows([*rows, {**joint, "level": "mutant:female", "estimate": 0.031}])
    figures.subgroups.__wrapped__(rows, DESIGN, title="OS by RAS")
    ((figure, alt, *_),) = drawn
    told = texts_of(figure)
    at = told.index("Sex")
    assert told[at : at + 6] == ["Sex", "0.031", "Male", "40", "11", "2.00 (0.50–4.00)"]
    assert "Sex: p for interaction 0.031" in alt and "Synchronous: 2.00" in alt
    drawn.clear()
    sides = {"printed": 2.0, "new": 2.1, "printed_low": 0.5, "new_low": 0.6}
    sides |= {"printed_high": 4.0, "new_high": 4.1}
    ratios = [{**one, **value} for one in some]
    others = [{**base, **value, "covariate": f"c{k}", "level": ""} for k in range(16)]
    figures.pairs(ledger.rows([*others, *ratios]).assign(**sides), DESIGN)
    assert [len(part) for *_, part in drawn] == [16, 3]
    figure, alt, title, _ = drawn[1]
    assert "within subgroups" in title and "Male, new: 2.10 (0.60–4.10)" in alt
    assert {"Sex", "Male", "Female", "Synchronous"} <= set(texts_of(figure))


def test_a_title_has_as_many_lines_as_its_width_needs():
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    base = {"endpoint": "OS", "model": "multivariable", "statistic": "hazard_ratio"}
    base |= {"estimate": 2.0, "conf_low": 1.0, "conf_high": 4.0, "covariate": "ras"}
    rows = ledger.rows([base | {"level": "mutant"}])
    caught = []
    for title in ("Overall survival, multivariable", "Overall survival among wide W " * 4):
        with pytest.MonkeyPatch.context() as patch:
            target = "crlm.report.figures.picture._cropped"
            patch.setattr(target, lambda figure: caught.append(figure) or 1 / 0)
            with pytest.raises(ZeroDivisionError):
                figures.forest.__wrapped__(rows, DESIGN, title=title)
        figure = caught[-1]
        shown = figure.axes[0]._left_title.get_window_extent(FigureCanvasAgg(figure).get_renderer())
        # A phone of 390 pixels shows 358 of the 576 that a picture has there.
        assert 0 < shown.x0 and shown.x1 <= figure.bbox.x1 * 358 / 576
    lines = [figure.axes[0].get_title(loc="left").count("\n") for figure in caught]
    assert lines[0] == 0 < lines[1]


def test_methods_are_footnotes_marked_in_the_head():
    made = tables.regression_table(regression_rows(), DESIGN, caption="t")
    head, *_, first, second = made.text.splitlines()[1:]
    assert "(95 % CI)ᵃ" in head and "pᵇ" in head
    assert (first, second) == ("ᵃ Cox", "ᵇ Wald")
    product = regression_rows().assign(covariate="ras:sex", level="mutant:male")
    made = tables.regression_table(pd.concat([regression_rows(), product]), DESIGN, caption="t")
    assert "its ratio at the reference of the other" in made.text.splitlines()[-1]


def test_only_headings_are_bold():
    rows = regression_rows()
    made = tables.regression_table(rows, DESIGN, caption="t").html
    assert "<strong>" not in made and 'class="head"' not in made


def test_no_two_lines_of_an_effects_table_read_the_same():
    one = row_of(statistic="hazard_ratio", estimate=0.5, conf_low=0.4, conf_high=0.7)
    others = [one | {"model": name} for name in ("all factors", "printed covariates, Firth")]
    others += [one | {"population": "from month 6"}, one | {"population": "from month 12"}]
    rows = ledger.rows([one, *others])
    made = tables.effects_table(rows, DESIGN, caption="t", statistics={"hazard_ratio": "HR"})
    lines = [line.split(" | ")[0] for line in made.text.splitlines()[2:]]
    assert len(set(lines)) == len(lines) == 5


def test_the_head_of_estimates_promises_limits_only_where_there_are_some():
    """A chi-square stood under "(95 % CI)"."""
    test = row_of(statistic="chi_square", estimate=3.1)
    ratio = row_of(statistic="hazard_ratio", estimate=0.5, conf_low=0.4, conf_high=0.7)
    names = {"chi_square": "chi-square", "hazard_ratio": "HR"}
    for row, head in ((test, "chi-square"), (ratio, "HR (95 % CI)")):
        made = tables.effects_table(ledger.rows([row]), DESIGN, caption="t", statistics=names)
        assert made.text.splitlines()[1].split(" | ")[1] == head


def test_methods_are_said_in_a_readers_words():
    words = naming.method_words(HAI)
    assert words("hai=yes minus hai=no, median +- z SE, S <= 0.5") == (
        "HAI minus no HAI, median ± z SE, S ≤ 0.5"
    )
    assert words("score test (km time, df 1)") == "score test (Kaplan-Meier scale, df 1)"
    assert words("Table 2, HR conf_low") == "Table 2, HR, lower limit"


def test_unknown_values_have_a_row_of_their_own():
    from crlm import baseline

    sex = pd.Categorical(["male", "female", None, "male"], ["male", "female"])
    frame = pd.DataFrame({"ras": pd.Categorical(["wild", "wild", "mutant", "mutant"]), "sex": sex})
    rows = baseline.table_one(frame, "ras", ["sex"])
    lines = characteristics.baseline_table(rows, DESIGN).text.splitlines()
    assert any(re.match(r"Unknown \| \d \| \d \| 1", line) for line in lines)
    of_nobody = frame.assign(sex=frame["sex"].where(frame["ras"] == "wild"))
    told = characteristics.baseline_table(baseline.table_one(of_nobody, "ras", ["sex"]), DESIGN)
    assert "Unknown or not applicable | 2 | 0 | 2" in told.text


# ---- figures ----------------------------------------------------------------


def test_a_figure_says_in_words_what_it_shows():
    rows, curves = curve_rows()
    picture = figures.kaplan_meier(curves, rows, DESIGN, title="Overall survival")
    assert picture.png.startswith(b"\x89PNG")
    # wild: 5, 15 and 25 (censored): 2/3 after 5, 1/3 after 15
    assert "RAS wild type (n = 3): 67 % at 12, 33 % at 24" in picture.alt
    data, meta = picture._repr_mimebundle_()
    assert meta["image/png"]["alt"] == data["text/plain"] == picture.alt


@pytest.mark.parametrize("groups", [2, 3])
def test_the_longest_names_of_a_legend_end_within_the_picture(groups):
    """The third of "ECOG performance status: 2-3" was cut at the edge."""
    most = picture.LETTERS[drawn_curves._across(groups)]
    with matplotlib.rc_context(picture.STYLE):
        figure, frame = picture.sheet(3.5, picture.CURVES)
        axis = figure.subplots()
        figure.subplots_adjust(**frame)
        for _ in range(groups):
            axis.plot([0, 1], [0, 1], label=("ECOG performance status number of them" * 2)[:most])
        drawn_curves._finish_survival_axis(axis, np.array([0, 12]), "t", None, groups)
        FigureCanvasAgg(figure).draw()
        assert axis.get_legend().get_window_extent().x1 < figure.bbox.width


@pytest.mark.parametrize("groups", [1, 2, 3, 4])
@pytest.mark.parametrize("drawn", ["overview", "incidences", "incidences beside 1 - KM"])
def test_the_legend_of_curves_side_by_side_ends_within_the_picture(groups, drawn, monkeypatch):
    monkeypatch.setattr(type(DESIGN), "group_label", lambda _, group: f"{group} {'m ' * 40}")
    monkeypatch.setattr(drawn_curves, "Picture", lambda figure, *_: figure)
    monkeypatch.setattr(states, "Picture", lambda figure, *_: figure)
    names = [f"ras={k}" for k in range(groups)]
    line = {"time": [0.0, 10], "survival": [1, 0.5], "estimate": [0, 0.3], "n_events": [0, 1]}
    line |= {"conf_low": [0, 0.2], "conf_high": [0, 0.4], "n_censored": 0, "naive": [0, 0.4]}
    parts = [pd.DataFrame({**line, "group": g, "level": c}) for g in names for c in ("a", "b")]
    curves = pd.concat(parts if drawn.endswith("KM") else [p.drop(columns="naive") for p in parts])
    if drawn == "overview":
        figure = drawn_curves.overview([("OS", curves, 0.5)], DESIGN)
    else:
        risk = {"group": names, "time": 12.0, "statistic": "n_at_risk", "estimate": 5.0}
        figure = states.incidences(curves, pd.DataFrame(risk), DESIGN, title="First event")
    FigureCanvasAgg(figure).draw()
    assert figure.legends[0].get_window_extent().x1 < figure.bbox.width


def test_a_figure_counts_the_patients_that_its_table_counts():
    """With late entry fewer are at risk at month 0 than are analysed."""
    frame = pd.DataFrame(
        {
            "time": [5.0, 15.0, 25.0, 30.0],
            "event": [True, True, False, True],
            "endpoint": "OS",
            "ras": pd.Categorical(["wild", "wild", "wild", "mutant"], ["wild", "mutant"]),
            "entry": [0.0, 2.0, 3.0, 0.0],
        }
    )
    rows, curves = survival.summary(frame, "ras", times=[12]), survival.curve(frame, "ras")
    picture = figures.kaplan_meier(curves, rows, DESIGN, title="t")
    assert "RAS wild type (n = 3): " in picture.alt
    assert "OS: RAS wild type | 3 | 2 |" in tables.survival_table(rows, DESIGN).text


def test_curves_at_time_zero_alone_are_drawn_without_a_warning(recwarn):
    frame = pd.DataFrame({"time": [0.0, 0.0], "event": [True, True], "endpoint": "OS"})
    curves, rows = survival.curve(frame), survival.summary(frame)
    figures.overview([("t", curves, math.nan)], DESIGN)
    picture = figures.kaplan_meier(curves, rows, DESIGN, title="t")
    assert "(n = 2)." in picture.alt
    assert not recwarn.list


def test_ratios_of_one_model_are_never_shown_as_those_of_another():
    rows = regression_rows()
    alone = rows[rows["model"] == "univariable"]
    assert len(tables.ratios(alone, model="univariable")) and tables.ratios(alone).empty


@pytest.mark.parametrize(("known", "told"), [(328, True), (674, False)])
def test_a_forest_of_fewer_patients_than_its_table_says_whose_numbers_it_has(known, told):
    """308 without HAI stood in the table, 154 in the forest below it, both headed n."""
    base = {"endpoint": "OS", "model": "multivariable", "statistic": "hazard_ratio"}
    base |= {"estimate": 2.0, "conf_low": 1.0, "conf_high": 4.0}
    method = f"Cox, Efron ties; complete cases: {known} of 674 patients; all"
    whole = {**base, "statistic": "n", "estimate": known, "method": method}
    rows = ledger.rows([base | {"covariate": f"c{k}"} for k in range(2)] + [whole])
    forest = figures.forest_pages(rows.head(2), DESIGN, title="OS")
    paper = SimpleNamespace(design=DESIGN)
    shown = odds.Odds._plot(paper, "Table 3", forest, rows, "multivariable").html
    assert ("(complete cases: 328 of 674 patients)" in shown) == told
    assert ("n and events are those of the multivariable model (" in shown) == told


def test_a_tall_picture_is_not_confined_in_print():
    """At most 9 cm high, a long forest had letters of 3 points."""
    base = {"endpoint": "OS", "model": "multivariable", "statistic": "hazard_ratio"}
    base |= {"estimate": 2.0, "conf_low": 1.0, "conf_high": 4.0}
    rows = ledger.rows([base | {"covariate": f"c{k}"} for k in range(24)])
    for many, tall in ((3, False), (24, True)):
        (picture,) = figures.forest_pages(rows.head(many), DESIGN, title="OS")
        _, told = picture._repr_mimebundle_()
        assert told["image/png"].get("unconfined", False) == tall
        assert ('class="unconfined"' in html.image(picture).html) == tall
    page = Path(html.__file__).parents[1] / "templates" / "crlm_report" / "page.css"
    assert "img.unconfined { max-height: 23cm; }" in page.read_text(encoding="utf-8")


def test_a_phone_says_what_goes_on_sideways_and_paper_what_is_closed():
    folder = Path(html.__file__).parents[1] / "templates" / "crlm_report"
    style = (folder / "page.css").read_text(encoding="utf-8")
    phone, paper = (
        style[style.index(f"@media {kind}") :].split("\n}\n")[0]
        for kind in ("(max-width: 40rem)", "print")
    )
    assert "p.sideways { display: block; }" in phone and "no-repeat local" in phone
    assert "p.sideways { display: none; }" in paper and "(closed, and so not printed)" in paper
    assert "@page { margin: " in style and "h3, summary { break-after: avoid; }" in paper
    assert '<p class="sideways">' in (folder / "index.html.j2").read_text(encoding="utf-8")


def test_all_figures_are_equally_wide():
    rows, curves = curve_rows()
    ratios = tables.ratios(regression_rows(), model="univariable")
    made = [
        figures.kaplan_meier(curves, rows, DESIGN, title="t"),
        figures.forest(ratios, DESIGN, title="t"),
        figures.overview([("t", curves, 0.2)], DESIGN),
    ]
    assert {picture.width for picture in made} == {760}


def test_a_forest_clips_what_would_blank_the_plot():
    rows = regression_rows()
    wild = rows[rows["statistic"] == "hazard_ratio"].assign(conf_high=1e9, estimate=1e4)
    assert "0.05 to >999" in figures.forest(wild.assign(conf_low=0.05), DESIGN, title="t").alt


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (999.994, "999.99"),
        (1000, ">999"),
        (8.6e8, ">999"),
        (0.005, "0.01"),
        (0.004, "<0.01"),
        (1e-9, "<0.01"),
        (0.0, "0.00"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_a_ratio_has_no_digits_that_no_data_have(value, text):
    row = {"statistic": "hazard_ratio", "estimate": value}
    assert numbers.estimate(row) == numbers.ratio(value) == text
    assert numbers.estimate({**row, "statistic": "median", "estimate": 1000}) == "1,000.00"


def test_a_limit_that_was_not_found_is_no_pair_of_dashes():
    row = {"statistic": "hazard_ratio", "estimate": 0.88, "conf_low": math.nan, "conf_high": 1.32}
    assert numbers.interval(row) == "0.88 (– to 1.32)"
    swapped = {**row, "conf_low": 1e-7, "conf_high": math.nan}
    assert numbers.interval(swapped) == "0.88 (<0.01 to –)"


def test_a_flow_marks_what_cannot_be_checked():
    flow = ledger.rows(
        [
            {"covariate": "flow", "statistic": "n", "level": level, "estimate": n}
            for level, n in (
                ("start", 9),
                ("curative", 9),
                ("curative_excluded", math.nan),
                ("genetic_data", 8),
                ("genetic_data_excluded", 1),
                ("included", 8),
                ("included_excluded", 0),
            )
        ]
    )
    assert "No BRAF mutation 8" in figures.flow(flow, DESIGN).alt


def test_a_ratio_has_the_events_of_both_its_sides_beside_it():
    base = {"endpoint": "OS", "covariate": "hai", "model": "univariable", "unit": ""}
    base |= {"population": "kras=wild", "conf_low": 0.4, "conf_high": 0.7}
    sides = ledger.rows(
        [
            base | {"level": "no", "statistic": "reference", "n": 183, "events": 92},
            base | {"level": "yes", "statistic": "hazard_ratio", "n": 235, "events": 83},
            base | {"level": "yes", "statistic": "p", "estimate": 0.001},
        ]
    )
    told = "no HAI 92 of 183; HAI 83 of 235"
    within = tables.within_table(sides, HAI, caption="t", time=60)
    assert f"OS, KRAS wild type | {told} | " in within.text
    names = {"hazard_ratio": "HR"}
    asked = tables.effects_table(sides, HAI, caption="t", statistics=names, events=True)
    assert "Events of patients | HR" in asked.text and told in asked.text
    assert "of 183" not in tables.effects_table(sides, HAI, caption="t", statistics=names).text
    causes = sides.assign(population="resection>liver", model="cause specific")
    assert f"Liver: HAI | {told} | " in state_tables.kinds_table(causes, HAI, caption="t").text
    alone = tables.effects_table(sides[1:], HAI, caption="t", statistics=names, events=True)
    assert "| 83 of 235 |" in alone.text


def test_a_power_is_told_with_the_events_of_its_own_endpoint():
    base = {"statistic": "power", "model": "diagnostic", "covariate": "hai:kras", "unit": ""}
    rows = [
        base | {"endpoint": name, "estimate": power, "method": f"two-sided 0.05; {events} events"}
        for name, power, events in (("OS", 0.41, 311), ("RFS", 0.60, 506))
    ]
    told = comparable.contrast_table(ledger.rows(rows), HAI, "hai", "kras", caption="t").text
    assert "OS: two-sided 0.05; 311 events" in told and "RFS: " in told and "506 events" in told


def test_a_dash_for_a_rate_says_that_nobody_was_followed_so_long():
    rows, _ = curve_rows()
    assert "nobody of the group" not in tables.survival_table(rows, DESIGN).text
    rate = rows["statistic"] == "survival_rate"
    ended = rows.assign(estimate=rows["estimate"].mask(rate), n=rows["n"].mask(rate, 0.0))
    told = "–: nobody of the group was followed to that month."
    assert told in tables.survival_table(ended, DESIGN).text


def test_how_implied_quantities_were_found_is_said_once():
    rows = [
        {"quantity": "events, at least", "low": 4, "high": 9, "unit": "events", "how": how}
        for how in ("by this", "by this", "by that")
    ]
    keys = {"endpoint": "OS", "population": "all", "group": "all", "covariate": "", "level": ""}
    found = pd.DataFrame([{**keys, **row, "time": math.nan} for row in rows])
    told = verdicts._quantities("Implied", found, DESIGN).text
    assert told.count("by this") == told.count("by that") == 1 and "Intervalᵃ" in told


def stability_rows():
    base = {"endpoint": "OS", "model": "bootstrap selection", "statistic": "percent", "unit": "%"}
    sign = base | {"model": "bootstrap selection, sign"}
    return ledger.rows(
        [
            base | {"covariate": "ras", "estimate": 98.0},
            base | {"covariate": "margin", "estimate": 23.0},
            sign | {"covariate": "ras", "level": "mutant", "estimate": 100.0},
            sign | {"covariate": "margin", "level": "positive", "estimate": 91.0},
        ]
    )


def test_stability_draws_each_factor_once_by_how_often_it_is_chosen():
    alt = figures.stability(stability_rows(), DESIGN, title="t").alt
    assert alt.endswith("RAS: 98 %, same side 100 %, Resection margin: 23 %, same side 91 %")
    told = readings.stability(stability_rows(), DESIGN, "ras")
    assert told == "RAS is chosen in 98 %; of 2 factors in 80 % of the samples or more: RAS."


# ---- sentences --------------------------------------------------------------


@pytest.fixture(scope="module")
def paper():
    from crlm import audit

    claims = ledger.load_claims("mskcc_hai")
    return readings.Print(claims, audit.audit(HAI, claims).findings)


def hazard(**values):
    base = {
        "endpoint": "OS",
        "covariate": "hai",
        "level": "yes",
        "model": "multivariable",
        "statistic": "hazard_ratio",
        "estimate": 0.53,
        "conf_low": 0.38,
        "conf_high": 0.74,
    }
    return base | values


def test_the_print_stands_beside_the_number_and_is_marked_where_it_is_contradicted(paper):
    text = readings.effects(ledger.rows([hazard()]), HAI, paper)
    assert text == (
        "HAI against no HAI: HR 0.53, 95 % CI 0.38–0.74 (paper 0.53, 0.39–0.77; contradicts other "
        "printed numbers, F04)."
    )


def test_without_a_claim_no_print_is_named(paper):
    rows = ledger.rows([hazard(population="from month 6", model="landmark")])
    assert readings.effects(rows, HAI, paper) == (
        "HAI against no HAI, from month 6: HR 0.53, 95 % CI 0.38–0.74."
    )


def test_a_median_that_is_not_reached_is_a_sentence(paper):
    base = {"endpoint": "OS", "group": "hai=yes", "statistic": "median_survival", "unit": "months"}
    rows = ledger.rows([base])
    assert readings.curves(rows, HAI, paper) == "HAI: median OS not reached."


def test_a_p_alone_and_a_pair_are_sentences(paper):
    rows, _ = curve_rows(0.2)
    of_ras = readings.curves(rows, DESIGN, readings.Print(ledger.load_claims("ncch_scp")))
    assert of_ras.startswith("RAS wild type: median OS 15.00 months (paper 70.03, 58.00–82.07); ")
    assert of_ras.endswith("log-rank p = 0.20 (paper <0.001).")


def test_no_factor_in_the_model_is_said(paper):
    empty = ledger.rows([{"endpoint": "OS", "model": "multivariable", "statistic": "n"}])
    assert "No covariate enters" in readings.model(empty, HAI, paper, ["hai"])


def test_what_differs_from_the_papers_choices_is_counted_and_named():
    chosen = dict(DESIGN.choices) | {"ties": "efron", "short_scp_months": 18.0}
    assert provenance.differences(DESIGN, chosen) == (
        "2 choices differ from the paper's: short scp months 18 (paper 12); "
        "ties efron (paper breslow)."
    )
    assert provenance.differences(DESIGN, DESIGN.choices) == ""
    told, every = provenance.choices(DESIGN, chosen)
    assert "ties | efron | breslow | differs" in every.text
    # What the paper does not state is not given out for its own.
    assert "death without failure | censor | not stated, censor taken | " in every.text
    source = {"kind": "own", "title": "", "path": "", "files": {}}
    told = provenance.table_of(DESIGN, source).text
    assert "Read from the paper, or taken for it: software IBM SPSS" in told
    assert "follow up observed (not stated)" in told
    other = dict(DESIGN.choices) | {"death_without_failure": "event"}
    told = "1 choice differs from the paper's, or from what was taken for it: death without "
    told += "failure event (not stated, censor taken)."
    assert provenance.differences(DESIGN, other) == told


def test_choices_that_the_design_does_not_give_are_not_called_the_papers():
    chosen = {"ties": "efron", "entry_p": 0.0, "stay_p": 0.0, "safe": 0}
    bare = replace(DESIGN, choices={}, conventions={})
    told, every = provenance.choices(bare, chosen)
    assert told.text == "The design gives no choice of analysis of the paper's."
    said = replace(bare, conventions={"ties": "efron"})
    told, every = provenance.choices(said, chosen)
    assert told.text.endswith("is the paper's; it gives none of entry p or stay p.")
    assert "ties | efron | efron" in every.text
    differ = provenance.differences(said, {**chosen, "ties": "breslow"})
    assert differ == "1 choice differs from the paper's: ties breslow (paper efron)."
    every = "Every choice of analysis{} is the paper's."
    assert provenance.kept(DESIGN, DESIGN.choices) == every.format(" that the paper states")
    told = {name: value for name, value in DESIGN.conventions.items() if name != "unstated"}
    whole = replace(DESIGN, conventions=told)
    assert provenance.kept(whole, DESIGN.choices) == every.format("")


@pytest.mark.parametrize("study", ["ncch_scp", "mskcc_hai"])
def test_the_notebooks_defaults_are_the_papers_choices(study):
    from crlm import parameters
    from tests.cells import ROOT

    declared = parameters.declared_in(ROOT / "notebooks" / f"{study}.ipynb")
    design = ledger.load_design(study)
    assert {name: declared[name].default for name in design.choices} == design.choices
    held = {k: v for k, v in design.conventions.items() if k in design.choices}
    assert held == {name: design.choices[name] for name in held}


def test_two_rows_with_one_key_are_an_error():
    one = ledger.rows([hazard()])
    assert len(ledger.collect([one, one])) == 1
    with pytest.raises(ledger.LedgerError, match="covariate hai"):
        ledger.collect([one, one.assign(estimate=0.6)])


def test_no_digit_of_a_choice_is_lost():
    chosen = dict(DESIGN.choices) | {"cea_cutoff": 1234567.0, "age_cutoff": 60.0000001}
    told = provenance.differences(DESIGN, chosen)
    assert "cea cutoff 1234567 (paper 100)" in told
    assert "age cutoff 60.0000001 (paper 60)" in told


def test_no_cell_can_shrink_to_a_word_a_line():
    texts = ["no HAI 57 (48–65); HAI 77 (70–82)", "1.20 (1.10–1.30)", "x " * 40]
    made = html.table("t", ["a", *"bcd"], [("", ["row", *texts])], numeric=[2])
    assert re.findall(r'<td class="(\w+)"', made.html) == ["wide", "num", "long"]


@pytest.mark.parametrize(
    "by_table, words",
    [
        (["median", "min", "max"], "Median [minimum–maximum]."),
        (["n", "percent"], "n (% of known)."),
        (["median", "q1", "percent"], "Median (quartiles) for continuous, n (% of known) for"),
    ],
)
def test_a_note_names_what_its_table_holds(by_table, words):
    found = ledger.rows([{"statistic": name, "estimate": 1.0} for name in by_table])
    assert characteristics._what_is_shown(found, ledger.load_design("mskcc_hai")).startswith(words)


def test_a_note_says_which_numbers_alone_have_both_spreads():
    """Of one with a range beside quartiles all were said to have both."""
    told = [("age", "q1"), ("cea", "q1"), ("age", "min")]
    found = ledger.rows([{"covariate": name, "statistic": one} for name, one in told])
    found = pd.concat([found, found.assign(statistic="median")], ignore_index=True)
    design = ledger.load_design("mskcc_hai")
    words = "Median (quartiles), of Age also [minimum–maximum]."
    assert characteristics._what_is_shown(found, design) == words
    done = Done(design=design, rows=found)
    assert patients._spread(found, done) == "quartiles (age: also range)"


def test_a_product_is_called_a_ratio_of_ratios():
    design = ledger.load_design("mskcc_hai")
    base = {"endpoint": "OS", "model": "interaction", "statistic": "hazard_ratio", "estimate": 0.5}
    rows = ledger.rows(
        [
            base | {"covariate": "hai", "level": "yes", "population": "kras=wild"},
            base | {"covariate": "hai:kras", "level": "yes:mutant"},
        ]
    )
    made = tables.effects_table(rows, design, caption="t", statistics={"hazard_ratio": "HR"})
    assert made.html.count(">HR<") == 1 and made.html.count(">ratio of HRs<") == 1


@pytest.mark.parametrize(
    ("claim", "shown"),
    [
        ({"statistic": "min", "decimals": 0, "value": 2.0, "computed": 0.4}, "0.4"),
        ({"statistic": "n", "decimals": 0, "value": 2.0, "computed": 0.0}, "0"),
        ({"statistic": "p", "operator": "<", "value": 0.0001, "computed": 0.00027}, "0.00027"),
        ({"statistic": "p", "operator": "<", "value": 0.001, "computed": 0.00027}, "<0.001"),
        ({"statistic": "p", "operator": "=", "value": 0.003, "computed": 0.0008}, "<0.001"),
        ({"statistic": "p", "operator": "=", "value": 0.116, "computed": 0.1148}, "0.115"),
        ({"statistic": "p", "operator": "=", "value": 0.116, "computed": 0.11}, "0.11"),
        ({"statistic": "p", "operator": "<", "value": 0.001, "computed": 0.1148}, "0.11"),
        ({"statistic": "hazard_ratio", "decimals": 1, "value": 1.4, "computed": 1.47}, "1.5"),
        ({"statistic": "survival_rate", "decimals": 0, "value": 5, "computed": math.nan}, "–"),
    ],
)
def test_a_computed_value_is_never_rounded_until_it_agrees(claim, shown):
    claim = {"kind": "number", "operator": "=", "decimals": 3, **claim}
    assert verdicts.computed(claim) == shown


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((40.9, 150.0, "events"), "41 to 150 events"),
        ((4.0, 4.0108), "4.00 to 4.01"),
        ((-0.0271, 0.0271), "-0.03 to 0.03"),
        ((1.7235, math.inf), "1.72 or more"),
        ((9.0, 9.0, "patients"), "9 patients"),
        ((2.071, 2.0712), "2.07"),
    ],
)
def test_both_ends_of_what_print_allows_have_the_same_decimals(ends, text):
    assert numbers.allowed(*ends) == text


def test_a_weighted_curve_goes_on_to_the_end_of_its_axis(monkeypatch):
    """It ended at the last event before month 60, as if nobody were left."""
    drawn = []
    step = Axes.step
    monkeypatch.setattr(Axes, "step", lambda *a, **k: drawn.append(a[1].max()) or step(*a, **k))
    steps = pd.DataFrame({"group": "hai=no", "time": [0.0, 57.0, 63.0], "survival": [1, 0.6, 0.5]})
    base = {"group": "hai=no", "model": "overlap weighted", "estimate": 20.0}
    rows = ledger.rows(
        [{**base, "statistic": s, "time": t} for s in ("n_at_risk", "effective_n") for t in (0, 60)]
    )
    picture = figures.weighted_curves(steps, rows, HAI, title="OS", note="overlap weights")
    assert drawn == [63.0] and "60 % at 60" in picture.alt


@pytest.mark.parametrize("many", [87, 5_412, 20_000, 456_789, 1_000_000])
def test_numbers_at_risk_do_not_lie_on_the_name_of_their_group(many):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from crlm.report.figures import curves, picture

    figure, frame = picture.sheet(3.0, picture.CURVES)
    axis = figure.subplots()
    figure.subplots_adjust(**frame)
    ticks, groups = np.arange(0, 61, 12), ["hai=no", "hai=yes"]
    risk = pd.DataFrame([(g, t, many) for g in groups for t in ticks])
    risk.columns = ["group", "time", "estimate"]
    axis.set_xlim(0, 60)
    curves._draw_risk_table(axis, risk, groups, ticks, ledger.load_design("mskcc_hai"))
    drawn = FigureCanvasAgg(figure).get_renderer()
    names = [label.get_window_extent(drawn) for label in axis.get_yticklabels()]
    first = [text.get_window_extent(drawn) for text in axis.texts if text.get_position()[0] == 0]
    assert len(first) == 2 and max(n.x1 for n in names) < min(t.x0 for t in first) - 1
    assert min(name.x0 for name in names) > 0
