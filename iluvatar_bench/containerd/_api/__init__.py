"""Our own subset of containerd's API definitions, and the stubs generated from it.

Only ``iluvatar_bench.containerd`` imports this. After a change to a ``.proto`` file run
``python -m tools.generate_api``; a test compares the stubs with the definitions.
The service names on the wire are containerd's (``containerd.services.<service>.v1.<Service>``);
the Python modules live under this package, because containerd's own import paths (``types/...``)
would collide with the standard library.
"""
