from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.topology.decimation import decimate
from discovery.topology.green import fermi_arcs, surface_spectrum
from discovery.topology.layers import coupling, layers, stacked, sufficient
from discovery.topology.slab import slab_bands, slab_hamiltonian
from discovery.topology.tightbinding import TightBinding
from discovery.wannier.hr import read_hr

PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
ONE = np.eye(2)


def assembled(
    table: dict[tuple, np.ndarray], lattice: np.ndarray | None = None, centres: np.ndarray | None = None
) -> TightBinding:
    """A model from one of each pair R, −R; R = 0 whole."""
    full = {cell: np.asarray(block, dtype=complex) for cell, block in table.items()}
    full |= {tuple(-x for x in cell): block.conj().T for cell, block in full.items() if any(cell)}
    n = next(iter(full.values())).shape[0]
    return TightBinding(
        3.0 * np.eye(3) if lattice is None else lattice,
        np.array(list(full)),
        np.array(list(full.values())),
        np.zeros((n, 3)) if centres is None else centres,
    )


def chain(inside: float, between: float) -> TightBinding:
    """Su–Schrieffer–Heeger chains along z, side by side."""
    climb = np.array([[0, 0], [between, 0]])  # from the upper orbital to the lower one of the next cell
    return assembled(
        {(0, 0, 0): [[0, inside], [inside, 0]], (0, 0, 1): climb},
        centres=np.array([[0, 0, 0.25], [0, 0, 0.75]]),
    )


def qi_wu_zhang(m: float) -> TightBinding:
    """Layers x–z of Qi, Wu & Zhang, Phys. Rev. B 74, 085308 (2006), uncoupled along y; Chern number ±1."""
    return assembled(
        {
            (0, 0, 0): m * PAULI[2],
            (1, 0, 0): 0.5 * (PAULI[2] - 1j * PAULI[0]),
            (0, 0, 1): 0.5 * (PAULI[2] - 1j * PAULI[1]),
        }
    )


def cubic_insulator(m: float) -> TightBinding:
    """Wilson's lattice Dirac fermions: a strong topological insulator for 1 < |m| < 3."""
    table = {(0, 0, 0): m * np.kron(PAULI[2], ONE)}
    for axis in range(3):
        cell = tuple(int(i == axis) for i in range(3))
        table[cell] = 0.5 * np.kron(PAULI[2], ONE) - 0.5j * np.kron(PAULI[0], PAULI[axis])
    return assembled(table)


def random_model(seed: int, n: int = 3) -> TightBinding:
    rng = np.random.default_rng(seed)
    table = {(0, 0, 0): np.diag(rng.normal(size=n))}
    for cell in [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, -1, 1), (0, 1, 2)]:
        table[cell] = 0.3 * (rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))
    lattice = np.diag([3.0, 4.0, 5.0]) + rng.normal(scale=0.3, size=(3, 3))
    return assembled(table, lattice, rng.random((n, 3)))


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 1000),
    st.tuples(st.integers(-2, 2), st.integers(-2, 2), st.integers(-2, 2)).filter(any),
)
def test_layers_hold_the_bulk(seed: int, miller: tuple) -> None:
    model = random_model(seed)
    stack = layers(model, miller)
    k = np.random.default_rng(seed).random((4, 3))
    blocks = stack.blocks(k[:, :2])
    climbs = np.exp(2j * np.pi * k[:, 2:] * np.arange(blocks.shape[1]))
    half = np.einsum("kr,krij->kij", climbs[:, 1:], blocks[:, 1:])
    h = blocks[:, 0] + half + half.conj().transpose(0, 2, 1)
    bulk = k @ np.linalg.inv(stack.surface.cell).T  # k · a_new = cell @ (k · a_old)
    np.testing.assert_allclose(np.linalg.eigvalsh(h), model.bands(bulk), atol=1e-9)
    assert (stack.heights > -1e-6).all()
    assert (stack.heights < stack.surface.spacing + 1e-6).all()


