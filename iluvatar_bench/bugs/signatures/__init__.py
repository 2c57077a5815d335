"""What a failure looks like in words: one module a kind, one table, see :mod:`.table`."""

from iluvatar_bench.bugs.signatures.table import BY_OBJECT, SIGNATURES
from iluvatar_bench.bugs.signatures.wording import Signature

__all__ = ["BY_OBJECT", "SIGNATURES", "Signature"]
