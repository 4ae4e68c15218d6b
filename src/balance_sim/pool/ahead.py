"""A computation in a process of its own, begun before its result is asked for."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from dataclasses import dataclass

from balance_sim.pool.hands import Hand, set_surroundings, unstartable, wake


@dataclass(frozen=True)
class _Once[T]:
    """The work of the process: one task."""

    job: Callable[[], T]

    def do(self, task: int) -> T | None:  # noqa: ARG002 - as a worker asks
        try:
            return self.job()
        except Exception:  # noqa: BLE001 - it is done again where the result is asked for, and raises there
            return None


class Ahead[T]:
    """A picklable job that has begun. Call it for the result; a job whose process dies is done in this one."""

    def __init__(self, job: Callable[[], T]) -> None:
        self.job = job
        self._found: T | None = None
        self._hand: Hand[int] | None = None
        if unstartable() is not None:
            return
        set_surroundings()
        try:
            self._hand = Hand(pickle.dumps(_Once(job)))
            self._thread = threading.Thread(target=self._listen, args=(self._hand,), daemon=True)
            self._thread.start()
        except (OSError, RuntimeError):  # a limit on processes, or on threads
            self._dismiss()

    def __call__(self) -> T:
        """The result, as soon as it is there. Raises what the job raises."""
        if self._hand is not None:
            wake([self._hand])  # it may have been stopped with this process, and not continued with it
            self._thread.join()
            self.close()
        return self._found if self._found is not None else self.job()

    def close(self) -> None:
        """End the process, whether it is done or not."""
        if self._hand is not None:
            self._hand.process.kill()
            self._thread.join()
            self._dismiss()

    def _dismiss(self) -> None:
        if self._hand is not None:
            self._hand.dismiss()
            self._hand = None

    def _listen(self, hand: Hand[int]) -> None:
        try:
            hand.conn.recv()  # it is there
            if hand.brief([0]):
                hand.conn.recv()  # it has read the job
                self._found = hand.conn.recv()
        except (EOFError, OSError):
            return


__all__ = ["Ahead"]
