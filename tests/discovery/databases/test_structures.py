import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from discovery.databases import structures as module
from discovery.databases.cifs import Cif, Refused, archive_cifs, parse_cifs
from discovery.databases.download import ChecksumError, DownloadError
from discovery.databases.structures import build_structures

COMMIT = "41163fcf52ff9bdb3f993c83ef7eaee6f1676b50"
CIF = """data_NaCl
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_site_type_symbol
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Cs Cs0 0 0 0 1
Cl Cl0 0.5 0.5 0.5 {occupancy}
"""


def cif(a: float = 4.1, occupancy: float = 1.0) -> bytes:
    return CIF.format(a=a, occupancy=occupancy).encode()


def archive(path: Path, members: dict[str, bytes], commit: str | None = COMMIT) -> Path:
    headers = {"comment": commit} if commit else {}
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT, pax_headers=headers) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_single_files_equal_the_shared_structures(shared: Path) -> None:
    files = sorted((shared / "mirror" / "fxcoudert" / "topology_databases" / "cif").glob("*.cif"))
    table, refused = parse_cifs([Cif(file.stem, file.read_bytes()) for file in files])
    assert len(table) == 200
    assert refused == []
    reference = pq.read_table(shared / "data" / "mp_structures.parquet")
    assert table.column_names == reference.column_names
    own, theirs = (t.to_pandas().set_index("id") for t in (table, reference))
    theirs = theirs.loc[own.index]
    for name in ("formula", "n_sites", "spacegroup_symprec_0.1", "spacegroup_symprec_0.01"):
        assert own[name].equals(theirs[name]), name
    for mp_id in own.index:
        np.testing.assert_allclose(own.lattice[mp_id], theirs.lattice[mp_id], atol=1e-5)
        np.testing.assert_array_equal(own.atomic_numbers[mp_id], theirs.atomic_numbers[mp_id])
        shift = own.frac_coords[mp_id].astype(float) - theirs.frac_coords[mp_id]
        assert np.abs(shift - np.rint(shift)).max() < 1e-6


def test_only_the_cif_folder_of_open_entries_is_read(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "a.tar.gz",
        {
            "repo-41163fc/README.md": b"not a crystal",
            "repo-41163fc/cif/mp-2.cif": cif(),
            "repo-41163fc/cif/mvc-7.cif": cif(),
            "repo-41163fc/cif/mp-3000000.cif": cif(),
            "repo-41163fc/cif/mp-2.cif ": cif(),
        },
    )
    found = list(archive_cifs(path, COMMIT))
    assert [entry.id for entry in found if isinstance(entry, Cif)] == ["mp-2", "mvc-7"]
    assert [entry.id for entry in found if isinstance(entry, Refused)] == ["repo-41163fc/cif/mp-2.cif "]


@pytest.mark.parametrize("commit", ["0" * 40, None], ids=["another", "none"])
def test_an_archive_of_another_commit_is_refused(tmp_path: Path, commit: str | None) -> None:
    path = archive(tmp_path / "a.tar.gz", {"repo/cif/mp-1.cif": cif()}, commit)
    with pytest.raises(ChecksumError, match=f"not the archive of commit {COMMIT}"):
        list(archive_cifs(path, COMMIT))


def test_members_that_aim_elsewhere_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    evil = [
        "../../cif/mp-1.cif",
        "/etc/cif/mp-1.cif",
        "repo/cif/../../mp-1.cif",
        "repo/cif/mp-1.cif/../x.cif",
    ]
    with tarfile.open(path, "w:gz", pax_headers={"comment": COMMIT}) as tar:
        for name in evil:
            member = tarfile.TarInfo(name)
            member.size = len(cif())
            tar.addfile(member, io.BytesIO(cif()))
        link = tarfile.TarInfo("repo/cif/mp-5.cif")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        huge = tarfile.TarInfo("repo/cif/mp-6.cif")
        huge.size = 5_000_001
        tar.addfile(huge, io.BytesIO(bytes(huge.size)))
        for _ in range(2):
            member = tarfile.TarInfo("repo/cif/mp-7.cif")
            member.size = len(cif())
            tar.addfile(member, io.BytesIO(cif()))
    before = sorted(tmp_path.rglob("*"))
    found = list(archive_cifs(path, COMMIT))
    assert [entry.id for entry in found if isinstance(entry, Cif)] == ["mp-7"]
    reasons = {entry.id: entry.reason for entry in found if isinstance(entry, Refused)}
    assert reasons.keys() == {*evil, "repo/cif/mp-5.cif", "mp-6", "mp-7"}
    assert "5,000,001 bytes" in reasons["mp-6"]
    assert "twice" in reasons["mp-7"]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_damaged_archive_is_told(tmp_path: Path) -> None:
    members = {f"repo/cif/mp-{n}.cif": cif(4 + n / 1000) for n in range(200)}
    path = archive(tmp_path / "a.tar.gz", members)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"<html>not found</html>", whole[:-200] + bytes(200)):
        path.write_bytes(damaged)
        with pytest.raises(DownloadError, match="damaged"):
            list(archive_cifs(path, COMMIT))


