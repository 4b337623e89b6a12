"""What commands say: results on standard output, all else on standard error; rich only where somebody watches."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def say(text: str) -> None:
    """A line of the result."""
    sys.stdout.write(text + "\n")


def tell(text: str) -> None:
    """A line beside the result."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "stream"), counted(12345, "event"), counted(2, "category")
    ('1 stream', '12,345 events', '2 categories')
    """
    plural = noun if number == 1 else f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {plural}"


def on_one_line(text: str) -> str:
    r"""A name as a terminal may show it: what would move the cursor, or is no character, is written out.

    >>> print(on_one_line("café \x1b[2J \n"))
    café \x1b[2J \n
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> Table:
    """A table for people; the columns in `right` hold numbers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for position, heading in enumerate(headings):
        last = position == len(headings) - 1
        made.add_column(heading, justify="right" if position in right else "left", overflow="fold", no_wrap=not last)
    for row in rows:
        made.add_row(*(Text(on_one_line(cell)) for cell in row))  # names of features are no markup
    return made


def show(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = (), to_stderr: bool = False
) -> None:
    """Print a table, as wide as the terminal, or as it needs where there is none."""
    from rich.console import Console

    stream = sys.stderr if to_stderr else sys.stdout
    console = Console(file=stream, highlight=False, width=None if stream.isatty() else 160)
    console.print(table(headings, rows, right))
