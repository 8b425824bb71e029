"""Merges the metrics endpoints of all Ray nodes into one Prometheus exposition."""

import asyncio
import logging
from collections.abc import Iterable, Iterator

import httpx
import ray
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

log = logging.getLogger("gitex.deployments")
SCRAPE_SECONDS = 5.0


async def cluster_exposition() -> str:
    """Text format 0.0.4 of every node's metrics; a node that does not answer is left out and logged."""
    addresses = await asyncio.to_thread(_metrics_addresses)
    async with httpx.AsyncClient(timeout=SCRAPE_SECONDS, trust_env=False) as client:
        texts = await asyncio.gather(*(_scrape(client, address) for address in addresses))
    return await asyncio.to_thread(merge, [text for text in texts if text is not None])


def merge(texts: Iterable[str]) -> str:
    """One exposition out of several: families of one name become one family with all samples."""
    families: dict[str, Metric] = {}
    for text in texts:
        for family in text_string_to_metric_families(text):
            known = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            known.samples.extend(family.samples)
    registry = CollectorRegistry()
    registry.register(_Families(families.values()))
    return generate_latest(registry).decode()


class _Families:
    """A prometheus-client collector over families that were parsed."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        yield from self._families


async def _scrape(client: httpx.AsyncClient, address: str) -> str | None:
    try:
        response = await client.get(f"http://{address}/metrics")
        response.raise_for_status()
    except httpx.HTTPError as problem:
        log.warning("no metrics from %s: %s", address, problem)
        return None
    return response.text


def _metrics_addresses() -> list[str]:
    return [
        f"{node['NodeManagerAddress']}:{node['MetricsExportPort']}"
        for node in ray.nodes()
        if node["Alive"] and node["MetricsExportPort"]
    ]
