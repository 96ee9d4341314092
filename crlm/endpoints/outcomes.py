"""What a patient's history makes of the endpoints: the papers' rules, one function each.

Reference: Ito et al., World J Surg Oncol 2024;22:247, Methods, "Patient treatment" and
"Definitions", for the surgically controllable period (SCP); Gholami et al., Ann Surg
2020;272:352, Methods, for the sites of the first recurrence.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from crlm.cohort import CAUSES, SITES
from crlm.endpoints import columns, recorded, timeline
from crlm.endpoints.declared import counting
from crlm.endpoints.timeline import first_day, is_event
from crlm.ledger import CohortError, Design, ParameterError
from crlm.refusals import choice, foreign, refusal

#: A ready time may differ from the history by half of a printed hundredth of a month.
TOLERANCE = 0.005

# What a table may say of a death; a history says no more than the first two.
_CAUSES = (*CAUSES, "unknown")
_SITE_FLAGS = ("site_liver", "site_liver_only", "site_lung", "site_peritoneum", "site_extrahepatic")


def from_history(
    patients: pd.DataFrame,
    history: pd.DataFrame,
    design: Design,
    *,
    death_without_failure: Literal["censor", "event"] = "censor",
    controlled_unresectable: Literal["continue", "failure"] = "continue",
    days_per_month: float | None = None,
) -> pd.DataFrame:
    """Times, events and sites of first recurrence, worked out from the patients' histories.

    Parameters
    ----------
    patients : pandas.DataFrame
        One row a patient, with `patient_id`.
    history : pandas.DataFrame
        One row an event, as `timeline.build` reads it. `details` of a recurrence:
        `site=liver+lung; resectable=yes`; of an assessment after pseudo-neoadjuvant
        chemotherapy (p-NAC): `response=progression; resectable=no`.
    design : Design
        Says which endpoints and which site columns the study has.
    death_without_failure : {"censor", "event"}
        What death before surgical failure (SF) is for the SCP; the paper does not say.
    controlled_unresectable : {"continue", "failure"}
        What an assessment is that finds the tumour controlled by p-NAC yet unresectable.
        The paper calls SF the point at which "the tumor reaches PD after p-NAC and is
        deemed unresectable", both conditions together, so the period continues by
        default; its general sentence ("a recurrence status exceeding additional surgical
        treatments") would make it a failure.
    days_per_month : float, optional
        30 for NCCH, 30.4375 for MSKCC; the design's when left out.

    Returns
    -------
    pandas.DataFrame
        A new frame with `<endpoint>_months` and `<endpoint>_event` (nullable boolean) of
        every endpoint of the design, its site columns (no / yes; without recurrence no), and
        of `recorded.NAMES` those that the design has and the history tells.

    Raises
    ------
    CohortError
        If a history contradicts itself, lacks what the SCP needs, or disagrees with a
        ready column that is filled in.
    ParameterError
        If an argument is none of its choices.

    Notes
    -----
    OS: hepatectomy to death, else last contact. RFS: to the first recurrence or death.
    Hepatic RFS: to the first recurrence with the liver among its sites, or death; not
    known when a recurrence without a site came before. OS after recurrence: from the
    first recurrence; empty without one. `site_extrahepatic`: a first recurrence without
    the liver, since MSKCC counts "multiple sites including liver" as liver.

    SCP: to SF, the earliest of a recurrence that is not resectable and an assessment
    after p-NAC with progression that is not resectable. p-NAC, control, progression that
    can be resected, repeat resection and a later resectable recurrence continue it.

    A patient without any history keeps the ready columns. History of patients who are
    not in `patients` (excluded ones) is passed over; `protocol_deviations` counts both.
    """
    choice("death_without_failure", death_without_failure, ("censor", "event"))
    choice("controlled_unresectable", controlled_unresectable, ("continue", "failure"))
    month = _convention("days_per_month", days_per_month, design)
    n = len(patients)
    line = timeline.build(_ids(patients), history)
    failed = None
    if any(rule and rule.failure for rule in (counting(design, e) for e in design.endpoints)):
        failed = failure_days(line, n, controlled_unresectable == "failure")
    derived = _outcomes(line, n, failed, death_without_failure == "event")
    derived.update(_declared(line, n, failed, design))
    derived.update(_first_sites(line, n))
    derived.update(recorded.recorded(patients, line, history))
    seen = np.zeros(n, dtype=bool)
    seen[line["patient"].to_numpy()] = True
    return _merged(patients, derived, seen, design, month)


def protocol_deviations(
    history: pd.DataFrame,
    design: Design,
    patients: pd.DataFrame | None = None,
    *,
    early_recurrence_months: float | None = None,
    days_per_month: float | None = None,
) -> pd.DataFrame:
    """Counts of what the histories hold that the paper's protocol did not foresee.

    None of it is an error, and none of it changes how an endpoint is derived. A recurrence
    is early when it came less than `early_recurrence_months` after the hepatectomy
    (default: the design's).

    Returns
    -------
    pandas.DataFrame
        `deviation` (text), `n` (patients), `rows` (of the history file, the first few);
        one row a kind, those that did not occur included with 0. With `patients`, also
        what could not be matched between the two tables.

    Raises
    ------
    CohortError
        If a history contradicts itself.
    """
    ids = pd.Index(history["patient_id"].dropna().unique()) if patients is None else _ids(patients)
    line = timeline.build(ids, history)
    found: dict[str, np.ndarray] = {}
    if "SCP" in design.endpoints:
        month = _convention("days_per_month", days_per_month, design)
        early = _convention("early_recurrence_months", early_recurrence_months, design)
        found = _scp_deviations(line, len(ids), early * month)
    table = [
        (text, line["patient"][mask].nunique(), timeline.rows_text(line["row"][mask]))
        for text, mask in found.items()
    ]
    if patients is not None:
        stray = ~history["patient_id"].isin(ids).to_numpy()
        rows = timeline.rows_text(timeline.rows_of(history)[stray])
        unknown = history["patient_id"][stray].nunique()
        table.append(("history of a patient who is not in the table", unknown, rows))
        bare = ~patients["patient_id"].isin(history["patient_id"])
        if "os_months" in patients:
            bare &= patients["os_months"].isna()
        table.append(("patient with neither history nor OS time", int(bare.sum()), ""))
    return pd.DataFrame(table, columns=["deviation", "n", "rows"])


def _outcomes(
    line: pd.DataFrame, n: int, failed: np.ndarray | None, death_is_failure: bool
) -> dict[str, np.ndarray]:
    """Days and events (1, 0, missing) of every endpoint, by column name."""
    died = first_day(line, is_event(line, "death"), n)
    end = np.where(np.isnan(died), first_day(line, is_event(line, "last_contact"), n), died)
    dead = (~np.isnan(died)).astype(float)
    recurred = first_day(line, is_event(line, "recurrence"), n)
    liver = first_day(line, line["site"].str.contains("liver", regex=False), n)
    placeless = first_day(line, is_event(line, "recurrence") & (line["site"] == ""), n)
    hepatic, hepatic_event = _until(liver, end, dead, True)
    unknown = placeless < np.where(np.isnan(liver), np.inf, liver)
    out = {
        "os": (end, dead),
        "rfs": _until(recurred, end, dead, True),
        "hepatic_rfs": (np.where(unknown, np.nan, hepatic), hepatic_event),
        "os_after_recurrence": (end - recurred, dead),
    }
    if failed is not None:
        out["scp"] = _until(failed, end, dead, death_is_failure)
    told: dict[str, np.ndarray] = {}
    for name, (days, event) in out.items():
        told[f"{name}_months"] = days
        told[f"{name}_event"] = np.where(np.isnan(days), np.nan, event)
    return told


def _declared(
    line: pd.DataFrame, n: int, failed: np.ndarray | None, design: Design
) -> dict[str, np.ndarray]:
    """Days and events of the endpoints whose design says what ends them, by column name."""
    recurred = first_day(line, is_event(line, "recurrence"), n)
    died = first_day(line, is_event(line, "death"), n)
    end = np.where(np.isnan(died), first_day(line, is_event(line, "last_contact"), n), died)
    told: dict[str, np.ndarray] = {}
    for name, spec in design.endpoints.items():
        if not {"first_of", "death_of"} & spec.keys():
            continue
        rule = counting(design, name)
        counted = is_event(line, "death") & _of_cause(line, rule.death)
        events = [first_day(line, counted, n)] if rule.death else []
        events += [recurred] if rule.recurrence else []
        events += [failed] if rule.failure and failed is not None else []
        ends = np.fmin.reduce(events)
        days = np.where(np.isnan(ends), end, ends) - (recurred if rule.after else 0.0)
        days[np.isnan(ends) & _unexplained(line, rule.death, n)] = np.nan
        told[f"{name.lower()}_months"] = days
        happened = (~np.isnan(ends)).astype(float)
        told[f"{name.lower()}_event"] = np.where(np.isnan(days), np.nan, happened)
    return told


def _of_cause(line: pd.DataFrame, causes: tuple[str, ...]) -> np.ndarray:
    """Deaths of these causes; all of them where both are named, whatever was written."""
    if len(causes) > 1:
        return np.ones(len(line), dtype=bool)
    known = line["cause"] if "cause" in line else pd.Series("", index=line.index)
    return known.isin(causes).to_numpy()


def _unexplained(line: pd.DataFrame, causes: tuple[str, ...], n: int) -> np.ndarray:
    """Patients whose death has no cause in the history, where the endpoint asks for one."""
    if len(causes) != 1 or "cause" not in line:
        return np.zeros(n, dtype=bool)
    return ~np.isnan(first_day(line, is_event(line, "death") & (line["cause"] == ""), n))


def _until(
    happened: np.ndarray, end: np.ndarray, dead: np.ndarray, death_counts: bool
) -> tuple[np.ndarray, np.ndarray]:
    none = np.isnan(happened)
    return np.where(none, end, happened), np.where(none, dead * death_counts, 1.0)


def failure_days(line: pd.DataFrame, n: int, strict: bool) -> np.ndarray:
    """Day of surgical failure of each patient; missing when there was none.

    `strict`: controlled by p-NAC but unresectable is a failure too. What came after a
    failure may be left unsaid, for it no longer changes anything.
    """
    resectable, response = line["resectable"].to_numpy(), line["response"].to_numpy()
    assessed, recurred = is_event(line, "assessment"), is_event(line, "recurrence")
    controlled = assessed & (response == "control")
    grave = recurred | (assessed & (response == "progression")) | (controlled & strict)
    days = first_day(line, grave & (resectable == "no"), n)
    open_still = ~(line["day"].to_numpy() >= days[line["patient"].to_numpy()])
    unknown = (recurred | assessed) & (resectable == "") & ~(controlled & (not strict))
    unanswered = assessed & (response == "") & (resectable == "no")
    problems: list[str] = []
    timeline.note(problems, line, unknown & open_still, "not said whether it was resectable")
    timeline.note(problems, line, unanswered & open_still, "response to p-NAC not said")
    if problems:
        raise CohortError(
            "The surgically controllable period needs more than the event history holds: "
            f"{'; '.join(problems)}. Add resectable=yes or resectable=no (and, after p-NAC, "
            "response=progression or response=control) to the details of these rows."
        )
    return days


def _scp_deviations(line: pd.DataFrame, n: int, early_days: float) -> dict[str, np.ndarray]:
    """Which rows of the timeline are each deviation from the paper's treatment of recurrence."""
    patient, day = line["patient"].to_numpy(), line["day"].to_numpy()
    recurred, given = is_event(line, "recurrence"), is_event(line, "p_nac")
    assessed = is_event(line, "assessment")
    refused = line["resectable"].to_numpy() == "no"
    response = line["response"].to_numpy()
    onset = first_day(line, recurred, n)
    at_onset = recurred & (day == onset[patient])
    following = first_day(line, recurred & (day > onset[patient]), n)
    treated = np.isin(patient, patient[given & ~(day >= following[patient])])
    unfit = np.isin(patient, patient[at_onset & (line["resectable"] != "yes").to_numpy()])
    # The recurrence a p-NAC answers is the last one above it in the ordered timeline.
    latest = np.maximum.accumulate(np.where(recurred, np.arange(len(line)), 0))
    last_assessed = np.full(n, -1.0)
    np.maximum.at(last_assessed, patient[assessed], day[assessed])
    beyond = first_day(line, refused & (recurred | (response == "progression")), n)[patient]
    return {
        "p-NAC for a recurrence that was not early": given & (day[latest] >= early_days),
        "early resectable recurrence without p-NAC": (
            at_onset & (day < early_days) & ~unfit & ~treated
        ),
        "p-NAC never assessed": given & (day > last_assessed[patient]),
        "controlled by p-NAC, yet unresectable": refused & (response == "control"),
        "p-NAC at or after surgical failure": given & (day >= beyond),
        "resection at or after surgical failure": is_event(line, "resection") & (day >= beyond),
    }


def _first_sites(line: pd.DataFrame, n: int) -> dict[str, np.ndarray]:
    """Sites of the first recurrence (1, 0, missing), all rows of its day together."""
    patient, recurred = line["patient"].to_numpy(), is_event(line, "recurrence")
    first = recurred & (line["day"].to_numpy() == first_day(line, recurred, n)[patient])
    codes, texts = pd.factorize(line["site"].to_numpy()[first])

    def has(*sites: str) -> np.ndarray:
        hit = np.array([not set(str(text).split("+")).isdisjoint(sites) for text in texts], bool)
        found = np.zeros(n)
        found[patient[first][np.isin(codes, np.flatnonzero(hit))]] = 1.0
        return found

    liver, unknown = has("liver"), has("") == 1.0
    outside = has(*(site for site in SITES if site != "liver"))
    flags = {
        "site_liver": liver,
        "site_lung": has("lung"),
        "site_peritoneum": has("peritoneum"),
        "site_extrahepatic": np.where(liver == 1.0, 0.0, outside),
    }
    flags = {name: np.where(unknown & (flag == 0), np.nan, flag) for name, flag in flags.items()}
    flags["site_extrahepatic"][unknown & (liver == 0)] = np.nan
    alone = np.where(unknown, np.nan, liver)
    return {**flags, "site_liver_only": np.where(outside == 1.0, 0.0, alone)}


def _merged(
    patients: pd.DataFrame,
    derived: dict[str, np.ndarray],
    seen: np.ndarray,
    design: Design,
    month: float,
) -> pd.DataFrame:
    """The patients with what their histories say; a filled ready column has to agree."""
    frame = patients.copy()
    keep = {name for endpoint in design.endpoints for name in columns.names_of(endpoint)}
    keep |= {*_SITE_FLAGS, *recorded.NAMES} & set(design.columns)
    for name, values in derived.items():
        if name not in keep:
            continue
        timed = name.endswith("_months")
        values = values / month if timed else values
        ready = np.full(len(frame), np.nan)
        if name in frame:
            ready = _ready(frame, name)
        # Without recurrence there is no time after it: that is knowledge, not a gap.
        known = seen & (~np.isnan(values) | name.startswith("os_after"))
        settled = np.where(known, values, ready)
        _agree(frame, name, ready, settled, month)
        frame[name] = _typed(settled, name)
    return frame


def _ready(frame: pd.DataFrame, name: str) -> np.ndarray:
    if name == "cause_of_death":
        codes = {cause: float(code) for code, cause in enumerate(_CAUSES)}
        return frame[name].astype(object).map(codes).to_numpy(dtype=float, na_value=np.nan)
    if name.endswith("_months") or name == "surgery_year":
        return columns.months(frame, name)
    return columns.binary(frame[name])


def _typed(values: np.ndarray, name: str) -> np.ndarray | pd.api.extensions.ExtensionArray:
    if name.endswith("_months") or name == "surgery_year":
        return values
    if name.endswith("_event"):
        return pd.arrays.BooleanArray(values == 1.0, np.isnan(values))
    codes = np.where(np.isnan(values), -1, values).astype(int)
    levels = _CAUSES if name == "cause_of_death" else ("no", "yes")
    return pd.Categorical.from_codes(codes, categories=list(levels))


def _agree(
    frame: pd.DataFrame, name: str, ready: np.ndarray, settled: np.ndarray, month: float
) -> None:
    wrong = ~np.isnan(ready) & ~(np.abs(ready - settled) <= TOLERANCE + 1e-9)
    if not wrong.any():
        return
    at = int(np.flatnonzero(wrong)[0])
    said = "nothing" if np.isnan(settled[at]) else foreign(_shown(settled[at], name))
    shown = foreign(_shown(ready[at], name))
    unit = f" months of {month:g} days" if name.endswith("_months") else ""
    more = f", and {wrong.sum() - 1} more patients differ" if wrong.sum() > 1 else ""
    raise refusal(
        f"Patient table row {columns.row_numbers(frame)[at]}: {name} is {shown}, but the "
        f"event history gives {said}{unit}{more}. Correct whichever is wrong, or empty {name} "
        "to take it from the history."
    )


def _shown(value: float, name: str) -> str:
    return _CAUSES[int(value)] if name == "cause_of_death" else f"{value:.6g}"


def _ids(patients: pd.DataFrame) -> pd.Index:
    if "patient_id" not in patients:
        raise CohortError("The patient table lacks the column patient_id; a history needs it.")
    ids = pd.Index(patients["patient_id"])
    twice = ids.duplicated(keep=False)
    columns.refuse(patients, twice, "patient_id is used more than once", "Make it unique.")
    return ids


def _convention(name: str, given: float | None, design: Design) -> float:
    value = design.conventions.get(name) if given is None else given
    if value is None or not value > 0:
        raise ParameterError(f"{name} is {value!r}; give a positive number.")
    return float(value)
