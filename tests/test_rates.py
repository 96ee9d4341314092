"""Incidence rates and their comparison: from the ledger to the report, against R."""

import contextlib
import csv
import io
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from survival import datasets

from crlm import agreement, comparison, ledger, naming, survival
from crlm.ledger.claim_rates import OF_RATES
from crlm.paper import Paper
from crlm.paper.followed import Followed
from crlm.poisson import rate_limits, ratio_test
from crlm.reconstruction.quantities import Beyond, quantity_of
from crlm.report.manuscript.done import Done
from crlm.report.manuscript.methods import methods
from crlm.report.rates import rates_table
from crlm.starting import new_study
from crlm.transcription import claims_of
from tests.hand_written import ROOT

REFERENCE = Path(__file__).parent / "reference" / "rates.csv"
Z = 1.959963984540054

# ---- against R ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told():
    found = pd.read_csv(REFERENCE).set_index(["group", "quantity"])["value"].sort_index()
    return lambda group, quantity: found[group, quantity]


def near(value, theirs):
    # R's glm takes the error from the step before its last.
    return value == pytest.approx(theirs, rel=2e-7, abs=1e-12)


@pytest.mark.parametrize(
    ("by", "levels"), [("hormon", ["0", "1"]), ("size", ["<=20", "20-50", ">50"])]
)
def test_rates_and_ratios_equal_rs(told, by, levels):
    found = pd.DataFrame(datasets.load_rotterdam())
    recurred, end = found["recur"] == 1, found["dtime"].astype(float)
    first = np.where(recurred, np.minimum(found["rtime"], end), end) / 30.4375
    frame = pd.DataFrame({"time": first, "event": recurred | (found["death"] == 1)})
    frame[by] = pd.Categorical(found[by].astype(str), levels)
    for limits, test in [("exact", "exact"), ("byar", "mid-p"), ("log", "wald")]:
        rows = survival.rates(frame, by, limits=limits, test=test).to_dict("records")
        for row in rows:
            group, statistic = row["group"], row["statistic"]
            pair, ends = f"{by}:{row['level']}", (row["conf_low"], row["conf_high"])
            if statistic in ("events", "patient_years"):
                assert near(row["estimate"], told(group, statistic.removeprefix("patient_")))
            elif statistic == "incidence_rate":
                assert near(row["estimate"], told(group, "rate"))
                assert near(ends, (told(group, f"{limits} low"), told(group, f"{limits} high")))
            elif statistic == "rate_ratio":
                assert near(row["estimate"], told(pair, "ratio"))
                assert near(ends, (told(pair, f"{test} low"), told(pair, f"{test} high")))
            elif statistic == "rate_difference":
                theirs = [told(pair, name) for name in ("gap", "gap low", "gap high")]
                assert near([row["estimate"], *ends], theirs)
            elif statistic == "p":
                assert row["model"] == "poisson" and near(row["estimate"], told(pair, f"{test} p"))


PAIRS = ["0 40 7 55.5", "3 21.5 0 30", "1 12.25 4 90", "12 80 12 80", "31 402.7 58 390.1"]


@pytest.mark.parametrize("pair", PAIRS)
def test_few_events_and_none(told, pair):
    x, t, y, u = map(float, pair.split())
    own, kinds = " ".join(pair.split()[:2]), ["exact", "byar", "byar-epitools", "log", "plain"]
    for limits in kinds[: None if x else 2]:
        theirs = [told(own, f"{limits} low"), told(own, f"{limits} high")]
        ends = [100 * end / t for end in rate_limits(int(x), limits, Z)]
        # Where a plain limit would be below 0, it is 0.
        assert near(ends, np.maximum(theirs, 0))
    for test in ("exact", "mid-p", *(["wald"] if x and y else [])):
        theirs = [told(pair, f"{test} {name}") for name in ("low", "high", "p")]
        assert ratio_test((int(x), int(y)), (t, u), test, Z) == pytest.approx(theirs, rel=1e-6)
    if not (x and y):
        assert np.isnan(ratio_test((int(x), int(y)), (t, u), "wald", Z)).all()


def test_late_entry_begins_patient_years():
    frame = pd.DataFrame({"time": [12.0, 24], "event": [True, False], "entry": [6.0, 0]})
    rows = survival.rates(frame).set_index("statistic")["estimate"]
    assert rows["patient_years"] == 2.5 and rows["incidence_rate"] == 40


