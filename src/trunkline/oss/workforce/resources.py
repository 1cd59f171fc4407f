"""Appointments and the search for time (TMF646): the record face."""

from trunkline.kernel.tmf import LifeCycle, Resource
from trunkline.oss.workforce.entities import APPOINTMENT, SEARCH_TIME_SLOT, Appointment, SearchTimeSlot

CALENDAR = "No calendar of technicians is connected, so no time was searched."
LIFE_CYCLE = LifeCycle(
    attribute="status",
    initial="initialized",
    entry={"confirmed"},
    moves={"initialized": {"confirmed", "cancelled", "failed"}, "confirmed": {"completed", "cancelled", "failed"}},
)

appointments = Resource(Appointment, APPOINTMENT, domain="workforce", life_cycle=LIFE_CYCLE)

search_time_slots = Resource(SearchTimeSlot, SEARCH_TIME_SLOT, domain="workforce", unavailable=CALENDAR)
