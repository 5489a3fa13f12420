"""The benchmark of Multi30k: systems, their scores beside the published ones, what each buys."""
