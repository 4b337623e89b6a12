"""A real Alertmanager for tests."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from tests.services import installed
from tests.services.process import Process
from tests.services.prometheus import answers
from tests.services.waiting import free_port

READY_SECONDS = 90.0


class Alertmanager:
    """Alertmanager on a free loopback port, alone in its cluster unless it is given a peer; a context manager.

    config: the text of alertmanager.yml, for example from `webhook_config`.  cluster: flags that make it one of a pair,
    see `pair`.
    """

    def __init__(self, directory: Path, config: str, cluster: tuple[str, ...] = ("--cluster.listen-address=",)) -> None:
        self.port = free_port()
        self.target = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.target}"
        folder = directory / f"alertmanager-{self.port}"
        folder.mkdir(parents=True)
        (folder / "alertmanager.yml").write_text(config)
        program = installed.present(installed.alertmanager(), "Alertmanager")
        templates = program.parents[1] / "share" / "prometheus" / "alertmanager"
        self.process = Process(
            [
                str(program),
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address={self.target}",
                *cluster,
            ],
            folder / "alertmanager.log",
            folder=templates if templates.is_dir() else folder,  # unpacked, it looks for them where it is started
        )
        self._client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def start(self) -> None:
        """Start and wait until alerts are taken."""
        self.process.start()
        self.process.await_ready(lambda: answers(self._client, "/-/ready"), READY_SECONDS)

    def stop(self) -> None:
        """Stop in order; silences and what was notified stay."""
        self.process.stop()

    def post(self, alerts: list[dict[str, Any]]) -> None:
        """Hand over alerts as Prometheus would: [{"labels": {…}, "annotations": {…}, "endsAt": …}]."""
        response = self._client.post("/api/v2/alerts", json=alerts)
        assert response.is_success, response.text

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts it holds at this moment."""
        found: list[dict[str, Any]] = self._client.get("/api/v2/alerts").raise_for_status().json()
        return found

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self._client.close()


def pair(directory: Path, config: str) -> tuple[Alertmanager, Alertmanager]:
    """Two that know each other and agree which of them notifies; the second steps in after some seconds.

    Shorter than gossip may take on a busy machine, both would notify.
    """
    first, second = (f"127.0.0.1:{free_port()}" for _ in range(2))

    def member(here: str, there: str) -> Alertmanager:
        addresses = (f"--cluster.listen-address={here}", f"--cluster.advertise-address={here}")
        pace = ("--cluster.peer-timeout=5s", "--cluster.settle-timeout=10s", "--cluster.gossip-interval=50ms")
        return Alertmanager(directory, config, (*addresses, f"--cluster.peer={there}", *pace))

    return member(first, second), member(second, first)


def webhook_config(url: str, *, group_by: tuple[str, ...] = ("alertname",)) -> str:
    """The text of an alertmanager.yml that sends everything, also what resolves, to one webhook within a second."""
    return yaml.safe_dump(
        {
            "route": {
                "receiver": "webhook",
                "group_by": list(group_by),
                "group_wait": "1s",
                "group_interval": "1s",
                "repeat_interval": "1h",
            },
            "receivers": [{"name": "webhook", "webhook_configs": [{"url": url, "send_resolved": True}]}],
        },
        sort_keys=False,
    )
