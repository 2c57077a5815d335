"""Texts of real failures, and of none: each must get its class, however it is quoted."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from re import _constants as opcodes  # type: ignore[attr-defined]
from re import _parser as regex_parser  # type: ignore[attr-defined]

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.bugs.classify import MATCHED_LIMIT, NO_FAILURE, classify_text, is_calm
from iluvatar_bench.bugs.python_modules import STANDARD_LIBRARY
from iluvatar_bench.bugs.signatures import BY_OBJECT, SIGNATURES, Signature
from iluvatar_bench.bugs.taxonomy import CLASSES_OF_2022, BugClass, Certainty
from iluvatar_bench.worker_logs import scan
from iluvatar_bench.worker_logs.prefilter import Prefilter
from tests.bugs.labelled_texts import (
    LabelledText,
    is_right,
    labelled_texts,
    public_reports,
    without_ids,
    written_texts,
)
from tests.support.textless_classes import NOT_IN_WORDS

SEED = Path(__file__).parents[2] / "data" / "seed"

RUNC = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
    "runc create failed: unable to start container process: "
)
TIMEOUT = "Timeout while reading inotify events for container hello-0.0.5-19293B05; "
DIGEST = "sha256:" + "5" * 64

FAILURES: dict[BugClass, tuple[str, ...]] = {
    BugClass.DAEMON_UNAVAILABLE: (
        'ctr: failed to dial "/run/containerd/containerd.sock": context deadline exceeded: '
        "connection error",
        'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while '
        'dialing dial unix /run/containerd/containerd.sock: connect: no such file or directory"',
        'FATA[0000] cannot access containerd socket "/run/containerd/containerd.sock": '
        "no such file or directory",
        "failed to connect to all addresses; last error: UNKNOWN: unix:/run/containerd/"
        "containerd.sock: No such file or directory",
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?",
        "rpc error: code = Unavailable desc = transport is closing",
    ),
    BugClass.SNAPSHOT_OVERLAY: (
        "failed to create shim task: failed to mount rootfs component &{bind /var/lib/containerd/"
        "io.containerd.snapshotter.v1.native/snapshots/12 [rbind rw]}: no such file or directory",
        # containerd 1.4 has no "failed to create shim task" in front
        "failed to create containerd task: failed to mount rootfs component &{overlay overlay "
        "[workdir=/s/3673/work upperdir=/s/3673/fs lowerdir=/s/3672/fs]}: no such file or "
        "directory",
        'failed to mount rootfs component: mount source: "overlay", target: "/run/containerd/io.'
        'containerd.runtime.v2.task/default/t/rootfs", fstype: overlay, flags: 0, data: "x", '
        "err: no such file or directory",
        "failed to mount /tmp/containerd-mount1866540063: no such file or directory",
        "failed to mount erofs: /var/lib/x/layer.erofs: no such file or directory",
        "failed to mount container web: error recreating the missing symlinks: error reading link",
        RUNC + 'error during container init: error mounting "proc" to rootfs at "/proc": mkdir '
        "/run/containerd/io.containerd.runtime.v2.task/default/a/rootfs/proc: "
        "no such file or directory: unknown",
    ),
    BugClass.SNAPSHOT_NOT_FOUND: (
        "snapshot hello-0.0.1-ABC does not exist: not found",
        f"parent snapshot {DIGEST} does not exist: not found",
        "rpc error: code = NotFound desc = lease does not exist: not found",
        "rpc error: code = 2 desc = failed to get active mount: snapshot does not exist",
        "failed to create containerd container: create snapshot: missing parent "
        f'"k8s.io/2/{DIGEST}" bucket: not found',
    ),
    BugClass.IMAGE: (
        'failed to prepare extraction snapshot "extract-8-Dsfj": failed to stat parent: stat '
        "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/112/fs: "
        "no such file or directory",
        'Failed to pull image "r/x:9": rpc error: code = NotFound desc = failed to pull and unpack '
        'image "r/x:9": failed to resolve reference "r/x:9": r/x:9: not found',
        "Failed to pull the image 'docker.io/a/hello:latest' because of error timed out",
        'ctr: image "docker.io/library/none:1": not found',
        "Warning  Failed  2s  kubelet  Error: ErrImagePull",
        RUNC + 'exec: "/app": exec format error: unknown',
        "ctr: no match for platform in manifest: not found",
        f"failed to get reader: content digest {DIGEST}: not found",
    ),
    BugClass.NETWORK: (
        'failed to connect "veth1" to bridge cni0: exchange full',
        "unable to set master of vethwepl3c8c481: exchange full",
        'failed to setup network for sandbox "42bf": failed to allocate for range 0: '
        "no IP addresses available in range set: 10.60.28.1-10.60.28.254",
        'failed to setup network for sandbox "fda5": cannot convert: no valid IP addresses',
        'plugin type="bridge" name="kubernetes" failed (add): failed to make veth pair',
        RUNC + "error during container init: error running hook #0: exit status 1, stdout: , "
        'stderr: level=fatal msg="failed to call cni.Setup: plugin type=\\"bridge\\" failed (add)"',
        'FATA[0000] needs CNI plugin "bridge" to be installed in CNI_PATH ("/opt/cni/bin"): '
        'exec: "/opt/cni/bin/bridge": stat /opt/cni/bin/bridge: no such file or directory',
        "NetworkPlugin cni failed to set up pod network: no plugin name provided",
        RUNC + "lstat /var/run/netns/ns-12: no such file or directory",
    ),
    BugClass.OOM_KILLED: (
        RUNC + "container init was OOM-killed (memory limit too low?): unknown",
        "OOM: the memory limit could be too low: read from the init process",
        "kernel: Memory cgroup out of memory: Killed process 4711 (python3) total-vm:1024kB",
        "kernel: runc:[2:INIT] invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0",
        "    Last State:     Terminated\n      Reason:       OOMKilled\n      Exit Code:    137",
    ),
    BugClass.CREATE_REJECTED: (
        RUNC + "container's cgroup is not empty: 1 process(es) found: unknown",
        'time="2023-04-20T15:54:38-07:00" level=error msg="runc run failed: container\'s cgroup is '
        'not empty: 5 process(es) found"',
        RUNC + "container's cgroup unexpectedly frozen: unknown",
        "failed to create shim task: OCI runtime create failed: unable to retrieve OCI runtime "
        'error (open /run/l/log.json: no such file or directory): exec: "runc": '
        "executable file not found in $PATH: unknown",
        'failed to reserve container name "web_0": name "web_0" is reserved for "680d"',
        'container "hello-1": already exists',
        # the directories are there: no collected snapshot
        'ctr: failed to create shim task: mount source: "overlay", target: "/run/containerd/io.'
        'containerd.runtime.v2.task/default/test/rootfs", fstype: overlay, err: invalid argument',
        RUNC + 'error mounting "/www/a.yml" to rootfs at "/etc/a.yml": not a directory: unknown',
        "runc create failed: unable to start container process: can't get final child's PID from "
        "pipe: EOF",
        RUNC + 'exec: "/app/start.sh": permission denied: unknown',
        "crun: read from the init process: OCI runtime error",
        # init was killed before it could join
        RUNC + "unable to apply cgroup configuration: failed to write 4121: write "
        "/sys/fs/cgroup/fn/cgroup.procs: no such process",
        'level=error msg="containerd: deleting container" error="fork/exec /usr/libexec/docker/'
        'docker-runc: operation not permitted"',
        "Creating the pod sandbox failed: rpc error: code = 2 desc = reading pid: EOF",
    ),
    BugClass.SHIM_LOST: (
        "ttrpc: closed: unknown",
        "ttrpc: client shutting down: EOF: unknown",
        "failed to start shim: start failed: io.containerd.runc.v2: exit status 1",
        'ctr: failed to start: exec: "containerd-shim-runc-v2": executable file not found in $PATH',
        "dial unix /run/containerd/s/0a3da4c: connect: connection refused: unknown",
        "connecting to shim: dial unix \0/containerd-shim/moby/0a3d/shim.sock: refused",
    ),
    BugClass.MISSING_PACKAGES: (
        "/usr/local/bin/python3: No module named flask",
        'Traceback (most recent call last):\n  File "/app/server.py", line 2, in <module>\n'
        "    import email.utils\nModuleNotFoundError: No module named 'email.utils'",
        "ImportError: cannot import name 'json' from partially initialized module 'flask' "
        "(most likely due to a circular import) (/usr/local/lib/python3.10/flask/__init__.py)",
        "Traceback (most recent call last):\nFileNotFoundError: [Errno 2] No such file or "
        "directory: '/app/model.bin'",
        "python3: can't open file '/app/server.py': [Errno 2] No such file or directory",
        "LookupError: unknown encoding: idna",
        "container web-4 ended with status 1 before it said 'ok'; its last words:   "
        "<no Python frame>",
        "Fatal Python error: init_fs_encoding: failed to get the Python codec of the filesystem",
        "importlib.metadata.PackageNotFoundError: werkzeug",
        "Error: Cannot find module 'express'\nRequire stack:\n- /app/server.js",
        "  code: 'MODULE_NOT_FOUND',",
        "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'express' imported from /app/server.mjs",
        "Error: ENOENT: no such file or directory, open '/app/views/index.html'",
        "python3: error while loading shared libraries: libpython3.11.so.1.0: cannot open shared "
        "object file: No such file or directory",
        "Error loading shared library libssl.so.3: No such file or directory (needed by /bin/x)",
        RUNC + 'exec: "python3": stat /usr/local/bin/python3: no such file or directory: unknown',
        RUNC + 'exec: "gunicorn": executable file not found in $PATH: unknown',
        "standard_init_linux.go:228: exec user process caused: no such file or directory",
        "exec /usr/local/bin/python3: no such file or directory",
        "executable file `python3` not found in $PATH: No such file or directory: OCI error",
        "/bin/sh: 1: gunicorn: not found",
        "/usr/bin/env: 'python3': No such file or directory",
    ),
    BugClass.PROCESS_DIED: (
        "[2022-07-08 15:59:21.128956 -04:00] [WARN] [iluvatar_lib::services::containers::structs] "
        "[No such file or directory (os error 2)] Error trying to read container "
        "'chameleon-0.0.2-550AA71B' /proc/<pid>/statm: CtrMrgWorker",
        '{"timestamp":"2024-01-05T10:11:12.5","level":"WARN","fields":{"message":"Error trying to '
        'read container /proc/<pid>/statm","tid":"MEM","error":"No such file or directory"}}',
        "Removing an unhealthy container chameleon-0.0.2 stdout: '' stderr: 'Running on 8080'",
        "Task for container was missing when it was attempted to be killed",
        "container web-0006 was ready and ended with status 137 though this client had not",
        '{"timestamp":"2025-03-05 10:11:12.5","level":"WARN","fields":{"message":"Returned '
        'container is unhealthy, sending for removal","tid":"a","container_id":"hello-0.0.1"}}',
        "[2022-07-08 19:58:54 +0000] [1] [ERROR] Worker (pid:7) was sent SIGKILL! Perhaps out of "
        "memory?",
    ),
    BugClass.STARTUP_ERROR: (
        'Traceback (most recent call last):\n  File "/app/server.py", line 9, in <module>\n'
        "    main()\nZeroDivisionError: division by zero",
        "  File \"/app/server.py\", line 3\n    foo(\n       ^\nSyntaxError: '(' was never closed",
        "[2022-07-08 19:58:54 +0000] [1] [ERROR] Connection in use: ('0.0.0.0', 8080)",
        "TypeError: x is not a function\n    at Object.<anonymous> (/app/server.js:3:1)",
        "thread 'main' panicked at src/main.rs:4:5:\nno port",
        "panic: runtime error: index out of range [3]\n\ngoroutine 1 [running]:",
        "Segmentation fault (core dumped)",
        TIMEOUT + "stdout: ''; stderr 'Error: could not bind 0.0.0.0:8080'",
        "container web-5 ended with status 3 before it said 'ok'; its last words: bad weather",
    ),
    BugClass.SILENT_STARTUP: (
        "Startup error: Failed to wait for container startup because "
        + TIMEOUT
        + "stdout: ''; stderr ''",
        TIMEOUT + "stdout: ''; stderr ' * Running on http://10.10.8.93:8080'",
        '{"timestamp":"2024-01-05T10:11:12.5","level":"ERROR","fields":{"message":"Timeout while '
        'reading inotify events for container","tid":"a","stdout":"","stderr":""}}',
        "Timeout while monitoring logs for docker container",
        "container web-1 did not say 'ok' within 10 s and still runs; it said nothing",
        '{"timestamp":"2025-03-05 10:11:12.5","level":"ERROR","fields":{"message":"Timeout while '
        'waiting container startup","tid":"a","container_id":"hello-0.0.1","stdout":"",'
        '"stderr":""},"target":"iluvatar_worker_library"}',
        "cannot start a stopped process: unknown",
        "OCI runtime start failed: cannot start a container that has stopped: unknown",
    ),
    BugClass.DEADLINE: (
        "failed to create shim task: context deadline exceeded: unknown",
        "rpc error: code = DeadlineExceeded desc = an error occurs during waiting for container",
        "container not created: not found",
        'error="wait container 0c88 stop timeout"',
    ),
    BugClass.INVOKE_FAILED: (
        "HTTP error when trying to connect to container 'error sending request for url'",
        "[2022-07-08 19:58:54 +0000] [1] [CRITICAL] WORKER TIMEOUT (pid:9)",
    ),
}
FAILURES |= {
    BugClass.DISK_FULL: ("mkdir /var/lib/containerd/new-12: no space left on device",),
    BugClass.SNAPSHOTTER_UNAVAILABLE: (
        'level=warning msg="failed to load plugin io.containerd.snapshotter.v1.zfs" error="exec: '
        '\\"zfs\\": permission denied"',
        "mount nydus: nydusd daemon is not running",
    ),
    BugClass.CGROUP_SETUP: (
        RUNC + "unable to apply cgroup configuration: unexpected controller line",
        "Error: OCI runtime update failed: unable to set memory limit to 20971520 (current usage: "
        "21401600, peak usage: 21536768): unknown",
    ),
    BugClass.INVOKE_FAILED: (
        *FAILURES[BugClass.INVOKE_FAILED],
        "2025/02/11 the invocation of resizer failed: EOF",
    ),
    BugClass.SILENT_STARTUP: (
        *FAILURES[BugClass.SILENT_STARTUP],
        "worker 3: start-up timeout, no output",
    ),
    BugClass.PROCESS_DIED: (
        *FAILURES[BugClass.PROCESS_DIED],
        "/entrypoint.sh: line 3:    12 Killed                  python3 app.py",
    ),
    BugClass.STARTUP_ERROR: (
        *FAILURES[BugClass.STARTUP_ERROR],
        "ValueError: no port",
        "Runtime exited with error: exit status 1",
    ),
    BugClass.PIDS_LIMIT: (
        "failed to start shim: start failed: fork/exec: resource temporarily unavailable",
    ),
    BugClass.FROZEN: (
        "Error response from daemon: Container 4f1c is paused, unpause the container before exec",
        "exec failed: unable to start container process: cannot exec in a paused container (use "
        "--ignore-paused to override)",
        "rpc error: code = Unknown desc = runc did not terminate successfully: exit status 1: "
        "unexpected state THAWED while freezing",
        'level=error msg="expected \\"cgroup.freeze\\" to be in state \\"FROZEN\\" but was in '
        '\\"THAWED\\""',
    ),
    BugClass.EXEC_FAILED: (
        "exec probe-1 in container web-1 could not be started: no such file",
        "OCI runtime exec failed: exec failed: unable to start container process: "
        'exec: "bash": executable file not found in $PATH: unknown',
        "exec failed: cannot exec in a stopped container",
        'level=error msg="Exec for "3545c" failed" error="container is in CONTAINER_EXITED state"',
    ),
}
FAILURES |= {
    BugClass.FROZEN: (
        *FAILURES[BugClass.FROZEN],
        '71bb   web:9   "python app.py"   2 hours ago   Up 2 hours (Paused)   8080/tcp   web',
    ),
    BugClass.DAEMON_CRASHED: ("Containerd is crashing with panic: a page of the store is odd",),
    BugClass.SHIM_LOST: (
        *FAILURES[BugClass.SHIM_LOST],
        "containerd-shim-odd-v1: panic: odd",
        'level=info msg="shim reaped unexpectedly" id=web',
    ),
    BugClass.IMAGE: (
        *FAILURES[BugClass.IMAGE],
        '  Normal  BackOff  3s (x4 over 41s)  kubelet  Back-off pulling image "r/web:9"',
    ),
    BugClass.NETWORK: (
        *FAILURES[BugClass.NETWORK],
        'level=info msg="memberlist: Marking 4cf3 as failed, suspect timeout reached"',
        'Error setting it up: exec: "ip": executable file not found in $PATH',
    ),
    BugClass.UNCLASSIFIED: ('no logs: exec: "journalctl": executable file not found in $PATH',),
    BugClass.PROCESS_DIED: (
        *FAILURES[BugClass.PROCESS_DIED],
        "I1221 02:18:55.249119     5 manager.cpp:322] Received status update TASK_LOST of task web",
    ),
    BugClass.REMOVAL_FAILED: (
        '1d34   web:3   "python serve.py"   2 hours ago   Removal In Progress             web',
        "web-3252090818-74k00   0/1       Terminating   0          5d",
    ),
    BugClass.CREATE_REJECTED: (
        *FAILURES[BugClass.CREATE_REJECTED],
        "web-9c9bc6fff-4fhwq   0/1     SysctlForbidden   0          10s",
        "nsexec-1[9022]: failed to unshare user namespace: No space left on device",
    ),
    BugClass.DAEMON_UNAVAILABLE: (
        *FAILURES[BugClass.DAEMON_UNAVAILABLE],
        "The connection to the server localhost:8080 was refused - did you specify the right host?",
    ),
}

CASES = [(bug_class, text) for bug_class, texts in FAILURES.items() for text in texts]

HEALTHY = (
    "",
    "\n\n",
    "[2022-07-08 15:59:16.127772 -04:00] [DEBUG] [iluvatar_lib::services::containers] "
    "[CtrMrgWorker] container 'chameleon-0.0.2-550AA71B' new: 31; old: 31; diff:0",
    "[2022-07-08 15:59:16.127772 -04:00] [INFO] [iluvatar_lib] [a] Removing container hello-0.0.1",
    "[2022-07-08 15:59:16.127772 -04:00] [DEBUG] [iluvatar_lib] [a] got mounts overlay upperdir="
    "/var/lib/containerd/x/fs: failed to mount rootfs component is what we fear",
    '{"timestamp":"2024-01-05T10:11:12.5","level":"DEBUG","fields":{"message":"Kill task response",'
    '"response":"Err(no such file or directory, ttrpc: closed)"},"target":"containerd"}',
    'time="2024-01-05T10:11:12Z" level=info msg="shim disconnected" id=a error="ttrpc: closed"',
    'Nov 29 18:20:18 node-1 containerd[2506]: time="2024-11-29T18:20:18Z" level=debug msg='
    '"snapshot a does not exist: not found"',
    'time="2024-01-05T10:11:12Z" level=warning msg="cleaning up after shim disconnected" id=hello',
    'time="2024-01-05T10:11:12Z" level=error msg="Failed to get usage for snapshot \\"a\\"" '
    'error="lstat /var/lib/containerd/o/snapshots/62/fs: no such file or directory"',
    # runc 1.1.6 only warns of what later versions refuse
    'time="2024-01-05T10:11:12Z" level=warning msg="container\'s cgroup is not empty: 1 process'
    '(es) found"',
    "WARN[0000] container's cgroup is not empty: 1 process(es) found",
    '{"error":"context deadline exceeded","level":"info","msg":"retrying","time":"2024-01-05"}',
    "I0105 10:11:12.412000    2098 kubelet.go:1] failed to reserve container name; retrying",
    'INFO[0000] apply failure, attempting cleanup  error="context deadline exceeded"',
    "2024-01-05T10:11:12.131Z  INFO worker: Removing an unhealthy container",
    "\x1b[2m2024-01-05T10:11:12.131Z\x1b[0m \x1b[34mDEBUG\x1b[0m worker: ttrpc: closed",
    "2024-01-05T10:11:12.131Z stderr F INFO:werkzeug:Traceback (most recent call last)",
    "2m40s   Normal   Killing   pod/web   Stopping container web: OOMKilled earlier",
    '10.10.0.1 - - [08/Jul/2022 19:58:54] "POST /invoke HTTP/1.1" 200 -',
    " * Running on http://10.10.8.93:8080 (Press CTRL+C to quit)",
    "Timeout waiting for container start, but stderr was written to?",
    "overlay on / type overlay (rw,lowerdir=/a,upperdir=/b,workdir=/c)",
    "cat: /tmp/x: No such file or directory",
    "2026-05-09 07:29:12 status installed libgpg-error-dev:amd64 1.46-1",
    "2026-05-09T07:29:12.123Z\tinfo\tpool/pool.go:88\tfailed to find a warm one, starting another",
    "kill -9 4711",
)


@pytest.mark.parametrize(("bug_class", "text"), CASES)
def test_a_failure_gets_its_class(bug_class: BugClass, text: str) -> None:
    assert classify_text(text).bug_class is bug_class


@pytest.mark.parametrize(("bug_class", "text"), CASES)
@pytest.mark.parametrize("depth", [1, 2])
def test_quoting_does_not_change_the_class(bug_class: BugClass, text: str, depth: int) -> None:
    """A text arrives inside a JSON or logfmt string, sometimes inside another program's string."""
    for _ in range(depth):
        text = json.dumps(text)
    assert classify_text('{"level":"error","msg":' + text + "}").bug_class is bug_class
    line = f'time="2024-01-05T10:11:12Z" level=error msg="RunPodSandbox failed" error={text}'
    assert classify_text(line).bug_class is bug_class


