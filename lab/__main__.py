"""`python -m lab`: the laboratory's commands."""

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def main() -> None:
    """Sessions against tokens, with real processes, faults and measurements."""


@app.command()
def demo() -> None:
    """The two-replica proof, in about a minute."""
    from lab.demo import run

    raise typer.Exit(run())


@app.command()
def bench(
    rounds: Annotated[int, typer.Option(help="How often each figure is measured.")] = 6,
    seconds: Annotated[float, typer.Option(help="How long a slice of measuring is.")] = 2.0,
) -> None:
    """The speed figures, as ratios measured in one run."""
    from lab.bench.run import run

    raise typer.Exit(run(rounds, seconds))


if __name__ == "__main__":
    app()
