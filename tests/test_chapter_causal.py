"""Entries of the chapter on causes: order, sentences, flags, and cohorts of every kind."""

import re

import numpy as np
import pandas as pd
import pytest

from crlm import causal, cohort, endpoints, ledger, missing
from crlm.causal import flags
from crlm.causal.balance import smd
from crlm.naming import method_words, statistic_words
from crlm.paper import Paper
from crlm.report import html
from tests import cells

KEYS = list(ledger.KEYS)
QUICK = {"samples": 4, "imputations": 2}
RESTRICTIONS = {
    "new users": "hai_timing=before_and_after",
    "modern systemic": "systemic_chemo=no",
}
#: Parts of the recurrence that the variants below would contradict.
APART = ("os_after_recurrence", "site_", "hepatic_rfs")


class Shown(list):
    """What the entries displayed."""

    @property
    def text(self):
        return "\n".join(getattr(piece, "alt", None) or repr(piece) for piece in self)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Where tests find what others made of the very same things, as the runs of a batch do."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture
def shown(shelf, monkeypatch):
    """What the calls display, in order."""
    cells.shelved(monkeypatch, shelf)
    found = Shown()
    monkeypatch.setattr(html, "show", lambda *p: found.extend(x for x in p if x is not None))
    return found


def made(study="mskcc_hai", path="", **rules):
    paper = Paper(study, str(path))
    paper.endpoints()
    paper.set_rules(**{**QUICK, **rules})
    return paper


def every_hai(paper):
    paper.who_was_tested(["RFS", "OS"], criterion="kras_known")
    paper.balance("hai", by="kras")
    for endpoint in ("OS", "RFS"):
        paper.weighted(endpoint, "hai")
    paper.start_of_treatment(["OS", "RFS"], "hai")
    paper.modification(["OS", "RFS"], "hai", "kras")
    paper.missing_values(["OS", "RFS"], "hai")
    paper.sensitivity(["OS", "RFS"], "hai", restrictions=RESTRICTIONS)
    return paper.results


def every_ras(paper):
    paper.who_was_tested(["RFS", "OS"], criterion="genetic_data")
    paper.balance("ras")
    paper.missing_values(["OS", "RFS"], "ras")
    paper.sensitivity(["OS", "SCP", "RFS"], "ras")
    return paper.results


# ---- other numbers of the same endpoint -----------------------------------------------------


def test_a_second_opinion_is_of_the_plain_curves_alone(shown):
    paper = made(samples=0, imputations=0)
    paper.curves("OS", by="hai", at=[36, 60])
    paper.weighted("OS", "hai")
    del shown[:]
    paper.second_opinion()
    rates = [line for line in shown.text.splitlines() if "rate at 36 months" in line]
    assert len(rates) == 2 and all("below 1e-9" in line for line in rates)


def test_flags_are_told_one_way_and_before_effects(shown):
    paper = made(samples=0, imputations=0)
    paper.balance("hai")
    texts = [repr(piece) for piece in shown]
    raised = [k for k, text in enumerate(texts) if text.startswith("Raised: indication (warning)")]
    picture = [k for k, piece in enumerate(shown) if getattr(piece, "alt", None)]
    assert raised and raised[0] < picture[0]
    assert "<0.001 (raised below" in texts[raised[0]] and not re.search(r"\de-", texts[raised[0]])


# ---- tables of many kinds -----------------------------------------------------------------


@pytest.fixture(scope="module")
def table():
    """The shipped patients with ready times, without sites, as a hospital would have them."""
    design = ledger.load_design("mskcc_hai")
    patients = cohort.load(design.folder / "cohort.csv", design)
    history = cohort.load_history(design.folder / "history.csv", design)
    known = endpoints.timed(patients, history, design)
    known = known[[name for name in design.columns if name in known]]
    known = known[[name for name in known if not name.startswith(APART)]]
    events = known.filter(regex="_event$")
    known = known.assign(**{name: events[name].astype("Int64") for name in events})
    return known[known["kras"].notna()].reset_index(drop=True)


