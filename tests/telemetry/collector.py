"""A collector on this machine, as real as the exporter needs it: OTLP over HTTP, protobuf in, everything kept."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span


def _service(resource: Resource) -> str:
    return next(one.value.string_value for one in resource.attributes if one.key == "service.name")


class Collector:
    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[tuple[str, bytes]] = []

    def spans(self) -> list[Span]:
        requests = [ExportTraceServiceRequest.FromString(body) for path, body in self.bodies if path == "/v1/traces"]
        scopes = [scope for one in requests for of in one.resource_spans for scope in of.scope_spans]
        return [span for scope in scopes for span in scope.spans]

    def spans_of(self, service: str) -> set[str]:
        """The names of the spans that the process of this name sent."""
        requests = [ExportTraceServiceRequest.FromString(body) for path, body in self.bodies if path == "/v1/traces"]
        sent = [of for one in requests for of in one.resource_spans if _service(of.resource) == service]
        return {span.name for of in sent for scope in of.scope_spans for span in scope.spans}

    def metrics_of(self, service: str) -> set[str]:
        requests = [ExportMetricsServiceRequest.FromString(body) for path, body in self.bodies if path == "/v1/metrics"]
        sent = [of for one in requests for of in one.resource_metrics if _service(of.resource) == service]
        return {metric.name for of in sent for scope in of.scope_metrics for metric in scope.metrics}

    def services(self) -> set[str]:
        """The names of the processes that sent spans."""
        requests = [ExportTraceServiceRequest.FromString(body) for path, body in self.bodies if path == "/v1/traces"]
        return {_service(of.resource) for one in requests for of in one.resource_spans}

    def metrics(self) -> dict[str, list[Metric]]:
        """By name, oldest first."""
        found: dict[str, list[Metric]] = {}
        for path, body in self.bodies:
            if path == "/v1/metrics":
                for of in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                    for scope in of.scope_metrics:
                        for metric in scope.metrics:
                            found.setdefault(metric.name, []).append(metric)
        return found


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class CollectorHandler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.bodies.append((self.path, body))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), CollectorHandler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def commands(collector: Collector) -> list[Span]:
    """The spans of commands, in the order in which they were sent."""
    return [span for span in collector.spans() if span.name == "command"]


def attributes(span: Span) -> dict[str, str]:
    """Of a span whose attributes are texts."""
    return {one.key: one.value.string_value for one in span.attributes}
