"""Names: every claim and every result row in words, no two that mean different things alike."""

import itertools
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from crlm import ledger, naming
from crlm.ledger import KEYS, small
from crlm.report.readings.curves import _groups_text
from tests.hand_written import copied, edit

GOLDEN = Path(__file__).parent / "golden"
STUDIES = ("ncch_scp", "mskcc_hai")

#: What no name may hold: a key of the code in place of a word.
CODE = re.compile(r"\w_\w|\w=\w|\bnan\b|\ball\b(?! (patients|covariates|factors|levels))")


def held_rows(study):
    rows = pd.read_csv(
        GOLDEN / f"{study}_rows.csv", dtype=str, keep_default_na=False, encoding="utf-8-sig"
    )
    rows["time"] = pd.to_numeric(rows["time"].replace("", None))
    return rows.drop_duplicates(list(KEYS), ignore_index=True)


def row(**keys):
    found = ledger.rows([keys]).iloc[0]
    return found.to_dict()


@pytest.fixture(params=STUDIES)
def study(request):
    return request.param


@pytest.fixture(scope="module")
def ncch():
    return ledger.load_design("ncch_scp")


@pytest.fixture(scope="module")
def mskcc():
    return ledger.load_design("mskcc_hai")


# ---- rows -------------------------------------------------------------------


def test_rows_with_different_keys_have_different_words(study):
    design, rows = ledger.load_design(study), held_rows(study)
    records = rows.to_dict("records")
    names = pd.Series([naming.name_of(record, design) for record in records])
    assert len(names) > 1000 and not names.duplicated().any(), names[names.duplicated()].head()
    told = [(naming.describe(record, design), record["statistic"]) for record in records]
    assert len(set(told)) == len(told)


def test_a_row_that_differs_in_one_key_alone_reads_differently(study):
    design = ledger.load_design(study)
    other = {
        "endpoint": "RFS" if study == "ncch_scp" else "hepatic_RFS",
        "population": "from month 6",
        "model": "printed covariates, efron",
        "time": 30.0,
    }
    for record in held_rows(study).to_dict("records"):
        for key, value in other.items():
            if record[key] != value and record["covariate"] != "flow":
                changed = {**record, key: value}
                assert naming.describe(changed, design) != naming.describe(record, design)
                assert naming.name_of(changed, design) != naming.name_of(record, design)


COMBINED = {
    "endpoint": ["", "OS", "hepatic_RFS"],
    "population": [
        "all",
        "kras=mutant",
        "kras=wild",
        "from month 3",
        "controllable>failure",
        "controllable recurrence>failure",
        "kras=mutant,resection>liver",
        "hai_timing!=before_and_after",
        "age>=70",
        "kras=mutant,from month 3",
    ],
    "group": ["all", "hai=yes", "hai=no", "kras=mutant,hai=yes"],
    "of": [
        ("", ""),
        ("", "liver"),
        ("", "failure"),
        ("age", ""),
        ("sex", "female"),
        ("sex", "male"),
        ("sex", ""),
        ("kras", "mutant"),
        ("hai:kras", "yes:mutant"),
        ("hai:kras", ""),
        ("age:kras", "mutant"),
        ("ablation", "yes"),
        ("ablation", "no"),
        ("crs_high", "high"),
        ("tbs", ""),
    ],
    "model": ["", "multivariable", "ph_test", "landmark"],
    "time": [float("nan"), 30.0, 60.0],
}


@pytest.mark.parametrize("statistic", sorted(ledger.STATISTICS))
def test_whatever_keys_a_row_may_have_they_are_told(mskcc, statistic):
    """Every pair of keys at two of their values each, for rows that nobody has made yet."""
    base = {key: values[0] for key, values in COMBINED.items()}
    names, words = {}, {}
    for one, other in itertools.combinations(COMBINED, 2):
        for a, b in itertools.product(COMBINED[one], COMBINED[other]):
            keys = {**base, one: a, other: b}
            covariate, level = keys.pop("of")
            record = {**keys, "covariate": covariate, "level": level, "statistic": statistic}
            key = tuple(str(record[name]) for name in KEYS)
            names.setdefault(naming.name_of(record, mskcc), set()).add(key)
            words.setdefault(naming.describe(record, mskcc), set()).add(key)
    assert not {name: keys for name, keys in names.items() if len(keys) > 1}
    assert not {text: keys for text, keys in words.items() if len(keys) > 1}
    assert len(names) > 300


