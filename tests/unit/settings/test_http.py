"""The section `http`: every half of a protection is refused, with the place, what was expected and what was found."""

from pathlib import Path

import pytest

from monitor.domain.errors import ConfigurationError
from monitor.exposition.auth import hash_password
from monitor.settings import Settings, load
from tests.certificates import Authority


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that may be named, good and bad."""
    folder = tmp_path_factory.mktemp("files")
    authority = Authority(folder, "ca")
    authority.sign("server")
    authority.sign("other")
    (folder / "empty").write_text("")
    (folder / "hash").write_text(hash_password("secret") + "\n")
    (folder / "clear").write_text("hunter2hunter2\n")
    encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    (folder / "encrypted.key").write_text(encrypted)
    (folder / "torn.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return folder


def read(files: Path, http: str) -> Settings:
    path = files / "c.yaml"
    path.write_text(f"http: {{{http}}}\n")
    return load(path)


PAIR = "cert_file: server.pem, key_file: server.key"


@pytest.mark.parametrize(
    ("http", "expected"),
    [
        ("tls: {cert_file: server.pem}", "http.tls.key_file: required, but missing (c.yaml, line 1)"),
        ("tls: {key_file: server.key}", "http.tls.cert_file: required, but missing"),
        ("tls: {}", "http.tls.cert_file: required, but missing"),
        ("tls:", "http.tls: expected its settings, or null for plain HTTP, got nothing (c.yaml, line 1)"),
        ("basic_auth:", "http.basic_auth: expected its settings, or null to ask for no password, got nothing"),
        ("tls: {cert_file: server.pem, key_file: not.key}", "not.key', which is not there"),
        ("tls: {cert_file: server.pem, key_file: other.key}", "http.tls.key_file: expected the key of "),
        (
            "tls: {cert_file: empty, key_file: server.key}",
            "http.tls.cert_file: expected a certificate chain as PEM, got ",
        ),
        (
            "tls: {cert_file: server.key, key_file: server.pem}",
            "http.tls.cert_file: expected a certificate chain as PEM",
        ),
        ("tls: {cert_file: torn.pem, key_file: server.key}", "http.tls.cert_file: expected a certificate that fits"),
        ("tls: {cert_file: server.pem, key_file: encrypted.key}", "encrypted.key, which asks for a passphrase"),
        (f"tls: {{{PAIR}, client_names: [me]}}", "http.tls.client_names: expected client_ca_file beside it"),
        (f"tls: {{{PAIR}, client_ca_file: ca.pem, client_names: []}}", "http.tls.client_names: expected at least one"),
        (f"tls: {{{PAIR}, client_ca_file: empty}}", "empty, which holds none"),
        (f"tls: {{{PAIR}, client_ca_file: torn.pem}}", "http.tls.client_ca_file: expected certificates as PEM, got "),
        (
            "basic_auth: {username: me}",
            "http.basic_auth: expected either password_hash or password_hash_file, got neither",
        ),
        ("basic_auth: {password_hash_file: hash}", "http.basic_auth.username: required, but missing"),
        ("basic_auth: {username: me, password_hash_file: empty}", "empty', which holds nothing"),
        ("basic_auth: {username: me, password_hash_file: clear}", "clear', which holds something else"),
        ("basic_auth: {username: me, password_hash_file: gone}", "gone', which is not there"),
        (
            "basic_auth: {username: 'a:b', password_hash_file: hash}",
            "http.basic_auth.username: expected a name without",
        ),
        ("listen: '0.0.0.0:9480', probes_listen: '0.0.0.0:9480'", "http: expected probes_listen to differ from listen"),
        ("probes_listen: ':9481'", "http.probes_listen: expected host:port"),
        ("bounds: {connections: 0}", "http.bounds.connections: expected a number of at least 8, got 0"),
    ],
)
def test_half_a_protection_is_refused(files: Path, http: str, expected: str) -> None:
    """Nothing is served in the clear, or to everybody, because something was forgotten."""
    with pytest.raises(ConfigurationError) as refused:
        read(files, http)
    assert any(expected in line for line in refused.value.mistakes), refused.value.mistakes
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("name", ["DRIFTGAUGE_HTTP__TLS", "DRIFTGAUGE_HTTP__BASIC_AUTH"])
def test_an_empty_variable_switches_no_protection_off(name: str) -> None:
    """`null` does; an empty one is mostly one that somebody forgot to fill."""
    with pytest.raises(ConfigurationError, match="got nothing"):
        load(environ={name: ""})
    assert load(environ={name: "null"}).http == Settings().http


def test_everything_whole_is_taken(files: Path) -> None:
    """Paths start at the directory of the file."""
    http = read(
        files,
        f"tls: {{{PAIR}, client_ca_file: ca.pem, client_names: [prometheus]}}, probes_listen: '127.0.0.1:9481', "
        "basic_auth: {username: me, password_hash_file: hash}",
    ).http
    assert http.tls is not None
    assert http.tls.files().client_names == frozenset(["prometheus"])
    assert http.basic_auth is not None
    assert http.basic_auth.hashed() == (files / "hash").read_text().strip()


@pytest.mark.parametrize(
    ("listen", "expected"),
    [("127.0.0.1:1", False), ("[::1]:1", False), ("localhost:1", False), ("0.0.0.0:1", True), ("[::]:1", True)],
)
def test_who_is_open_to_others_is_known(files: Path, listen: str, expected: bool) -> None:
    """An address beyond this machine, and nobody is asked for anything; a certificate of our own asks nobody."""
    assert read(files, f"listen: '{listen}'").http.open_to_others is expected
    assert read(files, f"listen: '{listen}', tls: {{{PAIR}}}").http.open_to_others is expected
    asked = "basic_auth: {username: me, password_hash_file: hash}"
    assert not read(files, f"listen: '{listen}', {asked}").http.open_to_others
    assert not read(files, f"listen: '{listen}', tls: {{{PAIR}, client_ca_file: ca.pem}}").http.open_to_others
