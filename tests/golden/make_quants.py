# SPDX-License-Identifier: Apache-2.0
"""Writes quants.json, beside it: what the `gguf` package makes of random blocks, per type.

    make_quants.py                    needs numpy and gguf
    make_quants.py --blocks 1000000   prints one hash per type over so many blocks; tests_tensor prints the same for
                                      LLMOS_QUANT_BLOCKS=1000000 (tests/tensor/quant_test.cc)

    make_quants.py --ggml LIB         writes quant_rmse.json: the root-mean-square errors of llama.cpp's quantizers, called
                                      in its libggml-base.so LIB, on seeded data (samples() below)

Block bytes come from splitmix64 (seed = the type's place in TYPES), eight at a time, little-endian, then bit 14 of a
half-precision scale that is infinite or NaN is cleared. Per type: the first blocks and their values in hexadecimal, and
the 64-bit FNV-1a of the value bytes of each 32 blocks.
"""
import argparse
import ctypes
import json
import pathlib

import gguf
import numpy as np

# Name -> offsets of half-precision numbers in a block.
TYPES = {
    "F16": [0], "BF16": [], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82],
    "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0], "MXFP4": [],
}
BLOCKS, BLOCKS_PER_HASH = 512, 32
ENCODED = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "MXFP4"]
SAMPLES = 65536


def random_bytes(seed, first, count):
    """Bytes first (a multiple of 8) to first + count of the stream `seed`."""
    places = np.arange(first // 8 + 1, (first + count + 7) // 8 + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + places * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return z.view(np.uint8)[:count].copy()


def random_blocks(name, first, count):
    _, block_bytes = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    seed = list(TYPES).index(name)
    blocks = random_bytes(seed, first * block_bytes, count * block_bytes).reshape(count, block_bytes)
    for offset in TYPES[name]:
        high = blocks[:, offset + 1]
        high[(high & 0x7C) == 0x7C] &= 0xBF
    return blocks


def fnv1a(data, state=0xCBF29CE484222325):
    for byte in data:
        state = ((state ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return state


def dequantize(name, blocks):
    with np.errstate(all="ignore"):  # infinities, where MXFP4 reaches beyond f32
        values = gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType[name])
    return np.ascontiguousarray(values, dtype=np.float32).reshape(len(blocks), -1)


def golden(name):
    blocks = random_blocks(name, 0, BLOCKS)
    values = dequantize(name, blocks)
    shown = max(1, 256 // values.shape[1])
    parts = range(0, BLOCKS, BLOCKS_PER_HASH)
    return {
        "blocks": blocks[:shown].tobytes().hex(),
        "values": values[:shown].tobytes().hex(),
        "hashes": [f"{fnv1a(values[i:i + BLOCKS_PER_HASH].tobytes()):016x}" for i in parts],
    }


def xor_of_words(name, count):
    """Order-free and fast: the xor of (word * odd place) over all values as 32-bit words."""
    state, part = 0, 8192
    for first in range(0, count, part):
        values = dequantize(name, random_blocks(name, first, min(part, count - first))).reshape(-1)
        places = np.arange(len(values), dtype=np.uint64) + np.uint64(first * (len(values) // min(part, count - first)))
        with np.errstate(over="ignore"):
            odd = (places * np.uint64(2) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
            state ^= int(np.bitwise_xor.reduce(values.view(np.uint32).astype(np.uint64) * odd))
    return state


def uniforms(seed, count):
    """In (0, 1), from the words of random_bytes()."""
    words = random_bytes(seed, 0, 8 * count).view(np.uint64)
    return ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def samples():
    """Name -> SAMPLES float32: normal, Laplace, and Student's t with four degrees of freedom."""
    u = uniforms(100, 4 * SAMPLES).reshape(SAMPLES, 4).T
    normal = np.sqrt(-2 * np.log(u[0])) * np.cos(2 * np.pi * u[1])
    laplace = np.sign(u[0] - 0.5) * -np.log(1 - 2 * np.abs(u[0] - 0.5))
    student = normal / np.sqrt(-2 * np.log(u[2] * u[3]) / 4)
    return {name: (0.02 * x).astype(np.float32) for name, x in
            {"normal": normal, "laplace": laplace, "student": student}.items()}


def ggml_rmse(library, name, x):
    dtype = gguf.GGMLQuantizationType[name]
    block_elements, block_bytes = gguf.GGML_QUANT_SIZES[dtype]
    out = np.zeros((len(x) // block_elements, block_bytes), np.uint8)
    row = 256
    library.ggml_quantize_chunk(int(dtype), x.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p),
                                ctypes.c_int64(0), ctypes.c_int64(len(x) // row), ctypes.c_int64(row), None)
    values = gguf.quants.dequantize(out, dtype).reshape(-1).astype(np.float64)
    return float(np.sqrt(np.mean((values - x) ** 2)))


def write(name, content):
    pathlib.Path(__file__).with_name(name).write_text(json.dumps(content, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--blocks", type=int)
    parser.add_argument("--ggml")
    options = parser.parse_args()
    if options.blocks:
        for name in TYPES:
            print(f"{name} {xor_of_words(name, options.blocks):016x}")
    elif options.ggml:
        library = ctypes.CDLL(options.ggml)
        write("quant_rmse.json", {data: {name: ggml_rmse(library, name, x) for name in ENCODED}
                                  for data, x in samples().items()})
    else:
        write("quants.json", {name: golden(name) for name in TYPES})


if __name__ == "__main__":
    main()
