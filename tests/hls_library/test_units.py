"""
Every unit of the HLS library against a reference written from its formula; all cases of one build live in one driver.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hls_library.building import BUILDS, ap_types, compiled, executed, flags_of
from hls_library.cases import Case
from hls_library.depthwise import depthwise_cases
from hls_library.driver import DRIVER, MAIN
from hls_library.elementwise import parameter_cases, plain_cases
from hls_library.planes import plane_cases
from hls_library.routing import routing_cases
from hls_library.windows import window_cases

EACH = {"ap-O2": 2, "tool-O0": 3}
"""Builds that are slow to compile, of what others build whole: so many cases of each unit."""


def helper_case() -> Case:
    """Mismatches counted inside the driver: stream order, popcount and accessors."""
    calls = ["stream_faults()"]
    calls += [f"popcount_faults<{n}>()" for n in (1, 5, 6, 7, 48, 64, 65, 144, 576, 1024)]
    calls += [
        f"accessor_faults<{e}, {n}>()"
        for e, n in ((1, 7), (3, 64), (10, 130), (17, 200), (24, 72), (63, 640), (64, 128))
    ]
    lines = [f"give(1); give({c});" for c in calls]
    text = "\n".join(["static void run_helpers() {", *lines, "}"])
    return Case("helpers", "run_helpers", text, [], [[0] for _ in calls])


def all_cases() -> list[Case]:
    rng = random.Random(20)
    groups = (window_cases, plane_cases, parameter_cases, plain_cases, routing_cases, depthwise_cases)
    return [*(case for group in groups for case in group(rng)), helper_case()]


CASES = all_cases()


def cases_of(build: str) -> list[Case]:
    taken: Counter[str] = Counter()
    chosen: list[Case] = []
    for case in CASES:
        unit = case.name.split("-")[0]
        if build not in EACH or taken[unit] < EACH[build]:
            taken[unit] += 1
            chosen.append(case)
    return chosen


Results = list[list[list[int]]]  # per case its output streams


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Results]:
    """Compiles and runs every build once."""
    directory = tmp_path_factory.mktemp("units")

    def results(build: str) -> Results:
        cases = cases_of(build)
        data = np.array([v for c in cases for v in c.inputs], dtype=np.uint64)
        data.tofile(directory / f"{build}.in")
        calls = "\n".join(f"  {c.run}();" for c in cases)
        text = "\n".join([DRIVER, *(c.text for c in cases), MAIN % calls])
        program = compiled(directory, build, text, flags_of(build))
        output = directory / f"{build}.out"
        done = executed(program, str(directory / f"{build}.in"), str(output))
        assert done.returncode == 0, done.stderr
        flat = [int(v) for v in np.fromfile(output, dtype=np.uint64)]
        at = 0
        streams: Results = []
        for case in cases:
            streams.append([])
            for _ in case.expected:
                count = flat[at]
                streams[-1].append(flat[at + 1 : at + 1 + count])
                at += 1 + count
        assert at == len(flat)
        return streams

    builds = [b for b in BUILDS if b.startswith("native") or ap_types() is not None]
    with ThreadPoolExecutor(2) as pool:
        futures = {b: pool.submit(results, b) for b in reversed(builds)}

    def get(build: str) -> Results:
        if build not in futures:
            pytest.fail("needs the ap_types that hls4ml bundles: make setup")
        return futures[build].result()

    return get


@pytest.mark.parametrize("build", list(BUILDS))
def test_units_equal_their_formulas(build: str, suite: Callable[[str], Results]) -> None:
    cases, results = cases_of(build), suite(build)
    wrong = [c.name for c, streams in zip(cases, results, strict=True) if streams != c.expected]
    assert not wrong, f"{len(wrong)} of {len(cases)}: {wrong}"
