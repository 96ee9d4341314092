"""A check of which variables a multivariable model holds, by the paper's own rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.facts import RATIOS, Facts, Key, Printed, models_of
from crlm.audit.models import model_words
from crlm.ledger.vocabulary import MULTIVARIABLE


@check(
    asks="Are the variables of the multivariable model those that the paper's rule chooses?",
    assumes="The rule of the design; the multivariable column of a table is complete.",
    blind="Variables that backward selection removed; p values at the threshold.",
    about="substantive",
)
def entry_rule(facts: Facts) -> Iterator[Case]:
    """Univariable p values against membership of the model."""
    for endpoint, key in models_of(facts.design):
        spec, inside = facts.design.model_of(endpoint, key=key), _members(facts, endpoint, key)
        if spec.get("selection") not in ("enter", "backward") or len(inside) < 2:
            continue
        for covariate in spec["covariates"]:
            p = _univariable_p(facts, endpoint, covariate)
            if p is None or "entry_p" not in spec:
                continue
            roles = {"p": p} | ({"inside": inside[covariate]} if covariate in inside else {})

            def judge(roles: Roles, covariate: str = covariate, spec: Mapping = spec) -> Outcome:
                return _judge_entry(roles, covariate, spec)

            which = model_words(facts, Key(endpoint, "all", "all", "", "", key, "n", None))
            title = f"{facts.named(covariate)}, {endpoint}: place in the {which}"
            own = () if key == MULTIVARIABLE else (key,)
            yield Case(("rule", endpoint, covariate, *own), title, roles, judge)


def _members(facts: Facts, endpoint: str, model: str) -> dict[str, Printed]:
    return {
        key.covariate: places[0]
        for key, places in facts.numbers.items()
        if key.endpoint == endpoint
        and key.model == model
        and key.statistic in RATIOS
        and key.field == "estimate"
        and places[0].place.startswith("table")
    }


def _univariable_p(facts: Facts, endpoint: str, covariate: str) -> Printed | None:
    found = [
        places[0]
        for key, places in facts.numbers.items()
        if key.statistic == "p"
        and key.model == "univariable"
        and key.population == "all"
        and (key.endpoint, key.covariate) == (endpoint, covariate)
    ]
    return found[0] if len(found) == 1 else None


def _judge_entry(roles: Roles, covariate: str, spec: Mapping) -> Outcome:
    low, high = roles["p"].interval
    entry, text = float(spec["entry_p"]), roles["p"].text
    inside = "inside" in roles
    if covariate in spec.get("left_out", ()):
        return outcome(not inside, 0.0, 1.0, "The rule leaves this variable out.")
    if inside:
        said = (
            f"p = {text} does not reach the rule's p < {entry:g}, yet the variable is in the model."
        )
        return outcome(low < entry, 0.0, entry, said)
    if low >= entry:
        return outcome(True, entry, 1.0)
    if high > entry or spec["selection"] == "backward":
        return unclear("It may have missed the threshold, or have been removed.", entry, 1.0)
    said = f"p = {text} meets the rule's p < {entry:g}, yet the variable is not in the model."
    return outcome(False, entry, 1.0, said)
