"""What one run of a batch found is taken by another only where the question is the very same."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest

from crlm import cohort, endpoints, ledger, lent, missing, regression
from crlm.batch import grid
from crlm.batch.lending import Lending, lending
from crlm.paper import Paper
from crlm.paper.chapter.asking import Rules
from crlm.privacy import Release

ASKED = []


@lent.pure
def answer(*args, **kwargs):
    ASKED.append((args, kwargs))
    return pd.DataFrame({"estimate": [len(ASKED)]})


@lent.pure
def another(*args, **kwargs):
    return answer.__wrapped__(*args, **kwargs)


@pytest.fixture(autouse=True)
def shelf(tmp_path, monkeypatch):
    ASKED.clear()
    (tmp_path / "shelf").mkdir()
    for name, value in lent.told([str(tmp_path / "shelf")], str(tmp_path / "shelf")).items():
        monkeypatch.setenv(name, value)
    return tmp_path / "shelf"


def frame(**changes):
    made = {
        "time": [1.0, 2.0, np.nan],
        "n": [1, 2, 3],
        "event": pd.array([True, False, None], dtype="boolean"),
        "ras": pd.Categorical(["wild", "mutant", "wild"], ["wild", "mutant"]),
        "name": ["a", "b", None],
        "day": pd.to_datetime(["2020-01-01", "2020-01-02", None]),
    }
    return pd.DataFrame({**made, **changes})


def noted(note):
    made = frame()
    made.attrs["notes"] = [note]
    return made


DESIGN = ledger.load_design("ncch_scp")
LONG = np.arange(10_000.0)
#: Two questions a line that differ in one thing, some of it where a printed frame has dots.
DIFFERENT = {
    "a value": (frame(), frame(time=[1.0, 2.0 + 1e-12, np.nan])),
    "a missing value": (frame(), frame(event=pd.array([True, False, True], dtype="boolean"))),
    "a type": (frame(), frame(n=[1.0, 2.0, 3.0])),
    "a word": (frame(), frame(name=["a", "b", "None"])),
    "a category": (frame(), frame(ras=pd.Categorical(["wild", "mutant", "mutant"]))),
    "the reference": (
        frame(),
        frame(ras=pd.Categorical(["wild", "mutant", "wild"], ["mutant", "wild"])),
    ),
    "a date": (frame(), frame(day=pd.to_datetime(["2020-01-01", "2020-01-03", None]))),
    "a name": (frame(), frame().rename(columns={"n": "m"})),
    "the order of rows": (frame(), frame().iloc[[1, 0, 2]]),
    "the order of columns": (frame(), frame()[["n", "time", "event", "ras", "name", "day"]]),
    "the index": (frame(), frame().set_axis([5, 6, 7])),
    "a note": (noted("a"), noted("b")),
    "the middle of an array": (LONG, np.where(LONG == 5000, 0, LONG)),
    "a shape": (np.zeros((6, 1)), np.zeros(6)),
    "a frame in a mapping": ({"x": frame()}, {"x": frame(n=[1, 2, 4])}),
    "the design": (DESIGN, DESIGN.with_cuts(age_cat=70.0)),
    "a field": (DESIGN, replace(DESIGN, exposure="sex")),
    "a number that equals it": (1, 1.0),
    "a truth that equals it": (1, True),
    "a list of one": ("ab", ["ab"]),
    "a tuple of it": ((1, [2, 3]), (1, (2, 3))),
    "bytes of it": (["a"], [b"a"]),
    "a number of numpy's in a list": ([1.0], [np.float64(1.0)]),
    "an array in a list": ([np.arange(2)], [np.arange(2.0)]),
    "the order of a mapping": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "a key that reads like it": ({1: "a"}, {"1": "a"}),
    "where a list ends": ((["a"], ["b"]), (["a", "b"], [])),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_another_question_is_asked_anew(what):
    one, two = DIFFERENT[what]
    first = answer(one)
    pd.testing.assert_frame_equal(answer(one), first)
    assert len(ASKED) == 1, "the same question was asked twice"
    answer(two)
    assert len(ASKED) == 2, "another question got the first one's answer"


def test_the_argument_the_function_the_style_and_the_code_count(monkeypatch):
    asked = [
        lambda: answer(1, ties="efron"),
        lambda: answer(1, ties="breslow"),
        lambda: answer(1, rule="efron"),
        lambda: another(1, ties="efron"),
    ]
    for ask in asked * 2:
        ask()
    assert len(ASKED) == 4
    with matplotlib.rc_context({"font.size": 77}):
        answer(1, ties="efron")
    assert len(ASKED) == 5
    monkeypatch.setattr(lent, "_code", lambda: ("another", {}))
    answer(1, ties="efron")
    assert len(ASKED) == 6


def test_a_question_is_the_same_whoever_holds_its_parts():
    """What occurs twice in it may be one thing, or two that are equal."""
    one = ["x" * 3, 1.5]
    asked = [{"a": one, "b": one}, (one, one), "y"]
    again = [{"a": ["xxx", 1.5], "b": ["".join("xxx"), 1.5]}, (list(one), list(one)), "y"]
    assert lent.digest(asked) == lent.digest(again) != ""


def test_what_is_taken_is_nobody_elses():
    for _ in range(2):
        mine = answer(1)
        assert mine.loc[0, "estimate"] == 1
        mine.loc[0, "estimate"] = -1
    assert len(ASKED) == 1


def test_what_cannot_be_told_is_never_looked_up(shelf):
    for _ in range(2):
        answer(object())
        answer(frame(name=[object(), "b", "c"]))
    assert len(ASKED) == 4 and not list(shelf.iterdir())


def test_a_damaged_answer_is_asked_anew(shelf):
    answer(1)
    (kept,) = shelf.iterdir()
    for damaged in (kept.read_bytes()[:-1], b"", b"x" * 64 + b"\n\x80"):
        kept.write_bytes(damaged)
        before = len(ASKED)
        answer(1)
        assert len(ASKED) == before + 1


def test_without_a_batch_nothing_is_kept(monkeypatch, shelf):
    monkeypatch.delenv(lent.SHELVES)
    answer(1)
    answer(1)
    assert len(ASKED) == 2 and not list(shelf.iterdir())


HOLDER = "import sys; sys.stdin.readline()"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("ends", ["with an answer", "without", "killed", "too late"])
def test_what_somebody_is_at_is_waited_for(shelf, monkeypatch, ends):
    """On a clock of the test's own; what ends the wait comes at its third look."""
    clock = {"now": 0.0, "looks": 0}
    answer(1)
    (path,) = shelf.iterdir()
    kept = path.read_bytes()
    path.unlink()
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE) as holder:
        mark = path.with_suffix(".begun")
        mark.symlink_to(f"/proc/{holder.pid}/fd/0")

        def end():
            if ends == "with an answer":
                path.write_bytes(kept)
            if ends == "killed":
                holder.kill()
                holder.wait()
            else:
                mark.unlink()

        def sleep(seconds):
            clock["now"] += seconds
            clock["looks"] += 1
            if clock["looks"] == 3 and ends != "too late":
                end()

        own = SimpleNamespace(monotonic=lambda: clock["now"], sleep=sleep)
        monkeypatch.setattr(lent, "time", own)
        answer(1)
        holder.kill()
    assert clock["looks"] == 3 or (ends == "too late" and clock["now"] >= lent._PATIENCE)
    assert len(ASKED) == (1 if ends == "with an answer" else 2)


