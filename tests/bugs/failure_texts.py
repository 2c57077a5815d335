"""Texts of failures by their class, and of none: in the words of the programs that wrote them."""

from __future__ import annotations

from iluvatar_bench.bugs.taxonomy import BugClass

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
        "The connection to the server localhost:8080 was refused - did you specify the right host?",
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
        '  Normal  BackOff  3s (x4 over 41s)  kubelet  Back-off pulling image "r/web:9"',
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
        'level=info msg="memberlist: Marking 4cf3 as failed, suspect timeout reached"',
        'Error setting it up: exec: "ip": executable file not found in $PATH',
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
        "web-9c9bc6fff-4fhwq   0/1     SysctlForbidden   0          10s",
        "nsexec-1[9022]: failed to unshare user namespace: No space left on device",
    ),
    BugClass.SHIM_LOST: (
        "ttrpc: closed: unknown",
        "ttrpc: client shutting down: EOF: unknown",
        "failed to start shim: start failed: io.containerd.runc.v2: exit status 1",
        'ctr: failed to start: exec: "containerd-shim-runc-v2": executable file not found in $PATH',
        "dial unix /run/containerd/s/0a3da4c: connect: connection refused: unknown",
        "connecting to shim: dial unix \0/containerd-shim/moby/0a3d/shim.sock: refused",
        "containerd-shim-odd-v1: panic: odd",
        'level=info msg="shim reaped unexpectedly" id=web',
    ),
    BugClass.MISSING_PACKAGES: (
        "python3: can't open file '/app/main.py': [Errno 2] No such file or directory; this is "
        "expected to be mounted",
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
        "/entrypoint.sh: line 3:    12 Killed                  python3 app.py",
        "I1221 02:18:55.249119     5 manager.cpp:322] Received status update TASK_LOST of task web",
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
        "ValueError: no port",
        "Runtime exited with error: exit status 1",
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
        "worker 3: start-up timeout, no output",
        "worker 3: GET /healthz gave statuscode: 503",
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
        "2025/02/11 the invocation of resizer failed: EOF",
    ),
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
        '71bb   web:9   "python app.py"   2 hours ago   Up 2 hours (Paused)   8080/tcp   web',
    ),
    BugClass.EXEC_FAILED: (
        "exec probe-1 in container web-1 could not be started: no such file",
        "OCI runtime exec failed: exec failed: unable to start container process: "
        'exec: "bash": executable file not found in $PATH: unknown',
        "exec failed: cannot exec in a stopped container",
        'level=error msg="Exec for "3545c" failed" error="container is in CONTAINER_EXITED state"',
    ),
    BugClass.DAEMON_CRASHED: ("Containerd is crashing with panic: a page of the store is odd",),
    BugClass.UNCLASSIFIED: ('no logs: exec: "journalctl": executable file not found in $PATH',),
    BugClass.REMOVAL_FAILED: (
        '1d34   web:3   "python serve.py"   2 hours ago   Removal In Progress             web',
        "web-3252090818-74k00   0/1       Terminating   0          5d",
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
    "0 abnormal exits",
    "abnormal exits: 0",
    "fsck: no corruption detected",
    "container web: oom_killed: False",
    "2023-09-12 10:14:08,551 | [Container state] OOMKilled False",
)
