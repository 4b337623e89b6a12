"""Views: as the streams stand, and worked out only for those that have changed."""

from __future__ import annotations

import numpy as np

from monitor.engine.model import ModelMonitor
from tests.unit.engine.events import Columns, feed, frame, monitor


def features(seed: int, shift: float = 0.0, only: str = "") -> Columns:
    """Three hundred events of two features, or of one of them alone."""
    random = np.random.default_rng(seed)
    names = [only] if only else ["x", "y"]
    return {name: [float(value) for value in random.normal(shift, size=300)] for name in names}


def test_a_view_kept_from_before_is_the_view_worked_out_now() -> None:
    """Through learning, drift and relearning: the same as from a monitor that has shown nothing yet."""
    watcher = monitor(500)
    for seed, shift in enumerate([0, 0, 0, 0, 3, 3, 3, 3, 3, 3, 0, 0]):
        feed(watcher, [frame(features(seed, float(shift)))])
        anew = ModelMonitor.load(watcher.key, watcher.policy, watcher.dump())
        assert watcher.view() == anew.view()
        assert watcher.view() == anew.view()


def test_only_a_stream_that_was_observed_is_looked_at_again() -> None:
    """The view of a stream without new observations is the one from before, as an object."""
    watcher = monitor(500)
    for seed in range(2):
        feed(watcher, [frame(features(seed, only="x"), topic="ours"), frame(features(seed, only="y"), topic="theirs")])
    before = {view.key.feature: view for view in watcher.view().streams}
    feed(watcher, [frame(features(7, only="x"), topic="ours")])
    after = {view.key.feature: view for view in watcher.view().streams}
    assert after["x"] is not before["x"]
    assert after["y"] is before["y"]
