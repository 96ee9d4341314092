"""A third paper begins: what `crlm new` lays out loads, runs and overwrites nothing."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from crlm import (
    audit,
    cli,
    cli_study,
    cohort,
    comparison,
    endpoints,
    home,
    ledger,
    reconstruction,
    run,
    starting,
)
from crlm.ledger import DesignError, LedgerError, ParameterError
from crlm.paper import Paper
from crlm.starting import new_study, words_of_the_files
from tests.hand_written import ROOT, Ledger, copied, edit

STUDY = "dfs_trial"
ENDS = (".md", ".ipynb")


@pytest.fixture
def place(tmp_path, monkeypatch):
    data, notebooks = tmp_path / "data", tmp_path / "notebooks"
    notebooks.mkdir()
    shutil.copytree(ROOT / "data", data, ignore=shutil.ignore_patterns("private"))
    monkeypatch.setenv("CRLM_DATA", str(data))
    return data, notebooks


def test_studies_of_ones_own_lie_beside_their_notebooks(tmp_path, monkeypatch, capsys):
    """They went into the checkout's notebooks wherever `CRLM_DATA` said that studies are."""
    monkeypatch.setenv("CRLM_DATA", str(tmp_path / "mine" / "data"))
    assert cli.main(["new", STUDY]) == 0
    lines = capsys.readouterr().out.splitlines()[:6]
    assert lines[0] == f"{STUDY}/design.toml" and lines[-1] == f"notebooks/{STUDY}.ipynb"
    assert all((tmp_path / "mine" / "notebooks" / f"{STUDY}{end}").is_file() for end in ENDS)
    assert not any((ROOT / "notebooks" / f"{STUDY}{end}").exists() for end in ENDS)
    # `jupytext --sync` found no pair there.
    pairing = (ROOT / "notebooks" / "jupytext.toml").read_text(encoding="utf-8")
    made = tmp_path / "mine" / "notebooks" / "jupytext.toml"
    assert made.read_text(encoding="utf-8") == pairing
    assert run.notebook_path(STUDY) == tmp_path / "mine" / "notebooks" / f"{STUDY}.ipynb"
    assert run.notebook_path("ncch_scp") == ROOT / "notebooks" / "ncch_scp.ipynb"
    assert cli.main(["ledger", STUDY]) == 0
    capsys.readouterr()
    assert cli.main(["run"]) == 2
    told = capsys.readouterr().err
    assert f"No study of {STUDY} has a cohort yet" in told and "--cohort FILE" in told


def test_an_installed_crlm_asks_where_studies_are_to_lie(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(home, "_SHIPPED", tmp_path)
    monkeypatch.delenv("CRLM_DATA", raising=False)
    assert cli.main(["new", STUDY]) == 2
    assert "export CRLM_DATA=my_studies/data" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


def table(path, n=120):
    rng = np.random.default_rng(3)
    months = np.round(rng.exponential(50, n) + 1, 1)
    frame = pd.DataFrame(
        {
            "patient_id": [f"p{i}" for i in range(n)],
            "treated": rng.choice(["no", "yes"], n),
            "age": rng.integers(30, 85, n),
            "sex": rng.choice(["male", "female"], n),
            "size_cm": np.round(np.exp(rng.normal(1, 0.5, n)), 1),
            "os_months": np.minimum(months, 90.0),
            "os_event": (months < 90).astype(int),
            "rfs_months": np.round(np.minimum(months, 90.0) * 0.6, 1),
            "rfs_event": 1,
        }
    )
    frame.to_csv(path, index=False)


def code_cells(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_what_is_laid_out_loads_and_holds_every_key(place):
    new_study(STUDY, *place)
    design, claims = ledger.load_design(STUDY), ledger.load_claims(STUDY)
    assert reconstruction.wishes_of(design)
    assert set(claims["kind"]) == {"number", "direction"}
    assert not (audit.audit(design, claims).findings["verdict"] == "inconsistent").any()
    for schema, name in (
        (ledger.design_schema(), "design.toml"),
        (reconstruction.wishes_schema(), "reconstruction.toml"),
    ):
        text = (place[0] / STUDY / name).read_text(encoding="utf-8")
        missing = {f"{row.table} {row.key}" for row in schema if f"{row.key} =" not in text}
        # These two open tables of their own, `columns` is one.
        assert missing <= {" columns"}, missing


def test_a_data_folder_of_ones_own_takes_the_columns_that_crlm_brings_along(place):
    """Every command after `crlm new` ended at a missing data/columns.toml."""
    (place[0] / "columns.toml").unlink()
    new_study(STUDY, *place)
    assert ledger.load_design(STUDY).label("age") == "Age"
    own = '[age]\ntype = "number"\nlabel = "Years of life"\n'
    (place[0] / "columns.toml").write_text(own, encoding="utf-8")
    assert ledger.dictionary_file().parent == place[0]


def test_its_notebook_runs_on_a_table_and_is_short(place, tmp_path, capsys):
    new_study(STUDY, *place)
    table(tmp_path / "table.csv")
    cells = code_cells(place[1] / f"{STUDY}.ipynb")
    lines = [line for cell in cells for line in cell.splitlines() if line.strip()]
    assert len(lines) <= 60
    names = {"__name__": "notebook"}
    for cell in cells:
        cell = cell.replace('cohort_path: str = ""', f"cohort_path: str = {str(tmp_path)!r}")
        exec(cell.replace(str(tmp_path), str(tmp_path / "table.csv")), names)
    rows = names["paper"].results
    assert {"hazard_ratio", "median_survival", "rmst_difference"} <= set(rows["statistic"])
    told = capsys.readouterr().out
    assert "Traceback" not in told and "Table 2: Overall survival" in told


def test_a_study_after_another_keeps_its_design(place):
    new_study("another", *place, like="mskcc_hai")
    design, model = ledger.load_design("another"), ledger.load_design("mskcc_hai")
    assert design.models == model.models and design.study == "another"
    claims = (place[0] / "another" / "published.csv").read_text(encoding="utf-8")
    assert claims.count("\n") == 1


def test_nothing_is_overwritten_and_nothing_is_left_behind(place):
    new_study(STUDY, *place)
    before = sorted(path.name for path in place[0].iterdir())
    with pytest.raises(ParameterError, match="is there already"):
        new_study(STUDY, *place)
    for name in ("No Name", "my-study", "../x", "2024study", "x" * 41, ""):
        with pytest.raises(ParameterError, match="small letters, digits and _, .* 40 at most"):
            new_study(name, *place)
    with pytest.raises(DesignError, match="no study 'nope'"):
        new_study("fresh", *place, like="nope")
    assert sorted(path.name for path in place[0].iterdir()) == before


def test_the_ledger_tells_what_feeds_nothing():
    design = ledger.load_design("mskcc_hai")
    told = "\n".join(cli_study.describe(design, ledger.load_claims("mskcc_hai")))
    assert told.startswith("441 claims")
    assert "The search leaves out: 53 claims" in told and "Every claim joins a result." in told


def test_the_ledger_names_what_the_search_aims_at_in_vain(tmp_path, monkeypatch):
    """The guide said that the search names contradictions itself; it named none of six."""
    folder = copied("ncch_scp", tmp_path)
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    design, claims = ledger.load_design("ncch_scp"), ledger.load_claims("ncch_scp")
    wrong = claims["id"].str.contains("t2-os-ras-mutant-mv-hr") & (claims["field"] == "conf_low")
    assert wrong.sum() == 1
    low = claims.loc[wrong, "id"].iloc[0]
    claims.loc[wrong, ["value", "printed"]] = 4.76, "4.76"
    told = [line for line in cli_study.describe(design, claims) if low in line]
    assert sum("3.37 does not lie between 4.76 and 6.47" in line for line in told) == 1
    edit(folder / "reconstruction.toml", r"^\[excluded\]", f'[excluded]\n{low} = "misprint"')
    edit(folder / "reconstruction.toml", r"^\[\[screened\]\].*?(?=^\[columns)", "")
    told = list(cli_study.describe(design, claims))
    assert f"  {low}: misprint" in told and not any("does not lie" in line for line in told)
    (flow,) = (line for line in told if "has nobody who was left out" in line)
    assert "re-flow-hepatectomy-n" in flow


@pytest.mark.parametrize("more", [[], ["--ensemble", "2"]])
def test_a_search_names_first_what_it_aims_at_in_vain(tmp_path, monkeypatch, capsys, more):
    """`crlm ledger` alone named contradictions that no excluded claim settles."""
    folder = copied("ncch_scp", tmp_path)
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))

    def begin(study, *_, **__):
        raise LedgerError(f"{study} begins")

    monkeypatch.setattr("crlm.reconstruction.reconstruct", begin)
    monkeypatch.setattr("crlm.reconstruction.ensemble", begin)
    command = ["reconstruct", "ncch_scp", *more]
    assert cli.main(command) == 2
    assert "contradiction" not in capsys.readouterr().err
    rows = Ledger(folder / "published.csv")
    low = next(r for r in rows.rows if "t2-os-ras-mutant-mv-hr" in r[0] and "conf_low" in r)[0]
    rows.change({"id": low}, value="4.76", printed="4.76")
    assert cli.main(command) == 2
    told = capsys.readouterr().err
    first, second = told.index("The search aims at 1 contradiction"), told.index("ncch_scp begins")
    assert low in told[first:second] and "3.37 does not lie between" in told[first:second]
    assert len(told[first:second].splitlines()) <= 4