@pytest.mark.parametrize(("bug_class", "text"), CASES)
def test_healthy_lines_around_a_failure_do_not_hide_it(bug_class: BugClass, text: str) -> None:
    block = "\r\n".join(HEALTHY) + "\n" + text + "\n" + "\n".join(HEALTHY)
    assert classify_text(block).bug_class is bug_class


@pytest.mark.parametrize("text", HEALTHY)
def test_what_is_no_failure_is_no_failure(text: str) -> None:
    assert classify_text(text) == NO_FAILURE


@pytest.mark.parametrize(
    ("name", "bug_class"),
    [
        ("overlay.txt", BugClass.SNAPSHOT_OVERLAY),
        ("missing_csv.txt", BugClass.MISSING_PACKAGES),
        ("missing_calendar.txt", BugClass.MISSING_PACKAGES),
        ("process_died.log", BugClass.PROCESS_DIED),
    ],
)
def test_the_notes_of_2022(name: str, bug_class: BugClass) -> None:
    assert classify_text((SEED / name).read_text(encoding="utf-8")).bug_class is bug_class


def test_of_the_monitor_log_only_the_warnings_report_the_death() -> None:
    lines = (SEED / "process_died.log").read_text(encoding="utf-8").splitlines()
    reporting = [n for n, line in enumerate(lines) if classify_text(line).bug_class is not None]
    assert reporting == [1, 3]
    assert all(classify_text(lines[n]).bug_class is BugClass.PROCESS_DIED for n in reporting)


