"""An agent that misbehaves as it is told: ``python agent_double.py ADDRESS PORT``.

It speaks the protocol of the real one (GET / and POST /invoke) and does what ``do`` in the
invocation's arguments names.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys

waiting: list[asyncio.Event] = []


def answer(document: object, status: str = "200 OK") -> bytes:
    body = json.dumps(document).encode()
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


async def hang() -> None:
    await asyncio.Event().wait()


async def meet(count: int) -> None:
    """Return once this many requests are here at the same time."""
    waiting.append(asyncio.Event())
    mine = waiting[-1]
    if len(waiting) == count:
        for event in waiting:
            event.set()
    await mine.wait()


async def respond(path: str, args: dict[str, object], writer: asyncio.StreamWriter) -> None:
    match args.get("do"):
        case "hang":
            await hang()
        case "drip":
            # Never silent for long, and never done: the deadline must be one for the whole.
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not writer.is_closing():
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.01)
        case "reset":
            linger = struct.pack("ii", 1, 0)
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        case "close":
            pass
        case "half":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
        case "half_chunked":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha")
        case "half_head":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-")
        case "garbage":
            writer.write(b"\x00\x01 this is not HTTP\r\n\r\n")
        case "redirect":
            writer.write(
                b"HTTP/1.1 307 Elsewhere\r\nLocation: http://192.0.2.1/\r\n"
                b"Content-Length: 0\r\n\r\n"
            )
        case "fail":
            error = "Traceback (most recent call last):\n  ...\nValueError: no such thing\n"
            writer.write(answer({"error": error}, "500 INTERNAL SERVER ERROR"))
        case "much":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while not writer.is_closing():
                writer.write(b"x" * 65536)
                await writer.drain()
        case "meet":
            await meet(int(str(args["count"])))
            writer.write(answer({"body": "met"}))
        case _:
            writer.write(answer({"status": "Running"} if path == "/" else {"body": args}))


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lengths = [
            line.partition(":")[2]
            for line in head.splitlines()
            if line.lower().startswith("content-length")
        ]
        body = await reader.readexactly(int(lengths[0])) if lengths else b"{}"
        await respond(head.split()[1], json.loads(body), writer)
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, sys.argv[1], int(sys.argv[2]))
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
