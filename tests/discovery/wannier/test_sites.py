from pathlib import Path

import numpy as np
import pytest

from discovery.topology.symmetries import time_reversal_violation
from discovery.wannier.sites import SitesError, find_sites, in_atom_order, read_win_sites, read_wt_sites
from tests.discovery.topology.models import sn_te_like

WIN = """spinors = .true.
begin unit_cell_cart
bohr
10 0 0
0 10 0
0 0 10
end unit_cell_cart
begin atoms_{unit}
Bi 0.0 0.0 0.0
Se {half} {half} {half}
bi 0.25 0.0 0.0
end atoms_{unit}
begin projections
{lines}
end projections
"""
P = ("pz", "px", "py")


def win(folder: Path, lines: str, unit: str = "frac", half: str = "0.5") -> Path:
    path = folder / "s.win"
    path.write_text(WIN.format(lines=lines, unit=unit, half=half))
    return path


@pytest.mark.parametrize(
    ("lines", "orbitals", "order"),
    [
        ("Bi:p\nSe:s;p", (P, P, ("s", *P)), range(10)),
        ("Bi: p ; s\nSe: px;pz  ! remark", (("s", *P), ("s", *P), ("pz", "px")), range(10)),
        ("Bi:s\nBi:p\nSe:s", (("s", *P), ("s", *P), ("s",)), (0, 2, 3, 4, 1, 5, 6, 7, 8)),
        ("bi:l=1,mr=2,3\nSe:l=0;l=2,mr=1", (("px", "py"), ("px", "py"), ("s", "dz2")), range(6)),
        ("Bi:s(u,d)[0,0,1]\nf=0.5,0.5,0.5:fz(x2-y2)", (("s",), ("s",), ("fzx2",)), range(3)),
        ("bohr\nBi:s\nc=5.0,5.0,5.0:s", (("s",), ("s",), ("s",)), range(3)),
    ],
)
def test_projections_are_read_in_the_order_of_the_basis(
    tmp_path: Path, lines: str, orbitals: tuple[tuple[str, ...], ...], order: tuple[int, ...]
) -> None:
    """A line stands for its atoms in turn; l and m_r ascend whatever the order of the words."""
    sites = read_win_sites(win(tmp_path, lines))
    assert [(atom.element, atom.position) for atom in sites.atoms] == [
        ("Bi", (0.0, 0.0, 0.0)),
        ("Bi", (0.25, 0.0, 0.0)),
        ("Se", pytest.approx((0.5, 0.5, 0.5), abs=1e-9)),
    ]
    assert tuple(atom.orbitals for atom in sites.atoms) == orbitals
    assert sites.order == tuple(order)


def test_cartesian_atoms_are_turned_into_fractions(tmp_path: Path) -> None:
    path = win(tmp_path, "Se:s", "cart", "2.6458860")
    assert read_win_sites(path).atoms[0].position == pytest.approx((0.5, 0.5, 0.5), abs=1e-6)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "no projections"),
        ("random", "names no orbital"),
        ("Bi:sp3", "no atomic orbital"),
        ("Bi:l=1,mr=4", "its shell does not"),
        ("Bi:p:z=1,1,0", "axes"),
        ("Bi:s(u)", "spins"),
        ("Te:s", "none of the atoms"),
        ("Bi:s\nBi:s", "twice"),
        ("f=0.5,0.5:s", "not three numbers"),
    ],
)
def test_what_is_no_plain_atomic_orbital_is_refused(tmp_path: Path, lines: str, message: str) -> None:
    with pytest.raises(SitesError, match=message):
        read_win_sites(win(tmp_path, lines))


@pytest.mark.parametrize("keyword", ["auto_projections = .true.", "select_projections : 1-8"])
def test_hidden_projections_are_refused(tmp_path: Path, keyword: str) -> None:
    path = win(tmp_path, "Bi:s")
    path.write_text(keyword + "\n" + path.read_text())
    with pytest.raises(SitesError, match="hides"):
        read_win_sites(path)
    path.write_text("auto_projections = .false.\n" + path.read_text().partition("\n")[2])
    assert len(read_win_sites(path).order) == 2


WT = """LATTICE
Angstrom
4 0 0
0 4 0
0 0 4

ATOM_POSITIONS
2
{kind}
 Bi 0 0 0
 Se 2.0 2.0 2.0

PROJECTORS
 3 1
Bi pz px py
Se s   ! remark
"""


def test_wanniertools_inputs_are_read(tmp_path: Path) -> None:
    path = tmp_path / "wt.in"
    path.write_text(WT.format(kind="Cartesian"))
    sites = read_wt_sites(path)
    assert [(a.element, a.position, a.orbitals) for a in sites.atoms] == [
        ("Bi", (0, 0, 0), P),
        ("Se", (0.5, 0.5, 0.5), ("s",)),
    ]
    path.write_text(WT.format(kind="Direct").replace(" 3 1", " 3 2"))
    with pytest.raises(SitesError, match="does not name as many"):
        read_wt_sites(path)
    path.write_text(WT.format(kind="Direct").replace("PROJECTORS", "OTHER"))
    with pytest.raises(SitesError, match="no PROJECTORS"):
        read_wt_sites(path)


def test_what_does_not_make_up_the_basis_is_no_answer(tmp_path: Path) -> None:
    win(tmp_path, "Bi:p")
    file = tmp_path / "s_hr.dat"
    assert len(find_sites(file, "s", 12).atoms) == 2
    with pytest.raises(SitesError, match="6 projections with two spins do not make up 10"):
        find_sites(file, "s", 10)
    (tmp_path / "wt.in").write_text(WT.format(kind="Cartesian"))
    assert find_sites(file, "s", 8).path.name == "wt.in"
    with pytest.raises(SitesError, match="neither"):
        find_sites(tmp_path / "other" / "x_hr.dat", "x", 8) if (tmp_path / "other").mkdir() is None else None


@pytest.mark.parametrize("spin", ["interleaved", "blocks"])
def test_a_basis_is_sorted_by_atoms_with_its_spins(spin: str) -> None:
    model = sn_te_like()
    assert model.spin == "interleaved"
    n = model.n_orbitals // 2
    if spin == "blocks":
        up_first = (*range(0, 2 * n, 2), *range(1, 2 * n, 2))
        parts = (model.hoppings[:, up_first][:, :, up_first], model.centres[list(up_first)])
        model = type(model)(model.lattice, model.cells, *parts, "blocks")
    order = tuple(np.random.default_rng(1).permutation(n).tolist())
    turned = in_atom_order(model, order)
    assert time_reversal_violation(turned) < 1e-12
    k = np.array([0.1, 0.2, 0.3])
    np.testing.assert_allclose(turned.bands(k), model.bands(k), atol=1e-12)
    back = in_atom_order(turned, tuple(np.argsort(order).tolist()))
    np.testing.assert_array_equal(back.hoppings, model.hoppings)
    assert in_atom_order(model, tuple(range(n))) is model


@pytest.mark.shared
def test_cases_name_their_orbitals_alike_in_both_files(shared: Path) -> None:
    for case, count in (("Sb-strong-TI", 8), ("GaAs-trivial", 8), ("Bi2Se3-bad-wannierisation", 15)):
        folder = shared / "cases" / case
        own, other = read_win_sites(folder / "s.win"), read_wt_sites(folder / "wt.in")
        assert own.atoms == other.atoms
        assert own.order == other.order == tuple(range(count))
