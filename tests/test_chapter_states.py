"""The chapter's entries on causes, states, visits and small samples: shipped, and degenerate."""

from __future__ import annotations

import re

import IPython.display
import numpy as np
import pandas as pd
import pytest

from crlm import ledger, multistate
from crlm.paper import Paper
from tests import cells
from tests.test_whole_reports import UNREADABLE, own_table

#: The calls of the two notebooks, with few resamples.
CALLS = {
    "ncch_scp": {
        "states": lambda p: p.controllable_process("ras"),
        "causes": lambda p: p.competing_risks("SCP", "ras", at=[12, 24, 36]),
        "short": lambda p: p.landmark_risk("ras", month=12, samples=20),
        "bounds": lambda p: p.failure_bounds("ras"),
        "visits": lambda p: p.visit_grid(["RFS"], "ras"),
        "strain": lambda p: p.model_strain(["OS", "SCP", "RFS"], samples=4),
        "hazards": lambda p: p.changing_hazards(["OS", "SCP", "RFS"], of="ras"),
        "codons": lambda p: p.pooled_codons(["OS", "SCP", "RFS"], "kras_codon"),
    },
    "mskcc_hai": {
        "causes": lambda p: p.competing_risks("RFS", "hai", at=[36, 60]),
        "visits": lambda p: p.visit_grid(["RFS"], "hai"),
        "strain": lambda p: p.model_strain(["OS", "RFS"], samples=4),
        "hazards": lambda p: p.changing_hazards(["OS", "RFS"], of="hai"),
    },
}
STATES = ["controllable", "controllable recurrence", "failure", "death"]
EXPOSURE = {"ncch_scp": "ras", "mskcc_hai": "hai"}
RULES = {
    "ncch_scp": {"selection": "enter", "entry_p": 0.1, "univariable_p": "logrank"},
    "mskcc_hai": {"selection": "backward", "entry_p": 0.05, "univariable_p": "wald"},
}
#: Digits that no data have: more than six behind a point.
TOO_FINE = re.compile(r"\d\.\d{7,}")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Where tests find what others made of the very same things, as the runs of a batch do."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture
def shown(shelf, monkeypatch):
    """What the calls display, in order."""
    cells.shelved(monkeypatch, shelf)
    pieces = []

    class Handle:
        def update(self, piece):
            pieces.append(piece)

    def display(*arguments, **_):
        pieces.extend(arguments)
        return Handle()

    monkeypatch.setattr(IPython.display, "display", display)
    return pieces


def words(piece):
    return getattr(piece, "text", None) or getattr(piece, "alt", "") or ""


def paper_on(study, path="", *, late="refuse", **rules):
    paper = Paper(study, str(path), ties="breslow" if study == "ncch_scp" else "efron")
    paper.endpoints(entered_late=late)
    visits = 4.0 if study == "ncch_scp" else 0.0
    paper.set_rules(**{"samples": 20, "seed": 1, "visit_months": visits, **rules})
    for endpoint in ("OS", "SCP", "RFS"):
        if endpoint in paper.design.models and endpoint in paper.frames:
            paper.regression(endpoint, table="T", **RULES[study])
    return paper


def entries(study, paper, shown):
    """Each entry's section and the texts that it showed."""
    found = {}
    for name, call in CALLS[study].items():
        shown.clear()
        section = call(paper)
        found[name] = (section, [words(piece) for piece in shown])
    return found


# ---- the shipped cohorts ----------------------------------------------------


