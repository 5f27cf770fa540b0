#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the JSON of the benchmarks into SVG plots.

    plot.py sched  sched_bench.json  sched.svg    [--figure normalized_latency_mean]
    plot.py serve  serve_bench.json  serve.svg    [--figure ttft_p99]
    plot.py infer  OUT.svg NAME=infer_bench.json [NAME=peer.json ...] [--phase decode]
    plot.py memory memory_bench.json memory.svg

`infer` takes several files, one for each engine; a peer's file needs "results" with "phase", "batch",
"threads" and "tokens_per_s". Wants matplotlib (python3-matplotlib, or PyPI).
"""
import argparse
import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend comes first)

# Colours that stay apart for colour-blind eyes (Okabe and Ito); ours is the first.
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999", "#F0E442"]
LIMIT = {"color": "#D55E00", "linestyle": "--", "linewidth": 1}


def read(path):
    return json.loads(pathlib.Path(path).read_text())


def in_order(values):
    return list(dict.fromkeys(values))


def bars(axes, groups, series, value):
    """A group of bars for each of `groups`, in it one for each of `series`; value(group, one) may be None."""
    width = 0.8 / max(len(series), 1)
    for index, one in enumerate(series):
        places, heights = [], []
        for at, group in enumerate(groups):
            height = value(group, one)
            if height is not None:
                places.append(at + (index - (len(series) - 1) / 2) * width)
                heights.append(height)
        axes.bar(places, heights, width, label=one, color=COLOURS[index % len(COLOURS)])
    axes.set_xticks(range(len(groups)), groups)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)


def ours_first(names):
    return sorted(names, key=lambda name: (name != "mlfq", names.index(name)))


def plot_sched(arguments):
    """The policies' figure as a ratio to fcfs on the same arrivals: 1 is fcfs, lower is better."""
    rows = read(arguments.files[0])["results"]
    table = {(r["workload"], r["policy"]): r.get("ratio_to_fcfs", {}).get(arguments.figure) for r in rows}
    figure, axes = plt.subplots(figsize=(8, 3.6))
    bars(axes, in_order(r["workload"] for r in rows), ours_first(in_order(r["policy"] for r in rows)),
         lambda workload, policy: table.get((workload, policy)))
    axes.axhline(1, **LIMIT)
    axes.set_ylabel(f"{arguments.figure} / fcfs")
    axes.set_title(f"Scheduling, load {rows[0]['rho']:g}: lower is better", fontsize=10)
    return figure


def plot_serve(arguments):
    """The real engine: a figure in seconds for each policy and workload."""
    rows = read(arguments.files[0])["results"]
    table = {(r["workload"], r["policy"]): r.get(arguments.figure) for r in rows}
    figure, axes = plt.subplots(figsize=(8, 3.6))
    bars(axes, in_order(r["workload"] for r in rows), ours_first(in_order(r["policy"] for r in rows)),
         lambda workload, policy: table.get((workload, policy)))
    axes.set_ylabel(f"{arguments.figure}, s")
    axes.set_title(f"The engine under load {rows[0]['rho']:g}: lower is better", fontsize=10)
    return figure


def plot_infer(arguments):
    """Tokens per second by batch; the dashed line is what the memory's bandwidth allows one sequence."""
    files = dict(word.split("=", 1) for word in arguments.files)
    rows = {name: [r for r in read(path)["results"] if r["phase"] == arguments.phase]
            for name, path in files.items()}
    batches = sorted({r["batch"] for every in rows.values() for r in every})
    figure, axes = plt.subplots(figsize=(8, 3.6))
    bars(axes, batches, list(rows),
         lambda batch, name: next((r["tokens_per_s"] for r in rows[name] if r["batch"] == batch), None))
    for every in rows.values():
        for row in every:
            if row["batch"] == 1 and row.get("bandwidth_share") and arguments.phase == "decode":
                axes.axhline(row["tokens_per_s"] / row["bandwidth_share"], **LIMIT)
    axes.set_xlabel("sequences at once")
    axes.set_ylabel("tokens/s")
    axes.set_title(f"{arguments.phase}: higher is better", fontsize=10)
    return figure


def plot_memory(arguments):
    """CPU time of an allocation and its free, by pattern; the pool against the best of the peers."""
    report = read(arguments.files[0])
    medians = {row["name"].removeprefix("BM_"): row["cpu_time"] for row in report["benchmarks"]
               if row.get("build", "static") == "static"}
    cells = [cell for cell in report["cells"] if f"Pool_{cell['cell']}" in medians]
    figure, axes = plt.subplots(figsize=(8, 4.2))

    def value(label, who):
        cell = next(c for c in cells if c["cell"].replace("/threads:", " x") == label)
        thing = "Pool" if who == "LLMOS pool" else cell["best_peer"]
        return medians.get(f"{thing}_{cell['cell']}")

    labels = [cell["cell"].replace("/threads:", " x") for cell in cells]
    bars(axes, labels, ["LLMOS pool", "best peer"], value)
    axes.set_yscale("log")
    axes.tick_params(axis="x", rotation=60, labelsize=7)
    axes.set_ylabel("ns per block")
    axes.set_title("Allocate and free: lower is better", fontsize=10)
    return figure


PLOTS = {"sched": plot_sched, "serve": plot_serve, "infer": plot_infer, "memory": plot_memory}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=PLOTS)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--figure", default=None)
    parser.add_argument("--phase", default="decode", choices=["decode", "prefill"])
    arguments = parser.parse_args()
    svgs = [name for name in arguments.files if name.endswith(".svg")]
    arguments.files = [name for name in arguments.files if not name.endswith(".svg")]
    if len(svgs) != 1 or not arguments.files:
        parser.error("expected one .svg to write, and what to read")
    if arguments.figure is None:
        arguments.figure = {"sched": "normalized_latency_mean", "serve": "ttft_p99"}.get(arguments.kind)
    # The same input gives the same bytes: no date, no random ids.
    plt.rcParams["svg.hashsalt"] = "llmos"
    plt.rcParams["font.size"] = 9
    figure = PLOTS[arguments.kind](arguments)
    figure.tight_layout()
    figure.savefig(svgs[0], metadata={"Date": None})
    return 0


if __name__ == "__main__":
    sys.exit(main())
