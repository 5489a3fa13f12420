"""``scripts/reproduce``: wirings, scorers, lengths, cost."""

import click

from attention_core import SCORERS, UserError
from attention_core.translation import corpora
from attention_core.translation.predictor import Translator
from scripts.reproduction import cost as costing
from scripts.reproduction.drawing import bars, lines, write
from scripts.reproduction.joined import JoiningLearner, joined_to
from scripts.reproduction.systems import Row, compared, scored, trained

WIRINGS = {
    "sutskever": "the source is only the first state",
    "cho": "the summary at every step",
    "context_and_previous": "the summary and the last word, read out from the state",
    "bahdanau": "attention before the RNN",
    "luong_input_feeding": "attention after the RNN, fed back",
    "feed_forward_output": "attention after the RNN, [h; c] to a feed-forward layer",
}
LENGTHS = (10, 20, 30, 40, 50, 60, 70, 80)

change = click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the common recipe."
)
data = click.option("--data", default="data", show_default=True, help="The folder of the data.")


@click.group()
def main() -> None:
    """The classic comparisons; each trains what it compares, and goes on where it was stopped."""


@main.command()
@change
@data
def wirings(changes: tuple[str, ...], data: str) -> None:
    """The decoder wirings against each other: same data, sizes and updates."""
    _systems("wirings", {name: [f"model.preset={name}"] for name in WIRINGS}, changes, data)


@main.command()
@change
@data
def scorers(changes: tuple[str, ...], data: str) -> None:
    """The scorers against each other, in the preset luong."""
    settings = {name: ["model.preset=luong", f"model.scorer={name}"] for name in sorted(SCORERS)}
    _systems("scorers", settings, changes, data)


def _systems(
    group: str, settings: dict[str, list[str]], changes: tuple[str, ...], data: str
) -> None:
    systems = {
        name: trained(group, name, [f"data.root={data}", *own, *changes])
        for name, own in settings.items()
    }
    rows = compared(systems, corpora.multi30k(data, "test_2016_flickr", "de"))
    title = "English to German, Multi30k test_2016_flickr"
    write(group, Row._fields, rows, bars(rows, title))


@main.command()
@change
@data
def lengths(changes: tuple[str, ...], data: str) -> None:
    """BLEU against the length of the source, with and without attention (Bahdanau, figure 2)."""
    systems = {
        name: trained(
            "lengths", name, [f"data.root={data}", f"model.preset={name}", *changes], JoiningLearner
        )
        for name in ("cho", "bahdanau")
    }
    pairs = corpora.multi30k(data, "test_2016_flickr", "de")
    table = []
    for words in LENGTHS:
        joined = joined_to(pairs, words)
        if not joined:
            break
        outputs = {name: _whole(system, joined) for name, system in systems.items()}
        rows = scored(outputs, [pair.target for pair in joined], dict.fromkeys(systems, 0))
        mean = sum(len(pair.source.split()) for pair in joined) / len(joined)
        table += [
            (row.system, words, mean, len(joined), row.bleu, row.low, row.high) for row in rows
        ]
    figure = lines(
        {name: [row[2:3] + row[4:] for row in table if row[0] == name] for name in systems},
        across="words of the source: held-out sentences, joined",
        up="BLEU, with the 95 % interval",
        title="With attention (bahdanau) and without (cho)",
    )
    header = ("system", "joined_to", "mean_words", "sources", "bleu", "low", "high")
    write("lengths", header, table, figure)


def _whole(translator: Translator, pairs: list[corpora.Pair]) -> list[str]:
    """Each joined source translated as the one sentence that it is for the model."""
    to = pairs[0].language
    ids = [[*translator.tokenizer.encode(pair.source), translator.tokenizer.eos] for pair in pairs]
    found = translator.decode(ids, to=to, width=translator.search.beam)
    return [translator.tokenizer.decode(ranked[0].tokens) for ranked in found]


@main.command()
@click.option("--longest", default=1024, show_default=True, help="Of source and target, in tokens.")
@click.option("--runs", type=click.IntRange(1), default=5, show_default=True)
def cost(longest: int, runs: int) -> None:
    """The time of a sentence against its length, with fitted exponents."""
    sizes = [2**k for k in range(3, longest.bit_length())]
    if len(sizes) < 4:
        raise UserError(f"--longest: expected at least 64, got {longest}")
    by_source = costing.costs(sizes, [64], runs)
    by_target = costing.costs([256], sizes, runs)
    together = [each for size in sizes for each in costing.costs([size], [size], runs)]
    everything = by_source + by_target + together
    series = {}
    for preset, order in costing.DECODERS.items():
        for axis, part in (
            ("m, t = 64", by_source),
            ("t, m = 256", by_target),
            ("m = t", together),
        ):
            own = [each for each in part if each.preset == preset]
            p = costing.exponent(sizes, [each.milliseconds for each in own])
            series[f"{preset}, {order}; over {axis}: power {p:.2f}"] = [
                (float(size), *each[3:]) for size, each in zip(sizes, own, strict=True)
            ]
    for preset, (a, b, c, d) in costing.fitted(everything).items():
        print(f"{preset}: {a:.3g} + {b:.3g} m + {c:.3g} t + {d:.3g} m t milliseconds a sentence")
    figure = lines(
        series,
        across="length in tokens",
        up="milliseconds a sentence",
        title="Greedy search, random weights, 128 units, batches of 16",
        logarithmic=True,
    )
    write("cost", costing.Cost._fields, everything, figure)


if __name__ == "__main__":
    main()
