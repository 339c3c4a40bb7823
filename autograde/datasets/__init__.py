"""The scripts that make the bundled data sets, one each, byte for byte the same every time."""
