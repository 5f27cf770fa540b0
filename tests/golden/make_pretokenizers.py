#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What HF tokenizers makes of random strings, for every pre-tokenizer that LLMOS names.

  pip install tokenizers==0.22.2
  make_pretokenizers.py                       writes pretokenizers.json and tokenizers/*.json beside this script
  make_pretokenizers.py --against PROGRAM N [KIND...]
                                              compares N fresh strings for each kind with PROGRAM, which is
                                              text_oracle of tests/text; N = 1000000 took 20 minutes

The steps of every kind are those of the model's own tokenizer.json. Strings are drawn from the code points that Python's
Unicode assigns (14.0 in Python 3.11), which is within both ours (16.0) and that of HF tokenizers (16.0 in its regular
expressions, later for digits, 8.0 for `Punctuation`, 9.0 for normalisation). The kind falcon therefore avoids the
punctuation of 8.0 to 14.0, and qwen2, which normalises, the marks of 9.0 to 14.0.
"""
import json
import pathlib
import random
import struct
import subprocess
import sys
import unicodedata

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).parent
STRINGS = 2000
BLOCK = 100  # strings under one hash

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
REST_SLASH = REST.replace(r"[\r\n]*", r"[\r\n/]*")
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
LEAD = r"[^\r\n\p{L}\p{N}]?"
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + REST
GPT4O = (f"{LEAD}{UPPER}*{LOWER}+{CONTRACTIONS}?|{LEAD}{UPPER}+{LOWER}*{CONTRACTIONS}?" + r"|\p{N}{1,3}" + REST_SLASH)
TEKKEN = f"{LEAD}{UPPER}*{LOWER}+|{LEAD}{UPPER}+{LOWER}*" + r"|\p{N}" + REST_SLASH
QWEN35 = (CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK_LETTERS = (
    "\\s?[A-Za-z\xb5\xc0-\xd6\xd8-\xf6\xf8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377"
    "\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556"
    "\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a"
    "\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4"
    "\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc"
    "\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f"
    "\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b"
    "\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a"
    "\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2"
    "\U000118a0-\U000118df\U0001e900-\U0001e943]+")
DEEPSEEK_CJK = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
DEEPSEEK3 = (r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
             r"""| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+""")


def split(*patterns):
    return [pre_tokenizers.Split(Regex(p), behavior="isolated") for p in patterns]


def byte_level(use_regex):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


def digits(individual):
    return pre_tokenizers.Digits(individual_digits=individual)


KINDS = {
    "gpt-2": [byte_level(True)],
    "llama-bpe": split(LLAMA3) + [byte_level(False)],
    "qwen2": split(LLAMA3.replace("{1,3}", "")) + [byte_level(False)],
    "qwen35": split(QWEN35) + [byte_level(False)],
    "deepseek-llm": split("[\r\n]", DEEPSEEK_LETTERS, "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+",
                          "\\s+$", DEEPSEEK_CJK) + [digits(True), byte_level(False)],
    "deepseek-coder": split("[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", DEEPSEEK_CJK) + [digits(True), byte_level(False)],
    "deepseek-v3": split(r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+", DEEPSEEK3) + [byte_level(False)],
    "falcon": [pre_tokenizers.Punctuation("contiguous"), byte_level(True), digits(False)] + split("[0-9][0-9][0-9]"),
    "starcoder": [digits(True), byte_level(True)],
    "tekken": split(TEKKEN) + [byte_level(False)],
    "gpt-4o": split(GPT4O) + [byte_level(False)],
    "tiny_aya": split(r"\d{1,3}(?=(?:\d{3})*\b)", GPT4O) + [byte_level(False)],
    "superbpe": split(r"\p{N}+", r"(?=(\d{3})+(?!\d))") + [byte_level(False)],
    "bailingmoe": split(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*"
                        r"|\s*[\r\n]|\s+(?!\S)|\s+") + [byte_level(False)],
    "poro-chat": split(" ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+") + [byte_level(False)],
}
# Names of their own for the same steps, which --against asks for too.
ALIASES = {"mpt": "gpt-2", "phi-2": "gpt-2", "refact": "starcoder", "smollm": "starcoder"}
TRAINED = ["gpt-2", "llama-bpe", "qwen2", "deepseek-llm", "deepseek-coder", "falcon", "starcoder", "tekken", "gpt-4o"]


def pre_tokenizer(kind):
    return pre_tokenizers.Sequence(KINDS[kind])


def old_punctuation(c):
    """Whether HF's Punctuation, whose table is of Unicode 8.0, sees `c` as ours of 16.0 does."""
    theirs = len(pre_tokenizers.Punctuation().pre_tokenize_str("a" + c)) == 2
    return theirs == (unicodedata.category(c)[0] == "P" or c in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def old_marks():
    """Marks whose combining class HF's normalisation, whose table is of Unicode 9.0, does not know."""
    nfd = normalizers.NFD().normalize_str
    for c in map(chr, range(0x300, 0x110000)):
        class_ = unicodedata.combining(c)
        if class_ > 1 and nfd(f"a{c}\u0334") == f"a{c}\u0334" or class_ == 1 and nfd(f"a\u0301{c}") == f"a\u0301{c}":
            yield c


ASSIGNED = [chr(c) for c in range(0x80, 0x110000)
            if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co") and old_punctuation(chr(c))]
SCRIPTS = [(0x80, 0x24F), (0x250, 0x36F), (0x370, 0x3FF), (0x400, 0x52F), (0x590, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F),
           (0x1E00, 0x1FFF), (0x2000, 0x2BFF), (0x3000, 0x30FF), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3), (0xFB00, 0xFFFD),
           (0x10400, 0x104FF), (0x1D400, 0x1D7FF), (0x1F300, 0x1FAFF)]
OF_SCRIPT = [[c for c in ASSIGNED if a <= ord(c) <= b] for a, b in SCRIPTS]
FRAGMENTS = ["'s", "'t", "'re", "'VE", "'m", "'LL", "'d", "'\u017f", "''", "\r\n", "\n\n", "  ", "   \n ", "\t", " \t",
             "\u3000", "\xa0", "\x85", "...", "//\n", "{};", "don't", "HTTPServer", "123", "\xbd\u2167", "\u200d",
             "hello", " the", " world", "1234567", "e\u0301", "\U0001f468\u200d\U0001f469"]
ASCII = ["abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "".join(map(chr, range(0x21, 0x7F))),
         "".join(map(chr, range(0x00, 0x21)))]


def random_string(rng):
    items = []
    for _ in range(rng.randrange(1, 16)):
        choice = rng.randrange(10)
        if choice < 2:
            items.append(rng.choice(FRAGMENTS))
        elif choice < 4:
            items.append(" " * rng.randrange(1, 4))
        else:
            alphabet = rng.choice(ASCII) if choice < 7 else rng.choice(OF_SCRIPT) if choice < 9 else ASSIGNED
            items.extend(rng.choice(alphabet) for _ in range(rng.randrange(1, 6)))
    return "".join(items)


def random_strings(seed, count):
    rng = random.Random(seed)
    return [random_string(rng) for _ in range(count)]


def fnv(hash_, values):
    for value in values:
        hash_ = ((hash_ ^ value) * 0x100000001B3) & (2**64 - 1)
    return hash_


def piece_lengths(tokenizer, text):
    return [len(piece) for piece, _ in tokenizer.pre_tokenize_str(text)]  # a byte is one character


def block_hashes(rows):
    """FNV-1a over the rows of every BLOCK strings, each with a -1 behind it."""
    hashes = []
    for begin in range(0, len(rows), BLOCK):
        hash_ = 0xCBF29CE484222325
        for row in rows[begin:begin + BLOCK]:
            hash_ = fnv(hash_, list(row) + [0xFFFFFFFF])
        hashes.append("%016x" % hash_)
    return hashes


def training_text(seed):
    rng = random.Random(seed)
    syllable = lambda: rng.choice("bcdfghklmnprstvw") + rng.choice("aeiou") + rng.choice(["", "", "n", "s", "r", "t"])
    words = ["".join(syllable() for _ in range(rng.randrange(1, 4))) for _ in range(300)]
    words += ["the", "world", "hello", "don't", "HTTPServer", "self", "return"]
    han = ["".join(chr(0x4E00 + rng.randrange(200)) for _ in range(rng.randrange(1, 4))) for _ in range(80)]
    other = ["".join(rng.choice("\u0430\u0431\u0432\u0433\u0434\u0435\u0436\u0438") for _ in range(4)) for _ in range(40)]
    for _ in range(1500):
        kind = rng.randrange(6)
        source = han if kind == 0 else other if kind == 1 else words
        line = ("" if kind == 0 else " ").join(rng.choice(source) for _ in range(rng.randrange(4, 14)))
        if kind == 2:
            line = "    if (%s == %d) {\n        return %s;\n    }\n" % (words[0], rng.randrange(10**6), line)
        yield line.capitalize() if kind == 3 else line + rng.choice([".", "!", "\n", "...", " ", "\r\n\r\n"])


def train(kind):
    tokenizer = Tokenizer(models.BPE(ignore_merges=kind == "llama-bpe"))
    tokenizer.pre_tokenizer = pre_tokenizer(kind)
    tokenizer.decoder = decoders.ByteLevel()
    if kind == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    trainer = trainers.BpeTrainer(vocab_size=1000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    tokenizer.train_from_iterator(training_text(kind), trainer)
    spec = json.loads(tokenizer.to_str())
    # Merges that training would not give: some ranks exchanged, so that tokens become unreachable, and some tokens that
    # no merge makes.
    rng, merges, vocab = random.Random(kind), spec["model"]["merges"], spec["model"]["vocab"]
    for _ in range(60):
        i, j = rng.randrange(len(merges)), rng.randrange(len(merges))
        merges[i], merges[j] = merges[j], merges[i]
    for text in ("\u0120abcde", "hello\u0120", "123", "\u010a\u010a\u010a"):
        vocab.setdefault(text, len(vocab))
    text = json.dumps(spec, ensure_ascii=False, separators=(",", ":"))
    return Tokenizer.from_str(text), text


def make():
    strings = random_strings("golden", STRINGS)
    golden = {"block": BLOCK, "strings": strings, "pieces": {}, "ids": {}}
    for kind in KINDS:
        tokenizer = pre_tokenizer(kind)
        golden["pieces"][kind] = block_hashes([piece_lengths(tokenizer, s) for s in strings])
    (HERE / "tokenizers").mkdir(exist_ok=True)
    for kind in TRAINED:
        tokenizer, text = train(kind)
        (HERE / "tokenizers" / f"bpe-{kind}.json").write_text(text, encoding="utf-8")
        golden["ids"][kind] = block_hashes([e.ids for e in tokenizer.encode_batch(strings, add_special_tokens=False)])
    (HERE / "pretokenizers.json").write_text(json.dumps(golden, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def ask(program, arguments, strings):
    """Rows of numbers that the program answers, one for each string."""
    encoded = [s.encode() for s in strings]
    sent = b"".join(struct.pack("<I", len(e)) + e for e in encoded)
    answer = subprocess.run([program, *arguments], input=sent, stdout=subprocess.PIPE, check=True).stdout
    numbers = struct.unpack(f"<{len(answer) // 4}I", answer)
    at = 0
    for _ in strings:
        yield list(numbers[at + 1:at + 1 + numbers[at]])
        at += 1 + numbers[at]


def against(program, count, kinds):
    unknown_marks = dict.fromkeys(map(ord, old_marks()))
    print(f"left out of strings that are normalised: {len(unknown_marks)} marks from U+{min(unknown_marks):04X} on")
    for name in kinds or [*KINDS, *ALIASES]:
        kind = ALIASES.get(name, name)
        tokenizer, differences = pre_tokenizer(kind), 0
        path = str(HERE / "tokenizers" / f"bpe-{kind}.json")
        trained = Tokenizer.from_file(path) if kind in TRAINED else None
        for begin in range(0, count, 20000):
            strings = random_strings(f"{name} {begin}", min(20000, count - begin))
            if kind == "qwen2":
                strings = [s.translate(unknown_marks) for s in strings]
            cases = [(s, ours, piece_lengths(tokenizer, s))
                     for s, ours in zip(strings, ask(program, ["pieces", name], strings))]
            if trained:
                theirs = trained.encode_batch(strings, add_special_tokens=False)
                cases += [(s, ours, t.ids) for s, ours, t in zip(strings, ask(program, ["ids", name, path], strings), theirs)]
            for text, ours, expected in cases:
                if ours != expected:
                    differences += 1
                    if differences <= 3:
                        print(f"{name}: {text!r}\n  ours   {ours}\n  theirs {expected}")
        print(f"{name}: {count} strings{' and their ids' if trained else ''}, {differences} differ", flush=True)


if __name__ == "__main__":
    if "--against" in sys.argv:
        against(sys.argv[2], int(sys.argv[3]), sys.argv[4:])
    else:
        make()
