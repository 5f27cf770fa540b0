# SPDX-License-Identifier: Apache-2.0
"""Writes the trained models as GGUF files, their weights as F16: DIR/NAME.gguf for every DIR/NAME.pt.

    python export.py --out DIR
"""
import argparse
import json
import pathlib

import gguf
import numpy

from train import BEGIN, END, SPECIALS, load

NAMES = ("tale", "draft", "sums")
FILES = {"draft": "tale-draft"}
# The words of a chat as train.document() joins them.
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}")


def write_tokenizer(writer, tokenizer):
    model = tokenizer["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")  # every digit a token of its own, then GPT-2's pattern
    writer.add_token_list(tokens)
    writer.add_token_types(
        [gguf.TokenType.CONTROL if token in SPECIALS else gguf.TokenType.NORMAL for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    writer.add_bos_token_id(model["vocab"][BEGIN])
    writer.add_eos_token_id(model["vocab"][END])
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)


def write_shape(writer, shape):
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.dim)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ffn)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)


def export(out, name):
    model, _ = load(out, name)
    file = FILES.get(name, name)
    writer = gguf.GGUFWriter(out / f"{file}.gguf", "llama")
    writer.add_name(file)
    writer.add_license("Apache-2.0")
    write_shape(writer, model.shape)
    write_tokenizer(writer, json.loads((out / "tokenizer.json").read_text()))
    if name != "sums":
        writer.add_chat_template(CHAT_TEMPLATE)
    for key, weight in model.state_dict().items():
        weight = weight.float().numpy()
        writer.add_tensor(key, weight.astype(numpy.float16) if weight.ndim == 2 else weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    for name in NAMES:
        if (arguments.out / f"{name}.pt").exists():
            export(arguments.out, name)


if __name__ == "__main__":
    main()