def dated(table, seed=1):
    """With starts of HAI, years, gene tests and causes of death."""
    rng, n = np.random.default_rng(seed), len(table)
    treated, dead = table["hai"] == "yes", table["os_event"] == 1
    start = np.minimum(np.round(rng.uniform(0.8, 4, n), 2), np.round(table["os_months"] * 0.8, 2))
    test = np.where(rng.random(n) < 0.4, 0, rng.uniform(0, table["os_months"] * 0.8))
    cause = pd.Series(rng.choice(["cancer", "other"], n, p=[0.9, 0.1]), index=table.index)
    return table.assign(
        hai_start_months=start.where(treated & (rng.random(n) > 0.05)),
        surgery_year=rng.integers(1993, 2013, n),
        genetic_test_months=np.round(test, 2),
        cause_of_death=cause.where(dead),
    )


def untested(table):
    """With as many operations that nobody tested, who did better."""
    others = dated(table, 2).drop(columns=["kras"])
    others = others.assign(
        patient_id=[f"U{k}" for k in range(len(others))],
        os_months=others["os_months"] * 1.3,
        genetic_test_months=np.nan,
    )
    return pd.concat([dated(table), others], ignore_index=True)


def separated(table):
    many = table["n_tumours"] > 3
    start = np.minimum(0.5, table["os_months"] / 2).where(many)
    hai = np.where(many, "yes", "no")
    return table.assign(hai=hai, hai_start_months=start, hai_timing=None)


VARIANTS = {
    "dated": dated,
    "untested": untested,
    "separated": separated,
    "all treated": lambda t: dated(t).assign(hai="yes"),
    "nobody treated": lambda t: dated(t).assign(hai="no", hai_start_months=None, hai_timing=None),
    "no event": lambda t: t.assign(os_event=0, rfs_event=0),
    "twenty": lambda t: dated(t).sample(20, random_state=2),
    "eight": lambda t: dated(t).sample(8, random_state=2),
    "one KRAS level": lambda t: t.assign(kras="wild"),
    "exposures and times": lambda t: t[["patient_id", "hai", "kras", "os_months", "os_event"]],
    "without HAI": lambda t: t.drop(columns=["hai", "hai_timing"]),
    "without KRAS": lambda t: t.drop(columns=["kras"]),
    "year decides": lambda t: dated(t).assign(surgery_year=np.where(t["hai"] == "yes", 2010, 1995)),
    "late entry": lambda t: dated(t).assign(
        entry_months=np.round(np.minimum(t["rfs_months"], t["os_months"]) / 3, 3)
    ),
    "entry beyond the horizon": lambda t: dated(t)[t["rfs_months"] > 70].assign(entry_months=65.0),
    "one test date": lambda t: dated(t).assign(genetic_test_months=12.0),
    "everyone dies": lambda t: dated(t).assign(os_event=1, rfs_event=1, cause_of_death="cancer"),
    "ties everywhere": lambda t: t.assign(
        **{f"{n}_months": np.ceil(t[f"{n}_months"] / 12) * 12 for n in ("os", "rfs")}
    ),
    "a covariate foretells death": lambda t: dated(t).assign(
        margin=np.where(t["os_event"] == 1, "positive", "negative")
    ),
    "weights explode": lambda t: dated(t).assign(
        crs=None, cea=np.where((t["hai"] == "yes") ^ (t["age"] < 31), 1.0, 5000.0)
    ),
}
#: Digits of nothing, and what a program says instead of a sentence.
NONSENSE = re.compile(r"\d{7,}|\bnan\b|\binf\b|\d\.\d{6,}|\de[-+]\d\d")


@pytest.mark.parametrize("name", VARIANTS)
def test_a_line_or_a_flag_and_never_a_traceback(name, table, tmp_path, shown):
    path = tmp_path / "own.csv"
    VARIANTS[name](table).to_csv(path, index=False)
    rows = every_hai(made(path=path, era_from=2005))
    assert not rows.duplicated(KEYS).any()
    assert not NONSENSE.findall(shown.text)
    known = rows["estimate"].dropna()
    assert np.isfinite(known).all() and (known.abs() < 1e7).all()
    chapter = rows[rows["model"] != ""]
    lost = chapter[chapter["estimate"].isna()]
    assert lost["method"].str.len().gt(10).all()