@pytest.mark.parametrize(
    ("texts", "earlier"),
    [
        # in both orders: the position in the text does not matter
        (("ttrpc: closed", "failed to mount rootfs component &{}"), BugClass.SNAPSHOT_OVERLAY),
        (("context deadline exceeded", "no IP addresses available in range"), BugClass.NETWORK),
        (("cannot start a stopped process", "container init was OOM-killed"), BugClass.OOM_KILLED),
        (
            ("Removing an unhealthy container", "ModuleNotFoundError: No module named 'csv'"),
            BugClass.MISSING_PACKAGES,
        ),
        (
            (
                "Traceback (most recent call last):",
                "Error trying to read container a /proc/1/statm",
            ),
            BugClass.PROCESS_DIED,
        ),
        (("HTTP error when trying to connect to container", "panic: "), BugClass.STARTUP_ERROR),
    ],
)
def test_a_text_of_two_classes_gets_the_earlier_cause(
    texts: tuple[str, str], earlier: BugClass
) -> None:
    assert classify_text("\n".join(texts)).bug_class is earlier
    assert classify_text("\n".join(reversed(texts))).bug_class is earlier


def test_a_traceback_below_an_info_line_is_judged() -> None:
    text = "INFO:app:starting\nTraceback (most recent call last):\nValueError: no port"
    assert classify_text(text).bug_class is BugClass.STARTUP_ERROR


