"""Processes that ended, never became ready, or did not answer."""

from __future__ import annotations

from iluvatar_bench.bugs.signatures.wording import NL, B, Q, wording
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

_WHOM = r"(?:[Cc]ontainer|[Ff]unction|[Tt]ask|[Aa]ction|[Pp]od|[Ww]orker|[Hh]andler|[Ss]andbox)"
_SIGNALLED = r"(?:13[0-9]|14[0-3])"
"""128 + a signal's number: SIGINT to SIGTERM, as shells, Docker and the CRI report it."""

DEATHS = (
    wording(
        BugClass.SILENT_STARTUP,
        r"before it said '[^'\n]{1,80}+'; it said nothing|and still runs; it said nothing",
        "iluvatar-bench",
        "iluvatar-bench lifecycle/readiness.py",
        "whatever the status that it ended with: it was never ready",
    ),
    wording(
        BugClass.PROCESS_DIED,
        r"was ready and ended with status \d",
        "iluvatar-bench",
        "iluvatar-bench lifecycle/container.py",
    ),
    wording(
        BugClass.PROCESS_DIED,
        r"Error trying to read container (?:[^\n]{1,200} )?/proc/[^\s/]{1,12}/statm",
        "Iluvatar worker, 2022 to today",
        "COS-IN/iluvatar-faas containers/structs.rs, containerd/containerd.rs",
        "the memory monitor finds no process any more",
    ),
    wording(
        BugClass.PROCESS_DIED,
        r"Removing an unhealthy container|Returned container is unhealthy, sending for removal",
        "Iluvatar worker, 2022 to today",
        "COS-IN/iluvatar-faas containermanager.rs, containerd/containerd.rs",
    ),
    wording(
        BugClass.PROCESS_DIED,
        r"\bNoSuchProcess\b|process no longer exists",
        "psutil 5-7",
        "psutil psutil/_exceptions.py",
        "the watched process went",
    ),
    wording(
        BugClass.PROCESS_DIED,
        r"/proc/\d{1,10}+/(?:stat|statm|status|smaps|smaps_rollup|cgroup|io|fd)\b",
        "procfs readers",
        "linux fs/proc/base.c (ENOENT at open, ESRCH at read)",
        "the same",
        near=r"[Nn]o such (?:file|process)",
        within=100,
    ),
    wording(
        BugClass.PROCESS_DIED,
        r"Worker \(pid:\d{1,10}\) (?:was (?:sent SIGKILL|terminated due to signal)"
        r"|exited with code)"
        r"|Child process \[\d{1,10}+\] died|WorkerLostError|BrokenProcessPool"
        r"|[Tt]erminated by SIG[A-Z]{3,5}; not expected|! Terminating timed out worker"
        r"|timeout \(\d{1,6}s > \d{1,6}s\), killing|: Watchdog timeout \(limit"
        r"|Language [Ww]orker [Pp]rocess exited|exited with error: signal: "
        r"|[Rr]untime process terminated unexpectedly|[Uu]nexpected termination of child process"
        r"|pod has been terminated|container is gone|exited unexpectedly with signal"
        r"|went offline during the build|has been marked dead because",
        "gunicorn 20-23, uvicorn, celery, supervisord, Azure Functions, AWS Lambda, nuclio",
        "gunicorn gunicorn/arbiter.py; encode/uvicorn supervisors/multiprocess.py; "
        "Azure/azure-functions-host#3551; nuclio pkg/processor/runtime/rpc",
        told_calmly=True,
    ),
    wording(
        BugClass.PROCESS_DIED,
        r"in CONTAINER_EXITED state|[Cc]ontainer \S{1,80}+ is not running|[Nn]o running task found"
        r"|\bContainerStatusUnknown\b"
        r"|container could not be located when|was running [^\n]{0,80}not (?:be )?found"
        r"|container is not created or running|container process not found"
        r"|\b(?:child|worker|process)\b[^\n]{0,40} exited on signal \d",
        "runc 1.0-1.5, containerd 1.4-2.3, dockerd, podman, kubelet 1.20-1.34",
        "containerd pkg/process/init_state.go; moby daemon/exec.go; kubernetes pkg/kubelet",
    ),
    wording(
        BugClass.PROCESS_DIED,
        rf"[Ee]xit ?[Cc]ode\\{{0,7}}+\"?\s{{0,2}}[:=]\s{{0,12}}{_SIGNALLED}\b"
        rf"|\b[Ee]xit[_ ]?(?:code|status)\\{{0,7}}+\"?[:= ]{{1,3}}{_SIGNALLED}\b"
        rf"|\bExit Code {_SIGNALLED}\b"
        rf"|[Ee]xited with (?:code |status |non-zero (?:exit )?(?:code|status):? ?)?{_SIGNALLED}\b"
        rf"|Exited \({_SIGNALLED}\)|\bexit status:? {_SIGNALLED}\b"
        r"|\b(?:docker|libpod|cri-containerd|crio|nerdctl)-\w{2,80}\.scope: "
        r"(?:Main process exited, code=(?:killed|dumped)"
        r"|Failed with result '(?:signal|core-dump)')",
        "Docker, containerd, nerdctl, podman, conmon, crictl, kubectl, compose",
        "moby daemon/monitor.go; containerd api/events/task.proto; kubernetes core/v1 types.go",
        "ended by a signal; that it was not the memory limit is said elsewhere in the text, or not",
        told_calmly=True,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.OOM_KILLED,),
    ),
    wording(
        BugClass.PROCESS_DIED,
        r"of signal 15 - using the force"
        r"|(?:did not|failed to) (?:exit|stop|terminate) (?:with)?in \S{1,20}+ (?:seconds )?of "
        r"signal",
        "dockerd, systemd",
        "moby daemon/stop.go; systemd src/core/service.c",
        "killed after its grace period",
        told_calmly=True,
    ),
    wording(
        BugClass.REMOVAL_FAILED,
        r"trying direct SIGKILL|State 'stop-\w{1,12}' timed out\. Killing"
        r"|[Ss]topping timed out\. (?:Killing|Terminating)|still around after SIGKILL"
        r"|(?:did not|failed to) (?:exit|stop|terminate) (?:with)?in \S{1,20}+ (?:seconds )?of "
        r"(?:SIGTERM|kill)|did not kill the pod within",
        "dockerd, systemd, Heroku, kubelet",
        "moby daemon/stop.go, daemon/kill.go; systemd src/core/service.c",
        "it was asked to end, and then to end at once, and did not in time",
        told_calmly=True,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.PROCESS_DIED, BugClass.DEADLINE),
    ),
    wording(
        BugClass.PROCESS_DIED,
        r"kernel: [^\n]{0,40}\]: segfault at |kernel: traps: [^\n]{1,60}\] (?:trap"
        r"|general protection)"
        r"|\]: segfault at [0-9a-f]{1,16}+ ip ",
        "linux 4.x-6.x",
        "linux arch/x86/mm/fault.c, arch/x86/kernel/traps.c",
    ),
)

