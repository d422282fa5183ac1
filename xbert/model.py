"""XBERT: a transformer encoder over the tokens of a crystal.

H. Xu, D. Qian, J. Wang, "Predicting Many Crystal Properties via an Adaptive Transformer-based
Framework", Fig. 1 and Methods.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from xbert.elements import MAX_Z, element_vectors
from xbert.features import Batch
from xbert.gnn import make_encoder
from xbert.statistics import StatisticsToken
from xbert.tokens import (
    ELECTRON_BITS,
    MASK_WORD,
    N_WORDS,
    SHARED_WORDS,
    electron_bits,
    vocabulary,
    words_of_groups,
)

TOKENS = (
    "symbol",
    "point group",
    "crystal system",
    "Laue class",
    "symmetry",
    "electrons",
    "elements",
    "graph",
)

STATISTICS = "statistics"
"""A ninth token that the paper does not have, see ``xbert.statistics``."""

SPACE_GROUP_TOKENS = TOKENS[:N_WORDS]

ABLATIONS = {
    "space group": SPACE_GROUP_TOKENS,
    "elements": ("elements",),
    "electrons": ("electrons",),
    "graph": ("graph",),
    "token norm": (),
    "transformer": (),
}
"""What can be taken away, and the tokens that go with it."""


@dataclass(frozen=True)
class XBERTConfig:
    """Everything that decides the architecture; written beside the weights as JSON.

    Attributes:
        outputs: name of each head → number of outputs.
        width: length of every token vector.
        layers, heads, feed_forward, dropout: of the transformer encoder.
        graph_width, graph_layers: of the graph encoder.
        known_words: which of the five space-group words the model is told; the others are masked.
        word_dropout: probability in training that a crystal's words are all masked.
        token_softmax: normalise every output token by a softmax, the paper's optional layer.
        group_dropout: probability that a crystal's words are masked which groups with and without inversion
            do not share (``SHARED_WORDS``), beside those that lose all.
        encoder: of the crystal graph, see ``xbert.gnn``.
        pooling: of its atoms, see ``xbert.gnn.pooling``.
        statistics: whether there is the ninth token.
        ablated: keys of ``ABLATIONS``. "token norm" leaves the output tokens as the transformer gives them;
            "transformer" puts one fully connected layer in its place.
    """

    outputs: dict[str, int] = field(default_factory=dict)
    width: int = 256
    layers: int = 5
    heads: int = 4
    feed_forward: int = 512
    dropout: float = 0.1
    graph_width: int = 64
    graph_layers: int = 3
    known_words: tuple[bool, ...] = (True,) * N_WORDS
    word_dropout: float = 0.0
    token_softmax: bool = False
    group_dropout: float = 0.0
    encoder: str = "cgcnn"
    pooling: str = "mean"
    statistics: bool = False
    ablated: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = [part for part in self.ablated if part not in ABLATIONS]
        if unknown:
            raise ValueError(f"nothing called {unknown[0]!r} to ablate; known are {', '.join(ABLATIONS)}")
        if not self.kept_tokens:
            raise ValueError("no token is left; ablate less")

    @property
    def kept_tokens(self) -> tuple[str, ...]:
        """The tokens that are not ablated, in order."""
        gone = {token for part in self.ablated for token in ABLATIONS[part]}
        kept = tuple(token for token in TOKENS if token not in gone)
        return (*kept, STATISTICS) if self.statistics else kept

    def to_json(self) -> dict[str, Any]:
        """Return plain data for ``from_json``."""
        return asdict(self) | {"known_words": list(self.known_words), "ablated": list(self.ablated)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "XBERTConfig":
        """Build from plain data; an unknown key is an error."""
        tuples: dict[str, Any] = {n: tuple(data[n]) for n in ("known_words", "ablated") if n in data}
        return cls(**{**data, **tuples})


class XBERT(nn.Module):
    """Tokens → transformer encoder → crystal feature vector → linear heads.

    The tokens are the paper's eight unless the configuration says otherwise.
    """

    words: Tensor
    elements: Tensor
    hidden_words: Tensor

    def __init__(self, config: XBERTConfig) -> None:
        super().__init__()
        self.config = config
        width, n_tokens = config.width, len(config.kept_tokens)
        self.register_buffer("words", torch.from_numpy(words_of_groups().copy()), persistent=False)
        self.register_buffer("elements", torch.from_numpy(element_vectors().copy()), persistent=False)
        self.register_buffer("hidden_words", ~torch.tensor(config.known_words), persistent=False)
        self.mask_word = vocabulary()[MASK_WORD]
        if "symbol" in config.kept_tokens:
            self.embed_word = nn.Embedding(len(vocabulary()), width)
        if "electrons" in config.kept_tokens:
            self.embed_electrons = nn.Linear(ELECTRON_BITS, width)
        if "elements" in config.kept_tokens:
            self.embed_elements = nn.Linear(self.elements.shape[1], width)
        if "graph" in config.kept_tokens:
            self.graph = make_encoder(config.encoder, config.graph_width, config.graph_layers, config.pooling)
            self.embed_graph = nn.Linear(cast(int, self.graph.width), width)
        if config.statistics:
            self.statistics = StatisticsToken(width)
        self.position = nn.Parameter(0.02 * torch.randn(n_tokens, width))
        if "transformer" in config.ablated:
            self.encoder: nn.Module = FullyConnected(n_tokens, width)
        else:
            layer = nn.TransformerEncoderLayer(
                width,
                config.heads,
                config.feed_forward,
                config.dropout,
                "gelu",
                batch_first=True,
                norm_first=True,
            )
            self.encoder = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.norm = nn.Identity() if "token norm" in config.ablated else nn.LayerNorm(width)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(n_tokens * width, size) for name, size in config.outputs.items()}
        )

    def tokens(self, batch: Batch) -> Tensor:
        """Embed the tokens that are kept, in their order: (b, tokens, width)."""
        kept = self.config.kept_tokens
        parts: list[Tensor] = []
        if "symbol" in kept:
            parts.append(self._words(batch))
        if "electrons" in kept:
            bits = torch.from_numpy(electron_bits(batch.n_electrons.cpu().numpy()))
            parts.append(self.embed_electrons(bits.to(batch.composition.device))[:, None])
        if "elements" in kept:
            parts.append(self.embed_elements(batch.composition[:, : MAX_Z + 1] @ self.elements)[:, None])
        if "graph" in kept:
            parts.append(self.embed_graph(self.graph(batch))[:, None])
        if self.config.statistics:
            parts.append(self.statistics(batch)[:, None])
        return torch.cat(parts, dim=1) + self.position

    def _words(self, batch: Batch) -> Tensor:
        words = self.words[batch.spacegroup].masked_fill(self.hidden_words, self.mask_word)
        all_of_them, specific = self.config.word_dropout, self.config.group_dropout
        if self.training and (all_of_them or specific):
            chance = torch.rand(len(words), 1, device=words.device)
            own = ~torch.tensor(SHARED_WORDS, device=words.device)
            dropped = (chance < all_of_them) | ((chance < all_of_them + specific) & own)
            words = words.masked_fill(dropped, self.mask_word)
        return self.embed_word(words)

    def features(self, batch: Batch) -> Tensor:
        """Return the crystal feature vector: (b, tokens · width)."""
        return self.features_of_tokens(self.tokens(batch))

    def features_of_tokens(self, tokens: Tensor) -> Tensor:
        """Return the crystal feature vector of embedded tokens (b, tokens, width), see ``tokens``."""
        encoded = self.norm(self.encoder(tokens))
        if self.config.token_softmax and "token norm" not in self.config.ablated:
            encoded = torch.softmax(encoded, dim=-1)
        return encoded.flatten(1)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the outputs of each head: name → (b, size)."""
        features = self.features(batch)
        return {name: head(features) for name, head in self.heads.items()}


