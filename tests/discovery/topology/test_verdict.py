from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from candidates.records import Gate, Verdict
from discovery.topology.evidence import Evidence, measure
from discovery.topology.mirror import MirrorChern
from discovery.topology.parities import ParityResult
from discovery.topology.tightbinding import HamiltonianError, TightBinding
from discovery.topology.verdict import decide
from discovery.wannier.hr import read_hr, read_model
from discovery.wannier.wanniertools import WtAtom
from tests.discovery.topology import models
from tests.discovery.topology.semimetals import (
    dirac_semimetal,
    luttinger,
    nodal_ring,
    weyl_pair,
)


def gate(verdict: Verdict, name: str) -> Gate:
    return next(gate for gate in verdict.gates if gate.name == name)


def strong() -> Evidence:
    return measure(models.wilson_dirac(-2.0), 2)


def with_field(model: TightBinding, field: float) -> TightBinding:
    onsite = (~model.cells.any(axis=1))[:, None, None] * np.diag([field, -field, field, -field])
    return replace(model, hoppings=model.hoppings + onsite)


def mirror(number: int | None) -> MirrorChern:
    reason = "" if number is not None else "bands of the two sectors cross"
    return MirrorChern("m1", "k1=0", None, None, (1, 1), number, 0.0, 1.0, reason)


@pytest.mark.parametrize(
    ("model", "occupied", "topology", "nu"),
    [
        (models.wilson_dirac(-2.0), 2, "strong TI", (1, 0, 0, 0)),
        (models.wilson_dirac(2.0), 2, "strong TI", (1, 1, 1, 1)),
        (models.wilson_dirac(0.3), 2, "weak TI", (0, 1, 1, 1)),
        (models.wilson_dirac(3.5), 2, "trivial", (0, 0, 0, 0)),
        (models.atomic_limit(), 2, "trivial", (0, 0, 0, 0)),
        (models.fu_kane_mele(), 2, "strong TI", (1, 1, 1, 1)),
    ],
)
def test_models_with_a_gap(
    model: TightBinding, occupied: int, topology: str, nu: tuple[int, int, int, int]
) -> None:
    verdict = decide(measure(model, occupied))
    assert verdict.topology == topology
    assert verdict.z2 == {"Wilson loops": nu}
    assert verdict.nu0 == (nu[0],) * 3
    assert verdict.provisional
    assert all(gate.passed for gate in verdict.gates)
    assert verdict.direct_gap is not None
    assert verdict.direct_gap > 100
    assert [gate.name for gate in verdict.gates] == [
        "time reversal",
        "direct gap",
        "Kramers pairing",
        "planes decided",
        "strong index",
    ]


@pytest.mark.parametrize(
    ("model", "occupied", "topology", "n_nodes", "n_lines"),
    [
        (weyl_pair(0.5), 1, "Weyl", 2, 0),
        (dirac_semimetal(), 2, "Dirac", 2, 0),
        (nodal_ring(), 1, "nodal line", 0, 1),
        (luttinger(), 2, "metal", 2, 0),
    ],
)
def test_models_without_a_gap(
    model: TightBinding, occupied: int, topology: str, n_nodes: int, n_lines: int
) -> None:
    verdict = decide(measure(model, occupied, magnetic=True))
    assert verdict.topology == topology
    assert (len(verdict.nodes), verdict.nodal_lines) == (n_nodes, n_lines)
    assert verdict.z2 == {}
    assert not gate(verdict, "direct gap").passed
    if topology == "Weyl":
        assert sorted(node.chirality or 0 for node in verdict.nodes) == [-1, 1]
        assert sorted(node.k[2] for node in verdict.nodes) == pytest.approx([-1 / 6, 1 / 6])


def test_wilson_dirac_at_a_transition_is_no_insulator() -> None:
    """The gap closes at a fourfold point that time reversal holds; no index comes with it."""
    verdict = decide(measure(models.wilson_dirac(-1.0), 2))
    assert verdict.topology == "Dirac"
    assert verdict.z2 == {}
    assert verdict.nu0 == (None, None, None)


def test_nodes_that_were_not_all_found_decide_nothing() -> None:
    evidence = measure(weyl_pair(0.5), 1, magnetic=True)
    assert evidence.nodes is not None
    missed = replace(evidence, nodes=replace(evidence.nodes, complete=False))
    verdict = decide(missed)
    assert verdict.topology == "inconclusive"
    assert "not every node was found" in verdict.reasons[0]


def test_broken_time_reversal_gives_no_class_unless_it_is_expected() -> None:
    gapped, crossing = with_field(models.wilson_dirac(-2.0), 0.2), weyl_pair(0.5)
    for model, occupied in ((gapped, 2), (crossing, 1)):
        verdict = decide(measure(model, occupied))
        assert verdict.topology == "inconclusive"
        assert "time reversal is broken by" in verdict.reasons[0]
        assert verdict.z2 == {}
        assert verdict.nodes == ()
        assert not gate(verdict, "time reversal").passed
    magnetic = decide(measure(gapped, 2, magnetic=True))
    assert magnetic.topology == "inconclusive"
    assert "no Z2 index" in magnetic.reasons[0]
    assert "time reversal" not in {gate.name for gate in magnetic.gates}


