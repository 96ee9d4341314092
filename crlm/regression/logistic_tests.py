"""Univariable p values of a logistic table by other tests than Wald's."""

from __future__ import annotations

import pandas as pd
from scipy.stats import fisher_exact

from crlm.regression.engine import upper_tail
from crlm.regression.logit import logistic_fit
from crlm.regression.models import late_note, yes_no
from crlm.regression.terms import complete, encode


def with_fisher(found: pd.DataFrame, frame: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Univariable rows with Fisher's p instead of Wald's where the table is two by two."""
    found = found.copy()
    for name in dict.fromkeys(found["covariate"]):
        tests = (found["covariate"] == name) & (found["statistic"] == "p") & (found["level"] != "")
        cross = pd.crosstab(frame[name], frame[outcome])
        if tests.sum() == 1 and cross.shape == (2, 2):
            found.loc[tests, "estimate"] = float(fisher_exact(cross.to_numpy()).pvalue)
            known = frame[frame[[name, outcome]].notna().all(axis=1)]
            found.loc[tests, "method"] = f"Fisher's exact test, two-sided{late_note(known)}"
    return found


def with_likelihood_ratio(found: pd.DataFrame, frame: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Univariable rows with the likelihood ratio's p of each covariate instead of Wald's.

    Of a factor with more than two levels that of all its levels; each of them keeps Wald's.
    """
    found = found.copy()
    tests = (found["statistic"] == "p") & found["estimate"].notna()
    for name in dict.fromkeys(found["covariate"]):
        own = tests & (found["covariate"] == name)
        own &= (found["level"] == "") if own.sum() > 1 else True
        part = complete(frame, [outcome, name])
        if own.any():
            fit = logistic_fit(yes_no(part[outcome]), encode(part, [name]).x)
            df = int((~fit.collinear).sum())
            found.loc[own, "estimate"] = upper_tail(2 * (fit.loglik - fit.loglik_null), df)
            told = f"logistic regression{late_note(part)}, likelihood ratio test"
            found.loc[own, "method"] = told
    return found
