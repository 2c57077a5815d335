"""Snapshots and their mounts, containerd's, Docker's and podman's; then what images are made of."""

from __future__ import annotations

from iluvatar_bench.bugs.signatures.wording import B, Q, wording
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

_NOT_COLLECTED = (
    r"(?:[Ii]nvalid argument|[Nn]o such device|[Oo]peration not permitted|[Pp]ermission denied"
    r"|too many levels of symbolic links|[Dd]evice or resource busy|unknown argument"
    r"|wrong fs type|not supported|unknown filesystem)"
)

SNAPSHOTTERS = (
    wording(
        BugClass.SNAPSHOTTER_UNAVAILABLE,
        r"snapshotter cannot be enabled",
        "k3s, RKE2",
        "k3s-io/k3s pkg/agent/containerd",
        "k3s waits for its server at level info, whatever that waits for",
        told_calmly=True,
    ),
    wording(
        BugClass.SNAPSHOTTER_UNAVAILABLE,
        r"(?<!fail early if the )snapshotter not loaded"
        r"|snapshotter \\{0,7}+\"\w{1,20}\\{0,7}+\" not reg"
        r"|[Ff]ailed to configure (?:the )?snapshotter|prior storage driver \w{1,20} failed"
        r"|'overlay' is not supported over|kernel does not support overlay fs"
        r"|database graph driver|snapshotter \S{1,60} (?:was )?not found"
        rf"|snapshotter {Q}?\S{{1,60}} (?:is )?(?:not (?:available|running|supported)|unavailable)"
        r"|error initializing graphdriver"
        r"|driver not supported: (?:overlay|devicemapper|btrfs|zfs|aufs|vfs|fuse)"
        r"|(?:no|unknown) snapshotter |[Ff]ailed to (?:get|load|find) snapshotter"
        r"|device mapper pool \S{1,60} not found|[Ff]ailed to initialize a thin-pool",
        "containerd 1.4-2.3, k3s, dockerd",
        "containerd snapshots/proxy, services/snapshots; k3s pkg/agent/containerd",
    ),
    wording(
        BugClass.SNAPSHOTTER_UNAVAILABLE,
        r"[Ff]ailed to load plugin io\.containerd\.snapshotter\.v1\.\w{1,20}+\\{0,7}+\"? {1,8}"
        r"error=\\{0,7}+\"(?!devmapper not configured|modprobe aufs|path \S{1,200} must be a )",
        "containerd 1.4-2.3",
        "containerd server/server.go",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.UNCLASSIFIED,),
    ),
    wording(
        BugClass.SNAPSHOTTER_UNAVAILABLE,
        r"\bdial unix |[Ee]rror while dialing",
        "stargz, nydus, soci, overlaybd snapshotters",
        "containerd snapshots/proxy; containerd/stargz-snapshotter; dragonflyoss/image-service",
        "the snapshotter is a process of its own, and nobody answers at its socket",
        near=r"(?:stargz|nydus|soci|overlaybd|snapshotter|cvmfs|erofs)[\w./-]{0,60}\.sock",
    ),
    wording(
        BugClass.SNAPSHOTTER_UNAVAILABLE,
        r"nydusd? (?:daemon )?\S{0,40} ?is not running|snapshot \d{1,9} is not ready"
        r"|layer not registered|snapshotter/\S{1,120}: transport endpoint is not connected"
        r"|[Ff]ailed to restore remote snapshot|device-mapper: reload ioctl",
        "nydus snapshotter",
        "containerd/nydus-snapshotter pkg/daemon",
    ),
)

