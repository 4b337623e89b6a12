"""Values to channels: a partition of the value space into cells, and scale-free series as tables over those cells.

Law of this package: a stream's value is turned once into the number of its cell; every channel is a table of whole
numbers over cells.  Sums of channel values are therefore exact and do not depend on how a stream is cut into frames.
"""
