"""The univariable p of a short SCP table is Fisher's, checked on the one printed value it fits."""

import pandas as pd
import pytest

from crlm import regression


def test_fisher_replaces_the_wald_p_and_fits_the_printed_one():
    # 29 of 63 RAS mutant and 26 of 87 wild type patients with short SCP: R's fisher.test gives
    # p-value 0.0586601 on matrix(c(61, 26, 34, 29), 2, byrow = TRUE); the paper prints 0.059
    table = pd.DataFrame(
        {
            "ras": ["wild"] * 87 + ["mutant"] * 63,
            "short_scp": ["yes"] * 26 + ["no"] * 61 + ["yes"] * 29 + ["no"] * 34,
        }
    )
    table["ras"] = pd.Categorical(table["ras"], categories=["wild", "mutant"])
    table["short_scp"] = pd.Categorical(table["short_scp"], categories=["no", "yes"])
    rule = regression.rule(["ras"], selection="fixed", fixed=["ras"], univariable_p="fisher")
    found = regression.logistic_table(table, "short_scp", rule)
    p = found[(found["statistic"] == "p") & (found["model"] == "univariable")].iloc[0]
    assert p.method == "Fisher's exact test, two-sided"
    assert round(p.estimate, 3) == pytest.approx(0.059)
