"""Times the forest against scikit-learn and isotree, one thread each, same settings.

Each repetition runs all three one after another, so a slow moment of the machine hits all; figures
are medians over repetitions, in CPU time. Everybody gets the input it likes best: scikit-learn
float32, isotree columns to fit and rows to predict.
"""

import argparse
import gc
import io
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time

import isotree
import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest

TREES, SUBSAMPLE, HEIGHT = 200, 256, 8
SHAPES = [(8640, 1), (8640, 5), (43200, 1), (43200, 5)]
FIGURES = ["fit_ms", "batch_us_per_row", "row_us", "stored_bytes"]
TITLES = {
    "fit_ms": "fit, ms",
    "batch_us_per_row": "score a batch, us/row",
    "row_us": "score one row, us",
    "stored_bytes": "stored model, bytes",
}


def main():
    options = read_options()
    lines = []
    for rows, features in SHAPES:
        data = make_data(rows, features)
        runs = [run_all(options.binaries, data, seed) for seed in range(options.repetitions)]
        lines += compare(rows, features, runs)
    result = {"versions": versions(), "repetitions": options.repetitions, "lines": lines}
    print(json.dumps(result, indent=2) if options.json else as_table(result))
    return 0 if all(goal["met"] for line in lines for goal in line["goals"]) else 1


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binaries", required=True, help="folder of the Rust examples")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def make_data(rows, features):
    """Log-normal columns, as latencies are."""
    normal = np.random.default_rng(rows + features).standard_normal((rows, features))
    return np.ascontiguousarray(np.exp(4.7 + 0.25 * normal), dtype=np.float32)


def run_all(binaries, data, seed):
    return {
        "yaga": run_yaga(binaries, data, seed),
        "sklearn": run_sklearn(data, seed),
        "isotree": run_isotree(data, seed),
    }


def run_yaga(binaries, data, seed):
    with tempfile.NamedTemporaryFile(suffix=".f32") as file:
        data.astype("<f4").tofile(file.name)
        command = [os.path.join(binaries, "bench"), "--data", file.name]
        command += ["--features", str(data.shape[1]), "--seed", str(seed)]
        command += ["--trees", str(TREES), "--subsample", str(SUBSAMPLE)]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def run_sklearn(data, seed):
    def fit():
        forest = IsolationForest(
            n_estimators=TREES, max_samples=SUBSAMPLE, random_state=seed, n_jobs=1
        )
        return forest.fit(data)

    forest = fit()
    one = data[:1]
    return {
        "fit_ms": cpu_seconds(fit) * 1e3,
        "batch_us_per_row": cpu_seconds(lambda: forest.score_samples(data)) * 1e6 / len(data),
        "row_us": cpu_seconds(lambda: forest.score_samples(one)) * 1e6,
        "stored_bytes": len(pickle.dumps(forest, protocol=pickle.HIGHEST_PROTOCOL)),
    }


def run_isotree(data, seed):
    columns = np.asfortranarray(data, dtype=np.float64)
    rows = np.ascontiguousarray(data, dtype=np.float64)

    def fit():
        forest = isotree.IsolationForest(
            ndim=1, ntrees=TREES, sample_size=SUBSAMPLE, max_depth=HEIGHT,
            missing_action="fail", random_seed=seed, nthreads=1,
        )
        return forest.fit(columns)

    forest = fit()
    one = rows[:1]
    return {
        "fit_ms": cpu_seconds(fit) * 1e3,
        "batch_us_per_row": cpu_seconds(lambda: forest.predict(rows)) * 1e6 / len(rows),
        "row_us": cpu_seconds(lambda: forest.predict(one)) * 1e6,
        "stored_bytes": isotree_bytes(forest),
    }


