"""``trials-needed``: how many trials show a difference, before they are run."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from iluvatar_bench.commands.called_as import program
from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.commands.output import print_json, print_plain
from iluvatar_bench.errors import UsageError


def trials_needed_command(
    rate: Annotated[float, typer.Option(help="the failure rate of one side, 0 to 1")],
    difference: Annotated[
        float, typer.Option(help="how far the other side's is from it; negative: lower")
    ],
    design_effect: Annotated[
        float,
        typer.Option(help="1 for independent failures; kills and collections here: 1.3 to 2.8"),
    ] = 2.0,
    power: Annotated[float, typer.Option(help="the probability of showing it")] = 0.9,
    alpha: Annotated[float, typer.Option(help="accepted chance of a false alarm")] = 0.05,
    repeats: Annotated[int, typer.Option(help="containers of each side in a block of `ab`")] = 6,
    as_json: AsJson = False,
) -> None:
    """How many trials a side show a difference of rates, by Fisher's exact test, and by `ab`.

    Exact for independent trials; failures in clusters need as many times more as the design effect
    says, which `compare` measures by the events that it counts.
    """
    from iluvatar_bench.stats import trials_to_see_difference

    if not design_effect >= 1 or not math.isfinite(design_effect):
        raise UsageError(f"a design effect is at least 1, not {design_effect}")
    if repeats < 1:
        raise UsageError(f"repeats must be at least 1, not {repeats}")
    other = round(rate + difference, 12)
    for name, value in (("--rate", rate), ("--rate and --difference together", other)):
        if not 0 <= value <= 1:
            raise UsageError(f"{name} must lie in 0..1, not {value:g}: 0.1 is 10 %")
    try:
        alone = trials_to_see_difference(rate, other, power=power, alpha=alpha)
    except ValueError as error:
        raise UsageError(str(error)) from error
    trials = math.ceil(alone * design_effect)
    rounds = math.ceil(trials / repeats)
    if as_json:
        print_json(
            {
                "independent_trials_a_side": alone,
                "trials_a_side": trials,
                "rounds": rounds,
                "repeats": repeats,
                "design_effect": design_effect,
                "power": power,
                "alpha": alpha,
            }
        )
        return
    print_plain(
        f"{100 * rate:g} % against {100 * other:g} %, shown with {100 * power:g} % at {alpha:g}: "
        f"{trials} trials a side (independent ones: {alone}; design effect {design_effect:g})"
    )
    print_plain(f"{program()} ab A B --rounds {rounds} --repeats {repeats}")