def test_the_shipped_cohorts(shown):
    rows = every_hai(made())
    assert "Not asked here: this table has no start of HAI" in shown.text
    assert "how much of the effect goes with the years" in shown.text
    missing_rows = rows[(rows["statistic"] == "missing") & (rows["model"] == "diagnostic")]
    assert {"dates of start", "era", "negative control"} <= set(missing_rows["covariate"])
    shown.clear()
    rows = every_ras(made("ncch_scp"))
    assert "No intervention" in shown.text and not rows.duplicated(KEYS).any()
    # A marker is not weighted: nobody chose it.
    assert not (rows["model"] == "overlap weighted").any()


def test_diagnostics_stand_before_the_effect_and_the_caution_after(shown):
    paper = made()
    paper.weighted("OS", "hai")
    texts = [repr(piece) for piece in shown]
    flag = next(k for k, text in enumerate(texts) if "indication" in text and "aised" in text)
    effect = next(k for k, text in enumerate(texts) if "Among patients for whom both" in text)
    assert flag < effect and "must not be read" in texts[-1]
    text = next(text for text in texts if "Alive at month 60" in text)
    # Absolute before relative.
    assert text.index("Alive at month 60") < text.index("Mean months") < text.index("Hazard ratio")


def test_the_report_gives_what_the_library_gives(shown):
    paper = made(imputations=0, samples=5)
    rows = paper.weighted("OS", "hai").rows
    frame, terms = paper.frames["OS"], paper.terms("hai")
    model = causal.propensity(frame, "hai", terms)
    direct = causal.weighted_effects(frame, "hai", model, times=[36, 60], samples=5, seed=1)
    both = rows[KEYS + ["estimate", "conf_low"]].merge(direct, on=KEYS, suffixes=("", "_direct"))
    assert len(both) == len(direct)
    assert np.allclose(both["estimate"], both["estimate_direct"], equal_nan=True)
    assert np.allclose(both["conf_low"], both["conf_low_direct"], equal_nan=True)


def test_completed_tables_are_pooled_and_scores_made_after_their_parts(shown):
    paper = made(imputations=3)
    tables = paper.completed("hai")
    known = paper.included
    for one in tables:
        assert one[["extrahepatic", "crs", "crs_high"]].notna().all().all()
        same = known["crs"].notna()
        assert (one.loc[same, "crs"] == known.loc[same, "crs"]).all()
        made_of = (one["n_tumours"] > 1).astype(int) + (one["nodal_status"] == "positive")
        made_of += (one["size_cm"] > 5).astype(int) + (one["cea"] > 200) + (one["dfi_months"] < 12)
        assert (one.loc[~same, "crs"] == made_of[~same]).all()
    frames = paper.filled("RFS", "hai")
    fits = [
        causal.doubly_robust(
            f,
            "hai",
            paper.terms("hai"),
            causal.weights(causal.propensity(f, "hai", paper.terms("hai"))),
        )
        for f in frames
    ]
    direct = missing.pool(fits, len(frames[0]), 1 + len(paper.terms("hai")), model=None)
    rows = paper.weighted("RFS", "hai").rows
    here = rows[rows["model"] == "doubly robust"]
    assert here["estimate"].iloc[0] == pytest.approx(direct["estimate"].iloc[0])


def test_parameters_move_rows(table, tmp_path, shown):
    path = tmp_path / "own.csv"
    dated(table).to_csv(path, index=False)

    def ratio(**rules):
        rows = (
            made(path=path, imputations=0, samples=0, **rules)
            .start_of_treatment(["RFS"], "hai")
            .rows
        )
        return rows.set_index(KEYS[:7])["estimate"]

    one, two = ratio(), ratio(grace_weeks=8)
    assert set(one.index) != set(two.index)  # the landmark is another population
    clones = [s.xs("clone censor weight", level="model").dropna().iloc[0] for s in (one, two)]
    assert clones[0] != clones[1]


