"""GEM and A-GEM, as methods of clbench. Registration only; torch stays unloaded."""
