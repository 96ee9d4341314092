"""Printed numbers turned into synthetic cohorts: search, certificate, files. The only door.

`reconstruct` searches a cohort whose complete analysis gives the numbers that a paper
prints, writes it as a patient table with event histories, and certifies what it matches
with other programs than the search used. `goal` tells what print asks for. Not one row of
such a cohort is a patient: it proves that the pipeline is the paper's and that the printed
numbers can hold together, it proves nothing about medicine, and it must not be pooled
with data.
"""

from crlm.reconstruction.against_print import print_faults
from crlm.reconstruction.certificate import certify
from crlm.reconstruction.ensembles import ensemble
from crlm.reconstruction.out_of_reach import out_of_reach
from crlm.reconstruction.procedure import Outcome, reconstruct
from crlm.reconstruction.quantity import Quantity
from crlm.reconstruction.search import Progress
from crlm.reconstruction.targets import Goal, Target, goal
from crlm.reconstruction.wishes import wishes_of, wishes_schema

__all__ = [
    "print_faults",
    "Goal",
    "Outcome",
    "Progress",
    "Quantity",
    "Target",
    "certify",
    "ensemble",
    "goal",
    "out_of_reach",
    "reconstruct",
    "wishes_of",
    "wishes_schema",
]
