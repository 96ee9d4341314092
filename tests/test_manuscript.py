"""What a manuscript takes from a run: sentences that follow the choices, citations, checklists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

from crlm import ledger, regression, render
from crlm.ledger.vocabulary import CONF_TYPES, MEDIAN_RULES, SELECTIONS
from crlm.paper import Paper
from crlm.report import html, manuscript
from crlm.report.manuscript import analyses, citing, supplement
from crlm.survival.product_limit import CONF, RULE
from tests import cells

ROOT = Path(__file__).parents[1]
LISTS = sorted((ROOT / "crlm" / "templates" / "checklists").glob("*.toml"))
HAI = ledger.load_design("mskcc_hai")
QUICK = {**cells.QUICK, "specifications": 0}


def written(study, monkeypatch, **values):
    """The methods of a run, by heading."""
    namespace, _ = cells.execute(study, monkeypatch, paint=False, **{**QUICK, **values})
    paper = namespace["paper"]
    done = manuscript.Done(
        paper.design,
        paper.results,
        paper.source["kind"],
        chosen=paper.chosen,
        rules={**paper.rules, "entered_late": paper.entered_late},
    )
    made = [*manuscript.methods(done), *manuscript.further(done), manuscript.not_known(done)]
    return {one.heading: one.text for one in made}


MAIN = ("Patients", "Outcomes", "Characteristics", "Missing values", "Survival", "Models")
MAIN += ("Changed from the paper", "Software")


@pytest.fixture(scope="module")
def hai():
    """Methods of the shipped cohort with the paper's choices."""
    with pytest.MonkeyPatch.context() as patch:
        return written("mskcc_hai", patch)


def test_the_papers_choices_in_sentences(hai):
    assert (
        "Of 2,690 patients in the table 674 were analysed; left out were 2,016" in hai["Patients"]
    )
    assert "Recurrence-free survival (RFS) was counted from hepatectomy to" in hai["Outcomes"]
    assert "disease-free interval < 12 months" in hai["Characteristics"]
    assert "Pearson's chi-square test (no continuity correction)" in hai["Characteristics"]
    assert "most of all extrahepatic disease (331 of 674 patients, 49 %)" in hai["Missing values"]
    told = "(RFS 328 of 674, OS 328 of 674). Missing values were not replaced in the main analyses"
    assert told in hai["Missing values"]
    assert "95 % limits are on the log-log scale; the median is the first time" in hai["Survival"]
    assert "reverse Kaplan-Meier" in hai["Survival"]
    assert "Efron's rule" in hai["Models"] and "Breslow" not in hai["Models"]
    assert (
        "candidates with p < 0.05 alone (Wald test) entered a backward selection, which kept those "
        "with p < 0.05" in hai["Models"]
    )
    assert "event-free at month 2.76 or 6." in hai["Start of treatment"]
    told = "Every choice of analysis that the paper states is the paper's."
    assert hai["Changed from the paper"].startswith(told)
    assert "does not state its software, its rule for tied times" in hai["Changed from the paper"]
    assert "synthetic" in hai["Patients"]


#: Every choice otherwise than in the paper, and the sentence that must tell it.
OTHER = {
    "ties": "breslow",
    "conf_type": "log",
    "median_rule": "midpoint",
    "dfi_cutoff": 6.0,
    "entry_p": 0.2,
    "stay_p": 0.1,
    "univariable_p": "lr",
    "landmark_months": 9.0,
    "tau_months": 24.0,
    "bootstrap_samples": 3,
    "seed": 5,
}


@pytest.fixture(scope="module")
def otherwise():
    with pytest.MonkeyPatch.context() as patch:
        return written("mskcc_hai", patch, **OTHER)


@pytest.mark.parametrize(
    ("heading", "told"),
    [
        ("Models", "Breslow's rule for tied times"),
        ("Survival", "limits are on the log scale; where the curve is flat at one half"),
        ("Characteristics", "disease-free interval < 6 months"),
        ("Models", "p < 0.2 alone (likelihood ratio test) entered a backward selection"),
        ("Models", "kept those with p < 0.1"),
        ("Start of treatment", "event-free at month 2.76 or 9."),
        ("Tests of the printed models", "up to month 24 (OS) and 24 (RFS)"),
        ("Tests of the printed models", "in 3 bootstrap samples of patients, seed 5"),
        (
            "Changed from the paper",
            "7 choices differ from the paper's, or from what was taken for it: ",
        ),
        ("Changed from the paper", "ties breslow (not stated, efron taken)"),
    ],
)
def test_another_choice_is_another_sentence(hai, otherwise, heading, told):
    assert told in otherwise[heading] and told not in hai[heading]


