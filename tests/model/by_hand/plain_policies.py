"""docs/policies.md written out a second time, on top of `plain.py`: texts taken apart by their words, no arrays.

Nothing here is taken from `balance_sim.model`, nor from the reader of conditions in `balance_sim.scenario`."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from statistics import mean
from typing import Any

from plain import Agreement, Pair, Plain, Seen

WINDOW = 365.0


@dataclass
class Done:
    """An act of a policy."""

    day: float
    player: str
    policy: str


class PlainWithPolicies(Plain):
    """One arm of a scenario with players. `control`: the control arm, whose start alarm and changes count from."""

    def __init__(self, scenario: Any, arm: str, control: "PlainWithPolicies | None" = None) -> None:
        super().__init__(scenario, arm)
        nobody = control is None
        self.first = None if nobody else control
        self.begun = self.see_start() if nobody else control.begun  # type: ignore[union-attr]
        self.forget()

    def see_start(self) -> Seen:
        self.forget()
        return self.see(0, list(self.record(0, 0)), dict.fromkeys(self.codes, 0.0), [])

    def forget(self) -> None:
        """Nothing has been done, is due, or has held."""
        self.done: list[Done] = []
        self.due: dict[tuple[str, str], float] = {}
        self.since: dict[tuple[str, str, str], float] = {}

    def live(self, seed: int, run: int, begun: Any) -> list[Agreement]:
        self.forget()
        return super().live(seed, run, begun)

    # --- who is named -----------------------------------------------------------------------------------

    def named(self, player: Any, *names: str) -> list[str]:
        """States that names stand for, without the player's own."""
        found: set[str] = set()
        for name in names:
            roles = {"adversaries": player.adversaries, "partners": player.partners}
            found |= {*self.who(tuple(roles.get(name, (name,))))}
        return sorted(found - {player.state})

    def policies(self) -> list[tuple[str, Any, str, Any]]:
        return [
            (name, player, key, policy)
            for name, player in sorted(self.s.players.items())
            for key, policy in sorted(player.policies.items())
            if policy.at_most
        ]

    def of(self, name: str, key: str) -> list[Done]:
        return [one for one in self.done if (one.player, one.policy) == (name, key)]

    # --- acts -------------------------------------------------------------------------------------------

    def act(self, day: float, made: list[Agreement], effort: dict[str, float]) -> None:
        for name, player, key, policy in self.policies():
            if self.due.get((name, key), math.inf) > day:
                continue
            spent = sum(
                player.policies[one.policy].cost
                for one in self.done
                if one.player == name and day - WINDOW < one.day <= day
            )
            if player.budget is not None and spent + policy.cost > player.budget + 1e-12:
                continue
            self.done.append(Done(day, name, key))
            del self.due[name, key]
            for clock in [clock for clock in self.since if clock[:2] == (name, key)]:
                del self.since[clock]
            if policy.do.effort:
                effort[player.state] += policy.do.effort
            if policy.do.end:
                dyads = {frozenset((player.state, other)) for other in self.named(player, *getattr(policy.do, "with"))}
                for one in made:
                    if one.dyad in dyads and one.kind == policy.do.end and one.stage == "in_force":
                        one.stage, one.ended = "over", day

    def decided(self, i: str) -> float:
        done = [self.s.players[one.player] for one in self.done]
        rises = [
            p.policies[one.policy].do.effort or 0.0 for p, one in zip(done, self.done, strict=True) if p.state == i
        ]
        return sum(rises)

    def hear(
        self, start: float, middle: float, shown: dict[tuple[str, Pair], float], aimed: dict[tuple[str, str], float]
    ) -> None:
        for one in self.done:
            player = self.s.players[one.player]
            do, k = player.policies[one.policy].do, player.state
            if do.kind is None or one.day > start:
                continue
            on_alignment, on_intent = self.signal(do.kind)
            left = do.visibility * 2.0 ** (-(middle - one.day) / self.half_life(do.kind))
            targets = self.named(player, *do.targets)
            guests = [code for code in self.named(player, *do.guests) if code not in targets]
            for i in self.codes:
                heard = left * self.attention(i, do.kind)
                for guest in guests:
                    pair = i, frozenset((k, guest))
                    shown[pair] = shown.get(pair, 0.0) + on_alignment * heard
                kind = self.s.event_kinds[do.kind]
                share = 1.0 if i in targets else self.learns(i, k, targets, kind, {k, *targets, *guests})
                if i != k:
                    worth = self.worth(k, one.day) if on_intent < 0 else 1.0
                    aimed[i, k] = aimed.get((i, k), 0.0) + share * worth * on_intent * heard

    def worth(self, k: str, day: float) -> float:
        """How far a state is believed that says on a day that it means no harm."""
        sent = [
            float(one.kept)
            for one in self.s.events
            if self.day(one.date) < day and k in self.who(one.principals)
            if one.accord is None and self.signal(one.kind)[1] < 0
        ]
        for one in self.done:
            player = self.s.players[one.player]
            policy = player.policies[one.policy]
            is_word = policy.do.kind is not None and self.signal(policy.do.kind)[1] < 0
            if player.state == k and is_word and one.day < day:
                sent.append(float(policy.cost > 0))
        return min(1.0, 2.0 * (0.25 + sum(sent)) / (0.5 + len(sent)))

    def u(self, seen: Seen, made: list[Agreement], begun: Any, i: str, j: str, kind: str) -> float:
        nats = 0.0
        for one in self.done:
            player = self.s.players[one.player]
            do = player.policies[one.policy].do
            if player.state != i:
                continue
            if do.stance is not None and j in self.named(player, *do.toward):
                nats += do.stance
            is_sought = do.seek == kind or (do.seek == "security" and self.kinds[kind].security)
            if is_sought and j in self.named(player, *getattr(do, "with")):
                nats += 100.0 if do.nats is None else do.nats
        return super().u(seen, made, begun, i, j, kind) + nats

    # --- what is seen -----------------------------------------------------------------------------------

    def look(self, day: float, seen: Seen, made: list[Agreement], effort: dict[str, float]) -> None:
        holding = []
        for name, player, key, policy in self.policies():

            def value(word: str, whom: str, player: Any = player, name: str = name, key: str = key) -> float:
                if word == "done":
                    return float(sum(day - WINDOW < one.day <= day for one in self.of(name, key)))
                return self.value(word, whom, player, day, seen, made, effort)

            if self.holds(policy.when, value, day, (name, key)):
                holding.append((name, key, policy))
        for name, key, policy in holding:
            if (name, key) not in self.due and len(self.of(name, key)) < policy.at_most:
                self.due[name, key] = day + policy.delay

    def holds(self, text: str, value: Callable[[str, str], float], day: float, whose: tuple[str, str]) -> bool:
        text = text.strip()
        for word, of in ((" or ", any), (" and ", all)):
            parts = apart(text, word)
            if len(parts) > 1:
                return of([self.holds(part, value, day, whose) for part in parts])
        if text.startswith("not "):
            return not self.holds(text[4:], value, day, whose)
        lasting = re.fullmatch(r"(.*) for ([\d.]+) days?", text)
        if lasting:
            clock = (*whose, text)
            if not self.holds(lasting[1], value, day, whose):
                self.since.pop(clock, None)
                return False
            return day - self.since.setdefault(clock, day) >= float(lasting[2])
        if text.startswith("("):
            return self.holds(text[1:-1], value, day, whose)
        left, sign, right = re.fullmatch(r"(.*?)\s*(<=|>=|<|>)\s*(.*)", text).groups()  # type: ignore[union-attr]
        one, two = (side(word, value) for word in (left, right))
        return {"<": one < two, "<=": one <= two, ">": one > two, ">=": one >= two}[sign]

    def value(
        self, word: str, whom: str, player: Any, day: float, seen: Seen, made: list[Agreement], effort: dict[str, float]
    ) -> float:
        i = player.state
        others = self.named(player, whom) if whom else []
        if word == "change":
            inner, _, name = whom.partition("(")
            name = name.rstrip(")")
            at_start = self.value(inner, name, player, 0.0, self.begun, [], dict.fromkeys(self.codes, 0.0))
            return self.value(inner, name, player, day, seen, made, effort) - at_start
        if word == "day":
            return day
        if word == "insecurity":
            return mean(seen.insecurity[j] for j in others or [i])
        if word == "effort":
            return mean(effort[j] for j in others or [i])
        if word == "threat":
            return self.threat_by(seen, i, others) if whom else seen.threat[i]
        if word == "alarm":
            now, first = (self.threat_by(one, i, others) if whom else one.threat[i] for one in (seen, self.begun))
            return math.log((now + self.p.alarm_floor) / (first + self.p.alarm_floor))
        if word == "hostility":
            return mean(-math.log(1.0 - seen.h[i, j]) for j in others)
        if word == "alignment":
            return mean(seen.a[i, i, j] for j in others)
        if word in ("agreements", "new_agreements"):
            members = self.who((whom,)) if whom in self.s.groups else [i, whom]
            dyads = {frozenset(two) for two in combinations(members, 2)}
            security = [one for one in made if one.dyad in dyads and self.kinds[one.kind].security]
            if word == "agreements":
                return float(sum(one.stage == "in_force" for one in security))
            return float(sum(0 <= one.signed <= day for one in security))
        assert word == "acts"
        return float(self.acts_at(i, others or [code for code in self.codes if code != i], day))

    def threat_by(self, seen: Seen, i: str, adversaries: list[str]) -> float:
        total = 0.0
        for k in self.codes:
            if k == i:
                continue
            lent = sum(seen.h[i, j] * self.p.beta * seen.a[i, j, k] for j in adversaries if j != k)
            free = 1.0 - max(seen.depth[frozenset((i, k))], seen.a[i, i, k])
            own = seen.h[i, k] if k in adversaries else 0.0
            q = 1.0 - (1.0 - own) * math.exp(-free * lent)
            total += self.capability[k] * self.offence(k) * self.reach(i, k) * q
        return total

    def acts_at(self, i: str, others: list[str], day: float) -> int:
        count = 0
        for event in self.s.events:
            nats = self.signal(event.kind)[1] * event.visibility * self.attention(i, event.kind)
            if event.accord is None and i in self.who(event.targets) and nats > 0:
                when = self.day(event.date)
                if day - WINDOW < when <= day:
                    count += len({*self.who(event.principals)} & {*others} - {i})
        for one in self.done:
            player = self.s.players[one.player]
            do = player.policies[one.policy].do
            if do.kind and player.state in others and i != player.state and day - WINDOW < one.day <= day:
                targets, guests = self.named(player, *do.targets), self.named(player, *do.guests)
                kind = self.s.event_kinds[do.kind]
                share = self.learns(i, player.state, targets, kind, {player.state, *targets, *guests})
                share = 1.0 if i in targets else share
                count += share * self.signal(do.kind)[1] * do.visibility * self.attention(i, do.kind) > 0
        return count


def apart(text: str, word: str) -> list[str]:
    """A text taken apart at a word that stands in no parenthesis."""
    parts, depth, begin, place = [], 0, 0, 0
    while place < len(text):
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0 and text.startswith(word, place):
            parts.append(text[begin:place])
            begin = place = place + len(word)
            continue
        place += 1
    return [*parts, text[begin:]]


def side(word: str, value: Callable[[str, str], float]) -> float:
    """A number, or what is seen."""
    found = re.fullmatch(r"([a-z_]+)(?:\((.*)\))?", word.strip())
    return float(word) if found is None else value(found[1], found[2] or "")
