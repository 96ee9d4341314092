# A compiled loop is one function: calls inside it would cost more than they explain.
# ruff: noqa: C901
"""Cox models, compiled: what a search fits most often.

Covariates of a table are nearly always binary, so patients with the same values are one
pattern: weights are made once a pattern, and sums over patients become counts. Conventions are
those of `kernels`; the tests hold each against `survival` and `regression`, which say where
the formulas come from.
"""

from __future__ import annotations

import math

import numpy as np

from crlm.reconstruction.compiling import compiled
from crlm.reconstruction.kernels import ROW

#: Beyond this a coefficient has no maximum.
RUNAWAY = 12.0
#: A last step of Newton below this, in standard errors, moves a limit by less than 1e-5 of it.
SETTLED = 1e-3
#: Of a patient who does not count.
OUTSIDE = -4096
#: More binary covariates than this are fitted patient by patient.
_MOST = 6


@compiled
def cox(time, event, order, inside, x, columns, p, efron, z, start, out):
    """Cox model: n, events, then coefficient, limits, z and error of column j: out[2 + ROW * j:].

    `start` is where Newton begins and holds the estimate afterwards.
    """
    out[:] = math.nan
    size = len(order)
    code, row = np.empty(size, np.int64), np.empty(size, np.int64)
    failed, last = np.empty(size, np.bool_), np.empty(size, np.bool_)
    few = patterns(inside, x, columns, p, code)
    n, events = lined_up(time, event, order, code, row, failed, last)
    steps, one = 0, 0
    rows = 1 << p if few else size if p > 1 else 1
    risk, values = np.empty((2, size)), np.empty((rows, p))
    weight, counts = np.empty(rows), np.zeros((2, rows))
    if p == 1 and not few:
        for i in range(n):
            risk[0, i] = x[columns[0], row[i]]
    elif few:
        for i in range(n):
            row[i] = code[row[i]]
    if p == 1 and few:
        steps, one = _two_groups(row, failed, last, n, efron, risk)
    elif p > 1:
        fill(x, columns, p, few, values)
        for i in range(n):
            counts[0, row[i]] += 1.0
            counts[1, row[i]] += failed[i]
    gradient, information, inverse = np.zeros(p), np.zeros((p, p)), np.zeros((p, p))
    beta = start[:p].copy()
    done = False
    for _ in range(12):
        if p == 1 and few:
            _two_group_step(risk, steps, one, beta[0], gradient, information)
        elif p == 1:
            _weigh(risk[0], n, beta[0], risk[1])
            _number_step(risk[0], risk[1], failed, last, n, efron, gradient, information)
        else:
            step(
                row, failed, last, n, efron, beta, values, counts, weight, p, gradient, information
            )
        absent(gradient, information, p)
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


@compiled
def patterns(inside, x, columns, p, code):
    """Bit j of `code` is column j of a patient, below 0 of who does not count; False: no patterns.

    Patients who count have a code of 0 or more also where there are none.
    """
    odd = False
    for i in range(len(inside)):
        code[i] = 0 if inside[i] else OUTSIDE
    for j in range(p):
        values, bit = x[columns[j]], 1 << j if p <= _MOST else 0
        for i in range(len(inside)):
            value = values[i]
            code[i] += (bit if value == 1.0 else 0) + (0 if value == value else OUTSIDE)
            odd |= (value == value) & (value != 0.0) & (value != 1.0)
    return p <= _MOST and not odd


@compiled
def lined_up(time, event, order, code, row, failed, last):
    """Those who count, latest first, and their events; how many of both.

    `last` marks the last patient of each time: there the risk set is whole.
    """
    n, total, before = 0, 0, -1
    for pos in range(len(order) - 1, -1, -1):
        i = order[pos]
        if code[i] < 0:
            continue
        t, failure = time[i], event[i] == 1
        if t == before:
            last[n - 1] = False
        before = t
        row[n], failed[n], last[n] = i, failure, True
        total += failure
        n += 1
    return n, total


@compiled
def fill(x, columns, p, few, values):
    """Values of each pattern or, where there are none, of each patient."""
    for k in range(len(values)):
        for j in range(p):
            values[k, j] = (k >> j) & 1 if few else x[columns[j], k]


