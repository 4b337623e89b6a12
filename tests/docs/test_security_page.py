"""docs/security.md shows configurations that are accepted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.exposition.auth import hash_password
from monitor.settings import load
from tests.certificates import Authority

PAGE = (Path(__file__).parents[2] / "docs/security.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_configuration_of_the_page_is_accepted(tmp_path: Path, block: str) -> None:
    """Beside the files that it names, each block is a whole configuration."""
    authority = Authority(tmp_path, "ca")
    authority.sign("server")
    (tmp_path / "password.hash").write_text(hash_password("correct horse") + "\n")
    (tmp_path / "kafka-password").write_text("secret-of-kafka\n")
    config = tmp_path / "driftgauge.yaml"
    config.write_text(block)
    assert load(config).http.port == 9480