def test_the_rules_of_the_controllable_period(monkeypatch):
    found = written("ncch_scp", monkeypatch, bootstrap_samples=0, ties="efron")
    told = found["Outcomes"]
    assert "censored at the death, which the paper does not state" in told
    assert "below 12 months was called short; patients censored before that were counted" in told
    assert "bootstrap" not in found["Tests of the printed models"]
    assert "other choices" not in found["Tests of the printed models"]
    assert "Efron's rule" in found["Models"] and "(log-rank test) entered" in found["Models"]
    assert "the multivariable model was fixed beforehand: RAS, " in found["Models"]


def test_other_rules_of_the_controllable_period(monkeypatch):
    values = {"short_scp_months": 18.0, "short_scp_censored": "exclude", "size_cutoff": 3.0}
    found = written("ncch_scp", monkeypatch, death_without_failure="event", **values)
    told = found["Outcomes"]
    assert "surgical failure was counted as a failure." in told
    assert "A period below 18 months was called short; patients censored before that were" in told
    assert "were left out of that comparison." in told
    assert "largest liver metastasis > 3 cm" in found["Characteristics"]


def test_a_criterion_that_cannot_be_checked_excludes_nobody_and_is_told():
    flow = {"covariate": "flow", "statistic": "n", "method": "“X” cannot be checked: no kras"}
    rows = [("start", 9.0), ("kras_known", 9.0), ("kras_known_excluded", float("nan"))]
    made = ledger.rows([{**flow, "level": level, "estimate": n} for level, n in rows])
    (paragraph, *_) = manuscript.methods(manuscript.Done(HAI, made))
    assert "9 were analysed. “X” cannot be checked: no kras." in paragraph.text


def test_patients_of_unknown_group_are_counted_and_are_no_analysis():
    row = {"covariate": "hai", "statistic": "missing", "model": "left out", "estimate": 3.0}
    done = manuscript.Done(HAI, ledger.rows([row]))
    told = {one.heading: one.text for one in manuscript.methods(done)}
    assert (
        "3 patients of unknown adjuvant HAI are left out of comparisons by it."
        in told["Missing values"]
    )
    assert "Further analyses are" not in "".join(told.values())
    assert manuscript.further(done) == []


def test_no_model_is_said_to_hold_nothing():
    words = regression.rule(["ras"], selection="enter").words()
    assert analyses._selection(f"no multivariable model: none was chosen ({words})").endswith(
        "entered the multivariable model; none did"
    )


@pytest.mark.parametrize("selection", SELECTIONS)
def test_every_selection_has_its_sentence(selection):
    rule = regression.rule(["ras"], selection=selection, fixed=["ras"], univariable_p="score")
    words = analyses._selection(f"Cox, Efron ties; complete cases: 3 of 4 patients; {rule.words()}")
    assert "complete cases" not in words
    assert ("score test" in words) == (selection in ("enter", "backward"))


def test_every_scale_and_median_has_its_sentence():
    for conf_type in CONF_TYPES:
        late = " for rates, median CI as SPSS (median +- z SE)" if conf_type == "spss" else ""
        for rule in MEDIAN_RULES:
            text = f"Kaplan-Meier, {CONF[conf_type]}{late}, {RULE[rule]}"
            row = {"statistic": "median_survival", "endpoint": "OS", "method": text}
            told = analyses.curves(manuscript.Done(HAI, ledger.rows([row])))[0]
            assert told.count(";") == 2 and "95 % limits" in told, told


