"""The live page and what it asks for: one page, and ensembles told as they are lived, a line of JSON each."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from balance_sim.analysis.expected_effect import ExpectedEffect
from balance_sim.live.dials import Dial, Wish, as_options, read_wish
from balance_sim.live.ensembles import Clerk, Lived
from balance_sim.live.faults import BadRequest, PartFailed, Superseded, TooLarge
from balance_sim.results.estimates import rounded
from balance_sim.results.result import Result
from balance_sim.show.explore import chosen_days, days_of, expected_point, heading, live_html, point
from balance_sim.show.figures.counts import fan_table

CHOICES = (50, 200, 800)
BODY_SECONDS = 5.0
LINES = "application/x-ndjson"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Live:
    """The page of a study. runs: those asked for at first."""

    clerk: Clerk
    dials: tuple[Dial, ...]
    runs: int

    def page(self) -> tuple[str, str]:
        """The page and its policy."""
        dials = [{"name": d.name, "values": list(d.offered), "start": d.start} for d in self.dials]
        reference, arm = self.clerk.arms
        found = heading(self.clerk.scenario, reference, arm, dials)
        more = {"days": [], "pairs": [], "runs": self.runs, "choices": sorted({*CHOICES, self.runs})}
        return live_html(found | more | {"seed": self.clerk.seed})

    def app(self, page: str) -> Starlette:
        """The application behind the door."""

        async def index(_request: Request) -> Response:
            return HTMLResponse(page)

        async def ensemble(request: Request) -> Response:
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                return _refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json")
            try:
                body = await asyncio.wait_for(request.body(), BODY_SECONDS)
                wish = read_wish(self.dials, self.runs, body)
                setting = await self.clerk.setting(wish)
            except TimeoutError:
                return _refused(HTTPStatus.REQUEST_TIMEOUT, "the request did not come in time")
            except TooLarge:
                return _refused(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is larger than any of the page's"
                )
            except ClientDisconnect:
                return Response()
            except BadRequest as error:
                return _refused(HTTPStatus.BAD_REQUEST, str(error))
            answers = self.clerk.answers(setting, wish.runs)
            return StreamingResponse(self._lines(answers, wish), media_type=LINES)

        async def failed(_request: Request, error: Exception) -> Response:
            log.error("%s: %s", type(error).__name__, error)
            return _refused(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error")

        routes = [Route("/", index), Route("/ensemble", ensemble, methods=["POST"])]
        return Starlette(routes=routes, exception_handlers={Exception: failed})

    async def warm(self) -> None:
        """Live the setting at the start, so that the page opens on an answer. Raises PartFailed."""
        async for _ in self.clerk.answers(await self.clerk.setting(Wish((), self.runs)), self.runs):
            pass

    async def _lines(
        self, answers: AsyncIterator[Lived | ExpectedEffect | Result], wish: Wish
    ) -> AsyncIterator[bytes]:
        try:
            async for one in answers:
                if isinstance(one, Lived):
                    yield _line({"lived": one.runs})
                elif isinstance(one, ExpectedEffect):
                    said = await asyncio.to_thread(told_expected, one)
                    options = as_options(wish, self.clerk.seed, draws=self.clerk.workers.draws)
                    yield _line({"expected": said | {"options": options}})
                else:
                    said = await asyncio.to_thread(told, one)
                    options = as_options(
                        Wish(wish.values, one.runs), one.seed, draws=self.clerk.workers.draws
                    )
                    yield _line({"answer": said | {"options": options}})
        except Superseded:
            yield _line({"stopped": "a newer request has taken over"})
        except PartFailed as error:
            yield _line({"failed": str(error)})


def told(result: Result) -> dict[str, Any]:
    """What the page shows of an ensemble: a point of the explorer, and the effect as `run --json` has it."""
    pairs: dict[tuple[int, int], int] = {}
    table = fan_table(result)
    days = chosen_days(table)
    outcome = f"accords_counter_{result.window}"
    row = result.effects[result.effects["outcome"] == outcome].to_dict("records")[0]
    numbers = rounded({name: float(row[name]) for name in ("mean", "mcse", "lo", "hi")})
    effect = {"outcome": outcome, "window": result.window, **numbers}
    return point(result, table, days, pairs) | {"days": days, "pairs": list(pairs), "effect": effect}


def told_expected(found: ExpectedEffect) -> dict[str, Any]:
    """What the page shows of an expected effect; no interval, since there is no Monte Carlo error."""
    pairs: dict[tuple[int, int], int] = {}
    outcome = f"accords_counter_{found.window}"
    control, having = (of[outcome] for of in found.outcomes)
    effect = {"outcome": outcome, "window": found.window, "mean": having - control, "lo": None, "hi": None}
    said = expected_point(found, pairs)
    return said | {"days": days_of(found.scenario), "pairs": list(pairs), "effect": effect}


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _refused(status: HTTPStatus, words: str) -> Response:
    return PlainTextResponse(f"{words}\n", status)
