"""Several models of the same endpoint and patients: "Model 1", "Model 2", "Model 3" of a paper."""

import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter

from crlm import audit, cli, comparison, ledger, privacy, regression
from crlm.ledger import LedgerError
from crlm.naming import describe, name_of
from crlm.paper import Paper
from crlm.paper.calls import call_for
from crlm.reconstruction import legs
from crlm.reconstruction.programs import by_python
from crlm.reconstruction.quantities import Quantity, fitted, quantity_of
from crlm.report.manuscript.done import Done
from crlm.report.manuscript.methods import methods
from crlm.starting import new_study
from crlm.transcription import claims_of
from crlm.unanswered import NOT_COMPUTED
from tests.hand_written import ROOT, edit

STUDY = "three_models"
MODELS = """
[columns.early]
type = "category"
levels = ["no", "yes"]
label = "Early recurrence"
[models.OS_2]
endpoint = "OS"
label = "Model 2"
covariates = ["treated", "age", "sex", "size_cat"]
selection = "none"
[models.OS]
label = "Model 1"
covariates = ["treated", "age"]
selection = "none"
[models.OS_3]
endpoint = "OS"
label = "Model 3"
covariates = ["treated", "age", "size_cat"]
selection = "none"
strata = ["sex"]
[models.early]
covariates = ["treated"]
selection = "none"
[models.early_2]
endpoint = "early"
covariates = ["treated", "age"]
selection = "none"
"""
KEYS = {
    "Model 1": "multivariable",
    "Model 2": "multivariable OS_2",
    "Model 3": "multivariable OS_3",
}
COLUMNS = {"Model 1": ["treated", "age"], "Model 2": ["treated", "age", "female", "large"]}
COLUMNS["Model 3"] = ["treated", "age", "large"]
LABELS = {"treated": "Treated vs untreated", "age": "Age, per year", "female": "Female vs male"}
LABELS["large"] = "Largest metastasis > 5 vs ≤ 5 cm"


def patients(n=160):
    rng = np.random.default_rng(11)
    large, age = rng.random(n) < 0.4, rng.integers(35, 85, n)
    treated = rng.random(n) < np.where(large, 0.7, 0.3)
    months = np.round(rng.exponential(40 * np.exp(0.4 * treated - 0.7 * large)) + 0.5, 1)
    died = rng.random(n) < 0.7
    return pd.DataFrame(
        {
            "patient_id": [f"p{i}" for i in range(n)],
            "treated": np.where(treated, "yes", "no"),
            "age": age,
            "sex": rng.choice(["male", "female"], n),
            "size_cm": np.where(large, 7.5, 3.0) + np.round(rng.random(n), 1),
            "early": rng.choice(["no", "yes"], n),
            "os_months": months,
            "os_event": died.astype(int),
            "rfs_months": np.round(months / 2, 1),
            "rfs_event": 1,
        }
    ).mask(lambda frame: (frame.index % 23 == 0)[:, None] & (frame.columns == "size_cm"))


def fits(frame):
    """Each model, and each covariate alone, by lifelines."""
    known = pd.DataFrame(
        {
            "time": frame["os_months"],
            "event": frame["os_event"],
            "treated": (frame["treated"] == "yes").astype(float),
            "age": frame["age"].astype(float),
            "female": (frame["sex"] == "female").astype(float),
            "large": (frame["size_cm"] > 5).where(frame["size_cm"].notna()).astype(float),
        }
    )

    def fit(names, strata=()):
        part = known[["time", "event", *names, *strata]].dropna()
        fit = CoxPHFitter().fit(part, "time", "event", strata=list(strata) or None).summary
        fit.attrs = {"n": len(part), "events": int(part["event"].sum())}
        return fit

    found = {name: fit(names, ["female"] * (name == "Model 3")) for name, names in COLUMNS.items()}
    return {"Crude": pd.concat([fit([name]) for name in LABELS]), **found}


