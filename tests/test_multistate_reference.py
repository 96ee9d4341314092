"""The room of states against R: survival, cmprsk, etm and geepack, to 8 digits.

tests/reference/multistate.R stands above every number read here. Data: mgus2 (months, and with
age as the clock: late entry, near-ties), pbc (whole months, late entry), colon, myeloid (half
months; with and without late entry) and 20 patients that leave a group empty.
"""

import functools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from survival import datasets

from crlm import multistate
from crlm.multistate import STATES
from crlm.multistate.causes import causes_of
from crlm.multistate.occupation import groups_of
from crlm.multistate.process import aalen_johansen, errors
from crlm.multistate.pseudo import solve
from crlm.multistate.subdistribution import fit, subdistribution

Z = 1.959963984540054
TIMES = {
    "mgus2": (60, 120, 240),
    "mgus2 by age": (840, 960, 1080),
    "pbc": (12, 36, 60, 120),
    "few": (5, 8, 12),
}
DIGITS = {"rtol": 1e-8, "atol": 1e-9}


@functools.cache
def reference():
    path = Path(__file__).parent / "reference" / "multistate.csv"
    return pd.read_csv(path, keep_default_na=False, na_values=["NA", "NaN"], dtype={"group": str})


def told(data, part, quantity, *keys):
    """What R printed, by the asked keys."""
    table = reference().query("data == @data and part == @part and quantity == @quantity")
    assert len(table), (data, part, quantity)
    return table.set_index(list(keys))["value"]


# ---- events with causes -----------------------------------------------------


def caused(time, code, names, **columns):
    code = np.asarray(code, dtype=int)
    cause = pd.Categorical.from_codes(code - 1, names)
    columns = {name: np.asarray(column) for name, column in columns.items()}
    return pd.DataFrame(
        {"time": np.asarray(time, float), "event": code > 0, "cause": cause, **columns}
    )


def thirds(values, cuts):
    return pd.cut(values, cuts, labels=["young", "middle", "old"]).astype("category")


def mgus2(by_age=False):
    d = pd.DataFrame(datasets.load_mgus2())
    time = np.where(d["pstat"] == 0, d["futime"], d["ptime"])
    start = 12.0 * d["age"] if by_age else 0.0 * d["age"]
    code = np.where(d["pstat"] == 0, 2 * d["death"], 1)
    male = (d["sex"] == "M").astype(float)
    frame = caused(
        start + time + 0.1 * by_age,
        code,
        ["pcm", "death"],
        entry=start,
        age=d["age"].astype(float),
        sexM=male,
        w=1 + 0.5 * male + 0.25 * (d["age"] > 70),
    )
    third = thirds(d["age"], [0, 60, 75, 120]).to_numpy()
    return frame.assign(
        sex=pd.Categorical(d["sex"], ["F", "M"]),
        third=pd.Categorical(third, ["young", "middle", "old"]),
    )


def pbc():
    d = pd.DataFrame(datasets.load_pbc())
    time = np.ceil(d["time"] / 30.4375)
    entry = np.where(d["id"] % 3 == 0, (d["id"] % 7) / 2, 0.0)
    male = (d["sex"] == "m").astype(float)
    frame = caused(
        time,
        d["status"],
        ["transplant", "death"],
        age=d["age"].astype(float),
        entry=np.where(entry < time, entry, 0.0),
        sexM=male,
        w=1 + (d["age"] > 50) / 3,
    )
    return frame.assign(sex=pd.Categorical(d["sex"], ["f", "m"]))


