"""The small changes that a search tries: of courses of disease, and of values.

RFS <= SCP <= OS holds by construction, for every endpoint follows from the course.
"""

from __future__ import annotations

import math

import numpy as np

from crlm.reconstruction.codes import NEVER, OF_CAUSE, Course, Move
from crlm.reconstruction.compiling import compiled

#: Days before the end of observation at which a recurrence is put shortly before it.
_SHORTLY = 60


@compiled
def _step_size():
    size = int(math.exp(np.random.random() * 6.0))
    return size if np.random.random() < 0.5 else -size


@compiled
def sound(fate, freedom):
    """Whether a course can be: in its order, and within the times of the study."""
    recurrence, failure, end = fate[Course.RECURRENCE], fate[Course.FAILURE], fate[Course.END]
    if end < freedom.earliest or end > freedom.latest:
        return False
    if recurrence != NEVER and (recurrence < 1 or recurrence > end):
        return False
    if failure != NEVER and (recurrence == NEVER or failure < recurrence or failure > end):
        return False
    return True


@compiled
def _partner(i, state, column, value):
    """Another patient of the same group whose course has, or has not, this event."""
    n = len(state.fate)
    for _ in range(20):
        j = np.random.randint(n)
        if (
            j != i
            and state.joint_group[j] == state.joint_group[i]
            and (state.fate[j, column] > 0) == value
        ):
            return j
    return -1


@compiled
def _shift(fate, plan):
    at = np.random.randint(3)
    if at == Course.FAILURE and not plan.fails:
        at = Course.RECURRENCE
    if fate[at] == NEVER:
        at = Course.END
    step = _step_size()
    together = fate[Course.FAILURE] == fate[Course.RECURRENCE]
    fate[at] += step
    if together and fate[Course.RECURRENCE] != NEVER and at != Course.END:
        fate[Course.RECURRENCE] = fate[Course.FAILURE] = fate[at]


@compiled
def _to_anchor(fate, e, day, plan):
    """The event of an endpoint on a day that print wants."""
    if plan.after[e]:
        if fate[Course.RECURRENCE] != NEVER:
            fate[Course.END], fate[Course.DEAD] = fate[Course.RECURRENCE] + day, OF_CAUSE
    elif plan.lead[e] == Course.END:
        fate[Course.END], fate[Course.DEAD] = day, OF_CAUSE
    elif plan.lead[e] == Course.RECURRENCE:
        if fate[Course.FAILURE] == fate[Course.RECURRENCE] and fate[Course.FAILURE] != NEVER:
            fate[Course.FAILURE] = day
        fate[Course.RECURRENCE] = day
    else:
        if fate[Course.RECURRENCE] == NEVER or fate[Course.RECURRENCE] > day:
            fate[Course.RECURRENCE] = day
        fate[Course.FAILURE] = day


@compiled
def _toggle_failure(fate):
    if fate[Course.FAILURE] != NEVER:
        fate[Course.FAILURE] = NEVER
    elif fate[Course.RECURRENCE] != NEVER:
        span = fate[Course.END] - fate[Course.RECURRENCE]
        at_once = np.random.random() < 0.3
        fate[Course.FAILURE] = fate[Course.RECURRENCE] + (
            0 if at_once else np.random.randint(span + 1)
        )


@compiled
def _toggle_recurrence(fate):
    if fate[Course.RECURRENCE] != NEVER:
        fate[Course.RECURRENCE] = fate[Course.FAILURE] = NEVER
    elif np.random.random() < 0.5:
        # Shortly before the end: where death is what ends it, the curves hardly notice.
        fate[Course.RECURRENCE] = fate[Course.END] - np.random.randint(
            min(max(fate[Course.END], 1), _SHORTLY)
        )
    else:
        fate[Course.RECURRENCE] = 1 + np.random.randint(max(fate[Course.END], 1))


@compiled
def _swap_part(a, b):
    at = np.random.randint(4)
    if at == Course.END or at == Course.DEAD:
        if np.random.random() < 0.5:
            a[Course.END], b[Course.END] = b[Course.END], a[Course.END]
        a[Course.DEAD], b[Course.DEAD] = b[Course.DEAD], a[Course.DEAD]
        if a[Course.DEAD] == b[Course.DEAD]:
            a[Course.END], b[Course.END] = b[Course.END], a[Course.END]
    else:
        a[at], b[at] = b[at], a[at]


