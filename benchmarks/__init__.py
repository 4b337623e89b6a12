"""`make bench`: what the daemon costs, as ratios against peers measured in the same run on the same machine."""
