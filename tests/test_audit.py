"""The audit as a whole: facts, repairs, merging, ranking, and the two papers by hand."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from crlm import ledger
from crlm.audit import CHECK_COLUMNS, audit, catalogue, describe
from crlm.audit.facts import Key, gather
from crlm.audit.findings import FINDING_COLUMNS
from crlm.audit.implied import IMPLIED_COLUMNS
from crlm.audit.repair import edits

from .audit_ledger import (
    COLUMNS,
    YES_NO,
    claims,
    design,
    groups,
    months,
    n,
    number,
    rate,
    ratio,
    sentence,
)

PACKAGE = Path(ledger.__file__).parent / "audit"


def table_of(sizes, shares=(20, 35, 50, 65)):
    """Four covariates with counts and percentages of groups of 100, under a header."""
    rows = groups(*sizes)
    for name, share in zip(("aa", "bb", "cc", "dd"), shares, strict=True):
        for arm in ("old", "new"):
            keys = {"group": f"arm={arm}", "covariate": name, "level": "yes"}
            rows += [
                n(share, f"arm={arm}", covariate=name, level="yes"),
                number(str(share), "percent", unit="%", **keys),
            ]
    return rows


# ---- facts ------------------------------------------------------------------


def test_a_count_is_known_by_its_conditions():
    facts = gather(
        design(),
        claims(
            n(7, "arm=old", covariate="aa", level="yes"),
            n(9, "all", population="arm=new"),
            n(11, "aa=yes,arm=new"),
        ),
    )
    assert facts.size(frozenset({("arm", "old"), ("aa", "yes")})) == 7
    assert facts.size(frozenset({("arm", "new")})) == 9
    assert facts.size(frozenset({("arm", "new"), ("aa", "yes")})) == 11


def test_a_table_comes_before_the_text_and_the_abstract():
    facts = gather(design(), claims(*rate("78", place="abstract"), *rate("76")))
    key = Key("OS", "all", "all", "", "", "", "survival_rate", 60.0)
    assert facts.one(key).text == "76"


def test_a_curve_p_is_the_univariable_p_only_where_the_design_says_so():
    rows = [number("0.02", "p", endpoint="OS", group="arm", model="logrank")]
    key = Key("OS", "all", "all", "arm", "new", "univariable", "p", None)
    assert gather(design(), claims(*rows)).one(key) is None
    plan = design(conventions={"univariable_p": "logrank"})
    assert gather(plan, claims(*rows)).one(key).text == "0.02"


# ---- repairs ----------------------------------------------------------------


def test_edits_are_one_slip_away():
    found = set(edits("0.27"))
    assert {"1.27", "0.72", "0.2", "0.227", "0.07", "2.07"} <= found
    assert "0.27" not in found and ".27" not in found and "00.27" not in found
    assert "0.41" in set(edits("041"))
    assert all(text.startswith("<") for text in edits("<0.001"))


def finding(rows, plan=None):
    found = audit(plan or design(), claims(*rows)).findings
    return found[found["verdict"] == "inconsistent"].reset_index(drop=True)


def test_the_smallest_repair_satisfies_every_check_of_the_row():
    # sqrt(1.27 * 2.37) = 1.735; z = 0.554/0.159 = 3.48. No other digit mends order and p.
    found = finding(ratio("1.74 (0.27-2.37) <0.001", model="multivariable"))
    assert len(found) == 1
    assert found.loc[0, "repair"].startswith("read 1.27 in place of 0.27 (")
    assert found.loc[0, "class"] == "misprint" and found.loc[0, "confidence"] == "high"


def test_digits_on_either_side_of_the_point_may_be_exchanged():
    """58.3 printed 53.8: the one reading that 49 of 84 allow, and none where the print holds."""

    def table(printed, n=49):
        rows = [number("84", "n", group="arm=old")]
        rows += [n_of(n, "arm=old", covariate="aa", level="yes")]
        return [*rows, number(printed, "percent", group="arm=old", covariate="aa", level="yes")]

    n_of = globals()["n"]
    found = finding(table("53.8"))
    assert len(found) == 1 and "58.3 in place of 53.8 (" in found.loc[0, "repair"]
    assert found.loc[0, "class"] == "misprint"
    assert finding(table("58.3")).empty
    # Nothing is offered that does not mend the print.
    assert "58.3" not in finding(table("53.8", n=60)).loc[0, "repair"]


def test_exchanged_limits_are_found():
    found = finding(ratio("1.76 (1.04-1.35) 0.03", model="multivariable"))
    assert len(found) == 1 and "exchanged" in found.loc[0, "repair"]


def test_a_repair_must_not_break_another_check():
    # 61 + 40 = 101: 40 is also 40 % of 100, so only the 61, which has no percentage, may be 60.
    rows = [
        *groups(),
        n(61, "arm=old", covariate="aa", level="no"),
        n(40, "arm=old", covariate="aa", level="yes"),
        number("40", "percent", group="arm=old", covariate="aa", level="yes"),
    ]
    found = finding(rows)
    assert len(found) == 1
    assert (
        found.loc[0, "repair"].startswith("read 60 in place of 61")
        and "40" not in found.loc[0, "repair"]
    )


def test_no_repair_is_offered_where_no_single_slip_explains():
    # 0.99 (0.99-1.9) with p 0.47: no one digit mends both the middle and the p value.
    found = finding(ratio("0.99 (0.99-1.9) 0.47"))
    assert len(found) == 1 and found.loc[0, "repair"] == ""


# ---- merging and ranking ------------------------------------------------------


def test_failing_checks_with_one_cause_are_one_finding():
    # The header says 180 where 100 was meant: the sum over groups and every percentage fail.
    found = finding(table_of((180, 100, 200)))
    assert len(found) == 1
    assert "100 in place of 180" in found.loc[0, "repair"]
    assert len(found.loc[0, "checks"]) >= 5


def test_failing_checks_with_two_causes_are_two_findings():
    rows = [*ratio("1.74 (0.27-2.37)", covariate="aa"), *ratio("0.53 (0.39-0.77)", covariate="bb")]
    assert len(finding(rows)) == 2


def test_one_quantity_in_two_places_and_its_row_are_one_finding():
    # Table and text should both say 1.35; the table says 1.53.
    rows = [*ratio("1.53 (1.04-1.76)"), ratio("1.35 (1.04-1.76)", place="results")[0]]
    found = finding(rows)
    assert len(found) == 1 and found.loc[0, "repair"].startswith("read 1.35 in place of 1.53")


def test_a_repeated_sentence_is_one_finding():
    keys = {
        "statistic": "hazard_ratio",
        "endpoint": "OS",
        "covariate": "aa",
        "level": "yes",
        "model": "univariable",
    }
    rows = [sentence("AA protects", "<", **keys), sentence("AA is good for you", "<", **keys)]
    found = finding([*rows, *ratio("1.35 (1.04-1.76)")])
    assert len(found) == 1 and found.loc[0, "class"] == "substantive"
    assert {"c0", "c1", "c2"} <= set(found.loc[0, "claims"])


def test_what_the_abstract_says_comes_before_a_row_of_the_first_table():
    row = {"group": "arm=old", "covariate": "ee", "level": "yes"}
    rows = [
        *table_of((100, 100, 200)),
        number("44", "percent", **row),
        n(30, "arm=old", covariate="ee", level="yes"),
        *rate("78", "arm=new", place="abstract"),
        *rate("76", "arm=new", place="results"),
    ]
    found = finding(rows)
    assert list(found["rank"]) == [1, 2]
    assert "survival rate" in found.loc[0, "title"]


def test_numbers_that_agree_give_no_finding():
    rows = [*table_of((100, 100, 200)), *ratio("1.35 (0.94-1.94) 0.10", model="multivariable")]
    found = audit(design(), claims(*rows))
    assert len(found.findings) == 0 and len(found.checks) > 20
    assert "0 inconsistent" in describe(found)


def test_an_empty_ledger_is_no_error():
    found = audit(design(), claims())
    assert len(found.findings) == len(found.checks) == len(found.implied) == 0


@pytest.mark.parametrize("text", ["0", "999999", ">1"])
def test_no_garbled_number_stops_the_audit(text):
    rows = [
        *table_of((100, 100, 200)),
        *ratio("1.35 (1.04-1.76) 0.03"),
        *rate("50 (43-57)"),
        *months("12.00 (8.00-16.00)"),
        number("0.2", "p", group="arm", covariate="aa"),
    ]
    frame = claims(*rows)
    bare = text.lstrip("<>")
    for row in range(0, len(frame), 4):
        garbled = frame.copy()
        garbled.loc[row, ["printed", "operator", "value", "decimals"]] = [
            text,
            text[0] if text[0] in "<>" else "=",
            float(bare),
            len(bare.partition(".")[2]),
        ]
        assert len(audit(design(), garbled).checks) > 10


# ---- implied ------------------------------------------------------------------


def implied(rows, quantity, plan=None):
    found = audit(plan or design(), claims(*rows)).implied
    return found[found["quantity"] == quantity].reset_index(drop=True)


def test_events_that_an_interval_needs():
    # SE = (ln 1.22 - ln 0.82)/3.92 = 0.1014: 4/SE^2 = 389; with the rounding 365 at least.
    found = implied([n(1000), *ratio("1.00 (0.82-1.22)", covariate="aa")], "events, at least")
    assert found.loc[0, "low"] == pytest.approx(4 / 0.1039**2, rel=0.02)
    assert found.loc[0, "high"] == 1000


# 200 + 116 patients, 35 + 30 of them with the outcome: odds ratio 30/86 over 35/165 = 1.645, the
# variance of its logarithm 1/30 + 1/86 + 1/35 + 1/165 = 0.0796, so 0.95 to 2.86.
LEAKS = {"endpoint": "leak", "statistic": "odds_ratio"}
LEAK_PLAN = design(
    columns={**COLUMNS, "leak": {**YES_NO, "label": "Leak", "role": "outcome"}},
    models={"leak": {"covariates": ["arm", "aa", "bb", "cc", "dd", "ee"], "selection": "fixed"}},
)


def leaks(*more):
    # The others are in halves of 158 patients, with 32.5 events each: 2/32.5 + 2/125.5 = 0.0775.
    names = ("aa", "bb", "cc", "dd", "ee")
    halves = [n(158, covariate=name, level="yes") for name in names]
    ratios = [row for name in names for row in ratio("1.00 (0.58-1.73)", covariate=name, **LEAKS)]
    arm = ratio("1.65 (0.95-2.86)", covariate="arm", level="new", **LEAKS)
    return [n(316), n(200, "arm=old"), n(116, "arm=new"), *halves, *ratios, *arm, *more]


def test_events_behind_odds_ratios_count_those_without_the_outcome_too():
    found = implied(leaks(), "events in the group, about", LEAK_PLAN).set_index("group")
    assert found.loc["arm=new", "low"] < 30 < found.loc["arm=new", "high"]
    assert found.loc["arm=old", "low"] < 35 < found.loc["arm=old", "high"]
    per = audit(LEAK_PLAN, claims(*leaks())).asked.set_index("quantity")
    row = per.loc["events per candidate parameter, about"]
    assert row["low"] < 65 / 6 < row["high"] < 1.35 * 65 / 6


def test_a_printed_number_with_the_outcome_is_taken_as_it_is():
    yes = n(65, covariate="leak", level="yes")
    found = implied(leaks(yes), "events in the group, about", LEAK_PLAN).set_index("group")
    assert found.loc["arm=new", "low"] == pytest.approx(30, abs=0.2)
    assert found.loc["arm=old", "high"] == pytest.approx(35, abs=0.2)
    assert "counted" in found.loc["arm=new", "how"]
    both = [yes, n(30, "arm=new", covariate="leak", level="yes")]
    told = implied(leaks(*both), "events in the group, about", LEAK_PLAN)
    assert told["group"].tolist() == ["arm=old"]
    # Of more patients with the outcome than without it, those without it are what counts.
    many = audit(LEAK_PLAN, claims(*leaks(n(251, covariate="leak", level="yes")))).asked
    row = many.set_index("quantity").loc["events per candidate parameter, about"]
    assert (row["low"], row["high"]) == (65 / 6, 65 / 6)


def test_patients_without_a_value():
    # 45 % of 129 patients: 284 to 289 of 308.
    rows = [
        n(308, "arm=old"),
        n(129, "arm=old", covariate="aa", level="yes"),
        number("45", "percent", group="arm=old", covariate="aa", level="yes"),
    ]
    found = implied(rows, "patients without a value")
    assert (found.loc[0, "low"], found.loc[0, "high"]) == (19, 24)


def test_what_is_printed_is_not_called_unstated():
    rows = [n(1000), *ratio("1.00 (0.82-1.22)", covariate="aa")]
    of_the_arm = [
        n(308, "arm=old"),
        n(129, "arm=old", covariate="aa", level="yes"),
        number("45", "percent", group="arm=old", covariate="aa", level="yes"),
    ]
    events = number("400", "events", endpoint="OS", unit="events")
    unknown = number("20", "missing", covariate="aa", group="arm=old", unit="patients")
    others = number("390", "events", endpoint="RFS", unit="events")
    assert len(implied([*rows, others], "events, at least")) == 1
    assert implied([*rows, events], "events, at least").empty
    assert len(implied([*of_the_arm, {**unknown, "group": "arm=new"}], "patients without a value"))
    assert implied([*of_the_arm, unknown], "patients without a value").empty
    among = {**unknown, "group": "all", "population": "arm=old"}
    assert implied([*of_the_arm, among], "patients without a value").empty


def test_what_print_gives_level_by_level_is_not_called_unstated():
    rows = [n(1000), *ratio("1.00 (0.82-1.22)", covariate="aa")]
    first, last = (
        number(told, "events", endpoint="OS", unit="events", group=f"arm={level}")
        for level, told in (("old", "281"), ("new", "64"))
    )
    assert len(implied([*rows, first], "events, at least")) == 1
    assert implied([*rows, first, last], "events, at least").empty
    # Of 50 patients the arm is not known: their events are in no row.
    sizes = [n(600, "arm=old"), n(350, "arm=new")]
    assert len(implied([*rows, *sizes, first, last], "events, at least")) == 1


def test_a_finding_quotes_the_median_that_is_printed():
    # 19.9 months may stand for 19.85, which as a binary fraction rounds to 19.8.
    for median, share in (("19.9 (17.1-23.0)", "42.1"), ("1.6 (1.4-1.9)", "71.0")):
        unit = "months" if share == "42.1" else "years"
        time = 12.0 if unit == "months" else 24.0
        rows = [n(200), *months(median, unit=unit), *rate(share, time=time)]
        told = " ".join(audit(design(), claims(*rows)).findings["detail"])
        assert re.search(rf"(median is|failed by) {median.split()[0]} {unit}\.", told), told


def test_a_remark_on_one_number_hangs_on_that_number_alone():
    shares = [
        number(f"1{i}.5", "percent", group="arm=old", covariate=name, level="yes", unit="%")
        for i, name in enumerate(("aa", "bb", "cc", "dd", "ee", "ff"))
    ]
    more = [{**row, "group": "arm=new"} for row in shares[:3]]
    nobody = number("0", "percent", group="arm=new", covariate="ff", level="yes", unit="%")
    found = audit(design(), claims(*shares, *more, nobody)).findings
    (remark,) = found[found["title"].str.startswith("Decimals")].to_dict("records")
    assert remark["claims"] == ("c9",)
    assert remark["printed"] == "Table 1, 0: 0"


def test_interaction_of_two_strata():
    # 0.56/0.51 = 1.098; SEs 0.155 and 0.166: ratio's SE 0.227, z = 0.41, p = 0.68.
    keys = {"covariate": "arm", "level": "new"}
    rows = [
        *ratio("0.51 (0.38-0.69)", population="stage=I", **keys),
        *ratio("0.56 (0.40-0.77)", population="stage=II", **keys),
    ]
    ratio_of = implied(rows, "interaction: ratio of hazard ratios")
    assert ratio_of.loc[0, "low"] < 0.56 / 0.51 < ratio_of.loc[0, "high"]
    p = implied(rows, "interaction: p")
    assert p.loc[0, "low"] < 0.68 < p.loc[0, "high"]


def test_worth_of_an_interval():
    # (0.57 - 0.43)/3.92 = 0.0357 plain: 0.25/0.0357^2 = 196 patients.
    plan = design(conventions={"conf_type": "plain"})
    found = implied([*rate("50 (43-57)")], "patients the interval is worth", plan)
    assert found.loc[0, "low"] < 196 < found.loc[0, "high"]


# ---- frames -------------------------------------------------------------------


@pytest.fixture(scope="module", params=ledger.studies())
def paper(request):
    plan, printed = ledger.load_design(request.param), ledger.load_claims(request.param)
    before = printed.copy()
    found = audit(plan, printed)
    pd.testing.assert_frame_equal(printed, before)
    return request.param, printed, found


def test_frames_have_their_columns(paper):
    _, printed, found = paper
    assert tuple(found.checks.columns) == CHECK_COLUMNS
    assert tuple(found.findings.columns) == FINDING_COLUMNS
    assert tuple(found.implied.columns) == IMPLIED_COLUMNS
    assert found.checks["check_id"].is_unique and found.findings["finding_id"].is_unique
    known = set(printed["id"])
    for frame in (found.checks, found.findings, found.implied):
        assert all(set(ids) <= known for ids in frame["claims"])
    assert set(found.checks["verdict"]) <= {"consistent", "inconsistent", "cannot tell"}


def test_every_contradiction_is_in_exactly_one_finding(paper):
    _, _, found = paper
    failed = found.checks.loc[found.checks["verdict"] == "inconsistent", "check_id"]
    mentioned = [c for checks in found.findings["checks"] for c in checks]
    assert sorted(c for c in mentioned if c in set(failed)) == sorted(failed)


def test_soft_checks_alone_are_never_of_high_confidence(paper):
    _, _, found = paper
    soft = set(found.checks.loc[found.checks["soft"], "check_id"])
    for row in found.findings.to_dict("records"):
        if set(row["checks"]) <= soft:
            assert row["confidence"] != "high"


def test_findings_have_a_sentence_and_a_class(paper):
    _, _, found = paper
    assert set(found.findings["class"]) <= {"misprint", "reporting", "substantive", "scanning"}
    assert (found.findings["sentence"].str.len() > 10).all()
    assert found.findings["rank"].tolist() == list(range(1, len(found.findings) + 1))


def test_the_order_of_the_ledger_does_not_matter(paper):
    study, printed, found = paper
    if len(printed) > 400:
        pytest.skip("the smaller ledger shows it")
    shuffled = audit(ledger.load_design(study), printed.sample(frac=1, random_state=3))
    wanted = {frozenset(ids) for ids in found.findings["claims"]}
    assert {frozenset(ids) for ids in shuffled.findings["claims"]} == wanted


#: Worked by hand from the papers' text; the arithmetic is in each line.
BY_HAND = {
    "mskcc_hai": {
        "re-hai-yes-hai-timing-adjuvant-n": "308 + 59 = 367, not 366",
        "ab-os-kras-wild-hai-yes-rate-60": "78 in the abstract, 76 in the results",
        "re-os-kras-mutant-uv-hr": "1.65 in the text, 1.64 in the table",
        "t2-rfs-kras-mutant-mv-p": "1.35 (1.04-1.76): z = 2.24, p = 0.025, not 0.003",
        "t2-rfs-margin-positive-mv-p": "1.99 (1.29-3.06): z = 3.12, p = 0.0018, not <0.001",
        "t3-os-kras-mutant-mv-p": "1.66 (1.19-2.30): z = 3.01, p = 0.0026, not <0.001",
        "t3-os-crs-high-high-mv-p": "1.74 (1.24-2.43): z = 3.23, p = 0.0012, not <0.001",
        "t2-rfs-extrahepatic-yes-mv-hr-low": "sqrt(0.27 * 2.37) = 0.80, not 1.74",
        "t2-rfs-age-uv-hr-high": "sqrt(0.99 * 1.9) = 1.37, not 0.99",
        "t2-rfs-sex-female-uv-hr-low": "sqrt(0.68 * 1.10) = 0.86, not 0.92",
        "t2-rfs-two-stage-yes-uv-hr": "sqrt(1.06 * 2.05) = 1.47, not 1.4",
        "t3-os-margin-positive-uv-hr": "sqrt(1.68 * 3.27) = 2.34, not 2.30",
        "t3-os-hai-yes-mv-hr-high": "sqrt(0.39 * 0.77) = 0.55, not 0.53",
        "t3-os-age-uv-p": "1.00 (0.99-1.02): |z| < 0.98, p > 0.33, not 0.07",
        "t1-hai-no-n-tumours-median": "144 of 308 solitary (47 %): the median is 2 or more",
        "t1-hai-no-more-than-3-yes-percent": "70/308 = 22.7 %, not 22 %",
        "t1-hai-yes-timing-metachronous-percent": "120/366 = 32.8 %, not 32 %",
        "t1-hai-no-kras-wild-percent": "183/308 = 59.4 %, not 60 %",
        "t1-hai-extrahepatic-p": "42/308 against 26/366: 0.005 to 0.007, not 0.02",
        "t1-hai-no-age-min": "52 to 71 are the quartiles of the text",
        "re-firstrecurrence-hai-yes-site-extrahepatic-yes-percent": "143/366 = 39 %; 21 % of 674",
        "di-firstrecurrence-kras-site-liver-yes-difference-direction": "93/256 = 36 % in mutant, "
        "121/418 = 29 % in wild type: higher, not lower",
        "t3-os-timing-synchronous-uv-hr-low": "0.60-1.29 is as wide as of 110 events, not 300",
        "t3-os-size-cm-uv-hr-high": "variance 80 times that of RFS, in other rows 1.5 times",
    },
    "ncch_scp": {
        "re-ras-preop-chemo-yes-difference-direction": "16/63 mutant, 41/87 wild: 25 % < 47 %",
        "t3-scp-preop-chemo-yes-uv-p": "0.05 < 0.1, yet not in the model",
        "re-osafterrecurrence-short-scp-no-median": "(43.04 + 88.07)/2 = 65.56, not 66.00",
    },
}


def test_errors_worked_by_hand_are_found(paper):
    study, _, found = paper
    wrong = found.findings[found.findings["verdict"] == "inconsistent"]
    accused = {claim for ids in wrong["claims"] for claim in ids}
    assert set(BY_HAND.get(study, {})) <= accused


def test_the_catalogue_is_a_frame():
    frame = catalogue()
    assert list(frame.columns) == ["kind", "asks", "assumes", "blind", "soft"]
    assert frame["kind"].is_unique


# ---- the code names no study ----------------------------------------------------


def _strings(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize("study", ledger.studies())
def test_the_code_names_no_study(study):
    plan, printed = ledger.load_design(study), ledger.load_claims(study)
    names = {study, *plan.columns, *plan.factors, *plan.endpoints, *printed["id"]}
    names |= set(printed["printed"][printed["kind"] == "direction"])
    for path in PACKAGE.glob("*.py"):
        assert not names & _strings(path), path.name
        text = path.read_text(encoding="utf-8")
        assert not re.search(rf"\b{re.escape(study)}\b", text)


def test_checks_have_the_same_numbers_in_every_process():
    """Sets told checks apart in the order of their hashes: whole_and_parts-001 was now one, now
    another."""
    code = (
        "from crlm import ledger; from crlm.audit import audit; "
        "found = audit(ledger.load_design('ncch_scp'), ledger.load_claims('ncch_scp')).checks; "
        "print(found[['check_id', 'printed']].to_csv())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
