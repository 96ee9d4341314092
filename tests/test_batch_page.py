"""What the batch page says: of its patients, of its numbers, and of any result a grid names."""

import json
import math
import re
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from crlm import ledger, numbers
from crlm.batch import grid
from crlm.ledger import ParameterError
from crlm.overview import choosing, curves, index, names
from crlm.report import html

NAN = math.nan
ROOT = Path(__file__).parents[1]


def row(run, statistic, estimate, low=NAN, high=NAN, **keys):
    known = {"endpoint": "OS", "population": "all", "group": "all", "model": ""}
    numbers = {"estimate": estimate, "conf_low": low, "conf_high": high}
    return {"run": run, "study": "mskcc_hai", **known, "statistic": statistic, **numbers, **keys}


def frame(*records):
    rows = ledger.rows({k: v for k, v in r.items() if k not in ("run", "study")} for r in records)
    return rows.assign(**{name: [r[name] for r in records] for name in ("run", "study")})


def runs_of(keys, **values):
    return [
        {
            "key": key,
            "number": number,
            "study": "mskcc_hai",
            "cohort": "",
            "status": "finished",
            "table": "t",
            "cell": 0,
            "error": "",
            "report": True,
            "record": {},
            "values": {name: given[number - 1] for name, given in values.items()},
        }
        for number, key in enumerate(keys, 1)
    ]


def page_of(runs, effects, tables=None, notes=()):
    kinds = tables or {"t": {"kind": "reconstructed", "title": "", "note": "", "n": 3}}
    titles = {"mskcc_hai": ledger.load_design("mskcc_hai")}
    return index.page(runs, [], effects, {}, kinds, titles=titles, notes=notes)


def effect_of(statistic, unit=""):
    return choosing.Effect("", statistic, unit, {}, True)


CLAIMS = choosing.known_claims(["mskcc_hai"])


# ---- whose patients ---------------------------------------------------------


@pytest.mark.parametrize("kind", ["reconstructed", "public", "own"])
def test_the_banner_has_the_words_of_the_reports(kind):
    table = {"kind": kind, "title": "", "note": "", "n": 0}
    page = page_of(runs_of("a"), [], {"t": table})
    assert f'<div class="banner {kind}"' in page
    said = html.banner(table, 0).text.replace(" 0 rows in the table.", "")
    assert said in unescape(page)


def test_every_kind_study_and_cohort_is_said_once():
    runs = runs_of("abc")
    for run, table, cohort in zip(runs, "tuv", ("", "north", "tcia"), strict=True):
        run.update(table=table, cohort=cohort)
    tables = {
        "t": {"kind": "reconstructed", "title": "Synthetic, searched.", "note": "", "n": 674},
        "u": {"kind": "own", "title": "", "note": "", "n": 1234},
        "v": {"kind": "public", "title": "TCIA", "note": "197 patients.", "n": 197},
    }
    page = page_of(runs, [], tables)
    assert page.count('class="banner') == 3
    assert "shipped (synthetic), 674 rows in the table. Synthetic, searched." in page
    assert "north (own), 1,234 rows in the table." in page
    assert "tcia (public), 197 rows in the table. TCIA 197 patients." in page
    assert "Adjuvant hepatic artery infusion" in page and "10.1097/SLA" in page


def test_the_program_is_said_and_the_date_stands_beside_the_page():
    runs = runs_of("ab")
    runs[0]["record"] = {"versions": {"crlm": "0.1.0", "python": "3.12.1"}, "commit": "f" * 40}
    runs[1]["record"] = {"versions": {"crlm": "0.1.0", "python": "3.12.1"}, "commit": "a" * 40}
    page = page_of(runs, [])
    for revision in ("ffffffffffff", "aaaaaaaaaaaa"):
        assert f"crlm 0.1.0, revision {revision}; Python 3.12.1" in page
    assert '<dd id="when">' in page and '<script src="dates.js">' in page
    assert not re.search(r"20\d\d-\d\d-\d\d", page)
    assert '"2026-11-02 to 2026-11-05"' in index.dates(["2026-11-02", "2026-11-05"])
    assert '"2026-11-02";' in index.dates(["2026-11-02", "2026-11-02"])


# ---- numbers ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "statistic", "unit", "text"),
    [
        (0.265, "hazard_ratio", "", "0.27"),
        (0.0045, "p", "", "0.005"),
        (0.177, "p", "", "0.18"),
        (0.0995, "p", "", "0.10"),
        (0.0004, "p", "", "<0.001"),
        (16.885, "median_survival", "months", "16.89"),
        (70.35, "survival_rate", "%", "70.4"),
        (1208.0, "n", "patients", "1,208"),
        (-3.456, "rmst_difference", "months", "-3.46"),
        (NAN, "median_survival", "months", "not reached"),
        (NAN, "hazard_ratio", "", "–"),
    ],
)
def test_a_number_has_the_digits_of_the_report(value, statistic, unit, text):
    assert effect_of(statistic, unit).text(value) == text
    row = {"estimate": value, "conf_low": NAN, "conf_high": NAN, "statistic": statistic}
    assert numbers.interval({**row, "unit": unit}) == text


