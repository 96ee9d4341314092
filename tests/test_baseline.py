"""Table 1: by hand on eight patients, against R on real data, then properties."""

from __future__ import annotations

import dataclasses
import re
from math import comb, sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from survival import datasets

from crlm import baseline, ledger
from crlm.exact import SAMPLED_TABLES
from crlm.ledger import CohortError, ParameterError
from crlm.report import characteristics

REFERENCE = pd.read_csv(Path(__file__).parent / "reference" / "baseline.csv", dtype={"level": str})
NCCH = ledger.load_design("ncch_scp")


def category(values: list[object], *levels: str) -> pd.Categorical:
    return pd.Categorical(values, categories=list(levels))


@pytest.fixture
def eight() -> pd.DataFrame:
    """Four patients a group; one size and one margin are not known, nobody is T4."""
    return pd.DataFrame(
        {
            "ras": category(["wild"] * 4 + ["mutant"] * 4, "wild", "mutant"),
            "size_cm": [1.0, 2.0, 3.0, 4.0, 2.0, 5.0, 6.0, np.nan],
            "margin": category(
                [
                    "negative",
                    "negative",
                    "negative",
                    "positive",
                    "positive",
                    "positive",
                    "positive",
                    None,
                ],
                "negative",
                "positive",
            ),
            "t_stage": category(
                ["T1", "T1", "T2", "T2", "T2", "T3", "T3", "T3"], "T1", "T2", "T3", "T4"
            ),
        }
    )


def pick(rows: pd.DataFrame, **keys: object) -> pd.Series:
    for key, value in keys.items():
        rows = rows[rows[key] == value]
    assert len(rows) == 1, f"{len(rows)} rows for {keys}"
    return rows.iloc[0]


# By hand -----------------------------------------------------------------------------------


def test_sizes_and_numbers_by_hand(eight: pd.DataFrame) -> None:
    rows = baseline.table_one(eight, "ras", ["size_cm"], spread="both", design=NCCH)
    assert rows.columns.tolist() == list(ledger.ROW_COLUMNS)
    for group, n, missing, found in [
        ("all", 8, 1, {"median": 3, "min": 1, "max": 6, "q1": 2, "q3": 5}),
        ("ras=wild", 4, 0, {"median": 2.5, "min": 1, "max": 4, "q1": 1.25, "q3": 3.75}),
        ("ras=mutant", 4, 1, {"median": 5, "min": 2, "max": 6, "q1": 2, "q3": 6}),
    ]:
        assert pick(rows, covariate="", statistic="n", group=group)["estimate"] == n
        assert pick(rows, covariate="size_cm", statistic="missing", group=group)["estimate"] == (
            missing
        )
        for statistic, value in found.items():
            row = pick(rows, covariate="size_cm", statistic=statistic, group=group)
            assert (row["estimate"], row["n"], row["unit"]) == (value, n - missing, "cm")
    assert pick(rows, covariate="", statistic="percent", group="ras=mutant")["estimate"] == 50
    shift = pick(rows, covariate="size_cm", statistic="difference", group="ras")
    assert (shift["estimate"], shift["method"]) == (2.5, "difference of medians")
    # (13/3 - 5/2) over the root of the mean of the variances 13/3 and 5/3
    smd = pick(rows, covariate="size_cm", statistic="smd", group="ras")["estimate"]
    assert smd == pytest.approx((13 / 3 - 5 / 2) / sqrt((13 / 3 + 5 / 3) / 2), rel=1e-14)


def test_quartiles_of_r_are_one_argument_away(eight: pd.DataFrame) -> None:
    rows = baseline.table_one(eight, "ras", ["size_cm"], spread="iqr", quantile_rule="linear")
    row = pick(rows, statistic="q1", group="ras=wild")
    assert (row["estimate"], row["method"]) == (1.75, "quartile as R type 7")
    assert not {"min", "max"} & set(rows["statistic"])


