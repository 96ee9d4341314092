# A compiled loop is one function: calls inside it would cost more than they explain.
# ruff: noqa: C901
"""The cumulative incidence of an event while another competes, compiled.

The tests hold it against `multistate`, and that against R's `cmprsk`.
"""

from __future__ import annotations

import math

from crlm.reconstruction.compiling import compiled

#: The first of three numbers for each asked time.
RATES = 2


@compiled
def incidence(time, event, order, when, rival, along, both, inside, z, asked, n_asked, out):
    """Patients, events, then of each asked time the incidence in percent and its limits.

    `time`, `event`, `order` are of the endpoint whose event is counted, `when`, `rival`, `along`
    of the one that competes, as rows of a cohort's state; `both`: the first counts the competing
    event too. `asked` in days, ascending. Limits are log-log with Gray's variance (Gray RJ. Ann
    Stat 1988;16:1141), as `multistate.variance` has it.
    """
    n, total, last, size = 0, 0, -1, len(order)
    for i in range(size):
        n += inside[i]
    out[:] = math.nan
    at_risk, survival, share, variance = n, 1.0, 0.0, 0.0
    squared, mixed, plain = 0.0, 0.0, 0.0
    k, p, q = 0, 0, 0
    while True:
        # Who has the competing event before the end of the first endpoint leaves with it.
        while p < size and _leaves_early(order[p], time, when, rival, inside) != 0:
            p += 1
        while q < size and _leaves_early(along[q], time, when, rival, inside) != 1:
            q += 1
        if p == size and q == size:
            break
        if q == size or (p < size and time[order[p]] <= when[along[q]]):
            t = time[order[p]]
        else:
            t = when[along[q]]
        while k < n_asked and asked[k] < t:
            _told(k, share, variance, z, out)
            k += 1
        one, other, leaving = 0, 0, 0
        while p < size and time[order[p]] == t:
            i = order[p]
            p += 1
            if _leaves_early(i, time, when, rival, inside) != 0:
                continue
            leaving += 1
            same = rival[i] == 1 and when[i] == t
            if event[i] == 1 and not (same and both):
                one += 1
            elif same:
                other += 1
        while q < size and when[along[q]] == t:
            i = along[q]
            q += 1
            if _leaves_early(i, time, when, rival, inside) == 1:
                leaving += 1
                other += 1
        last = t
        if one + other > 0:
            left = survival * (at_risk - one - other) / at_risk
            share += survival * one / at_risk
            if other > 0 and left > 0.0:
                spread = _spread(other, at_risk, survival)
                inverse, pull = 1.0 / left, share / left
                squared += spread * pull * pull
                mixed += spread * inverse * pull
                plain += spread * inverse * inverse
            if one > 0:
                spread = _spread(one, at_risk, survival)
                inverse = 1.0 / left if left > 0.0 else 0.0
                pull = 1.0 + share * inverse
                squared += spread * pull * pull
                mixed += spread * inverse * pull
                plain += spread * inverse * inverse
                variance = squared + share * share * plain - 2.0 * share * mixed
                total += one
            survival = left
        at_risk -= leaving
    out[0], out[1] = n, total
    while k < n_asked:
        if asked[k] <= last:
            _told(k, share, variance, z, out)
        k += 1


@compiled
def _leaves_early(i, time, when, rival, inside):
    """1 for who has the competing event before the end of the first endpoint, 0 for others.

    -1 for who does not count.
    """
    if not inside[i]:
        return -1
    return 1 if rival[i] == 1 and when[i] < time[i] else 0


@compiled
def _spread(events, at_risk, survival):
    """What events of one kind at one time add to the variance, for a pull of 1."""
    tied = 1.0 - (events - 1.0) / (at_risk - 1.0) if events > 1 else 1.0
    return survival * survival * tied * events / (at_risk * at_risk)


@compiled
def _told(k, share, variance, z, out):
    at = RATES + 3 * k
    out[at] = 100.0 * share
    if share > 0.0 and share < 1.0 and variance > 0.0:
        shift = math.exp(z * math.sqrt(variance) / (share * -math.log(share)))
        out[at + 1], out[at + 2] = 100.0 * share**shift, 100.0 * share ** (1.0 / shift)
