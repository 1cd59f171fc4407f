"""Metrics of a process that serves no API: a listener on the loopback, in a thread of its own."""

import contextlib
import logging
from collections.abc import Iterator

from prometheus_client import start_http_server

from trunkline.kernel.telemetry.metrics import Metrics

LOOPBACK = "127.0.0.1"
_log = logging.getLogger("trunkline.telemetry")


@contextlib.contextmanager
def metrics_shown(metrics: Metrics, port: int | None) -> Iterator[int | None]:
    """Show the metrics at http://127.0.0.1:{port}/metrics while the block lasts; yields the port, which the log names too.

    Port 0 takes a free one; None shows nothing. Nobody needs a permission there, so it never leaves the machine. A port
    that is taken is said in the log and otherwise left: the work does not depend on being counted.
    """
    if port is None:
        yield None
        return
    try:
        server, thread = start_http_server(port, LOOPBACK, metrics.registry)
    except OSError as error:
        _log.error("metrics are not shown: port %d on %s: %s", port, LOOPBACK, error.strerror or error)
        yield None
        return
    _log.info("metrics at http://%s:%d/metrics", LOOPBACK, server.server_port)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
