"""The report of a paper of one's own has what its print tells of some patients alone."""

import itertools
import re
from dataclasses import replace

import pandas as pd
import pytest

from crlm import baseline, ledger, privacy, regression
from crlm.comparison import compare
from crlm.paper import Paper
from crlm.report import readings
from crlm.report.figures.picture import names_of
from crlm.report.subgroups import by_factor, subgroup, subgroups_table
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
        (table, {"population": "from month 6", "endpoint": "OS", "covariate": "", "level": ""}),
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
    rules = {"categorical_test": "chi-square", "spread": "both"}  # Those of the design.
    names, among = ["age", "sex"], "timing=synchronous"
    want = baseline.table_one(inside, "hai", names, population=among, **rules)
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


def test_patients_in_no_group_are_told_where_the_groups_are_counted(paper, monkeypatch):
    """Curves of 671 patients by nodal status stood there without a word of the other three."""
    shown = []
    monkeypatch.setattr(
        "crlm.report.html.show", lambda *pieces: shown.append(" ".join(map(str, pieces)))
    )
    paper.sizes("nodal_status")
    paper.curves("OS", by="nodal_status", folded=True)
    paper.rates("OS", by="nodal_status")
    paper.from_landmark("OS", "nodal_status", month=6)
    told = [re.findall(r"(\d+) of (\d+) patients are in no group: Nodal", text) for text in shown]
    assert told[:3] == [[("3", "674")]] * 3
    assert told[3] and len(told) == 4
    paper.curves("OS", by="sex", folded=True)
    assert "in no group" not in shown[-1]


def test_levels_that_a_factor_leaves_out_are_not_unknown(paper):
    """ "Not known of them" stood there of patients whom the factor leaves out."""
    factor = {"source": "site", "levels": ["b", "c"], "groups": {"b": ["b"], "c": ["c"]}}
    columns = {**paper.design.columns, "site": {"label": "Site", "levels": ["a", "b", "c", "d"]}}
    part = {**factor, "label": "Side", "left_out": ["a", "d"]}
    design = replace(paper.design, columns=columns, factors={"side": part})
    site, side = ["a", "b", None, "c", "a"], [None, "b", None, "c", None]
    frame = pd.DataFrame({"site": site, "side": side, "sex": ["male", *["female"] * 4]})
    told = readings.in_no_group
    assert told(frame[:2], ["side"], design) == [
        "1 of 2 patients is in no group: Side leaves out a."
    ]
    assert told(frame, ["side"], design) == [
        "3 of 5 patients are in no group: Side leaves out a; Side is not known of others."
    ]
    assert told(frame[1:4], ["side", "sex"], design) == [
        "1 of 3 patients is in no group: Side is not known of them."
    ]


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
    row |= {"covariate": "hai", "level": "yes", "model": "univariable"}
    told = [{**row, "population": f"sex={level}"} for level in ("male", "female")]
    paper.claims = pd.concat([paper.claims, pd.DataFrame(told)], ignore_index=True)
    assert paper.printed_subgroups("OS") == {"all": ["kras", "sex"]}
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
    # A forest prints the events of each subgroup, as of a group.
    claim = {**row, "statistic": "events", "covariate": "", "level": "", "model": ""}
    claim |= {"group": "sex=male", "population": "all", "field": "estimate", "unit": "events"}
    claim |= {"operator": "=", "value": float(men["event"].sum()), "decimals": 0, "time": None}
    judged = compare(made, pd.DataFrame([claim]).astype({"time": float}))
    assert judged["verdict"].tolist() == ["matches"]


