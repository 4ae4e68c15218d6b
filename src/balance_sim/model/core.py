"""The contract of the model, on one screen. Read this first.

    world    = compile_world(scenario)             what one arm fixes: arrays, read-only
    chances  = draw_opportunities(...)             when pairs could open talks, and how keen each side must be
    state    = begin(world, chances)               what a block of runs carries
    view     = perceive(world, state, step)        what states see and feel in this step
    advance(world, chances, state, view, step)     talks open, advance, are signed, lapse

R runs at once, n states in the order of audience and code, P = n (n - 1) / 2 pairs, M kinds of accord.
What is carried (State) and what is only seen (View) are different types.
Days count from 00:00 of the scenario's start and are floats until an accord is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np
import numpy.typing as npt

from balance_sim.model import beliefs, threat

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

DAYS_PER_YEAR = 365.25
NEVER = np.inf
RUNS_AT_ONCE = 8  # runs perceived together, so that their matrices stay in the cache; changes no result

# What an accord is to the focal event: neither side takes part and at least one is threatened by those who
# do; one side takes part; or neither.
DIRECTIONS = ("counter", "with_participant", "other")

# Where an accord came from. `talks`, `signed` and `scheduled` stood in the record at the start;
# `assumed` talks are those that nobody had recorded yet; `new` talks opened during the run.
ORIGINS = ("new", "assumed", "talks", "signed", "scheduled", "in_force")


@dataclass(frozen=True)
class Rules:
    """Numbers the step needs at hand, from the scenario's parameters and theory."""

    alpha_acc: float
    eta0: float
    eta_acc: float
    equal_hostility: float | None
    beta: float
    s0: float
    tau: float
    gain_floor: float
    experience_half_life_days: float
    activity_half_life_days: float
    talks_speed_exponent: float
    talks_speed_max: float
    collapse_rate: float
    end_rate: float
    effort_max: float
    effort_slope: float
    effort_years: float
    signature_weight: float
    signature_half_life_days: float | None
    weights: dict[str, float]


@dataclass(frozen=True)
class Ladder:
    """The kinds of accord, sorted by name. All arrays (M,)."""

    names: tuple[str, ...]
    depth: Floats
    calm: Floats
    ceiling: Floats
    intercept: Floats
    talks_days: Floats
    talks_shape: Floats
    force_days: Floats
    force_shape: Floats
    at_once: Floats  # share that is in force at signature


@dataclass(frozen=True)
class Docket:
    """Accords on record at the start that are not simply over. All arrays (K,); days, NaN if unknown."""

    ids: tuple[str, ...]
    keys: npt.NDArray[np.uint64]
    pair: Ints
    kind: Ints
    stage: Ints  # 0 talks, 1 signed, 2 in force
    opened: Floats
    signed: Floats
    in_force: Floats  # for stage 2 the day it took effect; else NaN
    fixed_signed: Floats
    fixed_in_force: Floats
    ended: Floats


@dataclass(frozen=True)
class Baseline:
    """Frozen once from the reference arm at the start, the same for all arms and runs."""

    gain_norm: Floats  # (n, M) mean over partners of ln(G + floor)
    insecurity: Floats  # (n,)
    partners: Floats  # (n,)
    shared: Floats  # (n, n) shared partners
    shared_mean: float
    threatened: Bools  # (n,) by the participants, just before the focal event
    direction: Ints  # (P,) index into DIRECTIONS
    keen: Floats  # (P, 2, M), or (R, P, 2, M): consent at the start, for the talks nobody recorded


@dataclass(frozen=True)
class AtStart:
    """What states would believe in each step if the accords in force at the start were all there is.

    Most entries stay so in a run; those that do not are worked out anew by the same functions."""

    in_force: npt.NDArray[np.int16]  # (P, M)
    depth: Floats  # (P,)
    calm: Floats  # (P,)
    alignment: Floats  # (S, A, n, n) a_jk, diagonal 0
    hostility: Floats  # (S, n, n) L_ij
    reliable: Floats  # (S, n, n) rho_j c_j p_ij
    lending: Floats  # (S, n, n) rho_j c_j p_ij b_ij


@dataclass(frozen=True)
class Hazards:
    """Acts that states commit by chance, K of them, and the T entries of intent that they move."""

    keys: npt.NDArray[np.uint64]  # (K,) from their ids: the same in every arm
    rate: Floats  # (K,) per year
    half_life_days: tuple[float | None, ...]
    act: Ints  # (T,) which of the K
    target: Ints  # (T,) whose view of
    state: Ints  # (T,) whom
    dose: Floats  # (T,) nats, with visibility and the target's attention
    column: Ints  # (n * n,) which of the T stands at a place of an (n, n) matrix, T where none does


