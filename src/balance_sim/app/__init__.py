"""A page on this machine that asks for new replications. Only this room imports a web
server."""

from balance_sim.scenario.errors import MissingExtra

MOST_RUNS = 5000


def need_extra() -> None:
    """Raises MissingExtra where there is no web server."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise MissingExtra("live pages", "app") from None
