"""The forms of the effect that specifications take: R, the chapter's estimators, and the deals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from survival import datasets

from crlm import causal, ledger, multistate, naming, specification, survival
from crlm.ledger import ParameterError
from crlm.multistate import subdistribution
from crlm.privacy.specifications import thinned
from crlm.regression.engine import FollowUp
from crlm.report import readings
from crlm.report.specifications import curves_table, models_told
from crlm.specification import FORMS, forms

REFERENCE = pd.read_csv(Path(__file__).parent / "reference" / "specification.csv").set_index(
    ["data", "form", "ties", "quantity"]
)["value"]
DESIGN = replace(ledger.load_design("mskcc_hai"), factors={})
COMPETING = ("cause specific", "fine-gray")
POOL = ["age", "nodes", "meno"]


def yes(mask):
    return pd.Categorical(np.where(mask, "yes", "no"), ["no", "yes"])


def load(name):
    return pd.DataFrame(getattr(datasets, f"load_{name}")())


def made(d, first, had, death, exposed, meno):
    """An analysis frame with the cause of each first event."""
    cause = np.where(had == 1, "recurrence", np.where(death == 1, "death", "none"))
    return pd.DataFrame(
        {
            "time": first.astype(float),
            "event": (had == 1) | (death == 1),
            "cause": pd.Categorical(cause, ["recurrence", "death"]),
            "endpoint": "RFS",
            "hai": yes(exposed),
            "age": d["age"].astype(float),
            "meno": np.asarray(meno, dtype=float),
        }
    )


def rotterdam():
    d = load("rotterdam")
    first = d["rtime"].where(d["recur"] == 1, d["dtime"])
    return made(d, first, d["recur"], d["death"], d["hormon"] == 1, d["meno"]).assign(
        nodes=d["nodes"].astype(float)
    )


def mgus2():
    d = load("mgus2").dropna(subset=["creat", "hgb", "mspike"])
    first = d["ptime"].where(d["pstat"] == 1, d["futime"])
    return made(d, first, d["pstat"], d["death"], d["mspike"] >= 1.5, d["sex"] == "M").assign(
        nodes=d["hgb"].astype(float)
    )


def printed(frame, ties, **more):
    """The plan of one specification: all covariates as they are."""
    return specification.declare(
        {"all": frame},
        "hai",
        list(more.pop("pool", POOL)),
        DESIGN,
        printed=more.pop("printed", POOL),
        measures=specification.MEASURES[:1],
        missing=specification.MISSING[:1],
        ties=[ties],
        most=1,
        **more,
    )


def log_and_error(curve):
    row = curve.iloc[0]
    assert row["status"] == "estimated"
    width = np.log(row["conf_high"]) - np.log(row["conf_low"])
    return [np.log(row["hazard_ratio"]), width / (2 * 1.959963984540054)]


@pytest.mark.parametrize(
    ("name", "ties"), [("rotterdam", "efron"), ("mgus2", "efron"), ("mgus2", "breslow")]
)
@pytest.mark.parametrize("form", [name for name in FORMS if name != "time dependent"])
def test_each_form_is_that_of_r(name, ties, form):
    plan = printed({"rotterdam": rotterdam, "mgus2": mgus2}[name](), ties, cause="recurrence")
    found = log_and_error(specification.curve(plan.under(form)))
    expected = [REFERENCE[name, form, ties, quantity] for quantity in ("log_hr", "se")]
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def hearts():
    """The Stanford hearts as patients: one row each, with the month of the transplant."""
    rows = load("heart")
    by = rows.groupby("id", sort=False)
    start = rows[rows["transplant"].astype(int) == 1].groupby("id")["start"].first()
    return pd.DataFrame(
        {
            "time": by["stop"].last().astype(float),
            "event": by["event"].last() == 1,
            "endpoint": "OS",
            "age": by["age"].first(),
            "surgery": by["surgery"].first().astype(float),
            "hai_start_months": start.reindex(by["stop"].last().index),
        }
    ).assign(hai=lambda d: yes(d["hai_start_months"].notna()))


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_treatment_from_its_start_is_that_of_r(ties):
    pool = ["age", "surgery"]
    plan = printed(hearts(), ties, pool=pool, printed=pool, start="hai_start_months")
    found = log_and_error(specification.curve(plan.under("time dependent")))
    expected = [REFERENCE["heart", "time dependent", ties, name] for name in ("log_hr", "se")]
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def patients(n=260, seed=2, effect=-0.4):
    """Patients with gaps, late entry, causes of two kinds and months of a start."""
    rng = np.random.default_rng(seed)
    exposed, sex = rng.integers(2, size=n), rng.integers(2, size=n)
    age = rng.normal(60, 9, n).round(1)
    rate = 0.04 * np.exp(effect * exposed + 0.3 * sex + 0.02 * (age - 60))
    liver, death, last = (rng.exponential(1 / r) for r in (rate, 0.02 + 0 * rate, 0.02 + 0 * rate))
    time = np.minimum(np.minimum(liver, death), last)
    cause = np.where(liver == time, "liver", np.where(death == time, "death", "none"))
    cause = np.where((cause == "liver") & (rng.random(n) < 0.05), "none", cause)
    return pd.DataFrame(
        {
            "time": time + 0.05,
            "event": last != time,
            "cause": pd.Categorical(cause, ["liver", "death"]),
            "endpoint": "RFS",
            "entry": np.where(rng.random(n) < 0.2, time / 3, 0.0),
            "hai": yes(exposed == 1),
            "sex": pd.Categorical.from_codes(sex, ["female", "male"]),
            "age": np.where(rng.random(n) < 0.1, np.nan, age),
            "size": rng.gamma(2, 2, n).round(1),
            "hai_start_months": np.where(exposed == 1, rng.uniform(0.5, 3, n), np.nan),
        }
    )


def ratio(rows, statistic="hazard_ratio"):
    part = rows[(rows["covariate"] == "hai") & (rows["statistic"] == statistic)]
    return part[["estimate", "conf_low", "conf_high"]].to_numpy()[0].astype(float)


def chapter_rows(frame, names, form, ties):
    """What the chapter's own function gives for a form with these covariates."""
    terms = [(name, "factor" if name == "sex" else "linear") for name in names]
    if form in ("overlap weighted", "att weighted"):
        kind = form.partition(" ")[0]
        model = causal.propensity(frame, "hai", terms)
        found = causal.weighted_effects(
            frame, "hai", model, kind=kind, times=[12], samples=0, seed=1, ties=ties
        )
        return ratio(found)
    if form == "cause specific":
        return ratio(multistate.cause_specific(frame, ["hai", *names], "liver", ties=ties))
    if form == "fine-gray":
        found = multistate.fine_gray(frame, [*names, "hai"], "liver", ties=ties)
        return ratio(found, "subdistribution_hazard_ratio")
    found = causal.time_dependent(frame, "hai", "hai_start_months", terms, ties=ties)
    return ratio(found[found["model"] == "time dependent"])


