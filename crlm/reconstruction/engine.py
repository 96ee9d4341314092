# A compiled loop is one function: calls inside it would cost more than they explain.
# ruff: noqa: C901
"""The compiled search: a move, evaluation of what it touches, acceptance.

A state is a cohort as arrays. The course of a patient is four numbers (`codes.Course`, in
days); every endpoint follows from them.
"""

from __future__ import annotations

import math

import numpy as np

from crlm.reconstruction.arrays import OUT, Plan, Queue
from crlm.reconstruction.codes import Move, Rule
from crlm.reconstruction.compiling import compiled
from crlm.reconstruction.derived import derive_columns, derive_endpoints, place, violations
from crlm.reconstruction.evaluation import block_cost, evaluate
from crlm.reconstruction.moves import (
    move_course,
    move_value,
    partner_for,
    partner_of,
    sound,
)

#: A block that costs more than this is evaluated before the others.
_FAR_OFF = 1.0


@compiled
def anneal(
    state,
    plan,
    freedom,
    queue,
    active,
    bundles,
    chances,
    tolerance,
    edge,
    miss,
    cap,
    heat,
    steps,
    seed,
):
    """Metropolis steps at one heat and one tolerance; the number accepted of each move.

    Before the first step the active blocks are evaluated from scratch, and no steps are only
    that: a function of its own for it would hold all of `evaluate` once more, and be compiled.
    `bundles` are the bundles of columns that may move, `chances` the cumulative chances of
    the moves. Blocks that are not active are left as they are. The order of the queue
    decides how soon a move fails, not whether.
    """
    np.random.seed(seed)
    n, width = len(state.fate), state.x.shape[0]
    blocks = len(active)
    inside = np.zeros(n, dtype=np.bool_)
    for b in range(blocks):
        if active[b]:
            evaluate(b, state, plan, inside, state.warm[b], state.out[b])
            state.cost[b] = block_cost(
                b, plan, state.weight, tolerance, edge, miss, cap, state.out[b]
            )
    touched = np.zeros(blocks, dtype=np.bool_)
    new_out = np.zeros((blocks, OUT))
    new_cost = np.zeros(blocks)
    new_warm = np.zeros((blocks, state.warm.shape[1]))
    old_fate = np.zeros((2, 4), dtype=np.int64)
    old_x = np.zeros((2, width))
    who = np.zeros(2, dtype=np.int64)
    accepted = np.zeros(len(chances), dtype=np.int64)
    for _ in range(steps):
        move = int(np.searchsorted(chances, np.random.random()))
        i = np.random.randint(n)
        count = _propose(
            move, i, state, plan, freedom, bundles, who, old_fate, old_x, touched, active
        )
        if count == 0:
            continue
        allowed = -heat * math.log(1.0 - np.random.random())
        delta, good = 0.0, True
        for b in range(blocks):
            if touched[b]:
                delta -= state.cost[b]
        for k in range(2 * blocks):
            # Blocks far from met go first: what they may gain is known before the rest runs.
            # Not where distances are capped: what may not be lost is known sooner.
            first, b = k < blocks, queue.next[k % blocks]
            if touched[b] and (cap > 0.0 or state.cost[b] > _FAR_OFF) == first:
                queue.tried[b] += 1
                new_warm[b] = state.warm[b]
                evaluate(b, state, plan, inside, new_warm[b], new_out[b])
                new_cost[b] = block_cost(
                    b, plan, state.weight, tolerance, edge, miss, cap, new_out[b]
                )
                delta += new_cost[b]
                if delta > allowed:
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
    queue.next[:] = np.argsort(-rate, kind="stable")
    queue.tried[:] *= 0.5
    queue.refused[:] *= 0.5


@compiled
def _propose(move, i, state, plan, freedom, bundles, who, old_fate, old_x, touched, active):
    """Make a move; how many patients it changed (0: none) and which blocks it touches."""
    touched[:] = False
    n = len(state.fate)
    who[0] = i
    along = np.random.randint(plan.along)
    if move < Move.SWAP_VALUE:
        who[1] = partner_of(move, i, along, state, plan, freedom.strata)
    elif len(bundles) == 0:
        return 0
    else:
        bundle = bundles[np.random.randint(len(bundles))]
        who[1] = -1
        if move == Move.SWAP_VALUE:
            who[1] = partner_for(i, bundle, state, freedom)
        elif move == Move.VALUES:
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
    if move < Move.SWAP_VALUE:
        good = _change_course(move, along, count, who, old_x, state, plan, freedom, touched, active)
    else:
        good = _change_values(
            move, bundle, count, who, old_x, state, plan, freedom, touched, active
        )
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
def _change_values(move, bundle, count, who, old_x, state, plan, freedom, touched, active):
    """Exchange the columns of a bundle, or change a value of one or two; whether it may stand."""
    chosen = -1
    if move == Move.SWAP_VALUE:
        for c in freedom.bundle[bundle]:
            if c >= 0:
                state.x[c, who[0]], state.x[c, who[1]] = old_x[1, c], old_x[0, c]
    else:
        chosen = freedom.bundle[bundle, np.random.randint(freedom.bundle.shape[1])]
        if chosen < 0:
            chosen = freedom.bundle[bundle, 0]
        if not freedom.numeric[chosen] and freedom.free[chosen] == 0:
            return False
        for k in range(count):
            if not move_value(who[k], chosen, state, freedom):
                return False
    worse = 0
    for k in range(count):
        derive_columns(who[k], state, plan)
        worse += violations(state.x[:, who[k]], plan) - violations(old_x[k], plan)
    if worse > 0:
        return False
    for c in freedom.bundle[bundle]:
        if c >= 0 and (chosen < 0 or c == chosen):
            for b in range(len(active)):
                if active[b]:
                    touched[b] |= plan.by_swap[c, b] if chosen < 0 else plan.by_column[c, b]
    return True


@compiled
def _change_course(move, along, count, who, old_x, state, plan, freedom, touched, active):
    """Change courses, with the endpoints and columns that follow; whether it may stand."""
    move_course(move, who[0], who[1], along, state, plan, freedom)
    for k in range(count):
        if not sound(state.fate[who[k]], freedom):
            return False
    hit = False
    before_time = np.empty(len(state.time), dtype=np.int64)
    before_event = np.empty(len(state.time), dtype=np.int64)
    for k in range(count):
        p = who[k]
        for e in range(len(before_time)):
            before_time[e], before_event[e] = state.time[e, p], state.event[e, p]
        derive_endpoints(p, state, plan)
        for e in range(len(before_time)):
            moved = state.time[e, p] != before_time[e]
            if moved:
                place(p, e, state)
            if moved or state.event[e, p] != before_event[e]:
                hit = True
                for b in range(len(active)):
                    touched[b] |= active[b] and plan.by_endpoint[e, b]
        derive_columns(p, state, plan)
        for r in range(len(plan.rule)):
            to = plan.rule_to[r]
            timed = plan.rule[r] in (Rule.EARLY, Rule.SITE, Rule.EVENT, Rule.TIME)
            if timed and state.x[to, p] != old_x[k, to]:
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
            before = state.time[:, p].copy()
            derive_endpoints(p, state, plan)
            for e in range(len(before)):
                if state.time[e, p] != before[e]:
                    place(p, e, state)
        for c in range(len(state.x)):
            state.x[c, p] = old_x[k, c]
