"""Full collections are rare while the daemon runs, and still come."""

import gc

from monitor.collecting import SELDOM, seldom


def test_full_collections_are_rare_and_not_off() -> None:
    """Young objects are looked through as before, all of them seldom, and what was set comes back."""
    before = gc.get_threshold()
    with seldom():
        assert gc.isenabled()
        assert gc.get_threshold() == (*before[:2], SELDOM)
    assert gc.get_threshold() == before
