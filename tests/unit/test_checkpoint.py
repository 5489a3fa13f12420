import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from attention_core import checkpoint
from attention_core.errors import UserError

CONFIG = {"hidden": 4, "name": "zh→en", "nested": {"languages": ["de", "fr"]}}
FILES = {"tokenizer.model": b"\x00pieces", "README.md": b"# Card\n"}


def saved(place: Path, module: nn.Module | None = None, **options: bool) -> Path:
    weights = checkpoint.weights_of(module or nn.Linear(3, 2))
    checkpoint.save(place, task="translate", config=CONFIG, weights=weights, files=FILES, **options)
    return place


def test_what_is_saved_is_read_back_bitwise(tmp_path):
    module, fresh = nn.BatchNorm1d(5), nn.BatchNorm1d(5)
    module(torch.randn(8, 5))
    found = checkpoint.read(saved(tmp_path / "a", module))
    assert (found.task, found.config) == ("translate", CONFIG)
    assert found.file("tokenizer.model") == b"\x00pieces"
    checkpoint.load_into(fresh, found)
    assert fresh.state_dict().keys() == module.state_dict().keys()
    for name, tensor in module.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], tensor)


def test_the_directory_holds_exactly_the_named_files(tmp_path):
    place = saved(tmp_path / "deep" / "a")
    assert {path.name for path in place.iterdir()} == {"config.json", "model.safetensors", *FILES}
    assert [path.name for path in place.parent.iterdir()] == ["a"]
    header = json.loads((place / "config.json").read_text(encoding="utf-8"))
    assert header == {"format": 1, "task": "translate", "config": CONFIG}


def test_half_stores_float16_and_reads_float32(tmp_path):
    module = nn.BatchNorm1d(1000)
    nn.init.normal_(module.weight)
    whole, half = saved(tmp_path / "whole", module), saved(tmp_path / "half", module, half=True)
    sizes = [(place / "model.safetensors").stat().st_size for place in (whole, half)]
    assert sizes[1] < 0.6 * sizes[0]
    weights = checkpoint.read(half).weights()
    assert torch.equal(weights["weight"], module.weight.half().float())
    assert weights["num_batches_tracked"].dtype == torch.int64


def test_int8_stores_matrices_in_a_byte_an_entry_within_half_a_step(tmp_path):
    module, fresh = nn.Linear(80, 90), nn.Linear(80, 90)
    with torch.no_grad():
        module.weight[0] = 0
        module.weight[1] *= 100  # each row has a scale of its own
    place = saved(tmp_path / "a", module, int8=True)
    assert json.loads((place / "config.json").read_text("utf-8"))["format"] == 2
    assert (place / "model.safetensors").stat().st_size < 80 * 90 + 4 * 90 + 400
    checkpoint.load_into(fresh, checkpoint.read(place))
    step = module.weight.abs().amax(1, keepdim=True) / 127
    rounding = 2**-9 * module.weight.abs()  # of the scale and of the product
    assert ((fresh.weight - module.weight).abs() <= 0.5 * step + rounding).all()
    assert torch.equal(fresh.weight, fresh.weight.half().float())
    assert torch.equal(fresh.bias, module.bias.half().float())
    again = checkpoint.read(saved(tmp_path / "b", fresh, int8=True)).weights()["weight"]
    torch.testing.assert_close(again, fresh.weight, rtol=2**-9, atol=0)


def test_int8_refuses_what_float16_cannot_hold_and_keeps_the_largest_that_it_can(tmp_path):
    module = nn.Linear(80, 90)
    with torch.no_grad():
        module.weight.fill_(1e5)
    with pytest.raises(UserError, match="weight holds values too large for float16"):
        saved(tmp_path / "a", module, int8=True)
    for largest in (65504.0, 65472.0, 60000.0):
        with torch.no_grad():
            module.weight.fill_(largest)
        found = checkpoint.read(saved(tmp_path / "b", module, int8=True)).weights()["weight"]
        torch.testing.assert_close(found, module.weight.detach(), rtol=2**-9, atol=0)


