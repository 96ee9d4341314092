"""An event while another competes: from the design to the report, against R's cmprsk."""

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

from crlm import audit, cli, cohort, comparison, ledger, multistate, naming, transcription
from crlm.ledger import CohortError, DesignError, LedgerError, ParameterError
from crlm.paper import Paper
from crlm.reconstruction.quantities import Beyond, quantity_of
from crlm.report.manuscript.done import Done
from crlm.report.manuscript.methods import methods
from crlm.starting import new_study
from tests.hand_written import ROOT

REFERENCE = Path(__file__).parent / "reference" / "incidences.csv"
STUDY, MONTHS = "counted", [12, 36, 60, 120]
RELAPSE = """
[incidences.relapse]
label = "Recurrence"
endpoint = "RFS"
competing = "OS"
competing_label = "Death without recurrence"
months = [12, 36]
[incidences.cancer_death]
label = "Death of cancer"
endpoint = "CSS"
competing = "OS"
months = [60]

[endpoints.CSS]
label = "Cancer-specific survival"
rule = "Operation to death of cancer; other deaths censor."
death_of = "cancer"

[table_one]
"""

# ---- against R ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rotterdam():
    """Times to recurrence (deaths censored), to recurrence or death, and to death."""
    found = pd.DataFrame(datasets.load_rotterdam())
    of = {name: found[name].astype(str).astype("category") for name in ("hormon", "size")}
    recurred, died = found["recur"] == 1, found["death"] == 1
    end = found["dtime"].astype(float)
    first = np.where(recurred, np.minimum(found["rtime"], end), end) / 30.4375

    def frame(time, event):
        return pd.DataFrame({**of, "time": time, "event": event.to_numpy(), "endpoint": "x"})

    return frame(first, recurred), frame(first, recurred | died), frame(end / 30.4375, died)


@pytest.mark.parametrize("by", ["hormon", "size"])
def test_shares_limits_and_grays_test_equal_rs(rotterdam, by):
    keys = ["quantity", "cause", "group", "time"]
    told = pd.read_csv(REFERENCE).set_index(keys)["value"].sort_index()
    relapse, _, death = rotterdam
    frame = multistate.with_competing(relapse, death)
    causes = ["event", "competing"]
    for limits in ("cmprsk", "survfit"):
        rules = {"min_at_risk": 1, "model": "", "limits": limits}
        rows = multistate.incidence(frame, by, causes, MONTHS, **rules)
        shares = rows[rows["statistic"] == "cumulative_incidence"]
        assert len(shares) == 2 * 4 * frame[by].nunique()
        for row in shares.to_dict("records"):
            at = (row["level"], row["group"], row["time"])
            assert row["estimate"] == pytest.approx(100 * told[("estimate", *at)], rel=1e-8)
            for end in ("low", "high"):
                theirs = 100 * told[(f"{limits} {end}", *at)]
                assert row[f"conf_{end}"] == pytest.approx(theirs, rel=1e-8)
    tests = multistate.gray(frame, by, causes)
    for row in tests.to_dict("records"):
        theirs = told.loc[row["statistic"], row["level"], by].iloc[0]
        assert row["estimate"] == pytest.approx(theirs, rel=1e-8)


def test_a_composite_endpoint_without_its_deaths_is_the_same(rotterdam):
    relapse, either, death = rotterdam
    one = multistate.with_competing(relapse, death)
    other = multistate.with_competing(either, death, counts_both=True)
    at_once = one["cause"].ne(other["cause"]) & one["event"]
    # A recurrence on the day of death cannot be told from a death in a composite endpoint.
    assert set(other.loc[at_once, "cause"]) <= {"competing"} and at_once.sum() < 10
    pd.testing.assert_series_equal(one["time"], other["time"])


# ---- by hand --------------------------------------------------------------------------------


def frame_of(times, events, index=None, **columns):
    data = {"time": np.array(times, float), "event": np.array(events, bool), "endpoint": "x"}
    return pd.DataFrame({**data, **columns}, index=index)


def causes(frame):
    return frame["cause"].astype(object).where(frame["cause"].notna(), "-").tolist()