def few():
    third = np.array([1, 1, 1, 2, 2, 2, 1, 3, 3, 2, 3, 1, 2, 3, 3, 2, 3, 2, 1, 3]) - 1
    male = np.tile([0.0, 1.0], 10)
    frame = caused(
        [1, 2, 2, 3, 3, 4, 5, 6, 6, 7, 8, 8, 9, 10, 11, 12, 12, 13, 14, 15],
        [1, 1, 2, 0, 1, 2, 1, 2, 1, 0, 2, 1, 0, 2, 1, 1, 2, 0, 2, 1],
        ["one", "two"],
        age=[3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4],
        sexM=male,
        w=np.ones(20),
    )
    return frame.assign(
        sex=pd.Categorical.from_codes(male.astype(int), ["F", "M"]),
        third=pd.Categorical.from_codes(third, ["young", "middle", "old"]),
    )


@functools.cache
def caused_set(name):
    made = {"mgus2": mgus2, "mgus2 by age": lambda: mgus2(by_age=True), "pbc": pbc, "few": few}
    return made[name]()


@pytest.fixture(params=list(TIMES))
def name(request):
    return request.param


def causes(frame):
    return list(frame["cause"].cat.categories)


def close(ours, theirs, **more):
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    np.testing.assert_allclose(ours, theirs, **{**DIGITS, **more})


def test_incidence_with_limits(name):
    frame = caused_set(name)
    found = multistate.incidence(frame, "sex", causes(frame), TIMES[name], min_at_risk=0)
    ours = found[found["model"] == "aalen-johansen"]
    ours = ours[ours["statistic"] == "cumulative_incidence"]
    for quantity in ("estimate", "conf_low", "conf_high"):
        theirs = told(name, "incidence", quantity, "group", "level", "time")
        for row in ours.to_dict("records"):
            key = (row["group"].removeprefix("sex="), row["level"], row["time"])
            close(row[quantity] / 100, theirs[key], equal_nan=True)


def test_one_minus_kaplan_meier(name):
    frame = caused_set(name)
    found = multistate.incidence(frame, "sex", causes(frame), TIMES[name], min_at_risk=0)
    theirs = told(name, "naive incidence", "estimate", "group", "level", "time")
    ours = found[found["model"] == "one minus km"]
    assert len(ours) == len(theirs)
    for row in ours.to_dict("records"):
        key = (row["group"].removeprefix("sex="), row["level"], row["time"])
        close(row["estimate"] / 100, theirs[key])


def test_errors_of_weighted_and_naive_curves(name):
    frame = caused_set(name)
    group = causes_of(frame, None, frame["w"].to_numpy())[0]
    process, times = group.process(), np.array(TIMES[name], float)
    path = aalen_johansen(process, group.weights)
    error = errors(process, path, process.snapped(times), "probability", group.weights)
    for k, cause in enumerate(causes(frame), 1):
        theirs = told(name, "weighted", "estimate", "level", "time")[cause]
        close(path.at(process.snapped(times))[:, k, 0], theirs)
        close(error[:, k], told(name, "weighted", "se", "level", "time")[cause])


def test_differences_have_the_root_of_both_errors(name):
    frame = caused_set(name)
    found = multistate.incidence(frame, "sex", causes(frame), TIMES[name], min_at_risk=0)
    share = told(name, "incidence", "estimate", "group", "level", "time")
    error = told(name, "incidence", "se", "group", "level", "time")
    first, second = frame["sex"].cat.categories
    rows = found[found["statistic"] == "cumulative_incidence_difference"]
    assert len(rows) == len(share) / 2
    for row in rows.to_dict("records"):
        key = (row["level"], row["time"])
        close(row["estimate"] / 100, share[second, *key] - share[first, *key])
        spread = np.hypot(error[second, *key], error[first, *key])
        if np.isfinite(row["conf_low"]):
            close((row["conf_high"] - row["conf_low"]) / 200 / Z, spread)


@pytest.mark.parametrize("late", ["mgus2 by age", "pbc"])
def test_late_entry_by_a_second_program(late):
    frame = caused_set(late)
    found = multistate.incidence(frame, None, causes(frame), TIMES[late], min_at_risk=0)
    theirs = told(late, "etm", "estimate", "level", "time")
    for row in found[found["model"] == "aalen-johansen"].to_dict("records"):
        close(row["estimate"] / 100, theirs[row["level"], row["time"]])