SNAPSHOTS = (
    wording(
        BugClass.SNAPSHOT_OVERLAY,
        r"[Ff]ailed to mount rootfs component(?! ?: mount source)"
        r"|creating (?:overlay|aufs) mount\b|[Ee]rror mounting '/dev/mapper/"
        r"|mount: mount overlay on |(?m:^)mount /var/lib/containers/storage/overlay:",
        "containerd 1.4-2.3, dockerd 1.0-29, podman 3-5, CRI-O",
        "moby daemon/graphdriver/overlay2/overlay.go, devmapper; containers/storage drivers",
        "by whatever the kernel refused it: the root file system was not mounted",
        near=_NOT_COLLECTED,
        within=2_000,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED,),
    ),
    wording(
        BugClass.CREATE_REJECTED,
        r"mount source: ",
        "containerd 1.4-2.3, dockerd 20-29, podman 3-5, CRI-O",
        "linux fs/namespace.c (EINVAL, ENODEV, EPERM); moby daemon/graphdriver/overlay2/overlay.go",
        "the directories are there, the kernel does not want to mount them so",
        near=_NOT_COLLECTED,
        within=2_000,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.SNAPSHOT_OVERLAY,),
    ),
    wording(
        BugClass.SNAPSHOT_OVERLAY,
        r"[Ff]ailed to mount rootfs component"
        rf"|mount source: {Q}[^\"\\]{{1,200}}+\\{{0,7}}+\", target: {Q}[^\"\\]{{1,300}}/rootfs",
        "containerd 1.4-2.3; goes on with `&{type source [options]}` or `: mount source: ...`",
        "containerd runtime/v2/runc/container.go; gitpod-io/gitpod#4787; containerd/nerdbox#1",
        "overlayfs and native alike; the directory of an unreferenced snapshot was collected",
    ),
    wording(
        BugClass.SNAPSHOT_NOT_FOUND,
        rf"{B}snapshot (?:\S{{1,300}}+ ){{0,2}}(?:does not exist|(?:was )?not found)"
        r"|already active mount",
        "containerd 1.4-2.3, Docker 29's image store",
        "containerd metadata/snapshot.go, snapshots/storage/bolt.go; containerd/containerd#751",
    ),
    wording(
        BugClass.SNAPSHOT_OVERLAY,
        r"[Ff]ailed to mount (?:container rootfs|rafs\b|rootfs: |\\{0,7}+\"[^\"\s]{1,200}/rootfs)"
        r"|mounting root filesystem: |BaseFS of container is unexpectedly"
        r"|[Ff]ailed to mount (?:ZFS dataset"
        r"|instance volume)|ovl_mount: \d|create new thin device \\{0,7}+\"|create btrfs snapshot"
        r"|(?:GetLayerMountPath|PrepareLayer) failed in"
        r"|mount virtiofs "
        r"|overlayfs: (?:upper fs needs to support|Ensure upper filesystem supports) d_type",
        "kata, runsc, nydus, dockerd, linux",
        "kata-containers src/agent; google/gvisor runsc/boot; linux fs/overlayfs/super.c",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.CREATE_REJECTED,),
    ),
    wording(
        BugClass.IMAGE,
        r"ApplyLayer exit status|max depth exceeded|[Ff]ailed to extract layer"
        r"|mount callback failed on [^\n]{1,200}"
        r"(?:archive/tar|unexpected EOF|invalid|gzip|zstd|failed to)"
        r"|[Ff]ailed to unpack image|[Ff]ailed to register layer|processing tar file"
        r"|mismatched image rootfs and manifest layers|adding layer with blob",
        "containerd 1.4-2.3, dockerd, podman",
        "containerd rootfs/apply.go, diff/apply; moby layer/layer_store.go; containers/storage",
    ),
    wording(
        BugClass.SNAPSHOT_OVERLAY,
        r"[Ff]ailed to mount [^\s:]{0,200}containerd-mount\d{1,20}"
        r"|mount callback failed on [^\s:]{0,200}containerd-mount\d{1,20}",
        "containerd 1.4-2.3, mounts made in the client",
        "containerd mount/temp.go; containerd/containerd#11849; pdtpartners/nix-snapshotter#101",
    ),
    wording(
        BugClass.SNAPSHOT_OVERLAY,
        r"(?:mkdir|open|create|stat|chdir)\w{0,3}+ /[^\s:]{0,300}/rootfs"
        r"(?:/[^\s:]{0,200}+)?: [Nn]o such file or directory"
        r"|rootfs [`'\"]?/[^\s:]{1,300}+: No such file or directory"
        r"|invalid rootfs: [^:\n]{1,300}+: no such file or directory",
        "runc 1.0-1.5, crun",
        "runc libcontainer/rootfs_linux.go, libcontainer/configs/validate",
        "the mount held, but its writable directory was removed before init could use it",
    ),
    wording(
        BugClass.SNAPSHOT_OVERLAY,
        r"/(?:overlay2|overlay|aufs|fuse-overlayfs)/|creating overlay mount to "
        r"|/(?:buildkit|containerd)-mount\d",
        "dockerd 20-29, podman 3-5, CRI-O",
        "moby daemon/graphdriver/overlay2; containers/storage drivers/overlay/overlay.go",
        "the same loss under Docker's and podman's folders",
        near=r": no such file or directory|: input/output error",
    ),
    wording(
        BugClass.SNAPSHOT_OVERLAY,
        r"error recreating the missing symlinks|mountpoint[^\n]{0,40}: lstat ",
        "podman 3-5, CRI-O",
        "containers/storage drivers/overlay/overlay.go, store.go",
    ),
    wording(
        BugClass.SNAPSHOT_OVERLAY,
        r"overlayfs: (?:[Ff]ailed to (?:resolve|get inode)|missing|workdir and upperdir must"
        r"|(?:lowerdir|upperdir|workdir) is in-use|unrecognized)"
        r"|[Ff]ailed to prepare remote snapshot|[Ff]ailed to rename[^\n]{0,200}/snapshots/new-",
        "linux 4.x-6.x, stargz, nydus, erofs snapshotters",
        "linux fs/overlayfs/params.c; containerd/stargz-snapshotter snapshot/snapshot.go",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.IMAGE,),
    ),
    wording(
        BugClass.SNAPSHOT_OVERLAY,
        r"[Ff]ailed to mount (?:snapshot|overlay|erofs)",
        "stargz, nydus, erofs snapshotters",
        "containerd/stargz-snapshotter snapshot/snapshot.go; containerd mount/mount_linux.go",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.IMAGE,),
        near=r"no such file or directory",
    ),
    wording(
        BugClass.SNAPSHOT_NOT_FOUND,
        rf"missing parent {Q}[^\"\s]{{1,300}}+\" (?:bucket|of snapshot)"
        r"|(?:rw|read-write) layer (?:lease|snapshot)[^\n]{0,80}not (?:found|exist)"
        r"|lease does not exist|[Ff]ailed to get rw layer"
        rf"|\blease {Q}[^\"\s]{{1,200}}+\": (?:lease does not exist|not found)",
        "containerd 1.4-2.3, Docker 29, BuildKit",
        "containerd snapshots/storage/bolt.go, metadata/leases.go; moby daemon/containerd; "
        "confidential-containers/operator#270; ddev/ddev#8136",
    ),
    wording(
        BugClass.SNAPSHOT_NOT_FOUND,
        r"/ingest/",
        "containerd 1.4-2.3",
        "containerd content/local/writer.go",
        "the ingest was collected while it was being written",
        near=r"no such file or directory",
        within=600,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.IMAGE,),
    ),
    wording(
        BugClass.CREATE_REJECTED,
        rf"\bsnapshot {Q}?[^\s:\"]{{1,300}}{Q}?: already exists",
        "containerd 1.4-2.3",
        "containerd snapshots/storage/bolt.go",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.SNAPSHOT_NOT_FOUND,),
    ),
)

