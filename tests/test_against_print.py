"""What reconstruction.toml declares is held against the ledger before a search."""

import re
from datetime import date

import pytest

from crlm import cli, ledger, reconstruction
from crlm.ledger import DesignError
from tests.hand_written import Ledger, copied, edit

STUDIES = ("ncch_scp", "mskcc_hai", "uab_msi")


def told(data, study, monkeypatch):
    monkeypatch.setenv("CRLM_DATA", str(data))
    design = ledger.load_design(study)
    wishes, claims = reconstruction.wishes_of(design), ledger.load_claims(study)
    return [f"{f.place}: {f.text}" for f in reconstruction.print_faults(design, wishes, claims)]


@pytest.mark.parametrize("study", STUDIES)
def test_what_the_studies_declare_fits_their_print(study, tmp_path, monkeypatch):
    copied(study, tmp_path)
    assert told(tmp_path, study, monkeypatch) == []


@pytest.mark.parametrize(
    ("study", "old", "new", "fault"),
    [
        (
            "mskcc_hai",
            r"counts = \{ no = \{ no = 17, yes = 291 \}",
            "unknown = { no = 5 }\ncounts = { no = { no = 17, yes = 291 }",
            r"\[columns.systemic_chemo\] unknown: 313 patients with hai = no, counts and unknown "
            "together, of whom print has 308; correct one.",
        ),
        (
            "mskcc_hai",
            r'"hai=no" = 211',
            '"hai=no" = 911',
            r"\[sites.recurrences\]: 911 with hai=no, of whom print has 308; correct it.",
        ),
        (
            "mskcc_hai",
            r"\[0.5, 62.5\]",
            "[0.5, 55.5]",
            r"\[columns.age\] knots: 55.5 at the share 0.5 of hai = no, and print has 62.5 as its "
            "median; correct it, or name it in misread.",
        ),
        (
            "ncch_scp",
            "other = 13",
            "wild = 0, other = 11",
            r"\[columns.kras_codon\] counts: 61 patients with ras = mutant, of whom print has 63; "
            r"correct it, or say unknown = \{ mutant = 2 \}",
        ),
        (
            "ncch_scp",
            r"\[columns.size_cm\]\ngrid = 0.1",
            "[columns.size_cm]\ngrid = 4",
            r"\[columns.size_cm\] grid: no value in steps of 4 is the m\w+ that print has, ",
        ),
        (
            "ncch_scp",
            r"bilobar=yes\", \"n_tumours==1",
            'bilobar=yes", "ras=wild',
            r"\[realism\] never: bilobar=yes and ras=wild: print has \d+ such patients \(.*\); rem",
        ),
        (
            "ncch_scp",
            "codon12 = 38",
            "codon12 = 39",
            r"\[columns.kras_codon\] counts: 64 patients with ras = mutant, of whom print has 63",
        ),
        (
            "ncch_scp",
            "codon12 = 38, codon13 = 12, ",
            "codon12 = 38, ",
            r"\[columns.kras_codon\] counts: 51 patients with ras = mutant, .*; name wild, co",
        ),
        (
            "mskcc_hai",
            r"adjuvant = 307, before_and_after = 59",
            "adjuvant = 308, before_and_after = 58",
            r"\[columns.hai_timing\] counts: 58 with hai = yes are before_and_after, .* 59 \(re",
        ),
        (
            "ncch_scp",
            r"^\[columns\.kras_codon\]",
            "[columns.bilobar]\nunknown = { wild = 870 }\n[columns.kras_codon]",
            r"\[columns.bilobar\] unknown: 870 patients with ras = wild, of whom print has 87",
        ),
        (
            "ncch_scp",
            "^first = .*?^cut_off = .*?$",
            "first = 2021-01-01\nlast = 2021-12-31\ncut_off = 2022-12-31",
            r"\[period\]: 24 months lie between first and cut_off, and print goes beyond them \(",
        ),
        (
            "ncch_scp",
            "^grid = 0.1",
            "grid = 100.0",
            r".*grid: 100 is wider than all that print has of it \(.* to .*\); it is the step",
        ),
        (
            "ncch_scp",
            r"^\[included\]",
            '[included]\nsex = "male"',
            r"\[included\] sex: 'male' of every patient, but print has \d+ who are female \(t1-",
        ),
        (
            "ncch_scp",
            '^braf = "wild"',
            "",
            r"\[included\]: lacks braf, which .* has, .* the step included; write braf",
        ),
        (
            "ncch_scp",
            "^n = 143",
            "n = 142",
            r"\[\[screened\]\]: 314 patients at 'start' .*, of whom print has 315 \(.*; correct n",
        ),
        (
            "ncch_scp",
            r"^\[dressing\.preop_regimen\]\nby",
            '[dressing.sidedness]\nby = "ras"\nweights = { wild = { left = 1 }, '
            "mutant = { left = 1 } }\n[dressing.preop_regimen]\nby",
            r"\[dressing.sidedness\]: print has numbers of sidedness \(re-.*which the s",
        ),
    ],
)
def test_what_print_has_otherwise_is_told(study, old, new, fault, tmp_path, monkeypatch):
    edit(copied(study, tmp_path) / "reconstruction.toml", old, new)
    found = told(tmp_path, study, monkeypatch)
    assert any(re.match(fault, text) for text in found), found
    with pytest.raises(DesignError, match=re.escape(found[0])):
        reconstruction.reconstruct(study, tmp_path / "out")


def test_groups_whose_sizes_are_not_printed_are_told(tmp_path, monkeypatch):
    edit(copied("ncch_scp", tmp_path) / "reconstruction.toml", r'\["ras"\]', '["ras", "sex"]')
    study = Ledger(tmp_path / "ncch_scp" / "published.csv")
    study.change({"statistic": "n", "covariate": "sex", "group": "ras=wild"}, group="ras=mutant")
    found = told(tmp_path, "ncch_scp", monkeypatch)
    assert any(re.match(r"\[groups\] columns: the number .* ras=\w+ and sex=", f) for f in found)