@pytest.mark.parametrize("form", [name for name in FORMS if name != "adjusted"])
def test_every_specification_is_the_chapters_estimate(form):
    """Late entry, gaps, a landmark, a shorter follow-up and a group left out included."""
    whole = patients()
    late = survival.landmark(whole, 2)
    late["hai_start_months"] = (late["hai_start_months"] - 2).clip(lower=0)
    rules = {"whole": whole, "short": specification.followed_to(whole, 20), "from month 2": late}
    plan = specification.declare(
        rules,
        "hai",
        ["sex", "age", "size"],
        DESIGN,
        measures=specification.MEASURES[:1],
        missing=specification.MISSING[:2],
        exclusions=["sex=male"],
        most=40,
        cause="liver",
        start="hai_start_months",
    )
    curve = specification.curve(plan.under(form))
    assert len(curve) == 40 and not curve["printed"].any() and set(curve["form"]) == {form}
    for row in curve.to_dict("records"):
        frame = rules[row["rule"]]
        if row["population"] != "all patients":
            frame = frame[frame["sex"] != "male"]
        if row["missing"] != specification.MISSING[0]:
            frame = frame[frame["age"].notna()]
        names = [name for name in row["adjusters"].split(" + ") if name]
        frame = frame[frame[names].notna().all(axis=1)]
        expected = chapter_rows(frame, names, form, row["ties"])
        got = [row[name] for name in ("hazard_ratio", "conf_low", "conf_high")]
        np.testing.assert_allclose(got, expected, rtol=1e-8, err_msg=str(row))


