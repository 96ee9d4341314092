"""Subdistribution hazard ratios: from the design to the report, against R's cmprsk::crr."""

import contextlib
import csv
import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from survival import datasets

from crlm import audit, cohort, comparison, ledger, multistate, naming, regression, transcription
from crlm.ledger import DesignError, LedgerError, ParameterError
from crlm.paper import Paper
from crlm.reconstruction import certificate
from crlm.reconstruction.programs import by_python
from crlm.reconstruction.quantities import Beyond, Quantity, quantity_of
from crlm.report.manuscript.done import Done
from crlm.report.manuscript.methods import methods
from tests.hand_written import ROOT

REFERENCE = Path(__file__).parent / "reference" / "subdistribution.csv"
RATIO = "subdistribution_hazard_ratio"
STUDY = "gammopathy"
DESIGN = """
title = "Progression of monoclonal gammopathy"
citation = "Kyle RA. N Engl J Med 2002;346:564. doi:10.1056/NEJMoa01133202"
question = "Who progresses, when many die before?"
exposure = "sex"
main = ["OS"]

[columns]
use = ["patient_id", "age", "sex", "os_months", "os_event"]
[columns.hgb]
type = "number"
unit = "g/dL"
label = "Haemoglobin"
[columns.mspike]
type = "number"
unit = "g/dL"
label = "M-spike"
[columns.ttp_months]
type = "number"
unit = "months"
role = "time"
[columns.ttp_event]
type = "category"
levels = ["0", "1"]
role = "event"

[conventions]
days_per_month = 30.4375
ties = "efron"
conf_type = "log"
median_rule = "first"
univariable_p = "wald"
follow_up = "reverse"

[factors.band]
source = "age"
rule = ">="
cuts = [65.0, 75.0]
levels = ["young", "middle", "old"]

[scaled.age_10]
source = "age"
per = 10
[scaled.band_trend]
source = "band"
per_level = true

[endpoints.OS]
label = "Overall survival"
rule = "Diagnosis to death."
first_of = ["death"]
[endpoints.TTP]
label = "Time to progression"
rule = "Diagnosis to progression; deaths censor."
first_of = ["recurrence"]

[incidences.pcm]
label = "Plasma cell malignancy"
endpoint = "TTP"
competing = "OS"
competing_label = "Death without progression"
months = [60]

[table_one]
by = "sex"
continuous_test = "mann-whitney"
categorical_test = "chi-square"
spread = "range"
variables = ["age"]

[models.pcm]
label = "Model 1"
covariates = ["sex", "band", "band_trend", "hgb", "mspike"]
selection = "none"
left_out = ["band_trend"]
references = { sex = "female" }
[models.pcm_2]
endpoint = "pcm"
label = "Model 2"
covariates = ["sex", "age_10"]
selection = "enter"
entry_p = 0.05
published = ["age_10"]
references = { sex = "female" }
"""
#: As the R script printed it, to the digits of a paper.
TABLE = [
    [
        *("", "SHR (95% CI)", "p", "Model 1 (n = 1,360; 114 events) aSHR (95% CI)", "p"),
        *("Model 2 aSHR (95% CI)", "p"),
    ],
    ["Male vs female", "0.80 (0.55-1.14)", "0.217", "0.82 (0.57-1.19)", "0.305", "", ""],
    ["Age group", "", "0.039", "", "0.037", "", ""],
    ["< 65", "1 (ref)", "", "1 (ref)", "", "", ""],
    ["65-74", "0.91 (0.59-1.39)", "0.652", "0.89 (0.58-1.37)", "0.596", "", ""],
    [">= 75", "0.57 (0.36-0.89)", "0.015", "0.56 (0.35-0.89)", "0.014", "", ""],
    ["Age (per 10 years)", "0.85 (0.76-0.95)", "0.004", "", "", "0.85 (0.76-0.95)", "0.004"],
    ["Haemoglobin, g/dL", "0.99 (0.91-1.09)", "0.905", "0.99 (0.90-1.08)", "0.782", "", ""],
    ["M-spike, g/dL", "2.45 (1.81-3.32)", "<0.001", "2.50 (1.85-3.39)", "<0.001", "", ""],
]
TABLE[0][1] = "Univariable SHR (95% CI)"


