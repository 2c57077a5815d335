"""Functions: folders with ``main.py`` and ``reqs.txt``, and the images made from them."""

from iluvatar_bench.functions.build import BuiltImage, build_image
from iluvatar_bench.functions.build_options import BuildOptions
from iluvatar_bench.functions.catalog import Function, builtin_names, load_function
from iluvatar_bench.functions.images import StoredImage, find_source, image_of, require_buildable
from iluvatar_bench.functions.stored_root import daemon_with

__all__ = [
    "BuildOptions",
    "BuiltImage",
    "Function",
    "StoredImage",
    "build_image",
    "builtin_names",
    "daemon_with",
    "find_source",
    "image_of",
    "load_function",
    "require_buildable",
]
