"""What a failure looks like in words: one module a kind, one table, see :mod:`.table`."""

from iluvatar_bench.bugs.signatures.table import BROAD, BY_OBJECT, SIGNATURES
from iluvatar_bench.bugs.signatures.wording import Signature

__all__ = ["BROAD", "BY_OBJECT", "SIGNATURES", "Signature"]
