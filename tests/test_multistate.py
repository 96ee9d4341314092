"""The room of states by hand: exact fractions, paths, resamples, and cohorts that give nothing."""

import itertools
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from crlm import cohort, endpoints, ledger, multistate, naming, regression, survival
from crlm.ledger import CohortError, ParameterError
from crlm.multistate import STATES
from crlm.multistate.causes import causes_of
from crlm.multistate.occupation import groups_of
from crlm.multistate.process import aalen_johansen, errors, influence, of_causes, of_stays
from crlm.survival.samples import make_sample

NCCH = ledger.load_design("ncch_scp")
CAUSES = ["liver", "elsewhere", "death"]
C, R, F, D = STATES


def as_stays(*rows, **columns):
    frame = pd.DataFrame(rows, columns=["patient_id", "t0", "t1", "from", "to"])
    frame["from"] = pd.Categorical(frame["from"], STATES)
    frame["to"] = pd.Categorical(frame["to"], STATES)
    return frame.assign(since=frame["t0"], **columns)


#: Recurrence, failure, death or censoring of six patients, in months.
SIX = as_stays(
    (1, 0, 4, C, R),
    (1, 4, 8, R, F),
    (1, 8, 12, F, D),
    (2, 0, 6, C, F),
    (2, 6, 14, F, None),
    (3, 0, 10, C, None),
    (4, 0, 9, C, R),
    (4, 9, 13, R, None),
    (5, 0, 7, C, D),
    (6, 0, 5, C, R),
    (6, 5, 11, R, D),
)


def caused(time, code, entry=None, group=None, levels=("no", "yes")):
    n = len(time)
    time, code = np.asarray(time, dtype=float), np.asarray(code, dtype=int)
    cause = pd.Categorical.from_codes(code - 1, CAUSES)
    group = np.where(np.arange(n) % 2, levels[1], levels[0]) if group is None else group
    frame = pd.DataFrame({"time": time, "event": code > 0, "cause": cause})
    frame = frame.assign(endpoint="first_recurrence", hai=pd.Categorical(group, levels))
    frame = frame.assign(age=50.0 + (7 * np.arange(n)) % 23)
    return frame if entry is None else frame.assign(entry=np.asarray(entry, dtype=float))


def only(found, **keys):
    for name, value in keys.items():
        found = found[found[name] == value]
    assert len(found) == 1, found
    return found.iloc[0]


# ---- by hand ----------------------------------------------------------------


def test_six_patients_in_fractions():
    """p(12) = (1/6, 1/6, 1/6, 1/2); months to 12 (43/6, 13/6, 5/3, 1), which sum to 12."""
    process = of_stays(SIX, STATES)
    path, at = aalen_johansen(process), np.array([12.0])
    share = [Fraction(1, 6), Fraction(1, 6), Fraction(1, 6), Fraction(1, 2)]
    months = [Fraction(43, 6), Fraction(13, 6), Fraction(5, 3), Fraction(1)]
    assert path.at(at)[0, :, 0] == pytest.approx([float(x) for x in share], abs=1e-15)
    assert path.months(at)[0, :, 0] == pytest.approx([float(x) for x in months], abs=1e-14)
    assert sum(months) == 12 and sum(share) == 1


def test_six_patients_as_rows():
    found = multistate.states(SIX, None, (0, 8, 12), 12, samples=0, min_at_risk=1)
    assert only(found, level=F, statistic="months_in_state")["estimate"] == pytest.approx(5 / 3)
    at_8 = found[(found["time"] == 8) & (found["statistic"] == "n_at_risk")]
    # Just before month 8: 3 and 4 controllable, 1 and 6 recurred, 2 failed; 5 is dead.
    assert at_8.set_index("level")["estimate"].to_dict() == {C: 2, R: 2, F: 1}
    dead = only(found, time=8.0, statistic="cumulative_events")
    assert (dead["level"], dead["estimate"]) == (D, 1)
    share = only(found, level=F, statistic="state_probability", time=8.0)
    assert share["estimate"] == pytest.approx(100 * 2 / 6) and share["events"] == 2
    assert found[found["statistic"] == "state_probability"].groupby("time")[
        "estimate"
    ].sum().tolist() == pytest.approx([100] * 3)


def test_six_patients_with_late_entry_in_fractions():
    """Patient 1 seen from month 4 on, patient 6 from month 8 on.

    Controllable, from 4 at risk (2, 3, 4, 5): 6 one fails 3/4, 7 one dies 2/4, 9 one recurs 1/4.
    Recurred: nobody has come there before 9 in the curve, so failure stays at 1/4 until then; of
    the 1/4 that recurs at 9 half dies at 11 (6 and 4 at risk).
    """
    late = SIX.copy()
    late.loc[late["patient_id"] == 1, "t0"] = late["t0"].clip(lower=4)
    late.loc[late["patient_id"] == 6, "t0"] = late["t0"].clip(lower=8)
    process = of_stays(late[late["t1"] > late["t0"]], STATES)
    assert process.at_risk([6, 8, 11]).tolist() == [[4, 1, 0, 0], [2, 1, 1, 0], [0, 2, 2, 0]]
    # Patient 1 dies at 12 as one of two in failure: 1/4 becomes 1/8.
    share = aalen_johansen(process).at(np.array([8.0, 11.0, 12.0]))[:, :, 0]
    by_hand = [[1 / 2, 0, 1 / 4, 1 / 4], [1 / 4, 1 / 8, 1 / 4, 3 / 8], [1 / 4, 1 / 8, 1 / 8, 1 / 2]]
    assert share == pytest.approx(np.array(by_hand), abs=1e-15)


def test_six_patients_with_causes_in_fractions():
    """Liver 2, censored 3, death 4, elsewhere 5, liver 5, censored 6.

    2: 1/6 liver, 5/6 free. 4: 1/4 of 5/6 dies, 5/24. 5: two thirds of 15/24 leave, 5/24 each.
    Alone, the liver has 1 - (5/6)(2/3) = 4/9.
    """
    frame = caused([2, 3, 4, 5, 5, 6], [1, 0, 3, 2, 1, 0])
    found = multistate.incidence(frame, None, CAUSES, [5], min_at_risk=1)
    share = found[found["model"] == "aalen-johansen"].set_index("level")["estimate"] / 100
    assert share.tolist() == pytest.approx([3 / 8, 5 / 24, 5 / 24], abs=1e-15)
    naive = only(found, model="one minus km", level="liver")
    assert naive["estimate"] / 100 == pytest.approx(4 / 9, abs=1e-15)
    flag = only(found, statistic="flag")
    assert flag["estimate"] == 1 and "12.5 points" in flag["method"]  # elsewhere: 1/3 - 5/24
    assert flag["covariate"] == "competing" and flag["model"] == "diagnostic"


