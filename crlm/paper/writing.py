"""What the authors of a manuscript take from a run."""

from __future__ import annotations

from crlm import home
from crlm.ledger import rows as result_rows
from crlm.paper.base import Section
from crlm.paper.chapter.sampling import Sampling
from crlm.report import manuscript


class Writing(Sampling):
    """Methods, citations and checklists, made from everything that stands above."""

    def for_the_manuscript(self) -> Section:
        """Methods to paste, how to cite, and where each item of the reporting checklists stands.

        Stands behind all analyses: what has left no row by then is not told.
        """
        rules = {**getattr(self, "rules", {}), "entered_late": getattr(self, "entered_late", "")}
        done = manuscript.Done(
            design=self.design,
            rows=self.results,
            kind=self.source["kind"],
            cohort=self.source["title"],
            chosen=self.chosen,
            rules=rules,
            sample=self.sample.words if self.sample else "",
        )
        places = manuscript.Places(home.notebooks().get(self.study))
        shown, told = manuscript.pieces(done, self.source, places)
        return self.section(result_rows([]), shown, told)
