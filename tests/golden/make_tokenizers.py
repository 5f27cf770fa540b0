#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small trained tokenizers of every kind, and what the originals make of a few thousand texts.

  make_tokenizers.py make                     writes tokenizers/: vocabularies, then as `golden`
  make_tokenizers.py golden                   writes texts.json and *.golden for the vocabularies there,
                                              and for the real ones in ../shared/data if that is there
  make_tokenizers.py check PROGRAM [--count N] [--paths PATH ...] [--seed S]
                                              compares PROGRAM (tests/format/tokenize_stream) with the
                                              originals on N random texts for each tokenizer: ids, and
                                              for every tenth text what they decode to

The originals are HF `tokenizers` for tokenizer.json and `sentencepiece` for *.model; versions are in
requirements.txt. A golden file has a line for ten texts: for each 8 hexadecimal digits, FNV-1a of its ids,
each as 4 little-endian bytes, folded to 32 bits; then in the same way one number for the bytes that the ten
decode to, one after the other.

Texts are drawn from code points that are assigned in Python's Unicode (14.0), and so in that of
src/text/unicode.h (16.0), but for the marks and composed characters that HF tokenizers treats by older
tables (`make_tokenizers.py differences` lists them).
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
REAL = ("hf-llama2", "hf-phi-2", "llama-spm/tokenizer.model")

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



def differs_in_hf(c):
    """Whether HF tokenizers normalises `c` by older tables than Unicode 14: such characters are not drawn."""
    from tokenizers import normalizers
    forms = (("NFC", normalizers.NFC()), ("NFD", normalizers.NFD()), ("NFKC", normalizers.NFKC()),
             ("NFKD", normalizers.NFKD()))
    # Beside marks of the lowest and the highest class the order shows the character's own class.
    texts = (c, c + "\u0334\u0345", "\u0345" + c) if unicodedata.category(c)[0] == "M" else (c,)
    if any(form.normalize_str(t) != unicodedata.normalize(name, t) for name, form in forms for t in texts):
        return True
    return (normalizers.StripAccents().normalize_str(c) == "") != (unicodedata.category(c)[0] == "M")


def drawn_characters():
    from tokenizers import normalizers
    strip = normalizers.StripAccents().normalize_str
    assigned = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in ("Cn", "Cs", "Co")]
    plain = [c for c in assigned if unicodedata.category(c)[0] != "M" and not unicodedata.decomposition(c)
             and strip(c) == c]
    other = [c for c in assigned if unicodedata.category(c)[0] == "M" or unicodedata.decomposition(c)]
    return sorted(plain + [c for c in other if not differs_in_hf(c)])


_ASSIGNED = drawn_characters()
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

def load_json(path):
    """A tokenizer.json; merges of tokens that hold spaces, which HF refuses as texts, as pairs."""
    from tokenizers import Tokenizer
    path = pathlib.Path(path)
    data = json.loads((path / "tokenizer.json" if path.is_dir() else path).read_text(encoding="utf-8"))
    vocabulary = data["model"]["vocab"]

    def pair(merge):
        spaces = [i for i, c in enumerate(merge) if c == " "]
        cuts = [(merge[:i], merge[i + 1:]) for i in spaces]
        return next(c for c in cuts if c[0] in vocabulary and c[1] in vocabulary and c[0] + c[1] in vocabulary)
    if data["model"]["type"] == "BPE":
        data["model"]["merges"] = [pair(m) if isinstance(m, str) else m for m in data["model"]["merges"]]
    return Tokenizer.from_str(json.dumps(data))


def original(path):
    """A function from texts to lists of ids, with the flags that our program needs to do the same."""
    if str(path).endswith(".model"):
        import sentencepiece as spm
        model = spm.SentencePieceProcessor(model_file=str(path))
        return lambda texts: [model.encode(t) for t in texts], "sp"  # knows no special tokens in texts
    tokenizer = load_json(path)
    return lambda texts: [e.ids for e in tokenizer.encode_batch(texts)], ""


def decoder_of(path):
    if str(path).endswith(".model"):
        import sentencepiece as spm
        model = spm.SentencePieceProcessor(model_file=str(path))
        return model.decode
    return load_json(path).decode


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


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return "%08x" % ((value ^ value >> 32) & 0xFFFFFFFF)


def vocabularies():
    """Ours; bpe-*.json beside them belong to make_pretokenizers.py."""
    return sorted([*OUT.glob("spm-*.model"), *OUT.glob("json-*.json")])


def make():
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        make_sentencepiece(directory)
    make_json()
    golden()


def golden():
    texts = texts_of(2000, seed=20261121)
    (OUT / "texts.json").write_text(json.dumps(texts, ensure_ascii=True, indent=0), encoding="utf-8")
    real = HERE.parents[2] / "shared" / "data" / "tokenizers"
    for path in vocabularies() + [p for p in (real / name for name in REAL) if p.exists()]:
        encode, decode = original(path)[0], decoder_of(path)
        ids = encode(texts)
        rows = []
        for begin in range(0, len(texts), 10):
            ten = ids[begin:begin + 10]
            hashes = [fnv(struct.pack("<%di" % len(one), *one)) for one in ten]
            rows.append(" ".join(hashes + [fnv("".join(map(decode, ten)).encode())]))
        name = path.name if path.parent == OUT else path.relative_to(real).parts[0]
        (OUT / (name + ".golden")).write_text("\n".join(rows) + "\n")


def check(program, paths, count, seed):
    batch = 20000
    originals = {path: (*original(path), decoder_of(path)) for path in paths}
    differing = {path: [0, 0] for path in paths}  # ids, decoded texts
    for done in range(0, count, batch):
        texts = texts_of(min(batch, count - done), seed + done)
        for path, (encode, flags, decode) in originals.items():
            expected = encode(texts)
            found = ids_of_program(program, path, flags, texts)
            for text, want, have in zip(texts, expected, found):
                if want != have:
                    report(path, text, want, have, differing[path], 0)
            for text, ids, have in zip(texts[::10], expected[::10], texts_of_program(program, path, flags, texts[::10])):
                if decode(ids) != have:
                    report(path, text, decode(ids), have, differing[path], 1)
    for path, (ids, decoded) in differing.items():
        print(f"{path.name}: {count} texts, {ids} differ; {(count + 9) // 10} decoded, {decoded} differ", flush=True)
    return sum(map(sum, differing.values()))


def report(path, text, want, have, counts, kind):
    counts[kind] += 1
    if counts[kind] <= 5:
        print(("DIFFERS", "DECODES DIFFERENTLY")[kind], path, ascii(text), "\n  want", ascii(want), "\n  have",
              ascii(have), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=("make", "golden", "check", "differences"))
    parser.add_argument("program", nargs="?")
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--paths", nargs="*")
    options = parser.parse_args()
    if options.verb == "make":
        return make()
    if options.verb == "golden":
        return golden()
    if options.verb == "differences":
        assigned = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in ("Cn", "Cs", "Co")]
        return print(*("U+%04X" % ord(c) for c in sorted(set(assigned) - set(_ASSIGNED))))
    sys.exit(1 if check(options.program, [pathlib.Path(p) for p in options.paths or vocabularies()], options.count, options.seed) else 0)


if __name__ == "__main__":
    main()
