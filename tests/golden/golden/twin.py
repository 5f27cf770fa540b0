# SPDX-License-Identifier: Apache-2.0
"""What the GGUF files of most architectures share: metadata from a config, names from the gguf package."""

import math
import re

import gguf
import torch
from transformers import PretrainedConfig

from .model import State

_KEYS = {  # metadata key -> the names it has in a config
    "context_length": ("max_position_embeddings", "n_positions"),
    "embedding_length": ("hidden_size", "n_embd"),
    "feed_forward_length": ("intermediate_size", "n_inner"),
    "block_count": ("num_hidden_layers", "n_layer"),
    "attention.head_count": ("num_attention_heads", "n_head"),
    "attention.head_count_kv": ("num_key_value_heads",),
    "attention.layer_norm_rms_epsilon": ("rms_norm_eps",),
    "attention.layer_norm_epsilon": ("layer_norm_eps", "layer_norm_epsilon", "norm_epsilon"),
    "rope.freq_base": ("rope_theta",),
    "expert_count": ("num_local_experts", "num_experts"),
    "expert_used_count": ("num_experts_per_tok",),
    "attention.key_length": ("head_dim",),
    "attention.value_length": ("head_dim",),
    "vocab_size": ("vocab_size",),
}
_FLOATS = ("epsilon", "freq_base")


def metadata(config: PretrainedConfig, *, without: tuple[str, ...] = (), **more) -> dict:
    """The keys that the config answers, less `without`, and more (with '__' for '.')."""
    found = {}
    for key, names in _KEYS.items():
        value = next(
            (getattr(config, n) for n in names if getattr(config, n, None) is not None), None
        )
        if value is not None and key not in without:
            found[key] = float(value) if key.endswith(_FLOATS) else int(value)
    found |= rope_scaling(getattr(config, "rope_scaling", None))
    return found | {key.replace("__", "."): value for key, value in more.items()}


def rope_scaling(scaling: dict | None) -> dict:
    """Linear and yarn have keys; llama3 is a tensor of factors (rope_freqs), long-rope two."""
    kind = (scaling or {}).get("rope_type")
    if kind not in ("linear", "yarn"):
        return {}
    found = {"rope.scaling.type": kind, "rope.scaling.factor": float(scaling["factor"])}
    if kind == "yarn":
        found["rope.scaling.original_context_length"] = scaling["original_max_position_embeddings"]
        for key in ("beta_fast", "beta_slow"):
            if key in scaling:
                found[f"rope.scaling.yarn_{key}"] = float(scaling[key])
    return found


def llama3_factors(theta: float, head_dim: int, scaling: dict) -> torch.Tensor:
    """The divisor of each rotary frequency: one where the wave is short, `factor` where it is long, smooth between."""
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    original, factor = scaling["original_max_position_embeddings"], scaling["factor"]
    divisors = []
    for i in range(0, head_dim, 2):
        wavelength = 2 * math.pi * theta ** (i / head_dim)
        if wavelength < original / high:
            divisors.append(1.0)
        elif wavelength > original / low:
            divisors.append(factor)
        else:
            smooth = (original / wavelength - low) / (high - low)
            divisors.append(1 / ((1 - smooth) / factor + smooth))
    return torch.tensor(divisors, dtype=torch.float32)


def interleaved(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of each head from (first halves, second halves) to pairs: llama.cpp rotates neighbours for these models."""
    rows = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return rows.swapaxes(1, 2).reshape(weight.shape)


def named(architecture: str, layers: int, state: State) -> dict[str, torch.Tensor]:
    """The tensors under their GGUF names, values untouched."""
    kind = next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == architecture)
    names = gguf.get_tensor_name_map(kind, layers)
    tensors = {}
    for name, value in state.items():
        mapped = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if mapped is None:
            raise ValueError(f"{architecture} has no name for {name}")
        tensors[mapped] = value
    return tensors


def stacked_experts(state: State, pattern: str, merged: str) -> State:
    """Experts' matrices stacked into one [experts, out, in]; `pattern` captures layer, expert and matrix."""
    rest, experts = {}, {}
    for name, value in state.items():
        match = re.match(pattern, name)
        if match:
            layer, expert, matrix = match.groups()
            experts.setdefault(merged.format(layer=layer, matrix=matrix), {})[int(expert)] = value
        else:
            rest[name] = value
    return rest | {
        name: torch.stack([parts[i] for i in sorted(parts)]) for name, parts in experts.items()
    }