def isotree_bytes(forest):
    """Size of isotree's own serialised model, without the metadata beside it."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model")
        forest.export_model(path)
        return os.path.getsize(path)


def cpu_seconds(call, at_least=0.15):
    """Mean CPU seconds of one call, over `at_least` seconds of calls."""
    call()
    gc.collect()
    calls, start = 0, time.process_time()
    while True:
        call()
        calls += 1
        spent = time.process_time() - start
        if spent >= at_least:
            return spent / calls


def compare(rows, features, runs):
    lines = []
    for figure in FIGURES:
        values = {name: median(runs, name, figure) for name in runs[0]}
        line = {"rows": rows, "features": features, "figure": figure, **values}
        line["goals"] = goals(figure, values)
        lines.append(line)
    if features == 1:
        lines += collapsed(rows, runs)
    return lines


def collapsed(rows, runs):
    """One feature: what is stored and scored is the merged step function, not the forest."""
    lines = []
    for figure, ours in [
        ("batch_us_per_row", "simple_batch_us_per_row"),
        ("row_us", "simple_row_us"),
        ("stored_bytes", "simple_bytes"),
    ]:
        values = {name: median(runs, name, figure) for name in ("sklearn", "isotree")}
        values["yaga"] = median(runs, "yaga", ours)
        line = {"rows": rows, "features": "1, collapsed", "figure": figure, **values}
        line["goals"] = []
        if figure == "batch_us_per_row":
            line["goals"] = [goal("100x sklearn", values["sklearn"] / values["yaga"], 100)]
        lines.append(line)
    return lines


def median(runs, name, figure):
    return statistics.median(run[name][figure] for run in runs)


def goals(figure, values):
    yaga, sk, iso = values["yaga"], values["sklearn"], values["isotree"]
    if figure == "fit_ms":
        return [goal("40x sklearn", sk / yaga, 40), goal("isotree", iso / yaga, 1)]
    if figure == "batch_us_per_row":
        return [goal("3x the faster", min(sk, iso) / yaga, 3)]
    if figure == "row_us":
        return [goal("under 10 us", 10 / yaga, 1)]
    return []


def goal(name, reached, wanted):
    return {"name": name, "met": reached >= wanted}


def versions():
    return {
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "isotree": isotree_version(),
    }


def isotree_version():
    from importlib.metadata import version

    return version("isotree")


def as_table(result):
    head = ["rows", "features", "figure", "yaga", "sklearn", "isotree", "sklearn/yaga",
            "isotree/yaga", "goal"]
    body = [cells(line) for line in result["lines"]]
    widths = [max(len(row[at]) for row in [head, *body]) for at in range(len(head))]
    out = io.StringIO()
    for row in [head, ["-" * width for width in widths], *body]:
        padded = [
            cell.ljust(width) if 1 <= at <= 2 or at == len(row) - 1 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths))
        ]
        print("  ".join(padded).rstrip(), file=out)
    versions_text = ", ".join(f"{name} {value}" for name, value in result["versions"].items())
    print(f"\n{TREES} trees, subsample {SUBSAMPLE}, one thread, CPU time, median of "
          f"{result['repetitions']} interleaved repetitions; {versions_text}.", file=out)
    print('"collapsed": the step function that a model of one feature stores and scores '
          "(merged, error <= 0.002).", file=out, end="")
    return out.getvalue()


def cells(line):
    yaga = line["yaga"]
    ratios = [f"{line[name] / yaga:.1f}x" for name in ("sklearn", "isotree")]
    verdict = ", ".join(
        f"{goal['name']}: {'met' if goal['met'] else 'MISSED'}" for goal in line["goals"]
    )
    values = [number(line[name], line["figure"]) for name in ("yaga", "sklearn", "isotree")]
    return [str(line["rows"]), str(line["features"]), TITLES[line["figure"]], *values, *ratios,
            verdict]


def number(value, figure):
    return f"{value:,.0f}" if figure == "stored_bytes" else f"{value:,.3f}"


if __name__ == "__main__":
    sys.exit(main())
