"""Properties of the client: what users may set, and what must hold whatever they set."""

import pytest

from monitor.domain.errors import ConfigurationError
from monitor.kafka.options import OWNED, SourceOptions, client_properties
from monitor.kafka.source import Source


def options(**properties: str | int) -> SourceOptions:
    return SourceOptions("localhost:9092", ("events",), properties=properties)


def test_a_user_property_replaces_a_default() -> None:
    """A default is only a default."""
    assert client_properties(options(**{"fetch.wait.max.ms": 500}))["fetch.wait.max.ms"] == 500


def test_losses_of_data_are_never_jumped_over() -> None:
    """Without a position the client must say so, and events of aborted transactions must not be read."""
    found = client_properties(options())
    assert found["auto.offset.reset"] == "error"
    assert found["isolation.level"] == "read_committed"
    assert found["enable.auto.commit"] is False


@pytest.mark.parametrize("name", OWNED)
def test_a_property_that_is_not_the_users_is_refused_by_name(name: str) -> None:
    """The message names the property and what to do instead."""
    with pytest.raises(ConfigurationError, match=name) as caught:
        client_properties(options(**{name: "x"}))
    assert OWNED[name] in str(caught.value)


def test_all_refused_properties_are_named_at_once() -> None:
    """One run of the command shows every mistake."""
    with pytest.raises(ConfigurationError) as caught:
        client_properties(options(**{"group.id": "g", "auto.offset.reset": "latest"}))
    assert len(caught.value.mistakes) == 2


def test_a_property_librdkafka_does_not_know_is_a_configuration_error() -> None:
    """A misspelt property stops the start with its name, not with a traceback."""
    with pytest.raises(ConfigurationError, match=r"fetch\.wait\.max\.sm"):
        Source(options(**{"fetch.wait.max.sm": 1}))