def test_no_analysis_is_passed_over_in_silence():
    rows = ledger.rows([{"model": "brand_new", "statistic": "hazard_ratio", "method": "by magic"}])
    told = supplement.entries(manuscript.Done(HAI, rows))
    assert told == {"Other analyses": ["Also computed: brand new (by magic)."]}
    row = {
        "model": "att weighted",
        "statistic": "risk_difference",
        "method": "hai=yes minus hai=no",
    }
    assert supplement.entries(manuscript.Done(HAI, ledger.rows([row]))) == {
        "Comparable patients": [
            "Those without treatment were weighted to be like those with it (HAI minus no HAI)."
        ]
    }


def test_methods_of_a_supplement_hold_no_result_of_one_endpoint():
    told = supplement._Told()
    assert [
        told.brief(method)
        for method in (
            "Turnbull's curve of intervals, the median lies between months 6.033 and 6.267, no "
            "limits",
            "empirical Bayes over 3 levels, variance between them 0 (their differences are no "
            "larger than chance: all lie on the mean), normal CI",
            "Weibull model of intervals (124 between visits, 2 on a known day)",
            "time-dependent covariate (362 of 674 patients ever had it)",
        )
    ] == [
        "Turnbull's curve of intervals, no limits",
        "empirical Bayes over 3 levels, normal CI",
        "Weibull model of intervals",
        "time-dependent covariate",
    ]


def test_a_methods_section_is_short_and_the_rest_stands_in_the_supplement(hai):
    main = [hai[heading] for heading in MAIN]
    assert 300 <= sum(len(text.split()) for text in main) <= 520
    assert "Further analyses are described in the supplement." in hai["Models"]
    assert "Comparable patients" in hai and "Competing risks and states" in hai


def test_a_supplement_says_once_what_models_share(hai):
    entries = {name: text for name, text in hai.items() if name not in MAIN}
    told = " ".join(entries.values())
    assert told.count("propensity: logistic on spline of age") == 1
    assert told.count("left out, not in this table") <= 1
    assert "adjusted for the same" in entries["Start of treatment"]
    assert "complete cases:" not in told and " df " not in told
    assert "Also computed" not in told


def test_every_model_of_a_report_has_its_entry(monkeypatch):
    found = written("ncch_scp", monkeypatch)
    assert "Other analyses" not in found and "Also computed" not in " ".join(found.values())


def test_what_a_report_cannot_know_is_said(hai):
    told = hai["To be said by the authors"]
    for what in ("approved", "followed", "planned", "why values are missing"):
        assert what in told


def test_an_empty_run_has_methods_too():
    done = manuscript.Done(HAI, ledger.rows([]))
    headings = [one.heading for one in manuscript.methods(done)]
    assert headings[0] == "Patients" and "Models" not in headings


# ---- how to cite ------------------------------------------------------------


def test_the_report_cites_as_the_citation_file_does():
    held = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    software = citing.software()
    for part in (held["title"], str(held["version"]), held["license"], held["authors"][0]["name"]):
        assert part in software
    papers = {entry["doi"]: entry for entry in held["references"]}
    for study in ledger.studies():
        told = citing.paper(ledger.load_design(study))
        entry = papers[re.search(r"doi:(\S+)$", told)[1]]
        assert entry["title"].lower().rstrip(".") in told.lower()
        assert entry["journal"] in told and str(entry["year"]) in told
        for author in entry["authors"][:3]:
            assert author["family-names"] in told


def test_a_run_is_cited_with_its_patients_and_choices():
    source = {"kind": "public", "path": "", "title": "A collection", "note": "Licence CC BY 4.0."}
    done = manuscript.Done(HAI, ledger.rows([]), "public", chosen={"ties": "breslow"})
    told = manuscript.citations(done, source)
    assert "The patients: A collection. Licence CC BY 4.0." in told
    assert "ties breslow (not stated, efron taken)" in told[-1] and "mskcc_hai" in told[-1]
    assert len(manuscript.citations(done, {**source, "kind": "own"})) == 3


# ---- checklists -------------------------------------------------------------


def entries(path):
    return tomllib.loads(path.read_text(encoding="utf-8"))["item"]


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_every_item_says_where_or_whose_or_why_not(path):
    for entry in entries(path):
        assert set(entry) <= {"number", "asks", "at", "found", "authors", "never"}
        assert ("at" in entry) == ("found" in entry)
        assert {"at", "authors", "never"} & set(entry)
        assert not [call for call in entry.get("at", ()) if not hasattr(Paper, call)], entry
        assert not entry["asks"].endswith(".")


