"""Private containerd daemons: their place, start, configuration, versions and teardown."""
