"""The installation's clock over HTTP: anyone permitted may read it; moving it is for demo and test installations."""

from datetime import datetime, timedelta

import msgspec

from trunkline.kernel.clock import clock_fixed
from trunkline.kernel.db.clock_store import move_clock
from trunkline.kernel.tmf.normalise import instant_text
from trunkline.kernel.web import Call, Endpoint, Reply

PATH = "/trunkline/v1/clock"


class MoveClock(msgspec.Struct, frozen=True, kw_only=True):
    """The instant that becomes the present."""

    now: datetime


class ClockView(msgspec.Struct, frozen=True, kw_only=True):
    """The installation's present, and by how many seconds it is ahead of the machine's time."""

    now: str
    ahead_seconds: int


def endpoints(*, movable: bool) -> list[Endpoint]:
    """Reading, and moving where the installation is a demo or a test."""

    async def move(call: Call) -> Reply:
        if not movable:
            raise clock_fixed()
        body = call.body(MoveClock)
        offset = call.database.clock.offset_for(body.now)
        async with call.unit_of_work() as uow:
            await move_clock(uow, call.database.clock, body.now, call.context)
        return Reply(200, _view(body.now, offset))  # as it will be: this may be committed after the answer is made

    return [
        Endpoint(
            "GET", PATH, permission="clock:read", handler=_read, summary="What time it is here", response=ClockView
        ),
        Endpoint(
            "POST",
            PATH,
            permission="clock:move",
            handler=move,
            summary="Move the clock forward",
            request=MoveClock,
            response=ClockView,
        ),
    ]


async def _read(call: Call) -> Reply:
    clock = call.database.clock
    return Reply(200, _view(clock.now(), clock.offset))


def _view(now: datetime, offset: timedelta) -> ClockView:
    return ClockView(now=instant_text(now), ahead_seconds=int(offset.total_seconds()))
