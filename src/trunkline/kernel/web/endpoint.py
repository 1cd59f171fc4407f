"""What an endpoint declares, what its handler is given, and what it answers."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, UnitOfWork
from trunkline.kernel.errors import Forbidden, Invalid, UnsupportedMediaType
from trunkline.kernel.web.body import SIZE_MAX, decode_body
from trunkline.kernel.web.json_check import check_json
from trunkline.kernel.web.origin import Principal
from trunkline.kernel.web.query import Query

_T = TypeVar("_T")


class Reply(msgspec.Struct, frozen=True):
    """An answer. `content`: bytes go out as they are, None is no body, a Flow bit by bit, anything else as JSON."""

    status: int
    content: Any = None
    headers: Mapping[str, str] = {}
    media_type: str = "application/json"

    def encoded(self) -> bytes:
        """The body's bytes."""
        if self.content is None:
            return b""
        return self.content if isinstance(self.content, bytes) else msgspec.json.encode(self.content)


class Call:
    """One request, authenticated and permitted, as its handler sees it.

    database   where to open a unit of work or a read session
    context    who asks, for which tenant, at what instant, under which correlation id
    principal  how the asker was recognised; None at a public endpoint
    path       values of the placeholders in the endpoint's path, decoded
    query      decoded parameters: `query["a"]`, `query.get("a")`, `query.all("a")`, `query.pairs`
    raw_query  the query string as it came, for grammars of their own (TMF filters)
    headers    by lower-case name
    content    the body's bytes
    peer       address of the client that the server saw
    """

    def __init__(
        self,
        *,
        endpoint: "Endpoint",
        database: Database,
        context: Context,
        path: Mapping[str, str],
        raw_query: str,
        headers: Mapping[str, str],
        content: bytes,
        peer: str = "",
        principal: Principal | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.database = database
        self.context = context
        self.path = path
        self.raw_query = raw_query
        self.headers = headers
        self.content = content
        self.peer = peer
        self.principal = principal
        self.joined: UnitOfWork | None = None
        self.is_broken = False
        self._query: Query | None = None

    @property
    def query(self) -> Query:
        """Decoded at first use: the record engine reads `raw_query` and never pays for it. Raises Invalid."""
        if self._query is None:
            self._query = Query(self.raw_query)
        return self._query

    def check_query(self) -> None:
        """Refuse parameters that the endpoint does not declare, and one given twice. Raises Invalid."""
        if not self.raw_query:
            return
        declared = tuple(parameter.name for parameter in self.endpoint.parameters)
        for name in self.query:
            if name not in declared:
                raise Invalid(
                    "unknownParameter",
                    f"{name[:60]!r} is not a parameter of this call.",
                    path=name[:200],
                    hint="Take one of those allowed." if declared else "Leave it out: this call takes none.",
                    allowed=declared,
                )
            if len(self.query.all(name)) > 1:
                raise Invalid("repeatedParameter", f"{name!r} is given more than once.", path=name)

    def json_bytes(self) -> bytes:
        """The body, checked to be storable JSON as far as bytes tell. Raises Invalid, UnsupportedMediaType."""
        media = self.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if media != "application/json" and not media.endswith("+json"):
            raise UnsupportedMediaType("unsupportedMediaType", "The body must be JSON.", allowed=("application/json",))
        check_json(self.content)
        return self.content

    def body(self, type_: type[_T]) -> _T:
        """The body as `type_`. Raises Invalid with the JSONPath of the first wrong field."""
        self.json_bytes()
        return decode_body(self.content, type_)

    def require(self, permission: str) -> None:
        """Check a further permission, for endpoints whose need depends on the request. Raises Forbidden."""
        if not permits(self.context.permissions, permission):
            raise forbidden(permission)

    @contextlib.asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[UnitOfWork]:
        """The request's one transaction. Read in it what was written in it: where `joined` is set (by the handling of an
        Idempotency-Key, which stores the answer with the change), the commit comes after the handler has answered."""
        if self.joined is None:
            async with self.database.unit_of_work() as uow:
                yield uow
            return
        try:
            yield self.joined
        except BaseException:
            self.is_broken = True  # a handler that catches this and answers must still change nothing
            raise


Handler = Callable[[Call], Awaitable[Reply]]


class Parameter(msgspec.Struct, frozen=True):
    """A parameter in the query string, for OpenAPI; the handler reads it from `call.query`.

    kind  "string" or "integer"
    """

    name: str
    description: str
    kind: str = "string"
    required: bool = False


class Endpoint(msgspec.Struct, frozen=True):
    """One operation of the API.

    permission  what the principal needs, "<resource>:<verb>"; "" when any principal may; not looked at when `public`
    request     type of the body, for OpenAPI; the handler decodes it with `call.body`; `bytes` where it takes any
    media_type  of a successful answer that is not JSON, for OpenAPI
    parameters  of the query string, for OpenAPI
    size_max    most bytes of body accepted
    public      needs no principal: log-in, health
    secret      the request or the answer holds a secret (a password, a new key): an Idempotency-Key's hash of the input
                is then a costly one. An answer that holds it says `Cache-Control: no-store` and is never replayed
    asks_outside  the handler waits for a device or another party: no transaction may be open meanwhile, so an
                Idempotency-Key is taken with the answer, after the effect
    """

    method: str
    path: str
    permission: str
    handler: Handler
    summary: str
    request: Any = None
    response: Any = None
    tags: tuple[str, ...] = ()
    public: bool = False
    size_max: int = SIZE_MAX
    secret: bool = False
    asks_outside: bool = False
    parameters: tuple[Parameter, ...] = ()
    media_type: str = "application/json"


def permits(held: frozenset[str], wanted: str) -> bool:
    """Whether one of the held permissions covers `wanted`: itself, "*", "<resource>:*" or "*:<verb>"; "" needs none."""
    if wanted in held or "*" in held or not wanted:
        return True
    resource, _, verb = wanted.partition(":")
    return f"{resource}:*" in held or f"*:{verb}" in held


def forbidden(permission: str) -> Forbidden:
    """The refusal for a principal without `permission`."""
    return Forbidden(
        "notPermitted",
        "You may not do this.",
        message=f"It needs the permission {permission!r}. Nothing was done.",
        hint="Ask an administrator for a role that holds it.",
    )
