"""Learning rates: linear warm-up, then constant, falling by a rule, or halved at plateaus."""

import math

from attention_core.training.config import TrainingConfig


def learning_rate(config: TrainingConfig, update: int, total: int, halvings: int = 0) -> float:
    """The learning rate of update u of ``total``, each of which begins with 0.

    η_u = η · min(1, (u + 1) / w) · f(u) with w = warm-up, at most a fifth of the run, and f of the
    schedule:

    - ``constant``: 1
    - ``cosine``: ½ (1 + cos(π u / total)), zero at the end. Loshchilov and Hutter 2017, §3.
    - ``inverse_sqrt``: √(w / (u + 1)) from the end of the warm-up on. Vaswani et al. 2017, §5.3.
    - ``plateau``: ½^halvings, but no less than the lowest rate. Halved when the validations have
      not been better for a while, as in Sutskever et al. 2014, §3.4, where time halves it.

    >>> config = TrainingConfig(epochs=1, learning_rate=0.8, warmup=4, schedule="inverse_sqrt")
    >>> [round(learning_rate(config, update, 100), 2) for update in (0, 3, 15, 63)]
    [0.2, 0.8, 0.4, 0.2]
    """
    warmup = max(1, min(config.warmup, total // 5))
    rate = config.learning_rate
    match config.schedule:
        case "cosine":
            rate *= 0.5 * (1 + math.cos(math.pi * min(update, total) / total))
        case "inverse_sqrt":
            rate *= min(1.0, math.sqrt(warmup / (update + 1)))
        case "plateau":
            rate = max(config.lowest_rate, rate * 0.5**halvings)
    return rate * min(1.0, (update + 1) / warmup)