def test_an_interval_reads_as_in_the_report():
    three = (0.53, 0.4, 0.7)
    named = dict(zip(("estimate", "conf_low", "conf_high"), three, strict=True))
    shown = effect_of("hazard_ratio").interval(three)
    assert shown == "0.53 (0.40–0.70)" == numbers.interval({**named, "statistic": "hazard_ratio"})
    months = effect_of("rmst_difference", "months")
    assert months.interval((1.0, -2.0, 4.0)) == "1.00 (-2.00 to 4.00)"


def test_the_printed_number_stands_in_the_rows_unit():
    rows = frame(row("a", "median_survival", 16.89, 14.4, 19.2, endpoint="RFS", unit="months"))
    (effect,), _ = choosing.effects(rows, CLAIMS, [])
    assert effect.published == pytest.approx(16.8)
    assert effect.printed == "16.8 months (printed 1.4 years)"
    page = page_of(runs_of("a"), [effect])
    assert (
        "median: RFS, all patients (months)" in page
        and "<td>16.8 months (printed 1.4 years)</td>" in page
    )
    assert "1 run, 16.89 months in each; published 16.8 months (printed 1.4 years)" in page
    assert "published 1.4 years" not in page


def test_units_that_do_not_measure_the_same_are_told_and_not_drawn():
    claim = {"unit": "days", "printed": "12", "value": 12.0, "operator": "="}
    assert choosing._in_unit(claim, "months") == (None, "12 days")
    assert choosing._in_unit({**claim, "unit": "", "operator": "<"}, "") == (None, "12")


# ---- any result -------------------------------------------------------------


def chart(effect, count=2):
    keys = "abcdefgh"[:count]
    return curves.draw(runs_of(keys), [], [effect])


def heights(svg):
    return [float(y) for y in re.findall(r'<circle cx="[\d.]+" cy="([\d.]+)" r="2.6"', svg)]


def test_differences_are_drawn_on_a_linear_axis_below_zero_too():
    records = [
        row(k, "rmst_difference", v, v - 1, v + 1, unit="months")
        for k, v in zip("abc", (-4.0, -2.0, 2.0), strict=True)
    ]
    effects, notes = choosing.effects(frame(*records), CLAIMS, [{"statistic": "rmst_difference"}])
    svg = chart(effects[0], 3)
    y = heights(svg)
    assert notes == [] and (y[0] - y[1]) * 2 == pytest.approx(y[1] - y[2], abs=0.2)
    assert "-4.00 to 2.00 months" in svg and "excludes 0 in 3 of 3" in svg
    assert "run 1: -4.00 (-5.00 to -3.00) months" in svg


@pytest.mark.parametrize(
    ("statistic", "unit", "values", "said"),
    [
        ("percent", "%", (98.0, 88.0), "2 runs, 88 to 98 %"),
        ("p", "", (0.0045, 0.2), "2 runs, 0.005 to 0.20"),
        ("concordance", "", (0.61, 0.64), "0.610 to 0.640"),
        ("survival_rate", "%", (0.0, 71.0), "0.0 to 71.0 %"),
        ("n", "patients", (150.0, 150.0), "2 runs, 150 patients in each"),
        ("log_likelihood", "", (-1000.5, -900.25), "-1,000.50 to -900.25"),
    ],
)
def test_any_statistic_can_be_drawn_without_an_interval(statistic, unit, values, said):
    rows = frame(*(row(k, statistic, v, unit=unit) for k, v in zip("ab", values, strict=True)))
    effects, _ = choosing.effects(rows, CLAIMS, [{"statistic": statistic}])
    svg = chart(effects[0])
    assert said in svg and len(heights(svg)) == 2 and "excludes" not in svg
    assert svg.count("class=clear") == 2


def test_ratios_are_logarithmic_and_need_no_interval_to_stand_there():
    records = [row(k, "hazard_ratio", v, v / 2, NAN) for k, v in zip("abc", (1, 2, 4), strict=True)]
    effects, _ = choosing.effects(frame(*records), CLAIMS, [{"endpoint": "OS"}])
    y = heights(chart(effects[0], 3))
    assert y[0] - y[1] == pytest.approx(y[1] - y[2], abs=0.2)


def test_a_run_without_the_number_is_told():
    rows = frame(row("a", "hazard_ratio", 2.0), row("b", "hazard_ratio", NAN))
    effects, _ = choosing.effects(rows, CLAIMS, [{"endpoint": "OS"}])
    assert "1 run, 2.00 in each; 1 finished run has no such number" in chart(effects[0])


