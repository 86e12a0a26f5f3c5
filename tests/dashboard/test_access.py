"""The gate before folders of the server and work on it: open on one machine alone, unless the owner says otherwise."""

from __future__ import annotations

import pytest

from dashboard.access import is_forwarded, is_local


@pytest.mark.parametrize(
    ("host", "address", "forwarded", "local"),
    [
        ("localhost:8501", None, False, True),  # None is Streamlit's word for this machine
        ("127.0.0.1:1", "127.0.0.1", False, True),
        ("[::1]:8501", "::1", False, True),
        ("localhost:8501", "192.0.2.7", False, False),
        ("cells.example.org", None, False, False),  # a name that somebody pointed at this machine
        ("localhost.example.org", None, False, False),
        ("localhost:8501", None, True, False),  # a proxy passes it on
        (None, None, False, False),
    ],
)
def test_local_is_where_server_and_browser_are_one_machine(
    host: str | None, address: str | None, forwarded: bool, local: bool
) -> None:
    assert is_local(host, address, forwarded) == local


@pytest.mark.parametrize("host", ["[::1", "localhost:x:y", "//localhost", "localhost@example.org", ""])
def test_a_host_that_is_none_closes_the_gate(host: str) -> None:
    assert not is_local(host, None, False)


@pytest.mark.parametrize(
    "header", ["Via", "Forwarded", "X-Forwarded-Proto", "x-forwarded-for", "X-Real-IP", "CF-Connecting-IP", "Client-IP"]
)
def test_whatever_a_relay_says_closes_the_gate(header: str) -> None:
    assert is_forwarded(["Host", "User-Agent", header])
    assert not is_forwarded(["Host", "User-Agent", "Accept", "Origin", "Cookie", "Sec-Fetch-Site"])
