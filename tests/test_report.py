"""
report.json and the page that shows it, read in a real browser.
"""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from browser import browser
from hypothesis import given
from hypothesis import strategies as st
from layers import BinaryConv, GlobalMean
from networks import random_network
from playwright.sync_api import Browser, Page
from torch import Tensor, nn
from xdsl.dialects.builtin import StringAttr

import blendir
from blendir.hardware.processes.source import Source
from blendir.hardware.processes.window import Window
from blendir.hardware.timing import FORWARD_LATENCY, processes, run, simulate
from blendir.passes.macs import macs
from blendir.report.graph import NODE_HEIGHT, NODE_WIDTH, draw, lanes_of
from blendir.report.page import page

HOSTILE = "<img src='http://example/x' onerror=\"console['error'](1)\">&amp;"
SCHEMA = Path(__file__).parents[1] / "docs" / "report.md"


class Residual(nn.Module):
    """
    A stem, a residual block of 16 channels and a head, on 8 x 8 pixels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.block = nn.Sequential(BinaryConv(16, 16, 3, 1, 1, 0.0, False), nn.BatchNorm2d(16))
        self.head = nn.Sequential(GlobalMean(), nn.Linear(16, 5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x.to(torch.get_default_dtype()) / 128 - 1)
        return self.head(x + self.block(torch.sign(x)))


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> blendir.Build:
    """
    The stem has a layer that is markup.
    """
    frames = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8), np.uint8)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        model = Residual().eval()
    module = blendir.from_torch(model, frames[:1])
    for op in module.walk():
        if op.attributes.get("layer") == StringAttr("stem"):
            op.attributes["layer"] = StringAttr(HOSTILE)
    return blendir.compile(module, tmp_path_factory.mktemp("report") / "design", calibration=frames)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture
def shown(chromium: Browser, build: blendir.Build) -> Iterator[Page]:
    """
    The page, 1,000 pixels wide; fails where the console has an error or anything but the file is asked for.
    """
    with chromium.new_page(viewport={"width": 1000, "height": 800}) as opened:
        asked: list[str] = []
        errors: list[str] = []
        opened.on("request", lambda request: asked.append(request.url))
        opened.on("console", lambda message: errors.append(message.text))
        opened.on("pageerror", lambda error: errors.append(str(error)))
        address = (build.path / "report.html").as_uri()
        opened.goto(address)
        yield opened
        assert asked == [address]
        assert errors == []


def row_of(report: dict[str, Any], process: str) -> dict[str, Any]:
    """
    The only row of a kind of process.
    """
    (row,) = [row for row in report["layers"] if row["process"] == process]
    return row


class TestJson:
    def test_work_of_a_network_by_hand(self, build: blendir.Build) -> None:
        report = build.report
        assert row_of(report, "binary_mvu")["bmac"] == report["bmac"] == 64 * 16 * 9 * 16
        stem, head = (row for row in report["layers"] if row["process"] == "fixed_mvu")
        assert (stem["layer"], stem["fpmac"]) == (HOSTILE, 64 * 16 * 9 * 3)
        assert head["fpmac"] == 16 * 5
        assert report["fpmac"] == stem["fpmac"] + head["fpmac"]

    @pytest.mark.filterwarnings("ignore:all calibration frames")
    @pytest.mark.parametrize("seed", range(2))
    def test_work_is_that_of_the_packed_network(self, seed: int) -> None:
        network = random_network(seed)
        module = blendir.from_torch(network.model, network.frames[:1])
        packed = blendir.lower(module, "packed", network.frames.numpy())
        streamed = blendir.lower(packed, "stream")
        totals = [np.sum([macs(op) for op in m.walk()], axis=0).tolist() for m in (packed, streamed)]
        assert totals[0] == totals[1]

    def test_shapes(self, build: blendir.Build) -> None:
        window = next(row for row in build.report["layers"] if row["layer"].startswith("block.0"))
        (into,), (out,) = window["inputs"], window["outputs"]
        assert [into[k] for k in ("rows", "columns", "length", "bits")] == [8, 8, 16, 1]
        assert [out[k] for k in ("rows", "columns", "length", "bits")] == [8, 8, 144, 1]

    def test_bottlenecks(self, build: blendir.Build) -> None:
        report = build.report
        slowest = max(row["cycles"] for row in report["layers"])
        assert slowest == report["frame_interval_cycles"]
        slow = [row for row in report["layers"] if row["cycles"] == slowest]
        assert report["bottlenecks"] == [row["name"] for row in slow]
        assert report["bottleneck"] == slow[0]["layer"]
        assert all(row["utilisation"] == row["cycles"] / slowest for row in report["layers"])

    def test_first_unit_starts_after_a_line_and_two_pixels(self, build: blendir.Build) -> None:
        """
        The stem's first window is whole when its tenth pixel is there: one line of 8 and 2 more.
        """
        interval = build.report["frame_interval_cycles"]
        source, window, unit = build.report["layers"][:3]
        assert (source["start_cycle"], source["process"]) == (0, "source")
        assert window["start_cycle"] == Source.latency + FORWARD_LATENCY["srl"]
        (pixels,) = source["outputs"]
        beats = pixels["length"] // pixels["group"]
        tenth = (10 * beats - 1) * interval // (64 * beats)
        ready = window["start_cycle"] + tenth + Window.latency + FORWARD_LATENCY["srl"]
        assert unit["start_cycle"] == ready

    def test_frames_are_in_order(self, build: blendir.Build) -> None:
        rows = {row["name"]: row for row in build.report["layers"]}
        for row in rows.values():
            assert row["cycles"] <= row["end_cycle"] - row["start_cycle"]
        for fifo in build.report["fifos"]:
            before, after = rows[fifo["from"]], rows[fifo["to"]]
            assert before["start_cycle"] < after["start_cycle"]
            assert before["end_cycle"] < after["end_cycle"]

    def test_batches(self, build: blendir.Build) -> None:
        timing = simulate(build.module)
        for frames in range(1, 6):
            batch = run(processes(build.module), frames, timing.frame_interval)
            assert timing.batch_cycles(frames) == batch.leaving[-1] + 1
        assert build.report["batch_cycles"]["4"] == timing.batch_cycles(4)

    def test_fifos_are_those_of_the_sources(self, build: blendir.Build) -> None:
        top = (build.path / "src" / "top.cpp").read_text()
        declared = re.findall(r"stream<blendir::bits<(\d+)> > (\w+)\(", top)
        depths = dict(re.findall(r"#pragma HLS stream variable=(\w+) depth=(\d+)", top))
        written = [(str(fifo["width"]), fifo["name"]) for fifo in build.report["fifos"]]
        assert written == declared
        assert {fifo["name"]: str(fifo["depth"]) for fifo in build.report["fifos"]} == depths
        for fifo in build.report["fifos"]:
            assert re.search(rf"<{fifo['from']}_cfg>\(.*\b{fifo['name']}\b", top)
            assert re.search(rf"<{fifo['to']}_cfg>\(.*\b{fifo['name']}\b", top)

    def test_every_key_is_documented(self, build: blendir.Build) -> None:
        parts = re.split(r"^## ", SCHEMA.read_text(), flags=re.MULTILINE)
        design, layer, error, fifo = (set(re.findall(r"`(\w+)`", part)) for part in parts[1:])
        assert set(build.report["end_to_end"]) <= design
        assert set().union(*build.report["quantization"]) <= error
        assert set(build.report) | set(build.report["input"]) | set(build.report["resources"]) <= design
        assert set().union(*build.report["layers"]) <= layer
        assert set().union(*build.report["fifos"]) <= fifo


class TestPage:
    def test_headline(self, shown: Page, build: blendir.Build) -> None:
        report = build.report

        def text(key: str) -> str:
            return shown.locator(f"[data-key={key}]").inner_text()

        for key in ("frame_interval_cycles", "first_frame_latency_cycles", "bmac", "fpmac"):
            assert int(text(key).replace(",", "")) == report[key]
        assert int(text("fps").replace(",", "")) == round(report["fps"])
        assert text("latency_us") == f"{report['latency_us']:.1f} \u00b5s"
        assert text("bottleneck") == report["bottleneck"]
        assert text("bottleneck_why") == report["bottleneck_why"]
        for kind, used in report["resources"].items():
            assert int(text(kind).replace(",", "")) == used
        assert {"simulated", "estimated", "assumed"} <= set(shown.locator(".card .how, .meters .how").all_inner_texts())

    def test_rows(self, shown: Page, build: blendir.Build) -> None:
        layers = [row["layer"] for row in build.report["layers"]]
        assert shown.locator("#layer-table tbody tr td:first-child").all_inner_texts() == layers
        assert shown.locator("#layer-table tbody tr.slow").count() == len(build.report["bottlenecks"])
        assert shown.locator("#fifo-table tbody tr").count() == len(build.report["fifos"])
        errors = [row["layer"] for row in build.report["quantization"]]
        assert shown.locator("#error-table tbody tr td:first-child").all_inner_texts() == errors
        assert shown.locator("#error-table tbody tr.slow td").first.inner_text() == build.report["worst_layer"]
        assert shown.locator("#schedule ~ figure").first.locator("g > title").count() == len(layers)
        assert shown.locator(".graph .node").count() == len(layers)
        assert shown.locator(".graph path.edge").count() == len(build.report["fifos"])
        assert shown.locator(".graph path.skip").count() == 1

    def test_sorting(self, shown: Page, build: blendir.Build) -> None:
        cycles = [row["cycles"] for row in build.report["layers"]]
        head = shown.locator("#layer-table th", has_text="cycles")
        column = shown.locator(f"#layer-table tbody td:nth-child({1 + head.evaluate('cell => cell.cellIndex')})")
        for order in (True, False):
            head.locator("button").click()
            assert [int(t.replace(",", "")) for t in column.all_inner_texts()] == sorted(cycles, reverse=order)
        assert shown.locator("#layer-table th[aria-sort]").count() == 1

    def test_fits_a_thousand_pixels(self, shown: Page) -> None:
        assert shown.evaluate("document.documentElement.scrollWidth") <= 1000

    def test_dark(self, shown: Page) -> None:
        def luminance(scheme: Any, what: str) -> int:
            shown.emulate_media(color_scheme=scheme)
            colour = shown.evaluate(f"getComputedStyle(document.body).{what}")
            return sum(map(int, re.findall(r"\d+", colour)[:3]))

        assert luminance("light", "backgroundColor") > luminance("light", "color") + 400
        assert luminance("dark", "color") > luminance("dark", "backgroundColor") + 400

    def test_without_scripts(self, chromium: Browser, build: blendir.Build) -> None:
        with chromium.new_page(java_script_enabled=False) as opened:
            opened.goto((build.path / "report.html").as_uri())
            assert opened.locator("#layer-table tbody tr").count() == len(build.report["layers"])
            assert opened.locator("[data-key=bottleneck]").inner_text() == HOSTILE

    def test_is_made_of_the_json(self, build: blendir.Build) -> None:
        report = json.loads((build.path / "report.json").read_text())
        assert (build.path / "report.html").read_text() == page(report)
        assert report == build.report

    def test_accuracy_where_it_is_known(self, chromium: Browser, build: blendir.Build) -> None:
        report = build.report | {"accuracy": 0.81234, "how": build.report["how"] | {"accuracy": "measured, 10 images"}}
        assert 'data-key="accuracy"' not in page(build.report)
        with chromium.new_page() as opened:
            opened.set_content(page(report))
            assert opened.locator("[data-key=accuracy]").inner_text() == "81.23 %"

    def test_more_than_the_device_has(self, build: blendir.Build) -> None:
        assert "meter over" not in page(build.report)
        assert "meter over" in page(build.report | {"resources": build.report["resources"] | {"dsp": 10**6}})


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(2, 9)), max_size=30))
def test_lanes_hold_one_edge_at_a_time(pairs: list[tuple[int, int]]) -> None:
    spans = [(start, start + length) for start, length in pairs]
    taken: set[tuple[int, int]] = set()
    for lane, (start, end) in zip(lanes_of(spans), spans, strict=True):
        cells = {(lane, rank) for rank in range(start, end)}
        assert not taken & cells
        taken |= cells


@given(st.lists(st.lists(st.integers(0, 100), min_size=1, max_size=3), max_size=12))
def test_graphs_run_downwards(choices: list[list[int]]) -> None:
    """
    Process n reads some of the processes before it.
    """
    rows = [{"name": str(n)} for n in range(len(choices) + 1)]
    fifos = [{"from": str(c % (n + 1)), "to": str(n + 1)} for n, chosen in enumerate(choices) for c in chosen]
    graph = draw(rows, fifos)
    places = {node.row["name"]: node for node in graph.nodes}
    for edge in graph.edges:
        assert places[edge.fifo["from"]].y + NODE_HEIGHT < places[edge.fifo["to"]].y
    corners = sorted((node.y, node.x) for node in graph.nodes)
    for (y1, x1), (y2, x2) in pairwise(corners):
        assert y1 < y2 or x1 + NODE_WIDTH < x2
    assert all(node.x + NODE_WIDTH <= graph.width and node.y + NODE_HEIGHT <= graph.height for node in graph.nodes)