@pytest.mark.parametrize("prompt", ["mgus2", "few"])
@pytest.mark.parametrize("by", ["sex", "third"])
def test_gray(prompt, by):
    frame = caused_set(prompt)
    found = multistate.gray(frame, by).set_index(["statistic", "level"])
    theirs = told(prompt, "gray", "chi_square", "group", "level")[by]
    for cause in causes(frame):
        close(found.loc[("chi_square", cause), "estimate"], theirs[cause])
        df = told(prompt, "gray", "df", "group", "level")[by, cause]
        assert f"{df:.0f} df" in found.loc[("chi_square", cause), "method"]


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_fine_gray(name, ties):
    frame = caused_set(name)
    for cause in causes(frame):
        found = multistate.fine_gray(frame, ["age", "sexM"], cause, ties=ties)
        ours = found[found["statistic"] == "subdistribution_hazard_ratio"]
        coef = told(name, f"fine-gray {ties}", "coef", "group", "level")[cause]
        error = told(name, f"fine-gray {ties}", "se", "group", "level")[cause]
        close(np.log(ours["estimate"]), coef[ours["covariate"]])
        width = np.log(ours["conf_high"] / ours["conf_low"]) / 2 / Z
        close(width, error[ours["covariate"]])


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cause_specific(name, ties):
    frame = caused_set(name)
    for cause in causes(frame):
        found = multistate.cause_specific(frame, ["age", "sexM"], cause, ties=ties)
        ours = found[found["statistic"] == "hazard_ratio"]
        coef = told(name, f"cause {ties}", "coef", "group", "level")[cause]
        close(np.log(ours["estimate"]), coef[ours["covariate"]])
        assert set(ours["population"]) == {f"resection>{cause}"}


def test_pseudo_values(name):
    frame = caused_set(name)
    for cause in causes(frame):
        theirs = told(name, "pseudo", "value", "group", "level", "time")[cause]
        ours = multistate.pseudo_values(frame, theirs.index[0][1], cause)
        close(ours.iloc[:6], theirs, atol=1e-8)


@pytest.mark.parametrize("link", ["identity", "logit"])
def test_regression_of_pseudo_values(name, link):
    frame = caused_set(name)
    for cause in causes(frame):
        if (name, cause, link) == ("few", "two", "logit"):
            continue
        coef = told(name, f"pseudo {link}", "coef", "group", "level", "time")[cause]
        error = told(name, f"pseudo {link}", "se", "group", "level", "time")[cause]
        month = coef.index[0][1]
        y = multistate.pseudo_values(frame, month, cause).to_numpy()
        ours, covariance = solve(frame[["age", "sexM"]].to_numpy(), y, link)
        if np.abs(coef).max() > 100:  # R runs away; here it is said that there is no estimate
            rows = multistate.pseudo(frame, ["age", "sexM"], month, link=link, cause=cause)
            assert np.isnan(ours).all() and rows["estimate"].iloc[1:].isna().all()
            continue
        close(ours[1:], coef, rtol=1e-7)
        close(np.sqrt(np.diag(covariance))[1:], error, rtol=1e-7)
        rows = multistate.pseudo(
            frame, ["age", "sexM"], month, link=link, cause=cause, min_at_risk=0
        )
        told_by_rows = rows.set_index("covariate")["estimate"][["age", "sexM"]]
        close(told_by_rows, 100 * coef if link == "identity" else np.exp(coef), rtol=1e-7)


# ---- stays in states --------------------------------------------------------


