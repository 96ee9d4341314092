"""Covariates among others by the likelihood ratio: from the convention to the audit."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from survival import datasets

from crlm import audit, ledger, regression
from crlm.ledger.schema import DesignFile
from crlm.ledger.typed import faults_of
from crlm.reconstruction import certificate, programs, quantities
from crlm.report.manuscript.done import Done
from crlm.report.manuscript.methods import methods
from crlm.transcription import claims_of
from tests.audit_ledger import claims, design, number

with (Path(__file__).parent / "reference" / "left_out.csv").open(encoding="utf-8") as _file:
    R = {(row["model"], row["name"]): float(row["lr"]) for row in csv.DictReader(_file)}
MAIN = ledger.load_design("mskcc_hai")
NAMES = ["rx", "sex", "age"]


@pytest.fixture(scope="module")
def colon():
    found = pd.DataFrame(datasets.load_colon())
    found = found[(found["etype"] == 2) & found["differ"].notna()]
    frame = pd.DataFrame({"time": found["time"].astype(float), "event": found["status"] == 1})
    frame["age"] = found["age"].astype(float)
    for name in ("sex", "differ"):
        frame[name] = found[name].map(lambda value: f"{value:.0f}").astype("category")
    frame["rx"] = pd.Categorical(found["rx"], categories=["Obs", "Lev", "Lev+5FU"])
    frame["early"] = ((frame["time"] <= 1095) & frame["event"]).astype(int)
    return frame.assign(endpoint="OS")


def p_of(rows):
    """(p, method) of each covariate with all its levels, in the multivariable model."""
    rows = rows[(rows["statistic"] == "p") & (rows["model"] == "multivariable")]
    whole = rows[(rows["level"] == "") | (rows["covariate"] != "rx")]
    return {row.covariate: (row.estimate, row.method) for row in whole.itertuples()}


@pytest.mark.parametrize("model", ["efron", "breslow", "strata"])
def test_the_p_of_a_covariate_among_others_is_that_of_rs_drop1(colon, model):
    ties = {"ties": "breslow" if model == "breslow" else "efron"}
    strata = ["differ"] if model == "strata" else []
    rule = regression.rule(NAMES, selection="none", multivariable_p="lr", strata=strata, **ties)
    rows = regression.regression_table(colon, rule)
    found = p_of(rows)
    for name in NAMES:
        p, method = found[name]
        assert p == pytest.approx(R[model, name], rel=1e-7) and "likelihood ratio test" in method
    # A level's own p stays that of its ratio, a covariate alone has that of univariable_p.
    others = rows[(rows["statistic"] == "p") & (rows["model"] == "univariable")]
    others = pd.concat([others, rows[(rows["level"] == "Lev") & (rows["statistic"] == "p")]])
    assert others["method"].str.contains("Wald").all()
    said = [one.text for one in methods(Done(design=MAIN, rows=rows))]
    assert any(
        "Covariates of multivariable models were tested by the likelihood" in t for t in said
    )


def test_so_is_that_of_a_logistic_model(colon):
    rule = regression.rule(NAMES, selection="none", multivariable_p="lr")
    found = p_of(regression.logistic_table(colon, "early", rule))
    for name in NAMES:
        assert found[name][0] == pytest.approx(R["logistic", name], rel=1e-7)


def test_covariates_of_a_product_keep_walds(colon):
    own = {"products": [["sex", "age"]], "multivariable_p": "lr"}
    found = p_of(
        regression.regression_table(colon, regression.rule(NAMES, selection="none", **own))
    )
    assert ["likelihood" in found[name][1] for name in NAMES] == [True, False, False]


@pytest.mark.parametrize(("endpoint", "model"), [("OS", "efron"), ("early", "logistic")])
def test_the_certificate_computes_it_by_another_program(colon, endpoint, model):
    category = {"type": "category", "role": "baseline"}
    levels = {name: list(colon[name].cat.categories) for name in ("sex", "rx")}
    columns = {name: {**category, "levels": of} for name, of in levels.items()}
    columns["early"] = category | {"levels": ["0", "1"]}
    spec = {"covariates": NAMES, "published": NAMES, "selection": "fixed"}
    plan = replace(
        MAIN,
        columns={**MAIN.columns, **columns},
        conventions={**MAIN.conventions, "ties": "efron", "multivariable_p": "lr"},
        models={endpoint: spec},
    )
    keys = {"statistic": "p", "kind": "number", "group": "all", "population": "all", "field": ""}
    keys |= {"endpoint": endpoint, "model": "multivariable", "time": np.nan, "reference": ""}
    for name, level in (("rx", ""), ("sex", "1"), ("age", "")):
        claim = {**keys, "covariate": name, "level": level}
        asked = quantities.quantity_of(claim, plan)
        if isinstance(asked, str):
            asked = quantities.tested_together(claim, plan)
        asked = certificate._by_own_test(claim, asked, plan)
        frames = {"OS": colon, "patients": colon}
        z = programs.by_python(asked, frames, plan)
        assert 2 * norm.sf(abs(z)) == pytest.approx(R[model, name], rel=1e-6)


def test_it_is_declared_by_its_word():
    assert MAIN.multivariable_p == "wald"
    text = {"conventions": {**MAIN.conventions, "multivariable_p": "score"}}
    told = [f.text for f in faults_of(DesignFile, text) if f.place.endswith("multivariable_p")]
    assert told and "wald, lr" in told[0]


def test_the_audit_gives_it_room():
    """Of 0.70 (0.50-0.98) Wald's p is 0.038; the likelihood ratio's may be 0.033."""
    keys = {"endpoint": "OS", "model": "multivariable", "covariate": "arm", "level": "new"}
    rows = [number("0.70", "hazard_ratio", **keys), number("0.033", "p", **keys)]
    rows += [
        number(t, "hazard_ratio", field=f, **keys) for t, f in (("0.50", "low"), ("0.98", "high"))
    ]

    def verdicts(plan):
        checks = audit.audit(plan, claims(*rows)).checks
        return set(checks.loc[checks["kind"] == "wald_p", "verdict"])

    assert verdicts(design()) == {"inconsistent"}
    assert verdicts(design(conventions={"multivariable_p": "lr"})) == {"consistent"}


@pytest.mark.parametrize("row", [1, 2])
def test_an_overall_p_beside_those_of_levels_is_of_the_covariate(row):
    """It was a second column of p, and asked."""
    rows = [["", "HR (95% CI)", "p", "Overall p"], ["KRAS codon", *[""] * 3]]
    rows.append(["RAS wild type", "1", "", ""])
    rows.append(["KRAS codon 12", "1.4 (1.0-1.9)", ".04", ""])
    rows.append(["KRAS codon 13", "1.1 (0.7-1.7)", ".70", ""])
    rows[row][3] = ".09"
    plan = ledger.load_design("ncch_scp")
    made = claims_of(rows, plan, "model", place="table3", endpoint="OS")
    assert not made.questions, made.questions
    p = {c["level"]: c["printed"] for c in made.claims if c["statistic"] == "p"}
    assert p == {"": ".09", "codon12": ".04", "codon13": ".70"}
    assert {c["covariate"] for c in made.claims} == {"kras_codon"}
