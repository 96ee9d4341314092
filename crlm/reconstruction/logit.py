# A compiled loop is one function: calls inside it would cost more than they explain.
# ruff: noqa: C901
"""The logistic model, compiled, on patterns of covariates as `fits` makes them."""

from __future__ import annotations

import math

import numpy as np

from crlm.reconstruction.compiling import compiled
from crlm.reconstruction.fits import (
    RUNAWAY,
    SETTLED,
    absent,
    fill,
    invert,
    newton,
    patterns,
    report,
)


@compiled
def logistic(outcome, inside, x, columns, p, z, start, out):
    """Logistic model with an intercept; `out` as `cox`, `start` the intercept last."""
    out[:] = math.nan
    size, q = len(inside), p + 1
    code = np.empty(size, np.int64)
    few = patterns(inside, x, columns, p, code)
    rows = 1 << p if few else size
    values, counts = np.ones((rows, q)), np.zeros((2, rows))
    fill(x, columns, p, few, values)
    for i in range(size):
        if code[i] >= 0:
            k = code[i] if few else i
            counts[0, k] += 1.0
            counts[1, k] += outcome[i]
    gradient, information, inverse = np.zeros(q), np.zeros((q, q)), np.zeros((q, q))
    beta = start[:q].copy()
    done = False
    for _ in range(15):
        gradient[:] = 0.0
        information[:] = 0.0
        for k in range(rows):
            if counts[0, k] == 0.0:
                continue
            eta = 0.0
            for j in range(q):
                eta += beta[j] * values[k, j]
            chance = 1.0 / (1.0 + math.exp(-min(max(eta, -30.0), 30.0)))
            spread = counts[0, k] * chance * (1.0 - chance)
            for j in range(q):
                gradient[j] += values[k, j] * (counts[1, k] - counts[0, k] * chance)
                for m in range(q):
                    information[j, m] += values[k, j] * values[k, m] * spread
        absent(gradient, information, p)
        if not invert(information, q, inverse):
            break
        if newton(beta, gradient, inverse, q) < SETTLED:
            done = True
            break
    if not done or np.max(np.abs(beta)) > RUNAWAY:
        start[:q] = 0.0
        return
    out[0], out[1] = counts[0].sum(), counts[1].sum()
    report(beta, inverse, p, z, start, out)
    start[p] = beta[p]
