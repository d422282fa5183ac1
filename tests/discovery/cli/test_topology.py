import json
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
from discovery.cli.topology_options import miller_index
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
        app,
        [
            *("topology", str(file), "--occupied", "2", "--functional", "HSE06", "-o", str(out)),
            *("--surface", "0,0,-1", "--window", "-0.3", "0.3", "--fermi", "0"),
        ],
    )
    assert result.exit_code == 0, result.output
    assert "strong TI (confirmed)" in result.output
    assert "1;(000)" in result.output
    assert re.search(r"Kramers pairing .* pass", result.output)
    pictures = {f"{name}.{kind}" for name in ("bands", "wilson", "surface-00-1") for kind in ("html", "png")}
    assert {path.name for path in out.iterdir()} == {"verdict.json", "plots.json", *pictures}
    numbers = json.loads((out / "plots.json").read_text())
    top = next(plot for plot in numbers["surfaces"] if plot["termination"] == "top")
    assert (top["miller"], top["zero"]) == ([0, 0, -1], "Fermi energy")
    assert [top["energies"][0], top["energies"][-1]] == [-0.3, 0.3]
    assert numbers["bands"][0]["n_occupied"] == 2
    verdict = Verdict.model_validate_json((out / "verdict.json").read_text())
    assert verdict.z2 == {"Wilson loops": (1, 0, 0, 0)}
    assert verdict.provenance["file"] == str(file)
    assert verdict.provenance["occupied"] == "2"
    assert len(verdict.provenance["sha256"]) == 64
    page = (out / "wilson.html").read_text().replace(r"\u002f", "/")
    assert not re.search(r"<(script|link)[^>]+(src|href)=", page)
    for name in ("k₁ = 0: Z₂ = 1", "k₁ = ½: Z₂ = 0", "k₂ = 0: Z₂ = 1", "k₃ = ½: Z₂ = 0"):
        assert name in page or json.dumps(name)[1:-1] in page


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
    result = runner.invoke(
        app, ["topology", str(file), "--occupied", "1", "--magnetic", "-o", str(out), "--surface", "none"]
    )
    assert result.exit_code == 0, result.output
    assert "Weyl (provisional)" in result.output
    assert "+1" in result.output
    assert "-0.16667" in result.output
    assert {path.name for path in out.iterdir()} == {"verdict.json", "plots.json", "bands.html", "bands.png"}
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


def test_parities_stand_beside_the_loops(tmp_path: Path) -> None:
    file = write_model(tmp_path / "model", models.wilson_dirac(-2.0))
    rows = [f"{a / 2},{b / 2},{c / 2},{int((a, b, c) == (0, 0, 0))}" for a, b, c in np.ndindex(2, 2, 2)]
    table = tmp_path / "parities.csv"
    table.write_text("\n".join(["k1,k2,k3,odd", *rows]))
    agreed = runner.invoke(app, ["topology", str(file), "-n", "2", "--parities", str(table)])
    assert agreed.exit_code == 0, agreed.output
    assert "and so do parities" in agreed.output
    assert re.search(r"Z4 by parities .* 3", agreed.output)
    assert re.search(r"methods agree .* pass", agreed.output)
    table.write_text("\n".join(["k1,k2,k3,odd", *(row[:-1] + "1" for row in rows)]))
    against = runner.invoke(app, ["topology", str(file), "-n", "2", "--parities", str(table)])
    assert "inconclusive" in against.output
    assert "the methods disagree" in against.output
    table.write_text("k1,k2,k3,odd\n0,0,0,1\n")
    refused = runner.invoke(app, ["topology", str(file), "-n", "2", "--parities", str(table)])
    assert refused.exit_code == 1
    assert "missing" in refused.stderr


def test_mirrors_are_read_from_the_input(tmp_path: Path) -> None:
    """Wilson–Dirac: an s and an fxyz orbital on one atom; projections that do not fit are said to."""
    file = write_model(tmp_path / "model", models.wilson_dirac(-2.0))
    win = file.with_name("model.win")
    lattice = win.read_text()
    atoms = "begin atoms_frac\nBi 0 0 0\nend atoms_frac\nbegin projections\n{}\nend projections\n"
    win.write_text(lattice + atoms.format("Bi:s;fxyz"))
    found = runner.invoke(app, ["topology", str(file), "-n", "2"])
    assert re.search(r"mirror Chern, m \[1 0 0\] on k·n = 0 .* -1", found.output), found.output
    assert re.search(r"mirrors agree .* pass", found.output)
    win.write_text(lattice + atoms.format("Bi:s;p"))
    without = " ".join(runner.invoke(app, ["topology", str(file), "-n", "2"]).output.split())
    assert "Mirror Chern numbers were not computed because model.win: 4 projections" in without


