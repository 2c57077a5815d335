"""What the harness itself costs: the poller, networks and invocations, reading logs."""
