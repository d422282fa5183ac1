"""The check of an inversion with HSE06: what is refused, what is written, and silicon really run."""

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from ase.io.espresso import read_fortran_namelist
from pymatgen.core import Lattice, Structure

from discovery.verification.engines import Particular, StepError, make_engine
from discovery.verification.engines.espresso import hybrid
from discovery.verification.engines.espresso.runs import read_facts
from discovery.verification.meshes import TRIMS
from discovery.verification.options import Options
from tests.discovery.verification.espresso.test_engine import coarse, heads, write

__all__ = ["heads"]

HSE = Options(check="hse06")


@pytest.mark.parametrize(
    ("options", "reason", "remedy"),
    [
        (Options(check="mbj"), "no mBJ", "--check hse06"),
        (Options(check="hse06", magnetic=True), "no parities", "--magnetic"),
        (Options(hubbard={"Si": 2.0}), "no [+]U on a d or f shell of Si", "--hubbard"),
    ],
)
def test_wishes_that_cannot_be_fulfilled(
    silicon: Structure, options: Options, reason: str, remedy: str
) -> None:
    engine = make_engine("espresso")
    assert isinstance(engine, Particular)
    engine.require(silicon, HSE)
    with pytest.raises(StepError, match=reason) as refused:
        engine.require(silicon, options)
    assert remedy in refused.value.remedy


@pytest.mark.parametrize("divisions", [(2, 2, 2), (4, 2, 6)])
def test_one_of_each_pair_of_points_and_all_trims_first(divisions: tuple[int, int, int]) -> None:
    listed = hybrid.kpoints(divisions)
    np.testing.assert_array_equal(listed[:8, :3], TRIMS)
    assert listed[:, 3].sum() == pytest.approx(1)
    both = np.vstack([listed[:, :3], -listed[:, :3]]) % 1.0
    found = {tuple(np.round(point * divisions).astype(int) % divisions) for point in both}
    assert found == set(np.ndindex(*divisions))
    assert len(listed) == (np.prod(divisions) + 8) // 2
    np.testing.assert_allclose(listed[8:, 3], 2 * listed[0, 3])


def test_meshes_are_even_and_exchange_takes_each_second_point() -> None:
    cell = Structure(Lattice.orthorhombic(3.0, 6.0, 40.0), ["Si"], [[0, 0, 0]])
    assert hybrid.mesh(cell, 0.3) == (4, 2, 2)
    assert hybrid.exchange_mesh((4, 2, 6)) == (2, 2, 3)


@pytest.mark.usefixtures("heads")
def test_what_is_written(silicon: Structure, tmp_path: Path) -> None:
    directory = write("check", silicon, tmp_path / "check", options=HSE)
    sections, _ = read_fortran_namelist(StringIO((directory / "pw.in").read_text()))
    system = sections["system"]
    assert (system["input_dft"], system["nqx1"], system["ecutfock"]) == ("hse", 2, 14.0)
    assert system["nosym"]
    assert "noinv" not in system
    assert system["lspinorb"]
    assert system["nbnd"] == 12
    assert sections["control"]["calculation"] == "scf"
    assert read_facts(directory)["parities"]
    assert "irrep -code espresso" in (directory / "run.sh").read_text()
    polar = Structure(silicon.lattice, ["Si"] * 2, [[0, 0, 0], [0.26, 0.25, 0.25]])
    del polar[1]
    polar.append("Si", [0.3, 0.22, 0.11])
    polar.append("Si", [0.6, 0.5, 0.8])
    assert not read_facts(write("check", polar, tmp_path / "polar", options=HSE))["parities"]


@pytest.mark.slow
@pytest.mark.usefixtures("pw")
def test_silicon_keeps_its_parities_and_opens_its_gap(silicon: Structure, tmp_path: Path) -> None:
    engine, preset = make_engine("espresso"), coarse(k_spacing=0.9)
    static = write("static_soc", silicon, tmp_path / "static_soc", preset=preset)
    engine.run("static_soc", static, {}, Options())
    previous = {"static_soc": static}
    semilocal = write("parities", silicon, tmp_path / "parities", previous, preset=preset)
    engine.run("parities", semilocal, previous, Options())
    check = write("check", silicon, tmp_path / "check", preset=preset, options=HSE)
    engine.run("check", check, {}, HSE)
    output, pbe = engine.parse("check", check), engine.parse("parities", semilocal)
    assert output.functional == "HSE06"
    assert output.parities is not None
    assert pbe.parities is not None
    assert output.parities.nu == pbe.parities.nu == (0, 0, 0, 0)
    assert output.parities.z4 == pbe.parities.z4
    hybrid_bands, pbe_bands = output.eigenvalues, engine.parse("static_soc", static).eigenvalues
    assert hybrid_bands is not None
    assert pbe_bands is not None
    np.testing.assert_allclose(hybrid_bands.kpoints[:8] % 1.0, TRIMS, atol=1e-6)

    def at_gamma(energies: np.ndarray) -> float:
        return float(energies[0, 8] - energies[0, 7])

    # Literature of Si at Γ: 2.56 eV with PBE, 3.3 eV with HSE06.
    assert 0.4 < at_gamma(hybrid_bands.energies) - at_gamma(pbe_bands.energies) < 1.1
