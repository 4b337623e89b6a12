"""A real Prometheus for tests."""

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from tests.services import installed
from tests.services.process import Process
from tests.services.waiting import free_port, wait_until

READY_SECONDS = 90.0


class Prometheus:
    """Prometheus on a free loopback port with a configuration and rule files; a context manager.

    config: the text of prometheus.yml; its rule_files are replaced by `rules`.  Checked by promtool before the start.
    """

    def __init__(self, directory: Path, config: str, rules: Iterable[Path] = ()) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder = directory / f"prometheus-{self.port}"
        folder.mkdir(parents=True)
        document: dict[str, Any] = yaml.safe_load(config) or {}
        document["rule_files"] = [str(Path(rule).resolve()) for rule in rules]
        self._config = folder / "prometheus.yml"
        self._config.write_text(yaml.safe_dump(document, sort_keys=False))
        self.process = Process(
            [
                str(installed.present(installed.prometheus(), "Prometheus")),
                f"--config.file={self._config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            folder / "prometheus.log",
        )
        self._client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def start(self) -> None:
        """Check the configuration, start, and wait until queries are answered."""
        run_promtool("check", "config", str(self._config))
        self.process.start()
        self.process.await_ready(lambda: answers(self._client, "/-/ready"), READY_SECONDS)

    def stop(self) -> None:
        """Stop in order; the data stays."""
        self.process.stop()

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """An instant query's vector, now: (labels, value) for every series."""
        response = self._client.get("/api/v1/query", params={"query": expression})
        assert response.is_success, f"{expression}: {response.text}"
        result = response.json()["data"]
        assert result["resultType"] == "vector", f"{expression} gives a {result['resultType']}"
        return [(series["metric"], float(series["value"][1])) for series in result["result"]]

    def alerts(self) -> list[dict[str, Any]]:
        """Pending and firing alerts, as Prometheus describes them."""
        found: list[dict[str, Any]] = self._client.get("/api/v1/alerts").raise_for_status().json()["data"]["alerts"]
        return found

    def await_target(self, job: str, timeout: float = 90) -> None:
        """Wait until a target of this job was scraped with success; discovery alone takes five seconds at first."""
        wait_until(lambda: self.query(f'up{{job="{job}"}} == 1'), timeout, f"Prometheus to scrape {job}", every=0.2)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self._client.close()


def answers(client: httpx.Client, path: str) -> bool:
    """Whether a GET of this path succeeds, at once."""
    try:
        return client.get(path, timeout=10).is_success
    except httpx.TransportError:
        return False


def run_promtool(*arguments: str, stdin: str | None = None) -> str:
    """Run promtool, give back what it printed; AssertionError with its complaint if it is not content."""
    return _run(installed.present(installed.promtool(), "promtool"), arguments, stdin)


def run_amtool(*arguments: str, stdin: str | None = None) -> str:
    """Run amtool, give back what it printed; AssertionError with its complaint if it is not content."""
    return _run(installed.present(installed.amtool(), "amtool"), arguments, stdin)


def scrape_config(jobs: Mapping[str, str], *, alertmanager: str | None = None, interval: str = "1s") -> str:
    """The text of a prometheus.yml that scrapes each job's one target (host:port) and evaluates rules as often."""
    document: dict[str, Any] = {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in jobs.items()
        ],
    }
    if alertmanager is not None:
        document["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    return yaml.safe_dump(document, sort_keys=False)


def _run(tool: Path, arguments: Iterable[str], stdin: str | None) -> str:
    done = subprocess.run([str(tool), *arguments], input=stdin or "", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{tool.name} {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr
