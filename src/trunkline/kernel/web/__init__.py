"""The HTTP frame of all endpoints: what an endpoint is, what it is given, what it answers, how errors look."""

from trunkline.kernel.web.endpoint import Call, Endpoint, Handler, Parameter, Reply, permits
from trunkline.kernel.web.fault import RateLimited, error_body, to_refusal
from trunkline.kernel.web.origin import Authenticate, Credentials, Origin, Principal
from trunkline.kernel.web.query import Query
from trunkline.kernel.web.route import Frame, Measured, Observer, route, run
from trunkline.kernel.web.router import Router

__all__ = [
    "Authenticate",
    "Call",
    "Credentials",
    "Endpoint",
    "Frame",
    "Handler",
    "Measured",
    "Observer",
    "Origin",
    "Parameter",
    "Principal",
    "Query",
    "RateLimited",
    "Reply",
    "Router",
    "error_body",
    "permits",
    "route",
    "run",
    "to_refusal",
]
