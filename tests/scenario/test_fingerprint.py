"""The digest is of the content: no order and no layout changes it, any value does."""

import random
from collections.abc import Callable, Iterator
from typing import get_args, get_origin

import pytest
from balance_sim.scenario import value_at, with_values
from balance_sim.scenario.fields import Strict
from balance_sim.scenario.fingerprint import canonical, content_digest
from balance_sim.scenario.schema import Scenario


def test_rows_in_any_order(world):
    before = world.load()
    for name in ("states", "accords"):
        path = world.folder / "tables" / f"{name}.csv"
        header, *rows = path.read_text().splitlines(keepends=True)
        random.Random(1).shuffle(rows)
        world.table(name, header + "".join(rows))
    assert world.load() == before
    assert world.load().sha256 == before.sha256


def test_sections_events_and_members_in_another_order(world):
    before = world.load().sha256
    world.edit("[CHN, RUS]", "[RUS, CHN]").edit("NATO: [USA, FRA]", "NATO: [FRA, USA]")
    world.edit("{a: USA, b: CHN, rivalry: 1}", "{b: USA, rivalry: 1, a: CHN}").edit("[30, 90, 365]", "[365, 30, 90]")
    visit = next(line for line in world.text.splitlines(keepends=True) if "id: visit" in line)
    world.edit(visit, "").edit("provocations:", f"{visit}provocations:")
    report = world.text[world.text.index("report:") :]
    world.edit(report, "").edit("schema: 1\n", "schema: 1\n" + report)
    assert world.load().sha256 == before


def test_the_way_a_number_is_written(world):
    before = world.load().sha256
    world.edit("rate: 2", "rate: 2.0").edit("beta: 0.2", "beta: 2e-1").edit("visibility: 0.5}", "visibility: 0.50}")
    assert world.load().sha256 == before
    assert with_values(world.load(), {"states.JPN.autonomy": -0.0}).sha256 == before


def test_the_name_of_the_file_is_no_content(world):
    before = world.load().sha256
    world.path = world.path.rename(world.folder / "other.yaml")
    assert world.load().sha256 == before


@pytest.mark.parametrize(
    "path", ["parameters.beta", "accords.usa-jpn.signed", "arms.half.set.events.summit.visibility", "report.windows"]
)
def test_every_value_is_content(world, path):
    scenario = world.load()
    old = value_at(scenario, path)
    new = {str: "x", float: 0.123, tuple: (1, 2)}.get(type(old), "1959-01-01")
    assert with_values(scenario, {path: new}).sha256 != scenario.sha256


def test_canonical_form():
    assert canonical({1: (1, True, None, "x")}) == {"1": [1.0, True, None, "x"]}


def test_fields_that_say_nothing_leave_the_number_as_it_was(world):
    before = world.load()
    assert with_values(before, {"theory.signal_cost": 0.0}).sha256 == before.sha256
    for row in (before.theory, *before.arms.values()):
        assert {"signal_cost", "changes"}.isdisjoint(row.model_dump())
    assert with_values(before, {"parameters.spread_near": 0.1}).sha256 != before.sha256


NO_CONTENT = {
    # what it is called, where it stands, and what is worked out from it
    *("name", "folder", "origin", "sha256", "together"),
    # where a posterior lies and what it was drawn for; a study that draws from it names its draws by their own sha256
    *(f"posterior.{name}" for name in ("file", "command", "draws", "count", "sha256", "scenario_sha256")),
    *("posterior.priors_sha256", "posterior.headline", "posterior.table"),
}
"""Keys that change no result. Texts count: the digest tells whether those of a results folder are as they were."""


def models_in(annotation: object) -> list[type[Strict]]:
    """The models that a value of this annotation may hold."""
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def boxed(annotation: object, value: object) -> object:
    """A model in the containers in which a field of this annotation holds it."""
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        return value
    holds = [part for part in get_args(annotation) if models_in(part)]
    inner = boxed(holds[0], value)
    return {tuple: (inner,), dict: {"x": inner}}.get(get_origin(annotation), inner)


def keys_of(model: type[Strict], put: Callable[[dict[str, object]], object], path: str = "") -> Iterator[tuple]:
    """Each key below a model, and what two scenarios are that differ there alone.

    put: a whole scenario from fields of the model."""
    for name, field in model.model_fields.items():
        inner, key = models_in(field.annotation), f"{path}{name}"
        if name != "leveled" and not inner:
            yield key, put({name: "left"}), put({name: "right"})
        for below in inner:

            def put_below(fields, below=below, name=name, annotation=field.annotation):
                return put({name: boxed(annotation, below.model_construct(**fields))})

            yield from keys_of(below, put_below, f"{key}.")


@pytest.mark.filterwarnings("ignore:Pydantic serializer")
def test_whatever_can_change_a_result_is_content(world):
    """The schema is walked: two scenarios that differ in one key alone have two digests."""
    plain, known, alike = world.load(), set(), set()
    for key, left, right in keys_of(Scenario, lambda fields: plain.model_copy(update=fields)):
        known.add(key)
        if content_digest(left) == content_digest(right):
            alike.add(key)
    assert alike == NO_CONTENT
    some = {"targets_alternatives.weight", "frailties.shape", "arms.add.visibility", "changes.agreement.in_force"}
    assert some <= known and len(known) > 250


def test_where_the_level_comes_from_is_content(world):
    plain = world.load()
    changed = with_values(plain, {"parameters.beta": 0.3})
    written = changed.counted_as(None)
    anew = with_values(plain, {"base_rate": 1.5})
    assert content_digest(changed) != content_digest(written)
    assert content_digest(anew) != content_digest(anew.counted_as(None))
