"""A design or the wishes of a search that are at fault are refused in words, all faults at once."""

import copy
import datetime
import math
import pickle
import random
import re
import sys
import tomllib

import pytest

from crlm import baseline, ledger, reconstruction, regression, survival
from crlm.endpoints import outcomes
from crlm.ledger import DesignError, factors, reading, typed, vocabulary
from crlm.ledger.names import Names
from crlm.ledger.references import _nowhere
from crlm.ledger.schema import DesignFile
from crlm.reconstruction import wishes
from tests.hand_written import ROOT, copied, edit, faults, home_of, name_of

SHIPPED = ("ncch_scp", "mskcc_hai")

DESIGN_FAULTS, WISH_FAULTS = faults("design"), faults("wishes")


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    return tmp_path


def refused(call, *arguments):
    with pytest.raises(DesignError) as caught:
        call(*arguments)
    return str(caught.value)


def load_wishes(study):
    return reconstruction.wishes_of(ledger.load_design(study))


# ---- one fault ------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", DESIGN_FAULTS, ids=name_of)
def test_a_fault_of_a_design_is_told_with_its_place_and_remedy(data, fault):
    study, told = fault["study"], fault["told"]
    edit(copied(study, data) / "design.toml", fault["old"], fault["new"])
    text = refused(ledger.load_design, study)
    assert re.match(rf"data/{study}/design.toml(: |, line)", text) and re.search(told, text), text
    assert all(line.endswith((".", "?")) for line in text.splitlines())


@pytest.mark.parametrize("fault", WISH_FAULTS, ids=name_of)
def test_a_fault_of_the_wishes_is_told_before_the_search(data, fault):
    study, told = fault["study"], fault["told"]
    edit(copied(study, data) / "reconstruction.toml", fault["old"], fault["new"])
    text = refused(load_wishes, study)
    head = rf"data/{study}/reconstruction.toml(: |, line)"
    assert re.match(head, text) and re.search(told, text), text
    with pytest.raises(DesignError, match=re.escape(text.splitlines()[1])):
        reconstruction.reconstruct(study, data / "out")
    assert not (data / "out").exists()


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        ((r'^role = "id"', 'role = "key"'), r"\[patient_id\] role: 'key' is not known"),
        ((r"^min = 0\nmax = 110", "min = 0\nmaximum = 110"), r"\[age\] maximum: .*'max'"),
        ((r'^levels = \["male", "female"\]', 'levels = ["male"]'), r"\[sex\] levels: 'male' is a"),
        (
            (r'^label = "Sex"\nlabels = { male', 'label = "Sex"\nlabels = { man'),
            r"\[sex.labels\] man: 'man' is no level; did you mean 'male'",
        ),
        ((r'^type = "integer"', 'type = "int"'), r"type: 'int' is not known; .*'integer'"),
    ],
)
def test_a_fault_of_the_dictionary_is_told_in_its_own_file(data, edits, told):
    copied("ncch_scp", data)
    edit(data / "columns.toml", *edits)
    text = refused(ledger.load_design, "ncch_scp")
    assert text.startswith("data/columns.toml: ") and re.search(told, text), text


# ---- many faults, and none ------------------------------------------------------------------


def test_all_faults_are_told_at_once_in_the_order_of_the_file(data):
    path = copied("ncch_scp", data) / "design.toml"
    for old, new in (
        ("^question", "quesiton"),
        ('^ties = "breslow"   ', 'tie = "breslow"   '),
        ('rule = ">"', 'rule = ">>"'),
        ('"fisher"', '"chisq"'),
        ('"enter"', '"stepwise"'),
        (r'covariates = \["age_cat"', 'covariates = ["age_cut"'),
    ):
        edit(path, old, new)
    edit(data / "columns.toml", 'role = "id"', 'role = "key"')
    lines = refused(ledger.load_design, "ncch_scp").splitlines()
    assert lines[0] == "data/columns.toml: 1 fault."
    at = lines.index("data/ncch_scp/design.toml: 7 faults.")
    places = [line.split(":")[0].strip() for line in lines[at + 1 :]]
    assert places == [
        "quesiton",
        "[columns] use",
        "[conventions] tie",
        "[factors.age_cat] rule",
        "[table_one] categorical_test",
        "[models.OS] selection",
        "[models.OS] covariates",
    ]


