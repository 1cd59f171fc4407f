"""`trunkline demo`: customers of the demo operator, played against a running installation."""

import click

from trunkline.app.demo.life import DemoLife
from trunkline.app.place import KEY_FILE, NETWORK_KEY_FILE
from trunkline.app.settings import Settings
from trunkline.app.stories.client import ApiClient


@click.command()
def demo() -> None:
    """Play customers of the demo operator: they order, are installed, connect, and use what they bought.

    `trunkline up` runs it for you in demo mode; TRUNKLINE_DEMO_LIFE=off leaves it out.
    """
    settings = Settings.from_environment()
    url = f"http://127.0.0.1:{settings.http_port}"
    operator, network = ((settings.home / name).read_text("utf-8").strip() for name in (KEY_FILE, NETWORK_KEY_FILE))
    DemoLife(ApiClient(url, operator), ApiClient(url, network)).run()
