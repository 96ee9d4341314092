"""Of whom percentages are, where one is misprinted; as PMC5514258 prints them."""

from crlm.audit import audit

from .audit_ledger import claims, design, groups, n, number

SITE = {"type": "category", "levels": ["left", "right", "rectum"], "label": "Site"}


def wrong(rows):
    plan = design(columns=design().columns | {"site": SITE})
    found = audit(plan, claims(*rows)).findings
    return found[found["verdict"] == "inconsistent"].to_dict("records")


def shares(cell, texts, **keys):
    """Counts with percentages of the three sites: "50 (25.0)"."""
    made = []
    for level, text in zip(SITE["levels"], texts, strict=True):
        own = {"covariate": "site", "level": level, **keys}
        count, share = text.rstrip(")").split(" (")
        made += [n(count, cell, **own), number(share, "percent", group=cell, unit="%", **own)]
    return made


def test_a_percentage_that_was_rounded_twice_is_said_so():
    """1826 of 3305 are 55.2496 %, and the audit said "are 55.25%, not 55.3%: a misprint"."""
    rows = [n(3305), *shares("all", ["1826 (55.3)", "1479 (44.8)", "0 (0)"])]
    (found,) = wrong(rows)
    assert found["sentence"] == "1826 of 3305 patients are 55.2496%, not 55.3%: rounded twice."
    rows[2] = rows[2] | {"printed": "55.4", "value": 55.4}
    assert "twice" not in wrong(rows)[0]["sentence"]


def test_one_misprint_among_percentages_of_known_values_accuses_no_other():
    """Race in low risk: 74 (2.4) of 2485; 2016 (81.1) was called wrong, of 2489."""
    rows = [
        *groups(2489, 2489, 4978),
        *shares("arm=old", ["2016 (81.1)", "395 (15.9)", "74 (2.4)"]),
    ]
    (found,) = wrong(rows)
    assert found["sentence"] == "74 of 2485 patients with a value are 2.98%, not 2.4%."


def test_a_printed_number_of_known_values_may_be_the_misprint():
    """T stage (n = 8009): all percentages are of the 8099 whom its levels have."""
    rows = [n(9000), n(8009, covariate="site")]
    rows += shares("all", ["4000 (49.4)", "2227 (27.5)", "1872 (23.1)"])
    (found,) = wrong(rows)
    assert "3 of 3 percentages are of the 8099 patients of all levels, 0 of" in found["sentence"]
    assert "4000 + 2227 + 1872 is 8099, not 8009." in found["detail"]
    # The total of all patients need not be printed.
    assert "is 8099, not 8009" in wrong(rows[1:])[0]["detail"]


def test_percentages_of_all_in_one_table_and_of_known_values_in_another():
    """pT3 643 (19.5) in one, 643 (20.1) in the other: the whole block was held against 3305."""
    whole = {"place": "table3"}
    rows = [n(3305), *shares("all", ["1942 (60.7)", "643 (20.1)", "613 (19.2)"], **whole)]
    own = {"covariate": "site", "level": "right", "place": "table2"}
    rows += [n(643, **own), number("19.5", "percent", unit="%", **own)]
    (found,) = wrong(rows)
    assert found["sentence"].startswith("One quantity, two values: ")
    assert "19.5% of 3305 and 20.1% of 3198" in found["sentence"]


def test_a_total_that_has_the_number_of_a_part_names_the_part():
    """N2: 435 of all, 333 and 435 of the groups; "435 is also the number for N2" named itself."""
    rows = [*groups(2000, 2000, 4000), n(435, covariate="site", level="right")]
    rows += [n(k, f"arm={arm}", covariate="site", level="right") for arm, k in _ARMS]
    (found,) = wrong(rows)
    assert found["sentence"].startswith("333 + 435 is 768, not 435. (435 is also the number for")
    assert "New" in found["sentence"] or "new" in found["sentence"]


_ARMS = (("old", 333), ("new", 435))


def test_a_count_and_its_percentage_that_stand_elsewhere_are_told():
    """435 (18.2) of all is what high risk has; "18.2% would be of 2389, parotid" is chance."""
    texts = ["6691 (83.5)", "435 (18.2)", "541 (6.8)"]
    rows = [*groups(4000, 4009, 8009), *shares("all", texts)]
    rows += shares("arm=new", ["1711 (71.8)", "435 (18.2)", "238 (10.0)"])
    told = " ".join(found["detail"] for found in wrong(rows))
    assert "435 and 18.2% stand at" in told and "would be of" not in told
