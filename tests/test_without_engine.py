"""Without the PyPI package `survival`: everything still imports, runs, and gives the same."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from crlm.causal.engine import spline
from crlm.regression import engine
from crlm.regression.engine import FollowUp

survival = pytest.importorskip("survival")

#: Runs with the package out of reach, then says what came out.
BLOCKED = """
import importlib, json, pkgutil, sys, warnings
if sys.argv[1] == "blocked":
    sys.modules["survival"] = None
import crlm
from crlm import causal, cohort, endpoints, ledger, multistate, regression
from crlm.regression import engine

if sys.argv[1] == "blocked":
    for module in pkgutil.walk_packages(crlm.__path__, "crlm."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    assert engine.unaided_now()

design = ledger.load_design("mskcc_hai")
table = cohort.load(design.folder / "cohort.csv", design)
history = cohort.load_history(design.folder / "history.csv", design)
known = endpoints.timed(table, history, design)
frame = endpoints.derive(known[known["kras"].notna()], "OS", design)
frame = frame.assign(hai_start_months=1.0)
terms = [("age", "spline"), ("n_tumours", "log spline"), ("sex", "factor")]
model = causal.propensity(frame, "hai", terms)
parts = [
    causal.weighted_effects(frame, "hai", model, times=[36], samples=3),
    causal.doubly_robust(frame, "hai", terms, causal.weights(model), "efron"),
    causal.time_dependent(frame, "hai", "", terms, assumed=1.5),
    causal.strategies(frame, "hai", "hai_start_months", terms, grace=2.76, times=[36], samples=2),
    regression.ph_test(frame, ["hai", "kras"], ties="efron"),
    regression.piecewise(frame, "hai", adjust=["kras"]),
]
found = {}
for k, part in enumerate(parts):
    for i, row in enumerate(part[["estimate", "conf_low", "conf_high"]].to_numpy(float)):
        found[f"{k} {i}"] = [None if x != x else x for x in row.tolist()]
print(json.dumps(found))
"""


def told(how):
    run = subprocess.run(
        [sys.executable, "-c", BLOCKED, how], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout)


def test_all_rooms_import_and_the_chapter_gives_the_same_without_the_package():
    blocked, with_it = told("blocked"), told("with")
    assert blocked.keys() == with_it.keys() and len(blocked) > 30
    for key, values in with_it.items():
        one = np.array(values, dtype=float)
        other = np.array(blocked[key], dtype=float)
        np.testing.assert_allclose(other, one, rtol=1e-8, atol=1e-9, err_msg=key)


@pytest.fixture(scope="module")
def patients():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 3))
    x[:, 2] = x[:, 2] > 0
    time = np.ceil(rng.exponential(10, 300) * np.exp(-0.4 * x[:, 0]))
    event = (rng.random(300) < 0.7).astype(int)
    entry = np.floor(time * rng.random(300) * 0.8)
    return x, time, event, entry, rng.uniform(0.2, 3, 300), rng.integers(0, 200, 300)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("late", [False, True])
def test_the_sandwich_is_that_of_the_package(patients, ties, late, monkeypatch):
    x, time, event, entry, weights, cluster = patients
    data = FollowUp(time, event, entry if late else None)
    found = {}
    for how in ("", "own"):
        monkeypatch.setenv("CRLM_COX", how)
        found[how] = [
            *engine.robust_fit(data, x, weights, ties, cluster),
            *engine.weighted_fit(data, x, weights, ties),
        ]
    for one, other in zip(found[""], found["own"], strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-9)


@pytest.mark.parametrize("late", [False, True])
def test_columns_told_by_others_and_runaways_are_told_alike(patients, late, monkeypatch):
    x, time, event, entry, weights, cluster = patients
    data = FollowUp(time, event, entry if late else None)
    twice = np.column_stack([x, x[:, 0]])
    alone = (event * (time == time[event == 1].max()))[:, None].astype(float)
    for columns in (twice, alone):
        signs = []
        for how in ("", "own"):
            monkeypatch.setenv("CRLM_COX", how)
            coef, _ = engine.robust_fit(data, columns, weights, "efron", cluster)
            signs.append(np.where(np.isfinite(coef), np.sign(coef), 0.0).tolist())
        assert signs[0] == signs[1]


@pytest.mark.parametrize("knots", [(45.0,), (45.0, 55.0), (40.0, 50.0, 60.0)])
def test_splines_are_those_of_nsk(knots):
    x = np.random.default_rng(2).normal(50, 12, 200)
    basis = survival.nsk(x, knots=list(knots), Boundary_knots=(35.0, 65.0))
    expected = np.asarray(basis.basis).reshape(basis.n_rows, basis.n_cols)
    np.testing.assert_allclose(spline(x, knots, (35.0, 65.0)), expected, atol=1e-12)
    assert spline(np.array([35.0, *knots, 65.0]), knots, (35.0, 65.0))[1:] == pytest.approx(
        np.eye(len(knots) + 1), abs=1e-12
    )
