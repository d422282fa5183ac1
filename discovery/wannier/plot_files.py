"""The pictures of a verdict as files: for each a page that needs no network, and a PNG."""

import json
import re
from collections.abc import Sequence
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING

from candidates.report import typeset
from candidates.verification import BandPlot, SurfacePlot, WilsonPlot, Zero
from discovery.topology.gap import GapResult
from discovery.topology.orbitals import Site
from discovery.topology.tightbinding import TightBinding
from discovery.wannier.wanniertools.hamiltonian import fermi_energy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OWN_FILES = re.compile(r"(bands|wilson|surface-[0-9_-]+)\.(html|png)|plots\.json")

FERMI_MESH = (18, 18, 18)


def zero_level(
    model: TightBinding, gap: GapResult, n_occupied: int, fermi: float | None
) -> tuple[float, Zero]:
    """Return from where energies are counted, in eV on the model's scale, and what that is.

    The Fermi energy where it is known or bands N and N + 1 leave no gap in energy, else the valence top.
    """
    if fermi is not None:
        return fermi, "Fermi energy"
    if gap.closed or gap.overlap:
        return fermi_energy(model, n_occupied, FERMI_MESH), "Fermi energy"
    return gap.vbm, "valence top"


def clear(folder: Path) -> None:
    """Remove the pictures of an earlier verdict from a folder; nothing else."""
    for path in folder.iterdir():
        if path.is_file() and OWN_FILES.fullmatch(path.name):
            path.unlink()


def write_bands(folder: Path, plot: BandPlot, title: str) -> list[Path]:
    """Write ``bands.html`` and ``bands.png``."""
    from candidates.report import figures, images

    image = images.band_image(plot, title)
    return _write(folder, "bands", figures.page(figures.band_figure(plot, title), title), image)


def write_wilson(folder: Path, plots: Sequence[WilsonPlot], title: str) -> list[Path]:
    """Write ``wilson.html`` and ``wilson.png``."""
    from candidates.report import figures, images

    image = images.wilson_image(plots, title)
    return _write(folder, "wilson", figures.page(figures.wilson_figure(plots, title), title), image)


def write_surface(folder: Path, plots: Sequence[SurfacePlot], title: str) -> list[Path]:
    """Write the spectra of one surface, such as ``surface-111.html`` and ``surface-111.png``."""
    from candidates.report import figures, images

    image = images.surface_image(plots, title)
    page = figures.page(figures.surface_figure(plots, title), title)
    return _write(folder, f"surface-{miller_name(plots[0].miller)}", page, image)


def write_numbers(
    folder: Path, bands: BandPlot, wilson: Sequence[WilsonPlot], surfaces: Sequence[SurfacePlot]
) -> Path:
    """Write ``plots.json``: what all pictures were drawn from, under the names that a verification has."""
    groups: dict[str, Sequence[BandPlot | WilsonPlot | SurfacePlot]] = {
        "bands": [bands],
        "wilson": wilson,
        "surfaces": surfaces,
    }
    path = folder / "plots.json"
    content = {name: [plot.model_dump(mode="json") for plot in plots] for name, plots in groups.items()}
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
    return path


def miller_name(miller: Sequence[int]) -> str:
    """Return a Miller index for a file name: 111, 1-10, and 10_1_0 where digits would run together."""
    return ("" if all(abs(i) < 10 for i in miller) else "_").join(map(str, miller))


def crystal_name(sites: Sequence[Site]) -> str:
    """Return the formula of the atoms that carry Wannier functions, with subscripts: Bi₂Se₃."""
    counts: dict[str, int] = {}
    for site in sites:
        element = site.element.rstrip("0123456789")
        counts[element] = counts.get(element, 0) + 1
    common = gcd(*counts.values())
    parts = [f"{element}{n // common if n > common else ''}" for element, n in counts.items()]
    return typeset.text(typeset.formula("".join(parts)))


def _write(folder: Path, name: str, page: str, image: "Figure") -> list[Path]:
    from candidates.report import images

    paths = [folder / f"{name}.html", folder / f"{name}.png"]
    paths[0].write_text(page, encoding="utf-8")
    images.save(image, paths[1])
    return paths
