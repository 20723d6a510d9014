# SPDX-License-Identifier: MIT
# nncat and Python's websockets, each as client and as server: see ws_python.py.
for python in "${PYTHON:-python3}" /usr/bin/python3; do # Debian's module belongs to Debian's Python
    if "$python" -c 'import websockets' 2>/dev/null; then
        exec "$python" "${0%/*}/ws_python.py" "$NANOSEAL_NNCAT"
    fi
done
echo 'skipped: python3-websockets is missing' >&2
exit 77