def test_an_odd_number_of_orbitals_has_no_number_for_time_reversal() -> None:
    cells = np.array([[0, 0, 0]])
    model = TightBinding(np.eye(3), cells, np.diag([-1.0, 1.0, 2.0])[None].astype(complex), np.zeros((3, 3)))
    verdict = decide(measure(model, 1))
    assert verdict.topology == "inconclusive"
    assert gate(verdict, "time reversal").value is None
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


def test_methods_that_agree_and_methods_that_do_not() -> None:
    evidence = strong()
    same = ParityResult((1, 0, 0, 0), 3, 1, {})
    agreed = decide(replace(evidence, parities=same))
    assert agreed.topology == "strong TI"
    assert agreed.z2 == {"Wilson loops": (1, 0, 0, 0), "parities": (1, 0, 0, 0)}
    assert gate(agreed, "methods agree").passed
    other = ParityResult((0, 0, 0, 0), 0, 0, {})
    against = decide(replace(evidence, parities=other))
    assert against.topology == "inconclusive"
    assert against.reasons == ("Wilson loops give 1;(000), parities 0;(000): the methods disagree",)
    assert not gate(against, "methods agree").passed
    assert len(against.z2) == 2


def test_strong_indices_that_differ_decide_nothing() -> None:
    evidence = strong()
    assert evidence.z2 is not None
    said = "the strong index differs along the three axes: [1, 1, 0]"
    z2 = replace(evidence.z2, nu0=(1, 1, 0), nu=None, consistent=False, reasons=(said,))
    verdict = decide(replace(evidence, z2=z2))
    assert verdict.topology == "inconclusive"
    assert verdict.reasons == (said,)
    assert verdict.nu0 == (1, 1, 0)
    assert not gate(verdict, "strong index").passed


def test_an_undecided_plane_decides_nothing() -> None:
    evidence = strong()
    assert evidence.z2 is not None
    said = "k1=0: neighbouring lines stay unlike"
    z2 = replace(evidence.z2, nu0=(None, 1, 1), nu=None, decided=False, reasons=(said,))
    verdict = decide(replace(evidence, z2=z2))
    assert (verdict.topology, verdict.reasons, verdict.z2) == ("inconclusive", (said,), {})
    assert not gate(verdict, "planes decided").passed
    assert not gate(verdict, "strong index").passed


def test_a_number_of_bands_that_cuts_a_quartet_gives_no_index() -> None:
    verdict = decide(measure(models.sn_te_like(), 2))
    assert (verdict.topology, verdict.z2) == ("metal", {})
    assert "quadratic touching" in verdict.reasons[0]


def test_a_gap_that_closes_on_a_wilson_loop_alone_decides_nothing() -> None:
    evidence = strong()
    assert evidence.z2 is not None
    planes = dict(evidence.z2.planes)
    planes["k2=0"] = replace(planes["k2=0"], direct_gap=2e-5)
    verdict = decide(replace(evidence, z2=replace(evidence.z2, planes=planes)))
    assert verdict.topology == "inconclusive"
    assert "direct gap of 0.02 meV" in verdict.reasons[0]
    assert verdict.direct_gap == pytest.approx(0.02)
    assert not gate(verdict, "direct gap").passed


def test_crystalline_insulators_need_a_mirror_or_z4() -> None:
    evidence = measure(models.wilson_dirac(3.5), 2)
    plain = decide(evidence)
    assert plain.topology == "trivial"
    assert any("not excluded" in note for note in plain.notes)
    protected = decide(replace(evidence, mirrors=(mirror(-2), mirror(None))))
    assert protected.topology == "TCI"
    assert protected.reasons[1] == "mirror Chern number -2 for m1 on k1=0"
    without = decide(replace(evidence, mirrors=(mirror(0),)))
    assert (without.topology, without.mirror_chern, without.notes) == ("trivial", {"m1 on k1=0": 0}, ())
    unsure = decide(replace(evidence, mirrors=(mirror(None),)))
    assert any("sectors cross" in note for note in unsure.notes)
    inversion = decide(replace(evidence, parities=ParityResult((0, 0, 0, 0), 2, 2, {})))
    assert inversion.topology == "TCI"
    assert "Z4 = 2" in inversion.reasons[1]


def test_mirror_chern_numbers_check_the_strong_index() -> None:
    """Their sum over the planes of a mirror has the parity of ν0."""
    evidence = strong()
    agreed = decide(replace(evidence, mirrors=(mirror(-1),)))
    assert (agreed.topology, agreed.mirror_chern) == ("strong TI", {"m1 on k1=0": -1})
    assert gate(agreed, "mirrors agree").passed
    two = (mirror(-1), replace(mirror(2), plane="k1=1/2"))
    assert decide(replace(evidence, mirrors=two)).topology == "strong TI"
    against = decide(replace(evidence, mirrors=(mirror(-1), replace(mirror(1), plane="k1=1/2"))))
    assert against.topology == "inconclusive"
    assert "the mirror Chern number of m1, 0, asks for ν0 = 0: the methods disagree" in against.reasons[0]
    assert not gate(against, "mirrors agree").passed
    half_known = decide(replace(evidence, mirrors=(mirror(2), replace(mirror(None), plane="k1=1/2"))))
    assert half_known.topology == "strong TI"
    assert "mirrors agree" not in {gate.name for gate in half_known.gates}