def test_the_adjusted_rows_do_not_know_of_other_forms():
    frame = patients()
    told = {"cause": "liver", "start": "hai_start_months"}
    plans = [
        specification.declare({"all": frame}, "hai", ["sex", "age"], DESIGN, most=20, **more)
        for more in ({}, told)
    ]
    curves = [specification.curve(plan) for plan in plans]
    pd.testing.assert_frame_equal(*curves)
    rows = [
        specification.inference(plan, curve, claim="lower", permutations=19)
        for plan, curve in zip(plans, curves, strict=True)
    ]
    pd.testing.assert_frame_equal(*rows)


def test_a_rule_for_competing_events_is_one_where_they_compete():
    """Deaths as events or censored: two adjusted models, one of each other form."""
    frame = patients(missing := 200)
    frame = frame[frame["event"] <= frame["cause"].notna()]
    censored = frame.assign(event=frame["cause"] == "liver")
    arguments = ({"event": frame, "censor": censored}, "hai", ["sex"], DESIGN)
    plan = specification.declare(*arguments, missing=specification.MISSING[:1], cause="liver")
    assert len(plan.specifications) == 2 * len(plan.under("fine-gray").specifications)
    assert missing == 200


def test_what_frames_cannot_give_is_refused():
    plan = specification.declare({"all": patients()}, "hai", ["sex"], DESIGN)
    for form, why in (("fine-gray", "no competing cause"), ("time dependent", "no start")):
        assert why in plan.lacks(form)
        with pytest.raises(ParameterError, match=why):
            plan.under(form)
    by_age = specification.declare({"all": patients()}, "age", ["sex"], DESIGN)
    assert "two sides" in by_age.lacks("overlap weighted")
    with pytest.raises(ParameterError, match="Did you mean 'fine-gray'"):
        plan.under("finegray")
    with pytest.raises(ParameterError, match="liver"):
        specification.declare({"all": patients()}, "hai", ["sex"], DESIGN, cause="livr")


@pytest.mark.parametrize("form", [*COMPETING, "overlap weighted", "att weighted", "time dependent"])
def test_a_level_without_an_event_has_no_estimate(form):
    frame = patients()
    frame = frame.assign(rare=yes(np.arange(len(frame)) < 12))
    bare = frame["rare"] == "yes"
    frame.loc[bare, "event"], frame.loc[bare, "cause"] = False, None
    told = {"cause": "liver", "start": "hai_start_months"}
    plan = printed(frame, "efron", pool=["rare"], printed=["rare"], **told)
    status = specification.curve(plan.under(form))["status"].iloc[0]
    if form.endswith("weighted"):
        assert status == "estimated"
    else:
        assert status == "no estimate: a covariate's effect is infinite (a level has no event)"
    if form == "time dependent":  # the treated have events before their start
        return
    untreated = frame["hai"] == "no"
    frame.loc[untreated, "event"], frame.loc[untreated, "cause"] = False, None
    plan = printed(frame, "efron", pool=["sex"], printed=["sex"], **told)
    status = specification.curve(plan.under(form))["status"].iloc[0]
    assert status.startswith("no estimate: the effect is infinite")


