"""What the kernel tells and holds: cgroups, mounts, processes, namespaces, its log."""
