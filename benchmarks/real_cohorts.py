"""What reconstruction is worth: real patients printed, made again from print alone, compared.

    python benchmarks/real_cohorts.py [--cohorts tcia colon] [--members 10] [--effort 0.02]

The tables of a real cohort are printed as a paper prints them; from this print, and nothing
else, an ensemble of cohorts is searched; what it says about statistics that were not printed is
held against the real patients. Then the same with all multivariable ratios, all medians by
covariate, or all univariable ratios left out of the print: the search has to foretell them.
`--papers ncch_scp` leaves the same claims out of a shipped ledger. The figures go to
`real_cohorts.csv` beside this file.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from printed_cohorts import (
    COHORTS,
    HERE,
    WORKBOOK,
    Absent,
    frames_of,
    ledger_of,
    studied,
    study,
    tables,
)
from unprinted import LOGARITHMS, Reader, unprinted

from crlm import comparison, ledger
from crlm.ledger import Design
from crlm.reconstruction import certificate, ensembles, forecasts
from crlm.reconstruction.procedure import wishes_of
from crlm.reconstruction.targets import Goal

Frame = pd.DataFrame

STUDIES = ("ncch_scp", "mskcc_hai")
NOTHING, RATIOS, MEDIANS = "nothing", "multivariable ratios", "medians by covariate"
ALONE = "univariable ratios"
LEFT_OUT = {what.split()[0]: what for what in (NOTHING, RATIOS, MEDIANS, ALONE)}
_MODELS = {what: what.split()[0] for what in (RATIOS, ALONE)}
#: Covered: between the 5th and the 95th percentile of the ensemble; within: between its extremes;
#: forecast: where one more cohort would lie in nine of ten cases; members: what each cohort has.
COLUMNS = (
    "cohort",
    "left_out",
    "family",
    "name",
    "truth",
    "median",
    "low",
    "high",
    "covered",
    "competitor",
    "by_hand",
    "lowest",
    "highest",
    "within",
    "forecast_low",
    "forecast_high",
    "forecast",
    "members",
)
_UNITS = {
    "survival": "points",
    "difference": "months",
    "median": "months",
    "interaction": "log ratio",
}
_NAMED = 8


# ---- leaving claims out --------------------------------------------------------------------


def left_out(claims: Frame, what: str, groups: Sequence[str]) -> pd.Series:
    """Which claims a print does not have: none, a table's half, or a table's column.

    `groups`: the columns whose curves the paper draws; their medians stay.
    """
    if what in _MODELS:
        return claims["model"] == _MODELS[what]
    if what == MEDIANS:
        column = claims["group"].str.partition("=")[0]
        other = ~column.isin(["all", *groups]) & ~claims["group"].str.contains(",")
        return (claims["statistic"] == "median_survival") & other & (claims["population"] == "all")
    return pd.Series(False, index=claims.index)


def asked_again(claims: Frame) -> Frame:
    """Claims that a search may foretell: each number once, p values and sentences apart."""
    numbers = claims[(claims["kind"] == "number") & (claims["statistic"] != "p")]
    return numbers.drop_duplicates([*ledger.KEYS, "field"])


# ---- comparing -----------------------------------------------------------------------------


def score(values: Sequence[float], low: float, high: float, logarithm: bool) -> dict[str, Any]:
    """Where an ensemble lies, and whether a truth between `low` and `high` lies in it.

    Members that cannot give the number are passed over.
    """
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    ends = forecasts.forecast(known, _kind(logarithm))
    kept = {"members": " ".join(f"{value:.5g}" for value in values)}
    if logarithm:
        known = np.log(known)
        low, high = np.log([low, high])
    if not len(known):
        lost = dict.fromkeys(("median", "low", "high", "lowest", "highest"), np.nan)
        lost |= {"covered": False, "within": False, **kept}
        return lost | _foreseen(ends, low, high, logarithm)
    least, q05, middle, q95, most = np.quantile(known, [0, 0.05, 0.5, 0.95, 1])
    found = {"median": middle, "low": q05, "high": q95, "lowest": least, "highest": most}
    if logarithm:
        found = {name: float(np.exp(value)) for name, value in found.items()}
    return found | {
        "covered": bool(q05 <= high and low <= q95),
        "within": bool(least <= high and low <= most),
        **_foreseen(ends, low, high, logarithm),
        **kept,
    }


def _kind(logarithm: bool) -> str:
    return "hazard_ratio" if logarithm else ""


def _foreseen(
    ends: tuple[float, float], low: float, high: float, logarithm: bool
) -> dict[str, Any]:
    """A forecast interval, and whether a truth from `low` to `high` (of the scale) lies in it."""
    scale = np.log if logarithm else np.asarray
    hit = bool(scale(ends[0]) <= high and low <= scale(ends[1]))
    return {"forecast_low": ends[0], "forecast_high": ends[1], "forecast": hit}


def reread(path: Path, members: int) -> Frame:
    """A stored table with forecasts, widened from the percentiles that it holds.

    The truth of a claim that was left out is taken as printed, without its rounding.
    """
    found = pd.read_csv(path)
    records = []
    for row in found.to_dict("records"):
        logarithm = _unit(row["family"]) == "log ratio"
        ends = forecasts.from_percentiles(row["low"], row["high"], members, _kind(logarithm))
        truth = np.log(row["truth"]) if logarithm else row["truth"]
        records.append(row | _foreseen(ends, truth, truth, logarithm))
    return pd.DataFrame(records)[[name for name in COLUMNS if name in records[0]]]


def name_of(row: Mapping[str, Any], field: str = "estimate") -> str:
    """A statistic in words that a reader can look up."""
    parts = [
        row["endpoint"],
        *(row[n] for n in ("population", "group") if row[n] != "all"),
        row["covariate"],
        row["level"],
        "" if field == "estimate" else field,
    ]
    time = "" if pd.isna(row["time"]) else f"{row['time']:g} months"
    return ", ".join(part for part in (*parts, time) if part)


def of_unprinted(
    truth: Frame, claims: Frame, members: Sequence[Frame], reader: Reader
) -> Iterator[dict[str, Any]]:
    """One record a statistic that no claim prints: the real value beside the ensemble's."""
    held = [comparison.row_index(rows) for rows in members]
    printed = {comparison.row_key(claim) for claim in claims.to_dict("records")}
    for row in truth[truth["estimate"].notna()].to_dict("records"):
        key, value = comparison.row_key(row), row["estimate"]
        if key in printed:
            continue
        values = [rows[key]["estimate"] if key in rows else np.nan for rows in held]
        guess = {"competitor": reader.nothing_new(row), "by_hand": reader.by_hand(row)}
        where = score(values, value, value, row["statistic"] in LOGARITHMS)
        yield {"family": row["family"], "name": name_of(row), "truth": value, **guess, **where}


