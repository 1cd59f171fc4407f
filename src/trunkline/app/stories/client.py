"""A client of the public API, as the stories use it: plain HTTP, errors that say what was refused, waiting with a limit."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import msgspec

from trunkline.kernel.ids import new_id

_T = TypeVar("_T")
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Any, float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")

PARTY = "/tmf-api/partyManagement/v5"
CUSTOMER = "/tmf-api/customerManagement/v5"
ACCOUNT = "/tmf-api/accountManagement/v5"
ORDERING = "/tmf-api/productOrderingManagement/v5"
INVENTORY = "/tmf-api/productInventory/v5"
QUALIFICATION = "/tmf-api/productOfferingQualification/v5"
SERVICES = "/tmf-api/serviceInventory/v5"
RESOURCES = "/tmf-api/resourceInventoryManagement/v5"
POOLS = "/tmf-api/resourcePoolManagement/v4"
SERVICE_ORDERS = "/tmf-api/serviceOrdering/v4"
ADDRESSES = "/tmf-api/geographicAddressManagement/v4"
SITES = "/tmf-api/geographicSiteManagement/v4"
USAGE = "/tmf-api/usageManagement/v4"
BILLS = "/tmf-api/customerBillManagement/v5"


class Refused(Exception):
    """The API refused a call; the text holds what it said."""

    def __init__(self, method: str, path: str, status: int, answer: Any) -> None:
        super().__init__(f"{method} {path} → {status}: {answer}")
        self.status = status
        self.answer = answer


class TimedOut(Exception):
    """What a story waited for did not come."""


class ApiClient:
    """Calls one installation's API with one key. Connections that break are tried again: every POST carries a key of
    its own, so that a repeat after a crash does nothing twice."""

    def __init__(self, url: str, api_key: str, *, patience_s: int = 60) -> None:
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=30)
        self._patience_s = patience_s
        self._sequence = 0
        self.run_id = new_id()

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **query: str) -> Any:
        """GET and decode; numbers exact."""
        return self._call("GET", path, query=query)

    def post(self, path: str, body: Any, *, key: str | None = None) -> Any:
        """POST with an Idempotency-Key: `key`, or the next of this run."""
        self._sequence += 1
        headers = {"Idempotency-Key": key or f"{self.run_id}-{self._sequence}"}
        return self._call("POST", path, content=_encoder.encode(body), headers=headers)

    def patch(self, path: str, body: Any) -> Any:
        """PATCH as a merge."""
        return self._call("PATCH", path, content=_encoder.encode(body))

    def download(self, path: str) -> bytes:
        """The bytes behind a link."""
        content: bytes = self._send("GET", path).content
        return content

    def upload(self, path: str, content: bytes, media_type: str, **query: str) -> Any:
        """POST raw bytes."""
        self._sequence += 1
        headers = {"Idempotency-Key": f"{self.run_id}-{self._sequence}", "Content-Type": media_type}
        return self._call("POST", path, content=content, query=query, headers=headers)

    def wait(self, what: str, look: Callable[[], _T | None], limit_s: int | None = None) -> _T:
        """Look until there is something; raises TimedOut that names what was missing."""
        deadline = time.monotonic() + (limit_s or self._patience_s)
        pause = 0.02
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > deadline:
                raise TimedOut(f"{what} did not come within {limit_s or self._patience_s} s")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        answer = self._send(method, path, query=query, content=content, headers=headers)
        return _decoder.decode(answer.content) if answer.content else None

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        deadline = time.monotonic() + self._patience_s
        headers = {"Content-Type": "application/json", **(headers or {})} if content is not None else headers
        while True:
            try:
                answer = self._http.request(method, path, params=query, content=content, headers=headers)
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
                continue
            if answer.status_code == 503 and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            if answer.status_code >= 400:
                raise Refused(method, path, answer.status_code, answer.text)
            return answer
