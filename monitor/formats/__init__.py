"""Wire formats: raw messages in, frames of columns and rejects out.  Pure: no clock, no I/O, no log."""

from monitor.formats.registry import FORMATS, Format, open_format
from monitor.formats.rejects import REASONS

__all__ = ["FORMATS", "REASONS", "Format", "open_format"]
