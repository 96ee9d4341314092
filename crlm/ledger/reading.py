"""Where the studies lie, and how a design is read: with all its faults at once, or none."""

from __future__ import annotations

import functools
import pickle
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from crlm import home
from crlm.ledger.chapter import with_thresholds
from crlm.ledger.design import Design
from crlm.ledger.dictionary import columns_of, dictionary_faults
from crlm.ledger.errors import DesignError, Fault, refusal
from crlm.ledger.factors import whole_spec
from crlm.ledger.references import reference_faults
from crlm.ledger.schema import CUT, LENGTH, SKELETON, DesignFile
from crlm.ledger.spelling import did_you_mean
from crlm.ledger.typed import bytes_of, faults_of, read_toml, toml_of


def data_folder() -> Path:
    """The folder that holds one folder a study; `CRLM_DATA` overrides what crlm brings along.

    Raises
    ------
    DesignError
        If there is no such folder.
    """
    folder = home.studies()
    if not folder.is_dir():
        raise DesignError(
            f"The data folder {folder.name!r} is missing. Install crlm from a checkout or a "
            "wheel, or set CRLM_DATA to the folder that holds the studies."
        )
    return folder


def dictionary_file() -> Path:
    """The shared dictionary of columns: of the data folder, else what crlm brings along."""
    own = data_folder() / "columns.toml"
    return own if own.is_file() else home.path("data") / "columns.toml"


def studies() -> list[str]:
    """Names of the studies at hand: the folders of `data/` that hold a design.toml."""
    return sorted(path.parent.name for path in data_folder().glob("*/design.toml"))


def title_of(study: str) -> str:
    """The title of a study's paper; "" where its design cannot be read, or has none yet."""
    try:
        text = read_toml(data_folder() / study / "design.toml", study)
    except DesignError:
        return ""
    title = text.get("title")
    return title if isinstance(title, str) and title != SKELETON["title"] else ""


def load_design(study: str) -> Design:
    """Read `data/<study>/design.toml` on top of the shared dictionary `data/columns.toml`.

    Returns
    -------
    Design
        Its mappings hold the file's own keys and values; every key is one that
        `design_schema` lists, and every name in it is that of a column, factor, level or
        endpoint that the design has.

    Raises
    ------
    DesignError
        If the study does not exist, a file cannot be read, or anything in it is misspelt,
        missing or does not fit. All faults are told at once, each with its place.
    """
    folder = data_folder() / study
    path, file = folder / "design.toml", f"data/{study}/design.toml"
    if not path.is_file():
        known = did_you_mean(study, studies())
        raise DesignError(f"There is no study {study!r}. {known[0].upper()}{known[1:]}")
    written = bytes_of(path, file), bytes_of(dictionary_file(), "data/columns.toml")
    return replace(pickle.loads(_design(study, *written)), folder=folder)


@functools.lru_cache(maxsize=8)
def _design(study: str, written: bytes, of_columns: bytes) -> bytes:
    """The design that two files make, pickled: each who asks gets one of his own."""
    file = f"data/{study}/design.toml"
    text, dictionary = toml_of(written, file), toml_of(of_columns, "data/columns.toml")
    columns, faults = columns_of(text, dictionary)
    faults = [*_form_faults(text), *faults]
    places = {fault.place for fault in faults}
    faults += reference_faults(text, columns, dictionary, places)
    told = [("data/columns.toml", dictionary_faults(dictionary)), (file, _sorted(faults, text))]
    messages = [refusal(name, found) for name, found in told if found]
    if messages:
        raise DesignError("\n".join(messages))
    models: Mapping[str, Any] = text["models"]
    design = Design(
        study=study,
        title=text["title"],
        citation=text["citation"],
        question=text["question"],
        columns=columns,
        factors={k: whole_spec(spec, columns) for k, spec in text.get("factors", {}).items()},
        scaled=text.get("scaled", {}),
        endpoints=text["endpoints"],
        eligibility=tuple(text.get("eligibility", ())),
        table_one=text["table_one"],
        models={name: {"published": _held(spec), **spec} for name, spec in models.items()},
        conventions=text["conventions"],
        exposure=text.get("exposure", text["table_one"]["by"]),
        main=tuple(text.get("main", text["endpoints"])),
        choices=text.get("choices", {}),
        incidences=text.get("incidences", {}),
        declared=tuple(n for n, c in text["columns"].items() if n != "use" and c.get("role")),
        chapter=with_thresholds(text["chapter"]) if "chapter" in text else {},
        folder=Path(),
    )
    return pickle.dumps(design)


def _held(spec: Mapping[str, Any]) -> list[str]:
    """Covariates of a multivariable model that names none: all but those left out, or no one."""
    out = spec.get("left_out") or ()
    alone = spec["selection"] == "univariable"
    return [] if alone else [name for name in spec["covariates"] if name not in out]


def _form_faults(text: Mapping[str, Any]) -> list[Fault]:
    """Keys and types of the file; choices that may be named freely are numbers."""
    choices = text.get("choices")
    if not isinstance(choices, Mapping):
        return faults_of(DesignFile, text)
    free = {name: value for name, value in choices.items() if name.endswith((CUT, LENGTH))}
    closed = {name: value for name, value in choices.items() if name not in free}
    faults = faults_of(DesignFile, {**text, "choices": closed}, text)
    for name, value in free.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            faults.append(Fault(f"[choices] {name}", f"{value!r} does not fit; write a number."))
    return faults


def _sorted(faults: list[Fault], text: Mapping[str, Any]) -> list[Fault]:
    """Faults in the order of the file's tables, what is missing last; one text once."""
    order = {name: at for at, name in enumerate(text)}

    def at(fault: Fault) -> int:
        return order.get(re.split(r"[\].\s]", fault.place.lstrip("["), maxsplit=1)[0], len(order))

    places: dict[str, list[str]] = {}
    for fault in sorted(dict.fromkeys(faults), key=at):
        # A name is refused once, however many lists hold it; of a missing key each is another.
        key = fault.text if fault.text.startswith("'") else f"{fault.place}: {fault.text}"
        places.setdefault(key, []).append(fault.place)
    return [
        Fault(first, " ".join([key.removeprefix(f"{first}: "), *_more(others)]))
        for key, (first, *others) in places.items()
    ]


def _more(others: list[str]) -> list[str]:
    return [f"Also: {', '.join(others)}."] if others else []
