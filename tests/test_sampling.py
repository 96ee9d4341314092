"""The chapter on a random sample of a large cohort: who is drawn, what is said, what is whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crlm import ledger, lent
from crlm.paper import Paper
from crlm.paper.chapter.sampling import places
from crlm.report import html
from tests import cells
from tests.test_whole_reports import own_table

MOST = 300
RULE = {"selection": "backward", "entry_p": 0.05, "univariable_p": "wald"}
DRAWS = {"claim": "lower", "most": 6, "permutations": 5, "seed": 1}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Where tests find what others made of the very same things, as the runs of a batch do."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture
def shown(shelf, monkeypatch):
    cells.shelved(monkeypatch, shelf)
    found = []
    monkeypatch.setattr(html, "show", lambda *p: found.extend(x for x in p if x is not None))
    return found


def text(shown):
    return "\n".join(map(repr, shown))


def opened(path="", most=MOST, safe=0, **rules):
    paper = Paper("mskcc_hai", str(path), safe=safe)
    paper.patients()
    paper.endpoints()
    paper.curves("OS", by="hai", at=[36, 60])
    paper.regression("OS", table="Table 3", **RULE)
    paper.reviewer(samples=3, imputations=2, most_patients=most, **rules)
    return paper


def entries(paper):
    """Each entry of the chapter, those of other rooms too, by its name."""
    return {
        "who was tested": lambda: paper.who_was_tested(["OS"], criterion="kras_known"),
        "balance": lambda: paper.balance("hai", by="kras"),
        "weighted": lambda: paper.weighted("OS", "hai"),
        "start of treatment": lambda: paper.start_of_treatment(["OS"], "hai"),
        "landmark": lambda: paper.landmark(["OS"], of="hai", month=6),
        "competing risks": lambda: paper.competing_risks("RFS", "hai"),
        "modification": lambda: paper.modification(["OS"], "hai", "kras"),
        "interaction": lambda: paper.interaction(["OS"], "hai", "kras"),
        "missing values": lambda: paper.missing_values(["OS"], "hai"),
        "proportional hazards": paper.proportional_hazards,
        "changing hazards": lambda: paper.changing_hazards(["OS"], "hai"),
        "restricted means": lambda: paper.restricted_means(["OS"], by="hai"),
        "model strain": lambda: paper.model_strain(["OS"]),
        "other models": lambda: paper.other_models(["OS"], of=["hai"]),
        "stability": lambda: paper.stability(samples=3, seed=1, of="hai"),
        "specifications": lambda: paper.specifications(["OS"], of="hai", **DRAWS),
        "scores": lambda: paper.scores("OS", ["crs"]),
    }


# ---- who is drawn -------------------------------------------------------------------------------


def test_a_place_in_the_draw_hangs_on_identifier_and_seed_alone():
    ids = pd.Series([f"P{i}" for i in range(40_000)])
    first = places(ids, 1)
    shuffled = ids.sample(frac=1, random_state=3)
    assert (pd.Series(places(shuffled, 1), shuffled.index).sort_index().to_numpy() == first).all()
    assert len(set(first)) == len(ids)
    # Whoever comes first under one seed comes anywhere under another, and nowhere by the order.
    second = places(ids, 2)
    for other in (second, np.arange(len(ids))):
        assert abs(np.corrcoef(first.argsort().argsort(), other.argsort().argsort())[0, 1]) < 0.02


def test_so_many_are_drawn_once_and_the_same_share_of_the_others(shown):
    paper = opened()
    sample = paper.sample
    assert len(sample.frames["patients"]) == MOST and sample.of == len(paper.included) == 674
    assert paper.sample is sample
    ids = set(sample.frames["patients"]["patient_id"])
    for name in ("OS", "RFS"):
        assert set(sample.frames[name]["patient_id"]) <= ids
        pd.testing.assert_frame_equal(
            sample.frames[name], paper.frames[name].loc[sample.frames[name].index]
        )
    others = len(sample.table) - MOST
    assert others / (len(paper.table) - 674) == pytest.approx(MOST / 674, abs=0.05)
    assert set(sample.history["patient_id"]) <= set(sample.table["patient_id"])
    assert set(opened(seed=2).sample.frames["patients"]["patient_id"]) != ids


def test_the_order_of_a_table_draws_nobody(shown, tmp_path):
    table = own_table("mskcc_hai")
    drawn = []
    for seed in (1, 2):
        path = tmp_path / f"{seed}.csv"
        table.sample(frac=1, random_state=seed).to_csv(path, index=False)
        drawn.append(set(opened(path).sample.frames["patients"]["patient_id"]))
    assert drawn[0] == drawn[1]


def test_late_entry_goes_with_the_patients(shown, tmp_path):
    table = own_table("mskcc_hai")
    table["entry_months"] = np.where(np.arange(len(table)) % 3 == 0, 0.01, 0.0)
    path = tmp_path / "late.csv"
    table.to_csv(path, index=False)
    frame = opened(path).sample.frames["OS"]
    assert (frame["entry"] > 0).any() and (frame["entry"] == 0).any()


# ---- what is said, and what stays whole ---------------------------------------------------------


def test_each_entry_is_on_the_sample_and_says_so(shown):
    paper = opened()
    whole = dict(paper.frames)
    opening = [piece for piece in shown if "This chapter is on" in repr(piece)]
    assert len(opening) == 1
    assert "on a random 300 of the 674 patients, drawn once" in repr(opening[0])
    assert "about 1.5 times as wide" in repr(opening[0])
    for name, entry in entries(paper).items():
        rows = entry().rows
        assert len(rows), name
        # Of all eligible so many were tested: eligible are more than are analysed.
        assert rows.loc[rows["statistic"] != "percent_tested", "n"].max() <= MOST, name
    assert all(paper.frames[name] is frame for name, frame in whole.items())
    own = paper.results[paper.results["model"] == "multivariable"]
    assert own["n"].max() > MOST
    told = paper.results.query("model == 'specification curve'")["method"]
    assert told.str.contains("on a random 300 of the 674 patients", regex=False).any()
    del shown[:]
    paper.for_the_manuscript()
    assert "Further analyses, on a random 300 of the 674 patients, are described" in text(shown)
    assert "the analyses below are on a random 300 of the 674 patients: a simple" in text(shown)


def test_a_second_opinion_is_of_the_same_patients(shown):
    paper = opened()
    del shown[:]
    paper.second_opinion()
    assert "20 numbers of this report were computed again" in text(shown)
    assert "the largest relative difference is below 1e-9" in text(shown)
    assert "Both are of a random 300 of the 674 patients." in text(shown)


def test_an_entry_that_falls_leaves_all_patients_in_their_place(shown):
    paper = opened()
    with pytest.raises(ledger.ParameterError):
        paper.who_was_tested(["OS"], criterion="no_such_criterion")
    assert len(paper.included) == 674 and paper.at_work is None


def test_no_sample_without_more_patients_than_are_taken(shown):
    results = []
    for most in (0, 674, 20_000):
        del shown[:]
        paper = opened(most=most)
        assert paper.sample is None
        for name in ("weighted", "specifications", "stability"):
            entries(paper)[name]()
        paper.for_the_manuscript()
        assert "This chapter is on" not in text(shown) and "a random" not in text(shown)
        results.append(paper.results)
    pd.testing.assert_frame_equal(results[0], results[1])
    pd.testing.assert_frame_equal(results[0], results[2])


def test_what_varies_in_all_patients_and_in_no_drawn_one_is_left_out(shown, tmp_path):
    table = own_table("mskcc_hai")
    path = tmp_path / "rare.csv"
    table.to_csv(path, index=False)
    drawn = set(opened(path).sample.frames["patients"]["patient_id"])
    table["two_stage"] = "no"
    outside = ~table["patient_id"].isin(drawn)
    table.loc[table.index[outside][::3], "two_stage"] = "yes"
    table.to_csv(path, index=False)
    paper = opened(path)
    assert set(paper.sample.frames["patients"]["patient_id"]) == drawn
    assert paper.sample.frames["OS"]["two_stage"].nunique() == 1
    for entry in entries(paper).values():
        entry()
    paper.second_opinion()


# ---- where else it must be known ----------------------------------------------------------------


def test_a_safe_report_leaves_the_sampled_chapter_out(shown):
    paper = opened(safe=5)
    before = len(paper.results)
    del shown[:]
    for name, entry in entries(paper).items():
        assert not len(entry().rows), name
        assert f"Not shown: {name}. Counts of a sample" in text(shown), name
    assert len(paper.results) == before
    paper.release.close()


def test_what_is_lent_is_known_by_the_sample(shown, tmp_path, monkeypatch):
    for name, value in lent.told([str(tmp_path)], str(tmp_path)).items():
        monkeypatch.setenv(name, value)
    found = {}
    for rules in ({}, {"seed": 2}, {"most": 250}, {"most": 0}, {}):
        rows = opened(**rules)
        rows = rows.competing_risks("RFS", "hai").rows
        key = tuple(rules.items())
        if key in found:
            pd.testing.assert_frame_equal(rows, found[key])
        found[key] = rows
    estimates = {tuple(rows["estimate"].dropna().head(20)) for rows in found.values()}
    assert len(estimates) == 4
