"""Each kind of check on a tiny ledger: once the numbers agree, once they do not.

The arithmetic stands beside the case. `points` kinds never call numbers
inconsistent; their second case is one worth a note.
"""

import re

import numpy as np
import pytest

from crlm.audit import CATALOGUE

from .audit_ledger import (
    COLUMNS,
    ENDPOINTS,
    FACTORS,
    claims,
    design,
    groups,
    months,
    n,
    number,
    outcomes,
    rate,
    ratio,
    sentence,
    unreached,
    worst,
)

CASES = {}


def case(kind, good, bad, plan=None, bad_plan=None, expect="inconsistent", fine="consistent"):
    CASES.setdefault(kind, []).append((good, bad, plan, bad_plan or plan, expect, fine))


def percent(text, cell, column, level="yes"):
    return number(text, "percent", group=cell, covariate=column, level=level, unit="%")


def share_of(text, cell, column):
    """`30 (15-49)`: a percentage and its limits."""
    found = re.findall(r"[\d.]+", text)
    rows = [percent(one, cell, column) for one in found]
    fields = ("estimate", "conf_low", "conf_high")
    return [{**row, "field": field} for row, field in zip(rows, fields, strict=True)]


def cell(count, group, column, level="yes"):
    return n(count, group, covariate=column, level=level)


# ---- counts -----------------------------------------------------------------
# 23 of 100 are 23 %, not 25 %; no more than 100 patients can make it 25 % (23/0.25 = 92 would:
# both levels are printed and add up to 100, so nobody is missing).
case(
    "percentages",
    [
        *groups(),
        cell(23, "arm=old", "aa"),
        cell(77, "arm=old", "aa", "no"),
        percent("23", "arm=old", "aa"),
    ],
    [
        *groups(),
        cell(23, "arm=old", "aa"),
        cell(77, "arm=old", "aa", "no"),
        percent("25", "arm=old", "aa"),
    ],
)
# One level only: 23 (25 %) fits 91 to 93 patients, so 7 to 9 of 100 may have no value.
case(
    "percentages",
    [*groups(), cell(23, "arm=old", "aa"), percent("23", "arm=old", "aa")],
    [*groups(), cell(23, "arm=old", "aa"), percent("25", "arm=old", "aa")],
    expect="notable",
)
# 23 (20 %) needs 113 patients or more: missing values cannot explain it.
case(
    "percentages",
    [*groups(), percent("33.0", "arm=old", "aa")],
    [*groups(), cell(23, "arm=old", "aa"), percent("20", "arm=old", "aa")],
)
# 21 of 70 are 30 %: nobody takes 30 of 100 for missing unless the paper says so.
case(
    "percentages",
    [
        *groups(),
        cell(21, "arm=old", "aa"),
        percent("30", "arm=old", "aa"),
        number("30", "missing", group="arm=old", covariate="aa", unit="patients"),
    ],
    [*groups(), cell(21, "arm=old", "aa"), percent("30", "arm=old", "aa")],
)
# Shares of a row whose number is not printed: 30 and 50 patients of 80 are 37.5 and 62.5 %, and
# no number gives 36.5 and 62.5 %; 90 give 33.3 and 55.6 %, where 10 may have no value.
ROW = [cell(30, "stage=I", "arm", "old"), cell(50, "stage=I", "arm", "new")]
for old, new, said in (("37.5", "62.5", "consistent"), ("33.3", "55.6", "cannot tell")):
    case(
        "percentages",
        [*ROW, percent(old, "stage=I", "arm", "old"), percent(new, "stage=I", "arm", "new")],
        [*ROW, percent("36.5", "stage=I", "arm", "old"), percent("62.5", "stage=I", "arm", "new")],
        fine=said,
    )
# 60 + 41 = 101 of 100 patients.
case(
    "sums",
    [*groups(), cell(60, "arm=old", "aa"), cell(40, "arm=old", "aa", "no")],
    [*groups(), cell(60, "arm=old", "aa"), cell(41, "arm=old", "aa", "no")],
)
# 60 + 38 leaves 2 without a value.
case(
    "sums",
    [*groups(), n(200)],
    [*groups(), cell(60, "arm=old", "aa"), cell(38, "arm=old", "aa", "no")],
    expect="notable",
)
# All 200 are in one arm, so 30 + 20 with AA must be the 50 of all, not 51.
case(
    "sums",
    [*groups(), cell(30, "arm=old", "aa"), cell(20, "arm=new", "aa"), cell(50, "all", "aa")],
    [*groups(), cell(30, "arm=old", "aa"), cell(20, "arm=new", "aa"), cell(51, "all", "aa")],
)
# Within a forest of two arms a group is that of Table 1: 30 + 71 with and without AA are not 100.
FOREST = {"population": "arm=old/new,aa=yes"}
case(
    "sums",
    [*groups(), n(30, "arm=old", **FOREST), cell(70, "arm=old", "aa", "no")],
    [*groups(), n(30, "arm=old", **FOREST), cell(71, "arm=old", "aa", "no")],
)
# 59 + 43 = 102, at least 58.5 + 42.5 = 101.
case(
    "hundred",
    [percent("59", "arm=old", "aa"), percent("41", "arm=old", "aa", "no")],
    [percent("59", "arm=old", "aa"), percent("43", "arm=old", "aa", "no")],
)
# 59 + 31 and 10 without a value are 100; without them 90 are pointed at.
case(
    "hundred",
    [
        percent("59", "arm=old", "aa"),
        percent("31", "arm=old", "aa", "no"),
        number("10", "percent_missing", group="arm=old", covariate="aa", unit="%"),
    ],
    [percent("59", "arm=old", "aa"), percent("31", "arm=old", "aa", "no")],
    expect="notable",
)
case("subgroups", [*groups(), cell(60, "arm=old", "aa")], [*groups(), cell(120, "arm=old", "aa")])
FLOW = design(
    eligibility=(
        {"name": "fit", "column": "aa", "keep": "yes"},
        {"name": "known", "column": "bb", "keep": "yes"},
    )
)


def steps(*counts):
    names = ("start", "fit_excluded", "fit", "known")
    return [
        n(count, covariate="flow", level=name) for count, name in zip(counts, names, strict=True)
    ]


# 315 - 18 = 297; 297 to 154 only has to fall.
case("flow", steps(315, 18, 297, 154), steps(315, 18, 279, 154), FLOW)
case("flow", steps(315, 18, 297, 154), steps(315, 18, 297, 299), FLOW)


def losses(start, fit, known, left, *more):
    names = ("start", "fit_excluded", "known_excluded")
    told = [
        n(count, covariate="flow", level=name)
        for name, count in zip(names, (start, fit, known), strict=True)
        if count is not None
    ]
    return [*told, n(left), *more]


# 371 less 19 and 36 is 316, though nothing is printed of the step between, nor 316 as its own.
case("flow", losses(371, 19, 36, 316), losses(371, 19, 36, 317), FLOW)
case("flow", losses(371, 19, 36, 316), losses(317, 19, 36, 316), FLOW)
# One loss is not printed: 371 less 19 leaves 352 or fewer.
case("flow", losses(371, 19, None, 316), losses(371, 19, None, 361), FLOW)
# Single (= 1) and many (> 3) exclude each other: 60 + 50 of 100 is too many.
case(
    "dichotomies",
    [*groups(), cell(50, "arm=old", "single"), cell(40, "arm=old", "many")],
    [*groups(), cell(60, "arm=old", "single"), cell(50, "arm=old", "many")],
)


def table(size, counts):
    rows = [*groups(old=size, whole=size + 100)]
    for name, count in zip(("aa", "bb", "cc", "dd"), counts, strict=True):
        rows += [cell(count, "arm=old", name), percent(str(round(count / 1.1)), "arm=old", name)]
    return rows


# Counts over 110 (11 is 10 %, 33 is 30 %, ...) under a header that says 100.
case("column", table(110, (11, 33, 55, 77)), table(100, (11, 33, 55, 77)))

# ---- p values of counts -------------------------------------------------------
# 26 of 152 have a grade, as its merged levels tell; print has two of its three levels beside them.
GRADES = [n(152, "arm=new"), cell(22, "arm=new", "grades", "low")]
GRADES += [cell(4, "arm=new", "grades", "high"), cell(8, "arm=new", "grade", "2")]
GRADES += [cell(4, "arm=new", "grade", "3"), percent("15.4", "arm=new", "grade", "3")]
case(
    "percentages",
    [*GRADES, percent("30.8", "arm=new", "grade", "2")],
    [*GRADES, percent("30.9", "arm=new", "grade", "2")],
)
# Fisher's tea: 3 of 4 against 1 of 4 has p = 34/70 = 0.486 (1 + 16 + 16 + 1 of 70 tables).
TEA = [
    n(8),
    n(4, "arm=old"),
    n(4, "arm=new"),
    cell(3, "arm=old", "aa"),
    cell(1, "arm=old", "aa", "no"),
    cell(1, "arm=new", "aa"),
    cell(3, "arm=new", "aa", "no"),
]
case(
    "counted_p",
    [*TEA, number("0.486", "p", group="arm", covariate="aa")],
    [*TEA, number("0.29", "p", group="arm", covariate="aa")],
)


def compared(*texts):
    """Rows of 30 against 45 of 100: Fisher 0.0409, chi-square 0.0285, Yates 0.0411."""
    rows = groups()
    for name, text in zip(("aa", "bb", "cc", "dd"), texts, strict=True):
        for arm, count in (("old", 30), ("new", 45)):
            rows += [cell(count, f"arm={arm}", name), cell(100 - count, f"arm={arm}", name, "no")]
        rows.append(number(text, "p", group="arm", covariate=name))
    return rows


STATED = design(table_one={"by": "arm", "categorical_test": "fisher", "tests_stated": True})
case(
    "column_of_p",
    compared("0.041", "0.041", "0.04", "0.041"),
    compared("0.041", "0.041", "0.03", "0.041"),
    STATED,
)


def three_levels(old, new, p):
    rows = [n(sum(old), "arm=old"), n(sum(new), "arm=new")]
    for arm, counts in (("old", old), ("new", new)):
        rows += [cell(k, f"arm={arm}", "grade", str(at)) for at, k in enumerate(counts, 1)]
    return [*rows, number(p, "p", group="arm", covariate="grade")]


