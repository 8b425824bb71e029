"""Where the Kubo RPC of an IPFS node answers: an HTTP address or a multiaddr, read into one spelling."""

import re
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def parse_ipfs_api(text: str) -> str:
    """`http[s]://host[:port]` or `/{ip4,ip6,dns,dns4,dns6}/host/tcp/port[/http|/https]`, as a multiaddr.

    The answer is always `/{ip4,ip6,dns}/host/tcp/port/{http,https}`. Raises `ValueError` that says what is wrong.
    """
    if text.startswith("/"):
        return _of_multiaddr(text)
    if text.startswith(("http://", "https://")):
        return _of_url(text)
    raise ValueError("neither an address like http://127.0.0.1:5001 nor a multiaddr like /ip4/127.0.0.1/tcp/5001")


def _of_url(text: str) -> str:
    parts = urlsplit(text)
    if "@" in parts.netloc:
        raise ValueError("holds a user name: addresses are logged, so no secret may be in it")
    if parts.path.rstrip("/") not in ("", "/api/v0") or parts.query or parts.fragment:
        raise ValueError("has a path: the RPC is always at /api/v0, which is added")
    port = _DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    return _written(parts.hostname or "", str(port), parts.scheme)


def _of_multiaddr(text: str) -> str:
    parts = text.split("/")[1:]
    if len(parts) not in (4, 5) or parts[2] != "tcp" or parts[4:] not in ([], ["http"], ["https"]):
        raise ValueError("not a multiaddr of an HTTP service, like /ip4/127.0.0.1/tcp/5001/http")
    written = _written(parts[1].lower(), parts[3], parts[4] if parts[4:] else "http")
    kind = written.split("/")[1]
    if parts[0] not in (("dns", "dns4", "dns6") if kind == "dns" else (kind,)):
        raise ValueError(f"{parts[1]!r} is not a host of the kind {parts[0]!r}")
    return written


def _written(host: str, port: str, scheme: str) -> str:
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise ValueError("its port is not a number from 1 to 65535")
    return f"/{_host(host)}/tcp/{int(port)}/{scheme}"


def _host(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        labels = host.split(".")
        if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
            raise ValueError("its host is neither an IP address nor a host name") from None
        return f"dns/{host}"
    if not isinstance(address, IPv6Address):
        return f"ip4/{address}"
    if address.scope_id:
        raise ValueError("its host has a zone, which a multiaddr cannot hold")
    return f"ip6/{address}"
