"""
The printed SystemVerilog in Verilator.
"""

from pathlib import Path

from modules import Net, frames
from rtl import simulation

from blendir.pipeline import lower


def test_bits_leave_as_the_source_and_the_sink_allow(tmp_path: Path) -> None:
    net = Net((4, 3, 5))
    x = frames((4, 3, 5))
    simulation(lower(net.module(net.count(net.sign(net.norm(net.input)))), "stream", x), tmp_path).check(x)
