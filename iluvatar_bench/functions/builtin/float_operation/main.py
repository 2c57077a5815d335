"""Computes with floating-point numbers: no packages, no files, only processor time."""

import math
import time


def main(args: dict) -> dict:
    """Return the sum over ``n`` (100,000) sines, cosines and roots, and its duration in ms."""
    n = int(args.get("n", 100_000))
    started = time.perf_counter()
    total = 0.0
    for i in range(n):
        total += math.sin(i) * math.cos(i) + math.sqrt(i)
    return {"result": total, "n": n, "duration_ms": (time.perf_counter() - started) * 1000}
