# A compiled loop is one function: calls inside it would cost more than they explain.
# ruff: noqa: C901
"""Fast statistics on plain arrays, compiled: what a search evaluates thousands of times.

Times are whole days, patients are given in ascending order of time, `inside` marks those
who count. Every function writes its numbers to `out`; missing is NaN. The tests hold each
against `survival`, `regression` and `baseline`, which say where the formulas come from.
"""

from __future__ import annotations

import math

import numpy as np

from crlm.reconstruction.codes import TwoByTwo
from crlm.reconstruction.compiling import compiled

#: R's tolerance for S = 0.5, as in `survival.samples`.
HALF = 1.4901161193847656e-08
PLAIN, LOG, LOGLOG, SPSS = range(4)
#: Numbers of a covariate in a model.
ROW = 5


@compiled
def _band(s: float, v: float, conf: int, z: float) -> tuple[float, float]:
    """Limits of S on the chosen scale (v: variance of log S)."""
    if conf == LOG:
        if s <= 0.0:
            return math.nan, math.nan
        half = z * math.sqrt(v)
        return max(math.exp(math.log(s) - half), 0.0), min(math.exp(math.log(s) + half), 1.0)
    if conf == LOGLOG:
        if s <= 0.0 or s >= 1.0:
            return math.nan, math.nan
        hazard = -math.log(s)
        factor = math.exp(z * math.sqrt(v) / hazard)
        return math.exp(-hazard * factor), math.exp(-hazard / factor)
    if s <= 0.0:
        return math.nan, math.nan
    half = z * s * math.sqrt(v)
    return max(s - half, 0.0), min(s + half, 1.0)


@compiled
def _surely_above(s: float, v: float, conf: int, z: float) -> bool:
    """Whether the lower log-log limit of S is above 1/2, told without a logarithm.

    With h = -log S the limit is above 1/2 where z sqrt(v) < h log(log 2 / h) = g(h). Up to
    h = 0.25 that is at least h, and h is at least 1 - S; from there to log 2, g is concave and
    falls to 0, so it lies above its chord, 0.58 (log 2 - h), where log 2 - h = log 2S is at
    least 0.79 (2S - 1).
    """
    if conf != LOGLOG or s <= 0.5:
        return False
    least = 1.0 - s if s > 0.78 else 0.45 * (2.0 * s - 1.0)
    return z * z * v < least * least


@compiled
def kaplan_meier(time, event, order, inside, flip, conf, midway, z, month, asked, n_asked, out):
    """Patients, events, median with limits, rates with limits: out[0:5], then 3 a rate, 3 its end.

    `flip`: event and censoring exchanged (follow-up). `midway`: where a curve stays at one half,
    the median is the middle of that time. `asked` in days, ascending.
    """
    n = 0
    for i in order:
        if inside[i]:
            n += 1
    out[:] = math.nan
    out[0] = n
    at_risk, s, v, total = n, 1.0, 0.0, 0
    s_mid, v_mid = -1.0, 0.0
    upper, s_upper, lower, s_lower = -1.0, 0.0, -1.0, 0.0
    # Where curve, lower and upper limit stand while they are at one half; else below 0.
    flat, flat_low, flat_high = -1.0, -1.0, -1.0
    k, pos, size, last = 0, 0, len(order), -1
    while pos < size:
        t, d, leaving = time[order[pos]], 0, 0
        while pos < size and time[order[pos]] == t:
            i = order[pos]
            if inside[i]:
                leaving += 1
                if (event[i] == 1) != flip:
                    d += 1
            pos += 1
        if leaving == 0:
            continue
        while k < n_asked and asked[k] < t:
            _rate(k, s, v, conf, z, out)
            k += 1
        last = t
        if d > 0:
            total += d
            s *= (at_risk - d) / at_risk
            v += d / (at_risk * (at_risk - d)) if at_risk > d else math.inf
            if s >= 0.55 - HALF:
                upper, s_upper = t, s
            if s <= 0.45 + HALF and lower < 0:
                lower, s_lower = t, s
            if s < 0.5 + HALF and s_mid < 0:
                out[2], s_mid, v_mid = t / month, s, v
                flat = _flat(s, midway)
            elif s < flat:
                out[2], flat = 0.5 * (out[2] + t / month), -1.0
            if flat_low >= 0.0 and _band(s, v, conf, z)[0] < flat_low:
                out[3], flat_low = 0.5 * (out[3] + t / month), -1.0
            if flat_high >= 0.0 and _band(s, v, conf, z)[1] < flat_high:
                out[4], flat_high = 0.5 * (out[4] + t / month), -1.0
            if conf != SPSS and math.isnan(out[4]):
                # The upper limit reaches one half after the curve, which it lies above.
                if math.isnan(out[3]) and not _surely_above(s, v, conf, z):
                    low = _band(s, v, conf, z)[0]
                    if low < 0.5 + HALF:
                        out[3], flat_low = t / month, _flat(low, midway)
                high = _band(s, v, conf, z)[1] if s < 0.5 + HALF else 1.0
                if high < 0.5 + HALF:
                    out[4], flat_high = t / month, _flat(high, midway)
        at_risk -= leaving
    out[1] = total
    while k < n_asked:
        if asked[k] <= last or s <= 0.0:
            _rate(k, s, v, conf, z, out)
        k += 1
    _rate(n_asked, s, v, conf, z, out)
    if conf == SPSS and upper >= 0 and lower > upper and s_mid > 0:
        density = (s_upper - s_lower) / (lower - upper)
        half = z * s_mid * math.sqrt(v_mid) / density / month
        out[3], out[4] = max(out[2] - half, 0.0), out[2] + half


