"""Commands with an Idempotency-Key, while their server, worker and PostgreSQL are killed -9: each is sent until it is
answered, as a client would, and then once more. One key, one record, one answer."""

import threading
from contextlib import ExitStack, closing

import httpx
import pytest

from tests.support.killer import Killer
from trunkline.app.place import KEY_FILE
from trunkline.app.stories.installation import Installation, throw_away

INDIVIDUALS = "/tmf-api/partyManagement/v5/individual"
AT_LEAST = 20
PAUSE_S = 0.02
"""Between commands, so that the repetition of all of them takes seconds."""


class Client(threading.Thread):
    """Creates people, one after another, each with a key of its own, until told to stop."""

    def __init__(self, installation: Installation, name: str) -> None:
        super().__init__(daemon=True)
        self._name = name
        key = (installation.home / KEY_FILE).read_text("utf-8").strip()
        self._http = httpx.Client(base_url=installation.url, headers={"Authorization": f"Bearer {key}"}, timeout=30)
        self._stop_wanted = threading.Event()
        self.answered: dict[str, bytes] = {}
        self.attempts = 0
        self.refused: list[str] = []

    def run(self) -> None:
        while not (self._stop_wanted.is_set() and len(self.answered) >= AT_LEAST) and not self.refused:
            key = f"{self._name}-{len(self.answered)}"
            self.answered[key] = self.create(key)
            self._stop_wanted.wait(PAUSE_S)

    def stop(self) -> None:
        self._stop_wanted.set()
        self.join(120)
        assert not self.is_alive()
        assert self.refused == []

    def close(self) -> None:
        self._http.close()

    def create(self, key: str) -> bytes:
        """Send until there is an answer."""
        while True:
            self.attempts += 1
            try:
                answer = self._http.post(
                    INDIVIDUALS, json={"familyName": key, "givenName": "Anna"}, headers={"Idempotency-Key": key}
                )
            except httpx.TransportError:
                self._stop_wanted.wait(0.05)
                continue
            if answer.status_code == 201:
                return answer.content
            if answer.status_code != 503:
                self.refused.append(answer.text)
                return b""
            self._stop_wanted.wait(0.05)

    def there(self) -> list[str]:
        """The keys of this client's records, as the API lists them."""
        found: list[str] = []
        page = self._http.get(INDIVIDUALS, params={"familyName.regex": f"^{self._name}-", "limit": 1000})
        while page.status_code in (200, 206):
            found += [person["familyName"] for person in page.json()]
            if "next" not in page.links:
                return found
            page = self._http.get(page.links["next"]["url"])
        raise AssertionError(page.text)


def _repeat_under_fire(seed: int, kills: int) -> None:
    with throw_away("2026-06-01T00:00:00+02:00") as installation, ExitStack() as stack:
        clients = [stack.enter_context(closing(Client(installation, f"client{n}"))) for n in range(4)]
        killer = Killer(installation, seed, kills)
        for thread in (*clients, killer):
            thread.start()
        killer.join(120)
        for client in clients:
            client.stop()
        assert killer.killed, "nothing was killed: the test said nothing"
        for client in clients:
            again = {key: client.create(key) for key in client.answered}
            assert again == client.answered, f"seed {seed}, killed {killer.killed}"
            assert sorted(client.there()) == sorted(client.answered), f"seed {seed}, killed {killer.killed}"


def test_a_command_that_is_repeated_through_kill_9_is_done_once() -> None:
    _repeat_under_fire(seed=1, kills=5)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 20))
def test_commands_that_are_repeated_through_many_kill_9_are_done_once(seed: int) -> None:
    _repeat_under_fire(seed, kills=15)
