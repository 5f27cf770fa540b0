# SPDX-License-Identifier: Apache-2.0
"""Writes a GGUF file from a Twin."""

from pathlib import Path

import gguf
import numpy as np
import torch

from . import tokenizer
from .model import GoldenModel, Twin

_TYPES = {
    torch.float32: gguf.GGMLQuantizationType.F32,
    torch.float16: gguf.GGMLQuantizationType.F16,
    torch.bfloat16: gguf.GGMLQuantizationType.BF16,
}
_FILE_TYPES = {
    torch.float32: gguf.LlamaFileType.ALL_F32,
    torch.float16: gguf.LlamaFileType.MOSTLY_F16,
    torch.bfloat16: gguf.LlamaFileType.MOSTLY_BF16,
}
_ALWAYS_F32 = (
    "ffn_gate_inp.weight",
    "ffn_gate_inp_shexp.weight",
    "position_embd.weight",
    "attn_sinks.weight",
)


def _add(writer: gguf.GGUFWriter, key: str, value: object) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def _stored_type(name: str, tensor: torch.Tensor, dtype: torch.dtype) -> gguf.GGMLQuantizationType:
    vector = tensor.dim() <= 1 or not name.endswith(".weight")
    if vector or name.endswith("_norm.weight") or name.endswith(_ALWAYS_F32):
        return gguf.GGMLQuantizationType.F32
    return _TYPES[dtype]


def write(
    path: Path,
    model: GoldenModel,
    twin: Twin,
    *,
    all_f32: bool = False,
    quantised: dict[str, tuple[gguf.GGMLQuantizationType, np.ndarray]] | None = None,
) -> list[Path]:
    """Writes `path`, or its shards. `all_f32` widens every tensor: the copy that llama.cpp computes exactly."""
    shards = 1 if all_f32 else model.gguf_shards
    per_shard = -(-len(twin.tensors) // shards) if shards > 1 else 0
    writer = gguf.GGUFWriter(path, model.architecture, split_max_tensors=per_shard)
    writer.add_name("golden")  # not "phi3": llama.cpp then wants that model's own special tokens
    writer.add_type(gguf.GGUFType.MODEL)
    file_type = gguf.LlamaFileType.ALL_F32 if all_f32 else _FILE_TYPES[model.dtype]
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for key, value in twin.metadata.items():
        _add(writer, f"{model.architecture}.{key}", value)
    for key, value in tokenizer.metadata(model.config.vocab_size).items():
        _add(writer, key, value)
    for name, tensor in twin.tensors.items():
        if quantised and name in quantised:
            kind, data = quantised[name]
            writer.add_tensor(name, data, raw_dtype=kind)
        elif name in twin.packed and not all_f32:
            writer.add_tensor(
                name, twin.packed[name].numpy(), raw_dtype=gguf.GGMLQuantizationType.MXFP4
            )
        else:
            kind = (
                gguf.GGMLQuantizationType.F32
                if all_f32
                else _stored_type(name, tensor, model.dtype)
            )
            data = gguf.quants.quantize(tensor.float().contiguous().numpy(), kind)
            writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    if shards == 1:
        return [path]
    return sorted(path.parent.glob(f"{path.stem}-*-of-*.gguf"))
