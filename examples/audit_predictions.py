"""Compare groups in a table of predictions: python examples/audit_predictions.py predictions.csv gender   (needs "audit")

The table has one row per image with the columns label, predicted and the group.
"""

import sys

import mien

result = mien.audit_fairness(sys.argv[1], groups=[sys.argv[2]])
for group in result.attributes[0].groups:
    low, high = group.interval
    print(f"{group.name}: {group.accuracy:.1%} [{low:.1%}, {high:.1%}], n = {group.n}")
for gap in result.attributes[0].gaps:
    print(f"{gap.measure.value}: {gap.lowest} vs {gap.highest}, {gap.difference:.1%}, p = {gap.p_corrected}")
