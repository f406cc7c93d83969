"""The bridge to Avalanche, as methods of clbench. Registration only; torch stays unloaded."""
