# SPDX-License-Identifier: MIT
# nncat and Python's websockets, each as client and as server: see ws_python.py.
for python in "${PYTHON:-python3}" $(which -a python3); do # the module belongs to one of them, perhaps
    if "$python" -c 'import websockets' 2>/dev/null; then
        exec "$python" "${0%/*}/ws_python.py" "$NANOSEAL_NNCAT"
    fi
done
echo 'skipped: python3-websockets is missing' >&2
exit 77
