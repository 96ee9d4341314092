"""Products by the likelihood ratio: declared once, and tested so from the model to the audit."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import norm
from survival import datasets

from crlm import audit, ledger, regression
from crlm.ledger import ParameterError, claim_keys
from crlm.ledger.claim_words import Words
from crlm.ledger.schema import DesignFile
from crlm.ledger.typed import faults_of
from crlm.reconstruction import certificate, programs, quantities
from crlm.report.manuscript.done import Done
from crlm.report.manuscript.methods import methods

with (Path(__file__).parent / "reference" / "interaction.csv").open(encoding="utf-8") as _file:
    R = {(row["name"], row["ties"]): float(row["lr"]) for row in csv.DictReader(_file)}
BOTH = ["efron", "breslow"]
MAIN = ledger.load_design("mskcc_hai")


@pytest.fixture(scope="module")
def colon():
    found = pd.DataFrame(datasets.load_colon())
    found = found[(found["etype"] == 2) & found["differ"].notna()]
    frame = pd.DataFrame({"time": found["time"].astype(float), "event": found["status"] == 1})
    frame["age"] = found["age"].astype(float)
    for name in ("sex", "node4", "differ"):
        frame[name] = found[name].map(lambda value: f"{value:.0f}").astype("category")
    frame["rx"] = pd.Categorical(found["rx"], categories=["Obs", "Lev", "Lev+5FU"])
    return frame.assign(endpoint="OS")


def p_of(rows, name, model, level=""):
    rows = rows[(rows["covariate"] == name) & (rows["model"] == model)]
    return rows[(rows["statistic"] == "p") & (rows["level"] == level)].iloc[0]


@pytest.mark.parametrize("ties", BOTH)
def test_the_p_of_a_product_is_that_of_rs_anova(colon, ties):
    rules = {"ties": ties, "test": "likelihood_ratio"}
    one = p_of(
        regression.interaction(colon, "sex", "node4", **rules), "sex:node4", "interaction", "1:1"
    )
    assert one["estimate"] == pytest.approx(R["sex:node4", ties], rel=1e-7)
    assert "likelihood ratio test of the product, 1 df" in one["method"]
    joint = regression.interaction(colon, "rx", "differ", **rules)
    joint = p_of(joint, "rx:differ", "interaction")
    assert joint["estimate"] == pytest.approx(R["rx:differ", ties], rel=1e-7)
    whole = regression.interaction(colon, "rx", "sex", adjust=["age"], **rules)
    adjusted = p_of(whole, "rx:sex", "interaction")
    assert adjusted["estimate"] == pytest.approx(R["rx:sex, adjusted", ties], rel=1e-7)
    # A level's own p stays that of its ratio.
    usual = regression.interaction(colon, "rx", "sex", adjust=["age"], ties=ties)
    told = [p_of(rows, "rx:sex", "interaction", "Lev:1") for rows in (whole, usual)]
    assert told[0]["estimate"] == told[1]["estimate"] and "Wald" in told[0]["method"]


@pytest.mark.parametrize("ties", BOTH)
def test_a_product_in_a_model_of_strata_too(colon, ties):
    rule = regression.rule(
        ["sex", "age"],
        selection="none",
        ties=ties,
        strata=["differ"],
        products=[["sex", "age"]],
        product_test="likelihood_ratio",
    )
    rows = regression.regression_table(colon, rule)
    found = p_of(rows, "sex:age", "multivariable", "1")
    assert found["estimate"] == pytest.approx(R["sex:age, stratified", ties], rel=1e-7)
    main = rows[(rows["covariate"] == "sex") & (rows["model"] == "multivariable")]
    assert "Wald" in main.loc[main["statistic"] == "p", "method"].iloc[0]
    usual = regression.regression_table(colon, replace(rule, product_test="wald"))
    assert p_of(usual, "sex:age", "multivariable", "1")["estimate"] != found["estimate"]
    said = methods(Done(design=MAIN, rows=rows))
    text = "Products were tested by the likelihood ratio of the models with and without them."
    assert any(text in paragraph.text for paragraph in said)
    assert not any(text in one.text for one in methods(Done(design=MAIN, rows=usual)))


def test_a_penalised_model_keeps_its_own_test(colon):
    few = colon[colon["rx"] != "Lev"].copy()
    few["rx"] = few["rx"].cat.remove_unused_categories()
    none = (few["rx"] == "Lev+5FU") & (few["node4"] == "1")
    few.loc[none, "event"] = False
    found = [
        p_of(
            regression.interaction(few, "rx", "node4", test=test),
            "rx:node4",
            "interaction",
            "Lev+5FU:1",
        )
        for test in ("wald", "likelihood_ratio")
    ]
    assert found[0]["estimate"] == found[1]["estimate"] > 0
    assert "penalised likelihood ratio" in found[1]["method"]


def test_the_certificate_computes_it_by_another_program(colon):
    category = {"type": "category", "role": "baseline"}
    columns = {
        name: {**category, "levels": list(colon[name].cat.categories)}
        for name in ("sex", "node4", "differ", "rx")
    }
    rules = {**MAIN.conventions, "ties": "efron", "interaction_test": "likelihood_ratio"}
    design = replace(MAIN, columns={**MAIN.columns, **columns}, conventions=rules)
    keys = {"statistic": "p", "kind": "number", "group": "all", "population": "all", "field": ""}
    keys |= {"endpoint": "OS", "model": "interaction", "time": float("nan"), "reference": ""}
    for name, level in (("sex:node4", "1:1"), ("rx:differ", "")):
        claim = {**keys, "covariate": name, "level": level}
        asked = quantities.quantity_of(claim, design)
        if level:  # The search aims at Wald's z, which is near.
            assert (asked.kind, asked.part) == ("cox", "z")
            asked = certificate._by_own_test(claim, asked, design)
        else:
            assert "the certificate alone computes it" in asked
            asked = quantities.tested_together(claim, design)
        assert asked.kind == "without"
        z = programs.by_python(asked, {"OS": colon}, design)
        assert 2 * norm.sf(z) == pytest.approx(R[name, "efron"], rel=1e-6)
    usual = replace(design, conventions={**rules, "interaction_test": "wald"})
    claim = {**keys, "covariate": "sex:node4", "level": "1:1"}
    wald = quantities.quantity_of(claim, usual)
    assert certificate._by_own_test(claim, wald, usual) == wald and wald.kind == "cox"


@pytest.mark.parametrize(
    ("name", "level", "references"),
    [
        ("sex:node4", "0:1", {"sex": "1"}),
        ("rx:differ", "Obs:1", {"rx": "Lev", "differ": "2"}),
        ("sex:rx", "0:Obs", {"sex": "1", "rx": "Lev+5FU"}),
    ],
)
@pytest.mark.parametrize("model", ["interaction", "multivariable"])
def test_search_and_report_hold_a_product_against_the_references_of_the_model(
    colon, name, level, references, model
):
    """The search aimed at the ratio against each column's first level, the report did not."""
    category = {"type": "category", "role": "baseline"}
    pair = name.split(":")
    columns = {one: {**category, "levels": list(colon[one].cat.categories)} for one in pair}
    spec = {**MAIN.models["OS"], "selection": "fixed", "covariates": pair, "published": pair}
    spec |= {"products": [pair], "references": references}
    rules = {**MAIN.conventions, "ties": "efron"}
    design = replace(
        MAIN, columns={**MAIN.columns, **columns}, models={"OS": spec}, conventions=rules
    )
    keys = {"statistic": "hazard_ratio", "kind": "number", "group": "all", "population": "all"}
    keys |= {"endpoint": "OS", "time": float("nan"), "reference": "", "field": "estimate"}
    asked = quantities.quantity_of(
        {**keys, "model": model, "covariate": name, "level": level}, design
    )
    assert asked.covariate in asked.columns
    held = regression.held_against(colon, references)
    rows = regression.interaction(held, *pair)
    told = rows[(rows["covariate"] == name) & (rows["statistic"] == "hazard_ratio")]
    expected = told.set_index("level")["estimate"][level]
    z = programs.by_python(asked, {"OS": colon}, design)
    assert math.exp(z) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("references", "level"), [({}, "yes:mutant"), ({"hai": "yes"}, "no:mutant")]
)
def test_the_level_that_a_product_lacks_is_not_the_reference_itself(references, level):
    models = {"OS": {**MAIN.models["OS"], "references": references}}
    claim = {"model": "interaction", "covariate": "hai:kras", "level": "", "endpoint": "OS"}
    claim |= {"population": "all", "group": "all", "statistic": "p"}
    told = list(claim_keys._modelled(claim, Words(replace(MAIN, models=models))))
    assert len(told) == 1 and told[0].text.endswith(f"and it is {level}. Write that.")


