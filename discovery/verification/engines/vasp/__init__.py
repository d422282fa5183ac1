"""VASP: input sets, jobs, custodian's rules and results, on atomate2 and pymatgen."""

from discovery.verification.engines.vasp.engine import VaspEngine

__all__ = ["VaspEngine"]
