"""The effect of one factor over blocks: trials are only compared within their own stratum.

Blocks are run one after the other on one daemon. If the host slows down half-way, every block
still holds both levels of the factor, so the drift cancels instead of posing as an effect.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from iluvatar_bench.stats._checks import check_confidence
from iluvatar_bench.stats.difference import rate_difference

# Two tables count as equally probable within this, as in R's mantelhaen.test.
_TIE = 1 + 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class StratifiedEffect:
    """What :func:`stratified_effect` found; level minus reference, so positive is more failures.

    ``strata`` counts those with trials on both sides: the others compare nothing.
    ``difference`` is of rates, with ``low`` and ``high``. ``p_value`` is exact; ``statistic``
    and ``p_cmh`` are the asymptotic chi-squared test's, NaN where it is undefined. The odds
    ratio is 0 or inf where one side never failed, its bounds are NaN then.
    """

    strata: int
    trials: int
    difference: float
    low: float
    high: float
    p_value: float
    statistic: float
    p_cmh: float
    odds_ratio: float
    odds_ratio_low: float
    odds_ratio_high: float
    confidence: float


def stratified_effect(
    tables: NDArray[np.int64] | Sequence[Sequence[Sequence[int]]], *, confidence: float = 0.95
) -> StratifiedEffect:
    """The common effect of a factor over K strata of 2 x 2 counts.

    For stratum k with x1 of n1 failures at the level, x0 of n0 at the reference, N = n1 + n0:

    * ``difference`` is Mantel and Haenszel's: sum of w (x1/n1 - x0/n0) over W = sum of w, with
      w = n1 n0 / N. Its interval is Klingenberg's (Statistics in Medicine 33, 2014), which
      solves (difference - d)² = z² (d P + Q) / W² for d, with Sato's (Biometrics 45, 1989)
      P = sum (n1² x0 - n0² x1 + n1 n0 (n0 - n1)/2) / N² and
      Q = sum (x1 (n0 - x0) + x0 (n1 - x1)) / 2N. It holds both for few large strata and for
      many small ones, and does not collapse where one side always and the other never fails.
    * ``p_value`` is the exact conditional test: given the margins of every stratum, the sum of
      the x1 is a sum of independent hypergeometric variables; p adds up the probabilities of
      all sums no more probable than the one seen. One stratum makes it Fisher's test, pairs
      make it the exact McNemar test. R: ``mantelhaen.test(exact = TRUE)``.
    * ``statistic`` is Cochran-Mantel-Haenszel's chi-squared without continuity correction, and
      the odds ratio is Mantel-Haenszel's with the interval of Robins, Breslow and Greenland
      (Biometrics 42, 1986).

    Trials within a stratum are taken as independent; failures that come in clusters (one Kill
    that takes three containers) make p too small.

    Edges: strata without trials on one side are left out. With none left, difference is NaN,
    the interval [-1, 1] and p 1. Where nothing failed at all, or everything, P and Q vanish;
    the interval is then Newcombe's over the pooled totals.

    Args:
        tables: shape (K, 2, 2); a table is [[level failed, level not], [reference failed,
            reference not]]. K may be 0.
        confidence: of both intervals.

    Raises:
        ValueError: wrong shape, negative or fractional counts, confidence not in (0, 1).
    """
    check_confidence(confidence)
    cells = _as_tables(tables)
    cells = cells[(cells.sum(axis=2) > 0).all(axis=1)]
    if len(cells) == 0:
        difference, low, high = math.nan, -1.0, 1.0
    else:
        difference, low, high = _risk_difference(cells, confidence)
    statistic, p_cmh = _cochran_mantel_haenszel(cells)
    odds_ratio, odds_ratio_low, odds_ratio_high = _odds_ratio(cells, confidence)
    return StratifiedEffect(
        strata=len(cells),
        trials=int(cells.sum()),
        difference=difference,
        low=low,
        high=high,
        p_value=_exact_p(cells),
        statistic=statistic,
        p_cmh=p_cmh,
        odds_ratio=odds_ratio,
        odds_ratio_low=odds_ratio_low,
        odds_ratio_high=odds_ratio_high,
        confidence=confidence,
    )


def _as_tables(tables: NDArray[np.int64] | Sequence[Sequence[Sequence[int]]]) -> NDArray[np.int64]:
    given = np.asarray(tables)
    if given.size == 0:
        return np.zeros((0, 2, 2), dtype=np.int64)
    if given.ndim != 3 or given.shape[1:] != (2, 2):
        raise ValueError(f"tables must have the shape (K, 2, 2), not {given.shape}")
    cells = given.astype(np.int64)
    if (cells != given).any() or (cells < 0).any():
        raise ValueError("tables must hold counts: whole numbers, not negative")
    return cells


def _risk_difference(cells: NDArray[np.int64], confidence: float) -> tuple[float, float, float]:
    failed = cells[:, :, 0].sum()
    if failed == 0 or failed == cells.sum():
        (x_level, n_level), (x_reference, n_reference) = (
            (int(side[:, 0].sum()), int(side.sum())) for side in (cells[:, 0], cells[:, 1])
        )
        pooled = rate_difference(x_reference, n_reference, x_level, n_level, confidence=confidence)
        return pooled.estimate, pooled.low, pooled.high
    x1, x0 = (cells[:, side, 0].astype(float) for side in (0, 1))
    n1, n0 = (cells[:, side].sum(axis=1).astype(float) for side in (0, 1))
    total = n1 + n0
    weight = float((n1 * n0 / total).sum())
    estimate = float(((x1 * n0 - x0 * n1) / total).sum()) / weight
    p = float(((n1**2 * x0 - n0**2 * x1 + n1 * n0 * (n0 - n1) / 2) / total**2).sum())
    q = float(((x1 * (n0 - x0) + x0 * (n1 - x1)) / (2 * total)).sum())
    z_squared = float(scipy.stats.norm.isf((1 - confidence) / 2)) ** 2
    middle = estimate + z_squared * p / (2 * weight**2)
    # Zero in exact arithmetic at the corner (all against none); rounding may fall below.
    margin = math.sqrt(max(0.0, middle**2 - estimate**2 + z_squared * q / weight**2))
    return estimate, max(-1.0, middle - margin), min(1.0, middle + margin)


def _exact_p(cells: NDArray[np.int64]) -> float:
    """The two-sided exact conditional p-value; 1 where no stratum can speak either way."""
    probability = np.ones(1)
    observed = 0
    for (x1, y1), (x0, y0) in cells.tolist():
        n1, n0, failed = x1 + y1, x0 + y0, x1 + x0
        lowest, highest = max(0, failed - n0), min(failed, n1)
        support = np.arange(lowest, highest + 1)
        probability = np.convolve(
            probability, scipy.stats.hypergeom.pmf(support, n1 + n0, n1, failed)
        )
        observed += x1 - lowest
    as_extreme = probability[probability <= probability[observed] * _TIE]
    return min(1.0, float(as_extreme.sum()))


def _cochran_mantel_haenszel(cells: NDArray[np.int64]) -> tuple[float, float]:
    # Strata where all failed or none did add nothing to either sum; with no others, 0 / 0.
    failed = cells[:, :, 0].sum(axis=1)
    informative = cells[(failed > 0) & (failed < cells.sum(axis=(1, 2)))]
    if len(informative) == 0:
        return math.nan, math.nan
    n1, n0, x1, failed = (count.astype(float) for count in _margins(informative))
    total = n1 + n0
    excess = float((x1 - n1 * failed / total).sum())
    variance = float((n1 * n0 * failed * (total - failed) / (total**2 * (total - 1))).sum())
    statistic = excess**2 / variance
    return statistic, float(scipy.stats.chi2.sf(statistic, 1))


def _margins(cells: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Of each stratum: trials at the level and at the reference, failures at the level and all."""
    n1, n0 = cells.sum(axis=2).T
    return n1, n0, cells[:, 0, 0], cells[:, :, 0].sum(axis=1)


def _odds_ratio(cells: NDArray[np.int64], confidence: float) -> tuple[float, float, float]:
    (a, b), (c, d) = np.moveaxis(cells.astype(float), 0, -1)
    total = a + b + c + d
    r, s = a * d / total, b * c / total
    for_level, against = float(r.sum()), float(s.sum())
    if for_level == 0 or against == 0:
        estimate = math.inf if for_level > 0 else 0.0 if against > 0 else math.nan
        return estimate, math.nan, math.nan
    p, q = (a + d) / total, (b + c) / total
    variance = (
        float((p * r).sum()) / for_level**2
        + float((p * s + q * r).sum()) / (for_level * against)
        + float((q * s).sum()) / against**2
    ) / 2
    estimate = for_level / against
    factor = math.exp(float(scipy.stats.norm.isf((1 - confidence) / 2)) * math.sqrt(variance))
    return estimate, estimate / factor, estimate * factor
