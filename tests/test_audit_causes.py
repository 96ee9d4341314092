"""Findings with one cause are one finding; what is against what is known; who has no value."""

import pytest

from crlm.audit import audit, describe

from .audit_ledger import claims, design, groups, n, number, ratio, sentence

SITE = {"type": "category", "levels": ["left", "right", "rectum"], "label": "Site"}


def three_levels(**changes):
    plan = design(**changes)
    return design(columns=plan.columns | {"site": SITE}, **changes)


def findings(rows, plan=None):
    return audit(plan or design(), claims(*rows)).findings


def wrong(rows, plan=None):
    found = findings(rows, plan)
    return found[found["verdict"] == "inconsistent"].to_dict("records")


# ---- a row in the place of another ----------------------------------------------

OWN = ratio("2.033 (0.986-4.193) 0.0547", model="multivariable", place="table2", locator="Row AA")
OTHER = ratio(
    "4.990 (1.490-16.712) 0.0092",
    covariate="bb",
    model="multivariable",
    place="table2",
    locator="Row BB",
)
COPIED = ratio(
    "4.99 (1.49-16.71) 0.009", model="multivariable", place="abstract", locator="Abstract"
)


def test_a_row_in_the_place_of_another_is_one_finding_that_names_it():
    (found,) = wrong([*OWN, *OTHER, *COPIED])
    assert found["sentence"].startswith("4.99 (1.49-16.71) (Abstract) are the numbers of BB")
    assert "Row BB" in found["sentence"]
    assert found["repair"] == "read the row's own numbers in place of 4.99 (1.49-16.71) (Abstract)"
    assert {f"c{i}" for i in range(12)} - set(found["claims"]) <= {"c7"}


def test_a_row_that_only_differs_between_places_is_one_finding_without_a_source():
    (found,) = wrong([*OWN, *COPIED])
    assert "are the numbers of" not in found["detail"] and found["repair"] == ""


def test_one_number_that_differs_between_places_keeps_its_repair():
    rows = ratio("1.66 (1.19-2.30)", model="multivariable")
    other = number(
        "1.65",
        "hazard_ratio",
        endpoint="OS",
        covariate="aa",
        level="yes",
        model="multivariable",
        place="results",
    )
    (found,) = wrong([*rows, other])
    assert "1.66 in place of 1.65" in found["repair"]


def test_two_causes_in_two_rows_stay_two_findings():
    rows = [*OWN, *OTHER, *COPIED, *ratio("1.35 (1.04-1.76) 0.25", covariate="cc")]
    assert len(wrong(rows)) == 2


# ---- a turned sign ----------------------------------------------------------------


def twice(table, text):
    keys = {"group": "arm", "covariate": "aa"}
    return [
        number(table, "p", **keys),
        number(text, "p", place="results", locator="Results", **keys),
    ]


def test_a_turned_sign_is_the_repair():
    (found,) = wrong(twice("0.000", ">0.001"))
    assert found["repair"] == "read <0.001 in place of >0.001, the sign is turned (Results)"


def test_a_small_p_that_the_row_contradicts_is_not_mended_by_its_sign():
    (found,) = wrong(ratio("1.74 (1.24-2.43) <0.001", model="multivariable"))
    assert "sign" not in found["repair"]


def test_a_ratio_among_the_two_groups_that_it_compares_is_no_copy():
    """Two arms of three give a univariable ratio that often has the digits of all three."""
    text, of = "0.69 (0.55-0.87)", {"covariate": "grade", "level": "3"}
    for among, copied in (("grade=1/3", False), ("grade=1/2", True), ("aa=yes", True)):
        found = findings([*groups(), *ratio(text, **of), *ratio(text, **of, population=among)])
        assert found["detail"].str.contains("one copied").any() == copied


# ---- missing values ---------------------------------------------------------------


def split(column, yes, no, place="table1"):
    keys = {"group": "arm=old", "covariate": column, "unit": "patients", "place": place}
    return [number(str(yes), "n", level="yes", **keys), number(str(no), "n", level="no", **keys)]


def test_missing_values_are_one_line_a_table_with_the_largest_first():
    rows = [*groups(), *split("aa", 60, 38), *split("bb", 30, 40), *split("cc", 50, 49)]
    found = findings(rows)
    (line,) = found[found["title"] == "Missing values, Table 1"].to_dict("records")
    told = "BB in old: 30 of 100; AA in old: 2 of 100; CC in old: 1 of 100."
    assert line["detail"].lower().endswith(told.lower().replace("in old", "in arm old"))
    assert line["verdict"] == "cannot tell" and len(line["checks"]) == 3


def test_each_table_has_a_line_of_its_own():
    rows = [*groups(), *split("aa", 60, 38), *split("bb", 30, 40, "table3")]
    assert {"Missing values, Table 1", "Missing values, Table 3"} <= set(findings(rows)["title"])


