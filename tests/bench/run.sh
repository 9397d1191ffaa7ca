#!/bin/sh
# Runs a script of this folder with a Python that has numpy, scikit-learn and isotree:
#   tests/bench/run.sh bench.py [arguments]
# Python: $YAGA_BENCH_PYTHON if set; else a virtual environment in the tools' cache, which is made
# at the first run. Rust binaries are built by cargo with the profile `ci`.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
script=${1:?name the script to run: bench.py or quality.py}
shift

venv=${YAGA_TOOLS:-$HOME/.cache/yaga}/bench
python=${YAGA_BENCH_PYTHON:-$venv/bin/python}

if ! "$python" -c 'import isotree, numpy, sklearn' 2>/dev/null; then
    if [ -n "${YAGA_BENCH_PYTHON:-}" ]; then
        echo "bench: $python lacks a package of tests/bench/requirements.txt" >&2
        exit 1
    fi
    echo "bench: making $venv" >&2
    python3 -m venv "$venv"
    if ! "$venv/bin/pip" install --quiet --disable-pip-version-check \
        -r "$here/requirements.txt"; then
        echo "bench: could not install the packages of tests/bench/requirements.txt" >&2
        exit 1
    fi
fi

(cd "$root" && cargo build --quiet --profile ci --example bench --example score)
target=${CARGO_TARGET_DIR:-$root/target}
# One thread each, also inside numpy.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
exec "$python" "$here/$script" --binaries "$target/ci/examples" "$@"
