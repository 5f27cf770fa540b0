#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small trained tokenizers of every kind, and what the originals make of a few thousand texts.

  make_tokenizers.py make                     writes tokenizers/: vocabularies, texts.json, *.golden
  make_tokenizers.py check PROGRAM [--count N] [--paths PATH ...] [--seed S]
                                              compares PROGRAM (tests/format/tokenize_stream) with the
                                              originals on N random texts for each tokenizer

The originals are HF `tokenizers` for tokenizer.json and `sentencepiece` for *.model; versions are in
requirements.txt. A golden file has 8 hexadecimal digits for each text: FNV-1a of its ids, each as 4
little-endian bytes, folded to 32 bits.

Texts are drawn from code points that are assigned both in Python's Unicode version and in the one of
src/text/unicode.h, so that no difference comes from new characters.
"""
import argparse
import base64
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "tokenizers"

SAMPLE = (
    "The quick brown fox jumps over the lazy dog. It wasn't there in 1984, was it? We'll see: they've "
    "got 3.14159 reasons, and I'd say you're right!\n\nint main() {\n\treturn 0;  // done\n}\n"
    "Größe über Straße; naïve café, crème brûlée. Ελληνικά και русский язык, українська мова.\n"
    "日本語の文章です。中文句子，标点符号！한국어 문장입니다. ภาษาไทย हिन्दी भाषा العربية עברית\n"
    "Emoji 😀👍🏽👨‍👩‍👧 and e\u0301 combining, ﬁ ligature, ① ② Ⅷ ½ ｆｕｌｌ ｗｉｄｔｈ.\r\n"
    "    indented\n        more    spaces   here \u00a0nbsp\u3000wide\u200bzero\n"
    "https://example.com/a?b=c&d=%20 foo_bar fooBar FOO_BAR x=y+1; 0xFF 1,000,000 12345678\n"
)
WORDS = SAMPLE.split()
SPECIALS = ["<s>", "</s>", "<unk>", "<pad>", "<|endoftext|>", "<mask>", "[SEP]", "<0x41>", "<tool>",
            "\u2581", "  ", "           ", "\t\t", "New York", "Word"]

_ASSIGNED = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in ("Cn", "Cs", "Co")]
_BLOCKS = [c for c in _ASSIGNED if ord(c) < 0x3000]
_MARKS = [c for c in _ASSIGNED if unicodedata.category(c).startswith("M")]
_SPACES = list(" \t\n\r\u00a0\u2003\u3000\u200b\u0085\x0b")


def random_text(rng):
    """One text: a few runs, each of one kind of character."""
    runs = []
    for _ in range(rng.choice((1, 1, 2, 3, 5, 8))):
        kind = rng.randrange(12)
        n = rng.randint(1, 8)
        if kind <= 3:
            runs.append(" ".join(rng.choices(WORDS, k=n)))
        elif kind == 4:
            runs.append("".join(rng.choices(_SPACES, k=rng.randint(1, 6))) if rng.random() < 0.5 else " " * n)
        elif kind == 5:
            runs.append("".join(rng.choices("0123456789", k=n)))
        elif kind == 6:
            runs.append("".join(rng.choices("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", k=n)))
        elif kind == 7:
            runs.append("".join(rng.choices(_BLOCKS, k=n)))
        elif kind == 8:
            runs.append("".join(rng.choices(_ASSIGNED, k=n)))
        elif kind == 9:
            runs.append("".join(rng.choice(SAMPLE) + rng.choice(_MARKS) for _ in range(n)))
        elif kind == 10:
            runs.append(rng.choice(SPECIALS))
        else:
            start = rng.randrange(len(SAMPLE))
            runs.append(SAMPLE[start:start + rng.randint(1, 40)])
        if rng.random() < 0.3:
            runs.append(" ")
    return "".join(runs)


def texts_of(count, seed):
    rng = random.Random(seed)
    return ["", " ", "a"][:count] + [random_text(rng) for _ in range(max(0, count - 3))]


# --- the small vocabularies ------------------------------------------------------------------------

def corpus(seed=7):
    rng = random.Random(seed)
    lines = SAMPLE.split("\n") * 20
    syllables = [a + b for a in "b c d f g l m n p r s t st tr".split() for b in "a e i o u on er ing".split()]
    invented = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(600)]
    for _ in range(3000):
        lines.append(" ".join(rng.choices(WORDS, k=rng.randint(1, 8)) + rng.choices(invented, k=rng.randint(1, 8))))
    return lines


# sentencepiece's own nmt_nfkc has 240 KB; this has the same form.
RULES = [("ﬁ", "fi"), ("①", "1"), ("½", "1/2"), ("\u00a0", " "), ("\u3000", " "), ("\t", " "), ("\n", " "),
         ("\r", " "), ("\u200b", ""), ("e\u0301", "é"), ("\x0b", ""), ("Ⅷ", "VIII")]
RULES += [(chr(0xFF01 + i), chr(0x21 + i)) for i in range(94)]


def write_rules(path):
    code = lambda text: " ".join("%X" % ord(c) for c in text)
    with open(path, "w", encoding="utf-8") as out:
        for source, target in sorted(RULES):
            out.write(code(source) + "\t" + code(target) + "\n")


def train_sentencepiece(name, directory, **options):
    import sentencepiece as spm
    lines = os.path.join(directory, "corpus.txt")
    with open(lines, "w", encoding="utf-8") as out:
        out.write("\n".join(corpus()))
    prefix = os.path.join(directory, name)
    spm.SentencePieceTrainer.train(input=lines, model_prefix=prefix, vocab_size=700, num_threads=1,
                                   minloglevel=2, hard_vocab_limit=False, **options)
    data = pathlib.Path(prefix + ".model").read_bytes()
    (OUT / (name + ".model")).write_bytes(strip_model(data))


def strip_model(data):
    """Leaves out the paths that the trainer wrote into the model."""
    from sentencepiece import sentencepiece_model_pb2 as pb
    model = pb.ModelProto()
    model.ParseFromString(data)
    del model.trainer_spec.input[:]
    model.trainer_spec.model_prefix = ""
    model.normalizer_spec.normalization_rule_tsv = ""
    return model.SerializeToString()


def make_sentencepiece(directory):
    from sentencepiece import sentencepiece_model_pb2 as pb
    rules = os.path.join(directory, "rules.tsv")
    write_rules(rules)
    llama = dict(normalization_rule_name="identity", remove_extra_whitespaces=False,
                 allow_whitespace_only_pieces=True, split_digits=True, byte_fallback=True)
    train_sentencepiece("spm-bpe-bytes", directory, model_type="bpe", character_coverage=0.99, **llama)
    train_sentencepiece("spm-bpe-rules", directory, model_type="bpe", character_coverage=0.98,
                        normalization_rule_tsv=rules, user_defined_symbols=["<tool>", "New York", "ee"])
    train_sentencepiece("spm-unigram-bytes", directory, model_type="unigram", character_coverage=0.98,
                        byte_fallback=True, normalization_rule_tsv=rules)
    train_sentencepiece("spm-unigram-symbols", directory, model_type="unigram", character_coverage=0.98,
                        normalization_rule_tsv=rules, user_defined_symbols=["<tool>", "New York", "ee"],
                        control_symbols=["<mask>"])
    train_sentencepiece("spm-unigram-suffix", directory, model_type="unigram", character_coverage=0.98,
                        treat_whitespace_as_suffix=True, normalization_rule_name="identity")
    # As the first, but every 7th long piece is unused and must be taken apart again.
    model = pb.ModelProto()
    model.ParseFromString((OUT / "spm-bpe-bytes.model").read_bytes())
    long_pieces = [p for p in model.pieces if p.type == 1 and len(p.piece) > 2]
    for piece in long_pieces[::7]:
        piece.type = 5
    (OUT / "spm-bpe-unused.model").write_bytes(model.SerializeToString())
    model.ParseFromString((OUT / "spm-unigram-bytes.model").read_bytes())
    for piece in [p for p in model.pieces if p.type == 1 and len(p.piece) > 2][::7]:
        piece.type = 5
    (OUT / "spm-unigram-unused.model").write_bytes(model.SerializeToString())


def charsmap_of(name):
    from sentencepiece import sentencepiece_model_pb2 as pb
    model = pb.ModelProto()
    model.ParseFromString((OUT / (name + ".model")).read_bytes())
    return model.normalizer_spec.precompiled_charsmap


def save(tokenizer, name, patch=None):
    data = json.loads(tokenizer.to_str())
    if patch:
        patch(data)
    from tokenizers import Tokenizer
    Tokenizer.from_str(json.dumps(data))
    (OUT / (name + ".json")).write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


def added(content, **flags):
    from tokenizers import AddedToken
    return AddedToken(content, **flags)


def make_json():
    from tokenizers import (Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors,
                            trainers)
    lines = corpus()
    # Llama 2's kind: no pre-tokeniser, byte fallback, normalised added tokens.
    hexes = ["<0x%02X>" % i for i in range(256)]
    bpe = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    bpe.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                     decoders.Strip(" ", 1, 0)])
    bpe.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    bpe.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=900, special_tokens=["<unk>", "<s>", "</s>"] + hexes, limit_alphabet=90, show_progress=False))
    bpe.pre_tokenizer = None
    bpe.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])

    def llama(data):
        data["added_tokens"] = [t for t in data["added_tokens"] if t["id"] < 3]
        for token in data["added_tokens"]:
            token["normalized"] = True
        data["added_tokens"][0]["normalized"] = False
        for token in hexes:
            data["model"]["vocab"].setdefault(token, len(data["model"]["vocab"]))
    save(bpe, "json-bpe-bytes", llama)

    # Byte level, with added tokens of every property, NFC, and two templates inside one another.
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.NFC()
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=800, special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    bpe.add_tokens([added("           "), added("  ", normalized=True), added("Word", single_word=True),
                    added("New York", lstrip=True), added("cafe\u0301", normalized=True)])
    bpe.add_special_tokens([added("<mask>", lstrip=True), added("[SEP]", rstrip=True), added("<tool>"),
                            added("</s>", lstrip=True, rstrip=True), added("\t\t")])
    end = bpe.token_to_id("<|endoftext|>")
    sep = bpe.token_to_id("[SEP]")
    bpe.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True),
        processors.TemplateProcessing(single="<|endoftext|> $A [SEP]", pair="$A $B",
                                      special_tokens=[("<|endoftext|>", end), ("[SEP]", sep)])])
    save(bpe, "json-bpe-added")

    # XLM-R's and T5's kind: a charsmap, runs of spaces, Metaspace.
    unigram = Tokenizer(models.Unigram())
    unigram.normalizer = normalizers.Sequence([
        normalizers.Precompiled(charsmap_of("spm-unigram-bytes")), normalizers.Replace(Regex(" {2,}"), " ")])
    unigram.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    unigram.decoder = decoders.Metaspace(prepend_scheme="always")
    unigram.train_from_iterator(lines, trainers.UnigramTrainer(
        vocab_size=500, unk_token="<unk>", special_tokens=["<unk>", "<s>", "</s>"] + hexes, show_progress=False))
    unigram.add_special_tokens([added("<mask>", lstrip=True)])
    unigram.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 1))

    def fallback(data):
        data["added_tokens"] = [t for t in data["added_tokens"] if t["content"] not in hexes]
        data["model"]["byte_fallback"] = True
    save(unigram, "json-unigram-bytes", fallback)

    def first(data):
        data["added_tokens"] = [t for t in data["added_tokens"] if t["content"] not in hexes]
        data["pre_tokenizer"]["prepend_scheme"] = "first"
        data["normalizer"] = {"type": "Sequence", "normalizers": [
            {"type": "NFKC"}, {"type": "Lowercase"}, {"type": "Strip", "strip_left": True, "strip_right": True}]}
    save(unigram, "json-unigram-first", first)

    # Words, accents stripped.
    words = Tokenizer(models.WordLevel(unk_token="<unk>"))
    words.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])
    words.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(),
                                                   pre_tokenizers.Digits(individual_digits=True)])
    words.train_from_iterator(lines, trainers.WordLevelTrainer(
        vocab_size=300, special_tokens=["<unk>", "<pad>"], show_progress=False))
    save(words, "json-words")


# --- the originals ----------------------------------------------------------------------------------

def original(path):
    """A function from texts to lists of ids, with the flags that our program needs to do the same."""
    if str(path).endswith(".model"):
        import sentencepiece as spm
        model = spm.SentencePieceProcessor(model_file=str(path))
        return lambda texts: [model.encode(t) for t in texts], "sp"  # knows no special tokens in texts
    from tokenizers import Tokenizer
    path = pathlib.Path(path)
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json" if path.is_dir() else path))
    return lambda texts: [e.ids for e in tokenizer.encode_batch(texts)], ""


def decoder_of(path):
    if str(path).endswith(".model"):
        import sentencepiece as spm
        model = spm.SentencePieceProcessor(model_file=str(path))
        return model.decode
    from tokenizers import Tokenizer
    path = pathlib.Path(path)
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json" if path.is_dir() else path))
    return tokenizer.decode


def frames(texts):
    return b"".join(struct.pack("<I", len(t)) + t for t in (x.encode() for x in texts))


def ids_of_program(program, path, flags, texts):
    run = subprocess.run([program, str(path), "encode", flags], input=frames(texts), capture_output=True,
                         check=True)
    return [[int(i) for i in line.split()] for line in run.stdout.decode().split("\n")[:-1]]


def texts_of_program(program, path, flags, texts):
    run = subprocess.run([program, str(path), "decode", flags], input=frames(texts), capture_output=True, check=True)
    out, at = [], 0
    while at < len(run.stdout):
        (size,) = struct.unpack_from("<I", run.stdout, at)
        out.append(run.stdout[at + 4:at + 4 + size].decode())
        at += 4 + size
    return out


def fnv(ids):
    value = 0xCBF29CE484222325
    for i in ids:
        for byte in struct.pack("<i", i):
            value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return (value ^ value >> 32) & 0xFFFFFFFF


def make():
    OUT.mkdir(exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    with tempfile.TemporaryDirectory() as directory:
        make_sentencepiece(directory)
    make_json()
    texts = texts_of(2000, seed=20261121)
    (OUT / "texts.json").write_text(json.dumps(texts, ensure_ascii=True, indent=0), encoding="utf-8")
    for path in sorted(OUT.iterdir()):
        if path.name == "texts.json":
            continue
        encode, flags = original(path)
        lines = ["%08x" % fnv(ids) for ids in encode(texts)]
        rows = [" ".join(lines[i:i + 10]) for i in range(0, len(lines), 10)]
        (OUT / (path.name + ".golden")).write_text("\n".join(rows) + "\n")
        print(path.name, path.stat().st_size, "bytes")


def check(program, paths, count, seed):
    failed = 0
    for path in paths:
        encode, flags = original(path)
        decode = decoder_of(path)
        differing = decoded = done = 0
        batch = 20000
        while done < count:
            texts = texts_of(min(batch, count - done), seed + done)
            expected = encode(texts)
            found = ids_of_program(program, path, flags, texts)
            for text, want, have in zip(texts, expected, found):
                if want != have:
                    differing += 1
                    if differing <= 5:
                        print("DIFFERS", path, ascii(text), "\n  want", want, "\n  have", have)
            if done == 0:
                round_trip = texts_of_program(program, path, flags, texts)
                for text, have in zip(texts, round_trip):
                    ids = ids_for_decoding(path, text)
                    want = decode(ids)
                    if want != have:
                        decoded += 1
                        if decoded <= 3:
                            print("DECODES DIFFERENTLY", path, ascii(text), "\n  want", ascii(want), "\n  have", ascii(have))
            done += len(texts)
        print(f"{path}: {count} texts, {differing} differ; {min(batch, count)} decoded, {decoded} differ", flush=True)
        failed += differing + decoded
    return failed


_encoders = {}


def ids_for_decoding(path, text):
    if path not in _encoders:
        _encoders[path] = original(path)[0]
    return _encoders[path]([text])[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=("make", "check"))
    parser.add_argument("program", nargs="?")
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--paths", nargs="*")
    options = parser.parse_args()
    if options.verb == "make":
        return make()
    paths = options.paths or sorted(p for p in OUT.iterdir() if p.suffix in (".model", ".json") and p.name != "texts.json")
    sys.exit(1 if check(options.program, paths, options.count, options.seed) else 0)


if __name__ == "__main__":
    main()
