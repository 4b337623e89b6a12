"""A loopback HTTP server that keeps the notifications it is sent: somebody's inbox."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from types import TracebackType
from typing import Any, Self

from tests.services.waiting import Expired

Notification = dict[str, Any]


class WebhookReceiver:
    """Takes every POST as one JSON document and answers 200; a context manager.

    `url` is where to send; `notifications` what has come so far, in order.
    """

    def __init__(self) -> None:
        self._arrived = Condition()
        self._notifications: list[Notification] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiver._keep(json.loads(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Silence: the tests say what arrived."""

        # Port 0: the kernel's choice is listening from this moment on, so there is no port to lose.
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = Thread(target=self._server.serve_forever, name="webhook", kwargs={"poll_interval": 0.05})

    @property
    def notifications(self) -> list[Notification]:
        with self._arrived:
            return list(self._notifications)

    def await_notification(
        self, wanted: Callable[[Notification], bool], timeout: float, what: str = "a notification"
    ) -> Notification:
        """The first notification that is `wanted`, whenever it came; raises Expired with those that came instead."""

        def first() -> Notification | None:
            return next(filter(wanted, self._notifications), None)

        with self._arrived:
            found = self._arrived.wait_for(first, timeout)
            if found is None:
                raise Expired(
                    f"waited {timeout:g} s for {what}; came instead: {json.dumps(self._notifications)[:2000]}"
                )
            return found

    def await_alert(self, status: str, timeout: float, **labels: str) -> dict[str, Any]:
        """The first alert of this status ("firing", "resolved") that carries these labels, out of any notification."""

        def match(alert: dict[str, Any]) -> bool:
            return alert["status"] == status and labels.items() <= alert["labels"].items()

        what = f"a {status} alert with {labels}"
        notification = self.await_notification(lambda found: any(map(match, found["alerts"])), timeout, what)
        return next(filter(match, notification["alerts"]))

    def _keep(self, notification: Notification) -> None:
        with self._arrived:
            self._notifications.append(notification)
            self._arrived.notify_all()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
