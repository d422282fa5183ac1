"""The commands of a step as a shell script, for those who run the inputs themselves."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from discovery.settings import get_settings
from discovery.verification.engines.espresso import hubbard, inputs

if TYPE_CHECKING:
    from discovery.verification.options import Options

NAME = "run.sh"


def write_script(
    step: str,
    directory: Path,
    previous: Mapping[str, Path],
    options: "Options",
    *,
    density_of: str | None,
    pools: int,
    electrons: int | None,
) -> None:
    """Write ``run.sh`` beside the inputs of a step.

    Args:
        step: its name.
        directory: where it goes.
        previous: earlier step → its directory.
        options: ranks.
        density_of: step whose charge density this one reads, if it does.
        pools: groups of ranks with k-points of their own.
        electrons: in the cell, where parities are counted.
    """
    from discovery.wannier.irrep import irrep_command

    ranks = options.ranks
    launcher = get_settings().mpi_command.format(ranks=ranks) + " " if ranks > 1 else ""
    shared = f" -nk {pools}" if pools > 1 else ""
    own = f"ESPRESSO_PSEUDO=./{hubbard.FOLDER}"
    lines = [
        "#!/bin/sh",
        "# What `discover verify --submit local` does in this folder, without its retries and checks.",
        "set -e",
        own
        if (directory / hubbard.FOLDER).is_dir()
        else ': "${ESPRESSO_PSEUDO:?names the folder of the pseudopotentials in espresso.json}"',
        f"export ESPRESSO_PSEUDO OMP_NUM_THREADS={options.threads}",
    ]
    if density_of is not None and density_of in previous:
        source = shlex.quote(f"{os.path.relpath(previous[density_of], directory)}/{inputs.SAVE}")
        lines += [
            f"mkdir -p {inputs.SAVE}",
            f"cp {source}/data-file-schema.xml {source}/charge-density.dat {inputs.SAVE}/",
            f"if [ -f {source}/occup.txt ]; then cp {source}/occup.txt {inputs.SAVE}/; fi",
        ]
    lines.append(f"{launcher}pw.x{shared} -in pw.in > pw.out")
    if step in ("bands", "bands_soc"):
        lines.append(f"{launcher}projwfc.x{shared} -in projwfc.in > projwfc.out")
    elif electrons is not None:
        lines.append(shlex.join(irrep_command(f"out/{inputs.PREFIX}", electrons)) + " > irrep.log")
    elif step == "wannier_input":
        lines += [
            "# wannier90.win and pw2wannier90.in follow from the eigenvalues of static_soc.",
            "wannier90.x -pp wannier90",
            f"{launcher}pw2wannier90.x -in pw2wannier90.in > pw2wannier90.out",
        ]
    (directory / NAME).write_text("\n".join([*lines, ""]), encoding="utf-8")
