"""Each rule of disclosure control is needed: without it a check of a whole release turns red."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crlm import baseline, ledger, numbers, privacy, regression, survival
from crlm.privacy import attack, counts, lifetimes, quantities, tables
from crlm.privacy.counts import Register

K = 5
#: Chosen so that the rules alone, before any band is widened, leave nothing narrow.
SEED = 7


def cohort_of(seed=SEED, n=90):
    """Patients with small levels, gaps, a nested column, and endpoints that some lack."""
    rng = np.random.default_rng(seed)
    ras = np.where(np.arange(n) < 52, "wild", "mutant")
    codon = np.where(ras == "wild", "wild", np.where(np.arange(n) < 80, "c12", "c13"))
    frame = pd.DataFrame({"ras": ras, "codon": codon})
    frame["sex"] = rng.choice(["male", "female"], n)
    frame["stage"] = np.where((np.arange(n) < 18) | (np.arange(n) == n - 6), "low", "high")
    frame["rare"] = np.where(np.isin(np.arange(n), [20, 30, 40]), "yes", "no")
    frame.loc[frame.index[-3:], ["ras", "codon"]] = None
    frame["margin"] = rng.choice(["clear", "involved"], n, p=[0.7, 0.3])
    frame.loc[frame.index[:12], "margin"] = None
    for name in frame:
        frame[name] = frame[name].astype("category")
    frame["ras"] = frame["ras"].cat.reorder_categories(["wild", "mutant"])
    months = np.round(rng.exponential(40, n) + 1, 1)
    os = frame.assign(time=months, event=rng.random(n) < 0.8, endpoint="OS").iloc[2:]
    after = os[rng.random(len(os)) < 0.7].assign(endpoint="OS_after_recurrence")
    return {"patients": frame, "OS": os, "OS_after_recurrence": after}


def flow_rows(n):
    steps = [("start", n + 3), ("first", n + 1), ("first_excluded", 2)]
    steps += [("last", n), ("last_excluded", 1)]
    common = {"covariate": "flow", "statistic": "n", "unit": "patients"}
    return ledger.rows({**common, "level": name, "estimate": v, "n": v} for name, v in steps)


def released(frames, k=K, *, attacked=False):
    """All that a report would release of these frames; rules alone, or attacked at each table."""
    patients, os = frames["patients"], frames["OS"]
    names = ["sex", "stage", "margin", "rare"]
    parts = [flow_rows(len(patients)), baseline.table_one(patients, "ras", names)]
    parts += [baseline.describe(patients, names), baseline.table_one(patients, "codon", ["sex"])]
    for by in ("ras", "codon", None):
        parts.append(survival.summary(os, by, times=[24], ticks=[0, 12, 24, 48]))
    parts.append(survival.summary(frames["OS_after_recurrence"], "ras", ticks=[0, 12, 24]))
    parts.append(regression.univariable(os, ["ras", *names[:2]]))
    release = privacy.Release(k)
    if not attacked:
        release._narrow = lambda rows: []
    release.rows(parts[0])
    release.endpoints(frames)
    return release, [release.rows(part) for part in parts[1:]]


# ---- the checks -----------------------------------------------------------------


def faults(frames):
    """What is wrong with a release, by check."""
    release, parts = released(frames)
    checks = {
        "narrow": _narrow(release),
        "two texts": _two_texts(release),
        "root": _root(release, len(frames["patients"])),
        "zero": _zero(parts[0]),
        "total": _total(parts[0]),
        "denominator": _denominator(parts[0]),
        "split": _split(release),
        "rest": _rest(release),
        "lost": _lost(release, len(frames["patients"])),
        "sides": _sides(release),
        "finer": _finer(release),
    }
    return {name for name, found in checks.items() if found}


def _narrow(release):
    k = release.k
    trial = attack.Attack(k, release.truth, seconds=600)
    try:
        found = trial.ranges(quantities.of(release.released, k, release.nested))
    except attack.TruthOutside as error:
        return [str(error)]
    return [one for one in found if one.values < k]


def _named(release):
    """Every count that was shown, with the patients whom it counts."""
    for row in release.released:
        for unknown, value in quantities._named(row):
            mask = release._mask(unknown) if unknown.kind not in "xc" else None
            if mask is not None and mask.any() and not pd.isna(value):
                yield unknown, mask, value


def _two_texts(release):
    """One set with two texts; a level that is its whole group has one of its own."""
    texts = {}
    for unknown, mask, value in _named(release):
        if unknown.kind == "d" and (release._mask(unknown._replace(kind="n")) == mask).all():
            continue
        wider = [unknown._replace(conditions=unknown.conditions - {c}) for c in unknown.conditions]
        if any((release._mask(whole) == mask).all() for whole in wider):
            continue
        texts.setdefault(mask.tobytes(), set()).add(numbers.number(value, 0))
    return [found for found in texts.values() if len(found) > 1]


def _root(release, n):
    included = [r for r in release.released if r["covariate"] == "flow" and r["level"] == "last"]
    return [r for r in included if float(r["estimate"]) != n or "band" in r["method"]]


def _levels(table):
    return table[(table["statistic"] == "n") & (table["level"] != "")]


def _zero(table):
    rows = _levels(table)
    nobody = rows[rows["estimate"].map(lambda v: numbers.number(v, 0) == "0")]
    known = rows[rows["group"] == "all"].set_index(["covariate", "level"])["estimate"]
    return [r for r in nobody.to_dict("records") if float(known[r["covariate"], r["level"]]) > 0]


def _total(table):
    wrong = []
    for _, part in _levels(table).groupby(["covariate", "level"]):
        shown = part.set_index("group")["estimate"].astype(float)
        if shown["all"] != shown.drop("all").sum():
            wrong.append(shown)
    return wrong


def _denominator(table):
    wrong = []
    for _, part in _levels(table).groupby(["covariate", "group"]):
        if float(part["n"].iloc[0]) != part["estimate"].astype(float).sum():
            wrong.append(part)
    return wrong


def _split(release):
    """Parts that are shown of a whole of fewer than 2 K."""
    shown = [(u, mask) for u, mask, _ in _named(release) if u.kind == "n" and not u.frame]
    groups = [(u, m) for u, m in shown if {c[:3] for c in u.conditions} in ({"ras"}, {"cod"})]
    small = [(u, mask) for u, mask in groups if mask.sum() < 2 * K]
    return [
        (part, whole)
        for whole, _ in small
        for part, mask in shown
        if whole.conditions < part.conditions and mask.any()
    ]


def _rest(release):
    rows = [r for r in release.released if r["endpoint"] == "OS_after_recurrence"]
    return [r for r in rows if r["statistic"] == "n" and "rest" in r["method"]]


def _lost(release, n):
    rows = [r for r in release.released if r["endpoint"] == "OS" and r["group"] == "all"]
    sizes = [r for r in rows if r["statistic"] == "n" and r["model"] == "" and not r["covariate"]]
    return [r for r in sizes if float(r["n"]) != n]


def _sides(release):
    """Events that are banded by themselves though fewer patients have none."""
    wrong = []
    for row in release.released:
        of_events = str(row.get("how", "")).partition("events: ")[2]
        if counts.AGAIN in of_events:
            continue
        for unknown, mask, _ in _named_in(release, row):
            size = release._mask(unknown._replace(kind="n"))
            if of_events.startswith("band") and 2 * mask.sum() > size.sum() + 2 * K:
                wrong.append(unknown)
    return wrong


def _named_in(release, row):
    for unknown, value in quantities._named(row):
        if unknown.kind == "d" and not pd.isna(value) and not row["group"].count("?"):
            yield unknown, release._mask(unknown), value


def _finer(release):
    """Codons of the mutants that do not add up to the mutants as they are shown."""
    shown = {u.conditions: float(v) for u, _, v in _named(release) if u.kind == "n" and not u.frame}
    fine = [shown.get(frozenset([f"codon={name}"])) for name in ("c12", "c13")]
    return [fine] if sum(fine) != shown[frozenset(["ras=mutant"])] else []


# ---- the mutants ----------------------------------------------------------------


def everything_exact(self, true, key):
    return self.exact(true)


def root(patch):
    exact = Register.exact
    banded = lambda self, true: self.band(true, "root") if true > 50 else exact(self, true)  # noqa: E731
    patch.setattr(Register, "exact", banded)


def flow(patch):
    band = Register.band
    plain = lambda self, true, key: (  # noqa: E731
        self.exact(true) if isinstance(key, tuple) else band(self, true, key)
    )
    patch.setattr(Register, "band", plain)


def groups(patch):
    sizes = tables._sizes

    def exact(register, *rest):
        found, masks = sizes(register, *rest)
        return {name: register.exact(count.true) for name, count in found.items()}, masks

    patch.setattr(tables, "_sizes", exact)


def levels(patch):
    patch.setattr(Register, "_rest", lambda self, who, name, left: self.own(who, name))


def zero(patch):
    own = Register.own
    empty = lambda self, who, name: own(self, who, name) if who.any() else self.exact(0)  # noqa: E731
    patch.setattr(Register, "own", empty)


def total(patch):
    patch.setattr(Register, "sum", lambda self, true, parts: self.band(true, ("sum", true)))


def finer(patch):
    patch.setattr(Register, "known", lambda self, who, name="", **_: None)


def denominator(patch):
    plain = lambda counts, group: float(  # noqa: E731
        sum(c.true for (g, level), c in counts.items() if g == group and level != "?")
    )
    patch.setattr(tables, "_denominator", plain)


def nearly(patch):
    known = Register.known
    patch.setattr(Register, "known", lambda self, who, name="", **_: known(self, who))


def unprinted(patch):
    parts = lifetimes._parts

    def as_printed(register, everyone, base, *rest):
        return parts(register, everyone, replace(base, kind="copy"), *rest)

    patch.setattr(lifetimes, "_parts", as_printed)


def small(patch):
    patch.setattr(counts, "_SPLIT", 0)


def events(patch):
    patch.setattr(Register, "side", lambda self, had, without, size, name="": self.own(had, name))


MUTANTS = [root, flow, groups, levels, zero, total, finer, denominator, nearly, unprinted, small]
MUTANTS += [events]


def test_the_rules_together_leave_no_fault():
    assert faults(cohort_of()) == set()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_without_a_rule_something_turns_red(mutant, monkeypatch):
    mutant(monkeypatch)
    assert faults(cohort_of())


@pytest.mark.parametrize("k", [5, 8, 11])
@pytest.mark.parametrize("seed", range(4))
def test_with_the_attack_at_each_table_nothing_is_narrow_in_the_end(seed, k):
    """Where the rules alone do not do, bands are widened before they are shown."""
    release, _ = released(cohort_of(seed, 90 + 40 * seed), k, attacked=True)
    assert _narrow(release) == []
    assert release.close().startswith("rows ")
