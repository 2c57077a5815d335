"""Every exception of the project.

::

    IluvatarBenchError
    ├── UsageError                  your mistake: a name, a level, a number (exit 2)
    │   └── NoSuchFile              a file that was named is not there
    ├── EnvironmentProblem          the host lacks something a run needs (exit 1)
    │   ├── MissingProgram          containerd, runc, a CNI plugin
    │   ├── MissingExtra            a part of this package that was not installed
    │   ├── InsufficientPrivilege   not root
    │   ├── UnusablePath            a folder or socket that cannot be used
    │   ├── DiskFull                no room where a run, or its containerd, writes (exit 4)
    │   ├── DaemonStartFailed       the private containerd did not come up
    │   ├── NoScheduler             no scheduler of a sweep, or no worker that could run its cells
    │   └── NetworkConflict         a subnet or bridge name belongs to something else here
    ├── ContainerdError             containerd answered a request with an error
    │   ├── NotFound, AlreadyExists, InvalidArgument, FailedPrecondition, ...
    │   ├── Unreachable             nothing was sent: the request surely did not happen
    │   │   └── NotConnected        something listens, and took no connection: it may do so later
    │   └── AnswerLost              the request may have happened (outcome ``unknown``)
    │       ├── Unavailable, DeadlineExceeded, Cancelled
    │       └── DaemonLost          containerd went away and did not come back in time
    ├── LifecycleError              a step of a container's life failed
    │   ├── StartupFailed           the process did not become ready
    │   ├── ProcessDied             a ready process ended though nobody asked it to
    │   ├── InvocationFailed        a ready function did not answer an invocation well
    │   ├── ExecFailed              a further process in it could not be started
    │   └── StepTimedOut            an awaited condition did not come about in time
    ├── NetworkError                a network namespace or an address
    │   ├── PluginFailed            a CNI plugin answered with an error document
    │   ├── PluginMisbehaved        a CNI plugin gave no answer that can be read, or none in time
    │   └── AddressRefused          a request to something this process holds no address for
    ├── ImageError                  a function image cannot be built or imported
    ├── ClientFails                 a client under test fails without any fault (exit 4)
    └── NothingToBlame              a search for a cause has no failure to explain

``str(error)`` is one line for the user: what happened, to which container, what to do.
The chain (``__cause__``) is for the log.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class IluvatarBenchError(Exception):
    """Base of every error this project raises on purpose."""

    exit_code = 1


class UsageError(IluvatarBenchError):
    """The request itself is wrong: an unknown name, an impossible number."""

    exit_code = 2


class NoSuchFile(UsageError):
    """A file that was named is not there."""


class EnvironmentProblem(IluvatarBenchError):
    """This host lacks something that the request needs; the message says the remedy."""


class MissingProgram(EnvironmentProblem):
    """A program that a run needs is not installed."""


class MissingExtra(EnvironmentProblem):
    """A command needs an extra of this package that is not installed."""


class InsufficientPrivilege(EnvironmentProblem):
    """The operation needs root."""


class UnusablePath(EnvironmentProblem):
    """A folder or socket cannot be used as asked."""


class DiskFull(EnvironmentProblem):
    """A disk has no room for what a run keeps, or for what its private containerd makes."""

    exit_code = 4


class DaemonStartFailed(EnvironmentProblem):
    """The private containerd ended or did not serve in time; its last log lines are attached."""


class NoScheduler(EnvironmentProblem):
    """A sweep's scheduler does not answer, or no worker of it can be given cells."""


class NetworkConflict(EnvironmentProblem):
    """A subnet or an interface name that a network needs belongs to something else on this host."""


class ContainerdError(IluvatarBenchError):
    """Containerd answered with an error.

    ``operation`` is the request ("Tasks.Create"), ``subject`` the object's id, ``namespace``
    the containerd namespace and ``detail`` containerd's own text, unshortened.
    """

    def __init__(self, *, operation: str, subject: str, namespace: str, detail: str) -> None:
        self.operation = operation
        self.subject = subject
        self.namespace = namespace
        self.detail = detail
        what = f"{operation} of {subject}" if subject else operation
        super().__init__(f"{what} in namespace {namespace!r}: {detail}")


class NotFound(ContainerdError):
    """NOT_FOUND: on the way out this means *already gone*."""


