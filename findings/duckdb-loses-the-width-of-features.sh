#!/usr/bin/env bash
# DuckDB reads fixed-size lists of a Parquet file as lists of any size, and then has no vector functions for them.
#
# Guessed: a column that PyArrow wrote as 128 values a row is an array of 128 in DuckDB, so that array_cosine_similarity works.
# Happened: the width is in the file (PyArrow reads it back), but DuckDB says UTINYINT[] or FLOAT[], and array_cosine_similarity
#   is refused by its types. The same table, not by way of a file, is UTINYINT[128]. A cast brings the width back, and checks it.
# Versions: duckdb 2.0.1, pyarrow 26.0.1, NumPy 2.4.6, Python 3.11.
# Why it matters: Parquet with fixed-size lists is the natural form of features for SQL. A query that was tried on a table in
#   memory fails on the files, and needs ::FLOAT[128] there, or the list_ functions.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 pyarrow==26.0.1 numpy==2.4.6
cd "$place"
venv/bin/python - <<'END'
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

print("duckdb", duckdb.__version__, "pyarrow", pa.__version__)
values = np.random.default_rng(0).integers(0, 256, (100, 128), dtype=np.uint8)
for kind, expected in ((pa.uint8(), "UTINYINT"), (pa.float32(), "FLOAT")):
    table = pa.table({"audio": pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()).cast(kind), 128)})
    pq.write_table(table, "features.parquet")
    assert pq.read_schema("features.parquet").field("audio").type == pa.list_(kind, 128)

    def first(query):
        return duckdb.sql(f"{query} limit 1").fetchall()[0][0]

    of_file = first("select typeof(audio) from 'features.parquet'")
    of_table = duckdb.from_arrow(table).project("typeof(audio)").limit(1).fetchall()[0][0]
    print("in the file:", of_file, "as a table:", of_table)
    assert of_file == f"{expected}[]" and of_table == f"{expected}[128]"
    try:
        first("select array_cosine_similarity(audio, audio) from 'features.parquet'")
    except duckdb.BinderException as error:
        print(str(error).splitlines()[0])
    else:
        raise AssertionError("array_cosine_similarity takes it now")
    in_memory = duckdb.from_arrow(table).project("array_cosine_similarity(audio::FLOAT[128], audio::FLOAT[128])")
    assert abs(in_memory.limit(1).fetchall()[0][0] - 1) < 1e-6
    try:
        first("select audio::FLOAT[127] from 'features.parquet'")
    except duckdb.ConversionException as error:
        print(str(error).splitlines()[0])
    else:
        raise AssertionError("a cast to another width is allowed now")
    cast = f"audio::{expected}[128]::FLOAT[128]"
    assert abs(first(f"select array_cosine_similarity({cast}, {cast}) from 'features.parquet'") - 1) < 1e-6
    assert abs(first("select list_cosine_similarity(audio, audio) from 'features.parquet'") - 1) < 1e-6
END
