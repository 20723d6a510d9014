# SPDX-License-Identifier: MIT
# wss between nncat and Python's websockets, with certificates made by openssl: see ws_tls_python.py.
command -v openssl >/dev/null || { echo 'skipped: openssl is missing' >&2; exit 77; }
script=$(cd "${0%/*}" && pwd)/ws_tls_python.py
. "${0%/*}/libnncat.sh"

authority() # NAME
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
        -addext keyUsage=critical,keyCertSign,cRLSign -addext subjectKeyIdentifier=hash \
        -keyout "$1.key" -out "$1.pem" 2>openssl.out || fail "$(cat openssl.out)"
}
authority root
authority stranger
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=hub -keyout hub.key -out hub.csr \
    2>openssl.out || fail "$(cat openssl.out)"
echo 'subjectAltName=IP:127.0.0.1' >hub.ext
openssl x509 -req -in hub.csr -CA root.pem -CAkey root.key -CAcreateserial -extfile hub.ext -out hub.pem -days 2 \
    2>openssl.out || fail "$(cat openssl.out)"

for python in "${PYTHON:-python3}" $(which -a python3); do # the module belongs to one of them, perhaps
    if "$python" -c 'import websockets' 2>/dev/null; then
        "$python" "$script" "$nncat"
        exit
    fi
done
echo 'skipped: python3-websockets is missing' >&2
exit 77
