"""What `check --connect` tries: the brokers, each topic, the address of the HTTP server."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from monitor.cli.console import counted, say
from monitor.configuration.http import host_and_port

if TYPE_CHECKING:
    from monitor.settings import Settings

_TIMEOUT_SECONDS = 10.0


def try_all(settings: Settings, timeout_seconds: float = _TIMEOUT_SECONDS) -> bool:
    """A line for each thing tried; did all of it work?"""
    addresses = [settings.http.listen, settings.http.probes_listen]
    from monitor.kafka.secrets import blackened, secrets_of

    secrets = secrets_of(settings.kafka.properties)
    tried = [(good, blackened(text, secrets)) for good, text in _kafka(settings, timeout_seconds)]
    results = [*tried, *(_http(address) for address in addresses if address)]
    for good, text in results:
        say(f"  {'ok' if good else 'FAILED':<10} {text}")
    return all(good for good, _ in results)


def _kafka(settings: Settings, timeout_seconds: float) -> list[tuple[bool, str]]:
    from confluent_kafka import Consumer, KafkaException

    servers = settings.kafka.bootstrap_servers
    reasons: list[str] = []
    properties: dict[str, Any] = {
        **settings.kafka.properties,
        "bootstrap.servers": servers,
        "group.id": settings.kafka.group_id,
        "error_cb": lambda error: reasons.append(error.str()),
        "log_level": 0,
    }
    try:
        consumer = Consumer(properties)
    except KafkaException as error:
        return [(False, f"brokers {servers}: {error.args[0].str()}")]
    try:
        cluster = consumer.list_topics(timeout=timeout_seconds)
    except KafkaException as error:
        consumer.poll(0)  # lets the callback say why
        why = reasons[-1] if reasons else error.args[0].str()
        return [(False, f"brokers {servers}: {why}")]
    finally:
        consumer.close()
    results = [(True, f"brokers {servers}: {counted(len(cluster.brokers), 'broker')} answered")]
    for topic in settings.kafka.topics:
        found = cluster.topics.get(topic.name)
        if found is None:
            results.append((False, f"topic {topic.name}: not there{_nearest(topic.name, cluster.topics)}"))
        elif found.error is not None:
            results.append((False, f"topic {topic.name}: {found.error.str()}"))
        else:
            results.append((True, f"topic {topic.name}: {counted(len(found.partitions), 'partition')}"))
    return results


def _nearest(name: str, known: Any) -> str:
    import difflib

    near = difflib.get_close_matches(name, [topic for topic in known if not topic.startswith("__")], n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _http(address: str) -> tuple[bool, str]:
    host, port = host_and_port(address)
    try:
        (family, kind, protocol, _, place), *_rest = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(place)
            tried.listen(1)
    except OSError as error:
        return False, f"http {address}: {error.strerror or error}"
    return True, f"http {address}: free"
