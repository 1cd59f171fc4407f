"""All endpoints as one ASGI application: a tree of path segments.

Starlette's router tries one regular expression after another, which with some two hundred endpoints costs more than
the handler of a short request, and its 405 names the methods of the first match alone. The tree takes one look-up a
segment.
"""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from trunkline.kernel.errors import MethodNotAllowed, NotFound, TrunklineError
from trunkline.kernel.web.endpoint import Endpoint
from trunkline.kernel.web.fault import NOTHING, correlation_of, error_reply, to_response
from trunkline.kernel.web.query import decode_text
from trunkline.kernel.web.route import EndpointApp, Frame


class _Node:
    def __init__(self) -> None:
        self.fixed: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.apps: dict[str, tuple[EndpointApp, tuple[str, ...]]] = {}


class Router:
    """Serves `endpoints`; a path that is none of theirs goes to `otherwise`, or is a 404 like every error."""

    def __init__(self, endpoints: Sequence[Endpoint], frame: Frame, otherwise: ASGIApp | None = None) -> None:
        """Raises ValueError when two endpoints have the same method and path."""
        self._root = _Node()
        self._otherwise = otherwise
        for endpoint in endpoints:
            self._add(endpoint, frame)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if self._otherwise is not None:
                await self._otherwise(scope, receive, send)
            return
        try:
            node, values = self._find(scope)
            if node is None:
                if self._otherwise is not None:
                    await self._otherwise(scope, receive, send)
                    return
                raise NotFound("unknownPath", NOTHING, path=scope["path"])
            app, names = self._method(node, scope)
            scope["path_params"] = dict(zip(names, values, strict=True))
        except TrunklineError as error:
            correlation_id = correlation_of(Request(scope))
            headers = {"Allow": ", ".join(error.allowed or ())} if isinstance(error, MethodNotAllowed) else {}
            await to_response(error_reply(error, correlation_id, headers), correlation_id)(scope, receive, send)
            return
        await app(scope, receive, send)

    def _add(self, endpoint: Endpoint, frame: Frame) -> None:
        node, names = self._root, []
        for part in endpoint.path.strip("/").split("/"):
            if part.startswith("{"):
                names.append(part[1:-1])
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.fixed.setdefault(part, _Node())
        if endpoint.method in node.apps:
            raise ValueError(f"two endpoints at {endpoint.method} {endpoint.path}")
        node.apps[endpoint.method] = (EndpointApp(endpoint, frame), tuple(names))

    def _find(self, scope: Scope) -> tuple[_Node | None, list[str]]:
        raw = scope.get("raw_path")  # undecoded, so that an id may hold an encoded slash
        path = raw.decode("latin-1") if raw else scope["path"]
        node: _Node = self._root
        values: list[str] = []
        for part in path[1:].split("/"):
            following = node.fixed.get(part)
            if following is None and node.any is not None and part:
                values.append(decode_text(part, "path"))
                following = node.any
            if following is None:
                return None, []
            node = following
        return (node if node.apps else None), values

    @staticmethod
    def _method(node: _Node, scope: Scope) -> tuple[EndpointApp, tuple[str, ...]]:
        method = scope["method"]
        found = node.apps.get("GET" if method == "HEAD" else method)
        if found is None:
            allowed = sorted({*node.apps, "HEAD"} if "GET" in node.apps else node.apps)
            raise MethodNotAllowed(
                "methodNotAllowed", f"{method[:20]} is not offered here.", path=scope["path"], allowed=allowed
            )
        return found
