"""Files that are not there for a process, in the words of every language, shell and loader.

Loader words with another cause come first: what was found and refused, or does not fit, is not
missing.
"""

from __future__ import annotations

import re

from iluvatar_bench.bugs.signatures.wording import B, Q, Signature, wording
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

LOADERS = (
    wording(
        BugClass.STARTUP_ERROR,
        r"version `(?:GLIBC|GLIBCXX|CXXABI|OPENSSL|[A-Z]{2,12})_[\w.]{1,20}+' not found"
        r"|undefined symbol: |[Ff]atal glibc error: |CPU does not support|CPU ISA level"
        r"|Illegal instruction|Not a valid dynamic program|but your Gemfile specified "
        r"|\$'[^'\n]{0,40}\\r': command not found",
        "glibc 2.x, bash",
        "glibc elf/dl-version.c, elf/dl-lookup.c, sysdeps/x86/dl-cacheinfo.c; bash execute_cmd.c",
        "the file is there and does not fit: built for another library, another processor, or with"
        " another system's ends of lines",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.IMAGE,),
    ),
)

PYTHON_MODULES = (
    wording(
        BugClass.MISSING_PACKAGES,
        r"ModuleNotFoundError(?:: No module named [^\s\\]{1,100})?"
        r"|No module named (?:'|\\{0,7}+\"|\b)[^\s\\]{1,100}",
        "Python 3.6-3.14 (ImportError: No module named x before 3.6)",
        "python Lib/importlib/_bootstrap.py; containerd/containerd#12029",
        "the function's own missing import reads the same: evidence tells them apart",
    ),
)
"""Judged further by whose module it is, see :mod:`..python_modules`."""

