"""
Scripts outside of the package, as modules.
"""

import importlib.util
import sys
from pathlib import Path
from typing import Any


def load_benchmark(name: str) -> Any:
    """
    A script of benchmarks/.
    """
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
