"""The public cohort arrives whole: 197 patients, 107 deaths, 138 RFS events, known medians."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crlm import cohort, ledger
from crlm.cohort.adapters import TCIA_CRLM
from tests.hostile import refused
from tests.hostile.files import workbook

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "tcia_crlm"
WORKBOOK = FOLDER / "Colorectal-Liver-Metastases-Clinical-data-April-2023.xlsx"
MSKCC = ledger.load_design("mskcc_hai")

needs_workbook = pytest.mark.skipif(
    not WORKBOOK.is_file(), reason="the TCIA workbook is not part of the repository"
)


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    return cohort.import_tcia_crlm(WORKBOOK, tmp_path_factory.mktemp("tcia") / "tcia.csv")


def median(months, event):
    """Kaplan-Meier by definition: the first t with S(t) <= 0.5."""
    left = 1.0
    for t in np.unique(months[event]):
        left *= 1 - (event & (months == t)).sum() / (months >= t).sum()
        if left <= 0.5:
            return t
    return np.nan


@needs_workbook
def test_the_published_counts_and_medians(imported):
    patients = cohort.load(imported, MSKCC)
    assert len(patients) == 197
    assert patients["os_event"].sum() == 107 and patients["rfs_event"].sum() == 138
    for endpoint, expected in (("os", 76.0), ("rfs", 22.3)):
        months = patients[f"{endpoint}_months"].to_numpy()
        event = patients[f"{endpoint}_event"].to_numpy(dtype=bool)
        assert round(median(months, event), 1) == expected


@needs_workbook
def test_codes_and_unknowns_are_those_of_the_data_dictionary(imported):
    patients = cohort.load(imported, MSKCC)
    counts = {
        ("sex", "male"): 117,
        ("sex", "female"): 80,
        ("multiple", "yes"): 114,
        ("timing", "synchronous"): 111,
        ("nodal_status", "positive"): 69,
        ("extrahepatic", "yes"): 17,
        ("bilobar", "yes"): 86,
        ("preop_chemo", "yes"): 122,
    }
    for (column, level), number in counts.items():
        assert (patients[column] == level).sum() == number
    assert patients["cea"].isna().sum() == patients["crs"].isna().sum() == 29
    assert patients["size_cm"].isna().sum() == 2 and patients["size_cm"].min() == 0.3
    assert patients["hepatic_rfs_event"].sum() == 122
    assert patients["os_after_recurrence_months"].notna().sum() == 131
    assert (patients["site_liver"] == "yes").sum() == 61
    assert {"kras", "hai", "margin", "n_tumours", "dfi_months"}.isdisjoint(patients)


@needs_workbook
def test_nothing_is_lost_between_workbook_and_csv(imported):
    direct = cohort.check(WORKBOOK, MSKCC, TCIA_CRLM).frame
    patients = cohort.load(imported, MSKCC)
    for name in direct:
        pd.testing.assert_series_equal(direct[name], patients[name])


@needs_workbook
def test_the_score_of_the_table_is_taken_and_the_flow_cannot_be_checked(imported):
    patients = cohort.add_factors(cohort.load(imported, MSKCC), MSKCC)
    assert (patients["crs_high"] == "high").sum() == 51
    assert (patients["solitary"] == "yes").sum() == 83
    flow = cohort.attrition(cohort.eligibility(patients, MSKCC), MSKCC)
    assert list(flow["estimate"])[:2] == [197, 197]
    assert flow["method"][1].endswith("cannot be checked: the table has no KRAS (column kras)")


@needs_workbook
def test_the_source_is_told_and_a_foreign_file_is_left_alone(imported, tmp_path):
    source = cohort.source(imported)
    assert source["kind"] == "public" and source["licence"] == "CC BY 4.0"
    assert source["doi"] == "10.7937/QXK2-QG03" and "Simpson" in source["citation"]
    assert set(source) == {"kind", "title", "citation", "licence", "doi", "note", "sha256"}
    content = imported.read_bytes()
    assert cohort.import_tcia_crlm(WORKBOOK, imported).read_bytes() == content
    own = tmp_path / "mine.csv"
    own.write_text("patient_id,age\na,60\n")
    (tmp_path / "mine.source.toml").write_text('kind = "reconstructed"')
    with refused("left as it is"):
        cohort.import_tcia_crlm(WORKBOOK, own)
    with refused("as CSV"):
        cohort.import_tcia_crlm(WORKBOOK, tmp_path / "x.xlsx")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mine.csv", "mine.source.toml"]


def test_another_workbook_is_refused(tmp_path):
    path = tmp_path / "other.xlsx"
    path.write_bytes(workbook({"TCIA_n=197": [["Patient-ID", "age"], ["a", 60]]}))
    with refused("a header that other.xlsx does not have"):
        cohort.import_tcia_crlm(path, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_table_without_a_note_is_the_readers_own(tmp_path):
    table = tmp_path / "own.csv"
    assert cohort.source(table) is None
    table.write_text("patient_id,age\na,60\n")
    (tmp_path / "own.source.toml").write_text("kind = public")
    with refused("cannot be read as TOML"):
        cohort.source(table)
