"""What a parameter cell declares, and that the notebook refuses what `crlm run` refuses."""

import json
import math
from pathlib import Path

import nbclient
import nbformat
import papermill
import pytest

from crlm import parameters
from crlm.ledger import ParameterError

ROOT = Path(__file__).parents[1]

CELL = """\
months: float = 12.0  # length of the period [above 0]
entry_p: float = 0.1  # univariable p below this enters the model [0 to 1]
samples: int = 100  # resamples for the stability of the selection; 0: none [0 or more]
late: bool = False  # late entry honoured
label: str = "a # b"  # a name
ties: str = "efron"  # tied times: efron | breslow
output_dir: str = ""  # folder for CSV files"""

CHECK = "from crlm import parameters\nchosen = parameters.check(globals())"


# ---- the declaration --------------------------------------------------------


def test_a_cell_declares_types_defaults_and_helps():
    known = parameters.declared(CELL)
    assert list(known) == ["months", "entry_p", "samples", "late", "label", "ties", "output_dir"]
    assert known["late"] == parameters.Parameter("late", "bool", False, "late entry honoured")
    assert known["label"].default == "a # b" and known["label"].help == "a name"


def test_a_bare_assignment_has_no_type_but_may_have_papermills():
    found = parameters.declared("a = 1\nb = 2  # type: int a count\nimport os\nc: 'float' = -1.5")
    assert [(p.name, p.type, p.default, p.help) for p in found.values()] == [
        ("a", "None", 1, ""),
        ("b", "int", 2, "a count"),
        ("c", "float", -1.5, ""),
    ]


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_both_notebooks_are_read_as_papermill_reads_them(path):
    found = papermill.inspect_notebook(str(path))
    known = parameters.declared_in(path)
    assert list(known) == list(found) and len(known) > 15
    for name, said in found.items():
        assert known[name].type == said["inferred_type_name"]
        assert known[name].help == said["help"]
        assert str(known[name].default) == said["default"].strip("\"'")


# ---- a value ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("months", "18", 18.0),
        ("months", 18, 18.0),
        ("entry_p", 0, 0.0),
        ("entry_p", 1, 1.0),
        ("samples", "0", 0),
        ("samples", 4.0, 4),
        ("late", "yes", True),
        ("late", 0, False),
        ("label", "007", "007"),
        ("label", Path("a/b"), "a/b"),
        ("ties", "breslow", "breslow"),
    ],
)
def test_a_value_becomes_its_declared_type(name, value, expected):
    held = parameters.held({name: value}, parameters.declared(CELL))[name]
    assert held == expected and type(held) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("entryp", 0.2, "no parameter 'entryp'. Did you mean 'entry_p'"),
        ("entry_p", "0,2", "entry_p = '0,2' is not of type float"),
        ("entry_p", None, "entry_p = None is not of type float"),
        ("entry_p", "1_0", "not of type float"),
        ("months", math.nan, "not a finite number"),
        ("months", "inf", "not a finite number"),
        ("samples", math.inf, "not of type int"),
        ("samples", 10**400, ""),
        ("months", 10**400, "not of type float"),
        ("samples", 2.5, "not of type int"),
        ("samples", True, "not of type int"),
        ("label", None, "label = None is not of type str"),
        ("label", 7, "not of type str"),
        ("late", "perhaps", "not of type bool"),
        ("late", 2, "not of type bool"),
        ("ties", "Efron", "none of its choices: efron, breslow. Did you mean 'efron'"),
        ("ties", "exact", "efron, breslow"),
        ("samples", -1, "outside its range, 0 or more"),
        ("entry_p", 1.5, "outside its range, 0 to 1"),
        ("entry_p", -0.1, "outside its range"),
        ("months", 0, "outside its range, above 0"),
        ("months", [1], "months = a list is not"),
    ],
)
def test_what_does_not_fit_is_refused(name, value, words):
    known = parameters.declared(CELL)
    if not words:
        assert parameters.held({name: value}, known) == {name: value}
        return
    with pytest.raises(ParameterError) as refused:
        parameters.held({name: value}, known)
    assert words in str(refused.value)


def test_all_faults_come_at_once():
    values = {"entryp": 1, "ties": "Efron", "months": None, "samples": 3}
    with pytest.raises(ParameterError) as refused:
        parameters.held(values, parameters.declared(CELL))
    told = str(refused.value).splitlines()
    assert [line.split()[0] for line in told] == ["There", "ties", "months"]


def test_a_refusal_never_shows_what_may_be_a_table():
    class Table:
        def __repr__(self):
            return "P0042 Tanaka"

    with pytest.raises(ParameterError) as refused:
        parameters.held({"label": Table(), "months": Table()}, parameters.declared(CELL))
    assert "Tanaka" not in str(refused.value) and "a Table" in str(refused.value)


# ---- a notebook's session ---------------------------------------------------


class Session:
    """Cells run one after the other in one namespace, as a kernel runs them."""

    def __init__(self, *cells):
        self.names = {"In": [""]}
        self.run(*cells)

    def run(self, *cells):
        for cell in cells:
            self.names["In"].append(cell)
            exec(cell, self.names)
        return self.names.get("chosen")

    def refused(self, *cells):
        with pytest.raises(ParameterError) as refused:
            self.run(*cells)
        return str(refused.value)


REST = ("sample = 9", "import math as pd\ndesign = pd.pi\nmonth = 3", "rows = []")


