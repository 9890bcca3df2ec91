"""What the load generator is asked to do, and what it tells afterwards."""

import msgspec


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A load: `rate_per_s` requests a second (open loop), or as many as are answered (closed loop) where it is None.

    Every `repeat_every`th request sends an event of before once more; where it is None, none does.
    `watched` are processes, by name, whose CPU time is read while the load is on.
    """

    host: str
    port: int
    connections: int
    warm_up_s: float
    measure_s: float
    watched: dict[str, int]
    rate_per_s: float | None = None
    repeat_every: int | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a load.

    `began_at` is when the first connection was opened (epoch, s). `sent`, `accepted`, `refused`
    (by status) and `unanswered` count from the first request to the last answer. What follows is of
    the measured seconds alone: `events` that were accepted, `seconds`, the `cpu_s` of each watched
    process and of the generator (`load`), how long each of them waited for a core (`waited_s`), and
    the `latency_ms` from the moment a request was due to its 202: `p50_ms`, `p99_ms`, `p999_ms`,
    `longest_ms`; empty where there was none.
    """

    began_at: float
    sent: int
    accepted: int
    refused: dict[int, int]
    unanswered: int
    events: int
    seconds: float
    cpu_s: dict[str, float]
    waited_s: dict[str, float]
    latency_ms: dict[str, float]