def path(patient, r, f, d, end, entry=0.0):
    """One patient's stays by the rules of the reference; missing: did not happen."""
    if f <= r or (np.isnan(r) and not np.isnan(f)):
        r = np.nan
    when = [r, f, d]
    for k in (1, 2):
        before = np.nanmax([0.0, *when[:k]])
        when[k] = before + 0.25 if when[k] <= before else when[k]
    end = np.nanmax([end, *when])
    begun, state, rows = 0.0, 0, []
    for k, t in enumerate([*when, end]):
        if np.isnan(t) or state == 3 or t <= begun:
            continue
        to = STATES[k + 1] if k < 3 else None
        rows.append((patient, begun, t, STATES[state], to, begun))
        begun, state = t, k + 1
    rows = [(i, max(t0, entry), t1, a, b, s) for i, t0, t1, a, b, s in rows]
    return [row for row in rows if row[2] > row[1]]


def as_stays(rows, arm):
    frame = pd.DataFrame(rows, columns=["patient_id", "t0", "t1", "from", "to", "since"])
    for name in ("from", "to"):
        frame[name] = pd.Categorical(frame[name], STATES)
    return frame.assign(arm=frame["patient_id"].map(arm))


def myeloid(late):
    d = pd.DataFrame(datasets.load_myeloid())
    months = np.ceil(d[["txtime", "rltime", "futime"]] / 30.4375 * 2) / 2
    died = months["futime"].where(d["death"] == 1)
    entry = np.where(d["id"] % 3 == 0, (d["id"] % 11) * 1.5, 0.0) * late
    columns = (d["id"], months["txtime"], months["rltime"], died, months["futime"], entry)
    rows = [row for values in zip(*columns, strict=True) for row in path(*values)]
    return as_stays(rows, dict(zip(d["id"], (d["trt"] == "B").astype(int), strict=True)))


def colon():
    d = pd.DataFrame(datasets.load_colon())
    d = d[d["rx"] != "Lev"]
    death, recurrence = (d[d["etype"] == k].set_index("id").sort_index() for k in (2, 1))
    recurred = (recurrence["status"] == 1) & (recurrence["time"] < death["time"])
    rows = []
    for patient, end in death["time"].items():
        r = recurrence["time"][patient] if recurred[patient] else np.nan
        died = end if death["status"][patient] == 1 else np.nan
        rows += path(patient, float(r), np.nan, float(died), float(end))
    return as_stays(rows, (death["rx"] == "Lev+5FU").astype(int).to_dict())


@functools.cache
def stays_set(name):
    made = {"colon": colon, "myeloid": lambda: myeloid(0), "myeloid late": lambda: myeloid(1)}
    return made[name]()


WAYS = {
    "colon": ((365, 1000, 1826.25), (1826.25,), 365.25),
    "myeloid": ((6, 12, 36, 60), (36, 60), 12.0),
    "myeloid late": ((6, 12, 36, 60), (36, 60), 12.0),
}


@pytest.fixture(params=list(WAYS))
def way(request):
    return request.param


def test_the_stays_are_those_of_the_reference(way):
    assert len(stays_set(way)) == told(way, "rows", "n", "group")["all"]


@pytest.mark.parametrize("kind", ["probability", "months"])
def test_probabilities_and_months_with_their_errors(way, kind):
    times, taus, _ = WAYS[way]
    part, asked = {"probability": ("states", times), "months": ("months", taus)}[kind]
    for group in groups_of(stays_set(way), "arm"):
        arm = group.name.removeprefix("arm=")
        when = group.process.snapped(asked)
        value = group.path.at(when) if kind == "probability" else group.path.months(when)
        error = errors(group.process, group.path, when, kind)
        for quantity, ours in (("estimate", value[:, :, 0]), ("se", error)):
            theirs = told(way, part, quantity, "group", "level", "time")[arm]
            for (state, t), number in theirs.items():
                # The error of months is a numerical derivative in R.
                digits = {"rtol": 1e-6} if (kind, quantity) == ("months", "se") else {}
                close(ours[list(asked).index(t), STATES.index(state)], number, **digits)


