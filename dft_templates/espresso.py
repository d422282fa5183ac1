"""The ``espresso`` section of a preset: what a user may choose; what the physics fixes is not here.

Names, units and meanings are those of pw.x (https://www.quantum-espresso.org/Doc/INPUT_PW.html): Ry and bohr.
"""

from contextlib import suppress
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from dft_templates.vasp import Section

Namelist = dict[str, bool | int | float | str]

FREE: dict[str, type] = {
    # CONTROL
    "etot_conv_thr": float,
    "forc_conv_thr": float,
    "nstep": int,
    "max_seconds": float,
    "verbosity": str,
    # SYSTEM
    "ecutwfc": float,
    "ecutrho": float,
    "smearing": str,
    "degauss": float,
    "vdw_corr": str,
    "use_all_frac": bool,
    # ELECTRONS
    "electron_maxstep": int,
    "conv_thr": float,
    "mixing_beta": float,
    "mixing_mode": str,
    "mixing_ndim": int,
    "diagonalization": str,
    "diago_david_ndim": int,
    "diago_full_acc": bool,
    "diago_thr_init": float,
    "startingwfc": str,
    "startingpot": str,
    # IONS
    "ion_dynamics": str,
    "bfgs_ndim": int,
    "trust_radius_max": float,
    "trust_radius_min": float,
    "trust_radius_ini": float,
    # CELL
    "cell_dynamics": str,
    "press": float,
    "press_conv_thr": float,
    "cell_dofree": str,
    "cell_factor": float,
}
"""Variables of pw.x that may be set, with the type that each takes."""

DECIDED: dict[str, str] = {
    "calculation": "the step is one",
    "prefix": "every step uses the same",
    "outdir": "it lies in the step's directory",
    "pseudo_dir": "DISCOVER_PSEUDO_DIR names it where the program runs",
    "disk_io": "the next step has to find the wavefunctions",
    "wf_collect": "the next step has to find the wavefunctions",
    "ibrav": "the cell is written vector by vector",
    "nat": "the crystal has them",
    "ntyp": "the crystal has them",
    "nbnd": "give empty_fraction and empty_at_least",
    "tot_charge": "the crystal is neutral: the index is that of its own electrons",
    "occupations": "metals and insulators are treated alike, and the gap is taken at the electron count",
    "noncolin": "it is what tells a step with spin–orbit coupling from one without",
    "lspinorb": "it is what tells a step with spin–orbit coupling from one without",
    "nspin": "the option `magnetic` sets it",
    "starting_magnetization": "the option `magnetic` sets it",
    "nosym": "meshes for parities and Wannier functions are written out in full",
    "noinv": "meshes for parities and Wannier functions are written out in full",
    "lda_plus_u": "the option `hubbard` sets it for each element",
    "hubbard_u": "the option `hubbard` sets it for each element",
    "input_dft": "the pseudopotentials are of one functional; --check takes another",
}
"""Variables that a step computes or that define it → why they cannot be overridden."""

_SECTIONS = {
    "CONTROL": ("etot_conv_thr", "verbosity"),
    "SYSTEM": ("ecutwfc", "use_all_frac"),
    "ELECTRONS": ("electron_maxstep", "startingpot"),
    "IONS": ("ion_dynamics", "trust_radius_ini"),
    "CELL": ("cell_dynamics", "cell_factor"),
}
_NAMES = list(FREE)


def known(section: str) -> list[str]:
    """Return the variables of a namelist that may be set."""
    first, last = _SECTIONS[section]
    return _NAMES[_NAMES.index(first) : _NAMES.index(last) + 1]


def _checker(section: str) -> AfterValidator:
    def check(values: dict[str, Any]) -> dict[str, Any]:
        return {name.lower(): _value(section, name.lower(), value) for name, value in values.items()}

    return AfterValidator(check)


def _value(section: str, name: str, value: Any) -> Any:
    if name in DECIDED:
        raise ValueError(f"{name} is not free: {DECIDED[name]}")
    if name not in known(section):
        near = get_close_matches(name, FREE, n=3)
        where = {found: place for place in _SECTIONS for found in known(place)}
        hint = "; near: " + ", ".join(f"{where[one]}.{one}" for one in near) if near else ""
        raise ValueError(f"{section} has no variable {name!r} that may be set{hint}")
    kind = FREE[name]
    if kind is float and isinstance(value, str):
        with suppress(ValueError):
            value = float(value.lower().replace("d", "e"))
    fits = (
        isinstance(value, int | float) and not isinstance(value, bool)
        if kind is float
        else isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    )
    if not fits:
        raise ValueError(f"{name} takes {_KINDS[kind]}, not {value!r}")
    return float(value) if kind is float else value


_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}


class EspressoPreset(Section):
    """Settings of the Quantum ESPRESSO steps."""

    k_spacing: float = Field(gt=0, description="Spacing of Γ-centred meshes, 2π included, 1/Å.")
    line_spacing: float = Field(gt=0, description="Spacing of points along the band path, 1/Å.")
    cutoff: Literal["low", "normal", "high"] = Field(
        description="Which of PseudoDojo's recommended cutoffs; the highest of the elements counts."
    )
    cutoff_fraction: float = Field(
        gt=0.5, le=2, description="Part of it that is used, unless SYSTEM.ecutwfc gives one in Ry."
    )
    empty_fraction: float = Field(ge=0, description="Empty bands as a fraction of the filled ones.")
    empty_at_least: int = Field(ge=2, description="Empty spin–orbit bands, at the least.")
    diago_thr: float = Field(
        gt=0, description="Convergence of each eigenvalue at a fixed charge density, Ry."
    )
    CONTROL: Annotated[Namelist, _checker("CONTROL")] = Field(
        default_factory=dict, description="Variables of &CONTROL."
    )
    SYSTEM: Annotated[Namelist, _checker("SYSTEM")] = Field(
        default_factory=dict, description="Variables of &SYSTEM."
    )
    ELECTRONS: Annotated[Namelist, _checker("ELECTRONS")] = Field(
        default_factory=dict, description="Variables of &ELECTRONS."
    )
    IONS: Annotated[Namelist, _checker("IONS")] = Field(
        default_factory=dict, description="Variables of &IONS."
    )
    CELL: Annotated[Namelist, _checker("CELL")] = Field(
        default_factory=dict, description="Variables of &CELL."
    )
