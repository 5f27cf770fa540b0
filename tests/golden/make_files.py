#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/files/: small model files by the formats' own Python packages.

  pip install numpy torch gguf==0.19.0 safetensors==0.8.0
  make_files.py            writes every_type.gguf, big_endian.gguf and every_type.safetensors
  make_files.py --check F  reads the GGUF file F, which LLMOS wrote, with the gguf package and prints what is in it

tests/format/package_files_test.cc knows the values.
"""
import json
import pathlib
import sys

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

FILES = pathlib.Path(__file__).parent / "files"
T = gguf.GGUFValueType

SCALARS = [
    ("u8", T.UINT8, 200), ("i8", T.INT8, -100), ("u16", T.UINT16, 60000), ("i16", T.INT16, -30000),
    ("u32", T.UINT32, 4000000000), ("i32", T.INT32, -2000000000), ("f32", T.FLOAT32, 1.25), ("bool", T.BOOL, True),
    ("string", T.STRING, "grün"), ("u64", T.UINT64, 18000000000000000000), ("i64", T.INT64, -9000000000000000000),
    ("f64", T.FLOAT64, 0.1),
]
QUANTS = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "MXFP4"]


def second(value):
    """The second element of an array, so that order can be seen."""
    return {bool: lambda: not value, str: lambda: "", float: lambda: -value}.get(type(value), lambda: value + 1)()


def write_gguf(path, endianess):
    writer = gguf.GGUFWriter(path, "llama", endianess=endianess)
    for name, kind, value in SCALARS:
        writer.add_key_value(name, value, kind)
        writer.add_key_value(name + "s", [value, second(value)], T.ARRAY, kind)
    writer.add_tensor("f32", np.arange(6, dtype=np.float32).reshape(2, 3))
    writer.add_tensor("f16", np.arange(6, dtype=np.float16).reshape(3, 2))
    writer.add_tensor("f64", np.arange(3, dtype=np.float64))
    for bits in (8, 16, 32, 64):
        writer.add_tensor(f"i{bits}", np.arange(-2, 2, dtype=f"int{bits}"))
    writer.add_tensor("bf16", np.arange(8, dtype=np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
    for name in QUANTS:
        kind = gguf.GGMLQuantizationType[name]
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        rows = np.arange(2 * size, dtype=np.uint32).astype(np.uint8).reshape(2, size)
        writer.add_tensor(name, rows, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_safetensors(path):
    count = torch.arange(6)
    save_file({
        "f32": count.to(torch.float32).reshape(2, 3),
        "f16": count.to(torch.float16),
        "bf16": count.to(torch.bfloat16).reshape(3, 2),
        "f8": torch.tensor([0.0, 0.5, 1.0, -2.0, 448.0]).to(torch.float8_e4m3fn),
        "f64": torch.tensor(2.5, dtype=torch.float64),
        "i64": torch.tensor([-1, 1]),
        "i32": torch.tensor([-2, 2], dtype=torch.int32),
        "i16": torch.tensor([-3, 3], dtype=torch.int16),
        "i8": torch.tensor([-4, 4], dtype=torch.int8),
        "u8": count.to(torch.uint8).reshape(1, 2, 3),
        "bool": torch.tensor([True, False]),
    }, path, metadata={"format": "pt"})


def show(path):
    reader = gguf.GGUFReader(path)
    keys = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    tensors = {t.name: [t.tensor_type.name, [int(x) for x in t.shape], int(t.n_bytes)] for t in reader.tensors}
    print(json.dumps({"keys": keys, "tensors": tensors}, ensure_ascii=False, indent=1, default=str))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        show(sys.argv[2])
        sys.exit()
    FILES.mkdir(exist_ok=True)
    write_gguf(FILES / "every_type.gguf", gguf.GGUFEndian.LITTLE)
    write_gguf(FILES / "big_endian.gguf", gguf.GGUFEndian.BIG)
    write_safetensors(FILES / "every_type.safetensors")
