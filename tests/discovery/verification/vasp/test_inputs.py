"""Emitted inputs, key by key, for the paper's eleven crystals and twenty others.

The rules are those of the facts that were collected about VASP; each assertion is one of them.
"""

import math
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure
from pymatgen.io.vasp.inputs import Incar, Kpoints, Poscar

from candidates import known
from dft_templates.incar_tags import incar_tags
from dft_templates.presets import Preset, load_preset
from dft_templates.vasp import VASP_STEPS
from discovery.databases import starter
from discovery.verification.engines import PendingInput, StepError
from discovery.verification.engines.vasp import VaspEngine
from discovery.verification.engines.vasp.record import VaspRecord
from discovery.verification.options import Options
from discovery.verification.path import band_path, inversion_centre, space_group, standard_cell

PAPER = tuple(
    f"starter-{claim.formula}-{claim.spacegroup}" for claim in known.claims() if claim.reported_by_paper
)
VARIED = tuple(
    f"starter-{name}"
    for name in (
        "Ag2Te-14", "Bi-166", "Bi2Se3-166", "Bi4Br4-12", "BiTeI-156", "CdTe-216", "CoSi-198", "Cu2O-224",
        "HgTe-216", "KHgSb-194", "Na3Bi-194", "PbTe-225", "SmB6-221", "Sn-227", "TaAs-109", "Te-152",
        "TiO2-136", "TlBiSe2-166", "WTe2-31", "ZrTe5-63",
    )
)  # fmt: skip
A_CENTRED = "starter-Ta3S2-39"
"""Of the groups 38 to 41, whose axes have broken other path code."""

SOC = ("static_soc", "bands_soc", "parities", "wannier_input", "check")
FIXED_DENSITY = {
    "bands": "static",
    "bands_soc": "static_soc",
    "parities": "static_soc",
    "wannier_input": "static_soc",
}

Emit = Callable[..., dict[str, Path]]


@pytest.fixture(scope="module")
def crystals() -> dict[str, Structure]:
    table = starter.load()
    wanted = {*PAPER, *VARIED, A_CENTRED}
    return {
        id_: crystal.to_structure() for id_, crystal in zip(table.ids, table, strict=True) if id_ in wanted
    }


@pytest.fixture
def emit(tmp_path: Path) -> Emit:
    """Return a function that writes every step of a crystal and returns step → directory."""

    def write(structure: Structure, preset: Preset | None = None, **options: object) -> dict[str, Path]:
        engine, places, waiting = VaspEngine(), dict[str, Path](), dict[str, set[str]]()
        chosen = Options(**({"check": "hse06"} | options))  # type: ignore[arg-type]
        for step in VASP_STEPS:
            if step == "parities" and inversion_centre(structure) is None:
                continue
            place = tmp_path / step
            place.mkdir()
            try:
                engine.write(step, structure, preset or load_preset("paper"), chosen, place, {})
            except PendingInput as pending:
                waiting[step] = set(pending.needs.values())
            places[step] = place
        assert waiting == {"wannier_input": {"eigenvalues of static_soc"}}
        return places

    return write


def incar_of(place: Path) -> Incar:
    pending = place / "INCAR.pending"
    return Incar.from_file(pending if pending.exists() else place / "INCAR")


def kpoints_of(place: Path, name: str = "KPOINTS") -> Kpoints:
    return Kpoints.from_file(place / name)


def test_there_are_eleven_and_twenty() -> None:
    assert len(PAPER) == 11
    assert len(set(VARIED)) == 20
    assert set(PAPER + VARIED) <= set(starter.load().ids)


@pytest.mark.parametrize("name", PAPER + VARIED)
def test_key_by_key(name: str, crystals: dict[str, Structure], emit: Emit) -> None:
    structure = standard_cell(crystals[name])
    places = emit(structure)
    assert set(places) == set(VASP_STEPS) - (
        set() if inversion_centre(structure) is not None else {"parities"}
    )
    for step, place in places.items():
        incar, record = incar_of(place), VaspRecord.read(place)
        _every_step(incar, step, structure)
        _spins(incar, place, step, structure)
        _bands(incar, record, step)
        _kpoints(place, step, structure)
        _potcar(place, record, structure)
        _poscar(place, structure)
        _pymatgen_finds_nothing_wrong(incar)


