"""YAML as people write cluster files: times stay times, and a key given twice is a mistake."""

import re
from pathlib import Path
from typing import Any

import yaml

from discovery.submission import SubmissionError

REMEDY = "`discover cluster init -o -` prints a file in which every key is explained."

_INTEGER = re.compile(r"^[-+]?(0|[1-9][0-9]*)$")


class _Loader(yaml.SafeLoader):
    """Reads numbers as YAML 1.2 does: in YAML 1.1, 24:00:00 is the number 86400 and 010 is eight."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [
            (tag, pattern) for tag, pattern in pairs if not tag.endswith((":int", ":float", ":timestamp"))
        ]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INTEGER, list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+\.[0-9]*$"), list("-+0123456789")
)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    own = [loader.construct_object(key) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
    twice = next((key for key in own if own.count(key) > 1), None)
    if twice is not None:
        raise yaml.constructor.ConstructorError(
            None, None, f"the key {twice} is given twice", node.start_mark
        )
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file; an empty file is an empty one.

    Raises:
        SubmissionError: it cannot be read, is no YAML, holds no mapping, or a key twice.
    """
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise SubmissionError(f"{path} cannot be read: {error}", "Look at the file.") from None
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise SubmissionError(f"{path}: {line}{error.problem}", REMEDY) from None
    except yaml.YAMLError as error:
        raise SubmissionError(f"{path} is not YAML: {error}", REMEDY) from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise SubmissionError(f"{path} has no keys", REMEDY)
    return data