def test_a_level_inside_a_message_does_not_calm_it() -> None:
    quoted = 'E0105 10:11:12.412000    2098 pod.go:1] "x" err="time=1 level=info ttrpc: closed"'
    assert not is_calm(quoted)
    assert classify_text(quoted).bug_class is BugClass.SHIM_LOST
    document = (
        '{ "Error": "stderr \'{"level":"info"}\nModuleNotFoundError: No module named \'x\'" }'
    )
    assert classify_text(document).bug_class is BugClass.MISSING_PACKAGES


def test_the_match_is_kept_and_bounded() -> None:
    found = classify_text("x ModuleNotFoundError: No module named 'csv' y")
    assert found.matched == "ModuleNotFoundError: No module named 'csv'"
    assert found.signature in SIGNATURES
    long = classify_text(
        'exec: "/' + "a" * 280 + '": stat /' + "a" * 280 + ": no such file or directory"
    )
    assert long.bug_class is BugClass.MISSING_PACKAGES
    assert len(long.matched) == MATCHED_LIMIT


def test_every_signature_is_needed_by_some_text() -> None:
    labelled = (*labelled_texts(), *public_reports(), *written_texts())
    texts = [*(text for _, text in CASES), *(t.text for t in labelled)]
    used = [classify_text(text).signature for text in texts]
    assert [s.pattern.pattern for s in SIGNATURES if s not in used] == []


