"""Limits, disks and security: what the kernel refuses, whoever asks.

Before everything else, because what asked passes the refusal on in words of its own.
"""

from __future__ import annotations

from iluvatar_bench.bugs.signatures.wording import wording
from iluvatar_bench.bugs.taxonomy import BugClass

WORDINGS = (
    wording(
        BugClass.INOTIFY_LIMIT,
        r"[Tt]oo many open files|[Nn]o space left on device|\bENOSPC\b|\bEMFILE\b",
        "linux; systemd, fsnotify, notify, libuv, coreutils",
        "linux fs/notify/inotify/inotify_user.c (ENOSPC at max_user_watches, EMFILE at instances)",
        near=r"inotify|fsnotify|\b[Ww]atcher|[Ff]ile watch|watching ",
    ),
    wording(
        BugClass.INOTIFY_LIMIT,
        r"inotify (?:watch )?limit|inotify resources exhausted|number of (?:file watchers"
        r"|inotify instances)"
        r"|upper limit on inotify watches",
        "systemd, libuv, .NET",
        "systemd src/basic/inotify-util.c; dotnet/runtime FileSystemWatcher.Linux.cs",
        "its ENOSPC is not the disk's, its EMFILE is not of the process's table",
    ),
    wording(
        BugClass.OPEN_FILES_LIMIT,
        r"[Tt]oo many open files|\bE[MN]FILE\b|file-max limit \d{1,12}+ reached"
        r"|[Nn]o file descriptors available",
        "glibc, musl; any program",
        "linux fs/file.c, fs/file_table.c; glibc sysdeps errlist",
    ),
    wording(
        BugClass.CGROUP_SETUP,
        r"[Nn]o space left on device",
        "linux, runc, crun, CRI-O",
        "linux kernel/cgroup/cgroup.c (max_descendants), cgroup v1 id space, cpuset without cpus",
        "a cgroup tree that is full, or a cpuset that is empty; the disk is not",
        near=r"cgroup|\.scope\b|\.slice\b",
    ),
    wording(
        BugClass.PIDS_LIMIT,
        r"[Rr]esource temporarily unavailable",
        "linux pids controller, RLIMIT_NPROC; runc, crun, shells, Python, Rust",
        "linux kernel/fork.c (EAGAIN)",
        near=r"[Ff]ork|[Cc]lone|\bexec|spawn|thread",
    ),
    wording(
        BugClass.PIDS_LIMIT,
        r"fork rejected by pids controller|can't start new thread"
        r"|[Uu]nable to create (?:new )?native thread|[Ff]ailed to create new OS thread"
        r"|spawn \S{1,100} EAGAIN|may need to increase max user processes",
        "linux pids controller; Python, JVM, Go, libuv",
        "linux kernel/cgroup/pids.c, kernel/fork.c; go runtime/os_linux.go",
    ),
    wording(
        BugClass.DISK_FULL,
        r"[Nn]o space left on device|\bENOSPC\b|[Dd]isk quota exceeded|\bEDQUOT\b"
        r"|FreeDiskSpaceFailed|ImageGCFailed"
        r"|[Ff]ailed to garbage collect required amount of images"
        r"|out-of-(?:meta)?data-space|pool is out of (?:data|metadata) space"
        r"|out of (?:data|inode|disk) space"
        r"|not enough (?:disk )?space on (?:the )?(?:disk|device)|filesystem is full",
        "linux ENOSPC and EDQUOT; kubelet's image collector; dm-thin",
        "glibc sysdeps errlist; kubernetes pkg/kubelet/images; linux drivers/md/dm-thin.c",
    ),
    wording(
        BugClass.READ_ONLY_FILESYSTEM,
        r"[Rr]ead-only file ?system|\bEROFS: |[Rr]emounting filesystem read-only",
        "linux EROFS; ext4, xfs",
        "glibc sysdeps errlist; linux fs/ext4/super.c",
    ),
    wording(
        BugClass.SECURITY_DENIED,
        r"apparmor=\\{0,7}+\"DENIED|SELinux is preventing |avc:  ?denied|type=SECCOMP "
        r"|type=1326 audit"
        r"|[Bb]ad system call",
        "linux audit; any program",
        "linux security/apparmor/audit.c, security/selinux/avc.c, kernel/seccomp.c",
    ),
    wording(
        BugClass.SECURITY_DENIED,
        r"[Aa]pp[Aa]rmor\b|\bseccomp\b|\bselinux\b|\bSELinux\b",
        "runc, crun, kubelet, docker",
        "opencontainers/selinux; runc libcontainer/apparmor, libcontainer/seccomp",
        near=r"\b[Ff]ail(?:ed|ure)?\b|not found|denied|cannot|unable|does not|not (?:permitted"
        r"|supported)"
        r"|\berror\b",
        within=160,
    ),
    wording(
        BugClass.SECURITY_DENIED,
        r"/attr/(?:apparmor/)?(?:exec|keycreate|current|sockcreate)\b|relabel failed"
        r"|error setting label on"
        r"|\(are you root\?\)|container has runAsNonRoot and image"
        r"|runAsNonRoot and (?:image has non-numeric|the image will run as root)"
        r"|after relocation: Permission denied|pthread_create failed \(EPERM\)"
        r"|shared object[^\n]{0,60}: (?:Operation not permitted|Permission denied)"
        r"|cannot (?:enable executable stack|apply additional memory protection|restore segment)",
        "runc 1.0-1.5, crun, kubelet, glibc",
        "runc libcontainer/apparmor; opencontainers/selinux; glibc elf/dl-load.c, elf/dl-reloc.c",
        "the loader found the library and was refused it: nothing is missing",
    ),
)
