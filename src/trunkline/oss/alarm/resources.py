"""Alarms (TMF642) and incidents (TMF724): the record face. Tasks on them are carried out by the fault engine."""

from trunkline.kernel.tmf import LifeCycle, Resource
from trunkline.kernel.tmf.life_cycle import task_life_cycle
from trunkline.oss.alarm.entities import (
    ACK_ALARM,
    ALARM,
    CLEAR_ALARM,
    COMMENT_ALARM,
    DIAGNOSE_INCIDENT,
    GROUP_ALARM,
    INCIDENT,
    RESOLVE_INCIDENT,
    UN_ACK_ALARM,
    UN_GROUP_ALARM,
    AckAlarm,
    Alarm,
    ClearAlarm,
    CommentAlarm,
    DiagnoseIncident,
    GroupAlarm,
    Incident,
    ResolveIncident,
    UnAckAlarm,
    UnGroupAlarm,
)

FAULT = (
    "The fault engine is not part of this installation yet, so no alarm was changed. A PATCH of the alarm itself works."
)
ALARM_LIFE_CYCLE = LifeCycle(
    initial="raised", entry={"updated", "cleared"}, moves={"raised": {"updated", "cleared"}, "updated": {"cleared"}}
)

alarms = Resource(
    Alarm,
    ALARM,
    domain="alarm",
    life_cycle=ALARM_LIFE_CYCLE,
    hot=("alarmType", "perceivedSeverity", "probableCause", "alarmRaisedTime", "externalAlarmId"),
)

ack_alarms = Resource(
    AckAlarm, ACK_ALARM, domain="alarm", life_cycle=task_life_cycle("acknowledged"), unavailable=FAULT
)

clear_alarms = Resource(
    ClearAlarm, CLEAR_ALARM, domain="alarm", life_cycle=task_life_cycle("acknowledged"), unavailable=FAULT
)

comment_alarms = Resource(
    CommentAlarm, COMMENT_ALARM, domain="alarm", life_cycle=task_life_cycle("acknowledged"), unavailable=FAULT
)

group_alarms = Resource(
    GroupAlarm, GROUP_ALARM, domain="alarm", life_cycle=task_life_cycle("acknowledged"), unavailable=FAULT
)

un_ack_alarms = Resource(
    UnAckAlarm, UN_ACK_ALARM, domain="alarm", life_cycle=task_life_cycle("acknowledged"), unavailable=FAULT
)

un_group_alarms = Resource(
    UnGroupAlarm, UN_GROUP_ALARM, domain="alarm", life_cycle=task_life_cycle("acknowledged"), unavailable=FAULT
)

incidents = Resource(
    Incident, INCIDENT, domain="alarm", life_cycle=ALARM_LIFE_CYCLE, hot=("name", "category", "priority")
)

diagnose_incidents = Resource(
    DiagnoseIncident, DIAGNOSE_INCIDENT, domain="alarm", life_cycle=task_life_cycle("accepted"), unavailable=FAULT
)

resolve_incidents = Resource(
    ResolveIncident, RESOLVE_INCIDENT, domain="alarm", life_cycle=task_life_cycle("accepted"), unavailable=FAULT
)
