"""The methods of a run, in sentences fit to be pasted into a manuscript."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata

from crlm import __version__
from crlm.report.manuscript import analyses, patients, supplement
from crlm.report.manuscript.citing import paper
from crlm.report.manuscript.done import Done, listed
from crlm.report.provenance import differences, kept

_PACKAGES = ("numpy", "pandas", "scipy", "survival", "statsmodels", "lifelines")
#: What no table and no row can tell. The authors must.
_NOT_KNOWN = (
    "This report does not know, and cannot say for its authors: where and when the patients were "
    "treated, and until when they were followed; who approved the study, and on what consent; how "
    "mutations and measurements were determined, and by whom; how treatment was chosen and given; "
    "why values are missing; how many patients were planned, and why; who paid; and whether these "
    "analyses were planned before the data were seen."
)


@dataclass(frozen=True)
class Paragraph:
    """One paragraph of methods: a heading, and its sentences."""

    heading: str
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """The sentences one after the other."""
        return " ".join(self.sentences)


def methods(done: Done) -> list[Paragraph]:
    """The methods of a run for the main text: the paper's own analyses, paragraph by paragraph.

    Those about nothing are left out; what goes beyond is in `further`. Every sentence is made
    from the run's rows and choices: another tie rule, cut-off, selection or landmark gives
    another sentence.

    Parameters
    ----------
    done : Done

    Returns
    -------
    list of Paragraph
    """
    made = [
        Paragraph(heading, tuple(text for make in makers for text in make(done)))
        for heading, makers in _PARAGRAPHS.items()
    ]
    return [paragraph for paragraph in made if paragraph.sentences]


def further(done: Done) -> list[Paragraph]:
    """The methods of everything else for a supplement, a paragraph an entry of the report."""
    return [Paragraph(name, tuple(told)) for name, told in supplement.entries(done).items()]


def not_known(done: Done) -> Paragraph:
    """What no run can tell of its patients, and the authors must."""
    return Paragraph("To be said by the authors", (_NOT_KNOWN,))


def _origin(done: Done) -> list[str]:
    return [f"The analysis repeats that of: {paper(done.design)}."]


def _differences(done: Done) -> list[str]:
    told = differences(done.design, done.chosen)
    tables = _other_tests(done)
    same = kept(done.design, done.chosen) if not tables else ""
    return [text for text in (told or same, *tables, _unstated(done)) if text]


def _other_tests(done: Done) -> list[str]:
    """Tests of Table 1 that are not those that the design names."""
    wanted, rows = done.design.table_one, done.characteristics
    rows = rows[(rows["statistic"] == "p") & rows["estimate"].notna()]
    chi = rows["method"].str.contains("chi-square")
    fisher = rows["method"].str.contains("exact test")
    used = {"chi-square": chi.any(), "fisher": fisher.any()}
    name = wanted["categorical_test"].removesuffix("-yates")
    other = [test for test in used if test != name and used[test]]
    if not other or used[name]:
        return []
    names = {"chi-square": "the chi-square test", "fisher": "Fisher's exact test"}
    whose = "the paper has" if wanted.get("tests_stated", True) else "the paper is taken to have"
    return [f"Categories were compared by {names[other[0]]} where {whose} {names[name]}."]


def _unstated(done: Done) -> str:
    names = done.design.conventions.get("unstated", ())
    told = [f"{_WORDS.get(name, name.replace('_', ' '))}" for name in names]
    software = str(done.design.conventions.get("software", ""))
    told = (["its software"] if software == "not stated" else []) + told
    if not told:
        return ""
    return f"The paper does not state {listed(told, 'or')}; what its numbers fit was taken."


_WORDS: Mapping[str, str] = {
    "ties": "its rule for tied times",
    "conf_type": "the scale of its confidence limits",
    "median_rule": "its rule for medians",
    "interaction_test": "the test behind its p values for interaction",
    "multivariable_p": "the test behind its multivariable p values",
    "incidence_limits": "how limits of cumulative incidences were made",
    "percent_limits": "how limits of percentages were made",
    "rate_limits": "how limits of incidence rates were made",
    "rate_test": "how rates were compared",
    "odds_limits": "how limits of odds ratios were made",
    "univariable_p": "the test behind its univariable p values",
    "stay_p": "the p value that keeps a covariate in the model",
    "death_without_failure": "what a death without surgical failure is",
    "short_scp_censored": "what becomes of patients censored before a period is short",
    "follow_up": "how follow-up was summarised",
}


def _software(done: Done) -> list[str]:
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    python = f"Python {platform.python_version()} ({', '.join(found)})"
    alpha = "P values are two-sided; none is corrected for multiple tests."
    return [f"Analyses were done with crlm {__version__} on {python}.", alpha]


def _beyond(done: Done) -> list[str]:
    told = supplement.in_one_sentence(supplement.entries(done), done.sample)
    return [told] if told else []


_PARAGRAPHS: Mapping[str, tuple[Callable[[Done], list[str]], ...]] = {
    "Patients": (_origin, patients.cohort),
    "Outcomes": (patients.endpoints,),
    "Characteristics": (patients.cut_offs, patients.characteristics),
    "Missing values": (patients.missing,),
    "Survival": (analyses.curves,),
    "Models": (analyses.regression, _beyond),
    "Changed from the paper": (_differences,),
    "Software": (_software,),
}
