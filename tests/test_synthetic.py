"""What a report says about a synthetic cohort: its certificate, and what print leaves open."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from crlm import ledger
from crlm.reconstruction.certificate import analysis_frames
from crlm.report import synthetic


@pytest.fixture
def shipped(tmp_path):
    """A cohort with its certificate, in a folder of its own, and a second opinion on it."""
    design = ledger.load_design("ncch_scp")
    for name in ("cohort.csv", "history.csv", "certificate.json"):
        shutil.copy(design.folder / name, tmp_path / name)
    held = json.loads((tmp_path / "certificate.json").read_text(encoding="utf-8"))
    claims = ledger.load_claims("ncch_scp")[["id", "kind", "place", "name"]]
    verdicts = pd.DataFrame(held["verdicts"])[["id", "computed"]].merge(claims, on="id")
    source = {"kind": "reconstructed", "path": str(tmp_path / "cohort.csv")}
    frames = analysis_frames(design, tmp_path / "cohort.csv", tmp_path / "history.csv")
    return source, design, verdicts, held, frames["patients"]


def test_a_certificate_says_how_much_is_met_and_what_is_not(shipped):
    source, design, verdicts, held, included = shipped
    told, *tables = synthetic.certificate(source, design, verdicts, included)
    counted = held["claims"] - held["excluded"]
    assert f"{held['matched']} of {counted} claims match" in told.text
    text = "\n".join(piece.text for piece in tables)
    missed = [v for v in held["verdicts"] if v["id"] in held["not_matched"]]
    names = dict(zip(verdicts["id"], verdicts["name"], strict=True))
    assert missed and all(v["locator"] in text or names[v["id"]] in text for v in missed)
    assert all(v["excluded"] in text for v in held["verdicts"] if v["excluded"])


def test_claims_that_share_a_locator_are_told_apart(shipped):
    """Of a table that was imported, a ratio and its limits were "table2, > 4" three times."""
    source, design, verdicts, held, included = shipped
    path = Path(source["path"]).parent / "certificate.json"
    alike = [{**v, "locator": "table2, > 4"} for v in held["verdicts"]]
    path.write_text(json.dumps({**held, "verdicts": alike}), encoding="utf-8")
    _, *tables = synthetic.certificate(source, design, verdicts, included)
    text = "\n".join(piece.text for piece in tables)
    said = verdicts.set_index("id").loc[held["not_matched"]]
    assert said.index.size and all(name in text for name in said["name"])
    assert "table2, > 4" not in text and "Table 2: " in text


def test_a_number_that_two_programs_see_differently_is_not_called_the_same(shipped):
    source, design, verdicts, _, included = shipped
    numbers = int((verdicts["computed"].notna() & (verdicts["kind"] == "number")).sum())
    told = synthetic.certificate(source, design, verdicts, included)[0]
    assert f"Of the {numbers} numbers" in told.text and f"{numbers} are the same" in told.text
    first = verdicts.index[verdicts["computed"].gt(1) & (verdicts["kind"] == "number")][0]
    verdicts.loc[first, "computed"] *= 1.01
    told = synthetic.certificate(source, design, verdicts, included)[0]
    assert f"{numbers - 1} are the same" in told.text


def test_a_changed_cohort_loses_its_certificate(shipped):
    source, design, verdicts, _, included = shipped
    folder = Path(source["path"]).parent
    with open(folder / "cohort.csv", "a", encoding="utf-8") as cohort:
        cohort.write("\n")
    (told,) = synthetic.certificate(source, design, verdicts, included)
    assert "changed after it was certified" in told.text
    (folder / "certificate.json").unlink()
    (told,) = synthetic.certificate(source, design, verdicts, included)
    assert "crlm reconstruct ncch_scp" in told.text


def test_a_certificate_says_which_values_the_search_left_out(shipped):
    source, design, verdicts, _, included = shipped
    told = synthetic.certificate(source, design, verdicts, included)[-1]
    assert told.text == "No characteristic of Table 1 is missing in any row."
    gaps = included.assign(margin=included["margin"].where(included.index >= included.index[7]))
    told = synthetic.certificate(source, design, verdicts, gaps)[-1]
    assert f"of {len(included)} rows {design.label('margin')} in 7;" in told.text
    assert f"{len(included) - 7} rows have every" in told.text


def test_a_ratio_within_a_level_is_not_called_an_interaction():
    rows = synthetic.ensemble(ledger.load_design("mskcc_hai"))[1].text.splitlines()
    within = [row for row in rows if "among KRAS mutant |" in row]
    assert within and not any(" × " in row for row in within)
    assert any(row.startswith("Hazard ratio of adjuvant HAI × KRAS") for row in rows)


def test_rows_have_beside_them_what_other_cohorts_from_the_print_give(tmp_path):
    design = ledger.load_design("mskcc_hai")
    keys = {"endpoint": "OS", "group": "hai", "statistic": "rmst_difference", "unit": "months"}
    rows = ledger.rows([{**keys, "time": 60.0, "estimate": 6.0}, {**keys, "time": 59.0}])
    told = synthetic.siblings(rows, design).text
    held = json.loads((design.folder / "ensemble.json").read_text(encoding="utf-8"))
    (one,) = (
        q for q in held["quantities"] if q["time"] == 60 and ledger.row_name(q) in names_of(rows)
    )
    range_of = f"to month 60: {one['low']:.2f} to {one['high']:.2f} months, {one['verdict']}"
    assert f"{range_of}." in told
    # What this cohort has is not passed over where it lies elsewhere.
    away = synthetic.siblings(rows.assign(estimate=4.78), design).text
    assert f"{range_of} (4.78 here, outside)." in away and "made otherwise" not in away
    assert told.count(" to month ") == 1
    assert synthetic.siblings(rows[1:], design) is None
    assert synthetic.siblings(rows, _at(design, tmp_path)) is None


@pytest.fixture
def effects():
    """Two endpoints' ratios of one model as the ensemble of Gholami et al. has them."""
    design = ledger.load_design("mskcc_hai")
    held = json.loads((design.folder / "ensemble.json").read_text(encoding="utf-8"))
    known = [
        {**q, "estimate": q["median"], "time": float("nan")}
        for q in held["quantities"]
        if q["model"] == "interaction" and q["statistic"] == "hazard_ratio"
    ]
    columns = ledger.rows([]).columns
    rows = ledger.rows([{k: v for k, v in q.items() if k in columns} for q in known])
    return design, rows, held


