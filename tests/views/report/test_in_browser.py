"""The page in headless Chromium: nothing goes wrong, nothing is asked for, and it can be read on a phone and a wide screen."""

import io

import numpy as np
import pytest
from made_up_runs import CLASS_NAMES, made_up_run
from matplotlib.image import imread
from screens import CONTRASTS, SIZES
from small_runs import configure

from yt8m.cli import main
from yt8m.training.loop import train
from yt8m.views.report import page as report_page

pytestmark = pytest.mark.slow

SMALLEST_TEXT = 9.5
"""Pixels, of the numbers at an axis on a phone."""

PICTURES = """() => [...document.querySelectorAll("svg")].map(svg => ({
    title: svg.getAttribute("aria-label"), width: svg.getBoundingClientRect().width,
    height: svg.getBoundingClientRect().height,
    drawn: [...svg.querySelectorAll("path")].filter(path => path.getBoundingClientRect().width > 20).length,
    outside: [...svg.querySelectorAll("text")].filter(text => {
        const inner = text.getBoundingClientRect(), outer = svg.getBoundingClientRect();
        return inner.left < outer.left - 1 || inner.right > outer.right + 1 || inner.top < outer.top - 1
            || inner.bottom > outer.bottom + 1;
    }).map(text => text.textContent),
    overlapping: [...svg.querySelectorAll("text")].flatMap((one, index, every) => every.slice(index + 1).filter(other => {
        const a = one.getBoundingClientRect(), b = other.getBoundingClientRect();
        return a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3;
    }).map(other => one.textContent + " and " + other.textContent)),
    smallest: Math.min(...[...svg.querySelectorAll("text")].map(text =>
        parseFloat(getComputedStyle(text).fontSize) * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)),
}))"""

OUTSIDE = """() => [...document.querySelectorAll("main *, header *, footer *")].filter(element =>
    !element.closest(".scroll, svg, .hidden") && element.getBoundingClientRect().right > innerWidth + 0.5
).map(element => element.tagName + " " + element.textContent.trim().slice(0, 40))"""

# A table of numbers: its width and what is seen of it, how far its numbers reach, and those that are on several lines.
NUMBERS = """section => {
    const frame = document.querySelector(section + " .scroll");
    const rows = [...frame.querySelectorAll("td")].map(cell => {
        const range = document.createRange();
        range.selectNode(cell.firstChild);
        return [cell.firstChild.textContent, range.getClientRects().length, range.getBoundingClientRect().right];
    });
    return {
        inner: frame.scrollWidth, outer: frame.clientWidth, end: frame.getBoundingClientRect().right,
        right: Math.max(...rows.map(([text, lines, right]) => right)),
        broken: rows.filter(([text, lines, right]) => lines > 1).map(([text]) => text),
    };
}"""


@pytest.fixture(scope="module")
def phone(launch):
    """Chromium on a screen of two pixels to one of CSS, as phones have, where rows may end between two of the latter."""
    context = launch(viewport=SIZES["phone"], device_scale_factor=2, color_scheme="light")
    yield context
    context.close()


def write_report(sample, directory):
    """The page that the command writes on a run that was trained."""
    run, path = directory / "trained", directory / "report.html"
    train(configure(run, sample, validate=True, num_steps=12, validate_every_steps=3))
    with pytest.raises(SystemExit) as ended:
        main(["report", str(run), "--out", str(path), "--verbose"])
    assert ended.value.code == 0
    return path


@pytest.fixture(scope="module", params=["videos", "segments", "trained"])
def report(request, sample, tmp_path_factory):
    """A page on three runs of videos, or on one of segments, with names that are long; or of the command, on a small run."""
    path = tmp_path_factory.mktemp("pages") / "report.html"
    if request.param == "trained":
        return write_report(sample, path.parent)
    if request.param == "videos":
        runs = [made_up_run(f"runs/{'a_very_long_name_' * index}{index}", index) for index in range(3)]
    else:
        runs = [made_up_run(is_segments=True)]
    path.write_text(report_page.render(runs, CLASS_NAMES, ["runs/" + "long" * 40] * (len(runs) == 3)))
    return path


