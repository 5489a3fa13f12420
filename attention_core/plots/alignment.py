"""What every drawing of an alignment is given."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from attention_core.errors import UserError


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
