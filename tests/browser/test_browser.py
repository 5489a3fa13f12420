"""What people do with the demo: upload, type, point, go back and forth, get it wrong."""

import json
import re
import shutil

import pytest
from playwright.sync_api import Page, expect

from attention_core.demo.page import wording
from attention_core.tasks import load_tasks
from captioner.tab import EXAMPLES

DOGS = next(path for path in EXAMPLES if path.stem == "dogs")
CHINESE = wording(load_tasks())["zh"]
PHONE = {"width": 390, "height": 800}
PATIENCE = 30_000  # ms, for machines that are busy with other things
expect.set_options(timeout=PATIENCE)


def upload(page: Page, path) -> None:
    page.locator("input[type=file]").first.set_input_files(str(path))


def opened(page: Page, title: str) -> Page:
    page.get_by_role("tab", name=title).click()
    return page


def shown(page: Page, selector: str):
    found = page.locator(selector).locator("visible=true").first
    expect(found).to_be_visible()
    return found


def settled(page: Page) -> None:
    """Waits until the page has had the same height for a second."""
    before = None
    while before != (height := page.evaluate("document.body.scrollHeight")):
        before = height
        page.wait_for_timeout(1000)


def box(page: Page, label: str):
    return page.get_by_label(label, exact=True).locator("visible=true").first


def test_a_picture_is_captioned_and_can_be_pointed_at(visit, shot):
    page = visit()
    upload(page, DOGS)
    shown(page, ".pointing")
    expect(box(page, "Caption")).to_have_value(re.compile(r"\w.*\.$"))
    words = page.locator(".pointing li label")
    veils = page.locator(".pointing .veil")
    expect(veils.nth(0)).to_be_hidden()
    words.nth(2).hover()
    expect(veils.nth(2)).to_be_visible()
    expect(veils.nth(0)).to_be_hidden()
    shot(page, "demo-caption")
    page.locator(".pointing .cells label").nth(3).hover()
    expect(veils.nth(2)).to_be_hidden()
    shades = words.evaluate_all("all => all.map(one => getComputedStyle(one).backgroundColor)")
    assert len(set(shades)) > 1  # words that looked there, and words that did not


def test_a_keyboard_reaches_words_and_regions(visit):
    page = visit()
    upload(page, DOGS)
    shown(page, ".pointing")
    first = page.locator(".pointing input[type=radio]").first
    first.focus()
    page.keyboard.press("Space")
    expect(page.locator(".pointing .veil").nth(0)).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".pointing .veil").nth(1)).to_be_visible()
    expect(page.locator(".pointing .veil").nth(0)).to_be_hidden()
    page.get_by_role("button", name="All of it").press("Enter")
    expect(page.locator(".pointing .veil").nth(1)).to_be_hidden()


def test_a_caption_in_other_languages_and_as_alt_text(visit):
    page = visit()
    page.get_by_role("button", name="astronaut").click()
    shown(page, ".pointing")
    expect(box(page, "As alt text")).to_have_value(re.compile('^alt="'))
    page.get_by_role("button", name="In other languages").click()
    page.get_by_role("button", name="Translate the caption").click()
    table = shown(page, ".numbers:has-text('In other languages')")
    expect(table.locator("tbody tr")).to_have_count(4)


def test_many_pictures_are_captioned_and_downloaded(visit, tmp_path):
    page = visit()
    (tmp_path / "notes.png").write_text("just words")
    page.get_by_role("button", name="Many pictures").click()
    files = [str(path) for path in (*EXAMPLES[:2], tmp_path / "notes.png")]
    page.locator("input[type=file][multiple]:not([webkitdirectory])").set_input_files(files)
    expect(page.get_by_role("button", name="Remove this file")).to_have_count(3)
    page.get_by_role("button", name="Caption all").click()
    table = shown(page, ".numbers:has-text('Many pictures')")
    expect(table).to_contain_text("is not a picture")
    with page.expect_download() as download:
        page.get_by_text("Download JSONL").click()
    lines = download.value.path().read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert [bool(row["caption"]) for row in rows] == [True, True, False]


def test_a_folder_brings_its_pictures(visit, tmp_path):
    page = visit()
    (tmp_path / "album" / "more").mkdir(parents=True)
    shutil.copy(EXAMPLES[0], tmp_path / "album")
    shutil.copy(EXAMPLES[1], tmp_path / "album" / "more")
    (tmp_path / "album" / "notes.txt").write_text("just words")
    page.get_by_role("button", name="Many pictures").click()
    page.locator("input[webkitdirectory]").set_input_files(str(tmp_path / "album"))
    expect(page.get_by_role("button", name="Remove this file")).to_have_count(2)


