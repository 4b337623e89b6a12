"""What all pages have in common: one file with its style (and script) inside, and a policy that allows nothing else."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from monitor.exposition.pages.markup import Markup, element, join, raw


def _own(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


STYLE, SCRIPT = _own("page.css"), _own("status.js")
#: a drawing of two hills that part, so that a browser has something to put on its tab
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Cpath d='M1 14C5 14 4 4 6 4s1 10 4 10M6 14c4 0 3-7 5-7s1 7 4 7' fill='none' stroke='%23888' stroke-width='1.6'/"
    "%3E%3C/svg%3E"
)


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


#: nothing is loaded, nothing runs and nothing is sent but what is here, and nobody may frame it
POLICY = "; ".join(
    [
        "default-src 'none'",
        f"style-src {_hash(STYLE)}",
        f"script-src {_hash(SCRIPT)}",
        "img-src data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
#: pages with the same style and script; one that is open loads itself anew when this changes
MADE = hashlib.sha256((STYLE + SCRIPT).encode()).hexdigest()[:12]


def document(title: str, *body: Markup, head: Markup | None = None, script: str | None = None) -> bytes:
    """A whole page.  head: what else belongs there.  script: one of ours, at the end."""
    page = element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("title", title),
            element("link", rel="icon", href=_ICON),
            element("style", raw(STYLE)),
            head,
        ),
        element("body", join(*body), None if script is None else element("script", raw(script))),
        lang="en",
        data_made=MADE,
    )
    return f"<!doctype html>\n{page}\n".encode()
