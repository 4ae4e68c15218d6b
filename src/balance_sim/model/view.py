"""What the states of a block of runs see and feel in one step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from balance_sim.model import beliefs, threat
from balance_sim.model.core import World

Floats = npt.NDArray[np.float64]


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
    hostility: Floats  # (R, n, n) h_ij, diagonal 0
    total: Floats  # (R, n) Theta_i
    sided: Floats  # (R, n, n) sum_k Theta_ik a_jk: the threat to i that j would side with
    roots: Floats  # (R, n, n) sqrt(Theta_ik)
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
        """(R, n, n) Theta_ik, by supplier."""
        return threat.threat(self.world.offensive, self.unopposed)

    @cached_property
    def adversaries(self) -> Floats:
        """(R, n, n) A_ij, by adversary: whom does i fear?"""
        out = np.empty_like(self.free)
        for seen_by, lend in self._lends():
            out[:, seen_by] = threat.by_adversary(
                self.hostility[:, seen_by], self.free[:, seen_by], self.world.offensive[seen_by], lend
            )
        return out

    def threat_by(self, adversaries: Sequence[int]) -> Floats:
        """(R, n) threat to each state by some adversaries together, each supplier counted once."""
        theirs = np.zeros_like(self.hostility)
        theirs[..., list(adversaries)] = self.hostility[..., list(adversaries)]
        out = np.empty(theirs.shape[:2])
        for seen_by, lend in self._lends():
            out[:, seen_by] = threat.by_several(
                theirs[:, seen_by], self.free[:, seen_by], self.world.offensive[seen_by], lend
            )
        return out

    @cached_property
    def free(self) -> Floats:
        """(R, n, n) f_ik."""
        return threat.unallied(self.depth, self.own)

    def _lends(self) -> Iterator[tuple[slice, Floats]]:
        """The rows of each audience, and (R, n, n) what k lends j as it sees them, diagonal 0."""
        here = np.arange(self.world.n)
        for seen_by, as_seen in zip(self.world.audience_rows, self.alignment.swapaxes(0, 1), strict=True):
            lend = threat.backing(self.depth, as_seen, self.world.rules.beta)
            lend[:, here, here] = 0.0
            yield seen_by, lend

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
        world, rows = self.world, np.arange(self.world.n)
        attention = world.signature_attention[world.audience][:, None]
        news = self.announced[:, world.pair_index] * attention
        against = world.odds_against[self.step][world.audience[:, None], world.pair_index]
        out = beliefs.alignment_with(against, world.rules.alpha_acc * self.depth + news)
        out[:, rows, rows] = 1.0
        return out

    @cached_property
    def support(self) -> Floats:
        """(R, n, n) s_ij."""
        return threat.support(
            self.reliable, threat.firmness(self.sided, self.total[:, :, None]), self.hostility
        )

    @cached_property
    def backing(self) -> Floats:
        """(R, n, n) b_ij, diagonal 0."""
        return threat.backing(self.depth, self.own, self.world.rules.beta) * ~np.eye(self.world.n, dtype=bool)


def adversaries(world: World, view: View) -> Floats:
    """(n, n) A_ij in a view's first run: how much of what i has to fear comes with adversary j, capability shares.

    The row's largest entry is whom i fears most; the diagonal is 0. States in the order of `world.codes`."""
    if view.world is not world:
        raise ValueError("the view is of another world. Give the world that it was perceived in.")
    return np.asarray(view.adversaries[0])
