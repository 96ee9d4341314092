"""How far the audit can be trusted: honest papers, and the same papers with one number damaged.

    python benchmarks/audit_papers.py [--papers 200] [--seed 1]

Every paper is printed from a simulated cohort, through the analysis of its notebook and the
rounding of its journal. Honest papers say how often the audit accuses wrongly, damaged ones how
often it sees a misprint. The figures go to `audit_papers.csv` beside this file.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import pandas as pd
from damaged_papers import KINDS, Damage, damages, key_of
from honest_papers import paper

from crlm.audit import CATALOGUE, audit
from crlm.audit.facts import gather
from crlm.ledger import Design

STUDIES = ("ncch_scp", "mskcc_hai")
#: Contradicted: called inconsistent. Pointed at: no more than a remark that a reader should know.
COLUMNS = ("design", "part", "by", "what", "tried", "contradicted", "share", "pointed_at")

_SIZES = ((1.02, "up to 2 %"), (1.1, "2 to 10 %"), (1.5, "10 to 50 %"), (3, "1.5- to 3-fold"))

Verdicts = dict[tuple, str]


def weak(kind: str) -> bool:
    """Whether a kind of check never accuses an honest paper by its making: bounds, pointers."""
    return kind == "domain" or CATALOGUE[kind].points


def verdicts(design: Design, claims: pd.DataFrame) -> Verdicts:
    """What every check says, by kind, subject and claims; "notable" if it is a remark."""
    facts = gather(design, claims)
    found: Verdicts = {}
    for kind in CATALOGUE.values():
        for case in kind.find(facts):
            said = case.judge(case.roles)
            word = "notable" if said.notable else said.verdict
            found[kind.name, case.subject, frozenset(case.claims)] = word
    return found


def damaged(claims: pd.DataFrame, damage: Damage) -> pd.DataFrame:
    """The claims with one misprint."""
    hurt = claims.copy()
    for place, change in damage.new.items():
        for name, value in change.items():
            hurt.iloc[place, hurt.columns.get_loc(name)] = value
    return hurt


def seen(design: Design, claims: pd.DataFrame, damage: Damage, before: Verdicts) -> str:
    """What a misprint does: "inconsistent", "notable", or "" if nothing new is said.

    Only checks count that say something new of the damaged number or of its partners, those in
    the same cell: limits, p value, percentage.
    """
    keys = [key_of(c, "statistic", "field") for c in claims.to_dict("records")]
    cells = {keys[place] for place in damage.new}
    own = {name for name, key in zip(claims["id"], keys, strict=True) if key in cells}
    after = verdicts(design, damaged(claims, damage))
    new = {word for key, word in after.items() if word != before.get(key) and key[2] & own}
    return next((word for word in ("inconsistent", "notable") if word in new), "")


def bound(before: Verdicts) -> set[str]:
    """Claims that some check holds against another number or sentence."""
    held = (key for key, v in before.items() if v == "consistent" and not weak(key[0]))
    return set().union(*(claims for _, _, claims in held if len(claims) > 1))


def claim_kind(claim: Mapping[str, Any]) -> str:
    """A claim as one of a few kinds."""
    if claim["kind"] == "direction":
        return "sentence"
    name = claim["statistic"].replace("_", " ")
    limit = "" if claim["field"] == "estimate" else " limit"
    return f"{name}{limit}{', ' if claim['model'] else ''}{claim['model']}"


def size_of(claim: Mapping[str, Any], change: Mapping[str, Any]) -> str:
    """How large a misprint is, as the ratio of the larger to the smaller number."""
    if claim["kind"] == "direction":
        return "a word"
    a, b = sorted((abs(claim["value"]), abs(change["value"])))
    ratio = b / a if a > 0 else math.inf
    return next((name for step, name in _SIZES if ratio <= step), "more than 3-fold")


def tried(study: str, number: int, seed: int, each: int) -> tuple[list[tuple], list[str]]:
    """All that one paper and `each` damaged copies add, and every wrong accusation in words."""
    design, claims, cohort = paper(study, number, seed)
    found = audit(design, claims)
    score = [(study, "clean", *row) for row in _clean(found.checks, found.findings, cohort)]
    wrong = [
        f"{study} paper {number} ({cohort}) {c['check_id']}: {c['printed']}. {c['detail']}"
        for c in found.checks[found.checks["verdict"] == "inconsistent"].to_dict("records")
    ]
    before = verdicts(design, claims)
    held = bound(before)
    rng = random.Random(f"{study} {number} {seed}")
    made = damages(claims, rng)
    for damage in rng.sample(made, min(each, len(made))):
        word = seen(design, claims, damage, before)
        score += [(study, "damaged", *row, word) for row in _hurt(claims, damage, held)]
    return score, wrong


def _clean(checks: pd.DataFrame, findings: pd.DataFrame, cohort: str) -> Iterator[tuple]:
    for kind, verdict in zip(checks["kind"], checks["verdict"], strict=True):
        yield "all checks", "all", verdict
        yield "cohort", cohort, verdict
        yield "kind of check", kind, verdict
        if not weak(kind):
            yield "all checks", "without bounds and pointers", verdict
    accused = "inconsistent" if (checks["verdict"] == "inconsistent").any() else "consistent"
    yield "papers", "all", accused
    leads = zip(findings["verdict"], findings["checks"], strict=True)
    for verdict, kind in {(v, names[0].rpartition("-")[0]) for v, names in leads}:
        yield "findings, in papers", kind, "notable" if verdict == "cannot tell" else verdict


def _hurt(claims: pd.DataFrame, damage: Damage, held: set[str]) -> Iterator[tuple]:
    place, change = next(iter(damage.new.items()))
    claim = claims.iloc[place].to_dict()
    known = "bound" if claim["id"] in held else "not bound"
    yield "all", "all"
    yield "bound by another number", known
    yield "kind of damage", damage.kind
    yield f"kind of damage, {known}", damage.kind
    yield "kind of claim", claim_kind(claim)
    yield "size", size_of(claim, change)


def table(score: list[tuple], papers: int) -> pd.DataFrame:
    """Counts and shares; findings are counted in papers."""
    tries = Counter(s[:4] for s in score)
    bad = Counter(s[:4] for s in score if s[4] == "inconsistent")
    notable = Counter(s[:4] for s in score if s[4] == "notable")
    rows = []
    for key in sorted(tries, key=lambda k: (STUDIES.index(k[0]), k[1], k[2], -tries[k], k[3])):
        n = papers if key[2].startswith("findings") else tries[key]
        rows.append((*key, n, bad[key], round(bad[key] / n, 5), notable[key]))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def main(arguments: list[str] | None = None) -> None:
    """Print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--papers", type=int, default=200, help="papers of each design")
    parser.add_argument(
        "--damages",
        type=int,
        default=len(KINDS),
        choices=range(1, len(KINDS) + 1),
        metavar=f"1-{len(KINDS)}",
        help="damaged copies of each paper, of as many kinds",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    asked = parser.parse_args(arguments)
    todo = [(study, number) for number in range(asked.papers) for study in STUDIES]
    save = partial(pd.DataFrame.to_csv, path_or_buf=asked.out, index=False, lineterminator="\n")
    score: list[tuple] = []
    start = time.monotonic()
    with ProcessPoolExecutor(
        asked.workers, initializer=warnings.simplefilter, initargs=("ignore",)
    ) as pool:
        done = pool.map(tried, *zip(*todo, strict=True), repeat(asked.seed), repeat(asked.damages))
        for (study, number), (more, wrong) in zip(todo, done, strict=True):
            score += more
            print(*wrong, sep="\n", end="\n" if wrong else "", flush=True)
            spent = time.monotonic() - start
            print(f"{study} {number + 1} of {asked.papers}, {spent:.0f} s", file=sys.stderr)
            if study == STUDIES[-1] and (number + 1) % 10 == 0:
                # A long run that is stopped leaves what `--papers` with fewer would have written.
                save(table(score, number + 1))
    found = table(score, asked.papers)
    save(found)
    print(found.to_string(index=False))


if __name__ == "__main__":
    main()
