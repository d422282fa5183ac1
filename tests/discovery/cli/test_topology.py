import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from candidates.records import Verdict
from discovery.cli.main import app
from discovery.topology.tightbinding import TightBinding
from tests.discovery.topology import models
from tests.discovery.topology.semimetals import weyl_pair

runner = CliRunner()


def write_model(folder: Path, model: TightBinding) -> Path:
    """Write hr.dat and the .win that holds its lattice."""
    n = model.n_orbitals
    lines = ["written by a test", str(n), str(len(model.cells))]
    lines += [" ".join(["1"] * len(model.cells[i : i + 15])) for i in range(0, len(model.cells), 15)]
    for cell, block in zip(model.cells.tolist(), model.hoppings, strict=True):
        for j, i in np.ndindex(n, n):
            lines.append(f"{cell[0]} {cell[1]} {cell[2]} {i + 1} {j + 1} {block[i, j].real:.9f} "
                         f"{block[i, j].imag:.9f}")  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model_hr.dat").write_text("\n".join(lines) + "\n")
    rows = "\n".join(" ".join(f"{x:.6f}" for x in row) for row in model.lattice)
    (folder / "model.win").write_text(f"begin unit_cell_cart\nang\n{rows}\nend unit_cell_cart\n")
    return folder / "model_hr.dat"


def test_a_strong_insulator_is_shown_and_written(tmp_path: Path) -> None:
    file = write_model(tmp_path / "model", models.wilson_dirac(-2.0))
    out = tmp_path / "out"
    result = runner.invoke(
        app, ["topology", str(file), "--occupied", "2", "--functional", "HSE06", "-o", str(out)]
    )
    assert result.exit_code == 0, result.output
    assert "strong TI (confirmed)" in result.output
    assert "1;(000)" in result.output
    assert re.search(r"Kramers pairing .* pass", result.output)
    assert {path.name for path in out.iterdir()} == {"verdict.json", "wilson.html"}
    verdict = Verdict.model_validate_json((out / "verdict.json").read_text())
    assert verdict.z2 == {"Wilson loops": (1, 0, 0, 0)}
    assert verdict.provenance["file"] == str(file)
    assert verdict.provenance["occupied"] == "2"
    assert len(verdict.provenance["sha256"]) == 64
    page = (out / "wilson.html").read_text().replace(r"\u002f", "/")
    assert not re.search(r"<(script|link)[^>]+(src|href)=", page)
    for name in ("k1=0: Z2 = 1", "k1=1/2: Z2 = 0", "k2=0: Z2 = 1", "k3=1/2: Z2 = 0"):
        assert name in page


def test_a_folder_without_output_writes_nothing(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", models.atomic_limit()).parent
    before = sorted(tmp_path.rglob("*"))
    result = runner.invoke(app, ["topology", str(folder), "-n", "2"])
    assert result.exit_code == 0, result.output
    assert "trivial (provisional)" in result.output
    assert sorted(tmp_path.rglob("*")) == before


def test_weyl_points_are_listed_and_leave_no_loops(tmp_path: Path) -> None:
    file = write_model(tmp_path / "model", weyl_pair(0.5))
    out = tmp_path / "out"
    out.mkdir()
    (out / "wilson.html").write_text("of another model")
    result = runner.invoke(app, ["topology", str(file), "--occupied", "1", "--magnetic", "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert "Weyl (provisional)" in result.output
    assert "+1" in result.output
    assert "-0.16667" in result.output
    assert [path.name for path in out.iterdir()] == ["verdict.json"]
    unexpected = runner.invoke(app, ["topology", str(file), "--occupied", "1"])
    assert unexpected.exit_code == 0
    assert "inconclusive" in unexpected.output
    assert "time reversal is broken" in unexpected.output


def test_refusals_name_the_reason_and_the_remedy(tmp_path: Path) -> None:
    file = write_model(tmp_path / "model", models.wilson_dirac(-2.0))
    missing = runner.invoke(app, ["topology", str(tmp_path / "none_hr.dat"), "-n", "2"])
    assert missing.exit_code == 1
    assert "no such file" in missing.stderr
    for occupied, told in (("3", "Kramers pairs"), ("4", "no gap to look for")):
        wrong = runner.invoke(app, ["topology", str(file), "-n", occupied])
        assert wrong.exit_code == 1
        assert told in wrong.stderr
        assert "--occupied counts" in wrong.stderr
    (file.parent / "wt.in").write_text(
        "&SYSTEM\nNumOccupied = 2\n/\nLATTICE\nAngstrom\n4 0 0\n0 4 0\n0 0 4\n"
    )
    contradicted = runner.invoke(app, ["topology", str(file), "-n", "1"])
    assert contradicted.exit_code == 1
    assert "NumOccupied = 2" in contradicted.stderr
    file.write_text("\n".join(file.read_text().splitlines()[:-3]))
    cut = runner.invoke(app, ["topology", str(file), "-n", "2"])
    assert cut.exit_code == 1
    assert "cut off" in cut.stderr
    assert "write_tb" in cut.stderr


@pytest.mark.parametrize("arguments", [[], ["x_hr.dat"], ["x_hr.dat", "-n", "0"], ["-n", "2"]])
def test_what_is_not_understood_is_a_usage_error(arguments: list[str]) -> None:
    assert runner.invoke(app, ["topology", *arguments]).exit_code == 2


def test_an_output_that_is_a_file_is_a_usage_error(tmp_path: Path) -> None:
    file = write_model(tmp_path / "model", models.atomic_limit())
    result = runner.invoke(app, ["topology", str(file), "-n", "2", "-o", str(file)])
    assert result.exit_code == 2
    assert "is a file" in result.stderr


def test_importing_the_command_imports_nothing_heavy() -> None:
    code = "import sys, discovery.cli.topology, discovery.cli.topology_tables; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "scipy", "pydantic", "plotly"} & set(done.stdout.split())


@pytest.mark.shared
def test_cases(shared: Path, tmp_path: Path) -> None:
    cases = shared / "cases"
    antimony = runner.invoke(app, ["topology", str(cases / "Sb-strong-TI"), "-n", "10"])
    assert "strong TI (provisional)" in antimony.output
    assert "1;(111)" in antimony.output
    assert "direct gap everywhere" in " ".join(antimony.output.split())
    bad = runner.invoke(app, ["topology", str(cases / "Bi2Se3-bad-wannierisation"), "-n", "18"])
    assert bad.exit_code == 0
    assert "inconclusive" in bad.output
    assert "Kramers partners lie 0.135" in bad.output
    weyl = tmp_path / "weyl"
    weyl.mkdir()
    shutil.copy(cases / "Weyl-model" / "Weyl3D_hr.dat", weyl)
    shutil.copy(cases / "Weyl-model" / "wt.in-findnodes", weyl / "wt.in")
    found = runner.invoke(app, ["topology", str(weyl), "-n", "1", "--magnetic"])
    assert "Weyl (provisional)" in found.output, found.output
    assert "0.16667" in found.output
