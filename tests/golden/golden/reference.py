# SPDX-License-Identifier: Apache-2.0
"""The reference: PyTorch and transformers on the CPU, float32, attention spelled out."""

import copy
import math

import torch
from transformers import AutoModelForCausalLM, PretrainedConfig

from .model import Variant


def build_empty(config: PretrainedConfig) -> torch.nn.Module:
    model = AutoModelForCausalLM.from_config(
        copy.deepcopy(config), attn_implementation="eager", torch_dtype=torch.float32
    )
    return model.eval()


def build(variant: Variant) -> torch.nn.Module:
    """The variant's model; every weight must come from its state, but for a tied head."""
    model = build_empty(variant.config)
    missing, unexpected = model.load_state_dict(variant.state, strict=False)
    tied = {"lm_head.weight", "embed_out.weight"} if variant.config.tie_word_embeddings else set()
    if unexpected or not set(missing) <= tied:
        raise ValueError(
            f"weights do not fit the model: missing {missing}, unexpected {unexpected}"
        )
    for patch in variant.patches:
        patch(model)
    return model


@torch.no_grad()
def logits(model: torch.nn.Module, ids: list[int]) -> torch.Tensor:
    """[len(ids), vocabulary], in one pass without a cache."""
    return model(torch.tensor([ids]), use_cache=False).logits[0]


@torch.no_grad()
def greedy(model: torch.nn.Module, prompt: list[int], count: int) -> tuple[list[int], float]:
    """`count` tokens, each the best after reading everything before it anew, and the smallest lead of a best token."""
    ids, smallest = list(prompt), math.inf
    for _ in range(count):
        best = logits(model, ids)[-1].topk(2)
        smallest = min(smallest, (best.values[0] - best.values[1]).item())
        ids.append(best.indices[0].item())
    return ids[len(prompt) :], smallest


@torch.no_grad()
def attention_sharpness(model: torch.nn.Module, ids: list[int]) -> float:
    """1 - entropy / log(visible keys), averaged over layers, heads and queries: 0 is uniform, 1 is one key."""
    layers = model(torch.tensor([ids]), use_cache=False, output_attentions=True).attentions
    values = []
    for layer in layers:
        weights = layer[0][:, :, : len(ids)].double()
        weights = weights / weights.sum(-1, keepdim=True)  # a sink takes a share that is no key's
        visible = (weights > 0).sum(-1)
        entropy = -(weights * weights.clamp_min(1e-300).log()).sum(-1)
        many = visible > 1
        values.append((1 - entropy[many] / visible[many].double().log()).mean().item())
    return sum(values) / len(values)
