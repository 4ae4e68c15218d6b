"""The live page's server, a real process asked over real connections: whom it answers, and with what numbers."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from balance_sim.effects.expected_effect import ExpectedEffect, expected_effect
from balance_sim.scenario import load_scenario
from balance_sim.study.sweep_result import open_sweep
from serving import FEW, LOUD, SCENARIO, Server, program

if TYPE_CHECKING:
    from collections.abc import Iterator

POINTS = [(1.0, "balance_of_threat"), (0.5, "balance_of_power")]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live")]


def by_run(options: str, folder: Path) -> dict[str, Any]:
    """The headline of `run` with the options that the page names."""
    done = program("run", SCENARIO, *LOUD, *shlex.split(options), "--out", str(folder), "--json", *FEW)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)["effects"]["summit"]["accords_counter_300"]
    return found


@pytest.mark.parametrize(
    "values",
    [{"visibility": 0.5}, {"visibility": 0.35, "patron reliability": 0.5}, {"visibility": 0}],
    ids=["the reference arm as before", "both arms anew", "no run differs"],
)
def test_the_numbers_are_those_of_run(server: Server, tmp_path: Path, values: dict[str, float]) -> None:
    """To the last digit, mean and interval, by the options that the page shows."""
    answer = server.ask(60, values)[-1]["answer"]
    effect = by_run(answer["options"], tmp_path / "r")
    shown = answer["effect"]
    assert (shown["outcome"], shown["window"], answer["n"]) == ("accords_counter_300", 300, 60)
    assert {"mean": shown["mean"], "ci95": [shown["lo"], shown["hi"]], "mcse": shown["mcse"]} == {
        name: effect[name] for name in ("mean", "ci95", "mcse")
    }
    assert (shown["mean"] > 0) == (values["visibility"] > 0)


def told(effect: ExpectedEffect) -> tuple[float, list[int], list[int]]:
    """Effect, channels and the largest effect on a dyad, in the page's units."""
    control, having = (of["accords_counter_300"] for of in effect.outcomes)
    parts = [round(1e5 * (effect.channels or {})[name]) for name in ("picture", "threat", "rest")]
    return having - control, parts, [round(1e5 * value) for value in effect.dyads["effect"].head(2)]


def test_the_expected_effect_is_told_first_and_is_that_of_effect(server: Server) -> None:
    """Also where the control arm is the one of another setting, and where it is not."""
    seen = set()
    for values in ({"visibility": 0.6}, {"visibility": 0.7}, {"visibility": 0.7, "patron reliability": 0.4}):
        first, *others = server.ask(10, values)
        assert [list(line) for line in others][-1] == ["answer"]
        assert not any("expected" in line for line in others)
        said = first["expected"]
        words = shlex.split(said["options"])
        sets = [value for flag, value in zip(words[::2], words[1::2], strict=True) if flag == "--set"]
        effect = expected_effect(load_scenario(SCENARIO, set=[*LOUD[1::2], *sets]))
        mean, parts, dyads = told(effect)
        assert said["effect"]["mean"] == mean and (said["effect"]["lo"], said["n"]) == (None, 0)
        assert said["c"] == parts and abs(sum(parts) - 1e5 * mean) <= 2
        assert [row[1] for row in said["p"][:2]] == dyads
        assert said["days"] == [0, 30, 90, 300]
        seen.add(mean)
    assert len(seen) == 3


def test_the_newest_request_alone_is_lived(server: Server) -> None:
    """The older one is told so, long before it could be done."""
    older = server.begin({"values": {"visibility": 0.15}, "runs": 5000})
    assert b'"expected":' in older.readline()
    first = next(line for line in iter(older.readline, b"") if b'"answer":' in line)
    # The first number told is 50, or a later stage's where the expected effect, which comes before, was long in coming.
    assert json.loads(first)["answer"]["n"] in (50, 200, 800, 3200)
    assert server.ask(12, {"visibility": 0.25})[-1]["answer"]["n"] == 12
    lines = older.read().splitlines()
    assert json.loads(lines[-1]) == {"stopped": "a newer request has taken over"}
    assert not any(b'"n":5000' in line for line in lines)