@compiled
def _flat(level: float, midway: bool) -> float:
    """The level of a curve that has come to one half and may stay there; else -1."""
    return level if midway and level > 0.5 - HALF else -1.0


@compiled
def _rate(k, s, v, conf, z, out):
    """Survival with its limits (%), the k-th that was asked for."""
    low, high = (1.0, 1.0) if s == 1.0 else _band(s, v, conf, z)
    out[5 + 3 * k], out[6 + 3 * k], out[7 + 3 * k] = 100 * s, 100 * low, 100 * high


@compiled
def at_risk(time, event, inside, asked, n_asked, out):
    """Patients at risk just before each asked day, and events up to and with it, in turn."""
    out[: 2 * n_asked] = 0.0
    for i in range(len(time)):
        if inside[i]:
            for k in range(n_asked):
                if time[i] >= asked[k]:
                    out[2 * k] += 1.0
                if event[i] == 1 and time[i] <= asked[k]:
                    out[2 * k + 1] += 1.0


@compiled
def rate(time, event, inside, month, out):
    """Months under observation, and events over them."""
    months, events = 0.0, 0.0
    for i in range(len(time)):
        if inside[i]:
            months += time[i] / month
            events += event[i] == 1
    out[0] = months
    out[1] = events / months if months > 0.0 else math.nan


@compiled
def observed_follow_up(time, order, inside, month, ranks, out):
    """Median of the observed times, order-statistic limits, minimum, maximum: out[0:5]."""
    out[:] = math.nan
    n = 0
    for i in order:
        if inside[i]:
            n += 1
    if n == 0:
        return
    r, seen = ranks[n], 0
    for i in order:
        if not inside[i]:
            continue
        seen += 1
        t = time[i] / month
        if seen == 1:
            out[3] = t
        if seen == r:
            out[1] = t
        if seen == n + 1 - r:
            out[2] = t
        if 2 * seen == n or 2 * seen == n + 1:
            out[0] = t
        if 2 * seen == n + 2:
            out[0] = 0.5 * (out[0] + t)
        out[4] = t
    if r == 0:
        out[1], out[2] = math.nan, math.nan


@compiled
def logrank(time, event, order, inside, x, out):
    """Signed z of the log-rank test between x = 1 and x = 0; above 0: more events in x = 1."""
    at_risk = one = d = d1 = excess = variance = 0.0
    for pos in range(len(order) - 1, -1, -1):
        i = order[pos]
        counts = inside[i] & (x[i] == x[i])
        failed = counts & (event[i] == 1)
        group = x[i] == 1.0
        at_risk += counts
        one += counts & group
        d += failed
        d1 += failed & group
        if d > 0.0 and (pos == 0 or time[order[pos - 1]] != time[i]):
            share = one / at_risk
            excess += d1 - d * share
            variance += d * share * (1.0 - share) * (at_risk - d) / max(at_risk - 1.0, 1.0)
            d = d1 = 0.0
    out[0] = excess / math.sqrt(variance) if variance > 0 else math.nan


@compiled
def normal_isf(p: float) -> float:
    """z with upper tail p (Wichura, Applied Statistics 1988;37:477, to 7 digits, then Newton)."""
    if p <= 0.0:
        return 40.0
    if p >= 0.5:
        return 0.0
    t = math.sqrt(-2.0 * math.log(p))
    z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (
        1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))
    )
    for _ in range(3):
        tail = 0.5 * math.erfc(z / math.sqrt(2.0))
        z += (tail - p) * math.sqrt(2.0 * math.pi) * math.exp(0.5 * z * z)
    return z


@compiled
def association(inside, x, y, test, out):
    """Signed z of a 2 x 2 table (`codes.TwoByTwo`); above 0: x = 1 more often with y = 1."""
    a = b = c = d = 0
    for i in range(len(inside)):
        if not inside[i] or math.isnan(x[i]) or math.isnan(y[i]):
            continue
        if y[i] == 1.0:
            if x[i] == 1.0:
                a += 1
            else:
                b += 1
        elif x[i] == 1.0:
            c += 1
        else:
            d += 1
    n = a + b + c + d
    out[0] = math.nan
    if min(a + b, c + d, a + c, b + d) == 0:
        return
    gap = a * d - b * c
    if test == TwoByTwo.YATES:
        gap = math.copysign(max(abs(gap) - 0.5 * n, 0.0), gap)
    if test != TwoByTwo.FISHER:
        out[0] = gap * math.sqrt(n / ((a + b) * (c + d) * (a + c) * (b + d)))
        return
    p = _fisher(a, a + b, a + c, n)
    out[0] = math.copysign(normal_isf(0.5 * p), gap)


@compiled
def _fisher(a: int, row: int, column: int, n: int) -> float:
    """Two-sided p: the probability of all tables no more probable than this one."""
    low, high = max(0, row + column - n), min(row, column)
    seen, total, tail = _log_rarity(a, row, column, n), 0.0, 0.0
    for k in range(low, high + 1):
        w = _log_rarity(k, row, column, n)
        chance = math.exp(seen - w)
        total += chance
        if w >= seen - 1e-7:
            tail += chance
    return tail / total


@compiled
def _log_rarity(k: int, row: int, column: int, n: int) -> float:
    """Minus the logarithm of a table's probability, but for what all tables share."""
    return (
        math.lgamma(k + 1.0)
        + math.lgamma(row - k + 1.0)
        + math.lgamma(column - k + 1.0)
        + math.lgamma(n - row - column + k + 1.0)
    )


@compiled
def ranks(inside, x, y, out):
    """Signed z of Mann and Whitney, tie-corrected; above 0: x larger with y = 1."""
    out[0] = math.nan
    n = n1 = 0
    values, groups = np.empty(len(x)), np.empty(len(x))
    for i in range(len(x)):
        if inside[i] and not math.isnan(x[i]) and not math.isnan(y[i]):
            values[n], groups[n] = x[i], y[i]
            n += 1
            n1 += int(y[i])
    if n1 == 0 or n1 == n:
        return
    order = np.argsort(values[:n])
    ties, total, pos = 0.0, 0.0, 0
    while pos < n:
        end = pos
        while end + 1 < n and values[order[end + 1]] == values[order[pos]]:
            end += 1
        size = end - pos + 1
        ties += size**3 - size
        for k in range(pos, end + 1):
            if groups[order[k]] == 1.0:
                total += 0.5 * (pos + end) + 1.0
        pos = end + 1
    n0 = n - n1
    spread = n0 * n1 / 12.0 * (n + 1.0 - ties / (n * (n - 1.0)))
    if spread > 0:
        out[0] = (total - 0.5 * n1 * (n + 1.0)) / math.sqrt(spread)


