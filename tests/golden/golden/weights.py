# SPDX-License-Identifier: Apache-2.0
"""Random weights under which every feature shows.

A matrix gets the standard deviation gain / sqrt(fan in), so that unit inputs become outputs of about `gain`. Queries and
keys get a gain above one (attention scores of a standard deviation of 2 to 3: far from uniform), the head 3 (logits
spread by about 3; where the head is the embedding, what layers add is
larger, or else each token would predict itself). Norm weights, biases and sinks are drawn wide enough to matter. Every value is rounded to the type
that is stored, so that float32 arithmetic on a file's values is exact to the reference.
"""

import math
import re

import torch

from .model import GoldenModel, State
from .reference import build_empty

QUERY_KEY_GAIN = 1.6  # squared: the spread of attention scores
HEAD_GAIN = 3.0
TIED_OUTPUT_GAIN = (
    2.5  # of what a layer adds to the stream, where embeddings are 3 / sqrt(width) wide
)
NORM_SPREAD = 0.3
BIAS_SPREAD = 0.5
NORM_STEP = 1 / 256  # gemma stores weight + 1 as F32: a multiple of this is exact in every type

_QUERY_KEY = re.compile(r"\b(q_proj|k_proj|qkv_proj|query_key_value|c_attn)\.weight$")
_HEAD = re.compile(r"\b(lm_head|embed_out)\.weight$")
_OUTPUT = re.compile(r"(o_proj|down_proj|c_proj)\.weight$")
_EMBEDDING = re.compile(r"\b(embed_tokens|wte|wpe|embed_in)\.weight$")
_NORM = re.compile(r"(norm|layernorm|ln_1|ln_2|ln_f)\.weight$")
_INPUT_FIRST = re.compile(
    r"(c_attn|c_proj|c_fc)\.weight$|experts\.(gate_up|down)_proj$"
)  # stored [.., in, out]


def _default_gain(name: str, tied: bool) -> float:
    if _HEAD.search(name):
        return HEAD_GAIN
    if _QUERY_KEY.search(name):
        return QUERY_KEY_GAIN
    return TIED_OUTPUT_GAIN if tied and _OUTPUT.search(name) else 1.0


def _deviation(model: GoldenModel, name: str, shape: torch.Size) -> float:
    gain = next((g for pattern, g in model.gains.items() if re.search(pattern, name)), None)
    if _EMBEDDING.search(name):
        if gain is not None:
            return gain
        tied = model.config.tie_word_embeddings and "wpe" not in name
        return HEAD_GAIN / math.sqrt(shape[-1]) if tied else 1.0
    if len(shape) == 1 or name.endswith("_bias"):
        return BIAS_SPREAD if gain is None else gain
    if gain is None:
        gain = _default_gain(name, model.config.tie_word_embeddings)
    return gain / math.sqrt(shape[-2] if _INPUT_FIRST.search(name) else shape[-1])


def _norm_weight(default: torch.Tensor, draw: torch.Tensor, gain: float) -> torch.Tensor:
    """Around the value that makes a norm multiply by `gain`; an untrained one is one, or zero where the model adds one."""
    weight = default + (gain - 1) + NORM_SPREAD * draw
    return (weight / NORM_STEP).round() * NORM_STEP


def random_state(model: GoldenModel, seed: int) -> State:
    """Weights as stored (every tensor of `model.dtype`), the tied head left out."""
    generator = torch.Generator().manual_seed(seed)
    state: State = {}
    for name, parameter in build_empty(model.config).named_parameters():
        draw = torch.randn(parameter.shape, generator=generator)
        if _NORM.search(name):
            gain = next((g for pattern, g in model.gains.items() if re.search(pattern, name)), 1.0)
            value = _norm_weight(parameter.detach(), draw, gain)
        else:
            value = _deviation(model, name, parameter.shape) * draw
        state[name] = value.to(model.dtype)
    return model.stored(state) if model.stored else state


def widened(state: State) -> State:
    return {name: value.float() for name, value in state.items()}
