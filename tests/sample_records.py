"""Records that look like those of a real screen, for the tests of store, report and command line."""

from typing import Any

from candidates.records import Candidate, FunnelStep, RunRecord, candidate_id, tokens_seen

RUN_ID = "5f3a9c1e7b20"


def make_candidate(
    rank: int = 1, run_id: str = RUN_ID, crystal_id: str | None = None, **changes: Any
) -> Candidate:
    """Return Ag2HgSnSe4 at ``rank``, with ``changes``."""
    crystal_id = crystal_id or f"mp-{10_000 + rank}"
    facts: dict[str, Any] = {
        "id": candidate_id(run_id, crystal_id),
        "run_id": run_id,
        "rank": rank,
        "database": "topoA",
        "crystal_id": crystal_id,
        "formula": "Ag2HgSnSe4",
        "spacegroup": 31,
        "spacegroup_symbol": "Pmn2_1",
        "spacegroup_tight": 31,
        "point_group": "mm2",
        "crystal_system": "orthorhombic",
        "inversion": False,
        "undiagnosable": True,
        "indicator_group": "trivial",
        "n_atoms": 16,
        "n_electrons": 720,
        "p_topological": 0.83,
        "p_ti": 0.61,
        "p_tsm": 0.22,
        "p_trivial": 0.17,
        "uncertainty": 0.06,
        "model": "discovery",
        "p_benchmark": 0.01,
        "band_gap": 0.0,
        "e_above_hull": 0.004,
        "labels": {"materiae": "Triv_Ins", "tqc": "trivial", "arsenal": "trivial"},
        "icsd_ids": "95094",
        "known": [{"topology": "strong TI", "source": "10.1038/s41586-019-0944-6", "note": "PBE"}],
        "hazards": ["the tolerances give different space groups"],
        "notes": ["same prototype as Cu2ZnSnSe4"],
        "tokens": tokens_seen(
            ("Pmn2_1", "mm2", "orthorhombic", "mmm", "polar"),
            720,
            "00001011010000",
            {"Ag": 0.25, "Hg": 0.125, "Sn": 0.125, "Se": 0.5},
            {"neighbours per atom": 12, "nearest": "Sn–Se 2.58 Å"},
        ),
        "lattice": [8.42, 0, 0, 0, 7.32, 0, 0, 0, 6.99],
        "atomic_numbers": [47, 80, 50, 34],
        "frac_coords": [0.25, 0.32, 0.0, 0.0, 0.84, 0.99, 0.0, 0.35, 0.42, 0.24, 0.17, 0.6],
    }
    return Candidate(**facts | changes)


def make_run(run_id: str = RUN_ID, **changes: Any) -> RunRecord:
    """Return the record of a small screen, with ``changes``."""
    facts: dict[str, Any] = {
        "id": run_id,
        "created": "2025-06-01T09:30:00+00:00",
        "database": "topoA",
        "database_sha256": "9d5ed678fe57bcca610140957afab571" * 2,
        "model": "discovery",
        "model_sha256": "0cc175b9c0f1b6a831c399e269772661" * 2,
        "command": ["discover", "screen", "--db", "topoA", "--undiagnosable", "-o", "run"],
        "funnel": [
            FunnelStep(
                name="undiagnosable",
                description="indicator group not trivial",
                removed=900,
                left=90,
                enabled=True,
            ),
            FunnelStep(
                name="odd electrons", description="metal by band filling", removed=0, left=90, enabled=False
            ),
            FunnelStep(name="top", description="keep the best", removed=85, left=5, enabled=True),
        ],
        "refused": [
            {"file": "", "id": "mp-7", "reason": "two atoms are 0.1 Å apart", "remedy": "Correct the file."}
        ],
        "versions": {"xbert-discovery": "0.1.0", "torch": "2.9.0"},
        "seeds": {"ensemble": 0},
        "n_input": 991,
        "directory": "run",
    }
    return RunRecord(**facts | changes)