def test_completed_tables_are_lent_with_their_scores(monkeypatch):
    def completed(seed=1):
        paper = Paper("mskcc_hai")
        paper.endpoints()
        paper.set_rules(imputations=2, samples=2, seed=seed)
        return paper.completed("hai")

    made = completed()
    asked = []
    monkeypatch.setattr(missing, "impute", lambda *_, **given: asked.append(given) or made)
    again = completed()
    assert len(made) == 2 and not asked
    for one, other in zip(made, again, strict=True):
        pd.testing.assert_frame_equal(one, other)
        assert one["crs"].notna().all()
    completed(seed=2)
    assert len(asked) == 1


# ---- two at one answer ------------------------------------------------------


@pytest.fixture
def roles(shelf, monkeypatch):
    """Be the run, or who works ahead of it."""

    def play(ahead):
        found = str(shelf) if ahead else ""
        for name, value in lent.told([str(shelf)], found, str(shelf)).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(lent, "marks", ahead)
        monkeypatch.setattr(lent, "heeds", ahead)

    monkeypatch.setenv("CRLM_CORES", "1")
    return play


def parts(made, stops=()):
    """An answer of six parts; what is made of it is noted."""

    def once(at):
        if at in stops:
            raise ValueError(at)
        made.append(at)
        return 10 * at

    return lent.shared("six", lambda: lent.each(once, 6), parted=True)


def test_the_run_begins_with_the_first_part_and_who_works_ahead_with_the_last(roles):
    roles(ahead=True)
    ahead, run = [], []
    with pytest.raises(ValueError, match="2"):
        parts(ahead, stops=[2])
    roles(ahead=False)
    assert parts(run) == [0, 10, 20, 30, 40, 50]
    assert ahead == [5, 4, 3] and run == [0, 1, 2]


def test_what_the_run_has_made_is_left_alone(roles, monkeypatch):
    roles(ahead=False)
    made = []
    whole = parts(made)
    roles(ahead=True)
    with pytest.raises(lent.Needless):
        parts(made)
    assert made == [0, 1, 2, 3, 4, 5]
    # What others build on is needed here too.
    monkeypatch.setattr(lent, "heeds", False)
    assert parts(made) == whole and len(made) == 12
    roles(ahead=False)
    assert parts(made) == whole and len(made) == 12


