"""Every path there is, and who may ask for it: this is the one list.

guarded   whatever tells of a model: who may not see the metrics may not see them in another shape either
probes    for kubelets and balancers, which have no password: a word, never content
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from monitor.exposition.access import Access
from monitor.exposition.board import Board
from monitor.exposition.pages.serving import Pages
from monitor.exposition.scrape import scrapes

Endpoint = Callable[[Request], Awaitable[Response]]


def guarded(board: Board, pages: Pages) -> Mapping[str, Endpoint]:
    """What is shown to those who may see it, by path."""
    return {"/metrics": scrapes(board), **pages.endpoints()}


def probes(board: Board, deadline_seconds: float) -> Mapping[str, Endpoint]:
    """What is answered to anybody, by path; deadline_seconds: how long ago the loop may have turned last."""

    async def healthy(_: Request) -> Response:
        return _probe(board.healthy(deadline_seconds), "healthy", "the loop has not turned within its deadline")

    async def ready(_: Request) -> Response:
        return _probe(board.is_ready(), "ready", "the state is not restored yet")

    return {"/-/healthy": healthy, "/-/ready": ready}


def application(guarded_paths: Mapping[str, Endpoint], open_paths: Mapping[str, Endpoint], access: Access) -> Starlette:
    """Strict paths: no redirects, nothing below a path; guarded ones only for those who have access."""

    def behind(endpoint: Endpoint) -> Endpoint:
        async def asked(request: Request) -> Response:
            return await access.refusal(request) or await endpoint(request)

        return asked

    routes = [Route(path, behind(endpoint)) for path, endpoint in guarded_paths.items()]
    routes += [Route(path, endpoint) for path, endpoint in open_paths.items()]
    made = Starlette(routes=routes)
    made.router.redirect_slashes = False
    return made


def _probe(good: bool, word: str, otherwise: str) -> Response:
    return PlainTextResponse(f"{word}\n" if good else f"not {word}: {otherwise}\n", 200 if good else 503)
