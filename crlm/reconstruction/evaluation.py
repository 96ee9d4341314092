# A compiled loop is one function: calls inside it would cost more than they explain.
# ruff: noqa: C901
"""What a cohort gives for each block of quantities, and what it costs to be off."""

from __future__ import annotations

import math

from crlm.reconstruction import competing, fits, kernels, logit, several, strata
from crlm.reconstruction.codes import Kind
from crlm.reconstruction.compiling import compiled


@compiled
def evaluate(b, state, plan, inside, warm, out):
    """The numbers of one block, written to `out`."""
    kind, e, c = plan.kind[b], plan.endpoint[b], plan.competing[b]
    if kind == Kind.ANCHOR:
        kernels.events_on(state.time[e], state.event[e], plan.asked[b], plan.n_asked[b], out)
        return
    n = len(inside)
    for i in range(n):
        inside[i] = (e < 0 or state.event[e, i] >= 0) and (c < 0 or state.event[c, i] >= 0)
    for k in range(plan.n_where[b]):
        column, code = int(plan.where[b, k, 0]), plan.where[b, k, 1]
        for i in range(n):
            if state.x[column, i] != code:
                inside[i] = False
    if kind in (Kind.KM, Kind.FOLLOW_UP, Kind.REVERSE_FOLLOW_UP):
        _describe(b, kind, e, state, plan, inside, out)
        return
    if kind == Kind.RISK:
        kernels.at_risk(state.time[e], state.event[e], inside, plan.asked[b], plan.n_asked[b], out)
        return
    if kind == Kind.RATE:
        kernels.rate(state.time[e], state.event[e], inside, plan.month, out)
        return
    if kind == Kind.INCIDENCE:
        competing.incidence(
            state.time[e],
            state.event[e],
            state.order[e],
            state.time[c],
            state.event[c],
            state.order[c],
            plan.both[b],
            inside,
            plan.z,
            plan.asked[b],
            plan.n_asked[b],
            out,
        )
        return
    first = plan.columns[b, 0]
    if kind == Kind.LOGRANK:
        kernels.logrank(state.time[e], state.event[e], state.order[e], inside, state.x[first], out)
    elif kind in (Kind.COX, Kind.LOGISTIC):
        _model(b, kind, e, state, plan, inside, warm, out)
    elif kind == Kind.ASSOCIATION:
        kernels.association(
            inside, state.x[first], state.x[plan.columns[b, 1]], plan.two_by_two, out
        )
    elif kind == Kind.RANKS:
        kernels.ranks(inside, state.x[first], state.x[plan.columns[b, 1]], out)
    elif kind == Kind.SUMMARY:
        kernels.summary(inside, state.x[first], out)
    elif kind == Kind.COUNT:
        kernels.count(inside, state.x[first], plan.code[b], out)
    elif kind == Kind.CORRELATION:
        kernels.correlation(inside, state.x[first], state.x[plan.columns[b, 1]], out)
    elif kind == Kind.SHARE:
        kernels.fates(state.fate, inside, out)
    elif kind == Kind.SEVERAL_LOGRANK:
        several.logranks(state.time[e], state.event[e], state.order[e], inside, state.x[first], out)
    else:
        _compare(kind, state.x[first], state.x[plan.columns[b, 1]], inside, plan.student, out)


@compiled
def _compare(kind, x, y, inside, student, out):
    """A test of one column between the groups of another."""
    if kind == Kind.TABLE:
        several.table(inside, x, y, out)
    elif kind == Kind.TREND:
        several.trend(inside, x, y, out)
    elif kind == Kind.T_TEST:
        several.t_test(inside, x, y, student, out)
    else:
        several.kruskal(inside, x, y, out)