class AlreadyExists(ContainerdError):
    """ALREADY_EXISTS."""


class InvalidArgument(ContainerdError):
    """INVALID_ARGUMENT or OUT_OF_RANGE: the request's own fault."""


class FailedPrecondition(ContainerdError):
    """FAILED_PRECONDITION: the object is in a state that forbids the request."""


class PermissionRefused(ContainerdError):
    """PERMISSION_DENIED or UNAUTHENTICATED."""


class ResourceExhausted(ContainerdError):
    """RESOURCE_EXHAUSTED."""


class NotImplementedByDaemon(ContainerdError):
    """UNIMPLEMENTED: this containerd does not know the call."""


class DataLost(ContainerdError):
    """DATA_LOSS."""


class DaemonFault(ContainerdError):
    """UNKNOWN, INTERNAL or ABORTED: the request failed inside containerd, the shim or runc."""


class Unreachable(ContainerdError):
    """No connection could be made, so nothing was sent."""


class NotConnected(Unreachable):
    """Something is behind the socket and no connection came about; a later try may succeed."""


class AnswerLost(ContainerdError):
    """The request was sent and no answer came: it may or may not have happened."""


class Unavailable(AnswerLost):
    """UNAVAILABLE in the middle of a call: the daemon went away."""


class DeadlineExceeded(AnswerLost):
    """DEADLINE_EXCEEDED."""


class Cancelled(AnswerLost):
    """CANCELLED by the other side."""


class DaemonLost(AnswerLost):
    """Containerd went away, and did not come back before the deadline that the run had for it."""


class LifecycleError(IluvatarBenchError):
    """A step of a container's life failed."""

    def __init__(self, message: str, *, container_id: str) -> None:
        self.container_id = container_id
        super().__init__(message)


class StartupFailed(LifecycleError):
    """The function's process did not become ready.

    ``stdout`` and ``stderr`` are the tails of its output; ``exited`` tells an early end from a
    timeout.
    """

    def __init__(
        self, message: str, *, container_id: str, stdout: str, stderr: str, exited: bool
    ) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self.exited = exited
        super().__init__(message, container_id=container_id)


class ProcessDied(LifecycleError):
    """A ready process ended though this client had not asked it to."""


class InvocationFailed(LifecycleError):
    """A ready function did not give a good answer to an invocation; the message says how."""


class ExecFailed(LifecycleError):
    """A further process in a running container could not be started."""


class StepTimedOut(LifecycleError):
    """An awaited condition did not come about before its deadline."""


class NetworkError(IluvatarBenchError):
    """A network namespace or an address could not be set up, used or removed."""


class PluginFailed(NetworkError):
    """A CNI plugin answered with an error document.

    ``code`` is its number (below 100: the CNI specification's; 100 and above: the plugin's own),
    ``detail`` the plugin's own text, unshortened.
    """

    def __init__(
        self, *, command: str, plugin: str, container_id: str, code: int, detail: str
    ) -> None:
        self.command = command
        self.plugin = plugin
        self.container_id = container_id
        self.code = code
        self.detail = detail
        super().__init__(
            f"CNI {command} of {container_id} by plugin {plugin}: {detail} (code {code})"
        )


class PluginMisbehaved(NetworkError):
    """A CNI plugin ended without an answer that can be read, or did not end in its time."""


class AddressRefused(NetworkError):
    """A request was to go to something that this process holds no address for (any more).

    Nothing was sent.
    """


class ImageError(IluvatarBenchError):
    """A function image cannot be built or imported; the message names what to mend."""


class ClientFails(IluvatarBenchError):
    """A client under test fails by itself, before any fault was tried on it."""

    exit_code = 4


class NothingToBlame(IluvatarBenchError):
    """The failing profile does not fail, or the clean one is not clean: there is no question."""


def meant(wrong: str, known: Iterable[str]) -> str:
    """For a message: `` (did you mean X?)`` with the closest name; empty where none is close."""
    close = difflib.get_close_matches(wrong, tuple(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def unreadable(path: object, error: OSError) -> IluvatarBenchError:
    """What to raise for a named file that cannot be read: one kind where there is none, anywhere.

    So all commands end with the same exit status for it.
    """
    kind = NoSuchFile if isinstance(error, FileNotFoundError) else UnusablePath
    return kind(f"cannot read {path}: {error.strerror or error}")
