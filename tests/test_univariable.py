"""A paper that analyses each covariate alone: no multivariable model is asked, made or told."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crlm import ledger, regression, transcription
from crlm.ledger import DesignError, LedgerError
from crlm.ledger.chapter import with_thresholds
from crlm.paper import Paper
from crlm.report.manuscript.done import Done
from crlm.report.manuscript.methods import methods
from tests.hand_written import edit
from tests.test_starting import STUDY, notebook_run, place, table, with_odds  # noqa: F401

NONE = "The paper has no multivariable model: each covariate is analysed alone."


@pytest.fixture
def alone(place, tmp_path):  # noqa: F811
    """The new study with OS and a yes-no outcome analysed by each covariate alone."""
    with_odds(place, tmp_path)
    folder = place[0] / STUDY
    path = folder / "design.toml"
    text = path.read_text(encoding="utf-8")
    text = text.replace('selection = "enter"\nentry_p = 1.0\npublished = ["treated"]\n', ALONE)
    told = 'selection = "fixed"\npublished = ["treated", "age", "size_cat"]\n'
    assert told in text
    path.write_text(text.replace(told, ALONE), encoding="utf-8")
    path = folder / "published.csv"
    text = path.read_text(encoding="utf-8").replace(",multivariable,", ",univariable,")
    path.write_text(text, encoding="utf-8")
    return place, tmp_path / "table.csv"


ALONE = 'selection = "univariable"\n'


def test_the_report_has_each_covariate_alone(alone, capsys):
    design = ledger.load_design(STUDY)
    assert design.models["OS"]["published"] == design.models["early"]["published"] == []
    paper = notebook_run(*alone)
    shown = capsys.readouterr().out
    models = set(paper.results["model"])
    assert "univariable" in models
    assert not models & {"multivariable", "selection", "all factors", "ph_test"}
    assert not any(name.startswith("printed covariates") for name in models)
    for ratio in ("HR", "OR"):
        assert f"Univariable {ratio} (95 % CI)" in shown
    # In a methods text or a template's prose the word may stand; no column or reading has it.
    assert "Multivariable" not in shown
    assert "Univariable: treated against untreated: HR" in shown
    assert "Univariable: treated against untreated: OR" in shown
    assert shown.count(NONE) == 2
    said = " ".join(p.text for p in methods(Done(design=paper.design, rows=paper.results)))
    assert "For early each covariate was analysed alone, without a multivariable model:" in said
    assert "For OS each covariate was analysed alone" in said
    assert len(re.findall("multivariable", said)) == 2
    found = paper.verdicts.set_index("id")
    assert found.loc["t2-treated-hr", "verdict"] != "no result"


def test_the_chapter_leaves_out_what_is_of_a_multivariable_model(alone, capsys):
    paper = Paper(STUDY, str(alone[1]))
    chapter = with_thresholds({"kind": "treatment", "exposure": "treated", "adjust": ["age"]})
    paper.design = replace(paper.design, chapter=chapter)
    paper.patients(), paper.endpoints()
    paper.regression("OS")
    capsys.readouterr()
    paper.model_strain(["OS"], samples=20)
    assert "Not asked here: the paper has no multivariable model" in capsys.readouterr().out
    paper.stability(samples=20, seed=1, of="treated")
    paper.proportional_hazards()
    assert capsys.readouterr().out.count(NONE) == 2
    assert "multivariable" not in set(paper.results["model"])


@pytest.mark.parametrize(
    "line",
    [
        'published = ["age"]',
        "published = []",
        'left_out = ["age"]',
        "entry_p = 0.1",
        "stay_p = 0.1",
        'products = [["treated", "sex"]]',
        'strata = ["sex"]',
    ],
)
def test_what_belongs_to_a_multivariable_model_is_refused(alone, line):
    path = alone[0][0] / STUDY / "design.toml"
    edit(path, r"selection = \"univariable\"\n(?=.*\Z)", ALONE + line + "\n")
    with pytest.raises(DesignError, match=line.partition(" ")[0]) as told:
        ledger.load_design(STUDY)
    if "[]" not in line:
        assert "with selection 'univariable' there is none; remove it" in str(told.value)


def test_a_multivariable_claim_is_refused(alone):
    path = alone[0][0] / STUDY / "published.csv"
    edit(path, ",univariable,", ",multivariable,")
    with pytest.raises(LedgerError) as told:
        ledger.load_claims(STUDY)
    assert "the design says selection = 'univariable' for" in str(told.value)


def test_an_import_takes_a_table_that_does_not_say_for_univariable(alone):
    design = ledger.load_design(STUDY)
    grid = [["", "HR (95% CI)", "p"], ["Age, years", "1.02 (0.98-1.06)", "0.3"]]
    made = transcription.claims_of(grid, design, "model", place="table2", endpoint="OS")
    assert {row["model"] for row in made.claims} == {"univariable"}


def test_no_resample_of_it_chooses_anything():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"time": rng.exponential(9, 80), "event": rng.random(80) < 0.7})
    frame = frame.assign(x=rng.normal(size=80), y=rng.normal(size=80))
    rule = regression.rule(["x", "y"], selection="univariable")
    rows = regression.regression_table(frame, rule)
    pd.testing.assert_frame_equal(rows, regression.univariable(frame, ["x", "y"]))
    found = regression.bootstrap_selection(frame, rule, n_boot=5)
    assert (found.loc[found["statistic"] == "percent", "estimate"] == 0).all()


def test_a_call_without_a_rule_takes_the_designs(place, tmp_path):  # noqa: F811
    """`paper.regression("OS")`, as the guide has it, was a TypeError."""
    with_odds(place, tmp_path)
    paper = Paper(STUDY, str(tmp_path / "table.csv"))
    paper.patients(), paper.endpoints()
    asked = {"selection": "fixed", "entry_p": None, "univariable_p": "wald"}
    rows = {
        name: (paper.regression(name).rows, paper.regression(name, table="Table 9", **asked).rows)
        for name in ("OS",)
    }
    pd.testing.assert_frame_equal(*rows["OS"])
    assert paper.selections["OS"].selection == "fixed"
    early = paper.regression("early").rows
    assert "univariable p < 1 (wald)" in " ".join(early["method"])
    path = place[0] / STUDY / "design.toml"
    edit(path, r'^univariable_p = "wald"', 'univariable_p = "lr"')
    other = Paper(STUDY, str(tmp_path / "table.csv"))
    other.patients(), other.endpoints()
    other.regression("OS")
    assert other.selections["OS"].univariable_p == "lr"
    early = other.regression("early").rows
    tests = early[(early["model"] == "univariable") & (early["statistic"] == "p")]
    assert tests["method"].str.endswith("likelihood ratio test").all()
    other.chosen = {"univariable_p": "score"}
    other.regression("OS")
    assert other.selections["OS"].univariable_p == "score"
