"""The OpenAPI documents over HTTP: one an API, one of everything. They tell the form of calls only, so they are public."""

from collections.abc import Sequence

from trunkline import __version__
from trunkline.kernel.tmf.catalogue import ServedApi
from trunkline.kernel.tmf.document import encode
from trunkline.kernel.tmf.mount import Mount
from trunkline.kernel.tmf.openapi import openapi
from trunkline.kernel.web import Call, Endpoint, Reply


def document_endpoints(served: Sequence[ServedApi], listed: Sequence[Endpoint]) -> list[Endpoint]:
    """`{api}/openapi.json` for each API and `/openapi.json` for all listed endpoints and these. Made at the first
    request."""
    mounts = tuple(mount for api in served for mount in api.mounts)
    found = [
        _endpoint(
            f"{api.path}/openapi.json",
            api.title,
            api.mounts,
            [endpoint for endpoint in listed if endpoint.path.startswith(f"{api.path}/")],
        )
        for api in served
    ]
    everything = [*listed, *found]
    found.append(_endpoint("/openapi.json", "Trunkline", mounts, everything))
    everything.append(found[-1])
    return found


def _endpoint(path: str, title: str, mounts: Sequence[Mount], listed: Sequence[Endpoint]) -> Endpoint:
    made: list[bytes] = []

    async def show(_call: Call) -> Reply:
        if not made:
            made.append(encode(openapi(title, __version__, mounts, listed)))
        return Reply(200, made[0])

    return Endpoint("GET", path, permission="", handler=show, summary=f"OpenAPI document of {title}", public=True)