@pytest.fixture(scope="module")
def mgus():
    """R's mgus2: months to plasma cell malignancy, to death, and what is known of patients."""
    raw = pd.DataFrame(datasets.load_mgus2())
    had, died = (raw[name].astype(int).to_numpy() for name in ("pstat", "death"))
    last = raw["futime"].to_numpy(float)
    first = np.where(had == 1, raw["ptime"].to_numpy(float), last)
    made = pd.DataFrame({"patient_id": [f"m{i}" for i in range(len(raw))]})
    made["age"], made["sex"] = raw["age"].astype(int), np.where(raw["sex"] == "M", "male", "female")
    made["hgb"], made["mspike"] = raw["hgb"], raw["mspike"]
    made["os_months"], made["os_event"] = last, died
    return made.assign(ttp_months=first, ttp_event=had)


@pytest.fixture(scope="module")
def frame(mgus):
    code = np.where(mgus["ttp_event"] == 1, 0, np.where(mgus["os_event"] == 1, 1, -1))
    cause = pd.Categorical.from_codes(code, ["event", "competing"])
    age = mgus["age"].astype(float)
    made = {"time": mgus["ttp_months"], "event": code >= 0, "endpoint": "pcm", "cause": cause}
    made |= {"age": age, "age_10": age / 10, "hgb": mgus["hgb"], "mspike": mgus["mspike"]}
    levels = ["young", "middle", "old"]
    made["band"] = pd.cut(age, [0, 65, 75, 200], right=False, labels=levels)
    made["sex"] = pd.Categorical(mgus["sex"], ["female", "male"])
    return pd.DataFrame(made)


@pytest.fixture(scope="module")
def study(mgus, tmp_path_factory):
    """The invented paper on mgus2, its ledger as imported, and the table."""
    place = tmp_path_factory.mktemp("subdistribution")
    (place / "data" / STUDY).mkdir(parents=True)
    shutil.copy(ROOT / "data" / "columns.toml", place / "data" / "columns.toml")
    mgus.to_csv(place / "table.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRLM_DATA", str(place / "data"))
        (place / "data" / STUDY / "design.toml").write_text(DESIGN, encoding="utf-8")
        design = ledger.load_design(STUDY)
        made = transcription.claims_of(TABLE, design, "model", place="table2", endpoint="pcm")
        assert not made.questions
        write(place / "data" / STUDY / "published.csv", made.claims)
        yield design, place / "data" / STUDY, str(place / "table.csv")


def write(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [n for n in ledger.CLAIM_COLUMNS if n != "name"], restval="")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def report(study):
    """The regression tables of both models as text, and their paper."""
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        paper = Paper(STUDY, study[2])
        paper.endpoints()
        for model in study[0].models:
            paper.regression(model)
    return paper, shown.getvalue()


# ---- against R ------------------------------------------------------------------------------


MODELS = {
    "age": ["age"],
    "age_10": ["age_10"],
    "sex": ["sex"],
    "hgb": ["hgb"],
    "mspike": ["mspike"],
    "band": ["band"],
    "all": ["age", "sex", "hgb", "mspike"],
    "all_bands": ["sex", "hgb", "mspike", "band"],
}


@pytest.mark.parametrize("cause", ["event", "competing"])
def test_ratios_errors_limits_and_p_equal_those_of_crr(frame, cause):
    told = pd.read_csv(REFERENCE, keep_default_na=False)
    told = told.set_index(["cause", "model", "quantity", "term"])["value"].sort_index()
    told = told.astype(float)
    for model, names in MODELS.items():
        rule = regression.rule(names, selection="none", ties="efron")
        rows = multistate.subdistribution_table(frame, rule, cause=cause)
        rows = rows[rows["model"] == "multivariable"]
        rows = rows.set_index(["covariate", "level", "statistic"]).sort_index()
        assert rows.loc[("", "", "n"), "estimate"] == told[cause, model, "n", ""]
        for term in told[cause, model, "coef"].index:
            name, level = {"sexM": ("sex", "male")}.get(term, (term, ""))
            name, level = ("band", term) if term in ("middle", "old") else (name, level)
            row, close = rows.loc[(name, level, RATIO)], {"rel": 1e-7}
            theirs = {
                name: told[cause, model, name, term] for name in ("coef", "se", "low", "high")
            }
            assert np.log(row["estimate"]) == pytest.approx(theirs["coef"], **close)
            width = np.log(row["conf_high"] / row["conf_low"]) / 2 / 1.959963984540054
            assert width == pytest.approx(theirs["se"], **close)
            ends = [row["conf_low"], row["conf_high"]]
            assert ends == pytest.approx([theirs["low"], theirs["high"]], **close)
            p = rows.loc[(name, level, "p"), "estimate"]
            assert p == pytest.approx(told[cause, model, "p", term], rel=1e-6)
        if "band" in names:
            joint = rows.loc[("band", "", "p"), "estimate"]
            assert joint == pytest.approx(told[cause, model, "p", "band"], rel=1e-6)


