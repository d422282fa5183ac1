"""The record of a task: what is to be learnt, from which file, and how it is scored."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

RECORDS = Path(__file__).parent
SHORTEST = 2  # folds, classes


class TaskError(ValueError):
    """A task, or the data it names, cannot be used; the message says where, why and what helps."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Structures(_Record):
    """Where the crystals are.

    Attributes:
        file: relative to the data directory. For ``files`` also a folder or a glob.
        form: ``table`` is Parquet with the columns of a crystal table; ``cif`` Parquet or CSV with CIF text
            in ``column``; ``files`` is anything ``xbert.readers`` reads, named by their stems; ``matminer``
            a dataset as matminer stores it, with pymatgen structures in ``column``.
        id: column with the crystals' names.
        column: of the structures, for ``cif`` and ``matminer``.
    """

    file: str
    form: Literal["table", "cif", "files", "matminer"] = "table"
    id: str = "id"
    column: str = "structure"


class Target(_Record):
    """What is to be learnt.

    Attributes:
        file: Parquet, CSV or matminer JSON, relative to the data directory, each also gzipped.
        id: column with the crystals' names.
        column: of the values of a regression, in ``unit``; of several the first that has one counts.
        unit: of the values.
        transform: ``log10`` learns the logarithm; scores stay in ``unit``.
        classes: names of the classes.
        labels: column → word → class. A word of ``null`` is no label; several columns vote.
        cuts: for classes from a number in ``column``: a value belongs to class i where it exceeds i cuts.
    """

    file: str
    id: str = "id"
    column: str | tuple[str, ...] | None = None
    unit: str = ""
    transform: Literal["none", "log10"] = "none"
    classes: tuple[str, ...] = ()
    labels: dict[str, dict[str, str | None]] = Field(default_factory=dict)
    cuts: tuple[float, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the file that hold the target."""
        if self.labels:
            return tuple(self.labels)
        return (self.column,) if isinstance(self.column, str) else tuple(self.column or ())


class Protocol(_Record):
    """How crystals are held out.

    Attributes:
        by: ``random`` rows (polymorphs of a formula leak), whole ``formula``s, or as ``given``.
        folds: parts of a cross-validation; what is given by ``column`` is one part.
        column: of the target file with the name of each crystal's part.
        train, test: words of ``column``.
        file, key: JSON of matbench with the test rows of every fold of the dataset ``key``.
    """

    by: Literal["random", "formula", "given"] = "formula"
    folds: int = Field(default=5, ge=SHORTEST)
    column: str | None = None
    train: tuple[str, ...] = ("train",)
    test: tuple[str, ...] = ("test",)
    file: str | None = None
    key: str | None = None


class Training(_Record):
    """Schedule where the command does not say otherwise; see ``xbert.training.loop.Schedule``."""

    epochs: int = Field(default=30, ge=1)
    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=4e-4, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    loss: Literal["mse", "mae", "huber"] = "mse"
    """Of a regression, on targets of zero mean and unit variance; classes learn by cross-entropy."""


class Task(_Record):
    """One property to learn.

    Attributes:
        name: of the task.
        title: what it is, in a line.
        kind: of the target.
        source: of the data, to cite.
        structures, target: where they are.
        where: column of the target file → value, or list of values, that a row must have.
        only: ``diagnosable`` keeps the crystals whose symmetry-indicator group is not trivial.
        protocol: how it is scored unless the command asks for another.
        training: how it is trained.
        download: address of ``structures.file``, with its SHA-256, for what we may not redistribute.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][\w.+-]*$")
    title: str
    kind: Literal["classification", "regression"]
    source: str = ""
    structures: Structures
    target: Target
    where: dict[str, Any] = Field(default_factory=dict)
    only: Literal["diagnosable"] | None = None
    protocol: Protocol = Protocol()
    training: Training = Training()
    download: tuple[str, str] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Task":
        target = self.target
        if self.kind == "regression":
            if not target.columns or target.labels or target.classes or target.cuts:
                raise ValueError("target: a regression has a column, and no classes, labels or cuts")
        elif len(target.classes) < SHORTEST:
            raise ValueError("target.classes: name at least two classes")
        elif target.cuts and (len(target.cuts) != len(target.classes) - 1 or len(target.columns) != 1):
            raise ValueError("target.cuts: one column, and one cut between each class and the next")
        elif not target.columns:
            raise ValueError("target: give labels, or a column whose words are the classes")
        words = {word for meaning in target.labels.values() for word in meaning.values()}
        if unknown := words - {None, *target.classes}:
            raise ValueError(f"target.labels: {sorted(map(str, unknown))[0]!r} is not among the classes")
        protocol = self.protocol
        if protocol.by == "given" and not (protocol.column or (protocol.file and protocol.key)):
            raise ValueError("protocol: what is given needs a column, or a file and its key")
        return self


def task_names() -> list[str]:
    """Return the names of the tasks that come with the package."""
    return sorted(path.stem for path in RECORDS.glob("*.yaml"))


def read_task(name: str | Path) -> Task:
    """Read a task by its name, or from a YAML file.

    Raises:
        TaskError: naming file and key.
    """
    import yaml

    path = RECORDS / f"{name}.yaml" if str(name) in task_names() else Path(name)
    if not path.is_file():
        raise TaskError(
            f"no task {str(name)!r}: give a YAML file or one of {', '.join(task_names())} (xbert tasks)"
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TaskError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, Mapping):
        raise TaskError(f"{path} is no record; it must hold keys such as name, kind, structures and target")
    try:
        return Task.model_validate({"name": path.stem} | dict(content))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        raise TaskError(f"{path}: {key + ': ' if key else ''}{message}") from None


def choose_protocol(task: Task, by: str | None = None, folds: int | None = None) -> Protocol:
    """Return the protocol of a task, or another one that a command asks for.

    Raises:
        TaskError: if ``by`` is not known, or the task gives no split.
    """
    protocol = task.protocol
    if by is not None and by != protocol.by:
        if by not in ("random", "formula"):
            raise TaskError(f"the task {task.name} cannot be held out by {by!r}; choose random or formula")
        # The column stays: it tells which rows the data set means for training and test.
        protocol = protocol.model_copy(update={"by": by})
    if folds is not None:
        if protocol.by == "given":
            raise TaskError(f"the split of {task.name} is given; --folds needs --by random or formula")
        if folds < SHORTEST:
            raise TaskError(f"{folds} folds are too few; give {SHORTEST} or more")
        protocol = protocol.model_copy(update={"folds": folds})
    return protocol