def test_no_item_is_left_out():
    numbers = {path.stem: [entry["number"] for entry in entries(path)] for path in LISTS}
    strobe = [re.match(r"\d+", number)[0] for number in numbers["strobe"]]
    assert list(dict.fromkeys(strobe)) == [str(n) for n in range(1, 23)]
    assert numbers["strobe"].count("12e") == 1 and len(numbers["strobe"]) == 33
    assert numbers["remark"] == [str(n) for n in range(1, 21)]
    wanted = {"Eligibility", "Strategies", "Assignment", "Time zero", "Outcomes", "Estimand"}
    assert wanted | {"Assumptions"} <= set(numbers["target"])


def answers(rows, kind="reconstructed", design=HAI):
    places = manuscript.Places(ROOT / "notebooks" / f"{design.study}.ipynb")
    found = manuscript.checklists(manuscript.Done(design, rows, kind), places)
    return {(one.name, item.number): item for one in found for item in one.items}


def test_what_has_no_rows_is_not_said_to_be_in_the_report():
    flow = {"covariate": "flow", "level": "start", "statistic": "n", "estimate": 5.0}
    nothing, something = answers(ledger.rows([])), answers(ledger.rows([flow]))
    assert nothing["STROBE", "13a"].status == "authors"
    assert something["STROBE", "13a"].headings == ("Patients",)
    assert something["STROBE", "13a"].status == "partly"
    assert "does not hold it" in nothing["REMARK", "16"].answer


def test_other_patients_are_asked_whether_effects_agree():
    rows = ledger.rows([])
    assert answers(rows)["STROBE", "21"].status == "authors"
    assert "Do the effects agree?" in answers(rows, "own")["STROBE", "21"].headings


def test_a_marker_imitates_no_trial():
    assert ("TARGET", "Estimand") in answers(ledger.rows([]))
    ncch = ledger.load_design("ncch_scp")
    assert not [key for key in answers(ledger.rows([]), design=ncch) if key[0] == "TARGET"]


def test_the_call_shows_it_folded_with_links_to_headings_that_are_there(monkeypatch):
    namespace, shown = cells.execute("ncch_scp", monkeypatch, paint=False, **QUICK)
    before = len(shown)
    section = namespace["paper"].for_the_manuscript()
    pieces = shown[before:]
    assert section.rows.empty
    assert [piece.html.startswith("<details") for piece in pieces] == [True, False]
    assert len(pieces[0].piece.pieces) == 6
    page = "".join(piece.html for piece in pieces)
    linked = set(re.findall(r'class="place" href="#([^"]*)"', page))
    notebook = nbformat.read(ROOT / "notebooks" / "ncch_scp.ipynb", as_version=4)
    known = re.findall(r'<h[23][^>]*\bid="([^"]+)"', render.render(notebook))
    assert len(linked) > 15 and linked <= {html.escape(name) for name in known}
    held = [line for piece in pieces[0].piece.pieces for line in lines_of(piece)]
    assert any("Endpoints" in line.links for line in held)


def lines_of(piece):
    return [line for one in piece.pieces for line in getattr(one, "body", ())]


def test_a_link_into_nothing_is_plain_words():
    shown = html.table(
        "T", ["a", "b"], [("", ["x", html.Linked("See Gone & Here.", ("Gone & Here",))])]
    )
    assert '<a class="place" href="#Gone-&amp;-Here">Gone &amp; Here</a>.' in shown.html
    lost = render._leading_somewhere(f'<h2 id="There">There</h2>{shown.html}')
    assert "<a" not in lost and "See Gone &amp; Here." in lost
    kept = render._leading_somewhere(f'<h2 id="Gone-&amp;-Here">x</h2>{shown.html}')
    assert 'href="#Gone-&amp;-Here"' in kept


def test_a_notebook_that_cannot_be_read_links_nothing(tmp_path):
    broken = tmp_path / "x.ipynb"
    broken.write_text("{")
    assert manuscript.Places(broken).of("patients") == []
    assert manuscript.Places(tmp_path / "none.ipynb").of("patients") == []
    assert manuscript.Places().of("patients") == []
