# A compiled loop is one function: calls inside it would cost more than they explain.
# ruff: noqa: C901
"""The Cox model with a baseline hazard of each stratum, compiled."""

from __future__ import annotations

import math

import numpy as np

from crlm.reconstruction.compiling import compiled
from crlm.reconstruction.fits import (
    OUTSIDE,
    RUNAWAY,
    SETTLED,
    fill,
    invert,
    lined_up,
    newton,
    patterns,
    report,
    step,
)


@compiled
def stratified(time, event, order, inside, x, columns, p, strata, efron, z, start, out):
    """Cox model with a baseline hazard of each stratum; `out` and `start` as in `cox`."""
    out[:] = math.nan
    size, most = len(order), 0
    for i in range(size):
        if inside[i] and not math.isnan(strata[i]):
            most = max(most, int(strata[i]) + 1)
    code = np.empty(size, np.int64)
    few = patterns(inside, x, columns, p, code)
    rows = 1 << p if few else size
    values, weight = np.empty((rows, p)), np.empty(rows)
    if few:
        fill(x, columns, p, few, values)
    row, own = np.empty((most, size), np.int64), np.empty(size, np.int64)
    failed, last = np.empty((most, size), np.bool_), np.empty((most, size), np.bool_)
    counts, sizes = np.zeros((most, 2, rows)), np.zeros(most, np.int64)
    begins = np.zeros(most, np.int64)
    n, events = 0, 0
    for s in range(most):
        for i in range(size):
            own[i] = code[i] if strata[i] == s else OUTSIDE
        sizes[s], died = lined_up(time, event, order, own, row[s], failed[s], last[s])
        begins[s] = 0 if few else n
        for i in range(sizes[s]):
            # Without patterns a stratum has rows of its own, one a patient, as they are lined up.
            k = code[row[s, i]] if few else i
            if not few:
                for j in range(p):
                    values[n + i, j] = x[columns[j], row[s, i]]
            row[s, i] = k
            counts[s, 0, k] += 1.0
            counts[s, 1, k] += failed[s, i]
        n += sizes[s]
        events += died
    gradient, information, inverse = np.zeros(p), np.zeros((p, p)), np.zeros((p, p))
    part, curvature = np.zeros(p), np.zeros((p, p))
    beta = start[:p].copy()
    done = False
    for _ in range(12):
        gradient[:] = 0.0
        information[:] = 0.0
        for s in range(most):
            step(
                row[s],
                failed[s],
                last[s],
                sizes[s],
                efron,
                beta,
                values[begins[s] : rows if few else begins[s] + sizes[s]],
                counts[s],
                weight,
                p,
                part,
                curvature,
            )
            gradient += part
            information += curvature
        if not invert(information, p, inverse):
            break
        if newton(beta, gradient, inverse, p) < SETTLED:
            done = True
            break
    if not done or np.max(np.abs(beta)) > RUNAWAY:
        start[:p] = 0.0
        return
    out[0], out[1] = n, events
    report(beta, inverse, p, z, start, out)
