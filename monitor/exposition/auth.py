"""Basic authentication against a hashed password: scrypt (RFC 7914), compared in constant time.

A hash is one line, `$scrypt$ln=14,r=8,p=1$<salt>$<key>`, salt and key in base64 without padding.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from monitor.domain.errors import ConfigurationError

_SHAPE = re.compile(r"\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)")
_KEY_BYTES = 32
#: what one verification may cost; a hash that asks for more would let every scrape stop the process
_MAX_MEMORY = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _PasswordHash:
    log_n: int
    r: int
    p: int
    salt: bytes
    key: bytes

    def of(self, password: str) -> bytes:
        return hashlib.scrypt(
            password.encode(),
            salt=self.salt,
            n=1 << self.log_n,
            r=self.r,
            p=self.p,
            maxmem=_MAX_MEMORY,
            dklen=len(self.key),
        )


def hash_password(password: str) -> str:
    """A new hash of the password with a random salt, in the form that settings take."""
    made = _PasswordHash(14, 8, 1, secrets.token_bytes(16), bytes(_KEY_BYTES))
    return f"$scrypt$ln={made.log_n},r={made.r},p={made.p}${_encode(made.salt)}${_encode(made.of(password))}"


def check_password_hash(text: str) -> str | None:
    """What is wrong with a password hash, or None: for whoever reads a configuration."""
    try:
        _parse(text)
    except ConfigurationError as error:
        return error.mistakes[0]
    return None


class BasicAuth:
    """Decides on `Authorization` headers.  Raises ConfigurationError for an empty name or a malformed hash."""

    def __init__(self, username: str, password_hash: str) -> None:
        if not username or ":" in username:
            raise ConfigurationError(["http.basic_auth.username: expected a name without a colon"])
        self._username = username.encode()
        self._hash = _parse(password_hash)
        # scrypt is slow on purpose; credentials that were right once are recognised by a keyed digest of this process
        self._digest_key = secrets.token_bytes(32)
        self._known: bytes | None = None

    def recognises(self, header: str | None) -> bool:
        """Are these the credentials that were right last?  Takes no time; False says nothing."""
        credentials = _credentials(header)
        return credentials is not None and self._is_known(self._digest(credentials))

    def allows(self, header: str | None) -> bool:
        """Do these credentials fit?  Takes the same time whether the name or the password is wrong."""
        credentials = _credentials(header)
        if credentials is None:
            return False
        digest = self._digest(credentials)
        if self._is_known(digest):
            return True
        name_fits = hmac.compare_digest(credentials[0], self._username)
        key_fits = hmac.compare_digest(self._hash.of(credentials[1].decode("utf-8", "replace")), self._hash.key)
        if name_fits and key_fits:
            self._known = digest
            return True
        return False

    def _digest(self, credentials: tuple[bytes, bytes]) -> bytes:
        return hmac.digest(self._digest_key, b"%d:%b%b" % (len(credentials[0]), *credentials), "sha256")

    def _is_known(self, digest: bytes) -> bool:
        return self._known is not None and hmac.compare_digest(digest, self._known)


def _credentials(header: str | None) -> tuple[bytes, bytes] | None:
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (name, password) if colon else None


def _parse(text: str) -> _PasswordHash:
    match = _SHAPE.fullmatch(text)
    if match is None:
        # what was found is not repeated: it may be a password somebody put there in clear
        raise ConfigurationError(["http.basic_auth.password_hash: expected `$scrypt$ln=14,r=8,p=1$<salt>$<key>`"])
    log_n, r, p = (int(number) for number in match.group(1, 2, 3))
    try:
        salt, key = _decode(match.group(4)), _decode(match.group(5))
    except binascii.Error:
        raise ConfigurationError(["http.basic_auth.password_hash: salt and key are not base64"]) from None
    if not 10 <= log_n <= 20 or not 1 <= r <= 32 or not 1 <= p <= 16 or 128 * r * (1 << log_n) >= _MAX_MEMORY:
        raise ConfigurationError(["http.basic_auth.password_hash: expected ln 10 to 20 and at most 128 MiB of memory"])
    if len(salt) < 8 or len(key) < 16:
        raise ConfigurationError(["http.basic_auth.password_hash: expected a salt of 8 bytes and a key of 16 at least"])
    return _PasswordHash(log_n, r, p, salt, key)


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
