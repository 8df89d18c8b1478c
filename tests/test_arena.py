"""
Buffers in one block of memory.
"""

from hypothesis import given
from hypothesis import strategies as st

from blendir.backends.cpu.arena import ALIGNMENT, Span, aligned, place

SPANS = st.builds(
    lambda size, first, length: Span(size, first, first + length),
    st.integers(0, 500),
    st.integers(0, 12),
    st.integers(0, 6),
)


@given(st.lists(SPANS, max_size=25))
def test_buffers_that_are_needed_together_do_not_overlap(spans: list[Span]) -> None:
    offsets, total = place(spans)
    for i, (a, start) in enumerate(zip(spans, offsets, strict=True)):
        assert start % ALIGNMENT == 0
        assert start + a.size <= total
        for b, other in list(zip(spans, offsets, strict=True))[:i]:
            together = a.first <= b.last and b.first <= a.last
            assert not together or start >= other + b.size or other >= start + a.size


@given(st.lists(SPANS, max_size=25))
def test_it_is_no_larger_than_all_buffers_and_no_smaller_than_those_of_a_step(spans: list[Span]) -> None:
    _, total = place(spans)
    steps = [sum(aligned(s.size) for s in spans if s.first <= step <= s.last) for step in range(20)]
    assert max(steps) <= total <= sum(aligned(s.size) for s in spans)


def test_memory_is_used_again() -> None:
    assert place([Span(640, 0, 1), Span(64, 1, 2), Span(640, 2, 3)]) == ([0, 640, 0], 704)
