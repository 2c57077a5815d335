"""Settings of gunicorn inside a function's container (docs.gunicorn.org, Settings)."""

import os

socket = os.environ.get("ILUVATAR_BENCH_SOCKET")
address = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8080')}"
bind = f"unix:{socket}" if socket else address
workers = 1

# "Listening at" would otherwise be said before the function is imported: a function that cannot
# start would count as ready first and as dead a moment later.
preload_app = True

# The worker's heartbeat is a file. The root may be read-only, and /tmp may be on a disk, where a
# write can block for so long that the worker is taken for hung (docs.gunicorn.org, FAQ).
worker_tmp_dir = "/dev/shm"

# An invocation may take longer than 30 s; the harness has a deadline of its own.
timeout = 0
