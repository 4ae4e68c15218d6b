"""The model of docs/model.md written out a second time: one replication, one loop a sum, numbers in dictionaries.

Nothing here is taken from `balance_sim.model` but the hash behind its random numbers (`clocks`, held to published
outputs elsewhere); lags are drawn from SciPy's gamma distribution. Two programs written from one page are held to the
same dates: a sign, an index or an edge that is wrong in one of them is seen."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from itertools import combinations, permutations
from statistics import mean
from typing import Any

from balance_sim.model import clocks
from balance_sim.scenario import Scenario, arm_scenario
from scipy import stats

YEAR = 365.25
NEVER = math.inf
Pair = frozenset[str]


def sigma(u: float) -> float:
    return 1.0 / (1.0 + math.exp(-u))


def alarm(now: float, at_start: float | None, floor: float) -> float:
    return 0.0 if at_start is None else math.log((now + floor) / (at_start + floor))


COSTS = {"statement": 0.0, "visit": 0.05, "joint_summit": 0.1, "exercise": 0.2, "arms_or_basing": 0.4, "treaty": 0.6}
COSTS["fighting_together"] = 1.0


@dataclass
class Agreement:
    """Days from the start."""

    dyad: Pair
    kind: str
    origin: str
    count: int
    opened: float = NEVER
    length: float = NEVER
    progress: float = 0.0
    fails: float = NEVER
    signed: float = NEVER
    in_force: float = NEVER
    ended: float = NEVER
    stage: str = "talks"
    key: Any = None
    fixed_in_force: float | None = None


@dataclass
class Application:
    """To a pact, once both sides have consented to it. Days from the start."""

    pact: str
    state: str
    count: int
    opened: float
    key: Any
    signed: float = NEVER
    in_force: float = NEVER
    fails: float = NEVER
    ended: float = NEVER
    stage: str = "talks"


@dataclass
class Seen:
    """What states see in one step: dictionaries by state, or by two states, the first the one who looks."""

    middle: float
    a: dict[tuple[str, str, str], float]  # i's reading of the alignment of j and k
    h: dict[tuple[str, str], float]
    backs: dict[tuple[str, str, str], float]  # share of its strength that k brings to j's defence
    lend: dict[tuple[str, str, str], float]  # and to j's quarrels
    q: dict[tuple[str, str], float]
    theta: dict[tuple[str, str], float]
    threat: dict[str, float]
    support: dict[tuple[str, str], float]
    defence: dict[str, float]
    balance: dict[str, float]
    insecurity: dict[str, float]
    reliability: dict[str, float]
    depth: dict[Pair, float]
    unsided: dict[tuple[str, str], float]  # threat to the first that the second would not side with


@dataclass
class Start:
    """What is frozen from the control arm at the start."""

    gain_norm: dict[tuple[str, str], float] = field(default_factory=dict)
    insecurity: dict[str, float] = field(default_factory=dict)
    threat: dict[str, float] = field(default_factory=dict)
    unsided: dict[tuple[str, str], float] = field(default_factory=dict)
    refusal: float = 1.0  # mean, of those who sign
    first: dict[tuple[str, str, str, str], float] = field(default_factory=dict)
    keen: dict[tuple[str, str, str], float] = field(default_factory=dict)


class Plain:
    """One arm of a scenario."""

    def __init__(self, scenario: Scenario, arm: str) -> None:
        self.s = arm_scenario(scenario, arm)
        self.p, self.kinds = self.s.parameters, self.s.kinds
        self.state = {one.id: one for one in self.s.states}
        self.codes = sorted(self.state)
        self.dyads = [frozenset(dyad) for dyad in combinations(self.codes, 2)]
        self.days = grid(scenario)
        self.horizon = self.days[-1]
        self.weights = dict(self.s.theory.weights)

    # --- what the file says -----------------------------------------------------------------------------

    def day(self, when: date) -> float:
        return float((when - self.s.start).days)

    def who(self, names: tuple[str, ...]) -> list[str]:
        found = {code for name in names for code in self.s.groups.get(name, (name,))}
        return sorted(found & set(self.codes))

    @cached_property
    def capability(self) -> dict[str, float]:
        """Weighted mean of shares; a missing component leaves its weight to the others."""
        w = {"gdp_bn": self.s.capability.gdp, "milex_bn": self.s.capability.milex}
        w["population_m"] = self.s.capability.population
        total = {name: sum(getattr(one, name) or 0.0 for one in self.s.states) for name in w}
        raw = {}
        for code, one in self.state.items():
            known = [name for name in w if getattr(one, name) is not None]
            share = sum(w[name] * getattr(one, name) / total[name] for name in known)
            raw[code] = share / sum(w[name] for name in known)
        return {code: value / sum(raw.values()) for code, value in raw.items()}

    def filled(self, known: dict[Pair, float]) -> dict[Pair, float]:
        """The mean of the known dyads for those that are not."""
        return {dyad: known.get(dyad, mean(known.values())) for dyad in self.dyads}

    @cached_property
    def km(self) -> dict[Pair, float]:
        known = {}
        for dyad in self.dyads:
            a, b = (self.state[code] for code in sorted(dyad))
            if None not in (a.latitude, b.latitude):
                f, g = math.radians(a.latitude), math.radians(b.latitude)
                across = math.radians(a.longitude - b.longitude)
                cosine = math.sin(f) * math.sin(g) + math.cos(f) * math.cos(g) * math.cos(across)
                known[dyad] = 6371.0088 * math.acos(max(-1.0, min(1.0, cosine)))
        known |= {frozenset((row.a, row.b)): row.km for row in self.s.distances}
        return self.filled(known)

    def apart(self, name: str, how: Any) -> dict[Pair, float]:
        known = {}
        for dyad in self.dyads:
            one, two = (getattr(self.state[code], name) for code in dyad)
            if one is not None and two is not None:
                known[dyad] = how(one, two)
        return self.filled(known)

    @cached_property
    def gap(self) -> dict[Pair, float]:
        return self.apart("ideal_point", lambda x, y: abs(x - y))

    @cached_property
    def lesser_democracy(self) -> dict[Pair, float]:
        return self.apart("democracy", min)

    @cached_property
    def democracy_gap(self) -> dict[Pair, float]:
        return self.apart("democracy", lambda x, y: abs(x - y))

    @cached_property
    def quarrel(self) -> dict[Pair, float]:
        p, out = self.p, dict.fromkeys(self.dyads, 0.0)
        for row in self.s.disputes:
            nats = p.eta_rivalry * row.rivalry + p.eta_claim * row.claim
            out[frozenset((row.a, row.b))] = nats + p.eta_militarised * row.militarised + p.eta_war * row.war
        for dyad in out:
            since_until = [
                (row.since or date.min, row.until or date.max)
                for row in self.s.no_relations
                if frozenset((row.a, row.b)) == dyad and row.kind in ("war", "no_diplomatic_relations", "sanctions")
            ]
            if any(since <= self.s.start < until for since, until in since_until):
                out[dyad] += p.eta_no_relations
        return out

    def offence(self, k: str) -> float:
        since = self.state[k].nuclear_since
        return self.p.nuclear_offence if since is not None and since <= self.s.start else 1.0

    def reach(self, i: str, k: str) -> float:
        return (1.0 + self.km[frozenset((i, k))] / self.p.delta_km) ** -self.p.gamma

    def trade(self, i: str, k: str) -> float:
        return sum(row.share for row in self.s.trade if (row.state, row.partner) == (i, k))

    def audience(self, i: str) -> str:
        return next(name for name, one in self.s.audiences.items() if i in self.who(one.members))

    def attention(self, i: str, kind: str) -> float:
        given = self.s.audiences[self.audience(i)].attention
        return given.get(kind, given.get("default", 1.0))

    def signal(self, kind: str) -> tuple[float, float]:
        own, top = self.s.event_kinds[kind], self.s.event_kinds["fighting_together"]
        given, cost = self.s.theory.signal_cost, COSTS.get(kind)
        both = ((own.alignment, top.alignment), (own.intent, top.intent))
        return tuple(w if cost is None else w + given * (cost * most - w) for w, most in both)

    def believed(self, k: str, word: Any) -> float:
        """How far a state is believed that says it means no harm: docs/model.md, Words."""
        sent = [
            one.kept
            for one in self.s.events
            if one.date < word.date and k in self.who(one.principals)
            if one.accord is None and self.signal(one.kind)[1] < 0
        ]
        return min(1.0, 2.0 * (0.25 + sum(sent)) / (0.5 + len(sent)))

    def half_life(self, kind: str) -> float:
        found = self.s.event_kinds[kind].half_life_days
        return math.inf if found is None else found

    def openness(self, dyad: Pair, day: float) -> float:
        names = {"war": "factor_war", "no_diplomatic_relations": "factor_no_relations"}
        names |= {"not_recognised": "factor_not_recognised", "sanctions": "factor_sanctions"}
        held = [1.0]
        for row in self.s.no_relations:
            since = -math.inf if row.since is None else self.day(row.since)
            until = math.inf if row.until is None else self.day(row.until)
            if frozenset((row.a, row.b)) == dyad and since <= day < until:
                held.append(getattr(self.p, names[row.kind]))
        return min(held)

    def rate(self, dyad: Pair, kind: str) -> float:
        factor = [row.factor for row in self.s.frailties if frozenset((row.a, row.b)) == dyad]
        return self.kinds[kind].ceiling * (factor[0] if factor else 1.0)

    def earlier(self, half_life: float) -> dict[Pair, float]:
        """Bilateral signatures before the start, fading. A month is half a month younger, a year half a year."""
        younger = {"day": 0.0, "month": YEAR / 24, "year": YEAR / 2}
        out = dict.fromkeys(self.dyads, 0.0)
        for one in self.s.agreements:
            signed = one.signed or one.in_force
            if signed is not None and signed <= self.s.start and not one.multilateral:
                age = max((self.s.start - signed).days - younger[one.precision], 0.0)
                out[frozenset((one.a, one.b))] += 2.0 ** (-age / half_life)
        return out

    # --- what states see --------------------------------------------------------------------------------

    def see(  # noqa: C901 - the page has as many sums
        self, step: int, made: list[Agreement], effort: dict[str, float], acts: list[Any]
    ) -> Seen:
        p, codes = self.p, self.codes
        start, middle = self.days[step], (self.days[step] + self.days[step + 1]) / 2
        c, depth, calm = self.capability, self.deepest(made, "depth"), self.deepest(made, "calm")
        announced = dict.fromkeys(self.dyads, 0.0)
        for one in made:
            if one.stage == "signed" and one.signed <= middle:
                left = 2.0 ** (-(middle - one.signed) / self.half_life("treaty"))
                announced[one.dyad] += self.signal("treaty")[0] * self.kinds[one.kind].depth * left
        shown: dict[tuple[str, Pair], float] = {}
        aimed: dict[tuple[str, str], float] = {}
        lost = dict.fromkeys(codes, 0.0)
        for event in self.s.events:
            if event.accord is not None or self.day(event.date) > start:
                continue
            kind = self.s.event_kinds[event.kind]
            left = event.visibility * 2.0 ** (-(middle - self.day(event.date)) / self.half_life(event.kind))
            principals, targets = self.who(event.principals), self.who(event.targets)
            seen = [code for code in principals if code not in targets]
            guests = [g for g in self.who(event.guests) if g not in (*targets, *principals)]
            together = {frozenset(dyad) for dyad in combinations(seen, 2)}
            together |= {frozenset((one, guest)) for one in seen for guest in guests}
            for dyad in together:
                for i in codes:
                    nats = event.sign * self.signal(event.kind)[0] * left * self.attention(i, event.kind)
                    shown[i, dyad] = shown.get((i, dyad), 0.0) + nats
            tension = p.prior_tension if self.day(event.date) < 0 else 1.0
            involved = {*principals, *targets, *self.who(event.guests)}
            for i in codes:
                for k in principals:
                    share = 1.0 if i in targets else self.learns(i, k, targets, kind, involved)
                    if i != k and share:
                        nats = self.signal(event.kind)[1] * tension * left * self.attention(i, event.kind)
                        nats *= self.believed(k, event) if self.signal(event.kind)[1] < 0 else 1.0
                        aimed[i, k] = aimed.get((i, k), 0.0) + share * nats
            for k in principals:
                lost[k] += kind.reliability * left
        for when, one in acts:
            if when <= start:
                left = 2.0 ** (-(middle - when) / self.half_life(one.kind))
                targets, kind = self.who(one.targets), self.s.event_kinds[one.kind]
                for i in codes:
                    share = 1.0 if i in targets else self.learns(i, one.state, targets, kind, {one.state, *targets})
                    nats = share * self.signal(one.kind)[1] * one.visibility * left
                    aimed[i, one.state] = aimed.get((i, one.state), 0.0) + nats * self.attention(i, one.kind)
        self.hear(start, middle, shown, aimed)
        a, h, backs, lend, q, theta, support = {}, {}, {}, {}, {}, {}, {}
        for i in codes:
            for j, k in permutations(codes, 2):
                dyad = frozenset((j, k))
                alpha = p.alpha0 - p.alpha_x * self.gap[dyad] + p.alpha_acc * depth[dyad]
                alpha += shown.get((i, dyad), 0.0) + announced[dyad] * self.attention(i, "treaty")
                a[i, j, k] = sigma(alpha)
                backs[i, j, k] = max(depth[dyad], p.beta * a[i, j, k])
                lend[i, j, k] = p.beta * a[i, j, k]
            for j in codes:
                a[i, j, j] = 1.0
        stranger = math.log(1.0 + math.exp(p.eta0))
        usual = {k: mean(self.gap[frozenset((i, k))] for i in codes if i != k) for k in codes}
        for i, j in permutations(codes, 2):
            dyad = frozenset((i, j))
            gap = self.gap[dyad] - p.eta_relative * usual[j]
            eta = p.eta0 + p.eta_x * gap + self.quarrel[dyad] - p.eta_acc * calm[dyad]
            nats = max(0.0, math.log(1.0 + math.exp(eta + aimed.get((i, j), 0.0))) - stranger)
            if self.s.theory.equal_hostility is not None:
                nats = self.s.theory.equal_hostility
            h[i, j] = 1.0 - math.exp(-nats)
        for i, k in permutations(codes, 2):
            free = 1.0 - max(depth[frozenset((i, k))], a[i, i, k])
            lent = sum(h[i, j] * lend[i, j, k] for j in codes if j not in (i, k))
            q[i, k] = 1.0 - (1.0 - h[i, k]) * math.exp(-free * lent)
            theta[i, k] = c[k] * self.offence(k) * self.reach(i, k) * q[i, k]
        threat = {i: sum(theta[i, k] for k in codes if k != i) for i in codes}
        rho = {j: self.state[j].reliability * math.exp(-lost[j]) for j in codes}
        defence, balance, insecurity, unsided = {}, {}, {}, {}
        for i in codes:
            defence[i] = c[i] * (1.0 + effort[i])
            for j in codes:
                if j == i:
                    continue
                sided = sum(theta[i, k] * a[i, j, k] for k in codes if k != i)
                unsided[i, j] = max(0.0, threat[i] - sided)
                firm = max(0.0, 1.0 - sided / threat[i]) if threat[i] > 0 else 1.0
                support[i, j] = rho[j] * c[j] * self.reach(i, j) * firm * (1.0 - h[i, j])
                defence[i] += backs[i, i, j] * support[i, j]
            balance[i] = threat[i] + defence[i] + p.s0
            insecurity[i] = threat[i] / balance[i]
        return Seen(
            middle, a, h, backs, lend, q, theta, threat, support, defence, balance, insecurity, rho, depth, unsided
        )

    def hear(
        self, start: float, middle: float, shown: dict[tuple[str, Pair], float], aimed: dict[tuple[str, str], float]
    ) -> None:
        """What acts of policies say: `plain_policies.py`."""

    def act(self, day: float, made: list[Agreement], effort: dict[str, float]) -> None:
        """What policies do at the beginning of a step."""

    def look(self, day: float, seen: Seen, made: list[Agreement], effort: dict[str, float]) -> None:
        """What policies find in a step."""

    def decided(self, i: str) -> float:
        """Effort that a state's policies have decided on."""
        return 0.0

    def learns(self, i: str, k: str, targets: list[str], kind: Any, involved: set[str]) -> float:
        """Share that a third state takes of the evidence of k's intent from an act against others."""
        if i in involved or not targets or kind.intent <= 0:
            return 0.0
        at_start = self.deepest([one for one in self.record(0, 0) if one.stage == "in_force"], "depth")
        of = [
            self.p.spread_near / (1 + self.km[frozenset((i, j))] / 500)
            + self.p.spread_ally * (at_start[frozenset((i, j))] >= 0.5)
            for j in targets
        ]
        return kind.spreads * min(1.0, max(of) + self.p.spread_quarrel * (self.quarrel[frozenset((i, k))] > 0))

    def deepest(self, made: list[Agreement], what: str) -> dict[Pair, float]:
        out = dict.fromkeys(self.dyads, 0.0)
        for one in made:
            if one.stage == "in_force":
                out[one.dyad] = max(out[one.dyad], getattr(self.kinds[one.kind], what))
        return out

    # --- what they want ---------------------------------------------------------------------------------

    def gain(self, seen: Seen, i: str, j: str, kind: str) -> float:
        more = max(self.kinds[kind].depth - seen.backs[i, i, j], 0.0) * seen.support[i, j]
        return seen.insecurity[i] - seen.threat[i] / (seen.threat[i] + seen.defence[i] + more + self.p.s0)

    def log_gain(self, seen: Seen, i: str, j: str, kind: str) -> float:
        return math.log(self.gain(seen, i, j, kind) + self.p.gain_floor)

    def terms(self, seen: Seen, made: list[Agreement], begun: Start, i: str, j: str, kind: str) -> dict[str, float]:
        """The seventeen terms before their weights."""
        dyad, codes, depth = frozenset((i, j)), self.codes, self.deepest(made, "depth")
        partners = {k: {m for m in codes if m != k and depth[frozenset((k, m))] > 0} for k in codes}
        log_partners = {k: math.log(1 + len(partners[k])) for k in codes}
        shared = {two: math.log(1 + len(set.intersection(*(partners[k] for k in two)))) for two in self.dyads}
        e = self.signatures(made, self.p.experience_half_life_days, seen.middle)
        lately = self.signatures(made, self.p.activity_half_life_days, seen.middle)
        active = {k: math.log(1 + sum(lately[two] for two in self.dyads if k in two)) for k in codes}
        log_c = {k: math.log(max(self.capability[k], 1e-7)) for k in codes}
        patrons = [one for one in self.state[i].patrons if one != j and one in codes]
        out = {
            "security_gain": self.log_gain(seen, i, j, kind) - begun.gain_norm.get((i, kind), 0.0),
            "common_threat": sum(math.sqrt(seen.theta[i, k] * seen.theta[j, k]) for k in codes if k not in (i, j))
            / math.sqrt(seen.balance[i] * seen.balance[j]),
            "hostility": -seen.h[i, j],
            "similarity": -self.gap[dyad],
            "joint_democracy": self.lesser_democracy[dyad],
            "democracy_gap": -self.democracy_gap[dyad],
            "proximity": -math.log(self.km[dyad] + self.p.d0_km),
            "size": log_c[j] - mean(log_c.values()),
            "activity": active[j] - mean(active.values()),
            "popularity": log_partners[j] - mean(log_partners.values()),
            "closure": shared[dyad] - mean(shared.values()),
            "experience": e[dyad] / (1.0 + sum(e[two] for two in self.dyads if i in two)),
            "ladder": depth[dyad],
            "autonomy": -self.state[i].autonomy * log_partners[i],
            "exposure": -self.kinds[kind].depth
            * sum(self.trade(i, k) * seen.q[k, j] for k in codes if k not in (i, j)),
            "hub_doubt": max(
                [0.0]
                + [
                    min(depth[frozenset((i, hub))], depth[frozenset((j, hub))]) * (1.0 - seen.reliability[hub])
                    for hub in patrons
                ]
            ),
            "bandwagon": seen.q[i, j] * seen.theta[i, j] / seen.balance[i],
            "alarm": self.kinds[kind].reaction
            / begun.refusal
            * alarm(seen.unsided[i, j], begun.unsided.get((i, j)), self.p.alarm_floor),
        }
        for name in ("security_gain", "common_threat"):
            out[name] = begun.first.get((name, i, j, kind), out[name])
        return out

    def signatures(self, made: list[Agreement], half_life: float, day: float) -> dict[Pair, float]:
        """Bilateral signatures of each dyad, before the start and in the run, fading to a day."""
        out = {dyad: left * 2.0 ** (-day / half_life) for dyad, left in self.earlier(half_life).items()}
        for one in made:
            in_the_run = one.origin in ("new", "assumed", "talks", "scheduled") and 0 <= one.signed < NEVER
            if in_the_run and one.stage != "talks":
                out[one.dyad] += 2.0 ** ((one.signed - day) / half_life)
        return out

    def u(self, seen: Seen, made: list[Agreement], begun: Start, i: str, j: str, kind: str) -> float:
        found = self.terms(seen, made, begun, i, j, kind)
        level = self.kinds[kind].intercept + self.state[i].propensity
        return level + sum(self.weights[name] * value for name, value in found.items())

    def start(self) -> Start:
        """Frozen at the start of this arm, which is the control arm."""
        made = list(self.record(0, 0))
        seen = self.see(0, made, dict.fromkeys(self.codes, 0.0), [])
        out = Start(insecurity=seen.insecurity, threat=seen.threat, unsided=seen.unsided)
        for i in self.codes:
            for kind in self.kinds:
                out.gain_norm[i, kind] = mean(self.log_gain(seen, i, j, kind) for j in self.codes if j != i)
        for i, j in permutations(self.codes, 2):
            for kind in self.kinds:
                found = self.terms(seen, made, replace_first(out), i, j, kind)
                for name in ("security_gain", "common_threat", "hostility"):
                    out.first[name, i, j, kind] = found[name]
                out.keen[i, j, kind] = sigma(self.u(seen, made, replace_first(out), i, j, kind))
        opens, agreed = 0.0, 0.0
        for (i, j), kind in itertools.product(map(sorted, self.dyads), self.kinds):
            dyad, sides = frozenset((i, j)), (out.keen[i, j, kind], out.keen[j, i, kind])
            rate = self.rate(dyad, kind) * self.openness(dyad, 0.0) * sides[0] * sides[1]
            opens, agreed = opens + rate, agreed + rate * mean(sides)
        out.refusal = 1.0 - agreed / opens
        return out

    # --- random numbers ---------------------------------------------------------------------------------

    def run_key(self, seed: int, run: int) -> Any:
        return clocks.absorb(clocks.absorb(clocks.label("balance-sim"), seed), run)

    def clock_key(self, seed: int, run: int, purpose: str, dyad: Pair, kind: str) -> Any:
        named = clocks.label("-".join(sorted(dyad)))
        key = clocks.absorb(self.run_key(seed, run), clocks.label(purpose))
        return clocks.absorb(key, clocks.absorb(named, clocks.label(kind)))

    def own_key(self, seed: int, run: int, dyad: Pair, kind: str, own: Any) -> Any:
        key = clocks.absorb(self.run_key(seed, run), clocks.label("accord"))
        key = clocks.absorb(key, clocks.label("-".join(sorted(dyad))))
        return clocks.absorb(clocks.absorb(key, clocks.label(kind)), own)

    def opportunities(self, seed: int, run: int) -> list[tuple[float, Pair, str, int, list[float]]]:
        """Day, dyad, kind, count, and three uniforms: those of the dyad's first and second state, and the dyad's."""
        out = []
        for dyad in self.dyads:
            for kind in self.kinds:
                key, day, count = self.clock_key(seed, run, "opportunity", dyad, kind), 0.0, 0
                while True:
                    this = clocks.absorb(key, count)
                    day += float(clocks.exponential(clocks.draw(this, 1))) * YEAR / self.rate(dyad, kind)
                    if day >= self.horizon:
                        break
                    needs = [float(clocks.uniform(clocks.draw(this, number))) for number in (2, 3, 4)]
                    out.append((day, dyad, kind, count, needs))
                    count += 1
        return out

    def wait(self, key: Any, purpose: int, a_year: float) -> float:
        return float(clocks.exponential(clocks.absorb(key, purpose))) * YEAR / a_year if a_year else NEVER

    # --- the life of an agreement -----------------------------------------------------------------------

    def record(self, seed: int, run: int) -> Iterator[Agreement]:
        """What is on record at the start."""
        p = self.p
        for row, one in enumerate(
            [agreement for agreement in self.s.agreements if agreement.status in ("talks", "signed", "in_force")]
        ):
            dyad, kind = frozenset((one.a, one.b)), self.kinds[one.kind]
            key = self.own_key(seed, run, dyad, one.kind, clocks.label(one.id))
            fixed = one.scheduled_signed is not None or one.scheduled_in_force is not None
            origin = "scheduled" if fixed and one.status != "in_force" else one.status
            made = Agreement(dyad, one.kind, origin, row, key=key, stage=one.status)
            if one.status == "talks":
                made.opened = 0.0 if one.opened is None else self.day(one.opened)
                made.progress = -made.opened
                made.length = lag(clocks.absorb(key, 1), kind.talks_shape, kind.talks_days, made.progress)
                made.fails = self.wait(key, 2, p.collapse_rate)
                if one.scheduled_signed is not None:
                    made.signed, made.fails = self.day(one.scheduled_signed), NEVER
                if one.scheduled_in_force is not None:
                    made.fixed_in_force = self.day(one.scheduled_in_force)
            elif one.status == "signed":
                made.signed = self.day(one.signed)
                made.in_force = self.force(key, kind, made.signed)
                made.fails = self.wait(key, 4, p.collapse_rate)
                if one.scheduled_in_force is not None:
                    made.in_force, made.fails = self.day(one.scheduled_in_force), NEVER
            else:
                made.ended = self.wait(key, 5, p.end_rate)
            yield made

    def force(self, key: Any, kind: Any, signed: float) -> float:
        """Day of entry into force. What was signed before the start has waited since, and was not at once in force."""
        draw, waited = clocks.absorb(key, 3), max(-signed, 0.0)
        if waited == 0 and float(clocks.uniform(clocks.draw(draw, 1))) < kind.at_once:
            return signed
        return signed + lag(draw, kind.force_shape, kind.force_days, waited)

    def nobodys(self, seed: int, run: int, begun: Start, busy: set[tuple[Pair, str]]) -> Iterator[Agreement]:
        """Talks under way at the start that nobody has recorded."""
        for dyad in self.dyads:
            i, j = sorted(dyad)
            for kind, rules in self.kinds.items():
                opens = self.rate(dyad, kind) * self.openness(dyad, 0.0)
                opens *= begun.keen[i, j, kind] * begun.keen[j, i, kind]
                own = self.clock_key(seed, run, "assumed", dyad, kind)
                if float(clocks.uniform(clocks.draw(own, 1))) >= 1.0 - math.exp(-opens * rules.talks_days / YEAR):
                    continue
                k = rules.talks_shape
                length = lag(clocks.draw(own, 2), k + 1, rules.talks_days * (k + 1) / k)
                age = float(clocks.uniform(clocks.draw(own, 3))) * length
                lasted = float(clocks.exponential(clocks.draw(own, 4))) * YEAR > age * self.p.collapse_rate
                if lasted and (dyad, kind) not in busy:
                    yield Agreement(
                        dyad, kind, "assumed", 0, opened=-age, length=length, progress=age,
                        fails=self.wait(own, 2, self.p.collapse_rate),
                        key=self.own_key(seed, run, dyad, kind, 1 << 40),
                    )  # fmt: skip

    def acts(self, seed: int, run: int) -> list[Any]:
        """Provocations of a run: day, and the row of the scenario."""
        out = []
        for one in self.s.provocations:
            key = clocks.absorb(self.run_key(seed, run), clocks.label("provocation"))
            key, day, count = clocks.absorb(key, clocks.label(one.id)), 0.0, 0
            while True:
                day += float(clocks.exponential(clocks.absorb(key, count))) * YEAR / one.rate
                if day >= self.horizon:
                    break
                out.append((day, one))
                count += 1
        return out

    # --- accession to pacts -----------------------------------------------------------------------------

    @cache  # noqa: B019 - one list a run
    def seeks(self, seed: int, run: int) -> list[tuple[float, str, str, int, list[float]]]:
        """Day, pact, state, count, and three uniforms: the candidate's, the members', that of relations."""
        out = []
        for name, pact in self.s.pacts.items():
            for code in self.codes:
                if code in self.s.groups[pact.group] or code not in (pact.candidates or self.codes):
                    continue
                key = clocks.absorb(self.run_key(seed, run), clocks.label("accession"))
                key, day, count = clocks.absorb(clocks.absorb(key, clocks.label(name)), clocks.label(code)), 0.0, 0
                while True:
                    this = clocks.absorb(key, count)
                    day += float(clocks.exponential(clocks.draw(this, 1))) * YEAR / pact.rate
                    if day >= self.horizon:
                        break
                    needs = [float(clocks.uniform(clocks.draw(this, number))) for number in (2, 3, 4)]
                    out.append((day, name, code, count, needs))
                    count += 1
        return sorted(out)

    def ask(self, seen: Seen, made: list[Agreement], begun: Start, name: str, code: str) -> tuple[float, float]:
        """How likely the candidate is to consent, and the members."""
        pact = self.s.pacts[name]
        wants = mean(self.u(seen, made, begun, code, member, pact.kind) for member in self.members[name])
        theirs = sorted(sigma(self.u(seen, made, begun, member, code, pact.kind)) for member in self.members[name])
        theirs.reverse()  # the most willing first
        votes = len(theirs) if pact.consent == "unanimity" else len(theirs) // 2 + 1
        return sigma(wants), theirs[votes - 1]

    def seek(
        self, seed: int, run: int, seen: Seen, made: list[Agreement], begun: Start, span: tuple[float, float]
    ) -> list[Application]:
        """Applications of a step."""
        applying = {one.state for one in self.applications if one.stage in ("talks", "signed")}
        applied: list[Application] = []
        asked: dict[tuple[str, str], tuple[float, float]] = {}
        none_yet = dict.fromkeys(self.codes, 1.0)  # in this step
        for day, name, code, count, needs in self.seeks(seed, run):
            if not span[0] <= day < span[1] or code in self.members[name] or code in applying:
                continue
            if (name, code) not in asked:
                asked[name, code] = self.ask(seen, made, begun, name, code)
            wants, theirs = asked[name, code]
            least = min(self.openness(frozenset((code, other)), day) for other in self.members[name])
            begins = wants * theirs * least
            self.likely[name, code, count] = begins * none_yet[code]
            none_yet[code] *= 1.0 - begins
            both = needs[0] < wants and needs[1] < theirs and needs[2] < least
            if both and code not in {one.state for one in applied}:
                applied.append(self.apply(seed, run, day, name, code, count))
        return applied

    def sign(self, applied: list[Application], made: list[Agreement], busy: set[tuple[Pair, str]], stop: float) -> None:
        """Applications whose talks are over by the end of a step."""
        self.applications += applied
        for one in self.applications:
            if one.stage == "talks" and one.signed < stop:
                one.stage = "signed"
                self.bind(one, made, busy, one.signed)

    def apply(self, seed: int, run: int, day: float, name: str, code: str, count: int) -> Application:
        kind = self.kinds[self.s.pacts[name].kind]
        key = clocks.absorb(self.run_key(seed, run), clocks.label("accord"))
        key = clocks.absorb(clocks.absorb(clocks.absorb(key, clocks.label(name)), clocks.label(code)), count)
        one = Application(name, code, count, day, key)
        signed = day + lag(clocks.absorb(key, 1), kind.talks_shape, kind.talks_days)
        one.fails = day + self.wait(key, 2, self.p.collapse_rate)
        if one.fails >= signed:
            one.signed, one.in_force = signed, self.force(key, kind, signed)
            one.fails = signed + self.wait(key, 4, self.p.collapse_rate)
        return one

    def bind(
        self,
        one: Application,
        made: list[Agreement],
        busy: set[tuple[Pair, str]],
        signed: float,
        origin: str = "accession",
    ) -> None:
        """An agreement with every member, unless there is one or one is on its way."""
        kind = self.s.pacts[one.pact].kind
        held = {(other.dyad, other.kind) for other in made if other.stage == "in_force"}
        for member in sorted(self.members[one.pact] - {one.state}):
            dyad = frozenset((one.state, member))
            if (dyad, kind) in busy | held:
                continue
            row = Agreement(dyad, kind, origin, one.count, opened=one.opened, signed=signed, key=one.key)
            row.in_force, row.fails, row.stage = one.in_force, one.fails, "signed"
            made.append(row)
            busy.add((dyad, kind))

    def give(self, made: list[Agreement], day: float, busy: set[tuple[Pair, str]]) -> None:
        """Whom a change makes a member today: its talks with the first members and its application are over."""
        today = [one for one in self.s.changes if one.joins is not None and self.day(one.date) == day]
        for change in today:
            for member in self.s.groups[self.s.pacts[change.pact].group]:
                dyad = frozenset((change.joins, member))
                for one in made:
                    if (one.dyad, one.kind, one.stage) == (dyad, change.kind, "talks"):
                        one.stage, one.ended = "over", day
                row = Agreement(dyad, change.kind, "joined", 0, day, signed=day, in_force=day, stage="signed")
                made.append(row)
                busy.add((dyad, change.kind))
        for change in today:
            for one in self.applications:
                if (one.pact, one.state) == (change.pact, change.joins) and one.stage != "over":
                    if one.stage == "talks":
                        one.signed = one.in_force = NEVER
                    one.stage, one.ended = "over", day
            self.members[change.pact].add(change.joins)
            of_it = Application(change.pact, change.joins, 0, day, None, signed=day, in_force=day)
            self.bind(of_it, made, busy, day, "joined")

    def join(self, made: list[Agreement], day: float, busy: set[tuple[Pair, str]]) -> None:
        """Who has become a member by a day, or is none any more."""
        entered = []
        for one in self.applications:
            if one.stage in ("talks", "signed") and min(one.in_force, one.fails) <= day:
                one.stage = "in_force" if one.in_force <= one.fails else "over"
                if one.stage == "in_force":
                    one.ended = one.in_force + self.wait(one.key, 5, self.p.end_rate)
                    self.members[one.pact].add(one.state)
                    entered.append(one)
        for one in entered:
            self.bind(one, made, busy, one.in_force)
        for one in self.applications:
            if one.stage == "in_force" and one.ended <= day:
                one.stage = "over"
                self.members[one.pact].discard(one.state)

    def live(self, seed: int, run: int, begun: Start) -> list[Agreement]:
        """One replication, start to end."""
        self.members = {name: set(self.s.groups[pact.group]) for name, pact in self.s.pacts.items()}
        self.applications: list[Application] = []
        self.likely: dict[tuple[str, str, int], float] = {}  # that an application begins at an opportunity
        made = list(self.record(seed, run))
        busy = {(one.dyad, one.kind) for one in made if one.stage != "in_force"}
        assumed = list(self.nobodys(seed, run, begun, busy))
        made += assumed
        busy |= {(one.dyad, one.kind) for one in assumed}
        opportunities, acts = self.opportunities(seed, run), self.acts(seed, run)
        effort = dict.fromkeys(self.codes, 0.0)
        for step, (start, stop) in enumerate(zip(self.days, self.days[1:], strict=False)):
            self.join(made, start, busy)
            self.settle(made, start, busy)
            self.give(made, start, busy)
            self.act(start, made, effort)
            seen = self.see(step, made, effort, acts)
            self.look(start, seen, made, effort)
            before = list(made)
            applied = self.seek(seed, run, seen, before, begun, (start, stop))
            today = sorted((one for one in opportunities if start <= one[0] < stop), key=lambda one: one[0])
            opened: set[tuple[Pair, str]] = set()
            for day, dyad, kind, count, needs in today:
                i, j = sorted(dyad)
                if (dyad, kind) in busy or (dyad, kind) in opened:
                    continue
                willing = needs[0] < sigma(self.u(seen, before, begun, i, j, kind))
                willing &= needs[1] < sigma(self.u(seen, before, begun, j, i, kind))
                if willing and needs[2] < self.openness(dyad, day):
                    key, rules = self.own_key(seed, run, dyad, kind, count), self.kinds[kind]
                    one = Agreement(dyad, kind, "new", count, opened=day, key=key)
                    one.length = lag(clocks.absorb(key, 1), rules.talks_shape, rules.talks_days)
                    one.fails = day + self.wait(key, 2, self.p.collapse_rate)
                    made.append(one)
                    opened.add((dyad, kind))
            busy |= opened
            for one in made:
                if one.stage == "talks":
                    self.talk(one, start, stop, busy)
            self.sign(applied, made, busy, stop)
            for i in self.codes:
                wanted = self.p.effort_reaction * alarm(seen.threat[i], begun.threat[i], self.p.alarm_floor)
                target = max(-self.p.effort_max, min(self.p.effort_max, wanted + self.decided(i)))
                effort[i] += (target - effort[i]) * (1.0 - math.exp(-(stop - start) / YEAR / self.p.effort_years))
        self.join(made, self.horizon, busy)
        self.settle(made, self.horizon, busy)
        self.effort = effort
        return made

    def talk(self, one: Agreement, start: float, stop: float, busy: set[tuple[Pair, str]]) -> None:
        """Talks go on through a step."""
        since = max(one.opened, start)
        done = one.signed if one.signed < NEVER else since + (one.length - one.progress)
        one.progress += stop - since
        if one.fails < min(done, stop):
            one.stage, one.ended = "over", one.fails
            busy.discard((one.dyad, one.kind))
        elif done < stop:
            one.stage, one.signed = "signed", done
            one.in_force = self.force(one.key, self.kinds[one.kind], done)
            one.fails = done + self.wait(one.key, 4, self.p.collapse_rate)
            if one.fixed_in_force is not None:
                one.in_force, one.fails = one.fixed_in_force, NEVER

    def settle(self, made: list[Agreement], day: float, busy: set[tuple[Pair, str]]) -> None:
        """What has come into force, collapsed or ended by a day."""
        for one in made:
            if one.stage == "signed" and min(one.in_force, one.fails) <= day:
                busy.discard((one.dyad, one.kind))
                if one.fails < one.in_force:
                    one.stage, one.ended, one.in_force = "over", one.fails, NEVER
                else:
                    one.stage = "in_force"
                    one.ended = one.in_force + self.wait(one.key, 5, self.p.end_rate)
            if one.stage == "in_force" and one.ended <= day:
                one.stage = "over"


