"""eole, OpenNMT-py's successor: GRU, additive ("mlp") attention, input feeding."""

from collections.abc import Callable
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from scripts.benchmarking import work
from scripts.benchmarking.peers.absent import absent, hollow
from scripts.benchmarking.protocol import serve

hollow("eole.decoders", "eole.encoders", "eole.models", "eole.modules", "eole.predict")
absent("ctranslate2", "eole.adapters", "eole.config", "eole.config.inference", "eole.config.run")
absent("eole.inputters.inputter", "eole.models.model_saver", "eole.transforms", "pyonmttok")
absent("eole.decoders.ensemble", "eole.encoders.audio", "eole.encoders.vision", "eole.modules.lora")
from eole.decoders.rnn_decoder import InputFeedRNNDecoder  # noqa: E402
from eole.encoders.rnn_encoder import RNNEncoder  # noqa: E402
from eole.modules.embeddings import Embeddings  # noqa: E402
from eole.predict.beam_search import BeamSearch, GNMTGlobalScorer  # noqa: E402
from eole.predict.greedy_search import GreedySearch  # noqa: E402
from eole.predict.translator import Translator  # noqa: E402

SIZES = {
    "rnn_type": "GRU",
    "layers": 1,
    "hidden_size": work.HIDDEN,
    "src_word_vec_size": work.EMBEDDING,
    "tgt_word_vec_size": work.EMBEDDING,
}
ENCODER = SimpleNamespace(**SIZES, encoder_type="brnn", bridge=False)
DECODER = SimpleNamespace(
    **SIZES,
    bidirectional_encoder=True,
    context_gate=None,
    coverage_attn=False,
    global_attention="mlp",
    global_attention_function="softmax",
)


def embeddings() -> Embeddings:
    made = Embeddings(work.EMBEDDING, work.VOCABULARY, work.PAD, position_encoding_type=None)
    nn.init.normal_(made.embeddings.weight)
    return made


class Model(nn.Module):
    """As ``EncoderDecoderModel``."""

    def __init__(self) -> None:
        super().__init__()
        self.src_emb, self.tgt_emb = embeddings(), embeddings()
        self.encoder = RNNEncoder(ENCODER)
        self.decoder = InputFeedRNNDecoder(DECODER)
        self.generator = nn.Linear(work.HIDDEN, work.VOCABULARY)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        mask = source.eq(work.PAD).unsqueeze(1)
        values, final = self.encoder(self.src_emb(source), pad_mask=mask)
        self.decoder.init_state(src=source, enc_out=values, enc_final_hs=final)
        outputs: Tensor
        outputs, _ = self.decoder(
            self.tgt_emb(target[:, :-1]), enc_out=values, src_pad_mask=mask, tgt_pad_mask=None
        )
        return outputs


def words(count: int, length: int) -> Tensor:
    return torch.randint(work.FIRST, work.VOCABULARY, (count, length))


def training() -> Callable[[], Any]:
    """As ``Trainer._gradient_accumulation`` with ``LossCompute`` does."""
    model = Model().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    criterion = nn.CrossEntropyLoss(ignore_index=work.PAD, reduction="sum")
    source, target = words(work.BATCH, work.SOURCE), words(work.BATCH, work.TARGET + 1)

    def update() -> None:
        optimizer.zero_grad()
        scores = model.generator(model(source, target).flatten(0, 1))
        loss = criterion(scores, target[:, 1:].flatten())
        (loss / (work.BATCH * work.TARGET)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return update


def searching(model: Model, count: int, width: int) -> Callable[[], Any]:
    """As ``Translator.predict_batch`` does."""
    translator = Translator.__new__(Translator)
    scorer = GNMTGlobalScorer(1.0, 0.0, "avg", "none")
    translator.model, translator.global_scorer = model.eval(), scorer
    translator.beam_size, translator.dynamic_shapes = width, None
    translator._src_pad_idx = translator._tgt_pad_idx = work.PAD
    translator.add_estimator = translator.report_time = translator.tgt_file_prefix = False
    translator._gold_score = lambda *_: (None, None)
    translator.report_results = lambda *found: found
    given = {"src": words(count, work.SOURCE), "srclen": torch.full((count,), work.SOURCE)}
    common = {
        "pad": work.PAD,
        "bos": work.BEGIN,
        "eos": work.END,
        "unk": 3,
        "start": work.BEGIN,
        "n_best": 1,
        "batch_size": count,
        "global_scorer": scorer,
        "min_length": work.TARGET,
        "max_length": work.TARGET,
        "return_attention": False,
        "block_ngram_repeat": 0,
        "exclusion_tokens": set(),
        "ban_unk_token": False,
    }

    @torch.no_grad()
    def search() -> Any:
        strategy: Any
        if width == 1:
            draws = {"temperature": 1.0, "top_k": 1, "top_p": 0.0, "beam_size": 1}
            strategy = GreedySearch(**common, **draws)
        else:
            strategy = BeamSearch(width, **common, stepwise_penalty=False, ratio=0.0)
        return translator._predict_batch_with_strategy(given, strategy)

    return search


def main() -> None:
    torch.manual_seed(0)
    model = Model()
    serve(
        "eole",
        version("eole"),
        {
            "train": training(),
            "greedy": searching(model, work.BATCH, 1),
            "beam": searching(model, work.BATCH, work.WIDTH),
            "single": searching(model, 1, work.WIDTH),
        },
        network="shared",
    )


if __name__ == "__main__":
    main()
