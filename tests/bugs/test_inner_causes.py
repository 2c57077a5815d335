"""What a line is of, where general words stand around it; and lines that only sound so."""

from __future__ import annotations

import pytest

from iluvatar_bench.bugs.classify import classify_text
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty


@pytest.mark.parametrize(
    ("bug_class", "text"),
    [
        # the table of watches is full, not the disk
        (BugClass.INOTIFY_LIMIT, "Error: watch ENOSPC\n    at FSWatcher.start (fs.js:11:1)"),
        (BugClass.INOTIFY_LIMIT, "  code: 'ENOSPC',\n  syscall: 'watch',"),
        # -2 is npm's ENOENT, no signal
        (BugClass.MISSING_PACKAGES, "npm ERR! code ENOENT\nnpm ERR! errno -2"),
        # the request failed, its server goes on
        (BugClass.INVOKE_FAILED, "2026/01/02 03:04:05 http: panic serving 127.0.0.1:5: odd"),
        (BugClass.DAEMON_CRASHED, "dockerd[7]: http: panic serving @: odd"),
        (BugClass.PROCESS_DIED, "thread 'tokio-runtime-worker' panicked at src/web.rs:2:1:\nodd"),
        (BugClass.CGROUP_SETUP, "failed to start daemon: Devices cgroup isn't mounted"),
        (BugClass.NETWORK, "setns(CLONE_NEWNET): Invalid argument"),
        (
            BugClass.CREATE_REJECTED,
            "OCI runtime create failed: container init caused: setting up ptmx caused"
            " remove dev/ptmx: device or resource busy",
        ),
        (
            BugClass.STARTUP_ERROR,
            "× shop.service - shop\n     Loaded: loaded (/etc/systemd/system/shop.service)\n"
            "     Active: failed (Result: exit-code) since Tue",
        ),
        # told as news
        (BugClass.OOM_KILLED, "kernel:  oom_kill_process+0x24e/0x3b0"),
        (BugClass.DISK_FULL, "/dev/sda2        1.6M  1.6M     8  100% /"),
        (BugClass.NETWORK, "2026-01-02T03:04:05Z [INFO] DataStore has no available IP addresses"),
        (
            BugClass.DAEMON_UNAVAILABLE,
            "I1010 19:18:59.574207   22735 kubelet.go:1823] skipping pod synchronization - "
            "[container runtime is down]",
        ),
    ],
)
def test_the_innermost_cause_decides(bug_class: BugClass, text: str) -> None:
    assert classify_text(text).bug_class is bug_class


@pytest.mark.parametrize(
    "text",
    [
        "+ exec rootlesskit --net=slirp4netns --slirp4netns-sandbox=auto dockerd-rootless.sh",
        "/dev/loop0       49M   49M     0 100% /snap/core18/1",
        'audit: type=1400 apparmor="ALLOWED" operation="open" denied_mask="r"',
        '2026-01-02 03:04:05 +0000 [warn]: pattern not match: " - exit status 1"',
        "  Process: 750 ExecStart=/usr/sbin/d -x (code=exited, status=0/SUCCESS)",
    ],
)
def test_what_only_sounds_like_a_failure_is_none(text: str) -> None:
    assert classify_text(text).bug_class is None


def test_a_start_of_what_has_stopped_names_what_else_it_may_be() -> None:
    found = classify_text("start failed: cannot start a stopped process: unknown")
    assert found.certainty is Certainty.LIKELY
    assert BugClass.CREATE_REJECTED in found.alternatives
