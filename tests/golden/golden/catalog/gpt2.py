# SPDX-License-Identifier: Apache-2.0
"""gpt2: learned positions, LayerNorm, fused q, k, v stored [in, out]."""

import re

import torch
from transformers import GPT2Config

from .. import features as without
from .. import twin
from ..model import GoldenModel, State, Twin
from .common import IDS


def gpt2_twin(model: GoldenModel, state: State) -> Twin:
    config = model.config
    transposed = re.compile(r"(c_attn|c_proj|c_fc)\.weight$")
    changed = {
        name: value.t() if transposed.search(name) else value for name, value in state.items()
    }
    keys = twin.metadata(config, without=("vocab_size", "attention.head_count_kv"))
    return Twin(keys, twin.named("gpt2", config.n_layer, changed))


MODELS = [
    GoldenModel(
        name="gpt2",
        architecture="gpt2",
        config=GPT2Config(
            **IDS, vocab_size=131, n_positions=96, n_embd=39, n_layer=2, n_head=3, n_inner=4 * 39
        ),
        features={
            "positions": without.weights(r"wpe\.weight$"),
            "bias": without.weights(r"(c_attn|c_proj|c_fc)\.bias$"),
            "norm": without.without_module(r"ln_[12]$"),
            "norm weight": without.weights(r"ln_\w\.weight$", 1.0),
            "norm bias": without.weights(r"ln_\w\.bias$"),
        },
        twin=gpt2_twin,
        dtype=torch.float32,
        gains={r"wpe": 0.4},
        reader_arithmetic=without.gelu_table,
        note="3 heads of 13 at a width of 39, vocabulary 131, tied head",
    ),
]
