"""Functions: folders with ``main.py`` and ``reqs.txt``, and the images made from them."""

from iluvatar_bench.functions.build import BuiltImage, build_image
from iluvatar_bench.functions.catalog import Function, builtin_names, load_function

__all__ = ["BuiltImage", "Function", "build_image", "builtin_names", "load_function"]
