"""Settings come from the environment, and every fault is named at once."""

from collections import Counter
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Literal

import pytest

from pipeline.core.errors import SettingsError
from pipeline.core.settings import read, shared
from pipeline.core.settings.docs import markdown, settings_classes
from pipeline.core.settings.gateway import GatewaySettings
from pipeline.core.settings.workers import WorkerSettings
from pipeline.core.variables import required, setting, typed_fields


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A part that several settings classes share."""

    size: int = setting("SIZE", "A size.", default=3)


@dataclass(frozen=True, kw_only=True)
class Outer:
    """A program's settings."""

    name: str = setting("NAME", "A name.")
    key: str = setting("KEY", "A key.", default="", secret=True)
    kind: Literal["a", "b"] = setting("KIND", "A kind.", default="a")
    inner: Inner = Inner()


@dataclass(frozen=True, kw_only=True)
class Door:
    """A program with a part that it can do without."""

    lock: Outer | None = None


def test_a_part_that_is_not_required_is_read_where_something_of_its_own_is_set() -> None:
    assert read(Door, {"MENSAGERIA_SIZE": "7"}) == Door()
    assert read(Door, {"MENSAGERIA_NAME": "x"}).lock == Outer(name="x")
    assert required(Door) == ("MENSAGERIA_NAME",)
    with pytest.raises(SettingsError, match="MENSAGERIA_KIND is 'c'"):
        read(Door, {"MENSAGERIA_NAME": "x", "MENSAGERIA_KIND": "c"})


def test_defaults_and_values_are_read() -> None:
    settings = read(Outer, {"MENSAGERIA_NAME": "x", "MENSAGERIA_SIZE": "7"})
    assert settings == Outer(name="x", inner=Inner(size=7))


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    assert read(Inner, {"MENSAGERIA_SIZE": ""}).size == 3


def test_every_fault_is_named() -> None:
    with pytest.raises(SettingsError) as caught:
        read(Outer, {"MENSAGERIA_SIZE": "many", "MENSAGERIA_KIND": "c"})
    text = str(caught.value)
    assert "MENSAGERIA_NAME is not set" in text
    assert "MENSAGERIA_SIZE is 'many': give a whole number" in text
    assert "MENSAGERIA_KIND is 'c': choose one of a, b" in text


def test_a_secret_is_not_shown() -> None:
    assert "hush" not in repr(read(Outer, {"MENSAGERIA_NAME": "x", "MENSAGERIA_KEY": "hush"}))


def test_the_page_of_settings_is_up_to_date() -> None:
    assert Path("docs/settings.md").read_text() == markdown()


def test_every_number_has_bounds_that_its_default_keeps_and_that_hold() -> None:
    for kind in settings_classes():
        for item, wanted in typed_fields(kind):
            if wanted not in (int, float):
                continue
            least, most, name = item.metadata["least"], item.metadata["most"], item.metadata["name"]
            assert least is not None, name
            beyond = [least - 1, *([] if most is None else [most + 1]), *(["nan"] if wanted is float else [])]
            for value in beyond:
                with pytest.raises(SettingsError, match=f"{name} is .*: give at (least|most)"):
                    read(kind, {name: str(value)})
            if item.default is not MISSING:
                assert least <= item.default <= (most or item.default), name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKER_IN_FLIGHT_EVENTS", "0"),
        ("WORKER_IN_FLIGHT_BYTES", "0"),
        ("WORKER_POLL_S", "25"),
        ("GATEWAY_KEY_BURST_EVENTS", "0.5"),
        ("TRACE_RATIO", "nan"),
        ("GATEWAY_LEG_TIMEOUT_S", "inf"),
    ],
)
def test_a_number_with_which_nothing_would_go_is_refused_at_the_start(name: str, value: str) -> None:
    kind = WorkerSettings if name.startswith("WORKER") else GatewaySettings
    with pytest.raises(SettingsError, match=f"MENSAGERIA_{name} is '{value}': give at"):
        read(kind, {f"MENSAGERIA_{name}": value, "MENSAGERIA_TOPIC_ARN": "arn"})


def test_no_variable_is_declared_twice() -> None:
    """But ports, which `make run` hands on, and what means or does another thing in each program that reads it."""
    declared = [
        (item.metadata["name"], kind.__name__)
        for kind in [*settings_classes(), *vars(shared).values()]
        if isinstance(kind, type) and is_dataclass(kind)
        for item in fields(kind)
        if "name" in item.metadata and item.name in vars(kind).get("__annotations__", {})
    ]
    counts = Counter(name for name, _ in declared if not name.endswith("_PORT"))
    other_role = {"MENSAGERIA_POSTGRES_URL"}
    turns_a_part_on = {"MENSAGERIA_KAFKA_BOOTSTRAP_SERVERS", "MENSAGERIA_PENDING_QUEUE_URL", "MENSAGERIA_TOPIC_ARN"}
    assert {name for name, count in counts.items() if count > 1} == other_role | turns_a_part_on
