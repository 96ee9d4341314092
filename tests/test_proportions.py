"""Limits of percentages: by hand, by R, in a table, in a ledger and in a certificate."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from crlm import ledger
from crlm.audit import audit, limits_otherwise
from crlm.cli_study import describe
from crlm.comparison import compare
from crlm.ledger.vocabulary import PERCENT_LIMITS
from crlm.paper import Paper, outcomes
from crlm.proportions import percent_limits
from crlm.reconstruction import certificate, proportions, spreads
from crlm.reconstruction.programs import by_python
from crlm.reconstruction.quantities import quantity_of
from crlm.report.characteristics import baseline_table
from tests.hand_written import ROOT, Ledger, copied

BY_R = pd.read_csv(Path(__file__).parent / "reference" / "proportions.csv")
CONVENTIONS = {"ties": "efron", "conf_type": "log-log", "median_rule": "first"}


@pytest.mark.parametrize("method", PERCENT_LIMITS)
def test_limits_are_those_of_r(method):
    held = BY_R[BY_R["method"] == method]
    assert len(held) == 6
    for row in held.itertuples():
        ends = (row.low, row.high)
        assert percent_limits(row.x, row.n, method) == pytest.approx(ends, rel=1e-9, abs=1e-9)
        own = [100 * end for end in proportions.limits(row.x, row.n, method)]
        assert own == pytest.approx(ends, rel=1e-9, abs=1e-9)


def test_nobody_has_no_limits():
    assert all(end != end for end in percent_limits(0, 0, "wilson"))


def added(study, **cells):
    """A percentage and its limits: synchronous disease among those with infusion, Table 1."""
    row = study.find(statistic="n", covariate="timing", group="hai=yes", place="table1")
    for at, (field, value) in enumerate(cells.items()):
        made = list(study.rows[row])
        own = {"statistic": "percent", "unit": "%", "field": field}
        own |= {"decimals": str(len(value.partition(".")[2]))}
        own |= {"id": f"share-{at}", "name": f"share {at}", "printed": value, "value": value}
        for name, text in own.items():
            made[study.header.index(name)] = text
        study.rows.append(made)
    study.write()


@pytest.fixture
def printed(tmp_path, monkeypatch):
    folder = copied("mskcc_hai", tmp_path)
    for name in ("cohort.csv", "history.csv", "cohort.source.toml"):
        (folder / name).write_bytes((ROOT / "data" / "mskcc_hai" / name).read_bytes())
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    return Ledger(folder / "published.csv")


def test_print_s_limits_stand_in_table_1_and_in_the_certificate(printed, capsys):
    added(printed, estimate="67", conf_low="62", conf_high="72")
    paper = Paper("mskcc_hai", **CONVENTIONS)
    paper.patients()
    paper.endpoints()
    made = paper.table_one("hai", variables=["timing", "sex"])
    rows = made.rows[made.rows["statistic"] == "percent"]
    assert rows.loc[rows["covariate"] == "sex", "conf_low"].isna().all()
    own = rows[rows["covariate"] == "timing"]
    for row in own.itertuples():
        count = round(row.estimate * row.n / 100)
        assert (row.conf_low, row.conf_high) == percent_limits(count, int(row.n), "exact")
        assert row.method == "percent of the non-missing, Clopper-Pearson CI"
    table = re.sub(r"<[^>]+>", "", str(baseline_table(made.rows, paper.design)))
    assert "% of known; 95 % Clopper-Pearson CI of time to liver metastases" in table
    cells = re.findall(r"\d+ \(\d+ %[^)]*\)", table)
    assert [bool(re.search(r"; \d+–\d+\)", cell)) for cell in cells] == [True] * 6 + [False] * 6
    claims = ledger.load_claims("mskcc_hai")
    mine = claims[claims["id"].str.startswith("share-")]
    found = compare(made.rows, mine)
    assert found["verdict"].notna().all() and (found["verdict"] != "no result").all()
    design, frames = paper.design, paper.frames
    for claim in mine.to_dict("records"):
        asked = certificate._for_certificate(claim, design)
        value = by_python(asked, frames, design)
        assert value == pytest.approx(found.loc[found["id"] == claim["id"], "computed"].iloc[0])
        # The search aims at the number itself; its limits follow from it.
        aimed = quantity_of(claim, design)
        assert isinstance(aimed, str) == (claim["field"] != "estimate")


def test_a_search_begins_with_the_percentage_and_not_with_its_limit(printed):
    added(printed, conf_low="62", conf_high="72", estimate="67")
    claims = ledger.load_claims("mskcc_hai")
    found = spreads.printed(claims, "percent", "hai=yes", "timing", "synchronous")
    assert found == 67


def test_limits_of_a_group_s_share_are_refused(printed):
    added(printed, estimate="67", conf_low="62", conf_high="72")
    for row in printed.rows[-2:]:
        for column in ("covariate", "level"):
            row[printed.header.index(column)] = ""
    printed.write()
    with pytest.raises(ledger.LedgerError, match="is empty: limits of a percentage"):
        ledger.load_claims("mskcc_hai")


def test_percentages_beside_odds_ratios_have_them_where_print_has():
    keys = {"endpoint": "", "model": "univariable", "covariate": "sex"}
    found = pd.DataFrame(
        [{**keys, "level": "male", "statistic": "odds_ratio", "events": 9, "n": 30}]
    )
    rows = outcomes.outcome_rows(found, ["sex"], "margin", "positive", "wilson")
    share = rows[rows["statistic"] == "percent"].iloc[0]
    assert (share["conf_low"], share["conf_high"]) == percent_limits(9, 30, "wilson")
    assert rows.loc[rows["statistic"] == "n", "conf_low"].isna().all()


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [("62", "72", "consistent"), ("60", "72", "inconsistent"), ("69", "72", "cannot tell")],
)
def test_the_audit_holds_limits_against_their_patients(printed, low, high, verdict):
    added(printed, estimate="67", conf_low=low, conf_high=high)
    found = audit(ledger.load_design("mskcc_hai"), ledger.load_claims("mskcc_hai")).checks
    own = found[found["kind"] == "limits_of_a_percentage"]
    assert own["verdict"].tolist() == [verdict]


@pytest.mark.parametrize(
    ("said", "low", "high", "told"),
    [
        ("exact", "62.1", "72.0", {}),
        ("exact", "62.4", "72.0", {"conf_low", "conf_high"}),
        ("wald", "62.4", "72.0", {}),
        ("wilson", "62.1", "72.0", {"conf_low", "conf_high"}),
    ],
)
def test_limits_by_another_method_than_the_design_s_are_told(printed, said, low, high, told):
    """246 of 366: exact limits are 62.1 and 72.0, Wald's 62.4 and 72.0, Wilson's 62.2 and 71.8."""
    added(printed, estimate="67.2", conf_low=low, conf_high=high)
    design = ledger.load_design("mskcc_hai")
    design = replace(design, conventions={**design.conventions, "percent_limits": said})
    claims = ledger.load_claims("mskcc_hai")
    found = limits_otherwise(audit(design, claims).checks, design)
    fields = claims.set_index("id").loc[[*found], "field"]
    assert {*fields} == {*told}
    lines = "\n".join(describe(design, claims))
    assert ("percent_limits in [conventions] may say: 2 claims" in lines) == bool(told)
    assert not told or f"share-1, share-2: {next(iter(found.values()))}" in lines