def _every_step(incar: Incar, step: str, structure: Structure) -> None:
    assert str(incar["GGA"]).upper() == "PE"  # PBE as in the paper; atomate2 would write PS
    assert "METAGGA" not in incar
    assert incar["ENCUT"] == 520  # not atomate2's 680
    assert incar["GGA_COMPAT"] is False
    assert incar["LREAL"] is False
    assert incar["LORBIT"] == 11
    assert incar["PREC"] == "Accurate"
    heavy = any(site.specie.Z > 56 for site in structure)
    assert incar["LMAXMIX"] == (6 if heavy else 4)  # s and p crystals too
    assert not {"LAECHG", "LVTOT", "LDAU", "KSPACING", "NELECT", "LNONCOLLINEAR"} & set(incar)
    assert incar["ICHARG"] == (11 if step in FIXED_DENSITY else 2)
    assert incar["ISTART"] == 0
    assert incar["LCHARG"] is (step in ("static", "static_soc"))
    centred = step == "check" and inversion_centre(structure) is not None
    assert incar["LWAVE"] is (step in ("parities", "wannier_input") or centred)
    assert incar["ISMEAR"] == 0
    if step in ("bands", "bands_soc", "parities"):
        assert incar["SIGMA"] == 0.01
    if step == "relax":
        assert (incar["ISIF"], incar["IBRION"], incar["EDIFFG"]) == (3, 2, -0.01)
        assert incar["NSW"] > 0
    else:
        assert incar["NSW"] == 0
        assert not {"ISIF", "IBRION", "EDIFFG"} & set(incar)
    if step == "wannier_input":
        assert incar["ISYM"] == -1
        assert incar["LWANNIER90"] is True
        assert not {"NUM_WANN", "WANNIER90_WIN", "LWANNIER90_RUN"} & set(incar)  # wait for static_soc
    else:
        assert incar.get("ISYM", 2) == 2
        assert "LWANNIER90" not in incar
    if step == "check":
        assert incar["LHFCALC"] is True
        assert (incar["HFSCREEN"], incar["AEXX"]) == (0.2, 0.25)
        assert str(incar["ALGO"]) == "All"
    else:
        assert not {"LHFCALC", "HFSCREEN", "PRECFOCK"} & set(incar)


def _spins(incar: Incar, place: Path, step: str, structure: Structure) -> None:
    file = place / ("INCAR.pending" if step == "wannier_input" else "INCAR")
    line = re.search(r"^MAGMOM = (.*)$", file.read_text(), re.MULTILINE)
    if step in SOC:
        assert incar["LSORBIT"] is True
        assert incar["SAXIS"] == [0, 0, 1]
        assert "ISPIN" not in incar
        assert line is not None
        assert [float(x) for x in line[1].split()] == [0.0] * (3 * len(structure))
    else:
        assert "LSORBIT" not in incar
        assert incar["ISPIN"] == 1
        assert line is None


def _bands(incar: Incar, record: VaspRecord, step: str) -> None:
    n_bands, electrons = incar["NBANDS"], record.n_electrons
    assert n_bands % 8 == 0  # the preset's MPI layout
    if step in SOC:
        assert n_bands >= electrons + 16
        assert n_bands >= 1.2 * electrons
        assert n_bands % 2 == 0
    else:
        assert n_bands >= math.ceil(electrons / 2) + 8


def _kpoints(place: Path, step: str, structure: Structure) -> None:
    kpoints = kpoints_of(place)
    if step in ("bands", "bands_soc"):
        path = band_path(structure, load_preset("paper").vasp.line_spacing)
        np.testing.assert_allclose(kpoints.kpts, path.kpoints, atol=1e-9)
        assert set(kpoints.kpts_weights or []) == {1}
        assert kpoints.labels is not None
        assert kpoints.labels[0] == "GAMMA"
        return
    if step == "parities":
        assert {tuple(k) for k in kpoints.kpts} == {tuple(np.array(n) / 2) for n in np.ndindex(2, 2, 2)}
        return
    if step == "check":
        opt = kpoints_of(place, "KPOINTS_OPT")
        assert len(opt.kpts) > 20
        if inversion_centre(structure) is not None:
            weights = kpoints.kpts_weights
            assert weights is not None
            assert list(weights[-8:]) == [0] * 8
            assert min(weights[:-8]) > 0
            assert {tuple(k) for k in kpoints.kpts[-8:]} == {
                tuple(np.array(n) / 2) for n in np.ndindex(2, 2, 2)
            }
            return
    assert kpoints.style == Kpoints.supported_modes.Gamma
    assert tuple(kpoints.kpts_shift) == (0, 0, 0)
    spacing = {"check": 0.5, "wannier_input": load_preset("paper").wannier.k_spacing}.get(step, 0.18)
    for length, n in zip(structure.lattice.reciprocal_lattice.abc, kpoints.kpts[0], strict=True):
        assert length / n <= spacing + 1e-6
        assert n == 1 or length / (n - 1) > spacing - 1e-6


