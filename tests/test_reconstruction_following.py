"""Columns of a patient that may not contradict each other, of which print has both."""

import os
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from crlm import ledger
from crlm.ledger import DesignError
from crlm.reconstruction import derived, histories, procedure, search, wishes_of

from . import test_reconstruction_third as third

SOLITARY = {"a": 25, "b": 10, "c": 0}
NUMBERS = {"a": (1, 2, 7), "b": (1, 3, 6), "c": (2, 4, 9)}


def with_claims(rows, *more):
    """A ledger with more claims: (statistic, value, keys)."""
    blank = dict.fromkeys(ledger.CLAIM_COLUMNS, "") | {"kind": "number", "operator": "="}
    blank |= {"field": "estimate", "population": "all", "decimals": 0.0, "group": "all"}
    made = [
        {**blank, "id": f"m{k}", "statistic": statistic, "value": float(value), **keys}
        | {"printed": f"{value:g}", "time": float("nan")}
        for k, (statistic, value, keys) in enumerate(more)
    ]
    return pd.concat([rows, pd.DataFrame(made)], ignore_index=True)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The invented paper, with a category and its number, and two of which one tells the other."""
    folder = tmp_path_factory.mktemp("data")
    path = third.written(folder)
    text = (path / "design.toml").read_text()
    used = '"entry_months", "multiple", "n_tumours", "ras", "kras_codon"]'
    (path / "design.toml").write_text(text.replace('"entry_months"]', used))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "CRLM_DATA", str(folder))
        design = ledger.load_design(path.name)
        yield SimpleNamespace(
            design=design, wishes=wishes_of(design), rows=ledger.load_claims(path.name)
        )


def counted(name, level, counts):
    return [
        ("n", n, {"group": f"arm={arm}", "covariate": name, "level": level})
        for arm, n in counts.items()
    ]


def of_number():
    for arm, values in NUMBERS.items():
        for statistic, value in zip(("min", "median", "max"), values, strict=True):
            yield statistic, value, {"group": f"arm={arm}", "covariate": "n_tumours"}


def test_solitary_and_the_number_of_tumours_agree_and_are_as_print_counts_them(study):
    """They were dealt apart, and the first cohort was refused as a table of the user's."""
    rows = with_claims(study.rows, *counted("multiple", "no", SOLITARY), *of_number())
    begun = search.begin(study.design, study.wishes, rows, seed=1)
    columns, state = begun.columns, begun.state
    table, _ = histories.frames(study.design, study.wishes, columns, state, 1)
    assert ((table["n_tumours"] > 1) == (table["multiple"] == "yes")).all()
    assert (table["multiple"] == "no").groupby(table["arm"]).sum().to_dict() == SOLITARY
    assert table["n_tumours"].groupby(table["arm"]).max().to_dict() == {"a": 7, "b": 6, "c": 9}
    number, category = (columns.at(name) for name in ("n_tumours", "multiple"))
    state.x[number, :3] = 1, 2, float("nan")  # as a search moves it
    derived.derive_all(state, begun.plan)
    assert state.x[category, :2].tolist() == [0, 1] and np.isnan(state.x[category, 2])
    verdicts = procedure.rehearse(study.design, study.wishes, rows)
    mine = verdicts[verdicts["covariate"] == "multiple"]
    assert (mine["verdict"] == "matches").all() and len(mine) == 3


def test_solitary_alone_is_dealt_as_any_category(study):
    rows = with_claims(study.rows, *counted("multiple", "no", SOLITARY))
    begun = search.begin(study.design, study.wishes, rows, seed=1)
    assert "multiple" in begun.columns.names[: begun.columns.n_base]
    assert "n_tumours" not in begun.columns.names


def test_what_a_category_follows_from_is_declared_in_its_place(study):
    rows = with_claims(study.rows, *counted("multiple", "no", SOLITARY), *of_number())
    wishes = {**study.wishes, "columns": {"multiple": {"may_be_missing": True}}}
    told = r"\[columns.multiple\]: multiple follows from n_tumours, .*\[columns.n_tumours\]"
    with pytest.raises(DesignError, match=told):
        search.begin(study.design, wishes, rows, seed=1)


def test_columns_that_are_dealt_apart_and_contradict_each_other_are_named_with_their_lines(study):
    rows = with_claims(
        study.rows,
        *counted("ras", "mutant", {"a": 30, "b": 25, "c": 20}),
        *counted("kras_codon", "wild", {"a": 30, "b": 25, "c": 20}),
        *counted("kras_codon", "codon12", {"a": 20, "b": 20, "c": 10}),
        *counted("kras_codon", "codon13", {"a": 10, "b": 5, "c": 10}),
        *counted("kras_codon", "other", {"a": 0, "b": 0, "c": 0}),
    )
    with pytest.raises(DesignError) as caught:
        procedure.rehearse(study.design, study.wishes, rows)
    text = str(caught.value)
    assert text.startswith(
        "data/third/design.toml: 1 fault.\n  kras_codon and ras: the search deals"
    )
    assert "the codon contradicts the RAS status. Keep one" in text
    assert text.endswith("(kras_codon in line 6; ras in line 6).") and "codebook" not in text
