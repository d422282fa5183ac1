"""atomate2 jobs through jobflow, unmodified `run_vasp`, custodian and TaskDoc: plumbing, not physics."""

from collections.abc import Callable
from pathlib import Path

import pytest
from jobflow import Flow, JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.core import Structure

from dft_templates.presets import Preset
from discovery.verification.engines.vasp.inputs import generator_of
from discovery.verification.engines.vasp.makers import TopologyVaspMaker, make_maker
from discovery.verification.options import Options

Machine = Callable[..., None]
QUICK = {"polling_time_step": 0.1, "monitor_freq": 2}


@pytest.fixture
def maker(crystal: Structure, preset: Preset) -> Callable[[str], TopologyVaspMaker]:
    def make(step: str) -> TopologyVaspMaker:
        return make_maker(step, generator_of(step, crystal, preset, Options()), QUICK)

    return make


def test_bands_follow_a_static_run(
    crystal: Structure,
    maker: Callable[[str], TopologyVaspMaker],
    machine: Machine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    static = maker("static_soc").make(crystal)
    bands = maker("bands_soc").make(crystal, prev_dir=static.output.dir_name)
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    responses = run_locally(
        Flow([static, bands]), create_folders=True, ensure_success=True, store=store, log=False
    )
    documents = [responses[job.uuid][1].output for job in (static, bands)]
    assert [one.state.value for one in documents] == ["successful", "successful"]
    assert [one.task_label for one in documents] == ["static_soc", "bands_soc"]
    incars = [one.calcs_reversed[0].input.incar for one in documents]
    assert [incar.get("ICHARG") for incar in incars] == [2, 11]
    assert all(incar["LSORBIT"] for incar in incars)
    # atomate2 zips what it keeps; a POTCAR is not among it.
    left = {file.name for place in tmp_path.glob("job_*") for file in place.iterdir()}
    assert "vasprun.xml.gz" in left
    assert {name for name in left if name.startswith("POTCAR")} == {"POTCAR.spec"}
    assert documents[0].input.pseudo_potentials.symbols == ["Li", "H"]


def test_a_job_without_its_density_is_refused(
    crystal: Structure, maker: Callable[[str], TopologyVaspMaker], machine: Machine, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    job = maker("bands_soc").make(crystal)
    with pytest.raises(ValueError, match="charge density of static_soc"):
        job.run(JobStore(MemoryStore(), additional_stores={"data": MemoryStore()}))


def test_a_maker_survives_json(maker: Callable[[str], TopologyVaspMaker]) -> None:
    import json

    from monty.json import MontyDecoder, MontyEncoder

    one = maker("bands_soc")
    again = json.loads(json.dumps(one, cls=MontyEncoder), cls=MontyDecoder)
    assert isinstance(again, TopologyVaspMaker)
    assert again.input_set_generator.tags == one.input_set_generator.tags
    assert again.input_set_generator.electrons == {"Li": 1.0, "H": 1.0}
    assert again.copy_vasp_kwargs == {"additional_vasp_files": ["CHGCAR"]}


def test_making_a_job_does_not_change_its_maker(
    crystal: Structure, maker: Callable[[str], TopologyVaspMaker]
) -> None:
    one = maker("static")
    before = one.as_dict()
    one.make(crystal)
    assert one.as_dict() == before
