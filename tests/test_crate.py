"""A run as a Workflow Run RO-Crate: what is in it, what is not, and what others make of it."""

import io
import json
import sys
import zipfile

import pytest

from crlm import crate, document, home, manifest, run
from crlm.cli import main
from crlm.ledger import CrlmError
from crlm.parameters import declared_in

NOTEBOOK = home.path("notebooks") / "ncch_scp.ipynb"
ENDS = (".html", ".ipynb", ".json", "_rows.csv", "_claims.csv")


@pytest.fixture
def ran(tmp_path):
    """What a run on a table of the reader's own left behind, and what it read."""
    pytest.importorskip("rocrate", reason="rocrate is an optional extra of crlm: [crate]")
    made = tmp_path / "made"
    made.mkdir()
    for end in ENDS:
        (made / f"ncch_scp{end}").write_text(f"content of {end}")
    table = tmp_path / "ward7.csv"
    table.write_text("patient_id,age\nYAMADA-1953,61\n")
    values = {"cohort_path": str(table), "ties": "efron"}
    used = manifest.input_files("ncch_scp", NOTEBOOK, values)
    sums = {path: manifest.checksum(path) for path in used.values()}
    record = {
        "study": "ncch_scp",
        "parameters": {"cohort_path": table.name, "ties": "efron"},
        "status": "finished",
        "wall_seconds": 9.5,
        "inputs": manifest.recorded(used, sums),
        "kernel": "CPython 3.12.1",
        "versions": manifest.versions(),
        "commit": "",
    }
    return made, record, used


def opened(data):
    archive = zipfile.ZipFile(io.BytesIO(data))
    graph = json.loads(archive.read("ro-crate-metadata.json"))["@graph"]
    return archive, {entity["@id"]: entity for entity in graph}


def packed(made, record, used):
    return crate.packed(made, record, declared_in(NOTEBOOK), used)


def test_it_holds_the_run_and_the_notebook_and_no_patient(ran):
    made, record, used = ran
    archive, _ = opened(packed(*ran))
    kept = {f"ncch_scp{end}": made / f"ncch_scp{end}" for end in ENDS}
    kept["workflow/ncch_scp.ipynb"] = NOTEBOOK
    kept["read/requirements.lock"] = used["lock"]
    assert {*archive.namelist()} == {*kept, "ro-crate-metadata.json"}
    assert all(archive.read(name) == path.read_bytes() for name, path in kept.items())
    assert not [name for name in kept if b"YAMADA" in archive.read(name)]


@pytest.mark.parametrize(
    ("values", "held"), [({}, True), ({"safe": 5}, False), ({"cohort_path": "a.csv"}, False)]
)
def test_the_certificate_is_for_the_shipped_cohort_and_never_in_a_safe_crate(ran, values, held):
    made, record, used = ran
    used |= manifest.input_files("ncch_scp", NOTEBOOK, {})
    archive, _ = opened(packed(made, {**record, "parameters": values}, used))
    assert ("read/certificate.json" in archive.namelist()) is held


def test_every_input_is_known_by_its_checksum(ran):
    _, record, _ = ran
    _, graph = opened(packed(*ran))
    told = {e["value"] for e in graph.values() if e["@id"].startswith("#input-")}
    assert told == {f"sha256:{one['sha256']}" for one in record["inputs"].values()}
    given = {one["@id"] for one in graph["#run"]["object"]}
    assert {e["@id"] for e in graph.values() if e["@id"].startswith("#input-")} <= given


def test_every_parameter_has_the_value_that_it_had(ran):
    _, graph = opened(packed(*ran))
    values = {e["name"]: e["value"] for e in graph.values() if e["@id"].startswith("#value-")}
    declared = declared_in(NOTEBOOK)
    assert set(values) == set(declared) - {"output_dir"}
    assert values["ties"] == "efron" and values["entry_p"] == str(declared["entry_p"].default)
    slots = graph["workflow/ncch_scp.ipynb"]["input"]
    assert {slot["@id"] for slot in slots} == {f"#parameter-{name}" for name in values}


def test_a_failed_run_says_so(ran):
    made, record, used = ran
    failed = {**record, "status": "failed", "cell": 7, "error": "DataError: withheld"}
    _, graph = opened(packed(made, failed, used))
    action = graph["#run"]
    assert action["actionStatus"].endswith("FailedActionStatus")
    assert action["error"] == "cell 7: DataError: withheld"


def test_without_the_extra_nothing_is_started(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rocrate", None)
    with pytest.raises(CrlmError, match="pip install rocrate"):
        run.execute("ncch_scp", {}, tmp_path / "out", asked=document.Asked(crate=True))
    assert main(["run", "ncch_scp", "--crate", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()


# That the command writes it with a report is told in test_ahead.py, of a run that is there.


# ---- what other programs make of it; each is skipped where it is not installed ----


def test_runcrate_reports_it(ran, tmp_path):
    why = "no dependency; pip install runcrate"
    report = pytest.importorskip("runcrate.report", reason=why)
    (tmp_path / "c.zip").write_bytes(packed(*ran))
    told = io.StringIO()
    report.dump_crate_actions(str(tmp_path / "c.zip"), f=told)
    for line in ("efron <- #parameter-ties", "ncch_scp.html <- #output-html"):
        assert line in told.getvalue()


def test_a_public_validator_accepts_it(ran, tmp_path):
    why = "no dependency; pip install roc-validator"
    services = pytest.importorskip("rocrate_validator.services", reason=why)
    (tmp_path / "c.zip").write_bytes(packed(*ran))
    settings = {
        "rocrate_uri": str(tmp_path / "c.zip"),
        "profile_identifier": "workflow-run-crate",
        "requirement_severity": "REQUIRED",
    }
    try:
        result = services.validate(settings)
    except OSError as error:
        pytest.skip(f"the validator reads its vocabulary from the network: {error}")
    assert not result.get_issues(), [issue.message for issue in result.get_issues()]