@compiled
def _describe(b, kind, e, state, plan, inside, out):
    if kind == Kind.FOLLOW_UP:
        kernels.observed_follow_up(
            state.time[e], state.order[e], inside, plan.month, plan.median_ranks, out
        )
        return
    kernels.kaplan_meier(
        state.time[e],
        state.event[e],
        state.order[e],
        inside,
        kind == Kind.REVERSE_FOLLOW_UP,
        plan.conf,
        plan.midway,
        plan.z,
        plan.month,
        plan.asked[b],
        plan.n_asked[b],
        out,
    )
    if kind == Kind.REVERSE_FOLLOW_UP:
        _reverse_slots(state.time[e], state.order[e], inside, plan.month, out)


@compiled
def _reverse_slots(time, order, inside, month, out):
    """Median follow-up where `observed_follow_up` writes it; the shortest and the longest."""
    out[0], out[1], out[2] = out[2], out[3], out[4]
    first, last = -1, -1
    for i in order:
        if inside[i]:
            if first < 0:
                first = time[i]
            last = time[i]
    out[3], out[4] = first / month, last / month


@compiled
def _model(b, kind, e, state, plan, inside, warm, out):
    p = plan.n_columns[b]
    columns = plan.columns[b]
    if kind == Kind.COX and plan.strata[b] >= 0:
        strata.stratified(
            state.time[e],
            state.event[e],
            state.order[e],
            inside,
            state.x,
            columns,
            p,
            state.x[plan.strata[b]],
            plan.efron,
            plan.z,
            warm,
            out,
        )
        return
    if kind == Kind.COX:
        fits.cox(
            state.time[e],
            state.event[e],
            state.order[e],
            inside,
            state.x,
            columns,
            p,
            plan.efron,
            plan.z,
            warm,
            out,
        )
        return
    for j in range(p):
        for i in range(len(inside)):
            if math.isnan(state.x[columns[j], i]):
                inside[i] = False
    logit.logistic(state.x[columns[p - 1]], inside, state.x, columns, p - 1, plan.z, warm, out)


@compiled
def _graded(distance):
    """What a distance, in tolerances, costs: from one on it grows as the power 3/4."""
    if distance < 1.0:
        return distance
    root = math.sqrt(distance)
    return (4.0 * root * math.sqrt(root) - 1.0) / 3.0


@compiled
def _capped(distance, cap):
    """What a distance costs that is squared near the interval and worth `cap` squared far off."""
    square = distance * distance
    return square / (1.0 + square / (cap * cap))


@compiled
def block_cost(b, plan, weight, tolerance, edge, miss, cap, out):
    """Weighted distances of a block's targets from their intervals, in tolerances.

    `edge` keeps off the ends of an interval (share of its half-width); `miss` is added
    for a target that is not met at all. With a `cap` above 0 distances are squared and capped.
    """
    if cap > 0.0:
        return _squared_cost(b, plan, weight, tolerance, edge, miss, cap, out)
    total = 0.0
    for k in range(plan.first[b], plan.first[b + 1]):
        value = out[plan.slot[k]]
        if math.isnan(value):
            total += weight[k] * (_graded(plan.lost[k] * plan.natural[k] / tolerance[k]) + miss)
            continue
        if plan.absolute[k]:
            value = abs(value)
        margin = edge * plan.fine[k]
        gap = max(plan.low[k] + margin - value, value - plan.high[k] + margin, 0.0)
        if gap > 0.0:
            total += weight[k] * _graded(gap / tolerance[k])
            if value < plan.low[k] or value >= plan.high[k]:
                total += weight[k] * miss
    return total


@compiled
def _squared_cost(b, plan, weight, tolerance, edge, miss, cap, out):
    total = 0.0
    for k in range(plan.first[b], plan.first[b + 1]):
        value = out[plan.slot[k]]
        if weight[k] == 0.0:
            continue
        if math.isnan(value):
            total += weight[k] * (cap * cap + miss)
            continue
        if plan.absolute[k]:
            value = abs(value)
        margin = edge * plan.fine[k]
        gap = max(plan.low[k] + margin - value, value - plan.high[k] + margin, 0.0)
        total += weight[k] * _capped(gap / tolerance[k], cap)
        if value < plan.low[k] or value >= plan.high[k]:
            total += weight[k] * miss
    return total