def test_values_that_are_said_to_be_missing_are_no_remark():
    said = number("2", "missing", group="arm=old", covariate="aa", unit="patients")
    told, more = [*groups(), *split("aa", 60, 38)], "that is a row with statistic missing"
    assert findings([*told, said]).empty
    # Who keeps the ledger is told how: in the command, not in a report.
    assert more in describe(audit(design(), claims(*told)))
    assert more not in describe(audit(design(), claims(*told, said)))
    assert not findings(told)["detail"].str.contains(more).any()


def test_who_lacks_a_number_lacks_its_bands_and_groups_add_up():
    """Both were called unsaid, beside a table that says them."""
    said = [
        number(text, "missing", group=f"arm={arm}", covariate="age", unit="patients")
        for arm, text in (("old", "2"), ("new", "3"))
    ]
    level = {"covariate": "aged", "unit": "patients"}
    rows = []
    for where, low, high in (
        ("arm=old", "60", "38"),
        ("arm=new", "50", "47"),
        ("all", "110", "85"),
    ):
        rows.append(number(low, "n", group=where, level="low", **level))
        rows.append(number(high, "n", group=where, level="high", **level))
    every = [*groups(), number("200", "n", unit="patients"), *rows]
    assert findings([*every, *said]).empty
    (line,) = findings(every).to_dict("records")
    assert "Aged" in line["detail"] and "unsaid" in line["detail"]


# ---- what a ratio is against --------------------------------------------------------


def stratum(arm, text, **keys):
    where = {"covariate": "site", "level": "rectum", "model": "multivariable"}
    return ratio(text, population=f"arm={arm}", **where, **keys)


def quantities(rows, plan):
    return set(audit(plan, claims(*rows)).implied["quantity"])


def test_no_interaction_is_implied_by_ratios_against_different_levels():
    plan, same = (
        three_levels(),
        [*stratum("old", "1.2 (0.8-1.8)"), *stratum("new", "2.1 (1.2-3.7)")],
    )
    assert "interaction: p" in quantities(same, plan)
    other = [
        *stratum("old", "1.2 (0.8-1.8)"),
        *stratum("new", "2.1 (1.2-3.7)", reference="right"),
    ]
    assert "interaction: p" not in quantities(other, plan)


def test_the_first_level_by_name_is_the_first_level():
    plan = three_levels()
    rows = [
        *stratum("old", "1.2 (0.8-1.8)"),
        *stratum("new", "2.1 (1.2-3.7)", reference="left"),
    ]
    assert "interaction: p" in quantities(rows, plan)


def test_the_reference_of_a_model_in_the_design_counts():
    model = {"covariates": ["site"], "selection": "fixed", "references": {"site": "right"}}
    plan = three_levels(models={"new": model | {"endpoint": "OS", "population": "arm=new"}})
    rows = [*stratum("old", "1.2 (0.8-1.8)"), *stratum("new", "2.1 (1.2-3.7)")]
    assert "interaction: p" not in quantities(rows, plan)


@pytest.mark.parametrize(("reference", "count"), [("", 1), ("right", 0)])
def test_ratios_against_different_levels_are_different_quantities(reference, count):
    site = {"covariate": "site", "level": "rectum"}
    rows = [
        *ratio("1.20 (0.80-1.80)", place="table2", **site),
        *ratio("2.10 (1.20-3.68)", place="results", reference=reference, **site),
    ]
    assert len(wrong(rows, three_levels())) == count


def test_a_p_value_without_reference_belongs_to_the_only_ratio_of_its_row():
    keys = {"covariate": "site", "level": "rectum", "model": "multivariable"}
    p = number("0.60", "p", endpoint="OS", **keys)
    rows = [*ratio("2.10 (1.20-3.68)", reference="right", **keys), p]
    (found,) = wrong(rows, three_levels())
    assert "not 0.60" in found["detail"] and "against right" in found["title"].lower()


# ---- the flow chart of groups -------------------------------------------------------


def test_two_groups_of_the_flow_chart_are_no_contradiction():
    where = {"covariate": "flow", "level": "followed_excluded"}
    rows = [n(225, "arm=old"), n(293, "arm=new")]
    for group, count, percent in (("old", 11, "5"), ("new", 14, "5")):
        rows.append(number(str(count), "n", group=f"arm={group}", unit="patients", **where))
        rows.append(number(percent, "percent", group=f"arm={group}", unit="%", **where))
    assert wrong(rows) == []
    rows[-1] = number("4", "percent", group="arm=new", unit="%", **where)
    rows[-3] = number("2", "percent", group="arm=old", unit="%", **where)
    (found,) = wrong(rows)
    assert "11 of 236 is 4.7%, not 2%" in found["detail"]
    assert "14 of 307 is 4.6%, not 4%" in found["detail"]


