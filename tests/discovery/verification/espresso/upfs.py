"""Heads of UPF files, enough for everything but a calculation."""

from collections.abc import Sequence
from pathlib import Path

SHELLS = {
    "Si": [("3S", 0, 2.0, 0.5), ("3P", 1, 1.333, 1.5), ("3P", 1, 0.667, 0.5)],
    "Sb": [
        ("4D", 2, 6.0, 2.5),
        ("4D", 2, 4.0, 1.5),
        ("5S", 0, 2.0, 0.5),
        ("5P", 1, 2.0, 1.5),
        ("5P", 1, 1.0, 0.5),
    ],
    "Cu": [("3D", 2, 6.0, 2.5), ("3D", 2, 4.0, 1.5), ("4S", 0, 1.0, 0.5)],
}
PAIRS = [(0, 0.5, 3.0), (1, 0.5, 2.0), (1, 1.5, 2.2)]
"""l, j and strength of projectors."""


def upf_text(
    element: str = "Si",
    projectors: Sequence[tuple[int, float, float]] = PAIRS,
    relativistic: str = "full",
    ultrasoft: bool = False,
    remark: str = "",
) -> str:
    shells = SHELLS[element]
    n = len(projectors)
    matrix = [[projectors[i][2] if i == j else 0.0 for j in range(n)] for i in range(n)]
    lines = [
        '<UPF version="2.0.1">',
        f"<PP_INFO>{remark}</PP_INFO>",
        f'<PP_HEADER\nelement="{element}"\npseudo_type="NC"\nrelativistic="{relativistic}"',
        f'is_ultrasoft="{"T" if ultrasoft else "F"}"\nis_paw="F"\nfunctional="PBE"',
        f'z_valence="   {sum(shell[2] for shell in shells):.2f}"\nnumber_of_proj="{n}"/>',
        '<PP_DIJ type="real">\n'
        + "\n".join(" ".join(f"{x:.6E}" for x in row) for row in matrix)
        + "\n</PP_DIJ>",
    ]
    for i, (label, momentum, electrons, _) in enumerate(shells, 1):
        lines.append(
            f'<PP_CHI.{i}\nlabel="{label}"\nl="{momentum}"\noccupation=" {electrons}">\n</PP_CHI.{i}>'
        )
    lines.append("<PP_SPIN_ORB>")
    for i, (momentum, j, _) in enumerate(projectors, 1):
        lines.append(f'<PP_RELBETA.{i} index="{i}"  lll="{momentum}" jjj="{j}"/>')
    for i, (_, momentum, _, j) in enumerate(shells, 1):
        lines.append(f'<PP_RELWFC.{i} index="{i}"  lchi="{momentum}" jchi="{j}" nn="1"/>')
    return "\n".join([*lines, "</PP_SPIN_ORB>", "</UPF>", ""])


def write_upf(folder: Path, name: str, element: str = "Si", **changes: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(upf_text(element, **changes), encoding="utf-8")  # type: ignore[arg-type]
    return path
