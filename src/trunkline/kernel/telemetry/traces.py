"""OpenTelemetry traces, when an OTLP endpoint is configured and the `telemetry` extra is installed; else nothing.

A span covers one request, one event taken by a consumer, one step of a plan. The correlation id is an attribute of each,
so that a line in the log, an audit entry and a trace are found from each other.
"""

import contextlib
import importlib
import importlib.util
import logging
from collections.abc import Mapping
from typing import Any, Protocol

from trunkline.kernel.context import Context

ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
_log = logging.getLogger("trunkline.telemetry")


class Traces(Protocol):
    """Makes spans. `close` sends what is still held."""

    def span(self, name: str, context: Context, **attributes: str) -> contextlib.AbstractContextManager[object]: ...

    def close(self) -> None: ...


class NoTraces:
    """Traces nothing, at next to no cost."""

    def span(self, name: str, context: Context, **attributes: str) -> contextlib.AbstractContextManager[object]:  # noqa: ARG002
        return contextlib.nullcontext()

    def close(self) -> None:
        return None


class OtelTraces:
    """Spans through OpenTelemetry's SDK, sent in batches from a thread of its own over OTLP/HTTP."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("trunkline")

    def span(self, name: str, context: Context, **attributes: str) -> contextlib.AbstractContextManager[object]:
        found = {
            "trunkline.correlation_id": context.correlation_id,
            "trunkline.tenant": context.tenant,
            "trunkline.actor": context.actor,
            **attributes,
        }
        span: contextlib.AbstractContextManager[object] = self._tracer.start_as_current_span(name, attributes=found)
        return span

    def close(self) -> None:
        self._provider.shutdown()


def open_traces(environment: Mapping[str, str], service: str) -> Traces:
    """Traces as the environment asks for. `service` is the role: "trunkline-serve", "trunkline-work"."""
    if not environment.get(ENDPOINT_VARIABLE):
        return NoTraces()
    if importlib.util.find_spec("opentelemetry") is None:
        _log.warning(
            "%s is set, but OpenTelemetry is not installed: pip install trunkline[telemetry]", ENDPOINT_VARIABLE
        )
        return NoTraces()
    # Loaded here by name: some 15 MB that an installation without traces never pays for, and an extra it may not have.
    exporter = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    resources = importlib.import_module("opentelemetry.sdk.resources")
    sdk = importlib.import_module("opentelemetry.sdk.trace")
    export = importlib.import_module("opentelemetry.sdk.trace.export")
    provider = sdk.TracerProvider(resource=resources.Resource.create({"service.name": service}))
    provider.add_span_processor(export.BatchSpanProcessor(exporter.OTLPSpanExporter()))
    return OtelTraces(provider)
