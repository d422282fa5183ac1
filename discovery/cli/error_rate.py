"""The option ``--error-rate`` of every command that scores crystals."""

from typing import Annotated

import typer

ERROR_RATE = 0.05
"""``xbert.trust.ERROR_RATE``, without loading what stands beside it."""

ErrorRate = Annotated[
    float,
    typer.Option(
        help="Share of topological crystals that may be called trivial, and the other way round. The "
        "smaller, the more often the answer is 'abstain'. From 0.005 to 0.5."
    ),
]
