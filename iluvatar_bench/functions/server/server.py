"""The agent inside a function's container: GET / is a ping, POST /invoke runs the function.

It runs on the image's interpreter and knows nothing of the harness but four environment variables:
ILUVATAR_BENCH_BARRIER (a FIFO, usually absent), HOST and PORT, or in their place
ILUVATAR_BENCH_SOCKET (where it listens at a unix socket).
"""

import os
import sys

# The barrier makes "during start-up" a defined moment: the interpreter is up, nothing of the
# function is imported yet. Whoever holds the other end decides when the imports begin. Only
# modules that every interpreter has loaded by now are used here. It is opened before that is said:
# what is done then may be a collection that takes the snapshot, and the FIFO's mount point with it.
_barrier = os.environ.get("ILUVATAR_BENCH_BARRIER")
if _barrier:
    _fifo = os.open(_barrier, os.O_RDONLY)
    print("iluvatar-bench: waiting at the barrier", file=sys.stderr, flush=True)
    os.read(_fifo, 1)
    os.close(_fifo)

from flask import Flask, jsonify, request  # noqa: E402
from main import main  # noqa: E402

app = Flask("server")


@app.get("/")
def ping():
    return jsonify({"status": "Running"})


@app.post("/invoke")
def invoke():
    try:
        return jsonify({"body": main(request.get_json(silent=True) or {})})
    except Exception:
        # Flask has loaded it; named here so that the function's imports start with Flask's.
        import traceback

        return jsonify({"error": traceback.format_exc()}), 500


if __name__ == "__main__":
    socket = os.environ.get("ILUVATAR_BENCH_SOCKET")
    # Werkzeug takes a unix socket as a host of this form (werkzeug.serving.run_simple).
    host = f"unix://{socket}" if socket else os.environ.get("HOST", "127.0.0.1")
    app.run(host=host, port=int(os.environ.get("PORT", "8080")))