def test_finegray_is_another_program_and_late_entry_is_its_own(frame):
    rule = regression.rule(["age", "sex"], selection="none", ties="efron")

    def ratios(table):
        return table.loc[table["statistic"] == RATIO, "estimate"].to_numpy()

    own = multistate.subdistribution_table(frame, rule, program="finegray")
    other = multistate.fine_gray(frame, ["age", "sex"], "event", ties="efron")
    np.testing.assert_allclose(ratios(own)[2:], ratios(other), rtol=1e-9)
    crr = multistate.subdistribution_table(frame, rule)
    assert (ratios(crr) != ratios(own)).all()
    assert crr["method"].str.contains("as cmprsk, Breslow ties").any()
    late = frame.assign(entry=np.where(np.arange(len(frame)) % 3, 0.0, 0.5))
    late = late[late["time"] > late["entry"]]
    found = multistate.subdistribution_table(late, rule)
    assert found["method"].str.contains("as finegray, Efron ties, late entry").any()


def test_what_cannot_be_estimated_says_why(frame):
    few = frame.assign(none=pd.Categorical(np.where(frame["cause"] == "event", "a", "b")))
    rule = regression.rule(["none", "age"], selection="none")
    rows = multistate.subdistribution_table(few, rule)
    lost = rows[(rows["covariate"] == "none") & (rows["statistic"] == "p")]
    assert lost["estimate"].isna().all() and lost["method"].str.contains("infinite").all()
    rule = regression.rule(["age"], selection="enter", entry_p=1e-9)
    rows = multistate.subdistribution_table(frame, rule)
    assert rows["method"].iloc[-1].startswith("no multivariable model")
    with pytest.raises(ParameterError, match="selection"):
        rule = regression.rule(["age"], selection="backward")
        multistate.subdistribution_table(frame, rule)


# ---- from the table to the verdicts -----------------------------------------------------------


def test_every_printed_number_joins_and_matches(study, report):
    paper, _ = report
    found = comparison.compare(paper.results, paper.claims)
    assert len(found) == 52 and set(found["verdict"]) == {"matches"}
    assert not list(ledger.outside_models(paper.claims, paper.design))
    assert not list(ledger.against_themselves(paper.claims, paper.design))


def test_the_report_has_table_forest_sentence_and_methods(report):
    paper, shown = report
    assert "Table 2: Plasma cell malignancy, Model 1" in shown
    assert "Univariable subdistribution HR (95 % CI)" in shown
    assert "Subdistribution HR, Model 2" in shown
    assert "≥ 75 against < 65: subdistribution HR 0.56, 95 % CI 0.35–0.89 (paper 0.56" in shown
    assert "Forest plot. Plasma cell malignancy, Model 1 (adjusted for age group, haem" in shown
    assert "M-spike): subdistribution hazard ratio (SHR); SHR (95 % CI). " in shown
    said = " ".join(p.text for p in methods(Done(design=paper.design, rows=paper.results)))
    assert "Subdistribution hazard ratios of Plasma cell malignancy (competing: death" in said
    assert "as R's cmprsk::crr has it" in said and "For Plasma cell malignancy (Model 1)" in said
    rows = paper.results[paper.results["statistic"] == RATIO]
    names = [naming.name_of(row, paper.design) for row in ledger.as_records(rows)]
    assert len(set(names)) == len(names)
    assert "Plasma cell malignancy: Model 1 subdistribution HR" in paper._effect("pcm")
    # p for trend: the category per level in the place of its levels.
    told = pd.read_csv(REFERENCE).set_index(["cause", "model", "quantity", "term"])["value"]
    trend = paper.results[paper.results["covariate"] == "band_trend"]
    trend = trend[trend["model"] == "multivariable"].set_index("statistic")["estimate"]
    keys = ("event", "trend")
    assert np.log(trend[RATIO]) == pytest.approx(float(told[(*keys, "coef", "level")]), rel=1e-7)
    assert trend["p"] == pytest.approx(float(told[(*keys, "p", "level")]), rel=1e-6)


