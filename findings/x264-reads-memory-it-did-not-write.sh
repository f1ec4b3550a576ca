#!/usr/bin/env bash
# x264 with one thread gives other bytes for the same pictures, by what was in its memory before.
#
# Guessed: x264 is deterministic unless told otherwise (it has an option non-deterministic), with one thread all the more.
# Happened: on a CPU with AVX-512 the file depends on what the allocator hands out: glibc, told by MALLOC_PERTURB_ to fill new memory
#   with one byte or another, gives as many files; all play. So it is for widths of 64, 160 and 320, and not for 128 and 256: where
#   a row of macroblocks (16 pixels) is no multiple of eight. With asm=avx2, with mbtree=0 or with bframes=0 the bytes are always
#   the same: it is the macroblock tree in its AVX-512 form that reads memory which nothing has written.
# Versions: av 18.1.0 with libx264 of its wheel, NumPy 2.4.6, Python 3.11, glibc 2.36, a CPU with AVX-512.
# Why it matters: who makes test videos, or checks encoded files by a digest, sees differences that come and go with what else the
#   process has done, and between machines. A long process finds them without MALLOC_PERTURB_. Pass x264-params mbtree=0 or asm=avx2.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
grep -q avx512vbmi /proc/cpuinfo || { echo "this CPU has no AVX-512; nothing can be seen here"; exit 1; }
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
cat >"$place/digests.py" <<'END'
import hashlib
import io
import json

import av
import numpy as np


def pictures(width, height=96, number=60):
    y, x = np.mgrid[:height, :width]
    for each in range(number):
        picture = np.zeros((height, width, 3), np.uint8)
        picture[..., 0], picture[..., 1] = (x + 3 * each) % 256, (2 * y + each) % 256
        left = 4 * each % (width - 20)
        picture[10:30, left : left + 20] = 255
        yield picture


def digest(width, options):
    content = b""
    with av.open(io.BytesIO(), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, 96, "yuv420p"
        stream.options = {"preset": "veryfast", "x264-params": options}
        stream.codec_context.thread_count = 1
        frames = [av.VideoFrame.from_ndarray(picture, format="rgb24") for picture in pictures(width)]
        for frame in [*frames, None]:
            content += b"".join(bytes(packet) for packet in stream.encode(frame))
    return hashlib.sha256(content).hexdigest()[:8]


found = {f"width {width}": digest(width, "threads=1") for width in (64, 160, 320, 128, 256)}
found |= {f"width 160, {options}": digest(160, options) for options in ("asm=avx2", "mbtree=0", "bframes=0")}
print(json.dumps(found))
END
cat >"$place/compare.py" <<'END'
import json
import sys

import av

print("av", av.__version__, "libavcodec", av.library_versions["libavcodec"])
runs = [json.loads(line) for line in sys.stdin]
for name in runs[0]:
    digests = [run[name] for run in runs]
    print(f"{name}: {' '.join(digests)}")
    same = len(set(digests)) == 1
    assert same == (name not in ("width 64", "width 160", "width 320")), "x264 does otherwise now"
END
cd "$place"
for byte in 1 85 127; do MALLOC_PERTURB_=$byte venv/bin/python digests.py; done | venv/bin/python compare.py