def test_without_censoring_the_errors_are_those_of_a_share_and_of_a_mean():
    frame = caused(np.arange(1, 13), [1, 2, 3, 1] * 3)
    process = causes_of(frame, None)[0].process()
    path, when = aalen_johansen(process), np.array([8.0])
    share = path.at(when)[0, :, 0]
    assert share == pytest.approx([4 / 12, 4 / 12, 2 / 12, 2 / 12])
    binomial = np.sqrt(share * (1 - share) / 12)
    assert errors(process, path, when, "probability")[0] == pytest.approx(binomial)
    free = np.minimum(frame["time"], 8)
    assert path.months(when)[0, 0, 0] == pytest.approx(free.mean())
    deviation = free.std(ddof=0) / np.sqrt(12)
    assert errors(process, path, when, "months")[0, 0] == pytest.approx(deviation)


@pytest.mark.parametrize("kind", ["probability", "months"])
def test_the_influence_is_the_derivative_by_each_weight(kind):
    rng = np.random.default_rng(4)
    process, weights = of_stays(SIX, STATES), rng.uniform(0.5, 2, 6)
    at = np.array([11.5])

    def value(w):
        path = aalen_johansen(process, w)
        return (path.at(at) if kind == "probability" else path.months(at))[0, :, 0]

    found = influence(process, aalen_johansen(process, weights), 11.5, kind, weights)
    for patient in range(6):
        step = np.zeros(6)
        step[patient] = 1e-6
        slope = (value(weights + step) - value(weights - step)) / 2e-6
        assert found[patient] == pytest.approx(weights[patient] * slope, abs=1e-7)
    assert found.sum(axis=0) == pytest.approx([0, 0, 0, 0], abs=1e-12)


def test_limits_lie_where_the_formula_puts_them():
    frame = caused(np.arange(1, 41), [1, 0, 3, 2] * 10)
    row = only(
        multistate.incidence(frame, None, ["liver"], [20]), level="liver", model="aalen-johansen"
    )
    process = causes_of(frame, None)[0].process()
    p = row["estimate"] / 100
    error = errors(process, aalen_johansen(process), np.array([20.0]), "probability")[0, 1]
    shift = 1.959963984540054 * error / (p * np.log(p))
    assert sorted(100 * p ** np.exp([shift, -shift])) == pytest.approx(
        [row["conf_low"], row["conf_high"]]
    )


