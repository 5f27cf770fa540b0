#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares our templates with the original's on thousands of small ones, made by a grammar; run by hand.

compare_templates.py DRIVER [COUNT [SEED]]: DRIVER is the built template_driver. Prints what differs. Where the original
gives text, we must give the same text; a refusal as unsupported or beyond a limit counts by itself. Where it fails we must
fail, with its own message after raise_exception().
"""
import json
import random
import resource
import subprocess
import sys

import chat_reference

CONTEXT = {
    "s": "Hello World", "e": "", "u": "Zażółć 天気 😀 ß Éa", "sp": "  a b\tc \n", "i": 7, "n": -3, "z": 0, "f": 2.5, "g": -0.125,
    "t": True, "x": False, "nil": None, "l": [3, 1, 2], "ls": ["b", "A", "c"], "le": [], "lm": [1, "a", None, 2.0],
    "d": {"b": 1, "a": [1, 2], "items": "own"}, "de": {}, "lines": "one\ntwo\r\n\nthree",
    "ld": [{"k": "x", "v": 1}, {"k": "Y", "v": 2}, {"k": "x", "v": 3, "w": {"q": 5}}],
    "messages": [{"role": "user", "content": "Hi <b>&"}, {"role": "assistant", "content": None, "tool_calls": []}],
    "big": 2**63, "html": "<a href='x'>\"&</a>",
}
NAMES = list(CONTEXT) + ["missing"]
KEYS = ["a", "b", "k", "v", "items", "role", "content", "w", "_x", "append", "keys"]
STRINGS = ["''", "'a'", "\"it's\"", "'é天'", "'%s-%d'", "'a,b,,c'", "' x '", "'\\n'", "'\\x41\\u00e9\\t'", "'12'", "'3.5'", "'ab' 'cd'", "'o'",
           "'-7'", "'0x1f'", "'k'", "'v'", "'ß'", "'b.c'"]
NUMBERS = ["0", "1", "2", "-1", "3", "10", "7", "1.5", "0.1", "-2.5", "1e3", "1_000", "100000000000000000000", "1e16", "1e-5", "123456789.0", "0x10",
           "2.0", "0.5"]
FILTERS = ["upper", "lower", "capitalize", "title", "trim", "trim('a ')", "string", "length", "count", "list", "first", "last", "join", "join(', ')",
           "join('-', attribute='k')", "sort", "sort(reverse=true)", "sort(attribute='k')", "sort(attribute='v,k')", "sort(case_sensitive=true)",
           "unique|list", "min", "max", "sum", "sum(attribute='v')", "sum(start=10)", "reverse|list", "int", "int(5)", "int(0, 16)", "float", "float(1.5)",
           "round", "round(1)", "round(2, 'floor')", "round(method='ceil')", "round(-1)", "abs", "default('D')", "d('D', true)", "tojson",
           "tojson(indent=2)", "tojson(ensure_ascii=true)", "tojson(separators=(',', ':'))", "tojson(sort_keys=true)", "items|list", "dictsort",
           "dictsort(true)", "dictsort(false, 'value')", "dictsort(reverse=true)", "map('upper')|list", "map(attribute='k')|list",
           "map(attribute='w', default='none')|list", "map(attribute='w.q')|list", "map('default', 'x')|list", "select|list", "reject|list",
           "select('odd')|list", "select('string')|list", "reject('none')|list", "selectattr('k')|list", "selectattr('k', 'equalto', 'x')|list",
           "selectattr('w', 'defined')|list", "rejectattr('v', 'gt', 1)|list", "batch(2)|list", "batch(2, 'F')|list", "slice(2)|list",
           "slice(2, 'F')|list", "indent", "indent(2, true)", "indent(width='> ')", "indent(2, blank=true)", "replace('a', 'b')", "replace('l', 'L', 1)",
           "replace('', '.')", "e", "escape", "safe", "forceescape", "center(20)", "truncate(5)", "truncate(5, true)", "truncate(7, false, '!', 0)",
           "wordcount", "format(1, 2)", "format('x', 5)", "groupby('k')", "groupby('k')|map('last')|list", "attr('real')", "nosuch", "length + 1"]
TESTS = ["defined", "undefined", "none", "string", "mapping", "sequence", "iterable", "number", "integer", "float", "boolean", "true", "false",
         "odd", "even", "divisibleby 3", "divisibleby(2)", "equalto 1", "eq('a')", "ne 1", "lt 2", "gt(2)", "le 1.5", "ge 0", "in [1, 2, 'a']", "in 'abc'",
         "sameas true", "sameas none", "callable", "escaped", "lower", "upper", "filter", "test", "nosuch"]
METHODS = ["strip()", "strip('H ')", "lstrip()", "rstrip()", "split()", "split(',')", "split(None, 1)", "split('o', 1)", "rsplit(' ', 1)", "rsplit()",
           "split(sep='o')", "split(maxsplit=1)", "startswith('H')", "startswith(('x', 'H'))", "startswith('e', 1)", "endswith('d')", "endswith('l', 0, -1)",
           "upper()", "lower()", "title()", "capitalize()", "swapcase()", "casefold()", "replace('o', '0')", "replace('o', '0', 1)", "replace('', '-', 3)",
           "find('o')", "rfind('o')", "find('o', 5)", "find('')", "index('o')", "index('zz')", "count('l')", "count('')", "join(['a', 'b'])", "join('ab')",
           "join([1])", "splitlines()", "splitlines(true)", "isdigit()", "isalpha()", "isalnum()", "isspace()", "isupper()", "islower()", "istitle()",
           "zfill(8)", "center(15, '*')", "ljust(12)", "rjust(12, '.')", "partition(' ')", "rpartition('o')", "removeprefix('He')", "removesuffix('ld')",
           "expandtabs(4)", "isidentifier()", "isascii()", "items()", "items()|list", "keys()|list", "values()|list", "get('a')", "get('zz')", "get('zz', 5)",
           "get([])", "copy()", "append(1)", "pop()", "update({})", "index(1)", "count(1)", "real", "items", "content", "nosuch()", "upper(1)", "strip(1)",
           "__class__", "isnumeric()", "isdecimal()", "isprintable()", "strip(chars='a')"]
BINARY = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]


class Grammar:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *choices):
        return self.random.choice(choices)()

    def one(self, items):
        return self.random.choice(items)

    def atom(self):
        r = self.random.random()
        if r < 0.5:
            return self.one(NAMES)
        if r < 0.7:
            return self.one(STRINGS)
        if r < 0.9:
            return self.one(NUMBERS)
        return self.one(["true", "false", "none", "[]", "{}", "()", "(1,)", "[1, 2, 3]", "['a', 'b']", "{'a': 1, 'b': [2]}", "{1: 'x', true: 'y', 'k': none}",
                         "range(5)", "range(1, 10, 3)", "range(5, 0, -2)", "dict(a=1)", "namespace(a=1, b='x')", "[[1, 2], [3]]", "('a', 1)"])

    def expr(self, depth=2):
        if depth <= 0:
            return self.atom()
        sub = lambda: self.expr(depth - 1)
        r = self.random.random()
        if r < 0.18:
            return self.atom()
        if r < 0.36:
            return f"{self.primary(depth)}|{self.one(FILTERS)}"
        if r < 0.44:
            return f"{self.primary(depth)} is {self.one(['', 'not '])}{self.one(TESTS)}"
        if r < 0.56:
            return f"{self.primary(depth)}.{self.one(METHODS)}"
        if r < 0.62:
            return f"{self.primary(depth)}[{sub()}]"
        if r < 0.68:
            part = lambda: self.one(["", "", "1", "-1", "2", "-2", "100", "none", "n", "i"])
            # Not of literals: their slices are folded while compiling, and then even 1[2:] is allowed.
            return f"{self.one(NAMES)}[{part()}:{part()}{self.one(['', ':', ':' + part()])}]"
        if r < 0.72:
            return f"{self.primary(depth)}.{self.one(KEYS)}"
        if r < 0.88:
            op = self.one(BINARY)
            # The original has no bounds: a large power would keep it busy for hours.
            return f"{sub()} {op} {self.one(['2', '-1', '0.5', 'z', 'f', 's']) if op == '**' else sub()}"
        if r < 0.91:
            return f"{self.one(['-', '+', 'not '])}{sub()}"
        if r < 0.94:
            return f"{sub()} if {sub()}" + self.one(["", f" else {sub()}"])
        if r < 0.97:
            return f"[{sub()}, {sub()}]"
        return "{" + f"{sub()}: {sub()}" + "}"

    def primary(self, depth):
        return self.atom() if self.random.random() < 0.6 else f"({self.expr(depth - 1)})"

    def mark(self):
        return self.one(["", "", "", "-", "+"])

    def tag(self, text):
        end = self.one(["", "", "", "-", "+"])
        return self.one(["", "", " ", "\n", "\n  "]) + "{%" + self.mark() + " " + text + " " + end + "%}" + self.one(["", "", " ", "\n", "\n\n "])

    def body(self, depth):
        return "".join(self.statement(depth) for _ in range(self.random.randint(1, 3)))

    def print(self):
        return "{{" + self.one(["", "", "-"]) + " " + self.expr(1) + " " + self.one(["", "", "-"]) + "}}"

    def loop_print(self):
        return "{{ " + self.one(["loop.index", "loop.index0", "loop.first", "loop.last", "loop.length", "loop.revindex", "loop.revindex0", "loop.previtem",
                                 "loop.nextitem", "loop.depth", "loop.cycle('a', 'b')", "loop.changed(y)", "loop", "loop.nosuch", "y", "y|string",
                                 "y.k", "y[0]", "x", "ns.a", "q", "loop.previtem is defined"]) + " }}"

    def statement(self, depth):
        r = self.random.random()
        if depth <= 0 or r < 0.25:
            return self.one([lambda: "text", lambda: " \n", self.print, self.print, lambda: "{# c -#}\n", lambda: " {#- c #} \n",
                             lambda: "\n  {#+ c +#}\n", lambda: "{% raw -%} {{ x }} {%- endraw %}\n"])()
        if r < 0.40:
            out = self.tag("if " + self.expr(1)) + self.body(depth - 1)
            if self.random.random() < 0.4:
                out += self.tag("elif " + self.expr(1)) + self.body(depth - 1)
            if self.random.random() < 0.5:
                out += self.tag("else") + self.body(depth - 1)
            return out + self.tag("endif")
        if r < 0.62:
            target = self.one(["y", "y", "y", "y, q", "(y, q)", "q, (y, x)"])
            over = self.one(["l", "ls", "ld", "d", "d.items()", "d|items", "range(3)", "s", "lm", "missing", "le", "[[1, 2], [3, 4]]", "{'a': 1}.items()",
                             "messages", "l|map('string')", "ld|groupby('k')", "u", "[[1, [2, 3]]]", "nil", "i", "ls|sort", "range(4)|batch(2)"])
            test = self.one(["", "", "", " if y", " if loop.first", " if y is not none", " if y != 1"])
            inner = "".join(self.one([self.loop_print, self.loop_print, lambda: self.statement(depth - 1), lambda: "{% break %}", lambda: "{% continue %}",
                                      lambda: "{% if loop.first %}{% continue %}{% endif %}", lambda: "{% set q = y %}",
                                      lambda: "{% if loop.index == 2 %}{% break %}{% endif %}", lambda: "{% set ns.a = ns.a ~ y %}", lambda: "."])()
                            for _ in range(self.random.randint(1, 4)))
            other = self.one(["", "", self.tag("else") + self.body(depth - 1)])
            return self.tag(f"for {target} in {over}{test}") + inner + other + self.tag("endfor")
        if r < 0.74:
            return self.tag("set " + self.one(["q", "x", "y", "q, y", "ns.a", "ns.b", "s", "loop"]) + " = " + self.expr(1)) + self.one(["", "{{ q }}", "{{ ns.a }}"])
        if r < 0.80:
            return self.tag("set q" + self.one(["", " | upper", " | trim | length"])) + self.body(depth - 1) + self.tag("endset") + "[{{ q }}]"
        if r < 0.88:
            parameters = self.one(["", "a", "a, b=2", "a, b=a", "a=1, b=b", "q=x", "caller=none", "x, y='é'"])
            call = self.one(["m()", "m(1)", "m(1, 2)", "m(a=3)", "m(1, b=4)", "m(1, 2, 3)", "m(c=1)", "m(*[1, 2])", "m(**{'a': 5})", "m(x=1)", "m"])
            inner = self.one(["{{ a }}", "{{ a }}-{{ b }}", "{{ varargs }}{{ kwargs }}", "{{ caller() if caller else 'no' }}", "{{ caller(1) }}", "{{ q }}{{ x }}",
                              "{% set q = 9 %}{{ q }}", "{{ s }}"]) + self.statement(depth - 1)
            out = self.tag(f"macro m({parameters})") + inner + self.tag("endmacro") + "{{ " + call + " }}"
            if self.random.random() < 0.4:
                out += self.tag(f"call{self.one(['', '(a)', '(a, b=3)'])} {call}") + self.one(["{{ a }}", "C", "{{ q }}{{ b }}"]) + self.tag("endcall")
            return out
        if r < 0.92:
            return self.tag("with " + self.one(["q = 1", "q = x, y = q", "", "q, y = (1, 2)"])) + self.body(depth - 1) + "{{ q }}{{ y }}" + self.tag("endwith")
        if r < 0.95:
            return self.tag("filter " + self.one(["upper", "trim", "replace('t', 'T')", "indent(2)", "length"])) + self.body(depth - 1) + self.tag("endfilter")
        if r < 0.97:
            return self.tag("generation") + self.body(depth - 1) + self.tag("endgeneration")
        return self.tag("for y in " + self.one(["[1, [2, [3]]]", "l", "[[], [4]]"]) + " recursive") + \
            "{{ loop(y) if y is iterable else y }}{{ loop.depth }}" + self.tag("endfor")

    def template(self):
        if self.random.random() < 0.6:
            return "{{ " + self.expr(self.random.randint(1, 3)) + " }}"
        return self.one(["", "{% set ns = namespace(a='', b=0) %}"]) + self.body(self.random.randint(1, 3))


def answers(driver, jobs):
    lines = "".join(json.dumps(job) + "\n" for job in jobs)
    done = subprocess.run([driver], input=lines, capture_output=True, text=True)
    made = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
    if done.returncode != 0 or len(made) != len(jobs):
        sys.exit(f"the driver ended with {done.returncode} after {len(made)} of {len(jobs)}: {jobs[len(made)]}\n{done.stderr[-2000:]}")
    return made


def verdict(reference, ours):
    kind, said = reference
    if kind == "text":
        if ours.get("text") == said:
            return "same text"
        # An unknown filter in a part that the original folds away is refused, never rendered otherwise.
        refused = ours.get("code") in ("unsupported", "exhausted") or " there is no " in ours.get("error", "")
        return "refused" if refused else "DIFFERS"
    if kind == "raised":
        return "same message" if ours.get("error") == said else "DIFFERS"
    return "both fail" if "error" in ours else "DIFFERS"


def main():
    resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30))  # the original has no limits
    driver, count, seed = sys.argv[1], int((sys.argv + ["", "20000"])[2] or 20000), int((sys.argv + ["", "", "1"])[3] or 1)
    grammar = Grammar(seed)
    jobs = [{"template": grammar.template(), "context": CONTEXT} for _ in range(count)]
    counts, shown = {}, 0
    for job, ours in zip(jobs, answers(driver, jobs)):
        reference = chat_reference.render(job["template"], job["context"])
        if reference[0] == "text" and " at 0x" in reference[1]:
            found = "address"
        else:
            found = verdict(reference, ours)
        counts[found] = counts.get(found, 0) + 1
        if found == "DIFFERS" and shown < 40 or found == "refused" and "--refused" in sys.argv:
            shown += 1
            print(f"{job['template']!r}\n  original: {reference}\n  ours:     {ours}")
    print(f"{count} templates, seed {seed}: " + ", ".join(f"{n} {name}" for name, n in sorted(counts.items())))
    return 1 if counts.get("DIFFERS") else 0


if __name__ == "__main__":
    sys.exit(main())
