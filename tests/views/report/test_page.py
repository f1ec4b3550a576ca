"""What the page holds: parsed, and compared with what it was given."""

import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from made_up_runs import CLASS_NAMES, LONG_NAME, made_up_run

from yt8m.download.address_cache import AddressCache
from yt8m.errors import InputError
from yt8m.metrics import PerClass, Reliability
from yt8m.metrics.bootstrap import Outcomes
from yt8m.views.report import drawing, examples, intervals, page
from yt8m.views.report.classes import class_tables
from yt8m.views.report.measuring import Records
from yt8m.views.report.tables import short_names
from yt8m.views.templates import require_jinja

VOID = {"meta", "link", "br", "wbr", "use", "path"}


class Parsed(HTMLParser):
    """Elements with their attributes, and text by section; tags must be closed in order."""

    def __init__(self, content):
        super().__init__()
        self.open, self.elements, self.tables, self.texts = [], [], [], {}
        self._section = None
        self.feed(content)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        assert len(found) == len(attributes), f"{tag} has an attribute twice"
        self.elements.append((tag, found))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self._section = found["id"]
        if tag == "table":
            self.tables.append((self._section, []))
        if tag == "tr":
            self.tables[-1][1].append([])
        if tag in ("td", "th"):
            self.tables[-1][1][-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, text):
        self.texts[self._section] = self.texts.get(self._section, "") + text
        if "table" in self.open and self.tables[-1][1] and self.tables[-1][1][-1]:
            self.tables[-1][1][-1][-1] += text

    def rows(self, section, table=0):
        """The cells of a section's table, without its head."""
        tables = [rows for name, rows in self.tables if name == section]
        return [[" ".join(cell.split()) for cell in row] for row in tables[table][1:]]


def rendered(*runs, remarks=()):
    content = page.render(runs, CLASS_NAMES, remarks)
    return content, Parsed(content)


@pytest.fixture(scope="module")
def two():
    """A page on two runs."""
    return rendered(made_up_run("runs/one"), made_up_run("runs/two", 1))


@pytest.fixture(autouse=True)
def _draw_nothing(monkeypatch):
    """Drawing takes most of a page's time; the page on two runs has its drawings, as it comes first."""
    monkeypatch.setattr(drawing, "_svg", lambda draw, title: f'<svg viewBox="0 0 1 1" aria-label="{title}"></svg>')
    monkeypatch.setattr(intervals, "NUM_RESAMPLES", 20)


def test_every_section_is_there_and_every_link_leads_to_one(two):
    _, found = two
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [attributes["href"] for tag, attributes in found.elements if tag == "a"]
    assert targets == [
        f"#{each}"
        for each in ("metrics", "runs", "curves", "quality", "classes", "confusions", "examples", "throughput")
    ]
    assert {target[1:] for target in targets} <= set(ids)


def test_nothing_is_asked_of_others(two):
    content, found = two
    for tag, attributes in found.elements:
        assert tag not in ("script", "img", "iframe", "object", "base", "form")
        assert "src" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        for name in ("href", "xlink:href"):
            assert attributes.get(name, "#").startswith("#") or attributes[name] == "data:,"
    assert "@import" not in content
    ids = {attributes.get("id") for _, attributes in found.elements}
    assert set(re.findall(r"url\(([^)]*)\)", content)) <= {f"#{each}" for each in ids}


def test_there_are_eight_drawings_with_titles_and_the_colours_of_the_page(two):
    content, found = two
    titles = [attributes["aria-label"] for tag, attributes in found.elements if tag == "svg"]
    assert len(titles) == len(set(titles)) == 8
    for svg in re.findall(r"<svg.*?</svg>", content, re.DOTALL):
        assert "#0" not in re.sub(r"(href|url\()=?\"?#", "", svg), "a colour that the page does not know"
        assert "var(--series-1)" in svg
        assert "var(--series-2)" in svg
        assert "<style" not in svg


