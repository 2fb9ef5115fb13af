"""The page of ``refcompress explore`` in headless Chromium; ``--basetemp=DIR`` keeps its pictures."""

import subprocess
import sys
from itertools import pairwise
from shutil import which

import pytest
from playwright.sync_api import sync_playwright

SIZES = {"desk": (1280, 800), "phone": (390, 844)}
PICTURES = ("staircase", "histogram", "soften", "frontier")


@pytest.fixture(scope="module")
def address():
    command = [sys.executable, "-m", "refcompress", "explore", "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().split()[0]
        process.terminate()


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        own = playwright.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
        yield own
        own.close()


@pytest.fixture
def opened(browser, address):
    """Open the page, watched: what it complains of, and what it asks of any other host, fails the test."""
    contexts, trouble = [], []

    def open_page(size="desk", scheme="light", fragment=""):
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("request", lambda request: request.url.startswith(address) or trouble.append(request.url))
        page.goto(address + fragment)
        page.wait_for_selector("body[data-ready=true]", timeout=120_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [text for text in trouble if not text.startswith("data:")] == []


def pictures(page):
    drawn = {name: page.inner_html(f"#{name}") for name in PICTURES}
    drawn["mask"] = page.evaluate("[...document.querySelectorAll('#maskmap canvas')].map(c => c.toDataURL())")
    return drawn


def changed(page, before):
    page.wait_for_timeout(500)
    after = pictures(page)
    return {name for name in after if after[name] != before[name]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_page_fits_its_window_and_cuts_off_no_text(opened, size, scheme, tmp_path):
    page = opened(size, scheme, "#p=2&bits=5&k=1024&T=6.5&rounding=away_from_zero&example=340")
    page.screenshot(path=tmp_path / f"{size}-{scheme}.png", full_page=True)
    assert (tmp_path / f"{size}-{scheme}.png").stat().st_size > 20_000
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]
    too_long = "[...document.querySelectorAll('.facts, .formula, #status, label, h2')].filter(e => e.scrollHeight > e.clientHeight + 1 || e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"  # noqa: E501
    assert page.evaluate(too_long) == []
    outside = "[...document.querySelectorAll('svg text')].filter(t => {const a = t.getBoundingClientRect(), b = t.ownerSVGElement.getBoundingClientRect(); return a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top - 1 || a.bottom > b.bottom + 1}).map(t => t.textContent)"  # noqa: E501
    assert page.evaluate(outside) == []


def test_everything_is_seen_at_once_on_a_desk(opened):
    assert opened().evaluate("document.documentElement.scrollHeight") <= 800


@pytest.mark.parametrize(
    ("setting", "moved"),
    [
        ("p", {"staircase", "histogram", "frontier"}),
        ("bits", {"staircase", "histogram", "frontier"}),
        ("k", {"histogram", "mask", "frontier"}),
        ("T", {"soften"}),
        ("example", {"soften"}),
    ],
)
def test_an_arrow_key_on_a_slider_moves_its_pictures_and_no_others(opened, setting, moved):
    page = opened()
    before, value = pictures(page), page.input_value(f"#{setting}")
    page.focus(f"#{setting}")
    page.keyboard.press("ArrowRight")
    assert changed(page, before) == moved
    assert float(page.input_value(f"#{setting}")) > float(value)
    shown = page.inner_text(f"output[for={setting}]").replace(",", "")
    assert float(shown) == float(page.input_value(f"#{setting}"))


def test_another_rounding_rule_moves_the_staircase(opened):
    page = opened()
    before = pictures(page)
    page.select_option("#rounding", "floor")
    assert changed(page, before) == {"staircase", "histogram"}


def test_nothing_jumps_when_the_sliders_move(opened):
    page = opened("phone")
    boxes = "JSON.stringify([...document.querySelectorAll('section, .picture, .facts, form, label')].map(e => [e.offsetTop, e.offsetHeight]))"  # noqa: E501
    seen = [page.evaluate(boxes)]
    for setting, key in [("p", "End"), ("bits", "Home"), ("k", "Home"), ("T", "End"), ("k", "End"), ("p", "Home")]:
        page.focus(f"#{setting}")
        page.keyboard.press(key)
        page.wait_for_timeout(300)
        seen.append(page.evaluate(boxes))
    assert all(a == b for a, b in pairwise(seen))


def test_every_control_has_a_name_and_is_reached_by_the_keyboard(opened):
    page = opened()
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("[document.activeElement.id, document.activeElement.labels[0].innerText.trim()]"))
    assert [name for name, _ in reached] == ["p", "bits", "k", "T", "rounding", "example"]
    assert all(text for _, text in reached)


def test_the_address_keeps_the_settings(opened):
    page = opened()
    page.focus("#p")
    page.keyboard.press("End")
    page.reload()
    page.wait_for_selector("body[data-ready=true]")
    assert page.input_value("#p") == "8"