def printed(found):
    """The table of a paper: "Model 1", "Model 2" and "Model 3" side by side."""
    sizes = {name: f" (n = {fit.attrs['n']})" for name, fit in found.items() if name != "Crude"}
    rows = [["", *(text for name in found for text in (name + sizes.get(name, ""), ""))]]
    rows.append(["", *["HR (95% CI)", "P"] * len(found)])
    for name, label in LABELS.items():
        cells = []
        for fit in found.values():
            row = fit.loc[name] if name in fit.index else None
            ends = ["exp(coef)", "exp(coef) lower 95%", "exp(coef) upper 95%"]
            cells += ["", ""] if row is None else ["{:.3f} ({:.3f}–{:.3f})".format(*row[ends])]
            cells += [] if row is None else [f"{row['p']:.3f}" if row["p"] >= 0.001 else "<0.001"]
        rows.append([label, *cells])
    events = [str(fit.attrs["events"]) if name in sizes else "" for name, fit in found.items()]
    rows.append(["No. of events", *(text for many in events for text in (many, ""))])
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The study, its table of patients, and its ledger as the import writes it."""
    home = tmp_path_factory.mktemp("three")
    data, notebooks = home / "data", home / "notebooks"
    notebooks.mkdir()
    data.mkdir()
    shutil.copy(ROOT / "data" / "columns.toml", data / "columns.toml")
    new_study(STUDY, data, notebooks)
    edit(data / STUDY / "design.toml", r"\[models\.OS\].*\Z", MODELS)
    frame = patients()
    frame.to_csv(home / "patients.csv", index=False)
    ledger_path = data / STUDY / "published.csv"
    ledger_path.write_text(ledger_path.read_text().split("\n")[0] + "\n", encoding="utf-8")
    pd.DataFrame(printed(fits(frame))).to_csv(home / "table2.csv", index=False, header=False)
    command = ["ledger", "import", str(home / "table2.csv"), "--study", STUDY, "--add"]
    command += ["--layout", "model", "--place", "table2", "--endpoint", "OS"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRLM_DATA", str(data))
        assert (
            cli.main([*command, "--layout", "model", "--place", "table2", "--endpoint", "OS"]) == 0
        )
        yield home


@pytest.fixture(scope="module")
def told(folder):
    """The report's sections, and all that they showed."""
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("crlm.report.html.show", lambda *pieces: shown.extend(map(str, pieces)))
        paper = Paper(STUDY, str(folder / "patients.csv"))
        paper.patients(), paper.endpoints()
        for name in paper.design.models:
            paper.regression(name)
        paper.proportional_hazards(), paper.stability(samples=5, seed=1, of="treated")
    return paper, " ".join(re.sub(r"<[^>]+>", " ", " ".join(shown)).split())


def test_the_first_model_is_the_multivariable_one_and_others_have_their_name(folder):
    design = ledger.load_design(STUDY)
    assert [design.model_key(name) for name in ("OS", "OS_2", "early", "early_2")] == [
        "multivariable",
        "multivariable OS_2",
        "multivariable",
        "multivariable early_2",
    ]
    assert design.model_of("OS")["label"] == "Model 1"
    assert design.model_of("OS", "all", "multivariable OS_2")["label"] == "Model 2"
    assert not design.model_of("early", "all", "multivariable OS_2")
    claims = ledger.load_claims(STUDY)
    assert set(claims["model"]) == {"univariable", *KEYS.values()}
    assert (claims["endpoint"] == "OS").all()
    assert not dict(ledger.outside_models(claims, design))
    # What stands behind "vs" is what a row is against, and not its level.
    assert not dict(ledger.misplaced(claims, design))
    female = claims[(claims["covariate"] == "sex") & (claims["model"] != "univariable")]
    assert set(female["model"]) == {"multivariable OS_2"}
    assert claims["locator"].str.contains("Model 3").sum() == 12 + 1
    assert describe(claims.iloc[6 + 8], design) == "Treated against untreated, OS, Model 2"