def test_categories_by_hand(eight: pd.DataFrame) -> None:
    rows = baseline.table_one(eight, "ras", ["margin"])
    for group, level, n, percent, known in [
        ("all", "positive", 4, 400 / 7, 7),
        ("ras=wild", "negative", 3, 75, 4),
        ("ras=wild", "positive", 1, 25, 4),
        ("ras=mutant", "positive", 3, 100, 3),
        ("ras=mutant", "negative", 0, 0, 3),
    ]:
        keys = {"covariate": "margin", "group": group, "level": level}
        count, share = (pick(rows, **keys, statistic=name) for name in ("n", "percent"))
        assert (count["estimate"], count["n"]) == (n, known)
        assert share["estimate"] == pytest.approx(percent, rel=1e-14)
        assert share["unit"] == "%"
    assert pick(rows, covariate="margin", statistic="missing", group="ras=mutant")["estimate"] == 1
    p = pick(rows, covariate="margin", statistic="p", group="ras")
    # margins 4 + 3 and 3 + 4: P(observed) = C(4,3)C(3,0)/C(7,3) = 4/35, and 1/35 at the
    # other end (three negative among the three mutant patients)
    assert p["estimate"] == pytest.approx(5 / 35, rel=1e-12)
    assert p["method"] == "Fisher's exact test, two-sided"
    assert (p["level"], p["n"]) == ("", 7)
    gap = pick(rows, covariate="margin", statistic="difference", group="ras", level="positive")
    assert gap["estimate"] == 75
    half = 100 * 1.959963984540054 * sqrt(0.25 * 0.75 / 4)
    assert gap["conf_low"] == pytest.approx(75 - half, rel=1e-12)
    assert gap["conf_high"] == pytest.approx(75 + half, rel=1e-12)
    smd = pick(rows, covariate="margin", statistic="smd", group="ras")["estimate"]
    assert smd == pytest.approx(0.75 / sqrt(0.1875 / 2), rel=1e-14)


def test_levels_nobody_has_are_shown_but_not_tested(eight: pd.DataFrame) -> None:
    rows = baseline.table_one(eight, "ras", ["t_stage"])
    assert pick(rows, level="T4", statistic="n", group="all")["estimate"] == 0
    # tables [[2,2,0],[0,1,3]] : margins T 2,3,3; ways C(2,a)C(3,b)C(3,c)/C(8,4), a+b+c = 4
    weights = {
        (a, b, 4 - a - b): comb(2, a) * comb(3, b) * comb(3, 4 - a - b)
        for a in range(3)
        for b in range(4)
        if 0 <= 4 - a - b <= 3
    }
    p = sum(w for w in weights.values() if w <= weights[2, 2, 0]) / comb(8, 4)
    found = pick(rows, statistic="p")
    assert found["estimate"] == pytest.approx(p, rel=1e-12)
    assert found["method"] == "Fisher-Freeman-Halton exact test, two-sided"
    # Yang and Dalton: T = (1/2, 1/2, 0) against (0, 1/4, 3/4), first level left out
    gap = np.array([-0.25, 0.75])
    spread = np.array([[0.25 + 0.1875, -0.1875], [-0.1875, 0.1875]]) / 2
    smd = pick(rows, statistic="smd")["estimate"]
    assert smd == pytest.approx(sqrt(gap @ np.linalg.inv(spread) @ gap), rel=1e-12)


def test_smd_without_any_spread_is_missing() -> None:
    frame = pd.DataFrame({"g": ["a"] * 3 + ["b"] * 3, "x": ["u"] * 3 + ["v"] * 3, "y": "u"})
    rows = baseline.table_one(frame, "g", ["x", "y"])
    assert np.isnan(pick(rows, covariate="x", statistic="smd")["estimate"])
    assert pick(rows, covariate="y", statistic="smd")["estimate"] == 0


def test_without_groups(eight: pd.DataFrame) -> None:
    rows = baseline.table_one(eight, None, ["size_cm", "margin"], population="own")
    assert set(rows["group"]) == {"all"}
    assert set(rows["population"]) == {"own"}
    assert not {"p", "difference", "smd"} & set(rows["statistic"])
    again = baseline.describe(eight, ["size_cm", "margin"], population="own")
    pd.testing.assert_frame_equal(rows, again)


