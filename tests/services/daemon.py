"""The daemon as a process of its own, as a user would run it, and a look at what it exposes."""

import json
import sys
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.services.process import Process
from tests.services.waiting import free_port, wait_until

_RUN = (
    "import sys; from pathlib import Path; from monitor.daemon import run; from monitor.settings import load; "
    "sys.exit(run(load(Path(sys.argv[1]))))"
)
#: name and labels of a sample
Series = tuple[str, frozenset[tuple[str, str]]]


class DaemonProcess:
    """`run` with a configuration written below `directory`; may be started again after it ended."""

    def __init__(self, directory: Path, bootstrap: str, topics: list[str], **sections: Mapping[str, Any]) -> None:
        self.directory = directory
        self.port = free_port()
        self.state = directory / "state"
        configuration: dict[str, Any] = {
            "kafka": {
                "bootstrap_servers": bootstrap,
                "group_id": topics[0],
                "topics": [{"name": topic} for topic in topics],
            },
            "reference": {"warmup": {"observations": 200, "duration": 0}},
            "detection": {"max_alert_age": None},
            "state": {"path": str(self.state), "interval_seconds": 0.2},
            "http": {"listen": f"127.0.0.1:{self.port}"},
            "log": {"format": "json"},
        }
        for section, settings in sections.items():
            configuration[section] = {**configuration.get(section, {}), **settings}
        path = directory / "driftgauge.yaml"
        path.write_text(yaml.safe_dump(configuration))
        repository = Path(__file__).parents[2]
        command = [sys.executable, "-c", _RUN, str(path)]
        self.process = Process(command, directory / "daemon.log", folder=repository)

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.process.start()
        self.process.await_ready(lambda: self.get("/-/ready")[0] == 200, 90)

    def __enter__(self) -> "DaemonProcess":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of an answer; 0 when nobody answers."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, ""
        except (URLError, OSError, HTTPException):
            return 0, ""

    def scrape(self) -> dict[Series, float]:
        """Every sample on /metrics; empty when nobody answers."""
        families = text_string_to_metric_families(self.get("/metrics")[1])
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def total(self, name: str, **labels: str) -> float:
        """Sum of a metric over the series with these labels."""
        wanted = set(labels.items())
        return sum(value for (found, own), value in self.scrape().items() if found == name and wanted <= own)

    def await_total(self, expected: float, name: str, **labels: str) -> None:
        """Wait until the metric's sum is exactly this; more than it is a failure at once."""

        def reached() -> bool:
            assert self.process.running, self.process.last_words()
            found = self.total(name, **labels)
            assert found <= expected, f"{name} is {found:g}, expected {expected:g}"
            return found == expected

        wait_until(reached, 90, f"{name} {labels} to be {expected:g}", every=0.1)

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Log lines of an event."""
        text = self.process.log.read_text() if self.process.log.exists() else ""
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]
