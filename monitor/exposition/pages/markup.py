"""Markup that cannot be broken out of: the one place where text becomes HTML or SVG.

Law: a `Markup` is whole elements, made here; every other string is text and is escaped, wherever it stands.
"""

from __future__ import annotations

import re
from html import escape
from typing import Final

_VOID: Final = frozenset({"meta", "link", "br", "input", "rect", "line", "path", "polyline", "polygon", "circle"})
_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*")
#: what no document may hold, whatever is escaped: controls, lone surrogates, non-characters
_UNFIT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
#: a text without any of these is markup as it is
_SPECIAL: Final = re.compile("[&<>\"']|" + _UNFIT.pattern)


class Markup(str):
    """Elements that are well-formed and escaped."""

    __slots__ = ()


Child = str | None
Value = str | int | float | bool | None


def text(words: str) -> Markup:
    """Text as markup.

    >>> text('<b> & "quotes" \\x00')
    '&lt;b&gt; &amp; &quot;quotes&quot; \ufffd'
    """
    if isinstance(words, Markup):
        return words
    return Markup(escape(_UNFIT.sub("\ufffd", words), quote=True) if _SPECIAL.search(words) else words)


def join(*children: Child) -> Markup:
    """Children in order; None is nothing."""
    return Markup("".join(text(child) for child in children if child is not None))


def element(tag: str, /, *children: Child, **attributes: Value) -> Markup:
    """An element.  Of attribute names the underscore at the end goes (`class_`), others become hyphens.

    True is an attribute without a value, False and None are none at all.

    >>> element("p", "a < b", element("br"), class_="x", aria_label='"', hidden=True, id=None)
    '<p class="x" aria-label="&quot;" hidden>a &lt; b<br></p>'
    """
    assert _NAME.fullmatch(tag)
    opening = f"<{tag}{''.join(_attribute(*item) for item in attributes.items())}>"
    if tag in _VOID:
        # SVG shapes inside HTML close themselves by the slash that HTML's own elements do without
        return Markup(opening if tag in ("meta", "link", "br", "input") else f"{opening[:-1]}/>")
    return Markup(f"{opening}{join(*children)}</{tag}>")


def name(words: str, **attributes: Value) -> Markup:
    """Somebody else's name: set apart, so that its letters' direction does not turn the sentence around it."""
    return element("bdi", words, **attributes)


def raw(trusted: str) -> Markup:
    """Our own styles and scripts, as they are; never anything that comes from outside the package."""
    assert "</" not in trusted
    return Markup(trusted)


def _attribute(key: str, value: Value) -> str:
    if value is None or value is False:
        return ""
    written = key.removesuffix("_").replace("_", "-")
    if value is True:
        return f" {written}"
    shown = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f' {written}="{text(shown)}"'
