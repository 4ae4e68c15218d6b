"""Serving the live page on this machine's loopback address until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from balance_sim.live.dials import MOST_RUNS, dials_of_sweep, dials_round
from balance_sim.live.faults import PartFailed
from balance_sim.pool.faults import MissingExtra, WrongRequest
from balance_sim.replications.arms import headline_arm
from balance_sim.results.store import Store
from balance_sim.results.sweep_result import SweepResult
from balance_sim.show.plots import Plots

if TYPE_CHECKING:
    import uvicorn

    from balance_sim.live.app import Live
    from balance_sim.live.door import Door

TOKEN_BYTES = 32
LAST_SECONDS = 1  # for what is being answered when the server stops
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def need_extra() -> None:
    """Raises MissingExtra where there is no web server."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise MissingExtra("live pages", "live") from None


def serve(folder: Path, runs: int, port: int, workers: int, announce: Callable[[str], None]) -> None:
    """Serve the live page of the study in `folder` until a signal stops it, which is raised again at the end.

    port: 0 for any that is free. announce: called with the page's address once it can be opened.
    Raises MissingExtra, and WrongRequest for a study without arms to compare, code of one's own or a port in use."""
    need_extra()
    from balance_sim.live.door import HOST, Door
    from balance_sim.live.workers import Workers

    study = Plots.of(folder).study
    arm = headline_arm(study.scenario, study.arms)
    if arm is None:
        raise WrongRequest("there is one arm only, so there is no effect to explore")
    manifest = Store(folder).read_manifest()
    if manifest and manifest.model:
        raise WrongRequest(f"{folder} was made with --model, and the live page runs no code of a study's own")
    dials = dials_of_sweep(study) if isinstance(study, SweepResult) else dials_round(study.scenario)
    with contextlib.closing(listen(HOST, port)) as listening:
        drawing = manifest is not None and manifest.draw_parameters
        with contextlib.closing(Workers(workers, study.seed, draws=drawing)) as processes:
            from balance_sim.live.app import Live
            from balance_sim.live.ensembles import Clerk

            live = Live(Clerk(study.scenario, study.seed, (study.arms[0], arm), processes), dials, runs)
            page, policy = live.page()
            token = secrets.token_urlsafe(TOKEN_BYTES)
            door = Door(live.app(page), listening.getsockname()[1], token, policy)
            _until_stopped(live, door, listening, announce)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises WrongRequest where it cannot."""
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind((host, port))
        one.listen()
    except OSError as error:
        one.close()
        raise WrongRequest(f"cannot listen on {host}:{port}: {error.strerror}. Give another --port") from None
    return one


def _until_stopped(live: Live, door: Door, listening: socket.socket, announce: Callable[[str], None]) -> None:
    import uvicorn

    from balance_sim.live.lines import Line

    logging.getLogger("uvicorn").addHandler(
        logging.NullHandler()
    )  # no addresses in logs: they hold the token
    logging.getLogger("uvicorn").propagate = False
    config = uvicorn.Config(
        door,
        loop="asyncio",
        http=Line,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=LAST_SECONDS,
    )
    stopped = asyncio.run(_served(live, uvicorn.Server(config), listening, lambda: announce(door.address)))
    if stopped is not None:
        signal.raise_signal(stopped)


async def _served(
    live: Live, server: uvicorn.Server, listening: socket.socket, announce: Callable[[], None]
) -> int | None:
    """The signal that ended it; the first answer is there before anybody is told of the page."""
    warm = asyncio.create_task(live.warm())
    stopped: list[int] = []

    def stop(number: int) -> None:
        stopped.append(number)
        warm.cancel()
        server.should_exit = True
        live.clerk.stop()

    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in STOPPING}
    for number in STOPPING:
        loop.add_signal_handler(number, stop, number)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await warm
        if not stopped:
            announce()
            await server.serve(sockets=[listening])
    except PartFailed as error:
        raise WrongRequest(f"the study as it is cannot be lived: {error}") from None
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
    return stopped[0] if stopped else None


__all__ = ["MOST_RUNS", "need_extra", "serve"]