ANSWERED_WRONGLY = (
    wording(
        BugClass.INVOKE_FAILED,
        r"Maximum execution time of \d|Allowed memory size of \d{1,14} bytes exhausted"
        r"|Exception on /\S{0,200} \[(?:GET|POST|PUT|DELETE|PATCH|HEAD)\]"
        r"|Internal Server Error: /|Completed 500 Internal|Exception in ASGI application"
        r"|http: panic serving |Runtime\.UnhandledPromiseRejection",
        "PHP, Flask, Django, Rails, uvicorn, Go, AWS Lambda",
        "php main/main.c; pallets/flask app.py; django core/handlers; encode/uvicorn protocols",
        "of one request: the process answers the next",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.STARTUP_ERROR, BugClass.PROCESS_DIED),
    ),
    wording(
        BugClass.PROCESS_DIED,
        r"thread '(?:tokio-runtime-worker|<unnamed>)' [^\n]{0,14}panicked at ",
        "Rust",
        "rust library/std/src/panicking.rs; tokio runtime/thread_pool",
        "a thread that was at work: it had started",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.INVOKE_FAILED, BugClass.STARTUP_ERROR),
    ),
)

ENDS_WITH_WORDS = (
    wording(
        BugClass.STARTUP_ERROR,
        rf"Traceback \(most recent call last\)|{B}(?:SyntaxError|IndentationError): "
        r"|Worker [Ff]ailed to boot|Failed to find attribute '|Connection in use: \("
        r"|Error loading ASGI app|Application startup failed|\[ERROR\] Can't connect to \('",
        "Python 3.3-3.14, gunicorn 20-23, uvicorn",
        "python Lib/traceback.py; gunicorn gunicorn/arbiter.py, gunicorn/sock.py",
        "a traceback that names no missing file: the function's own fault, unless evidence objects",
    ),
    wording(
        BugClass.STARTUP_ERROR,
        rf"Error: (?!getaddrinfo |connect E|\d{{1,2}} UNAV)[^\n\\]{{0,300}}+{NL}\s{{1,8}}+at "
        r"|\bthrow new \w{0,40}Error\(|UnhandledPromiseRejection"
        r"|JavaScript heap out of memory|Reached heap limit|Java heap space",
        "Node 8-24, JVM",
        "node lib/internal/errors.js, lib/internal/process/promises.js",
    ),
    wording(
        BugClass.STARTUP_ERROR,
        rf"Segmentation fault|{B}(?:panic|fatal error): |Exception in thread {Q}"
        r"|\bruntime\.(?:throw|fatalthrow|fatalpanic|gopanic)\(|(?m:^runtime stack:)"
        r"|thread '[^'\n]{1,60}+' [^\n]{0,14}panicked at|\bpanicked at "
        r"|terminate called after throwing|stack smashing detected"
        r"|Assertion [`'][^'\n]{1,200}+' failed|bootstrap checks failed"
        r"|is too low, increase to at least"
        r"|\bSIG(?:SEGV|ILL|BUS|ABRT|FPE): |double free or corruption|[Cc]ore dumped"
        r"|free\(\): invalid",
        "any program",
        "go runtime/panic.go; rust std/src/panicking.rs; openjdk Thread.java; glibc malloc.c",
    ),
    wording(
        BugClass.STARTUP_ERROR,
        r"UnsupportedClassVersionError|BeanCreationException|APPLICATION FAILED TO START"
        r"|fatal error has been detected by the Java|insufficient memory for the Java Runtime"
        r"|Invalid or corrupt jarfile|Could not create the Java Virtual Machine"
        r"|Unhandled exception\. |Exception: (?!Timed out)[^\n]{0,300}+\n\s{1,8}+at "
        r"|\((?:NoMethodError|NameError|ArgumentError|TypeError|RuntimeError|SyntaxError"
        r"|KeyError)\)"
        r"|PHP (?:Fatal|Parse) error: |aborted due to compilation errors|Execution halted"
        r"|: attempt to (?:index|call|perform|compare|concatenate) |stack traceback:|\*\* \(EXIT"
        r"|application_start_failure"
        r"|A JNI error has occurred|Failed to create CoreCLR"
        r"|[Ff]ailed to (?:launch|start|create) (?:the )?(?:JVM|Java VM)\b"
        r"|GC heap initialization failed"
        r"|Hosting failed to start|os::commit_memory\([^\n]{1,80}\) failed"
        r"|Can't (?:call method|locate object method|use an undefined value) "
        r"|Failed to (?:allocate|start up) manager(?: object)?, freezing"
        r"|nginx: \[emerg\]|Kernel pid terminated",
        "JVM, Spring, .NET, Ruby, PHP, Perl, R, Lua, Erlang, nginx",
        "openjdk libjli/java.c; dotnet/runtime; php main/main.c; perl perl.c; R src/main; lua.c",
    ),
    wording(
        BugClass.STARTUP_ERROR,
        r"[Aa]ddress (?:is )?already in use|\bEADDRINUSE\b|[Pp]ort \d{1,5}+ (?:is"
        r"|was) already in use"
        r"|[Oo]nly one usage of each socket address"
        r"|bind: (?:[Pp]ermission denied|cannot assign)",
        "any server",
        "glibc sysdeps errlist; linux EADDRINUSE",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.NETWORK, BugClass.SECURITY_DENIED),
    ),
    wording(
        BugClass.STARTUP_ERROR,
        r"(?:Can't|Failed to) run wrapper|is undefined or not exported|HandlerNotFound"
        r"|MalformedHandlerName|_HANDLER environment"
        r"|unable to load function|Error occurred during initialization of |npm ERR! Missing script"
        r"|npm error Missing script|error: the following arguments are required"
        r"|error: unrecognized arguments|error: argument |\[emerg\] \d{1,8}+#\d"
        r"|Could not reserve enough space for|InvalidEntrypoint"
        r"|error Command \"[^\"\n]{1,60}\" not found"
        r"|LinkageError occurred while loading|Internal CLR error|FPM initialization failed"
        r"|ERROR: \[pool [\w.-]{1,60}\] "
        r"|A server is already running\. Check"
        r"|: \d{1,6}+: Syntax error: |\bsh: (?:\d{1,6}+: )?/[^\n:]{1,200}+: [Pp]ermission denied"
        r"|(?m:^)MemoryError(?m:$)"
        r"|\" directive is not allowed here|InvalidEntryPoint|BOOT FAILED"
        r"|could not create shared memory segment"
        r"|bundler: command not found|must be accessible by owner only|: unbound variable"
        r"|must be run as PID 1|requires explicit package name|no hostkeys available"
        r"|FUNCTION_TARGET environment variable not set|\"function_process\" or \"fprocess\""
        r"|Composer detected issues in your platform|ContextualVersionConflict",
        "AWS Lambda, Azure Functions, JVM, .NET, npm, yarn, argparse, nginx, PHP, Ruby, shells",
        "aws-lambda-nodejs-runtime-interface-client src/Errors.js; openjdk runtime/init.cpp; "
        "npm/run-script; python Lib/argparse.py; nginx src/core/ngx_log.c",
        "what was to be run is not there as it was named, or was called wrongly",
    ),
    wording(
        BugClass.STARTUP_ERROR,
        r"; stderr '[^']{0,300}(?:[Ee]rror|ERROR|[Ee]xception|FATAL|CRITICAL)\b",
        "Iluvatar worker, 2022",
        "COS-IN/iluvatar-faas containers/structs.rs",
        "not ready in time, and its standard error says why",
    ),
)