def test_every_model_is_what_lifelines_fits_to_the_same_patients(told):
    paper, _ = told
    verdicts = comparison.compare(paper.results, paper.claims)
    assert set(verdicts["verdict"]) == {"matches"} and len(verdicts) == 4 * (4 + 2 + 4 + 3) + 6
    rows = paper.results[paper.results["statistic"] == "hazard_ratio"]
    for name, found in fits(patients()).items():
        key = KEYS.get(name, "univariable")
        own = rows[(rows["model"] == key) & (rows["endpoint"] == "OS")]
        treated = own.loc[own["covariate"] == "treated", "estimate"]
        assert treated.tolist() == [pytest.approx(found.loc["treated", "exp(coef)"], rel=1e-6)]


def test_captions_say_which_adjustment_and_sentences_which_model(told):
    paper, shown = told
    assert "Table 2: Overall survival, Model 1 (adjusted for age)" in shown
    assert "Model 2 (adjusted for age, sex and largest metastasis)" in shown
    assert "Model 3 (adjusted for age and largest metastasis, stratified by sex)" in shown
    assert "HR, Model 2 (95 % CI)" in shown and "Model 2: treated against untreated: HR" in shown
    assert "Early recurrence, model early_2 (adjusted for age)" in shown
    assert "OS, Model 3: " in shown
    said = " ".join(p.text for p in methods(Done(design=paper.design, rows=paper.results)))
    assert "For OS (Model 1) all candidates entered the multivariable model" in said
    assert "For OS (Model 2) all candidates entered" in said and "Also computed" not in said
    assert "OS, Model 2: Treatment is chosen in" in shown
    assert set(re.findall(r"Model \d HR", paper._effect("OS"))) == {f"{name} HR" for name in KEYS}
    models = set(paper.results["model"])
    assert {"ph_test", "ph_test OS_3", "bootstrap selection OS_2"} <= models


def test_patients_and_events_of_each_model_are_its_own(told):
    """They had no row, and those of Model 2 were called the multivariable model's."""
    paper, shown = told
    claims = paper.claims[paper.claims["statistic"].isin(["n", "events"])]
    assert claims[claims["statistic"] == "n"].set_index("model")["value"].to_dict() == {
        "multivariable": 160,
        "multivariable OS_2": 153,
        "multivariable OS_3": 153,
    }
    names = [name_of(claim, paper.design) for claim in ledger.as_records(claims)]
    assert names[:2] == ["Number of patients, OS, Model 1", "Number of patients, OS, Model 2"]
    whose = re.findall(r"n and events are those of ([\w ]+) \(complete cases: 153 of 160", shown)
    assert whose == ["Model 2", "Model 3"]
    assert not paper.printed_curves("OS") and not paper.prints_curve("OS")
    for claim in ledger.as_records(claims):
        assert quantity_of(claim, paper.design).endswith("the certificate alone computes it")
        found = by_python(fitted(claim, paper.design), paper.frames, paper.design)
        assert found == claim["value"]
    checks = audit.audit(paper.design, paper.claims).checks
    own = checks["kind"].isin(["cases_of_models", "complete_cases"])
    assert set(checks.loc[own, "verdict"]) == {"consistent"}


def test_a_model_of_a_yes_no_outcome_may_have_a_second_one(told):
    paper, _ = told
    found = paper.results[paper.results["endpoint"] == "early"]
    for key, names in (
        ("multivariable", ["treated"]),
        ("multivariable early_2", ["treated", "age"]),
    ):
        fit = regression.logistic(paper.frames["patients"], "early", names)
        own = found[(found["model"] == key) & (found["statistic"] == "odds_ratio")]
        expected = fit.loc[fit["statistic"] == "odds_ratio", "estimate"]
        assert own["estimate"].tolist() == pytest.approx(expected.tolist())