def of_removed(
    removed: Frame, members: Sequence[Frame], reader: Reader
) -> Iterator[dict[str, Any]]:
    """One record a claim that was left out: the printed number beside the ensemble's."""
    held = [dict(zip(found["id"], found["computed"], strict=True)) for found in members]
    for claim in removed.to_dict("records"):
        field, logarithm = claim["field"], claim["statistic"] in LOGARITHMS
        ends = ledger.compatible_interval(claim["value"], int(claim["decimals"]))
        guess = {
            "competitor": reader.nothing_new(claim, field),
            "by_hand": reader.by_hand(claim, field),
        }
        where = score([one[claim["id"]] for one in held], *ends, logarithm)
        family = "median survival of a covariate's level"
        if logarithm:
            family = f"{claim['model']} ratio" if field == "estimate" else "limit of such a ratio"
        yield {
            "family": family,
            "name": name_of(claim, field),
            "truth": claim["value"],
            **guess,
            **where,
        }


def distance(found: Frame, name: str) -> pd.Series:
    """How far a column lies from the truth; ratios as logarithms."""
    log = found["family"].map(_unit) == "log ratio"
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(found[name].where(log)) - np.log(found["truth"].where(log))
    return ratio.where(log, found[name] - found["truth"]).abs()


def _unit(family: str) -> str:
    return "log ratio" if "ratio" in family else _UNITS.get(family.split()[0], "")