# R's fisher.test: 0.004244, as PMC5668343 prints it, and as chi-square has it, 0.004057; it was
# called no Fisher's. That of the second, of PMC5010179, is 1, and chi-square's 0.838.
case(
    "column_of_p",
    three_levels((285, 559, 400), (52, 51, 49), "0.004"),
    three_levels((32, 55, 2), (31, 56, 1), "0.838"),
    STATED,
)
# By Fisher 0.1436, by chi-square 0.1014, of those with a recurrence (PMC5010179, Table 2).
SOME = [
    {**row, "population": "bb=yes"}
    for row in (
        *(n(61, "arm=old"), n(59, "arm=new"), cell(25, "arm=old", "aa")),
        *(cell(36, "arm=old", "aa", "no"), cell(33, "arm=new", "aa")),
        cell(26, "arm=new", "aa", "no"),
    )
]
OF_SOME = {"group": "arm", "covariate": "aa", "population": "bb=yes"}
case(
    "column_of_p",
    [*SOME, number("0.144", "p", **OF_SOME)],
    [*SOME, number("0.101", "p", **OF_SOME)],
    STATED,
)
OWN = {**STATED.table_one, "tests": {"cc": "chi-square"}}
case(  # One row has a test of its own, which the design says.
    "column_of_p",
    compared("0.041", "0.041", "0.03", "0.041"),
    compared("0.041", "0.03", "0.041", "0.041"),
    design(table_one=OWN),
)

# ---- values -------------------------------------------------------------------
case("domain", [number("0.41", "p")], [number("041", "p")])
case(
    "domain",
    [number("35", "median", group="arm=old", covariate="age")],
    [number("135", "median", group="arm=old", covariate="age")],
)


def spread(column="age", cell="arm=old", **texts):
    return [number(text, name, group=cell, covariate=column) for name, text in texts.items()]


case("order", spread(min="26", median="60", max="82"), spread(min="26", median="85", max="82"))
case(
    "quartiles_or_range",
    spread(min="26", q1="47", q3="63", max="82"),
    spread(min="47", q1="47", q3="63", max="63"),
)
# From 47 to 63 it is 16.
case("widths", spread(q1="47", q3="63", iqr="16"), spread(q1="47", q3="63", iqr="61"))
# 47 to 63 around 55: within 15 % of the median for 100 patients.
case(
    "narrow_range",
    [*groups(), *spread(min="26", median="55", max="82")],
    [*groups(), *spread(min="47", median="55", max="63")],
    expect="notable",
)
SINGLE = [*groups(), cell(47, "arm=old", "single"), percent("47", "arm=old", "single")]
# 47 of 100 single: fewer than half, so the 50th and 51st patient have 2 or more.
case(
    "median_and_share",
    [*SINGLE, *spread("nodes", median="2")],
    [*SINGLE, *spread("nodes", median="1")],
)
# 47 of 100 have more than 3: the median is 3 or less. 53 of 100: it is 4 or more.
case(
    "median_and_share",
    [
        *groups(),
        cell(47, "arm=old", "many"),
        percent("47", "arm=old", "many"),
        *spread("nodes", median="3"),
    ],
    [
        *groups(),
        cell(53, "arm=old", "many"),
        percent("53", "arm=old", "many"),
        *spread("nodes", median="3"),
    ],
)
OLD = [*groups(), cell(53, "arm=old", "aged", "high"), percent("53", "arm=old", "aged", "high")]
# 53 of 100 are 60 or older: a median of 59 is too young.
case("median_and_share", [*OLD, *spread(median="60")], [*OLD, *spread(median="59")])
# Without the percentage 25 of 100 may have no value: 47 of 75 would be more than half.
case(
    "median_and_share",
    [*SINGLE, *spread("nodes", median="2")],
    [*groups(), cell(47, "arm=old", "single"), *spread("nodes", median="1")],
    expect="cannot tell",
)


def ages(*counts):
    levels = ("under_50", "50-59", "60-69", "70_up")
    pairs = zip(counts, levels, strict=True)
    return [*groups(), *(cell(count, "arm=old", "ages", level) for count, level in pairs)]


# Of 20, 40, 30 and 10 patients the 50th and 51st are in their fifties.
case(
    "bands",
    [*ages(20, 40, 30, 10), *spread(median="59")],
    [*ages(20, 40, 30, 10), *spread(median="61")],
)
# The 50th in the fifties, the 51st in the sixties: the median lies between any two of them.
case(
    "bands",
    [*ages(20, 30, 40, 10), *spread(median="60.5")],
    [*ages(20, 30, 40, 10), *spread(median="49.5")],
)
# Nobody is younger than 50 where that band is empty.
case(
    "bands",
    [*ages(0, 60, 30, 10), *spread(min="50")],
    [*ages(0, 60, 30, 10), *spread(min="49")],
)
case(
    "bands",
    [*ages(20, 40, 30, 10), *spread(q1="50", q3="69")],
    [*ages(20, 40, 30, 10), *spread(q1="49", q3="69")],
)
GRADES = [*groups(), cell(25, "arm=old", "grade", "1"), cell(35, "arm=old", "grade", "2")]
case(
    "parts",
    [*GRADES, cell(60, "arm=old", "grades", "low")],
    [*GRADES, cell(61, "arm=old", "grades", "low")],
)
# 60 or older are those in their sixties and those of 70 or more.
case(
    "parts",
    [*ages(20, 40, 30, 10), cell(40, "arm=old", "aged", "high")],
    [*ages(20, 40, 30, 10), cell(41, "arm=old", "aged", "high")],
)
SHARES = [*groups(), percent("25", "arm=old", "grade", "1"), percent("35", "arm=old", "grade", "2")]
case(
    "parts",
    [*SHARES, percent("61", "arm=old", "grades", "low")],
    [*SHARES, percent("62", "arm=old", "grades", "low")],
)
# 70 or older are among those of 60 or more.
case(
    "dichotomies",
    [*groups(), cell(35, "arm=old", "aged", "high"), cell(35, "arm=old", "ages", "70_up")],
    [*groups(), cell(34, "arm=old", "aged", "high"), cell(35, "arm=old", "ages", "70_up")],
)
case(
    "pooled_values",
    [*spread(cell="all", min="20"), *spread(min="20"), *spread(cell="arm=new", min="26")],
    [*spread(cell="all", min="26"), *spread(min="20"), *spread(cell="arm=new", min="26")],
)


def ranked(p):
    """All old have 1 node, all new more than 1: the ranks cannot overlap."""
    return [
        *groups(),
        cell(100, "arm=old", "single"),
        cell(0, "arm=new", "single"),
        *spread("nodes", median="1"),
        *spread("nodes", "arm=new", median="3"),
        number(p, "p", group="arm", covariate="nodes"),
    ]


# U is 0 of 10000, z = 5000/sqrt(100*100*201/12) = 12.2 at least: p < 1e-33.
case("rank_p", ranked("<0.001"), ranked("0.04"))

# ---- ratios -------------------------------------------------------------------
case("limits", ratio("1.35 (1.04-1.76)"), ratio("1.35 (1.76-2.04)"))
# One limit is printed, the other is not reached.
case("limits", rate("50 (40-)"), rate("35 (40-)"))
# sqrt(1.04 * 1.76) = 1.353. sqrt(0.27 * 2.37) = 0.80, not 1.74.
case("log_symmetry", ratio("1.35 (1.04-1.76)"), ratio("1.74 (0.27-2.37)"))
# ln 1.35 / ((ln 1.76 - ln 1.04)/3.92) = 0.3001/0.1342 = 2.236: p = 0.025.
case(
    "wald_p",
    ratio("1.35 (1.04-1.76) 0.03", model="multivariable"),
    ratio("1.35 (1.04-1.76) 0.003", model="multivariable"),
)
# 0.99 (0.99-1.9): the pairs give p < 0.34, > 0.95 and 0.06; none gives 0.6.
case("wald_p", ratio("1.00 (0.62-1.61) 1.00"), ratio("0.99 (0.99-1.9) 0.6"))
# With 1.59 and 2.01 the lower limit is 1.59**2/2.01 = 1.258 (1.247 at least): 1.2 ends at 1.25.
case("lost_digit", ratio("1.59 (1.26-2.01)"), ratio("1.59 (1.2-2.01)"), expect="notable")
case(
    "odd_bound",
    [number("<0.001", "p", group="arm", covariate="aa")],
    [number("<0.006", "p", group="arm", covariate="aa")],
    expect="notable",
)
# SE = (ln 1.10 - ln 0.91)/3.92 = 0.0484: 4/SE^2 = 1700 events of 200 patients.
case(
    "information_bound", [n(200), *ratio("1.00 (0.69-1.44)")], [n(200), *ratio("1.00 (0.91-1.10)")]
)
case(
    "touches_one",
    ratio("0.67 (0.45-0.99) 0.049"),
    ratio("0.67 (0.45-1.00) 0.049"),
    expect="notable",
)

# ---- limits of percentages ----
# Of 9 in 30 exact limits are 14.7 and 49.4, Wald's 13.6 and 46.4; none in use begin at 20.
case(
    "limits_of_a_percentage",
    [n(30, "arm=old"), cell(9, "arm=old", "aa"), *share_of("30 (15-49)", "arm=old", "aa")],
    [n(30, "arm=old"), cell(9, "arm=old", "aa"), *share_of("30 (20-49)", "arm=old", "aa")],
)
# Without the 9: no number of patients that is 30 % of 30 has such limits.
case(
    "limits_of_a_percentage",
    [n(30, "arm=old"), *share_of("30 (14-46)", "arm=old", "aa")],
    [n(30, "arm=old"), *share_of("30 (24-36)", "arm=old", "aa")],
)

