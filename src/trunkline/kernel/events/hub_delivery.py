"""Delivery to TMF hub subscribers: at least once, in order per resource, retried with back-off, parked after a limit.

A delivery is leased, sent without an open transaction, and removed when the subscriber has answered 2xx. If this process dies
in between, the lease runs out and another sends it again: the subscriber recognises it by `eventId`.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import httpx
import msgspec
import structlog

from trunkline.kernel.db import Database, Record
from trunkline.kernel.errors import TrunklineError
from trunkline.kernel.events.callback_address import Target, resolve
from trunkline.kernel.events.delivery import DeliveryKey, RetryPolicy, fail, put_off_blocked, release_followers
from trunkline.kernel.events.event import encode_payload
from trunkline.kernel.events.hub import HubApi
from trunkline.kernel.events.log import COLUMNS, from_row
from trunkline.kernel.events.notification import listener_name, notification
from trunkline.kernel.events.signing import HEADER, Signer

AT_ONCE = 8
"""Notifications under way to one subscriber at a time, each about another resource."""
TIMEOUT = timedelta(seconds=10)
LEASE = timedelta(seconds=30)
_MOST_PAUSE = timedelta(seconds=60)

_DUE = """
select s.tenant, s.id, s.api, s.callback, s.style from kernel.hub_subscription s
 where exists (select 1 from kernel.delivery d where d.consumer = 'hub:' || s.id and d.next_at <= now())
   and s.api = any($1::text[]) order by s.tenant, s.id"""

_LEASE = f"""
with d as (select d.tenant, d.consumer, d.resource, d.resource_id, d.seq
             from kernel.delivery d
            where d.consumer = $1 and d.next_at <= now()
              and not exists (select 1 from kernel.delivery p
                               where p.tenant = d.tenant and p.consumer = d.consumer and p.resource = d.resource
                                 and p.resource_id = d.resource_id and p.seq < d.seq)
            order by d.next_at, d.seq limit $2 for update skip locked),
     leased as (update kernel.delivery x set next_at = now() + $3 from d
                 where x.tenant = d.tenant and x.consumer = d.consumer and x.resource = d.resource
                   and x.resource_id = d.resource_id and x.seq = d.seq
                returning x.consumer, x.tenant, x.seq, x.attempts, x.next_at)
select {COLUMNS}, l.consumer, l.attempts, l.next_at
  from leased l join kernel.event_log e on e.tenant = l.tenant and e.seq = l.seq order by e.seq"""

# Whoever lost the lease has nothing to say any more about a failure; a success counts in any case.
_HOLDS = """
select attempts from kernel.delivery where tenant = $1 and consumer = $2 and resource = $3 and resource_id = $4
   and seq = $5 and next_at = $6 for update"""

_DONE = """
delete from kernel.delivery where tenant = $1 and consumer = $2 and resource = $3 and resource_id = $4 and seq = $5"""


class Subscriber(msgspec.Struct, frozen=True, kw_only=True):
    """Where one subscription's notifications go."""

    tenant: str
    id: str
    api: str
    callback: str
    style: str

    def url(self, event_type: str) -> str:
        if self.style == "callback":
            return self.callback
        base, mark, query = self.callback.partition("?")
        return f"{base.rstrip('/')}/listener/{listener_name(event_type)}{mark}{query}"


class DeliveryRefused(Exception):
    """The subscriber did not answer 2xx, or could not be reached. Says nothing of the body it sent."""


class _Pause(msgspec.Struct):
    failures: int
    until: datetime


