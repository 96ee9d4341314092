"""Time to event described: survival curves, medians, rates, follow-up, tests between groups.

Every function takes the analysis frame of `endpoints.derive`: one row a patient with `time`
(months, >= 0), `event` (True = observed) and, if patients came under observation late, `entry`
(months, < time). At risk at t are those with entry < t <= time; an entry of 0 is no late entry.
Groups are `column=level` in the order of the categories (joint groups `kras=wild,hai=yes`);
levels without patients do not appear, and patients with a missing level are in no group.

Times that differ by less than a rounding error are one time, by the rule of R's `aeqSurv`:
sqrt(machine epsilon), absolute or relative to the mean of the distinct times.

References: Kaplan & Meier, JASA 1958;53:457; Greenwood 1926; Brookmeyer & Crowley, Biometrics
1982;38:29; Kalbfleisch & Prentice, The Statistical Analysis of Failure Time Data, 2002;
Collett, Modelling Survival Data in Medical Research, section 2.4. The numbers are those of
R's `survival` 3.5-3.

Examples
--------
Six patients, four of whom died, by treatment:

>>> import pandas as pd
>>> frame = pd.DataFrame({"time": [6.0, 13, 21, 30, 31, 37], "arm": list("ababab")})
>>> frame["event"] = [True, True, False, True, False, True]
>>> rows = kaplan_meier(frame, times=[12, 24])
>>> rows[["statistic", "time", "estimate"]].round(1).iloc[1:].to_dict("split")["data"]
[['median_survival', nan, 30.0], ['survival_rate', 12.0, 83.3], ['survival_rate', 24.0, 66.7]]
>>> logrank(frame, "arm")["estimate"].round(2).tolist()  # chi-square and p
[0.08, 0.78]
"""

from crlm.survival.curves import curve, kaplan_meier, risk_table
from crlm.survival.followed import follow_up
from crlm.survival.ranks import logrank
from crlm.survival.rates import rates
from crlm.survival.restricted import from_month, landmark, rmst, whole_horizon
from crlm.survival.summaries import by_level, rate_difference, summary
from crlm.survival.turnbull import turnbull

__all__ = [
    "by_level",
    "curve",
    "follow_up",
    "from_month",
    "kaplan_meier",
    "landmark",
    "logrank",
    "rate_difference",
    "rates",
    "risk_table",
    "rmst",
    "summary",
    "turnbull",
    "whole_horizon",
]