def test_a_forest_of_some_groups_of_the_exposure_is_among_them(paper):
    """It was taken for subgroups by the exposure itself, and the run ended there."""
    row = {**paper.claims.iloc[0], "kind": "number", "endpoint": "OS", "statistic": "hazard_ratio"}
    row |= {"covariate": "hai", "level": "yes", "model": "univariable"}
    two = "hai=no/yes"
    told = [{**row, "population": among} for among in (two, f"{two},timing=synchronous")]
    size = {"endpoint": "", "statistic": "n", "covariate": "sex", "level": "male", "model": ""}
    told.append({**row, **size, "population": two})
    paper.claims = pd.concat([paper.claims, pd.DataFrame(told)], ignore_index=True)
    assert paper.printed_subgroups("OS")[two] == ["timing"]
    assert two in paper.populations() and "hai=yes" not in paper.populations()
    made = paper.subgroups("OS", of="hai", within=["timing"], population=two).rows
    alone = made[(made["model"] == "univariable") & (made["statistic"] == "hazard_ratio")]
    levels = paper.design.levels("timing")
    assert list(alone["population"]) == [two, *(f"{two},timing={level}" for level in levels)]
    whole, *_ = by_factor(made)
    assert whole[0] == "" and [among for among, _ in whole[2]] == [two]
    assert subgroup("", two, paper.design).casefold() == "no hai or hai"


def test_tables_besides_the_first_are_found(paper):
    """One that another column splits stood in no section until somebody added its call."""
    row = {**paper.claims.iloc[0], "kind": "number", "endpoint": "", "model": "", "level": ""}
    row |= {"population": "all", "statistic": "median", "covariate": "cea"}
    told = [{**row, "group": f"sex={level}"} for level in ("male", "female")]
    told += [{**row, "group": "sex", "statistic": "p"}]
    paper.claims = pd.concat([paper.claims, pd.DataFrame(told)], ignore_index=True)
    made = {(by, among): (names, title) for by, among, names, title in paper.printed_tables()}
    assert made["sex", "all"] == (["cea"], "Characteristics by sex")
    assert made["hai", "timing=synchronous"][1].startswith("Characteristics, ")
    assert ("hai", "all") not in made or made["hai", "all"][1] == "Other characteristics"


def test_a_column_is_not_tested_between_groups_that_are_made_of_it(paper, capsys):
    """The score was tested between low and high scores: p below 0.001, one that "differs".

    The letters of its label were then called columns that the cohort does not hold.
    """
    made = paper.table_one("crs_high", variables=["crs", "sex"]).rows
    assert "Not shown" not in capsys.readouterr().out
    told = made[made["statistic"].isin(["p", "difference", "smd"])]
    assert {*told["covariate"]} == {"sex"} and "median" in {*made["statistic"]}
    # Where print has its p it is computed, as printed.
    beside = paper.claims.iloc[:1].assign(
        group="crs_high", covariate="crs", statistic="p", endpoint="", model="", level=""
    )
    paper.claims = pd.concat([paper.claims, beside])
    assert paper._untested(["crs", "sex"], "crs_high") == []
    assert paper._untested(["crs_high"], "crs") == ["crs_high"]


def test_the_events_of_everybody_are_told_by_their_curve(paper):
    assert not paper.prints_curve("SCP")
    row = {**paper.claims.iloc[0], "endpoint": "SCP", "statistic": "events", "group": "all"}
    row |= {"population": "all", "covariate": "", "model": ""}
    paper.claims = pd.concat([paper.claims, pd.DataFrame([row])], ignore_index=True)
    assert paper.prints_curve("SCP")


def test_endpoints_and_groups_of_which_print_has_counts_alone_have_curves(paper):
    """Once events of an endpoint that is no main one, and numbers at risk alone, had no section."""
    main = paper.design.main
    (other, *_) = [name for name in paper.design.endpoints if name not in main]
    paper.claims = paper.claims[~paper.claims["endpoint"].isin([other])]
    assert paper.printed_endpoints() == list(main)
    row = {**paper.claims.iloc[0], "kind": "number", "endpoint": other, "covariate": ""}
    row |= {"model": "", "population": "all", "statistic": "events", "group": "all"}
    left = {"statistic": "n_at_risk", "time": 18.0, "group": "sex=male"}
    paper.claims = pd.concat([paper.claims, pd.DataFrame([row, row | left])], ignore_index=True)
    assert paper.printed_endpoints() == [*main, other]
    assert paper.printed_curves(other) == [("sex", "all")]


