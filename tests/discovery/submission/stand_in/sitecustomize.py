"""Put the stand-in in the place of Quantum ESPRESSO and Wannier90 in every Python that finds this."""

import discovery.verification.engines as engines
import discovery.verification.wannierise as wannierise


def _wannierise(*args):  # type: ignore[no-untyped-def]
    from tests.discovery.verification import fake_engine

    return fake_engine.wannierise(*args)


engines.ENGINES["espresso"] = "tests.discovery.submission.program_engine:ProgramEngine"
wannierise.wannierise = _wannierise