def test_the_translation_follows_the_typing(visit, shot):
    page = opened(visit(), "Translate")
    text, translation = box(page, "Text"), box(page, "Translation")
    text.press_sequentially("A dog runs", delay=10)
    expect(translation).to_have_value(re.compile("."))
    before = translation.input_value()
    text.press_sequentially(" on the beach.", delay=10)
    expect(translation).not_to_have_value(before)
    expect(page.locator(".alignment .source bdi").first).to_have_text("A")
    expect(page.locator(".alignment .source bdi")).to_have_count(7)  # and the end
    shown(page, ".doubts")
    settled(page)
    page.locator(".alignment .target label").first.hover()
    share = page.locator(".alignment .target .looks i").first
    expect(share).to_be_visible()
    expect(share).to_contain_text("%")
    shot(page, "demo-translate")
    text.fill("")
    expect(translation).to_have_value("")


def test_an_example_is_a_click_away(visit):
    page = opened(visit(), "Translate")
    page.get_by_role("button", name="The agreement on the European Economic Area").click()
    expect(box(page, "Translation")).to_have_value(re.compile("europ", re.IGNORECASE))
    page.get_by_role("button", name="With and without attention").click()
    page.get_by_role("button", name="Compare", exact=True).locator("visible=true").first.click()
    expect(page.get_by_role("cell", name="Without attention").first).to_be_visible()


def test_every_step_can_be_followed_forth_and_back(visit, shot):
    page = opened(visit(), "Learn")
    page.get_by_role("button", name="Follow it").click()
    steps = shown(page, ".steps")
    expect(steps.locator("[aria-current]")).to_have_text("猫")
    page.get_by_role("button", name="Next").click()
    expect(steps.locator("[aria-current]")).to_have_text("捉")
    expect(steps).to_contain_text("α(chase) = 1.000 / 1.209 = 0.827")
    shot(page, "demo-learn")
    page.get_by_label("scaled dot").check()
    expect(steps).to_contain_text("√K")
    expect(steps.locator("[aria-current]")).to_have_text("捉")  # the step stays
    page.get_by_role("button", name="Back").click()
    expect(steps.locator("[aria-current]")).to_have_text("猫")
    page.get_by_label("The translator that ships").check()
    expect(steps).to_contain_text("qᵀ W h_s")
    expect(steps).to_contain_text("… 1280]")


@pytest.mark.parametrize(
    ("locale", "tab", "told"),
    [("en-GB", "Learn", "doesn't know 'horse'"), ("zh-CN", "学习", "极小的模型不认识")],
)
def test_a_wrong_sentence_is_told_in_the_language_of_the_page(visit, locale, tab, told):
    page = opened(visit(locale=locale), tab)
    sentence = page.get_by_role("tabpanel").locator("textarea, input[type=text]")
    sentence.locator("visible=true").first.fill("horse chase mouse")
    page.get_by_role("button", name=re.compile("Follow it|逐步查看")).click()
    expect(page.get_by_text(told).first).to_be_visible()


@pytest.mark.parametrize(
    ("locale", "told"),
    [("en-GB", "is not a picture of a known kind"), ("zh-CN", "图片格式无法识别")],
)
def test_a_wrong_picture_is_told_in_the_language_of_the_page(visit, tmp_path, locale, told):
    (tmp_path / "notes.png").write_text("just words")
    page = visit(locale=locale)
    upload(page, tmp_path / "notes.png")
    expect(page.get_by_text(told).first).to_be_visible()


def test_two_at_once_do_not_disturb_each_other(visit):
    sentences = ["A dog runs on the beach.", "Two children are playing in the snow."]
    pages = [opened(visit(), "Translate") for _ in sentences]
    for page, sentence in zip(pages, sentences, strict=True):
        box(page, "Text").fill(sentence)
    for page, sentence in zip(pages, sentences, strict=True):
        words = page.locator(".alignment .source bdi")
        expect(words).to_have_count(len(sentence.split()) + 1)
        assert words.all_inner_texts()[:-1] == sentence.split()


NAMELESS = """() => [...document.querySelectorAll('button, input, textarea, select, [role=tab]')]
    .filter(one => one.checkVisibility() && one.getBoundingClientRect().width > 1)
    .filter(one => !(one.labels?.length || one.ariaLabel || one.title || one.innerText?.trim()
        || one.getAttribute('aria-labelledby') || one.querySelector('img[alt]:not([alt=""])')))
    .map(one => one.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("size", [PHONE, None], ids=["phone", "desktop"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_tab_in_chinese_fits_and_has_names(visit, shot, size, dark):
    page = visit(locale="zh-CN", dark=dark, **({"size": size} if size else {}))
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    for title in ("Caption", "Translate", "Learn"):
        opened(page, CHINESE[title])
        page.wait_for_timeout(300)
        body = page.locator("body").inner_text()
        assert "__i18n__" not in body
        assert [text for text in CHINESE if len(text) > 12 and text in body] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(NAMELESS) == []
    if size and dark:
        page.get_by_role("button", name=CHINESE["Follow it"]).click()
        shown(page, ".steps")
        shot(page, "demo-phone-zh")
