"""Which command failed: what a program calls for a step says what the step was.

Jails, job schedulers and scripts report the command and its status, or let it speak for itself, in
the words of the C library; neither names a container. Tried on lines that are an error, like
:mod:`.by_object`.
"""

from __future__ import annotations

from iluvatar_bench.bugs.signatures.wording import wording
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

# Where a command stands: at the beginning, behind a path, a quote or what called it.
_AT = r"(?:(?m:^)|[/\"'`\[\](:>=] ?|\bsudo |\bexec |\bcommand |\brun(?:ning)? )"
_AND = r"(?=: |\]: |\[\d|\\{0,7}[\"'`]|\)?: | -{1,2}\w| /| [\w-]{1,20} [^\n]{0,200}(?:failed|exit))"

WORDINGS = (
    wording(
        BugClass.REMOVAL_FAILED,
        rf"{_AT}(?:umount|umount2|fusermount3?(?!: mount failed)|rmdir|zfs destroy|zfs unmount"
        rf"|dmsetup remove"
        rf"|btrfs subvolume delete|lvremove|cryptsetup close|losetup -d){_AND}",
        "jails, LXD, Charliecloud, enroot, any script",
        "util-linux sys-utils/umount.c; libfuse util/fusermount.c; openzfs cmd/zfs",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED,),
    ),
    wording(
        BugClass.NETWORK,
        rf"{_AT}(?:ifconfig|ip6?tables(?:-(?:restore|save|legacy|nft))?|nft|pfctl|ipfw|brctl"
        r"|ethtool|dhclient|dhcpcd|udhcpc|ovs-vsctl|slirp4netns|pasta|netavark|aardvark-dns"
        r"|lxc-user-nic|conntrack|ipset|ipvsadm|resolvconf|dnsmasq|vpnkit"
        rf"|ip (?:link|addr|address|route|netns|rule)){_AND}",
        "jails, LXC, Singularity, Charliecloud, podman, any script",
        "freebsd sbin/ifconfig, sbin/pfctl; iproute2 ip; netfilter iptables; slirp4netns main.c",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED,),
    ),
    wording(
        BugClass.SNAPSHOT_OVERLAY,
        rf"{_AT}mount: [^\n]{{0,160}}(?:\bon overlay\b|'overlay)",
        "util-linux, busybox",
        "util-linux sys-utils/mount.c",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.SNAPSHOTTER_UNAVAILABLE, BugClass.CREATE_REJECTED),
    ),
    wording(
        BugClass.UNCLASSIFIED,
        rf"{_AT}mount: (?!mount )(?:[^\n]{{0,200}}(?:wrong fs type|permission|unknown file))",
        "util-linux, busybox",
        "util-linux sys-utils/mount.c",
        "somebody mounted something by hand; of what, no class speaks",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.SECURITY_DENIED, BugClass.SNAPSHOT_OVERLAY),
    ),
    wording(
        BugClass.CREATE_REJECTED,
        rf"{_AT}(?:mount(?:\.\w{{1,12}}|_\w{{1,12}})?|nsenter|newuidmap"
        rf"|newgidmap|mknod|pivot_root|unshare|chroot|jail|jexec){_AND}",
        "jails, enroot, Charliecloud, Singularity, LXC, any script",
        "util-linux sys-utils; freebsd sbin/mount; shadow src/newuidmap.c",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.SNAPSHOT_OVERLAY, BugClass.SECURITY_DENIED),
    ),
    wording(
        BugClass.SNAPSHOT_OVERLAY,
        rf"{_AT}(?:fuse-overlayfs|squashfuse|fusermount3?){_AND}",
        "podman, buildah, Singularity, enroot",
        "containers/fuse-overlayfs main.c; vasi/squashfuse; libfuse util/fusermount.c",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.SNAPSHOTTER_UNAVAILABLE, BugClass.SECURITY_DENIED),
    ),
    wording(
        BugClass.IMAGE,
        rf"{_AT}(?:unsquashfs|mksquashfs|skopeo|umoci|debootstrap|crane|oras|regctl|tar|gzip|zstd"
        rf"|unxz|docker pull|podman pull){_AND}",
        "enroot, Singularity, LXC templates, any script",
        "squashfs-tools; containers/skopeo; gnu tar",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED,),
    ),
    wording(
        BugClass.DAEMON_CRASHED,
        r"systemctl (?:-\w{1,10} )?(?:re)?start (?:docker|containerd|crio|podman|kubelet|k3s)"
        r"|[Ff]ailed to (?:enable|start|restart) (?:the )?(?:container runtime|docker|containerd)",
        "minikube, installers, any script",
        "kubernetes/minikube pkg/minikube/sysinit",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.DAEMON_UNAVAILABLE,),
    ),
)
