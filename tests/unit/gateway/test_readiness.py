"""How often readiness asks the legs."""

from gateway.legs.fan_out import FanOut
from gateway.legs.readiness import Readiness
from pipeline.telemetry.metrics import GatewayMetrics
from tests.support.clock import Clock


class Legs(FanOut):
    """Counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__((), 1, GatewayMetrics(), accepts_degraded=True)
        self.asked = 0
        self.fault: str | None = "not connected"

    async def check(self) -> dict[str, str | None]:
        self.asked += 1
        return {"kafka": self.fault}


async def test_legs_that_connect_are_asked_again_soon_and_others_once_a_second() -> None:
    clock, legs = Clock(), Legs()
    readiness = Readiness(legs, connecting_s=5, clock=clock)
    assert await readiness.faults() == {"kafka": "not connected"}
    legs.fault = None
    clock.now += 0.09
    assert await readiness.faults() == {"kafka": "not connected"}
    clock.now += 0.02
    assert await readiness.faults() == {"kafka": None}
    legs.fault = "no broker answers"
    clock.now += 0.9
    assert await readiness.faults() == {"kafka": None}
    clock.now += 5
    assert await readiness.faults() == {"kafka": "no broker answers"}
    legs.fault = None
    clock.now += 0.9
    assert (await readiness.faults(), legs.asked) == ({"kafka": "no broker answers"}, 3)
