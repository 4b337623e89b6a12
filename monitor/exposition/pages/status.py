"""The status page: the document as one HTML file that a person on call can read, with and without a script."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from monitor.exposition.pages.content import SCHEMA_PATH, Daemon, Distribution, Model, Status, StatusName, Stream
from monitor.exposition.pages.drawing import describe, histogram, sparkline
from monitor.exposition.pages.markup import Markup, element, name
from monitor.exposition.pages.shell import SCRIPT, document
from monitor.exposition.pages.words import CHANNELS, counted, duration, minutes, number, percent

#: without a script the page loads itself anew after so many seconds
REFRESH_SECONDS = 10
_SIGNS: dict[StatusName, str] = {"drift": "▲", "warning": "◆", "stable": "●", "learning": "○"}
STREAM_HEADINGS = ("Status", "Stream", "Score", "Effect", "Reference and recent values", "What is open")
MODEL_HEADINGS = ("Status", "Model", "Version", "In drift", "Streams", "Newest event")


def render(status: Status) -> bytes:
    """The page of a document."""
    refresh = element("noscript", element("meta", http_equiv="refresh", content=str(REFRESH_SECONDS)))
    return document(
        _title(status),
        element("a", "Skip to the streams", href="#streams", class_="skip"),
        _header(status),
        element("main", _models(status), _streams(status), _daemon(status.daemon), id="main"),
        _footer(),
        head=refresh,
        script=SCRIPT,
    )


def badge(status: StatusName) -> Markup:
    """A status as a word, with a sign and a colour that say the same."""
    sign = element("span", _SIGNS[status], aria_hidden="true")
    return element("span", sign, f" {status}", class_=f"status {status}")


def wide(table: Markup, label: str) -> Markup:
    """A table that may be wider than the screen: it scrolls by itself, also by keyboard."""
    return element("div", table, class_="wide", role="region", aria_label=label, tabindex=0)


def table(caption: str, headings: Sequence[str], rows: Iterable[Markup], part: str) -> Markup:
    """A table with a caption and headings; `part` names its rows for the script."""
    cells = [element("th", heading, scope="col") for heading in headings]
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *cells)),
        element("tbody", *rows, data_part=part),
    )


def legend(keys: Sequence[tuple[str, str]], words: str) -> Markup:
    """What the colours of drawings mean.  keys: a class of the style, and what it stands for."""
    parts = [part for class_, meaning in keys for part in (element("span", class_=f"key {class_}"), f" {meaning}, ")]
    return element("p", *parts, words, class_="quiet")


def _title(status: Status) -> str:
    drifting = status.streams_by_status["drift"]
    return f"({drifting}) driftgauge" if drifting else "driftgauge"


def _summary(status: Status) -> str:
    found = [f"{count:,} {word}" for word, count in _standing(status).items() if count]
    streams = f"{counted(status.streams_total, 'stream')} watched" + (f": {', '.join(found)}" if found else "")
    return f"{streams}. {'Something is wrong with the daemon.' if status.daemon.problems else 'The daemon is well.'}"


def _standing(status: Status) -> dict[str, int]:
    words = {"drift": "in drift", "warning": "in warning", "stable": "stable", "learning": "learning"}
    return {words[each]: count for each, count in status.streams_by_status.items()}


def _header(status: Status) -> Markup:
    daemon = status.daemon
    problems = [element("li", problem) for problem in daemon.problems]
    age, moment = daemon.checkpoint.age_seconds, status.generated_at.replace("T", " ").removesuffix("Z")
    tiles = [
        *((f"{count:,}", word, each) for (word, count), each in zip(_standing(status).items(), _SIGNS, strict=True)),
        (f"{daemon.lag.messages:,}", "messages behind", ""),
        ("none" if age is None else duration(age), "since the checkpoint", ""),
        (daemon.role, "ready" if daemon.ready else "not ready", ""),
    ]
    shown = [
        element("li", element("b", value, class_=class_ if value != "0" else ""), element("span", word))
        for value, word, class_ in tiles
    ]
    return element(
        "header",
        element(
            "div",
            element("h1", "driftgauge"),
            element("p", f"As of {moment} UTC", class_="quiet", data_part="when"),
            class_="title",
        ),
        # read out when it changes, which is when a stream changes its status
        element("p", _summary(status), role="status", data_part="summary"),
        element("p", "", id="silence", role="alert", class_="silence", hidden=True),
        element("div", element("ul", *problems, class_="problems") if problems else None, data_part="problems"),
        element("ul", *shown, class_="tiles", data_part="tiles"),
    )


def _models(status: Status) -> Markup:
    hidden = status.models_total - len(status.models)
    caption = "Worst first." + (f" {counted(hidden, 'model version')} not shown." if hidden else "")
    rows = table(caption, MODEL_HEADINGS, map(_model_row, status.models), "models")
    title = element("div", element("h2", "Models", id="models"), _filter(status), class_="title")
    return element("section", title, wide(rows, "Models"))


def _filter(status: Status) -> Markup:
    known = sorted({model.model for model in status.models})
    everything = element("a", "show all models", href="/") if status.model is not None else None
    return element(
        "form",
        element("label", "Only model ", for_="model"),
        element("input", id="model", name="model", value=status.model or "", list="names", autocomplete="off"),
        element("datalist", *(element("option", value=each) for each in known), id="names"),
        element("button", "Show", type="submit"),
        everything,
        method="get",
        action="/",
    )


def _model_row(model: Model) -> Markup:
    where = f"?model={quote(model.model, safe='', errors='replace')}"
    version = [name(model.model_version), f", shard {model.shard}" if model.shard else None]
    together = element("small", model.joint) if model.joint else None
    late = element("small", "late: its drift pages nobody") if model.late else None
    standing = [f"{count:,} {each}" for each, count in model.streams.items() if count]
    return element(
        "tr",
        element("td", badge(model.status)),
        element("th", element("a", name(model.model), href=where), scope="row"),
        element("td", *version),
        element("td", percent(model.drift_share), class_="number"),
        element("td", ", ".join(standing) or "none", together),
        element("td", minutes(model.newest_event_at), late, class_="number"),
        id=_id("m", model.model, model.model_version, model.shard or ""),
    )


def _streams(status: Status) -> Markup:
    hidden = status.streams_total - len(status.streams)
    caption = "Most troubled first: drift, warning, stable, learning; then by score."
    if hidden:
        caption += f" The {len(status.streams):,} worst of {status.streams_total:,}; {hidden:,} are not shown."
    rows = table(caption, STREAM_HEADINGS, map(_stream_row, status.streams), "streams")
    nothing = None if status.streams else element("p", "No stream is watched yet.")
    keys = (("reference", "reference"), ("recent", "recent values"))
    title = element("h2", "Streams", id="streams")
    return element(
        "section",
        element("div", title, legend(keys, "a score of 1 (dashed) is a detection"), class_="title"),
        element("div", nothing, data_part="nothing"),
        wide(rows, "Streams"),
    )


def _stream_row(stream: Stream) -> Markup:
    whose = stream.model, stream.model_version, stream.shard or ""
    return element(
        "tr",
        element("td", badge(stream.status)),
        element("th", name(stream.feature), element("small", *_origin(stream)), scope="row"),
        element("td", sparkline(stream.history, stream.score), element("small", number(stream.score)), class_="number"),
        element("td", *_effect(stream), class_="number"),
        element("td", *_shape(stream.distribution), class_="shape"),
        element("td", *_open(stream), class_="said"),
        id=_id("s", *whose, stream.kind, stream.feature, stream.segment),
    )


def _origin(stream: Stream) -> list[Markup | str]:
    """Whose stream it is, and what it is held against."""
    parts: list[Markup | str] = [name(stream.model), " ", name(stream.model_version)]
    if stream.kind != "feature":
        parts.append(f", {stream.kind}")
    if stream.segment:
        parts += [", ", name(stream.segment)]
    if stream.shard:
        parts.append(f", shard {stream.shard}")
    return [*parts, element("br"), f"{counted(stream.observations, 'value')} seen"]


def _effect(stream: Stream) -> list[Markup | str]:
    if stream.effect is None or stream.effect_channel is None:
        return ["–"]
    channel = CHANNELS.get(stream.effect_channel, stream.effect_channel)
    return [f"{stream.effect:+.2f}".replace("-", "−"), element("small", channel)]


def _shape(found: Distribution | None) -> list[Markup | str]:
    if found is None:
        return [element("span", "not drawn", class_="quiet")]
    return [histogram(found), element("small", describe(found))]


def _open(stream: Stream) -> list[Markup | str]:
    if not stream.episodes:
        return [
            element(
                "span", "nothing" if stream.status != "learning" else "its reference is being learned", class_="quiet"
            )
        ]
    said = [element("p", each.explanation.removeprefix(f"{stream.feature}: ")) for each in stream.episodes]
    return [*said, element("small", f"found at the event of {minutes(stream.last_drift_event_at)}")]


def _daemon(daemon: Daemon) -> Markup:
    """Everything about the daemon itself, as terms and what they are."""
    lag, checkpoint, messages = daemon.lag, daemon.checkpoint, daemon.messages
    furthest = f"; furthest {lag.topic}, partition {lag.partition}: {lag.partition_messages:,}" if lag.messages else ""
    written = "none yet"
    if checkpoint.age_seconds is not None:
        written = (
            f"{minutes(checkpoint.written_at)}, {checkpoint.size_bytes:,} bytes in {checkpoint.duration_seconds:.2g} s"
        )
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in messages.rejected.items())
    refused = ", ".join(f"{count:,} {reason}" for reason, count in daemon.streams_refused.items())
    terms = {
        "Version": daemon.version,
        "Role": f"{daemon.role}, {'ready' if daemon.ready else 'not ready'}",
        "Kafka": "reachable" if daemon.kafka_up else "not reachable",
        "Behind": f"{counted(lag.messages, 'message')} in {counted(lag.partitions, 'partition')}{furthest}",
        "Checkpoint": f"{written}; {checkpoint.failures:,} failed",
        "Messages": f"{messages.ok:,} read, {messages.ignored:,} ignored, {messages.lost:,} lost",
        "Rejected": rejected or "none",
        "Dead letters": ", ".join(f"{count:,} {word}" for word, count in messages.dead_letters.items()),
        "Streams": f"{daemon.streams:,} of at most {daemon.streams_limit:,}; refused: {refused or 'none'}",
    }
    pairs = [part for term, value in terms.items() for part in (element("dt", term), element("dd", value))]
    return element("section", element("h2", "Daemon", id="daemon"), element("dl", *pairs, data_part="daemon"))


def _footer() -> Markup:
    links = {"/metrics": "metrics", "/api/v1/status": "this page as JSON", SCHEMA_PATH: "its schema"}
    parts = [element("a", words, href=path) for path, words in links.items()]
    return element("footer", element("p", parts[0], " · ", parts[1], " · ", parts[2]))


def _id(kind: str, *names: str) -> str:
    """An id that stays with a row, made of names that may hold anything."""
    written = "\0".join(names).encode("utf-8", "surrogatepass")
    return f"{kind}-{hashlib.blake2s(written, digest_size=8).hexdigest()}"
