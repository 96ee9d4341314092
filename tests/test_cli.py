"""The command line as a surgeon meets it: exit codes, messages, nothing half-written."""

import errno
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from crlm.cli import main
from tests import cells
from tests.hostile.files import HOSTILE
from tests.hostile.tables import patients

TCIA = Path(__file__).parents[2] / "shared" / "data" / "tcia_crlm"
WORKBOOK = TCIA / "Colorectal-Liver-Metastases-Clinical-data-April-2023.xlsx"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "mine.csv"
    patients().to_csv(path, index=False)
    return path


def refused(capsys, arguments):
    """Run a command that must be refused: exit 2, one message, no traceback; the message."""
    code = main([str(a) for a in arguments])
    told = capsys.readouterr().err
    assert code == 2 and "Traceback" not in told and told.startswith("crlm: ")
    return told


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_what_is_no_table_is_refused_before_a_notebook_starts(name, tmp_path, capsys):
    content, words = HOSTILE[name]
    path = tmp_path / name
    path.write_bytes(content)
    out = tmp_path / "out"
    told = refused(capsys, ["run", "ncch_scp", "--cohort", path, "--out", out])
    assert words in told and not out.exists()


def broken(column, row, value):
    frame = patients()
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (broken("age", 3, "sixty"), ["age", "row 5", "sixty"]),
        (broken("os_months", 4, "-3"), ["os_months", "row 6", "-3"]),
        (broken("patient_id", 7, "P001"), ["patient_id", "9"]),
        (broken("sex", 2, "woman"), ["sex", "row 4", "woman"]),
        (broken("size_cm", 2, "45"), ["size_cm", "row 4", "unit: mm"]),
        (patients().assign(os_event="1"), ["os_event", "confirm"]),
        (patients().rename(columns=lambda c: f"x_{c}_y"), ["patient_id"]),
    ],
    ids=["text", "negative", "duplicate", "level", "millimetres", "all events", "headers"],
)
def test_a_bad_cell_is_named_by_row_column_and_value(frame, words, tmp_path, capsys):
    path = tmp_path / "mine.csv"
    frame.to_csv(path, index=False)
    told = refused(capsys, ["run", "ncch_scp", "--cohort", path, "--out", tmp_path / "out"])
    assert all(word in told for word in words), told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-p", "short_scp_month", "18"], "Did you mean 'short_scp_months'"),
        (["-p", "short_scp_months", "long"], "not of type float"),
        (["-p", "ties", "exact"], "breslow"),
        (["--cohort", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_unknown_or_ill_typed_parameters_are_refused(arguments, words, tmp_path, capsys):
    told = refused(capsys, ["run", "ncch_scp", "--out", tmp_path / "out", *arguments])
    assert words in told and not (tmp_path / "out").exists()


def test_an_unknown_study_is_refused(capsys):
    assert "Did you mean" in refused(capsys, ["run", "ncch"])


def test_check_prints_what_is_understood(table, capsys):
    assert main(["check", str(table), "--study", "ncch_scp"]) == 0
    told = capsys.readouterr().out
    assert "os_months" in told and max(len(line) for line in told.splitlines()) <= 100


def test_check_names_every_violation_and_exits_2(tmp_path, capsys):
    path = tmp_path / "mine.csv"
    broken("age", 3, "sixty").to_csv(path, index=False)
    assert main(["check", str(path), "--study", "ncch_scp"]) == 2
    assert "sixty" in capsys.readouterr().out


def test_a_template_is_written_once(tmp_path, capsys):
    path = tmp_path / "form.xlsx"
    assert main(["template", "mskcc_hai", "-o", str(path)]) == 0 and path.is_file()
    before = path.read_bytes()
    refused(capsys, ["template", "mskcc_hai", "-o", path])
    assert path.read_bytes() == before


def test_the_parameters_can_be_listed(capsys):
    assert main(["run", "ncch_scp", "--parameters"]) == 0
    assert "short_scp_months: float = 12.0" in capsys.readouterr().out


def test_no_command_prints_the_help(capsys):
    assert main([]) == 2 and "usage: crlm" in capsys.readouterr().out


@pytest.mark.skipif(not WORKBOOK.is_file(), reason="the TCIA workbook is not beside the project")
def test_the_real_public_cohort_goes_through(tmp_path, capsys):
    cohort, out = tmp_path / "tcia.csv", tmp_path / "out"
    assert main(["import", "tcia-crlm", str(WORKBOOK), "-o", str(cohort)]) == 0
    quick = [word for name in cells.QUICK.items() for word in ("-p", *map(str, name))]
    code = main(["run", "mskcc_hai", "--cohort", str(cohort), "--out", str(out), *quick])
    assert code == 0, capsys.readouterr().err
    page = (out / "mskcc_hai.html").read_text(encoding="utf-8")
    # 107 deaths of 197; R: survfit(conf.type = "log-log") gives 76.0 (66.1, 98.9) for OS and
    # 22.3 (17.4, 32.4) for DFS
    for words in (
        "Public cohort",
        "75.97 (66.10–98.87)",
        "22.33 (17.37–32.43)",
    ):
        assert words in page
    # the deaths stand in the cell before the median
    assert re.search(r">107</td><td[^>]*>75\.97 ", page)
    assert 'role="alert"' not in page
    assert "CRLM-CT" not in page


def test_the_module_runs_as_a_program():
    """Two studies at once are run by `python -m crlm.cli`, each in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "crlm.cli", "--help"], capture_output=True, text=True, check=True
    )
    for command in ("run", "audit", "batch", "collect", "reconstruct"):
        assert f"\n    {command}" in done.stdout


def test_a_search_needs_a_study_and_some_effort(capsys):
    assert main(["reconstruct", "nosuch"]) == 2
    assert "There is: mskcc_hai, ncch_scp" in capsys.readouterr().err
    assert main(["reconstruct", "ncch_scp", "--effort", "0"]) == 2
    assert "--effort" in capsys.readouterr().err


# ---- names, folders, refusals of the system ---------------------------------


@pytest.mark.parametrize("name", ["../ncch_scp", "notebooks/ncch_scp", "a b", "/etc/x", ""])
@pytest.mark.parametrize(
    "command",
    [["run"], ["audit"], ["template"], ["reconstruct"], ["check", "t.csv", "--study"]],
    ids=lambda command: command[0],
)
def test_a_study_is_a_name_for_every_command(command, name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = refused(capsys, [*command, name])
    assert "mskcc_hai, ncch_scp" in told and not list(tmp_path.iterdir())


@pytest.fixture
def ran(monkeypatch):
    """Folders into which a run was asked to write; nothing runs."""
    from crlm import run

    folders = []

    def execute(study, given, out, **options):
        folders.append(out)
        return run.Outcome(out / f"{study}.html", out, out, "", False)

    monkeypatch.setattr(run, "execute", execute)
    return folders


@pytest.mark.parametrize("how", [["--cohort"], ["-p", "cohort_path"]], ids=["option", "parameter"])
def test_a_table_of_ones_own_has_a_folder_of_its_own(how, table, ran, capsys):
    assert main(["run", "ncch_scp", *how, str(table)]) == 0
    assert ran[0].name == "mine" and ran[0].parent.name == "reports"
    assert str(ran[0]) in capsys.readouterr().err


def test_a_codebook_alone_is_checked_before_a_notebook_starts(tmp_path, ran, capsys):
    codebook = tmp_path / "codes.yaml"
    codebook.write_text("columns: {patient_id: nowhere}\n")
    told = refused(capsys, ["run", "ncch_scp", "--codebook", codebook])
    assert "nowhere" in told and not ran


def test_a_folder_that_was_named_is_taken(table, ran, tmp_path):
    main(["run", "ncch_scp", "--cohort", str(table), "--out", str(tmp_path / "here")])
    main(["run", "ncch_scp"])
    assert ran[0] == tmp_path / "here" and ran[1].name == "reports"


def test_closed_streams_are_nobody_elses(tmp_path):
    """As under cron, or behind `2>&-`: what is opened next must not be taken for them."""
    check = (
        "import os, subprocess, sys; from crlm.cli import main; code = main(['--nothing'][1:]); "
        "held = [os.readlink(f'/proc/self/fd/{n}') for n in (0, 1, 2)]; "
        "print('unseen', file=sys.stderr); child = subprocess.run('echo x >&2', shell=True); "
        f"told = open({str(tmp_path / 'told')!r}, 'w'); "
        "print(code, set(held), child.returncode, file=told)"
    )
    shell = ["sh", "-c", '"$0" -c "$1" <&- >&- 2>&-', sys.executable, check]
    assert subprocess.run(shell, check=False).returncode == 0
    assert (tmp_path / "told").read_text() == "2 {'/dev/null'} 0\n"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "x.html"), "Make room"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), "another folder with --out"),
        (OSError(errno.EROFS, "Read-only file system", "x"), "another folder with --out"),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (ChildProcessError("the notebook's kernel did not start"), "did not start."),
    ],
)
def test_what_the_system_refuses_is_one_line(error, words, monkeypatch, capsys):
    from crlm import run

    def fails(*_, **__):
        raise error

    monkeypatch.setattr(run, "execute", fails)
    assert main(["run", "ncch_scp"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("crlm: ") and words in told and told.count("\n") == 1


def test_audit_tables_open_in_excel(tmp_path, capsys):
    assert main(["audit", "ncch_scp", "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    for name in ("checks", "findings", "implied"):
        data = (tmp_path / f"ncch_scp_audit_{name}.csv").read_bytes()
        assert data.startswith(b"\xef\xbb\xbf")


def test_what_is_no_plain_file_is_refused_before_a_notebook_starts(tmp_path, capsys):
    out = tmp_path / "out"
    for name in (tmp_path, ".", "/", "nowhere.csv"):
        for option in ("--cohort", "--history", "--codebook"):
            told = refused(capsys, ["run", "ncch_scp", option, name, "--out", out])
            assert ("folder" if name != "nowhere.csv" else "not there") in told
    assert not out.exists()


def test_a_parameter_given_twice_is_refused(tmp_path, capsys):
    twice = ["-p", "ties", "efron", "-p", "ties", "breslow"]
    told = refused(capsys, ["run", "ncch_scp", *twice, "--out", tmp_path / "out"])
    assert "ties is given twice" in told and not (tmp_path / "out").exists()


def test_a_study_named_twice_runs_once(tmp_path, capsys, monkeypatch):
    from crlm import cli

    seen = []
    monkeypatch.setattr(cli, "_run_one", lambda study, *_: seen.append(study) or 0)
    assert main(["run", "ncch_scp", "ncch_scp", "--out", str(tmp_path)]) == 0
    assert seen == ["ncch_scp"]


# ---- a reader who has read enough -------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ["ledger", "ncch_scp"],
        ["audit", "ncch_scp"],
        ["--help"],
        ["run", "--help"],
        ["run", "ncch_scp", "--parameters"],
        ["codebook", "data/ncch_scp/cohort.csv", "--study", "ncch_scp"],
        ["check", "data/ncch_scp/cohort.csv", "--study", "ncch_scp"],
        ["ledger", "unheard_of"],
    ],
    ids=" ".join,
)
def test_a_closed_pipe_ends_a_command_quietly(command):
    """As `crlm ledger x | head -1`: once "Broken pipe" and a second complaint at the exit."""
    with tempfile.TemporaryFile() as errors:
        running = subprocess.Popen(
            [sys.executable, "-m", "crlm.cli", *command],
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=Path(__file__).parents[1],
        )
        running.stdout.close()
        code = running.wait()
        errors.seek(0)
        told = errors.read().decode()
    assert "roken pipe" not in told and "Traceback" not in told and "Exception ignored" not in told
    # argparse says its help itself, and passes over what is not read.
    assert code == (2 if "unheard_of" in command else 0 if "--help" in command else 141)
