"""CNI plugins, executed by the CNI protocol: environment and JSON in, one JSON document out.

https://www.cni.dev/docs/spec/ (versions 0.3.1 to 1.0.0).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address
from ipaddress import ip_interface as parse_interface
from pathlib import Path
from typing import Any

from iluvatar_bench.errors import MissingProgram, NetworkError, PluginFailed, PluginMisbehaved

VERSIONS = ("1.0.0", "0.4.0", "0.3.1")
"""What we speak, best first."""

CHECK_SINCE = (0, 4, 0)

PLUGIN_SECONDS = 30.0
"""How long a plugin may take. One ADD of bridge and host-local takes about 10 ms."""

_EXCERPT_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a plugin connects: one interface of one namespace. ``netns`` None: it is gone."""

    container_id: str
    netns: Path | None
    interface: str = "eth0"


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface that a plugin made; ``sandbox`` is the namespace's path, None on the host."""

    name: str
    mac: str | None
    sandbox: str | None


@dataclass(frozen=True, slots=True)
class Address:
    """An address that a plugin gave, with its prefix length."""

    address: IPv4Interface | IPv6Interface
    gateway: IPv4Address | IPv6Address | None


@dataclass(frozen=True, slots=True)
class Result:
    """A plugin's answer to ADD. ``document`` is the whole of it, as CHECK and DEL want it back."""

    interfaces: tuple[Interface, ...]
    addresses: tuple[Address, ...]
    document: Mapping[str, Any] = field(repr=False)


def find_plugins(homes: Sequence[Path], *names: str) -> tuple[Path, ...]:
    """The programs of the named plugins.

    Raises:
        MissingProgram: one is in none of the folders.
    """
    found = []
    for name in names:
        program = next((home / name for home in homes if os.access(home / name, os.X_OK)), None)
        if program is None:
            raise MissingProgram(
                f"CNI plugin {name} is not installed (looked in {', '.join(map(str, homes))}); on "
                "Debian or Ubuntu: apt-get install containernetworking-plugins, or set CNI_PATH"
            )
        found.append(program)
    return tuple(found)


class Plugin:
    """One plugin with one network configuration. A plugin it delegates to is found in ``homes``."""

    def __init__(
        self,
        program: Path,
        config: Mapping[str, Any],
        *,
        homes: Sequence[Path],
        seconds: float = PLUGIN_SECONDS,
    ) -> None:
        self.program = program
        self.config = config
        self._homes = homes
        self._seconds = seconds

    @property
    def checks(self) -> bool:
        """Whether the configuration's CNI version has CHECK."""
        return tuple(int(part) for part in self.config["cniVersion"].split(".")) >= CHECK_SINCE

    async def add(self, endpoint: Endpoint) -> Result:
        """Make the interface. After an error :meth:`delete` is still due.

        Raises:
            PluginFailed: the plugin answered with an error document.
            PluginMisbehaved: it gave no answer that can be read, or none in time.
        """
        document = await self._execute("ADD", endpoint, self.config)
        try:
            return _parse_result(document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PluginMisbehaved(
                f"CNI ADD of {endpoint.container_id}: plugin {self.program.name} answered with "
                f"something that is not a result: {_excerpt(json.dumps(document))}"
            ) from error

    async def check(self, endpoint: Endpoint, result: Result) -> None:
        """Have the plugin look whether all is still as it left it.

        Raises:
            NetworkError: the CNI version has no CHECK (see :attr:`checks`).
            PluginFailed: something is missing or different; the message says what.
            PluginMisbehaved: as for :meth:`add`.
        """
        if not self.checks:
            raise NetworkError(f"CNI version {self.config['cniVersion']} has no CHECK")
        await self._execute("CHECK", endpoint, {**self.config, "prevResult": result.document})

    async def delete(self, endpoint: Endpoint, result: Result | None = None) -> None:
        """Remove the interface and give its address back. Safe to repeat, and after a failed ADD.

        Raises:
            PluginFailed, PluginMisbehaved: as for :meth:`add`.
        """
        config = dict(self.config)
        if result is not None and self.checks:
            config["prevResult"] = result.document
        await self._execute("DEL", endpoint, config)

    async def supported_versions(self) -> tuple[str, ...]:
        """The CNI versions that the plugin knows.

        Raises:
            PluginFailed, PluginMisbehaved: as for :meth:`add`.
        """
        nothing = Endpoint("", None, "")
        document = await self._execute("VERSION", nothing, {"cniVersion": VERSIONS[0]})
        return tuple(document.get("supportedVersions", ()))

    async def _execute(
        self, command: str, endpoint: Endpoint, config: Mapping[str, Any]
    ) -> dict[str, Any]:
        environment = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": endpoint.container_id,
            "CNI_NETNS": str(endpoint.netns or ""),
            "CNI_IFNAME": endpoint.interface,
            "CNI_PATH": ":".join(map(str, self._homes)),
            "PATH": os.environ.get("PATH", os.defpath),
        }
        what = f"CNI {command} of {endpoint.container_id}: plugin {self.program.name}"
        try:
            process = await asyncio.create_subprocess_exec(
                self.program,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
                # A group of its own, with the plugins it delegates to, so that all can be ended.
                start_new_session=True,
            )
        except OSError as error:
            raise PluginMisbehaved(f"{what} cannot be executed: {error.strerror}") from error
        try:
            async with asyncio.timeout(self._seconds):
                output, errors = await process.communicate(json.dumps(config).encode())
        except TimeoutError as error:
            raise PluginMisbehaved(f"{what} did not end within {self._seconds:g} s") from error
        finally:
            await _end(process)
        document = _parse_document(output)
        if process.returncode == 0 and (document is not None or not output.strip()):
            return document or {}
        if document is None or "code" not in document:
            said = _excerpt((output + b" " + errors).decode(errors="replace"))
            raise PluginMisbehaved(f"{what} ended with status {process.returncode}: {said}")
        raise PluginFailed(
            command=command,
            plugin=self.program.name,
            container_id=endpoint.container_id,
            code=int(document["code"]),
            detail=": ".join(str(document[k]) for k in ("msg", "details") if document.get(k)),
        )


async def best_version(plugin: Plugin) -> str:
    """The best CNI version that both the plugin and we speak.

    Raises:
        PluginMisbehaved: there is none.
        PluginFailed: the plugin does not answer the question.
    """
    theirs = await plugin.supported_versions()
    for version in VERSIONS:
        if version in theirs:
            return version
    raise PluginMisbehaved(
        f"CNI plugin {plugin.program} speaks versions {', '.join(theirs) or 'unknown'}; "
        f"this program speaks {', '.join(VERSIONS)}"
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a plugin that is still there: it hangs, or nobody waits for it any more."""
    if process.returncode is None:
        # The kernel gives no number out again while a process or a group has it, and asyncio tells
        # of an end at once; but on Python 3.11 a thread reaps, an instant before we are told.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        await process.communicate()


def _parse_document(output: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(output)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _parse_result(document: Mapping[str, Any]) -> Result:
    return Result(
        interfaces=tuple(
            Interface(
                name=entry["name"],
                mac=entry.get("mac") or None,
                sandbox=entry.get("sandbox") or None,
            )
            for entry in document.get("interfaces", ())
        ),
        addresses=tuple(
            Address(
                address=parse_interface(entry["address"]),
                gateway=ip_address(entry["gateway"]) if entry.get("gateway") else None,
            )
            for entry in document["ips"]
        ),
        document=document,
    )


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line[:_EXCERPT_CHARACTERS] or "(it said nothing)"