# ---- inference --------------------------------------------------------------


@pytest.mark.parametrize("form", [*COMPETING, "overlap weighted", "att weighted"])
def test_without_an_effect_every_p_value_of_a_form_is_as_likely(form):
    found = []
    for seed in range(40):
        frame = patients(n=90, seed=seed, effect=0.0)
        plan = specification.declare(
            {"all": frame}, "hai", ["sex", "age", "size"], DESIGN, most=6, seed=seed, cause="liver"
        ).under(form)
        curve = specification.curve(plan)
        rows = specification.inference(plan, curve, claim="higher", permutations=39)
        found.append(rows.loc[rows["statistic"] == "p", "estimate"].iloc[0])
    found = np.array(found)
    assert 0.35 < found.mean() < 0.65
    assert (found <= 0.1).mean() < 0.25 and (found <= 0.5).mean() < 0.75


@pytest.mark.parametrize("form", [*COMPETING, "overlap weighted", "att weighted"])
def test_a_strong_effect_beats_every_deal(form):
    frame = patients(n=400, effect=1.2)
    plan = specification.declare(
        {"all": frame}, "hai", ["sex", "age"], DESIGN, most=20, cause="liver"
    ).under(form)
    curve = specification.curve(plan)
    rows = specification.inference(plan, curve, claim="higher", permutations=99)
    median, share = rows.loc[rows["statistic"] == "p", "estimate"]
    assert median == pytest.approx(0.01) and share <= 0.05
    own = "specification curve, " + form
    assert set(rows["model"]) == {own, f"{own}, range", f"{own}, claim"}
    assert rows["statistic"].iloc[1] == FORMS[form].statistic
    where = "resection>liver" if form in COMPETING else "all"
    assert set(rows["population"]) == {where}


def test_a_start_is_not_dealt_out():
    plan = specification.declare(
        {"all": patients()}, "hai", ["sex"], DESIGN, start="hai_start_months"
    ).under("time dependent")
    rows = specification.inference(plan, specification.curve(plan), claim="lower", permutations=9)
    tests = rows[rows["statistic"] == "p"]
    assert tests["estimate"].isna().all()
    assert tests["method"].str.contains("could not start").all()


def test_the_score_of_a_weighted_column_is_the_slope_of_its_likelihood():
    frame = patients(n=120)
    data = FollowUp(*(frame[name].to_numpy() for name in ("time", "event", "entry")))
    data = replace(data, event=data.event.astype(int))
    given = np.random.default_rng(3).integers(2, size=(120, 4)).astype(float)
    weights = np.random.default_rng(4).uniform(0.2, 1, (120, 4))
    steps, tests = forms._weighted_score(data, given, weights)

    def likelihood(k, beta):
        total, risk = 0.0, weights[:, k] * np.exp(beta * given[:, k])
        for i in np.flatnonzero(data.event):
            at_risk = (data.time >= data.time[i]) & (data.entry < data.time[i])
            own = beta * given[i, k] - np.log(risk[at_risk].sum())
            total += weights[i, k] * own
        return total

    h = 1e-4
    for k in range(4):
        up, here, down = (likelihood(k, beta) for beta in (h, 0.0, -h))
        slope, bend = (up - down) / (2 * h), -(up - 2 * here + down) / h**2
        assert steps[k] == pytest.approx(slope / bend, rel=1e-4)
        fit = forms.robust_cox(data, given[:, [k]], weights[:, k], "breslow", np.arange(data.n))
        assert tests[k] == pytest.approx(fit.coef[0] / fit.error[0], rel=0.1, abs=0.05)


