"""How far a sender is believed who says that it means no harm.

Words that cost nothing are worth what their sender's record makes them worth: a
reputation for honesty (Sartori 2002, International Organization 56(1)). Whoever hears
them holds a Beta distribution of the share of such words that the sender keeps, and
learns from each one (beta reputation: Josang, Ismail 2002, 15th Bled Conference). Words
that are backed by something costly count as kept, all others as not kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from balance_sim.model.core import Floats
from balance_sim.scenario.defaults import record_prior
from balance_sim.scenario.schema import Event


def worth(kept: Floats, sent: Floats) -> Floats:
    """Share of its weight that a sender's next reassurance has.

        min(1, (a + kept) / (a + b + sent) * (a + b) / a)

    The expected share of words that the sender keeps, over the share expected of a
    sender without a record: a sender who has kept its words is believed in full.

    Parameters
    ----------
    kept, sent : (...,)
        reassurances of the sender so far that were backed, and all of them

    Returns
    -------
    (...,)
        above 0, at most 1

    Examples
    --------
    >>> worth(np.array([0.0, 0.0, 2.0]), np.array([0.0, 2.0, 2.0]))
    array([1. , 0.2, 1. ])
    """
    a, b = record_prior()
    return np.minimum(1.0, (a + kept) / (a + b + sent) * (a + b) / a)


def records(
    events: Sequence[Event], senders: Mapping[str, Sequence[int]], states: int
) -> dict[str, Floats]:
    """(n,) worth of each state's part in each reassurance, by the event's id.

    Parameters
    ----------
    events : sequence of Event
        the reassurances of a scenario, in any order
    senders : mapping
        positions of the principals of each, by the event's id
    states : int
        number of states n

    Returns
    -------
    dict
        by id, 1 for states that do not send it; words of one day do not count for each
        other
    """
    by_event: dict[str, Floats] = {}
    for event in events:
        kept_words, sent = np.zeros(states), np.zeros(states)
        for earlier in events:
            if earlier.date < event.date:
                sent[[*senders[earlier.id]]] += 1.0
                kept_words[[*senders[earlier.id]]] += float(earlier.kept)
        by_event[event.id] = np.ones(states)
        own_senders = [*senders[event.id]]
        by_event[event.id][own_senders] = worth(kept_words, sent)[own_senders]
    return by_event
