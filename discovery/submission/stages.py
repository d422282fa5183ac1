"""Which steps go into one job: those in a row that ask for the same."""

from itertools import groupby
from typing import TYPE_CHECKING

from discovery.submission.ledger import Stage
from discovery.verification.order import planned_steps

if TYPE_CHECKING:
    from discovery.submission.cluster import Cluster
    from discovery.verification.results import Request


def stages_of(request: "Request", cluster: "Cluster") -> tuple[Stage, ...]:
    """Return the jobs of a verification in order, none of them sent.

    Args:
        request: what to do.
        cluster: which step gets what.
    """
    planned = planned_steps(request)
    groups = groupby(planned, key=lambda step: cluster.resources_of(step, request.engine))
    stages = []
    for number, (resources, members) in enumerate(groups, 1):
        steps = tuple(members)
        name = f"{number}-{steps[0].replace('_', '-')}"
        stages.append(Stage(name=name, steps=steps, resources=resources))
    return tuple(stages)
