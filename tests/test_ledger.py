"""The ledger refuses what is at fault, and every statistic is in the one vocabulary."""

import ast
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from crlm import ledger
from crlm.ledger import LedgerError

ROOT = Path(__file__).parents[1]
STUDIES = ("ncch_scp", "mskcc_hai")

#: The words for analyses that are still to come; they are named before they are built.
PLANNED = """
risk_difference cumulative_incidence cumulative_incidence_difference
subdistribution_hazard_ratio transition_hazard_ratio state_probability months_in_state
months_in_state_difference ratio_of_hazard_ratios difference_of_risk_differences
difference_of_rmst_differences reri posterior_probability power e_value e_value_limit
effective_n max_weight propensity_auc percent_tested percent_missing events_per_parameter
expected_shrinkage optimism flag
""".split()


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A study folder whose ledger can be changed: returns the frame and a writer."""
    folder = tmp_path / "ncch_scp"
    folder.mkdir()
    shutil.copy(ROOT / "data" / "ncch_scp" / "design.toml", folder / "design.toml")
    shutil.copy(ROOT / "data" / "columns.toml", tmp_path / "columns.toml")
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    path = ROOT / "data" / "ncch_scp" / "published.csv"
    claims = pd.read_csv(path, dtype=str, keep_default_na=False)

    def write(frame):
        frame.to_csv(folder / "published.csv", index=False)
        return ledger.load_claims("ncch_scp")

    return claims, write


def refused(write, claims):
    with pytest.raises(LedgerError) as caught:
        write(claims)
    return str(caught.value)


def test_the_shipped_ledger_passes_as_it_is(written):
    claims, write = written
    assert len(write(claims)) == len(claims)


def test_all_rows_at_fault_are_told_at_once_as_excel_counts_them(written):
    claims, write = written
    claims.loc[0, "name"] = " "
    claims.loc[4, "name"] = claims.loc[3, "name"]
    claims.loc[5, "statistic"] = "hazard_ration"
    claims.loc[6, "id"] = claims.loc[1, "id"]
    claims.loc[7, "value"] = "11.9"
    claims.loc[8, "time"] = "five"
    claims.loc[9, "field"] = "upper"
    text = refused(write, claims)
    lines = dict(re.findall(r"^  row (\d+): (.*)$", text, re.MULTILINE))
    assert set(lines) == {"2", "6", "7", "8", "9", "10", "11"}
    assert "name is empty" in lines["2"] and "say" in lines["2"]
    assert "stands in row 5 with the same locator" in lines["6"]
    assert "did you mean 'hazard_ratio'?" in lines["7"]
    assert "is used in row 3 too" in lines["8"]
    assert "'11.80' but value 11.9" in lines["9"]
    assert "time 'five' is no number" in lines["10"]
    assert "estimate, conf_low, conf_high" in lines["11"]


def test_a_name_may_come_back_at_another_place(written):
    claims, write = written
    claims["locator"] = [f"place {k}" for k in range(len(claims))]
    assert len(write(claims.assign(name="Number of patients"))) == len(claims)


def test_a_ledger_with_hundreds_of_faults_stays_readable(written):
    claims, write = written
    text = refused(write, claims.assign(statistic="ratio"))
    assert text.count("\n") == 21 and text.endswith("and 342 more")


def test_a_ledger_without_names_says_what_to_add(written):
    claims, write = written
    assert "lacks the column name" in refused(write, claims.drop(columns="name"))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b'id,name\n"open', b""])
def test_a_file_that_is_no_table_is_refused_in_words(written, content):
    _, write = written
    with pytest.raises(LedgerError):
        write(pd.DataFrame())
    (ledger.data_folder() / "ncch_scp" / "published.csv").write_bytes(content)
    with pytest.raises(LedgerError, match=r"data/ncch_scp/published\.csv"):
        ledger.load_claims("ncch_scp")


# ---- the vocabulary of statistics -------------------------------------------


def emitted():
    """Every statistic that the code writes as a word into a result row."""
    for path in sorted((ROOT / "crlm").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            pairs = []
            if isinstance(node, ast.Dict):
                pairs = list(zip(node.keys, node.values, strict=True))
            elif isinstance(node, ast.Call):
                pairs = [(ast.Constant(k.arg), k.value) for k in node.keywords]
            for key, value in pairs:
                if isinstance(key, ast.Constant) and key.value == "statistic":
                    if isinstance(value, ast.Constant) and value.value:
                        yield value.value, path.name


def test_every_statistic_that_the_code_writes_is_in_the_vocabulary():
    found = dict(emitted())
    assert {"hazard_ratio", "median_survival", "concordance", "rmst", "smd"} <= set(found)
    assert not {name: path for name, path in found.items() if name not in ledger.STATISTICS}


@pytest.mark.parametrize("study", STUDIES)
def test_every_statistic_of_a_result_row_is_in_the_vocabulary_with_its_unit(study):
    path = ROOT / "tests" / "golden" / f"{study}_rows.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    assert set(rows["statistic"]) <= set(ledger.STATISTICS)
    plain = rows[~rows["statistic"].isin(["difference", "median", "min", "max", "q1", "q3"])]
    told = plain["statistic"].map(lambda name: ledger.STATISTICS[name].unit)
    assert (told == plain["unit"]).all()


def test_what_is_planned_has_its_word_already():
    assert set(PLANNED) <= set(ledger.STATISTICS)


def test_a_statistic_is_called_something_and_no_two_the_same():
    labels = [s.label for s in ledger.STATISTICS.values()]
    assert all(labels) and len(set(labels)) == len(labels)
    sentences = [s.sentence for s in ledger.STATISTICS.values()]
    assert all(sentences) and len(set(sentences)) == len(sentences)
    assert all(s.decimals is None or 0 <= s.decimals <= 3 for s in ledger.STATISTICS.values())