class HubSender:
    """Sends due notifications. Any number of processes may run one; a delivery is with one of them at a time."""

    def __init__(
        self,
        database: Database,
        apis: Sequence[HubApi],
        *,
        signer: Signer | None = None,
        allow_private: bool = False,
        retry: RetryPolicy | None = None,
        timeout: timedelta = TIMEOUT,
        lease: timedelta = LEASE,
    ) -> None:
        if lease < 2 * timeout:
            raise ValueError("the lease must outlive the time-out of a request")
        self._database = database
        self._apis: Mapping[str, HubApi] = {api.path: api for api in apis}
        self._signer = signer
        self._allow_private = allow_private
        self._retry = retry or RetryPolicy(
            attempts=12, attempts_refused=12, first=timedelta(seconds=1), factor=3, cap=timedelta(minutes=15)
        )
        self._timeout = timeout
        self._lease = lease
        self._tls: ssl.SSLContext | None = None
        self._pauses: dict[str, _Pause] = {}
        self._log = structlog.get_logger("trunkline.hub")

    async def due(self) -> list[Subscriber]:
        """Subscriptions that have something to be sent and are not paused here after failures in a row."""
        async with self._database.read() as session:
            rows = await session.fetch(_DUE, list(self._apis))
        wall = self._database.clock.wall()
        found = [Subscriber(**dict(row)) for row in rows]
        return [s for s in found if s.id not in self._pauses or self._pauses[s.id].until <= wall]

    async def send_due(self, subscriber: Subscriber, stop: asyncio.Event) -> int:
        """Send what is due to one subscriber, until nothing is left, all of a round fails, or `stop`. Returns how many
        were accepted."""
        accepted = 0
        # A client for each run: connections are keyed by address, and must not be shared between subscribers whose
        # certificates were checked for different names.
        async with httpx.AsyncClient(
            verify=self._tls_context(), timeout=self._timeout.total_seconds(), follow_redirects=False, trust_env=False
        ) as client:
            while not stop.is_set():
                async with self._database.unit_of_work() as uow:
                    rows = await uow.fetch(_LEASE, f"hub:{subscriber.id}", AT_ONCE, self._lease)
                if not rows:
                    async with self._database.unit_of_work() as uow:
                        await put_off_blocked(uow, f"hub:{subscriber.id}")
                    break
                errors = await asyncio.gather(*(self._send(client, subscriber, row) for row in rows))
                await self._settle(rows, errors)
                accepted += errors.count(None)
                if None not in errors:
                    self._pause(subscriber)
                    break
                self._pauses.pop(subscriber.id, None)
        return accepted

    async def _send(self, client: httpx.AsyncClient, subscriber: Subscriber, row: Record) -> Exception | None:
        event, api = from_row(row), self._apis[subscriber.api]
        url = subscriber.url(api.name_of(event.type))
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                target = await resolve(url, allow_private=self._allow_private)
                content = encode_payload(notification(event, api)).encode()
                signed = (
                    {HEADER: self._signer.signature(subscriber.tenant, subscriber.id, content)} if self._signer else {}
                )
                await _post(client, url, target, content, signed)
        except TimeoutError:
            return DeliveryRefused(f"No answer within {self._timeout.total_seconds():g} s.")
        except (httpx.HTTPError, httpx.InvalidURL, DeliveryRefused, TrunklineError) as error:
            return error
        except Exception as error:  # noqa: BLE001 a document that the API's form cannot hold must not stop the others
            self._log.exception("notification_failed", event_id=event.id, correlation_id=event.correlation_id)
            return error
        return None

    async def _settle(self, rows: Sequence[Record], errors: Sequence[Exception | None]) -> None:
        async with self._database.unit_of_work() as uow:
            for row, error in zip(rows, errors, strict=True):
                key = DeliveryKey.of(row)
                columns = (key.tenant, key.consumer, key.resource, key.resource_id, key.seq)
                if error is None:
                    await uow.execute(_DONE, *columns)
                    if row["attempts"]:
                        await release_followers(uow, key)
                elif await uow.fetch_value(_HOLDS, *columns, row["next_at"]) is not None:
                    failures = row["attempts"] + 1
                    outcome = await fail(uow, key, failures, error, self._retry, self._database.clock.now())
                    self._log.warning(
                        f"notification_{outcome}",
                        tenant=key.tenant,
                        subscription=key.consumer,
                        event_id=row["id"],
                        event_type=row["type"],
                        correlation_id=row["correlation_id"],
                        attempts=failures,
                        error=type(error).__name__,
                    )

    def _pause(self, subscriber: Subscriber) -> None:
        """A subscriber that answered nothing of a whole round is left alone for a while, longer each time."""
        failures = self._pauses[subscriber.id].failures + 1 if subscriber.id in self._pauses else 1
        pause = min(self._retry.first * 2 ** min(failures - 1, 10), _MOST_PAUSE)
        self._pauses[subscriber.id] = _Pause(failures, self._database.clock.wall() + pause)

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:  # reading the certificates takes 20 ms: once, and only where something is sent
            self._tls = httpx.create_ssl_context(trust_env=False)
        return self._tls


async def _post(client: httpx.AsyncClient, url: str, target: Target, content: bytes, signed: Mapping[str, str]) -> None:
    """POST to the checked address, as to the host that was named: `Host` header, TLS name and certificate are the host's.
    The answer's body is not read."""
    at = httpx.URL(url).copy_with(host=target.address)
    headers = {"Host": target.authority, "Content-Type": "application/json", "User-Agent": "trunkline", **signed}
    request = client.build_request(
        "POST", at, content=content, headers=headers, extensions={"sni_hostname": target.host}
    )
    response = await client.send(request, stream=True)
    try:
        if not response.is_success:
            raise DeliveryRefused(f"The subscriber answered {response.status_code}.")
    finally:
        await response.aclose()
