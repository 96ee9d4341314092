"""Checks of what sentences say against the numbers, and of labels against definitions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from crlm.audit.blocks import blocks
from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.facts import RATIOS, Facts, Key, Printed, cell_of, key_of, narrowed
from crlm.audit.intervals import Interval, gap, minus
from crlm.audit.values import spreads
from crlm.ledger import kind_of

_ALPHA = 0.05
#: Curves may cross: medians contradict a hazard ratio only if they differ by a fifth.
_MEDIANS_CROSS = 0.2
_WORDS = {"<": "lower", ">": "higher", "~": "no different"}


@check(
    asks="Does a sentence say what the numbers say?",
    assumes="The ledger read the direction of the sentence rightly; significance is p < 0.05.",
    blind="Sentences about numbers that are not printed.",
    about="substantive",
)
def direction(facts: Facts) -> Iterator[Case]:
    """Every sentence claim against effect, counts, medians and p value."""
    for sentence in facts.sentences:
        key = key_of(sentence, facts.design)
        if key.statistic == "p":
            yield _told_p(facts, key, sentence)
            continue
        roles = _effect(facts, key) if key.statistic in RATIOS else _difference(facts, key)
        subject = (
            "direction",
            key.endpoint,
            key.population,
            key.group,
            key.covariate,
            key.level,
            key.model,
            sentence["operator"],
        )

        def judge(roles: Roles, sentence: Mapping[str, Any] = sentence) -> Outcome:
            return _judge(roles, sentence)

        title = f"Sentence: {_short(sentence['printed'])}"
        yield Case(subject, title, roles, judge, (sentence["id"],))


def _told_p(facts: Facts, key: Key, sentence: Mapping[str, Any]) -> Case:
    """A sentence that groups differ, or do not, against the p value that is printed of them."""
    printed = facts.one(key)
    level, differ = float(sentence["value"]), sentence["operator"] == "<"

    def judge(roles: Roles) -> Outcome:
        if "p" not in roles:
            return unclear("No p value of it is printed.")
        low, high = roles["p"].interval
        fits = low < level if differ else high >= level
        said = f"p {roles['p'].operator} {roles['p'].text.lstrip('<>= ')} is printed."
        return outcome(fits, *((0.0, level) if differ else (level, 1.0)), said)

    subject = ("direction", key.endpoint, key.population, key.group, key.covariate, key.level)
    title = f"Sentence: {_short(sentence['printed'])}"
    roles = {"p": printed} if printed is not None else {}
    return Case((*subject, key.model, sentence["operator"]), title, roles, judge, (sentence["id"],))


def _short(text: str) -> str:
    return text if len(text) <= 90 else f"{text[:87].rstrip()}..."


def _effect(facts: Facts, key: Key) -> dict[str, Printed]:
    """The ratio with limits and p, and where it is not printed the medians of the groups."""
    found = {
        "estimate": facts.one(key),
        "low": facts.one(key._replace(field="conf_low")),
        "high": facts.one(key._replace(field="conf_high")),
        "p": facts.one(key._replace(statistic="p")) or _curve_p(facts, key),
    }
    levels = facts.levels(key.covariate)
    if found["estimate"] is None and key.level in levels and key.model == "univariable":
        sides = (
            ("median of level", key.level),
            ("median of reference", key.reference or levels[0]),
        )
        for role, level in sides:
            found[role] = facts.one(
                key._replace(
                    group=f"{key.covariate}={level}",
                    covariate="",
                    level="",
                    model="",
                    reference="",
                    statistic="median_survival",
                )
            )
    return {role: printed for role, printed in found.items() if printed is not None}


def _curve_p(facts: Facts, key: Key) -> Printed | None:
    if len(facts.levels(key.covariate)) != 2:
        return None
    curves = key._replace(group=key.covariate, covariate="", level="", reference="")
    return facts.one(curves._replace(model="logrank", statistic="p"))


def _difference(facts: Facts, key: Key) -> dict[str, Printed]:
    """Counts, percentages or medians of the two groups of a comparison."""
    whole = cell_of(key.population)
    levels = () if whole is None else facts.compared(key.group, whole)
    if len(levels) != 2 or whole is None or key.time is not None:
        return {}
    found: dict[str, Printed | None] = {"p": facts.one(key._replace(statistic="p", level=""))}
    for role, group in (("reference", levels[0]), ("level", levels[1])):
        cell = narrowed(whole, frozenset({(key.group, group)}))
        if key.level:
            percent, _ = blocks(facts).get((cell, key.covariate), {}).get(key.level, (None, None))
            found |= {
                f"{role} percent": percent,
                f"{role} n": facts.n(cell),
                f"{role} count": facts.n(cell | {(key.covariate, key.level)}),
            }
        else:
            found[f"{role} median"] = spreads(facts).get((cell, key.covariate), {}).get("median")
    return {role: printed for role, printed in found.items() if printed is not None}


def _judge(roles: Roles, sentence: Mapping[str, Any]) -> Outcome:
    span, text = _sign(roles)
    operator, p = sentence["operator"], roles.get("p")
    quoted = f'"{_short(sentence["printed"])}"'
    if operator == "~":
        return _judge_none(roles, quoted)
    if span is None:
        if p is not None and p.interval[0] >= _ALPHA and _claims_significance(sentence):
            return outcome(False, detail=f"{quoted}: but p = {p.text}.")
        return unclear("The numbers that the sentence is about are not printed.")
    right = span[0] < 0 if operator == "<" else span[1] > 0
    said = f"The sentence says {_WORDS[operator]}: {quoted}; the numbers say the opposite: {text}."
    if not right:
        return _crossed(roles, span) or outcome(False, *span, said)
    if p is not None and p.interval[0] >= _ALPHA and _claims_significance(sentence):
        return outcome(False, *span, f"{quoted}: but p = {p.text}.")
    return outcome(True, *span)


def _crossed(roles: Roles, span: Interval) -> Outcome | None:
    if "median of level" not in roles or gap(span, (0.0, 0.0)) > _MEDIANS_CROSS * _longer(roles):
        return None
    return unclear("The medians differ too little to contradict a hazard ratio.")


def _longer(roles: Roles) -> float:
    return max(roles[f"median of {who}"].months[1] for who in ("level", "reference"))


def _judge_none(roles: Roles, quoted: str) -> Outcome:
    p = roles.get("p")
    if p is None:
        return unclear("No p value is printed for this comparison.")
    said = f"{quoted}: but p {p.operator} {p.text.lstrip('<>= ')}."
    return outcome(p.interval[1] > _ALPHA, _ALPHA, 1.0, said)


def _claims_significance(sentence: Mapping[str, Any]) -> bool:
    return bool(re.search(r"significan|independent", sentence["printed"], re.IGNORECASE))


def _sign(roles: Roles) -> tuple[Interval | None, str]:
    """Where the effect lies against none (zero), and the numbers it is read from."""
    if "estimate" in roles:
        low, high = roles["estimate"].interval
        return (low - 1, high - 1), roles["estimate"].text
    if {"median of level", "median of reference"} <= set(roles):
        if "p" not in roles or roles["p"].interval[1] > _ALPHA:
            return None, ""
        level, reference = roles["median of level"], roles["median of reference"]
        span = minus(reference.months, level.months)
        return span, f"median {level.text} against {reference.text}"
    sides = [_side(roles, role) for role in ("level", "reference")]
    if None in sides:
        return None, ""
    (a, first), (b, second) = sides
    return minus(a, b), f"{first} against {second}"


def _side(roles: Roles, role: str) -> tuple[Interval, str] | None:
    if f"{role} median" in roles:
        printed = roles[f"{role} median"]
        return printed.interval, f"median {printed.text}"
    if {f"{role} count", f"{role} n"} <= set(roles) and roles[f"{role} n"].count > 0:
        k, n = roles[f"{role} count"].count, roles[f"{role} n"].count
        return (100 * k / n, 100 * k / n), f"{k} of {n} ({100 * k / n:.0f}%)"
    if f"{role} percent" in roles:
        return roles[f"{role} percent"].interval, f"{roles[f'{role} percent'].text}%"
    return None


@check(
    asks="Do two sentences on one comparison say the same?",
    assumes="The ledger read both rightly and gives the same keys to the same comparison only.",
    blind='An error that is repeated in every sentence; "no different" beside a sentence that '
    "does not speak of significance, at which it only points.",
    about="substantive",
    digits=False,
)
def two_sentences(facts: Facts) -> Iterator[Case]:
    """Sentences of abstract, results and discussion on one comparison, in pairs."""
    same: dict[Key, list[Mapping[str, Any]]] = defaultdict(list)
    for sentence in facts.sentences:
        same[key_of(sentence, facts.design)].append(sentence)
    for key, sentences in same.items():
        for first, second in combinations(sentences, 2):

            def judge(roles: Roles, pair: tuple = (first, second)) -> Outcome:
                return _judge_pair(*pair)

            title = f"Two sentences on {facts.named(key.covariate or key.group, key.level)}"
            ids = (first["id"], second["id"])
            yield Case(("sentences", *map(str, key)), title, {}, judge, ids)


def _judge_pair(first: Mapping[str, Any], second: Mapping[str, Any]) -> Outcome:
    signs = {first["operator"], second["operator"]}
    if len(signs) == 1:
        return outcome(True)
    told = " and ".join(
        f'{_WORDS[s["operator"]]} ({s["locator"]}: "{_short(s["printed"])}")'
        for s in (first, second)
    )
    said = f"Two sentences on one comparison say {told}."
    differs = first if second["operator"] == "~" else second
    if "~" in signs and not _claims_significance(differs):
        return unclear(said, notable=True)
    return outcome(False, detail=said)


@check(
    asks="Where a sentence's own result is not printed, do the paper's other numbers go its way?",
    assumes="The adjusted ratio of the comparison lies on the side of the crude one; a group whose "
    "median is below that of all patients is the worse one. Adjustment and crossing curves can "
    "turn both, so it only points.",
    blind="Adjusted ratios whose limits hold one; comparisons of which nothing is printed.",
    about="substantive",
    points=True,
)
def sentence_elsewhere(facts: Facts) -> Iterator[Case]:
    """Sentences on crude ratios against the adjusted ratio and the median of one level."""
    for sentence in facts.sentences:
        key = key_of(sentence, facts.design)
        own = _effect(facts, key) if key.statistic in RATIOS else {}
        sided = "estimate" in own or {"median of level", "median of reference"} <= set(own)
        if key.model != "univariable" or sided or sentence["operator"] == "~":
            continue
        roles = _adjusted(facts, key) | _beside_all(facts, key)
        if roles:

            def judge(roles: Roles, sentence: Mapping[str, Any] = sentence) -> Outcome:
                return _judge_elsewhere(roles, sentence)

            title = f"Sentence: {_short(sentence['printed'])}"
            yield Case(("direction", *map(str, key)), title, roles, judge, (sentence["id"],))


def _adjusted(facts: Facts, key: Key) -> dict[str, Printed]:
    """The multivariable ratio of a comparison with its limits."""
    ratio = key._replace(model="multivariable")
    found = {
        "estimate": facts.one(ratio),
        "low": facts.one(ratio._replace(field="conf_low")),
        "high": facts.one(ratio._replace(field="conf_high")),
    }
    return {} if None in found.values() else {r: p for r, p in found.items() if p is not None}


def _beside_all(facts: Facts, key: Key) -> dict[str, Printed]:
    """The median of one level of two, and that of all patients."""
    levels = facts.levels(key.covariate)
    if key.level not in levels or len(levels) != 2 or key.statistic != "hazard_ratio":
        return {}
    bare = key._replace(covariate="", level="", model="", reference="", statistic="median_survival")
    whole = facts.one(bare)
    for name, level in (("level", key.level), ("other", *(set(levels) - {key.level}))):
        median = facts.one(bare._replace(group=f"{key.covariate}={level}"))
        if median is not None and whole is not None:
            return {f"median of {name}": median, "median of all": whole}
    return {}


def _judge_elsewhere(roles: Roles, sentence: Mapping[str, Any]) -> Outcome:
    worse = sentence["operator"] == ">"
    quoted = f'"{_short(sentence["printed"])}"'
    if "low" in roles:
        low, high = roles["low"].interval[0], roles["high"].interval[1]
        if (high < 1) if worse else (low > 1):
            ratio = f"{roles['estimate'].text} ({roles['low'].text}-{roles['high'].text})"
            said = f"{quoted}: but the adjusted ratio of the same comparison is {ratio}."
            return unclear(said, low, high, notable=True)
    name = next((n for n in ("level", "other") if f"median of {n}" in roles), "")
    if not name:
        return outcome(True)
    own, whole = roles[f"median of {name}"], roles["median of all"]
    span = minus(own.months, whole.months)
    turned = span[0] > 0 if worse == (name == "level") else span[1] < 0
    if not turned or gap(span, (0.0, 0.0)) <= _MEDIANS_CROSS * whole.months[1]:
        return outcome(True)
    whose = "this group" if name == "level" else "the other group"
    said = f"{quoted}: but the median of {whose} is {own.text}, that of all patients {whole.text}."
    return unclear(said, *span, notable=True)


@check(
    asks="Does a claim of independence rest on a multivariable result?",
    assumes="The sentence uses the word; supplements may hold what the ledger does not.",
    blind="Results outside the ledger.",
    about="reporting",
    points=True,
)
def independence(facts: Facts) -> Iterator[Case]:
    """Sentences that say "independent" of an outcome without any printed model."""
    adjusted = [k for k in facts.numbers if kind_of(k.model) == "multivariable"]
    models = {(k.endpoint, k.covariate) for k in adjusted}
    for sentence in facts.sentences:
        if not re.search(r"independent", sentence["printed"], re.IGNORECASE):
            continue
        names = (sentence["endpoint"], sentence["covariate"] if sentence["model"] else "")
        said = (
            f'"{_short(sentence["printed"])}": no multivariable result is printed for this outcome.'
        )
        known = names in models

        def judge(roles: Roles, known: bool = known, said: str = said) -> Outcome:
            return outcome(True) if known else unclear(said, notable=True)

        subject = ("independence", sentence["endpoint"], sentence["group"], sentence["covariate"])
        title = f"Sentence: {_short(sentence['printed'])}"
        yield Case(subject, title, {}, judge, (sentence["id"],))


@check(
    asks="Does a sentence that lists the factors of an outcome list all of its table's?",
    assumes="A sentence with three factors or more means to be complete.",
    blind="Sentences that list examples.",
    about="reporting",
    points=True,
)
def listed_factors(facts: Facts) -> Iterator[Case]:
    """Lists of univariable factors against p < 0.05 in the table."""
    lists: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for sentence in facts.sentences:
        if sentence["model"] == "univariable" and sentence["population"] == "all":
            lists[sentence["printed"], sentence["endpoint"]].append(sentence)
    for (printed, endpoint), sentences in lists.items():
        named = {sentence["covariate"] for sentence in sentences}
        if len(named) < 3:
            continue
        roles = {
            key.covariate: places[0]
            for key, places in facts.numbers.items()
            if key.statistic == "p"
            and key.model == "univariable"
            and key.population == "all"
            and key.endpoint == endpoint
            and key.covariate not in named
        }

        def judge(roles: Roles) -> Outcome:
            left = [facts.named(c) for c, p in roles.items() if p.interval[1] <= _ALPHA]
            said = f"The list leaves out factors with p < 0.05 in the table: {', '.join(left)}."
            return unclear(said, notable=True) if left else outcome(True)

        ids = tuple(sentence["id"] for sentence in sentences)
        yield Case(("list", endpoint), f"Sentence: {_short(printed)}", roles, judge, ids)


_LABEL = re.compile(
    r"([<>≤≥]=?)\s*(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)[^\s,<>]*(?:\s\S+)?\s?([<>≤≥]=?)(?!\s*\d)"
)
_SPAN = re.compile(r"\b(\d+)\s*[-–]\s*(\d+)\b")


def label_rule(locator: str) -> tuple[str, float] | None:
    """The comparison that a row label makes: "CRS >3" is (">", 3), "5 cm<" is (">", 5)."""
    row = locator.partition(",")[2]
    found = _LABEL.search(row)
    if found is None:
        return None
    sign, number, before, after = found.groups()
    if sign:
        return _plain(sign), float(number)
    return {"<": ">", ">": "<", "<=": ">=", ">=": "<="}[_plain(after)], float(before)


def _plain(sign: str) -> str:
    return {"≤": "<=", "≥": ">="}.get(sign, sign)


def _labels(facts: Facts) -> dict[str, dict[str, list[Printed]]]:
    """Printed numbers of each number in two by the comparison in their row label."""
    in_two = {name for name, spec in facts.design.factors.items() if "cut" in spec}
    found: dict[str, dict[str, list[Printed]]] = defaultdict(lambda: defaultdict(list))
    for key, places in facts.numbers.items():
        columns = {key.covariate} | {c for c, _ in cell_of(key.group) or ()}
        for factor in columns & in_two:
            for printed in places:
                rule = label_rule(printed.locator)
                span = _SPAN.search(printed.locator.partition(",")[2])
                if rule is not None:
                    found[factor][f"{rule[0]}{rule[1]:g}"].append(printed)
                elif span is not None:
                    found[factor][f"{span[1]}-{span[2]}"].append(printed)
    return found


@check(
    asks="Do the row labels of a dichotomy name one cut-off, and leave no value out?",
    assumes="The locators of the ledger repeat the printed labels.",
    blind="Labels that say nothing of their cut-off. A scan that turned a 'not above' into a "
    "'below' looks the same.",
    about="reporting",
    points=True,
)
def labels(facts: Facts) -> Iterator[Case]:
    """Cut-offs as the tables word them."""
    for factor, by_rule in sorted(_labels(facts).items()):
        firsts = {
            rule: min(printed, key=lambda p: p.id) for rule, printed in sorted(by_rule.items())
        }
        said = _label_conflict(facts, factor, list(firsts))
        roles = {f"label {rule}": printed for rule, printed in firsts.items()}

        def judge(roles: Roles, said: str = said) -> Outcome:
            return unclear(said, notable=True) if said else outcome(True)

        gap = "neither" in said
        subject = ("labels",) if gap else ("label", factor)
        title = "Labels of dichotomies" if gap else f"Label of {facts.named(factor)}"
        yield Case(subject, title, roles, judge)


def _label_conflict(facts: Facts, factor: str, rules: list[str]) -> str:
    name = facts.named(factor)
    parsed = [(r[0], float(r.lstrip("<>="))) for r in rules if r[0] in "<>" and r[1] != "="]
    spans = [r for r in rules if "-" in r]
    for sign, value in parsed:
        for span in spans:
            if sign == ">" and float(span.split("-")[0]) <= value:
                return f"{name} is labelled {sign}{value:g} in one place and {span} in another."
    cut = float(facts.design.factors[factor]["cut"])
    both = {sign for sign, value in parsed if value == cut}
    if both == {"<", ">"}:
        pair = f"<{cut:g} and >{cut:g}"
        return f"As the labels {pair} of {name} stand here, {cut:g} is in neither group."
    return ""
