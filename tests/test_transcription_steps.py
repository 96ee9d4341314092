"""What a row of a regression table says that its ratio is for."""

from dataclasses import replace

import pytest

from crlm import ledger
from crlm.transcription import claims_of
from crlm.transcription.stepped import parted, step_of


@pytest.fixture(scope="module")
def design():
    return ledger.load_design("mskcc_hai")


def read(design, label, named=None):
    rows = [["", "Multivariable HR"], [label, "1.2"]]
    options = {"place": "t", "endpoint": "OS", "named": named or {}}
    made = claims_of(rows, design, "model", **options)
    return [c["covariate"] for c in made.claims], made.questions


@pytest.mark.parametrize(
    ("label", "many"),
    [
        ("Age (Unit = 10)", 10),  # These went in as the ratio of one year.
        ("Age (units: 10 years)", 10),
        ("Age, unit = 0.1", 0.1),
        ("Age (unit = .1)", 0.1),
        ("Age (per 10-unit increase)", 10),
        ("Age, per 1000 units", 1000),
        ("Age (10 units)", 10),
        ("Age (10-year)", 10),
        ("Age (ten years)", 10),
        ("Age [10-year increments]", 10),
        ("Age (increments of 10)", 10),
        ("Age (/10 years)", 10),
        ("Age (+10 years)", 10),
        ("Age (×10)", 10),
        ("Age (decades)", 10),
    ],
)
def test_a_step_is_read_or_its_declaration_asked(design, label, many):
    assert step_of(parted(label)[1], "years")[1:] == ("per", many)
    found, asked = read(design, label)
    assert not found and f"with source = 'age' and per = {many:g}" in asked[0]
    name = f"age_{many:g}".replace(".", "_")
    scaled = replace(design, scaled={name: {"source": "age", "per": many}})
    assert read(scaled, label) == ([name], [])


@pytest.mark.parametrize("unit", ["mm", "days", "cm", "years"])
def test_a_step_in_the_unit_of_its_column_is_one(unit):
    """Of mm and days it was neither so many mm nor so many times as much."""
    assert step_of(f"per 10 {unit}", unit)[1:] == ("per", 10)


@pytest.mark.parametrize("label", ["Age (Unit = 1)", "Age (unit: years)", "Age (1 year)"])
def test_a_unit_is_no_step(design, label):
    assert read(design, label) == (["age"], [])


@pytest.mark.parametrize("label", ["CEA (ln)", "CEA, log-transformed", "CEA (ln) (Unit = 100)"])
def test_a_logarithm_is_not_the_number(design, label):
    """It went in as the ratio of one ng/mL."""
    found, asked = read(design, label)
    assert not found and "Say which column is the logarithm" in asked[0]
    found, asked = read(design, label, {label: "age"})
    assert (found == ["age"]) != ("per = 100" in "".join(asked))


def test_two_steps_that_differ_are_none(design):
    """ "per SD" of a logarithm was lost: a ratio per doubling."""
    scaled = replace(design, scaled={"cea_2": {"source": "cea", "fold": 2}})
    found, asked = read(scaled, "log2 CEA (per SD)")
    assert not found and "neither so many" in asked[0]
    assert read(scaled, "CEA (per doubling) (log2)") == (["cea_2"], [])


def test_the_name_of_a_column_may_hold_what_else_is_a_step(design):
    named = {**design.columns, "cea": {**design.columns["cea"], "label": "CEA (ln)"}}
    assert read(replace(design, columns=named), "CEA (ln)") == (["cea"], [])


def test_a_number_that_the_model_holds_cut_alone_is_asked(design):
    """The ratio went in as that of one month, and only `crlm ledger` said so."""
    label = "Disease-free interval"
    found, asked = read(design, label)
    assert not found and f"--is '{label}=dfi_short:yes'" in asked[0]
    assert read(design, label, {label: "dfi_short:yes"}) == (["dfi_short"], [])
    assert read(design, f"{label}, per month") == (["dfi_months"], [])
    assert read(design, "Age") == (["age"], [])


def test_what_no_model_holds_is_told_at_import(design):
    rows = [
        ["", "HR (95% CI)"],
        ["Bilobar disease", "1.2 (1.0-1.4)"],
        ["KRAS mutant", "1.1 (1.0-1.2)"],
    ]
    told = claims_of(rows, design, "model", place="t", endpoint="OS").taken
    assert [text for text in told if "bilobar is none of them" in text] == told[-1:]
