from importlib.resources import files
from pathlib import Path

import pytest
from platformdirs import user_config_path

from discovery.settings import APP
from discovery.submission import SubmissionError
from discovery.submission.cluster import Cluster, cluster_path, load_cluster


def load(tmp_path: Path, text: str) -> Cluster:
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    return load_cluster(path)[0]


def test_the_file_that_is_written_can_be_read() -> None:
    template = files("discovery.submission") / "templates" / "cluster.yaml"
    cluster, _, sha256 = load_cluster(Path(str(template)))
    assert len(sha256) == 64
    assert cluster.resources_of("wannier", "vasp").ranks == 1
    assert cluster.resources_of("static_soc", "vasp").ranks == 32
    assert cluster.resources_of("static_soc", "espresso").seconds == 12 * 3600


def test_an_empty_file_has_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, "# nothing\n") == Cluster()


def test_a_step_goes_before_its_engine_before_all(tmp_path: Path) -> None:
    cluster = load(
        tmp_path,
        "resources: {partition: short, walltime: 1:00:00}\n"
        "engines: {vasp: {ranks: 32, walltime: 24:00:00, modules: [vasp/6.4]}}\n"
        "steps: {check: {walltime: 48:00:00}, wannier: {threads: 4}}\n",
    )
    check = cluster.resources_of("check", "vasp")
    assert (check.ranks, check.seconds, check.partition) == (32, 48 * 3600, "short")
    assert check.modules == ("vasp/6.4",)
    assert cluster.resources_of("check", "espresso").ranks == 1
    assert cluster.resources_of("wannier", "vasp").model_dump()["threads"] == 4
    assert cluster.resources_of("wannier", "vasp").ranks == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_job: 3", "max_job: no such key; did you mean max_jobs"),
        ("partition: long", "did you mean resources.partition"),
        ("resources: {walltme: 60}", "resources.walltme: no such key; did you mean walltime"),
        ("resources: {walltime: 1d}", "'1d' is no time"),
        ("resources: {walltime: 24:61:00:00}", "is no time"),
        ("resources: {ranks: 0}", "resources.ranks"),
        ("resources: {memory: lots}", "resources.memory"),
        ("resources: {partition: 'a b'}", "resources.partition"),
        ("resources: {options: ['rm -rf']}", "resources.options.0"),
        ("engines: {abinit: {ranks: 2}}", "engines.abinit"),
        ("engines: {vasp: {ranks: many}}", "engines.vasp.ranks"),
        ("engines: {vasp: 3}", "engines.vasp"),
        ("steps: {static_sco: {ranks: 2}}", "did you mean static_soc"),
        ("steps: {relax: {rank: 2}}", "steps.relax.rank: no such key; did you mean ranks"),
        ("margin: 300\nresources: {walltime: 5}", "margin: 300 s is no less than the walltime"),
        ("mpi: srun -n 4", "{ranks}"),
        ("environment: {A-B: 1}", "'A-B' is no name"),
        ("environment: {A: [1]}", "A is no text"),
        ("environment: {A: yes}", "quotes"),
        ("max_jobs: 3\nmax_jobs: 4", "line 1: the key max_jobs is given twice"),
        ("resources:\n  ranks: 3\n  ranks: 4", "line 2: the key ranks is given twice"),
        ("a: [", "line"),
        ("- a", "no keys"),
        ("a: !!python/object/apply:os.system [true]", "could not determine a constructor"),
        ("scheduler: pbs", "scheduler"),
        ('python: "/bin/python\\nrm"', "python"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SubmissionError) as caught:
        load(tmp_path, text)
    assert str(tmp_path / "cluster.yaml") in caught.value.reason
    assert said in caught.value.reason
    assert "discover cluster init" in caught.value.remedy


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SubmissionError, match="cannot be read"):
        load_cluster(tmp_path / "cluster.yaml")


def test_environment_becomes_text(tmp_path: Path) -> None:
    cluster = load(tmp_path, "environment: {OMP_STACKSIZE: 512, PATH: '/a b:$PATH', EMPTY: ''}")
    assert cluster.environment == {"OMP_STACKSIZE": "512", "PATH": "/a b:$PATH", "EMPTY": ""}


def test_merged_keys_may_be_overridden(tmp_path: Path) -> None:
    text = "resources: &all {ranks: 3, threads: 2}\nsteps:\n  relax: {<<: *all, ranks: 5}\n"
    relax = load(tmp_path, text).resources_of("relax", "espresso")
    assert (relax.ranks, relax.threads) == (5, 2)


def test_places_are_looked_at_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.delenv("DISCOVER_CLUSTER", raising=False)
    with pytest.raises(SubmissionError, match="no cluster file") as caught:
        cluster_path()
    assert "discover cluster init" in caught.value.remedy
    config = user_config_path(APP) / "cluster.yaml"
    config.parent.mkdir(parents=True)
    config.touch()
    assert cluster_path() == config
    (here / "cluster.yaml").touch()
    assert cluster_path() == here / "cluster.yaml"
    monkeypatch.setenv("DISCOVER_CLUSTER", str(tmp_path / "other.yaml"))
    with pytest.raises(SubmissionError, match=r"other\.yaml: no such file"):
        cluster_path()
    (tmp_path / "other.yaml").touch()
    assert cluster_path() == tmp_path / "other.yaml"
    (tmp_path / "given.yaml").touch()
    assert cluster_path(tmp_path / "given.yaml") == tmp_path / "given.yaml"
