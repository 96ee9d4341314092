"""Published beside computed: claims, verdicts, what differs, and the agreement of two cohorts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from crlm.comparison import CAN_AGREE, tally
from crlm.ledger import Design, as_records
from crlm.ledger.vocabulary import NOT_REACHED
from crlm.naming import describe, method_words
from crlm.numbers import allowed, counted, number, p_phrase, p_text, ratio, span
from crlm.report.html import Footnotes, Html, fold, joined, say, table
from crlm.report.readings.wording import capital

_PLACES = {
    "title": "Title",
    "abstract": "Abstract",
    "methods": "Methods",
    "results": "Results",
    "legend": "Legends",
    "discussion": "Discussion",
    "conclusion": "Conclusion",
}
#: So many findings and differences stand in sight; the rest is folded.
_FIRST = 3
_MEANING = (
    "matches: rounds to the printed text, a tie up or as R rounds it. near: within one unit "
    "of its last digit, a p value also within a factor of two; for a sentence, the same "
    "direction without significance. differs: further away. no result: this cohort cannot give "
    "it."
)

_WITHIN = " can agree: the printed number fits the band that is shown here."


def printed(claim: Mapping[str, Any]) -> str:
    """A claim as a reader of the paper sees it, with its unit."""
    text = claim["printed"]
    if claim["kind"] == "direction":
        return f"“{text}”"
    if claim["kind"] == NOT_REACHED:
        return str(text)
    return f"{text} {claim['unit']}".strip()


def tally_table(verdicts: pd.DataFrame) -> Html:
    """Verdicts counted by where the number is printed."""
    counts = tally(verdicts)
    body = [
        ("head" if place == "total" else "", [place_name(place), *[str(v) for v in row]])
        for place, row in zip(counts.index, counts.to_numpy(), strict=True)
    ]
    words = [str(name) for name in counts.columns[1:]]
    header = ["Printed in", "Claims", *[word.capitalize() for word in words]]
    notes = [_MEANING + (_WITHIN if CAN_AGREE in words else "")]
    numeric = range(1, len(header))
    return table("Published beside computed", header, body, notes, numeric=numeric)


def place_name(name: Any) -> str:
    """Where a claim is printed, as a reader says it: Table 1, Supplementary table S2."""
    bare = re.sub(r"(?<=[a-z])(S?\d)", r" \1", str(name).replace("_", " "))
    return _PLACES.get(str(name), capital(bare))


def verdict_tables(verdicts: pd.DataFrame, design: Design) -> Html:
    """Every claim beside its computed value, one folded table for each place of the paper."""
    pieces, words = [], method_words(design)
    known = [str(word) for word in verdicts["verdict"].cat.categories]
    for place, part in verdicts.groupby("place", sort=False):
        counts = ", ".join(f"{n} {v}" for v in known if (n := int((part["verdict"] == v).sum())))
        body = [("", _verdict_cells(claim, words), [claim]) for claim in as_records(part)]
        name = place_name(place)
        inner = table(f"{name}: published beside computed", _HEADER, body, numeric=[1, 2])
        pieces.append(fold(f"{name}: {counted(len(part), 'claim')} ({counts})", inner))
    return joined(*pieces)


_HEADER = ["What", "Printed", "Computed", "Verdict", "Where, why, how"]


def differences_table(
    verdicts: pd.DataFrame, design: Design, *, apart: bool = False
) -> Html | None:
    """The claims that differ, with what was computed; None when there are none.

    Parameters
    ----------
    apart : bool
        All of them in one table behind one line, as where other patients make many.
    """
    differing = verdicts[verdicts["verdict"] == "differs"]
    if differing.empty:
        return None
    words = method_words(design)
    body = [("", _verdict_cells(claim, words), [claim]) for claim in as_records(differing)]
    if apart:
        many = counted(len(body), "claim that differs", "claims that differ")
        return fold(many, table("What differs", _HEADER, body, numeric=[1, 2]))
    shown = table("What differs", _HEADER, body[:_FIRST], numeric=[1, 2])
    if len(body) <= _FIRST:
        return shown
    rest = table("What differs, continued", _HEADER, body[_FIRST:], numeric=[1, 2])
    many = counted(len(body) - _FIRST, "more claim that differs", "more claims that differ")
    return joined(shown, fold(many, rest))


def _verdict_cells(claim: Mapping[str, Any], words: Callable[[str], str]) -> list[str]:
    audit = f"audit {claim['findings']}" if claim.get("findings") else ""
    told = (claim["locator"], audit, claim["reason"], claim["method"], claim["note"])
    why = "; ".join(words(part) for part in told if part)
    if claim["scanned"]:
        why += f"; our text reads {claim['scanned']}: {claim['mended_because']}"
    return [claim["name"], printed(claim), computed(claim), str(claim["verdict"]), why]


def computed(claim: Mapping[str, Any]) -> str:
    """What came out for a claim, with the decimals that the paper prints.

    With more where these would hide why it differs: 0.4 beside a printed 2 is not 0, and 0.0003
    beside a printed <0.0001 is not <0.001.
    """
    value = claim["computed"]
    if claim["kind"] == NOT_REACHED:
        reached = math.isfinite(value) or claim["verdict"] == "no result"
        return number(value, 1) if reached else NOT_REACHED
    if claim["kind"] == "direction" and claim["statistic"] == "p":
        return p_phrase(value)
    if claim["kind"] == "direction":
        shown = ratio if claim["statistic"].endswith("_ratio") else number
        p = f", {p_phrase(claim['p'])}" if math.isfinite(claim["p"]) else ""
        return shown(value, 2) + p
    if claim["statistic"] == "p":
        hidden = claim["operator"] == "<" and claim["value"] <= value < 0.001
        digits = int(claim["decimals"]) if claim["operator"] == "=" else 0
        return number(value, 1 - math.floor(math.log10(value))) if hidden else p_text(value, digits)
    decimals = int(claim["decimals"])
    if claim["statistic"].endswith("_ratio"):
        return ratio(value, decimals)
    while value and not number(value, decimals).strip("-0.") and decimals < 4:
        decimals += 1
    return number(value, decimals)


def tally_sentence(verdicts: pd.DataFrame) -> str:
    """The verdict on a whole paper in one sentence."""
    count = verdicts["verdict"].value_counts()
    answered = len(verdicts) - count["no result"]
    within = f"{count[CAN_AGREE]} can agree with what is shown, " if CAN_AGREE in count else ""
    match, near, differ = (int(count[name]) for name in ("matches", "near", "differs"))
    return (
        f"Of {counted(len(verdicts), 'printed result')}, this cohort answers {answered}: {match} "
        f"match{'es' * (match == 1)} at printed precision, {near} {'is' if near == 1 else 'are'} "
        f"within one printed unit, {within}{differ} differ{'s' * (differ == 1)}."
    )


# ---- the audit --------------------------------------------------------------


def findings_table(findings: pd.DataFrame, *, caption: str = "Findings") -> Html:
    """What the printed numbers say against each other, the gravest first."""
    body = []
    for finding in as_records(findings):
        trust = f"{finding['class']}, {finding['confidence']} confidence"
        repair = finding["repair"] or "–"
        cells = [finding["finding_id"], finding["title"], finding["detail"], repair, trust]
        body.append(("", cells))
    header = ["Finding", "What", "The arithmetic", "Smallest misprint to explain it", "Class"]
    return table(caption, header, body)


def audit_sentence(checks: pd.DataFrame) -> str:
    """How many checks of the print there were, and what came of them."""
    count = checks["verdict"].value_counts()
    return (
        f"{len(checks)} checks of the printed numbers against each other: "
        f"{count.get('consistent', 0)} consistent, {count.get('inconsistent', 0)} inconsistent, "
        f"{count.get('cannot tell', 0)} that cannot tell."
    )


def audit_pieces(
    checks: pd.DataFrame,
    findings: pd.DataFrame,
    implied: pd.DataFrame,
    asked: pd.DataFrame,
    design: Design,
) -> list[Html]:
    """An audit in pieces: how many checks, the contradictions, then the rest, folded.

    Remarks, what print implies, and what a reviewer asks that print alone answers.
    """
    against = findings["verdict"] == "inconsistent"
    pieces = [say(audit_sentence(checks))]
    if against.any():
        first, rest = findings[against].head(_FIRST), findings[against].iloc[_FIRST:]
        caption = "Numbers that contradict each other"
        pieces.append(findings_table(first, caption=caption))
        if len(rest):
            more = findings_table(rest, caption=f"{caption}, continued")
            pieces.append(fold(counted(len(rest), "more such finding"), more))
    if (~against).any():
        rest = findings_table(findings[~against], caption="What a reader should know")
        many = counted((~against).sum(), "remark")
        pieces.append(fold(f"What a reader should know: {many}", rest))
    pieces.append(_quantities("Implied but unstated", implied, design))
    return [*pieces, *([_quantities("Asked of print alone", asked, design)] if len(asked) else [])]


def _quantities(caption: str, rows: pd.DataFrame, design: Design) -> Html:
    """Quantities with the intervals that printed digits allow, folded; how, once below them."""
    marks = Footnotes()
    head = f"Interval{marks.usual([row['how'] for row in as_records(rows)])}"
    body = [
        (
            "",
            [
                capital(row["quantity"]),
                _of_what(row, design),
                allowed(row["low"], row["high"], row["unit"]) + marks.mark(row["how"]),
            ],
        )
        for row in as_records(rows)
    ]
    inner = table(caption, ["Quantity", "Of what", head], body, marks.lines())
    return fold(f"{caption}: {counted(len(body), 'quantity', 'quantities')}", inner)


def _of_what(row: Mapping[str, Any], design: Design) -> str:
    """What an implied quantity is of; a ratio sets a level against the reference."""
    effect = any(word in str(row["quantity"]) for word in ("ratio", "E-value", "Testing"))
    keys = {"model": "", "statistic": "hazard_ratio" if effect else "n"}
    return describe({**keys, **row}, design)


# ---- two cohorts ------------------------------------------------------------


def agreement_table(pairs: pd.DataFrame, design: Design) -> Html:
    """Effects of the paper and of this cohort with what their agreement says, tests folded.

    Parameters
    ----------
    pairs : pandas.DataFrame
        From `agreement.agree`.
    """
    records = as_records(pairs)
    header = ["Effect", "Paper", "This cohort", "Events", "Reading"]
    body = []
    for pair in records:
        values = [_three(pair, "printed"), _three(pair, "new"), number(pair["events"], 0)]
        body.append(("", [describe(pair, design), *values, pair["reading"]], [pair]))
    shown = table("The paper's effects and this cohort's", header, body, numeric=[3])
    summary = f"Tests of agreement: {counted(len(records), 'effect')}"
    return joined(shown, fold(summary, _agreement_tests(records, design)))


def _agreement_tests(records: Sequence[Mapping[str, Any]], design: Design) -> Html:
    header = ["Effect", "Ratio of the two", "Heterogeneity p"]
    header += ["Within prediction interval", "Sceptical p", "Power"]
    body = []
    for pair in records:
        inside = "yes" if pair["predicted"] else "no"
        foretold = span(ratio(pair["prediction_low"]), ratio(pair["prediction_high"]))
        cells = [describe(pair, design), _three(pair, "ratio"), p_text(pair["heterogeneity_p"])]
        cells += [f"{inside} ({foretold})", p_text(pair["sceptical_p"])]
        body.append(("", [*cells, f"{number(100 * pair['power'], 0)} %"], [pair]))
    lines = [
        "Prediction interval: where an estimate of this cohort's precision falls in 95 of 100 "
        "cases if both share one effect. Sceptical p (Held 2020), one-sided; below 0.025 is "
        "replication success. Power: the chance that a cohort of this precision finds the "
        "published effect at two-sided 5 %."
    ]
    return table("Tests of agreement", header, body, lines)


def _three(pair: Mapping[str, Any], name: str) -> str:
    low, high = ratio(pair[f"{name}_low"]), ratio(pair[f"{name}_high"])
    return f"{ratio(pair[name])} ({span(low, high)})"