ENDED = (
    wording(
        BugClass.PROCESS_DIED,
        r"unexpectedly(?! nil)|\bcrashed\b|was killed\b|no longer running|\bis dead\b"
        r"|is not alive|disappeared\b|vanished\b|exited prematurely|(?:terminated|stopped|exited)"
        r" abnormally|[Cc]rash ?[Ll]oop|died or was killed|has (?:exited|died|crashed)\b",
        "any orchestrator",
        "the shape of a death: whom, and that it ended though nobody asked it to",
        near=rf"\b{_WHOM}s?\b|[Pp]rocess\b|\bPID\b|\bpid\b|[Rr]untime\b|[Rr]eplica|[Ii]nstance\b"
        r"|[Aa]pplication\b|[Ss]erver\b|[Rr]unner\b|[Jj]ob\b|\b[Aa]pp\b",
        within=80,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.STARTUP_ERROR, BugClass.OOM_KILLED),
    ),
)
"""What it ended of, other words of the line may say."""

SHAPES = (
    wording(
        BugClass.PROCESS_DIED,
        r"\[\d{1,3}\] {1,8}\d{1,10} (?:segmentation fault|abort|killed|bus error) "
        r"|(?m:^(?:Killed|Terminated|Aborted)$)|\](?:\+|-| )  (?:Killed|Terminated|Aborted) "
        r"|: line \d{1,6}+:\s{1,8}+\d{1,10}+ (?:Killed|Terminated|Aborted)\b",
        "bash, dash, busybox",
        "bash jobs.c; linux SIGKILL",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.OOM_KILLED,),
    ),
    wording(
        BugClass.SILENT_STARTUP,
        r"[Ss]tart-?up tim(?:e|ed) ?out|[Rr]eadiness (?:check )?tim(?:e|ed) ?out|not ready after"
        r"|never started|[Hh]ealth ?-?check (?:for container \S{1,80} )?"
        r"(?:failed(?! due to missing)|timed out)|cold start tim"
        r"|timed out (?:during|in|on) (?:the )?(?:cold|start|init|boot)|didn't start properly"
        r"|failed container health checks|(?<!PLEG )\bis not healthy\b",
        "any orchestrator",
        "the shape of a start that nothing was heard of",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.DEADLINE, BugClass.STARTUP_ERROR),
    ),
    wording(
        BugClass.INVOKE_FAILED,
        r"[Ee]xception while executing function: |[Ii]nvocation failed|[Ii]nvocation timed out"
        r"|nvocation of \S{1,80}+ (?:failed|timed)"
        r"|[Bb]ad [Gg]ateway"
        r"|[Gg]ateway [Tt]ime-?out|upstream timed out|[Ee]mpty reply from server"
        r"|Executed '?[\w.-]{1,200}'? \(Failed"
        r"|(?:queue|breaker|pool) (?:is )?full\b|(?:activator|gateway|invoker|system|server) "
        r"(?:is )?overload|(?:[Nn]o|enough) (?:available|free|idle|healthy) workers?\b"
        r"|max_children setting"
        r"|activator request timeout|no available instance|exceeded by function '"
        r"|reached the maximum request timeout",
        "any gateway",
        "the shape of an answer that did not come",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.PROCESS_DIED,),
    ),
)

