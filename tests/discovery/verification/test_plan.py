"""The plan of the Wannier functions: what is decided from what, and what is refused."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from discovery.verification.band_counts import bands_needed
from discovery.verification.eigenvalues import Eigenvalues
from discovery.verification.plan import PlanError, WannierPlan
from discovery.verification.projections import choices
from discovery.verification.valence import read_upf, valence_of_title
from discovery.verification.windows import decide_windows

STANNITE = ("Ag", "Hg", "Sn_d", "Se")

Group = tuple[int, float, float]
"""Bands of a group, and the energies between which they lie."""

STANNITE_BANDS: list[Group] = [
    (10, -22.2, -21.8),
    (8, -14.0, -12.5),
    (54, -9.0, 0.0),
    (20, 0.2, 6.0),
    (36, 6.5, 14.0),
]


def bands(groups: Sequence[Group], n_electrons: float, fermi: float = 0.1, **changes: Any) -> Eigenvalues:
    """Bands that come in groups, each a Kramers pair of cosines at eight k-points."""
    kpoints = np.array(list(np.ndindex(2, 2, 2))) / 2
    wave = 0.5 * (1 - np.cos(2 * np.pi * kpoints).mean(axis=1))
    energies = []
    for n, low, high in groups:
        step = (high - low) / (n // 2)
        energies += [low + step * (i // 2 + wave) for i in range(n)]
    values = np.sort(np.array(energies).T, axis=1)
    occupations = np.zeros_like(values)
    occupations[:, : int(n_electrons)] = 1.0
    return Eigenvalues(
        kpoints,
        np.full(8, 0.125),
        values,
        occupations,
        fermi,
        n_electrons,
        **({"spin_orbit": True} | changes),
    )


def stannite() -> Structure:
    positions = [
        [0, 0, 0], [0, 0.5, 0.25], [0, 0, 0.5], [0.5, 0, 0.25],
        [0.25, 0.25, 0.125], [0.75, 0.75, 0.125], [0.25, 0.75, 0.375], [0.75, 0.25, 0.375],
    ]  # fmt: skip
    return Structure(Lattice.tetragonal(6.0, 12.0), ["Ag", "Ag", "Hg", "Sn", *["Se"] * 4], positions)


def decide(
    structure: Structure | None = None,
    titles: Sequence[str] = STANNITE,
    eigenvalues: Eigenvalues | None = None,
    overrides: dict[str, str] | None = None,
    **settings: Any,
) -> WannierPlan:
    return WannierPlan.decide(
        structure or stannite(),
        choices([valence_of_title(title) for title in titles], overrides),
        eigenvalues or bands(STANNITE_BANDS, 72),
        **({"mesh": (4, 4, 2), "package": "VASP6"} | settings),
    )


def test_the_stannite_of_the_fact_sheet() -> None:
    """72 electrons, ten of them in Sn 4d bands far below: 82 Wannier functions of which 62 are filled."""
    plan = decide()
    assert plan.num_wann == 82
    assert plan.n_excluded == 10
    assert plan.n_occupied == 62
    assert {atom.element: len(atom.orbitals) for atom in plan.atoms} == {"Ag": 6, "Hg": 9, "Sn": 4, "Se": 4}
    assert "10 bands of Sn 4d are left out below a gap of 7.80 eV" in plan.notes
    assert "Hg 6p: empty p among the lowest conduction bands" in plan.notes


def test_without_tin_4d_in_the_valence_nothing_is_excluded_and_the_count_stays() -> None:
    plan = decide(titles=("Ag", "Hg", "Sn", "Se"), eigenvalues=bands(STANNITE_BANDS[1:], 62))
    assert (plan.num_wann, plan.n_excluded, plan.n_occupied) == (82, 0, 62)


@pytest.mark.shared
def test_with_pseudodojo_every_semicore_shell_is_excluded(shared: Path) -> None:
    """136 electrons: Ag 4s 4p, Hg 5s 5p, Sn 4d and Se 3d hold 74 of them."""
    folder = shared / "pseudopotentials" / "pseudodojo-pbe-fr"
    valences = [read_upf(folder / f"{name}_r.upf") for name in ("Ag-sp", "Hg-sp", "Sn-d", "Se-d")]
    semicore: list[Group] = [(64, -120.0, -40.0)]
    plan = WannierPlan.decide(
        stannite(), choices(valences), bands([*semicore, *STANNITE_BANDS], 136), (4, 4, 2), "QE"
    )
    assert (plan.num_wann, plan.n_excluded, plan.n_occupied) == (82, 74, 62)


def test_deep_shells_without_a_true_gap_are_projected() -> None:
    """Sn 4d that touches the bands above at some k is no group to leave out."""
    touching: list[Group] = [(10, -14.8, -13.8), *STANNITE_BANDS[1:]]
    plan = decide(eigenvalues=bands(touching, 72))
    assert (plan.num_wann, plan.n_excluded, plan.n_occupied) == (92, 0, 72)
    assert len(next(atom for atom in plan.atoms if atom.element == "Sn").orbitals) == 9
    assert any(note.startswith("Sn 4d is projected: no true gap (-") for note in plan.notes)


def test_a_deep_shell_above_projected_bands_cannot_be_counted_off() -> None:
    """O 2s lies below Ba 5p, so the lowest bands are not those of Ba 5p: only Ba 5s is left out."""
    oxide = Structure(Lattice.cubic(5.5), ["Ba", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    groups: list[Group] = [(2, -28, -27.5), (2, -18, -17), (6, -13, -11), (6, -4, 0), (12, 2, 6), (10, 7, 12)]
    plan = decide(oxide, ("Ba_sv", "O"), bands(groups, 16))
    assert plan.n_excluded == 2
    assert "Ba 5p is projected: it lies above projected bands" in plan.notes
    assert (plan.num_wann, plan.n_occupied) == (2 * (1 + 3 + 5 + 1 + 3), 14)


def test_the_users_projections_win() -> None:
    plan = decide(overrides={"Sn": "s,p,d"})
    assert (plan.num_wann, plan.n_excluded, plan.n_occupied) == (92, 0, 72)


def test_the_frozen_window_ends_two_ev_above_the_gap_between_levels() -> None:
    eigenvalues = bands(STANNITE_BANDS, 72)
    plan = decide()
    assert abs(plan.frozen[1] - (plan.fermi + 2.0)) < 0.06
    assert np.abs(eigenvalues.energies - plan.frozen[1]).min() > 1e-3
    assert plan.outer[0] == plan.frozen[0] < eigenvalues.energies[:, 10:].min()
    assert plan.outer[0] > eigenvalues.energies[:, :10].max()


def test_the_outer_window_ends_where_bands_are_no_longer_complete() -> None:
    eigenvalues = bands(STANNITE_BANDS, 72)
    plan = decide()
    assert plan.outer[1] < eigenvalues.energies[:, -1].min()
    assert ((eigenvalues.energies[:, 10:] < plan.outer[1]).sum(axis=1) >= plan.num_wann).all()
    assert not any("time reversal" in note for note in plan.notes)


def test_it_goes_further_where_num_wann_states_need_it_and_says_so() -> None:
    energies = np.array([[-1.0, 0.0, 1.0, 1.5, 2.0, 2.1], [-1.0, 0.0, 1.2, 2.6, 2.7, 3.0]])
    windows = decide_windows(energies, 4, 2, 0.3)
    assert 2.6 < windows.outer[1] < 2.8
    assert "bands are complete up to 1.80 eV only" in windows.notes[0]


def test_it_ends_sooner_where_more_states_than_wannier_functions_would_be_frozen() -> None:
    low: list[Group] = [*STANNITE_BANDS[:3], (20, 0.2, 1.2), (36, 1.3, 5.0)]
    eigenvalues = bands(low, 72)
    plan = decide(eigenvalues=eigenvalues)
    frozen = (eigenvalues.energies[:, 10:] <= plan.frozen[1]).sum(axis=1)
    assert frozen.max() <= plan.num_wann
    assert plan.frozen[1] > eigenvalues.highest_filled
    assert any("the frozen window ends 1.1" in note for note in plan.notes)


def test_the_fermi_energy_is_taken_into_the_gap() -> None:
    assert decide(eigenvalues=bands(STANNITE_BANDS, 72, fermi=-0.7)).fermi == pytest.approx(0.0, abs=0.4)


@pytest.mark.parametrize(
    ("groups", "n_electrons", "titles", "message", "remedy"),
    [
        (
            STANNITE_BANDS[:4],
            72,
            STANNITE,
            "92 bands are too few: 10 are excluded and 82",
            "Compute 133 bands",
        ),
        (STANNITE_BANDS, 73, STANNITE, "hold 72 electrons, the run treats 73", "pseudopotentials"),
    ],
)
def test_what_cannot_be_planned_is_refused(
    groups: list[Group], n_electrons: float, titles: Sequence[str], message: str, remedy: str
) -> None:
    with pytest.raises(PlanError, match=message) as caught:
        decide(titles=titles, eigenvalues=bands(groups, n_electrons))
    assert remedy in caught.value.remedy


def test_bands_that_need_more_wannier_functions_are_refused() -> None:
    """Four bands rise by 3 eV together: the highest occupied state lies above the lowest of the fifth."""
    energies = np.array([[-1.0, 0.0, 1.0, 1.1, 2.0], [2.0, 3.0, 4.0, 4.1, 5.0]])
    with pytest.raises(
        PlanError, match=r"band 5 above .* 2\.000 eV, below the highest occupied state at 3\.000"
    ) as e:
        decide_windows(energies, 4, 2, 0.5)
    assert "Project more shells" in e.value.remedy
    assert decide_windows(energies[:1], 4, 2, 0.5).frozen[1] < 2.0


def test_an_odd_number_of_electrons_is_refused() -> None:
    silver = Structure(Lattice.cubic(4.1), ["Ag"], [[0, 0, 0]])
    groups: list[Group] = [(10, -8, -3), (2, -2, 4), (12, 6, 12)]
    with pytest.raises(PlanError, match="11 occupied bands split a Kramers pair") as caught:
        decide(silver, ("Ag",), bands(groups, 11))
    assert "no Z2 index" in caught.value.remedy
    assert decide(silver, ("Ag",), bands(groups, 11), time_reversal=False).n_occupied == 11


def test_too_few_projections_are_refused() -> None:
    noble = Structure(Lattice.cubic(5.0), ["Xe"], [[0, 0, 0]])
    with pytest.raises(PlanError, match="8 Wannier functions cannot hold 8 occupied bands") as caught:
        decide(noble, ("Xe",), bands([(8, -5, 0), (12, 6, 12)], 8))
    assert "wannier.projections" in caught.value.remedy


def test_semicore_that_can_neither_go_nor_stay_is_refused() -> None:
    """Hg 5p and 6p have one name between them."""
    mercury = Structure(Lattice.cubic(4.0), ["Hg"], [[0, 0, 0]])
    valence = replace(valence_of_title("Hg_sv"), source="Hg_sv")
    groups: list[Group] = [(2, -40, -39), (6, -12, -8.2), (10, -8, -5), (2, -3, 1), (6, 2, 6), (20, 6.5, 12)]
    with pytest.raises(PlanError, match="Hg 5p have no true gap") as caught:
        WannierPlan.decide(mercury, choices([valence]), bands(groups, 20), (4, 4, 4), "QE")
    assert "in the core" in caught.value.remedy


def test_bands_without_spin_orbit_coupling_are_refused() -> None:
    with pytest.raises(PlanError, match="with spin–orbit coupling"):
        decide(eigenvalues=bands(STANNITE_BANDS, 72, spin_orbit=False))


def test_an_element_without_pseudopotential_is_refused() -> None:
    with pytest.raises(PlanError, match="no pseudopotential is known for Sn"):
        decide(titles=("Ag", "Hg", "Se"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_wann": 80}, "is not 2 × 41 projectors"),
        ({"n_occupied": 82}, "cannot hold 82 occupied"),
        ({"n_occupied": 61}, "split a Kramers pair"),
        ({"n_bands": 92}, "leave none above 82"),
        ({"frozen": (-99.0, 0.0)}, "does not lie in the outer one"),
        ({"mesh": (4, 0, 4)}, "no mesh"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        replace(decide(), **changes)


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    plan = decide()
    plan.save(tmp_path)
    assert WannierPlan.load(tmp_path) == plan


def test_a_missing_or_damaged_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="is missing"):
        WannierPlan.load(tmp_path)
    path = decide().save(tmp_path)
    path.write_text(path.read_text()[:200])
    with pytest.raises(PlanError, match="is damaged"):
        WannierPlan.load(tmp_path)
    path.write_text("{}")
    with pytest.raises(PlanError, match="is damaged"):
        WannierPlan.load(tmp_path)


def test_bands_are_asked_for_before_any_are_known() -> None:
    counts = {"Ag": 2, "Hg": 1, "Sn": 1, "Se": 4}
    found = choices([valence_of_title(title) for title in STANNITE])
    assert bands_needed(found, counts) == 134
    assert bands_needed(found, counts) >= 1.1 * (82 + 10)