@compiled
def _neighbour(i, e, state):
    """A patient next to another one, or next but one, in the order of an endpoint.

    To exchange their times is the smallest change of an order: it is what fits a ratio to its
    last digit when medians are met.
    """
    n = state.order.shape[1]
    at = 0
    while state.order[e, at] != i:
        at += 1
    step = 1 + np.random.randint(2)
    at += step if np.random.random() < 0.5 else -step
    return state.order[e, at] if 0 <= at < n else i


@compiled
def _beside(i, e, state, strata):
    """A patient of the same stratum, next to another one or up to three further; -2: none."""
    n, left = state.order.shape[1], 1 + np.random.randint(3)
    step = 1 if np.random.random() < 0.5 else -1
    at = 0
    while state.order[e, at] != i:
        at += 1
    while left > 0:
        at += step
        if at < 0 or at >= n:
            return -2
        j = state.order[e, at]
        left -= strata < 0 or state.x[strata, j] == state.x[strata, i]
    return j


@compiled
def _past(a, b, e, plan):
    """The time of one patient in an endpoint put just beyond that of another."""
    p, q = _deciding(a, e, plan), _deciding(b, e, plan)
    days = 1 + np.random.randint(3)
    at_once = a[Course.RECURRENCE] != NEVER and a[Course.RECURRENCE] == a[Course.FAILURE]
    a[p] = b[q] + (days if b[q] >= a[p] else -days)
    if at_once and p != Course.END:
        a[Course.RECURRENCE] = a[Course.FAILURE] = a[p]


@compiled
def _swap_times(a, b, e, plan):
    """Exchange what decides the times of two patients in one endpoint."""
    p, q = _deciding(a, e, plan), _deciding(b, e, plan)
    at_once_a = a[Course.RECURRENCE] != NEVER and a[Course.RECURRENCE] == a[Course.FAILURE]
    at_once_b = b[Course.RECURRENCE] != NEVER and b[Course.RECURRENCE] == b[Course.FAILURE]
    a[p], b[q] = b[q], a[p]
    if at_once_a and p != Course.END:
        a[Course.RECURRENCE] = a[Course.FAILURE] = a[p]
    if at_once_b and q != Course.END:
        b[Course.RECURRENCE] = b[Course.FAILURE] = b[q]


@compiled
def _deciding(fate, e, plan):
    """Which of the four numbers is the time of an endpoint."""
    if plan.counts[e, Course.RECURRENCE] and fate[Course.RECURRENCE] != NEVER:
        return Course.RECURRENCE
    if plan.counts[e, Course.FAILURE] and fate[Course.FAILURE] != NEVER:
        return Course.FAILURE
    return Course.END


@compiled
def _told_by(move):
    """Which of the four numbers says whether a patient had the event that a move changes."""
    if move == Move.DEATH:
        return Course.DEAD
    return Course.FAILURE if move == Move.FAILURE else Course.RECURRENCE


@compiled
def partner_of(move, i, along, state, plan, strata):
    """The second patient of a move of courses; -1: none is needed, -2: none was found."""
    if move in (Move.DEATH, Move.FAILURE, Move.RECURRENCE):
        if np.random.random() < 0.4:
            return -1
        column = _told_by(move)
        return _partner(i, state, column, not state.fate[i, column] > 0)
    if move == Move.SWAP_TIME:
        j = _neighbour(i, along, state)
        return j if j != i else -2
    if move in (Move.SWAP_BESIDE, Move.PAST):
        return _beside(i, along, state, strata)
    if move in (Move.SWAP_COURSE, Move.SWAP_NEAR, Move.SWAP_PART):
        return _other(move, i, along, state)
    return -1


