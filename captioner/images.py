"""Pictures in: any file a person may give, as one RGB picture or one normalised tensor."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def to_tensor(image: Image.Image, size: int, mean: float, std: float) -> Tensor:
    """The whole picture squeezed to a square: antialiased bicubic, nothing cropped.

    x = (pixel / 255 - mean) / std

    Shape: (3, size, size), float32.
    """
    square = image.resize((size, size), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(square, dtype=np.float32)).permute(2, 0, 1)
    return (pixels / 255 - mean) / std
