"""The wheel holds what a checkout keeps at its top, so that it runs without one."""

import runpy
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

TOP = Path(__file__).resolve().parent
#: By name, so that a table of patients that lies in a study's folder stays where it is.
STUDY = (
    "README.md",
    "certificate.json",
    "cohort.csv",
    "cohort.source.toml",
    "design.toml",
    "ensemble.json",
    "history.csv",
    "published.csv",
    "reconstruction.toml",
)


def shipped():
    """What goes into `crlm/shipped`: the lock, the notebooks, and each study's folder."""
    yield from (TOP / "requirements.lock", TOP / "data" / "columns.toml")
    yield from TOP.glob("notebooks/*.ipynb")
    for design in TOP.glob("data/*/design.toml"):
        yield from (p for name in STUDY if (p := design.with_name(name)).is_file())


class WithShipped(build_py):
    """`build_py` that adds `crlm/shipped`, with the commit that it was built from."""

    def run(self):
        """Build anew: what an earlier build left would come along."""
        if not self.editable_mode:
            shutil.rmtree(Path(self.build_lib) / "crlm", ignore_errors=True)
        super().run()
        if not self.editable_mode:
            self._ship(Path(self.build_lib) / "crlm" / "shipped")

    def _ship(self, folder):
        for path in shipped():
            target = folder / path.relative_to(TOP)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        commit_of = runpy.run_path(str(TOP / "crlm" / "home.py"))["commit_of"]
        (folder / "commit").write_text(commit_of(TOP) + "\n", encoding="utf-8")


setup(cmdclass={"build_py": WithShipped})
