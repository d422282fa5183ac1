"""What a thousand candidates cost before and beside the calculations: planned, written, watched, collected.

    python benchmarks/many.py                            # 1,000 candidates, JSON to standard output
    python benchmarks/many.py --candidates 200 --inputs  # also all VASP inputs that can be written beforehand

Crystals are those of the database ``starter``, over and over. Each is planned and written as `discover verify
--submit slurm` does up to sbatch, which is not called: standardised cell, request.json, ledger, a script for
each job. For the status, half of the candidates then get results of all steps, the others of the first ones,
written by this script (plumbing), and a script in the place of squeue tells of their jobs. Times are given as
wall time and as CPU time, which does not depend on what else the machine does.
"""

import argparse
import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from discovery.verification.results import Request

CLUSTER = {
    "resources": {"ranks": 4, "walltime": "4:00:00"},
    "engines": {name: {"ranks": 32, "walltime": "24:00:00"} for name in ("espresso", "vasp")},
}
"""Two jobs for each candidate: first principles on many ranks, Wannier functions and topology on few."""


VERDICT = json.dumps(
    {"topology": "strong TI", "reasons": ["made up"], "gates": [], "provisional": True, "functional": "PBE"}
)


@contextmanager
def timed(found: dict[str, Any], name: str) -> Iterator[None]:
    """Add wall and CPU time of a block, in s, children included."""
    wall, before = time.perf_counter(), os.times()
    yield
    after = os.times()
    found[f"{name}, wall (s)"] = round(time.perf_counter() - wall, 2)
    found[f"{name}, CPU (s)"] = round(sum(after[:4]) - sum(before[:4]), 2)


def crystals(count: int) -> Iterator[tuple[str, "Structure"]]:
    """Yield ids of candidates and structures."""
    import numpy as np
    from pymatgen.core import Element, Structure

    from discovery.databases.bundled import StarterDatabase

    table = StarterDatabase().open()
    for number in range(count):
        place = number % len(table.ids)
        atoms = slice(table.offsets[place], table.offsets[place + 1])
        elements = [Element.from_Z(int(z)) for z in table.numbers_flat[atoms]]
        structure = Structure(np.asarray(table.lattices[place]), elements, np.asarray(table.frac_flat[atoms]))
        yield hashlib.sha256(f"{table.ids[place]} {number}".encode()).hexdigest()[:12], structure


def plan(root: Path, count: int, engine: str) -> tuple[list["Request"], int]:
    """Plan and write candidates; return their requests and how many crystals were refused."""
    from dft_templates.presets import load_preset
    from discovery.submission.cluster import load_cluster
    from discovery.submission.handover import hand_in
    from discovery.verification.engines import StepError
    from discovery.verification.flow import make_request
    from discovery.verification.options import Options

    file = root / "cluster.yaml"
    file.write_text(json.dumps(CLUSTER))
    cluster, path, sha256 = load_cluster(file)
    preset, options = load_preset("standard", {}), Options()
    requests, refused = [], 0
    for id, structure in crystals(count):
        name = structure.composition.reduced_formula
        try:
            request = make_request(structure, id, name, root, engine, preset, options)
        except StepError:
            refused += 1
            continue
        hand_in(request, cluster, path, sha256, {})
        requests.append(request)
    return requests, refused


def size(root: Path) -> tuple[int, int, int]:
    """Return files, their bytes, and the bytes that they take on disk, directories included."""
    paths = list(root.rglob("*"))
    files = [path.stat() for path in paths if path.is_file()]
    return len(files), sum(f.st_size for f in files), sum(path.lstat().st_blocks for path in paths) * 512


