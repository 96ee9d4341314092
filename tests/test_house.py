"""The house keeps its own rules: directions, notebooks, set-up, and what it says of itself."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jupytext
import nbformat
import papermill
import pytest
import yaml

from crlm import parameters, refusals, render
from crlm.report import html

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
IDS = [path.stem for path in NOTEBOOKS]
README = (ROOT / "README.md").read_text(encoding="utf-8")

#: Each room and all that it may import. Order is the direction of the house.
MAY_IMPORT = {
    "home": set(),
    "ledger": {"home"},
    "naming": {"ledger"},
    "files": {"ledger"},
    "refusals": {"ledger"},
    "cohort": {"ledger", "files", "refusals"},
    "endpoints": {"ledger", "cohort", "scores", "refusals"},
    "scores": {"ledger", "cohort", "refusals"},
    "exact": set(),
    "number_trends": set(),
    "multiplicity": set(),
    "unmeasured": set(),
    "poisson": set(),
    "proportions": {"ledger"},
    "categories": {"exact"},
    "baseline": {
        *("lent", "ledger", "refusals", "categories", "number_trends", "multiplicity"),
        "proportions",
        *("cohort", "endpoints", "scores"),
    },
    "survival": {"ledger", "cohort", "endpoints", "scores", "refusals", "poisson"},
    "regression": {
        "cores",
        "lent",
        "ledger",
        "cohort",
        "endpoints",
        "scores",
        "survival",
        "refusals",
    },
    "multistate": {"lent", "ledger", "refusals", "endpoints", "survival", "regression"},
    "causal": {"lent", "ledger", "survival", "regression", "unmeasured"},
    "missing": {"lent", "ledger", "causal"},
    "specification": {
        "cores",
        "ledger",
        "refusals",
        "survival",
        "regression",
        "multistate",
        "causal",
    },
    "unanswered": {"ledger"},
    "comparison": {
        "ledger",
        "numbers",
        "unanswered",
        "cohort",
        "endpoints",
        "scores",
        "baseline",
        "survival",
        "regression",
    },
    "privacy": {
        "ledger",
        "numbers",
        "cohort",
        "endpoints",
        "categories",
        "survival",
        "specification",
    },
    "second_opinion": {"lent", "ledger"},
    "agreement": {"ledger", "comparison"},
    "audit": {"ledger", "exact", "numbers", "poisson", "proportions", "unmeasured", "multiplicity"},
    "numbers": {"ledger"},
    "pieces": {"ledger"},
    "report": {"lent", "ledger", "naming", "numbers", "files", "comparison", "pieces"},
    "parameters": {"ledger"},
    "manifest": {"home", "ledger", "files"},
    "lent": {"cores", "manifest"},
    "lifeline": set(),
    "cores": {"lifeline"},
    "scratch": {"files"},
    "loading": set(),
    "kernel": {"lifeline"},
    "ahead": {
        "cores",
        "engine",
        "kernel",
        "lent",
        "lifeline",
        "loading",
        "once",
        "render",
        "scratch",
    },
    "once": {"ledger", "files", "cohort", "audit", "manifest", "lent"},
    "crate": {"parameters", "refusals"},
    "engine": {"kernel"},
    "twins": set(),
    "render": {"loading"},
    "document": {"numbers", "ledger", "files", "pieces", "refusals", "render"},
    "run": {
        "home",
        "ledger",
        "files",
        "parameters",
        "manifest",
        "engine",
        "kernel",
        "loading",
        "render",
        "crate",
        "document",
        "ahead",
        "twins",
    },
    "batch": {
        "home",
        "ledger",
        "files",
        "refusals",
        "parameters",
        "manifest",
        "engine",
        "kernel",
        "loading",
        "render",
        "run",
        "lent",
        "lifeline",
        "cores",
        "scratch",
    },
    "overview": {"ledger", "naming", "numbers", "files", "refusals", "batch"},
    "paper": None,
    "reconstruction": {
        "ledger",
        "files",
        "cohort",
        "endpoints",
        "scores",
        "exact",
        "baseline",
        "survival",
        "regression",
        "multistate",
        "comparison",
    },
    "intake": {"ledger", "cohort", "endpoints"},
    "transcription": {"ledger", "files", "cohort"},
    "starting": {"ledger", "reconstruction"},
    "cli_batch": None,
    "cli_study": None,
    "cli_cohort": None,
    "cli_document": None,
    "cli": None,
}


def tracked():
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=False
    ).stdout.split("\n")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def imports_of(path):
    """Names of crlm's rooms that a file imports, function bodies included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "crlm":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("crlm."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("crlm.")}
    return found - {"__version__"}


