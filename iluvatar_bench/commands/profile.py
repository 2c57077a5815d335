"""``profile``: the presets and one's own, looked at, made, held against each other, checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iluvatar_bench.commands.options import AsJson, Sets
from iluvatar_bench.commands.output import example, print_json, print_plain, print_rows

if TYPE_CHECKING:
    from iluvatar_bench.profiles import Profile

profile_app = typer.Typer(no_args_is_help=True, help="Profiles: complete sets of choices.")

_REFERENCE = "guarded"

Name = Annotated[str, typer.Argument(help="a preset, a saved profile, or a profile's file")]


@profile_app.command("list", epilog=example("profile list", "profile list --json"))
def profile_list(as_json: AsJson = False) -> None:
    """The presets and the saved profiles, and where each differs from guarded."""
    from iluvatar_bench.errors import UsageError
    from iluvatar_bench.profiles import PRESETS, named_profile
    from iluvatar_bench.profiles.saved import saved_names

    rows = [("preset", name, _changes(profile)) for name, profile in PRESETS.items()]
    for name in saved_names():
        try:
            rows.append(("saved", name, _changes(named_profile(name))))
        except UsageError as error:
            # One that is broken must not hide the others.
            rows.append(("broken", name, str(error)))
    if as_json:
        print_json([dict(zip(("kind", "name", "changes"), row, strict=True)) for row in rows])
        return
    header = ("profile", "kind", f"other than {_REFERENCE}")
    print_rows(header, [(name, kind, changes or "–") for kind, name, changes in rows])


@profile_app.command("show", epilog=example("profile show guarded", "profile show guarded --json"))
def profile_show(name: Name, as_json: AsJson = False) -> None:
    """All factors of a profile with their levels, in the form of a profile's file."""
    from iluvatar_bench.profiles import factor_levels, named_profile

    profile = named_profile(name)
    if as_json:
        print_json(profile.model_dump())
        return
    print_plain(f"name = {json.dumps(profile.name)}")
    rows = [(f"{key} = {json.dumps(value)}", factor_levels(key)) for key, value in _levels(profile)]
    width = max(len(text) for text, _ in rows)
    for text, levels in rows:
        print_plain(f"{text.ljust(width)}  # {', '.join(levels)}" if levels else text)


@profile_app.command(
    "new",
    epilog=example(
        "profile new mine --base guarded --set cgroup=shared",
        "profile new ./mine.toml --base iluvatar-2022-07 --set kill=init",
    ),
)
def profile_new(
    name: Annotated[str, typer.Argument(help="what it is called, or the file to write")],
    base: Annotated[str, typer.Option(help="what it is made from, as for show")] = _REFERENCE,
    settings: Sets = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="put it in the place of one of this name")
    ] = False,
) -> None:
    """Save a profile of your own; run, dose, root-cause and notebooks take it by its name."""
    from iluvatar_bench.errors import UsageError
    from iluvatar_bench.profiles import PRESETS, named_profile, resolve_profile
    from iluvatar_bench.profiles.profile_file import names_a_file, write_profile
    from iluvatar_bench.profiles.saved import require_free, saved_path

    path = Path(name).expanduser() if names_a_file(name) else saved_path(name)
    title = path.stem
    if title in PRESETS:
        raise UsageError(f"the name {title} is that of a preset: choose another one")
    source, profile = named_profile(base), resolve_profile(base, settings or ())
    changed = {k: v for k, v in _levels(profile) if v != source.factors[k]}
    # A preset stays as it is; another base may change, or stay behind on another host.
    fields = {"base": base, **changed} if base in PRESETS else profile.factors
    require_free(path, replace=replace)
    write_profile({"name": title, **fields}, path)
    print_plain(str(path))


@profile_app.command("diff", epilog=example("profile diff iluvatar-2022-07 guarded"))
def profile_diff(one: Name, other: Name, as_json: AsJson = False) -> None:
    """The factors in which two profiles differ."""
    from iluvatar_bench.profiles import named_profile

    first, second = named_profile(one), named_profile(other)
    rows = [(k, v, second.factors[k]) for k, v in _levels(first) if v != second.factors[k]]
    if as_json:
        print_json({factor: [left, right] for factor, left, right in rows})
    elif rows:
        print_rows(("factor", first.name, second.name), rows)
    else:
        print_plain(f"{first.name} and {second.name} are the same in every factor")


@profile_app.command("check", epilog=example("profile check mine.toml"))
def profile_check(
    file: Annotated[str, typer.Argument(help="a profile's file, or its name")],
) -> None:
    """Say all that is wrong with a profile's file at once; nothing is started."""
    from iluvatar_bench.profiles import named_profile

    profile = named_profile(file)
    changes = _changes(profile)
    other = f"other than {_REFERENCE}: {changes}" if changes else f"the same as {_REFERENCE}"
    print_plain(f"{file} is a profile named {profile.name}, {other}")


def _levels(profile: Profile) -> list[tuple[str, str | int | float]]:
    return list(profile.factors.items())


def _changes(profile: Profile) -> str:
    """Where it differs from the reference: ``cgroup=shared, kill=all``."""
    from iluvatar_bench.profiles import PRESETS

    usual = PRESETS[_REFERENCE].factors
    return ", ".join(f"{k}={v}" for k, v in _levels(profile) if v != usual[k])
