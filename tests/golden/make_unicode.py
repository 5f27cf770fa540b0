#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/text/unicode_tables.inc: what text/ needs to know about Unicode 16.0.

  pip install unicodedata2==16.0.0 regex
  make_unicode.py > src/text/unicode_tables.inc
  make_unicode.py --check               our classes against those of HF tokenizers, on every code point
  make_unicode.py --against PROGRAM N   N random strings for every normalisation form and for lower case; PROGRAM is
                                        text_oracle of tests/text

Why 16.0: the regular expressions of HF tokenizers are run by Oniguruma, whose tables are of 16.0, so that our
classes are theirs on every code point.
Categories and normalisation come from unicodedata2 (16.0.0 itself). Scripts and case relations come from regex,
which is newer: they are restricted to what 16.0 assigns, where both are stable.
"""
import random
import struct
import subprocess
import sys

import regex
import unicodedata2 as ucd

assert ucd.unidata_version == "16.0.0", ucd.unidata_version

CODE_POINTS = range(0x110000)
CATEGORIES = ("Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co").split()
CATEGORY_INDEX = {name: index for index, name in enumerate(CATEGORIES)}
ALTERABLE, OTHER_ALPHABETIC = 0x20, 0x40
SCRIPTS = ("Arabic Armenian Bengali Bopomofo Cyrillic Devanagari Georgian Greek Gujarati Gurmukhi Han Hangul Hebrew "
           "Hiragana Kannada Katakana Khmer Lao Latin Malayalam Myanmar Sinhala Tamil Telugu Thai Tibetan").split()
HANGUL = range(0xAC00, 0xAC00 + 11172)
HANGUL_JAMO = [range(0x1100, 0x1113), range(0x1161, 0x1176), range(0x11A8, 0x11C3)]


def assigned(c):
    return ucd.category(chr(c)) != "Cn"


def decompositions():
    """{code point: (canonical?, code points)}: one step, as UnicodeData.txt has it."""
    found = {}
    for c in CODE_POINTS:
        fields = ucd.decomposition(chr(c)).split()
        if fields:
            canonical = not fields[0].startswith("<")
            found[c] = (canonical, [int(f, 16) for f in (fields if canonical else fields[1:])])
    return found


def full(table, c, compatible):
    if c not in table or not (table[c][0] or compatible):
        return [c]
    return [d for part in table[c][1] for d in full(table, part, compatible)]


def compositions(table):
    """[(first, second, composed)] of canonical composition, exclusions left out."""
    return sorted((parts[0], parts[1], c) for c, (canonical, parts) in table.items()
                  if canonical and len(parts) == 2 and ucd.normalize("NFC", chr(parts[0]) + chr(parts[1])) == chr(c))


def circled_letter(c):  # symbols that have the property Alphabetic
    return 0x24B6 <= c <= 0x24E9 or 0x1F130 <= c <= 0x1F149 or 0x1F150 <= c <= 0x1F169 or 0x1F170 <= c <= 0x1F189


def property_runs(table, composed):
    alterable = set(table) | {c for c in CODE_POINTS if ucd.combining(chr(c))} | set(HANGUL)
    alterable |= {part for first, second, _ in composed for part in (first, second) if part >= 0x80}
    alterable |= {c for jamo in HANGUL_JAMO for c in jamo}
    runs, last = [], None
    for c in CODE_POINTS:
        value = CATEGORY_INDEX[ucd.category(chr(c))] | (ALTERABLE if c in alterable else 0)
        value |= OTHER_ALPHABETIC if circled_letter(c) else 0
        if value != last:
            runs.append((c << 8) | value)
            last = value
    return runs


def script_ranges(script):
    member = regex.compile(r"\p{Script=%s}" % script).match
    ranges = []
    for c in CODE_POINTS:
        if not 0xD800 <= c < 0xE000 and assigned(c) and member(chr(c)):
            if ranges and ranges[-1][1] == c - 1:
                ranges[-1][1] = c
            else:
                ranges.append([c, c])
    return ranges


def lower(c):
    """The lower case of one code point, as a list: str.lower(), and what 15.0 to 16.0 added."""
    plain = [ord(d) for d in chr(c).lower()]
    if plain != [c] or ucd.category(chr(c)) != "Lu":
        return plain
    cases = [d for d in case_variants(c) if ucd.category(chr(d)) == "Ll"]
    return cases[:1] or plain


def case_variants(c):
    variants = regex._regex.get_all_cases(regex.IGNORECASE | regex.UNICODE, c)
    return sorted(d for d in variants if d != c and assigned(d))


def case_pairs():
    """[(code point, variant)] where they are equal but for case (simple folding)."""
    dotted = (0x130, 0x131)  # Turkish only
    return [(c, d) for c in CODE_POINTS if not 0xD800 <= c < 0xE000 and assigned(c) and c not in dotted
            for d in case_variants(c) if d not in dotted]


def rows(items, width=100):
    line = " "
    for item in items:
        if len(line) + len(item) + 2 > width:
            yield line
            line = " "
        line += " " + item + ","
    yield line


def array(kind, name, items, comment):
    items = list(items)
    print(f"// {comment}\ninline constexpr {kind} {name}[{len(items)}] = {{")
    print("\n".join(rows(items)), end="};\n\n")
    return len(items)


def expansions(table, compatible):
    """Full decompositions: entries (code point << 8 | length << 24 ... ) as two arrays, index and text."""
    entries, text = [], []
    for c in sorted(table):
        if c in HANGUL or (not compatible and not table[c][0]):
            continue
        parts = full(table, c, compatible)
        if compatible and parts == full(table, c, False):
            continue  # the canonical entry says it
        entries.append((c, len(text), len(parts)))
        text.extend(parts)
    return entries, text


HEADER = """// SPDX-License-Identifier: Apache-2.0
// Made by tests/golden/make_unicode.py from Unicode 16.0.0: do not edit. unicode_tables.h says what it means."""