def test_which_event_came_first():
    # recurred and died; died; recurred and lives; lives; died on the day of recurrence; lost
    relapse = frame_of([4, 9, 5, 30, 7, 12], [1, 0, 1, 0, 1, 0])
    either = frame_of([4, 9, 5, 30, 7, 12], [1, 1, 1, 0, 1, 0])
    death = frame_of([20, 9, 28, 30, 7.004, 25], [1, 1, 0, 0, 1, 1])
    found = multistate.with_competing(relapse, death)
    assert causes(found) == ["event", "competing", "event", "-", "event", "-"]
    told = "1 with the competing event after follow-up had ended, censored at its end"
    assert found.attrs["notes"] == [told] and found["time"].tolist() == [4, 9, 5, 30, 7, 12]
    both = multistate.with_competing(either, death, counts_both=True)
    assert causes(both) == ["event", "competing", "event", "-", "competing", "-"]
    # Deaths without a recurrence: whoever recurred left at that time.
    first = multistate.with_competing(death, either)
    assert causes(first) == ["competing", "event", "competing", "-", "event", "event"]
    assert first["time"].tolist() == [4, 9, 5, 30, 7.004, 25]


def test_who_is_not_in_both_or_never_under_observation_is_left_out_and_told():
    death = frame_of([20, 9, 30, 15], [1, 1, 0, 1], entry=[0.0, 0, 6, 0])
    relapse = frame_of([4, 9, 5], [1, 0, 1], index=[0, 1, 2])
    found = multistate.with_competing(death, relapse)
    assert found.index.tolist() == [0, 1] and causes(found) == ["competing", "event"]
    assert found.attrs["notes"] == [
        "1 without times of the competing endpoint left out",
        "1 under observation only after the competing event left out",
    ]
    with pytest.raises(CohortError, match="No patient has times of both endpoints"):
        multistate.with_competing(death, relapse.set_axis([7, 8, 9]))


# ---- a study --------------------------------------------------------------------------------


def patients(path, n=240):
    rng = np.random.default_rng(5)
    relapse, death = rng.exponential(40, n) + 1, rng.exponential(90, n) + 2
    end = rng.uniform(20, 100, n)
    os, first = np.minimum(death, end), np.minimum(np.minimum(relapse, death), end)
    died = death < end
    cause = np.where(relapse < death, "cancer", "other")
    frame = pd.DataFrame({"patient_id": [f"p{i}" for i in range(n)]})
    frame["treated"] = rng.choice(["no", "yes"], n)
    frame["sex"] = rng.choice(["male", "female"], n)
    frame["os_months"], frame["os_event"] = np.round(os, 2), died.astype(int)
    frame["rfs_months"] = np.round(first, 2)
    frame["rfs_event"] = ((relapse < end) | died).astype(int)
    frame["cause_of_death"] = np.where(died, cause, "")
    frame.to_csv(path, index=False)
    return str(path)


def claim(name, printed, **keys):
    row = dict.fromkeys(ledger.CLAIM_COLUMNS, "")
    row |= {"id": name, "place": "table3", "locator": f"Table 3, {name}", "kind": "number"}
    row |= {"printed": printed, "operator": "=", "value": printed, "field": "estimate"}
    row |= {"decimals": len(printed.partition(".")[2]), "endpoint": "relapse"}
    row |= {"population": "all", "group": "treated=yes", "statistic": "cumulative_incidence"}
    return {**row, "time": "36", "unit": "%", **keys}


def write(path, rows):
    names = [name for name in ledger.CLAIM_COLUMNS if name not in ("name", "reference")]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


