"""deploy/monitoring: the alert rules, the dashboard and the runbook use the metrics that Offboard sends."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Metric

from orchestrator.reading.open_counts import OpenCounts, OpenItems
from orchestrator.telemetry.measures import Instruments
from tests.production.described import COMPOSE, MONITORING, ROOT, compose

FOLDER = ROOT / "deploy" / "monitoring"
RULES: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana" / "dashboards" / "offboard.json").read_text())
ADDED = {name: service for name, service in compose(MONITORING)["services"].items() if "image" in service}
OURS = {"worker", "relay", "web"}
EXPRESSIONS = [
    *(rule["expr"] for rule in RULES),
    *(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]),
]
PROMTOOL = shutil.which("promtool")


def sent() -> dict[str, set[str]]:
    """Series as Prometheus names them, with their labels, of everything that a process can measure.

    https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/ (OTLP metric points)."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    measures = Instruments(provider.get_meter("test"))
    measures.attempted("identity", "disable_account", "verified", 1.0)
    measures.called("identity", "attempt", "answered", 0.1)
    measures.queued("offboard", "advance", 0.1)
    measures.background_failed("relay")
    measures.are_open(
        OpenCounts({"held": 1}, 1, {"step_failed": 1}, {"gate": OpenItems(1, 1, 1.0)}, 1.0, {"rows_differ": 1})
    )
    data = reader.get_metrics_data()
    assert data is not None
    found: dict[str, set[str]] = {}
    for metric in (m for of in data.resource_metrics for scope in of.scope_metrics for m in scope.metrics):
        labels = {"job", "instance"}.union(*(point.attributes or {} for point in metric.data.data_points))
        for name, more in series_of(metric).items():
            found[name] = labels | more
    provider.shutdown()
    return found


def series_of(metric: Metric) -> dict[str, set[str]]:
    name = metric.name.replace(".", "_") + ("_seconds" if metric.unit == "s" else "")
    match type(metric.data).__name__:
        case "Histogram":
            return {f"{name}_bucket": {"le"}, f"{name}_count": set(), f"{name}_sum": set()}
        case "Sum":
            return {f"{name}_total": set()}
        case _:
            return {name: set()}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_alerts_and_dashboard_use_series_and_labels_that_are_sent(expression: str) -> None:
    series = sent()
    named = set(re.findall(r"offboard_\w+", expression))
    assert named and named <= series.keys()
    labels = {label for text in re.findall(r"by \(([^)]*)\)", expression) for label in text.split(", ")}
    labels |= set(re.findall(r"(\w+)=~?\"", expression))
    for name in named:
        assert labels <= series[name], name


def test_every_alert_has_a_section_in_the_runbook_and_every_section_an_alert() -> None:
    sections = re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    assert sections == [rule["alert"] for rule in RULES]
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_every_alert_is_tried() -> None:
    tried = (FOLDER / "alerts.test.yml").read_text()
    assert not [rule["alert"] for rule in RULES if rule["alert"] not in tried]


def test_panels_have_ids_of_their_own_and_the_source_that_is_provided() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids)) > 10
    sources = yaml.safe_load((FOLDER / "grafana/provisioning/datasources/offboard.yaml").read_text())["datasources"]
    known = {source["uid"] for source in sources}
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} <= known
    hosts = {re.findall(r"//([^:]+)", source["url"])[0] for source in sources}
    assert hosts <= ADDED.keys()


def test_the_compose_file_is_as_the_specification_has_it() -> None:
    checked = subprocess.run(
        [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", MONITORING],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_process_of_offboard_sends_to_the_collector_also_the_relay() -> None:
    services = compose(MONITORING)["services"]
    for name in OURS:
        assert services[name]["environment"] == {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
        assert services[name]["networks"] == ["telemetry"]
        assert set(services[name]) == {"environment", "networks"}, "the rest is in docker-compose.yml"
    assert compose(COMPOSE)["services"].keys() >= OURS
    assert services.keys() == OURS | ADDED.keys()
    assert compose(MONITORING)["networks"]["telemetry"] == {"internal": True}
    assert {name for name, service in ADDED.items() if service["networks"] != ["telemetry"]} == {"grafana"}
    assert {name: service["ports"] for name, service in ADDED.items() if "ports" in service} == {
        "grafana": ["127.0.0.1:3000:3000"]
    }


def test_what_is_added_is_confined_and_its_files_are_there() -> None:
    for name, service in ADDED.items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"] and service["mem_limit"], name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in compose(MONITORING)["volumes"]


@pytest.mark.servers
@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
@pytest.mark.parametrize(
    "words",
    [("check", "config", "prometheus.yml"), ("check", "rules", "alerts.yml"), ("test", "rules", "alerts.test.yml")],
)
def test_promtool_accepts_the_rules_and_the_alerts_fire(words: tuple[str, ...]) -> None:
    checked = subprocess.run(
        [str(PROMTOOL), *words], cwd=FOLDER, capture_output=True, text=True, timeout=120, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