def test_bands_far_from_the_functional_decide_nothing(tmp_path: Path) -> None:
    model = models.wilson_dirac(-2.0)
    file = write_model(tmp_path / "model", model)
    k = np.array([[0, 0, 0], [0.5, 0, 0.5]])
    win = file.with_name("model.win")
    points = "\n".join(" ".join(map(str, row)) for row in k)
    win.write_text(win.read_text() + f"num_wann 4\nbegin kpoints\n{points}\nend kpoints\n")
    for shift, topology in ((0.01, "strong TI"), (0.5, "inconclusive")):
        rows = [
            f"{b + 1} {i + 1} {e + shift:.8f}"
            for i, own in enumerate(model.bands(k)) for b, e in enumerate(own)
        ]  # fmt: skip
        file.with_name("model.eig").write_text("\n".join(rows) + "\n")
        result = runner.invoke(app, ["topology", str(file), "-n", "2"])
        assert result.output.startswith(topology), result.output
        assert re.search(rf"Wannier bands .* {1e3 * shift:g} meV", result.output)


def test_long_work_is_announced_and_can_be_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    file = write_model(tmp_path / "model", models.atomic_limit())
    monkeypatch.setattr("discovery.cli.topology_pictures.LONG", 0.0)
    monkeypatch.setattr("discovery.topology.surface_views.look", stop)
    result = runner.invoke(app, ["topology", str(file), "-n", "2", "-o", str(tmp_path / "out")])
    assert result.exit_code == 130
    assert "surface 001: up to" in result.stderr
    assert "--surface none leaves surfaces out" in result.stderr
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left == {"verdict.json", *(f"{n}.{kind}" for n in ("bands", "wilson") for kind in ("html", "png"))}


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("111", (1, 1, 1)),
        ("1-10", (1, -1, 0)),
        ("1 1 -1", (1, 1, -1)),
        ("1,1,-1", (1, 1, -1)),
        ("(10, 1, 0)", (10, 1, 0)),
        ("000", None),
        ("11", None),
        ("1 1", None),
        ("1-1", None),
        ("a b c", None),
        ("", None),
    ],
)
def test_miller_indices_are_understood(text: str, index: tuple[int, int, int] | None) -> None:
    assert miller_index(text) == index


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--surface", "1x1", "-o", "out"], "no Miller index"),
        (["--surface", "111"], "none is named"),
        (["--surface", "111", "--surface", "none", "-o", "out"], "contradict"),
        (["--window", "1", "-1"], "no energies"),
    ],
)
def test_surfaces_that_cannot_be_drawn_are_usage_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file = write_model(tmp_path / "model", models.atomic_limit())
    result = runner.invoke(app, ["topology", str(file), "-n", "2", *options])
    assert result.exit_code == 2
    assert told in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [[], ["x_hr.dat"], ["x_hr.dat", "-n", "0"], ["-n", "2"]])
def test_what_is_not_understood_is_a_usage_error(arguments: list[str]) -> None:
    assert runner.invoke(app, ["topology", *arguments]).exit_code == 2


def test_an_output_that_is_a_file_is_a_usage_error(tmp_path: Path) -> None:
    file = write_model(tmp_path / "model", models.atomic_limit())
    result = runner.invoke(app, ["topology", str(file), "-n", "2", "-o", str(file)])
    assert result.exit_code == 2
    assert "is a file" in result.stderr


def test_importing_the_command_imports_nothing_heavy() -> None:
    names = ("topology", "topology_tables", "topology_pictures", "topology_options")
    code = f"import sys, {', '.join(f'discovery.cli.{name}' for name in names)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "scipy", "pydantic", "plotly"} & set(done.stdout.split())


@pytest.mark.shared
def test_cases(shared: Path, tmp_path: Path) -> None:
    cases = shared / "cases"
    log = str(cases / "Sb-parities" / "irrep.log")
    antimony = runner.invoke(app, ["topology", str(cases / "Sb-strong-TI"), "-n", "10", "--parities", log])
    assert "and so do parities" in antimony.output
    assert re.search(r"mirror Chern, m \[1 0 -1\] on k·n = 0 .* 1 ", antimony.output)
    assert re.search(r"spread .* 4.134 Å² .* pass", antimony.output)
    assert "strong TI (provisional)" in antimony.output
    assert "1;(111)" in antimony.output
    assert "direct gap everywhere" in " ".join(antimony.output.split())
    bad = runner.invoke(app, ["topology", str(cases / "Bi2Se3-bad-wannierisation"), "-n", "18"])
    assert bad.exit_code == 0
    assert "inconclusive" in bad.output
    assert "Kramers partners lie 0.135" in bad.output
    assert "wannier90 stopped its disentanglement before it had converged" in bad.output
    weyl = tmp_path / "weyl"
    weyl.mkdir()
    shutil.copy(cases / "Weyl-model" / "Weyl3D_hr.dat", weyl)
    shutil.copy(cases / "Weyl-model" / "wt.in-findnodes", weyl / "wt.in")
    found = runner.invoke(app, ["topology", str(weyl), "-n", "1", "--magnetic"])
    assert "Weyl (provisional)" in found.output, found.output
    assert "0.16667" in found.output