def test_every_class_that_text_can_show_has_a_signature_and_a_source() -> None:
    assert {s.bug_class for s in SIGNATURES} == set(BugClass) - set(NOT_IN_WORDS)
    assert all(s.source and s.versions for s in SIGNATURES)


def _search_cost(parsed: object) -> int:
    """An upper bound for the ways to try a parsed pattern from one position of a text."""
    cost = 1
    for opcode, argument in parsed:  # type: ignore[attr-defined]
        if opcode in (opcodes.MAX_REPEAT, opcodes.MIN_REPEAT, opcodes.POSSESSIVE_REPEAT):
            low, high, inner = argument
            assert high != opcodes.MAXREPEAT, "an unbounded repeat: quadratic on a long line"
            ways = 1 if opcode is opcodes.POSSESSIVE_REPEAT else high - low + 1
            cost *= ways * _search_cost(inner)
        elif opcode is opcodes.BRANCH:
            cost *= sum(_search_cost(branch) for branch in argument[1])
        elif opcode is opcodes.SUBPATTERN:
            cost *= _search_cost(argument[-1])
        elif opcode in (opcodes.ASSERT, opcodes.ASSERT_NOT):
            cost *= _search_cost(argument[1])
        else:
            assert opcode in (
                opcodes.LITERAL,
                opcodes.NOT_LITERAL,
                opcodes.IN,
                opcodes.ANY,
                opcodes.AT,
            ), opcode
    return cost