def test_a_study_without_a_cohort_says_what_to_do(place):
    new_study(STUDY, place[0], place[1])
    done = subprocess.run(
        [sys.executable, "-m", "crlm.cli", "run", STUDY],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 2
    assert "has no cohort yet" in done.stderr and "Traceback" not in done.stderr


def test_the_guide_lists_the_words_as_the_programme_knows_them():
    guide = (ROOT / "docs" / "third-paper.md").read_text(encoding="utf-8")
    assert guide.endswith(words_of_the_files())


def test_a_commented_key_that_holds_a_table_of_lists_is_a_table(place):
    """It was `[[{}]]`, which the file refuses."""
    new_study(STUDY, *place)
    held = {name: (place[0] / STUDY / name).read_text("utf-8") for name in starting._FILES}
    assert "# groups = {}  #" in held["design.toml"]
    assert "# knots = {}  #" in held["reconstruction.toml"]
    assert '# products = [["..."]]  #' in held["design.toml"]


def test_its_notebook_reads_curves_where_the_paper_prints_them(place, tmp_path):
    """Once rates at other months, and all patients' curves, were "not estimable in this cohort"."""
    new_study(STUDY, *place)
    table(tmp_path / "table.csv")
    path = place[0] / STUDY / "published.csv"
    text = path.read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("re-os-60"))
    year = row.replace("re-os-60", "re-os-12").replace(",60,%", ",12,%")
    of_all = year.replace("re-os-12", "re-os-all").replace("treated=yes", "all")
    path.write_text(text + f"{year}\n{of_all}\n", encoding="utf-8")
    names = {"__name__": "notebook"}
    for cell in code_cells(place[1] / f"{STUDY}.ipynb"):
        told = str(tmp_path / "table.csv")
        exec(cell.replace('cohort_path: str = ""', f"cohort_path: str = {told!r}"), names)
    paper = names["paper"]
    # Nobody is followed for 60 months to a recurrence.
    assert paper.months("OS") == [12, 60] and paper.months("RFS") == [12]
    verdicts = comparison.compare(paper.results, paper.claims).set_index("id")
    assert "no result" not in set(verdicts.loc[["re-os-12", "re-os-60", "re-os-all"], "verdict"])


