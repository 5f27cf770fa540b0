# SPDX-License-Identifier: Apache-2.0
"""phi3: fused q, k, v and fused gate and up; long-rope."""

import math

import torch
from transformers import Phi3Config

from .. import features as without
from .. import twin
from ..model import Case, GoldenModel, LONG, SHORT, State, Twin
from .common import IDS, NORMS

_ORIGINAL = 256  # llama.cpp rounds a context up to a multiple of this, and chooses the factors by the context
_CONTEXT = 1024


def phi3_twin(model: GoldenModel, state: State) -> Twin:
    config = model.config
    tensors = twin.named("phi3", config.num_hidden_layers, state)
    rotated = int(config.hidden_size // config.num_attention_heads * config.partial_rotary_factor)
    more = {
        "rope__dimension_count": rotated,
        "rope__scaling__original_context_length": config.original_max_position_embeddings,
        "attention__sliding_window": config.sliding_window or 0,
    }
    if config.rope_scaling:
        scale = config.max_position_embeddings / config.original_max_position_embeddings
        factor = math.sqrt(1 + math.log(scale) / math.log(config.original_max_position_embeddings))
        more["rope__scaling__attn_factor"] = factor
        for name in ("long", "short"):
            values = torch.tensor(config.rope_scaling[f"{name}_factor"], dtype=torch.float32)
            tensors[f"rope_factors_{name}.weight"] = values
    return Twin(twin.metadata(config, without=("vocab_size",), **more), tensors)


_SHAPE = dict(
    IDS,
    vocab_size=128,
    num_hidden_layers=2,
    hidden_size=48,
    num_attention_heads=3,
    intermediate_size=80,
    rms_norm_eps=1e-5,
)
_SHORT = [1.0, 1.1, 1.3, 1.6, 2.0, 2.5]
_LONG = [1.2, 1.7, 2.6, 4.0, 6.0, 9.0]


def _long_rope(short: list[float], long: list[float]) -> dict:
    return {"type": "longrope", "short_factor": short, "long_factor": long}


MODELS = [
    GoldenModel(
        name="phi3",
        architecture="phi3",
        config=Phi3Config(
            **_SHAPE,
            num_key_value_heads=3,
            max_position_embeddings=128,
            original_max_position_embeddings=128,
            sliding_window=9,
        ),
        features={"rope": without.rope, "window": without.configured(sliding_window=None), **NORMS},
        twin=phi3_twin,
        dtype=torch.float16,
        uncovered={"window": without.configured(sliding_window=None)},
        note="fused matrices, a window of 9 in every layer",
    ),
    GoldenModel(
        name="phi3_longrope",
        architecture="phi3",
        config=Phi3Config(
            **_SHAPE,
            num_key_value_heads=1,
            max_position_embeddings=_CONTEXT,
            original_max_position_embeddings=_ORIGINAL,
            partial_rotary_factor=0.75,
            rope_scaling=_long_rope(_SHORT, _LONG),
            sliding_window=None,
            tie_word_embeddings=True,
        ),
        features={
            "rope": without.rope,
            "short factors": without.configured(rope_scaling=_long_rope([1.0] * 6, _LONG)),
            "long factors": without.configured(rope_scaling=_long_rope(_SHORT, _SHORT)),
            "attention factor": without.attribute(r"rotary_emb$", "attention_scaling", 1.0),
            "partial rotary": without.configured(
                partial_rotary_factor=1.0,
                rope_scaling=_long_rope(_SHORT + [3.0, 3.6], _LONG + [12.0, 16.0]),
            ),
        },
        twin=phi3_twin,
        dtype=torch.float16,
        cases=(
            Case("short", 5, 24, context=_ORIGINAL),
            Case("below_the_border", 200, 12, context=_ORIGINAL),
            Case("above_the_border", 270, 8),
        ),
        note="12 of 16 rotated; short factors below 256 tokens, long ones above; one key head; tied head",
    ),
]
