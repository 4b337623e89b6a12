"""Stands in for `driftgauge run`: reads the configuration, answers /metrics, says what it was told to say, then waits.

    fake_daemon.py PLAN.json run --config FILE

The plan: `lines` to log once it has started; `saved`: predictions to count; `at_start`, `at_end`: an exit code to end
with then, null to go on; `stubborn`: whether SIGTERM is ignored.
"""

import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import yaml


def main() -> int:
    plan = json.loads(Path(sys.argv[1]).read_text())
    configuration = yaml.safe_load(Path(sys.argv[4]).read_text())
    stop = threading.Event()
    signal.signal(signal.SIGTERM, signal.SIG_IGN if plan["stubborn"] else lambda *_: stop.set())
    if plan["at_start"] is not None:
        say("Traceback: no good reason")
        return int(plan["at_start"])
    host, _, port = configuration["http"]["listen"].rpartition(":")
    server = HTTPServer((host, int(port)), answering(plan["saved"]))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say(json.dumps({"event": "started", "url": f"http://{host}:{server.server_port}"}))
    for line in plan["lines"]:
        say(line if isinstance(line, str) else json.dumps(line))
    if plan["at_end"] is None:
        while not stop.wait(0.1):
            pass
    return int(plan["at_end"] or 0)


def answering(saved: int) -> type[BaseHTTPRequestHandler]:
    labels = 'model="flight-delay",model_version="winter"'
    text = (
        "# TYPE driftgauge_observations_total counter\n"
        f'driftgauge_observations_total{{{labels},feature="p",kind="prediction"}} {saved}.0\n'
        f'driftgauge_observations_total{{{labels},feature="temp",kind="feature"}} 7.0\n'
        "# TYPE driftgauge_drift_status gauge\n"
        f'driftgauge_drift_status{{{labels},feature="precip",kind="feature"}} 2.0\n'
        f'driftgauge_drift_status{{{labels},feature="temp",kind="feature"}} 0.0\n'
    )

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    return Answer


def say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
