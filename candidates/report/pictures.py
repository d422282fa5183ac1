"""Where the bars of the funnel and the points of the two models lie, in the units of the page's pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

from candidates.records import Candidate, RunRecord
from candidates.report.facts import is_known


@dataclass(frozen=True)
class Bar:
    """One row of the funnel picture; lengths are in thousandths of the crystals read."""

    name: str
    description: str
    removed: int
    left: int
    enabled: bool
    kept_length: float
    removed_length: float


@dataclass(frozen=True)
class Point:
    """A candidate in the picture of the two models, in the picture's units."""

    id: str
    x: float
    y: float
    known: bool


@dataclass(frozen=True)
class Scatter:
    """Topological probability of this run's model (upwards) against the benchmark model's."""

    points: list[Point]
    floor: float
    x_ticks: list[tuple[str, float]]
    y_ticks: list[tuple[str, float]]
    radius: float


def funnel(run: RunRecord) -> list[Bar]:
    """Return the rows of the funnel: what was read, what was refused, then every filter."""
    whole = max(run.n_input, 1)

    def bar(name: str, description: str, removed: int, left: int, enabled: bool = True) -> Bar:
        return Bar(
            name, description, removed, left, enabled,
            round(min(1000 * left / whole, 1000), 2),
            round(min(1000 * removed / whole, 1000), 2),
        )  # fmt: skip

    bars = [bar("read", f"crystals of {run.database}", 0, run.n_input)]
    entering = run.funnel[0].removed + run.funnel[0].left if run.funnel else run.n_input - len(run.refused)
    if entering < run.n_input:
        bars.append(bar("refused", "could not be judged; listed below", run.n_input - entering, entering))
    bars += [bar(s.name, s.description, s.removed, s.left, s.enabled) for s in run.funnel]
    return bars


def scatter(candidates: Sequence[Candidate]) -> Scatter:
    """Place the candidates that both models have judged; empty where the benchmark model did not run."""
    both = [(c, c.p_benchmark) for c in candidates if c.p_benchmark is not None]
    floor = min((int(c.p_topological * 10) / 10 for c, _ in both), default=0.0)
    floor = min(floor, 0.9)

    def across(value: float) -> float:
        return round(40 + 270 * value, 1)

    def up(value: float) -> float:
        return round(250 - 240 * (value - floor) / (1 - floor), 1)

    step = 0.2 if floor < 0.5 else 0.1 if floor < 0.8 else 0.05
    heights = [round(1 - n * step, 2) for n in range(int((1 - floor) / step + 1e-9) + 1)]
    return Scatter(
        [Point(c.id, across(benchmark), up(c.p_topological), is_known(c)) for c, benchmark in both],
        floor,
        [(f"{n / 5:g}", across(n / 5)) for n in range(6)],
        [(f"{height:g}", up(height)) for height in heights],
        3.2 if len(both) <= 200 else 2.2 if len(both) <= 1000 else 1.6,
    )