@compiled
def _sums(row, failed, last, n, efron, beta, values, counts, weight, zeros, gradient, information):
    """Score and information of the partial likelihood at `beta`.

    The loops over covariates are unrolled: the length of `zeros` is their number, or more, and
    known when this is compiled.

    With the Breslow hazard H, which grows by 1 / s0 at each event, the sum of s1 / s0 is that of
    w x H(t) over patients, and the sum of s2 / s0 that of w x x' H(t); only the sum of
    (s1 / s0)(s1 / s0)' is left to the events. `late` is H at the end less H(t), per row, for
    patients are met latest first.
    """
    p, rows = len(beta), len(values)
    late = np.zeros(rows)
    weighed = np.zeros((rows, len(zeros)))
    for k in range(rows):
        eta = 0.0
        for j in range(p):
            eta += beta[j] * values[k, j]
        weight[k] = math.exp(min(max(eta, -60.0), 60.0))
        for j in range(p):
            weighed[k, j] = weight[k] * values[k, j]
    s1, t1, mean = np.zeros(len(zeros)), np.zeros(len(zeros)), np.zeros(len(zeros))
    second = np.zeros((len(zeros), len(zeros)))
    hazard, s0, tied, d, first = 0.0, 0.0, 0.0, 0, 0
    for i in range(n):
        k = row[i]
        s0 += weight[k]
        late[k] += hazard
        for j in range(len(zeros)):
            s1[j] += weighed[k, j]
        if failed[i]:
            d += 1
            tied += weight[k]
        if not last[i]:
            continue
        if d == 1:
            over = 1.0 / s0
            hazard += over
            for j in range(len(zeros)):
                mean[j] = s1[j] * over
            for j in range(len(zeros)):
                for m in range(len(zeros)):
                    second[j, m] += mean[j] * mean[m]
        elif d > 1:
            for j in range(len(zeros)):
                t1[j] = 0.0
            for at in range(first, i + 1):
                if failed[at]:
                    for j in range(len(zeros)):
                        t1[j] += weighed[row[at], j]
            less = 0.0
            for event in range(d):
                part = event / d if efron else 0.0
                over = 1.0 / (s0 - part * tied)
                hazard += over
                less += part * over
                for j in range(len(zeros)):
                    mean[j] = (s1[j] - part * t1[j]) * over
                for j in range(len(zeros)):
                    for m in range(len(zeros)):
                        second[j, m] += mean[j] * mean[m]
            for at in range(first, i + 1):
                if failed[at]:
                    late[row[at]] += less
        d, tied, first = 0, 0.0, i + 1
    for j in range(p):
        gradient[j] = 0.0
        for m in range(p):
            information[j, m] = -second[j, m]
    for k in range(rows):
        if counts[0, k] == 0.0:
            continue
        h = counts[0, k] * hazard - late[k]
        for j in range(p):
            gradient[j] += values[k, j] * (counts[1, k] - weight[k] * h)
            for m in range(p):
                information[j, m] += weighed[k, j] * values[k, m] * h


@compiled
def step(row, failed, last, n, efron, beta, values, counts, weight, p, gradient, information):
    """`_sums` by the loops compiled for so many covariates."""
    given = (row, failed, last, n, efron, beta, values, counts, weight)
    if p == 2:
        _sums(*given, (0.0,) * 2, gradient, information)
    elif p == 3:
        _sums(*given, (0.0,) * 3, gradient, information)
    elif p == 4:
        _sums(*given, (0.0,) * 4, gradient, information)
    elif p == 5:
        _sums(*given, (0.0,) * 5, gradient, information)
    elif p == 6:
        _sums(*given, (0.0,) * 6, gradient, information)
    elif p <= 9:
        _sums(*given, (0.0,) * 9, gradient, information)
    else:
        _sums(*given, (0.0,) * 16, gradient, information)


@compiled
def invert(a, p, inverse):
    """Inverse of a small positive definite matrix by Gauss and Jordan; False if singular."""
    work = a[:p, :p].copy()
    for i in range(p):
        for j in range(p):
            inverse[i, j] = 1.0 if i == j else 0.0
    for i in range(p):
        pivot = work[i, i]
        if not pivot > 1e-10:
            return False
        for j in range(p):
            work[i, j] /= pivot
            inverse[i, j] /= pivot
        for k in range(p):
            if k != i:
                factor = work[k, i]
                if factor != 0.0:
                    for j in range(p):
                        work[k, j] -= factor * work[i, j]
                        inverse[k, j] -= factor * inverse[i, j]
    return True


