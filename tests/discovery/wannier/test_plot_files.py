import json
from pathlib import Path

import pytest

from candidates.verification import BandPlot, SurfacePlot
from discovery.topology.gap import find_gap
from discovery.wannier import plot_files
from discovery.wannier.wanniertools import WtAtom
from tests.candidates.report import sample_plots
from tests.discovery.topology.models import wilson_dirac


def test_zero_is_the_fermi_energy_where_it_is_known() -> None:
    model = wilson_dirac(-2.0)
    gap = find_gap(model, 2)
    assert plot_files.zero_level(model, gap, 2, 0.3) == (0.3, "Fermi energy")
    assert plot_files.zero_level(model, gap, 2, None) == (gap.vbm, "valence top")
    closed = wilson_dirac(-1.0)
    level, kind = plot_files.zero_level(closed, find_gap(closed, 2), 2, None)
    assert (level, kind) == (pytest.approx(0.0, abs=0.05), "Fermi energy")


@pytest.mark.parametrize(
    ("miller", "name"), [((1, 1, 1), "111"), ((1, -1, 0), "1-10"), ((10, 1, 0), "10_1_0")]
)
def test_indices_in_file_names(miller: tuple[int, int, int], name: str) -> None:
    assert plot_files.miller_name(miller) == name
    assert plot_files.OWN_FILES.fullmatch(f"surface-{name}.png")


def test_names_of_crystals() -> None:
    atoms = [WtAtom(e, (0, 0, 0), ("s",)) for e in ("Bi1", "Se", "Bi2", "Se", "Se")]
    assert plot_files.crystal_name(atoms) == "Bi₂Se₃"
    assert plot_files.crystal_name(atoms[:1] * 2) == "Bi"


def test_pictures_are_written_twice_and_their_numbers_once(tmp_path: Path) -> None:
    (tmp_path / "surface-100.png").write_text("of another verdict")
    (tmp_path / "surface-notes.txt").write_text("the user's own")
    plot_files.clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["surface-notes.txt"]
    surfaces = sample_plots.surfaces()
    written = [
        *plot_files.write_bands(tmp_path, sample_plots.bands(), "a"),
        *plot_files.write_wilson(tmp_path, sample_plots.planes(), "b"),
        *plot_files.write_surface(tmp_path, surfaces, "c"),
        plot_files.write_numbers(tmp_path, sample_plots.bands(), sample_plots.planes(), surfaces),
    ]
    assert [path.name for path in written] == [
        *("bands.html", "bands.png", "wilson.html", "wilson.png"),
        *("surface-1-10.html", "surface-1-10.png", "plots.json"),
    ]
    assert all(path.stat().st_size > 1000 for path in written)
    assert all(plot_files.OWN_FILES.fullmatch(path.name) for path in written)
    numbers = json.loads(written[-1].read_text())
    assert BandPlot.model_validate(numbers["bands"][0]) == sample_plots.bands()
    assert tuple(map(SurfacePlot.model_validate, numbers["surfaces"])) == surfaces
