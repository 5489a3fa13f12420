"""One file for each program that is measured: each is a process of its own."""