def test_printed_subgroups_and_numbers_at_risk_are_found(paper):
    asked = {**paper.claims.iloc[0], "kind": "number", "endpoint": "RFS", "population": "all"}
    exposure = paper.design.exposure
    product = {"model": "interaction", "statistic": "p", "covariate": f"{exposure}:sex"}
    left = {"statistic": "n_at_risk", "time": 18.0, "group": f"{exposure}=yes", "model": ""}
    rows = [{**asked, **product}, {**asked, **left}]
    paper.claims = pd.concat([paper.claims, pd.DataFrame(rows)], ignore_index=True)
    assert paper.printed_subgroups("RFS") == {"all": ["sex"]}
    assert paper.months_at_risk("OS", paper.frames["OS"]) is None
    made = paper.curves("RFS", by="hai", at=[60]).rows
    at_risk = made.loc[made["statistic"] == "n_at_risk", "time"]
    # One number alone is no row below a curve: it had cut every curve short at its month.
    assert {0.0, 18.0} < set(at_risk) and at_risk.max() >= 60
    assert paper.months_at_risk("RFS", paper.frames["RFS"], "sex=male") is None


def test_a_printed_row_of_numbers_at_risk_stands_as_it_is(paper):
    asked = {**paper.claims.iloc[0], "kind": "number", "endpoint": "RFS", "population": "all"}
    asked |= {"statistic": "n_at_risk", "group": f"{paper.design.exposure}=yes", "model": ""}
    rows = [{**asked, "time": time} for time in (0.0, 18.0, 36.0, 66.0)]
    paper.claims = pd.concat([paper.claims, pd.DataFrame(rows)], ignore_index=True)
    made = paper.curves("RFS", by="hai", at=[60]).rows
    assert set(made.loc[made["statistic"] == "n_at_risk", "time"]) == {0.0, 18.0, 36.0, 66.0}
    paper.claims = paper.claims.iloc[:-1]
    assert max(paper.months_at_risk("RFS", paper.frames["RFS"])) >= 60


def test_a_table_of_the_split_turned_round_stands_beside_table_one(paper):
    """The size of a group of one table is a line of the other: the same number is no conflict."""
    paper.table_one("hai")
    paper.table_one("sex", variables=["hai"])
    assert len(paper.results)


def test_whether_an_endpoint_came_is_told_by_the_levels_of_the_ledger(paper):
    """A table of it ended in a TypeError, and its levels were called no and yes."""
    made = paper.table_one("hai", variables=["os_event"], title="Deaths").rows
    counts = made[(made["statistic"] == "n") & (made["covariate"] == "os_event")]
    died = paper.included["os_event"].sum()
    assert counts.loc[counts["group"] == "all", "level"].tolist() == ["0", "1"]
    assert counts.loc[counts["group"] == "all", "estimate"].iloc[1] == died


