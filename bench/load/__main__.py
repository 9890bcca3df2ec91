"""`python -m bench.load PLAN`: carry out a plan (JSON) and print its outcome (JSON)."""

import asyncio
import gc
import sys

import msgspec
import uvloop

from bench.load.generator import Generator
from bench.load.plan import Outcome, Plan


def main() -> None:
    """One load."""
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    gc.disable()  # nothing here makes cycles, and a pause would count as the gateway's latency
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        outcome = runner.run(_carry_out(plan))
    sys.stdout.buffer.write(msgspec.json.encode(outcome) + b"\n")


async def _carry_out(plan: Plan) -> Outcome:
    return await Generator(plan).run()


if __name__ == "__main__":
    main()
