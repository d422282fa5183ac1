"""The files that a `WannierPlan` becomes: `.win`, VASP's tags, pw2wannier90's input, WannierTools' plan.

Sources: wannier90 3.1 user guide; VASP wiki, LWANNIER90, NUM_WANN, WANNIER90_WIN; INPUT_pw2wannier90 is in
the wannier90 user guide, chapter on interfaces.
"""

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from discovery.topology.orbitals import shell_of
from discovery.verification.plan import PlanError, WannierPlan
from discovery.wannier.wanniertools.hamiltonian import plan_for
from discovery.wannier.wanniertools.plan import IntVector, WtPlan
from discovery.wannier.wanniertools.plan import PlanError as WtPlanError

if TYPE_CHECKING:
    from discovery.topology.tightbinding import TightBinding

ANGULAR = {"s": 0, "p": 1, "d": 2, "f": 3}

CONTROL: dict[str, str] = {
    "num_iter": "0",
    "guiding_centres": ".true.",
    "dis_num_iter": "500",
    "dis_mix_ratio": "0.5",
    "write_hr": ".true.",
    "write_tb": ".true.",
    "use_ws_distance": ".true.",
    "ws_distance_tol": "0.01",
}
"""Keywords that no crystal changes. The spread is not iterated: atomic projections keep the symmetry,
which later checks look for; a retry iterates where spreads are too large. Kramers partners come out 1e-4 Å
apart, so with wannier90's tolerance of 1e-5 Å one of two partners may reach a periodic image that the other
does not: in silicon on 5 × 5 × 5 points that broke time reversal by 22 meV, with 0.01 Å by 0.2 meV."""


def kpoints(plan: WannierPlan) -> np.ndarray:
    """Return the (n_k, 3) fractional mesh, last component fastest: the order of the `.win` and of pw.x."""
    return np.array(list(product(*(np.arange(n) / n for n in plan.mesh))))


def write_win(plan: WannierPlan) -> str:
    """Return the `.win`.

    For QE it is complete. For VASP it has no geometry and no k-points, which VASP adds in its own order: it
    would not check those that it finds.
    """
    if plan.package != "QE":
        return f"num_wann = {plan.num_wann}\nspinors = .true.\n{_settings(plan)}"
    lattice = "\n".join("".join(f"{x:18.12f}" for x in row) for row in plan.lattice)
    atoms = "\n".join(f"{atom.element:3s}{_numbers(atom.position, ' ')}" for atom in plan.atoms)
    points = "\n".join("".join(f"{x:18.14f}" for x in k) for k in kpoints(plan))
    return (
        f"num_bands = {plan.n_bands - plan.n_excluded}\nnum_wann = {plan.num_wann}\nspinors = .true.\n"
        f"{_settings(plan)}"
        f"begin unit_cell_cart\nAng\n{lattice}\nend unit_cell_cart\n"
        f"begin atoms_frac\n{atoms}\nend atoms_frac\n"
        f"mp_grid = {' '.join(map(str, plan.mesh))}\n"
        f"begin kpoints\n{points}\nend kpoints\n"
    )


def vasp_tags(plan: WannierPlan) -> dict[str, Any]:
    """Return the INCAR tags of the run that feeds Wannier90.

    VASP 6.2 and later take the `.win` from INCAR; VASP 5 reads ``wannier90.win`` (`write_win`).

    Raises:
        PlanError: the plan is one for Quantum ESPRESSO.
    """
    if plan.package == "QE":
        raise PlanError("the plan was made for Quantum ESPRESSO, not for VASP")
    tags: dict[str, Any] = {"LWANNIER90": True, "NBANDS": plan.n_bands, "ISYM": -1}
    if plan.package == "VASP6":
        # pymatgen writes the text as it is given: VASP wants the quotes around several lines.
        tags |= {"NUM_WANN": plan.num_wann, "WANNIER90_WIN": f'"\n{_settings(plan)}"'}
    return tags


def write_pw2wannier90(plan: WannierPlan, prefix: str, outdir: str) -> str:
    """Return the input of pw2wannier90.x.

    Args:
        plan: the plan, made for QE.
        prefix: of pw.x.
        outdir: of pw.x, relative to where pw2wannier90.x runs.

    Raises:
        PlanError: the plan is one for VASP.
    """
    if plan.package != "QE":
        raise PlanError("the plan was made for VASP, not for Quantum ESPRESSO")
    quoted = [name.replace("'", "''") for name in (outdir, prefix, plan.seed)]
    return (
        "&inputpp\n  outdir = '{}'\n  prefix = '{}'\n  seedname = '{}'\n".format(*quoted)
        + "  spin_component = 'none'\n  write_mmn = .true.\n  write_amn = .true.\n  write_unk = .false.\n/\n"
    )


def wt_plan(
    plan: WannierPlan,
    model: "TightBinding",
    miller: IntVector | None,
    *,
    hamiltonian: str = "",
    **settings: Any,
) -> WtPlan:
    """Return the plan of a `wt.in` for the Hamiltonian that came out.

    Args:
        plan: what it was made with.
        model: the Hamiltonian.
        miller: index of the surface in the plan's lattice.
        hamiltonian: name of the `_hr.dat`; ``SEED_hr.dat`` unless given.
        **settings: further fields of `WtPlan`.

    Raises:
        PlanError: the Hamiltonian is not the plan's.
    """
    try:
        return plan_for(
            model,
            plan.atoms,
            plan.n_occupied,
            hamiltonian=hamiltonian or f"{plan.seed}_hr.dat",
            package=plan.package,
            miller=miller,
            **({"time_reversal": plan.time_reversal} | settings),
        )
    except WtPlanError as error:
        raise PlanError(str(error)) from None


def _settings(plan: WannierPlan) -> str:
    """Everything but counts, geometry and k-points; a line for each shell: INCAR splits lines at `;`."""
    keys = {"exclude_bands": f"1-{plan.n_excluded}"} if plan.n_excluded else {}
    low, high = plan.outer
    frozen_low, frozen_high = plan.frozen
    keys |= {"dis_win_min": f"{low:.6f}", "dis_win_max": f"{high:.6f}"}
    keys |= {"dis_froz_min": f"{frozen_low:.6f}", "dis_froz_max": f"{frozen_high:.6f}"}
    rows = []
    for atom in plan.atoms:
        place = _numbers(atom.position, ",")
        rows += [f"f={place}:l={ANGULAR[shell]}" for shell in dict.fromkeys(map(shell_of, atom.orbitals))]
    lines = [f"{key} = {value}" for key, value in (CONTROL | keys).items()]
    return "\n".join([*lines, "begin projections", *rows, "end projections", ""])


def _numbers(position: tuple[float, ...], separator: str) -> str:
    return separator.join(f"{x:.12f}" for x in position)
