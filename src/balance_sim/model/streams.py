"""Every stream of random numbers, in one table: the seed becomes streams here.

A stream is keyed by its name, never by an order of drawing, a date or a step, so that a
further stream, state, replication or arm changes no number of another, nor does another
calendar. Within a stream of replications
a key absorbs, one after the other, seed, replication, stream, the states' codes, the
agreement type and a count; what is drawn from that key has a number of its own
(`OpportunityDraw`, `AccessionDraw`, `AssumedDraw`, `AgreementDraw`).
`model/clocks.py` mixes keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import numpy as np

from balance_sim.model.clocks import absorb, label
from balance_sim.model.core import Keys

OPPORTUNITY = "opportunity"
AGREEMENT = "accord"
ASSUMED_TALKS = "assumed"
PROVOCATION = "provocation"
ACCESSION = "accession"
PARAMETERS = "parameters"
LEVEL = "level of the years"
COPIES = "copies of agreements"
EXERCISES = "exercises"
PRIOR = "prior"
PLACEBO = "placebo"
SHUFFLED_CLASSES = "shuffled classes"
PAYOFF_BOOTSTRAP = "payoff bootstrap"
DRAW_BOOTSTRAP = "draw bootstrap"
IDLE_PARAMETERS = "idle parameters"

STREAMS: Mapping[str, str] = {
    # by seed and replication, the same in every arm
    OPPORTUNITY: "when a dyad could open talks, and the uniforms of both sides",
    AGREEMENT: "lags, failures and ends of one agreement",
    ASSUMED_TALKS: "talks under way at the start that nobody has recorded",
    PROVOCATION: "acts that states commit by chance",
    ACCESSION: "when a state could seek accession to a pact, and three uniforms",
    PARAMETERS: "deviations from the fit (`--draws fitted`)",
    LEVEL: "level of a replication's years, where a calibration has a variance",
    COPIES: "up to which level an agreement counts (fan chart)",
    EXERCISES: "joint exercises of a class of dyads within a window",
    # by seed alone
    SHUFFLED_CLASSES: "permutations of who is threatened (M2 of the article)",
    PAYOFF_BOOTSTRAP: "resamples of a game's replications",
    DRAW_BOOTSTRAP: "resamples of the draws of a game's parameters",
    IDLE_PARAMETERS: "permutations that tell what a parameter without worth reaches",
    # of the scenario alone, so that they are worked out once for all studies of it
    PRIOR: "joint draws from the priors",
    PLACEBO: "which sets of states stand in for the participants",
}
"""What each stream draws, by its name."""


class OpportunityDraw(IntEnum):
    """Numbers drawn from the key of one opportunity."""

    WAIT = 1  # days since the dyad's opportunity before, unit exponential
    CONSENT_A = 2  # uniform of the dyad's first state
    CONSENT_B = 3  # uniform of the second
    OPENNESS = 4  # uniform that want of relations has to leave open


class AccessionDraw(IntEnum):
    """Numbers drawn from the key of one opportunity to seek accession."""

    WAIT = 1  # days since the candidate's opportunity before, unit exponential
    CANDIDATE = 2  # uniform of the candidate
    MEMBERS = 3  # one uniform of all members
    OPENNESS = 4  # uniform that want of relations has to leave open


class AssumedDraw(IntEnum):
    """Numbers drawn from the key of a dyad and type at the start."""

    UNDER_WAY = 1  # uniform: are there talks?
    LENGTH = 2  # gamma, length-biased
    AGE = 3  # uniform share of it that is past
    LASTED = 4  # unit exponential: would they have failed by then?


class AgreementDraw(IntEnum):
    """Clocks of one agreement, absorbed into its key."""

    TALKS = 1  # gamma length of talks
    FAIL_IN_TALKS = 2  # exponential
    IN_FORCE = 3  # gamma lag from signature to entry into force
    FAIL_SIGNED = 4  # exponential
    END = 5  # exponential


def stream_keys(seed: int, runs: Keys, stream: str) -> Keys:
    """(R,) one key a replication for one stream of STREAMS; that of replication k
    depends on seed and k alone."""
    by_run = absorb(absorb(label("balance-sim"), seed), runs)
    return absorb(by_run, stream_label(stream))


def stream_seed(seed: int, stream: str) -> int:
    """Seed of a generator of NumPy's for a stream of STREAMS that belongs to a study as
    a whole."""
    return int(absorb(absorb(label("balance-sim"), seed), stream_label(stream)))


def stream_label(stream: str) -> np.uint64:
    """64 bits for a stream's name. Raises KeyError for one that STREAMS does not
    name."""
    if stream not in STREAMS:
        raise KeyError(f"{stream} is no stream of model/streams.py")
    return label(stream)
