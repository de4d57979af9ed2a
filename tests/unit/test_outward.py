"""Where this server may be made to call."""

from __future__ import annotations

import pytest

from waystation.errors import UnsafeAddress
from waystation.outward import judge


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.5.5",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "2130706433",
        "0x7f.1",
        "localhost",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fc00::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[ff02::1]",
    ],
)
def test_private_addresses_are_refused_however_they_are_written(host: str) -> None:
    with pytest.raises(UnsafeAddress, match=r"no public address|leads to no address"):
        judge(f"http://{host}/hook")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://192.0.2.1/",
        "file:///etc/passwd",
        "/hook",
        "http://",
        "http://ann:word@8.8.8.8/",
        "http://8.8.8.8:99999/",
        "http://8.8.8.8/a b",
        "http://8.8.8.8/\r\nX: y",
    ],
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    with pytest.raises(UnsafeAddress):
        judge(url)


def test_public_addresses_and_networks_that_are_allowed() -> None:
    target = judge("https://8.8.8.8/hook?a=1")
    assert (target.scheme, target.port, target.path, target.addresses) == ("https", 443, "/hook?a=1", ("8.8.8.8",))
    assert judge("http://10.20.3.4:8080", ["10.20.0.0/16"]).addresses == ("10.20.3.4",)
    with pytest.raises(UnsafeAddress):
        judge("http://10.21.3.4:8080", ["10.20.0.0/16"])
