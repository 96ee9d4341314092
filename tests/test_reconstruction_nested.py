"""Categories that print counts among some patients alone: extent, of those who were resected."""

import numpy as np
import pytest

from crlm.reconstruction import nested
from crlm.reconstruction.arrays import Columns

from .audit_ledger import COLUMNS, claims, design, groups, n

CATEGORY = {"type": "category", "role": "treatment"}
SURGERY = {**CATEGORY, "levels": ["none", "explored", "resected"], "label": "Surgery"}
EXTENT = {**CATEGORY, "levels": ["minor", "major"], "label": "Extent"}
REASON = {**CATEGORY, "levels": ["disease", "refusal"], "label": "Reason"}
OPERATED = {"source": "surgery", "groups": {"no": ["none"], "yes": ["explored", "resected"]}}
OPERATED |= {"levels": ["no", "yes"], "label": "Operated"}
WISHES = {"groups": {"columns": ["arm"]}}


@pytest.fixture(scope="module")
def plan():
    columns = {**COLUMNS, "surgery": SURGERY, "extent": EXTENT, "reason": REASON}
    return design(columns=columns, factors={"operated": OPERATED})


def told(*rows):
    return claims(*groups(), *rows)


def among(arm, count, name, level, where):
    return n(count, f"arm={arm}", population=where, covariate=name, level=level)


MAJOR = [among("old", 20, "extent", "major", "surgery=resected")]
MAJOR += [among("new", 30, "extent", "major", "surgery=resected")]
SIZES = [n(80, "arm=old", covariate="surgery", level="resected")]
SIZES += [n(70, "arm=new", covariate="surgery", level="resected")]


def test_counts_among_some_patients_are_found_and_the_open_level_is_their_rest(plan):
    found = nested.nested(plan, WISHES, told(*SIZES, *MAJOR))
    resected = frozenset({("surgery", "resected")})
    assert found == {"extent": {("old", resected): [60, 20], ("new", resected): [40, 30]}}
    assert nested.units(plan, found, ["arm"]) == [["surgery", "extent"]]
    assert nested.units(plan, found, ["arm", "surgery"]) == []


@pytest.mark.parametrize(
    "rows",
    [
        MAJOR,  # Nobody says how many the others are.
        [*SIZES, MAJOR[0]],  # Of one group alone.
        [*SIZES, *MAJOR, *(among(arm, 9, "extent", "major", "stage=I") for arm in ("old", "new"))],
        [*SIZES, *MAJOR, n(50, "all", covariate="extent", level="major")],
    ],
)
def test_what_print_leaves_open_or_tells_otherwise_is_not_dealt_so(plan, rows):
    assert "extent" not in nested.nested(plan, WISHES, told(*rows))


def test_what_the_file_counts_is_not_taken_from_print(plan):
    wishes = {**WISHES, "columns": {"extent": {"counts": {"old": {"minor": 1, "major": 2}}}}}
    assert nested.nested(plan, wishes, told(*SIZES, *MAJOR)) == {}


def test_levels_are_dealt_among_these_patients_alone(plan):
    """They were asked for, and, once declared, lay anywhere in their group."""
    kept = [among(arm, 5, "reason", "refusal", "operated=no") for arm in ("old", "new")]
    kept += [among(arm, 3, "reason", "disease", "operated=no") for arm in ("old", "new")]
    found = nested.nested(plan, WISHES, told(*SIZES, *MAJOR, *kept))
    names = ("arm", "surgery", "extent", "reason")
    columns = Columns(names, len(names))
    x = np.full((4, 200), np.nan)
    x[0] = np.repeat([0, 1], 100)
    x[1] = np.tile([0.0] * 10 + [1.0] * 10 + [2.0] * 80, 2)
    nested.deal(plan, found, columns, x, np.random.default_rng(1))
    for arm, major in ((0, 20), (1, 30)):
        own = x[:, x[0] == arm]
        assert np.isnan(own[2, own[1] != 2]).all() and (own[2] == 1).sum() == major
        assert np.isnan(own[3, own[1] != 0]).all() and (own[3] == 1).sum() == 5
        # Two of the ten not operated on have no reason in print.
        assert np.isnan(own[3, own[1] == 0]).sum() == 2
