"""A run as a Workflow Run RO-Crate: one archive that tells other programs what was run, on what.

Patients stay out: what a run read stands in it as the name and checksum that the manifest has.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crlm import refusals
from crlm.parameters import Parameter

if TYPE_CHECKING:
    from rocrate.model.entity import Entity
    from rocrate.rocrate import ROCrate

_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
_BIOSCHEMAS = "https://bioschemas.org/profiles"
_LICENSE = "https://spdx.org/licenses/MIT"
_TYPES = {"str": "Text", "int": "Integer", "float": "Float", "bool": "Boolean"}
#: The files of a run by how their names end, and those that it read and that hold no patient.
_RESULTS = {
    ".html": ("The report", "text/html"),
    ".ipynb": ("The executed notebook", "application/x-ipynb+json"),
    ".json": ("The manifest: parameters, checksums, versions", "application/json"),
    "_rows.csv": ("Every computed number with its keys and conventions", "text/csv"),
    "_claims.csv": ("Every printed number with its verdict", "text/csv"),
}
_READ = {
    "lock": ("The packages that crlm was tested with", "text/plain"),
    "cohort certificate": ("What the synthetic cohort gives, claim by claim", "application/json"),
}


def check_installed() -> None:
    """Refuse a crate in one line where the extra for it is not installed (`CrlmError`)."""
    refusals.need("rocrate", "--crate")


def packed(
    made: Path,
    record: Mapping[str, Any],
    declared: Mapping[str, Parameter],
    used: Mapping[str, Path],
) -> bytes:
    """The archive of a run.

    Parameters
    ----------
    made : pathlib.Path
        Folder with the run's files, the manifest among them; all of them go in.
    record : mapping
        The manifest.
    declared : mapping of str to Parameter
        The notebook's parameters.
    used : mapping of str to pathlib.Path
        The files that the run read, by role. The notebook, the lock and the certificate of the
        shipped cohort go in, of all others name and checksum alone.

    Returns
    -------
    bytes
        A zip file.

    References
    ----------
    Leo S et al. Recording provenance of workflow runs with RO-Crate. PLoS ONE 2024;19:e0309210.
    """
    logging.getLogger("rocrate").setLevel(logging.ERROR)
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version="1.1")
    workflow = _workflow(crate, record["study"], used["notebook"])
    slots = {name: _slot(crate, one) for name, one in declared.items() if name != "output_dir"}
    workflow["input"] = list(slots.values())
    action = crate.add_action(workflow, identifier="#run", properties=_ending(record))
    action["object"] = [
        *_values(crate, record["parameters"], declared, slots),
        *_checksums(crate, record["inputs"]),
        *(_read(crate, used[role], *_READ[role]) for role in _goes_in(record, used)),
    ]
    results = list(_results(crate, made, record["study"]))
    workflow["output"] = [file["exampleOfWork"] for file in results if "exampleOfWork" in file]
    action["result"] = results
    _describe(crate, record, action)
    return b"".join(crate.stream_zip())


def _workflow(crate: ROCrate, study: str, notebook: Path) -> Entity:
    from rocrate.model.computerlanguage import ComputerLanguage

    page = "https://jupyter.org"
    told = {"name": "Jupyter Notebook", "identifier": page, "url": {"@id": page}}
    language = crate.add(ComputerLanguage(crate, f"{page}/#notebook", properties=told))
    properties = {
        "name": f"{study}: the paper as a notebook",
        "description": "The notebook as it came with crlm, before the run.",
        "conformsTo": {"@id": f"{_BIOSCHEMAS}/ComputationalWorkflow/1.0-RELEASE"},
        "encodingFormat": "application/x-ipynb+json",
        "license": {"@id": _LICENSE},
    }
    place = f"workflow/{study}.ipynb"
    return crate.add_workflow(str(notebook), place, main=True, lang=language, properties=properties)


def _add(crate: ROCrate, place: str, kind: str | list[str], **properties: Any) -> Entity:
    from rocrate.model.contextentity import ContextEntity

    return crate.add(ContextEntity(crate, place, {"@type": kind, **properties}))


def _slot(crate: ROCrate, parameter: Parameter) -> Entity:
    """A parameter of the notebook, as something that a run may set."""
    told = {"description": parameter.help} if parameter.help else {}
    return crate.add_formal_parameter(
        parameter.name,
        _TYPES.get(parameter.type, "Text"),
        identifier=f"#parameter-{parameter.name}",
        properties={**told, "defaultValue": str(parameter.default)},
    )


def _values(
    crate: ROCrate,
    chosen: Mapping[str, Any],
    declared: Mapping[str, Parameter],
    slots: Mapping[str, Entity],
) -> Iterator[Entity]:
    """What each parameter was in the run, whether chosen or left as it is."""
    for name, slot in slots.items():
        value = str(chosen.get(name, declared[name].default))
        yield _add(
            crate, f"#value-{name}", "PropertyValue", name=name, value=value, exampleOfWork=slot
        )


def _checksums(crate: ROCrate, inputs: Mapping[str, Mapping[str, str]]) -> Iterator[Entity]:
    """What the run read, by the part that it played: no file of it is in the archive."""
    for role, one in inputs.items():
        name, place = f"SHA-256 of {role}: {one['file']}", f"#input-{role.replace(' ', '-')}"
        yield _add(crate, place, "PropertyValue", name=name, value=f"sha256:{one['sha256']}")


def _goes_in(record: Mapping[str, Any], used: Mapping[str, Path]) -> list[str]:
    """What was read and may stand in the archive.

    The certificate is of the shipped cohort, and holds exact counts: not for a safe report.
    """
    values = record["parameters"]
    certified = not values.get("cohort_path") and not values.get("safe")
    return [role for role in _READ if role in used and (certified or role == "lock")]


def _read(crate: ROCrate, path: Path, name: str, kind: str) -> Entity:
    properties = {"name": name, "encodingFormat": kind}
    return crate.add_file(str(path), f"read/{path.name}", properties=properties, record_size=True)


def _results(crate: ROCrate, made: Path, study: str) -> Iterator[Entity]:
    """The run's files, each an output of the notebook where a run always writes it."""
    for path in sorted(p for p in made.rglob("*") if p.is_file()):
        end = path.name.removeprefix(study)
        name, kind = _RESULTS.get(end, (path.name, "application/octet-stream"))
        told: dict[str, Any] = {}
        if end in _RESULTS:
            told["exampleOfWork"] = crate.add_formal_parameter(
                end.strip("._").replace(".", "_"),
                "File",
                identifier=f"#output{end.replace('.', '-')}",
                description=name,
            )
        properties = {"name": name, "encodingFormat": kind, **told}
        place = path.relative_to(made).as_posix()
        yield crate.add_file(str(path), place, properties=properties, record_size=True)