@pytest.mark.parametrize("study", CALLS)
def test_every_entry_diagnoses_then_tells_then_warns(study, shown):
    paper = paper_on(study)
    for name, (section, texts) in entries(study, paper, shown).items():
        if name == "visits" and study == "mskcc_hai":
            assert len(section.rows) == 0 and "Not asked here" in texts[0]
            continue
        assert len(section.rows) > 5, name
        assert not UNREADABLE.search("\n".join(texts)), name
        assert not TOO_FINE.search("\n".join(texts)), name
        told = [i for i, text in enumerate(texts) if text.startswith(("Raised", "Not "))]
        tables = [i for i, text in enumerate(texts) if " | " in text]
        # Flags stand before the effect that they judge; a later one judges the weighted effect.
        after = [min(t for t in tables if t > i) for i in told if i > tables[0]]
        assert all("comparable patients" in texts[t] for t in after), name
        assert told[:1] <= tables[:1], name
        assert told or name in ("codons", "short"), name
        # The last line says what must not be concluded.
        assert re.search(r"\b(?:not|nobody|[Nn]one|Neither|[Ww]ithout)\b", texts[-1]), name
        assert (section.rows["model"] != "").all(), name
    # One row for each set of keys, or the results could not be collected.
    assert not paper.results.duplicated(list(ledger.KEYS)).any()


def test_numbers_of_the_synthetic_cohort(shown):
    """Found once before the building; they show what can be computed, and stay."""
    found = entries("ncch_scp", paper_on("ncch_scp"), shown)
    rows = found["states"][0].rows
    steps = rows[(rows["statistic"] == "transition_hazard_ratio") & (rows["model"] == "multistate")]
    steps = steps.drop_duplicates("population").set_index("population")["estimate"]
    assert steps["controllable>controllable recurrence"] == pytest.approx(0.826668, rel=1e-5)
    assert steps["controllable>failure"] == pytest.approx(1.762417, rel=1e-5)
    assert steps["controllable recurrence>failure"] == pytest.approx(4.449611, rel=1e-5)
    months = rows[rows["statistic"] == "months_in_state"]
    at = months[(months["time"] == 60) & (months["group"] == "ras=wild")]
    assert at["estimate"].sum() == pytest.approx(60)
    # Nine mutant patients are left at month 24, eight alive at month 60: no picture goes there.
    ends = re.findall(r"RAS mutant: \d+ % by month ([\d.]+)", "\n".join(found["causes"][1]))
    assert len(ends) == 2 and all(12 < float(end) < 24 for end in ends)
    (end,) = re.findall(r"RAS mutant at month ([\d.]+):", "\n".join(found["states"][1]))
    assert 48 < float(end) < 60
    mutant = months[(months["time"] == 60) & (months["group"] == "ras=mutant")]
    assert mutant["estimate"].isna().all() and mutant["method"].str.contains("fewer than 10").all()


def test_the_answers_that_the_opening_table_asks_for_exist(shown):
    from crlm.paper.chapter.opening import answer_row

    mine = ("states", "short_SCP", "SCP", "RFS")
    paper = paper_on("ncch_scp")
    entries("ncch_scp", paper, shown)
    for question in paper.design.chapter["asked"]:
        keys = question["answers"][0]
        wanted = keys.get("endpoint") in mine or "partial pooling" in keys.values()
        if wanted or keys["statistic"] == "expected_shrinkage":
            assert answer_row(paper.results, keys) is not None, question["question"]
    hai = paper_on("mskcc_hai")
    entries("mskcc_hai", hai, shown)
    keys = next(
        q["answers"][0] for q in hai.design.chapter["asked"] if "protect the liver" in q["question"]
    )
    assert answer_row(hai.results, keys)["estimate"] < 0


def test_parameters_reach_the_rows(shown):
    def rows(call, **rules):
        return call(paper_on("ncch_scp", **rules)).rows

    states = CALLS["ncch_scp"]["states"]
    assert not rows(states).equals(rows(states, min_at_risk=30))
    assert not rows(states).equals(rows(states, seed=2))
    assert not rows(states).equals(rows(states, horizon=48.0))
    visits = CALLS["ncch_scp"]["visits"]
    assert not rows(visits).equals(rows(visits, visit_months=2.0))


