#!/usr/bin/env bash
# xarray 2026.9.0, zarr 3.1.6: counts of zero, stored in zarr's format 2, come back as missing.
#
# The format's fill_value is what unwritten chunks hold, and zarr gives it as 0 unless told
# otherwise. xarray reads it as the mark of a missing value, so that every zero of a count turns
# into NaN, which its mean() and std() leave out: a Poisson sample becomes one without its zeros,
# its mean 24 standard errors off. The same array in format 3, or read by zarr, is whole.
#
# Seen (Python 3.11.7, 2026-11-29; 2,000 counts of mean 1):
#   format 2, zarr:   2000 counts, mean 0.997, SE 0.022
#   format 2, xarray: 1291 counts, mean 1.545, SE 0.021
#   format 3, zarr:   2000 counts, mean 0.997, SE 0.022
#   format 3, xarray: 2000 counts, mean 0.997, SE 0.022
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 pandas==2.3.3 zarr==3.1.6 xarray==2026.9.0
cd "$work"
"$work/venv/bin/python" - <<'EOF'
import warnings

import numpy as np
import xarray
import zarr

y = np.random.default_rng(0).poisson(1.0, 2000)
means = {}
for version in (2, 3):
    path = f"counts{version}.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=version)
    # the name of the dimension, which xarray needs, stands elsewhere in each format
    named = {"dimension_names": ["row"]} if version == 3 else {}
    array = group.create_array("y", shape=y.shape, chunks=(500,), dtype=y.dtype, **named)
    if version == 2:
        array.attrs["_ARRAY_DIMENSIONS"] = ["row"]
    array[:] = y
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = xarray.open_zarr(path, consolidated=False)["y"]
    assert not caught
    stored = xarray.DataArray(zarr.open_group(path, mode="r")["y"][:])
    for reader, counts in (("zarr:", stored), ("xarray:", data)):
        n, mean = int(counts.count()), float(counts.mean())
        error = float(counts.std(ddof=1)) / n**0.5
        print(f"format {version}, {reader:<7} {n} counts, mean {mean:.3f}, SE {error:.3f}")
        means[version, reader] = mean
assert np.isclose(means[2, "xarray:"], y[y > 0].mean())
assert all(np.isclose(means[key], y.mean()) for key in means if key != (2, "xarray:"))
EOF
