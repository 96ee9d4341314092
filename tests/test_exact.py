"""Fisher's exact test of any table: by listing, against R, and where tables are sampled."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import factorial, prod, sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crlm import exact

REFERENCE = pd.read_csv(Path(__file__).parent / "reference" / "exact.csv")


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many ways to go on in the network are gone through: the work, on any machine."""
    taken: list[int] = []
    expanded = exact._expanded
    monkeypatch.setattr(exact, "_expanded", lambda n: taken.append(int(n.sum())) or expanded(n))
    return taken


@pytest.mark.parametrize("row", REFERENCE.to_dict("records"), ids=lambda row: row["name"])
def test_it_is_the_p_of_r_within_its_steps(row: dict[str, object], ways: list[int]) -> None:
    counts = np.array([int(k) for k in str(row["counts"]).split()])
    table = counts.reshape(-1, int(row["columns"]))
    p, method = exact.exact_test(table)
    assert 0 < sum(ways) <= exact.EXACT_LIMIT
    # R merges pasts within 3.5e-7 of each other (FEXACT), so its own digits end there.
    assert p == pytest.approx(row["p"], rel=1e-6)
    assert method == "Fisher-Freeman-Halton exact test, two-sided"


def listed(table: np.ndarray) -> Fraction:
    """p as an exact fraction, by listing every table with these margins."""
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    whole = Fraction(prod(map(factorial, map(int, [*rows, *columns]))), factorial(int(rows.sum())))

    def chance(cells: np.ndarray) -> Fraction:
        return whole / prod(factorial(int(k)) for k in cells.ravel())

    inner = (table.shape[0] - 1, table.shape[1] - 1)
    total, observed = Fraction(0), chance(table)
    for cells in product(
        *(
            range(int(min(rows[i], columns[j])) + 1)
            for i in range(inner[0])
            for j in range(inner[1])
        )
    ):
        full = np.zeros(table.shape, dtype=int)
        full[:-1, :-1] = np.reshape(cells, inner)
        full[:-1, -1] = rows[:-1] - full[:-1].sum(axis=1)
        full[-1] = columns - full[:-1].sum(axis=0)
        if (full >= 0).all() and chance(full) <= observed:
            total += chance(full)
    return total


@pytest.mark.parametrize("seed", range(30))
def test_it_is_the_sum_over_all_tables(seed: int) -> None:
    """Small tables of all shapes, with ties of probability and zeros."""
    rng = np.random.default_rng(seed)
    shape = [(2, 2), (3, 2), (2, 4), (3, 3), (4, 2), (2, 5)][seed % 6]
    table = rng.multinomial(rng.integers(6, 13), np.full(prod(shape), 1 / prod(shape)))
    table = table.reshape(shape)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(table.shape) > 1:
        p = float(listed(table))
        assert exact.exact_test(table)[0] == pytest.approx(p, rel=1e-12)
        turned = table[::-1, rng.permutation(table.shape[1])].T
        assert exact.exact_test(turned)[0] == pytest.approx(p, rel=1e-12)


def test_beyond_the_limit_tables_are_sampled_and_that_is_said(ways: list[int]) -> None:
    rng = np.random.default_rng(3)
    table = rng.multinomial(600, np.full(36, 1 / 36)).reshape(6, 6)
    first, method = exact.exact_test(table)
    assert sum(ways) <= exact.EXACT_LIMIT
    assert method == (
        "Fisher-Freeman-Halton exact test, two-sided, Monte Carlo with 200,000 tables"
    )
    assert exact.exact_test(table)[0] == first


@pytest.mark.parametrize(
    ("table", "p"),
    [
        # R: fisher.test(matrix(c(3, 1, 1, 3), 2))$p.value
        ([[3, 1], [1, 3]], 0.4857142857142858),
        # R: fisher.test(matrix(c(10, 24, 77, 39), 2))$p.value
        ([[10, 77], [24, 39]], 0.0001593056136420384),
        # R: fisher.test(matrix(c(12, 25, 31, 20, 9, 28), 3))$p.value
        ([[12, 20], [25, 9], [31, 28]], 0.01251410752685885),
        # R: fisher.test(matrix(c(12, 3, 20, 4, 9, 1, 7, 15, 6), 3))$p.value
        ([[12, 4, 7], [3, 9, 15], [20, 1, 6]], 3.779057556649787e-05),
        ([[0, 5], [5, 0]], 2 / 252),
        # ties of probability: [[2, 0], [0, 2]] and its mirror have the same
        ([[2, 0], [0, 2]], 1 / 3),
        ([[5, 5], [5, 5]], 1.0),
    ],
)
def test_exact_test_of_known_tables(table: list[list[int]], p: float) -> None:
    assert exact.exact_test(np.array(table))[0] == pytest.approx(p, rel=1e-9)


def test_exact_test_of_any_shape_is_the_sum_over_all_permutations() -> None:
    """3 x 3, n = 7: p by listing every arrangement of the columns among the rows."""
    from itertools import permutations

    table = np.array([[2, 0, 0], [1, 1, 1], [0, 0, 2]])
    rows = np.repeat([0, 1, 2], table.sum(axis=1))
    columns = np.repeat([0, 1, 2], table.sum(axis=0))

    def chance(shuffled: tuple[int, ...]) -> float:
        counts = np.zeros((3, 3), dtype=int)
        np.add.at(counts, (rows, np.array(shuffled)), 1)
        return 1 / np.prod([float(np.prod(np.arange(1, k + 1))) for k in counts.ravel()])

    seen = np.array([chance(order) for order in permutations(columns.tolist())])
    observed = 1 / (2.0 * 2.0)
    p = np.mean(seen <= observed * (1 + 1e-9))
    assert exact.exact_test(table)[0] == pytest.approx(p, rel=1e-12)
    assert exact.exact_test(table.T)[0] == pytest.approx(p, rel=1e-12)
    padded = np.insert(np.insert(table, 1, 0, axis=0), 3, 0, axis=1)
    assert exact.exact_test(padded)[0] == pytest.approx(p, rel=1e-12)


def test_sampled_p_is_close_to_the_exact_one_and_repeatable(monkeypatch: object) -> None:
    table = np.array([[12, 20], [25, 9], [31, 28]])
    listed, method = exact.exact_test(table)
    assert "Monte Carlo" not in method
    monkeypatch.setattr(exact, "EXACT_LIMIT", 10)
    sampled, method = exact.exact_test(table)
    assert method.endswith("Monte Carlo with 200,000 tables")
    assert sampled == pytest.approx(listed, abs=4 * sqrt(listed / exact.SAMPLED_TABLES))
    assert exact.exact_test(table)[0] == sampled


def test_large_tables() -> None:
    listed, method = exact.exact_test(np.array([[300_500, 200_000], [299_500, 200_000]]))
    # R: fisher.test(matrix(c(300500, 299500, 200000, 200000), 2))$p.value
    assert listed == pytest.approx(0.4142169321657713, rel=1e-9)
    assert method == "Fisher's exact test, two-sided"
    sampled, method = exact.exact_test(
        np.array([[99_500, 100_000], [100_000, 100_000], [100_000, 99_000]])
    )
    # R: chisq.test(matrix(c(99500, 1e5, 1e5, 1e5, 1e5, 99000), 3))$p.value
    assert sampled == pytest.approx(0.0533823131, abs=4 * sqrt(0.0534 / exact.SAMPLED_TABLES))
