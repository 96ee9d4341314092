"""Cut-offs in words, and other levels that stand behind a number's label."""

import pytest

from crlm.ledger.cut_words import in_signs
from crlm.transcription import claims_of
from tests.test_transcription_surgical import DESIGN, loaded, model

CUTS = """
[factors.age_60]
source = "age"
rule = ">="
cuts = [60]
levels = ["low", "high"]
[columns.age_class]
type = "category"
levels = ["young", "old"]
labels = { young = "< 65", old = "≥ 65" }
label = "Age class"
"""


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    text = DESIGN.replace('"meno", "size_band"', '"age_60", "age_class", "nodes", "size_band"', 1)
    text = text.replace(
        "[models.RFS]", '[models.RFS]\nproducts = [["age", "arm"], ["age_60", "arm"]]'
    )
    return loaded(tmp_path_factory.mktemp("data"), text + CUTS)


@pytest.mark.parametrize(
    ("words", "signs"),
    [
        ("60 years or more", "≥ 60"),
        ("65 years and older", "≥ 65"),
        ("65-year or older", "≥ 65"),
        ("60+", "≥ 60"),
        ("at least 5 cm", "≥ 5 cm"),
        ("not less than two", "≥ 2"),
        ("greater than or equal to 60", "≥ 60"),
        ("equal or greater than 60", "≥ 60"),
        ("above 1,000 ng/mL", "> 1,000 ng/mL"),
        ("over 60", "> 60"),
        ("more than three", "> 3"),
        ("no more than 3", "≤ 3"),
        ("up to 30 mm", "≤ 30 mm"),
        ("20 ng/mL or less", "≤ 20"),
        ("64 and below", "≤ 64"),
        ("less than or equal to 60", "≤ 60"),
        ("under 50", "< 50"),
        ("between 50 and 59", "50–59"),
        ("10-year increase", "10-year increase"),
        ("mutation of exon 4 or 15", "mutation of exon 4 or 15"),
    ],
)
def test_words_of_a_cut_are_signs(words, signs):
    assert in_signs(words) == signs


@pytest.mark.parametrize(
    ("label", "keys"),
    [
        ("Age (60 years or more)", ("age_60", "high")),  # Went in as the ratio of one year.
        ("Age (at least 60 years)", ("age_60", "high")),
        ("Age (60+)", ("age_60", "high")),
        ("Age 60 years or older", ("age_60", "high")),
        ("Age (years) ≥ 60", ("age_60", "high")),
        ("Tumour size (more than 30 mm)", ("size_band", "high")),
        ("Number of positive nodes (ten or more)", ("node_band", "10_up")),
        ("Age class (65 years or older)", ("age_class", "old")),
        ("Age (60 years or older) × Hormonal treatment", ("age_60:arm", "high:yes")),
        ("Age (years) × Hormonal treatment", ("age:arm", "yes")),
        ("Age (per year older)", ("age", "")),
        ("Age (1 year)", ("age", "")),
        ("Age (continuous)", ("age", "")),
        ("Age (at operation)", ("age", "")),
    ],
)
def test_a_cut_in_words_is_its_level(design, label, keys):
    made = model(design, label)
    assert not made.questions, made.questions
    assert {(c["covariate"], c["level"]) for c in made.claims} == {keys}


@pytest.mark.parametrize("label", ["Age (over 65)", "Age (65 years and older)", "Age above 65"])
def test_another_cut_is_asked_with_what_declares_it(design, label):
    made = model(design, label)
    assert not made.claims and "the band" in made.questions[0]
    assert "[factors.NAME] with source = 'age'" in made.questions[0]
    assert "age_60:LEVEL" in made.questions[0]


@pytest.mark.parametrize(
    "label",
    [
        "Age (older)",  # Each went in as the ratio of one unit.
        "Age (> median)",
        "Age (above median)",
        "Age (62)",
        "Number of positive nodes (multiple)",
        "Tumour size (large)",
        "Age (older) × Hormonal treatment",
    ],
)
def test_a_level_of_a_number_is_asked(design, label):
    made = model(design, label)
    assert not made.claims and "is a number in the design" in made.questions[0]


def test_a_plus_behind_the_last_band_is_that_band(design):
    """ "10+" of nodes to 3, to 9 and above was asked, and told as the band too."""
    ratios = [["1-3", "1 (ref)"], ["4-9", "1.2 (0.8-1.9)"], ["10+", "2.1 (1.3-3.4)"]]
    rows = [["", "HR (95% CI)"], ["Number of positive nodes", ""], *ratios]
    made = claims_of(rows, design, "model", place="table2", endpoint="RFS")
    assert not made.questions, made.questions
    assert {(c["covariate"], c["level"]) for c in made.claims[-3:]} == {("node_band", "10_up")}
