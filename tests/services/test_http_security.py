"""The HTTP server among clients that mean no good, and those that have to show who they are: real sockets, real TLS."""

import shutil
import socket
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from monitor.exposition.auth import BasicAuth, hash_password
from monitor.exposition.board import Board
from monitor.exposition.server import Bounds, Server, Serving, Tls
from tests.certificates import Authority
from tests.services import attacks
from tests.services.waiting import wait_until

Serve = Callable[[Serving], Server]
#: for what has to happen some time; nothing here is judged by how long it takes
PATIENCE = 60.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("authority"))
    for name in ("server", "renewed", "prometheus", "stranger"):
        made.sign(name)
    return made


@pytest.fixture
def board() -> Board:
    return Board(topics=["events"])


@pytest.fixture
def serve(board: Board) -> Iterator[Serve]:
    """Starts servers of the board, and stops them in the end."""
    running = []

    def started(serving: Serving) -> Server:
        made = Server(board, "127.0.0.1:0", serving)
        made.start()
        running.append(made)
        return made

    yield started
    for server in running:
        server.stop()


def tls(authority: Authority, *, clients: bool = False, names: frozenset[str] | None = None) -> Tls:
    folder = authority.folder
    return Tls(str(folder / "server.pem"), str(folder / "server.key"), str(authority.ca) if clients else "", names)


def trusting(authority: Authority, client: str = "") -> ssl.SSLContext:
    """A client that believes the authority, and shows the certificate of that name if there is one."""
    context = ssl.create_default_context(cafile=str(authority.ca))
    if client:
        context.load_cert_chain(authority.folder / f"{client}.pem", authority.folder / f"{client}.key")
    return context


def get(server: Server, path: str, context: ssl.SSLContext | None = None, **more: object) -> int:
    """Status of one request on a connection of its own."""
    verify: ssl.SSLContext | bool = True if context is None else context
    return httpx.get(server.url + path, verify=verify, trust_env=False, timeout=PATIENCE, **more).status_code  # type: ignore[arg-type]


def cut(board: Board, reason: str, address: str = "main") -> float:
    return board.read().numbers["http_connections_cut_total"][address, reason]


# ------------------------------------------------------------------------------------------- clients that mean no good