def test_an_endpoint_that_a_table_lacks_is_passed_over_by_the_printed_curves(place, tmp_path):
    """Its notebook ended in a KeyError where print splits such an endpoint's curves."""
    new_study(STUDY, *place)
    path = place[0] / STUDY / "published.csv"
    row = next(r for r in path.read_text("utf-8").splitlines() if r.startswith("re-os-60"))
    more = row.replace("re-os-60", "re-rfs-60").replace(",OS,", ",RFS,")
    path.write_text(
        path.read_text("utf-8") + more.replace("treated=yes", "sex=male") + "\n", "utf-8"
    )
    table(tmp_path / "whole.csv")
    whole = pd.read_csv(tmp_path / "whole.csv")
    whole.drop(columns=["rfs_months", "rfs_event"]).to_csv(tmp_path / "less.csv", index=False)
    for name in ("whole", "less"):
        paper = Paper(STUDY, str(tmp_path / f"{name}.csv"))
        paper.patients()
        paper.endpoints()
        assert ("RFS" in paper.frames) == (name == "whole")
        for by, among in paper.printed_curves("RFS"):
            made = paper.curves("RFS", by=by, population=among)
            assert (by, len(made.rows) > 0) == ("sex", name == "whole")


@pytest.mark.parametrize(("rule", "method"), [("linear", "linear"), ("weibull", "weibull")])
def test_quartiles_of_table_one_follow_the_design(place, tmp_path, rule, method):
    """`quantile_rule` was accepted and used nowhere."""
    new_study(STUDY, *place)
    path = place[0] / STUDY / "design.toml"
    text = path.read_text(encoding="utf-8").replace('spread = "range"', 'spread = "iqr"')
    text = text.replace('# quantile_rule = "..."', f'quantile_rule = "{rule}"')
    path.write_text(text, encoding="utf-8")
    table(tmp_path / "table.csv", 61)
    paper = Paper(STUDY, str(tmp_path / "table.csv"))
    paper.patients()
    paper.endpoints()
    made = paper.table_one("treated", spread="iqr").rows
    ages = pd.read_csv(tmp_path / "table.csv").query("treated == 'yes'")["age"]
    row = made[(made["statistic"] == "q1") & (made["group"] == "treated=yes")]
    found = row.loc[row["covariate"] == "age", "estimate"].iloc[0]
    assert found == pytest.approx(np.quantile(ages, 0.25, method=method))


# ---- a yes-no outcome, and what the design decides -----------------------------------------------

ODDS = """
[models.early]
covariates = ["treated", "age", "sex"]
selection = "enter"
entry_p = 1.0
published = ["treated"]

[columns.early]
type = "category"
levels = ["no", "yes"]
role = "outcome"
label = "Recurrence within 6 months"

[columns.centre]
type = "category"
levels = ["A", "B"]
role = "baseline"
label = "Centre"
"""
NO_HISTORY = pd.DataFrame(columns=["patient_id", "date", "event", "details"])
NUMBER = {"kind": "number", "operator": "=", "field": "estimate", "population": "all"}
CLAIMS = [
    {
        "id": "early-or",
        "printed": "1.2",
        "endpoint": "early",
        "group": "all",
        "covariate": "treated",
        "level": "yes",
        "model": "multivariable",
        "statistic": "odds_ratio",
    },
    {
        "id": "early-n",
        "printed": "9",
        "group": "treated=yes",
        "covariate": "early",
        "level": "yes",
        "statistic": "n",
        "unit": "patients",
    },
]


def notebook_run(place, path):
    names = {"__name__": "notebook"}
    for cell in code_cells(place[1] / f"{STUDY}.ipynb"):
        exec(cell.replace('cohort_path: str = ""', f"cohort_path: str = {str(path)!r}"), names)
    return names["paper"]


