"""What no cohort of printed groups can have is told by its claim, with what to do."""

import pandas as pd
import pytest

from crlm import ledger
from crlm.ledger import DesignError
from crlm.reconstruction import out_of_reach, spreads, wishes_of

DESIGN = ledger.load_design("mskcc_hai")
CLAIMS = ledger.load_claims("mskcc_hai")
WISHES = {"groups": {"columns": ["hai"]}, "columns": {}}


def printed(*told):
    """A ledger of counts and medians: (statistic, value, group, covariate, level)."""
    bare = {"kind": "number", "field": "estimate", "population": "all", "endpoint": ""}
    bare |= {"model": "", "operator": "=", "time": float("nan")}
    rows = [
        {
            **{"id": f"c{i}", "statistic": statistic, "value": float(value), "group": group},
            **{"covariate": name, "level": level, "decimals": int(value % 1 > 0)},
        }
        for i, (statistic, value, group, name, level) in enumerate(told)
    ]
    return pd.DataFrame([{**bare, **row} for row in rows])


SIZES = [("n", 50, "hai=no", "", ""), ("n", 41, "hai=yes", "", "")]


def test_a_size_that_its_groups_do_not_add_up_to_is_told_with_both_numbers():
    """A print's n above the sum of the groups was told as "built in" and never met."""
    claims = printed(*SIZES, ("n", 94, "all", "", ""), ("n", 91, "all", "", ""))
    told = out_of_reach(DESIGN, WISHES, claims)
    assert list(told) == ["c2"]
    assert "make 91 patients, and print has 94" in told["c2"] and "[excluded]" in told["c2"]
    assert not out_of_reach(DESIGN, {**WISHES, "excluded": {"c2": "screened"}}, claims)


def test_a_size_of_the_second_column_is_the_sum_of_its_joint_groups():
    joint = [
        ("n", n, f"hai={h},kras={k}", "", "")
        for n, h, k in ((30, "no", "wild"), (20, "no", "mutant"), (25, "yes", "wild"))
    ]
    claims = printed(
        *joint, ("n", 16, "hai=yes,kras=mutant", "", ""), ("n", 57, "kras=wild", "", "")
    )
    both = {**WISHES, "groups": {"columns": ["hai", "kras"]}}
    told = out_of_reach(DESIGN, both, claims)
    assert list(told) == ["c4"] and "make 55 patients, and print has 57" in told["c4"]


@pytest.mark.parametrize(
    ("median", "group", "declared", "reached"),
    [
        (62.5, "hai=yes", {}, False),
        (62.5, "hai=no", {}, True),
        (62, "hai=yes", {}, True),
        (62.5, "hai=yes", {"unknown": {"yes": 1}}, True),
        (60.5, "hai=no", {"unknown": {"no": 1}}, False),
        (62.5, "hai=yes", {"may_be_missing": True}, True),
        (62.5, "hai=yes", {"grid": 0.5}, True),
    ],
)
def test_a_median_between_two_whole_numbers_is_of_an_even_number(median, group, declared, reached):
    """Printed 62.5 of 41 patients, it became 63: nothing said why."""
    claims = printed(*SIZES, ("median", median, group, "age", ""))
    told = out_of_reach(DESIGN, {**WISHES, "columns": {"age": declared}}, claims)
    assert (not told) == reached
    if told:
        assert f"{median:g} lies between two values of age" in told["c2"]
        assert ("{ no = 2 }" if declared else "{ yes = 1 }") in told["c2"]


@pytest.mark.parametrize("study", ["ncch_scp", "mskcc_hai"])
def test_the_shipped_studies_have_nothing_out_of_reach(study):
    design = ledger.load_design(study)
    assert not out_of_reach(design, wishes_of(design), ledger.load_claims(study))


@pytest.mark.parametrize(
    ("factor", "group", "share"),
    [
        ("more_than_3", "hai=yes", "[0.732, 3]"),
        ("more_than_3", "all", "[0.732, 3]"),
        ("more_than_3", "hai=no", "[0.5, MEDIAN]"),
        ("dfi_short", "hai=yes", "[0.268, 12]"),
    ],
)
def test_a_number_of_one_cut_is_asked_for_with_the_share_that_print_has(factor, group, share):
    """Print counts those on either side; the knots were asked for as if it had nothing."""
    claims = printed(*SIZES, ("n", 30, group, factor, "no"), ("n", 11, group, factor, "yes"))
    source = DESIGN.factors[factor]["source"]
    with pytest.raises(DesignError, match="knots") as told:
        spreads.numbers(DESIGN, WISHES, claims, source, "yes", 41)
    assert f"[[0, LOWEST], {share}, [1, HIGHEST]]" in str(told.value)
