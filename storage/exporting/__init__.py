"""Writes a published version out for programs that know no Lance: as tar shards, as plain files, or for LTX-2's trainer."""