UNCAUGHT = (
    wording(
        BugClass.STARTUP_ERROR,
        r"before it said '[^'\n]{1,80}+'; its last words: |and still runs; its last words: ",
        "iluvatar-bench",
        "iluvatar-bench lifecycle/readiness.py",
        "it said something that no line above knows",
    ),
    wording(
        BugClass.STARTUP_ERROR,
        r"\b[A-Za-z_][\w.$]{1,99}(?:Error|Exception): |\b\w{1,40}\.exceptions\.\w{1,60}: "
        r"|\bUncaught (?:Exception|\w{0,20}Error)\b"
        r"|[Uu]nhandled [Ee]xception|UNHANDLED EXCEPTION|\"errorType\\{0,7}+\": ?\\{0,7}+\"",
        "any language, AWS Lambda",
        "an exception that nobody caught; where it came from is not in the text",
        near=r"Error\b|Exception\b|errorType|exceptions\.|EXCEPTION|exception",
        unless=r"AccessDeniedE|[a-z]NotFoundE|DagNotFound|Authenti|ExpiredSig|TooLargeE|ConnectE"
        r"|DisconnectedE|TimeoutE|DeserializationE|ChannelClosedE"
        r"|An error occurred \(\w|FetchE|OperationalE",
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.INVOKE_FAILED, BugClass.PROCESS_DIED),
    ),
)