LANGUAGES = (
    wording(
        BugClass.MISSING_PACKAGES,
        r"ImportError: cannot import name ",
        "Python 3.4-3.14",
        "python Python/ceval.c (import_from)",
        "`from package import module` says this when module.py is gone, and then even calls it a "
        "circular import if the package is still being imported",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.STARTUP_ERROR,),
    ),
    wording(
        BugClass.MISSING_PACKAGES,
        r"(?:FileNotFoundError|OSError|IOError): \[Errno 2\]"
        r"|can't open file [^\n]{1,300}\[Errno 2\] No such file or directory",
        "Python 3.3-3.14",
        "python Objects/exceptions.c, Modules/main.c",
    ),
    wording(
        BugClass.MISSING_PACKAGES,
        r"PackageNotFoundError: |DistributionNotFound: |LookupError: unknown encoding: "
        r"|init_fs_encoding: [Ff]ailed to get the Python codec|ZoneInfoNotFoundError"
        r"|Could not find platform (?:in)?dependent libraries|TemplateNotFound: "
        r"|Could not find a suitable TLS CA certificate bundle",
        "Python 3.7-3.14",
        "python Lib/importlib/metadata, Python/codecs.c, Python/pylifecycle.c, Modules/getpath.py",
        "late look-ups of the standard library: metadata, codecs, the library itself",
    ),
    wording(
        BugClass.MISSING_PACKAGES,
        r"its last words: {1,8}<no Python frame>",
        "iluvatar-bench; Python 3.8-3.14",
        "python Python/traceback.c, Python/pylifecycle.c; iluvatar-bench lifecycle/readiness.py",
        "the interpreter gave up before it ran a line: as a rule its own library is not there",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.STARTUP_ERROR,),
    ),
    wording(
        BugClass.MISSING_PACKAGES,
        r"Cannot find module ['\"\\]{1,8}(?:file:/|\.{0,2}/|[A-Z]:)"
        r"|\bENOENT: no such file or directory, |\benoent Could not read "
        r"|npm (?:ERR!|error) code ENOENT|\benoent ENOENT\b"
        r"|Module not found \"file:",
        "Node 8-24, Deno, npm",
        "node lib/internal/modules/cjs/loader.js, lib/internal/fs/utils.js",
    ),
    wording(
        BugClass.MISSING_PACKAGES,
        r"Cannot find module ['\"\\/.@\w]|\b(?:ERR_)?MODULE_NOT_FOUND\b"
        r"|Cannot find package ['\"\\]|Runtime\.ImportModuleError|Unable to import module '",
        "Node 8-24 (CommonJS and ES modules), Bun, AWS Lambda",
        "node lib/internal/modules/cjs/loader.js, lib/internal/modules/esm/resolve.js",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.STARTUP_ERROR,),
    ),
    wording(
        BugClass.MISSING_PACKAGES,
        r"\b(?:ClassNotFoundException|NoClassDefFoundError)\b|java/lang/NoClassDefFoundError"
        r"|Could not find or load main class|no main manifest attribute|Unable to access jarfile"
        r"|could not find lib(?:java|jvm)"
        r"|Could not find Java SE Runtime|UnsatisfiedLinkError: (?:no |Can't load|/)"
        r"|\bNoSuchFileException: |java\.io\.FileNotFoundException: |module\.FindException: "
        r"|Failed setting boot class path|JAVA_HOME is (?:not set|set to an invalid)",
        "OpenJDK 8-25, GraalVM",
        "openjdk src/java.base/share/native/libjli/java.c, java.lang.ClassLoader, java.nio.file",
    ),
    wording(
        BugClass.MISSING_PACKAGES,
        r"required library libhostfxr|library '?libhostpolicy|libhost(?:fxr|policy)\.so[^\n]{0,80}"
        r"not (?:be )?found|Could not load file or assembly|application to execute does not exist"
        r"|find any compatible framework version|The application '[^'\n]{1,200}' does not exist"
        r"|You must install (?:or update )?\.NET"
        r"|framework '[^'\n]{1,80}+', version [^\n]{1,60} was not"
        r"|DllNotFoundException: |Unable to load DLL '|[Uu]nable to load shared library '"
        r"|find a valid ICU package"
        r"|System\.IO\.(?:File|Directory)NotFoundException",
        ".NET Core 2.1-10",
        "dotnet/runtime src/native/corehost, src/coreclr/binder",
    ),
    wording(
        BugClass.MISSING_PACKAGES,
        r"cannot load such file -- |\(LoadError\)|in locally installed gems|Gem(?:::MissingSpec"
        r"|::LoadError|NotFound)|Could not find gem '|Could not locate Gemfile"
        r"|bundler: (?:command not found|[Ff]ailed to load command)|` ?was not loaded"
        r"|Could not find \S{1,100} in (?:any of the sources|locally installed gems)"
        r"|' were not loaded"
        r"|' was not loaded",
        "Ruby 2.5-3.4, RubyGems, Bundler",
        "ruby lib/rubygems/core_ext/kernel_require.rb, load.c, gem_prelude.rb; rubygems bundler",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.STARTUP_ERROR,),
    ),
    wording(
        BugClass.MISSING_PACKAGES,
        r"Failed opening required '|(?:require|include)(?:_once)?\([^\n)]{1,300}\): "
        r"[Ff]ailed to open stream|Could not open input file: "
        r"|Error: Class [\"'\\][^\n]{1,120} not found"
        r"|PHP Fatal error:[^\n]{1,200}No such file or directory",
        "PHP 5.6-8.4",
        "php main/fopen_wrappers.c, main/streams, Zend/zend_execute.c, sapi/cli/php_cli.c",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.STARTUP_ERROR,),
    ),
    wording(
        BugClass.MISSING_PACKAGES,
        r"Can't locate \S{1,120}+ in @INC|Can't open perl script|there is no package called "
        r"|cannot open file '[^'\n]{1,300}+': No such file or directory"
        r"|\bmodule '[^'\n]{1,120}+' not found:|\blua[\d.]{0,4}+: cannot open "
        r"|module \S{1,120}+ is not available\)|does not exist \(No such file or directory\)"
        r"|\{load_failed,\[|init terminating in do_boot",
        "Perl 5, R 3-4, Lua 5.1-5.4, Elixir, Erlang, GHC",
        "perl pp_ctl.c; R src/library/base/R/library.R; lua loadlib.c; otp erts/preloaded/src/init",
    ),
)

