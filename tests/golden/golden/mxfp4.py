# SPDX-License-Identifier: Apache-2.0
"""MXFP4: 32 values share a power of two; each is one of sixteen four-bit floats."""

import torch

BLOCK = 32
_VALUES = torch.tensor(
    [0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6], dtype=torch.float32
)
_LARGEST_EXPONENT = 2  # 6 = 1.5 * 2^2
_BIAS = 127


def quantised(value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """[.., n] as blocks [.., n / 32, 16], the even value of a pair in the low half of a byte, and scales [.., n / 32]."""
    groups = value.reshape(*value.shape[:-1], value.shape[-1] // BLOCK, BLOCK)
    exponent = groups.abs().amax(-1).log2().floor() - _LARGEST_EXPONENT
    scaled = torch.ldexp(groups, -exponent.unsqueeze(-1).int())
    codes = (scaled.unsqueeze(-1) - _VALUES).abs().argmin(-1).to(torch.uint8)
    return codes[..., 0::2] | (codes[..., 1::2] << 4), (exponent + _BIAS).to(torch.uint8)


def ggml_rows(blocks: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """Rows of 17-byte GGML blocks: the scale, then value i in the low and value i + 16 in the high half of byte i."""
    codes = torch.stack((blocks & 15, blocks >> 4), dim=-1).flatten(-2)  # [.., n / 32, 32]
    packed = codes[..., : BLOCK // 2] | (codes[..., BLOCK // 2 :] << 4)
    return torch.cat((scales.unsqueeze(-1), packed), dim=-1).flatten(-2)
