# SPDX-License-Identifier: Apache-2.0
"""gpt-oss: attention sinks, clamped SwiGLU, MXFP4 experts, alternating windows, yarn with unrounded bounds."""

import re

import gguf
import torch
from transformers import GptOssConfig
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

from .. import features as without
from .. import mxfp4, twin
from ..model import GoldenModel, State, Twin
from .common import IDS, NORMS

_PACKED = re.compile(r"experts\.(gate_up|down)_proj$")


def stored(state: State) -> State:
    """Expert matrices [experts, in, out] as blocks [experts, out, in / 32, 16] and scales [experts, out, in / 32]."""
    found: State = {}
    for name, value in state.items():
        if _PACKED.search(name):
            blocks, scales = mxfp4.quantised(value.float().transpose(1, 2))
            found |= {f"{name}_blocks": blocks, f"{name}_scales": scales}
        else:
            found[name] = value
    return found


def dequantised(state: State) -> State:
    """By transformers' own conversion, which is exact: a power of two times one of sixteen values."""
    found: State = {}
    for name, value in state.items():
        if name.endswith("_blocks"):
            base = name.removesuffix("_blocks")
            found[base] = convert_moe_packed_tensors(
                value, state[f"{base}_scales"], dtype=torch.float32
            )
        elif not name.endswith("_scales"):
            found[name] = value
    return found


def _expert_tensors(name: str, value: torch.Tensor) -> dict[str, torch.Tensor]:
    """Rows of gate and up alternate in the Hugging Face matrix; GGUF has a tensor for each."""
    if "gate_up_proj" not in name:
        return {name: value}
    return {
        name.replace("gate_up", "gate"): value[:, 0::2],
        name.replace("gate_up", "up"): value[:, 1::2],
    }


def gpt_oss_twin(model: GoldenModel, state: State) -> Twin:
    config = model.config
    plain: State = {}
    packed: State = {}
    for name, value in state.items():
        if name.endswith("_blocks"):
            base = name.removesuffix("_blocks")
            rows = mxfp4.ggml_rows(value, state[f"{base}_scales"])
            packed |= _expert_tensors(f"{base}.weight", rows)
        elif name.endswith("_proj_bias"):
            plain |= _expert_tensors(name.replace("_bias", ".bias"), value)
        elif name.endswith("sinks"):
            plain[f"{name}.weight"] = value
        elif not name.endswith("_scales"):
            plain[name] = value
    for name, value in dequantised(state).items():
        if _PACKED.search(name):
            plain |= _expert_tensors(f"{name}.weight", value.transpose(1, 2))
    layers = config.num_hidden_layers
    keys = twin.metadata(
        config,
        without=("vocab_size",),
        attention__sliding_window=config.sliding_window,
        expert_feed_forward_length=config.intermediate_size,
    )
    blocks = twin.named("gpt-oss", layers, packed)
    mxfp4_type = gguf.GGMLQuantizationType.MXFP4
    return Twin(
        keys,
        twin.named("gpt-oss", layers, plain),
        {name: (mxfp4_type, rows) for name, rows in blocks.items()},
    )


_YARN = {
    "rope_type": "yarn",
    "factor": 8.0,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "truncate": False,
    "original_max_position_embeddings": 64,
}

MODELS = [
    GoldenModel(
        name="gpt_oss",
        architecture="gpt-oss",
        config=GptOssConfig(
            **IDS,
            vocab_size=128,
            num_hidden_layers=3,
            hidden_size=64,
            intermediate_size=32,
            num_attention_heads=6,
            num_key_value_heads=2,
            head_dim=16,
            num_local_experts=5,
            num_experts_per_tok=2,
            sliding_window=6,
            rope_theta=150000.0,
            rope_scaling=_YARN,
            max_position_embeddings=512,
        ),
        features={
            "rope": without.rope,
            "rope scaling": without.configured(rope_scaling=None),
            "yarn's unrounded bounds": without.configured(rope_scaling=_YARN | {"truncate": True}),
            "sinks": without.weights(r"sinks$", -1e9),
            "window": without.configured(layer_types=["full_attention"] * 3),
            "alternating windows": without.configured(layer_types=["sliding_attention"] * 3),
            "clamp": without.attribute(r"mlp\.experts$", "limit", 1e9),
            "swiglu's alpha": without.attribute(r"mlp\.experts$", "alpha", 1.0),
            "attention bias": without.weights(r"[qkvo]_proj\.bias$"),
            "output bias": without.weights(r"o_proj\.bias$"),
            "expert bias": without.weights(r"experts\.\w+_bias$"),
            "router bias": without.weights(r"router\.bias$"),
            "expert weights": without.equal_experts(r"router\.(weight|bias)$"),
            "second expert": without.configured(num_experts_per_tok=1),
            **NORMS,
        },
        twin=gpt_oss_twin,
        gains={
            r"gate_up_proj$": 4.0,
            r"experts\.down_proj$": 0.5,
            r"sinks": 2.0,
            r"router\.weight": 1.5,
        },
        stored=stored,
        dequantise=dequantised,
        stored_config={
            "quantization_config": {
                "quant_method": "mxfp4",
                "modules_to_not_convert": [
                    "model.layers.*.self_attn",
                    "model.layers.*.mlp.router",
                    "model.embed_tokens",
                    "lm_head",
                ],
            },
            "swiglu_limit": 7.0,
        },
        uncovered={
            "yarn's unrounded bounds": without.configured(rope_scaling=_YARN | {"truncate": True})
        },
        note="5 MXFP4 experts, 2 used; a window of 6 in layers 0 and 2; 6 query heads of 16 at a width of 64",
    ),
]
