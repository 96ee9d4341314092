"""What a result stands on: inputs by checksum, what was chosen, when; and the rows as files."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from crlm import __version__, files
from crlm.ledger import Design
from crlm.report.html import Html, fold, say, table

#: Parameters that a design decides where a run does not.
_DESIGNED = (
    *("ties", "conf_type", "median_rule", "odds_limits"),
    *("entry_p", "stay_p", "univariable_p"),
)
_PATHS = ("cohort_path", "history_path", "codebook_path")


def differences(design: Design, chosen: Mapping[str, Any]) -> str:
    """One sentence on every choice that is not the paper's; empty where all are."""
    apart = {
        name: f"{_words(name)} {_text(chosen[name])} ({_beside(design, name, paper)})"
        for name, paper in _of_paper(design).items()
        if name in chosen and chosen[name] != paper
    }
    if not apart:
        return ""
    verb = "choice differs" if len(apart) == 1 else "choices differ"
    taken = "" if apart.keys().isdisjoint(_silent(design)) else ", or from what was taken for it"
    return f"{len(apart)} {verb} from the paper's{taken}: {'; '.join(apart.values())}."


def kept(design: Design, chosen: Mapping[str, Any]) -> str:
    """What to say where no choice differs: which choices the paper states, or the design gives."""
    paper = _of_paper(design)
    lacking = [_words(name) for name in chosen if name in _DESIGNED and name not in paper]
    if not lacking:
        stated = " that the paper states" if _silent(design) else ""
        return f"Every choice of analysis{stated} is the paper's."
    if not paper.keys() & chosen.keys():
        return "The design gives no choice of analysis of the paper's."
    return (
        "Every choice of analysis that the design gives is the paper's; it gives none of "
        f"{_or(lacking)}."
    )


def _silent(design: Design) -> list[str]:
    """The choices that a design has for a paper that does not state them."""
    return [name for name in design.conventions.get("unstated", ()) if name in _of_paper(design)]


def _beside(design: Design, name: str, paper: Any, whose: str = "paper ") -> str:
    """The paper's choice beside another, or what is taken where it states none."""
    said = _text(paper)
    return f"not stated, {said} taken" if name in _silent(design) else f"{whose}{said}"


def _or(names: list[str]) -> str:
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _of_paper(design: Design) -> dict[str, Any]:
    """Its choices, and where these are silent its conventions, as a run takes them."""
    said = {k: v for k, v in design.conventions.items() if k in _DESIGNED}
    return {**design.choices, **{k: v for k, v in said.items() if k not in design.choices}}


def choices(design: Design, chosen: Mapping[str, Any]) -> list[Html]:
    """What differs from the paper's choices, and every parameter of the run beside them, folded."""
    hidden, of_paper = {*_PATHS, "output_dir"}, _of_paper(design)
    body = []
    for name, value in chosen.items():
        if name not in hidden:
            paper = of_paper.get(name)
            beside, apart = "no choice of the paper's", False
            if name in of_paper:
                beside, apart = _beside(design, name, paper, ""), value != paper
            body.append(("", [_words(name), _text(value), beside, "differs" if apart else ""]))
    header = ["Choice", "This run", "The paper", "Differs"]
    told = differences(design, chosen) or kept(design, chosen)
    every = table("What was chosen", header, body)
    return [say(told), fold(f"What was chosen: {len(body)} parameters", every)]


def table_of(design: Design, source: Mapping[str, Any]) -> Html:
    """Study, cohort, checksums, version and day; nothing that tells of a machine."""
    lines = [
        ("Paper", design.citation),
        ("Cohort", f"{source['kind']}: {source['title'] or 'no title given'}"),
        *(
            (f"{role.capitalize()}, SHA-256", digest)
            for role, digest in inputs(design, source).items()
        ),
        ("crlm", __version__),
        ("Day of the run", today()),
    ]
    unstated = design.conventions.get("unstated", ())
    rest = "Read from the paper, or taken for it: "
    rest += ", ".join(
        f"{_words(name)} {_text(value)}{' (not stated)' * (name in unstated)}"
        for name, value in design.conventions.items()
        if name not in (*design.choices, "unstated")
    )
    notes = [f"{rest}.", "Versions of all packages are in the manifest beside the report."]
    return table("Provenance", ["What", "Which"], [("", line) for line in lines], notes)


def inputs(design: Design, source: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of what was read, by its role: the bytes themselves, not the file as it is now."""
    roles = {"cohort": source["path"], **source.get("files", {})}
    found = {role: files.seen(path) for role, path in roles.items() if path}
    ledger = {"design": "design.toml", "ledger of claims": "published.csv"}
    found |= {role: files.checksum(design.folder / name) for role, name in ledger.items()}
    return {role: digest for role, digest in found.items() if digest}


def today() -> str:
    """The day, in ISO form; that of SOURCE_DATE_EPOCH where a batch has set it."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch.isdigit():
        return dt.datetime.fromtimestamp(int(epoch), dt.UTC).date().isoformat()
    return dt.date.today().isoformat()


def write(
    folder: str,
    study: str,
    results: pd.DataFrame,
    verdicts: pd.DataFrame,
    *,
    safe: bool = False,
) -> None:
    """Write the result rows, the verdicts and the checksums of what was read, if asked to.

    The files are `<study>_rows.csv` and `<study>_claims.csv`, neither of which holds a
    patient row, and `<study>_inputs.json`: the SHA-256 of the tables as they were read, by
    file name; a safe report has no such file.
    """
    if not folder:
        return
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name, frame in (("rows", results), ("claims", verdicts)):
        files.write_atomically(target / f"{study}_{name}.csv", files.csv_bytes(frame))
    if safe:
        return
    text = json.dumps(files.everything_read(), indent=1, ensure_ascii=False) + "\n"
    files.write_atomically(target / f"{study}_inputs.json", text)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _text(value: Any) -> str:
    """Every digit of a choice: two that differ must not read the same."""
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
