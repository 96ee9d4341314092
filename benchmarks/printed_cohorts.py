"""Real cohorts, and their tables printed as a paper would print them: a ledger of claims."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from honest_papers import FIELDS, RATIOS
from printing import p_text, read, rounded

from crlm import baseline, cohort, endpoints, ledger, naming, regression, survival
from crlm.ledger import CohortError, Design
from crlm.reconstruction.quantities import levels_of

HERE = Path(__file__).parent
#: Where tests look for the public workbook, which is not part of the repository.
WORKBOOK = (
    HERE.parents[1]
    / "shared"
    / "data"
    / "tcia_crlm"
    / "Colorectal-Liver-Metastases-Clinical-data-April-2023.xlsx"
)
#: Months at which the curves are printed.
PRINTED_TIMES = (36, 60)

#: Decimals of what is not a ratio, a p value or a number in the units of a column.
_DECIMALS = {
    "n": 0,
    "percent": 0,
    "median_survival": 1,
    "survival_rate": 1,
    "median_follow_up": 1,
    "min_follow_up": 1,
    "max_follow_up": 1,
}
#: Most positive nodes of stage N1.
_N1 = 3
#: Fewest positive nodes, and first year of diagnosis, of the cohorts that are cut to size.
_MANY_NODES, _RECENT = 10, 1991
_SHORT = {"conf_low": "-low", "conf_high": "-high"}

Frame = pd.DataFrame
Frames = Mapping[str, Frame]


class Absent(Exception):
    """A cohort is not at hand; the message says why in one sentence."""


# ---- cohorts ------------------------------------------------------------------------------


def tcia(design: Design, workbook: Path) -> Frame:
    """Resected colorectal liver metastases of the public TCIA collection."""
    if not workbook.is_file():
        raise Absent(
            f"the TCIA workbook {workbook.name!r} is not there; it is public (doi "
            "10.7937/QXK2-QG03) and not part of the repository: give its path by --workbook"
        )
    with tempfile.TemporaryDirectory() as folder:
        table = cohort.import_tcia_crlm(workbook, Path(folder) / "tcia.csv")
        return cohort.load(table, design)


def colon(design: Design, workbook: Path) -> Frame:
    """Observation against levamisole with fluorouracil in stage N2, from the package survival.

    More than three positive nodes, of two of the three arms: a cohort of the size of the others.
    """
    rows = _data_set("colon")
    month = design.conventions["days_per_month"]
    recurrence, death = (rows[rows["etype"] == k].set_index("id") for k in (1, 2))
    table = pd.DataFrame(
        {
            "rx": death["rx"].map({"Obs": "obs", "Lev+5FU": "lev5fu"}),
            "age": death["age"],
            "obstruct": death["obstruct"].map({0: "no", 1: "yes"}),
            "adhere": death["adhere"].map({0: "no", 1: "yes"}),
            "differentiation": death["differ"].map(
                {1: "well_or_moderate", 2: "well_or_moderate", 3: "poor"}
            ),
            "extent": (death["extent"] >= 3).map({False: "to_muscle", True: "serosa_or_beyond"}),
            "nodes": death["nodes"],
            "os_months": death["time"] / month,
            "os_event": death["status"].astype(int),
            "rfs_months": recurrence["time"] / month,
            "rfs_event": ((recurrence["status"] == 1) | (death["status"] == 1)).astype(int),
        }
    )
    table.insert(0, "patient_id", [f"C{k:04d}" for k in range(len(table))])
    return _loaded(table[table["rx"].notna() & (table["nodes"] > _N1)], design)


def rotterdam(design: Design, workbook: Path) -> Frame:
    """Breast cancer with ten positive nodes or more, from the package survival."""
    rows, month = _data_set("rotterdam"), design.conventions["days_per_month"]
    yes = {0: "no", 1: "yes"}
    table = pd.DataFrame(
        {
            "patient_id": [f"T{k:04d}" for k in range(len(rows))],
            "hormon": rows["hormon"].map(yes),
            "age": rows["age"],
            "meno": rows["meno"].map({0: "pre", 1: "post"}),
            "size_over_20": (rows["size"] != "<=20").map({False: "no", True: "yes"}),
            "grade": rows["grade"].map({2: "two", 3: "three"}),
            "chemo": rows["chemo"].map(yes),
            "nodes": rows["nodes"],
            "os_months": rows["dtime"] / month,
            "os_event": rows["death"].astype(int),
            "rfs_months": rows["rtime"].where(rows["recur"] == 1, rows["dtime"]) / month,
            "rfs_event": ((rows["recur"] == 1) | (rows["death"] == 1)).astype(int),
        }
    )
    return _loaded(table[rows["nodes"] >= _MANY_NODES], design)


def mgus2(design: Design, workbook: Path) -> Frame:
    """Monoclonal gammopathy diagnosed from 1991 on, from the package survival."""
    rows = _data_set("mgus2")
    table = pd.DataFrame(
        {
            "patient_id": [f"G{k:04d}" for k in range(len(rows))],
            "age": rows["age"],
            "sex": rows["sex"].map({"F": "female", "M": "male"}),
            "hgb": rows["hgb"],
            "creatinine": rows["creat"],
            "mspike": rows["mspike"],
            "os_months": rows["futime"],
            "os_event": rows["death"].astype(int),
            "rfs_months": rows["ptime"].where(rows["pstat"] == 1, rows["futime"]),
            "rfs_event": ((rows["pstat"] == 1) | (rows["death"] == 1)).astype(int),
        }
    )
    return _loaded(table[rows["dxyr"] >= _RECENT], design)


def _data_set(name: str) -> Frame:
    try:
        from survival import datasets

        return pd.DataFrame(getattr(datasets, f"load_{name}")())
    except (ImportError, AttributeError) as error:
        raise Absent(f"the package survival does not give its data set {name}: {error}") from error


def _loaded(table: Frame, design: Design) -> Frame:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        table.to_csv(path, index=False)
        return cohort.load(path, design)


COHORTS: dict[str, Callable[[Design, Path], Frame]] = {
    "tcia": tcia,
    "colon": colon,
    "rotterdam": rotterdam,
    "mgus2": mgus2,
}


def studied(patients: Frame, design: Design) -> Frame:
    """Patients whose columns are all known: tables without gaps."""
    whole = [name for name in design.columns if name in patients]
    return patients[patients[whole].notna().all(axis=1)].reset_index(drop=True)


def frames_of(patients: Frame, design: Design) -> dict[str, Frame]:
    """The patients with the design's factors, and the analysis frame of every endpoint."""
    known = cohort.add_factors(patients, design)
    return {"patients": known} | endpoints.derive_all(known, design)


