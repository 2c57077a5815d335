"""A virtual machine with systemd and cgroup version 2 alone, and what runs in it.

``./bench test --vm`` makes the machine's disk once, boots it under emulation without a way out to
any network, runs the steps of ``steps.py`` in it and prints their table.
"""