def test_who_works_ahead_stops_where_the_run_has_finished(roles, shelf, monkeypatch):
    roles(ahead=True)
    made = []

    def once(at):
        made.append(at)
        if at == 4:
            roles(ahead=False)
            parts([])
            roles(ahead=True)
        return 10 * at

    with pytest.raises(lent.Needless):
        lent.shared("six", lambda: lent.each(once, 6), parted=True)
    assert made == [5, 4]


def test_nobody_waits_for_an_answer_in_parts(roles, shelf, monkeypatch):
    roles(ahead=False)
    parts([])
    (passed,) = shelf.glob("*.passed")
    passed.with_suffix(".begun").symlink_to("/proc/self/fd/0" if os.path.exists("/proc") else "/")
    waited, made = [], []
    monkeypatch.setattr(time, "sleep", waited.append)
    parts(made)
    assert not waited and len(made) == 6


def test_a_run_without_anybody_ahead_tells_nothing(roles, shelf, monkeypatch):
    roles(ahead=False)
    monkeypatch.setenv(lent.PASSED, "")
    assert parts([]) == [0, 10, 20, 30, 40, 50] and not list(shelf.iterdir())


# ---- the dear functions -----------------------------------------------------


@pytest.fixture(scope="module")
def table():
    design = ledger.load_design("mskcc_hai")
    patients = cohort.load(design.folder / "cohort.csv", design)
    history = cohort.events("", "", design, None, patients)
    found = endpoints.frames(endpoints.timed(patients, history, design), design)["OS"]
    # Numbers and levels are missing of some, so that either is drawn.
    return found.head(150).assign(age=found["age"].where(np.arange(len(found)) % 7 > 0))


TERMS = [("age", "linear"), ("n_tumours", "log"), ("extrahepatic", "factor")]


def imputed(frame, *, terms=TERMS, m=2, seed=1, **changes):
    return pd.concat(missing.impute(frame, [("hai", "factor"), *terms], m, seed, **changes))


def optimistic(frame, *, names=("age", "n_tumours", "hai"), samples=4, seed=1, entry_p=0.9):
    return regression.optimism(
        frame, regression.Rule(tuple(names), entry_p=entry_p), samples=samples, seed=seed
    )


def other(column, change):
    def changed(frame):
        return frame.assign(**{column: change(frame[column])})

    return changed


SAME = {"": (lambda frame: frame, {})}
TABLES = {
    "times": (other("time", lambda c: c.iloc[::-1].to_numpy()), {}),
    "events": (other("event", lambda c: c.iloc[::-1].to_numpy()), {}),
    "treated": (other("hai", lambda c: c.iloc[::-1].set_axis(c.index)), {}),
    "a covariate": (other("age", lambda c: c.iloc[::-1].to_numpy()), {}),
    "fewer patients": (lambda frame: frame.head(140), {}),
}
#: Per function: what makes its answer another one.
DEAR = {
    imputed: TABLES
    | {
        "terms": (lambda f: f, {"terms": TERMS[1:]}),
        "tables": (lambda f: f, {"m": 3}),
        "seed": (lambda f: f, {"seed": 2}),
        "way": (lambda f: f, {"how": "normal"}),
        "shift": (lambda f: f, {"shift": {"extrahepatic": 3.0}}),
    },
    optimistic: {name: TABLES[name] for name in ("times", "events", "treated", "a covariate")}
    | {
        "names": (lambda f: f, {"names": ("age", "hai")}),
        "samples": (lambda f: f, {"samples": 5}),
        "seed": (lambda f: f, {"seed": 2}),
        "rule": (lambda f: f, {"entry_p": 0.01}),
    },
}


@pytest.mark.parametrize("ask", DEAR)
def test_every_input_of_a_dear_function_makes_another_answer(ask, table, shelf, monkeypatch):
    """On one shelf each answer is that of an asker alone, and no two are the same."""
    seen = []
    for what, (change, options) in (SAME | DEAR[ask]).items():
        asked = [ask(change(table), **options) for _ in range(2)]
        with monkeypatch.context() as alone:
            alone.delenv(lent.SHELVES)
            right = ask(change(table), **options)
        for one in asked:
            pd.testing.assert_frame_equal(one, right, check_exact=True)
        assert not any(right.equals(earlier) for earlier in seen), what
        seen.append(right)
    assert len(list(shelf.iterdir())) >= len(seen)


# ---- who lends to whom ------------------------------------------------------


def planned(tmp_path, text):
    (tmp_path / "grid.yaml").write_text(text)
    return grid.plan(tmp_path / "grid.yaml").runs


