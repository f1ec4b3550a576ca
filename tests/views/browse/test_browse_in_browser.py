"""The page of videos in headless Chromium: searched, clicked through, and read on a phone and in the dark."""

import pytest
from made_up_videos import EVIL, NAMES, made_up_page_parts
from screens import CONTRASTS, SIZES

from yt8m.views.browse import page as browse_page
from yt8m.views.browse.serving import PageServer

pytestmark = pytest.mark.slow

SHOWN = "[...document.querySelectorAll('#videos > li:not([hidden]) h2')].map(each => each.textContent)"
FOCUSED = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.id"
OUTSIDE = """() => [...document.querySelectorAll("main *, header *, footer *, form *")].filter(element =>
    !element.closest(".time, .hidden") && element.getBoundingClientRect().right > innerWidth + 0.5
).map(element => element.tagName + " " + element.textContent.trim().slice(0, 40))"""
SMALL = """() => [...document.querySelectorAll("button, input, select")].map(element => element.getBoundingClientRect())
    .filter(box => box.width > 0 && box.height < 24).length"""
TITLES = [f"film {number}.mp4" for number in range(12)]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Fourteen videos: one with a name that is code, one that could not be opened, one without time."""
    file = tmp_path_factory.mktemp("pages") / "browse.html"
    file.write_text(browse_page.render(**made_up_page_parts()))
    return file


@pytest.fixture
def opened(browser, path):
    """Opens the page on a screen; what went wrong and what was asked for is looked at in the end."""
    pages, said, asked = [], [], []

    def open_page(size="wide", scheme="light", place=""):
        page = browser.new_page()
        pages.append(page)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: asked.append(request.url.partition("#")[0]))
        page.set_viewport_size(SIZES[size])
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.goto(path.as_uri() + place)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert said == []
    assert {each for each in asked if not each.startswith("data:")} == {path.as_uri()}


def test_names_are_text_and_nothing_of_them_runs(opened):
    page = opened()
    assert page.evaluate(SHOWN)[1:] == [*TITLES[1:], "gone.mp4", "plain"]
    assert EVIL in page.locator("#video-0 .facts").text_content()
    assert page.evaluate("document.querySelectorAll('img[src=x], b').length") == 0
    assert "<b>Bold</b>" in page.locator("#video-0").text_content()
    assert "cannot be opened: it is cut off" in page.locator("#video-12").text_content()
    link = page.locator("#video-1 a")
    assert link.get_attribute("href") == "https://www.youtube.com/watch?v=abcdefghijk"
    assert page.locator("a").count() == 1


def wait_until(page, expression):
    """The policy forbids Playwright's own way to wait, which evaluates text."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(expression)


def test_the_policy_forbids_what_is_not_of_the_page(browser, path):
    page = browser.new_page()
    page.goto(path.as_uri())
    page.evaluate("""() => {
        window.ran = [];
        document.addEventListener("securitypolicyviolation", event => window.ran.push(event.effectiveDirective));
        const script = document.createElement("script");
        script.textContent = "window.ran.push('script')";
        document.body.append(script);
        const image = document.createElement("img");
        image.src = "https://example.invalid/x.png";
        document.body.append(image);
        document.body.insertAdjacentHTML("beforeend", "<p onclick='window.ran.push(1)' id='p'>p</p>");
        document.getElementById("p").click();
    }""")
    wait_until(page, "window.ran.length >= 3")
    assert sorted(page.evaluate("window.ran")) == ["img-src", "script-src-attr", "script-src-elem"]
    page.close()


def test_search_filter_and_order(opened):
    page = opened()
    count = page.locator("#count")
    assert count.text_content() == "14 videos"
    page.fill("#search", "MÜNCHEN")
    assert count.text_content() == "8 of 14 videos"
    assert page.locator(".clip.hit").count() > 0
    assert {each.split(",")[-1].strip() for each in page.locator(".clip.hit").all_inner_texts()} == {NAMES[4]}
    page.fill("#search", "film 11")
    assert page.evaluate(SHOWN) == ["film 11.mp4"]
    page.fill("#search", "video0003")
    assert page.evaluate(SHOWN) == ["film 3.mp4"]
    page.fill("#search", "nothing like it")
    assert page.evaluate(SHOWN) == []
    assert page.locator("#nothing").is_visible()
    page.click("#clear")
    assert count.text_content() == "14 videos"
    assert page.evaluate(FOCUSED) == "search"
    page.select_option("#label", "Guitar")
    with_guitar = page.evaluate(SHOWN)
    assert len(with_guitar) == int(page.locator("#label option:checked").text_content().split("(")[1][:-1])
    page.select_option("#order", "probability")
    assert page.evaluate(SHOWN)[0] == "plain", "a label without a probability is sure"
    assert page.evaluate(SHOWN)[1:3] == [page.evaluate(SHOWN)[1], "film 7.mp4"]
    page.select_option("#label", "")
    page.select_option("#order", "longest")
    assert page.evaluate(SHOWN)[:2] == ["film 11.mp4", "film 10.mp4"]
    page.select_option("#order", "name")
    names = page.evaluate(SHOWN)
    assert names.index("film 9.mp4") < names.index("film 10.mp4")
    page.locator("#video-1 .chips button").first.click()
    assert page.input_value("#search") == "Concert"
    page.keyboard.press("Escape")
    assert page.input_value("#search") == ""