SIZES = {"endpoint": "", "statistic": "n", "time": "", "unit": "patients"}
CLAIMS = [
    *(claim(f"n-{one}", "120", group=f"treated={one}", **SIZES) for one in ("no", "yes")),
    claim("ci", "52.3"),
    claim("ci-low", "42", field="conf_low"),
    claim("ci-men", "50", population="sex=male", time="24"),
    claim("events", "60", statistic="events", time="", unit="events"),
    claim("p", "0.4", statistic="p", model="gray", group="treated", time="", unit=""),
]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The new study with recurrence and death of cancer counted, and its table."""
    place = tmp_path_factory.mktemp("counted")
    (place / "notebooks").mkdir()
    shutil.copytree(ROOT / "data", place / "data", ignore=shutil.ignore_patterns("*_*"))
    shutil.copy(ROOT / "data" / "columns.toml", place / "data" / "columns.toml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRLM_DATA", str(place / "data"))
        new_study(STUDY, place / "data", place / "notebooks")
        path = place / "data" / STUDY / "design.toml"
        text = path.read_text(encoding="utf-8")
        text = text.replace("\n[table_one]\n", RELAPSE, 1)
        held = '"rfs_months", "rfs_event",\n'
        assert text.count(held) == 1
        text = text.replace(held, held + '  "cause_of_death",\n')
        path.write_text(text, encoding="utf-8")
        write(path.with_name("published.csv"), CLAIMS)
        yield path.parent, patients(place / "table.csv")


def paper_of(table, **chosen):
    paper = Paper(STUDY, table, **chosen)
    paper.endpoints()
    return paper


@pytest.fixture(scope="module")
def report(study):
    """The sections of both incidences by treatment, as text, and their paper."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        paper = paper_of(study[1])
        for name, by, among in paper.printed_incidences():
            paper.cumulative_incidence(name, by=by, population=among)
        paper.cumulative_incidence("relapse", folded=True)
    return paper, shown.getvalue()


def test_a_section_shows_table_picture_and_sentence(report):
    paper, shown = report
    assert "Cumulative incidence of recurrence by treatment, men" in shown
    assert "Death without recurrence" in shown and "Competing event (OS)" in shown
    assert re.search(r"Recurrence by month 36: untreated [\d.]+ %, treated [\d.]+ % \(paper", shown)
    assert re.search(r"Gray's test p = [\d.]+ \(paper 0.4\)", shown)
    rows = paper.results
    mine = rows[(rows["endpoint"] == "relapse") & (rows["population"] == "all")]
    assert sorted(mine["time"].dropna().unique()) == [12, 24, 36]
    # Whoever is free of both, recurred or died without: all of them, and RFS is what is left.
    part = mine[(mine["statistic"] == "cumulative_incidence") & (mine["time"] == 36)]
    lost = part.groupby("group")["estimate"].sum()
    kept = paper.curves("RFS", by="treated", at=[36]).rows
    kept = kept[kept["statistic"] == "survival_rate"].set_index("group")["estimate"]
    np.testing.assert_allclose(lost[kept.index], 100 - kept, rtol=1e-9)


def test_every_claim_joins_and_what_no_section_computes_says_its_call(report, study):
    paper, _ = report
    verdicts = comparison.compare(paper.results, paper.claims).set_index("id")["verdict"]
    mine = paper.claims.loc[paper.claims["endpoint"] == "relapse", "id"]
    assert "no result" not in set(verdicts[mine])
    bare = paper_of(study[1])
    bare.published()
    told = bare.verdicts.set_index("id")["reason"]
    assert told["ci-men"].endswith(
        'add paper.cumulative_incidence("relapse", by="treated", population="sex=male")'
    )


def test_the_methods_say_what_was_counted(report):
    paper, _ = report
    said = " ".join(p.text for p in methods(Done(design=paper.design, rows=paper.results)))
    assert "cumulative incidence of recurrence (competing: death without recurrence) and" in said
    assert "death of cancer (competing: event of overall survival) was estimated by" in said
    assert "limits are on the log-log scale, with Gray's variance." in said
    assert "Groups were compared by Gray's test." in said


