"""Parts of a computation on several cores: the answers, their order and their errors as on one."""

import os
import signal
import sys
import time

import pandas as pd
import psutil
import pytest

from crlm import cores
from crlm.ledger import CohortError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux")


@pytest.fixture(params=["1", "2", "3"])
def several(request, monkeypatch):
    monkeypatch.setenv(cores.VARIABLE, request.param)
    return int(request.param)


def test_answers_come_in_the_order_of_the_parts(several):
    assert cores.each(lambda n: n * n, range(8)) == [n * n for n in range(8)]
    assert cores.each(str, []) == [] and cores.each(str, [1]) == ["1"]
    frames = cores.each(lambda n: pd.DataFrame({"n": [n]}), range(4))
    assert [frame.loc[0, "n"] for frame in frames] == [0, 1, 2, 3]


def test_as_many_processes_work_as_there_are_cores(several):
    found = cores.each(lambda _: (os.getpid(), time.sleep(0.01)), range(12))
    assert len({pid for pid, _ in found}) == several and found[0][0] == os.getpid()


def refused(n):
    if n in (3, 4):
        raise CohortError(f"part {n}")
    return n


def test_the_first_error_is_raised_as_itself(several):
    with pytest.raises(CohortError, match="part 3"):
        cores.each(refused, range(8))


def killed(n):
    if os.getpid() != killed.parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return n


def test_a_helper_that_dies_costs_time_alone(several):
    killed.parent = os.getpid()
    assert cores.each(killed, range(6)) == list(range(6))


def test_an_answer_that_cannot_be_sent_is_made_here(several):
    found = cores.each(lambda n: lambda: n, range(4))
    assert [answer() for answer in found] == [0, 1, 2, 3]


def test_helpers_start_no_helpers(several):
    inside = cores.each(lambda _: (os.getpid(), cores.each(lambda _: os.getpid(), "ab")), "abcd")
    assert all(set(pids) == {pid} for pid, pids in inside if pid != os.getpid())


def test_no_helper_is_left(several):
    before = psutil.Process().children()  # other tests keep one from which runs are forked
    cores.each(lambda n: n, range(4))
    assert psutil.Process().children() == before


def test_who_has_the_machine(monkeypatch):
    monkeypatch.delenv(cores.VARIABLE, raising=False)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert cores.count() == 1
    monkeypatch.setenv("JPY_SESSION_NAME", "a notebook")
    assert cores.count() == cores.available()
    monkeypatch.setenv(cores.VARIABLE, "1")
    assert cores.count() == 1