def with_odds(place, tmp_path):
    """The new study with a model of a column of two levels, and a table of patients."""
    new_study(STUDY, *place)
    folder = place[0] / STUDY
    design = (folder / "design.toml").read_text(encoding="utf-8")
    (folder / "design.toml").write_text(design.replace("[models.OS]", f"{ODDS}\n[models.OS]"))
    claims = pd.read_csv(folder / "published.csv", dtype=str, keep_default_na=False)
    more = [
        NUMBER
        | claim
        | {"place": "table4", "locator": "Table 4", "value": claim["printed"]}
        | {"decimals": str(len(claim["printed"].partition(".")[2]))}
        for claim in CLAIMS
    ]
    pd.concat([claims, pd.DataFrame(more)]).fillna("").to_csv(folder / "published.csv", index=False)
    table(tmp_path / "table.csv")
    frame = pd.read_csv(tmp_path / "table.csv")
    rng = np.random.default_rng(5)
    frame["early"] = rng.choice(["no", "yes"], len(frame))
    frame["centre"] = rng.choice(["A", "B"], len(frame))
    frame.to_csv(tmp_path / "table.csv", index=False)
    return frame


def test_a_model_of_a_yes_no_outcome_has_odds_ratios(place, tmp_path):
    """Once the report stopped at it, by a fault of the program."""
    frame = with_odds(place, tmp_path)
    paper = notebook_run(place, tmp_path / "table.csv")
    rows = paper.results[paper.results["endpoint"] == "early"]
    fit = sm.Logit(
        (frame["early"] == "yes").astype(float),
        sm.add_constant(
            pd.DataFrame(
                {
                    "treated": (frame["treated"] == "yes").astype(float),
                    "age": frame["age"].astype(float),
                    "sex": (frame["sex"] == "female").astype(float),
                }
            )
        ),
    ).fit(disp=0)
    multi = rows[(rows["model"] == "multivariable") & (rows["statistic"] == "odds_ratio")]
    found = multi.set_index("covariate")["estimate"]
    assert found["treated"] == pytest.approx(np.exp(fit.params["treated"]), rel=1e-6)
    assert found["age"] == pytest.approx(np.exp(fit.params["age"]), rel=1e-6)
    verdicts = comparison.compare(paper.results, paper.claims).set_index("id")
    assert verdicts.loc["early-or", "verdict"] != "no result"
    assert (
        verdicts.loc["early-n", "computed"]
        == frame.query("treated == 'yes'")["early"].eq("yes").sum()
    )


def test_the_entry_p_of_a_model_is_that_of_its_design(place, tmp_path):
    """Once a notebook's own 0.05 stood in for it without a word."""
    with_odds(place, tmp_path)
    paper = notebook_run(place, tmp_path / "table.csv")
    assert paper.chosen["entry_p"] == 0.0
    folder = place[0] / STUDY
    text = (folder / "design.toml").read_text(encoding="utf-8")
    (folder / "design.toml").write_text(text.replace("entry_p = 1.0", "entry_p = 1e-9"))
    paper = notebook_run(place, tmp_path / "table.csv")
    rows = paper.results[paper.results["endpoint"] == "early"]
    assert not ((rows["model"] == "multivariable") & (rows["statistic"] == "odds_ratio")).any()


def test_conventions_of_the_design_hold_in_a_new_notebook(place, tmp_path):
    """Once a design with Breslow's rule ran with Efron's, as the notebook said."""
    new_study(STUDY, *place)
    folder = place[0] / STUDY
    text = (folder / "design.toml").read_text(encoding="utf-8")
    (folder / "design.toml").write_text(text.replace('ties = "efron"', 'ties = "breslow"'))
    table(tmp_path / "table.csv")
    paper = notebook_run(place, tmp_path / "table.csv")
    assert paper.ties == "breslow" and paper.chosen["ties"] == "breslow"


def test_a_claim_on_a_column_that_the_table_has_is_not_said_to_lack_it(place, tmp_path):
    with_odds(place, tmp_path)
    paper = Paper(STUDY, str(tmp_path / "table.csv"))
    paper.patients()
    paper.endpoints()
    paper.published()
    reason = paper.verdicts.set_index("id").loc["early-n", "reason"]
    assert reason.startswith("no section of the notebook computes it")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('selection = "enter"', 'selection = "backward"', "for times to an event"),
        ('published = ["treated"]\n', "", "[models.early] published: is missing"),
        (
            'selection = "enter"\nentry_p = 1.0\npublished = ["treated"]\n',
            'selection = "none"\n',
            "",
        ),
    ],
)
def test_a_model_says_what_was_published_unless_it_takes_all(place, tmp_path, old, new, told):
    with_odds(place, tmp_path)
    path = place[0] / STUDY / "design.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    if told:
        with pytest.raises(DesignError) as refused:
            ledger.load_design(STUDY)
        assert told in str(refused.value)
    else:
        assert ledger.load_design(STUDY).models["early"]["published"]


