"""A verdict held against a functional of better gaps."""

from typing import TYPE_CHECKING

from candidates.records import Gate, Verdict

if TYPE_CHECKING:
    from discovery.topology.parities import ParityResult
    from discovery.verification.results import StepResult


def checked(
    verdict: Verdict, check: "StepResult", parities: "ParityResult | None", better: "ParityResult | None"
) -> Verdict:
    """Return the verdict after a check of the inversion.

    Semilocal functionals close gaps too much and so invert bands that are not inverted: where parities can be
    compared, other indices make the verdict inconclusive and equal ones confirm it. Without inversion there
    is only a gap to report.

    Args:
        verdict: from the semilocal bands.
        check: the step.
        parities: with the functional of the verdict.
        better: with that of the check.
    """
    if check.state != "done":
        note = f"The check of the inversion ended without a result: {check.reason}"
        return verdict.model_copy(update={"notes": (*verdict.notes, note)})
    name = check.functional or "the better functional"
    gap = check.numbers.get("direct gap (eV)")
    seen = "" if gap is None else f" Its direct gap at the computed k-points is {1e3 * gap:.4g} meV."
    if parities is None or better is None:
        note = f"{name} was run, but without parities it does not say whether the inversion stays.{seen}"
        return verdict.model_copy(update={"notes": (*verdict.notes, note)})
    different = sum(a != b for a, b in zip(parities.nu, better.nu, strict=True)) + (parities.z4 != better.z4)
    gate = Gate(
        name="inversion checked",
        value=different,
        limit=0,
        passed=not different,
        what=f"indices from parities that {name} changes",
    )
    update: dict[str, object] = {"gates": (*verdict.gates, gate)}
    if different:
        update["topology"] = "inconclusive"
        update["reasons"] = (
            f"{verdict.functional or 'the functional'} gives parities {parities} with Z4 = {parities.z4}, "
            f"{name} {better} with Z4 = {better.z4}: the inversion hangs on the functional",
            *verdict.reasons,
        )
    else:
        update["provisional"] = False
        update["notes"] = (*verdict.notes, f"{name} gives the same parities.{seen}")
    return verdict.model_copy(update=update)