@pytest.fixture
def opened(browser, report):
    """Opens the page on a screen; what went wrong and what was asked for is looked at in the end."""
    pages, said, asked = [], [], []

    def open_page(size, scheme):
        page = browser.new_page()
        pages.append(page)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.set_viewport_size(SIZES[size])
        page.emulate_media(color_scheme=scheme)
        page.goto(report.as_uri())
        return page

    yield open_page
    for page in pages:
        page.close()
    assert said == []
    assert set(asked) == {report.as_uri()}


@pytest.mark.parametrize("size", SIZES)
def test_pictures_are_there_and_nothing_sticks_out(opened, size):
    page = opened(size, "light")
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size]["width"]
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size]["width"]
    assert page.evaluate(OUTSIDE) == []
    pictures = page.evaluate(PICTURES)
    assert len(pictures) in (7, 8)  # by epoch, too, where the records were counted
    for picture in pictures:
        assert picture["width"] >= 300, picture
        assert 0.6 < picture["height"] / picture["width"] < 0.9, picture
        assert picture["drawn"] >= 5, picture
        assert picture["smallest"] >= SMALLEST_TEXT, picture
        assert picture["outside"] == picture["overlapping"] == [], picture


def test_tables_scroll_within_themselves(opened):
    page = opened("phone", "light")
    inner, outer = page.evaluate(
        "(each => [each.scrollWidth, each.clientWidth])(document.querySelector('#runs .scroll'))"
    )
    assert outer <= SIZES["phone"]["width"]
    is_wide = page.evaluate("document.querySelectorAll('#runs thead')[0].querySelectorAll('th').length") > 2
    assert (inner > outer) == is_wide
    page.evaluate("document.querySelector('#runs .scroll').scrollLeft = 1000")
    name = page.locator("#runs tbody th").first.bounding_box()
    assert 0 <= name["x"] < 40, "the names of the rows stay where they are"


@pytest.mark.parametrize("section", ["metrics", "classes"])
def test_the_lines_between_rows_go_on_below_the_column_that_stays(section, phone, report):
    page = phone.new_page()
    page.goto(report.as_uri())
    table = page.locator(f"#{section} table").first
    image = imread(io.BytesIO(table.screenshot(style="nav { display: none; }")))[..., :3]
    ends = table.evaluate(
        "table => [...table.querySelectorAll('tbody tr')].slice(0, -1).map("
        "row => row.getBoundingClientRect().bottom - table.getBoundingClientRect().top)"
    )
    page.close()
    line = np.array([0xDC, 0xE0, 0xE8]) / 255  # --line
    assert image.shape[1] > 2 * 300
    assert len(ends) > 4
    for end in ends:
        place = round(2 * end)
        strip = image[place - 4 : place + 4, 20:160]
        assert (abs(strip - line).max(axis=-1) < 0.02).any(axis=0).all(), end


@pytest.mark.parametrize("section", ["metrics", "throughput"])
def test_the_numbers_of_three_runs_fit_on_a_phone(section, opened):
    page = opened("phone", "light")
    table = page.evaluate(NUMBERS, f"#{section}")
    assert table["inner"] == table["outer"] <= SIZES["phone"]["width"]
    assert table["right"] < table["end"]
    assert table["broken"] == []


def test_light_and_dark_differ_and_both_can_be_read(opened):
    grounds = []
    for scheme in ("light", "dark"):
        found = opened("wide", scheme).evaluate(CONTRASTS)
        grounds.append(found["ground"])
        assert len(found["texts"]) > 200
        weak = [(ratio, text) for ratio, text in found["texts"] if ratio < 4.5]  # WCAG 2.2, 1.4.3
        assert weak == []
        assert min(found["marks"]) >= 3  # 1.4.11
    assert grounds[0] != grounds[1]


def test_nothing_but_a_part_of_the_page_is_behind_its_links(opened):
    page = opened("phone", "dark")
    for link in page.locator("nav a").all():
        link.click()
    page.wait_for_url("**#throughput")  # the browser takes its time
    assert page.url.endswith("#throughput")