def test_it_is_declared_by_its_word():
    with pytest.raises(ParameterError, match="'lr'.*wald, likelihood_ratio"):
        regression.rule(["age"], selection="none", product_test="lr")
    assert MAIN.interaction_test == "wald"
    text = {"conventions": {**MAIN.conventions, "interaction_test": "score"}}
    told = [f.text for f in faults_of(DesignFile, text) if f.place.endswith("interaction_test")]
    assert told and "wald, likelihood_ratio" in told[0]


def test_the_audit_leaves_room_where_a_product_is_not_walds():
    keys = dict.fromkeys(ledger.CLAIM_COLUMNS, "") | {"place": "table2", "locator": "Table 2, x"}
    keys |= {"kind": "number", "operator": "=", "endpoint": "OS", "population": "all"}
    keys |= {"group": "all", "covariate": "hai:kras", "level": "yes:mutant", "time": float("nan")}
    keys |= {"model": "multivariable", "statistic": "hazard_ratio", "field": "estimate"}
    told = {"estimate": 0.500, "conf_low": 0.250, "conf_high": 1.000, "p": 0.045}
    rows = []
    for name, value in told.items():
        row = {**keys, "id": name, "value": value, "printed": f"{value:.3f}", "decimals": 3}
        other = {"statistic": "p"} if name == "p" else {"field": name}
        rows.append({**row, **other})
    claims = pd.DataFrame(rows)
    rules = {**MAIN.conventions, "interaction_test": "likelihood_ratio"}
    usual, ratio = (
        audit.audit(design, claims).findings for design in (MAIN, replace(MAIN, conventions=rules))
    )
    assert "implies p = 0.05" in " ".join(usual["sentence"])
    # What is left is that a limit of exactly 1 does not show on which side it lies.
    assert "implies" not in " ".join(ratio["sentence"])
