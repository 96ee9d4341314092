"""One way to say no: values stay out of files, names come near, YAML is never guessed at."""

from __future__ import annotations

import re

import pytest

from crlm import refusals
from crlm.ledger import CohortError, LedgerError, ParameterError


def test_a_message_is_written_once_and_read_twice():
    error = refusals.refusal(f"row 5, age: {refusals.foreign('Tanaka')} is not a number")
    assert str(error) == "row 5, age: … is not a number"
    assert error.told == "row 5, age: Tanaka is not a number"
    assert isinstance(refusals.refusal("x", LedgerError), LedgerError)


def test_a_value_cannot_close_its_own_mark():
    mark = refusals.foreign("a\u2069b\u2068c")
    assert refusals.discreet(f"<{mark}>") == "<…>"
    assert refusals.plain(f"<{mark}>") == "<abc>"


def test_several_values_leave_one_ellipsis():
    listed = refusals.listing(map(refusals.foreign, "abcd"), 3)
    assert refusals.discreet(f"headers: {listed}.") == "headers: … and 1 more."


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("４９", "49"),
        ("12²", "12²"),
        ("8.4¹", "8.4¹"),
        ("①", "①"),
        ("1½", "1½"),
        ("a　 b", "a b"),
        ("3‐4", "3-4"),
        ("ｶﾞﾝ", "ガン"),
        ("㎜", "mm"),
    ],
)
def test_only_full_width_digits_are_digits(text, tidied):
    assert refusals.tidy(text) == tidied


@pytest.mark.parametrize("text", ["1_2", "1:30", "no", "0x10", "inf", "nan", "١٢", "1e", "", "1 2"])
def test_what_is_no_number(text):
    assert refusals.number(text) is None


@pytest.mark.parametrize(
    ("text", "value"), [("010", 10), ("1e-3", 0.001), (" +.5 ", 0.5), ("7.", 7)]
)
def test_a_number_is_the_one_that_was_typed(text, value):
    assert refusals.number(text) == value


def test_a_choice_is_refused_with_its_kind_and_the_nearest():
    refusals.choice("ties", "efron", ("efron", "breslow"))
    words = "ties is 'efrn'; it must be one of: efron, breslow. Did you mean 'efron'?"
    with pytest.raises(ParameterError, match=re.escape(words)):
        refusals.choice("ties", "efrn", ("efron", "breslow"))
    with pytest.raises(CohortError, match=r"one of: 1, 2\.$"):
        refusals.choice("x", 3, (1, 2), CohortError)


def test_rows_are_named_once_and_in_order():
    refusals.refuse_rows([], "problem", "remedy")
    with pytest.raises(
        CohortError, match=r"Patient table row 2, 5, 7, 8, 9 and 1 more: is x\. Do y"
    ):
        refusals.refuse_rows([9, 5, 2, 7, 8, 11, 5], "is x", "Do y")


def test_yaml_is_text_lists_and_mappings():
    text = "a: no\nb: 010\nc: [1:30, 2020-01-01, true, 1_2]\nd: ~\ne:\nf: '~'\n1: x\n"
    assert refusals.read_yaml("t", text) == {
        "a": "no",
        "b": "010",
        "c": ["1:30", "2020-01-01", "true", "1_2"],
        "d": None,
        "e": "",
        "f": "~",
        "1": "x",
    }
    assert refusals.read_yaml("t", "") is None


def test_a_mapping_lends_what_another_does_not_say():
    text = "- &a {x: 1, y: 2}\n- {<<: *a, y: 3}\n- {<<: [*a, {z: 4}]}\n"
    assert refusals.read_yaml("t", text)[1:] == [
        {"x": "1", "y": "3"},
        {"x": "1", "y": "2", "z": "4"},
    ]


def bomb(levels):
    lines = ["- &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (bomb(9), "more than 1,000,000 entries"),
        ("[" * 10_000, "nested deeper than 50"),
        ("{a: " * 10_000, "nested deeper than 50"),
        ("".join(f"{'  ' * n}k:\n" for n in range(60)), "nested deeper than 50"),
        ("a: &x [*x]", "refers to itself"),
        ("a: *nothing", "refers to itself or to nothing"),
        ("a: 1\na: 2", "line 2: the key … stands twice"),
        ("? [a]\n: 1", "a key is no text"),
        ("a: {<<: 1}", "`<<` wants a mapping"),
        ("a: 1\n---\nb: 2", "several documents"),
        ("a: [", "not YAML that can be read"),
        ("a:\n\t- b", "line 2"),
        ("x" * 16_000_001, "16,000,000 is the most"),
    ],
)
def test_yaml_beyond_what_people_write_is_refused(text, words):
    with pytest.raises(ParameterError) as caught:
        refusals.read_yaml("grid.yaml", text, ParameterError)
    assert words in str(caught.value)


def test_aliases_that_stay_small_are_written_out():
    assert len(refusals.read_yaml("t", bomb(4))) == 4


def test_an_argument_that_will_not_do():
    refusals.argument("tau", 60, True, "a number of months above 0")
    with pytest.raises(ParameterError, match="^tau is -1; it must be a number of months above 0.$"):
        refusals.argument("tau", -1, False, "a number of months above 0")
    for level in (0, 1, 95, float("nan")):
        with pytest.raises(ParameterError, match="must be between 0 and 1, mostly 0.95"):
            refusals.confidence(level)


def test_a_name_that_does_not_exist_brings_the_near_one_or_all():
    refusals.present(["ras"], ["time", "ras"], of="The frame")
    with pytest.raises(ParameterError, match="no column 'raz'. Did you mean 'ras'"):
        refusals.present(["ras", "raz"], ["time", "ras"], of="The frame")
    with pytest.raises(ParameterError, match="no group 'x'. It has: time, ras."):
        refusals.present(["x"], ["time", "ras"], what="group", of="The frame")


def test_patients_of_a_frame_are_counted_and_an_identifier_stays_on_the_terminal():
    refusals.refuse_labelled([], "`time` is off", "Correct it.")
    with pytest.raises(CohortError, match=re.escape("is off; 1 row breaks this (7). Correct it.")):
        refusals.refuse_labelled([7], "`time` is off", "Correct it.")
    with pytest.raises(CohortError) as caught:
        refusals.refuse_labelled(["Tanaka-1", "Sato-2"], "`time` is off", "Correct it.")
    assert str(caught.value) == "`time` is off; 2 rows break this (…). Correct it."
    assert "Tanaka-1" in caught.value.told
