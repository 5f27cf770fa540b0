# SPDX-License-Identifier: Apache-2.0
"""gptneox (pythia): attention and mlp side by side or one after the other, partial rotary, q, k, v fused by head."""

import re

import torch
from transformers import GPTNeoXConfig

from .. import features as without
from .. import twin
from ..model import GoldenModel, State, Twin
from .common import IDS


def _by_kind(value: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows from (head, q k v, dim) to (q k v, head, dim)."""
    rows = value.reshape(heads, 3, value.shape[0] // heads // 3, *value.shape[1:])
    return rows.swapaxes(0, 1).reshape(value.shape)


def gptneox_twin(model: GoldenModel, state: State) -> Twin:
    config = model.config
    heads = config.num_attention_heads
    changed = {
        name: (
            _by_kind(value, heads) if re.search(r"query_key_value\.(weight|bias)$", name) else value
        )
        for name, value in state.items()
    }
    keys = twin.metadata(
        config,
        without=("vocab_size", "rope.freq_base"),
        rope__dimension_count=int(config.rotary_pct * (config.hidden_size // heads)),
        use_parallel_residual=config.use_parallel_residual,
    )
    return Twin(keys, twin.named("gptneox", config.num_hidden_layers, changed))


def _model(name: str, parallel: bool, note: str, **shape) -> GoldenModel:
    return GoldenModel(
        name=name,
        architecture="gptneox",
        config=GPTNeoXConfig(
            **IDS,
            vocab_size=128,
            num_hidden_layers=2,
            max_position_embeddings=128,
            use_parallel_residual=parallel,
            hidden_act="gelu",
            **shape,
        ),
        features={
            "rope": without.rope,
            "parallel residual" if parallel else "serial residual": without.configured(
                use_parallel_residual=not parallel
            ),
            "bias": without.weights(r"(query_key_value|dense|dense_h_to_4h|dense_4h_to_h)\.bias$"),
            "norm": without.without_module(r"(input|post_attention)_layernorm$"),
            "norm weight": without.weights(r"norm\.weight$", 1.0),
            "norm bias": without.weights(r"norm\.bias$"),
        },
        twin=gptneox_twin,
        dtype=torch.float16,
        uncovered={"GELU by erf (tanh there)": without.configured(hidden_act="gelu_pytorch_tanh")},
        reader_arithmetic=without.gelu_table,
        note=note,
    )


MODELS = [
    _model(
        "gptneox",
        True,
        "attention and mlp side by side; 4 of 16 rotated; GELU by erf; untied head",
        hidden_size=48,
        num_attention_heads=3,
        intermediate_size=100,
        rotary_pct=0.25,
    ),
    _model(
        "gptneox_serial",
        False,
        "attention, then mlp; 6 of 12 rotated; GELU by erf",
        hidden_size=36,
        num_attention_heads=3,
        intermediate_size=90,
        rotary_pct=0.5,
    ),
]
