"""
The checks of random networks notice each repair that is taken out: a network per repair.
"""

import pytest
from scripts import load_benchmark

mutations = load_benchmark("mutations")
FOUND_BY = {
    "ties behind PReLU are decided on folded numbers": 37,
    "zeros choose formats": 44,
    "maximum(a, b) loses b": 2,
    "names leave their comments": 3,
    "zero padding counts as -1": 1,
    "averages of averages lose the factor of offsets": 52,
    "shifts beyond 63 are undefined": 407,
    "0 and 1 become 0 and 0.99997": 34,
    "values below 2**-64 are clipped": 32,
    "minimum(a, b) is maximum(a, b)": 34,
    "a >= b of two values is b >= a": 18,
    "a stream may have two readers": 1,
    "two lanes of a word are exchanged": 1,
    "products of slopes may need more than 62 bits": 34,
    "dead layers take the bits of what follows": 0,
}
"""A seed that shows a fault, from `benchmarks/mutations.py`."""


@pytest.mark.parametrize("fault", FOUND_BY)
def test_a_missing_repair_is_noticed(fault: str) -> None:
    assert mutations.finding(fault, FOUND_BY[fault]) is not None


def test_every_mutation_has_a_network() -> None:
    assert set(FOUND_BY) == set(mutations.MUTATIONS)