def test_a_forest_of_some_patients_is_of_them_alone(paper):
    """It was computed in all patients, and said nothing of whom."""
    row = {**paper.claims.iloc[0], "kind": "number", "endpoint": "OS", "statistic": "hazard_ratio"}
    row |= {"covariate": "hai", "level": "yes", "model": "univariable"}
    told = ["margin=negative", "margin=negative,sex=male", "margin=negative,sex=female"]
    rate = {"statistic": "survival_rate", "group": "hai=yes", "time": 60.0, "covariate": ""}
    rate |= {"model": "", "level": "", "population": "margin=negative"}
    rows = [*({**row, "population": among} for among in told), {**row, **rate}]
    paper.claims = pd.concat([paper.claims, pd.DataFrame(rows)], ignore_index=True)
    assert paper.printed_subgroups("OS")["margin=negative"] == ["sex"]
    assert "margin" not in paper.printed_subgroups("OS")["all"]
    assert paper.prints_ratio("OS", "hai", "margin=negative")
    own = {**paper.design.models["OS"], "endpoint": "OS", "population": "margin=negative"}
    fitted = replace(paper.design, models={**paper.design.models, "OS_negative": own})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paper, "design", fitted)  # Its table has the ratio, once.
        assert not paper.prints_ratio("OS", "hai", "margin=negative")
    made = paper.subgroups("OS", "hai", ["sex"], population="margin=negative").rows
    some = paper.inside(paper.frames["OS"], "margin=negative,sex=male")
    direct = regression.univariable(some, ["hai"], ties="efron")
    expected = direct.loc[direct["statistic"] == "hazard_ratio", "estimate"].iloc[0]
    found = made[(made["population"] == told[1]) & (made["statistic"] == "hazard_ratio")]
    assert found["estimate"].tolist() == [expected]
    assert set(made.loc[made["model"] == "interaction", "population"]) >= {"margin=negative"}
    treated = some[some["hai"] == "yes"]
    own = (made["population"] == told[1]) & (made["group"] == "hai=yes")
    assert made.loc[own, "estimate"].tolist() == [len(treated), treated["event"].sum()]
    table = subgroups_table(made, paper.design, caption="Within")
    assert "Sex" in str(table) and "Resection margin" not in str(table)


def test_a_model_of_one_endpoint_leaves_another_endpoints_ratio_where_it_was(paper):
    row = {**paper.claims.iloc[0], "kind": "number", "endpoint": "OS", "statistic": "hazard_ratio"}
    row |= {"covariate": "hai", "level": "yes", "model": "univariable"}
    row["population"] = "timing=synchronous"
    paper.claims = pd.concat([paper.claims, pd.DataFrame([row])], ignore_index=True)
    own = {"endpoint": "RFS", "population": "timing=synchronous"}
    paper.design.models["RFS_men"] = {**paper.design.models["RFS"], **own}
    try:
        assert "timing" in paper.printed_subgroups("OS")["all"]
    finally:
        del paper.design.models["RFS_men"]


def test_percentages_are_of_all_where_the_design_says_so(paper):
    """A safe report had those of known value, as had the characteristics of one group.

    So had a factor that is made of the column.
    """
    names = ["sex", "crs_high"]
    patients = paper.frames["patients"]
    some = pd.Series(range(len(patients)), patients.index) % 3 == 0
    gaps = {name: patients[name].mask(some) for name in names}
    paper.frames["patients"] = patients.assign(**gaps)
    paper.design.table_one["percent_of_all"] = ["sex", "crs"]
    parts = []
    try:
        for safe in (0, 5):
            paper.release = privacy.Release(safe)
            paper.release.endpoints(paper.frames, paper.design)
            parts += [paper.table_one("hai", variables=names).rows]
            parts += [paper.composition("hai=yes", names).rows]
    finally:
        del paper.design.table_one["percent_of_all"]
    for rows, name in itertools.product(parts, names):
        told = rows[rows["statistic"].isin(["n", "percent", "missing"])]
        told = told[told["covariate"] == name].astype({"estimate": float, "n": float})
        counts = told[told["statistic"] != "percent"]
        shares = told[told["statistic"] == "percent"]
        assert len(shares) == 2 * shares["group"].nunique() > 0
        for at in shares.itertuples():
            here = counts[counts["group"] == at.group]
            size = here["estimate"].sum()
            count = here[here["level"] == at.level]["estimate"].iloc[0]
            assert at.n == size and at.method.startswith("percent of all")
            rounded = 0.5 * ("rounded counts" in at.method) + 1e-9
            assert at.estimate == pytest.approx(100 * count / size, abs=rounded)


