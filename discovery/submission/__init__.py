"""Where verifications run: this machine, SLURM, jobflow-remote."""

from discovery.verification.engines import StepError

__all__ = ["SubmissionError"]


class SubmissionError(StepError):
    """A verification cannot be handed over, watched or taken back, for a reason that was to be expected."""