OWN_FILES = (
    wording(
        BugClass.MISSING_PACKAGES,
        r"plugin\.Open\([^\n]{1,300}(?:realpath failed|cannot open|no such file)"
        r"|(?:panic|FATAL|fatal|error)\b[^\n]{0,40}: (?:open|stat"
        r"|lstat) [^\s:]{1,300}+: no such file"
        r"|unknown time zone |\(2: No such file or directory\)"
        r"|x509: [Ff]ailed to load system roots",
        "Go 1.18-1.25, nginx",
        "go plugin/plugin_dlopen.go, os/error.go; nginx ngx_files",
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.STARTUP_ERROR,),
    ),
    wording(
        BugClass.CREATE_REJECTED,
        r"Os \{ code: 2, kind: NotFound|\(os error 2\)",
        "youki, Firecracker, kata, runwasi",
        "rust library/std/src/io",
        "what a runtime in Rust opens before there is a process",
        near=r"create container|container spec|load spec|[Ff]irecracker|[Mm]icroVM|child process",
        within=160,
        by_number=True,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.MISSING_PACKAGES,),
    ),
    wording(
        BugClass.MISSING_PACKAGES,
        r"Os \{ code: 2, kind: NotFound|\(os error 2\)",
        "Rust",
        "rust library/std/src/io",
        "a program's own file, or a runtime's",
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.STARTUP_ERROR, BugClass.CREATE_REJECTED),
    ),
)
"""Of the image, or made by the program itself, or given to it: the rest of the line may say."""

_NOT_FOUND = r"\\{0,7}+\": executable file not found"

TOOLS = (
    wording(
        BugClass.NETWORK,
        r"exec: \\{0,7}+\"(?:ip|ip6?tables|nft|pasta|slirp4netns|socat|ipset|brctl|iptables-save)"
        rf"{_NOT_FOUND}|could not find \\{{0,7}}+\"(?:pasta|slirp4netns)|getting ipset version",
        "runsc, podman, CNI plugins, kube-proxy",
        "go os/exec (lp_unix.go)",
        "a tool of the host's",
    ),
    wording(
        BugClass.SNAPSHOTTER_UNAVAILABLE,
        r"exec: \\{0,7}+\"(?:dmsetup|fusermount3?|zfs|zpool|mkfs\.\w{1,8}|btrfs|thin_check)"
        rf"{_NOT_FOUND}",
        "containerd, stargz snapshotter",
        "go os/exec (lp_unix.go)",
    ),
    wording(
        BugClass.CREATE_REJECTED,
        r"exec: \\{0,7}+\"(?:nvidia-[\w-]{1,40}|newuidmap|newgidmap|conmon)"
        rf"{_NOT_FOUND}",
        "runsc, nvidia's runtime, podman",
        "go os/exec (lp_unix.go)",
    ),
    wording(
        BugClass.UNCLASSIFIED,
        rf"exec: \\{{0,7}}+\"(?:criu|journalctl|git|systemctl|kubectl|docker){_NOT_FOUND}"
        r"|CRIU version check failed",
        "runc, faasd",
        "go os/exec (lp_unix.go)",
    ),
)
"""Programs that a daemon or a runtime calls on the host: nothing is missing in an image."""

