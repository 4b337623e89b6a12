def read_number(text: bytes) -> float | None:
    """The double that a JSON number is read as; None if it is left to the ordinary parser."""

def read_moment(text: bytes) -> float | None:
    """Seconds since the epoch of an ISO 8601 text; None if it is left to the ordinary parser."""

def read_string(text: bytes) -> str | None:
    """The text of a JSON string without escapes; None if it is left to the ordinary parser."""
