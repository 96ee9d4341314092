"""Categories that print has of all patients, or of merged groups, in percent or as counts."""

from dataclasses import replace

import pytest

from crlm.ledger import DesignError
from crlm.reconstruction import sharing, spreads, start

from .audit_ledger import COLUMNS, claims, design, n, number

ARM = {**COLUMNS["arm"], "levels": ["none", "low", "high"]}
EXTENT = {"type": "category", "role": "treatment", "levels": ["minor", "major"], "label": "Extent"}
TREATED = {"source": "arm", "groups": {"no": ["none"], "yes": ["low", "high"]}}
TREATED |= {"levels": ["no", "yes"], "label": "Treated"}
SIZES = {"none": 40, "low": 30, "high": 20}


@pytest.fixture(scope="module")
def plan():
    columns = {**COLUMNS, "arm": ARM, "extent": EXTENT}
    return design(columns=columns, factors={"treated": TREATED})


def told(*rows):
    return claims(*(n(size, f"arm={arm}") for arm, size in SIZES.items()), *rows)


def of_extent(statistic, value, group, level="major"):
    keys = {"group": group, "covariate": "extent", "level": level}
    return number(str(value), statistic, **keys)


def majors(plan, rows):
    """How many of each arm are major."""
    codes = {arm: sharing.shared(plan, rows, "extent", arm) for arm in SIZES}
    assert {arm: len(held) for arm, held in codes.items()} == SIZES
    return {arm: held.count(1.0) for arm, held in codes.items()}


def test_a_percentage_of_all_patients_is_shared_among_the_groups(plan):
    """It was asked for."""
    assert majors(plan, told(of_extent("percent", 30, "all"))) == {"none": 12, "low": 9, "high": 6}


@pytest.mark.parametrize("as_percent", [False, True])
def test_what_print_has_of_merged_groups_is_shared_among_these(plan, as_percent):
    kind, no, yes = ("percent", 10, 50) if as_percent else ("n", 4, 25)
    rows = [of_extent(kind, no, "treated=no"), of_extent(kind, yes, "treated=yes")]
    assert majors(plan, told(*rows)) == {"none": 4, "low": 15, "high": 10}
    # All patients stand in where the factor tells nothing.
    rows = [rows[1], of_extent("n", 45, "all")]
    assert majors(plan, told(*rows)) == {"none": 20, "low": 15, "high": 10}


def test_percentages_of_all_patients_are_not_taken_of_the_known(plan):
    """Of 40 patients, 8 of unknown extent, 60 % are 24; they were taken for 60 % of the 32."""
    of_all = replace(plan, table_one={**plan.table_one, "percent_of_all": ["extent"]})
    rows = claims(of_extent("percent", 60, "arm=none"))
    for made, major in ((plan, 19), (of_all, 24)):
        assert spreads.category_counts(made, rows, "arm=none", "extent", 40, 8) == [None, major]
    # Percentages of all levels are shared out, so that all known are counted.
    rows = claims(
        of_extent("percent", 60, "arm=none"), of_extent("percent", 20, "arm=none", "minor")
    )
    assert spreads.category_counts(of_all, rows, "arm=none", "extent", 40, 8) == [8, 24]


def test_what_does_not_tell_a_group_is_named_with_the_reason(plan):
    rows = told(of_extent("n", 7, "arm=low"), of_extent("percent", 30, "treated=yes"))
    with pytest.raises(DesignError) as caught:
        start._categories(plan, {}, rows, "extent", "none", 40)
    ids = ", ".join(rows["id"].iloc[-2:])
    assert f"among all patients. What print has ({ids}) is of other patients. Say" in str(
        caught.value
    )


def test_levels_of_a_merged_group_are_shared_as_print_has_them_of_all(plan):
    """AIB1 high is score 5 or 6, 380 and 186 of all: the cohort had 283 of each (PMC5668343)."""
    plan = replace(plan, table_one={**plan.table_one, "by": "treated"})
    whole = claims(n(40, "treated=no"), n(50, "treated=yes"), *of_arms(30, 20))
    assert start._categories(plan, {}, whole, "arm", "yes", 50).count(1.0) == 30
    some = claims(n(40, "treated=no"), n(50, "treated=yes"))
    assert start._categories(plan, {}, some, "arm", "yes", 50).count(1.0) == 25


def test_counts_within_another_columns_levels_are_added_up(plan):
    """PMC4090726 has the grades of its validation set by COX-2 alone; they were asked for."""
    within = []
    for level, size, major in (("yes", 25, 9), ("no", 15, 6)):
        where = {"population": "arm=none", "group": f"aa={level}", "unit": "patients"}
        within.append(number(str(size), "n", **where))
        for own, count in (("major", major), ("minor", size - major)):
            within.append(number(str(count), "n", covariate="extent", level=own, **where))
    assert start._categories(plan, {}, told(*within), "extent", "none", 40).count(1.0) == 15
    # Not where these are not all patients of the group.
    assert sharing.shared(plan, told(*within[3:]), "extent", "none") is None


def test_a_category_that_is_unknown_of_a_whole_group_needs_no_counts(plan):
    wishes = {"columns": {"extent": {"unknown": {"none": 40}}}}
    codes = start._categories(plan, wishes, told(), "extent", "none", 40)
    assert len(codes) == 40 and not any(code == code for code in codes)


def of_arms(low, high):
    return [n(k, "all", covariate="arm", level=x) for k, x in ((low, "low"), (high, "high"))]
