"""How often and how fast the frozen search matches the print: one line a seed.

    python benchmarks/reconstruction.py STUDY [--seeds 1 20] [--effort 1.0] [--out DIR]

Counts are those of the certificate, recomputed by other programs than the search used;
seconds are those of the search on one core, so the time to 97 % is at most that. Each line
goes to reconstruction.csv, which keeps what it has of other seeds at the same effort. Seeds
that DIR already holds are not searched again.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from crlm.reconstruction import reconstruct

ENOUGH = 0.97
TABLE = Path(__file__).with_suffix(".csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study")
    parser.add_argument("--seeds", type=int, nargs=2, default=(1, 20), help="first and last")
    parser.add_argument("--effort", type=float, default=1.0)
    parser.add_argument("--out", type=Path, help="keep the cohorts here")
    asked = parser.parse_args()
    folder = asked.out or Path(tempfile.mkdtemp())
    for seed in range(asked.seeds[0], asked.seeds[1] + 1):
        line = one(asked.study, seed, asked.effort, folder / str(seed))
        print(
            "{matched}/{claims} in {seconds} s (seed {seed}): {missed}".format(**line), flush=True
        )
        table = keep(line)
    share = table["matched"] / table["claims"]
    times = table["seconds"].astype(float).where(share >= ENOUGH, math.inf)
    print(
        f"{(share >= ENOUGH).sum()} of {len(table)} seeds reach {ENOUGH:.0%}; share "
        f"{share.min():.1%} to {share.max():.1%}, median {share.median():.1%}; "
        f"median time to {ENOUGH:.0%} {times.median():.0f} s"
    )


def keep(line: dict[str, Any]) -> pd.DataFrame:
    """Put a line in the table of all; those of its study and effort."""
    table = pd.DataFrame([line])
    if TABLE.is_file():
        held = pd.read_csv(TABLE, keep_default_na=False)
        own = held["study"] == line["study"]
        stale = own & ((held["effort"] != line["effort"]) | (held["seed"] == line["seed"]))
        table = pd.concat([held[~stale], table])
    table = table.sort_values(["study", "seed"])
    table.to_csv(TABLE, index=False)
    return table[table["study"] == line["study"]]


def one(study: str, seed: int, effort: float, folder: Path) -> dict[str, Any]:
    """What the certificate of one seed says, searched now unless the folder has it."""
    path = folder / "certificate.json"
    if not path.is_file():
        reconstruct(study, folder, seed=seed, effort=effort)
    told = json.loads(path.read_text("utf-8"))
    settings = told["settings"]
    if (told["study"], settings["seed"], settings["effort"]) != (study, seed, effort):
        raise SystemExit(f"{path} is of {told['study']}, {settings}. Name another --out.")
    return {
        "study": study,
        **settings,
        "matched": told["matched"],
        "claims": told["claims"] - told["excluded"],
        "missed": " ".join(told["not_matched"]),
    }


if __name__ == "__main__":
    main()