def test_the_middle_of_an_even_number_of_runs_is_their_median():
    rows = frame(*(row(k, "hazard_ratio", v) for k, v in zip("ab", (1.0, 2.0), strict=True)))
    effects, _ = choosing.effects(rows, CLAIMS, [{"endpoint": "OS"}])
    assert "median of the runs 1.50" in chart(effects[0])


def test_an_entry_that_fits_several_results_has_a_chart_for_each_and_says_so():
    records = [
        row(k, "survival_rate", v + t, time=float(t), unit="%")
        for k, v in (("a", 1), ("b", 2))
        for t in (36, 60)
    ]
    entry = {"statistic": "survival_rate", "endpoint": "OS"}
    effects, notes = choosing.effects(frame(*records), CLAIMS, [entry])
    assert [e.values["b"][0] for e in effects] == [38.0, 62.0]
    assert "month 36" in effects[0].label and "month 60" in effects[1].label
    assert len(notes) == 1 and "fits 2 results that differ in time" in notes[0]
    named, notes = choosing.effects(frame(*records), CLAIMS, [{**entry, "time": 60}])
    assert len(named) == 1 and notes == []


def test_one_chart_follows_a_result_whose_name_changes_with_the_choice():
    """The very case of docs/batch.md: each run has one landmark, named by its month."""
    records = [
        row(k, "hazard_ratio", v, v / 2, v * 2, covariate="hai", population=f"from month {month}")
        for k, month, v in (("a", 3, 0.6), ("b", 6, 0.67), ("c", 12, 0.7))
    ]
    entry = {"endpoint": "OS", "covariate": "hai", "population": "from month *"}
    (effect,), notes = choosing.effects(frame(*records), CLAIMS, [entry])
    assert notes == [] and len(effect.values) == 3 and "from month *" in effect.label
    listed = {**entry, "population": ["from month 3", "from month 12"]}
    (effect,), _ = choosing.effects(frame(*records), CLAIMS, [listed])
    assert set(effect.values) == {"a", "c"}


def test_two_numbers_under_one_key_are_refused():
    rows = frame(
        row("a", "hazard_ratio", 1.0),
        row("a", "hazard_ratio", 2.0),
        row("b", "hazard_ratio", 3.0),
        row("b", "hazard_ratio", 3.0),
    )
    (effect,), notes = choosing.effects(rows, CLAIMS, [{"endpoint": "OS"}])
    assert set(effect.values) == {"b"}
    assert "1 run left out, with two different numbers" in notes[0]


def test_an_entry_that_fits_nothing_is_said_with_a_suggestion():
    rows = frame(row("a", "hazard_ratio", 1.0), row("a", "p", 0.2))
    effects, notes = choosing.effects(rows, CLAIMS, [{"endpoint": "OSS"}, {"statistic": "pp"}])
    assert effects == [] and "Did you mean 'OS'" in notes[0] and "There is: hazard" in notes[1]
    assert "OSS" in page_of(runs_of("a"), [], notes=notes)


def test_two_studies_are_never_one_curve():
    records = [
        row("a", "hazard_ratio", 1.0),
        {**row("b", "hazard_ratio", 2.0), "study": "ncch_scp"},
    ]
    effects, notes = choosing.effects(frame(*records), CLAIMS, [{"endpoint": "OS"}])
    assert len(effects) == 2 and "study" in notes[0]


@pytest.mark.parametrize(
    "entry",
    [{"time": "x"}, {"model": [["a"]]}, {"model": {"a": 1}}, {"published": [1]}, {"level": None}],
)
def test_entries_are_text_or_numbers_or_lists_of_them(entry):
    with pytest.raises(ParameterError, match="effects"):
        grid._effect(entry)


def test_what_a_page_holds_is_never_taken_for_its_own_marks():
    runs = runs_of("a")
    runs[0]["cohort"] = "<!-- TABLE --> <script>"
    page = page_of(runs, [])
    assert page.count("<table>") == 1 and "&lt;!-- TABLE --&gt;" in page


def test_paper_says_which_columns_it_lacks():
    rows = frame(row("a", "survival_rate", 50.0, time=36.0, unit="%"))
    effects, _ = choosing.effects(rows, CLAIMS, [{"statistic": "survival_rate"}])
    wide = page_of(runs_of("a"), effects * 15)
    assert "first 16 columns" in wide and "first 16 columns" not in page_of(runs_of("a"), effects)
    hidden = re.search(r"nth-child\(n \+ (\d+)\) { display: none", wide)
    assert int(hidden[1]) == index._MOST_ON_PAPER + 1


