"""The demo in a real browser: chromium, driven by Playwright.

Without chromium these tests are skipped, and say so. Where the variable SCREENSHOTS names a folder,
the pictures of the README are saved there.
"""

import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="the browser tests need playwright")

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = next(
    (path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path),
    None,
)
DESKTOP = {"width": 1200, "height": 900}
PATIENCE = 60_000  # ms, for machines that are busy with other things


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no chromium: apt install chromium"))


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """The address of the demo, with the models that ship."""
    import gradio

    from attention_core import demo

    pages: list[gradio.Blocks] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradio.Blocks, "block_thread", lambda page: pages.append(page))
        demo.launch(demo.Serving(port=0))
    yield pages[0].local_url
    pages[0].close(verbose=False)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Callable[..., Page]]:
    """visit(...): somebody opens the demo. All that any of them asks other machines for fails."""
    contexts = []
    elsewhere: list[str] = []
    problems: list[str] = []

    def visit(*, locale: str = "en-GB", size: dict[str, int] = DESKTOP, dark: bool = False) -> Page:
        scheme = "dark" if dark else "light"
        context = browser.new_context(locale=locale, viewport=size, color_scheme=scheme)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))

        def outside(route):
            elsewhere.append(route.request.url)
            route.abort()

        page.route(lambda asked: not asked.startswith((url, "data:", "blob:")), outside)
        page.goto(url)
        page.get_by_role("tab").first.wait_for()
        return page

    yield visit
    for context in contexts:
        context.close()
    assert elsewhere == []
    assert problems == []


@pytest.fixture
def shot() -> Callable[..., None]:
    """shot(page, name): a picture for the README, where a folder is named for it."""

    def shot(page: Page, name: str, **options) -> None:
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            picture = Image.open(io.BytesIO(page.screenshot(**options)))
            picture.quantize(128).save(Path(folder) / f"{name}.png", optimize=True)

    return shot