# ---- a study --------------------------------------------------------------------------------

STUDY, PER = "rated", "per 100 patient-years"
KEYS = {"place": "table3", "locator": "Table 3", "kind": "number", "operator": "=", "decimals": 1}
KEYS |= {"field": "estimate", "endpoint": "OS", "population": "all", "group": "all"}


def claim(name, printed, statistic, **keys):
    told = {**dict.fromkeys(ledger.CLAIM_COLUMNS, ""), **KEYS, "id": name, "printed": printed}
    told |= {"name": name, "value": printed.strip("<"), "statistic": statistic, **keys}
    return told | {"decimals": len(printed.partition(".")[2])}


def rated(arm, rate, low, high, events, years):
    group = {"group": f"treated={arm}"}
    return [
        claim(f"{arm}-events", events, "events", unit="events", **group),
        claim(f"{arm}-years", years, "patient_years", unit="patient-years", **group),
        claim(f"{arm}-rate", rate, "incidence_rate", unit=PER, **group),
        claim(f"{arm}-low", low, "incidence_rate", unit=PER, field="conf_low", **group),
        claim(f"{arm}-high", high, "incidence_rate", unit=PER, field="conf_high", **group),
    ]


VERSUS = {"covariate": "treated", "level": "yes", "model": "poisson"}
CLAIMS = [
    *rated("no", "27.0", "20.0", "35.6", "50", "185.2"),
    *rated("yes", "16.0", "11.2", "22.2", "36", "225.0"),
    claim("ratio", "0.59", "rate_ratio", **VERSUS),
    claim("ratio-low", "0.39", "rate_ratio", field="conf_low", **VERSUS),
    claim("gap", "-11.0", "rate_difference", unit=PER, **VERSUS),
    claim("p", "0.017", "p", **VERSUS),
    claim("rfs", "300", "incidence_rate", unit="per 1000 patient-years", endpoint="RFS"),
    claim("of-all", "30.0", "median_follow_up", endpoint="", unit="months"),
    claim("of-rfs", "44.0", "median_follow_up", endpoint="RFS", unit="months"),
    claim("of-rfs-q1", "30.0", "q1_follow_up", endpoint="RFS", unit="months"),
    claim("of-arm", "31", "median_follow_up", group="treated=yes", unit="months"),
]


def write(path, claims):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ledger.CLAIM_COLUMNS)
        writer.writeheader()
        writer.writerows(claims)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The new study with rates, and follow-up by endpoint; its design and its table."""
    place = tmp_path_factory.mktemp("rated")
    (place / "notebooks").mkdir()
    (place / "data").mkdir()
    shutil.copy(ROOT / "data" / "columns.toml", place / "data" / "columns.toml")
    rng, n = np.random.default_rng(4), 200
    arm = np.repeat(["no", "yes"], n // 2)
    last, death = rng.uniform(12, 72, n), rng.exponential(np.where(arm == "yes", 70, 45))
    first = np.minimum(death, rng.exponential(60, n))
    os, rfs = np.minimum(death, last), np.minimum(first, last)
    table = pd.DataFrame({"patient_id": [f"P{i}" for i in range(n)], "treated": arm})
    table = table.assign(age=60.0, sex="male", size_cm=4.0).assign(
        os_months=os, os_event=(death <= last).astype(int), rfs_months=rfs
    )
    table = table.assign(rfs_event=(first <= last).astype(int))
    table.to_csv(place / "table.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRLM_DATA", str(place / "data"))
        new_study(STUDY, place / "data", place / "notebooks")
        path = place / "data" / STUDY / "design.toml"
        text = path.read_text(encoding="utf-8").replace('"reverse"\n', '"observed"\n', 1)
        head = "[endpoints.RFS]\n"
        path.write_text(text.replace(head, f'{head}follow_up = "reverse"\n', 1), encoding="utf-8")
        write(path.with_name("published.csv"), CLAIMS)
        yield path.parent, place / "table.csv", table


def paper_of(table, **chosen):
    paper = Paper(STUDY, table, **chosen)
    paper.endpoints()
    return paper


@pytest.fixture(scope="module")
def report(study):
    """The sections of rates and of the follow-up, as text, and their paper."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        paper = paper_of(study[1])
        assert set(paper.rates().rows["endpoint"]) == {"OS", "RFS"}
        paper.follow_up(method="observed", beside="reverse")
    return paper, shown.getvalue()


