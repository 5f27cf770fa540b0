#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Megabytes a second of HF tokenizers and sentencepiece on one thread, on the texts of text_bench.

  text_bench --write-texts TEXTS
  text_bench_hf.py TEXTS [NAME...] > hf.json          rows named as those of text_bench
  text_bench_hf.py --table ours.json hf.json          both side by side; ours by --benchmark_out

HF tokenizers takes `encode_batch_fast`, which leaves out the offsets, and `decode_batch`; of sentencepiece
`encode` and `decode`. The time is the process's CPU time, the best of the repetitions.
"""
import json
import os
import pathlib
import struct
import sys
import time

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
ROOT = pathlib.Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "data" / "tokenizers"
SMALL = ROOT / "tests" / "golden" / "tokenizers"
sys.path.insert(0, str(ROOT / "tests" / "golden"))
SECONDS = 0.5  # for each row
GGUF_KINDS = {"gpt-2": "gpt-2", "starcoder": "starcoder", "deepseek-coder": "deepseek-coder", "qwen2": "qwen2"}


def from_gguf(folder, kind):
    """The byte-level BPE of a GGUF file with the pre-tokenizer of its kind."""
    import gguf
    from make_pretokenizers import pre_tokenizer
    from tokenizers import AddedToken, Tokenizer, decoders, models
    fields = gguf.GGUFReader(folder / "vocab.gguf").fields

    def texts(key):
        field = fields["tokenizer.ggml." + key]
        return [bytes(field.parts[i]).decode() for i in field.data]
    tokens = texts("tokens")
    types = fields["tokenizer.ggml.token_type"]
    types = [int(types.parts[i][0]) for i in types.data]
    merges = [tuple(m.split(" ", 1)) for m in texts("merges")]
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizer(kind)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t, k in zip(tokens, types) if k == 3])
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t, k in zip(tokens, types) if k == 4])
    return tokenizer


def hf(tokenizer):
    return (lambda parts: [e.ids for e in tokenizer.encode_batch_fast(parts, add_special_tokens=False)],
            tokenizer.decode_batch)


def sentencepiece(path):
    import sentencepiece as spm
    model = spm.SentencePieceProcessor(model_file=str(path))
    return lambda parts: [model.encode(p) for p in parts], lambda ids: [model.decode(i) for i in ids]


def vocabularies():
    """Names to functions that load encode and decode."""
    from make_tokenizers import load_json
    found = {name: lambda name=name: hf(load_json(SMALL / (name + ".json")))
             for name in ("json-bpe-added", "json-unigram-bytes")}
    found["spm-unigram-bytes"] = lambda: sentencepiece(SMALL / "spm-unigram-bytes.model")
    if REAL.exists():
        for name, kind in GGUF_KINDS.items():
            found[name] = lambda name=name, kind=kind: hf(from_gguf(REAL / name, kind))
        for name in ("hf-phi-2", "hf-llama2"):
            found[name] = lambda name=name: hf(load_json(REAL / name))
        found["llama-spm"] = lambda: sentencepiece(REAL / "llama-spm" / "tokenizer.model")
    return found


def read_texts(folder):
    texts = {}
    for path in sorted(pathlib.Path(folder).iterdir()):
        data, at, parts = path.read_bytes(), 0, []
        while at < len(data):
            (size,) = struct.unpack_from("<I", data, at)
            parts.append(data[at + 4:at + 4 + size].decode())
            at += 4 + size
        texts[path.name] = parts
    return texts


def best_seconds(call):
    best, spent = float("inf"), 0.0
    while spent < SECONDS:
        begin = time.process_time()
        call()
        seconds = time.process_time() - begin
        best, spent = min(best, seconds), spent + seconds
    return best


def measure(folder, names):
    rows = {}
    texts = read_texts(folder)
    for name, load in vocabularies().items():
        if names and name not in names:
            continue
        encode, decode = load()
        for text, parts in texts.items():
            size = sum(len(p.encode()) for p in parts)
            ids = encode(parts)
            rows[f"Encode/{name}/{text}"] = {
                "mb_s": size / best_seconds(lambda: encode(parts)) / 1e6, "ids": sum(map(len, ids))}
            rows[f"Decode/{name}/{text}"] = {"mb_s": size / best_seconds(lambda: decode(ids)) / 1e6}
            print(name, text, file=sys.stderr, flush=True)
    json.dump(rows, sys.stdout, indent=1)


def table(ours, theirs):
    ours = {row["name"]: row for row in json.load(open(ours))["benchmarks"]}
    theirs = json.load(open(theirs))
    print("| row | ours, MB/s | theirs, MB/s | ratio |\n|---|---|---|---|")
    for name, row in theirs.items():
        if name not in ours:
            continue
        own = ours[name]["bytes_per_second"] / 1e6
        note = "" if "ids" not in row or row["ids"] == ours[name]["ids"] else \
            f" ({ours[name]['ids']:.0f} ids, not {row['ids']})"
        print(f"| {name}{note} | {own:.1f} | {row['mb_s']:.1f} | {own / row['mb_s']:.1f} |")


if __name__ == "__main__":
    if sys.argv[1] == "--table":
        table(*sys.argv[2:4])
    else:
        measure(sys.argv[1], sys.argv[2:])