@pytest.mark.parametrize("module", [nn.Conv2d(64, 64, 3), nn.Linear(9, 9), nn.Linear(9000, 1)])
def test_int8_leaves_what_is_no_large_matrix_in_float16(tmp_path, module):
    found = checkpoint.read(saved(tmp_path / "a", module, int8=True)).weights()
    for name, weight in module.state_dict().items():
        assert torch.equal(found[name], weight.half().float())


def test_half_refuses_what_float16_cannot_hold(tmp_path):
    module = nn.Linear(3, 2)
    nn.init.constant_(module.bias, 1e6)
    with pytest.raises(ValueError, match="bias holds values too large for float16"):
        saved(tmp_path / "a", module, half=True)


def test_a_shared_weight_is_stored_once_and_stays_shared(tmp_path):
    def tied() -> nn.Sequential:
        module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
        module[1].weight = module[0].weight
        return module

    module, fresh = tied(), tied()
    found = checkpoint.read(saved(tmp_path / "a", module))
    assert found.weights().keys() == {"0.weight", "0.bias", "1.bias"}
    checkpoint.load_into(fresh, found)
    assert fresh[1].weight is fresh[0].weight
    assert torch.equal(fresh[1].weight, module[0].weight)


def test_weights_that_view_one_memory_are_saved_apart(tmp_path):
    whole = torch.arange(6.0)
    weights = {"first": whole[:3], "last": whole[3:]}
    checkpoint.save(tmp_path / "a", task="translate", config={}, weights=weights, files={})
    assert torch.equal(checkpoint.read(tmp_path / "a").weights()["last"], whole[3:])


def test_saving_again_replaces_the_whole(tmp_path):
    place = saved(tmp_path / "a")
    (place / "stale.txt").write_text("")
    module = nn.Linear(3, 2)
    saved(place, module)
    assert not (place / "stale.txt").exists()
    assert torch.equal(checkpoint.read(place).weights()["weight"], module.weight)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def interrupt_at(monkeypatch, method: str, call: int) -> None:
    """The `call`-th use of `Path.method` stops the program, as a kill would."""
    original, calls = getattr(Path, method), iter(range(1, 100))

    def stopping(*arguments):
        if next(calls) == call:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(Path, method, stopping)


@pytest.mark.parametrize(
    ("method", "call"),
    [("write_bytes", 1), ("write_bytes", 3), ("rename", 1), ("rename", 2)],
)
def test_an_interrupted_save_leaves_the_earlier_one_and_the_next_succeeds(
    tmp_path, monkeypatch, method, call
):
    earlier, later = nn.Linear(3, 2), nn.Linear(3, 2)
    place = saved(tmp_path / "a", earlier)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_at(patch, method, call)
        saved(place, later)
    assert torch.equal(checkpoint.read(place).weights()["weight"], earlier.weight)
    saved(place, later)
    assert torch.equal(checkpoint.read(place).weights()["weight"], later.weight)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_save_spares_what_is_not_a_checkpoint(tmp_path):
    folder, file, empty = tmp_path / "photos", tmp_path / "file", tmp_path / "empty"
    folder.mkdir()
    (folder / "photo.jpg").write_bytes(b"precious")
    file.write_bytes(b"precious")
    empty.mkdir()
    for place in (folder, file):
        with pytest.raises(UserError, match="is not a checkpoint: save to another directory"):
            saved(place)
    assert (folder / "photo.jpg").read_bytes() == file.read_bytes() == b"precious"
    assert checkpoint.read(saved(empty)).task == "translate"


@pytest.mark.parametrize("text", ['{"my": "app"}', "[1]", "not json", '{"format": 1}'])
def test_a_folder_of_another_program_with_a_config_is_spared(tmp_path, text):
    (tmp_path / "src").mkdir()
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match="is not a checkpoint: save to another directory"):
        saved(tmp_path)
    assert (tmp_path / "src").is_dir() and (tmp_path / "config.json").read_text() == text


def test_save_where_nothing_can_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"^Can't save a checkpoint at .*: .+\.$"):
        saved(tmp_path / "file" / "a")