def test_what_an_ensemble_says_of_unprinted_quantities_is_told_apart(study):
    design = ledger.load_design(study)
    held = json.loads((design.folder / "ensemble.json").read_text(encoding="utf-8"))
    names = [naming.name_of(quantity, design) for quantity in held["quantities"]]
    assert len(names) > 50 and len(set(names)) == len(names)


def test_counts_of_other_things_than_patients_say_of_what(mskcc):
    keys = {"endpoint": "OS", "covariate": "hai", "level": "yes"}
    many = row(**keys, model="specification curve", statistic="n", unit="specifications")
    assert naming.name_of(many, mskcc).startswith("Number of specifications, ")
    often = row(**keys, model="selection", statistic="percent")
    assert "patients" not in naming.name_of(often, mskcc)


def test_no_word_of_the_code_is_left_in_a_name(study):
    design = ledger.load_design(study)
    for record in held_rows(study).to_dict("records"):
        for text in (naming.name_of(record, design), naming.describe(record, design)):
            assert not CODE.search(text), text
            assert "  " not in text and ", ," not in text and not text.startswith(","), text


@pytest.mark.parametrize(
    ("keys", "words", "name"),
    [
        (
            {
                "endpoint": "RFS",
                "covariate": "hai",
                "level": "yes",
                "model": "multivariable",
                "statistic": "hazard_ratio",
            },
            "HAI against no HAI, RFS, multivariable",
            "Hazard ratio of HAI against no HAI for RFS, multivariable",
        ),
        (
            {
                "endpoint": "OS",
                "covariate": "hai",
                "level": "yes",
                "model": "univariable",
                "statistic": "p",
                "population": "kras=mutant",
            },
            "HAI against no HAI, OS, univariable, among KRAS mutant",
            "p value of HAI against no HAI for OS, univariable, among KRAS mutant",
        ),
        (
            {
                "endpoint": "OS",
                "covariate": "hai",
                "level": "yes",
                "model": "univariable",
                "statistic": "hazard_ratio",
                "population": "kras=mutant,from month 6",
            },
            "HAI against no HAI, OS, univariable, among KRAS mutant, from month 6",
            "Hazard ratio of HAI against no HAI for OS, univariable, among KRAS mutant, "
            "from month 6",
        ),
        (
            {
                "endpoint": "OS",
                "covariate": "hai:kras",
                "level": "yes:mutant",
                "model": "interaction",
                "statistic": "hazard_ratio",
            },
            "Adjuvant HAI × KRAS (HAI, KRAS mutant), OS, model with interaction",
            "Hazard ratio of adjuvant HAI × KRAS (HAI, KRAS mutant) for OS, model with interaction",
        ),
        (
            {"endpoint": "OS", "covariate": "GLOBAL", "model": "ph_test", "statistic": "p"},
            "All covariates together, OS, proportional hazards test",
            "p value of all covariates together for OS, proportional hazards test",
        ),
        (
            {
                "endpoint": "OS",
                "group": "kras=mutant,hai=yes",
                "statistic": "survival_rate",
                "time": 60.0,
            },
            "OS, KRAS mutant and HAI, at month 60",
            "5-year OS, KRAS mutant and HAI",
        ),
        (
            {"endpoint": "OS", "group": "hai=yes", "statistic": "rmst", "time": 60.0},
            "OS, HAI, to month 60",
            "Restricted mean OS, HAI, to month 60",
        ),
        (
            {"endpoint": "OS", "group": "kras,hai", "statistic": "difference", "time": 60.0},
            "By KRAS and adjuvant HAI, OS, at month 60",
            "Difference in 5-year OS, by KRAS and adjuvant HAI",
        ),
        (
            {"endpoint": "OS", "covariate": "m_cs", "statistic": "concordance"},
            "m-CS score, OS",
            "Concordance (Harrell's C) of m-CS score for OS",
        ),
        (
            {
                "endpoint": "OS",
                "covariate": "hai",
                "level": "yes",
                "model": "new users",
                "statistic": "risk_difference",
                "time": 36.0,
                "population": "hai_timing!=before_and_after,surgery_year>=2005",
            },
            "HAI against no HAI, OS, new users, among not HAI setting: before and after "
            "resection and surgery year ≥ 2005, at month 36",
            "Difference in survival of HAI against no HAI for OS, new users, among not HAI "
            "setting: before and after resection and surgery year ≥ 2005, at month 36",
        ),
        (
            {
                "endpoint": "states",
                "covariate": "hai",
                "level": "yes",
                "model": "multistate",
                "statistic": "transition_hazard_ratio",
                "population": "controllable>failure",
            },
            "HAI against no HAI, from controllable to failure",
            "Hazard ratio of the transition of HAI against no HAI, from controllable to failure",
        ),
        (
            {"group": "hai", "covariate": "age", "statistic": "smd"},
            "Age, HAI against no HAI",
            "Standardised difference of age, HAI against no HAI",
        ),
        (
            {
                "covariate": "hai",
                "level": "yes",
                "statistic": "percent",
                "population": "site_lung=yes",
                "endpoint": "first_recurrence",
            },
            "Adjuvant HAI: yes, among patients with lung among the first recurrence sites",
            "Percentage of patients, adjuvant HAI: yes, among patients with lung among the first "
            "recurrence sites",
        ),
        ({"statistic": "n"}, "All patients", "Number of patients"),
    ],
)
def test_a_row_reads_as_a_surgeon_says_it(mskcc, keys, words, name):
    assert naming.describe(row(**keys), mskcc) == words
    assert naming.name_of(row(**keys), mskcc) == name