@compiled
def absent(gradient, information, p):
    """Take levels that nobody of the patients has out of a step: their coefficient stays at 0."""
    for j in range(p):
        if information[j, j] == 0.0:
            information[j, :] = 0.0
            information[:, j] = 0.0
            information[j, j] = 1.0
            gradient[j] = 0.0


@compiled
def newton(beta, gradient, inverse, p):
    """One bounded step of Newton; the largest change in standard errors."""
    largest = 0.0
    for j in range(p):
        step = 0.0
        for k in range(p):
            step += inverse[j, k] * gradient[k]
        step = min(max(step, -2.0), 2.0)
        beta[j] += step
        largest = max(largest, abs(step) / math.sqrt(inverse[j, j]))
    return largest


@compiled
def _two_groups(row, failed, last, n, efron, risk):
    """Patients at risk in groups 0 and 1 at each event; how many events, and in group 1.

    Tied events have a row each, by Efron's shares.
    """
    none, one, d0, d1, steps, ones = 0, 0, 0, 0, 0, 0
    for i in range(n):
        g = row[i]
        one += g
        none += 1 - g
        if d0 + d1 == 0 and last[i]:
            # The common case without a branch: nobody shares this day.
            risk[0, steps], risk[1, steps] = none, one
            steps += failed[i]
            ones += failed[i] * g
            continue
        d0 += failed[i] * (1 - g)
        d1 += failed[i] * g
        if last[i]:
            for m in range(d0 + d1):
                part = m / (d0 + d1) if efron else 0.0
                risk[0, steps], risk[1, steps] = none - part * d0, one - part * d1
                steps += 1
            ones += d1
            d0, d1 = 0, 0
    return steps, ones


@compiled
def _two_group_step(risk, steps, one, beta, gradient, information):
    """Score and information of a Cox model of two groups, from counts."""
    ratio = math.exp(min(max(beta, -60.0), 60.0))
    expected, curvature = 0.0, 0.0
    for k in range(steps):
        heavy = ratio * risk[1, k]
        share = heavy / (heavy + risk[0, k])
        expected += share
        curvature += share * (1.0 - share)
    gradient[0], information[0, 0] = one - expected, curvature


@compiled
def _weigh(x, n, beta, weight):
    """exp(beta x), to 1e-12 of itself, by a loop that runs on several numbers at once.

    exp(y)^1024 with |y| < 0.06, where nine terms of the series are exact; a call of the
    library's function for each patient took most of a fit.
    """
    for i in range(n):
        y = min(max(beta * x[i], -60.0), 60.0) / 1024.0
        e = 1.0 + y / 8.0
        e = 1.0 + y / 7.0 * e
        e = 1.0 + y / 6.0 * e
        e = 1.0 + y / 5.0 * e
        e = 1.0 + y / 4.0 * e
        e = 1.0 + y / 3.0 * e
        e = 1.0 + y / 2.0 * e
        e = 1.0 + y * e
        for _ in range(10):
            e *= e
        weight[i] = e


@compiled
def _number_step(x, weight, failed, last, n, efron, gradient, information):
    """Score and information of a Cox model of one number, by the weights of the patients."""
    score, curvature = 0.0, 0.0
    s0 = s1 = s2 = t0 = t1 = t2 = 0.0
    d = 0
    for i in range(n):
        w = weight[i]
        wx = w * x[i]
        wxx = wx * x[i]
        s0 += w
        s1 += wx
        s2 += wxx
        if failed[i]:
            d += 1
            score += x[i]
            t0 += w
            t1 += wx
            t2 += wxx
        if last[i] and d > 0:
            for m in range(d):
                part = m / d if efron else 0.0
                over = 1.0 / (s0 - part * t0)
                mean = (s1 - part * t1) * over
                score -= mean
                curvature += (s2 - part * t2) * over - mean * mean
            d, t0, t1, t2 = 0, 0.0, 0.0, 0.0
    gradient[0], information[0, 0] = score, curvature


@compiled
def report(beta, inverse, p, z, start, out):
    """Coefficients, limits, z and errors where `cox` has them; `start` for the next fit."""
    for j in range(p):
        error = math.sqrt(inverse[j, j])
        start[j] = beta[j]
        at = 2 + ROW * j
        out[at], out[at + 3], out[at + 4] = beta[j], beta[j] / error, error
        out[at + 1], out[at + 2] = beta[j] - z * error, beta[j] + z * error
        if beta[j] == 0.0 and inverse[j, j] == 1.0:  # `absent` took it out.
            out[at : at + 5] = math.nan
