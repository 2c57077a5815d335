"""What a failure looks like in words: one module a kind, one table, see :mod:`.table`."""

from iluvatar_bench.bugs.signatures.table import SIGNATURES
from iluvatar_bench.bugs.signatures.wording import Signature

__all__ = ["SIGNATURES", "Signature"]
