"""
The design between buffers in memory: packed frames in, the interpreter's results out.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import blendir
from blendir.models import blendnet8

MAIN = """
#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>
#include "top.h"
extern "C" void top_memory(const blendir::bits<512>*, blendir::bits<32>*, unsigned);
int main(int, char** argv) {
  std::ifstream file(argv[1], std::ios::binary);
  std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<blendir::bits<512> > words(bytes.size() / 64);
  for (std::size_t i = 0; i < words.size() * 64; ++i) {
    blendir::put<8>(words[i / 64], static_cast<int>(i % 64), static_cast<unsigned char>(bytes[i]));
  }
  const unsigned frames = 16;
  std::vector<blendir::bits<32> > results(frames * OUTPUT_WORDS);
  top_memory(words.data(), results.data(), frames);
  std::ofstream out(argv[2], std::ios::binary);
  for (std::size_t i = 0; i < results.size(); ++i) {
    for (int b = 0; b < 4; ++b) out.put(static_cast<char>(blendir::get_unsigned<8>(results[i], b)));
  }
}
"""


@pytest.mark.parametrize("rows", [8, 10])
def test_results_from_memory_equal_the_golden_ones(tmp_path: Path, rows: int) -> None:
    """
    8 x 8 pixels fill whole 512-bit words, 10 x 8 do not.
    """
    model = blendnet8()
    frames = np.random.default_rng(0).integers(0, 17, (32, 1, rows, 8), dtype=np.uint8)
    module = blendir.from_torch(model, frames)
    design = blendir.compile(module, tmp_path / "design", calibration=frames).path
    (tmp_path / "main.cpp").write_text(MAIN)
    packed, results = tmp_path / "packed.bin", tmp_path / "results.bin"
    subprocess.run([sys.executable, design / "host/pack.py", design / "tb/input.bin", packed], check=True)
    assert packed.stat().st_size % 64 == 0
    sources = [tmp_path / "main.cpp", design / "src/top_memory.cpp"]
    flags = ["-std=c++14", "-O1", "-Wall", "-Wno-unknown-pragmas", "-Werror", f"-I{design / 'src'}"]
    subprocess.run(["g++", *flags, *sources, "-o", tmp_path / "run"], check=True)
    subprocess.run([tmp_path / "run", packed, results], check=True)
    assert results.read_bytes() == (design / "tb/golden.bin").read_bytes()
