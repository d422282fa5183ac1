"""Models, databases, potentials and packages as the doctor sees them."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from discovery.doctor import parts
from discovery.settings import Settings, get_settings
from discovery.verification.engines.espresso import pseudos
from tests.sample_models import make_model
from xbert.checkpoint import SHIPPED, WEIGHTS, model_sha256, read_description, write_description
from xbert.own_models import add
from xbert.reliability import CALIBRATION


@pytest.mark.parametrize("name", ["discovery", "benchmark"])
def test_shipped_models_are_whole(name: str) -> None:
    check = parts.model(name)
    assert check.state == "ok"
    assert model_sha256(SHIPPED / name)[:12] in check.found


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a shipped model in the place of the shipped ones."""
    place = tmp_path / "models" / "discovery"
    shutil.copytree(SHIPPED / "discovery", place)
    monkeypatch.setattr("xbert.checkpoint.SHIPPED", place.parent)
    return place


def test_model_whose_weights_were_changed(copied: Path) -> None:
    assert parts.model("discovery").state == "ok"
    weights = bytearray((copied / WEIGHTS).read_bytes())
    weights[-1000] ^= 1
    (copied / WEIGHTS).write_bytes(weights)
    check = parts.model("discovery")
    assert check.state == "broken"
    assert "SHA-256" in check.found


def test_model_with_the_calibration_of_another(copied: Path) -> None:
    shutil.copyfile(SHIPPED / "benchmark" / CALIBRATION, copied / CALIBRATION)
    check = parts.model("discovery")
    assert check.state == "broken"
    assert "calibration was made with" in check.found
    (copied / CALIBRATION).unlink()
    assert parts.model("discovery").state == "warning"


def test_model_that_is_cut_off(copied: Path) -> None:
    (copied / WEIGHTS).write_bytes((copied / WEIGHTS).read_bytes()[:5000])
    assert parts.model("discovery").state == "broken"


def test_model_without_weights_of_its_second_network(copied: Path) -> None:
    from safetensors.numpy import load_file, save_file

    kept = {key: value for key, value in load_file(copied / WEIGHTS).items() if not key.startswith("1.")}
    save_file(kept, copied / WEIGHTS)
    write_description(copied, replace(read_description(copied), weights_sha256=""))
    check = parts.model("discovery")
    assert check.state == "broken"
    assert "not whole" in check.found


def test_model_that_is_not_there(copied: Path) -> None:
    (copied / WEIGHTS).unlink()
    assert parts.model("discovery").state == "broken"


def test_models_of_ones_own(tmp_path: Path) -> None:
    none = parts.own_models(get_settings())
    assert (none.state, none.found) == ("missing", f"none in {tmp_path / 'data' / 'models'}")
    add("mine", make_model(tmp_path / "run"))
    assert parts.own_models(get_settings()).found == f"mine in {tmp_path / 'data' / 'models'}"
    weights = tmp_path / "data" / "models" / "mine" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])
    broken = parts.own_models(get_settings())
    assert broken.state == "warning"
    assert "mine cannot be loaded" in broken.found
    assert str(weights.parent) in broken.remedy


def test_databases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = parts.databases(get_settings())
    assert check.state == "missing"
    assert check.found.startswith("ready: starter; not here: ")
    assert check.remedy == "discover data fetch topoA"
    place = get_settings().data_dir
    place.mkdir()
    for name in ("mp_structures.parquet", "topology_labels.parquet"):
        (place / name).write_text("")
    assert parts.databases(get_settings()).state == "ok"
    monkeypatch.setattr("discovery.databases.bundled.StarterDatabase.is_ready", lambda self: False)
    assert parts.databases(get_settings()).state == "broken"


def test_pseudopotentials(tmp_path: Path, shared: Path) -> None:
    folder = tmp_path / "upf"
    settings = Settings(pseudo_dir=folder)
    none = parts.pseudopotentials(settings)
    assert none.state == "missing"
    assert none.found.startswith("0 of 68")
    assert none.remedy == "discover pseudos fetch"
    folder.mkdir()
    sb = pseudos.table()["Sb"]
    found = next((shared / "pseudopotentials").rglob(sb.name), None)
    if found is None:
        pytest.skip(f"no {sb.name} in the development data")
    shutil.copyfile(found, folder / sb.name)
    some = parts.pseudopotentials(settings)
    assert some.found.startswith("1 of 68")
    assert "Sb" not in some.remedy


def test_pseudopotentials_that_are_all_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(pseudo_dir=tmp_path)
    monkeypatch.setattr(pseudos, "state", lambda pseudo, settings: "ready")
    assert parts.pseudopotentials(settings).state == "ok"
    monkeypatch.setattr(
        pseudos, "state", lambda pseudo, settings: "another file" if pseudo.element == "Bi" else "ready"
    )
    check = parts.pseudopotentials(settings)
    assert check.state == "warning"
    assert "Bi" in check.found


def test_pseudopotentials_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "upf").write_text("")
    assert parts.pseudopotentials(Settings(pseudo_dir=tmp_path / "upf")).state == "broken"


def test_potcars(tmp_path: Path) -> None:
    assert parts.potcars({}, "PBE_54").state == "missing"
    assert parts.potcars({"PMG_VASP_PSP_DIR": str(tmp_path / "no")}, "PBE_54").state == "broken"
    config = {"PMG_VASP_PSP_DIR": str(tmp_path)}
    assert parts.potcars(config, "PBE_54").state == "broken"
    for name in ("Bi/POTCAR.gz", "Te/POTCAR"):
        path = tmp_path / "POT_GGA_PAW_PBE_52" / name
        path.parent.mkdir(parents=True)
        path.write_text("")
    assert "vasp.potcar_functional=PBE_52" in parts.potcars(config, "PBE_54").remedy
    assert parts.potcars(config, "PBE_52").found.startswith("2 potentials")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "POTCAR.Bi").write_text("")
    own = config | {"PMG_VASP_PSP_SUB_DIRS": {"PBE_54": "mine"}}
    assert parts.potcars(own, "PBE_54").found.startswith("1 potentials")


def test_potcar_folders_are_those_of_pymatgen() -> None:
    from pymatgen.io.vasp.inputs import PotcarSingle

    assert parts.POTCAR_FOLDERS.items() <= PotcarSingle.functional_dir.items()


def test_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        'numpy>=1; extra == "web"',
        'scipy>=900; extra == "web"',
        'nosuchpackage>=1; extra == "remote"',
        'nosuchpackage>=1; extra == "web" and python_version < "3"',
        "pydantic>=2",
    ]
    monkeypatch.setattr(parts, "requires", lambda name: lines)
    web = parts.extra("web", "the review page")
    assert web.state == "warning"
    assert "not >=900" in web.found
    assert "pydantic" not in web.found
    remote = parts.extra("remote", "remote databases")
    assert (remote.state, remote.found) == ("missing", "no nosuchpackage")
    assert remote.remedy == "pip install 'xbert-discovery[remote]'"
    monkeypatch.setattr(parts, "requires", lambda name: lines[:1])
    assert parts.extra("web", "the review page").state == "ok"


def test_key_is_not_shown() -> None:
    assert parts.key(Settings(mp_api_key=None)).state == "missing"
    check = parts.key(Settings(mp_api_key="0123456789abcdef"))
    assert check.state == "ok"
    assert "0123" not in check.found