def test_the_score_of_a_column_added_to_fine_and_gray_is_the_slope_of_its_likelihood():
    plan = printed(
        patients(n=150).dropna(subset="age"),
        "efron",
        pool=["sex", "age"],
        printed=["sex", "age"],
        cause="liver",
    ).under("fine-gray")
    chosen = plan.specifications[0]
    x, laid = plan.arrays(chosen)[1], forms._laid_out(plan, chosen)
    added = np.random.default_rng(5).integers(2, size=(len(x), 5)).astype(float)
    score, information = subdistribution.added_columns(laid, x[:, :-1], added)
    coef = subdistribution.fit(laid, x[:, :-1]).coef
    for k in range(5):
        whole = np.column_stack([x[:, :-1], added[:, k]])
        whole = whole - whole.mean(axis=0)
        _, slope, bend = subdistribution._likelihood(laid, whole, np.append(coef, 0.0))
        assert score[k] == pytest.approx(slope[-1], abs=1e-8)
        assert information[k] == pytest.approx(1 / np.linalg.inv(bend)[-1, -1], rel=1e-8)


def test_a_safe_report_takes_no_form_that_a_few_patients_tell_apart():
    """Three deaths that compete, or three treatments that never began, are no form."""
    frame = patients(n=600).assign(entry=0.0)
    frame = frame[frame["event"] <= frame["cause"].notna()]
    few = frame["cause"] == "death"
    few &= few.cumsum() > 3
    told = {"cause": "liver", "start": "hai_start_months"}
    arguments = ("hai", ["sex", "age", "size"], DESIGN)
    plan = specification.declare({"all": frame[~few]}, *arguments, most=40, **told)
    fewest = 20
    assert len(plan.specifications) >= fewest and thinned(plan, 5) is not None
    assert all(thinned(plan.under(form), 5) is None for form in COMPETING)
    many = specification.declare({"all": frame}, *arguments, most=40, **told)
    assert all(thinned(many.under(form), 5) is not None for form in COMPETING)
    start = frame["hai_start_months"].where(frame["hai_start_months"] < frame["time"] - 0.01, 0.0)
    start = start.where(frame["hai"] == "yes")
    exposed = np.flatnonzero(frame["hai"] == "yes")
    for never, fine in ((0, True), (3, False), (9, True)):
        late = start.copy()
        late.iloc[exposed[:never]] = 500.0
        moved = {"all": frame.assign(hai_start_months=late)}
        own = specification.declare(moved, *arguments, most=40, **told).under("time dependent")
        assert (thinned(own, 5) is not None) == fine


# ---- what is shown ------------------------------------------------------------


def test_forms_stand_side_by_side_and_share_no_median():
    told = {"cause": "liver", "start": "hai_start_months"}
    plan = specification.declare({"all": patients()}, "hai", ["sex"], DESIGN, most=10, **told)
    parts = []
    for form in FORMS:
        own = plan.under(form)
        curve = specification.curve(own)
        parts.append(specification.inference(own, curve, claim="lower", permutations=9))
    rows = pd.concat(parts, ignore_index=True)
    keys = ["endpoint", "population", "covariate", "level", "model", "statistic"]
    assert not rows.duplicated(keys).any()
    lines = str(curves_table(rows, DESIGN, caption="RFS")).splitlines()
    named = [naming.model_words(name).lower() for name in FORMS]
    assert [
        line.lower().startswith(word) for line, word in zip(lines[2:], named, strict=False)
    ] == ([True] * len(FORMS))
    text = readings.other_forms(rows, DESIGN, list(FORMS))
    assert text.count("the ratio lies between") == len(FORMS) - 1
    compared = {name: form.estimand.format(cause="liver") for name, form in FORMS.items()}
    said = readings.estimands(compared)
    assert "no median is taken over them" in said
    for word in ("conditional", "marginal", "subdistribution"):
        assert word in said


def test_models_without_a_ratio_are_not_counted_with_the_others():
    some = pd.DataFrame({"hazard_ratio": [0.5, np.nan]})
    all_known = pd.DataFrame({"hazard_ratio": [2.0]})
    assert models_told([some]) == "1 of 2 models"
    assert models_told([some, all_known]) == "2 of 3 models"
    assert models_told([all_known]) == "1 model"