# ---- curves -------------------------------------------------------------------
# ln(-ln S): 0.43 -0.17, 0.50 -0.37, 0.57 -0.58: centred. 0.50 (0.34-0.57) is so on no scale.
case("rate_limits", rate("50 (43-57)"), rate("50 (34-57)"))
# (0.57 - 0.43)/3.92 = 0.0357: 0.25/0.0357^2 = 196 patients. 48-52 would need 2400.
case("rate_width", [n(308), *rate("50 (43-57)")], [n(308), *rate("50 (48-52)")])
# At 90 at risk the squared error is at most 0.25 * 0.5/89; a half-width of 20 points is too much.
case(
    "rate_width",
    [n(308), *rate("50 (43-57)"), number("90", "n_at_risk", endpoint="OS", time=60.0)],
    [n(308), *rate("50 (30-70)"), number("90", "n_at_risk", endpoint="OS", time=60.0)],
    design(conventions={"conf_type": "plain"}),
)
SPSS = design(conventions={"conf_type": "spss"})
# (43.04 + 88.07)/2 = 65.555.
case("median_limits", months("65.56 (43.04-88.07)"), months("66.00 (43.04-88.07)"), SPSS)
case("median_and_rate", [*months("79.2"), *rate("62")], [*months("55.0"), *rate("62")])
case(
    "median_and_rate",
    [*months("6.6", unit="years"), *rate("62")],
    [*months("6.6", unit="years"), *rate("45")],
)
case("falling", [*rate("69", time=36.0), *rate("50")], [*rate("48", time=36.0), *rate("50")])
case("not_reached", [unreached(), *rate("62")], [unreached("NR"), *rate("45")])
case("not_reached", [unreached(), *rate("50.0")], [unreached(), *months("55.0")])
LEFT = [number("83", "n_at_risk", endpoint="OS", time=24.0)]
case(
    "falling",
    [*LEFT, number("56", "n_at_risk", endpoint="OS", time=36.0)],
    [*LEFT, number("96", "n_at_risk", endpoint="OS", time=36.0)],
)
case(
    "falling",
    [n(308), number("300", "n_at_risk", endpoint="OS", time=0.0)],
    [n(308), number("330", "n_at_risk", endpoint="OS", time=0.0)],
)
case(
    "at_the_beginning",
    [n(308), number("308", "n_at_risk", endpoint="OS", time=0.0)],
    [n(308), number("300", "n_at_risk", endpoint="OS", time=0.0)],
    expect="notable",
)
LONGEST = number("81.93", "max_follow_up", unit="months")
case("beyond_follow_up", [LONGEST, *months("70.03")], [LONGEST, *months("84.00")])
case(
    "beyond_follow_up",
    [LONGEST, *months("70.03 (58.00-80.07)")],
    [LONGEST, *months("70.03 (58.00-82.07)")],
    SPSS,
    expect="notable",
)
DAYS = design(conventions={"days_per_month": 30.0})
GRID = [row for d in range(500, 516) for row in months(f"{d / 30:.2f}", cell=f"stage={d}")]
# 17.62 * 30 = 528.6: no whole day.
case("day_grid", [*GRID, *months("17.63")], [*GRID, *months("17.62")], DAYS)


def followed(text, cell="all"):
    return months(text, "median_follow_up", cell, endpoint="")


case("follow_up", [LONGEST, *followed("29.18")], [LONGEST, *followed("92.18")])
case(
    "brackets",
    [LONGEST, *followed("29.18"), *followed("25.70", "arm=old")],
    [LONGEST, *followed("29.18"), *followed("25.70 (20.53-34.73)", "arm=old")],
    expect="notable",
)

# ---- wholes -------------------------------------------------------------------
# 70 and 50 in halves average 60; the room for 200 patients is 1000/200 = 5 points.
case(
    "whole_and_parts",
    [*groups(), *rate("62"), *rate("70", "arm=old"), *rate("50", "arm=new")],
    [*groups(), *rate("68"), *rate("70", "arm=old"), *rate("50", "arm=new")],
)
case(
    "whole_and_parts",
    [*months("58.87"), *months("70.03", cell="arm=old"), *months("44.03", cell="arm=new")],
    [*months("88.57"), *months("70.03", cell="arm=old"), *months("44.03", cell="arm=new")],
)
ARM = ratio("0.52 (0.42-0.65)", covariate="arm", level="new")
BIG = groups(1000, 1000, 2000)
# ln 0.70 / ln 0.50 = 0.51; exchanged it is 1.94, ln(1.94/0.52) = 1.3.
case(
    "rates_and_ratio",
    [*BIG, *ARM, *rate("50", "arm=old"), *rate("70", "arm=new")],
    [*BIG, *ARM, *rate("70", "arm=old"), *rate("50", "arm=new")],
)


def strata(whole, *parts):
    keys = {"covariate": "arm", "level": "new"}
    rows = ratio(f"{whole} (0.1-3.0)", **keys)
    for stage, text in zip(("I", "II"), parts, strict=True):
        rows += ratio(f"{text} (0.1-3.0)", population=f"stage={stage}", **keys)
    return rows


case("strata", strata("0.52", "0.51", "0.56"), strata("0.92", "0.51", "0.56"))
# Deaths are events of RFS too: it ends no later than OS.
case(
    "endpoint_order",
    [*rate("62"), *rate("29", endpoint="RFS")],
    [*rate("62"), *rate("69", endpoint="RFS")],
)


def recurred(text, time=12.0, **keys):
    keys = {"endpoint": "TTR", "group": "arm=old", "unit": "%", **keys}
    return number(text, "cumulative_incidence", time=time, **keys)


# 80.2 % are free of recurrence and death, so 19.8 % recurred at most.
FREE = rate("80.2", "arm=old", "RFS", 12.0)
case("incidence_and_survival", [*FREE, recurred("17.5")], [*FREE, recurred("27.5")])


def parted(relapse, death, free, endpoint):
    rows = [recurred(text, endpoint=n) for n, text in (("one", relapse), ("two", death))]
    return [*rows, *rate(free, "arm=old", endpoint, 12.0)]


# Recurrence, death without it and neither are everybody; some deaths may be of unknown cause.
RELAPSED = design(
    incidences={
        "one": {"label": "Recurrence", "endpoint": "RFS", "competing": "OS"},
        "two": {"label": "Death without recurrence", "endpoint": "OS", "competing": "RFS"},
    }
)
BY_CAUSE = design(
    endpoints=ENDPOINTS
    | {"CSS": {"label": "CSS", "death_of": "cancer"}, "OCM": {"label": "OCM", "death_of": "other"}},
    incidences={
        "one": {"label": "Death of cancer", "endpoint": "CSS", "competing": "OS"},
        "two": {"label": "Other death", "endpoint": "OCM", "competing": "OS"},
    },
)
for texts, expect in (
    (("17.5", "5.3", "80.2"), "inconsistent"),
    (("17.5", "2.9", "80.2"), "notable"),
):
    good = parted("17.5", "2.3", "80.2", "RFS")
    case("incidences_together", good, parted(*texts, "RFS"), RELAPSED, expect=expect)
# 16.5 and 18.8 % beside 67.4 % are 1 − Kaplan-Meier of each: 0.835 x 0.812 = 67.8 % (PMC3571894).
case(
    "incidences_together",
    parted("16.5", "16.1", "67.4", "RFS"),
    parted("16.5", "18.8", "67.4", "RFS"),
    RELAPSED,
    expect="notable",
)
# ln(-ln F): 0.31 0.158, 0.21 0.445, 0.415 -0.128: 0.287 either way. Of 0.515 it is -0.410.
LIMITS = [recurred("21.0", field="low"), recurred("41.5", field="high")]
FAR = [recurred("21.0", field="low"), recurred("51.5", field="high")]
case("incidence_limits", [recurred("31.0"), *LIMITS], [recurred("31.0"), *FAR])
good = parted("17.5", "2.3", "80.2", "OS")
case("incidences_together", good, parted("17.5", "5.3", "80.2", "OS"), BY_CAUSE)
low = parted("14.5", "2.3", "80.2", "OS")
case("incidences_together", good, low, BY_CAUSE, expect="notable")
case(
    "falling", [recurred("17.5"), recurred("41.8", 36.0)], [recurred("47.5"), recurred("41.8", 36)]
)
case("domain", [recurred("34.7")], [recurred("134.7")])


def mean_months(text, cell="arm=old", **keys):
    keys = {"endpoint": "OS", "group": cell, "time": 60.0, "unit": "months", **keys}
    return number(text, keys.pop("statistic", "rmst"), **keys)


# 12 + 24 x 0.918 + 24 x 0.681 = 50.4 at most, 12 x 0.918 + 24 x 0.681 + 24 x 0.519 = 39.8 at least.
STEPS = [
    row
    for text, t in (("91.8", 12), ("68.1", 36), ("51.9", 60))
    for row in rate(text, "arm=old", time=float(t))
]
case("restricted_mean", [*STEPS, mean_months("44.8")], [*STEPS, mean_months("54.8")])
case("restricted_mean", [*STEPS, mean_months("44.8")], [*STEPS, mean_months("34.8")])
# No mean of 60 months is longer than they are, nor shorter than 60 times what is left of 50.
case("restricted_mean", [mean_months("44.8")], [mean_months("64.8")])
case(
    "restricted_mean",
    [*rate("50", "arm=old"), mean_months("44.8")],
    [*rate("50", "arm=old"), mean_months("14.8")],
)


def apart(text):
    both = [mean_months("44.8"), mean_months("42.6", "arm=new")]
    return [*both, mean_months(text, "arm", statistic="rmst_difference")]


# 42.6 - 44.8 is -2.2, and 2.2 the other way round.
case("restricted_difference", apart("-2.2"), apart("-2.5"))
case("restricted_difference", apart("2.3"), apart("22"))


def limited(text, low="-2.8", high="4.9", p="0.59", statistic="rmst_difference"):
    keys = {"statistic": statistic, "unit": "months" if statistic[0] == "r" else "%"}
    ends = [mean_months(t, "arm", field=f, **keys) for t, f in ((low, "low"), (high, "high"))]
    tested = [mean_months(p, "arm", statistic="p", unit="")] if p else []
    return [mean_months(text, "arm", **keys), *ends, *tested]


# The middle of -2.8 and 4.9 is 1.05; 3.92 x 1.05 / 7.7 is z 0.53, p 0.59.
case("difference_limits", limited("1.0"), limited("-1.0"))
case("difference_p", limited("1.0"), limited("1.0", p="0.059"))
good = limited("-0.6", "-11.3", "10.2", "", "difference")
bad = limited("0.6", "-11.3", "10.2", "", "difference")
case("difference_limits", good, bad, expect="notable")


def between(text, statistic="difference", of="survival_rate"):
    keys = {"time": 36.0, "endpoint": "OS", "unit": "%"}
    both = (("28.6", "arm=old"), ("37.9", "arm=new"), (text, "arm"))
    return [number(t, statistic if one == "arm" else of, group=one, **keys) for t, one in both]


# EORTC 40983 (Lancet 2008) prints 7.3 for 37.9 less 28.6.
case("between_rates", between("9.3"), between("7.3"))
case("between_rates", between("-9.3"), between("-93"))
SHARES = ("cumulative_incidence_difference", "cumulative_incidence")
case("between_rates", between("9.4", *SHARES), between("9.5", *SHARES))


def moments(sd, size=182, **values):
    keys = {"covariate": "age", "unit": "years", "group": "arm=old"}
    told = {"mean": "60.7", "sd": sd, **values}
    return [n(size, "arm=old"), *(number(text, name, **keys) for name, text in told.items())]