def test_headings_go_down_one_step_at_a_time(two):
    _, found = two
    levels = [int(tag[1]) for tag, _ in found.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def without_interval(cell):
    return re.sub(r" \d\.\d{3} to \d\.\d{3}$", "", cell)


def head(found, section):
    """The cells of the head of a section's first table."""
    return next([" ".join(cell.split()) for cell in rows[0]] for name, rows in found.tables if name == section)


def test_every_run_s_metrics_are_in_its_own_column():
    of_a = {"gap": 0.81111, "map": 0.7, "hit_at_1": 0.95, "perr": 0.6, "loss": 17.123456, "num_videos": 1234}
    of_b = {"gap": 0.62229, "map": 0.75, "perr": 0.65, "loss": 6.25, "num_videos": 99}
    reliabilities = [Reliability(np.array([10]), np.array([0.5]), np.array([share])) for share in (0.5, 0.75)]
    runs = [
        made_up_run(name, metrics=metrics, num_parameters=size, reliability=reliability)
        for name, metrics, size, reliability in zip(
            ("x/b", "x/a"), (of_b, of_a), (2_000_000, 37), reliabilities[::-1], strict=True
        )
    ]
    _, found = rendered(*runs)
    assert head(found, "metrics") == ["Metrics", "b", "a"]
    rows = found.rows("metrics")
    names = ["GAP", "MAP", "Hit@1", "PERR", "Loss", "Calibration error", "Videos", "Parameters"]
    assert all(row[0].startswith(name) for row, name in zip(rows, names, strict=True))
    assert [[without_interval(cell) for cell in row[1:]] for row in rows] == [
        ["0.6223", "0.8111 (best)"],
        ["0.7500 (best)", "0.7000"],
        ["–", "0.9500 (best)"],
        ["0.6500 (best)", "0.6000"],
        ["6.2500 (best)", "17.123"],
        ["0.2500", "0.0000 (best)"],
        ["99", "1,234"],
        ["2M", "37"],
    ]


def test_throughput_is_the_median_rate_in_training_its_course_and_the_rate_of_scoring(monkeypatch):
    drawn = {}
    monkeypatch.setattr(drawing, "curves", lambda of_runs, ylabel, *_: drawn.setdefault(ylabel, of_runs) and "")

    def run(name, rates, scoring):
        logged = [{"kind": "train", "step": 10 * step, "loss": 1.0} for step in range(1, len(rates) + 2)]
        for row, rate in zip(logged[1:], rates, strict=True):  # the first line has no rate
            row["videos_per_second"] = rate
        logged.append({"kind": "validation", "step": 10, "loss": 1.0, "gap": 0.5, "videos_per_second": 1e6})
        one = made_up_run(name, rows=logged)
        return replace(one, metrics={**one.metrics, "videos_per_second": scoring})

    _, found = rendered(run("a", [300.0, 100.0, 190.4], 98_765.4), run("b", [1000.0, 2501.0], 12.0), run("c", [], 1.0))
    assert head(found, "throughput") == ["Throughput", "a", "b", "c"]
    training, scoring = found.rows("throughput")
    assert training[0].startswith("Training")
    assert scoring[0].startswith("Scoring")
    assert training[1:] == ["190", "1,750 (best)", "–"]
    assert scoring[1:] == ["98,765 (best)", "12", "1"]
    assert drawn["videos a second in training"] == [
        [(20, 300.0), (30, 100.0), (40, 190.4)],
        [(20, 1000.0), (30, 2501.0)],
        [],
    ]


def test_names_are_escaped():
    content, found = rendered(made_up_run("runs/<script>alert('1')&"))
    assert "<script" not in content
    assert "<b>" not in content
    assert "<script>alert('1')&" in found.texts[None]
    assert LONG_NAME in found.texts["examples"]


def test_the_best_of_each_row_is_marked():
    one, two = made_up_run("runs/one"), made_up_run("runs/two", 1)
    two = replace(two, metrics={**two.metrics, "hit_at_1": one.metrics["hit_at_1"]})
    _, found = rendered(one, two)
    rows = {row[0]: row[1:] for row in found.rows("metrics")}
    for name, key, better in (("GAP", "gap", max), ("MAP", "map", max), ("PERR", "perr", max), ("Loss", "loss", min)):
        values = [each.metrics[key] for each in (one, two)]
        shown = next(cells for title, cells in rows.items() if title.startswith(name))
        shown = [without_interval(cell) for cell in shown]
        assert shown == [f"{value:.4f}" + (" (best)" if value == better(values) else "") for value in values]
    ties = next(cells for title, cells in rows.items() if title.startswith("Hit@1"))
    assert all(cell.endswith(" (best)") for cell in ties)
    assert rows["Parameters"] == ["1.235M", "1.235M"]
    assert [cell.split()[0] for cell in next(iter(found.rows("throughput")))[1:]] == ["100", "3,000"]


def test_a_tile_has_the_best_value_and_the_run_that_has_it():
    runs = [made_up_run(f"runs/{name}") for name in ("one", "two", "three")]
    values = {
        "gap": (0.25, 0.75, 0.5),
        "map": (0.5, 0.25, 0.125),
        "hit_at_1": (0.125, 0.5, 0.625),
        "perr": (0.5, 0.5, 0.25),
    }
    runs = [
        replace(run, metrics={**run.metrics, **{key: of_runs[place] for key, of_runs in values.items()}})
        for place, run in enumerate(runs)
    ]
    content, _ = rendered(*runs)
    (tiles,) = re.findall(r'<ul class="tiles">(.*?)</ul>', content, re.DOTALL)
    texts = [" ".join(re.sub("<[^>]*>", " ", tile).split()) for tile in re.findall("<li>(.*?)</li>", tiles, re.DOTALL)]
    assert texts == ["GAP 0.7500 two", "MAP 0.5000 one", "Hit@1 0.6250 three", "PERR 0.5000 one"]


@pytest.mark.parametrize("runs", [1, 2])
def test_nothing_is_best_of_one_run_or_where_records_differ(runs):
    second = made_up_run("runs/two", 1, records=Records(150, 18))
    remark = "scored on different videos, so <they> cannot be compared"
    _, found = rendered(*[made_up_run(), second][:runs], remarks=[remark] * (runs - 1))
    assert not any("(best)" in cell for row in found.rows("metrics") for cell in row)
    assert (remark in found.texts[None]) == (runs == 2)
    tiles = [attributes for tag, attributes in found.elements if attributes.get("class") == "tiles"]
    assert len(tiles) == 2 - runs


def test_runs_are_told_apart_by_as_much_of_their_paths_as_is_needed():
    assert short_names(["runs/a", "runs/b/"]) == ["a", "b"]
    assert short_names(["x/run", "y/run", "y/other"]) == ["x/run", "y/run", "y/other"]
    assert short_names(["only"]) == ["only"]


def test_what_was_run_and_which_fields_differ():
    one, two = made_up_run("runs/one"), made_up_run("runs/two", 1)
    two = replace(two, config=replace(two.config, training=replace(two.config.training, batch_size=16)))
    content, found = rendered(one, two)
    short = {row[0]: row[1:] for row in found.rows("runs")}
    assert short["Directory"] == ["runs/one", "runs/two"]
    assert short["Batch size"] == ["8", "16"]
    assert short["Steps"] == ["200 of 6"] * 2
    assert short["Commit, newest start"] == ["0123456789ab"] * 2
    assert "Teacher" not in short, "neither has one"
    whole = {row[0]: row[1:] for row in found.rows("runs", 1)}
    assert whole["training.batch_size"] == ["8", "16"]
    assert whole["data.validate"] == ["data/2/video/validate"] * 2
    assert re.findall(r'<tr class="differs">\s*<th scope="row">([^<]*)', content) == [
        "Batch size",
        "training.batch_size",
    ]


@pytest.mark.parametrize(
    ("best_step", "num_averaged", "shown"),
    [(1500, 0, "step 1,500, the best"), (None, 0, "the last step"), (None, 3, "mean of 3")],
)
def test_which_weights_were_scored(best_step, num_averaged, shown):
    _, found = rendered(made_up_run(best_step=best_step, num_averaged=num_averaged))
    assert ["Weights", shown] in found.rows("runs")


def test_best_and_worst_classes_are_those_of_the_mean_over_the_runs():
    def of(precisions, positives):
        ids = np.arange(len(precisions))
        return PerClass(ids, np.array(precisions), np.array(positives))

    one = of([0.1 * (index % 10) + 0.001 * index for index in range(30)], [5] * 30)
    other = of([0.5] * 29 + [np.nan], [5] * 29 + [0])
    _, found = rendered(
        *(made_up_run(name, per_class=each, confusions=[]) for name, each in (("a", one), ("b", other)))
    )
    best, worst = (found.rows("classes", table) for table in (1, 2))
    # Class 29 has a precision in one run alone.
    assert [row[0] for row in best][:4] == ["Class 29", "Class 19", "Class 9", "Class 28"]
    assert best[0] == ["Class 29", "5", "0.929", "–"]
    assert [row[0] for row in worst][:4] == ["Class 0", "Class 10", "Class 20", "Class 1"]
    assert worst[1] == ["Class 10", "5", "0.010", "0.500"]
    assert len(best) == len(worst) == 10
    assert not {row[0] for row in best} & {row[0] for row in worst}


def test_classes_where_the_runs_differ_most_come_first():
    def of(*precisions):
        counts = np.where(np.isnan(precisions), 0, 20)
        return PerClass(np.arange(len(precisions)), np.array(precisions), counts)

    runs = [
        made_up_run(name, per_class=each, confusions=[])
        for name, each in (("a", of(0.5, 0.2, 0.9, 0.5, 1.0)), ("b", of(0.5, 0.6, 0.1, 0.4, np.nan)))
    ]
    _, found = rendered(*runs)
    # Class 0 has equal ones, and class 4 none in one run.
    assert found.rows("classes") == [
        ["Class 2", "20", "0.900", "0.100"],
        ["Class 1", "20", "0.200", "0.600"],
        [LONG_NAME, "20", "0.500", "0.400"],
    ]
    assert "Where the runs differ most" in found.texts["classes"]
    for shown in (
        runs[:1],
        [runs[0], replace(runs[1], records=Records(150, 18))],
        [runs[0], replace(runs[0], name="c")],
    ):
        assert "differ most" not in rendered(*shown)[1].texts["classes"]


def test_classes_of_few_videos_are_neither_the_best_nor_the_worst():
    """40 classes of 1 and 2 videos would be both; of those with ten on there are 25."""
    ids = np.arange(65)
    precisions = np.where(ids < 20, 1.0, np.where(ids < 40, 0.0, 0.3 + ids / 200))
    run = made_up_run(per_class=PerClass(ids, precisions, np.where(ids < 40, 1 + ids % 2, 10 + ids)), confusions=[])
    shown = class_tables([run], {})
    assert (shown.enough_positives, shown.num_classes) == (10, 25)
    assert [line.name for line in shown.best] == [f"Class {each}" for each in range(64, 54, -1)]
    assert [line.name for line in shown.worst] == [f"Class {each}" for each in range(40, 50)]
    words = " ".join(rendered(run)[1].texts["classes"].split())
    assert "of 25 classes with at least 10 videos." in words


def test_of_equal_classes_the_more_frequent_comes_first():
    ids = np.arange(24)
    classes = PerClass(ids, (ids < 12).astype(float), 11 + ids % 12)
    shown = class_tables([made_up_run(per_class=classes)], {})
    assert [line.num_positives for line in shown.best] == [22, 21, 20, 19, 18, 17, 16, 15, 14, 13]
    assert [line.name for line in shown.worst] == [f"Class {class_id}" for class_id in range(23, 13, -1)]


def test_few_classes_are_all_among_the_best():
    few = PerClass(np.array([2, 7]), np.array([0.5, 1.0]), np.array([3, 1]))
    _, found = rendered(made_up_run(per_class=few, confusions=[]))
    assert [row[0] for row in found.rows("classes")] == ["Class 7", "Class 2"]
    assert [name for name, _ in found.tables].count("classes") == 1
    assert "of 2 classes with at least 1 video." in " ".join(found.texts["classes"].split())


def test_confusions_by_name_with_their_share_of_the_missed_class(two):
    _, found = two
    run = made_up_run("runs/one")
    positives = dict(zip(run.per_class.class_ids.tolist(), run.per_class.num_positives.tolist(), strict=True))
    shares = [f"{100 * count / positives[missed]:.0f} %" for missed, count in ((39, 9), (38, 4))]
    assert found.rows("confusions") == [
        ["Class 39", LONG_NAME, f"9 {shares[0]}"],
        ["Class 38", CLASS_NAMES[5], f"4 {shares[1]}"],
    ]
    assert "None." in rendered(made_up_run(confusions=[]))[1].texts["confusions"]


def test_examples_have_their_labels_and_every_run_s_predictions():
    one, two = made_up_run("runs/one", is_segments=True), made_up_run("runs/two", 1, is_segments=True)
    some = dict(sorted(two.examples.items())[3:])
    cards = examples.cards([one, replace(two, examples=some)], CLASS_NAMES)
    digests = sorted(one.examples)
    assert [card.name for card in cards] == [one.examples[digest].name for digest in digests]
    assert [len(card.predictions[1]) for card in cards] == [0, 0, 0] + [5] * 9
    card = next(card for card in cards if card.name == "v002:10")
    assert [(label.name, label.is_present) for label in card.labels] == [
        (LONG_NAME, True),
        ("Class 10", True),
        (CLASS_NAMES[5], False),
    ]
    verdicts = [each.verdict for each in card.predictions[0]]
    assert verdicts == ["hit", "miss", "unrated", "unrated", "unrated"]
    videos = examples.cards([made_up_run()], CLASS_NAMES)
    card = next(card for card in videos if card.name == "v002")
    assert [each.verdict for each in card.predictions[0]] == ["hit", "miss", "miss", "miss", "miss"]


def test_examples_link_to_the_videos_that_are_known(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for is_segments, name, page_of in ((False, "v002", ""), (True, "v002:10", "&t=10s")):
        run = made_up_run(is_segments=is_segments)
        assert examples.known_pages([run]) == {}
        with AddressCache() as cache:
            cache.add("v002", "dQw4w9WgXcQ")
            cache.add("v001", None)
        known = examples.known_pages([run])
        assert known == {name: f"https://www.youtube.com/watch?v=dQw4w9WgXcQ{page_of}"}
        found = Parsed(page.render([run], CLASS_NAMES, addresses=known))
        links = [attributes for tag, attributes in found.elements if tag == "a" and "rel" in attributes]
        assert links == [{"href": known[name], "rel": "noreferrer"}]
        (tmp_path / "yt8m" / "addresses.sqlite").unlink()


def test_examples_link_to_a_page_of_the_videos(tmp_path):
    """Only those that it has, at the segment's first second, from wherever the report is."""
    browsed = tmp_path / "some videos" / "own.html"
    browsed.parent.mkdir()
    browsed.write_text('<script type="application/json" id="data">[{"id": "v002"}, {"id": "other"}]</script>')
    for is_segments, name, second in ((False, "v002", 0), (True, "v002:10", 10)):
        run = made_up_run(is_segments=is_segments)
        links = examples.browsed_pages([run], browsed, tmp_path / "report.html")
        assert links == {name: f"some%20videos/own.html#v002@{second}"}
        assert examples.browsed_pages([run], browsed, browsed.parent / "runs/a.html") == {
            name: f"../own.html#v002@{second}"
        }
        found = Parsed(page.render([run], CLASS_NAMES, addresses=links))
        assert [each["href"] for tag, each in found.elements if tag == "a" and "rel" in each] == [links[name]]
    browsed.write_text("<html>")
    with pytest.raises(InputError, match=r"own\.html: is no page of yt8m browse; make one with"):
        examples.browsed_pages([run], browsed, tmp_path / "report.html")
    with pytest.raises(InputError, match=r"gone\.html: No such file or directory; name a page"):
        examples.browsed_pages([run], tmp_path / "gone.html", tmp_path / "report.html")


def test_a_page_on_segments_speaks_of_segments():
    _, found = rendered(made_up_run(is_segments=True))
    assert [row[0][:4] for row in found.rows("metrics")] == ["Segm", "Loss", "Cali", "Segm", "Vide", "Para"]
    assert "rated negative" in found.texts["confusions"]
    assert "12 segments" in " ".join(found.texts["examples"].split())


def test_a_run_that_logged_nothing_has_no_curves():
    _, found = rendered(made_up_run(rows=[], best_step=None, environment={}))
    assert "There are no metrics of the training." in found.texts["curves"]
    assert sum(tag == "svg" for tag, _ in found.elements) == 3


def test_more_runs_than_colours():
    content, found = rendered(*(made_up_run(f"runs/{index}", index % 2) for index in range(10)))
    assert "var(--series-9)" not in content
    assert "background: var(--series-8)" in content
    assert len(found.rows("metrics")[0]) == 11


def test_without_jinja_the_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(InputError, match=r"the page needs Jinja, .*: pip install 'yt8m\[report\]'"):
        require_jinja()


def test_gap_and_map_have_intervals_around_them():
    one = made_up_run()
    _, found = rendered(one)
    for row, key in zip(found.rows("metrics")[:2], ("gap", "map"), strict=True):
        value, low, to, high = row[1].split()
        assert to == "to"
        assert float(value) == pytest.approx(one.metrics[key], abs=1e-4)
        assert float(low) < float(value) < float(high) < float(low) + 0.2
    assert all(" to " not in row[1] for row in found.rows("metrics")[2:])
    assert "Is the best run better?" not in found.texts["metrics"]


def test_the_best_run_is_compared_with_each_other():
    """Of these, two predict the same and one has lost half of its hits."""
    one, same = made_up_run("runs/one"), made_up_run("runs/same")
    worse = made_up_run("runs/worse", outcomes=outcomes_without(one))
    _, found = rendered(worse, same, one)
    rows = {row[0]: row[1:] for row in found.rows("metrics", 1)}
    assert rows.keys() == {"one", "worse"}
    assert rows["one"] == ["+0.0000 +0.0000 to +0.0000, may be chance"] * 2
    for cell in rows["worse"]:
        value, low, _, high = cell.split()
        assert 0 < float(low) < float(value) < float(high)


def outcomes_without(run):
    """The outcomes of a run without every other hit."""
    found = Outcomes()
    found.merge(run.outcomes)
    ((videos, classes, scores, hits),) = found._entries
    found._entries = [(videos, classes, scores, hits & (np.arange(len(hits)) % 2 == 0))]
    return found


def test_runs_of_different_records_have_intervals_and_no_differences():
    _, found = rendered(made_up_run(), made_up_run("runs/two", 1, records=Records(150, 18)))
    assert found.rows("metrics")[0][1].count(" to ") == 1
    assert len([section for section, _ in found.tables if section == "metrics"]) == 1


def test_epochs_are_steps_by_the_records_of_training(monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        drawing, "curves", lambda of_runs, ylabel, best=(), unit="step": drawn.setdefault(unit, (of_runs, best)) and ""
    )
    known = made_up_run("a", steps=100)  # batches of 8, of 640
    unknown = made_up_run("b", steps=100, num_training_records=None)
    rendered(known, unknown)
    points, best = drawn["epoch"]
    assert [x for x, _ in points[0]] == [50 * 8 / 640, 100 * 8 / 640]
    assert (points[1], best) == ([], [1.25, None])