def test_groups_of_the_same_words_name_their_column(ncch):
    """RAS wild type is a level of RAS and of the KRAS codon."""
    of_ras, of_codon = (
        naming.name_of(row(endpoint="OS", group=group, statistic="median_survival"), ncch)
        for group in ("ras=wild", "kras_codon=wild")
    )
    assert (of_ras, of_codon) == (
        "Median OS, RAS wild type",
        "Median OS, RAS wild type (KRAS codon)",
    )


def test_the_cut_off_that_was_run_stands_in_the_words(ncch):
    keys = {"endpoint": "OS", "covariate": "size_cat", "level": "high", "statistic": "p"}
    moved = ncch.with_cuts(size_cat=3.5)
    assert "metastasis > 3.5 against ≤ 3.5 cm" in naming.name_of(row(**keys), moved)


def test_every_statistic_can_be_named(mskcc):
    for statistic in ledger.STATISTICS:
        for covariate, level in (("", ""), ("age", ""), ("hai", "yes")):
            keys = {"statistic": statistic, "covariate": covariate, "level": level, "time": 36.0}
            assert len(naming.name_of(row(endpoint="OS", **keys), mskcc)) > 2


# ---- claims -----------------------------------------------------------------


def test_the_names_of_printed_numbers_are_those_of_the_rows_that_answer_them(study):
    """One vocabulary: a label that changes in a design changes in the ledger too."""
    design, claims = ledger.load_design(study), ledger.load_claims(study)
    numbers = claims[claims["kind"] == "number"]
    told = [naming.name_of(claim, design) for claim in numbers.to_dict("records")]
    assert len(numbers) > 300 and list(numbers["name"]) == told


def test_a_limit_a_p_value_and_an_estimate_are_named_as_such(study):
    claims = ledger.load_claims(study)
    for claim in claims[claims["kind"] == "number"].to_dict("records"):
        assert claim["name"].endswith(": lower 95 % limit") == (claim["field"] == "conf_low")
        assert claim["name"].endswith(": upper 95 % limit") == (claim["field"] == "conf_high")
        assert claim["name"].startswith("p value") == (claim["statistic"] == "p")
        end = {
            "min": ": lowest value",
            "max": ": highest value",
            "q1": ": lower quartile",
            "q3": ": upper quartile",
        }.get(claim["statistic"], "")
        assert claim["name"].endswith(end)


