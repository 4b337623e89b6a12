"""The HTTP server: strict paths, probes, compression, its address, and its end."""

import gzip
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from monitor.domain.errors import ConfigurationError
from monitor.exposition.auth import BasicAuth, hash_password
from monitor.exposition.board import Board
from monitor.exposition.server import Server, Serving, Tls, parse_listen
from tests.unit.exposition.made import FRAUD, model, stream


@pytest.fixture
def board() -> Board:
    made = Board(topics=["events"])
    made.publish_live({FRAUD: model(stream())})
    return made


@pytest.fixture
def server(board: Board) -> Iterator[Server]:
    running = Server(board, "127.0.0.1:0")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False) as made:
        yield made


def test_metrics_are_served_as_plain_text(client: httpx.Client) -> None:
    """Whoever does not ask for more gets format 0.0.4."""
    answer = client.get("/metrics", headers={"Accept": "*/*", "Accept-Encoding": "identity"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "content-encoding" not in answer.headers
    assert 'driftgauge_drift_status{feature="amount"' in answer.text


def test_openmetrics_is_served_to_who_asks(client: httpx.Client) -> None:
    """As Prometheus does."""
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")


@pytest.mark.parametrize(("accepts", "zipped"), [("gzip", True), ("br, gzip;q=0.5", True), ("gzip;q=0", False)])
def test_metrics_are_compressed_for_who_accepts_it(client: httpx.Client, accepts: str, zipped: bool) -> None:
    """A weight of zero is a refusal."""
    request = client.build_request("GET", "/metrics", headers={"Accept-Encoding": accepts})
    answer = client.send(request, stream=True)
    raw = b"".join(answer.iter_raw())
    answer.close()
    assert (answer.headers.get("content-encoding") == "gzip") is zipped
    assert b"driftgauge_kafka_up" in (gzip.decompress(raw) if zipped else raw)


@pytest.mark.parametrize("path", ["/metrics/", "/nothing", "/-/healthy/", "/-/"])
def test_a_path_that_does_not_exist_is_not_found(client: httpx.Client, path: str) -> None:
    """No redirects, no metrics under every path."""
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods_are_not_allowed(client: httpx.Client, method: str) -> None:
    """There is nothing to change here."""
    assert client.request(method, "/metrics").status_code == 405


def test_the_first_page_links_the_others(client: httpx.Client) -> None:
    """A person who types the address finds the metrics."""
    assert 'href="/metrics"' in client.get("/").text


def test_readiness_follows_the_board(client: httpx.Client, board: Board) -> None:
    """503 until the state is restored, and again while it stops."""
    assert client.get("/-/ready").status_code == 503
    board.ready(True)
    assert client.get("/-/ready").status_code == 200
    board.ready(False)
    assert client.get("/-/ready").status_code == 503


def test_health_is_lost_when_the_loop_misses_its_deadline() -> None:
    """And comes back when it turns again."""
    now = [0.0]
    board = Board(monotonic=lambda: now[0])
    server = Server(board, "127.0.0.1:0", Serving(deadline_seconds=5))
    server.start()
    try:
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            assert client.get("/-/healthy").status_code == 200
            now[0] = 6.0
            assert client.get("/-/healthy").status_code == 503
            board.polled(1.0)
            assert client.get("/-/healthy").status_code == 200
    finally:
        server.stop()


def test_an_address_in_use_is_told_at_the_start(server: Server, board: Board) -> None:
    """Not by a thread that dies quietly."""
    with pytest.raises(ConfigurationError, match=rf"127\.0\.0\.1:{server.port}: Address already in use"):
        Server(board, f"127.0.0.1:{server.port}").start()


def test_a_stopped_server_gives_its_address_and_its_thread_back(board: Board) -> None:
    """Even with a connection that idles; another one may listen there at once."""
    first = Server(board, "127.0.0.1:0")
    first.start()
    port = first.port
    with socket.create_connection(("127.0.0.1", port)):
        first.stop()
    first.stop()
    assert not any(thread.name == "driftgauge-http" for thread in threading.enumerate())
    second = Server(board, f"127.0.0.1:{port}")
    second.start()
    second.stop()


def test_garbage_does_no_harm(server: Server, client: httpx.Client, capfd: pytest.CaptureFixture[str]) -> None:
    """It is answered 400, not logged, and the next scrape works."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"\x00\xff garbage\r\n\r\n")
        assert b"400 Bad Request" in connection.recv(200)
    assert client.get("/metrics").status_code == 200
    assert capfd.readouterr() == ("", "")


def test_metrics_ask_for_a_password_and_probes_do_not(board: Board) -> None:
    """A kubelet has no password; everything with content is behind it."""
    server = Server(board, "127.0.0.1:0", Serving(auth=BasicAuth("me", hash_password("secret"))))
    server.start()
    try:
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            assert client.get("/metrics").status_code == 401
            assert client.get("/").status_code == 401
            assert client.get("/metrics", auth=("me", "wrong")).status_code == 401
            assert client.get("/metrics", auth=("me", "secret")).status_code == 200
            assert client.get("/-/healthy").status_code == 200
    finally:
        server.stop()


@pytest.fixture
def certificate(tmp_path: Path) -> Tls:
    """A certificate for localhost that signed itself."""
    files = Tls(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout {files.key_file} "
    command += f"-out {files.cert_file} -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    try:
        subprocess.run(command.split(), check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not here to make a certificate")
    return files


def test_with_a_certificate_only_encrypted_scrapes_are_answered(board: Board, certificate: Tls) -> None:
    """And a client that says nothing does not keep the others waiting."""
    server = Server(board, "127.0.0.1:0", Serving(tls=certificate))
    server.start()
    try:
        trust = ssl.create_default_context(cafile=certificate.cert_file)
        with (
            socket.create_connection(("127.0.0.1", server.port)),
            httpx.Client(base_url=server.url, verify=trust, trust_env=False) as client,
        ):
            assert client.get("/metrics").status_code == 200
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{server.port}/metrics", trust_env=False)
    finally:
        server.stop()


@pytest.mark.parametrize("half", ["cert_file", "key_file", "swapped", "absent"])
def test_half_a_certificate_is_refused(board: Board, certificate: Tls, half: str) -> None:
    """Never plain HTTP because something was forgotten."""
    tls = {
        "cert_file": Tls(certificate.cert_file, ""),
        "key_file": Tls("", certificate.key_file),
        "swapped": Tls(certificate.key_file, certificate.cert_file),
        "absent": Tls(certificate.cert_file + ".not", certificate.key_file),
    }[half]
    with pytest.raises(ConfigurationError, match=r"http\.tls"):
        Server(board, "127.0.0.1:0", Serving(tls=tls)).start()


@pytest.mark.parametrize(
    ("listen", "expected"),
    [("127.0.0.1:9480", ("127.0.0.1", 9480)), ("[::1]:0", ("::1", 0)), ("localhost:80", ("localhost", 80))],
)
def test_an_address_is_a_host_and_a_port(listen: str, expected: tuple[str, int]) -> None:
    """IPv6 in brackets."""
    assert parse_listen(listen) == expected


@pytest.mark.parametrize("listen", ["", "9480", ":9480", "localhost", "localhost:", "::1:80", "a:70000", "a:-1", "a:x"])
def test_anything_else_is_no_address(listen: str) -> None:
    """An empty host, which would be every interface, least of all."""
    with pytest.raises(ConfigurationError, match=r"http\.listen"):
        parse_listen(listen)