@compiled
def _other(move, i, along, state):
    """A patient to exchange a course with: one near by, or any, more often of the same group."""
    n = len(state.fate)
    j = np.random.randint(n)
    if move == Move.SWAP_NEAR:
        at = 0
        while state.order[along, at] != i:
            at += 1
        j = state.order[along, min(max(at + np.random.randint(-3, 4), 0), n - 1)]
    elif np.random.random() < 0.8:
        for _ in range(8):
            if state.joint_group[j] == state.joint_group[i]:
                break
            j = np.random.randint(n)
    return j if j != i else -2


@compiled
def move_course(move, i, j, along, state, plan, freedom):
    """Change the course of one or two patients."""
    fate = state.fate
    if move == Move.SHIFT:
        _shift(fate[i], plan)
    elif move == Move.ANCHOR and len(freedom.anchor):
        a = np.random.randint(len(freedom.anchor))
        _to_anchor(fate[i], freedom.anchor[a, 0], freedom.anchor[a, 1], plan)
    elif move == Move.AT_ONCE and plan.fails:
        fate[i, Course.FAILURE] = fate[i, Course.RECURRENCE]
    elif move == Move.SWAP_PART:
        _swap_part(fate[i], fate[j])
    elif move == Move.PAST:
        _past(fate[i], fate[j], along, plan)
    elif move in (Move.SWAP_TIME, Move.SWAP_BESIDE):
        _swap_times(fate[i], fate[j], along, plan)
    elif move in (Move.SWAP_COURSE, Move.SWAP_NEAR):
        for k in range(4):
            fate[i, k], fate[j, k] = fate[j, k], fate[i, k]
    else:
        _toggle(move, fate[i], plan)
        if j >= 0:
            _toggle(move, fate[j], plan)


@compiled
def _toggle(move, fate, plan):
    if move == Move.DEATH:
        if plan.causes:
            fate[Course.DEAD] = (fate[Course.DEAD] + 1 + np.random.randint(2)) % 3
        else:
            fate[Course.DEAD] = 1 - fate[Course.DEAD]
    elif move == Move.FAILURE and plan.fails:
        _toggle_failure(fate)
    elif move == Move.RECURRENCE and plan.recurs:
        _toggle_recurrence(fate)


@compiled
def move_value(i, column, state, freedom):
    """Another value for one patient; False if there is none."""
    x, old = state.x, state.x[column, i]
    if not freedom.numeric[column]:
        levels = freedom.free[column]
        choice = np.random.randint(levels + 1 if freedom.missing[column] else levels)
        x[column, i] = math.nan if choice == levels else float(choice)
        return not (x[column, i] == old or (math.isnan(old) and choice == levels))
    if freedom.missing[column] and np.random.random() < 0.1:
        x[column, i] = math.nan if not math.isnan(old) else _typical(i, column, state)
        return not (math.isnan(old) and math.isnan(x[column, i]))
    if math.isnan(old) or old == 0.0:
        return False
    u = np.random.random()
    value = _typical(i, column, state) if u < 0.3 else old
    if math.isnan(value):
        return False
    value = (
        value * math.exp(np.random.normal() * 0.3)
        if u > 0.5
        else (value + freedom.grid[column] * np.random.randint(-3, 4))
    )
    step = freedom.grid[column]
    value = round(value / step) * step
    group = state.table_group[i]
    value = min(max(value, freedom.lowest[column, group]), freedom.highest[column, group])
    x[column, i] = round(value * 10000.0) / 10000.0
    return x[column, i] != old


@compiled
def _typical(i, column, state):
    """The value of some other patient in the same group."""
    n = len(state.fate)
    for _ in range(10):
        j = np.random.randint(n)
        if state.table_group[j] == state.table_group[i] and state.x[column, j] != 0.0:
            return state.x[column, j]
    return math.nan


@compiled
def partner_for(i, bundle, state, freedom):
    """A patient of the same group, of Table 1 or joint, with another value; -2: none found."""
    n = len(state.fate)
    for _ in range(12):
        j = np.random.randint(n)
        groups = state.joint_group if freedom.joint[bundle] else state.table_group
        if j == i or groups[j] != groups[i]:
            continue
        for column in freedom.bundle[bundle]:
            if column >= 0:
                a, b = state.x[column, i], state.x[column, j]
                if not (a == b or (math.isnan(a) and math.isnan(b))):
                    return j
    return -2
