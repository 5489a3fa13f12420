"""The systems that are compared: each is the recipe with some settings."""

from pathlib import Path

import captioner
from captioner.learner import CaptionRecipe
from scripts.systems import Benchmark, System

RECIPE = Path(captioner.__file__).parent / "recipes" / "flickr8k.toml"
REWARD = "self_critical.start"

TUNED = (
    "encoder.fine_tune=true",
    "training.epochs=3",
    "training.learning_rate=0.0002",
    "training.warmup=100",
    "training.validate_every=195",
    "training.patience=5",
)
REWARDED = (
    "encoder.fine_tune=false",
    "self_critical.samples=5",
    "model.dropout=0.1",
    "training.label_smoothing=0",
    "training.doubly_stochastic=0",
    "training.epochs=6",
    "training.learning_rate=0.0002",
    "training.warmup=50",
    "training.validate_every=195",
    "training.patience=10",
)
CAPTIONERS = {
    "show-and-tell": ("Show and Tell", ("model.preset=show_and_tell", "model.embedding=512")),
    "show-attend-tell": (
        "Show, Attend and Tell, soft",
        ("model.preset=show_attend_tell", "training.doubly_stochastic=0.2"),
    ),
    "adaptive": ("adaptive attention", ("model.preset=adaptive_attention",)),
    "spatial": ("spatial attention", ()),
    "chinese-translated": (
        "Chinese alone, learned from two machines' translations of the English captions",
        (
            'data.languages=["zh"]',
            "data.chinese=machines",
            "data.vocabulary=4500",
            "training.epochs=6",
        ),
    ),
    "chinese-llm": (
        "Chinese alone, learned from a large language model's translations of the English captions",
        ('data.languages=["zh"]', "data.chinese=model", "data.vocabulary=4500"),
    ),
}
"""What goes on with its encoder fine-tuned, and with CIDEr as the reward; ``spatial`` is the
recipe as it is."""

SYSTEMS = {
    name + suffix: System(
        note + more,
        (*own, *settings),
        name + before if suffix else None,
        REWARD if settings is REWARDED else "start",
    )
    for name, (note, own) in CAPTIONERS.items()
    for suffix, more, settings, before in (
        ("", "", (), ""),
        ("-tuned", ", encoder fine-tuned", TUNED, ""),
        ("-reward", ", then CIDEr as the reward", REWARDED, ""),
        ("-tuned-reward", ", encoder fine-tuned, then CIDEr as the reward", REWARDED, "-tuned"),
    )
} | {
    "lite0": System("EfficientNet-Lite0", ("encoder.backbone=efficientnet-lite0",)),
    "grid-9": System("pictures of 288 pixels, a grid of 9×9", ("encoder.size=288",)),
    "grid-12": System("pictures of 384 pixels, a grid of 12×12", ("encoder.size=384",)),
    "two-levels": System("two levels of the network side by side", ("encoder.levels=2",)),
    "hard-targets": System("no label smoothing", ("training.label_smoothing=0",)),
    "word-dropout": System("word dropout 0.1", ("model.word_dropout=0.1",)),
    "scheduled-sampling": System(
        "scheduled sampling, down to 3 true words of 4",
        (
            "training.scheduled_sampling.decay=linear",
            "training.scheduled_sampling.k=1.0",
            "training.scheduled_sampling.c=0.0001",
            "training.scheduled_sampling.lowest=0.75",
        ),
    ),
    "average": System("the mean of the 5 best validations", ("training.average=5",)),
    "languages": System(
        "one model of English, Chinese and German",
        ('data.languages=["en", "zh", "de"]', "data.vocabulary=7000"),
    ),
    "languages-reward": System(
        "one model of three languages, then CIDEr as the reward",
        ('data.languages=["en", "zh", "de"]', "data.vocabulary=7000", *REWARDED),
        after="languages",
        start=REWARD,
    ),
}


BENCHMARK = Benchmark(RECIPE, CaptionRecipe, Path("runs/captions"), SYSTEMS)
recipe_of, run_of = BENCHMARK.recipe_of, BENCHMARK.run_of
