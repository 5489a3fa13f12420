"""Captioners of Hugging Face's transformers, with random weights: "vit-gpt2" or "blip"."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from scripts.benchmarking import work
from scripts.benchmarking.protocol import serve

sys.modules["torchvision"] = None  # type: ignore[assignment]  # it does without, where there is none
import transformers  # noqa: E402

FORCED = {
    "num_beams": work.WIDTH,
    "min_new_tokens": work.TARGET,
    "max_new_tokens": work.TARGET,
    "do_sample": False,
}


def vit_gpt2() -> tuple[nn.Module, nn.Module, dict[str, Any]]:
    """VisionEncoderDecoder of ViT-base and GPT-2 with cross-attention."""
    decoder = transformers.GPT2Config(add_cross_attention=True, is_decoder=True)
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        transformers.ViTConfig(), decoder
    )
    model = transformers.VisionEncoderDecoderModel(config)
    return model, model.encoder, {"decoder_start_token_id": 0, "pad_token_id": 0, "bos_token_id": 0}


def blip() -> tuple[nn.Module, nn.Module, dict[str, Any]]:
    """BLIP base, at our size of pictures."""
    config = transformers.BlipConfig()
    config.vision_config.image_size = work.PICTURE
    model = transformers.BlipForConditionalGeneration(config)
    return model, model.vision_model, {}


KINDS = {"vit-gpt2": ("ViT + GPT-2", vit_gpt2), "blip": ("BLIP base", blip)}


def doing(call: Callable[..., Any], pictures: Tensor, options: dict[str, Any]) -> None:
    with torch.inference_mode():
        call(pixel_values=pictures, **options)


def main(kind: str) -> None:
    transformers.logging.set_verbosity_error()
    torch.manual_seed(0)
    name, build = KINDS[kind]
    model, encoder, options = build()
    model.eval()
    pictures = torch.randn(work.PICTURES, 3, work.PICTURE, work.PICTURE)
    options = {**FORCED, **options}
    serve(
        f"{name} (transformers)",
        transformers.__version__,
        {
            "caption": partial(doing, model.generate, pictures, options),
            "caption_single": partial(doing, model.generate, pictures[:1], options),
            "encode": partial(doing, encoder, pictures, {}),
        },
        network=name,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
