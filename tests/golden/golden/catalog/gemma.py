# SPDX-License-Identifier: Apache-2.0
"""gemma 1, 2 and 3."""

import torch
from transformers import Gemma2Config

from .. import features as without
from .. import twin
from ..model import GoldenModel, State, Twin
from .common import IDS

# llama.cpp looks GELU up in a table of F16 values: an error of up to 2^-11 of each activation.
GELU_TABLE = 3e-2


def gemma_twin(model: GoldenModel, state: State) -> Twin:
    config = model.config
    changed = {name: value.float() + 1 if name.endswith("norm.weight") else value for name, value in state.items()}
    more = {}
    if model.architecture != "gemma":
        more["attention__sliding_window"] = config.sliding_window
    if getattr(config, "attn_logit_softcapping", None):
        more["attn_logit_softcapping"] = float(config.attn_logit_softcapping)
    if getattr(config, "final_logit_softcapping", None):
        more["final_logit_softcapping"] = float(config.final_logit_softcapping)
    return Twin(twin.metadata(config, **more), twin.named(model.architecture, config.num_hidden_layers, changed))


_NORM = r"(input|post_attention|pre_feedforward|post_feedforward)_layernorm$"
_SHAPE = dict(IDS, vocab_size=128, rms_norm_eps=1e-6, max_position_embeddings=128)

# Embeddings are multiplied by sqrt(width) and are the head as well: small rows, a loud last norm.
_GAINS = {"embed_tokens": 0.1, r"[qk]_proj": 1.8, r"model\.norm": 9.0, r"post_\w+_layernorm": 1.6}

MODELS = [
    GoldenModel(
        name="gemma2",
        architecture="gemma2",
        config=Gemma2Config(
            **_SHAPE,
            num_hidden_layers=3,
            hidden_size=32,
            num_attention_heads=3,
            num_key_value_heads=1,
            head_dim=12,
            intermediate_size=72,
            query_pre_attn_scalar=12,
            attn_logit_softcapping=4.0,
            final_logit_softcapping=9.0,
            sliding_window=6,
        ),
        features={
            "rope": without.rope,
            "attention cap": without.configured(attn_logit_softcapping=None),
            "final cap": without.configured(final_logit_softcapping=None),
            "window": without.configured(layer_types=["full_attention"] * 3),
            "alternating windows": without.configured(layer_types=["sliding_attention"] * 3),
            "norm after attention": without.without_module(r"post_attention_layernorm$"),
            "norm after mlp": without.without_module(r"post_feedforward_layernorm$"),
            "norm weight": without.weights(r"norm\.weight$"),
        },
        twin=gemma_twin,
        gains=_GAINS,
        reader_tolerance=GELU_TABLE,
        note="soft caps 4 and 9, a window of 6 in layers 0 and 2, head width 12 at a width of 32, tied head",
    ),
]
