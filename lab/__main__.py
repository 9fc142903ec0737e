"""`python -m lab`: the laboratory's commands."""

from pathlib import Path
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
def live(
    port: Annotated[int, typer.Option(help="Where the page is, on 127.0.0.1.")] = 8090,
) -> None:
    """The live page: two schemes side by side, over real services that you can break."""
    from lab.live.run import run

    raise typer.Exit(run(port))


@app.command()
def exhibit(
    name: Annotated[
        str, typer.Argument(help="A lesson, or `all`; without one they are listed.")
    ] = "",
    capture: Annotated[bool, typer.Option(help="Put the output into docs/lessons.md.")] = False,
) -> None:
    """Short lessons over real processes and real tokens."""
    from lab import exhibits
    from lab.exhibits.run import run

    if not name:
        for known in exhibits.EXHIBITS:
            print(f"{known:<16} {exhibits.find(known).title}")
        return
    if name not in (*exhibits.EXHIBITS, "all"):
        raise typer.BadParameter(f"no such lesson: {name} ({', '.join(exhibits.EXHIBITS)})")
    names = exhibits.EXHIBITS if name == "all" else (name,)
    raise typer.Exit(run(names, capture=capture))


@app.command()
def bench(
    rounds: Annotated[int, typer.Option(help="How often each figure is measured.")] = 6,
    seconds: Annotated[float, typer.Option(help="How long a slice of measuring is.")] = 2.0,
) -> None:
    """The speed figures, as ratios measured in one run."""
    from lab.bench.run import run

    raise typer.Exit(run(rounds, seconds))


@app.command()
def run(
    quick: Annotated[
        bool, typer.Option(help="Fewer rounds of fewer experiments: 3 minutes.")
    ] = False,
    only: Annotated[str, typer.Option(help="Ids of experiments, as in E0,P1.")] = "",
    resume: Annotated[bool, typer.Option(help="Go on where the last run was stopped.")] = False,
    results: Annotated[Path | None, typer.Option(help="The folder of the raw results.")] = None,
) -> None:
    """Sessions against tokens, measured: raw results, and the report made from them."""
    from lab import experiments, runner
    from lab.report.make import DOCS
    from lab.results import FOLDER

    known = list(experiments.MODULES)
    usual = list(experiments.QUICK) if quick else known
    chosen = [word for word in only.upper().split(",") if word] or usual
    if unknown := [word for word in chosen if word not in known]:
        raise typer.BadParameter(f"no such experiment: {', '.join(unknown)} ({', '.join(known)})")
    folder = results or (Path(".sealgate/lab-quick") if quick else FOLDER)
    status = runner.run(chosen, folder, quick=quick, resume=resume)
    if status in (0, 1):
        _write_report(folder, DOCS if folder == FOLDER else folder)
    raise typer.Exit(status)


@app.command()
def report(
    results: Annotated[Path | None, typer.Option(help="The folder of the raw results.")] = None,
    docs: Annotated[Path | None, typer.Option(help="Where the report goes.")] = None,
) -> None:
    """Make the report anew from raw results; nothing is measured."""
    from lab.report.make import DOCS
    from lab.results import FOLDER

    _write_report(results or FOLDER, docs or DOCS)


def _write_report(results: Path, docs: Path) -> None:
    from lab.report.make import make

    for file in make(results, docs):
        if file.suffix != ".svg":
            print(f"Wrote {file}")


if __name__ == "__main__":
    app()
