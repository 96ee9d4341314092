"""How often and how fast the frozen search matches the print: one line a seed.

    python benchmarks/reconstruction.py STUDY [--seeds 20] [--effort 1.0] [--out DIR]

Counts are those of the certificate, recomputed by other programs than the search used;
seconds are those of the search on one core.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median

from crlm.reconstruction import reconstruct


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--effort", type=float, default=1.0)
    parser.add_argument("--out", type=Path, help="keep the cohorts here")
    asked = parser.parse_args()
    folder = asked.out or Path(tempfile.mkdtemp())
    shares, seconds = [], []
    for seed in range(1, asked.seeds + 1):
        found = reconstruct(asked.study, folder / str(seed), seed=seed, effort=asked.effort)
        shares.append(found.matched / found.counted)
        seconds.append(found.seconds)
        missed = found.verdicts.query("excluded == '' and verdict != 'matches'")["id"].tolist()
        print(f"seed {seed}: {found.matched}/{found.counted} in {found.seconds:.0f} s", *missed[:8],
              flush=True)  # fmt: skip
    good = [share >= 0.97 for share in shares]
    print(f"{sum(good)} of {len(good)} seeds reach 97 %; median {median(shares):.1%}, "
          f"median time {median(seconds):.0f} s")  # fmt: skip


if __name__ == "__main__":
    main()