def _ending(record: Mapping[str, Any]) -> dict[str, Any]:
    """How the run went; its end is now, to the second."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    finished = record["status"] == "finished"
    status = "CompletedActionStatus" if finished else "FailedActionStatus"
    failed = {} if finished else {"error": f"cell {record['cell']}: {record['error']}"}
    return {
        "name": f"A run of {record['study']}",
        "description": f"{record['wall_seconds']} seconds by {record['kernel']}",
        "endTime": now,
        "actionStatus": f"http://schema.org/{status}",
        **failed,
    }


def _describe(crate: ROCrate, record: Mapping[str, Any], action: Entity) -> None:
    """The archive as a whole: what it keeps to, what it was made by."""
    programs = [
        _add(crate, f"#software-{name}", "SoftwareApplication", name=name, softwareVersion=version)
        for name, version in record["versions"].items()
    ]
    crate.mainEntity["softwareRequirements"] = programs
    if record["commit"]:
        crate.mainEntity["version"] = record["commit"]
    profiles = [
        _add(crate, page, "CreativeWork", name=name, version=version)
        for page, (name, version) in _PROFILES.items()
    ]
    _add(crate, _LICENSE, "CreativeWork", name="MIT License", identifier=_LICENSE)
    crate.name = f"A run of {record['study']} by crlm {record['versions']['crlm']}"
    crate.description = (
        "Report, result rows and verdicts of one run, the notebook, its parameters, and the "
        "checksums of what it read. No patient's data are in it."
    )
    told = {"license": {"@id": _LICENSE}, "conformsTo": profiles, "mentions": action}
    for name, value in told.items():
        crate.root_dataset[name] = value