def test_layers_are_cut_in_the_widest_gap_or_where_asked() -> None:
    close = assembled(
        {(0, 0, 0): [[0, 1], [1, 0]], (0, 0, 1): [[0, 0], [0.1, 0]]},
        centres=np.array([[0, 0, 0.9], [0, 0, 0.1]]),
    )
    assert layers(close, (0, 0, 1)).cut == pytest.approx(0.5)
    assert layers(close, (0, 0, 1), cut=0.0).cut == 0.0
    assert layers(chain(1, 1), (0, 0, 1)).cut == 0.0


def test_principal_layers_are_as_few_as_the_hoppings_allow() -> None:
    blocks = layers(random_model(0), (0, 0, 1)).blocks(np.array([[0.1, 0.2]]))
    exact, nothing = sufficient(blocks, 0.0)
    assert (exact, nothing) == (blocks.shape[1] - 1, 0.0)
    norms = np.linalg.norm(blocks[0, 1:], ord=2, axis=(1, 2))
    assert sufficient(blocks, 2 * norms[-1] + 1e-9)[0] == exact - 1
    np.testing.assert_allclose(
        stacked(blocks, 2 * exact),
        np.block(
            [
                [stacked(blocks, exact)[0], coupling(blocks, exact)[0]],
                [coupling(blocks, exact)[0].conj().T, stacked(blocks, exact)[0]],
            ]
        )[None],
    )