def test_absent_and_empty_columns_are_counted_as_missing(eight: pd.DataFrame) -> None:
    rows = baseline.table_one(eight.assign(cea=np.nan), "ras", ["cea", "ca199"])
    for name, method in [("cea", "column empty"), ("ca199", "column absent")]:
        mine = rows[rows["covariate"] == name]
        assert mine["statistic"].unique().tolist() == ["missing"]
        assert mine["estimate"].tolist() == [8, 4, 4]
        assert mine["method"].unique().tolist() == [method]


def test_patients_of_unknown_group_are_left_out_and_counted(eight: pd.DataFrame) -> None:
    assert "ras" not in set(baseline.table_one(eight, "ras", [])["covariate"])
    eight.loc[0, "ras"] = None
    rows = baseline.table_one(eight, "ras", ["size_cm"])
    assert pick(rows, covariate="", statistic="n", group="all")["estimate"] == 7
    left_out = pick(rows, covariate="ras", statistic="missing")
    assert (left_out["estimate"], left_out["n"]) == (1, 8)
    for frame in (eight.drop(columns="ras"), eight.assign(ras=None)):
        with pytest.raises(CohortError, match="by which Table 1 is split"):
            baseline.table_one(frame, "ras", ["size_cm"])


def test_one_group_or_one_value_gives_no_p(eight: pd.DataFrame) -> None:
    same = eight.assign(size_cm=4.0, margin="negative", t_stage=1.0)
    for chosen in (
        {},
        {"continuous_test": "t", "categorical_test": "chi-square"},
        {"continuous_test": "kruskal"},
    ):
        p = baseline.table_one(same, "ras", ["size_cm", "margin"], **chosen)
        p = p[p["statistic"] == "p"]
        assert p["estimate"].isna().all()
        assert p["method"].str.contains("not possible").all()
        alone = baseline.table_one(eight[:4], "ras", ["size_cm", "margin"], **chosen)
        assert "ras=mutant" not in set(alone["group"])
        assert alone[alone["statistic"] == "p"]["estimate"].isna().all()
    smd = baseline.table_one(same, "ras", ["size_cm", "margin"])
    assert smd[smd["statistic"] == "smd"]["estimate"].tolist()[0] == 0


def test_a_group_without_values_is_not_compared(eight: pd.DataFrame) -> None:
    eight.loc[4:, ["size_cm", "margin"]] = None
    rows = baseline.table_one(eight, "ras", ["size_cm", "margin"], spread="both")
    assert np.isnan(
        pick(rows, covariate="size_cm", statistic="median", group="ras=mutant")["estimate"]
    )
    assert rows[rows["statistic"] == "p"]["estimate"].isna().all()
    assert not {"difference", "smd"} & set(rows["statistic"])
    one = baseline.table_one(
        eight.iloc[[0, 1, 2, 3, 4]].assign(size_cm=[1, 2, 3, 4, 9.0]),
        "ras",
        ["size_cm"],
        continuous_test="t",
    )
    assert one[one["statistic"].isin(["p", "smd"])]["estimate"].isna().all()
    assert pick(one, statistic="difference")["estimate"] == 6.5


def test_a_column_may_have_a_test_of_its_own(eight):
    asked = {"variables": ["size_cm", "age"], "tests": {"size_cm": "t"}}
    rows = baseline.table_one(eight.assign(age=np.arange(8.0)), "ras", **asked)
    p = rows[rows["statistic"] == "p"].set_index("covariate")["method"]
    assert p["size_cm"] == "Welch's t test" and p["age"].startswith("Mann-Whitney")
    with pytest.raises(ParameterError, match="tests is 'tt'"):
        baseline.table_one(eight, "ras", ["size_cm"], tests={"size_cm": "tt"})