def summarized(found: Frame) -> Frame:
    """Families: how many are covered, how far off, and how far off without reconstruction."""
    names = ("median", "competitor", "by_hand")
    off = pd.DataFrame({name: distance(found, name) for name in names})
    rows = []
    for key, part in found.groupby(["cohort", "left_out", "family"], sort=False):
        record = dict(zip(("cohort", "left_out", "family"), key, strict=True))
        mine = off.loc[part.index].mean()
        rows.append(
            record
            | {
                "statistics": len(part),
                "covered": _percent(part["covered"]),
                "within": _percent(part["within"]),
                "forecast": _percent(part["forecast"]),
                "error": mine["median"],
                "competitor": mine["competitor"],
                "by_hand": mine["by_hand"],
                "unit": _unit(key[2]),
            }
        )
    return pd.DataFrame(rows).round(3)


def _percent(flags: pd.Series) -> str:
    return f"{100 * flags.mean():.0f} %"


def failures(found: Frame) -> list[str]:
    """The statistics furthest outside the ensemble, in the widths of its 90 % interval."""
    lost = found[~found["within"]].copy()
    if lost.empty:
        return ["none outside the ensemble"]
    spans = [lost[["truth", "low", "high", "lowest", "highest"]].to_numpy(float)]
    log = (lost["family"].map(_unit) == "log ratio").to_numpy()
    values = np.where(log[:, None], np.log(spans[0].clip(min=1e-9)), spans[0])
    beyond = np.maximum(values[:, 3] - values[:, 0], values[:, 0] - values[:, 4])
    lost["beyond"] = beyond / np.maximum(values[:, 2] - values[:, 1], 1e-9)
    worst = lost.sort_values("beyond", ascending=False).head(_NAMED)
    told = [
        f"{row['family']}: {row['name']}: {row['truth']:.3g}, ensemble {row['lowest']:.3g} to "
        f"{row['highest']:.3g}"
        for row in worst.to_dict("records")
    ]
    return [f"{len(lost)} of {len(found)} outside the ensemble; the furthest:", *told]


# ---- ensembles -----------------------------------------------------------------------------


def searched(
    name: str, out: Path, asked: argparse.Namespace
) -> tuple[Design, list[tuple[Path, Path]]]:
    """The cohorts of one print: the study's design, and the files of each member."""

    def watch(seed: int, matched: int, counted: int) -> None:
        print(f"{name}, cohort {seed}: {matched} of {counted} claims", file=sys.stderr, flush=True)

    ensembles.ensemble(
        name,
        out,
        size=asked.members,
        seed=asked.seed,
        effort=asked.effort,
        workers=asked.workers,
        draw=asked.unprinted == "drawn",
        watch=watch,
    )
    files = [
        (out / str(seed) / "cohort.csv", out / str(seed) / "history.csv")
        for seed in range(asked.seed, asked.seed + asked.members)
    ]
    return ledger.load_design(name), files


def foretold(design: Design, removed: Frame, files: Sequence[tuple[Path, Path]]) -> list[Frame]:
    """What each cohort gives for claims that were left out, in the models the paper shows."""
    fixed = {name: {**spec, "selection": "fixed"} for name, spec in design.models.items()}
    shown = replace(design, models=fixed)
    return [certificate.certify(shown, removed, Goal((), {}, {}), *pair) for pair in files]


def real(name: str, data: Path, asked: argparse.Namespace) -> Iterator[Frame]:
    """One real cohort: printed whole and with claims left out, searched, compared."""
    design = ledger.load_design(name)
    truth = frames_of(studied(COHORTS[name](design, asked.workbook), design), design)
    whole = study(design, ledger_of(design, tables(design, truth)), data, f"{name}_{NOTHING}")
    claims = ledger.load_claims(whole)
    print(f"{name}: {len(truth['patients'])} patients, {len(claims)} numbers printed", flush=True)
    for short, what in ((short, LEFT_OUT[short]) for short in asked.left_out):
        gone = left_out(claims, what, wishes_of(design)["groups"]["columns"])
        removed = asked_again(claims[gone])
        if what != NOTHING and removed.empty:
            print(f"{name}: nothing to leave out ({what})", flush=True)
            continue
        print_of = study(design, claims[~gone], data, f"{name}_{short}")
        made, files = searched(print_of, data.parent / "cohorts" / print_of, asked)
        reader = Reader(design, claims[~gone])
        tables_of = [unprinted(made, certificate.analysis_frames(made, *pair)) for pair in files]
        found = list(of_unprinted(unprinted(design, truth), claims, tables_of, reader))
        if len(removed):
            found += of_removed(removed, foretold(made, removed, files), reader)
        yield _labelled(found, name, what)


