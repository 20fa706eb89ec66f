"""Read a folder into a pandas table and summarize it: python examples/folder_to_pandas.py photos/"""

import sys

import mien

readings = mien.read(sys.argv[1], errors="return", recursive=True)
table = mien.to_dataframe(readings)
print(table[["source", "face", "emotion", "confidence", "abstained"]].to_string(index=False))
print(table[~table["abstained"]].groupby("emotion")["confidence"].agg(["count", "mean"]).round(2))
for error in readings.errors:
    print("not read:", error, file=sys.stderr)
