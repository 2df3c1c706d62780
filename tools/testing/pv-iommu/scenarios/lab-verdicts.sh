#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#: about Scenarios that must fail do fail, each for its own reason, on a real dom0.
#: where host
#: timeout 900

bad="$LAB_PYTHONPATH/lab/tests/bad"
PV_IOMMU_RUNS="$LAB_RUN/runs"
PYTHONPATH="$LAB_PYTHONPATH"
export PV_IOMMU_RUNS PYTHONPATH
python3 -m lab --scenarios "$bad" check --no-driver >"$LAB_RUN/out" 2>&1 &&
	{ echo "they passed"; exit 1; }
cat "$LAB_RUN/out"

total=0
for path in "$bad"/*.sh; do
	name=$(basename "$path" .sh)
	want=$(sed -n 's/^# fails with: //p' "$path")
	sed -n "/^FAIL  $name@/,/logs:/p" "$LAB_RUN/out" | grep -qE "$want" ||
		{ echo "$name did not fail with '$want'"; exit 1; }
	echo "ok $name failed: $want"
	total=$((total + 1))
done
grep -qx "0 passed, $total failed" "$LAB_RUN/out" ||
	{ echo "not exactly $total failed"; exit 1; }