def replace_first(begun: Start) -> Start:
    """The same while the terms at the start are not known."""
    return Start(begun.gain_norm, begun.insecurity)


def lag(key: Any, shape: float, mean_days: float, elapsed: float = 0.0) -> float:
    """A gamma lag given that so much of it has passed: the survival function at it is a uniform share of that now."""
    if mean_days == 0:
        return 0.0
    scale = mean_days / shape
    lasted = stats.gamma.sf(max(elapsed, 0.0), shape, scale=scale)
    return float(stats.gamma.isf(lasted * float(clocks.uniform(key)), shape, scale=scale))


def grid(scenario: Scenario) -> list[float]:
    """Days at which steps begin, and the end: docs/decisions/0017-steps.md."""
    end = float((scenario.end - scenario.start).days)
    events = [*scenario.events, *(event for arm in scenario.arms.values() for event in arm.add)]
    changes = [*scenario.changes, *(change for arm in scenario.arms.values() for change in arm.changes)]
    dates = sorted({float((one.date - scenario.start).days) for one in [*events, *changes]})
    news = [0.0, *(day for day in dates if 0 < day < end), end]
    days, least = [], scenario.step_days
    for event, following in itertools.pairwise(news):
        day = event
        while True:
            days.append(day)
            age = min(day - event, 56.0)
            step = max(1, int(age / least)) * least
            if following - day <= 1.5 * step:
                break
            day += step
    return [*days, end]