def test_groups_that_leave_patients_out_are_told(tmp_path, monkeypatch):
    """PMC5514258 knows radiotherapy of 8236 in 8243: the cohort had 8236 rows, without a word."""
    study = Ledger(copied("mskcc_hai", tmp_path) / "published.csv")
    study.change({"id": "t1-hai-yes-kras-wild-n"}, value="232", printed="232")
    found = told(tmp_path, "mskcc_hai", monkeypatch)
    said = "[groups] columns: the groups of hai and kras are 363 patients with hai = yes, and print"
    (fault,) = (text for text in found if text.startswith(f"{said} has 366. Leave out kras"))
    size = re.search(r"name that size in \[excluded\] \((.*)\)\.", fault)[1]
    reasons = "".join(f'{name} = "KRAS is unknown in 3"\n' for name in size.split(", "))
    path = tmp_path / "mskcc_hai" / "reconstruction.toml"
    edit(path, r"^\[excluded\]$", f"[excluded]\n{reasons}")
    assert not any("[groups]" in text for text in told(tmp_path, "mskcc_hai", monkeypatch))


def test_groups_that_are_not_all_patients_are_told(tmp_path, monkeypatch):
    """PMC5668343 knows its marker of 1270 in 1396: so many rows the cohort had, without a word."""
    folder = copied("mskcc_hai", tmp_path)
    edit(folder / "reconstruction.toml", r'^columns = \["hai", "kras"\]', 'columns = ["hai"]')
    for name in ("ti-n", "ab-n", "re-n", "di-n"):
        assert not any("[groups]" in text for text in told(tmp_path, "mskcc_hai", monkeypatch))
        Ledger(folder / "published.csv").change({"id": name}, value="680", printed="680")
    (fault,) = (t for t in told(tmp_path, "mskcc_hai", monkeypatch) if "[groups]" in t)
    assert "the groups of hai are 674 patients, and print has 680 in all" in fault


def test_counts_of_some_groups_alone_are_told(tmp_path, monkeypatch):
    path = copied("ncch_scp", tmp_path) / "reconstruction.toml"
    edit(path, r"counts = \{ wild = \{ wild = 87 \}, ", "counts = { ")
    (found,) = told(tmp_path, "ncch_scp", monkeypatch)
    assert found.startswith("[columns.kras_codon] counts: neither they nor print say how many with")


def test_a_claim_that_is_excluded_is_held_against_nothing(tmp_path, monkeypatch):
    """307 are declared, 308 printed: the shipped file says why, by name."""
    folder = copied("mskcc_hai", tmp_path)
    assert told(tmp_path, "mskcc_hai", monkeypatch) == []
    edit(folder / "reconstruction.toml", "^re-hai-yes-hai-timing-adjuvant-n = .*?$", "")
    (found,) = told(tmp_path, "mskcc_hai", monkeypatch)
    assert "307 with hai = yes are adjuvant, of whom print has 308" in found


def test_a_follow_up_in_years_is_held_against_the_period_in_months(tmp_path, monkeypatch):
    study = Ledger(copied("ncch_scp", tmp_path) / "published.csv")
    where = {"statistic": "median_survival", "kind": "number", "field": "estimate"}
    study.change(where, value="7.0", printed="7.0", decimals="1", unit="years")
    assert told(tmp_path, "ncch_scp", monkeypatch) == []
    study.change(where, value="70", printed="70", decimals="0")
    (found,) = told(tmp_path, "ncch_scp", monkeypatch)
    assert found.startswith("[period]: ")


def test_faults_of_ledger_and_of_reconstruction_are_told_together(tmp_path, monkeypatch, capsys):
    folder = copied("ncch_scp", tmp_path)
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    Ledger(folder / "published.csv").change({"statistic": "n"}, kind="numbr")
    late = date(date.today().year + 1, 1, 1)
    edit(folder / "reconstruction.toml", "^cut_off = .*?$", f"cut_off = {late}")
    assert cli.main(["ledger", "ncch_scp"]) == 2
    said = capsys.readouterr().err
    assert "'numbr' is not known" in said and f"cut_off: {late} is still to come" in said


def test_columns_of_which_print_says_too_little_are_told_at_once(tmp_path, monkeypatch):
    folder = copied("ncch_scp", tmp_path)
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    study = Ledger(folder / "published.csv")
    at = study.header.index("covariate")
    kept = [row for row in study.rows if row[at] not in ("size_cm", "cea", "sidedness")]
    study.rows = kept
    study.write()
    with pytest.raises(DesignError) as caught:
        reconstruction.reconstruct("ncch_scp", tmp_path / "out")
    assert all(name in str(caught.value) for name in ("size_cm", "cea"))


def test_numbers_at_risk_are_aimed_at(tmp_path, monkeypatch):
    study = Ledger(copied("ncch_scp", tmp_path) / "published.csv")
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    row = list(study.rows[study.find(statistic="survival_rate")])
    cells = {"id": "f1-risk", "statistic": "n_at_risk", "unit": "patients", "printed": "31"}
    cells |= {"value": "31", "decimals": "0", "name": "at risk", "operator": "="}
    for name, value in cells.items():
        row[study.header.index(name)] = value
    study.rows.append(row)
    study.write()
    aim = reconstruction.goal(ledger.load_design("ncch_scp"), ledger.load_claims("ncch_scp"), {})
    aimed = next(target for target in aim.targets if "f1-risk" in target.claims)
    assert aimed.quantity.kind == "risk" and aimed.low < 31 < aimed.high < 31.6