def test_claims_of_one_name_say_the_same(study):
    """Printed twice is one quantity: numbers of one name share keys and field."""
    claims = ledger.load_claims(study).fillna({"time": -1})
    numbers = claims[claims["kind"] == "number"]
    for name, part in numbers.groupby("name"):
        assert len(part[[*KEYS, "field"]].drop_duplicates()) == 1, name


@pytest.mark.parametrize(
    ("operator", "statistic", "words"),
    [
        (">", "hazard_ratio", r"short|worse"),
        ("<", "hazard_ratio", r"longer|shorter without"),
        (">", "odds_ratio", r"risk factor|more frequent"),
        (">", "difference", r"more frequent|higher"),
        ("<", "difference", r"less frequent|lower"),
        ("~", "", r"^No difference"),
    ],
)
def test_a_sentence_is_named_by_what_it_claims(operator, statistic, words):
    found = 0
    for study in STUDIES:
        claims = ledger.load_claims(study)
        chosen = claims[(claims["kind"] == "direction") & (claims["operator"] == operator)]
        for claim in chosen.to_dict("records"):
            if statistic in ("", claim["statistic"]):
                found += 1
                assert re.search(words, claim["name"]), claim["name"]
                assert claim["endpoint"] in ("", "short_SCP", "first_recurrence") or (
                    naming.endpoint_words(claim["endpoint"]) in claim["name"]
                )
    assert found > 3 or statistic == "odds_ratio"


def test_time_may_be_missing_in_any_way(mskcc):
    for time in (math.nan, None, ""):
        told = {**row(endpoint="OS", statistic="median_survival"), "time": time}
        assert naming.name_of(told, mskcc) == "Median OS, all patients"


@pytest.mark.parametrize("study", ["ncch_scp", "mskcc_hai"])
def test_all_rows_of_many_models_name_the_effect_as_its_median_does(study):
    """Range, share and sign were "RAS: mutant" beside "RAS mutant against wild type"."""
    design = ledger.load_design(study)
    exposure = design.exposure
    row = {"endpoint": "OS", "population": "all", "group": "all", "time": None, "unit": ""}
    row |= {"covariate": exposure, "level": design.levels(exposure)[1]}
    told = [
        ("specification curve", "hazard_ratio"),
        ("specification curve, range", "min"),
        ("specification curve, range", "max"),
        ("specification curve, fine-gray, claim", "percent"),
        ("bootstrap selection, sign", "percent"),
    ]
    said = [
        naming.describe({**row, "model": model, "statistic": name}, design) for model, name in told
    ]
    assert all(text.startswith(said[0].partition(",")[0] + ",") for text in said), said
    assert " against " in said[0] or " HAI" in said[0]


def test_several_levels_together_name_their_column_once(ncch):
    """ "Bilobar" and "Cause of death" began with capitals in the middle of a title."""
    lobes = {"type": "category", "label": "Lobes", "role": "exposure", "levels": ["solo", "bi"]}
    lobes["labels"] = {"solo": "Solitary unilobar", "bi": "Bilobar"}
    design = replace(ncch, columns={**ncch.columns, "lobes": lobes})
    told = {
        "lobes=solo/bi": "solitary unilobar or bilobar",
        "cause_of_death=other/unknown": "cause of death: other or not known",
        "kras_codon=codon12/codon13": "KRAS codon 12 or KRAS codon 13",
    }
    for group, words in told.items():
        assert design.population_label(group) == words
        assert small(design.group_label(group)) == words
        assert small(naming.words.condition(group, design)) == words


def test_a_table_says_once_what_its_lines_share():
    design = ledger.load_design("ncch_scp")
    row = {"population": "all", "group": "all", "time": None, "statistic": "hazard_ratio"}
    row |= {"covariate": "ras", "level": "mutant", "model": "landmark", "endpoint": "OS"}
    late, other = row | {"population": "from month 12"}, row | {"endpoint": "RFS"}
    assert naming.told_apart([row | {"population": "from month 6"}, late], design) == (
        "RAS mutant against wild type, OS, landmark",
        ["From month 6", "From month 12"],
    )
    assert naming.told_apart([row, other], design)[1] == ["OS", "RFS"]
    # Where a line would be left empty, or there is one alone, each says the whole.
    whole = naming.describe(row, design)
    assert naming.told_apart([row], design) == ("", [whole])
    assert naming.told_apart([row, late], design) == ("", [whole, naming.describe(late, design)])
    assert naming.told_apart([], design) == ("", [])