def _potcar(place: Path, record: VaspRecord, structure: Structure) -> None:
    assert not (place / "POTCAR").exists()
    symbols = (place / "POTCAR.spec").read_text().split()
    poscar = Poscar.from_file(str(place / "POSCAR"), check_for_potcar=False)
    assert tuple(symbols) == record.potcars
    assert [symbol.split("_")[0] for symbol in symbols] == poscar.site_symbols
    assert record.potcar_functional == "PBE_54"
    assert len(set(symbols)) == len(symbols) == len(structure.composition)  # sites of an element together


def _poscar(place: Path, structure: Structure) -> None:
    written = Structure.from_file(str(place / "POSCAR"))
    np.testing.assert_allclose(written.lattice.matrix, structure.lattice.matrix, atol=1e-9)
    assert written.composition == structure.composition
    assert space_group(written) == space_group(structure)


def _pymatgen_finds_nothing_wrong(incar: Incar) -> None:
    assert set(incar) <= set(incar_tags())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        incar.check_params()
    assert [str(one.message) for one in caught] == []


def test_electrons_are_those_of_the_potcars(crystals: dict[str, Structure], emit: Emit) -> None:
    """Ag 11, Hg 12, Sn_d 14 and Se 6: 72 for a formula unit, of which Sn 4d holds ten."""
    structure = standard_cell(crystals["starter-Ag2HgSnSe4-31"])
    record = VaspRecord.read(emit(structure)["static_soc"])
    assert set(record.potcars) == {"Ag", "Hg", "Sn_d", "Se"}
    assert record.n_electrons == 2 * 72


def test_bands_are_enough_for_wannier90(crystals: dict[str, Structure], emit: Emit) -> None:
    """82 Wannier functions and ten excluded bands for a formula unit: at least 1.1 × 92."""
    structure = standard_cell(crystals["starter-Ag2HgSnSe4-31"])
    places = emit(structure)
    for step in SOC:
        if step in places:
            assert incar_of(places[step])["NBANDS"] >= 1.1 * 2 * (82 + 10)


def test_mbj_is_self_consistent_without_a_hybrids_tags(crystals: dict[str, Structure], emit: Emit) -> None:
    incar = incar_of(emit(standard_cell(crystals["starter-Bi2Se3-166"]), check="mbj")["check"])
    assert str(incar["METAGGA"]).upper() == "MBJ"
    assert incar["LASPH"] is True
    assert incar["ICHARG"] == 2
    assert not {"LHFCALC", "PRECFOCK", "HFSCREEN", "AEXX"} & set(incar)
    assert str(incar["ALGO"]) == "All"


def test_vasp_5_has_no_kpoints_opt(crystals: dict[str, Structure], emit: Emit) -> None:
    structure = standard_cell(crystals["starter-CdTe-216"])
    place = emit(structure, load_preset("paper", {"vasp.version": 5}))["check"]
    assert not (place / "KPOINTS_OPT").exists()
    kpoints = kpoints_of(place)
    path = band_path(structure, load_preset("paper").vasp.line_spacing)
    weights = np.array(kpoints.kpts_weights)
    np.testing.assert_allclose(np.array(kpoints.kpts)[weights == 0], path.kpoints, atol=1e-9)
    assert weights.sum() == np.prod([int(np.ceil(b / 0.5)) for b in structure.lattice.reciprocal_lattice.abc])


def test_hubbard_u_in_the_order_of_the_poscar(crystals: dict[str, Structure], emit: Emit) -> None:
    places = emit(standard_cell(crystals["starter-SmB6-221"]), hubbard={"Sm": 6.0})
    for place in places.values():
        incar = incar_of(place)
        assert (incar["LDAU"], incar["LDAUTYPE"]) == (True, 2)  # Dudarev
        order = Poscar.from_file(str(place / "POSCAR"), check_for_potcar=False).site_symbols
        assert incar["LDAUU"] == [6.0 if symbol == "Sm" else 0.0 for symbol in order]
        assert incar["LDAUL"] == [3 if symbol == "Sm" else -1 for symbol in order]
        assert incar["LDAUJ"] == [0.0] * len(order)
        assert incar["LMAXMIX"] == 6
    assert VaspRecord.read(places["static_soc"]).functional == "PBE+U"


