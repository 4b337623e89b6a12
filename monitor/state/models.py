"""The tables of the models: a row each, the further pieces of those with many streams, and the parts that never change.

models   (model, version)           the first piece, exposure, a digest over all that belongs to it
pieces   (model, version, number)   1, 2, …; written anew when the model changed
parts    (model, version, name)     written once; a name is the digest of the contents
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from monitor.domain.errors import StateError
from monitor.domain.keys import ModelKey
from monitor.engine.snapshot import join
from monitor.state import schema
from monitor.state.store import Commit, parted

Names = Mapping[ModelKey, Collection[bytes]]


@dataclass(slots=True)
class Models:
    """What the tables hold.  names: of each model's parts, so that none is written twice."""

    states: dict[ModelKey, bytes] = field(default_factory=dict)
    exposure: dict[ModelKey, bytes] = field(default_factory=dict)
    names: dict[ModelKey, Collection[bytes]] = field(default_factory=dict)


def read(database: sqlite3.Connection) -> Models:
    """Every model.  Raises StateError, naming the model, where one is damaged."""
    found = Models()
    for key, pieces, exposure, parts in _stored(database):
        found.states[key], found.exposure[key] = join(pieces, parts), exposure
        found.names[key] = frozenset(parts)
    return found


def check(database: sqlite3.Connection) -> None:
    """Raises StateError, naming the model, where one is damaged; holds one model at a time."""
    for _ in _stored(database):
        pass


def _stored(
    database: sqlite3.Connection,
) -> Iterator[tuple[ModelKey, Sequence[bytes], bytes, Mapping[bytes, bytes]]]:
    """Each model's pieces, exposure and parts, as they were written."""
    for model, version, first, exposure, digest in database.execute(_READ_MODELS):
        key = ModelKey(model, version)
        further = database.execute(_READ_PIECES, _columns(key))
        pieces = [first, *(content for _, content in further)]
        parts = dict(database.execute(_READ_PARTS, _columns(key)))
        for name, content in parts.items():
            if hashlib.blake2b(content, digest_size=len(name) or 1).digest() != name:
                raise StateError(f"the state of model {key} is damaged: the digest of one of its parts does not fit")
        if schema.model_digest(key, pieces, exposure, parts) != digest:
            raise StateError(f"the state of model {key} is damaged: its digest does not fit")
        yield key, pieces, exposure, parts
    for table in ("pieces", "parts"):
        left = database.execute(
            f"SELECT model, model_version FROM {table} EXCEPT SELECT model, model_version FROM models"
        )
        for columns in left:
            raise StateError(f"the state of model {ModelKey(*columns)} is damaged: it has {table}, and nothing else")


def write(database: sqlite3.Connection, commit: Commit, before: Names) -> Names:
    """Write the models of a commit, and delete those it removes; the names of the parts that are there then."""
    after = dict(before)
    for key, state in commit.models.items():
        own = parted(state)
        known, exposure = before.get(key, ()), commit.exposure.get(key, b"")
        digest = schema.model_digest(key, own.pieces, exposure, own.parts)
        database.execute(schema.SAVE_MODEL, (*_columns(key), own.pieces[0], exposure, digest))
        further = [(*_columns(key), number, piece) for number, piece in enumerate(own.pieces) if number]
        database.executemany(schema.SAVE_PIECE, further)
        database.execute(f"DELETE FROM pieces WHERE {_OF_MODEL} AND number > ?", (*_columns(key), len(further)))
        fresh = ((*_columns(key), name, part.encode()) for name, part in own.parts.items() if name not in known)
        database.executemany(schema.SAVE_PART, fresh)
        gone = [(*_columns(key), name) for name in known if name not in own.parts]
        database.executemany(f"DELETE FROM parts WHERE {_OF_MODEL} AND name = ?", gone)
        after[key] = frozenset(own.parts)
    delete(database, commit.removed)
    for key in commit.removed:
        after.pop(key, None)
    return after


def delete(database: sqlite3.Connection, models: Collection[ModelKey]) -> None:
    """Throw away all that belongs to these models, damaged or not."""
    for table in ("models", "pieces", "parts"):
        database.executemany(f"DELETE FROM {table} WHERE {_OF_MODEL}", map(_columns, models))


def _columns(key: ModelKey) -> tuple[str, str]:
    return key.model, key.model_version


_OF_MODEL = "model = ? AND model_version = ?"
_READ_MODELS = "SELECT model, model_version, state, exposure, digest FROM models"
_READ_PIECES = f"SELECT number, content FROM pieces WHERE {_OF_MODEL} ORDER BY number"
_READ_PARTS = f"SELECT name, content FROM parts WHERE {_OF_MODEL}"