# A quarter of 182 values at most 29 and another at least 79 (EORTC 40983: called IQR), mean 60.7.
case("mean_among", moments("9.35", min="29", max="79"), moments("9.35", q1="29", q3="79"))
case("mean_among", moments("24.0", q1="29", q3="79"), moments("9.35", q1="29", q3="79"))
# Not more than the root of (60.7 - 54)(69 - 60.7), 7.5, with some room; no more than one SD away.
case("mean_among", moments("7.35", min="54", max="69"), moments("9.35", min="54", max="69"))
case("mean_among", moments("9.35", median="69"), moments("9.35", median="71"))
case("mean_among", moments("9.35", min="54"), moments("9.35", min="62"))


@pytest.mark.parametrize("rule", ["weibull", "linear", "hazen", "lower", "higher"])
def test_no_sample_has_a_spread_that_its_own_quartiles_forbid(rule):
    draw = np.random.default_rng(11)
    made = [np.r_[np.zeros(k), np.ones(20 - k)] for k in range(1, 20)]
    made += [draw.lognormal(3, s, size) for s in (0.2, 1, 3) for size in (20, 21, 22, 23, 90)]
    for values in made:
        cuts = np.quantile(values, (0.25, 0.5, 0.75), method=rule)
        told = dict(zip(("q1", "median", "q3"), cuts, strict=True))
        told |= {"mean": values.mean(), "sd": values.std(ddof=1)}
        told |= {"min": values.min(), "max": values.max()}
        texts = {name: f"{value:.6f}" for name, value in told.items()}
        # As many again may have no value.
        for size in (values.size, 2 * values.size):
            rows = [n(size, "arm=old")]
            rows += [number(t, name, covariate="age", group="arm=old") for name, t in texts.items()]
            assert worst(outcomes("mean_among", rows)) == "consistent"


def told_apart(text):
    return [number(text, "concordance", endpoint="OS", model="multivariable")]


case("below_a_coin", told_apart("0.50"), told_apart("0.28"), expect="notable")
case("domain", told_apart("0.72"), told_apart("1.72"))

# ---- models -------------------------------------------------------------------
# Two halves of 1000 patients and 400 events: SE = 2/sqrt(400) = 0.1, 1.00 (0.82-1.22).
NAMES = ("aa", "bb", "cc", "dd", "ee", "ff")
HALVES = [n(1000), *(cell(500, "all", name) for name in NAMES)]
OTHERS = [row for name in NAMES[1:] for row in ratio("1.00 (0.82-1.22)", covariate=name)]
# SE 0.2 is that of 100 events: a quarter.
case(
    "events_by_row",
    [*HALVES, *OTHERS, *ratio("1.00 (0.82-1.22)")],
    [*HALVES, *OTHERS, *ratio("1.00 (0.68-1.48)")],
)
RFS = [row for name in NAMES for row in ratio("1.00 (0.82-1.22)", "RFS", name)]
case(
    "events_by_endpoint",
    [*HALVES, *OTHERS, *ratio("1.00 (0.82-1.22)"), *RFS],
    [*HALVES, *OTHERS, *ratio("1.00 (0.68-1.48)"), *RFS],
)
case(
    "opposite",
    [*ratio("1.40 (1.12-1.75)", "RFS"), *ratio("1.20 (0.90-1.60)", "OS")],
    [*ratio("1.40 (1.12-1.75)", "RFS"), *ratio("0.80 (0.60-1.07)", "OS")],
    expect="notable",
)


def adjusted(text):
    return [row for name in NAMES for row in ratio(text, covariate=name, model="multivariable")]


UNIVARIABLE = [*OTHERS, *ratio("1.00 (0.82-1.22)")]
# SE 0.141: twice the variance, as from half of the patients.
case(
    "variance_growth",
    [n(1000), *UNIVARIABLE, *adjusted("1.00 (0.81-1.23)")],
    [n(1000), *UNIVARIABLE, *adjusted("1.00 (0.76-1.32)")],
)
case(
    "narrowing",
    [*UNIVARIABLE, *adjusted("1.00 (0.81-1.23)")],
    [*UNIVARIABLE, *adjusted("1.00 (0.88-1.14)")],
)
ENTER = design(
    models={"OS": {"covariates": ["aa", "bb", "cc"], "selection": "enter", "entry_p": 0.1}}
)


def screened(p):
    rows = [number(p, "p", endpoint="OS", covariate="aa", level="yes", model="univariable")]
    for name in ("bb", "cc"):
        rows += ratio("1.35 (1.04-1.76)", covariate=name, model="multivariable")
        rows += [
            number("0.03", "p", endpoint="OS", covariate=name, level="yes", model="univariable")
        ]
    return rows


# p = 0.05 is below 0.1, but AA is not in the model.
case("entry_rule", screened("0.15"), screened("0.05"), ENTER)

# ---- places -------------------------------------------------------------------
case(
    "same_quantity",
    [*rate("78"), *rate("78", place="abstract")],
    [*rate("76"), *rate("78", place="abstract")],
)
# 609 days are 20.0 months of 30.4375; they were read as 609 months.
case(
    "same_quantity",
    [*months("609", unit="days"), *months("20.0")],
    [*months("609", unit="days"), *months("609")],
)
# Of a paper that counts 30 days in a month they are 20.3.
case(
    "same_quantity",
    [*months("609", unit="days"), *months("20.3")],
    [*months("609", unit="days"), *months("20.0")],
    DAYS,
)
case(
    "same_quantity",
    [*months("6.6", unit="years"), *months("79.2")],
    [*months("6.6", unit="years"), *months("92.7")],
)
case(
    "repeated_numbers",
    [*rate("50 (43-57)", "arm=old"), *rate("51 (43-57)", "arm=new")],
    [*rate("50 (43-57)", "arm=old"), *rate("50 (43-57)", "arm=new")],
    expect="notable",
)


def two(curve, table):
    model = {"covariate": "arm", "level": "new", "model": "univariable"}
    return [
        number(curve, "p", group="arm", model="logrank", endpoint="OS"),
        number(table, "p", endpoint="OS", **model),
    ]


case("two_tests", two("0.020", "0.018"), two("0.80", "0.018"))

# 1.39 (1.16-1.67): z = 3.43 to 3.65, p = 0.0003 to 0.0006; with room 0.0001 stays out of reach.
CURVES = [
    n(674),
    n(418, "arm=old"),
    n(256, "arm=new"),
    *ratio("1.39 (1.16-1.67)", covariate="arm", level="new"),
]
case(
    "curve_p",
    [*CURVES, number("<0.001", "p", group="arm", model="logrank", endpoint="OS")],
    [*CURVES, number("<0.0001", "p", group="arm", model="logrank", endpoint="OS")],
)

# ---- sentences ----------------------------------------------------------------
HARM = {
    "statistic": "hazard_ratio",
    "endpoint": "OS",
    "covariate": "aa",
    "level": "yes",
    "model": "univariable",
}
case(
    "direction",
    [sentence("worse with AA", ">", **HARM), *ratio("1.35 (1.04-1.76)")],
    [sentence("better with AA", "<", **HARM), *ratio("1.35 (1.04-1.76)")],
)
case(
    "direction",
    [sentence("no difference by AA", "~", **HARM), *ratio("1.05 (0.80-1.38) 0.72")],
    [sentence("no difference by AA", "~", **HARM), *ratio("1.35 (1.04-1.76) 0.02")],
)
ALIKE = {"statistic": "p", "group": "grade", "covariate": "age"}
case(
    "direction",
    [
        sentence("age did not differ", "~", **ALIKE) | {"value": 0.05},
        number("0.31", "p", group="grade", covariate="age"),
    ],
    [
        sentence("age did not differ", "~", **ALIKE) | {"value": 0.05},
        number("0.01", "p", group="grade", covariate="age"),
    ],
)
MORE = {"statistic": "difference", "group": "arm", "covariate": "aa", "level": "yes"}
# 30 of 100 with the old arm, 45 of 100 with the new one: more with the new.
SHARES = [*groups(), cell(30, "arm=old", "aa"), cell(45, "arm=new", "aa")]
case(
    "direction",
    [sentence("more AA with new", ">", **MORE), *SHARES],
    [sentence("less AA with new", "<", **MORE), *SHARES],
)
case(
    "independence",
    [
        sentence("an independent factor", ">", **{**HARM, "model": "multivariable"}),
        *ratio("1.35 (1.04-1.76)", model="multivariable"),
    ],
    [sentence("independently more AA", ">", **MORE)],
    expect="notable",
)
LISTED = [
    sentence("AA, BB and CC shorten survival", ">", **{**HARM, "covariate": name})
    for name in ("aa", "bb", "cc")
]


def unlisted(p):
    return [
        *LISTED,
        number(p, "p", endpoint="OS", covariate="dd", level="yes", model="univariable"),
    ]


case("listed_factors", unlisted("0.30"), unlisted("0.003"), expect="notable")


def labelled(*labels):
    return [
        number(
            "1.35",
            "hazard_ratio",
            endpoint=name,
            covariate="many",
            level="yes",
            model="univariable",
            locator=f"Table 2, {label}, HR",
        )
        for name, label in zip(("OS", "RFS"), labels, strict=True)
    ]


case(
    "labels",
    labelled("More than 3", "More than 3"),
    labelled("Score >3", "Score 3-5"),
    expect="notable",
)
# "<3" and "3<" leave out 3 itself.
case(
    "labels",
    labelled("Nodes <=3", "Nodes >3"),
    labelled("Nodes <3 cm", "Nodes 3 cm<"),
    expect="notable",
)
# 175 would exceed the longest follow-up of 81.93, 57.4 is as good as 54.7.
case(
    "mends",
    [LONGEST, *months("57.40", scanned="5740")],
    [LONGEST, *months("57.40", scanned="54.70")],
    expect="notable",
)


# "p > 0.05" says that a difference is not significant, "p > 0.001" says next to nothing.
case(
    "odd_bound",
    [number(">0.05", "p", group="arm", covariate="aa")],
    [number(">0.001", "p", group="arm", covariate="aa")],
    expect="notable",
)


# ---- the flow chart by group --------------------------------------------------
# 11 lost and 225 left are 236 who came to the step: 11/236 = 4.7 %.
def lost(percent_text, count=11, left=225):
    where = {"group": "arm=old", "covariate": "flow", "level": "followed_excluded"}
    return [
        n(left, "arm=old"),
        number(str(count), "n", unit="patients", **where),
        number(percent_text, "percent", unit="%", **where),
    ]


case("flow_percent", lost("5"), lost("2"))
# A count and a percentage of two groups are four numbers, not one quantity in four places.
case(
    "same_quantity",
    [*lost("5"), *[row | {"group": "arm=new"} for row in lost("4", 14, 293)]],
    [*lost("5"), lost("5", 12)[1]],
)


