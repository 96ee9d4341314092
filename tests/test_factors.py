"""Bands of a number and merged levels: what they are, and a study that has one of each."""

import csv
import math
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import survdiff

from crlm import audit, cohort, ledger, privacy
from crlm.ledger import DesignError
from crlm.ledger.factors import Cut, Merged, band_labels, parts_of, whole_spec
from crlm.paper import Paper
from crlm.privacy import attack, quantities
from crlm.reconstruction import certificate, histories, search, spreads, start, wishes_of
from crlm.report import manuscript
from crlm.starting import new_study
from crlm.transcription import claims_of
from tests.hand_written import ROOT

STUDY = "bladder"
CUTS, BANDS = [50.0, 60.0, 70.0], ["under_50", "50-59", "60-69", "70_up"]
COLUMNS = """
[columns.pt]
type = "category"
levels = ["pTa", "pT1", "pT2", "pT3", "pTx"]
label = "pT"
role = "baseline"
"""
FACTORS = """
[factors.age_band]
source = "age"
rule = ">="
cuts = [50.0, 60.0, 70.0]
levels = ["under_50", "50-59", "60-69", "70_up"]
label = "Age, years"
[factors.old]
source = "age"
rule = ">="
cut = 70.0
levels = ["no", "yes"]
label = "Older than the rest"
[factors.depth]
source = "pt"
left_out = ["pTx"]
label = "Depth"
[factors.depth.groups]
superficial = ["pTa", "pT1"]
deep = ["pT2", "pT3"]
"""
SCALED = """
[scaled.age_trend]
source = "age_band"
per_level = true
"""
WISHES = """
[groups]
columns = ["treated"]
[period]
first = 2000-01-03
last = 2010-12-31
cut_off = 2018-06-30
"""


# ---- one factor -----------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [">", ">="])
def test_bands_are_those_of_pandas(rule):
    values = np.array([49.9, 50, 50.1, 59, 60, 65, 70, 99, np.nan])
    made = Cut("age", tuple(BANDS), tuple(CUTS), rule)
    theirs = pd.cut(values, [-np.inf, *CUTS, np.inf], right=rule == ">", labels=False)
    np.testing.assert_array_equal(made.codes(values), theirs)
    spans = [made.span(level) for level in BANDS]
    for value, code in zip(values[:-1], theirs[:-1], strict=True):
        low, high = spans[int(code)]
        assert low <= value <= high


@pytest.mark.parametrize("rule", [">", ">="])
def test_one_of_several_cuts_is_a_cut(rule):
    one = {"source": "age", "rule": rule, "levels": ["low", "high"]}
    below, above = ("≤", ">") if rule == ">" else ("<", "≥")
    labels = {"low": f"{below} {{cut}}", "high": f"{above} {{cut}}"}  # Once "low", "65 up".
    assert whole_spec({**one, "cuts": [60.0]}) == {**one, "cut": 60.0, "labels": labels}
    asked = {**one, "levels": ["no", "yes"]}
    assert whole_spec({**asked, "cuts": [60.0]}) == {**asked, "cut": 60.0}


@pytest.mark.parametrize("width", [2, 3])
def test_a_narrow_band_of_whole_numbers_is_found_by_its_ends(width):
    """1–2 between cuts at 1 and 3 was held against the cut below for both its ends."""
    high = f"1–{width}"
    bands = Cut("n", ("none", "some", "many"), (1.0, 1.0 + width), ">=", whole=True)
    assert bands.said(high) == "some" and not bands.misnames("some", high)
    assert bands.misnames("some", "2–9")


