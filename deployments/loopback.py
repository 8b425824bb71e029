"""Keeps a one-machine Ray to itself: all that it listens on is 127.0.0.1."""

# Ray's own servers listen on the node's address. With its cluster mode off, which macOS and Windows have by default,
# that is 127.0.0.1.
ENVIRONMENT = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
# Each worker process calls this before it does anything else.
RUNTIME_ENV = {"worker_process_setup_hook": "deployments.loopback.listen_on_loopback"}


def listen_on_loopback() -> None:
    """Ray Serve 2.60 opens every replica's internal gRPC server on all interfaces, whatever the node's address is.

    It takes pickled requests, so who reaches it can run code. Serve has no setting for it; this replaces the one
    function that opens the port, in this process.
    """
    from ray._common import tls_utils

    open_port = tls_utils.add_port_to_grpc_server

    def open_port_on_loopback(server: object, address: str) -> int:
        port: int = open_port(server, address.replace("[::]", "127.0.0.1"))
        return port

    tls_utils.add_port_to_grpc_server = open_port_on_loopback