def test_the_defaults_pass_and_come_back_typed():
    chosen = Session(CELL).run(CHECK)
    assert chosen["months"] == 12.0 and list(chosen) == list(parameters.declared(CELL))


def test_papermills_cell_is_typed_and_put_back():
    session = Session(CELL, "# Parameters\nmonths = 18\nlate = 1\n")
    chosen = session.run(CHECK)
    assert chosen["months"] == 18.0 and chosen["late"] is True
    assert isinstance(session.names["months"], float) and session.names["late"] is True


@pytest.mark.parametrize("cell", ["# Parameters\nentryp = 0.2\n", "entryp = 0.2", "entryp = 1 / 5"])
def test_an_unknown_name_right_behind_the_parameters_is_refused(cell):
    assert "Did you mean 'entry_p'" in Session(CELL, cell).refused(CHECK)


def test_every_fault_of_a_session_comes_at_once():
    session = Session(CELL, "# Parameters\nentryp = 0.2\nties = 'Efron'\nmonths = None\n")
    session.run("del label")
    told = session.refused(CHECK).splitlines()
    assert len(told) == 4 and "'label' is gone" in told[1]
    assert session.names["months"] is None


def test_a_refused_check_does_not_pass_when_it_is_only_run_again():
    session = Session(CELL, "entryp = 0.2")
    session.refused(CHECK)
    assert "entryp" in session.refused(CHECK)
    assert "entryp" in session.refused(*REST, CHECK)


@pytest.mark.parametrize(
    "remedy", [["entry_p = 0.2"], [CELL, "entry_p = 0.2"], ["print('so')", "entry_p = 0.2"]]
)
def test_a_corrected_cell_answers_the_refusal(remedy):
    session = Session(CELL, "entryp = 0.2")
    session.refused(CHECK)
    assert session.run(*remedy, CHECK)["entry_p"] == 0.2


def test_a_corrected_line_among_others_answers_the_refusal():
    session = Session(CELL, "# Parameters\nties = 'breslow'\nentryp = 0.2\n")
    session.refused(CHECK)
    assert session.run("# Parameters\nties = 'breslow'\n", CHECK)["ties"] == "breslow"


def test_another_cell_does_not_answer_a_refusal():
    session = Session(CELL, "# Parameters\nlate = True\nentryp = 0.2\n")
    session.refused(CHECK)
    assert "entryp" in session.refused("ties = 'breslow'", CHECK)


def test_other_names_are_no_parameters_however_often_the_check_is_run():
    session = Session(CELL, CHECK, *REST)
    session.run(CHECK)
    session.run("samples = 7", *REST, CHECK, CHECK)
    assert session.run("months = 24", CHECK)["months"] == 24.0
    assert "Did you mean 'months'" in session.refused(*REST, "monhts = 24", CHECK)


def test_parameters_run_again_after_all_else_are_what_counts():
    session = Session(CELL, "samples = -1")
    session.refused(CHECK)
    edited = CELL.replace("12.0", "6")
    assert session.run(*REST, edited, CHECK)["months"] == 6.0
    assert session.run("months: float = 3  # of it", CHECK)["months"] == 3.0


def test_cells_without_a_history_are_held_against_a_declaration():
    names = {}
    exec(CELL, names)
    names["months"] = 18
    assert parameters.check(names, CELL)["months"] == 18.0
    names["ties"] = "Efron"
    with pytest.raises(ParameterError, match="Did you mean 'efron'"):
        parameters.check(names, CELL)


def test_without_history_and_declaration_the_annotations_give_the_types():
    names = {}
    exec(CELL, names)
    names["months"] = "long"
    with pytest.raises(ParameterError, match="months = 'long' is not of type float"):
        parameters.check(names)


def test_without_any_declaration_nothing_is_guessed():
    with pytest.raises(ParameterError, match="No parameter cell was run"):
        parameters.check({"In": ["", CHECK], "months": 3})


# ---- real kernels -----------------------------------------------------------


def notebook(*cells):
    book = nbformat.v4.new_notebook()
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "P", "language": "python"}
    book.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    book.cells[0].metadata["tags"] = ["parameters"]
    return book


def test_papermill_alone_refuses_in_the_same_words(tmp_path):
    path = tmp_path / "tiny.ipynb"
    nbformat.write(notebook(CELL, CHECK, "chosen['months'] * 2"), path)
    given = {"entryp": 0.2, "entry_p": "0,2", "samples": None, "ties": "Efron"}
    with pytest.raises(ParameterError) as ours:
        parameters.held(given, parameters.declared_in(path))
    with pytest.raises(papermill.PapermillExecutionError) as theirs:
        papermill.execute_notebook(str(path), None, parameters=given, progress_bar=False)
    assert theirs.value.ename == "ParameterError" and theirs.value.evalue == str(ours.value)


def test_papermill_alone_runs_what_fits(tmp_path):
    path = tmp_path / "tiny.ipynb"
    nbformat.write(notebook(CELL, CHECK, "months * 2"), path)
    done = papermill.execute_notebook(str(path), None, parameters={"months": 9}, progress_bar=False)
    assert json.loads(done.cells[-1].outputs[0].data["text/plain"]) == 18.0


def test_a_kernel_lets_cells_run_in_any_order():
    cells = [CELL, CHECK, *REST, "months = 3", CHECK, CHECK, "chosen['months']"]
    done = nbclient.NotebookClient(notebook(*cells)).execute()
    assert done.cells[-1].outputs[0].data["text/plain"] == "3.0"
