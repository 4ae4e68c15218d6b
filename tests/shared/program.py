"""The program, called in the test's own process."""

from balance_sim.cli import main
from click.testing import CliRunner, Result


def call(*words: object) -> Result:
    """What a command answers. An exception that is not the program's own way to end is raised."""
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


def answered(*words: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    done = call(*words)
    return done.exit_code, done.stdout, done.stderr


def score(*words: object) -> tuple[int, str]:
    """Exit code of `evidence score`, and all that it prints."""
    done = call("evidence", "score", *words)
    return done.exit_code, done.output