def test_models_agree_with_their_mirrors() -> None:
    sites = (WtAtom("Bi", (0.0, 0.0, 0.0), ("s", "fxyz")),)
    for m in (-2.0, 0.3, 2.0, 3.5):
        verdict = decide(measure(models.wilson_dirac(m), 2, sites=sites))
        assert gate(verdict, "mirrors agree").passed
        assert all("m [1 1 0] is violated" in note for note in verdict.notes)  # the model lacks that one
    wrong = decide(measure(models.wilson_dirac(-2.0), 2, sites=sites * 2))
    assert wrong.topology == "strong TI"
    assert "not computed because no symmetry could be found: two atoms share a place" in wrong.notes[0]
    (note,) = decide(measure(models.wilson_dirac(3.5), 2, without_sites="nobody said")).notes
    assert note.startswith("Mirror Chern numbers were not computed because nobody said")
    assert note.endswith("a crystalline insulator is not excluded.")


def test_poor_wannier_functions_give_no_class() -> None:
    model = models.wilson_dirac(-2.0)
    far = decide(measure(model, 2, distance_ev=0.2, spread=3.0))
    assert far.topology == "inconclusive"
    assert "density functional: 200 meV, more than 30" in far.reasons[0]
    assert gate(far, "spread").passed
    narrow = replace(strong(), distance_ev=0.02)
    narrow = replace(narrow, gap=replace(narrow.gap, direct_min_ev=0.01))
    assert any("smaller than the distance" in note for note in decide(narrow).notes)
    wide = decide(measure(model, 2, distance_ev=0.01, spread=16.5))
    assert wide.topology == "inconclusive"
    assert gate(wide, "spread").limit == pytest.approx(16.0)
    assert decide(measure(model, 2, distance_ev=0.01, spread=3.0)).topology == "strong TI"


@pytest.mark.parametrize(
    ("functional", "provisional"), [(None, True), ("PBE", True), ("HSE06", False), ("mBJ", False)]
)
def test_only_a_functional_with_good_gaps_confirms(functional: str | None, provisional: bool) -> None:
    verdict = decide(strong(), functional, {"file": "a_hr.dat"})
    assert (verdict.functional, verdict.provisional) == (functional, provisional)
    assert verdict.provenance == {"file": "a_hr.dat"}


@pytest.mark.parametrize("occupied", [-1, 0, 1, 3, 4])
def test_a_wrong_number_of_bands_is_refused(occupied: int) -> None:
    with pytest.raises(HamiltonianError, match=str(occupied)):
        measure(models.wilson_dirac(-2.0), occupied)


def test_a_verdict_is_plain_data() -> None:
    verdict = decide(strong())
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict
    with pytest.raises(ValidationError):
        Verdict(topology="strong TI", reasons=(), gates=())
    with pytest.raises(ValidationError):
        Verdict.model_validate({**verdict.model_dump(), "topology": "TSM"})


@pytest.mark.shared
@pytest.mark.parametrize(
    ("case", "occupied", "topology", "nu"),
    [
        ("GaAs-trivial", 8, "trivial", (0, 0, 0, 0)),
        ("Sb-strong-TI", 10, "strong TI", (1, 1, 1, 1)),
        ("Bi2Se3-wanniertools", 18, "strong TI", (1, 0, 0, 0)),
    ],
)
def test_cases(shared: Path, case: str, occupied: int, topology: str, nu: tuple[int, ...]) -> None:
    verdict = decide(measure(read_model(shared / "cases" / case), occupied))
    assert (verdict.topology, verdict.z2) == (topology, {"Wilson loops": nu})
    metallic = [note for note in verdict.notes if "overlap" in note]
    assert bool(metallic) == (case == "Sb-strong-TI")


@pytest.mark.shared
def test_bad_wannier_functions_are_named(shared: Path) -> None:
    verdict = decide(measure(read_model(shared / "cases" / "Bi2Se3-bad-wannierisation"), 18))
    assert verdict.topology == "inconclusive"
    assert "time reversal is broken by 976 meV" in verdict.reasons[0]
    assert "Kramers partners lie 0.135 of a cell apart" in verdict.reasons[1]
    assert verdict.z2 == {}


@pytest.mark.shared
def test_the_weyl_model(shared: Path) -> None:
    model = read_hr(shared / "cases/Weyl-model/Weyl3D_hr.dat", np.eye(3))
    verdict = decide(measure(model, 1, magnetic=True))
    assert verdict.topology == "Weyl"
    found = {round(6 * node.k[2]): node.chirality for node in verdict.nodes}
    assert found == {1: 1, -1: -1}
