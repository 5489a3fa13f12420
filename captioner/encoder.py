"""The picture encoder: a CNN's feature map as the positions that a decoder attends to."""

import torch
from torch import Tensor, nn

from attention_core.errors import UserError
from attention_core.parts.dropout import Dropout
from attention_core.parts.types import Encoded
from captioner.backbones import Backbone
from captioner.efficientnet_lite import EfficientNetLite
from captioner.features import grid
from captioner.labels import LabelMemory

BLIND = 0.25
"""The share of pictures that training shows by their labels alone."""


class PictureEncoder(nn.Module):
    """h_s = ReLU(W f_s + b) for each position s of the grid; the summary is their mean.

    Xu et al. 2015, §3.1.1, with the projection of Lu et al. 2017, §2.3.

    With ``labels``, so many of the classifier's come behind the grid as further positions, and
    their summary is added. Training hides the grid of some pictures that have a label, so that the
    decoder learns to go by labels; and what is told of a picture that isn't there, as the
    probabilities of its labels, is encoded as if the grid were hidden.

    Shapes: pictures (B, 3, H, W), or features (B, S, F) computed earlier, or probabilities of C
    labels (B, C) -> values (B, S, V), summary (B, V).

    The backbone stays in evaluation mode, so that its batch statistics never change, whether its
    weights are trained or not. Its channels come last in memory, which on a CPU takes half the
    time, forward and back.

    Raises UserError for labels of a backbone that hasn't its classifier.
    """

    backbone: Backbone

    def __init__(self, backbone: Backbone, values: int, dropout: float, labels: int = 0) -> None:
        super().__init__()
        if labels and not isinstance(backbone, EfficientNetLite):
            raise UserError(
                f"encoder.labels: {backbone.name} hasn't its classifier here: set labels to 0, or"
                " use EfficientNet-Lite"
            )
        self.backbone = backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.project = nn.Linear(backbone.channels, values)
        self.dropout = Dropout(dropout)
        self.labels = LabelMemory(values, labels) if labels else None

    def train(self, mode: bool = True) -> "PictureEncoder":
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, source: Tensor) -> Encoded:
        if source.dim() == 2 and self.labels is not None:
            return Encoded(*self.labels(source))
        features = grid(self.backbone, source) if source.dim() == 4 else source
        values = self.dropout(torch.relu(self.project(self.dropout(features))))
        shown = torch.ones(values.shape[:2], dtype=torch.bool, device=values.device)
        if self.labels is None:
            return Encoded(values, shown, values.mean(1))
        assert isinstance(self.backbone, EfficientNetLite)
        logits = self.backbone.classify(features.transpose(1, 2)[..., None])
        named, there, summary = self.labels(self.labels.probabilities(logits))
        if self.training:
            hidden = torch.rand(len(values), 1, device=values.device) < BLIND
            shown = shown & ~(hidden & there.any(1, keepdim=True))
        summary = summary + values.mean(1) * shown[:, :1]
        return Encoded(torch.cat([values, named], 1), torch.cat([shown, there], 1), summary)
