"""What is touched on the machine: cgroups, mounts, processes, facts about the host."""
