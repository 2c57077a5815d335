"""Which extra a module belongs to that an installation of the core does not have."""

from __future__ import annotations

import re

from iluvatar_bench.errors import MissingExtra

_DISTRIBUTION = "iluvatar-bench"
_OF_AN_EXTRA = re.compile(r"([A-Za-z0-9._-]+).*;.*\bextra\s*==\s*['\"]([^'\"]+)['\"]")


def missing_extra(what: str, error: ModuleNotFoundError) -> MissingExtra | None:
    """The error for people, if ``what`` failed for want of a module that an extra installs.

    The package's own metadata say which does, so there is no list to keep. A module is taken for
    the distribution of the same name (``jupyter_core`` for ``jupyter-core``), which holds for all
    that are imported here but one. None for any other module: that is a fault, not a choice.
    """
    module = (error.name or "").partition(".")[0]
    extra = _extras().get(_normal("pyyaml" if module == "yaml" else module))
    if extra is None:
        return None
    return MissingExtra(f"{what} needs the extra {extra!r}: pip install '{_DISTRIBUTION}[{extra}]'")


def _extras() -> dict[str, str]:
    """Distribution to extra; ``dev`` is none that a command could need."""
    # Not at the top: every command would wait for it.
    from importlib.metadata import PackageNotFoundError, requires

    try:
        requirements = requires(_DISTRIBUTION) or []
    except PackageNotFoundError:  # the bare source tree
        return {}
    found = filter(None, map(_OF_AN_EXTRA.match, requirements))
    return {_normal(m[1]): m[2] for m in found if m[2] != "dev"}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