def test_names_of_a_chart_stand_at_its_left_beside_their_values():
    """On a phone "published 0.50" began beyond the edge; long names lay on their values."""
    entry = {"endpoint": "OS", "published": 0.5}
    rows = frame(row("a", "hazard_ratio", 1.0), row("b", "hazard_ratio", 2.0))
    (effect,), _ = choosing.effects(rows, CLAIMS, [entry])
    runs = runs_of("ab", death_without_failure_known=["a" * 15, "b" * 15])
    chart = str(curves.draw(runs, ["death_without_failure_known"], [effect]))
    assert '<text class="published" x="4"' in chart
    ends = [int(x) for x in re.findall(r'class="tick" x="(\d+)"', chart)]
    assert min(ends) >= 4 + 6 * (len("death_without_failure_known") + 15)
    left = int(re.search(r'class="grid" x1="(\d+)"', chart)[1])
    points = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', chart)]
    assert left == ends[0] + 6 and min(points) > left


def test_a_label_of_the_reader_is_text():
    entry = {"endpoint": "OS", "label": "<b>HAI</b>", "published": 0.5}
    (effect,), _ = choosing.effects(frame(row("a", "hazard_ratio", 1.0)), CLAIMS, [entry])
    assert "&lt;b&gt;HAI" in page_of(runs_of("a"), [effect]) and effect.printed == "0.50"
    assert json.dumps(effect.values)


def test_a_frame_without_rows_draws_nothing():
    assert choosing.effects(pd.DataFrame({"run": []}), CLAIMS, []) == ([], [])


def test_the_landmark_example_of_the_docs_is_a_grid_that_reads(tmp_path):
    text = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")
    blocks = [block.removeprefix("yaml\n") for block in text.split("```")[1::2]]
    (example,) = [block for block in blocks if "landmark_months: [1, 3" in block]
    (tmp_path / "grid.yaml").write_text(example)
    plan = grid.plan(tmp_path / "grid.yaml")
    assert len(plan.runs) == 5 and plan.effects[0]["population"] == "from month *"


# ---- what a result is called ------------------------------------------------


def test_a_chart_without_a_label_has_the_words_of_the_reports():
    records = [
        row(key, "hazard_ratio", 0.5, covariate=name, level=level, model="multivariable")
        for key in "ab"
        for name, level in (("hai", "yes"), ("more_than_3", "yes"), ("crs_high", "high"))
    ]
    entry = {"covariate": ["hai", "more_than_3", "crs_high"], "model": "multivariable"}
    effects, _ = choosing.effects(frame(*records), CLAIMS, [entry])
    assert [effect.label for effect in effects[:3]] == [
        "HR: HAI against no HAI, OS, multivariable",
        "HR: More than x metastases (yes against no), OS, multivariable",
        "HR: Clinical risk score ≥ x against < x, OS, multivariable",
    ]
    assert names.cut_note(effect.label for effect in effects) and not names.cut_note(["HR: x y"])
    named, _ = choosing.effects(frame(*records), CLAIMS, [{**entry, "label": "Mine"}])
    assert [effect.label for effect in named[:2]] == [
        "Mine: HAI against no HAI",
        "Mine: More than x metastases (yes against no)",
    ]


def test_results_of_a_notebook_of_ones_own_are_named_alike():
    keys = {"study": "mine", "endpoint": "OS", "covariate": "x_a", "level": "y", "time": "36"}
    said = names.label_of({**keys, "statistic": "survival_rate"})
    assert said == "Survival: x a: y, OS, all patients, at month 36"
    odd = {"study": "mine", **dict.fromkeys(ledger.KEYS, "a:b=c,<d> / *"), "statistic": "mine"}
    assert names.label_of({**odd, "time": ""}).startswith("mine: ")


def test_one_chart_follows_a_result_whose_month_changes_with_the_choice():
    records = [row(k, "rmst", t / 2, time=t, unit="months") for k, t in (("a", 36.0), ("b", 60.0))]
    entry = {"statistic": "rmst", "time": [36.0, 60.0]}
    (effect,), notes = choosing.effects(frame(*records), CLAIMS, [entry])
    assert notes == [] and len(effect.values) == 2 and effect.label.endswith("month 36 / 60")


def test_the_ends_of_a_specification_curve_look_as_in_the_report():
    model = "specification curve, range"
    records = [row(key, "max", 23456.789, covariate="hai", model=model) for key in "ab"]
    (effect,), _ = choosing.effects(frame(*records), CLAIMS, [{"statistic": "max"}])
    page = page_of(runs_of("ab"), [effect])
    assert "&gt;999" in page and "23,456" not in page


@pytest.mark.parametrize("study", ["ncch_scp", "mskcc_hai"])
def test_the_exposure_among_all_patients_is_drawn_first(study):
    claims = choosing.known_claims([study])
    drawn = next(c for c in claims.values() if c["statistic"].endswith("_ratio"))
    told = (drawn["covariate"], drawn["population"], drawn["model"])
    assert told == (ledger.load_design(study).exposure, "all", "multivariable")
