"""One POST to one Alertmanager: no redirects, no proxies, a deadline, a certificate that is checked."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from monitor.domain.errors import ConfigurationError

#: alerts in one request
BATCH = 500
_PATH = "/api/v2/alerts"


class PushFailed(Exception):
    """An Alertmanager did not take alerts; says why, and never what was sent as authorization."""


@dataclass(frozen=True, slots=True)
class Destination:
    """An Alertmanager.  authorization_file: what it holds is sent as `Authorization`, read anew each time."""

    url: str
    timeout_seconds: float = 5.0
    authorization_file: Path | None = None
    ca_file: Path | None = None

    @property
    def name(self) -> str:
        """host:port, what metrics and logs call it."""
        return urlsplit(self.url).netloc

    def context(self) -> ssl.SSLContext | None:
        """How its certificate is checked; None for plain HTTP.  Raises ConfigurationError for a file that is none."""
        if urlsplit(self.url).scheme != "https":
            return None
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                [f"alertmanager.ca_file: expected certificates as PEM, got {self.ca_file}: {error}"]
            ) from None


def post(to: Destination, context: ssl.SSLContext | None, alerts: Sequence[dict[str, Any]]) -> None:
    """Hand over alerts.  Raises PushFailed unless all were taken."""
    parts = urlsplit(to.url)
    assert parts.hostname is not None, "a destination's address is checked when settings are read"
    connection = (
        http.client.HTTPConnection(parts.hostname, parts.port, timeout=to.timeout_seconds)
        if context is None
        else http.client.HTTPSConnection(parts.hostname, parts.port, timeout=to.timeout_seconds, context=context)
    )
    try:
        headers = {"Content-Type": "application/json"} | _authorization(to)
        for start in range(0, len(alerts), BATCH):
            body = json.dumps(alerts[start : start + BATCH]).encode()
            connection.request("POST", parts.path.rstrip("/") + _PATH, body, headers)
            answer = connection.getresponse()
            words = answer.read(1000).decode(errors="replace").strip()
            if not 200 <= answer.status < 300:
                raise PushFailed(f"{to.name} answered {answer.status} {answer.reason}: {words[:200]}")
            if not answer.isclosed():
                connection.close()  # a longer answer than there should be: the next request begins on a fresh line
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise PushFailed(f"{to.name}: {type(error).__name__}: {error}") from None
    finally:
        connection.close()


def _authorization(to: Destination) -> dict[str, str]:
    if to.authorization_file is None:
        return {}
    try:
        value = to.authorization_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PushFailed(f"{to.authorization_file}: {type(error).__name__}") from None
    if not value.isprintable():  # the library's own complaint would quote it
        raise PushFailed(f"{to.authorization_file}: expected one line")
    return {"Authorization": value}
