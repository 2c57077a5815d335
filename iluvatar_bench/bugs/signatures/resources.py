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
        near=r"inotify|fsnotify|\b[Ww]atcher|[Ff]ile watch|watching |directory watch|\bwatch /"
        r"|[Ff]ailed to (?:create (?:a )?new |add a )?watch\b|EMFILE: too many open files, watch",
        unless=r"too many open files in system",
    ),
    wording(
        BugClass.INOTIFY_LIMIT,
        r"inotify (?:watch |instance )?limit|inotify resources exhausted|number of (?:file watchers"
        r"|inotify instances)"
        r"|upper limit on inotify watches|max_inotify_(?:instances|user_instances)"
        r"|out of inotify |\bwatch ENOSPC\b|'ENOSPC',\n[^\n]{0,60}'watch'",
        "systemd, libuv, .NET",
        "systemd src/basic/inotify-util.c; dotnet/runtime FileSystemWatcher.Linux.cs",
        "its ENOSPC is not the disk's, its EMFILE is not of the process's table",
    ),
    wording(
        BugClass.OPEN_FILES_LIMIT,
        r"[Tt]oo many open files|\bE[MN]FILE\b|file-max limit \d{1,12}+ reached"
        r"|[Nn]o file descriptors available|Cannot raise FD limit"
        r"|filedescriptor out of range in select",
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
        near=r"[Ff]ork|[Cc]lone|\bexec|spawn|thread|Cannot run program",
    ),
    wording(
        BugClass.PIDS_LIMIT,
        r"fork rejected by pids controller|can't start new thread"
        r"|[Uu]nable to create (?:new )?native thread|[Ff]ailed to create new OS thread"
        r"|spawn \S{1,100} EAGAIN|may need to increase max user processes"
        r"|pids\.max (?:was |is )?(?:reached|exceeded|of container)|: [Cc]annot fork\b"
        r"|could not fork: |pthread_create failed(?! \(EPERM\))|\bv?fork: EAGAIN"
        r"|fork refused, |no process can be forked",
        "linux pids controller; Python, JVM, Go, libuv",
        "linux kernel/cgroup/pids.c, kernel/fork.c; go runtime/os_linux.go",
    ),
    wording(
        BugClass.CREATE_REJECTED,
        r"unshare (?:the )?user namespace: No space left on device",
        "runc, crun; linux",
        "linux kernel/user_namespace.c (ENOSPC at user.max_user_namespaces)",
        "of namespaces, not of the disk",
    ),
    wording(
        BugClass.DISK_FULL,
        r"[: ]write /[^\s:]{1,300}+: no space left on device",
        "Go; dockerd, containerd",
        "moby distribution/pull.go",
        "at whatever level: a pull is tried again, and the disk is as full",
        told_calmly=True,
    ),
    wording(
        BugClass.DISK_FULL,
        r"[Nn]o space left on device|\bENOSPC\b|[Dd]isk quota exceeded|\bEDQUOT\b"
        r"|FreeDiskSpaceFailed|ImageGCFailed"
        r"|[Ff]ailed to garbage collect required amount of images"
        r"|out-of-(?:meta)?data-space|pool is out of (?:data|metadata) space"
        r"|out of (?:data|inode|disk) space"
        r"|not enough (?:disk )?space on (?:the )?(?:disk|device)|filesystem is full"
        r"|cannot create snapshot [^\n]{1,200}: out of space|clone: out of space"
        r"|database or disk is full|Thin Pool has \d{1,12} free data blocks which is less than"
        r"|no room left under /|run out of inodes|[Ff]lood stage disk watermark"
        r"|metadata operation '\w{1,40}' failed: error = -28"
        r"|(?m:^)/dev/(?!loop|sr)\S{1,80}+ [^\n%]{1,80} 100% /",
        "linux ENOSPC and EDQUOT; kubelet's image collector; dm-thin",
        "glibc sysdeps errlist; kubernetes pkg/kubelet/images; linux drivers/md/dm-thin.c",
    ),
    wording(
        BugClass.READ_ONLY_FILESYSTEM,
        r"container rootfs is marked read-only|went read-only under|write a readonly database"
        r"|filesystem was remounted as read-only|[Rr]ead-only file ?system|\bEROFS: "
        r"|[Rr]emounting filesystem read-only|cannot remount \S{1,200} read-write"
        r"|Aborting journal on device|EXT4-fs [^\n]{1,200}error -30\)",
        "linux EROFS; ext4, xfs",
        "glibc sysdeps errlist; linux fs/ext4/super.c",
    ),
    wording(
        BugClass.SECURITY_DENIED,
        r"s6-\w{1,12}: warning: unable to [^\n]{1,120}: (?:Permission denied|Operation not perm)"
        r"|lsetxattr(?:\(label=| /)|No usable sandbox|Running as root without --no-sandbox"
        r"|Failed to move to new namespace|apparmor_parser[^\n]{0,120}failed with output"
        r"|set apparmor profile|unable to validate against any (?:security context constraint"
        r"|pod security policy)"
        r"|violates PodSecurity |privileged mode is disabled on this"
        r"|not authorized to add capability"
        r"|[Ss]eccomp notifier timer expired|SECCOMP auid=\d|apparmor=\\{0,7}+\"DENIED"
        r"|SELinux is preventing |avc:  ?denied|type=SECCOMP "
        r"|type=1326 audit"
        r"|[Bb]ad system call",
        "linux audit; any program",
        "linux security/apparmor/audit.c, security/selinux/avc.c, kernel/seccomp.c",
    ),
    wording(
        BugClass.SECURITY_DENIED,
        r"[Aa]pp[Aa]rmor\b|\bseccomp\b(?!-bpf-hook)|\bselinux\b|\bSELinux\b",
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
        r"|/apparmor_restrict_unprivileged_userns is set to 1"
        r"|\[rootlesskit:parent\][^\n]{0,80}/proc/self/exe: (?:operation not|permission denied)"
        r"|cannot (?:enable executable stack|apply additional memory protection|restore segment)",
        "runc 1.0-1.5, crun, kubelet, glibc",
        "runc libcontainer/apparmor; opencontainers/selinux; glibc elf/dl-load.c, elf/dl-reloc.c",
        "the loader found the library and was refused it: nothing is missing",
    ),
)
