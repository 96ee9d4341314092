"""What the columns of one patient must say about each other: one rule an entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd

from crlm.ledger import Design

#: Months by which two times may contradict each other through rounding alone.
ROUNDING = 0.1


@dataclass(frozen=True)
class Rule:
    """A statement about a row that must not be true.

    Attributes
    ----------
    columns : tuple of str
        What it needs; the first is the column that is blamed.
    broken : callable
        The patients to a boolean per row, True where the rule is broken; a
        missing value breaks no rule.
    says : str
        What is wrong, to be read behind the values.
    remedy : str
        What to do.
    confirmable : bool
        True if `confirm: [column]` in the codebook turns it into a note.
    note : bool
        True if a real table may hold it: reported, never refused.
    """

    columns: tuple[str, ...]
    broken: Callable[[pd.DataFrame], pd.Series]
    says: str
    remedy: str
    confirmable: bool = False
    note: bool = False


def _later(early: str, late: str, says: str) -> Rule:
    return Rule(
        (early, late),
        lambda patients: patients[early] > patients[late] + ROUNDING,
        says,
        "Check both dates, and that both columns are in the same unit.",
    )


def _counts_death(event: str, says: str) -> Rule:
    return Rule(
        (event, "os_event"),
        lambda patients: _yes(patients["os_event"]) & _no(patients[event]),
        f"the patient died, but {event} does not count the death",
        f"{says} If most rows are listed, one of the two columns is coded the other way round "
        f"(`values: {{1: 0, 0: 1}}`); if follow-up for recurrence ended earlier, set "
        f"`confirm: [{event}]` in the codebook.",
        confirmable=True,
    )


def _site_without_recurrence(site: str) -> Rule:
    return Rule(
        (site, "rfs_event"),
        lambda patients: _is(patients[site], "yes") & _no(patients["rfs_event"]),
        "a site of recurrence without a recurrence",
        "Correct the site or the RFS event.",
    )


def _only_liver(other: str) -> Rule:
    return Rule(
        ("site_liver_only", other),
        lambda patients: _is(patients["site_liver_only"], "yes") & _is(patients[other], "yes"),
        "the liver alone and another site as well",
        "Correct one of the two.",
    )


def _outside_liver(site: str) -> Rule:
    return Rule(
        ("site_liver", "site_extrahepatic", site),
        lambda patients: (
            _is(patients["site_liver"], "no")
            & _is(patients["site_extrahepatic"], "no")
            & _is(patients[site], "yes")
        ),
        "a site outside the liver, but no recurrence outside the liver",
        "Correct one of the three.",
    )


def _liver_and_extrahepatic() -> Rule:
    return Rule(
        ("site_liver", "site_extrahepatic"),
        lambda patients: (
            _is(patients["site_liver"], "yes") & _is(patients["site_extrahepatic"], "yes")
        ),
        "an extrahepatic first recurrence that includes the liver",
        "site_extrahepatic is yes only for a first recurrence without the liver.",
    )


def _drug_without_chemotherapy(drug: str) -> Rule:
    return Rule(
        (drug, "preop_chemo"),
        lambda patients: (
            patients[drug].notna()
            & ~_is(patients[drug], "none")
            & _is(patients["preop_chemo"], "no")
        ),
        "a preoperative drug without preoperative chemotherapy",
        "Correct one of the two, or leave the drug empty.",
    )


def _without_hai(time: str) -> Rule:
    return Rule(
        (time, "hai"),
        lambda patients: patients[time].notna() & _is(patients["hai"], "no"),
        "a time of HAI for a patient without HAI",
        "Leave it empty, or correct `hai`.",
    )


def _zero(time: str) -> Rule:
    return Rule(
        (time,),
        lambda patients: patients[time] == 0,
        "time 0: death, recurrence or last contact on the day of surgery",
        "Allowed. Check that 0 does not stand for unknown.",
        note=True,
    )


def _is(column: pd.Series, level: str) -> pd.Series:
    return column.astype(object) == level


def _yes(event: pd.Series) -> pd.Series:
    return event.fillna(False).astype(bool)


def _no(event: pd.Series) -> pd.Series:
    return (~event).fillna(False).astype(bool)


def _score_contradicts(patients: pd.DataFrame) -> pd.Series:
    """A clinical risk score that its five known parts do not give (Fong 1999, Ann Surg 230:309)."""
    parts = [
        _is(patients["nodal_status"], "positive").where(patients["nodal_status"].notna()),
        (patients["dfi_months"] < 12).where(patients["dfi_months"].notna()),
        (patients["n_tumours"] > 1).where(patients["n_tumours"].notna()),
        (patients["size_cm"] > 5).where(patients["size_cm"].notna()),
        (patients["cea"] > 200).where(patients["cea"].notna()),
    ]
    computed = pd.concat([part.astype(float) for part in parts], axis=1).sum(axis=1, skipna=False)
    return patients["crs"].notna() & computed.notna() & (patients["crs"] != computed)


RULES: tuple[Rule, ...] = (
    _later("rfs_months", "os_months", "RFS is longer than OS"),
    _later("rfs_months", "hepatic_rfs_months", "RFS is longer than hepatic RFS"),
    _later("hepatic_rfs_months", "os_months", "hepatic RFS is longer than OS"),
    _later("scp_months", "os_months", "SCP is longer than OS"),
    _later("rfs_months", "scp_months", "SCP ends before the first recurrence"),
    Rule(
        ("entry_months", "os_months"),
        lambda patients: patients["entry_months"] >= patients["os_months"],
        "observation begins when it ends, or later",
        "Check both; leave the entry empty if observation began at surgery.",
    ),
    Rule(
        ("entry_months", "rfs_months"),
        lambda patients: (
            (patients["entry_months"] >= patients["rfs_months"])
            & ~(patients["entry_months"] >= patients.get("os_months", float("inf")))
        ),
        "the recurrence was before observation began",
        "Allowed. The patient counts for OS and not for RFS.",
        note=True,
    ),
    _counts_death("rfs_event", "RFS counts recurrence or death: set it to 1."),
    _counts_death("hepatic_rfs_event", "Hepatic RFS counts the death: set it to 1."),
    Rule(
        ("rfs_months", "os_months", "rfs_event"),
        lambda patients: (
            _no(patients["rfs_event"]) & (patients["rfs_months"] < patients["os_months"] - ROUNDING)
        ),
        "without recurrence, yet RFS ends before OS",
        "Allowed. Follow-up for recurrence may have ended before the last contact.",
        note=True,
    ),
    Rule(
        ("hepatic_rfs_event", "rfs_event"),
        lambda patients: _yes(patients["hepatic_rfs_event"]) & _no(patients["rfs_event"]),
        "a liver recurrence or death that RFS does not count",
        "Correct one of the two.",
    ),
    Rule(
        ("scp_event", "rfs_event"),
        lambda patients: _yes(patients["scp_event"]) & _no(patients["rfs_event"]),
        "surgical failure without a recurrence",
        "Correct one of the two.",
    ),
    Rule(
        ("os_after_recurrence_months", "rfs_event"),
        lambda patients: (
            patients["os_after_recurrence_months"].notna() & _no(patients["rfs_event"])
        ),
        "a time after recurrence without a recurrence",
        "Leave it empty for patients without recurrence.",
    ),
    Rule(
        ("os_after_recurrence_months", "os_months", "rfs_months"),
        lambda patients: (
            (
                patients["os_months"]
                - patients["rfs_months"]
                - patients["os_after_recurrence_months"]
            ).abs()
            > 2 * ROUNDING
        ),
        "is not OS minus RFS",
        "Check the three times.",
    ),
    Rule(
        ("os_after_recurrence_event", "os_event"),
        lambda patients: (patients["os_after_recurrence_event"] != patients["os_event"]).fillna(
            False
        ),
        "dead in one column and alive in the other",
        "Correct one of the two.",
    ),
    Rule(
        ("multiple", "n_tumours"),
        lambda patients: (
            (_is(patients["multiple"], "yes") & (patients["n_tumours"] == 1))
            | (_is(patients["multiple"], "no") & (patients["n_tumours"] > 1))
        ),
        "one of them says solitary, the other multiple",
        "Correct one of the two.",
    ),
    Rule(
        ("crs", "nodal_status", "dfi_months", "n_tumours", "size_cm", "cea"),
        _score_contradicts,
        "is not what its five parts give (node-positive, interval < 12 months, more than one "
        "tumour, > 5 cm, CEA > 200)",
        "Correct the score or a part, or set `confirm: [crs]` if it was taken at another time.",
        confirmable=True,
    ),
    Rule(
        ("hai_timing", "hai"),
        lambda patients: patients["hai_timing"].notna() & _is(patients["hai"], "no"),
        "a setting of HAI for a patient without HAI",
        "Leave it empty, or correct `hai`.",
    ),
    *(_without_hai(time) for time in ("hai_start_months", "hai_stop_months")),
    Rule(
        ("hai", "hai_start_months"),
        lambda patients: (
            _is(patients["hai"], "yes")
            & patients["hai_start_months"].isna()
            # An empty column waits for the history.
            & patients["hai_start_months"].notna().any()
        ),
        "HAI without the time at which it began",
        "Allowed. Analyses that need its start leave these patients out or assume one.",
        note=True,
    ),
    _later("hai_start_months", "hai_stop_months", "HAI ends before it begins"),
    _later("hai_start_months", "os_months", "HAI begins after the last contact or the death"),
    _later("hai_stop_months", "os_months", "HAI ends after the last contact or the death"),
    Rule(
        ("hai_start_months", "rfs_months", "rfs_event"),
        lambda patients: (
            _yes(patients["rfs_event"]) & (patients["hai_start_months"] > patients["rfs_months"])
        ),
        "HAI began after the recurrence",
        "Allowed. Until it began it counts as no HAI.",
        note=True,
    ),
    _later(
        "last_negative_months",
        "rfs_months",
        "an examination without recurrence after the recurrence or the end of follow-up",
    ),
    Rule(
        ("cause_of_death", "os_event"),
        lambda patients: patients["cause_of_death"].notna() & _no(patients["os_event"]),
        "a cause of death for a patient who lives",
        "Correct one of the two; leave the cause empty for the living.",
    ),
    _drug_without_chemotherapy("preop_regimen"),
    _drug_without_chemotherapy("preop_antibody"),
    Rule(
        ("preop_regimen", "preop_chemo"),
        lambda patients: (
            _is(patients["preop_regimen"], "none") & _is(patients["preop_chemo"], "yes")
        ),
        "preoperative chemotherapy without a regimen",
        "Name the regimen, or leave it empty if it is not known.",
    ),
    Rule(
        ("kras_codon", "ras"),
        lambda patients: (
            patients["kras_codon"].notna()
            & patients["ras"].notna()
            & (_is(patients["kras_codon"], "wild") != _is(patients["ras"], "wild"))
        ),
        "the codon contradicts the RAS status",
        "Correct one of the two.",
    ),
    Rule(
        ("dfi_months", "timing"),
        lambda patients: (
            (_is(patients["timing"], "synchronous") & (patients["dfi_months"] > 0))
            | (_is(patients["timing"], "metachronous") & (patients["dfi_months"] == 0))
        ),
        "the interval and the timing speak of different things",
        "Allowed. Synchronous counts as an interval of 0 where the interval is empty.",
        note=True,
    ),
    Rule(
        ("site_liver_only", "site_liver"),
        lambda patients: (
            _is(patients["site_liver_only"], "yes") & _is(patients["site_liver"], "no")
        ),
        "the liver alone, but not the liver",
        "Correct one of the two.",
    ),
    *(_only_liver(site) for site in ("site_lung", "site_peritoneum", "site_extrahepatic")),
    *(_outside_liver(site) for site in ("site_lung", "site_peritoneum")),
    _liver_and_extrahepatic(),
    *(
        _site_without_recurrence(site)
        for site in (
            "site_liver",
            "site_liver_only",
            "site_lung",
            "site_peritoneum",
            "site_extrahepatic",
        )
    ),
    Rule(
        ("size_cm",),
        lambda patients: patients["size_cm"] == 0,
        "0 cm is not the size of a metastasis",
        "Allowed. If it stands for unknown or for no viable tumour, leave it empty.",
        note=True,
    ),
    Rule(
        ("age",),
        lambda patients: patients["age"] == 0,
        "0 years: a newborn, or an age that is not known",
        "Allowed. If it stands for unknown, leave it empty.",
        note=True,
    ),
    *(_zero(time) for time in ("os_months", "rfs_months", "scp_months", "hepatic_rfs_months")),
)


def rules_of(design: Design) -> Iterator[Rule]:
    """What a design asks besides: of numbers per doubling, and of its own endpoints beside OS.

    None ends after death; one that death ends counts it; a death of a cause is a death.
    """
    folded = {spec["source"]: name for name, spec in design.scaled.items() if "fold" in spec}
    for column, name in folded.items():
        yield _above_nought(column, design.label(name))
    if "OS" not in design.endpoints:
        return
    for name, spec in design.endpoints.items():
        time, event = f"{name.lower()}_months", f"{name.lower()}_event"
        own = not spec.get("after") and ("first_of" in spec or "death_of" in spec)
        if not own or {time, event} & _WITH_RULES:
            continue
        yield _zero(time)
        yield _later(time, "os_months", f"{name} is longer than OS")
        if "death" in spec.get("first_of", ()):
            yield _counts_death(event, f"{name} counts death: set it to 1.")
        if "death_of" in spec:
            yield _a_death(event)


def _above_nought(column: str, label: str) -> Rule:
    return Rule(
        (column,),
        lambda patients: patients[column] <= 0,
        f"nothing doubles from there, and the study has {label}",
        "Correct it, or leave it empty if it stands for a value below what can be measured.",
    )


def _a_death(event: str) -> Rule:
    return Rule(
        (event, "os_event"),
        lambda patients: _yes(patients[event]) & _no(patients["os_event"]),
        f"the patient lives, but {event} counts a death",
        "Correct one of the two.",
    )


_WITH_RULES = frozenset(name for rule in RULES for name in rule.columns)
