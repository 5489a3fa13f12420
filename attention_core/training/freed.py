"""What becomes of memory that an update frees."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h
MOST = 2**31 - 1


def keep_freed() -> None:
    """Has glibc keep freed memory for the next update, where it is the allocator.

    Large blocks go back to the system as soon as they are freed, and each update gets all its pages
    anew: up to a fifth of its time. Kept, they are there, and the process stays as large as it
    was at its largest. mallopt(3).

    >>> keep_freed()
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, MOST)