@dataclass(frozen=True)
class Provoked:
    """Acts drawn for a block of runs, E of them."""

    run: Ints
    act: Ints
    day: Floats


@dataclass(frozen=True)
class Drawn:
    """Parameters of their own for each run of a block, the same in every arm."""

    weights: dict[str, Floats]  # (R,) by term; a term not named keeps the world's weight
    level: Floats  # (R, M) added to the intercepts


@dataclass(frozen=True)
class World:
    """One arm's fixed facts. Matrices (n, n), row acts or looks, column is acted on or looked at."""

    arm: str
    codes: tuple[str, ...]
    first: Ints  # (P,) the pair's first state
    second: Ints  # (P,)
    pair_index: Ints  # (n, n), -1 on the diagonal
    ladder: Ladder
    rules: Rules
    docket: Docket
    grid: Floats  # (S + 1,) step boundaries
    focal_day: float
    capability: Floats  # (n,)
    at_hand: Floats  # c_j p_ij, what j could bring to bear on i's ground
    reach: Floats  # p_ij
    gap: Floats  # |x_i - x_j|
    distance_km: Floats
    democracy: Floats  # min of the two scores
    democracy_gap: Floats  # their distance
    proximity: Floats  # -ln(d + d0)
    trade: Floats  # share of i's trade with k, 0 where missing
    trade_partners: Ints  # columns of `trade` that hold anything
    autonomy: Floats
    propensity: Floats
    patron_of: Bools  # patron_of[i, P]
    patrons: Ints  # states that are anybody's patron
    audience: Ints  # (n,) which reading of the news is i's; audiences that heed all alike share one
    audience_names: tuple[str, ...]
    audience_rows: tuple[slice, ...]  # where each audience's states stand
    odds_against: Floats  # (S, A, P) e^-(alpha0 - alpha_x gap + evidence), before accords
    intent_odds: Floats  # (S, n, n) e^(eta0 + ... + evidence), before accords
    reliability: Floats  # (S, n)
    at_start: AtStart
    experience: Floats  # (P,) bilateral signatures of the pair, fading, at day 0
    engaged: Floats  # (n,) the same of each state with anyone
    active: Floats  # (n,) bilateral signatures of each state, fading sooner, at day 0
    pair_keys: npt.NDArray[np.uint64]
    kind_keys: npt.NDArray[np.uint64]
    signature_attention: Floats  # (A,)
    hazards: Hazards | None = None
    drawn: Drawn | None = None

    @property
    def n(self) -> int:
        return len(self.codes)

    @property
    def steps(self) -> int:
        return len(self.grid) - 1


@dataclass(frozen=True)
class Opportunities:
    """Occasions at which a pair could open talks, by step, run, pair, kind, count. All arrays (C,).

    At an occasion each side consents with its own probability; `needs` holds the two uniforms it has to
    exceed. The same table serves every arm."""

    day: Floats
    run: Ints
    pair: Ints
    kind: Ints
    count: Ints
    needs: Floats  # (C, 2)
    starts: Ints  # (S + 1,) where each step begins
    screened: bool  # occasions that could not lead to consent were left out


