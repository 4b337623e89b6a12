"""Who may see what is guarded: who shows the certificate and the password that are asked for, if any are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from monitor.exposition.auth import BasicAuth
from monitor.exposition.protocol import CLIENT_NAMES, LET_IN

#: why requests are refused, as `driftgauge_http_requests_refused_total` calls it
REASONS = ("certificate", "credentials", "busy")
#: passwords that are hashed at once (each takes 16 MB for tens of milliseconds), and that may wait for it
_HASHING, _WAITING = 1, 8


@dataclass(slots=True)
class Access:
    """names: of client certificates that may ask; None: any.  count: told each reason a request was refused for."""

    auth: BasicAuth | None = None
    asks_certificate: bool = False
    names: frozenset[str] | None = None
    count: Callable[[str], None] = lambda _: None
    _hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_HASHING))
    _waiting: int = 0

    async def refusal(self, request: Request) -> Response | None:
        """What is answered to a request that may not be; None if it may."""
        if self.asks_certificate and not self._known(request.scope.get(CLIENT_NAMES)):
            return self._refuse("certificate", PlainTextResponse("expected another client certificate\n", 403))
        if self.auth is not None:
            header = request.headers.get("authorization")
            if not self.auth.recognises(header):
                refused = await self._verify(self.auth, header)
                if refused is not None:
                    return refused
        request.scope[LET_IN] = True
        return None

    def _known(self, shown: frozenset[str] | None) -> bool:
        return shown is not None and (self.names is None or not self.names.isdisjoint(shown))

    async def _verify(self, auth: BasicAuth, header: str | None) -> Response | None:
        # who guesses passwords must not take the threads that render a scrape, nor the memory
        if self._waiting >= _WAITING:
            return self._refuse("busy", PlainTextResponse("too many passwords at once\n", 429, {"Retry-After": "1"}))
        self._waiting += 1
        try:
            async with self._hashing:
                allowed = await run_in_threadpool(auth.allows, header)
        finally:
            self._waiting -= 1
        return None if allowed else self._refuse("credentials", _unauthorized())

    def _refuse(self, reason: str, answer: Response) -> Response:
        self.count(reason)
        return answer


def _unauthorized() -> Response:
    return PlainTextResponse(
        "expected a user name and a password\n", 401, {"WWW-Authenticate": 'Basic realm="driftgauge", charset="UTF-8"'}
    )
