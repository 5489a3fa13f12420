"""One update of the weights, from the batches of all processes."""

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn

from attention_core.errors import UserError
from attention_core.training.batching import Batch
from attention_core.training.config import TrainingConfig
from attention_core.training.losses import Objective

if TYPE_CHECKING:
    from accelerate import Accelerator


class Astray(ArithmeticError):
    """A loss or a gradient that is not a number.

    >>> str(Astray("the loss is not a number"))
    'the loss is not a number'
    """


class Updater:
    """Adam (decoupled weight decay, Loshchilov and Hutter 2019) on the mean loss of a token.

    The gradient is Σ_b ∇L_b / Σ_b n_b over the batches b of an update, with the summed loss L_b
    and the number of tokens n_b of each. So k batches, one after the other or each in a process
    of its own, are one batch k times as large. All processes begin with the first one's weights.

    ``rates`` gives some weights a learning rate of their own, by the start of their names: where
    the others have η_u of the configured peak η, they have η_u · rate / η.

    >>> from attention_core.training.processes import accelerator
    >>> class Line(Objective):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.slope = nn.Parameter(torch.zeros(()))
    ...     def forward(self, batch):
    ...         return (self.slope * batch.tokens).sum(), batch.tokens.numel()
    >>> updater = Updater(accelerator(), Line(), TrainingConfig(epochs=1, clip=0.0))
    >>> batches = [Batch((), torch.tensor([[4]])), Batch((), torch.tensor([[1, 1]]))]
    >>> updater.update(batches, rate=0.1)
    (0.0, 3)
    >>> updater.weights[0].grad  # (4 + 1 + 1) / 3
    tensor(2.)
    """

    def __init__(
        self,
        accelerator: "Accelerator",
        objective: Objective,
        config: TrainingConfig,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        self.accelerator = accelerator
        self.objective = objective.to(accelerator.device)
        if accelerator.num_processes > 1:
            _share(self.objective)
        self.clip = config.clip
        rates = rates or {}
        if rates and not config.learning_rate:
            raise UserError(
                "training.learning_rate: expected more than 0, as some weights have their own"
            )
        groups = _groups(objective, rates)
        self.weights = [weight for group in groups.values() for weight in group]
        self.optimizer = torch.optim.AdamW(
            [{"params": group} for group in groups.values()],
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self.scales = [rates[start] / config.learning_rate if start else 1.0 for start in groups]

    def update(self, batches: Iterable[Batch], rate: float) -> tuple[float, int]:
        """One update from this process's ``batches`` and those of the others, at this rate.

        The summed loss and number of tokens of all of them. Without a token there is no mean, and
        the weights stay as they are.

        Raises Astray, before a weight is touched, where the loss or the gradient is not finite.
        """
        self.optimizer.zero_grad()
        loss, count = 0.0, 0
        for batch in batches:
            with self.accelerator.autocast():
                batch_loss, batch_count = self.objective(batch.to(self.accelerator.device))
            batch_loss.backward()
            loss, count = loss + float(batch_loss.detach()), count + batch_count
        if self.accelerator.num_processes > 1:
            loss, count = self._sum_over_processes(loss, count)
        if not math.isfinite(loss):
            raise Astray("the loss is not a number")
        if not count:
            return loss, count
        for weight in self.weights:
            if weight.grad is not None:
                weight.grad /= count
        norm = nn.utils.clip_grad_norm_(self.weights, self.clip or math.inf)
        if not math.isfinite(norm):
            raise Astray("the gradient is not a number")
        for group, scale in zip(self.optimizer.param_groups, self.scales, strict=True):
            group["lr"] = rate * scale
        self.optimizer.step()
        return loss, count

    @property
    def rate(self) -> float:
        """The learning rate of the last update, of the weights without one of their own."""
        rate: float = self.optimizer.param_groups[0]["lr"]
        return rate

    def _sum_over_processes(self, loss: float, count: int) -> tuple[float, int]:
        """Adds up gradients, loss and count; a process without a batch has zeros to add."""
        gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in self.weights]
        flat = self.accelerator.reduce(torch.cat([x.flatten() for x in gradients]), "sum")
        for weight, part in zip(
            self.weights, flat.split([x.numel() for x in gradients]), strict=True
        ):
            weight.grad = torch.empty_like(weight).copy_(part.view_as(weight))  # laid out alike
        sums = torch.tensor([loss, count], dtype=torch.float64, device=self.accelerator.device)
        loss, tokens = self.accelerator.reduce(sums, "sum").tolist()
        return loss, int(tokens)


def _groups(objective: Objective, rates: Mapping[str, float]) -> dict[str, list[nn.Parameter]]:
    """The weights to train by the start of their names in ``rates``; those of none first."""
    groups: dict[str, list[nn.Parameter]] = {"": [], **{start: [] for start in rates}}
    for name, weight in objective.named_parameters():
        if weight.requires_grad:
            groups[next(filter(name.startswith, rates), "")].append(weight)
    return {start: group for start, group in groups.items() if group or not start}


def _share(objective: Objective) -> None:
    from accelerate.utils import broadcast

    for tensor in objective.state_dict().values():
        tensor.copy_(broadcast(tensor))