def test_magnetic_start(crystals: dict[str, Structure], emit: Emit) -> None:
    structure = standard_cell(crystals["starter-CoSi-198"])
    places = emit(structure, magnetic=True)
    collinear, spinors = incar_of(places["static"]), incar_of(places["static_soc"])
    n = len(structure)
    assert collinear["ISPIN"] == 2
    assert len(collinear["MAGMOM"]) == n
    assert max(collinear["MAGMOM"]) > 0
    vectors = np.array(spinors["MAGMOM"], dtype=float).reshape(-1, 3)
    assert vectors.shape == (n, 3)
    np.testing.assert_allclose(vectors[:, :2], 0)  # along SAXIS
    np.testing.assert_allclose(vectors[:, 2], collinear["MAGMOM"])
    # Without time reversal the path is the longer one.
    even = band_path(structure, 0.025)
    assert len(kpoints_of(places["bands"]).kpts) >= len(even.kpoints)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"hubbard": {"Fe": 4.0}}, "does not have"), ({"hubbard": {"Sn": -1.0}}, "negative")],
)
def test_wrong_options_are_refused(
    options: dict[str, object], words: str, crystals: dict[str, Structure], tmp_path: Path
) -> None:
    structure = standard_cell(crystals["starter-Sn-227"])
    chosen = Options(**options)  # type: ignore[arg-type]
    with pytest.raises(StepError, match=words) as caught:
        VaspEngine().write("static", structure, load_preset("fast"), chosen, tmp_path, {})
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"vasp.potcars.Sn": "Sn_pv"}, "no POTCAR Sn_pv"),
        ({"vasp.potcars.Sn": "Pb_d"}, "was asked for Sn"),
        ({"vasp.static_soc.nbands": 20}, "28 electrons need"),
    ],
)
def test_wrong_presets_are_refused(
    overrides: dict[str, object], words: str, crystals: dict[str, Structure], tmp_path: Path
) -> None:
    structure = standard_cell(crystals["starter-Sn-227"])
    with pytest.raises(StepError, match=words) as caught:
        VaspEngine().write("static_soc", structure, load_preset("fast", overrides), Options(), tmp_path, {})
    assert caught.value.remedy


def test_overrides_reach_every_file(crystals: dict[str, Structure], emit: Emit) -> None:
    preset = load_preset(
        "fast", {"INCAR.ENCUT": 450, "vasp.static_soc.INCAR.EDIFF": 1e-8, "vasp.static_soc.nbands": 64}
    )
    places = emit(standard_cell(crystals["starter-Sn-227"]), preset)
    assert {incar_of(place)["ENCUT"] for place in places.values()} == {450}
    assert incar_of(places["static_soc"])["EDIFF"] == 1e-8
    assert incar_of(places["static_soc"])["NBANDS"] == 64
    assert incar_of(places["bands_soc"])["EDIFF"] == 1e-5


def test_a_path_is_refused_for_another_cell(crystals: dict[str, Structure], tmp_path: Path) -> None:
    """K-points of a primitive path mean other momenta in a conventional cell."""
    conventional = crystals["starter-CdTe-216"]
    assert len(conventional) == 8
    with pytest.raises(StepError, match="standardised primitive"):
        VaspEngine().write("bands", conventional, load_preset("fast"), Options(), tmp_path, {})


def test_an_a_centred_crystal_has_the_path_of_its_own_cell(
    crystals: dict[str, Structure], emit: Emit
) -> None:
    structure = standard_cell(crystals[A_CENTRED])
    assert space_group(structure) == 39
    place = emit(structure)["bands_soc"]
    written = Structure.from_file(str(place / "POSCAR"))
    again = band_path(written, load_preset("paper").vasp.line_spacing)
    np.testing.assert_allclose(kpoints_of(place).kpts, again.kpoints, atol=1e-9)
    with pytest.raises(StepError, match="standardised primitive"):
        band_path(crystals[A_CENTRED])


def test_parities_are_refused_without_inversion(crystals: dict[str, Structure], tmp_path: Path) -> None:
    structure = standard_cell(crystals["starter-CdTe-216"])
    with pytest.raises(StepError, match="no inversion"):
        VaspEngine().write("parities", structure, load_preset("fast"), Options(), tmp_path, {})