PROGRAMS = (
    wording(
        BugClass.MISSING_PACKAGES,
        r"Host system is missing dependencies|[Mm]issing libraries:"
        r"|error while loading shared libraries:|cannot open shared object file"
        r"|Error loading shared library [^\s:]{1,200}+:",
        "glibc 2.x, musl 1.x",
        "glibc elf/dl-load.c; musl ldso/dynlink.c",
    ),
    wording(
        BugClass.STARTUP_ERROR,
        r"Error relocating [^\n]{1,300}: symbol not found|symbol lookup error: ",
        "musl 1.x, glibc",
        "musl ldso/dynlink.c",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.IMAGE,),
    ),
    wording(
        BugClass.MISSING_PACKAGES,
        rf"exec: {Q}[^\"\\\n]{{1,300}}+\\{{0,7}}+\": "
        r"(?:stat [^\n:]{1,300}+: no such file or directory|executable file not found)"
        r"|(?<!fork/)\bexec:? /[^\s:]{1,300}+: no such file or directory"
        r"|exec user process caused:? \\{0,7}+\"?no such file or directory"
        r"|[Ff]ailed to load /[^\s:]{1,300}+: no such file or directory"
        r"|fork/exec /[^\s:]{1,300}+: no such file or directory"
        r"|No such file or directory - [Ff]ailed to exec"
        r"|[Cc]ontainer command (?:'[^'\n]{1,100}' )?not found or does not exist"
        r"|start container process:? exec:? [^\n\"]{1,300}no such file or directory",
        "runc 1.0-1.5, runsc, containerd 1.4-2.3",
        "go os/exec (lp_unix.go); runc libcontainer/standard_init_linux.go; containerd/nerdctl#236",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED, BugClass.STARTUP_ERROR),
    ),
    wording(
        BugClass.MISSING_PACKAGES,
        rf"executable file {Q}[^\s\"`']{{1,200}}+{Q} not found"
        r"|(?:[Cc]annot|[Cc]ould not|[Uu]nable to) find:? \S{1,60}+ (?:in|on) (?:your "
        r"|the )?\$?PATH\b"
        r"|open executable: No such file or directory|executable for container process not found"
        rf"|exec container process {Q}[^\s\"`']{{1,200}}+{Q}: No such file or directory"
        r"|exec(?:ute)? '?[^\s']{1,200}'? ?failed: No such file"
        r"|can't execute '[^'\n]{1,200}+': No such"
        r"|ContainerCannotRun[^\n]{0,200}no such file",
        "crun 0.15-1.x, youki, tini, dumb-init, busybox",
        "crun src/libcrun/container.c, src/libcrun/utils.c; youki libcontainer/src/workload",
    ),
    wording(
        BugClass.MISSING_PACKAGES,
        r"No such file or directory: OCI (?:runtime (?:command )?)?not found"
        r"|OCI runtime attempted to invoke a command that was not found",
        "podman 2-5",
        "containers/podman libpod/define/errors.go (ErrOCIRuntimeNotFound); pull request 10436",
        "what is missing is the command, not the runtime",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED,),
    ),
    wording(
        BugClass.MISSING_PACKAGES,
        rf"{B}(?:sh|bash|ash|dash|zsh|ksh): (?:line )?(?:\d{{1,6}}+: )?[^\s:]{{1,200}}+: "
        r"(?:command )?not found"
        r"|: (?:line )?\d{1,6}+: (?:exec: )?[^\s:]{1,200}+: (?:command )?not found"
        r"|: line \d{1,6}+: /[^\s:]{1,200}+: No such file or directory"
        r"|/usr/bin/env: [^\n]{1,80}: No such file or directory"
        r"|(?m:^)env: [^\n]{1,80}: No such file or directory"
        r"|\[dumb-init\] [^\n]{1,200}: No such file or directory"
        r"|(?:no such file or directory|command not found): (?:bundle|node|python3?|java|ruby)\b"
        r"|(?m:^)(?:sudo: )?[\w./+-]{1,60}+: command not found",
        "dash, bash, busybox, zsh, coreutils",
        "dash src/exec.c; bash execute_cmd.c; busybox shell/ash.c; coreutils src/env.c",
    ),
)

# What is made while something runs, by the kernel, a daemon or a program.
_OF_THE_RUN = re.compile(
    r"(?:^|[\s'\"`(:=\[])(?:unix:)?(?:/(?:run|var/run|proc|sys|dev)/[^\s'\":]{1,300}"
    r"|/[^\s'\":]{1,300}\.(?:pid|sock|socket|lock))(?=[\s'\":,)\]]|$)"
)
_NAMED_WITHIN = 400


def is_of_the_run(signature: Signature, found: str, text: str) -> bool:
    """Whether the file that ``found`` in ``text`` misses was never one of an image.

    A socket or a pid file is not there because who makes it does not run.
    """
    if signature.bug_class is not BugClass.MISSING_PACKAGES:
        return False
    at = text.find(found)
    end = text.find("\n", at + len(found))
    if found[:1] == "(":
        # nginx: the path stands in front of what the C library said
        at = max(text.rfind("\n", 0, at) + 1, at - _NAMED_WITHIN)
    return names_of_the_run(text[at : min(at + _NAMED_WITHIN, end if end >= 0 else len(text))])


def names_of_the_run(text: str) -> bool:
    """Whether ``text`` names such a file."""
    return _OF_THE_RUN.search(text) is not None
