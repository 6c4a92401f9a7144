"""Operations: what waits and runs, whether a machine is ready, what more would cost, and alerts."""
