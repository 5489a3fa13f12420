"""The benchmark: ours and other people's code on the same work, in turn, on one machine."""