def paper(name: str, data: Path, asked: argparse.Namespace) -> Iterator[Frame]:
    """One shipped ledger with claims left out, searched, compared with what was printed."""
    design, claims = ledger.load_design(name), ledger.load_claims(name)
    wishes = wishes_of(design)
    for short, what in ((short, LEFT_OUT[short]) for short in asked.left_out):
        gone = left_out(claims, what, wishes["groups"]["columns"])
        # What contradicts other print is no truth.
        removed = asked_again(claims[gone & ~claims["id"].isin(wishes["excluded"])])
        if removed.empty:
            print(f"{name}: nothing to leave out ({what})", flush=True)
            continue
        print_of = study(design, claims[~gone], data, f"{name}_{short}")
        made, files = searched(print_of, data.parent / "cohorts" / print_of, asked)
        reader = Reader(design, claims[~gone])
        yield _labelled(
            list(of_removed(removed, foretold(made, removed, files), reader)), name, what
        )


def _labelled(records: list[dict[str, Any]], name: str, what: str) -> Frame:
    return pd.DataFrame(records).assign(cohort=name, left_out=what)[list(COLUMNS)]


@contextmanager
def studies_in(data: Path) -> Iterator[None]:
    """A data folder of our own: what is shipped, the real cohorts' designs, what is printed."""
    before = os.environ.get("CRLM_DATA")
    for source in (HERE.parent / "data", HERE / "real_cohorts"):
        shutil.copytree(source, data, dirs_exist_ok=True)
    os.environ["CRLM_DATA"] = str(data)
    try:
        yield
    finally:
        os.environ.pop("CRLM_DATA")
        if before is not None:
            os.environ["CRLM_DATA"] = before


def compared(asked: argparse.Namespace, folder: Path) -> Frame:
    """Every record, written to `asked.out` as it comes; an absent cohort is passed over."""
    found = [pd.DataFrame(columns=list(COLUMNS))]
    todo = [(real, name) for name in asked.cohorts]
    todo += [(paper, name) for name in asked.papers]
    with studies_in(folder / "data"):
        for make, name in todo:
            try:
                for part in make(name, folder / "data", asked):
                    kept = [one for one in (*found, part) if len(one)]
                    found = [pd.concat(kept, ignore_index=True)]
                    found[0].round(4).to_csv(asked.out, index=False, lineterminator="\n")
            except Absent as reason:
                print(f"skipped: {reason}", flush=True)
    return found[0]


def main(arguments: list[str] | None = None) -> None:
    """Print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cohorts", nargs="*", choices=COHORTS, default=list(COHORTS))
    parser.add_argument(
        "--papers", nargs="*", choices=STUDIES, default=[], help="shipped ledgers, as ncch_scp"
    )
    parser.add_argument("--left-out", nargs="+", choices=LEFT_OUT, default=list(LEFT_OUT))
    parser.add_argument("--members", type=int, default=10, help="cohorts of each print")
    parser.add_argument("--seed", type=int, default=1, help="of the first; the others follow it")
    parser.add_argument("--effort", type=float, default=0.02)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--unprinted", choices=("drawn", "searched"), default="drawn")
    parser.add_argument("--workbook", type=Path, default=WORKBOOK, help="of the TCIA collection")
    parser.add_argument("--folder", type=Path, help="keep the cohorts here, and go on from it")
    parser.add_argument(
        "--reread", type=Path, help="tell of a stored table, with forecasts from its percentiles"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    asked = parser.parse_args(arguments)
    if asked.reread:
        found = reread(asked.reread, asked.members)
        found.round(4).to_csv(asked.out, index=False, lineterminator="\n")
    else:
        with tempfile.TemporaryDirectory() as scratch:
            found = compared(asked, asked.folder or Path(scratch))
    if len(found):
        share = 100 * (asked.members - 1) / (asked.members + 1)
        print(
            f"A cohort like the {asked.members} of an ensemble would be covered in "
            f"{0.9 * share:.0f} %, within in {share:.0f} %, in the forecast interval in 90 %."
        )
        print(summarized(found).to_string(index=False))
    for (name, what), part in found.groupby(["cohort", "left_out"], sort=False):
        print(f"\n{name}, {what} left out", *failures(part), sep="\n  ")


if __name__ == "__main__":
    main()
