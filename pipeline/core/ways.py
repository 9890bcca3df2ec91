"""The consumer groups of service C."""

GROUP = "service-c"
"""Service C's consumer group: the name of its Faust app."""

HEALER_GROUP = "service-c-healer"
"""The group in which service C consumes the pending topic."""
