r"""What a failure looks like in words: one table, in the order of its judgement.

**Order is priority.** A text that fits two classes gets the earlier cause, so the table runs along
a container's life: the daemon, the snapshot and its mount, the image, the network, then what the
kernel, the runtime and the shim say, then the process itself, and last the general wordings that
only wrap another one ("failed to create shim task").

**Every pattern is cheap.** Every repeat is bounded, and possessive (``{1,300}+``, no way back)
unless what follows may begin inside it: the cost of a search grows with the length of the text and
with nothing else. A test reads the parse tree of each pattern and holds this.

**Texts arrive quoted.** logfmt, JSON and Rust's ``Debug`` put backslashes before quotes and write
``\n`` for a new line, several deep when one program passes on another's message. ``_Q`` and ``_NL``
stand for a quote and a new line at any such depth, ``_B`` for the beginning of a word, also where
the ``n`` of such a new line touches it.

``versions`` names where the wording is known to occur; ``source`` is the file that writes it (in
containerd's tree as of 1.6) or a public report (``owner/repository#number`` on GitHub).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from iluvatar_bench.bugs.taxonomy import BugClass

_Q = r"\\{0,7}+[\"`']"
_NL = r"(?:\r?\n|\\{1,7}+n)"
_B = r"(?:\b|(?<=\\n))"


@dataclass(frozen=True, slots=True)
class Signature:
    """One wording of one class of failure."""

    bug_class: BugClass
    pattern: re.Pattern[str]
    versions: str
    source: str
    note: str = ""


def _of(bug_class: BugClass, pattern: str, versions: str, source: str, note: str = "") -> Signature:
    return Signature(bug_class, re.compile(pattern), versions, source, note)


_DAEMON = (
    _of(
        BugClass.DAEMON_UNAVAILABLE,
        rf"failed to dial {_Q}?[^\s\"]{{0,100}}containerd\.sock"
        r"|[Ee]rror while dialing:? (?:dial unix )?[^\s\"]{0,100}containerd\.sock"
        rf"|cannot access containerd socket {_Q}"
        r"|failed to connect to all addresses|Cannot connect to the Docker daemon",
        "containerd 1.4-2.3 clients (ctr, nerdctl, crictl, kubelet), grpcio, docker",
        "containerd client.go; containerd/containerd#10432; moby/moby#51546",
    ),
)

_SNAPSHOT = (
    _of(
        BugClass.SNAPSHOT_OVERLAY,
        r"failed to mount rootfs component"
        rf"|mount source: {_Q}[^\"\\]{{1,200}}+\\{{0,7}}+\", target: {_Q}[^\"\\]{{1,300}}/rootfs",
        "containerd 1.4-2.3; goes on with `&{type source [options]}` or `: mount source: ...`",
        "containerd runtime/v2/runc/container.go; gitpod-io/gitpod#4787; containerd/nerdbox#1",
        "overlayfs and native alike; the directory of an unreferenced snapshot was collected",
    ),
    _of(
        BugClass.SNAPSHOT_OVERLAY,
        r"failed to mount [^\s:]{0,200}containerd-mount\d{1,20}",
        "containerd 1.4-2.3, mounts made in the client",
        "containerd mount/temp.go; containerd/containerd#11849; pdtpartners/nix-snapshotter#101",
    ),
    _of(
        BugClass.SNAPSHOT_OVERLAY,
        r"(?:mkdir|open|create|stat|chdir)\w{0,3}+ /[^\s:]{0,300}/rootfs"
        r"(?:/[^\s:]{0,200}+)?: [Nn]o such file or directory"
        r"|invalid rootfs: [^:\n]{1,300}+: no such file or directory",
        "runc 1.0-1.5",
        "runc libcontainer/rootfs_linux.go, libcontainer/configs/validate",
        "the mount held, but its writable directory was removed before init could use it",
    ),
    _of(
        BugClass.SNAPSHOT_NOT_FOUND,
        rf"{_B}(?:lease |snapshot (?:[^\s:]{{1,300}}+ |sha256:[0-9a-f]{{64}} )?)does not exist",
        "containerd 1.4-2.3",
        "containerd metadata/{snapshot,leases}.go, storage/bolt.go; containerd/containerd#751",
    ),
    _of(
        BugClass.SNAPSHOT_NOT_FOUND,
        rf"missing parent {_Q}[^\"\s]{{1,300}}+\" (?:bucket|of snapshot)",
        "containerd 1.4-2.3",
        "containerd snapshots/storage/bolt.go; confidential-containers/operator#270",
    ),
)

_IMAGE = (
    _of(
        BugClass.IMAGE,
        r"failed to stat parent: stat [^\s:]{1,300}/snapshots/\d{1,12}/fs",
        "containerd 1.2-2.3",
        "containerd snapshots/overlay/overlay.go; containerd/containerd#3369; rancher/rke2#4961",
        "the metadata still names a layer of the image whose directory is gone",
    ),
    _of(
        BugClass.IMAGE,
        r"failed to pull (?:and unpack )?image|[Ff]ailed to pull the image"
        r"|failed to resolve (?:reference|image)|\bErrImagePull\b|\bImagePullBackOff\b"
        rf"|\bimage {_Q}[^\"\\\n]{{1,300}}+\\{{0,7}}+\": not found",
        "containerd 1.4-2.3 (CRI, ctr, nerdctl), kubelet, the Iluvatar worker",
        "containerd pull.go; kubernetes pkg/kubelet/images; COS-IN/iluvatar-faas containerd.rs",
    ),
    _of(
        BugClass.IMAGE,
        r"exec format error|no match for platform in manifest"
        r"|mismatched image rootfs and manifest layers|failed to extract layer"
        r"|unexpected commit digest|content digest sha256:[0-9a-f]{64}: not found",
        "containerd 1.4-2.3, runc 1.0-1.5",
        "containerd images/image.go, rootfs/apply.go, content/local/writer.go",
    ),
)

_NETWORK = (
    _of(
        BugClass.NETWORK,
        r"\bexchange full\b",
        "CNI bridge 0.8-1.x, weave",
        "linux net/bridge/br_if.c (EXFULL at 1,024 ports); weaveworks/weave#3258",
    ),
    _of(
        BugClass.NETWORK,
        r"no IP addresses available in (?:range|network)",
        "CNI host-local 0.6-1.x",
        "containernetworking/plugins host-local allocator.go; canonical/microk8s#1147",
    ),
    _of(
        BugClass.NETWORK,
        r"failed to set ?up network for sandbox"
        r"|failed to set up sandbox container [^\n]{1,100} network"
        r"|NetworkPlugin \w{1,20} failed|failed to call cni\.Setup|cni plugin not initialized"
        rf"|plugin type={_Q}[^\"\n]{{1,60}}+\" (?:name=\S{{1,80}}+ )?failed \((?:add|ADD)\)"
        rf"|failed to find plugin {_Q}|needs CNI plugin {_Q}",
        "containerd CRI 1.4-2.3, kubelet (dockershim too), nerdctl 0.x-2.x",
        "containerd pkg/cri/server/sandbox_run.go; containerd/nerdctl#1318, #2718, #236",
    ),
    _of(
        BugClass.NETWORK,
        r"(?:/run/netns/|/proc/\d{1,10}/ns/net)[^\s:]{0,200}+: no such file or directory",
        "runc 1.0-1.5, crun 1.x",
        "runc libcontainer/configs/namespaces_linux.go",
        "the network namespace went before the container joined it",
    ),
)

_KERNEL_AND_RUNTIME = (
    _of(
        BugClass.OOM_KILLED,
        r"\bOOMKilled\b|container init was OOM-killed|OOM: the memory limit could be too low"
        r"|Memory cgroup out of memory|oom-kill:constraint=CONSTRAINT_MEMCG|invoked oom-killer",
        "linux 4.x-6.x, runc 1.0-1.5, crun 0.19+, kubelet",
        "linux mm/oom_kill.c; opencontainers/runc#2812; containers/crun#635",
    ),
    _of(
        BugClass.CREATE_REJECTED,
        r'(?<!level=warning msg=")(?<!level=warning msg=\\")(?<!level=warning msg=\\\\\\")'
        r"(?<!WARN\[0000\] )container's cgroup is not empty: \d{1,10} process",
        "runc 1.2-1.5; runc 1.1.6-1.1.x only warns, and that warning is no failure",
        "runc libcontainer/factory_linux.go; opencontainers/runc#3223, #3132, #3828",
        "mechanism cgroup_occupied",
    ),
    _of(
        BugClass.CREATE_REJECTED,
        r"container's cgroup unexpectedly frozen",
        "runc 1.1-1.5, crun since 2026-09",
        "runc libcontainer/factory_linux.go; opencontainers/runc#3131; containers/crun#2243",
        "the shared cgroup was being frozen for a neighbour's Kill(all)",
    ),
    _of(
        BugClass.CREATE_REJECTED,
        rf"exec: {_Q}(?:[^\s\"]{{0,200}}/)?(?:runc|crun|runsc|youki)\\{{0,7}}+\":",
        "containerd 1.4-2.3",
        "containerd pkg/process/init.go (`unable to retrieve OCI runtime error`)",
        "the runtime itself is not installed: nothing is missing in the image",
    ),
    _of(
        BugClass.CREATE_REJECTED,
        r"failed to reserve (?:container|sandbox) name|error reserving (?:ctr|pod) name",
        "containerd CRI 1.4-2.3, CRI-O",
        "containerd/containerd#4604; amazonlinux/amazon-linux-2023#1097; cri-o/cri-o#7263",
        "left over from an earlier create that ran out of time",
    ),
    _of(
        BugClass.CREATE_REJECTED,
        rf"\b(?:container|task) {_Q}?[\w.-]{{1,128}}+\\{{0,7}}+\"?: already exists",
        "containerd 1.4-2.3",
        "containerd metadata/containers.go, services/tasks/local.go",
    ),
    _of(
        BugClass.SHIM_LOST,
        r"ttrpc: (?:closed|server closed|client shutting down)",
        "containerd 1.2-2.3",
        "ttrpc client.go (ErrClosed); containerd/containerd#4198, #1935",
    ),
    _of(
        BugClass.SHIM_LOST,
        r"failed to (?:start|load|connect to) shim|connecting to shim: dial"
        rf"|exec: {_Q}(?:[^\s\"]{{0,200}}/)?containerd-shim[\w-]{{0,40}}+\\{{0,7}}+\":"
        r"|dial(?:ing)? (?:unix )?[^\s\"]{0,200}(?:containerd-shim|/run/containerd/s/)",
        "containerd 1.4-2.3",
        "containerd runtime/v2/manager.go, shim.go; containerd/containerd#6031; moby/moby#22705",
    ),
)

_MISSING = (
    _of(
        BugClass.MISSING_PACKAGES,
        r"ModuleNotFoundError(?:: No module named [^\s\\]{1,100})?"
        r"|No module named (?:'|\\{0,7}+\"|\b)[^\s\\]{1,100}",
        "Python 3.6-3.14 (ImportError: No module named x before 3.6)",
        "python Lib/importlib/_bootstrap.py; containerd/containerd#12029",
        "the function's own missing import reads the same: evidence tells them apart",
    ),
    _of(
        BugClass.MISSING_PACKAGES,
        r"ImportError: cannot import name ",
        "Python 3.4-3.14",
        "python Python/ceval.c (import_from)",
        "`from package import module` says this when module.py is gone, and then even calls it a "
        "circular import if the package is still being imported",
    ),
    _of(
        BugClass.MISSING_PACKAGES,
        r"(?:FileNotFoundError|OSError|IOError): \[Errno 2\]"
        r"|can't open file [^\n]{1,300}\[Errno 2\] No such file or directory",
        "Python 3.3-3.14",
        "python Objects/exceptions.c, Modules/main.c",
    ),
    _of(
        BugClass.MISSING_PACKAGES,
        r"PackageNotFoundError: |DistributionNotFound: |LookupError: unknown encoding: "
        r"|init_fs_encoding: failed to get the Python codec"
        r"|Could not find platform (?:in)?dependent libraries",
        "Python 3.7-3.14",
        "python Lib/importlib/metadata, Python/codecs.c, Python/pylifecycle.c, Modules/getpath.py",
        "late look-ups of the standard library: metadata, codecs, the library itself",
    ),
    _of(
        BugClass.MISSING_PACKAGES,
        r"Cannot find module ['\"\\/.@\w]|\b(?:ERR_)?MODULE_NOT_FOUND\b"
        r"|Cannot find package ['\"\\]|\bENOENT: no such file or directory, ",
        "Node 8-24 (CommonJS and ES modules)",
        "node lib/internal/modules/cjs/loader.js, lib/internal/modules/esm/resolve.js",
    ),
    _of(
        BugClass.MISSING_PACKAGES,
        r"error while loading shared libraries:|cannot open shared object file"
        r"|Error loading shared library [^\s:]{1,200}+:",
        "glibc 2.x, musl 1.x",
        "glibc elf/dl-load.c; musl ldso/dynlink.c",
    ),
    _of(
        BugClass.MISSING_PACKAGES,
        rf"exec: {_Q}[^\"\\\n]{{1,300}}+\\{{0,7}}+\": "
        r"(?:stat [^\s:]{1,300}+: no such file or directory|executable file not found)"
        r"|(?<!fork/)\bexec:? /[^\s:]{1,300}+: no such file or directory"
        r"|exec user process caused:? \\{0,7}+\"?no such file or directory",
        "runc 1.0-1.5, containerd 1.4-2.3",
        "go os/exec (lp_unix.go); runc libcontainer/standard_init_linux.go; containerd/nerdctl#236",
    ),
    _of(
        BugClass.MISSING_PACKAGES,
        rf"executable file {_Q}[^\s\"`']{{1,200}}+{_Q} not found"
        r"|open executable: No such file or directory"
        rf"|exec container process {_Q}[^\s\"`']{{1,200}}+{_Q}: No such file or directory",
        "crun 0.15-1.x",
        "crun src/libcrun/container.c, src/libcrun/utils.c",
    ),
    _of(
        BugClass.MISSING_PACKAGES,
        rf"{_B}sh: (?:line )?\d{{1,6}}+: [^\s:]{{1,200}}+: (?:command )?not found"
        r"|/usr/bin/env: [^\n]{1,80}: No such file or directory",
        "dash, bash, busybox, coreutils",
        "dash src/exec.c; coreutils src/env.c",
    ),
)

_PROCESS = (
    _of(
        BugClass.PROCESS_DIED,
        r"Error trying to read container (?:[^\n]{1,200} )?/proc/[^\s/]{1,12}/statm",
        "Iluvatar worker, 2022 to today",
        "COS-IN/iluvatar-faas containers/structs.rs, containerd/containerd.rs",
        "the memory monitor finds no process any more",
    ),
    _of(
        BugClass.PROCESS_DIED,
        r"Removing an unhealthy container|Returned container is unhealthy, sending for removal"
        r"|Task for container was missing when it was attempted to be (?:killed|delete)",
        "Iluvatar worker, 2022 to today",
        "COS-IN/iluvatar-faas containermanager.rs, containerd/containerd.rs",
    ),
    _of(
        BugClass.PROCESS_DIED,
        r"Worker \(pid:\d{1,10}\) was (?:sent SIGKILL|terminated due to signal 9)",
        "gunicorn 20-23",
        "gunicorn gunicorn/arbiter.py",
    ),
    _of(
        BugClass.STARTUP_ERROR,
        rf"Traceback \(most recent call last\)|{_B}(?:SyntaxError|IndentationError): "
        r"|Worker failed to boot|Failed to find attribute '|Connection in use: \(",
        "Python 3.3-3.14, gunicorn 20-23",
        "python Lib/traceback.py; gunicorn gunicorn/arbiter.py, gunicorn/sock.py",
        "a traceback that names no missing file: the function's own fault, unless evidence objects",
    ),
    _of(
        BugClass.STARTUP_ERROR,
        rf"Error: [^\n\\]{{0,300}}+{_NL}\s{{1,8}}+at |UnhandledPromiseRejection"
        r"|JavaScript heap out of memory",
        "Node 8-24",
        "node lib/internal/errors.js, lib/internal/process/promises.js",
    ),
    _of(
        BugClass.STARTUP_ERROR,
        rf"Segmentation fault|{_B}(?:panic|fatal error): |Exception in thread {_Q}"
        r"|thread '[^'\n]{1,60}+' [^\n]{0,14}panicked at",
        "any program",
        "go runtime/panic.go; rust library/std/src/panicking.rs; openjdk Thread.java",
    ),
    _of(
        BugClass.STARTUP_ERROR,
        r"; stderr '[^']{0,300}(?:[Ee]rror|ERROR|[Ee]xception|FATAL|CRITICAL)\b",
        "Iluvatar worker, 2022",
        "COS-IN/iluvatar-faas containers/structs.rs",
        "not ready in time, and its standard error says why",
    ),
    _of(
        BugClass.SILENT_STARTUP,
        r"Timeout while (?:reading inotify events|monitoring logs) for (?:docker )?container"
        r"|Timeout while waiting container startup|Broken file waiting on container startup",
        "Iluvatar worker, 2022 to today",
        "COS-IN/iluvatar-faas containers/structs.rs, containerd/containerd.rs, docker/docker.rs",
    ),
    _of(
        BugClass.SILENT_STARTUP,
        r"cannot start a stopped process|cannot start a container that has stopped"
        r"|container process is already dead",
        "containerd 1.4-2.3, runc 1.0-1.5",
        "containerd pkg/process/init_state.go; runc start.go; opencontainers/runc#5151",
        "init ended between create and start: a neighbour's Kill, or too little memory",
    ),
)

_GENERAL = (
    _of(
        BugClass.DEADLINE,
        r"context deadline exceeded|\bDeadlineExceeded\b|\bDEADLINE_EXCEEDED\b"
        r"|[Dd]eadline (?:expired before operation|[Ee]xceeded)",
        "containerd 1.4-2.3, kubelet, grpcio, tonic",
        "go context; containerd/containerd#4604, #9240, #10636",
    ),
    _of(
        BugClass.DEADLINE,
        r"\bcontainer not created\b(?! from)|wait container [^\n]{1,120} stop timeout",
        "containerd 1.4-2.3",
        "containerd runtime/v2/runc/task/service.go; containerd/containerd#3177",
        "what later requests meet after a create that was given up",
    ),
    _of(
        BugClass.INVOKE_FAILED,
        r"HTTP error when trying to connect to container|Error reading text data from container"
        r"|\[CRITICAL\] WORKER TIMEOUT \(pid:",
        "Iluvatar worker, 2022 to today; gunicorn 20-23",
        "COS-IN/iluvatar-faas clients/http_client.rs; gunicorn gunicorn/arbiter.py",
    ),
    _of(BugClass.CREATE_REJECTED, r"no space left on device", "any", "linux ENOSPC"),
    _of(
        BugClass.CREATE_REJECTED,
        r"\b(?:runc|crun) create failed|OCI runtime create failed|failed to create shim(?: task)?: "
        r"|failed to create (?:containerd )?(?:task|container)\b|starting container process caused"
        r"|unable to start container process|Create task failed with|read from the init process"
        r"|Containerd failed to create container",
        "containerd 1.4-2.3, runc 1.0-1.5, crun 1.x, kubelet, docker, the Iluvatar worker",
        "containerd pkg/process/init.go; runc libcontainer/container_linux.go; crun container.c",
        "only wraps a reason that no other line knows",
    ),
)

SIGNATURES: tuple[Signature, ...] = (
    *_DAEMON,
    *_SNAPSHOT,
    *_IMAGE,
    *_NETWORK,
    *_KERNEL_AND_RUNTIME,
    *_MISSING,
    *_PROCESS,
    *_GENERAL,
)
"""The one table. Earlier entries win."""
