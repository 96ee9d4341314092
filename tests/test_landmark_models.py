"""A regression table from a month on: declared as a model's patients, and theirs alone."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from survival import datasets

from crlm import ledger, regression, survival
from crlm.ledger import DesignError, load_claims, load_design
from crlm.ledger.claim_keys import key_faults
from crlm.ledger.claim_words import Words
from crlm.paper import Paper
from crlm.paper.calls import call_for
from crlm.reconstruction.models import model_of, models_of
from crlm.reconstruction.quantities import Beyond, quantity_of
from crlm.report import html
from crlm.transcription import claims_of
from tests.hand_written import ROOT, copied

with (Path(__file__).parent / "reference" / "landmark_models.csv").open(encoding="utf-8") as _file:
    R = {row["name"]: row for row in csv.DictReader(_file)}
MODEL = """
[models.OS_late]
endpoint = "OS"
population = "{}"
covariates = ["hai", "sex", "age"]
selection = "none"
"""
LATE = "from month 6"


def test_a_model_from_a_month_on_is_that_of_r():
    found = pd.DataFrame(datasets.load_colon())
    found = found[(found["etype"] == 2) & found["differ"].notna()]
    frame = pd.DataFrame({"time": found["time"].astype(float), "event": found["status"] == 1})
    frame["age"], frame["endpoint"] = found["age"].astype(float), "OS"
    frame["sex"] = found["sex"].map("{:.0f}".format).astype("category")
    frame["rx"] = pd.Categorical(found["rx"], categories=["Obs", "Lev", "Lev+5FU"])
    late = survival.landmark(frame, 183)
    rows = regression.cox(late, ["rx", "sex", "age"], population=LATE)
    assert rows["n"].iloc[0] == int(R["age"]["n"]) and rows["events"].iloc[0] == int(
        R["age"]["events"]
    )
    for name, key in (("rxLev", ("rx", "Lev")), ("sex1", ("sex", "1")), ("age", ("age", ""))):
        own = rows[(rows["covariate"] == key[0]) & (rows["level"] == key[1])]
        ratio = own[own["statistic"] == "hazard_ratio"].iloc[0]
        for column, at in (("ratio", "estimate"), ("low", "conf_low"), ("high", "conf_high")):
            assert ratio[at] == pytest.approx(float(R[name][column]), rel=1e-6)
        p = own.loc[own["statistic"] == "p", "estimate"].iloc[0]
        assert p == pytest.approx(float(R[name]["p"]), rel=1e-5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The study with a model from month 6 on."""
    place = tmp_path_factory.mktemp("late")
    made = copied("mskcc_hai", place)
    for name in ("cohort.csv", "history.csv", "cohort.source.toml"):
        (made / name).write_bytes((ROOT / "data" / "mskcc_hai" / name).read_bytes())
    with (made / "design.toml").open("a", encoding="utf-8") as design:
        design.write(MODEL.format(LATE))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CRLM_DATA", str(place))
        yield made


def test_its_table_is_of_those_who_are_left_then(folder, monkeypatch):
    paper = Paper("mskcc_hai", ties="efron", conf_type="log-log", median_rule="first")
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"time": rng.exponential(20, 90), "event": rng.random(90) < 0.7})
    frame["endpoint"], frame["age"] = "OS", rng.normal(60, 9, 90)
    for name in ("hai", "sex"):
        levels = paper.design.levels(name)
        frame[name] = pd.Categorical(rng.choice(levels, 90), levels)
    paper.frames = {"OS": frame, "patients": frame}
    shown = []
    monkeypatch.setattr(html, "show", lambda *pieces: shown.append(" ".join(map(str, pieces))))
    rows = paper.regression("OS_late", table="Table 9").rows
    frame = survival.landmark(frame, 6)
    rule = regression.rule(["hai", "sex", "age"], selection="none")
    want = regression.regression_table(frame, rule, population=LATE)
    keys = ["endpoint", "population", "model", "covariate", "level", "statistic"]
    assert rows[[*keys, "estimate", "n"]].equals(want[[*keys, "estimate", "n"]])
    assert set(rows["population"]) == {LATE} and rows["n"].max() == len(frame)
    assert "from month 6" in " ".join(shown)
    claims = load_claims("mskcc_hai")
    mine = claims[claims["model"] == "multivariable"].head(1).assign(population=LATE)
    paper.claims = pd.concat([claims, mine])
    assert paper.printed_landmarks("OS") == []  # No curve of it for each covariate.


def test_its_ratios_have_rows_and_no_search_takes_them_for_those_of_all(folder):
    design = load_design("mskcc_hai")
    rows = [["", "Univariable HR (95% CI)", "Multivariable HR (95% CI)"]]
    rows += [["Female vs male", "0.9 (0.7-1.1)", "0.8 (0.6-1.1)"]]
    made = claims_of(rows, design, "model", place="table9", endpoint="OS_late")
    assert not made.questions and {c["population"] for c in made.claims} == {LATE}
    words = Words(design)
    for claim in made.claims:
        whole = dict.fromkeys(ledger.CLAIM_COLUMNS, "") | claim
        assert not list(key_faults(whole, words))
        asked = whole | {"time": float("nan"), "value": 0.8}
        assert isinstance(quantity_of(asked, design), Beyond)
        assert call_for(asked, design) == 'paper.regression("OS_late")'
    assert "OS_late" not in [model.name for model in models_of(design)]
    assert model_of(design, "OS").name == "OS"
    bare = Words(replace(design, models={"OS": design.models["OS"]}))
    whole = dict.fromkeys(ledger.CLAIM_COLUMNS, "") | made.claims[0]
    assert "of a model that the design has" in next(key_faults(whole, bare)).text
    told = next(key_faults(whole | {"model": "multivariable"}, bare)).text
    assert "no model of OS from then on; declare it" in told


@pytest.mark.parametrize(
    ("population", "told"),
    [
        ("from month six", "is no month; write it as from month 6"),
        ("from month 6,sex=female", "write from month 6, and the other condition as a covariate"),
    ],
)
def test_what_is_no_month_is_refused(folder, population, told):
    path = folder / "design.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(LATE, population), encoding="utf-8")
    try:
        with pytest.raises(DesignError) as refused:
            load_design("mskcc_hai")
        assert told in str(refused.value)
    finally:
        path.write_text(text, encoding="utf-8")