def _alternatives(signature: Signature) -> list[object]:
    """The top-level alternatives of a pattern, each parsed."""
    parsed = regex_parser.parse(signature.pattern.pattern, signature.pattern.flags)
    if len(parsed) == 1 and parsed[0][0] is opcodes.BRANCH:
        return list(parsed[0][1][1])
    return [parsed]


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda s: s.pattern.pattern[:40])
def test_the_cost_of_a_search_is_linear_in_the_text(signature: Signature) -> None:
    """No unbounded repeat, and a bounded number of ways to try a pattern from one position."""
    for alternative in _alternatives(signature):
        assert _search_cost(alternative) <= 5_000
    if signature.near is not None:
        assert _search_cost(regex_parser.parse(signature.near.pattern)) <= 5_000
        assert signature.within <= 2_000


def test_a_megabyte_of_near_misses_is_no_failure() -> None:
    near = 'to mount rootfs componen exec: "' + "a" * 5000 + ' ENOENT: "level":"inf '
    assert classify_text(near * 200).known is None


@given(st.text())
def test_any_text_gets_an_answer(text: str) -> None:
    found = classify_text(text)
    # What no signature knows may have words of a class ("Undefined").
    assert (found.known is None) == (found.signature is None and not found.by_words)
    assert len(found.matched) <= MATCHED_LIMIT
    assert found.matched in text or "\x1b" in text


