"""
How often the random networks of the tests draw each kind of layer.

    python benchmarks/random_counts.py [--networks 200]

Prints kind and number of networks, the rarest first.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from extras import rare_network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=200, help="how many are drawn, from seed 0 on (default: 200)")
    count = parser.parse_args().networks
    found = Counter(feature for seed in range(count) for feature in rare_network(seed).features)
    for feature, number in sorted(found.items(), key=lambda item: (item[1], item[0])):
        print(f"{number:5}  {feature}")
    print(f"{len(found)} kinds in {count} networks, {sum(n < 4 for n in found.values())} of them fewer than 4 times")


if __name__ == "__main__":
    main()
