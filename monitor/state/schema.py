"""The tables of `state.db`, and the digests that tell a damaged row from a good one.

SQLite checks its pages' structure, not their contents, so each row carries a digest over its key and all its values:
a flipped bit, or a row that ended up under another key, is refused on reading.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from monitor.domain.keys import ModelKey

#: raised with every change of the tables or of what a blob's container holds; older ones migrate, others are refused
FORMAT_VERSION = 2

DATABASE_FILE = "state.db"
BACKUP_FILE = "state.backup.db"

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE models (
    model TEXT NOT NULL, model_version TEXT NOT NULL,
    state BLOB NOT NULL, exposure BLOB NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (model, model_version)
);
CREATE TABLE pieces (
    model TEXT NOT NULL, model_version TEXT NOT NULL, number INTEGER NOT NULL, content BLOB NOT NULL,
    PRIMARY KEY (model, model_version, number)
);
CREATE TABLE parts (
    model TEXT NOT NULL, model_version TEXT NOT NULL, name BLOB NOT NULL, content BLOB NOT NULL,
    PRIMARY KEY (model, model_version, name)
);
CREATE TABLE offsets (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) WITHOUT ROWID;
CREATE TABLE topics (topic TEXT PRIMARY KEY, topic_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE decisions (id INTEGER PRIMARY KEY AUTOINCREMENT, recorded_at REAL NOT NULL, event TEXT NOT NULL);
CREATE TABLE interventions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,
    model TEXT NOT NULL, model_version TEXT NOT NULL, positions TEXT NOT NULL, detail BLOB NOT NULL
);
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, destination TEXT NOT NULL, key BLOB, value BLOB, headers BLOB NOT NULL
);
"""

SAVE_MODEL = (
    "INSERT INTO models (model, model_version, state, exposure, digest) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (model, model_version) DO UPDATE SET"
    " state = excluded.state, exposure = excluded.exposure, digest = excluded.digest"
)
SAVE_PIECE = (
    "INSERT INTO pieces (model, model_version, number, content) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (model, model_version, number) DO UPDATE SET content = excluded.content"
)
SAVE_PART = "INSERT INTO parts (model, model_version, name, content) VALUES (?, ?, ?, ?)"
SAVE_OFFSET = (
    "INSERT INTO offsets (topic, partition, next_offset) VALUES (?, ?, ?)"
    " ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset"
)
SAVE_TOPIC = (
    "INSERT INTO topics (topic, topic_id) VALUES (?, ?) ON CONFLICT (topic) DO UPDATE SET topic_id = excluded.topic_id"
)
SAVE_META = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
SAVE_DECISION = "INSERT INTO decisions (recorded_at, event) VALUES (?, ?)"
SAVE_INTERVENTION = "INSERT INTO interventions (kind, model, model_version, positions, detail) VALUES (?, ?, ?, ?, ?)"
SAVE_OUTBOX = "INSERT INTO outbox (destination, key, value, headers) VALUES (?, ?, ?, ?)"


def model_digest(model: ModelKey, pieces: Sequence[bytes], exposure: bytes, names: Iterable[bytes] = ()) -> bytes:
    """16 bytes over a model's rows; each part is preceded by its length, so that nothing can move between them.

    names: of the parts that belong to it, which are digests of their contents.
    """
    own = (model.model.encode(), model.model_version.encode(), pieces[0], exposure)
    return _digest((*own, *pieces[1:], *sorted(names))).digest()


def positions_digest(offsets: Mapping[tuple[str, int], int], topic_ids: Mapping[str, str], configuration: bytes) -> str:
    """Over everything but the models, whatever the order of its rows."""
    lines = sorted(f"{topic}\x00{partition}\x00{offset}" for (topic, partition), offset in offsets.items())
    ids = sorted(f"{topic}\x00{topic_id}" for topic, topic_id in topic_ids.items())
    return _digest(("\n".join(lines).encode(), "\n".join(ids).encode(), configuration)).hexdigest()


def offsets_digest_1(offsets: Mapping[tuple[str, int], int]) -> str:
    """What format 1 kept over its table of offsets."""
    lines = sorted(f"{topic}\x00{partition}\x00{offset}" for (topic, partition), offset in offsets.items())
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=16).hexdigest()


def _digest(parts: Iterable[bytes]) -> hashlib.blake2b:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest
