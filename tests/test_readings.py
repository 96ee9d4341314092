"""Sentences under tables and figures: each word that depends on a number, both ways."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from crlm import ledger
from crlm.audit.facts import gather
from crlm.paper.adjusted import adjustment
from crlm.paper.closing import Closing
from crlm.report import readings
from crlm.report.readings import comparable

HAI, NCCH = ledger.load_design("mskcc_hai"), ledger.load_design("ncch_scp")
NONE = readings.Print(ledger.load_claims("mskcc_hai").iloc[:0])


def made(*records, **shared):
    return ledger.rows([{**shared, **record} for record in records])


def ratio(estimate, p, low=0.5, high=2.0, **keys):
    limits = {"conf_low": low, "conf_high": high}
    effect = {**keys, "statistic": "hazard_ratio", "estimate": estimate, **limits}
    return effect, {**keys, "statistic": "p", "estimate": p}


def test_a_number_that_print_has_in_another_unit_is_told_in_it():
    """ "30.92 months (paper 2.6 years)" left the division to the reader."""
    claims = ledger.load_claims("mskcc_hai")
    median = claims[claims["statistic"] == "median_survival"].iloc[[0]]
    printed = median.assign(unit="years", value=2.6, printed="2.6", decimals=1, field="estimate")
    row = {**printed.iloc[0].to_dict(), "unit": "months", "estimate": 30.92}
    paper = readings.Print(printed)
    assert paper.beside(row) == " (2.58 years; paper 2.6)"
    assert paper.beside({**row, "estimate": math.nan}) == " (in years: paper 2.6)"
    assert paper.beside({**row, "unit": "years"}) == " (paper 2.6)"


@pytest.mark.parametrize("model", ["multivariable", "univariable"])
def test_a_ratio_is_told_against_the_reference_of_its_model(model):
    """It was told against the first level: of that level, against itself."""
    of_women = {"population": "sex=female", "covariate": "margin", "level": "negative"}
    spec = {**HAI.models["OS"], "endpoint": "OS", "population": "sex=female"}
    models = {**HAI.models, "women": {**spec, "references": {"margin": "positive"}}}
    design = replace(HAI, models=models)
    row = ledger.rows([{**ratio(0.5, 0.1)[0], **of_women, "endpoint": "OS", "model": model}])
    told = readings.effects(row, design, NONE)
    assert "negative against positive" in told
    turned = row.assign(population="all", level="positive")
    assert "positive against negative" in readings.effects(turned, design, NONE)


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (1, 1, "Of 1 patient in the table 1 is analysed."),
        (2690, 674, "Of 2,690 patients in the table 674 are analysed."),
        (3, 0, "Of 3 patients in the table 0 are analysed."),
    ],
)
def test_the_flow(start, end, text):
    steps = {"start": start, "kras_known_excluded": start - end, "kras_known": end}
    found = made(
        *({"level": k, "estimate": n} for k, n in steps.items()), covariate="flow", statistic="n"
    )
    assert readings.flow(found, NONE) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [
        ({"age": 0.04, "sex": 0.2}, "Of 2 characteristics 1 differs at p < 0.05: Age, p = 0.040."),
        (
            {"age": 0.04, "sex": 0.0004},
            "Of 2 characteristics 2 differ at p < 0.05: Age, p = 0.040; Sex, p < 0.001.",
        ),
        (
            {"age": 0.05, "sex": 0.2},
            "None of 2 characteristics differs between the groups at p < 0.05.",
        ),
        ({"age": 0.05}, "The one characteristic does not differ between the groups at p < 0.05."),
        ({"age": 0.01}, "Of 1 characteristic 1 differs at p < 0.05: Age, p = 0.010."),
        ({"age": math.nan}, ""),
    ],
)
def test_what_differs_between_groups(p, text):
    tests = [{"covariate": name, "estimate": value} for name, value in p.items()]
    assert readings.baseline(made(*tests, statistic="p"), HAI, NONE) == text


@pytest.mark.parametrize(
    ("p", "end"), [(0.049, "the two differ"), (0.05, "no difference is shown")]
)
def test_an_interaction_is_claimed_only_where_it_is_shown(p, end):
    keys = {"endpoint": "OS", "covariate": "hai:kras", "level": "yes:mutant"}
    found = made(*ratio(1.2, p, **keys), model="interaction")
    assert readings.interaction(found, HAI).endswith(f"{end}.")


def test_a_ratio_of_a_covariate_in_a_product_says_at_what_of_the_other_it_stands():
    """That of HAI read as the effect in everybody, and is the one in KRAS wild type."""
    keys = {"endpoint": "OS", "model": "multivariable"}
    rows = made(
        *ratio(0.6, 0.01, covariate="hai", level="yes", **keys),
        *ratio(1.5, 0.02, covariate="kras", level="mutant", **keys),
        *ratio(0.9, 0.03, covariate="sex", level="male", **keys),
        *ratio(1.7, 0.04, covariate="hai:kras", level="yes:mutant", **keys),
    )
    told = readings.model(rows, HAI, NONE, ["hai"])
    assert told.startswith("Multivariable: HAI against no HAI, at KRAS wild type: HR 0.60")
    assert "KRAS mutant against KRAS wild type, at no HAI: HR 1.50" in told
    assert "at" not in told.partition("Sex")[2].partition(":")[0]
    own = rows[rows["covariate"] == "hai"]
    products = readings.products_in(rows)
    told = readings.answer("OS", made(), own, made(), HAI, NONE, products=products)
    assert (
        told == "Overall survival: multivariable HR at KRAS wild type 0.60 (0.50–2.00), p = 0.010."
    )
    assert readings.answer("OS", made(), own, made(), HAI, NONE).startswith(
        "Overall survival: multivariable HR 0.60"
    )


def test_a_subgroup_is_named_without_the_groups_that_its_ratio_compares():
    """Each subgroup began with "KRAS wild type or KRAS mutant and"."""
    keys = {"population": "hai=no/yes,sex=male", "covariate": "hai", "level": "yes"}
    rows = made(*ratio(0.8, 0.2, **keys), model="univariable")
    assert readings.subgroups(rows, HAI, NONE).startswith("HAI against no HAI: men HR 0.80")


def test_what_a_safe_report_hides_is_not_said_to_be_nothing():
    keys = {"endpoint": "OS", "covariate": "hai", "level": "yes", "method": "hidden (<5)"}
    effect, test = ratio(math.nan, math.nan, math.nan, math.nan, **keys)
    found = made(test, model="ph_test")
    assert readings.proportional(found, HAI) == "OS: not shown."
    found = made(effect, test, model="interaction").assign(covariate="hai:kras")
    assert readings.interaction(found, HAI) == "OS: ratio of the two hazard ratios not shown."
    first = made(effect, model="multivariable")
    known = made(*ratio(0.6, 0.01, 0.4, 0.9, endpoint="OS", covariate="hai"), model="univariable")
    told = readings.answer("OS", made(), pd.concat([first, known]), made(), HAI, NONE)
    assert told == (
        "Overall survival: multivariable HR not shown; univariable HR 0.60 (0.40–0.90), p = 0.010."
    )
    told = readings.answer("OS", made(), first, made(), HAI, NONE)
    assert told == "Overall survival: multivariable HR not shown."


def test_all_patients_are_not_named_where_nobody_else_is():
    keys = {"endpoint": "OS", "group": "all", "unit": "months"}
    median = made({**keys, "statistic": "median_survival", "estimate": 76.0})
    told = readings.answer("OS", median, made(), made(), HAI, NONE)
    assert told == "Overall survival: median 76.00 months."
    followed = made({**keys, "endpoint": "", "statistic": "median_follow_up", "estimate": 78.0})
    told = readings.follow_up(followed, HAI, NONE)
    assert told == "Median follow-up: all patients 78.00 months."


def test_each_level_of_an_exposure_has_its_ratio_in_the_answer():
    """Of three arms the first ratio stood alone once, and nobody could tell whose it was."""
    keys = {"endpoint": "OS", "covariate": "kras_codon", "model": "multivariable"}
    design, levels = NCCH, ["codon12", "codon13"]
    paper = readings.Print(ledger.load_claims("ncch_scp").iloc[:0])
    rows = [*ratio(1.5, 0.04, level=levels[0]), *ratio(0.9, 0.6, level=levels[1])]
    told = readings.answer("OS", made(), made(*rows, **keys), made(), design, paper)
    for level in levels:
        assert f"multivariable HR, {design.label('kras_codon', level)}: " in told
    alone = readings.answer("OS", made(), made(*rows[:2], **keys), made(), design, paper)
    assert "multivariable HR 1.50" in alone


def test_effects_of_a_paper_that_models_parts_alone_stand_in_short():
    """PMC5514258 has a ratio in each risk group and none of all: in short had none of them."""
    part = {"endpoint": "OS", "population": "sex=female"}
    design = replace(HAI, models={"OS_women": {**HAI.models["OS"], **part}})
    keys = {**part, "covariate": "hai", "level": "yes", "model": "multivariable"}
    paper = SimpleNamespace(results=made(*ratio(0.76, 0.002, **keys)), design=design, print=NONE)
    assert Closing._parts_of(paper, "OS") == ["sex=female"]
    told = Closing._effect(paper, "OS", "sex=female")
    assert told.startswith("Overall survival among women: HR in a model of one covariate 0.76")
    paper.design = HAI
    assert Closing._parts_of(paper, "OS") == []


def test_which_hazards_are_not_proportional():
    keys = {"endpoint": "OS", "model": "ph_test", "statistic": "p"}
    each = ({"covariate": "hai", "estimate": 0.04}, {"covariate": "age", "estimate": 0.06})
    found = made(*each, {"covariate": "GLOBAL", "estimate": 0.3}, **keys)
    told = readings.proportional(found, HAI)
    assert "against proportional hazards speak Adjuvant HAI (p = 0.040); whole" in told
    assert "Age" not in told
    quiet = made(each[1], {"covariate": "GLOBAL", "estimate": 0.01}, **keys)
    assert readings.proportional(quiet, HAI) == (
        "OS: no covariate by itself speaks against it, but the model does; whole model p = 0.010."
    )
    calm = made(each[1], {"covariate": "GLOBAL", "estimate": 0.3}, **keys)
    assert readings.proportional(calm, HAI) == (
        "OS: nothing speaks against it; whole model p = 0.30."
    )


@pytest.mark.parametrize(
    ("difference", "limits", "text"),
    [
        (-2.5, (-4, -1), "has 2.50 months fewer on average (difference -2.50, -4.00 to -1.00)"),
        (2.5, (1, 4), "has 2.50 months more on average (difference 2.50, 1.00–4.00)"),
        (2.5, (math.nan, math.nan), "has 2.50 months more on average (difference 2.50)"),
    ],
)
def test_months_gained_or_lost(difference, limits, text):
    row = {
        "endpoint": "OS",
        "group": "hai",
        "time": 60,
        "statistic": "rmst_difference",
        "unit": "months",
        "estimate": difference,
    }
    row |= dict(zip(("conf_low", "conf_high"), limits, strict=True))
    assert readings.months(made(row), HAI) == f"OS: up to month 60 HAI {text}."


def test_months_of_one_group_among_three_say_whose_they_are_set_against():
    row = {"endpoint": "OS", "group": "all", "covariate": "hai", "level": "yes", "time": 60}
    row |= {"statistic": "rmst_difference", "estimate": -2.5, "method": "hai=yes minus hai=no, to"}
    told = readings.months(made(row), HAI)
    assert told.startswith("OS: up to month 60 HAI has 2.50 months fewer on average than no HAI")


def test_ratios_over_several_models_and_over_one():
    keys = {"endpoint": "OS", "covariate": "hai", "level": "yes"}
    several = [ratio(value, 0.1, **keys, model=str(value))[0] for value in (0.52, 0.61)]
    assert readings.span_of_models(made(*several), HAI).endswith("HR 0.52–0.61 over 2 models.")
    assert readings.span_of_models(made(several[0]), HAI).endswith("HR 0.52 in 1 model.")


@pytest.mark.parametrize(
    ("p", "same", "text"),
    [
        ([0.01], [True], "Of 1 printed effect, 1 points the same way here; 1 differs from"),
        (
            [0.05, 0.01, 0.9],
            [True, True, False],
            "Of 3 printed effects, 2 point the same way here; 1 differs from",
        ),
        (
            [0.5, 0.6],
            [False, False],
            "Of 2 printed effects, 0 point the same way here; 0 differ from",
        ),
    ],
)
def test_how_many_effects_agree(p, same, text):
    pairs = pd.DataFrame({"heterogeneity_p": p, "same_direction": same, "printed": 0.5})
    assert readings.agreement(pairs).startswith(text)


def test_a_printed_ratio_of_one_points_nowhere():
    pairs = pd.DataFrame({"heterogeneity_p": 0.5, "same_direction": [True, False]})
    assert readings.agreement(pairs.assign(printed=[0.5, 1.0])) == (
        "Of 1 printed effect, 1 points the same way here (1 more is printed as 1 and has no "
        "direction); 0 differ from the paper's by more than chance (p < 0.05)."
    )


def specified(n, total, p=0.02):
    name = "specification curve"
    return made(
        {"model": name, "statistic": "n", "estimate": total},
        {"model": name, "statistic": "hazard_ratio", "estimate": 0.55, "n": n},
        {"model": name, "statistic": "p", "estimate": p},
        {"model": f"{name}, range", "statistic": "min", "estimate": 0.001},
        {"model": f"{name}, range", "statistic": "max", "estimate": 2524.07},
        {"model": f"{name}, claim", "statistic": "percent", "estimate": 40.0, "n": n},
        {"model": f"{name}, claim", "statistic": "p", "estimate": 0.5},
        endpoint="OS",
        covariate="hai",
        level="yes",
    )


@pytest.mark.parametrize(
    ("n", "total", "models"),
    [(1, 1, "1 model"), (6, 6, "6 models"), (5, 6, "5 of 6 models with an estimate")],
)
def test_the_effect_over_all_specifications(n, total, models):
    assert readings.specification(specified(n, total), HAI, "0.53") == (
        f"OS: over {models} the hazard ratio lies between <0.01 and >999, median 0.55 "
        "(paper 0.53); the claim holds in 40 % of them; dealing the exposure out at "
        "random, p = 0.020."
    )
    assert readings.specification(specified(n, total).iloc[:0], HAI) == (
        "No specification has an estimate."
    )


def model_rows(estimate, p, names=("hai", "age")):
    found = [
        row
        for name in names
        for row in ratio(
            estimate, p, covariate=name, level="yes" if name == "hai" else "", model="multivariable"
        )
    ]
    return made(*found, endpoint="OS")


def test_the_multivariable_model():
    def told(rows):
        return readings.model(rows, HAI, NONE, HAI.exposures)

    both = told(model_rows(0.5, 0.01))
    assert both.startswith("Multivariable: HAI against no HAI: HR 0.50, 95 % CI 0.50–2.00, p = ")
    assert "Also at p < 0.05: Age" in both
    assert "Also" not in told(model_rows(0.5, 0.05))
    lost = told(model_rows(math.nan, math.nan, ["hai"]))
    assert lost == "HAI against no HAI: not estimable in the model."
    alone = made(*ratio(0.5, 0.2, covariate="hai", level="yes", model="univariable"))
    assert told(alone) == "No covariate enters the multivariable model."
    beside = pd.concat([alone, model_rows(0.5, 0.2, ["age"])], ignore_index=True)
    assert told(beside) == "Adjuvant HAI not in the model."


def test_what_else_is_associated_is_told_by_its_p_and_the_rest_counted():
    """It stopped at five in the order of the table, and named scores that the model lacks."""
    names = ("age", "sex", "node", "crs", "margin", "ehd", "timing")
    parts = [model_rows(0.5, 0.01, ["hai"])]
    parts += [model_rows(0.5, 0.01 - k / 1000, [name]) for k, name in enumerate(names)]
    parts.append(model_rows(0.5, 0.0001, ["age_score"]))
    design = replace(HAI, scaled={"age_score": {"source": "age", "per_level": True}})
    told = readings.model(pd.concat(parts, ignore_index=True), design, NONE, HAI.exposures)
    first, *others = told.partition("Also at p < 0.05: ")[2].split("; ")
    assert first.startswith(HAI.label("timing")) and "p = 0.004" in first
    assert others[-1] == "and 2 more." and len(others) == 5
    assert "age_score" not in told and HAI.label("age") not in told


def test_the_papers_exposure_comes_first_whatever_its_role():
    """Sex as the exposure was told behind KRAS, and "also at p < 0.05", as a covariate is."""
    design = replace(HAI, exposure="sex")
    rows = model_rows(0.5, 0.01, ["age", "sex"])
    told = readings.model(rows, design, NONE, design.exposures)
    assert told.startswith(f"Multivariable: {HAI.label('sex')}")
    assert told.partition("Also at p < 0.05: ")[2].startswith("Age")
    facts = gather(design, ledger.load_claims("mskcc_hai"))
    assert facts.exposures() == {"sex", "kras", "hai"}


def test_what_the_dictionary_calls_an_exposure_may_be_a_covariate_of_a_paper():
    """KRAS of a paper on HAI stood before "also at p < 0.05" at any p."""
    design = replace(HAI, chapter={}, table_one={**HAI.table_one, "by": "hai"})
    rows = model_rows(0.5, 0.2, ["hai", "kras"])
    told = readings.model(rows, design, NONE, design.exposures)
    assert told.startswith("Multivariable: HAI against no HAI") and "KRAS" not in told
    assert "KRAS" in readings.model(rows, HAI, NONE, HAI.exposures)
    own = replace(design, declared=("kras",))
    assert own.exposures == ["kras", "hai"] and HAI.exposures == ["kras", "hai"]
    assert ledger.load_design("ncch_scp").exposures == ["ras", "kras_codon"]


def test_a_caption_names_every_covariate_but_the_papers_exposure():
    """KRAS, that the dictionary calls an exposure, was none of what HAI is adjusted for."""
    spec = {"endpoint": "OS", "label": "Model 2"}
    design = replace(HAI, models={"OS": {"label": "Model 1"}, "OS_2": spec})
    assert adjustment("OS_2", ["hai", "kras"], design) == "Model 2 (adjusted for KRAS)"


def test_how_often_a_factor_is_chosen():
    shares = {"ras": 79.4, "age_cat": 80.0, "sex": 12.0}
    found = made(
        *({"covariate": k, "estimate": v} for k, v in shares.items()),
        model="bootstrap selection",
        statistic="percent",
    )
    assert readings.stability(found, NCCH, "ras") == (
        "RAS is chosen in 79 %; of 3 factors in 80 % of the samples or more: Age, years."
    )
    none = readings.stability(found[found["covariate"] == "sex"], NCCH, "ras")
    assert none == "Of 1 factor in 80 % of the samples or more: none."


def test_a_second_opinion_counts_what_neither_program_can_give():
    base = {"endpoint": "OS", "quantity": "median", "group": "hai=yes", "program": "lifelines"}
    found = pd.DataFrame([{**base, "difference": 1e-12}, {**base, "difference": math.nan}])
    told = readings.second_opinion(found, HAI, [])
    assert told.startswith("1 number of this report was computed again by lifelines")
    assert told.endswith("The other 1 has no value here or there.")


@pytest.mark.parametrize(
    ("late", "told"),
    [
        (0.4605, "leaves the ratio at 0.46 (0.23–0.92)."),
        # A limit alone has another last digit: it does not move from 0.46 to 0.46.
        (0.4649, "leaves the ratio at 0.46 (0.23–0.93)."),
        (0.52, "moves the ratio from 0.46 (0.23–0.92) to 0.52 (0.26–1.04)."),
    ],
)
def test_a_ratio_that_stays_is_not_said_to_move(late, told):
    row = {"endpoint": "OS", "covariate": "hai", "level": "yes", "statistic": "hazard_ratio"}

    def ratio(model, value):
        return {**row, "model": model, "estimate": value, "conf_low": value / 2} | {
            "conf_high": 2 * value
        }

    rows = ledger.rows([ratio("diagnostic", 0.462), ratio("assumed start", late)])
    text = comparable.timing(rows, ledger.load_design("mskcc_hai"))
    assert text.endswith(f"counting treatment from its first day (start assumed) {told}")