def test_a_ledger_that_was_just_begun_says_how_to_fill_it(place, capsys):
    new_study("fresh", *place, like="mskcc_hai")
    assert cli.main(["ledger", "fresh"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("0 claims") and "crlm ledger import" in told
    assert cli.main(["audit", "fresh"]) == 2
    assert "crlm ledger import" in capsys.readouterr().err


def test_what_was_laid_out_for_the_search_stops_no_ledger(place, capsys):
    """The untouched reconstruction.toml named `treated`, which the design no longer had."""
    new_study(STUDY, *place)
    folder = place[0] / STUDY
    for name in ("design.toml", "published.csv"):
        path = folder / name
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"\btreated\b", "arm", text), encoding="utf-8")
    assert cli.main(["ledger", STUDY]) == 0
    told = capsys.readouterr().out
    assert "16 claims" in told and "still has the invented paper's columns and days" in told
    # A faulty ledger is told alone, and the search refuses as before.
    ledger_file = folder / "published.csv"
    whole = ledger_file.read_text(encoding="utf-8")
    ledger_file.write_text(whole.replace("arm=yes", "arm=ja"), encoding="utf-8")
    assert cli.main(["ledger", STUDY]) == 2
    assert "reconstruction.toml" not in capsys.readouterr().err
    ledger_file.write_text(whole, encoding="utf-8")
    with pytest.raises(DesignError, match="'treated' is no column"):
        reconstruction.wishes_of(ledger.load_design(STUDY))
    # What the reader has changed is the reader's.
    path = folder / "reconstruction.toml"
    text = path.read_text(encoding="utf-8").replace("first = 2010", "first = 2011")
    path.write_text(text, encoding="utf-8")
    assert cli.main(["ledger", STUDY]) == 2
    assert "'treated' is no column" in capsys.readouterr().err


def test_shares_of_unknown_values_are_searched(place):
    new_study(STUDY, *place)
    claim = "x,table1,T,number,3.6,=,3.6,1,estimate,,all,treated=yes,age,,,percent_missing,,%,,,\n"
    with (place[0] / STUDY / "published.csv").open("a", encoding="utf-8") as ledger_file:
        ledger_file.write(claim)
    design, claims = ledger.load_design(STUDY), ledger.load_claims(STUDY)
    aim = reconstruction.goal(design, claims, {})
    mine = [target.quantity for target in aim.targets if "x" in target.claims]
    assert [(quantity.part, quantity.columns) for quantity in mine] == [
        ("percent_missing", ("age=",))
    ]
    assert "x" not in "\n".join(cli_study.describe(design, claims)).split()


