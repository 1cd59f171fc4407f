"""AAA subscribers: who may open a session on the access network, with what secret, address and speed.

The network's own truth for RADIUS: the front end (`adapters.radius`) answers from here, orders write here. A secret is
sealed when it is stored and is opened only by `secret_of`; it is in no listing, log, event or audit row.
"""

from enum import StrEnum
from ipaddress import IPv4Address

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, ReadSession, Record, UnitOfWork
from trunkline.kernel.errors import Invalid, NotFound, Precondition
from trunkline.oss.activation.sealing import OpeningKey, seal

_COLUMNS = """user_name, service_id, state, host(framed_ip) as framed_ip, profile, downstream_bit_s, upstream_bit_s,
 attributes::text as attributes, created_at, updated_at"""


class SubscriberState(StrEnum):
    """Whether the subscriber is let in."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class PutSubscriber(msgspec.Struct, frozen=True, kw_only=True):
    """What the access network shall know of a subscriber.

    secret            password in clear; sealed before it is stored. None keeps the one that is there
    framed_ip         IPv4 address the subscriber gets, where it is fixed
    profile           name of the speed profile
    downstream_bit_s  towards the subscriber, in bit/s
    upstream_bit_s    from the subscriber, in bit/s
    attributes        further reply attributes, RADIUS name → value
    """

    user_name: str
    secret: str | None = None
    service_id: str
    framed_ip: str | None = None
    profile: str | None = None
    downstream_bit_s: int | None = None
    upstream_bit_s: int | None = None
    state: SubscriberState = SubscriberState.ACTIVE
    attributes: dict[str, str] = {}

    def __repr__(self) -> str:
        """Without the secret: an error report may print its arguments."""
        return f"PutSubscriber(user_name={self.user_name!r}, service_id={self.service_id!r})"


class Subscriber(msgspec.Struct, frozen=True, kw_only=True):
    """A subscriber, without the secret."""

    user_name: str
    service_id: str
    state: SubscriberState
    framed_ip: str | None
    profile: str | None
    downstream_bit_s: int | None
    upstream_bit_s: int | None
    attributes: dict[str, str]


async def publish_key(uow: UnitOfWork, key: OpeningKey) -> None:
    """Make the installation's sealing key known, at start. Raises Precondition when secrets were sealed with another
    one: starting with a lost key file must not pass unseen."""
    published = await uow.fetch_value("select public_key from activation.sealing_key")
    if published is None:
        await uow.execute(
            "insert into activation.sealing_key(public_key) values ($1) on conflict do nothing", key.public
        )
        published = await uow.fetch_value("select public_key from activation.sealing_key")
    if bytes(published) != key.public:
        raise Precondition(
            "anotherSealingKey",
            "The subscribers' secrets in this database were sealed with another key.",
            hint="Bring back the key file that belongs to this database, from its backup.",
        )


async def put_subscriber(uow: UnitOfWork, command: PutSubscriber, context: Context) -> Subscriber:
    """Create the subscriber or bring it to what the command says; repeating changes nothing more.

    Raises Invalid for a bad address or name, Precondition when there is no secret or no key to seal it with.
    """
    _check(command)
    before = await find_subscriber(uow, command.user_name, context)
    sealed = None if command.secret is None else await _sealed(uow, command.user_name, command.secret, context)
    if before is None and sealed is None:
        raise Precondition("secretMissing", f"Subscriber {command.user_name!r} is new and needs a secret.")
    row = await uow.fetch_row(
        f"""insert into activation.aaa_subscriber(tenant, user_name, service_id, state, secret_sealed, framed_ip, profile,
                   downstream_bit_s, upstream_bit_s, attributes, created_at, updated_at)
            values ($1, $2, $3, $4, coalesce($5, ''::bytea), $6::text::inet, $7, $8, $9, $10::jsonb, $11, $11)
            on conflict (tenant, user_name) do update set service_id = $3, state = $4, framed_ip = $6::text::inet,
                   secret_sealed = coalesce($5, aaa_subscriber.secret_sealed), profile = $7, downstream_bit_s = $8,
                   upstream_bit_s = $9, attributes = $10::jsonb, updated_at = $11
            returning {_COLUMNS}""",
        context.tenant,
        command.user_name,
        command.service_id,
        command.state,
        sealed,
        command.framed_ip,
        command.profile,
        command.downstream_bit_s,
        command.upstream_bit_s,
        msgspec.json.encode(command.attributes).decode(),
        context.now,
    )
    assert row is not None
    after = _subscriber(row)
    if after != before or sealed is not None:
        uow.audit(AuditEntry.of(context, "put", "aaaSubscriber", after.user_name, before=before, after=after))
    return after


async def set_state(uow: UnitOfWork, user_name: str, state: SubscriberState, context: Context) -> Subscriber:
    """Let the subscriber in or keep him out at his next log-in; running sessions are ended by a Disconnect
    (`adapters.radius`). Raises NotFound."""
    row = await uow.fetch_row(
        f"""update activation.aaa_subscriber set state = $3, updated_at = $4 where tenant = $1 and user_name = $2
            returning {_COLUMNS}""",
        context.tenant,
        user_name,
        state,
        context.now,
    )
    if row is None:
        raise _unknown(user_name)
    uow.audit(AuditEntry.of(context, str(state), "aaaSubscriber", user_name))
    return _subscriber(row)


async def remove_subscriber(uow: UnitOfWork, user_name: str, context: Context) -> bool:
    """Let the subscriber in no more; False when there was none, which is no error."""
    removed = await uow.execute(
        "delete from activation.aaa_subscriber where tenant = $1 and user_name = $2", context.tenant, user_name
    )
    if removed:
        uow.audit(AuditEntry.of(context, "remove", "aaaSubscriber", user_name))
    return bool(removed)


async def find_subscriber(session: ReadSession, user_name: str, context: Context) -> Subscriber | None:
    """The subscriber of that name, or None."""
    row = await session.fetch_row(
        f"select {_COLUMNS} from activation.aaa_subscriber where tenant = $1 and user_name = $2",
        context.tenant,
        user_name,
    )
    return None if row is None else _subscriber(row)


async def list_subscribers(
    session: ReadSession, context: Context, *, after: str = "", limit: int = 1_000
) -> list[Subscriber]:
    """Subscribers in order of name, those after a name; for reconciliation."""
    rows = await session.fetch(
        f"""select {_COLUMNS} from activation.aaa_subscriber where tenant = $1 and user_name > $2
             order by user_name limit $3""",
        context.tenant,
        after,
        limit,
    )
    return [_subscriber(row) for row in rows]


async def subscribers_named(session: ReadSession, user_names: list[str], context: Context) -> dict[str, Subscriber]:
    """Those of the subscribers that are there, by name; for reconciliation."""
    rows = await session.fetch(
        f"select {_COLUMNS} from activation.aaa_subscriber where tenant = $1 and user_name = any($2::text[])",
        context.tenant,
        user_names,
    )
    return {row["user_name"]: _subscriber(row) for row in rows}


async def secret_of(session: ReadSession, user_name: str, key: OpeningKey, context: Context) -> str:
    """The subscriber's secret in clear, for the RADIUS front end and for handing it to the customer's device.
    Raises NotFound, Precondition."""
    sealed = await session.fetch_value(
        "select secret_sealed from activation.aaa_subscriber where tenant = $1 and user_name = $2",
        context.tenant,
        user_name,
    )
    if sealed is None:
        raise _unknown(user_name)
    return key.open(bytes(sealed), _bound_to(user_name, context))


async def _sealed(uow: UnitOfWork, user_name: str, secret: str, context: Context) -> bytes:
    public = await uow.fetch_value("select public_key from activation.sealing_key")
    if public is None:
        raise Precondition(
            "noSealingKey", "There is no key yet to seal secrets with.", hint="Start the server once: it makes the key."
        )
    return seal(secret, bytes(public), _bound_to(user_name, context))


def _bound_to(user_name: str, context: Context) -> str:
    return f"{context.tenant}/{user_name}"


def _check(command: PutSubscriber) -> None:
    problems = []
    if not 1 <= len(command.user_name.encode()) <= 253:
        problems.append(Invalid("invalidUserName", "A user name has 1 to 253 octets (RFC 2865).", path="$.userName"))
    if command.secret is not None and not 1 <= len(command.secret.encode()) <= 128:
        problems.append(Invalid("invalidSecret", "A secret has 1 to 128 octets (RFC 2865).", path="$.secret"))
    if command.framed_ip is not None:
        try:
            IPv4Address(command.framed_ip)
        except ValueError:
            problems.append(Invalid("invalidAddress", "That is not an IPv4 address.", path="$.framedIp"))
    speeds = {"$.downstreamBitS": command.downstream_bit_s, "$.upstreamBitS": command.upstream_bit_s}
    problems += [
        Invalid("invalidSpeed", "A speed is at least 1 bit/s.", path=path)
        for path, speed in speeds.items()
        if speed is not None and speed < 1
    ]
    if problems:
        raise Invalid.all_of(problems)


def _subscriber(row: Record) -> Subscriber:
    return Subscriber(
        user_name=row["user_name"],
        service_id=row["service_id"],
        state=SubscriberState(row["state"]),
        framed_ip=row["framed_ip"],
        profile=row["profile"],
        downstream_bit_s=row["downstream_bit_s"],
        upstream_bit_s=row["upstream_bit_s"],
        attributes=msgspec.json.decode(row["attributes"], type=dict[str, str]),
    )


def _unknown(user_name: str) -> NotFound:
    return NotFound("unknownSubscriber", f"There is no subscriber {user_name!r}.", path="$.userName")
