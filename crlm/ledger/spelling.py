"""What a misspelt word may have meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Set

#: Words that people write for words of this house which do not look like them.
_MEANT = {
    "gender": "sex",
    "man": "male",
    "men": "male",
    "woman": "female",
    "women": "female",
    "hr": "hazard_ratio",
    "or": "odds_ratio",
    "count": "n",
    "p_value": "p",
    "pvalue": "p",
    "p-value": "p",
    "p value": "p",
    "rate": "survival_rate",
    "cox": "multivariable",
    "whitney": "mann-whitney",
    "wilcoxon": "mann-whitney",
    "anova": "t",
    "std": "sd",
    "%": "percent",
    "pct": "percent",
    "percentage": "percent",
    "interquartile_range": "iqr",
    "interquartile range": "iqr",
    "survival": "survival_rate",
    "os_rate": "survival_rate",
    "lower": "conf_low",
    "lcl": "conf_low",
    "lower limit": "conf_low",
    "upper": "conf_high",
    "ucl": "conf_high",
    "upper limit": "conf_high",
    "unadjusted": "univariable",
    "mo": "months",
    "mos": "months",
    "yr": "years",
    "yrs": "years",
    "student": "t",
    "welch": "t",
    "chi2": "chi-square",
    "chi-squared": "chi-square",
    "pearson": "chi-square",
    "stdev": "sd",
    "crude": "univariable",
    "adjusted": "multivariable",
    "float": "number",
    "int": "integer",
    "string": "text",
    "categorical": "category",
    "factor": "category",
    "flow": "eligibility",
    "criteria": "eligibility",
}
#: A product of two columns, in whichever spelling.
PRODUCT = re.compile(r"\s*[×*:]\s*|\s+[xX]\s+")
#: Signs of a condition, and what joins conditions in other programs.
_SIGNS = re.compile(r"\s*(==|!=|>=|<=|=|>|<)\s*")
_JOINED = re.compile(r"\s+(?:and|&&?)\s+|\s*[;&]\s*")
_NEAR = 0.55
#: Letters that begin both words: "dfi" for "dfi_months", "logarithm" for "log".
_BEGUN = 3


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that a misspelt one is most like; "" if none is like it."""
    folded: dict[str, str] = {}
    for other in known:
        folded.setdefault(_folded(other), other)
    asked = _folded(word)
    if asked in folded:
        return folded[asked]
    meant = _folded(_MEANT.get(word.strip().casefold(), ""))
    if meant in folded:
        return folded[meant]
    near = difflib.get_close_matches(asked, list(folded), n=1, cutoff=_NEAR)
    long = [other for other in folded if min(len(asked), len(other)) >= _BEGUN]
    begun = [other for other in long if other.startswith(asked) or asked.startswith(other)]
    found = near or sorted(begun, key=len)
    return folded[found[0]] if found else ""


def meant_by(word: str) -> str:
    """The word of this house that people write another word for; "" for none."""
    return _MEANT.get(word.strip().casefold(), "")


def did_you_mean(
    word: str, known: Iterable[str], labels: Mapping[str, str] | None = None, most: int = 25
) -> str:
    """The end of a sentence that refuses a word: the nearest known one, else what there is.

    Parameters
    ----------
    word : str
    known : iterable of str
        In the order in which they are to be listed; a set is listed by the alphabet.
    labels : mapping of str to str
        What is printed for a known word, to that word.
    most : int
        Longer lists are cut.
    """
    words = sorted(known) if isinstance(known, Set) else list(dict.fromkeys(known))
    called = {_folded(label): name for label, name in (labels or {}).items()}
    near = called.get(_folded(word)) or nearest(word, words)
    if near:
        return f"did you mean {near!r}?"
    if not words:
        return "there is none."
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return f"there is: {', '.join(words[:most])}{more}."


def _folded(word: str) -> str:
    return re.sub(r"[\s_-]+", "", word.casefold())


def tidied_conditions(text: str) -> str:
    """Conditions as they are written: `a=b,c=d`; "" where they are so already, or are none.

    Examples
    --------
    >>> tidied_conditions("race = black and sex == male")
    'race=black,sex=male'
    """
    parts = [part.strip() for piece in text.split(",") for part in _JOINED.split(piece)]
    parts = [_SIGNS.sub(lambda sign: sign[1].replace("==", "="), part, count=1) for part in parts]
    made = ",".join(parts)
    conditions = all(_SIGNS.search(part) or part.startswith("from month") for part in parts)
    return made if made != text and conditions else ""
