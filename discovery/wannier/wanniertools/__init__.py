"""WannierTools in and out: one plan, the `wt.in` written from it, and parsers for what wt.x leaves behind."""

from discovery.wannier.wanniertools.data import (
    WtDataError,
    read_arcs,
    read_bands,
    read_nodes,
    read_spectrum,
    read_wilson_centres,
)
from discovery.wannier.wanniertools.hamiltonian import check_hamiltonian, plan_for
from discovery.wannier.wanniertools.output import WtOutput, WtOutputError, parse_wt_out
from discovery.wannier.wanniertools.plan import (
    PlanError,
    WtAtom,
    WtPlan,
    atoms_with_shells,
    occupied_bands,
    wannier_count,
)
from discovery.wannier.wanniertools.write import Task, write_wt_in

__all__ = [
    "PlanError",
    "Task",
    "WtAtom",
    "WtDataError",
    "WtOutput",
    "WtOutputError",
    "WtPlan",
    "atoms_with_shells",
    "check_hamiltonian",
    "occupied_bands",
    "parse_wt_out",
    "plan_for",
    "read_arcs",
    "read_bands",
    "read_nodes",
    "read_spectrum",
    "read_wilson_centres",
    "wannier_count",
    "write_wt_in",
]