def test_a_t_test_has_one_variance_or_two(eight):
    """R: t.test(c(1, 2, 3, 4, 5), c(4, 8, 12), var.equal = TRUE), and without."""
    table = eight.assign(ras=["wild"] * 5 + ["mutant"] * 3, size_cm=[1.0, 2, 3, 4, 5, 4, 8, 12])
    asked = {"variables": ["size_cm"], "continuous_test": "t"}
    p = {
        kind: pick(baseline.table_one(table, "ras", t_test=kind, **asked), statistic="p")
        for kind in ("welch", "student")
    }
    assert p["student"]["method"] == "Student's t test"
    assert p["student"]["estimate"] == pytest.approx(0.041337, abs=5e-6)
    assert p["welch"]["estimate"] == pytest.approx(0.153453, abs=5e-6)
    with pytest.raises(ParameterError, match="t_test is 'pooled'"):
        baseline.table_one(table, "ras", t_test="pooled", **asked)


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        (["b", "a", "b", None, "a", "b", "a", "b"], ["a", "b"]),
        ([True, False, True, True, False, True, False, True], ["no", "yes"]),
        (
            pd.array([True, None, False, True, False, True, False, True], dtype="boolean"),
            ["no", "yes"],
        ),
        (category([2.0, 1.0, 2.0, None, 1.0, 2.0, 1.0, 2.0], 1.0, 2.0), ["1", "2"]),
        (pd.array(["b", "a", "b", None, "a", "b", "a", "b"], dtype="string"), ["a", "b"]),
    ],
)
def test_kinds_of_columns(eight: pd.DataFrame, values: object, levels: list[str]) -> None:
    rows = baseline.table_one(eight.assign(kind=values), "ras", ["kind"])
    counts = rows[(rows["covariate"] == "kind") & (rows["group"] == "all")]
    counts = counts[counts["statistic"] == "n"]
    assert counts["level"].tolist() == levels
    assert counts["estimate"].sum() == 8 - pd.Series(values).isna().sum()
    by = baseline.table_one(eight.assign(kind=values), "kind", ["size_cm"])
    assert {f"kind={level}" for level in levels} <= set(by["group"])


def test_whole_numbers_are_continuous(eight: pd.DataFrame) -> None:
    for dtype in ("int64", "Int64"):
        frame = eight.assign(n_tumours=pd.array([1, 2, 3, 4, 5, 6, 7, 8], dtype=dtype))
        rows = baseline.table_one(frame, "ras", ["n_tumours"])
        assert pick(rows, statistic="median", group="all")["estimate"] == 4.5


def test_the_callers_frame_is_left_alone(eight: pd.DataFrame) -> None:
    before = eight.copy()
    baseline.table_one(eight, "ras", ["size_cm", "margin", "t_stage"], spread="both")
    pd.testing.assert_frame_equal(eight, before)


@pytest.mark.parametrize("name", ["continuous_test", "categorical_test", "spread", "quantile_rule"])
def test_unknown_choices(eight: pd.DataFrame, name: str) -> None:
    with pytest.raises(ParameterError, match=f"{name} is 'best'; it must be one of"):
        baseline.table_one(eight, "ras", ["size_cm"], **{name: "best"})


# Against R ---------------------------------------------------------------------------------


def cohort(name: str) -> pd.DataFrame:
    if name == "colon":
        frame = pd.DataFrame(datasets.load_colon())
        frame["rx"] = pd.Categorical(frame["rx"], ["Obs", "Lev", "Lev+5FU"])
        return frame[frame["etype"] == 2].reset_index(drop=True)
    return pd.DataFrame(datasets.load_lung())


def told_by_r(*statistics: str) -> list[object]:
    chosen = REFERENCE[REFERENCE["statistic"].isin(statistics)]
    return [
        pytest.param(*row, id="-".join(str(part) for part in row[:5] if part == part))
        for row in chosen.itertuples(index=False, name=None)
    ]


@pytest.mark.parametrize(
    ("data", "by", "variable", "level", "statistic", "value"),
    told_by_r("mann-whitney", "kruskal", "t", "t conf_low", "t conf_high"),
)
def test_numbers_against_r(
    data: str, by: str, variable: str, level: object, statistic: str, value: float
) -> None:
    test, _, limit = statistic.partition(" ")
    rows = baseline.table_one(cohort(data), by, [variable], continuous_test=test)
    if limit:
        found = pick(rows, covariate=variable, statistic="difference")[limit]
    else:
        found = pick(rows, covariate=variable, statistic="p")["estimate"]
    assert found == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(
    "data_by", sorted(set(zip(REFERENCE["data"], REFERENCE["by"], strict=True)))
)
def test_medians_and_quartiles_against_r(data_by: tuple[str, str]) -> None:
    data, by = data_by
    mine = REFERENCE[(REFERENCE["data"] == data) & (REFERENCE["by"] == by)]
    variables = mine[mine["statistic"] == "median"]["variable"].unique()
    for rule, kind in (("weibull", "type 6"), ("linear", "type 7")):
        rows = baseline.table_one(cohort(data), by, variables, spread="iqr", quantile_rule=rule)
        for row in mine[mine["level"].notna()].itertuples():
            statistic, _, of_kind = row.statistic.partition(" ")
            if of_kind not in ("", kind):
                continue
            group = "all" if row.level == "all" else f"{by}={row.level}"
            found = pick(rows, covariate=row.variable, statistic=statistic, group=group)
            assert found["estimate"] == pytest.approx(row.value, rel=1e-11), row