def test_curves_step_where_the_rows_say():
    frame = caused([2, 3, 4, 5, 5, 6], [1, 0, 3, 2, 1, 0])
    steps = multistate.incidence_curve(frame)
    liver = steps[steps["level"] == "liver"]
    assert liver["time"].tolist() == [0, 2, 4, 5, 6]
    assert liver["estimate"].tolist() == pytest.approx([0, 1 / 6, 1 / 6, 3 / 8, 3 / 8])
    assert liver["naive"].tolist() == pytest.approx([0, 1 / 6, 1 / 6, 4 / 9, 4 / 9])
    states = multistate.state_curve(SIX)
    assert states.groupby("time")["estimate"].sum().tolist() == pytest.approx([1] * 10)
    at_12 = states[states["time"] == 12].set_index("level")["estimate"]
    assert at_12.to_dict() == pytest.approx({C: 1 / 6, R: 1 / 6, F: 1 / 6, D: 1 / 2})
    assert states["time"].max() == 14
    few = multistate.state_curve(SIX, min_at_risk=3)
    kept = states[states["time"].isin(few["time"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(few, kept)
    assert few["time"].max() == 12, "of six patients three are left just before month 12"


def test_another_rule_has_rows_of_its_own():
    frame = caused(np.arange(1, 41), [1, 0, 3, 2] * 10)
    record = multistate.incidence(frame, "hai", CAUSES, [12])
    bound = frame.assign(time=frame["time"] - 0.5)
    other = multistate.incidence(bound, "hai", CAUSES, [12], model="recurrence bound")
    assert set(other["model"]) == {"recurrence bound"}
    ledger.collect([record, other])


# ---- near-ties, order, weights ------------------------------------------------


def test_times_that_differ_by_a_rounding_error_are_one():
    exact = caused([0.3, 0.3, 1, 2, 3, 4], [1, 2, 3, 0, 1, 0])
    near = exact.assign(time=[0.1 + 0.2, 0.3, 1, 2, 3, 4])
    for door in (
        lambda d: multistate.incidence(d, "hai", CAUSES, [0.3, 2], min_at_risk=1),
        lambda d: multistate.gray(d, "hai"),
        lambda d: multistate.fine_gray(d, ["age"], "liver"),
        lambda d: multistate.pseudo(d, ["age"], 0.3, cause="liver", min_at_risk=1),
    ):
        pd.testing.assert_frame_equal(door(exact), door(near))
    stays = SIX.assign(t1=SIX["t1"] / 10, t0=SIX["t0"] / 10)
    moved = stays.assign(t1=stays["t1"] * (1 + 1e-13), t0=stays["t0"] * (1 - 1e-13))
    one, other = (
        multistate.states(d, None, (0.5, 1.1), 1.2, samples=0, min_at_risk=1)
        for d in (stays, moved)
    )
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)


def test_the_order_of_patients_does_not_matter():
    rng = np.random.default_rng(2)
    frame = caused(rng.uniform(1, 80, 60).round(), rng.integers(0, 4, 60), rng.integers(0, 2, 60))
    frame = frame[frame["time"] > frame["entry"]]
    mixed = frame.sample(frac=1, random_state=5)
    for door in (
        lambda d: multistate.incidence(d, "hai", CAUSES, [24], min_at_risk=1),
        lambda d: multistate.gray(d, "hai"),
        lambda d: multistate.fine_gray(d, ["hai", "age"], "liver"),
        lambda d: multistate.pseudo(d, ["hai", "age"], 24, cause="liver", link="logit"),
    ):
        pd.testing.assert_frame_equal(door(frame), door(mixed), rtol=1e-9)
    one = multistate.states(SIX, None, (8,), 12, samples=0, min_at_risk=1)
    other = multistate.states(
        SIX.sample(frac=1, random_state=1), None, (8,), 12, samples=0, min_at_risk=1
    )
    pd.testing.assert_frame_equal(one, other)


def test_a_weight_of_two_is_the_patient_twice():
    frame = caused([2, 3, 4, 5, 5, 6, 8], [1, 0, 3, 2, 1, 0, 1], [0, 0, 1, 0, 2, 0, 3])
    twice = np.array([0, 1, 1, 2, 3, 4, 5, 5, 6])
    one = multistate.incidence(
        frame,
        None,
        CAUSES,
        [3, 5],
        min_at_risk=1,
        model="weighted",
        weights=np.bincount(twice).astype(float),
    )
    other = multistate.incidence(frame.iloc[twice], None, CAUSES, [3, 5], min_at_risk=1)
    other = other[other["model"] == "aalen-johansen"]
    assert one["estimate"].to_numpy() == pytest.approx(other["estimate"].to_numpy(), abs=1e-12)
    assert set(one["model"]) == {"weighted"}  # no naive curve, no flag beside weights


def test_counts_of_resamples_are_resampled_patients():
    process = of_stays(SIX, STATES)
    count = np.array([2, 0, 1, 1, 0, 2])
    path = aalen_johansen(process, np.array([np.ones(6), count]))
    copies = []
    for number, patient in enumerate(np.repeat(np.arange(1, 7), count)):
        copies.append(SIX[SIX["patient_id"] == patient].assign(patient_id=number))
    again = aalen_johansen(of_stays(pd.concat(copies), STATES))
    at = np.array([4.0, 7, 9, 12])
    assert path.at(at)[:, :, 1] == pytest.approx(again.at(at)[:, :, 0])
    assert path.months(at)[:, :, 1] == pytest.approx(again.months(at)[:, :, 0])
    assert path.months(at)[:, :, 0] == pytest.approx(aalen_johansen(process).months(at)[:, :, 0])


def test_one_state_is_the_same_by_running_products_and_step_by_step():
    """Competing causes have a short cut; a second state that nobody leaves takes it away."""
    frame = caused([2, 3, 4, 5, 5, 6, 7, 8], [1, 0, 3, 2, 1, 0, 1, 1])
    sample = make_sample(frame, np.arange(8))
    cause = np.where(frame["event"], frame["cause"].cat.codes, -1)
    short = of_causes(sample, cause, CAUSES)
    table = pd.DataFrame({"patient_id": range(8), "t0": 0.0, "t1": frame["time"], "from": "free"})
    table["to"] = frame["cause"].astype(object)
    extra = {"patient_id": 8, "t0": 8.5, "t1": 9.0, "from": "liver", "to": "death"}
    long = of_stays(pd.concat([table, pd.DataFrame([extra])]), ("free", *CAUSES))
    at = np.array([2.0, 5, 8])
    one, other = aalen_johansen(short), aalen_johansen(long)
    assert one.at(at)[:, :, 0] == pytest.approx(other.at(at)[:, :, 0], abs=1e-15)


# ---- Fine and Gray, Gray ------------------------------------------------------


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_without_censoring_fine_gray_keeps_the_others_at_risk_for_ever(ties):
    rng = np.random.default_rng(8)
    frame = caused(rng.integers(1, 20, 60), rng.integers(1, 4, 60))
    found = multistate.fine_gray(frame, ["hai", "age"], "liver", ties=ties)
    other = frame["cause"] != "liver"
    kept = frame.assign(time=frame["time"].where(~other, 99.0), event=~other)
    theirs = regression.cox(kept, ["hai", "age"], ties=ties)
    ours = found[found["statistic"] == "subdistribution_hazard_ratio"]["estimate"]
    ratios = theirs[theirs["statistic"] == "hazard_ratio"]["estimate"]
    assert ours.to_numpy() == pytest.approx(ratios.to_numpy(), rel=1e-9)


def test_cause_specific_and_fine_gray_have_rows_of_one_shape():
    rng = np.random.default_rng(9)
    frame = caused(rng.integers(1, 40, 90), rng.integers(0, 4, 90))
    frame["stage"] = pd.Categorical(np.tile(["I", "II", "III"], 30))
    one = multistate.cause_specific(frame, ["hai", "stage", "age"], "liver", population="kras=wild")
    other = multistate.fine_gray(frame, ["hai", "stage", "age"], "liver", population="kras=wild")
    named = {"subdistribution_hazard_ratio": "hazard_ratio"}
    keys = ["endpoint", "population", "covariate", "level", "statistic", "n", "events"]
    pd.testing.assert_frame_equal(one[keys], other.replace({"statistic": named})[keys])
    assert set(one["population"]) == {"kras=wild,resection>liver"}
    assert "p" not in set(one["statistic"]) and len(one) == 7


def test_gray_under_no_difference_rejects_as_often_as_it_says():
    rng = np.random.default_rng(12)
    p = []
    for _ in range(200):
        time, entry = rng.exponential(20, 80), rng.uniform(0, 10, 80)
        censored = rng.uniform(10, 60, 80)
        code = np.where(time <= censored, rng.integers(1, 4, 80), 0)
        frame = caused(np.minimum(time, censored), code, entry)
        frame = frame[frame["time"] > frame["entry"]]
        p.append(only(multistate.gray(frame, "hai", ["liver"]), statistic="p")["estimate"])
    # Where all of the few first comers have an event at once, a curve has nowhere to go.
    known = np.array(p)[~np.isnan(p)]
    assert len(known) >= 195 and 0.02 <= (known < 0.05).mean() <= 0.09
    assert 0.4 < known.mean() < 0.6


def test_gray_does_not_depend_on_which_group_comes_first():
    rng = np.random.default_rng(3)
    frame = caused(
        rng.integers(1, 30, 90),
        rng.integers(0, 4, 90),
        group=np.tile(["a", "b", "c"], 30),
        levels=("a", "b", "c"),
    )
    turned = frame.assign(hai=frame["hai"].cat.reorder_categories(["c", "a", "b"]))
    one, other = (multistate.gray(d, "hai")["estimate"] for d in (frame, turned))
    assert one.to_numpy() == pytest.approx(other.to_numpy(), rel=1e-9)


# ---- differences and resamples ------------------------------------------------


def many_stays(n, seed, **columns):
    rng = np.random.default_rng(seed)
    r, f, d = rng.exponential(20, n), rng.exponential(50, n), rng.exponential(90, n)
    end, rows = rng.uniform(30, 110, n), []
    for i in range(n):
        begun, state = 0.0, 0
        steps = [(r[i], 1), (r[i] + f[i] / 2 if i % 3 else f[i], 2), (d[i] + 3, 3)]
        for when, to in sorted(steps):
            if to <= state or when <= begun or begun >= end[i]:
                continue
            stop, target = (when, STATES[to]) if when < end[i] else (end[i], None)
            rows.append((i, begun, stop, STATES[state], target))
            begun, state = (stop, to) if target and to < 3 else (np.inf, state)
        if begun < end[i]:
            rows.append((i, begun, end[i], STATES[state], None))
    frame = as_stays(*rows)
    group = np.where(frame["patient_id"] % 2, "mutant", "wild")
    return frame.assign(ras=pd.Categorical(group, ["wild", "mutant"]), **columns)


def test_differences_are_second_minus_first_with_errors_of_both_kinds():
    stays = many_stays(160, 1)
    exact = multistate.states(stays, "ras", (12,), (36, 60), samples=0)
    drawn = multistate.states(stays, "ras", (12,), (36, 60), samples=1000, seed=3)
    for level, tau in itertools.product(STATES, (36.0, 60.0)):
        keys = {"level": level, "time": tau, "statistic": "months_in_state_difference"}
        one, other = only(exact, **keys), only(drawn, **keys)
        gap = [
            only(exact, level=level, time=tau, group=f"ras={g}")["estimate"]
            for g in ("wild", "mutant")
        ]
        assert one["estimate"] == other["estimate"] == pytest.approx(gap[1] - gap[0])
        assert one["group"] == "ras" and "ras=mutant minus ras=wild" in one["method"]
        widths = [row["conf_high"] - row["conf_low"] for row in (one, other)]
        # An error of 1,000 resamples has an error of its own of 1 / sqrt(2000).
        assert widths[1] / widths[0] == pytest.approx(1, abs=3 / np.sqrt(2000) + 0.02)
        assert sum(widths) > 0


def test_resamples_are_drawn_as_the_page_says():
    stays = many_stays(60, 5)
    found = multistate.states(stays, "ras", (12,), 36, samples=50, seed=7)
    rng = np.random.default_rng([7, 5])
    drawn = []
    for group in groups_of(stays, "ras"):
        counts = rng.multinomial(group.process.n, [1 / group.process.n] * group.process.n, size=50)
        drawn.append(aalen_johansen(group.process, counts).months(np.array([36.0]))[0])
    error = (drawn[1] - drawn[0]).std(axis=1, ddof=1)
    for level, spread in zip(STATES, error, strict=True):
        row = only(found, level=level, statistic="months_in_state_difference")
        width = 2 * 1.959963984540054 * spread
        assert row["conf_high"] - row["conf_low"] == pytest.approx(width)


def test_another_seed_moves_the_limits_alone():
    stays = many_stays(60, 5)
    one, other, same = (
        multistate.states(stays, "ras", (12,), 36, samples=40, seed=seed) for seed in (1, 2, 1)
    )
    pd.testing.assert_frame_equal(one, same)
    assert one["estimate"].equals(other["estimate"])
    assert not one["conf_low"].equals(other["conf_low"])


def test_weights_estimated_anew_widen_or_narrow_the_difference():
    rng = np.random.default_rng(6)
    frame = caused(rng.uniform(1, 90, 200), rng.integers(0, 4, 200))
    weights = rng.uniform(0.2, 0.8, 200)
    known = {"weights": weights, "model": "overlap weighted"}
    fixed = multistate.incidence(frame, "hai", ["liver"], [36], **known)
    asked = []

    def reweigh(count):
        asked.append(count.sum())
        return weights

    again = multistate.incidence(
        frame, "hai", ["liver"], [36], reweigh=reweigh, samples=400, **known
    )
    one, other = (
        only(found, statistic="cumulative_incidence_difference") for found in (fixed, again)
    )
    assert asked == [200] * 400 and "estimated anew" in other["method"]
    assert "taken as known" in one["method"]
    widths = [row["conf_high"] - row["conf_low"] for row in (one, other)]
    assert widths[1] / widths[0] == pytest.approx(1, abs=3 / np.sqrt(800) + 0.02)


def test_the_errors_cover_as_often_as_they_say():
    """Months in the recurrence state: 300 cohorts against 20,000 patients."""
    truth = aalen_johansen(of_stays(many_stays(20_000, 99), STATES)).months(np.array([48.0]))[
        0, :, 0
    ]
    inside = np.zeros(4)
    for seed in range(300):
        process = of_stays(many_stays(60, seed), STATES)
        path, at = aalen_johansen(process), np.array([48.0])
        gap = path.months(at)[0, :, 0] - truth
        inside += np.abs(gap) < 1.959963984540054 * errors(process, path, at, "months")[0]
    assert ((inside / 300 > 0.91) & (inside / 300 < 0.985)).all(), inside / 300


# ---- horizons -----------------------------------------------------------------


def test_a_horizon_of_nought_is_the_last_whole_month_with_enough_patients():
    stays = many_stays(80, 2)
    found = multistate.states(stays, "ras", (0, 100), 0, samples=0, min_at_risk=10)
    tau = found[found["statistic"] == "months_in_state"]["time"].unique()
    assert len(tau) == 1 and tau[0] == int(tau[0])
    left = [
        group.process.at_risk([tau[0], tau[0] + 1]).sum(axis=1) for group in groups_of(stays, "ras")
    ]
    assert all(now >= 10 for now, _ in left) and any(then < 10 for _, then in left)
    assert found[found["statistic"] == "months_in_state"]["estimate"].notna().all()


def test_beyond_it_nothing_is_estimated_and_the_method_says_so():
    stays = many_stays(80, 2)
    found = multistate.states(stays, "ras", (12, 100), (24, 100), samples=0)
    late = found[(found["time"] == 100) & found["statistic"].str.contains("months|probability")]
    assert len(late) == 2 * 4 + 3 * 4 and late["estimate"].isna().all()
    assert late["method"].str.contains("left at month 100, fewer than 10").all()
    assert found[found["time"] == 24]["estimate"].notna().all()
    causes = caused([5] * 12 + [40] * 8, [1] * 12 + [0] * 8)
    rows = multistate.incidence(causes, None, ["liver"], [12])
    row = only(rows, model="aalen-johansen")
    assert np.isnan(row["estimate"]) and row["n"] == 8 and row["events"] == 12
    assert row["method"] == "not estimated: 8 patients left at month 12, fewer than 10"
    assert np.isnan(only(rows, statistic="flag")["estimate"])


# ---- stays --------------------------------------------------------------------


def history(*courses):
    rows = []
    for number, course in enumerate(courses, start=1):
        for step in course.split("|"):
            day, event, details = [*step.split(None, 2), ""][:3]
            rows.append((f"P{number}", float(day), event, details.strip()))
    return pd.DataFrame(rows, columns=["patient_id", "day", "event", "details"])


def way(course, entry=None, **choices):
    table = pd.DataFrame({"patient_id": ["P1"]})
    table = table if entry is None else table.assign(entry_months=entry)
    found = multistate.stays(table, history(course), NCCH, **choices)
    short = {C: "C", R: "R", F: "F", D: "D"}
    return [
        (round(row.t0 * 30, 6), round(row.t1 * 30, 6), short[row[4]], short.get(row.to, "-"))
        for row in found[["patient_id", "t0", "t1", "from", "to"]].itertuples()
    ]


PNAC = "0 hepatectomy | 60 recurrence site=liver; resectable=yes | 75 p_nac"


@pytest.mark.parametrize(
    ("course", "stays"),
    [
        ("0 hepatectomy | 600 last_contact", [(0, 600, "C", "-")]),
        ("0 hepatectomy | 90 death", [(0, 90, "C", "D")]),
        (
            "0 hepatectomy | 120 recurrence site=lung; resectable=no | 300 death",
            [(0, 120, "C", "F"), (120, 300, "F", "D")],
        ),
        (
            "0 hepatectomy | 200 recurrence site=liver; resectable=yes | 220 resection"
            "| 400 recurrence site=liver; resectable=no | 500 last_contact",
            [(0, 200, "C", "R"), (200, 400, "R", "F"), (400, 500, "F", "-")],
        ),
        (
            PNAC + "| 150 assessment response=control; resectable=yes | 170 resection | 900 death",
            [(0, 60, "C", "R"), (60, 900, "R", "D")],
        ),
        (
            PNAC + "| 150 assessment response=progression; resectable=no | 450 death",
            [(0, 60, "C", "R"), (60, 150, "R", "F"), (150, 450, "F", "D")],
        ),
        # on day 0, and on the day of the change before: half a day later
        (
            "0 hepatectomy | 0 recurrence site=liver; resectable=yes | 9 last_contact",
            [(0, 0.5, "C", "R"), (0.5, 9, "R", "-")],
        ),
        (
            "0 hepatectomy | 0 recurrence site=liver; resectable=no | 0 death",
            [(0, 0.5, "C", "F"), (0.5, 1, "F", "D")],
        ),
        (
            "0 hepatectomy | 80 recurrence site=liver; resectable=yes | 80 death",
            [(0, 80, "C", "R"), (80, 80.5, "R", "D")],
        ),
        ("0 hepatectomy | 0 death", [(0, 0.5, "C", "D")]),
        # last seen on the day of a change: it is counted, the next state is not seen
        (
            "0 hepatectomy | 80 recurrence site=liver; resectable=no | 80 last_contact",
            [(0, 80, "C", "F")],
        ),
        (
            "0 hepatectomy | 0 recurrence site=liver; resectable=yes | 0 last_contact",
            [(0, 0.5, "C", "R")],
        ),
        ("0 hepatectomy | 0 last_contact", []),
    ],
)
def test_paths_by_the_rules_of_the_surgically_controllable_period(course, stays):
    assert way(course) == stays


def test_controlled_yet_unresectable_is_a_choice():
    course = PNAC + "| 150 assessment response=control; resectable=no | 450 death"
    assert way(course) == [(0, 60, "C", "R"), (60, 450, "R", "D")]
    strict = way(course, controlled_unresectable="failure")
    assert strict == [(0, 60, "C", "R"), (60, 150, "R", "F"), (150, 450, "F", "D")]


@pytest.mark.parametrize(
    ("entry", "stays"),
    [
        (0.0, [(0, 60, "C", "R"), (60, 150, "R", "F"), (150, 450, "F", "D")]),
        (1.0, [(30, 60, "C", "R"), (60, 150, "R", "F"), (150, 450, "F", "D")]),
        (2.0, [(60, 150, "R", "F"), (150, 450, "F", "D")]),
        (4.0, [(120, 150, "R", "F"), (150, 450, "F", "D")]),
        (10.0, [(300, 450, "F", "D")]),
        (15.0, []),
    ],
)
def test_late_entry_cuts_the_stays(entry, stays):
    course = PNAC + "| 150 assessment response=progression; resectable=no | 450 death"
    assert way(course, entry) == stays


def test_the_entry_into_a_state_is_kept_where_observation_began_later():
    table = pd.DataFrame({"patient_id": ["P1"], "entry_months": [4.0]})
    course = PNAC + "| 150 assessment response=progression; resectable=no | 450 death"
    found = multistate.stays(table, history(course), NCCH)
    assert found["since"].tolist() == [2.0, 5.0] and found["t0"].tolist() == [4.0, 5.0]
    later = multistate.transitions
    frame = pd.concat([found] * 30, ignore_index=True).assign(
        patient_id=np.repeat(np.arange(30), 2), ras=pd.Categorical(["wild"] * 30 + ["mutant"] * 30)
    )
    rows = later(frame, "ras", clock="reset")
    assert rows["method"].str.contains("late entry").any()


@pytest.fixture(scope="module")
def shipped():
    table = cohort.load(NCCH.folder / "cohort.csv", NCCH)
    events = cohort.events(NCCH.folder / "history.csv", NCCH.folder / "cohort.csv", NCCH)
    frames = endpoints.frames(endpoints.timed(table, events, NCCH), NCCH)
    return frames, events


def test_stays_say_what_the_endpoints_say(shipped):
    """Leaving `controllable` is RFS, coming into `failure` SCP, into `death` OS."""
    frames, events = shipped
    stays = multistate.stays(frames["patients"], events, NCCH)
    for endpoint, into in (("RFS", STATES[1:]), ("SCP", (F,)), ("OS", (D,))):
        when = stays[stays["to"].isin(into)].groupby("patient_id")["t1"].min()
        frame = frames[endpoint].set_index("patient_id")
        assert set(when.index) == set(frame.index[frame["event"]])
        gap = (when - frame.loc[when.index, "time"]).abs()
        assert (gap <= 0.5 / 30 + 1e-9).all()  # half a day, where two things fell on one
    assert set(stays["patient_id"]) == set(frames["patients"]["patient_id"])


def test_ready_columns_tell_the_same_path_as_the_history(shipped):
    frames, events = shipped
    told = multistate.stays(frames["patients"], events, NCCH)
    ready = multistate.stays(frames["patients"], events.iloc[:0], NCCH)
    pd.testing.assert_frame_equal(told, ready, rtol=1e-9)


def test_printed_times_that_differ_by_rounding_fall_together():
    """12.33 and 12.34 months at two decimals: the first recurrence was the failure."""
    table = pd.DataFrame(
        {
            "patient_id": ["P1", "P2"],
            "os_months": [20.0, 12.335],
            "os_event": [False, True],
            "rfs_months": [12.33, 12.33],
            "rfs_event": [True, True],
            "scp_months": [12.334, 12.33],
            "scp_event": [True, False],
        }
    )
    found = multistate.stays(table, history("0 hepatectomy | 9 last_contact").iloc[:0], NCCH)
    assert found["to"].astype(object).where(found["to"].notna(), "-").tolist() == [F, "-", D]


def test_a_table_without_the_period_is_told_so(shipped):
    frames, events = shipped
    with pytest.raises(CohortError, match="no surgically controllable period"):
        multistate.stays(frames["patients"], events, ledger.load_design("mskcc_hai"))
    with pytest.raises(ParameterError, match="must be one of"):
        multistate.stays(frames["patients"], events, NCCH, controlled_unresectable="perhaps")


def test_a_stay_that_cannot_be_is_refused():
    with pytest.raises(CohortError, match="cannot lead from failure to controllable"):
        multistate.states(as_stays((1, 0, 4, F, C)), None)
    with pytest.raises(CohortError, match="no column since"):
        multistate.states(SIX.drop(columns="since"), None)
    with pytest.raises(CohortError, match="end after it begins"):
        multistate.markov(as_stays((1, 4, 4, C, R)))


def test_from_a_landmark_only_those_who_are_there():
    """At 6: 3, 4 and 5 controllable, 1 and 6 recurred; 2 failed at 6 and is out."""
    late = multistate.from_state(SIX, 6.0)
    assert sorted(late["patient_id"].unique()) == [1, 3, 4, 5, 6]
    assert late["t0"].min() == 0 and late.set_index("patient_id").loc[6, "t1"] == 5
    found = multistate.states(
        late, None, (0, 1), 6, samples=0, min_at_risk=1, population=survival.from_month(6)
    )
    share = found[(found["statistic"] == "state_probability") & (found["time"] == 0)]
    assert share["estimate"].tolist() == pytest.approx([60, 40, 0, 0])
    # The share at the landmark is estimated: its error is that of 3 of 5.
    row = only(share, level=C)
    p, error = 0.6, np.sqrt(0.6 * 0.4 / 5)
    shift = 1.959963984540054 * error / -(p * np.log(p))
    assert row["conf_low"] == pytest.approx(100 * p ** np.exp(shift))
    assert set(found["population"]) == {"from month 6"}
    with pytest.raises(CohortError, match="Nobody is under observation"):
        multistate.from_state(SIX, 13.5, [C])
    with pytest.raises(ParameterError, match="no stay in 'death'"):
        multistate.from_state(SIX, 6, [D])


# ---- transitions --------------------------------------------------------------


def test_a_transition_without_ten_events_is_not_estimated():
    rows = multistate.transitions(many_stays(40, 3), "ras", ["patient_id"])
    few = rows[rows["method"].str.contains("too few")]
    assert len(few) and few["estimate"].isna().all() and (few["events"] < 10).all()
    assert few["method"].str.fullmatch(r"not estimable: too few events \(\d\)").all()
    rest = rows[rows["statistic"] == "transition_hazard_ratio"].drop(few.index)
    assert rest["estimate"].notna().all()


def test_adjusting_terms_come_in_by_tens_of_events():
    stays = many_stays(150, 4)
    stays = stays.assign(**{f"x{k}": (stays["patient_id"] * (k + 2)) % 7 / 7 for k in range(6)})
    rows = multistate.transitions(stays, "ras", [f"x{k}" for k in range(6)])
    adjusted = rows[rows["model"] == "multistate adjusted"]
    adjusted = adjusted[adjusted["statistic"] == "transition_hazard_ratio"]
    assert len(adjusted) > 2 and "p" not in set(rows["statistic"])
    for row in adjusted.to_dict("records"):
        source, target = row["population"].split(">")
        events = ((stays["from"] == source) & (stays["to"] == target)).sum()
        used = ", ".join(f"x{k}" for k in range(min(6, events // 10)))
        assert f"adjusted for {used}" in row["method"].split(" (")[0]
        assert ("too few events for" in row["method"]) == (events < 60)
    assert not rows.duplicated(list(ledger.KEYS)).any()


def test_the_markov_flag_is_raised_where_a_transition_remembers():
    """Deaths after failure that come the sooner the later the failure came."""
    rng = np.random.default_rng(1)
    since = rng.uniform(1, 40, 120)
    wait = rng.exponential(30 / (1 + (since > 20) * 9))

    def after(waits):
        pairs = list(enumerate(zip(since, waits, strict=True)))
        first = [(i, 0, s, C, F) for i, (s, _) in pairs]
        return as_stays(*first, *[(i, s, s + w, F, D) for i, (s, w) in pairs])

    found = multistate.markov(after(wait))
    flag = only(found, statistic="flag")
    assert flag["estimate"] == 1 and "failure>death" in flag["method"]
    memoryless = multistate.markov(after(rng.exponential(30, 120)))
    assert only(memoryless, statistic="flag")["estimate"] == 0
    empty = only(multistate.markov(SIX), statistic="flag")
    assert np.isnan(empty["estimate"]) and empty["method"].startswith("not asked")


# ---- causes of an event -------------------------------------------------------


def recurrence(rows, **columns):
    names = ["time", "event", "os_months", "os_event", "site_liver", "site_lung"]
    frame = pd.DataFrame(rows, columns=names).assign(endpoint="RFS", **columns)
    frame[["site_liver", "site_lung"]] = frame[["site_liver", "site_lung"]].astype("category")
    return frame


def test_what_ended_recurrence_free_survival():
    frame = recurrence(
        [
            (5.0, True, 9.0, True, "yes", "no"),  # liver
            (5.0, True, 9.0, True, "yes", "yes"),  # liver and lung: liver
            (5.0, True, 9.0, True, "no", "yes"),  # lung alone: elsewhere
            (5.0, True, 9.0, True, "no", "no"),  # a recurrence at a site of no column: elsewhere
            (5.0, True, 5.0, True, "no", "no"),  # death
            (5.0, True, 5.0, True, None, None),  # death, sites left empty
            (5.0, True, 5.0, True, "yes", "no"),  # recurrence found at death: liver
            (5.0, True, 9.0, True, None, None),  # recurrence without a site: not known
            (5.0, False, 5.0, False, None, None),  # alive without recurrence
        ]
    )
    found = multistate.first_recurrence(frame)
    assert found["cause"].astype(object).where(found["cause"].notna(), "-").tolist() == [
        "liver",
        "liver",
        "elsewhere",
        "elsewhere",
        "death",
        "death",
        "liver",
        "-",
        "-",
    ]
    assert found["endpoint"].unique().tolist() == ["first_recurrence"]
    rows = multistate.incidence(found, None, CAUSES, [4], min_at_risk=1)
    assert rows["method"].iloc[:3].str.contains("1 with an event of unknown cause left out").all()
    assert only(rows, model="aalen-johansen", level="liver")["n"] == 8


def test_deaths_without_dates_are_told_by_the_sites():
    frame = recurrence(
        [(5.0, True, 0, False, "no", "no"), (6.0, True, 0, False, "no", "yes")]
    ).drop(columns=["os_months", "os_event"])
    assert multistate.first_recurrence(frame)["cause"].tolist() == ["death", "elsewhere"]
    bare = multistate.first_recurrence(frame.drop(columns="site_lung"))
    assert bare["cause"].isna().all()
    with pytest.raises(CohortError, match="need the column site_liver"):
        multistate.first_recurrence(frame.drop(columns="site_liver"))


def test_failure_or_death_before_it():
    frame = pd.DataFrame(
        {
            "time": [5.0, 6.0, 7.0, 8.0],
            "event": [True, False, False, True],
            "os_months": [9.0, 6.0, 9.0, 8.0],
            "os_event": [True, True, True, True],
        }
    ).assign(endpoint="SCP")
    found = multistate.failure_or_death(frame)
    assert found["cause"].astype(object).tolist()[:2] == ["failure", "death"]
    assert found["cause"].isna().tolist() == [False, False, True, False]
    assert found["event"].tolist() == [True, True, False, True]
    # Where death counted as failure, one on the day of death is the death.
    counted = frame.assign(event=[True, True, False, True])
    other = multistate.failure_or_death(counted, death_without_failure="event")
    assert other["cause"].astype(object).tolist()[3] == "death"
    with pytest.raises(CohortError, match="needs os_months"):
        multistate.failure_or_death(frame.drop(columns="os_months"))


def test_on_the_shipped_cohort_the_path_and_the_causes_agree(shipped):
    frames, events = shipped
    found = multistate.failure_or_death(frames["SCP"]).set_index("patient_id")["cause"]
    stays = multistate.stays(frames["patients"], events, NCCH)
    failed = stays[stays["to"] == F]["patient_id"]
    died = set(stays[stays["to"] == D]["patient_id"]) - set(failed)
    assert set(found.index[found == "failure"]) == set(failed)
    assert set(found.index[found == "death"]) == died


# ---- nothing to find ----------------------------------------------------------

MONTHS = [3, 7, 9, 14, 18, 22, 25, 31, 33, 40, 44, 47, 52, 55, 58, 61, 66, 70, 75, 79]
MIXED = [1, 2, 3, 0] * 5
NOTHING = {
    "no event of a cause": caused(MONTHS, [2, 3, 0, 0] * 5),
    "one cause alone": caused(MONTHS, [1] * 20),
    "no event": caused(MONTHS, [0] * 20),
    "all at one time": caused([12] * 20, MIXED),
    "all on day 0": caused([0] * 20, [1, 0] * 10),
    "a group empty": caused(MONTHS, MIXED, group=["no"] * 20),
    "one patient": caused([5], [1]),
    "two patients": caused([5, 6], [1, 2]),
    "late entry": caused(np.array(MONTHS) + 50, MIXED, entry=[0, 0, *[40] * 18]),
    "nobody left before late entry": caused(
        [1, 2, 30, 31, 32, 33], [2, 2, 1, 1, 3, 0], entry=[0, 0, 20, 20, 20, 20]
    ),
    "each group its cause": caused(MONTHS, [3, 1] * 10),
    "a group unknown": caused(MONTHS, MIXED, group=["yes"] * 3 + [None] * 17),
    "three levels, two seen": caused(MONTHS, MIXED, group=["a", "b"] * 10, levels=("a", "b", "c")),
}
DOORS = {
    "incidence": lambda d: multistate.incidence(d, "hai", CAUSES, [0, 12, 36, 60]),
    "incidence, all": lambda d: multistate.incidence(d, "hai", CAUSES, [0, 5, 99], min_at_risk=0),
    "weighted": lambda d: multistate.incidence(
        d,
        "hai",
        ["liver"],
        [5],
        weights=np.linspace(0.1, 1, len(d)),
        min_at_risk=0,
        samples=20,
        reweigh=lambda count: np.linspace(0.1, 1, len(count)),
        model="overlap weighted",
    ),
    "gray": lambda d: multistate.gray(d, "hai"),
    "fine_gray": lambda d: multistate.fine_gray(d, ["hai", "age"], "liver"),
    "cause_specific": lambda d: multistate.cause_specific(d, ["hai", "age"], "liver"),
    "pseudo": lambda d: multistate.pseudo(d, ["hai", "age"], 12, cause="liver", min_at_risk=0),
    "pseudo, odds": lambda d: multistate.pseudo(
        d, ["hai"], 12, cause="liver", link="logit", min_at_risk=0
    ),
    "pseudo, any": lambda d: multistate.pseudo(d, ["hai"], 12),
}


def check_rows(found):
    assert list(found.columns) == list(ledger.ROW_COLUMNS)
    assert set(found["statistic"]) <= set(ledger.STATISTICS)
    assert (found["model"] != "").all() and (found["method"] != "").all()
    ledger.collect([found])
    assert not found.duplicated(list(ledger.KEYS)).any()
    reason = found.loc[found["estimate"].isna(), "method"]
    assert reason.str.contains("not est|not asked|no event|Firth").all(), reason.tolist()
    size = found.loc[found["statistic"] != "p", "estimate"].abs()
    assert ((size == 0) | (size > 1e-9) | size.isna()).all() and not (size > 1e5).any()
    assert np.isnan(found["conf_low"]).equals(np.isnan(found["conf_high"]))
    known = found.dropna(subset=["estimate", "conf_low"])
    assert (known["conf_low"] <= known["estimate"] + 1e-9).all()
    assert (known["conf_high"] >= known["estimate"] - 1e-9).all()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("cohort_of", NOTHING)
def test_a_cohort_that_gives_nothing_gives_rows_that_say_why(door, cohort_of):
    check_rows(DOORS[door](NOTHING[cohort_of]))


@pytest.mark.parametrize(
    "stays",
    [
        SIX,
        as_stays((1, 0, 4, C, None)),
        as_stays((1, 0, 4, C, D), (2, 0, 4, C, D)),
        as_stays((1, 3, 4, R, F), (2, 3, 9, C, None)),  # nobody seen from the start
        as_stays(*[(i, 0, 12, C, F) for i in range(20)]),
        as_stays(*[(i, 0, 12 + i, C, None) for i in range(20)]),
    ],
)
@pytest.mark.parametrize("least", [0, 10])
def test_few_stays_give_rows_that_say_why(stays, least):
    stays = stays.assign(ras=pd.Categorical(["wild"] * len(stays), ["wild", "mutant"]))
    split = stays.assign(
        ras=pd.Categorical(np.where(stays["patient_id"] % 2, "wild", "mutant"), ["wild", "mutant"])
    )
    for frame in (stays, split):
        check_rows(multistate.states(frame, "ras", (0, 4, 12, 60), (6, 60), min_at_risk=least))
        check_rows(multistate.states(frame, "ras", (), 0, min_at_risk=least, samples=10))
        check_rows(multistate.transitions(frame, "ras"))
        check_rows(multistate.markov(frame, "ras"))


def test_arguments_that_make_no_sense_are_refused():
    frame = NOTHING["late entry"]
    with pytest.raises(ParameterError, match="no cause 'lung'"):
        multistate.incidence(frame, None, ["lung"], [12])
    with pytest.raises(ParameterError, match="Name at least one cause"):
        multistate.incidence(frame, None, [], [12])
    with pytest.raises(CohortError, match="no category `cause`"):
        multistate.gray(frame.drop(columns="cause"), "hai")
    with pytest.raises(ParameterError, match="weights must be 20 numbers"):
        multistate.incidence(frame, None, CAUSES, [12], weights=np.ones(3))
    with pytest.raises(ParameterError, match="weights must be 20 numbers"):
        multistate.incidence(frame, None, CAUSES, [12], weights=-np.ones(20))
    with pytest.raises(ParameterError, match="link is .*must be one of"):
        multistate.pseudo(frame, ["hai"], 12, link="log")
    with pytest.raises(ParameterError, match="ties is 'exact'"):
        multistate.fine_gray(frame, ["hai"], "liver", ties="exact")
    with pytest.raises(ParameterError, match="tau must be"):
        multistate.states(SIX, None, (12,), -1)
    with pytest.raises(ParameterError, match="clock is .*must be one of"):
        multistate.transitions(many_stays(20, 1), "ras", clock="back")
    with pytest.raises(ParameterError, match="samples is -3"):
        multistate.states(SIX, None, samples=-3)


def test_every_row_of_the_room_has_a_name_of_its_own(shipped):
    frames, events = shipped
    stays = multistate.stays(frames["patients"], events, NCCH)
    ended = multistate.failure_or_death(frames["SCP"])
    parts = [
        multistate.states(stays, "ras", tau=(36, 0), samples=10),
        multistate.transitions(stays, "ras", ["size_cm", "age"]),
        multistate.transitions(stays, "ras", clock="reset"),
        multistate.markov(stays, "ras"),
        multistate.incidence(ended, "ras", ["failure", "death"], [12, 36]),
        multistate.gray(ended, "ras"),
        *[
            door(ended, ["ras", "age"], cause)
            for cause in ("failure", "death")
            for door in (multistate.fine_gray, multistate.cause_specific)
        ],
        *[
            multistate.pseudo(ended, ["ras", "age"], 12, link=link, cause="failure")
            for link in ("identity", "logit")
        ],
    ]
    found = ledger.collect(parts)
    names = [naming.name_of(record, NCCH) for record in found.to_dict("records")]
    assert len(names) > 150 and len(set(names)) == len(names)
    wanted = {
        "Hazard ratio of the transition of RAS mutant against wild type, "
        "from controllable recurrence to failure",
        "Months in the state of controllable recurrence, RAS wild type, "
        "Aalen-Johansen, to month 36",
        "Subdistribution hazard ratio of RAS mutant against wild type for SCP, Fine-Gray, "
        "from resection to failure",
        "Cumulative incidence of failure for SCP, RAS mutant, 1 − Kaplan-Meier, at month 12",
    }
    assert wanted <= set(names)
