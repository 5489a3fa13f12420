"""What every drawing of an alignment is given, and what their arcs share."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from attention_core.errors import UserError

FAINTEST = 0.02  # an arc of less weight is not drawn


def checked(
    source_words: Sequence[str], target_words: Sequence[str], weights: ArrayLike
) -> NDArray[np.float64]:
    """`weights` as an array (T, S): how much each target word looked at each source word.

    Raises:
        UserError: if there are no words, or not one row of weights for each target word and one
            column for each source word.

    >>> checked(["a", "b"], ["x"], [[0.5, 0.5]]).shape
    (1, 2)
    """
    array = np.asarray(weights, dtype=np.float64)
    expected = (len(target_words), len(source_words))
    if array.shape != expected or 0 in expected:
        raise UserError(
            f"An alignment of {expected[0]} target and {expected[1]} source words needs weights "
            f"of shape (T, S) = {expected} with at least one of each, got {array.shape}."
        )
    return array


def spread(words: int, lines: int) -> list[float]:
    """The heights of `words` words spread evenly over `lines` lines, each of height 1.

    So the shorter of two sentences is as tall as the longer, and arcs between words at like
    places are level: (i + ½) · lines / words.

    >>> spread(2, 4)
    [1.0, 3.0]
    """
    return [(index + 0.5) * lines / words for index in range(words)]
