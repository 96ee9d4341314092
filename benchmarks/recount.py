"""The certificate's counts once more, by R: needs Rscript with the package survival.

    python benchmarks/recount.py STUDY [--cohort DIR]

The files of a cohort are read as the notebooks read them; every quantity that a claim asks
for is then computed in R (recount.R). Prints how many claims match and the largest distance
from the value in the certificate.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import pandas as pd

from crlm import ledger
from crlm.reconstruction import certificate, goal, wishes_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study")
    parser.add_argument(
        "--cohort", type=Path, help="folder of cohort.csv, history.csv, certificate.json"
    )
    asked = parser.parse_args()
    design, claims = ledger.load_design(asked.study), ledger.load_claims(asked.study)
    folder = asked.cohort or design.folder
    paths = folder / "cohort.csv", folder / "history.csv"
    aim = goal(design, claims, wishes_of(design)["excluded"])
    with tempfile.TemporaryDirectory() as scratch:
        program = _ByR(Path(scratch), design)
        certificate.certify(design, claims, aim, *paths, attained=program.note)
        program.run()
        verdicts = certificate.certify(design, claims, aim, *paths, attained=program.answer)
    counted = verdicts[verdicts["excluded"] == ""]
    matched = counted["verdict"] == "matches"
    held = pd.DataFrame(json.loads((folder / "certificate.json").read_text("utf-8"))["verdicts"])
    both = verdicts.merge(held[["id", "computed", "verdict"]], on="id", suffixes=("", "_held"))
    gap = (both["computed"] - both["computed_held"]).abs() / both["computed"].abs().clip(lower=0.01)
    other = both[both["verdict"].astype(str) != both["verdict_held"]]
    print(
        f"{asked.study}: {matched.sum()} of {len(counted)} claims match ({matched.mean():.1%}); "
        f"largest relative distance from the certificate {gap.max():.1e}; "
        f"another verdict: {', '.join(other['id']) or 'none'}"
    )


class _ByR:
    """Statistics noted in a first pass, computed together, told in a second."""

    def __init__(self, folder: Path, design: ledger.Design) -> None:
        self.folder, self.design = folder, design
        self.asked: list[certificate.Quantity] = []
        self.values: list[float] = []

    def note(self, quantity, frames, design) -> float:
        if not self.asked:
            self._write_frames(frames)
        self.asked.append(quantity)
        return certificate.by_python(quantity, frames, design)

    def answer(self, quantity, frames, design) -> float:
        return self.values[self.asked.index(quantity)]

    def run(self) -> None:
        records = [
            {
                "kind": s.kind,
                "endpoint": s.endpoint,
                "frame": s.endpoint if s.endpoint in self.design.endpoints else "patients",
                "where": ";".join(f"{name}={level}" for name, level in s.where),
                "columns": ";".join(s.columns),
                "part": s.part,
                "covariate": s.covariate,
                "limit": s.limit,
                "time": s.time,
            }
            for s in self.asked
        ]
        pd.DataFrame(records).to_csv(self.folder / "statistics.csv", index=False)
        script = Path(__file__).with_name("recount.R")
        done = subprocess.run(
            ["Rscript", str(script), str(self.folder)], capture_output=True, text=True, check=True
        )
        print(done.stdout.strip())
        self.values = pd.read_csv(self.folder / "values.csv")["value"].tolist()

    def _write_frames(self, frames) -> None:
        levels = []
        for name, frame in frames.items():
            shown = frame.copy()
            for column in shown.select_dtypes(bool):
                shown[column] = shown[column].astype("Int64")
            shown.to_csv(self.folder / f"frame_{name}.csv", index=False)
            for column in frame:
                levels += [
                    {"column": column, "level": level}
                    for level in certificate.levels_of(self.design, column)
                ]
        pd.DataFrame(levels).drop_duplicates().to_csv(self.folder / "levels.csv", index=False)
        rules = {k: v for k, v in self.design.conventions.items() if isinstance(v, str)}
        rules["categorical_test"] = self.design.table_one["categorical_test"]
        table = pd.DataFrame({"name": list(rules), "value": list(rules.values())})
        table.to_csv(self.folder / "rules.csv", index=False)


if __name__ == "__main__":
    main()