def test_a_section_has_the_unit_and_the_table_of_print(report, study):
    paper, shown = report
    assert "Table 3: Incidence rate: overall survival by treatment" in shown
    assert "Rate per 100 patient-years" in shown and "Rate per 1,000 patient-years" in shown
    assert "Rate ratio (95 % CI)" in shown and "Difference (95 % CI)" in shown
    assert "Events of OS per 100 patient-years: untreated: " in shown
    rows, table = paper.results, study[2]
    own = rows[(rows["endpoint"] == "OS") & (rows["group"] == "treated=yes")]
    own = own.set_index("statistic")["estimate"]
    part = table[table["treated"] == "yes"]
    assert own["events"] == part["os_event"].sum()
    assert own["patient_years"] == pytest.approx(part["os_months"].sum() / 12)
    assert own["incidence_rate"] == pytest.approx(100 * own["events"] / own["patient_years"])


def test_follow_up_stands_by_the_groups_of_which_print_has_it(report, study):
    """Claims on it had no section: "add paper.follow_up(by=...)"."""
    paper, table = report[0], study[2]
    own = paper.claims["statistic"].eq("median_follow_up") & paper.claims["endpoint"].eq("")
    told = paper.claims[own].iloc[[0]].assign(group="treated=yes", population="all")
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.setattr(paper, "claims", pd.concat([paper.claims, told], ignore_index=True))
        rows = paper.follow_up(method="observed").rows
    found = rows[(rows["endpoint"] == "") & (rows["statistic"] == "median_follow_up")]
    assert found["group"].tolist() == ["all", "treated=no", "treated=yes"]
    median = table.loc[table["treated"] == "yes", "os_months"].median()
    assert found["estimate"].tolist()[2] == pytest.approx(median)


def test_follow_up_stands_by_endpoint_where_print_has_it(report, study):
    paper, shown = report
    rows, table = paper.results, study[2]
    told = rows[rows["statistic"].str.endswith("follow_up")]
    found = told.set_index(["endpoint", "group", "statistic"])["estimate"]
    assert found["", "all", "median_follow_up"] == pytest.approx(table["os_months"].median())
    assert found["OS", "treated=yes", "median_follow_up"] == pytest.approx(
        table.loc[table["treated"] == "yes", "os_months"].median()
    )
    # Quartiles only where print has them; RFS by its own rule.
    assert set(told.loc[told["statistic"] == "q1_follow_up", "endpoint"]) == {"RFS"}
    rule = told[(told["endpoint"] == "RFS") & (told["statistic"] == "median_follow_up")]
    assert rule["method"].str.startswith("reverse Kaplan-Meier").all()
    assert "RFS, all patients" in shown and "Quartiles, months" in shown
    assert re.search(r"of the patients [\d.]+ months \(paper 30.0\); RFS [\d.]+ months", shown)


def test_quartiles_and_survivors_of_a_follow_up():
    frame = pd.DataFrame({"time": [2.0, 4, 6, 8, 10], "event": [True, False, True, False, False]})
    told = {
        method: survival.follow_up(frame, method=method, quartiles="linear").set_index("statistic")
        for method in ("observed", "survivors", "reverse")
    }
    names = ["min", "q1", "median", "q3", "max"]
    found = {m: [rows.loc[f"{n}_follow_up", "estimate"] for n in names] for m, rows in told.items()}
    assert found["observed"] == [2, 4, 6, 8, 10]
    assert found["survivors"] == [4, 6, 8, 9, 10]
    # R: quantile(survfit(Surv(t, e == 0) ~ 1), c(0.25, 0.5, 0.75)) gives 4, 8, 10.
    assert found["reverse"] == [2, 4, 8, 10, 10]
    nobody = survival.follow_up(frame.assign(event=True), method="survivors")
    assert nobody["estimate"].isna().all() and (nobody["n"] == 0).all()


def test_every_claim_joins_and_what_no_section_computes_says_its_call(report, study):
    verdicts = comparison.compare(report[0].results, report[0].claims).set_index("id")
    assert "no result" not in set(verdicts["verdict"])
    # Printed per 1,000, computed per 100: one number in two units.
    rows = survival.rates(report[0].frames["RFS"])
    joined = comparison.compare(rows, report[0].claims).set_index("id").loc["rfs", "computed"]
    assert joined == pytest.approx(verdicts.loc["rfs", "computed"])
    with contextlib.redirect_stdout(io.StringIO()):
        bare = paper_of(study[1])
        bare.published()
    told = bare.verdicts.set_index("id")["reason"]
    assert told["yes-rate"].endswith('add paper.rates("OS", by="treated")')
    assert told["ratio"].endswith('add paper.rates("OS", by="treated")')
    assert told["rfs"].endswith('add paper.rates("RFS")')
    assert told["of-rfs"].endswith('add paper.follow_up(method="reverse", endpoint="RFS")')


def test_names_and_methods_say_what_they_are_of(report):
    paper, _ = report
    names = {
        row["id"]: naming.name_of(row, paper.design) for row in ledger.as_records(paper.claims)
    }
    assert names["yes-rate"] == "Incidence rate of OS, treated"
    assert names["yes-years"] == "Patient-years for OS, treated"
    assert names["ratio"] == "Rate ratio of treated against untreated for OS, rates compared"
    assert names["of-rfs"] == "Median follow-up, RFS, all patients"
    said = " ".join(p.text for p in methods(Done(design=paper.design, rows=paper.results)))
    assert "Incidence rates are events over patient-years; 95 % limits are exact (" in said
    assert "Rates were compared by a Poisson model (Wald)." in said
    assert "Median follow-up for RFS is by the reverse Kaplan-Meier method." in said


def test_a_ratio_against_the_other_level_is_turned_over(report):
    rows = report[0].results
    own = rows[(rows["statistic"] == "rate_ratio") & (rows["level"] == "yes")].iloc[0]
    told = claim("turned", "1.00", "rate_ratio", **{**VERSUS, "level": "no"}, reference="yes")
    told |= {"value": 1.0, "time": np.nan}
    found = comparison.compare(rows, pd.DataFrame([told])).iloc[0]
    assert found["computed"] == pytest.approx(1 / own["estimate"])


def test_a_printed_ratio_of_rates_is_held_beside_that_of_other_patients(report):
    rows = report[0].results
    own = rows[(rows["statistic"] == "rate_ratio") & (rows["level"] == "yes")].iloc[0]
    fields = [("estimate", "0.59"), ("conf_low", "0.39"), ("conf_high", "0.90")]
    claims = [claim(f, text, "rate_ratio", **VERSUS, field=f) for f, text in fields]
    claims = pd.DataFrame(claims).assign(value=[0.59, 0.39, 0.9], time=np.nan)
    pair = agreement.agree(rows, claims).iloc[0]
    assert pair["statistic"] == "rate_ratio" and pair["new"] == pytest.approx(own["estimate"])
    assert pair["n"] == 200 and pair["events"] == report[0].frames["OS"]["event"].sum()


def test_a_follow_up_halfway_between_two_printed_ones_may_be_the_even_one(report):
    keys = {"statistic": "q3_follow_up", "group": "all", "unit": "months", "estimate": 60.25}
    told = pd.DataFrame([claim("tie", "60.2", "q3_follow_up", unit="months")])
    told = told.assign(value=60.2, time=np.nan)
    found = comparison.compare(ledger.rows([{**keys, "endpoint": "OS"}]), told)
    assert found["verdict"].tolist() == ["matches"]


def test_several_groups_are_each_held_against_the_first(study):
    frame = pd.DataFrame({"time": np.tile([12.0, 24, 36], 4), "event": [True, False] * 6})
    frame["stage"] = pd.Categorical(["I", "II", "III"] * 4)
    rows = survival.rates(frame, "stage", test="exact")
    found = rows[rows["statistic"] == "rate_ratio"].set_index("level")["estimate"]
    assert found.to_dict() == pytest.approx({"II": 0.5, "III": 1 / 3})
    assert rows.loc[rows["statistic"] == "reference", "level"].tolist() == ["I"]
    design = ledger.load_design(STUDY)
    shown = rates_table(rows.assign(endpoint="OS"), design, caption="Rates")
    assert str(shown).count("1 (reference)") == 1