def test_the_audit_holds_no_two_models_against_each_other(folder):
    design, claims = ledger.load_design(STUDY), ledger.load_claims(STUDY)
    found = audit.audit(design, claims)
    assert not (found.findings["verdict"] == "inconsistent").any()
    changed = claims.copy()
    at = changed["id"] == "table2-treated-yes-multivariable-os-2-os-hazard-ratio"
    changed.loc[at, ["printed", "value"]] = ["3.000", 3.0]
    wrong = audit.audit(design, changed).findings
    wrong = wrong[wrong["verdict"] == "inconsistent"]
    assert wrong["title"].str.contains("Model 2").all() and len(wrong)
    assert not any("multivariable-os-hazard" in name for row in wrong["claims"] for name in row)
    asked = set(found.asked["quantity"])
    assert {"E-value, Model 1", "E-value, Model 2", "E-value, Model 3"} <= asked


def test_the_search_asks_each_model_for_its_own_numbers(folder):
    design, claims = ledger.load_design(STUDY), ledger.load_claims(STUDY)
    ratios = claims[(claims["covariate"] == "treated") & (claims["statistic"] == "hazard_ratio")]
    ratios = ratios[ratios["field"] == "estimate"].set_index("model")
    asked = {key: quantity_of({**ratios.loc[key], "model": key}, design) for key in KEYS.values()}
    own = {"part": "hazard_ratio", "covariate": "treated"}
    first = ("treated", "age")
    assert asked["multivariable"] == Quantity("cox", "OS", columns=first, **own)
    third = Quantity("cox", "OS", columns=(*first, "size_cat"), strata="sex", **own)
    assert asked["multivariable OS_3"] == third
    # Of the second print has every row, of the first here the treatment alone.
    second = claims["model"].eq("multivariable OS_2")
    rows = ledger.without_models(claims[second | claims["covariate"].eq("treated")])
    targets = [quantity_of(row, design) for row in rows.to_dict("records")]
    goal = SimpleNamespace(targets=[SimpleNamespace(quantity=quantity) for quantity in targets])
    search = SimpleNamespace(design=design, goal=goal)
    assert [model.name for model in legs.printed_models(search)] == ["OS_2"]


def test_a_safe_report_keeps_the_rules_of_models_for_second_ones():
    row = {"covariate": "sex", "statistic": "hazard_ratio", "endpoint": "OS"}
    kinds = {"multivariable OS_2": "model", "selection OS_2": "follow on"}
    kinds |= {"ph_test OS_2": "follow on", "bootstrap selection, sign OS_2": "follow on"}
    release = privacy.Release(5)
    assert {key: release._kind({**row, "model": key}) for key in kinds} == kinds


