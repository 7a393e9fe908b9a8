"""How far one store carries: what it takes, and how many lanes that feeds."""
