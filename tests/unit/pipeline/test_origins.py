"""What the headers of a request say of where it comes from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.serving.origins import absolute_target, host_name, is_foreign, is_loopback, is_navigation

OWN = {"host": "127.0.0.1:8000"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:8000"},
        {"origin": "http://127.0.0.1:8000"},
        {"origin": "HTTP://LOCALHOST:8000", "host": "localhost:8000"},
    ],
)
def test_programs_and_own_pages_are_not_foreign(headers: dict[str, str]) -> None:
    assert not is_foreign(OWN | headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": ""},
        {"sec-fetch-site": "same-origin, cross-site"},
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:9000"},
        {"origin": "http://localhost:8000"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://["},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
        {"origin": "", "host": ""},
    ],
)
def test_another_sites_page_is_foreign(headers: dict[str, str]) -> None:
    assert is_foreign(OWN | headers)


@given(st.text())
def test_no_text_is_this_machine_by_accident(text: str) -> None:
    name = host_name(text)
    if is_loopback(name):
        assert name == "localhost" or name.startswith("127.") or ":" in name


@pytest.mark.parametrize("host", ["localhost:8000", "LOCALHOST", "127.9.8.7:1", "[::1]:8000", "127.0.0.1"])
def test_this_machines_names(host: str) -> None:
    assert is_loopback(host_name(host))


@pytest.mark.parametrize(
    "host",
    ["", "[", "evil.example", "127.0.0.1.evil.example:8000", "192.168.1.2", "0.0.0.0", "a@localhost", "localhost/x"],
)
def test_other_names(host: str) -> None:
    assert not is_loopback(host_name(host))


LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def test_only_going_to_a_page_is_a_navigation() -> None:
    assert is_navigation("GET", LINK)
    assert not is_navigation("POST", LINK)
    assert not is_navigation("GET", LINK | {"sec-fetch-dest": "iframe"})
    assert not is_navigation("GET", LINK | {"sec-fetch-mode": "no-cors"})
    assert not is_navigation("GET", LINK | {"origin": "https://evil.example"})
    assert not is_navigation("GET", {"sec-fetch-site": "cross-site"})


@pytest.mark.parametrize(
    ("target", "authority", "path"),
    [
        (b"http://a.example:1/b?c", b"a.example:1", b"/b?c"),
        (b"http://a@b:1", b"a@b:1", b"/"),
        (b"a+b://c?d", b"c", b"/?d"),
        (b"http:///events", b"", b"/events"),
    ],
)
def test_an_absolute_target_has_an_authority_and_a_path(target: bytes, authority: bytes, path: bytes) -> None:
    assert absolute_target(target) == (authority, path)


@given(st.binary())
def test_what_begins_with_a_slash_is_no_absolute_target(rest: bytes) -> None:
    assert absolute_target(b"/" + rest) is None
    assert absolute_target(b"*") is None
