"""Checkpoints go to the hub and come back, by a stand-in for it on this machine."""

import shutil
import sys
import threading
from pathlib import Path

import pytest
import torch
from conftest import attention_core
from hub_server import Hub

from attention_core import Translator, checkpoint, hub
from attention_core.errors import UserError
from captioner.predictor import Captioner

SHIPPED = Path(__file__).parents[2] / "attention_core/translation/models/everyday"
NOBODY = "http://127.0.0.1:9"  # no server listens there


@pytest.fixture
def server(monkeypatch, tmp_path):
    """The stand-in, with a cache of its own for what is downloaded."""
    from huggingface_hub import constants

    found = Hub()
    threading.Thread(target=found.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", found.address)
    monkeypatch.setenv("HF_TOKEN", "a token")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield found
    found.shutdown()
    found.server_close()


@pytest.fixture
def saved(tmp_path) -> Path:
    """A small checkpoint."""
    place = tmp_path / "saved"
    files = {"README.md": b"# A card\n"}
    checkpoint.save(place, task="toy", config={}, weights={"w": torch.ones(2)}, files=files)
    return place


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_checkpoint_comes_back_as_it_went(server, saved, tmp_path):
    result = attention_core("push", saved, "me/mine")
    assert (result.stdout, result.exit_code) == (f"{server.address}/me/mine\n", 0)
    assert server.files["me/mine"] == contents(saved) and not server.private
    result = attention_core("pull", "me/mine", "--out", tmp_path / "back")
    assert (result.stdout, result.exit_code) == (f"{tmp_path / 'back'}\n", 0)
    assert contents(tmp_path / "back") == contents(saved)


def test_pushing_again_replaces_what_has_changed(server, saved):
    hub.push(saved, "me/mine", private=True)
    assert server.private == {"me/mine"}
    (saved / "README.md").write_text("# Another card\n")
    hub.push(saved, "me/mine")
    assert server.files["me/mine"] == contents(saved)


def test_a_pull_goes_to_a_folder_of_the_repositorys_name(server, saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hub.push(saved, "me/mine")
    assert attention_core("pull", "me/mine").stdout == "mine\n"
    again = attention_core("pull", "me/mine")
    assert again.stderr == "error: mine exists: pull to another folder\n"


def test_a_translator_comes_from_a_folder_or_a_repository(server, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    server.files["me/everyday"] = contents(SHIPPED)
    texts = ["A dog runs on the beach."]
    said = Translator.load().translate(texts, to="de")
    assert Translator.from_pretrained(SHIPPED).translate(texts, to="de") == said
    assert Translator.from_pretrained("me/everyday").translate(texts, to="de") == said
    monkeypatch.setenv("HF_ENDPOINT", NOBODY)  # what is in the cache needs no hub
    assert Translator.from_pretrained("me/everyday").translate(texts, to="de") == said
    shutil.copytree(SHIPPED, tmp_path / "me" / "here")
    assert Translator.from_pretrained("me/here").translate(texts, to="de") == said


def test_a_captioner_of_another_task_is_refused(server):
    server.files["me/everyday"] = contents(SHIPPED)
    with pytest.raises(UserError, match="is a checkpoint of the task 'translate', not caption"):
        Captioner.from_pretrained("me/everyday")


def test_an_earlier_checkpoint_of_a_save_that_was_stopped_is_found(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved.rename(saved.with_name(f".{saved.name}.old"))
    assert hub.find(saved.name) == Path(saved.name)
    monkeypatch.chdir(tmp_path.parent)
    place = f"{tmp_path.name}/{saved.name}"  # as a repository is named
    assert hub.find(place) == Path(place)


def test_a_pull_that_cannot_be_written_leaves_nothing(server, saved, tmp_path, monkeypatch):
    hub.push(saved, "me/mine")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copytree", full)
    result = attention_core("pull", "me/mine", "--out", tmp_path / "back")
    problem = "(No space left on device): pull to another folder"
    assert result.stderr.endswith(f"error: can't write {tmp_path / 'back'} {problem}\n")
    assert not [each for each in tmp_path.iterdir() if "back" in each.name]


def test_what_the_hub_has_not_is_one_line(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    problem = "the hub has no me/nothing, or you may not see it: hf auth login"
    assert attention_core("pull", "me/nothing").stderr == f"error: {problem}\n"
    with pytest.raises(UserError, match=f"there is no folder me/nothing, and {problem}"):
        Translator.from_pretrained("me/nothing")
    server.files["me/other"] = {"README.md": b"Nothing here."}
    assert "is not a whole checkpoint" in attention_core("pull", "me/other").stderr
    assert list(tmp_path.glob("other")) == []


def test_a_hub_that_refuses_is_one_line(server, saved):
    server.refuses = True
    result = attention_core("push", saved, "me/mine")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: the hub refuses (") and result.stderr.count("\n") == 1


def test_being_offline_is_one_line(server, saved, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", NOBODY)
    for arguments in (("push", saved, "me/mine"), ("pull", "me/mine")):
        result = attention_core(*arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("error: the hub can't be reached (")
        assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "repo",
    [
        *("mine", "a/b/c", "https://a.example/me/mine", "../mine", "me/"),
        *("a--b/c", "模型/最好", "runs/best-", "ada/x.git", f"me/{'a' * 120}"),
    ],
)
def test_a_repository_has_an_owner_and_a_name(saved, repo):
    expected = f"error: a repository is named owner/name, not {repo!r}\n"
    assert attention_core("push", saved, repo).stderr == expected
    assert attention_core("pull", repo).stderr == expected


def test_a_missing_package_is_named(saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    expected = "error: this needs huggingface_hub: pip install huggingface_hub\n"
    assert attention_core("push", saved, "me/mine").stderr == expected


def test_what_is_no_checkpoint_is_not_pushed(server, tmp_path):
    assert "No checkpoint at" in attention_core("push", tmp_path / "nowhere", "me/mine").stderr
    assert server.files == {}
