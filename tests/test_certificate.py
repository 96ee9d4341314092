"""The certificate's programs follow the conventions of a design, as the report does."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crlm import ledger, survival
from crlm.ledger.vocabulary import CONF_TYPES, MEDIAN_RULES
from crlm.reconstruction import programs
from crlm.reconstruction.quantities import Quantity

LIMITS = ("estimate", "conf_low", "conf_high")


def courses(seed, n=40):
    """Times with ties whose curve often stands at one half for a while."""
    rng = np.random.default_rng(seed)
    time = np.ceil(rng.exponential(30, n))
    end = np.where(rng.random(n) < 0.3, np.ceil(rng.uniform(1, 80, n)), 200)
    frame = {"time": np.minimum(time, end), "event": time <= end, "endpoint": "OS"}
    return pd.DataFrame({**frame, "patient_id": [f"p{k}" for k in range(n)]})


def told_of(design, frame, **what):
    quantities = [Quantity(**what, limit=limit) for limit in LIMITS]
    return [programs.computed(quantity, frame, design) for quantity in quantities]


@pytest.mark.parametrize(("conf", "rule"), itertools.product(CONF_TYPES, MEDIAN_RULES))
def test_limits_of_medians_and_rates_are_those_of_the_design(conf, rule):
    """The certificate once had log-log limits for every paper that is not SPSS's."""
    design = ledger.load_design("ncch_scp")
    more = {"conf_type": conf, "median_rule": rule, "follow_up": "reverse"}
    design = replace(design, conventions={**design.conventions, **more})
    rules = {"conf_type": conf, "median_rule": rule}
    frames = [courses(1), courses(2), courses(3, 12), courses(4, 6)]
    # Eight events on eight days: at one half from the fourth to the fifth.
    frames.append(courses(5, 8).assign(time=np.arange(1.0, 9.0), event=True))
    for frame in frames:
        rows = survival.kaplan_meier(frame, times=[12, 24, 100], **rules)
        follow = survival.follow_up(frame, method="reverse", **rules)
        wanted = [
            (rows[rows["statistic"] == "median_survival"], "km", None),
            (rows[rows["time"] == 12], "km", 12.0),
            (rows[rows["time"] == 24], "km", 24.0),
            (rows[rows["time"] == 100], "km", 100.0),
            (follow[follow["statistic"] == "median_follow_up"], "followup", None),
        ]
        for row, kind, time in wanted:
            part = row["statistic"].iloc[0]
            found = told_of(design, frame, kind=kind, part=part, time=time)
            np.testing.assert_allclose(found, row[list(LIMITS)].iloc[0].astype(float), rtol=1e-9)
