"""The picture encoder: a CNN's feature map as the positions that a decoder attends to."""

import torch
from torch import Tensor, nn

from attention_core.parts.types import Encoded
from captioner.backbones import Backbone
from captioner.features import grid


class PictureEncoder(nn.Module):
    """h_s = ReLU(W f_s + b) for each position s of the grid; the summary is their mean.

    Xu et al. 2015, §3.1.1, with the projection of Lu et al. 2017, §2.3.

    Shapes: pictures (B, 3, H, W), or features (B, S, F) computed earlier
    -> values (B, S, V), summary (B, V); every position is real.

    The backbone stays in evaluation mode, so that its batch statistics never change, whether its
    weights are trained or not. Its channels come last in memory, which on a CPU takes half the
    time, forward and back.
    """

    def __init__(self, backbone: Backbone, values: int, dropout: float) -> None:
        super().__init__()
        self.backbone = backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.project = nn.Linear(backbone.channels, values)
        self.dropout = nn.Dropout(dropout)

    def train(self, mode: bool = True) -> "PictureEncoder":
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, source: Tensor) -> Encoded:
        features = grid(self.backbone, source) if source.dim() == 4 else source
        values = self.dropout(torch.relu(self.project(self.dropout(features))))
        valid = torch.ones(values.shape[:2], dtype=torch.bool, device=values.device)
        return Encoded(values, valid, values.mean(1))