PIECES = st.sampled_from(
    [
        "\\",
        '"',
        "'",
        "\n",
        "\r",
        "\0",
        "{",
        "}",
        ": ",
        "exec: ",
        "snapshot ",
        "level=info",
        "\x1b[0m",
    ]
    + [word for _, text in CASES for word in text.split(" ")[:6]]
)


@given(st.lists(PIECES, max_size=60).map(" ".join))
def test_shuffled_pieces_of_failures_get_an_answer(text: str) -> None:
    found = classify_text(text)
    assert (found.bug_class is None) == (found.matched == "")
    if found.signature is not None:
        assert found.signature.bug_class in (found.bug_class, *found.alternatives)


@given(st.sampled_from(CASES), st.integers(min_value=0, max_value=400))
def test_a_truncated_text_never_gets_a_class_before_its_cause(
    case: tuple[BugClass, str], length: int
) -> None:
    """Adding text can only move the answer towards the earlier cause."""
    _, text = case
    order = {id(signature): n for n, signature in enumerate((*SIGNATURES, *BY_OBJECT))}
    whole, part = classify_text(text).signature, classify_text(text[:length]).signature
    assert whole is not None
    if part is not None:
        assert order[id(part)] >= order[id(whole)]


def _share(texts: list[LabelledText]) -> float:
    return sum(is_right(t, classify_text(t.text)) for t in texts) / len(texts)


def test_nine_tenths_of_the_labelled_failures_get_their_class() -> None:
    for testing in (False, True):
        failures = [t for t in labelled_texts() if t.for_testing == testing and not t.is_healthy]
        assert _share(failures) >= 0.9
        noticed = [t for t in failures if classify_text(t.text).bug_class is not None]
        assert len(noticed) >= 0.98 * len(failures)


@pytest.mark.parametrize("bug_class", CLASSES_OF_2022)
def test_the_classes_of_2022_are_found(bug_class: BugClass) -> None:
    texts = [t for t in labelled_texts() if t.labels[0] == bug_class]
    assert len(texts) >= 15
    assert _share(texts) >= 0.95


def test_healthy_texts_raise_no_alarm() -> None:
    assert _share([t for t in labelled_texts() if t.is_healthy]) >= 0.97


@pytest.mark.parametrize("read", [public_reports, written_texts])
def test_lines_of_public_reports_get_their_class(read: Callable[[], list[LabelledText]]) -> None:
    texts = read()
    failures = [t for t in texts if not t.is_healthy]
    assert _share(failures) >= 0.9
    noticed = [t for t in failures if classify_text(t.text).bug_class is not None]
    assert len(noticed) >= 0.98 * len(failures)
    assert _share([t for t in texts if t.is_healthy]) >= 0.97


def test_no_line_of_a_public_report_is_in_two_sets() -> None:
    """A line that was learnt from is not at first sight: whatever its ids, numbers and spaces."""
    texts = [without_ids(text) for text in public_reports()]
    assert not [text for text, count in Counter(texts).items() if count > 1]


def test_the_search_for_words_shows_every_line_that_counts() -> None:
    """What decides whether a line of a file is looked at at all misses none of them."""
    prefilter = Prefilter()
    for text in (*labelled_texts(), *public_reports(), *written_texts()):
        if classify_text(text.text).bug_class is not None:
            assert prefilter.places(f"{text.text}\n".encode()), text.text


HANDLER = '  File "/app/handler.py", line 2, in <module>\n    import x\n'
FLASK = (
    '  File "/usr/lib/python3.11/site-packages/flask/app.py", line 9, in <module>\n    import x\n'
)