class FullyConnected(nn.Module):
    """One fully connected layer over all tokens, where the transformer would stand."""

    def __init__(self, n_tokens: int, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(n_tokens * width, n_tokens * width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(b, tokens, width) → the same shape."""
        return nn.functional.gelu(self.layer(tokens.flatten(1))).view(tokens.shape)


class GraphAlone(nn.Module):
    """A graph encoder without the other tokens, the baseline XBERT is held against.

    One hidden layer follows the encoder, as in T. Xie and J. C. Grossman, PRL 120, 145301 (2018).

    Args:
        config: of which the encoder's part and the outputs are used.
    """

    def __init__(self, config: XBERTConfig, hidden: int = 128) -> None:
        super().__init__()
        self.config = config
        self.graph = make_encoder(config.encoder, config.graph_width, config.graph_layers, config.pooling)
        self.hidden = nn.Linear(cast(int, self.graph.width), hidden)
        self.heads = nn.ModuleDict({name: nn.Linear(hidden, size) for name, size in config.outputs.items()})

    def features(self, batch: Batch) -> Tensor:
        """Return the crystal feature vector: (b, hidden)."""
        return nn.functional.softplus(self.hidden(nn.functional.softplus(self.graph(batch))))

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the outputs of each head: name → (b, size)."""
        features = self.features(batch)
        return {name: head(features) for name, head in self.heads.items()}


KINDS = {"xbert": XBERT, "graph alone": GraphAlone}
"""Name of an architecture → class that an ``XBERTConfig`` builds."""
