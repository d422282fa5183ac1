"""Deadlines: pw.x really stopped by its time and gone on with, and what happens where there is no time."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure

from dft_templates.presets import Preset
from discovery.verification.engines import (
    DEADLINE,
    UNFINISHED,
    StepError,
    StepOutput,
    WalltimeReached,
    make_engine,
)
from discovery.verification.engines.espresso import progress
from discovery.verification.engines.espresso.progress import Progress, read_progress, time_for
from discovery.verification.options import Options
from tests.discovery.verification.espresso.test_engine import coarse, write


def until(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEADLINE, str(time.time() + seconds))


def test_a_margin_is_kept_to_write_what_was_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DEADLINE, raising=False)
    assert time_for("pw.x") is None
    for seconds, granted in ((100, 80), (3600, 3420), (86400, 86100)):
        until(seconds, monkeypatch)
        assert time_for("pw.x") == pytest.approx(granted, abs=0.5)
    until(21, monkeypatch)
    with pytest.raises(WalltimeReached, match=r"too few to begin pw\.x"):
        time_for("pw.x")
    until(-5, monkeypatch)
    with pytest.raises(WalltimeReached):
        time_for("pw.x")
    monkeypatch.setenv(DEADLINE, "tomorrow")
    with pytest.raises(StepError, match="'tomorrow', not a time"):
        time_for("pw.x")


def test_progress_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert read_progress(tmp_path) == Progress()
    kept = Progress(done=("pw",), ranks=2)
    kept.write(tmp_path)
    assert read_progress(tmp_path) == kept
    (tmp_path / UNFINISHED).write_text('{"done": ["pw"')
    assert read_progress(tmp_path) == Progress()


def in_pieces(
    step: str,
    structure: Structure,
    directory: Path,
    expected: StepOutput,
    monkeypatch: pytest.MonkeyPatch,
    preset: Preset,
    previous: Mapping[str, Path] | None = None,
) -> tuple[StepOutput, int]:
    """Run a step in pieces of 0.4 of the time of one run; return its output and how often it was stopped.

    On a machine that others use too, one run may have taken longer than this one will, or shorter: pieces
    shrink until one is stopped, and grow until the step ends.
    """
    assert expected.seconds is not None
    seconds = 0.4 * expected.seconds
    engine = make_engine("espresso")
    monkeypatch.setattr(progress, "LEAST_MARGIN", 0.0)
    monkeypatch.setattr(progress, "WORTHWHILE", 0.1)
    write(step, structure, directory, previous, preset)
    stops = 0
    for _ in range(30):
        until(seconds, monkeypatch)
        try:
            engine.run(step, directory, previous or {}, Options())
        except WalltimeReached:
            left = read_progress(directory)
            # Without a reason, pw.x had not begun or had ended: there was no time for the next program.
            if left.reason:
                assert left.reason.endswith("before its deadline")
                assert (directory / UNFINISHED).is_file()
                stops += 1
            seconds *= 1.2
            continue
        if not stops:
            shutil.rmtree(directory)
            write(step, structure, directory, previous, preset)
            seconds *= 0.5
            continue
        monkeypatch.delenv(DEADLINE)
        return engine.parse(step, directory), stops
    raise AssertionError(f"{step} never ended in pieces of {seconds} s")


def whole(
    step: str, structure: Structure, directory: Path, preset: Preset, previous: Mapping[str, Path]
) -> StepOutput:
    engine = make_engine("espresso")
    write(step, structure, directory, previous, preset)
    engine.run(step, directory, previous, Options())
    return engine.parse(step, directory)


@pytest.mark.slow
@pytest.mark.usefixtures("pw")
def test_densities_and_states_in_pieces_are_those_of_one_run(
    silicon: Structure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = coarse(**{"k_spacing": 0.5, "SYSTEM.ecutwfc": 20, "ELECTRONS.conv_thr": 1e-9})
    expected = whole("static_soc", silicon, tmp_path / "whole", preset, {})
    output, stops = in_pieces("static_soc", silicon, tmp_path / "pieces", expected, monkeypatch, preset)
    assert stops >= 1
    assert len(list((tmp_path / "pieces").glob("pw.*.out"))) == stops
    assert output.numbers["energy (eV)"] == pytest.approx(expected.numbers["energy (eV)"], abs=1e-6)
    assert output.eigenvalues is not None
    assert expected.eigenvalues is not None
    filled = slice(0, 16)
    np.testing.assert_allclose(
        output.eigenvalues.energies[:, filled], expected.eigenvalues.energies[:, filled], atol=1e-3
    )
    taken = json.loads((tmp_path / "pieces" / "programs.json").read_text())["programs"]
    assert len(taken) == stops + 1
    assert output.seconds == pytest.approx(sum(one["seconds"] for one in taken), abs=0.01)
    text = (tmp_path / "pieces" / "pw.in").read_text()
    assert "max_seconds" not in text
    assert "restart_mode     = 'restart'" in (tmp_path / "pieces" / "pw.now.in").read_text()

    previous = {"static_soc": tmp_path / "pieces"}
    same = whole("bands_soc", silicon, tmp_path / "c", preset, previous)
    nodes, stops = in_pieces("bands_soc", silicon, tmp_path / "b", same, monkeypatch, preset, previous)
    assert stops >= 1
    assert nodes.eigenvalues is not None
    assert same.eigenvalues is not None
    np.testing.assert_allclose(nodes.eigenvalues.energies, same.eigenvalues.energies, atol=1e-4)
    total = [sum(one.orbital_weights.values()).sum() for one in (nodes, same)]
    assert total[0] == pytest.approx(total[1], rel=1e-3)


def running_in(directory: Path) -> list[int]:
    """Return the processes that work in a directory."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (place / "cwd").readlink() == directory.resolve():
                found.append(int(place.name))
    return found


KILLED = """
import sys
from pathlib import Path
from discovery.verification.engines import make_engine
from discovery.verification.options import Options
make_engine("espresso").run("relax", Path(sys.argv[1]), {}, Options())
"""


@pytest.mark.slow
@pytest.mark.usefixtures("pw")
def test_a_relaxation_goes_on_from_where_it_was_killed(silicon: Structure, tmp_path: Path) -> None:
    squeezed = silicon.copy()
    squeezed.scale_lattice(0.9 * silicon.volume)
    preset = coarse(**{"SYSTEM.ecutwfc": 20, "k_spacing": 0.8})
    directory = write("relax", squeezed, tmp_path / "relax", preset=preset)
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(directory)], start_new_session=True)
    xml = directory / "out" / "crystal.save" / "data-file-schema.xml"
    end = time.monotonic() + 120
    while not xml.is_file() and time.monotonic() < end:
        time.sleep(0.05)
    programs = running_in(directory)
    assert programs
    os.kill(process.pid, signal.SIGKILL)
    for pid in programs:
        os.kill(pid, signal.SIGKILL)
    process.wait()
    assert read_progress(directory).restarts
    engine = make_engine("espresso")
    engine.run("relax", directory, {}, Options())
    output = engine.parse("relax", directory)
    assert "Atomic positions and unit cell read from directory" in (directory / "pw.out").read_text()
    straight = tmp_path / "straight"
    write("relax", squeezed, straight, preset=preset)
    engine.run("relax", straight, {}, Options())
    expected = engine.parse("relax", straight)
    assert output.structure is not None
    assert expected.structure is not None
    assert output.structure.volume == pytest.approx(expected.structure.volume, rel=5e-3)
    assert output.structure.volume > 1.05 * squeezed.volume


@pytest.mark.slow
@pytest.mark.usefixtures("pw")
def test_a_relaxation_in_pieces(silicon: Structure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    squeezed = silicon.copy()
    squeezed.scale_lattice(0.9 * silicon.volume)
    preset = coarse(**{"SYSTEM.ecutwfc": 20, "k_spacing": 0.8})
    expected = whole("relax", squeezed, tmp_path / "whole", preset, {})
    output, stops = in_pieces("relax", squeezed, tmp_path / "pieces", expected, monkeypatch, preset)
    assert stops >= 1
    assert output.structure is not None
    assert expected.structure is not None
    assert output.structure.volume == pytest.approx(expected.structure.volume, rel=5e-3)
    assert output.structure.get_space_group_info() == silicon.get_space_group_info()