def test_thresholds_come_from_the_design(shown):
    paper = made(imputations=0)
    paper.balance("hai")
    strict = made(imputations=0)
    strict.design.chapter["flags"]["indication_smd"] = 5.0
    strict.balance("hai")
    raised = [
        p.results.query("statistic == 'flag' and covariate == 'indication'")["estimate"].iloc[0]
        for p in (paper, strict)
    ]
    assert raised == [1, 0]


def test_tests_after_the_fact_and_the_untested(table, tmp_path, shown):
    path = tmp_path / "own.csv"
    untested(table).to_csv(path, index=False)
    rows = made(path=path).who_was_tested(["OS"], criterion="kras_known").rows
    told = rows.set_index(["model", "statistic", "group", "time"])["estimate"].sort_index()
    tested, others = (
        told.loc["diagnostic", "survival_rate", f"tested={one}", 60.0].iloc[0]
        for one in ("yes", "no")
    )
    whole = told.loc["testing weighted", "survival_rate", "all", 60.0].iloc[0]
    assert tested < whole < others
    flags = rows[rows["statistic"] == "flag"].set_index("covariate")["estimate"]
    assert flags["late tests"] == 1
    assert "It does not repair testing" in shown.text and "as if all had been tested" in shown.text


def test_no_two_entries_share_a_name():
    """A private step of one entry must not stand in for that of another."""
    seen = {}
    for part in Paper.__mro__[1:-1]:
        for name in vars(part):
            own = name.startswith("_") and not name.startswith("__") and name != "_completed"
            if own and callable(vars(part)[name]):
                assert name not in seen, f"{name} is in {seen.get(name)} and {part.__name__}"
                seen[name] = part.__name__


# ---- print alone --------------------------------------------------------------------------


def test_what_print_alone_answers():
    from crlm import audit

    told = {}
    for study in ("mskcc_hai", "ncch_scp"):
        asked = audit.audit(ledger.load_design(study), ledger.load_claims(study)).asked
        told[study] = asked.set_index(["quantity", "endpoint"])[["low", "high"]]

    def holds(study, quantity, endpoint, value, group=0):
        found = told[study].loc[[(quantity, endpoint)]].iloc[group]
        return found["low"] <= value <= found["high"]

    assert holds("mskcc_hai", "E-value", "OS", 2.472580104503)
    assert holds("mskcc_hai", "E-value of the limit nearer 1", "OS", 1.68611002013)
    assert holds("mskcc_hai", "E-value", "RFS", 1.937856576568)
    assert holds("mskcc_hai", "E-value of the limit nearer 1", "RFS", 1.386087537827)
    assert holds("ncch_scp", "E-value", "SCP", 2.833981762813)
    assert holds("ncch_scp", "E-value", "OS", 4.00673891037)
    assert holds("ncch_scp", "testing that would explain it", "OS", 3.37)
    # 6.6 years (6.0 to 8.3) against 67 months: z 2.02.
    assert holds("mskcc_hai", "standard errors from the parent cohort", "OS", 2.02)


# ---- what real tables showed ----------------------------------------------------------------


def test_a_covariate_that_parts_the_sides_has_no_standardised_difference():
    x = np.log(np.repeat([1.0, 5000.0], 30))
    treated = np.repeat([False, True], 30)
    assert smd(x, treated, np.ones(60)) == np.inf
    assert np.isnan(smd(np.full(60, 0.1), treated, np.ones(60)))
    text = flags.indication(1e-9, np.inf, "cea", flags.THRESHOLDS)
    assert text["estimate"] == 1 and "beyond all numbers, of cea" in text["method"]


