# SPDX-License-Identifier: MIT
"""usage: ws_python.py NNCAT: Python's websockets as client of a REP and as server of a REQ and of a PULL of
nncat: text and binary, fragments, pings, closes in both directions, and compression that nobody agrees to."""
import asyncio
import subprocess
import sys

import websockets
from websockets.legacy.client import connect as ws_connect  # the interface that 10 and 15 both have
from websockets.legacy.server import serve as ws_serve

NNCAT = sys.argv[1]


async def serve(*options):
    """An nncat that listens, and its address."""
    nncat = await asyncio.create_subprocess_exec(NNCAT, *options, "--bind", "ws://127.0.0.1:0",
                                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    line = (await nncat.stderr.readline()).decode()
    assert line.startswith("nncat: listening at "), line
    return nncat, line.split()[-1]


def request(body, serial=1):
    return (0x80000000 | serial).to_bytes(4, "big") + body


async def client():
    nncat, at = await serve("--rep", "-D", "pong", "-A")
    async with ws_connect(at + "/any/path", subprotocols=["chat", "rep.sp.nanomsg.org"]) as ws:
        assert ws.subprotocol == "rep.sp.nanomsg.org"
        assert not ws.extensions, "compression was offered, and not accepted"
        await ws.send(request(b"one"))
        assert await ws.recv() == request(b"pong")
        await ws.send([request(b"in ", 2), b"three ", b"pieces"])  # one message, three frames
        assert await ws.recv() == request(b"pong", 2)
        await asyncio.wait_for(await ws.ping(b"are you there"), 10)
        await ws.send(request(b"x" * 40000, 3))
        assert await ws.recv() == request(b"pong", 3)
    assert ws.close_code == 1000, ws.close_code
    for wrong in ("sub.sp.nanomsg.org", "rep.sp.nanomsg.orgy"):
        try:
            await ws_connect(at, subprotocols=[wrong])
            raise AssertionError("a wrong subprotocol was accepted")
        except websockets.InvalidStatusCode as refusal:
            assert refusal.status_code == 400, refusal
    async with ws_connect(at, subprotocols=["rep.sp.nanomsg.org"]) as ws:
        await ws.send(b"abc")  # no request: its connection ends, the server goes on
        try:
            await asyncio.wait_for(ws.recv(), 10)
            raise AssertionError("an answer to nothing")
        except websockets.ConnectionClosed:
            pass
    nncat.terminate()
    heard = (await nncat.communicate())[0].decode().split("\n")
    assert heard[:2] == ["one", "in three pieces"], heard[:2]


async def server():
    done = asyncio.get_running_loop().create_future()

    async def answer(ws, path="/"):
        assert ws.subprotocol == "rep.sp.nanomsg.org"
        question = await ws.recv()
        assert isinstance(question, bytes) and question[4:] == b"question", question
        await asyncio.wait_for(await ws.ping(), 10)
        await ws.send([question[:4], b"ans", b"wer"])
        await ws.wait_closed()
        done.set_result(ws.close_code)

    async with ws_serve(answer, "127.0.0.1", 0, subprotocols=["rep.sp.nanomsg.org"]) as ear:
        port = ear.sockets[0].getsockname()[1]
        nncat = await asyncio.create_subprocess_exec(
            NNCAT, "--req", "--connect", f"ws://127.0.0.1:{port}/x?y", "-D", "question", "-n", "1", "-A",
            stdout=subprocess.PIPE)
        out, _ = await asyncio.wait_for(nncat.communicate(), 20)
        assert out == b"answer\n", out
        code = await asyncio.wait_for(done, 10)
        assert code == 1000, code


async def closing():
    """Who is closed by a server hears it in order, and comes back."""
    codes = []
    twice = asyncio.Event()

    async def close(ws, path="/"):
        await ws.recv()
        await ws.close(1001, "going away")
        codes.append(ws.close_code)
        if len(codes) == 2:
            twice.set()

    async with ws_serve(close, "127.0.0.1", 0, subprotocols=["pull.sp.nanomsg.org"]) as ear:
        port = ear.sockets[0].getsockname()[1]
        nncat = await asyncio.create_subprocess_exec(
            NNCAT, "-q", "--push", "--connect", f"ws://127.0.0.1:{port}", "-D", "work", "-i", "0.05")
        await asyncio.wait_for(twice.wait(), 20)
        nncat.terminate()
        await nncat.wait()
    assert codes[:2] == [1001, 1001], codes


async def main():
    await client()
    await server()
    await closing()


asyncio.run(asyncio.wait_for(main(), 100))
print("client, server and closing with websockets", websockets.version.version)
