"""From what an engine left to a Wannier Hamiltonian, through Wannier90."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from discovery.verification.engines import StepError, StepOutput
from discovery.verification.quality import FROZEN

if TYPE_CHECKING:
    from discovery.topology.orbitals import Site
    from discovery.topology.tightbinding import TightBinding
    from discovery.verification.options import Options
    from discovery.verification.plan import WannierPlan

COMMAND = "DISCOVER_WANNIER90"
"""Variable that names wannier90.x where it is not on the path."""

HAMILTONIAN_REMEDY = "Look at the spreads and the disentanglement in the .wout of the wannier step."

AGAIN = "Run the step wannier_input again."


@dataclass(frozen=True)
class Wannierised:
    """What Wannier90 came to.

    Attributes:
        numbers: name with unit → value, ``largest spread (Å²)`` among them.
        programs: program → version.
        corrections: what was retried, one sentence each.
    """

    numbers: dict[str, float] = field(default_factory=dict)
    programs: dict[str, str] = field(default_factory=dict)
    corrections: tuple[str, ...] = ()


def wannierise(output: StepOutput, preset: Any, options: "Options", directory: Path) -> Wannierised:
    """Run Wannier90 in ``directory`` and leave a Hamiltonian with its geometry there.

    The overlaps stay where they are (hard links, or copies between file systems), with the `.win` they were
    made from.

    Args:
        output: of the step ``wannier_input``, with its plan and files.
        preset: the ``wannier`` section of the preset.
        options: what the user asked for.
        directory: where Wannier90 runs.

    Raises:
        StepError: Wannier90 is missing or failed, retries included.
    """
    from discovery.verification.wannier90 import run_wannier90

    plan = output.wannier_plan
    if plan is None:
        raise StepError("the step wannier_input left no plan of Wannier functions", AGAIN)
    collect(output, plan.seed, directory)
    set_windows(plan, directory)
    run = run_wannier90(directory, plan.seed, plan.n_occupied, command=wannier90_command())
    if run.wout.num_wann != plan.num_wann:
        raise StepError(
            f"{directory / plan.seed}.win has num_wann = {run.wout.num_wann}, the plan {plan.num_wann}",
            AGAIN,
        )
    plan.save(directory)
    numbers = run.numbers | {
        FROZEN: frozen_top(directory / f"{plan.seed}.win", plan),
        "excluded bands": float(plan.n_excluded),
    }
    return Wannierised(numbers, {"wannier90": run.wout.version}, run.corrections)


def collect(output: StepOutput, seed: str, directory: Path) -> None:
    """Bring `.win`, `.mmn`, `.amn` and `.eig` of the step before under one name into ``directory``.

    Raises:
        StepError: one is missing.
    """
    files = dict(output.wannier_files)
    if "mmn" in files:
        files.setdefault("win", Path(files["mmn"]).with_suffix(".win"))
    for kind in ("win", "mmn", "amn", "eig"):
        source = Path(files[kind]) if kind in files else None
        if source is None or not source.is_file():
            raise StepError(f"the step wannier_input left no .{kind} ({source or 'not named'})", AGAIN)
        target = directory / f"{seed}.{kind}"
        if target.exists() and target.samefile(source):
            continue
        target.unlink(missing_ok=True)
        if kind == "win":  # changed by retries
            shutil.copyfile(source, target)
            continue
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)


def set_windows(plan: "WannierPlan", directory: Path) -> None:
    """Decide the windows again, on the mesh that Wannier90 will see; the plan may have seen a coarser one.

    Raises:
        PlanError: no frozen window holds all occupied states on this mesh.
    """
    import numpy as np

    from discovery.verification.win import with_keywords
    from discovery.verification.windows import decide_windows
    from discovery.verification.wout import read_eig

    energies = np.sort(read_eig(directory / f"{plan.seed}.eig"), axis=1)
    if energies.shape[1] < plan.num_wann:
        raise StepError(
            f"{energies.shape[1]} bands in {plan.seed}.eig cannot make {plan.num_wann} Wannier functions",
            AGAIN,
        )
    windows = decide_windows(energies, plan.num_wann, plan.n_occupied, plan.fermi)
    low, high = windows.outer
    frozen_low, frozen_high = windows.frozen
    keys = {"dis_win_min": low, "dis_win_max": high, "dis_froz_min": frozen_low, "dis_froz_max": frozen_high}
    win = directory / f"{plan.seed}.win"
    text = with_keywords(win.read_text(encoding="utf-8"), {key: f"{x:.6f}" for key, x in keys.items()})
    win.write_text(text, encoding="utf-8")


def frozen_top(win: Path, plan: "WannierPlan") -> float:
    """Return where the frozen window ended after all retries, in eV from the plan's Fermi energy."""
    from discovery.verification.win import keywords

    found = keywords(win.read_text(encoding="utf-8")).get("dis_froz_max", str(plan.frozen[1]))
    return float(found) - plan.fermi


def wannier90_command() -> tuple[str, ...]:
    """Return the program, from ``DISCOVER_WANNIER90`` or ``wannier90.x``."""
    import shlex

    return tuple(shlex.split(os.environ.get(COMMAND, ""))) or ("wannier90.x",)


def hamiltonian(directory: Path) -> "TightBinding":
    """Return the Hamiltonian that `wannierise` left.

    Raises:
        StepError: there is none, or it is damaged.
    """
    from discovery.topology.tightbinding import HamiltonianError
    from discovery.wannier.hr import read_model

    try:
        return read_model(directory)
    except HamiltonianError as error:
        raise StepError(str(error), HAMILTONIAN_REMEDY) from None


def sites_of(plan: "WannierPlan") -> "Sequence[Site]":
    """Return the atoms with the orbitals of the Hamiltonian's basis."""
    return plan.atoms
