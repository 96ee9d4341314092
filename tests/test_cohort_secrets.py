"""What a file may hold of an error: kind, column, row, rule, remedy; no cell, header or name."""

from __future__ import annotations

import io
import traceback

import pandas as pd
import pyreadstat
import pytest

from crlm import cohort, endpoints, files, ledger
from crlm.cohort import reading
from tests.hostile.files import workbook
from tests.hostile.tables import HISTORY, patients

NCCH = ledger.load_design("ncch_scp")
MSKCC = ledger.load_design("mskcc_hai")

#: A name, a name in another script, a birth date, a number of a file, a sentence.
SECRETS = ("Zwiebelschmidt", "秘密太郎", "1931-07-23", "98765432109", "told his wife about it")
FORMS = ("csv", "xlsx", "parquet", "sav")


def written(folder, table, form):
    """A table of text in one of the formats."""
    files.forget()
    path = folder / f"t.{form}"
    if form == "csv":
        table.to_csv(path, index=False)
    elif form == "xlsx":
        path.write_bytes(workbook({"patients": [list(table), *table.values.tolist()]}))
    elif form == "parquet":
        table.to_parquet(path)
    else:
        named = table.set_axis(
            [f"v{i}" if not str(c).isidentifier() else c for i, c in enumerate(table)], axis=1
        )
        pyreadstat.write_sav(named, str(path))
    return path


def refusal_of(act):
    """The error of an act with all that a notebook would print of it, "" if there is none."""
    try:
        act()
    except ledger.CrlmError as error:
        return "".join(traceback.format_exception(error))
    return ""


def assert_discreet(text, *secrets):
    for secret in secrets:
        assert secret not in text, text[-1500:]
        assert repr(secret)[1:-1] not in text


def holding(secret, *names):
    """A table with a secret in two cells of each of these columns."""
    table = patients(25)
    table.loc[[3, 4], list(names)] = secret
    return table


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", FORMS)
def test_no_cell_of_any_column_reaches_a_file(tmp_path, form, secret):
    """In other formats each column has one of the secrets: what is read is the same text."""
    names = list(patients(25))
    some = names[SECRETS.index(secret) :: len(SECRETS)]
    texts = []
    for name in names if form == "csv" else some:
        path = written(tmp_path, holding(secret, name), form)
        texts.append(refusal_of(lambda: cohort.load(path, NCCH)))  # noqa: B023
        if form == "csv" and name in some:
            # What a refusal leaves unsaid comes out of the check alone: it ends, and keeps quiet.
            said = cohort.check(path, NCCH).discreet
            assert_discreet("\n".join(said), secret)
    for text in texts:
        assert_discreet(text, secret)
    assert sum(map(bool, texts)) >= (30 if form == "csv" else 2)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", FORMS[1:])
def test_a_cell_is_the_same_text_in_every_format(tmp_path, form, secret):
    """What a table's file is called for aside, no later step can tell one from a CSV file."""
    table = holding(secret, *patients(25))
    plain, other = (reading.read(written(tmp_path, table, one)) for one in ("csv", form))
    pd.testing.assert_frame_equal(plain.frame, other.frame)
    assert (other.labels, other.units, other.twice) == ({}, {}, {})


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", FORMS)
def test_no_header_reaches_a_file(tmp_path, form, secret):
    """A file without a header row has a patient's cells in its place."""
    for table in (
        patients(25).rename(columns=lambda name: f"{secret} {name}"),
        patients(25)[["age", "sex"]].set_axis([secret, f"{secret}2"], axis=1),
        patients(25).rename(columns={"patient_id": secret}),
        patients(25).rename(columns={"cea": secret}).assign(age="x"),
        pd.concat([patients(25)[["age"]].set_axis([secret], axis=1)] * 2, axis=1)
        if form in ("csv", "xlsx")
        else patients(25).rename(columns={"sex": secret}),
    ):
        codebook = {"columns": {"sex": secret.upper(), "margin": "nowhere"}}
        for book in (None, codebook, {"columns": {secret: "age"}}):
            path = written(tmp_path, table, form)
            text = refusal_of(lambda: cohort.load(path, NCCH, book))  # noqa: B023
            assert_discreet(text, secret)


@pytest.mark.parametrize("secret", SECRETS)
def test_no_word_of_a_codebook_reaches_a_file(tmp_path, secret):
    path = written(tmp_path, patients(25), "csv")
    books = [
        {secret: 1},
        {"sheet": secret, "encoding": secret},
        {"decimal": secret},
        {"separator": secret},
        {"days_per_month": secret},
        {"header_row": secret},
        {"skip_rows": [secret]},
        {"study": secret},
        {"confirm": [secret]},
        {"columns": {"age": {"from": "age", "unit": secret}}},
        {"columns": {"age": {secret: "age"}}},
        {"columns": {"sex": {"from": "sex", "values": {secret: secret}}}},
        {"columns": {"sex": {"from": "sex", "values": {"male": secret}}}},
        {"columns": {"os_months": {"from": secret, "to": secret}}},
        {"columns": {"os_event": {"filled": secret, "or": secret}}},
    ]
    for book in books:
        text = refusal_of(lambda: cohort.load(path, NCCH, book))  # noqa: B023
        assert text, book
        assert_discreet(text, secret)
    for line in (f"{secret}: a: b", f"{secret}: 1\n{secret}: 2", f"? [{secret}]\n: 1", secret):
        (tmp_path / "book.yaml").write_text(line, encoding="utf-8")
        files.forget()
        text = refusal_of(lambda: cohort.load(path, NCCH, tmp_path / "book.yaml"))
        assert text, line
        assert_discreet(text, secret)


