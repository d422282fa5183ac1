"""A gap that closes off the six planes: these alone would give an index, and must not be asked."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from candidates.records import Verdict
from discovery.cli.main import app
from discovery.topology.evidence import measure
from discovery.topology.invariants import z2_indices
from discovery.topology.verdict import decide
from tests.discovery.cli.test_topology import write_model
from tests.discovery.topology.semimetals import weyl_between_insulators
from tests.discovery.topology.transformations import change_basis, change_cell, change_indices, random_cell

BORN, GONE = -2.990691, -2.935564
"""Where the gap closes and opens again; extrapolated from gaps on both sides."""


def verdict_at(m: float, seed: int | None = None) -> tuple[Verdict, tuple[int, ...], tuple[int, ...]]:
    """Return the verdict and the indices of both insulators in the same description."""
    model, matrix = weyl_between_insulators(m), np.eye(3, dtype=int)
    if seed is not None:
        rng = np.random.default_rng(seed)
        matrix = random_cell(rng)
        model = change_cell(change_basis(model, rng), matrix)
    indices = (change_indices(nu, matrix) for nu in ((0, 0, 0, 0), (1, 0, 0, 0)))
    return decide(measure(model, 2)), *indices


@pytest.mark.parametrize("distance", [0.05, 5e-3, 5e-4, 7.5e-5])
@pytest.mark.parametrize("seed", [None, 1])
def test_both_insulators_down_to_a_gap_of_a_tenth_of_a_millielectronvolt(
    distance: float, seed: int | None
) -> None:
    before, trivial, _ = verdict_at(BORN - distance, seed)
    after, _, strong = verdict_at(GONE + distance, seed)
    assert (before.topology, after.topology) == ("trivial", "strong TI")
    assert before.z2 == {"Wilson loops": trivial}
    assert after.z2 == {"Wilson loops": strong}
    for verdict in (before, after):
        assert verdict.direct_gap == pytest.approx(1.6e3 * distance, rel=0.15)


@pytest.mark.parametrize("part", [0.01, 0.1, 0.3, 0.7, 0.97])
@pytest.mark.parametrize("seed", [None, 2])
def test_between_them_are_four_points_and_no_index(part: float, seed: int | None) -> None:
    verdict, _, _ = verdict_at(BORN + part * (GONE - BORN), seed)
    assert verdict.topology == "Weyl"
    assert verdict.z2 == {}
    assert verdict.nu0 == (None, None, None)
    assert sorted(node.chirality or 0 for node in verdict.nodes) == [-1, -1, 1, 1]
    places = np.array([node.k for node in verdict.nodes])
    charges = [node.chirality for node in verdict.nodes]
    for k, charge in zip(places, charges, strict=True):
        # Time reversal keeps the charge.
        away = np.abs(places + k - np.rint(places + k)).max(axis=1)
        assert [charges[i] for i in np.flatnonzero(away < 1e-5)] == [charge]
    # The points cross every plane whose index must change on their way, but at other m.
    assert np.abs(2 * places - np.rint(2 * places)).min() > 1e-3


@pytest.mark.parametrize("distance", [3e-5, 1e-5, 1e-6, -1e-6, -1e-5, -3e-5])
@pytest.mark.parametrize("edge", [BORN, GONE])
def test_within_a_tenth_of_a_millielectronvolt_there_is_no_index_either(edge: float, distance: float) -> None:
    verdict, _, _ = verdict_at(edge + distance)
    assert verdict.topology in ("Weyl", "Dirac", "inconclusive")
    assert verdict.z2 == {}


def test_the_six_planes_alone_see_nothing() -> None:
    """Why the verdict asks for the gap of the whole zone first."""
    planes = z2_indices(weyl_between_insulators(BORN + 0.3 * (GONE - BORN)), 2)
    assert planes.decided
    assert min(plane.direct_gap for plane in planes.planes.values()) > 1e-3


def test_the_command_gives_no_index_for_it(tmp_path: Path) -> None:
    file = write_model(tmp_path / "model", weyl_between_insulators(BORN + 0.3 * (GONE - BORN)))
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["topology", str(file), "--occupied", "2", "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert "Weyl" in result.output
    assert "Z2" not in result.output.replace("no Z2", "")
    verdict = Verdict.model_validate_json((out / "verdict.json").read_text())
    assert (verdict.topology, verdict.z2, verdict.nu0) == ("Weyl", {}, (None, None, None))
    assert len(verdict.nodes) == 4
    assert not (out / "wilson.html").exists()
