"""Where an installation is to be found: the keys in its home, its database, its port."""

import errno
import os
import socket

import click
import msgspec

from trunkline.app.settings import Settings
from trunkline.kernel.db.embedded import EmbeddedServer

KEY_FILE = "operator.key"
NETWORK_KEY_FILE = "network.key"


def dsn_of(settings: Settings) -> str:
    """Where the installation's database answers."""
    return settings.database_url or EmbeddedServer(settings.home).dsn


def with_port(settings: Settings) -> Settings:
    """The settings with a port that is free, for this process and those it starts. Raises ClickException where the one
    asked for is taken."""
    host, port = settings.http_host, settings.http_port
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(place)
            found: int = trial.getsockname()[1]
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            said = f"Port {port} on {host} is taken by another program. Nothing was started."
            raise click.ClickException(f"{said} Stop it, or choose another port: TRUNKLINE_HTTP_PORT=8090.") from error
        said = f"The API cannot listen on {host}, port {port}: {error.strerror or error}. Nothing was started."
        raise click.ClickException(f"{said} Correct TRUNKLINE_HTTP_HOST or TRUNKLINE_HTTP_PORT.") from error
    os.environ["TRUNKLINE_HTTP_PORT"] = str(found)
    return msgspec.structs.replace(settings, http_port=found)