# ---- missing values as a level ------------------------------------------------
# 125/156 against 224/284: p = 0.76; with 69 of 225 and 9 of 293 as a level of their own < 0.001.
def graded(p, missing):
    sizes = (225, 293) if missing else (156, 284)
    return [
        *groups(*sizes, whole=sum(sizes)),
        cell(125, "arm=old", "aa"),
        cell(31, "arm=old", "aa", "no"),
        cell(224, "arm=new", "aa"),
        cell(60, "arm=new", "aa", "no"),
        number(p, "p", group="arm", covariate="aa"),
    ]


case("counted_p", graded("0.76", False), graded("<0.001", False))
case("counted_p", graded("0.76", True), graded("<0.001", True), expect="notable")


# Three levels: p = 0.991 of the known, and 0.0004 with 30 of 180 and 5 of 170 as a fourth.
def of_three(p):
    rows = [*three_levels((50, 60, 40), (55, 65, 45), p)]
    return [n(180, "arm=old"), n(170, "arm=new"), *rows[2:]]


case("counted_p", of_three("0.991"), of_three("0.0004"), expect="notable")


def test_a_p_over_the_unknown_as_a_level_is_named_of_three_levels_too():
    (found,) = outcomes("counted_p", of_three("0.0004"))
    assert "(30 of 180 and 5 of 170) were tested as one more level" in found.detail


# The same with counts of one level: 19.9 % of 156 are 31, of 180; 21.1 % of 284 are 60, of 293.
def shared(p):
    shares = {"arm=old": (31, "19.9"), "arm=new": (60, "21.1")}
    cells = [
        row
        for group, (count, percent) in shares.items()
        for row in (
            cell(count, group, "aa", "no"),
            number(percent, "percent", group=group, covariate="aa", level="no", unit="%"),
        )
    ]
    return [
        *groups(180, 293, whole=473),
        *cells,
        number(p, "p", group="arm", covariate="aa"),
    ]


case("counted_p", shared("0.76"), shared("<0.001"), expect="notable")
# 60 + 35 + 5 without a value are 100; 6 without a value are one too many.
SPLIT = [n(100, "arm=old"), cell(60, "arm=old", "aa"), cell(35, "arm=old", "aa", "no")]


def unknown(count):
    return number(str(count), "missing", group="arm=old", covariate="aa", unit="patients")


case("sums", [*SPLIT, unknown(5)], [*SPLIT, unknown(6)])


def unknown_of_all(count):
    """A footnote tells how many of both groups have no value; five of this one lack it."""
    whole = number(str(count), "missing", covariate="aa", unit="patients")
    return [n(200), *SPLIT, whole]


case("sums", unknown_of_all(7), unknown_of_all(4), expect="notable")

GRADES = ("1", "2", "3")


# ---- events and unknown values ------------------------------------------------
def died(*events):
    cells = ("arm=old", "arm=new", "all")
    return [
        *groups(100, 50, whole=150),
        *(
            number(str(count), "events", endpoint="OS", group=group, unit="events")
            for group, count in zip(cells, events, strict=True)
        ),
    ]


case("event_sums", died(61, 20, 81), died(16, 20, 81))
case("event_sums", died(61, 20, 81), died(61, 52, 113))


def fitted(n=None, events=None, **keys):
    """Patients and events of a model of OS."""
    keys = {"endpoint": "OS", "model": "multivariable"} | keys
    told = {"n": n, "events": events}
    return [number(str(k), name, **keys) for name, k in told.items() if k is not None]


# Of 200 patients with 113 events 20 are not in the model: 93 to 113 events are left.
ALL_EVENTS = number("113", "events", endpoint="OS")
case("cases_of_models", [*groups(), *fitted(180, 98)], [*groups(), *fitted(210, 98)])
case("cases_of_models", fitted(180, 98), fitted(98, 180))
WITH_ALL = [*groups(), ALL_EVENTS]
case("cases_of_models", [*WITH_ALL, *fitted(180, 98)], [*WITH_ALL, *fitted(180, 89)])
case("cases_of_models", [*WITH_ALL, *fitted(180, 98)], [*WITH_ALL, *fitted(None, 131)])
# 190 patients have a value of AA; 191 cannot be in its model.
HAVE_AA = [*groups(), cell(100, "all", "aa"), cell(90, "all", "aa", "no")]
OF_AA = {"model": "univariable", "covariate": "aa"}
case(
    "complete_cases",
    [*HAVE_AA, *fitted(190, **OF_AA)],
    [*HAVE_AA, *fitted(191, **OF_AA)],
)
LACK_AA = [*groups(), number("10", "missing", covariate="aa", unit="patients")]
case("complete_cases", [*LACK_AA, *fitted(190, **OF_AA)], [*LACK_AA, *fitted(191, **OF_AA)])
KNOW_AA = [*groups(), n(190, covariate="aa")]
case("complete_cases", [*KNOW_AA, *fitted(190, **OF_AA)], [*KNOW_AA, *fitted(191, **OF_AA)])
ARM_AA = design(models={"OS": {"covariates": ["arm", "aa"], "selection": "none"}})
case(
    "left_out_of_models",
    [*HAVE_AA, *fitted(190)],
    [*HAVE_AA, *fitted(170)],
    plan=ARM_AA,
    expect="notable",
)


def of_grades(n=(), events=(), **keys):
    """Patients and events of each grade in a model of OS."""
    keys = {"endpoint": "OS", "model": "multivariable", "covariate": "grade"} | keys
    return [
        number(str(k), name, level=level, **keys)
        for name, counts in (("n", n), ("events", events))
        for level, k in zip(GRADES, counts, strict=False)
    ]


case(
    "levels_of_a_model",
    [*fitted(180, 98), *of_grades((60, 70, 50), (30, 38, 30))],
    [*fitted(180, 98), *of_grades((60, 70, 50), (30, 38, 33))],
)
case(
    "levels_of_a_model",
    [*fitted(180), *of_grades((60, 70))],
    [*fitted(180), *of_grades((160, 70))],
)
OF_ARMS = {"endpoint": "OS", "model": "multivariable", "covariate": "arm"}
ARMS_IN_IT = [number("90", "n", level=level, **OF_ARMS) for level in ("old", "new")]
case(
    "levels_of_a_model",
    [*ARMS_IN_IT, *of_grades((60, 70, 50))],
    [*ARMS_IN_IT, *of_grades((60, 70, 58))],
)
ALONE = of_grades((62, 70, 50), model="univariable")
case(
    "level_within_a_model",
    [*ALONE, *of_grades((60, 70, 50))],
    [*ALONE, *of_grades((60, 71, 50))],
)
case(
    "level_within_a_model",
    of_grades((60, 70, 50), (30, 38, 30)),
    of_grades((60, 70, 50), (30, 83, 30)),
)


def events_of(column, *pairs):
    """(patients, events) of each level of a column, for OS."""
    rows = []
    for level, (patients, events) in zip(LEVELS_OF[column], pairs, strict=True):
        group = f"{column}={level}"
        rows.append(n(patients, group))
        keys = {"endpoint": "OS", "group": group, "unit": "events"}
        rows.append(number(str(events), "events", **keys))
    return rows


LEVELS_OF = {"arm": ("old", "new"), "grade": GRADES, "aa": ("no", "yes")}
BY_ARM = events_of("arm", (100, 61), (100, 50))
# All 200 have a grade, and 111 events; of ten without aa none to all may have one.
case(
    "events_by_levels",
    [*BY_ARM, *events_of("grade", (60, 30), (70, 40), (70, 41))],
    [*BY_ARM, *events_of("grade", (60, 30), (70, 40), (70, 14))],
)
case(
    "events_by_levels",
    [*BY_ARM, *events_of("aa", (100, 60), (90, 41))],
    [*BY_ARM, *events_of("aa", (100, 60), (90, 40))],
)


def adjusted_of(adjusted, how="holm"):
    """Three p values of Table 1 and what they are, adjusted."""
    at = {"group": "arm", "level": ""}
    raw = [number(p, "p", covariate=c, **at) for c, p in zip("abc", RAW_P, strict=True)]
    own = zip("abc", adjusted, strict=True)
    return raw + [number(p, "p", covariate=c, model=how, **at) for c, p in own]


# Holm: 3 times 0.010, twice 0.030, and once 0.040, which is not below the one before it.
RAW_P = ("0.010", "0.040", "0.030")
case("adjusted_p", adjusted_of(["0.03", "0.06", "0.06"]), adjusted_of(["0.03", "0.04", "0.06"]))
case(
    "adjusted_p",
    adjusted_of(["0.030", "0.040", "0.040"], "benjamini-hochberg"),
    adjusted_of(["0.030", "0.060", "0.060"], "benjamini-hochberg"),
)


def at_risk(*counts, statistic="n_at_risk"):
    keys = {"endpoint": "OS", "time": 36.0, "unit": "patients"}
    return [
        *groups(100, 50, whole=150),
        *(
            number(str(count), statistic, group=group, **keys)
            for group, count in zip(("arm=old", "arm=new", "all"), counts, strict=True)
        ),
    ]


case("sums_over_time", at_risk(61, 24, 85), at_risk(61, 42, 85))
SO_FAR = [at_risk(*counts, statistic="cumulative_events") for counts in ((9, 4, 13), (9, 4, 31))]
case("sums_over_time", *SO_FAR)


def relapsed(all_of, *parts):
    places = [("all", "all"), ("aa=yes", "arm=old"), ("aa=yes", "arm=new")]
    return [
        number(str(count), "events", endpoint="RFS", population=population, group=group)
        for (population, group), count in zip(places, (all_of, *parts), strict=False)
    ]


# 50 and 50 of those with AA are 100 of them: more than 91 of all, though neither alone is.
case("events_of_some", relapsed(190, 50, 50), relapsed(91, 50, 50))
case("events_of_some", relapsed(190, 50), relapsed(49, 50))


def died_of(events, percent):
    keys = {"endpoint": "OS", "group": "arm=old"}
    return [n(316, "arm=old"), number(events, "events", **keys), number(percent, "percent", **keys)]


# 190 of 316 are 60.1 %, of 311 61.1 %; no number of patients makes them 61.0 %.
case("events_share", died_of("190", "60.1"), died_of("190", "61.0"))
case("events_share", died_of("190", "60"), died_of("190", "61.1"), expect="notable")