def test_a_missing_checkpoint_names_its_neighbours(tmp_path):
    saved(tmp_path / "flickr8k")
    (tmp_path / "unrelated").mkdir()
    with pytest.raises(UserError) as caught:
        checkpoint.read(tmp_path / "flikr8k")
    assert str(caught.value) == (
        f"No checkpoint at {tmp_path / 'flikr8k'}. Did you mean 'flickr8k'? Known: flickr8k."
    )


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(tmp_path, name):
    place = saved(tmp_path / "a")
    (place / name).unlink()
    with pytest.raises(UserError, match=f"is not a whole checkpoint: it has no file {name}"):
        checkpoint.read(place)


def test_a_missing_other_file_is_named(tmp_path):
    found = checkpoint.read(saved(tmp_path / "a"))
    with pytest.raises(UserError, match=r"Can't read .*vocabulary.txt: No such file"):
        found.file("vocabulary.txt")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff\xff",
        b"[" * 100_000,
        b"[]",
        b'{"format": 1}',
        b'{"format": "1", "task": "translate", "config": {}}',
        b'{"format": 1, "task": 3, "config": {}}',
        b'{"format": 1, "task": "translate", "config": []}',
    ],
)
def test_a_damaged_config_is_one_line(tmp_path, text):
    place = saved(tmp_path / "a")
    (place / "config.json").write_bytes(text)
    with pytest.raises(UserError, match=r"config\.json is damaged \(.+\): get or train") as caught:
        checkpoint.read(place)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0, 4, 40, -1])
def test_damaged_weights_are_one_line(tmp_path, keep):
    place = saved(tmp_path / "a")
    path = place / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"model\.safetensors is damaged") as caught:
        checkpoint.read(place).weights()
    assert "\n" not in str(caught.value)


def test_a_pickle_is_not_loaded(tmp_path):
    place = saved(tmp_path / "a")
    torch.save(nn.Linear(3, 2).state_dict(), place / "model.safetensors")
    with pytest.raises(UserError, match=r"model\.safetensors is damaged"):
        checkpoint.read(place).weights()


def test_a_newer_format_asks_for_an_upgrade(tmp_path):
    place = saved(tmp_path / "a")
    (place / "config.json").write_text('{"format": 3, "anything": "else"}')
    with pytest.raises(UserError, match=r"has checkpoint format 3, .* up to 2: upgrade"):
        checkpoint.read(place)


def test_weights_of_another_model_are_told_all_at_once_and_change_nothing(tmp_path):
    found = checkpoint.read(saved(tmp_path / "a", nn.Linear(3, 2)))
    other = nn.Module()
    other.weight = nn.Parameter(torch.zeros(2, 4))
    other.scale = nn.Parameter(torch.zeros(1))
    with pytest.raises(UserError) as caught:
        checkpoint.load_into(other, found)
    message = str(caught.value)
    assert "missing: scale; unknown: bias; " in message
    assert "of another shape: weight (expected [2, 4], got [2, 3])" in message
    assert message.endswith("or train it again.")
    assert not other.weight.any()


def test_a_long_list_of_names_is_cut(tmp_path):
    found = checkpoint.read(saved(tmp_path / "a", nn.Linear(3, 2)))
    with pytest.raises(UserError, match=r"missing: 0.weight, 0.bias, .* and 15 more; unknown:"):
        checkpoint.load_into(nn.Sequential(*[nn.Linear(1, 1) for _ in range(10)]), found)


def test_a_checkpoint_moves_with_its_directory(tmp_path):
    place = saved(tmp_path / "a")
    shutil.move(place, tmp_path / "b")
    assert checkpoint.read(tmp_path / "b").weights().keys() == {"weight", "bias"}


@pytest.mark.parametrize("name", ["../escaped", "below/it", "config.json", "model.safetensors"])
def test_a_file_lies_beside_the_weights_and_is_none_of_its_own(tmp_path, name):
    with pytest.raises(ValueError, match=r"files: expected names of files beside config\.json"):
        checkpoint.save(tmp_path / "a", task="t", config={}, weights={}, files={name: b"x"})
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_numbers_are_damaged(tmp_path):
    module = nn.Linear(3, 2)
    nn.init.constant_(module.bias, float("nan"))
    saved(tmp_path / "a", module)
    with pytest.raises(UserError, match=r"is damaged .bias holds values that are not numbers"):
        checkpoint.read(tmp_path / "a").weights()
