"""`crlm ...`: what a reader types.

Exit codes: 0 done; 1 a notebook or the program failed; 2 the input or the
command line cannot be used, with a message that says why.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import errno
import gc
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crlm import __version__, cli_batch, cli_cohort, cli_document, cli_study, home, refusals
from crlm.ledger import CrlmError, Design, ParameterError

if TYPE_CHECKING:
    from crlm.audit import Audit
    from crlm.document import Asked

_ROOM = "Make room and start again; what was there before is untouched"
_ELSEWHERE = "Choose another folder with --out; what was there before is untouched"
_HANDLES = "Allow more open files first, as by `ulimit -n 1024`, and start again"
#: Bytes of a table from which on reading it takes more than a second or two.
_LARGE = 10_000_000
_REMEDIES = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: _ROOM,
    errno.EACCES: _ELSEWHERE,
    errno.EPERM: _ELSEWHERE,
    errno.EROFS: _ELSEWHERE,
    errno.EMFILE: _HANDLES,
    errno.ENFILE: _HANDLES,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code, 141 where the reader of its output went away."""
    _open_streams()
    # What is left at the end goes with the process, and need not be looked through.
    atexit.register(gc.freeze)
    try:
        code = _command(argv)
        sys.stdout.flush()
        sys.stderr.flush()
        return code
    except BrokenPipeError:
        return _reader_gone()
    except SystemExit:
        # argparse has told its help or a fault; what is not read is no fault of the command.
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except BrokenPipeError:
            return _reader_gone()
        raise


