"""Connections of the live page's server: none that says nothing stays, and none keeps another out.

A request has HEADER_SECONDS to be whole up to its body, and BODY_SECONDS more for that. Of more than MOST_CONNECTIONS
those that wait for a request are closed, the one that has waited longest first; where all are being answered, and only
then, a request is put off (503)."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 32
HEADER_SECONDS = 5.0
BODY_SECONDS = 10.0


class Line(H11Protocol):
    """One connection. `since`: when its wait for a request, or for the rest of one, began."""

    since = 0.0
    ending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Another one: room is made for it."""
        super().connection_made(transport)
        self.limit_concurrency = MOST_CONNECTIONS + 1
        self._wait(HEADER_SECONDS)
        self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of it."""
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Whatever has come is read; a request that is whole has no time limit."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and self.cycle.more_body:
            self._wait(BODY_SECONDS)
        elif not self.waits():
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Answered: the next request is waited for, or what nobody read of this one."""
        self._wait(HEADER_SECONDS)
        super().on_response_complete()

    def waits(self) -> bool:
        """Whether nothing is being answered: there is no request, or one that is not whole."""
        cycle = getattr(self, "cycle", None)
        return cycle is None or bool(cycle.response_complete or cycle.more_body)

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self.since = self.loop.time()
        self.ending = self.loop.call_later(seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self.ending is not None:
            self.ending.cancel()
            self.ending = None

    def _give_up(self) -> None:
        self._stop_waiting()
        self.connections.discard(self)
        self.transport.abort()

    def _make_room(self) -> None:
        lines = [line for line in self.connections if isinstance(line, Line)]
        waiting = [line for line in lines if line is not self and line.waits()]
        too_many = max(len(lines) - MOST_CONNECTIONS, 0)
        for line in sorted(waiting, key=lambda line: line.since)[:too_many]:
            line._give_up()
