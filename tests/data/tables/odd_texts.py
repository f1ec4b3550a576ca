"""Texts that a reader of tables may take for a number, a truth value or nothing."""

ODD_TEXTS = [
    *("null", "NULL", "None", "NA", "N/A", "n/a", "<NA>", "#N/A", "nan", "NaN", "-nan", "inf", "-inf"),
    *("1e10", "0001", "1_000", "1.0", "+1", "-1", "0x10", "1,5", "01:02", "2026-11-28", "1e400", "9" * 30),
    *("True", "False", "TRUE", "no", "-", "--", "_", ".", "#", "'", '"', '""', "a b", " a", "a ", "ü", "𝒳", "=1+1"),
]
