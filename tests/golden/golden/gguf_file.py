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


def _file_type(model: GoldenModel, all_f32: bool) -> gguf.LlamaFileType:
    if all_f32:
        return gguf.LlamaFileType.ALL_F32
    return model.file_type or _FILE_TYPES[model.dtype]


def _stored(
    name: str, tensor: torch.Tensor, model: GoldenModel, twin: Twin, all_f32: bool
) -> tuple[gguf.GGMLQuantizationType, np.ndarray]:
    if name in twin.packed and not all_f32:
        kind, data = twin.packed[name]
        return kind, data.numpy()
    kind = gguf.GGMLQuantizationType.F32 if all_f32 else _stored_type(name, tensor, model.dtype)
    return kind, gguf.quants.quantize(tensor.float().contiguous().numpy(), kind)


def _stored_type(name: str, tensor: torch.Tensor, dtype: torch.dtype) -> gguf.GGMLQuantizationType:
    vector = tensor.dim() <= 1 or not name.endswith(".weight")
    if vector or name.endswith("_norm.weight") or name.endswith(_ALWAYS_F32):
        return gguf.GGMLQuantizationType.F32
    return _TYPES[dtype]


def write(path: Path, model: GoldenModel, twin: Twin, *, all_f32: bool = False) -> list[Path]:
    """Writes `path`, or its shards. `all_f32` widens every tensor, so that llama.cpp is exact."""
    shards = 1 if all_f32 else model.gguf_shards
    per_shard = -(-len(twin.tensors) // shards) if shards > 1 else 0
    writer = gguf.GGUFWriter(path, model.architecture, split_max_tensors=per_shard)
    # The name is not the model's: llama.cpp wants Phi-3's own special tokens of a "phi3".
    writer.add_name("golden")
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_file_type(_file_type(model, all_f32))
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for key, value in twin.metadata.items():
        _add(writer, f"{model.architecture}.{key}", value)
    for key, value in tokenizer.metadata(model.config.vocab_size).items():
        _add(writer, key, value)
    for name, tensor in twin.tensors.items():
        kind, data = _stored(name, tensor, model, twin, all_f32)
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return [path] if shards == 1 else sorted(path.parent.glob(f"{path.stem}-*-of-*.gguf"))
