"""The server's certificate, its key and whose clients it believes: read from files, and read again when they change.

Law: fail closed.  At the start anything that cannot be used is an error; later it is passed over, and what was read
before is shown on.  A pair is swapped as a whole, for new connections only, and a pair that is half written is given
until the next look.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Tls:
    """Files, all PEM: a certificate chain and its private key, both required: half of a pair is a mistake.

    client_ca_file: certificates that a client's has to be signed by, empty: clients show none.  client_names: of
    these, who may ask (subject's common name or an alternative name); None: every one of them.
    """

    cert_file: str
    key_file: str
    client_ca_file: str = ""
    client_names: frozenset[str] | None = None


def open_context(tls: Tls, *, every_client: bool = False) -> ssl.SSLContext:
    """A new context of what the files hold now.

    every_client: is a client without a certificate refused in the handshake already?  Raises ConfigurationError with
    the place of what is wrong.
    """
    mistakes = [*_of_the_pair(tls), *_of_the_clients(tls)]
    if mistakes:
        raise ConfigurationError(mistakes)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # without a password of ours the library would ask for one on the terminal, and wait
        context.load_cert_chain(tls.cert_file, tls.key_file, password=lambda: b"")
    except (OSError, ValueError) as error:
        raise ConfigurationError([_unfit(tls, error)]) from None
    if tls.client_ca_file:
        try:
            context.load_verify_locations(tls.client_ca_file)
        except (OSError, ValueError) as error:
            place = "http.tls.client_ca_file: expected certificates as PEM"
            raise ConfigurationError([f"{place}, got {tls.client_ca_file}: {_why(error)}"]) from None
        context.verify_mode = ssl.CERT_REQUIRED if every_client else ssl.CERT_OPTIONAL
    return context


def peer_names(certificate: Mapping[str, Any] | None) -> frozenset[str] | None:
    """What a verified client certificate (as `SSLSocket.getpeercert` has it) calls its holder; None: there was none.

    >>> sorted(peer_names({"subject": ((("commonName", "prometheus"),),), "subjectAltName": (("DNS", "p.example"),)}))
    ['p.example', 'prometheus']
    """
    if not certificate:
        return None
    subject = {value for part in certificate.get("subject", ()) for name, value in part if name == "commonName"}
    return frozenset(subject | {value for _, value in certificate.get("subjectAltName", ())})


@dataclass(frozen=True, slots=True)
class Told:
    """Whom a change is told: that new files are shown now, or that they cannot be and why."""

    reloaded: Callable[[], None]
    refused: Callable[[str], None]


class Certificates:
    """The context for new connections; `look` is called now and then, from one thread."""

    def __init__(self, tls: Tls, told: Told, *, every_client: bool = False) -> None:
        """Reads the files.  Raises ConfigurationError."""
        self._tls, self._told, self._every_client = tls, told, every_client
        self._seen = self._stamps()  # before reading: what changes meanwhile is seen at the next look
        self._suspect = self._said = ""
        self.context = open_context(tls, every_client=every_client)

    def look(self) -> None:
        """Have the files changed?  Then read them; what cannot be used is said once, if it is so at two looks."""
        stamps = self._stamps()
        if stamps == self._seen and not self._suspect:
            return
        self._seen = stamps
        try:
            context = open_context(self._tls, every_client=self._every_client)
        except ConfigurationError as error:
            problem = "; ".join(error.mistakes)
            if problem == self._suspect and problem != self._said:
                self._said = problem
                self._told.refused(problem)
            self._suspect = problem
            return
        self._suspect = self._said = ""
        self.context = context
        self._told.reloaded()

    def _stamps(self) -> tuple[object, ...]:
        """What changes when a file is written, or a link to it is turned elsewhere."""
        stamps: list[object] = []
        for name in (self._tls.cert_file, self._tls.key_file, self._tls.client_ca_file):
            try:
                found = os.stat(name) if name else None
            except OSError as error:
                stamps.append(error.errno)
            else:
                stamps.append(found and (found.st_ino, found.st_dev, found.st_size, found.st_mtime_ns))
        return tuple(stamps)


def _of_the_pair(tls: Tls) -> list[str]:
    mistakes = []
    for place, name, mark, what in (
        ("cert_file", tls.cert_file, "BEGIN CERTIFICATE-----", "a certificate chain"),
        ("key_file", tls.key_file, "PRIVATE KEY-----", "a private key"),
    ):
        expected = f"http.tls.{place}: expected {what} as PEM"
        text, wrong = _read(name)
        if wrong:
            mistakes.append(f"{expected}, got {wrong}")
        elif mark not in text:
            mistakes.append(f"{expected}, got {name}, which holds none")
        elif place == "key_file" and ("BEGIN ENCRYPTED" in text or "Proc-Type: 4,ENCRYPTED" in text):
            mistakes.append(f"{expected} that is not encrypted, got {name}, which asks for a passphrase")
    return mistakes


def _of_the_clients(tls: Tls) -> list[str]:
    mistakes = []
    if tls.client_names is not None and not tls.client_ca_file:
        mistakes.append("http.tls.client_names: expected client_ca_file beside it: without, no name is proven")
    if tls.client_names is not None and not tls.client_names:
        mistakes.append("http.tls.client_names: expected at least one name, or null for all that the CA signed, got []")
    if tls.client_ca_file:
        text, wrong = _read(tls.client_ca_file)
        if not wrong and "BEGIN CERTIFICATE-----" not in text:
            wrong = f"{tls.client_ca_file}, which holds none"
        if wrong:
            mistakes.append(f"http.tls.client_ca_file: expected certificates as PEM, got {wrong}")
    return mistakes


def _read(name: str) -> tuple[str, str]:
    """What a file holds, or what is wrong with it."""
    if not name:
        return "", "nothing"
    try:
        return Path(name).read_text(encoding="ascii", errors="replace"), ""
    except OSError as error:
        return "", f"{name}: {_why(error)}"


def _unfit(tls: Tls, error: Exception) -> str:
    if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
        return f"http.tls.key_file: expected the key of {tls.cert_file}, got {tls.key_file}, which is of another one"
    found = f"{tls.cert_file} and {tls.key_file}: {_why(error)}"
    return f"http.tls.cert_file: expected a certificate that fits its key, got {found}"


def _why(error: Exception) -> str:
    """The reason alone: not the place in the library that found it."""
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None)
    return str(reason or error).lower().replace("_", " ")
