"""A loopback HTTP server that keeps the notifications it is sent: somebody's inbox."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.services.inbox import Inbox

Notification = dict[str, Any]


class WebhookReceiver(Inbox[Notification]):
    """Takes every POST as one JSON document and answers 200; a context manager.

    `url` is where to send; `notifications` what has come so far, in order.
    """

    def __init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiver.keep(json.loads(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Silence: the tests say what arrived."""

        # Port 0: the kernel's choice is listening from this moment on, so there is no port to lose.
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        super().__init__(server, "webhook")
        self.url = f"http://127.0.0.1:{server.server_port}/"

    @property
    def notifications(self) -> list[Notification]:
        return self.items

    def await_notification(
        self, wanted: Callable[[Notification], bool], timeout: float, what: str = "a notification"
    ) -> Notification:
        """The first notification that is `wanted`, whenever it came; raises Expired with those that came instead."""
        return self.await_first(wanted, timeout, what, lambda came: json.dumps(came)[:2000])

    def await_alert(self, status: str, timeout: float, **labels: str) -> dict[str, Any]:
        """The first alert of this status ("firing", "resolved") that carries these labels, out of any notification."""

        def match(alert: dict[str, Any]) -> bool:
            return alert["status"] == status and labels.items() <= alert["labels"].items()

        what = f"a {status} alert with {labels}"
        notification = self.await_notification(lambda found: any(map(match, found["alerts"])), timeout, what)
        return next(filter(match, notification["alerts"]))
