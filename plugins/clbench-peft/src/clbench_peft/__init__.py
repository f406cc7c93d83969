"""Adapters of the peft library, as methods of clbench. Registration only; torch stays unloaded."""