def test_a_process_that_is_killed_is_replaced(server: Server) -> None:
    before = server.ask(30, {"visibility": 0.65})[-1]["answer"]
    victims = [pid for pid in children(server.process.pid) if "spawn_main" in command(pid)]
    assert victims
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    after = server.ask(60, {"visibility": 0.65})[-1]["answer"]
    assert after["n"] == 60
    assert server.ask(30, {"visibility": 0.65})[-1]["answer"] == before


def children(parent: int) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            yield int(path.parent.name)


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode()


def test_the_page_is_strict(server: Server) -> None:
    status, headers, body = server.call("GET", f"/{server.token}/")
    assert status == 200
    policy = headers["content-security-policy"].split("; ")
    assert policy[0] == "default-src 'none'" and "connect-src 'self'" in policy and "unsafe" not in str(policy)
    assert "frame-ancestors 'none'" in policy
    assert headers["referrer-policy"] == "no-referrer" and headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store" and "server" not in headers
    assert not any(name.startswith("access-control") for name in headers)
    assert server.token not in body.decode()


ELSEWHERE = {"Sec-Fetch-Site": "cross-site"}
STRANGERS = {
    "no token": ("/", {}),
    "part of the token": ("/{token:.42}/", {}),
    "a token in the query": ("/?{token}", {}),
    "another origin": ("/{token}/", {"Origin": "http://example.org"}),
    "no origin to speak of": ("/{token}/", {"Origin": "null"}),
    "the same host on another port": ("/{token}/", {"Origin": "http://127.0.0.1:1"}),
    "the same port, encrypted": ("/{token}/", {"Origin": "https://127.0.0.1:{port}"}),
    "another name for this address": ("/{token}/", {"Host": "rebound.example.org:{port}"}),
    "localhost": ("/{token}/", {"Host": "localhost:{port}"}),
    "a page of another site": ("/{token}/", ELSEWHERE | {"Sec-Fetch-Mode": "no-cors"}),
    "a frame": ("/{token}/", ELSEWHERE | {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}),
}


@pytest.mark.parametrize(("path", "headers"), STRANGERS.values(), ids=STRANGERS)
@pytest.mark.parametrize(("method", "page"), [("GET", ""), ("POST", "ensemble")])
def test_strangers_stay_outside(server: Server, method: str, page: str, path: str, headers: dict[str, str]) -> None:
    head, mark, query = path.format(token=server.token).partition("?")
    given = {name: value.format(port=server.port) for name, value in headers.items()}
    body = b"{}" if method == "POST" else None
    given |= {"Content-Type": "application/json"} if body else {}
    status, _, text = server.call(method, head + page + mark + query, body, given)
    assert status == 403
    assert server.token.encode() not in text and len(text) < 200


def test_a_host_named_twice_or_not_at_all(server: Server) -> None:
    for hosts in ([], [f"127.0.0.1:{server.port}", "example.org"]):
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        line.putrequest("GET", f"/{server.token}/", skip_host=True)
        for host in hosts:
            line.putheader("Host", host)
        line.endheaders()
        assert line.getresponse().status in (400, 403)
        line.close()


def test_the_page_itself_comes_in(server: Server) -> None:
    assert server.post(b'{"runs": 2}', Origin=server.origin, Sec_Fetch_Site="same-origin")[0] == 200
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert server.call("GET", f"/{server.token}/", None, link)[0] == 200  # a link that a person follows


def test_it_listens_on_loopback_alone(server: Server) -> None:
    port = f"{server.port:04X}"
    tables = [Path(f"/proc/net/{name}") for name in ("tcp", "tcp6")]
    if not tables[0].exists():
        pytest.skip("no /proc/net/tcp to look at")
    rows = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    listening = [row[1].split(":")[0] for row in rows if row[1].endswith(f":{port}") and row[3] == "0A"]
    assert listening == ["0100007F"]


