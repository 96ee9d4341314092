"""Real cohorts as print: what is printed is what the patients give, and nothing is assumed there.

Simulated patients stand in for the real ones, whose tables are not part of the repository.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crlm import cohort, comparison, ledger
from crlm.ledger import CohortError
from crlm.reconstruction import certificate, start, targets
from crlm.reconstruction.procedure import wishes_of

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import real_cohorts
from printed_cohorts import frames_of, ledger_of, studied, study, tables
from unprinted import Reader, unprinted

N = 80


def simulated(design, seed=4):
    """Patients in the columns of a design, with gaps in one, and their histories."""
    rng = np.random.default_rng(seed)
    death = np.ceil(rng.exponential(2000, N)) + 30
    end = np.ceil(rng.uniform(700, 3500, N))
    recurrence = np.ceil(death * rng.uniform(0.1, 1.2, N))
    month = design.conventions["days_per_month"]
    first = np.minimum(recurrence, death)
    table = {
        "patient_id": [f"S{k:03d}" for k in range(N)],
        "os_months": np.minimum(death, end) / month,
        "os_event": (death <= end) * 1,
        "rfs_months": np.minimum(first, end) / month,
        "rfs_event": (first <= end) * 1,
    }
    for name in [name for name in design.columns if name not in table]:
        levels = targets.levels_of(design, name)
        table[name] = rng.choice(levels, N) if levels else rng.integers(1, 12, N) * 1.0
    frame = pd.DataFrame(table)
    frame.loc[:4, "age"] = np.nan
    last = np.minimum(death, end)
    days = [np.zeros(N), np.where(recurrence <= last, recurrence, np.nan), last]
    events = ["hepatectomy", "recurrence", np.where(death <= end, "death", "last_contact")]
    steps = [
        pd.DataFrame({"patient_id": frame["patient_id"], "day": day, "event": event, "details": ""})
        for day, event in zip(days, events, strict=True)
    ]
    return frame, pd.concat(steps).dropna()


@pytest.fixture(scope="module", params=["tcia", "colon"])
def printed(request, tmp_path_factory):
    """A study folder with the print of simulated patients: design, claims, frames, folder."""
    folder = tmp_path_factory.mktemp(request.param)
    with real_cohorts.studies_in(folder / "data"):
        design = ledger.load_design(request.param)
        table, history = simulated(design)
        path = folder / "cohort.csv"
        table.to_csv(path, index=False)
        patients = studied(cohort.load(path, design), design)
        frames = frames_of(patients, design)
        name = study(design, ledger_of(design, tables(design, frames)), folder / "data", "whole")
        patients.assign(**{n: patients[n].astype(int) for n in ("os_event", "rfs_event")}).to_csv(
            path, index=False
        )
        date = pd.Timestamp("2010-01-01") + pd.to_timedelta(history.pop("day"), unit="D")
        history.assign(date=date.dt.date).to_csv(folder / "history.csv", index=False)
        yield ledger.load_design(name), ledger.load_claims(name), frames, folder


def test_patients_with_gaps_are_not_printed(printed):
    design, claims, frames, _ = printed
    assert len(frames["patients"]) == N - 5
    assert claims.set_index("id").loc["n", "value"] == N - 5


def test_every_printed_number_is_given_back(printed):
    design, claims, frames, _ = printed
    found = comparison.compare(tables(design, frames), claims)
    assert (found["verdict"] == "matches").all()
    assert len(claims) > 120 and claims["id"].is_unique


def test_other_programs_give_back_what_is_printed_of_survival(printed):
    """lifelines, statsmodels and scipy made no line of the print; RFS takes the same way."""
    design, claims, _, folder = printed
    paths = folder / "cohort.csv", folder / "history.csv"
    estimates = claims[(claims["field"] == "estimate") & (claims["endpoint"] != "RFS")]
    found = certificate.certify(design, estimates, targets.Goal((), {}, {}), *paths)
    wrong = found[found["verdict"] != "matches"]
    assert wrong.empty, wrong[["id", "printed", "computed"]]


def test_the_print_is_that_of_its_kind_of_paper(printed):
    design, claims, _, _ = printed
    ratios = claims[claims["statistic"] == "hazard_ratio"].groupby("model").size()
    medians = real_cohorts.left_out(claims, real_cohorts.MEDIANS, [design.table_one["by"]])
    assert ratios["multivariable"] == 2 * 3 * 5
    if design.conventions["univariable_p"] == "logrank":
        assert medians.sum() == 2 * 2 * 5 and "univariable" not in ratios
    else:
        assert not medians.any() and ratios["univariable"] == 2 * 3 * 7


def test_a_search_knows_every_claim_and_what_it_needs(printed):
    design, claims, _, _ = printed
    aim = targets.goal(design, claims, {})
    aimed = {name for t in aim.targets if t.origin == "claim" for name in t.claims}
    assert aimed | set(aim.unsearched) == set(claims["id"]) and not aim.excluded
    assert sum(start.group_sizes(design, wishes_of(design), claims).values()) == N - 5


def test_what_is_compared_is_not_printed(printed):
    design, claims, frames, _ = printed
    rows = unprinted(design, frames)
    reader = Reader(design, claims)
    found = pd.DataFrame(real_cohorts.of_unprinted(rows, claims, [rows, rows], reader))
    said = {comparison.row_key(claim) for claim in claims.to_dict("records")}
    new = [comparison.row_key(row) not in said for row in rows.to_dict("records")]
    assert len(found) == sum(new) > 100 and found["competitor"].notna().all()
    assert found["covered"].all() and found["within"].all()
    assert real_cohorts.summarized(found.assign(cohort="c", left_out="n"))["error"].max() == 0


def test_what_is_left_out_is_foretold_by_the_patients_themselves(printed):
    design, claims, _, folder = printed
    gone = claims[real_cohorts.left_out(claims, real_cohorts.RATIOS, [])]
    removed = real_cohorts.asked_again(gone)
    assert len(removed) == 2 * 3 * 5 and set(gone["model"]) == {"multivariable"}
    removed = removed[removed["endpoint"] == "OS"]
    pair = folder / "cohort.csv", folder / "history.csv"
    members = real_cohorts.foretold(design, removed, [pair])
    reader = Reader(design, claims[~claims["id"].isin(gone["id"])])
    found = pd.DataFrame(real_cohorts.of_removed(removed, members, reader))
    assert found["covered"].all()
    assert set(found["family"]) == {"multivariable ratio", "limit of such a ratio"}


def test_another_print_is_not_taken_for_the_old_one(printed):
    design, claims, _, folder = printed
    with pytest.raises(CohortError, match="another print"):
        study(design, claims.iloc[1:], folder / "data", "whole")


def test_reasons_for_claims_that_are_not_printed_stay_behind(tmp_path):
    design, claims = ledger.load_design("ncch_scp"), ledger.load_claims("ncch_scp")
    excluded = wishes_of(design)["excluded"]
    kept = claims[claims["id"] != next(iter(excluded))]
    with real_cohorts.studies_in(tmp_path):
        wishes = wishes_of(ledger.load_design(study(design, kept, tmp_path, "less")))
    assert set(wishes["excluded"]) == set(excluded) - {next(iter(excluded))}
    assert wishes["dressing"] == wishes_of(design)["dressing"]


def test_a_truth_is_covered_or_only_within_or_neither():
    values = np.arange(1.0, 22.0)  # 5th and 95th percentile: 2 and 20
    inside, edge, out = (real_cohorts.score(values, t, t, False) for t in (20.0, 20.5, 22.0))
    assert (inside["low"], inside["median"], inside["high"]) == (2, 11, 20)
    assert inside["covered"] and not edge["covered"] and edge["within"] and not out["within"]
    ratio = real_cohorts.score([0.5, 2.0, np.nan], 1.0, 1.0, True)
    assert ratio["median"] == pytest.approx(1.0) and ratio["highest"] == pytest.approx(2.0)
    assert not real_cohorts.score([np.nan], 1.0, 1.0, False)["within"]


def test_a_reader_splits_the_overall_curve_by_the_printed_ratio(printed):
    """The two levels, weighed by their shares, give the printed overall curve again."""
    design, claims, _, _ = printed
    reader = Reader(design, claims)
    name = "extrahepatic" if "extrahepatic" in design.columns else "obstruct"
    row = {"statistic": "survival_rate", "endpoint": "OS", "time": 36.0, "model": ""}
    share = reader._share(name, "yes")
    no, yes = (reader.by_hand({**row, "group": f"{name}={level}"}) for level in ("no", "yes"))
    whole = reader.nothing_new({**row, "group": "all"})
    assert (1 - share) * no + share * yes == pytest.approx(whole)
    assert whole == pytest.approx(
        claims.set_index("id").loc["os-survival-rate-36", "value"], abs=1e-9
    )


def test_a_cohort_that_is_not_there_is_passed_over_with_its_reason(tmp_path, capsys):
    out = tmp_path / "found.csv"
    lost = tmp_path / "workbook.xlsx"
    real_cohorts.main(["--cohorts", "tcia", "--workbook", str(lost), "--out", str(out)])
    said = capsys.readouterr().out
    assert "skipped: the TCIA workbook 'workbook.xlsx' is not there" in said
    assert "--workbook" in said and not out.exists()