def test_the_search_aims_at_rates_and_says_what_it_leaves_out(study):
    design, claims = ledger.load_design(STUDY), ledger.load_claims(STUDY)
    found = {row["id"]: quantity_of(row, design) for row in ledger.as_records(claims)}
    assert {found[name].part for name in ("yes-rate", "yes-years")} == {*OF_RATES}
    for name in ("ratio", "p"):
        assert found[name].endswith("the certificate alone computes it")
    assert isinstance(found["of-rfs"], Beyond) and "RFS alone" in found["of-rfs"]
    assert found["of-all"].kind == found["of-arm"].kind == "followup"


def test_a_safe_report_tells_rates_of_two_digits_and_no_count(study):
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        paper = paper_of(study[1], safe=5)
        rows = paper.rates("OS", by="treated").rows
    told = rows.set_index(["statistic", "group"])["estimate"]
    assert rows[["conf_low", "conf_high"]].isna().all(axis=None)
    assert told[["events", "patient_years", "rate_difference"]].isna().all()
    rates = [float(told["incidence_rate", f"treated={one}"]) for one in ("no", "yes")]
    assert all(rate == float(f"{rate:.1e}") for rate in rates)
    ratio = float(rows.loc[rows["statistic"] == "rate_ratio", "estimate"].iloc[0])
    assert ratio == pytest.approx(rates[1] / rates[0], abs=0.006)
    few = study[2].groupby("treated").head(15)
    few.to_csv(study[1].with_name("few.csv"), index=False)
    with contextlib.redirect_stdout(io.StringIO()) as small:
        paper_of(study[1].with_name("few.csv"), safe=5).rates("OS", by="treated")
    assert "Each of its numbers would tell of fewer than 5 patients" in small.getvalue()
    assert "Rates have two digits" in shown.getvalue() and ".00" not in shown.getvalue()
    assert paper.release.close().startswith("rows ")


def test_a_paper_without_os_follows_its_patients_to_its_main_endpoint(monkeypatch):
    """Its median follow-up had no result: "This cohort has no OS times"."""
    monkeypatch.delenv("CRLM_DATA", raising=False)
    design, asked = ledger.load_design("mskcc_hai"), []
    paper = Followed.__new__(Followed)
    paper.can = lambda what, endpoint: asked.append(endpoint)
    for known in (design.endpoints, {"RFS": design.endpoints["RFS"]}):
        paper.design = replace(design, endpoints=known, main=("RFS",))
        paper.follow_up(method="reverse")
    assert asked == ["OS", "RFS"]


# ---- tables ---------------------------------------------------------------------------------

RATES = ["", "No. of events / patient-years", "Rate per 100 PY (95% CI)", "IRR (95% CI)", "P"]
OLD = ["untreated", "58/390.1", "14.9 (11.3–19.2)", "1.00 (reference)", ""]
NEW = ["Treated", "31/402.7", "7.7 (5.2–10.9)", "0.52 (0.33–0.80)", "0.003"]
KEYED = ("endpoint", "group", "covariate", "statistic", "field", "unit", "printed")


def read(table, design, endpoint="OS", **keys):
    made = claims_of(table, design, "curves", place="table3", endpoint=endpoint, **keys)
    return made, [tuple(claim[name] for name in KEYED) for claim in made.claims]


def of(endpoint, group, statistic, printed, field="estimate", unit=PER, covariate=""):
    return endpoint, group, covariate, statistic, field, unit, printed


ARMS = ["", "untreated (n = 100)", "Treated (n = 100)", "Rate ratio", "Difference (95% CI)", "P"]