@pytest.mark.parametrize(
    ("model", "endpoint", "said"),
    [
        ("OS_2", "OS", "did you mean 'multivariable OS_2'"),
        ("Model 2", "OS", "did you mean 'multivariable OS_2'"),
        ("multivariable OS", "OS", "did you mean 'multivariable'"),
        ("multivariable early_2", "OS", "endpoint: 'OS', and 'multivariable early_2' is of early"),
    ],
)
def test_a_claim_of_a_model_that_is_not_there_is_refused(folder, tmp_path, model, endpoint, said):
    shutil.copytree(folder / "data", tmp_path / "data")
    path = tmp_path / "data" / STUDY / "published.csv"
    edit(path, r"(?<=treated,yes,)multivariable OS_2(?=,hazard)", model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRLM_DATA", str(tmp_path / "data"))
        with pytest.raises(LedgerError, match=said):
            ledger.load_claims(STUDY)


def test_columns_of_models_without_a_label_are_asked_and_answered(folder):
    design = ledger.load_design(STUDY)
    table = [["", "Model A HR (95% CI)", "Model B HR (95% CI)"]]
    table.append(["Treated vs untreated", "0.80 (0.50-1.28)", "0.90 (0.60-1.35)"])
    own = {"place": "table3", "endpoint": "OS"}
    asked = claims_of(table, design, "model", **own).questions
    assert len(asked) == 2 and "--is 'Model B=OS_2'" in asked[1]
    # A letter behind a number may be a footnote's: it is asked, with what the header says.
    marked = [["", "Model 1a HR (95% CI)", "P", "Model 2b HR (95% CI)", "P"]]
    marked.append(["Treated vs untreated", "0.80 (0.50-1.28)", "0.35", "0.90 (0.60-1.35)", "0.61"])
    asked_too = claims_of(marked, design, "model", **own).questions
    assert len(asked_too) == 2 and "--is 'Model 1a=OS'" in asked_too[0]
    named = {"Model 1a": "OS", "Model 2b": "OS_2"}
    made = claims_of(marked, design, "model", named=named, **own)
    assert not made.questions
    assert [c["model"] for c in made.claims] == [
        *["multivariable"] * 4,
        *["multivariable OS_2"] * 4,
    ]
    marked[0] = ["", "Partially adjusted HR", "P", "Fully adjusted HR", "P"]
    asked_too = claims_of(marked, design, "model", **own).questions
    assert len(asked_too) == 2 and "--is 'Fully adjusted=OS_2'" in asked_too[1]
    assert '[models.NAME] with endpoint = "OS" and label = "Model B"' in asked[1]
    named = {"Model A": "univariable", "Model B": "OS_3"}
    made = claims_of(table, design, "model", named=named, **own)
    assert not made.questions
    assert {c["model"] for c in made.claims} == {"univariable", "multivariable OS_3"}
    one = [["", "HR (95% CI)"], table[1][:2]]
    made = claims_of(one, design, "model", place="table3", endpoint="OS_2").claims
    assert {(c["endpoint"], c["model"]) for c in made} == {("OS", "multivariable OS_2")}


def test_a_second_model_that_no_section_computes_is_said_with_its_call(told):
    paper, _ = told
    rows = paper.results[~paper.results["model"].str.endswith("OS_2")]
    found = comparison.compare(rows, paper.claims, held=paper.included.columns)
    lost = found[found["verdict"] == "no result"]
    assert set(lost["model"]) == {"multivariable OS_2"}
    assert set(lost["reason"]) == {NOT_COMPUTED}
    assert call_for(lost.iloc[0].to_dict(), paper.design) == 'paper.regression("OS_2")'


def test_models_of_some_patients_are_apart_from_those_of_all(folder):
    design = ledger.load_design(STUDY)
    spec = {"endpoint": "OS", "population": "sex=male", "covariates": ["treated", "age"]}
    own = {"m_1": spec | {"label": "Model 1"}, "m_2": spec | {"label": "Model 2"}}
    design = replace(design, models={**design.models, **own})
    assert design.model_key("m_1") == "multivariable"
    table = [["", "Model 1 HR (95% CI)", "Model 2 HR (95% CI)"]]
    table.append(["Treated vs untreated", "0.80 (0.50-1.28)", "0.90 (0.60-1.35)"])
    made = claims_of(table, design, "model", place="table3", endpoint="m_1")
    told = {(c["population"], c["model"]) for c in made.claims}
    assert told == {("sex=male", "multivariable"), ("sex=male", "multivariable m_2")}


def test_an_adjusted_column_that_names_no_model_is_told_or_asked(folder):
    design = ledger.load_design(STUDY)
    table = [["", "Adjusted HR (95% CI)"], ["Treated vs untreated", "0.80 (0.50-1.28)"]]
    made = claims_of(table, design, "model", place="table3", endpoint="OS")
    assert {c["model"] for c in made.claims} == {"multivariable"}
    assert any("OS, one of OS_2 (Model 2), OS (Model 1), OS_3" in text for text in made.taken)
    arms = [["Overall survival", "Untreated", "Treated", "Adjusted hazard ratio (95% CI)"]]
    arms.append(["Events", "40", "50", "0.80 (0.50-1.28)"])
    asked = claims_of(arms, design, "curves", place="table3", endpoint="OS").questions
    assert asked and "is of one of several models, OS_2 (Model 2)" in asked[0]
    arms[0][-1] = "Model 2 hazard ratio (95% CI)"
    made = claims_of(arms, design, "curves", place="table3", endpoint="OS")
    assert not made.questions
    assert {c["model"] for c in made.claims} == {"", "multivariable OS_2"}