@contextmanager
def under_attack(kind: str, port: int) -> Iterator[None]:
    command = [sys.executable, attacks.__file__, kind, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as attacker:
        try:
            assert attacker.stdout is not None
            assert attacker.stdout.readline() == b"under way\n"
            yield
            assert attacker.poll() is None, "the attack ended before the scrapes did"
        finally:
            attacker.kill()


@pytest.mark.parametrize("kind", list(attacks.KINDS))
@pytest.mark.parametrize("encrypted", [False, True])
def test_scrapes_and_probes_are_answered_under_attack(
    serve: Serve, authority: Authority, kind: str, encrypted: bool
) -> None:
    """Every one of them with 200, each on a connection of its own, while the attack goes on."""
    server = serve(Serving(tls=tls(authority) if encrypted else None))
    context = trusting(authority) if encrypted else None
    with under_attack(kind, server.port):
        answers = [get(server, path, context) for _ in range(5) for path in ("/metrics", "/-/healthy")]
    assert answers == [200] * 10


def test_a_thousand_connections_take_the_place_of_each_other(serve: Serve, board: Board) -> None:
    """Never more than the limit are open, and what was cut is counted."""
    server = serve(Serving(bounds=Bounds(connections=64)))
    with under_attack("silent", server.port):
        wait_until(lambda: cut(board, "limit") >= 900, PATIENCE, "the connections to be cut")
        for _ in range(3):
            assert board.read().numbers["http_connections"]["main",] <= 64
            assert get(server, "/metrics") == 200


def test_a_kept_connection_outlives_the_attack(serve: Serve) -> None:
    """Who was let in before is not cut for strangers: the same connection answers before, meanwhile and after."""
    server = serve(Serving(bounds=Bounds(connections=16)))
    request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as kept:
        for kind in ("silent", "slowloris"):
            assert _answer(kept, request) == b"HTTP/1.1 200 OK"
            with under_attack(kind, server.port):
                for _ in range(5):
                    assert _answer(kept, request) == b"HTTP/1.1 200 OK"
        assert _answer(kept, request) == b"HTTP/1.1 200 OK"


def _answer(connection: socket.socket, request: bytes) -> bytes:
    """Status line of an answer, its body read as far as it goes."""
    connection.sendall(request)
    with connection.makefile("rb") as lines:
        status = lines.readline().strip()
        length = 0
        while line := lines.readline().strip().lower():
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        lines.read(length)
    return status


@pytest.mark.parametrize("said", [b"", b"GET /metrics HTTP/1.1\r\n", b"GET /metrics HTTP/1.1\r\nX: " + b"y" * 900])
@pytest.mark.parametrize("encrypted", [False, True])
def test_a_head_has_a_deadline(serve: Serve, board: Board, authority: Authority, said: bytes, encrypted: bool) -> None:
    """Whoever has not finished it by then is cut, however it was begun."""
    server = serve(Serving(tls=tls(authority) if encrypted else None, bounds=Bounds(head_seconds=0.3)))
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as slow:
        slow.sendall(b"\x16\x03\x01" if encrypted and said else said)
        wait_until(lambda: cut(board, "deadline") == 1, PATIENCE, "the deadline")
        assert _ended(slow)


def test_an_answer_that_is_not_fetched_has_a_deadline(serve: Serve, board: Board) -> None:
    """Not even the largest board is held for ever by who does not read it."""
    server = serve(Serving(bounds=Bounds(answer_seconds=0.5)))
    for number in range(3_000):  # more than the system would take off our hands
        board.count("http_requests_refused_total", f"{number}{'x' * 10_000}")
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        slow.connect(("127.0.0.1", server.port))
        slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: cut(board, "deadline") == 1, PATIENCE, "the deadline")


def _ended(connection: socket.socket) -> bool:
    try:
        while connection.recv(65_536):
            pass
    except ConnectionResetError:
        pass
    return True


@pytest.mark.parametrize("size", [20_000, 200_000])
def test_a_head_has_a_size(serve: Serve, size: int) -> None:
    """Whether it comes at once or never ends, the answer is an error of the client's."""
    server = serve(Serving())
    try:
        status = get(server, "/metrics", headers={"X-Large": "y" * size})
    except httpx.TransportError:
        return  # it was still sending when it was cut
    assert status in (400, 431)


def test_who_guesses_passwords_does_not_keep_others_waiting(serve: Serve, board: Board) -> None:
    """Guesses are hashed one at a time, few wait; who knows the password is recognised, and probes need none."""
    server = serve(Serving(auth=BasicAuth("me", hash_password("right"))))
    assert get(server, "/metrics", auth=("me", "right")) == 200
    wrong = "Basic " + b64encode(b"me:wrong").decode()
    request = f"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: {wrong}\r\n\r\n".encode()
    guessing = [socket.create_connection(("127.0.0.1", server.port), PATIENCE) for _ in range(40)]
    for connection in guessing:
        connection.sendall(request)
    assert get(server, "/metrics", auth=("me", "right")) == 200
    assert get(server, "/-/healthy") == 200
    answers = {connection.recv(12) for connection in guessing}
    assert answers == {b"HTTP/1.1 401", b"HTTP/1.1 429"}
    refused = board.read().numbers["http_requests_refused_total"]
    assert refused["credentials",] + refused["busy",] == 40
    for connection in guessing:
        connection.close()


# ----------------------------------------------------------------------------------------------- clients that are asked


