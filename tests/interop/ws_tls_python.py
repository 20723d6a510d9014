# SPDX-License-Identifier: MIT
"""usage: ws_tls_python.py NNCAT: in a folder with root.pem, hub.pem and hub.key. Python's websockets over its own TLS,
as client of a REP and as server of a REQ of nncat; a stranger's certificate is refused on both sides."""
import asyncio
import ssl
import subprocess
import sys

import websockets
from websockets.legacy.client import connect as ws_connect  # the interface that 10 and 15 both have
from websockets.legacy.server import serve as ws_serve

NNCAT = sys.argv[1]


async def client():
    nncat = await asyncio.create_subprocess_exec(
        NNCAT, "--rep", "-D", "pong", "-q", "-A", "--tls-cert", "hub.pem", "--tls-key", "hub.key",
        "--tls-verify", "none", "--bind", "wss://127.0.0.1:0", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    at = (await nncat.stderr.readline()).decode().split()[-1]
    assert at.startswith("wss://127.0.0.1:"), at
    trusting = ssl.create_default_context(cafile="root.pem")
    trusting.set_alpn_protocols(["http/1.1"])
    async with ws_connect(at + "/path", ssl=trusting, subprotocols=["rep.sp.nanomsg.org"]) as ws:
        for body in (b"one", b"x" * 200000):
            await ws.send(b"\x80\0\0\1" + body)
            assert await asyncio.wait_for(ws.recv(), 20) == b"\x80\0\0\1pong"
        await asyncio.wait_for(await ws.ping(), 10)
    assert ws.close_code == 1000, ws.close_code
    try:
        await ws_connect(at, ssl=ssl.create_default_context(), subprotocols=["rep.sp.nanomsg.org"])
        raise AssertionError("a certificate that nobody signed was accepted")
    except ssl.SSLError:
        pass
    nncat.terminate()
    await nncat.wait()


async def server():
    async def answer(ws, path="/"):
        question = await ws.recv()
        await ws.send(question[:4] + b"answer")
        await ws.wait_closed()

    async def ask(port, *options):
        nncat = await asyncio.create_subprocess_exec(
            NNCAT, "--req", "--connect", f"wss://127.0.0.1:{port}/x", "-D", "question", "-n", "1", "-A",
            "--recv-timeout", "5", *options, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, said = await asyncio.wait_for(nncat.communicate(), 20)
        return nncat.returncode, out, said

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain("hub.pem", "hub.key")
    async with ws_serve(answer, "127.0.0.1", 0, ssl=context, subprotocols=["rep.sp.nanomsg.org"]) as ear:
        port = ear.sockets[0].getsockname()[1]
        status, out, said = await ask(port, "--tls-ca", "root.pem")
        assert (status, out) == (0, b"answer\n"), (status, out, said)
        status, out, said = await ask(port, "--tls-ca", "stranger.pem")
        assert status == 4 and b"certificate" in said, (status, out, said)


async def main():
    await client()
    await server()


asyncio.run(asyncio.wait_for(main(), 100))
print("wss with websockets", websockets.version.version, "and", ssl.OPENSSL_VERSION)