def test_a_safe_report_goes_by_the_counted_events_and_tells_no_count(study, mgus, tmp_path):
    """Of those aged 75 and over three had the event; hundreds died, which competes."""
    old = (mgus["age"] >= 75) & (mgus["ttp_event"] == 1)
    few = mgus.assign(ttp_event=mgus["ttp_event"].mask(old & (old.cumsum() > 3), 0))
    few.to_csv(tmp_path / "few.csv", index=False)
    with contextlib.redirect_stdout(io.StringIO()):
        paper = Paper(STUDY, str(tmp_path / "few.csv"), safe=5)
        paper.endpoints()
        rows = paper.regression("pcm").rows
    assert rows[["n", "events"]].isna().all(axis=None)
    ratios = rows[rows["statistic"] == RATIO].set_index(["model", "covariate"])
    alone = ratios.loc["univariable"]
    assert alone.loc[["sex", "hgb", "mspike"], "estimate"].notna().all()
    hidden = pd.concat([alone.loc[["band", "band_trend"]], ratios.loc["multivariable"]])
    assert hidden["estimate"].isna().all()
    assert hidden["method"].eq("not shown: fewer than 5").all()
    assert paper.release.close().startswith("rows ")


def test_the_audit_holds_ratios_against_limits_and_p(study):
    claims = ledger.load_claims(STUDY)
    assert not len(audit.audit(study[0], claims).findings)
    of_hgb = (claims["covariate"] == "hgb") & (claims["model"] == "multivariable")
    for at, wrong in (("p", 0.04), (RATIO, 1.9)):
        one = of_hgb & (claims["statistic"] == at) & (claims["field"] == "estimate")
        texts = claims["printed"].mask(one, str(wrong))
        values = claims["value"].mask(one, wrong)
        found = audit.audit(study[0], claims.assign(printed=texts, value=values)).findings
        assert len(found) == 1 and "Haemoglobin" in found["title"].iloc[0]
    # Alone, the p beside it may be that of Gray's test.
    one = claims["covariate"].eq("sex") & claims["statistic"].eq("p")
    one &= claims["model"].eq("univariable")
    values = claims["value"].mask(one, 0.265)
    assert not len(audit.audit(study[0], claims.assign(value=values)).findings)


def test_the_search_leaves_them_out_and_the_certificate_computes_them(study, report):
    design, paper = study[0], report[0]
    claims = ledger.load_claims(STUDY)
    reasons = {quantity_of(claim, design) for claim in claims.to_dict("records")}
    told = ("Fine and Gray's model", "patients or events of a model")
    assert reasons == {f"{what}: the certificate alone computes it" for what in told}
    frames = {name: paper.frames[name] for name in ("TTP", "OS")}
    computed = {}
    for claim in claims.to_dict("records"):
        asked = certificate._for_certificate(claim, design)
        assert not isinstance(asked, str)
        rows = certificate._rows(claim, asked, frames, design, computed, by_python)
        value = rows[0][claim["field"]]
        digits = int(claim["decimals"])
        if claim["operator"] == "=":
            assert round(value, digits) == pytest.approx(claim["value"], abs=1e-9), claim["id"]
    # Where the rule chooses, it chooses by this cohort's own p, and a covariate may be left out.
    own = certificate._own_models(frames, design)["pcm", frozenset(), "multivariable pcm_2"]
    assert own.covariates() == ("age_10",)
    lost = Quantity("subdistribution", "pcm", columns=("age_10",), covariate="sex")
    assert np.isnan(by_python(lost, frames, design))
    stranger = {**claims.to_dict("records")[0], "population": "from month 6"}
    assert isinstance(quantity_of(stranger, design), Beyond)


# ---- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('selection = "none"\nstrata = ["sex"]', "strata: are not built for a model of an incid"),
        ('selection = "none"\nproducts = [["band", "hgb"]]', "products: are not built for a model"),
        ('selection = "backward"\nentry_p = 0.1\nstay_p = 0.1', "'backward' is not built for a"),
    ],
)
def test_what_is_not_built_is_refused_with_a_sentence(study, line, told):
    path = study[1] / "design.toml"
    try:
        path.write_text(DESIGN.replace('selection = "none"', line, 1), encoding="utf-8")
        with pytest.raises(DesignError, match=told):
            ledger.load_design(STUDY)
    finally:
        path.write_text(DESIGN, encoding="utf-8")


