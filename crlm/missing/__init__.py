"""Missing values: where they are, completed tables by chained equations, and their pooling.

`pattern`: what is missing, in whom. `impute`: completed tables. `pool`, `rubin`: the results of
completed tables as one. `replaced`: a table with some columns anew. `moved`: the flag that
complete cases give another answer.
`nelson_aalen`: the cumulative hazard that the chain predicts from.

References: van Buuren S, Groothuis-Oudshoorn K. J Stat Softw 2011;45(3). White IR, Royston P.
Stat Med 2009;28:1982 (event and cumulative hazard as predictors). Rubin DB. Multiple Imputation
for Nonresponse in Surveys, 1987. Barnard J, Rubin DB. Biometrika 1999;86:948.

Examples
--------
Three completed tables gave three estimates, each with its variance:

>>> import numpy as np
>>> mean, variance, df = rubin(np.array([0.5, 0.7, 0.6]), np.full(3, 0.04), n=100, k=2)
>>> round(mean, 2), round(variance, 4)
(0.6, 0.0533)
"""

from crlm.missing.chain import impute, nelson_aalen, replaced
from crlm.missing.patterns import pattern
from crlm.missing.pooling import moved, pool, rubin

__all__ = ["impute", "moved", "nelson_aalen", "pattern", "pool", "replaced", "rubin"]
