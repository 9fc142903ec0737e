"""`python -m lab run`: the experiments one after the other, each on a stack of its own."""

import asyncio
import os
import random
import secrets
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from lab import experiments, results
from lab.bench.measure import LOAD_CORE
from lab.experiments import Experiment, Json
from lab.premises import laboratory
from lab.stopping import stoppable
from stack.layout import UNTHROTTLED, Settings

RUN = "run"  # the file that says what the other files of a folder belong to


class Run:
    """What is to be run, where results go, and what is there already."""

    def __init__(self, folder: Path, *, quick: bool, resume: bool) -> None:
        self.folder = folder
        self.quick = quick
        kept = results.read(folder).get(RUN) if resume else None
        self.resumed = kept is not None and kept["quick"] == quick
        if kept is not None and self.resumed:
            self.seed = int(kept["seed"])
        else:
            self.seed = secrets.randbelow(2**32)
            header = {"quick": quick, "seed": self.seed, "started": results.now()}
            results.write(folder, RUN, header)

    def done(self, experiment: Experiment) -> bool:
        """Tell whether this run has measured it already, before it was stopped."""
        kept = results.read(self.folder).get(experiment.id)
        return self.resumed and kept is not None and kept["seed"] == self.seed

    def keep(self, experiment: Experiment, began: float, started: str, data: Json) -> None:
        """Write an experiment's results, with all that a reader needs to judge them."""
        result = {
            "experiment": experiment.id,
            "title": experiment.title,
            "command": f'make lab ARGS="--only {experiment.id}"',
            "revision": results.revision(),
            "started": started,
            "took": time.monotonic() - began,
            "quick": self.quick,
            "seed": self.seed,
            "machine": results.machine(),
            "data": data,
        }
        results.write(self.folder, experiment.id, result)


def run(identities: Sequence[str], folder: Path, *, quick: bool, resume: bool) -> int:
    """Run these experiments and keep their results; 0 if all could be run.

    130 or 143 after Ctrl-C or SIGTERM: no process is left, what was finished is kept.
    """
    console = Console(highlight=False)
    chosen = [experiments.find(identity) for identity in identities]
    run_ = Run(folder, quick=quick, resume=resume)
    try:
        failed = asyncio.run(stoppable(_run_all(console, run_, chosen)))
    except KeyboardInterrupt:
        return _stopped(console, folder, signal.SIGINT)
    except asyncio.CancelledError:
        return _stopped(console, folder, signal.SIGTERM)
    return 1 if failed else 0


def _stopped(console: Console, folder: Path, number: signal.Signals) -> int:
    console.print(f"Stopped: no process is left behind; finished results are in {folder}.")
    console.print('Go on with: make lab ARGS="--resume"')
    return 128 + number


async def _run_all(console: Console, run_: Run, chosen: Sequence[Experiment]) -> list[str]:
    waiting = [experiment for experiment in chosen if not run_.done(experiment)]
    costs = {e.id: e.quick_seconds if run_.quick else e.seconds for e in waiting}
    console.print(
        f"{len(waiting)} experiments, about {sum(costs.values()) / 60:.0f} minutes; "
        f"raw results go to {run_.folder}. Ctrl-C keeps what is finished."
    )
    failed = []
    with _progress(console, sum(costs.values())) as advance:
        for experiment in waiting:
            began, started = time.monotonic(), results.now()
            step = _Step(experiment, costs[experiment.id], advance)
            try:
                settings = Settings(auth={**UNTHROTTLED, **experiment.auth}, restart=False)
                chance = random.Random(f"{run_.seed} {experiment.id}")  # noqa: S311 - no secret
                async with laboratory(settings, chance, quick=run_.quick, say=step.say) as lab:
                    with _kept_to_one_core(experiment.alone):
                        data = await experiment.run(lab)
            except Exception as error:  # noqa: BLE001 - one that breaks must not cost the others
                failed.append(experiment.id)
                console.print(f"[red]{experiment.id} could not be run: {error!r}[/]")
            else:
                run_.keep(experiment, began, started, data)
                took = time.monotonic() - began
                console.print(f"{experiment.id:<4} {experiment.title} [dim]{took:.0f} s[/]")
            step.finish()
    return failed


@contextmanager
def _kept_to_one_core(alone: bool) -> Iterator[None]:
    """Leave the first core to what is measured, where there are two."""
    if not alone or not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {LOAD_CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class _Step:
    """One experiment's part of the progress bar: it moves with time, never past its share."""

    def __init__(
        self, experiment: Experiment, cost: float, advance: Callable[[float, str], None]
    ) -> None:
        self._name = experiment.id
        self._left = cost
        self._advance = advance
        self._seen = time.monotonic()

    def say(self, doing: str) -> None:
        """Show what is being done."""
        now = time.monotonic()
        passed = min(now - self._seen, self._left)
        self._left -= passed
        self._seen = now
        self._advance(passed, f"{self._name}: {doing}")

    def finish(self) -> None:
        """Fill the rest."""
        self._advance(self._left, self._name)
        self._left = 0


@contextmanager
def _progress(console: Console, total: float) -> Iterator[Callable[[float, str], None]]:
    columns = (BarColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=total)

        def advance(seconds: float, doing: str) -> None:
            progress.update(task, advance=seconds, description=doing)

        yield advance
