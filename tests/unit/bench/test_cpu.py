"""CPU time is a process's own and its descendants'; a pinned process stays where it is put."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.measuring import cpu

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"


def started(program: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program + "print('done', flush=True); input()"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "done\n"
    return process


def test_time_of_a_process() -> None:
    with started(BURN) as process:
        assert cpu.seconds(process.pid) == pytest.approx(0.33, abs=0.15)
        process.communicate("end\n")


def test_time_of_a_child_counts_as_its_parents() -> None:
    child = [sys.executable, "-c", BURN + "print(flush=True); input()"]
    program = f"import subprocess\nsubprocess.Popen({child}, stdin=0, stdout=subprocess.PIPE).stdout.readline()\n"
    with started(program) as process:
        assert cpu.seconds(process.pid) > 0.2
        process.communicate("end\nend\n")


def test_a_process_that_shares_its_core_waits_for_it() -> None:
    core = min(os.sched_getaffinity(0))
    rival = f"import os, subprocess, sys; os.sched_setaffinity(0, {{{core}}})\n"
    rival += f"subprocess.Popen([sys.executable, '-c', {BURN!r}])\n"
    with started(rival + BURN) as process:
        assert 0.1 < cpu.waited_seconds(process.pid) < 10
        process.communicate("end\n")


def test_a_process_that_is_gone_is_an_error() -> None:
    with started("") as process:
        process.communicate("end\n")
    with pytest.raises(FileNotFoundError):
        cpu.seconds(process.pid)


def test_every_thread_is_pinned() -> None:
    core = min(os.sched_getaffinity(0))
    program = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    with started(program) as process:
        cpu.pin(process.pid, {core})
        threads = [int(folder.name) for folder in Path(f"/proc/{process.pid}/task").iterdir()]
        assert len(threads) == 2
        assert all(os.sched_getaffinity(thread) == {core} for thread in threads)
        process.communicate("end\n")


def test_what_is_measured_has_a_core_for_itself() -> None:
    measured, others = cpu.split_cores()
    assert len(measured) == 1
    assert measured | others == os.sched_getaffinity(0)
    assert measured.isdisjoint(others) or os.sched_getaffinity(0) == measured
