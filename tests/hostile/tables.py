"""A healthy patient table and history to break, made by arithmetic; no row is a patient."""

from __future__ import annotations

import pandas as pd


def patients(n: int = 40) -> pd.DataFrame:
    """A table of `ncch_scp` with every column filled and nothing wrong, as text."""
    rows = [_patient(i) for i in range(n)]
    return pd.DataFrame(rows).astype(str)


def _patient(i: int) -> dict[str, object]:
    recurred, died = i % 3 > 0, i % 2
    os = 12 + 2 * i
    rfs = os / 2 if recurred else os
    chemo = "yes" if i % 2 else "no"
    return {
        "patient_id": f"P{i:03d}",
        "unresected_extrahepatic": "no",
        "genetic_data": "yes",
        "braf": "wild",
        "ras": "mutant" if i % 4 == 1 else "wild",
        "kras_codon": "codon12" if i % 4 == 1 else "wild",
        "age": 45 + i % 35,
        "sex": "female" if i % 3 else "male",
        "sidedness": "left" if i % 2 else "right",
        "t_stage": "T3-4" if i % 5 else "T1-2",
        "nodal_status": "positive" if i % 2 else "negative",
        "timing": "synchronous" if i % 2 else "metachronous",
        "n_tumours": 1 + i % 6,
        "size_cm": 1.5 + 0.25 * (i % 20),
        "bilobar": "yes" if i % 6 > 2 else "no",
        "preop_chemo": chemo,
        "preop_regimen": "oxaliplatin" if chemo == "yes" else "none",
        "preop_antibody": "none",
        "postop_chemo": "yes" if i % 4 else "no",
        "margin": "positive" if i % 7 == 0 else "negative",
        "cea": 2.5 + 10 * i,
        "ca199": 8 + 5 * i,
        "site_liver": "yes" if recurred else "no",
        "site_lung": "yes" if recurred and i % 2 else "no",
        "site_peritoneum": "no",
        "os_months": os,
        "os_event": died,
        "rfs_months": rfs,
        "rfs_event": int(recurred or died),
        "scp_months": rfs + (os - rfs) / 2,
        "scp_event": int(recurred),
        "hepatic_rfs_months": rfs,
        "hepatic_rfs_event": int(recurred or died),
        "os_after_recurrence_months": os - rfs if recurred else "",
        "os_after_recurrence_event": died if recurred else "",
    }


HISTORY = (
    "patient_id,date,event,details\n"
    "P001,2016-03-01,hepatectomy,\n"
    "P001,2016/8/15,Recurrence,site = Liver + lung; resectable=YES\n"
    "P001,2016-09-01,p-NAC,\n"
    "P001,2016-12-01,assessment,response=PD; resectable=no\n"
    "P001,2018-01-31,death,\n"
    "\n"
    "P002,2017年4月3日,hepatectomy,R0\n"
    "P002,2020-02-29 00:00:00,last contact,\n"
)