BAD = {
    "above the bound": (
        b'{"values": {"visibility": 1.5}}',
        "visibility: `1.5` is not on the page; the page offers 0.0 to 1.0",
    ),
    "NaN": (b'{"values": {"visibility": NaN}}', "visibility: `NaN` is not on the page"),
    "longer than Python reads": (b'{"values": {"visibility": ' + b"9" * 9000 + b"}}", "Invalid JSON"),
    "unknown dial": (b'{"values": {"visibilty": 1}}', "no control `visibilty`; did you mean `visibility`?"),
    "a key path": (b'{"values": {"parameters.tau": 0}}', "no control `parameters.tau`; there are: visibility"),
    "unknown key": (b'{"seed": 3}', "seed: Extra inputs are not permitted"),
    "deep": (b"[" * 12000, "Invalid JSON"),
    "control characters": (b'{"\\u001b[31m": 1}', "\\x1b[31m: Extra inputs"),
}


@pytest.mark.parametrize(("body", "words"), BAD.values(), ids=BAD)
def test_bad_values_are_refused_in_plain_words(server: Server, body: bytes, words: str) -> None:
    status, text = server.post(body)
    assert (status, words in text, text.count("\n")) == (400, True, 1), text
    assert "Traceback" not in text and len(text) < 300


def test_what_is_no_request_of_the_page(server: Server) -> None:
    assert server.post(b"{}", Content_Type="text/plain")[0] == 415  # what a form of any page could send
    assert server.post(b" " * 20_000)[0] == 413
    chunks = (b" " * 5000 for _ in range(5))
    assert server.post(chunks)[0] == 413  # type: ignore[arg-type]
    assert server.call("GET", f"/{server.token}/ensemble")[0] == 405
    assert server.call("OPTIONS", "*")[0] == 403
    for path in ("nothing", "../..//etc/passwd", "%2e%2e/x", "ensemble/"):
        assert server.call("GET", f"/{server.token}/{path}")[0] in (404, 405, 307), path


def test_a_sweep_has_its_factors_as_dials_and_ctrl_c_ends_it(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    text = Path(SCENARIO).read_text(encoding="utf-8")
    aimed = text.replace("host: XAR, visibility: 1.0", "host: XAR, visibility: 1.0, targets: [North]")
    (tmp_path / "five.yaml").write_text(aimed, encoding="utf-8")
    loud = dict(word.split("=", 1) for word in LOUD[1::2])
    assert loud.pop("events.summit.targets") == "[North]" and aimed != text
    points = [{**loud, "events.summit.visibility": v, "theory.preset": t} for v, t in POINTS]
    lines = [f"  - {{{', '.join(f'{path}: {value}' for path, value in point.items())}}}" for point in points]
    file = tmp_path / "two.yaml"
    head = "schema: 1\nscenario: five.yaml\nruns: 30\nseed: 5\ndesign: {method: list}\npoints:\n"
    file.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    folder = tmp_path / "sweep"
    done = program("sweep", str(file), "--out", str(folder), "--workers", "1")
    assert done.exit_code == 0, done.output
    sweep = open_sweep(folder)
    effects = sweep.effects.query("outcome == 'accords_counter_300'")
    assert effects["mean"].nunique() == len(POINTS)
    server = Server.of(folder, "--runs", "20")
    request.addfinalizer(server.process.kill)
    for row in effects.to_dict("records"):
        answer = server.ask(30, {path: row[path] for path in sweep.paths})[-1]["answer"]
        assert (answer["n"], answer["effect"]["mean"]) == (30, row["mean"])
        assert "--seed 5" in answer["options"]
    processes = list(children(server.process.pid))
    code, errors = server.stop(signal.SIGINT)
    assert code == 130
    assert errors.endswith(f"balance-sim explore {folder} --live --runs 20\n")
    assert "Traceback" not in errors and "KeyboardInterrupt" not in errors
    assert server.token not in errors
    assert not [pid for pid in processes if Path(f"/proc/{pid}").exists()]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), 5)
