"""Where settings come from, and which source wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.domain.errors import ConfigurationError
from monitor.settings import Settings, load


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "driftgauge.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(path: Path | None = None, environ: dict[str, str] | None = None, **flags: object) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(path, environ or {}, {name.replace("__", "."): value for name, value in flags.items()})
    return caught.value.mistakes


def test_nothing_given_means_the_defaults() -> None:
    """Without a file, variables or flags the settings are the documented defaults."""
    assert load() == Settings()


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    """A file with nothing but comments asks for the defaults."""
    assert load(write(tmp_path, "# nothing yet\n")) == Settings()


def test_variables_win_over_the_file_and_flags_over_variables(tmp_path: Path) -> None:
    """Of one setting given three times, the flag counts; of one given twice, the variable."""
    path = write(tmp_path, "kafka: {group_id: file, bootstrap_servers: 'file:1', start: latest}\n")
    environ = {"DRIFTGAUGE_KAFKA__GROUP_ID": "variable", "DRIFTGAUGE_KAFKA__BOOTSTRAP_SERVERS": "variable:1"}
    kafka = load(path, environ, {"kafka.bootstrap_servers": "flag:1"}).kafka
    assert (kafka.start, kafka.group_id, kafka.bootstrap_servers) == ("latest", "variable", "flag:1")


def test_a_variable_changes_one_key_of_a_section(tmp_path: Path) -> None:
    """What a variable does not name stays as the file has it."""
    path = write(tmp_path, "reference: {warmup: {observations: 7, duration: 2h}}\n")
    warmup = load(path, {"DRIFTGAUGE_REFERENCE__WARMUP__OBSERVATIONS": "9"}).reference.warmup
    assert (warmup.observations, warmup.duration) == (9, 7200.0)


def test_a_variable_may_hold_a_whole_section() -> None:
    """A section can be one JSON value, and its own variables still count beside it."""
    environ = {"DRIFTGAUGE_LIMITS": '{"streams": 5, "series": 6}', "DRIFTGAUGE_LIMITS__SERIES": "7"}
    limits = load(None, environ).limits
    assert (limits.streams, limits.series) == (5, 7)


def test_a_variable_of_text_is_not_read_as_a_number() -> None:
    """A group that is called 12 needs no quotes inside its variable."""
    assert load(None, {"DRIFTGAUGE_KAFKA__GROUP_ID": "12"}).kafka.group_id == "12"


@pytest.mark.parametrize("text", ["null", ""])
def test_a_variable_can_switch_off(text: str, tmp_path: Path) -> None:
    """null and nothing at all both mean null where null means something."""
    path = write(tmp_path, "detection: {max_alert_age: 1h}\n")
    assert load(path, {"DRIFTGAUGE_DETECTION__MAX_ALERT_AGE": text}).detection.max_alert_age is None


def test_properties_of_the_client_as_variables() -> None:
    """Dots of librdkafka's names are underscores in variables."""
    environ = {"DRIFTGAUGE_KAFKA__PROPERTIES__SASL_PASSWORD": "0123"}
    assert load(None, environ).kafka.properties == {"sasl.password": "0123"}


def test_a_flag_reaches_a_property_with_dots() -> None:
    """Everything behind kafka.properties. is one name."""
    assert load(None, {}, {"kafka.properties.client.id": "me"}).kafka.properties == {"client.id": "me"}


@pytest.mark.parametrize(
    ("variable", "suggestion"),
    [
        ("DRIFTGAUGE_KAFAK__GROUP_ID", "DRIFTGAUGE_KAFKA__GROUP_ID"),
        ("DRIFTGAUGE_KAFKA_GROUP_ID", "DRIFTGAUGE_KAFKA__GROUP_ID"),
        ("DRIFTGAUGE_STATE__INTERVAL_SECOND", "DRIFTGAUGE_STATE__INTERVAL_SECONDS"),
    ],
)
def test_a_misspelt_variable_is_refused_with_a_suggestion(variable: str, suggestion: str) -> None:
    """A variable that names no setting is a mistake, and the nearest one is named."""
    (line,) = mistakes(None, {variable: "x"})
    assert line == f"{variable}: unknown variable; did you mean {suggestion}?"


@pytest.mark.parametrize("name", ["SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_9480_TCP_ADDR"])
def test_what_kubernetes_sets_is_nobodys_mistake(name: str) -> None:
    """The variables of a service called driftgauge are left alone."""
    assert load(None, {f"DRIFTGAUGE_{name}": "tcp://10.0.0.1:9480"}) == Settings()


def test_other_programs_variables_are_not_looked_at() -> None:
    """Only names with the prefix are settings."""
    assert load(None, {"KAFKA__GROUP_ID": "x", "PATH": "/bin"}) == Settings()


def test_relative_paths_of_a_file_start_at_its_directory(tmp_path: Path) -> None:
    """A configuration means the same from wherever the daemon is started."""
    assert load(write(tmp_path, "state: {path: state}\n")).state.path == tmp_path / "state"


def test_other_relative_paths_start_at_the_working_directory(tmp_path: Path) -> None:
    """Variables are written where the process starts."""
    path = write(tmp_path, "state: {path: state}\n")
    assert load(path, {"DRIFTGAUGE_STATE__PATH": "here"}).state.path == Path("here")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The path is in the message."""
    assert mistakes(tmp_path / "nope.yaml") == [f"{tmp_path / 'nope.yaml'}: there is no such file"]


def test_a_syntax_error_has_line_and_column(tmp_path: Path) -> None:
    """YAML's own mark is kept."""
    (line,) = mistakes(write(tmp_path, "kafka:\n  start: [earliest\nhttp: {}\n"))
    assert "driftgauge.yaml, line 3, column" in line


@pytest.mark.parametrize(("text", "found"), [("- a\n", "a list"), ("7\n", "a single value")])
def test_a_file_has_to_be_a_mapping(tmp_path: Path, text: str, found: str) -> None:
    """A list or a single value is no configuration."""
    (line,) = mistakes(write(tmp_path, text))
    assert line.endswith(f"expected a mapping of sections (kafka:, detection:, …), got {found}")


def test_a_key_written_twice_is_a_mistake(tmp_path: Path) -> None:
    """YAML itself would take the last one silently."""
    (line,) = mistakes(write(tmp_path, "kafka:\n  start: latest\n  start: earliest\n"))
    assert line == "kafka.start: written twice, first in line 2 (driftgauge.yaml, line 3)"


def test_anchors_and_merges_are_read(tmp_path: Path) -> None:
    """A merge key is no second writing of a key, and what it brings can be overridden."""
    text = "detection:\n  overrides:\n    - &a {match: {feature: x}, weight: 2}\n    - {<<: *a, weight: 3}\n"
    assert [item.weight for item in load(write(tmp_path, text)).detection.overrides] == [2.0, 3.0]


def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    """A billion laughs end as a mistake, not in the memory."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (line, *_) = mistakes(write(tmp_path, "\n".join(levels)))
    assert "unfolds into too many values" in line


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """A file in another encoding is named as such."""
    path = tmp_path / "driftgauge.yaml"
    path.write_bytes(b"kafka: {group_id: caf\xe9}\n")
    assert "expected UTF-8 text, got the byte 0xe9" in mistakes(path)[0]
