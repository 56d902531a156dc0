"""Speaks to a server with Debian's python3-websockets: follows a session, appends to it, and prints what it saw as JSON."""
import asyncio
import json
import sys

import websockets


async def main(url, session, count):
    async with websockets.connect(url, subprotocols=["tailrace.json.v1"], max_size=2**24, ping_interval=0.2) as socket:
        hello = json.loads(await socket.recv())
        await socket.send(json.dumps({"type": "subscribe", "id": 1, "session": session, "cursor": 0}))
        await socket.send(json.dumps({"type": "append", "ref": 9, "session": session, "entries": [{"message": "from Python ✓"}]}))
        await (await socket.ping())
        seqs, ack, messages = [], None, []
        while len(seqs) < count or ack is None:
            message = json.loads(await socket.recv())
            if message["type"] == "log":
                seqs += [entry["seq"] for entry in message["entries"]]
                messages += [entry["message"] for entry in message["entries"]]
            elif message["type"] == "ack":
                ack = message
        await socket.close(1000, "done")
        print(json.dumps({
            "subprotocol": socket.subprotocol,
            "hello": hello["type"],
            "seqs": seqs,
            "has_own": "from Python ✓" in messages,
            "ack": ack,
            "close": socket.close_code,
        }))


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
