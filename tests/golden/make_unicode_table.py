#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/text/jinja/unicode_{properties,cases}.cc from what the running Python knows of characters.

Python 3.11 has Unicode 14.0, which the files name. Run: make_unicode_table.py src/text
"""
import sys
import unicodedata

LAST = 0x110000


def surrogate(c):
    return 0xD800 <= c < 0xE000


def case_ignorable(ch):
    # Lowering a sigma between an "A" and ch + "B" tells: only what case ignores lets it see the B.
    return not surrogate(ord(ch)) and ("A\u03a3" + ch + "B").lower()[1] == "\u03c3" and ("A\u03a3" + ch).lower()[1] == "\u03c2"


def cased(ch):
    # A sigma behind a cased character, at the end, becomes the final one.
    return not surrogate(ord(ch)) and not case_ignorable(ch) and (ch + "\u03a3").lower()[-1] == "\u03c2"


def properties(c):
    ch = chr(c)
    bits = [ch.isalpha(), ch.isdecimal(), ch.isdigit(), ch.isnumeric(), ch.isupper(), ch.islower(),
            ch.istitle() and not ch.isupper(), ch.isprintable(), cased(ch), case_ignorable(ch)]
    return sum(1 << i for i, bit in enumerate(bits) if bit)


def rows(items):
    text, line = "", ""
    for item in items:
        if len(line) + len(item) + 1 > 100:
            text, line = text + line + "\n", ""
        line += item + ","
    return text + line + "\n"


def main():
    ranges, before = [], None
    for c in range(LAST):
        now = 0 if surrogate(c) else properties(c)
        if now != before:
            ranges.append((c, now))
            before = now
    single, special = {}, []
    for c in range(0x80, LAST):
        if surrogate(c):
            continue
        ch = chr(c)
        upper, lower, title = ch.upper(), ch.lower(), ch.title()
        if (upper, lower, title) == (ch, ch, ch):
            continue
        if max(map(len, (upper, lower, title))) > 1:
            special.append((c, upper, lower, title))
        else:
            single[c] = tuple(ord(x) - c for x in (upper, lower, title))
    entries, taken = [], set()
    for c in sorted(single):
        if c in taken:
            continue
        best = (c, 1)
        for stride in (1, 2):
            last = c
            while single.get(last + stride) == single[c] and last + stride not in taken:
                # A range may not swallow a neighbour with other distances in between.
                last += stride
            if last > best[0]:
                best = (last, stride)
        last, stride = best
        between = [single.get(x) for x in range(c + 1, last + 1, 2)] if stride == 2 else []
        if any(between) and len(set(between)) > 1:
            last, stride = c, 1  # only pairs that alternate throughout may interleave
        taken.update(range(c, last + 1, stride))
        entries.append((c, last, stride) + single[c])
    text = lambda s: "{" + ",".join(str(ord(x)) for x in s) + "}"
    write("properties", [("PropertyRange", "property_ranges", "kProperties", ["{%d,%d}" % r for r in ranges])])
    write("cases", [("CaseEntry", "case_entries", "kCases", ["{%d,%d,%d,%d,%d,%d}" % e for e in entries]),
                    ("SpecialCase", "special_cases", "kSpecials",
                     ["{%d,%s,%s,%s}" % (c, text(u), text(l), text(t)) for c, u, l, t in special])])


def write(what, tables):
    with open(f"{sys.argv[1]}/jinja/unicode_{what}.cc", "w") as out:
        out.write("// SPDX-License-Identifier: Apache-2.0\n")
        out.write(f"// Made by tests/golden/make_unicode_table.py from Unicode {unicodedata.unidata_version}. Do not edit.\n")
        out.write('#include "text/jinja/unicode_table.h"\n\nnamespace llmos::jinja {\n\nnamespace {\n\n// clang-format off\n')
        for kind, _, table, items in tables:
            out.write(f"constexpr {kind} {table}[] = {{\n" + rows(items) + "};\n\n")
        out.write("// clang-format on\n\n}  // namespace\n\n")
        for kind, name, table, _ in tables:
            out.write(f"std::span<const {kind}> {name}() {{ return {table}; }}\n")
        out.write("\n}  // namespace llmos::jinja\n")


main()
