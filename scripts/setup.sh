# Sourced by the other scripts: leaves the project installed in $root/.venv. The stamp is written
# last, so that an interrupted set-up, a changed pin or a moved folder starts it afresh.
root=$(cd "$(dirname "$0")/.." && pwd)

find_python() {
    for python in python3.11 python3.12 python3.13 python3.14 python3; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    echo "Python 3.11 or newer is needed, and none was found: install it and run this again." >&2
    return 1
}

set_up() (
    cd "$root"
    stamp=$({ pwd; cat pyproject.toml constraints.txt tests/reference/requirements.txt; } | cksum)
    if [ -x .venv/bin/python ] && [ "$stamp" = "$(cat .venv/stamp 2>/dev/null)" ]; then
        return
    fi
    python=$(find_python)
    echo "Setting up .venv with $python, once: this takes a few minutes." >&2
    "$python" -m venv --clear .venv
    .venv/bin/python -m pip install -qq -c constraints.txt -e '.[all]'
    .venv/bin/python -m pip install -qq --no-deps -r tests/reference/requirements.txt
    echo "$stamp" >.venv/stamp
)

set_up
