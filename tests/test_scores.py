"""Scores at and around every published cut-off, one patient a row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crlm import scores
from crlm.ledger import CohortError
from tests.hostile import refused

#: A patient who scores 0 everywhere.
LOWEST = {
    "nodal_status": "negative",
    "timing": "metachronous",
    "dfi_months": 36.0,
    "n_tumours": 1.0,
    "size_cm": 1.0,
    "cea": 2.0,
    "ca199": 5.0,
    "kras": "wild",
    "ras": "wild",
    "extrahepatic": "no",
}
#: And one who scores the maximum.
HIGHEST = {
    "nodal_status": "positive",
    "timing": "synchronous",
    "dfi_months": 0.0,
    "n_tumours": 9.0,
    "size_cm": 9.0,
    "cea": 900.0,
    "ca199": 900.0,
    "kras": "mutant",
    "ras": "mutant",
    "extrahepatic": "yes",
}


def patients(*changes: dict[str, object], base: dict[str, object] = LOWEST) -> pd.DataFrame:
    return pd.DataFrame([{**base, **change} for change in changes])


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [("crs", 0, 5), ("beppu", 0, 25), ("game", 0, 7), ("m_cs", 0, 3), ("tbs_zone", 1, 3)],
)
def test_range(name: str, lowest: int, highest: int) -> None:
    score, _ = scores.SCORES[name]
    found = score(pd.concat([patients({}), patients({}, base=HIGHEST)], ignore_index=True))
    assert found.tolist() == [lowest, highest]
    assert found.name == name
    assert found.dtype == float


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"size_cm": 5.0}, {"crs": 0, "beppu": 0, "m_cs": 0}),
        ({"size_cm": 5.1}, {"crs": 1, "beppu": 2, "m_cs": 1}),
        ({"cea": 200.0}, {"crs": 0}),
        ({"cea": 200.1}, {"crs": 1}),
        ({"cea": 20.0}, {"crs": 0, "game": 1}),
        ({"cea": 19.9}, {"crs": 0, "game": 0}),
        ({"dfi_months": 12.0}, {"crs": 0}),
        ({"dfi_months": 11.99}, {"crs": 1}),
        ({"timing": "synchronous"}, {"crs": 0, "beppu": 3}),
        ({"timing": "synchronous", "dfi_months": 11.0}, {"crs": 1, "beppu": 3}),
        ({"timing": "synchronous", "dfi_months": np.nan}, {"crs": 1}),
        ({"n_tumours": 2.0}, {"crs": 1, "beppu": 4}),
        ({"n_tumours": 4.0}, {"crs": 1, "beppu": 4}),
        ({"n_tumours": 5.0}, {"crs": 1, "beppu": 9}),
        ({"ca199": 100.0}, {"beppu": 0}),
        ({"ca199": 100.1}, {"beppu": 4}),
        ({"extrahepatic": "yes"}, {"crs": 0, "beppu": 4, "game": 2}),
        ({"nodal_status": "positive"}, {"crs": 1, "beppu": 3, "game": 1, "m_cs": 1}),
        ({"kras": "mutant", "ras": "mutant"}, {"game": 1, "m_cs": 1, "crs": 0}),
        # NRAS mutated, KRAS wild type
        ({"kras": "wild", "ras": "mutant"}, {"game": 0, "m_cs": 1}),
        ({"size_cm": 2.8}, {"tbs": 2.973, "tbs_zone": 1, "game": 0}),
        ({"size_cm": 2.9}, {"tbs": 3.068, "tbs_zone": 2, "game": 1}),
        ({"n_tumours": 9.0, "size_cm": 0.1}, {"tbs_zone": 3, "game": 2}),
        ({"n_tumours": 8.0, "size_cm": 4.12}, {"tbs": 8.999, "tbs_zone": 2, "game": 1}),
        ({"n_tumours": 8.0, "size_cm": 4.13}, {"tbs": 9.003, "tbs_zone": 3, "game": 2}),
        # 0 cm and 9 tumours: exactly 9 opens zone 3; 3 tumours: exactly 3 opens zone 2
        ({"n_tumours": 9.0, "size_cm": 0.0}, {"tbs": 9, "tbs_zone": 3}),
        ({"n_tumours": 3.0, "size_cm": 0.0}, {"tbs": 3, "tbs_zone": 2}),
    ],
)
def test_boundaries(change: dict[str, object], expected: dict[str, float]) -> None:
    frame = patients(change)
    for name, value in expected.items():
        assert scores.SCORES[name][0](frame).item() == pytest.approx(value, abs=5e-4), name


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("crs", ["nodal_status", "dfi_months", "n_tumours", "size_cm", "cea"]),
        ("beppu", ["timing", "nodal_status", "n_tumours", "size_cm", "extrahepatic", "ca199"]),
        ("game", ["kras", "cea", "nodal_status", "n_tumours", "size_cm", "extrahepatic"]),
        ("m_cs", ["nodal_status", "ras", "size_cm"]),
        ("tbs", ["size_cm", "n_tumours"]),
        ("tbs_zone", ["size_cm", "n_tumours"]),
    ],
)
def test_a_missing_input_gives_a_missing_score(name: str, needed: list[str]) -> None:
    score = scores.SCORES[name][0]
    for column in needed:
        # at the maximum of everything else the score is still not known
        frame = patients({column: np.nan}, {}, base=HIGHEST | {"timing": "metachronous"})
        if column == "timing":
            frame["timing"] = [None, "metachronous"]
        assert score(frame).isna().tolist() == [True, False], column
        with pytest.raises(CohortError, match=f"needs the column {column}"):
            score(frame.drop(columns=[column, "ras"] if column == "kras" else column))
    others = frame[[c for c in frame if c not in needed]].assign(**{c: np.nan for c in needed})
    assert score(others).isna().all()


def test_multiple_answers_for_the_number_where_it_is_empty() -> None:
    frame = patients({"n_tumours": np.nan}, {"n_tumours": np.nan}, {"n_tumours": 3.0}, {})
    frame["multiple"] = ["yes", None, "no", "no"]
    assert scores.crs(frame).fillna(-1).tolist() == [1, -1, 1, 0]
    assert scores.crs(frame.drop(columns="n_tumours")).fillna(-1).tolist() == [1, -1, 0, 0]


def test_equal_tumour_burdens_are_equal_to_the_last_bit() -> None:
    """Every pair of diameter (steps of 0.1 and 0.05 cm) and number with the same sum of squares."""
    size, number = np.meshgrid(np.arange(0, 601) / 20, np.arange(1, 41))
    hundredths = np.rint(size * 20).astype(int) ** 2 + (20 * number) ** 2
    found = scores.tbs(pd.DataFrame({"size_cm": size.ravel(), "n_tumours": number.ravel()}))
    by_sum = found.groupby(hundredths.ravel()).agg(["nunique", "size"])
    assert (by_sum["nunique"] == 1).all() and (by_sum["size"] > 1).sum() > 1000
    assert len(by_sum) == found.nunique()
    # hypot and plain squares tear such pairs apart.
    torn = pd.Series(np.hypot(size, number).ravel()).groupby(hundredths.ravel()).nunique()
    assert (torn > 1).any()
    pair = scores.tbs(patients({"size_cm": 2.2, "n_tumours": 2.0}, {"size_cm": 2.8}))
    assert pair[0] == pair[1] == np.sqrt(8.84)


def test_the_codon_tells_kras_where_it_can() -> None:
    frame = patients(*[{"ras": "mutant"}] * 4, {"ras": "wild"}).drop(columns="kras")
    assert scores.game(frame).isna().all()
    frame["kras_codon"] = pd.Categorical(["codon12", "codon13", "other", None, "wild"])
    assert scores.game(frame).fillna(-1).tolist() == [1, 1, -1, -1, 0]
    frame["kras"] = ["wild", None, "mutant", None, None]
    assert scores.game(frame).fillna(-1).tolist() == [0, 1, 1, -1, 0]
    with pytest.raises(CohortError, match="needs the column kras"):
        scores.game(frame.drop(columns=["kras", "kras_codon", "ras"]))


@pytest.mark.parametrize("name", list(scores.SCORES))
def test_millimetres_are_refused(name: str) -> None:
    frame = patients({}, {"size_cm": 50.0})
    with refused(r"row 3: size_cm is 50; above 30 cm .*millimetres", hidden="50"):
        scores.SCORES[name][0](frame)
    assert scores.tbs(patients({"size_cm": 30.0})).notna().all()


def test_unknown_categories_are_refused() -> None:
    with refused("nodal_status holds 'N1'", hidden="N1"):
        scores.m_cs(patients({"nodal_status": "N1"}))
    with refused("cea must hold numbers", hidden="high"):
        scores.crs(patients({"cea": "high"}))


def test_categorical_columns_and_any_index_are_accepted() -> None:
    frame = patients({}, {"ras": "mutant"}, {"ras": None}).set_index(pd.Index([7, 3, 5]))
    frame["ras"] = pd.Categorical(frame["ras"], categories=["wild", "mutant"])
    found = scores.m_cs(frame)
    assert found.index.tolist() == [7, 3, 5]
    assert found.fillna(-1).tolist() == [0, 1, -1]


def test_add_what_the_table_can_feed() -> None:
    frame = patients({}, {"cea": np.nan})
    before = frame.copy()
    found = scores.add(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert found.columns.tolist() == [*frame.columns, *scores.SCORES]
    assert found["crs"].isna().tolist() == [False, True]
    for absent, lost in [
        ("cea", {"crs", "game"}),
        ("ras", {"m_cs"}),
        ("n_tumours", {"crs", "beppu", "game", "tbs", "tbs_zone"}),
        ("extrahepatic", {"beppu", "game"}),
        ("dfi_months", {"crs"}),
        ("kras", {"game"}),
    ]:
        without = scores.add(frame.drop(columns=absent))
        assert set(scores.SCORES) - set(without) == lost
        empty = scores.add(frame.assign(**{absent: np.nan}))
        assert set(scores.SCORES) - set(empty) == lost


def test_add_keeps_a_recorded_score() -> None:
    frame = patients({}, {})
    assert scores.add(frame.assign(crs=[4.0, np.nan]))["crs"].fillna(-1).tolist() == [4, -1]
    assert scores.add(frame.assign(crs=np.nan))["crs"].tolist() == [0, 0]
