"""Many questions to one experiment: p-values corrected so that one lucky class convinces nobody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def holm(p_values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Holm's step-down correction (Scandinavian Journal of Statistics 6, 1979).

    With the p-values sorted, p(1) <= ... <= p(m), the corrected values are::

        q(i) = max over j <= i of min(1, (m - j + 1) p(j))

    Rejecting where q <= alpha keeps the probability of *any* false alarm among the m questions
    at or below alpha, whatever the dependence between them; it never does worse than
    Bonferroni.

    Args:
        p_values: shape (m,). NaN means that the question was not asked: it stays NaN and does
            not count in m.

    Returns:
        Shape (m,), in the order given. An empty input gives an empty array.

    Raises:
        ValueError: a p-value outside 0..1, or more than one dimension.
    """
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"p_values must have one dimension, not {values.ndim}")
    asked = ~np.isnan(values)
    if ((values[asked] < 0) | (values[asked] > 1)).any():
        raise ValueError("p-values must lie in 0..1")
    corrected = np.full(values.shape, np.nan)
    order = np.argsort(values)[: asked.sum()]  # NaN sorts to the end
    still_open = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1, np.maximum.accumulate(still_open * values[order]))
    return corrected
