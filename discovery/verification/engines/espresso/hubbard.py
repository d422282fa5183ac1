"""LDA+U of pw.x 6.7: which elements it has, its variables, and pseudopotentials that it finds the shells in.

ONCVPSP, and with it PseudoDojo, gives the electrons of a shell with its wavefunction (``PP_CHI``) only. The
reader of 6.7 takes them again from ``PP_RELWFC`` (upflib/read_upf_new.f90), reads their absence as none, and
+U then finds no occupied shell (PW/src/offset_atom_wfc.f90: "wrong offset"). `completed` says them twice.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from discovery.verification.engines import StepError
from discovery.verification.engines.espresso.upf import Upf

FOLDER = "pseudo"
"""Of a step with +U, in its directory: its pseudopotentials as pw.x has to have them."""

_D = "Ti V Cr Mn Fe Co Ni Cu Zn Zr Nb Mo Tc Ru Rh Pd Ag Cd Hf Ta W Re Os Ir Pt Au Hg Ga In"
_F = "Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr"
D_SHELLS, F_SHELLS = frozenset(_D.split()), frozenset(_F.split())
"""Elements that Modules/set_hubbard_l.f90 of 6.7 knows a d or f shell of. For H, C, N, O and As it would take
s or p, which is not what ``--hubbard`` says it does."""

_CHI = re.compile(r"<PP_CHI\.(\d+)\b([^>]*)>")
_RELWFC = re.compile(r"<PP_RELWFC\.(\d+)\b([^>]*?)\s*/>")
_REMEDY = "Leave it out of --hubbard, or take --engine vasp."


def wanted(species: Sequence[str], values: Mapping[str, float]) -> dict[str, float]:
    """Return element → U in eV of those present that have one.

    Raises:
        StepError: a U below zero, or on an element that pw.x has no shell for.
    """
    found = {symbol: u for symbol, u in values.items() if symbol in species and u}
    for symbol, u in found.items():
        if u < 0:
            raise StepError(f"the Hubbard U of {symbol} is negative", "Give U in eV, such as 4.0.")
        if symbol not in D_SHELLS | F_SHELLS:
            raise StepError(f"Quantum ESPRESSO 6.7 has no +U on a d or f shell of {symbol}", _REMEDY)
    return found


def require_shells(upfs: Mapping[str, Upf], values: Mapping[str, float]) -> None:
    """Refuse pseudopotentials without the wavefunction of the shell that U acts on.

    Raises:
        StepError: one has none that holds electrons.
    """
    for symbol in wanted(list(upfs), values):
        momentum = 3 if symbol in F_SHELLS else 2
        if not any(shell.l == momentum and shell.electrons > 0 for shell in upfs[symbol].shells):
            raise StepError(
                f"{upfs[symbol].file.name} holds no {'spdf'[momentum]} wavefunction with electrons in it, "
                f"which +U on {symbol} acts on",
                "Use a pseudopotential with that shell in its valence, or leave it out of --hubbard.",
            )


def variables(
    species: Sequence[str], values: Mapping[str, float], spin_orbit: bool, calculation: str
) -> dict[str, Any]:
    """Return the variables of +U.

    Dudarev's form is ``lda_plus_u_kind = 0``, which spinors do not have; kind 1 (Liechtenstein) with J = 0 is
    the same functional: both give one total energy of Cu without coupling to 1e-8 Ry.

    Raises:
        StepError: +U in a relaxation with coupling, or on an element that pw.x does not have.
    """
    chosen = wanted(species, values)
    if not chosen:
        return {}
    if spin_orbit and calculation == "vc-relax":
        raise StepError(
            "Quantum ESPRESSO has no forces for +U with spin–orbit coupling, and "
            f"{', '.join(species)} hold an element that cannot do without the coupling",
            "Relax without +U, or leave the relaxation out (--no-relax).",
        )
    found: dict[str, Any] = {
        "lda_plus_u": True,
        "lda_plus_u_kind": 1 if spin_orbit else 0,
        # Orthogonal orbitals have neither forces nor stresses; one choice for all steps, or they disagree.
        "U_projection_type": "atomic",
    }
    for symbol, u in chosen.items():
        found[f"Hubbard_U({species.index(symbol) + 1})"] = u
    return found


def completed(text: str) -> str:
    """Return a UPF file whose ``PP_RELWFC`` tags say the electrons and the label of their ``PP_CHI`` too.

    Nothing else changes; tags that say them already stay as they are.
    """
    said = {index: dict(re.findall(r'(\w+)\s*=\s*"([^"]*)"', tag)) for index, tag in _CHI.findall(text)}

    def complete(tag: re.Match[str]) -> str:
        facts = said.get(tag[1], {})
        names = {"oc": facts.get("occupation"), "els": facts.get("label")}
        new = "".join(
            f' {name}="{value.strip()}"'
            for name, value in names.items()
            if value is not None and not re.search(rf"\b{name}\s*=", tag[2])
        )
        return f"<PP_RELWFC.{tag[1]}{tag[2]}{new}/>"

    return _RELWFC.sub(complete, text)


def write_pseudopotentials(upfs: Mapping[str, Upf], directory: Path) -> None:
    """Write the pseudopotentials of a step with +U, completed, into its own `FOLDER`."""
    folder = directory / FOLDER
    folder.mkdir(exist_ok=True)
    for upf in upfs.values():
        text = upf.file.read_text(encoding="utf-8", errors="replace")
        (folder / upf.file.name).write_text(completed(text), encoding="utf-8")