def test_control_without_resection_is_a_choice(shown):
    """No shipped patient is controlled and yet unresectable; here all with p-NAC are."""

    def rows(rule):
        paper = Paper("ncch_scp", ties="breslow")
        seen = paper.history["event"] == "assessment"
        details = paper.history["details"].mask(seen, "response=control; resectable=no")
        paper.history = paper.history.assign(details=details)
        paper.endpoints()
        paper.set_rules(samples=0, seed=1, controlled_unresectable=rule)
        bounds = paper.failure_bounds("ras").rows
        strict = bounds[bounds["population"] == "controlled_unresectable=failure"]
        return paper.controllable_process("ras").rows, strict["estimate"].tolist()

    lasting, also = rows("continue")
    failing, none = rows("failure")
    assert not lasting.equals(failing)
    assert len(also) == 2 and none == []


def test_a_threshold_of_the_design_moves_its_flag(shown):
    paper = paper_on("ncch_scp")
    raised = paper.controllable_process("ras").rows
    assert raised.loc[raised["covariate"] == "markov", "estimate"].iloc[0] == 1
    strict = paper_on("ncch_scp")
    strict.design.chapter["flags"]["markov_p"] = 1e-9
    calm = strict.controllable_process("ras").rows
    assert calm.loc[calm["covariate"] == "markov", "estimate"].iloc[0] == 0


def test_the_chapter_can_be_switched_off(shown):
    paper = paper_on("ncch_scp", on=False)
    for name, (section, texts) in entries("ncch_scp", paper, shown).items():
        assert len(section.rows) == 0 and "reviewer_chapter is off" in texts[0], name


# ---- other cohorts ----------------------------------------------------------


def fewer(table, study):
    known = table[table[EXPOSURE[study]].notna()]
    return known.head(20)


def one_group(table, study):
    name = EXPOSURE[study]
    return table[table[name] == table[name].dropna().iloc[0]]


def nobody_died(table, study):
    """Nothing happened to anybody: every time is that of the last contact."""
    gone = ("site_", "os_after", "hepatic")
    kept = table[[name for name in table if not name.startswith(gone)]]
    known = kept["os_months"].notna()
    events = {name: known.map({True: 0, False: None}) for name in kept if name.endswith("_event")}
    times = {name: kept["os_months"] for name in ("rfs_months", "scp_months") if name in kept}
    return kept.assign(**events, **times)


def no_sites(table, study):
    return table.drop(columns=[name for name in table if name.startswith("site_")])


def some_unknown(table, study):
    gone = np.random.default_rng(1).random(len(table)) < 0.3
    name = EXPOSURE[study]
    return table.assign(**{name: table[name].astype(object).mask(gone)})


def late(table, study):
    entry = np.where(np.arange(len(table)) % 3 == 0, 2.0, 0.0)
    return table.assign(entry_months=np.where(entry < table["os_months"], entry, 0.0))


def overall_alone(table, study):
    names = ["patient_id", EXPOSURE[study], "os_months", "os_event"]
    needed = [c["column"] for c in ledger.load_design(study).eligibility]
    return table[[name for name in dict.fromkeys([*names, *needed]) if name in table]]


DAMAGE = [fewer, one_group, nobody_died, no_sites, some_unknown, late, overall_alone]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda one: one.__name__)
@pytest.mark.parametrize("study", CALLS)
def test_a_degenerate_cohort_gets_a_line_not_a_traceback(study, damage, tmp_path, shown):
    table = damage(own_table(study), study)
    path = tmp_path / "own.csv"
    table.to_csv(path, index=False)
    paper = paper_on(study, path, late="drop")
    for name, (section, texts) in entries(study, paper, shown).items():
        text = "\n".join(texts)
        assert text, name
        assert not UNREADABLE.search(text), (name, UNREADABLE.search(text))
        assert not TOO_FINE.search(text), name
        assert len(section.rows) or "Not asked here" in text, name
    results = paper.results
    assert not results.duplicated(list(ledger.KEYS)).any()
    ids = set(own_table(study)["patient_id"].astype(str))
    assert not ids & set(re.findall(r"\w+", results["method"].str.cat(sep=" ")))