def test_means_of_all_and_how_many_are_of_unknown_group_are_told(paper):
    """Where a group is unknown the total lacks them, and all patients had neither."""
    known = paper.frames["patients"]
    first = pd.Series(range(len(known)), known.index) == 0
    paper.frames["patients"] = known.assign(hai=known["hai"].mask(first))
    asked = {**paper.claims.iloc[0], "kind": "number", "endpoint": "", "population": "all"}
    asked |= {"statistic": "mean", "covariate": "age", "group": "all", "model": "", "level": ""}
    paper.claims = pd.concat([paper.claims, pd.DataFrame([asked])], ignore_index=True)
    made = paper.table_one("hai").rows
    of_all = made[(made["population"] == "all") & (made["group"] == "all")]
    mean = of_all.loc[of_all["statistic"] == "mean", "estimate"]
    assert mean.tolist() == [pytest.approx(known["age"].mean())]
    unknown = (of_all["covariate"] == "hai") & (of_all["statistic"] == "missing")
    assert 1.0 in of_all.loc[unknown & (of_all["model"] == ""), "estimate"].tolist()


def test_long_names_of_groups_keep_what_they_differ_in(paper):
    """All levels of a column stood below the curves as its own name, cut off."""
    groups = ["margin=negative", "margin=positive"]
    assert names_of(groups, paper.design, 45) == [
        "Resection margin: negative",
        "Resection margin: positive",
    ]
    assert names_of(groups, paper.design, 24) == ["negative", "positive"]
    assert names_of(["all"], paper.design, 24) == ["All patients"]


def test_a_model_of_some_patients_tells_their_ratio_alone(paper):
    """Their curves told it too, with Wald's p beside the model's log-rank: the report ended."""
    row = {**paper.claims.iloc[0], "kind": "number", "endpoint": "OS", "statistic": "hazard_ratio"}
    row |= {"covariate": "hai", "level": "yes", "model": "univariable", "population": "sex=male"}
    paper.claims = pd.concat([paper.claims, pd.DataFrame([row])], ignore_index=True)
    assert paper.prints_ratio("OS", "hai", "sex=male")
    own = {"endpoint": "OS", "population": "sex=male"}
    paper.design.models["OS_men"] = {**paper.design.models["OS"], **own}
    try:
        assert not paper.prints_ratio("OS", "hai", "sex=male")
        made = paper.subgroups("OS", "hai", ["sex"]).rows
        found = made[(made["statistic"] == "p") & (made["model"] == "univariable")]
        assert set(found["population"]) == {"sex=female"}
    finally:
        del paper.design.models["OS_men"]


def test_curves_of_all_patients_of_a_population_are_by_nothing(paper):
    """ "Not shown: survival by , women. This cohort holds nothing to compare under ." """
    assert ("", "sex=male") in paper.printed_curves("OS")
    made = paper.curves("OS", by="", at=[60], population="sex=male", ratio=True)
    rows = made.rows[made.rows["statistic"] == "survival_rate"]
    assert rows["group"].tolist() == ["all"] and rows["population"].tolist() == ["sex=male"]
    assert "hazard_ratio" not in set(made.rows["statistic"])


def test_follow_up_of_some_patients_stands_where_print_has_it(paper, monkeypatch):
    """Of a validation set by COX-2 (PMC4090726) no section computed it."""
    claims = paper.claims[paper.claims["statistic"] == "median_follow_up"].head(2).copy()
    claims["population"], claims["group"] = ["sex=male"] * 2, ["all", "hai=yes"]
    monkeypatch.setattr(paper, "claims", claims)
    rows = paper.follow_up(method="observed").rows
    medians = rows[rows["statistic"] == "median_follow_up"]
    told = list(zip(medians["population"], medians["group"], strict=True))
    assert told[:2] == [("all", "all"), ("sex=male", "all")]
    assert set(told[2:]) == {("sex=male", "hai=no"), ("sex=male", "hai=yes")}
    men = paper.frames["OS"].query("sex == 'male'")
    assert medians["estimate"].iloc[1] == pytest.approx(men["time"].median())