def factors_of(design: Design) -> list[str]:
    """Covariates of two levels, the groups of the tables apart."""
    names = next(iter(design.models.values()))["covariates"]
    return [n for n in names if n != design.table_one["by"] and len(levels_of(design, n)) == 2]


def medians_by_level(design: Design) -> bool:
    """Whether the tables hold medians by covariate in place of univariable ratios."""
    return design.conventions["univariable_p"] == "logrank"


# ---- the tables ---------------------------------------------------------------------------


def tables(design: Design, frames: Frames) -> Frame:
    """The result rows that a paper of this design prints.

    Table 1 by group, follow-up, curves of all patients and of each group with their test, and
    for each endpoint a regression table. Where the design tests covariates by log-rank, medians
    stand in it and ratios are multivariable only, as in `data/ncch_scp`; else ratios are
    univariable too and rates have limits, as in `data/mskcc_hai`.
    """
    one, rules = design.table_one, design.conventions
    curves = {"conf_type": rules["conf_type"], "median_rule": rules["median_rule"]}
    rows = [
        baseline.table_one(
            frames["patients"],
            one["by"],
            one["variables"],
            design=design,
            spread=one["spread"],
            continuous_test=one["continuous_test"],
            categorical_test=one["categorical_test"],
        ).assign(place="table1"),
        survival.follow_up(
            frames["OS"], method=rules["follow_up"], conf_type=rules["conf_type"]
        ).assign(place="results"),
    ]
    for endpoint in design.endpoints:
        frame, spec = frames[endpoint], design.models[endpoint]
        place = "table2" if endpoint == "RFS" else "table3"
        for by in (None, one["by"]):
            found = survival.summary(frame, by, PRINTED_TIMES, **curves)
            rows.append(found.assign(place="results"))
        if medians_by_level(design):
            rows.append(survival.by_level(frame, factors_of(design), **curves).assign(place=place))
        rule = regression.rule(
            spec["covariates"],
            selection="fixed",
            fixed=spec["published"],
            ties=rules["ties"],
            univariable_p=rules["univariable_p"],
        )
        rows.append(regression.regression_table(frame, rule).assign(place=place))
    return pd.concat(rows, ignore_index=True)


