from collections.abc import Mapping, Sequence
from typing import Any

from monitor.domain.frame import Bytes, Codes, Floats, Offsets
from monitor.formats._texts import TextTable

class Template:
    """The text of an event with its scalars left open.

    literals: the text before each scalar, and the one after the last.  roles: `monitor.formats.templates.Role` of each.
    lanes: column of each scalar that is a value, else −1.  needs_value: a message with only nulls does not match.
    note: kept for whoever made it.  hits: messages that matched.
    """

    hits: int
    note: Any
    size: int
    def __init__(
        self, literals: list[bytes], roles: list[int], lanes: list[int], needs_value: bool, note: object
    ) -> None: ...

def scan(
    values: list[bytes | None],
    recorded: Floats,
    templates: list[Template],
    keys: TextTable,
    tables: list[TextTable],
    into: Mapping[str, Any],
) -> int:
    """Read the messages that match a template, without the interpreter's lock; how many did.

    into: arrays that are filled, lanes × messages: `cells` (absent on entry), `numbers` (NaN on entry), and for the
    lanes that may hold texts, with `text_row` their row or −1, `codes` (−1 on entry, numbers of `tables`); per message
    `time`, `spans` (of the event's id in the message, empty if it has none), `keys`: the number in `keys` of the
    template's position and the scalars of role KEY, −1 for a message that no template matched, whose row is then as
    on entry.  Raises ValueError if the arrays do not fit each other.
    """

def kinds(cells: Bytes, bounds: Offsets) -> Bytes:
    """groups × lanes: which `Cell` codes occur, one bit each, from bounds[g] to before bounds[g + 1]."""

def renumber(codes: Codes, known: int) -> Sequence[int]:
    """Renumber codes from 0 in the order in which they come up, in place; the old ones in that order.

    Negative codes stay.  Raises ValueError for one that is not below `known`.
    """