@pytest.mark.parametrize(
    "table",
    [
        [RATES, OLD, NEW],
        [RATES, ["Overall survival", "", "", "", "0.003"], OLD, [*NEW[:-1], ""]],
        [
            ["", "Events", "Person-years", "Events/100 person-years", "95% CI", "Rate ratio", "P"],
            ["untreated", "58", "390.1", "14.9", "11.3-19.2", "–", ""],
            ["Treated", "31", "402.7", "7.7", "5.2-10.9", "0.52 (0.33–0.80)", "0.003"],
        ],
        [
            ARMS,
            ["Deaths/patient-years", "58/390.1", "31/402.7", "", "", ""],
            ["Rate, %/year (95% CI)", OLD[2], NEW[2], NEW[3], "–7.2 (–11.9 to –2.5)", "0.003"],
        ],
    ],
)
def test_tables_of_rates_are_read(study, table):
    made, told = read(table, ledger.load_design(STUDY))
    assert not made.questions
    versus = {"covariate": "treated", "unit": ""}
    for row in (
        of("OS", "treated=no", "events", "58", unit="events"),
        of("OS", "treated=yes", "patient_years", "402.7", unit="patient-years"),
        of("OS", "treated=yes", "incidence_rate", "7.7"),
        of("OS", "treated=no", "incidence_rate", "19.2", "conf_high"),
        of("OS", "all", "rate_ratio", "0.52", **versus),
        of("OS", "all", "rate_ratio", "0.33", "conf_low", **versus),
        of("OS", "all", "p", "0.003", **versus),
    ):
        assert row in told, row
    gaps = {row for row in told if row[3] == "rate_difference"}
    assert len(gaps) == (3 if table[0] is ARMS else 0)
    assert not [c for c in made.claims if c["statistic"] == "rate_ratio" and c["level"] != "yes"]


@pytest.mark.parametrize(
    ("head", "cell", "told"),
    [
        ("Incidence rate (95% CI)", "7.7", "does not say per how many patient-years"),
        ("Rate per 10 patient-years", "0.8", "does not say per how many patient-years"),
        ("Adjusted IRR (95% CI)", "0.5 (0.3-0.8)", "has ratios that are adjusted for more"),
        ("n/PY", "31/402.7", "says not whether of events"),
        ("Events/PY", "31.5/402.7", "is not events, patient years"),
        ("Rate per 100 PY", "7.7 (5.2)", "is not incidence rate or incidence rate, lower limit"),
        ("Median follow-up, months", "44 (20-66)", "is not median follow up"),
        ("RR (95% CI)", "0.5 (0.3-0.8)", "is neither n, events, median"),
    ],
)
def test_what_a_table_of_rates_leaves_open_is_asked(study, head, cell, told):
    rows = [["", "Events/100 PY", head], ["Treated", "7.7", cell]]
    made, _ = read(rows, ledger.load_design(STUDY))
    assert [question for question in made.questions if told in question], made.questions


def test_p_beside_rates_without_a_ratio_and_a_ratio_of_the_reference_are_asked(study):
    design = ledger.load_design(STUDY)
    table = [["", "Rate per 100 PY", "P"], ["untreated", "14.9", ""], ["Treated", "7.7", "0.003"]]
    made, _ = read(table, design)
    assert "is of two rates or of curves" in made.questions[0]
    made, told = read([[*table[0][:2], "P (log-rank)"], *table[1:]], design)
    assert not made.questions and made.claims[-1]["model"] == "logrank"
    made, _ = read([RATES, [*OLD[:3], "1.93 (1.25–3.0)", ""], [*NEW[:3], "1", ""]], design)
    assert "the design holds the others against" in made.questions[0]
    # A regression table has no ratio of rates.
    table = [["", "IRR (95% CI)"], ["Treated", "0.52 (0.33-0.80)"]]
    made = claims_of(table, design, "model", place="table3", endpoint="OS")
    assert any("holds ratios of rates" in question for question in made.questions)


def test_end_points_of_everybody_are_rows_and_follow_up_is_theirs(study):
    heads = ["End point", "Rate per 1,000 PY", "Median follow-up, months (IQR)"]
    rows = [["Overall survival", "112", "44 (20-66)"], ["Recurrence-free survival", "200", "38"]]
    made, told = read([heads, *rows], ledger.load_design(STUDY), endpoint="")
    assert not made.questions
    for row in (
        of("OS", "all", "incidence_rate", "112", unit="per 1000 patient-years"),
        of("OS", "all", "q3_follow_up", "66", unit="months"),
        of("RFS", "all", "median_follow_up", "38", unit="months"),
    ):
        assert row in told, row
    # In a table of one endpoint that no row names it is that of the patients, and told.
    made, told = read([["", heads[2]], ["Treated", "44 (20-66)"]], ledger.load_design(STUDY))
    assert of("", "treated=yes", "median_follow_up", "44", unit="months") in told
    assert "'median follow-up' as that of the patients, of no endpoint" in made.taken
