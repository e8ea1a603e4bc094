"""The service's counters as Prometheus reads them. Collected at the moment of asking: the tick pays nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from choreo_service.clock import NS
from choreo_service.controller import Controller
from choreo_service.dashboard.hub import Hub
from choreo_service.ingress import Ingress
from choreo_service.packets import CONTROL_NAMES
from choreo_service.supervisor import Supervisor
from choreo_service.telemetry import Telemetry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics(Collector):
    """Reads the parts of a running service."""

    def __init__(
        self, telemetry: Telemetry, ingress: Ingress, supervisor: Supervisor, controller: Controller, hub: Hub
    ) -> None:
        self._telemetry, self._ingress, self._supervisor = telemetry, ingress, supervisor
        self._controller, self._hub = controller, hub
        self.malformed: Counter[str] = Counter()  # requests to the page that can't be read, by cause
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def page(self) -> bytes:
        """The exposition text."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        yield from self._ticks()
        yield from self._samples()
        yield GaugeMetricFamily("choreo_pages", "Pages connected.", value=len(self._hub.clients))
        yield CounterMetricFamily(
            "choreo_page_messages_dropped", "Messages that a page was too slow for.", value=self._hub.dropped
        )
        malformed = CounterMetricFamily("choreo_http_malformed", "Requests that can't be read.", labels=["cause"])
        for cause, count in sorted(self.malformed.items()):
            malformed.add_metric([cause], count)
        yield malformed
        up = GaugeMetricFamily("choreo_adapter_up", "1 while an adapter runs.", labels=["adapter"])
        for name, state in sorted(self._supervisor.states.items()):
            up.add_metric([name], float(state == "up"))
        yield up
        controls = GaugeMetricFamily("choreo_control", "The control as it is sent.", labels=["control", "performer"])
        for packet in self._controller.latest:
            for name, value in zip(CONTROL_NAMES, packet.as_tuple(), strict=True):
                controls.add_metric([name, str(packet.performer)], value)
        yield controls

    def _ticks(self) -> Iterator[Metric]:
        t = self._telemetry
        yield CounterMetricFamily("choreo_ticks", "Ticks played.", value=t.ticks)
        yield CounterMetricFamily("choreo_ticks_skipped", "Slots of the grid that were missed.", value=t.skipped)
        yield CounterMetricFamily("choreo_ticks_held", "Ticks that repeated the last valid output.", value=t.held)
        yield CounterMetricFamily("choreo_sent", "Controls sent, all bridges.", value=self._controller.sent)
        for name, about, spans in (
            ("choreo_tick_lateness_seconds", "From due time to beginning.", t.lateness),
            ("choreo_tick_work_seconds", "From beginning to end of a tick.", t.work),
        ):
            quantiles = GaugeMetricFamily(name, about, labels=["quantile"])
            for percent in (50, 99):
                quantiles.add_metric([str(percent / 100)], spans.percentile_ms(percent) / 1000.0)
            quantiles.add_metric(["1"], spans.max_ns / NS)
            yield quantiles

    def _samples(self) -> Iterator[Metric]:
        accepted = CounterMetricFamily("choreo_samples", "Samples accepted.", labels=["source"])
        refused = CounterMetricFamily("choreo_samples_refused", "Samples refused.", labels=["source", "cause"])
        for source, counts in self._ingress.counts().items():
            for cause, count in counts.items():
                if cause == "accepted":
                    accepted.add_metric([source], count)
                else:
                    refused.add_metric([source, cause], count)
        yield accepted
        yield refused