def asked_before(study):
    """What a batch asks before its runs."""
    answer(study)


def test_runs_of_a_papers_notebook_on_its_cohort_lend_each_other(tmp_path):
    (item,) = planned(tmp_path, "study: ncch_scp\n")
    with lending([item], asked_before) as desk:
        offer = desk.offer(item)
        common, shelf = offer["shelves"]
        assert len(os.listdir(common)) == 1 and set(offer) == {"shelves", "found"}
        found = os.path.join(offer["found"], "key")
        for status, kept in (("failed", []), ("finished", ["key"])):
            desk.offer(item)
            with open(found, "w") as stream:
                stream.write("an answer")
            desk.take_back(item, status)
            assert os.listdir(shelf) == kept
    assert not os.path.exists(shelf) and not os.path.exists(common)


def test_own_tables_and_other_notebooks_lend_nothing(tmp_path):
    source = ledger.data_folder() / "ncch_scp" / "cohort.csv"
    (tmp_path / "mine.csv").write_bytes(source.read_bytes())
    book = ledger.data_folder().parent / "notebooks" / "ncch_scp.ipynb"
    (tmp_path / "ncch_scp.ipynb").write_text(book.read_text(encoding="utf-8") + "\n", "utf-8")
    for text in ("study: ncch_scp\ncohorts: [mine.csv]\n", "notebook: ncch_scp.ipynb\n"):
        (item,) = planned(tmp_path, text)
        with lending([item], asked_before) as desk:
            (common,) = desk.offer(item)["shelves"]
            assert len(os.listdir(common)) == 1 and lent.told(**desk.offer(item))[lent.FOUND] == ""


def test_nothing_is_lent_where_nothing_is_asked_for(tmp_path):
    (item,) = planned(tmp_path, "study: ncch_scp\n")
    with lending([item], None) as desk:
        assert isinstance(desk, Lending) and desk.offer(item) == {"shelves": []}


def test_the_first_shelf_that_has_an_answer_is_asked(tmp_path, shelf, monkeypatch):
    answer(1)
    more = lent.told([str(tmp_path / "nowhere"), str(shelf)])
    with lent.environment(more):
        answer(1)
        assert len(ASKED) == 1
        answer(2)
    assert len(ASKED) == 2 and len(list(shelf.iterdir())) == 1


# ---- what a paper's own analyses stand on -----------------------------------


def caught(value):
    """A function that has caught a value."""
    return lambda: value


def test_a_function_stands_for_what_it_has_caught():
    asked = []

    def ask(question):
        return lent.shared(question, lambda: asked.append(question) or len(asked))

    first = ask(caught(frame()))
    assert ask(caught(frame())) == first and len(asked) == 1
    ask(caught(frame(n=[1, 2, 4])))
    ask(lambda kept=2: kept)
    ask(lambda kept=3: kept)
    ask(lambda kept=3: kept + 1)
    assert len(asked) == 5
    ask(caught(object()))
    ask(caught(object()))
    assert len(asked) == 7, "what cannot be told is never lent"


@pytest.fixture(scope="module")
def paper():
    made = Paper("ncch_scp")
    made.endpoints()
    return made


CHANGES = {
    "ties": {"ties": "breslow"},
    "the scale of limits": {"curve_rules": {"conf_type": "plain", "median_rule": "first"}},
    "the rules": {"chapter_rules": Rules(seed=2)},
    "resamples": {"chapter_rules": Rules(samples=3)},
    "a cut-off": {"design": DESIGN.with_cuts(age_cat=71.0)},
    "how few may be told": {"release": Release(5)},
}


def over(paper):
    """The digest of what an analysis over completed tables is asked."""
    ras = "ras"

    def once(table, samples, seed):
        return paper.chance(table, ras)

    return lent.digest((paper, once))


@pytest.mark.parametrize("what", CHANGES)
def test_an_analysis_hangs_on_every_choice_of_its_paper(paper, monkeypatch, what):
    before = over(paper)
    assert before == over(paper) != ""
    for name, value in CHANGES[what].items():
        assert getattr(paper, name) != value
        monkeypatch.setattr(paper, name, value)
    monkeypatch.setattr(paper, "_told", {})
    assert over(paper) not in ("", before)


@pytest.mark.parametrize("which", ["table", "history", "OS", "patients"])
def test_an_analysis_hangs_on_every_value_of_its_patients(paper, monkeypatch, which):
    before = over(paper)
    own = which in ("table", "history")
    changed = (getattr(paper, which) if own else paper.frames[which]).copy()
    at = changed.columns.get_loc("age" if which != "history" else "date")
    changed.iloc[3, at] = changed.iloc[4, at]
    if own:
        monkeypatch.setattr(paper, which, changed)
    else:
        monkeypatch.setitem(paper.frames, which, changed)
    assert over(paper) not in ("", before)
