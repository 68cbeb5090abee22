#!/bin/bash
# Several hospitals train one model, and nobody holds the key: every member, the server and the
# recipient are processes of their own. examples/hospitals/run.sh --help says more.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

case " $* " in
    *" --help "* | *" -h "*)
        cat <<'HELP'
usage: examples/hospitals/run.sh [--members N] [--threshold T] [--rows-each R] [--iterations I]
                                 [--ridge L] [--preparation KIND] [--components K]
                                 [--extractor KIND] [--train CSV --test CSV] [--threads N]
                                 [--out DIR] [--json FILE]

Builds cipherfit in build/ (and installs what is missing), gives each of N hospitals R rows, and
runs the whole protocol of docs/guides/several-hospitals.md over directories: keys that nobody has,
encrypted sums, training by the server, a check by every holder who will open the model, release to
a recipient who is none of them. Then it compares, with the rows in its hands that nobody else has:
each hospital's own model, the released one, and the same training in the clear on all rows.

  --members N       8 unless given. Up to 8 of them hold points of the key
  --threshold T     5 unless given: so many together open the model
  --rows-each R     32 unless given
  --train, --test   CSV files, label first. Without them MNIST: features of EfficientNet-Lite0 of
                    the first N x R training images, tested on 1,000 test images. Above 2,000
                    rows random convolutions of the pixels, 255 whitened components of their
                    published pooled covariance, and all 10,000 test images. More than 255 features
                    are projected to 255 at random, by a public seed, unless components or an
                    extractor are asked for
  --iterations I, --ridge L, --preparation KIND, --components K, --extractor KIND
                    as of 'cipherfit charter new', which has their defaults
  --out DIR         the report page; out/hospitals of the sources unless given
  --json FILE       the figures; DIR/hospitals.json unless given

Run as root, every party is a system user of its own, and the script checks that none can read
another's directory. Run as somebody else, all parties are that user, and the script checks the
directories' mode bits alone, and says so.
HELP
        exit 0
        ;;
esac

given_train=false
for argument in "$@"; do
    case "$argument" in --train | --train=*) given_train=true ;; esac
done
echo "== set up"
"$root/tools/setup.sh" build
if [ "$given_train" = false ]; then
    "$root/tools/setup.sh" data backbone
fi
echo "== build"
"$root/tools/build_programs.sh"
exec /usr/bin/python3 -B "$root/examples/hospitals/hospitals.py" --root "$root" "$@"
