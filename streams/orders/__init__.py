"""The order desk on the engine: statements of channels' orders in, stock events out, exactly once."""
