"""The kinds of figures by their names, and what each shows: what can be said without drawing."""

FIGURE_NAMES = {
    "client_rates": "an observation: failed containers over time, by client",
    "failure_rates": "failed trials by bug class, with intervals",
    "differences": "two runs: the difference of their rates by bug class",
    "effects": "a root-cause run: the effect of each factor on each bug class",
    "steps": "how long each step of the lifecycle took",
    "lifecycles": "one run: the containers' lives beside each other",
    "survival": "how long ready containers lived",
    "memory": "one run: memory of the containers over time, and the deaths",
    "timeline": "one trial of a run, by default the first that failed: what was done and seen",
    "arrivals": "churn and trace: each arrival's wait and outcome",
    "occupancy": "churn and trace: the pool over time",
    "latency": "churn and trace: latency of cold and warm starts",
    "kills": "an observation: who ended whom",
    "left_behind": "an observation: what lay about over time",
}
"""Of runs, the one that is taken by default first; ``figure_kinds`` draws them."""
