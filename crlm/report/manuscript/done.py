"""What a run did, read off its result rows: which analyses there are, by which methods."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from crlm.ledger import Design, small
from crlm.naming import describe

_NUMBERS = r"(\d[\d,]*) of (\d[\d,]*) patients"


@dataclass(frozen=True)
class Done:
    """A run, as far as its rows and its choices tell.

    Attributes
    ----------
    design : Design
        With the cut-offs of the run.
    rows : pandas.DataFrame
        All result rows (`ledger.ROW_COLUMNS`): what is told of the patients is told from them.
    kind, cohort : str
        Kind of cohort (`cohort.origin`), and its title, maybe empty.
    chosen : mapping
        The parameters of the run.
    rules : mapping
        What became of endpoints: `death_without_failure`, `short_scp_months`,
        `short_scp_censored`, `entered_late`, as far as they were asked for.
    sample : str
        Whom the further analyses are on, where that is a sample: `a random 20,000 of the
        1,000,000 patients`.
    """

    design: Design
    rows: pd.DataFrame
    kind: str = "own"
    cohort: str = ""
    chosen: Mapping[str, Any] = field(default_factory=dict)
    rules: Mapping[str, Any] = field(default_factory=dict)
    sample: str = ""

    def of(self, **keys: str | Sequence[str]) -> pd.DataFrame:
        """The rows whose keys have these values, or one of them."""
        found = self.rows
        for name, value in keys.items():
            found = found[found[name].isin([value] if isinstance(value, str) else list(value))]
        return found

    def has(self, **keys: str | Sequence[str]) -> bool:
        """Whether there is such a row."""
        return not self.of(**keys).empty

    def methods(self, **keys: str | Sequence[str]) -> list[str]:
        """How such rows were computed, each method once, in their order."""
        return [text for text in dict.fromkeys(self.of(**keys)["method"]) if text]

    def words(self, name: str, level: str = "") -> str:
        """A column or factor, or one of its levels, within a sentence and without its unit."""
        keys = {"endpoint": "", "population": "all", "group": "all", "model": "", "time": None}
        row = {**keys, "covariate": name, "level": level, "statistic": "n"}
        return small(describe(row, self.design))

    @property
    def flow(self) -> dict[str, float]:
        """Patients left after, or excluded by, each criterion."""
        found = self.of(covariate="flow")
        return dict(zip(found["level"], found["estimate"], strict=True))

    @property
    def late(self) -> bool:
        """Whether somebody came under observation late."""
        return bool(self.rows["method"].str.contains("late entry", regex=False).any())

    @property
    def endpoints(self) -> list[str]:
        """The times to an event that some row is about, in the design's order."""
        told = set(self.rows["endpoint"])
        return [name for name in self.design.endpoints if name in told]

    @property
    def characteristics(self) -> pd.DataFrame:
        """Rows of tables of characteristics: no endpoint but the site of recurrence, no model."""
        found = self.of(endpoint=["", "first_recurrence"], model="")
        return found[~found["covariate"].isin(["", "flow"])]

    def cases(self, method: str) -> tuple[int, int] | None:
        """Patients in a model and in its frame, out of the method of its size row."""
        found = re.search(_NUMBERS, method)
        return (int(found[1].replace(",", "")), int(found[2].replace(",", ""))) if found else None


def listed(items: Iterable[str], last: str = "and") -> str:
    """`a, b and c`."""
    texts = list(items)
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} {last} {texts[-1]}"