def test_a_design_with_dozens_of_faults_stays_readable(data):
    path = copied("ncch_scp", data) / "design.toml"
    text = path.read_text(encoding="utf-8")
    for key in ("label", "rule", "cut", "by"):
        text = text.replace(f"{key} = ", f"{key}x = ")
    path.write_text(text, encoding="utf-8")
    told = refused(ledger.load_design, "ncch_scp").splitlines()
    number = int(re.search(r"(\d+) faults", told[0])[1])
    assert len(told) == 32 and told[-1] == f"  and {number - 30} more"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", r"title: is missing"),
        (b"title = RAS", r"line 1: .*is not TOML"),
        (b'title = "RAS"\ntitle = "KRAS"', r"is not TOML: "),
        ('title = "Überleben"'.encode("cp1252"), r"line 1: not UTF-8. Save the file as UTF-8"),
        (b"columns = 3", r"columns: 3 does not fit; write a table"),
        (b"[models]\nOS = 3", r"\[models\] OS: 3 does not fit; write a table"),
        (b"[[endpoints]]\nname = 'OS'", r"endpoints"),
        (b"eligibility = 'all'", r"eligibility: 'all' does not fit; write a list"),
        (b"[columns]\nuse = 'age'", r"\[columns\] use: is no list of names"),
        (b"[columns]\nage = 3", r"\[columns\] age: is no table"),
        (b"choices = 3", r"choices: 3 does not fit; write a table"),
    ],
)
def test_a_file_that_is_no_design_is_refused_in_words(data, content, told):
    (copied("ncch_scp", data) / "design.toml").write_bytes(content)
    assert re.search(told, refused(ledger.load_design, "ncch_scp"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[groups",
        b"groups = 3",
        b"units = 3\nrealism = []",
        b"[columns]\nage = 3",
        b"[sites]\nflags = 3",
    ],
)
def test_a_file_that_holds_no_wishes_is_refused_in_words(data, content):
    (copied("ncch_scp", data) / "reconstruction.toml").write_bytes(content)
    assert "data/ncch_scp/reconstruction.toml" in refused(load_wishes, "ncch_scp")


def test_wishes_that_are_not_there_say_what_they_are_for(data):
    (copied("ncch_scp", data) / "reconstruction.toml").unlink()
    assert "is missing. It names what print leaves open" in refused(load_wishes, "ncch_scp")


def test_a_study_that_is_not_there_may_be_meant_otherwise(data):
    copied("ncch_scp", data)
    assert refused(ledger.load_design, "nchc_scp").endswith("Did you mean 'ncch_scp'?")


JUNK = (
    *("", "x", "all", "{", "a=b", 0, -1, 3.5, math.nan, True, datetime.date(2020, 1, 1)),
    *([], ["x"], [1], [{}], [[]], [["a", "b"]], {}, {"a": 1}, {"x": {"y": "z"}}),
)


def places(value, path=()):
    """Every place of a file, as paths of keys and positions."""
    listed = enumerate(value) if isinstance(value, list) else ()
    for key, part in value.items() if isinstance(value, dict) else listed:
        yield (*path, key)
        yield from places(part, (*path, key))


def damaged(text, rng):
    """A copy in which one thing is gone, has another name, or is something else."""
    text = copy.deepcopy(text)
    *path, last = rng.choice(list(places(text)))
    held = text
    for step in path:
        held = held[step]
    what = rng.choice(["gone", "renamed", "other", "other"])
    value = held.pop(last)
    if what == "renamed" and isinstance(held, dict):
        held[f"{last[:-1]}q"] = value
    elif what != "gone" and isinstance(held, dict):
        held[last] = copy.deepcopy(rng.choice(JUNK))
    elif what != "gone":
        held.insert(last, copy.deepcopy(rng.choice(JUNK)))
    return text


@pytest.mark.parametrize("study", SHIPPED)
@pytest.mark.parametrize("damage", ["design.toml", "columns.toml", "reconstruction.toml"])
def test_whatever_stands_in_a_file_it_is_read_or_refused_in_words(study, damage, monkeypatch):
    rng, refused = random.Random(f"{study} {damage}"), 0
    known = {
        path.name: tomllib.loads(path.read_text(encoding="utf-8"))
        for path in [ROOT / "data" / "columns.toml", *home_of(study).glob("*.toml")]
    }
    files = dict(known)
    monkeypatch.setattr(wishes, "read_toml", lambda path, file: files[path.name])
    monkeypatch.setattr(reading, "bytes_of", lambda path, file: pickle.dumps(files[path.name]))
    monkeypatch.setattr(reading, "toml_of", lambda written, file: pickle.loads(written))
    for _ in range(150):
        files[damage] = damaged(known[damage], rng)
        try:
            load_wishes(study)
        except DesignError as error:
            refused += 1
            assert str(error).startswith("data/")
    assert refused > 75


# ---- what passes ----------------------------------------------------------------------------


@pytest.mark.parametrize("study", [*SHIPPED, "uab_msi"])
def test_a_good_study_passes_and_its_mappings_are_the_file(study, data):
    folder = copied(study, data)
    text = tomllib.loads((folder / "design.toml").read_text(encoding="utf-8"))
    design = ledger.load_design(study)
    assert [dict(spec) for spec in design.models.values()] == list(text["models"].values())
    assert design.conventions == text["conventions"] and design.table_one == text["table_one"]
    assert design.choices == text.get("choices", {})
    assert load_wishes(study) == tomllib.loads(
        (folder / "reconstruction.toml").read_text(encoding="utf-8")
    )
    closed = {k: v for k, v in design.choices.items() if not k.endswith(("_cutoff", "_months"))}
    held = DesignFile.model_validate({**text, "choices": closed})
    assert held.model_dump(exclude_unset=True) == {**text, "choices": closed}


@pytest.mark.parametrize("study", ["tcia", "colon"])
def test_the_designs_of_the_real_cohorts_pass(study, data):
    home = ROOT / "benchmarks" / "real_cohorts" / study
    folder = data / study
    folder.mkdir()
    for name in ("design.toml", "reconstruction.toml"):
        (folder / name).write_bytes((home / name).read_bytes())
    (data / "columns.toml").write_bytes((ROOT / "data" / "columns.toml").read_bytes())
    assert load_wishes(study)["groups"]["columns"] == [ledger.load_design(study).table_one["by"]]


def test_a_column_whose_levels_change_keeps_no_label_of_another_level(data):
    folder = copied("ncch_scp", data)
    edit(
        folder / "design.toml",
        r"^\[columns.sidedness\]",
        '[columns.timing]\nlevels = ["metachronous", "late"]\n[columns.sidedness]',
    )
    design = ledger.load_design("ncch_scp")
    assert design.label("timing", "metachronous") == "Metachronous"
    assert design.label("timing", "late") == "late"


def test_a_column_whose_type_changes_takes_no_range_of_the_dictionary(data):
    folder = copied("ncch_scp", data)
    column = '[columns.size_cm]\ntype = "category"\nlevels = ["small", "large"]\n'
    edit(folder / "design.toml", r"^\[columns.sidedness\]", f"{column}[columns.sidedness]")
    text = refused(ledger.load_design, "ncch_scp")
    assert "min" not in text and "'size_cm' is of type 'category'; a factor cuts a number" in text


def test_both_studies_load_at_once():
    def load():
        for study in SHIPPED:
            load_wishes(study)
            ledger.load_claims(study)

    calls = 0

    def counted(_, event, __):
        nonlocal calls
        calls += event in ("call", "c_call")

    load()  # what is kept from the first time on is not counted
    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        load()
    finally:
        sys.setprofile(before)
    assert 0 < calls < 1_000_000  # 480,000 are 0.1 s on a core of 2020


# ---- one vocabulary -------------------------------------------------------------------------


def test_the_words_of_a_design_are_those_that_the_rooms_know():
    assert vocabulary.CONTINUOUS_TESTS == baseline._CHOICES["continuous_test"]
    known = (*vocabulary.CATEGORICAL_TESTS, vocabulary.TREND_TEST)
    assert known == baseline._CHOICES["categorical_test"]
    assert vocabulary.SPREADS == baseline._CHOICES["spread"]
    assert vocabulary.QUANTILE_RULES == baseline._CHOICES["quantile_rule"]
    assert set(vocabulary.SELECTIONS) == set(regression.selection.SELECTIONS)
    assert set(vocabulary.TIES) == set(regression.engine.TIES)
    assert set(vocabulary.UNIVARIABLE_TESTS) == set(regression.models.TESTS)
    assert set(vocabulary.CONF_TYPES) == set(survival.product_limit.CONF)
    assert set(vocabulary.MEDIAN_RULES) == set(survival.product_limit.RULE)
    assert set(vocabulary.RULES) == set(factors.HOLDS)
    assert outcomes._SITE_FLAGS  # what `table_one.recurrence` names


def rows_of(rows):
    return {(row.table, row.key): row for row in rows}


def test_the_schema_lists_every_key_with_its_values():
    rows = rows_of(ledger.design_schema())
    assert (
        rows["[models.NAME]", "selection"].values == "enter | backward | fixed | none | univariable"
    )
    assert rows["[models.NAME]", "entry_p"].values == "above 0 to 1"
    assert rows["[models.NAME]", "covariates"].kind == "list of text"
    assert rows["[conventions]", "ties"].required and rows["", "title"].required
    assert not rows["[conventions]", "software"].required
    assert rows["[factors.NAME.otherwise]", "values"].kind == "table of text"
    assert rows["[NAME]", "type"].file == "columns.toml"
    assert all(row.about and row.kind for row in rows.values())


def test_every_key_of_the_shipped_files_is_in_the_schema():
    for study in SHIPPED:
        for file, schema in (
            ("design.toml", ledger.design_schema()),
            ("reconstruction.toml", wishes.wishes_schema()),
        ):
            text = tomllib.loads((home_of(study) / file).read_text(encoding="utf-8"))
            known = {(row.table, row.key) for row in schema}
            assert {
                ("", key) for key, value in text.items() if not isinstance(value, dict | list)
            } <= known
            for name, value in text.items():
                if isinstance(value, dict) and file == "design.toml" and name == "conventions":
                    assert {("[conventions]", key) for key in value} <= known


def test_the_schema_of_the_wishes_knows_their_tables():
    rows = rows_of(wishes.wishes_schema())
    assert rows["[columns.NAME]", "scale"].values == "linear | log"
    assert rows["[period]", "first"].kind == "date" and rows["[period]", "first"].required
    assert "death_alone" in rows["[[realism.shares]]", "share"].values
    assert rows["[columns.NAME]", "counts"].kind == "table of table of whole number"


def test_a_place_is_named_as_the_file_has_it():
    text = {"a": {"b": {"c": [1, 2]}}, "d": [{"e": 1}], "f": 1}
    assert typed.place_of(text, ("a", "b", "c", 1)) == "[a.b] c entry 2"
    assert typed.place_of(text, ("d", 0, "e")) == "[[d]] 1, e"
    assert typed.place_of(text, ("f",)) == "f"
    assert typed.place_of(text, ("a", "b")) == "[a.b]"


def test_a_level_behind_its_characteristic_has_no_capital():
    design = ledger.load_design("mskcc_hai")
    assert design.group_label("margin=positive") == "Resection margin: positive"
    assert design.group_label("kras=mutant,sex=female") == "KRAS mutant, Sex: female"


_OF_NUMBERS = (
    "'age' is a number; take mann-whitney or mann-whitney-corrected or mann-whitney-r or t or "
    "kruskal or jonckheere or linear-trend or spearman"
)


@pytest.mark.parametrize(
    ("tests", "told"),
    [
        ('{ age = "t" }', ""),
        ('{ age = "fisher" }', _OF_NUMBERS),
        ('{ sex = "t" }', "'sex' is a category"),
        ('{ agee = "t" }', "did you mean 'age'"),
        ('{ age = "trend" }', _OF_NUMBERS),
        ('{ age = "jonckheere" }', "'jonckheere' is over three groups or more, not 2; take mann"),
        ('{ sex = "trend" }', "'sex' has two, as have the groups; take fisher or chi-square"),
    ],
)
def test_the_test_of_one_column_fits_it(tmp_path, monkeypatch, tests, told):
    folder = copied("ncch_scp", tmp_path)
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    edit(folder / "design.toml", r"^\[table_one\]$", f"[table_one]\ntests = {tests}")
    if told:
        with pytest.raises(DesignError, match=told):
            ledger.load_design("ncch_scp")
    else:
        design = ledger.load_design("ncch_scp")
        assert (design.test_of("age"), design.test_of("sex")) == ("t", "fisher")


def test_a_model_that_leaves_none_out_may_have_products_of_its_covariates(data):
    """Its printed model need not be named twice; once the products were refused then."""
    path = copied("mskcc_hai", data) / "design.toml"
    model = '[models.OS_men]\nendpoint = "OS"\npopulation = "sex=male"\nselection = "none"\n'
    model += 'covariates = ["hai", "kras", "margin"]\nproducts = [["hai", "kras"]]\n'
    edit(path, r"^\[models\.OS\]", f"{model}[models.OS]")
    assert ledger.load_design("mskcc_hai").models["OS_men"]["published"] == [
        "hai",
        "kras",
        "margin",
    ]
    edit(path, r'products = \[\["hai", "kras"\]\]', 'products = [["hai", "sidedness"]]')
    assert "'sidedness' is not in the published model" in refused(ledger.load_design, "mskcc_hai")
    edit(path, r'products = \[\["hai", "sidedness"\]\]', 'strata = ["kras"]')
    assert "'kras' is a covariate too" in refused(ledger.load_design, "mskcc_hai")


def test_words_of_a_set_are_listed_the_same_in_every_process():
    told = ledger.did_you_mean("zzz", {"bb", "aa", "cc"})
    assert told.index("aa") < told.index("bb") < told.index("cc")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (r"^\[models\.OS\]", '[models.OS]\nproducts = ["hai", "kras"]', "products entry 2"),
        (
            r"^\[table_one\]",
            '[scaled.x]\nsource = "age"\nper = "10 years"\n[table_one]',
            "without q",
        ),
    ],
)
def test_a_value_of_another_type_is_told_once_and_nothing_of_what_it_is_not(data, old, new, told):
    edit(copied("mskcc_hai", data) / "design.toml", old, new)
    text = refused(ledger.load_design, "mskcc_hai")
    assert told in text and "stand there twice" not in text and "fold" not in text