def main():
    table = decompositions()
    composed = compositions(table)
    print(HEADER)
    array("uint32_t", "kPropertyRuns", (hex(r) for r in property_runs(table, composed)),
          "First code point << 8 | category | flags.")
    for name, compatible in (("Canonical", False), ("Compatible", True)):
        entries, text = expansions(table, compatible)
        array("Expansion", f"k{name}", ("{0x%X,%d,%d}" % e for e in entries), "Code point, offset, length.")
        array("char32_t", f"k{name}Text", map(hex, text), "Full decompositions.")
    array("Composition", "kCompositions", ("{0x%X,0x%X,0x%X}" % e for e in composed), "First, second, composed.")
    marks, last = [], 0
    for c in CODE_POINTS:
        value = ucd.combining(chr(c))
        if value != last:
            marks.append((c << 8) | value)
            last = value
    array("uint32_t", "kCombiningRuns", map(hex, marks), "First code point << 8 | combining class.")
    lowers = [(c, lower(c)) for c in CODE_POINTS if not 0xD800 <= c < 0xE000 and lower(c) != [c]]
    array("CasePair", "kLower", ("{0x%X,0x%X}" % (c, to[0]) for c, to in lowers if len(to) == 1), "Upper, lower.")
    assert [c for c, to in lowers if len(to) != 1] == [0x130]
    array("CasePair", "kCaseVariants", ("{0x%X,0x%X}" % pair for pair in case_pairs()), "Equal but for case.")
    ranges = [(name, script_ranges(name)) for name in SCRIPTS]
    array("Range", "kScriptRanges", ("{0x%X,0x%X}" % (a, b) for _, r in ranges for a, b in r), "First, last.")
    offsets, at = [], 0
    for name, r in ranges:
        offsets.append('{"%s",%d,%d}' % (name.lower(), at, len(r)))
        at += len(r)
    array("Script", "kScripts", offsets, "Name, offset, count.")


def check():
    """Our classes against those of HF tokenizers' engine, on every code point."""
    from tokenizers import Regex, pre_tokenizers
    code_points = [c for c in CODE_POINTS if not 0xD800 <= c < 0xE000]

    def theirs(pattern):
        split, left = pre_tokenizers.Split(Regex(pattern), behavior="removed"), set()
        for begin in range(0, len(code_points), 4096):
            for piece, _ in split.pre_tokenize_str("".join(map(chr, code_points[begin:begin + 4096]))):
                left.update(map(ord, piece))
        return set(code_points) - left

    for name in CATEGORIES[1:-2] + ["L", "M", "N", "P", "S", "Z"]:
        ours = {c for c in code_points if ucd.category(chr(c)).startswith(name)}
        print(f"category {name}: {len(ours)} code points, {len(ours ^ theirs(chr(92) + 'p{%s}' % name))} differ")
    for name in SCRIPTS:
        ours = {c for a, b in script_ranges(name) for c in range(a, b + 1)}
        print(f"script {name}: {len(ours)} code points, {len(ours ^ theirs(chr(92) + 'p{%s}' % name))} differ")
    word = {c for c in code_points if ucd.category(chr(c)) in "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl Pc".split()
            or circled_letter(c) or c in (0xB2, 0xB3, 0xB9, 0xBC, 0xBD, 0xBE)}
    print(f"\\w: {len(word)} code points, {len(word ^ theirs(chr(92) + 'w'))} differ")
    other_tables(code_points)


