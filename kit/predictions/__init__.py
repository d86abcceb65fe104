"""Read predictions, align them by id, list all that is wrong with them. Knows no truth, executes nothing."""

from kit.predictions._expected import MAX_BYTES, Expected
from kit.predictions._read import compile_reader, read_predictions, write_parquet

__all__ = ["MAX_BYTES", "Expected", "compile_reader", "read_predictions", "write_parquet"]
