"""References: what a stream is held against, learned from data or read from a profile.  Pure data and arithmetic."""