def behind(*events):
    cells = ("arm=old", "arm=new")
    return [
        *ratio("0.97 (0.64-1.47)", covariate="arm", level="new"),
        *(number(e, "events", endpoint="OS", group=g) for e, g in zip(events, cells, strict=False)),
    ]


# ln(1.475/0.635)/3.92 = 0.215 at most: 4 over its square is 86.6.
case("events_needed", behind("43", "45"), behind("34", "45"), expect="notable")
case("events_needed", behind("43", "45"), behind("4", "45"))
WHOLE_EVENTS = number("88", "events", endpoint="OS"), number("48", "events", endpoint="OS")
case("events_needed", [*behind(), WHOLE_EVENTS[0]], [*behind(), WHOLE_EVENTS[1]])


def unknown_share(percent):
    return [
        n(100, "arm=old"),
        number("5", "missing", group="arm=old", covariate="aa", unit="patients"),
        number(percent, "percent_missing", group="arm=old", covariate="aa", unit="%"),
    ]


case("missing_share", unknown_share("5.0"), unknown_share("0.5"))


# 23 of 61, 17 of 39 and 11 of 25: chi-square 0.47, p = 0.79; no exact test makes it 0.05.
def of_grades(p):
    rows = []
    for group, size, count in zip(GRADES, (61, 39, 25), (23, 17, 11), strict=True):
        rows += [n(size, f"grade={group}"), cell(count, f"grade={group}", "aa")]
        rows.append(cell(size - count, f"grade={group}", "aa", "no"))
    return [*rows, number(p, "p", group="grade", covariate="aa")]


case("counted_p", of_grades("0.79"), of_grades("0.05"))


# 10, 15 and 20 of 30: 89 r^2 = 6.59, so p = 0.0102 for trend; chi-square has p = 0.036.
def rising(p):
    rows = []
    for group, count in zip(GRADES, (10, 15, 20), strict=True):
        rows += [n(30, f"grade={group}"), cell(count, f"grade={group}", "aa")]
        rows.append(cell(30 - count, f"grade={group}", "aa", "no"))
    return [*rows, number(p, "p", group="grade", covariate="aa")]


case("counted_p", rising("0.010"), rising("0.62"), fine="cannot tell")
TREND = design(
    table_one={
        "by": "grade",
        "categorical_test": "fisher",
        "continuous_test": "mann-whitney",
        "tests": {"aa": "trend", "grade": "trend"},
    }
)
# Declared, it is the trend's own p that print is held against: chi-square's 0.036 is none.
case("counted_p", rising("0.010"), rising("0.62"), TREND)
case("counted_p", rising("0.0098"), rising("0.0106"), TREND)


# The same turned: two groups and three levels.
def by_arm(p):
    rows = [*groups(51, 74, whole=125)]
    for group, counts in (("arm=old", (23, 17, 11)), ("arm=new", (38, 22, 14))):
        rows += [cell(k, group, "grade", g) for k, g in zip(counts, GRADES, strict=True)]
    return [*rows, number(p, "p", group="arm", covariate="grade")]


case("counted_p", by_arm("0.79"), by_arm("0.05"))
# 124 r^2 = 0.39 of the same counts: p = 0.53 for trend.
case("counted_p", by_arm("0.53"), by_arm("0.05"), TREND)
# By ranks of the same counts, wilcox.test of R 4.2.2: p = 0.5121 without, 0.5138 with continuity
# correction.
RANKED = design(table_one={**TREND.table_one, "by": "arm", "tests": {"grade": "mann-whitney"}})
case("counted_p", by_arm("0.512"), by_arm("0.05"), RANKED)

# ---- means and standard deviations --------------------------------------------
# (69.7 - 62.7)/sqrt(59.5^2/225 + 67.0^2/293) = 7/5.57 = 1.26: p = 0.21; 0.02 to 0.03 never.
T_TEST = design(table_one={"by": "arm", "categorical_test": "fisher", "continuous_test": "t"})
MEANS = (("arm=old", "62.7", "59.5"), ("arm=new", "69.7", "67.0"))


def means(*more):
    rows = [*groups(225, 293, whole=518)]
    for group, mean, sd in MEANS:
        rows.append(number(mean, "mean", group=group, covariate="age"))
        rows.append(number(sd, "sd", group=group, covariate="age"))
    return [*rows, *more]


case(
    "t_p",
    means(number("0.21", "p", group="arm", covariate="age")),
    means(number("0.021", "p", group="arm", covariate="age")),
    T_TEST,
)


def graded_means(p):
    """Means 60, 62, 70 with SD 10 of 30 patients each: between 1680, F = 840/100 = 8.4."""
    rows = [n(90, "all"), *(n(30, f"grade={g}") for g in GRADES)]
    for group, mean in zip(GRADES, ("60.0", "62.0", "70.0"), strict=True):
        rows.append(number(mean, "mean", group=f"grade={group}", covariate="age"))
        rows.append(number("10.0", "sd", group=f"grade={group}", covariate="age"))
    return [*rows, number(p, "p", group="grade", covariate="age")]


# F(2, 87) = 8.4: p = 0.0005.
case("t_p", graded_means("0.0005"), graded_means("0.05"), T_TEST)
# A slope of 5 explains 1500 of 10380; t(88) = 3.86: p = 0.0002.
SLOPE = design(table_one={**T_TEST.table_one, "tests": {"age": "linear-trend"}})
case("t_p", graded_means("0.0002"), graded_means("0.002"), SLOPE)
OWN = {"by": "arm", "categorical_test": "fisher", "continuous_test": "mann-whitney"}
case(
    "t_p",
    means(number("0.21", "p", group="arm", covariate="age")),
    means(number("0.021", "p", group="arm", covariate="age")),
    design(table_one=OWN | {"tests": {"age": "t"}}),
)
# (225 * 62.7 + 293 * 69.7)/518 = 66.66; the spread of all lies near those of the groups, 63.9.
case(
    "pooled_moments",
    means(number("66.7", "mean", covariate="age")),
    means(number("69.0", "mean", covariate="age")),
)
case(
    "pooled_moments",
    means(number("63.9", "sd", covariate="age")),
    means(number("36.9", "sd", covariate="age")),
)


# A footnote "Data missing for 200 patients" leaves 25 and 93 of the groups at least: p up to 0.61.
def of_all(count):
    return number(str(count), "missing", covariate="age", unit="patients")


FEWER = means(number("0.40", "p", group="arm", covariate="age"))
case("t_p", [*FEWER, of_all(200)], FEWER, T_TEST)
# Of 225 and 43 the mean is 63.8.
case(
    "pooled_moments",
    [*means(number("64.0", "mean", covariate="age")), of_all(250)],
    means(number("64.0", "mean", covariate="age")),
)

# ---- ratios beside their error, z and coefficient -----------------------------
# 1.35 (1.04-1.76): ln 1.35 = 0.300, error ln(1.76/1.04)/3.92 = 0.134, z = 2.24, p = 0.025.
ROW = {"endpoint": "OS", "covariate": "aa", "model": "multivariable", "level": "yes"}


def beside(text, statistic, printed="1.35 (1.04-1.76) 0.025"):
    return [*ratio(printed, model="multivariable"), number(text, statistic, **ROW)]


case("printed_error", beside("0.134", "se"), beside("0.314", "se"))
# The error of the ratio itself is 1.35 times that of its logarithm: 0.181.
case("printed_error", beside("0.181", "se"), beside("0.811", "se"))
case("printed_z", beside("2.24", "z"), beside("2.42", "z"))
case("printed_z", beside("2.24", "z"), beside("-2.24", "z"))
case(
    "printed_z",
    [number("2.24", "z", **ROW), *beside("0.134", "se")],
    [number("2.24", "z", **ROW), *beside("0.134", "se", "1.35 (1.04-1.76) 0.25")],
)
case("printed_coefficient", beside("0.300", "coefficient"), beside("0.030", "coefficient"))

# ---- rows with equal digits ---------------------------------------------------
case(
    "repeated_numbers",
    [*ratio("1.35 (1.04-1.76)"), *ratio("1.35 (1.04-1.77)", covariate="bb")],
    [*ratio("1.35 (1.04-1.76)"), *ratio("1.35 (1.04-1.76)", covariate="bb")],
    expect="notable",
)

# ---- medians of levels ----------------------------------------------------------
# 160 of 200 at 10 months and 40 at 20: 0.8 * 2^(-t/10) + 0.2 * 2^(-t/20) is a half at t = 11.3;
# the other way round it would be 17.3.
LEVELS = [
    n(200),
    cell(160, "all", "aa"),
    *months("10.00", cell="aa=yes"),
    *months("20.00", cell="aa=no"),
]
case("median_of_all", [*LEVELS, *months("11.80")], [*LEVELS, *months("17.50")], expect="notable")
case(
    "median_of_all",
    [*LEVELS[2:], *months("20.10")],
    [*LEVELS[2:], *months("22.00")],
    expect="notable",
)
# Half of all patients are below 52, so most are below 60: the median of all is 10 to 13.9.
AGED = [
    *spread(cell="all", median="52"),
    *months("10.00", cell="aged=low"),
    *months("20.00", cell="aged=high"),
]
case("median_of_all", [*AGED, *months("14.50")], [*AGED, *months("19.00")], expect="notable")
# The same where the medians of both arms are known and not that of all.
ARMS = [*spread(cell="arm=old", median="52"), *spread(cell="arm=new", median="55"), *AGED[1:]]
case("median_of_all", [*ARMS, *months("14.50")], [*ARMS, *months("19.00")], expect="notable")
# With one arm above 60 nobody knows on which side most patients are.
case(
    "median_of_all",
    [*spread(cell="arm=old", median="62"), *ARMS[1:], *months("19.00")],
    [*ARMS, *months("19.00")],
    expect="notable",
)
# 10 against 20 months are as a ratio near 2; ln 0.55 = -0.60 is 6.8 errors from ln 2.
case(
    "medians_and_ratio",
    [*LEVELS, *ratio("1.90 (1.30-2.78)")],
    [*LEVELS, *ratio("0.55 (0.38-0.80)")],
    expect="notable",
)
# 0.84 (0.57-1.23) is on the other side of 1, but 1 lies within: curves may cross.
case(
    "medians_and_ratio",
    [*LEVELS[:2], *months("10.00", cell="aa=yes"), *months("11.00", cell="aa=no")]
    + ratio("0.84 (0.57-1.23)"),
    [*LEVELS, *ratio("0.55 (0.38-0.80)", model="multivariable")],
    expect="notable",
)
# 15.0 and 15.2 months in 100 and 100 patients: z = ln(15.2/15.0) * sqrt(200/4) = 0.09.
TESTED = {"endpoint": "OS", "covariate": "bb", "level": "yes", "model": "univariable"}
ALIKE = [
    n(200),
    cell(100, "all", "bb"),
    *months("15.0", cell="bb=yes"),
    *months("15.2", cell="bb=no"),
]
case(
    "medians_and_p",
    [*ALIKE, number("0.15", "p", **TESTED)],
    [*ALIKE, number("<0.001", "p", **TESTED)],
    expect="notable",
)
# 5 and 20 months with 200 events, which 1.35 (1.02-1.78) needs: z = ln 4 * sqrt(200/4) = 9.8.
APART = [
    n(200),
    cell(100, "all", "bb"),
    *months("5.0", cell="bb=yes"),
    *months("20.0", cell="bb=no"),
    *ratio("1.35 (1.02-1.78)"),
]
case(
    "medians_and_p",
    [*APART, number("<0.001", "p", **TESTED)],
    [*APART, number("0.60", "p", **TESTED)],
    expect="notable",
)
# Half at 57 months: 48 % at 60; 4 % would be gone within three months.
case(
    "rate_beside_median",
    [*months("57.0"), *rate("41")],
    [*months("57.0"), *rate("4")],
    expect="notable",
)
# Nobody has failed by then: no curve is steep enough to forbid it.
case(
    "rate_beside_median",
    [*months("102.9"), *rate("100.0", time=12)],
    [*months("57.0"), *rate("4")],
    expect="notable",
    fine="cannot tell",
)


