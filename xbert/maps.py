"""Maps of crystals: their feature vectors in two dimensions, and whether crystal systems lie together."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xbert.features import Features, collate
from xbert.predict import batches
from xbert.spacegroups import CRYSTAL_SYSTEMS, space_group

if TYPE_CHECKING:
    from xbert.model import XBERT

NEAREST = 10
"""Neighbours by which `purity` judges."""

# P. Tol's "bright" scheme, seven colours that the colour-blind tell apart.
_COLOURS = ("#BBBBBB", "#66CCEE", "#CCBB44", "#228833", "#AA3377", "#EE6677", "#4477AA")


def crystal_vectors(
    model: "XBERT", features: Features, scaled: bool = False, words: bool = True, device: str = "cpu"
) -> np.ndarray:
    """Return the crystal feature vectors of n crystals: (n, tokens · width) float32.

    Args:
        model: in evaluation mode, on ``device``.
        features: of the crystals.
        scaled: take away the length scale first, as in pretraining.
        words: tell the space-group words that the model is told; else all are masked.
        device: torch device.
    """
    import torch

    from xbert.training.pretrain import scale_factor

    found: list[tuple[np.ndarray, np.ndarray]] = []
    told = model.hidden_words.clone()
    try:
        if not words:
            model.hidden_words.fill_(True)
        with torch.inference_mode():
            for rows in batches(features):
                batch = collate(features, rows).to(device)
                if scaled:
                    batch = batch.stretched(scale_factor(batch))
                found.append((rows, model.features(batch).float().cpu().numpy()))
    finally:
        model.hidden_words.copy_(told)
    order = np.argsort(np.concatenate([rows for rows, _ in found]))
    vectors: np.ndarray = np.concatenate([vector for _, vector in found])[order]
    return vectors


def tsne(vectors: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return (n, 2) places of n vectors by t-SNE on their 50 first principal components.

    L. van der Maaten, G. Hinton, J. Mach. Learn. Res. 9, 2579 (2008).

    Raises:
        ValueError: there are fewer than four vectors.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if len(vectors) < 4:
        raise ValueError(f"a map needs at least four crystals, there are {len(vectors)}")
    components = min(50, *vectors.shape)
    reduced = PCA(components, random_state=seed).fit_transform(vectors)
    perplexity = min(30.0, (len(vectors) - 1) / 3)
    found: np.ndarray = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced)
    return found


def crystal_systems(spacegroup: np.ndarray) -> np.ndarray:
    """Return (n,) names of crystal systems."""
    return np.array([space_group(int(number)).crystal_system for number in spacegroup], dtype=str)


def purity(vectors: np.ndarray, classes: np.ndarray) -> tuple[float, float]:
    """Say whether classes lie together: share of the nearest neighbours of the same class, and by chance.

    Args:
        vectors: (n, d); distances are Euclidean.
        classes: (n,).
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(NEAREST, len(vectors) - 1)
    near = NearestNeighbors(n_neighbors=count + 1).fit(vectors).kneighbors(vectors, return_distance=False)
    others = np.array([row[row != i][:count] for i, row in enumerate(near)])
    _, sizes = np.unique(classes, return_counts=True)
    chance = float((sizes * (sizes - 1)).sum() / (len(classes) * (len(classes) - 1)))
    return float((classes[others] == classes[:, None]).mean()), chance


def draw_map(places: np.ndarray, systems: np.ndarray, path: Path, title: str = "") -> None:
    """Draw n crystals at their places, coloured by crystal system.

    Args:
        places: (n, 2).
        systems: (n,) names of crystal systems.
        path: PNG, SVG or PDF.
        title: above the picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 5.6), layout="constrained")
    axes = figure.add_subplot()
    size = float(np.clip(12_000 / max(len(places), 1), 3.0, 30.0))
    # Small classes on top, or the many orthorhombic and monoclinic crystals hide them.
    shares = {name: int((systems == name).sum()) for name, _ in CRYSTAL_SYSTEMS}
    for (name, _), colour in zip(CRYSTAL_SYSTEMS, _COLOURS, strict=True):
        own = places[systems == name]
        label = f"{name} ({shares[name]:,})"
        x, y = own.T
        over = 2 - shares[name] / len(places)
        axes.scatter(x, y, s=size, c=colour, label=label, linewidths=0, zorder=over)
    axes.set(xticks=[], yticks=[], xlabel="t-SNE 1", ylabel="t-SNE 2", title=title, aspect="equal")
    axes.legend(
        title="crystal system",
        markerscale=(30 / size) ** 0.5,
        loc="center left",
        bbox_to_anchor=(1, 0.5),
        frameon=False,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160, bbox_inches="tight")