def test_bad_crystals_are_refused_one_by_one() -> None:
    bad = {
        "mp-1": b"\xff\xfe not a CIF",
        "mp-2": cif(occupancy=0.5),
        "mp-3": cif(a=0.4),
        "mp-4": cif() + b"\n" + cif(),
        "mp-5": b"",
    }
    table, refused = parse_cifs([Cif("mp-9", cif()), *(Cif(*item) for item in bad.items())])
    assert table["id"].to_pylist() == ["mp-9"]
    assert table["formula"].to_pylist() == ["Cs1Cl1"]
    assert table["spacegroup_symprec_0.1"].to_pylist() == [221]
    assert {entry.id for entry in refused} == bad.keys()
    assert all(entry.reason for entry in refused)


def test_nothing_but_bad_crystals_is_an_empty_table() -> None:
    table, refused = parse_cifs([Cif("mp-1", b"")])
    assert len(table) == 0
    assert len(refused) == 1


def test_a_killed_build_keeps_its_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 3)
    cifs = [Cif(f"mp-{n}", cif(4 + n / 100) if n != 5 else b"") for n in (12, 11, 10, 9, 8, 7, 6, 5, 4)]

    def killed() -> Iterator[Cif]:
        yield from cifs[:7]
        raise KeyboardInterrupt

    target = tmp_path / "mp_structures.parquet"
    with pytest.raises(KeyboardInterrupt):
        build_structures(killed(), tmp_path / "chunks", target, workers=1)
    assert not target.exists()
    assert len(list((tmp_path / "chunks").glob("*.parquet"))) == 2
    (tmp_path / "chunks" / "half.parquet.1.part").write_bytes(b"PAR1")

    parsed: list[int] = []
    parse = parse_cifs
    monkeypatch.setattr(module, "parse_cifs", lambda piece: parsed.append(len(piece)) or parse(piece))
    progress: list[tuple[int, int]] = []
    crystals, refused = build_structures(
        [*cifs, Refused("mp-13", "the archive has it twice")],
        tmp_path / "chunks",
        target,
        workers=1,
        report=lambda *done: progress.append(done),
    )
    assert parsed == [3]
    assert progress[-1][0] == 9
    assert crystals == 8
    assert [entry.id for entry in refused] == ["mp-13", "mp-5"]
    assert pq.read_table(target)["id"].to_pylist() == [f"mp-{n}" for n in (4, 6, 7, 8, 9, 10, 11, 12)]
    assert not list((tmp_path / "chunks").glob("*.json"))


def test_processes_give_what_one_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 4)
    cifs = [Cif(f"mp-{n}", cif(4 + n / 100)) for n in range(1, 11)]
    for workers in (1, 2):
        build_structures(cifs, tmp_path / "chunks", tmp_path / f"{workers}.parquet", workers=workers)
    assert pq.read_table(tmp_path / "1.parquet").equals(pq.read_table(tmp_path / "2.parquet"))


def test_the_archive_is_gzip_of_tar_as_git_writes_it(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", {"repo/cif/mp-1.cif": cif()})
    with gzip.open(path) as handle:
        assert f"comment={COMMIT}".encode() in handle.read(2048)
    assert json.dumps([entry.id for entry in archive_cifs(path, COMMIT)]) == '["mp-1"]'