@pytest.mark.parametrize("miller", [(0, 0, 1), (1, 0, 1), (1, -1, 2)])
def test_the_spectrum_is_that_of_a_slab_too_thick_to_matter(miller: tuple) -> None:
    model, k, energies, eta = random_model(4), np.array([[0.13, 0.27]]), np.linspace(-2, 2, 9), 0.2
    found = surface_spectrum(model, miller, energies, k=k, eta=eta, tolerance=0.0)
    thickness = 240
    h = slab_hamiltonian(layers(model, miller), k, thickness)[0]
    levels, states = np.linalg.eigh(h)
    weights = np.abs(states.reshape(thickness, model.n_orbitals, -1)) ** 2
    peaks = eta / np.pi / ((energies[:, None] - levels) ** 2 + eta**2)
    for layer, part in ((0, found.bottom), (-1, found.top), (thickness // 2, found.bulk)):
        np.testing.assert_allclose(part[0], peaks @ weights[layer].sum(axis=0), rtol=2e-3)


def test_the_whole_green_function_solves_its_own_equation() -> None:
    blocks = layers(random_model(7), (0, 0, 1)).blocks(np.array([[0.3, 0.1], [0.0, 0.45]]))
    number = blocks.shape[1] - 1
    h0, h1 = stacked(blocks, number), coupling(blocks, number)
    z = np.array([-0.7, 0.2]) + 0.05j
    bottom, top, bulk = decimate(h0, h1, z)
    unit = z[None, :, None, None] * np.eye(h0.shape[-1])
    up, down = h1[:, None], h1[:, None].conj().swapaxes(-1, -2)
    g_bottom, g_top = np.linalg.inv(unit - bottom), np.linalg.inv(unit - top)
    np.testing.assert_allclose(bottom, h0[:, None] + up @ g_bottom @ down, atol=1e-4)
    np.testing.assert_allclose(top, h0[:, None] + down @ g_top @ up, atol=1e-4)
    np.testing.assert_allclose(bulk, h0[:, None] + up @ g_bottom @ down + down @ g_top @ up, atol=1e-4)


@pytest.mark.parametrize(("eta", "will_do"), [(0.05, True), (0.0005, False)])
def test_single_precision_is_used_only_where_it_does(
    eta: float, will_do: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, energies = cubic_insulator(-2.0), np.linspace(-1, 1, 201)

    def spectrum() -> np.ndarray:
        return surface_spectrum(model, (0, 0, 1), energies, points=25, eta=eta).top

    found = spectrum()
    monkeypatch.setattr("discovery.topology.green.SAMPLE", np.inf)
    double = spectrum()
    np.testing.assert_allclose(found, double, rtol=1e-3)
    assert bool((found != double).any()) == will_do


def test_spectra_add_up_to_the_orbitals() -> None:
    model = random_model(2)
    energies = np.linspace(-60, 60, 6001)
    found = surface_spectrum(model, (0, 1, 1), energies, k=np.array([[0.2, 0.4]]), eta=0.05)
    outside = 1 - 2 / np.pi * np.arctan(0.05 / 60)  # what Lorentzians keep within 60 eV, closely
    for part in (found.top, found.bottom, found.bulk):
        assert np.trapezoid(part[0], energies) == pytest.approx(3 * (2 - outside) * outside, rel=1e-3)


def test_the_bulk_spectrum_is_the_bulk_bands_projected() -> None:
    model = random_model(5)
    k, energies, eta = np.array([[0.2, 0.4]]), np.linspace(-2, 2, 21), 0.05
    found = surface_spectrum(model, (0, 0, 1), energies, k=k, eta=eta)
    out = np.arange(2000) / 2000
    in_old = np.column_stack([np.repeat(k, 2000, axis=0), out]) @ np.linalg.inv(found.surface.cell).T
    levels = model.bands(in_old)
    peaks = eta / np.pi / ((energies[:, None, None] - levels) ** 2 + eta**2)
    np.testing.assert_allclose(found.bulk[0], peaks.mean(axis=1).sum(axis=1), rtol=1e-3)


def test_a_chain_has_an_edge_state_on_the_side_of_its_weak_bonds() -> None:
    energies, eta = np.array([-0.3, 0.0, 0.3]), 0.01
    edge = surface_spectrum(chain(0.5, 1.0), (0, 0, 1), energies, points=6, eta=eta)
    for part in (edge.top, edge.bottom):  # the state at zero holds 1 − (t/t')² of its weight in the last cell
        np.testing.assert_allclose(part[:, 1], 0.75 / (np.pi * eta), rtol=0.05)
        assert (part[:, [0, 2]] < 0.5).all()
    assert (edge.bulk < 0.5).all()
    none = surface_spectrum(chain(1.0, 0.5), (0, 0, 1), energies, points=6, eta=eta)
    assert (none.top < 0.5).all()
    elsewhere = surface_spectrum(chain(1.0, 0.5), (0, 0, 1), energies, points=6, eta=eta, cut=0.5)
    assert (elsewhere.top[:, 1] > 20).all()


@pytest.mark.parametrize("m", [-1.0, 1.0])
def test_a_chern_insulator_has_one_edge_state_that_crosses_the_gap_each_way(m: float) -> None:
    model = qi_wu_zhang(m)
    k = np.column_stack([np.linspace(-0.5, 0.5, 81), np.zeros(81)])
    along = layers(model, (0, 0, 1)).surface.in_plane[:, 0]  # which of the two is x
    k = k if along[0] else k[:, ::-1]
    energies = np.linspace(-0.6, 0.6, 61)
    found = surface_spectrum(model, (0, 0, 1), energies, k=k, eta=0.02)
    assert found.bulk.max() < 2.0
    slopes = []
    for part in (found.top, found.bottom):
        peak = part.argmax(axis=1)
        inside = (part.max(axis=1) > 5) & (peak > 0) & (peak < 60)
        assert inside.sum() > 5
        slopes.append(np.polyfit(np.unwrap(2 * np.pi * k[inside].sum(axis=1)), energies[peak[inside]], 1)[0])
    assert slopes[0] * slopes[1] < 0
    assert np.abs(slopes) == pytest.approx(1, abs=0.2)


def test_trivial_insulators_have_empty_gaps() -> None:
    for model in (qi_wu_zhang(3.0), cubic_insulator(4.0)):
        found = surface_spectrum(model, (0, 0, 1), np.linspace(-0.5, 0.5, 11), points=20, eta=0.01)
        assert max(found.top.max(), found.bottom.max(), found.bulk.max()) < 0.2


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_the_order_of_orbitals_changes_nothing(seed: int) -> None:
    model, rng = random_model(seed), np.random.default_rng(seed)
    order, cells = rng.permutation(3), rng.permutation(len(model.cells))
    other = TightBinding(
        model.lattice,
        model.cells[cells],
        model.hoppings[cells][:, order][:, :, order],
        model.centres[order],
    )
    energies = np.linspace(-1, 1, 5)
    one, two = (surface_spectrum(m, (1, 0, 1), energies, points=9, eta=0.05) for m in (model, other))
    np.testing.assert_allclose(one.top, two.top, rtol=1e-4)
    np.testing.assert_allclose(one.bottom, two.bottom, rtol=1e-4)
    slabs = [slab_bands(m, (1, 0, 1), 3, points=9) for m in (model, other)]
    np.testing.assert_allclose(slabs[0].energies, slabs[1].energies, atol=1e-9)
    np.testing.assert_allclose(slabs[0].top, slabs[1].top, atol=1e-6)


def test_equivalent_surfaces_of_a_cubic_crystal_agree_and_hold_the_dirac_cone() -> None:
    model, energies = cubic_insulator(-2.0), np.linspace(-0.5, 0.5, 11)
    found = [
        surface_spectrum(model, miller, energies, points=12, eta=0.02)
        for miller in [(0, 0, 1), (0, 0, -1), (1, 0, 0), (0, 1, 0)]
    ]
    for other in found[1:]:
        np.testing.assert_allclose(other.top, found[0].top, rtol=1e-3)
        np.testing.assert_allclose(other.bottom, found[0].top, rtol=1e-3)
    gamma = found[0].top[0]
    assert gamma.argmax() == 5
    assert gamma[5] > 10 * found[0].bulk[0].max()
    (diagonal, other) = (
        surface_spectrum(model, miller, energies, points=12, eta=0.02) for miller in [(1, 1, 0), (0, -1, 1)]
    )
    np.testing.assert_allclose(diagonal.top, other.top, rtol=1e-3)


def test_workers_give_the_same_and_progress_is_told() -> None:
    model, energies, told = random_model(1), np.linspace(-1, 1, 3), []
    alone = surface_spectrum(model, (0, 0, 1), energies, points=9)
    both = surface_spectrum(
        model, (0, 0, 1), energies, points=9, workers=2, on_progress=lambda *x: told.append(x)
    )
    np.testing.assert_allclose(both.top, alone.top)
    assert told[-1] == (9, 9)
    assert [name for _, name in both.labels] == list(both.surface.path.labels)
    assert both.labels[-1][0] == pytest.approx(both.distance[-1])


def test_arcs_are_the_spectrum_at_one_energy() -> None:
    model = cubic_insulator(-2.0)
    arcs = fermi_arcs(model, (0, 0, 1), 0.3, grid=(5, 7), eta=0.05)
    spectrum = surface_spectrum(model, (0, 0, 1), np.array([0.3]), k=arcs.k.reshape(-1, 2), eta=0.05)
    np.testing.assert_allclose(arcs.top.reshape(-1), spectrum.top[:, 0], rtol=1e-4)
    assert arcs.cartesian.shape == (5, 7, 2)
    np.testing.assert_allclose(np.abs(arcs.cartesian).max(), np.pi / 3)


def test_without_broadening_there_is_no_spectrum() -> None:
    with pytest.raises(ValueError, match="broadening"):
        surface_spectrum(chain(1, 1), (0, 0, 1), np.zeros(1), eta=0.0)


@pytest.fixture(scope="module")
def bismuth_selenide(shared: Path) -> tuple[TightBinding, Path]:
    """WannierTools' example, energies from its E_FERMI."""
    folder = shared / "cases" / "Bi2Se3-wanniertools"
    text = (folder / "surface" / "wt.in").read_text().splitlines()
    lattice = np.loadtxt([line.split("!")[0] for line in text[text.index("LATTICE") + 2 :][:3]])
    start = next(i for i, line in enumerate(text) if line.startswith("WANNIER_CENTRES"))
    centres = np.loadtxt(text[start + 2 :][:30]) @ np.linalg.inv(lattice)
    model = read_hr(folder / "wannier90_hr.dat.gz", lattice, centres)
    hoppings = model.hoppings.copy()
    hoppings[(model.cells == 0).all(axis=1)] -= 4.4195 * np.eye(30)
    return replace(model, hoppings=hoppings), folder / "surface"


def path_of(model: TightBinding) -> np.ndarray:
    """KPATH_SLAB of that wt.in, in our in-plane vectors: theirs are the first two of the lattice."""
    corners = np.array([[0.33, 0.67], [0, 0], [0.5, 0.5]])
    parts = [a + np.linspace(0, 1, 41)[:, None] * (b - a) for a, b in pairwise(corners)]
    return np.vstack(parts) @ layers(model, (0, 0, 1)).surface.in_plane[:, :2].T


def test_slab_bands_are_those_of_wanniertools(bismuth_selenide: tuple[TightBinding, Path]) -> None:
    model, folder = bismuth_selenide
    theirs = np.loadtxt(folder / "slabek.dat.gz").reshape(240, 82, 4)[:, ::20]
    ours = slab_bands(model, (0, 0, 1), 8, k=path_of(model)[::20])
    np.testing.assert_allclose(ours.energies, theirs[..., 1].T, atol=1e-6)
    np.testing.assert_allclose(ours.distance, theirs[0, :, 0], atol=1e-6)
    # their weights: bottom and top, over the largest sum of both on their path
    scale = ours.bottom[1] @ theirs[:, 1, 2] / (theirs[:, 1, 2] @ theirs[:, 1, 2])
    np.testing.assert_allclose(ours.bottom[1], scale * theirs[:, 1, 2], atol=1e-4)
    np.testing.assert_allclose(ours.top[1], scale * theirs[:, 1, 3], atol=1e-4)


def test_surface_spectra_are_those_of_wanniertools(bismuth_selenide: tuple[TightBinding, Path]) -> None:
    model, folder = bismuth_selenide
    near = np.abs(model.cells[:, 2]) <= 1  # NP = 1 there: hoppings over two layers are left out
    model = TightBinding(model.lattice, model.cells[near], model.hoppings[near], model.centres)
    k = path_of(model)[::20]
    eta = 3 * 2.0 / 101  # hard-coded there: three steps of energy
    names = {"l": "bottom", "r": "top", "bulk": "bulk"}
    theirs = {
        ours: np.loadtxt(folder / f"dos.dat_{name}.gz").reshape(82, 101, -1)[::20, ::4]
        for name, ours in names.items()
    }
    energies = theirs["top"][0, :, 1]
    ours = surface_spectrum(model, (0, 0, 1), energies, k=k, eta=eta)
    assert ours.principal_layers == 1
    for name, table in theirs.items():  # they print ln(−Im tr G) in 1/Hartree
        np.testing.assert_allclose(
            np.log(np.pi * 27.211385 * getattr(ours, name)), table[..., 2], atol=2e-5, err_msg=name
        )


def test_the_dirac_point_of_bismuth_selenide(bismuth_selenide: tuple[TightBinding, Path]) -> None:
    model, _ = bismuth_selenide
    energies = np.linspace(-0.25, 0.0, 126)
    found = surface_spectrum(model, (0, 0, 1), energies, k=np.zeros((1, 2)), eta=0.002, tolerance=0.01)
    for part in (found.top, found.bottom):
        assert energies[part[0].argmax()] == pytest.approx(-0.154, abs=0.005)
    slab = slab_bands(model, (0, 0, 1), 8, k=np.zeros((1, 2)))
    four = np.argsort(-(slab.top + slab.bottom)[0] * (np.abs(slab.energies[0] + 0.154) < 0.05))[:4]
    np.testing.assert_allclose(slab.energies[0][four], -0.154, atol=0.005)
