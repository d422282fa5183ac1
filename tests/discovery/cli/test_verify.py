"""``discover verify`` and ``discover verdict`` with a stand-in for the program: plumbing, not physics."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core import Lattice, Structure
from typer.testing import CliRunner, Result

from candidates.review import Edit
from candidates.reviews import Reviews
from candidates.store import Store
from discovery.cli.main import app
from discovery.settings import get_settings
from discovery.verification.sources import choose_candidates
from tests.discovery.verification import fake_engine
from tests.sample_records import make_candidate, make_run

Set = Callable[..., None]


@pytest.fixture
def po(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file in the working directory, the stand-in in the place of Quantum ESPRESSO."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("discovery.verification.engines.ENGINES", {"espresso": fake_engine.NAME})
    monkeypatch.setattr("discovery.verification.wannierise.wannierise", fake_engine.wannierise)
    Structure(Lattice.cubic(4.0), ["Po"], [[0, 0, 0]]).to(filename="Po.cif")
    return "Po.cif"


@pytest.fixture
def set_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Set:
    path = tmp_path / "faults.json"
    monkeypatch.setenv(fake_engine.FAULTS, str(path))

    def change(**faults: Any) -> None:
        path.write_text(json.dumps(faults))

    change()
    return change


def discover(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def verify(*words: str) -> Result:
    return discover("verify", *words, "--preset", "fast", "--submit", "local")


def test_file_to_verdict(po: str) -> None:
    done = verify(po, "--no-surface")
    assert done.exit_code == 0, done.output
    assert "strong TI (provisional)" in done.stdout
    assert "1;(111)" in done.stdout
    assert "Plumbing, not physics" in done.stdout
    (folder,) = (path for path in Path("verifications").iterdir() if path.is_dir())
    again = discover("verdict", folder.name[:6])
    assert again.exit_code == 0
    for word in ("strong TI", "Wannier bands", "methods agree", "bands_soc", "done"):
        assert word in again.stdout
    assert discover("verdict", str(folder)).stdout.splitlines()[1:] == again.stdout.splitlines()[1:]
    record = json.loads(discover("verdict", folder.name, "--json").stdout)
    assert record["verdict"]["topology"] == "strong TI"
    assert record["state"] == "verified"


def test_candidate_to_verdict(po: str, set_faults: Set) -> None:
    candidate = make_candidate(
        1,
        formula="Po",
        lattice=(4.0, 0, 0, 0, 4.0, 0, 0, 0, 4.0),
        atomic_numbers=(84,),
        frac_coords=(0, 0, 0),
    )
    Store(get_settings().resolved_store_url).add_run(make_run(), [candidate])
    done = verify(candidate.id[:8], "--no-relax", "--no-surface")
    assert done.exit_code == 0, done.output
    assert "relax" not in done.stdout
    assert discover("verdict", candidate.id[:8]).stdout.startswith(f"Po  {candidate.id}")


def test_failure_ends_with_its_remedy_and_goes_on(po: str, set_faults: Set) -> None:
    set_faults(fail="bands_soc")
    done = verify(po, "--no-surface")
    assert done.exit_code == 1
    assert "bands_soc did not converge" in done.stdout
    assert "Use more iterations." in done.stdout
    assert "no verdict (failed)" in done.stdout
    set_faults()
    assert verify(po, "--no-surface").exit_code == 0
    assert (Path("verifications") / "runs.txt").read_text().split().count("relax") == 1


def test_interruption_keeps_what_ended(po: str, set_faults: Set) -> None:
    set_faults(kill="static_soc")
    done = verify(po, "--no-surface")
    assert done.exit_code == 130
    assert "are kept" in done.stderr
    assert "The same command goes on" in done.stderr
    set_faults()
    assert verify(po, "--no-surface").exit_code == 0
    runs = (Path("verifications") / "runs.txt").read_text().split()
    assert len(runs) == len(set(runs))


def test_odd_electrons_stop(po: str) -> None:
    Structure(Lattice.cubic(3.0), ["Cu"], [[0, 0, 0]]).to(filename="Cu.cif")
    done = verify("Cu.cif")
    assert done.exit_code == 0
    assert "no verdict (stopped)" in done.stdout
    assert "29 electrons" in done.stdout


def test_write(po: str) -> None:
    done = discover("verify", po, "--preset", "fast", "--write", "inputs")
    assert done.exit_code == 0, done.output
    (folder,) = Path("inputs").iterdir()
    assert (folder / "README.txt").is_file()
    assert (folder / "04-static-soc" / "in.json").is_file()
    assert "windows: eigenvalues" in done.stdout
    assert not (folder / "runs.txt").exists()


def test_options_reach_the_request(po: str) -> None:
    words = (
        "--set wannier.k_spacing=0.37 --hubbard Po=2.5 --check hse06 --miller 1-10 --parallel 2 --no-relax"
    )
    done = discover("verify", po, "--preset", "fast", "--write", "inputs", "--no-stop-early", *words.split())
    assert done.exit_code == 0, done.output
    (folder,) = Path("inputs").iterdir()
    request = json.loads((folder / "request.json").read_text())
    assert request["preset"]["wannier"]["k_spacing"] == 0.37
    assert request["options"] | {} == {
        "relax": False,
        "hubbard": {"Po": 2.5},
        "check": "hse06",
        "magnetic": False,
        "stop_early": False,
        "surfaces": True,
        "miller": [1, -1, 0],
        "ranks": 2,
        "threads": 1,
    }


def judged_store() -> list[list[str]]:
    """Two runs of four; of each the first is rejected, the second and the fourth are accepted."""
    store = Store(get_settings().resolved_store_url)
    crystal = {
        "formula": "Po",
        "lattice": (4.0, 0, 0, 0, 4.0, 0, 0, 0, 4.0),
        "atomic_numbers": (84,),
        "frac_coords": (0, 0, 0),
    }
    runs = []
    for run_id in ("5f3a9c1e7b20", "aa00bb11cc22"):
        candidates = [make_candidate(rank, run_id, **crystal) for rank in (1, 2, 3, 4)]
        store.add_run(make_run(run_id), candidates)
        first, second, _, fourth = ids = [candidate.id for candidate in candidates]
        Reviews(store).add([first], Edit(status="rejected"), "ana")
        Reviews(store).add([fourth, second], Edit(status="accepted"), "ana")
        runs.append(ids)
    return runs


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ("--accepted", [(0, 1), (1, 1), (0, 3), (1, 3)]),
        ("--accepted --run 5f3a", [(0, 1), (0, 3)]),
        ("--accepted --top 1 --run aa00", [(1, 1)]),
        ("--run 5f3a --top 2", [(0, 1), (0, 2)]),
        ("--run 5f3a --top 99", [(0, 1), (0, 2), (0, 3)]),
        ("{0} {2} --accepted --run 5f3a", [(0, 0), (0, 2), (0, 1), (0, 3)]),
        ("{1} --accepted --run 5f3a", [(0, 1), (0, 3)]),
    ],
)
def test_selection(po: str, words: str, chosen: list[tuple[int, int]]) -> None:
    runs = judged_store()
    given = words.format(*runs[0]).split()
    done = discover("verify", *given, "--preset", "fast", "--write", "inputs")
    assert done.exit_code == 0, done.output
    wanted = [runs[run][place] for run, place in chosen]
    assert {path.name for path in Path("inputs").iterdir()} == set(wanted)


def test_the_best_come_first(po: str) -> None:
    ids, others = judged_store()
    store = Store(get_settings().resolved_store_url)
    assert choose_candidates(store, accepted=True, run="5f3a") == [ids[1], ids[3]]
    assert choose_candidates(store, accepted=False, run="5f3a", top=3) == ids[1:]
    assert {*choose_candidates(store, accepted=True, top=2)} == {ids[1], others[1]}


def test_a_file_of_that_name_does_not_shadow_an_accepted_candidate(po: str) -> None:
    ids, _ = judged_store()
    Path(ids[1]).write_text("no crystal")
    assert discover("verify", "--accepted", "--preset", "fast", "--write", "inputs").exit_code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("", 2, "nothing is selected"),
        ("--run 5f3a", 2, "--run alone selects nothing"),
        ("--top 3", 2, "--top does not say of which run"),
        ("--top 0 --run 5f3a", 2, "Invalid value"),
        ("--run= --top 3", 1, "no run "),
        ("--accepted --run feed", 1, "no run 'feed'"),
        ("--accepted --run bb00", 1, "no candidate of run bb00dd11ee22 is accepted"),
        ("--top 3 --run bb00", 1, "run bb00dd11ee22 has no candidate that is not rejected"),
    ],
)
def test_selection_refusals(po: str, words: str, code: int, said: str) -> None:
    judged_store()
    lonely = make_candidate(1, "bb00dd11ee22")
    store = Store(get_settings().resolved_store_url)
    store.add_run(make_run("bb00dd11ee22"), [lonely])
    Reviews(store).add([lonely.id], Edit(status="rejected"), "ana")
    done = discover("verify", *words.split(), "--write", "inputs")
    assert done.exit_code == code
    assert said in " ".join(done.stderr.split())
    assert not Path("inputs").exists()


def test_nobody_has_accepted_anything(po: str) -> None:
    done = discover("verify", "--accepted", "--write", "inputs")
    assert done.exit_code == 1
    assert "no candidate of any run is accepted" in " ".join(done.stderr.split())
    assert "discover review" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["Po.cif"], 2, "say what to do"),
        (["Po.cif", "--write", "a", "--submit", "local"], 2, "say what to do"),
        (["Po.cif", "--write", "Po.cif"], 2, "is a file"),
        (["Po.cif", "--write", "a", "--preset", "fats"], 2, "Did you mean fast?"),
        (["Po.cif", "--write", "a", "--set", "wannier.k_spacin=1"], 2, "wannier.k_spacing"),
        (["Po.cif", "--write", "a", "--set", "nonsense"], 2, "KEY=VALUE"),
        (["Po.cif", "--write", "a", "--hubbard", "Fe"], 2, "ELEMENT=U"),
        (["Po.cif", "--write", "a", "--hubbard", "Fe=4"], 1, "does not hold"),
        (["Po.cif", "--write", "a", "--miller", "00"], 2, "no Miller index"),
        (["gone.cif", "--write", "a"], 1, "no such file"),
        (["feed", "--write", "a"], 1, "no candidate 'feed'"),
        (["broken.cif", "--write", "a"], 1, "no crystal could be read"),
        (["alloy.cif", "--write", "a"], 1, "partly occupied"),
    ],
)
def test_refusals(po: str, words: list[str], code: int, said: str) -> None:
    Path("broken.cif").write_text("data_\nnothing\n")
    Structure(Lattice.cubic(4.0), [{"Sn": 0.5, "Pb": 0.5}], [[0, 0, 0]]).to(filename="alloy.cif")
    done = discover("verify", *words)
    assert done.exit_code == code
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.output


def test_verdict_refusals(po: str) -> None:
    done = discover("verdict", "feed")
    assert done.exit_code == 1
    assert "no verification of 'feed'" in done.stderr
    assert "discover verify ID" in done.stderr
    Path("empty").mkdir()
    assert "holds no verification" in discover("verdict", "empty").stderr