@pytest.mark.parametrize(
    ("exposure", "covariates"),
    [("size_cat", ["kras", "size_cm"]), ("hai", ["kras", "age"]), ("kras_only", ["age"])],
)
def test_an_exposure_of_curves_alone_is_no_fault(exposure, covariates):
    """Refused was a paper whose curves are by a factor of a number that its model holds."""
    columns = {"hai": {"role": "exposure", "levels": ["no", "yes"]}, "kras": {"levels": ["w", "m"]}}
    columns |= {"size_cm": {"type": "number"}, "age": {"type": "number"}}
    factors = {"size_cat": {"source": "size_cm", "levels": ["low", "high"]}}
    factors["kras_only"] = {"source": "kras", "levels": ["w", "m"]}
    design = {"exposure": exposure, "models": {"OS": {"covariates": covariates}}}
    told = list(_nowhere({**design, "table_one": {"by": "kras"}}, Names(columns, factors, {}, {})))
    assert not told
    alone = {**design, "exposure": "size_cat", "models": {"OS": {"covariates": ["age"]}}}
    assert len(list(_nowhere(alone, Names(columns, factors, {}, {})))) == 1


# ---- read again -----------------------------------------------------------------------------


def test_who_changes_a_design_or_its_claims_changes_his_own_alone():
    design, claims = ledger.load_design("ncch_scp"), ledger.load_claims("ncch_scp")
    design.columns["age"]["label"] = "other"
    claims["printed"] = "other"
    assert ledger.load_design("ncch_scp").label("age") != "other"
    assert set(ledger.load_claims("ncch_scp")["printed"]) != {"other"}
