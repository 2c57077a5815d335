"""Networks: namespaces, addresses, published ports, at set-up and at teardown."""

from __future__ import annotations

from iluvatar_bench.bugs.signatures.wording import Q, wording
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

WORDINGS = (
    wording(
        BugClass.NETWORK,
        r"\bexchange full\b",
        "CNI bridge 0.8-1.x, weave",
        "linux net/bridge/br_if.c (EXFULL at 1,024 ports); weaveworks/weave#3258",
    ),
    wording(
        BugClass.NETWORK,
        r"no IP addresses available in (?:range|network)|[Nn]o IP addresses available"
        r"|[Nn]o available IPv[46] addresses"
        r"|duplicate allocation is not allowed|[Rr]equested (?:ip )?(?:address|IP) \S{1,60}+ is "
        r"already|[Ff]ailed to (?:assign|allocate|request)[^\n]{0,40} (?:IP|IPv[46]|ip) ?address"
        r"|(?:IPAM|[Gg]ateway|IP for task|[Nn]etwork)[^\n]{0,80}: [Aa]ddress already in use"
        r"|IPAM error|IP pool exhausted|IPAM allocation|non-overlapping IPv[46] address pool"
        r"|overlaps with other one on this address space|already has an IP address different from",
        "CNI host-local 0.6-1.x, netavark, libnetwork, Calico, AWS VPC CNI",
        "containernetworking/plugins host-local allocator.go; canonical/microk8s#1147",
    ),
    wording(
        BugClass.NETWORK,
        r"[Ff]ailed to (?:set ?up|destroy) network for (?:sandbox|task|container)"
        r"|[Ff]ailed to set up sandbox container [^\n]{1,100} network"
        r"|NetworkPlugin(?:NotReady)?\b|[Ff]ailed to call cni\.(?:Setup|Remove|Del)"
        r"|cni plugin not initialized|[Nn]etwork plugin is not ready|network is not ready: "
        rf"|plugin type={Q}[^\"\n]{{1,60}}+\" (?:name=\S{{1,80}}+ )?failed \("
        r"(?:add|ADD|delete|DEL|check|CHECK|gc|status)\)"
        rf"|[Ff]ailed to find plugin {Q}|needs CNI plugin {Q}",
        "containerd CRI 1.4-2.3, kubelet (dockershim too), nerdctl 0.x-2.x",
        "containerd pkg/cri/server/sandbox_run.go; containerd/nerdctl#1318, #2718, #236",
    ),
    wording(
        BugClass.NETWORK,
        r"incompatible CNI versions|does not support config version|CNI network|CNI [Ff]ailed to "
        r"|no networks found in /etc/cni\S{0,20}+(?! yet)|overlaps with existing route"
        r"|no configured Calico pools"
        r"|cni config load failed|no networks? (?:conf|config)\w{0,8}+ found in "
        r"|container veth name provided|[Ff]ailed to (?:create|add|delete|make)[^\n]{0,60} "
        r"(?:veth|bridge|netns|network namespace|[Cc][Nn][Ii] network)"
        r"|netplugin failed|[Ff]ailed to configure networking|cni plugin \S{1,60} not found"
        r"|from network: |removing (?:pod|CNI network)|[Ff]ailed to delete network"
        r"|[Ff]ailed to create network|Error adding pod [^\n]{1,200} to (?:CNI )?network",
        "CNI 0.3-1.1, faasd, CRI-O, podman",
        "containernetworking/cni libcni/api.go, pkg/version; openfaas/faasd pkg/cninetwork",
    ),
    wording(
        BugClass.NETWORK,
        r"Cannot find device \\{0,7}+\"|Unable to restore endpoint|DNS lookup error"
        r"|DNS: no address for host|temporary error \(try again later\)"
        r"|port bindings are not yet supported|cannot listen on the TCP port|cannot bind tcp port"
        r"|[Cc]onflicting IP address"
        r"|creating vxlan device|\"nodePort for |error (?:executing ADD\b|calling DHCP\.)"
        r"|fetching DHCP lease|[Ff]ail to (?:set up address|move network device)"
        r"|TAP interface|ioctl\(SIOC|[Ee]rror setting up network\b|setting up network: "
        r"|(?m:^)(?:failed to )?initialize CNI plugin|[Mm]issing CNI default network"
        r"|[Ss]etup host network: |[Pp]rogramming external connectivity|port is already allocated"
        r"|Ports are not available: "
        r"|[Ff]ailed to bind host port"
        r"|Bind for \S{1,80}+ failed|rootlessport|netavark: |aardvark-dns"
        r"|(?<![=-])slirp4netns(?![=-])"
        r"|[Pp]asta failed|[Pp]asta: failed|External interface not usable"
        r"|setting up Pasta|[Ff]ailed to set up container networking"
        r"|No chain/target/match by that name",
        "dockerd 20-29, podman 3-5, nerdctl",
        "moby libnetwork; containers/netavark src/firewall; rootless-containers/rootlesskit",
    ),
    wording(
        BugClass.NETWORK,
        r"\bip6?tables\b|\bnftables\b",
        "iptables, nftables",
        "netfilter iptables/nft.c; moby libnetwork/iptables",
        near=r"\b[Ff]ail|[Ee]rror|did not return success|exit status [1-9]",
        within=200,
    ),
    wording(
        BugClass.NETWORK,
        r"Error response from daemon: [Aa]ddress already in use"
        r"|\bendpoint [^\n]{1,120} already exists in network|daemon: network \S{1,100}+ not found"
        r"|[Ee]rror initializing network controller|[Ff]ailed to (?:start|register)[^\n]{0,60}"
        r"(?:bridge\"? driver|network controller)|could not attach to network"
        r"|network sandbox [^\n]{0,80}(?:fail|not found)",
        "dockerd 20-29",
        "moby libnetwork, daemon/container_operations.go",
    ),
    wording(
        BugClass.NETWORK,
        r"/netns/|/ns/net\b|CLONE_NEWNET\b",
        "runc 1.0-1.5, crun 1.x",
        "runc libcontainer/configs/namespaces_linux.go",
        "the network namespace went before the container joined it",
        near=r"[Nn]o such file|[Ii]nvalid argument|[Nn]o such process",
    ),
    wording(
        BugClass.NETWORK,
        r"dial unix /var/run/(?:calico|cilium)/|cannot connect to grpc dataplane",
        "Calico, Cilium",
        "projectcalico/calico cni-plugin; cilium/cilium plugins/cilium-cni",
        "whom the plugin asks for an address is not there",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.DAEMON_UNAVAILABLE,),
    ),
    wording(
        BugClass.NETWORK,
        r"memberlist: Marking \S{1,80} as failed|no free IP available in the prefix"
        r"|Not able to add route|\bno available IP addresses",
        "dockerd 17-29 in swarm mode",
        "hashicorp/memberlist state.go",
        told_calmly=True,
    ),
    wording(
        BugClass.NETWORK,
        r"unregister_netdevice: waiting for|neighbor table overflow|nf_conntrack: table full",
        "linux 3.x-6.x",
        "linux net/core/dev.c, net/core/neighbour.c, net/netfilter/nf_conntrack_core.c",
    ),
)
