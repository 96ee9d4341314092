"""The report of a paper of one's own has what its print tells of some patients alone."""

import pandas as pd
import pytest

from crlm import baseline, ledger, regression
from crlm.paper import Paper
from tests.hand_written import ROOT, Ledger, copied

CONVENTIONS = {"ties": "efron", "conf_type": "log-log", "median_rule": "first"}


@pytest.fixture
def paper(tmp_path, monkeypatch, capsys):
    """A paper that prints characteristics of men and of synchronous disease, and their curves."""
    folder = copied("mskcc_hai", tmp_path)
    for name in ("cohort.csv", "history.csv", "cohort.source.toml"):
        (folder / name).write_bytes((ROOT / "data" / "mskcc_hai" / name).read_bytes())
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    study = Ledger(folder / "published.csv")
    table = study.find(statistic="n", covariate="sex", population="all", place="table1")
    curve = study.find(statistic="survival_rate", endpoint="OS", field="estimate")
    added = [
        (table, {"population": "timing=synchronous"}),
        (table, {"population": "from month 6"}),
        (curve, {"population": "sex=male", "group": "hai=yes"}),
        (curve, {"population": "all", "group": "sex=male"}),
        (curve, {"population": "sex=male", "group": "all"}),
    ]
    for at, (row, cells) in enumerate(added):
        made = list(study.rows[row])
        for name, value in {**cells, "id": f"more-{at}", "name": f"more {at}"}.items():
            made[study.header.index(name)] = value
        study.rows.append(made)
    study.write()
    made = Paper("mskcc_hai", **CONVENTIONS)
    made.patients()
    made.endpoints()
    return made


def test_populations_and_curves_that_print_tells_of_are_found(paper):
    assert paper.populations() == ["timing=synchronous"]
    assert "sex" in paper.printed_besides("timing=synchronous")
    found = paper.printed_curves("OS")
    assert ("hai", "sex=male") in found and ("sex", "all") in found and ("", "sex=male") in found
    assert (paper.design.exposure, "all") not in found and ("", "all") not in found


def test_a_table_of_some_patients_has_their_numbers_and_their_population(paper):
    made = paper.table_one("hai", variables=["age", "sex"], population="timing=synchronous")
    inside = paper.included[paper.included["timing"] == "synchronous"]
    want = baseline.table_one(inside, "hai", ["age", "sex"], population="timing=synchronous")
    pd.testing.assert_frame_equal(
        made.rows[want.columns].reset_index(drop=True), want, check_dtype=False
    )
    assert set(made.rows["population"]) == {"timing=synchronous"}


def test_curves_of_some_patients_have_their_numbers_and_their_population(paper):
    frame = paper.frames["OS"]
    rows = paper.curves("OS", by="hai", at=[60], population="sex=male", ratio=True).rows
    assert set(rows["population"]) == {"sex=male"} and "hazard_ratio" in set(rows["statistic"])
    sizes = rows[(rows["statistic"] == "n") & (rows["group"] == "hai=yes")]["estimate"]
    men = frame[(frame["sex"] == "male").to_numpy(dtype=bool, na_value=False)]
    assert sizes.iloc[0] == (men["hai"] == "yes").sum()


def test_levels_that_nobody_of_them_has_are_no_groups(paper):
    inside = paper.inside(paper.included, "hai=yes")
    assert list(inside["hai"].cat.categories) == ["yes"]
    known = paper.inside(paper.included, "timing=known")
    assert len(known) == paper.included["timing"].notna().sum()


def test_means_stand_where_print_has_them():
    design = ledger.load_design("mskcc_hai")
    patients = pd.DataFrame({"age": [50.0, 60, 70, 80], "cea": [1.0, 2, 3, 9], "hai": list("aabb")})
    made = baseline.table_one(patients, "hai", ["age", "cea"], design=design, means=["age"])
    assert set(made.loc[made["statistic"] == "mean", "covariate"]) == {"age"}
    assert set(made.loc[made["statistic"] == "median", "covariate"]) == {"age", "cea"}


def test_shares_of_unknown_values_stand_where_print_has_them(paper):
    paper.table_one("hai", variables=["age", "cea"])
    assert "percent_missing" not in set(paper.results["statistic"])
    row = {**paper.claims.iloc[0], "statistic": "percent_missing", "covariate": "cea"}
    paper.claims = pd.concat([paper.claims, pd.DataFrame([row])], ignore_index=True)
    paper.table_one("hai", variables=["cea", "sex"], population="timing=synchronous")
    made = paper.results[paper.results["statistic"] == "percent_missing"]
    asked = made[(made["covariate"] == "cea") & (made["group"] == "hai=yes")].iloc[0]
    inside = paper.included[(paper.included["timing"] == "synchronous")]
    inside = inside[(inside["hai"] == "yes").to_numpy(dtype=bool, na_value=False)]
    assert asked["estimate"] == pytest.approx(100 * inside["cea"].isna().mean())
    assert asked["unit"] == "%" and asked["population"] == "timing=synchronous"


def test_an_effect_by_subgroup_has_each_ratio_and_the_interaction(paper):
    row = {**paper.claims.iloc[0], "kind": "number", "endpoint": "OS", "statistic": "hazard_ratio"}
    row |= {"covariate": "hai", "level": "yes", "model": "univariable", "population": "sex=male"}
    paper.claims = pd.concat([paper.claims, pd.DataFrame([row])], ignore_index=True)
    assert paper.printed_subgroups("OS") == ["kras", "sex"]
    within = ["sex", "timing"]
    made = paper.subgroups("OS", of="hai", within=within).rows
    alone = made[(made["model"] == "univariable") & (made["statistic"] == "hazard_ratio")]
    assert list(alone["population"]) == [
        f"{name}={level}" for name in within for level in paper.design.levels(name)
    ]
    men = paper.inside(paper.frames["OS"], "sex=male")
    direct = regression.univariable(men, ["hai"], ties="efron")
    expected = direct.loc[direct["statistic"] == "hazard_ratio", "estimate"].iloc[0]
    assert alone["estimate"].iloc[0] == expected
    joint = made[(made["model"] == "interaction") & (made["statistic"] == "p")]
    assert list(joint["covariate"]) == ["hai:sex", "hai:timing"]
    assert joint["level"].iloc[0] == "yes:female"


def test_printed_subgroups_and_numbers_at_risk_are_found(paper):
    asked = {**paper.claims.iloc[0], "kind": "number", "endpoint": "RFS", "population": "all"}
    exposure = paper.design.exposure
    product = {"model": "interaction", "statistic": "p", "covariate": f"{exposure}:sex"}
    left = {"statistic": "n_at_risk", "time": 18.0, "group": f"{exposure}=yes", "model": ""}
    rows = [{**asked, **product}, {**asked, **left}]
    paper.claims = pd.concat([paper.claims, pd.DataFrame(rows)], ignore_index=True)
    assert paper.printed_subgroups("RFS") == ["sex"]
    assert paper.months_at_risk("RFS") == [18.0] and paper.months_at_risk("OS") is None
    made = paper.curves("RFS", by="hai", at=[60]).rows
    assert set(made.loc[made["statistic"] == "n_at_risk", "time"]) == {18.0}
