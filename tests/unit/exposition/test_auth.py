"""Basic authentication: right credentials pass, everything else does not, half a configuration is refused."""

from base64 import b64encode

import pytest

from monitor.domain.errors import ConfigurationError
from monitor.exposition.auth import BasicAuth, check_password_hash, hash_password

HASH = hash_password("correct horse: battery")


def header(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


def test_the_right_credentials_pass_again_and_again() -> None:
    """A password may hold colons and spaces; the second time is answered from what is known."""
    auth = BasicAuth("prometheus", HASH)
    assert auth.allows(header("prometheus", "correct horse: battery"))
    assert auth.allows(header("prometheus", "correct horse: battery"))


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Basic",
        "Basic ====",
        "Basic ünïcode",
        "Basic " + b64encode(b"no colon").decode(),
        "Bearer " + b64encode(b"prometheus:correct horse: battery").decode(),
        header("prometheus", "correct horse"),
        header("prometheus", ""),
        header("Prometheus", "correct horse: battery"),
    ],
)
def test_anything_else_is_refused(given: str | None) -> None:
    """Also after the right credentials were seen."""
    auth = BasicAuth("prometheus", HASH)
    assert auth.allows(header("prometheus", "correct horse: battery"))
    assert not auth.allows(given)


def test_two_hashes_of_a_password_differ_and_both_fit() -> None:
    """The salt is random."""
    other = hash_password("correct horse: battery")
    assert other != HASH
    assert BasicAuth("a", other).allows(header("a", "correct horse: battery"))


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "correct horse: battery",
        "$2y$10$abcdefghijklmnopqrstuv",
        HASH + "x$",
        HASH.replace("ln=14", "ln=30"),
        HASH.replace("ln=14", "ln=1"),
        HASH.replace("r=8", "r=4096"),
        "$scrypt$ln=14,r=8,p=1$AAAA$AAAA",
    ],
)
def test_a_malformed_or_unreasonable_hash_is_refused_without_being_repeated(wrong: str) -> None:
    """It may be a password that somebody put there in clear."""
    mistake = check_password_hash(wrong)
    assert mistake is not None
    assert not wrong or wrong not in mistake
    with pytest.raises(ConfigurationError):
        BasicAuth("prometheus", wrong)


@pytest.mark.parametrize("name", ["", "a:b"])
def test_a_user_name_that_cannot_be_sent_is_refused(name: str) -> None:
    """The colon ends the name on the wire."""
    with pytest.raises(ConfigurationError):
        BasicAuth(name, HASH)
