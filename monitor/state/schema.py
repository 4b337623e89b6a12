"""The tables of `state.db`, and the digests that tell a damaged row from a good one.

SQLite checks its pages' structure, not their contents, so each row carries a digest over its key and all its values:
a flipped bit, or a row that ended up under another key, is refused on reading.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

#: raised with every change of the tables or of what a blob's container holds; an unknown one is refused, never wiped
FORMAT_VERSION = 1

DATABASE_FILE = "state.db"

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE models (
    model TEXT NOT NULL, model_version TEXT NOT NULL,
    state BLOB NOT NULL, exposure BLOB NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (model, model_version)
);
CREATE TABLE offsets (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) WITHOUT ROWID;
CREATE TABLE decisions (id INTEGER PRIMARY KEY AUTOINCREMENT, recorded_at REAL NOT NULL, fact TEXT NOT NULL);
"""

SAVE_MODEL = (
    "INSERT INTO models (model, model_version, state, exposure, digest) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (model, model_version) DO UPDATE SET"
    " state = excluded.state, exposure = excluded.exposure, digest = excluded.digest"
)
SAVE_OFFSET = (
    "INSERT INTO offsets (topic, partition, next_offset) VALUES (?, ?, ?)"
    " ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset"
)
SAVE_META = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
SAVE_DECISION = "INSERT INTO decisions (recorded_at, fact) VALUES (?, ?)"


def model_digest(model: str, model_version: str, state: bytes, exposure: bytes) -> bytes:
    """16 bytes over a model's row; each part is preceded by its length, so that nothing can move between them."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (model.encode(), model_version.encode(), state, exposure):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


def offsets_digest(offsets: Mapping[tuple[str, int], int]) -> str:
    """Over the whole table of offsets, whatever the order of its rows."""
    lines = sorted(f"{topic}\x00{partition}\x00{offset}" for (topic, partition), offset in offsets.items())
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=16).hexdigest()
