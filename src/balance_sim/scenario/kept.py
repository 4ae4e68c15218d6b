"""What was worked out lately, found again by what it was worked out from."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from balance_sim.scenario.schema import SectionRow


class Kept[Value]:
    """The last `most` results of a function of things that never change.

    Rows of a section are told apart by identity (they are frozen, and held here, so that no other row takes their
    place in memory); tuples item by item; numbers, text and dates by how they are written. Safe among threads: two
    that ask for the same at once may both work it out. What is handed out is shared: nobody may change it.

        >>> lengths = Kept[int](most=2)
        >>> lengths.get(("abc",), lambda: len("abc"))
        3
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._found: OrderedDict[object, tuple[Sequence[object], Value]] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, given: Sequence[object], make: Callable[[], Value]) -> Value:
        """What `make` gives, or gave when the same was `given`. `given`: all that the result follows from."""
        key = _key(tuple(given))
        with self._guard:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key][1]
        value = make()
        with self._guard:
            self._found[key] = given, value
            while len(self._found) > self.most:
                self._found.popitem(last=False)
        return value

    def clear(self) -> None:
        with self._guard:
            self._found.clear()


def _key(one: object) -> object:
    if isinstance(one, SectionRow):
        return id(one)
    if type(one) is tuple:
        if one and all(issubclass(kind, SectionRow) for kind in set(map(type, one))):
            return tuple(map(id, one))
        return tuple([_key(item) for item in one])
    return repr(one)
