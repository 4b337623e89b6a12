"""What is refused, and how it is said: all at once, with place, expectation and finding."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.domain.errors import ConfigurationError
from monitor.settings import load

SECRET = "hunter2-hunter2"


def mistakes(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(path, environ or {})
    return caught.value.mistakes


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    """Every section, the variables and double keys: one line each."""
    text = "kafka: {start: middle}\nhttp: {listen: nowhere}\nlimits: {streams: 0}\nlog: {level: info, level: info}\n"
    lines = mistakes(tmp_path, text, {"DRIFTGAUGE_NOPE__X": "1"})
    assert [line.split(":")[0] for line in lines] == [
        "log.level",
        "DRIFTGAUGE_NOPE__X",
        "kafka.start",
        "http.listen",
        "limits.streams",
    ]


def test_an_unknown_key_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    """The place is dotted, the line is that of the key."""
    lines = mistakes(tmp_path, "detection:\n  min_effect:\n    levle: 0.1\n")
    assert lines == ["detection.min_effect.levle: unknown key; did you mean level? (c.yaml, line 3)"]


def test_a_key_in_the_wrong_place_is_sent_to_the_right_one(tmp_path: Path) -> None:
    """A name that exists elsewhere says where."""
    assert mistakes(tmp_path, "warmup: {}\n") == [
        "warmup: unknown key; it belongs at reference.warmup (c.yaml, line 1)"
    ]


def test_an_unknown_key_without_a_neighbour_lists_what_there_is(tmp_path: Path) -> None:
    """Nothing near: all names of the section."""
    (line,) = mistakes(tmp_path, "log: {xyzzy: 1}\n")
    assert "known here: level, format" in line


def test_an_unknown_key_inside_a_list_is_placed_by_its_number(tmp_path: Path) -> None:
    """Entries of lists count from 0."""
    text = "detection:\n  overrides:\n  - {weight: 1}\n  - {weight: 1, match: {feture: a}}\n"
    assert mistakes(tmp_path, text) == [
        "detection.overrides[1].match.feture: unknown key; did you mean feature? (c.yaml, line 4)"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kafka: {start: middle}", "kafka.start: expected 'earliest' or 'latest', got 'middle'"),
        ("kafka: {group_id: 5}", "kafka.group_id: expected a text, got 5; put it in quotes"),
        ("kafka: {group_id: ''}", "kafka.group_id: expected a text that is not empty, got ''"),
        ("kafka: {topics: {name: a}}", "kafka.topics: expected a list, got a mapping"),
        ("kafka: {topics: [{format: flat_json}]}", "kafka.topics[0].name: required, but missing"),
        ("kafka: 5", "kafka: expected a mapping of names to values, got 5"),
        (
            "reference: {warmup: {observations: 0}}",
            "reference.warmup.observations: expected a number of at least 1, got 0",
        ),
        ("reference: {warmup: {observations: 2.5}}", "expected a whole number, got 2.5"),
        ("reference: {warmup: {observations: true}}", "expected a whole number, got true"),
        ("reference: {warmup: {duration: 1x}}", "expected a duration (1d, 12h, 30m, 10s, or seconds), got '1x'"),
        ("reference: {warmup: {duration: -5}}", "expected a duration (1d, 12h, 30m, 10s, or seconds), got -5"),
        ("detection: {false_alarms_per_week: -1}", "expected a number above 0, got -1"),
        ("detection: {false_alarms_per_week: .inf}", "expected a finite number, got inf"),
        ("detection: {min_effect: {level: 0.7}}", "expected a number of at most 0.5, got 0.7"),
        ("http: {listen: '9480'}", "http.listen: expected host:port with a port from 0 to 65535, got '9480'"),
        ("http: {listen: 'localhost:99999'}", "expected host:port with a port from 0 to 65535"),
        ("http: {tls: {key_file: c.yaml}}", "http.tls.cert_file: required, but missing"),
        ("http: {basic_auth: {password_hash_file: c.yaml}}", "http.basic_auth.username: required, but missing"),
        ("state: {interval_seconds: 0}", "state.interval_seconds: expected a number above 0, got 0"),
    ],
)
def test_a_value_that_cannot_be_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    """Place, expectation and finding in one line."""
    (line,) = mistakes(tmp_path, text)
    assert expected in line
    assert line.endswith("(c.yaml, line 1)")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kafka: {topics: [{name: a}, {name: a}]}", "kafka.topics: expected each topic once, got 'a' more than once"),
        ("detection: {overrides: [{match: {feature: a}}]}", "detection.overrides[0]: expected at least one of"),
        ("reference: {profiles: [{path: nope.json}]}", "reference.profiles[0].path: expected a file that can be read"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(tmp_path: Path, text: str, expected: str) -> None:
    """What one value cannot tell is told by all of them."""
    (line,) = mistakes(tmp_path, text)
    assert line.startswith(expected)


def test_two_profiles_with_one_match_are_refused(tmp_path: Path) -> None:
    """The second one would never be used."""
    (tmp_path / "p.json").write_text("{}")
    (line,) = mistakes(tmp_path, "reference: {profiles: [{path: p.json}, {path: p.json}]}")
    assert "same match as an earlier one" in line


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    """The format's own mistakes get the topic's place."""
    (line,) = mistakes(tmp_path, "kafka: {topics: [{name: a, format: flat_jsn}]}")
    assert line.startswith("kafka.topics[0].format: expected one of flat_json")
    assert 'did you mean "flat_json"?' in line


def test_mistakes_in_fields_are_all_placed(tmp_path: Path) -> None:
    """Each field that cannot be read is a line of its own."""
    lines = mistakes(tmp_path, "kafka: {topics: [{name: a, fields: {modle: x, ts: 5}}]}")
    assert [line.split(": ")[0] for line in lines] == ["kafka.topics[0].fields.modle", "kafka.topics[0].fields.ts"]


def test_properties_that_belong_to_the_daemon_are_refused(tmp_path: Path) -> None:
    """Whoever sets the group among the properties is sent to its setting."""
    (line,) = mistakes(tmp_path, "kafka: {properties: {group.id: mine}}")
    assert line.startswith("kafka.properties: `group.id` is not to be set here: set kafka.group_id")


@pytest.mark.parametrize(
    "text",
    [
        f"kafka: {{properties: {{sasl.password: [{SECRET}]}}}}",
        f"http: {{basic_auth: {{username: u, password_hash: {SECRET}}}}}",
        f"http: {{basic_auth: {{username: u, password_hash: [{SECRET}]}}}}",
        f"kafka: {{properties: {{sasl.password: {SECRET}, group.id: x}}}}",
    ],
)
def test_secrets_are_in_no_message(tmp_path: Path, text: str) -> None:
    """Whatever is wrong around a secret, the secret itself is not repeated."""
    assert SECRET not in "\n".join(mistakes(tmp_path, text))


def test_secrets_are_not_in_the_representation() -> None:
    """Settings may end up in a traceback."""
    settings = load(None, {"DRIFTGAUGE_KAFKA__PROPERTIES__SASL_PASSWORD": SECRET})
    assert SECRET not in repr(settings) + str(settings)