IMAGES = (
    wording(
        BugClass.IMAGE,
        r"Back-off pulling image|Error while pulling container; will try"
        r"|Attempting next endpoint for pull after error: failed to register layer"
        r"|[Ff]ailed to download image|wrong diff id (?:\\{0,7}+\"\S{1,100} )?calculated",
        "kubelet 1.2-1.34, amazon-ecs-agent, dockerd, balena",
        "kubernetes pkg/kubelet/images/image_manager.go; moby distribution/pull.go",
        told_calmly=True,
    ),
    wording(
        BugClass.IMAGE,
        r"[Ff]ailed to stat parent: stat [^\s:]{1,300}/snapshots/\d{1,12}/fs",
        "containerd 1.2-2.3",
        "containerd snapshots/overlay/overlay.go; containerd/containerd#3369; rancher/rke2#4961",
        "the metadata still names a layer of the image whose directory is gone",
    ),
    wording(
        BugClass.IMAGE,
        r"[Ff]ailed to pull (?:and unpack )?image|[Ff]ailed to pull (?:the )?image"
        r"|[Ff]ailed to resolve (?:reference|image|source metadata)"
        r"|\bErrImage(?:Pull|NeverPull)\b|\bImagePullBackOff\b|\bInvalidImageName\b"
        rf"|\bimage {Q}[^\"\\\n]{{1,300}}+\\{{0,7}}+\": not found|invalid reference format"
        r"|PullImage [^\n]{1,200} failed|error pulling image|initializing source docker://"
        r"|Failed to apply default image tag|copying system image from",
        "containerd 1.4-2.3 (CRI, ctr, nerdctl), kubelet, docker, podman, the Iluvatar worker",
        "containerd pull.go; kubernetes pkg/kubelet/images; COS-IN/iluvatar-faas containerd.rs",
    ),
    wording(
        BugClass.IMAGE,
        r"manifest unknown|pull access denied for|No such image: "
        r"|: image not known|\b(?:Get|Head|Put|Patch) \\{0,7}+\"https?://[^\s\"/]{1,200}+/v2/"
        r"|\bGet https?://[^\s\"/]{1,200}+/v2/:"
        r"|toomanyrequests: |unauthorized: (?:incorrect|access|project|repository|The client)"
        r"|error parsing HTTP \d{3} response body|received unexpected HTTP status: "
        r"|pull rate limit|no such image|manifest for \S{1,200}+ not found"
        r"|Error parsing image name"
        r"|does not have a compatible (?:image|manifest)|unsupported manifest media type",
        "docker 20-29, podman 3-5, registries",
        "distribution registry/api/errcode; moby daemon/images; containers/image",
    ),
    wording(
        BugClass.IMAGE,
        r"[Ee]xec format error|no match for platform in manifest|cannot execute binary file"
        r"|unexpected commit digest|content digest sha256:[0-9a-f]{64}: not found"
        r"|does not match the (?:detected )?host platform|invalid tar header"
        r"|no matching manifest for|requested access to the resource is denied"
        r"|short-name \S{1,200}+ did not resolve|no unqualified-search registries"
        r"|Unable to handle docker://",
        "containerd 1.4-2.3, runc 1.0-1.5",
        "containerd images/image.go, content/local/writer.go; linux ENOEXEC",
    ),
)
