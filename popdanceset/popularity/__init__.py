"""How popular a dance is: normalised counts, regression, Pop, selection (POPDG, Sec. 3.1 and 7)."""
