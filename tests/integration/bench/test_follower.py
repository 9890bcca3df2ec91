"""The benchmark's probes, on the real system."""

from typing import Any

from bench.rigs import follower
from bench.rigs.system import System
from stack.home import Home


async def test_each_probe_is_found_in_both_stores_by_every_way(system: Any) -> None:
    async with follower.connected(System(Home(system.home))) as probes:
        count = await probes.follow(2)
    assert len(probes.latencies_s) == count == 20
    assert all(0 < latency < 30 for latency in probes.latencies_s)
