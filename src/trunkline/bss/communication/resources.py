"""Messages to people (TMF681). Sending them comes with the channels; here they are kept and moved through their states."""

from trunkline.bss.communication.entities import COMMUNICATION_MESSAGE, CommunicationMessage
from trunkline.kernel.tmf import LifeCycle, Resource

LIFE_CYCLE = LifeCycle(
    initial="initial",
    moves={
        "initial": {"inProgress", "cancelled"},
        "inProgress": {"completed", "failed", "cancelled"},
        "failed": {"inProgress"},
    },
)

communication_messages = Resource(
    CommunicationMessage,
    COMMUNICATION_MESSAGE,
    domain="communication",
    life_cycle=LIFE_CYCLE,
    hot=("messageType", "subject"),
)