def test_a_certificate_that_is_renewed_on_disk_is_shown_without_a_restart(
    serve: Serve, board: Board, authority: Authority, tmp_path: Path
) -> None:
    """To new connections; one that cannot be used leaves the old one in place and shows on /metrics."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def put(name: str) -> None:
        shutil.copyfile(authority.folder / f"{name}.key", key)
        shutil.copyfile(authority.folder / f"{name}.pem", cert)

    put("server")
    server = serve(Serving(tls=Tls(str(cert), str(key))))
    context = trusting(authority)

    def shown() -> str:
        with (
            socket.create_connection(("127.0.0.1", server.port), PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as encrypted,
        ):
            subject = dict(part[0] for part in encrypted.getpeercert()["subject"])  # type: ignore[index,misc]
            return str(subject["commonName"])

    def stale() -> float:
        return board.read().numbers["http_certificate_stale"][()]

    assert shown() == "server"
    put("renewed")
    wait_until(lambda: shown() == "renewed", PATIENCE, "the new certificate")
    cert.write_text("no certificate")
    wait_until(lambda: stale() == 1.0, PATIENCE, "the broken file to be noticed")
    assert shown() == "renewed"
    assert get(server, "/metrics", context) == 200
    put("server")
    wait_until(lambda: shown() == "server", PATIENCE, "the mended certificate")
    assert stale() == 0.0


def test_only_the_clients_that_are_named_may_ask(serve: Serve, board: Board, authority: Authority) -> None:
    """By common name or alternative name; probes are for everybody, as a kubelet has no certificate."""
    server = serve(Serving(tls=tls(authority, clients=True, names=frozenset(["prometheus"]))))
    assert get(server, "/metrics", trusting(authority, "prometheus")) == 200
    assert get(server, "/metrics", trusting(authority, "stranger")) == 403
    assert get(server, "/", trusting(authority)) == 403
    assert get(server, "/-/healthy", trusting(authority)) == 200
    assert board.read().numbers["http_requests_refused_total"]["certificate",] == 2


def test_without_names_every_client_of_the_authority_may_ask(
    serve: Serve, authority: Authority, tmp_path: Path
) -> None:
    """And no other: a certificate that somebody else signed ends the handshake."""
    server = serve(Serving(tls=tls(authority, clients=True)))
    assert get(server, "/metrics", trusting(authority, "stranger")) == 200
    forged = Authority(tmp_path, "authority").sign("prometheus")
    context = trusting(authority)
    context.load_cert_chain(*forged)
    with pytest.raises(httpx.TransportError):
        get(server, "/metrics", context)


def test_a_certificate_and_a_password_are_asked_for_together(serve: Serve, authority: Authority) -> None:
    """One does not stand for the other."""
    server = serve(Serving(tls=tls(authority, clients=True), auth=BasicAuth("me", hash_password("right"))))
    known = trusting(authority, "prometheus")
    assert get(server, "/metrics", known) == 401
    assert get(server, "/metrics", trusting(authority), auth=("me", "right")) == 403
    assert get(server, "/metrics", known, auth=("me", "right")) == 200


def test_probes_have_an_address_of_their_own_where_asked(serve: Serve, authority: Authority) -> None:
    """In the clear, and nothing else is there; the main address then asks for a certificate in the handshake."""
    server = serve(Serving(tls=tls(authority, clients=True), probes_listen="127.0.0.1:0"))
    probes = f"http://127.0.0.1:{server.probes_port}"
    found = {
        path: httpx.get(probes + path, trust_env=False, timeout=PATIENCE).status_code
        for path in ("/-/healthy", "/-/ready", "/metrics", "/")
    }
    assert found == {"/-/healthy": 200, "/-/ready": 503, "/metrics": 404, "/": 404}
    known = trusting(authority, "prometheus")
    assert get(server, "/metrics", known) == 200
    assert get(server, "/-/healthy", known) == 404
    with pytest.raises(httpx.TransportError):
        get(server, "/metrics", trusting(authority))
