"""The real server of `app`, asked by something else than its page: refusals, and no traceback."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from extras import imported

imported("solara")
from websockets.asyncio.client import connect  # noqa: E402 - comes with it
from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402

SMOKE = "experiments/smoke/what_if.yaml"
CHANNELS = "/jupyter/api/kernels/{}/channels?session_id=page"


class Served:
    """The server, and what it has said on standard error."""

    def __init__(self, process: subprocess.Popen[str], said: Path) -> None:
        assert process.stdout is not None
        self.process, self.said = process, said
        self.host = urlsplit(process.stdout.readline().strip()).netloc

    def status(self, start: str, *headers: bytes, host: bool = True) -> int:
        """What it answers a request of one line, with some headers."""
        own = [f"Host: {self.host}".encode()] if host else []
        lines = [f"{start} HTTP/1.1".encode(), *own, *headers, b"Content-Length: 0", b"Connection: close"]
        name, _, port = self.host.partition(":")
        with socket.create_connection((name, int(port)), timeout=60) as asked:
            asked.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
            return int(asked.makefile("rb").readline().split()[1])

    def closed(self, frame: str | bytes, path: str = CHANNELS) -> int:
        """How it closes a socket that sends a frame, or refuses to open it."""

        async def code() -> int:
            place = path.format(f"kernel-{random.random()}")
            try:
                async with connect(f"ws://{self.host}{place}", open_timeout=60) as opened:
                    await opened.send(frame)
                    while True:
                        await asyncio.wait_for(opened.recv(), 60)
            except ConnectionClosed as closed:
                return int(closed.rcvd.code if closed.rcvd else 0)
            except InvalidStatus as refused:
                return int(refused.response.status_code)

        with ThreadPoolExecutor(1) as other:  # tests in a browser leave a loop running in this one
            return int(other.submit(asyncio.run, code()).result())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    said = tmp_path_factory.mktemp("served") / "stderr"
    command = [sys.executable, "-m", "balance_sim", "app", SMOKE, "--no-browser"]
    with said.open("w") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
        yield Served(process, said)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert "Traceback" not in said.read_text(encoding="utf-8")


@pytest.mark.parametrize("header", [b"X-Odd: \xff\xfe", b"Cookie: solara-session-id=\xff"])
def test_a_header_that_is_not_utf8_is_refused(served: Served, header: bytes) -> None:
    assert served.status("GET /", header) == 400
    assert served.status("GET /", b"X-Odd: caf\xc3\xa9") == 200


def test_one_origin_and_one_host(served: Served) -> None:
    ours, other = f"Origin: http://{served.host}".encode(), b"Origin: https://attacker.example"
    assert served.status("GET /", ours) == 200
    for origins in ((other,), (other, ours), (ours, other), (ours, ours), (b"Origin: \xff",)):
        assert served.status("GET /", *origins) == 403
    hosts = [f"Host: {served.host}".encode(), b"Host: attacker.example"]
    for two in (hosts, hosts[::-1]):
        assert served.status("GET /", *two, host=False) in (400, 403)
    assert served.status("GET /", hosts[1], host=False) == 403


def test_what_only_the_page_can_say_is_refused_to_others(served: Served) -> None:
    """It closes its own session, whose name it has: without one there is none."""
    assert served.status("POST /_solara/api/close/x") == 400
    assert served.status("POST /_solara/api/close/x?session_id=page") == 200
    assert served.closed("{}", "/jupyter/api/kernels/{}/channels") in (400, 403)
    assert served.closed("{}", "/elsewhere/{}?session_id=page") in (400, 403)


@pytest.mark.parametrize(
    "frame",
    [
        "[[[[",
        "[" * 100_000,
        '"text"',
        "1",
        "[]",
        "{}",
        '{"header": {}}',
        '{"header": 1, "channel": "shell", "content": {}}',
        '{"header": {"msg_id": "1", "msg_type": "execute_request"}, "channel": "shell", "content": {}}',
        '{"header": {"msg_id": "1", "msg_type": "comm_msg"}, "channel": "shell", "content": []}',
        '{"header": {"msg_type": "comm_msg"}, "channel": "shell", "content": {}}',
        "",
        b"",
        b"\x00\x01",
        b"\x00\x00\x00\x00",
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x01\x00\x00\x00\x08\xff\xff",
        b"\x00\x00\x00\x01\x00\x00\x00\x08[]",
    ],
)
def test_a_frame_that_is_no_message_ends_its_socket(served: Served, frame: Any) -> None:
    assert served.closed(frame) == 1007


def test_a_message_that_leads_nowhere_ends_its_socket_in_a_line(served: Served) -> None:
    lines = served.said.read_text(encoding="utf-8").count("a socket was closed")
    wrong = '{"header": {"msg_id": "1", "msg_type": "comm_msg"}, "channel": "shell", "content": {}}'
    assert served.closed(wrong) == 1000
    assert served.said.read_text(encoding="utf-8").count("a socket was closed") == lines + 1
    assert served.status("GET /") == 200


def test_a_message_of_the_page_is_answered(served: Served) -> None:
    """As text and in Jupyter's binary form; `shutdown_request` is answered by the end of the socket."""
    text = '{"header": {"msg_id": "1", "msg_type": "shutdown_request"}, "channel": "shell", "content": {}}'
    assert served.closed(text) == 1000
    assert served.closed(b"\x00\x00\x00\x01\x00\x00\x00\x08" + text.encode()) == 1000
