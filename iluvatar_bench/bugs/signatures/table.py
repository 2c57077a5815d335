"""What a failure looks like in words: one table, in the order of its judgement.

**Order is priority.** A text that fits two classes gets the earlier cause. First what the kernel
refuses, then along a container's life: the daemon, the snapshot and its mount, the image, the
network, then what the kernel, the runtime and the shim say, then the process itself, and last the
general wordings that only wrap another one ("failed to create shim task").

One module a kind. :mod:`.wording` says what a pattern must be like.
"""

from iluvatar_bench.bugs.signatures import (
    by_object,
    by_tool,
    complaints,
    daemons,
    execs,
    exits,
    missing_files,
    network_words,
    of_no_class,
    platform_reasons,
    pressure,
    processes,
    refusals,
    resources,
    silent_starts,
    state_columns,
    storage,
    wrappings,
)
from iluvatar_bench.bugs.signatures.wording import Signature
from iluvatar_bench.bugs.taxonomy import Certainty

SIGNATURES: tuple[Signature, ...] = (
    *storage.SNAPSHOTTERS,
    *daemons.WORDINGS,
    *resources.WORDINGS,
    *storage.SNAPSHOTS,
    *storage.IMAGES,
    *network_words.WORDINGS,
    *pressure.WORDINGS,
    *of_no_class.CHECKPOINTS,
    *state_columns.PAUSED,
    *refusals.PAUSED,
    *execs.WORDINGS,
    *state_columns.TERMINATING,
    *refusals.REMOVALS,
    *refusals.CGROUPS,
    *refusals.VOLUMES,
    *refusals.RUNTIMES,
    *refusals.SHIMS,
    *missing_files.LOADERS,
    *missing_files.TOOLS,
    *missing_files.PYTHON_MODULES,
    *missing_files.LANGUAGES,
    *missing_files.OWN_FILES,
    *missing_files.PROGRAMS,
    *processes.DEATHS,
    *exits.BY_SIGNAL,
    *state_columns.UNKNOWN,
    *platform_reasons.LOST,
    *state_columns.REFUSED,
    *processes.ANSWERED_WRONGLY,
    *processes.ENDS_WITH_WORDS,
    *silent_starts.WORDINGS,
    *processes.AFTERMATH,
    *exits.OF_CONTAINERS,
    *exits.NOT_THERE,
    *state_columns.FAILED,
    *of_no_class.REQUESTS,
    *platform_reasons.WORDINGS,
    *processes.UNANSWERED,
    *processes.ENDED,
    *processes.SHAPES,
    *exits.UNITS,
    *daemons.BY_HAND,
    *complaints.CGROUPS,
    *wrappings.WORDINGS,
    *exits.BY_STATUS,
    *complaints.SHAPES,
    *processes.UNCAUGHT,
    *complaints.CREATES,
    *complaints.CALLS,
)
"""The one table. Earlier entries win."""

BY_OBJECT: tuple[Signature, ...] = by_object.WORDINGS
"""For a line that is an error and that the table does not know."""

_GUESSED = (s for s in SIGNATURES if s.certainty is Certainty.POSSIBLE)
_WEIGHED = (*missing_files.OWN_FILES, *processes.ENDED, *daemons.BY_HAND)
_SHAPES = (
    *_WEIGHED,
    *complaints.SHAPES,
    *complaints.CREATES,
    *complaints.CALLS,
    *wrappings.WORDINGS,
)

BROAD: frozenset[Signature] = frozenset((*_SHAPES, *BY_OBJECT, *_GUESSED)).difference(
    by_tool.WORDINGS
)
"""What goes by an object or by little more than an exit status: other words may say more."""
