"""What each mechanism is to people: what happens, what proves it in a run, and what mends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iluvatar_bench.bugs.taxonomy import Mechanism


@dataclass(frozen=True, slots=True)
class MechanismGuide:
    """``happens``: the cause. ``proof``: what the rules want to see. ``fix``: what prevents it."""

    happens: str
    proof: str
    fix: str


_OWN_CGROUP = "Give each container a linux.cgroupsPath of its own in its spec."
_RECORDED = "the kernel's record of the signal (docs/witness.md)"

MECHANISM_GUIDES: Mapping[Mechanism, MechanismGuide] = {
    Mechanism.SNAPSHOT_COLLECTED: MechanismGuide(
        "containerd's garbage collector removed the snapshot while it was needed",
        "Snapshots.Stat finds it no more, or a directory of its mount is gone, though this client "
        "had not removed it",
        "Hold the snapshot by a lease (header containerd-lease of Snapshots.Prepare) until the "
        "record names it (snapshotter and snapshot_key in Containers.Create).",
    ),
    Mechanism.COLLATERAL_KILL: MechanismGuide(
        "a Kill(all) meant for another container in the same cgroup, or one above it, hit this one",
        f"{_RECORDED} names the neighbour's runtime as its sender; without that record the verdict "
        "is merely consistent: such a Kill was under way at the exit, and they cover little time",
        _OWN_CGROUP,
    ),
    Mechanism.NEIGHBOUR_PAUSED: MechanismGuide(
        "a pause meant for another container froze the cgroup that this one is in too",
        "the kernel says that the cgroup is frozen, and this client's last request to it was the "
        "pause of a neighbour; merely consistent where it has thawed since, and such pauses cover "
        "more than half of the step that failed",
        _OWN_CGROUP,
    ),
    Mechanism.NEIGHBOUR_UPDATED: MechanismGuide(
        "an update meant for another container moved the limits of the cgroup that both are in",
        "the cgroup's memory limit is that of a neighbour's Tasks.Update, and not the one that the "
        "container was made with",
        _OWN_CGROUP,
    ),
    Mechanism.CONTENT_COLLECTED: MechanismGuide(
        "containerd's garbage collector removed parts of an image that no label held",
        "containerd answers that a digest which an image names is not found; merely consistent: "
        "nobody says whether it had ever been there",
        "Label the manifest with containerd.io/gc.ref.content.N for its configuration and each "
        "layer, and the configuration with containerd.io/gc.ref.snapshot.<snapshotter>, before "
        "the lease of the commit or the import goes.",
    ),
    Mechanism.PARENT_COLLECTED: MechanismGuide(
        "containerd's garbage collector removed an unpacked layer that a snapshot was to stand on",
        "Snapshots.Stat does not find the layer that Prepare named; merely consistent where only "
        "the error says so: it may never have been unpacked",
        "Unpack an image under a lease, and before that goes label its configuration with "
        "containerd.io/gc.ref.snapshot.<snapshotter> = chain ID of the top layer; keep the image's "
        "name for as long as containers are made from it.",
    ),
    Mechanism.STALE_HEALTH: MechanismGuide(
        "the worker gave a request to a container that had ended, and that its pool still kept",
        "the container's exit, by containerd's clock, lies before the moment at which it was given "
        "the request (a mechanism of arrivals; the trial has that of the container's end)",
        "Await the exit of each container (Tasks.Wait, issued before Tasks.Start), and take it out "
        "of the pool at once: a health check each second leaves up to two seconds of requests.",
    ),
    Mechanism.LEASE_GONE: MechanismGuide(
        "the lease that was to hold the snapshot had expired, or another client had deleted it",
        "containerd answers a request under that lease with: lease does not exist",
        "Let leases last longer than their work (label containerd.io/gc.expire), and delete none "
        "but your own: no choice of the profile holds one that another client deletes.",
    ),
    Mechanism.OWN_KILL: MechanismGuide(
        "this client itself killed the process, by Tasks.Kill or by a signal from outside",
        f"{_RECORDED} names this client, or its own Tasks.Kill was under way",
        "This client ended the container itself: end none that is still in use.",
    ),
    Mechanism.FOREIGN_KILL: MechanismGuide(
        "somebody else killed the process: another program, or another client of containerd",
        f"{_RECORDED} names a sender that is neither ours nor a neighbour's runtime",
        "Find out why that sender did it: no choice of the profile did.",
    ),
    Mechanism.UNIT_STOPPED: MechanismGuide(
        "systemd ended the scope or the service that the container was in",
        f"{_RECORDED} names systemd as its sender; merely consistent where a container that shares "
        "its scope ended before it was started: a runtime that fails to create there stops it",
        "Stop no unit that containers are in; where the service of containerd itself has them, run "
        "it with KillMode=process and Delegate=yes.",
    ),
    Mechanism.RESTART_MONITOR: MechanismGuide(
        "containerd's restart monitor ended the task, as a label of the container told it to",
        "the record's label containerd.io/restart.status says stopped, and no Kill of this client "
        "fits",
        "Take the label containerd.io/restart.status off the container, or set it to running.",
    ),
    Mechanism.RESTART_RACE: MechanismGuide(
        "containerd's restart monitor took a task that was not started yet, or was paused, for one "
        "that had ended",
        "the record's label containerd.io/restart.status says running, and the task ended, or was "
        "there already, before this client had started it, or while it was paused",
        "Set the label containerd.io/restart.status once Tasks.Start has answered, not with "
        "Containers.Create; before containerd 2.0 take it off while the container is paused.",
    ),
    Mechanism.OOM: MechanismGuide(
        "the kernel killed the process at its cgroup's memory limit",
        "the kernel's record names the process as its victim, or the cgroup's counter rose and the "
        "exit status is 137",
        "Give the container more memory (memory_limit_mib), or the function less to do.",
    ),
    Mechanism.SHIM_DEATH: MechanismGuide(
        "the shim went away, and containerd ended the container that it served",
        "the shim's process is gone while containerd lives",
        "Find out what ended the shim: no choice of the profile did.",
    ),
    Mechanism.DAEMON_RESTART: MechanismGuide(
        "containerd was restarted, or is gone, within the container's life",
        "another process answers at its socket than when the container was made, or nobody does",
        "Let containerd run, or wait until it answers again and make the container anew: no choice "
        "of the profile outlasts a restart in the middle of a request.",
    ),
    Mechanism.CGROUP_OCCUPIED: MechanismGuide(
        "the runtime or the kernel refuses a cgroup that other containers live in, or below",
        "the error says that the cgroup is not empty, that systemd has such a unit already, or "
        "that devices.deny was refused; or that the program of its devices is not there, and the "
        "cgroup, by the kernel's number of it, was never away",
        _OWN_CGROUP,
    ),
    Mechanism.CGROUP_REMOVED: MechanismGuide(
        "the cgroup went away while the container was to join it: a neighbour's, if it is shared",
        "the error says that a path below /sys/fs/cgroup is not there any more, or that a program "
        "cannot be attached to it, or taken from it, for that reason",
        _OWN_CGROUP,
    ),
    Mechanism.CGROUP_NOT_JOINED: MechanismGuide(
        "the container's process is in another cgroup than its spec says: its limits do not hold, "
        "and Kill(all) misses it",
        "/proc/<pid>/cgroup, read once the task is made, names another cgroup, and what failed is "
        "done by the cgroup",
        _OWN_CGROUP + " With the systemd driver use runc 1.1.6 or later: runc up to 1.1.5 takes a "
        "unit that exists for one of its own (opencontainers/runc#3780).",
    ),
    Mechanism.CONTROLLER_MISSING: MechanismGuide(
        "a limit asks for a controller that the host does not give to the container's cgroup",
        "the error names a file of that controller, and cgroup.subtree_control of the cgroup above "
        "does not have it",
        "Enable the controller from the root down (Delegate=yes for containerd's unit; no process "
        "in the cgroups between), or set no limit of it; iluvatar-bench doctor says which are "
        "there.",
    ),
    Mechanism.CPU_STARVED: MechanismGuide(
        "the process was ready to run, and others on this host had the processors",
        "the kernel counts it (/proc/<pid>/schedstat): without a processor for more than half of a "
        "start that was silent; merely consistent, for nobody knows what it would have done",
        "Start fewer at a time (creation_limit), give containers a weight (cpu_shares) or the host "
        "less to do; or give the start more time (--ready-seconds).",
    ),
    Mechanism.CPU_THROTTLED: MechanismGuide(
        "the process was ready to run, and its cgroup had used up its limit of processor time",
        "the kernel counts it (/proc/<pid>/schedstat, and cpu.stat of its cgroup): throttled for "
        "most of the time in which a silent start had no processor; merely consistent likewise",
        "Raise the limit (cpus; 0: none), or give the start more time (--ready-seconds).",
    ),
    Mechanism.BRIDGE_FULL: MechanismGuide(
        "the bridge has no port left for another container",
        "the error says: exchange full, the kernel's refusal",
        "Remove network namespaces that are not used: a bridge has 1,023 ports.",
    ),
    Mechanism.IPAM_EXHAUSTED: MechanismGuide(
        "the subnet has no address left for another container",
        "the error says: no IP addresses available, the plugin's own words",
        "Give addresses back (CNI DEL) when containers are removed.",
    ),
    Mechanism.DISK_FULL: MechanismGuide(
        "no room was left where containerd, or the container's output, writes",
        "the error says so, or the output of a silent start had no room on its disk",
        "Free space where containerd keeps its snapshots.",
    ),
    Mechanism.OWN_ERROR: MechanismGuide(
        "the function's own fault",
        "snapshot, image and cgroup are whole, and the process said why it ended",
        "Mend the function: everything under it was in order.",
    ),
    Mechanism.UNKNOWN: MechanismGuide(
        "the evidence does not suffice for any of the others",
        "no rule stands; explain lists what speaks for and against each",
        "The evidence proves no cause, so no change can be promised to help.",
    ),
}
"""Every mechanism; a test holds that."""
