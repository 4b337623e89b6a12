"""Event files as frames: CSV, JSON lines and Parquet, from a path or standard input, read in order and in pieces.

`i`, the number of an event, counts from 0 over everything that could have been an event: a line that cannot be read has
a number too, so that numbers can be found again in the file.
"""
