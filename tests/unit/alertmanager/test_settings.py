"""What `alertmanager` may be set to, and that a daemon without addresses pushes nothing."""

from pathlib import Path

import pytest

from monitor.assembly import assemble
from monitor.domain.errors import ConfigurationError
from monitor.exposition.server import Server
from monitor.settings import load


def test_nothing_is_pushed_by_default(tmp_path: Path) -> None:
    """The server stands alone."""
    parts, _ = assemble(load(None, {}, {"kafka.topics": "[{name: t}]", "state.path": str(tmp_path)}))
    assert isinstance(parts.server, Server)
    assert parts.board.read().pushes == {}
    parts.source.close()
    parts.store.close()


def test_every_address_gets_a_counter_from_birth(tmp_path: Path) -> None:
    """Of host and port, whatever the path."""
    urls = "[http://am-0:9093/prefix, https://am-1]"
    flags = {"kafka.topics": "[{name: t}]", "state.path": str(tmp_path), "alertmanager.urls": urls}
    parts, _ = assemble(load(None, {}, flags))
    names = {name for name, _ in parts.board.read().pushes}
    assert names == {"am-0:9093", "am-1"}
    parts.source.close()
    parts.store.close()


@pytest.mark.parametrize(
    "url", ["am:9093", "ftp://am", "http://", "http://am/?x=1", "http://am/#/alerts", "http://a m", "http://am:x", ""]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """The message says what an address looks like."""
    with pytest.raises(ConfigurationError, match=r"alertmanager\.urls.*expected http"):
        load(None, {}, {"alertmanager.urls": f"[{url!r}]"})


def test_a_password_in_an_address_is_refused_and_not_shown() -> None:
    """It would be seen in metrics and logs."""
    with pytest.raises(ConfigurationError, match="authorization_file") as refused:
        load(None, {}, {"alertmanager.urls": "['http://me:sesame@am']"})
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize("labels", ["{model: x}", "{'a-b': x}"])
def test_a_label_that_alerts_have_already_or_that_is_none_is_refused(labels: str) -> None:
    """The alert would be another one, or no one would take it."""
    with pytest.raises(ConfigurationError, match=r"alertmanager\.labels"):
        load(None, {}, {"alertmanager.labels": labels})


def test_the_same_alertmanager_twice_is_refused() -> None:
    """A pair has two addresses."""
    with pytest.raises(ConfigurationError, match="am:9093 more than once"):
        load(None, {}, {"alertmanager.urls": "[http://am:9093, http://am:9093/]"})