def other_tables(code_points):
    """Where HF tokenizers goes by tables of another version; README.md lists what this prints."""
    from tokenizers import normalizers, pre_tokenizers

    def show(what, differs):
        ranges = []
        for c in filter(differs, code_points):
            if ranges and ranges[-1][1] == c - 1:
                ranges[-1][1] = c
            else:
                ranges.append([c, c])
        count = sum(b - a + 1 for a, b in ranges)
        print(f"{what}: {count} differ:", *(f"{a:04X}" if a == b else f"{a:04X}..{b:04X}" for a, b in ranges))

    def cuts(step):
        return lambda c: len(step.pre_tokenize_str("a" + chr(c))) == 2

    ascii_symbols = set(map(ord, "$+<=>^`|~"))
    punctuation, digits = cuts(pre_tokenizers.Punctuation()), cuts(pre_tokenizers.Digits())
    show("Punctuation", lambda c: punctuation(c) != (ucd.category(chr(c))[0] == "P" or c in ascii_symbols))
    show("Digits", lambda c: digits(c) != (ucd.category(chr(c))[0] == "N"))
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        theirs = getattr(normalizers, form)().normalize_str
        show(form, lambda c: theirs(chr(c)) != ucd.normalize(form, chr(c)))
    lower, strip = normalizers.Lowercase().normalize_str, normalizers.StripAccents().normalize_str
    show("Lowercase", lambda c: not assigned(c) and lower(chr(c)) != chr(c))
    show("StripAccents", lambda c: (strip("a" + chr(c)) == "a") != (ucd.category(chr(c))[0] == "M"))


def normal_strings(seed, count):
    """Strings in which marks, jamo, what decomposes and what composes stand side by side."""
    rng = random.Random(seed)
    table = decompositions()
    composed = compositions(table)
    alphabets = [
        [c for c in CODE_POINTS if ucd.combining(chr(c))],
        [part for first, second, _ in composed for part in (first, second)],
        [c for jamo in HANGUL_JAMO for c in jamo] + list(range(0xAC00, 0xAC00 + 600)),
        [c for c in table if c not in HANGUL],
        [c for c in CODE_POINTS if assigned(c) and not 0xD800 <= c < 0xE000],
        list(range(0x20, 0x7F)),
        [c for c, _ in case_pairs()],
    ]
    for _ in range(count):
        runs = (rng.choices(rng.choice(alphabets), k=rng.randrange(1, 5)) for _ in range(rng.randrange(1, 10)))
        yield "".join(chr(c) for run in runs for c in run)


def answers(program, form, strings):
    """What the program makes of every string."""
    sent = b"".join(struct.pack("<I", len(e)) + e for e in (s.encode() for s in strings))
    answer = subprocess.run([program, "normal", form], input=sent, stdout=subprocess.PIPE, check=True).stdout
    at = 0
    while at < len(answer):
        (count,) = struct.unpack_from("<I", answer, at)
        yield bytes(struct.unpack_from(f"<{count}I", answer, at + 4)).decode()
        at += 4 + 4 * count


def against(program, count):
    from tokenizers import normalizers
    hf_lower = normalizers.Lowercase().normalize_str
    theirs = {form: lambda s, form=form: ucd.normalize(form.upper(), s) for form in ("nfc", "nfd", "nfkc", "nfkd")}
    theirs["lower"] = hf_lower
    for form, expected in theirs.items():
        differences = 0
        for begin in range(0, count, 50000):
            strings = list(normal_strings(f"{form} {begin}", min(50000, count - begin)))
            for text, ours in zip(strings, answers(program, form, strings)):
                if ours != expected(text):
                    differences += 1
                    if differences <= 3:
                        print(f"{form}: {text!a}\n  ours   {ours!a}\n  theirs {expected(text)!a}")
        print(f"{form}: {count} strings, {differences} differ", flush=True)


if __name__ == "__main__":
    if "--against" in sys.argv:
        against(sys.argv[2], int(sys.argv[3]))
    elif "--check" in sys.argv:
        check()
    else:
        main()