@pytest.mark.parametrize(
    ("population", "words"),
    [
        ("all", ""),
        ("sex=male", "among men"),
        ("kras=mutant", "among KRAS mutant"),
        ("margin=positive,sex=male", "among men with resection margin: positive"),
        ("bilobar=yes,kras=mutant", "among KRAS mutant matched by propensity score"),
        ("bilobar=no", "among patients not matched by propensity score"),
        ("braf=yes", "among screened twins"),
        # "Men and screened twins" would be either.
        ("sex=male,braf=yes", "among men who are also screened twins"),
        ("bilobar=yes,from month 6", "among patients matched by propensity score, from month 6"),
    ],
)
def test_a_population_is_named_as_patients_are(mskcc, population, words):
    """Once "among patients with matched by propensity score"."""
    asked = {"type": "category", "levels": ["no", "yes"], "label": "Matched by propensity score"}
    twins = {**asked, "label": "Twin", "patients": {"yes": "screened twins"}}
    columns = {**mskcc.columns, "bilobar": asked, "braf": twins}
    assert naming.among(population, replace(mskcc, columns=columns)) == words


@pytest.mark.parametrize("level", ["male", "man"])
def test_a_design_may_say_what_the_patients_of_a_level_are(tmp_path, monkeypatch, level):
    copied("mskcc_hai", tmp_path)
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    edit(
        tmp_path / "columns.toml", 'patients = { male = "men",', f'patients = {{ {level} = "lads",'
    )
    if level == "man":
        with pytest.raises(ledger.DesignError, match=r"patients.*man.*'man' is no level"):
            ledger.load_design("mskcc_hai")
    else:
        design = ledger.load_design("mskcc_hai")
        assert design.population_label("sex=male,kras=mutant") == "lads, KRAS mutant"


def test_a_bare_label_of_an_exposure_says_of_what_it_is(tmp_path, monkeypatch):
    """Once "Present against Absent" and "Absent: 12-month OS"."""
    copied("mskcc_hai", tmp_path)
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    edit(
        tmp_path / "columns.toml",
        'labels = { no = "no HAI", yes = "HAI" }',
        'labels = { no = "Negative", yes = "Positive" }',
    )
    design = ledger.load_design("mskcc_hai")
    assert design.group_label("hai=yes") == "Adjuvant HAI: positive"
    row = {"model": "univariable", "statistic": "hazard_ratio", "endpoint": "OS", "time": None}
    row |= {"covariate": "hai", "level": "yes", "group": "all", "population": "all"}
    assert naming.describe(row, design).startswith("Adjuvant HAI (positive against negative)")
    rate = {"statistic": "survival_rate", "model": "", "time": 60.0, "unit": "%", "estimate": 70.0}
    rates = ledger.rows([{**rate, "group": f"hai={level}"} for level in ("no", "yes")])
    paper = SimpleNamespace(has=lambda _: True, beside=lambda _, limits: "")
    said = "60-month rate, adjuvant HAI: negative 70.0 %, adjuvant HAI: positive 70.0 %"
    assert _groups_text(rates, design, paper) == said


def test_between_two_bare_labels_a_third_is_behind_the_column_too():
    """Once "Result: negative", "Suspicious" and "Result: positive" beside each other."""
    design = ledger.load_design("mskcc_hai")
    labels = {"neg": "Negative", "sus": "Suspicious", "pos": "Positive"}
    spec = {"type": "category", "levels": [*labels], "labels": labels, "label": "Result"}
    design.columns["result"] = spec | {"role": "exposure"}
    named = [design.group_label(f"result={level}") for level in labels]
    assert named == ["Result: negative", "Result: suspicious", "Result: positive"]


def test_a_call_to_add_keeps_the_names_of_columns():
    """`paper.table_one("age_cat")` was told as paper.table_one("age"), another column."""
    say = naming.method_words(ledger.load_design("ncch_scp"))
    assert say('add paper.table_one("age_cat"), by age_cat') == (
        'add paper.table_one("age_cat"), by age'
    )
