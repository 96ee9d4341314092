"""An edit of a notebook reaches its text twin, and none is lost."""

import os
import shutil
from pathlib import Path

import jupytext
import pytest
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from jupytext.config import load_jupytext_config
from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class

from crlm import twins

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"


@pytest.fixture
def folder(tmp_path):
    """Both files of one notebook and their set-up, the notebook the newer one."""
    place = tmp_path / "notebooks"
    place.mkdir()
    for name in ("ncch_scp.ipynb", "ncch_scp.md", "jupytext.toml"):
        shutil.copy(NOTEBOOKS / name, place)
    stamp(place / "ncch_scp.md", 1)
    stamp(place / "ncch_scp.ipynb", 2)
    return place


def stamp(path, moment):
    os.utime(path, (moment, moment))


def edit(path, moment):
    book = jupytext.read(path)
    book.cells[5].source += "\n# an edit"
    jupytext.write(book, path)
    stamp(path, moment)


def test_executing_a_notebook_is_no_edit(folder, capsys):
    assert twins.main([str(folder)]) == 0 and capsys.readouterr().err == ""


@pytest.mark.parametrize("moment", [1, 2])
def test_an_edit_of_the_notebook_alone_is_told(folder, capsys, moment):
    edit(folder / "ncch_scp.ipynb", moment)
    assert twins.main([str(folder)]) == 1
    told = capsys.readouterr().err
    assert "(cell 6)" in told and "jupytext --to md:myst" in told and told.count("\n") == 1


def test_an_edit_of_the_twin_is_what_a_notebook_is_built_from(folder):
    edit(folder / "ncch_scp.md", 3)
    assert twins.main([str(folder)]) == 0


def test_a_run_says_that_an_edit_of_the_twin_is_not_in_its_notebook(folder):
    """The notebook ran as it was before the edit, without a word."""
    notebook = folder / "ncch_scp.ipynb"
    stamp(folder / "ncch_scp.md", 3)
    assert not [*twins.behind(notebook)]
    edit(folder / "ncch_scp.md", 3)
    (told,) = twins.behind(notebook)
    assert "(cell 6)" in told and told.endswith(f"jupytext --sync {folder / 'ncch_scp.md'}")


@pytest.mark.parametrize("start", [ROOT, NOTEBOOKS], ids=["root", "notebooks"])
def test_wherever_jupyterlab_starts_notebooks_have_a_twin_and_reports_none(start):
    config = load_jupytext_config(str(NOTEBOOKS / "ncch_scp.ipynb"))
    assert config is not None and config.default_formats(str(start / "a.ipynb"))
    assert load_jupytext_config(str(ROOT / "reports" / "ncch_scp.ipynb")) is None


def test_saving_in_jupyterlab_writes_the_twin(folder):
    kind = build_sync_jupytext_contents_manager_class(LargeFileManager)
    manager = kind(root_dir=str(folder.parent))
    model = manager.get("notebooks/ncch_scp.ipynb")
    model["content"]["cells"][0]["source"] += "\n\nAn edit."
    manager.save({"type": "notebook", "content": model["content"]}, "notebooks/ncch_scp.ipynb")
    assert "An edit." in (folder / "ncch_scp.md").read_text(encoding="utf-8")
    assert twins.main([str(folder)]) == 0


def test_make_lab_starts_at_the_root_and_make_notebooks_asks_first():
    text = (ROOT / "Makefile").read_text()
    assert "--ServerApp.root_dir=. " in text
    target = text.split("\nnotebooks:")[1].split("\n\n")[0]
    assert target.index("crlm.twins notebooks") < target.index("jupytext")
