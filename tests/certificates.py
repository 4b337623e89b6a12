"""Certificates for tests, made by openssl: an authority, and what it signs."""

import subprocess
from pathlib import Path

import pytest


class Authority:
    """A certificate authority in a folder of its own; `ca` is its certificate."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder
        self.ca, self._key = folder / f"{name}.pem", folder / f"{name}.key"
        _openssl(f"req -x509 {_KEY} -days 2 -subj /CN={name} -keyout {self._key} -out {self.ca}")

    def sign(self, name: str, alternatives: str = "DNS:localhost,IP:127.0.0.1") -> tuple[Path, Path]:
        """A certificate and its key, for the common name `name`."""
        certificate, key, request, extensions = (
            self.folder / f"{name}.{ending}" for ending in ("pem", "key", "csr", "ext")
        )
        extensions.write_text(f"subjectAltName={alternatives}\n")
        _openssl(f"req {_KEY} -subj /CN={name} -keyout {key} -out {request}")
        signing = f"-CA {self.ca} -CAkey {self._key} -CAcreateserial -extfile {extensions}"
        _openssl(f"x509 -req -in {request} -days 2 -out {certificate} {signing}")
        return certificate, key


_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"


def _openssl(arguments: str) -> None:
    try:
        subprocess.run(["openssl", *arguments.split()], check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("openssl is not here to make a certificate")