def _reader_gone() -> int:
    """End as Unix tools do where `| head` has read enough: 128 and the number of SIGPIPE."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(nowhere, stream.fileno())
    return 141


def _lacks_its_table(arguments: argparse.Namespace) -> bool:
    return arguments.command == "ledger" and arguments.study == "import" and not arguments.table


def _command(argv: Sequence[str] | None) -> int:
    parser = _parser()
    arguments, behind = parser.parse_known_args(argv)
    if len(behind) == 1 and not behind[0].startswith("-") and _lacks_its_table(arguments):
        # argparse gives a word behind options to no positional that may be left out.
        arguments.table = behind.pop()
    if behind:
        parser.error(f"unrecognized arguments: {' '.join(behind)}")
    if arguments.command is None:
        parser.print_help()
        return 2
    try:
        if arguments.command != "new":  # It says itself what a new name may be.
            _check_names(getattr(arguments, "study", []))
        return int(arguments.handler(arguments))
    except CrlmError as error:
        print(f"crlm: {error.told}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"crlm: {_why(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("crlm: interrupted; nothing half-written is left", file=sys.stderr)
        return 130


def _open_streams() -> None:
    """Have something behind input, output and errors where a shell or cron has closed them.

    Else the next files and sockets would be taken for them.
    """
    while (handle := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(handle, True)
    os.close(handle)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))


def _check_names(studies: str | Sequence[str]) -> None:
    """A study is a name, never a path: it becomes part of the names of files."""
    from crlm.ledger import studies as known

    for study in [studies] if isinstance(studies, str) else studies:
        if not re.fullmatch(r"[A-Za-z0-9_]+", study):
            raise ParameterError(
                f"{study!r} is no name of a study, which has letters, digits and _ alone. "
                f"There is: {', '.join(known())}."
            )


def _why(error: OSError) -> str:
    """What the system refused, where, and what to do about it, in one line."""
    told = f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")
    return f"{told}. {_REMEDIES.get(error.errno or 0, '')}".rstrip(". ") + "."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="crlm",
        description="Executable replications of papers on resected colorectal liver metastases.",
    )
    parser.add_argument("--version", action="version", version=f"crlm {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_run(commands)
    cli_cohort.add_commands(commands)
    _add_audit(commands)
    cli_document.add_commands(commands)
    cli_batch.add_commands(commands)
    _add_reconstruct(commands)
    cli_study.add_commands(commands)
    return parser


def _add_run(commands: argparse._SubParsersAction) -> None:
    run = commands.add_parser("run", help="run a study's notebook and write its HTML report")
    run.add_argument("study", nargs="*", help="which; none: every study that has a cohort")
    run.add_argument(
        "-p",
        "--parameter",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="set a parameter of the notebook; `crlm run STUDY --parameters` lists them",
    )
    run.add_argument("--cohort", metavar="FILE", help="your patient table")
    run.add_argument("--history", metavar="FILE", help="your event history, one event a row")
    run.add_argument("--codebook", metavar="FILE", help="YAML that maps your headers and codes")
    run.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=None,
        help="where to write (default: reports/, and for your own table "
        "reports/NAME/ after the file NAME.csv)",
    )
    cli_document.add_options(run)
    run.add_argument(
        "--safe",
        metavar="K",
        nargs="?",
        const=5,
        type=_patients,
        help="hide numbers of fewer than K patients (5 without a number); docs/privacy.md",
    )
    run.add_argument("--parameters", action="store_true", help="list the parameters and stop")
    run.set_defaults(handler=_run)


def _patients(text: str) -> int:
    if not text.isdigit() or int(text) < 3:
        raise argparse.ArgumentTypeError(
            f"a number of patients from 3 on is wanted, not {text!r}; name the study first"
        )
    return int(text)


def _add_audit(commands: argparse._SubParsersAction) -> None:
    audit = commands.add_parser("audit", help="hold a paper's printed numbers against each other")
    audit.add_argument("study")
    audit.add_argument("--out", metavar="DIR", type=Path, help="also write a page and CSV files")
    audit.set_defaults(handler=_audit)


def _run(arguments: argparse.Namespace) -> int:
    from crlm import run

    arguments.study = arguments.study or _with_cohort()
    if arguments.parameters:
        for study in dict.fromkeys(arguments.study):
            _list_parameters(study)
        return 0
    wanted = cli_document.asked(arguments)
    given = dict(arguments.parameter)
    names = [name for name, _ in arguments.parameter]
    again = sorted({name for name in names if names.count(name) > 1})
    if again:
        raise ParameterError(f"-p {', -p '.join(again)} is given twice. Leave one.")
    options = {name: getattr(arguments, name.removesuffix("_path")) for name in run.FILES}
    files = {name: value for name, value in options.items() if value}
    twice = set(given) & set(files)
    if twice:
        raise ParameterError(f"{', '.join(sorted(twice))} is given twice, by -p and by --option.")
    given |= files
    if arguments.safe:
        if "safe" in given:
            raise ParameterError("safe is given twice, by -p and by --safe.")
        given["safe"] = str(arguments.safe)
    _check_before_start(arguments.study, given)
    out = arguments.out or _own_folder(given)
    studies = list(dict.fromkeys(arguments.study))
    if len(studies) > 1:
        return _run_many(studies, given, out, cli_document.passed_on(arguments))
    return _run_one(studies[0], given, out, wanted)


def _run_one(study: str, given: dict[str, str], out: Path, asked: Asked) -> int:
    from crlm import run

    outcome = run.execute(study, given, out, progress=sys.stderr.isatty(), asked=asked)
    for line in outcome.told:
        print(f"crlm: {line}", file=sys.stderr)
    if outcome.error:
        print(f"crlm: {study} stopped in {outcome.error}", file=sys.stderr)
        print(f"crlm: the report shows where: {outcome.report}", file=sys.stderr)
        return 2 if outcome.readers_error else 1
    for path in (outcome.report, *outcome.documents):
        print(path)
    return 0


def _run_many(
    studies: Sequence[str], given: dict[str, str], out: Path, options: Sequence[str]
) -> int:
    """Several studies side by side, each in its own process."""
    from concurrent.futures import ThreadPoolExecutor
    from subprocess import run as start

    from crlm import cores

    each = {**os.environ, cores.VARIABLE: str(max(1, cores.available() // 2))}
    command = [sys.executable, "-m", "crlm.cli", "run", "--out", str(out), *options]
    for name, value in given.items():
        command += ["-p", name, value]
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(lambda study: start([*command, study], env=each).returncode, studies))
    return max(codes)


def _with_cohort() -> list[str]:
    """The studies that a run without a name runs."""
    from crlm import ledger

    there = ledger.studies()
    found = [study for study in there if _has_cohort(study)]
    if not found:
        known = f"of {', '.join(there)} has" if there else "is there that has"
        raise ParameterError(
            f"No study {known} a cohort yet. Name one, and a table of your own: "
            f"crlm run {(there or ['my_study'])[0]} --cohort FILE."
        )
    return found


def _check_before_start(studies: Sequence[str], given: dict[str, str]) -> None:
    """Refuse unusable parameters and tables before any notebook is started."""
    from crlm import parameters, run

    for study in studies if not given.get("cohort_path") else ():
        if not _has_cohort(study):
            from crlm import cohort, ledger

            cohort.origin("", ledger.load_design(study))
    for study in studies:
        _say_unfilled(study)
        checked = parameters.held(given, parameters.declared_in(run.notebook_path(study)))
        run.check_files(checked)
    if any(given.get(name) for name in run.FILES):
        from crlm import intake

        _say_what_is_read(given)
        intake.look((study, given) for study in studies)


def _say_unfilled(study: str) -> None:
    """Tell of the skeleton's title; a design with faults is refused where it is read."""
    from crlm import ledger

    with contextlib.suppress(ledger.DesignError):
        cli_study.say_unfilled(ledger.load_design(study))


def _say_what_is_read(given: dict[str, str]) -> None:
    """A line on a large table, which takes a while before there is a bar."""
    size = Path(given.get("cohort_path") or os.devnull).stat().st_size
    if size > _LARGE and sys.stderr.isatty():
        print(f"crlm: reading your table ({size / 1e6:,.0f} MB)", file=sys.stderr)


def _has_cohort(study: str) -> bool:
    from crlm.ledger import data_folder

    return (data_folder() / study / "cohort.csv").is_file()


def _list_parameters(study: str) -> None:
    from crlm import parameters, run

    for parameter in parameters.declared_in(run.notebook_path(study)).values():
        print(f"{parameter.name}: {parameter.type} = {parameter.default!r}")
        if parameter.help:
            print(f"    {parameter.help}")