@dataclass
class Accords:
    """Accords under way or made in a block, one row each. Days; NEVER where it has not happened."""

    run: Ints
    pair: Ints
    kind: Ints
    origin: Ints
    count: Ints  # which opportunity of its clock, or row of the docket
    key: npt.NDArray[np.uint64]  # of its own clocks
    opened: Floats
    length: Floats  # days of talks it takes at speed 1, from `opened`
    progress: Floats  # days of talks done, at speed
    gain: Floats  # ln gain of both sides when talks opened
    fails: Floats  # day the talks, or the signed accord, collapse
    signed: Floats
    in_force: Floats
    ended: Floats
    stage: Ints  # 0 talks, 1 signed, 2 in force, 3 over

    @staticmethod
    def none() -> Accords:
        kinds = {"Ints": np.int64, "Floats": np.float64}
        return Accords(
            **{one.name: np.empty(0, kinds.get(str(one.type), np.uint64)) for one in fields(Accords)}
        )

    def take(self, rows: Ints) -> Accords:
        """These rows, copied."""
        return Accords(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def append(self, more: Accords) -> None:
        for name in self.__dataclass_fields__:
            setattr(self, name, np.concatenate([getattr(self, name), getattr(more, name)]))


class InvalidNumber(ArithmeticError):
    """A run came to a number that is none: NaN, or infinite. Such a run is recorded as failed and in no table."""


def refuse_invalid(
    name: str, values: Floats, codes: tuple[str, ...], day: float, runs: npt.NDArray[np.uint64]
) -> None:
    """Raises InvalidNumber, with the variable, the state, the day and the run, unless all are finite.

    values: (R, n) of R runs and n states."""
    if np.isfinite(values).all():
        return
    run, state = np.argwhere(~np.isfinite(values))[0]
    raise InvalidNumber(
        f"{name} of {codes[state]} is {values[run, state]} on day {day:g} after the start, in run {runs[run]}"
    )


@dataclass
class State:
    """What a block of R runs carries from step to step. Owned and changed by `advance` alone."""

    runs: npt.NDArray[np.uint64]
    day: float
    in_force: npt.NDArray[np.int16]  # (R, P, M) accords of a kind in force
    busy: Bools  # (R, P, M) in talks or signed
    depth: Floats  # (R, n, n)
    calm: Floats  # (R, P)
    touched: Bools  # (R, P) something was signed, took effect or ended: beliefs may differ from the start's
    partners: Floats  # (R, n)
    log_partners: Floats  # (R, n) ln(1 + partners)
    log_shared: Floats  # (R, n, n) ln(1 + shared partners), diagonal 0
    shared_mean: Floats  # (R,) mean over pairs of ln(1 + shared partners)
    experience: Floats  # (R, P), scaled to day 0
    engaged: Floats  # (R, n), scaled to day 0
    active: Floats  # (R, n), scaled to day 0
    effort: Floats  # (R, n)
    desk: Desk
    accords: Accords = field(default_factory=Accords.none)
    provoked: Provoked | None = None


@dataclass(frozen=True)
class Desk:
    """Room to work in, laid out once a block: matrices and sums by state, for all runs or for a few."""

    unopposed: Floats  # (R, n, n)
    sided: Floats  # (R, n, n)
    total: Floats  # (R, n)
    defence: Floats  # (R, n)
    beliefs: Floats  # (A + 3, few, n, n): a_jk as each audience sees it, a_ik as i sees it, L_ik, rho_j c_j p_ij b_ij
    scratch: Floats  # (few, n, n)

    @staticmethod
    def lay(runs: int, audiences: int, n: int) -> Desk:
        few = min(runs, RUNS_AT_ONCE)
        return Desk(
            unopposed=np.empty((runs, n, n)),
            sided=np.empty((runs, n, n)),
            total=np.empty((runs, n)),
            defence=np.empty((runs, n)),
            beliefs=np.empty((audiences + 3, few, n, n)),
            scratch=np.empty((few, n, n)),
        )


@dataclass(frozen=True)
class View:
    """What the states of R runs see and feel in one step. Good until the next step is perceived.

    What the engine needs of all pairs is at hand; the matrices below are worked out when asked for."""

    world: World
    step: int
    day: float  # middle of the step
    depth: Floats  # (R, n, n)
    announced: Floats  # (R, P) evidence, in nats, of accords signed and not yet in force
    unopposed: Floats  # (R, n, n) 1 - q_ik
    total: Floats  # (R, n) Theta_i
    sided: Floats  # (R, n, n) sum_k Theta_ik a_jk: the threat to i that j would side with
    defence: Floats  # (R, n) D_i
    balance: Floats  # (R, n) Theta_i + D_i + s0
    insecurity: Floats  # (R, n) g_i
    partners_log_mean: Floats  # (R,) mean over states of ln(1 + partners)
    reliability: Floats  # (n,)
    reliable: Floats  # (n, n) rho_j c_j p_ij

    @cached_property
    def against(self) -> Floats:
        """(R, n, n) q_ik."""
        return np.asarray(1.0 - self.unopposed)

    @cached_property
    def threat(self) -> Floats:
        """(R, n, n) Theta_ik."""
        return threat.threat(self.world.at_hand, self.unopposed)

    @cached_property
    def alignment(self) -> Floats:
        """(R, A, n, n) a_jk as each audience sees it, diagonal 1."""
        world, here = self.world, np.arange(self.world.n)
        news = self.announced.reshape(len(self.depth), 1, -1) * world.signature_attention[:, None]
        depth = self.depth[:, None, world.first, world.second]
        by_pair = beliefs.alignment_with(world.odds_against[self.step], world.rules.alpha_acc * depth + news)
        out = by_pair[..., world.pair_index]
        out[..., here, here] = 1.0
        return np.asarray(out)

    @cached_property
    def own(self) -> Floats:
        """(R, n, n) a_ik as i sees it, diagonal 1."""
        return np.asarray(self.alignment[:, self.world.audience, np.arange(self.world.n)])

    @cached_property
    def support(self) -> Floats:
        """(R, n, n) s_ij."""
        return threat.support(
            self.reliable, threat.firmness(self.sided, self.total[:, :, None]), self.unopposed
        )

    @cached_property
    def backing(self) -> Floats:
        """(R, n, n) b_ij, diagonal 0."""
        return threat.backing(self.depth, self.own, self.world.rules.beta) * ~np.eye(self.world.n, dtype=bool)
