# SPDX-License-Identifier: Apache-2.0
"""A byte-level BPE vocabulary for the GGUF files: printable ASCII, space, newline and a few merges."""

UNKNOWN, BOS, EOS = 0, 1, 2
_SPECIAL = ["<unk>", "<s>", "</s>"]
_LETTERS = ["\u0120", "\u010a"] + [
    chr(c) for c in range(ord("!"), ord("~") + 1)
]  # space, newline; then as they are
_MERGES = [
    ("t", "h"),
    ("th", "e"),
    ("i", "n"),
    ("e", "r"),
    ("a", "n"),
    ("\u0120", "the"),
    ("o", "n"),
    ("\u0120", "a"),
]

_NORMAL, _UNKNOWN, _CONTROL, _UNUSED = 1, 2, 3, 5


def metadata(vocab_size: int) -> dict[str, object]:
    """GGUF metadata of a tokenizer with exactly `vocab_size` tokens, at least 100."""
    room = vocab_size - len(_SPECIAL) - len(_LETTERS)
    if room < 1:
        raise ValueError(f"a vocabulary of {vocab_size} has no room for a merge")
    merges = _MERGES[:room]  # the rest is marked unused
    tokens = _SPECIAL + _LETTERS + [left + right for left, right in merges]
    types = [_UNKNOWN, _CONTROL, _CONTROL] + [_NORMAL] * (len(tokens) - len(_SPECIAL))
    spare = range(len(tokens), vocab_size)
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokens + [f"[PAD{i}]" for i in spare],
        "tokenizer.ggml.scores": [0.0] * vocab_size,
        "tokenizer.ggml.token_type": types + [_UNUSED] * len(spare),
        "tokenizer.ggml.merges": [f"{left} {right}" for left, right in merges],
        "tokenizer.ggml.bos_token_id": BOS,
        "tokenizer.ggml.eos_token_id": EOS,
        "tokenizer.ggml.unknown_token_id": UNKNOWN,
        "tokenizer.ggml.padding_token_id": UNKNOWN,
        "tokenizer.ggml.add_bos_token": True,
    }