@pytest.mark.parametrize("secret", SECRETS)
def test_no_word_of_a_history_reaches_a_file(tmp_path, secret):
    table = pd.read_csv(io.StringIO(HISTORY), dtype=str, keep_default_na=False)
    for name in table:
        for row in (0, 1, 3):
            broken = table.copy()
            broken.loc[row, name] = f"site={secret}" if name == "details" else secret
            path = written(tmp_path, broken, "csv")
            text = refusal_of(lambda: cohort.load_history(path, NCCH))  # noqa: B023
            assert bool(text) or name in ("patient_id", "details") or secret == "1931-07-23"
            assert_discreet(text, secret)
        headed = table.rename(columns={name: secret})
        assert_discreet(
            refusal_of(lambda: cohort.load_history(written(tmp_path, headed, "csv"), NCCH)),  # noqa: B023
            secret,
        )


@pytest.mark.parametrize("secret", SECRETS)
def test_no_word_of_a_frame_reaches_a_file_from_the_endpoints(secret):
    line = pd.DataFrame(
        {
            "patient_id": [secret, secret, "b", "b"],
            "day": [0.0, 9.0, 0.0, 9.0],
            "event": ["hepatectomy", "death", "hepatectomy", "death"],
            "details": ["", "", "", ""],
        }
    )
    table = pd.DataFrame({"patient_id": [secret, "b"], "os_months": [1.0, 2.0]})
    acts = [
        lambda: endpoints.from_history(table, line.assign(event=secret), NCCH),
        lambda: endpoints.from_history(table, line.assign(event=["hepatectomy", secret] * 2), NCCH),
        lambda: endpoints.from_history(
            table, line.assign(event="recurrence", details=f"site={secret}"), NCCH
        ),
        lambda: endpoints.from_history(
            table, line.assign(event="recurrence", details=f"{secret}=1"), NCCH
        ),
        lambda: endpoints.from_history(table, line.assign(day=secret), NCCH),
        lambda: endpoints.from_history(table.assign(os_months=77.125), line, NCCH),
        lambda: endpoints.derive(table.assign(os_months=secret, os_event=True), "OS", NCCH),
        lambda: endpoints.derive(table.assign(os_event=secret), "OS", NCCH),
        lambda: endpoints.from_history(table.assign(patient_id=secret), line, NCCH),
    ]
    for act in acts:
        text = refusal_of(act)
        assert text or secret.isdecimal()
        assert_discreet(text, secret)


@pytest.mark.parametrize("secret", SECRETS)
def test_no_name_of_a_sheet_or_file_of_origin_reaches_a_file(tmp_path, secret):
    rows = [["patient_id", "age"], ["a", "60"], ["b", "x"]]
    title = secret.replace("/", "")[:31]
    path = tmp_path / "t.xlsx"
    path.write_bytes(workbook({title: rows, "other": rows}))
    assert_discreet(refusal_of(lambda: cohort.load(path, NCCH)), title)
    text = refusal_of(lambda: cohort.load(path, NCCH, {"sheet": f"{title[:20]}x"}))
    assert text
    assert_discreet(text, title[:20])
    (tmp_path / "t.source.toml").write_text(f'kind = "{secret}"\n', encoding="utf-8")
    text = refusal_of(lambda: cohort.source(path))
    assert "no table can be" in text
    assert_discreet(text, secret)


@pytest.mark.parametrize("secret", SECRETS)
def test_no_doubt_of_a_report_holds_a_word_of_the_file(tmp_path, secret):
    table = patients(25).rename(columns={"cea": "CEA"}).assign(**{secret: secret})
    table.loc[[1, 2, 3], "CEA"] = "9999"
    book = {
        "columns": {
            "sex": {"from": "sex", "values": {secret: "male", "male": "male", "female": "female"}}
        }
    }
    report = cohort.check(written(tmp_path, table, "xlsx"), NCCH, book)
    frame = cohort.load(written(tmp_path, table, "xlsx"), NCCH, book)
    assert frame.attrs["notes"] == report.discreet
    assert len(report.discreet) == len(report.notes) + len(report.doubts) >= 3
    assert_discreet(" ".join(report.discreet), secret, "'CEA'", "9999")
    assert secret.lower() in " ".join(report.notes) and "9999" in " ".join(report.doubts)