@compiled
def summary(inside, x, out):
    """Median, minimum, maximum, quartiles at (n + 1)p, mean, SD, quartiles as R: out[0:9]."""
    out[:] = math.nan
    values, n = np.empty(len(x)), 0
    for i in range(len(x)):
        if inside[i] and not math.isnan(x[i]):
            values[n] = x[i]
            n += 1
    if n == 0:
        return
    values = np.sort(values[:n])
    out[1], out[2] = values[0], values[n - 1]
    out[0], out[3] = _weibull(values, 0.5), _weibull(values, 0.25)
    out[4] = _weibull(values, 0.75)
    out[7], out[8] = _at(values, 0.25 * (n - 1)), _at(values, 0.75 * (n - 1))
    out[5] = values.mean()
    if n > 1:
        out[6] = math.sqrt(((values - out[5]) ** 2).sum() / (n - 1))


@compiled
def _weibull(values, share):
    n = len(values)
    return _at(values, min(max((n + 1) * share - 1.0, 0.0), n - 1.0))


@compiled
def _at(values, at):
    low = int(math.floor(at))
    high = min(low + 1, len(values) - 1)
    return values[low] + (at - low) * (values[high] - values[low])


@compiled
def count(inside, x, code, out):
    """Patients with x = code, as percentage of those with a known x; unknown, as one; known."""
    n = known = unknown = 0
    for i in range(len(x)):
        if inside[i] and math.isnan(x[i]):
            unknown += 1
        elif inside[i]:
            known += 1
            if x[i] == code:
                n += 1
    out[0], out[2], out[4] = n, unknown, known
    out[1] = 100.0 * n / known if known else math.nan
    out[3] = 100.0 * unknown / (known + unknown) if known + unknown else math.nan


@compiled
def correlation(inside, x, y, out):
    """Pearson's correlation of the logarithms (of 1 + x): out[0]."""
    n, sx, sy, sxx, syy, sxy = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(x)):
        if inside[i] and not math.isnan(x[i]) and not math.isnan(y[i]):
            a, b = math.log1p(x[i]), math.log1p(y[i])
            n += 1
            sx += a
            sy += b
            sxx += a * a
            syy += b * b
            sxy += a * b
    spread = (n * sxx - sx * sx) * (n * syy - sy * sy)
    out[0] = (n * sxy - sx * sy) / math.sqrt(spread) if spread > 0 else math.nan


@compiled
def events_on(time, event, days, n_days, out):
    """Number of events on each of some days: out[0:n_days]."""
    for k in range(n_days):
        n = 0
        for i in range(len(time)):
            n += (event[i] == 1) & (time[i] == days[k])
        out[k] = n


@compiled
def fates(fate, inside, out):
    """Shares of the courses of disease, in percent: out[0:5].

    Failure at the first recurrence, of all failures; death without recurrence, of all
    patients; death without failure, of all deaths; death on the day of failure, of all
    deaths; recurrences, as a number. Columns of `fate`: recurrence, failure, end (days,
    -1 is never), dead.
    """
    n = failed = at_once = bare = dead = unfailed = same = recurred = 0
    for i in range(len(inside)):
        if not inside[i]:
            continue
        n += 1
        recurrence, failure, end, died = fate[i]
        recurred += recurrence >= 0
        if failure >= 0:
            failed += 1
            at_once += failure == recurrence
        if died:
            dead += 1
            bare += recurrence < 0
            unfailed += failure < 0
            same += failure == end
    out[:] = math.nan
    out[0] = 100.0 * at_once / max(failed, 1)
    out[1] = 100.0 * bare / max(n, 1)
    out[2] = 100.0 * unfailed / max(dead, 1)
    out[3] = 100.0 * same / max(dead, 1)
    out[4] = recurred