def test_late_entry_moves_the_numbers(tmp_path, shown):
    """At risk are those with entry < t <= time, here as everywhere."""
    path = tmp_path / "own.csv"
    table = own_table("mskcc_hai")
    table.to_csv(path, index=False)
    plain = paper_on("mskcc_hai", path).competing_risks("RFS", "hai").rows
    entered = table.assign(entry_months=np.where(table["os_months"] > 30, 5.0, 0.0))
    entered.to_csv(path, index=False)
    shifted = paper_on("mskcc_hai", path, late="drop").competing_risks("RFS", "hai").rows
    keys = (plain["statistic"] == "cumulative_incidence") & (plain["model"] == "aalen-johansen")
    assert not np.allclose(plain[keys]["estimate"], shifted[keys.to_numpy()]["estimate"])
    assert shifted["method"].str.contains("late entry").any()


def test_no_entry_without_its_section_of_the_design(shown, monkeypatch):
    paper = paper_on("mskcc_hai")
    monkeypatch.setattr(type(paper.design), "chapter", {}, raising=False)
    object.__setattr__(paper.design, "chapter", {})
    with pytest.raises(ledger.ParameterError, match=r"no \[chapter\]"):
        paper.competing_risks("RFS", "hai")


def test_states_from_ready_columns_are_those_of_the_history(tmp_path, shown):
    """Three endpoints' times tell the path as well as the events do."""
    own = own_table("ncch_scp")
    path = tmp_path / "own.csv"
    own.to_csv(path, index=False)
    ready = paper_on("ncch_scp", path).controllable_process("ras").rows
    told = paper_on("ncch_scp").controllable_process("ras").rows
    for name in ("months_in_state", "state_probability"):
        one, other = (rows[rows["statistic"] == name] for rows in (ready, told))
        keys = ["population", "group", "level", "time"]
        both = pd.merge(one, other, on=keys)
        assert len(both) > 8
        np.testing.assert_allclose(both["estimate_x"], both["estimate_y"], atol=0.6, equal_nan=True)


def test_curves_of_causes_end_where_few_are_left():
    time = np.arange(1.0, 31)
    frame = pd.DataFrame({"time": time, "event": time % 2 == 0})
    frame["cause"] = pd.Categorical(np.where(frame["event"], "liver", None), ["liver", "death"])
    whole, cut = (multistate.incidence_curve(frame, min_at_risk=k) for k in (0, 10))
    assert whole["time"].max() == 30 and cut["time"].max() == 20
    kept = whole[whole["time"] <= 20].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, cut)


def test_a_state_that_nobody_was_in_has_no_difference():
    """Without a history that tells recurrences apart, nobody is ever in that state."""
    n = 40
    half = np.arange(n) % 2 == 0
    stays = pd.DataFrame({"patient_id": range(n), "t0": 0.0, "t1": np.arange(20.0, 20 + n)})
    stays["since"] = 0.0
    stays["from"] = pd.Categorical(["controllable"] * n, STATES)
    stays["to"] = pd.Categorical(np.where(half, "failure", "death"), STATES)
    stays["ras"] = pd.Categorical(np.where(np.arange(n) % 3 == 0, "mutant", "wild"))
    rows = multistate.states(stays, "ras", [24], 0.0, samples=0, min_at_risk=5)
    gaps = rows[rows["statistic"] == "months_in_state_difference"].set_index("level")
    gaps = gaps[gaps["time"] == 24]
    assert np.isnan(gaps.loc["controllable recurrence", "estimate"])
    assert "nobody was in this state" in gaps.loc["controllable recurrence", "method"]
    assert np.isfinite(gaps.loc["failure", "estimate"])


@pytest.mark.parametrize(("entry_p", "entered"), [(0.0, 0), (0.1, 4), (None, 4), (1.0, 15)])
def test_an_entry_p_of_nought_lets_nobody_in(shown, entry_p, entered):
    """It once stood for the design's own, while the report told of nought."""
    paper = paper_on("ncch_scp")
    rule = {"selection": "enter", "entry_p": entry_p, "univariable_p": "logrank"}
    rows = paper.regression("OS", table="Table 2", **rule).rows
    ratios = rows[(rows["model"] == "multivariable") & (rows["statistic"] == "hazard_ratio")]
    assert ratios["covariate"].nunique() == entered
