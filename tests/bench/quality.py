"""Compares the forest's detection quality with scikit-learn's: mean AUC over seeds.

Labelled tables that come with scikit-learn; one class is the anomaly and is thinned to a few per
cent. Both forests see the same rows. Agreement: the means differ by at most two standard deviations
of scikit-learn's own AUC over seeds.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

TREES, SUBSAMPLE = 200, 256


def main():
    options = read_options()
    lines = [compare(options, *data) for data in tables()]
    print(json.dumps(lines, indent=2) if options.json else as_table(lines, options.seeds))
    return 0 if all(line["agrees"] for line in lines) else 1


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binaries", help="folder of the Rust examples")
    parser.add_argument("--command", help="command that takes --train, --score, --trees, "
                        "--subsample, --seed; default: the example `score`")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not options.command:
        if not options.binaries:
            parser.error("give --binaries or --command")
        options.command = os.path.join(options.binaries, "score")
    return options


def tables():
    """(name, rows, label: 1 = anomaly)."""
    cancer = load_breast_cancer()
    yield one_class("breast cancer, malignant", cancer.data, cancer.target == 0, 40)
    wine = load_wine()
    yield one_class("wine, class 1", wine.data, wine.target == 0, 10)
    iris = load_iris()
    yield one_class("iris, virginica", iris.data, iris.target == 2, 10)
    digits = load_digits()
    for digit in (0, 4, 6):
        yield one_class(f"digits, {digit}", digits.data, digits.target == digit, 60)


def one_class(name, rows, anomalous, keep):
    """All normal rows, and the first `keep` of a fixed shuffle of the anomalous ones."""
    odd = np.random.default_rng(0).permutation(np.flatnonzero(anomalous))[:keep]
    chosen = np.sort(np.concatenate([np.flatnonzero(~anomalous), odd]))
    return name, rows[chosen].astype(np.float32), anomalous[chosen].astype(int)


def compare(options, name, rows, label):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows.csv")
        np.savetxt(path, rows, delimiter=",", fmt="%.9g")
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            ours = list(pool.map(lambda seed: our_auc(options, path, label, seed),
                                 range(options.seeds)))
    theirs = [their_auc(rows, label, seed) for seed in range(options.seeds)]
    difference, spread = np.mean(ours) - np.mean(theirs), np.std(theirs, ddof=1)
    return {
        "table": name, "rows": len(rows), "features": rows.shape[1], "anomalies": int(label.sum()),
        "yaga": np.mean(ours), "yaga_sd": np.std(ours, ddof=1),
        "sklearn": np.mean(theirs), "sklearn_sd": spread,
        "difference": difference, "agrees": bool(abs(difference) <= 2 * spread),
    }


def our_auc(options, path, label, seed):
    command = [*options.command.split(), "--train", path, "--score", path]
    command += ["--trees", str(TREES), "--subsample", str(SUBSAMPLE), "--seed", str(seed)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return roc_auc_score(label, np.array(output.split(), dtype=float))


def their_auc(rows, label, seed):
    psi = min(SUBSAMPLE, len(rows))
    forest = IsolationForest(n_estimators=TREES, max_samples=psi, random_state=seed)
    return roc_auc_score(label, -forest.fit(rows).score_samples(rows))


def as_table(lines, seeds):
    head = f"{'table':26}{'rows':>6}{'feat.':>6}{'odd':>5}  {'yaga AUC':>15}  {'sklearn AUC':>15}"
    out = [head + f"  {'difference':>10}  agrees", "-" * 98]
    for line in lines:
        out.append(
            f"{line['table']:26}{line['rows']:6}{line['features']:6}{line['anomalies']:5}  "
            f"{line['yaga']:.4f} ± {line['yaga_sd']:.4f}  "
            f"{line['sklearn']:.4f} ± {line['sklearn_sd']:.4f}  "
            f"{line['difference']:+10.4f}  {'yes' if line['agrees'] else 'NO'}"
        )
    out.append(f"\nMean ± standard deviation over {seeds} seeds; {TREES} trees, subsample "
               f"{SUBSAMPLE}; agrees: within two of scikit-learn's deviations.")
    return "\n".join(out)


if __name__ == "__main__":
    sys.exit(main())
