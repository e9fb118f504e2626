#!/bin/sh
# The relay's `runOnRecordSegmentComplete`: a small picture beside a file of a recording that is whole, `FILE.jpg`. Pictures whose file is gone, because
# Gatehouse has removed it, go too. MTX_SEGMENT_PATH is the relay's.
set -eu

ffmpeg -nostdin -loglevel error -y -i "$MTX_SEGMENT_PATH" -frames:v 1 -vf scale=320:-2 "$MTX_SEGMENT_PATH.jpg"
for picture in "$(dirname "$MTX_SEGMENT_PATH")"/*.jpg; do
    [ -e "${picture%.jpg}" ] || rm -f "$picture"
done