# ---- several groups, two of them compared ----------------------------------------


def of_three(p, population="grade=1/2"):
    """Solitary lesions after resection, ablation and both, as PMC2817867 prints them."""
    rows = []
    for group, (solitary, several) in zip("123", ((37, 20), (19, 24), (0, 12)), strict=True):
        rows.append(n(solitary + several, f"grade={group}"))
        for level, count in (("yes", solitary), ("no", several)):
            rows.append(n(count, f"grade={group}", covariate="aa", level=level))
    return [*rows, number(p, "p", group="grade", covariate="aa", population=population)]


def test_p_of_two_of_several_groups_is_held_against_these_two():
    """Chi-square of 37/20 against 19/24 is 4.3: p = 0.039; of all three 17.9: p < 0.001."""
    assert not wrong(of_three("0.039")) and not wrong(of_three("<.001", "all"))
    (found,) = wrong(of_three("<.001"))
    assert "gives p = 0.044 by Fisher's exact test" in found["sentence"]
    assert "Of all 3 groups the chi-square test gives it." in found["sentence"]


def test_no_misprint_is_told_that_is_no_p_and_no_count():
    """It told to read <1.001 for <.001, and 2.0 patients for 20."""
    (found,) = wrong(of_three("<.001"))
    assert "1.001" not in found["repair"] and "2.0" not in found["repair"]


def test_a_median_between_two_whole_values_has_no_odd_decimals():
    def medians(text):
        texts = ["3", "1", "2", "4", "1", "2", "3", text]
        return [
            number(t, "median", group=f"aa={i}", covariate="nodes", place="table1")
            for i, t in enumerate(texts)
        ]

    assert findings(medians("3.5")).empty
    (found,) = findings(medians("3.7"))["sentence"]
    assert found.count("one decimal") == 1  # Once, not of its table and of the paper.


def test_a_number_is_called_a_copy_only_of_one_other():
    """The 12 of both is the size of their group too, and any other 12 no source of it."""
    whole = [n(54, covariate="aa", level="no"), n(12, "bb=yes")]
    (found,) = wrong([*of_three("0.039"), *whole])
    assert "24 + 20 + 12" in found["sentence"] or "20 + 24 + 12" in found["sentence"]
    assert "is also the number for" not in found["sentence"]


@pytest.mark.parametrize(("count", "told"), [(2, False), (120, True)])
def test_two_small_counts_that_are_alike_are_no_copy(count, told):
    """EORTC 40983 has 2 of unknown number in an arm, "also the number" of T1 in it."""
    rows = [*groups(300, 300, 600), n(count, "arm=old", covariate="bb", level="yes")]
    rows += [n(k, "arm=old", covariate="aa", level=x) for k, x in ((count, "yes"), (299, "no"))]
    (found,) = wrong(rows)
    assert ("is also the number for" in found["sentence"]) is told


def test_log_rank_p_of_two_of_several_groups_is_held_against_their_ratio():
    pair = {"population": "grade=1/2"}
    hr = ratio("0.54 (0.32-0.91)", covariate="grade", level="2", **pair)
    p = {"group": "grade", "model": "logrank", "endpoint": "OS", **pair}
    assert findings([*hr, number("0.02", "p", **p)]).empty
    (found,) = findings([*hr, number("0.60", "p", **p)])["title"]
    assert "two p values" in found


def test_a_p_that_print_calls_not_significant_is_held_against_the_counts():
    """37 of 57 against none of 12: p < 0.001 by every test; 20 of 57 against 24 of 43 may be."""
    keys = {"statistic": "p", "group": "grade", "covariate": "aa"}
    said = sentence("NS", "~", **keys) | {"value": 0.05}
    rows = of_three("0.039")[:-1]
    (found,) = wrong([*rows, said | {"population": "grade=1/3"}])
    assert 'no usual test gives p > 0.05, as "NS" says.' in found["sentence"]
    assert not wrong([*rows, said | {"population": "grade=1/2"}])
    differed = sentence("differed", "<", **keys, population="grade=1/3") | {"value": 0.05}
    assert not wrong([*rows, differed])


def test_a_p_beside_bands_may_be_of_the_number_itself():
    """PMC5668343 tests ages, not their bands: 0.96, where no test of the counts gives it."""
    rows = [*groups(152, 152, 304)]
    for arm, counts in (("old", (24, 74, 30, 24)), ("new", (10, 60, 52, 30))):
        levels = ("under_50", "50-59", "60-69", "70_up")
        rows += [
            n(k, f"arm={arm}", covariate="ages", level=level)
            for k, level in zip(counts, levels, strict=True)
        ]
    (found,) = wrong([*rows, number("0.96", "p", group="arm", covariate="ages")])
    assert "If print has it of Age itself, its covariate is age." in found["sentence"]


