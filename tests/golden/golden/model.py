# SPDX-License-Identifier: Apache-2.0
"""What a golden model is: a config, random weights, cases, and the features it proves."""

from collections.abc import Callable
from dataclasses import dataclass, field

import gguf
import torch
from transformers import PretrainedConfig

State = dict[str, torch.Tensor]


@dataclass
class Variant:
    """A model about to be built. An ablation changes it in place to leave one feature out."""

    config: PretrainedConfig
    state: State  # float32, keyed as in model.safetensors, after dequantisation
    patches: list[Callable[[torch.nn.Module], None]] = field(default_factory=list)


Ablation = Callable[[Variant], None]


@dataclass(frozen=True)
class Case:
    """A prompt of random ids and how the reference goes on from it."""

    name: str
    prompt_length: int
    greedy_length: int = 16
    context: int = 0  # tokens the sequence may ever hold; 0: the config's max_position_embeddings


SHORT = Case("short", 5, 24)
LONG = Case("long", 40, 12)


@dataclass
class Twin:
    """A GGUF file before it is written: metadata without the architecture's prefix, and tensors by their GGUF names."""

    metadata: dict[str, int | float | bool | str | list]
    tensors: dict[str, torch.Tensor]
    # The bytes of tensors in a block format; `tensors` holds their values.
    packed: dict[str, tuple[gguf.GGMLQuantizationType, torch.Tensor]] = field(default_factory=dict)


@dataclass
class GoldenModel:
    """One folder of tests/golden/models."""

    name: str
    architecture: str  # general.architecture of the GGUF file
    config: PretrainedConfig
    features: dict[str, Ablation]
    twin: Callable[["GoldenModel", State], Twin]  # how GGUF holds these weights
    dtype: torch.dtype = torch.bfloat16
    # A regex on a weight's name, and its gain; the first match counts.
    gains: dict[str, float] = field(default_factory=dict)
    cases: tuple[Case, ...] = (SHORT, LONG)
    note: str = ""
    hf_shards: int = 1
    gguf_shards: int = 1
    stored_config: dict = field(default_factory=dict)  # what config.json says beside `config`
    file_type: gguf.LlamaFileType | None = None  # of a file in block formats: it has no directory
    # From random weights to tensors as stored, and from those to what the reference computes with.
    stored: Callable[[State], State] | None = None
    dequantise: Callable[[State], State] | None = None
    # What llama.cpp leaves out: its logits are compared with those of the variant without it.
    uncovered: dict[str, Ablation] = field(default_factory=dict)
    uncovered_keys: tuple[str, ...] = ()  # metadata that llama.cpp passes over
    reader_twin: Callable[[Twin], Twin] | None = None  # folds such a key into weights
    reader_arithmetic: Ablation | None = None  # what llama.cpp rounds by design

    def dequantised(self, state: State) -> State:
        return self.dequantise(state) if self.dequantise else state

    @property
    def reader_bound(self) -> float:
        """How far llama.cpp may be off: where it rounds to F16 by design, one rounding more or less shows."""
        return 1e-2 if self.reader_arithmetic else 1e-3

    def for_llama_cpp(self, twin: Twin) -> Twin:
        return self.reader_twin(twin) if self.reader_twin else twin

    def context(self, case: Case) -> int:
        return case.context or self.config.max_position_embeddings