AFTERMATH = (
    wording(
        BugClass.PROCESS_DIED,
        r"Task for container was missing when it was attempted to be (?:killed|delete)"
        r"|[Uu]nable to find task",
        "Iluvatar worker, 2022 to today; faasd",
        "COS-IN/iluvatar-faas containermanager.rs, containerd/containerd.rs",
        "also what is met after a start that timed out: that came first",
    ),
    wording(
        BugClass.STARTUP_ERROR,
        r"Back-off restarting failed container|\bCrashLoopBackOff\b"
        r"|[Bb]ack-off \S{1,12}+ restarting",
        "kubelet",
        "kubernetes pkg/kubelet/kuberuntime/kuberuntime_manager.go",
        "ended again and again; why is not in the text",
        told_calmly=True,
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.PROCESS_DIED, BugClass.OOM_KILLED),
    ),
)

UNANSWERED = (
    wording(
        BugClass.INVOKE_FAILED,
        r"HTTP error when trying to connect to container|Error reading text data from container"
        r"|\[CRITICAL\] WORKER TIMEOUT \(pid:"
        r"|FunctionInvokeExecutionTimeout|time limits of \d{1,9}+ \w{1,15}+(?! during)"
        r"|killed by exec_timeout",
        "Iluvatar worker, 2022 to today; gunicorn 20-23; AWS Lambda, Fn, OpenWhisk, of-watchdog",
        "COS-IN/iluvatar-faas clients/http_client.rs; gunicorn gunicorn/arbiter.py",
    ),
    wording(
        BugClass.INVOKE_FAILED,
        r"[Uu]pstream (?:HTTP )?request(?: error)?|upstream prematurely closed"
        r"|connecting to upstream"
        r"|curl: \((?:6|7|28|52|56)\) |wget: can't connect to remote host"
        r"|reading response header from upstream|Can't reach service(?: for)?: "
        r"|reverse proxying request"
        r"|[Ll]iveness probe (?:for \S{1,200} )?(?:failed|errored)"
        r"|failed liveness probe, will be restarted"
        r"|\"Probe failed\" probeType=\"Liveness\"|[Ff]ailed to invoke (?:handler|function)"
        r"|\bServer \S{1,80} is DOWN, reason: "
        r"|SyncLoop \(container unhealthy\)|\] - 50\d took |Restarting worker due to timeout"
        r"|HARAKIRI ON WORKER|execution timed out \("
        r"|[Cc]ontainer failed liveness probe|no_healthy_upstream"
        r"|error sending request to function|Forwarded \[\w{1,8}\] to [^\n]{1,200} - \[[45]\d\d\]"
        r"|ReverseProxy read error|Task timed out after [\d.]{1,12}+ seconds",
        "faasd, OpenFaaS, of-watchdog, nginx, Knative, kubelet, nuclio",
        "openfaas/faasd pkg/provider; nginx src/http/ngx_http_upstream.c; kubernetes prober",
        told_calmly=True,
    ),
)
