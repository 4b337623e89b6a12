"""Where settings come from and what is wrong with them; no setting is known here by name, except in `values`."""