def test_a_p_of_three_digits_of_noughts_is_small_like_others():
    say = method_words(ledger.load_design("mskcc_hai"))
    assert say("p 9.9e-163 (raised below 0.005)") == "p <0.001 (raised below 0.005)"
    assert say("complete cases; left out, not in this table: cea, timing").endswith(
        "CEA, time to liver metastases"
    )


def test_an_excess_that_is_known_to_no_digit_has_no_limits():
    rng = np.random.default_rng(3)
    n = 100
    frame = pd.DataFrame({"time": rng.exponential(10, n), "event": rng.random(n) < 0.3})
    frame["a"] = pd.Categorical(np.where(rng.random(n) < 0.5, "yes", "no"), ["no", "yes"])
    frame["b"] = pd.Categorical(np.where(np.arange(n) < 6, "yes", "no"), ["no", "yes"])
    frame.loc[:3, "event"], frame.loc[:5, "a"] = True, list("yes no yes no yes no".split())
    frame.loc[:3, "time"] = [0.01, 0.02, 0.03, 0.04]
    row = causal.reri(frame, "a", "b", samples=50).iloc[0]
    assert np.isfinite(row["estimate"]) and np.isnan(row["conf_low"])
    assert row["method"].startswith("no limits: a cell has 2 events")


def test_an_unanswered_question_says_why(shown, tmp_path, table):
    """A table that holds the columns is not told that it lacks them."""
    path = tmp_path / "own.csv"
    short = dated(table)
    for name in ("os", "rfs"):
        event = short[f"{name}_event"].where(short[f"{name}_months"] <= 20, 0)
        short[f"{name}_event"] = event
        short[f"{name}_months"] = np.minimum(short[f"{name}_months"], 20)
    short = short.drop(columns=["site_liver", "genetic_test_months"], errors="ignore")
    full = [name for name in short if short[name].notna().all()]
    wanted = {*full, "hai_start_months", "hai_timing"} & {*short} - {"cause_of_death"}
    short = short[[name for name in short if name in wanted]]
    short.to_csv(path, index=False)
    paper = made(path=path)
    paper.who_was_tested(["OS"], criterion="kras_known")
    paper.weighted("OS", "hai")
    paper.missing_values(["OS"], "hai")
    paper.competing_risks("RFS", "hai")
    told = {
        question["entry"]: paper._why_no_answer(question)
        for question in paper.design.chapter["asked"]
        if not paper._answer_to(question)[0]
    }
    assert "0 and 0, fewer than 10 on a side" in told["weighted effects"]
    assert told["missing values"] == "no value of these covariates is missing"
    assert told["competing risks"].startswith("this table has no liver among")
    assert "holds the 674 tested patients alone" in told["who was tested"]


def test_a_table_without_the_gene_is_not_called_tested(shown, tmp_path, table):
    path = tmp_path / "own.csv"
    table.drop(columns=["kras"]).to_csv(path, index=False)
    paper = made(path=path)
    rows = paper.who_was_tested(["OS"], criterion="kras_known").rows
    assert "does not say who was tested" in shown.text
    assert not (rows["statistic"] == "percent_tested").any()


def test_survival_that_differs_is_not_called_risk():
    """Its sign is that of the living; a risk difference of failure has the other."""
    at = {"model": "", "statistic": "risk_difference"}
    assert statistic_words({**at, "endpoint": "OS"}) == "Difference in survival"
    assert statistic_words({**at, "endpoint": "short_SCP"}) == "Risk difference"


def test_groups_that_weights_leave_unlike_are_named_before_the_effect(shown, tmp_path, table):
    rng = np.random.default_rng(2)
    mutant = table["kras"] == "mutant"
    lobes = np.where(mutant & (table["hai"] == "yes"), rng.random(len(table)) < 0.9, False)
    path = tmp_path / "own.csv"
    table.assign(bilobar=np.where(lobes, "yes", "no")).to_csv(path, index=False)
    made(path=path, samples=0, imputations=0).modification(["OS"], "hai", "kras")
    texts = shown.text
    told = "Within KRAS mutant the weights leave the sides unlike"
    assert told in texts and texts.index(told) < texts.index("Points alive at month")
