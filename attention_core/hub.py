"""Checkpoints on the Hugging Face hub, or a server that speaks as it does (``HF_ENDPOINT``)."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attention_core.checkpoint import exists, read
from attention_core.errors import UserError

_REPO = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)


def push(checkpoint: str | os.PathLike[str], repo: str, *, private: bool = False) -> str:
    """Upload a checkpoint to the repository ``repo``, "owner/name"; made where there is none.

    Gives its address. Who uploads is told by ``hf auth login``, or ``HF_TOKEN``.

    Raises UserError where there is no checkpoint, or the hub can't be reached or refuses.

    >>> push("runs/mine", "mine")
    Traceback (most recent call last):
    attention_core.errors.UserError: a repository is named owner/name, not 'mine'
    """
    with _told(repo):
        import huggingface_hub as hub

        saved = read(checkpoint)
        api = hub.HfApi(endpoint=_endpoint())
        address = api.create_repo(repo, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=repo, folder_path=saved.path, commit_message="A checkpoint of attention-core"
        )
        return str(address)


def pull(repo: str, out: str | os.PathLike[str] | None = None) -> Path:
    """The folder of a checkpoint downloaded from ``repo``: ``out``, a new one, or the hub's cache.

    What is in the cache and hasn't changed is not downloaded again, and serves offline.

    Raises UserError where ``out`` exists, the hub can't be reached, or it has no such checkpoint.

    >>> pull("mine")
    Traceback (most recent call last):
    attention_core.errors.UserError: a repository is named owner/name, not 'mine'
    """
    with _told(repo):
        import huggingface_hub as hub

        if out is not None and os.path.lexists(out):
            raise UserError(f"{out} exists: pull to another folder")
        saved = read(hub.snapshot_download(repo, endpoint=_endpoint()))
        return saved.path if out is None else _copied(saved.path, Path(out))


def find(path_or_repo: str | os.PathLike[str]) -> Path:
    """The path of a checkpoint on disk, or else of a repository's in the hub's cache.

    Raises UserError as ``pull`` does.

    >>> find("a/b/c")
    PosixPath('a/b/c')
    """
    name = os.fspath(path_or_repo)
    if exists(name) or not _REPO.fullmatch(name):
        return Path(name)
    try:
        return pull(name)
    except UserError as error:
        raise UserError(f"there is no folder {name}, and {error}") from None


def _copied(folder: Path, out: Path) -> Path:
    """A copy of a folder, whole or not there."""
    new = out.resolve().with_name(f".{out.name}.new")
    try:
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(folder, new)
        new.rename(out)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise UserError(f"can't write {out} ({error.strerror}): pull to another folder") from None
    return out


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT")


@contextmanager
def _told(repo: str) -> Iterator[None]:
    """What goes wrong between here and the hub, as one line."""
    if not _REPO.fullmatch(repo):
        raise UserError(f"a repository is named owner/name, not {repo!r}")
    try:
        from huggingface_hub import errors
    except ModuleNotFoundError:
        raise UserError("this needs huggingface_hub: pip install huggingface_hub") from None
    try:
        yield
    except errors.HFValidationError:
        raise UserError(f"a repository is named owner/name, not {repo!r}") from None
    except errors.RepositoryNotFoundError:
        raise UserError(f"the hub has no {repo}, or you may not see it: hf auth login") from None
    except errors.LocalTokenNotFoundError:
        raise UserError("the hub doesn't know you: hf auth login") from None
    except errors.HfHubHTTPError as error:
        raise UserError(f"the hub refuses ({_line(error)}): hf auth login, or ask it") from None
    except (
        errors.HTTPError,  # type: ignore[attr-defined]  # of the library that it speaks by
        errors.LocalEntryNotFoundError,
        errors.OfflineModeIsEnabled,
    ) as error:
        raise UserError(
            f"the hub can't be reached ({_line(error)}): check the connection, or HF_ENDPOINT"
        ) from None


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