def eight(text, *more):
    rows = [f"1{i}.{i}3" for i in range(7)]
    found = [months(t, cell=f"aa={i}")[0] for i, t in enumerate([*rows, text, *more])]
    return found


# One number is shorter; of two, zeros may have been left out as a habit.
case("odd_decimals", eight("11.80"), eight("11.8"), expect="notable")
case("odd_decimals", eight("11.8", "12.4"), eight("11.803"), expect="notable")


def nine_p(text):
    return [
        number(t, "p", group="arm", covariate=f"v{i}")
        for i, t in enumerate(["0.12", "0.45", "0.004", "0.73", "0.052", "0.33", "0.81", text])
    ]


case("odd_decimals", nine_p("0.103"), nine_p("0.0103"), expect="notable")

# ---- sentences beside each other ----------------------------------------------
case(
    "two_sentences",
    [sentence("worse with AA", ">", **HARM), sentence("AA was harmful", ">", **HARM)],
    [sentence("worse with AA", ">", **HARM), sentence("better with AA", "<", **HARM)],
)
case(
    "two_sentences",
    [sentence("no difference by AA", "~", **HARM), sentence("alike", "~", **HARM)],
    [sentence("no difference by AA", "~", **HARM), sentence("significantly worse", ">", **HARM)],
)
# "Tended to be worse" and "no significant difference" may both be true.
case(
    "two_sentences",
    [sentence("worse", ">", **HARM), sentence("better", "<", **{**HARM, "endpoint": "RFS"})],
    [sentence("no difference by AA", "~", **HARM), sentence("tended to be worse", ">", **HARM)],
    expect="notable",
)
ADJUSTED = ratio("2.20 (1.40-3.44)", model="multivariable")
case(
    "sentence_elsewhere",
    [sentence("worse with AA", ">", **HARM), *ADJUSTED],
    [sentence("better with AA", "<", **HARM), *ADJUSTED],
    expect="notable",
)
# The median without AA is not reached; with AA it is 11.8, of all 15.1.
ONE_LEVEL = [*months("11.8", cell="aa=yes"), *months("15.1")]
case(
    "sentence_elsewhere",
    [sentence("worse with AA", ">", **HARM), *ONE_LEVEL],
    [sentence("better with AA", "<", **HARM), *ONE_LEVEL],
    expect="notable",
)

# ---- turned signs ---------------------------------------------------------------
BOUND = {"group": "arm", "covariate": "aa"}
case(
    "same_quantity",
    [number("<0.001", "p", **BOUND), number("0.001", "p", place="results", **BOUND)],
    [number("<0.001", "p", **BOUND), number(">0.001", "p", place="results", **BOUND)],
)
case(
    "odd_bound",
    [number("<0.001", "p", **BOUND), number("<0.001", "p", place="results", **BOUND)],
    [number("<0.001", "p", **BOUND), number(">0.001", "p", place="results", **BOUND)],
    expect="notable",
)

# ---- one number in two steps ------------------------------------------------------
# 1.022 per year is 1.022^10 = 1.243 per 10 years, and each limit likewise; 1.20 per doubling is
# 1.20^(log 10 / log 2) = 1.83 for ten times as much.
PER_YEAR = ratio("1.022 (1.013-1.031) <0.001", covariate="age", level="")
case(
    "two_steps",
    [*PER_YEAR, *ratio("1.24 (1.14-1.35) <0.001", covariate="age_10", level="")],
    [*PER_YEAR, *ratio("1.42 (1.14-1.35) <0.001", covariate="age_10", level="")],
)
case(
    "two_steps",
    [
        *ratio("1.20 (1.05-1.37) 0.007", covariate="nodes_2", level=""),
        *ratio("1.83 (1.18-2.84) 0.007", covariate="nodes_10", level=""),
    ],
    [
        *ratio("1.20 (1.05-1.37) 0.007", covariate="nodes_2", level=""),
        *ratio("1.83 (1.18-2.84) 0.07", covariate="nodes_10", level=""),
    ],
)
# (1.0215 to 1.0225)^(9.5 to 10.5) is 1.22 to 1.26, as far as the SD of 10 may be off; not 1.30.
SD = number("10", "sd", covariate="age", unit="years")
PER_SD = [SD, *ratio("1.022 (1.013-1.031) <0.001", covariate="age", level="")]
case(
    "two_steps",
    [*PER_SD, *ratio("1.25 (1.14-1.36) <0.001", covariate="age_sd", level="")],
    [*PER_SD, *ratio("1.30 (1.14-1.36) <0.001", covariate="age_sd", level="")],
)


# ---- p of another test ----------------------------------------------------------
# ln 1.01 = 0.01 over ln(1.48/0.69)/3.92 = 0.195 is z = 0.05; p = 0.05 is 1.96.
ARMS = ratio("1.01 (0.69-1.48)", covariate="arm", level="new")


def ranks(p, model="logrank"):
    return [*ARMS, number(p, "p", endpoint="OS", group="arm", model=model)]


case("logrank_p", ranks("0.950"), ranks("0.050"))
case("logrank_p", ranks("0.96"), ranks("0.50"), expect="notable")
# 0.69 to 1.48 stands for z of 0 too, against the other level as well.
TURNED = ratio("0.99 (0.68-1.45)", covariate="arm", level="old", reference="new")
case(
    "logrank_p",
    [*TURNED, number("0.95", "p", endpoint="OS", group="arm", model="logrank")],
    [*TURNED, number("<0.001", "p", endpoint="OS", group="arm", model="logrank")],
)
# Of two of three grades, beside the ratio of a model of all three; grade 2 has none here.
THIRD = ratio("1.01 (0.69-1.48)", covariate="grade", level="3")


def two_grades(p, pair):
    keys = {"endpoint": "OS", "group": "grade", "model": "logrank"}
    return [*THIRD, number(p, "p", population=f"grade={pair}", **keys)]


case("logrank_p", two_grades("0.950", "1/3"), two_grades("0.004", "1/3"))
# Grade 3 against 2 is another ratio than that against 1.
case(
    "logrank_p",
    [*two_grades("0.950", "1/3"), *two_grades("0.004", "2/3")[-1:]],
    two_grades("0.004", "1/3"),
)


def product_p(p, covariate="arm:aa", level="new:yes", other="2.34 (0.99-5.50)"):
    rest = covariate.partition(":")[2]
    keys = {"covariate": "arm", "level": "new"}
    within = {"aa": ("no", "yes"), "grade": GRADES}[rest]
    texts = ("0.81 (0.52-1.24)", other, "0.85 (0.50-1.43)")
    rows = [
        row
        for text, one in zip(texts, within, strict=False)
        for row in ratio(text, population=f"{rest}={one}", **keys)
    ]
    p_keys = {"endpoint": "OS", "covariate": covariate, "level": level, "model": "interaction"}
    return [*rows, number(p, "p", **p_keys)]


# ln(2.34/0.81) = 1.06 over the root of 0.222^2 + 0.437^2 is z = 2.16, p = 0.03.
case("interaction_p", product_p("0.023"), product_p("0.230"), expect="notable")
# 8.00 (4.00-16.0): z = 2.29 over 0.418 is 5.5.
FAR = {"other": "8.00 (4.00-16.0)"}
case("interaction_p", product_p("<0.001", **FAR), product_p("0.70", **FAR))
# Three grades, Q of two degrees of freedom.
THREE = {"covariate": "arm:grade", "level": ""}
case("interaction_p", product_p("0.08", **THREE), product_p("0.95", **THREE), expect="notable")


# ---- standardised differences, E-values -----------------------------------------
def unlike(text, *rows, population="all", covariate="aa", **keys):
    return [*rows, number(text, "smd", population=population, group="arm", covariate=covariate)]


# 0.4 less 0.2 over the root of (0.16 + 0.24)/2 is 0.447; over 0.4 of the old arm 0.5.
TWO_ARMS = [*groups(), cell(20, "arm=old", "aa"), cell(40, "arm=new", "aa")]
BOTH_LEVELS = [*TWO_ARMS, cell(80, "arm=old", "aa", "no"), cell(60, "arm=new", "aa", "no")]
case("standardised_difference", unlike("0.447", *BOTH_LEVELS), unlike("0.747", *BOTH_LEVELS))
# 30 of 100 and 20 of 100 of one level alone: 0.232, and more where 40 of all have no value.
ONE_LEVEL = [*groups(100, 100), cell(30, "arm=old", "aa"), cell(20, "arm=new", "aa")]
LEVEL_LACKING = number("40", "missing", covariate="aa", unit="patients")
case(
    "standardised_difference", unlike("0.50", *ONE_LEVEL, LEVEL_LACKING), unlike("0.50", *ONE_LEVEL)
)
case("standardised_difference", unlike("-0.50", *BOTH_LEVELS), unlike("0.353", *BOTH_LEVELS))
# In per cent; 0.200 is the plain difference of the shares.
case(
    "standardised_difference",
    unlike("44.7", *BOTH_LEVELS),
    unlike("0.200", *BOTH_LEVELS),
    expect="notable",
)
# Nobody prints hundredths of a per cent: 44.72 is a digit too many.
case("standardised_difference", unlike("45", *BOTH_LEVELS), unlike("44.72", *BOTH_LEVELS))
# One level with its percentage; without one a tenth may have no value: 0.44 of 90 are possible.
SHARES = [percent("20", "arm=old", "aa"), percent("40", "arm=new", "aa")]
case(
    "standardised_difference",
    unlike("0.45", *TWO_ARMS, *SHARES),
    unlike("0.74", *TWO_ARMS, *SHARES),
)
case("standardised_difference", unlike("0.52", *TWO_ARMS), unlike("0.82", *TWO_ARMS))
# Three grades of 100: 20, 30, 50 against 40, 30, 30. Yang and Dalton: 0.498.
BY_GRADE = [
    *groups(),
    *(
        cell(count, f"arm={arm}", "grade", grade)
        for arm, counts in (("old", (20, 30, 50)), ("new", (40, 30, 30)))
        for count, grade in zip(counts, GRADES, strict=True)
    ),
]
case(
    "standardised_difference",
    unlike("0.498", *BY_GRADE, covariate="grade"),
    unlike("0.941", *BY_GRADE, covariate="grade"),
)


