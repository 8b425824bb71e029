"""Is a port ours to take?"""

import socket


def why_taken(host: str, port: int) -> str | None:
    """Why a server could not listen on `port` of `host` now; `None` if it could."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            return problem.strerror or str(problem)
    return None
