"""XBERT: a transformer encoder over the tokens of a crystal.

H. Xu, D. Qian, J. Wang, "Predicting Many Crystal Properties via an Adaptive Transformer-based
Framework", Fig. 1 and Methods.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from xbert.elements import MAX_Z, element_vectors
from xbert.features import Batch
from xbert.gnn.cgcnn import CGCNN
from xbert.tokens import ELECTRON_BITS, MASK_WORD, N_WORDS, electron_bits, vocabulary, words_of_groups

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


@dataclass(frozen=True)
class XBERTConfig:
    """Everything that decides the architecture; written beside the weights as JSON.

    Attributes:
        outputs: name of each head → number of outputs.
        width: length of every token vector.
        layers, heads, feed_forward, dropout: of the transformer encoder.
        graph_width, graph_layers: of the CGCNN.
        known_words: which of the five space-group words the model is told; the others are masked.
        word_dropout: probability in training that a crystal's words are all masked.
        token_softmax: normalise every output token by a softmax, the paper's optional layer.
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

    def to_json(self) -> dict[str, Any]:
        """Return plain data for ``from_json``."""
        return asdict(self) | {"known_words": list(self.known_words)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "XBERTConfig":
        """Build from plain data; an unknown key is an error."""
        return cls(**{**data, "known_words": tuple(data["known_words"])})


class XBERT(nn.Module):
    """Eight tokens → transformer encoder → crystal feature vector → linear heads."""

    words: Tensor
    elements: Tensor
    hidden_words: Tensor

    def __init__(self, config: XBERTConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.register_buffer("words", torch.from_numpy(words_of_groups().copy()), persistent=False)
        self.register_buffer("elements", torch.from_numpy(element_vectors().copy()), persistent=False)
        self.register_buffer("hidden_words", ~torch.tensor(config.known_words), persistent=False)
        self.mask_word = vocabulary()[MASK_WORD]
        self.embed_word = nn.Embedding(len(vocabulary()), width)
        self.embed_electrons = nn.Linear(ELECTRON_BITS, width)
        self.embed_elements = nn.Linear(self.elements.shape[1], width)
        self.graph = CGCNN(config.graph_width, config.graph_layers)
        self.embed_graph = nn.Linear(self.graph.width, width)
        self.position = nn.Parameter(0.02 * torch.randn(len(TOKENS), width))
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
        self.norm = nn.LayerNorm(width)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(len(TOKENS) * width, size) for name, size in config.outputs.items()}
        )

    def tokens(self, batch: Batch) -> Tensor:
        """Embed the eight tokens: (b, 8, width)."""
        words = self.words[batch.spacegroup].masked_fill(self.hidden_words, self.mask_word)
        if self.training and self.config.word_dropout:
            dropped = torch.rand(len(words), 1, device=words.device) < self.config.word_dropout
            words = words.masked_fill(dropped, self.mask_word)
        bits = torch.from_numpy(electron_bits(batch.n_electrons.cpu().numpy())).to(words.device)
        rest = (
            self.embed_electrons(bits),
            self.embed_elements(batch.composition[:, : MAX_Z + 1] @ self.elements),
            self.embed_graph(self.graph(batch)),
        )
        return torch.cat([self.embed_word(words), torch.stack(rest, dim=1)], dim=1) + self.position

    def features(self, batch: Batch) -> Tensor:
        """Return the crystal feature vector: (b, 8 · width)."""
        encoded = self.norm(self.encoder(self.tokens(batch)))
        if self.config.token_softmax:
            encoded = torch.softmax(encoded, dim=-1)
        return encoded.flatten(1)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the outputs of each head: name → (b, size)."""
        features = self.features(batch)
        return {name: head(features) for name, head in self.heads.items()}
