"""One effect under many specifications: what is chosen, what is estimated, what chance gives."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crlm import cohort as cohort_room
from crlm import endpoints, ledger, regression, scores, specification, survival
from crlm.ledger import CohortError, ParameterError
from crlm.reconstruction import certificate
from crlm.regression import engine
from crlm.regression.terms import follow_up
from crlm.report import figures
from crlm.specification import MEASURES, MISSING, forms, permutation

DESIGN = replace(
    ledger.load_design("mskcc_hai"),
    factors={"old": {"source": "age", "rule": ">", "cut": 60.0, "levels": ["no", "yes"]}},
)


def factor(values, levels=("no", "yes")):
    return pd.Categorical.from_codes(values, levels)


def cohort(n=160, seed=0, effect=0.0, months=0.5, missing=0.12):
    """Patients with an exposure, four candidates (two with gaps), tied times and a third frame."""
    rng = np.random.default_rng(seed)
    exposed, sex = rng.integers(2, size=n), rng.integers(2, size=n)
    age, stage = rng.normal(60, 9, n).round(1), rng.integers(3, size=n)
    hazard = np.exp(effect * exposed + 0.3 * sex + 0.02 * (age - 60) + 0.2 * stage)
    death, last = rng.exponential(20 / hazard), rng.uniform(5, 60, n)
    time = np.ceil(np.minimum(death, last) / months) * months if months else np.minimum(death, last)
    gap = np.where(rng.random(n) < missing, np.nan, age)
    old = np.where(np.isnan(gap), -1, gap > 60).astype(int)
    return pd.DataFrame(
        {
            "time": time,
            "event": death <= last,
            "endpoint": "OS",
            "hai": factor(exposed),
            "sex": factor(sex, ["female", "male"]),
            "age": gap,
            "old": factor(old),
            "stage": factor(np.where(rng.random(n) < missing / 2, -1, stage), ["I", "II", "III"]),
            "size": rng.gamma(2, 2, n).round(1),
        }
    )


POOL = ["sex", "old", "stage", "size"]


def by_hand(frame, row):
    """The analysis frame and adjusters of a specification, made from its words alone."""
    frame, names = frame.copy(), [name for name in row["adjusters"].split(" + ") if name]
    quantities = {"old": "age", "size": "size"}
    centre = {name: frame[source].median() for name, source in quantities.items()}
    for name, source in quantities.items():
        values = frame[source]
        if row["measure"] == "cut at the median":
            frame[name] = (values > centre[name]).astype(float).where(values.notna())
        elif row["measure"] == "continuous":
            frame[name] = values
        elif row["measure"] == "logarithm":
            frame[name] = np.log(1 + values)
    if row["population"] != "all patients":
        assert row["population"] == "without Sex: male"
        frame = frame[frame["sex"] != "male"]
    if row["missing"] == "complete cases of all candidates":
        frame = frame[frame[POOL].notna().all(axis=1)]
    if row["missing"] == "missing as a level":
        for name in [name for name in names if frame[name].isna().any()]:
            column = frame[name]
            if column.dtype == float:
                frame[f"{name}_unknown"] = column.isna().astype(float)
                frame[name] = column.fillna(0.0)
                names.append(f"{name}_unknown")
            else:
                frame[name] = column.cat.add_categories("unknown").fillna("unknown")
    return frame, names


@pytest.mark.parametrize("late", [False, True])
def test_each_estimate_is_that_of_the_cox_model(late):
    whole = cohort()
    # As after eligibility: rows are missing, and the rest keep the labels they had.
    whole = whole.set_axis(np.random.default_rng(5).permutation(len(whole)) * 7 + 2)
    if late:
        whole["entry"] = np.where(np.arange(len(whole)) % 3 == 0, whole["time"] / 3, 0.0)
    frames = {
        "whole": whole,
        "short": specification.followed_to(whole, 24),
        "from month 6": survival.landmark(whole, 6),
    }
    plan = specification.declare(frames, "hai", POOL, DESIGN, exclusions=["sex=male"], most=110)
    curve = specification.curve(plan)
    for column, values in (
        ("measure", MEASURES),
        ("missing", MISSING),
        ("ties", ["efron", "breslow"]),
        ("rule", frames),
        ("population", ["all patients", "without Sex: male"]),
    ):
        assert set(curve[column]) == set(values)
    for row in curve.to_dict("records"):
        frame, names = by_hand(frames[row["rule"]], row)
        rows = regression.cox(frame, ["hai", *names], ties=row["ties"])
        ratio = rows[(rows["covariate"] == "hai") & (rows["statistic"] == "hazard_ratio")].iloc[0]
        p = rows.loc[(rows["covariate"] == "hai") & (rows["statistic"] == "p"), "estimate"].iloc[0]
        expected = [*ratio[["estimate", "conf_low", "conf_high"]], p]
        got = [row[k] for k in ("hazard_ratio", "conf_low", "conf_high", "p")]
        assert row["status"] == "estimated"
        np.testing.assert_allclose(got, expected, rtol=1e-8)
        n = rows[rows["statistic"] == "n"].iloc[0]
        assert (row["n"], row["events"]) == (n["n"], n["events"])


def test_three_patients_by_hand():
    """Deaths of an exposed and an unexposed patient, then an exposed one is censored.

    The partial likelihood is r / (2r + 1) * 1 / (1 + r), greatest where 2 r^2 = 1.
    """
    frame = pd.DataFrame(
        {"time": [1.0, 2.0, 3.0], "event": [True, True, False], "hai": factor([1, 0, 1])}
    )
    curve = specification.curve(specification.declare({"all": frame}, "hai", [], DESIGN))
    assert len(curve) == 1
    assert curve["hazard_ratio"].iloc[0] == pytest.approx(np.sqrt(0.5), abs=1e-9)
    # Information at r: 2r / (2r + 1)^2 + r / (1 + r)^2.
    r = np.sqrt(0.5)
    error = (2 * r / (2 * r + 1) ** 2 + r / (1 + r) ** 2) ** -0.5
    assert curve["conf_high"].iloc[0] == pytest.approx(r * np.exp(1.959964 * error), rel=1e-6)


def test_the_same_model_counts_once():
    """No ties, nothing missing: only sets and measures differ, and these only with a number."""
    frame = cohort(missing=0.0, months=0)
    plan = specification.declare(
        {"a": frame, "again": frame.copy()},
        "hai",
        ["sex", "size"],
        DESIGN,
        exclusions=["hai=none", "grade=3"],
    )
    curve = specification.curve(plan)
    assert len(curve) == 2 + 2 * 3
    assert curve["hazard_ratio"].round(12).nunique() == len(curve)
    assert set(curve["rule"]) == {"a"} and set(curve["population"]) == {"all patients"}
    assert plan.possible == 4 * 4 * 3 * 2


def test_the_papers_model_is_the_first():
    design = replace(DESIGN, conventions={"ties": "breslow"})
    arguments = ({"all": cohort()}, "hai", POOL, design)
    curve = specification.curve(specification.declare(*arguments, printed=["hai", "old"], most=20))
    first = curve.iloc[0]
    assert curve["printed"].tolist() == [True] + 19 * [False]
    assert (first["adjusters"], first["ties"], first["measure"]) == ("old", "breslow", MEASURES[0])
    other = specification.declare(*arguments, printed=["hai", "crs"], most=20)
    assert not specification.curve(other)["printed"].any()


def test_the_seed_decides_and_the_frame_stays_as_it_was():
    frame = cohort()
    before = frame.copy(deep=True)
    arguments = ({"all": frame}, "hai", POOL, DESIGN)
    plans = [specification.declare(*arguments, most=25, seed=seed) for seed in (3, 3, 4)]
    draw = [specification.curve(plan) for plan in plans]
    pd.testing.assert_frame_equal(draw[0], draw[1])
    assert not draw[0].equals(draw[2])
    pd.testing.assert_frame_equal(frame, before)


def test_a_large_table_is_sampled_and_that_is_said():
    plan = specification.declare({"all": cohort(n=500)}, "hai", ["sex"], DESIGN, most_patients=200)
    curve = specification.curve(plan)
    assert curve["n"].max() == 200
    rows = specification.inference(plan, curve, claim="lower", permutations=9)
    assert "on a random 200 of the 500 patients" in rows["method"].iloc[0]


# ---- who is who ---------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped():
    design = ledger.load_design("mskcc_hai")
    files = [design.folder / f"{name}.csv" for name in ("cohort", "history")]
    patients = cohort_room.load(str(files[0]), design)
    kept = cohort_room.eligibility(patients, design).all(axis=1)
    history = cohort_room.load_history(str(files[1]), design)
    timed = scores.add(endpoints.from_history(patients, history, design))
    return design, endpoints.derive_all(cohort_room.add_factors(timed, design)[kept], design)


@pytest.mark.parametrize(
    ("endpoint", "paper", "median"), [("RFS", 0.6869, 0.6699), ("OS", 0.5323, 0.4400)]
)
def test_the_landmark_of_the_shipped_cohort_has_its_own_patients(shipped, endpoint, paper, median):
    """Every specification is the Cox model of its frame, and no longer 0.7635 and 0.4714."""
    design, frames = shipped
    whole, spec = frames[endpoint], design.models[endpoint]
    rules = {
        "whole": whole,
        "short": specification.followed_to(whole, 60),
        "from month 6": survival.landmark(whole, 6),
    }
    plan = specification.declare(
        rules,
        "hai",
        spec["covariates"],
        design,
        printed=spec["published"],
        exclusions=["extrahepatic=yes", "two_stage=yes"],
        measures=MEASURES[:1],
    )
    curve = specification.curve(plan)
    assert set(curve["rule"]) == set(rules)
    usual = (curve["missing"] == MISSING[0]) & (curve["population"] == "all patients")
    for row in curve[usual].groupby("rule").head(12).to_dict("records"):
        names = ["hai", *(name for name in row["adjusters"].split(" + ") if name)]
        rows = regression.cox(rules[row["rule"]], names, ties=row["ties"])
        ratio = rows[(rows["covariate"] == "hai") & (rows["statistic"] == "hazard_ratio")]
        assert row["hazard_ratio"] == pytest.approx(ratio["estimate"].item(), rel=1e-8)
    alone = regression.cox(rules["from month 6"], spec["published"], ties="efron")
    ratio = alone[(alone["covariate"] == "hai") & (alone["statistic"] == "hazard_ratio")]
    assert ratio["estimate"].item() == pytest.approx(paper, abs=5e-5)
    # The report's hundred specifications, of which these are from the landmark.

    plan = specification.declare(
        rules,
        "hai",
        spec["covariates"],
        design,
        printed=spec["published"],
        most=100,
        exclusions=["extrahepatic=yes", "two_stage=yes"],
        seed=1,
    )
    curve = specification.curve(plan)
    late = curve.loc[curve["rule"] == "from month 6", "hazard_ratio"]
    assert late.median() == pytest.approx(median, abs=5e-5)


@pytest.mark.parametrize("endpoint", ["OS", "SCP", "RFS"])
def test_restricted_means_of_the_shipped_cohort_are_not_blank(endpoint):
    """Sixty months lie beyond the follow-up of RAS mutant patients for SCP and RFS."""
    design = ledger.load_design("ncch_scp")
    files = [design.folder / f"{name}.csv" for name in ("cohort", "history")]
    frame = certificate.analysis_frames(design, *files)[endpoint]
    rows = survival.rmst(frame, "ras")
    assert rows["estimate"].notna().all() and len(rows) == 4
    why = "to 60 months" if endpoint == "OS" else "the end of follow-up of ras=mutant"
    assert rows["method"].str.contains(why, regex=False).all()
    asked = survival.rmst(frame, "ras", tau=60)
    assert asked["estimate"].isna().any() == (endpoint != "OS")


def test_frames_of_other_patients_are_refused():
    frame = cohort().set_axis(np.arange(160) + 5)
    late = survival.landmark(frame, 6)

    def declared(second, exposure="hai"):
        specification.declare({"whole": frame, "late": second}, exposure, ["sex"], DESIGN)

    declared(late)
    with pytest.raises(CohortError, match="'late' holds 5 patients who are not in the first"):
        declared(late.reset_index(drop=True))
    moved = late.set_axis(frame.index[: len(late)])
    other = int((moved["hai"].to_numpy() != frame.loc[moved.index, "hai"].to_numpy()).sum())
    assert other > 20
    with pytest.raises(CohortError, match=f"'late' has {other} patients with another hai"):
        declared(moved)
    with pytest.raises(CohortError, match="'late' has 1 patients with another size"):
        changed = late.copy()
        changed.loc[late.index[3], "size"] += 0.1
        declared(changed, "size")
    with pytest.raises(CohortError, match="stands in a frame twice"):
        declared(pd.concat([late, late.head(1)]))
    unknown = frame.copy()
    unknown.loc[late.index[:2], "hai"] = np.nan
    with pytest.raises(CohortError, match="'late' holds 2 patients whose hai the first frame"):
        specification.declare({"whole": unknown, "late": late}, "hai", ["sex"], DESIGN)
    # An exposure that is unknown in a later frame leaves its patient out there, no more.
    specification.declare({"whole": frame, "late": unknown}, "hai", ["sex"], DESIGN)


def test_no_two_rows_of_the_robustness_share_their_keys(shipped):
    design, frames = shipped
    found = []
    for name in ("OS", "RFS"):
        frame, spec = frames[name], design.models[name]
        late = survival.landmark(frame, 6)
        rule = regression.rule(spec["published"], selection="backward", univariable_p="wald")
        plan = specification.declare(
            {"whole": frame, "late": late}, "hai", spec["covariates"], design, most=12
        )
        found += [
            specification.inference(plan, specification.curve(plan), claim="lower", permutations=9),
            regression.regression_table(frame, rule),
            regression.bootstrap_selection(frame, rule, n_boot=3),
            regression.ph_test(frame, spec["published"]),
            regression.ph_test(frame, ["hai"], model="ph_test, hai alone"),
            regression.interaction(frame, "hai", "kras"),
            regression.interaction(frame, "hai", "margin"),
            regression.firth_cox(frame, spec["published"]),
            *(
                regression.cox(frame, spec["published"], ties=ties, model=f"printed, {ties}")
                for ties in ("efron", "breslow")
            ),
            survival.rmst(frame, "hai"),
            survival.summary(frame, "hai", times=[60]),
            survival.rate_difference(
                frame, ["kras", "hai"], "kras=wild,hai=yes", "kras=wild,hai=no", time=60
            ),
            regression.univariable(late, ["hai"], population=survival.from_month(6)),
            regression.time_dependent(
                frame.assign(from_two=2.0), "from_two", "from_two", adjust=["kras"]
            ),
        ]
    found += [
        survival.follow_up(frames["OS"]),
        survival.follow_up(frames["OS"], method="observed", model="observed"),
    ]
    rows = pd.concat(found, ignore_index=True)
    assert not rows[rows.duplicated(list(ledger.KEYS), keep=False)].to_dict("records")


# ---- no estimate ------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "adjusters", "why"),
    [
        ({"event": lambda f: f["event"] & (f["hai"] == "no")}, [], "effect is infinite"),
        ({"event": lambda f: f["event"] & (f["sex"] == "male")}, ["sex"], "covariate's effect"),
        ({"copy": lambda f: f["hai"].cat.codes.astype(float)}, ["copy"], "determine the exposure"),
        ({"event": lambda f: f.index == 0}, [], "fewer than two events"),
    ],
)
def test_what_has_no_estimate_says_so(change, adjusters, why):
    frame = cohort().assign(**change)
    plan = specification.declare({"all": frame}, "hai", adjusters, DESIGN)
    curve = specification.curve(plan)
    lost = curve[curve["status"] != "estimated"]
    assert len(lost) and lost["status"].str.contains(why, regex=False).all()
    assert lost[["hazard_ratio", "conf_low", "conf_high", "p"]].isna().all(axis=None)
    assert not (curve["hazard_ratio"] > 1e3).any()
    rows = specification.inference(plan, curve, claim="higher", permutations=9)
    assert f"{len(lost)} no estimate" in rows["method"].iloc[0]
    assert rows["n"].iloc[1] == len(curve) - len(lost)


def test_the_exposure_does_not_vary_in_one_population():
    frame = cohort()
    frame.loc[frame["sex"] == "female", "hai"] = "no"
    plan = specification.declare({"all": frame}, "hai", [], DESIGN, exclusions=["sex=male"])
    status = specification.curve(plan).groupby("population")["status"].unique()
    assert status["without Sex: male"] == ["no estimate: the exposure does not vary"]
    assert status["all patients"] == ["estimated"]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"exposure": "kras"}, ParameterError, "no column 'kras'"),
        ({"adjusters": ["crs"]}, ParameterError, "no column 'crs'"),
        ({"exposure": "stage"}, ParameterError, "3 levels"),
        ({"measures": ["thirds"]}, ParameterError, "thirds"),
        ({"missing": []}, ParameterError, "missing is empty"),
        ({"most": 0}, ParameterError, "nothing to draw"),
        ({"frames": {}}, ParameterError, "nothing to draw"),
        ({"adjusters": ["endpoint"]}, CohortError, "holds text"),
        ({"frames": {"a": pd.concat([cohort(), cohort()])}}, CohortError, "twice"),
    ],
)
def test_what_cannot_be_declared_is_refused(arguments, error, text):
    asked = {"frames": {"all": cohort()}, "exposure": "hai", "adjusters": POOL, "design": DESIGN}
    with pytest.raises(error, match=text):
        specification.declare(**{**asked, **arguments})


def test_unknown_claims_and_empty_tests_are_refused():
    plan = specification.declare({"all": cohort()}, "hai", ["sex"], DESIGN)
    curve = specification.curve(plan)
    with pytest.raises(ParameterError, match="higher"):
        specification.inference(plan, curve, claim="worse")
    with pytest.raises(ParameterError, match="permutations=0"):
        specification.inference(plan, curve, claim="higher", permutations=0)


# ---- inference --------------------------------------------------------------


def p_values(seed, effect, permutations=39):
    frame = cohort(n=90, seed=seed, effect=effect)
    plan = specification.declare({"all": frame}, "hai", POOL, DESIGN, most=12, seed=seed)
    curve = specification.curve(plan)
    rows = specification.inference(plan, curve, claim="higher", permutations=permutations)
    return rows[rows["statistic"] == "p"]["estimate"].to_numpy()


def test_without_an_effect_every_p_value_is_as_likely():
    found = np.array([p_values(seed, 0.0)[0] for seed in range(60)])
    assert 0.4 < found.mean() < 0.6
    assert (found <= 0.1).mean() < 0.2 and (found <= 0.5).mean() < 0.7


def test_a_strong_effect_beats_every_permutation():
    median, share = p_values(1, 1.5, permutations=99)
    assert median == pytest.approx(0.01)
    # A share cannot pass 100 %, which chance too reaches now and then.
    assert share <= 0.05


def test_the_claim_has_a_direction():
    frame = cohort(n=300, effect=1.0)
    plan = specification.declare({"all": frame}, "hai", POOL, DESIGN, most=30)
    curve = specification.curve(plan)
    assert (curve["hazard_ratio"] > 1).all() and (curve["p"] < 0.05).all()
    found = {}
    for claim in ("higher", "lower"):
        rows = specification.inference(plan, curve, claim=claim, permutations=19)
        found[claim] = rows.set_index(["model", "statistic"])["estimate"]
    claim = "specification curve, claim"
    assert (found["higher"][claim, "percent"], found["lower"][claim, "percent"]) == (100, 0)
    assert found["higher"][claim, "p"] <= 0.1 and found["lower"][claim, "p"] == 1
    middle = found["higher"]["specification curve", "hazard_ratio"]
    assert middle == pytest.approx(curve["hazard_ratio"].median())


def test_the_rows_are_result_rows_and_the_same_again():
    plan = specification.declare({"all": cohort()}, "hai", POOL, DESIGN, most=15)
    curve = specification.curve(plan)
    rows = [specification.inference(plan, curve, claim="lower", permutations=19) for _ in range(2)]
    pd.testing.assert_frame_equal(*rows)
    assert list(rows[0].columns) == list(ledger.ROW_COLUMNS)
    assert "19 permutations of the exposure" in rows[0]["method"].iloc[1]


@pytest.mark.parametrize("form", ["adjusted", "overlap weighted"])
def test_deals_of_many_patients_take_a_byte_each_and_tell_the_same(monkeypatch, form):
    plan = specification.declare({"all": cohort()}, "hai", POOL, DESIGN, most=15)
    plan = replace(plan, form=form)
    asked = (plan, -1, 0.05, 19, 10)
    whole = permutation.permuted(*asked)
    monkeypatch.setattr(permutation, "_MANY", 20)
    assert permutation._kept(plan.exposures) is np.int8
    assert permutation._kept(plan.exposures + 0.5) is np.float64
    kept = permutation.permuted(*asked)
    np.testing.assert_allclose(kept.median, whole.median, rtol=1e-12)
    np.testing.assert_array_equal(kept.share, whole.share)


def test_follow_up_can_end_early():
    frame = pd.DataFrame(
        {"time": [2.0, 6.0, 9.0], "event": [True, True, False], "entry": [0.0, 1.0, 7.0]}
    )
    short = specification.followed_to(frame, 6)
    assert short["time"].tolist() == [2, 6] and short["event"].tolist() == [True, True]
    shorter = specification.followed_to(frame, 5)
    assert shorter["time"].tolist() == [2, 5] and shorter["event"].tolist() == [True, False]


# ---- the figure -------------------------------------------------------------


def test_the_figure_says_what_it_shows():
    claims = ledger.load_claims("mskcc_hai")
    for most in (40, 140):
        plan = specification.declare({"all": cohort()}, "hai", POOL, DESIGN, most=most)
        curve = specification.curve(plan)
        printed = figures.published_ratio(curve, claims)
        picture = figures.specification_curve(curve, DESIGN, printed, title="OS by HAI")
        assert f"{len(curve)} specifications" in picture.alt and "Published: 0.53" in picture.alt
        assert "missing as a level" in picture.alt and "Sex" in picture.alt
        assert picture.width == 760


def test_without_an_estimate_there_is_no_figure():
    frame = cohort().assign(event=False)
    curve = specification.curve(specification.declare({"all": frame}, "hai", ["sex"], DESIGN))
    assert figures.specification_curve(curve, DESIGN, title="nothing") is None
    alone = specification.curve(specification.declare({"all": cohort()}, "hai", [], DESIGN, most=1))
    assert figures.specification_curve(alone, DESIGN, title="one").alt.count("1 specifications")


def test_a_table_without_patients_is_told_not_tripped_over():
    plan = specification.declare({"all": cohort().iloc[:0]}, "hai", ["sex", "old"], DESIGN)
    curve = specification.curve(plan)
    assert curve["status"].tolist() == ["no estimate: fewer than two events"]
    rows = specification.inference(plan, curve, claim="lower", permutations=9)
    assert rows["estimate"].iloc[1:].isna().all()


def test_a_deal_that_informs_no_model_warns_of_nothing(recwarn):
    """One exposed patient: many deals leave nothing to compare at any event."""
    time = np.arange(1.0, 31.0)
    frame = pd.DataFrame(
        {
            "time": time,
            "event": time > 28,
            "endpoint": "OS",
            "hai": pd.Categorical(["no"] * 29 + ["yes"], ["no", "yes"]),
        }
    )
    plan = specification.declare({"all": frame}, "hai", [], DESIGN, most=2)
    curve = specification.curve(plan)
    rows = specification.inference(plan, curve, claim="lower", permutations=40)
    assert len(rows) and not [str(w.message) for w in recwarn.list]


@pytest.mark.parametrize("seed", range(4))
def test_a_level_without_events_is_told_as_the_long_way_tells_it(seed, monkeypatch):
    frame = cohort(90, seed=seed, missing=0.2)
    rare = frame.index % 9 == seed % 9
    exposed = (frame["hai"] == "yes") & (frame["sex"] == "male")
    dead = frame["event"] & ~rare & ~(exposed if seed % 2 else False)
    frame = frame.assign(event=dead, rare=factor(rare.astype(int)))
    plan = specification.declare({"all": frame}, "hai", [*POOL, "rare"], DESIGN, most=250)
    quick = specification.curve(plan)
    monkeypatch.setattr(forms, "_runs_away", lambda *_: False)
    pd.testing.assert_frame_equal(quick, specification.curve(plan), check_exact=True)
    assert quick["status"].str.contains("a covariate's effect is infinite").any()


def test_no_estimate_beside_a_level_without_events_costs_no_more_steps(monkeypatch):
    frame = cohort(200, missing=0.0)
    rare = frame.index < 8
    frame = frame.assign(event=frame["event"] & ~rare, rare=factor(rare.astype(int)))
    steps = []
    call = engine._call

    def counted(*given, **more):
        steps.append(call(*given, **more))
        return steps[-1]

    monkeypatch.setattr(engine, "_call", counted)
    data = follow_up(frame)
    x = np.column_stack([rare, frame["hai"] == "yes"]).astype(float)
    told = forms._of_fit(data, x, "efron", 200)
    assert told[-1].endswith("(a level has no event)")
    assert len(steps) == 1 and steps[0].iter < 8