def test_a_safe_report_tells_shares_in_steps_and_no_count(study):
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        paper = paper_of(study[1], safe=5)
        for among in ("all", "sex=male"):
            section = paper.cumulative_incidence("relapse", by="treated", population=among)
    rows = section.rows
    assert section.figure is None and not rows["statistic"].isin(["n", "events"]).any()
    assert rows[["n", "events"]].isna().all(axis=None)
    shares = rows[rows["statistic"] == "cumulative_incidence"]
    assert shares["method"].str.contains("in steps of 5 patients|not shown: fewer").all()
    told = shares["estimate"].dropna().map(float)
    assert len(told) and (told % 1 == 0).all()
    assert "Rates are in steps of five patients." in shown.getvalue()
    assert paper.release.close().startswith("rows ")
    # The size behind a share is that of Table 1, without which every print could agree with it.
    told = {**claim("ci", "90.0"), "value": 90.0, "time": 36.0, "computed": 52.0, "method": ""}
    size = {**dict.fromkeys(ledger.KEYS, ""), "population": "all", "group": "treated=yes"}
    size |= {"statistic": "n", "time": np.nan, "n": 120.0}
    held = {ledger.row_key(size): size}
    assert comparison._room(told, held, 5) == pytest.approx(100 * 5 / 120 + 0.1)


def test_what_no_incidence_has_is_refused(study):
    folder, table = study
    wrong = [
        (claim("a", "50", statistic="survival_rate"), "write cumulative_incidence"),
        (
            claim("b", "0.4", statistic="p", model="logrank", group="treated", time="", unit=""),
            "'logrank' is no test of a cumulative incidence; write gray",
        ),
        (
            claim(
                "c",
                "0.4",
                statistic="p",
                model="gray",
                endpoint="OS",
                group="treated",
                time="",
                unit="",
            ),
            "there is: relapse, cancer_death",
        ),
        (
            claim(
                "d",
                "1.2",
                statistic="hazard_ratio",
                covariate="treated",
                level="yes",
                group="all",
                model="univariable",
                time="",
                unit="",
            ),
            "write subdistribution_hazard_ratio, or, of a cause-specific ratio, endpoint RFS",
        ),
        (claim("e", "50", group="treated"), "write treated=LEVEL, or all"),
        (claim("f", "0.4", statistic="p", model="gray", time="", unit=""), "write treated, and"),
        (claim("g", "50", model="gray"), "'gray' belongs to no cumulative_incidence"),
        (claim("h", "50", time=""), "needs its month"),
    ]
    path = folder / "published.csv"
    try:
        write(path, [row for row, _ in wrong])
        with pytest.raises(LedgerError) as caught:
            ledger.load_claims(STUDY)
    finally:
        write(path, CLAIMS)
    lines = str(caught.value).splitlines()[1:]
    for number, (row, told) in enumerate(wrong, 2):
        mine = [line for line in lines if line.startswith(f"  row {number},")]
        assert any(told in line for line in mine), (row["id"], mine)
    with contextlib.redirect_stdout(io.StringIO()):
        paper = paper_of(table)
        with pytest.raises(ParameterError, match="no incidence 'relaps'; did you mean"):
            paper.cumulative_incidence("relaps")


FAULTS = [
    ('competing = "OS"', 'competing = "RFS"', "'RFS' has the events of 'RFS'"),
    ('competing = "OS"', 'competing = "DSS"', "'DSS' is no endpoint; did you mean 'CSS'"),
    ("months = [12, 36]", "months = [36, 12]", "do not rise"),
    ("months = [12, 36]", "months = []", "months"),
    ("[incidences.relapse]", "[incidences.rfs]", "'rfs' is the endpoint RFS already"),
    ("[incidences.relapse]", "[incidences.sex]", "'sex' is a column or a factor already"),
    ('label = "Recurrence"', 'label = "Overall survival"', "has the label of endpoint OS"),
    ('label = "Recurrence"\n', "", "label: is missing"),
]


@pytest.mark.parametrize(("old", "new", "told"), FAULTS, ids=[new or old for old, new, _ in FAULTS])
def test_a_design_that_cannot_be_counted_is_refused(study, old, new, told):
    path = study[0] / "design.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    at = text.index(old, text.index("\n[incidences.relapse]"))
    try:
        path.write_text(text[:at] + new + text[at + len(old) :], encoding="utf-8")
        with pytest.raises(DesignError, match="incidences") as caught:
            ledger.load_design(STUDY)
    finally:
        path.write_text(text, encoding="utf-8")
    assert told in str(caught.value), str(caught.value)


