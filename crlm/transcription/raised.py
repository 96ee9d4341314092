"""Letters and numbers of footnotes: raised in a file that says so, or on the line by a paste."""

from __future__ import annotations

import re

_ON_LINE = "abcdefghijklmnoprstuvwxyz"
#: Raised letters as Unicode has them; there is no q.
LETTERS = "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ"
_RAISED = str.maketrans(_ON_LINE, LETTERS)
_MARKS = re.compile(r"[a-pr-z](?:\s?,\s?[a-pr-z])*")
#: A letter right behind a bracket, or behind a word that has no other letter there.
_GLUED = re.compile(
    r"(?:(?<=[)\]])|(?<=\bp[ -]value)(?!s\b)|(?<=\bdifference)(?!s\b)|(?<=adjusted)"
    r"|(?<=variable)(?!s\b)|(?<=variate)(?!s\b)|(?<=\binteraction)(?!s\b)|(?<=\bheterogeneity))"
    r"([a-pr-z](?:,\s?[a-pr-z])*)(?=$|[\s,;:])",
    re.IGNORECASE,
)
#: Right behind the abbreviation of a ratio: "HRb (95% CI)"; "HRs" is a plural. And behind "NS".
_ABBREVIATED = re.compile(r"(?<![^\W_])(a?[HO]R|sHR|SHR|NS)([a-f](?:,\s?[a-f])*)(?=$|[\s,;:])")
#: A letter behind the head of p or of a ratio and a blank, as a page pastes "P <sup>a</sup>".
_APART = re.compile(
    r"(?<![^\W_])(p|p[ -]?values?|a?[HO]R|SHR)\s([a-f](?:,\s?[a-f])*)$", re.IGNORECASE
)
#: A letter right behind the p of "Pa value".
_WITHIN = re.compile(r"\b([Pp])([a-e])([ -][Vv]alues?)(?=$|[\s,;:])")
#: A number right behind the head of a ratio, of its limits or of p, as gtsummary's paste has it.
_DIGITS = re.compile(
    r"(?<![^\W_])(a?[HO]R|SHR|CI|p[ -]?value)([1-9](?:,\s?[1-9])*)$", re.IGNORECASE
)
_TO_RAISED = str.maketrans("123456789", "¹²³⁴⁵⁶⁷⁸⁹")
#: A last letter behind a word, or a unit; no plural, and no level: "pTa" is not pT.
_LAST = re.compile(r"(.*(?:[^\W\d_]{3}|,.*[^\W\d_]))([a-prt-z])")


def raised(text: str) -> str:
    """Raised letters as the marks of footnotes; "" of a text that is none.

    Examples
    --------
    >>> raised("b"), raised("a,c"), raised("th")
    ('ᵇ', 'ᵃᶜ', '')
    """
    bare = text.strip()
    return re.sub(r"[\s,]", "", bare).translate(_RAISED) if _MARKS.fullmatch(bare) else ""


def unglued(text: str) -> str:
    """A text whose footnote letters a paste has set on the line, with raised ones.

    Examples
    --------
    >>> unglued("Model 2 aHR (95% CI)b"), unglued("P valuea,b"), unglued("95% CI1")
    ('Model 2 aHR (95% CI)ᵇ', 'P valueᵃᵇ', '95% CI')
    >>> unglued("P a"), unglued("Unadjusteda"), unglued("P heterogeneityb")
    ('Pᵃ', 'Unadjustedᵃ', 'P heterogeneityᵇ')
    >>> unglued("Univariate analysis Pa value"), unglued("HRb (95% CI)"), unglued("HRs")
    ('Univariate analysis P valueᵃ', 'HRᵇ (95% CI)', 'HRs')
    """
    text = _WITHIN.sub(lambda found: found[1] + found[3] + raised(found[2]), text)
    text = _APART.sub(lambda found: found[1] + raised(found[2].casefold()), text)
    text = _ABBREVIATED.sub(lambda found: found[1] + raised(found[2]), text)
    text = _DIGITS.sub(_unnumbered, text)
    return _GLUED.sub(lambda found: raised(found[1].casefold()), text)


def _unnumbered(found: re.Match[str]) -> str:
    """The head; of p with its raised number, whose footnote may name a test."""
    mark = found[2].translate(_TO_RAISED).replace(" ", "").replace(",", "")
    return found[1] + (mark if found[1].casefold().startswith("p") else "")


def with_last(label: str) -> tuple[str, str]:
    """A label without its last letter, and that as a mark; "" twice where it can be none.

    Examples
    --------
    >>> with_last("ECOG performance statusc"), with_last("Age, yd"), with_last("pTa")
    (('ECOG performance status', 'ᶜ'), ('Age, y', 'ᵈ'), ('', ''))
    """
    found = _LAST.fullmatch(label)
    return (found[1], raised(found[2])) if found else ("", "")
