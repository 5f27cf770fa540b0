# SPDX-License-Identifier: Apache-2.0
"""Ablations: each leaves exactly one feature out of a model that is about to be built."""

import re

import torch

from .model import Ablation, Variant


def configured(**changes) -> Ablation:
    """The model with other values in its config."""

    def ablate(variant: Variant) -> None:
        fields = variant.config.to_dict() | changes
        variant.config = type(variant.config)(**fields)

    return ablate


def weights(pattern: str, value: float = 0.0) -> Ablation:
    """Every weight whose name matches, filled with one value."""

    def ablate(variant: Variant) -> None:
        names = [name for name in variant.state if re.search(pattern, name)]
        if not names:
            raise ValueError(f"no weight matches {pattern}")
        for name in names:
            variant.state[name] = torch.full_like(variant.state[name], value)

    return ablate


def scaled(pattern: str, factor: float) -> Ablation:
    """Every weight whose name matches, times a factor."""

    def ablate(variant: Variant) -> None:
        names = [name for name in variant.state if re.search(pattern, name)]
        if not names:
            raise ValueError(f"no weight matches {pattern}")
        for name in names:
            variant.state[name] = variant.state[name] * factor

    return ablate


def equal_experts(router: str) -> Ablation:
    """The same experts are chosen, by a router so faint that all weigh nearly the same (2^-14 keeps their order)."""
    return scaled(router, 2.0**-14)


def swapped_kv_heads(head_dim: int, kv_heads: int) -> Ablation:
    """Each group of queries reads its neighbour's keys and values."""

    def ablate(variant: Variant) -> None:
        for name, value in variant.state.items():
            if re.search(r"(k_proj|v_proj)\.(weight|bias)$", name):
                heads = value.reshape(kv_heads, head_dim, *value.shape[1:])
                variant.state[name] = heads.roll(1, 0).reshape(value.shape)

    return ablate


class _Unrotated(torch.nn.Module):
    """Cosine one, sine zero: positions are not told apart."""

    def __init__(self, rotary: torch.nn.Module):
        super().__init__()
        self.rotary = rotary

    def forward(self, *arguments, **named):
        cosine, sine = self.rotary(*arguments, **named)
        return torch.ones_like(cosine), torch.zeros_like(sine)


def _replaced(model: torch.nn.Module, matches, replacement) -> None:
    found = [(name, module) for name, module in model.named_modules() if matches(name, module)]
    if not found:
        raise ValueError("no module matches")
    for name, module in found:
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, replacement(module))


def rope(variant: Variant) -> None:
    """Queries and keys are not rotated at all."""
    variant.patches.append(
        lambda model: _replaced(
            model, lambda _, m: type(m).__name__.endswith("RotaryEmbedding"), _Unrotated
        )
    )


def without_module(pattern: str) -> Ablation:
    """Every module whose name matches lets its input pass unchanged."""

    def ablate(variant: Variant) -> None:
        variant.patches.append(
            lambda model: _replaced(
                model,
                lambda name, _: re.search(pattern, name) is not None,
                lambda _: torch.nn.Identity(),
            )
        )

    return ablate


def attribute(pattern: str, name: str, value) -> Ablation:
    """Every module whose name matches, with another value of a plain attribute."""

    def patch(model: torch.nn.Module) -> None:
        found = [m for n, m in model.named_modules() if re.search(pattern, n) and hasattr(m, name)]
        if not found:
            raise ValueError(f"no module {pattern} has {name}")
        for module in found:
            setattr(module, name, value)

    return lambda variant: variant.patches.append(patch)


class _GeluTable(torch.nn.Module):
    """GELU (tanh) as llama.cpp has it: from a table of F16 values at F16 arguments."""

    def forward(self, value):
        found = torch.nn.functional.gelu(value.half().float(), approximate="tanh").half().float()
        return torch.where(
            value <= -10, torch.zeros_like(value), torch.where(value >= 10, value, found)
        )


def gelu_table(variant: Variant) -> None:
    """Not a feature: the arithmetic of a reader, so that it can be held to the same tolerance."""
    variant.patches.append(
        lambda model: _replaced(
            model, lambda _, module: "GELU" in type(module).__name__, lambda _: _GeluTable()
        )
    )
