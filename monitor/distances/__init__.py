"""Distances between the reference and the recent window: gauges that people know, never alarms by themselves.

All take counts over the same bins.  Under no drift their size depends on how much was counted: `registry` says what to
expect, so that a small window is not read as a large distance.
"""