@pytest.mark.parametrize("declared", [True, False])
def test_deaths_of_one_cause_follow_from_os_and_the_cause(place, tmp_path, declared):
    """Once such an endpoint was "no, needs css_months" beside a table that has both."""
    new_study(STUDY, *place)
    path = place[0] / STUDY / "design.toml"
    text = path.read_text(encoding="utf-8")
    times = '[columns.css_months]\ntype = "number"\nunit = "months"\nrole = "time"\n'
    times += '[columns.css_event]\ntype = "category"\nlevels = ["0", "1"]\nrole = "event"\n'
    own = '[endpoints.CSS]\nlabel = "Cancer-specific survival"\nrule = "To death from cancer."\n'
    own += 'death_of = "cancer"\n'
    times *= declared
    text = text.replace('"rfs_event",', '"rfs_event", "cause_of_death",')
    path.write_text(text.replace("[endpoints.OS]", f"{times}{own}[endpoints.OS]"), "utf-8")
    table(tmp_path / "table.csv")
    frame = pd.read_csv(tmp_path / "table.csv")
    cause = np.resize(["cancer", "cancer", "other", "unknown", ""], len(frame))
    frame["cause_of_death"] = np.where(frame["os_event"] == 1, cause, "")
    frame.to_csv(tmp_path / "table.csv", index=False)
    design = ledger.load_design(STUDY)
    patients = cohort.load(tmp_path / "table.csv", design)
    told = [line for line in cohort.feeds(patients, design) if "Cancer-specific" in line]
    made = endpoints.frames(endpoints.timed(patients, NO_HISTORY, design), design)["CSS"]
    dead = frame["os_event"] == 1
    assert made["event"].sum() == (frame["cause_of_death"] == "cancer").sum()
    unknown = dead & ~frame["cause_of_death"].isin(["cancer", "other"])
    assert len(made) == len(frame) - unknown.sum() and unknown.sum() > 5
    assert (made["time"].to_numpy() == frame.loc[~unknown, "os_months"].to_numpy()).all()
    assert told[0].endswith("events, from OS and the cause of death.")
    # Times of its own go first.
    frame["css_months"] = frame["os_months"]
    frame["css_event"] = (frame["cause_of_death"] == "cancer").astype(int)
    frame.to_csv(tmp_path / "own.csv", index=False)
    patients = cohort.load(tmp_path / "own.csv", design)
    made = endpoints.frames(endpoints.timed(patients, NO_HISTORY, design), design)["CSS"]
    assert len(made) == len(frame)


def test_the_report_has_the_papers_title_once_the_design_has_it(place, capsys):
    import nbformat

    from crlm import cli, render

    new_study(STUDY, *place)
    design = place[0] / STUDY / "design.toml"
    text = design.read_text(encoding="utf-8")
    for key, written in ledger.SKELETON.items():
        assert f'\n{key} = "{written}"\n' in text
    assert ledger.title_of(STUDY) == "" and ledger.title_of("nowhere") == ""
    left = ledger.load_design(STUDY).unfilled
    assert left.startswith(f"data/{STUDY}/design.toml: title and citation are still those")
    assert cli.main(["ledger", STUDY]) == 0 and left in capsys.readouterr().err
    design.write_text(text.replace(ledger.SKELETON["title"], "Age & <survival> *n*"))
    assert "citation is still that" in ledger.load_design(STUDY).unfilled

    made = nbformat.read(place[1] / f"{STUDY}.ipynb", as_version=4)
    page = render.render(render.titled(made, STUDY, ledger.title_of(STUDY)))
    assert "<title>Age &amp; &lt;survival&gt; *n*</title>" in page
    assert re.search(r"<h1[^>]*>Age &amp; &lt;survival&gt; \*n\*", page)
    assert made.metadata["title"] == STUDY and made.cells[0].source.startswith(f"# {STUDY}")
    # A notebook that its writer named keeps that name, and one without a title its study's.
    assert f"<title>{STUDY}</title>" in render.render(render.titled(made, STUDY, ""))
    made.metadata["title"] = "My words"
    assert "<title>My words</title>" in render.render(render.titled(made, STUDY, "Other"))


def test_a_study_after_another_has_not_its_title(place):
    new_study("another", *place, like="mskcc_hai")
    assert "title and citation" in ledger.load_design("another").unfilled
    assert not any(ledger.load_design(name).unfilled for name in ("ncch_scp", "mskcc_hai"))


def test_a_table_that_stands_as_a_comment_has_all_its_keys():
    """A step of the flow chart needs its label; the key once was that of the factor above it."""
    text = starting._file("design.toml", "invented", None)
    block = text[text.index("# [[eligibility]]") :].partition("\n\n")[0]
    assert [f"# {key} = " in block for key in ("name", "column", "keep", "label")] == [True] * 4
    scaled = text[text.index("# [scaled.") :].partition("\n\n")[0]
    assert scaled.count("# source = ") == 1 and "# fold = " in scaled