def pretend(root: Path, requests: list["Request"]) -> str:
    """Leave results as steps do, mark jobs as sent, and return what squeue would say."""
    from discovery.submission.ledger import now, read_ledger, write_ledger
    from discovery.verification.order import planned_steps
    from discovery.verification.results import INPUTS, RESULT, StepResult, step_directory

    queue = []
    for number, request in enumerate(requests):
        directory = Path(request.directory)
        planned = planned_steps(request)
        for step in planned if number % 2 else planned[: number % len(planned)]:
            place = step_directory(request, step)
            place.mkdir(exist_ok=True)
            result = StepResult(
                name=step,
                state="done",
                seconds=100.0,
                inputs="a" * 64,
                numbers={f"number {i} (eV)": 0.123456 * i for i in range(8)},
                programs={"pw.x": "7.3"},
                notes=("a note of the usual length, as many steps leave it",),
                crystal=request.crystal if step == "relax" else None,
            )
            (place / INPUTS).write_text(json.dumps({"inputs": "a" * 64}))
            (place / RESULT).write_text(result.model_dump_json(indent=2))
            if step == "verdict":
                (place / "verdict.json").write_text(VERDICT)
        ledger = read_ledger(directory)
        assert ledger is not None
        for place, stage in enumerate(ledger.stages):
            facts = {"state": "sent", "job_id": str(10 * number + place), "submitted": now(), "attempt": 1}
            ledger = ledger.changed(stage.name, **facts)
            state = "PENDING" if place else "RUNNING"
            queue.append(f"{facts['job_id']}|{state}|1:00|node1|{ledger.job_name(ledger.stages[place])}|None")
        write_ledger(directory, ledger)
    return "\n".join(queue) + "\n"


def status(root: Path, said: str, found: dict[str, Any]) -> None:
    """Time ``discover status`` in a process of its own, three times, and keep the quickest."""
    place = root / "bin"
    place.mkdir()
    (place / "queue").write_text(said)
    (place / "squeue").write_text(f"#!/bin/sh\ncat '{place / 'queue'}'\n")
    (place / "squeue").chmod(0o755)
    env = os.environ | {"PATH": f"{place}{os.pathsep}{os.environ['PATH']}"}
    runs = []
    for _ in range(3):
        run: dict[str, Any] = {}
        with timed(run, "status"):
            done = subprocess.run(
                [sys.executable, "-m", "discovery", "status", "-o", str(root)],
                env=env,
                capture_output=True,
                text=True,
                check=False,
            )
        runs.append(run)
    found |= {name: min(run[name] for run in runs) for name in runs[0]}
    found["status says"] = done.stderr.strip().splitlines()[0]


def collect(root: Path, found: dict[str, Any]) -> None:
    """Time what `discover collect` does, twice, with records that hold no bands and pictures."""
    from candidates.store import Store
    from discovery.submission.collect import collect_into
    from discovery.submission.ledger import candidate_directories

    store = Store(f"sqlite:///{root / 'store.sqlite'}")
    directories = candidate_directories(root)
    for name in ("collected", "collected again"):
        with timed(found, name):
            outcomes = [one.outcome for one in collect_into(store, directories)]
        found[name] = {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--candidates", type=int, default=1000)
    parser.add_argument("--engine", choices=("espresso", "vasp"), default="espresso")
    parser.add_argument("--inputs", action="store_true", help="with VASP, write all inputs, too")
    arguments = parser.parse_args()
    found: dict[str, Any] = {
        "candidates": arguments.candidates,
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.processor() or platform.machine(),
        "load": [round(x, 1) for x in os.getloadavg()],
    }
    from discovery.submission.ledger import candidate_directories, read_ledger

    with tempfile.TemporaryDirectory(prefix="discover-many-") as place:
        root = Path(place)
        engine = "vasp" if arguments.inputs else arguments.engine
        with timed(found, "planned and written"):
            requests, found["refused"] = plan(root, arguments.candidates, engine)
        files, content, disk = size(root)
        found |= {
            "files per candidate": round(files / len(requests), 1),
            "kB per candidate": round(content / len(requests) / 1000, 1),
            "kB on disk per candidate": round(disk / len(requests) / 1000, 1),
        }
        if arguments.inputs:
            from discovery.verification.emit import write_inputs

            with timed(found, "all inputs"):
                for request in requests:
                    write_inputs(request)
            files, content, disk = size(root)
            found |= {
                "files per candidate, with inputs": round(files / len(requests), 1),
                "kB per candidate, with inputs": round(content / len(requests) / 1000, 1),
            }
        found["peak memory (MB)"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
        said = pretend(root, requests)
        with timed(found, "all ledgers"):  # what a job reads at its end, to see who may be sent
            for directory in candidate_directories(root):
                read_ledger(directory)
        status(root, said, found)
        collect(root, found)
        print(json.dumps(found, indent=2, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