def test_a_percentage_that_was_cut_is_no_grave_misprint():
    """128 of 201 are 63.68 %, as PMC3442969 prints 63.6; it led over medians of 6.4 and 7.0."""
    arm = {"endpoint": "OS", "group": "arm=new", "unit": "months"}
    medians = [
        number(t, "median_survival", place=w, **arm) for t, w in (("6.4", "a"), ("7.0", "b"))
    ]
    share = number("63.6", "percent", covariate="arm", level="new", unit="%")
    found = audit(design(), claims(n(201), n(128, "arm=new"), share, *medians))
    assert found.gravest.startswith("One quantity, two values: 6.4")
    (cut,) = wrong([n(201), n(128, "arm=new"), share])
    assert cut["sentence"] == "128 of 201 patients are 63.68%, not 63.6%: cut, not rounded."
    (other,) = wrong([n(201), n(128, "arm=new"), share | {"printed": "63.5", "value": 63.5}])
    assert "cut" not in other["sentence"]
    # Of the two levels of 60 % and 40 %, as Gholami et al. print 59.4 and 40.6 %, one is not cut.
    both = [n(308), n(183, "arm=old"), n(125, "arm=new")]
    shares = [
        number(text, "percent", covariate="arm", level=level, unit="%")
        for text, level in (("60", "old"), ("40", "new"))
    ]
    (pair,) = wrong([*both, *shares])
    assert "not 60%" in pair["sentence"] and "cut" not in pair["sentence"]
    assert audit(design(), claims(n(201))).gravest == ""


def test_a_final_zero_that_is_no_digit_is_no_grave_misprint():
    """0.78 (0.40-1.57) of PMC2817867 led over 58 patients who are 56."""
    slight = ratio("0.78 (0.40-1.57)")
    found = audit(design(), claims(*slight, *groups(old=100, new=100, whole=198)))
    assert len(wrong([*slight, *groups(old=100, new=100, whole=198)])) == 2
    assert "198" in found.gravest and "is no digit" not in found.gravest
    assert audit(design(), claims(*slight)).gravest.endswith("is no digit.")


def test_who_is_in_a_level_that_a_factor_leaves_out_has_a_value():
    """PMC5954168: 666 without a biopsy were "without a value, unsaid" of the groups of it."""
    made = {"label": "Side", "source": "site", "groups": {"l": ["left"], "r": ["right"]}}
    made |= {"levels": ["l", "r"], "left_out": ["rectum"]}
    plan = three_levels()
    plan = three_levels(factors=plan.factors | {"side": made})
    counts = [n(30, covariate="side", level="l"), n(20, covariate="side", level="r")]
    assert findings([n(200), *counts], plan).empty
    made["groups"]["r"].append(made.pop("left_out")[0])
    (line,) = findings([n(200), *counts], plan)["detail"]
    assert "150 of 200" in line


def test_p_that_is_cut_is_told_and_no_strange_bound_is_a_repair():
    row = {"covariate": "aa", "level": "yes", "model": "multivariable"}
    (cut,) = wrong(ratio("15.64 (1.41-173.66) 0.02", **row))
    assert cut["sentence"].endswith("implies p = 0.025, not 0.02: cut, not rounded.")
    # PMC4090726: Fisher's p is 0.0088 of these counts, and a limit of 8.36 is 8.3 in the abstract.
    counts = [(4, "arm=old"), (26, "arm=old"), (13, "arm=new"), (15, "arm=new")]
    counts = [
        n(k, g, covariate="aa", level="no" if i % 2 else "yes") for i, (k, g) in enumerate(counts)
    ]
    counts += groups(30, 28, 58)
    (fisher,) = wrong([*counts, number("0.008", "p", group="arm", covariate="aa")])
    assert fisher["sentence"].endswith(
        "first digits of p by Fisher's exact test: cut, not rounded."
    )
    twice = [
        number(t, "median_survival", group="arm=old", endpoint="OS", unit="months", place=w)
        for t, w in (("8.36", "a"), ("8.3", "b"))
    ]
    (same,) = wrong(twice)
    assert same["sentence"].endswith(": cut, not rounded.")
    (other,) = wrong(ratio("1.64 (0.90-2.97) <0.001", **row))
    assert "<0.201" not in other["repair"] and "not rounded" not in other["sentence"]


@pytest.mark.parametrize(("size", "told"), [(14, False), (140, True)])
def test_equal_counts_among_few_patients_are_chance(size, told):
    few = []
    for column in ("aa", "bb"):
        for level, count in (("yes", 3), ("no", size - 3)):
            keys = {"covariate": column, "level": level}
            few.append(n(count, "arm=old", **keys))
            share = f"{100 * count / size:.1f}"
            few.append(number(share, "percent", group="arm=old", unit="%", **keys))
    assert any("one copied" in text for text in findings(few)["sentence"]) is told
