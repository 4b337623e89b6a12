class TextTable:
    """Distinct byte strings, numbered from 0 in the order in which they were first met."""

    def __len__(self) -> int: ...
    @property
    def size_bytes(self) -> int:
        """Bytes of all texts together."""
    def text(self, code: int) -> bytes:
        """The text of a number.  Raises IndexError."""
    def code(self, text: bytes) -> int:
        """The number of a text, a new one if it has none yet."""