def test_rows_of_states_hold_these_numbers(way):
    times, taus, _ = WAYS[way]
    found = multistate.states(stays_set(way), "arm", times, taus, samples=0, min_at_risk=0)
    assert not found.duplicated(["group", "level", "statistic", "time"]).any()
    share = found[found["statistic"] == "state_probability"].set_index(["group", "level", "time"])
    theirs = told(way, "states", "estimate", "group", "level", "time")
    for (arm, state, t), number in theirs.items():
        close(share.loc[(f"arm={arm}", state, t), "estimate"] / 100, number)
    gap = found[found["statistic"] == "months_in_state_difference"].set_index(["level", "time"])
    months = told(way, "months", "estimate", "group", "level", "time")
    error = told(way, "months", "se", "group", "level", "time")
    for state, t in months["0"].index:
        close(gap.loc[(state, t), "estimate"], months["1", state, t] - months["0", state, t])
        width = (gap.loc[(state, t), "conf_high"] - gap.loc[(state, t), "conf_low"]) / 2 / Z
        close(width, np.hypot(error["1", state, t], error["0", state, t]), rtol=1e-6)


def test_the_errors_of_months_by_the_engine():
    """`survfit_residuals(..., type="sojourn")`, which R 3.5-3 has wrong: 8 digits."""
    import survival

    rows = (
        stays_set("colon")
        .query("arm == 0")
        .assign(
            st=lambda d: pd.Categorical(
                d["to"].astype(object).fillna("censor"), ["censor", STATES[1], STATES[3]]
            ),
            state=lambda d: pd.Categorical(d["from"].astype(object), [STATES[0], STATES[1]]),
        )
    )
    fitted = survival.survfit("Surv(t0, t1, st) ~ 1", rows, id="patient_id", istate="state")
    residual = survival.survfit_residuals(fitted, times=[1826.25], type="sojourn", collapse=True)
    theirs = np.sqrt((np.asarray(residual.resid).reshape(-1, 3) ** 2).sum(axis=0))
    group = groups_of(stays_set("colon"), "arm")[0]
    ours = errors(group.process, group.path, np.array([1826.25]), "months")[0]
    close(np.sort(ours[ours > 0]), np.sort(theirs))


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("clock", ["forward", "reset"])
def test_transitions(way, ties, clock):
    found = multistate.transitions(stays_set(way), "arm", clock=clock, ties=ties)
    theirs = told(way, f"{clock} {ties}", "coef", "group")
    error = told(way, f"{clock} {ties}", "se", "group")
    ratios = found[found["statistic"] == "transition_hazard_ratio"].set_index("population")
    estimated = ratios["estimate"].dropna()
    assert set(estimated.index) == set(theirs.index)
    for pair, number in theirs.items():
        close(np.log(ratios.loc[pair, "estimate"]), number)
        width = np.log(ratios.loc[pair, "conf_high"] / ratios.loc[pair, "conf_low"]) / 2 / Z
        close(width, error[pair])


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_markov(way, ties):
    frame = stays_set(way)
    frame = frame.assign(since=frame["since"] * 12 / WAYS[way][2])
    found = multistate.markov(frame, "arm", ties=ties)
    ours = found[(found["covariate"] == "years_at_entry") & found["estimate"].notna()]
    ours = ours[ours["statistic"] == "transition_hazard_ratio"].set_index("population")
    theirs = told(way, f"markov {ties}", "coef", "group")
    assert set(ours.index) == set(theirs.index)
    for pair, number in theirs.items():
        close(np.log(ours.loc[pair, "estimate"]), number)


# ---- numbers that the specification of the chapter prints -------------------


def test_fine_gray_on_plain_arrays_is_what_the_rows_say():
    frame = caused_set("mgus2")
    data = subdistribution(causes_of(frame, None)[0], "pcm", "efron")
    found = fit(data, frame[["age", "sexM"]].to_numpy())
    # finegray, coxph(weights = fgwt, cluster = id) in R and in PyPI `survival`
    close(found.coef, [-0.0173017050751, -0.2597567914001], atol=1e-9, rtol=1e-7)
    close(np.sqrt(np.diag(found.var)), [0.00570293163538, 0.18563469477098], rtol=1e-8)