def test_a_cohort_that_was_made_otherwise_is_not_promised_nine_in_ten(effects):
    """Four of eleven outside read as overconfidence: it was no cohort of that kind."""
    design, rows, held = effects
    source = {"path": str(design.folder / "cohort.csv")}
    own = json.loads((design.folder / "certificate.json").read_text(encoding="utf-8"))
    assert "made otherwise" not in synthetic.siblings(rows, design, source).text
    of_rfs = rows["endpoint"] == "RFS"
    away = rows.assign(estimate=rows["estimate"].where(~of_rfs, 9.0))
    told = synthetic.siblings(away, design, source).text
    effort = own["settings"]["effort"]
    assert f"with effort {effort:g}, they with {held['effort']:g}; what print leaves" in told
    assert f"It meets {own['matched']} of {held['counted']} printed numbers" in told
    assert f"the {of_rfs.sum()} of RFS that lie outside count as one." in told
    here = synthetic.ensemble(design, away, source)[0].text
    inside = f"in the sections above {(~of_rfs).sum()} of {len(rows)} lie inside."
    assert f"{inside} Nine in ten is not promised for this cohort" in here
    one = away[~of_rfs].iloc[:1].assign(estimate=9.0)
    assert "count as one" not in synthetic.siblings(one, design, source).text


def test_a_cohort_that_was_made_alike_has_no_excuse(effects, tmp_path):
    design, rows, held = effects
    shutil.copy(design.folder / "cohort.csv", tmp_path)
    own = json.loads((design.folder / "certificate.json").read_text(encoding="utf-8"))
    own["settings"] |= {"effort": held["effort"], "unprinted": held["unprinted"]}
    (tmp_path / "certificate.json").write_text(json.dumps(own), encoding="utf-8")
    source = {"path": str(tmp_path / "cohort.csv")}
    told = synthetic.siblings(rows.assign(estimate=9.0), design, source).text
    assert "outside" in told and "made otherwise" not in told and "each." in told


def names_of(rows):
    return {ledger.row_name(row) for row in rows.to_dict("records")}


def test_without_an_ensemble_the_report_says_so(tmp_path):
    (told,) = synthetic.ensemble(_at(ledger.load_design("ncch_scp"), tmp_path))
    assert "No ensemble.json" in told.text


def _at(design, folder):
    """The same design, found in another folder."""
    from dataclasses import replace

    return replace(design, folder=folder)