def test_the_first_level_of_one_cut_is_where_its_rule_does_not_hold():
    values = [59.0, 60.0, 61.0]
    held = {">": [0, 0, 1], ">=": [0, 1, 1], "<": [1, 0, 0], "<=": [1, 1, 0], "==": [0, 1, 0]}
    for rule, codes in held.items():
        made = Cut("age", ("no", "yes"), (60.0,), rule, lowest=60.0)
        assert made.codes(values).tolist() == codes
        for value, code in zip(values[1:], codes[1:], strict=True):
            low, high = made.span(made.levels[code])
            assert low <= value <= high


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("<50", "under_50"),
        ("< 50 years", "under_50"),
        ("≤49", "under_50"),
        ("under 50", "under_50"),
        ("50-59", "50-59"),
        ("50–60", "50-59"),
        ("50 to < 60", "50-59"),
        ("≥60 and <70", "60-69"),
        ("70+", "70_up"),
        (">69", "70_up"),
        ("70 years or older", "70_up"),
        ("51-60", ""),
        (">70", ""),
        ("<60", ""),
        ("50-69", ""),
        ("50", ""),
        ("60-50", ""),
    ],
)
def test_a_band_is_read_where_its_ends_are_those_of_the_factor(text, level):
    assert Cut("age", tuple(BANDS), tuple(CUTS), ">=", whole=True).said(text) == level


def test_a_wider_level_is_made_of_the_narrower_ones():
    bands = Cut("age", tuple(BANDS), tuple(CUTS), ">=", whole=True)
    old = Cut("age", ("no", "yes"), (60.0,), ">=", whole=True)
    assert parts_of(old, "yes", bands) == ("60-69", "70_up")
    assert parts_of(old, "no", bands) == ("under_50", "50-59")
    assert parts_of(bands, "50-59", old) == ()
    assert parts_of(replace(old, rule=">"), "yes", bands) == ()
    # Of whole numbers > 59 is ≥ 60.
    assert parts_of(replace(old, rule=">", cuts=(59.0,)), "yes", bands) == ("60-69", "70_up")
    three = Merged("pt", ("a", "b", "c"), {"a": ("1",), "b": ("2",), "c": ("3",)})
    two = Merged("pt", ("low", "high"), {"low": ("1", "2"), "high": ("3",)})
    assert parts_of(two, "low", three) == ("a", "b") and parts_of(three, "a", two) == ()


def test_labels_of_bands_are_made_of_the_cuts():
    assert band_labels([2.5, 5.0], ">") == ["≤ 2.5", "> 2.5 to 5", "> 5"]
    spec = {"rule": ">=", "cuts": [2, 5], "levels": ["a", "b", "c"], "labels": {"c": "C"}}
    made = whole_spec(spec)
    assert made["labels"] == {"a": "< 2", "b": "2 to < 5", "c": "C"}


def test_a_factor_without_a_label_is_called_by_its_source(study):
    """Its own name stood in every table: "age band"."""
    design, band = ledger.load_design(STUDY), {"source": "age", "cut": 5.0}
    made = replace(design, factors={"age_band": band})
    assert (design.label("age_band"), made.label("age_band")) == ("Age, years", "Age group")
    nodes = {"n": {"label": "Number of nodes", "unit": ""}}
    of_nodes = {"n_band": {"source": "n", "cut": 3.0}}
    assert replace(design, columns=nodes, factors=of_nodes).label("n_band") == "Nodes group"
    # Two of one source are told apart by their names.
    assert replace(made, factors={"age_band": band, "age_5": band}).label("age_5") == "Age 5"


def test_bands_of_whole_numbers_are_labelled_by_their_ends():
    spec = {"source": "n", "rule": ">=", "cuts": [4, 10], "levels": ["a", "b", "c"]}
    made = whole_spec(spec, {"n": {"type": "integer"}})
    assert [*made["labels"].values()] == ["< 4", "4–9", "≥ 10"]
    assert whole_spec(spec, {"n": {"type": "number"}})["labels"]["b"] == "4 to < 10"
    assert band_labels([45, 55, 65], ">", whole=True) == ["≤ 45", "46–55", "56–65", "> 65"]
    # One number is no range, and no whole number ends at a half.
    assert band_labels([1, 2, 3.5], ">=", whole=True)[1:3] == ["1 to < 2", "2 to < 3.5"]
    for rule in (">", ">="):
        bands = Cut("n", ("a", "b", "c"), (45.0, 55.0), rule, whole=True)
        told = band_labels(bands.cuts, rule, whole=True)
        assert [bands.said(text) for text in told] == ["a", "b", "c"]


# ---- an invented study ----------------------------------------------------------------------