@pytest.mark.parametrize(
    ("frames", "module", "bug_class", "certainty"),
    [
        (HANDLER, "json.decoder", BugClass.MISSING_PACKAGES, Certainty.CERTAIN),
        (HANDLER, "pandas", BugClass.STARTUP_ERROR, Certainty.LIKELY),
        (HANDLER + FLASK, "click", BugClass.MISSING_PACKAGES, Certainty.LIKELY),
        ("", "click", BugClass.MISSING_PACKAGES, Certainty.LIKELY),
    ],
)
def test_whose_module_is_missing(
    frames: str, module: str, bug_class: BugClass, certainty: Certainty
) -> None:
    head = "Traceback (most recent call last):\n" if frames else ""
    found = classify_text(f"{head}{frames}ModuleNotFoundError: No module named '{module}'")
    assert (found.bug_class, found.certainty) == (bug_class, certainty)
    # With evidence it is judged whether it was lost.
    assert found.symptom is BugClass.MISSING_PACKAGES
    if certainty is Certainty.LIKELY:
        (other,) = found.alternatives
        assert {found.bug_class, other} == {BugClass.MISSING_PACKAGES, BugClass.STARTUP_ERROR}


def test_the_standard_library_of_this_interpreter_is_known() -> None:
    assert sys.stdlib_module_names <= STANDARD_LIBRARY


def test_what_is_near_must_stand_in_the_same_line() -> None:
    limit = "inotify_add_watch /x: no space left on device"
    assert classify_text(limit).bug_class is BugClass.INOTIFY_LIMIT
    apart = "inotify is used here\nwrite /x: no space left on device"
    assert classify_text(apart).bug_class is BugClass.DISK_FULL


def test_healthy_logs_of_real_daemons_raise_no_alarm() -> None:
    """Whole runs of containers that did well, some of them stopped or killed by their client.

    containerd 1.6, 1.7 and 2.x, with and without pods that a client runs in the kubelet's order;
    dockerd 20.10, 26.1 and 28.5 in both stores, with a bridge; the same through journald, short
    and JSON. Recorded on Debian 12 with ``ctr``, ``docker`` and the CRI's own calls.
    """
    logs = sorted((Path(__file__).parent / "healthy_logs").iterdir())
    assert len(logs) == 16
    report = scan(logs)
    assert report.files["lines"].sum() > 2_000
    assert report.failures.empty
    assert report.unclassified.empty


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        ("/usr/lib/app/table.csv", True),
        ("/var/run/web.pid", False),
        ("/run/web/api.sock", False),
        ("/proc/sys/net/odd", False),
        ("/home/anna/.web/daemon.pid", False),
        ("/app/pid.py", True),
    ],
)
def test_a_file_that_only_a_running_program_makes_is_not_one_of_the_image(
    path: str, missing: bool
) -> None:
    texts = (
        f"FileNotFoundError: [Errno 2] No such file or directory: '{path}'",
        f"Error: ENOENT: no such file or directory, open '{path}'",
        f"panic: open {path}: no such file or directory",
    )
    found = {classify_text(text).bug_class is BugClass.MISSING_PACKAGES for text in texts}
    assert found == {missing}


@pytest.mark.parametrize(
    ("text", "noticed"),
    [
        ("web_1  | [2021-08-25 23:24:53,573: ERROR/MainProcess] the frob is odd", True),
        ("containerd-shim-odd-v1 -info: the frob cannot be read", True),
        ('[talos] 2024/02/06 17:46:18 the frob {"controller": "x", "error": "it is odd"}', True),
        ('[talos] 2024/02/06 17:46:18 the frob {"controller": "x", "error": ""}', False),
        ("   Active: activating (auto-restart) (Result: signal) since Wed 2019-12-18", True),
        # FIRSTSEEN, LASTSEEN, COUNT, FROM; or a namespace in front
        ("  34m    29m    3    kubelet, ip-172-76    Warning OddReason    the frob is odd", True),
        ("shop           120m      Warning     OddReason      web-1     the frob is odd", True),
        ("shop           120m      Normal      OddReason      web-1     the frob is odd", False),
        # The F of the CRI says that the line is whole, not that it is fatal.
        ('2025-01-15T01:35:04.106+08:00 stdout F level=info msg="Could not frob"', False),
        ("conmon 77ab01cc <ndebug>: failed to write to /proc/self/oom_score_adj: odd", False),
        # What is set, help, headings: words that sound like an error.
        ('  "io.containerd.timeout.task.state" = "2s"', False),
        ("  --timeout duration     Time to wait before giving up", False),
        ("### What happened? Describe the failure", False),
    ],
)
def test_marks_behind_heads_of_many_kinds_are_found(text: str, noticed: bool) -> None:
    assert (classify_text(text).bug_class is not None) is noticed