@pytest.mark.parametrize("path", sorted((ROOT / "crlm").rglob("*.py")), ids=str)
def test_imports_point_down(path):
    room = path.relative_to(ROOT / "crlm").parts[0].removesuffix(".py")
    if room == "__init__":
        assert imports_of(path) == set()
        return
    allowed = MAY_IMPORT[room]
    if allowed is not None:
        assert imports_of(path) - {room} <= allowed


@pytest.mark.parametrize(
    "room",
    [
        "baseline",
        "survival",
        "regression",
        "multistate",
        "causal",
        "missing",
        "endpoints",
        "cohort",
    ],
)
def test_analysis_never_sees_a_claim(room):
    files = [ROOT / "crlm" / f"{room}.py", *(ROOT / "crlm" / room).rglob("*.py")]
    for path in files:
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert "load_claims" not in text and "published.csv" not in text


def test_sections_of_a_paper_do_not_take_each_others_private_names():
    """All are one object: `_drawn` was the sample of one and a method of another."""
    owners = {}
    for path in (ROOT / "crlm" / "paper").rglob("*.py"):
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(one, ast.ClassDef) or not one.bases:
                continue
            inside = list(ast.walk(one))
            names = {n.name for n in one.body if isinstance(n, ast.FunctionDef)}
            names |= {n.target.id for n in one.body if isinstance(n, ast.AnnAssign)}
            names |= {
                n.attr
                for n in inside
                if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)
                if isinstance(n.value, ast.Name) and n.value.id == "self"
            }
            for name in names:
                if re.match(r"_[^_]", name):
                    owners.setdefault(name, set()).add(one.name)
    assert len(owners) > 50
    assert {name: who for name, who in owners.items() if len(who) > 1} == {}


def test_an_argument_is_refused_in_one_place():
    """No room of the analysis words by itself that a value is none of the choices."""
    rooms = ["baseline.py", "survival", "regression", "specification", "multistate"]
    copy = re.compile(r"must be one of|can be \{|has no column \{name|lies between 0 and 1")
    for room in rooms:
        where = ROOT / "crlm" / room
        for path in [where] if where.is_file() else where.rglob("*.py"):
            raised = re.findall(r"raise ParameterError\((.*?)\)\n", path.read_text(), re.DOTALL)
            assert not [text for text in raised if copy.search(text)], path.name


# ---- notebooks --------------------------------------------------------------


@pytest.fixture(params=NOTEBOOKS, ids=IDS)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_both_papers_have_a_notebook():
    assert {"ncch_scp", "mskcc_hai"} <= set(IDS)


