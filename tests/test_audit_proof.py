"""The audit accuses no honest paper and sees clear misprints; `benchmarks/` counts both."""

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from audit_papers import STUDIES, damaged, seen, verdicts
from damaged_papers import KINDS, Damage, damages
from honest_papers import SENTENCES, paper
from printing import p_text, read, rounded


@pytest.fixture(scope="module")
def papers():
    """As shipped, drawn and without effects, of each design: design, claims, verdicts."""
    made = {(study, i): paper(study, i, seed=7)[:2] for study in STUDIES for i in range(3)}
    return {key: (*both, verdicts(*both)) for key, both in made.items()}


def test_no_honest_paper_is_accused(papers):
    wrong = [
        (paper, *key)
        for paper, (_, _, found) in papers.items()
        for key, verdict in found.items()
        if verdict == "inconsistent"
    ]
    assert not wrong
    assert sum(len(found) for _, _, found in papers.values()) > 3000


def test_papers_are_nearly_complete(papers):
    for (_, number), (_, claims, _) in papers.items():
        assert len(claims) > (300 if number == 0 else 200)
        assert claims["id"].is_unique and (claims["scanned"] == "").all()


CLEAR = {
    "digit changed": ("mskcc_hai", "t1-hai-no-crs-high-high-percent", lambda t: f"8{t[1:]}"),
    "digits swapped": ("mskcc_hai", "t1-hai-yes-margin-negative-n", lambda t: t[0] + t[2] + t[1]),
    "digit dropped": ("ncch_scp", "re-scp-median-high", lambda t: t[1:]),
    "digit doubled": ("ncch_scp", "re-os-ras-mutant-median", lambda t: t[0] + t),
    "point lost": ("mskcc_hai", "t2-rfs-kras-mutant-uv-hr", lambda t: t.replace(".", "")),
    "count off by one": ("ncch_scp", "t1-ras-mutant-sidedness-right-n", lambda t: f"{int(t) + 1}"),
    "p misprinted": ("mskcc_hai", "t3-os-margin-positive-uv-p", lambda t: "0.2"),
}
EXCHANGED = {
    "limit and estimate exchanged": (
        "mskcc_hai",
        "t3-os-kras-mutant-uv-hr",
        "t3-os-kras-mutant-uv-hr-low",
    ),
    "group swapped": ("ncch_scp", "t1-ras-wild-t-stage-t3-4-n", "t1-ras-mutant-t-stage-t3-4-n"),
}
TURNED = ("mskcc_hai", "re-rfs-kras-mutant-uv-hr-direction")


def place(claims, name):
    return claims.index[claims["id"] == name][0]


@pytest.mark.parametrize("kind", CLEAR)
def test_one_number_misprinted_is_seen(papers, kind):
    study, name, edit = CLEAR[kind]
    design, claims, before = papers[study, 0]
    at = place(claims, name)
    damage = Damage(kind, {at: read(edit(claims["printed"][at]))})
    assert seen(design, claims, damage, before) == "inconsistent"


@pytest.mark.parametrize("kind", EXCHANGED)
def test_two_numbers_exchanged_are_seen(papers, kind):
    study, *names = EXCHANGED[kind]
    design, claims, before = papers[study, 0]
    a, b = (place(claims, name) for name in names)
    new = {a: read(claims["printed"][b]), b: read(claims["printed"][a])}
    assert seen(design, claims, Damage(kind, new), before) == "inconsistent"


def test_a_sentence_turned_is_seen(papers):
    study, name = TURNED
    design, claims, before = papers[study, 0]
    at = place(claims, name)
    sign = {">": "<", "<": ">", "~": ">"}[claims["operator"][at]]
    new = {at: {"operator": sign, "printed": SENTENCES[sign]}}
    assert seen(design, claims, Damage("sentence turned", new), before) == "inconsistent"


def test_a_sentence_that_another_contradicts_is_seen_though_no_result_is_printed(papers):
    design, claims, before = papers["ncch_scp", 0]
    at = place(claims, "di-firstrecurrence-ras-site-lung-yes-difference-direction-2")
    sign = {">": "<", "<": ">", "~": ">"}[claims["operator"][at]]
    new = {at: {"operator": sign, "printed": SENTENCES[sign]}}
    assert seen(design, claims, Damage("sentence turned", new), before) == "inconsistent"


