"""The OpenAPI and AsyncAPI documents over HTTP: one an API, and one of all calls. They tell the form of calls and of events
only, so they are public."""

from collections.abc import Callable, Sequence
from typing import Any

from trunkline import __version__
from trunkline.kernel.tmf.asyncapi import asyncapi
from trunkline.kernel.tmf.catalogue import ServedApi
from trunkline.kernel.tmf.document import encode
from trunkline.kernel.tmf.mount import Mount
from trunkline.kernel.tmf.openapi import openapi
from trunkline.kernel.web import Call, Endpoint, Reply


def document_endpoints(served: Sequence[ServedApi], listed: Sequence[Endpoint]) -> list[Endpoint]:
    """`{api}/openapi.json` and `{api}/asyncapi.json` for each API and `/openapi.json` for all listed endpoints and these.
    Made at the first request."""
    mounts = tuple(mount for api in served for mount in api.mounts)
    found = [
        _calls(
            f"{api.path}/openapi.json",
            api.title,
            api.mounts,
            [endpoint for endpoint in listed if endpoint.path.startswith(f"{api.path}/")],
        )
        for api in served
    ]
    found += [_events(api) for api in served]
    everything = [*listed, *found]
    found.append(_calls("/openapi.json", "Trunkline", mounts, everything))
    everything.append(found[-1])
    return found


def _calls(path: str, title: str, mounts: Sequence[Mount], listed: Sequence[Endpoint]) -> Endpoint:
    return _document(path, f"OpenAPI document of {title}", lambda: openapi(title, __version__, mounts, listed))


def _events(api: ServedApi) -> Endpoint:
    return _document(
        f"{api.path}/asyncapi.json", f"AsyncAPI document of {api.title}", lambda: asyncapi(api, __version__)
    )


def _document(path: str, summary: str, make: Callable[[], dict[str, Any]]) -> Endpoint:
    made: list[bytes] = []

    async def show(_call: Call) -> Reply:
        if not made:
            made.append(encode(make()))
        return Reply(200, made[0])

    return Endpoint("GET", path, permission="", handler=show, summary=summary, public=True)
