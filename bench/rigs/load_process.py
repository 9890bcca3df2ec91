"""Runs the load generator in a process of its own."""

import asyncio
import sys

import msgspec

from bench.errors import DoesNotCount
from bench.load.plan import Outcome, Plan
from stack.home import ROOT

_LATE_S = 60.0
_COMPLAINT_CHARACTERS = 2000


async def carry_out(plan: Plan) -> Outcome:
    """What became of the load; raises DoesNotCount where it broke off, TimeoutError where it doesn't end."""
    command = (sys.executable, "-m", "bench.load", msgspec.json.encode(plan).decode())
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(plan.warm_up_s + plan.measure_s + _LATE_S):
            told, complaint = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise DoesNotCount(f"the load broke off: {complaint.decode()[-_COMPLAINT_CHARACTERS:]}")
    return msgspec.json.decode(told, type=Outcome)
