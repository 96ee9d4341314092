# A compiled loop is one function: calls inside it would cost more than they explain.
# ruff: noqa: C901
"""The compiled search: moves, evaluation of what they touch, acceptance.

A state is a cohort as arrays. The course of a patient is four numbers (days): first
recurrence, surgical failure (-1 is never), end of observation, and whether it was death;
every endpoint follows from them, so RFS <= SCP <= OS holds by construction.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from crlm.reconstruction import fits, kernels
from crlm.reconstruction.kernels import compiled
from crlm.reconstruction.plan import (
    AMONG,
    FROM,
    OUT,
    OVER,
    POINTS,
    SHORT,
    SITE,
    UNDER,
    UPTO,
    Plan,
)

RECURRENCE, FAILURE, END, DEAD = range(4)
NEVER, FAR = -1, 10_000_000
#: How far off a missing statistic counts, in natural scales.
LOST = 5.0
#: Days before the end of observation at which a recurrence is put shortly before it.
_SHORTLY = 60
#: A block that costs more than this is evaluated before the others.
_FAR_OFF = 1.0

(
    M_SHIFT,
    M_ANCHOR,
    M_DEATH,
    M_FAILURE,
    M_RECURRENCE,
    M_SWAP_COURSE,
    M_SWAP_NEAR,
    M_SWAP_PART,
    M_AT_ONCE,
    M_SWAP_TIME,
    M_SWAP_VALUE,
    M_VALUE,
    M_VALUES,
) = range(13)
MOVES = 13


class State(NamedTuple):
    """A cohort being searched; the search changes it in place."""

    fate: np.ndarray  # (n, 4) days
    x: np.ndarray  # (columns, n)
    time: np.ndarray  # (4, n) days, of each endpoint
    event: np.ndarray  # (4, n); -1: not in this endpoint
    order: np.ndarray  # (4, n) patients by time
    group: np.ndarray  # joint group of each patient
    table: np.ndarray  # group of Table 1, within which values may be exchanged
    out: np.ndarray  # (blocks, OUT) what the kernels gave
    cost: np.ndarray  # (blocks,)
    warm: np.ndarray  # (blocks, 10) where Newton begins
    weight: np.ndarray  # (targets,)


class Queue(NamedTuple):
    """In which order blocks are evaluated, and what that order is made from."""

    order: np.ndarray  # (blocks,)
    tried: np.ndarray  # (blocks,) how often evaluated, lately
    refused: np.ndarray  # (blocks,) how often a move failed there, lately


class Freedom(NamedTuple):
    """What the moves may change."""

    unit: np.ndarray  # (units, most) columns that are exchanged together, -1 behind
    numeric: np.ndarray  # (columns,)
    free: np.ndarray  # (columns,) number of levels a value may be changed to; 0: none
    missing: np.ndarray  # (columns,) whether a value may be missing
    grid: np.ndarray  # (columns,) step of the values
    lowest: np.ndarray  # (columns, table groups)
    highest: np.ndarray
    anchor: np.ndarray  # (anchors, 2): endpoint, day
    latest: int  # no time lies beyond
    earliest: int  # no end of observation before


@compiled
def derive_endpoints(i, state, plan):
    """Times and events of one patient from the course of the disease."""
    recurrence, failure, end, dead = state.fate[i]
    state.time[0, i], state.event[0, i] = end, dead
    if recurrence >= 0:
        state.time[1, i], state.event[1, i] = recurrence, 1
        state.time[3, i], state.event[3, i] = end - recurrence, dead
    else:
        state.time[1, i], state.event[1, i] = end, dead
        state.time[3, i], state.event[3, i] = FAR, -1
    if failure >= 0:
        state.time[2, i], state.event[2, i] = failure, 1
    else:
        state.time[2, i], state.event[2, i] = end, 1 if plan.scp_death and dead else 0


@compiled
def derive_columns(i, state, plan):
    """The columns of one patient that follow from others."""
    x = state.x
    for k in range(len(plan.rule)):
        rule, to = plan.rule[k], plan.rule_to[k]
        if rule == POINTS:
            total = 0.0
            for at in plan.rule_set[k]:
                if at >= 0:
                    total += x[at, i]
            x[to, i] = total
        elif rule == AMONG:
            value = x[plan.rule_from[k], i]
            hit = math.nan if math.isnan(value) else 0.0
            for code in plan.rule_set[k]:
                if value == code:
                    hit = 1.0
            x[to, i] = hit
        elif rule == SHORT:
            t, event = state.time[2, i], state.event[2, i]
            early = 1.0 if event == 1 else plan.short_early
            x[to, i] = 0.0 if t >= plan.short_days else early
        elif rule == SITE:
            hit = 0.0
            if state.fate[i, RECURRENCE] >= 0:
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
    if rule == OVER:
        return 1.0 if value > cut else 0.0
    if rule == FROM:
        return 1.0 if value >= cut else 0.0
    if rule == UNDER:
        return 1.0 if value < cut else 0.0
    if rule == UPTO:
        return 1.0 if value <= cut else 0.0
    return 1.0 if value == cut else 0.0


@compiled
def derive_all(state, plan):
    """Everything that follows, of all patients."""
    for i in range(len(state.fate)):
        derive_endpoints(i, state, plan)
        derive_columns(i, state, plan)
    for e in range(4):
        state.order[e] = np.argsort(state.time[e], kind="mergesort")


@compiled
def evaluate(b, state, plan, inside, warm, out):
    """The numbers of one block, written to `out`."""
    kind, e = plan.kind[b], plan.endpoint[b]
    if kind == 11:
        kernels.events_on(state.time[e], state.event[e], plan.asked[b], plan.n_asked[b], out)
        return
    n = len(inside)
    for i in range(n):
        inside[i] = e < 0 or state.event[e, i] >= 0
    for k in range(plan.n_where[b]):
        column, code = int(plan.where[b, k, 0]), plan.where[b, k, 1]
        for i in range(n):
            if state.x[column, i] != code:
                inside[i] = False
    if kind <= 2:
        _describe(b, kind, e, state, plan, inside, out)
        return
    first = plan.columns[b, 0]
    if kind == 3:
        kernels.logrank(state.time[e], state.event[e], state.order[e], inside, state.x[first], out)
    elif kind <= 5:
        _model(b, kind, e, state, plan, inside, warm, out)
    elif kind == 6:
        kernels.association(inside, state.x[first], state.x[plan.columns[b, 1]], plan.fisher, out)
    elif kind == 7:
        kernels.ranks(inside, state.x[first], state.x[plan.columns[b, 1]], out)
    elif kind == 8:
        kernels.summary(inside, state.x[first], out)
    elif kind == 9:
        kernels.count(inside, state.x[first], plan.code[b], out)
    elif kind == 10:
        kernels.correlation(inside, state.x[first], state.x[plan.columns[b, 1]], out)
    else:
        kernels.fates(state.fate, inside, out)


@compiled
def _describe(b, kind, e, state, plan, inside, out):
    if kind == 1:
        kernels.observed_follow_up(
            state.time[e], state.order[e], inside, plan.month, plan.ranks, out
        )
        return
    kernels.kaplan_meier(
        state.time[e],
        state.event[e],
        state.order[e],
        inside,
        kind == 2,
        plan.conf,
        plan.z,
        plan.month,
        plan.asked[b],
        plan.n_asked[b],
        out,
    )
    if kind == 2:
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
    if kind == 4:
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
    fits.logistic(state.x[columns[p - 1]], inside, state.x, columns, p - 1, plan.z, warm, out)


@compiled
def _graded(distance):
    """What a distance, in tolerances, costs: from one on it grows as the power 3/4."""
    if distance < 1.0:
        return distance
    root = math.sqrt(distance)
    return (4.0 * root * math.sqrt(root) - 1.0) / 3.0


@compiled
def block_cost(b, plan, weight, tolerance, edge, miss, out):
    """Weighted distances of a block's targets from their intervals, in tolerances.

    `edge` keeps off the ends of an interval (share of its half-width); `miss` is added
    for a target that is not met at all.
    """
    total = 0.0
    for k in range(plan.first[b], plan.first[b + 1]):
        value = out[plan.slot[k]]
        if math.isnan(value):
            total += weight[k] * (_graded(LOST * plan.natural[k] / tolerance[k]) + miss)
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
def refresh(state, plan, active, tolerance, edge, miss):
    """All active blocks from scratch; the total cost."""
    inside = np.zeros(len(state.fate), dtype=np.bool_)
    total = 0.0
    for b in range(len(active)):
        if active[b]:
            evaluate(b, state, plan, inside, state.warm[b], state.out[b])
            state.cost[b] = block_cost(b, plan, state.weight, tolerance, edge, miss, state.out[b])
            total += state.cost[b]
    return total


@compiled
def _place(i, e, state):
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
def _step_size():
    size = int(math.exp(np.random.random() * 6.0))
    return size if np.random.random() < 0.5 else -size


@compiled
def _sound(fate, freedom):
    recurrence, failure, end = fate[RECURRENCE], fate[FAILURE], fate[END]
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
        if j != i and state.group[j] == state.group[i] and (state.fate[j, column] > 0) == value:
            return j
    return -1


@compiled
def _shift(fate, scp):
    at = np.random.randint(3)
    if at == FAILURE and not scp:
        at = RECURRENCE
    if fate[at] == NEVER:
        at = END
    step = _step_size()
    together = fate[FAILURE] == fate[RECURRENCE]
    fate[at] += step
    if together and fate[RECURRENCE] != NEVER and at != END:
        fate[RECURRENCE] = fate[FAILURE] = fate[at]


@compiled
def _to_anchor(fate, endpoint, day):
    if endpoint == 0:
        fate[END], fate[DEAD] = day, 1
    elif endpoint == 1:
        if fate[FAILURE] == fate[RECURRENCE] and fate[FAILURE] != NEVER:
            fate[FAILURE] = day
        fate[RECURRENCE] = day
    elif endpoint == 2:
        if fate[RECURRENCE] == NEVER or fate[RECURRENCE] > day:
            fate[RECURRENCE] = day
        fate[FAILURE] = day
    elif fate[RECURRENCE] != NEVER:
        fate[END], fate[DEAD] = fate[RECURRENCE] + day, 1


@compiled
def _toggle_failure(fate):
    if fate[FAILURE] != NEVER:
        fate[FAILURE] = NEVER
    elif fate[RECURRENCE] != NEVER:
        span = fate[END] - fate[RECURRENCE]
        at_once = np.random.random() < 0.3
        fate[FAILURE] = fate[RECURRENCE] + (0 if at_once else np.random.randint(span + 1))


@compiled
def _toggle_recurrence(fate):
    if fate[RECURRENCE] != NEVER:
        fate[RECURRENCE] = fate[FAILURE] = NEVER
    elif np.random.random() < 0.5:
        # Shortly before the end: where death is what ends it, the curves hardly notice.
        fate[RECURRENCE] = fate[END] - np.random.randint(min(max(fate[END], 1), _SHORTLY))
    else:
        fate[RECURRENCE] = 1 + np.random.randint(max(fate[END], 1))


@compiled
def _swap_part(a, b):
    at = np.random.randint(4)
    if at == END or at == DEAD:
        if np.random.random() < 0.5:
            a[END], b[END] = b[END], a[END]
        a[DEAD], b[DEAD] = b[DEAD], a[DEAD]
        if a[DEAD] == b[DEAD]:
            a[END], b[END] = b[END], a[END]
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
def _swap_times(a, b, e):
    """Exchange what decides the times of two patients in one endpoint."""
    p, q = _deciding(a, e), _deciding(b, e)
    at_once_a = a[RECURRENCE] != NEVER and a[RECURRENCE] == a[FAILURE]
    at_once_b = b[RECURRENCE] != NEVER and b[RECURRENCE] == b[FAILURE]
    a[p], b[q] = b[q], a[p]
    if at_once_a and p != END:
        a[RECURRENCE] = a[FAILURE] = a[p]
    if at_once_b and q != END:
        b[RECURRENCE] = b[FAILURE] = b[q]


@compiled
def _deciding(fate, e):
    """Which of the four numbers is the time of an endpoint."""
    if e == 1 and fate[RECURRENCE] != NEVER:
        return RECURRENCE
    if e == 2 and fate[FAILURE] != NEVER:
        return FAILURE
    return END


@compiled
def _partner_of(move, i, along, state, plan):
    """The second patient of a move of courses; -1: none is needed, -2: none was found."""
    n = len(state.fate)
    if move in (M_DEATH, M_FAILURE, M_RECURRENCE):
        if np.random.random() < 0.4:
            return -1
        column = DEAD if move == M_DEATH else FAILURE if move == M_FAILURE else RECURRENCE
        return _partner(i, state, column, not state.fate[i, column] > 0)
    if move == M_SWAP_TIME:
        j = _neighbour(i, along, state)
        return j if j != i else -2
    if move not in (M_SWAP_COURSE, M_SWAP_NEAR, M_SWAP_PART):
        return -1
    j = np.random.randint(n)
    if move == M_SWAP_NEAR:
        at = 0
        while state.order[along, at] != i:
            at += 1
        j = state.order[along, min(max(at + np.random.randint(-3, 4), 0), n - 1)]
    elif np.random.random() < 0.8:
        for _ in range(8):
            if state.group[j] == state.group[i]:
                break
            j = np.random.randint(n)
    return j if j != i else -2


@compiled
def _move_course(move, i, j, along, state, plan, freedom):
    """Change the course of one or two patients."""
    fate = state.fate
    if move == M_SHIFT:
        _shift(fate[i], plan.scp)
    elif move == M_ANCHOR and len(freedom.anchor):
        a = np.random.randint(len(freedom.anchor))
        _to_anchor(fate[i], freedom.anchor[a, 0], freedom.anchor[a, 1])
    elif move == M_AT_ONCE and plan.scp:
        fate[i, FAILURE] = fate[i, RECURRENCE]
    elif move == M_SWAP_PART:
        _swap_part(fate[i], fate[j])
    elif move == M_SWAP_TIME:
        _swap_times(fate[i], fate[j], along)
    elif move in (M_SWAP_COURSE, M_SWAP_NEAR):
        for k in range(4):
            fate[i, k], fate[j, k] = fate[j, k], fate[i, k]
    else:
        _toggle(move, fate[i], plan.scp)
        if j >= 0:
            _toggle(move, fate[j], plan.scp)


@compiled
def _toggle(move, fate, scp):
    if move == M_DEATH:
        fate[DEAD] = 1 - fate[DEAD]
    elif move == M_FAILURE and scp:
        _toggle_failure(fate)
    elif move == M_RECURRENCE:
        _toggle_recurrence(fate)


@compiled
def _move_value(i, column, state, freedom):
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
    group = state.table[i]
    value = min(max(value, freedom.lowest[column, group]), freedom.highest[column, group])
    x[column, i] = round(value * 10000.0) / 10000.0
    return x[column, i] != old


@compiled
def _typical(i, column, state):
    """The value of some other patient in the same group."""
    n = len(state.fate)
    for _ in range(10):
        j = np.random.randint(n)
        if state.table[j] == state.table[i] and state.x[column, j] != 0.0:
            return state.x[column, j]
    return math.nan


@compiled
def _partner_for(i, unit, state, freedom):
    """A patient of the same group with another value; -2: none was found."""
    n = len(state.fate)
    for _ in range(12):
        j = np.random.randint(n)
        if j == i or state.table[j] != state.table[i]:
            continue
        for column in freedom.unit[unit]:
            if column >= 0:
                a, b = state.x[column, i], state.x[column, j]
                if not (a == b or (math.isnan(a) and math.isnan(b))):
                    return j
    return -2


@compiled
def _violations(x, plan):
    """How many forbidden pairs a patient has."""
    found = 0
    for k in range(len(plan.forbidden)):
        a, code, b, other = plan.forbidden[k]
        if x[int(a)] == code and x[int(b)] == other:
            found += 1
    return found


@compiled
def anneal(
    state, plan, freedom, queue, active, units, chances, tolerance, edge, miss, heat, steps, seed
):
    """Metropolis steps at one heat and one tolerance; the number accepted of each move.

    `units` are the units of columns that may move, `chances` the cumulative chances of
    the moves. Blocks that are not active are left as they are. The order of the queue
    decides how soon a move fails, not whether.
    """
    np.random.seed(seed)
    n, width = len(state.fate), state.x.shape[0]
    blocks = len(active)
    inside = np.zeros(n, dtype=np.bool_)
    touched = np.zeros(blocks, dtype=np.bool_)
    new_out = np.zeros((blocks, OUT))
    new_cost = np.zeros(blocks)
    new_warm = np.zeros((blocks, state.warm.shape[1]))
    old_fate = np.zeros((2, 4), dtype=np.int64)
    old_x = np.zeros((2, width))
    who = np.zeros(2, dtype=np.int64)
    accepted = np.zeros(MOVES, dtype=np.int64)
    for _ in range(steps):
        move = int(np.searchsorted(chances, np.random.random()))
        i = np.random.randint(n)
        count = _propose(
            move, i, state, plan, freedom, units, who, old_fate, old_x, touched, active
        )
        if count == 0:
            continue
        limit = -heat * math.log(1.0 - np.random.random())
        delta, good = 0.0, True
        for b in range(blocks):
            if touched[b]:
                delta -= state.cost[b]
        for k in range(2 * blocks):
            # Blocks far from met go first: what they may gain is known before the rest runs.
            first, b = k < blocks, queue.order[k % blocks]
            if touched[b] and (state.cost[b] > _FAR_OFF) == first:
                queue.tried[b] += 1
                new_warm[b] = state.warm[b]
                evaluate(b, state, plan, inside, new_warm[b], new_out[b])
                new_cost[b] = block_cost(b, plan, state.weight, tolerance, edge, miss, new_out[b])
                delta += new_cost[b]
                if delta > limit:
                    queue.refused[b] += 1
                    good = False
                    break
        if good:
            accepted[move] += 1
            for b in range(blocks):
                if touched[b]:
                    state.cost[b] = new_cost[b]
                    state.out[b] = new_out[b]
                    state.warm[b] = new_warm[b]
        else:
            _undo(count, who, old_fate, old_x, state, plan)
    return accepted


def reorder(queue: Queue, plan: Plan) -> None:
    """Blocks at which moves fail often and cheaply go first; old counts fade."""
    rate = (queue.refused + 0.05) / (queue.tried + 1.0) / plan.price
    queue.order[:] = np.argsort(-rate, kind="stable")
    queue.tried[:] *= 0.5
    queue.refused[:] *= 0.5


@compiled
def _propose(move, i, state, plan, freedom, units, who, old_fate, old_x, touched, active):
    """Make a move; how many patients it changed (0: none) and which blocks it touches."""
    touched[:] = False
    n = len(state.fate)
    who[0] = i
    along = np.random.randint(3 if plan.scp else 2)
    if move < M_SWAP_VALUE:
        who[1] = _partner_of(move, i, along, state, plan)
    elif len(units) == 0:
        return 0
    else:
        unit = units[np.random.randint(len(units))]
        who[1] = -1
        if move == M_SWAP_VALUE:
            who[1] = _partner_for(i, unit, state, freedom)
        elif move == M_VALUES:
            who[1] = np.random.randint(n)
            if who[1] == i:
                who[1] = -2
    if who[1] == -2:
        return 0
    count = 1 if who[1] < 0 else 2
    for k in range(count):
        for c in range(4):
            old_fate[k, c] = state.fate[who[k], c]
        for c in range(len(state.x)):
            old_x[k, c] = state.x[c, who[k]]
    if move < M_SWAP_VALUE:
        good = _change_course(move, along, count, who, old_x, state, plan, freedom, touched, active)
    else:
        good = _change_values(move, unit, count, who, old_x, state, plan, freedom, touched, active)
    if not good:
        _undo(count, who, old_fate, old_x, state, plan)
        return 0
    for b in range(len(active)):
        if touched[b] and plan.n_where[b] > 0:
            touched[b] = _concerned(b, count, who, old_x, state, plan)
    return count


@compiled
def _concerned(b, count, who, old_x, state, plan):
    """Whether any of the changed patients is, or was, among those a block is about."""
    for k in range(count):
        now, before = True, True
        for c in range(plan.n_where[b]):
            column, code = int(plan.where[b, c, 0]), plan.where[b, c, 1]
            now = now and state.x[column, who[k]] == code
            before = before and old_x[k, column] == code
        if now or before:
            return True
    return False


@compiled
def _change_values(move, unit, count, who, old_x, state, plan, freedom, touched, active):
    """Exchange the columns of a unit, or change a value of one or two; whether it may stand."""
    chosen = -1
    if move == M_SWAP_VALUE:
        for c in freedom.unit[unit]:
            if c >= 0:
                state.x[c, who[0]], state.x[c, who[1]] = old_x[1, c], old_x[0, c]
    else:
        chosen = freedom.unit[unit, np.random.randint(freedom.unit.shape[1])]
        if chosen < 0:
            chosen = freedom.unit[unit, 0]
        if not freedom.numeric[chosen] and freedom.free[chosen] == 0:
            return False
        for k in range(count):
            if not _move_value(who[k], chosen, state, freedom):
                return False
    worse = 0
    for k in range(count):
        derive_columns(who[k], state, plan)
        worse += _violations(state.x[:, who[k]], plan) - _violations(old_x[k], plan)
    if worse > 0:
        return False
    for c in freedom.unit[unit]:
        if c >= 0 and (chosen < 0 or c == chosen):
            for b in range(len(active)):
                if active[b]:
                    touched[b] |= plan.by_swap[c, b] if chosen < 0 else plan.by_column[c, b]
    return True


@compiled
def _four(values, p):
    """What one patient has in each endpoint."""
    return values[0, p], values[1, p], values[2, p], values[3, p]


@compiled
def _change_course(move, along, count, who, old_x, state, plan, freedom, touched, active):
    """Change courses, with the endpoints and columns that follow; whether it may stand."""
    _move_course(move, who[0], who[1], along, state, plan, freedom)
    for k in range(count):
        if not _sound(state.fate[who[k]], freedom):
            return False
    hit = False
    for k in range(count):
        p = who[k]
        before_time, before_event = _four(state.time, p), _four(state.event, p)
        derive_endpoints(p, state, plan)
        for e in range(4):
            moved = state.time[e, p] != before_time[e]
            if moved:
                _place(p, e, state)
            if moved or state.event[e, p] != before_event[e]:
                hit = True
                for b in range(len(active)):
                    touched[b] |= active[b] and plan.by_endpoint[e, b]
        derive_columns(p, state, plan)
        for r in range(len(plan.rule)):
            to = plan.rule_to[r]
            if (plan.rule[r] == SHORT or plan.rule[r] == SITE) and (state.x[to, p] != old_x[k, to]):
                for b in range(len(active)):
                    touched[b] |= active[b] and plan.by_column[to, b]
    return hit


@compiled
def _undo(count, who, old_fate, old_x, state, plan):
    for k in range(count):
        p = who[k]
        same = True
        for c in range(4):
            same = same and state.fate[p, c] == old_fate[k, c]
        if not same:
            for c in range(4):
                state.fate[p, c] = old_fate[k, c]
            before = _four(state.time, p)
            derive_endpoints(p, state, plan)
            for e in range(4):
                if state.time[e, p] != before[e]:
                    _place(p, e, state)
        for c in range(len(state.x)):
            state.x[c, p] = old_x[k, c]
