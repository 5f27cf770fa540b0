# SPDX-License-Identifier: Apache-2.0
"""A small Llama: RMS norms, rotary positions, gated feed-forward, embeddings shared with the output.

Positions rotate neighbouring pairs (2i, 2i + 1), as GGUF's architecture "llama" has them, so that the weights are
exported as they are.
"""
import dataclasses

import torch
from torch import nn
from torch.nn import functional as F

EPSILON = 1e-5
ROPE_BASE = 10000.0


@dataclasses.dataclass
class Shape:
    vocabulary: int
    dim: int
    layers: int
    heads: int
    ffn: int
    context: int

    @property
    def head_dim(self):
        return self.dim // self.heads


def rotations(shape):
    """cos and sin, [context, head_dim / 2]."""
    rates = ROPE_BASE ** (-torch.arange(0, shape.head_dim, 2).float() / shape.head_dim)
    angles = torch.outer(torch.arange(shape.context).float(), rates)
    return angles.cos(), angles.sin()


def rotate(x, cos, sin):
    """x is [rows, heads, tokens, head_dim]."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2).type_as(x)


def weights(q, k):
    """Each query's attention to the keys up to its own. In so small heads plain products are quicker than the fused
    attention of PyTorch's CPU kernels."""
    queries, keys = q.shape[2], k.shape[2]
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    later = torch.full((queries, keys), float("-inf"), dtype=scores.dtype).triu(keys - queries + 1)
    return torch.softmax(scores + later, -1, dtype=scores.dtype)


class Layer(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.heads = shape.heads
        self.attn_norm = nn.RMSNorm(shape.dim, EPSILON)
        self.attn_q = nn.Linear(shape.dim, shape.dim, bias=False)
        self.attn_k = nn.Linear(shape.dim, shape.dim, bias=False)
        self.attn_v = nn.Linear(shape.dim, shape.dim, bias=False)
        self.attn_output = nn.Linear(shape.dim, shape.dim, bias=False)
        self.ffn_norm = nn.RMSNorm(shape.dim, EPSILON)
        self.ffn_gate = nn.Linear(shape.dim, shape.ffn, bias=False)
        self.ffn_up = nn.Linear(shape.dim, shape.ffn, bias=False)
        self.ffn_down = nn.Linear(shape.ffn, shape.dim, bias=False)

    def attend(self, x, cos, sin, cache):
        rows, tokens, dim = x.shape
        q, k, v = (part(x).view(rows, tokens, self.heads, -1).transpose(1, 2)
                   for part in (self.attn_q, self.attn_k, self.attn_v))
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if cache is not None:
            k, v = (torch.cat(pair, 2) for pair in zip(cache, (k, v))) if cache else (k, v)
            cache[:] = [k, v]
        out = weights(q, k) @ v
        return self.attn_output(out.transpose(1, 2).reshape(rows, tokens, dim))

    def forward(self, x, cos, sin, cache=None):
        x = x + self.attend(self.attn_norm(x), cos, sin, cache)
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Llama(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocabulary, shape.dim)
        self.blk = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.output_norm = nn.RMSNorm(shape.dim, EPSILON)
        cos, sin = rotations(shape)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                out = name.endswith(("attn_output.weight", "ffn_down.weight"))
                nn.init.normal_(weight, std=0.5 * shape.dim**-0.5 / ((2 * shape.layers) ** 0.5 if out else 1))

    def forward(self, ids, caches=None):
        """Logits [rows, tokens, vocabulary]. With `caches`, one list a layer, `ids` continue what they hold."""
        begin = caches[0][0].shape[2] if caches and caches[0] else 0
        cos, sin = (table[begin : begin + ids.shape[1]] for table in (self.cos, self.sin))
        x = self.token_embd(ids)
        for i, layer in enumerate(self.blk):
            x = layer(x, cos, sin, None if caches is None else caches[i])
        return F.linear(self.output_norm(x), self.token_embd.weight)
