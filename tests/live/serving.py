"""The live page's server as a real process, and a client that says what it likes in its headers."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from balance_sim.cli import main
from click.testing import CliRunner, Result

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = str(ROOT / "experiments" / "smoke" / "five_states.yaml")
# The small made-up world with an event loud enough to be heard within few runs.
LOUD = [
    "--set", "events.summit.kind=fighting_together",
    "--set", "event_kinds.fighting_together.intent=20",
    "--set", "events.summit.targets=[North]",
    "--set", "kinds.defence_cooperation.ceiling=24",
    "--set", "parameters.tau=0.1",
]  # fmt: skip
FEW = ["--workers", "1", "--no-figures"]
LIMIT = 120  # seconds that nothing here should take


def program(*arguments: str) -> Result:
    """The program, done, in this process."""
    return CliRunner().invoke(main, arguments)


@dataclass
class Server:
    """A live page under way."""

    process: subprocess.Popen[str]
    port: int
    token: str

    @staticmethod
    def of(folder: Path, *options: str) -> Server:
        words = [sys.executable, "-m", "balance_sim", "explore", str(folder), "--live", *options]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        address = process.stdout.readline()
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/([\w-]{43})/\n", address)
        if found is None:
            process.kill()
            pytest.fail(f"no address but {address!r}: {process.communicate()}")
        return Server(process, int(found[1]), found[2])

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return f"{self.origin}/{self.token}/"

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        try:
            line.request(method, path, body, headers or {})
            reply = line.getresponse()
            return reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read()
        finally:
            line.close()

    def begin(self, body: dict[str, Any]) -> http.client.HTTPResponse:
        """A request for an ensemble whose answer is still to be read."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        given = {"Content-Type": "application/json"}
        line.request("POST", f"/{self.token}/ensemble", json.dumps(body), given)
        return line.getresponse()

    def post(self, body: bytes, **headers: str) -> tuple[int, str]:
        """Ask for an ensemble; status and text."""
        given = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        status, _, text = self.call("POST", f"/{self.token}/ensemble", body, given)
        return status, text.decode()

    def ask(self, runs: int, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """The lines of an answer. Values by the dials' names."""
        status, text = self.post(json.dumps({"values": values or {}, "runs": runs}).encode())
        assert status == 200, text
        return [json.loads(line) for line in text.splitlines()]

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it by a signal; exit code and stderr."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=LIMIT)
        return self.process.returncode, errors


def loud_study(folder: Path) -> Path:
    """A results folder of `run`."""
    done = program("run", SCENARIO, *LOUD, "--runs", "4", "--out", str(folder), *FEW)
    assert done.exit_code == 0, done.output
    return folder