def test_claims_that_no_such_model_has_are_refused(study):
    design, folder, _ = study
    kept = transcription.claims_of(TABLE, design, "model", place="table2", endpoint="pcm").claims
    ratio = next(one for one in kept if one["statistic"] == RATIO and one["covariate"] == "mspike")
    wrong = [
        ({**ratio, "statistic": "hazard_ratio"}, "of a cause-specific ratio, endpoint TTP"),
        ({**ratio, "endpoint": "TTP"}, "'TTP' is no incidence"),
        ({**ratio, "model": "logrank"}, "'logrank' is no model of pcm; write univariable or"),
        ({**ratio, "covariate": "band:hgb", "level": "old"}, "is a product, which is not built"),
        ({**ratio, "statistic": "mean", "model": ""}, "has no mean of mspike"),
    ]
    path = folder / "published.csv"
    try:
        write(path, [{**row, "id": f"w{at}"} for at, (row, _) in enumerate(wrong)])
        with pytest.raises(LedgerError) as caught:
            ledger.load_claims(STUDY)
    finally:
        write(path, kept)
    lines = str(caught.value).splitlines()
    for number, (_, told) in enumerate(wrong, 2):
        assert any(f"row {number}," in line and told in line for line in lines), (told, lines)


# ---- import ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        *("SHR (95% CI)", "sHR (95% CI)", "sdHR (95% CI)", "Adjusted SHR (95% CI)", "aSHR"),
        *("Subdistribution hazard ratio (95% CI)", "Sub-hazard ratio (95% CI)"),
        *("Subdistribution HR", "Fine-Gray HR (95% CI)", "Fine and Gray HR (95% CI)"),
    ],
)
def test_heads_of_subdistribution_ratios(study, head):
    table = [["", head, "P"], ["M-spike", "2.50 (1.85-3.39)", "<0.001"]]
    for endpoint in ("pcm", "TTP"):
        made = transcription.claims_of(table, study[0], "model", place="table2", endpoint=endpoint)
        assert not made.questions
        found = [(one["endpoint"], one["statistic"]) for one in made.claims]
        assert found == [("pcm", RATIO)] * 3 + [("pcm", "p")]


def test_cause_specific_and_subdistribution_columns_stand_side_by_side(study):
    table = [
        ["", "Cause-specific HR (95% CI)", "p", "SHR", "95% CI", "p"],
        ["M-spike", "2.40 (1.80-3.20)", "<0.001", "2.50", "1.85-3.39", "<0.001"],
    ]
    for endpoint in ("pcm", "TTP"):
        made = transcription.claims_of(table, study[0], "model", place="table2", endpoint=endpoint)
        assert not made.questions
        found = [(one["endpoint"], one["statistic"]) for one in made.claims]
        assert found == [
            *[("TTP", "hazard_ratio")] * 3,
            ("TTP", "p"),
            *[("pcm", RATIO)] * 3,
            ("pcm", "p"),
        ]


def test_a_ratio_beside_the_arms_of_a_trial_is_the_incidences(study):
    head = ["", "Female", "Male", "Subdistribution HR (95% CI)"]
    table = [head, ["5-year incidence", "4.0 (2.6-5.7)", "2.9 (1.9-4.3)", "0.80 (0.55-1.14)"]]
    made = transcription.claims_of(table, study[0], "curves", place="table3", endpoint="pcm")
    found = {(one["endpoint"], one["statistic"], one["model"]) for one in made.claims}
    assert ("pcm", RATIO, "univariable") in found
    for heads, endpoint in ((head, "TTP"), ([*head[:3], "HR (95% CI)"], "pcm")):
        made = transcription.claims_of(
            [heads, table[1]], study[0], "curves", place="table3", endpoint=endpoint
        )
        assert any("subdistribution hazard ratios" in question for question in made.questions)


def test_a_plain_hazard_ratio_of_an_incidence_is_asked_unless_the_title_says_it(study):
    table = [["", "HR (95% CI)", "P"], ["M-spike", "2.50 (1.85-3.39)", "<0.001"]]
    asked = {"place": "table2", "endpoint": "pcm"}
    made = transcription.claims_of(table, study[0], "model", **asked)
    assert "name it SHR if it does" in made.questions[0]
    titled = [["Table 2. Fine and Gray regression of progression", "", ""], *table]
    made = transcription.claims_of(titled, study[0], "model", **asked)
    assert not made.questions and made.claims[0]["statistic"] == RATIO


def test_check_says_which_times_a_model_needs(study):
    design, _, table = study
    read = cohort.load(table, design)
    assert "+ Regression, pcm, Model 1: complete." in cohort.feeds(read, design)
    lacking = cohort.feeds(read.drop(columns=["ttp_event"]), design)
    assert any(line.startswith("- Regression, pcm, Model 1: no, needs ttp") for line in lacking)
    assert (
        replace(design, conventions={"subdistribution": "finegray"}).subdistribution == "finegray"
    )
