"""LoRAMoE, as methods of clbench. Registration only; torch stays unloaded."""
