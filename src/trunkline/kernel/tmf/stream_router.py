"""HTTP for live streams: GET `{api}/events`, Server-Sent Events.

It stands beside `{api}/hub`, because it is the same offer for those who cannot be called back (a browser, a program behind
a firewall): the same API root and face, the same filter, the same notifications, the same permission. No contract has a
collection `events`: TMF630 names resources in the singular (TMF688's is `event`), so the path is free in every API. The
filter is the query string itself, as it would stand in the `query` of a hub subscription.
"""

from collections.abc import Callable
from typing import Any

from trunkline.kernel.errors import NotAcceptable
from trunkline.kernel.events.streams import Streams
from trunkline.kernel.tmf.catalogue import ServedApi
from trunkline.kernel.web import Call, Endpoint, Parameter, Reply

MEDIA_TYPE = "text/event-stream"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Nobody in between keeps or collects what is sent (the second is nginx's)."""


def stream_endpoint(served: ServedApi, streams: Streams) -> Endpoint:
    """The stream of one API's events."""
    return Endpoint(
        "GET",
        f"{served.path}/events",
        permission="hub:create",
        handler=_open(served, streams),
        summary="Stream events as they happen; Last-Event-ID resumes",
        tags=(served.api.code,),
        media_type=MEDIA_TYPE,
        parameters=(Parameter("eventType", "Event types, by comma; further attributes filter as in a hub's query"),),
    )


def _open(served: ServedApi, streams: Streams) -> Callable[[Call], Any]:
    api = served.hub

    async def open_(call: Call) -> Reply:
        # Only who names it gets an answer that does not end.
        if MEDIA_TYPE not in call.headers.get("accept", "").lower():
            raise NotAcceptable(
                "notAcceptable",
                f"Events are streamed as {MEDIA_TYPE}.",
                message="Nothing was opened.",
                hint=f"Send 'Accept: {MEDIA_TYPE}'.",
                allowed=(MEDIA_TYPE,),
            )
        last = call.headers.get("last-event-id")
        stream = await streams.open(call.database, api, call.raw_query, call.context, last)
        return Reply(200, stream, headers=_HEADERS, media_type=MEDIA_TYPE)

    return open_
