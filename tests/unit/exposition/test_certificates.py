"""The certificate: read again when it changes, kept when what comes cannot be used."""

import os
import shutil
from pathlib import Path

import pytest

from monitor.exposition.certificates import Certificates, Tls, Told
from tests.certificates import Authority


class Shown:
    """A pair on disk, with what was told of it."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder, self.source = folder, source
        self.told: list[str] = []
        self.write("one")
        tls = Tls(str(folder / "cert.pem"), str(folder / "key.pem"))
        self.certificates = Certificates(tls, Told(lambda: self.told.append("reloaded"), self.told.append))
        self.first = self.certificates.context

    def write(self, name: str, *endings: str) -> None:
        for ending, target in (("pem", "cert.pem"), ("key", "key.pem")):
            if not endings or ending in endings:
                shutil.copyfile(self.source / f"{name}.{ending}", self.folder / "new")
                os.replace(self.folder / "new", self.folder / target)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signed")
    authority = Authority(folder)
    for name in ("one", "two"):
        authority.sign(name)
    return folder


@pytest.fixture
def shown(tmp_path: Path, source: Path) -> Shown:
    return Shown(tmp_path, source)


def test_nothing_happens_while_the_files_stay(shown: Shown) -> None:
    """Looking costs nothing but looking."""
    shown.certificates.look()
    assert (shown.certificates.context, shown.told) == (shown.first, [])


def test_a_new_pair_is_taken_up(shown: Shown) -> None:
    """As a whole, and said once."""
    shown.write("two")
    shown.certificates.look()
    shown.certificates.look()
    assert shown.certificates.context is not shown.first
    assert shown.told == ["reloaded"]


def test_a_pair_that_is_half_written_is_waited_for(shown: Shown) -> None:
    """The certificate comes first and its key a moment later: no error is seen by anybody."""
    shown.write("two", "pem")
    shown.certificates.look()
    assert (shown.certificates.context, shown.told) == (shown.first, [])
    shown.write("two", "key")
    shown.certificates.look()
    assert shown.told == ["reloaded"]


@pytest.mark.parametrize("broken", ["empty", "gone", "of another key"])
def test_what_cannot_be_used_is_said_once_and_the_old_one_kept(shown: Shown, broken: str) -> None:
    """Until it is mended, which is seen by itself."""
    if broken == "empty":
        (shown.folder / "cert.pem").write_text("")
    elif broken == "gone":
        (shown.folder / "cert.pem").unlink()
    else:
        shown.write("two", "pem")
    for _ in range(4):
        shown.certificates.look()
    assert shown.certificates.context is shown.first
    (problem,) = shown.told
    assert "http.tls." in problem
    shown.write("two")
    shown.certificates.look()
    assert shown.told == [problem, "reloaded"]
    assert shown.certificates.context is not shown.first
