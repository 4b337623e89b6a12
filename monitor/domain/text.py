"""How a number reads as a category."""

from __future__ import annotations


def number_text(number: float) -> str:
    """The label of a number in a categorical stream: whole numbers without a point, others as Python writes them.

    >>> number_text(75.0), number_text(0.5), number_text(-0.0)
    ('75', '0.5', '0')
    """
    return str(int(number)) if number == int(number) and abs(number) < 2**53 else repr(number)
