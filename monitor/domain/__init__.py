"""The vocabulary as frozen data: keys, frames, findings, errors.  No behaviour worth the name, no I/O, no clock."""