def true_table(n=240):
    rng = np.random.default_rng(11)
    age = rng.integers(34, 88, n)
    pt = rng.choice(["pTa", "pT1", "pT2", "pT3", "pTx"], n, p=[0.2, 0.3, 0.25, 0.2, 0.05])
    hazard = 0.012 * np.exp(0.02 * (age - 60) + 0.6 * np.isin(pt, ["pT2", "pT3"]))
    months = np.round(rng.exponential(1 / hazard) + 0.1, 1)
    ends = np.round(rng.uniform(20, 100, n), 1)
    return pd.DataFrame(
        {
            "patient_id": [f"p{i}" for i in range(n)],
            "treated": np.where(np.arange(n) < n // 2, "no", "yes"),
            "age": age,
            "sex": rng.choice(["male", "female"], n),
            "size_cm": np.round(np.exp(rng.normal(1, 0.5, n)), 1),
            "pt": pt,
            "os_months": np.minimum(months, ends),
            "os_event": (months <= ends).astype(int),
        }
    )


def printed(table):
    """What the invented paper prints: found by pandas and statsmodels, not by the programme."""
    band = pd.cut(table["age"], [-np.inf, *CUTS, np.inf], right=False, labels=BANDS)
    depth = table["pt"].map({"pTa": "superficial", "pT1": "superficial"}).fillna("deep")
    depth = depth.where(table["pt"] != "pTx")
    of = {"age_band": band, "depth": depth, "sex": table["sex"], "old": band == "70_up"}
    of["old"] = of["old"].map({True: "yes", False: "no"})
    for arm, part in table.groupby("treated"):
        group = {"group": f"treated={arm}"}
        yield "n", len(part), 0, {**group, "unit": "patients"}
        for name, values in of.items():
            for level, count in values[part.index].value_counts().items():
                keys = {**group, "covariate": name, "level": level}
                yield "n", count, 0, {**keys, "unit": "patients"}
        for name, value in (("min", part["size_cm"].min()), ("max", part["size_cm"].max())):
            yield name, value, 1, {**group, "covariate": "size_cm", "unit": "cm"}
        yield "median", part["size_cm"].median(), 2, {**group, "covariate": "size_cm", "unit": "cm"}
    for level in BANDS:
        inside = band == level
        group = {"group": f"age_band={level}"}
        yield "n", inside.sum(), 0, {**group, "unit": "patients"}
        yield "events", table.loc[inside, "os_event"].sum(), 0, {**group, "endpoint": "OS"}
    times, dead = table["os_months"], table["os_event"]
    _, p = survdiff(times, dead, band.astype(str))
    yield "p", p, 3, {"group": "age_band", "endpoint": "OS", "model": "logrank"}
    known = depth.notna()
    x = pd.get_dummies(band, drop_first=True).assign(deep=depth == "deep")[known].astype(float)
    fit = PHReg(times[known], x, dead[known], ties="efron").fit()
    for at, (name, level) in enumerate([*(("age_band", b) for b in BANDS[1:]), ("depth", "deep")]):
        keys = {"endpoint": "OS", "model": "multivariable", "covariate": name, "level": level}
        low, high = np.exp(fit.conf_int()[at])
        for field, value in zip(ledger.FIELDS, (math.exp(fit.params[at]), low, high), strict=True):
            yield "hazard_ratio", value, 2, {**keys, "field": field}
    x = x[["deep"]].assign(trend=band.cat.codes[known].astype(float))
    p = PHReg(times[known], x, dead[known], ties="efron").fit().pvalues[1]
    keys = {"endpoint": "OS", "model": "multivariable", "covariate": "age_trend"}
    yield "p", p, 4, keys


def write_ledger(path, found):
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, ledger.CLAIM_COLUMNS)
        out.writeheader()
        for k, (statistic, value, decimals, keys) in enumerate(found):
            text = f"{value:.{decimals}f}"
            small = statistic == "p" and float(text) == 0
            row = dict.fromkeys(ledger.CLAIM_COLUMNS, "") | {
                "id": f"c{k}",
                "name": f"Claim {k}",
                "place": "table1",
                "locator": f"Line {k}",
                "kind": "number",
                "printed": f"<0.{'0' * (decimals - 1)}1" if small else text,
                "operator": "<" if small else "=",
                "value": 10.0**-decimals if small else text,
                "decimals": decimals,
                "field": "estimate",
                "population": "all",
                "group": "all",
                "statistic": statistic,
            }
            out.writerow(row | keys)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The study as `crlm new` lays it out, with the two factors; its true table."""
    folder = tmp_path_factory.mktemp("factors")
    data, notebooks = folder / "data", folder / "notebooks"
    notebooks.mkdir()
    data.mkdir()
    shutil.copy(ROOT / "data" / "columns.toml", data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRLM_DATA", str(data))
        new_study(STUDY, data, notebooks)
        home = data / STUDY
        text = (home / "design.toml").read_text(encoding="utf-8")
        for old, new in (
            ('"rfs_months", "rfs_event",', ""),
            (
                'variables = ["age", "sex", "size_cm"]',
                'variables = ["age_band", "old", "sex", "size_cm", "depth"]',
            ),
            (
                'covariates = ["treated", "age", "sex", "size_cat"]',
                'covariates = ["treated", "age_band", "age_trend", "depth"]',
            ),
            (
                'published = ["treated", "age", "size_cat"]',
                'published = ["age_band", "depth"]\nleft_out = ["age_trend"]',
            ),
            ('[endpoints.RFS]\nlabel = "Recurrence-free survival"\n', ""),
            ('rule = "Operation to recurrence or death, else censored at last contact."\n', ""),
        ):
            assert old in text, old
            text = text.replace(old, new)
        (home / "design.toml").write_text(text + COLUMNS + FACTORS + SCALED, encoding="utf-8")
        (home / "reconstruction.toml").write_text(WISHES, encoding="utf-8")
        table = true_table()
        table.to_csv(folder / "table.csv", index=False)
        write_ledger(home / "published.csv", printed(table))
        yield ledger.load_design(STUDY), folder / "table.csv"


def test_every_printed_number_is_met_on_the_true_table(study):
    design, path = study
    paper = Paper(STUDY, str(path))
    paper.patients()
    paper.endpoints()
    paper.table_one("treated", test="fisher", spread="range")
    paper.table_one("age_band", variables=["sex"])
    paper.curves("OS", by="age_band", at=[24])
    paper.regression("OS", table="Table 2", selection="fixed")
    paper.subgroups("OS", of="treated", within=["age_band", "depth"])
    paper.published()
    verdicts = paper.verdicts
    assert set(verdicts["verdict"]) == {"matches"}, verdicts[verdicts["verdict"] != "matches"]


def test_a_search_derives_bands_and_merged_levels_and_meets_their_counts(study, tmp_path):
    """Neither is a column of its own: the written table holds the number and the category."""
    design, _ = study
    claims = ledger.load_claims(STUDY)
    wishes = wishes_of(design)
    found = search.prepare(design, wishes, claims, seed=3, effort=0.02)
    base = found.columns.names[: found.columns.n_base]
    assert {"age", "pt", "size_cm"} <= set(base) and not {"age_band", "depth", "old"} & set(base)
    state = search.run(found, effort=0.02).state
    paths = histories.write(design, wishes, found.columns, state, 3, tmp_path)
    written = pd.read_csv(paths[0])
    assert {"age", "pt"} <= set(written) and not {"age_band", "depth", "old"} & set(written)
    # Of age print has bands alone: the outermost are as wide as those beside them.
    assert written["age"].between(40, 80).all()
    verdicts = certificate.certify(design, claims, found.goal, *paths)
    counts = verdicts[verdicts["statistic"] == "n"]
    assert len(counts) == 26 and (counts["verdict"] == "matches").all()
    assert (verdicts["verdict"] == "matches").mean() > 0.9


@pytest.mark.parametrize(
    ("within", "label", "named"),
    [
        ("Age, years", "60-69", ("age_band", "60-69")),
        ("Age (years)", "≥ 70", ("age_band", "70_up")),
        ("Age, years", "< 50 years", ("age_band", "under_50")),
        ("Age", "50 to < 60", ("age_band", "50-59")),
        ("", "Age 50-59", ("age_band", "50-59")),
        ("", "Age <50 years", ("age_band", "under_50")),
        ("pT", "pTa-pT1", ("depth", "superficial")),
        ("pT", "pTa/T1", ("depth", "superficial")),
        ("pT", "pT2-3", ("depth", "deep")),
        ("", "pT2 or pT3", ("depth", "deep")),
        ("Depth", "pT2–pT3, n (%)", ("depth", "deep")),
        ("pT", "pT2", ("pt", "pT2")),
        ("pT", "pT1-pT2", None),
        ("pT", "pTa-pT3", None),
        ("Age", "50-69", None),
        ("Age", "55-59", None),
    ],
)
def test_a_label_finds_the_factor_and_its_level_where_it_is_exact(study, within, label, named):
    design, _ = study
    rows = [["", "Untreated (n = 120)", "Treated (n = 120)"]]
    rows += [[within, "", ""]] if within else []
    rows += [[label, "20 (16.7)", "30 (25.0)"]]
    made = claims_of(rows, design, "two-groups", place="table1")
    found = {(c["covariate"], c["level"]) for c in made.claims if c["covariate"]}
    assert found == ({named} if named else set())
    assert bool(made.questions) == (named is None)


def test_the_p_of_a_heading_is_that_of_the_factor_whose_levels_stand_below(study):
    """It went to the category, whose levels the table does not have."""
    design, _ = study
    rows = [["", "Untreated (n = 120)", "Treated (n = 120)", "P"], ["pT", "", "", "0.69"]]
    levels = [["pTa-pT1", "60 (52.2)", "65 (55.6)", ""], ["pT2-pT3", "55 (47.8)", "52 (44.4)", ""]]
    made = claims_of(rows + levels, design, "two-groups", place="table1")
    assert [c["covariate"] for c in made.claims if c["statistic"] == "p"] == ["depth"]
    own = [["pTa", "30 (25)", "24 (20)", ""], ["pT1", "40 (33.3)", "31 (25.8)", ""]]
    made = claims_of(rows + own, design, "two-groups", place="table1")
    assert [c["covariate"] for c in made.claims if c["statistic"] == "p"] == ["pt"]
    forest = [["", "n", "HR (95% CI)", "P for interaction"], ["pT", "", "", "0.5"]]
    forest += [["pTa/T1", "125", "0.9 (0.4-1.9)", ""], ["pT2/3", "107", "0.9 (0.4-1.9)", ""]]
    made = claims_of(forest, design, "subgroups", place="figure2", endpoint="OS")
    assert [c["covariate"] for c in made.claims if c["model"] == "interaction"] == ["treated:depth"]


def test_unknown_values_of_a_band_are_those_of_its_number(study):
    design, _ = study
    claims = ledger.load_claims(STUDY)
    row = claims[(claims["covariate"] == "age_band") & (claims["group"] == "treated=no")].iloc[0]
    gaps = {**row, "statistic": "missing", "level": "", "value": 7.0, "id": "gaps"}
    told = pd.concat([claims, pd.DataFrame([gaps])], ignore_index=True)
    assert spreads.unknown(design, {}, told, "age") == {"no": 7}
    # Of merged levels with some left out, those are among the unknown.
    told = told.replace({"covariate": {"age_band": "depth"}})
    assert "no" not in spreads.unknown(design, {}, told, "pt")


def test_what_a_design_does_not_have_is_asked_with_the_lines_that_declare_it(study):
    design, _ = study
    rows = [["", "Untreated", "Treated"], ["Age, years", "", ""], ["< 40", "20 (17)", "30 (25)"]]
    told = claims_of(rows, design, "two-groups", place="table1").questions[0]
    assert "no level of age_band" in told or "[factors.age_band]" in told


def test_a_model_of_a_factor_and_what_it_follows_from_is_refused(study):
    design, _ = study
    path = design.folder / "design.toml"
    text = path.read_text(encoding="utf-8")
    held = 'published = ["age_band", "depth"]'
    listed = 'covariates = ["treated", "age_band", "age_trend", "depth"'
    try:
        for more, told in (
            ("old", "'old' follows from 'age_band', and a model of both has no estimate"),
            ("pt", "'depth' follows from 'pt', and a model of both has no estimate"),
        ):
            both = text.replace(held, f'published = ["age_band", "depth", "{more}"]')
            both = both.replace(listed, f'{listed}, "{more}"')
            path.write_text(both, encoding="utf-8")
            with pytest.raises(DesignError, match=told):
                ledger.load_design(STUDY)
    finally:
        path.write_text(text, encoding="utf-8")


def test_a_parameter_moves_the_one_cut_of_a_factor(study):
    design, _ = study
    assert design.with_cuts(old=65.0).label("old") == "Older than the rest"
    for name in ("age_band", "depth"):
        with pytest.raises(DesignError, match=f"no cut-off named '{name}'. It has: size_cat, old"):
            design.with_cuts(**{name: 65.0})


def test_patients_of_a_level_left_out_are_unknown(study):
    design, path = study
    made = cohort.add_factors(cohort.load(str(path), design), design)
    assert made.loc[made["pt"] == "pTx", "depth"].isna().all()
    assert set(made.loc[made["pt"].isin(["pTa", "pT1"]), "depth"]) == {"superficial"}
    assert list(made["depth"].cat.categories) == ["superficial", "deep"]
    right = pd.cut(made["age"].astype(float), [-np.inf, *CUTS, np.inf], right=False, labels=BANDS)
    assert made["age_band"].astype(str).tolist() == right.astype(str).tolist()
    assert made["age_trend"].tolist() == right.cat.codes.tolist()
    assert design.label("age_trend") == "Age (per level)"


def test_a_stand_in_fills_an_empty_source_and_not_a_level_left_out(study):
    design, path = study
    other = {"column": "sex", "values": {"male": "deep", "female": "superficial"}}
    depth = {**design.factors["depth"], "otherwise": other}
    design = replace(design, factors={"depth": depth})
    patients = cohort.load(str(path), design)
    empty = patients.assign(pt=patients["pt"].where(patients.index > 9))
    made = cohort.add_factors(empty, design)
    assert (
        made["depth"].head(10).notna().all() and made.loc[made["pt"] == "pTx", "depth"].isna().all()
    )
    assert "Where the value is empty" in cohort.stand_ins(empty, design)


def test_the_audit_holds_the_print_of_the_study_together(study):
    design, _ = study
    found = audit.audit(design, ledger.load_claims(STUDY)).findings
    assert not (found["verdict"] == "inconsistent").any()


def test_methods_tell_bands_and_merged_levels(study):
    design, path = study
    paper = Paper(STUDY, str(path))
    paper.patients()
    paper.endpoints()
    rows = paper.table_one("treated", test="fisher", spread="range").rows
    told = " ".join(one.text for one in manuscript.methods(manuscript.Done(design, rows)))
    assert "cut in bands: age (< 50, 50 to < 60, 60 to < 70 and ≥ 70 years)" in told
    assert "merged: depth as superficial (pTa, pT1) and deep (pT2, pT3)" in told


def test_ratios_below_curves_are_against_the_level_that_the_design_says(study, capsys):
    """They were against the first, and the sentence named that of the model."""
    paper = Paper(STUDY, str(study[1]))
    paper.patients()
    paper.endpoints()
    model = paper.design.models["OS"]
    model = {**model, "references": {**(model.get("references") or {}), "age_band": "60-69"}}
    paper.design = replace(paper.design, models={**paper.design.models, "OS": model})
    capsys.readouterr()
    curves = paper.curves("OS", by="age_band", at=[24], ratio=True).rows
    parts = paper.within(["OS"], "age_band", "sex", at=24).rows
    forest = paper.subgroups("OS", of="age_band", within=["sex"]).rows
    late = [
        paper.from_landmark("OS", "age_band", month=3),
        paper.landmark(["OS"], "age_band", month=3),
    ]
    for rows in (curves, parts, forest, *(one.rows for one in late)):
        held = rows[rows["statistic"] == "reference"]
        assert {*held["level"]} == {"60-69"}
    told = capsys.readouterr().out
    assert "< 50 against 60 to < 70" in told and "against < 50" not in told
    assert paper._references(curves).endswith(": 60 to < 70")


def test_whoever_attacks_a_safe_report_knows_what_a_merged_level_is_made_of(study):
    """33 superficial and 30 pTa, both told, pin down the 3 of pT1 in a band of 0 to 4."""
    design, path = study
    patients = cohort.load(str(path), design)
    levels = ["pTa"] * 30 + ["pT1"] * 3 + ["pT2"] * 120 + ["pT3"] * (len(patients) - 153)
    patients["pt"] = pd.Categorical(levels, categories=design.levels("pt"))
    frames = {"patients": cohort.add_factors(patients, design)}
    release = privacy.Release(5)
    release.endpoints(frames, design)
    said = {name: dict.fromkeys(design.levels(name), "band of 5") for name in ("pt", "depth")}
    said["pt"]["pTa"] = said["depth"]["superficial"] = "exact"
    counts = {name: frames["patients"][name].value_counts() for name in said}
    told = [
        {
            "covariate": name,
            "level": level,
            "statistic": "n",
            "estimate": counts[name][level] // 5 * 5 if "band" in how else counts[name][level],
            "method": how,
        }
        for name, held in said.items()
        for level, how in held.items()
    ]

    def pinned(nests):
        trial = attack.Attack(5, release.truth)
        found = trial.ranges(quantities.of(ledger.rows(told), 5, nests))
        return {c for one in found if one.values == 1 for c in one.terms[0][0].conditions}

    assert "pt=pT1" in pinned(release.nested) and "pt=pT1" not in pinned([])


def by_another(by, design):
    """The print of a Table 1 by another column: sizes, sexes, and age of all patients."""
    frame = cohort.add_factors(true_table(), design)
    claim = ledger.load_claims(STUDY).iloc[0].to_dict()
    rows = []
    for level, part in frame.groupby(by, observed=True):
        group = {**claim, "group": f"{by}={level}"}
        rows.append({**group, "value": float(len(part))})
        for sex, count in part["sex"].value_counts().items():
            rows.append({**group, "covariate": "sex", "level": sex, "value": float(count)})
        rows.append({**group, "statistic": "events", "endpoint": "OS", "value": 20.0})
    for name in ("min", "median", "max"):
        value = float(getattr(frame["age"], name)())
        rows.append(
            {**claim, "group": "all", "covariate": "age", "statistic": name, "value": value}
        )
    return pd.DataFrame(rows).assign(id=[f"b{k}" for k in range(len(rows))])


@pytest.mark.parametrize("by", ["old", "age_band", "depth"])
def test_groups_that_a_factor_makes_have_values_of_theirs(study, by):
    """Values were dealt out whatever the group, and its size was another in the cohort."""
    design, _ = study
    wishes = {**wishes_of(design), "groups": {"columns": [by]}}
    design = replace(design, table_one={**design.table_one, "by": by}, models={}, exposure=by)
    claims = by_another(by, design)
    found = search.prepare(design, wishes, claims, seed=1, effort=0.002)
    for state in (found.state, search.run(found, effort=0.002).state):
        made = state.x[found.columns.at(by)]
        sizes = claims[(claims["statistic"] == "n") & (claims["covariate"] == "")]["value"]
        assert np.bincount(made.astype(int)).tolist() == sizes.tolist()
        assert (made == state.table_group).all()


def test_a_band_between_two_steps_of_a_number_is_told(study):
    design, _ = study
    claims, wishes = ledger.load_claims(STUDY), wishes_of(design)
    wishes = {**wishes, "columns": {"age": {"grid": 25.0}}}
    with pytest.raises(DesignError, match="no value of age in steps of 25 is '60-69'"):
        search.prepare(design, wishes, claims, seed=1, effort=0.002)


@pytest.mark.parametrize("pair", [("age_band=under_50", "depth=deep"), ("depth=deep", "old=yes")])
def test_what_no_patient_has_may_be_said_of_a_factor(study, pair):
    """It ended in a StopIteration: what follows from another column is not exchanged itself."""
    design, _ = study
    wishes = {**wishes_of(design), "realism": {"never": [list(pair)]}}
    found = search.prepare(design, wishes, ledger.load_claims(STUDY), seed=1, effort=0.002)
    held = [
        found.state.x[found.columns.at(name)] == design.levels(name).index(level)
        for name, level in (part.split("=") for part in pair)
    ]
    assert held[0].any() and held[1].any() and not (held[0] & held[1]).any()


def test_what_no_patient_has_does_not_begin_with_a_group(study):
    design, _ = study
    wishes = {**wishes_of(design), "realism": {"never": [["treated=no", "depth=deep"]]}}
    with pytest.raises(DesignError, match="name the other condition first"):
        search.prepare(design, wishes, ledger.load_claims(STUDY), seed=1, effort=0.002)


def test_a_pair_that_no_cohort_avoids_is_named(study, monkeypatch):
    design, _ = study
    monkeypatch.setattr(start, "_repair", lambda *_: False)
    wishes = {**wishes_of(design), "realism": {"never": [["depth=deep", "age>0"]]}}
    told = r"\[realism\] never: no cohort avoids depth=deep and age>0: too many patients have both"
    with pytest.raises(DesignError, match=told):
        search.prepare(design, wishes, ledger.load_claims(STUDY), seed=1, effort=0.002)


@pytest.mark.parametrize(
    ("out", "counts"), [(True, [26, 26, 24, 24, 20]), (False, [26, 26, 24, 24])]
)
def test_percentages_of_merged_levels_are_of_the_patients_who_have_one(study, out, counts):
    """Of 120 patients 100 have a level: the others are those left out, or unknown."""
    design, _ = study
    if not out:
        pt = {**design.columns["pt"], "levels": ["pTa", "pT1", "pT2", "pT3"]}
        depth = {k: v for k, v in design.factors["depth"].items() if k != "left_out"}
        design = replace(design, columns={**design.columns, "pt": pt}, factors={"depth": depth})
    claim = {**ledger.load_claims(STUDY).iloc[0], "group": "treated=no", "covariate": "depth"}
    told = {"superficial": 52.0, "deep": 48.0}
    rows = [{**claim, "statistic": "percent", "level": k, "value": v} for k, v in told.items()]
    rows += [{**claim, "statistic": "missing", "level": "", "value": 20.0}]
    claims = pd.DataFrame(rows)
    gaps = spreads.unknown(design, {}, claims, "pt").get("no", 0)
    assert gaps == (0 if out else 20)
    assert spreads.category_counts(design, claims, "treated=no", "pt", 120, gaps) == (
        [26, 26, 24, 24, *([20] if out else [])]
    )


@pytest.mark.parametrize(
    ("labels", "label", "named"),
    [
        ({"small": "≤20", "larger": ">20"}, "Tumor size >20 mm", "larger"),
        ({"small": "≤20", "larger": ">20"}, "Tumor size ≤ 20 mm", "small"),
        ({"small": "≤20", "larger": ">20"}, "Tumor size ≥20 mm", None),
        ({"small": "≤20", "larger": ">20"}, "Tumor size <20 mm", None),
        ({}, "Tumor size <=20 mm", "small"),
        ({}, "Tumor size >20 mm", None),
        ({}, "Tumor size 20", None),
    ],
)
def test_a_sign_before_a_number_is_part_of_a_levels_name(study, labels, label, named):
    """ "> 20" was read as the level of "<= 20", and the two groups changed places."""
    design, _ = study
    size = {"type": "category", "levels": ["le20", "s20_50", "gt50"], "role": "baseline"}
    size |= {"label": "Tumor size (mm)"}
    size |= {"labels": {"le20": "<=20", "s20_50": "20-50", "gt50": ">50"}}
    groups = {"small": ["le20"], "larger": ["s20_50", "gt50"]}
    factor = {"source": "size", "groups": groups, "levels": list(groups), "label": "Size in two"}
    factor |= {"labels": labels} if labels else {}
    design = replace(
        design,
        columns={**design.columns, "size": size},
        factors={**design.factors, "size_cat": factor},
    )
    rows = [["", "Untreated (n = 120)", "Treated (n = 120)"]]
    rows += [[f"{label}, n (%)", "20 (16.7)", "30 (25.0)"]]
    made = claims_of(rows, design, "two-groups", place="table1")
    found = {(c["covariate"], c["level"]) for c in made.claims if c["covariate"]}
    assert found <= {("size_cat", named), ("size", "le20" if named == "small" else None)}
    assert bool(found) == (named is not None) and bool(made.questions) == (named is None)