def _own_folder(given: dict[str, str]) -> Path:
    """Where a run writes that names no folder: a table of the reader's own has one of its own."""
    from crlm.run import FILES

    own = next((given[name] for name in FILES if given.get(name)), "")
    if not own:
        return home.reports()
    out = home.reports() / (Path(own).stem.strip(". ") or "own")
    print(f"crlm: the report of your table goes to {out} (--out: elsewhere)", file=sys.stderr)
    return out


def _audit(arguments: argparse.Namespace) -> int:
    from crlm import audit, ledger

    design = ledger.load_design(arguments.study)
    cli_study.say_unfilled(design)
    result = audit.audit(design, ledger.load_claims(arguments.study))
    print(audit.describe(result))
    if arguments.out:
        _write_audit(result, design, arguments.out)
    return 0


def _write_audit(result: Audit, design: Design, out: Path) -> None:
    from crlm.files import csv_bytes, write_atomically
    from crlm.report import html, verdicts

    out.mkdir(parents=True, exist_ok=True)
    pieces = [html.say(design.citation)]
    frames = (result.checks, result.findings, result.implied, result.asked)
    pieces += verdicts.audit_pieces(*frames, design)
    title = f"Do the printed numbers hold together? {design.study}"
    write_atomically(out / f"{design.study}_audit.html", html.page(title, pieces))
    for name in ("checks", "findings", "implied", "asked"):
        data = csv_bytes(getattr(result, name))
        write_atomically(out / f"{design.study}_audit_{name}.csv", data)


def _add_reconstruct(commands: argparse._SubParsersAction) -> None:
    made = commands.add_parser(
        "reconstruct", help="search a synthetic cohort that gives a paper's printed numbers"
    )
    made.add_argument("study")
    made.add_argument("--seed", type=int, default=1, metavar="N")
    made.add_argument(
        "--effort",
        type=float,
        default=1.0,
        metavar="X",
        help="multiplies the steps of the search (default: 1)",
    )
    made.add_argument(
        "--out", type=Path, metavar="DIR", help="where to write (default: reconstructed-STUDY-N)"
    )
    made.add_argument(
        "--ensemble",
        type=int,
        metavar="M",
        help="M cohorts, seeds N, N+1, ..., and what they say together",
    )
    made.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="W",
        help="searches at a time, with --ensemble (default: 1)",
    )
    made.add_argument(
        "--unprinted",
        choices=("drawn", "searched"),
        help="what no claim is about (how characteristics go together, hazards between printed "
        "points): drawn anew for each cohort, the default with --ensemble, or left to the search",
    )
    made.set_defaults(handler=_reconstruct)


def _reconstruct(arguments: argparse.Namespace) -> int:
    refusals.need("numba", "`crlm reconstruct`")
    print(f"{arguments.study}: the search is loaded", file=sys.stderr, flush=True)
    from crlm.reconstruction import Progress, reconstruct

    if not arguments.effort > 0 or arguments.seed < 0:
        raise ParameterError("--effort wants a number above 0, --seed one from 0 on.")

    for line in cli_study.aimed_at_in_vain(arguments.study):
        print(line, file=sys.stderr, flush=True)

    def tell(now: Progress) -> None:
        print(
            f"{now.stage}: {now.share:.0%}, {now.matched} of {now.total} targets met, "
            f"{now.seconds:.0f} s",
            file=sys.stderr,
        )

    if arguments.ensemble is not None:
        return _ensemble(arguments)
    out = arguments.out or Path(f"reconstructed-{arguments.study}-{arguments.seed}")
    found = reconstruct(
        arguments.study,
        out,
        seed=arguments.seed,
        effort=arguments.effort,
        watch=tell,
        draw=arguments.unprinted == "drawn",
        tell=lambda told: print(told, file=sys.stderr, flush=True),
    )
    print(
        f"{found.matched} of {found.counted} claims match, recomputed by other programs than "
        f"the search used.\nNo row is a patient. {out / 'certificate.json'} has every claim."
    )
    return 0


def _ensemble(arguments: argparse.Namespace) -> int:
    from crlm.reconstruction import ensemble

    if arguments.ensemble < 2 or arguments.workers < 1:
        raise ParameterError("--ensemble wants 2 cohorts or more, --workers 1 or more.")

    def tell(seed: int, matched: int, counted: int) -> None:
        print(f"seed {seed}: {matched} of {counted} claims match", file=sys.stderr)

    out = arguments.out or Path(f"ensemble-{arguments.study}")
    told = f"{arguments.study}: rehearsal, then {arguments.ensemble} searches; a line as each ends"
    print(told, file=sys.stderr, flush=True)
    found = ensemble(
        arguments.study,
        out,
        size=arguments.ensemble,
        seed=arguments.seed,
        effort=arguments.effort,
        workers=arguments.workers,
        draw=arguments.unprinted != "searched",
        watch=tell,
    )
    pinned = sum(one["verdict"] == "pinned" for one in found["quantities"])
    print(
        f"{found['cohorts']} cohorts; {pinned} of {len(found['quantities'])} unprinted quantities "
        f"are pinned by the print. {out / 'ensemble.json'} has all."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
