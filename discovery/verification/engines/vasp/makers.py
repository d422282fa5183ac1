"""atomate2 jobs of the VASP steps, for those who build their own Flows; `VaspEngine` runs the same inputs.

>>> from dft_templates.presets import load_preset
>>> maker = make_maker("static_soc", generator)  # doctest: +SKIP
>>> job = maker.make(structure)  # doctest: +SKIP
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atomate2.vasp.jobs.base import BaseVaspMaker, vasp_job
from jobflow import Response

from discovery.verification.engines.vasp.base_set import TopologySetGenerator
from discovery.verification.engines.vasp.custody import run_vasp_kwargs

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass
class TopologyVaspMaker(BaseVaspMaker):
    """Runs one step with atomate2's own machinery and leaves no POTCAR behind.

    The fields are those of `BaseVaspMaker`; `make_maker` fills them for a step. A step that reads a density
    needs ``prev_dir``, the directory of the step that made it.
    """

    name: str = "topology"

    @vasp_job
    def make(self, structure: "Structure", prev_dir: str | Path | None = None) -> Response:
        """Run VASP.

        Args:
            structure: standardised primitive cell.
            prev_dir: where the charge density was made.

        Raises:
            ValueError: the step needs a charge density and has none.
        """
        generator = self.input_set_generator
        if isinstance(generator, TopologySetGenerator) and generator.reads_density and prev_dir is None:
            raise ValueError(
                f"{self.name} reads the charge density of {generator.reads_density}: give prev_dir"
            )
        try:
            # jobflow's decorator keeps the function that it wraps under this name.
            response: Response = getattr(BaseVaspMaker.make, "original")(self, structure, prev_dir)  # noqa: B009
        finally:
            # The next step's copy looks for one of the two, and only the names may stay.
            if potcars := [file for file in Path.cwd().glob("POTCAR*") if file.name != "POTCAR.spec"]:
                Path("POTCAR.spec").write_text("\n".join(generator.potcar_symbols) + "\n", encoding="utf-8")
            for file in potcars:
                file.unlink()
        return response


def make_maker(
    step: str,
    generator: TopologySetGenerator,
    custodian: Mapping[str, Any] | None = None,
    start: str | None = None,
) -> TopologyVaspMaker:
    """Return the maker of a step.

    Args:
        step: its name, which becomes the job's.
        generator: its input set (`discovery.verification.engines.vasp.engine.generator_of`).
        custodian: over custodian's arguments, such as ``polling_time_step``.
        start: what starts VASP; unset: atomate2's setting.
    """
    reads = bool(generator.reads_density)
    kwargs = run_vasp_kwargs(generator.spin_orbit, reads, step != "wannier_input", start)
    kwargs["custodian_kwargs"] |= dict(custodian or {})
    return TopologyVaspMaker(
        name=step,
        input_set_generator=generator,
        run_vasp_kwargs=kwargs,
        copy_vasp_kwargs={"additional_vasp_files": ("CHGCAR",)} if reads else {},
        # A calculation that stands alone is not made from what happened to be in the previous directory.
        write_input_set_kwargs={"from_prev": False},
    )
