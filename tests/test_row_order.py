"""The order of a table's rows decides nothing: draws are of patients, not of lines."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crlm import ledger, regression, specification, survival

DESIGN = replace(
    ledger.load_design("mskcc_hai"),
    factors={"large": {"source": "size", "rule": ">", "cut": 4.0, "levels": ["no", "yes"]}},
)
RULE = regression.rule(
    ["sex", "large", "age"], selection="backward", entry_p=0.5, p_stay=0.4, univariable_p="logrank"
)


def patients(n=150, late=False):
    """Whole months and small sets of values: many patients tie in time, some in everything."""
    rng = np.random.default_rng(11)
    size = rng.integers(1, 9, n).astype(float)
    hai, sex = rng.integers(2, size=n), rng.integers(2, size=n)
    death, last = (
        rng.exponential(20 / np.exp(0.4 * sex + 0.1 * size - 0.5 * hai)),
        rng.uniform(2, 50, n),
    )
    age = rng.choice([50.0, 60.0, 70.0, np.nan], n)
    frame = pd.DataFrame(
        {
            "time": np.ceil(np.minimum(death, last)),
            "event": death <= last,
            "endpoint": "OS",
            "hai": pd.Categorical.from_codes(hai, ["no", "yes"]),
            "sex": pd.Categorical.from_codes(sex, ["female", "male"]),
            "large": pd.Categorical.from_codes((size > 4).astype(int), ["no", "yes"]),
            "size": size,
            "age": age,
        },
        index=np.arange(n) * 3 + 40,
    )
    return (
        frame.assign(entry=np.where(rng.random(n) < 0.3, frame["time"] / 2, 0.0))
        if late
        else (frame)
    )


def stability(frame):
    return regression.bootstrap_selection(frame, RULE, n_boot=25, seed=3)


def limits(frame):
    return regression.bootstrap_table(frame, ["sex", "age"], n_boot=25, seed=3)


def specified(frame, **more):
    """The curve and its test; the landmark's frame has fewer patients, and other times."""
    rules = {
        "whole": frame,
        "short": specification.followed_to(frame, 24),
        survival.from_month(6): survival.landmark(frame, 6),
    }
    plan = specification.declare(
        rules,
        "hai",
        ["sex", "large", "age"],
        DESIGN,
        exclusions=["sex=male"],
        most=40,
        seed=2,
        **more,
    )
    curve = specification.curve(plan)
    assert set(curve["rule"]) == set(rules)
    rows = specification.inference(plan, curve, claim="lower", permutations=19)
    return pd.concat([curve, rows], axis=1)


def sampled(frame):
    return specified(frame, most_patients=100)


def as_bytes(rows):
    held = io.StringIO()
    rows.to_csv(held, float_format="%.17g")
    return held.getvalue()


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("draw", [stability, limits, specified, sampled])
def test_shuffled_rows_give_the_same_bytes(draw, late):
    frame = patients(late=late)
    expected = as_bytes(draw(frame))
    for seed in (1, 2):
        shuffled = frame.sample(frac=1.0, random_state=seed)
        assert as_bytes(draw(shuffled)) == expected
        # Other labels for the same patients are no other patients.
        assert as_bytes(draw(shuffled.reset_index(drop=True))) == expected
