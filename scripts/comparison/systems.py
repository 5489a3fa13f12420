"""The systems that are compared: each is the recipe with some settings."""

from pathlib import Path

import attention_core.translation
from attention_core.translation.learner import TranslateRecipe
from scripts.systems import Benchmark, System

RECIPE = Path(attention_core.translation.__file__).parent / "recipes" / "multi30k.toml"

DIVERSIFIED = "runs/multi30k/made"  # what models make of the training text

BASE = (
    'data.languages=["de"]',
    "data.bpe_dropout=0",
    "data.vocabulary=4000",
    "model.preset=luong",
    "model.cell=lstm",
    "model.embedding=256",
    "model.hidden=256",
    "model.attention=256",
    "model.dropout=0.3",
    "model.word_dropout=0",
    "model.normalised=false",
    "model.variational=false",
    "training.epochs=10",
    "training.batch_tokens=500",
    "training.learning_rate=0.0015",
    "training.warmup=900",
    "training.validate_every=1000",
    "training.average=0",
    "training.precision=no",
)
SYSTEMS = {
    "base": System("luong, LSTM 256, into German alone", BASE),
    "base-fr": System("base into French alone", (*BASE, 'data.languages=["fr"]')),
    "base-cs": System("base into Czech alone", (*BASE, 'data.languages=["cs"]')),
    "large-batches": System(
        "batches three times as large",
        (*BASE, "training.batch_tokens=1500", "training.warmup=300", "training.validate_every=300"),
    ),
    "bahdanau": System("bahdanau, GRU", (*BASE, "model.preset=bahdanau", "model.cell=gru")),
    "wide": System("LSTM 512", (*BASE, "model.hidden=512")),
    "small-vocabulary": System("2,000 pieces", (*BASE, "data.vocabulary=2000")),
    "trilingual": System(
        "one model into three languages, LSTM 320, the mean of the last 5 validations",
        (
            *BASE,
            'data.languages=["de", "fr", "cs"]',
            "model.hidden=320",
            "training.warmup=2000",
            "training.validate_every=2000",
            "training.average=5",
            "training.average_of=last",
        ),
    ),
    "bpe-dropout": System("BPE-dropout 0.1", (*BASE, "data.bpe_dropout=0.1")),
    "word-dropout": System("word dropout 0.1", (*BASE, "model.word_dropout=0.1")),
    "average": System(
        "the mean of the last 5 validations",
        (*BASE, "training.average=5", "training.average_of=last"),
    ),
    "variational": System("one dropout mask a sequence", (*BASE, "model.variational=true")),
    "normalised": System("layer-normalised cells", (*BASE, "model.normalised=true")),
    "self-critical": System(
        "base, gone on with BLEU of samples as the reward",
        (
            *BASE,
            "self_critical.samples=5",
            "training.label_smoothing=0",
            "training.epochs=2",
            "training.learning_rate=0.0002",
            "training.warmup=50",
            "training.validate_every=200",
        ),
        after="base",
    ),
    "final": System("the recipe as it is, into German"),
    "final-reward": System(
        "the recipe, gone on with BLEU of samples as the reward",
        (
            "self_critical.samples=5",
            "model.dropout=0.1",
            "training.label_smoothing=0",
            "training.epochs=1",
            "training.learning_rate=0.0002",
            "training.warmup=50",
            "training.validate_every=140",
            "training.average=0",
        ),
        after="final",
    ),
    "final-longer": System(
        "the recipe, dropout 0.4 and 40 epochs", ("model.dropout=0.4", "training.epochs=40")
    ),
    "final-back": System(
        "the recipe, out of German, 12 epochs", ("data.into_english=true", "training.epochs=12")
    ),
    "final-diverse": System(
        "the recipe, and its own translations of the text, forward and back",
        (f"data.synthetic={DIVERSIFIED}", "training.epochs=6", "training.validate_every=1000"),
    ),
    "final-fr": System("the recipe, into French", ('data.languages=["fr"]',)),
    "final-fr-longer": System(
        "the recipe, into French, dropout 0.4 and 30 epochs",
        ('data.languages=["fr"]', "model.dropout=0.4", "training.epochs=30"),
    ),
    "final-cs": System("the recipe, into Czech", ('data.languages=["cs"]',)),
}
BASELINES = {"de": "base", "fr": "base-fr", "cs": "base-cs"}  # what into a language is compared to


BENCHMARK = Benchmark(RECIPE, TranslateRecipe, Path("runs/multi30k"), SYSTEMS)
recipe_of, run_of = BENCHMARK.recipe_of, BENCHMARK.run_of