def test_related_clips_lead_from_video_to_video_and_back(opened):
    page = opened()
    page.locator("#video-1 .clip").nth(1).click()
    detail = page.locator(".detail")
    assert detail.locator("h3").text_content() == "Clip 2 of film 1.mp4: 0:18.8 to 0:37.5"
    related = detail.locator(".related button")
    assert related.count() == 4
    assert "95 % alike" in related.first.text_content()
    page.fill("#search", "film 1.mp4")
    related.first.click()  # leads to a video that the search does not show
    assert page.input_value("#search") == ""
    assert page.locator("article.chosen h2").text_content() == "film 2.mp4"
    assert page.locator(".detail").count() == 1
    assert page.url.endswith("#video0002@30")
    assert page.evaluate(FOCUSED).startswith("Clip 2, 0:30 to 1:00")
    box = page.locator("article.chosen .clip[aria-expanded=true]").bounding_box()
    assert 0 <= box["y"] < SIZES["wide"]["height"]
    page.go_back()
    assert page.locator("article.chosen h2").text_content() == "film 1.mp4"
    page.locator(".close").click()
    assert page.locator(".detail").count() == 0
    assert page.evaluate(FOCUSED).startswith("Clip 2, 0:18.8")


def test_an_address_with_a_moment_opens_its_clip(opened):
    page = opened(place="#video0003@100")
    assert page.locator(".detail h3").text_content().startswith("Clip 3 of film 3.mp4: 1:22.5 to 2:03.8")


def test_everything_is_reached_by_keys(opened):
    page = opened()
    page.keyboard.press("/")
    assert page.evaluate(FOCUSED) == "search"
    page.keyboard.type("film")
    page.locator("#video-1 .clip").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(FOCUSED).startswith("Clip 3, 0:37.5")
    assert page.locator("#video-1 .clip[tabindex='0']").count() == 1
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.closest('article').id") == "video-2"
    page.keyboard.press("End")
    assert page.evaluate(FOCUSED).startswith("Clip 4")
    page.keyboard.press("Enter")
    assert page.locator(".detail h3").text_content().startswith("Clip 4 of film 2.mp4")
    for _ in range(20):  # past the time line and the labels' row to the detail below
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.related') !== null"):
            break
    page.keyboard.press("Enter")
    assert page.locator("article.chosen h2").text_content() == "film 3.mp4"
    page.keyboard.press("Escape")
    assert page.locator(".detail").count() == 0


def test_pictures_come_as_they_are_near_and_show_the_right_moment(opened):
    page = opened("phone")
    loaded = "document.querySelectorAll('img.strip[src]').length"
    wait_until(page, f"{loaded} > 0")
    assert page.evaluate(loaded) < 12
    page.locator("#video-11").scroll_into_view_if_needed()
    wait_until(page, "document.querySelector('#video-11 img.strip').naturalWidth === 12 * 114")
    page.locator("#video-1 .clip").nth(2).click()
    thumb = page.locator(".related .thumb").first
    # The clip's middle is at 62.5 % of the video: frame 7 of 12.
    assert thumb.evaluate("each => getComputedStyle(each).backgroundPositionX") == f"{-7 * 114}px"


@pytest.mark.parametrize("size", SIZES)
def test_nothing_sticks_out_and_all_can_be_hit(size, opened):
    page = opened(size)
    page.locator("#video-1 .clip").nth(1).click()
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size]["width"]
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate(SMALL) == 0  # WCAG 2.2, 2.5.8
    box = page.locator(".detail h3").bounding_box()
    assert 0 <= box["y"] < SIZES[size]["height"]
    inner, outer = page.evaluate(
        "(each => [each.scrollWidth, each.clientWidth])(document.querySelector('#video-1 .scroll'))"
    )
    assert (inner > outer) == (size == "phone"), "the frames are of a size that can be seen"


def test_light_and_dark_differ_and_both_can_be_read(opened):
    grounds = []
    for scheme in ("light", "dark"):
        page = opened("wide", scheme)
        page.locator("#video-1 .clip").nth(1).click()
        page.fill("#search", "film")
        page.evaluate("document.querySelectorAll('li').forEach(each => { each.style.contentVisibility = 'visible'; })")
        found = page.evaluate(CONTRASTS)
        grounds.append(found["ground"])
        assert len(found["texts"]) > 200
        assert [(ratio, text) for ratio, text in found["texts"] if ratio < 4.5] == []  # WCAG 2.2, 1.4.3
    assert grounds[0] != grounds[1]


def test_the_page_is_served_to_this_machine_alone(browser, path):
    import threading
    import urllib.error
    import urllib.request

    with PageServer(content=path.read_bytes()) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page, said = browser.new_page(), []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(server.address)
        page.locator("#video-1 .clip").nth(1).click()
        assert page.url == f"{server.address}#video0001@18.75"
        page.close()
        assert said == []
        for address, host, status in (
            (server.address, "evil.example", 403),
            (f"{server.address}etc/passwd", server.address[7:-1], 404),
        ):
            request = urllib.request.Request(address, headers={"Host": host})
            with pytest.raises(urllib.error.HTTPError) as error:
                urllib.request.urlopen(request)
            assert error.value.code == status
            error.value.close()
        server.shutdown()
