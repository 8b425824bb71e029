"""Addresses of a node's RPC, as operators write them."""

import multiaddr
import pytest

from configs.ipfs_address import parse_ipfs_api

GOOD = {
    "http://127.0.0.1:5001": "/ip4/127.0.0.1/tcp/5001/http",
    "http://127.0.0.1:5001/": "/ip4/127.0.0.1/tcp/5001/http",
    "http://127.0.0.1:5001/api/v0": "/ip4/127.0.0.1/tcp/5001/http",
    "http://localhost:5001": "/dns/localhost/tcp/5001/http",
    "https://ipfs.example.org": "/dns/ipfs.example.org/tcp/443/https",
    "http://IPFS-Node": "/dns/ipfs-node/tcp/80/http",
    "http://[::1]:5001": "/ip6/::1/tcp/5001/http",
    "/ip4/127.0.0.1/tcp/5001": "/ip4/127.0.0.1/tcp/5001/http",
    "/ip4/127.0.0.1/tcp/5001/http": "/ip4/127.0.0.1/tcp/5001/http",
    "/ip6/::1/tcp/5001/https": "/ip6/::1/tcp/5001/https",
    "/ip6/0:0::1/tcp/05001": "/ip6/::1/tcp/5001/http",
    "/dns/Node/tcp/5001": "/dns/node/tcp/5001/http",
    "/dns4/node/tcp/5001": "/dns/node/tcp/5001/http",
    "/dns6/node/tcp/5001/https": "/dns/node/tcp/5001/https",
}
BAD = [
    "",
    "127.0.0.1:5001",
    "localhost",
    "ftp://127.0.0.1:5001",
    "http://",
    "http://:5001",
    "http://user:hidden@127.0.0.1:5001",
    "http://127.0.0.1:5001/ipfs",
    "http://127.0.0.1:5001/?a=1",
    "http://127.0.0.1:5001/#a",
    "http://127.0.0.1:0",
    "http://127.0.0.1:65536",
    "http://127.0.0.1:x",
    "http://127.0.0.1.5:5001",
    "http://[fe80::1%eth0]:5001",
    "http://a b:5001",
    "http://a_b:5001",
    "http://node.:5001",
    "http://a..b:5001",
    "/",
    "/ip4/127.0.0.1",
    "/ip4/127.0.0.1/udp/5001",
    "/ip4/127.0.0.1/tcp/5001/ws",
    "/ip4/127.0.0.1/tcp/5001/http/",
    "/ip4/127.0.0.1/tcp/-1",
    "/ip4/127.0.0.1/tcp/0",
    "/ip4/127.0.0.1/tcp/５００１",
    "/ip6/127.0.0.1/tcp/5001",
    "/ip4/::1/tcp/5001",
    "/ip4/localhost/tcp/5001",
    "/dns4/127.0.0.1/tcp/5001",
    "/unix/run/ipfs.sock/tcp/5001",
    "/dns//tcp/5001",
]


@pytest.mark.parametrize(("text", "address"), GOOD.items())
def test_an_address_is_read_into_one_spelling(text: str, address: str) -> None:
    assert parse_ipfs_api(text) == address
    assert parse_ipfs_api(address) == address
    assert str(multiaddr.Multiaddr(address)) == address


@pytest.mark.parametrize("text", BAD)
def test_an_address_that_cannot_be_used_is_refused_and_not_repeated_whole(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S") as raised:
        parse_ipfs_api(text)
    assert "hidden" not in str(raised.value)
