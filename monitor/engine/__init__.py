"""Streams, episodes, budget and roll-up: frames in, facts out, state as bytes.  Pure: no clock, no I/O, no log."""