def of_means(text, population="all", sds=("10.5", "10.5")):
    keys = {"covariate": "age", "unit": "years", "population": population}
    cells = ("arm=old", "arm=new")
    found = [
        n(size, one, population=population) for size, one in zip((200, 116), cells, strict=True)
    ]
    for one, mean, sd in zip(cells, ("64.0", "60.2"), sds, strict=True):
        found += [number(mean, "mean", group=one, **keys), number(sd, "sd", group=one, **keys)]
    return unlike(text, *found, population=population, covariate="age") if text else found


# 3.7 to 3.9 over 10.45 to 10.55.
case("standardised_difference", of_means("0.358"), of_means("0.538"))
# Over the 20 of all before matching 3.8 is 0.19; over the 10.5 of the matched 0.36.
ALL_AGES = of_means("", sds=("20.0", "20.0"))
case(
    "standardised_difference",
    [*ALL_AGES, *of_means("0.19", "stage=I")],
    [*ALL_AGES, *of_means("0.12", "stage=I")],
)
OR = {"endpoint": "OS", "covariate": "arm", "level": "new", "model": "multivariable"}
ODDS = ratio("2.17 (1.15-4.07)", statistic="odds_ratio", **OR)
# 2.17 + the root of 2.17 x 1.17 is 3.76; of the root of 2.17, 1.47, 2.31.
case("e_values", [*ODDS, number("3.75", "e_value", **OR)], [*ODDS, number("7.35", "e_value", **OR)])
case("e_values", [*ODDS, number("2.31", "e_value", **OR)], [*ODDS, number("3.57", "e_value", **OR)])
# By R's glm and confint: log 1.77 over (log 2.64 - log 1.18)/3.92 is 2.78, p = 0.005; and a
# profile that bends.
PROFILED = design(conventions={"odds_limits": "profile"})


def profiled(text):
    return ratio(text, statistic="odds_ratio", **OR)


case("profile_p", profiled("1.77 (1.18-2.64) 0.005"), profiled("1.77 (1.18-2.64) 0.050"), PROFILED)
case("profile_p", profiled("2.54 (1.33-5.04) 0.006"), profiled("2.54 (1.33-5.04) 0.066"), PROFILED)
# 1.15 + the root of 1.15 x 0.15 is 1.565.
OF_LIMIT = [number("1.57", "e_value_limit", **OR), number("5.57", "e_value_limit", **OR)]
case(
    "e_values",
    [*ODDS, number("3.76", "e_value", **OR), OF_LIMIT[0]],
    [*ODDS, number("3.76", "e_value", **OR), OF_LIMIT[1]],
)
NONE = ratio("1.12 (0.81-1.53)", **OR)
case(
    "e_values",
    [*NONE, number("1", "e_value_limit", **OR)],
    [*NONE, number("1.49", "e_value_limit", **OR)],
)

# ---- incidence rates --------------------------------------------------------
# By R's poisson.test and glm: 31 events in 402.7 years are 7.70 (5.23 to 10.93) per 100, 58 in
# 390.1 are 14.87 (11.29 to 19.22); their ratio 0.518 (0.335 to 0.801), p = 0.003, -7.17 apart.
PER = {"unit": "per 100 patient-years", "endpoint": "OS"}
POISSON = {"endpoint": "OS", "covariate": "arm", "level": "new", "model": "poisson"}


def rated(text, cell, events="", years="", **keys):
    """`rated("7.7 (5.2-10.9)", "arm=new", "31", "402.7")`: a rate with what is behind it."""
    estimate, *limits = text.split()
    of = {"endpoint": "OS", "group": cell}
    found = [number(estimate, "incidence_rate", **{**PER, **of, **keys})]
    for field, value in zip(("low", "high"), "".join(limits).strip("()").split("-"), strict=False):
        if value:
            own = {**PER, **of, **keys, "field": field}
            found.append(number(value, "incidence_rate", **own))
    found += [number(events, "events", unit="events", **of)] if events else []
    return found + ([number(years, "patient_years", unit="patient-years", **of)] if years else [])


OLD, NEW = (("14.9", "arm=old", "58", "390.1"), ("7.7", "arm=new", "31", "402.7"))
case("rate_quotient", rated(*NEW), rated("7.1", *NEW[1:]))
PER_1000 = {"unit": "per 1000 patient-years"}
case("rate_quotient", rated("77.0", *NEW[1:], **PER_1000), rated("7.7", *NEW[1:], **PER_1000))
case("limits_of_a_rate", rated("7.7 (5.2-10.9)", *NEW[1:]), rated("7.7 (5.2-19.9)", *NEW[1:]))
# On the log scale 5.41 to 10.95; of 31 events nothing ends at 9.9. Without them 20 do, or so.
case("limits_of_a_rate", rated("7.7 (5.4-10.9)", *NEW[1:3]), rated("7.7 (5.4-9.9)", *NEW[1:3]))
case("limits_of_a_rate", rated("7.7 (5.2-10.9)", "arm=new"), rated("7.7 (2.5-10.9)", "arm=new"))
YEARS = {"endpoint": "OS", "unit": "patient-years"}
SPANNED = (("arm=old", "390.1"), ("arm=new", "402.7"))
SPANS = [number(t, "patient_years", group=g, **YEARS) for g, t in SPANNED]
case(
    "patient_years_together",
    [*SPANS, number("792.8", "patient_years", **YEARS)],
    [*SPANS, number("729.8", "patient_years", **YEARS)],
)


def compared(text, *found, statistic="rate_ratio", **keys):
    return [*found, *ratio(text, statistic=statistic, **POISSON, **keys)]


BOTH = [*rated(*OLD), *rated(*NEW)]
RATES = [*rated(*OLD[:2]), *rated(*NEW[:2])]
case("rates_compared", compared("0.52 (0.33-0.80)", *RATES), compared("0.62 (0.33-0.80)", *RATES))
GAP = {"unit": "per 100 patient-years"}
case(
    "rates_compared",
    [*RATES, number("-7.2", "rate_difference", **POISSON, **GAP)],
    [*RATES, number("-2.7", "rate_difference", **POISSON, **GAP)],
)
case(
    "rate_ratio_limits",
    compared("0.52 (0.33-0.80)", *BOTH),
    compared("0.52 (0.33-0.92)", *BOTH),
)
# Without events only limits far from even are pointed at.
case(
    "rate_ratio_limits",
    compared("0.52 (0.33-0.80)"),
    compared("0.52 (0.12-0.56)"),
    expect="notable",
)
case(
    "rate_ratio_p",
    compared("0.52 (0.33-0.80) 0.003", *BOTH),
    compared("0.52 (0.33-0.80) 0.030", *BOTH),
)
case("rate_ratio_p", compared("0.52 (0.33-0.80) 0.003"), compared("0.52 (0.33-0.80) 0.040"))
LONGER = [number("44.0", "max_follow_up", endpoint="OS", unit="months")]
case(
    "follow_up_by_endpoint",
    [*LONGER, number("44.0", "max_follow_up", endpoint="RFS", unit="months")],
    [*LONGER, number("46.0", "max_follow_up", endpoint="RFS", unit="months")],
)
QUARTER = {"unit": "months", "endpoint": "RFS"}
case(
    "follow_up",
    [number("12.1", "q1_follow_up", **QUARTER), number("38", "median_follow_up", **QUARTER)],
    [number("83.1", "q1_follow_up", **QUARTER), number("38", "median_follow_up", **QUARTER)],
)


NUMBERED = [(kind, i) for kind, found in CASES.items() for i in range(len(found))]


@pytest.mark.parametrize(("kind", "i"), NUMBERED)
def test_numbers_that_agree(kind, i):
    good, _, plan, _, _, fine = CASES[kind][i]
    found = outcomes(kind, good, plan)
    assert worst(found) == fine


@pytest.mark.parametrize(("kind", "i"), NUMBERED)
def test_numbers_that_do_not(kind, i):
    _, bad, _, plan, expect, _ = CASES[kind][i]
    found = outcomes(kind, bad, plan)
    assert worst(found) == expect
    grave = [o for o in found if o.verdict == "inconsistent" or o.notable]
    assert all(o.detail.rstrip().endswith((".", ")")) for o in grave)


@pytest.mark.parametrize(
    "other",
    [
        {"covariate": "age_10", "model": "multivariable"},
        {"covariate": "age_10", "endpoint": "RFS"},
        {"covariate": "age_10", "population": "arm=new"},
        {"covariate": "nodes_2"},
        {"covariate": "nodes"},
    ],
)
def test_a_ratio_per_step_is_compared_within_its_model_and_number_alone(other):
    rows = [*PER_YEAR, *ratio("9.99 (8.88-11.24) 0.6", **{"level": "", **other})]
    assert outcomes("two_steps", rows) == []


def test_every_kind_of_check_has_both_cases():
    assert set(CASES) == set(CATALOGUE)


def test_kinds_that_only_point_never_accuse():
    for kind, found in CASES.items():
        for _, _, _, _, expect, _ in found:
            if CATALOGUE[kind].points:
                assert expect == "notable"


def test_the_catalogue_says_what_each_kind_assumes_and_cannot_see():
    for kind in CATALOGUE.values():
        assert kind.asks.endswith("?") and len(kind.assumes) > 5 and len(kind.blind) > 5
        assert kind.find.__doc__


def test_the_ledger_helpers_use_known_columns():
    assert set(FACTORS[name]["source"] for name in FACTORS) <= set(COLUMNS)
    assert len(claims(*groups())) == 3
