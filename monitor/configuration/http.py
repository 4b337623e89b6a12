"""Settings of `http`: where it listens, who may ask, and what a client may cost.  Half a protection is a mistake."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from monitor.configuration.mistakes import Deeper
from monitor.configuration.values import ListenAddress, PasswordHash, ReadableFile, Text
from monitor.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from monitor.exposition.certificates import Tls

_Model = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class TlsSettings(BaseModel):
    """The certificate that the HTTP server shows, and those that it asks for."""

    model_config = _Model
    cert_file: ReadableFile = Field(description="Certificate chain, PEM. Read again when it changes.")
    key_file: ReadableFile = Field(description="Its private key, PEM, no passphrase. Read again when it changes.")
    client_ca_file: ReadableFile | None = Field(
        default=None,
        description="Certificates, PEM: ask clients for one that these have signed; `null`: clients need none.",
    )
    client_names: Annotated[tuple[Text, ...], Field(strict=False)] | None = Field(
        default=None,
        description="Of the clients that `client_ca_file` vouches for, those that may ask: the common name or an "
        "alternative name of the certificate; `null`: all of them.",
    )

    @model_validator(mode="after")
    def _usable(self) -> TlsSettings:
        from monitor.exposition.certificates import open_context

        try:
            open_context(self.files())
        except ConfigurationError as error:
            raise Deeper(ConfigurationError([text.removeprefix("http.tls.") for text in error.mistakes])) from None
        return self

    def files(self) -> Tls:
        """As the server takes them."""
        from monitor.exposition.certificates import Tls

        ca = "" if self.client_ca_file is None else str(self.client_ca_file)
        names = None if self.client_names is None else frozenset(self.client_names)
        return Tls(str(self.cert_file), str(self.key_file), ca, names)


class BasicAuthSettings(BaseModel):
    """Name and password that everything but the probes asks for."""

    model_config = _Model
    username: Text = Field(description="Name of the one user.")
    password_hash: PasswordHash | None = Field(
        default=None, repr=False, description="What `driftgauge hash-password` prints. Either this or the next."
    )
    password_hash_file: ReadableFile | None = Field(default=None, description="File that holds it, read at the start.")

    @field_validator("username")
    @classmethod
    def _sendable(cls, username: str) -> str:
        if ":" in username:
            raise ValueError("expected a name without a colon, which would end it")
        return username

    @model_validator(mode="after")
    def _one_hash(self) -> BasicAuthSettings:
        given = [name for name in ("password_hash", "password_hash_file") if getattr(self, name) is not None]
        if len(given) != 1:
            found = "both" if given else "neither"
            raise ValueError(f"expected either password_hash or password_hash_file, got {found}")
        self.hashed()
        return self

    def hashed(self) -> str:
        """The hash, wherever it is.  Raises ValueError."""
        if self.password_hash_file is None:
            assert self.password_hash is not None
            return self.password_hash
        from monitor.exposition.auth import check_password_hash

        try:
            text = self.password_hash_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError):  # its own words are not used: they may quote what must not be shown
            text = "?"
        if check_password_hash(text) is not None:
            found = "something else" if text else "nothing"
            raise Deeper(
                ConfigurationError(
                    [
                        "password_hash_file: expected a file with what `driftgauge hash-password` prints, "
                        f"got {str(self.password_hash_file)!r}, which holds {found}"
                    ]
                )
            )
        return text


class HttpBoundSettings(BaseModel):
    """What a client may cost. At a bound a connection is cut and counted; nobody is told that the server is busy."""

    model_config = _Model
    connections: int = Field(
        default=128,
        ge=8,
        le=10_000,
        description="Connections that may be open at an address; one too many costs another, silent ones first.",
    )
    head_bytes: int = Field(default=16_384, ge=1_024, le=1_000_000, description="Size of the head of a request.")
    head_seconds: float = Field(
        default=5.0, gt=0, description="Time for a TLS handshake, and again for the head of a request."
    )
    answer_seconds: float = Field(default=60.0, gt=0, description="Time to answer and to fetch the answer.")
    idle_seconds: float = Field(
        default=90.0,
        ge=1,
        description="Time a connection waits for its next request; best above the scrape interval.",
    )


class HttpSettings(BaseModel):
    """The server of `/metrics`, `/-/healthy` and `/-/ready`."""

    model_config = _Model
    listen: ListenAddress = Field(
        default="127.0.0.1:9480", description="`host:port`, IPv6 as `[::1]:9480`; port 0 takes a free one."
    )
    probes_listen: ListenAddress | None = Field(
        default=None,
        description="Another address for `/-/healthy` and `/-/ready`, without TLS or password; they are then found "
        "there alone. `null`: beside `/metrics`, and asked for no password there either.",
    )
    tls: TlsSettings | None = Field(default=None, description="Encrypt; `null`: plain HTTP.")
    basic_auth: BasicAuthSettings | None = Field(
        default=None, description="Ask for a password; `null`: nobody is asked."
    )
    bounds: HttpBoundSettings = Field(default=HttpBoundSettings(), description="What a client may cost.")

    @model_validator(mode="after")
    def _two_addresses(self) -> HttpSettings:
        if self.probes_listen == self.listen and self.port:
            raise ValueError(f"expected probes_listen to differ from listen, got {self.listen} twice")
        return self

    @property
    def host(self) -> str:
        return host_and_port(self.listen)[0]

    @property
    def port(self) -> int:
        return host_and_port(self.listen)[1]

    @property
    def open_to_others(self) -> bool:
        """May anybody from elsewhere read what is served, who is asked for nothing?"""
        asked = self.basic_auth is not None or (self.tls is not None and self.tls.client_ca_file is not None)
        return not asked and not _is_loopback(self.host)


def host_and_port(listen: str) -> tuple[str, int]:
    """The parts of an address that is known to be one.

    >>> host_and_port("[::1]:9480")
    ('::1', 9480)
    """
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"
