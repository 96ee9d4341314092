"""Batches of safe runs: no two choices that a few patients tell apart.

Ratios are exact, so two runs that differ in the level of one patient name his time and outcome.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from crlm import cohort, endpoints
from crlm.ledger import Design, ParameterError, load_design, studies

_CUT = re.compile(r'"(\w+)": (\w+_cutoff)\b')
_RULES = ("short_scp_months", "short_scp_censored", "death_without_failure")
_FILES = ("cohort_path", "history_path", "codebook_path")


def refuse_close(runs: Iterable[tuple[str, Path, Mapping[str, Any]]]) -> None:
    """Refuse a grid of safe runs in which two values of a choice move 1 to K - 1 patients.

    Parameters
    ----------
    runs : iterable of (study, notebook, values)
        The values of all parameters, defaults included.

    Raises
    ------
    ParameterError
        With every pair of values that lies too close.
    """
    found: dict[str, None] = {}
    groups: dict[tuple[str, ...], list[tuple[Path, Mapping[str, Any]]]] = {}
    for study, notebook, values in runs:
        if values.get("safe") and study in studies():
            key = (study, *(str(values.get(name) or "") for name in _FILES))
            groups.setdefault(key, []).append((notebook, values))
    for (study, *files), members in groups.items():
        found |= dict.fromkeys(_too_close(study, files, members))
    if found:
        raise ParameterError("\n".join(found))


def _too_close(
    study: str, files: list[str], members: list[tuple[Path, Mapping[str, Any]]]
) -> Iterable[str]:
    design = load_design(study)
    notebook, base = members[0]
    factors = _factors(notebook)
    choices = {name: factor for name, factor in factors.items() if name in base}
    choices |= {name: "" for name in _RULES if name in base}
    k, table = int(base["safe"]), None
    for name, factor in choices.items():
        values = list(dict.fromkeys(member[name] for _, member in members))
        if len(values) < 2:
            continue
        table = table or _read(design, files)
        states = {value: _state(design, table, name, factor, value) for value in values}
        for one, two in itertools.combinations(values, 2):
            if 0 < _moved(states[one], states[two]) < k:
                told = f"{name} {one:g} and {two:g}" if factor else f"{name} {one} and {two}"
                yield f"{told} differ by fewer than {k} patients; keep one."


def _factors(notebook: Path) -> dict[str, str]:
    """The factor that each cut-off of a notebook cuts, as its cells say."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return {parameter: factor for factor, parameter in _CUT.findall(text)}


def _read(design: Design, files: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    path, history, codebook = files
    book = codebook or None
    patients = cohort.load(path or design.folder / "cohort.csv", design, book)
    return patients, cohort.events(history, path, design, book, patients)


def _state(
    design: Design, table: tuple[pd.DataFrame, pd.DataFrame], name: str, factor: str, value: Any
) -> pd.DataFrame:
    """What a choice decides of each patient who is included."""
    rules = {} if factor else {name: value}
    cut = design.with_cuts(**{factor: value}) if factor else design
    known = endpoints.timed(*table, cut, **rules)
    known = known[cohort.eligibility(known, cut).all(axis=1)]
    wanted = [factor] if factor else ["short_scp", "scp_months", "scp_event"]
    return known[[column for column in wanted if column in known]].astype(str)


def _moved(one: pd.DataFrame, two: pd.DataFrame) -> int:
    return int((one != two).any(axis=1).sum()) if len(one.columns) else 0
