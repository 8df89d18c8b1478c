"""
Real photographs that the wheels of scikit-learn and scikit-image carry: no download, ever.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PHOTOS = {
    "china": "scikit-learn",
    "flower": "scikit-learn",
    "astronaut": "scikit-image",
    "chelsea": "scikit-image",
    "coffee": "scikit-image",
    "hubble_deep_field": "scikit-image",
    "motorcycle_left": "scikit-image",
    "retina": "scikit-image",
    "rocket": "scikit-image",
}
"""The colour photographs, and the distribution whose wheel has them."""

FOLDERS = {"scikit-learn": ("sklearn", "datasets/images"), "scikit-image": ("skimage", "data")}
"""The package of a distribution, and its folder of images."""


def load_photos(size: tuple[int, int] = (32, 32)) -> list[tuple[str, NDArray[np.uint8]]]:
    """
    All photographs by name, cut to the middle and reduced to `size` (height, width): (3, H, W), 0..255.

    The files are read from the installed packages, not through their loaders, which may reach for a network.
    """
    return [(name, shrink(_read(_find(name, source)), size)) for name, source in PHOTOS.items()]


def shrink(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """
    The largest centred part of `image` (H, W, C) with the proportions of `size`, resized by area: every
    output pixel is the mean of what it covers. Returns (C, *size).
    """
    height, width, _ = image.shape
    scale = min(height / size[0], width / size[1])
    rows = _cover(height, size[0], scale)
    columns = _cover(width, size[1], scale)
    mean = np.einsum("ih,hwc,jw->cij", rows, image.astype(np.float64), columns, optimize=True)
    return np.rint(mean).clip(0, 255).astype(np.uint8)


def _cover(length: int, parts: int, scale: float) -> NDArray[np.float64]:
    """
    (parts, length): the share of each input pixel in each of `parts` adjoining intervals of `scale` pixels,
    centred on the input.
    """
    start = (length - parts * scale) / 2 + scale * np.arange(parts)[:, None]
    pixel = np.arange(length)[None, :]
    overlap = np.minimum(start + scale, pixel + 1) - np.maximum(start, pixel)
    return overlap.clip(min=0) / scale


def _find(name: str, source: str) -> Path:
    package, folder = FOLDERS[source]
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the photographs need {source}: pip install {source}", name=package)
    base = Path(spec.origin).parent / folder
    for suffix in (".png", ".jpg"):
        if (base / (name + suffix)).is_file():
            return base / (name + suffix)
    raise FileNotFoundError(f"the installed {source} has no photograph {name!r} in {base}")


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise ModuleNotFoundError("the photographs need Pillow: pip install pillow", name="PIL") from None
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
