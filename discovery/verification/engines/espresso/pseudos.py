"""PseudoDojo's fully relativistic PBE set: which files there are, where they lie, how they are fetched.

M. J. van Setten et al., Comput. Phys. Commun. 226, 39 (2018), doi:10.1016/j.cpc.2018.01.012; the files are
ONCVPSP's (D. R. Hamann, Phys. Rev. B 88, 085117 (2013)), version 0.4, accuracy "standard".
"""

import csv
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from discovery.databases.download import Downloader, Report
from discovery.databases.info import Origin, file_sha256
from discovery.settings import Settings
from discovery.verification.engines import StepError
from discovery.verification.engines.espresso.upf import Upf, read_upf

REPOSITORY = "PseudoDojo/ONCVPSP-PBE-FR-PDv0.4"
COMMIT = "7aa01a3fcf5ad226caf25bd387a9be9612be9f27"
LICENCE = "CC-BY 4.0"
CITATION = "M. J. van Setten et al., Comput. Phys. Commun. 226, 39 (2018), doi:10.1016/j.cpc.2018.01.012"
HARTREE_RY = 2.0


@dataclass(frozen=True)
class Pseudo:
    """One file of the set.

    Attributes:
        element: symbol.
        origin: where it comes from, pinned.
        cutoffs: ``low``, ``normal``, ``high`` → recommended cutoff of the wavefunctions in Ry.
    """

    element: str
    origin: Origin
    cutoffs: dict[str, float]

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.origin.path.rpartition("/")[2]


@cache
def table() -> dict[str, Pseudo]:
    """Return the set by element; its cutoffs are PseudoDojo's hints, Ry."""
    with Path(__file__).with_name("pseudodojo.csv").open(encoding="utf-8", newline="") as lines:
        return {
            row["element"]: Pseudo(
                row["element"],
                Origin(
                    repository=REPOSITORY,
                    commit=COMMIT,
                    path=row["path"],
                    sha256=row["sha256"],
                    bytes=int(row["bytes"]),
                    licence=LICENCE,
                ),
                {hint: HARTREE_RY * float(row[f"{hint}_ha"]) for hint in ("low", "normal", "high")},
            )
            for row in csv.DictReader(lines)
        }


def find(element: str, settings: Settings) -> Upf:
    """Return the pseudopotential of an element from the user's directory.

    The file of the set is taken where it is there, of whatever origin; else the only other one of the
    element that is fully relativistic and norm-conserving.

    Raises:
        StepError: none, or several of which none is the set's.
    """
    folder = settings.resolved_pseudo_dir
    pinned = table().get(element)
    if pinned and (folder / pinned.name).is_file():
        return _fit(read_upf(folder / pinned.name), element)
    others = [path for path in _files(folder) if _element(path.name) == element]
    fitting = [upf for path in others if (upf := _try(path)) is not None]
    if len(fitting) == 1:
        return _fit(fitting[0], element)
    if fitting:
        names = ", ".join(upf.file.name for upf in fitting)
        raise StepError(
            f"{folder} holds several pseudopotentials for {element}: {names}",
            f"Leave one there, or name it {pinned.name if pinned else element + '_r.upf'}.",
        )
    raise StepError(
        f"there is no fully relativistic, norm-conserving pseudopotential for {element} in {folder}"
        + (f" ({', '.join(path.name for path in others)} is neither)" if others else ""),
        f"discover pseudos fetch {element}, or set DISCOVER_PSEUDO_DIR to where {pinned.name} lies."
        if pinned
        else f"PseudoDojo's fully relativistic set has no {element}: put a file of your own, such as "
        f"{element}_r.upf, into the folder DISCOVER_PSEUDO_DIR names.",
    )


def cutoff(upfs: Iterable[Upf], hint: str) -> float:
    """Return the highest recommended cutoff of these elements in Ry.

    Args:
        upfs: pseudopotentials.
        hint: ``low``, ``normal`` or ``high``.

    Raises:
        StepError: a file that is not of the set has no recommendation.
    """
    found = 0.0
    for upf in upfs:
        known = table().get(upf.element)
        if known is None or known.name != upf.file.name:
            raise StepError(
                f"no cutoff is known for {upf.file.name}",
                "Give one for all elements: --set espresso.SYSTEM.ecutwfc=90 (Ry).",
            )
        found = max(found, known.cutoffs[hint])
    return found


def state(pseudo: Pseudo, settings: Settings) -> str:
    """Return ``ready``, ``another file`` under its name, or ``missing``."""
    path = settings.resolved_pseudo_dir / pseudo.name
    if not path.is_file():
        return "missing"
    return "ready" if file_sha256(path) == pseudo.origin.sha256 else "another file"


def fetch(
    settings: Settings, elements: Sequence[str] = (), report: Report = lambda name, done, total: None
) -> list[Path]:
    """Bring files of the set into the pseudopotential directory, checked; return those that were missing.

    Args:
        settings: directory and mirror.
        elements: symbols; all where none is given.
        report: told about the progress of each file.

    Raises:
        StepError: an element that the set lacks, another file under the name, a directory that is not ours
            to write.
        DatabaseError: the origin or mirror does not have a file, or it is not the pinned one.
    """
    unknown = [element for element in elements if element not in table()]
    if unknown:
        raise StepError(
            f"PseudoDojo's fully relativistic set has no {', '.join(unknown)}", f"It has: {' '.join(table())}"
        )
    folder = settings.resolved_pseudo_dir
    wanted = [table()[element] for element in elements or table()]
    taken = [pseudo.name for pseudo in wanted if state(pseudo, settings) == "another file"]
    if taken:
        raise StepError(
            f"other files of these names are in {folder}: {', '.join(taken)}",
            "Move them away, or set DISCOVER_PSEUDO_DIR to another folder.",
        )
    made = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with Downloader(settings, report) as downloader:
            for pseudo in wanted:
                target = folder / pseudo.name
                if not target.is_file():
                    part = target.with_name(f".{pseudo.name}.part")
                    shutil.copyfile(downloader.file(pseudo.origin), part)
                    part.replace(target)
                    made.append(target)
    except OSError as error:
        raise StepError(
            f"{folder} cannot be written: {error.strerror or error}",
            "Set DISCOVER_PSEUDO_DIR to a folder of your own with some 25 MB of room.",
        ) from None
    return made


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".upf")


def _element(name: str) -> str:
    """Return the element that a file name begins with, as all collections have it."""
    stem = name.replace("-", "_").replace(".", "_").partition("_")[0]
    return stem[:1].upper() + stem[1:].lower()


def _try(path: Path) -> Upf | None:
    try:
        upf = read_upf(path)
    except StepError:
        return None
    return upf if upf.fully_relativistic and upf.norm_conserving else None


def _fit(upf: Upf, element: str) -> Upf:
    wrong = (
        f"is of {upf.element}"
        if upf.element != element
        else f"is {upf.relativistic} relativistic"
        if not upf.fully_relativistic
        else "is ultrasoft or PAW"
        if not upf.norm_conserving
        else ""
    )
    if wrong:
        raise StepError(
            f"{upf.file} {wrong}: a fully relativistic, norm-conserving one of {element} is needed",
            f"discover pseudos fetch {element} into a folder without it.",
        )
    return upf
