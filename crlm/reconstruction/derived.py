# A compiled loop is one function: calls inside it would cost more than they explain.
# ruff: noqa: C901
"""What follows of a patient: endpoints from the course of the disease, columns from others."""

from __future__ import annotations

import math

import numpy as np

from crlm.reconstruction.codes import FAR, Course, Rule
from crlm.reconstruction.compiling import compiled


@compiled
def derive_endpoints(i, state, plan):
    """Times and events of one patient from the course of the disease."""
    recurrence, failure, end, dead = state.fate[i]
    for e in range(len(plan.after)):
        day, event = end, 0
        if plan.counts[e, Course.RECURRENCE] and recurrence >= 0:
            day, event = recurrence, 1
        elif plan.counts[e, Course.FAILURE] and failure >= 0:
            day, event = failure, 1
        elif dead > 0 and plan.counts_death[e, dead]:
            event = 1
        if plan.after[e]:
            day, event = (day - recurrence, event) if recurrence >= 0 else (FAR, -1)
        state.time[e, i], state.event[e, i] = day, event


@compiled
def derive_columns(i, state, plan):
    """The columns of one patient that follow from others."""
    x = state.x
    for k in range(len(plan.rule)):
        rule, to = plan.rule[k], plan.rule_to[k]
        if rule == Rule.POINTS:
            total = 0.0
            for at in plan.rule_set[k]:
                if at >= 0:
                    total += x[at, i]
            x[to, i] = total
        elif rule == Rule.AMONG:
            value = x[plan.rule_from[k], i]
            hit = math.nan if math.isnan(value) else 0.0
            for code in plan.rule_set[k]:
                if value == code:
                    hit = 1.0
            x[to, i] = hit
        elif rule == Rule.MERGED:
            value = x[plan.rule_from[k], i]
            code = -1 if math.isnan(value) else plan.rule_set[k, int(value)]
            x[to, i] = math.nan if code < 0 else float(code)
        elif rule == Rule.EARLY:
            e = plan.rule_from[k]
            early = 1.0 if state.event[e, i] == 1 else plan.rule_else[k]
            x[to, i] = 0.0 if state.time[e, i] >= plan.rule_cut[k] else early
        elif rule == Rule.EVENT:
            event = state.event[plan.rule_from[k], i]
            x[to, i] = math.nan if event < 0 else float(event)
        elif rule == Rule.TIME:
            e = plan.rule_from[k]
            x[to, i] = math.nan if state.event[e, i] < 0 else state.time[e, i] / plan.month
        elif rule == Rule.PRODUCT:
            value = 1.0
            for at in plan.rule_set[k]:
                if at >= 0:
                    value *= x[at, i]
            x[to, i] = value
        elif rule == Rule.CROSS:
            x[to, i] = x[plan.rule_set[k, 0], i] * plan.rule_cut[k] + x[plan.rule_set[k, 1], i]
        elif rule == Rule.SITE:
            hit = 0.0
            if state.fate[i, Course.RECURRENCE] >= 0:
                if x[plan.rule_from[k], i] == plan.rule_cut[k]:
                    hit = math.nan
                for at in plan.rule_set[k]:
                    if at >= 0 and x[plan.rule_from[k], i] == at:
                        hit = 1.0
            x[to, i] = hit
        else:
            x[to, i] = _cut(rule, x[plan.rule_from[k], i], plan.rule_cut[k])


@compiled
def _cut(rule, value, cut):
    if math.isnan(value):
        return value
    if rule == Rule.PER:
        return value / cut
    if rule == Rule.FOLD:
        return math.log(value) / cut if value > 0 else math.nan
    if rule == Rule.OVER:
        return 1.0 if value > cut else 0.0
    if rule == Rule.FROM:
        return 1.0 if value >= cut else 0.0
    if rule == Rule.UNDER:
        return 1.0 if value < cut else 0.0
    if rule == Rule.UPTO:
        return 1.0 if value <= cut else 0.0
    return 1.0 if value == cut else 0.0


@compiled
def derive_all(state, plan):
    """Everything that follows, of all patients."""
    for i in range(len(state.fate)):
        derive_endpoints(i, state, plan)
        derive_columns(i, state, plan)
    for e in range(len(state.order)):
        state.order[e] = np.argsort(state.time[e], kind="mergesort")


@compiled
def place(i, e, state):
    """Put one patient where the new time belongs."""
    order, time = state.order[e], state.time[e]
    at = 0
    while order[at] != i:
        at += 1
    t, n = time[i], len(order)
    while at > 0 and time[order[at - 1]] > t:
        order[at] = order[at - 1]
        at -= 1
    while at < n - 1 and time[order[at + 1]] < t:
        order[at] = order[at + 1]
        at += 1
    order[at] = i


@compiled
def violations(x, plan):
    """How many forbidden pairs a patient has."""
    found = 0
    for k in range(len(plan.forbidden)):
        a, code, b, other = plan.forbidden[k]
        if x[int(a)] == code and x[int(b)] == other:
            found += 1
    return found