def ledger_of(design: Design, rows: Frame) -> Frame:
    """The printed numbers of these rows as claims, rounded as journals round."""
    claims = [claim for row in rows.to_dict("records") for claim in _claims(design, row)]
    found = pd.DataFrame(claims, columns=list(ledger.CLAIM_COLUMNS))
    return found.drop_duplicates("id", ignore_index=True)


def _claims(design: Design, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    fields = _printed_fields(design, row)
    for field in fields:
        value = row[field]
        if pd.isna(value):
            continue
        claim = dict.fromkeys(ledger.CLAIM_COLUMNS, "")
        claim |= {name: row[name] for name in (*ledger.KEYS, "unit", "place")}
        claim |= {"id": _id(row, field), "locator": row["place"], "kind": "number", "field": field}
        yield claim | {"name": naming.name_of(claim, design), **read(_text(design, row, value))}


def _printed_fields(design: Design, row: Mapping[str, Any]) -> tuple[str, ...]:
    """Which numbers of a row a paper prints."""
    name, covariate = row["statistic"], row["covariate"]
    by, in_table_one = design.table_one["by"], row["place"] == "table1"
    known = name in _DECIMALS or name in (*RATIOS, "p", "median", "min", "max", "q1", "q3")
    if not known or (in_table_one and covariate and row["group"] == "all"):
        return ()
    if name in ("n", "percent"):
        shown = in_table_one and (not covariate or row["level"] == levels_of(design, covariate)[1])
        return ("estimate",) if shown else ()
    if name == "median_survival" and row["group"].partition("=")[0] not in ("all", by):
        return ("estimate",)
    if medians_by_level(design) and name in RATIOS and row["model"] == "univariable":
        return ()
    bands = name == "survival_rate" and not medians_by_level(design)
    return FIELDS if bands or name in (*RATIOS, "median_survival") else ("estimate",)


def _text(design: Design, row: Mapping[str, Any], value: float) -> str:
    if row["statistic"] == "p":
        return p_text(value, 2, None)
    if row["statistic"] in RATIOS:
        return rounded(value, 2, None)
    decimals = _DECIMALS.get(row["statistic"])
    if decimals is None:
        decimals = 1 if design.columns[row["covariate"]].get("unit") == "cm" else 0
    return rounded(value, decimals, None)


def _id(row: Mapping[str, Any], field: str) -> str:
    parts = [row[name] for name in ("endpoint", "group", "covariate", "level", "model")]
    time = "" if pd.isna(row["time"]) else f"{row['time']:g}"
    words = [part for part in (*parts, row["statistic"], time) if part and part != "all"]
    return "-".join(words).lower().replace("=", "-").replace("_", "-") + _SHORT.get(field, "")


# ---- a folder of studies -------------------------------------------------------------------


def study(design: Design, claims: Frame, data: Path, name: str) -> str:
    """Write a study folder in `data` that holds this print, for whoever sets CRLM_DATA to it.

    Lines of reconstruction.toml that exclude a claim which is not printed here are left out.

    Raises
    ------
    CohortError
        If the folder holds another print: cohorts made from it would be taken for others.
    """
    folder = data / name
    folder.mkdir(parents=True, exist_ok=True)
    text = claims.to_csv(index=False, lineterminator="\n")
    path = folder / "published.csv"
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        raise CohortError(
            f"{name} in --folder was made from another print. Remove it, or name another folder."
        )
    path.write_text(text, encoding="utf-8")
    shutil.copy(design.folder / "design.toml", folder / "design.toml")
    wishes = (design.folder / "reconstruction.toml").read_text(encoding="utf-8")
    kept = _without_unknown(wishes.splitlines(), set(claims["id"]))
    (folder / "reconstruction.toml").write_text("\n".join(kept) + "\n", encoding="utf-8")
    return name


def _without_unknown(lines: Iterable[str], ids: set[str]) -> Iterator[str]:
    inside = False
    for line in lines:
        if line.startswith("["):
            inside = line == "[excluded]"
        name, assigned, _ = line.partition(" = ")
        if not (inside and assigned and name not in ids):
            yield line