@pytest.fixture(scope="module")
def formatted():
    """The code cells as the formatter would leave them, by notebook; a line is measured there."""

    def lines(source):
        made = subprocess.run(
            [sys.executable, "-m", "ruff", "format", "--line-length", "100", "-"],
            input=source,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return [line for line in made.splitlines() if line.strip()]

    return {
        path.stem: [lines(cell.source) for cell in code_cells(nbformat.read(path, as_version=4))]
        for path in NOTEBOOKS
    }


@pytest.mark.parametrize("study", IDS)
def test_cells_are_sentences(formatted, study):
    parameters_at = 0
    for number, lines in enumerate(formatted[study]):
        assert number == parameters_at or len(lines) <= 10, lines
        assert not [line for line in lines if re.match(r"\s*(def|class|lambda)\b", line)]
        assert not [line for line in lines if len(line) > 100]
    assert sum(map(len, formatted[study])) <= 150


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_there_is_more_to_read_than_to_run(path, formatted):
    cells = nbformat.read(path, as_version=4).cells
    words = sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown")
    assert words >= 9 * sum(map(len, formatted[path.stem]))


def test_most_outputs_are_read_aloud(notebook):
    shown = [cell.outputs for cell in code_cells(notebook) if cell.outputs]
    read = [o for o in shown if 'class="reading"' in json.dumps(o).replace('\\"', '"')]
    assert 2 * len(read) >= len(shown)


def test_the_formatter_and_the_linter_accept_the_notebooks():
    for task in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *task, *map(str, NOTEBOOKS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_committed_executed_in_order_without_error(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    for cell in code_cells(notebook):
        assert not [o for o in cell.outputs if o.output_type in ("error", "stream")], cell.source


def test_a_notebook_wears_the_dress_of_today(notebook):
    shown = [o.data.get("text/html", "") for c in code_cells(notebook) for o in c.outputs]
    assert f"<style>{html.dress()}</style>" in "".join(shown), "execute the notebooks again"


def test_the_kernel_is_everybodys(notebook):
    assert notebook.metadata.kernelspec.name == "python3"


def test_no_trace_of_a_machine_in_notebooks(notebook):
    text = json.dumps(notebook)
    assert not re.search(r'"(execution|papermill)": \{', text)
    assert not re.search(r"/(home|root|Users|tmp)/", text)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_the_text_twin_is_in_step(path):
    twin = jupytext.read(path.with_suffix(".md"))
    cells = [(c.cell_type, c.source.strip()) for c in nbformat.read(path, as_version=4).cells]
    assert [(c.cell_type, c.source.strip()) for c in twin.cells] == cells
    tags = [c.metadata.get("tags", []) for c in nbformat.read(path, as_version=4).cells]
    assert [c.metadata.get("tags", []) for c in twin.cells] == tags


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_parameters_are_typed_and_explained(path):
    found = papermill.inspect_notebook(str(path))
    assert {"cohort_path", "codebook_path", "ties", "conf_type", "entry_p", "seed"} <= set(found)
    for parameter in found.values():
        assert parameter["inferred_type_name"] in {"str", "int", "float", "bool"}, parameter
        assert len(parameter["help"]) > 10, parameter


# ---- the report -------------------------------------------------------------


def test_a_report_asks_no_other_host_for_anything(notebook):
    page = render.render(notebook)
    assert not re.findall(r'(?:src|href|action|poster|data)="(?:https?:)?//[^"]*"', page)
    assert "@import" not in page and not re.findall(r"url\((?!['\"]?data:)", page)
    assert "<script" not in page


def test_a_report_holds_no_patient(notebook):
    page = render.render(notebook)
    ids = (ROOT / "data" / "ncch_scp" / "cohort.csv").read_text().splitlines()[1:]
    ids += (ROOT / "data" / "mskcc_hai" / "cohort.csv").read_text().splitlines()[1:]
    names = {line.split(",")[0] for line in ids}
    words = set(re.findall(r"[A-Z]+\d{3,}", re.sub(r"base64,[^\"]*", "", page)))
    assert not names & words


def test_figures_have_an_alternative_text(notebook):
    page = render.render(notebook)
    images = re.findall(r"<img[^>]*>", page)
    assert images and all(re.search(r'alt="[^"]{20,}', image) for image in images)


# ---- set-up -----------------------------------------------------------------


def names_of(requirements):
    return {re.split(r"[<>=!~;\s\[]", text.strip())[0].lower() for text in requirements}


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def test_conda_pip_and_the_lock_are_in_step():
    wanted = {*PROJECT["dependencies"]}.union(*EXTRAS.values())
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    plain = [item for item in conda if isinstance(item, str)]
    piped = [item for entry in conda if isinstance(entry, dict) for item in entry["pip"]]
    listed = [item for item in plain + piped if not item.startswith("python>")]
    assert sorted(listed) == sorted(wanted)
    assert f"python{PROJECT['requires-python']}" in plain
    locked = re.findall(
        r"^([\w.-]+)(?:\[[\w,-]+\])?==", (ROOT / "requirements.lock").read_text(), re.MULTILINE
    )
    assert names_of(wanted) <= {name.lower() for name in locked}
    assert "survival==2.0.0" in (ROOT / "requirements.lock").read_text()


def test_an_extra_holds_what_the_plain_installation_lacks():
    plain = names_of(PROJECT["dependencies"])
    assert not plain & names_of(set().union(*EXTRAS.values()))
    for package, extra in refusals.EXTRAS.values():
        assert package in names_of(EXTRAS[extra])


def test_the_readme_tells_what_each_extra_is_for():
    table = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", README, re.MULTILINE))
    assert set(EXTRAS) <= set(table)
    needs = {"crlm reconstruct": "search", "--scheduler": "cluster", "--crate": "crate"}
    assert all(command in table[extra] for command, extra in needs.items())
    for page in [README, (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")]:
        for section in re.split(r"^## ", page, flags=re.MULTILINE):
            for command, extra in needs.items():
                if re.search(rf"^crlm.*{command.removeprefix('crlm ')}", section, re.MULTILINE):
                    assert f"extra `{extra}`" in section, section


def test_the_container_is_the_lock_and_nobody_of_rank():
    lines = (ROOT / "binder" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    steps = [line for line in lines if line and not line.startswith("#")]
    kinds = [line.split()[0] for line in steps]
    base = re.fullmatch(r"FROM python:(3\.\d+)-slim", steps[0])
    low, high = re.findall(r"3\.(\d+)", PROJECT["requires-python"])
    assert base and int(low) <= int(base[1].split(".")[1]) < int(high)
    pips = [line for line in steps if "pip install" in line]
    assert "--require-hashes -r requirements.lock" in pips[0] and "--no-deps" in pips[1]
    assert kinds.index("USER") > max(i for i, kind in enumerate(kinds) if kind in ("RUN", "COPY"))
    assert steps[kinds.index("USER")] == "USER ${NB_USER}" and "ENTRYPOINT" not in kinds
    command = json.loads(steps[-1].removeprefix("CMD "))
    assert command[:2] == ["jupyter", "lab"] and "jupyterlab" in names_of(EXTRAS["lab"])
    kept_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".git", ".venv", "data/private", "reports/*"} <= set(kept_out)


def test_the_lock_is_pinned_and_hashed_and_names_no_address():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(entries) > 50 and all("==" in line and line.endswith("\\") for line in entries)
    assert "://" not in text and "--index-url" not in text and "--find-links" not in text


def test_no_file_names_a_registry_host_or_a_machine():
    hosts = "|".join(
        ["pypi" + r"\.org", "python" + "hosted", "registry" + r"\.npmjs", "ana" + r"conda\.org"]
    )
    machine = r"(?<![\w.])/(?:home|root|Users|work)/\w"
    for path in tracked():
        if path.suffix in {".png", ".xlsx", ".sav", ".parquet", ".lock"} or path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        found = re.search(f"{hosts}|{machine}", text)
        assert not found, f"{path.name}: {found and found.group()}"


# ---- README -----------------------------------------------------------------


def test_the_paths_that_the_readme_names_exist():
    rooms = "crlm|data|notebooks|tests|reports|benchmarks|docs|examples"
    named = set(re.findall(rf"`((?:{rooms})/[\w./-]*)`", README))
    assert len(named) > 10
    assert not [name for name in named if "<" not in name and not (ROOT / name).exists()]


@pytest.mark.parametrize("page", ["README.md", "docs/house.md"])
def test_the_sections_that_a_page_sends_readers_to_exist(page):
    """A section's name in italics, capital first, is a heading of both notebooks."""
    told = set(re.findall(r"(?<!\*)\*([A-Z][^*|\n]+)\*(?!\*)", (ROOT / page).read_text("utf-8")))
    assert told
    for path in NOTEBOOKS:
        text = path.with_suffix(".md").read_text("utf-8")
        headings = re.findall(r"^## (.+)$", text, re.M)
        assert not {name for name in told if not any(h.startswith(name) for h in headings)}


def test_the_make_targets_that_the_readme_names_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", README)) <= targets


def test_the_crlm_commands_that_the_readme_names_parse():
    from crlm.cli import _parser

    commands = re.findall(r"^crlm (.+)$", README, re.MULTILINE)
    assert len(commands) >= 5
    for command in commands:
        _parser().parse_args(command.split("  #")[0].split())


def test_the_parameters_that_the_readme_names_exist():
    named = set(re.findall(r"-p (\w+) ", README))
    known = set().union(*(parameters.declared_in(path) for path in NOTEBOOKS))
    assert named and named <= known


def test_the_formatter_is_never_overruled():
    word = "# " + "fmt:"
    files = [
        path for name in ("crlm", "tests", "benchmarks") for path in (ROOT / name).rglob("*.py")
    ]
    assert [str(path) for path in files if word in path.read_text(encoding="utf-8")] == []