@pytest.mark.parametrize(
    ("data", "by", "variable", "level", "statistic", "value"),
    told_by_r(
        "fisher",
        "chi-square",
        "chi-square-yates",
        "trend",
        "difference conf_low",
        "difference conf_high",
    ),
)
def test_categories_against_r(
    data: str, by: str, variable: str, level: object, statistic: str, value: float
) -> None:
    frame = cohort(data)
    frame[variable] = pd.Categorical(frame[variable])
    if statistic.startswith("difference"):
        rows = baseline.table_one(frame, by, [variable])
        second = rows[rows["statistic"] == "difference"].iloc[-1]
        found = second[statistic.split()[1]]
        assert found == pytest.approx(value, rel=1e-9)
        return
    rows = baseline.table_one(frame, by, [variable], categorical_test=statistic)
    p = pick(rows, covariate=variable, statistic="p")
    if "Monte Carlo" in p["method"]:
        error = sqrt(value * (1 - value) / SAMPLED_TABLES)
        assert p["estimate"] == pytest.approx(value, abs=4 * error)
    else:
        assert p["estimate"] == pytest.approx(value, rel=1e-6)


# What always holds -------------------------------------------------------------------------


def test_three_groups_have_a_p_but_no_difference() -> None:
    frame = cohort("colon").assign(sex=lambda f: pd.Categorical(f["sex"]))
    rows = baseline.table_one(frame, "rx", ["age", "sex"])
    assert pick(rows, covariate="age", statistic="p")["method"].startswith("Kruskal-Wallis")
    assert not {"difference", "smd"} & set(rows["statistic"])
    assert {"rx=Obs", "rx=Lev", "rx=Lev+5FU"} <= set(rows["group"])


def test_the_table_shows_and_explains_the_difference_of_two_groups(
    eight: pd.DataFrame,
) -> None:
    made = baseline.table_one(eight, "ras", ["size_cm", "margin"])
    with_smd = characteristics.baseline_table(made, NCCH, smd=True)
    header, *lines = with_smd.piece.header, *with_smd.piece.body
    assert header[-1].startswith("SMD") and len(header) == len(lines[0].cells)
    firsts = [line.cells[-1] for line in lines if line.cells[-2]]
    assert len(firsts) == 2 and all(re.match(r"\d\.\d\d", cell) for cell in firsts)
    notes = [note for note in with_smd.piece.notes if "SMD: absolute" in note]
    assert len(notes) == 2 and any("Yang and Dalton" in note for note in notes)
    assert len(characteristics.baseline_table(made, NCCH).piece.header) == len(header) - 1


@pytest.mark.parametrize("label", ["Size", "Size (cm)", "Size, cm"])
def test_a_unit_stands_once_in_a_row(eight: pd.DataFrame, label: str) -> None:
    """ "Time to surgery (weeks), weeks"."""
    columns = {**NCCH.columns, "size_cm": {**NCCH.columns["size_cm"], "label": label}}
    made = baseline.table_one(eight, "ras", ["size_cm"])
    table = characteristics.baseline_table(made, dataclasses.replace(NCCH, columns=columns))
    assert str(table.piece.body[0].cells[0]).count("cm") == 1


def test_more_than_two_groups_have_no_such_column(eight: pd.DataFrame) -> None:
    frame = eight.assign(arm=category(["a", "b", "c", "a"] * 2, "a", "b", "c"))
    made = baseline.table_one(frame, "arm", ["size_cm"])
    assert "SMD" not in characteristics.baseline_table(made, NCCH, smd=True).text
