"""Widens a trained translator: python -m scripts.widening FROM TO --hidden 768

A model of more units that says the same: the trained weights keep their places, new units start as
in any new model, and nothing reads them yet, as all weights from a new unit to an old one are zero.
Trained on, it grows into the room that it has (Chen et al. 2016, "Net2Net", §2, whose new units are
copies of old ones instead).
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

from attention_core import UserError, checkpoint
from attention_core.recipe import as_dict, from_dict
from attention_core.translation.learner import TranslateRecipe
from attention_core.translation.model import build_model

GATES = 4  # of an LSTM
SEED = 1  # of the new units


@click.command()
@click.argument("place", metavar="FROM", type=click.Path(path_type=Path))
@click.argument("out", metavar="TO", type=click.Path(path_type=Path))
@click.option("--hidden", required=True, type=int, help="Units of the decoder, an even number.")
def main(place: Path, out: Path, hidden: int) -> None:
    """Write the translator FROM to the folder TO, with more units that change nothing yet."""
    try:
        saved = checkpoint.read(place).of("translate")
        if out.exists():
            raise UserError(f"{out} is there already: name another folder")
        config, weights = widened(saved.config, saved.weights(), hidden)
    except UserError as error:
        raise click.ClickException(str(error)) from None
    checkpoint.save(
        out,
        task=saved.task,
        config=config,
        weights=weights,
        files={
            each.name: each.read_bytes()
            for each in place.iterdir()
            if each.name not in {*checkpoint.OF_THE_WEIGHTS, checkpoint.WEIGHTS, checkpoint.CONFIG}
        },
    )
    print(f"{out}: {sum(w.numel() for w in weights.values()) / 1e6:.1f} million parameters")


def widened(
    config: Mapping[str, Any], weights: Mapping[str, Tensor], hidden: int
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The config and weights of the wider model: one layer of LSTM, preset `luong`, its scorer.

    Raises UserError for another kind of model, or where ``hidden`` is odd or no more than it has.
    """
    recipe = from_dict(TranslateRecipe, config)
    model, before = recipe.model, recipe.model.hidden
    kind = (model.preset, model.cell, model.layers, model.scorer, model.normalised, model.cutoffs)
    if kind != ("luong", "lstm", 1, None, False, ()):
        raise UserError("only an LSTM of one layer, of the preset luong, can be widened")
    if before % 2 or hidden % 2 or hidden <= before:
        raise UserError(f"hidden: expected an even number above {before}, got {hidden}")
    recipe = replace(recipe, model=replace(model, hidden=hidden))
    torch.manual_seed(SEED)
    wide = build_model(recipe.model, weights["decoder.bias"].numel())
    found = {name: weight.detach() for name, weight in checkpoint.weights_of(wide).items()}
    direction = torch.arange(before // 2)  # the old units of one, in a wider one
    both = torch.cat([direction, direction + hidden // 2])
    for name, weight in found.items():
        old = direction if name.startswith("encoder.rnn") else both
        size = hidden // 2 if name.startswith("encoder.rnn") else hidden
        gates = torch.cat([old + gate * size for gate in range(GATES)])
        units = {
            "weight_ih": (gates, None),
            "weight_hh": (gates, old),
            "bias_ih": (gates,),
            "bias_hh": (gates,),
            "scorer.key.weight": (old, old),
            "readout.mix.weight": (None, torch.cat([old, old + size])),  # of context and state
        }
        places = next((units[part] for part in units if part in name), (None,) * weight.dim())
        if "scorer" in name:
            weight.zero_()  # new units on both sides would score the old ones otherwise
        _put(weight, weights[name], places)
    return as_dict(recipe), found


def _put(wide: Tensor, weight: Tensor, places: tuple[Tensor | None, ...]) -> None:
    """Puts a weight into its rows and columns of the wider one, the rest of these rows zero."""
    filled = [
        torch.arange(size) if place is None else place
        for size, place in zip(wide.shape, places, strict=True)
    ]
    wide[filled[0]] = 0
    wide[torch.meshgrid(*filled, indexing="ij")] = weight


if __name__ == "__main__":
    main()