def test_the_search_aims_at_shares_and_leaves_the_test_to_the_certificate(study, capsys):
    design, claims = ledger.load_design(STUDY), ledger.load_claims(STUDY)
    mine = claims[claims["endpoint"] == "relapse"]
    found = {row["id"]: quantity_of(row, design) for row in mine.to_dict("records")}
    test = found.pop("p")
    assert {one.part for one in found.values()} == {"cumulative_incidence", "events"}
    assert test == "Gray's test: the certificate alone computes it"
    sentence = mine.iloc[0].to_dict() | {"kind": "direction", "operator": "<"}
    assert isinstance(quantity_of(sentence, design), Beyond)
    jackknifed = replace(design, conventions={**design.conventions, "incidence_limits": "survfit"})
    limit = quantity_of(mine[mine["field"] == "conf_low"].iloc[0].to_dict(), jackknifed)
    assert limit.startswith("limit with the infinitesimal-jackknife error")
    assert cli.main(["ledger", STUDY]) == 0
    said = capsys.readouterr().out
    assert "The search leaves out:" not in said and f"p: {test}" in said
    # No more can have recurred than have lost their recurrence-free survival.
    more = mine.iloc[0].to_dict()
    kept = {"id": "rfs", "endpoint": "RFS", "statistic": "survival_rate", "printed": "61"}
    kept |= {"value": 61.0, "decimals": 0}
    found = audit.audit(design, pd.DataFrame([more, {**more, **kept}])).findings
    assert "cannot exceed" in " ".join(found["sentence"])


def test_a_table_of_curves_is_read(study):
    design = ledger.load_design(STUDY)
    table = [
        ["Cumulative incidence of recurrence", "3-year (95% CI)", "p"],
        ["Untreated", "41.2 (33.1-49.0)", "0.02"],
        ["Treated", "30.3 (22.8-38.0)", ""],
    ]
    made = transcription.claims_of(table, design, "curves", place="table3", endpoint="relapse")
    assert not made.questions
    keys = ("group", "model", "statistic", "time", "field", "value")
    found = {tuple(one[name] for name in keys) for one in made.claims}
    share = ("treated=no", "", "cumulative_incidence", "36")
    assert ("treated", "gray", "p", "", "estimate", "0.02") in found
    assert {(*share, "estimate", "41.2"), (*share, "conf_high", "49")} <= found
    headed = [["", "5-year", "p"], ["Cumulative incidence of recurrence", "", "0.02"], table[1][:2]]
    headed = [[*row, ""][:3] for row in headed]
    made = transcription.claims_of(headed, design, "curves", place="table3")
    assert {one["endpoint"] for one in made.claims} == {"relapse"}
    # In a regression table a plain hazard ratio is none of an incidence.
    table = [["Recurrence", "HR (95% CI)"], ["Treated", "0.8 (0.5-1.2)"]]
    made = transcription.claims_of(table, design, "model", place="table2", endpoint="relapse")
    assert "name it SHR if it does" in made.questions[0] and not made.claims


def test_check_says_whether_a_table_feeds_it(study):
    design = ledger.load_design(STUDY)
    table = cohort.load(study[1], design)
    told = cohort.feeds(table, design)
    assert "+ Cumulative incidence of recurrence: complete." in told
    bare = table.drop(columns=["rfs_event"])
    line = "- Cumulative incidence of recurrence: no, needs rfs_event."
    assert line in cohort.feeds(bare, design)


def test_each_row_has_a_name_of_its_own_in_words(report):
    paper, _ = report
    rows = [r for r in ledger.as_records(paper.results) if r["endpoint"] == "relapse"]
    names = [naming.name_of(row, paper.design) for row in rows]
    assert len(set(names)) == len(names) and not any("relapse" in name for name in names)
    assert "Cumulative incidence of recurrence, treated, at month 36" in names
    told = "Cumulative incidence of event that competes with recurrence, treated, at month 36"
    assert told in names
    assert "p value of treated against untreated for recurrence, Gray's test" in names
