"""What settings mean once they are accepted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from monitor.configuration.values import parse_duration
from monitor.domain.errors import ConfigurationError
from monitor.domain.keys import ModelKey
from monitor.engine.policy import MinEffect, Override, Policy, Warmup
from monitor.exposition.auth import hash_password
from monitor.reference.profile import learn_profile
from monitor.settings import Settings, load
from tests.unit.cli.frames import normal_frame


def from_text(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path)


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A profile of a model called fraud."""
    path = tmp_path / "fraud.json"
    path.write_text(json.dumps(learn_profile([normal_frame(200)], model="fraud", source={})))
    return path


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("1d", 86_400), ("12h", 43_200), ("30m", 1800), ("10s", 10), ("1h30m", 5400), ("250ms", 0.25), (7, 7), ("7", 7)],
)
def test_durations(written: object, seconds: float) -> None:
    """Units of a duration, alone and together, or plain seconds."""
    assert parse_duration(written) == seconds


@pytest.mark.parametrize("written", ["", "d", "1 d", "-1d", "1d-", "nan", True, None, float("nan"), "1y"])
def test_no_durations(written: object) -> None:
    """What reads as no duration is refused, never guessed."""
    with pytest.raises(ValueError, match="expected a duration"):
        parse_duration(written)


def test_settings_cannot_be_changed() -> None:
    """Settings are validated once and stay what they are."""
    with pytest.raises(ValidationError):
        Settings().kafka.group_id = "other"  # type: ignore[misc]


def test_the_default_policy_is_the_engines_own() -> None:
    """Commands that read no configuration may use the engine's defaults: they are the same."""
    assert Settings().policy() == Policy()


def test_the_policy_says_what_the_settings_say(tmp_path: Path) -> None:
    """Each setting of detection and reference reaches the engine, in seconds."""
    text = """
reference: {warmup: {observations: 7, duration: 2h}}
detection: {false_alarms_per_week: 3, min_effect: {level: 0.2}, relearn_after: 30m}
limits: {streams: 11, label_bytes: 12, categories: 13}
"""
    policy = from_text(tmp_path, text).policy()
    assert policy.warmup == Warmup(7, 7200.0)
    assert policy.min_effect == MinEffect(0.2, 0.05, 0.005)
    assert (policy.false_alarms_per_week, policy.relearn_after_seconds) == (3.0, 1800.0)
    assert (policy.limits.streams, policy.limits.label_bytes, policy.limits.categories) == (11, 12, 13)


def test_an_override_keeps_the_general_effect_where_it_gives_none(tmp_path: Path) -> None:
    """Half a min_effect in an override is filled from the general one."""
    text = """
detection:
  min_effect: {level: 0.2, spread: 0.3}
  overrides: [{match: {feature: "a*", kind: prediction}, type: category, min_effect: {spread: 0.4}, weight: 2}]
"""
    expected = Override(
        feature="a*", kind="prediction", type="category", min_effect=MinEffect(0.2, 0.4, 0.005), weight=2.0
    )
    assert from_text(tmp_path, text).policy().overrides == (expected,)


def test_profiles_are_found_by_match(tmp_path: Path, profile: Path) -> None:
    """A model version gets the first profile that matches, others none."""
    text = f"reference: {{profiles: [{{match: {{model: fraud, model_version: '2*'}}, path: {profile.name}}}]}}"
    policy = from_text(tmp_path, text).policy()
    assert policy.profile_for(ModelKey("fraud", "21")) is not None
    assert policy.profile_for(ModelKey("fraud", "3")) is None


def test_a_profile_of_another_model_is_refused(tmp_path: Path, profile: Path) -> None:
    """A match that the profile's own model does not fit is a mistake, with the reason."""
    settings = from_text(tmp_path, f"reference: {{profiles: [{{match: {{model: churn}}, path: {profile.name}}}]}}")
    with pytest.raises(ConfigurationError, match=r"reference\.profiles\[0\]\.match\.model: .*made for 'fraud'"):
        settings.policy()


def test_every_profile_that_cannot_be_used_is_named(tmp_path: Path, profile: Path) -> None:
    """Two bad files give two lines."""
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.json").write_text(profile.read_text().replace("feature", "feathre"))
    entries = "{match: {model: a}, path: a.json}, {match: {model: b}, path: b.json}"
    with pytest.raises(ConfigurationError) as caught:
        from_text(tmp_path, f"reference: {{profiles: [{entries}]}}").policy()
    assert [line.split(": ")[0] for line in caught.value.mistakes] == [
        "reference.profiles[0].path",
        "reference.profiles[1].path",
    ]


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [("127.0.0.1:9480", "127.0.0.1", 9480), ("[::1]:0", "::1", 0), ("localhost:1", "localhost", 1)],
)
def test_listen_addresses(listen: str, host: str, port: int) -> None:
    """Host and port, also of IPv6."""
    http = load(None, {}, {"http.listen": listen}).http
    assert (http.host, http.port) == (host, port)


def test_a_password_is_given_as_its_hash() -> None:
    """What hash-password prints is accepted."""
    hashed = hash_password("secret")
    environ = {
        "DRIFTGAUGE_HTTP__BASIC_AUTH__USERNAME": "prometheus",
        "DRIFTGAUGE_HTTP__BASIC_AUTH__PASSWORD_HASH": hashed,
    }
    basic_auth = load(None, environ).http.basic_auth
    assert basic_auth is not None
    assert basic_auth.password_hash == hashed
