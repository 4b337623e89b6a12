"""Secrets of the Kafka client: read from files, and in no output of any command."""

from pathlib import Path

import pytest
import structlog

from monitor import logs
from monitor.domain.errors import ConfigurationError
from monitor.semantics import describe, fingerprint
from monitor.settings import Settings, load
from tests.unit.cli.invoke import driftgauge

SECRET = 'hunter2 "quoted"'


def written(tmp_path: Path, properties: str, more: str = "") -> Path:
    (tmp_path / "password").write_text(SECRET + "\n")
    path = tmp_path / "c.yaml"
    path.write_text(f"kafka: {{topics: [{{name: t}}], properties: {{{properties}}}}}\n{more}")
    return path


def settings_with(secret: str) -> Settings:
    return load(environ={"DRIFTGAUGE_KAFKA__PROPERTIES__SASL_PASSWORD": secret})


def test_a_secret_is_read_from_a_file_beside_the_configuration(tmp_path: Path) -> None:
    """Without the end of its line."""
    settings = load(written(tmp_path, "sasl.password_file: password"))
    assert settings.kafka.properties == {"sasl.password": SECRET}
    assert "hunter2" not in repr(settings) + repr(settings.kafka.properties)


def test_a_variable_may_name_the_file(tmp_path: Path) -> None:
    """As everything else, in capitals and underscores."""
    written(tmp_path, "")
    name = "DRIFTGAUGE_KAFKA__PROPERTIES__SASL_PASSWORD_FILE"
    assert load(environ={name: str(tmp_path / "password")}).kafka.properties == {"sasl.password": SECRET}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ("sasl.password_file: gone", "`sasl.password_file`: expected a file with what is secret, got "),
        ("sasl.password_file: empty", "empty, which is empty"),
        ("sasl.password_file: password, sasl.password: x", "expected either `sasl.password` or `sasl.password_file`"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, properties: str, expected: str) -> None:
    """With its name."""
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ConfigurationError) as refused:
        load(written(tmp_path, properties))
    assert expected in str(refused.value)


@pytest.mark.parametrize(
    ("command", "properties"),
    [
        ("check", "sasl.password_file: password"),
        ("check", "security.protocol_file: password, no.such.property_file: password"),
        ("check --connect", "ssl.key.pem_file: password, security.protocol: SSL"),
        ("run", "sasl.mechanism_file: password"),
        ("run", "ssl.key.pem_file: password, security.protocol: SSL"),
    ],
)
def test_no_command_shows_a_secret(tmp_path: Path, command: str, properties: str) -> None:
    """Neither when all is well nor in what the client library complains of."""
    config = written(tmp_path, properties, f"state: {{path: {tmp_path / 'state'}}}\n")
    ended = driftgauge(*command.split(), "--config", config)
    assert "hunter2" not in ended.out + ended.err


@pytest.mark.parametrize(
    "value",
    [
        "{sasl.password: hunter2",
        "sasl.password=hunter2",
        "[hunter2]",
        "{sasl.password: *hunter2}",
        "{enable.auto.commit: hunter2}",
    ],
)
def test_a_section_that_is_written_wrongly_is_not_quoted(tmp_path: Path, value: str) -> None:
    """It may hold secrets, whatever was meant."""
    for environ in ({"DRIFTGAUGE_KAFKA__PROPERTIES": value}, {"DRIFTGAUGE_KAFKA": value}):
        with pytest.raises(ConfigurationError) as refused:
            load(environ=environ)
        assert "hunter2" not in str(refused.value)
    path = tmp_path / "c.yaml"
    path.write_text(f"kafka:\n  properties: {value}\n")
    with pytest.raises(ConfigurationError) as refused:
        load(path)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_line_of_the_log_holds_a_secret(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Not in a value, not in a message of an exception, not in the variables of its traceback."""
    logs.configure(form=form, secrets=[SECRET])
    try:
        log = structlog.get_logger()
        password = SECRET
        try:
            raise ValueError(f"refused: {password}")
        except ValueError:
            log.exception("crashed", properties={"sasl.password": password})
    finally:
        structlog.reset_defaults()
    said = capsys.readouterr().err
    assert "crashed" in said
    assert "hunter2" not in said


def test_a_secret_changes_no_fingerprint() -> None:
    """A rotated password is no other configuration."""
    prints = {
        fingerprint(describe(settings, settings.policy()))
        for settings in (Settings(), settings_with("hunter2"), settings_with("hunter3"))
    }
    assert len(prints) == 1
