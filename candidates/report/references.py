"""BibTeX of everything that a run or a candidate rests on."""

import re
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

from candidates.records import Candidate, RunRecord
from candidates.verification import Verification

_DATABASES = {"mp": ("mp",), "topoA": ("mp",), "topoB": ("mp",), "materiae": ("mp",), "mp-api": ("mp",)}
_LABELS = ("materiae", "tqc", "arsenal")
_PROGRAMS = {
    "vasp": "vasp", "pw.x": "espresso", "espresso": "espresso", "quantum": "espresso",
    "pseudodojo": "pseudodojo",
    "wannier90": "wannier90", "wannier": "wannier90", "wt.x": "wanniertools", "wanniertools": "wanniertools",
    "irrep": "irrep", "seekpath": "seekpath", "spglib": "spglib", "ase": "ase",
}  # fmt: skip


@cache
def entries() -> dict[str, str]:
    """Return key → BibTeX entry, in the order of the file, whose lines that begin with % are left out."""
    whole = files("candidates.report").joinpath("references.bib").read_text(encoding="utf-8")
    text = re.sub(r"^%.*\n", "", whole, flags=re.M)
    try:
        own = version("xbert-discovery")
    except PackageNotFoundError:
        own = "unknown"
    found = re.findall(r"^@\w+\{(\w+),.*?^\}$", text, re.M | re.S)
    parts = re.split(r"\n(?=@)", text.strip())
    return {key: part.strip().replace("VERSION", own) for key, part in zip(found, parts, strict=True)}


def bibtex(keys: Iterable[str]) -> str:
    """Return entries in the order of the file, each once."""
    wanted = set(keys)
    return "\n\n".join(entry for key, entry in entries().items() if key in wanted) + "\n"


def of_run(
    run: RunRecord, candidates: Iterable[Candidate], verifications: Iterable[Verification] = ()
) -> str:
    """Return BibTeX for a run: this program, the model's paper, the databases, what verified it."""
    keys = _of_database(run.database) | {"xbertdiscovery", "xbert", "indicators"}
    for candidate in candidates:
        keys |= candidate.labels.keys() & set(_LABELS)
    for verification in verifications:
        keys |= _of_verification(verification)
    return bibtex(keys)


def of_candidate(candidate: Candidate, verification: Verification | None = None) -> str:
    """Return BibTeX for one candidate: as for a run, for what this one rests on."""
    keys = _of_database(candidate.database) | {"xbertdiscovery", "xbert", "indicators"}
    keys |= candidate.labels.keys() & set(_LABELS)
    if verification is not None:
        keys |= _of_verification(verification)
    return bibtex(keys)


def _of_database(name: str) -> set[str]:
    return {"optimade"} if name.startswith("optimade:") else set(_DATABASES.get(name, ()))


def _of_verification(verification: Verification) -> set[str]:
    keys = {"vasp" if verification.engine == "vasp" else "espresso"}
    if verification.functional.upper().startswith("PBE"):
        keys.add("pbe")
    for step in verification.steps:
        for program in step.programs:
            name = program.lower()
            keys |= {key for start, key in _PROGRAMS.items() if name.startswith(start)}
        if step.state == "done":
            keys |= {"parities": {"fukane"}, "topology": {"wilson"}, "surfaces": {"surface"}}.get(
                step.name, set()
            )
    if verification.bands:
        keys.add("seekpath")
    if verification.wilson:
        keys.add("wilson")
    if verification.surfaces:
        keys.add("surface")
    return keys
