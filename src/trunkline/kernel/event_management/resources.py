"""Topics and the events that clients put there (TMF688). What Trunkline itself tells is heard at the hub of each API."""

from trunkline.kernel.event_management.entities import EVENT, TOPIC, Event, Topic
from trunkline.kernel.tmf import Resource

topics = Resource(Topic, TOPIC, domain="event_management", hot=("name",))

events = Resource(Event, EVENT, domain="event_management", hot=("eventType",))
