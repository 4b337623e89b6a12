"""Predictions that come apart from the features they were made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from monitor.domain.frame import Frame
from tests.unit.engine.events import ABSENT, episodes, feed, frame, monitor

REQUEST, RESPONSE = "q", "r"


def logged(drawn: str, *, apart: bool) -> Frame:
    """Requests (q) and responses (r) in the order drawn; apart: their format keeps them in messages of their own."""
    values = np.random.default_rng(7).normal(size=len(drawn)).tolist()
    whole = frame(
        {"x": [value if sort == REQUEST else ABSENT for value, sort in zip(values, drawn, strict=True)]},
        {"score": [value if sort == RESPONSE else ABSENT for value, sort in zip(values, drawn, strict=True)]},
    )
    return replace(whole, features_only=np.array([sort == REQUEST for sort in drawn])) if apart else whole


def opened(drawn: str, *, apart: bool) -> Sequence[tuple[str, str, str, str | None]]:
    return episodes(feed(monitor(200), logged(drawn, apart=apart)))


def test_a_backlog_of_requests_is_no_lack_of_predictions() -> None:
    """Requests that come in a run, after responses that came in a run, say nothing of the predictions.

    q×300  r×300  q×300
    """
    assert opened("q" * 300 + "r" * 300 + "q" * 300, apart=True) == []


def test_requests_count_neither_as_observations_nor_as_missing() -> None:
    """A stream of predictions counts its responses alone."""
    watcher = monitor(200)
    feed(watcher, logged("qr" * 400, apart=True))
    (stream,) = (view for view in watcher.view().streams if view.key.kind == "prediction")
    assert (stream.observations, stream.invalid["missing"]) == (400, 0)


def test_an_event_that_could_have_carried_its_prediction_lacks_it() -> None:
    """Where both come in one message, a model that says nothing any more is found."""
    assert ("score", "missing", "firing", None) in opened("q" * 300 + "r" * 300 + "q" * 300, apart=False)
