"""Claims on patients of known value (`column=known`) through search, rehearsal and certificate."""

import numpy as np
import pandas as pd
import pytest

from crlm.ledger import load_design
from crlm.reconstruction import annealing, certificate, histories, programs, search
from crlm.reconstruction.models import spelled_out
from crlm.reconstruction.quantities import Beyond, Quantity, quantity_of
from tests.test_reconstruction_third import third  # noqa: F401

#: Keys of claims of the invented paper, and which of their patients are said to be known.
ASKED = [
    ({"statistic": "n", "covariate": "stage", "level": "III", "group": "arm=a"}, "stage=known"),
    ({"statistic": "mean", "covariate": "marker", "group": "arm=b"}, "decade=known,sex=known"),
    ({"statistic": "p", "covariate": "stage", "group": "arm"}, "arm=known"),
    ({"statistic": "p", "model": "logrank", "endpoint": "DFS", "group": "arm"}, "decade=known"),
    ({"statistic": "p", "model": "univariable", "covariate": "stage"}, "decade=known"),
    ({"statistic": "hazard_ratio", "endpoint": "DFS", "level": "III"}, "stage=known"),
]


def asked_again(claims):
    """The ledger with these claims a second time, and with the number of those known."""
    made = []
    for k, (keys, population) in enumerate(ASKED):
        own = claims[np.logical_and.reduce([claims[n] == v for n, v in keys.items()])]
        own = own[own["population"] == "all"].iloc[:1]
        assert len(own) == 1, keys
        made.append(own.assign(id=f"known{k}", population=population))
    sizes = claims[(claims["statistic"] == "n") & (claims["covariate"] == "")].iloc[:1]
    made.append(sizes.assign(id="known-n", group="arm=known", value=150.0, printed="150"))
    number = claims[claims["statistic"] == "mean"].iloc[:1]
    made.append(number.assign(id="known-number", population="marker=known"))
    return pd.concat([claims, *made], ignore_index=True)


def test_search_and_certificate_know_patients_of_known_value(third, tmp_path):  # noqa: F811
    """The search ended with "stage has no level 'known'", and no claim was named."""
    design, wishes, claims = third
    again = asked_again(claims)
    found = search.prepare(design, wishes, again, seed=2, effort=0.0002)
    assert "patients of whom marker is known" in found.goal.excluded["known-number"]
    state = search.run(found, effort=0.0002).state
    paths = histories.write(design, wishes, found.columns, state, 2, tmp_path)
    told = certificate.certify(design, again, found.goal, *paths).set_index("id")
    got, aimed = annealing.attained(found, state), {}
    for target, value in zip(found.targets, got, strict=True):
        aimed |= dict.fromkeys(target.claims, (target, value))
    frames = certificate.analysis_frames(design, *paths)
    for k, (keys, _) in enumerate(ASKED):
        own = claims[np.logical_and.reduce([claims[n] == v for n, v in keys.items()])]
        own = own[own["population"] == "all"].iloc[0]["id"]
        # Nobody's value is missing in this cohort: those known are all.
        assert told.loc[f"known{k}", "computed"] == pytest.approx(told.loc[own, "computed"])
        if f"known{k}" in aimed:
            target, value = aimed[f"known{k}"]
            by_others = programs.by_python(target.quantity, frames, design)
            by_others = abs(by_others) if target.absolute else by_others
            assert value == pytest.approx(by_others, rel=5e-4, abs=5e-4)
    assert {"known0", "known1", "known3", "known5"} <= set(aimed)
    assert told.loc["known-n", "verdict"] == "matches"


def test_known_is_every_level_and_of_a_number_neither_search_nor_certificate(monkeypatch):
    monkeypatch.delenv("CRLM_DATA", raising=False)
    design = load_design("mskcc_hai")
    assert spelled_out("kras=known,hai=yes", design) == "kras=wild/mutant,hai=yes"
    assert spelled_out("all", design) == "all" and spelled_out("hai", design) == "hai"
    assert spelled_out("age=known", design) == "age=known"
    claim = {"population": "kras=known", "group": "hai=yes", "covariate": "sex", "level": "female"}
    claim |= {"statistic": "n", "endpoint": "", "model": "", "kind": "number", "time": np.nan}
    claim |= {"field": "estimate"}
    found = quantity_of(claim, design)
    assert isinstance(found, Quantity) and found.where == (("kras", "wild/mutant"), ("hai", "yes"))
    frame = pd.DataFrame({"kras": ["wild", "mutant", None, "wild"], "hai": ["yes"] * 4})
    frame["sex"] = ["female", "male", "female", "female"]
    assert programs.computed(found, programs.among(frame, found.where), design) == 2
    told = quantity_of(claim | {"population": "cea=known"}, design)
    assert isinstance(told, Beyond) and "patients of whom cea is known" in told
