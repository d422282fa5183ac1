"""Commands by SLURM's names that keep a queue on paper and run nothing: plumbing."""

import os
from pathlib import Path

import pytest

SBATCH = """#!/bin/bash
cd {place}
echo "sbatch $*" >> calls
[ -f refuse ] && {{ cat refuse >&2; exit 1; }}
for word in "$@"; do case "$word" in --job-name=*) name="${{word#*=}}";; esac; done
[ -f silent-before ] && {{ echo "sbatch: error: Socket timed out on send/recv operation" >&2; exit 1; }}
number=$(( $(cat next 2>/dev/null || echo 100) + 1 ))
echo "$number" > next
echo "$number|PENDING|0:00||$name|Priority" >> queue
[ -f silent ] && {{ echo "sbatch: error: Socket timed out on send/recv operation" >&2; exit 1; }}
echo "$number"
"""

SQUEUE = """#!/bin/bash
cd {place}
[ -f away ] && {{ echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1; }}
for word in "$@"; do case "$word" in --name=*) names="${{word#*=}}";; esac; done
touch queue
if [ -n "$names" ]; then grep -F "|$names|" queue; else cat queue; fi
exit 0
"""

OTHER = """#!/bin/bash
cd {place}
echo "${{0##*/}} $*" >> calls
if [ "${{0##*/}}" = scancel ]; then
  touch queue
  for word in "$@"; do sed -i "/^$word|/d" queue; done
fi
"""


class PaperQueue:
    """A queue that is a file."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for name, text in {"sbatch": SBATCH, "squeue": SQUEUE, "scontrol": OTHER, "scancel": OTHER}.items():
            (place / name).write_text(text.format(place=place))
            (place / name).chmod(0o755)

    @property
    def jobs(self) -> dict[str, str]:
        """Number → name of what is in the queue."""
        path = self.place / "queue"
        lines = path.read_text().splitlines() if path.exists() else []
        return {line.split("|")[0]: line.split("|")[4] for line in lines}

    def calls(self, program: str) -> list[str]:
        """How a program was called."""
        path = self.place / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line.startswith(program)]

    def end(self, *numbers: str) -> None:
        """Take jobs out of the queue."""
        path = self.place / "queue"
        kept = [line for line in path.read_text().splitlines() if line.split("|")[0] not in numbers]
        path.write_text("".join(f"{line}\n" for line in kept))

    def sign(self, name: str, text: str = "") -> Path:
        """Let commands go wrong: `refuse`, `silent`, `silent-before`, `away`."""
        (self.place / name).write_text(text)
        return self.place / name


@pytest.fixture
def paper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PaperQueue:
    place = tmp_path / "paper"
    place.mkdir()
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    return PaperQueue(place)
