"""The picture encoder: a CNN's feature map as the positions that a decoder attends to."""

import torch
from torch import Tensor, nn

from attention_core.parts.types import Encoded
from captioner.efficientnet_lite import EfficientNetLite
from captioner.features import grid


class PictureEncoder(nn.Module):
    """h_s = ReLU(W f_s + b) for each position s of the grid; the summary is their mean.

    Xu et al. 2015, §3.1.1, with the projection of Lu et al. 2017, §2.3.

    Shapes: pictures (B, 3, H, W), or features (B, S, F) computed earlier
    -> values (B, S, V), summary (B, V); every position is real.
    Raises ValueError for pictures where there is no backbone.
    """

    def __init__(
        self, backbone: EfficientNetLite | None, features: int, values: int, dropout: float
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.project = nn.Linear(features, values)
        self.dropout = nn.Dropout(dropout)

    def forward(self, source: Tensor) -> Encoded:
        features = self._features(source) if source.dim() == 4 else source
        values = self.dropout(torch.relu(self.project(self.dropout(features))))
        valid = torch.ones(values.shape[:2], dtype=torch.bool, device=values.device)
        return Encoded(values, valid, values.mean(1))

    def _features(self, pictures: Tensor) -> Tensor:
        if self.backbone is None:
            raise ValueError("source: expected features (B, S, F), as this encoder has no CNN")
        return grid(self.backbone, pictures)