#: Misprints that contradict nothing but are pointed at, in the row of a covariate's levels.
POINTED = {
    "medians exchanged beside a ratio": {
        "t2-os-size-cat-high-median": "66.97",
        "t2-os-size-cat-low-median": "46.23",
    },
    "a fiftieth of a median beside p = 0.45": {"t2-os-ca199-cat-high-median": "1.30"},
    "a digit lost behind the point": {"t2-os-ca199-cat-high-median": "51.3"},
    "a rate from which the curve would fall at once": {"re-os-rate-60": "74.8"},
}


@pytest.mark.parametrize("name", POINTED)
def test_what_is_only_unusual_is_pointed_at(papers, name):
    design, claims, before = papers["ncch_scp", 0]
    new = {place(claims, claim): read(text) for claim, text in POINTED[name].items()}
    assert seen(design, claims, Damage(name, new), before) == "notable"


def test_honest_papers_are_seldom_pointed_at(papers):
    kinds = {"median_of_all", "medians_and_ratio", "medians_and_p"}
    kinds |= {"rate_beside_median", "odd_decimals", "sentence_elsewhere"}
    found = [
        verdict
        for _, _, said in papers.values()
        for (kind, *_), verdict in said.items()
        if kind in kinds
    ]
    assert len(found) > 200
    assert found.count("notable") <= 3


def test_a_damage_changes_one_number_a_row_or_exchanges_two(papers):
    _, claims, _ = papers["mskcc_hai", 0]
    made = damages(claims, random.Random(1))
    assert [damage.kind for damage in made] == list(KINDS)
    for damage in made:
        differs = damaged(claims, damage)["printed"] != claims["printed"]
        assert list(claims.index[differs]) == sorted(damage.new)
        several = dict.fromkeys(EXCHANGED, 2) | {"row copied": 3}
        assert len(damage.new) == several.get(damage.kind, 1)


@pytest.mark.parametrize("kind", ["row copied", "sign turned"])
def test_a_row_or_a_sign_in_the_wrong_place_is_seen(papers, kind):
    design, claims, before = papers["mskcc_hai", 0]
    made = [d for seed in range(8) for d in damages(claims, random.Random(seed)) if d.kind == kind]
    assert sum(bool(seen(design, claims, damage, before)) for damage in made) >= 6


def test_what_the_two_papers_do_not_print_is_held_against_each_other_too(papers):
    for study in STUDIES:
        kinds = {key[0] for key in papers[study, 1][2]}
        assert {"t_p", "pooled_moments", "printed_z", "printed_error", "flow_percent"} <= kinds


#: Of the third kind of paper: a statistic, and a misprint that is no rounding.
OTHERS = {
    "rmst": lambda t: f"1{t}",
    "cumulative_incidence": lambda t: f"1{t}",
    "smd": lambda t: f"{float(t) + 1:.2f}",
    "e_value": lambda t: f"{float(t) + 2:.2f}",
}


@pytest.mark.parametrize("statistic", OTHERS)
def test_what_neither_of_the_others_prints_is_seen_too(papers, statistic):
    design, claims, before = papers["mskcc_hai", 2]
    own = claims.index[claims["id"].str.startswith("other-") & (claims["statistic"] == statistic)]
    words = []
    for at in own[:4]:
        damage = Damage(statistic, {at: read(OTHERS[statistic](claims["printed"][at]))})
        words.append(seen(design, claims, damage, before))
    assert words.count("inconsistent") == len(words) > 0


def test_printing_is_that_of_the_journals():
    assert rounded(0.4446, 2, None) == "0.44"
    assert rounded(0.4446, 2, 3) == "0.45"  # 0.445 in the software's table
    assert rounded(12.5, 0, None) == "13"
    assert rounded(-0.001, 1, None) == "0.0"
    assert p_text(0.0004, 2, None) == "<0.001"
    assert p_text(0.0042, 2, None) == "0.004"
    assert p_text(0.9999, 0, 3) == "1.00"
    assert read("<0.001") == {"printed": "<0.001", "operator": "<", "value": 0.001, "decimals": 3.0}
