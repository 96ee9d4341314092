"""Published clinical scores for resected colorectal liver metastases.

Each function takes a patient table in canonical columns and returns one number a
patient; where a needed value is missing the score is missing, never a lower bound.
Scores describe the patient before hepatectomy: size, number and tumour markers taken
after chemotherapy weaken them (Ayez et al. 2011, doi 10.1245/s10434-011-1819-8).

Cut-offs: diameter in cm, CEA in ng/mL, CA19-9 in U/mL, disease-free interval in months.

Examples
--------
>>> patients = pd.DataFrame({"nodal_status": ["positive", "negative"], "cea": [250.0, 5.0]})
>>> patients = patients.assign(dfi_months=[0.0, 24.0], n_tumours=[3, 1], size_cm=[6.0, 2.0])
>>> crs(patients).tolist(), tbs(patients).round(2).tolist()
([5.0, 0.0], [6.71, 2.24])
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from crlm.ledger import CohortError
from crlm.refusals import foreign, refusal, refuse_rows

#: A diameter beyond this, in cm, is a diameter in mm.
MAX_DIAMETER_CM = 30.0


def crs(patients: pd.DataFrame) -> pd.Series:
    """Fong's clinical risk score, 0 to 5 points; 3 and more is the usual high-risk group.

    One point each: node-positive primary, disease-free interval < 12 months, more than
    one tumour, largest diameter > 5 cm, CEA > 200 ng/mL. Synchronous metastases have an
    interval of 0. Patient by patient, where the interval is empty `timing` answers for it,
    and where `n_tumours` is empty `multiple` does; `cohort.stand_ins` says for how many.

    Parameters
    ----------
    patients : pandas.DataFrame
        With `nodal_status`, `dfi_months`, `n_tumours` or `multiple`, `size_cm`, `cea`;
        `timing` if known.

    Returns
    -------
    pandas.Series
        Float, on the patients' index, named `crs`.

    Raises
    ------
    CohortError
        If a column is absent, a diameter exceeds 30 cm or a category is not known.

    References
    ----------
    Fong Y, et al. Ann Surg 1999;230:309-321. doi 10.1097/00000658-199909000-00004
    """
    points = (
        _is(patients, "nodal_status", "positive", "negative")
        + _point(_interval(patients) < 12, _interval(patients))
        + _multiple(patients)
        + _above(_size(patients), 5)
        + _above(_number(patients, "cea"), 200)
    )
    return points.rename("crs")


def beppu(patients: pd.DataFrame) -> pd.Series:
    """Points of the Beppu nomogram for disease-free survival, 0 to 25.

    Synchronous metastases 3; node-positive primary 3; tumours 1 / 2-4 / 5 and more
    0 / 4 / 9; largest diameter > 5 cm 2; extrahepatic metastasis at hepatectomy 4;
    CA19-9 > 100 U/mL 4.

    Parameters
    ----------
    patients : pandas.DataFrame
        With `timing`, `nodal_status`, `n_tumours`, `size_cm`, `extrahepatic`, `ca199`. A
        liver-only cohort has no `extrahepatic`: `patients.assign(extrahepatic="no")`.

    Returns
    -------
    pandas.Series
        Float, on the patients' index, named `beppu`.

    Raises
    ------
    CohortError
        If a column is absent, a diameter exceeds 30 cm or a category is not known.

    References
    ----------
    Beppu T, et al. J Hepatobiliary Pancreat Sci 2012;19:72-84.
    doi 10.1007/s00534-011-0460-z
    """
    number = _number(patients, "n_tumours")
    points = (
        3 * _is(patients, "timing", "synchronous", "metachronous")
        + 3 * _is(patients, "nodal_status", "positive", "negative")
        + 4 * _point(number >= 2, number)
        + 5 * _point(number >= 5, number)
        + 2 * _above(_size(patients), 5)
        + 4 * _is(patients, "extrahepatic", "yes", "no")
        + 4 * _above(_number(patients, "ca199"), 100)
    )
    return points.rename("beppu")


def game(patients: pd.DataFrame) -> pd.Series:
    """Genetic And Morphological Evaluation (GAME) score, 0 to 7; 0-1 low, 2-3 medium, 4+ high.

    KRAS mutation 1; CEA >= 20 ng/mL 1; node-positive primary 1; tumour burden score 3 to
    < 9 1, >= 9 2; extrahepatic disease 2. NRAS does not count.

    Parameters
    ----------
    patients : pandas.DataFrame
        With `cea`, `nodal_status`, `n_tumours`, `size_cm`, `extrahepatic`, and KRAS as
        `kras` or, where that is empty, `kras_codon` (codons 12 and 13 are KRAS mutant;
        "other" may be NRAS and stays unknown). `ras` alone does not tell KRAS from NRAS:
        then the score is missing for all, for counting only the wild-type patients would
        select them.

    Returns
    -------
    pandas.Series
        Float, on the patients' index, named `game`.

    Raises
    ------
    CohortError
        If a column is absent, a diameter exceeds 30 cm or a category is not known.

    References
    ----------
    Margonis GA, et al. Br J Surg 2018;105:1210-1220. doi 10.1002/bjs.10838
    """
    cea = _number(patients, "cea")
    points = (
        _kras(patients)
        + _point(cea >= 20, cea)
        + _is(patients, "nodal_status", "positive", "negative")
        + (tbs_zone(patients) - 1)
        + 2 * _is(patients, "extrahepatic", "yes", "no")
    )
    return points.rename("game")


def m_cs(patients: pd.DataFrame) -> pd.Series:
    """Modified clinical score (m-CS), 0 to 3 points.

    One point each: node-positive primary, RAS (KRAS or NRAS) mutation, largest
    metastasis > 5 cm.

    Parameters
    ----------
    patients : pandas.DataFrame
        With `nodal_status`, `ras`, `size_cm`. `kras` wild type does not make RAS wild
        type, so `kras` is not taken for `ras`.

    Returns
    -------
    pandas.Series
        Float, on the patients' index, named `m_cs`.

    Raises
    ------
    CohortError
        If a column is absent, a diameter exceeds 30 cm or a category is not known.

    References
    ----------
    Brudvik KW, et al. Ann Surg 2019;269:120-126. doi 10.1097/SLA.0000000000002319
    """
    points = (
        _is(patients, "nodal_status", "positive", "negative")
        + _is(patients, "ras", "mutant", "wild")
        + _above(_size(patients), 5)
    )
    return points.rename("m_cs")


def tbs(patients: pd.DataFrame) -> pd.Series:
    """Tumour burden score: the root of (largest diameter in cm)^2 + (number of tumours)^2.

    Equal sums of squares give equal scores, to the last bit: 2.2 cm and 2 tumours tie with
    2.8 cm and 1.

    Parameters
    ----------
    patients : pandas.DataFrame
        With `size_cm` and `n_tumours`.

    Returns
    -------
    pandas.Series
        Float, on the patients' index, named `tbs`.

    Raises
    ------
    CohortError
        If a column is absent or a diameter exceeds 30 cm.

    References
    ----------
    Sasaki K, et al. Ann Surg 2018;267:132-141. doi 10.1097/SLA.0000000000002064
    """
    squares = _size(patients) ** 2 + _number(patients, "n_tumours") ** 2
    # Diameters have two decimals at most, their squares four: what lies beyond is rounding.
    return np.sqrt(squares.round(9)).rename("tbs")


def tbs_zone(patients: pd.DataFrame) -> pd.Series:
    """Zone of the tumour burden score: 1 (< 3), 2 (3 to < 9) or 3 (>= 9).

    Parameters, errors and reference as for `tbs`; the cut-offs are those for colorectal
    metastases (other tumours have others). Returned as float, named `tbs_zone`.
    """
    burden = tbs(patients)
    return (1 + _point(burden >= 3, burden) + _point(burden >= 9, burden)).rename("tbs_zone")


#: Each score with the columns it cannot do without; alternatives are joined by "|".
SCORES: dict[str, tuple[Callable[[pd.DataFrame], pd.Series], tuple[str, ...]]] = {
    "crs": (crs, ("nodal_status", "dfi_months", "n_tumours|multiple", "size_cm", "cea")),
    "beppu": (
        beppu,
        ("timing", "nodal_status", "n_tumours", "size_cm", "extrahepatic", "ca199"),
    ),
    "game": (
        game,
        ("kras|kras_codon", "cea", "nodal_status", "n_tumours", "size_cm", "extrahepatic"),
    ),
    "m_cs": (m_cs, ("nodal_status", "ras", "size_cm")),
    "tbs": (tbs, ("size_cm", "n_tumours")),
    "tbs_zone": (tbs_zone, ("size_cm", "n_tumours")),
}


def add(patients: pd.DataFrame) -> pd.DataFrame:
    """The patients with every score whose inputs the table holds.

    A score that the table already has (a hospital's own `crs`) is kept as it is; it is
    computed only where the whole column is empty. A column that is wholly empty counts as
    absent.

    Raises
    ------
    CohortError
        If a diameter exceeds 30 cm or a category is not known.
    """
    frame = patients.copy()
    for name, (score, needed) in SCORES.items():
        if _holds(patients, name) or not all(_holds(patients, column) for column in needed):
            continue
        frame[name] = score(patients)
    return frame


def _holds(patients: pd.DataFrame, alternatives: str) -> bool:
    names = [name for name in alternatives.split("|") if name in patients]
    return any(patients[name].notna().any() for name in names)


def _column(patients: pd.DataFrame, name: str) -> pd.Series:
    if name not in patients:
        raise CohortError(f"This score needs the column {name}, which the table lacks; add it.")
    return patients[name]


def _number(patients: pd.DataFrame, name: str) -> pd.Series:
    try:
        return _column(patients, name).astype(float)
    except (TypeError, ValueError) as error:
        raise refusal(f"{name} must hold numbers: {foreign(error)}.") from None


def _size(patients: pd.DataFrame) -> pd.Series:
    size = _number(patients, "size_cm")
    beyond = np.flatnonzero(size > MAX_DIAMETER_CM)
    if len(beyond):
        whole = pd.api.types.is_integer_dtype(patients.index)
        rows = (patients.index[beyond] if whole else beyond) + 2
        refuse_rows(
            rows,
            f"size_cm is {foreign(f'{size.iloc[beyond[0]]:g}')}; above {MAX_DIAMETER_CM:g} cm "
            f"it is taken for millimetres ({len(beyond)} patients)",
            "Divide by 10, or name the unit mm in the codebook.",
        )
    return size


def _is(patients: pd.DataFrame, name: str, yes: str, no: str, *others: str) -> pd.Series:
    """1 where the category is `yes`, 0 where it is `no`, missing where it is not known."""
    values = _column(patients, name).astype(object)
    points = pd.Series(np.nan, index=patients.index).mask(values == yes, 1.0)
    points = points.mask(values == no, 0.0)
    strange = values[points.isna() & values.notna() & ~values.isin(others)]
    if len(strange):
        held = foreign(repr(strange.iloc[0]))
        raise refusal(f"{name} holds {held}; this score knows {no} and {yes}.")
    return points


def _point(met: pd.Series, source: pd.Series) -> pd.Series:
    return met.astype(float).where(source.notna())


def _above(values: pd.Series, cut: float) -> pd.Series:
    return _point(values > cut, values)


def _interval(patients: pd.DataFrame) -> pd.Series:
    interval = _number(patients, "dfi_months")
    if "timing" not in patients:
        return interval
    synchronous = patients["timing"].astype(object) == "synchronous"
    return interval.mask(interval.isna() & synchronous, 0.0)


def _multiple(patients: pd.DataFrame) -> pd.Series:
    if "multiple" not in patients:
        return _above(_number(patients, "n_tumours"), 1)
    told = _is(patients, "multiple", "yes", "no")
    if "n_tumours" not in patients:
        return told
    return _above(_number(patients, "n_tumours"), 1).fillna(told)


def _kras(patients: pd.DataFrame) -> pd.Series:
    """1 where KRAS is mutated, 0 where it is wild type, as far as the table tells."""
    mutated = pd.Series(np.nan, index=patients.index)
    if "kras" in patients:
        mutated = _is(patients, "kras", "mutant", "wild")
    elif not {"ras", "kras_codon"} & set(patients):
        _column(patients, "kras")
    if "kras_codon" in patients:
        codon = patients["kras_codon"].astype(object)
        grouped = codon.mask(codon.isin(["codon12", "codon13"]), "mutant")
        told = _is(patients.assign(kras_codon=grouped), "kras_codon", "mutant", "wild", "other")
        mutated = mutated.fillna(told)
    return mutated
